//! Where the lines of set texts end: Japanese between phrases ([`phrases`]), Korean between words, as KLREQ has it for running text
//! (`word-break: keep-all` of CSS Text), everything else where UAX #14 lets it.
//!
//! Pango breaks the lines; marks (U+2060) between letters take away the breaks that needn't be. A phrase or word that is longer
//! than its line begins a line and breaks within, still as UAX #14 lets it: no line begins with 。 or ー.

use std::ops::Range;

use pango::Layout;
use protocol::screen::Language;
use unicode_segmentation::UnicodeSegmentation;

use super::markup::Marked;
use super::phrases;

/// No break here (UAX #14, WJ).
pub const JOINER: char = '\u{2060}';

/// Whether it is one of the marks that are put in.
#[must_use]
pub fn is_mark(letter: char) -> bool {
    letter == JOINER
}

/// The text as it was without the marks.
#[must_use]
pub fn without_marks(text: &str) -> String {
    text.replace(JOINER, "")
}

/// Gives a layout, whose width and letters are set, a text. Gives whether a phrase or word had to be broken.
pub fn flow(layout: &Layout, text: &str, language: Language) -> bool {
    let mut breaks = Breaks::of(text, language);
    loop {
        layout.set_text(&breaks.kept(text));
        if !breaks.loosen(layout) {
            return breaks.is_loosened;
        }
    }
}

/// After which letters of a text lines mustn't end.
#[derive(Debug, Clone)]
pub struct Breaks {
    /// Of each letter that isn't a mark: no line ends after it.
    joined: Vec<bool>,
    is_loosened: bool,
}

impl Breaks {
    /// Of a text that is shown to readers of a language. What isn't translated is Japanese: kana tell.
    #[must_use]
    pub fn of(text: &str, language: Language) -> Self {
        let text = without_marks(text);
        let letters: Vec<char> = text.chars().collect();
        let is_japanese = matches!(language, Language::Ja | Language::Easy) || letters.iter().any(|it| is_kana(*it));
        let mut joined = if is_japanese {
            phrases::joined(&letters)
        } else {
            vec![false; letters.len()]
        };
        join_words(&letters, &mut joined);
        if language == Language::Zh {
            join_ends(&letters, &mut joined);
        }
        // What is seen as one letter takes no mark.
        let mut end = 0;
        for grapheme in text.graphemes(true) {
            let begin = end;
            end += grapheme.chars().count();
            joined[begin..end - 1].fill(false);
        }
        Self {
            joined,
            is_loosened: false,
        }
    }

    /// The text with the marks; those that it had stay.
    #[must_use]
    pub fn kept(&self, text: &str) -> String {
        self.placed(text).0
    }

