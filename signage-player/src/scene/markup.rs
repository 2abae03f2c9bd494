//! The markup of rich text: `[漢字|かんじ]` gives a reading, `*so*` is bold, `\` takes the next character as it is.
//!
//! Invariant: every text is markup: what isn't closed is taken as it stands.

/// Keeps a word with its reading together on one line: U+2060 WORD JOINER.
const JOINER: char = '\u{2060}';

/// A text with its marks taken out, and where they were (byte ranges).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Marked {
    /// What is to be set.
    pub text: String,
    /// Readings (ルビ) of parts of the text.
    pub readings: Vec<(std::ops::Range<usize>, String)>,
    /// Bold parts.
    pub bold: Vec<std::ops::Range<usize>>,
}

/// Reads markup.
#[must_use]
pub fn read(source: &str) -> Marked {
    let mut marked = Marked::default();
    let mut bold_from = None;
    let mut rest = source;
    while let Some(c) = rest.chars().next() {
        let after = &rest[c.len_utf8()..];
        match c {
            '\\' => {
                let escaped = after.chars().next();
                marked.text.extend(escaped);
                rest = &after[escaped.map_or(0, char::len_utf8)..];
                continue;
            }
            '[' => {
                if let Some((base, reading, end)) = reading_of(after) {
                    push_reading(&mut marked, base, reading);
                    rest = &after[end..];
                    continue;
                }
                marked.text.push(c);
            }
            '*' => match bold_from.take() {
                Some(from) => marked.bold.push(from..marked.text.len()),
                None if after.contains('*') => bold_from = Some(marked.text.len()),
                None => marked.text.push(c),
            },
            '\n' => marked.text.push(c),
            c if c.is_control() => marked.text.push(' '),
            c => marked.text.push(c),
        }
        rest = after;
    }
    marked
}

/// `base|reading]`: both, and where the rest begins.
fn reading_of(text: &str) -> Option<(&str, &str, usize)> {
    // A reading is short: a forgotten bracket doesn't swallow the page.
    let end = text.char_indices().take(64).find(|(_, c)| *c == ']')?.0;
    let (base, reading) = text[..end].split_once('|')?;
    let is_plain = |part: &str| !part.is_empty() && !part.contains(['[', '\n']);
    (is_plain(base) && is_plain(reading)).then_some((base, reading, end + 1))
}

fn push_reading(marked: &mut Marked, base: &str, reading: &str) {
    let start = marked.text.len();
    for (index, c) in base.chars().enumerate() {
        if index > 0 {
            marked.text.push(JOINER);
        }
        marked.text.push(c);
    }
    marked.readings.push((start..marked.text.len(), reading.to_owned()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_and_bold_parts_are_found() {
        let marked = read("[子育|こそだ]ての*ご相談*は");
        assert_eq!(marked.text, "子\u{2060}育てのご相談は");
        assert_eq!(marked.readings, [(0..9, "こそだ".to_owned())]);
        assert_eq!(&marked.text[marked.bold[0].clone()], "ご相談");
    }

    #[test]
    fn what_is_not_closed_stands_as_it_is() {
        for text in ["[子育", "[|]", "a*b", "[a|b", "2 * 3", "]|[", "[[a|b", "[a\n|b]"] {
            assert_eq!(read(text).text, text);
        }
        assert_eq!(read("\\*a\\[b|c]\\").text, "*a[b|c]");
        assert_eq!(read("a\u{7}\tb\nc").text, "a  b\nc");
        assert_eq!(read("").text, "");
    }
}
