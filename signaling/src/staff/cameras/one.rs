//! One camera: how it is, and the page on which it is set up.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Response};
use protocol::config::CameraFault;
use protocol::setup::{Geometry, LARGEST_FILM, MOST_OVERLAPS, Neighbours, Shape, is_joined, is_lot, needs_line};
use serde::{Deserialize, Serialize};

use super::super::nav::{Nav, time_word};
use super::super::session::LoggedIn;
use super::words::{Condition, area_name, role_word};
use super::{check_admin, fault_words, faults, found, frame, neighbours};
use crate::app::App;
use crate::page::Page;
use crate::problem::{Fault, Refusal, html};
use crate::security;
use crate::texts::for_script;
use crate::visitor::Visitor;

/// As many films are offered.
const FILMS: usize = 200;
/// What a film's name ends with.
const ENDINGS: [&str; 7] = ["avi", "m4v", "mkv", "mov", "mp4", "ts", "webm"];

/// camera.html
#[derive(Template)]
#[template(path = "camera.html")]
struct CameraPage {
    page: Page,
    nav: Nav,
    id: String,
    area: String,
    role: &'static str,
    state: &'static str,
    state_word: &'static str,
    advice: Option<&'static str>,
    since: Option<String>,
    /// When and by whom something was drawn.
    drawn: Option<(String, String)>,
    /// Why it doesn't count, if its table is why: in words, and field by field.
    fault: Option<String>,
    faults: Vec<CameraFault>,
    facts: String,
    done: Option<&'static str>,
    error: Option<&'static str>,
}

/// What the page's script is told.
#[derive(Serialize)]
struct Facts<'a> {
    id: &'a str,
    /// What may be drawn.
    shapes: &'static [Shape],
    needs_line: bool,
    /// Bays that the place holds.
    capacity: u32,
    version: u64,
    geometry: &'a Geometry,
    /// To whom parts may be left, and to whom each of them leaves some.
    neighbours: &'a Neighbours,
    most_overlaps: usize,
    /// Whether overlaps change the count: the area's is the sum of its cameras'.
    counts_overlaps: bool,
    films: Vec<String>,
    /// The largest film that may be brought, in bytes; none: none may.
    largest_film: Option<u64>,
    film_held_for_s: u64,
    shown_for_s: u64,
    csrf: &'a str,
}

/// `?done=reset`, or `kept` where that would make a circle of overlaps
#[derive(Deserialize)]
pub(super) struct Asked {
    done: Option<String>,
}

/// The films that a set-up may be tried on, by name.
async fn films(app: &App) -> Vec<String> {
    let Some(folder) = app.config.vision.films.clone() else {
        return Vec::new();
    };
    let read = tokio::task::spawn_blocking(move || {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
        let is_film = |name: &String| {
            let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
            !name.starts_with('.') && ending.is_some_and(|ending| ENDINGS.contains(&ending.as_str()))
        };
        let mut names: Vec<String> = names.filter(is_film).collect();
        names.sort();
        names.truncate(FILMS);
        names
    });
    read.await.unwrap_or_default()
}

/// GET /staff/cameras/one/{id}
pub(super) async fn page(
    visitor: Visitor,
    staff: LoggedIn,
    Path(id): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let (app, lang) = (&visitor.app, visitor.lang);
    let camera = found(app, &id)?;
    let (live, office) = (&app.store.live, &app.config.office.id);
    let mut setups = store::cameras::setups(&app.store.ledger, office).await?;
    let neighbours = neighbours(app, camera, &setups);
    let faults = faults(app, camera, &setups);
    let setup = setups.remove(&camera.id);
    let report = store::cameras::last_report(live, office, &camera.id).await;
    let report = report.ok().flatten();
    let condition = Condition(report.as_ref().map(|report| report.status));
    let since = report.and_then(|report| report.status_since);
    let drawn = setup.as_ref().filter(|setup| setup.geometry.is_some());
    let configured = Geometry::of(camera);
    let mut geometry = drawn
        .and_then(|setup| setup.geometry.as_ref())
        .unwrap_or(&configured)
        .clone();
    // Drawn before overlaps could be: the configuration's hold.
    geometry.overlaps = geometry.overlaps.or(configured.overlaps);
    let facts = Facts {
        id: camera.id.as_str(),
        shapes: if is_lot(camera) {
            &[Shape::Bays]
        } else if is_joined(camera) {
            &[Shape::Polygon, Shape::Line, Shape::Heights, Shape::Overlaps]
        } else {
            &[Shape::Polygon, Shape::Line, Shape::Heights]
        },
        needs_line: needs_line(camera),
        capacity: app.config.area(camera.area.get_ref()).map_or(0, |area| area.capacity),
        version: setup.as_ref().map_or(0, |setup| setup.version),
        geometry: &geometry,
        neighbours: &neighbours,
        most_overlaps: MOST_OVERLAPS,
        counts_overlaps: app.config.counts_overlaps(camera),
        films: films(app).await,
        largest_film: app.config.vision.film_uploads.then_some(LARGEST_FILM),
        film_held_for_s: app.config.vision.film_held_for.as_secs(),
        shown_for_s: app.config.vision.shown_for.as_secs(),
        csrf: &staff.session.csrf,
    };
    let is_done = |word| asked.done.as_deref() == Some(word);
    let facts = serde_json::to_string(&facts).map_err(|_| Fault::Internal)?;
    let (page, nav) = frame(&visitor, &staff, &format!("/staff/cameras/one/{}", camera.id));
    let page = html(&CameraPage {
        page,
        nav,
        id: camera.id.to_string(),
        area: area_name(app, lang, camera.area.get_ref()).to_owned(),
        role: role_word(lang, camera.role),
        state: condition.value(),
        state_word: condition.word(lang),
        advice: condition.advice(lang),
        since: since.map(|at| time_word(app, at)),
        drawn: drawn.map(|setup| (time_word(app, setup.at), setup.by.to_string())),
        fault: fault_words(lang, &faults),
        faults,
        facts: for_script(&facts),
        done: is_done("reset").then(|| lang.catalogue().text("cameras.reset.done")),
        error: is_done("kept").then(|| lang.catalogue().text("cameras.reset.kept")),
    })?;
    Ok(([security::FORM_PAGE], page).into_response())
}
