//! Explaining a foreground mask by standing people.
//!
//! A person of the size that set-up says for that place is a *figure* of three boxes: head, trunk, legs. In
//! each a pixel is foreground with a known probability, outside it only by chance. The figure that explains
//! most of what is still unexplained is taken first, and what it covers doesn't count again; this goes on
//! until the best figure left explains too little to be a person. So one torn blob is still one person, and
//! people side by side, or partly hidden by each other, are counted apart.
//!
//! Invariant: pure arithmetic over the mask; no clock, no picture, no randomness.

use crate::geometry::{PersonHeights, Polygon};

use super::Detection;
use super::near::Near;

/// A figure's width as a share of its height: a person seen from any side, arms down.
const WIDTH_TO_HEIGHT: f64 = 0.3;

/// Foreground where nobody is, as a share of all pixels: noise, leaves, reflections.
const BY_CHANCE: f64 = 0.1;

/// A figure must explain this share of what a wholly visible person would.
const LEAST_SHARE: f64 = 0.3;

/// More people than this in one picture aren't told apart.
const MOST_PEOPLE: usize = 400;

/// Distance between the places tried, in pixels of the mask.
const STRIDE: usize = 3;

/// One box of a figure, from the head down.
struct Part {
    /// Shares of the figure's height, from its top.
    from: f64,
    to: f64,
    /// Share of the figure's width, in its middle.
    width: f64,
    /// Share of its pixels that a person covers.
    filled: f64,
}

const HEAD: Part = Part {
    from: 0.0,
    to: 0.16,
    width: 0.45,
    filled: 0.6,
};
const TRUNK: Part = Part {
    from: 0.16,
    to: 0.55,
    width: 0.95,
    filled: 0.75,
};
const LEGS: Part = Part {
    from: 0.55,
    to: 1.0,
    width: 0.8,
    filled: 0.5,
};
const PARTS: [Part; 3] = [HEAD, TRUNK, LEGS];

impl Part {
    /// Evidence of one foreground pixel in the box for a person (nats).
    fn for_it(&self) -> f64 {
        (self.filled / BY_CHANCE).ln()
    }

    /// Evidence of one background pixel in the box, negative.
    fn against_it(&self) -> f64 {
        ((1.0 - self.filled) / (1.0 - BY_CHANCE)).ln()
    }
}

/// A box of whole pixels within the mask, ends excluded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Pixels {
    x0: usize,
    y0: usize,
    x1: usize,
    y1: usize,
}

impl Pixels {
    /// Rounded and cut to the mask.
    fn new([x0, y0, x1, y1]: [f64; 4], width: usize, height: usize) -> Self {
        // Clamped to the mask first, so the cast neither wraps nor loses a sign.
        let cut = |value: f64, end: usize| value.round().clamp(0.0, end as f64) as usize;
        Self {
            x0: cut(x0, width),
            y0: cut(y0, height),
            x1: cut(x1, width),
            y1: cut(y1, height),
        }
    }

    /// The cells of each row in a mask of `width`, row by row.
    fn rows(self, width: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
        (self.y0..self.y1).map(move |row| row * width + self.x0..row * width + self.x1)
    }

    fn meets(&self, other: &Self) -> bool {
        self.x0 < other.x1 && other.x0 < self.x1 && self.y0 < other.y1 && other.y0 < self.y1
    }
}

/// A place where a person could stand.
struct Place {
    /// Foot point, pixels of the mask; may be below it.
    foot: [f64; 2],
    height: f64,
    parts: [Pixels; 3],
    /// The evidence expected of a wholly visible person here.
    expected: f64,
}

/// All the figures of one camera at one size of the mask.
pub struct Figures {
    width: usize,
    height: usize,
    heights: PersonHeights,
    places: Vec<Place>,
    unexplained: Sums,
    free: Sums,
}

impl std::fmt::Debug for Figures {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Figures")
            .field("places", &self.places.len())
            .finish_non_exhaustive()
    }
}

