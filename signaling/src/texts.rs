//! The catalogues: every text that people read, by key, in every language. Invariant (tested): all
//! languages have the same keys with the same placeholders, and every key that is used exists.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use axum::http::{HeaderMap, header};

use crate::booking::Tongue;

/// A language that there is a catalogue for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lang {
    /// 日本語
    Ja,
    /// English
    En,
}

static JA: LazyLock<Catalogue> = LazyLock::new(|| {
    Catalogue::read(
        include_str!("../web/texts/ja.json"),
        include_str!("../web/texts/people.ja.json"),
        include_str!("../web/texts/cameras.ja.json"),
    )
});
static EN: LazyLock<Catalogue> = LazyLock::new(|| {
    Catalogue::read(
        include_str!("../web/texts/en.json"),
        include_str!("../web/texts/people.en.json"),
        include_str!("../web/texts/cameras.en.json"),
    )
});

/// The cookie that keeps the chosen language.
pub(crate) const COOKIE: &str = "__Host-lang";

impl Lang {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Ja, Self::En];

    /// The BCP 47 tag.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Ja => "ja",
            Self::En => "en",
        }
    }

    /// What stands between the parts of a list.
    pub(crate) fn comma(self) -> &'static str {
        match self {
            Self::Ja => "、",
            Self::En => ", ",
        }
    }

    /// The language of a tag such as `en` or `en-GB`.
    pub(crate) fn of_tag(tag: &str) -> Option<Self> {
        let primary = tag.split('-').next().unwrap_or_default().trim();
        Self::ALL
            .into_iter()
            .find(|lang| lang.tag().eq_ignore_ascii_case(primary))
    }

    /// The nearest to a language that only the booking pages have.
    pub(crate) fn nearest_to(tongue: Tongue) -> Self {
        match tongue {
            Tongue::Ja | Tongue::Easy => Self::Ja,
            Tongue::En | Tongue::Zh | Tongue::Ko | Tongue::Vi => Self::En,
        }
    }

    /// The one chosen (cookie), else the first that the browser prefers, else Japanese.
    pub(crate) fn of_request(headers: &HeaderMap) -> Self {
        let jar = axum_extra::extract::CookieJar::from_headers(headers);
        jar.get(COOKIE)
            .and_then(|cookie| Tongue::of_tag(cookie.value()))
            .map(Self::nearest_to)
            .or_else(|| accepted(headers.get(header::ACCEPT_LANGUAGE)?.to_str().ok()?, Self::of_tag))
            .unwrap_or(Self::Ja)
    }

    /// Its texts.
    pub(crate) fn catalogue(self) -> &'static Catalogue {
        match self {
            Self::Ja => &JA,
            Self::En => &EN,
        }
    }
}

/// The best of an `Accept-Language` (RFC 9110 §12.5.4), of those that `of_tag` knows.
pub(crate) fn accepted<T>(header: &str, of_tag: impl Fn(&str) -> Option<T>) -> Option<T> {
    let mut best: Option<(T, f32)> = None;
    for part in header.split(',') {
        let (tag, rest) = part.split_once(';').unwrap_or((part, ""));
        let quality = match rest.trim().strip_prefix("q=") {
            Some(text) => text.parse().unwrap_or(0.0),
            None => 1.0,
        };
        if let Some(lang) = of_tag(tag)
            && quality > best.as_ref().map_or(0.0, |(_, best)| *best)
        {
            best = Some((lang, quality));
        }
    }
    best.map(|(lang, _)| lang)
}

/// The texts of one language.
pub(crate) struct Catalogue {
    texts: BTreeMap<String, String>,
    json: String,
    camera_json: String,
}

impl Catalogue {
    /// `source`: what pages' scripts are given too; `rendered`: what is only ever written into a page here, so that no
    /// phone has to fetch the words of accounts and logs. `cameras`: what one page's script is given.
    fn read(source: &str, rendered: &str, cameras: &str) -> Self {
        // Proved by the tests below: the files are part of the program.
        let mut texts: BTreeMap<String, String> =
            serde_json::from_str(source).expect("a catalogue is a flat JSON object");
        let json = serde_json::to_string(&texts).expect("texts are JSON");
        let rendered: BTreeMap<String, String> =
            serde_json::from_str(rendered).expect("a catalogue is a flat JSON object");
        let cameras: BTreeMap<String, String> =
            serde_json::from_str(cameras).expect("a catalogue is a flat JSON object");
        let camera_json = serde_json::to_string(&cameras).expect("texts are JSON");
        texts.extend(rendered);
        texts.extend(cameras);
        Self {
            texts,
            json: for_script(&json),
            camera_json: for_script(&camera_json),
        }
    }

