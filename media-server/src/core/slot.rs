//! A media section of a *down* connection: which track it shows, in which layer, under which numbers.
//!
//! Invariant: one layer at a time goes out; another takes over only where a decoder can begin with it.

use std::sync::Arc;
use std::time::Instant;

use super::counters::{Counters, DropReason};
use super::down::Feed;
use super::egress::{Egress, Outcome};
use super::engine::{Mid, Packet, Stamp};
use super::outbox::Outbox;
use super::rewrite::{Incoming, Rewriter};

/// A media section.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) mid: Mid,
    pub(super) is_video: bool,
    pub(super) lane: usize,
    pub(super) state: State,
    pub(super) rewriter: Rewriter,
    /// Which layer goes out, and which one is to: it takes over where a decoder can begin with it.
    pub(super) layer: Option<usize>,
    pub(super) target: Option<usize>,
    /// Which one is to go out as soon as its publisher sends it.
    pub(super) intent: Option<usize>,
    /// Its client was told that it is held back.
    pub(super) is_held_back: bool,
}

#[derive(Debug)]
pub(super) enum State {
    /// Agreed to be silent.
    Free,
    /// In the offer that waits.
    Offered(Feed),
    /// Agreed.
    Live(Feed),
    /// Its track is gone, and the client hasn't agreed to that yet.
    Ending {
        /// Whether the offer that waits says so.
        is_offered: bool,
    },
}

impl Slot {
    pub(super) fn new(mid: Mid, is_video: bool, lane: usize, state: State) -> Self {
        Self {
            mid,
            is_video,
            lane,
            state,
            rewriter: Rewriter::new(rand::random()),
            layer: None,
            target: None,
            intent: None,
            is_held_back: false,
        }
    }

    /// Whether its track isn't there any more.
    pub(super) fn is_gone(&self, wanted: &[Feed]) -> bool {
        self.feed().is_some_and(|feed| !wanted.iter().any(|it| it.is(feed)))
    }

    /// It shows its track no more.
    pub(super) fn end(&mut self, state: State) {
        self.state = state;
        self.layer = None;
        self.target = None;
        self.intent = None;
        self.is_held_back = false;
    }

    pub(super) fn feed(&self) -> Option<&Feed> {
        match &self.state {
            State::Offered(feed) | State::Live(feed) => Some(feed),
            State::Free | State::Ending { .. } => None,
        }
    }

    /// Sends a packet of a layer by the section, which has this number.
    pub(super) fn forward(
        &mut self,
        egress: &mut Egress,
        number: usize,
        layer: usize,
        (packet, captured_at): &(Arc<Packet>, Instant),
        now: Instant,
        out: (&mut Outbox, &mut Counters),
    ) -> Forwarded {
        if self.layer == Some(layer) {
            let begins = write(egress, number, self, packet, *captured_at, now, out);
            return match (begins, self.rewriter.is_waiting()) {
                (_, true) => Forwarded::Waits,
                (true, false) => Forwarded::Began,
                (false, false) => Forwarded::Done,
            };
        }
        if self.target != Some(layer) {
            return Forwarded::Done;
        }
        if !packet.is_start() {
            out.1.dropped(DropReason::NotStarted);
            return Forwarded::Waits;
        }
        let before = self.layer.replace(layer);
        self.rewriter.pause();
        egress.drop_waiting(number);
        write(egress, number, self, packet, *captured_at, now, out);
        Forwarded::Switched(before)
    }
}

/// What became of a packet at a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Forwarded {
    /// It went its way, or was not for this section.
    Done,
    /// The section waits for a place where it can begin.
    Waits,
    /// The section's stream begins, or goes on after a pause, with it.
    Began,
    /// The section goes over from this layer (none: nothing went out) to the packet's.
    Switched(Option<usize>),
}

/// Rewrites and sends one packet. True: the stream begins, or goes on after a pause, with it.
fn write(
    egress: &mut Egress,
    number: usize,
    slot: &mut Slot,
    packet: &Arc<Packet>,
    captured_at: Instant,
    now: Instant,
    (out, counters): (&mut Outbox, &mut Counters),
) -> bool {
    let incoming = Incoming {
        ssrc: packet.ssrc,
        seq: packet.seq,
        time: packet.time,
        clock_rate: packet.codec.clock_rate(),
        is_start: packet.is_start(),
        captured_at,
    };
    let Some(rewritten) = slot.rewriter.rewrite(incoming) else {
        counters.dropped(DropReason::NotStarted);
        return false;
    };
    let patch = slot.rewriter.name_picture(packet.facts.as_ref());
    let stamp = Stamp {
        seq: rewritten.seq,
        time: rewritten.time,
        marker: packet.marker,
        wallclock: captured_at.min(now),
    };
    match egress.send(number, packet, patch, stamp, now, out) {
        Outcome::Sent | Outcome::Waits => counters.packets_forwarded += 1,
        Outcome::NoCodec => counters.dropped(DropReason::NoCodec),
        Outcome::NotReady => counters.dropped(DropReason::NotStarted),
        Outcome::Full => {
            counters.dropped(DropReason::TooSlow);
            slot.rewriter.pause();
        }
    }
    rewritten.begins
}
