//! Connections to media nodes: one control WebSocket to each node in use. `link` keeps one up.
//!
//! Invariant: a node that is lost is told so to the [`Listener`] exactly once, and its link never comes
//! back: a node's next life has another id.

mod link;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::control::{AnswerBody, RequestBody};
use protocol::grants::{MediaGrant, MediaSource, TokenKey};
use protocol::ids::{NodeId, ParticipantId, RoomId};
use runtime::Shutdown;
use store::Db;
use store::consultations::Record;
use tokio::sync::oneshot;

use crate::live::Hub;
use crate::problem::{Fault, Refusal};

pub(crate) use link::Link;

/// Hears of what nodes tell. Called in the order in which the node told it, and must not block.
pub(crate) trait Listener: std::fmt::Debug + Send + Sync {
    /// An event of a participant.
    fn told(&self, event: AnswerBody);
    /// The node is gone, with everything in it.
    fn lost(&self, node: &NodeId);
    /// The node forgot a participant.
    fn forgotten(&self, participant: &ParticipantId);
    /// The node ends, and this participant is to go on on another one.
    fn let_go(&self, node: &NodeId, participant: &ParticipantId);
}

/// All links, by node.
#[derive(Debug, Clone)]
pub(crate) struct Nodes {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    live: Db,
    node_key: TokenKey,
    media_key: TokenKey,
    instance: String,
    listener: Arc<dyn Listener>,
    shutdown: Shutdown,
    links: Mutex<HashMap<NodeId, Arc<Link>>>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, HashMap<NodeId, Arc<Link>>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets that a room is on this node.
    async fn release(&self, room: &RoomId, from: &NodeId) {
        if let Err(error) = store::nodes::release(&self.live, room, from).await {
            tracing::debug!(%room, %error, "a room's place could not be forgotten");
        }
    }
}

impl Nodes {
    /// No link yet.
    pub(crate) fn new(
        live: Db,
        node_key: TokenKey,
        media_key: TokenKey,
        listener: Arc<dyn Listener>,
        shutdown: Shutdown,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                live,
                node_key,
                media_key,
                instance: format!("signaling-{}", std::process::id()),
                listener,
                shutdown,
                links: Mutex::default(),
            }),
        }
    }

    /// The link to the node that holds a room, connected.
    ///
    /// # Errors
    /// [`Fault::NoMedia`] when no node is alive or it can't be reached now, [`Fault::StoreDown`].
    pub(crate) async fn for_room(&self, room: &RoomId) -> Result<Arc<Link>, Refusal> {
        // A node that is heard lives, though its heartbeat be late or Redis have just come back without it: a room
        // that moved then would part people who talk.
        if let Some(node) = store::nodes::place(&self.shared.live, room).await? {
            let link = self.shared.lock().get(&node).map(Arc::clone);
            if let Some(link) = link.filter(|link| link.is_connected()) {
                return Ok(link);
            }
        }
        let record = store::nodes::assign(&self.shared.live, room)
            .await?
            .ok_or(Fault::NoMedia)?;
        let link = {
            let mut links = self.shared.lock();
            match links.get(&record.id) {
                Some(link) => Arc::clone(link),
                None => {
                    let link = link::start(Arc::clone(&self.shared), record.clone());
                    links.insert(record.id, Arc::clone(&link));
                    link
                }
            }
        };
        link.connected().await?;
        Ok(link)
    }

    /// A node that drains refused a room that was just given to it: the next who asks gets another.
    pub(crate) async fn release(&self, room: &RoomId, from: &NodeId) {
        self.shared.release(room, from).await;
    }

    /// Puts somebody out of a room who may not be in it any more, in the background; `is_for_good`: they can't come back with
    /// what they have. Asked again until the node has heard it, or they may be there again.
    pub(crate) fn put_out(&self, hub: Arc<Hub>, record: &Record, participant: ParticipantId, is_for_good: bool) {
        const TRIES: u32 = 40;
        const TRY_AGAIN_AFTER: Duration = Duration::from_millis(500);
        let nodes = self.clone();
        let (consultation, room) = (record.id.clone(), record.room.clone());
        self.shared.shutdown.spawn(async move {
            for _ in 0..TRIES {
                if hub.is_member(&consultation, &participant) {
                    return;
                }
                let (in_room, room, who) = (room.clone(), room.clone(), participant.clone());
                let body = if is_for_good {
                    RequestBody::Kick { room, participant: who }
                } else {
                    RequestBody::Leave { room, participant: who }
                };
                if nodes.ask(&in_room, body).await {
                    return;
                }
                tokio::time::sleep(TRY_AGAIN_AFTER).await;
            }
            tracing::error!(%consultation, "somebody could not be put out of the media room");
        });
    }

    /// Forwards nothing of somebody's microphone until they switch it on again, in the background.
    pub(crate) fn silence(&self, room: RoomId, participant: ParticipantId) {
        let nodes = self.clone();
        self.shared.shutdown.spawn(async move {
            let body = RequestBody::Mute {
                room: room.clone(),
                participant,
                source: MediaSource::Microphone,
                muted: true,
            };
            // Who isn't heard by the node is silent anyway; their page hears of it, and switches off by itself.
            nodes.ask(&room, body).await;
        });
    }

    /// Asks the node that holds a room. Whether it has answered.
    async fn ask(&self, room: &RoomId, body: RequestBody) -> bool {
        let Ok(link) = self.for_room(room).await else {
            return false;
        };
        let (answered, answer) = oneshot::channel();
        link.request(
            body,
            Box::new(move |reply| {
                // Nobody waits any more.
                let _ = answered.send(reply.is_ok());
            }),
        );
        answer.await.unwrap_or(false)
    }

    /// Ends a room for all, in the background: what the node doesn't hear now it learns from silence.
    pub(crate) fn close_room(&self, room: RoomId) {
        let nodes = self.clone();
        self.shared.shutdown.spawn(async move {
            if let Ok(link) = nodes.for_room(&room).await {
                let told = room.clone();
                link.request(
                    RequestBody::CloseRoom { room: room.clone() },
                    Box::new(move |answer| {
                        if let Err(refusal) = answer {
                            tracing::debug!(room = %told, ?refusal, "a room could not be closed");
                        }
                    }),
                );
            }
            if let Err(error) = store::nodes::forget_room(&nodes.shared.live, &room).await {
                tracing::debug!(%error, "a room's node could not be forgotten");
            }
        });
    }
}

/// What becomes of a request: the node's answer, or why there is none.
pub(crate) type Reply = Box<dyn FnOnce(Result<AnswerBody, Refusal>) + Send>;

/// A participant on a node, with what it takes to come back.
type Attached = HashMap<ParticipantId, MediaGrant>;
