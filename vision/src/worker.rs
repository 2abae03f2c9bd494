//! One camera's way from picture to reading, on a thread of its own.
//!
//! Invariant: a reading with a count comes from a picture that was just seen; a camera that is lost, silent or
//! unusable gives readings without one.

use std::thread;
use std::time::{Duration, Instant};

use protocol::config::Camera;
use protocol::time::UnixMillis;
use tokio::sync::watch;

use crate::camera::capture::{self, Pace, Post, Pulse, Retry};
use crate::camera::mailbox::{Mailbox, Taken};
use crate::camera::opencv_source::{Address, OpenCvSource};
use crate::detect::Detector;
use crate::detect::background::Memory;
use crate::detect::motion::Scene;
use crate::geometry::{GeometryError, PersonHeights, Polygon};
use crate::occupancy::Occupancy;

/// A camera that gave no picture for so long (or for three beats, if that is longer) is not seen any more.
const SILENT_AFTER: Duration = Duration::from_secs(5);

/// A call into a camera that takes longer never ends (OpenCV 4.6 `read()`, opencv#22677).
pub const HUNG_AFTER: Duration = Duration::from_secs(20);

/// How often silence is looked for.
const TICK: Duration = Duration::from_secs(1);

/// What one camera says of its area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// People in the area; `None` when the camera can't tell.
    pub count: Option<u32>,
    /// When that was so.
    pub at: UnixMillis,
    /// Pictures counted since the start.
    pub frames_counted: u64,
}

/// What set-up says of a camera, checked.
///
/// # Errors
/// [`GeometryError`] naming the field.
pub fn scene_of(camera: &Camera) -> Result<Scene, GeometryError> {
    let area = match &camera.polygon {
        Some(points) => Polygon::new(points.get_ref().clone())?,
        None => Polygon::whole_picture(),
    };
    Ok(Scene {
        heights: PersonHeights::new(*camera.person_heights.get_ref())?,
        area,
        memory: Memory {
            still_for: camera.still_for,
        },
    })
}

/// A camera at work.
#[derive(Debug)]
pub struct Worker {
    posts: Mailbox<Post>,
    pulse: Pulse,
}

impl Worker {
    /// Starts reading and counting. Readings go to `readings`, where only the newest waits.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(
        camera: &Camera,
        area: Polygon,
        detector: Box<dyn Detector>,
        readings: watch::Sender<Reading>,
    ) -> std::io::Result<Self> {
        let posts = Mailbox::default();
        let pace = Pace::per_second(camera.frames_per_second);
        let address = Address::new(&camera.source);
        let film_speed = camera.film_frames_per_second;
        let open = move || OpenCvSource::open(&address, film_speed);
        let pulse = capture::start(open, pace, Retry::default(), posts.clone())?;
        let occupancy = Occupancy::new(area, camera.median_of);
        let mut counter = Counter::new(detector, occupancy, pace);
        let inbox = posts.clone();
        let span = tracing::Span::current();
        thread::Builder::new().name("count".to_owned()).spawn(move || {
            let _inside = span.enter();
            loop {
                let taken = inbox.take(TICK);
                let is_last = matches!(taken, Taken::Closed);
                if let Some(reading) = counter.take(taken, Instant::now(), runtime::now()) {
                    readings.send_replace(reading);
                }
                if is_last {
                    return;
                }
            }
        })?;
        Ok(Self { posts, pulse })
    }

    /// Whether a call into the camera hangs, for good.
    #[must_use]
    pub fn is_hung(&self, now: Instant) -> bool {
        self.pulse.busy_for(now).is_some_and(|busy| busy > HUNG_AFTER)
    }

    /// Stops; the last reading has no count, because nobody looks any more.
    pub fn stop(&self) {
        self.posts.close();
    }
}

/// Turns what a camera posts into readings.
pub struct Counter {
    detector: Box<dyn Detector>,
    occupancy: Occupancy,
    silent_after: Duration,
    last_frame: Option<Instant>,
    frames_counted: u64,
    /// The error that was logged last, so that each is logged once.
    complaint: Option<String>,
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counter")
            .field("occupancy", &self.occupancy)
            .finish_non_exhaustive()
    }
}

impl Counter {
    /// Counts with a detector, for pictures that come at a pace.
    #[must_use]
    pub fn new(detector: Box<dyn Detector>, occupancy: Occupancy, pace: Pace) -> Self {
        Self {
            detector,
            occupancy,
            silent_after: SILENT_AFTER.max(pace.every * 3),
            last_frame: None,
            frames_counted: 0,
            complaint: None,
        }
    }

