//! GET /api/screens/connect: a screen's WebSocket. It is told what to show, how crowded the office is and what the office
//! says now, and reports how it is doing. A token that is taken away ends it at once.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade};
use axum::http::HeaderMap;
use axum::response::Response;
use protocol::ids::ScreenId;
use protocol::screen::{Notice, ScreenFrame, ToScreen, VERSION};
use protocol::signal::MAX_FRAME;
use store::StoreError;
use store::screens::Seen;
use store::screens::notices::for_screen;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};

use super::Bearer;
use super::library::Ready;
use super::remote::offer::Offer;
use crate::app::App;
use crate::health::Present;
use crate::problem::{Fault, Refusal};
use crate::texts::Lang;

const SILENT_FOR: Duration = Duration::from_secs(20);
const PING_EVERY: Duration = Duration::from_secs(5);
const SENT_IN: Duration = Duration::from_secs(10);
/// It is looked so often whether a notice's time has begun or is over.
const NOTICES_EVERY: Duration = Duration::from_secs(1);
/// So many characters of a player's version are kept.
const LONGEST_VERSION: usize = 40;
/// WebSocket close codes (RFC 6455 §7.4.1).
const RESTART: u16 = 1012;
const POLICY: u16 = 1008;

/// GET /api/screens/connect
pub(super) async fn connect(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let bearer = super::screen_of(&app, &headers).await?;
    let upgrade = upgrade.map_err(|_| Fault::BadRequest)?;
    Ok(upgrade
        .max_message_size(MAX_FRAME)
        .max_frame_size(MAX_FRAME)
        .on_upgrade(move |socket| async move {
            // The program's end waits for it, so that the screen is told to come back.
            let shutdown = app.shutdown.clone();
            let _ = shutdown.spawn(serve(app, socket, bearer)).await;
        }))
}

/// Why a screen's socket ends.
enum End {
    Gone,
    Code(u16),
}

struct Connection {
    app: Arc<App>,
    bearer: Bearer,
    screen: ScreenId,
    socket: WebSocket,
    manifests: watch::Receiver<Option<Ready>>,
    /// The digest of the manifest that the screen has.
    has: Option<String>,
    /// What the office says, as the screen was told last.
    told: Option<Vec<Notice>>,
    /// Its remote control.
    offer: Offer,
    /// The player's version.
    player: String,
    is_greeted: bool,
}

