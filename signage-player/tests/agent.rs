//! The network's side against a real server on loopback: it fetches what it lacks from a server that
//! breaks off and lies, shows a layout only when it is whole, and comes back after the server was gone.
#![allow(clippy::expect_used)]

mod common;

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

#[tokio::test]
async fn a_broken_download_goes_on_where_it_broke_off() {
    let bytes = noise(300_000, 1);
    let set = Set::new(&[&bytes]).await;
    set.office
        .moods
        .lock()
        .expect("lock")
        .extend([Mood::BreakOff, Mood::Fail, Mood::BreakOff]);
    let (mut events, shutdown) = set.start();
    let first = next(&mut events, shown).await;
    assert_eq!(first, "first", "nothing was on show: at once, as far as it goes");
    assert_eq!(next(&mut events, arrived).await, "0.png");
    assert_eq!(set.read(&bytes), bytes);
    let ranges = set.office.ranges.lock().expect("lock").clone();
    assert_eq!(ranges[0], None);
    let resumed = ranges.iter().flatten().filter(|range| **range != "bytes=0-").count();
    assert!(resumed >= 1, "it went on and did not begin anew: {ranges:?}");
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
}

#[tokio::test]
async fn bytes_that_are_not_what_they_should_be_never_get_a_name() {
    let (good, bad) = (noise(50_000, 2), noise(60_000, 3));
    let set = Set::new(&[&good, &bad]).await;
    // The server has other bytes than the manifest promises, for good.
    set.office
        .contents
        .lock()
        .expect("lock")
        .insert(hash(&bad), noise(60_000, 4));
    let (mut events, shutdown) = set.start();
    assert_eq!(next(&mut events, arrived).await, "0.png");
    let manifest = set.office.manifest.lock().expect("lock").clone().expect("one");
    let cache = set.cache();
    common::wait_for_async("two tries", LIMIT, || {
        set.office.ranges.lock().expect("lock").len() >= 3
    })
    .await;
    assert!(cache.has(&manifest.contents["0.png"]));
    common::wait_for_async("the fault with the item's name", LIMIT, || {
        let faults = set.faults.all();
        faults
            .iter()
            .any(|fault| fault.starts_with("1.png: ") && fault.contains("set aside"))
    })
    .await;
    assert!(!cache.path(&manifest.contents["1.png"]).expect("a hash").exists());
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
}

#[tokio::test]
async fn one_lie_is_found_out_and_the_truth_taken_next_time() {
    let bytes = noise(80_000, 5);
    let set = Set::new(&[&bytes]).await;
    set.office
        .moods
        .lock()
        .expect("lock")
        .extend([Mood::BreakOff, Mood::Lie]);
    let (mut events, shutdown) = set.start();
    next(&mut events, arrived).await;
    assert_eq!(set.read(&bytes), bytes);
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
}

#[tokio::test]
async fn another_layout_takes_over_only_when_it_is_whole() {
    let (old, new) = (noise(1_000, 6), noise(200_000, 7));
    let mut set = Set::new(&[&old]).await;
    let (mut events, shutdown) = set.start();
    next(&mut events, arrived).await;
    // The server comes up with another layout and is in a bad mood.
    let second = manifest("second", &[&new]);
    set.office
        .contents
        .lock()
        .expect("lock")
        .insert(hash(&new), new.clone());
    *set.office.manifest.lock().expect("lock") = Some(second.clone());
    set.office
        .moods
        .lock()
        .expect("lock")
        .extend([Mood::BreakOff, Mood::Fail]);
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
    let (mut events, shutdown) = set.start();
    assert_eq!(next(&mut events, shown).await, "second");
    assert_eq!(set.read(&new), new, "never without its content");
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
    let kept = set.cache().current().manifest;
    assert_eq!(kept, Some(second.clone()), "the next start begins with it");

    // And the next connection says which manifest is held, so that it isn't sent again.
    while set.heard.try_recv().is_ok() {}
    let (_events, shutdown) = set.start();
    let hello = timeout(LIMIT, set.heard.recv())
        .await
        .expect("in time")
        .expect("a frame");
    assert!(
        matches!(hello, ScreenFrame::Hello { manifest: Some(held), .. } if Some(&held) == digest(&second).as_ref())
    );
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
}

#[tokio::test]
async fn a_server_that_was_gone_is_found_again_and_told_how_the_screen_is() {
    let mut set = Set::new(&[]).await;
    std::fs::remove_file(set.dir.path().join("token")).expect("removed");
    let (mut events, shutdown) = set.start();
    // The token comes later than the player.
    std::fs::write(set.dir.path().join("token"), TOKEN).expect("written");
    let welcome = |news: News| matches!(news, News::Said(ToScreen::Welcome { .. })).then_some(());
    next(&mut events, welcome).await;
    next(&mut events, |news| {
        matches!(news, News::Said(ToScreen::Areas { areas }) if areas.len() == 1).then_some(())
    })
    .await;
    let mut reported = None;
    while reported.is_none() {
        let frame = timeout(LIMIT, set.heard.recv())
            .await
            .expect("in time")
            .expect("a frame");
        if let ScreenFrame::Report { report } = frame {
            reported = Some(report);
        }
    }
    assert_eq!(
        reported.map(|report| (report.page, report.frames)),
        Some(("home".into(), 7))
    );

    // The server goes, its connections with it, and comes back on the same port.
    let port = set.server.trim_start_matches("http://").to_owned();
    set.serving.abort();
    let _ = (&mut set.serving).await;
    set.office.gone.notify_waiters();
    let before = set.office.connections.load(Ordering::SeqCst);
    let listener = loop {
        match tokio::net::TcpListener::bind(&port).await {
            Ok(listener) => break listener,
            // The old listener's socket is being closed.
            Err(_) => tokio::task::yield_now().await,
        }
    };
    set.serving = serve(listener, Arc::clone(&set.office));
    next(&mut events, welcome).await;
    assert!(set.office.connections.load(Ordering::SeqCst) > before);
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
}

