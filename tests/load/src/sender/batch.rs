//! Packets that go out in one system call.
//!
//! Invariant: all packets of a batch go the same way and have one size, but for a smaller last.

use std::net::SocketAddr;

use crate::ledger::Ledger;
use crate::net::{MAX_SEND, Net};
use crate::srtp::Outbound;

/// Where packets go, and by what.
#[derive(Debug, Clone, Copy)]
pub struct Way<'a> {
    /// The sockets.
    pub net: &'a Net,
    /// The peer's number.
    pub number: usize,
    /// The server.
    pub to: SocketAddr,
}

/// Packets that go out together.
#[derive(Debug, Default)]
pub struct Batch {
    /// Whole packets, and at the end the one that is being made.
    pub(super) bytes: Vec<u8>,
    /// Where the packet that is being made begins.
    start: usize,
    segment: usize,
    count: usize,
}

impl Batch {
    /// The length of the packet that is being made, in bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(super) fn seal(&mut self, srtp: &Outbound, header: usize, ssrc: u32, index: u64) {
        // The library refuses nothing of this size; if it did, the server would find the packet false.
        let _ = srtp.seal_rtp(&mut self.bytes, self.start, header, ssrc, index);
    }

    /// The packet is made. What can't go out with those before it lets them go first.
    pub(super) fn close(&mut self, way: Way<'_>, ledger: &mut Ledger) {
        let len = self.bytes.len() - self.start;
        let is_first = self.count == 0;
        if !is_first && (len > self.segment || self.bytes.len() > MAX_SEND || self.count >= way.net.max_segments()) {
            let rest = self.bytes.split_off(self.start);
            self.flush(way, ledger);
            self.bytes = rest;
        }
        if self.count == 0 {
            self.segment = len;
        }
        self.count += 1;
        self.start = self.bytes.len();
        // A smaller one can only be the last.
        if len < self.segment {
            self.flush(way, ledger);
        }
    }

    pub(super) fn flush(&mut self, way: Way<'_>, ledger: &mut Ledger) {
        let whole = &self.bytes[..self.start.min(self.bytes.len())];
        if self.count > 0 && way.net.send(way.number, way.to, whole, self.segment).is_err() {
            ledger.tally.unsent += self.count as u64;
        }
        self.bytes.clear();
        self.start = 0;
        self.count = 0;
    }
}
