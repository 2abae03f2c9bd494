//! What was shown, kept on the disk until the server has it.
//!
//! Invariant: an entry is there after a kill, in order; there are at most [`KEPT`]. On a disk that can't be written it
//! is kept in memory. (Written without a sync, to spare memory cards: a power cut may lose the last half minute.)

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use protocol::screen::report::Play;

/// So many are kept: a day of items of ten seconds. When full, the oldest is lost.
pub const KEPT: usize = 8192;

/// A file larger than this is not read, in bytes.
const MAX_FILE: u64 = 32 << 20;

/// The plays that nobody took yet.
#[derive(Debug)]
pub struct Journal {
    file: PathBuf,
    plays: VecDeque<Play>,
    /// Lines in the file; none: the file must be written anew first.
    lines: Option<usize>,
}

impl Journal {
    /// Opens a journal's file, or begins one. What can't be read of it is left out.
    #[must_use]
    pub fn open(file: &Path) -> Self {
        let is_small = fs::metadata(file).is_ok_and(|about| about.len() <= MAX_FILE);
        let text = if is_small { fs::read(file) } else { Ok(Vec::new()) };
        let text = text.unwrap_or_default();
        let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let count = lines.clone().count();
        let mut plays: VecDeque<Play> = lines.filter_map(|line| serde_json::from_slice(line).ok()).collect();
        while plays.len() > KEPT {
            plays.pop_front();
        }
        // A kill may have cut the last line.
        let is_whole = text.last() == Some(&b'\n');
        Self {
            file: file.to_owned(),
            plays,
            lines: is_whole.then_some(count),
        }
    }

    /// Notes one more. One that is among the last already, as it was said twice, isn't noted again.
    pub fn add(&mut self, play: Play) {
        /// The picture's process says again at most what it held when the agent's died.
        const LOOKED_AT: usize = 512;

        if self.plays.iter().rev().take(LOOKED_AT).any(|it| *it == play) {
            return;
        }
        self.plays.push_back(play);
        if self.plays.len() > KEPT {
            self.plays.pop_front();
        }
        if let Err(error) = self.write_last() {
            tracing::debug!("{}: {error}: kept in memory", self.file.display());
            self.lines = None;
        }
    }

    /// The oldest, at most `most`.
    #[must_use]
    pub fn oldest(&self, most: usize) -> Vec<Play> {
        self.plays.iter().take(most).cloned().collect()
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.plays.len()
    }

    /// Somebody has these, which were the oldest.
    pub fn taken(&mut self, plays: &[Play]) {
        if plays.is_empty() {
            // Memory cards last longer when nothing is written for nothing.
            return;
        }
        // Some may have gone since then, as there was no room.
        for play in plays {
            if self.plays.front() == Some(play) {
                self.plays.pop_front();
            }
        }
        if let Err(error) = self.write_all() {
            tracing::debug!("{}: {error}: kept in memory", self.file.display());
            self.lines = None;
        }
    }

    fn write_last(&mut self) -> io::Result<()> {
        let (Some(lines), Some(play)) = (self.lines.filter(|lines| *lines < 2 * KEPT), self.plays.back()) else {
            return self.write_all();
        };
        let mut line = serde_json::to_vec(play)?;
        line.push(b'\n');
        fs::File::options().append(true).open(&self.file)?.write_all(&line)?;
        self.lines = Some(lines + 1);
        Ok(())
    }

    fn write_all(&mut self) -> io::Result<()> {
        let mut bytes = Vec::new();
        for play in &self.plays {
            serde_json::to_writer(&mut bytes, play)?;
            bytes.push(b'\n');
        }
        runtime::write_file(&self.file, &bytes, false)?;
        self.lines = Some(self.plays.len());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
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

    fn times(journal: &Journal) -> Vec<u64> {
        journal.oldest(usize::MAX).iter().map(|play| play.from.0).collect()
    }

    #[test]
    fn plays_outlive_the_program_in_order_until_somebody_has_them() {
        let dir = tempfile::tempdir().expect("temp");
        let file = dir.path().join("plays.jsonl");
        let mut journal = Journal::open(&file);
        for at in [1, 2, 2, 3] {
            journal.add(play(at));
        }
        let mut again = Journal::open(&file);
        assert_eq!(times(&again), [1, 2, 3], "what was said twice is there once");
        again.taken(&[play(1), play(2)]);
        assert_eq!(times(&again), [3]);
        assert_eq!(times(&Journal::open(&file)), [3]);
    }

    #[test]
    fn a_cut_at_any_byte_loses_no_more_than_the_last_one() {
        let dir = tempfile::tempdir().expect("temp");
        let file = dir.path().join("plays.jsonl");
        let mut journal = Journal::open(&file);
        journal.add(play(1));
        let first = fs::read(&file).expect("there").len();
        journal.add(play(2));
        let whole = fs::read(&file).expect("there");
        for cut in 0..whole.len() {
            fs::write(&file, &whole[..cut]).expect("written");
            let mut cut_off = Journal::open(&file);
            let found = times(&cut_off);
            let expected: &[u64] = if cut >= first { &[1] } else { &[] };
            assert!(found.starts_with(expected), "cut at {cut}: {found:?}");
            cut_off.add(play(9));
            assert_eq!(times(&Journal::open(&file)), [found, vec![9]].concat(), "cut at {cut}");
        }
    }

    #[test]
    fn it_is_bounded_and_needs_no_disk() {
        let mut journal = Journal::open(Path::new("/proc/nowhere/plays.jsonl"));
        let kept = KEPT as u64;
        (1..=kept + 3).for_each(|at| journal.add(play(at)));
        assert_eq!((journal.count(), journal.oldest(1)[0].from.0), (KEPT, 4));
        // The first two were lost while they were on their way.
        journal.taken(&[play(2), play(3), play(4)]);
        assert_eq!(journal.oldest(1)[0].from.0, 5);
    }
}
