//! What NanoDet's numbers mean. Its boxes are those of generalised focal loss (Li et al., "Generalized Focal Loss", NeurIPS 2020):
//! from a cell's point to each side of the box there is no number but a distribution over `bins` distances 0, 1, 2 … in
//! strides; the distance is its expectation.

use super::Box2;
use super::card::{Nanodet, Scores};
use super::decode::Candidate;

/// One of a network's answers: rows of `columns` numbers.
#[derive(Debug, Clone, Copy)]
pub struct Rows<'a> {
    /// Numbers of a row.
    pub columns: usize,
    /// All rows, one after the other.
    pub numbers: &'a [f32],
}

/// Rows that such a model answers for an input of so many pixels: one a cell of each stride.
#[must_use]
pub fn rows(how: &Nanodet, [width, height]: [usize; 2]) -> usize {
    let of = |stride: &usize| width.div_ceil(*stride) * height.div_ceil(*stride);
    how.strides.iter().map(of).sum()
}

/// Scores and distances, row by row of the cells, finest stride first.
#[derive(Debug)]
pub struct Answer<'a> {
    /// Classes that the model knows.
    pub classes: usize,
    rows: Vec<(&'a [f32], &'a [f32])>,
}

impl<'a> Answer<'a> {
    /// From a network's answers: either one with classes and distances side by side, or apart, in one answer each or in one for
    /// each stride, in any order.
    ///
    /// # Errors
    /// What doesn't fit, in words.
    pub fn of(answers: &[Rows<'a>], how: &Nanodet, input: [usize; 2]) -> Result<Self, String> {
        let (expected, sides) = (rows(how, input), 4 * how.bins);
        let rows: Vec<(&[f32], &[f32])> = match answers {
            [one] if one.columns > sides => (one.numbers.chunks_exact(one.columns))
                .map(|row| row.split_at(one.columns - sides))
                .collect(),
            several => {
                let finest_first = |is_sides: bool| {
                    let mut those: Vec<_> = several.iter().filter(|it| (it.columns == sides) == is_sides).collect();
                    those.sort_by_key(|it| std::cmp::Reverse(it.numbers.len()));
                    those.into_iter().flat_map(|it| it.numbers.chunks_exact(it.columns))
                };
                let (scores, distances): (Vec<_>, Vec<_>) =
                    (finest_first(false).collect(), finest_first(true).collect());
                if scores.len() != distances.len() {
                    let (scores, distances) = (scores.len(), distances.len());
                    return Err(format!(
                        "it answers {scores} rows of classes and {distances} of distances"
                    ));
                }
                scores.into_iter().zip(distances).collect()
            }
        };
        let classes = rows.first().map_or(0, |(scores, _)| scores.len());
        if rows.len() != expected || classes == 0 || rows.iter().any(|(scores, _)| scores.len() != classes) {
            return Err(format!("it answers {} rows of {classes} classes", rows.len()));
        }
        Ok(Self { classes, rows })
    }

    /// Its boxes from a score on, in the pixels of the network's input.
    #[must_use]
    pub fn boxes(&self, how: &Nanodet, [width, height]: [usize; 2], at_least: f64) -> Vec<Candidate> {
        let cells = how.strides.iter().flat_map(|&stride| {
            let (across, down) = (width.div_ceil(stride), height.div_ceil(stride));
            (0..down).flat_map(move |y| (0..across).map(move |x| (x, y, stride as f64)))
        });
        let mut found = Vec::new();
        for ((scores, distances), (x, y, stride)) in self.rows.iter().zip(cells) {
            let best = scores.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1));
            let Some((class, score)) = best.map(|(class, score)| (class, share(f64::from(*score), how.scores))) else {
                continue;
            };
            // Also where it is no number.
            if score.is_nan() || score < at_least {
                continue;
            }
            let mut sides = distances.chunks_exact(how.bins).map(|side| expectation(side) * stride);
            let [left, top, right, bottom] = std::array::from_fn(|_| sides.next().unwrap_or(f64::NAN));
            let [x, y] = [x, y].map(|cell| (cell as f64 + how.offset) * stride);
            let (width, height) = (left + right, top + bottom);
            if width > 0.0 && height > 0.0 {
                found.push(Candidate {
                    place: Box2::new(x - left, y - top, width, height),
                    class,
                    score: score.min(1.0),
                });
            }
        }
        found
    }
}

