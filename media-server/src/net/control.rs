//! Where signaling speaks to the node: one listener for the control WebSocket (`/control`) and for
//! `/metrics`.
//!
//! Invariant: before a connection is a WebSocket it has shown a token for this very node; every request on
//! it gets exactly one answer.

use std::io::Cursor;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::control::{AnswerBody, NodeFrame, NodeRequest, RequestBody, VERSION};
use protocol::grants::{MediaGrant, NodeGrant, TokenKey};
use protocol::ids::NodeId;
use protocol::problem::Problem;
use protocol::signal::{MAX_FRAME, MAX_VIEWS};
use runtime::Shutdown;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request as Upgrade, Response};
use tokio_tungstenite::tungstenite::http::{StatusCode, header};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use super::drain::Drain;
use super::metrics;
use super::worker::{Line, Workers};
use crate::core::{ConnectionId, Request};

/// Connections at once; more wait in the kernel's queue until one ends.
const CONNECTIONS: usize = 64;

/// Frames that wait for a connection. When full, the connection is closed: its signaling re-joins.
/// A room of a thousand has a frame for each of them at once.
const FRAMES: usize = 8192;

/// The largest HTTP request head, in bytes.
const MAX_HEAD: usize = 8 << 10;

/// How long a new connection may take for its request.
const HEAD_LIMIT: Duration = Duration::from_secs(5);

/// How often a connection is pinged, and how long it may then be silent.
const PING: Duration = Duration::from_secs(10);
const SILENCE: Duration = Duration::from_secs(30);

/// How long one frame may take to be taken.
const SEND_LIMIT: Duration = Duration::from_secs(10);

/// What connections need to know.
#[derive(Debug)]
pub struct Control {
    /// This node.
    pub node: NodeId,
    /// Checks signaling's tokens.
    pub node_key: TokenKey,
    /// Checks participants' tokens.
    pub media_key: TokenKey,
    /// Who holds the rooms.
    pub workers: Workers,
    /// Whether the node drains.
    pub drain: Arc<Drain>,
}

impl Control {
    async fn status(&self) -> AnswerBody {
        let counters = self.workers.report().await.counters;
        let left = |at: tokio::time::Instant| at.saturating_duration_since(tokio::time::Instant::now());
        AnswerBody::Status {
            rooms: counters.rooms,
            participants: counters.participants,
            ends_in_ms: self.drain.ends_at().map(|at| left(at).as_millis() as u64),
        }
    }
}

/// Serves until the shutdown.
pub async fn serve(listener: TcpListener, control: Arc<Control>, shutdown: Shutdown) {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        // The semaphore is never closed.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else {
            return;
        };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "can't accept a control connection");
                    // Most likely out of files: one of the others has to end first.
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            },
            () = shutdown.started() => return,
        };
        let (control, stopping) = (Arc::clone(&control), shutdown.clone());
        shutdown.spawn(async move {
            let connection = ConnectionId(NEXT.fetch_add(1, Ordering::Relaxed));
            if let Err(error) = meet(stream, &control, connection, &stopping).await {
                tracing::info!(?connection, error = format!("{error:#}"), "a control connection ends");
            }
            drop(place);
        });
    }
}

/// Reads the request head and does what it asks for.
async fn meet(
    mut stream: TcpStream,
    control: &Control,
    connection: ConnectionId,
    shutdown: &Shutdown,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let head = timeout(HEAD_LIMIT, read_head(&mut stream))
        .await
        .context("no request came")??;
    if head.starts_with(b"GET /metrics ") {
        let body = metrics::text(
            &control.node,
            &control.workers.report().await,
            control.drain.ends_at().is_some(),
        );
        return respond(&mut stream, "200 OK", metrics::MEDIA_TYPE, &body).await;
    }
    if !head.to_ascii_lowercase().windows(10).any(|it| it == b"\nupgrade: ") {
        let why = "there is a WebSocket at /control, and /metrics\n";
        return respond(&mut stream, "426 Upgrade Required", "text/plain", why).await;
    }
    // The WebSocket's handshake reads the head once more.
    let (read, write) = stream.into_split();
    let stream = tokio::io::join(Cursor::new(head).chain(read), write);
    let mut limits = WebSocketConfig::default();
    limits.max_message_size = Some(MAX_FRAME);
    limits.max_frame_size = Some(MAX_FRAME);
    let mut instance = String::new();
    // The response's type is the library's.
    #[allow(clippy::result_large_err)]
    let check = |upgrade: &Upgrade, response: Response| -> Result<Response, ErrorResponse> {
        instance = admit(upgrade, control)?.instance;
        Ok(response)
    };
    let handshake = tokio_tungstenite::accept_hdr_async_with_config(stream, check, Some(limits));
    let socket = timeout(HEAD_LIMIT, handshake).await.context("no handshake")??;
    tracing::info!(?connection, %instance, "signaling is connected");
    Session::run(socket, control, connection, shutdown).await
}

