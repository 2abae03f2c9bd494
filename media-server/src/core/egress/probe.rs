//! Finding out whether a link carries more: a short burst at a higher rate, filled up with what was sent before.
//! (RFC 4588 packets or padding, RFC 3550 §5.1; as WebRTC does it.)
//!
//! Invariant: what fills a probe is nothing new to a decoder: packets that it has, or padding.

use std::time::{Duration, Instant};

use super::rtp::{Head, Way, write_header};
use super::{Egress, Outbox};
use crate::core::bandwidth::Probe;
use crate::core::engine::Extensions;

/// Between two looks at a running probe.
const STEP: Duration = Duration::from_millis(2);

/// A probe that can't be filled in this time isn't one.
const LIMIT: Duration = Duration::from_millis(200);

/// Padding in one packet, in bytes; its last byte says how many. (RFC 3550 §5.1)
const PADDING: usize = 224;

/// A probe under way.
#[derive(Debug)]
pub(super) struct RunningProbe {
    probe: Probe,
    since: Instant,
    next: Instant,
    bytes: usize,
    packets: u32,
}

impl RunningProbe {
    /// When more of it is due.
    pub(super) fn next(&self) -> Instant {
        self.next
    }

    /// A packet left meanwhile. Gives the probe's number.
    pub(super) fn left(&mut self, bytes: usize) -> u32 {
        self.bytes += bytes;
        self.packets += 1;
        self.probe.id
    }

    fn is_done(&self, now: Instant) -> bool {
        let is_full = self.bytes >= self.probe.bytes && self.packets >= self.probe.packets;
        is_full || now.saturating_duration_since(self.since) >= LIMIT
    }

    /// Whether its rate asks for more by now.
    fn is_behind(&self, now: Instant) -> bool {
        let elapsed = now.saturating_duration_since(self.since).as_secs_f64();
        (self.bytes as f64) <= self.probe.bps as f64 / 8.0 * elapsed
    }
}

impl Egress {
    /// Begins a probe that is due, and goes on with the one under way.
    pub(super) fn run_probe(&mut self, now: Instant, out: &mut Outbox) {
        if self.probe.is_none()
            && let Some(filler) = self.filler()
            && let Some(probe) = self.estimator.take_probe(now)
        {
            tracing::trace!(?probe, filler, "probes");
            self.probe = Some(RunningProbe {
                probe,
                since: now,
                next: now,
                bytes: 0,
                packets: 0,
            });
        }
        while let Some(running) = &self.probe {
            if running.is_done(now) {
                self.probe = None;
                return;
            }
            if !running.is_behind(now) || !self.fill(now, out) {
                break;
            }
        }
        if let Some(running) = &mut self.probe {
            running.next = now + STEP;
        }
    }

    /// The stream that can carry what was sent before: a picture's, with a source for retransmissions.
    fn filler(&self) -> Option<usize> {
        self.streams.iter().position(|it| {
            let plan = &it.plan;
            plan.resend_ssrc.is_some()
                && plan.ids.transport_seq.is_some()
                && plan.codecs.iter().any(|it| it.2.is_some())
        })
    }

    /// Sends a packet for the sake of its size. False: there is none.
    fn fill(&mut self, now: Instant, out: &mut Outbox) -> bool {
        let Some(number) = self.filler() else { return false };
        let stream = &self.streams[number];
        let newest = stream
            .last_seq()
            .and_then(|seq| stream.history.newest_before(seq + 1))
            .cloned();
        if let Some(kept) = newest {
            return self.repeat(number, &kept, now, out) > 0;
        }
        self.pad(number, now, out)
    }

    fn pad(&mut self, number: usize, now: Instant, out: &mut Outbox) -> bool {
        let (Some(stream), Some(path)) = (self.streams.get_mut(number), self.path) else {
            return false;
        };
        let payload_type = stream.plan.codecs.iter().find_map(|it| it.2);
        let (Some(payload_type), Some(ssrc)) = (payload_type, stream.plan.resend_ssrc) else {
            return false;
        };
        let index = stream.next_resend_seq();
        let head = Head {
            payload_type,
            marker: false,
            has_padding: true,
            seq: index as u16,
            time: 0,
            ssrc,
        };
        let transport_seq = self.transport_seq + 1;
        let way = Way {
            mid: Some(&stream.plan.mid),
            transport_seq: Some(transport_seq as u16),
            send_time: self.clock.send_time(now),
            frame_number: None,
        };
        let (bytes, start) = out.begin();
        let header = write_header(bytes, head, &stream.plan.ids, way, &Extensions::default());
        bytes.resize(bytes.len() + PADDING - 1, 0);
        bytes.push(PADDING as u8);
        let is_protected = self
            .srtp
            .as_ref()
            .is_some_and(|it| it.protect_rtp(bytes, start, header, ssrc, index));
        if !is_protected {
            out.cancel(start);
            return false;
        }
        let len = bytes.len() - start;
        out.finish(path, start);
        self.tell_estimator(Some(transport_seq), len, now);
        true
    }
}
