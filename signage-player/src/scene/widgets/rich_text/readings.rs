//! Readings (ルビ) beside their words. One that is longer than its word may reach over neighbouring kana by one of its own letters
//! (JIS X 4051, 4.12.3); what is longer still widens its word.

use std::ops::Range;

use cairo::Context;
use pango::{AttrInt, AttrList, Layout};
use protocol::screen::Direction;

use super::{index, pixels, stand};
use crate::scene::breaks;
use crate::scene::markup::Marked;
use crate::scene::text::{self, Style, units};

/// A reading's letters, as a share of the text's.
const SHARE: f64 = 0.5;

/// A reading that is set.
pub(super) struct Reading {
    /// The bytes of its word.
    pub(super) base: Range<usize>,
    layout: Layout,
    /// So much wider each letter of the word is set, in pixels.
    spacing: f64,
    /// So far it reaches over what is before its word, in pixels; none where it is shorter than its word.
    before: Option<f64>,
}

/// Sets all readings of a text.
pub(super) fn set(cr: &Context, marked: &Marked, style: Style, direction: Direction) -> Vec<Reading> {
    let small = Style::plain(style.size * SHARE, style.color, style.language);
    let set = |(base, reading): &(Range<usize>, String)| {
        let layout = pangocairo::functions::create_layout(cr);
        text::smooth(&layout.context());
        stand(&layout.context(), direction);
        let language = pango::Language::from_string(style.language.tag());
        layout.context().set_language(Some(&language));
        layout.set_font_description(Some(&text::font(small)));
        layout.set_text(reading);
        // CJK words with readings are as wide as their letters are many.
        let letters = letters(&marked.text[base.clone()]).count().max(1) as f64;
        let lacking = pixels(layout.size().0) - style.size * letters;
        let (left, right) = (
            free_before(marked, base) * small.size,
            free_after(marked, base) * small.size,
        );
        let over = lacking.min(left + right);
        Reading {
            base: base.clone(),
            layout,
            spacing: (lacking - over).max(0.0) / letters,
            before: (lacking > 0.0).then(|| left.min((over / 2.0).max(over - right))),
        }
    };
    marked.readings.iter().map(set).collect()
}

fn letters(text: &str) -> impl DoubleEndedIterator<Item = char> {
    text.chars().filter(|letter| !breaks::is_mark(*letter))
}

/// How many letters of a reading may stand over what comes before its word. Kana between two readings is shared by both.
fn free_before(marked: &Marked, base: &Range<usize>) -> f64 {
    let text = &marked.text[..base.start];
    let Some(kana) = letters(text).next_back().filter(|letter| is_kana(*letter)) else {
        return 0.0;
    };
    let rest = text.trim_end_matches(breaks::is_mark).len() - kana.len_utf8();
    let end = text[..rest].trim_end_matches(breaks::is_mark).len();
    share(marked.readings.iter().any(|(other, _)| other.end == end && end > 0))
}

/// The same after it.
fn free_after(marked: &Marked, base: &Range<usize>) -> f64 {
    let text = &marked.text[base.end..];
    let Some(kana) = letters(text).next().filter(|letter| is_kana(*letter)) else {
        return 0.0;
    };
    let rest = text.trim_start_matches(breaks::is_mark);
    let rest = rest[kana.len_utf8()..].trim_start_matches(breaks::is_mark);
    let start = marked.text.len() - rest.len();
    share(marked.readings.iter().any(|(other, _)| other.start == start))
}

fn share(is_shared: bool) -> f64 {
    if is_shared { 0.5 } else { 1.0 }
}

fn is_kana(letter: char) -> bool {
    matches!(letter, 'ぁ'..='ゖ' | 'ァ'..='ヺ' | 'ー')
}

/// Widens the words whose readings need it.
pub(super) fn space(list: &AttrList, readings: &[Reading], end: usize) {
    let wide = readings.iter().filter(|it| it.spacing > 0.0 && it.base.end <= end);
    for reading in wide {
        let mut spacing = AttrInt::new_letter_spacing(units(reading.spacing));
        spacing.set_start_index(index(reading.base.start));
        spacing.set_end_index(index(reading.base.end));
        list.insert(spacing);
    }
}

impl Reading {
    /// Along its line, in pixels.
    pub(super) fn length(&self) -> f64 {
        pixels(self.layout.size().0)
    }

    /// Draws it above its word in `layout`, which begins at `top`; its line is `length` pixels long.
    pub(super) fn draw(&self, cr: &Context, layout: &Layout, style: Style, top: f64, length: f64) {
        let at = |at: usize| layout.index_to_pos(i32::try_from(at).unwrap_or(i32::MAX));
        let text = layout.text();
        let last_letter = text[self.base.clone()].chars().next_back().map_or(1, char::len_utf8);
        let (first, last) = (at(self.base.start), at(self.base.end - last_letter));
        let (left, right) = (pixels(first.x()), pixels(last.x() + last.width()));
        let (width, height) = self.layout.size();
        let (width, height) = (pixels(width), pixels(height));
        // A line's box holds the letters in the middle of its leading.
        let middle = pixels(first.y()) + pixels(first.height()) / 2.0;
        let y = top + middle - style.size / 2.0 - height * 0.95;
        let x = match self.before {
            Some(before) => left - before,
            None => (left + right - width) / 2.0,
        };
        cr.move_to(x.min(length - width).max(0.0), y);
        pangocairo::functions::show_layout(cr, &self.layout);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::markup;

    #[test]
    fn a_reading_reaches_over_kana_alone_and_shares_it_with_its_neighbour() {
        let free = |source: &str, which: usize| {
            let marked = markup::read(source);
            let base = &marked.readings[which].0;
            (free_before(&marked, base), free_after(&marked, base))
        };
        assert_eq!(free("窓口で[承|うけたまわ]ります", 0), (1.0, 1.0));
        assert_eq!(free("[承|うけたまわ]", 0), (0.0, 0.0));
        assert_eq!(free("市[承|うけたまわ]。", 0), (0.0, 0.0));
        assert_eq!(free("[申|もう]し[込|こ]み", 0), (0.0, 0.5));
        assert_eq!(free("[申|もう]し[込|こ]み", 1), (0.5, 1.0));
        assert_eq!(free("[子育|こそだ]ての", 0), (0.0, 1.0));
    }
}
