//! Texts in the languages that a screen speaks.
//!
//! Invariant: there is always something to show: a language without a text of its own falls back.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A language of the screens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    /// 日本語
    #[default]
    Ja,
    /// やさしい日本語
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

impl Language {
    /// All, in the order in which choosers show them.
    pub const ALL: [Self; 6] = [Self::Ja, Self::Easy, Self::En, Self::Zh, Self::Ko, Self::Vi];

    /// Its own name, in itself.
    #[must_use]
    pub fn own_name(self) -> &'static str {
        match self {
            Self::Ja => "日本語",
            Self::Easy => "やさしい日本語",
            Self::En => "English",
            Self::Zh => "中文",
            Self::Ko => "한국어",
            Self::Vi => "Tiếng Việt",
        }
    }

    /// Its BCP 47 tag, for fonts and line breaking.
    #[must_use]
    pub fn tag(self) -> &'static str {
        match self {
            Self::Ja | Self::Easy => "ja",
            Self::En => "en",
            Self::Zh => "zh-Hans",
            Self::Ko => "ko",
            Self::Vi => "vi",
        }
    }
}

/// A text in the languages that there are: `ja` always.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Text {
    /// Japanese.
    pub ja: String,
    /// Easy Japanese (やさしい日本語).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub easy: Option<String>,
    /// English.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub en: Option<String>,
    /// Chinese, simplified.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zh: Option<String>,
    /// Korean.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ko: Option<String>,
    /// Vietnamese.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vi: Option<String>,
}

impl Text {
    /// A text in Japanese alone.
    #[must_use]
    pub fn japanese(text: impl Into<String>) -> Self {
        Self {
            ja: text.into(),
            ..Self::default()
        }
    }

    /// The text in a language. Where there is none: easy Japanese falls back to Japanese, the others to
    /// English, then to Japanese.
    #[must_use]
    pub fn in_language(&self, language: Language) -> &str {
        let own = match language {
            Language::Ja => None,
            Language::Easy => self.easy.as_deref(),
            Language::En => self.en.as_deref(),
            Language::Zh => self.zh.as_deref().or(self.en.as_deref()),
            Language::Ko => self.ko.as_deref().or(self.en.as_deref()),
            Language::Vi => self.vi.as_deref().or(self.en.as_deref()),
        };
        own.unwrap_or(&self.ja)
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self::japanese(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_translated_falls_back_to_what_is() {
        let text = Text {
            en: Some("Taxes".into()),
            ..Text::japanese("税務課")
        };
        let said = Language::ALL.map(|language| text.in_language(language));
        assert_eq!(said, ["税務課", "税務課", "Taxes", "Taxes", "Taxes", "Taxes"]);
        assert_eq!(Text::from("税務課").in_language(Language::Vi), "税務課");
    }
}
