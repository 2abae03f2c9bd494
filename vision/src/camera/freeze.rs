//! Has a live camera frozen? It then gives pictures as ever, but always the same one.
//!
//! A sensor's noise makes each picture differ somewhere from the last. Behind an encoder that isn't quite so: a stuck
//! picture changes a little at each key frame, and some cameras send pictures twice. So it is asked which share of
//! the pictures was the very one before.
//!
//! Invariant: a camera that has frozen isn't believed again until its pictures move.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Frozen: of the pictures of the last while at least this share was the one before.
const FROZEN_SHARE: f64 = 0.8;

/// It takes at least so many pictures to say so.
const LEAST_PICTURES: usize = 5;

/// After having been frozen: so many pictures in a row are looked at,
const PROBATION: usize = 10;

/// and at most so many of them may be the one before. (An encoder needs a few pictures until a still one stands still.)
const STILL_IN_PROBATION: usize = 3;

/// More pictures aren't remembered; of a quicker camera the while is shorter.
const MOST_PICTURES: usize = 2000;

/// What is to be done with a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Count it.
    Live,
    /// Leave it: the camera was frozen, and hasn't shown yet that it isn't any more.
    Doubtful,
    /// Leave it and give the camera up.
    Frozen,
}

/// Watches one camera, over all its connections.
#[derive(Debug)]
pub struct Freeze {
    limit: Duration,
    last: VecDeque<(Instant, bool)>,
    is_on_probation: bool,
}

impl Freeze {
    /// A camera may stand still for `limit`.
    #[must_use]
    pub fn new(limit: Duration) -> Self {
        Self {
            limit,
            last: VecDeque::new(),
            is_on_probation: false,
        }
    }

    /// For how long a camera may stand still.
    #[must_use]
    pub fn limit(&self) -> Duration {
        self.limit
    }

    /// The camera is opened again: what went before says nothing, but that it was frozen.
    pub fn reopen(&mut self) {
        self.last.clear();
    }

    /// A picture came at `now`. `is_same`: it is the one before, to the last bit.
    pub fn see(&mut self, is_same: bool, now: Instant) -> Verdict {
        if self.last.len() == MOST_PICTURES {
            self.last.pop_front();
        }
        self.last.push_back((now, is_same));
        // One older than the limit is kept: it shows that the while is whole.
        while self
            .last
            .get(1)
            .is_some_and(|(at, _)| now.saturating_duration_since(*at) >= self.limit)
        {
            self.last.pop_front();
        }
        if self.is_on_probation && self.has_moved() {
            self.is_on_probation = false;
        }
        if self.is_still(now) {
            self.is_on_probation = true;
            return Verdict::Frozen;
        }
        if self.is_on_probation {
            Verdict::Doubtful
        } else {
            Verdict::Live
        }
    }

    fn has_moved(&self) -> bool {
        let still = self.last.iter().rev().take(PROBATION).filter(|(_, is_same)| *is_same);
        self.last.len() >= PROBATION && still.count() <= STILL_IN_PROBATION
    }

    fn is_still(&self, now: Instant) -> bool {
        let Some((first, _)) = self.last.front() else {
            return false;
        };
        let is_whole = now.saturating_duration_since(*first) >= self.limit && self.last.len() >= LEAST_PICTURES;
        let still = self.last.iter().filter(|(_, is_same)| *is_same).count();
        is_whole && still as f64 >= FROZEN_SHARE * (self.last.len() - 1) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Random;

    const LIMIT: Duration = Duration::from_secs(20);
    const BEAT: Duration = Duration::from_millis(200);

    struct Camera {
        freeze: Freeze,
        now: Instant,
    }

    impl Camera {
        fn new() -> Self {
            Self {
                freeze: Freeze::new(LIMIT),
                now: Instant::now(),
            }
        }

        /// The verdicts on so many pictures, five a second.
        fn show(&mut self, pictures: usize, mut is_same: impl FnMut(usize) -> bool) -> Vec<Verdict> {
            let verdicts = (0..pictures).map(|picture| {
                self.now += BEAT;
                self.freeze.see(is_same(picture), self.now)
            });
            verdicts.collect()
        }
    }

    #[test]
    fn a_picture_that_never_changes_is_frozen_after_the_limit_and_not_before() {
        let mut camera = Camera::new();
        camera.show(100, |_| false);
        let verdicts = camera.show(101, |_| true);
        let after = verdicts.iter().position(|verdict| *verdict == Verdict::Frozen);
        let after = BEAT * u32::try_from(after.expect("frozen")).expect("few");
        assert!((LIMIT / 10 * 7..=LIMIT).contains(&after), "{after:?}");
    }

    #[test]
    fn key_frames_of_a_stuck_picture_are_no_life() {
        let mut camera = Camera::new();
        let verdicts = camera.show(200, |picture| picture % 10 != 0);
        assert!(verdicts.contains(&Verdict::Frozen));
    }

    #[test]
    fn a_camera_that_sends_each_picture_twice_lives() {
        let mut camera = Camera::new();
        let verdicts = camera.show(1000, |picture| picture % 2 == 1);
        assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Live));
    }

    #[test]
    fn a_noisy_camera_lives_whatever_the_chance() {
        for seed in 0..200 {
            let mut random = Random::new(seed);
            let verdicts = Camera::new().show(500, |_| random.share() < 0.6);
            assert!(verdicts.iter().all(|verdict| *verdict == Verdict::Live), "seed {seed}");
        }
    }

    #[test]
    fn after_a_freeze_only_movement_is_believed() {
        let mut camera = Camera::new();
        while camera.show(1, |_| true) != [Verdict::Frozen] {}
        camera.freeze.reopen();
        let settling = camera.show(50, |picture| picture > 4);
        assert!(
            settling.iter().all(|verdict| *verdict == Verdict::Doubtful),
            "still stuck"
        );
        camera.freeze.reopen();
        let alive = camera.show(30, |picture| picture % 8 == 3);
        assert_eq!(
            alive.iter().filter(|verdict| **verdict == Verdict::Doubtful).count(),
            PROBATION - 1
        );
        assert_eq!(alive.last(), Some(&Verdict::Live));
    }

    #[test]
    fn memory_is_bounded() {
        let mut freeze = Freeze::new(LIMIT);
        let now = Instant::now();
        for picture in 0..10_000 {
            freeze.see(false, now + Duration::from_micros(picture));
        }
        assert!(freeze.last.len() <= MOST_PICTURES);
    }
}
