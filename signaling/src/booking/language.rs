//! The six languages of the booking pages and of the screens' remote control, and their catalogues. Invariant (tested): all have the same keys with the same
//! placeholders, every key that is used exists, and in やさしい日本語 no kanji stands without its reading.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use axum::http::{HeaderMap, header};
use protocol::config::Words;

use super::markup::Markup;
use crate::texts;

/// A language of the booking pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tongue {
    /// 日本語
    Ja,
    /// やさしい日本語: short sentences, with readings above the kanji.
    Easy,
    /// English
    En,
    /// 简体中文
    Zh,
    /// 한국어
    Ko,
    /// Tiếng Việt
    Vi,
}

type Texts = BTreeMap<String, String>;

fn read(source: &str) -> Texts {
    // Proved by the tests below: the file is part of the program.
    serde_json::from_str(source).expect("a catalogue is a flat JSON object")
}

static CATALOGUES: LazyLock<[Texts; 6]> = LazyLock::new(|| {
    [
        include_str!("../../web/texts/booking/ja.json"),
        include_str!("../../web/texts/booking/easy.json"),
        include_str!("../../web/texts/booking/en.json"),
        include_str!("../../web/texts/booking/zh.json"),
        include_str!("../../web/texts/booking/ko.json"),
        include_str!("../../web/texts/booking/vi.json"),
    ]
    .map(read)
});

impl Tongue {
    /// All of them, in the order in which they are offered.
    pub(crate) const ALL: [Self; 6] = [Self::Ja, Self::Easy, Self::En, Self::Zh, Self::Ko, Self::Vi];

    /// Its name in the cookie, in addresses and in records.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::Easy => "easy",
            Self::En => "en",
            Self::Zh => "zh",
            Self::Ko => "ko",
            Self::Vi => "vi",
        }
    }

    /// What browsers and screen readers are told (BCP 47).
    pub(crate) fn html(self) -> &'static str {
        match self {
            Self::Ja | Self::Easy => "ja",
            Self::En => "en",
            Self::Zh => "zh-Hans",
            Self::Ko => "ko",
            Self::Vi => "vi",
        }
    }

    /// What its readers call it.
    pub(crate) fn own_name(self) -> &'static str {
        match self {
            Self::Ja => "日本語",
            Self::Easy => "やさしい日本語",
            Self::En => "English",
            Self::Zh => "简体中文",
            Self::Ko => "한국어",
            Self::Vi => "Tiếng Việt",
        }
    }

    /// The language of a tag such as `vi` or `zh-TW`.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default().trim();
        let is_it = |it: &Self| it.tag().eq_ignore_ascii_case(primary);
        Self::ALL.into_iter().find(is_it)
    }

    /// The one chosen by its reader; `None`: none was.
    pub(crate) fn chosen(headers: &HeaderMap) -> Option<Self> {
        let jar = axum_extra::extract::CookieJar::from_headers(headers);
        Self::of_tag(jar.get(texts::COOKIE)?.value())
    }

    /// The one chosen, else the first that the browser prefers, else Japanese.
    pub(crate) fn of_request(headers: &HeaderMap) -> Self {
        let accepted = || texts::accepted(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?, Self::of_tag);
        Self::chosen(headers).or_else(accepted).unwrap_or(Self::Ja)
    }

    /// A text as it is written, with readings in brackets.
    fn raw(self, key: &str) -> &'static str {
        CATALOGUES[self as usize].get(key).map_or_else(
            || {
                tracing::error!(key, "the booking catalogue has no such text");
                "—"
            },
            String::as_str,
        )
    }

    /// A text for a page, its placeholders filled. What is filled in may be markup itself.
    pub(crate) fn words(self, key: &str, fill: &[(&str, &dyn fmt::Display)]) -> Markup {
        Markup::with_readings(self.raw(key)).filled(fill)
    }

    /// A text for titles and mails: readings in brackets behind their kanji, or left out where `has_readings` isn't.
    pub(crate) fn plain(self, key: &str, has_readings: bool, fill: &[(&str, &str)]) -> String {
        let mut text = plain(self.raw(key), has_readings);
        for (name, value) in fill {
            text = text.replace(&format!("{{{name}}}"), value);
        }
        text
    }

    /// A configured text as it is written, in the language or the nearest that there is.
    pub(crate) fn choose(self, words: &Words) -> &str {
        let own = match self {
            Self::Ja => None,
            Self::Easy => words.easy.as_ref(),
            Self::En => words.en.as_ref(),
            Self::Zh => words.zh.as_ref().or(words.en.as_ref()),
            Self::Ko => words.ko.as_ref().or(words.en.as_ref()),
            Self::Vi => words.vi.as_ref().or(words.en.as_ref()),
        };
        own.unwrap_or(&words.ja)
    }

    /// A configured name that is in Japanese and perhaps in English.
    pub(crate) fn choose_name(self, text: &protocol::screen::Text) -> &str {
        match self {
            Self::Ja | Self::Easy => &text.ja,
            _ => text.en.as_deref().unwrap_or(&text.ja),
        }
    }
}

