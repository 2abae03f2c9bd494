//! Where the lines of Japanese texts end: between phrases (文節), as a sign writer would set them, not within
//! 「ありま／せん」.
//!
//! Without a dictionary. What is read as a phrase's end: a mark that closes; a particle or an ending (hiragana) before a word in
//! another script; を; a particle before an honorific お or ご; て or で before ください. 落ち着く and its like are one word. A phrase is
//! never cut otherwise, but where it doesn't fit into a line at all ([`super::breaks`]).

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

/// After which letters of a text a line mustn't end.
#[must_use]
pub fn joined(letters: &[char]) -> Vec<bool> {
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

    fn phrases(text: &str) -> Vec<String> {
        let letters: Vec<char> = text.chars().collect();
        let mut all = vec![String::new()];
        for (letter, is_joined) in letters.iter().zip(joined(&letters)) {
            if let Some(last) = all.last_mut() {
                last.push(*letter);
            }
            if !is_joined {
                all.push(String::new());
            }
        }
        all.pop();
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
    fn what_has_no_phrases_stays_as_it_is() {
        for text in [
            "Window 3 is open.",
            "",
            &"あいうえお".repeat(30),
            "あいうえおかきくけこさしすせそたちつてと",
        ] {
            let letters: Vec<char> = text.chars().collect();
            assert!(
                joined(&letters).iter().all(|joined| !joined),
                "{text}: it may break anywhere"
            );
        }
    }
}
