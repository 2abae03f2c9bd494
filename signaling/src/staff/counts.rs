//! /staff/counts: how crowded each area is, with what only staff see of it (how long a queue takes, who went in and out, whether
//! somebody stands before a screen), and the number of a place that is counted at its doors set right by who is there.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::Router;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use protocol::config::{Area, Camera, CameraRole};
use protocol::congestion::CameraReport;
use protocol::ids::AreaId;
use serde::Deserialize;
use store::audit::{Event, What, Who};
use store::corrections;

use super::cameras::area_name;
use super::form::Sent;
use super::nav::Nav;
use super::rights::{Right, Thing};
use super::session::LoggedIn;
use crate::app::App;
use crate::page::Page;
use crate::problem::{Fault, Refusal, Told, html};
use crate::security;
use crate::texts::Lang;
use crate::visitor::Visitor;

/// More people are in no place.
const MOST: u32 = 100_000;
/// The camera worker takes what staff say within this time, or isn't there.
const TAKEN_WITHIN: Duration = Duration::from_secs(3);
/// Then the new number is there, unless a door isn't watched.
const SHOWN_WITHIN: Duration = Duration::from_secs(1);
/// So often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(50);

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/staff/counts", get(page))
        .route("/staff/counts/{area}", post(correct))
}

/// counts.html
#[derive(Template)]
#[template(path = "counts.html")]
struct CountsPage {
    page: Page,
    nav: Nav,
    areas: Vec<AreaCard>,
    done: Option<String>,
    error: Option<&'static str>,
}

