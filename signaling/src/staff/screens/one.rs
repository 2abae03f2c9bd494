//! One screen: how it is, what it shows, its name and place, its token.

use askama::Template;
use axum::extract::{Path, Query};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use protocol::ids::ScreenId;
use protocol::screen::report::{Change, FaultKind};
use protocol::screen::{InGroup, Role};
use serde::Deserialize;
use store::audit::{Event, What, Who};
use store::screens::{self, Condition, Orientation, Screen};

use super::super::form::Sent;
use super::super::nav::{Nav, time_word, zone};
use super::super::session::LoggedIn;
use super::again::{Line, Refused};
use super::list::{LONGEST, field_of, first_record, shows_word};
use super::live::{BroadcastChoice, Typed};
use super::playlist::{Entry, FileChoice, LayoutChoice, VersionRow};
use super::when::WhenForm;
use super::{One, answered, bytes_word, check_admin, frame, line_of, live, orientation_of, playlist, seen};
use crate::app::App;
use crate::page::Page;
use crate::problem::{Fault, Refusal, html};
use crate::texts::Lang;
use crate::visitor::Visitor;

/// screen.html
#[derive(Template)]
#[template(path = "screen.html")]
struct ScreenPage {
    page: Page,
    nav: Nav,
    id: String,
    name: String,
    place: String,
    is_portrait: bool,
    is_configured: bool,
    has_token: bool,
    paired_since: Option<String>,
    state: &'static str,
    state_word: &'static str,
    last: Option<String>,
    player: String,
    shows: String,
    is_newest_there: bool,
    published: Option<String>,
    facts: Vec<(&'static str, String)>,
    faults: Vec<FaultRow>,
    /// The newest of those that are over.
    past: Vec<PastRow>,
    picture_at: Option<String>,
    layouts: Vec<LayoutChoice>,
    entries: Vec<Entry>,
    on: WhenForm,
    versions: Vec<VersionRow>,
    files: Vec<FileChoice>,
    /// Broadcasts that can be added, and what stands in the fields beside them.
    broadcasts: Vec<BroadcastChoice>,
    typed: Typed,
    day: String,
    bundle_key: String,
    done: Option<&'static str>,
    error: Option<&'static str>,
    /// The field of the screen's own form that the error is about; empty: none.
    wrong_field: &'static str,
    /// All that is wrong with the playlist's form.
    wrong: Vec<Line>,
}

struct FaultRow {
    kind: &'static str,
    about: String,
    what: String,
    since: String,
    count: u32,
}

/// A fault that is over.
struct PastRow {
    kind: &'static str,
    about: String,
    what: String,
    since: String,
    until: String,
}

/// So many faults that are over are shown.
const PAST: usize = 20;

/// `?done=changed`
#[derive(Deserialize)]
pub(super) struct Asked {
    done: Option<String>,
}

/// Today, as dates are written in forms and files' names.
pub(super) fn day_word(app: &App) -> String {
    jiff::Zoned::now().with_time_zone(zone(app)).date().to_string()
}

pub(super) fn screen_id(id: &str) -> Result<ScreenId, Refusal> {
    ScreenId::new(id).map_err(|_| Fault::NotFound.into())
}

pub(super) fn done(id: &ScreenId, what: &str) -> Response {
    Redirect::to(&format!("/staff/screens/one/{id}?done={what}")).into_response()
}

fn kind_word(lang: Lang, kind: FaultKind) -> &'static str {
    let texts = lang.catalogue();
    match kind {
        FaultKind::Item => texts.text("screens.fault.item"),
        FaultKind::Fetch => texts.text("screens.fault.fetch"),
        FaultKind::Layout => texts.text("screens.fault.layout"),
        FaultKind::Stage => texts.text("screens.fault.stage"),
        FaultKind::Storage => texts.text("screens.fault.storage"),
        FaultKind::Clock => texts.text("screens.fault.clock"),
        FaultKind::Group => texts.text("screens.fault.group"),
        FaultKind::Camera => texts.text("screens.fault.camera"),
        FaultKind::Other => texts.text("screens.fault.other"),
    }
}

