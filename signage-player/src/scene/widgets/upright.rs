//! Figures in upright Japanese text (縦中横): JLREQ 2.3.2 sets two of them side by side in the room of one letter,
//! and longer numbers one below the other, by letters of full width, on one line where they can. (It allows for three, which are read badly from afar: they are
//! squeezed to a third of their width.)

use std::ops::Range;

use crate::scene::breaks::JOINER;
use crate::scene::markup::Marked;

/// More figures than these don't fit side by side.
const MOST_BESIDE: usize = 2;

/// A text for upright lines, and the byte ranges of figures that stand side by side.
pub(super) fn prepared(marked: Marked) -> (Marked, Vec<Range<usize>>) {
    let source = &marked.text;
    let mut text = String::with_capacity(source.len());
    let mut beside = Vec::new();
    // Where each byte of the source has gone.
    let mut places = vec![0; source.len() + 1];
    let mut at = 0;
    while at < source.len() {
        let token = token_at(source, at);
        let is_short = token.len() <= MOST_BESIDE && !token.is_empty() && token.bytes().all(|b| b.is_ascii_digit());
        if is_short {
            beside.push(text.len()..text.len() + token.len());
        }
        let length = token.len().max(source[at..].chars().next().map_or(1, char::len_utf8));
        for (offset, c) in source[at..at + length].char_indices() {
            places[at + offset..at + offset + c.len_utf8()].fill(text.len());
            text.push(if is_short || token.is_empty() { c } else { full_width(c) });
            // Figures of full width would break anywhere.
            let is_within = c.is_ascii_digit() && token.as_bytes().get(offset + 1).is_some_and(u8::is_ascii_digit);
            if is_within && !is_short {
                text.push(JOINER);
            }
        }
        at += length;
    }
    places[source.len()] = text.len();
    let moved = |range: Range<usize>| places[range.start]..places[range.end];
    let marked = Marked {
        readings: marked
            .readings
            .into_iter()
            .map(|(range, word)| (moved(range), word))
            .collect(),
        bold: marked.bold.into_iter().map(moved).collect(),
        text,
    };
    (marked, beside)
}

/// A number that begins there, with what joins its figures (`03-1234-5678`, `9:30`); empty: none, or part of a Latin word.
fn token_at(text: &str, at: usize) -> &str {
    let is_latin = |c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.' | '@' | '_');
    let is_within = |c: char| is_latin(c) || matches!(c, '-' | ':');
    if text[..at].chars().next_back().is_some_and(is_within) {
        return "";
    }
    let rest = &text[at..];
    let end = rest
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '-' | ':')))
        .unwrap_or(rest.len());
    let token = rest[..end].trim_end_matches(['-', ':']);
    let is_number = token.starts_with(|c: char| c.is_ascii_digit());
    if is_number && !rest[token.len()..].starts_with(is_latin) {
        token
    } else {
        ""
    }
}

/// U+FF01 to U+FF5E stand in the order of ASCII.
fn full_width(c: char) -> char {
    match c {
        // The one of full width is as long as a dash.
        '-' => '‐',
        '!'..='~' => char::from_u32(u32::from(c) + 0xfee0).unwrap_or(c),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::{breaks, markup};

    fn of(source: &str) -> (String, Vec<String>) {
        let (marked, beside) = prepared(markup::read(source));
        let words = beside
            .iter()
            .map(|range| marked.text[range.clone()].to_owned())
            .collect();
        (breaks::without_marks(&marked.text), words)
    }

    #[test]
    fn short_numbers_stand_side_by_side_and_long_ones_one_below_the_other() {
        assert_eq!(
            of("8月12日、365件"),
            ("8月12日、３６５件".into(), vec!["8".into(), "12".into()])
        );
        assert_eq!(of("2026年"), ("２０２６年".into(), vec![]));
        assert_eq!(of("午前9:30から"), ("午前９：３０から".into(), vec![]));
        assert_eq!(
            of("電話03-1234-5678まで"),
            ("電話０３‐１２３４‐５６７８まで".into(), vec![])
        );
        assert_eq!(of("10-"), ("10-".into(), vec!["10".into()]));
    }

    #[test]
    fn a_number_stays_on_one_line() {
        let (marked, _) = prepared(markup::read("2026年、9:30、03-12"));
        let parts: Vec<&str> = marked.text.split(JOINER).collect();
        assert_eq!(parts, ["２", "０", "２", "６年、９：３", "０、０", "３‐１", "２"]);
    }

    #[test]
    fn numbers_in_latin_words_stay_as_they_are() {
        for text in ["B5判", "https://example.jp/2026/08", "COVID-19", "v1.2", ""] {
            assert_eq!(of(text), (text.into(), vec![]), "{text}");
        }
    }

    #[test]
    fn readings_and_bold_parts_move_with_their_words() {
        let (marked, beside) = prepared(markup::read("2026[年|ねん]*12*[月|がつ]"));
        let words: Vec<&str> = marked
            .readings
            .iter()
            .map(|(range, _)| &marked.text[range.clone()])
            .collect();
        assert_eq!(words, ["年", "月"]);
        assert_eq!(&marked.text[marked.bold[0].clone()], "12");
        assert_eq!(&marked.text[beside[0].clone()], "12");
    }
}
