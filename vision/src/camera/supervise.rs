//! Keeps one camera read, for ever: starts its capture process, watches it, ends it when it hangs, is frozen or makes
//! no sense, and starts it again, later and later.
//!
//! Two threads a camera: one reads the pipe, the other watches the first. Invariant: whoever takes from the mailbox is
//! told [`Post::Lost`] *before* anything is waited for, and then gets no picture of before.

use std::io::Read;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use opencv::core::{Mat, MatTraitConst as _, MatTraitManual as _, Scalar};

use super::freeze::{Freeze, Verdict};
use super::mailbox::{Mailbox, Taken};
use super::process::Process;
use super::wire::{HEAD, Head, Order};
use super::{CameraError, Frame};

/// Between attempts to open a camera: doubling from the first to the last.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// A camera that has given pictures for so long was well: its next failure is a first one.
const WELL_AFTER: Duration = Duration::from_secs(10);

/// How often it is looked whether pictures are wanted any more.
const TICK: Duration = Duration::from_millis(250);

/// What there is to say of a camera.
#[derive(Debug)]
pub enum Post {
    /// The newest picture.
    Frame(Frame),
    /// The camera can't be seen any more.
    Lost(Loss),
}

/// How a camera was lost. The reason is in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// It can't be opened, ended, or sends what can't be read.
    Gone,
    /// It hangs: no new picture for too long.
    Hung,
    /// It gives the same picture for ever.
    Frozen,
}

/// How long to wait between attempts.
#[derive(Debug, Clone, Copy)]
pub struct Retry {
    first: Duration,
    last: Duration,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            first: FIRST_RETRY,
            last: LAST_RETRY,
        }
    }
}

impl Retry {
    /// Doubling from `first` to `last`.
    #[must_use]
    pub fn new(first: Duration, last: Duration) -> Self {
        Self { first, last }
    }

    /// How long to wait before the attempt after so many failures in a row (from 1): between half of the doubled wait
    /// and all of it, by `chance` (0 to 1), so that cameras that were lost together don't come back together.
    #[must_use]
    pub fn after(&self, failures: u32, chance: f64) -> Duration {
        let doubled = self
            .first
            .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        doubled.min(self.last).mul_f64(0.5 + chance.clamp(0.0, 1.0) / 2.0)
    }
}

/// How one camera is read.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The program that has the task `capture`.
    pub program: PathBuf,
    /// The camera's id: shown in the list of processes.
    pub camera: String,
    /// What to read.
    pub order: Order,
    /// Whether pictures come when they come.
    pub is_live: bool,
    /// A camera that gave no new picture, or always the same one, for so long is given up.
    pub limit: Duration,
    /// Then it is opened again after so long.
    pub retry: Retry,
}

/// Starts reading. It ends when the mailbox is closed.
///
/// # Errors
/// When the system gives no thread.
pub fn start(plan: Plan, posts: Mailbox<Post>) -> std::io::Result<()> {
    let span = tracing::Span::current();
    thread::Builder::new().name("supervise".to_owned()).spawn(move || {
        let _inside = span.enter();
        let line = Arc::new(Mutex::new(Line::new(plan.limit)));
        let mut failures = 0;
        let mut complaint = String::new();
        loop {
            let Err(lost) = once(&plan, &line, &posts) else { return };
            failures = if lost.well_for >= WELL_AFTER { 1 } else { failures + 1 };
            let again_in = plan.retry.after(failures, rand::random());
            if lost.reason == complaint {
                tracing::debug!(?again_in, "the camera is lost as before: {}", lost.reason);
            } else {
                tracing::warn!(?again_in, "the camera is lost: {}", lost.reason);
                complaint = lost.reason;
            }
            if posts.is_closed_within(again_in) {
                return;
            }
        }
    })?;
    Ok(())
}

/// What outlives a connection.
struct Line {
    freeze: Freeze,
    /// The last picture's bytes.
    last: Vec<u8>,
    start: Instant,
    /// The time of the newest picture: the next connection's are later.
    until: Duration,
}

/// What the reading thread tells the watching one; the newest waits.
enum Note {
    Picture,
    End(CameraError),
}

/// The end of a connection.
struct Lost {
    reason: String,
    /// How long it gave pictures.
    well_for: Duration,
}

