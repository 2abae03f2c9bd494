//! What a bay's ground looks like, against the lot's own.
//!
//! Asphalt is even; cars have edges, glass, and parts that are darker or brighter than any of the ground. Two measures of
//! a bay, brought to one size so that near and far bays compare, on the logarithm of brightness so that light doesn't
//! matter:
//!
//! - *edges*: the share of its pixels at which brightness changes by more than a tenth from one to the next;
//! - *strangers*: the share that is clearly darker or brighter than nearly all of the ground between the bays, seen in the
//!   same picture. Where the sun throws shadows on the ground, shadows in a bay are no strangers.

use opencv::core::{Mat, MatTraitConst as _, MatTraitConstManual as _, Rect, Size};
use opencv::imgproc;

use super::fit::area;
use crate::detect::DetectError;
use crate::geometry::Polygon;

/// A bay is brought to so many pixels.
const PIXELS: f64 = 2304.0;
/// Only the middle of it counts, its outline shrunk to this: neighbours lean in.
const MIDDLE: f64 = 0.8;

/// Half of what edges are at least with a car and at most without, and the same for strangers (fitted to the first
/// sequence of the data that docs/vision.md names).
const EDGES_AT_BORDER: f64 = 0.33;
const STRANGERS_AT_BORDER: f64 = 0.127;
/// Each measure counts up to so many times its border.
const MOST: f64 = 3.0;

/// Natural logarithms of brightness: a step from pixel to pixel that is an edge,
const EDGE: f32 = 0.1;
/// how far beyond the ground's range a stranger is,
const BEYOND: f32 = 0.15;
/// and how far at least that range goes from its middle.
const LEAST_RANGE: f32 = 0.25;
/// The ground's range leaves out this share at each end: drains, litter, lines.
const LEFT_OUT: f64 = 0.02;

/// The ground is looked at in every so manieth pixel, across and down,
const GROUND_STEP: i32 = 4;
/// outside the bays grown by this,
const GROWN: f64 = 1.2;
/// and needs so many of them, or only edges count.
const LEAST_GROUND: usize = 500;

/// Measures bays.
#[derive(Debug)]
pub struct Texture {
    bays: Vec<Vec<[f64; 2]>>,
    /// The lot's outline.
    lot: Vec<[f64; 2]>,
    /// For pictures of one size.
    fitted: Option<Fitted>,
    grey: Mat,
}

#[derive(Debug)]
struct Fitted {
    picture: Size,
    bays: Vec<Part>,
    /// The ground's pixels, as indices into a picture's rows.
    ground: Vec<usize>,
}

/// A bay in pictures of one size.
#[derive(Debug)]
struct Part {
    /// Around it.
    rect: Rect,
    /// What that is brought to.
    size: Size,
    /// Its middle, in those pixels.
    is_middle: Vec<bool>,
}

/// Logarithms of brightness that the ground has.
#[derive(Debug, Clone, Copy)]
struct Ground {
    darkest: f32,
    brightest: f32,
}

impl Texture {
    /// For bays of these outlines, shares of the picture. `lot`: the outline of the ground that they are on; none: what
    /// lies between them.
    #[must_use]
    pub fn new(bays: Vec<Vec<[f64; 2]>>, lot: Option<Vec<[f64; 2]>>) -> Self {
        let lot = lot.unwrap_or_else(|| hull(bays.concat()));
        Self {
            bays,
            lot,
            fitted: None,
            grey: Mat::default(),
        }
    }

    /// Each bay's evidence: 0 for even ground, 1 at the border, at most [`MOST`].
    ///
    /// # Errors
    /// What OpenCV says of a picture that isn't one.
    pub fn measure(&mut self, picture: &Mat) -> Result<Vec<f64>, DetectError> {
        imgproc::cvt_color_def(picture, &mut self.grey, imgproc::COLOR_BGR2GRAY)?;
        let size = self.grey.size()?;
        let fitted = match self.fitted.take() {
            Some(fitted) if fitted.picture == size => fitted,
            _ => Fitted::new(&self.bays, &self.lot, size),
        };
        let fitted = self.fitted.insert(fitted);
        let ground = ground_of(self.grey.data_typed::<u8>()?, &fitted.ground);
        let look = |part: &Part| part.measure(&self.grey, ground);
        fitted.bays.iter().map(look).collect()
    }
}

