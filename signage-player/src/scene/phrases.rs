//! Where the lines of Japanese texts end: between phrases (文節), as a sign writer would set them, not within
//! 「ありま／せん」.
//!
//! Without a dictionary. What is read as a phrase's end: a mark that closes; a particle or an ending (hiragana) before a word in
//! another script; を; a particle before an honorific お or ご; て or で before ください. 落ち着く and its like are one word. A phrase is
//! never cut otherwise, but where it doesn't fit into a line at all, when lines break as they can (the marks put in, U+2060, only
//! take breaks away that needn't be).

use std::ops::Range;

use super::markup::Marked;

/// No break here (UAX #14, WJ).
const JOINER: char = '\u{2060}';

/// A phrase that is longer is no phrase: it may break as it can.
const LONGEST_PHRASE: usize = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Hiragana,
    Katakana,
    Kanji,
    /// It ends what stands before it.
    Closes,
    /// It begins what comes after it.
    Opens,
    /// Letters, figures and blanks, whose breaks are known without this.
    Other,
}

impl Script {
    fn of(letter: char) -> Self {
        match letter {
            '、' | '。' | '，' | '．' | '！' | '？' | '…' | '」' | '』' | '）' | '】' | '〕' | '：' => {
                Self::Closes
            }
            '「' | '『' | '（' | '【' | '〔' => Self::Opens,
            'ぁ'..='ゟ' => Self::Hiragana,
            'ァ'..='ヿ' | '･' => Self::Katakana,
            '々' | '〆' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' => Self::Kanji,
            _ => Self::Other,
        }
    }

    fn is_word(self) -> bool {
        matches!(self, Self::Katakana | Self::Kanji | Self::Other)
    }
}

/// Whether a phrase ends at `at`, between the letter there and the next one.
fn ends(letters: &[char], at: usize) -> bool {
    let (before, after, next) = (letters[at], letters[at + 1], letters.get(at + 2).copied());
    let (a, b) = (Script::of(before), Script::of(after));
    let is_stem = "きしちみりぎじびけせえげめべれ".contains(before)
        && at > 0
        && Script::of(letters[at - 1]) == Script::Kanji
        && b == Script::Kanji;
    let is_request = "てで".contains(before) && letters[at + 1..].starts_with(&['く', 'だ', 'さ']);
    let is_honorific = matches!(after, 'お' | 'ご') && next.is_some_and(|next| Script::of(next) == Script::Kanji);
    match (a, b) {
        (_, Script::Closes) | (Script::Opens, _) => false,
        // A bracket's particle stays with it.
        (Script::Closes, Script::Hiragana) => !"」』）】〕".contains(before),
        // What stands in round brackets after a word says more of it: 30日（月）.
        (_, Script::Opens) if after == '（' && a.is_word() => false,
        (Script::Closes, _) | (_, Script::Opens) => true,
        (Script::Hiragana, _) if before == 'を' => true,
        (Script::Hiragana, Script::Hiragana) => is_request || is_honorific && "はがにでともへのや".contains(before),
        // お and ご belong to what follows.
        (Script::Hiragana, _) => b.is_word() && !is_stem && !matches!(before, 'お' | 'ご'),
        _ => false,
    }
}

/// After which letters a line mustn't end.
fn joined(letters: &[char]) -> Vec<bool> {
    let mut joined = vec![false; letters.len()];
    let mut begin = 0;
    for at in 0..letters.len() {
        let is_end = at + 1 == letters.len()
            || letters[at].is_whitespace()
            || letters[at + 1].is_whitespace()
            || ends(letters, at);
        if is_end {
            if at - begin < LONGEST_PHRASE {
                let is_known = |pair: &[char]| pair.iter().all(|letter| Script::of(*letter) == Script::Other);
                for (offset, pair) in letters[begin..=at].windows(2).enumerate() {
                    joined[begin + offset] = !is_known(pair);
                }
            }
            begin = at + 1;
        }
    }
    joined
}

/// The text with a mark wherever a line mustn't end.
#[must_use]
pub fn kept(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let mut kept = String::with_capacity(text.len() * 2);
    for (letter, is_joined) in letters.iter().zip(joined(&letters)) {
        kept.push(*letter);
        if is_joined {
            kept.push(JOINER);
        }
    }
    kept
}

/// The same for a text with readings and bold parts, which move with their words. What has a reading isn't broken either.
#[must_use]
pub fn kept_in(marked: &Marked) -> Marked {
    let letters: Vec<char> = marked.text.chars().filter(|letter| !is_mark(*letter)).collect();
    let mut joined = joined(&letters).into_iter();
    let mut text = String::with_capacity(marked.text.len() * 2);
    // Where each letter of the source has gone.
    let mut places = vec![0; marked.text.len() + 1];
    for (at, letter) in marked.text.char_indices() {
        places[at] = text.len();
        let is_joined = if is_mark(letter) {
            true
        } else {
            text.push(letter);
            joined.next().unwrap_or(false)
        };
        if is_joined && !text.ends_with(JOINER) {
            text.push(JOINER);
        }
    }
    places[marked.text.len()] = text.len();
    let moved = |range: &Range<usize>| {
        let start = places[range.start];
        start..text[..places[range.end]].trim_end_matches(JOINER).len().max(start)
    };
    let readings = marked.readings.iter();
    Marked {
        readings: readings.map(|(range, word)| (moved(range), word.clone())).collect(),
        bold: marked.bold.iter().map(moved).collect(),
        text,
    }
}

