//! Text of several paragraphs, set by Pango: Japanese line breaking, readings above (横書き) or at the right
//! (縦書き) of their words, bold parts.
//!
//! Upright text is set as lying text whose page is turned by 90°, with letters that stand (gravity east):
//! so a reading, above its line, comes to lie at the line's right.

mod readings;

use std::ops::Range;

use anyhow::Result;
use cairo::Context;
use pango::{AttrInt, AttrList, AttrShape, Gravity, GravityHint, Layout, Weight, WrapMode};
use protocol::screen::{Direction, Language, Rect, Text, parse_color};

use self::readings::Reading;
use super::{Faced, Place, View, upright};
use crate::scene::breaks::Breaks;
use crate::scene::data::{Data, Moment};
use crate::scene::fit::{self, Kept};
use crate::scene::markup::{self, Marked};
use crate::scene::palette;
use crate::scene::text::{self, Style, TINY, units};
use crate::stage::canvas::Canvas;

/// Above the first line where there are readings, as a share of the letters' height.
const ABOVE: f64 = 0.6;
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
    is_cut: bool,
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
            is_cut: false,
        })
    }
}

/// Draws a text into `width` by `height` pixels from the origin on. Gives whether it had to be cut.
pub(super) fn draw(
    cr: &Context,
    said: &str,
    style: Style,
    direction: Direction,
    (width, height): (f64, f64),
) -> Result<bool, cairo::Error> {
    let kept = fit::at_most(said, style.size, (width, height));
    let is_shortened = kept.len() < said.len();
    let marked = markup::read(kept);
    let mut room = (width, height);
    if direction == Direction::Vertical {
        cr.translate(width, 0.0);
        cr.rotate(std::f64::consts::FRAC_PI_2);
        room = (height, width);
    }
    let sizes = std::iter::successors(Some(style.size), |size| Some(size * 0.9));
    for size in sizes {
        let page = Page::set(cr, &marked, style.sized(size), direction, room, is_shortened);
        if size < TINY || !page.is_too_small() {
            page.draw(cr)?;
            return Ok(page.kept != Kept::Whole);
        }
    }
    Ok(false)
}

/// What is set: the text with marks where no line ends ([`breaks`]), its readings, and figures that stand side by side.
struct Said {
    marked: Marked,
    beside: Vec<Range<usize>>,
    readings: Vec<Reading>,
}

impl Said {
    fn new(cr: &Context, marked: Marked, style: Style, direction: Direction) -> Self {
        let (marked, beside) = match direction {
            Direction::Vertical => upright::prepared(marked),
            Direction::Horizontal => (marked, Vec::new()),
        };
        let readings = readings::set(cr, &marked, style, direction);
        Self {
            marked,
            beside,
            readings,
        }
    }

    /// Gives a layout the attributes of the text up to a byte.
    fn dress(&self, layout: &Layout, style: Style, end: usize) {
        let attributes = AttrList::new();
        embolden(&attributes, &self.marked, end);
        readings::space(&attributes, &self.readings, end);
        make_room(&attributes, &self.beside, style, end);
        layout.set_attributes(Some(&attributes));
    }

    /// Bytes that go together or not at all.
    fn solid(&self) -> Vec<Range<usize>> {
        let words = self.marked.readings.iter().map(|(range, _)| range);
        words.chain(&self.beside).cloned().collect()
    }
}

/// A text that is set, in the direction of its lines.
struct Page {
    layout: Layout,
    said: Said,
    style: Style,
    /// Along the lines, and across them.
    room: (f64, f64),
    /// Where the first line begins: its readings need their room above.
    top: f64,
    kept: Kept,
}

