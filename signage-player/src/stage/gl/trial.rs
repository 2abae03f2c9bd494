//! GL drivers that take the process with them. While the first frames go through GL, a mark is on the disk; a process that
//! finds the one before it fell meanwhile draws without GL. After that, three falls in one start of the machine are too many,
//! whatever they came of: without GL the screen is as good.
//!
//! What counts is a fall of which the supervisor tells (`MADOGUCHI_FELL`: a signal, or no sign of life), and a machine that went
//! down with the first frames. Cuts of power later on, and ends that somebody wished, are nobody's fault.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::quarantine::boot_id;

/// The mark, in the screen's folder.
const FILE: &str = "gl.json";
/// A larger one isn't read, in bytes.
const MAX_FILE: u64 = 64 << 10;
/// Frames after which the driver does what it says: ten seconds.
const FIRST: u64 = 300;
/// Frames after which nothing is held against it any more: an hour.
const PROVEN: u64 = 108_000;
/// So many falls are too many.
const TOO_MANY: u32 = 3;

/// How far GL has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Phase {
    /// It isn't in use.
    #[default]
    Idle,
    /// Its first frames are on their way.
    First,
    /// It shows the picture.
    Shown,
}

/// What the disk knows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Record {
    /// The start of the machine of which `phase` and `late` tell.
    boot: String,
    phase: Phase,
    /// Falls while it was in use.
    late: u32,
    /// Falls with the first frames, since it last went well.
    early: u32,
    /// The start of the machine with the last of those.
    early_boot: String,
    /// The last fall.
    how: String,
}

impl Record {
    /// What it is for a process that starts now. `fell`: how the one before fell, where something in it did.
    fn judge(mut self, boot: &str, fell: Option<&str>) -> Self {
        let is_same = self.boot == boot;
        if !is_same {
            boot.clone_into(&mut self.boot);
            self.late = 0;
        }
        let how = match (std::mem::take(&mut self.phase), fell) {
            (Phase::First, Some(how)) => how,
            (Phase::First, None) if !is_same => "the machine went down",
            (Phase::Shown, Some(how)) => {
                self.late += 1;
                how.clone_into(&mut self.how);
                return self;
            }
            _ => return self,
        };
        self.early += 1;
        boot.clone_into(&mut self.early_boot);
        how.clone_into(&mut self.how);
        self
    }

    /// Why GL is not to be used now, if so. `file`: where that is written.
    fn off(&self, file: &Path) -> Option<String> {
        let how = &self.how;
        if self.early >= TOO_MANY {
            let (early, file) = (self.early, file.display());
            return Some(format!(
                "the first frames ended the process {early} times ({how}): not tried again until {file} is deleted"
            ));
        }
        let is_early = self.early > 0 && self.early_boot == self.boot;
        (is_early || self.late >= TOO_MANY)
            .then(|| format!("it ended the process ({how}): not tried again before the machine is started again"))
    }
}

#[derive(Debug, Default)]
struct Shared {
    /// None: nothing is kept.
    file: Option<PathBuf>,
    off: Option<String>,
    record: Mutex<Record>,
}

/// What is known of a screen's GL. Cheap to clone; all clones are one. The default one keeps nothing on a disk.
#[derive(Debug, Clone, Default)]
pub struct Trials(Arc<Shared>);

impl Trials {
    /// Of a screen's folder. `fell`: how the process before this one fell, where the supervisor says so. What can't be read
    /// is as good as nothing.
    #[must_use]
    pub fn open(dir: &Path, fell: Option<&str>) -> Self {
        let file = dir.join(FILE);
        let before = read(&file);
        let record = before.clone().judge(&boot_id(), fell);
        let off = record.off(&file);
        let shared = Shared {
            file: Some(file),
            off,
            record: Mutex::new(record.clone()),
        };
        let trials = Self(Arc::new(shared));
        if before != Record::default() {
            trials.0.told(trials.0.write(&record));
        }
        trials
    }

    /// Why GL is not to be used, if so.
    #[must_use]
    pub fn off(&self) -> Option<&str> {
        self.0.off.as_deref()
    }

    /// From now on frames go through GL, for as long as it isn't ended. Waits until the disk has the mark.
    ///
    /// # Errors
    /// When the disk takes no mark: then nobody would know who is to blame.
    pub fn begin(&self) -> io::Result<Trial> {
        self.0.set(|record| record.phase = Phase::First)?;
        Ok(Trial {
            shared: Arc::clone(&self.0),
            frames: AtomicU64::new(0),
        })
    }
}

/// GL in use.
#[derive(Debug)]
pub struct Trial {
    shared: Arc<Shared>,
    frames: AtomicU64,
}

impl Trial {
    /// A frame more has come to GL.
    pub fn count(&self) {
        self.frames.fetch_add(1, Ordering::Relaxed);
    }

    /// Tells the disk how far it has come. Called now and then; may wait for the disk.
    pub fn attend(&self) {
        let frames = self.frames.load(Ordering::Relaxed);
        let record = self.shared.lock().clone();
        let change: fn(&mut Record) = match record.phase {
            Phase::First if frames >= FIRST => |record| (record.phase, record.early) = (Phase::Shown, 0),
            Phase::Shown if frames >= PROVEN && record.late > 0 => |record| record.late = 0,
            _ => return,
        };
        self.shared.told(self.shared.set(change));
    }

