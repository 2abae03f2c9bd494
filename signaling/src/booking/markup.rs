//! Text that may stand in a page as it is. Invariant: every character that came from outside is escaped; the only elements
//! are our own: the readings (`<ruby>`) that the notation `[漢字|かんじ]` makes, and the row of steps.

use std::fmt;

/// HTML that is safe where text may stand.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Markup(String);

impl askama::filters::HtmlSafe for Markup {}

impl fmt::Display for Markup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Markup {
    /// Plain text.
    pub(crate) fn text(text: &str) -> Self {
        let mut out = String::with_capacity(text.len());
        escape(text, &mut out);
        Self(out)
    }

    /// Text with readings.
    pub(crate) fn with_readings(text: &str) -> Self {
        let mut out = String::with_capacity(text.len() * 2);
        for (word, reading) in parts(text) {
            match reading {
                None => escape(word, &mut out),
                Some(reading) => {
                    out.push_str("<ruby>");
                    escape(word, &mut out);
                    out.push_str("<rp>（</rp><rt>");
                    escape(reading, &mut out);
                    out.push_str("</rt><rp>）</rp></ruby>");
                }
            }
        }
        Self(out)
    }

    /// A row of steps of which so many are done or at hand.
    pub(super) fn steps(words: &Self, step: usize, of: usize) -> Self {
        let dots: String = (1..=of)
            .map(|n| if n <= step { "<i class=\"done\"></i>" } else { "<i></i>" })
            .collect();
        Self(format!(
            "<p class=\"steps\"><span class=\"visually-hidden\">{words}</span>\
             <span aria-hidden=\"true\">{dots} {step}/{of}</span></p>"
        ))
    }

    /// The same with its placeholders filled by what is safe already: [`Markup`] or numbers.
    pub(super) fn filled(self, fill: &[(&str, &dyn fmt::Display)]) -> Self {
        let fill = fill.iter();
        Self(fill.fold(self.0, |text, (name, value)| {
            text.replace(&format!("{{{name}}}"), &value.to_string())
        }))
    }
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
}

/// The words of a text, each with its reading where it has one.
pub(super) fn parts(text: &str) -> Vec<(&str, Option<&str>)> {
    let mut out = Vec::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let noted = after
            .split_once(']')
            .and_then(|(noted, after)| Some((noted.split_once('|')?, after)));
        let Some(((word, reading), after)) = noted else {
            break;
        };
        if !before.is_empty() {
            out.push((before, None));
        }
        out.push((word, Some(reading)));
        rest = after;
    }
    if !rest.is_empty() {
        out.push((rest, None));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_stand_above_and_everything_else_is_text() {
        let html = Markup::with_readings("お[子|こ]さん").to_string();
        assert_eq!(html, "お<ruby>子<rp>（</rp><rt>こ</rt><rp>）</rp></ruby>さん");
        assert_eq!(Markup::text("<b>&\"'").to_string(), "&lt;b&gt;&amp;&quot;&#39;");
        let open = Markup::with_readings("[{office}] <x>");
        assert_eq!(
            open.to_string(),
            "[{office}] &lt;x&gt;",
            "brackets without a reading stay"
        );
    }

    #[test]
    fn what_is_filled_in_is_not_read_again() {
        let name = Markup::text("[a|b]<i>");
        let text = Markup::with_readings("{name}さん").filled(&[("name", &name)]);
        assert_eq!(text.to_string(), "[a|b]&lt;i&gt;さん");
    }
}
