//! Arranging what a screen plays, and publishing it. Every button sends the whole form, so that nothing typed is lost, and
//! it works without a script.

use std::collections::BTreeMap;

use axum::extract::Path;
use axum::response::Response;
use jiff::civil::DateTime;
use protocol::ids::ScreenId;
use protocol::screen::When;
use store::audit::What;
use store::screens::files::Upload;
use store::screens::{Arrangement, Chosen, Edition, LivePicture, Orientation, Publication, Screen};

use super::super::form::Sent;
use super::super::nav::{Fields, time_word, zone};
use super::super::session::LoggedIn;
use super::again::Refused;
use super::live::{self, Typed};
use super::one::{done, screen_id, shown, shown_again, shown_with, tell, write};
use super::when::{self, WhenForm, Wrong};
use super::{bytes_word, check_admin};
use crate::app::App;
use crate::problem::{Fault, Refusal};
use crate::signage::layouts::{self, Ready, Trouble};
use crate::texts::Lang;
use crate::visitor::Visitor;

/// So many items a playlist may have.
const MOST: usize = 100;
/// How long a picture may stand, in seconds.
const SECONDS: std::ops::RangeInclusive<u32> = 3..=3600;
/// The field of an item's seconds has this before the item's number.
pub(super) const SECONDS_ID: &str = "s";
/// How long it stands when nobody said otherwise.
const USUAL: u32 = 10;
/// How long something live is shown then.
const USUAL_LIVE: u32 = 60;

/// A line of the playlist.
pub(super) struct Entry {
    pub(super) number: usize,
    /// What stands in the form: a file's hash, or that it is live.
    pub(super) item: String,
    pub(super) name: String,
    /// Where it comes from, where it is live.
    pub(super) url: Option<String>,
    pub(super) kind: &'static str,
    pub(super) is_picture: bool,
    /// `None`: it lasts as long as it lasts.
    pub(super) seconds: Option<String>,
    /// What is wrong with the seconds, in words.
    pub(super) seconds_fault: Option<&'static str>,
    pub(super) is_first: bool,
    pub(super) is_last: bool,
    pub(super) when: WhenForm,
    /// Nothing else is shown at its times.
    pub(super) leads: bool,
}

/// An earlier version.
pub(super) struct VersionRow {
    pub(super) version: u64,
    pub(super) at: String,
    pub(super) by: String,
    pub(super) items: usize,
}

/// A file to be added.
pub(super) struct FileChoice {
    pub(super) sha256: String,
    pub(super) word: String,
}

/// A layout to be chosen.
pub(super) struct LayoutChoice {
    pub(super) name: String,
    pub(super) word: String,
    pub(super) is_chosen: bool,
}

pub(super) fn kind_word(lang: Lang, media_type: &str) -> &'static str {
    let texts = lang.catalogue();
    match media_type {
        "video/mp4" | "video/webm" => texts.text("screens.kind.video"),
        "application/pdf" => texts.text("screens.kind.document"),
        _ => texts.text("screens.kind.picture"),
    }
}

pub(super) fn entries(app: &App, lang: Lang, draft: &Arrangement, files: &BTreeMap<String, Upload>) -> Vec<Entry> {
    let (now, closed) = (civil_now(app), app.config.calendar.closed_days());
    let last = draft.items.len().saturating_sub(1);
    let entry = |(at, chosen): (usize, &Chosen)| {
        let file = files.get(&chosen.sha256);
        let media_type = file.map_or("", |file| file.content.media_type.as_str());
        let (item, name, kind) = match &chosen.live {
            Some(picture) => (
                live::ITEM,
                picture.name.as_str(),
                lang.catalogue().text("screens.kind.live"),
            ),
            None => (
                chosen.sha256.as_str(),
                file.map_or(lang.catalogue().text("screens.file.gone"), |it| it.name.as_str()),
                kind_word(lang, media_type),
            ),
        };
        Entry {
            number: at + 1,
            item: item.to_owned(),
            name: name.to_owned(),
            url: chosen.live.as_ref().map(|picture| picture.url.clone()),
            kind,
            is_picture: media_type.starts_with("image/"),
            seconds: (!media_type.starts_with("video/")).then(|| chosen.seconds.to_string()),
            seconds_fault: None,
            is_first: at == 0,
            is_last: at == last,
            when: WhenForm::new(lang, at, &chosen.when, now, &closed),
            leads: chosen.leads,
        }
    };
    draft.items.iter().enumerate().map(entry).collect()
}

