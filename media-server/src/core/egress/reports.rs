//! What a subscriber reports: how long packets take, which were lost, what it needs. What is missing is sent again.
//!
//! Invariant: a report changes something only when it was opened as the other end's own; what is sent again leaves by the
//! retransmission source with a number of its own, or as the very datagram that was lost.

use std::time::{Duration, Instant};

use super::history::Kept;
use super::rtcp::{self, Report};
use super::rtp::Head;
use super::{Content, Egress, FIRST_ESTIMATE_BPS, LEAST_ESTIMATE_BPS, Outbox, RESEND_BURST_BYTES, Told};

/// Nothing is sent again before an answer to the first time could have come.
const FIRST_ROUND_TRIP: Duration = Duration::from_millis(60);
const LEAST_ROUND_TRIP: Duration = Duration::from_millis(10);

/// An estimate counts as measured after so much feedback, or at such a loss.
const MEASURED_FOR: Duration = Duration::from_millis(1200);
const LOSSY: f64 = 0.1;

/// Without feedback for so long the network was gone.
const GONE: Duration = Duration::from_secs(2);

/// What is sent again takes this share of the estimate at most, but for a burst.
const RESEND_SHARE: f64 = 0.5;

impl Egress {
    /// Takes in a protected report. False: it can't be read, or isn't the other end's.
    pub(crate) fn receive(
        &mut self,
        bytes: &[u8],
        now: Instant,
        out: &mut Outbox,
        tell: &mut impl FnMut(Told),
    ) -> bool {
        let mut scratch = std::mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend_from_slice(bytes);
        let opened = self.srtp.as_mut().and_then(|srtp| srtp.open_rtcp(&mut scratch));
        let is_theirs = opened.is_some();
        if let Some(compound) = opened {
            rtcp::read(compound, |report| self.take_report(&report, now, out, tell));
            tell(Told::Resent(std::mem::take(&mut self.resent)));
        }
        self.scratch = scratch;
        is_theirs
    }

    fn take_report(&mut self, report: &Report<'_>, now: Instant, out: &mut Outbox, tell: &mut impl FnMut(Told)) {
        match *report {
            Report::Reception {
                ssrc,
                lost,
                last_report,
                since,
            } => {
                let Some(stream) = self.streams.iter_mut().find(|it| it.plan.ssrc == ssrc) else {
                    return;
                };
                stream.is_acknowledged = true;
                self.reported_loss = self.reported_loss * 0.7 + f64::from(lost) / 256.0 * 0.3;
                if last_report != 0
                    && let Some(rtt) = self.clock.since_middle(last_report, now).checked_sub(since)
                    && rtt < Duration::from_secs(10)
                {
                    self.round_trip = Some(self.round_trip.map_or(rtt, |before| (before * 7 + rtt) / 8));
                    self.estimator.round_trip(rtt);
                }
            }
            Report::Missing { ssrc, seq, mask } => {
                let Some(number) = self.streams.iter().position(|it| it.plan.ssrc == ssrc) else {
                    return;
                };
                tell(Told::Missing(1 + u64::from(mask.count_ones())));
                self.resend(number, seq, now, out);
                for bit in (0..16).filter(|bit| mask >> bit & 1 == 1) {
                    self.resend(number, seq.wrapping_add(bit + 1), now, out);
                }
            }
            Report::KeyFrame { ssrc } => {
                if let Some(number) = self.streams.iter().position(|it| it.plan.ssrc == ssrc) {
                    tell(Told::KeyFrame(number));
                }
            }
            Report::Transport(bytes) => {
                self.begin_anew_after_silence(now);
                if let Some(arrivals) = self.feedback.read(bytes, self.transport_seq) {
                    let lost = self.estimator.feedback(arrivals, now);
                    tell(Told::Lost(lost.len() as u64));
                    self.replace(&lost, now, out);
                    let estimate = self.estimator.estimate_bps();
                    let since = *self.measured_since.get_or_insert(now);
                    let is_long = now.saturating_duration_since(since) >= MEASURED_FOR;
                    self.is_proven |= is_long || self.estimator.loss() > LOSSY;
                    self.measured_last = Some((now, estimate));
                    self.pacer.pace(estimate, now);
                }
            }
        }
    }

