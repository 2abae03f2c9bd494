//! A media section of a *down* connection: which track it shows, in which layer, under which numbers.
//!
//! Invariant: one layer at a time goes out, or what is selected of it; another takes over only where a decoder can begin
//! with it.

use std::sync::Arc;
use std::time::Instant;

use super::codec::svc::Layers;
use super::counters::{Counters, DropReason};
use super::down::Feed;
use super::egress::{Egress, Outcome};
use super::engine::{Extensions, Mid, Packet, Patch, Stamp};
use super::outbox::Outbox;
use super::rewrite::{Incoming, Rewriter};
use super::selection::Selection;
use super::steps::Aim;

/// A media section.
#[derive(Debug)]
pub(super) struct Slot {
    pub(super) mid: Mid,
    pub(super) is_video: bool,
    pub(super) lane: usize,
    pub(super) state: State,
    pub(super) rewriter: Rewriter,
    /// Which layer goes out, and what is to: it takes over where a decoder can begin with it.
    pub(super) layer: Option<usize>,
    pub(super) target: Option<Aim>,
    /// What is to go out as soon as its publisher sends it.
    pub(super) intent: Option<Aim>,
    /// What goes out of the layer; none: all of it.
    selection: Option<Box<Selection>>,
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
            selection: None,
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
            let mut wants_key_frame = false;
            let marker = match &mut self.selection {
                None => Some(packet.marker),
                Some(selection) => {
                    let marker = selection.select(packet);
                    wants_key_frame = selection.wants_key_frame();
                    if selection.is_over() {
                        self.selection = None;
                    }
                    marker
                }
            };
            let begins = match marker {
                Some(marker) => write(egress, number, self, (packet, marker), *captured_at, now, out),
                None => {
                    self.leave_out(egress, number, packet, *captured_at, now, out);
                    false
                }
            };
            return match (begins, self.rewriter.is_waiting()) {
                (_, true) => Forwarded::Waits,
                (true, false) => Forwarded::Began,
                (false, false) if wants_key_frame => Forwarded::Waits,
                (false, false) => Forwarded::Done,
            };
        }
        let Some(target) = self.target.filter(|it| it.encoding == layer) else {
            return Forwarded::Done;
        };
        if !packet.is_start() {
            out.1.dropped(DropReason::NotStarted);
            return Forwarded::Waits;
        }
        let before = self.layer.replace(layer);
        self.rewriter.pause();
        egress.drop_waiting(number);
        let mut marker = packet.marker;
        self.selection = None;
        if target.layers != Layers::ALL {
            let mut selection = Selection::new(target.layers);
            marker = selection.select(packet).unwrap_or(marker);
            self.selection = Some(Box::new(selection));
        }
        write(egress, number, self, (packet, marker), *captured_at, now, out);
        Forwarded::Switched(before)
    }

    /// What is to go out from now on, of the layer that goes out now or of another.
    pub(super) fn aim(&mut self, target: Aim) {
        self.target = Some(target);
        if self.layer != Some(target.encoding) {
            return;
        }
        match &mut self.selection {
            Some(selection) => selection.aim(target.layers),
            None if target.layers == Layers::ALL => {}
            None => {
                let selection = match self.rewriter.newest() {
                    Some(newest) => Selection::from_all(newest, target.layers),
                    None => Selection::new(target.layers),
                };
                self.selection = Some(Box::new(selection));
            }
        }
    }

    /// A packet isn't for this section. One that comes late leaves an empty one in its place, or it would be asked for.
    fn leave_out(
        &mut self,
        egress: &mut Egress,
        number: usize,
        packet: &Arc<Packet>,
        captured_at: Instant,
        now: Instant,
        (out, _): (&mut Outbox, &mut Counters),
    ) {
        let Some((seq, time)) = self.rewriter.skip(incoming(packet, captured_at), packet.facts.as_ref()) else {
            return;
        };
        let empty = Packet {
            facts: None,
            frame: None,
            marker: false,
            extensions: Extensions::default(),
            payload: [].into(),
            ..Packet::clone(packet)
        };
        let stamp = Stamp {
            seq,
            time,
            marker: false,
            wallclock: captured_at.min(now),
        };
        egress.send(number, &Arc::new(empty), Patch::default(), stamp, now, out);
    }
}

fn incoming(packet: &Packet, captured_at: Instant) -> Incoming {
    Incoming {
        ssrc: packet.ssrc,
        seq: packet.seq,
        time: packet.time,
        clock_rate: packet.codec.clock_rate(),
        is_start: packet.is_start(),
        captured_at,
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
    (packet, marker): (&Arc<Packet>, bool),
    captured_at: Instant,
    now: Instant,
    (out, counters): (&mut Outbox, &mut Counters),
) -> bool {
    let Some(rewritten) = slot.rewriter.rewrite(incoming(packet, captured_at)) else {
        counters.dropped(DropReason::NotStarted);
        return false;
    };
    let patch = slot
        .rewriter
        .name_picture(packet.facts.as_ref(), packet.frame.as_deref());
    let stamp = Stamp {
        seq: rewritten.seq,
        time: rewritten.time,
        marker,
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
