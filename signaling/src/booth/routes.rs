//! GET /booth, POST /api/booth, POST /api/booth/calls, POST /api/booth/numbers, POST /api/booth/prints, GET /api/booth/prints/{job}

use std::sync::Arc;

use askama::Template;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use axum_extra::extract::CookieJar;
use protocol::config::Booth;
use protocol::ids::{SectionId, StaffId};
use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};

use super::print::{Printer, Progress, Trouble};
use super::session::{self, AtBooth};
use super::{links, pdf};
use crate::app::App;
use crate::booking;
use crate::consultation::service;
use crate::page::{Page, in_language};
use crate::problem::{Body, Fault, Refusal, html, read};
use crate::security;
use crate::visitor::Visitor;

/// What is printed at once, as text of a JSON document: twenty pages of a good scan.
const LARGEST_PRINT: usize = 24 * 1024 * 1024;

/// Everything of booths.
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/booth", get(page))
        .route("/api/booth", post(register))
        .route("/api/booth/calls", post(call))
        .route("/api/booth/numbers", post(number))
        .route(
            "/api/booth/prints",
            post(print).layer(DefaultBodyLimit::max(LARGEST_PRINT)),
        )
        .route("/api/booth/prints/{job}", get(progress))
}

#[derive(Serialize)]
struct SectionView {
    id: String,
    name: String,
}

/// booth.html
#[derive(Template)]
#[template(path = "booth.html")]
struct BoothPage {
    page: Page,
    /// None: this browser isn't a booth's.
    booth: Option<BoothView>,
}

struct BoothView {
    name: String,
    /// As JSON.
    sections: String,
    document_camera: String,
    has_printer: bool,
}

async fn page(visitor: Visitor) -> Result<Response, Refusal> {
    let booth = session::of_jar(&visitor.app, &visitor.jar);
    let shown = booth.as_ref().map(|booth| view(&visitor, booth));
    let page = html(&BoothPage {
        page: visitor.page(),
        booth: shown,
    })?;
    // Whoever sits down next finds nothing of who sat there before.
    let forget = [("clear-site-data", "\"cache\", \"storage\"")];
    match booth {
        Some(booth) => Ok((visitor.jar.add(cookie(&visitor.app, &booth)?), forget, page).into_response()),
        None => Ok(page.into_response()),
    }
}

fn view(visitor: &Visitor, booth: &Booth) -> BoothView {
    let sections: Vec<SectionView> = visitor
        .app
        .config
        .sections
        .iter()
        .filter(|section| may_call(booth, &section.id))
        .map(|section| SectionView {
            id: section.id.to_string(),
            name: in_language(&section.name, visitor.lang).to_owned(),
        })
        .collect();
    BoothView {
        name: in_language(&booth.name, visitor.lang).to_owned(),
        sections: serde_json::to_string(&sections).unwrap_or_default(),
        document_camera: booth.document_camera.clone().unwrap_or_default(),
        has_printer: booth.printer.is_some(),
    }
}

fn may_call(booth: &Booth, section: &SectionId) -> bool {
    booth.sections.is_empty() || booth.sections.iter().any(|it| it.get_ref() == section)
}

/// The booth's own cookie, with its time begun anew.
fn cookie(app: &App, booth: &Booth) -> Result<axum_extra::extract::cookie::Cookie<'static>, Refusal> {
    let now = runtime::now();
    let token = app
        .keys
        .booth
        .sign(links::grant(app, booth), now, now.plus(links::LASTS))
        .map_err(|error| {
            tracing::error!(%error, "a booth's token can't be signed");
            Refusal::from(Fault::Internal)
        })?;
    Ok(security::cookie(session::COOKIE, &token, Some(links::LASTS)))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    token: String,
}

