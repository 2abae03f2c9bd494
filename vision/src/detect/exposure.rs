//! Slow changes of the light over the whole picture (clouds, a camera's own exposure), taken out before a picture is
//! compared with the background.
//!
//! Invariant: a picture comes out as bright as the background was when it was first learned, or it is said that it can't.

use opencv::core::{Mat, MatTraitConst as _, MatTraitConstManual as _, MatTraitManual as _, Vec3b};

use super::DetectError;

/// The light is looked for within this change since the last look (natural logarithm of the factor): more is a light
/// that was switched.
const STEP: f64 = 0.3;

/// It has changed by what this share of the picture agrees on, when nearest ratios are put together,
const AGREED: f64 = 0.15;

/// in steps of this (natural logarithm of the factor).
const BIN: f64 = 0.02;

/// Further from the learned light than this the picture is learned anew (natural logarithm of the factor).
const RANGE: f64 = 0.75;

/// Every so many pixels are compared.
const EVERY: usize = 7;

/// Pixels darker than this in the background say little about the light,
const DARK: i32 = 20 * 3;

/// and channels from this on are cut off by the sensor: they are at least so bright.
const CUT_OFF: u8 = 251;

/// The light against that of the learned background.
#[derive(Debug, Default)]
pub(super) struct Exposure {
    /// Natural logarithm of how much brighter the last picture was.
    gain: f64,
}

impl Exposure {
    /// Writes the picture to `even` as it were in the background's light. False: the light is too far from the
    /// background's; then nothing is written, and the next background is to be learned in today's light.
    pub(super) fn level(&mut self, picture: &Mat, background: &Mat, even: &mut Mat) -> Result<bool, DetectError> {
        let gain = self.next_gain(picture, background)?.unwrap_or(self.gain);
        if gain.abs() > RANGE {
            self.gain = 0.0;
            return Ok(false);
        }
        self.gain = gain;
        picture.convert_to(even, -1, (-gain).exp(), 0.0)?;
        if gain > 0.0 {
            // What is cut off may be as bright as the background, where that is brighter.
            let sources = (picture.data_typed::<Vec3b>()?.iter()).zip(background.data_typed::<Vec3b>()?);
            for (even, (now, before)) in even.data_typed_mut::<Vec3b>()?.iter_mut().zip(sources) {
                for ((even, now), before) in even.0.iter_mut().zip(now.0).zip(before.0) {
                    if now >= CUT_OFF {
                        *even = (*even).max(before);
                    }
                }
            }
        }
        Ok(true)
    }

    /// What most of the picture that is no more than a step from the last light agrees on: whoever stands before
    /// the camera, however near, doesn't. None where nothing does.
    fn next_gain(&self, picture: &Mat, background: &Mat) -> Result<Option<f64>, DetectError> {
        let sum = |pixel: &Vec3b| pixel.0.iter().map(|value| i32::from(*value)).sum::<i32>();
        let is_whole = |pixel: &Vec3b| pixel.0.iter().all(|value| *value < CUT_OFF);
        let now = picture.data_typed::<Vec3b>()?.iter().step_by(EVERY);
        let before = background.data_typed::<Vec3b>()?.iter().step_by(EVERY);
        let (mut compared, mut ratios) = (0_usize, Vec::new());
        for (now, before) in now.zip(before).filter(|(_, before)| sum(before) >= DARK) {
            compared += 1;
            if is_whole(now) && is_whole(before) {
                ratios.push((f64::from(sum(now).max(1)) / f64::from(sum(before))).ln() - self.gain);
            }
        }
        ratios.retain(|ratio| ratio.abs() <= STEP);
        ratios.sort_unstable_by(f64::total_cmp);
        // The window of two steps with most ratios in it, and its middle one.
        let (mut best, mut end) = (0..0, 0);
        for start in 0..ratios.len() {
            while end < ratios.len() && ratios[end] <= ratios[start] + 2.0 * BIN {
                end += 1;
            }
            if end - start > best.len() {
                best = start..end;
            }
        }
        let is_agreed = best.len() as f64 >= AGREED * compared as f64 && best.len() >= 100;
        Ok(is_agreed.then(|| self.gain + ratios[usize::midpoint(best.start, best.end)]))
    }
}
