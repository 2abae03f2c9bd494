//! A WebSocket with JSON frames that never waits: the bench has one thread.
//!
//! Invariant: after [`Wire::send`] a frame is on its way, or lies in the socket's own buffer and goes with
//! the next [`Wire::poll`].

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::{self, Error, Message, WebSocket};

/// How long the handshake may take.
const HANDSHAKE: Duration = Duration::from_secs(10);

/// The connection.
#[derive(Debug)]
pub struct Wire {
    socket: WebSocket<TcpStream>,
}

impl Wire {
    /// Opens a WebSocket with one more header field.
    ///
    /// # Errors
    /// When it is refused.
    pub fn open(at: SocketAddr, path: &str, field: (&'static str, &str)) -> anyhow::Result<Self> {
        let mut request = format!("ws://{at}{path}").into_client_request()?;
        request.headers_mut().insert(field.0, HeaderValue::from_str(field.1)?);
        let stream = TcpStream::connect_timeout(&at, HANDSHAKE).with_context(|| format!("{at} doesn't answer"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(HANDSHAKE))?;
        let (socket, _) = tungstenite::client(request, stream)
            .map_err(|error| anyhow::anyhow!("the WebSocket at {at} is refused: {error}"))?;
        socket.get_ref().set_nonblocking(true)?;
        Ok(Self { socket })
    }

    /// Sends a frame.
    ///
    /// # Errors
    /// When the connection is gone.
    pub fn send(&mut self, frame: &impl Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string(frame)?;
        settle(self.socket.send(Message::Text(text.into())))?;
        Ok(())
    }

    /// The next frame, if one is there.
    ///
    /// # Errors
    /// When the connection is gone, or the frame isn't what was expected.
    pub fn poll<T: DeserializeOwned>(&mut self) -> anyhow::Result<Option<T>> {
        settle(self.socket.flush())?;
        loop {
            match settle(self.socket.read())? {
                None => return Ok(None),
                Some(Message::Text(text)) => {
                    let frame = serde_json::from_str(&text);
                    return Ok(Some(frame.with_context(|| format!("an unknown frame: {text}"))?));
                }
                Some(_) => {}
            }
        }
    }
}

/// What would have to wait is nothing yet.
fn settle<T>(done: Result<T, Error>) -> anyhow::Result<Option<T>> {
    match done {
        Ok(value) => Ok(Some(value)),
        Err(Error::Io(error)) if error.kind() == ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(anyhow::Error::new(error).context("the server's WebSocket is gone")),
    }
}
