//! What a zone's playlist shows when, as a group has it: which item since which tick, and which one from which tick on. Pure.
//!
//! A screen tells its plan ahead; others follow the plan of one who comes before them. Where nobody says anything, each goes on
//! by the same rule, and so comes to the same: the next item begins where this one's length ends.
//!
//! Invariant: of one teller, nobody goes back to what was before.

use serde::{Deserialize, Serialize};

use super::tick;

/// An item's turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its place in the playlist, from 0.
    pub item: u32,
    /// The tick of the group at which it begins.
    pub begin: i64,
}

/// What a screen tells of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// On show.
    pub now: Entry,
    /// After that, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<Entry>,
}

impl Plan {
    /// What is due at a tick, and what comes after it.
    #[must_use]
    pub fn at(&self, tick: i64) -> (Entry, Option<Entry>) {
        match self.next {
            Some(next) if next.begin <= tick => (next, None),
            next => (self.now, next),
        }
    }
}

/// A plan, and who told it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// The teller's life: another one after it was started anew.
    pub teller: u64,
    /// Its plan.
    pub plan: Plan,
}

/// What a zone is to have ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Which item's turn.
    pub entry: Entry,
    /// From so many ticks after its beginning on.
    pub from: i64,
}

/// An item is opened so many ticks before its turn.
pub const AHEAD: i64 = 120;
/// What wasn't announced begins so many ticks from now: long enough for everybody to hear of it and to open it.
pub const SOON: i64 = 15;
/// Who joins an item opens it at the place that will be on after so many ticks.
const JOIN: i64 = 30;
/// With fewer ticks left of an item it isn't joined: the next one is waited for.
const WORTH_JOINING: i64 = 90;
/// An item that is opened so late is opened at its beginning, and catches up.
const LATE: i64 = 15;

/// A zone's part in the group.
#[derive(Debug, Default)]
pub struct Part {
    due: Option<Entry>,
    next: Option<Entry>,
    teller: Option<u64>,
}

impl Part {
    /// What is due; `None`: nothing was, yet.
    #[must_use]
    pub fn due(&self) -> Option<Entry> {
        self.due
    }

    /// What comes after it.
    #[must_use]
    pub fn next(&self) -> Option<Entry> {
        self.next
    }

    /// What this screen tells.
    #[must_use]
    pub fn plan(&self) -> Option<Plan> {
        Some(Plan {
            now: self.due?,
            next: self.next,
        })
    }

    /// Brings it to a tick. `told`: the plan that holds here; `None`: this screen decides. `guess`: what comes after what is due,
    /// by this screen's own knowledge.
    pub fn turn(&mut self, told: Option<Told>, guess: Option<Entry>, tick: i64) {
        let before = self.due;
        if let Some(Told { teller, plan }) = told {
            let (due, next) = plan.at(tick);
            let is_ahead = self.teller == Some(teller) && self.due.is_some_and(|own| own.begin > due.begin);
            if !is_ahead && self.due != Some(due) {
                self.due = Some(due);
                self.next = None;
            }
            if next.is_some() && (!is_ahead || next > self.due) {
                self.next = next;
            }
        }
        self.teller = told.map(|told| told.teller);
        // The guess was of what was due until now.
        let guess = guess.filter(|_| self.due == before);
        self.next = self.next.filter(|next| Some(*next) > self.due).or(guess);
        if let Some(next) = self.next
            && self.due.is_some()
            && next.begin <= tick
        {
            self.due = Some(next);
            self.next = None;
        }
    }

    /// This screen decides, and its first item begins.
    pub fn begin(&mut self, entry: Entry) {
        self.due = Some(entry);
        self.next = None;
    }

    /// What comes next can't be played here; another guess may take its place, if this screen decides.
    pub fn refuse(&mut self, entry: Entry) {
        self.next = self.next.filter(|next| *next != entry);
    }

    /// What is to be opened now, if anything. `running`: what plays here, or has played to its end.
    #[must_use]
    pub fn wanted(&self, running: Option<Entry>, tick: i64) -> Option<Wanted> {
        let due = self.due?;
        let next = |next: Entry| Wanted { entry: next, from: 0 };
        if running == Some(due) {
            return self.next.filter(|it| it.begin - tick < AHEAD).map(next);
        }
        let late = tick - due.begin;
        if let Some(coming) = self.next
            && coming.begin - tick < WORTH_JOINING
            && late > LATE
        {
            return Some(next(coming));
        }
        let from = if late > LATE { late + JOIN } else { 0 };
        Some(Wanted { entry: due, from })
    }
}

/// Later turns are greater.
impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.begin, self.item).cmp(&(other.begin, other.item))
    }
}

