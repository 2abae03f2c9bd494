//! What is foreground: a picture against the learned background (OpenCV's MOG2, shadows left out).
//!
//! Invariant: what looks like a person is learned many times slower than the rest, so that somebody who sits
//! stays foreground for [`Memory::still_for`], while light and weather are followed within seconds.

use std::time::Duration;

use opencv::core::{self, Mat, MatTraitConst as _, MatTraitConstManual as _, Ptr, Scalar, Size};
use opencv::prelude::BackgroundSubtractorMOG2Trait as _;
use opencv::video::BackgroundSubtractorMOG2;
use opencv::{imgproc, video};

use super::DetectError;

/// The background is an average over about this time.
const MEMORY: Duration = Duration::from_secs(30);

/// MOG2 takes something for background once it has been there for 10 % of what it remembers
/// (`backgroundRatio` 0.9): after this share of [`MEMORY`], ln 0.9.
const FADE: f64 = 0.105;

/// A new scene is learned so long before anybody is counted.
const SETTLING: Duration = Duration::from_secs(2);

/// And at least over so many pictures.
const SETTLING_PICTURES: u32 = 8;

/// When more than this share of the picture changes between two looks it was the light (or the camera).
const JUMP: f64 = 0.6;

/// Squared distance in standard deviations from which a pixel is foreground (OpenCV's default).
const THRESHOLD: f64 = 16.0;

/// How darker than the background a shadow may be, as a share of its brightness (OpenCV's default).
const SHADOW: f64 = 0.5;

/// MOG2's marks in its mask.
const IS_SHADOW: f64 = 127.0;
const IS_FOREGROUND: f64 = 255.0;

/// How long things are remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// A person who doesn't move at all stays foreground for about so long.
    pub still_for: Duration,
}

/// The learned background of one camera, for pictures of one size.
pub struct Background {
    model: Ptr<BackgroundSubtractorMOG2>,
    /// What was learned last: the newest picture, with the people in it as it was before they came.
    learned: Mat,
    mask: Mat,
    scratch: Mat,
    speck: Mat,
    margin: Mat,
    /// Looks from one that learns people too to the next.
    whole_every: f64,
    whole_due: Duration,
    since: Option<Duration>,
    last: Duration,
    pictures: u32,
}

impl std::fmt::Debug for Background {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Background")
            .field("pictures", &self.pictures)
            .finish_non_exhaustive()
    }
}

impl Background {
    /// Knows nothing yet. `margin`: half a person's width where people are smallest, in pixels; the
    /// neighbourhood of people that is not learned with them.
    ///
    /// # Errors
    /// What OpenCV says.
    pub fn new(memory: Memory, margin: i32) -> Result<Self, DetectError> {
        let history = i32::try_from(MEMORY.as_secs()).unwrap_or(i32::MAX);
        let mut model = video::create_background_subtractor_mog2(history, THRESHOLD, true)?;
        model.set_shadow_threshold(SHADOW)?;
        let ellipse =
            |size| imgproc::get_structuring_element_def(imgproc::MORPH_ELLIPSE, Size::new(2 * size + 1, 2 * size + 1));
        Ok(Self {
            model,
            learned: Mat::default(),
            mask: Mat::default(),
            scratch: Mat::default(),
            speck: imgproc::get_structuring_element_def(imgproc::MORPH_RECT, Size::new(3, 3))?,
            margin: ellipse(margin.max(1))?,
            whole_every: memory.still_for.as_secs_f64() / (FADE * MEMORY.as_secs_f64()),
            whole_due: Duration::ZERO,
            since: None,
            last: Duration::ZERO,
            pictures: 0,
        })
    }

    /// The foreground of the next picture, taken at `at` by the camera's own clock: one byte a pixel, 0 where
    /// nothing is, row by row. `None` while the scene is being learned.
    ///
    /// # Errors
    /// What OpenCV says.
    pub fn look(&mut self, picture: &Mat, at: Duration) -> Result<Option<&[u8]>, DetectError> {
        let since = *self.since.get_or_insert(at);
        let is_settling = self.pictures < SETTLING_PICTURES || at.saturating_sub(since) < SETTLING;
        if is_settling {
            self.learn_whole(picture, at)?;
            return Ok(None);
        }
        self.model.apply(picture, &mut self.mask, 0.0)?;
        let changed = self.share_of_at_least(IS_SHADOW)?;
        if changed > JUMP {
            self.since = Some(at);
            self.pictures = 0;
            self.learn_whole(picture, at)?;
            return Ok(None);
        }
        core::compare(
            &self.mask,
            &Scalar::all(IS_FOREGROUND - 1.0),
            &mut self.scratch,
            core::CMP_GT,
        )?;
        std::mem::swap(&mut self.mask, &mut self.scratch);
        self.learn(picture, at)?;
        imgproc::morphology_ex_def(&self.mask, &mut self.scratch, imgproc::MORPH_CLOSE, &self.speck)?;
        Ok(Some(self.scratch.data_bytes()?))
    }

    fn share_of_at_least(&mut self, mark: f64) -> Result<f64, DetectError> {
        core::compare(&self.mask, &Scalar::all(mark - 1.0), &mut self.scratch, core::CMP_GT)?;
        let all = self.mask.total().max(1);
        Ok(f64::from(core::count_non_zero(&self.scratch)?) / all as f64)
    }

    fn learn_whole(&mut self, picture: &Mat, at: Duration) -> Result<(), DetectError> {
        picture.copy_to(&mut self.learned)?;
        self.whole_due = at;
        self.apply(at)
    }

    /// Learns the picture without the people in it, or now and then with them.
    fn learn(&mut self, picture: &Mat, at: Duration) -> Result<(), DetectError> {
        let pace = at.saturating_sub(self.last).as_secs_f64();
        if at >= self.whole_due {
            self.whole_due = at + Duration::from_secs_f64(pace * self.whole_every);
            picture.copy_to(&mut self.learned)?;
        } else {
            imgproc::morphology_ex_def(&self.mask, &mut self.scratch, imgproc::MORPH_OPEN, &self.speck)?;
            let mut people = Mat::default();
            imgproc::dilate_def(&self.scratch, &mut people, &self.margin)?;
            core::bitwise_not_def(&people, &mut self.scratch)?;
            core::copy_to(picture, &mut self.learned, &self.scratch)?;
        }
        self.apply(at)
    }

    fn apply(&mut self, at: Duration) -> Result<(), DetectError> {
        self.pictures = self.pictures.saturating_add(1);
        let pace = at.saturating_sub(self.last).as_secs_f64() / MEMORY.as_secs_f64();
        self.last = at;
        // A new model learns fast (the first picture whole: rate 1 begins anew); after a gap not everything at once.
        let rate = pace.clamp(0.0, 0.05).max(1.0 / f64::from(self.pictures));
        let mut ignored = Mat::default();
        self.model.apply(&self.learned, &mut ignored, rate)?;
        Ok(())
    }
}
