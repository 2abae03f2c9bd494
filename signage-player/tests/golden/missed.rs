//! What the judge is for: of whatever stands in a golden picture, none may go without being missed.

use crate::judge;
use crate::picture::stored;

/// A stored picture, what stands in it, and where: left, top, right, bottom.
const CONTENTS: [(&str, &str, [usize; 4]); 4] = [
    ("sheet-board-three", "a level's words", [186, 57, 274, 77]),
    ("sheet-waiting", "how many wait", [20, 87, 89, 104]),
    ("over-held-and-hint", "the seconds left", [60, 622, 106, 680]),
    ("sheet-rich", "a reading", [622, 9, 688, 29]),
];

/// Takes what is in a rectangle away: its ground is the colour of its upper left corner. Gives how many pixels had been something
/// else.
fn erase(pixels: &mut [u8], width: usize, [left, top, right, bottom]: [usize; 4]) -> usize {
    let ground = pixels[(top * width + left) * 4..][..3].to_vec();
    let mut erased = 0;
    for y in top..bottom {
        for x in left..right {
            let pixel = &mut pixels[(y * width + x) * 4..][..3];
            erased += usize::from(pixel != ground);
            pixel.copy_from_slice(&ground);
        }
    }
    erased
}

#[test]
fn whatever_goes_is_missed() {
    for (name, what, place) in CONTENTS {
        let ((width, _), golden) = stored(name);
        let width = width as usize;
        let mut without = golden.clone();
        let erased = erase(&mut without, width, place);
        assert!(erased > 20, "{name}: {what} doesn't stand at {place:?} any more");
        let picture = |pixels| judge::Picture { pixels, width };
        let worst = judge::worst(picture(&golden), picture(&without));
        let share = erased as f64 / (golden.len() / 4) as f64 * 100.0;
        println!("{name}, {what} ({share:.2} % of the picture): {worst:?}");
        assert!(!worst.is_the_same(), "{name}: {what} isn't missed: {worst:?}");
    }
}
