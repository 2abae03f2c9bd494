//! One node's control WebSocket: requests out by id, answers and events in, in order. It heals itself
//! while the node lives: after a break every participant is joined again, so that their news come here.
//!
//! A node is dead when its port is closed or somebody else's; or, when its machine is gone without a word, when it
//! answers no pings and its heartbeat has faded too. Either alone may be the network's fault, or Redis'.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use protocol::control::{AnswerBody, NodeFrame, NodeRequest, OutReason, RequestBody, VERSION};
use protocol::grants::{MEDIA_TOKEN_LASTS, MediaGrant, NodeGrant};
use protocol::ids::{NodeId, ParticipantId, RoomId};
use protocol::signal::MAX_FRAME;
use store::nodes::NodeRecord;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async_with_config};

use super::{Attached, Reply, Shared};
use crate::problem::{Fault, Refusal};

/// Requests not yet sent. Full: the next is refused with [`Fault::NoMedia`].
const REQUESTS: usize = 512;
/// How long the node may take to answer a request, and this side to connect.
const ANSWERED_IN: Duration = Duration::from_secs(5);
const CONNECTED_IN: Duration = Duration::from_secs(2);
const PING_EVERY: Duration = Duration::from_millis(500);
/// A node that is silent for so long has a broken connection. Short: calls stand still meanwhile. A node that is only
/// slow loses nothing by it: its participants are joined again as they are.
const SILENT_FOR: Duration = Duration::from_secs(2);
const TRY_AGAIN_AFTER: Duration = Duration::from_millis(200);
/// While there is no connection, it is looked so often whether the heartbeat has faded.
const HEART_LOOKED_AT: Duration = Duration::from_millis(250);
/// How long a request waits for a connection that is being made.
const CONNECTION_WAITED_FOR: Duration = Duration::from_secs(3);
/// A token for the control connection.
const TOKEN_LASTS: Duration = Duration::from_secs(60);

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Connecting,
    Connected,
    Gone,
}

enum Command {
    Request(RequestBody, Reply),
    Attach(MediaGrant),
    Detach(ParticipantId),
}

/// A handle to one node's link.
#[derive(Debug)]
pub(crate) struct Link {
    node: NodeId,
    commands: mpsc::Sender<Command>,
    state: watch::Receiver<State>,
}

impl std::fmt::Debug for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Command")
    }
}

impl Link {
    /// Which node.
    pub(crate) fn node(&self) -> &NodeId {
        &self.node
    }

    /// Whether the node is heard now.
    pub(crate) fn is_connected(&self) -> bool {
        *self.state.borrow() == State::Connected
    }

    /// Waits a little until the link is up.
    ///
    /// # Errors
    /// [`Fault::NoMedia`] when it isn't in time, or the node is gone.
    pub(crate) async fn connected(&self) -> Result<(), Refusal> {
        let mut state = self.state.clone();
        let settled = tokio::time::timeout(
            CONNECTION_WAITED_FOR,
            state.wait_for(|state| *state != State::Connecting),
        );
        match settled.await {
            Ok(Ok(state)) if *state == State::Connected => Ok(()),
            _ => Err(Fault::NoMedia.into()),
        }
    }

    /// Asks the node. `reply` is called with its answer, before anything that the node tells later.
    pub(crate) fn request(&self, body: RequestBody, reply: Reply) {
        if let Err(error) = self.commands.try_send(Command::Request(body, reply)) {
            let (mpsc::error::TrySendError::Full(command) | mpsc::error::TrySendError::Closed(command)) = error;
            refuse(command);
        }
    }

    /// Has a participant joined again by itself after the link broke.
    pub(crate) fn attach(&self, grant: MediaGrant) {
        // Full: the node hears nothing anyway; the client is told to join again when the node is lost.
        let _ = self.commands.try_send(Command::Attach(grant));
    }

    /// Takes a participant out of a room, as far as the node hears it.
    pub(crate) fn leave(&self, room: &RoomId, participant: &ParticipantId) {
        self.detach(participant);
        let body = RequestBody::Leave {
            room: room.clone(),
            participant: participant.clone(),
        };
        // Whoever put them out asks again where the node doesn't hear it now.
        self.request(body, Box::new(|_| {}));
    }

    /// The node didn't let a participant in: it isn't joined again by itself.
    pub(crate) fn detach(&self, participant: &ParticipantId) {
        // Full: as above.
        let _ = self.commands.try_send(Command::Detach(participant.clone()));
    }
}

fn refuse(command: Command) {
    if let Command::Request(_, reply) = command {
        reply(Err(Fault::NoMedia.into()));
    }
}

/// Starts a link's task.
pub(super) fn start(shared: Arc<Shared>, record: NodeRecord) -> Arc<Link> {
    let (commands, incoming) = mpsc::channel(REQUESTS);
    let (state, watched) = watch::channel(State::Connecting);
    let link = Arc::new(Link {
        node: record.id.clone(),
        commands,
        state: watched,
    });
    let task = Task {
        attached: Attached::new(),
        waiting: HashMap::new(),
        next_id: 0,
        incoming,
        state,
        record,
        shared: Arc::clone(&shared),
    };
    shared.shutdown.spawn(task.run());
    link
}

