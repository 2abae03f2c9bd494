//! Contents that do harm. Before a decoder is made for a file, a mark with the file's name is on the disk; it goes when
//! the decoder is gone. Whoever starts after a fall finds the marks of what was open, and notes a failure of those that
//! are to be suspected ([`book`]).
//!
//! What counts: a fall of the picture's process, of which the supervisor tells (a signal, or no sign of life), and a
//! machine that went down while a content was opened that was never yet played to its end. A cut of power, or an end
//! that somebody wished, is nobody's fault.
//!
//! Invariant: the stage never waits for the disk here; only the thread that opens an item does.

pub mod book;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};

use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};

use sha2::Digest as _;

use book::{Begun, Book, FAILURES, LIVE, Phase, Record, suspects};

/// The marks of what is open, in the screen's folder.
const MARKS: &str = "open.json";
/// What has failed, in the screen's folder.
const BOOK: &str = "quarantine.json";
/// A file of these that is larger isn't read, in bytes.
const MAX_FILE: u64 = 4 << 20;
/// Another one for each start of the machine (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The file of marks.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Marks {
    /// Since which start of the machine.
    boot: String,
    open: Vec<Begun>,
}

#[derive(Debug, Default)]
struct State {
    book: Book,
    open: BTreeMap<u64, Begun>,
    /// Of these, what has failed: it is being taken down, which takes for ever where a decoder hangs.
    failed: BTreeSet<u64>,
    next: u64,
    is_book_new: bool,
    /// All has ended as somebody wished: nothing that still ends is marked any more.
    is_closed: bool,
}

#[derive(Debug)]
struct Disk {
    dir: PathBuf,
    boot: String,
    /// Held while writing, so that a later state is never overwritten by an earlier one.
    writing: Mutex<Vec<Begun>>,
    is_refused: AtomicBool,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    /// None: nothing is kept.
    disk: Option<Disk>,
    /// Wakes the thread that writes. Holds one: when full, it is awake already and will see the newest state.
    wake: Option<mpsc::SyncSender<()>>,
}

/// The quarantine. Cheap to clone; all clones are one. The default one keeps nothing on a disk.
#[derive(Debug, Clone, Default)]
pub struct Quarantine(Arc<Shared>);

