//! What a camera sees, without anybody being known: the still, where people are found, and what a set-up would count in a film.
//!
//! Invariants: nothing is shown before the audit log has it; what the camera worker says is passed on and kept nowhere; who may
//! no more is shown no more, within [`LOOK_AGAIN`].

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use protocol::setup::{Answer, Ask, Geometry, Why};
use serde::{Deserialize, Serialize};
use store::audit::{Event, What};
use tokio::time::Instant;

use super::super::session::{self, LoggedIn};
use super::{check_admin, event, found, said, wrongs};
use crate::app::App;
use crate::problem::{Fault, Refusal};
use crate::vision::{self, Answers};
use crate::visitor::Visitor;

/// So often it is looked whether who watches may still.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// What the page's script is told where the worker doesn't answer.
#[derive(Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
enum Nothing {
    /// No worker runs on this machine.
    Away,
}

fn away() -> Response {
    said(StatusCode::SERVICE_UNAVAILABLE, &Nothing::Away)
}

/// Who asks may, from our own page; and it is written down that they did.
async fn allowed(app: &App, staff: &LoggedIn, headers: &HeaderMap, uri: &Uri, event: Event) -> Result<(), Refusal> {
    check_admin(staff)?;
    staff.check_request(app, headers, uri)?;
    store::audit::append(&app.store.ledger, &app.config.office.id, &event, runtime::now()).await?;
    Ok(())
}

/// POST /staff/cameras/one/{id}/picture
pub(super) async fn picture(
    visitor: Visitor,
    staff: LoggedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let app = &visitor.app;
    let camera = found(app, &id)?;
    let event = event(&staff, What::CameraPictureShown, camera);
    allowed(app, &staff, &headers, &uri, event).await?;
    let ask = Ask::Picture {
        camera: camera.id.clone(),
    };
    let answer = match vision::ask(&app.config, &ask).await {
        Ok(mut answers) => answers.next().await.ok().flatten(),
        Err(error) => {
            tracing::warn!(%error, "the camera worker can't be asked");
            None
        }
    };
    Ok(answer.map_or_else(away, |answer| Json(answer).into_response()))
}

/// Boxes on their way to a page.
struct Watching {
    app: Arc<App>,
    token: String,
    answers: Answers,
    end: Instant,
    look_again: tokio::time::Interval,
}

impl Watching {
    /// The next line; `None`: that was it.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            tokio::select! {
                answer = self.answers.next() => return line(&answer.ok()??),
                _ = self.look_again.tick() => {
                    let staff = session::of_token(&self.app, self.token.clone()).await;
                    if !staff.is_ok_and(|staff| check_admin(&staff).is_ok()) {
                        return None;
                    }
                }
                () = tokio::time::sleep_until(self.end) => return None,
                () = self.app.shutdown.started() => return None,
            }
        }
    }
}

fn line(answer: &Answer) -> Option<Bytes> {
    let mut line = serde_json::to_vec(answer).ok()?;
    line.push(b'\n');
    Some(line.into())
}

fn lines(body: Body) -> Response {
    ([(header::CONTENT_TYPE, "application/x-ndjson")], body).into_response()
}

/// POST /staff/cameras/one/{id}/boxes: a line of JSON for each moment, until the time is up.
pub(super) async fn boxes(
    visitor: Visitor,
    staff: LoggedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let app = &visitor.app;
    let camera = found(app, &id)?;
    let shown_for = app.config.vision.shown_for;
    let seconds = shown_for.as_secs();
    let event = event(&staff, What::CameraWatched, camera).with(seconds);
    allowed(app, &staff, &headers, &uri, event).await?;
    let ask = Ask::Watch {
        camera: camera.id.clone(),
        seconds,
    };
    let Ok(answers) = vision::ask(&app.config, &ask).await else {
        return Ok(away());
    };
    let start = Instant::now();
    let watching = Watching {
        app: Arc::clone(app),
        token: staff.token,
        answers,
        end: start + shown_for,
        look_again: tokio::time::interval_at(start + LOOK_AGAIN, LOOK_AGAIN),
    };
    let body = stream::unfold(watching, |mut watching| async {
        let bytes = watching.next().await?;
        Some((Ok::<_, Infallible>(bytes), watching))
    });
    Ok(lines(Body::from_stream(body)))
}

/// What is to be tried.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Tried {
    geometry: Geometry,
    film: String,
}

/// POST /staff/cameras/one/{id}/trial: one line of JSON, when it is counted.
pub(super) async fn trial(
    visitor: Visitor,
    staff: LoggedIn,
    Path(id): Path<String>,
    headers: HeaderMap,
    uri: Uri,
    body: Bytes,
) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let app = &visitor.app;
    let camera = found(app, &id)?;
    let Tried { geometry, film } = serde_json::from_slice(&body).map_err(|_| Fault::BadRequest)?;
    if !wrongs(app, camera, &geometry).is_empty() {
        return Err(Fault::BadRequest.into());
    }
    allowed(app, &staff, &headers, &uri, event(&staff, What::CameraTried, camera)).await?;
    let ask = Ask::Trial {
        camera: camera.id.clone(),
        geometry,
        film,
    };
    let Ok(mut answers) = vision::ask(&app.config, &ask).await else {
        return Ok(away());
    };
    // The response begins at once, and the answer comes when it comes.
    let body = stream::once(async move {
        let answer = answers.next().await.ok().flatten();
        let answer = answer.unwrap_or(Answer::Refused { why: Why::CantCount });
        Ok::<_, Infallible>(line(&answer).unwrap_or_default())
    });
    Ok(lines(Body::from_stream(body)))
}