/// When the screen is on, as the form has it.
pub(super) fn on(app: &App, lang: Lang, draft: &Arrangement) -> WhenForm {
    let closed = app.config.calendar.closed_days();
    WhenForm::new(lang, when::SCREEN, &draft.on, civil_now(app), &closed)
}

fn civil_now(app: &App) -> DateTime {
    jiff::Timestamp::now().to_zoned(zone(app)).datetime()
}

pub(super) fn versions(app: &App, screen: Option<&Screen>) -> Vec<VersionRow> {
    let row = |edition: &Edition| VersionRow {
        version: edition.version,
        at: time_word(app, edition.at),
        by: edition.by.to_string(),
        items: edition.of.items.len(),
    };
    screen.iter().flat_map(|screen| &screen.before).map(row).collect()
}

pub(super) fn file_choices(lang: Lang, files: &BTreeMap<String, Upload>) -> Vec<FileChoice> {
    let mut all: Vec<&Upload> = files.values().collect();
    all.sort_by_key(|file| std::cmp::Reverse(file.at));
    let word = |file: &Upload| {
        let kind = kind_word(lang, &file.content.media_type);
        let size = bytes_word(file.content.size);
        match lang {
            Lang::Ja => format!("{}（{kind}、{size}）", file.name),
            Lang::En => format!("{} ({kind}, {size})", file.name),
        }
    };
    all.into_iter()
        .map(|file| FileChoice {
            sha256: file.content.sha256.clone(),
            word: word(file),
        })
        .collect()
}

async fn ready(app: &App) -> Vec<Ready> {
    let folder = app.config.paths.layouts.clone();
    tokio::task::spawn_blocking(move || layouts::all(&folder))
        .await
        .unwrap_or_default()
}

/// The layouts for a screen that hangs so; the first is chosen where nothing was.
pub(super) async fn layout_choices(app: &App, draft: &Arrangement, orientation: Orientation) -> Vec<LayoutChoice> {
    let ready = ready(app).await;
    let fitting: Vec<&Ready> = ready.iter().filter(|one| one.orientation() == orientation).collect();
    let is_known = fitting.iter().any(|one| one.name == draft.layout);
    let choice = |(at, one): (usize, &&Ready)| LayoutChoice {
        name: one.name.clone(),
        word: one.layout.name.clone(),
        is_chosen: if is_known { one.name == draft.layout } else { at == 0 },
    };
    fitting.iter().enumerate().map(choice).collect()
}

/// What a button does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Save,
    Add,
    /// Adds a live picture.
    Live,
    Publish,
    Up(usize),
    Down(usize),
    Drop(usize),
    /// Publishes an earlier version again.
    Restore(u64),
}

fn act_of(text: &str) -> Option<Act> {
    let (word, at) = match text.split_once('-') {
        Some((word, at)) => (word, at.parse::<usize>().ok()?),
        None => (text, 0),
    };
    Some(match word {
        "save" => Act::Save,
        "add" => Act::Add,
        "live" => Act::Live,
        "publish" => Act::Publish,
        "up" => Act::Up(at),
        "down" => Act::Down(at),
        "drop" => Act::Drop(at),
        "restore" => Act::Restore(at as u64),
        _ => return None,
    })
}

/// What the form says, and all that is wrong with it.
///
/// # Errors
/// When it isn't this page's form.
fn read(fields: &Fields) -> Result<(Arrangement, Vec<Wrong>), &'static str> {
    let hashes: Vec<&str> = fields.all("item").collect();
    let seconds: Vec<&str> = fields.all("seconds").collect();
    if hashes.len() != seconds.len() || hashes.len() > MOST {
        return Err("screens.error.playlist");
    }
    let (mut items, mut wrong) = (Vec::with_capacity(hashes.len()), Vec::new());
    for (at, (sha256, seconds)) in hashes.into_iter().zip(seconds).enumerate() {
        let live = match sha256 {
            live::ITEM => Some(live::read(fields, at).map_err(|_| "screens.error.playlist")?),
            hash if protocol::screen::is_sha256(hash) => None,
            _ => return Err("screens.error.playlist"),
        };
        let seconds = seconds.trim().parse().ok().filter(|seconds| SECONDS.contains(seconds));
        if seconds.is_none() {
            wrong.push(Wrong {
                field: SECONDS_ID,
                key: (at + 1).to_string(),
                words: "screens.error.seconds",
            });
        }
        let (when, wrong_when) = when::read(fields, &at.to_string());
        wrong.extend(wrong_when);
        items.push(Chosen {
            sha256: live.as_ref().map_or(sha256, |_| "").to_owned(),
            live,
            seconds: seconds.unwrap_or(USUAL),
            when,
            leads: fields.get(&format!("leads-{at}")) == "yes",
        });
    }
    let (on, wrong_on) = when::read(fields, when::SCREEN);
    wrong.extend(wrong_on);
    let layout = fields.get("layout").to_owned();
    Ok((Arrangement { layout, items, on }, wrong))
}

