//! The network's side against a real server on loopback: it fetches what it lacks from a server that
//! breaks off and lies, shows a layout only when it is whole, and comes back after the server was gone.
#![allow(clippy::expect_used)]

#[path = "../common/mod.rs"]
mod common;

mod connections;
mod downloads;

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::StreamExt;
use protocol::congestion::AreaState;
use protocol::ids::ScreenId;
use protocol::screen::{Content, Layout, Manifest, Report, ScreenFrame, Text, ToScreen};
use protocol::time::UnixMillis;
use runtime::Shutdown;
use sha2::{Digest, Sha256};
use signage_player::agent::faults::Faults;
use signage_player::agent::{self, Agent, News, Settings, Ties, digest};
use signage_player::cache::Cache;
use signage_player::place::Place;
use signage_player::scene::standby;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

const LIMIT: Duration = Duration::from_secs(60);
const TOKEN: &str = "a-token";

/// What the server does with a request for content.
#[derive(Clone, Copy, PartialEq)]
enum Mood {
    /// Sends half of what is left, then cuts the connection.
    BreakOff,
    /// Sends other bytes of the same length.
    Lie,
    /// Fails.
    Fail,
}

struct Office {
    contents: Mutex<BTreeMap<String, Vec<u8>>>,
    moods: Mutex<VecDeque<Mood>>,
    /// What `Range` each request had.
    ranges: Mutex<Vec<Option<String>>>,
    manifest: Mutex<Option<Manifest>>,
    /// What the screen says.
    heard: mpsc::UnboundedSender<ScreenFrame>,
    connections: AtomicU64,
    /// On its first connection it hears nothing, and goes on speaking.
    is_deaf: AtomicBool,
    /// Ends all connections.
    gone: tokio::sync::Notify,
}

fn is_authorised(headers: &HeaderMap) -> bool {
    headers
        .get(header::AUTHORIZATION)
        .is_some_and(|it| it == &format!("Bearer {TOKEN}"))
}

