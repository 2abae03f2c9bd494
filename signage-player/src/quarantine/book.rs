//! What is known of contents that failed: how often, why, and until when they are left alone. Pure: time is an argument.
//!
//! Invariant: crashes, stalls and errors are one count, which only a play to its end takes back. A content is known by
//! its file's name, which is its hash: other bytes under the same name in a playlist begin at nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};

/// After so many failures in a row a content is set aside …
pub const FAILURES: u32 = 3;
/// … for so long: what went wrong may have been the moment. Each further failure doubles it …
const FIRST_WAIT: Duration = Duration::from_secs(600);
/// … up to a day. What has taken the picture's process with it is left alone so long at once.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
/// Before the key of a live picture: it comes and goes without being another one, and is looked for again …
pub const LIVE: &str = "live-";
/// … so soon, however often it was away.
const LIVE_WAIT: Duration = Duration::from_secs(60);
/// A failure that lies further ahead was noted by a clock that was wrong: it sets nothing aside.
const AHEAD: Duration = Duration::from_secs(3600);
/// So many contents are remembered of each kind; what failed longest ago is forgotten first.
const KEPT: usize = 1024;

/// How a content has failed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// How often in a row.
    pub failures: u32,
    /// The last time, in words.
    pub fault: String,
    /// When that was.
    pub at: UnixMillis,
    /// Whether it was open when the process fell, at any of these times.
    pub is_deadly: bool,
    /// Whether it is a live picture.
    #[serde(default)]
    pub is_live: bool,
}

impl Record {
    /// Until when it is left alone; `None`: it has failed too seldom.
    #[must_use]
    pub fn aside_until(&self) -> Option<UnixMillis> {
        let further = self.failures.checked_sub(FAILURES)?;
        let wait = if self.is_deadly {
            LONGEST_WAIT
        } else if self.is_live {
            LIVE_WAIT
        } else {
            FIRST_WAIT
                .saturating_mul(2_u32.saturating_pow(further))
                .min(LONGEST_WAIT)
        };
        Some(self.at.plus(wait))
    }

    /// Whether it is left alone at `now`.
    #[must_use]
    pub fn is_aside(&self, now: UnixMillis) -> bool {
        self.aside_until().is_some_and(|until| now < until) && self.at.since(now) <= AHEAD
    }
}

/// All records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    #[serde(default)]
    failed: BTreeMap<String, Record>,
    /// What was once played to its end.
    #[serde(default)]
    proven: BTreeSet<String>,
}

impl Book {
    /// A content has failed. `is_deadly`: the process, or the machine, fell while it was open.
    pub fn fail(&mut self, key: &str, fault: &str, is_deadly: bool, now: UnixMillis) {
        let before = self.failed.remove(key);
        let record = Record {
            failures: before.as_ref().map_or(0, |it| it.failures).saturating_add(1),
            fault: fault.to_owned(),
            at: now,
            is_live: key.starts_with(LIVE),
            is_deadly: is_deadly || before.is_some_and(|it| it.is_deadly),
        };
        self.failed.insert(key.to_owned(), record);
        while self.failed.len() > KEPT {
            let oldest = self.failed.iter().min_by_key(|(_, record)| record.at);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            self.failed.remove(&oldest);
        }
    }

    /// A content was played to its end. Gives whether anything is known now that wasn't.
    pub fn played(&mut self, key: &str) -> bool {
        let had_failed = self.failed.remove(key).is_some();
        let is_new = !self.proven.contains(key);
        if is_new {
            self.proven.insert(key.to_owned());
            while self.proven.len() > KEPT {
                self.proven.pop_first();
            }
        }
        had_failed || is_new
    }

    /// How a content has failed; `None`: it hasn't, or has been played since.
    #[must_use]
    pub fn record(&self, key: &str) -> Option<&Record> {
        self.failed.get(key)
    }

    /// Whether a content was ever played to its end.
    #[must_use]
    pub fn is_proven(&self, key: &str) -> bool {
        self.proven.contains(key)
    }
}

/// How far an open content is. The later, the more it is suspected when the process falls: nearly all that kills a
/// decoder kills it while it is opened, and what stands ready isn't decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Its first picture is there, and it waits for its turn.
    Ready,
    /// It is on show.
    Playing,
    /// It is being opened, up to its first picture.
    Opening,
}

