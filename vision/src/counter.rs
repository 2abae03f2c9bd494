//! One camera's way from picture to reading.
//!
//! Invariant: a reading with a count comes from a picture that was just seen; a camera that is lost, silent or
//! unusable gives readings without one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::congestion::CameraStatus;
use protocol::setup::{Boxes, Found};
use protocol::time::UnixMillis;

use crate::area::presence::Presence;
use crate::camera::Frame;
use crate::camera::capture::Pace;
use crate::camera::mailbox::Taken;
use crate::camera::supervise::{Loss, Post};
use crate::detect::{Detector, Sight};
use crate::door::Door;
use crate::duties::Duties;
use crate::line::Crossings;
use crate::parking::Places;
use crate::parking::lot::Lot;
use crate::setup::window::Window;
use crate::view::{View, Viewer};

/// A camera that gave no picture for so long (or for three beats, if that is longer) is not seen any more.
const SILENT_AFTER: Duration = Duration::from_secs(5);

/// What one camera says of its area.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// People in the area, or cars in the lot; `None` when the camera can't tell.
    pub count: Option<u32>,
    /// When that was so: a picture's own time.
    pub at: UnixMillis,
    /// Pictures counted since the start.
    pub frames_counted: u64,
    /// What is the matter with the camera.
    pub status: CameraStatus,
    /// How often it was lost since the start.
    pub losses: u64,
    /// Whether somebody stays before the screen; `None` when it can't tell, or isn't there for that.
    pub somebody: Option<bool>,
    /// What crossed its line since the start.
    pub crossed: Crossings,
    /// A car park's bays; `None` when it can't tell, or isn't there for that.
    pub places: Option<Places>,
}

impl Reading {
    /// Of a camera that nothing is known of at `at`.
    #[must_use]
    pub fn unknown(at: UnixMillis, status: CameraStatus) -> Self {
        Self {
            count: None,
            at,
            frames_counted: 0,
            status,
            losses: 0,
            somebody: None,
            crossed: Crossings::default(),
            places: None,
        }
    }
}

/// What a camera looks for.
enum Task {
    People(Box<dyn Detector>, Box<Duties>),
    Bays(Box<Lot>),
}

/// Turns what a camera posts into readings.
pub struct Counter {
    viewer: Viewer,
    task: Task,
    somebody: Option<bool>,
    places: Option<Places>,
    silent_after: Duration,
    last_frame: Option<Instant>,
    frames_counted: u64,
    losses: u64,
    status: CameraStatus,
    /// The error that was logged last, so that each is logged once.
    complaint: Option<String>,
    /// For who sets the camera up.
    window: Arc<Window>,
    /// Who was found in the last picture.
    found: Vec<Found>,
}

impl std::fmt::Debug for Counter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Counter")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

impl Counter {
    /// Counts with a detector, for pictures that come at a pace.
    #[must_use]
    pub fn new(detector: Box<dyn Detector>, duties: Duties, pace: Pace) -> Self {
        Self::of(Task::People(detector, Box::new(duties)), pace)
    }

    /// Looks at a car park's bays, in pictures that come at a pace.
    #[must_use]
    pub fn of_lot(lot: Lot, pace: Pace) -> Self {
        Self::of(Task::Bays(Box::new(lot)), pace)
    }

    fn of(task: Task, pace: Pace) -> Self {
        Self {
            viewer: Viewer::default(),
            task,
            somebody: None,
            places: None,
            silent_after: SILENT_AFTER.max(pace.every * 3),
            last_frame: None,
            frames_counted: 0,
            losses: 0,
            status: CameraStatus::Starting,
            complaint: None,
            window: Arc::default(),
            found: Vec::new(),
        }
    }

    /// The same, looked into by whoever sets the camera up.
    #[must_use]
    pub fn seen_through(mut self, window: Arc<Window>) -> Self {
        self.window = window;
        self
    }

    /// The same, in the place of one that has counted until now: what is the matter with the camera goes on.
    pub(crate) fn instead_of(mut self, old: &Self) -> Self {
        self.last_frame = old.last_frame;
        self.frames_counted = old.frames_counted;
        self.losses = old.losses;
        self.status = old.status;
        self
    }