impl Quarantine {
    /// The quarantine of a screen's folder. `fell`: how the process before this one fell, where the supervisor says
    /// so. A disk that can't be written is only told: then all is known for as long as the process lives.
    #[must_use]
    pub fn open(dir: &Path, fell: Option<&str>, now: UnixMillis) -> Self {
        let boot = boot_id();
        let marks: Marks = read(&dir.join(MARKS));
        let mut state = State {
            book: read(&dir.join(BOOK)),
            ..State::default()
        };
        for (key, fault) in blamed(&state.book, &marks, &boot, fell) {
            tracing::error!(content = key, "{fault}");
            state.book.fail(&key, &fault, true, now);
            state.is_book_new = true;
        }
        // Holds the wish to write once: see `Shared::wake`.
        let (wake, woken) = mpsc::sync_channel(1);
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            disk: Some(Disk {
                dir: dir.to_owned(),
                boot,
                writing: Mutex::new(marks.open),
                is_refused: AtomicBool::new(false),
            }),
            wake: Some(wake),
        });
        // The marks that were found go only once the book says what they said.
        shared.write();
        let weak = Arc::downgrade(&shared);
        let spawned = std::thread::Builder::new()
            .name("quarantine".to_owned())
            .spawn(move || {
                while let (Ok(()), Some(shared)) = (woken.recv(), weak.upgrade()) {
                    shared.write();
                }
            });
        if let Err(error) = spawned {
            tracing::error!("no thread for the quarantine: {error}");
        }
        Self(shared)
    }

    /// What is suspected under a key.
    #[must_use]
    pub fn case(&self, key: &str) -> Case {
        Case {
            quarantine: self.clone(),
            key: key.to_owned(),
        }
    }

    /// A content has failed; the process lives.
    pub fn failed(&self, key: &str, fault: &str, now: UnixMillis) {
        let mut guard = self.0.lock();
        let state = &mut *guard;
        state.book.fail(key, fault, false, now);
        state.is_book_new = true;
        let open = state.open.iter().filter(|(_, begun)| begun.key == key);
        state.failed.extend(open.map(|(id, _)| *id));
        drop(guard);
        self.0.wake();
    }

    /// A content was played to its end.
    pub fn played(&self, key: &str) {
        let mut state = self.0.lock();
        let is_news = state.book.played(key);
        state.is_book_new |= is_news;
        drop(state);
        if is_news {
            self.0.wake();
        }
    }

    /// Whether a content is set aside at `now`.
    #[must_use]
    pub fn is_aside(&self, key: &str, now: UnixMillis) -> bool {
        let is_aside = |record: Record| record.is_aside(now);
        self.record(key).is_some_and(is_aside) || self.hangs(key)
    }

    /// Whether a content that has failed too often holds a thread and a decoder that don't come back. It is set aside for as
    /// long: each further try could cost another one, and a screen plays for months.
    #[must_use]
    pub fn hangs(&self, key: &str) -> bool {
        let state = self.0.lock();
        let has_failed = state.book.record(key).is_some_and(|it| it.failures >= FAILURES);
        has_failed
            && state
                .failed
                .iter()
                .any(|id| state.open.get(id).is_some_and(|it| it.key == key))
    }

    /// How a content has failed.
    #[must_use]
    pub fn record(&self, key: &str) -> Option<Record> {
        self.0.lock().book.record(key).cloned()
    }

    /// All ends as somebody wished: what is open now is nobody's fault. Waits for the disk.
    pub fn close(&self) {
        let mut state = self.0.lock();
        state.open.clear();
        state.failed.clear();
        state.is_closed = true;
        drop(state);
        self.0.write();
    }
}

/// Which start of the machine this is; empty where the system doesn't say.
#[must_use]
pub fn boot_id() -> String {
    fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned()
}

/// The key of a content's file: its name, which in the cache is its hash.
#[must_use]
pub fn key_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// The key of a live picture. Its address may carry a password, and is not written down.
#[must_use]
pub fn key_of_live(url: &str) -> String {
    let hash = sha2::Sha256::digest(url);
    format!("{LIVE}{}", data_encoding::HEXLOWER.encode(&hash[..16]))
}

/// Who is to blame for the end before this start, and what to say of it.
fn blamed(book: &Book, marks: &Marks, boot: &str, fell: Option<&str>) -> Vec<(String, String)> {
    let suspects = suspects(&marks.open);
    let names = suspects.iter().map(|key| (*key).to_owned());
    if let Some(how) = fell {
        let fault = format!("the picture's process fell while it was open ({how})");
        return names.map(|key| (key, fault.clone())).collect();
    }
    let is_opening = marks.open.iter().any(|begun| begun.phase == Phase::Opening);
    if !is_opening || marks.boot == boot {
        return Vec::new();
    }
    let fault = "the machine went down while it was opened, and it was never played to its end";
    let names = names.filter(|key| !book.is_proven(key));
    names.map(|key| (key, fault.to_owned())).collect()
}

/// A content that is about to be opened.
#[derive(Debug, Clone)]
pub struct Case {
    quarantine: Quarantine,
    key: String,
}

impl Case {
    /// Marks it as being opened, and waits until the disk has the mark.
    #[must_use]
    pub fn begin(&self) -> Mark {
        let shared = &self.quarantine.0;
        let mut state = shared.lock();
        let id = state.next;
        state.next += 1;
        let begun = Begun {
            key: self.key.clone(),
            phase: Phase::Opening,
        };
        state.open.insert(id, begun);
        drop(state);
        shared.write();
        Mark {
            shared: Arc::clone(shared),
            id,
        }
    }
}

/// Says that a content is open, for as long as it lives.
#[derive(Debug)]
pub struct Mark {
    shared: Arc<Shared>,
    id: u64,
}