fn past_row(app: &App, lang: Lang, change: Change) -> Option<PastRow> {
    Some(PastRow {
        kind: kind_word(lang, change.kind),
        until: time_word(app, change.until?),
        since: time_word(app, change.since),
        about: change.about,
        what: change.what,
    })
}

/// What a player says of itself, as far as it does.
fn facts(app: &App, lang: Lang, condition: &Condition) -> Vec<(&'static str, String)> {
    let (texts, health) = (lang.catalogue(), &condition.health);
    let hours = health.uptime_s / 3600;
    let uptime = texts
        .text("screens.health.hours")
        .replace("{h}", &hours.to_string())
        .replace("{m}", &(health.uptime_s / 60 % 60).to_string());
    let mut facts = vec![
        (texts.text("screens.health.at"), time_word(app, condition.at)),
        (
            texts.text("screens.health.page"),
            format!("{} / {}", health.layout, health.page),
        ),
        (texts.text("screens.health.uptime"), uptime),
        (
            texts.text("screens.health.frames"),
            texts
                .text("screens.health.frames_of")
                .replace("{dropped}", &health.dropped.to_string())
                .replace("{black}", &health.black.to_string())
                .replace("{n}", &health.frames.to_string()),
        ),
    ];
    if !health.gstreamer.is_empty() {
        let versions = format!("{}, GStreamer {}", health.system, health.gstreamer);
        facts.push((texts.text("screens.health.versions"), versions));
    }
    if let Some(permille) = health.cpu_permille {
        let percent = format!("{}.{} %", permille / 10, permille % 10);
        facts.push((texts.text("screens.health.cpu"), percent));
    }
    if let Some(bytes) = health.memory_bytes {
        facts.push((texts.text("screens.health.memory"), bytes_word(bytes)));
    }
    if let Some(bytes) = health.disk_free_bytes {
        facts.push((texts.text("screens.health.disk"), bytes_word(bytes)));
    }
    if let Some(millis) = health.temperature_millicelsius {
        facts.push((
            texts.text("screens.health.temperature"),
            format!("{} °C", millis / 1000),
        ));
    }
    if let Some(offset) = health.clock_offset_ms {
        let offset = texts.counted("screens.health.clock_ms", offset);
        facts.push((texts.text("screens.health.clock"), offset));
    }
    if let Some(group) = &health.group {
        facts.push((texts.text("screens.health.group"), group_word(lang, group)));
    }
    facts
}

/// What a screen is in its group, and how well in step.
fn group_word(lang: Lang, of: &InGroup) -> String {
    let texts = lang.catalogue();
    let word = match of.role {
        Role::Listening => texts.text("screens.health.group.listening"),
        Role::Leads => texts.text("screens.health.group.leads"),
        Role::Follows => texts.text("screens.health.group.follows"),
        Role::Alone => texts.text("screens.health.group.alone"),
    };
    let leader = of.leader.as_ref().map_or("?", |leader| leader.as_str());
    let mut word = word.replace("{group}", of.group.as_str()).replace("{leader}", leader);
    if let Some(micros) = of.error_us {
        let millis = format!("{}.{}", micros / 1000, micros % 1000 / 100);
        word += &texts.text("screens.health.group.error").replace("{ms}", &millis);
    }
    word
}

pub(super) async fn found(app: &App, lang: Lang, id: &ScreenId) -> Result<One, Refusal> {
    let record = screens::get(&app.store.ledger, &app.config.office.id, id).await?;
    One::new(app, lang, id, record).ok_or_else(|| Fault::NotFound.into())
}

/// The page of a screen, with what there is to say.
pub(super) async fn shown(
    visitor: &Visitor,
    staff: &LoggedIn,
    id: &ScreenId,
    done: Option<&'static str>,
    error: Option<&'static str>,
) -> Result<Response, Refusal> {
    let said = Said {
        done,
        error,
        ..Said::default()
    };
    render(visitor, staff, id, said).await
}

/// The same, with what was typed to add a live picture.
pub(super) async fn shown_with(
    visitor: &Visitor,
    staff: &LoggedIn,
    id: &ScreenId,
    error: &'static str,
    typed: Typed,
) -> Result<Response, Refusal> {
    let said = Said {
        error: Some(error),
        typed,
        ..Said::default()
    };
    render(visitor, staff, id, said).await
}

