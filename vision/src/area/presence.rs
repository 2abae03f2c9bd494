//! Is somebody before the screen? Somebody who stays, not who walks by.
//!
//! Invariant: nobody is greeted before having stood there for [`STAYS`], and nobody is forgotten for a picture or two
//! in which they weren't seen.

use std::time::Duration;

/// Who has been there for so long is there.
pub const STAYS: Duration = Duration::from_secs(2);

/// Who hasn't been seen for so long has gone.
pub const GONE: Duration = Duration::from_millis(1500);

/// Watches one place before one screen.
#[derive(Debug, Clone, Copy, Default)]
pub struct Presence {
    since: Option<Duration>,
    last: Option<Duration>,
    is_there: bool,
}

impl Presence {
    /// Nobody has been seen.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes how many are in the place at `at` by the camera's clock (`None`: it can't tell), gives whether somebody is
    /// there; `None` when that can't be told.
    pub fn see(&mut self, people: Option<u32>, at: Duration) -> Option<bool> {
        let Some(people) = people else {
            *self = Self::new();
            return None;
        };
        if people > 0 {
            self.last = Some(at);
            let since = *self.since.get_or_insert(at);
            self.is_there |= at.saturating_sub(since) >= STAYS;
        } else if self.last.is_none_or(|last| at.saturating_sub(last) >= GONE) {
            *self = Self::new();
        }
        Some(self.is_there)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Random;

    /// Ten pictures a second.
    fn see(presence: &mut Presence, from: u64, people: impl IntoIterator<Item = Option<u32>>) -> Vec<Option<bool>> {
        let times = (from..).map(|tenth| Duration::from_millis(tenth * 100));
        let pairs = times.zip(people);
        pairs.map(|(at, people)| presence.see(people, at)).collect()
    }

    #[test]
    fn who_stays_two_seconds_is_there_and_who_walks_by_is_not() {
        let mut presence = Presence::new();
        let seen = see(&mut presence, 0, vec![Some(1); 30]);
        assert_eq!(seen.iter().position(|it| *it == Some(true)), Some(20));
        let seen = see(&mut presence, 30, vec![Some(0); 20]);
        assert_eq!(
            seen.iter().position(|it| *it == Some(false)),
            Some(14),
            "1.5 s after the last sight"
        );
        let walker = see(
            &mut presence,
            50,
            vec![Some(1); 19].into_iter().chain(vec![Some(0); 30]),
        );
        assert!(walker.iter().all(|it| *it == Some(false)));
    }

    #[test]
    fn a_camera_that_cannot_tell_is_no_absence_and_no_presence() {
        let mut presence = Presence::new();
        see(&mut presence, 0, vec![Some(1); 30]);
        assert_eq!(presence.see(None, Duration::from_secs(3)), None);
        assert_eq!(
            presence.see(Some(1), Duration::from_secs(4)),
            Some(false),
            "from the beginning"
        );
    }

    #[test]
    fn a_detector_that_misses_one_picture_in_three_still_sees_who_stays() {
        for seed in 0..500 {
            let mut random = Random::new(seed);
            let people: Vec<_> = (0..100).map(|_| Some(u32::from(random.share() > 0.33))).collect();
            let seen = see(&mut Presence::new(), 0, people);
            // A second and a half without a sight has a chance of a third to the 15th.
            assert!(seen[40..].iter().all(|it| *it == Some(true)), "seed {seed}");
        }
    }
}
