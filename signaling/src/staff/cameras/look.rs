//! What a camera sees, without anybody being known: the still, where people are found, and what a set-up would count in a film.
//!
//! Invariants: nothing is shown before the audit log has it; what the camera worker says is passed on and kept nowhere; who may
//! no more is shown no more, within [`LOOK_AGAIN`].

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures_util::stream;
use protocol::setup::{Answer, Ask, Film, Geometry, Why};
use serde::Deserialize;
use store::audit::What;
use tokio::time::Instant;

use super::super::session;
use super::asked::{Asked, away};
use super::{check_admin, wrongs};
use crate::app::App;
use crate::problem::{Fault, Refusal};
use crate::vision::Answers;

/// So often it is looked whether who watches may still.
const LOOK_AGAIN: Duration = Duration::from_secs(5);

/// POST /staff/cameras/one/{id}/picture
pub(super) async fn picture(asked: Asked) -> Result<Response, Refusal> {
    let ask = Ask::Picture {
        camera: asked.camera.id.clone(),
    };
    let answers = asked.ask(asked.event(What::CameraPictureShown), &ask).await?;
    let answer = match answers {
        Some(mut answers) => answers.next().await.ok().flatten(),
        None => None,
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
pub(super) async fn boxes(asked: Asked) -> Result<Response, Refusal> {
    let shown_for = asked.app.config.vision.shown_for;
    let seconds = shown_for.as_secs();
    let ask = Ask::Watch {
        camera: asked.camera.id.clone(),
        seconds,
    };
    let event = asked.event(What::CameraWatched).with(seconds);
    let Some(answers) = asked.ask(event, &ask).await? else {
        return Ok(away());
    };
    let start = Instant::now();
    let watching = Watching {
        app: asked.app,
        token: asked.staff.token,
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
    /// Its name in the office's folder.
    film: String,
}

/// A set-up of this camera, drawn soundly.
///
/// # Errors
/// [`Fault::BadRequest`] for anything else; the page names faults before it asks.
pub(super) async fn sound(asked: &Asked, geometry: Geometry) -> Result<Geometry, Refusal> {
    let (app, camera) = (&asked.app, &asked.camera);
    let setups = store::cameras::setups(&app.store.ledger, &app.config.office.id).await?;
    if !wrongs(app, camera, &geometry, &setups).is_empty() {
        return Err(Fault::BadRequest.into());
    }
    Ok(geometry)
}

/// POST /staff/cameras/one/{id}/trial: one line of JSON, when it is counted.
pub(super) async fn trial(asked: Asked, body: Bytes) -> Result<Response, Refusal> {
    let Tried { geometry, film } = serde_json::from_slice(&body).map_err(|_| Fault::BadRequest)?;
    let ask = Ask::Trial {
        camera: asked.camera.id.clone(),
        geometry: sound(&asked, geometry).await?,
        film: Film::Named(film),
    };
    let Some(mut answers) = asked.ask(asked.event(What::CameraTried), &ask).await? else {
        return Ok(away());
    };
    // The response begins at once, and the answer comes when it comes.
    Ok(later(async move {
        let answer = answers.next().await.ok().flatten();
        answer.unwrap_or(Answer::Refused { why: Why::CantCount })
    }))
}

/// A response that begins at once: one line of JSON, when the answer is there.
pub(super) fn later(answer: impl Future<Output = Answer> + Send + 'static) -> Response {
    let line = async move { Ok::<_, Infallible>(line(&answer.await).unwrap_or_default()) };
    lines(Body::from_stream(stream::once(line)))
}
