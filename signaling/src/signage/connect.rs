//! GET /api/screens/connect: a screen's WebSocket. It is told what to show and how crowded the office is,
//! and reports how it is doing.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response;
use protocol::ids::ScreenId;
use protocol::screen::{ScreenFrame, ToScreen, VERSION};
use protocol::signal::MAX_FRAME;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::Instant;

use super::library::Ready;
use crate::app::App;
use crate::health::Present;
use crate::problem::{Fault, Refusal};
use crate::texts::Lang;

const SILENT_FOR: Duration = Duration::from_secs(20);
const PING_EVERY: Duration = Duration::from_secs(5);
const SENT_IN: Duration = Duration::from_secs(10);
/// WebSocket close codes (RFC 6455 §7.4.1).
const RESTART: u16 = 1012;
const POLICY: u16 = 1008;

/// GET /api/screens/connect
pub(super) async fn connect(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let screen = super::screen_of(&app, &headers)?.screen;
    let upgrade = upgrade.map_err(|_| Fault::BadRequest)?;
    let manifests = app.library.watch(&screen).ok_or(Fault::Forbidden)?;
    Ok(upgrade
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .on_upgrade(move |socket| async move {
            // The program's end waits for it, so that the screen is told to come back.
            let shutdown = app.shutdown.clone();
            let _ = shutdown.spawn(serve(app, socket, screen, manifests)).await;
        }))
}

/// Why a screen's socket ends.
enum End {
    Gone,
    Code(u16),
}

struct Connection {
    app: Arc<App>,
    screen: ScreenId,
    socket: WebSocket,
    manifests: watch::Receiver<Option<Ready>>,
    /// The digest of the manifest that the screen has.
    has: Option<String>,
    is_greeted: bool,
}

async fn serve(app: Arc<App>, socket: WebSocket, screen: ScreenId, manifests: watch::Receiver<Option<Ready>>) {
    let _present = Present::new(&app.metrics.screens);
    tracing::info!(%screen, "a screen is connected");
    let mut connection = Connection {
        app,
        screen,
        socket,
        manifests,
        has: None,
        is_greeted: false,
    };
    let end = connection.run().await;
    if let Err(End::Code(code)) = end {
        let reason = Utf8Bytes::from_static("");
        let close = connection
            .socket
            .send(Message::Close(Some(CloseFrame { code, reason })));
        // A screen that doesn't take it is gone already.
        let _ = tokio::time::timeout(Duration::from_secs(1), close).await;
    }
    tracing::info!(screen = %connection.screen, "a screen is gone");
}

impl Connection {
    /// Carries frames until the socket ends; never returns `Ok`.
    async fn run(&mut self) -> Result<(), End> {
        let app = Arc::clone(&self.app);
        let mut areas = app.feed.news();
        let mut heard = Instant::now();
        let mut ping = tokio::time::interval(PING_EVERY);
        loop {
            tokio::select! {
                message = self.socket.recv() => {
                    heard = Instant::now();
                    match message {
                        Some(Ok(Message::Text(text))) => self.take(&text).await?,
                        Some(Ok(Message::Binary(_))) => return Err(End::Code(POLICY)),
                        Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                        Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
                    }
                }
                changed = self.manifests.changed() => {
                    if changed.is_err() {
                        return Err(End::Gone);
                    }
                    self.show().await?;
                }
                news = areas.recv() => {
                    let frame = match news {
                        Ok(update) => update.frame,
                        // Too slow: what was missed is replaced by everything.
                        Err(RecvError::Lagged(_)) => app.feed.all(runtime::now()).frame,
                        Err(RecvError::Closed) => return Err(End::Gone),
                    };
                    if self.is_greeted {
                        self.send(Message::Text(frame)).await?;
                    }
                }
                _ = ping.tick() => self.send(Message::Ping(bytes::Bytes::new())).await?,
                () = tokio::time::sleep_until(heard + SILENT_FOR) => return Err(End::Gone),
                () = app.shutdown.started() => return Err(End::Code(RESTART)),
            }
        }
    }

    async fn send(&mut self, message: Message) -> Result<(), End> {
        match tokio::time::timeout(SENT_IN, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(End::Gone),
        }
    }

    async fn tell(&mut self, frame: &ToScreen) -> Result<(), End> {
        // Plain data with text keys is always JSON.
        let text = serde_json::to_string(frame).unwrap_or_default();
        self.send(Message::Text(text.into())).await
    }

    async fn refuse(&mut self, fault: Fault, field: &'static str) -> Result<(), End> {
        let problem = Refusal::of_field(fault, field).problem(Lang::Ja);
        self.tell(&ToScreen::Error { problem }).await
    }

    /// Sends the manifest if the screen doesn't have it.
    async fn show(&mut self) -> Result<(), End> {
        let ready = self.manifests.borrow_and_update().clone();
        match ready {
            Some(ready) if self.is_greeted && self.has.as_ref() != Some(&ready.digest) => {
                self.has = Some(ready.digest);
                self.send(Message::Text(ready.frame)).await
            }
            _ => Ok(()),
        }
    }

    async fn take(&mut self, text: &str) -> Result<(), End> {
        match serde_json::from_str::<ScreenFrame>(text) {
            Ok(ScreenFrame::Ping) => self.tell(&ToScreen::Pong).await,
            Ok(ScreenFrame::Hello { version, .. }) if version != VERSION => {
                self.refuse(Fault::OldPage, "version").await?;
                Err(End::Code(POLICY))
            }
            Ok(ScreenFrame::Hello { manifest, .. }) => {
                self.has = manifest;
                self.is_greeted = true;
                let now = runtime::now();
                self.tell(&ToScreen::Welcome {
                    screen: self.screen.clone(),
                    now,
                    time_zone: self.app.config.office.time_zone.clone(),
                })
                .await?;
                self.show().await?;
                let areas = self.app.feed.all(now).frame;
                self.send(Message::Text(areas)).await
            }
            Ok(ScreenFrame::Report { report }) => {
                let (live, office) = (&self.app.store.live, &self.app.config.office.id);
                if let Err(error) = store::screens::report(live, office, &self.screen, &report).await {
                    // The next one comes in ten seconds.
                    tracing::debug!(%error, "a screen's report could not be kept");
                }
                Ok(())
            }
            Err(_) => self.refuse(Fault::BadRequest, "type").await,
        }
    }
}
