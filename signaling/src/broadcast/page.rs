//! GET /live/{id}: where people watch.

use std::sync::Arc;

use askama::Template;
use axum::Router;
use axum::extract::Path;
use axum::http::HeaderName;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use protocol::ids::{BroadcastId, ParticipantId};

use super::{rules, service};
use crate::app::App;
use crate::page::Page;
use crate::problem::{Fault, Refusal, html};
use crate::visitor::Visitor;

pub(super) fn routes() -> Router<Arc<App>> {
    Router::new().route("/live/{id}", get(page))
}

/// live.html
#[derive(Template)]
#[template(path = "live.html")]
struct LivePage {
    page: Page,
    id: String,
    title: String,
    /// Relays for who has no UDP, as JSON: a browser has to know them before it makes its offer.
    ice_servers: String,
}

async fn page(visitor: Visitor, Path(id): Path<String>) -> Result<Response, Refusal> {
    let id = BroadcastId::new(id).map_err(|_| Fault::NotFound)?;
    let record = service::get(&visitor.app, &id).await?.ok_or(Fault::NotFound)?;
    rules::check_time(&record, runtime::now())?;
    let app = &visitor.app;
    let servers = app
        .keys
        .turn
        .servers(&app.config, &ParticipantId::random(), runtime::now());
    let page = html(&LivePage {
        page: visitor.page(),
        ice_servers: serde_json::to_string(&servers).unwrap_or_default(),
        id: record.id.to_string(),
        title: record.title,
    })?;
    // It is over soon: nothing to be found later.
    Ok(([(HeaderName::from_static("x-robots-tag"), "noindex")], page).into_response())
}
