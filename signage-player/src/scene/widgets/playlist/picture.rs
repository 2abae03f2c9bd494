//! A playlist's picture: what is on show, and how it takes the place of what was.

use std::time::Duration;

use protocol::screen::{Rect, Transition};

use super::Place;
use crate::item::Frame;
use crate::scene::palette;
use crate::stage::canvas::{Canvas, Pixels};

/// How long one picture takes to give way to the next.
const TRANSITION: Duration = Duration::from_millis(500);

/// The newest frame, and what goes out before it.
pub(super) struct Picture {
    place: Place,
    transition: Transition,
    frame: Option<Frame>,
    /// What goes out, and since when.
    leaving: Option<(Frame, Duration)>,
    /// How much of the transition is done, 0 to 256.
    share: u32,
}

impl Picture {
    pub(super) fn new(place: Place, transition: Transition) -> Self {
        Self {
            place,
            transition,
            frame: None,
            leaving: None,
            share: 256,
        }
    }

    pub(super) fn is_there(&self) -> bool {
        self.frame.is_some()
    }

    /// The next frame of what is on show.
    pub(super) fn go_on(&mut self, frame: Frame) {
        self.frame = Some(frame);
    }

    /// The first frame of something else.
    pub(super) fn change(&mut self, first: Frame, now: Duration) {
        let before = self.frame.replace(first);
        if self.transition != Transition::Cut {
            self.leaving = before.map(|frame| (frame, now));
        }
    }

    /// Takes it away. Gives whether there was one.
    pub(super) fn clear(&mut self) -> bool {
        self.leaving = None;
        self.frame.take().is_some()
    }

    /// Moves the transition on. Gives whether the picture changed.
    pub(super) fn step(&mut self, now: Duration) -> bool {
        let Some((_, since)) = &self.leaving else { return false };
        let done = now.saturating_sub(*since).as_secs_f64() / TRANSITION.as_secs_f64();
        // Slow at both ends.
        let eased = done.clamp(0.0, 1.0);
        let eased = eased * eased * (3.0 - 2.0 * eased);
        self.share = (eased * 256.0) as u32;
        if done >= 1.0 {
            self.leaving = None;
        }
        true
    }

    /// Paints it, in the middle of its place, whose left upper corner is `at`. Gives whether there was one.
    pub(super) fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) -> bool {
        let Some(pixels) = self.frame.as_ref().and_then(Frame::pixels) else {
            return false;
        };
        let (width, height) = (self.place.width, self.place.height);
        let leaving = self.leaving.as_ref().and_then(|(frame, _)| frame.pixels());
        let middle = |zone: u32, picture: u32| (i64::from(zone) - i64::from(picture)) / 2;
        let corner = |pixels: &Pixels<'_>| (at.0 + middle(width, pixels.width), at.1 + middle(height, pixels.height));
        let covers = |pixels: &Pixels<'_>| (pixels.width, pixels.height) == (width, height);
        if !covers(&pixels) || leaving.as_ref().is_some_and(|pixels| !covers(pixels)) {
            canvas.fill(clip, palette::PALE_BLUE);
        }
        let Some(leaving) = leaving else {
            canvas.copy(clip, pixels, corner(&pixels));
            return true;
        };
        let (old, new) = (corner(&leaving), corner(&pixels));
        match self.transition {
            Transition::Slide => {
                let moved = i64::from(width) * i64::from(self.share) / 256;
                canvas.copy(clip, leaving, (old.0 - moved, old.1));
                canvas.copy(clip, pixels, (new.0 - moved + i64::from(width), new.1));
            }
            Transition::Fade | Transition::Cut => {
                canvas.copy(clip, leaving, old);
                // Where only one of both has a picture, the ground shines through.
                if !covers(&leaving) || !covers(&pixels) {
                    canvas.tint(clip, palette::PALE_BLUE, self.share);
                }
                canvas.mix(clip, pixels, new, self.share);
            }
        }
        true
    }
}
