//! Each bay's state, from the evidence of one look after the other. Pure: time is an argument.
//!
//! Invariant: a state changes only after evidence on the other side, beyond a dead band, was seen in two looks at least and
//! for [`CHANGE_AFTER`]; who crosses a bay on foot or turns in it doesn't take it.

use std::collections::VecDeque;
use std::time::Duration;

use super::Places;

/// So long the evidence must stay on the other side.
pub const CHANGE_AFTER: Duration = Duration::from_secs(8);

/// So far from 1 evidence says nothing new.
const DEAD_BAND: f64 = 0.1;

/// All bays of one camera.
#[derive(Debug, Clone)]
pub struct Bays {
    states: Vec<State>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    is_taken: Option<bool>,
    /// Since when, and in how many looks, the evidence has been against it.
    against: Option<(Duration, u32)>,
}

impl Bays {
    /// So many, of which nothing is known.
    #[must_use]
    pub fn new(bays: usize) -> Self {
        Self {
            states: vec![State::default(); bays],
        }
    }

    /// Takes the evidence of a look at `at`, one number a bay: from 1 on it is taken.
    pub fn see(&mut self, evidence: &[f64], at: Duration) {
        for (state, evidence) in self.states.iter_mut().zip(evidence) {
            state.see(*evidence, at);
        }
    }

    /// The camera doesn't see any more: nothing is known.
    pub fn forget(&mut self) {
        self.states.fill(State::default());
    }

    /// Which are taken; `None`: not known.
    pub fn taken(&self) -> impl Iterator<Item = Option<bool>> + '_ {
        self.states.iter().map(|state| state.is_taken)
    }

    /// How many; `None` while one of them isn't known.
    #[must_use]
    pub fn places(&self) -> Option<Places> {
        let known: Option<Vec<bool>> = self.taken().collect();
        let known = known.filter(|known| !known.is_empty())?;
        let count = |bays: usize| u32::try_from(bays).unwrap_or(u32::MAX);
        Some(Places {
            taken: count(known.iter().filter(|is_taken| **is_taken).count()),
            total: count(known.len()),
        })
    }
}

impl State {
    fn see(&mut self, evidence: f64, at: Duration) {
        let Some(is_taken) = self.is_taken else {
            self.is_taken = Some(evidence >= 1.0);
            return;
        };
        let is_against = if is_taken {
            evidence < 1.0 - DEAD_BAND
        } else {
            evidence >= 1.0 + DEAD_BAND
        };
        if !is_against {
            self.against = None;
            return;
        }
        let (since, looks) = self.against.map_or((at, 1), |(since, looks)| (since, looks + 1));
        self.against = Some((since, looks));
        if looks >= 2 && at.saturating_sub(since) >= CHANGE_AFTER {
            *self = Self {
                is_taken: Some(!is_taken),
                against: None,
            };
        }
    }
}

/// A bay's own ground may be restless without a car: plants that reach in, a drain, gravel. What its texture's evidence
/// was at the least, in each of the last hours, tells how restless (minimum statistics, as Martin 2001 follows noise
/// under speech); its border is raised by that, within limits.
#[derive(Debug, Clone, Default)]
pub struct Floor {
    /// Of each hour its least; the first is the oldest.
    hours: VecDeque<f64>,
    hour: Option<u64>,
}

/// A bay is empty once in so many hours.
const HOURS: usize = 24;
/// A car shows so much more than the bay alone,
const ABOVE_FLOOR: f64 = 1.4;
/// and the border is raised to this at most: what shows more is a car, however long it stands.
const HIGHEST: f64 = 1.4;

impl Floor {
    /// Takes a look's evidence, gives it as it is for this bay.
    pub fn judge(&mut self, evidence: f64, at: Duration) -> f64 {
        let hour = at.as_secs() / 3600;
        if self.hour.replace(hour) == Some(hour) {
            if let Some(least) = self.hours.back_mut() {
                *least = least.min(evidence);
            }
        } else {
            if self.hours.len() == HOURS {
                self.hours.pop_front();
            }
            self.hours.push_back(evidence);
        }
        evidence / self.border()
    }

