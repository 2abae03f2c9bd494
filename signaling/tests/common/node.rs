//! A media node's side of the control protocol over a real socket: rooms, participants and tokens as the
//! protocol says, with invented SDP. The real node is tested end to end elsewhere.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use protocol::control::{AnswerBody, BUSY, DRAINING, NodeFrame, NodeRequest, OutReason, RequestBody};
use protocol::grants::{MediaGrant, NodeGrant, TokenKey};
use protocol::ids::{NodeId, ParticipantId, RoomId};
use protocol::problem::Problem;
use store::Store;
use store::nodes::NodeRecord;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

use super::office::Office;

type News = mpsc::UnboundedSender<NodeFrame>;

#[derive(Default)]
pub struct Memory {
    pub participants: BTreeMap<(RoomId, ParticipantId), MediaGrant>,
    pub requests: Vec<RequestBody>,
    /// How many ICE restarts there were: another session has another name.
    pub restarts: usize,
    /// It takes no new rooms, and says so in its heartbeat.
    pub is_draining: bool,
    /// Its heartbeat fails; everything else works.
    pub has_no_redis: bool,
    /// Its machine is gone without a word: connections stay open, nothing comes any more.
    pub is_frozen: bool,
    /// Where news go: the connection that joined last.
    connections: BTreeMap<ParticipantId, News>,
    revision: u32,
}

pub struct Node {
    pub id: NodeId,
    pub memory: Arc<Mutex<Memory>>,
    pub address: SocketAddr,
    tasks: JoinSet<()>,
}

impl Node {
    pub async fn start(office: &Office) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self::on(office, listener).await
    }

    /// A new life on the same address.
    pub async fn start_at(office: &Office, address: SocketAddr) -> Self {
        let listener = super::until("the address", || async { TcpListener::bind(address).await.ok() }).await;
        Self::on(office, listener).await
    }

    async fn on(office: &Office, listener: TcpListener) -> Self {
        let (id, memory) = (NodeId::random(), Arc::new(Mutex::new(Memory::default())));
        let address = listener.local_addr().unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(heartbeat(
            office.store.clone(),
            NodeRecord {
                id: id.clone(),
                control: address,
                version: "test".into(),
                participants: 0,
                workers: 1,
                load_permille: 0,
                draining: false,
            },
            Arc::clone(&memory),
        ));
        let keys = Keys {
            node: office.secrets().node_key().unwrap(),
            media: office.secrets().media_key().unwrap(),
            id: id.clone(),
        };
        let shared = Arc::clone(&memory);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, keys.clone(), Arc::clone(&shared)));
            }
        });
        Self {
            id,
            memory,
            address,
            tasks,
        }
    }

    /// Ends it without a word: sockets close, the heartbeat fades.
    pub async fn kill(mut self) {
        self.tasks.shutdown().await;
    }

    /// Takes no new rooms from now on.
    pub async fn drain(&self, office: &Office) {
        self.memory.lock().unwrap().is_draining = true;
        super::until("the heartbeat says so", || async {
            let alive = store::nodes::alive(&office.store.live).await.ok()?;
            alive.iter().find(|it| it.id == self.id)?.draining.then_some(())
        })
        .await;
    }

    /// The end of its drain: everybody is told to go on elsewhere.
    pub fn let_go(&self) {
        let mut memory = self.memory.lock().unwrap();
        for (room, participant) in std::mem::take(&mut memory.participants).into_keys() {
            let event = AnswerBody::Out {
                room,
                participant: participant.clone(),
                reason: OutReason::Draining,
            };
            memory.tell(&participant, event);
        }
    }

    pub fn participants(&self) -> usize {
        self.memory.lock().unwrap().participants.len()
    }
}

async fn heartbeat(store: Store, mut record: NodeRecord, memory: Arc<Mutex<Memory>>) {
    loop {
        let is_heard = {
            let memory = memory.lock().unwrap();
            record.draining = memory.is_draining;
            !memory.is_frozen && !memory.has_no_redis
        };
        if !is_heard {
            return;
        }
        let _ = store::nodes::heartbeat(&store.live, &record).await;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
}

#[derive(Clone)]
struct Keys {
    node: TokenKey,
    media: TokenKey,
    id: NodeId,
}

async fn serve(stream: TcpStream, keys: Keys, memory: Arc<Mutex<Memory>>) {
    let is_allowed = |request: &Request| {
        let token = request.headers().get("authorization")?.to_str().ok()?;
        let grant: NodeGrant = keys.node.verify(token.strip_prefix("Bearer ")?, runtime::now()).ok()?;
        (grant.node == keys.id && request.uri().path() == "/control").then_some(())
    };
    #[allow(clippy::result_large_err)]
    let callback = |request: &Request, response: Response| match is_allowed(request) {
        Some(()) => Ok(response),
        None => {
            let mut refused = ErrorResponse::new(None);
            *refused.status_mut() = reqwest::StatusCode::UNAUTHORIZED;
            Err(refused)
        }
    };
    frozen(&memory).await;
    let Ok(mut socket) = tokio_tungstenite::accept_hdr_async(stream, callback).await else {
        return;
    };
    let (news, mut incoming) = mpsc::unbounded_channel();
    loop {
        tokio::select! {
            frame = incoming.recv() => {
                let text = serde_json::to_string(&frame.unwrap()).unwrap();
                if socket.send(Message::text(text)).await.is_err() {
                    return;
                }
            }
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    frozen(&memory).await;
                    let request: NodeRequest = serde_json::from_str(&text).unwrap();
                    let mut memory = memory.lock().unwrap();
                    memory.answer(request, &keys, &news);
                }
                Some(Ok(_)) => {}
                _ => return,
            },
        }
    }
}