/// The browser that opened the link is the booth's from now on.
async fn register(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    uri: Uri,
    jar: CookieJar,
    wanted: Body<Registration>,
) -> Result<Response, Refusal> {
    if !security::is_own_origin(&headers, &uri, &app.config.web.public_url, false) {
        return Err(Fault::NotAllowedHere.into());
    }
    let wanted = read(wanted, "token")?;
    let booth = session::of_token(&app, &wanted.token).ok_or(Fault::NotABooth)?;
    tracing::info!(booth = %booth.id, "a browser is a booth's now");
    Ok((jar.add(cookie(&app, &booth)?), StatusCode::NO_CONTENT).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    section: String,
}

#[derive(Serialize)]
struct Begun {
    /// Where the booth goes on: the same page as behind any link.
    path: String,
}

/// Somebody sat down and pressed the button.
async fn call(at: AtBooth, wanted: Body<Wanted>) -> Result<Response, Refusal> {
    let refused = || Refusal::of_field(Fault::BadRequest, "section");
    let wanted = read(wanted, "section")?;
    let section = SectionId::new(wanted.section)
        .ok()
        .filter(|id| at.app.config.section(id).is_some() && may_call(&at.booth, id))
        .ok_or_else(refused)?;
    // Nobody's account has this name: those of staff can't be as long.
    let by = StaffId::new(format!("booth-{}", at.booth.id)).map_err(|_| Refusal::from(Fault::Internal))?;
    let (_, code) = service::create(&at.app, section, &by, runtime::now()).await?;
    let begun = Begun {
        path: format!("/c/{code}"),
    };
    Ok((StatusCode::CREATED, Json(begun)).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Numbered {
    /// Eight digits, however they are written.
    number: String,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answered {
    /// The call of an appointment.
    Call {
        /// Where the booth goes on.
        path: String,
        /// Whose business it is, by its name.
        section: String,
    },
    /// Too early: from when on the same number works.
    Early { opens_at: UnixMillis },
}

/// Somebody sat down who was told a number on the telephone: their appointment's call begins here. Of whatever section: it
/// was staff who booked it.
async fn number(at: AtBooth, visitor: Visitor, wanted: Body<Numbered>) -> Result<Response, Refusal> {
    let Numbered { number } = read(wanted, "number")?;
    let answer = match booking::at_booth(&at.app, visitor.address, &number).await? {
        booking::AtBooth::Call { code, section } => {
            let named = at.app.config.section(&section);
            Answered::Call {
                path: format!("/c/{code}"),
                section: named.map_or_else(String::new, |it| in_language(&it.name, visitor.lang).to_owned()),
            }
        }
        booking::AtBooth::Early { opens_at } => Answered::Early { opens_at },
    };
    Ok(Json(answer).into_response())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pages {
    /// JPEG pictures, each as Base64.
    pages: Vec<String>,
}

/// Prints pages that staff sent to the booth, and says how many: the page asks for the others when those are done. They were encrypted up to its browser; from there on they aren't.
async fn print(at: AtBooth, pages: Body<Pages>) -> Result<Response, Refusal> {
    let Pages { pages } = read(pages, "pages")?;
    let printer = printer_of(&at.booth)?;
    let decoded: Option<Vec<Vec<u8>>> = pages
        .iter()
        .take(pdf::MOST_PAGES + 1)
        .map(|page| data_encoding::BASE64.decode(page.as_bytes()).ok())
        .collect();
    let decoded = decoded.ok_or(Refusal::of_field(Fault::BadRequest, "pages"))?;
    match printer.print(&decoded).await {
        Ok(job) => Ok((StatusCode::ACCEPTED, Json(job)).into_response()),
        Err(Trouble::NotPages) => Err(Refusal::of_field(Fault::BadRequest, "pages")),
        Err(trouble) => Ok(Json(Progress::Failed(trouble)).into_response()),
    }
}

async fn progress(at: AtBooth, Path(job): Path<String>) -> Result<Json<Progress>, Refusal> {
    let job = job.parse().map_err(|_| Fault::NotFound)?;
    Ok(Json(printer_of(&at.booth)?.progress(job).await))
}

fn printer_of(booth: &Booth) -> Result<Printer, Refusal> {
    let address = booth.printer.as_ref().ok_or(Fault::NotFound)?;
    Printer::new(address.get_ref()).ok_or_else(|| Fault::Internal.into())
}
