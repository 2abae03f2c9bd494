//! Text of several paragraphs, set by Pango: Japanese line breaking, readings above (横書き) or at the right
//! (縦書き) of their words, bold parts.
//!
//! Upright text is set as lying text whose page is turned by 90°, with letters that stand (gravity east):
//! so a reading, above its line, comes to lie at the line's right.

use std::ops::Range;

use anyhow::Result;
use cairo::Context;
use pango::{AttrInt, AttrList, AttrShape, EllipsizeMode, Gravity, GravityHint, Layout, Weight, WrapMode};
use protocol::screen::{Direction, Language, Rect, Text, parse_color};

use super::{Faced, Place, View, upright};
use crate::scene::data::{Data, Moment};
use crate::scene::markup::{self, Marked};
use crate::scene::palette;
use crate::scene::text::{self, Style, units};
use crate::stage::canvas::Canvas;

/// A reading's letters, as a share of the text's.
const READING: f64 = 0.5;
/// From line to line, as a share of the letters' height.
const LEADING: f64 = 1.45;
/// The same where there are readings.
const LEADING_WITH_READINGS: f64 = 1.95;

/// The text in its zone.
pub struct RichText {
    picture: Faced<Language>,
    text: Text,
    style: Style,
    direction: Direction,
}

impl RichText {
    /// A text. The color has the form `#rrggbb`.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place, text: &Text, size: u32, color: &str, direction: Direction) -> Result<Self> {
        let size = (f64::from(size) * place.scale).max(place.unit);
        let color = parse_color(color).unwrap_or(palette::INK);
        Ok(Self {
            picture: Faced::new(place)?,
            text: text.clone(),
            style: Style::plain(size, color, place.language),
            direction,
        })
    }
}

/// At most as many characters as could ever stand in the zone: a very long text is cut before it is set.
fn cut(said: &str, style: Style, (width, height): (f64, f64)) -> &str {
    // The narrowest letters are a fifth as wide as high; marks and readings take some more.
    let most = (width * height / (style.size * style.size) * 10.0) as usize + 100;
    said.char_indices().nth(most).map_or(said, |(end, _)| &said[..end])
}

/// Draws a text into `width` by `height` pixels from the origin on.
pub(super) fn draw(
    cr: &Context,
    said: &str,
    style: Style,
    direction: Direction,
    (width, height): (f64, f64),
) -> Result<(), cairo::Error> {
    let mut marked = markup::read(cut(said, style, (width, height)));
    let mut beside = Vec::new();
    let (mut length, mut depth) = (width, height);
    if direction == Direction::Vertical {
        (marked, beside) = upright::prepared(marked);
        cr.translate(width, 0.0);
        cr.rotate(std::f64::consts::FRAC_PI_2);
        (length, depth) = (height, width);
    }
    let layout = set(cr, &marked, &beside, style, direction, (length, depth));
    text::set_color(cr, style.color);
    // The first line's reading needs its room above.
    let top = if marked.readings.is_empty() {
        0.0
    } else {
        style.size * READING
    };
    cr.move_to(0.0, top);
    pangocairo::functions::show_layout(cr, &layout);
    draw_readings(cr, &layout, &marked, style, direction, top);
    for range in beside {
        draw_beside(cr, &layout, &marked, &range, style, top)?;
    }
    Ok(())
}

fn stand(context: &pango::Context, direction: Direction) {
    if direction == Direction::Vertical {
        context.set_base_gravity(Gravity::East);
        context.set_gravity_hint(GravityHint::Natural);
    }
}

fn set(
    cr: &Context,
    marked: &Marked,
    beside: &[Range<usize>],
    style: Style,
    direction: Direction,
    (length, depth): (f64, f64),
) -> Layout {
    let layout = pangocairo::functions::create_layout(cr);
    let context = layout.context();
    text::smooth(&context);
    stand(&context, direction);
    context.set_language(Some(&pango::Language::from_string(style.language.tag())));
    layout.set_font_description(Some(&text::font(style)));
    layout.set_text(&marked.text);
    let attributes = attributes(cr, marked, style);
    make_room(&attributes, beside, style);
    layout.set_attributes(Some(&attributes));
    layout.set_wrap(WrapMode::WordChar);
    let leading = if marked.readings.is_empty() {
        LEADING
    } else {
        LEADING_WITH_READINGS
    };
    layout.set_line_spacing(leading as f32);
    layout.set_width(units(length));
    // The last line's leading hangs over the edge, where there is nothing to see.
    let room = depth + style.size * (leading - 1.0) / 2.0;
    let top = if marked.readings.is_empty() {
        0.0
    } else {
        style.size * READING
    };
    layout.set_height(units(room - top));
    layout.set_ellipsize(EllipsizeMode::End);
    layout
}

/// Bold parts, and room where a reading is longer than its word.
fn attributes(cr: &Context, marked: &Marked, style: Style) -> AttrList {
    let list = AttrList::new();
    let index = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    for range in &marked.bold {
        let mut weight = AttrInt::new_weight(Weight::Bold);
        weight.set_start_index(index(range.start));
        weight.set_end_index(index(range.end));
        list.insert(weight);
    }
    for (range, reading) in &marked.readings {
        let base = &marked.text[range.clone()];
        let letters = base.chars().filter(|c| *c != '\u{2060}').count().max(1) as f64;
        let wanted = reading_style(style);
        let reading_width = text::Words::new(cr, reading, wanted, text::Fit::Free).width();
        // CJK words with readings are as wide as their letters are many.
        let lacking = reading_width - style.size * letters;
        if lacking > 0.0 {
            let mut spacing = AttrInt::new_letter_spacing(units(lacking / letters));
            spacing.set_start_index(index(range.start));
            spacing.set_end_index(index(range.end));
            list.insert(spacing);
        }
    }
    list
}

