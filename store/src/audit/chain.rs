//! The chain itself: what an entry's hash is made of, and whether entries hang together. Pure.

use std::fmt;

use protocol::ids::OfficeId;
use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{Event, What};

/// A place in the chain: all up to this entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The entry's number, from 1; 0: before the first.
    pub seq: u64,
    /// When it was written.
    pub at: UnixMillis,
    /// Its hash: SHA-256 in hexadecimal digits.
    pub hash: String,
}

impl Anchor {
    /// Before an office's first entry. Its hash is the office's own, so that no chain passes for another office's.
    #[must_use]
    pub fn first(office: &OfficeId) -> Self {
        Self {
            seq: 0,
            at: UnixMillis(0),
            hash: hex(&Sha256::digest(format!("madoguchi audit 1\n{office}\n"))),
        }
    }
}

/// `SEQ:HASH`, to be kept elsewhere and compared later.
impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

/// What was done, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Its number: one more than the one before.
    pub seq: u64,
    /// When; never before the one before.
    pub at: UnixMillis,
    /// `staff/ID`, `resident/CONSULTATION`, `operator` or `system`.
    pub who: String,
    /// One of [`What`]'s words.
    pub what: String,
    /// An id.
    pub which: String,
    /// More, or nothing.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// The hash of the one before.
    pub previous: String,
    /// SHA-256 over all of the above.
    pub hash: String,
}

impl Entry {
    /// The entry that follows an anchor.
    #[must_use]
    pub fn after(head: &Anchor, event: &Event, now: UnixMillis) -> Self {
        let mut entry = Self {
            seq: head.seq + 1,
            // Servers' clocks differ by a little: the log's own never goes back.
            at: now.max(head.at),
            who: word(&event.who.word()),
            what: event.what.word().to_owned(),
            which: word(&event.which),
            detail: word(&event.detail),
            previous: head.hash.clone(),
            hash: String::new(),
        };
        entry.hash = entry.digest();
        entry
    }

    /// The hash that belongs to what the entry says: over the hash before, number, time (milliseconds since 1970), who,
    /// what, which and detail, each with a line feed behind it, which none of them can hold.
    #[must_use]
    pub fn digest(&self) -> String {
        let Self {
            seq,
            at,
            who,
            what,
            which,
            detail,
            previous,
            ..
        } = self;
        hex(&Sha256::digest(format!(
            "{previous}\n{seq}\n{}\n{who}\n{what}\n{which}\n{detail}\n",
            at.0
        )))
    }

    /// The place right behind it.
    #[must_use]
    pub fn anchor(&self) -> Anchor {
        Anchor {
            seq: self.seq,
            at: self.at,
            hash: self.hash.clone(),
        }
    }
}

/// What can stand in a line and a CSV field as it is: ids and words. Anything else becomes `_`.
fn word(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            'a'..='z' | 'A'..='Z' | '0'..='9' => c,
            '-' | '.' | ':' | ';' | '=' | '+' | '/' | '_' => c,
            _ => '_',
        })
        .collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Where the chain breaks.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("entry {seq}: {why}")]
pub struct Broken {
    /// The number that the entry has, or should have.
    pub seq: u64,
    /// What is wrong there.
    pub why: Why,
}

/// What is wrong with an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// Another number stands there: something was dropped, repeated or reordered.
    #[error("number {found} stands in its place")]
    Number {
        /// What stands there.
        found: u64,
    },
    /// It doesn't name the hash of the one before.
    #[error("it does not follow the entry before it")]
    Previous,
    /// What it says isn't what was written.
    #[error("its content was changed")]
    Content,
    /// It is older than the one before.
    #[error("it is older than the entry before it")]
    Time,
    /// The log begins behind entries whose dropping nothing in it tells of.
    #[error("the entries before it are gone, and nothing says that they were dropped in time")]
    Base,
    /// The chain ends before (or elsewhere than) where it is known to have been.
    #[error("it is missing or another one: the log was cut off, or is another log")]
    Head,
}

/// Looks at entries one after the other.
#[derive(Debug, Clone)]
pub struct Verifier {
    base: Anchor,
    head: Anchor,
    is_base_told: bool,
    /// What must be passed on the way.
    expected: Vec<Anchor>,
}

