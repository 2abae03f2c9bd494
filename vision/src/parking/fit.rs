//! Which vehicle stands in which bay. Pure.

use crate::model::Box2;

/// A vehicle's box stands on a bay when they overlap (IoU) by this at least. Boxes are upright and cars stand out of the
/// ground, so that more can't be asked.
const LEAST_OVERLAP: f64 = 0.3;

/// For each bay the score of the vehicle that stands in it, 0 where none does. A vehicle is given to the bay that it fits
/// best, and to no other. `bays`: outlines in the same unit as the boxes.
#[must_use]
pub fn scores(bays: &[Vec<[f64; 2]>], vehicles: &[(Box2, f64)]) -> Vec<f64> {
    let mut pairs = Vec::new();
    for (bay, outline) in bays.iter().enumerate() {
        for (vehicle, (place, _)) in vehicles.iter().enumerate() {
            let overlap = overlap(outline, place);
            if overlap >= LEAST_OVERLAP {
                pairs.push((overlap, bay, vehicle));
            }
        }
    }
    pairs.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut scores, mut is_given) = (vec![None; bays.len()], vec![false; vehicles.len()]);
    for (_, bay, vehicle) in pairs {
        if scores[bay].is_none() && !is_given[vehicle] {
            scores[bay] = Some(vehicles[vehicle].1);
            is_given[vehicle] = true;
        }
    }
    scores.into_iter().map(Option::unwrap_or_default).collect()
}

/// Intersection over union of an outline and a box, 0 to 1.
fn overlap(outline: &[[f64; 2]], place: &Box2) -> f64 {
    let shared = area(&inside(outline, place));
    let all = area(outline) + place.area() - shared;
    if all > 0.0 { shared / all } else { 0.0 }
}

/// The part of an outline inside a box (Sutherland and Hodgman 1974).
fn inside(outline: &[[f64; 2]], place: &Box2) -> Vec<[f64; 2]> {
    // (axis, limit, whether the inside lies above the limit)
    let sides = [
        (0, place.left, true),
        (0, place.right(), false),
        (1, place.top, true),
        (1, place.bottom(), false),
    ];
    let mut points = outline.to_vec();
    for (axis, limit, is_above) in sides {
        let is_in = |point: [f64; 2]| (point[axis] >= limit) == is_above || point[axis] == limit;
        let mut kept = Vec::with_capacity(points.len() + 2);
        for (at, point) in points.iter().enumerate() {
            let before = points[(at + points.len() - 1) % points.len()];
            if is_in(before) != is_in(*point) {
                let share = (limit - before[axis]) / (point[axis] - before[axis]);
                kept.push([0, 1].map(|axis| before[axis] + (point[axis] - before[axis]) * share));
            }
            if is_in(*point) {
                kept.push(*point);
            }
        }
        points = kept;
    }
    points
}

/// The area that an outline encloses (the shoelace formula).
#[must_use]
pub fn area(outline: &[[f64; 2]]) -> f64 {
    let next = outline.iter().cycle().skip(1);
    let twice: f64 = outline.iter().zip(next).map(|(a, b)| a[0] * b[1] - b[0] * a[1]).sum();
    (twice / 2.0).abs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn square(left: f64, top: f64, side: f64) -> Vec<[f64; 2]> {
        vec![
            [left, top],
            [left + side, top],
            [left + side, top + side],
            [left, top + side],
        ]
    }

    #[test]
    fn overlap_is_a_share_of_what_both_cover() {
        let bay = square(0.0, 0.0, 10.0);
        assert!((overlap(&bay, &Box2::new(0.0, 0.0, 10.0, 10.0)) - 1.0).abs() < 1e-9);
        assert!((overlap(&bay, &Box2::new(5.0, 0.0, 10.0, 10.0)) - 1.0 / 3.0).abs() < 1e-9);
        assert!(overlap(&bay, &Box2::new(10.0, 0.0, 5.0, 5.0)).abs() < 1e-9);
        let diamond = [[5.0, 0.0], [10.0, 5.0], [5.0, 10.0], [0.0, 5.0]];
        assert!((area(&diamond) - 50.0).abs() < 1e-9);
        assert!((area(&inside(&diamond, &Box2::new(0.0, 0.0, 5.0, 5.0))) - 12.5).abs() < 1e-9);
        let around: Vec<_> = diamond.into_iter().rev().collect();
        assert!(
            (overlap(&around, &Box2::new(-5.0, -5.0, 20.0, 20.0)) - 0.125).abs() < 1e-9,
            "either direction"
        );
    }

    #[test]
    fn one_car_takes_one_bay_and_the_bay_that_it_fits_best() {
        let bays = [square(0.0, 0.0, 10.0), square(10.0, 0.0, 10.0), square(40.0, 0.0, 10.0)];
        // Taller than the bay, and over the line: still one bay.
        let van = (Box2::new(7.0, -4.0, 11.0, 14.0), 0.8);
        assert_eq!(scores(&bays, &[van]), [0.0, 0.8, 0.0]);
        let two = [van, (Box2::new(1.0, 0.0, 9.0, 10.0), 0.3)];
        assert_eq!(scores(&bays, &two), [0.3, 0.8, 0.0]);
        let passing = (Box2::new(44.0, 8.0, 12.0, 9.0), 0.9);
        assert_eq!(scores(&bays, &[passing]), [0.0, 0.0, 0.0], "it drives past");
        assert_eq!(scores(&bays, &[]), [0.0; 3]);
    }
}
