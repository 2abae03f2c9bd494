//! What players report: POST /api/screens/{id}/reports (health, faults, proof of play), POST /api/screens/{id}/picture (what
//! is on show, when somebody asked for it).

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use protocol::ids::ScreenId;
use protocol::problem::Problem;
use protocol::screen::report::Report;
use store::screens::{self, Condition};

use super::plays::Kept;
use super::screen_of;
use crate::app::App;
use crate::problem::{Fault, Refusal, told};

/// The largest picture, in bytes of PNG.
pub(super) const PICTURE: usize = 8 * 1024 * 1024;
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The screen of the token, if the address names the same.
async fn own_screen(app: &App, headers: &HeaderMap, id: &str) -> Result<ScreenId, Refusal> {
    let screen = screen_of(app, headers).await?.screen;
    if screen.as_str() == id {
        Ok(screen)
    } else {
        Err(Refusal::of_field(Fault::Forbidden, "id"))
    }
}

fn refused(field: &str, what: &str) -> Response {
    let problem = Problem::new(422, "bad-report", "The report can't be kept");
    told(&problem.with_detail(what).with_field(field))
}

/// POST /api/screens/{id}/reports
pub(super) async fn take(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    let screen = own_screen(&app, &headers, &id).await?;
    let report: Report = match serde_json::from_slice(&body) {
        Ok(report) => report,
        Err(error) => return Ok(refused("the report", &error.to_string())),
    };
    if let Err(error) = report.check() {
        return Ok(refused(&error.field, &error.to_string()));
    }
    let Report {
        health,
        faults,
        changes,
        plays,
        ..
    } = report;
    // First what must not be lost: a player that hears of no success sends it again.
    if !plays.is_empty() {
        let (keeping, whose) = (Arc::clone(&app), screen.clone());
        let kept = tokio::task::spawn_blocking(move || keeping.plays.keep(&whose, &plays)).await;
        match kept {
            Ok(Ok(Kept::Done)) => {}
            Ok(Ok(Kept::TooMany)) => return Err(Fault::TooMany.into()),
            Ok(Err(error)) => {
                tracing::error!(%screen, %error, "what a screen has shown can't be kept");
                return Err(Fault::StoreDown.into());
            }
            Err(_) => return Err(Fault::Internal.into()),
        }
    }
    screens::keep_changes(&app.store.ledger, &app.config.office.id, &screen, &changes).await?;
    let condition = Condition {
        at: runtime::now(),
        health,
        faults,
    };
    screens::set_condition(&app.store.live, &app.config.office.id, &screen, &condition).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// POST /api/screens/{id}/picture
pub(super) async fn take_picture(
    State(app): State<Arc<App>>,
    Path(id): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<StatusCode, Refusal> {
    let screen = own_screen(&app, &headers, &id).await?;
    if !body.starts_with(PNG) {
        return Err(Fault::WrongType.into());
    }
    screens::keep_picture(&app.store.live, &app.config.office.id, &screen, &body, runtime::now()).await?;
    Ok(StatusCode::NO_CONTENT)
}
