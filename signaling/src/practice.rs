//! The practice call (つながるか試す): a room of one's own, in which a page is shown what it sends. No account, no link,
//! nothing kept.
//!
//! Invariant: there are never more than [`MOST`] practice rooms on this server, and none lasts longer than [`LASTS`].

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use askama::Template;
use axum::http::{HeaderMap, Uri};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use protocol::grants::{DataGrant, Encryption, MEDIA_TOKEN_LASTS, MediaGrant, MediaSource, RoomRole};
use protocol::ids::{ParticipantId, RoomId};
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::broadcast::{self, Failure, Part};
use crate::page::Page;
use crate::problem::{Body, Fault, Refusal, html, read};
use crate::security::is_own_origin;
use crate::throttle::Throttle;
use crate::visitor::Visitor;

/// Practice rooms at once on one server. Full: whoever comes is asked to wait a moment.
const MOST: usize = 40;

/// How long one lasts at most.
pub(crate) const LASTS: Duration = Duration::from_secs(120);

/// How many there are, and who has come how often.
#[derive(Debug, Default)]
pub(crate) struct Practices {
    open: Arc<AtomicUsize>,
    /// Each practice counts as an attempt: a dozen at once, then one every 20 s for each address.
    sent: Throttle,
    /// The same of what is received.
    received: Throttle,
}

/// A place among the [`MOST`], until it is dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Practices {
    fn take(&self) -> Option<Place> {
        self.open
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |open| {
                (open < MOST).then_some(open + 1)
            })
            .ok()
            .map(|_| Place(Arc::clone(&self.open)))
    }
}

/// /practice
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/practice", get(page))
        .route("/api/practice/send", post(send))
        .route("/api/practice/receive", post(receive))
}

/// practice.html
#[derive(Template)]
#[template(path = "practice.html")]
struct PracticePage {
    page: Page,
    /// Relays for who has no UDP, as JSON: a browser has to know them before it makes its offer.
    ice_servers: String,
    lasts_seconds: u64,
}

async fn page(visitor: Visitor) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let servers = app
        .keys
        .turn
        .servers(&app.config, &ParticipantId::random(), runtime::now());
    html(&PracticePage {
        page: visitor.page(),
        ice_servers: serde_json::to_string(&servers).unwrap_or_default(),
        lasts_seconds: LASTS.as_secs(),
    })
}

/// What a page sends to the room.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Sent {
    sdp: String,
}

#[derive(Serialize)]
struct Begun {
    /// SDP answer.
    sdp: String,
    /// With which the same is received.
    token: String,
}

/// What a page wants to receive.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    sdp: String,
    token: String,
}

#[derive(Serialize)]
struct Received {
    /// SDP answer.
    sdp: String,
}

fn grant(app: &App, room: RoomId, part: Part) -> MediaGrant {
    MediaGrant {
        office: app.config.office.id.clone(),
        room,
        participant: ParticipantId::random(),
        role: RoomRole::Guest,
        publish: match part {
            Part::Bring => vec![MediaSource::Camera, MediaSource::Microphone],
            Part::Watch => Vec::new(),
        },
        subscribe: part == Part::Watch,
        data: DataGrant::None,
        // Nobody but the page itself is there; callers are in rooms that a node may read only.
        encryption: Encryption::Off,
    }
}

fn check_origin(app: &App, headers: &HeaderMap, uri: &Uri) -> Result<(), Refusal> {
    if is_own_origin(headers, uri, &app.config.web.public_url, true) {
        Ok(())
    } else {
        Err(Fault::NotAllowedHere.into())
    }
}

/// POST /api/practice/send: makes a room, and takes what the page sends.
async fn send(visitor: Visitor, headers: HeaderMap, uri: Uri, body: Body<Sent>) -> Result<Json<Begun>, Failure> {
    let app = &visitor.app;
    check_origin(app, &headers, &uri)?;
    let Sent { sdp } = read(body, "sdp")?;
    let now = runtime::now();
    let is_allowed = app.practices.sent.wrong(visitor.address, now).is_some();
    let place = app.practices.take().filter(|_| is_allowed).ok_or(Fault::TooMany)?;
    let room = RoomId::random();
    let sdp = broadcast::call(app, grant(app, room.clone(), Part::Bring), Part::Bring, sdp).await?;
    let token = app
        .keys
        .media
        .sign(grant(app, room.clone(), Part::Watch), now, now.plus(MEDIA_TOKEN_LASTS))
        .map_err(|error| {
            tracing::error!(%error, "a media token can't be signed");
            Fault::Internal
        })?;
    end_in_time(app, room, place);
    Ok(Json(Begun { sdp, token }))
}

/// Closes a room when its time is up; that it is empty before is the node's to see.
fn end_in_time(app: &Arc<App>, room: RoomId, place: Place) {
    let ending = Arc::clone(app);
    app.shutdown.spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(LASTS) => {}
            () = ending.shutdown.started() => {}
        }
        ending.nodes.close_room(room);
        drop(place);
    });
}

/// POST /api/practice/receive: gives the page what it sends.
async fn receive(
    visitor: Visitor,
    headers: HeaderMap,
    uri: Uri,
    body: Body<Wanted>,
) -> Result<Json<Received>, Failure> {
    let app = &visitor.app;
    check_origin(app, &headers, &uri)?;
    let Wanted { sdp, token } = read(body, "sdp")?;
    if app.practices.received.wrong(visitor.address, runtime::now()).is_none() {
        return Err(Fault::TooMany.into());
    }
    let granted: MediaGrant = app
        .keys
        .media
        .verify(&token, runtime::now())
        .map_err(|_| Refusal::of_field(Fault::BadRequest, "token"))?;
    // Tokens of calls are none of this: they are not for callers.
    let is_practice = granted.publish.is_empty() && granted.role == RoomRole::Guest && granted.data == DataGrant::None;
    if !is_practice {
        return Err(Refusal::of_field(Fault::BadRequest, "token").into());
    }
    let sdp = broadcast::call(app, granted, Part::Watch, sdp).await?;
    Ok(Json(Received { sdp }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_bounded_and_come_back() {
        let practices = Practices::default();
        let mut places: Vec<Place> = (0..MOST).filter_map(|_| practices.take()).collect();
        assert_eq!(places.len(), MOST);
        assert!(practices.take().is_none());
        places.pop();
        assert!(practices.take().is_some());
    }
}
