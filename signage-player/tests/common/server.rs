//! The office's side of one screen over TLS, slow and faulty as a test wants it: manifest, contents, live data, reports.
#![allow(dead_code, clippy::expect_used)]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::StreamExt;
use protocol::ids::ScreenId;
use protocol::screen::report::Report;
use protocol::screen::{Manifest, ScreenFrame, ToScreen};
use signage_player::agent::digest;
use tokio::sync::watch;

use super::office::{Office, hash};

const TOKEN: &str = "a-token";
/// Contents are sent in pieces of so many bytes.
const PIECE: usize = 16 << 10;

pub struct Told {
    pub contents: Mutex<BTreeMap<String, Vec<u8>>>,
    /// How long each piece takes, in milliseconds.
    pub pace_ms: AtomicU64,
    /// Requests for contents.
    pub requests: AtomicU64,
    /// Which contents, by their hashes, one after the other.
    pub asked: Mutex<Vec<String>>,
    manifest: watch::Sender<Option<Manifest>>,
    /// Frames that every screen is sent: after hello, and when it changes.
    frames: watch::Sender<Vec<String>>,
    pub reports: Mutex<Vec<Report>>,
    /// What a report is answered.
    pub answer: AtomicU16,
}

pub struct Server {
    pub told: Arc<Told>,
    pub url: String,
    runtime: tokio::runtime::Runtime,
}

/// What serves something over TLS on loopback, as long as it lives.
pub struct Tls {
    pub url: String,
    /// Whom to trust (PEM).
    pub authority: Vec<u8>,
    pub runtime: tokio::runtime::Runtime,
}

/// Serves this on a port of its own.
pub fn serve(router: Router) -> Tls {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .expect("a runtime");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    let url = format!(
        "https://localhost:{}",
        listener.local_addr().expect("an address").port()
    );
    let dir = tempfile::tempdir().expect("temp");
    let secrets = runtime::secrets::Secrets::open(&dir.path().join("secrets")).expect("secrets");
    let hosts = BTreeSet::from(["localhost".to_owned()]);
    let files = runtime::certificate::local(&secrets, &hosts, &jiff::Zoned::now()).expect("a certificate");
    let authority = std::fs::read(secrets.ca()).expect("there");
    let tls = runtime
        .block_on(axum_server::tls_rustls::RustlsConfig::from_pem_file(
            files.chain,
            files.key,
        ))
        .expect("its files");
    let serving = async move {
        let server = axum_server::from_tcp_rustls(listener, tls).expect("a server");
        server.serve(router.into_make_service()).await.expect("serves");
    };
    runtime.spawn(serving);
    Tls {
        url,
        authority,
        runtime,
    }
}

impl Server {
    /// Starts it on a port of its own. [`Server::trust`] makes an office trust it.
    pub fn start() -> Self {
        let told = Arc::new(Told {
            contents: Mutex::default(),
            pace_ms: AtomicU64::new(0),
            requests: AtomicU64::new(0),
            asked: Mutex::default(),
            manifest: watch::Sender::new(None),
            frames: watch::Sender::new(Vec::new()),
            reports: Mutex::default(),
            answer: AtomicU16::new(204),
        });
        let router = Router::new()
            .route("/content/{hash}", get(content))
            .route("/api/screens/connect", get(connect))
            .route("/api/screens/{id}/reports", post(report))
            .with_state(Arc::clone(&told));
        let Tls {
            url,
            authority,
            runtime,
        } = serve(router);
        AUTHORITIES.lock().expect("lock").insert(url.clone(), authority);
        Self { told, url, runtime }
    }

    /// An office whose screen knows this server; `more` goes to the end of its configuration.
    pub fn office(&self, more: &str) -> Office {
        let office = Office::at(&self.url, more);
        let secrets = office.dir.path().join("run/secrets");
        std::fs::create_dir_all(secrets.join("screens")).expect("made");
        std::fs::write(secrets.join("screens/lobby.token"), TOKEN).expect("written");
        let authority = AUTHORITIES.lock().expect("lock")[&self.url].clone();
        std::fs::write(secrets.join("ca.pem"), authority).expect("written");
        office
    }

    /// Has these bytes to give.
    pub fn hold(&self, bytes: &[u8]) {
        let mut contents = self.told.contents.lock().expect("lock");
        contents.insert(hash(bytes), bytes.to_vec());
    }

    /// Wants this on show from now on.
    pub fn want(&self, manifest: Manifest) {
        self.told.manifest.send_replace(Some(manifest));
    }

    /// Says these frames to every screen, now and when it comes again.
    pub fn say(&self, frames: &[ToScreen]) {
        let texts = frames.iter().map(|it| serde_json::to_string(it).expect("json"));
        self.told.frames.send_replace(texts.collect());
    }

    /// The same with any words.
    pub fn say_raw(&self, words: &str) {
        self.told.frames.send_replace(vec![words.to_owned()]);
    }
}

