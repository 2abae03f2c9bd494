//! What happened, kept on the disk until the server has it: what was shown, and what faults came and went.
//!
//! Invariant: an entry is there after a kill, in order; there are at most as many as were said. On a disk that can't be written it
//! is kept in memory. (Written without a sync, to spare memory cards: a power cut may lose the last half minute.)

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// So many plays are kept: a day of items of ten seconds. When full, the oldest is lost.
pub const PLAYS: usize = 8192;
/// So many comings and goings of faults are kept: one of each every three minutes for a day. When full, the oldest is lost.
pub const CHANGES: usize = 1024;

/// A file larger than this is not read, in bytes.
const MAX_FILE: u64 = 32 << 20;

/// The entries that nobody took yet, each a line of JSON.
#[derive(Debug)]
pub struct Journal<T> {
    file: PathBuf,
    /// At most so many are kept.
    most: usize,
    entries: VecDeque<T>,
    /// Lines in the file; none: the file must be written anew first.
    lines: Option<usize>,
}

impl<T: Clone + PartialEq + Serialize + DeserializeOwned> Journal<T> {
    /// Opens a journal's file of at most so many entries, or begins one. What can't be read of it is left out.
    #[must_use]
    pub fn open(file: &Path, most: usize) -> Self {
        let is_small = fs::metadata(file).is_ok_and(|about| about.len() <= MAX_FILE);
        let text = if is_small { fs::read(file) } else { Ok(Vec::new()) };
        let text = text.unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let count = lines.clone().count();
        let mut entries: VecDeque<T> = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        while entries.len() > most {
            entries.pop_front();
        }
        // A kill may have cut the last line.
        let is_whole = text.last() == Some(&b'\n');
        Self {
            file: file.to_owned(),
            most,
            entries,
            lines: is_whole.then_some(count),
        }
    }

    /// Notes one more. One that is among the last already, as it was said twice, isn't noted again.
    pub fn add(&mut self, entry: T) {
        /// The picture's process says again at most what it held when the agent's died.
        const LOOKED_AT: usize = 512;

        if self.entries.iter().rev().take(LOOKED_AT).any(|it| *it == entry) {
            return;
        }
        self.entries.push_back(entry);
        if self.entries.len() > self.most {
            self.entries.pop_front();
        }
        if let Err(error) = self.write_last() {
            tracing::debug!("{}: {error}: kept in memory", self.file.display());
            self.lines = None;
        }
    }

    /// The oldest, at most `most`.
    #[must_use]
    pub fn oldest(&self, most: usize) -> Vec<T> {
        self.entries.iter().take(most).cloned().collect()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Somebody has these, which were the oldest.
    pub fn taken(&mut self, taken: &[T]) {
        if taken.is_empty() {
            // Memory cards last longer when nothing is written for nothing.
            return;
        }
        // Some may have gone since then, as there was no room.
        for entry in taken {
            if self.entries.front() == Some(entry) {
                self.entries.pop_front();
            }
        }
        if let Err(error) = self.write_all() {
            tracing::debug!("{}: {error}: kept in memory", self.file.display());
            self.lines = None;
        }
    }

    fn write_last(&mut self) -> io::Result<()> {
        let (Some(lines), Some(entry)) = (self.lines.filter(|lines| *lines < 2 * self.most), self.entries.back())
        else {
            return self.write_all();
        };
        let mut line = serde_json::to_vec(entry)?;
        line.push(b'\n');
        fs::File::options().append(true).open(&self.file)?.write_all(&line)?;
        self.lines = Some(lines + 1);
        Ok(())
    }

    fn write_all(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        for entry in &self.entries {
            serde_json::to_writer(&mut bytes, entry)?;
            bytes.push(b'\n');
        }
        runtime::write_file(&self.file, &bytes, false)?;
        self.lines = Some(self.entries.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use protocol::screen::report::Play;
    use protocol::time::UnixMillis;

    use super::*;

    fn play(at: u64) -> Play {
        Play {
            from: UnixMillis(at),
            shown_ms: 8_000,
            layout: "lobby".into(),
            page: "home".into(),
            zone: "main".into(),
            content: "a.png".into(),
            sha256: "0".repeat(64),
            is_whole: true,
        }
    }

    fn times(journal: &Journal<Play>) -> Vec<u64> {
        journal.oldest(usize::MAX).iter().map(|play| play.from.0).collect()
    }

    #[test]
    fn plays_outlive_the_program_in_order_until_somebody_has_them() {
        let dir = tempfile::tempdir().expect("temp");
        let file = dir.path().join("plays.jsonl");
        let mut journal = Journal::open(&file, PLAYS);
        for at in [1, 2, 2, 3] {
            journal.add(play(at));
        }
        let mut again = Journal::open(&file, PLAYS);
        assert_eq!(times(&again), [1, 2, 3], "what was said twice is there once");
        again.taken(&[play(1), play(2)]);
        assert_eq!(times(&again), [3]);
        assert_eq!(times(&Journal::open(&file, PLAYS)), [3]);
    }

    #[test]
    fn a_cut_at_any_byte_loses_no_more_than_the_last_one() {
        let dir = tempfile::tempdir().expect("temp");
        let file = dir.path().join("plays.jsonl");
        let mut journal = Journal::open(&file, PLAYS);
        journal.add(play(1));
        let first = fs::read(&file).expect("there").len();
        journal.add(play(2));
        let whole = fs::read(&file).expect("there");
        for cut in 0..whole.len() {
            fs::write(&file, &whole[..cut]).expect("written");
            let mut cut_off = Journal::open(&file, PLAYS);
            let found = times(&cut_off);
            let expected: &[u64] = if cut >= first { &[1] } else { &[] };
            assert!(found.starts_with(expected), "cut at {cut}: {found:?}");
            cut_off.add(play(9));
            assert_eq!(
                times(&Journal::open(&file, PLAYS)),
                [found, vec![9]].concat(),
                "cut at {cut}"
            );
        }
    }

    #[test]
    fn it_is_bounded_and_needs_no_disk() {
        let mut journal = Journal::open(Path::new("/proc/nowhere/plays.jsonl"), PLAYS);
        let kept = PLAYS as u64;
        (1..=kept + 3).for_each(|at| journal.add(play(at)));
        assert_eq!((journal.count(), journal.oldest(1)[0].from.0), (PLAYS, 4));
        // The first two were lost while they were on their way.
        journal.taken(&[play(2), play(3), play(4)]);
        assert_eq!(journal.oldest(1)[0].from.0, 5);
    }
}