/// The same with a playlist's form that can't be taken, as it was sent.
pub(super) async fn shown_again(
    visitor: &Visitor,
    staff: &LoggedIn,
    id: &ScreenId,
    refused: Refused,
) -> Result<Response, Refusal> {
    let said = Said {
        typed: Typed::of(&refused.fields),
        refused: Some(refused),
        ..Said::default()
    };
    render(visitor, staff, id, said).await
}

/// What the page says of what was done, and what it shows again.
#[derive(Default)]
struct Said {
    done: Option<&'static str>,
    error: Option<&'static str>,
    typed: Typed,
    refused: Option<Refused>,
}

async fn render(visitor: &Visitor, staff: &LoggedIn, id: &ScreenId, said: Said) -> Result<Response, Refusal> {
    let Said {
        done,
        error,
        typed,
        refused,
    } = said;
    let (app, lang) = (&visitor.app, visitor.lang);
    let (store, office) = (&app.store.live, &app.config.office.id);
    let one = found(app, lang, id).await?;
    let seen = seen(app).await.remove(id);
    let state = one.state(seen.as_ref(), runtime::now());
    // How it is may be unknown while `live` is away; what it shall show is not.
    let condition = screens::condition(store, office, id).await.ok().flatten();
    let past = screens::changes(&app.store.ledger, office, id, screens::CHANGES).await?;
    let picture_at = screens::picture_at(store, office, id).await.ok().flatten();
    let files = store::screens::files::all(&app.store.ledger, office).await?;
    let kept = one.record.as_ref().map(|record| &record.draft);
    let draft = refused.as_ref().map(|refused| &refused.draft).or(kept);
    let draft = draft.cloned().unwrap_or_default();
    let (mut entries, mut on) = (
        playlist::entries(app, lang, &draft, &files),
        playlist::on(app, lang, &draft),
    );
    let mut wrong = Vec::new();
    if let Some(refused) = &refused {
        refused.mark(lang, &mut entries, &mut on);
        wrong = refused.lines(lang, &entries);
    }
    let is_refused = error.is_some() || !wrong.is_empty();
    let shows = one.record.as_ref().and_then(|record| record.shows.as_ref());
    let texts = lang.catalogue();
    let (page, nav) = frame(visitor, staff, &format!("/staff/screens/one/{id}"));
    let faults = condition.iter().flat_map(|condition| &condition.faults);
    let page = html(&ScreenPage {
        page,
        nav,
        id: id.to_string(),
        is_portrait: one.orientation == Orientation::Portrait,
        is_configured: one.is_configured,
        has_token: one
            .record
            .as_ref()
            .is_some_and(|record| record.token.is_some() || record.awaits.is_some()),
        paired_since: one
            .record
            .as_ref()
            .and_then(|record| record.token.as_ref())
            .map(|token| time_word(app, token.since)),
        state: state.value(),
        state_word: state.word(lang),
        last: seen.as_ref().map(|seen| time_word(app, seen.at)),
        is_newest_there: seen.as_ref().and_then(|seen| seen.manifest.clone()) == app.library.digest(id),
        player: seen.map_or(String::new(), |seen| seen.player),
        shows: shows_word(app, lang, &one),
        published: shows.map(|shows| time_word(app, shows.at)),
        facts: condition.as_ref().map_or_else(Vec::new, |it| facts(app, lang, it)),
        faults: faults
            .map(|fault| FaultRow {
                kind: kind_word(lang, fault.kind),
                about: fault.about.clone(),
                what: fault.what.clone(),
                since: time_word(app, fault.since),
                count: fault.count,
            })
            .collect(),
        past: past
            .into_iter()
            .filter_map(|it| past_row(app, lang, it))
            .take(PAST)
            .collect(),
        picture_at: picture_at.map(|at| time_word(app, at)),
        layouts: playlist::layout_choices(app, &draft, one.orientation).await,
        entries,
        on,
        versions: playlist::versions(app, one.record.as_ref()),
        files: playlist::file_choices(lang, &files),
        broadcasts: live::choices(visitor, &typed).await?,
        typed,
        day: day_word(app),
        bundle_key: app.signer.public(),
        name: one.name,
        place: one.place,
        done: done.map(|key| texts.text(key)),
        wrong_field: field_of(error),
        error: error.map(|key| texts.text(key)),
        wrong,
    })?;
    Ok(answered(page, is_refused))
}