struct Task {
    shared: Arc<Shared>,
    record: NodeRecord,
    incoming: mpsc::Receiver<Command>,
    state: watch::Sender<State>,
    attached: Attached,
    waiting: HashMap<u64, (Instant, Reply)>,
    next_id: u64,
}

/// Why there is no connection.
enum NoConnection {
    /// Nobody there, or somebody else: the node is dead.
    Dead,
    /// It may come back.
    Trouble,
}

impl Task {
    async fn run(mut self) {
        let node = self.record.id.clone();
        loop {
            let is_dead = match self.reach().await {
                Ok(socket) => {
                    tracing::info!(%node, "connected to a media node");
                    self.state.send_replace(State::Connected);
                    self.serve(socket).await;
                    self.state.send_replace(State::Connecting);
                    self.refuse_waiting();
                    false
                }
                Err(NoConnection::Dead) => true,
                Err(NoConnection::Trouble) => false,
            };
            if self.shared.shutdown.is_started() {
                return;
            }
            if is_dead {
                break;
            }
            tokio::time::sleep(TRY_AGAIN_AFTER).await;
        }
        tracing::warn!(%node, "a media node is gone");
        self.shared.lock().remove(&node);
        self.state.send_replace(State::Gone);
        self.incoming.close();
        while let Some(command) = self.incoming.recv().await {
            refuse(command);
        }
        // Its rooms may go to another node at once, not when its heartbeat has faded.
        if let Err(error) = store::nodes::remove(&self.shared.live, &node).await {
            tracing::debug!(%error, "a dead node could not be taken off the list");
        }
        self.shared.listener.lost(&node);
    }

    /// Connects, unless the node's heartbeat fades before.
    async fn reach(&mut self) -> Result<Socket, NoConnection> {
        let (shared, node) = (Arc::clone(&self.shared), self.record.id.clone());
        let faded = async {
            loop {
                tokio::time::sleep(HEART_LOOKED_AT).await;
                // Redis is away: nobody knows, and the attempt goes on.
                if let Ok(false) = store::nodes::is_alive(&shared.live, &node).await {
                    return;
                }
            }
        };
        tokio::select! {
            connected = self.connect() => connected,
            () = faded => Err(NoConnection::Dead),
        }
    }