impl Figures {
    /// Figures for masks of `width` x `height` pixels. They stand in the area and half a person's height
    /// around it: somebody just outside must be seen there, lest they be taken for somebody just inside.
    #[must_use]
    pub fn new(width: usize, height: usize, heights: &PersonHeights, area: &Polygon) -> Self {
        let (w, h) = (width as f64, height as f64);
        // Feet may be cut off by the lower edge, up to the knees.
        let lowest = h * (1.0 + heights.at(1.0) * 0.25);
        let mut places = Vec::new();
        let mut y = STRIDE as f64;
        while y <= lowest {
            let person = heights.at(y / h);
            for x in (0..width).step_by(STRIDE) {
                let foot = [x as f64, y];
                if area.distance([foot[0] / w, y / h]) <= person / 2.0 {
                    places.push(Place::new(foot, person * h, width, height));
                }
            }
            y += STRIDE as f64;
        }
        Self {
            width,
            height,
            heights: *heights,
            places,
            unexplained: Sums::new(width, height),
            free: Sums::new(width, height),
        }
    }

    /// The people that explain a mask (0 background, else foreground; row by row). Sure ones first.
    ///
    /// # Panics
    /// When the mask isn't of the size given to [`Figures::new`].
    pub fn explain(&mut self, mask: &[u8]) -> Vec<Detection> {
        assert_eq!(
            mask.len(),
            self.width * self.height,
            "the mask has the size of the figures"
        );
        let mask: Vec<u8> = mask.iter().map(|pixel| u8::from(*pixel > 0)).collect();
        let (width, height) = (self.width, self.height);
        let near = Near::of(&mask, width, &self.heights);
        let mut standing = self.take_greedily(&mask);
        drop_redundant(&mut standing, &mask, width);
        if let Some(near) = near {
            let figures: Vec<(f64, Vec<usize>)> = (standing.iter())
                .map(|figure| (figure.place.height, figure.place.cells(width).collect()))
                .collect();
            let mut stays = near.hold(&figures).into_iter();
            standing.retain(|_| stays.next() != Some(false));
        }
        (standing.iter())
            .map(|figure| figure.place.detection(figure.share, width, height))
            .collect()
    }

    /// The best figure first, then the best for what it leaves, and so on: places with their shares.
    fn take_greedily(&mut self, mask: &[u8]) -> Vec<Standing<'_>> {
        let mut unexplained = mask.to_vec();
        let mut free = vec![1_u8; mask.len()];
        self.unexplained.fill(&unexplained);
        self.free.fill(&free);
        let mut found = Vec::new();
        // What others explain can raise a figure's share a little, never from far below zero.
        let mut candidates: Vec<(&Place, f64)> = (self.places.iter())
            .map(|place| (place, share_of(place, &self.unexplained, &self.free)))
            .filter(|(_, share)| *share > -0.5)
            .collect();
        while found.len() < MOST_PEOPLE {
            let best = candidates.iter().max_by(|a, b| a.1.total_cmp(&b.1));
            let Some((place, share)) = best.filter(|(_, share)| *share >= LEAST_SHARE).copied() else {
                break;
            };
            found.push(Standing { place, share });
            for cells in place.parts.iter().flat_map(|part| part.rows(self.width)) {
                unexplained[cells.clone()].fill(0);
                free[cells].fill(0);
            }
            let top = place.parts.iter().map(|part| part.y0).min().unwrap_or(0);
            self.unexplained.fill_from(&unexplained, top);
            self.free.fill_from(&free, top);
            for (other, share) in &mut candidates {
                if other.touches(place) {
                    *share = share_of(other, &self.unexplained, &self.free);
                }
            }
        }
        found
    }
}

/// A figure that was taken.
struct Standing<'a> {
    place: &'a Place,
    share: f64,
}

/// Drops figures that those taken after them explain as well: between two people who stand close, a third one
/// fits best at first.
fn drop_redundant(standing: &mut Vec<Standing<'_>>, mask: &[u8], width: usize) {
    let mut covers = vec![0_u16; mask.len()];
    for cell in standing.iter().flat_map(|figure| figure.place.cells(width)) {
        covers[cell] += 1;
    }
    loop {
        let own = |figure: &Standing<'_>| figure.place.own_share(mask, &covers, width);
        let weakest = standing.iter().map(own).enumerate().min_by(|a, b| a.1.total_cmp(&b.1));
        let Some((index, _)) = weakest.filter(|(_, share)| *share < LEAST_SHARE) else {
            return;
        };
        for cell in standing.swap_remove(index).place.cells(width) {
            covers[cell] -= 1;
        }
    }
}

