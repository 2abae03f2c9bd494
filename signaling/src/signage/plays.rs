//! Proof of play on the disk: one file a screen and day, one line of JSON a play, only ever added to.
//!
//! Invariant: what was answered as kept is on the disk; a play that came twice is given once.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use protocol::config::Config;
use protocol::ids::ScreenId;
use protocol::screen::report::Play;
use protocol::time::UnixMillis;

/// The largest file, in bytes: a play every third of a second for a day. Full: a report with more is refused.
const DAY: u64 = 64 * 1024 * 1024;
/// Days that are kept.
const KEPT_DAYS: i64 = 400;

/// What became of plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kept {
    Done,
    /// The day's file is full.
    TooMany,
}

/// The files.
#[derive(Debug)]
pub(crate) struct Plays {
    folder: PathBuf,
    zone: TimeZone,
    /// One writes at a time: a line is never inside another.
    writing: Mutex<()>,
}

impl Plays {
    /// Nothing is made yet.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            folder: config.paths.run.join("plays"),
            // The configuration's check has found it.
            zone: TimeZone::get(&config.office.time_zone).unwrap_or(TimeZone::UTC),
            writing: Mutex::new(()),
        }
    }

    /// The office's day of a time.
    fn day_of(&self, at: UnixMillis) -> Date {
        let millis = i64::try_from(at.0).unwrap_or(i64::MAX);
        let time = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
        time.to_zoned(self.zone.clone()).date()
    }

    fn file(&self, screen: &ScreenId, day: Date) -> PathBuf {
        self.folder.join(screen.as_str()).join(format!("{day}.jsonl"))
    }

    /// Keeps plays: when this returns they are on the disk. Blocks.
    ///
    /// # Errors
    /// When the disk doesn't take them; some may have been taken, which is no harm.
    pub(super) fn keep(&self, screen: &ScreenId, plays: &[Play]) -> io::Result<Kept> {
        let mut of_day: BTreeMap<Date, Vec<u8>> = BTreeMap::new();
        for play in plays {
            let lines = of_day.entry(self.day_of(play.from)).or_default();
            serde_json::to_writer(&mut *lines, play)?;
            lines.push(b'\n');
        }
        let _writing = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let folder = self.folder.join(screen.as_str());
        fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder)?;
        for (day, lines) in of_day {
            let path = self.file(screen, day);
            let mut options = OpenOptions::new();
            let mut file = options.read(true).append(true).create(true).mode(0o600).open(path)?;
            let size = file.metadata()?.len();
            if size + lines.len() as u64 > DAY {
                return Ok(Kept::TooMany);
            }
            if size > 0 && !ends_a_line(&mut file)? {
                // A power cut, or a full disk, left half a line: the next one must not be part of it.
                file.write_all(b"\n")?;
            }
            file.write_all(&lines)?;
            file.sync_data()?;
        }
        Ok(Kept::Done)
    }

    /// A day's plays in the order of their beginnings, each once. Blocks.
    ///
    /// # Errors
    /// When the file is there but can't be read.
    pub(crate) fn of_day(&self, screen: &ScreenId, day: Date) -> io::Result<BTreeSet<Play>> {
        let text = match fs::read_to_string(self.file(screen, day)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
            Err(error) => return Err(error),
        };
        // A line that a power cut has left half was never answered as kept, and has come again.
        Ok(text
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect())
    }

    /// Deletes the days from before so long that nobody asks any more. Blocks.
    pub(super) fn forget_old(&self, now: UnixMillis) {
        let Ok(oldest) = self.day_of(now).checked_sub(jiff::Span::new().days(KEPT_DAYS)) else {
            return;
        };
        let folders = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        let files = folders.flat_map(|folder| fs::read_dir(folder.path()).into_iter().flatten().flatten());
        for path in files.map(|file| file.path()) {
            let day = path.file_stem().and_then(|name| name.to_str()?.parse::<Date>().ok());
            if day.is_some_and(|day| day < oldest)
                && let Err(error) = fs::remove_file(&path)
            {
                tracing::warn!("{} can't be deleted: {error}", path.display());
            }
        }
    }
}

fn ends_a_line(file: &mut File) -> io::Result<bool> {
    let mut last = [0];
    file.seek(io::SeekFrom::End(-1))?;
    file.read_exact(&mut last)?;
    Ok(last == *b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plays() -> (tempfile::TempDir, Plays) {
        let dir = tempfile::tempdir().expect("temp");
        let plays = Plays {
            folder: dir.path().join("plays"),
            zone: TimeZone::get("Asia/Tokyo").expect("a zone"),
            writing: Mutex::new(()),
        };
        (dir, plays)
    }

    /// 2026-11-24 at 23:59:50 in Tokyo.
    const NIGHT: u64 = 1_795_532_390_000;

    fn play(after: u64) -> Play {
        Play {
            from: UnixMillis(NIGHT + after * 1000),
            shown_ms: 8000,
            layout: "lobby".into(),
            page: "home".into(),
            zone: "main".into(),
            content: "お知らせ.png".into(),
            sha256: "a".repeat(64),
            is_whole: true,
        }
    }

    #[test]
    fn a_play_belongs_to_the_offices_day_and_counts_once() {
        let (_dir, plays) = plays();
        let screen = ScreenId::new("lobby").expect("valid");
        let (eve, morning) = (play(0), play(20));
        for _ in 0..2 {
            let kept = plays.keep(&screen, &[morning.clone(), eve.clone()]);
            assert_eq!(kept.expect("kept"), Kept::Done);
        }
        let of = |day: &str| plays.of_day(&screen, day.parse().expect("a day")).expect("read");
        assert_eq!(of("2026-11-24").into_iter().collect::<Vec<_>>(), [eve]);
        assert_eq!(of("2026-11-25").into_iter().collect::<Vec<_>>(), [morning]);
        assert!(of("2026-11-26").is_empty());
    }

    #[test]
    fn half_a_line_is_left_out_and_spoils_no_other_and_old_days_are_forgotten() {
        let (_dir, plays) = plays();
        let screen = ScreenId::new("lobby").expect("valid");
        plays.keep(&screen, &[play(0)]).expect("kept");
        let day = plays.day_of(UnixMillis(NIGHT));
        let path = plays.file(&screen, day);
        let mut file = OpenOptions::new().append(true).open(&path).expect("opens");
        file.write_all(b"{\"from\":17955").expect("written");
        assert_eq!(plays.of_day(&screen, day).expect("read").len(), 1);
        plays.keep(&screen, &[play(1)]).expect("kept");
        let both: Vec<_> = plays.of_day(&screen, day).expect("read").into_iter().collect();
        assert_eq!(both, [play(0), play(1)], "what was answered as kept is no part of it");
        let days = |n: u64| UnixMillis(NIGHT + n * 24 * 3_600_000);
        plays.forget_old(days(400));
        assert!(path.exists());
        plays.forget_old(days(402));
        assert!(!path.exists());
    }
}
