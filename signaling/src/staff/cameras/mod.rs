//! /staff/cameras: how the office's cameras are (`list`), and setting one up (`one`): what is drawn into its picture is kept
//! (`setup`), and what it sees is shown without anybody being known (`look`). For admins; what staff of all roles see of counts,
//! and what leads may say of them, is `counts`.

mod list;
mod look;
mod one;
mod setup;
mod words;

use std::sync::Arc;

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use protocol::config::Camera;
use protocol::ids::CameraId;
use protocol::setup::{Geometry, Wrong};
use store::audit::{Event, What, Who};

use super::nav::Nav;
use super::rights::{Right, Thing};
use super::session::LoggedIn;
use crate::app::App;
use crate::page::Page;
use crate::problem::{Fault, Refusal, Told};
use crate::visitor::Visitor;

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

/// All that is wrong with what is drawn.
fn wrongs(app: &App, camera: &Camera, geometry: &Geometry) -> Vec<Wrong> {
    let area = app.config.area(camera.area.get_ref());
    geometry.wrongs(camera, area.map_or(0, |area| area.capacity))
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
