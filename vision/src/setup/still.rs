//! A still of a camera's view in which walls and floor are seen and nobody can be known.
//!
//! Invariant: the still is *made of so few pixels*, not blurred from many, so that nothing can be computed back: a head of the
//! tallest person that set-up knows is [`HEAD_ROWS`] pixels high at most, and the whole picture [`MOST_ROWS`]. (Familiar faces
//! are known from about 7x10 pixels on: Sinha et al., "Face Recognition by Humans", Proc. IEEE 94, 2006.) Whoever is found is
//! filled with grey before, and whoever walks is left out by the median of some pictures.

use std::time::{Duration, Instant};

use opencv::core::{
    self, Mat, MatTraitConst as _, MatTraitConstManual as _, MatTraitManual as _, Rect, Scalar, Size, Vector,
};
use opencv::{imgcodecs, imgproc};
use protocol::setup::{Found, Still};

use crate::geometry::PersonHeights;

/// A still is no higher than this, in pixels.
pub const MOST_ROWS: f64 = 48.0;

/// Even where people fill the picture it has so many rows.
pub const LEAST_ROWS: f64 = 16.0;

/// A head is no higher than this, in pixels.
const HEAD_ROWS: f64 = 4.0;

/// A head's share of a standing adult's height.
const HEAD: f64 = 1.0 / 7.5;

/// A box is filled with so much more at each side, as a share of itself.
const MARGIN: f64 = 0.15;

/// The median is of so many pictures,
const PICTURES: usize = 5;

/// so far apart,
const APART: Duration = Duration::from_millis(350);

/// and of fewer, where they don't come in this time.
const ENOUGH: Duration = Duration::from_secs(3);

/// Pixels high that a still is, of a place where people are so tall.
#[must_use]
pub fn rows(heights: &PersonHeights) -> i32 {
    let tallest = heights.at(0.0).max(heights.at(1.0));
    (HEAD_ROWS / (HEAD * tallest)).clamp(LEAST_ROWS, MOST_ROWS).floor() as i32
}

/// Pictures on their way to becoming a still.
#[derive(Default)]
pub struct Collected {
    small: Vec<Mat>,
    of: [u32; 2],
    first: Option<Instant>,
    last: Option<Instant>,
}

impl std::fmt::Debug for Collected {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Collected")
            .field("pictures", &self.small.len())
            .finish()
    }
}

impl Collected {
    /// Takes a camera's picture (8-bit blue, green, red) at `now`, if it is time for one.
    ///
    /// # Errors
    /// OpenCV's own.
    pub fn take(&mut self, picture: &Mat, found: &[Found], rows: i32, now: Instant) -> opencv::Result<()> {
        if self
            .last
            .is_some_and(|last| now.saturating_duration_since(last) < APART)
        {
            return Ok(());
        }
        let size = picture.size()?;
        let of = [size.width, size.height].map(i32::unsigned_abs);
        if of != self.of {
            // Another size in mid-stream: those of before don't fit.
            self.small.clear();
            self.of = of;
        }
        self.small.push(small(picture, found, rows)?);
        self.first.get_or_insert(now);
        self.last = Some(now);
        Ok(())
    }

    /// Whether there are enough at `now`.
    #[must_use]
    pub fn is_enough(&self, now: Instant) -> bool {
        let is_late = self
            .first
            .is_some_and(|first| now.saturating_duration_since(first) >= ENOUGH);
        self.small.len() >= PICTURES || (is_late && !self.small.is_empty())
    }

    /// The still.
    ///
    /// # Errors
    /// OpenCV's own.
    pub fn finish(&self) -> opencv::Result<Option<Still>> {
        let Some(median) = median(&self.small)? else {
            return Ok(None);
        };
        let mut png = Vector::new();
        imgcodecs::imencode(".png", &median, &mut png, &Vector::new())?;
        Ok(Some(Still {
            width: median.cols().unsigned_abs(),
            height: median.rows().unsigned_abs(),
            of: self.of,
            png: data_encoding::BASE64.encode(png.as_slice()),
        }))
    }
}

/// A picture made small, with whoever is found filled with grey.
fn small(picture: &Mat, found: &[Found], rows: i32) -> opencv::Result<Mat> {
    let size = picture.size()?;
    let rows = rows.min(size.height).max(1);
    let cols = (f64::from(rows) * f64::from(size.width) / f64::from(size.height)).round();
    // A panorama is no way around the limit.
    let cols = (cols as i32).clamp(1, rows * 4).min(size.width);
    let mut small = Mat::default();
    imgproc::resize(
        picture,
        &mut small,
        Size::new(cols, rows),
        0.0,
        0.0,
        imgproc::INTER_AREA,
    )?;
    for person in found {
        let [left, top, width, height] = person.place;
        // Outwards to whole pixels: none that has a part of a person in it stays.
        let from = |edge: f64, side: i32| (edge * f64::from(side)).floor().clamp(0.0, f64::from(side)) as i32;
        let to = |edge: f64, side: i32| (edge * f64::from(side)).ceil().clamp(0.0, f64::from(side)) as i32;
        let (x, y) = (from(left - MARGIN * width, cols), from(top - MARGIN * height, rows));
        let (right, bottom) = (
            to(left + (1.0 + MARGIN) * width, cols),
            to(top + (1.0 + MARGIN) * height, rows),
        );
        if right > x && bottom > y {
            let place = Rect::new(x, y, right - x, bottom - y);
            let grey = Scalar::all(128.0);
            imgproc::rectangle(&mut small, place, grey, imgproc::FILLED, imgproc::LINE_8, 0)?;
        }
    }
    Ok(small)
}