    /// A text. A key that isn't there (which a test rules out) is shown itself.
    pub(crate) fn text(&'static self, key: &str) -> &'static str {
        self.texts.get(key).map_or_else(
            || {
                tracing::error!(key, "the catalogue has no such text");
                "—"
            },
            String::as_str,
        )
    }

    /// A text with its placeholder `{n}` filled.
    pub(crate) fn counted(&'static self, key: &str, n: impl std::fmt::Display) -> String {
        self.text(key).replace("{n}", &n.to_string())
    }

    /// The texts of the page on which a camera is set up, likewise.
    pub(crate) fn camera_json(&self) -> &str {
        &self.camera_json
    }

    /// All texts as a JSON object that may stand inside `<script>`.
    pub(crate) fn json(&self) -> &str {
        &self.json
    }
}

/// JSON that can't end a script element or start a comment in it.
pub(crate) fn for_script(json: &str) -> String {
    json.replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
        .replace('\u{2028}', "\\u2028")
        .replace('\u{2029}', "\\u2029")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn placeholders(text: &str) -> BTreeSet<&str> {
        text.split('{')
            .skip(1)
            .filter_map(|rest| rest.split_once('}').map(|(name, _)| name))
            .collect()
    }

    #[test]
    fn all_languages_have_the_same_keys_and_placeholders() {
        let keys = |lang: Lang| lang.catalogue().texts.keys().collect::<BTreeSet<_>>();
        let ja = Lang::Ja.catalogue();
        for lang in Lang::ALL {
            let difference: Vec<_> = keys(lang).symmetric_difference(&keys(Lang::Ja)).copied().collect();
            assert!(difference.is_empty(), "{lang:?} and ja differ in {difference:?}");
            for (key, text) in &lang.catalogue().texts {
                assert!(!text.trim().is_empty(), "{lang:?} {key} is empty");
                assert_eq!(placeholders(text), placeholders(&ja.texts[key]), "{lang:?} {key}");
            }
        }
    }

    fn files(dir: &Path, extension: &str, out: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                files(&path, extension, out);
            } else if path.extension().is_some_and(|it| it == extension) {
                out.push(path);
            }
        }
    }

    /// The literals that follow `before` in a text.
    fn literals<'a>(text: &'a str, before: &str) -> Vec<&'a str> {
        text.split(before)
            .skip(1)
            .filter_map(|rest| rest.split_once('"').map(|(key, _)| key))
            .collect()
    }

    #[test]
    fn every_key_that_pages_and_rust_use_exists() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let (mut templates, mut sources) = (Vec::new(), Vec::new());
        files(&root.join("templates"), "html", &mut templates);
        files(&root.join("src"), "rs", &mut sources);
        assert!(!templates.is_empty() && !sources.is_empty());
        let mut used = 0;
        for file in templates.iter().chain(&sources) {
            let text = std::fs::read_to_string(file).expect("readable");
            for before in [
                concat!(".t", "(\""),
                concat!(".text", "(\""),
                concat!(".counted", "(\""),
            ] {
                for key in literals(&text, before) {
                    used += 1;
                    let is_there = Lang::Ja.catalogue().texts.contains_key(key);
                    assert!(is_there, "{} uses {key:?}", file.display());
                }
            }
        }
        assert!(
            used > 10,
            "the search found only {used} keys: has the way to write them changed?"
        );
        use protocol::congestion::{Level, Trend};
        for level in [Level::Free, Level::Moderate, Level::Busy, Level::Full, Level::Unknown] {
            assert!(Lang::Ja.catalogue().texts.contains_key(level.text_key()));
        }
        for trend in [Trend::Rising, Trend::Steady, Trend::Falling] {
            let word = serde_json::to_value(trend).expect("json");
            let key = format!("trend.{}", word.as_str().expect("a word"));
            assert!(Lang::Ja.catalogue().texts.contains_key(&key), "{key}");
        }
    }

    #[test]
    fn the_language_is_what_was_chosen_or_what_the_browser_prefers() {
        let of = |name: header::HeaderName, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().expect("header"));
            Lang::of_request(&headers)
        };
        assert_eq!(Lang::of_request(&HeaderMap::new()), Lang::Ja);
        assert_eq!(of(header::ACCEPT_LANGUAGE, "fr,en-GB;q=0.7,ja;q=0.3"), Lang::En);
        assert_eq!(of(header::ACCEPT_LANGUAGE, "en;q=0.2,ja;q=0.9"), Lang::Ja);
        assert_eq!(of(header::ACCEPT_LANGUAGE, "en;q=never"), Lang::Ja);
        assert_eq!(of(header::COOKIE, "__Host-lang=en"), Lang::En);
        assert_eq!(of(header::COOKIE, "__Host-lang=xx"), Lang::Ja);
        assert_eq!(
            of(header::COOKIE, "__Host-lang=easy"),
            Lang::Ja,
            "what the booking pages keep there"
        );
        assert_eq!(of(header::COOKIE, "__Host-lang=vi"), Lang::En);
    }

    #[test]
    fn texts_in_a_script_element_cannot_end_it() {
        assert_eq!(
            for_script("{\"a\":\"</script><!--&\"}"),
            "{\"a\":\"\\u003c/script\\u003e\\u003c!--\\u0026\"}"
        );
        assert!(!Lang::Ja.catalogue().json().contains('<'));
    }
}
