//! One connection: hello, then frames both ways until it ends.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Error, Result, bail};
use futures_util::{SinkExt, StreamExt};
use protocol::screen::{Choices, InGroup, Manifest, Report, ScreenFrame, ToScreen};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::header::AUTHORIZATION;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::clock::ServerClock;
use super::faults::{Faults, Source};
use super::{News, PROTOCOL, Settings, digest, look, tls};
use crate::event::Status;

const CONNECT_LIMIT: Duration = Duration::from_secs(15);
const REPORT_EVERY: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(5);
/// A server that answers nothing for so long is gone, or doesn't hear this screen.
const SILENCE: Duration = Duration::from_secs(16);
/// The largest frame that is taken, in bytes.
const MAX_FRAME: usize = 4 << 20;

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

pub(super) struct Link {
    pub(super) settings: Arc<Settings>,
    pub(super) news: mpsc::Sender<News>,
    pub(super) status: Status,
    /// What a phone may press.
    pub(super) choices: watch::Receiver<Option<Choices>>,
    pub(super) faults: Faults,
    /// The manifest that the server wants on show.
    pub(super) wanted: watch::Sender<Option<Arc<Manifest>>>,
    /// How this machine's clock stands to the server's.
    pub(super) clock: ServerClock,
}

/// How a connection ended.
pub(super) struct Ended {
    /// Whether it had come so far that the server said welcome.
    pub(super) was_welcome: bool,
    pub(super) reason: Error,
}

/// What proves that both ways are open: an answer. Frames that come by themselves say nothing of the way there.
struct Trips {
    /// When the oldest question was sent that has no answer yet.
    asked_at: Option<Instant>,
    /// When the last answer came; at first, when the connection was made.
    answered_at: Instant,
}

impl Trips {
    fn begun(now: Instant) -> Self {
        Self {
            asked_at: None,
            answered_at: now,
        }
    }

    fn asked(&mut self, now: Instant) {
        self.asked_at.get_or_insert(now);
    }

    /// How long the round trip took; `None`: nothing is known to have been asked.
    fn answered(&mut self, now: Instant) -> Option<Duration> {
        self.answered_at = now;
        Some(now.saturating_duration_since(self.asked_at.take()?))
    }

    fn is_broken(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.answered_at) > SILENCE
    }
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
        let mut choices = self.choices.clone();
        // Nothing needn't be said to a server that was told nothing.
        if choices.borrow_and_update().is_some() {
            choices.mark_changed();
        }
        let mut trips = Trips::begun(Instant::now());
        loop {
            tokio::select! {
                message = socket.next() => match message.context("the server closed the connection")?? {
                    Message::Text(text) => self.take(text.as_str(), was_welcome, &mut trips).await?,
                    Message::Close(frame) => bail!("the server closed the connection: {frame:?}"),
                    _ => {}
                },
                changed = choices.changed(), if *was_welcome => {
                    changed.context("the way from the picture is gone")?;
                    let choices = choices.borrow_and_update().clone();
                    send(&mut socket, &ScreenFrame::Choices { choices }).await?;
                }
                _ = reports.tick(), if *was_welcome => send(&mut socket, &self.report()).await?,
                _ = pings.tick() => {
                    let now = Instant::now();
                    if trips.is_broken(now) {
                        bail!("the server hasn't answered for {} s", SILENCE.as_secs());
                    }
                    trips.asked(now);
                    send(&mut socket, &ScreenFrame::Ping).await?;
                }
            }
        }
    }

    fn report(&self) -> ScreenFrame {
        let mut report: Report = self.status.borrow().clone();
        report.faults.extend(self.faults.all());
        report.faults.extend(report.group.as_ref().and_then(InGroup::fault));
        ScreenFrame::Report { report }
    }

    async fn take(&self, text: &str, was_welcome: &mut bool, trips: &mut Trips) -> Result<()> {
        let frame: ToScreen = match serde_json::from_str(text) {
            Ok(frame) => frame,
            Err(error) => {
                // A newer server may say more than this player knows.
                tracing::warn!("a frame from the server is not understood: {error}");
                if is_manifest(text) {
                    self.refuse_manifest(&error);
                }
                return Ok(());
            }
        };
        match frame {
            ToScreen::Welcome { ref screen, .. } => {
                let own = self.settings.own_id()?;
                if *screen != own {
                    bail!("the token is for screen {screen}, this is {own}");
                }
                tracing::info!("connected");
                *was_welcome = true;
                self.tell(frame).await
            }
            ToScreen::Manifest { manifest } => {
                match manifest.layout.check_to_play() {
                    Ok(()) => {
                        self.faults.set(Source::Manifest, missing(&manifest));
                        self.wanted.send_replace(Some(Arc::new(manifest)));
                    }
                    Err(error) => self.refuse_manifest(&error),
                }
                Ok(())
            }
            ToScreen::Pong { now } => {
                if let (Some(took), Some(theirs)) = (trips.answered(Instant::now()), now) {
                    self.clock.measured(took, theirs, runtime::now());
                }
                self.tell(frame).await
            }
            ToScreen::Look => {
                let sending = look::send(Arc::clone(&self.settings));
                tokio::spawn(async move {
                    if let Err(error) = sending.await {
                        tracing::warn!("the picture that somebody asked for couldn't be sent: {error:#}");
                    }
                });
                Ok(())
            }
            ToScreen::Error { problem } => {
                tracing::warn!(problem = problem.kind, "the server: {}", problem.title);
                Ok(())
            }
            said => self.tell(said).await,
        }
    }

    /// What is on show stays; the fault is told until a manifest comes that can be read.
    fn refuse_manifest(&self, error: &dyn std::fmt::Display) {
        tracing::error!("the server's manifest can't be shown: {error}");
        let fault = format!("the server's manifest can't be shown: {error}");
        self.faults.set(Source::Manifest, vec![fault]);
    }

    async fn tell(&self, said: ToScreen) -> Result<()> {
        let told = self.news.send(News::Said(said)).await;
        told.ok().context("the way to the picture is gone")
    }
}

/// Whether a frame that can't be read wanted to be a manifest.
fn is_manifest(text: &str) -> bool {
    #[derive(serde::Deserialize)]
    struct Head {
        r#type: String,
    }
    serde_json::from_str::<Head>(text).is_ok_and(|head| head.r#type == "manifest")
}

/// Items of a layout that its manifest doesn't know.
fn missing(manifest: &Manifest) -> Vec<String> {
    let mut names: Vec<&str> = manifest.layout.contents().collect();
    names.sort_unstable();
    names.dedup();
    names.retain(|name| !manifest.contents.contains_key(*name));
    names
        .into_iter()
        .map(|name| format!("{name}: the manifest doesn't say what it is"))
        .collect()
}

async fn send(socket: &mut Socket, frame: &ScreenFrame) -> Result<()> {
    let text = serde_json::to_string(frame)?;
    let sending = socket.send(Message::text(text));
    timeout(CONNECT_LIMIT, sending)
        .await
        .context("the server doesn't take what is sent")??;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_prove_the_link_and_a_late_one_is_measured_from_its_own_question() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut trips = Trips::begun(start);
        assert!(!trips.is_broken(at(16)));
        assert!(trips.is_broken(at(17)), "nothing was ever answered");
        trips.asked(at(5));
        trips.asked(at(10));
        assert_eq!(trips.answered(at(12)), Some(Duration::from_secs(7)));
        assert_eq!(trips.answered(at(12)), None, "whose answer this is isn't known");
        assert!(!trips.is_broken(at(28)) && trips.is_broken(at(29)));
    }
}
