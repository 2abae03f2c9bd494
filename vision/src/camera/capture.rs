//! The thread that reads one camera for ever: it opens it, hands on its pictures, and opens it again, later
//! and later, when it fails.
//!
//! A call into the source may hang for ever, and then nothing can end this thread: [`Pulse`] shows how long a
//! call has been going on, and the program ends itself.

use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use opencv::core::MatTraitConst as _;

use super::mailbox::Mailbox;
use super::{CameraError, Frame, FrameSource};

/// Between attempts to open a camera: doubling from the first to the last.
const FIRST_RETRY: Duration = Duration::from_millis(500);
const LAST_RETRY: Duration = Duration::from_secs(30);

/// A camera that has given pictures for so long was well: its next failure is a first one.
const WELL_AFTER: Duration = Duration::from_secs(10);

/// What the thread has to say.
#[derive(Debug)]
pub enum Post {
    /// The newest picture.
    Frame(Frame),
    /// The camera can't be seen any more.
    Lost(CameraError),
}

/// How often pictures are handed on, at most.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// From one picture to the next.
    pub every: Duration,
}

impl Pace {
    /// So many pictures a second.
    #[must_use]
    pub fn per_second(pictures: f64) -> Self {
        Self {
            every: Duration::from_secs_f64(1.0 / pictures.clamp(0.01, 240.0)),
        }
    }
}

/// When is the next picture due? Pictures keep to the beat, so that five a second of a seven-a-second film
/// are five and not three and a half.
#[derive(Debug, Clone, Copy)]
pub struct Beat {
    every: Duration,
    due: Duration,
}

impl Beat {
    /// The first picture is due at once.
    #[must_use]
    pub fn new(pace: Pace) -> Self {
        Self {
            every: pace.every,
            due: Duration::ZERO,
        }
    }

    /// Whether the picture of `at` is to be looked at. If so, the next one is due a beat later.
    pub fn is_due(&mut self, at: Duration) -> bool {
        if at < self.due {
            return false;
        }
        self.due += self.every;
        if self.due <= at {
            self.due = at + self.every;
        }
        true
    }
}

/// Shows since when a call into a source has been going on.
#[derive(Debug, Clone, Default)]
pub struct Pulse {
    entered: Arc<Mutex<Option<Instant>>>,
}

impl Pulse {
    /// How long the call that is going on at `now` has taken; `None` when there is none.
    #[must_use]
    pub fn busy_for(&self, now: Instant) -> Option<Duration> {
        let entered = *self.entered.lock().unwrap_or_else(PoisonError::into_inner);
        entered.map(|entered| now.saturating_duration_since(entered))
    }

    fn during<T>(&self, call: impl FnOnce() -> T) -> T {
        let set = |value| *self.entered.lock().unwrap_or_else(PoisonError::into_inner) = value;
        set(Some(Instant::now()));
        let result = call();
        set(None);
        result
    }
}

/// Waits that a test can shorten.
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

    /// How long to wait before the attempt after so many failures in a row (from 1).
    #[must_use]
    pub fn after(&self, failures: u32) -> Duration {
        let doubled = self
            .first
            .saturating_mul(2_u32.saturating_pow(failures.saturating_sub(1)));
        doubled.min(self.last)
    }
}

/// Starts the thread. It ends when the mailbox is closed; a hung call it never leaves.
///
/// # Errors
/// When the system gives no thread.
pub fn start<S, F>(mut open: F, pace: Pace, retry: Retry, posts: Mailbox<Post>) -> std::io::Result<Pulse>
where
    S: FrameSource,
    F: FnMut() -> Result<S, CameraError> + Send + 'static,
{
    let pulse = Pulse::default();
    let watched = pulse.clone();
    let span = tracing::Span::current();
    thread::Builder::new().name("capture".to_owned()).spawn(move || {
        let _inside = span.enter();
        let mut failures = 0;
        loop {
            let opened_at = Instant::now();
            let ended = watched
                .during(&mut open)
                .and_then(|mut source| read(&mut source, pace, &watched, &posts));
            let Err(error) = ended else { return };
            failures = if opened_at.elapsed() >= WELL_AFTER {
                1
            } else {
                failures + 1
            };
            let wait = retry.after(failures);
            tracing::warn!(%error, again_in = ?wait, "the camera is lost");
            if !posts.put(Post::Lost(error)) || posts.is_closed_within(wait) {
                return;
            }
        }
    })?;
    Ok(pulse)
}

/// Reads until the source fails (an error) or nobody wants pictures any more.
fn read(source: &mut impl FrameSource, pace: Pace, pulse: &Pulse, posts: &Mailbox<Post>) -> Result<(), CameraError> {
    let mut beat = Beat::new(pace);
    let mut start = Instant::now();
    let mut is_new = true;
    loop {
        let at = pulse.during(|| source.advance())?;
        if !beat.is_due(at) {
            continue;
        }
        if !source.is_live() {
            let now = Instant::now();
            // A machine that can't keep up plays the film slower rather than catch up for ever.
            start = start.max(now.checked_sub(at + pace.every).unwrap_or(start));
            if posts.is_closed_within((start + at).saturating_duration_since(now)) {
                return Ok(());
            }
        }
        let picture = pulse.during(|| source.picture())?;
        if std::mem::take(&mut is_new) {
            tracing::info!(width = picture.cols(), height = picture.rows(), "the camera is there");
        }
        if !posts.put(Post::Frame(Frame { picture, at })) {
            return Ok(());
        }
    }
}