    /// It has ended, as it should.
    pub fn end(&self) {
        if self.shared.lock().phase != Phase::Idle {
            self.shared.told(self.shared.set(|record| record.phase = Phase::Idle));
        }
    }
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, Record> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, change: impl FnOnce(&mut Record)) -> io::Result<()> {
        let mut record = self.lock();
        change(&mut record);
        self.write(&record)
    }

    fn write(&self, record: &Record) -> io::Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        runtime::write_file(file, &serde_json::to_vec(record)?, false)
    }

    fn told(&self, done: io::Result<()>) {
        if let (Err(error), Some(file)) = (done, &self.file) {
            tracing::warn!("{}: it can't be noted how far GL has come: {error}", file.display());
        }
    }
}

fn read(file: &Path) -> Record {
    let mut bytes = Vec::new();
    let read = fs::File::open(file).and_then(|file| file.take(MAX_FILE).read_to_end(&mut bytes));
    match read.map(|_| serde_json::from_slice(&bytes)) {
        Ok(Ok(record)) => record,
        Ok(Err(error)) => {
            tracing::warn!("{} can't be read: {error}", file.display());
            Record::default()
        }
        Err(_) => Record::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(phase: Phase, boot: &str, fell: Option<&str>) -> Record {
        let record = Record {
            boot: "a".into(),
            phase,
            ..Record::default()
        };
        record.judge(boot, fell)
    }

    fn is_off(record: &Record) -> bool {
        record.off(Path::new("gl.json")).is_some()
    }

    #[test]
    fn a_fall_with_the_first_frames_keeps_gl_off_until_the_machine_starts_again_and_three_for_good() {
        let mut record = Record::default();
        for (fall, boot) in ["a", "b", "c"].into_iter().enumerate() {
            record = record.judge(boot, None);
            assert!(!is_off(&record), "each start of the machine tries again: {record:?}");
            record.phase = Phase::First;
            record = record.judge(boot, Some("signal: 11"));
            let why = record.off(Path::new("run/gl.json")).expect("off");
            assert!(why.contains("signal: 11"), "{why}");
            assert_eq!(why.contains("run/gl.json is deleted"), fall == 2, "{why}");
            assert!(
                is_off(&record.clone().judge(boot, None)),
                "in this start of the machine"
            );
        }
        assert!(is_off(&record.judge("d", None)));
    }

    #[test]
    fn cuts_of_power_and_ends_that_were_wished_are_nobodys_fault() {
        for (phase, boot, fell) in [
            // The supervisor was killed with it.
            (Phase::First, "a", None),
            (Phase::Shown, "a", None),
            (Phase::Shown, "b", None),
            (Phase::Idle, "b", None),
            // It fell while GL was not in use.
            (Phase::Idle, "a", Some("signal: 6")),
        ] {
            let record = judged(phase, boot, fell);
            assert!(
                (record.early, record.late) == (0, 0) && !is_off(&record),
                "{phase:?} {boot}"
            );
            assert_eq!((record.phase, record.boot.as_str()), (Phase::Idle, boot));
        }
        let down = judged(Phase::First, "b", None);
        assert!(
            down.off(Path::new("x")).is_some_and(|why| why.contains("went down")),
            "{down:?}"
        );
    }

    #[test]
    fn falls_while_it_shows_the_picture_are_too_many_with_the_third() {
        let mut record = judged(Phase::Shown, "a", Some("signal: 6"));
        for _ in 0..2 {
            assert!(!is_off(&record));
            record.phase = Phase::Shown;
            record = record.judge("a", Some("signal: 6"));
        }
        assert!(is_off(&record));
        assert!(!is_off(&record.judge("b", None)), "the machine was started again");
    }

    #[test]
    fn the_mark_is_on_the_disk_before_the_first_frame_and_goes_with_what_proves_good() {
        let dir = tempfile::tempdir().expect("temp");
        let fall = || Trials::open(dir.path(), Some("signal: 11")).off().map(str::to_owned);
        assert_eq!(fall(), None, "it was not in use");
        let trials = Trials::open(dir.path(), None);
        let trial = trials.begin().expect("noted");
        let why = fall().expect("blamed");
        assert!(why.contains("signal: 11"), "{why}");

        fs::remove_file(dir.path().join(FILE)).expect("there");
        let again = trials.begin().expect("noted");
        (0..FIRST).for_each(|_| again.count());
        again.attend();
        for _ in 0..2 {
            assert_eq!(fall(), None, "it had shown the picture");
            again.attend();
            fs::write(
                dir.path().join(FILE),
                serde_json::to_vec(&*again.shared.lock()).expect("json"),
            )
            .expect("written");
        }
        trial.end();
        assert_eq!(fall(), None, "ended");
        fs::write(dir.path().join(FILE), "{").expect("written");
        assert_eq!(fall(), None, "a broken file is as good as none");
        drop(Trials::default().begin().expect("nothing is kept"));
        Trials::open(Path::new("/proc/nowhere"), None)
            .begin()
            .expect_err("a disk that takes nothing");
    }

    #[test]
    fn an_hour_of_frames_clears_what_was_held_against_it() {
        let dir = tempfile::tempdir().expect("temp");
        let file = dir.path().join(FILE);
        let held = Record {
            boot: boot_id(),
            late: 2,
            ..Record::default()
        };
        fs::write(&file, serde_json::to_vec(&held).expect("json")).expect("written");
        let trial = Trials::open(dir.path(), None).begin().expect("noted");
        for (frames, late) in [(FIRST, 2), (PROVEN - FIRST - 1, 2), (1, 0)] {
            (0..frames).for_each(|_| trial.count());
            trial.attend();
            assert_eq!((read(&file).phase, read(&file).late), (Phase::Shown, late));
        }
    }
}
