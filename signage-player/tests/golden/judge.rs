//! Whether two pictures show the same.
//!
//! Another version of a font's rasteriser moves edges by a part of a pixel: one side becomes darker, the other lighter. So what
//! differs is first evened out over three by three pixels: a moved edge hardly remains, a stroke that has gone does. Two limits
//! hold, both of them for small parts, as a share of the whole picture would hide a word:
//!
//! - evened out, no pixel's channel may differ by more than [`STROKE`]: no stroke has gone or come;
//! - the mean of no tile of [`TILE`] by [`TILE`] pixels may differ by more than [`GROUND`]: no pale ground has.
//!
//! The limits lie between what was measured (`MEASURE_JUDGE=1 cargo test -p signage-player --test golden judge -- --nocapture`).
//! Two runs on one machine differ nowhere. Letters of 12 to 72 pixels in four faces differ by at most 81 and 14 with FreeType's slight
//! hinting instead of none, or a quarter of a pixel elsewhere. Another figure in bold letters of 15 pixels makes 152, in larger ones
//! 217 and more; a reading that goes from a text of 36 pixels, 0.01 % of its sheet, makes 158.

use cairo::{Context, Format, HintStyle, ImageSurface};

/// How much a channel may differ of 255, in the mean of nine pixels.
pub const STROKE: u32 = 95;
/// How much a channel may differ of 255, in the mean of a tile.
pub const GROUND: u32 = 18;
/// A tile's side in pixels.
const TILE: usize = 16;

/// Pixels as BGRx, row by row without gaps.
#[derive(Clone, Copy)]
pub struct Picture<'a> {
    pub pixels: &'a [u8],
    pub width: usize,
}

/// Where two pictures differ most, and how much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Worst {
    /// In the mean of nine pixels, of 255, and their middle.
    pub stroke: (u32, (usize, usize)),
    /// In the mean of a tile, of 255, and its upper left corner.
    pub ground: (u32, (usize, usize)),
}

impl Worst {
    pub fn is_the_same(self) -> bool {
        self.stroke.0 <= STROKE && self.ground.0 <= GROUND
    }

    fn look(&mut self, sums: [i32; 3], pixels: usize, at: (usize, usize), is_tile: bool) {
        let most = sums.into_iter().map(i32::unsigned_abs).max().unwrap_or(0) / pixels.max(1) as u32;
        let worst = if is_tile { &mut self.ground } else { &mut self.stroke };
        if most > worst.0 {
            *worst = (most, at);
        }
    }
}

/// Where two pictures of one size differ most.
pub fn worst(a: Picture<'_>, b: Picture<'_>) -> Worst {
    assert_eq!(
        (a.width, a.pixels.len()),
        (b.width, b.pixels.len()),
        "pictures of one size"
    );
    let (width, height) = (a.width, a.pixels.len() / 4 / a.width.max(1));
    let row = |picture: Picture<'_>, y: usize| picture.pixels[y * width * 4..][..width * 4].to_vec();
    let is_same: Vec<bool> = (0..height).map(|y| row(a, y) == row(b, y)).collect();
    let sum = |xs: std::ops::Range<usize>, ys: std::ops::Range<usize>| {
        let mut sums = [0; 3];
        for y in ys.filter(|y| !is_same[*y]) {
            for x in xs.clone() {
                let at = (y * width + x) * 4;
                for (channel, sum) in sums.iter_mut().enumerate() {
                    *sum += i32::from(a.pixels[at + channel]) - i32::from(b.pixels[at + channel]);
                }
            }
        }
        sums
    };
    let mut worst = Worst::default();
    for y in 0..height {
        let ys = y.saturating_sub(1)..(y + 2).min(height);
        if ys.clone().all(|y| is_same[y]) {
            continue;
        }
        for x in 0..width {
            let xs = x.saturating_sub(1)..(x + 2).min(width);
            worst.look(sum(xs, ys.clone()), 9, (x, y), false);
        }
    }
    for top in (0..height).step_by(TILE) {
        for left in (0..width).step_by(TILE) {
            let (right, bottom) = ((left + TILE).min(width), (top + TILE).min(height));
            let pixels = (right - left) * (bottom - top);
            worst.look(sum(left..right, top..bottom), pixels, (left, top), true);
        }
    }
    worst
}

const SIZE: (i32, i32) = (320, 120);

/// A text on paper, set as the player sets it except for its hinting and its place.
fn written(text: &str, font: &str, pixels: f64, hinting: HintStyle, shift: f64) -> Vec<u8> {
    let mut surface = ImageSurface::create(Format::Rgb24, SIZE.0, SIZE.1).expect("a surface");
    {
        let cr = Context::new(&surface).expect("a context");
        cr.set_source_rgb(1.0, 1.0, 1.0);
        cr.paint().expect("painted");
        let layout = pangocairo::functions::create_layout(&cr);
        let mut options = cairo::FontOptions::new().expect("options");
        options.set_antialias(cairo::Antialias::Gray);
        options.set_hint_style(hinting);
        options.set_hint_metrics(cairo::HintMetrics::Off);
        pangocairo::functions::context_set_font_options(&layout.context(), Some(&options));
        let mut style = pango::FontDescription::from_string(font);
        style.set_absolute_size(pixels * f64::from(pango::SCALE));
        layout.set_font_description(Some(&style));
        layout.set_text(text);
        cr.set_source_rgb(0.1, 0.1, 0.1);
        cr.move_to(8.0 + shift, 16.0 + shift);
        pangocairo::functions::show_layout(&cr, &layout);
    }
    surface.flush();
    surface.data().expect("its pixels").to_vec()
}

fn picture(pixels: &[u8]) -> Picture<'_> {
    Picture {
        pixels,
        width: SIZE.0 as usize,
    }
}

const TEXT: &str = "4人待ち・窓口 Counter 3";

fn is_measuring() -> bool {
    std::env::var_os("MEASURE_JUDGE").is_some()
}

#[test]
fn other_edges_are_the_same_picture() {
    for font in [
        "BIZ UDPGothic Bold",
        "BIZ UDPGothic",
        "Noto Sans CJK KR",
        "DejaVu Sans Bold",
    ] {
        for pixels in [12.0, 15.0, 24.0, 36.0, 72.0] {
            let plain = written(TEXT, font, pixels, HintStyle::None, 0.0);
            for (what, other) in [
                ("the same", written(TEXT, font, pixels, HintStyle::None, 0.0)),
                ("hinted", written(TEXT, font, pixels, HintStyle::Slight, 0.0)),
                ("a quarter", written(TEXT, font, pixels, HintStyle::None, 0.25)),
            ] {
                let found = worst(picture(&plain), picture(&other));
                println!("{font} {pixels} {what}: {found:?}");
                assert!(
                    is_measuring() || found.is_the_same(),
                    "{font} {pixels} {what}: {found:?}"
                );
                assert!(what != "the same" || found == Worst::default());
            }
        }
    }
}

#[test]
fn another_figure_is_another_picture() {
    for pixels in [15.0, 24.0, 36.0, 72.0] {
        for (one, other) in [("4人", "5人"), ("118", "119"), ("3番", "8番"), ("30 min", "36 min")] {
            let [one, other] =
                [one, other].map(|text| written(text, "BIZ UDPGothic Bold", pixels, HintStyle::None, 0.0));
            let found = worst(picture(&one), picture(&other));
            println!("{pixels}: {found:?}");
            assert!(is_measuring() || !found.is_the_same(), "{pixels}: {found:?}");
        }
    }
}
