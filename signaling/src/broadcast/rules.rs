//! Who may bring a picture to a broadcast, and who may watch it. Pure: record, token and now in, yes or a fault out.
//!
//! Invariant: a broadcast whose time is up is as good as none, whatever token is shown.

use std::time::Duration;

use protocol::time::UnixMillis;
use store::broadcasts::{Audience, Record};

use crate::problem::Fault;

/// The longest title, in characters.
pub(crate) const MAX_TITLE: usize = 80;

/// A broadcast that nobody gave a time lasts so long.
pub(crate) const LASTS: Duration = Duration::from_secs(4 * 3600);

/// The longest time that one may be given.
pub(crate) const MAX_LASTS: Duration = Duration::from_secs(7 * 24 * 3600);

/// What somebody wants with a broadcast.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    /// To send the picture.
    Bring,
    /// To see it.
    Watch,
}

/// Whether a broadcast is there to be watched, at all.
///
/// # Errors
/// [`Fault::NotFound`] when its time is up.
pub(crate) fn check_time(record: &Record, now: UnixMillis) -> Result<(), Fault> {
    if now < record.expires_at {
        Ok(())
    } else {
        Err(Fault::NotFound)
    }
}

/// Whether who shows this token may.
///
/// # Errors
/// [`Fault::NotFound`] when its time is up, [`Fault::Token`].
pub(crate) fn check(record: &Record, part: Part, token: Option<&str>, now: UnixMillis) -> Result<(), Fault> {
    check_time(record, now)?;
    let needed = match (part, &record.audience) {
        (Part::Bring, _) => &record.publisher,
        (Part::Watch, Audience::Token(hash)) => hash,
        (Part::Watch, Audience::Public) => return Ok(()),
    };
    if token.is_some_and(|token| needed.is_of(token)) {
        Ok(())
    } else {
        Err(Fault::Token)
    }
}

/// A title without what surrounds it; `None`: it is none.
pub(crate) fn title(text: &str) -> Option<String> {
    let text = text.trim();
    let is_title = !text.is_empty() && text.chars().count() <= MAX_TITLE && !text.chars().any(char::is_control);
    is_title.then(|| text.to_owned())
}

/// How long a broadcast is to last; `None`: not so long, or no time at all.
pub(crate) fn lasts(minutes: Option<u32>) -> Option<Duration> {
    let lasts = minutes.map_or(LASTS, |it| Duration::from_secs(u64::from(it) * 60));
    (!lasts.is_zero() && lasts <= MAX_LASTS).then_some(lasts)
}

#[cfg(test)]
mod tests {
    use protocol::ids::{BroadcastId, RoomId, StaffId};
    use store::broadcasts::TokenHash;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);

    fn record(audience: Audience) -> Record {
        Record {
            id: BroadcastId::random(),
            title: "区長からのお知らせ".to_owned(),
            created_by: StaffId::new("hanako").expect("valid"),
            created_at: NOW,
            expires_at: NOW.plus(LASTS),
            room: RoomId::random(),
            publisher: TokenHash::of("bring"),
            audience,
        }
    }

    #[test]
    fn each_token_is_good_for_its_own_part() {
        let public = record(Audience::Public);
        let closed = record(Audience::Token(TokenHash::of("watch")));
        for record in [&public, &closed] {
            assert_eq!(check(record, Part::Bring, Some("bring"), NOW), Ok(()));
            for token in [None, Some(""), Some("watch"), Some("Bring")] {
                assert_eq!(check(record, Part::Bring, token, NOW), Err(Fault::Token));
            }
        }
        assert_eq!(check(&public, Part::Watch, None, NOW), Ok(()));
        assert_eq!(check(&closed, Part::Watch, Some("watch"), NOW), Ok(()));
        for token in [None, Some("bring")] {
            assert_eq!(check(&closed, Part::Watch, token, NOW), Err(Fault::Token));
        }
    }

    #[test]
    fn what_is_over_is_not_there() {
        let record = record(Audience::Public);
        for part in [Part::Bring, Part::Watch] {
            let late = check(&record, part, Some("bring"), record.expires_at);
            assert_eq!(late, Err(Fault::NotFound));
        }
    }

    #[test]
    fn titles_and_times_have_bounds() {
        assert_eq!(title(" 式典の中継 ").as_deref(), Some("式典の中継"));
        assert_eq!(title(&"あ".repeat(MAX_TITLE)).map(|it| it.len()), Some(3 * MAX_TITLE));
        for bad in ["", "  ", "a\nb", &"あ".repeat(MAX_TITLE + 1)] {
            assert_eq!(title(bad), None, "{bad:?}");
        }
        assert_eq!(lasts(None), Some(LASTS));
        assert_eq!(lasts(Some(30)), Some(Duration::from_secs(1800)));
        assert_eq!(lasts(Some(7 * 24 * 60)), Some(MAX_LASTS));
        assert_eq!((lasts(Some(0)), lasts(Some(7 * 24 * 60 + 1))), (None, None));
    }
}
