//! Broadcasts (中継): a live picture from OBS or GStreamer to every page. `rules` who may do what, `service` the same in
//! the store and on the media node, `api` for staff, `wire` WHIP and WHEP, `page` where people watch.

mod api;
mod page;
mod rules;
mod service;
mod wire;

use std::sync::Arc;

use axum::Router;

use crate::app::App;

pub(crate) use rules::Part;
pub(crate) use service::{Failure, call, end_those_over};
pub(crate) use wire::whep_address;

/// /api/broadcasts, /whip, /whep, /live
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .merge(api::routes())
        .merge(wire::routes())
        .merge(page::routes())
}
