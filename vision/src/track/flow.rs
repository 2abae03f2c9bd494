//! How far everybody moved between two pictures, by the points on them (pyramidal Lucas and Kanade's optical flow):
//! what carries people on in pictures in which no detector looks.
//!
//! Invariant: the median of many points counts, and few or scattered points say nothing rather than something wrong.

use opencv::core::{Mat, MatTraitConst as _, Point2f, Size, TermCriteria, TermCriteria_Type, Vector};
use opencv::{imgproc, video};

use crate::detect::DetectError;
use crate::model::Box2;

/// Pictures are looked at in about this width: motion needs no detail.
const WIDTH: f64 = 480.0;

/// Points across and down a person.
const ACROSS: usize = 4;
const DOWN: usize = 8;

/// Fewer points that were found again say nothing.
const LEAST_POINTS: usize = 6;

/// Points of one person that are scattered by more than this share of the person's height say nothing.
const SCATTER: f64 = 0.15;

/// Remembers the last picture, small and grey.
#[derive(Default)]
pub struct Flow {
    last: Mat,
    scale: f64,
}

impl std::fmt::Debug for Flow {
    /// Without the picture: it belongs in no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flow")
            .field("scale", &self.scale)
            .finish_non_exhaustive()
    }
}

impl Flow {
    /// By how many pixels each of the places in the last picture moved to this one. `None` where it can't be told;
    /// all of them for the first picture and for one of another size.
    ///
    /// # Errors
    /// What OpenCV says.
    pub fn shifts(&mut self, picture: &Mat, places: &[Box2]) -> Result<Vec<Option<[f64; 2]>>, DetectError> {
        let now = self.shrink(picture)?;
        let last = std::mem::replace(&mut self.last, now);
        if last.size()? != self.last.size()? || places.is_empty() {
            return Ok(vec![None; places.len()]);
        }
        let size = last.size()?;
        let mut from: Vector<Point2f> = Vector::new();
        let mut owners = Vec::new();
        for (owner, place) in places.iter().enumerate() {
            for point in points_on(place, self.scale, size) {
                from.push(point);
                owners.push(owner);
            }
        }
        if from.is_empty() {
            return Ok(vec![None; places.len()]);
        }
        let (mut to, mut is_found): (Vector<Point2f>, Vector<u8>) = (Vector::new(), Vector::new());
        let mut errors: Vector<f32> = Vector::new();
        let enough = TermCriteria::new(
            i32::from(TermCriteria_Type::COUNT as u8) + i32::from(TermCriteria_Type::EPS as u8),
            15,
            0.05,
        )?;
        video::calc_optical_flow_pyr_lk(
            &last,
            &self.last,
            &from,
            &mut to,
            &mut is_found,
            &mut errors,
            Size::new(11, 11),
            3,
            enough,
            0,
            1e-3,
        )?;
        let mut moves: Vec<Vec<[f64; 2]>> = vec![Vec::new(); places.len()];
        for (((owner, from), to), is_found) in owners.iter().zip(&from).zip(&to).zip(&is_found) {
            if is_found == 1 {
                let by = [to.x - from.x, to.y - from.y].map(|pixels| f64::from(pixels) / self.scale);
                moves[*owner].push(by);
            }
        }
        let shift = |(moves, place): (&mut Vec<[f64; 2]>, &Box2)| agreed(moves, place.height * SCATTER);
        Ok(moves.iter_mut().zip(places).map(shift).collect())
    }

    fn shrink(&mut self, picture: &Mat) -> Result<Mat, DetectError> {
        let size = picture.size()?;
        self.scale = (WIDTH / f64::from(size.width.max(1))).min(1.0);
        let side = |pixels: i32| ((f64::from(pixels) * self.scale).round() as i32).max(1);
        let (mut small, mut grey) = (Mat::default(), Mat::default());
        let target = Size::new(side(size.width), side(size.height));
        imgproc::resize(picture, &mut small, target, 0.0, 0.0, imgproc::INTER_AREA)?;
        imgproc::cvt_color_def(&small, &mut grey, imgproc::COLOR_BGR2GRAY)?;
        Ok(grey)
    }
}