impl Page {
    fn set(
        cr: &Context,
        marked: &Marked,
        style: Style,
        direction: Direction,
        room: (f64, f64),
        is_shortened: bool,
    ) -> Self {
        let (leading, top) = if marked.readings.is_empty() {
            (LEADING, 0.0)
        } else {
            (LEADING_WITH_READINGS, style.size * ABOVE)
        };
        let layout = pangocairo::functions::create_layout(cr);
        let context = layout.context();
        text::smooth(&context);
        context.set_language(Some(&pango::Language::from_string(style.language.tag())));
        layout.set_line_spacing(text::line_spacing(&layout, style, leading));
        stand(&context, direction);
        layout.set_font_description(Some(&text::font(style)));
        layout.set_wrap(WrapMode::WordChar);
        layout.set_width(units(room.0));
        let mut breaks = Breaks::of(&marked.text, style.language);
        let said = loop {
            let said = Said::new(cr, breaks.kept_in(marked), style, direction);
            layout.set_text(&said.marked.text);
            said.dress(&layout, style, usize::MAX);
            if !breaks.loosen(&layout) {
                break said;
            }
        };
        let dress = |layout: &Layout, end: usize| said.dress(layout, style, end);
        let kept = fit::keep_within(&layout, (style.size, room.1 - top), &said.solid(), is_shortened, dress);
        Self {
            layout,
            said,
            style,
            room,
            top,
            kept,
        }
    }

    fn is_too_small(&self) -> bool {
        let (length, depth) = (self.room.0, self.room.1 - self.top);
        let end = self.kept.end();
        let mut shown = self.said.readings.iter().filter(|reading| reading.base.end <= end);
        shown.any(|reading| reading.length() > length)
            || fit::is_too_small(&self.layout, self.style.size, (length, depth))
    }

    fn draw(&self, cr: &Context) -> Result<(), cairo::Error> {
        text::set_color(cr, self.style.color);
        cr.move_to(0.0, self.top);
        pangocairo::functions::show_layout(cr, &self.layout);
        let end = self.kept.end();
        for reading in self.said.readings.iter().filter(|reading| reading.base.end <= end) {
            reading.draw(cr, &self.layout, self.style, self.top, self.room.0);
        }
        for range in self.said.beside.iter().filter(|range| range.end <= end) {
            self.draw_beside(cr, range)?;
        }
        Ok(())
    }

    /// Draws figures side by side into their room.
    fn draw_beside(&self, cr: &Context, range: &Range<usize>) -> Result<(), cairo::Error> {
        let style = self.style;
        let place = self.layout.index_to_pos(i32::try_from(range.start).unwrap_or(i32::MAX));
        let is_bold = self.said.marked.bold.iter().any(|bold| bold.contains(&range.start));
        let letters = Style {
            is_bold: is_bold || style.is_bold,
            ..style
        };
        let words = text::Words::new(cr, &self.said.marked.text[range.clone()], letters, text::Fit::Free);
        cr.save()?;
        cr.translate(
            pixels(place.x()) + style.size / 2.0,
            self.top + pixels(place.y()) + pixels(place.height()) / 2.0,
        );
        cr.rotate(-std::f64::consts::FRAC_PI_2);
        let narrow = (style.size * 0.96 / words.width().max(1.0)).min(1.0);
        cr.scale(narrow, 1.0);
        words.draw_centered(cr, 0.0, 0.0);
        cr.restore()
    }
}

fn pixels(value: i32) -> f64 {
    f64::from(value) / f64::from(pango::SCALE)
}

fn index(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

fn stand(context: &pango::Context, direction: Direction) {
    if direction == Direction::Vertical {
        context.set_base_gravity(Gravity::East);
        context.set_gravity_hint(GravityHint::Natural);
    }
}

fn embolden(list: &AttrList, marked: &Marked, end: usize) {
    for range in marked.bold.iter().filter(|range| range.start < end) {
        let mut weight = AttrInt::new_weight(Weight::Bold);
        weight.set_start_index(index(range.start));
        weight.set_end_index(index(range.end.min(end)));
        list.insert(weight);
    }
}

/// Figures that stand side by side take the room of one letter together: the first has all of it.
fn make_room(list: &AttrList, beside: &[Range<usize>], style: Style, end: usize) {
    for range in beside.iter().filter(|range| range.end <= end) {
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
        let is_cut = &mut self.is_cut;
        self.picture.show(style.language, |cr, _| {
            *is_cut = draw(cr, said, style, direction, size)?;
            Ok(())
        })
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.picture.paint(canvas, clip, at);
    }

    fn is_cut(&self) -> bool {
        self.is_cut
    }

    fn set_language(&mut self, language: Language) {
        self.style.language = language;
    }
}