async fn respond(stream: &mut TcpStream, status: &str, media_type: &str, body: &str) -> anyhow::Result<()> {
    let len = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {media_type}\r\nContent-Length: {len}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    Ok(stream.shutdown().await?)
}

async fn read_head(stream: &mut TcpStream) -> anyhow::Result<Vec<u8>> {
    let mut head = Vec::with_capacity(1024);
    while !head.windows(4).any(|it| it == b"\r\n\r\n") {
        if head.len() >= MAX_HEAD {
            bail!("the request's head is larger than {MAX_HEAD} bytes");
        }
        if stream.read_buf(&mut head).await? == 0 {
            bail!("it ended within its request");
        }
    }
    Ok(head)
}

/// Whether a request may become a control connection.
#[allow(clippy::result_large_err)]
fn admit(upgrade: &Upgrade, control: &Control) -> Result<NodeGrant, ErrorResponse> {
    if upgrade.uri().path() != "/control" {
        return Err(refusal(StatusCode::NOT_FOUND, "there is /control and /metrics"));
    }
    let field = upgrade.headers().get(header::AUTHORIZATION);
    let token = field
        .and_then(|it| it.to_str().ok())
        .and_then(|it| it.strip_prefix("Bearer "));
    let Some(token) = token else {
        return Err(refusal(
            StatusCode::UNAUTHORIZED,
            "expected Authorization: Bearer <token>",
        ));
    };
    match control.node_key.verify::<NodeGrant>(token, runtime::now()) {
        Ok(grant) if grant.node == control.node => Ok(grant),
        Ok(grant) => {
            let why = format!("the token is for node {}: this is {}", grant.node, control.node);
            Err(refusal(StatusCode::UNAUTHORIZED, &why))
        }
        Err(error) => Err(refusal(StatusCode::UNAUTHORIZED, &error.to_string())),
    }
}

fn refusal(status: StatusCode, why: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(why.to_owned()));
    *response.status_mut() = status;
    response
}