async fn content(State(office): State<Arc<Office>>, Path(hash): Path<String>, headers: HeaderMap) -> Response {
    if !is_authorised(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let range = headers
        .get(header::RANGE)
        .and_then(|it| it.to_str().ok())
        .map(str::to_owned);
    office.ranges.lock().expect("lock").push(range.clone());
    let Some(whole) = office.contents.lock().expect("lock").get(&hash).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let from: usize = range
        .and_then(|it| it.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())
        .unwrap_or(0)
        .min(whole.len());
    let rest = whole[from..].to_vec();
    let total = whole.len();
    let mood = office.moods.lock().expect("lock").pop_front();
    let body = match mood {
        Some(Mood::Fail) => return StatusCode::SERVICE_UNAVAILABLE.into_response(),
        Some(Mood::Lie) => Body::from(vec![0; rest.len()]),
        Some(Mood::BreakOff) => {
            // In pieces that are sent before the end comes.
            let half = Bytes::copy_from_slice(&rest[..rest.len() / 2]);
            let pieces = (0..half.len())
                .step_by(16 << 10)
                .map(move |at| Ok(half.slice(at..half.len().min(at + (16 << 10)))));
            let pieces = futures_util::stream::iter(pieces).then(|piece| async {
                tokio::task::yield_now().await;
                piece
            });
            let end = futures_util::stream::once(async { Err(std::io::Error::other("the cable is out")) });
            Body::from_stream(pieces.chain(end))
        }
        None => Body::from(rest),
    };
    let status = if from > 0 {
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    let range = format!("bytes {from}-{}/{total}", total.saturating_sub(1));
    (status, [(header::CONTENT_RANGE, range)], body).into_response()
}

async fn connect(State(office): State<Arc<Office>>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    if !is_authorised(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    upgrade.on_upgrade(|socket| converse(office, socket))
}

async fn converse(office: Arc<Office>, mut socket: WebSocket) {
    let number = office.connections.fetch_add(1, Ordering::SeqCst);
    let is_deaf = || number == 0 && office.is_deaf.load(Ordering::SeqCst);
    let mut speak = tokio::time::interval(Duration::from_millis(200));
    loop {
        let message = tokio::select! {
            () = office.gone.notified() => return,
            message = socket.next() => message,
            _ = speak.tick() => {
                if is_deaf() {
                    let areas = vec![AreaState::unknown(common::area("lobby-1f"), 12)];
                    let text = serde_json::to_string(&ToScreen::Areas { areas }).expect("json");
                    if socket.send(Message::Text(text.into())).await.is_err() {
                        return;
                    }
                }
                continue;
            }
        };
        let Some(Ok(message)) = message else { return };
        let Message::Text(text) = message else { continue };
        if is_deaf() {
            continue;
        }
        let frame: ScreenFrame = serde_json::from_str(&text).expect("a screen's frame");
        let mut answers = Vec::new();
        match &frame {
            ScreenFrame::Hello { manifest: held, .. } => {
                answers.push(ToScreen::Welcome {
                    screen: ScreenId::new("lobby").expect("valid"),
                    now: UnixMillis(1_000),
                    time_zone: "Asia/Tokyo".into(),
                });
                let wanted = office.manifest.lock().expect("lock").clone();
                if let Some(manifest) = wanted.filter(|it| digest(it) != *held) {
                    answers.push(ToScreen::Manifest { manifest });
                }
                answers.push(ToScreen::Areas {
                    areas: vec![AreaState::unknown(common::area("lobby-1f"), 12)],
                });
            }
            ScreenFrame::Ping => answers.push(ToScreen::Pong { now: None }),
            ScreenFrame::Report { .. } | ScreenFrame::Choices { .. } => {}
        }
        let _ = office.heard.send(frame);
        for answer in answers {
            let text = serde_json::to_string(&answer).expect("json");
            if socket.send(Message::Text(text.into())).await.is_err() {
                return;
            }
        }
    }
}

/// A server and a screen on its way to it.
struct Set {
    office: Arc<Office>,
    heard: mpsc::UnboundedReceiver<ScreenFrame>,
    dir: tempfile::TempDir,
    server: String,
    serving: tokio::task::JoinHandle<()>,
    faults: Faults,
    choices: watch::Sender<Option<protocol::screen::Choices>>,
    budget: u64,
}

impl Set {
    async fn new(contents: &[&[u8]]) -> Self {
        let dir = tempfile::tempdir().expect("temp");
        std::fs::write(dir.path().join("token"), format!("{TOKEN}\n")).expect("written");
        let (heard_in, heard) = mpsc::unbounded_channel();
        let named = contents.iter().map(|bytes| (hash(bytes), bytes.to_vec())).collect();
        let office = Arc::new(Office {
            contents: Mutex::new(named),
            moods: Mutex::default(),
            ranges: Mutex::default(),
            manifest: Mutex::new(Some(manifest("first", contents))),
            heard: heard_in,
            connections: AtomicU64::new(0),
            is_deaf: AtomicBool::new(false),
            gone: tokio::sync::Notify::new(),
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let server = format!("http://{}", listener.local_addr().expect("an address"));
        let serving = serve(listener, Arc::clone(&office));
        Self {
            office,
            heard,
            dir,
            server,
            serving,
            faults: Faults::default(),
            choices: watch::channel(None).0,
            budget: 1_000_000,
        }
    }

    /// What lies on the disk for these bytes.
    fn read(&self, bytes: &[u8]) -> Vec<u8> {
        std::fs::read(self.cache().contents_dir().join(hash(bytes))).expect("there")
    }

    fn cache(&self) -> Cache {
        Cache::open(&self.dir.path().join("cache"))
    }

    /// Starts an agent as its process does. Gives what the picture would get.
    fn start(&self) -> (mpsc::Receiver<News>, Shutdown) {
        let (news, receiver) = mpsc::channel(agent::QUEUE);
        let report = Report {
            page: "home".into(),
            frames: 7,
            ..Report::default()
        };
        let (_, status) = watch::channel(report);
        let shutdown = Shutdown::new();
        let settings = Settings {
            server: self.server.clone(),
            screen: ScreenId::new("lobby").expect("valid"),
            token: self.dir.path().join("token"),
            authority: self.dir.path().join("ca.pem"),
            picture: Place::new(self.dir.path(), "player.sock"),
            disk_budget: self.budget,
        };
        let stored = self.cache().server().manifest.map(Arc::new);
        let faults = self.faults.clone();
        let agent = Agent::new(
            settings,
            self.cache(),
            Ties {
                news,
                status,
                choices: self.choices.subscribe(),
            },
            faults,
            signage_player::agent::clock::ServerClock::default(),
            shutdown.clone(),
        );
        shutdown.spawn(agent.run(stored));
        (receiver, shutdown)
    }
}

fn serve(listener: tokio::net::TcpListener, office: Arc<Office>) -> tokio::task::JoinHandle<()> {
    let router = routes(office);
    tokio::spawn(async move { axum::serve(listener, router).await.expect("serves") })
}

fn routes(office: Arc<Office>) -> Router {
    Router::new()
        .route("/content/{hash}", get(content))
        .route("/api/screens/connect", get(connect))
        .with_state(office)
}

fn hash(bytes: &[u8]) -> String {
    data_encoding::HEXLOWER.encode(&Sha256::digest(bytes))
}

fn manifest(name: &str, contents: &[&[u8]]) -> Manifest {
    let layout = Layout {
        name: name.into(),
        ..standby::layout(&Text::japanese("南区役所"))
    };
    let named = contents.iter().enumerate().map(|(index, bytes)| {
        let content = Content {
            sha256: hash(bytes),
            size: bytes.len() as u64,
            media_type: "image/png".into(),
        };
        (format!("{index}.png"), content)
    });
    Manifest {
        layout,
        contents: named.collect(),
        group: None,
        bundle_key: None,
    }
}

/// The next piece of news that `wanted` recognises.
async fn next<T>(receiver: &mut mpsc::Receiver<News>, wanted: impl Fn(News) -> Option<T>) -> T {
    let looking = async {
        loop {
            if let Some(found) = wanted(receiver.recv().await.expect("the agent is there")) {
                return found;
            }
        }
    };
    timeout(LIMIT, looking).await.expect("in time")
}

fn shown(news: News) -> Option<String> {
    match news {
        News::Show(manifest) => Some(manifest.layout.name.clone()),
        _ => None,
    }
}

fn arrived(news: News) -> Option<String> {
    match news {
        News::Arrived(name) => Some(name),
        _ => None,
    }
}

fn noise(len: usize, seed: u8) -> Vec<u8> {
    (0..len)
        .map(|index| (index as u8).wrapping_mul(31).wrapping_add(seed))
        .collect()
}
