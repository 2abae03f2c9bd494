//! One connection: hello, then frames both ways until it ends.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use futures_util::{SinkExt, StreamExt};
use protocol::screen::{Manifest, Report, ScreenFrame, ToScreen};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::{PROTOCOL, Settings, digest, look, tls};
use crate::event::{Event, Sender, Status};

const CONNECT_LIMIT: Duration = Duration::from_secs(15);
const REPORT_EVERY: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(5);
/// A server unheard for so long is gone.
const SILENCE: Duration = Duration::from_secs(16);
/// The largest frame that is taken, in bytes.
const MAX_FRAME: usize = 4 << 20;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(super) struct Link {
    pub(super) settings: Arc<Settings>,
    pub(super) events: Sender,
    pub(super) status: Status,
    /// What couldn't be fetched.
    pub(super) faults: watch::Receiver<Vec<String>>,
    /// The manifest that the server wants on show.
    pub(super) wanted: watch::Sender<Option<Arc<Manifest>>>,
}

/// How a connection ended.
pub(super) struct Ended {
    /// Whether it had come so far that the server said welcome.
    pub(super) was_welcome: bool,
    pub(super) reason: Error,
}

impl Link {
    /// Connects and holds the connection as long as it lives.
    pub(super) async fn hold(&self) -> Result<(), Ended> {
        let mut was_welcome = false;
        self.converse(&mut was_welcome)
            .await
            .map_err(|reason| Ended { was_welcome, reason })
    }

    async fn connect(&self) -> Result<Socket> {
        let server = self.settings.server.replacen("http", "ws", 1);
        let mut request = format!("{server}/api/screens/connect").into_client_request()?;
        let bearer = format!("Bearer {}", self.settings.read_token()?);
        request
            .headers_mut()
            .insert(AUTHORIZATION, bearer.parse().context("the screen's token")?);
        let limits = WebSocketConfig::default()
            .max_message_size(Some(MAX_FRAME))
            .max_frame_size(Some(MAX_FRAME));
        let connector = if server.starts_with("wss:") {
            Connector::Rustls(Arc::new(tls::config(&self.settings.authority)?))
        } else {
            Connector::Plain
        };
        let connecting = connect_async_tls_with_config(request, Some(limits), true, Some(connector));
        let (socket, _) = timeout(CONNECT_LIMIT, connecting)
            .await
            .with_context(|| format!("{server} doesn't answer"))?
            .with_context(|| server.clone())?;
        Ok(socket)
    }

    async fn converse(&self, was_welcome: &mut bool) -> Result<()> {
        let mut socket = self.connect().await?;
        let held = self.wanted.borrow().as_deref().and_then(digest);
        let hello = ScreenFrame::Hello {
            version: PROTOCOL,
            player: env!("CARGO_PKG_VERSION").to_owned(),
            manifest: held,
        };
        send(&mut socket, &hello).await?;
        let (mut reports, mut pings) = (interval(REPORT_EVERY), interval(PING_EVERY));
        reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
        pings.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut heard_at = Instant::now();
        loop {
            tokio::select! {
                message = socket.next() => {
                    heard_at = Instant::now();
                    match message.context("the server closed the connection")?? {
                        Message::Text(text) => self.take(text.as_str(), was_welcome).await?,
                        Message::Close(frame) => bail!("the server closed the connection: {frame:?}"),
                        _ => {}
                    }
                }
                _ = reports.tick(), if *was_welcome => send(&mut socket, &self.report()).await?,
                _ = pings.tick() => {
                    if heard_at.elapsed() > SILENCE {
                        bail!("the server is silent for {} s", SILENCE.as_secs());
                    }
                    send(&mut socket, &ScreenFrame::Ping).await?;
                }
            }
        }
    }

    fn report(&self) -> ScreenFrame {
        let mut report: Report = self.status.borrow().clone();
        report.faults.extend(self.faults.borrow().iter().cloned());
        ScreenFrame::Report { report }
    }

    async fn take(&self, text: &str, was_welcome: &mut bool) -> Result<()> {
        let frame: ToScreen = match serde_json::from_str(text) {
            Ok(frame) => frame,
            Err(error) => {
                // A newer server may say more than this player knows.
                tracing::warn!("a frame from the server is not understood: {error}");
                return Ok(());
            }
        };
        match frame {
            ToScreen::Welcome { screen, now, time_zone } => {
                let own = self.settings.own_id()?;
                if screen != own {
                    bail!("the token is for screen {screen}, this is {own}");
                }
                tracing::info!("connected");
                *was_welcome = true;
                self.tell(Event::Welcome { now, time_zone }).await
            }
            ToScreen::Manifest { manifest } => {
                match manifest.layout.check() {
                    Ok(()) => {
                        self.wanted.send_replace(Some(Arc::new(manifest)));
                    }
                    Err(error) => tracing::error!("the server's manifest can't be shown: {error}"),
                }
                Ok(())
            }
            ToScreen::Areas { areas } => self.tell(Event::Areas(areas)).await,
            ToScreen::Queues { queues } => self.tell(Event::Queues(queues)).await,
            ToScreen::Lots { lots } => self.tell(Event::Lots(lots)).await,
            ToScreen::Notices { notices } => self.tell(Event::Notices(notices)).await,
            ToScreen::Look => {
                let sending = look::send(Arc::clone(&self.settings), self.events.clone());
                tokio::spawn(async move {
                    if let Err(error) = sending.await {
                        tracing::warn!("the picture that somebody asked for couldn't be sent: {error:#}");
                    }
                });
                Ok(())
            }
            ToScreen::Pong => self.tell(Event::Heard).await,
            ToScreen::Error { problem } => {
                tracing::warn!(problem = problem.kind, "the server: {}", problem.title);
                Ok(())
            }
        }
    }

    async fn tell(&self, event: Event) -> Result<()> {
        self.events.send(event).await.ok().context("the stage is gone")
    }
}

async fn send(socket: &mut Socket, frame: &ScreenFrame) -> Result<()> {
    let text = serde_json::to_string(frame)?;
    let sending = socket.send(Message::text(text));
    timeout(CONNECT_LIMIT, sending)
        .await
        .context("the server doesn't take what is sent")??;
    Ok(())
}
