//! Sequence numbers and times toward one subscriber.
//!
//! Invariant: what comes out of one rewriter is one stream: its sequence numbers begin below 65,536 and
//! grow without a gap that the publisher's didn't have (what is left out on purpose leaves none), its times only grow, whatever came in was muted,
//! replaced or republished meanwhile. It begins, and begins again, only where a decoder can.

use std::time::Instant;

use super::codec::Facts;
use super::codec::dependency::Frame;
use super::engine::Patch;
use super::picture::PictureNumbers;
use super::skips::{Skipped, Skips};

/// A stream's first sequence number is below this, so that it is far from the first wrap, whose count the
/// receiver couldn't know. (RFC 3711 §3.3.1)
const FIRST_SEQ_BELOW: u64 = 1 << 15;

/// One subscriber's of one section.
#[derive(Debug)]
pub(crate) struct Rewriter {
    first_seq: u64,
    run: Option<Run>,
    /// The timeline that came in last, and how far ours is from it.
    timeline: Option<(u32, u32)>,
    last: Option<Last>,
    /// Since something was first left out of the run.
    skips: Option<Box<Skips>>,
    pictures: PictureNumbers,
}

/// From a begin to the next pause.
#[derive(Debug, Clone, Copy)]
struct Run {
    first_in: u64,
    first_out: u64,
}

/// The newest that went out.
#[derive(Debug, Clone, Copy)]
struct Last {
    seq: u64,
    time: u32,
    captured_at: Instant,
}

/// What comes in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Incoming {
    pub(crate) ssrc: u32,
    pub(crate) seq: u64,
    pub(crate) time: u32,
    pub(crate) clock_rate: u32,
    /// Whether a decoder can begin with it.
    pub(crate) is_start: bool,
    /// When its content was captured: another timeline is joined to the last one by it.
    pub(crate) captured_at: Instant,
}

/// What goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rewritten {
    pub(crate) seq: u64,
    pub(crate) time: u32,
    /// The stream begins (again) with this packet.
    pub(crate) begins: bool,
}

impl Rewriter {
    /// `random` chooses the first sequence number (RFC 3550 §5.1).
    pub(crate) fn new(random: u64) -> Self {
        Self {
            first_seq: random % FIRST_SEQ_BELOW,
            run: None,
            timeline: None,
            last: None,
            skips: None,
            pictures: PictureNumbers::default(),
        }
    }

    /// Waits for the next place where a decoder can begin.
    pub(crate) fn pause(&mut self) {
        self.run = None;
    }

    /// As [`Rewriter::pause`], and what comes then is something else.
    pub(crate) fn replace(&mut self) {
        self.run = None;
        self.timeline = None;
    }

    /// Whether it waits.
    pub(crate) fn is_waiting(&self) -> bool {
        self.run.is_none()
    }

    /// None: not for this subscriber (yet).
    pub(crate) fn rewrite(&mut self, packet: Incoming) -> Option<Rewritten> {
        if self.timeline.is_some_and(|(ssrc, _)| ssrc != packet.ssrc) {
            self.replace();
        }
        let (run, begins) = match self.run {
            Some(run) => (run, false),
            None if packet.is_start => (self.begin(packet), true),
            None => return None,
        };
        packet.seq.checked_sub(run.first_in)?;
        let left_out = match &mut self.skips {
            Some(skips) => skips.pass(packet.seq)?,
            None => 0,
        };
        let seq = run.place(packet.seq, left_out);
        let time = packet.time.wrapping_add(self.timeline.map_or(0, |(_, offset)| offset));
        if self.last.is_none_or(|last| seq > last.seq) {
            self.last = Some(Last {
                seq,
                time,
                captured_at: packet.captured_at,
            });
        }
        Some(Rewritten { seq, time, begins })
    }

    /// A packet that came is left out. Gives the sequence number that stays empty, and the time, where later packets went out
    /// already: it must be filled, or it would be waited for.
    pub(crate) fn skip(&mut self, packet: Incoming, facts: Option<&Facts>) -> Option<(u64, u32)> {
        let run = self.run?;
        let (ssrc, offset) = self.timeline?;
        if ssrc != packet.ssrc || packet.seq < run.first_in {
            return None;
        }
        self.pictures.skip(facts);
        let newest_out = self.last?.seq;
        let skips = self.skips.get_or_insert_with(|| {
            let newest = run.first_in + newest_out.saturating_sub(run.first_out);
            Box::new(Skips::after(newest))
        });
        match skips.skip(packet.seq) {
            Skipped::Late(before) => Some((run.place(packet.seq, before), packet.time.wrapping_add(offset))),
            Skipped::Closed | Skipped::Lost => None,
        }
    }

    /// The source that goes out, and the time of its newest picture, as they came in.
    pub(crate) fn newest(&self) -> Option<(u32, u32)> {
        let (ssrc, offset) = self.timeline?;
        Some((ssrc, self.last?.time.wrapping_sub(offset)))
    }

