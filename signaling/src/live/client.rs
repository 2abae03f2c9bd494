//! One socket: a reader that does what the client asks, a writer that sends its outbox, and the checks
//! that it is still there and still allowed.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, Utf8Bytes, WebSocket};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt as _, StreamExt as _};
use protocol::ids::ConsultationId;
use protocol::signal::ClientFrame;
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior};

use super::hub::ClientId;
use super::outbox::{End, Outbox, code};
use crate::app::App;
use crate::consultation::model::Who;
use crate::health::Present;
use crate::problem::{Fault, Refusal};
use crate::staff;
use crate::staff::rights::Member;
use crate::texts::Lang;

/// A client that is silent for so long is gone.
const SILENT_FOR: Duration = Duration::from_secs(20);
/// The server proves itself so often.
const PING_EVERY: Duration = Duration::from_secs(5);
/// The first frame must come within this.
const HELLO_IN: Duration = Duration::from_secs(10);
/// A frame must be on its way within this.
const SENT_IN: Duration = Duration::from_secs(10);
/// How long a client may take to answer a close.
const CLOSED_IN: Duration = Duration::from_secs(1);
/// A login is looked at so often.
const SESSION_EVERY: Duration = Duration::from_secs(15);
/// Frames at once, and how long it takes until one more is allowed.
const FRAMES: Rate = Rate {
    burst: 100,
    every: Duration::from_millis(50),
};
/// The same of messages about keys, each of which goes to all who are in the room. One who comes or goes costs a page as
/// many as there are others, and three.
const KEY_MESSAGES: Rate = Rate {
    burst: 80,
    every: Duration::from_millis(200),
};

/// What the upgrade request said of its sender.
pub(super) struct Caller {
    pub(super) lang: Lang,
    pub(super) address: IpAddr,
    /// The cookie's token.
    pub(super) session: Option<String>,
    /// The mark of the device, by its cookie.
    pub(super) device: Option<String>,
}

/// A connected client.
pub(super) struct Client {
    pub(super) app: Arc<App>,
    pub(super) caller: Caller,
    pub(super) outbox: Outbox,
    /// Who it is, once it has said so.
    pub(super) entered: Option<(ClientId, Who)>,
    /// Of staff: what they may do. A change of it ends the login, and so the socket.
    pub(super) member: Option<Member>,
    allowance: Allowance,
    pub(super) key_messages: Allowance,
}

/// Serves one socket to its end.
pub(super) async fn serve(app: Arc<App>, socket: WebSocket, caller: Caller) {
    let _present = Present::new(&app.metrics.clients);
    let (outbox, frames, end) = Outbox::new();
    let (sink, stream) = socket.split();
    let mut client = Client {
        app: Arc::clone(&app),
        caller,
        outbox,
        entered: None,
        member: None,
        allowance: Allowance::new(FRAMES),
        key_messages: Allowance::new(KEY_MESSAGES),
    };
    let writing = async {
        write(&app, sink, frames, &end).await;
        tokio::time::sleep(CLOSED_IN).await;
    };
    tokio::select! {
        () = read(&mut client, stream) => {}
        () = writing => {}
    }
    if let Some((id, _)) = client.entered
        && let Some(consultation) = app.hub.leave(id)
    {
        let (live, office) = (&app.store.live, &app.config.office.id);
        if let Err(error) = store::presence::clear(live, office, &consultation).await {
            // It fades by itself.
            tracing::debug!(%error, "a mark could not be taken away");
        }
    }
}

async fn write(app: &App, mut sink: SplitSink<WebSocket, Message>, mut frames: mpsc::Receiver<Utf8Bytes>, end: &End) {
    let mut ping = tokio::time::interval(PING_EVERY);
    let code = loop {
        let message = tokio::select! {
            biased;
            code = end.wait() => break code,
            () = app.shutdown.started() => break code::RESTART,
            frame = frames.recv() => match frame {
                Some(text) => Message::Text(text),
                None => return,
            },
            _ = ping.tick() => Message::Ping(bytes::Bytes::new()),
        };
        match tokio::time::timeout(SENT_IN, sink.send(message)).await {
            Ok(Ok(())) => {}
            _ => return,
        }
    };
    if code == code::SLOW {
        app.metrics.slow_clients.inc();
    }
    let last_words = async {
        // The answer that says why comes before the end.
        if code != code::SLOW {
            while let Ok(text) = frames.try_recv() {
                sink.send(Message::Text(text)).await?;
            }
        }
        let reason = Utf8Bytes::from_static("");
        sink.send(Message::Close(Some(CloseFrame { code, reason }))).await
    };
    // A client that doesn't take them is gone already.
    let _ = tokio::time::timeout(CLOSED_IN, last_words).await;
}

