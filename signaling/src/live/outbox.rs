//! A client's outgoing frames, and the word that ends its socket.

use std::sync::{Arc, OnceLock};

use axum::extract::ws::Utf8Bytes;
use protocol::signal::{ServerBody, ServerFrame};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::problem::Refusal;
use crate::texts::Lang;

/// Frames not yet sent. Full: the client is too slow and is disconnected; it comes back and is told the
/// present state.
const FRAMES: usize = 128;

/// WebSocket close codes (RFC 6455 §7.4; from 4000 on our own).
pub(crate) mod code {
    /// Said and done.
    pub(crate) const DONE: u16 = 1000;
    /// Not what was agreed.
    pub(crate) const POLICY: u16 = 1008;
    /// The server restarts: come back soon.
    pub(crate) const RESTART: u16 = 1012;
    /// Too slow: come back and be told everything.
    pub(crate) const SLOW: u16 = 4000;
    /// Opened in another window.
    pub(crate) const ELSEWHERE: u16 = 4001;
    /// Not heard for too long.
    pub(crate) const SILENT: u16 = 4002;
    /// The login is over.
    pub(crate) const LOGGED_OUT: u16 = 4401;
}

/// Sends to one client, in order, without waiting. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Outbox {
    frames: mpsc::Sender<Utf8Bytes>,
    end: Arc<End>,
}

/// Why and whether a socket ends.
#[derive(Debug, Default)]
pub(crate) struct End {
    code: OnceLock<u16>,
    token: CancellationToken,
}

impl End {
    /// Waits for the end, and gives its code.
    pub(crate) async fn wait(&self) -> u16 {
        self.token.cancelled().await;
        self.code.get().copied().unwrap_or(code::DONE)
    }
}

impl Outbox {
    /// The sender, what its socket sends, and when it ends.
    pub(crate) fn new() -> (Self, mpsc::Receiver<Utf8Bytes>, Arc<End>) {
        let (frames, receiver) = mpsc::channel(FRAMES);
        let end = Arc::new(End::default());
        let outbox = Self {
            frames,
            end: Arc::clone(&end),
        };
        (outbox, receiver, end)
    }

    /// An answer (with the request's id) or news (without).
    pub(crate) fn send(&self, id: Option<u64>, body: ServerBody) {
        self.send_text(text(&ServerFrame { id, body }));
    }

    /// A frame that is serialised already.
    pub(crate) fn send_text(&self, text: Utf8Bytes) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.frames.try_send(text) {
            self.end(code::SLOW);
        }
    }

    /// "Not done, and why".
    pub(crate) fn refuse(&self, id: Option<u64>, refusal: Refusal, lang: Lang) {
        let problem = refusal.problem(lang);
        self.send(id, ServerBody::Error { problem });
    }

    /// Ends the socket; the first word holds.
    pub(crate) fn end(&self, code: u16) {
        let _ = self.end.code.set(code);
        self.end.token.cancel();
    }
}

/// A frame as text.
pub(crate) fn text(frame: &ServerFrame) -> Utf8Bytes {
    // Plain data with text keys is always JSON.
    serde_json::to_string(frame).unwrap_or_default().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_client_that_takes_nothing_is_ended_as_slow() {
        let (outbox, mut frames, end) = Outbox::new();
        for _ in 0..FRAMES {
            outbox.send(None, ServerBody::Pong);
        }
        assert!(!end.token.is_cancelled());
        outbox.send(None, ServerBody::Pong);
        outbox.end(code::DONE);
        assert_eq!(end.wait().await, code::SLOW);
        assert_eq!(frames.recv().await.as_deref(), Some("{\"type\":\"pong\"}"));
    }
}
