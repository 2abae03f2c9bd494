//! What a network's numbers mean: pure arithmetic from the rows of its answer to boxes.

use super::Box2;

/// YOLOX looks at its input by cells of so many pixels.
const STRIDES: [usize; 3] = [8, 16, 32];

/// A box with the class that fits best, in the pixels of the network's input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Where.
    pub place: Box2,
    /// Which class.
    pub class: usize,
    /// How sure, 0 to 1.
    pub score: f64,
}

/// Rows that a YOLOX model answers for an input of so many pixels: one a cell of each size.
#[must_use]
pub fn yolox_rows([width, height]: [usize; 2]) -> usize {
    STRIDES.iter().map(|stride| (width / stride) * (height / stride)).sum()
}

/// Candidates of a YOLOX answer: rows of `columns` numbers, x and y from their cell in cells, logarithms of
/// width and height in cells, objectness, then one number a class. Row by row of the cells, finest first.
pub fn yolox(answer: &[f32], columns: usize, [width, height]: [usize; 2], at_least: f64) -> Vec<Candidate> {
    let cells = STRIDES.iter().flat_map(|&stride| {
        let (across, down) = (width / stride, height / stride);
        (0..down).flat_map(move |y| (0..across).map(move |x| (x, y, stride)))
    });
    let mut found = Vec::new();
    for (row, (x, y, stride)) in answer.chunks_exact(columns).zip(cells) {
        let Some((class, score)) = best(row, at_least) else {
            continue;
        };
        let stride = stride as f64;
        let middle = [f64::from(row[0]) + x as f64, f64::from(row[1]) + y as f64].map(|cells| cells * stride);
        let size = [row[2], row[3]].map(|log| f64::from(log).exp() * stride);
        push(&mut found, middle, size, class, score);
    }
    found
}

/// Candidates of an answer of Darknet's last layers as OpenCV gives it: rows of middle, width and height as
/// shares of the input, objectness, then one number a class that has objectness in it already.
pub fn darknet(answer: &[f32], columns: usize, [width, height]: [usize; 2], at_least: f64) -> Vec<Candidate> {
    let mut found = Vec::new();
    for row in answer.chunks_exact(columns) {
        let Some((class, score)) = best_class(row).filter(|(_, score)| *score >= at_least) else {
            continue;
        };
        let scale = |share: f32, pixels: usize| f64::from(share) * pixels as f64;
        let middle = [scale(row[0], width), scale(row[1], height)];
        let size = [scale(row[2], width), scale(row[3], height)];
        push(&mut found, middle, size, class, score);
    }
    found
}

fn best_class(row: &[f32]) -> Option<(usize, f64)> {
    let classes = row.get(5..)?.iter().enumerate();
    let (class, score) = classes.max_by(|a, b| a.1.total_cmp(b.1))?;
    Some((class, f64::from(*score)))
}

/// The class that fits best and its score with objectness, if that is enough.
fn best(row: &[f32], at_least: f64) -> Option<(usize, f64)> {
    let objectness = f64::from(*row.get(4)?);
    // A class can't make it more: most rows end here.
    if objectness < at_least {
        return None;
    }
    let (class, share) = best_class(row)?;
    Some((class, objectness * share)).filter(|(_, score)| *score >= at_least)
}

/// Numbers that aren't are no boxes: a broken model finds nothing, and its self-test says so.
fn push(found: &mut Vec<Candidate>, [x, y]: [f64; 2], [width, height]: [f64; 2], class: usize, score: f64) {
    if [x, y, width, height].iter().all(|number| number.is_finite()) && width > 0.0 && height > 0.0 {
        found.push(Candidate {
            place: Box2::new(x - width / 2.0, y - height / 2.0, width, height),
            class,
            score,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_a_row_for_each_cell() {
        assert_eq!(yolox_rows([416, 416]), 3549);
        assert_eq!(yolox_rows([192, 192]), 756);
        assert_eq!(yolox_rows([320, 192]), 960 + 240 + 60);
    }

    #[test]
    fn yolox_boxes_are_counted_from_their_cell() {
        let input = [64, 32];
        let rows = yolox_rows(input);
        let mut answer = vec![0.0_f32; rows * 7];
        // The second cell of the second row of 8 x 4 cells of 8 pixels, and the last of 2 x 1 of 32.
        answer[9 * 7..10 * 7].copy_from_slice(&[0.5, 0.25, 0.0, 2.0_f32.ln(), 0.9, 0.1, 0.8]);
        answer[(rows - 1) * 7..].copy_from_slice(&[0.0, 0.5, 0.0, 0.0, 0.5, 1.0, 0.0]);
        let found = yolox(&answer, 7, input, 0.3);
        assert_eq!(found.len(), 2);
        let (first, last) = (found[0], found[1]);
        assert_eq!((first.class, last.class), (1, 0));
        assert!((first.score - 0.72).abs() < 1e-6 && (last.score - 0.5).abs() < 1e-6);
        let is_near = |a: [f64; 4], b: Box2| {
            [b.left, b.top, b.width, b.height]
                .iter()
                .zip(a)
                .all(|(x, y)| (x - y).abs() < 1e-4)
        };
        assert!(is_near([8.0, 2.0, 8.0, 16.0], first.place), "{first:?}");
        assert!(is_near([16.0, 0.0, 32.0, 32.0], last.place), "{last:?}");
    }

    #[test]
    fn darknet_boxes_are_shares_and_their_classes_hold_objectness() {
        let answer = [0.5, 0.5, 0.25, 0.5, 0.9, 0.7, 0.1, 0.1, 0.1, 0.1, 0.99, 0.2, 0.1];
        let found = darknet(&answer[..7], 7, [320, 160], 0.3);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].place, Box2::new(120.0, 40.0, 80.0, 80.0));
        assert!((found[0].score - 0.7).abs() < 1e-6);
        assert!(darknet(&answer[6..], 7, [320, 160], 0.3).is_empty());
    }

    #[test]
    fn numbers_that_are_none_are_no_boxes() {
        let row = [f32::NAN, 0.5, f32::INFINITY, 0.5, 1.0, 1.0];
        assert!(darknet(&row, 6, [32, 32], 0.3).is_empty());
        let mut answer = vec![0.0_f32; yolox_rows([32, 32]) * 6];
        answer[..6].copy_from_slice(&[0.0, 0.0, 1000.0, 0.0, 1.0, 1.0]);
        assert!(yolox(&answer, 6, [32, 32], 0.3).is_empty());
    }
}