/// Reads until it fails (an error, which has been posted) or nobody wants pictures any more.
fn once(plan: &Plan, line: &Arc<Mutex<Line>>, posts: &Mailbox<Post>) -> Result<(), Lost> {
    let mut well_for = Duration::ZERO;
    let (process, output) = match Process::start(&plan.program, &plan.camera, &plan.order) {
        Ok(started) => started,
        Err(error) => return Err(tell(error.into(), "", well_for, posts)),
    };
    let notes = Mailbox::default();
    let reader = {
        let (line, posts, notes, span) = (Arc::clone(line), posts.clone(), notes.clone(), tracing::Span::current());
        let is_live = plan.is_live;
        let is_whole = plan.order.is_at_full_speed && !is_live;
        thread::Builder::new().name("pictures".to_owned()).spawn(move || {
            let _inside = span.enter();
            let mut line = line.lock().unwrap_or_else(PoisonError::into_inner);
            let ended = line.read(output, is_live, is_whole, &posts, &notes);
            notes.put(Note::End(ended.err().unwrap_or(CameraError::Ended)));
        })
    };
    let ended = match &reader {
        Ok(_) => watch(plan.limit, &notes, posts, &mut well_for),
        Err(error) => Err(std::io::Error::from(error.kind()).into()),
    };
    let ended = ended.map_err(|error| tell(error, &process.last_words(), well_for, posts));
    drop(process);
    // The pipe is closed now, so that its reader ends.
    if let Ok(reader) = reader {
        let _ = reader.join();
    }
    ended
}

/// Tells who counts that the camera is lost, and gives the reason for the log.
fn tell(error: CameraError, words: &str, well_for: Duration, posts: &Mailbox<Post>) -> Lost {
    let loss = match error {
        CameraError::Hung(_) => Loss::Hung,
        CameraError::Frozen(_) => Loss::Frozen,
        _ => Loss::Gone,
    };
    posts.put(Post::Lost(loss));
    let reason = match error {
        CameraError::Said(_) | CameraError::Died => format!("{error}{words}"),
        error => error.to_string(),
    };
    Lost { reason, well_for }
}

/// Watches until there are no more pictures (an error) or nobody wants them.
fn watch(
    limit: Duration,
    notes: &Mailbox<Note>,
    posts: &Mailbox<Post>,
    well_for: &mut Duration,
) -> Result<(), CameraError> {
    let mut first = None;
    let mut last = Instant::now();
    loop {
        match notes.take(TICK) {
            Taken::Message(Note::Picture) => {
                last = Instant::now();
                *well_for = last.saturating_duration_since(*first.get_or_insert(last));
            }
            Taken::Message(Note::End(_)) if posts.is_closed_within(Duration::ZERO) => return Ok(()),
            Taken::Message(Note::End(error)) => return Err(error),
            Taken::Nothing | Taken::Closed => {}
        }
        if posts.is_closed_within(Duration::ZERO) {
            return Ok(());
        }
        if last.elapsed() >= limit {
            return Err(CameraError::Hung(limit));
        }
    }
}

impl Line {
    fn new(limit: Duration) -> Self {
        Self {
            freeze: Freeze::new(limit),
            last: Vec::new(),
            start: Instant::now(),
            until: Duration::ZERO,
        }
    }

    /// Reads a process' messages until they end.
    fn read(
        &mut self,
        mut output: impl Read,
        is_live: bool,
        is_whole: bool,
        posts: &Mailbox<Post>,
        notes: &Mailbox<Note>,
    ) -> Result<(), CameraError> {
        self.freeze.reopen();
        let base = self.start.elapsed().max(self.until + Duration::from_millis(1));
        let mut is_new = true;
        let mut bytes = Vec::new();
        loop {
            let mut head = [0; HEAD];
            if !read_or_end(&mut output, &mut head)? {
                return Err(CameraError::Died);
            }
            let head = Head::read(&head)?;
            bytes.resize(head.body(), 0);
            output.read_exact(&mut bytes)?;
            let Head::Picture {
                width,
                height,
                at,
                taken,
            } = head
            else {
                return Err(CameraError::Said(String::from_utf8_lossy(&bytes).into_owned()));
            };
            if std::mem::take(&mut is_new) {
                tracing::info!(width, height, "the camera is there");
            }
            // The first difference ends the comparison: of a camera that lives it costs nothing.
            let is_same = is_live && bytes == self.last;
            let verdict = if is_live {
                self.freeze.see(is_same, Instant::now())
            } else {
                Verdict::Live
            };
            match verdict {
                Verdict::Frozen => return Err(CameraError::Frozen(self.freeze.limit())),
                Verdict::Doubtful => {}
                Verdict::Live => {
                    self.until = self.until.max(base + at);
                    let frame = Post::Frame(Frame {
                        picture: picture(width, height, &bytes)?,
                        at: self.until,
                        taken,
                    });
                    let is_wanted = if is_whole {
                        posts.put_after(frame)
                    } else {
                        posts.put(frame)
                    };
                    if !is_wanted {
                        return Ok(());
                    }
                }
            }
            notes.put(Note::Picture);
            std::mem::swap(&mut bytes, &mut self.last);
        }
    }
}