struct AreaCard {
    id: String,
    name: String,
    mark: &'static str,
    level: &'static str,
    count: Option<u32>,
    capacity: u32,
    facts: Vec<(&'static str, String)>,
    /// Whether its reader may set its number right.
    may_correct: bool,
}

/// `?done=lobby-1f`
#[derive(Deserialize)]
struct Asked {
    done: Option<String>,
}

fn cameras_of<'a>(app: &'a App, area: &'a AreaId) -> impl Iterator<Item = &'a Camera> {
    app.config
        .cameras
        .iter()
        .filter(move |camera| camera.area.get_ref() == area)
}

/// Whether a camera counts who goes in and out; a car park's gate is a door for cars.
fn is_door(camera: &Camera) -> bool {
    camera.role == CameraRole::Entrance || camera.is_gate()
}

fn has_doors(app: &App, area: &AreaId) -> bool {
    cameras_of(app, area).any(is_door)
}

/// Whether all of an area's doors are watched, by their cameras' last words. The camera worker takes no word on who is there while
/// one isn't.
async fn are_doors_watched(app: &App, area: &AreaId) -> Result<bool, Refusal> {
    for door in cameras_of(app, area).filter(|camera| is_door(camera)) {
        let report = store::cameras::last_report(&app.store.live, &app.config.office.id, &door.id).await?;
        // No report: no camera worker, rather than a camera that can't tell.
        if report.is_some_and(|report| !report.is_alive) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a camera says beside the area's count.
fn facts(lang: Lang, camera: &Camera, report: &CameraReport) -> Vec<(&'static str, String)> {
    let texts = lang.catalogue();
    let mut facts = Vec::new();
    match camera.role {
        CameraRole::Area => {}
        CameraRole::Parking if !camera.is_gate() => {
            let free = report.free_bays.map_or_else(
                || texts.text("level.unknown").to_owned(),
                |[free, all]| {
                    let words = texts.text("counts.bays.of").replace("{free}", &free.to_string());
                    words.replace("{all}", &all.to_string())
                },
            );
            facts.push((texts.text("counts.bays"), free));
        }
        CameraRole::Queue => {
            let wait = report.wait_s.map_or_else(
                || texts.text("counts.wait.unknown").to_owned(),
                |seconds| texts.counted("counts.wait.minutes", seconds.div_ceil(60)),
            );
            facts.push((texts.text("counts.wait"), wait));
        }
        CameraRole::Presence => {
            let somebody = match report.somebody {
                Some(true) => texts.text("counts.presence.yes"),
                Some(false) => texts.text("counts.presence.no"),
                None => texts.text("level.unknown"),
            };
            facts.push((texts.text("counts.presence"), somebody.to_owned()));
        }
        CameraRole::Entrance | CameraRole::Parking => {
            if let Some([came_in, went_out]) = report.crossed {
                let crossed = texts
                    .text("counts.crossed.of")
                    .replace("{in}", &came_in.to_string())
                    .replace("{out}", &went_out.to_string());
                facts.push((texts.text("counts.crossed"), crossed));
            }
            if let Some(corrections) = report.corrections {
                facts.push((
                    texts.text("counts.corrections"),
                    texts.counted("counts.people", corrections),
                ));
            }
        }
    }
    facts
}

async fn card(app: &App, lang: Lang, area: &Area, may_correct: bool) -> AreaCard {
    let (live, office) = (&app.store.live, &app.config.office.id);
    let state = match store::areas::state(live, office, area, runtime::now()).await {
        Ok(state) => state,
        // What is told to everybody turns unknown by itself.
        Err(_) => protocol::congestion::AreaState::unknown(area.id.clone(), area.capacity),
    };
    let mut all = Vec::new();
    for camera in cameras_of(app, &area.id) {
        if let Ok(Some(report)) = store::cameras::last_report(live, office, &camera.id).await {
            all.extend(facts(lang, camera, &report));
        }
    }
    AreaCard {
        id: area.id.to_string(),
        name: area_name(app, lang, &area.id).to_owned(),
        mark: state.level.mark(),
        level: lang.catalogue().text(state.level.text_key()),
        count: state.count,
        capacity: area.capacity,
        facts: all,
        may_correct: may_correct && has_doors(app, &area.id),
    }
}

async fn shown(
    visitor: &Visitor,
    staff: &LoggedIn,
    done: Option<String>,
    error: Option<&'static str>,
) -> Result<Response, Refusal> {
    let (app, lang) = (&visitor.app, visitor.lang);
    let may_correct = staff.member().may(Right::CorrectCounts, Thing::OFFICE);
    let mut areas = Vec::new();
    for area in &app.config.areas {
        areas.push(card(app, lang, area, may_correct).await);
    }
    let page = visitor
        .page_at("/staff/counts")
        .with_csrf(&staff.session.csrf)
        .for_staff();
    let page = html(&CountsPage {
        page,
        nav: Nav::new(app, staff, "counts"),
        areas,
        done,
        error: error.map(|key| lang.catalogue().text(key)),
    })?;
    let mut response = ([security::FORM_PAGE], page).into_response();
    if error.is_some() {
        *response.status_mut() = StatusCode::BAD_REQUEST;
        response.extensions_mut().insert(Told);
    }
    Ok(response)
}

/// GET /staff/counts
async fn page(visitor: Visitor, staff: LoggedIn, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    staff.check(Right::SeeCounts, Thing::OFFICE)?;
    let area = asked.done.and_then(|id| AreaId::new(id).ok());
    let area = area.filter(|id| visitor.app.config.area(id).is_some());
    let done = area.map(|id| {
        let name = area_name(&visitor.app, visitor.lang, &id);
        visitor.lang.catalogue().counted("counts.corrected", name)
    });
    shown(&visitor, &staff, done, None).await
}

/// POST /staff/counts/{area}: so many are there.
async fn correct(
    Path(id): Path<String>,
    Sent {
        visitor, staff, fields, ..
    }: Sent,
) -> Result<Response, Refusal> {
    staff.check(Right::CorrectCounts, Thing::OFFICE)?;
    let app = &visitor.app;
    let id = AreaId::new(id).map_err(|_| Fault::NotFound)?;
    let area = app.config.area(&id).filter(|_| has_doors(app, &id));
    let area = area.ok_or(Fault::NotFound)?;
    let people = fields.get("people").trim().parse::<u32>().ok();
    let Some(people) = people.filter(|people| *people <= MOST) else {
        return shown(&visitor, &staff, None, Some("counts.error.number")).await;
    };
    if !is_taken(app, area, people).await? {
        let why = if are_doors_watched(app, &id).await? {
            "counts.error.silent"
        } else {
            "counts.error.blind"
        };
        return shown(&visitor, &staff, None, Some(why)).await;
    }
    let who = Who::Staff(staff.account.id.clone());
    crate::audit::write(app, Event::new(who, What::AreaCorrected, &id).with(people)).await;
    Ok(Redirect::to(&format!("/staff/counts?done={id}")).into_response())
}

/// Leaves the number for the camera worker. Returns whether it took it.
async fn is_taken(app: &App, area: &Area, people: u32) -> Result<bool, Refusal> {
    let (live, office) = (&app.store.live, &app.config.office.id);
    corrections::leave(live, office, &area.id, people).await?;
    let end = tokio::time::Instant::now() + TAKEN_WITHIN;
    while corrections::is_waiting(live, office, &area.id).await? {
        if tokio::time::Instant::now() >= end {
            return Ok(!corrections::withdraw(live, office, &area.id).await?);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    // Who looks next sees it already, where it can be seen at all.
    let end = tokio::time::Instant::now() + SHOWN_WITHIN;
    while tokio::time::Instant::now() < end {
        let state = store::areas::state(live, office, area, runtime::now()).await?;
        if state.count == Some(people) {
            break;
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(true)
}
