//! A text as one endless line, cut into short pieces that can be set one by one, in the order in which they are seen.
//!
//! Which way each part of the text runs follows from the whole paragraph (UAX #9: the first letter with a direction says
//! the paragraph's), never from a piece alone. A piece runs one way, so that set with this direction it looks as it would
//! in the whole line.

use std::ops::Range;

use unicode_bidi::{BidiInfo, Level};
use unicode_segmentation::UnicodeSegmentation;

/// A piece ends at the next natural break after so many characters …
const SOFT_LIMIT: usize = 12;
/// … and at the latest here.
pub(super) const HARD_LIMIT: usize = 32;

/// Letters that run one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Piece {
    /// Where it stands in the line's text, in bytes.
    pub(super) range: Range<usize>,
    /// It is read from right to left.
    pub(super) is_rtl: bool,
}

/// The line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    text: String,
    /// The line is read from right to left: it comes in at the left edge, its right end first.
    pub(super) is_rtl: bool,
    /// Its pieces, the one that comes in first at the beginning.
    pub(super) pieces: Vec<Piece>,
}

impl Line {
    /// A text as one line. Control characters and line breaks become spaces.
    pub(super) fn new(text: &str) -> Self {
        let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
        let text: String = text.chars().map(|c| if is_break(c) { ' ' } else { c }).collect();
        let bidi = BidiInfo::new(&text, None);
        let mut pieces = Vec::new();
        let mut is_rtl = false;
        // Without a separator there is one paragraph, or none.
        if let Some(paragraph) = bidi.paragraphs.first() {
            is_rtl = paragraph.level.is_rtl();
            let (levels, runs) = bidi.visual_runs(paragraph, paragraph.range.clone());
            let runs: Vec<_> = runs.into_iter().map(|run| (level_of(&levels, &run), run)).collect();
            for (level, run) in &runs {
                let mut cut = cut(&text, run.clone(), level.is_rtl());
                // From left to right first.
                if level.is_rtl() {
                    cut.reverse();
                }
                pieces.append(&mut cut);
            }
            if is_rtl {
                pieces.reverse();
            }
        }
        Self { text, is_rtl, pieces }
    }

    /// A piece's letters, in the order in which they are read.
    pub(super) fn letters(&self, piece: &Piece) -> &str {
        &self.text[piece.range.clone()]
    }
}

fn level_of(levels: &[Level], run: &Range<usize>) -> Level {
    levels.get(run.start).copied().unwrap_or_else(Level::ltr)
}

/// Cuts a run into pieces of at most [`HARD_LIMIT`] characters (more only within what is seen as one, such as an emoji or an
/// accented letter), after spaces and punctuation where there are some; in the order in which they are read.
fn cut(text: &str, run: Range<usize>, is_rtl: bool) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut from, mut count) = (run.start, 0);
    for (at, letter) in text[run.clone()].grapheme_indices(true) {
        let (start, length) = (run.start + at, letter.chars().count());
        if count > 0 && count + length > HARD_LIMIT {
            pieces.push(from..start);
            (from, count) = (start, 0);
        }
        count += length;
        let end = start + letter.len();
        if count >= SOFT_LIMIT && letter.chars().all(is_stop) {
            pieces.push(from..end);
            (from, count) = (end, 0);
        }
    }
    if from < run.end {
        pieces.push(from..run.end);
    }
    pieces.into_iter().map(|range| Piece { range, is_rtl }).collect()
}

fn is_stop(c: char) -> bool {
    c.is_whitespace() || matches!(c, '。' | '、' | '！' | '？' | '」' | '）' | '・' | '،' | '؛' | '؟')
}

#[cfg(test)]
mod tests {
    use pango::prelude::*;

    use super::*;

    const NEWS: [&str; 6] = [
        "本日は、マイナンバーカードの窓口がたいへん混み合っています。お急ぎでない方は、後日お越しください。",
        "مرحبا بكم في مكتب المنطقة الجنوبية، ننصحكم بحجز موعد قبل 30 نوفمبر (الاثنين).",
        "アラビア語のご案内：مرحبا بكم في مكتب المنطقة الجنوبية، تفضلوا بالدخول。2階の窓口まで。",
        "ברוכים הבאים למשרד הרובע הדרומי, Minami Ward Office, מספר 118 בדלפק 3.",
        "Welcome! ברוכים הבאים (Minami) 窓口は3番です。",
        "👨‍👩‍👧‍👦🇯🇵🇯🇵🇯🇵🇯🇵🇯🇵🇯🇵🇯🇵🇯🇵🇯🇵🇯🇵🇯🇵🇯🇵🇯🇵🇯🇵🇯🇵🇯🇵🇯🇵が\u{3099}👍🏽",
    ];

    /// Where Pango, that sets the whole text as one line, has the left edge of each piece.
    fn left_edges(line: &Line) -> Vec<i32> {
        let context = pangocairo::FontMap::default().create_context();
        let layout = pango::Layout::new(&context);
        layout.set_text(&line.text);
        let edge = |piece: &Piece| {
            let indices = line.letters(piece).char_indices();
            let letters = indices.map(|(at, _)| layout.index_to_pos((piece.range.start + at) as i32));
            letters
                .map(|it| it.x().min(it.x() + it.width()))
                .min()
                .expect("no piece is empty")
        };
        line.pieces.iter().map(edge).collect()
    }

    #[test]
    fn pieces_come_in_the_order_in_which_the_whole_line_would_show_them() {
        for text in NEWS {
            let line = Line::new(text);
            let mut edges = left_edges(&line);
            if line.is_rtl {
                edges.reverse();
            }
            assert!(line.pieces.len() > 1, "{text}");
            assert!(edges.is_sorted(), "{text}: {edges:?} of {:?}", line.pieces);
        }
    }

    #[test]
    fn the_first_letter_says_which_way_the_line_runs() {
        let ways = NEWS.map(|text| Line::new(text).is_rtl);
        assert_eq!(ways, [false, true, false, true, false, false]);
        assert!(!Line::new("12 !").is_rtl, "without a letter it runs to the right");
    }

    #[test]
    fn nothing_is_lost_and_nothing_is_said_twice() {
        for text in NEWS.map(|text| text.repeat(50)) {
            let line = Line::new(&text);
            let mut pieces = line.pieces.clone();
            pieces.sort_by_key(|piece| piece.range.start);
            let said: String = pieces.iter().map(|piece| line.letters(piece)).collect();
            assert_eq!(said, text);
        }
        assert_eq!(Line::new("").pieces, []);
        assert_eq!(Line::new("a\nb\u{2029}c").text, "a b c");
    }

    #[test]
    fn pieces_are_short_and_no_cut_goes_through_what_is_seen_as_one() {
        for text in NEWS.map(|text| text.repeat(50)) {
            let line = Line::new(&text);
            let seams: Vec<usize> = line.text.grapheme_indices(true).map(|(at, _)| at).collect();
            for piece in &line.pieces {
                assert!(line.letters(piece).chars().count() <= HARD_LIMIT, "{piece:?}");
                assert!(seams.binary_search(&piece.range.start).is_ok(), "{piece:?}");
            }
        }
    }
}
