//! The loss-based bound: when so much is lost that less must be sent, whatever the delay says.
//!
//! Invariant: about a tenth is borne, as in draft-ietf-rmcat-gcc-02 §6; more counts only when chance does not explain
//! it, so that a path which loses one packet in twenty keeps its rate however few packets are counted.

/// One slice of the last second, microseconds.
const SLICE_US: i64 = 100_000;

/// The slices that are counted: the last second.
const SLICES: usize = 10;

/// The slices that show a path breaking down.
const SLICES_OF_COLLAPSE: usize = 3;

/// The share that is borne.
const BORNE: f64 = 0.10;

/// The share from which losses may come of the rate itself.
const NOTABLE: f64 = 0.02;

/// The share that shows a path breaking down.
const COLLAPSE: f64 = 0.25;

/// Fewer packets than this prove nothing.
const FEWEST: u32 = 20;

/// What the losses say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// Nothing against sending as much, or more.
    Fine,
    /// Some are lost: by chance, or because a short queue overflows.
    Some,
    /// Too much to send more.
    Hold,
    /// This share is lost: send less.
    Less(f64),
    /// The path carries far less than is sent.
    Collapse,
}

#[derive(Debug, Clone, Copy, Default)]
struct Slice {
    arrived: u32,
    lost: u32,
}

/// Counts of about the last second.
#[derive(Debug, Default)]
struct Window {
    /// A ring; `current` is the newest.
    slices: [Slice; SLICES],
    current: usize,
}

/// What arrived and what did not in about the last second.
#[derive(Debug, Default)]
pub(super) struct Losses {
    all: Window,
    /// Only packets that left at the present rate: what was lost at another has been judged.
    present: Window,
    /// When the present rate began, microseconds.
    began_us: i64,
    /// The time of the newest slices, in slices since the beginning.
    current_slice: i64,
}

impl Losses {
    /// Opens the slices of `now_us`; those in between are empty.
    pub(super) fn advance(&mut self, now_us: i64) {
        let slice = now_us / SLICE_US;
        for _ in 0..(slice - self.current_slice).clamp(0, SLICES as i64) {
            self.all.turn();
            self.present.turn();
        }
        self.current_slice = self.current_slice.max(slice);
    }

    /// A packet that left at `sent_us` has arrived; `was_lost` when it was counted as lost before.
    pub(super) fn arrived(&mut self, sent_us: i64, was_lost: bool) {
        self.all.arrived(was_lost);
        if sent_us >= self.began_us {
            self.present.arrived(was_lost);
        }
    }

    /// A packet that left at `sent_us` has not arrived.
    pub(super) fn lost(&mut self, sent_us: i64) {
        self.all.lost();
        if sent_us >= self.began_us {
            self.present.lost();
        }
    }

    /// The share that was lost in about the last second, 0..1.
    pub(super) fn share(&self) -> f64 {
        self.all.share()
    }

    /// What the losses say of the present rate.
    pub(super) fn verdict(&self) -> Verdict {
        let (lost, all) = self.present.counted(SLICES_OF_COLLAPSE);
        if is_beyond(lost, all, COLLAPSE) {
            return Verdict::Collapse;
        }
        let (lost, all) = self.present.counted(SLICES);
        let share = self.present.share();
        if is_beyond(lost, all, BORNE) {
            Verdict::Less(share)
        } else if share > BORNE {
            Verdict::Hold
        } else if share > NOTABLE {
            Verdict::Some
        } else {
            Verdict::Fine
        }
    }

    /// The rate has fallen: what left before is not counted for or against it.
    pub(super) fn fell(&mut self, now_us: i64) {
        self.present = Window::default();
        self.began_us = now_us;
    }
}

impl Window {
    fn turn(&mut self) {
        self.current = (self.current + 1) % SLICES;
        self.slices[self.current] = Slice::default();
    }

    fn arrived(&mut self, was_lost: bool) {
        self.slices[self.current].arrived += 1;
        if was_lost && let Some(index) = self.recent(SLICES).find(|index| self.slices[*index].lost > 0) {
            self.slices[index].lost -= 1;
        }
    }

    fn lost(&mut self) {
        self.slices[self.current].lost += 1;
    }

    /// The newest slices, newest first.
    fn recent(&self, count: usize) -> impl Iterator<Item = usize> + use<> {
        let current = self.current;
        (0..count).map(move |back| (current + SLICES - back) % SLICES)
    }

    fn counted(&self, slices: usize) -> (u32, u32) {
        self.recent(slices).fold((0, 0), |(lost, all), index| {
            let slice = self.slices[index];
            (lost + slice.lost, all + slice.lost + slice.arrived)
        })
    }

    fn share(&self) -> f64 {
        let (lost, all) = self.counted(SLICES);
        f64::from(lost) / f64::from(all.max(1))
    }
}

/// Whether more than `share` is lost and chance (two standard deviations of the binomial law) does not explain it.
fn is_beyond(lost: u32, all: u32, share: f64) -> bool {
    let all_packets = f64::from(all);
    let by_chance = 2.0 * (all_packets * share * (1.0 - share)).sqrt();
    all >= FEWEST && f64::from(lost) > all_packets * share + by_chance
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets every 10 ms for `ms`; of each hundred, the first `lost` are lost, spread over the hundred.
    fn run(losses: &mut Losses, ms: i64, lost: i64) {
        for index in 0..ms / 10 {
            losses.advance(index * 10_000);
            if index * lost % 100 < lost {
                losses.lost(index * 10_000);
            } else {
                losses.arrived(index * 10_000, false);
            }
        }
    }

    #[test]
    fn a_tenth_is_borne_a_quarter_is_not_and_half_is_a_collapse() {
        for (lost, verdict) in [
            (0, Verdict::Fine),
            (1, Verdict::Fine),
            (5, Verdict::Some),
            (13, Verdict::Hold),
        ] {
            let mut losses = Losses::default();
            run(&mut losses, 2000, lost);
            assert_eq!(losses.verdict(), verdict, "{lost}");
        }
        let mut losses = Losses::default();
        run(&mut losses, 2000, 25);
        assert!(matches!(losses.verdict(), Verdict::Less(share) if (0.2..0.3).contains(&share)));
        let mut losses = Losses::default();
        run(&mut losses, 2000, 80);
        assert_eq!(losses.verdict(), Verdict::Collapse);
    }

    #[test]
    fn what_was_lost_at_a_higher_rate_is_not_held_against_a_lower_one() {
        let mut losses = Losses::default();
        losses.fell(1_000_000);
        run(&mut losses, 1000, 80);
        assert_eq!(losses.verdict(), Verdict::Fine);
        assert!(losses.share() > 0.7);
        run(&mut losses, 2000, 80);
        assert_eq!(losses.verdict(), Verdict::Collapse);
    }

    #[test]
    fn a_packet_that_was_only_late_is_not_lost() {
        let mut losses = Losses::default();
        losses.lost(0);
        losses.advance(150_000);
        losses.arrived(0, true);
        assert_eq!(losses.share(), 0.0);
    }

    #[test]
    fn only_the_last_second_counts() {
        let mut losses = Losses::default();
        run(&mut losses, 1000, 80);
        losses.advance(2_100_000);
        assert_eq!(losses.share(), 0.0);
        losses.advance(i64::MAX);
        losses.advance(0);
        assert_eq!(losses.verdict(), Verdict::Fine);
    }
}
