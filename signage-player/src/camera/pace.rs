//! Which of a camera's pictures are taken.

use std::time::Duration;

/// So many pictures a second at most, by the pictures' own times. Pure.
#[derive(Debug)]
pub(super) struct Pace {
    every: Duration,
    due: Duration,
}

impl Pace {
    /// The first picture is taken.
    pub(super) fn per_second(pictures: f64) -> Self {
        Self {
            every: Duration::from_secs_f64(1.0 / pictures.clamp(0.01, 240.0)),
            due: Duration::ZERO,
        }
    }

    /// Whether the picture of `at` is taken. It may come a quarter of the way too early: the pictures of a camera that gives
    /// as many as are wanted are never quite in time.
    pub(super) fn takes(&mut self, at: Duration) -> bool {
        if at + self.every < self.due {
            // A film begins again.
            self.due = at;
        }
        if at + self.every / 4 < self.due {
            return false;
        }
        self.due += self.every;
        if self.due <= at {
            self.due = at + self.every;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn taken(pace: &mut Pace, times_ms: impl Iterator<Item = u64>) -> usize {
        times_ms.filter(|at| pace.takes(Duration::from_millis(*at))).count()
    }

    #[test]
    fn five_of_thirty_are_five_and_five_of_five_that_come_unsteadily_are_five() {
        let mut pace = Pace::per_second(5.0);
        assert_eq!(taken(&mut pace, (0..299).map(|number| number * 1000 / 30)), 50);
        let mut pace = Pace::per_second(5.0);
        let unsteady = (0..50).map(|number| number * 200 + [0, 15, 3, 20, 9][number as usize % 5]);
        assert_eq!(taken(&mut pace, unsteady), 50);
    }

    #[test]
    fn a_gap_is_not_caught_up_and_a_film_begins_again() {
        let mut pace = Pace::per_second(5.0);
        assert_eq!(taken(&mut pace, [0, 60_000, 60_100, 60_200].into_iter()), 3);
        assert_eq!(taken(&mut pace, [0, 100, 200].into_iter()), 2);
    }
}
