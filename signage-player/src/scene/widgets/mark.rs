//! The levels' marks (◎ △ ✕ ■ ？), drawn: fonts have them in different weights, or not at all.

use std::f64::consts::TAU;

use cairo::{Context, LineCap, LineJoin};
use protocol::congestion::Level;
use protocol::screen::Language;

use crate::scene::palette::Color;
use crate::scene::text::{self, Fit, Style, Words};

/// A mark's width beside letters of that size, in pixels.
pub(super) fn width(size: f64) -> f64 {
    size * 0.92
}

/// Draws a level's mark around a middle, beside bold letters of that size.
///
/// # Errors
/// What cairo can't do.
pub(super) fn draw(
    cr: &Context,
    level: Level,
    color: Color,
    size: f64,
    (x, y): (f64, f64),
) -> Result<(), cairo::Error> {
    let half = width(size) / 2.0;
    let line = size * 0.12;
    let inner = half - line / 2.0;
    text::set_color(cr, color);
    cr.save()?;
    cr.set_line_width(line);
    cr.set_line_join(LineJoin::Round);
    cr.set_line_cap(LineCap::Round);
    cr.new_path();
    match level {
        Level::Free => {
            for radius in [inner, inner * 0.46] {
                cr.new_sub_path();
                cr.arc(x, y, radius, 0.0, TAU);
            }
            cr.stroke()?;
        }
        Level::Moderate => {
            // Its height is that of a triangle with three like sides; its middle looks as if it were higher.
            let height = inner * 3_f64.sqrt();
            let top = y - height / 2.0 - line * 0.2;
            cr.move_to(x, top);
            cr.line_to(x + inner, top + height);
            cr.line_to(x - inner, top + height);
            cr.close_path();
            cr.stroke()?;
        }
        Level::Busy => {
            let arm = inner * 0.82;
            for way in [-1.0, 1.0] {
                cr.move_to(x - arm, y - arm * way);
                cr.line_to(x + arm, y + arm * way);
            }
            cr.stroke()?;
        }
        Level::Full => {
            let side = half * 1.7;
            cr.rectangle(x - side / 2.0, y - side / 2.0, side, side);
            cr.fill()?;
        }
        Level::Unknown => {
            let style = Style::bold(size, color, Language::Ja);
            Words::new(cr, "?", style, Fit::Free).draw_centered(cr, x, y);
        }
    }
    cr.restore()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::layer::Layer;
    use crate::scene::palette::{INK, WHITE};
    use crate::stage::canvas::Canvas;

    fn drawn(level: Level, size: f64) -> Canvas {
        let layer = Layer::new(64, 64).expect("made");
        layer.redraw(|cr| draw(cr, level, INK, size, (32.0, 32.0)));
        let mut canvas = Canvas::new(64, 64, WHITE);
        let bounds = canvas.bounds();
        layer.paint(&mut canvas, bounds, (0, 0));
        canvas
    }

    #[test]
    fn marks_differ_by_shape_stand_in_the_middle_and_keep_their_width() {
        let levels = [Level::Free, Level::Moderate, Level::Busy, Level::Full, Level::Unknown];
        let pictures = levels.map(|level| drawn(level, 40.0));
        for (index, picture) in pictures.iter().enumerate() {
            assert!(pictures[..index].iter().all(|other| other.bytes() != picture.bytes()));
            let inked = |x: u32| (0..64).any(|y| picture.color_at(x, y) != Some(WHITE));
            let columns: Vec<u32> = (0..64).filter(|x| inked(*x)).collect();
            let (first, last) = (columns[0], columns[columns.len() - 1]);
            assert!(f64::from(last - first) <= width(40.0) + 1.0, "{first} {last}");
            assert!((first + last).abs_diff(63) <= 3, "{first} {last}");
        }
    }
}