/// How far into a turn a tick is, as time.
#[must_use]
pub fn position(entry: Entry, tick: i64) -> std::time::Duration {
    tick::duration(tick - entry.begin)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(item: u32, begin: i64) -> Entry {
        Entry { item, begin }
    }

    fn told(teller: u64, now: Entry, next: Option<Entry>) -> Option<Told> {
        let plan = Plan { now, next };
        Some(Told { teller, plan })
    }

    fn wanted(item: u32, begin: i64, from: i64) -> Option<Wanted> {
        let entry = entry(item, begin);
        Some(Wanted { entry, from })
    }

    #[test]
    fn what_was_announced_begins_at_its_tick_on_every_screen() {
        let mut part = Part::default();
        let now = entry(0, 1_000);
        part.turn(told(7, now, None), None, 1_010);
        assert_eq!(
            part.wanted(None, 1_010),
            wanted(0, 1_000, 0),
            "only just begun: from its beginning"
        );
        part.turn(told(7, now, Some(entry(1, 1_300))), None, 1_190);
        assert_eq!(part.wanted(Some(now), 1_180), None, "too early");
        assert_eq!(part.wanted(Some(now), 1_190), wanted(1, 1_300, 0));
        part.turn(told(7, now, Some(entry(1, 1_300))), None, 1_299);
        assert_eq!(part.due(), Some(now));
        part.turn(told(7, now, Some(entry(1, 1_300))), None, 1_300);
        assert_eq!(part.due(), Some(entry(1, 1_300)));
    }

    #[test]
    fn a_guess_of_what_follows_never_takes_the_turn_of_what_was_announced() {
        let mut part = Part::default();
        let (now, next) = (entry(0, 1_000), entry(1, 1_300));
        part.turn(told(7, now, Some(next)), None, 1_299);
        // The next item is open already, so that this screen looks for the one after it.
        part.turn(told(7, now, Some(next)), Some(entry(2, 1_300)), 1_300);
        assert_eq!((part.due(), part.next()), (Some(next), None));
    }

    #[test]
    fn the_list_wraps_round_by_each_screens_own_guess_when_the_leader_says_nothing_any_more() {
        let mut part = Part::default();
        let last = entry(2, 600);
        part.turn(told(7, last, None), None, 700);
        for tick in 701..900 {
            part.turn(told(7, last, None), Some(entry(0, 900)), tick);
            assert_eq!(part.due(), Some(last));
        }
        part.turn(told(7, last, None), Some(entry(0, 900)), 900);
        assert_eq!(part.due(), Some(entry(0, 900)));
        // What the leader said last doesn't bring back what was before …
        part.turn(told(7, last, None), None, 901);
        assert_eq!(part.due(), Some(entry(0, 900)));
        // … and who takes over says the same.
        part.turn(told(8, entry(0, 900), Some(entry(1, 1_000))), None, 902);
        assert_eq!((part.due(), part.next()), (Some(entry(0, 900)), Some(entry(1, 1_000))));
        part.turn(None, None, 903);
        assert_eq!(
            part.next(),
            Some(entry(1, 1_000)),
            "what was announced holds when this screen decides"
        );
    }

    #[test]
    fn who_comes_in_the_middle_joins_at_the_right_place_or_waits_for_the_next() {
        let mut part = Part::default();
        let (now, next) = (entry(3, 5_000), entry(4, 5_900));
        part.turn(told(7, now, Some(next)), None, 5_400);
        assert_eq!(part.wanted(None, 5_400), wanted(3, 5_000, 430));
        assert_eq!(
            part.wanted(None, 5_811),
            wanted(4, 5_900, 0),
            "less than three seconds are left"
        );
        // Something else plays, as after a cut network.
        assert_eq!(part.wanted(Some(entry(1, 5_100)), 5_400), wanted(3, 5_000, 430));
    }

    #[test]
    fn what_the_leader_could_not_open_is_followed_by_what_it_says_instead() {
        let mut part = Part::default();
        let (now, bad, good) = (entry(0, 0), entry(1, 300), entry(2, 330));
        part.turn(told(7, now, Some(bad)), None, 299);
        part.turn(told(7, now, Some(bad)), None, 300);
        assert_eq!(part.due(), Some(bad));
        part.turn(told(7, now, Some(good)), None, 310);
        assert_eq!((part.due(), part.next()), (Some(bad), Some(good)));
        part.turn(told(7, now, Some(good)), None, 330);
        assert_eq!(part.due(), Some(good));
        // The one who decides.
        let mut part = Part::default();
        part.begin(now);
        part.turn(None, Some(bad), 200);
        part.refuse(bad);
        part.turn(None, Some(good), 201);
        assert_eq!(part.next(), Some(good));
    }

    #[test]
    fn another_teller_is_followed_even_back() {
        let mut part = Part::default();
        part.begin(entry(0, 2_000));
        part.turn(None, Some(entry(1, 2_300)), 2_100);
        part.turn(told(9, entry(5, 1_900), None), None, 2_110);
        assert_eq!((part.due(), part.next()), (Some(entry(5, 1_900)), None));
    }
}