    async fn connect(&mut self) -> Result<Socket, NoConnection> {
        let request = self.handshake().ok_or(NoConnection::Trouble)?;
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_FRAME))
            .max_frame_size(Some(MAX_FRAME));
        let connected = connect_async_with_config(request, Some(config), true);
        let mut socket = match tokio::time::timeout(CONNECTED_IN, connected).await {
            Ok(Ok((socket, _))) => socket,
            Ok(Err(Error::Io(error))) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                return Err(NoConnection::Dead);
            }
            // The token names the only node it is good for: somebody else lives there now.
            Ok(Err(Error::Http(response))) if response.status() == 401 || response.status() == 403 => {
                return Err(NoConnection::Dead);
            }
            Ok(Err(error)) => {
                tracing::debug!(node = %self.record.id, %error, "a media node can't be reached");
                return Err(NoConnection::Trouble);
            }
            Err(_) => return Err(NoConnection::Trouble),
        };
        let hello = self.frame(RequestBody::Hello { version: VERSION });
        socket.send(hello).await.map_err(|_| NoConnection::Trouble)?;
        match tokio::time::timeout(CONNECTED_IN, socket.next()).await {
            Ok(Some(Ok(Message::Text(text)))) => match serde_json::from_str::<NodeFrame>(&text) {
                Ok(NodeFrame {
                    body: AnswerBody::Welcome { node },
                    ..
                }) if node == self.record.id => Ok(socket),
                Ok(NodeFrame {
                    body: AnswerBody::Welcome { .. },
                    ..
                }) => Err(NoConnection::Dead),
                _ => Err(NoConnection::Trouble),
            },
            _ => Err(NoConnection::Trouble),
        }
    }

    fn handshake(&self) -> Option<tokio_tungstenite::tungstenite::handshake::client::Request> {
        let mut request = format!("ws://{}/control", self.record.control)
            .into_client_request()
            .ok()?;
        let grant = NodeGrant {
            instance: self.shared.instance.clone(),
            node: self.record.id.clone(),
        };
        let now = runtime::now();
        let token = self.shared.node_key.sign(grant, now, now.plus(TOKEN_LASTS)).ok()?;
        let value = format!("Bearer {token}").parse().ok()?;
        request.headers_mut().insert("authorization", value);
        Some(request)
    }

    fn frame(&mut self, body: RequestBody) -> Message {
        self.next_id += 1;
        let request = NodeRequest { id: self.next_id, body };
        // Plain data with text keys is always JSON.
        Message::text(serde_json::to_string(&request).unwrap_or_default())
    }

    /// Carries requests, answers and events until the connection breaks or the program ends.
    async fn serve(&mut self, mut socket: Socket) {
        for grant in self.attached.values().cloned().collect::<Vec<_>>() {
            if let Some(message) = self.rejoin(grant)
                && send(&mut socket, message).await.is_err()
            {
                return;
            }
        }
        let shutdown = self.shared.shutdown.clone();
        let mut heard = Instant::now();
        let mut ping = tokio::time::interval(PING_EVERY);
        loop {
            tokio::select! {
                frame = socket.next() => {
                    heard = Instant::now();
                    match frame {
                        Some(Ok(Message::Text(text))) => self.take(&text),
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                        Some(Ok(_)) => {}
                    }
                }
                Some(command) = self.incoming.recv() => {
                    let Some(message) = self.command(command) else { continue };
                    if send(&mut socket, message).await.is_err() {
                        return;
                    }
                }
                _ = ping.tick() => {
                    self.sweep();
                    let message = self.asked(RequestBody::Ping, Box::new(|_| {}));
                    if send(&mut socket, message).await.is_err() {
                        return;
                    }
                }
                () = tokio::time::sleep_until(heard + SILENT_FOR) => {
                    tracing::warn!(node = %self.record.id, "a media node is silent");
                    return;
                }
                () = shutdown.started() => {
                    let _ = socket.close(None).await;
                    return;
                }
            }
        }
    }

    fn command(&mut self, command: Command) -> Option<Message> {
        match command {
            Command::Request(body, reply) => {
                if let RequestBody::CloseRoom { room } = &body {
                    self.attached.retain(|_, grant| grant.room != *room);
                }
                Some(self.asked(body, reply))
            }
            Command::Attach(grant) => {
                self.attached.insert(grant.participant.clone(), grant);
                None
            }
            Command::Detach(participant) => {
                self.attached.remove(&participant);
                None
            }
        }
    }

    fn asked(&mut self, body: RequestBody, reply: Reply) -> Message {
        let message = self.frame(body);
        self.waiting.insert(self.next_id, (Instant::now() + ANSWERED_IN, reply));
        message
    }

    /// Joins a participant again who was on this node before the link broke.
    fn rejoin(&mut self, grant: MediaGrant) -> Option<Message> {
        let now = runtime::now();
        let participant = grant.participant.clone();
        let token = self
            .shared
            .media_key
            .sign(grant, now, now.plus(MEDIA_TOKEN_LASTS))
            .ok()?;
        let listener = Arc::clone(&self.shared.listener);
        let body = RequestBody::Join {
            token,
            has_connections: true,
        };
        let reply: Reply = Box::new(move |answer| {
            // No answer: the link broke again, and the next one asks again.
            if matches!(
                answer,
                Ok(AnswerBody::Joined { fresh: true, .. } | AnswerBody::Error { .. })
            ) {
                listener.forgotten(&participant);
            }
        });
        Some(self.asked(body, reply))
    }

    fn take(&mut self, text: &str) {
        let frame = match serde_json::from_str::<NodeFrame>(text) {
            Ok(frame) => frame,
            Err(error) => {
                tracing::warn!(node = %self.record.id, %error, "a media node spoke unknown words");
                return;
            }
        };
        match frame.id {
            None => {
                if let AnswerBody::Out { participant, .. } = &frame.body {
                    self.attached.remove(participant);
                }
                match frame.body {
                    AnswerBody::Out {
                        room,
                        participant,
                        reason: OutReason::Draining,
                    } => self.let_go(room, participant),
                    other => self.shared.listener.told(other),
                }
            }
            Some(id) => {
                if let Some((_, reply)) = self.waiting.remove(&id) {
                    reply(Ok(frame.body));
                }
            }
        }
    }

    /// The node ends, its rooms go on elsewhere: the place is forgotten first, so that nobody is led back here.
    fn let_go(&self, room: RoomId, participant: ParticipantId) {
        let (shared, node) = (Arc::clone(&self.shared), self.record.id.clone());
        self.shared.shutdown.spawn(async move {
            shared.release(&room, &node).await;
            shared.listener.let_go(&node, &participant);
        });
    }

    /// Requests that the node never answered.
    fn sweep(&mut self) {
        let now = Instant::now();
        for (_, (_, reply)) in self.waiting.extract_if(|_, (until, _)| *until <= now) {
            reply(Err(Fault::NoMedia.into()));
        }
    }

    fn refuse_waiting(&mut self) {
        for (_, (_, reply)) in self.waiting.drain() {
            reply(Err(Fault::NoMedia.into()));
        }
    }
}

async fn send(socket: &mut Socket, message: Message) -> Result<(), ()> {
    match tokio::time::timeout(CONNECTED_IN, socket.send(message)).await {
        Ok(Ok(())) => Ok(()),
        _ => Err(()),
    }
}
