//! Does the camera still see what it was set up for? Judged on a small grey picture, before anybody is looked for.
//!
//! *Dark*: hardly anything is bright. *Covered*: hardly anything has an edge, far less than usual. *Jump*: most of the
//! picture has changed since the last one (the light, a flash); such a picture is left, and what stays so for a second is
//! the new light. *Turned*: hardly anywhere are the edges where they were learned to be, for seconds. People hide them
//! too, near the lens most of them; but what is seen between and beside people is where it was. Pure: time is an argument.
//!
//! Invariant: a view that was turned is never learned. Where somebody has turned the camera on purpose, what was set up
//! (heights, outline, lines) doesn't hold any more, and `vision` is started anew with what does. What is learned lives in
//! memory only.

use std::time::Duration;

use opencv::core::{Mat, MatTraitConstManual as _, Size};
use opencv::imgproc;

use crate::camera::Frame;

/// Pictures are shrunk to this; at it the whole judgement takes well under a millisecond.
const SIZE: [i32; 2] = [64, 48];
const PIXELS: usize = 64 * 48;

/// A pixel from this value on is bright (of 255);
const BRIGHT: u8 = 40;
/// a picture with fewer bright pixels is dark, and one that was dark needs this share to be light again.
const DARK_SHARE: f64 = 0.04;
const LIGHT_SHARE: f64 = 0.08;

/// Mean difference of neighbours (of 255): a picture below it has no edges, whatever is usual;
const NO_EDGES: f64 = 1.0;
/// and one below this share of what is usual is covered; it needs the second share not to be any more.
const COVERED_SHARE: f64 = 0.25;
const UNCOVERED_SHARE: f64 = 0.4;

/// A pixel that differs by more has changed (of 255),
const CHANGED: u8 = 12;
/// and when more than this share has, it is a jump;
const JUMP_SHARE: f64 = 0.8;
/// which, when it stays, is the new light after so long.
const NEW_LIGHT_AFTER: Duration = Duration::from_secs(1);

/// Edges are learned so long before they are compared,
const LEARNING: Duration = Duration::from_secs(5);
/// and of so many pictures,
const FEWEST_LOOKS: u32 = 10;
/// and then slowly: the furniture of a room changes.
const MEMORY: Duration = Duration::from_secs(600);

/// The picture is compared in windows of so many pixels' side, which overlap by half.
const WINDOW: usize = 8;
/// A window in which what was learned varies by less (standard deviation) says nothing: a wall, the sky.
const PLAIN: f64 = 0.25;
/// So does one that showed what was learned less often than this: people walked there, over ground that is plain or even.
const STEADY: f32 = 0.5;
/// With fewer windows that say something (of 140) nothing is said. In a bare hall those may be people only, three or so.
const FEWEST_WINDOWS: usize = 40;
/// With so many it can't be people alone who were learned; rooms and streets have 86 and more.
const MANY_WINDOWS: usize = 80;
/// A window shows what it did when its edges correlate so well with what was learned.
const ALIKE: f64 = 0.7;
/// When fewer than this share of the windows do, the view is another; from the second on it is the old one again. (A street
/// scene: 0.7 to 0.9 as it goes on, 0.2 to 0.3 moved by a 20th of the picture, 0.05 by a twelfth, at most 0.07 turned,
/// mirrored or upside down. A hall with 16 people close by: 0.3; one who hides two thirds of it: 0.15.)
const TURNED: f64 = 0.1;
const TURNED_BACK: f64 = 0.2;
/// A view must be another for so long: a lorry or a group before the camera goes.
const TURNED_AFTER: Duration = Duration::from_secs(4);

/// What a picture is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum View {
    /// People can be looked for.
    Clear,
    /// Most of it has just changed: it isn't looked at.
    Jump,
    /// Too dark.
    Dark,
    /// Something is before the lens.
    Covered,
    /// The camera looks elsewhere.
    Turned,
}

/// Judges one camera's pictures, one after the other.
#[derive(Debug, Default)]
pub struct Viewer {
    small: Mat,
    grey: Mat,
    /// The last picture that wasn't a jump.
    last: Vec<u8>,
    jumped_at: Option<Duration>,
    is_dark: bool,
    is_covered: bool,
    usual_edges: Option<f64>,
    edges: Learned,
    other_since: Option<Duration>,
    is_turned: bool,
}

/// Edges of a part of the picture.
type Window = [f32; WINDOW * WINDOW];

/// What a window shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shows {
    /// What was learned.
    Learned,
    /// Something else.
    Other,
    /// Nothing: whoever or whatever was learned there may just have gone.
    Nothing,
}

/// The edges that were learned.
#[derive(Debug, Default)]
struct Learned {
    map: Vec<f32>,
    /// For each window, how often it showed what was learned, 0 to 1.
    steady: Vec<f32>,
    looks: u32,
    since: Option<Duration>,
    until: Duration,
}

