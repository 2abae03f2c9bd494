//! Which of a playlist's items comes next: of what its schedule says, the first that is here and isn't set aside.

use std::path::PathBuf;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use protocol::screen::{Item as Listed, is_sha256};
use protocol::time::UnixMillis;

use super::Lists;
use crate::event::Library;
use crate::item::Fault;
use crate::quarantine::{Case, Quarantine, key_of, key_of_live};
use crate::schedule::{Due, Schedule};

/// A playlist's items, and whose turn it is.
pub(super) struct Choice {
    /// All items: first its own, then those of its programmes.
    items: Vec<Listed>,
    schedule: Schedule,
    due: Due,
    /// The minute for which `due` holds, since 1970; `None` within: without a clock.
    due_at: Option<Option<u64>>,
    /// Each item's file by its name, as it was when it was looked for last: in the cache, the content's hash.
    keys: Vec<Option<String>>,
    /// Which have been on show, and haven't failed since.
    good: Vec<bool>,
    /// Where the search for the next item begins.
    cursor: usize,
    quarantine: Quarantine,
}

impl Choice {
    pub(super) fn new(lists: Lists, quarantine: Quarantine) -> Self {
        let (schedule, items) = Schedule::new(lists.items, lists.programmes, &lists.closed);
        Self {
            keys: items.iter().map(|_| None).collect(),
            good: vec![false; items.len()],
            items,
            schedule,
            due: Due::default(),
            due_at: None,
            cursor: 0,
            quarantine,
        }
    }

    pub(super) fn items(&self) -> &[Listed] {
        &self.items
    }

    /// Looks what is to be shown at this minute; `None`: nobody knows the time. Gives whether that is something else than before.
    pub(super) fn look_at_the_clock(
        &mut self,
        time: Option<UnixMillis>,
        civil: impl Fn(UnixMillis) -> DateTime,
    ) -> bool {
        let minute = Some(time.map(|time| time.0 / 60_000));
        if self.due_at == minute {
            return false;
        }
        self.due_at = minute;
        let due = self.schedule.due(time.map(civil));
        std::mem::replace(&mut self.due, due.clone()) != due
    }

    /// Whether it may be shown now, in whichever list.
    pub(super) fn is_due(&self, index: usize) -> bool {
        self.due.has(index)
    }

    /// In which of the lists that are on it is, from the most important one on.
    pub(super) fn level(&self, index: usize) -> Option<usize> {
        self.due.level(index)
    }

    /// Whether `next` comes before the end of what runs: whose time is over, or which is of a less important list.
    pub(super) fn goes_before(&self, next: usize, running: Option<usize>) -> bool {
        let Some(running) = running else { return true };
        match (self.level(running), self.level(next)) {
            (Some(now), Some(next)) => next < now,
            (now, _) => now.is_none(),
        }
    }

    /// The next item, of the most important list that has one which can be played.
    pub(super) fn next(&mut self, now: UnixMillis, library: &Library) -> Option<usize> {
        self.first(now, library, |_, _| true)
    }

    /// The same besides those, and of those that didn't fail last time.
    pub(super) fn next_sound(&mut self, now: UnixMillis, library: &Library, besides: &[usize]) -> Option<usize> {
        self.first(now, library, |choice, index| {
            !besides.contains(&index) && !choice.has_failed(index)
        })
    }

    /// The next one that has been on show here before.
    pub(super) fn again(&mut self, now: UnixMillis, library: &Library) -> Option<usize> {
        self.first(now, library, |choice, index| choice.good[index])
    }

    fn first(&mut self, now: UnixMillis, library: &Library, is_wanted: impl Fn(&Self, usize) -> bool) -> Option<usize> {
        let count = self.items.len();
        for level in 0..self.due.levels.len() {
            let mut turns = self.due.levels[level].clone();
            turns.sort_by_key(|index| (index + count - self.cursor) % count);
            for index in turns {
                if is_wanted(self, index) && self.is_playable(index, now, library) {
                    return Some(index);
                }
            }
        }
        None
    }

