//! Keeps a set text within its height: lines that don't stand in it whole are cut, and what is cut ends in `…`.
//!
//! Pango cuts by height too, but by the lines' own heights: what stands between them (`set_line_spacing`) it doesn't
//! count. So lines are counted here, where they stand. A line is as high as its letters; what is left free around
//! it may lie outside.

use std::ops::Range;

use pango::Layout;

use super::text::units;

/// What a text that was cut ends in.
pub const CUT: &str = "…";

/// How a text stands in its height.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    /// All of it is there.
    Whole,
    /// The text's bytes up to there, and `…`.
    Cut(usize),
}

impl Kept {
    /// Up to which byte the text is shown.
    #[must_use]
    pub fn end(self) -> usize {
        match self {
            Self::Whole => usize::MAX,
            Self::Cut(end) => end,
        }
    }
}

/// At most as many characters as could ever stand in so many pixels with letters of `size`: a very long text is cut
/// before it is set.
#[must_use]
pub fn at_most(said: &str, size: f64, (width, height): (f64, f64)) -> &str {
    // The narrowest letters are a fifth as wide as high; marks and readings take some more.
    let most = (width.max(size) * height.max(size) / (size * size) * 10.0) as usize + 100;
    said.char_indices().nth(most).map_or(said, |(end, _)| &said[..end])
}

/// The lines that stand within a height.
#[derive(Debug, Clone, Copy)]
struct Lines {
    count: i32,
    /// At which byte the last of them ends.
    end: usize,
    is_all: bool,
}

fn lines_within(layout: &Layout, size: f64, height: f64) -> Lines {
    let (room, half) = (units(height + 0.5), units(size / 2.0));
    let mut lines = Lines {
        count: 0,
        end: 0,
        is_all: false,
    };
    let mut iter = layout.iter();
    loop {
        let (ink, logical) = iter.line_extents();
        let bottom = (ink.y() + ink.height()).max(logical.y() + logical.height() / 2 + half);
        if bottom > room {
            return lines;
        }
        lines.count += 1;
        let line = iter.line_readonly();
        lines.end = line.map_or(0, |line| {
            usize::try_from(line.start_index() + line.length()).unwrap_or(0)
        });
        if !iter.next_line() {
            return Lines { is_all: true, ..lines };
        }
    }
}

/// At which byte the last line ends that stands whole within `height` pixels; `None`: all do.
#[must_use]
pub fn end_within(layout: &Layout, size: f64, height: f64) -> Option<usize> {
    let lines = lines_within(layout, size, height);
    (!lines.is_all).then_some(lines.end)
}

/// Whether not even one line of letters of `size`, or not the widest letter, stands within so many pixels.
#[must_use]
pub fn is_too_small(layout: &Layout, size: f64, (width, height): (f64, f64)) -> bool {
    lines_within(layout, size, height).count == 0 || layout.size().0 > units(width.ceil())
}

/// Cuts a layout's text so that its lines stand within `height` pixels. `solid` are bytes that go together or not at all;
/// where `is_shortened`, more follows that isn't in the layout. `dress` gives a layout its attributes up to a byte. One line
/// stays in any case.
pub fn keep_within(
    layout: &Layout,
    (size, height): (f64, f64),
    solid: &[Range<usize>],
    is_shortened: bool,
    dress: impl Fn(&Layout, usize),
) -> Kept {
    let lines = lines_within(layout, size, height);
    if lines.is_all && !is_shortened {
        return Kept::Whole;
    }
    let most = lines.count.max(1);
    let text = layout.text().to_string();
    let first = layout.line_readonly(0).map_or(0, |line| line.length());
    let mut end = lines.end.max(usize::try_from(first).unwrap_or(0)).min(text.len());
    loop {
        end = tidy(&text, end, solid);
        layout.set_text(&format!("{}{CUT}", &text[..end]));
        dress(layout, end);
        if end == 0 || layout.line_count() <= most && (most == 1 || lines_within(layout, size, height).is_all) {
            return Kept::Cut(end);
        }
        end = text[..end].char_indices().next_back().map_or(0, |(at, _)| at);
    }
}

/// The end of a text that is cut at `end` at the latest: no letter and nothing solid is halved, and no mark stands before
/// the `…` that would join it to what isn't there.
fn tidy(text: &str, mut end: usize, solid: &[Range<usize>]) -> usize {
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    loop {
        let before = text[..end].chars().next_back();
        let is_within = solid.iter().find(|range| range.start < end && end < range.end);
        if let Some(range) = is_within {
            end = range.start;
        } else if let Some(last) = before.filter(|last| {
            last.is_whitespace() || is_loose(*last) || text[end..].chars().next().is_some_and(belongs_to_letter)
        }) {
            end -= last.len_utf8();
        } else {
            return end;
        }
    }
}

fn is_loose(letter: char) -> bool {
    matches!(
        letter,
        '\u{200d}' | '\u{2060}' | '、' | '，' | ',' | '・' | '「' | '『' | '（' | '【' | '〔' | '(' | '[' | '…'
    )
}

/// Whether a letter is drawn together with the one before: accents, dakuten, skins, variants, joiners.
fn belongs_to_letter(letter: char) -> bool {
    matches!(
        letter,
        '\u{300}'..='\u{36f}' | '\u{200d}' | '\u{20d0}'..='\u{20ff}' | '\u{3099}' | '\u{309a}' | '\u{fe00}'..='\u{fe0f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{e0100}'..='\u{e01ef}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_text_ends_with_a_whole_letter_and_nothing_that_waits_for_more() {
        let cut = |text: &str, at: usize| text[..tidy(text, at, &[])].to_owned();
        assert_eq!(cut("税金、住民票", 9), "税金");
        assert_eq!(cut("税金、住民票", 11), "税金");
        assert_eq!(cut("受付「本館」", 9), "受付");
        assert_eq!(cut("one \n\n two", 6), "one");
        assert_eq!(cut("ka\u{301}p", 2), "k", "an accent goes with its letter");
        let family = "a👨\u{200d}👩";
        assert_eq!(cut(family, 8), "a", "and a family together");
        assert_eq!(tidy("窓口で承り", 6, &[3..9, 9..12]), 3);
        assert_eq!(tidy("", 0, &[]), 0);
    }

    #[test]
    fn a_text_of_fifty_thousand_letters_is_cut_before_it_is_set() {
        let long = "あ".repeat(50_000);
        assert!(at_most(&long, 24.0, (800.0, 400.0)).chars().count() < 6_000);
        assert_eq!(at_most("短い", 24.0, (800.0, 400.0)), "短い");
    }
}