/// A connection at work.
struct Session<'a, S> {
    socket: WebSocketStream<S>,
    control: &'a Control,
    connection: ConnectionId,
    said_hello: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Session<'_, S> {
    async fn run(
        socket: WebSocketStream<S>,
        control: &Control,
        connection: ConnectionId,
        shutdown: &Shutdown,
    ) -> anyhow::Result<()> {
        let (frames, mut inbox) = mpsc::channel(FRAMES);
        let overflow = Arc::new(Notify::new());
        let line = Line {
            frames,
            overflow: Arc::clone(&overflow),
        };
        control.workers.open(connection, &line).await;
        let mut session = Session {
            socket,
            control,
            connection,
            said_hello: false,
        };
        let mut ping = tokio::time::interval(PING);
        let ended = loop {
            let done = tokio::select! {
                frame = inbox.recv() => match frame {
                    Some(frame) => session.send_frame(&frame).await,
                    None => break Ok(()),
                },
                heard = timeout(SILENCE, session.socket.next()) => match heard {
                    Ok(Some(Ok(message))) => match session.take(message).await {
                        Ok(true) => Ok(()),
                        Ok(false) => break Ok(()),
                        Err(error) => Err(error),
                    },
                    Ok(Some(Err(error))) => Err(error.into()),
                    Ok(None) => break Ok(()),
                    Err(_) => Err(anyhow::anyhow!("nothing was heard for {SILENCE:?}")),
                },
                _ = ping.tick() => session.send(Message::Ping(Vec::new().into())).await,
                () = overflow.notified() => Err(anyhow::anyhow!("it doesn't keep up")),
                () = shutdown.started() => {
                    // The rooms' last words, if they are there already.
                    while let Ok(frame) = inbox.try_recv() {
                        if session.send_frame(&frame).await.is_err() {
                            break;
                        }
                    }
                    break Ok(());
                }
            };
            if let Err(error) = done {
                break Err(error);
            }
        };
        control.workers.closed(connection).await;
        // It may be gone already.
        let _ = timeout(SEND_LIMIT, session.socket.close(None)).await;
        ended
    }

    /// False: it said goodbye.
    async fn take(&mut self, message: Message) -> anyhow::Result<bool> {
        let text = match message {
            Message::Text(text) => text,
            Message::Close(_) => return Ok(false),
            Message::Binary(_) => bail!("it sent a binary frame: expected JSON text"),
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => return Ok(true),
        };
        let request: NodeRequest = match serde_json::from_str(&text) {
            Ok(request) => request,
            Err(error) => {
                let id = serde_json::from_str::<Numbered>(&text).with_context(|| format!("not a request: {error}"))?;
                let problem =
                    Problem::new(400, "bad-request", "要求を読み取れませんでした").with_detail(error.to_string());
                self.answer(id.id, AnswerBody::Error { problem }).await?;
                return Ok(true);
            }
        };
        match self.understand(request.body) {
            Ok(Understood::Here(answer)) => self.answer(request.id, answer).await?,
            Ok(Understood::Status) => {
                let status = self.control.status().await;
                self.answer(request.id, status).await?;
            }
            Ok(Understood::ByWorker(asked)) => {
                let room = match &asked {
                    Request::Join { grant, .. } | Request::Ingest { grant, .. } | Request::Watch { grant, .. } => {
                        &grant.room
                    }
                    Request::Publish { room, .. }
                    | Request::Answer { room, .. }
                    | Request::View { room, .. }
                    | Request::Restart { room, .. }
                    | Request::Mute { room, .. }
                    | Request::Leave { room, .. }
                    | Request::Kick { room, .. }
                    | Request::Ice { room, .. }
                    | Request::CloseRoom { room } => room,
                };
                let worker = self.control.workers.of(room).clone();
                worker.ask(self.connection, request.id, asked).await;
            }
            Err(problem) => self.answer(request.id, AnswerBody::Error { problem }).await?,
        }
        Ok(true)
    }

    /// Checks order and tokens.
    fn understand(&mut self, body: RequestBody) -> Result<Understood, Problem> {
        if let RequestBody::Hello { version } = body {
            if version != VERSION {
                return Err(Problem::new(400, "wrong-version", "通信の版が合いません")
                    .with_detail(format!("version {version} が届きました。このノードは {VERSION} です。"))
                    .with_field("version"));
            }
            self.said_hello = true;
            let node = self.control.node.clone();
            return Ok(Understood::Here(AnswerBody::Welcome { node }));
        }
        if !self.said_hello {
            return Err(Problem::new(409, "hello-first", "最初に hello を送ってください"));
        }
        let asked = match body {
            RequestBody::Hello { .. } | RequestBody::Ping => return Ok(Understood::Here(AnswerBody::Ok)),
            RequestBody::Status => return Ok(Understood::Status),
            RequestBody::Drain { within_ms } => {
                tracing::info!(connection = ?self.connection, within_ms, "no new rooms from now on: the node drains");
                self.control.drain.begin(Duration::from_millis(within_ms));
                return Ok(Understood::Status);
            }
            RequestBody::Join { token, has_connections } => Request::Join {
                grant: self.granted(&token)?,
                has_connections,
            },
            RequestBody::Ingest { token, sdp } => Request::Ingest {
                grant: self.granted(&token)?,
                sdp,
            },
            RequestBody::Watch { token, sdp } => Request::Watch {
                grant: self.granted(&token)?,
                sdp,
            },
            RequestBody::Ice {
                room,
                participant,
                restart,
            } => Request::Ice {
                room,
                participant,
                restart,
            },
            RequestBody::Publish {
                room,
                participant,
                sdp,
                tracks,
            } => Request::Publish {
                room,
                participant,
                sdp,
                tracks,
            },
            RequestBody::Answer {
                room,
                participant,
                revision,
                sdp,
            } => Request::Answer {
                room,
                participant,
                revision,
                sdp,
            },
            RequestBody::View {
                room,
                participant,
                tracks,
            } => {
                if tracks.len() > MAX_VIEWS {
                    return Err(Problem::new(400, "too-many-views", "映像の数が多すぎます")
                        .with_detail(format!(
                            "tracks が {} 件あります。{MAX_VIEWS} 件以下にしてください。",
                            tracks.len()
                        ))
                        .with_field("tracks"));
                }
                Request::View {
                    room,
                    participant,
                    tracks,
                }
            }
            RequestBody::Restart { room, participant } => Request::Restart { room, participant },
            RequestBody::Mute {
                room,
                participant,
                source,
                muted,
            } => Request::Mute {
                room,
                participant,
                source,
                muted,
            },
            RequestBody::Leave { room, participant } => Request::Leave { room, participant },
            RequestBody::Kick { room, participant } => Request::Kick { room, participant },
            RequestBody::CloseRoom { room } => Request::CloseRoom { room },
        };
        Ok(Understood::ByWorker(asked))
    }

    /// What a participant's token grants.
    fn granted(&self, token: &str) -> Result<MediaGrant, Problem> {
        let verified = self.control.media_key.verify::<MediaGrant>(token, runtime::now());
        verified.map_err(|error| {
            Problem::new(401, "bad-token", "入室の許可を確認できませんでした")
                .with_detail(error.to_string())
                .with_field("token")
        })
    }

    async fn answer(&mut self, id: u64, body: AnswerBody) -> anyhow::Result<()> {
        self.send_frame(&NodeFrame { id: Some(id), body }).await
    }

    async fn send_frame(&mut self, frame: &NodeFrame) -> anyhow::Result<()> {
        let json = serde_json::to_string(frame)?;
        self.send(Message::Text(json.into())).await
    }

    async fn send(&mut self, message: Message) -> anyhow::Result<()> {
        timeout(SEND_LIMIT, self.socket.send(message))
            .await
            .context("it takes no frames")??;
        Ok(())
    }
}

/// What is to be done about a request.
enum Understood {
    /// It is answered here.
    Here(AnswerBody),
    /// With how the node is.
    Status,
    /// The room's worker answers it.
    ByWorker(Request),
}

/// Of a request that can't be read, at least its number.
#[derive(Deserialize)]
struct Numbered {
    id: u64,
}