/// Does what a button says. Pure.
fn arranged(mut old: Arrangement, act: Act, added: &str) -> Result<Arrangement, &'static str> {
    let count = old.items.len();
    match act {
        Act::Up(at) if at > 0 && at < count => old.items.swap(at - 1, at),
        Act::Down(at) if at + 1 < count => old.items.swap(at, at + 1),
        Act::Drop(at) if at < count => drop(old.items.remove(at)),
        Act::Add if !protocol::screen::is_sha256(added) => return Err("screens.error.choose_file"),
        Act::Add if count >= MOST => return Err("screens.error.full"),
        Act::Add => old.items.push(Chosen {
            sha256: added.to_owned(),
            ..anything(USUAL)
        }),
        _ => {}
    }
    Ok(old)
}

/// The same with a live picture at its end. Pure.
fn with_live(mut old: Arrangement, picture: LivePicture) -> Result<Arrangement, &'static str> {
    if old.items.len() >= MOST {
        return Err("screens.error.full");
    }
    old.items.push(Chosen {
        live: Some(picture),
        ..anything(USUAL_LIVE)
    });
    Ok(old)
}

fn anything(seconds: u32) -> Chosen {
    Chosen {
        sha256: String::new(),
        live: None,
        seconds,
        when: When::default(),
        leads: false,
    }
}

/// POST /staff/screens/one/{id}/playlist
pub(super) async fn arrange(
    Path(id): Path<String>,
    Sent {
        visitor, staff, fields, ..
    }: Sent,
) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let (app, id) = (&visitor.app, screen_id(&id)?);
    let act = act_of(fields.get("act")).ok_or(Refusal::of_field(Fault::BadRequest, "act"))?;
    if let Act::Restore(version) = act {
        return restore(&visitor, &staff, &id, version).await;
    }
    let (read, wrong) = match read(&fields) {
        Ok(read) => read,
        Err(key) => return shown(&visitor, &staff, &id, None, Some(key)).await,
    };
    let typed = Typed::of(&fields);
    if !wrong.is_empty() {
        let refused = Refused {
            fields,
            draft: read,
            wrong,
        };
        return shown_again(&visitor, &staff, &id, refused).await;
    }
    let acted = match act {
        Act::Live => live::wanted(app, &typed)
            .await?
            .and_then(|picture| with_live(read.clone(), picture)),
        act => arranged(read.clone(), act, fields.get("add")),
    };
    let draft = match acted {
        Ok(draft) => draft,
        Err(key) => return refuse(&visitor, &staff, &id, read, (key, typed)).await,
    };
    if act == Act::Publish {
        return publish(&visitor, &staff, &id, draft, "published").await;
    }
    write(app, visitor.lang, &id, |old| {
        Ok(Screen {
            draft: draft.clone(),
            ..old
        })
    })
    .await?;
    Ok(done(&id, "saved"))
}

