//! Broadcasts in the store and on the media node that holds their room. Nothing of a running one is kept here: any
//! instance can end what another began.

use std::sync::Arc;
use std::time::Duration;

use axum::response::{IntoResponse, Response};
use protocol::control::{AnswerBody, DRAINING, IceCredentials, RequestBody};
use protocol::grants::{DataGrant, Encryption, MEDIA_TOKEN_LASTS, MediaGrant, MediaSource, RoomRole};
use protocol::ids::{BroadcastId, ParticipantId, RoomId};
use protocol::problem::Problem;
use store::broadcasts::{self, Record};
use tokio::sync::oneshot;
use tokio::time::MissedTickBehavior;

use super::rules::Part;
use crate::app::App;
use crate::nodes::Link;
use crate::problem::{self, Fault, Refusal};

/// How often it is looked for broadcasts whose time is up.
const OVER_LOOKED_FOR: Duration = Duration::from_secs(15);

/// A room's node may drain just when somebody comes: then it is another one's.
const ATTEMPTS: usize = 3;

/// Why something wasn't done: our own reason, or the node's.
#[derive(Debug)]
pub(crate) enum Failure {
    Ours(Refusal),
    Node(Problem),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Ours(refusal)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Ours(fault.into())
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        match self {
            Self::Ours(refusal) => refusal.into_response(),
            Self::Node(told) => problem::told(&told),
        }
    }
}

/// Somebody who brings or watches.
pub(super) struct Begun {
    pub(super) session: ParticipantId,
    /// SDP answer.
    pub(super) answer: String,
}

/// Lets somebody bring or watch.
pub(super) async fn begin(app: &App, record: &Record, part: Part, sdp: String) -> Result<Begun, Failure> {
    let session = ParticipantId::random();
    let grant = MediaGrant {
        office: app.config.office.id.clone(),
        room: record.room.clone(),
        participant: session.clone(),
        role: match part {
            Part::Bring => RoomRole::Staff,
            Part::Watch => RoomRole::Guest,
        },
        publish: match part {
            Part::Bring => vec![MediaSource::Camera, MediaSource::Microphone],
            Part::Watch => Vec::new(),
        },
        subscribe: part == Part::Watch,
        data: DataGrant::None,
        encryption: Encryption::Off,
    };
    let answer = call(app, grant, part, sdp).await?;
    tracing::info!(broadcast = %record.id, %session, ?part, "begins");
    Ok(Begun { session, answer })
}

/// Has a caller (one offer, one answer) let into a room on its node. Gives the SDP answer.
pub(crate) async fn call(app: &App, grant: MediaGrant, part: Part, sdp: String) -> Result<String, Failure> {
    let room = grant.room.clone();
    let now = runtime::now();
    let token = app.keys.media.sign(grant, now, now.plus(MEDIA_TOKEN_LASTS));
    let token = token.map_err(|error| {
        tracing::error!(%error, "a media token can't be signed");
        Fault::Internal
    })?;
    for _ in 0..ATTEMPTS {
        let link = app.nodes.for_room(&room).await?;
        let (token, sdp) = (token.clone(), sdp.clone());
        let body = match part {
            Part::Bring => RequestBody::Ingest { token, sdp },
            Part::Watch => RequestBody::Watch { token, sdp },
        };
        match ask(&link, body).await? {
            AnswerBody::Published { sdp: answer } => return Ok(answer),
            AnswerBody::Error { problem } if problem.is(DRAINING) => {
                app.nodes.release(&room, link.node()).await;
            }
            other => return Err(unexpected(other)),
        }
    }
    Err(Fault::NoMedia.into())
}

/// An ICE session: its name, and after a restart what the client has to know of it.
pub(super) async fn ice(
    app: &App,
    room: &RoomId,
    session: &ParticipantId,
    restart: Option<IceCredentials>,
) -> Result<(String, Option<String>), Failure> {
    let link = app.nodes.for_room(room).await?;
    let body = RequestBody::Ice {
        room: room.clone(),
        participant: session.clone(),
        restart,
    };
    match ask(&link, body).await? {
        AnswerBody::Ice { ufrag, fragment } => Ok((ufrag, fragment)),
        other => Err(unexpected(other)),
    }
}

/// Somebody doesn't bring or watch any more. Who isn't there is as good as gone.
pub(super) async fn end(app: &App, room: &RoomId, session: &ParticipantId) -> Result<(), Failure> {
    let link = app.nodes.for_room(room).await?;
    let body = RequestBody::Leave {
        room: room.clone(),
        participant: session.clone(),
    };
    match ask(&link, body).await? {
        AnswerBody::Ok => Ok(()),
        other => Err(unexpected(other)),
    }
}

async fn ask(link: &Link, body: RequestBody) -> Result<AnswerBody, Refusal> {
    let (answer, answered) = oneshot::channel();
    link.request(
        body,
        Box::new(move |it| {
            // Who asked may be gone.
            let _ = answer.send(it);
        }),
    );
    answered.await.unwrap_or_else(|_| Err(Fault::NoMedia.into()))
}

fn unexpected(answer: AnswerBody) -> Failure {
    match answer {
        AnswerBody::Error { problem } => Failure::Node(problem),
        other => {
            tracing::error!(?other, "a media node gave another answer than was asked for");
            Fault::Internal.into()
        }
    }
}

/// A broadcast, over or not.
pub(super) async fn get(app: &App, id: &BroadcastId) -> Result<Option<Record>, Refusal> {
    Ok(broadcasts::get(&app.store.ledger, &app.config.office.id, id).await?)
}

/// Ends a broadcast for all. False: there is none.
pub(super) async fn remove(app: &App, id: &BroadcastId) -> Result<bool, Refusal> {
    let removed = broadcasts::remove(&app.store.ledger, &app.config.office.id, id).await?;
    let is_there = removed.is_some();
    close(app, removed);
    Ok(is_there)
}

fn close(app: &App, over: impl IntoIterator<Item = Record>) {
    for record in over {
        tracing::info!(broadcast = %record.id, "a broadcast is over");
        app.nodes.close_room(record.room);
    }
}

/// Ends broadcasts whose time is up; each by one instance only.
pub(crate) async fn end_those_over(app: Arc<App>) {
    let mut tick = tokio::time::interval(OVER_LOOKED_FOR);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = app.shutdown.started() => return,
        }
        match broadcasts::take_over(&app.store.ledger, &app.config.office.id, runtime::now()).await {
            Ok(over) => close(&app, over),
            // They are looked for again.
            Err(error) => tracing::debug!(%error, "broadcasts that are over can't be looked for"),
        }
    }
}