impl Fitted {
    fn new(bays: &[Vec<[f64; 2]>], lot: &[[f64; 2]], picture: Size) -> Self {
        let sides = [f64::from(picture.width), f64::from(picture.height)];
        // An outline that is none (a sliver at the edge) hides nothing.
        let grown: Vec<Polygon> = bays
            .iter()
            .filter_map(|bay| Polygon::new(scaled(bay, GROWN)).ok())
            .collect();
        let mut ground = Vec::new();
        if let Ok(lot) = Polygon::new(lot.to_vec()) {
            for y in (0..picture.height).step_by(GROUND_STEP as usize) {
                for x in (0..picture.width).step_by(GROUND_STEP as usize) {
                    let point = [(f64::from(x) + 0.5) / sides[0], (f64::from(y) + 0.5) / sides[1]];
                    if lot.contains(point) && !grown.iter().any(|bay| bay.contains(point)) {
                        // Pictures have at most 8192 pixels a side.
                        ground.push((y * picture.width + x) as usize);
                    }
                }
            }
        }
        Self {
            picture,
            bays: bays.iter().map(|bay| Part::new(bay, sides)).collect(),
            ground,
        }
    }
}

impl Part {
    fn new(bay: &[[f64; 2]], sides: [f64; 2]) -> Self {
        let pixels: Vec<[f64; 2]> = bay.iter().map(|[x, y]| [x * sides[0], y * sides[1]]).collect();
        let scale = (PIXELS / area(&pixels).max(1.0)).sqrt();
        let around = |axis: usize| {
            let along = pixels.iter().map(|point| point[axis]);
            let (least, most) = (along.clone().fold(f64::INFINITY, f64::min), along.fold(0.0, f64::max));
            // Two pixels around, inside the picture, one pixel at least.
            let from = (least - 2.0).floor().clamp(0.0, sides[axis] - 1.0);
            (from, (most + 2.0).ceil().clamp(from + 1.0, sides[axis]))
        };
        let ((left, right), (top, bottom)) = (around(0), around(1));
        let (width, height) = (right - left, bottom - top);
        let side = |pixels: f64| (pixels * scale).round().clamp(8.0, 1024.0);
        let (to_width, to_height) = (side(width), side(height));
        let middle: Vec<[f64; 2]> = scaled(bay, MIDDLE)
            .iter()
            .map(|[x, y]| {
                [(x * sides[0] - left) / width, (y * sides[1] - top) / height].map(|share| share.clamp(0.0, 1.0))
            })
            .collect();
        let middle = Polygon::new(middle).unwrap_or_else(|_| Polygon::whole_picture());
        let mut is_middle = Vec::with_capacity((to_width * to_height) as usize);
        for y in 0..to_height as u32 {
            for x in 0..to_width as u32 {
                let point = [(f64::from(x) + 0.5) / to_width, (f64::from(y) + 0.5) / to_height];
                is_middle.push(middle.contains(point));
            }
        }
        Self {
            rect: Rect::new(left as i32, top as i32, width as i32, height as i32),
            size: Size::new(to_width as i32, to_height as i32),
            is_middle,
        }
    }

    fn measure(&self, grey: &Mat, ground: Option<Ground>) -> Result<f64, DetectError> {
        let part = Mat::roi(grey, self.rect)?;
        let mut patch = Mat::default();
        let method = if self.size.width < self.rect.width {
            imgproc::INTER_AREA
        } else {
            imgproc::INTER_LINEAR
        };
        imgproc::resize(&part, &mut patch, self.size, 0.0, 0.0, method)?;
        let light: Vec<f32> = patch
            .data_typed::<u8>()?
            .iter()
            .map(|value| logarithm(*value))
            .collect();
        let shares = shares(&light, self.size.width as usize, &self.is_middle, ground);
        let edges = (shares.edges / EDGES_AT_BORDER).min(MOST);
        Ok(match shares.strangers {
            Some(strangers) => f64::midpoint(edges, (strangers / STRANGERS_AT_BORDER).min(MOST)),
            None => edges,
        })
    }
}

/// What there is in a bay, shares of its middle.
struct Shares {
    edges: f64,
    /// `None`: there is no ground to compare with.
    strangers: Option<f64>,
}