    /// What the packet's picture is called. To be asked once for each packet that goes out, in their order.
    pub(crate) fn name_picture(&mut self, facts: Option<&Facts>, frame: Option<&Frame>) -> Patch {
        match frame {
            Some(frame) => self.pictures.name_frame(frame.number),
            None => self.pictures.name(facts),
        }
    }

    fn begin(&mut self, packet: Incoming) -> Run {
        self.pictures.begin();
        if self.timeline.is_none() {
            let offset = self.last.map_or(0, |last| {
                // As if the stream had gone on: at least one tick, else as much as time went by.
                let elapsed = packet
                    .captured_at
                    .saturating_duration_since(last.captured_at)
                    .as_micros();
                let ticks = (elapsed * u128::from(packet.clock_rate) / 1_000_000).max(1) as u32;
                last.time.wrapping_add(ticks).wrapping_sub(packet.time)
            });
            self.timeline = Some((packet.ssrc, offset));
        }
        let run = Run {
            first_in: packet.seq,
            first_out: self.last.map_or(self.first_seq, |last| last.seq + 1),
        };
        self.run = Some(run);
        self.skips = None;
        run
    }
}

impl Run {
    /// The sequence number of a packet before which so many were left out.
    fn place(self, seq: u64, left_out: u64) -> u64 {
        self.first_out + (seq - self.first_in) - left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn packet(ssrc: u32, seq: u64, time: u32, is_start: bool, captured_at: Instant) -> Incoming {
        Incoming {
            ssrc,
            seq,
            time,
            clock_rate: 90_000,
            is_start,
            captured_at,
        }
    }

    fn of(out: Option<Rewritten>) -> Option<(u64, u32)> {
        out.map(|out| (out.seq, out.time))
    }

    #[test]
    fn a_late_joiner_begins_small_and_with_a_key_frame() {
        let now = Instant::now();
        let mut to = Rewriter::new(u64::MAX);
        assert_eq!(to.rewrite(packet(1, 900_000, 10, false, now)), None);
        let first = to.rewrite(packet(1, 900_001, 20, true, now)).expect("begins");
        assert!(first.begins && first.seq < 65_536 && first.time == 20);
        assert_eq!(
            to.rewrite(packet(1, 900_000, 10, false, now)),
            None,
            "from before the begin"
        );
        // A gap in is a gap out, and what comes late finds its place.
        assert_eq!(
            of(to.rewrite(packet(1, 900_004, 50, false, now))),
            Some((first.seq + 3, 50))
        );
        assert_eq!(
            of(to.rewrite(packet(1, 900_002, 30, false, now))),
            Some((first.seq + 1, 30))
        );
    }

    #[test]
    fn a_pause_leaves_no_gap_and_needs_a_new_begin() {
        let now = Instant::now();
        let mut to = Rewriter::new(5);
        assert_eq!(of(to.rewrite(packet(1, 10, 100, true, now))), Some((5, 100)));
        to.pause();
        assert!(to.is_waiting());
        assert_eq!(to.rewrite(packet(1, 500, 7000, false, now)), None);
        assert_eq!(of(to.rewrite(packet(1, 501, 8000, true, now))), Some((6, 8000)));
        assert_eq!(to.rewrite(packet(1, 499, 6000, false, now)), None);
    }

    #[test]
    fn what_is_left_out_leaves_no_gap() {
        let now = Instant::now();
        let mut to = Rewriter::new(5);
        let at = |seq: u64, is_start| packet(1, seq, seq as u32 * 10, is_start, now);
        assert_eq!(to.skip(at(9, false), None), None, "it hasn't begun");
        assert_eq!(of(to.rewrite(at(10, true))), Some((5, 100)));
        assert_eq!(to.skip(at(11, false), None), None);
        assert_eq!(of(to.rewrite(at(12, false))), Some((6, 120)));
        // 13 is missing.
        assert_eq!(of(to.rewrite(at(14, false))), Some((8, 140)));
        assert_eq!(to.skip(at(13, false), None), Some((7, 130)), "its place is taken");
        assert_eq!(to.newest(), Some((1, 140)));
        to.pause();
        assert_eq!(of(to.rewrite(at(20, true))), Some((9, 200)));
        assert_eq!(of(to.rewrite(at(21, false))), Some((10, 210)));
    }

    #[test]
    fn another_source_goes_on_in_sequence_and_in_time() {
        let now = Instant::now();
        let mut to = Rewriter::new(5);
        to.rewrite(packet(1, 10, u32::MAX - 5, true, now));
        let later = now + Duration::from_secs(1);
        assert_eq!(to.rewrite(packet(2, 70_000, 3, false, later)), None);
        assert_eq!(of(to.rewrite(packet(2, 70_001, 3, true, later))), Some((6, 90_000 - 6)));
        assert_eq!(
            of(to.rewrite(packet(2, 70_002, 4, false, later))),
            Some((7, 90_000 - 5))
        );
    }
}
