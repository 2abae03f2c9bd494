//! Live pictures in a screen's playlist: one of the office's broadcasts, or an address that somebody types.

use protocol::ids::BroadcastId;
use protocol::screen::{AddressFault, check_address};
use store::broadcasts::{self, Audience};
use store::screens::LivePicture;

use super::super::nav::{Fields, time_word};
use super::line_of;
use super::list::LONGEST;
use crate::app::App;
use crate::broadcast::whep_address;
use crate::problem::Refusal;
use crate::visitor::Visitor;

/// What stands in an item's field instead of a file's hash.
pub(super) const ITEM: &str = "live";

/// A broadcast to be added.
pub(super) struct BroadcastChoice {
    pub(super) id: String,
    pub(super) word: String,
    pub(super) is_chosen: bool,
}

/// What stands in the fields with which a live picture is added.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Typed {
    /// A broadcast's id; empty: an address.
    pub(super) broadcast: String,
    /// What it is to be called; empty: as the broadcast is.
    pub(super) name: String,
    pub(super) url: String,
}

impl Typed {
    pub(super) fn of(fields: &Fields) -> Self {
        Self {
            broadcast: fields.get("live-broadcast").trim().to_owned(),
            name: fields.get("live-name").trim().to_owned(),
            url: fields.get("live-url").trim().to_owned(),
        }
    }
}

/// The broadcasts that are open, the first to end first. Which of them somebody has chosen is said by `typed`.
pub(super) async fn choices(visitor: &Visitor, typed: &Typed) -> Result<Vec<BroadcastChoice>, Refusal> {
    let (app, texts) = (&visitor.app, visitor.lang.catalogue());
    let open = broadcasts::open(&app.store.ledger, &app.config.office.id, runtime::now()).await?;
    let choice = |record: broadcasts::Record| {
        let until = texts.counted("screens.live.until", time_word(app, record.expires_at));
        let closed = match record.audience {
            Audience::Public => "",
            Audience::Token(_) => texts.text("screens.live.closed"),
        };
        BroadcastChoice {
            word: format!("{}{closed} {until}", record.title),
            is_chosen: record.id.as_str() == typed.broadcast,
            id: record.id.to_string(),
        }
    };
    Ok(open.into_iter().map(choice).collect())
}

/// What is to be added, or what is wrong with what was typed.
pub(super) async fn wanted(app: &App, typed: &Typed) -> Result<Result<LivePicture, &'static str>, Refusal> {
    if typed.broadcast.is_empty() {
        return Ok(picture(&typed.name, &typed.url));
    }
    if !typed.url.is_empty() {
        return Ok(Err("screens.error.live_choose"));
    }
    let Ok(id) = BroadcastId::new(typed.broadcast.as_str()) else {
        return Ok(Err("screens.error.live_over"));
    };
    let record = broadcasts::get(&app.store.ledger, &app.config.office.id, &id).await?;
    let Some(record) = record.filter(|it| runtime::now() < it.expires_at) else {
        return Ok(Err("screens.error.live_over"));
    };
    let name = if typed.name.is_empty() {
        // A title may be longer than a name, and begin as no name may.
        let short: String = record.title.chars().take(LONGEST).collect();
        short.trim_start_matches(['=', '+', '-', '@', ' ']).to_owned()
    } else {
        typed.name.clone()
    };
    Ok(picture(&name, &whep_address(app, &record.id)))
}

/// A live picture from an address. Pure.
pub(super) fn picture(name: &str, url: &str) -> Result<LivePicture, &'static str> {
    let name = line_of(name, LONGEST).filter(|name| !name.is_empty());
    if url.is_empty() {
        return Err("screens.error.live_choose");
    }
    check_address(url, false).map_err(|fault| match fault {
        AddressFault::Scheme => "screens.error.live_scheme",
        AddressFault::Malformed | AddressFault::Long => "screens.error.live_address",
        AddressFault::Password => "screens.error.live_password",
    })?;
    Ok(LivePicture {
        name: name.ok_or("screens.error.live_name")?,
        url: url.to_owned(),
    })
}

/// The live picture of the playlist's item number `at`, as the form has it.
pub(super) fn read(fields: &Fields, at: usize) -> Result<LivePicture, &'static str> {
    picture(fields.get(&format!("name-{at}")), fields.get(&format!("url-{at}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_with_a_name_and_without_a_password() {
        let taken = picture(" 玄関 ", "rtsp://192.0.2.1/1").expect("taken");
        assert_eq!(
            (taken.name.as_str(), taken.url.as_str()),
            ("玄関", "rtsp://192.0.2.1/1")
        );
        assert!(picture("式典", "https://office.example/whep/a").is_ok());
        for (name, url, key) in [
            ("玄関", "", "screens.error.live_choose"),
            ("", "rtsp://192.0.2.1/1", "screens.error.live_name"),
            ("=1", "rtsp://192.0.2.1/1", "screens.error.live_name"),
            ("玄関", "http://192.0.2.1/1", "screens.error.live_scheme"),
            ("玄関", "rtsp://192.0.2.1/a b", "screens.error.live_address"),
            (
                "玄関",
                "rtsp://viewer:secret@192.0.2.1/1",
                "screens.error.live_password",
            ),
            (
                "",
                "https://viewer@office.example/whep/a",
                "screens.error.live_password",
            ),
        ] {
            assert_eq!(picture(name, url), Err(key), "{name} {url}");
        }
    }
}