    /// Another network, of which nothing is known: as with a new connection, but carefully where the old one was narrow.
    pub(super) fn begin_anew_elsewhere(&mut self, now: Instant) {
        let guess = self.estimator.estimate_bps();
        self.begin_anew(guess.clamp(LEAST_ESTIMATE_BPS, FIRST_ESTIMATE_BPS), now);
        self.round_trip = None;
        self.reported_loss = 0.0;
    }

    /// A network that was gone, and perhaps is another one now, is measured anew: what it carried before is a better guess
    /// than the nothing that came through meanwhile.
    fn begin_anew_after_silence(&mut self, now: Instant) {
        let Some((last, estimate)) = self.measured_last else {
            return;
        };
        if now.saturating_duration_since(last) < GONE {
            return;
        }
        self.begin_anew(estimate.clamp(FIRST_ESTIMATE_BPS / 4, FIRST_ESTIMATE_BPS * 2), now);
    }

    fn begin_anew(&mut self, guess_bps: u64, now: Instant) {
        self.estimator = self.estimator.anew(guess_bps, now);
        self.probe = None;
        self.measured_since = None;
        self.measured_last = Some((now, guess_bps));
        self.is_proven = false;
        self.is_anew = true;
        self.pacer.forget(|_| true);
        self.pacer.pace(guess_bps, now);
    }

    /// Sends again what a feedback reports as lost: sounds, which nobody asks for, and pictures' packets before somebody does.
    fn replace(&mut self, lost: &[u64], now: Instant, out: &mut Outbox) {
        for seq in lost {
            if let Some(left) = self.losses.picture(*seq) {
                self.resend(left.stream.into(), left.seq, now, out);
            } else if let Some(path) = self.path
                && let Some(datagram) = self.losses.take_sound(*seq, now)
            {
                self.pacer.left(datagram.len());
                self.resent += 1;
                out.push(path, datagram);
            }
        }
    }

    /// Sends again what was asked for, within bounds. (RFC 4588)
    fn resend(&mut self, number: usize, seq: u16, now: Instant, out: &mut Outbox) {
        // The next request comes a round trip later, as the other end measures it.
        let pause = self.round_trip().unwrap_or(FIRST_ROUND_TRIP).max(LEAST_ROUND_TRIP) * 3 / 4;
        let rate = self.estimate_bps().unwrap_or(u64::MAX) as f64 / 8.0 * RESEND_SHARE;
        let elapsed = now.saturating_duration_since(self.resend_at).as_secs_f64();
        self.resend_at = now;
        self.resend_credit = (self.resend_credit + rate * elapsed).min(RESEND_BURST_BYTES);
        if self.resend_credit <= 0.0 {
            return;
        }
        let found = self
            .streams
            .get_mut(number)
            .and_then(|it| it.history.again(seq, pause, now));
        let Some((kept, was_repeated)) = found.map(|(kept, was_repeated)| (kept.clone(), was_repeated)) else {
            return;
        };
        // What got lost twice holds up the picture: a third time would be seen.
        for _ in 0..if was_repeated { 2 } else { 1 } {
            let bytes = self.repeat(number, &kept, now, out);
            self.resend_credit -= bytes as f64;
            self.pacer.left(bytes);
            self.resent += 1;
        }
    }

    /// Sends a kept packet by the stream's retransmission source. Gives its size; 0: it wasn't sent.
    pub(super) fn repeat(&mut self, number: usize, kept: &Kept, now: Instant, out: &mut Outbox) -> usize {
        let Some(stream) = self.streams.get_mut(number) else {
            return 0;
        };
        let types = stream.payload_types(kept.packet.codec);
        let (Some((_, Some(payload_type))), Some(ssrc)) = (types, stream.plan.resend_ssrc) else {
            return 0;
        };
        let index = stream.next_resend_seq();
        let head = Head {
            payload_type,
            marker: kept.marker,
            has_padding: false,
            seq: index as u16,
            time: kept.time,
            ssrc,
        };
        let content = Content {
            packet: &kept.packet,
            patch: kept.patch,
            original: Some(kept.seq as u16),
        };
        let before = out.bytes();
        if self.write(number, head, index, content, now, out) {
            out.bytes() - before
        } else {
            0
        }
    }
}