fn shares(light: &[f32], width: usize, is_middle: &[bool], ground: Option<Ground>) -> Shares {
    let smooth = smoothed(light, width);
    let at = |x: usize, y: usize| smooth[y * width + x];
    let (mut all, mut edges, mut strangers) = (0_u32, 0_u32, 0_u32);
    let height = light.len() / width.max(1);
    for y in 1..height.saturating_sub(1) {
        for x in 1..width.saturating_sub(1) {
            if !is_middle[y * width + x] {
                continue;
            }
            all += 1;
            // Sobel's operator, in units of brightness a pixel.
            let (left, right) = (x - 1, x + 1);
            let dx = at(right, y - 1) - at(left, y - 1) + 2.0 * (at(right, y) - at(left, y)) + at(right, y + 1)
                - at(left, y + 1);
            let dy = at(left, y + 1) - at(left, y - 1) + 2.0 * (at(x, y + 1) - at(x, y - 1)) + at(right, y + 1)
                - at(right, y - 1);
            edges += u32::from(dx.hypot(dy) / 8.0 > EDGE);
            let value = light[y * width + x];
            strangers += u32::from(
                ground.is_some_and(|ground| value < ground.darkest - BEYOND || value > ground.brightest + BEYOND),
            );
        }
    }
    let share = |count: u32| f64::from(count) / f64::from(all.max(1));
    Shares {
        edges: share(edges),
        strangers: ground.map(|_| share(strangers)),
    }
}

/// Natural logarithm of a brightness, with enough added that noise in the dark is none.
fn logarithm(value: u8) -> f32 {
    (f32::from(value) + 10.0).ln()
}

/// A Gaussian of 0.8 pixels, over three by three.
fn smoothed(light: &[f32], width: usize) -> Vec<f32> {
    const SIDE: f32 = 0.2389;
    const MIDDLE: f32 = 0.5222;
    let height = light.len() / width.max(1);
    let mut across = light.to_vec();
    for y in 0..height {
        for x in 1..width.saturating_sub(1) {
            let at = y * width + x;
            across[at] = SIDE * (light[at - 1] + light[at + 1]) + MIDDLE * light[at];
        }
    }
    let mut both = across.clone();
    for y in 1..height.saturating_sub(1) {
        for x in 0..width {
            let at = y * width + x;
            both[at] = SIDE * (across[at - width] + across[at + width]) + MIDDLE * across[at];
        }
    }
    both
}

/// The range of the ground's light; `None` where there is too little of it.
fn ground_of(grey: &[u8], ground: &[usize]) -> Option<Ground> {
    if ground.len() < LEAST_GROUND {
        return None;
    }
    let mut values: Vec<u8> = ground.iter().filter_map(|at| grey.get(*at).copied()).collect();
    values.sort_unstable();
    let at = |share: f64| {
        values
            .get((share * (values.len() - 1) as f64).round() as usize)
            .copied()
    };
    let [low, middle, high] = [LEFT_OUT, 0.5, 1.0 - LEFT_OUT].map(|share| logarithm(at(share).unwrap_or(0)));
    Some(Ground {
        darkest: low.min(middle - LEAST_RANGE),
        brightest: high.max(middle + LEAST_RANGE),
    })
}

/// An outline larger or smaller around the mean of its corners, inside the picture.
fn scaled(outline: &[[f64; 2]], by: f64) -> Vec<[f64; 2]> {
    let mean = [0, 1].map(|axis| outline.iter().map(|point| point[axis]).sum::<f64>() / outline.len().max(1) as f64);
    let moved = |point: &[f64; 2]| [0, 1].map(|axis| (mean[axis] + (point[axis] - mean[axis]) * by).clamp(0.0, 1.0));
    outline.iter().map(moved).collect()
}

/// The convex hull (Andrew's monotone chain).
fn hull(mut points: Vec<[f64; 2]>) -> Vec<[f64; 2]> {
    points.sort_by(|a, b| a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])));
    let half = |points: &mut dyn Iterator<Item = [f64; 2]>| {
        let mut chain: Vec<[f64; 2]> = Vec::new();
        for point in points {
            while let [.., a, b] = chain[..]
                && (b[0] - a[0]) * (point[1] - a[1]) <= (b[1] - a[1]) * (point[0] - a[0])
            {
                chain.pop();
            }
            chain.push(point);
        }
        chain.pop();
        chain
    };
    let mut lower = half(&mut points.iter().copied());
    lower.append(&mut half(&mut points.iter().rev().copied()));
    lower
}

