//! Datagrams on their way to the network, one after the other in one buffer.
//!
//! Invariant: every datagram is a piece of the buffer, the pieces lie in the order in which they were written, and what
//! was begun and not finished is no datagram.

use super::Path;

/// Where datagrams wait for the shell. Bounded by what one batch of input can cause: the shell empties it after each.
#[derive(Debug, Default)]
pub struct Outbox {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

/// One datagram's place and way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    path: Path,
    start: usize,
    len: usize,
}

/// A datagram to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Its way.
    pub path: Path,
    /// What is in it.
    pub bytes: &'a [u8],
}

impl Outbox {
    /// Adds a datagram.
    pub fn push(&mut self, path: Path, bytes: &[u8]) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        self.finish(path, start);
    }

    /// The buffer, to append a datagram to, and where it begins. [`Outbox::finish`] or [`Outbox::cancel`] follows.
    pub(crate) fn begin(&mut self) -> (&mut Vec<u8>, usize) {
        let start = self.bytes.len();
        (&mut self.bytes, start)
    }

    /// What was appended since `start` is a datagram.
    pub(crate) fn finish(&mut self, path: Path, start: usize) {
        self.pieces.push(Piece {
            path,
            start,
            len: self.bytes.len() - start,
        });
    }

    /// What was appended since `start` is none.
    pub(crate) fn cancel(&mut self, start: usize) {
        self.bytes.truncate(start);
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.pieces.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Bytes in all.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The datagram with this number, from 0.
    #[must_use]
    pub fn get(&self, index: usize) -> Option<Datagram<'_>> {
        self.pieces.get(index).map(|piece| self.read(piece))
    }

    /// All, in order.
    pub fn iter(&self) -> impl Iterator<Item = Datagram<'_>> {
        self.pieces.iter().map(|piece| self.read(piece))
    }

    /// How many datagrams from `first` on go one way and have one size, but for the last, which may be smaller: at most
    /// `most`, of at most `most_bytes` in all. Gives the number and their bytes, which lie side by side.
    #[must_use]
    pub fn run(&self, first: usize, most: usize, most_bytes: usize) -> (usize, &[u8]) {
        let Some(head) = self.pieces.get(first) else {
            return (0, &[]);
        };
        let mut len = 1;
        let mut end = head.start + head.len;
        while let Some(next) = self.pieces.get(first + len) {
            let is_same_way = next.path == head.path;
            let is_behind_last = self.pieces[first + len - 1].len < head.len;
            let is_too_much = len >= most || next.start + next.len - head.start > most_bytes;
            if !is_same_way || is_behind_last || next.len > head.len || is_too_much {
                break;
            }
            end = next.start + next.len;
            len += 1;
        }
        (len, &self.bytes[head.start..end])
    }

    /// Empties it.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.pieces.clear();
    }

    fn read(&self, piece: &Piece) -> Datagram<'_> {
        Datagram {
            path: piece.path,
            bytes: &self.bytes[piece.start..piece.start + piece.len],
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::super::Transport;
    use super::*;

    fn to(port: u16) -> Path {
        Path {
            transport: Transport::Udp,
            ours: SocketAddr::from(([127, 0, 0, 1], 9)),
            theirs: SocketAddr::from(([127, 0, 0, 1], port)),
        }
    }

    #[test]
    fn a_run_is_one_destination_and_one_size_but_for_a_smaller_last() {
        let mut out = Outbox::default();
        for (port, len) in [(1, 100), (1, 100), (1, 40), (1, 40), (1, 90), (2, 90)] {
            out.push(to(port), &vec![port as u8; len]);
        }
        let run = |first, most, bytes| out.run(first, most, bytes).0;
        assert_eq!(run(0, 64, 60_000), 3);
        assert_eq!(out.run(0, 64, 60_000).1.len(), 240);
        assert_eq!(run(3, 64, 60_000), 1, "a larger one begins a new run");
        assert_eq!(run(4, 64, 60_000), 1, "another destination");
        assert_eq!((run(0, 2, 60_000), run(0, 1, 60_000), run(0, 64, 150)), (2, 1, 1));
        assert_eq!(run(6, 64, 60_000), 0);
    }

    #[test]
    fn what_was_cancelled_is_no_datagram() {
        let mut out = Outbox::default();
        out.push(to(2), b"one");
        let (bytes, start) = out.begin();
        bytes.extend_from_slice(b"two");
        out.cancel(start);
        let (bytes, start) = out.begin();
        bytes.extend_from_slice(b"three");
        out.finish(to(3), start);
        let all: Vec<&[u8]> = out.iter().map(|it| it.bytes).collect();
        assert_eq!(all, [b"one".as_slice(), b"three"]);
    }
}