/// A content that is open.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Begun {
    /// Its file's name.
    pub key: String,
    /// How far it is.
    pub phase: Phase,
}

/// Whom to suspect when the process fell while these were open: those that were furthest in the order of [`Phase`].
#[must_use]
pub fn suspects(open: &[Begun]) -> BTreeSet<&str> {
    let worst = open.iter().map(|begun| begun.phase).max();
    let those = open.iter().filter(|begun| Some(begun.phase) == worst);
    those.map(|begun| begun.key.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> UnixMillis {
        UnixMillis(1_800_000_000_000 + seconds * 1000)
    }

    fn is_aside(book: &Book, key: &str, seconds: u64) -> bool {
        book.record(key).is_some_and(|record| record.is_aside(at(seconds)))
    }

    #[test]
    fn three_failures_of_any_kind_set_a_content_aside_and_a_play_takes_them_back() {
        let mut book = Book::default();
        book.fail("a", "no decoder", false, at(0));
        book.fail("a", "no new picture for 3 s", false, at(1));
        assert!(!is_aside(&book, "a", 2));
        assert!(book.played("a"), "it was the moment");
        for second in 0..3 {
            assert!(!is_aside(&book, "a", second));
            book.fail("a", "no decoder", false, at(second));
        }
        assert!(is_aside(&book, "a", 601) && !is_aside(&book, "a", 602));
        assert!(!is_aside(&book, "b", 3), "another hash is another content");
        book.fail("a", "no decoder", false, at(602));
        assert!(
            is_aside(&book, "a", 602 + 1199) && !is_aside(&book, "a", 602 + 1200),
            "twice as long"
        );
        (0..30).for_each(|_| book.fail("a", "no decoder", false, at(2000)));
        assert!(!is_aside(&book, "a", 2000 + 24 * 3600), "at most a day");
    }

    #[test]
    fn what_took_the_process_with_it_is_left_alone_for_a_day() {
        let mut book = Book::default();
        book.fail("a", "signal 6", true, at(0));
        book.fail("a", "no decoder", false, at(1));
        book.fail("a", "no decoder", false, at(2));
        assert!(is_aside(&book, "a", 2 + 24 * 3600 - 1) && !is_aside(&book, "a", 2 + 24 * 3600));
    }

    #[test]
    fn a_live_picture_is_looked_for_again_within_a_minute_however_often_it_was_away() {
        let mut book = Book::default();
        (0..50).for_each(|_| book.fail("live-a", "no answer", false, at(0)));
        assert!(is_aside(&book, "live-a", 59) && !is_aside(&book, "live-a", 60));
    }

    #[test]
    fn a_clock_that_was_wrong_sets_nothing_aside_for_years() {
        let mut book = Book::default();
        (0..3).for_each(|_| book.fail("a", "no decoder", false, at(400_000_000)));
        assert!(!is_aside(&book, "a", 0));
    }

    #[test]
    fn what_was_being_opened_is_suspected_first_then_what_was_on_show() {
        let begun = |key: &str, phase| Begun {
            key: key.to_owned(),
            phase,
        };
        let mut open = vec![begun("ready", Phase::Ready)];
        assert_eq!(suspects(&open), BTreeSet::from(["ready"]));
        open.extend([begun("film", Phase::Playing), begun("other", Phase::Playing)]);
        assert_eq!(suspects(&open), BTreeSet::from(["film", "other"]));
        open.extend([begun("new", Phase::Opening), begun("new", Phase::Opening)]);
        assert_eq!(suspects(&open), BTreeSet::from(["new"]));
        assert!(suspects(&[]).is_empty());
    }

    #[test]
    fn it_is_bounded_and_forgets_the_oldest() {
        let mut book = Book::default();
        for number in 0..=KEPT as u64 {
            book.fail(&number.to_string(), "no decoder", false, at(number));
            book.played(&format!("good-{number}"));
        }
        assert!(book.record("0").is_none() && book.record("1").is_some());
        assert_eq!((book.failed.len(), book.proven.len()), (KEPT, KEPT));
    }
}