    /// What is known after taking something, or nothing, from the mailbox at `now` (`at` by the wall clock).
    /// `None`: as much as before.
    pub fn take(&mut self, taken: Taken<Post>, now: Instant, at: UnixMillis) -> Option<Reading> {
        let count = match taken {
            Taken::Message(Post::Frame(frame)) => {
                self.last_frame = Some(now);
                match self.detector.detect(&frame) {
                    Ok(sight) => {
                        self.complaint = None;
                        self.frames_counted += 1;
                        self.occupancy.see(&sight, frame.at)
                    }
                    Err(error) => {
                        self.complain(error.to_string());
                        self.unseen()
                    }
                }
            }
            Taken::Nothing => {
                let is_silent = self
                    .last_frame
                    .is_none_or(|last| now.saturating_duration_since(last) >= self.silent_after);
                if !is_silent {
                    return None;
                }
                self.unseen()
            }
            Taken::Message(Post::Lost(_)) | Taken::Closed => {
                self.last_frame = None;
                self.unseen()
            }
        };
        let frames_counted = self.frames_counted;
        Some(Reading {
            count,
            at,
            frames_counted,
        })
    }

    fn unseen(&mut self) -> Option<u32> {
        self.occupancy.forget();
        None
    }

    fn complain(&mut self, error: String) {
        if self.complaint.as_ref() != Some(&error) {
            tracing::error!(%error, "the camera's picture can't be looked at");
            self.complaint = Some(error);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::camera::{CameraError, Frame};
    use crate::detect::{DetectError, Detection, Sight};

    /// Sees as many people as its script says, or fails where it says so.
    struct Scripted(Vec<Option<usize>>);

    impl Detector for Scripted {
        fn detect(&mut self, _frame: &Frame) -> Result<Sight, DetectError> {
            let person = Detection {
                left: 0.4,
                top: 0.2,
                width: 0.1,
                height: 0.3,
                score: 1.0,
            };
            match self.0.remove(0) {
                Some(people) => Ok(Sight::People(vec![person; people])),
                None => Err(DetectError::Picture { width: 0, height: 0 }),
            }
        }
    }

    struct Scene {
        counter: Counter,
        start: Instant,
    }

    impl Scene {
        fn new(script: Vec<Option<usize>>) -> Self {
            let occupancy = Occupancy::new(Polygon::whole_picture(), 3);
            Self {
                counter: Counter::new(Box::new(Scripted(script)), occupancy, Pace::per_second(5.0)),
                start: Instant::now(),
            }
        }

        /// The count `second` seconds on; the outer `None`: nothing new is said.
        fn take(&mut self, taken: Taken<Post>, second: u64) -> Option<Option<u32>> {
            let passed = Duration::from_secs(second);
            let at = UnixMillis(second * 1000);
            let reading = self.counter.take(taken, self.start + passed, at)?;
            assert_eq!(reading.at, at);
            Some(reading.count)
        }
    }

    fn frame(second: u64) -> Taken<Post> {
        Taken::Message(Post::Frame(Frame {
            picture: opencv::core::Mat::default(),
            at: Duration::from_secs(second),
        }))
    }

    #[test]
    fn a_lost_camera_says_unknown_and_then_counts_anew() {
        let mut scene = Scene::new(vec![Some(4), Some(4), Some(1)]);
        assert_eq!(scene.take(frame(0), 0), Some(Some(4)));
        assert_eq!(scene.take(frame(1), 1), Some(Some(4)));
        let lost = Taken::Message(Post::Lost(CameraError::Ended));
        assert_eq!(scene.take(lost, 2), Some(None));
        assert_eq!(scene.take(Taken::Nothing, 3), Some(None), "and says so again");
        assert_eq!(scene.take(frame(4), 4), Some(Some(1)), "old counts don't come back");
    }

    #[test]
    fn a_silent_camera_turns_unknown_before_the_watchdog_bites() {
        let mut scene = Scene::new(vec![Some(4)]);
        assert_eq!(scene.take(frame(0), 0), Some(Some(4)));
        assert_eq!(
            scene.take(Taken::Nothing, 4),
            None,
            "a moment without a picture is no news"
        );
        assert_eq!(scene.take(Taken::Nothing, 5), Some(None));
        assert!(SILENT_AFTER < HUNG_AFTER);
    }

    #[test]
    fn a_picture_that_cannot_be_looked_at_is_no_count() {
        let mut scene = Scene::new(vec![Some(2), None, Some(3)]);
        assert_eq!(scene.take(frame(0), 0), Some(Some(2)));
        assert_eq!(scene.take(frame(1), 1), Some(None));
        assert_eq!(scene.take(frame(2), 2), Some(Some(3)));
    }

    #[test]
    fn at_the_end_nobody_looks_any_more() {
        let mut scene = Scene::new(vec![Some(2)]);
        assert_eq!(scene.take(frame(0), 0), Some(Some(2)));
        assert_eq!(scene.take(Taken::Closed, 1), Some(None));
    }
}
