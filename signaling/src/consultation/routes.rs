//! GET /c/{code}, /g/{code}, POST /api/consultations, /api/consultations/goodbye, /api/consultations/rating

use std::sync::Arc;

use askama::Template;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use protocol::ids::{ConsultationId, SectionId};
use protocol::signal::Phase;
use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};
use store::consultations::Record;

use super::{acts, people, rules, service};
use crate::app::App;
use crate::booking::{self, Entered};
use crate::page::{Page, in_language};
use crate::problem::{Body, Fault, Refusal, html, read};
use crate::security;
use crate::staff::LoggedIn;
use crate::staff::rights::{Right, Thing};
use crate::visitor::Visitor;

/// Links and their pages.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/c/{code}", get(page))
        .route("/g/{code}", get(guest_page))
        .route("/api/consultations", post(create))
        .route("/api/consultations/goodbye", post(goodbye))
        .route("/api/consultations/rating", post(rate))
}

/// A section, so that the page can name it.
struct SectionName {
    id: String,
    name: String,
}

/// call.html
#[derive(Template)]
#[template(path = "call.html")]
struct CallPage {
    page: Page,
    section_name: String,
    sections: Vec<SectionName>,
    is_guest: bool,
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
    call_page(&visitor, &record, false)
}

async fn guest_page(visitor: Visitor, Path(code): Path<String>) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let Some((record, seat)) = service::by_guest_code(app, &code).await? else {
        return Err(unknown_link(app, visitor.address).await.into());
    };
    rules::check_link(&record, runtime::now())?;
    people::check_seat(&record, &seat)?;
    call_page(&visitor, &record, true)
}

fn call_page(visitor: &Visitor, record: &Record, is_guest: bool) -> Result<Response, Refusal> {
    let sections: Vec<_> = visitor
        .app
        .config
        .sections
        .iter()
        .map(|section| SectionName {
            id: section.id.to_string(),
            name: in_language(&section.name, visitor.lang).to_owned(),
        })
        .collect();
    let own = sections.iter().find(|section| section.id == record.section.as_str());
    let page = html(&CallPage {
        page: visitor.page(),
        section_name: own.map(|section| section.name.clone()).unwrap_or_default(),
        sections,
        is_guest,
    })?;
    // A secret link has no place in a search engine.
    let no_index = [(HeaderName::from_static("x-robots-tag"), "noindex")];
    Ok((visitor.marked(), no_index, page).into_response())
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
    wanted: Body<Wanted>,
) -> Result<Response, Refusal> {
    staff.check_request(&app, &headers, &uri)?;
    let wanted = read(wanted, "section")?;
    let section = SectionId::new(wanted.section)
        .ok()
        .filter(|id| app.config.section(id).is_some())
        .ok_or(Refusal::of_field(Fault::BadRequest, "section"))?;
    staff.check(Right::MakeLinks, Thing::in_section(&section))?;
    let (record, code) = service::create(&app, section, &staff.account.id, runtime::now()).await?;
    let created = Created {
        url: format!("{}/c/{code}", app.config.web.public_url),
        id: record.id,
        expires_at: record.expires_at,
    };
    Ok((StatusCode::CREATED, Json(created)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OfLink {
    code: String,
}

#[derive(Serialize)]
struct Goodbye {
    /// What staff wrote for the resident.
    note: String,
    /// What the resident said of it already.
    score: Option<u8>,
}

/// A resident's consultation that is over, for the page that was in it: its link doesn't lead anywhere any more.
async fn over(visitor: &Visitor, headers: &HeaderMap, uri: &Uri, code: &str) -> Result<Record, Refusal> {
    let app = &visitor.app;
    if !security::is_own_origin(headers, uri, &app.config.web.public_url, false) {
        return Err(Fault::NotAllowedHere.into());
    }
    let Some(record) = service::by_code(app, code).await? else {
        return Err(unknown_link(app, visitor.address).await.into());
    };
    let device = visitor.device().as_deref().map(store::consultations::hash_of_device);
    if record.call.device.is_some() && record.call.device != device {
        return Err(Fault::LinkBound.into());
    }
    let is_late = record
        .ended_at
        .is_none_or(|at| runtime::now() >= at.plus(acts::RATED_WITHIN));
    if record.phase != Phase::Ended || is_late {
        return Err(Fault::LinkUsed.into());
    }
    Ok(record)
}

/// POST /api/consultations/goodbye
async fn goodbye(visitor: Visitor, headers: HeaderMap, uri: Uri, asked: Body<OfLink>) -> Result<Response, Refusal> {
    let asked = read(asked, "code")?;
    let record = over(&visitor, &headers, &uri, &asked.code).await?;
    let (store, office) = (&visitor.app.store, &visitor.app.config.office.id);
    let notes = store::notes::get(&store.ledger, office, &record.id).await?;
    let goodbye = Goodbye {
        note: notes.for_resident,
        score: record.call.rating.map(|rating| rating.score),
    };
    Ok(Json(goodbye).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rated {
    code: String,
    score: u8,
}

/// POST /api/consultations/rating
async fn rate(visitor: Visitor, headers: HeaderMap, uri: Uri, rated: Body<Rated>) -> Result<Response, Refusal> {
    let rated = read(rated, "score")?;
    let record = over(&visitor, &headers, &uri, &rated.code).await?;
    service::rate(&visitor.app, &record, rated.score, runtime::now()).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