impl Viewer {
    /// What the picture is worth.
    ///
    /// # Errors
    /// What OpenCV says of a picture that isn't one.
    pub fn judge(&mut self, frame: &Frame) -> Result<View, opencv::Error> {
        let size = Size::new(SIZE[0], SIZE[1]);
        imgproc::resize(&frame.picture, &mut self.small, size, 0.0, 0.0, imgproc::INTER_AREA)?;
        imgproc::cvt_color_def(&self.small, &mut self.grey, imgproc::COLOR_BGR2GRAY)?;
        let picture = self.grey.data_typed::<u8>()?.to_vec();
        Ok(self.see(&picture, frame.at))
    }

    /// Of a small grey picture taken at `at`.
    fn see(&mut self, picture: &[u8], at: Duration) -> View {
        let bright = share(picture, |value| *value >= BRIGHT);
        self.is_dark = bright < if self.is_dark { LIGHT_SHARE } else { DARK_SHARE };
        if self.is_dark {
            return View::Dark;
        }
        let edges = edges_of(picture);
        let strength = f64::from(edges.iter().sum::<f32>()) / PIXELS as f64;
        let usual = self.usual_edges.unwrap_or(0.0);
        let least = usual
            * if self.is_covered {
                UNCOVERED_SHARE
            } else {
                COVERED_SHARE
            };
        self.is_covered = strength < least.max(NO_EDGES);
        if self.is_covered {
            return View::Covered;
        }
        if self.is_jump(picture, at) {
            return View::Jump;
        }
        let smooth = smoothed(&edges);
        let shows = self.edges.compare(&smooth);
        if self.looks_elsewhere(&shows, at) {
            return View::Turned;
        }
        if self.other_since.is_none() {
            let share = self.edges.learn(&smooth, &shows, at);
            self.usual_edges = Some(usual + (strength - usual) * share);
        }
        View::Clear
    }

    fn is_jump(&mut self, picture: &[u8], at: Duration) -> bool {
        let pairs = self.last.iter().zip(picture);
        let changed = pairs.filter(|(before, now)| before.abs_diff(**now) > CHANGED).count();
        let has_jumped = changed as f64 > JUMP_SHARE * PIXELS as f64;
        let since = has_jumped.then(|| self.jumped_at.unwrap_or(at));
        self.jumped_at = since.filter(|since| at.saturating_sub(*since) < NEW_LIGHT_AFTER);
        if self.jumped_at.is_none() {
            self.last.clear();
            self.last.extend(picture);
        }
        self.jumped_at.is_some()
    }

    fn looks_elsewhere(&mut self, shows: &[Shows], at: Duration) -> bool {
        let Some(likeness) = self.edges.likeness(shows, at) else {
            // It can't be told now: what was told stays, and what was only suspected is forgotten.
            if !self.is_turned {
                self.other_since = None;
            }
            return self.is_turned;
        };
        if likeness >= if self.is_turned { TURNED_BACK } else { TURNED } {
            self.other_since = None;
            self.is_turned = false;
        } else {
            let since = *self.other_since.get_or_insert(at);
            self.is_turned |= at.saturating_sub(since) >= TURNED_AFTER;
        }
        self.is_turned
    }
}

impl Learned {
    fn is_learning(&self, at: Duration) -> bool {
        let since = self.since.unwrap_or(at);
        at.saturating_sub(since) < LEARNING || self.looks < FEWEST_LOOKS
    }

    /// For each window, what it shows; empty before anything was learned.
    fn compare(&self, edges: &[f32]) -> Vec<Shows> {
        let pairs = windows(&self.map).zip(windows(edges));
        let shows = |(learned, now): (Window, Window)| match correlation(&learned, &now) {
            likeness if likeness >= ALIKE => Shows::Learned,
            _ if deviation(&now) >= PLAIN => Shows::Other,
            _ => Shows::Nothing,
        };
        pairs.map(shows).collect()
    }

    /// Learns edges that were seen at `at`, and what the windows showed; gives by which share of them.
    fn learn(&mut self, edges: &[f32], shows: &[Shows], at: Duration) -> f64 {
        let since = *self.since.get_or_insert(at);
        let passed = at.saturating_sub(self.until).as_secs_f64();
        let share = if self.map.is_empty() {
            self.map = vec![0.0; edges.len()];
            1.0
        } else if self.is_learning(at) {
            // The plain average of all so far, as near as pictures come evenly.
            let all = at.saturating_sub(since).as_secs_f64();
            (passed / (all + passed).max(1e-6)).min(1.0)
        } else {
            1.0 - (-passed / MEMORY.as_secs_f64()).exp()
        };
        self.until = at;
        self.looks = self.looks.saturating_add(1);
        // Shares of 1 or less lose nothing that matters in 32 bits.
        let part = share as f32;
        for (learned, now) in self.map.iter_mut().zip(edges) {
            *learned += (now - *learned) * part;
        }
        self.steady.resize(shows.len(), 1.0);
        for (steady, shows) in self.steady.iter_mut().zip(shows) {
            let is_there = f32::from(u8::from(*shows == Shows::Learned));
            *steady += (is_there - *steady) * part;
        }
        share
    }

