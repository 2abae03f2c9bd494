//! What is foreground: a picture against the learned background (OpenCV's MOG2, shadows left out).
//!
//! Invariant: where something like a person is, nothing is learned until it has been there without a break for
//! [`Memory::still_for`], and where people are said to stay nothing at all; so somebody who sits stays foreground, while
//! light and weather are followed within seconds, and furniture that was moved is learned in the end.

use std::time::Duration;

use opencv::core::{self, Mat, MatTraitConst as _, MatTraitConstManual as _, Ptr, Rect, Scalar, Size};
use opencv::prelude::{BackgroundSubtractorMOG2Trait as _, MatExprTraitConst as _, MatTrait as _};
use opencv::video::BackgroundSubtractorMOG2;
use opencv::{imgproc, video};

use super::exposure::Exposure;
use super::restless::Restless;
use super::{DetectError, ghosts};

/// The background is an average over about this time.
const MEMORY: Duration = Duration::from_secs(30);

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
    /// Whatever stays where it is is foreground for so long, and a few seconds more.
    pub still_for: Duration,
}

/// Where people are in a picture, in its pixels.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Whoever stays: not learned, however long they do.
    pub kept: Vec<Rect>,
    /// Everybody who is known to be a person.
    pub people: Vec<Rect>,
}

/// The learned background of one camera, for pictures of one size.
pub struct Background {
    model: Ptr<BackgroundSubtractorMOG2>,
    /// What was learned last: the newest picture, with the people in it as it was before they came.
    learned: Mat,
    exposure: Exposure,
    restless: Restless,
    /// The picture in the background's light.
    even: Mat,
    mask: Mat,
    scratch: Mat,
    speck: Mat,
    margin: Mat,
    /// Pixels around the smallest person.
    smallest_outline: i32,
    /// Seconds for which each pixel has been a person's.
    still: Mat,
    still_for: Duration,
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
            exposure: Exposure::default(),
            restless: Restless::default(),
            even: Mat::default(),
            mask: Mat::default(),
            scratch: Mat::default(),
            speck: imgproc::get_structuring_element_def(imgproc::MORPH_RECT, Size::new(3, 3))?,
            margin: ellipse(margin.max(1))?,
            // Half of the outline of a box six half-widths high; less is a limb or a leaf.
            smallest_outline: margin.saturating_mul(8),
            still: Mat::default(),
            still_for: memory.still_for,
            since: None,
            last: Duration::ZERO,
            pictures: 0,
        })
    }

    /// The foreground of the next picture, taken at `at` by the camera's own clock: one byte a pixel, 0 where
    /// nothing is, row by row. `None` while the scene is being learned. What `places` says of people is of the last picture.
    ///
    /// # Errors
    /// What OpenCV says.
    pub fn look(&mut self, picture: &Mat, places: &Places, at: Duration) -> Result<Option<&[u8]>, DetectError> {
        let since = *self.since.get_or_insert(at);
        let is_settling = self.pictures < SETTLING_PICTURES || at.saturating_sub(since) < SETTLING;
        if is_settling {
            self.learn_whole(picture, at)?;
            return Ok(None);
        }
        let mut even = std::mem::take(&mut self.even);
        let is_even = self.exposure.level(picture, &self.learned, &mut even)?;
        if is_even {
            self.model.apply(&even, &mut self.mask, 0.0)?;
        }
        if !is_even || self.share_of_at_least(IS_SHADOW)? > JUMP {
            self.since = Some(at);
            self.pictures = 0;
            self.exposure = Exposure::default();
            self.restless = Restless::default();
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
        (self.restless).calm(&mut self.mask, &even, &self.learned, &places.people, at)?;
        self.learn(&even, places, at)?;
        self.even = even;
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
        self.still = Mat::zeros_size(picture.size()?, core::CV_32FC1)?.to_mat()?;
        self.apply(at)
    }

    /// Learns the picture, but where people are only what has been there for long.
    fn learn(&mut self, picture: &Mat, places: &Places, at: Duration) -> Result<(), DetectError> {
        let fill = |mask: &mut Mat, boxes: &[Rect], mark: f64| -> opencv::Result<()> {
            let mark = Scalar::all(mark);
            (boxes.iter())
                .try_for_each(|place| imgproc::rectangle(mask, *place, mark, imgproc::FILLED, imgproc::LINE_8, 0))
        };
        imgproc::morphology_ex_def(&self.mask, &mut self.scratch, imgproc::MORPH_OPEN, &self.speck)?;
        if let Some(ghosts) = ghosts::find(&self.scratch, picture, &self.learned, self.smallest_outline)? {
            let mut around = Mat::default();
            imgproc::dilate_def(&ghosts, &mut around, &self.margin)?;
            fill(&mut around, &places.people, 0.0)?;
            core::copy_to(picture, &mut self.learned, &around)?;
        }
        let mut people = Mat::default();
        imgproc::dilate_def(&self.scratch, &mut people, &self.margin)?;
        fill(&mut people, &places.kept, IS_FOREGROUND)?;
        core::bitwise_not_def(&people, &mut self.scratch)?;
        self.still.set_to(&Scalar::all(0.0), &self.scratch)?;
        let passed = Scalar::all(at.saturating_sub(self.last).as_secs_f64());
        let longer = self.still.clone();
        core::add(&longer, &passed, &mut self.still, &people, -1)?;
        core::copy_to(picture, &mut self.learned, &self.scratch)?;
        let limit = Scalar::all(self.still_for.as_secs_f64());
        core::compare(&self.still, &limit, &mut self.scratch, core::CMP_GE)?;
        fill(&mut self.scratch, &places.kept, 0.0)?;
        core::copy_to(picture, &mut self.learned, &self.scratch)?;
        self.apply(at)
    }

    fn apply(&mut self, at: Duration) -> Result<(), DetectError> {
        self.pictures = self.pictures.saturating_add(1);
        let pace = at.saturating_sub(self.last).as_secs_f64() / MEMORY.as_secs_f64();
        self.last = at;
        // A young model averages over what it has seen so far (the first picture: all of it); and after a gap it
        // doesn't learn everything at once.
        let rate = pace.clamp(0.0, 0.05).max(1.0 / f64::from(self.pictures));
        let mut ignored = Mat::default();
        self.model.apply(&self.learned, &mut ignored, rate)?;
        Ok(())
    }
}