/// Says why a button does nothing; what was typed is kept.
async fn refuse(
    visitor: &Visitor,
    staff: &LoggedIn,
    id: &ScreenId,
    draft: Arrangement,
    (key, typed): (&'static str, Typed),
) -> Result<Response, Refusal> {
    write(&visitor.app, visitor.lang, id, |old| {
        Ok(Screen {
            draft: draft.clone(),
            ..old
        })
    })
    .await?;
    shown_with(visitor, staff, id, key, typed).await
}

/// Makes an earlier version the newest one. What was being arranged gives way to it.
async fn restore(visitor: &Visitor, staff: &LoggedIn, id: &ScreenId, version: u64) -> Result<Response, Refusal> {
    let (ledger, office) = (&visitor.app.store.ledger, &visitor.app.config.office.id);
    let screen = store::screens::get(ledger, office, id).await?;
    let editions = screen.into_iter().flat_map(|screen| screen.before);
    let edition = editions.into_iter().find(|edition| edition.version == version);
    let edition = edition.ok_or(Refusal::of_field(Fault::BadRequest, "act"))?;
    publish(visitor, staff, id, edition.of, "restored").await
}

async fn publish(
    visitor: &Visitor,
    staff: &LoggedIn,
    id: &ScreenId,
    draft: Arrangement,
    what: &str,
) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    // What was arranged isn't lost where it can't be published.
    write(app, visitor.lang, id, |old| {
        Ok(Screen {
            draft: draft.clone(),
            ..old
        })
    })
    .await?;
    let ready = ready(app).await;
    let Some(ready) = ready.iter().find(|one| one.name == draft.layout) else {
        return shown(visitor, staff, id, None, Some("screens.error.layout")).await;
    };
    let files = store::screens::files::all(ledger, office).await?;
    let manifest = match layouts::manifest(ready, &draft, &files, &app.config) {
        Ok(manifest) => manifest,
        Err(trouble) => {
            let key = match trouble {
                Trouble::NoItem => "screens.error.no_item",
                Trouble::NoFile => "screens.error.no_file",
                Trouble::Unsound => "screens.error.unsound",
            };
            return shown(visitor, staff, id, None, Some(key)).await;
        }
    };
    let written = write(app, visitor.lang, id, |old| {
        let version = old.shows.as_ref().map_or(0, |shows| shows.version) + 1;
        let published = old.published(Publication {
            version,
            at: runtime::now(),
            by: staff.account.id.clone(),
            of: draft.clone(),
            manifest: manifest.clone(),
        });
        Ok(Screen {
            draft: draft.clone(),
            ..published
        })
    })
    .await?;
    let version = written.shows.map_or(0, |shows| shows.version);
    tell(app, staff, What::ScreenPublished, id, &format!("version={version}")).await;
    Ok(done(id, what))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(fills: &str) -> Arrangement {
        let chosen = |fill: char| Chosen {
            sha256: fill.to_string().repeat(64),
            ..anything(USUAL)
        };
        Arrangement {
            layout: "full".into(),
            items: fills.chars().map(chosen).collect(),
            on: When::default(),
        }
    }

    #[test]
    fn buttons_move_drop_and_add() {
        let d = "d".repeat(64);
        for (act, expected) in [
            ("up-1", "bac"),
            ("up-0", "abc"),
            ("down-0", "bac"),
            ("down-2", "abc"),
            ("drop-1", "ac"),
            ("drop-9", "abc"),
            ("add", "abcd"),
            ("save", "abc"),
        ] {
            let act = act_of(act).expect("known");
            assert_eq!(arranged(of("abc"), act, &d), Ok(of(expected)), "{act:?}");
        }
        assert_eq!(act_of("dance"), None);
        assert!(arranged(of("a"), Act::Add, "").is_err());
        assert!(arranged(of(&"a".repeat(MOST)), Act::Add, &d).is_err());
    }

    #[test]
    fn a_live_picture_is_added_at_the_end_and_read_back_from_the_form() {
        let picture = live::picture("玄関", "rtsp://192.0.2.1/1").expect("an address");
        let added = with_live(of("a"), picture.clone()).expect("added");
        assert_eq!(added.items[1].live.as_ref(), Some(&picture));
        assert!(with_live(of(&"a".repeat(MOST)), picture).is_err());

        let form = |url: &str| {
            let a = "a".repeat(64);
            let pairs = [
                ("item", a.as_str()),
                ("seconds", "10"),
                ("item", "live"),
                ("seconds", "60"),
                ("name-1", "玄関"),
                ("url-1", url),
            ];
            serde_json::from_value::<Fields>(serde_json::json!(pairs)).expect("a form")
        };
        let (back, wrong) = read(&form("rtsp://192.0.2.1/1")).expect("read");
        assert_eq!((back.items, wrong), (added.items, Vec::new()));
        // Nobody puts a password past the form either.
        assert!(read(&form("rtsp://viewer:secret@192.0.2.1/1")).is_err());
    }
}