/// Whether it is one of the marks that are put in.
#[must_use]
pub fn is_mark(letter: char) -> bool {
    letter == JOINER
}

/// At which byte a page ends that has room for `most` letters of a text, at least one: after the last sentence on it,
/// else the last mark, blank or phrase, unless half of the page stayed free for that.
#[must_use]
pub fn page_end(text: &str, most: usize) -> usize {
    let letters: Vec<char> = text.chars().take(most + 2).collect();
    let bytes = |count: usize| letters[..count].iter().map(|letter| letter.len_utf8()).sum();
    if letters.len() <= most {
        return text.len();
    }
    let is_sentence =
        |at: &usize| matches!(letters[at - 1], '。' | '！' | '？' | '.' | '!' | '?') && !is_amid(&letters, *at);
    let is_mark =
        |at: &usize| matches!(letters[at - 1], '、' | '，' | ',' | ';' | '；') || letters[at - 1].is_whitespace();
    let is_phrase = |at: &usize| letters.len() > *at && ends(&letters, at - 1);
    let ats = || (most / 2 + 1..=most).rev();
    let end = ats()
        .find(is_sentence)
        .or_else(|| ats().find(is_mark))
        .or_else(|| ats().find(is_phrase));
    bytes(end.unwrap_or(most))
}

/// Whether a Latin word or number goes on there (`9.30`).
fn is_amid(letters: &[char], at: usize) -> bool {
    letters[at - 1].is_ascii() && letters.get(at).is_some_and(|next| !next.is_whitespace())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scene::markup;

    fn phrases(text: &str) -> Vec<String> {
        let kept = kept(text);
        let letters: Vec<char> = kept.chars().collect();
        let mut all = vec![String::new()];
        for (at, letter) in letters.iter().enumerate() {
            if *letter == JOINER {
                continue;
            }
            if let Some(last) = all.last_mut() {
                last.push(*letter);
            }
            if at + 1 < letters.len() && letters[at + 1] != JOINER {
                all.push(String::new());
            }
        }
        all
    }

    #[test]
    fn lines_end_at_phrases() {
        for (text, expected) in [
            ("現在、お知らせはありません。", vec!["現在、", "お知らせはありません。"]),
            (
                "係員の指示に従ってください。",
                vec!["係員の", "指示に", "従って", "ください。"],
            ),
            (
                "窓口へお越しの際は整理券をお取りください。",
                vec!["窓口へ", "お越しの", "際は", "整理券を", "お取りください。"],
            ),
            (
                "落ち着いて、受付を済ませ、順番に",
                vec!["落ち着いて、", "受付を", "済ませ、", "順番に"],
            ),
            (
                "申し込みは、三十日（月）までです。",
                vec!["申し込みは、", "三十日（月）までです。"],
            ),
            ("「お知らせ」をご覧ください", vec!["「お知らせ」を", "ご覧ください"]),
        ] {
            assert_eq!(phrases(text), expected);
        }
    }

    #[test]
    fn readings_and_bold_parts_move_with_their_words() {
        let marked = kept_in(&markup::read(
            "[子育|こそだ]ての*ご[相談|そうだん]*は、[窓口|まどぐち]へ",
        ));
        let word = |range: &Range<usize>| marked.text[range.clone()].replace(JOINER, "");
        let words: Vec<String> = marked.readings.iter().map(|(range, _)| word(range)).collect();
        assert_eq!(words, ["子育", "相談", "窓口"]);
        assert_eq!(word(&marked.bold[0]), "ご相談");
        let lines: Vec<String> = kept("子育てのご相談は、窓口へ")
            .split(JOINER)
            .map(str::to_owned)
            .collect();
        assert_eq!(marked.text.split(JOINER).collect::<Vec<_>>(), lines, "as without them");
    }

    #[test]
    fn a_page_ends_with_a_sentence_or_where_a_phrase_does() {
        let page = |text: &str, most: usize| text[..page_end(text, most)].to_owned();
        assert_eq!(page("火事です。外へ出てください。", 8), "火事です。");
        assert_eq!(page("火事です。外へ出てください。", 14), "火事です。外へ出てください。");
        assert_eq!(page("係員の指示に従ってください", 7), "係員の指示に");
        assert_eq!(page("Leave by 9.30 from the hall", 16), "Leave by 9.30 ");
        assert_eq!(page("ああああ", 2), "ああ");
        assert_eq!(page("あ", 1), "あ");
    }

    #[test]
    fn nothing_but_marks_is_added_and_what_has_no_phrases_stays_as_it_is() {
        for text in [
            "大雨警報が出ています。\n避難してください。",
            "Window 3 is open.",
            "",
            "あ",
        ] {
            assert_eq!(kept(text).replace(JOINER, ""), text);
        }
        assert_eq!(kept("Window 3 is open."), "Window 3 is open.");
        let long = "あいうえお".repeat(30);
        assert_eq!(kept(&long), long);
        let no_phrase = "あいうえおかきくけこさしすせそたちつてと";
        assert_eq!(kept(no_phrase), no_phrase, "it may break anywhere");
    }
}