    /// What is known after taking something, or nothing, from the mailbox at `now` (`at` by the wall clock; what was seen
    /// in a picture was so when that was taken). `None`: as much as before.
    pub fn take(&mut self, taken: Taken<Post>, now: Instant, mut at: UnixMillis) -> Option<Reading> {
        let count = match taken {
            Taken::Message(Post::Frame(frame)) => {
                self.last_frame = Some(now);
                at = frame.taken;
                let count = self.look(&frame);
                self.window.see(&frame.picture, &self.found, now);
                count
            }
            Taken::Nothing => {
                self.window.pass(now);
                let is_silent = self
                    .last_frame
                    .is_none_or(|last| now.saturating_duration_since(last) >= self.silent_after);
                if !is_silent {
                    return None;
                }
                if self.last_frame.is_some() {
                    self.status = CameraStatus::Lost;
                }
                self.unseen()
            }
            Taken::Message(Post::Lost(loss)) => {
                self.losses += 1;
                self.status = match loss {
                    Loss::Gone | Loss::Hung => CameraStatus::Lost,
                    Loss::Frozen => CameraStatus::Frozen,
                };
                self.last_frame = None;
                self.unseen()
            }
            Taken::Closed => {
                self.last_frame = None;
                self.unseen()
            }
        };
        self.window.tell(|| Boxes {
            at,
            status: self.status,
            count,
            people: self.found.clone(),
        });
        Some(Reading {
            count,
            at,
            frames_counted: self.frames_counted,
            status: self.status,
            losses: self.losses,
            somebody: self.somebody,
            crossed: self.crossed(),
            places: self.places,
        })
    }

    fn crossed(&self) -> Crossings {
        match &self.task {
            Task::People(_, duties) => duties.door.as_ref().map(Door::crossings).unwrap_or_default(),
            Task::Bays(_) => Crossings::default(),
        }
    }

    fn look(&mut self, frame: &Frame) -> Option<u32> {
        self.found.clear();
        let blind = match self.viewer.judge(frame) {
            Ok(View::Clear) => None,
            Ok(View::Jump) => {
                self.status = CameraStatus::Settling;
                return self.settle(frame.at);
            }
            Ok(View::Dark) => Some(CameraStatus::Dark),
            Ok(View::Covered) => Some(CameraStatus::Covered),
            Ok(View::Turned) => Some(CameraStatus::Turned),
            Err(error) => {
                self.complain(error.to_string());
                Some(CameraStatus::Failing)
            }
        };
        if let Some(status) = blind {
            if self.status != status {
                tracing::warn!(status = status.name(), "the camera sees nobody");
                self.status = status;
            }
            return self.unseen();
        }
        let seen = match &mut self.task {
            Task::People(detector, duties) => detector.detect(frame).map(|sight| {
                let status = match sight {
                    Sight::People(_) => CameraStatus::Seeing,
                    Sight::Settling => CameraStatus::Settling,
                };
                self.found = duties.found(&sight);
                let count = duties.follow(sight, detector.as_ref(), frame);
                self.somebody = (duties.presence.as_mut()).and_then(|presence| presence.see(count, frame.at));
                (status, count)
            }),
            Task::Bays(lot) => lot.look(frame).map(|places| {
                self.places = places;
                (CameraStatus::Seeing, places.map(|places| places.taken))
            }),
        };
        match seen {
            Ok((status, count)) => {
                self.complaint = None;
                self.frames_counted += 1;
                self.status = status;
                count
            }
            Err(error) => {
                self.complain(error.to_string());
                self.status = CameraStatus::Failing;
                self.unseen()
            }
        }
    }

    /// A picture that isn't looked at: what was known still stands, for a while.
    fn settle(&mut self, at: Duration) -> Option<u32> {
        match &mut self.task {
            Task::People(_, duties) => duties.occupancy.see(&Sight::Settling, at),
            Task::Bays(_) => self.places.map(|places| places.taken),
        }
    }

    fn unseen(&mut self) -> Option<u32> {
        self.found.clear();
        match &mut self.task {
            Task::People(_, duties) => {
                duties.occupancy.forget();
                duties.presence = duties.presence.as_ref().map(|_| Presence::new());
            }
            Task::Bays(lot) => lot.forget(),
        }
        (self.somebody, self.places) = (None, None);
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
    use crate::area::join::Shared;
    use crate::detect::{DetectError, Detection};
    use crate::geometry::Polygon;
    use crate::occupancy::Occupancy;
    use opencv::core::{Mat, MatTraitManual as _, Scalar};

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
        last: Option<Reading>,
    }

    impl Scene {
        fn new(script: Vec<Option<usize>>) -> Self {
            let duties = Duties {
                occupancy: Occupancy::new(Polygon::whole_picture(), 3),
                shared: Shared::new(Vec::new()),
                presence: Some(Presence::new()),
                door: None,
            };
            Self {
                counter: Counter::new(Box::new(Scripted(script)), duties, Pace::per_second(5.0)),
                start: Instant::now(),
                last: None,
            }
        }

        fn status(&self) -> (CameraStatus, u64) {
            let last = self.last.expect("a reading");
            (last.status, last.losses)
        }

        /// The count `second` seconds on; the outer `None`: nothing new is said.
        fn take(&mut self, taken: Taken<Post>, second: u64) -> Option<Option<u32>> {
            let passed = Duration::from_secs(second);
            let at = UnixMillis(second * 1000);
            let reading = self.counter.take(taken, self.start + passed, at)?;
            assert_eq!(reading.at, at);
            self.last = Some(reading);
            Some(reading.count)
        }
    }