/// The evidence for a person here, as a share of what a wholly visible one would give.
fn share_of(place: &Place, unexplained: &Sums, free: &Sums) -> f64 {
    let evidence: f64 = PARTS
        .iter()
        .zip(&place.parts)
        .map(|(part, pixels)| {
            let hits = f64::from(unexplained.within(pixels));
            let misses = f64::from(free.within(pixels)) - hits;
            part.for_it() * hits + part.against_it() * misses
        })
        .sum();
    evidence / place.expected
}

impl Place {
    fn new(foot: [f64; 2], height: f64, mask_width: usize, mask_height: usize) -> Self {
        let [x, y] = foot;
        let width = height * WIDTH_TO_HEIGHT;
        let top = y - height;
        let parts = PARTS.map(|part| {
            let half = width * part.width / 2.0;
            let edges = [x - half, top + height * part.from, x + half, top + height * part.to];
            Pixels::new(edges, mask_width, mask_height)
        });
        let expected = PARTS
            .iter()
            .map(|part| {
                let area = height * (part.to - part.from) * width * part.width;
                area * (part.filled * part.for_it() + (1.0 - part.filled) * part.against_it())
            })
            .sum();
        Self {
            foot,
            height,
            parts,
            expected,
        }
    }

    /// All its cells; its parts don't overlap.
    fn cells(&self, width: usize) -> impl Iterator<Item = usize> + '_ {
        self.parts.iter().flat_map(move |part| part.rows(width)).flatten()
    }

    /// As [`share_of`], by the cells that no other figure covers.
    fn own_share(&self, mask: &[u8], covers: &[u16], width: usize) -> f64 {
        let of_part = |(part, pixels): (&Part, &Pixels)| {
            let (mut hits, mut misses) = (0_u32, 0_u32);
            for cell in pixels.rows(width).flatten().filter(|cell| covers[*cell] == 1) {
                if mask[cell] > 0 { hits += 1 } else { misses += 1 }
            }
            part.for_it() * f64::from(hits) + part.against_it() * f64::from(misses)
        };
        PARTS.iter().zip(&self.parts).map(of_part).sum::<f64>() / self.expected
    }

    fn touches(&self, other: &Self) -> bool {
        self.parts
            .iter()
            .any(|mine| other.parts.iter().any(|theirs| mine.meets(theirs)))
    }

    fn detection(&self, share: f64, mask_width: usize, mask_height: usize) -> Detection {
        let (w, h) = (mask_width as f64, mask_height as f64);
        let width = self.height * WIDTH_TO_HEIGHT;
        Detection {
            left: (self.foot[0] - width / 2.0) / w,
            top: (self.foot[1] - self.height) / h,
            width: width / w,
            height: self.height / h,
            score: share.clamp(0.0, 1.0),
        }
    }
}

/// Sums over rectangles from the upper left corner, so that the sum in any box takes four look-ups.
struct Sums {
    width: usize,
    /// One row and one column more than the mask, the first of each zero.
    cells: Vec<u32>,
}

impl Sums {
    fn new(width: usize, height: usize) -> Self {
        Self {
            width,
            cells: vec![0; (width + 1) * (height + 1)],
        }
    }

    fn fill(&mut self, values: &[u8]) {
        self.fill_from(values, 0);
    }

    /// Sums up again from a row on; above it nothing has changed.
    fn fill_from(&mut self, values: &[u8], row: usize) {
        let stride = self.width + 1;
        let (done, rest) = self.cells.split_at_mut((row + 1) * stride);
        let mut above = &done[row * stride..];
        let rows = values.chunks_exact(self.width).skip(row);
        for (cells, values) in rest.chunks_exact_mut(stride).zip(rows) {
            let mut line = 0;
            for ((cell, up), value) in cells[1..].iter_mut().zip(&above[1..]).zip(values) {
                line += u32::from(*value);
                *cell = up + line;
            }
            above = cells;
        }
    }

