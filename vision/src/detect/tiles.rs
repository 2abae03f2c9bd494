//! Which parts of a picture a model looks at: the one in which people of the area can be, in two where they would be
//! too small in it whole. Pure.
//!
//! Invariant: everybody is whole in one tile at least: tiles overlap by as much as the largest person needs.

use opencv::core::{Rect, Size};

use crate::geometry::{PersonHeights, Polygon};
use crate::model::boxes::join_tiles;
use crate::model::{Box2, Found};

/// Where the smallest person is as many pixels tall in the model's input, a closer look finds nobody more. Small
/// models' finest cells have 8 pixels: a person is eight of them.
const TALL_ENOUGH: f64 = 64.0;

/// The widest that somebody is, as a share of their height: a long step, seen from the side.
const WIDEST: f64 = 0.5;

/// Tiles that share more than this of their length look twice at nearly the same: people are large.
const MOST_SHARED: f64 = 0.5;

/// Boxes of neighbouring tiles that overlap (IoU) by more are one person's.
const OVERLAP: f64 = 0.5;

/// A box of which more lies in another one is what a tile's edge left of a person.
const INSIDE: f64 = 0.9;

/// Nearer to a tile's edge, in pixels, a box is cut by it.
const EDGE: f64 = 4.0;

/// The part of a picture in which people of the area can be: their heads may be above it, and who is about to come in
/// is followed from half a person outside.
pub(super) fn part_with_people(heights: &PersonHeights, area: &Polygon, picture: Size) -> Rect {
    let [[left, top], [right, bottom]] = area.bounds();
    let (above, around) = (heights.at(top) * 1.2, heights.at(bottom) * 0.5);
    let (width, height) = (f64::from(picture.width), f64::from(picture.height));
    let pixels = |share: f64, side: f64| (share.clamp(0.0, 1.0) * side).round() as i32;
    let (x0, x1) = (pixels(left - around, width), pixels(right + around, width));
    let (y0, y1) = (pixels(top - above, height), pixels(bottom + around, height));
    Rect::new(x0, y0, (x1 - x0).max(1), (y1 - y0).max(1))
}

/// The parts that a close look takes one by one, pixels of the picture: two halves across its longer side, or the
/// whole part where people are tall in the model's `input` already. `tallest` and `smallest`: people's heights in the
/// area, in pixels of the picture.
pub(super) fn tiles(part: Rect, input: [usize; 2], smallest: f64, tallest: f64) -> Vec<Rect> {
    let (width, height) = (f64::from(part.width), f64::from(part.height));
    // Inputs have at most 2048 pixels a side.
    let scale = (input[0] as f64 / width).min(input[1] as f64 / height);
    let is_wide = part.width >= part.height;
    let (length, shared) = if is_wide {
        (width, tallest * WIDEST + 2.0 * EDGE)
    } else {
        (height, tallest + 2.0 * EDGE)
    };
    let tile = ((length + shared) / 2.0).ceil();
    if smallest * scale >= TALL_ENOUGH || shared > tile * MOST_SHARED {
        return vec![part];
    }
    // At most the part's own side, below 8192.
    let tile = tile as i32;
    if is_wide {
        let second = part.x + part.width - tile;
        [part.x, second].map(|x| Rect::new(x, part.y, tile, part.height)).into()
    } else {
        let second = part.y + part.height - tile;
        [part.y, second].map(|y| Rect::new(part.x, y, part.width, tile)).into()
    }
}

/// Whether a tile's edge inside the whole cuts a box.
pub(super) fn is_cut(place: &Box2, tile: Rect, whole: Rect) -> bool {
    let ends = |rect: Rect| [rect.x, rect.y, rect.x + rect.width, rect.y + rect.height].map(f64::from);
    let (of_tile, of_whole) = (ends(tile), ends(whole));
    (of_tile[0] > of_whole[0] && place.left < of_tile[0] + EDGE)
        || (of_tile[1] > of_whole[1] && place.top < of_tile[1] + EDGE)
        || (of_tile[2] < of_whole[2] && place.right() > of_tile[2] - EDGE)
        || (of_tile[3] < of_whole[3] && place.bottom() > of_tile[3] - EDGE)
}

/// What several tiles found, everybody once.
pub(super) fn join(found: Vec<Found>) -> Vec<Found> {
    join_tiles(found, OVERLAP, INSIDE)
}

#[cfg(test)]
mod tests {
    use super::*;

    const INPUT: [usize; 2] = [416, 416];

    #[test]
    fn small_people_are_looked_at_in_two_tiles_and_nobody_is_cut_in_both() {
        for part in [Rect::new(0, 86, 768, 490), Rect::new(10, 20, 500, 900)] {
            let found = tiles(part, INPUT, 50.0, 150.0);
            let [first, second] = found[..] else {
                panic!("two tiles of {part:?}, not {found:?}");
            };
            assert_eq!((first.x, first.y), (part.x, part.y));
            let end = |rect: Rect| (rect.x + rect.width, rect.y + rect.height);
            assert_eq!(end(second), end(part));
            // The tallest person, as wide as a long step, wherever they are.
            for step in 0..200 {
                let left = f64::from(part.x) + f64::from(part.width - 75) * f64::from(step) / 199.0;
                let top = f64::from(part.y) + f64::from(part.height - 150) * f64::from(step) / 199.0;
                let person = Box2::new(left, top, 75.0, 150.0);
                assert!(
                    found.iter().any(|tile| !is_cut(&person, *tile, part)
                        && person.left >= f64::from(tile.x)
                        && person.right() <= f64::from(tile.x + tile.width)
                        && person.top >= f64::from(tile.y)
                        && person.bottom() <= f64::from(tile.y + tile.height)),
                    "{person:?} in {found:?}"
                );
            }
        }
    }

    #[test]
    fn large_people_are_looked_at_whole() {
        let part = Rect::new(0, 0, 800, 600);
        assert_eq!(tiles(part, INPUT, 130.0, 400.0), [part], "tall enough as they are");
        assert_eq!(
            tiles(part, INPUT, 60.0, 590.0),
            [part],
            "no room for the largest in half of it"
        );
    }

    #[test]
    fn the_part_looked_at_has_room_for_heads() {
        let heights = PersonHeights::new([[0.3, 0.1], [0.7, 0.2]]).expect("sound");
        let lower = Polygon::new(vec![[0.5, 0.5], [1.0, 0.5], [1.0, 1.0], [0.5, 1.0]]).expect("sound");
        let part = part_with_people(&heights, &lower, Size::new(1000, 1000));
        assert_eq!(part, Rect::new(363, 320, 637, 680));
        let whole = part_with_people(&heights, &Polygon::whole_picture(), Size::new(1000, 800));
        assert_eq!(whole, Rect::new(0, 0, 1000, 800));
    }

    #[test]
    fn only_edges_inside_the_picture_cut() {
        let (tile, whole) = (Rect::new(0, 0, 400, 500), Rect::new(0, 0, 700, 500));
        assert!(!is_cut(&Box2::new(-3.0, 0.0, 40.0, 90.0), tile, whole));
        assert!(is_cut(&Box2::new(370.0, 0.0, 40.0, 90.0), tile, whole));
        assert!(!is_cut(&Box2::new(300.0, 0.0, 40.0, 90.0), tile, whole));
        let (upper, tall) = (Rect::new(0, 0, 400, 300), Rect::new(0, 0, 400, 500));
        assert!(is_cut(&Box2::new(10.0, 220.0, 40.0, 79.0), upper, tall));
        assert!(!is_cut(&Box2::new(10.0, -1.0, 40.0, 90.0), upper, tall));
    }
}
