//! Shapes that the slides and the film share. A drawing is 832 x 468 units.

use std::f64::consts::{PI, TAU};

use cairo::{Context, Error, LineCap, LineJoin};

use protocol::screen::Language;

use crate::scene::palette::{self, Color};
use crate::scene::text::{self, Fit, Style, Words};

/// A warm accent beside the office's blue.
pub(super) const CORAL: Color = [0xff, 0x8a, 0x5c];
/// A fresh one.
pub(super) const LEAF: Color = [0x25, 0x9d, 0x63];
/// A light one.
pub(super) const SKY: Color = [0x9d, 0xc7, 0xff];

/// The pieces of a sheet: ground, a soft wave at the foot, a band of colour at the head.
pub(super) fn sheet(cr: &Context, accent: Color) -> Result<(), Error> {
    let (width, height) = (f64::from(super::SIZE.0), f64::from(super::SIZE.1));
    text::set_color(cr, palette::WHITE);
    cr.paint()?;
    text::set_color(cr, palette::PALE_BLUE);
    cr.move_to(0.0, height * 0.86);
    cr.curve_to(
        width * 0.3,
        height * 0.74,
        width * 0.6,
        height * 0.98,
        width,
        height * 0.82,
    );
    cr.line_to(width, height);
    cr.line_to(0.0, height);
    cr.fill()?;
    text::set_color(cr, accent);
    cr.rectangle(0.0, 0.0, 12.0, height);
    cr.fill()
}

/// A line of bold text with its left end there. Returns its width.
pub(super) fn line(cr: &Context, said: &str, size: f64, color: Color, x: f64, middle: f64) -> f64 {
    let words = Words::new(cr, said, Style::bold(size, color, Language::Ja), Fit::Free);
    words.draw_left(cr, x, middle);
    words.width()
}

/// A filled circle.
pub(super) fn disc(cr: &Context, x: f64, y: f64, radius: f64, color: Color) -> Result<(), Error> {
    text::set_color(cr, color);
    cr.arc(x, y, radius, 0.0, TAU);
    cr.fill()
}

/// A filled rectangle with round corners.
pub(super) fn card(cr: &Context, place: (f64, f64, f64, f64), radius: f64, color: Color) -> Result<(), Error> {
    text::rounded(cr, place.0, place.1, place.2, place.3, radius);
    text::set_color(cr, color);
    cr.fill()
}

/// A person: head and shoulders, standing on `y`, `size` high.
pub(super) fn person(cr: &Context, x: f64, y: f64, size: f64, color: Color) -> Result<(), Error> {
    disc(cr, x, y - size * 0.74, size * 0.24, color)?;
    cr.move_to(x - size * 0.4, y);
    cr.curve_to(
        x - size * 0.4,
        y - size * 0.56,
        x + size * 0.4,
        y - size * 0.56,
        x + size * 0.4,
        y,
    );
    cr.close_path();
    cr.fill()
}

/// A tick mark around a middle, drawn so far (0 to 1).
pub(super) fn tick(cr: &Context, x: f64, y: f64, size: f64, share: f64, color: Color) -> Result<(), Error> {
    text::set_color(cr, color);
    cr.set_line_width(size * 0.2);
    cr.set_line_cap(LineCap::Round);
    cr.set_line_join(LineJoin::Round);
    let (first, second) = ((share * 3.0).min(1.0), ((share * 3.0 - 1.0) / 2.0).clamp(0.0, 1.0));
    let (start, knee) = ((x - size * 0.45, y + size * 0.02), (x - size * 0.1, y + size * 0.36));
    cr.move_to(start.0, start.1);
    cr.line_to(
        start.0 + (knee.0 - start.0) * first,
        start.1 + (knee.1 - start.1) * first,
    );
    if second > 0.0 {
        cr.line_to(knee.0 + size * 0.58 * second, knee.1 - size * 0.74 * second);
    }
    cr.stroke()
}

/// A telephone standing upright; its screen is left to the caller.
pub(super) fn phone(cr: &Context, x: f64, y: f64, width: f64, height: f64) -> Result<(), Error> {
    card(cr, (x, y, width, height), width * 0.14, palette::INK)?;
    let edge = width * 0.06;
    card(
        cr,
        (x + edge, y + edge, width - edge * 2.0, height - edge * 2.0),
        width * 0.09,
        palette::WHITE,
    )
}

/// A heart around a middle.
pub(super) fn heart(cr: &Context, x: f64, y: f64, size: f64, color: Color) -> Result<(), Error> {
    text::set_color(cr, color);
    let radius = size * 0.27;
    cr.new_sub_path();
    cr.arc(x - radius, y - radius * 0.6, radius, PI * 0.85, 0.0);
    cr.arc(x + radius, y - radius * 0.6, radius, PI, PI * 0.15);
    cr.line_to(x, y + size * 0.5);
    cr.close_path();
    cr.fill()
}

/// Eases a share from 0 to 1 in and out.
pub(super) fn ease(share: f64) -> f64 {
    let share = share.clamp(0.0, 1.0);
    share * share * (3.0 - 2.0 * share)
}
