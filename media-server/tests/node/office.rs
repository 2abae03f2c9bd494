//! A node with its keys, and signaling's end of the control WebSocket.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use media_server::net::node::{Keys, Node};
use protocol::config::Config;
use protocol::control::{AnswerBody, NodeFrame, NodeRequest, RequestBody, VERSION};
use protocol::grants::{DataGrant, Encryption, MediaGrant, MediaSource, NodeGrant, RoomRole, TokenKey};
use protocol::ids::{NodeId, OfficeId, ParticipantId, RoomId};
use runtime::Shutdown;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::{Mutex, broadcast, oneshot};
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::{Error as WsError, Message};

/// How long anything may take before the test fails.
pub const LIMIT: Duration = Duration::from_secs(20);

pub struct Office {
    pub node_id: NodeId,
    pub control: SocketAddr,
    pub udp: SocketAddr,
    pub tcp: SocketAddr,
    pub media_key: TokenKey,
    pub node_key: TokenKey,
    pub shutdown: Shutdown,
    pub finished: tokio::task::JoinHandle<()>,
    pub dir: tempfile::TempDir,
}

impl Office {
    pub async fn open() -> Self {
        Self::open_with("").await
    }

    /// With further lines in `[media]`.
    pub async fn open_with(media: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let text = config("127.0.0.1:0") + media;
        let config = Config::parse(Path::new("test.toml"), &text)
            .unwrap()
            .resolve(dir.path());
        let (media_key, node_key) = (TokenKey::new(&[1; 32]).unwrap(), TokenKey::new(&[2; 32]).unwrap());
        let keys = Keys {
            media: media_key.clone(),
            node: node_key.clone(),
        };
        let shutdown = Shutdown::new();
        let node = Node::start(&config, keys, shutdown.clone()).await.unwrap();
        let (node_id, control) = (node.id().clone(), node.control());
        let (udp, tcp) = (node.udp(), node.tcp().unwrap());
        Self {
            node_id,
            control,
            udp,
            tcp,
            media_key,
            node_key,
            shutdown,
            finished: tokio::spawn(node.finish(LIMIT)),
            dir,
        }
    }

    pub async fn close(self) {
        self.shutdown.start();
        tokio::time::timeout(LIMIT, self.finished).await.unwrap().unwrap();
    }

    pub fn node_token(&self, key: &TokenKey, node: &NodeId) -> String {
        let grant = NodeGrant {
            instance: "test".to_owned(),
            node: node.clone(),
        };
        key.sign(grant, runtime::now(), runtime::now().plus(LIMIT)).unwrap()
    }

    pub fn media_token(&self, name: &str, publish: &[MediaSource]) -> String {
        self.media_token_for(room(), name, publish)
    }

    pub fn media_token_for(&self, room: RoomId, name: &str, publish: &[MediaSource]) -> String {
        sign_media(&self.media_key, room, name, publish, DataGrant::None)
    }

    /// One that also says what may be done with data messages.
    pub fn talking_token(&self, name: &str, publish: &[MediaSource], data: DataGrant) -> String {
        sign_media(&self.media_key, room(), name, publish, data)
    }

    /// Tries to open the control WebSocket. The HTTP status where it is refused.
    pub async fn connect(&self, path: &str, token: Option<&str>) -> Result<Signaling, u16> {
        connect(self.control, path, token).await
    }

    /// Signaling, greeted.
    pub async fn signaling(&self) -> Signaling {
        let token = self.node_token(&self.node_key, &self.node_id);
        greet(self.control, &self.node_id, &token).await
    }

    pub async fn get(&self, path: &str) -> String {
        let mut stream = tokio::net::TcpStream::connect(self.control).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: node\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).await.unwrap();
        response
    }

    /// One metric's value.
    pub async fn metric(&self, name: &str) -> u64 {
        let text = self.get("/metrics").await;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("{name} in {text}")).parse().unwrap()
    }
}

pub fn sign_media(key: &TokenKey, room: RoomId, name: &str, publish: &[MediaSource], data: DataGrant) -> String {
    let grant = MediaGrant {
        office: OfficeId::new("minami").unwrap(),
        room,
        participant: ParticipantId::new(name).unwrap(),
        role: RoomRole::Guest,
        publish: publish.to_vec(),
        subscribe: true,
        data,
        encryption: Encryption::Off,
    };
    key.sign(grant, runtime::now(), runtime::now().plus(LIMIT)).unwrap()
}

async fn connect(control: SocketAddr, path: &str, token: Option<&str>) -> Result<Signaling, u16> {
    let mut request = format!("ws://{control}{path}").into_client_request().unwrap();
    if let Some(token) = token {
        let value = format!("Bearer {token}").parse().unwrap();
        request.headers_mut().insert("authorization", value);
    }
    match tokio_tungstenite::connect_async(request).await {
        Ok((socket, _)) => Ok(Signaling::start(socket)),
        Err(WsError::Http(response)) => Err(response.status().as_u16()),
        Err(other) => panic!("{other}"),
    }
}