#[tokio::test]
async fn a_server_that_speaks_but_hears_nothing_is_left_for_a_new_connection() {
    let set = Set::new(&[]).await;
    let (mut events, shutdown) = set.start();
    let welcome = |news: News| matches!(news, News::Said(ToScreen::Welcome { .. })).then_some(());
    next(&mut events, welcome).await;
    set.office.is_deaf.store(true, Ordering::SeqCst);
    let areas = |news: News| matches!(news, News::Said(ToScreen::Areas { .. })).then_some(());
    // It goes on being heard ...
    for _ in 0..10 {
        next(&mut events, areas).await;
    }
    assert_eq!(set.office.connections.load(Ordering::SeqCst), 1);
    // ... and is left all the same.
    next(&mut events, welcome).await;
    assert_eq!(set.office.connections.load(Ordering::SeqCst), 2);
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
}

#[tokio::test]
async fn over_tls_the_office_s_own_authority_is_trusted_and_no_other() {
    let bytes = noise(5_000, 8);
    let mut set = Set::new(&[&bytes]).await;
    let secrets = runtime::secrets::Secrets::open(&set.dir.path().join("secrets")).expect("secrets");
    let hosts = std::collections::BTreeSet::from(["localhost".to_owned()]);
    let files = runtime::certificate::local(&secrets, &hosts, &jiff::Zoned::now()).expect("a certificate");
    // Another test may have been first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let tls = axum_server::tls_rustls::RustlsConfig::from_pem_file(files.chain, files.key)
        .await
        .expect("its files");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    set.server = format!(
        "https://localhost:{}",
        listener.local_addr().expect("an address").port()
    );
    let server = axum_server::from_tcp_rustls(listener, tls).expect("a server");
    let serving = tokio::spawn(server.serve(routes(Arc::clone(&set.office)).into_make_service()));

    // A stranger's authority is there: no connection, no content.
    let stranger = runtime::secrets::Secrets::open(&set.dir.path().join("stranger")).expect("secrets");
    runtime::certificate::local(&stranger, &hosts, &jiff::Zoned::now()).expect("a certificate");
    let ca = set.dir.path().join("ca.pem");
    std::fs::copy(stranger.ca(), &ca).expect("copied");
    let config = signage_player::agent::tls::config(&ca).expect("read");
    let connector = tokio_tungstenite::Connector::Rustls(Arc::new(config));
    let url = format!("{}/api/screens/connect", set.server.replacen("https", "wss", 1));
    let refused = tokio_tungstenite::connect_async_tls_with_config(url, None, false, Some(connector)).await;
    let refused = refused.expect_err("a stranger's certificate").to_string();
    assert!(
        refused.contains("UnknownIssuer") || refused.contains("certificate"),
        "{refused}"
    );

    // The office's own appears: the screen connects and fetches.
    std::fs::copy(secrets.ca(), &ca).expect("copied");
    let (mut events, shutdown) = set.start();
    next(&mut events, arrived).await;
    assert_eq!(set.read(&bytes), bytes);
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
    serving.abort();
}

#[tokio::test]
async fn the_least_recently_used_makes_room_and_what_is_on_show_never_does() {
    let [old, older, new] = [noise(300_000, 1), noise(300_000, 2), noise(300_000, 3)];
    let mut set = Set::new(&[&new, &old]).await;
    set.budget = 700_000;
    let cache = set.cache();
    let now = std::time::SystemTime::now();
    for (bytes, age) in [(&old, 10), (&older, 500)] {
        let path = cache.contents_dir().join(hash(bytes));
        std::fs::write(&path, bytes).expect("written");
        let file = std::fs::File::options().write(true).open(path).expect("opens");
        file.set_modified(now - Duration::from_secs(age)).expect("set");
    }
    cache.store(&manifest("first", &[&old])).expect("stored");
    let (mut events, shutdown) = set.start();
    next(&mut events, shown).await;
    assert_eq!((set.read(&old), set.read(&new)), (old.clone(), new.clone()));
    assert!(
        !cache.contents_dir().join(hash(&older)).exists(),
        "nobody wants it any more"
    );

    // Now nothing may go: what is on show stays, and what doesn't fit is named.
    let large = noise(600_000, 4);
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
    set.office
        .contents
        .lock()
        .expect("lock")
        .insert(hash(&large), large.clone());
    *set.office.manifest.lock().expect("lock") = Some(manifest("second", &[&large, &new]));
    let (mut events, shutdown) = set.start();
    assert_eq!(next(&mut events, shown).await, "second");
    let faults = set.faults.all();
    assert!(
        faults.iter().any(|it| it.starts_with("0.png: there is no room")),
        "{faults:?}"
    );
    assert_eq!(set.read(&new), new);
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
}
