//! The player's own socket, for an operator on the same machine: what does the screen show, touch it there,
//! how is it doing. Only the player's user may open it (mode 0600).
//!
//! A request is one line of JSON, answered by one line of JSON; a snapshot's PNG follows its line.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use protocol::screen::{InGroup, Report};
use runtime::Shutdown;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::bridge::picture::Shelf;
use crate::event::{Event, Sender, Snapshot, Status};
use crate::place::{self, Place};

/// The longest request in bytes.
const MAX_REQUEST: u64 = 4096;
/// How long a conversation may take.
const LIMIT: Duration = Duration::from_secs(10);

/// What one may ask.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// The picture on show, as PNG.
    Snapshot,
    /// A touch, in the layout's pixels.
    Touch {
        /// From the left.
        x: f64,
        /// From the top.
        y: f64,
    },
    /// How the player is doing.
    Status,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Answer {
    /// A PNG of so many bytes follows.
    Snapshot {
        /// Bytes.
        size: u64,
    },
    /// The touch is done; this page is on show.
    Touched {
        /// Its name.
        page: String,
    },
    /// How the player is doing.
    Status {
        /// The report.
        report: Report,
    },
    /// It couldn't be done.
    Refused {
        /// Why.
        reason: String,
    },
}

/// Answers until the shutdown, one conversation after the other: the queue is the socket's own.
pub async fn serve(
    listener: UnixListener,
    path: PathBuf,
    shelf: Arc<Shelf>,
    events: Sender,
    status: Status,
    shutdown: Shutdown,
) {
    loop {
        let accepted = tokio::select! {
            () = shutdown.started() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => match timeout(LIMIT, converse(stream, &shelf, &events, &status)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!("control socket: {error:#}"),
                Err(_) => tracing::warn!("control socket: the other side takes too long"),
            },
            Err(error) => {
                tracing::warn!("control socket: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
    place::leave(&path);
}

async fn converse(stream: UnixStream, shelf: &Shelf, events: &Sender, status: &Status) -> Result<()> {
    let (input, mut output) = stream.into_split();
    let mut line = String::new();
    tokio::io::BufReader::new(input.take(MAX_REQUEST))
        .read_line(&mut line)
        .await?;
    if line.is_empty() {
        // Somebody only looked whether a player is here.
        return Ok(());
    }
    let (answer, bytes) = match serde_json::from_str(&line) {
        Ok(request) => answer(request, shelf, events, status).await?,
        Err(error) => (
            Answer::Refused {
                reason: format!("not a request: {error}"),
            },
            Vec::new(),
        ),
    };
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    output.write_all(&text).await?;
    output.write_all(&bytes).await?;
    output.shutdown().await?;
    Ok(())
}

async fn answer(request: Request, shelf: &Shelf, events: &Sender, status: &Status) -> Result<(Answer, Vec<u8>)> {
    Ok(match request {
        Request::Status => {
            let mut report = status.borrow().clone();
            report.faults.extend(shelf.faults());
            report.faults.extend(report.group.as_ref().and_then(InGroup::fault));
            (Answer::Status { report }, Vec::new())
        }
        Request::Touch { x, y } => {
            let (reply, page) = oneshot::channel();
            events
                .send(Event::Touch {
                    x,
                    y,
                    reply: Some(reply),
                })
                .await?;
            (Answer::Touched { page: page.await? }, Vec::new())
        }
        Request::Snapshot => {
            let (reply, snapshot) = oneshot::channel();
            events.send(Event::Snapshot(reply)).await?;
            let snapshot = snapshot.await?;
            let png = tokio::task::spawn_blocking(|| png(snapshot)).await??;
            (Answer::Snapshot { size: png.len() as u64 }, png)
        }
    })
}

/// A picture as PNG.
///
/// # Errors
/// When there is no memory for it.
pub fn png(snapshot: Snapshot) -> Result<Vec<u8>> {
    let (width, height) = (i32::try_from(snapshot.width)?, i32::try_from(snapshot.height)?);
    let stride = width.checked_mul(4).context("too wide")?;
    let surface = cairo::ImageSurface::create_for_data(snapshot.pixels, cairo::Format::Rgb24, width, height, stride)?;
    let mut bytes = Vec::new();
    surface.write_to_png(&mut bytes)?;
    Ok(bytes)
}

/// Asks a running player.
///
/// # Errors
/// When none is running for this screen, or it refuses.
pub fn ask(place: &Place, request: &Request) -> Result<(Answer, Vec<u8>)> {
    let mut stream = place.connect_now()?;
    stream.set_read_timeout(Some(LIMIT))?;
    let mut line = serde_json::to_vec(request)?;
    line.push(b'\n');
    stream.write_all(&line)?;
    let mut reader = BufReader::new(stream);
    let mut text = String::new();
    reader.read_line(&mut text).context("the player doesn't answer")?;
    let answer: Answer = serde_json::from_str(&text).context("the player's answer is not understood")?;
    let mut bytes = Vec::new();
    if let Answer::Refused { reason } = &answer {
        bail!("the player refuses: {reason}");
    }
    if let Answer::Snapshot { size } = answer {
        reader.take(size).read_to_end(&mut bytes)?;
        if bytes.len() as u64 != size {
            bail!("the player broke off after {} of {size} bytes", bytes.len());
        }
    }
    Ok((answer, bytes))
}
