//! Several cameras of one area, one count.
//!
//! Invariant: a count that isn't known is never taken for 0. What two cameras both see is declared, and counted by one of
//! them: see [`Shared`].

use protocol::config::{Camera, Join};
use protocol::ids::CameraId;

use crate::detect::Sight;
use crate::geometry::{GeometryError, Polygon};

/// What one camera says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Word {
    /// The camera.
    pub camera: CameraId,
    /// People that it counts; `None` when it can't tell.
    pub count: Option<u32>,
}

/// The area's count, by its rule; `None` when that can't be told.
///
/// - sum: all of them together; one that can't tell makes the area unknown.
/// - max: the largest of those that can tell.
/// - master: that camera's; while it can't tell, the largest of the others.
#[must_use]
pub fn join(rule: &Join, words: &[Word]) -> Option<u32> {
    let largest = || words.iter().filter_map(|word| word.count).max();
    match rule {
        Join::Sum if words.is_empty() => None,
        Join::Sum => words
            .iter()
            .try_fold(0_u32, |sum, word| word.count.map(|count| sum.saturating_add(count))),
        Join::Max => largest(),
        Join::Master(master) => {
            let word = words.iter().find(|word| word.camera == *master);
            word.and_then(|word| word.count).or_else(largest)
        }
    }
}

/// A part of a camera's area that another camera counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Shared(Vec<Polygon>);

impl Shared {
    /// The parts that others count.
    #[must_use]
    pub fn new(parts: Vec<Polygon>) -> Self {
        Self(parts)
    }

    /// What a camera's table leaves to others.
    ///
    /// # Errors
    /// [`GeometryError`] where a part is no outline.
    pub fn of(camera: &Camera) -> Result<Self, GeometryError> {
        let parts = camera.overlaps.iter();
        let parts = parts.map(|overlap| Polygon::new(overlap.polygon.clone()));
        Ok(Self(parts.collect::<Result<_, _>>()?))
    }

    /// Leaves out of what was seen whom others count.
    pub fn leave_out(&self, sight: &mut Sight) {
        if let Sight::People(people) = sight {
            people.retain(|person| !self.is_anothers(person.foot()));
        }
    }

    /// Whether somebody whose feet are here is another camera's to count.
    #[must_use]
    pub fn is_anothers(&self, feet: [f64; 2]) -> bool {
        self.0.iter().any(|part| part.contains(feet))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Random;

    fn camera(name: &str) -> CameraId {
        CameraId::new(name).expect("valid")
    }

    fn words(counts: &[Option<u32>]) -> Vec<Word> {
        let names = ["north", "south", "west"];
        let pairs = counts.iter().zip(names);
        pairs
            .map(|(count, name)| Word {
                camera: camera(name),
                count: *count,
            })
            .collect()
    }

    #[test]
    fn each_rule_does_what_it_says() {
        let (all, one_lost) = (words(&[Some(3), Some(5), Some(0)]), words(&[Some(3), None, Some(0)]));
        let master = Join::Master(camera("north"));
        assert_eq!([join(&Join::Sum, &all), join(&Join::Sum, &one_lost)], [Some(8), None]);
        assert_eq!(
            [join(&Join::Max, &all), join(&Join::Max, &one_lost)],
            [Some(5), Some(3)]
        );
        assert_eq!([join(&master, &all), join(&master, &one_lost)], [Some(3), Some(3)]);
        assert_eq!(join(&master, &words(&[None, Some(5)])), Some(5), "the others stand in");
        for rule in [Join::Sum, Join::Max, master] {
            assert_eq!(join(&rule, &words(&[None, None])), None);
            assert_eq!(join(&rule, &[]), None, "nobody looks");
        }
    }

    /// A hall of which two cameras each see two thirds.
    #[test]
    fn nobody_in_a_declared_overlap_is_counted_twice() {
        let right = Polygon::new(vec![[0.5, 0.0], [1.0, 0.0], [1.0, 1.0], [0.5, 1.0]]).expect("sound");
        let shared = Shared::new(vec![right]);
        for seed in 0..500 {
            let mut random = Random::new(seed);
            let people: Vec<f64> = (0..random.below(30)).map(|_| random.share()).collect();
            // The first camera sees the hall up to 2/3, and the second from 1/3 on; what the first has in the right half
            // of its picture the second counts.
            let first = people.iter().filter(|x| **x < 2.0 / 3.0);
            let first = first.filter(|x| !shared.is_anothers([**x * 1.5, 0.5])).count();
            let second = people.iter().filter(|x| **x * 1.5 >= 0.5).count();
            let counts = [first, second].map(|count| u32::try_from(count).ok());
            assert_eq!(
                join(&Join::Sum, &words(&counts)),
                u32::try_from(people.len()).ok(),
                "seed {seed}"
            );
        }
    }
}