/// Opens the control WebSocket of a node and says hello.
pub async fn greet(control: SocketAddr, node: &NodeId, token: &str) -> Signaling {
    let signaling = connect(control, "/control", Some(token)).await.expect("a good token");
    let welcome = signaling.ask(RequestBody::Hello { version: VERSION }).await;
    assert_eq!(welcome, AnswerBody::Welcome { node: node.clone() });
    signaling
}

/// An office's configuration in its own folder, its node's control at this address.
pub fn config(control: &str) -> String {
    format!(
        r#"
[office]
id = "minami"
name = {{ ja = "南区役所" }}
telephone = "072-000-0000"
[paths]
run = "."
secrets = "secrets"
content = "."
rigs = "."
[web]
listen = "127.0.0.1:0"
public_url = "https://localhost"
[media]
udp = "127.0.0.1:0"
tcp = "127.0.0.1:0"
control = "{control}"
"#
    )
}

pub fn room() -> RoomId {
    RoomId::new("room-1").unwrap()
}

type Waiting = Arc<Mutex<HashMap<u64, oneshot::Sender<AnswerBody>>>>;

/// Signaling's end of a control connection.
pub struct Signaling {
    out: tokio::sync::mpsc::Sender<String>,
    waiting: Waiting,
    pub events: broadcast::Sender<AnswerBody>,
    next: AtomicU64,
    pub ended: tokio::task::JoinHandle<()>,
}

impl Signaling {
    fn start<S>(socket: tokio_tungstenite::WebSocketStream<S>) -> Self
    where
        S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    {
        let (out, mut outbox) = tokio::sync::mpsc::channel::<String>(64);
        let (events, _) = broadcast::channel(256);
        let waiting: Waiting = Arc::default();
        let (heard, answers) = (events.clone(), Arc::clone(&waiting));
        let (mut sink, mut stream) = socket.split();
        let ended = tokio::spawn(async move {
            loop {
                tokio::select! {
                    text = outbox.recv() => match text {
                        Some(text) => sink.send(Message::Text(text.into())).await.unwrap(),
                        None => return,
                    },
                    message = stream.next() => match message {
                        Some(Ok(Message::Text(text))) => {
                            let frame: NodeFrame = serde_json::from_str(&text).unwrap();
                            match frame.id {
                                Some(id) => {
                                    let answer = answers.lock().await.remove(&id).expect("asked for");
                                    let _ = answer.send(frame.body);
                                }
                                None => drop(heard.send(frame.body)),
                            }
                        }
                        Some(Ok(_)) => {}
                        Some(Err(_)) | None => return,
                    }
                }
            }
        });
        Self {
            out,
            waiting,
            events,
            next: AtomicU64::new(1),
            ended,
        }
    }

    pub async fn ask(&self, body: RequestBody) -> AnswerBody {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().await.insert(id, sender);
        self.send_raw(serde_json::to_string(&NodeRequest { id, body }).unwrap())
            .await;
        tokio::time::timeout(LIMIT, answer)
            .await
            .expect("in time")
            .expect("an answer")
    }

    /// Sends any text; what is answered to `id` comes back.
    pub async fn ask_raw(&self, id: u64, text: &str) -> AnswerBody {
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().await.insert(id, sender);
        self.send_raw(text.to_owned()).await;
        tokio::time::timeout(LIMIT, answer)
            .await
            .expect("in time")
            .expect("an answer")
    }

    /// A hand that can answer offers.
    pub fn clone_for_answers(&self) -> Answers {
        Answers {
            out: self.out.clone(),
            waiting: Arc::clone(&self.waiting),
        }
    }

    pub async fn send_raw(&self, text: String) {
        self.out.send(text).await.unwrap();
    }
}

/// Answers offers on a connection of signaling.
pub struct Answers {
    out: tokio::sync::mpsc::Sender<String>,
    waiting: Waiting,
}

impl Answers {
    pub async fn answer(&self, room: RoomId, participant: ParticipantId, revision: u32, sdp: String) {
        // Apart from those that `Signaling::ask` counts up to.
        static NEXT: AtomicU64 = AtomicU64::new(1 << 32);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let (sender, answer) = oneshot::channel();
        self.waiting.lock().await.insert(id, sender);
        let body = RequestBody::Answer {
            room,
            participant,
            revision,
            sdp,
        };
        let text = serde_json::to_string(&NodeRequest { id, body }).unwrap();
        self.out.send(text).await.unwrap();
        let answer = tokio::time::timeout(LIMIT, answer).await.expect("in time");
        assert_eq!(answer.expect("an answer"), AnswerBody::Ok);
    }
}