/// By the servers' addresses.
static AUTHORITIES: Mutex<BTreeMap<String, Vec<u8>>> = Mutex::new(BTreeMap::new());

fn is_authorised(headers: &HeaderMap) -> bool {
    let said = headers.get(header::AUTHORIZATION);
    said.is_some_and(|it| it == &format!("Bearer {TOKEN}"))
}

async fn content(State(told): State<Arc<Told>>, Path(hash): Path<String>, headers: HeaderMap) -> Response {
    if !is_authorised(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    told.requests.fetch_add(1, Ordering::SeqCst);
    told.asked.lock().expect("lock").push(hash.clone());
    let Some(whole) = told.contents.lock().expect("lock").get(&hash).cloned() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let range = headers.get(header::RANGE).and_then(|it| it.to_str().ok());
    let from: usize = range
        .and_then(|it| it.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok())
        .unwrap_or(0);
    if from >= whole.len() && from > 0 {
        return StatusCode::RANGE_NOT_SATISFIABLE.into_response();
    }
    let pace = Duration::from_millis(told.pace_ms.load(Ordering::SeqCst));
    let total = whole.len();
    let pieces: Vec<Bytes> = whole[from..].chunks(PIECE).map(Bytes::copy_from_slice).collect();
    let body = futures_util::stream::iter(pieces).then(move |piece| async move {
        tokio::time::sleep(pace).await;
        Ok::<_, std::io::Error>(piece)
    });
    let status = if from > 0 {
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    let range = format!("bytes {from}-{}/{total}", total.saturating_sub(1));
    (status, [(header::CONTENT_RANGE, range)], Body::from_stream(body)).into_response()
}

async fn report(State(told): State<Arc<Told>>, headers: HeaderMap, Json(report): Json<Report>) -> StatusCode {
    if !is_authorised(&headers) {
        return StatusCode::UNAUTHORIZED;
    }
    let answer = StatusCode::from_u16(told.answer.load(Ordering::SeqCst)).expect("a status");
    report.check().expect("a sound report");
    if answer.is_success() {
        told.reports.lock().expect("lock").push(report);
    }
    answer
}

async fn connect(State(told): State<Arc<Told>>, headers: HeaderMap, upgrade: WebSocketUpgrade) -> Response {
    if !is_authorised(&headers) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    upgrade.on_upgrade(|socket| async move {
        // Ends with the connection.
        let _ = converse(told, socket).await;
    })
}

async fn converse(told: Arc<Told>, mut socket: WebSocket) -> Option<()> {
    let (mut manifest, mut frames) = (told.manifest.subscribe(), told.frames.subscribe());
    let mut held = None;
    let mut is_welcome = false;
    loop {
        tokio::select! {
            message = socket.next() => {
                let Message::Text(text) = message?.ok()? else { continue };
                match serde_json::from_str(&text).expect("a screen's frame") {
                    ScreenFrame::Hello { manifest: theirs, .. } => {
                        held = theirs;
                        is_welcome = true;
                        let welcome = ToScreen::Welcome {
                            screen: ScreenId::new("lobby").expect("valid"),
                            now: runtime::now(),
                            time_zone: "Asia/Tokyo".into(),
                        };
                        send(&mut socket, &serde_json::to_string(&welcome).expect("json")).await?;
                        manifest_changed(&mut socket, &mut manifest, &mut held).await?;
                        frames_changed(&mut socket, &mut frames).await?;
                    }
                    ScreenFrame::Ping => send(&mut socket, r#"{"type":"pong"}"#).await?,
                    ScreenFrame::Report { .. } | ScreenFrame::Choices { .. } => {}
                }
            }
            changed = manifest.changed(), if is_welcome => {
                changed.ok()?;
                manifest_changed(&mut socket, &mut manifest, &mut held).await?;
            }
            changed = frames.changed(), if is_welcome => {
                changed.ok()?;
                frames_changed(&mut socket, &mut frames).await?;
            }
        }
    }
}

async fn manifest_changed(
    socket: &mut WebSocket,
    manifest: &mut watch::Receiver<Option<Manifest>>,
    held: &mut Option<String>,
) -> Option<()> {
    let wanted = manifest.borrow_and_update().clone();
    if let Some(manifest) = wanted.filter(|it| digest(it) != *held) {
        *held = digest(&manifest);
        let frame = ToScreen::Manifest { manifest };
        send(socket, &serde_json::to_string(&frame).expect("json")).await?;
    }
    Some(())
}

async fn frames_changed(socket: &mut WebSocket, frames: &mut watch::Receiver<Vec<String>>) -> Option<()> {
    let texts = frames.borrow_and_update().clone();
    for text in texts {
        send(socket, &text).await?;
    }
    Some(())
}

async fn send(socket: &mut WebSocket, text: &str) -> Option<()> {
    socket.send(Message::Text(text.to_owned().into())).await.ok()
}