impl Verifier {
    /// Entries follow this place. `expected`: places that the chain is known to have had, such as its head, or one kept
    /// elsewhere.
    #[must_use]
    pub fn new(base: Anchor, expected: Vec<Anchor>) -> Self {
        let is_first = base.seq == 0;
        Self {
            expected: expected.into_iter().filter(|one| *one != base).collect(),
            head: base.clone(),
            base,
            is_base_told: is_first,
        }
    }

    /// For a part of a log, whose beginning is taken as it is.
    #[must_use]
    pub fn of_part(first: &Entry, expected: Vec<Anchor>) -> Self {
        let base = Anchor {
            seq: first.seq.saturating_sub(1),
            at: UnixMillis(0),
            hash: first.previous.clone(),
        };
        let mut verifier = Self::new(base, expected);
        verifier.is_base_told = true;
        verifier
    }

    /// The next entry.
    ///
    /// # Errors
    /// [`Broken`]: it isn't the one that was written there.
    pub fn take(&mut self, entry: &Entry) -> Result<(), Broken> {
        let seq = self.head.seq + 1;
        let broken = |why| Err(Broken { seq, why });
        if entry.seq != seq {
            return broken(Why::Number { found: entry.seq });
        }
        if entry.previous != self.head.hash {
            return broken(Why::Previous);
        }
        if entry.hash != entry.digest() {
            return broken(Why::Content);
        }
        if entry.at < self.head.at {
            return broken(Why::Time);
        }
        self.head = entry.anchor();
        if let Some(known) = self.expected.iter().find(|known| known.seq == seq)
            && known.hash != entry.hash
        {
            return broken(Why::Head);
        }
        self.expected.retain(|known| known.seq != seq);
        let tells_base = entry.what == What::AuditTrimmed.word()
            && entry.which == self.base.seq.to_string()
            && entry.detail == self.base.hash;
        self.is_base_told |= tells_base;
        Ok(())
    }