    /// The same for a text with readings and bold parts, which move with their words.
    #[must_use]
    pub fn kept_in(&self, marked: &Marked) -> Marked {
        let (text, places) = self.placed(&marked.text);
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

    /// The text with the marks, and where each of its bytes has gone.
    fn placed(&self, source: &str) -> (String, Vec<usize>) {
        let mut text = String::with_capacity(source.len() * 2);
        let mut places = vec![0; source.len() + 1];
        let mut joined = self.joined.iter();
        for (at, letter) in source.char_indices() {
            places[at] = text.len();
            let is_joined = if is_mark(letter) {
                true
            } else {
                text.push(letter);
                joined.next().copied().unwrap_or(false)
            };
            if is_joined && !text.ends_with(JOINER) {
                text.push(JOINER);
            }
        }
        places[source.len()] = text.len();
        (text, places)
    }

    /// Lets phrases and words break that a layout of this text broke: no line has room for them. Gives whether there were any; then
    /// the text is to be set again.
    pub fn loosen(&mut self, layout: &Layout) -> bool {
        let text = layout.text();
        let starts = (1..layout.line_count()).filter_map(|line| layout.line_readonly(line));
        let starts = starts.map(|line| usize::try_from(line.start_index()).unwrap_or(0));
        let (mut from, mut letter, mut parted) = (0, 0, 0);
        for start in starts {
            letter += text[from..start].chars().filter(|it| !is_mark(*it)).count();
            from = start;
            let is_within = text[..start].ends_with(is_mark) || text[start..].starts_with(is_mark);
            if is_within && letter > parted {
                parted = self.part(letter, layout).unwrap_or(parted);
            }
        }
        self.is_loosened |= parted > 0;
        parted > 0
    }

    /// Parts the phrase or word in which a line began with that letter. Gives its last letter.
    fn part(&mut self, letter: usize, layout: &Layout) -> Option<usize> {
        if letter == 0 || !self.joined.get(letter - 1).copied().unwrap_or(false) {
            return None;
        }
        let first = self.joined[..letter].iter().rposition(|joined| !joined);
        let first = first.map_or(0, |before| before + 1);
        let last = self.joined[letter..].iter().position(|joined| !joined);
        let last = last.map_or(self.joined.len() - 1, |after| letter + after);
        // Where it breaks when it stands alone and without marks.
        let alone = layout.copy();
        alone.set_attributes(None);
        let text = layout.text();
        let letters = text.chars().filter(|it| !is_mark(*it));
        let phrase: String = letters.skip(first).take(last + 1 - first).collect();
        alone.set_text(&phrase);
        let starts = (1..alone.line_count()).filter_map(|line| alone.line_readonly(line));
        let starts = starts.map(|line| usize::try_from(line.start_index()).unwrap_or(0));
        let mut is_parted = false;
        for start in starts {
            let before = first + phrase[..start].chars().count() - 1;
            is_parted |= std::mem::take(&mut self.joined[before]);
        }
        // Alone it fits; with its bold letters and readings it doesn't.
        if !is_parted {
            self.joined[first..last].fill(false);
        }
        Some(last)
    }
}

/// Words with Hangul end at blanks alone.
fn join_words(letters: &[char], joined: &mut [bool]) {
    let mut begin = 0;
    for word in letters.split(|letter| letter.is_whitespace()) {
        if word.iter().any(|letter| is_hangul(*letter)) {
            joined[begin..begin + word.len() - 1].fill(true);
        }
        begin += word.len() + 1;
    }
}

/// No single letter of a Chinese paragraph is a line (CLREQ: 孤字不成行), and no measure without its figures.
fn join_ends(letters: &[char], joined: &mut [bool]) {
    let mut begin = 0;
    for paragraph in letters.split(|letter| *letter == '\n') {
        let last = paragraph
            .iter()
            .rposition(|letter| letter.is_alphanumeric())
            .unwrap_or(0);
        if last > 0 && is_han(paragraph[last]) && paragraph[last - 1].is_alphanumeric() {
            joined[begin + last - 1] = true;
        }
        begin += paragraph.len() + 1;
    }
}

fn is_han(letter: char) -> bool {
    matches!(letter, '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3fffd}')
}

fn is_hangul(letter: char) -> bool {
    matches!(
        letter,
        '\u{1100}'..='\u{11ff}' | '\u{3130}'..='\u{318f}' | '\u{a960}'..='\u{a97f}' | '\u{ac00}'..='\u{d7ff}'
    )
}

fn is_kana(letter: char) -> bool {
    matches!(letter, 'ぁ'..='ゖ' | 'ァ'..='ヺ')
}

#[cfg(test)]
#[allow(clippy::expect_used)]
mod tests {
    use super::*;
    use crate::scene::markup;
    use crate::scene::palette;
    use crate::scene::text::{self, Style, units};

    fn kept(text: &str, language: Language) -> String {
        Breaks::of(text, language).kept(text)
    }

    /// What can't be broken.
    fn words(text: &str, language: Language) -> Vec<String> {
        let breaks = Breaks::of(text, language);
        let mut words = vec![String::new()];
        for (letter, is_joined) in text.chars().zip(breaks.joined) {
            let last = words.last_mut().expect("one");
            last.push(letter);
            if !is_joined {
                words.push(String::new());
            }
        }
        words.pop();
        words
    }

    /// The lines of a text in letters of 20 pixels.
    fn lines(text: &str, language: Language, width: f64) -> (Vec<String>, bool) {
        let surface = cairo::ImageSurface::create(cairo::Format::ARgb32, 8, 8).expect("memory");
        let cr = cairo::Context::new(&surface).expect("a context");
        let layout = pangocairo::functions::create_layout(&cr);
        layout.set_font_description(Some(&text::font(Style::plain(20.0, palette::INK, language))));
        layout.set_wrap(pango::WrapMode::WordChar);
        layout.set_width(units(width));
        let is_broken = flow(&layout, text, language);
        let text = layout.text();
        let lines = (0..layout.line_count()).filter_map(|line| layout.line_readonly(line));
        let lines = lines.map(|line| {
            let start = line.start_index() as usize;
            without_marks(text[start..start + line.length() as usize].trim_end())
        });
        (lines.collect(), is_broken)
    }

    #[test]
    fn korean_lines_end_at_blanks() {
        assert_eq!(
            words("육아 상담은 2층 창구(동관)로, PC를", Language::Ko),
            ["육아", " ", "상담은", " ", "2층", " ", "창구(동관)로,", " ", "PC를"]
        );
        let said = "오늘은 공휴일로 구청은 휴무입니다. 창구 시간: 월요일~금요일, 오전 9시~오후 5시 30분";
        for width in (4..24).map(|ems| f64::from(ems) * 20.0) {
            let (lines, is_broken) = lines(said, Language::Ko, width);
            assert!(width < 160.0 || !is_broken, "{width}");
            if !is_broken {
                assert_eq!(lines.join(" "), said, "{width}");
            }
        }
    }