    /// Stripes: something to see.
    fn stripes() -> Mat {
        let mut picture =
            Mat::new_rows_cols_with_default(48, 64, opencv::core::CV_8UC3, Scalar::all(100.0)).expect("mat");
        for (at, value) in picture.data_bytes_mut().expect("bytes").iter_mut().enumerate() {
            *value += (at / 24 % 2) as u8 * 80;
        }
        picture
    }

    fn shown(picture: Mat, second: u64) -> Taken<Post> {
        Taken::Message(Post::Frame(Frame {
            picture,
            at: Duration::from_secs(second),
            taken: UnixMillis(second * 1000),
        }))
    }

    fn frame(second: u64) -> Taken<Post> {
        shown(stripes(), second)
    }

    #[test]
    fn a_lost_camera_says_unknown_and_then_counts_anew() {
        let mut scene = Scene::new(vec![Some(4), Some(4), Some(1)]);
        assert_eq!(scene.take(frame(0), 0), Some(Some(4)));
        assert_eq!(scene.take(frame(1), 1), Some(Some(4)));
        let lost = Taken::Message(Post::Lost(Loss::Gone));
        assert_eq!(scene.take(lost, 2), Some(None));
        assert_eq!(scene.take(Taken::Nothing, 3), Some(None), "and says so again");
        assert_eq!(scene.take(frame(4), 4), Some(Some(1)), "old counts don't come back");
    }

    #[test]
    fn a_silent_camera_turns_unknown() {
        let mut scene = Scene::new(vec![Some(4)]);
        assert_eq!(scene.take(frame(0), 0), Some(Some(4)));
        assert_eq!(
            scene.take(Taken::Nothing, 4),
            None,
            "a moment without a picture is no news"
        );
        assert_eq!(scene.take(Taken::Nothing, 5), Some(None));
    }

    #[test]
    fn a_picture_that_cannot_be_looked_at_is_no_count() {
        let mut scene = Scene::new(vec![Some(2), None, Some(3)]);
        assert_eq!(scene.take(frame(0), 0), Some(Some(2)));
        assert_eq!(scene.take(frame(1), 1), Some(None));
        assert_eq!(scene.take(frame(2), 2), Some(Some(3)));
    }

    #[test]
    fn what_is_the_matter_is_told() {
        let mut scene = Scene::new(vec![Some(2), None, Some(2)]);
        scene.take(Taken::Nothing, 0);
        assert_eq!(scene.status(), (CameraStatus::Starting, 0));
        scene.take(frame(1), 1);
        assert_eq!(scene.status(), (CameraStatus::Seeing, 0));
        scene.take(frame(2), 2);
        assert_eq!(scene.status(), (CameraStatus::Failing, 0));
        scene.take(Taken::Message(Post::Lost(Loss::Frozen)), 3);
        assert_eq!(scene.status(), (CameraStatus::Frozen, 1));
        scene.take(Taken::Nothing, 9);
        assert_eq!(
            scene.status(),
            (CameraStatus::Frozen, 1),
            "until something else is known"
        );
        scene.take(frame(10), 10);
        assert_eq!(scene.status(), (CameraStatus::Seeing, 1));
        scene.take(Taken::Nothing, 20);
        assert_eq!(scene.status(), (CameraStatus::Lost, 1));
    }

    #[test]
    fn somebody_who_stays_is_told_and_a_lost_camera_cannot_tell() {
        let mut scene = Scene::new(vec![Some(1); 4]);
        let mut somebody = Vec::new();
        for second in 0..4 {
            scene.take(frame(second), second);
            somebody.push(scene.last.and_then(|last| last.somebody));
        }
        assert_eq!(somebody, [Some(false), Some(false), Some(true), Some(true)]);
        scene.take(Taken::Message(Post::Lost(Loss::Gone)), 4);
        assert_eq!(scene.last.and_then(|last| last.somebody), None);
    }

    #[test]
    fn a_camera_that_sees_nothing_says_unknown_though_it_gives_pictures() {
        let mut scene = Scene::new(vec![Some(4), Some(3)]);
        assert_eq!(scene.take(frame(0), 0), Some(Some(4)));
        let night = Mat::new_rows_cols_with_default(48, 64, opencv::core::CV_8UC3, Scalar::all(5.0)).expect("mat");
        assert_eq!(scene.take(shown(night, 1), 1), Some(None));
        assert_eq!(scene.status().0, CameraStatus::Dark);
        assert_eq!(scene.take(frame(2), 2), Some(Some(3)), "nothing of before");
    }

    #[test]
    fn at_the_end_nobody_looks_any_more() {
        let mut scene = Scene::new(vec![Some(2)]);
        assert_eq!(scene.take(frame(0), 0), Some(Some(2)));
        assert_eq!(scene.take(Taken::Closed, 1), Some(None));
    }
}
