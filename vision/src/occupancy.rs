//! How many people are in the area: those whose feet are inside, the median of the last pictures.
//!
//! Invariant: the count is `None` unless the last pictures were really seen; it never stays what it was.

use std::collections::VecDeque;
use std::time::Duration;

use crate::detect::{Detection, Sight};
use crate::geometry::Polygon;

/// While a detector settles the last count stands, for at most so long.
const SETTLING_LIMIT: Duration = Duration::from_secs(5);

/// A count older than this has no say in the median: with a look a second, seven of them would say what was three
/// seconds ago, and who walks through a hall is somewhere else by then.
const OLDEST: Duration = Duration::from_millis(2500);

/// Counts one area in one camera's pictures.
#[derive(Debug)]
pub struct Occupancy {
    area: Polygon,
    counts: Median,
    last_seen: Option<Duration>,
}

impl Occupancy {
    /// Counts people in `area`, as the median of the last `median_of` pictures that aren't older than [`OLDEST`].
    #[must_use]
    pub fn new(area: Polygon, median_of: usize) -> Self {
        Self {
            area,
            counts: Median::new(median_of),
            last_seen: None,
        }
    }

    /// Takes what was seen at `at` by the camera's clock, gives the count as it is then.
    pub fn see(&mut self, sight: &Sight, at: Duration) -> Option<u32> {
        match sight {
            Sight::People(people) => {
                self.last_seen = Some(at);
                self.counts.push(self.inside(people), at);
            }
            Sight::Settling => {
                let is_old = self
                    .last_seen
                    .is_none_or(|seen| at.saturating_sub(seen) > SETTLING_LIMIT);
                if is_old {
                    self.forget();
                }
            }
        }
        self.counts.value()
    }

    /// The camera is lost: whatever was counted doesn't hold any more.
    pub fn forget(&mut self) {
        self.counts.clear();
        self.last_seen = None;
    }

    /// The area's outline.
    #[must_use]
    pub fn area(&self) -> &Polygon {
        &self.area
    }

    fn inside(&self, people: &[Detection]) -> u32 {
        let inside = people.iter().filter(|person| self.area.contains(person.foot())).count();
        u32::try_from(inside).unwrap_or(u32::MAX)
    }
}

/// The median of the last few counts (of an even number of them the oldest is left out).
#[derive(Debug)]
pub struct Median {
    last: VecDeque<(Duration, u32)>,
    length: usize,
}

impl Median {
    /// Over the last `length` counts, at least one; none of them older than [`OLDEST`].
    #[must_use]
    pub fn new(length: usize) -> Self {
        Self {
            last: VecDeque::new(),
            length: length.max(1),
        }
    }

    /// Takes a count of `at`; the oldest falls out when there are too many.
    pub fn push(&mut self, count: u32, at: Duration) {
        if self.last.len() == self.length {
            self.last.pop_front();
        }
        self.last.push_back((at, count));
        self.last.retain(|(then, _)| at.saturating_sub(*then) <= OLDEST);
    }

    /// The median, `None` when there is nothing.
    #[must_use]
    pub fn value(&self) -> Option<u32> {
        let is_even = self.last.len().is_multiple_of(2);
        let mut sorted: Vec<u32> = (self.last.iter().skip(usize::from(is_even)))
            .map(|(_, count)| *count)
            .collect();
        sorted.sort_unstable();
        sorted.get(sorted.len() / 2).copied()
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.last.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(x: f64, y: f64) -> Detection {
        Detection {
            left: x - 0.05,
            top: y - 0.3,
            width: 0.1,
            height: 0.3,
            score: 1.0,
        }
    }

    fn people(count: usize) -> Sight {
        Sight::People(vec![person(0.5, 0.5); count])
    }

    const fn seconds(s: u64) -> Duration {
        Duration::from_secs(s)
    }

    #[test]
    fn feet_count_not_heads() {
        let lower = Polygon::new(vec![[0.0, 0.5], [1.0, 0.5], [1.0, 1.0], [0.0, 1.0]]).expect("sound");
        let mut occupancy = Occupancy::new(lower, 1);
        let sight = Sight::People(vec![person(0.2, 0.6), person(0.5, 0.45), person(0.9, 1.1)]);
        assert_eq!(occupancy.see(&sight, seconds(0)), Some(2));
        assert_eq!(occupancy.see(&people(0), seconds(1)), Some(0));
    }

    #[test]
    fn one_wrong_picture_changes_nothing() {
        let mut occupancy = Occupancy::new(Polygon::whole_picture(), 5);
        let counts: Vec<_> = [3, 3, 9, 3, 0, 4, 4, 4]
            .into_iter()
            .enumerate()
            .map(|(i, n)| occupancy.see(&people(n), Duration::from_millis(200 * i as u64)))
            .collect();
        assert_eq!(counts, [3, 3, 3, 3, 3, 3, 4, 4].map(Some));
    }

    #[test]
    fn a_count_of_long_ago_has_no_say() {
        let mut occupancy = Occupancy::new(Polygon::whole_picture(), 7);
        // At a look a second three have their say: a jump is believed at its second look.
        let counts: Vec<_> = [2, 2, 2, 2, 5, 5, 5]
            .into_iter()
            .zip(0..)
            .map(|(n, second)| occupancy.see(&people(n), seconds(second)))
            .collect();
        assert_eq!(counts, [2, 2, 2, 2, 2, 5, 5].map(Some));
        assert_eq!(occupancy.see(&people(1), seconds(60)), Some(1), "after a pause");
    }

    #[test]
    fn an_unseen_area_is_unknown_and_not_what_it_was() {
        let mut occupancy = Occupancy::new(Polygon::whole_picture(), 7);
        assert_eq!(
            occupancy.see(&Sight::Settling, seconds(0)),
            None,
            "nothing was seen yet"
        );
        assert_eq!(occupancy.see(&people(4), seconds(1)), Some(4));
        occupancy.forget();
        assert_eq!(occupancy.see(&Sight::Settling, seconds(2)), None);
        assert_eq!(
            occupancy.see(&people(2), seconds(3)),
            Some(2),
            "old counts don't come back"
        );
    }

    #[test]
    fn settling_keeps_the_count_for_seconds_only() {
        let mut occupancy = Occupancy::new(Polygon::whole_picture(), 7);
        occupancy.see(&people(4), seconds(10));
        assert_eq!(occupancy.see(&Sight::Settling, seconds(15)), Some(4));
        assert_eq!(occupancy.see(&Sight::Settling, seconds(16)), None);
    }

    #[test]
    fn the_median_of_an_even_number_leaves_the_oldest_out() {
        let mut median = Median::new(4);
        assert_eq!(median.value(), None);
        for (count, expected) in [(8, 8), (2, 2), (4, 4), (6, 4), (10, 6)] {
            median.push(count, Duration::ZERO);
            assert_eq!(median.value(), Some(expected));
        }
    }
}
