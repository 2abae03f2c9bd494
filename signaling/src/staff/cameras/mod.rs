//! /staff/cameras: how the office's cameras are (`list`), and setting one up (`one`): what is drawn into its picture is kept
//! (`setup`), what it sees is shown without anybody being known (`look`), and a film may be brought to try it on (`film`); what
//! the page's script asks for is checked in one place (`asked`). For admins; what staff of all roles see of counts,
//! and what leads may say of them, is `counts`.

mod asked;
mod film;
mod list;
mod look;
mod one;
mod setup;
mod words;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use protocol::config::{Camera, CameraFault};
use protocol::ids::CameraId;
use protocol::setup::{Geometry, Neighbours, Wrong};
use store::audit::{Event, What, Who};
use store::cameras::{Over, Setup};

use super::nav::Nav;
use super::rights::{Right, Thing};
use super::session::LoggedIn;
use crate::app::App;
use crate::page::Page;
use crate::problem::{Fault, Refusal, Told};
use crate::texts::Lang;
use crate::visitor::Visitor;

pub(crate) use film::is_brought_to as is_film_brought_to;
pub(super) use words::area_name;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/staff/cameras", get(list::page))
        .route("/staff/cameras/one/{id}", get(one::page))
        .route("/staff/cameras/one/{id}/camera.toml", get(setup::download))
        .route("/staff/cameras/one/{id}/setup", post(setup::save))
        .route("/staff/cameras/one/{id}/reset", post(setup::reset))
        .route("/staff/cameras/one/{id}/picture", post(look::picture))
        .route("/staff/cameras/one/{id}/boxes", post(look::boxes))
        .route("/staff/cameras/one/{id}/trial", post(look::trial))
        // As large as films are; `film` counts what comes.
        .route(film::PATH, post(film::take).layer(DefaultBodyLimit::disable()))
}

fn check_admin(staff: &LoggedIn) -> Result<(), Refusal> {
    staff.check(Right::Cameras, Thing::OFFICE)
}

fn frame(visitor: &Visitor, staff: &LoggedIn, path: &str) -> (Page, Nav) {
    let page = visitor.page_at(path).with_csrf(&staff.session.csrf).for_staff();
    (page, Nav::new(&visitor.app, staff, "cameras"))
}

/// A camera of the configuration.
fn found<'a>(app: &'a App, id: &str) -> Result<&'a Camera, Refusal> {
    let id = CameraId::new(id).map_err(|_| Fault::NotFound)?;
    app.config.camera(&id).ok_or_else(|| Fault::NotFound.into())
}

/// What is drawn into all cameras' pictures.
type Setups = BTreeMap<CameraId, Setup>;

/// What is drawn into one camera's picture now.
fn drawn<'s>(setups: &'s Setups, id: &CameraId) -> Option<&'s Geometry> {
    setups.get(id)?.geometry.as_ref()
}

/// Whom a camera may leave parts of its picture to, by what is drawn now.
fn neighbours(app: &App, camera: &Camera, setups: &Setups) -> Neighbours {
    Neighbours::of(&app.config, camera, |id| drawn(setups, id))
}

/// All that is wrong with what is drawn.
fn wrongs(app: &App, camera: &Camera, geometry: &Geometry, setups: &Setups) -> Vec<Wrong> {
    let area = app.config.area(camera.area.get_ref());
    let capacity = area.map_or(0, |area| area.capacity);
    geometry.wrongs(camera, capacity, &neighbours(app, camera, setups))
}

/// Why a camera doesn't count as it is set up now: by what is drawn, or where that can't be used by its configuration.
fn faults(app: &App, camera: &Camera, setups: &Setups) -> Vec<CameraFault> {
    let neighbours = neighbours(app, camera, setups);
    let drawn = drawn(setups, &camera.id).map(|geometry| geometry.clone().into_camera(camera.clone()));
    match drawn.map(|camera| camera.faults(&app.config, &neighbours)) {
        Some(faults) if faults.is_empty() => faults,
        _ => camera.faults(&app.config, &neighbours),
    }
}

/// That, for people: which fields, and what to do; `None`: nothing is wrong.
fn fault_words(lang: Lang, faults: &[CameraFault]) -> Option<String> {
    let mut fields: Vec<&str> = faults.iter().map(|fault| fault.field).collect();
    fields.dedup();
    let words = lang.catalogue().text("cameras.fault");
    (!fields.is_empty()).then(|| words.replace("{fields}", &fields.join(", ")))
}

/// The versions over which something of these wrongs, or none, is drawn.
fn over(app: &App, camera: &Camera, version: u64, setups: &Setups) -> Over {
    let version_of = |id: &CameraId| setups.get(id).map_or(0, |setup| setup.version);
    let neighbours = neighbours(app, camera, setups);
    Over {
        version,
        beside: neighbours.ids().map(|id| (id.clone(), version_of(id))).collect(),
    }
}

/// What the page's script is told where something didn't go as asked.
fn said(status: StatusCode, words: &impl serde::Serialize) -> Response {
    let mut response = (status, Json(words)).into_response();
    response.extensions_mut().insert(Told);
    response
}

fn event(staff: &LoggedIn, what: What, camera: &Camera) -> Event {
    Event::new(Who::Staff(staff.account.id.clone()), what, &camera.id)
}