/// A text with readings as plain text: `[予約|よやく]` becomes 予約 or 予約（よやく）.
pub(crate) fn plain(text: &str, has_readings: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for part in super::markup::parts(text) {
        match part {
            (word, Some(reading)) if has_readings => {
                out.push_str(word);
                out.push('（');
                out.push_str(reading);
                out.push('）');
            }
            (word, _) => out.push_str(word),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    fn placeholders(text: &str) -> BTreeSet<&str> {
        let rest = text.split('{').skip(1);
        rest.filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
            .collect()
    }

    #[test]
    fn all_languages_have_the_same_keys_and_placeholders() {
        let ja = &CATALOGUES[0];
        for tongue in Tongue::ALL {
            let own = &CATALOGUES[tongue as usize];
            assert!(own.keys().eq(ja.keys()), "{tongue:?} has other keys");
            for (key, text) in own {
                assert!(!text.trim().is_empty(), "{tongue:?} {key} is empty");
                assert_eq!(placeholders(text), placeholders(&ja[key]), "{tongue:?} {key}");
            }
        }
    }

    #[test]
    fn easy_japanese_has_a_reading_for_every_kanji() {
        let is_kanji = |c: char| matches!(c, '\u{4e00}'..='\u{9fff}' | '々');
        for (key, text) in &CATALOGUES[Tongue::Easy as usize] {
            for (word, reading) in super::super::markup::parts(text) {
                match reading {
                    Some(reading) => {
                        let is_kana = |c: char| matches!(c, '\u{3041}'..='\u{3096}' | 'ー');
                        assert!(!reading.is_empty() && reading.chars().all(is_kana), "{key}: {reading}");
                    }
                    None => assert!(!word.chars().any(is_kanji), "{key}: {word} has no reading"),
                }
            }
        }
        for tongue in Tongue::ALL.into_iter().filter(|it| *it != Tongue::Easy) {
            for (key, text) in &CATALOGUES[tongue as usize] {
                assert!(!text.contains('|'), "{tongue:?} {key} has readings");
            }
        }
    }

    /// The literals that follow `before` in a text.
    fn literals<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
        let rest = text.split(before).skip(1);
        rest.filter_map(|rest| rest.split_once('"').map(|(key, _)| key))
            .collect()
    }

    #[test]
    fn every_key_that_pages_use_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let folders = [
            "templates/booking",
            "templates/remote",
            "src/booking",
            "src/signage/remote",
        ];
        let files = folders
            .iter()
            .flat_map(|it| std::fs::read_dir(root.join(it)).expect("a folder"));
        let mut used = 0;
        for file in files.flatten().filter(|it| it.path().is_file()) {
            let text = std::fs::read_to_string(file.path()).expect("readable");
            for before in [
                "leaf.w(\"",
                "leaf.n(\"",
                "leaf.plain(\"",
                concat!(".words", "(\""),
                concat!(".plain", "(\""),
            ] {
                for key in literals(&text, before) {
                    used += 1;
                    assert!(CATALOGUES[0].contains_key(key), "{:?} uses {key:?}", file.path());
                }
            }
        }
        assert!(used > 60, "the search found only {used} keys");
        for kind in protocol::config::Kind::ALL {
            for part in ["", ".text"] {
                let key = format!("kind.{}{part}", kind.as_str());
                assert!(CATALOGUES[0].contains_key(&key), "{key}");
            }
        }
    }

    #[test]
    fn the_language_is_what_was_chosen_or_what_the_browser_prefers() {
        let of = |name: header::HeaderName, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("header"));
            Tongue::of_request(&headers)
        };
        assert_eq!(Tongue::of_request(&HeaderMap::new()), Tongue::Ja);
        assert_eq!(of(header::ACCEPT_LANGUAGE, "fr,vi-VN;q=0.7,ja;q=0.3"), Tongue::Vi);
        assert_eq!(of(header::ACCEPT_LANGUAGE, "zh-TW,en;q=0.2"), Tongue::Zh);
        assert_eq!(of(header::COOKIE, "__Host-lang=easy"), Tongue::Easy);
        assert_eq!(of(header::COOKIE, "__Host-lang=xx"), Tongue::Ja);
    }

    #[test]
    fn mails_have_readings_behind_the_words() {
        assert_eq!(plain("[予約|よやく]する", true), "予約（よやく）する");
        assert_eq!(plain("[予約|よやく]する", false), "予約する");
    }
}
