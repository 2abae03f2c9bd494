//! One connection's tasks: they take it in, read its frames, and write what waits.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::super::frames::{push_frame, read_frame};
use super::{Arrival, LinkId};

/// What is read, and written, at once, in bytes.
const CHUNK: usize = 8 << 10;

/// A connection that takes nothing for so long is closed.
pub(super) const STALLED: Duration = Duration::from_secs(10);

/// Before the next try when the system has no place for another connection.
const RETRY: Duration = Duration::from_millis(200);

/// Takes in connections until the port's owner is gone.
pub(super) async fn accept(listener: TcpListener, tell: mpsc::Sender<Arrival>) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = tell.closed() => return,
        };
        match accepted {
            Ok((stream, theirs)) => {
                let theirs = SocketAddr::new(theirs.ip().to_canonical(), theirs.port());
                if tell.send(Arrival::Opened(stream, theirs)).await.is_err() {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(%error, "no TCP connection can be taken now");
                tokio::time::sleep(RETRY).await;
            }
        }
    }
}

/// Reads and writes one connection until either end is through with it.
pub(super) async fn serve(stream: TcpStream, id: LinkId, queue: mpsc::Receiver<Vec<u8>>, tell: mpsc::Sender<Arrival>) {
    let (reading, writing) = stream.into_split();
    let ended = tokio::select! {
        ended = read(reading, id, &tell) => ended,
        ended = write(writing, queue) => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a TCP connection ends");
    }
    // Without an owner nobody needs to know.
    let _ = tell.send(Arrival::Ended(id)).await;
}

/// Reads frames.
pub(super) async fn read(stream: impl AsyncRead + Unpin, id: LinkId, tell: &mpsc::Sender<Arrival>) -> io::Result<()> {
    let mut stream = BufReader::with_capacity(CHUNK, stream);
    loop {
        let frame = read_frame(&mut stream).await?;
        // An empty frame says nothing, and may be sent to keep a way open.
        if !frame.is_empty() && tell.send(Arrival::Frame(id, frame)).await.is_err() {
            return Ok(());
        }
    }
}

/// Writes the frames that wait, each whole, until nobody sends more.
async fn write(mut stream: impl AsyncWrite + Unpin, mut queue: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    let mut chunk = Vec::with_capacity(CHUNK);
    while let Some(frame) = queue.recv().await {
        push_frame(&mut chunk, &frame);
        while chunk.len() < CHUNK / 2
            && let Ok(next) = queue.try_recv()
        {
            push_frame(&mut chunk, &next);
        }
        match tokio::time::timeout(STALLED, stream.write_all(&chunk)).await {
            Ok(written) => written?,
            Err(_) => return Err(io::Error::other("it takes nothing any more")),
        }
        chunk.clear();
    }
    stream.shutdown().await
}