/// Figures that stand side by side take the room of one letter together: the first has all of it.
fn make_room(list: &AttrList, beside: &[Range<usize>], style: Style) {
    let index = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    for range in beside {
        for at in range.clone() {
            let width = if at == range.start { units(style.size) } else { 0 };
            let room = pango::Rectangle::new(0, -units(style.size * 0.88), width, units(style.size));
            let mut shape = AttrShape::new(&room, &room);
            shape.set_start_index(index(at));
            shape.set_end_index(index(at + 1));
            list.insert(shape);
        }
    }
}

/// Draws figures side by side into their room, narrower where they are many.
fn draw_beside(
    cr: &Context,
    layout: &Layout,
    marked: &Marked,
    range: &Range<usize>,
    style: Style,
    top: f64,
) -> Result<(), cairo::Error> {
    if range.end > shown_until(layout) {
        return Ok(());
    }
    let pixels = |value: i32| f64::from(value) / f64::from(pango::SCALE);
    let place = layout.index_to_pos(i32::try_from(range.start).unwrap_or(i32::MAX));
    let is_bold = marked.bold.iter().any(|bold| bold.contains(&range.start));
    let letters = if is_bold {
        Style::bold(style.size, style.color, style.language)
    } else {
        style
    };
    let words = text::Words::new(cr, &marked.text[range.clone()], letters, text::Fit::Free);
    cr.save()?;
    cr.translate(
        pixels(place.x()) + style.size / 2.0,
        top + pixels(place.y()) + pixels(place.height()) / 2.0,
    );
    cr.rotate(-std::f64::consts::FRAC_PI_2);
    let narrow = (style.size * 0.96 / words.width().max(1.0)).min(1.0);
    cr.scale(narrow, 1.0);
    words.draw_centered(cr, 0.0, 0.0);
    cr.restore()
}

fn reading_style(style: Style) -> Style {
    Style::plain(style.size * READING, style.color, style.language)
}

fn draw_readings(cr: &Context, layout: &Layout, marked: &Marked, style: Style, direction: Direction, top: f64) {
    let pixels = |value: i32| f64::from(value) / f64::from(pango::SCALE);
    let shown = shown_until(layout);
    for (range, reading) in &marked.readings {
        let index = |at: usize| i32::try_from(at).unwrap_or(i32::MAX);
        if range.end > shown {
            // Cut off by `…`.
            break;
        }
        let first = layout.index_to_pos(index(range.start));
        let last_letter = marked.text[range.clone()].chars().next_back().map_or(1, char::len_utf8);
        let last = layout.index_to_pos(index(range.end - last_letter));
        let (left, right) = (pixels(first.x()), pixels(last.x() + last.width()));
        let small = pangocairo::functions::create_layout(cr);
        text::smooth(&small.context());
        stand(&small.context(), direction);
        small
            .context()
            .set_language(Some(&pango::Language::from_string(style.language.tag())));
        small.set_font_description(Some(&text::font(reading_style(style))));
        small.set_text(reading);
        let (width, height) = small.size();
        // A line's box holds the letters in the middle of its leading.
        let line_middle = pixels(first.y()) + pixels(first.height()) / 2.0;
        let y = top + line_middle - style.size / 2.0 - pixels(height) * 0.95;
        let x = (left + right) / 2.0 - pixels(width) / 2.0;
        cr.move_to(x.max(0.0), y);
        pangocairo::functions::show_layout(cr, &small);
    }
}

/// Up to which byte the text is shown whole.
fn shown_until(layout: &Layout) -> usize {
    if !layout.is_ellipsized() {
        return usize::MAX;
    }
    let last = layout.line_readonly(layout.line_count() - 1);
    last.map_or(0, |line| usize::try_from(line.start_index()).unwrap_or(0))
}

impl View for RichText {
    fn draw(&mut self, _now: &Moment, _data: &Data) -> Option<Rect> {
        let size = self.picture.size();
        let said = self.text.in_language(self.style.language);
        // Other languages than Japanese and Chinese are not written upright.
        let direction = match self.style.language {
            Language::Ja | Language::Easy | Language::Zh => self.direction,
            _ => Direction::Horizontal,
        };
        let style = self.style;
        self.picture
            .show(style.language, |cr, _| draw(cr, said, style, direction, size))
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.picture.paint(canvas, clip, at);
    }

    fn set_language(&mut self, language: Language) {
        self.style.language = language;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_of_fifty_thousand_letters_is_cut_before_it_is_set() {
        let style = Style::plain(24.0, palette::INK, Language::Ja);
        let long = "あ".repeat(50_000);
        let kept = cut(&long, style, (800.0, 400.0));
        assert!(kept.chars().count() < 6_000);
        assert_eq!(cut("短い", style, (800.0, 400.0)), "短い");
    }
}
