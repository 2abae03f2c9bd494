//! The list of screens, and accepting a new player's code.

use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect, Response};
use protocol::ids::ScreenId;
use serde::Deserialize;
use store::audit::{Event, What, Who};
use store::screens::pairing::{self, Accepted};
use store::screens::{Arrangement, Orientation, Screen};

use super::super::form::Sent;
use super::super::nav::{Nav, time_word};
use super::super::rights::{Right, Thing};
use super::super::session::LoggedIn;
use super::{One, Tabs, all, answered, check_admin, frame, line_of, orientation_of, seen};
use crate::app::App;
use crate::page::Page;
use crate::problem::{Fault, Refusal, html};
use crate::texts::Lang;
use crate::throttle;
use crate::visitor::Visitor;

/// The longest name or place, in characters.
pub(super) const LONGEST: usize = 60;
/// The choice of a screen that isn't there yet.
const NEW: &str = "new:";

/// screens.html
#[derive(Template)]
#[template(path = "screens.html")]
struct ListPage {
    page: Page,
    nav: Nav,
    tabs: Tabs,
    rows: Vec<Row>,
    draft: Draft,
    done: Option<String>,
    error: Option<&'static str>,
    /// The field that the error is about; empty: none.
    wrong: &'static str,
}

struct Row {
    id: String,
    name: String,
    place: String,
    state: &'static str,
    state_word: &'static str,
    last: String,
    shows: String,
    faults: usize,
    is_chosen: bool,
}

/// What was typed of a new player.
#[derive(Default)]
struct Draft {
    code: String,
    screen: String,
    name: String,
    place: String,
    is_portrait: bool,
}

#[derive(Default)]
struct Said {
    draft: Draft,
    done: Option<String>,
    error: Option<&'static str>,
}

/// `?paired=screen-123`
#[derive(Deserialize)]
pub(super) struct Asked {
    paired: Option<String>,
    removed: Option<String>,
}

/// The field that an error is about, by the key of its words; empty: none.
pub(super) fn field_of(error: Option<&str>) -> &'static str {
    match error {
        Some("screens.error.code_form" | "screens.error.code") => "code",
        Some("screens.error.choose") => "screen",
        Some("screens.error.name") => "name",
        Some("screens.error.place") => "place",
        _ => "",
    }
}

/// What a screen shows, in words.
pub(super) fn shows_word(app: &App, lang: Lang, one: &One) -> String {
    let texts = lang.catalogue();
    match one.record.as_ref().and_then(|record| record.shows.as_ref()) {
        Some(shows) => texts
            .counted("screens.version", shows.version)
            .replace("{layout}", &shows.manifest.layout.name),
        None if one.is_configured && app.library.digest(&one.id).is_some() => {
            texts.text("screens.shows.configured").to_owned()
        }
        None => texts.text("screens.shows.nothing").to_owned(),
    }
}

async fn shown(visitor: &Visitor, staff: &LoggedIn, said: Said) -> Result<Response, Refusal> {
    let (app, lang) = (&visitor.app, visitor.lang);
    let (seen, now) = (seen(app).await, runtime::now());
    let mut rows = Vec::new();
    for one in all(app, lang).await? {
        let state = one.state(seen.get(&one.id), now);
        let condition = store::screens::condition(&app.store.live, &app.config.office.id, &one.id).await;
        let faults = condition.ok().flatten().map_or(0, |condition| condition.faults.len());
        rows.push(Row {
            state: state.value(),
            state_word: state.word(lang),
            last: seen.get(&one.id).map_or_else(
                || lang.catalogue().text("screens.never").to_owned(),
                |seen| time_word(app, seen.at),
            ),
            shows: shows_word(app, lang, &one),
            faults,
            is_chosen: said.draft.screen == one.id.as_str(),
            id: one.id.to_string(),
            name: one.name,
            place: one.place,
        });
    }
    let (page, nav) = frame(visitor, staff, "/staff/screens");
    let is_refused = said.error.is_some();
    let page = html(&ListPage {
        page,
        nav,
        tabs: Tabs { here: "screens" },
        rows,
        draft: said.draft,
        done: said.done,
        wrong: field_of(said.error),
        error: said.error.map(|key| lang.catalogue().text(key)),
    })?;
    Ok(answered(page, is_refused))
}

/// GET /staff/screens
pub(super) async fn page(visitor: Visitor, staff: LoggedIn, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    let is_admin = staff.member().may(Right::Screens, Thing::OFFICE);
    if !is_admin && staff.member().may(Right::WriteNotices, Thing::OFFICE) {
        return Ok(Redirect::to("/staff/screens/notices").into_response());
    }
    check_admin(&staff)?;
    let texts = visitor.lang.catalogue();
    let done = match asked {
        Asked { paired: Some(_), .. } => Some(texts.text("screens.paired").to_owned()),
        Asked { removed: Some(_), .. } => Some(texts.text("screens.removed").to_owned()),
        _ => None,
    };
    let said = Said {
        done,
        ..Said::default()
    };
    shown(&visitor, &staff, said).await
}

