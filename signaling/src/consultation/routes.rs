//! GET /c/{code}, POST /api/consultations

use std::sync::Arc;

use askama::Template;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use protocol::ids::{ConsultationId, SectionId};
use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};

use super::{rules, service};
use crate::app::App;
use crate::booking::{self, Entered};
use crate::page::{Page, in_language};
use crate::problem::{Fault, Refusal, html};
use crate::staff::LoggedIn;
use crate::visitor::Visitor;

/// Links and their pages.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/c/{code}", get(page))
        .route("/api/consultations", post(create))
}

/// call.html
#[derive(Template)]
#[template(path = "call.html")]
struct CallPage {
    page: Page,
    section_name: String,
}

/// `?still`: a page that waits for its time doesn't renew itself.
#[derive(Deserialize)]
struct Manner {
    still: Option<String>,
}

async fn page(
    visitor: Visitor,
    headers: HeaderMap,
    Path(code): Path<String>,
    Query(manner): Query<Manner>,
) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let found = service::by_code(app, &code).await?;
    let record = match booking::by_link(app, &headers, &code, found, manner.still.is_some()).await? {
        Entered::Call(record) => record,
        Entered::Page(page) => return Ok(page),
        Entered::Unknown => return Err(unknown_link(app, visitor.address).await.into()),
    };
    rules::check_link(&record, runtime::now())?;
    let section_name = app
        .config
        .section(&record.section)
        .map_or("", |section| in_language(&section.name, visitor.lang));
    let page = html(&CallPage {
        page: visitor.page(),
        section_name: section_name.to_owned(),
    })?;
    // A secret link has no place in a search engine.
    Ok(([(HeaderName::from_static("x-robots-tag"), "noindex")], page).into_response())
}

/// Counts a wrong link and waits as long as its address has deserved.
pub(crate) async fn unknown_link(app: &App, address: std::net::IpAddr) -> Fault {
    app.metrics.wrong_links.inc();
    match app.wrong_links.wrong(address, runtime::now()) {
        Some(delay) => {
            tokio::time::sleep(delay).await;
            Fault::LinkUnknown
        }
        None => Fault::TooMany,
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    section: String,
}

#[derive(Serialize)]
struct Created {
    id: ConsultationId,
    url: String,
    expires_at: UnixMillis,
}

async fn create(
    State(app): State<Arc<App>>,
    staff: LoggedIn,
    headers: HeaderMap,
    uri: Uri,
    wanted: Result<Json<Wanted>, JsonRejection>,
) -> Result<Response, Refusal> {
    staff.check_request(&app, &headers, &uri)?;
    let Json(wanted) = wanted.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Refusal::from(Fault::TooLarge),
        _ => Refusal::of_field(Fault::BadRequest, "section"),
    })?;
    let section = SectionId::new(wanted.section)
        .ok()
        .filter(|id| app.config.section(id).is_some())
        .ok_or(Refusal::of_field(Fault::BadRequest, "section"))?;
    let (record, code) = service::create(&app, section, &staff.account.id, runtime::now()).await?;
    let created = Created {
        url: format!("{}/c/{code}", app.config.web.public_url),
        id: record.id,
        expires_at: record.expires_at,
    };
    Ok((StatusCode::CREATED, Json(created)).into_response())
}
