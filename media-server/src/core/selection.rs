//! Which packets of a stream with layers a section gets that isn't given all of them.
//!
//! Invariant: see [`svc`](super::codec::svc); another source begins with its own key frame.

use super::codec::svc::{self, Layers, Selector};
use super::engine::Packet;

#[derive(Debug)]
pub(super) struct Selection {
    selector: Selector,
    ssrc: Option<u32>,
    aim: Layers,
}

impl Selection {
    /// Begins with a key frame.
    pub(super) fn new(aim: Layers) -> Self {
        Self {
            selector: Selector::new(aim),
            ssrc: None,
            aim,
        }
    }

    /// All of a source went out so far; its newest picture was of `time`.
    pub(super) fn from_all((ssrc, time): (u32, u32), aim: Layers) -> Self {
        Self {
            selector: Selector::from_all(time, aim),
            ssrc: Some(ssrc),
            aim,
        }
    }

    pub(super) fn aim(&mut self, aim: Layers) {
        self.aim = aim;
        self.selector.aim(aim);
    }

    /// Whether it goes on only with a key frame, or gets what is aimed at only with one.
    pub(super) fn wants_key_frame(&self) -> bool {
        self.selector.wants_key_frame()
    }

    /// Whether all is given from now on.
    pub(super) fn is_over(&self) -> bool {
        self.selector.current() == Some(Layers::ALL) && self.aim == Layers::ALL
    }

    /// The packet's marker bit; none: it isn't for this section.
    pub(super) fn select(&mut self, packet: &Packet) -> Option<bool> {
        if self.ssrc.replace(packet.ssrc) != Some(packet.ssrc) {
            self.selector.restart();
        }
        // Nothing that can be read is nothing that a decoder could need.
        let facts = packet.facts.as_ref()?;
        let selected = self.selector.select(svc::Packet {
            facts,
            dependency: packet.frame.as_deref(),
            time: packet.time,
            marker: packet.marker,
        })?;
        Some(selected.marker)
    }
}