async fn serve(app: Arc<App>, socket: WebSocket, bearer: Bearer) {
    let _present = Present::new(&app.metrics.screens);
    let screen = bearer.screen.clone();
    tracing::info!(%screen, "a screen is connected");
    let manifests = app.library.watch(&screen);
    let mut connection = Connection {
        app,
        bearer,
        screen,
        socket,
        manifests,
        has: None,
        told: None,
        offer: Offer::default(),
        player: String::new(),
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
    connection.offer.leave(&connection.app, &connection.screen).await;
    tracing::info!(screen = %connection.screen, "a screen is gone");
}

impl Connection {
    /// Carries frames until the socket ends; never returns `Ok`.
    async fn run(&mut self) -> Result<(), End> {
        let app = Arc::clone(&self.app);
        let mut areas = app.feed.news();
        let (mut known, mut looks) = (app.screens.watch(), app.screens.looks());
        let mut remote = app.remotes.news(&self.screen);
        let mut notices = tokio::time::interval(NOTICES_EVERY);
        notices.set_missed_tick_behavior(MissedTickBehavior::Delay);
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
                    let frames = match news {
                        Ok(update) => update.frames,
                        // Too slow: what was missed is replaced by everything.
                        Err(RecvError::Lagged(_)) => app.feed.all(runtime::now()).frames,
                        Err(RecvError::Closed) => return Err(End::Gone),
                    };
                    if self.is_greeted {
                        self.send_all(frames).await?;
                    }
                }
                changed = known.changed() => {
                    if changed.is_err() {
                        return Err(End::Gone);
                    }
                    self.check_token().await?;
                    self.tell_notices().await?;
                }
                // Their times begin and end without anybody saying so.
                _ = notices.tick() => {
                    self.tell_notices().await?;
                    if self.offer.is_due(runtime::now()) {
                        self.tend_offer().await?;
                    }
                }
                is_open = remote.next() => {
                    if !is_open {
                        return Err(End::Gone);
                    }
                    self.tend_offer().await?;
                }
                look = looks.recv() => {
                    if self.is_greeted && look.is_ok_and(|screen| screen == self.screen) {
                        self.tell(&ToScreen::Look).await?;
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

    async fn send_all(&mut self, frames: Vec<Utf8Bytes>) -> Result<(), End> {
        for frame in frames {
            self.send(Message::Text(frame)).await?;
        }
        Ok(())
    }

    async fn tell(&mut self, frame: &ToScreen) -> Result<(), End> {
        // Plain data with text keys is always JSON.
        let text = serde_json::to_string(frame).unwrap_or_default();
        self.send(Message::Text(text.into())).await
    }

    /// Ends the connection when its token was taken away. While the ledger is away it goes on.
    async fn check_token(&mut self) -> Result<(), End> {
        match self.bearer.holds(&self.app).await {
            Ok(false) => Err(End::Code(POLICY)),
            _ => Ok(()),
        }
    }

    /// Tells what the office says now, if the screen wasn't told the same last.
    async fn tell_notices(&mut self) -> Result<(), End> {
        if !self.is_greeted {
            return Ok(());
        }
        let known = Arc::clone(&self.app.screens.watch().borrow());
        let notices = for_screen(&known.notices, &self.screen, runtime::now());
        if self.told.as_ref() == Some(&notices) {
            return Ok(());
        }
        self.told = Some(notices.clone());
        self.tell(&ToScreen::Notices { notices }).await
    }

    /// Tells how the remote control is, and what was pressed on it.
    async fn tend_offer(&mut self) -> Result<(), End> {
        let app = Arc::clone(&self.app);
        let told = self.offer.tend(&app, &self.screen, runtime::now()).await;
        self.tell_offer(told).await
    }

    async fn tell_offer(&mut self, told: Result<Vec<ToScreen>, StoreError>) -> Result<(), End> {
        match told {
            Ok(frames) => {
                for frame in frames {
                    self.tell(&frame).await?;
                }
            }
            // It is looked at again within a second.
            Err(error) => tracing::debug!(%error, "a screen's remote control can't be read now"),
        }
        Ok(())
    }

    /// Keeps that the screen is there.
    async fn see(&mut self) {
        let seen = Seen {
            at: runtime::now(),
            player: self.player.clone(),
            manifest: self.has.clone(),
        };
        let (live, office) = (&self.app.store.live, &self.app.config.office.id);
        if let Err(error) = store::screens::see(live, office, &self.screen, &seen).await {
            // It is seen again in ten seconds.
            tracing::debug!(%error, "that a screen is there could not be kept");
        }
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
            Ok(ScreenFrame::Ping) => {
                let now = Some(runtime::now());
                self.tell(&ToScreen::Pong { now }).await
            }
            Ok(ScreenFrame::Hello { version, .. }) if version != VERSION => {
                self.refuse(Fault::OldPage, "version").await?;
                Err(End::Code(POLICY))
            }
            Ok(ScreenFrame::Hello { manifest, player, .. }) => {
                self.has = manifest;
                self.player = player.chars().take(LONGEST_VERSION).collect();
                self.is_greeted = true;
                let now = runtime::now();
                self.tell(&ToScreen::Welcome {
                    screen: self.screen.clone(),
                    now,
                    time_zone: self.app.config.office.time_zone.clone(),
                })
                .await?;
                self.show().await?;
                self.send_all(self.app.feed.all(now).frames).await?;
                self.tell_notices().await?;
                self.see().await;
                Ok(())
            }
            Ok(ScreenFrame::Report { report }) => {
                let (live, office) = (&self.app.store.live, &self.app.config.office.id);
                if let Err(error) = store::screens::report(live, office, &self.screen, &report).await {
                    // The next one comes in ten seconds.
                    tracing::debug!(%error, "a screen's report could not be kept");
                }
                self.see().await;
                if let Err(error) = self.offer.renew(&self.app, &self.screen).await {
                    tracing::debug!(%error, "what can be pressed could not be kept");
                }
                Ok(())
            }
            Ok(ScreenFrame::Choices { choices }) => {
                if choices.as_ref().is_some_and(|it| it.check().is_err()) {
                    return self.refuse(Fault::BadRequest, "choices").await;
                }
                let app = Arc::clone(&self.app);
                let told = self.offer.take(choices, &app, &self.screen, runtime::now()).await;
                self.tell_offer(told).await
            }
            Err(_) => self.refuse(Fault::BadRequest, "type").await,
        }
    }
}
