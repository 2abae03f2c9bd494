//! Makes a text fit to be read aloud: what people write for the eye, the voice would spell out or skip.
//!
//! Invariant: the result has no line breaks, and no character that stands for nothing spoken.

use unicode_normalization::UnicodeNormalization;

/// Words whose usual reading at a counter the dictionary doesn't choose.
const WORDS: [(&str, &str); 8] = [
    ("番の方", "番のかた"),
    ("お待ちの方", "お待ちのかた"),
    ("お持ちの方", "お持ちのかた"),
    ("ご希望の方", "ご希望のかた"),
    ("ご利用の方", "ご利用のかた"),
    ("はじめての方", "はじめてのかた"),
    ("TEL", "電話"),
    ("No.", "ナンバー"),
];

/// A Japanese text as Open JTalk reads it well: times and floors in words, symbols as pauses.
/// Kanji, numbers and counters are left to the dictionary.
pub(crate) fn japanese(text: &str) -> String {
    let text: String = text.nfkc().collect();
    let text = spell_out(&text);
    let text = WORDS.iter().fold(text, |text, (from, to)| text.replace(from, to));
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let c = match c {
            '\n' => '。',
            '!' | '?' => c,
            _ if c.is_alphanumeric() || "ー々〇%+-.,、。' ".contains(c) => c,
            _ => '、',
        };
        let pause = |c: char| "、。".contains(c);
        match out.chars().last() {
            // Of neighbouring pauses the longer one stays.
            Some(last) if pause(last) && pause(c) => {
                if c == '。' {
                    out.pop();
                    out.push(c);
                }
            }
            None if pause(c) || c == ' ' => {}
            _ => out.push(c),
        }
    }
    out
}

/// `10:05` becomes 10時5分, `3F` 3階, and a dash or wave between times から.
fn spell_out(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let digits = |from: usize| {
        chars[from.min(chars.len())..]
            .iter()
            .take_while(|c| c.is_ascii_digit())
            .count()
    };
    let number = |from: usize, count: usize| chars[from..from + count].iter().collect::<String>();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let count = digits(at);
        let after = at + count;
        let follows = |c: char| chars.get(after) == Some(&c);
        if count > 0 && count <= 2 && follows(':') && digits(after + 1) == 2 {
            // At most two digits each: they parse.
            let value = |from, count| number(from, count).parse::<u8>().unwrap_or_default();
            out.push_str(&format!("{}時", value(at, count)));
            match value(after + 1, 2) {
                0 => {}
                minutes => out.push_str(&format!("{minutes}分")),
            }
            at = after + 3;
        } else if count > 0 && follows('F') && !chars.get(after + 1).is_some_and(|c| c.is_ascii_alphanumeric()) {
            out.push_str(&format!("{}階", number(at, count)));
            at = after + 1;
        } else if count > 0 {
            out.push_str(&number(at, count));
            at = after;
        } else {
            let spans = at > 0 && digits(at + 1) > 0 && out.ends_with(['時', '分', '日', '月', '番', '階']);
            match chars[at] {
                '~' | '〜' | '-' | '–' if spans => out.push_str("から"),
                '~' | '〜' if digits(at + 1) > 0 => out.push_str("から"),
                c => out.push(c),
            }
            at += 1;
        }
    }
    out
}

/// A text of another language: line breaks become pauses, control characters go.
pub(crate) fn other(text: &str) -> String {
    text.replace('\n', ". ").chars().filter(|c| !c.is_control()).collect()
}

/// Whether a voice would say anything.
pub(crate) fn is_speakable(text: &str) -> bool {
    text.chars().any(char::is_alphanumeric)
}

/// Cuts a text after sentences into parts of at most `most` bytes; a longer sentence is cut after a comma,
/// and where there is none, between characters.
pub(crate) fn parts(text: &str, most: usize) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut rest = text;
    while rest.len() > most {
        let end = rest
            .char_indices()
            .map(|(at, c)| at + c.len_utf8())
            .take_while(|end| *end <= most)
            .last();
        let window = &rest[..end.unwrap_or(rest.len())];
        let cut = |marks: &[char]| {
            window
                .rfind(marks)
                .map(|at| at + window[at..].chars().next().map_or(0, char::len_utf8))
        };
        let at = cut(&['。', '!', '?']).or_else(|| cut(&['、'])).unwrap_or(window.len());
        parts.push(&rest[..at]);
        rest = &rest[at..];
    }
    parts.push(rest);
    parts.retain(|part| is_speakable(part));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_for_the_eye_is_read_in_words() {
        for (written, read) in [
            ("午後2時30分に、どうぞ。", "午後2時30分に、どうぞ。"),
            ("10:00〜17:05", "10時から17時5分"),
            ("受付は9:00-16:30です", "受付は9時から16時30分です"),
            ("00:30", "0時30分"),
            ("３Ｆの５番窓口", "3階の5番窓口"),
            ("1F FAX", "1階 FAX"),
            ("A-12番の方は、", "A-12番のかたは、"),
            ("03-1234-5678", "03-1234-5678"),
            ("1,200円", "1,200円"),
            ("ﾏｲﾅﾝﾊﾞｰｶｰﾄﾞ・住民票", "マイナンバーカード、住民票"),
            ("◎空いています", "空いています"),
            ("【お知らせ】\n本日は休みです。\n\n", "お知らせ。本日は休みです。"),
            ("℡03", "電話03"),
            ("🙂", ""),
        ] {
            assert_eq!(japanese(written), read, "{written}");
        }
    }

    #[test]
    fn long_texts_are_cut_at_the_best_place() {
        assert_eq!(parts("はい。いいえ。", 100), ["はい。いいえ。"]);
        assert_eq!(parts("はい。いいえ。", 14), ["はい。", "いいえ。"]);
        assert_eq!(parts("ああ、いい", 12), ["ああ、", "いい"]);
        assert_eq!(parts("ああああああ", 10), ["あああ", "あああ"]);
        assert_eq!(parts("あああ", 1), ["あああ"], "a character is never cut");
        assert!(parts("", 10).is_empty() && parts("。。", 10).is_empty());
    }
}
