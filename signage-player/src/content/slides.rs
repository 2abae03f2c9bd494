//! The demo's pictures.

use std::path::Path;

use anyhow::{Context as _, Result};
use cairo::{Context, Error, Format, ImageSurface};

use super::SIZE;
use super::drawing::{CORAL, LEAF, SKY, card, disc, heart, line, person, phone, sheet, tick};
use crate::scene::palette::{self, BLUE, INK, SOFT_INK, WHITE};

/// Draws a slide and writes it as PNG.
pub(super) fn write(file: &Path, draw: fn(&Context) -> Result<(), Error>) -> Result<()> {
    let surface = ImageSurface::create(Format::Rgb24, i32::try_from(SIZE.0)?, i32::try_from(SIZE.1)?)?;
    draw(&Context::new(&surface)?)?;
    let mut bytes = Vec::new();
    surface.write_to_png(&mut bytes)?;
    runtime::write_file(file, &bytes, false).with_context(|| file.display().to_string())
}

/// `マイナンバーカードの受け取りは予約制です`.
pub(super) fn my_number(cr: &Context) -> Result<(), Error> {
    sheet(cr, BLUE)?;
    line(cr, "マイナンバーカードの", 44.0, INK, 56.0, 84.0);
    line(cr, "受け取りは予約制です", 44.0, BLUE, 56.0, 148.0);
    let steps = ["交付通知書がとどく", "電話か窓口で予約する", "予約の日に2階へ"];
    for (index, step) in steps.iter().enumerate() {
        let y = 228.0 + 66.0 * index as f64;
        disc(cr, 80.0, y, 24.0, BLUE)?;
        let number = ["1", "2", "3"][index];
        line(cr, number, 26.0, WHITE, 72.0, y);
        line(cr, step, 30.0, INK, 122.0, y);
    }
    // The card, a little tilted.
    cr.save()?;
    cr.translate(644.0, 262.0);
    cr.rotate(-0.09);
    card(cr, (-142.0, -92.0, 290.0, 188.0), 18.0, palette::LINE)?;
    card(cr, (-148.0, -98.0, 290.0, 188.0), 18.0, WHITE)?;
    cr.set_line_width(2.5);
    crate::scene::text::rounded(cr, -148.0, -98.0, 290.0, 188.0, 18.0);
    crate::scene::text::set_color(cr, SKY);
    cr.stroke()?;
    card(cr, (-148.0, -98.0, 290.0, 40.0), 18.0, SKY)?;
    card(cr, (-148.0, -74.0, 290.0, 18.0), 0.0, SKY)?;
    card(cr, (-124.0, -34.0, 84.0, 100.0), 10.0, palette::PALE_BLUE)?;
    cr.save()?;
    crate::scene::text::rounded(cr, -124.0, -34.0, 84.0, 100.0, 10.0);
    cr.clip();
    person(cr, -82.0, 66.0, 82.0, BLUE)?;
    cr.restore()?;
    for (index, width) in [130.0, 100.0, 130.0, 76.0].into_iter().enumerate() {
        card(
            cr,
            (-14.0, -28.0 + 26.0 * index as f64, width, 12.0),
            6.0,
            palette::LINE,
        )?;
    }
    cr.restore()?;
    disc(cr, 762.0, 356.0, 38.0, LEAF)?;
    tick(cr, 762.0, 356.0, 40.0, 1.0, WHITE)
}

/// `子育て相談はオンラインでもできます`.
pub(super) fn child_care(cr: &Context) -> Result<(), Error> {
    sheet(cr, CORAL)?;
    line(cr, "子育て相談は", 44.0, INK, 56.0, 84.0);
    line(cr, "オンラインでもできます", 44.0, BLUE, 56.0, 148.0);
    let points = [
        "ご自宅から、お子さまといっしょに",
        "相談員の顔を見ながら30分",
        "費用はかかりません",
    ];
    for (index, point) in points.iter().enumerate() {
        let y = 228.0 + 62.0 * index as f64;
        tick(cr, 76.0, y, 30.0, 1.0, LEAF)?;
        line(cr, point, 28.0, INK, 112.0, y);
    }
    line(cr, "ご予約：2階 子育て支援課", 26.0, SOFT_INK, 56.0, 424.0);
    phone(cr, 630.0, 150.0, 148.0, 274.0)?;
    card(cr, (644.0, 176.0, 120.0, 112.0), 12.0, palette::PALE_BLUE)?;
    cr.save()?;
    crate::scene::text::rounded(cr, 644.0, 176.0, 120.0, 112.0, 12.0);
    cr.clip();
    person(cr, 704.0, 290.0, 96.0, BLUE)?;
    cr.restore()?;
    card(cr, (644.0, 298.0, 120.0, 80.0), 12.0, [0xff, 0xef, 0xe8])?;
    person(cr, 686.0, 378.0, 62.0, CORAL)?;
    person(cr, 728.0, 378.0, 42.0, LEAF)?;
    disc(cr, 704.0, 400.0, 10.0, CORAL)?;
    heart(cr, 792.0, 156.0, 52.0, CORAL)
}