/// What the form asks for, or what is wrong with it.
struct Wanted {
    code: String,
    id: ScreenId,
    /// Name, place and orientation of a screen that isn't there yet.
    new: Option<(String, String, Orientation)>,
}

fn wanted(app: &App, draft: &Draft, orientation: &str) -> Result<Wanted, &'static str> {
    let code = pairing::user_code_of(&draft.code).ok_or("screens.error.code_form")?;
    if draft.screen == NEW {
        let name = line_of(&draft.name, LONGEST).filter(|name| !name.is_empty());
        let name = name.ok_or("screens.error.name")?;
        let place = line_of(&draft.place, LONGEST).ok_or("screens.error.place")?;
        let orientation = orientation_of(orientation).ok_or("screens.error.orientation")?;
        return Ok(Wanted {
            code,
            id: new_id(app),
            new: Some((name, place, orientation)),
        });
    }
    let id = ScreenId::new(draft.screen.as_str()).map_err(|_| "screens.error.choose")?;
    Ok(Wanted { code, id, new: None })
}

/// An id that the configuration doesn't have; that no admin's screen has it is seen to when it is written.
fn new_id(app: &App) -> ScreenId {
    loop {
        let id = format!("screen-{:05}", rand::random_range(0..100_000_u32));
        if let Ok(id) = ScreenId::new(id)
            && app.config.screens.iter().all(|screen| screen.id != id)
        {
            return id;
        }
    }
}

/// A screen's record as an admin's first act on it makes it. `None`: it is no screen of the office's.
pub(super) fn first_record(app: &App, lang: Lang, id: &ScreenId) -> Option<Screen> {
    let one = One::new(app, lang, id, None)?;
    Some(blank(id.clone(), one.name, String::new(), Orientation::default()))
}

fn blank(id: ScreenId, name: String, place: String, orientation: Orientation) -> Screen {
    Screen {
        id,
        name,
        place,
        orientation,
        created_at: runtime::now(),
        token: None,
        awaits: None,
        draft: Arrangement::default(),
        shows: None,
        before: Vec::new(),
    }
}

/// POST /staff/screens/pair
pub(super) async fn pair(
    Sent {
        visitor, staff, fields, ..
    }: Sent,
) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let app = &visitor.app;
    let draft = Draft {
        code: fields.get("code").to_owned(),
        screen: fields.get("screen").to_owned(),
        name: fields.get("name").to_owned(),
        place: fields.get("place").to_owned(),
        is_portrait: fields.get("orientation") == "portrait",
    };
    let error = match wanted(app, &draft, fields.get("orientation")) {
        Ok(wanted) => match accept(&visitor, &staff, wanted).await? {
            Ok(id) => return Ok(Redirect::to(&format!("/staff/screens?paired={id}")).into_response()),
            Err(key) => key,
        },
        Err(key) => key,
    };
    let said = Said {
        draft,
        error: Some(error),
        ..Said::default()
    };
    shown(&visitor, &staff, said).await
}

async fn accept(
    visitor: &Visitor,
    staff: &LoggedIn,
    wanted: Wanted,
) -> Result<Result<ScreenId, &'static str>, Refusal> {
    let app = &visitor.app;
    // Who guesses codes waits longer and longer, and is refused for a while in the end, also with a right one.
    if app.wrong_codes.is_refused(visitor.address, runtime::now()) {
        return Err(Fault::TooMany.into());
    }
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let accepted = pairing::accept(ledger, office, &wanted.code, &wanted.id, |old| {
        match (&wanted.new, old) {
            (None, Some(old)) => Ok(old),
            (None, None) => first_record(app, visitor.lang, &wanted.id).ok_or("screens.error.choose"),
            (Some((name, place, orientation)), None) => {
                Ok(blank(wanted.id.clone(), name.clone(), place.clone(), *orientation))
            }
            // One in a hundred thousand: the next try has another id.
            (Some(_), Some(_)) => Err("screens.error.again"),
        }
    });
    match accepted.await? {
        Ok(Accepted::Done(screen)) => {
            let detail = if wanted.new.is_some() { "new" } else { "known" };
            let who = Who::Staff(staff.account.id.clone());
            crate::audit::write(app, Event::new(who, What::ScreenPaired, &screen.id).with(detail)).await;
            Ok(Ok(screen.id))
        }
        Ok(Accepted::Unknown) => {
            let delay = app.wrong_codes.wrong(visitor.address, runtime::now());
            tokio::time::sleep(delay.unwrap_or(throttle::LONGEST_DELAY)).await;
            Ok(Err("screens.error.code"))
        }
        Err(key) => Ok(Err(key)),
    }
}
