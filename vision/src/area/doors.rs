//! How many people are inside, from who went in and out: in − out + corrections.
//!
//! Each door misses somebody now and then, so the number drifts. It is set right at closing (nobody is left), by
//! members of staff, and by a camera of the hall: while that says the same for [`STEADY_FOR`], the number is pulled to
//! it, one person at a time. How many corrections it takes shows how well the doors count.
//!
//! Invariants: the number is never below 0; whoever goes out of an empty place was missed coming in, which is a correction.

use std::time::Duration;

use protocol::time::UnixMillis;

/// The hall's count must have stood still for so long before it is believed,
pub const STEADY_FOR: Duration = Duration::from_secs(30);

/// and then the number moves by one, this often.
pub const PULL_EVERY: Duration = Duration::from_secs(5);

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// So many went in, and so many out.
    Crossed {
        /// In.
        came_in: u64,
        /// Out.
        went_out: u64,
    },
    /// The hall's camera sees so many; `None` when it can't tell.
    Hall(Option<u32>),
    /// Somebody who is there says so many.
    Told(u32),
    /// The office has closed.
    Closed,
}

/// What is believed, and how often it was wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Doors {
    inside: u32,
    crossings: u64,
    corrections: u64,
    hall: Option<(u32, UnixMillis)>,
    pulled_at: Option<UnixMillis>,
}

impl Doors {
    /// An empty place.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes what happened at `now`.
    pub fn take(&mut self, event: Event, now: UnixMillis) {
        match event {
            Event::Crossed { came_in, went_out } => {
                self.crossings += came_in + went_out;
                let people = u64::from(self.inside) + came_in;
                self.corrections += went_out.saturating_sub(people);
                self.inside = u32::try_from(people.saturating_sub(went_out)).unwrap_or(u32::MAX);
            }
            Event::Hall(None) => self.hall = None,
            Event::Hall(Some(count)) => self.pull(count, now),
            Event::Told(count) => self.correct_to(count),
            Event::Closed => {
                self.correct_to(0);
                self.hall = None;
            }
        }
    }

    fn pull(&mut self, count: u32, now: UnixMillis) {
        let since = match self.hall {
            // One more or fewer is how cameras see a full hall.
            Some((steady, since)) if steady.abs_diff(count) <= 1 => since,
            _ => {
                self.hall = Some((count, now));
                return;
            }
        };
        let is_steady = now.since(since) >= STEADY_FOR;
        let is_due = self.pulled_at.is_none_or(|last| now.since(last) >= PULL_EVERY);
        if is_steady && is_due && self.inside != count {
            let next = if self.inside < count {
                self.inside + 1
            } else {
                self.inside - 1
            };
            self.correct_to(next);
            self.pulled_at = Some(now);
        }
    }

    fn correct_to(&mut self, count: u32) {
        self.corrections += u64::from(self.inside.abs_diff(count));
        self.inside = count;
    }

    /// People inside.
    #[must_use]
    pub fn inside(&self) -> u32 {
        self.inside
    }

    /// People by whom it was set right.
    #[must_use]
    pub fn corrections(&self) -> u64 {
        self.corrections
    }

    /// Corrections for each crossing: the doors' share of mistakes, about. `None`: nobody has crossed.
    #[must_use]
    pub fn correction_rate(&self) -> Option<f64> {
        (self.crossings > 0).then(|| self.corrections as f64 / self.crossings as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Random;

    const fn at(second: u64) -> UnixMillis {
        UnixMillis(second * 1000)
    }

    fn crossed(came_in: u64, went_out: u64) -> Event {
        Event::Crossed { came_in, went_out }
    }

    #[test]
    fn in_less_out_and_never_below_nobody() {
        let mut doors = Doors::new();
        doors.take(crossed(3, 1), at(0));
        assert_eq!((doors.inside(), doors.corrections()), (2, 0));
        doors.take(crossed(0, 5), at(1));
        assert_eq!(
            (doors.inside(), doors.corrections()),
            (0, 3),
            "three were missed coming in"
        );
        doors.take(crossed(1, 0), at(2));
        assert_eq!(doors.inside(), 1);
        doors.take(Event::Told(4), at(3));
        doors.take(Event::Closed, at(4));
        assert_eq!((doors.inside(), doors.corrections()), (0, 3 + 3 + 4));
        assert_eq!(doors.correction_rate(), Some(1.0));
        assert_eq!(Doors::new().correction_rate(), None);
    }

    #[test]
    fn only_a_hall_that_stands_still_pulls_and_gently() {
        let mut doors = Doors::new();
        doors.take(crossed(8, 0), at(0));
        for second in 0..29 {
            doors.take(Event::Hall(Some(5)), at(second));
        }
        assert_eq!(doors.inside(), 8, "not yet");
        doors.take(Event::Hall(Some(9)), at(29));
        doors.take(Event::Hall(Some(5)), at(30));
        for second in 31..60 {
            doors.take(Event::Hall(Some(5)), at(second));
        }
        assert_eq!(doors.inside(), 8, "it moved between");
        let mut seen = Vec::new();
        for second in 60..90 {
            doors.take(Event::Hall(Some(5)), at(second));
            seen.push(doors.inside());
        }
        seen.dedup();
        assert_eq!(seen, [7, 6, 5], "one at a time");
        doors.take(Event::Hall(None), at(90));
        doors.take(Event::Hall(Some(1)), at(91));
        assert_eq!(doors.inside(), 5, "what was lost begins anew");
    }

    /// A day with doors that miss one in twenty, and a hall that is quiet now and then.
    #[test]
    fn a_days_drift_stays_small_with_a_hall_camera_and_grows_without() {
        let (mut drift_with, mut drift_without) = (0, 0);
        for seed in 0..50 {
            let mut random = Random::new(seed);
            let (mut with, mut without, mut truth) = (Doors::new(), Doors::new(), 0_u32);
            let mut errors = [0_u32; 2];
            for second in 0..8 * 3600 {
                // Bursts of ten minutes with quiet ones between.
                let is_busy = second / 600 % 2 == 0;
                let (mut came_in, mut went_out) = (0, 0);
                if is_busy && random.share() < 0.05 {
                    truth += 1;
                    came_in = u64::from(random.share() > 0.05);
                }
                if is_busy && truth > 0 && random.share() < 0.05 * f64::from(truth) / 15.0 {
                    truth -= 1;
                    // People leave in groups: they hide each other more often.
                    went_out = u64::from(random.share() > 0.10);
                }
                for doors in [&mut with, &mut without] {
                    doors.take(crossed(came_in, went_out), at(second));
                }
                with.take(Event::Hall(Some(truth)), at(second));
                if second % 600 == 599 && !is_busy {
                    errors[0] += with.inside().abs_diff(truth);
                    errors[1] += without.inside().abs_diff(truth);
                }
            }
            drift_with += errors[0];
            drift_without += errors[1];
            assert_eq!(errors[0], 0, "seed {seed}: at the end of each quiet time it is right");
            assert!(
                with.correction_rate().is_some_and(|rate| (0.005..0.2).contains(&rate)),
                "seed {seed}"
            );
        }
        assert!(drift_without > 1000 && drift_with == 0, "{drift_with}, {drift_without}");
    }
}
