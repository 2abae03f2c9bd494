//! People near the camera: one body fills much of the picture, wider than anybody further away, and small figures fit into
//! it many times. A blob that is no taller than a person who stands at its lower edge holds as many people as its
//! upper outline has heads.
//!
//! Invariant: pure arithmetic over the mask. People smaller than [`NEAR`] are not touched.

use crate::geometry::PersonHeights;

/// From this share of the picture's height on people are near.
const NEAR: f64 = 0.4;

/// A blob is one row of people when it is at most so much taller than a person at its lower edge.
const ONE_ROW: f64 = 1.2;

/// Between two heads the outline goes down by this share of a person's height,
const DIP: f64 = 0.1;

/// and a head is at least so high above the lower edge.
const LEAST_HEAD: f64 = 0.4;

/// A connected part of a mask.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Blob {
    /// The uppermost row in each of its columns.
    tops: Vec<usize>,
    /// Its last row.
    bottom: usize,
}

/// The blobs of a mask that hold one row of near people.
#[derive(Debug)]
pub(super) struct Near {
    /// For each pixel 0 or the number of its blob.
    labels: Vec<u32>,
    /// How many people the blobs hold, from number 1 on; none: any number.
    most: Vec<Option<usize>>,
}

impl Near {
    /// None where nobody in the picture is near. The mask is 0 or else, row by row.
    pub(super) fn of(mask: &[u8], width: usize, heights: &PersonHeights) -> Option<Self> {
        if heights.at(1.0).max(heights.at(0.0)) < NEAR || width == 0 {
            return None;
        }
        let rows = (mask.len() / width).max(1) as f64;
        let (labels, blobs) = blobs(mask, width);
        let most = blobs.iter().map(|blob| {
            let person = heights.at((blob.bottom + 1) as f64 / rows);
            let top = blob.tops.iter().min().copied().unwrap_or(blob.bottom);
            let tall = (blob.bottom + 1 - top) as f64 / rows;
            (person >= NEAR && tall <= ONE_ROW * person).then(|| heads(blob, person * rows))
        });
        Some(Self {
            most: most.collect(),
            labels,
        })
    }

    /// Takes figures (heights, and the pixels that each covers) out of blobs that hold fewer; the tallest stay.
    /// Says which stay.
    pub(super) fn hold(&self, figures: &[(f64, Vec<usize>)]) -> Vec<bool> {
        let blob_of = |cells: &[usize]| {
            let mut counts = vec![0_usize; self.most.len() + 1];
            for cell in cells {
                counts[self.labels[*cell] as usize] += 1;
            }
            counts[0] = 0;
            let covered = counts.iter().enumerate().filter(|(_, count)| **count > 0);
            let most = covered.max_by_key(|(_, count)| **count);
            most.map_or(0, |(label, _)| label)
        };
        let mut order: Vec<usize> = (0..figures.len()).collect();
        order.sort_by(|a, b| figures[*b].0.total_cmp(&figures[*a].0));
        let mut left = self.most.clone();
        let mut stays = vec![true; figures.len()];
        for index in order {
            let blob = blob_of(&figures[index].1).checked_sub(1);
            if let Some(Some(left)) = blob.and_then(|blob| left.get_mut(blob)) {
                stays[index] = *left > 0;
                *left = left.saturating_sub(1);
            }
        }
        stays
    }
}

/// Heads in a blob's upper outline: heights between which it goes down. At least one.
fn heads(blob: &Blob, person: f64) -> usize {
    let dip = DIP * person;
    let (mut heads, mut peak, mut valley, mut climbs) = (0, f64::MIN, f64::MAX, true);
    for top in &blob.tops {
        let tall = (blob.bottom + 1 - top) as f64;
        if climbs {
            peak = peak.max(tall);
            if tall < peak - dip {
                heads += usize::from(peak >= LEAST_HEAD * person);
                (climbs, valley) = (false, tall);
            }
        } else {
            valley = valley.min(tall);
            if tall > valley + dip {
                (climbs, peak) = (true, tall);
            }
        }
    }
    heads += usize::from(climbs && peak >= LEAST_HEAD * person);
    heads.max(1)
}

/// Labels each pixel with the number of its blob (from 1 on; 0: background), neighbours at corners too.
fn blobs(mask: &[u8], width: usize) -> (Vec<u32>, Vec<Blob>) {
    let rows = mask.len() / width;
    let mut labels = vec![0_u32; mask.len()];
    let (mut blobs, mut open): (Vec<Blob>, Vec<usize>) = (Vec::new(), Vec::new());
    for start in 0..rows * width {
        if mask[start] == 0 || labels[start] > 0 {
            continue;
        }
        let label = u32::try_from(blobs.len() + 1).unwrap_or(u32::MAX);
        let mut tops = vec![usize::MAX; width];
        let mut bottom = 0;
        labels[start] = label;
        open.push(start);
        while let Some(cell) = open.pop() {
            let (x, y) = (cell % width, cell / width);
            tops[x] = tops[x].min(y);
            bottom = bottom.max(y);
            for next_y in y.saturating_sub(1)..(y + 2).min(rows) {
                for next_x in x.saturating_sub(1)..(x + 2).min(width) {
                    let next = next_y * width + next_x;
                    if mask[next] > 0 && labels[next] == 0 {
                        labels[next] = label;
                        open.push(next);
                    }
                }
            }
        }
        // A connected blob has pixels in each column from its first to its last.
        let tops = tops.into_iter().filter(|top| *top < usize::MAX).collect();
        blobs.push(Blob { tops, bottom });
    }
    (labels, blobs)
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: usize = 160;
    const H: usize = 120;

    /// Heads and shoulders before a camera at a desk, twice as wide as somebody who stands there.
    fn bust(mask: &mut [u8], x: usize) {
        for y in 20..H {
            let half = if y < 50 { 12 } else { 32 };
            mask[y * W + x.saturating_sub(half)..y * W + (x + half).min(W)].fill(255);
        }
    }

    fn most(mask: &[u8]) -> Vec<Option<usize>> {
        let heights = PersonHeights::new([[0.8, 0.8], [1.0, 1.0]]).expect("sound");
        Near::of(mask, W, &heights).expect("near").most
    }

    #[test]
    fn somebody_who_fills_the_picture_is_one() {
        let mut mask = vec![0; W * H];
        bust(&mut mask, 80);
        assert_eq!(most(&mask), [Some(1)]);
    }

    #[test]
    fn two_heads_are_two_people() {
        let mut mask = vec![0; W * H];
        bust(&mut mask, 50);
        bust(&mut mask, 110);
        assert_eq!(most(&mask), [Some(2)]);
    }

    #[test]
    fn the_tallest_figures_stay() {
        let mut mask = vec![0; W * H];
        bust(&mut mask, 80);
        let heights = PersonHeights::new([[0.8, 0.8], [1.0, 1.0]]).expect("sound");
        let near = Near::of(&mask, W, &heights).expect("near");
        let inside = vec![60 * W + 80];
        let figures = [(30.0, inside.clone()), (90.0, inside), (20.0, vec![0])];
        assert_eq!(near.hold(&figures), [false, true, true], "the last one is in no blob");
    }

    #[test]
    fn nobody_is_near_where_people_are_small() {
        let heights = PersonHeights::new([[0.2, 0.1], [1.0, 0.3]]).expect("sound");
        assert!(Near::of(&[255; W * H], W, &heights).is_none());
    }
}