/// A grid in the middle of a box, where the person is and the ground isn't, in the small picture's pixels.
fn points_on(place: &Box2, scale: f64, size: Size) -> impl Iterator<Item = Point2f> {
    let place = *place;
    let share = |index: usize, count: usize| (index as f64 + 0.5) / count as f64;
    (0..DOWN).flat_map(move |row| {
        (0..ACROSS).filter_map(move |column| {
            let x = (place.left + place.width * (0.2 + 0.6 * share(column, ACROSS))) * scale;
            let y = (place.top + place.height * (0.08 + 0.8 * share(row, DOWN))) * scale;
            let is_inside = x >= 1.0 && y >= 1.0 && x < f64::from(size.width - 1) && y < f64::from(size.height - 1);
            is_inside.then(|| Point2f::new(x as f32, y as f32))
        })
    })
}

/// What most points did. Ground that shows between them stands still and must not win: of points that move and
/// points that don't, those that move count where they are a third at least.
fn agreed(moves: &mut [[f64; 2]], scatter: f64) -> Option<[f64; 2]> {
    if moves.len() < LEAST_POINTS {
        return None;
    }
    let mut moving: Vec<[f64; 2]> = moves.iter().copied().filter(|[dx, dy]| dx.hypot(*dy) > 0.7).collect();
    let those: &mut [[f64; 2]] = if moving.len() * 3 >= moves.len() && moving.len() >= LEAST_POINTS {
        &mut moving
    } else {
        moves
    };
    let middle = [0, 1].map(|axis| {
        let mut along: Vec<f64> = those.iter().map(|by| by[axis]).collect();
        along.sort_unstable_by(f64::total_cmp);
        along[along.len() / 2]
    });
    let mut away: Vec<f64> = those
        .iter()
        .map(|[dx, dy]| (dx - middle[0]).hypot(dy - middle[1]))
        .collect();
    away.sort_unstable_by(f64::total_cmp);
    (away[away.len() / 2] <= scatter).then_some(middle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Random;
    use opencv::core::{CV_8UC3, Rect, Scalar};

    fn scene(person_at: i32, random: &mut Random) -> Mat {
        let mut picture = Mat::new_rows_cols_with_default(240, 320, CV_8UC3, Scalar::all(90.0)).expect("picture");
        for row in 0..12 {
            for column in 0..5 {
                let grey = Scalar::all(40.0 + 180.0 * random.share());
                let cell = Rect::new(person_at + column * 6, 60 + row * 8, 6, 8);
                imgproc::rectangle(&mut picture, cell, grey, imgproc::FILLED, imgproc::LINE_8, 0).expect("drawn");
            }
        }
        picture
    }

    #[test]
    fn a_step_to_the_side_is_seen_and_a_blank_wall_says_it_stands() {
        let mut flow = Flow::default();
        let person = Box2::new(100.0, 60.0, 30.0, 96.0);
        let places = [person];
        let first = flow.shifts(&scene(100, &mut Random::new(3)), &places).expect("looked");
        assert_eq!(first, [None], "there is no picture before the first");
        let shift = flow.shifts(&scene(105, &mut Random::new(3)), &places).expect("looked")[0].expect("seen");
        assert!((shift[0] - 5.0).abs() < 1.0 && shift[1].abs() < 1.0, "{shift:?}");
        let other_size = Mat::new_rows_cols_with_default(120, 160, CV_8UC3, Scalar::all(9.0)).expect("picture");
        assert_eq!(flow.shifts(&other_size, &places).expect("looked"), [None]);
    }

    #[test]
    fn scattered_points_say_nothing() {
        let mut random = Random::new(1);
        let mut moves: Vec<[f64; 2]> = (0..32)
            .map(|_| [30.0 * random.noise(), 30.0 * random.noise()])
            .collect();
        assert_eq!(agreed(&mut moves, 10.0), None);
        assert_eq!(agreed(&mut [[5.0, 0.0]; 3], 10.0), None);
        assert_eq!(agreed(&mut vec![[5.0, 1.0]; 32], 10.0), Some([5.0, 1.0]));
    }
}
