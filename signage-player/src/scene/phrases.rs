//! Where the lines of short Japanese texts end: between phrases (文節), as a sign writer would set them, not within
//! 「ありま／せん」.
//!
//! Without a dictionary. What is read as a phrase's end: a mark that closes; a particle or an ending (hiragana) before a word in
//! another script; を; a particle before an honorific お or ご; て or で before ください. 落ち着く and its like are one word. A phrase is
//! never cut otherwise, but where it doesn't fit into a line at all, when lines break as they can (the marks put in, U+2060, only
//! take breaks away that needn't be).

/// No break here (UAX #14, WJ).
const JOINER: char = '\u{2060}';

/// Longer texts are read, not glanced at: their lines are filled.
const LONGEST: usize = 120;

/// A phrase that is longer is no phrase: it may break as it can.
const LONGEST_PHRASE: usize = 12;

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
        (Script::Closes, _) | (_, Script::Opens) => true,
        (Script::Hiragana, _) if before == 'を' => true,
        (Script::Hiragana, Script::Hiragana) => is_request || is_honorific && "はがにでともへのや".contains(before),
        // お and ご belong to what follows.
        (Script::Hiragana, _) => b.is_word() && !is_stem && !matches!(before, 'お' | 'ご'),
        _ => false,
    }
}

/// The text with a mark wherever a line mustn't end.
#[must_use]
pub fn kept(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    if letters.len() > LONGEST {
        return text.to_owned();
    }
    let mut kept = String::with_capacity(text.len() * 2);
    let mut begin = 0;
    for at in 0..letters.len() {
        let is_end = at + 1 == letters.len()
            || letters[at].is_whitespace()
            || letters[at + 1].is_whitespace()
            || ends(&letters, at);
        if is_end {
            join(&letters[begin..=at], &mut kept);
            begin = at + 1;
        }
    }
    kept
}

fn join(phrase: &[char], kept: &mut String) {
    let is_phrase = phrase.len() <= LONGEST_PHRASE;
    for (at, letter) in phrase.iter().enumerate() {
        kept.push(*letter);
        let is_between = |next: &char| Script::of(*letter) != Script::Other || Script::of(*next) != Script::Other;
        if is_phrase && phrase.get(at + 1).is_some_and(is_between) {
            kept.push(JOINER);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
            ("「お知らせ」をご覧ください", vec!["「お知らせ」を", "ご覧ください"]),
        ] {
            assert_eq!(phrases(text), expected);
        }
    }

    #[test]
    fn nothing_but_marks_is_added_and_long_texts_and_other_letters_stay_as_they_are() {
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
        let no_phrase = "あいうえおかきくけこさしすせそ";
        assert_eq!(kept(no_phrase), no_phrase, "it may break anywhere");
    }
}
