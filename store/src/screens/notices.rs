//! What the office tells on its screens, from when until when.

use protocol::ids::{OfficeId, ScreenId, StaffId};
use protocol::screen::Notice;
use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};

use super::TOPIC;
use super::files::{ADD, Added, REMOVE};
use crate::redis::{from_json, to_json};
use crate::{Db, Result, keys};

/// So many there may be. Full: none can be added until one is over or taken back.
pub const MOST: usize = 50;

/// A notice with who wrote it and where it is shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Posted {
    /// What screens are told.
    pub notice: Notice,
    /// It isn't shown before.
    pub from: UnixMillis,
    /// On which screens; none: on all.
    #[serde(default)]
    pub screens: Vec<ScreenId>,
    /// Who wrote it.
    pub by: StaffId,
    /// When.
    pub at: UnixMillis,
}

impl Posted {
    /// Whether its time is over.
    #[must_use]
    pub fn is_over(&self, now: UnixMillis) -> bool {
        self.notice.until.is_some_and(|until| until <= now)
    }

    /// Whether a screen shows it at `now`.
    #[must_use]
    pub fn is_for(&self, screen: &ScreenId, now: UnixMillis) -> bool {
        let is_there = self.screens.is_empty() || self.screens.contains(screen);
        is_there && self.from <= now && !self.is_over(now)
    }
}

/// What a screen shows at `now`, the most important first, then the newest.
#[must_use]
pub fn for_screen(all: &[Posted], screen: &ScreenId, now: UnixMillis) -> Vec<Notice> {
    let mut shown: Vec<&Posted> = all.iter().filter(|posted| posted.is_for(screen, now)).collect();
    shown.sort_by_key(|posted| std::cmp::Reverse((posted.notice.urgency, posted.from, posted.at)));
    shown.into_iter().map(|posted| posted.notice.clone()).collect()
}

/// All notices, the newest first; those that are over too, as long as nobody has cleared them away.
///
/// # Errors
/// [`crate::StoreError::Unavailable`], [`crate::StoreError::Corrupt`].
pub async fn all(ledger: &Db, office: &OfficeId) -> Result<Vec<Posted>> {
    let key = keys::screen_notices(office);
    let records: Vec<String> = ledger.run(redis::cmd("HVALS").arg(&key)).await?;
    let mut all: Vec<Posted> = records
        .iter()
        .map(|json| from_json(&key, json))
        .collect::<Result<_>>()?;
    all.sort_by(|a, b| b.at.cmp(&a.at).then_with(|| a.notice.id.cmp(&b.notice.id)));
    Ok(all)
}

/// Posts a notice, and clears away those that are over.
///
/// # Errors
/// [`crate::StoreError::Unavailable`], [`crate::StoreError::Corrupt`].
pub async fn add(ledger: &Db, office: &OfficeId, posted: &Posted, now: UnixMillis) -> Result<Added> {
    for old in all(ledger, office).await?.iter().filter(|old| old.is_over(now)) {
        remove(ledger, office, &old.notice.id).await?;
    }
    let key = keys::screen_notices(office);
    let mut call = ADD.prepare_invoke();
    call.key(&key)
        .arg(&posted.notice.id)
        .arg(to_json(&key, posted)?)
        .arg(MOST)
        .arg(keys::wake(office))
        .arg(TOPIC);
    Ok(Added::of(ledger.invoke(&call).await?))
}

/// Takes a notice back. Returns whether it was there.
///
/// # Errors
/// [`crate::StoreError::Unavailable`].
pub async fn remove(ledger: &Db, office: &OfficeId, id: &str) -> Result<bool> {
    let mut call = REMOVE.prepare_invoke();
    call.key(keys::screen_notices(office))
        .arg(id)
        .arg(keys::wake(office))
        .arg(TOPIC);
    Ok(ledger.invoke::<i64>(&call).await? == 1)
}

#[cfg(test)]
mod tests {
    use protocol::screen::{Text, Urgency};

    use super::*;

    fn posted(id: &str, urgency: Urgency, from: u64, until: Option<u64>, screens: &[&str]) -> Posted {
        Posted {
            notice: Notice {
                id: id.into(),
                text: Text::japanese("お知らせ"),
                urgency,
                until: until.map(UnixMillis),
            },
            from: UnixMillis(from),
            screens: screens.iter().map(|id| ScreenId::new(*id).expect("valid")).collect(),
            by: StaffId::new("kanri").expect("valid"),
            at: UnixMillis(from),
        }
    }

    #[test]
    fn a_screen_shows_what_is_for_it_in_its_time_the_urgent_first() {
        let all = [
            posted("old", Urgency::Normal, 0, Some(100), &[]),
            posted("normal", Urgency::Normal, 50, None, &[]),
            posted("there", Urgency::Urgent, 0, Some(200), &["lobby"]),
            posted("elsewhere", Urgency::Emergency, 0, None, &["annex"]),
            posted("later", Urgency::Normal, 150, None, &[]),
        ];
        let at = |now: u64| {
            let lobby = ScreenId::new("lobby").expect("valid");
            let shown = for_screen(&all, &lobby, UnixMillis(now));
            shown.into_iter().map(|notice| notice.id).collect::<Vec<_>>()
        };
        assert_eq!(at(60), ["there", "normal", "old"]);
        assert_eq!(at(100), ["there", "normal"]);
        assert_eq!(at(200), ["later", "normal"]);
    }
}