async fn read(client: &mut Client, mut stream: SplitStream<WebSocket>) {
    let mut heard = Instant::now();
    let mut mark = tokio::time::interval(store::presence::FADES_AFTER / 3);
    let mut session = tokio::time::interval(SESSION_EVERY);
    for interval in [&mut mark, &mut session] {
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        interval.reset();
    }
    loop {
        let patience = if client.entered.is_some() { SILENT_FOR } else { HELLO_IN };
        tokio::select! {
            message = stream.next() => {
                heard = Instant::now();
                match message {
                    Some(Ok(Message::Text(text))) => client.take(&text).await,
                    Some(Ok(Message::Binary(_))) => client.outbox.end(code::POLICY),
                    Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                }
            }
            () = tokio::time::sleep_until(heard + patience) => {
                client.outbox.end(code::SILENT);
                heard = Instant::now();
            }
            _ = mark.tick() => client.mark().await,
            _ = session.tick() => client.check_session().await,
        }
    }
}

impl Client {
    async fn take(&mut self, text: &str) {
        if !self.allowance.take(Instant::now()) {
            self.outbox.end(code::POLICY);
            return;
        }
        match serde_json::from_str::<ClientFrame>(text) {
            Ok(frame) => self.asked(frame.id, frame.body).await,
            Err(_) => self
                .outbox
                .refuse(id_of(text), Fault::BadRequest.into(), self.caller.lang),
        }
    }

    /// The consultation of a resident.
    fn own(&self) -> Option<&ConsultationId> {
        match &self.entered {
            Some((_, Who::Resident(id))) => Some(id),
            _ => None,
        }
    }

    /// Renews the mark that the resident's page, or a member of staff's console, is open.
    pub(super) async fn mark(&self) {
        let (live, office) = (&self.app.store.live, &self.app.config.office.id);
        if let Some((_, Who::Staff(staff))) = &self.entered
            && let Err(error) = store::desks::mark(live, office, staff, runtime::now()).await
        {
            tracing::debug!(%error, "a mark could not be renewed");
        }
        let Some(id) = self.own() else { return };
        if let Err(error) = store::presence::mark(live, office, id).await {
            tracing::debug!(%error, "a mark could not be renewed");
        }
    }

    /// Ends the socket when the login is over. A silent Redis ends nothing.
    async fn check_session(&self) {
        if let (Some((_, Who::Staff(_))), Some(token)) = (&self.entered, &self.caller.session)
            && let Err(Refusal {
                fault: Fault::NotLoggedIn,
                ..
            }) = staff::of_token(&self.app, token.clone()).await.map(drop)
        {
            self.outbox.end(code::LOGGED_OUT);
        }
    }
}

/// The id of a frame that can't be understood otherwise, so that its sender learns which it was.
fn id_of(text: &str) -> Option<u64> {
    #[derive(serde::Deserialize)]
    struct Numbered {
        id: u64,
    }
    serde_json::from_str::<Numbered>(text).ok().map(|frame| frame.id)
}

/// So many at once, and one more after each while.
#[derive(Clone, Copy)]
struct Rate {
    burst: u32,
    every: Duration,
}

/// How many frames a client may still send now.
pub(super) struct Allowance {
    rate: Rate,
    left: f64,
    at: Option<Instant>,
}

impl Allowance {
    fn new(rate: Rate) -> Self {
        Self {
            rate,
            left: f64::from(rate.burst),
            at: None,
        }
    }

    /// Takes one; false: it must wait.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let since = self.at.map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        self.at = Some(now);
        let gained = since.as_secs_f64() / self.rate.every.as_secs_f64();
        self.left = (self.left + gained).min(f64::from(self.rate.burst));
        if self.left < 1.0 {
            return false;
        }
        self.left -= 1.0;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_is_allowed_a_flood_is_not() {
        let start = Instant::now();
        for rate in [FRAMES, KEY_MESSAGES] {
            let mut allowance = Allowance::new(rate);
            assert!((0..rate.burst).all(|_| allowance.take(start)));
            assert!(!allowance.take(start));
            assert!(allowance.take(start + rate.every));
            assert!(!allowance.take(start + rate.every));
        }
    }

    #[test]
    fn a_bad_frame_still_tells_its_number() {
        assert_eq!(id_of(r#"{"id":7,"type":"dance"}"#), Some(7));
        assert_eq!(id_of("{"), None);
        assert_eq!(id_of(r#"{"id":"7"}"#), None);
    }
}
