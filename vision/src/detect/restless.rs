//! What never rests and is nobody: leaves in the wind, a flag, a screen that flickers.
//!
//! Each pixel remembers over about a minute how often it changed between foreground and background where nobody
//! walked. A pixel that did so often must differ more than it usually does to be foreground.

use std::time::Duration;

use opencv::core::{Mat, MatTraitConst as _, MatTraitConstManual as _, MatTraitManual as _, Rect, Vec3b};

use super::DetectError;

/// It remembers about so long.
const MEMORY: Duration = Duration::from_secs(60);

/// Changes a look from which a pixel is restless.
const RESTLESS: f32 = 0.06;

/// How much further than usual a restless pixel must be from the background to be foreground.
const FURTHER: f32 = 1.5;

/// How fast the usual difference is learned, a look.
const PACE: f32 = 0.1;

/// What each pixel is used to.
#[derive(Debug, Clone, Copy, Default)]
struct Habit {
    /// Whether it was foreground.
    was: bool,
    /// Share of looks in which it changed.
    changes: f32,
    /// Its usual difference when it does, grey levels.
    swing: f32,
}

/// The memory of one camera.
#[derive(Debug, Default)]
pub(super) struct Restless {
    habits: Vec<Habit>,
    last: Duration,
}

impl Restless {
    /// Takes restless pixels out of the mask (0 or 255), if they do what they usually do. `people`: where somebody is who
    /// is known to be a person: nothing is learned there.
    pub(super) fn calm(
        &mut self,
        mask: &mut Mat,
        picture: &Mat,
        background: &Mat,
        people: &[Rect],
        at: Duration,
    ) -> Result<(), DetectError> {
        let width = usize::try_from(mask.cols()).unwrap_or(1).max(1);
        self.habits.resize(mask.total(), Habit::default());
        let pace = (at.saturating_sub(self.last).as_secs_f32() / MEMORY.as_secs_f32()).min(0.05);
        self.last = at;
        let is_person = among(people, width, mask.total());
        let (now, before) = (picture.data_typed::<Vec3b>()?, background.data_typed::<Vec3b>()?);
        let pixels = mask.data_typed_mut::<u8>()?.iter_mut().zip(now.iter().zip(before));
        for ((pixel, (now, before)), (habit, is_person)) in pixels.zip(self.habits.iter_mut().zip(&is_person)) {
            let is_foreground = *pixel > 0;
            if !is_foreground && !habit.was && habit.changes == 0.0 {
                continue;
            }
            let difference = (now.0.iter().zip(&before.0))
                .map(|(now, before)| now.abs_diff(*before))
                .max()
                .map_or(0.0, f32::from);
            if is_foreground && habit.changes >= RESTLESS && difference < FURTHER * habit.swing {
                *pixel = 0;
            }
            if !is_person {
                let changed = if is_foreground == habit.was { 0.0 } else { 1.0 };
                habit.changes += pace * (changed - habit.changes);
                if habit.changes < 1e-4 {
                    habit.changes = 0.0;
                }
                if is_foreground {
                    habit.swing += PACE * (difference - habit.swing);
                }
            }
            habit.was = is_foreground;
        }
        Ok(())
    }
}

/// Which pixels lie in one of the boxes.
fn among(boxes: &[Rect], width: usize, total: usize) -> Vec<bool> {
    let mut is_in = vec![false; total];
    let side = |value: i32| usize::try_from(value).unwrap_or(0);
    for place in boxes {
        let (from, to) = (side(place.x), side(place.x + place.width).min(width));
        let rows = is_in.chunks_mut(width).skip(side(place.y));
        for row in rows.take(side(place.height)) {
            if from < to {
                row[from..to].fill(true);
            }
        }
    }
    is_in
}
