//! Datagrams in a stream: two bytes of length, then as many of content. (RFC 4571 §2)
//!
//! Invariant: a frame is read whole or not at all, and none is longer than a datagram that the core takes.

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use crate::core::MAX_DATAGRAM;

/// Reads the next frame's content; it may be empty.
///
/// # Errors
/// When the stream ends, also in the midst of a frame; or when the frame is too long: then there is nothing sound to be
/// read any more.
pub async fn read_frame(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let len = usize::from(stream.read_u16().await?);
    if len > MAX_DATAGRAM {
        return Err(io::Error::other(format!("a frame of {len} bytes is too long")));
    }
    let mut frame = vec![0; len];
    stream.read_exact(&mut frame).await?;
    Ok(frame)
}

/// Appends a frame.
pub fn push_frame(chunk: &mut Vec<u8>, frame: &[u8]) {
    // Longer than the length can say: not of WebRTC, and lost.
    let Ok(len) = u16::try_from(frame.len()) else {
        return;
    };
    chunk.extend_from_slice(&len.to_be_bytes());
    chunk.extend_from_slice(frame);
}