/// For each value the middle one of all pictures; `None`: there are none.
fn median(pictures: &[Mat]) -> opencv::Result<Option<Mat>> {
    let Some(first) = pictures.first() else {
        return Ok(None);
    };
    let all: Vec<&[u8]> = pictures
        .iter()
        .map(|picture| picture.data_bytes())
        .collect::<Result<_, _>>()?;
    let mut median = Mat::new_size_with_default(first.size()?, core::CV_8UC3, Scalar::all(0.0))?;
    let mut values = Vec::with_capacity(all.len());
    for (at, value) in median.data_bytes_mut()?.iter_mut().enumerate() {
        values.clear();
        values.extend(all.iter().filter_map(|bytes| bytes.get(at)));
        values.sort_unstable();
        *value = values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or(0);
    }
    Ok(Some(median))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn picture(width: i32, height: i32, value: impl Fn(i32, i32) -> u8) -> Mat {
        let mut picture = Mat::new_rows_cols_with_default(height, width, core::CV_8UC3, Scalar::all(0.0)).expect("mat");
        for (at, byte) in picture.data_bytes_mut().expect("bytes").iter_mut().enumerate() {
            let pixel = i32::try_from(at / 3).expect("small");
            *byte = value(pixel % width, pixel / width);
        }
        picture
    }

    fn decoded(still: &Still) -> Mat {
        let png = data_encoding::BASE64.decode(still.png.as_bytes()).expect("base64");
        imgcodecs::imdecode(&Vector::from_slice(&png), imgcodecs::IMREAD_COLOR).expect("png")
    }

    fn still_of(pictures: &[Mat], found: &[Found], heights: &PersonHeights) -> Still {
        let (mut collected, mut now) = (Collected::default(), Instant::now());
        for picture in pictures.iter().cycle() {
            collected.take(picture, found, rows(heights), now).expect("taken");
            if collected.is_enough(now) {
                break;
            }
            now += APART;
        }
        collected.finish().expect("made").expect("a still")
    }

    #[test]
    fn a_head_is_never_more_than_four_pixels_high() {
        for [far, near] in [[0.05, 0.2], [0.2, 0.5], [0.9, 1.0], [0.02, 0.03]] {
            let heights = PersonHeights::new([[0.2, far], [1.0, near]]).expect("sound");
            let tallest = heights.at(1.0);
            let rows = f64::from(rows(&heights));
            assert!(
                rows * tallest * HEAD <= HEAD_ROWS + 1e-9 && rows <= MOST_ROWS,
                "{rows} rows at {tallest}"
            );
            assert!(rows >= LEAST_ROWS);
        }
    }

    /// A chessboard as fine as a face's features, on a wall with a dark half.
    #[test]
    fn walls_stay_and_what_is_as_fine_as_a_face_is_gone() {
        let heights = PersonHeights::new([[0.3, 0.1], [0.9, 0.25]]).expect("sound");
        let view = picture(768, 576, |x, y| {
            let wall = if x < 384 { 60 } else { 180 };
            if (x / 3 + y / 3) % 2 == 0 { wall + 40 } else { wall - 40 }
        });
        let still = still_of(&[view], &[], &heights);
        assert_eq!((still.width, still.height, still.of), (64, 48, [768, 576]));
        let small = decoded(&still);
        for (at, byte) in small.data_bytes().expect("bytes").iter().enumerate() {
            let wall: u8 = if at / 3 % 64 < 32 { 60 } else { 180 };
            assert!(byte.abs_diff(wall) <= 12, "{byte} at {at}");
        }
    }

    #[test]
    fn who_is_found_is_a_flat_patch_and_who_walks_is_not_there() {
        let heights = PersonHeights::new([[0.3, 0.1], [0.9, 0.25]]).expect("sound");
        let striped = picture(640, 480, |x, _| if x % 64 < 32 { 10 } else { 240 });
        let found = Found {
            place: [0.25, 0.25, 0.25, 0.5],
            is_counted: true,
        };
        let small = decoded(&still_of(&[striped], &[found], &heights));
        for y in 12..36 {
            for x in 16..32 {
                let pixel = small.at_2d::<core::Vec3b>(y, x).expect("a pixel");
                assert_eq!(pixel.0, [128; 3], "{x}, {y}");
            }
        }
        // Whoever is somewhere else in each picture.
        let walking: Vec<Mat> = (0..5)
            .map(|step| picture(640, 480, |x, _| if x / 128 == step { 255 } else { 90 }))
            .collect();
        let small = decoded(&still_of(&walking, &[], &heights));
        assert!(small.data_bytes().expect("bytes").iter().all(|byte| *byte == 90));
    }

    #[test]
    fn a_slow_camera_gives_its_still_of_fewer_pictures() {
        let heights = PersonHeights::new([[0.3, 0.1], [0.9, 0.25]]).expect("sound");
        let (mut collected, now) = (Collected::default(), Instant::now());
        assert!(!collected.is_enough(now + ENOUGH), "none is not enough");
        collected
            .take(&picture(64, 48, |_, _| 7), &[], rows(&heights), now)
            .expect("taken");
        assert!(!collected.is_enough(now));
        assert!(collected.is_enough(now + ENOUGH));
        assert!(collected.finish().expect("made").is_some());
    }
}