impl Mark {
    /// How far the content is. The disk hears of it soon.
    pub fn set(&self, phase: Phase) {
        let mut state = self.shared.lock();
        let Some(begun) = state.open.get_mut(&self.id) else {
            return;
        };
        if std::mem::replace(&mut begun.phase, phase) != phase {
            drop(state);
            self.shared.wake();
        }
    }
}

impl Drop for Mark {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.failed.remove(&self.id);
        if state.open.remove(&self.id).is_some() {
            drop(state);
            self.shared.wake();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Nobody panics while holding it; and if so, a map is a map.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        if let Some(wake) = &self.wake {
            let _ = wake.try_send(());
        }
    }

    /// Brings the disk up to the present state.
    fn write(&self) {
        let Some(disk) = &self.disk else { return };
        let mut written = disk.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut state = self.lock();
        let book = std::mem::take(&mut state.is_book_new).then(|| state.book.clone());
        let open: Vec<Begun> = if state.is_closed {
            Vec::new()
        } else {
            state.open.values().cloned().collect()
        };
        let is_new = |begun: &Begun| begun.phase == Phase::Opening && !state.book.is_proven(&begun.key);
        // Others outlive the process in the system's memory; of these even the machine's end is told.
        let is_synced = open.iter().any(is_new);
        drop(state);
        if let Some(book) = book {
            disk.told(disk.write_book(&book));
        }
        if *written != open {
            disk.told(disk.write_marks(&open, is_synced));
            *written = open;
        }
    }
}

impl Disk {
    fn write_book(&self, book: &Book) -> io::Result<()> {
        runtime::write_file(&self.dir.join(BOOK), &serde_json::to_vec(book)?, false)
    }

    fn write_marks(&self, open: &[Begun], is_synced: bool) -> io::Result<()> {
        let marks = Marks {
            boot: self.boot.clone(),
            open: open.to_vec(),
        };
        let (file, growing) = (self.dir.join(MARKS), self.dir.join("open.json.new"));
        let mut new = fs::File::create(&growing)?;
        new.write_all(&serde_json::to_vec(&marks)?)?;
        if is_synced {
            new.sync_all()?;
        }
        fs::rename(growing, file)?;
        if is_synced {
            fs::File::open(&self.dir)?.sync_all()?;
        }
        Ok(())
    }

    fn told(&self, done: io::Result<()>) {
        match done {
            Ok(()) => self.is_refused.store(false, Ordering::Relaxed),
            Err(error) => {
                if !self.is_refused.swap(true, Ordering::Relaxed) {
                    tracing::warn!("{}: what is open can't be noted: {error}", self.dir.display());
                }
            }
        }
    }
}