#[cfg(test)]
mod tests {
    use opencv::core::{self, Mat, MatTraitManual as _, Scalar};

    use super::*;
    use crate::simulate::Random;

    const WIDTH: i32 = 640;
    const HEIGHT: i32 = 360;
    const BAYS: [[f64; 2]; 4] = [[0.1, 0.5], [0.3, 0.5], [0.5, 0.5], [0.7, 0.5]];

    fn outlines() -> Vec<Vec<[f64; 2]>> {
        let bay = |[x, y]: [f64; 2]| vec![[x, y], [x + 0.15, y], [x + 0.15, y + 0.3], [x, y + 0.3]];
        BAYS.into_iter().map(bay).collect()
    }

    /// Asphalt with its grain, and in some bays a car: roof, windows, shadow below.
    fn lot(light: f64, cars: &[usize], shade_from: Option<f64>) -> Mat {
        let mut random = Random::new(5);
        let mut picture = Mat::new_rows_cols_with_default(HEIGHT, WIDTH, core::CV_8UC3, Scalar::all(0.0)).expect("mat");
        let bytes = picture.data_bytes_mut().expect("bytes");
        for y in 0..HEIGHT as usize {
            for x in 0..WIDTH as usize {
                let point = [x as f64 / f64::from(WIDTH), y as f64 / f64::from(HEIGHT)];
                let mut value = 100.0 + random.share() * 8.0;
                // A shadow's edge runs across the lot.
                if shade_from.is_some_and(|from| point[0] + point[1] * 0.3 > from) {
                    value *= 0.45;
                }
                for car in cars {
                    let [left, top] = BAYS[*car];
                    let (across, down) = ((point[0] - left) / 0.15, (point[1] - top) / 0.3);
                    if (0.15..0.85).contains(&across) && (0.1..0.9).contains(&down) {
                        value = match (down * 10.0) as u32 {
                            1 | 8 => 180.0,
                            2 | 6 => 25.0,
                            _ if (0.3..0.7).contains(&across) => 200.0,
                            _ => 40.0,
                        };
                    }
                }
                let at = (y * WIDTH as usize + x) * 3;
                bytes[at..at + 3].fill((value * light).clamp(0.0, 255.0) as u8);
            }
        }
        picture
    }

    fn measure(picture: &Mat) -> Vec<f64> {
        let lot = vec![[0.0, 0.2], [1.0, 0.2], [1.0, 1.0], [0.0, 1.0]];
        Texture::new(outlines(), Some(lot)).measure(picture).expect("measured")
    }

    #[test]
    fn cars_are_told_from_asphalt_in_every_light() {
        for light in [0.3, 0.6, 1.0, 1.25] {
            let found = measure(&lot(light, &[1, 2], None));
            let is_taken: Vec<bool> = found.iter().map(|evidence| *evidence >= 1.0).collect();
            assert_eq!(is_taken, [false, true, true, false], "light {light}: {found:?}");
        }
    }

    #[test]
    fn a_shadow_that_lies_on_the_ground_too_is_no_car() {
        for from in [0.45, 0.55, 0.75, 0.95] {
            let found = measure(&lot(1.0, &[], Some(from)));
            assert!(
                found.iter().all(|evidence| *evidence < 0.9),
                "shade from {from}: {found:?}"
            );
            let found = measure(&lot(1.0, &[0, 3], Some(from)));
            assert!(found[0] >= 1.1 && found[3] >= 1.1, "shade from {from}: {found:?}");
        }
    }

    #[test]
    fn the_ground_between_the_bays_is_found_without_an_outline() {
        let found = Texture::new(outlines(), None)
            .measure(&lot(1.0, &[2], None))
            .expect("measured");
        let is_taken: Vec<bool> = found.iter().map(|evidence| *evidence >= 1.0).collect();
        assert_eq!(is_taken, [false, false, true, false], "{found:?}");
    }

    #[test]
    fn a_hull_goes_around_all_points() {
        let points = vec![[0.5, 0.5], [0.1, 0.1], [0.9, 0.1], [0.5, 0.2], [0.9, 0.9], [0.1, 0.9]];
        let hull = hull(points);
        assert_eq!(hull.len(), 4, "{hull:?}");
        assert!(!hull.contains(&[0.5, 0.5]) && !hull.contains(&[0.5, 0.2]), "{hull:?}");
    }
}