    fn within(&self, pixels: &Pixels) -> u32 {
        let at = |x: usize, y: usize| self.cells[y * (self.width + 1) + x];
        let Pixels { x0, y0, x1, y1 } = *pixels;
        // Added before subtracting: every step stays positive.
        at(x1, y1) + at(x0, y0) - at(x0, y1) - at(x1, y0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: usize = 200;
    const H: usize = 150;

    fn figures() -> Figures {
        let heights = PersonHeights::new([[0.2, 0.2], [1.0, 0.4]]).expect("sound");
        Figures::new(W, H, &heights, &Polygon::whole_picture())
    }

    /// A person of 60 pixels, filled as people are: head, trunk, two legs.
    fn draw(mask: &mut [u8], x: usize, foot: usize, height: usize) {
        let mut fill = |x0: usize, y0: usize, x1: usize, y1: usize| {
            for y in y0..y1.min(H) {
                for cell in &mut mask[y * W + x0.min(W)..y * W + x1.min(W)] {
                    *cell = 255;
                }
            }
        };
        let top = foot - height;
        fill(x - height / 16, top, x + height / 16, top + height / 6);
        fill(x - height / 8, top + height / 6, x + height / 8, foot - height * 4 / 9);
        fill(x - height / 9, foot - height * 4 / 9, x - height / 36, foot);
        fill(x + height / 36, foot - height * 4 / 9, x + height / 9, foot);
    }

    fn feet(mask: &[u8]) -> Vec<[f64; 2]> {
        let mut feet: Vec<_> = (figures().explain(mask).iter())
            .map(|found| found.foot())
            .map(|[x, y]| [x * W as f64, y * H as f64])
            .collect();
        feet.sort_by(|a, b| a[0].total_cmp(&b[0]));
        feet
    }

    #[test]
    fn nothing_is_nobody() {
        assert_eq!(feet(&vec![0; W * H]), Vec::<[f64; 2]>::new());
    }

    #[test]
    fn each_person_is_found_where_they_stand() {
        let mut mask = vec![0; W * H];
        draw(&mut mask, 40, 100, 49);
        draw(&mut mask, 120, 140, 58);
        let found = feet(&mask);
        assert_eq!(found.len(), 2, "{found:?}");
        for ([x, y], [truth_x, truth_y]) in found.into_iter().zip([[40.0, 100.0], [120.0, 140.0]]) {
            assert!((x - truth_x).abs() <= 4.0 && (y - truth_y).abs() <= 6.0, "{x} {y}");
        }
    }

    #[test]
    fn people_side_by_side_in_one_blob_are_counted_apart() {
        let mut mask = vec![0; W * H];
        for x in [60, 74, 88] {
            draw(&mut mask, x, 130, 56);
        }
        assert_eq!(feet(&mask).len(), 3);
    }

    #[test]
    fn a_person_behind_a_pole_is_one() {
        let mut mask = vec![0; W * H];
        draw(&mut mask, 60, 130, 56);
        for row in mask.chunks_exact_mut(W) {
            row[58..62].fill(0);
        }
        for y in 95..102 {
            mask[y * W..(y + 1) * W].fill(0);
        }
        assert_eq!(feet(&mask).len(), 1);
    }

    #[test]
    fn scattered_noise_is_nobody() {
        // Every 11th pixel: 9 % of the mask, just under what is expected by chance.
        let mask: Vec<u8> = (0..W * H).map(|i| u8::from(i % 11 == 0)).collect();
        assert_eq!(feet(&mask), Vec::<[f64; 2]>::new());
    }

    #[test]
    fn something_much_smaller_than_a_person_is_nobody() {
        let mut mask = vec![0; W * H];
        draw(&mut mask, 100, 140, 20);
        assert_eq!(feet(&mask), Vec::<[f64; 2]>::new(), "a dog is not a person");
    }

    #[test]
    fn a_full_mask_ends() {
        let found = figures().explain(&vec![255; W * H]);
        assert!(!found.is_empty() && found.len() <= MOST_PEOPLE);
    }
}
