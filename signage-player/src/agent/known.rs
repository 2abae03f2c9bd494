//! What is wrong now and since when, and what of it came and went.
//!
//! Invariant: every fault that came is told as come once, and as gone once, also when the agent ended in between: what is
//! known lies on the disk. On a disk that can't be written it is known until the agent ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use protocol::screen::report::{Change, Fault, FaultKind};
use protocol::time::UnixMillis;

use super::short;

/// A file larger than this is not read, in bytes.
const MAX_FILE: u64 = 1 << 20;

/// What is known to be wrong.
#[derive(Debug)]
pub struct Known {
    file: PathBuf,
    /// By the words in which they are told.
    faults: BTreeMap<String, Fault>,
    /// Of these, what an agent before this one knew and nobody has told this one yet.
    from_before: BTreeSet<String>,
}

impl Known {
    /// What an agent before this one knew. What can't be read of it is forgotten.
    #[must_use]
    pub fn open(file: &Path) -> Self {
        let is_small = fs::metadata(file).is_ok_and(|about| about.len() <= MAX_FILE);
        let bytes = is_small.then(|| fs::read(file).ok()).flatten().unwrap_or_default();
        let faults: BTreeMap<String, Fault> = serde_json::from_slice(&bytes).unwrap_or_default();
        Self {
            file: file.to_owned(),
            from_before: faults.keys().cloned().collect(),
            faults,
        }
    }

    /// All faults of now, the newest first.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        let mut faults: Vec<Fault> = self.faults.values().cloned().collect();
        faults.sort_by_key(|fault| std::cmp::Reverse(fault.since));
        faults
    }

    /// Takes what is told to be wrong at `now`, all of it, and says what came and went. `has_settled`: whoever tells has had
    /// time to find out; until then what was known before counts as still there.
    pub fn note(&mut self, told: &BTreeMap<String, FaultKind>, now: UnixMillis, has_settled: bool) -> Vec<Change> {
        if has_settled {
            self.from_before.clear();
        } else {
            self.from_before.retain(|text| !told.contains_key(text));
        }
        let mut changes = Vec::new();
        let from_before = &self.from_before;
        self.faults.retain(|text, fault| {
            let is_there = told.contains_key(text) || from_before.contains(text);
            if !is_there {
                changes.push(change(fault, Some(now)));
            }
            is_there
        });
        for (text, kind) in told {
            if !self.faults.contains_key(text) {
                let fault = fault_of(text, *kind, now);
                changes.push(change(&fault, None));
                self.faults.insert(text.clone(), fault);
            }
        }
        if !changes.is_empty()
            && let Err(error) = self.write()
        {
            tracing::debug!("{}: {error}: known until the agent ends", self.file.display());
        }
        changes
    }

    fn write(&self) -> std::io::Result<()> {
        runtime::write_file(&self.file, &serde_json::to_vec(&self.faults)?, false)
    }
}

fn change(fault: &Fault, until: Option<UnixMillis>) -> Change {
    Change {
        kind: fault.kind,
        about: fault.about.clone(),
        what: fault.what.clone(),
        since: fault.since,
        until,
    }
}

/// `a.png: why` as a fault; of others, the screen itself is at fault.
fn fault_of(text: &str, kind: FaultKind, since: UnixMillis) -> Fault {
    let (about, what) = text.split_once(": ").unwrap_or(("screen", text));
    Fault {
        kind,
        about: short(about),
        what: short(what),
        since,
        count: 1,
    }
}

#[cfg(test)]
mod tests {
    use protocol::screen::report::MAX_FIELD;

    use super::*;

    fn told(texts: &[&str]) -> BTreeMap<String, FaultKind> {
        texts.iter().map(|text| ((*text).to_owned(), FaultKind::Item)).collect()
    }

    fn words(changes: &[Change]) -> Vec<(&str, u64, Option<u64>)> {
        changes
            .iter()
            .map(|it| (it.about.as_str(), it.since.0, it.until.map(|until| until.0)))
            .collect()
    }

    #[test]
    fn each_fault_comes_once_and_goes_once_with_both_times() {
        let dir = tempfile::tempdir().expect("temp");
        let mut known = Known::open(&dir.path().join("faults.json"));
        let at = UnixMillis;
        let changes = known.note(&told(&["a.png: empty"]), at(1), false);
        assert_eq!(words(&changes), [("a.png", 1, None)]);
        assert_eq!(known.note(&told(&["a.png: empty"]), at(2), false), []);
        let changes = known.note(&told(&["b.png: cut"]), at(3), true);
        assert_eq!(words(&changes), [("a.png", 1, Some(3)), ("b.png", 3, None)]);
        assert_eq!(known.faults()[0].what, "cut");
    }

    #[test]
    fn what_went_while_the_agent_was_away_is_told_as_gone_and_what_stayed_keeps_its_time() {
        let dir = tempfile::tempdir().expect("temp");
        let file = dir.path().join("faults.json");
        let at = UnixMillis;
        Known::open(&file).note(&told(&["a.png: empty", "b.png: cut"]), at(1), true);
        let mut again = Known::open(&file);
        // Nobody has had time to tell anything.
        assert_eq!(again.note(&told(&[]), at(10), false), []);
        assert_eq!(again.note(&told(&["b.png: cut"]), at(11), false), []);
        let changes = again.note(&told(&["b.png: cut"]), at(20), true);
        assert_eq!(words(&changes), [("a.png", 1, Some(20))]);
        assert_eq!(again.faults()[0].since, at(1));
        // What was told anew and goes is gone at once.
        let mut third = Known::open(&file);
        third.note(&told(&["b.png: cut"]), at(30), false);
        assert_eq!(words(&third.note(&told(&[]), at(31), false)), [("b.png", 1, Some(31))]);
        fs::write(&file, "{\"b.png").expect("written");
        assert_eq!(Known::open(&file).faults(), [], "what can't be read is forgotten");
    }

    #[test]
    fn a_fault_names_its_item_and_fits_its_field() {
        let fault = fault_of("b.png: the file is empty", FaultKind::Item, UnixMillis(7));
        assert_eq!(
            (fault.about.as_str(), fault.what.as_str()),
            ("b.png", "the file is empty")
        );
        let long = fault_of(&"窓".repeat(1000), FaultKind::Other, UnixMillis(7));
        assert_eq!(long.about, "screen");
        assert!(long.what.len() <= MAX_FIELD && long.what.len() > MAX_FIELD - 3);
    }
}