    /// All entries were looked at. Returns the chain's end.
    ///
    /// # Errors
    /// [`Broken`]: it doesn't reach what it is known to have reached, or its beginning was dropped by nobody.
    pub fn finish(self) -> Result<Anchor, Broken> {
        if !self.is_base_told {
            return Err(Broken {
                seq: self.base.seq,
                why: Why::Base,
            });
        }
        // What is older than the log's beginning can't be looked up any more.
        let missing = self.expected.iter().find(|known| known.seq > self.base.seq);
        match missing {
            Some(known) => Err(Broken {
                seq: known.seq,
                why: Why::Head,
            }),
            None => Ok(self.head),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Who;
    use super::*;

    fn office() -> OfficeId {
        OfficeId::new("minami").expect("valid")
    }

    fn written(count: u64) -> Vec<Entry> {
        let mut head = Anchor::first(&office());
        (1..=count)
            .map(|n| {
                let event = Event::new(Who::Operator, What::LoggedIn, format!("number-{n}"));
                let entry = Entry::after(&head, &event, UnixMillis(1_800_000_000_000 + n));
                head = entry.anchor();
                entry
            })
            .collect()
    }

    fn verified(entries: &[Entry], expected: Vec<Anchor>) -> Result<Anchor, Broken> {
        let mut verifier = Verifier::new(Anchor::first(&office()), expected);
        entries.iter().try_for_each(|entry| verifier.take(entry))?;
        verifier.finish()
    }

    #[test]
    fn an_untouched_chain_holds() {
        let entries = written(5);
        let head = entries[4].anchor();
        assert_eq!(verified(&entries, vec![head.clone()]), Ok(head));
        assert_eq!(verified(&[], vec![]), Ok(Anchor::first(&office())));
    }

    #[test]
    fn the_hash_is_over_what_the_documentation_says() {
        let first = Anchor::first(&office());
        let event = Event::new(Who::System, What::LoggedOut, "x").with("y");
        let entry = Entry::after(&first, &event, UnixMillis(7));
        let text = format!("{}\n1\n7\nsystem\nlogout\nx\ny\n", first.hash);
        assert_eq!(entry.hash, hex(&Sha256::digest(text)));
    }

    #[test]
    fn every_change_of_every_field_is_found_where_it_is() {
        type Change = fn(&mut Entry);
        let changes: [Change; 6] = [
            |entry| entry.at = UnixMillis(entry.at.0 + 1),
            |entry| entry.who = "staff/other".to_owned(),
            |entry| entry.what = "logout".to_owned(),
            |entry| entry.which = "number-9".to_owned(),
            |entry| entry.detail = "more".to_owned(),
            |entry| entry.hash = "0".repeat(64),
        ];
        for change in changes {
            let mut entries = written(5);
            change(&mut entries[2]);
            let broken = verified(&entries, vec![]).expect_err("changed");
            assert_eq!((broken.seq, broken.why), (3, Why::Content));
        }
        // Who makes the hash anew is found at the next one.
        let mut entries = written(5);
        entries[2].who = "staff/other".to_owned();
        entries[2].hash = entries[2].digest();
        let broken = verified(&entries, vec![]).expect_err("changed");
        assert_eq!((broken.seq, broken.why), (4, Why::Previous));
    }

    #[test]
    fn what_is_dropped_repeated_reordered_or_cut_off_is_found() {
        let whole = written(5);
        let head = whole[4].anchor();
        let without: Vec<Entry> = whole.iter().filter(|entry| entry.seq != 3).cloned().collect();
        let broken = verified(&without, vec![]).expect_err("dropped");
        assert_eq!((broken.seq, broken.why), (3, Why::Number { found: 4 }));
        let mut swapped = whole.clone();
        swapped.swap(1, 2);
        assert_eq!(verified(&swapped, vec![]).expect_err("reordered").seq, 2);
        let mut twice = whole.clone();
        twice.insert(2, whole[1].clone());
        assert_eq!(verified(&twice, vec![]).expect_err("repeated").seq, 3);
        // A chain that was cut off holds by itself: only its head, kept elsewhere, tells.
        assert!(verified(&whole[..3], vec![]).is_ok());
        let broken = verified(&whole[..3], vec![head.clone()]).expect_err("cut off");
        assert_eq!((broken.seq, broken.why), (5, Why::Head));
        // So does one that was written anew from some place on.
        let mut head_now = whole[2].anchor();
        let mut anew = whole[..3].to_vec();
        for _ in 0..2 {
            let event = Event::new(Who::Operator, What::LoggedIn, "another");
            anew.push(Entry::after(&head_now, &event, head_now.at));
            head_now = anew[anew.len() - 1].anchor();
        }
        assert!(verified(&anew, vec![]).is_ok());
        assert_eq!(verified(&anew, vec![head]).expect_err("written anew").why, Why::Head);
    }

    #[test]
    fn a_beginning_must_be_told_in_the_chain_itself() {
        let mut entries = written(5);
        let base = entries[1].anchor();
        let told = Event::new(Who::System, What::AuditTrimmed, base.seq).with(&base.hash);
        let trimmed = Entry::after(&entries[4].anchor(), &told, UnixMillis(1_900_000_000_000));
        let rest = |entries: &[Entry]| {
            let mut verifier = Verifier::new(base.clone(), vec![]);
            entries[2..].iter().try_for_each(|entry| verifier.take(entry))?;
            verifier.finish()
        };
        assert_eq!(rest(&entries).expect_err("told by nobody").why, Why::Base);
        entries.push(trimmed);
        assert!(rest(&entries).is_ok());
    }

    #[test]
    fn another_offices_chain_is_not_ours() {
        let kita = OfficeId::new("kita").expect("valid");
        let mut verifier = Verifier::new(Anchor::first(&kita), vec![]);
        assert_eq!(verifier.take(&written(1)[0]).expect_err("another").why, Why::Previous);
    }

    #[test]
    fn a_word_can_hold_neither_a_name_nor_the_end_of_a_line() {
        let event = Event::new(Who::Operator, What::LoggedIn, "花子\n2,\"x\"").with("a b");
        let entry = Entry::after(&Anchor::first(&office()), &event, UnixMillis(1));
        assert_eq!((entry.which.as_str(), entry.detail.as_str()), ("___2__x_", "a_b"));
    }
}
