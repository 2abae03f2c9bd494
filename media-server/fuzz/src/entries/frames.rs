//! Datagrams in a TCP stream.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use media_server::net::frames::{push_frame, read_frame};
use tokio::io::{AsyncRead, ReadBuf};

/// Longer frames are refused.
const MOST: usize = 1500;

/// A stream that gives so many bytes at once.
struct Cut<'a> {
    rest: &'a [u8],
    size: usize,
}

impl AsyncRead for Cut<'_> {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<std::io::Result<()>> {
        let len = self.rest.len().min(self.size).min(into.remaining());
        let (given, rest) = self.rest.split_at(len);
        into.put_slice(given);
        self.rest = rest;
        Poll::Ready(Ok(()))
    }
}

/// How the stream is cut, and the stream. What is read is what stands in it, however it is cut; and what is written is read
/// again.
pub fn frames(data: &[u8]) {
    let Some((size, stream)) = data.split_first() else {
        return;
    };
    let (mut expected, mut rest) = (Vec::new(), stream);
    while let [high, low, behind @ ..] = rest {
        let len = usize::from(u16::from_be_bytes([*high, *low]));
        let Some((frame, behind)) = behind.split_at_checked(len).filter(|_| len <= MOST) else {
            break;
        };
        expected.push(frame.to_vec());
        rest = behind;
    }
    let size = usize::from(*size).max(1);
    assert_eq!(read_all(stream, size), expected);
    let mut written = Vec::new();
    expected.iter().for_each(|frame| push_frame(&mut written, frame));
    assert_eq!(read_all(&written, size), expected);
    assert_eq!(written, stream[..written.len()]);
}

fn read_all(stream: &[u8], size: usize) -> Vec<Vec<u8>> {
    let mut stream = Cut { rest: stream, size };
    let mut frames = Vec::new();
    loop {
        let mut reading = pin!(read_frame(&mut stream));
        // The stream is always ready, and so is the frame.
        match reading.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(frame)) => frames.push(frame),
            Poll::Ready(Err(_)) => return frames,
            Poll::Pending => panic!("it waits for more than there is"),
        }
    }
}
