//! One outgoing stream: what was agreed on, what was sent, what can be sent again.
//!
//! Invariant: a retransmission's sequence number is given once.

use std::time::Instant;

use super::history::History;
use super::rtcp::{SenderReport, write_name, write_sender_report};
use super::rtp::ExtensionIds;
use crate::core::clock::WallClock;
use crate::core::engine::{Codec, Packet, Stamp};

/// What was agreed on of a stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct StreamPlan {
    /// The section's name.
    pub(crate) mid: String,
    pub(crate) ssrc: u32,
    /// By which source packets are sent again. (RFC 4588 §5.3)
    pub(crate) resend_ssrc: Option<u32>,
    pub(crate) ids: ExtensionIds,
    /// How each codec is called, and how its retransmissions are.
    pub(crate) codecs: Vec<(Codec, u8, Option<u8>)>,
    /// The canonical name, as in the description.
    pub(crate) name: String,
}

#[derive(Debug)]
pub(super) struct Stream {
    pub(super) plan: StreamPlan,
    pub(super) history: History,
    /// The other end has reported of this source: it knows the section by it.
    pub(super) is_acknowledged: bool,
    resend_seq: u64,
    packets: u32,
    bytes: u32,
    last: Option<Stamp>,
    clock_rate: u32,
}

impl Default for Stream {
    fn default() -> Self {
        Self {
            plan: StreamPlan::default(),
            history: History::default(),
            is_acknowledged: false,
            resend_seq: u64::from(rand::random::<u16>() >> 1),
            packets: 0,
            bytes: 0,
            last: None,
            clock_rate: 90_000,
        }
    }
}

impl Stream {
    pub(super) fn set_plan(&mut self, plan: StreamPlan) {
        self.is_acknowledged &= plan.ssrc == self.plan.ssrc;
        self.plan = plan;
    }

    /// How the codec is called, and how its retransmissions are.
    pub(super) fn payload_types(&self, codec: Codec) -> Option<(u8, Option<u8>)> {
        let found = self.plan.codecs.iter().find(|(it, ..)| *it == codec)?;
        Some((found.1, found.2))
    }

    pub(super) fn next_resend_seq(&mut self) -> u64 {
        self.resend_seq += 1;
        self.resend_seq
    }

    pub(super) fn count(&mut self, packet: &Packet, stamp: Stamp) {
        self.packets = self.packets.wrapping_add(1);
        self.bytes = self.bytes.wrapping_add(packet.payload.len() as u32);
        self.clock_rate = packet.codec.clock_rate();
        self.last = Some(stamp);
    }

    pub(super) fn has_sent(&self) -> bool {
        self.last.is_some()
    }

    /// The newest sequence number that was sent.
    pub(super) fn last_seq(&self) -> Option<u64> {
        self.last.map(|it| it.seq)
    }

    /// Appends the sender report and the name, if something was sent.
    pub(super) fn write_report(&self, out: &mut Vec<u8>, clock: &WallClock, now: Instant) {
        let Some(last) = self.last else { return };
        // Where the stream's clock stands now, as if the last content's capture had gone on.
        let since = now.saturating_duration_since(last.wallclock).as_micros();
        let ticks = (since * u128::from(self.clock_rate) / 1_000_000) as u32;
        write_sender_report(
            out,
            SenderReport {
                ssrc: self.plan.ssrc,
                ntp: clock.ntp(now),
                time: last.time.wrapping_add(ticks),
                packets: self.packets,
                bytes: self.bytes,
            },
        );
        write_name(out, self.plan.ssrc, &self.plan.name);
    }
}
