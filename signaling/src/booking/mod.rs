//! Appointments on the web (予約): `choose` what and when, `details` who, `appointment` one's own by its link, `join` by a
//! short code, `enter` from it into a call; `today` and `desk` the same for staff; `letters` what residents are told, by
//! `clockwork`; `line` asking to be told there.
//!
//! Invariant: every page works without a script. A form is told "booked" only by what is in the ledger, and "not booked"
//! only where it never will be.

mod appointment;
mod choose;
mod clockwork;
pub(crate) mod dates;
mod desk;
mod details;
mod enter;
mod form;
mod guesses;
mod ics;
mod join;
pub(crate) mod language;
mod leaf;
mod letters;
mod line;
mod markup;
mod offer;
mod qr;
mod service;
mod today;
mod trouble;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;

pub(crate) use clockwork::run as keep_time;
pub(crate) use enter::{Entered, by_link};
pub(crate) use guesses::Guesses;
pub(crate) use join::{AtBooth, at_booth};
pub(crate) use language::Tongue;
pub(crate) use leaf::{Booker, Leaf};
pub(crate) use service::held;
pub(crate) use trouble::{Kind, Trouble, render as render_trouble, unknown_language};

/// Pages that hold nobody's data, and so may be compressed: what is on offer.
pub(crate) fn public_routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/book", get(choose::home))
        .route("/book/{booking}", get(choose::topic))
        .route("/book/{booking}/days", get(choose::days))
        .route("/book/{booking}/times", get(choose::times))
        .layer(from_fn_with_state(Arc::clone(app), trouble::render))
}

/// What other machines call.
pub(crate) fn machine_routes() -> Router<Arc<App>> {
    Router::new().route("/line/webhook", post(line::webhook))
}

/// Staff's pages.
pub(crate) fn staff_routes() -> Router<Arc<App>> {
    Router::new()
        .route("/staff/today", get(today::page))
        .route("/staff/book", get(desk::page).post(desk::book))
        .route("/staff/appointments/{id}", post(today::act))
        .route("/api/appointments/{id}", get(today::facts))
}

/// Pages with a secret or somebody's words in them.
pub(crate) fn own_routes(app: &Arc<App>) -> Router<Arc<App>> {
    Router::new()
        .route("/book/{booking}/details", get(details::page).post(details::book))
        .route("/booked", get(details::outcome))
        .route("/join", get(join::page).post(join::open))
        .route("/a/{code}", get(appointment::page))
        .route("/a/{code}/appointment.ics", get(appointment::calendar_file))
        .route("/a/{code}/days", get(appointment::days))
        .route("/a/{code}/times", get(appointment::times))
        .route(
            "/a/{code}/change",
            get(appointment::change_page).post(appointment::change),
        )
        .route(
            "/a/{code}/cancel",
            get(appointment::cancel_page).post(appointment::cancel),
        )
        .layer(from_fn_with_state(Arc::clone(app), trouble::render))
}