    /// It is on show.
    pub(super) fn plays(&mut self, index: usize) {
        self.good[index] = true;
    }

    /// The search goes on at this item; at the one after it, once it is `taken`.
    pub(super) fn go_on_at(&mut self, index: usize, taken: bool) {
        self.cursor = (index + usize::from(taken)) % self.items.len().max(1);
    }

    /// An item's file, where it has one, and how it has done until now; `None`: its file isn't here.
    pub(super) fn find(&mut self, index: usize, library: &Library) -> Option<(Option<PathBuf>, Case)> {
        let item = &self.items[index];
        let path = item.content().and_then(|content| library.get(content));
        let key = match (item, path) {
            (Listed::Live { url, .. }, _) => key_of_live(url),
            (_, Some(path)) => key_of(path),
            (_, None) => return None,
        };
        let key = self.keys[index].insert(key);
        Some((path.cloned(), self.quarantine.case(key)))
    }

    /// Whether an item is there, and not set aside.
    pub(super) fn is_playable(&mut self, index: usize, now: UnixMillis, library: &Library) -> bool {
        index < self.items.len() && self.find(index, library).is_some() && !self.is_aside(index, now)
    }

    /// Whether it has failed too often.
    fn is_aside(&self, index: usize, now: UnixMillis) -> bool {
        let key = self.keys[index].as_ref();
        key.is_some_and(|key| self.quarantine.is_aside(key, now))
    }

    /// Whether it has failed since it was played last.
    fn has_failed(&self, index: usize) -> bool {
        let key = self.keys[index].as_ref();
        key.is_some_and(|key| self.quarantine.record(key).is_some())
    }

    /// Whether all that is due has failed too often.
    pub(super) fn is_hopeless(&self, now: UnixMillis) -> bool {
        let mut due = self.due.levels.iter().flatten();
        due.all(|index| self.is_aside(*index, now))
    }

    /// How an item's turn went.
    pub(super) fn note(&mut self, index: usize, result: Result<(), Fault>, now: UnixMillis) {
        self.good[index] &= result.is_ok();
        let Some(key) = &self.keys[index] else { return };
        match result {
            Ok(()) => self.quarantine.played(key),
            Err(fault) => {
                tracing::warn!(content = self.items[index].name(), "couldn't be played: {fault}");
                self.quarantine.failed(key, &fault, now);
            }
        }
    }

    /// The hash of an item's file, where it is in the cache.
    pub(super) fn sha256(&self, index: usize) -> Option<&str> {
        self.keys[index].as_deref().filter(|key| is_sha256(key))
    }

    /// What isn't as it was meant, in words.
    pub(super) fn faults(&self, now: UnixMillis, time_zone: &TimeZone) -> Vec<String> {
        let of_items = (0..self.items.len()).filter_map(|index| self.fault(index, now, time_zone));
        self.due.faults.iter().cloned().chain(of_items).collect()
    }

    fn fault(&self, index: usize, now: UnixMillis, time_zone: &TimeZone) -> Option<String> {
        let key = self.keys[index].as_ref()?;
        let record = self.quarantine.record(key)?;
        let name = self.items[index].name();
        let fault = &record.fault;
        let until = record.aside_until().filter(|_| record.is_aside(now));
        let until = until.and_then(|until| jiff::Timestamp::from_millisecond(i64::try_from(until.0).ok()?).ok());
        let times = record.failures;
        Some(match until {
            None if self.quarantine.hangs(key) => {
                format!(
                    "{name}: {fault}; it has failed {times} times in a row and is set aside for as long as its decoder hangs"
                )
            }
            None => format!("{name}: {fault}"),
            Some(until) => {
                let until = until.to_zoned(time_zone.clone()).strftime("%Y-%m-%d %H:%M");
                format!("{name}: {fault}; it has failed {times} times in a row and is set aside until {until}")
            }
        })
    }
}