    /// The share of windows that show what was learned, 0 to 1; `None` while it is being learned, or says too little.
    fn likeness(&self, shows: &[Shows], at: Duration) -> Option<f64> {
        if self.is_learning(at) {
            return None;
        }
        let told = windows(&self.map).map(|learned| deviation(&learned) >= PLAIN);
        let is_telling = told
            .zip(&self.steady)
            .map(|(is_told, steady)| is_told && *steady >= STEADY);
        let telling: Vec<Shows> = is_telling
            .zip(shows)
            .filter(|(it, _)| *it)
            .map(|(_, shows)| *shows)
            .collect();
        let count = |what| telling.iter().filter(|shows| **shows == what).count();
        // Where nothing is seen any more, somebody may have gone: by such alone no view is another.
        let showing = telling.len() - count(Shows::Nothing);
        let says_something = telling.len() >= MANY_WINDOWS || showing >= FEWEST_WINDOWS;
        says_something.then(|| count(Shows::Learned) as f64 / telling.len() as f64)
    }
}

fn share(picture: &[u8], is_it: impl Fn(&u8) -> bool) -> f64 {
    picture.iter().filter(|value| is_it(value)).count() as f64 / PIXELS as f64
}

/// How much each pixel differs from its right and its lower neighbour.
fn edges_of(picture: &[u8]) -> Vec<f32> {
    let width = SIZE[0] as usize;
    let at = |index: usize| f32::from(picture.get(index).copied().unwrap_or(0));
    (0..picture.len())
        .map(|index| {
            let right = if index % width + 1 < width {
                (at(index + 1) - at(index)).abs()
            } else {
                0.0
            };
            let below = if index + width < picture.len() {
                (at(index + width) - at(index)).abs()
            } else {
                0.0
            };
            (right + below) / 2.0
        })
        .collect()
}

/// Averages over three by three pixels, of square roots: one strong edge shall not be the whole view, and a shake of a
/// pixel none.
fn smoothed(edges: &[f32]) -> Vec<f32> {
    let (width, height) = (SIZE[0] as usize, SIZE[1] as usize);
    let roots: Vec<f32> = edges.iter().map(|edge| edge.sqrt()).collect();
    let mut smooth = vec![0.0; roots.len()];
    for y in 1..height - 1 {
        for x in 1..width - 1 {
            let rows = (y - 1..=y + 1).flat_map(|y| &roots[y * width + x - 1..=y * width + x + 1]);
            smooth[y * width + x] = rows.sum::<f32>() / 9.0;
        }
    }
    smooth
}

/// The windows of a map. Its outermost pixels are left out: they are no averages.
/// Of an empty map there are none.
fn windows(map: &[f32]) -> impl Iterator<Item = Window> {
    let (width, height) = (SIZE[0] as usize, SIZE[1] as usize);
    let height = if map.is_empty() { WINDOW } else { height };
    let starts = |side: usize| (1..side - WINDOW).step_by(WINDOW / 2);
    starts(height)
        .flat_map(move |top| starts(width).map(move |left| (top, left)))
        .map(move |(top, left)| {
            let mut window = [0.0; WINDOW * WINDOW];
            for (row, into) in window.chunks_exact_mut(WINDOW).enumerate() {
                let from = (top + row) * width + left;
                into.copy_from_slice(&map[from..from + WINDOW]);
            }
            window
        })
}

fn deviation(values: &[f32]) -> f64 {
    let count = values.len().max(1) as f64;
    let mean = values.iter().map(|value| f64::from(*value)).sum::<f64>() / count;
    let squares = values.iter().map(|value| (f64::from(*value) - mean).powi(2));
    (squares.sum::<f64>() / count).sqrt()
}

/// Pearson's correlation; 0 where one is even everywhere.
fn correlation(a: &[f32], b: &[f32]) -> f64 {
    let mean = |values: &[f32]| values.iter().map(|value| f64::from(*value)).sum::<f64>() / values.len().max(1) as f64;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut both, mut square_a, mut square_b) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (a, b) = (f64::from(*a) - mean_a, f64::from(*b) - mean_b);
        both += a * b;
        square_a += a * a;
        square_b += b * b;
    }
    let scale = (square_a * square_b).sqrt();
    if scale > 1e-9 { both / scale } else { 0.0 }
}