/// Fills `bytes`. False: there was nothing any more.
fn read_or_end(input: &mut impl Read, bytes: &mut [u8]) -> std::io::Result<bool> {
    let first = loop {
        match input.read(bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            first => break first?,
        }
    };
    input.read_exact(&mut bytes[first..]).map(|()| true).or_else(|error| {
        let is_end = first == 0 && error.kind() == std::io::ErrorKind::UnexpectedEof;
        if is_end { Ok(false) } else { Err(error) }
    })
}

fn picture(width: u32, height: u32, bytes: &[u8]) -> Result<Mat, CameraError> {
    // A head's sides are at most 8192.
    let side = |pixels: u32| i32::try_from(pixels).unwrap_or(i32::MAX);
    let (rows, columns) = (side(height), side(width));
    let mut picture = Mat::new_rows_cols_with_default(rows, columns, opencv::core::CV_8UC3, Scalar::default())?;
    debug_assert!(picture.is_continuous(), "a new matrix has no gaps");
    picture.data_bytes_mut()?.copy_from_slice(bytes);
    Ok(picture)
}

#[cfg(test)]
mod tests {
    use protocol::time::UnixMillis;

    use super::*;

    const LIMIT: Duration = Duration::from_secs(20);

    #[test]
    fn attempts_come_later_and_later_and_not_all_at_once() {
        let retry = Retry::default();
        let waits = |chance| [1, 2, 3, 7, 1000].map(|failures| retry.after(failures, chance).as_millis());
        assert_eq!(waits(1.0), [500, 1000, 2000, 30_000, 30_000]);
        assert_eq!(waits(0.0), [250, 500, 1000, 15_000, 15_000]);
    }

    fn said(pictures: &[(u32, u32, u8)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (number, (width, height, grey)) in (0..).zip(pictures) {
            let head = Head::Picture {
                width: *width,
                height: *height,
                at: Duration::from_millis(number * 100),
                taken: UnixMillis(number),
            };
            bytes.extend(head.to_bytes());
            bytes.extend(vec![*grey; head.body()]);
        }
        bytes
    }

    #[test]
    fn pictures_of_any_size_come_through_and_time_only_goes_forward() {
        let (posts, notes) = (Mailbox::default(), Mailbox::default());
        let mut line = Line::new(LIMIT);
        let mut before = Duration::ZERO;
        for (width, height, grey) in [(64, 48, 10), (80, 60, 200), (33, 7, 0)] {
            let bytes = said(&[(width, height, 1), (width, height, grey)]);
            let ended = line.read(bytes.as_slice(), true, false, &posts, &notes);
            assert!(matches!(ended, Err(CameraError::Died)), "{ended:?}");
            let Taken::Message(Post::Frame(frame)) = posts.take(Duration::ZERO) else {
                panic!("a picture waits")
            };
            assert_eq!(
                (frame.picture.cols(), frame.picture.rows()),
                (width as i32, height as i32)
            );
            let brightness = opencv::core::mean_def(&frame.picture).expect("mean");
            assert_eq!(brightness[0], f64::from(grey), "the newest");
            assert!(frame.at > before, "each connection's time is later");
            assert_eq!(frame.taken, UnixMillis(1), "its own time comes with it");
            before = frame.at;
        }
    }

    #[test]
    fn half_a_message_and_nonsense_are_errors() {
        let (posts, notes) = (Mailbox::default(), Mailbox::default());
        let mut half = said(&[(64, 48, 10)]);
        half.pop();
        let ended = Line::new(LIMIT).read(half.as_slice(), true, false, &posts, &notes);
        assert!(matches!(ended, Err(CameraError::Process(_))), "{ended:?}");
        let ended = Line::new(LIMIT).read([7; 100].as_slice(), true, false, &posts, &notes);
        assert!(matches!(ended, Err(CameraError::Nonsense(_))), "{ended:?}");
        let mut reason = Head::Failure(5).to_bytes().to_vec();
        reason.extend(b"no!!!");
        let ended = Line::new(LIMIT).read(reason.as_slice(), true, false, &posts, &notes);
        assert!(matches!(ended, Err(CameraError::Said(why)) if why == "no!!!"));
    }
}