    #[test]
    fn a_korean_word_that_is_longer_than_its_line_begins_a_line_and_breaks_within() {
        let (lines, is_broken) = lines("신청은 국민건강보험공단에서 하십시오.", Language::Ko, 125.0);
        assert_eq!(lines, ["신청은", "국민건강보험", "공단에서", "하십시오."]);
        assert!(is_broken);
    }

    #[test]
    fn what_is_seen_as_one_letter_takes_no_mark() {
        for letters in [
            ["\u{1112}\u{1161}\u{11ab}", "\u{1100}\u{1173}\u{11af}"],
            ["か\u{3099}", "ら"],
            ["영", "👨‍👩‍👧‍👦"],
        ] {
            let kept = kept(&letters.concat(), Language::Ko);
            assert!(kept.split(JOINER).eq(letters), "{kept:?}");
        }
    }

    #[test]
    fn japanese_is_known_by_its_kana_in_whatever_language_it_stands_in() {
        let said = "係員の指示に従ってください。";
        assert_eq!(words(said, Language::Ko), words(said, Language::Ja));
        assert_eq!(words(said, Language::Ja), ["係員の", "指示に", "従って", "ください。"]);
    }

    #[test]
    fn no_single_chinese_letter_is_a_line() {
        assert_eq!(
            words("区政府休息。\n谢谢！", Language::Zh),
            ["区", "政", "府", "休息", "。", "\n", "谢谢", "！"]
        );
        assert_eq!(words("至5点30分。", Language::Zh), ["至", "5", "点", "3", "0分", "。"]);
        let (lines, _) = lines("今天是节假日，区政府休息。", Language::Zh, 225.0);
        assert_eq!(lines, ["今天是节假日，区政府", "休息。"]);
    }

    #[test]
    fn nothing_but_marks_is_added() {
        for (text, language) in [
            ("大雨警報が出ています。\n避難してください。", Language::Ja),
            ("호우 경보가 발령 중입니다.\n주의하십시오.", Language::Ko),
            ("Window 3 is open.", Language::Ja),
            ("", Language::Ko),
            (" ", Language::Ko),
        ] {
            assert_eq!(without_marks(&kept(text, language)), text);
        }
        assert_eq!(kept("Window 3 is open.", Language::Ja), "Window 3 is open.");
    }

    #[test]
    fn readings_and_bold_parts_move_with_their_words() {
        let source = markup::read("[子育|こそだ]ての*ご[相談|そうだん]*は、[窓口|まどぐち]へ");
        let marked = Breaks::of(&source.text, Language::Ja).kept_in(&source);
        let word = |range: &Range<usize>| without_marks(&marked.text[range.clone()]);
        let words: Vec<String> = marked.readings.iter().map(|(range, _)| word(range)).collect();
        assert_eq!(words, ["子育", "相談", "窓口"]);
        assert_eq!(word(&marked.bold[0]), "ご相談");
        assert_eq!(
            marked.text,
            kept("子育てのご相談は、窓口へ", Language::Ja),
            "as without them"
        );
    }

    /// Kinsoku (JIS X 4051, JLREQ 3.1.7; CLREQ for Chinese).
    #[test]
    fn no_line_begins_with_what_belongs_to_the_line_before() {
        for (language, said) in [
            (
                Language::Ja,
                "「コーヒーメーカー」は、ちょっと（２階で）お待ちください……。キャッシュカード・マイナンバーカードをお持ちの方へ！",
            ),
            (
                Language::Easy,
                "まどぐちは、月ようびから 金ようびまで、午前9じから 午後5じ30ぷんまで あいています。ちょっと まってください。",
            ),
            (
                Language::Zh,
                "请携带“身份证”、《户口本》等（原件），到二楼窗口办理；逾期不候！谢谢。",
            ),
            (
                Language::Ko,
                "창구 시간: 월요일~금요일(공휴일 제외), 오전 9시~오후 5시 30분. “감사합니다!”",
            ),
            (
                Language::Vi,
                "Giờ làm việc: thứ Hai đến thứ Sáu (trừ ngày lễ), từ 9:00 đến 17:30.",
            ),
        ] {
            // い……。 is one, four letters long.
            for width in (4..30).map(|ems| f64::from(ems) * 20.0 + 5.0) {
                let (lines, _) = lines(said, language, width);
                for line in &lines {
                    let first = line.chars().next().unwrap_or(' ');
                    let is_wrong = "、。，．！？；：）〕】」』》”・ー…ぁぃぅぇぉっゃゅょァィゥェォッャュョ,.!?;:)]%"
                        .contains(first);
                    assert!(!is_wrong, "{language:?} {width}: {lines:?}");
                    let last = line.chars().next_back().unwrap_or(' ');
                    assert!(!"「『（《【〔“([".contains(last), "{language:?} {width}: {lines:?}");
                }
            }
        }
    }
}