/// Waits for ever when the machine is gone.
async fn frozen(memory: &Arc<Mutex<Memory>>) {
    if memory.lock().unwrap().is_frozen {
        std::future::pending::<()>().await;
    }
}

impl Memory {
    fn answer(&mut self, request: NodeRequest, keys: &Keys, news: &News) {
        self.requests.push(request.body.clone());
        let mut offers = Vec::new();
        let body = match request.body {
            RequestBody::Hello { .. } => AnswerBody::Welcome { node: keys.id.clone() },
            RequestBody::Join { token, has_connections } => {
                match keys.media.verify::<MediaGrant>(&token, runtime::now()) {
                    Ok(grant) => self.join(grant, has_connections, news),
                    Err(error) => AnswerBody::Error {
                        problem: Problem::new(401, "token", error.to_string()),
                    },
                }
            }
            RequestBody::Publish {
                room, participant, sdp, ..
            } => {
                let others = self.participants.keys();
                offers = others
                    .filter(|(other_room, other)| *other_room == room && *other != participant)
                    .map(|(_, other)| other.clone())
                    .collect();
                AnswerBody::Published {
                    sdp: format!("answer to {sdp}"),
                }
            }
            RequestBody::Mute {
                room,
                participant,
                source,
                muted,
            } => {
                let others = self
                    .participants
                    .keys()
                    .filter(|it| it.0 == room && it.1 != participant);
                for (room, other) in others {
                    let event = AnswerBody::Muted {
                        room: room.clone(),
                        participant: other.clone(),
                        by: participant.clone(),
                        source,
                        muted,
                    };
                    self.tell(other, event);
                }
                AnswerBody::Ok
            }
            RequestBody::Ingest { token, sdp } | RequestBody::Watch { token, sdp } => {
                match keys.media.verify::<MediaGrant>(&token, runtime::now()) {
                    Ok(grant) => self.call(grant, &sdp),
                    Err(error) => AnswerBody::Error {
                        problem: Problem::new(401, "token", error.to_string()),
                    },
                }
            }
            RequestBody::Ice {
                room,
                participant,
                restart,
            } => match self.participants.contains_key(&(room, participant)) {
                true => {
                    self.restarts += usize::from(restart.is_some());
                    AnswerBody::Ice {
                        ufrag: format!("ufrag{}", self.restarts),
                        fragment: restart.map(|it| format!("a=ice-ufrag:to-{}\r\n", it.ufrag)),
                    }
                }
                false => AnswerBody::Error {
                    problem: Problem::new(404, "not-in-room", "not in room"),
                },
            },
            RequestBody::CloseRoom { room } => {
                let (gone, kept) = std::mem::take(&mut self.participants)
                    .into_iter()
                    .partition(|((other, _), _)| *other == room);
                self.participants = kept;
                let gone: BTreeMap<(RoomId, ParticipantId), MediaGrant> = gone;
                for (room, participant) in gone.into_keys() {
                    let event = AnswerBody::Out {
                        room,
                        participant: participant.clone(),
                        reason: OutReason::RoomClosed,
                    };
                    self.tell(&participant, event);
                }
                AnswerBody::Ok
            }
            RequestBody::Answer { .. } | RequestBody::View { .. } | RequestBody::Restart { .. } | RequestBody::Ping => {
                AnswerBody::Ok
            }
            RequestBody::Leave { room, participant } | RequestBody::Kick { room, participant } => {
                self.participants.remove(&(room, participant));
                AnswerBody::Ok
            }
            RequestBody::Drain { .. } | RequestBody::Status => {
                panic!("signaling doesn't ask this")
            }
        };
        let id = Some(request.id);
        let _ = news.send(NodeFrame { id, body });
        for participant in offers {
            self.offer(&participant);
        }
    }

    fn join(&mut self, grant: MediaGrant, has_connections: bool, news: &News) -> AnswerBody {
        if self.is_draining && self.participants.keys().all(|(room, _)| *room != grant.room) {
            return AnswerBody::Error {
                problem: Problem::new(503, DRAINING, "draining"),
            };
        }
        let key = (grant.room.clone(), grant.participant.clone());
        let was_there = self.participants.insert(key.clone(), grant).is_some();
        self.connections.insert(key.1.clone(), news.clone());
        AnswerBody::Joined {
            room: key.0,
            participant: key.1,
            fresh: !(was_there && has_connections),
        }
    }

    /// One offer, one answer; one who brings at a time.
    fn call(&mut self, grant: MediaGrant, sdp: &str) -> AnswerBody {
        let refused = |status, kind| AnswerBody::Error {
            problem: Problem::new(status, kind, kind),
        };
        if self.is_draining {
            return refused(503, DRAINING);
        }
        let mut others = self.participants.values().filter(|it| it.room == grant.room);
        if !grant.publish.is_empty() && others.any(|it| !it.publish.is_empty()) {
            return refused(409, BUSY);
        }
        self.participants
            .insert((grant.room.clone(), grant.participant.clone()), grant);
        AnswerBody::Published {
            sdp: format!("answer to {sdp}a=ice-ufrag:ufrag{}\r\n", self.restarts),
        }
    }

    fn offer(&mut self, participant: &ParticipantId) {
        self.revision += 1;
        let room = self
            .participants
            .keys()
            .find(|(_, it)| it == participant)
            .map(|(room, _)| room.clone())
            .unwrap();
        let event = AnswerBody::Offer {
            room,
            participant: participant.clone(),
            revision: self.revision,
            sdp: format!("offer {}", self.revision),
            tracks: Vec::new(),
        };
        self.tell(participant, event);
    }

    fn tell(&self, participant: &ParticipantId, body: AnswerBody) {
        if let Some(connection) = self.connections.get(participant) {
            let _ = connection.send(NodeFrame { id: None, body });
        }
    }
}
