//! QR codes (ISO/IEC 18004) as inline SVG.

use std::fmt::Write as _;

use qrcodegen::{QrCode, QrCodeEcc};

/// Quiet zone around the code, in modules, as the standard wants it.
const QUIET: i32 = 4;

/// A text's code: the side of the picture in modules, and the path of its dark parts. `None`: it is too long for one.
pub(super) fn code(text: &str) -> Option<(i32, String)> {
    let code = QrCode::encode_text(text, QrCodeEcc::Medium).ok()?;
    let mut path = String::new();
    for y in 0..code.size() {
        let mut x = 0;
        while x < code.size() {
            let run = (x..code.size()).take_while(|x| code.get_module(*x, y)).count();
            let run = i32::try_from(run).unwrap_or(0);
            if run > 0 {
                // Writing into a String can't fail.
                let _ = write!(path, "M{} {}h{run}v1h-{run}z", x + QUIET, y + QUIET);
            }
            x += run.max(1);
        }
    }
    Some((code.size() + 2 * QUIET, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dark_modules_are_covered_exactly_once() {
        let text = "https://madoguchi.example.jp/a/abcdefghijklmnopqrstuvwxyz";
        let (side, path) = code(text).expect("it fits");
        let drawn = QrCode::encode_text(text, QrCodeEcc::Medium).expect("it fits");
        assert_eq!(side, drawn.size() + 8);
        let mut dark = std::collections::HashSet::new();
        for run in path.split('M').skip(1) {
            let (at, rest) = run.split_once('h').expect("a run");
            let (x, y) = at.split_once(' ').expect("a place");
            let (x, y): (i32, i32) = (x.parse().expect("x"), y.parse().expect("y"));
            let length: i32 = rest.split_once('v').expect("a run").0.parse().expect("a length");
            for dx in 0..length {
                assert!(dark.insert((x + dx - QUIET, y - QUIET)));
            }
        }
        for y in 0..drawn.size() {
            for x in 0..drawn.size() {
                assert_eq!(dark.contains(&(x, y)), drawn.get_module(x, y));
            }
        }
    }
}