fn share(score: f64, scores: Scores) -> f64 {
    match scores {
        Scores::Shares => score,
        Scores::Logits => 1.0 / (1.0 + (-score).exp()),
    }
}

/// The expectation of a distribution given as logits: Σ i · softmax(i). Not a number where one of them isn't.
fn expectation(logits: &[f32]) -> f64 {
    // The largest is taken off, so that no exponential overflows.
    let largest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut weighted) = (0.0, 0.0);
    for (distance, logit) in logits.iter().enumerate() {
        let weight = f64::from(logit - largest).exp();
        sum += weight;
        weighted += weight * distance as f64;
    }
    weighted / sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn how() -> Nanodet {
        Nanodet {
            strides: vec![8, 16, 32],
            bins: 4,
            ..Nanodet::default()
        }
    }

    /// A distribution all at one distance.
    fn at(distance: usize) -> [f32; 4] {
        std::array::from_fn(|bin| if bin == distance { 50.0 } else { 0.0 })
    }

    /// Halfway between two distances.
    fn between(distance: usize) -> [f32; 4] {
        std::array::from_fn(|bin| {
            if bin == distance || bin == distance + 1 {
                50.0
            } else {
                0.0
            }
        })
    }

    const INPUT: [usize; 2] = [64, 32];
    /// 8 x 4 cells of 8 pixels, 4 x 2 of 16, 2 x 1 of 32.
    const CELLS: [usize; 3] = [32, 8, 2];

    /// Two classes and four distributions for each cell; one box in the second row of the finest, one in the last cell.
    fn side_by_side() -> Vec<f32> {
        let mut numbers = vec![0.0; 42 * 18];
        let mut put = |row: usize, scores: [f32; 2], sides: [[f32; 4]; 4]| {
            let row = &mut numbers[row * 18..][..18];
            row[..2].copy_from_slice(&scores);
            row[2..].copy_from_slice(&sides.concat());
        };
        put(9, [0.1, 0.9], [at(1), at(2), between(2), at(3)]);
        put(41, [0.6, 0.2], [at(1), between(0), at(0), at(0)]);
        numbers
    }

    fn check(found: &[Candidate]) {
        let [first, last] = found else {
            panic!("{found:?}");
        };
        assert_eq!((first.class, last.class), (1, 0));
        assert!((first.score - 0.9).abs() < 1e-6 && (last.score - 0.6).abs() < 1e-6);
        let is_near = |place: Box2, [left, top, right, bottom]: [f64; 4]| {
            let sides = [
                place.left,
                place.top,
                place.left + place.width,
                place.top + place.height,
            ];
            sides
                .iter()
                .zip([left, top, right, bottom])
                .all(|(a, b)| (a - b).abs() < 1e-6)
        };
        // From (1.5, 1.5) cells of 8 pixels: 1 to the left, 2 up, 2.5 to the right, 3 down.
        assert!(
            is_near(first.place, [12.0 - 8.0, 12.0 - 16.0, 12.0 + 20.0, 12.0 + 24.0]),
            "{first:?}"
        );
        // From (1.5, 0.5) cells of 32 pixels.
        assert!(is_near(last.place, [48.0 - 32.0, 0.0, 48.0, 16.0]), "{last:?}");
    }

    #[test]
    fn a_distance_is_its_distributions_expectation() {
        assert!(
            (expectation(&[0.0; 8]) - 3.5).abs() < 1e-12,
            "all alike: the middle of 0 to 7"
        );
        let logits = [1.0_f32, 2.0, 0.5];
        let weights = logits.map(|logit| f64::from(logit).exp());
        let mean = (weights[1] + 2.0 * weights[2]) / weights.iter().sum::<f64>();
        assert!((expectation(&logits) - mean).abs() < 1e-9);
        assert!((expectation(&[1000.0, 1000.0]) - 0.5).abs() < 1e-12, "no overflow");
        assert!(expectation(&[f32::NAN, 0.0]).is_nan());
    }

    #[test]
    fn classes_and_distances_side_by_side_are_boxes() {
        let numbers = side_by_side();
        let one = Rows {
            columns: 18,
            numbers: &numbers,
        };
        let answer = Answer::of(&[one], &how(), INPUT).expect("it fits");
        assert_eq!(answer.classes, 2);
        check(&answer.boxes(&how(), INPUT, 0.3));
    }

    #[test]
    fn apart_and_by_stride_they_are_the_same_boxes_in_any_order() {
        let numbers = side_by_side();
        let part = |from: usize, rows: usize, columns: std::ops::Range<usize>| {
            let rows = numbers.chunks_exact(18).skip(from).take(rows);
            rows.flat_map(|row| row[columns.clone()].to_vec()).collect::<Vec<f32>>()
        };
        let mut parts = Vec::new();
        for (from, rows) in [(40, CELLS[2]), (0, CELLS[0]), (32, CELLS[1])] {
            parts.push((16, part(from, rows, 2..18)));
            parts.push((2, part(from, rows, 0..2)));
        }
        let answers: Vec<Rows<'_>> = (parts.iter())
            .map(|(columns, numbers)| Rows {
                columns: *columns,
                numbers,
            })
            .collect();
        check(
            &Answer::of(&answers, &how(), INPUT)
                .expect("it fits")
                .boxes(&how(), INPUT, 0.3),
        );
        let error = Answer::of(&answers[..5], &how(), INPUT).expect_err("one is missing");
        assert!(error.contains("rows of classes"), "{error}");
    }

    #[test]
    fn plus_has_a_fourth_stride_and_counts_from_the_cells_corner() {
        let plus = Nanodet {
            strides: vec![8, 16, 32, 64],
            offset: 0.0,
            scores: Scores::Logits,
            ..how()
        };
        assert_eq!(
            rows(
                &Nanodet {
                    strides: vec![8, 16, 32, 64],
                    ..how()
                },
                [416, 416]
            ),
            2704 + 676 + 169 + 49
        );
        let mut numbers = vec![-9.0_f32; 43 * 17];
        let last = &mut numbers[42 * 17..];
        last[0] = 0.0;
        last[1..].copy_from_slice(&[at(0), at(0), between(0), between(0)].concat());
        let one = Rows {
            columns: 17,
            numbers: &numbers,
        };
        let found = Answer::of(&[one], &plus, INPUT)
            .expect("it fits")
            .boxes(&plus, INPUT, 0.3);
        assert_eq!(found.len(), 1, "{found:?}");
        assert!((found[0].score - 0.5).abs() < 1e-9, "the logistic function of 0");
        let place = found[0].place;
        assert!(
            place.left.abs() < 1e-6 && (place.width - 32.0).abs() < 1e-6,
            "{place:?}"
        );
    }

    #[test]
    fn what_does_not_fit_is_said_and_numbers_that_are_none_are_no_boxes() {
        let numbers = vec![0.0; 41 * 18];
        let error = Answer::of(
            &[Rows {
                columns: 18,
                numbers: &numbers,
            }],
            &how(),
            INPUT,
        )
        .expect_err("a row is missing");
        assert!(error.contains("41 rows of 2 classes"), "{error}");
        assert!(Answer::of(&[], &how(), INPUT).is_err());
        let mut numbers = side_by_side();
        numbers[9 * 18 + 3] = f32::NAN;
        numbers[41 * 18] = f32::NAN;
        let one = Rows {
            columns: 18,
            numbers: &numbers,
        };
        assert!(
            Answer::of(&[one], &how(), INPUT)
                .expect("it fits")
                .boxes(&how(), INPUT, 0.3)
                .is_empty()
        );
    }
}