/// GET /staff/screens/one/{id}
pub(super) async fn page(
    visitor: Visitor,
    staff: LoggedIn,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let done = match asked.done.as_deref() {
        Some("changed") => Some("screens.changed"),
        Some("revoked") => Some("screens.revoked"),
        Some("looked") => Some("screens.looked"),
        Some("saved") => Some("screens.saved"),
        Some("published") => Some("screens.published"),
        Some("restored") => Some("screens.restored"),
        _ => None,
    };
    shown(&visitor, &staff, &screen_id(&id)?, done, None).await
}

/// POST /staff/screens/one/{id}: name, place, orientation
pub(super) async fn change(
    Path(id): Path<String>,
    Sent {
        visitor, staff, fields, ..
    }: Sent,
) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let (app, id) = (&visitor.app, screen_id(&id)?);
    let Some(name) = line_of(fields.get("name"), LONGEST).filter(|name| !name.is_empty()) else {
        return shown(&visitor, &staff, &id, None, Some("screens.error.name")).await;
    };
    let Some(place) = line_of(fields.get("place"), LONGEST) else {
        return shown(&visitor, &staff, &id, None, Some("screens.error.place")).await;
    };
    let Some(orientation) = orientation_of(fields.get("orientation")) else {
        return shown(&visitor, &staff, &id, None, Some("screens.error.orientation")).await;
    };
    write(app, visitor.lang, &id, |old| {
        Ok(Screen {
            name: name.clone(),
            place: place.clone(),
            orientation,
            ..old
        })
    })
    .await?;
    tell(app, &staff, What::ScreenChanged, &id, "").await;
    Ok(done(&id, "changed"))
}

/// Changes a screen's record, making it where the configuration has the screen and nobody has touched it yet.
pub(super) async fn write(
    app: &App,
    lang: Lang,
    id: &ScreenId,
    mut change: impl FnMut(Screen) -> Result<Screen, Fault>,
) -> Result<Screen, Refusal> {
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let changed = screens::change(ledger, office, id, |old| {
        let old = old.or_else(|| first_record(app, lang, id)).ok_or(Fault::NotFound)?;
        change(old).map(Some)
    });
    changed.await??.ok_or_else(|| Fault::NotFound.into())
}

pub(super) async fn tell(app: &App, staff: &LoggedIn, what: What, id: &ScreenId, detail: &str) {
    let who = Who::Staff(staff.account.id.clone());
    crate::audit::write(app, Event::new(who, what, id).with(detail)).await;
}

/// POST /staff/screens/one/{id}/{action}
pub(super) async fn act(
    Path((id, action)): Path<(String, String)>,
    Sent { visitor, staff, .. }: Sent,
) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let (app, id) = (&visitor.app, screen_id(&id)?);
    let one = found(app, visitor.lang, &id).await?;
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    match action.as_str() {
        "revoke" => {
            if screens::revoke(ledger, office, &id).await? {
                tell(app, &staff, What::ScreenRevoked, &id, "").await;
            }
            Ok(done(&id, "revoked"))
        }
        "look" => {
            screens::look(ledger, office, &id).await?;
            tell(app, &staff, What::ScreenLookedAt, &id, "").await;
            Ok(done(&id, "looked"))
        }
        "remove" if !one.is_configured => {
            let Ok(_) = screens::change(ledger, office, &id, |_| Ok::<_, std::convert::Infallible>(None)).await?;
            tell(app, &staff, What::ScreenRemoved, &id, "").await;
            Ok(Redirect::to(&format!("/staff/screens?removed={id}")).into_response())
        }
        _ => Err(Fault::NotFound.into()),
    }
}

/// GET /staff/screens/one/{id}/picture.png
pub(super) async fn picture(visitor: Visitor, staff: LoggedIn, Path(id): Path<String>) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let app = &visitor.app;
    let picture = screens::picture(&app.store.live, &app.config.office.id, &screen_id(&id)?).await?;
    let picture = picture.ok_or(Fault::NotFound)?;
    Ok(([(header::CONTENT_TYPE, "image/png")], picture).into_response())
}
