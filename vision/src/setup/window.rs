//! Through which somebody who sets a camera up looks at what its worker sees. Nobody looks most of the time, and that costs
//! one lock a picture.

use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use opencv::core::Mat;
use protocol::setup::{Boxes, Found, Still, Why};
use tokio::sync::{oneshot, watch};

use super::still::{Collected, LEAST_ROWS};

/// One camera's window.
#[derive(Debug)]
pub struct Window {
    /// Pixels high that stills are.
    rows: AtomicI32,
    asked: Mutex<Option<Asked>>,
    boxes: watch::Sender<Option<Boxes>>,
}

#[derive(Debug)]
struct Asked {
    collected: Collected,
    answer: oneshot::Sender<Result<Still, Why>>,
}

impl Default for Window {
    fn default() -> Self {
        Self {
            rows: AtomicI32::new(LEAST_ROWS as i32),
            asked: Mutex::default(),
            boxes: watch::channel(None).0,
        }
    }
}

impl Window {
    fn lock(&self) -> MutexGuard<'_, Option<Asked>> {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stills are so many pixels high from now on.
    pub fn set_rows(&self, rows: i32) {
        self.rows.store(rows, Ordering::Relaxed);
    }

    /// Asks for a still. It comes when the camera has given enough pictures.
    ///
    /// # Errors
    /// [`Why::Busy`] while somebody else waits for one.
    pub fn ask(&self) -> Result<oneshot::Receiver<Result<Still, Why>>, Why> {
        let mut asked = self.lock();
        if asked.as_ref().is_some_and(|asked| !asked.answer.is_closed()) {
            return Err(Why::Busy);
        }
        let (answer, receiver) = oneshot::channel();
        *asked = Some(Asked {
            collected: Collected::default(),
            answer,
        });
        Ok(receiver)
    }

    /// Where people are found from now on; the newest only.
    #[must_use]
    pub fn watch(&self) -> watch::Receiver<Option<Boxes>> {
        self.boxes.subscribe()
    }

    /// Shows a picture and who was found in it.
    pub(crate) fn see(&self, picture: &Mat, found: &[Found], now: Instant) {
        let rows = self.rows.load(Ordering::Relaxed);
        let mut slot = self.lock();
        let Some(asked) = slot.as_mut() else {
            return;
        };
        if asked.answer.is_closed() {
            *slot = None;
            return;
        }
        if let Err(error) = asked.collected.take(picture, found, rows, now) {
            tracing::error!(%error, "no still can be made");
            if let Some(asked) = slot.take() {
                let _ = asked.answer.send(Err(Why::NoPicture));
            }
            return;
        }
        drop(slot);
        self.pass(now);
    }

    /// Time passes, with or without a picture.
    pub(crate) fn pass(&self, now: Instant) {
        let mut slot = self.lock();
        if !slot.as_ref().is_some_and(|asked| asked.collected.is_enough(now)) {
            return;
        }
        if let Some(asked) = slot.take() {
            let still = asked.collected.finish().ok().flatten();
            // Who asked may have gone.
            let _ = asked.answer.send(still.ok_or(Why::NoPicture));
        }
    }

    /// Tells where people are found, if somebody watches.
    pub(crate) fn tell(&self, boxes: impl FnOnce() -> Boxes) {
        if self.boxes.receiver_count() > 0 {
            self.boxes.send_replace(Some(boxes()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use opencv::core::{CV_8UC3, Scalar};

    use super::*;

    fn picture() -> Mat {
        Mat::new_rows_cols_with_default(48, 64, CV_8UC3, Scalar::all(90.0)).expect("mat")
    }

    #[test]
    fn one_asks_at_a_time_and_who_has_gone_makes_room() {
        let window = Window::default();
        window.set_rows(24);
        let mut first = window.ask().expect("asked");
        assert_eq!(window.ask().err(), Some(Why::Busy));
        let start = Instant::now();
        for second in 0..5 {
            window.see(&picture(), &[], start + Duration::from_secs(second));
        }
        let still = first.try_recv().expect("there").expect("a still");
        assert_eq!((still.width, still.height), (32, 24));
        drop(window.ask().expect("asked"));
        assert!(window.ask().is_ok());
    }

    #[test]
    fn nothing_is_told_where_nobody_watches() {
        let window = Window::default();
        let boxes = || Boxes {
            at: protocol::time::UnixMillis(1),
            status: protocol::congestion::CameraStatus::Seeing,
            count: Some(2),
            people: Vec::new(),
        };
        window.tell(|| panic!("nobody asked"));
        let watching = window.watch();
        window.tell(boxes);
        assert_eq!(watching.borrow().as_ref().and_then(|boxes| boxes.count), Some(2));
    }
}