    /// 1 until a whole day was seen.
    fn border(&self) -> f64 {
        if self.hours.len() < HOURS {
            return 1.0;
        }
        let least = self.hours.iter().copied().fold(f64::INFINITY, f64::min);
        (least * ABOVE_FLOOR).clamp(1.0, HIGHEST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn taken(bays: &Bays) -> Option<bool> {
        bays.taken().next().flatten()
    }

    #[test]
    fn the_first_look_says_what_there_is() {
        let mut bays = Bays::new(3);
        assert_eq!(bays.places(), None);
        bays.see(&[0.2, 1.7, 1.0], s(0));
        let places = bays.places().expect("known");
        assert_eq!((places.taken, places.total, places.free()), (2, 3, 1));
    }

    #[test]
    fn who_walks_through_takes_no_bay_and_a_car_does() {
        let mut bays = Bays::new(1);
        bays.see(&[0.3], s(0));
        for (second, evidence) in [(10, 2.0), (20, 0.3), (30, 2.0)] {
            bays.see(&[evidence], s(second));
            assert_eq!(taken(&bays), Some(false), "at {second}");
        }
        bays.see(&[2.0], s(40));
        assert_eq!(taken(&bays), Some(true), "the second look in a row");
        bays.see(&[0.2], s(50));
        assert_eq!(taken(&bays), Some(true), "somebody stands before the lens");
        bays.see(&[0.2], s(60));
        assert_eq!(taken(&bays), Some(false));
    }

    #[test]
    fn several_looks_in_a_second_are_not_long_enough() {
        let mut bays = Bays::new(1);
        bays.see(&[0.3], s(0));
        for look in 0..30 {
            bays.see(&[2.0], s(1) + Duration::from_millis(look * 200));
        }
        assert_eq!(taken(&bays), Some(false), "six seconds");
        bays.see(&[2.0], s(9));
        assert_eq!(taken(&bays), Some(true));
    }

    #[test]
    fn evidence_near_the_border_changes_nothing() {
        let mut bays = Bays::new(2);
        bays.see(&[0.9, 1.1], s(0));
        for look in 1..20 {
            bays.see(&[1.05, 0.95], s(look * 10));
        }
        assert_eq!(bays.taken().collect::<Vec<_>>(), [Some(false), Some(true)]);
    }

    #[test]
    fn an_unseen_lot_is_unknown_and_not_what_it_was() {
        let mut bays = Bays::new(1);
        bays.see(&[2.0], s(0));
        bays.forget();
        assert_eq!((taken(&bays), bays.places()), (None, None));
        bays.see(&[0.1], s(10));
        assert_eq!(taken(&bays), Some(false));
    }

    #[test]
    fn a_restless_bay_is_learned_in_a_day_and_a_parked_car_is_not() {
        let hours = |floor: &mut Floor, evidence: &dyn Fn(u64) -> f64| {
            let looks = (0..48 * 60).map(|minute| floor.judge(evidence(minute / 60), s(minute * 60)));
            looks.last().expect("looks")
        };
        let (mut restless, mut parked, mut long) = (Floor::default(), Floor::default(), Floor::default());
        assert!(restless.judge(1.1, s(0)) >= 1.0, "at first nothing is known of it");
        assert!(hours(&mut restless, &|_| 1.1) < 0.9, "a bush that is always there");
        assert!(
            hours(&mut parked, &|hour| if hour % 24 < 6 { 0.3 } else { 1.2 }) >= 1.1,
            "away at night"
        );
        assert!(hours(&mut long, &|_| 2.0) >= 1.1, "two days in one place");
        assert!(restless.judge(2.4, s(48 * 3600)) >= 1.1, "a car in the restless bay");
    }
}