/// What can't be read is as good as nothing.
fn read<T: Default + serde::de::DeserializeOwned>(file: &Path) -> T {
    let is_small = fs::metadata(file).is_ok_and(|file| file.len() <= MAX_FILE);
    let read = is_small.then(|| fs::read(file).ok()).flatten();
    read.and_then(|bytes| match serde_json::from_slice(&bytes) {
        Ok(read) => Some(read),
        Err(error) => {
            tracing::warn!("{} can't be read: {error}", file.display());
            None
        }
    })
    .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn failures(quarantine: &Quarantine, key: &str) -> u32 {
        quarantine.record(key).map_or(0, |record| record.failures)
    }

    #[test]
    fn a_mark_is_on_the_disk_before_the_content_is_opened_and_a_fall_counts_against_it() {
        let dir = tempfile::tempdir().expect("temp");
        for fall in 1..=3 {
            let quarantine = Quarantine::open(dir.path(), (fall > 1).then_some("signal: 6"), NOW);
            assert_eq!(failures(&quarantine, "bad"), fall - 1);
            let good = quarantine.case("good").begin();
            good.set(Phase::Playing);
            // As a process that falls: its memory is gone, its end is not told.
            std::mem::forget((quarantine.case("bad").begin(), good));
            let marks: Marks = read(&dir.path().join(MARKS));
            assert!(marks.open.iter().any(|begun| begun.key == "bad"), "{marks:?}");
        }
        let quarantine = Quarantine::open(dir.path(), Some("signal: 6"), NOW);
        assert!(quarantine.is_aside("bad", NOW));
        assert_eq!(failures(&quarantine, "good"), 0, "it was on show");
        let record = quarantine.record("bad").expect("known");
        assert!(record.is_deadly && record.fault.contains("signal: 6"), "{record:?}");
        drop(quarantine);
        let again = Quarantine::open(dir.path(), Some("signal: 6"), NOW);
        assert_eq!(failures(&again, "bad"), 3, "each fall counts once");
    }

    #[test]
    fn an_end_that_somebody_wished_and_a_cut_of_power_are_nobodys_fault() {
        let dir = tempfile::tempdir().expect("temp");
        let quarantine = Quarantine::open(dir.path(), None, NOW);
        let mark = quarantine.case("a").begin();
        quarantine.close();
        drop(mark);
        let again = Quarantine::open(dir.path(), Some("signal: 6"), NOW);
        assert_eq!(failures(&again, "a"), 0);
        // The supervisor was killed, or the power went: nobody says that the process fell.
        std::mem::forget(again.case("a").begin());
        let again = Quarantine::open(dir.path(), None, NOW);
        assert_eq!(failures(&again, "a"), 0);
    }

    #[test]
    fn a_machine_that_goes_down_blames_only_what_was_opened_and_never_proved_good() {
        let mut book = Book::default();
        let marks = |phase| Marks {
            boot: "before".into(),
            open: vec![Begun { key: "a".into(), phase }],
        };
        let is_blamed = |book: &Book, marks: &Marks, boot| !blamed(book, marks, boot, None).is_empty();
        assert!(is_blamed(&book, &marks(Phase::Opening), "now"));
        assert!(
            !is_blamed(&book, &marks(Phase::Opening), "before"),
            "the same start of the machine"
        );
        assert!(!is_blamed(&book, &marks(Phase::Playing), "now"));
        book.played("a");
        assert!(!is_blamed(&book, &marks(Phase::Opening), "now"));
    }

    #[test]
    fn what_hangs_is_left_alone_until_it_comes_back_however_long_that_takes() {
        let quarantine = Quarantine::default();
        let years = NOW.plus(std::time::Duration::from_secs(2 * 365 * 24 * 3600));
        let mut threads = Vec::new();
        for times in 1..=3 {
            assert!(!quarantine.is_aside("a", years), "{times}: it has its three tries");
            threads.push(quarantine.case("a").begin());
            quarantine.failed("a", "no picture after 10 s", NOW);
        }
        let playing = quarantine.case("b").begin();
        (0..3).for_each(|_| quarantine.failed("c", "no decoder", NOW));
        assert!(quarantine.hangs("a") && quarantine.is_aside("a", years));
        assert!(!quarantine.is_aside("b", years) && !quarantine.is_aside("c", years));
        threads.truncate(1);
        assert!(quarantine.is_aside("a", years), "one still hangs");
        threads.clear();
        assert!(!quarantine.is_aside("a", years), "it gets another try");
        // Which is not mistaken for one that hangs while it goes on.
        let again = quarantine.case("a").begin();
        assert!(!quarantine.is_aside("a", years));
        drop((again, playing));
    }

    #[test]
    fn files_that_are_broken_and_a_disk_that_takes_nothing_are_no_reason_to_stop() {
        let dir = tempfile::tempdir().expect("temp");
        fs::write(dir.path().join(BOOK), "{").expect("written");
        fs::write(dir.path().join(MARKS), [0xff; 9]).expect("written");
        let quarantine = Quarantine::open(dir.path(), Some("signal: 6"), NOW);
        assert_eq!(quarantine.record("a"), None);
        let nowhere = Quarantine::open(Path::new("/proc/nowhere"), None, NOW);
        drop(nowhere.case("a").begin());
        (0..3).for_each(|_| nowhere.failed("a", "no decoder", NOW));
        assert!(nowhere.is_aside("a", NOW));
    }
}
