//! What a playlist shows when. Pure: the time is an argument, and so is whether anybody knows it ([`clock`]).
//!
//! The rule: of the lists that are on, the most important one that has an item to show now is played; where none has,
//! the playlist's own items; where none of these is to be shown now, the office's name and the time stand in. While
//! nobody knows the time, it is the playlist's own items without times that are played.

pub mod clock;

use std::ops::Range;

use jiff::civil::DateTime;
use protocol::screen::schedule::Day;
use protocol::screen::{Item, Programme, When};

/// What is said while nobody knows the time.
pub const NO_CLOCK: &str = "clock: it was never set, or nobody has confirmed it since the start: schedules don't hold, \
                            what has no times is played";

#[derive(Debug)]
struct List {
    name: String,
    when: When,
    items: Range<usize>,
}

/// A playlist's times. Its items are numbered: first its own, then those of its lists.
#[derive(Debug)]
pub struct Schedule {
    own: Range<usize>,
    lists: Vec<List>,
    whens: Vec<When>,
    closed: Vec<Day>,
}

/// What may be shown now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Due {
    /// The numbers of items by list, from the most important list to the playlist's own items; none is empty.
    pub levels: Vec<Vec<usize>>,
    /// What isn't as it was meant, in words.
    pub faults: Vec<String>,
}

impl Due {
    /// Whether an item may be shown now, in whichever list.
    #[must_use]
    pub fn has(&self, item: usize) -> bool {
        self.level(item).is_some()
    }

    /// In which of the levels an item is.
    #[must_use]
    pub fn level(&self, item: usize) -> Option<usize> {
        self.levels.iter().position(|level| level.contains(&item))
    }
}

impl Schedule {
    /// The schedule of a playlist, and its items by their numbers. `closed`: the days on which the office is closed.
    #[must_use]
    pub fn new(own: Vec<Item>, lists: Vec<Programme>, closed: &[Day]) -> (Self, Vec<Item>) {
        let mut items = own;
        let own = 0..items.len();
        let mut numbered = Vec::with_capacity(lists.len());
        for list in lists {
            let first = items.len();
            items.extend(list.items);
            numbered.push(List {
                name: list.name,
                when: list.when,
                items: first..items.len(),
            });
        }
        let schedule = Self {
            own,
            lists: numbered,
            whens: items.iter().map(|item| item.when().clone()).collect(),
            closed: closed.to_vec(),
        };
        (schedule, items)
    }

    /// What may be shown at a moment of the office's clock; `None`: nobody knows it.
    #[must_use]
    pub fn due(&self, now: Option<DateTime>) -> Due {
        let mut due = Due::default();
        let Some(now) = now else {
            let always = self.own.clone().filter(|item| self.whens[*item].is_always());
            due.levels = [always.collect::<Vec<_>>()].into();
            due.levels.retain(|level| !level.is_empty());
            let has_times = !self.lists.is_empty() || self.whens.iter().any(|when| !when.is_always());
            due.faults.extend(has_times.then(|| NO_CLOCK.to_owned()));
            return due;
        };
        let holding = |items: &Range<usize>| {
            let holds = |item: &usize| self.whens[*item].holds(now, &self.closed);
            items.clone().filter(holds).collect::<Vec<_>>()
        };
        for list in self.lists.iter().filter(|list| list.when.holds(now, &self.closed)) {
            let items = holding(&list.items);
            if items.is_empty() {
                let name = &list.name;
                due.faults.push(format!(
                    "{name}: the list is on and has no item to show now: the next one is played"
                ));
            } else {
                due.levels.push(items);
            }
        }
        let own = holding(&self.own);
        if !own.is_empty() {
            due.levels.push(own);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    fn item(name: &str, when: &str) -> Item {
        let json = format!(r#"{{"type":"picture","content":"{name}","duration_ms":1000,"when":{when}}}"#);
        serde_json::from_str(&json).expect("an item")
    }

    fn list(name: &str, when: &str, items: &[(&str, &str)]) -> Programme {
        Programme {
            name: name.to_owned(),
            when: serde_json::from_str(when).expect("a when"),
            items: items.iter().map(|(name, when)| item(name, when)).collect(),
        }
    }

    fn schedule() -> Schedule {
        let own = vec![item("always", "{}"), item("morning", r#"{"times":["09:00-12:00"]}"#)];
        let event = list(
            "event",
            r#"{"from":"2026-12-01","until":"2026-12-25"}"#,
            &[("a", r#"{"days":["MO"]}"#), ("b", r#"{"times":["10:00-11:00"]}"#)],
        );
        let evening = list("evening", r#"{"times":["18:00-24:00"]}"#, &[("c", "{}")]);
        Schedule::new(own, vec![event, evening], &[]).0
    }

    fn levels(at: DateTime) -> Vec<Vec<usize>> {
        schedule().due(Some(at)).levels
    }

    #[test]
    fn the_most_important_list_that_has_something_comes_first_and_the_own_items_last() {
        // A Monday, and a Tuesday.
        let (monday, tuesday) = (date(2026, 12, 7), date(2026, 12, 8));
        assert_eq!(levels(monday.at(10, 30, 0, 0)), [vec![2, 3], vec![0, 1]]);
        assert_eq!(levels(monday.at(19, 0, 0, 0)), [vec![2], vec![4], vec![0]]);
        assert_eq!(levels(tuesday.at(19, 0, 0, 0)), [vec![4], vec![0]]);
        assert_eq!(levels(date(2026, 12, 26).at(9, 0, 0, 0)), [vec![0, 1]]);
        assert!(schedule().due(Some(monday.at(10, 30, 0, 0))).has(3));
    }

    #[test]
    fn a_list_that_is_on_and_empty_is_named() {
        let due = schedule().due(Some(date(2026, 12, 8).at(9, 0, 0, 0)));
        assert_eq!(due.levels, [vec![0, 1]]);
        assert!(due.faults.len() == 1 && due.faults[0].starts_with("event: "), "{due:?}");
    }

    #[test]
    fn without_a_clock_the_own_items_without_times_are_played_and_it_is_said() {
        let due = schedule().due(None);
        assert_eq!(due.levels, [vec![0]]);
        assert_eq!(due.faults, [NO_CLOCK]);
        let (plain, _) = Schedule::new(vec![item("always", "{}")], Vec::new(), &[]);
        assert_eq!(plain.due(None).faults, Vec::<String>::new(), "nothing depends on it");
    }
}
