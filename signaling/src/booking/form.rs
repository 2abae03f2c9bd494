//! What a booking form may hold. Pure: fields in, a person or what is wrong out.
//!
//! Invariant: a name leaves here character by character as it was typed, but for the spaces around it: nothing is
//! normalised, so that variant kanji, variation selectors and characters of the office's own come through.

use std::collections::HashMap;

use protocol::config::Booking;
use store::appointments::Person;

/// Characters, as Unicode counts them: a variation selector is one too.
pub(super) const NAME: usize = 60;
pub(super) const ANSWER: usize = 300;
const MAIL: usize = 254;

/// What is wrong with a field: the field's id on the page, the text's key, and its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) field: String,
    pub(super) key: &'static str,
    pub(super) n: usize,
}

/// What stands in a form.
#[derive(Debug, Clone, Default)]
pub(super) struct Filled {
    fields: HashMap<String, String>,
}

impl Filled {
    pub(super) fn new(fields: Vec<(String, String)>) -> Self {
        Self {
            fields: fields.into_iter().collect(),
        }
    }

    /// A field as it was typed.
    pub(super) fn get(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The person, or all that is wrong. Consent is for `needs_consent` only: on the telephone staff ask for it.
    ///
    /// # Errors
    /// What is wrong, in the order of the page.
    pub(super) fn person(&self, booking: &Booking, needs_consent: bool) -> Result<Person, Vec<Wrong>> {
        let mut wrong = Vec::new();
        let mut say = |field: &str, key, n| {
            wrong.push(Wrong {
                field: field.to_owned(),
                key,
                n,
            });
        };
        let name = clean(self.get("name"));
        match name.chars().count() {
            0 => say("name", "error.name", 0),
            long if long > NAME => say("name", "error.long", NAME),
            _ => {}
        }
        let mail = half_width(self.get("mail"));
        let mail = mail.trim();
        let is_mail = mail.len() <= MAIL && mail.is_ascii() && mail.parse::<lettre::Address>().is_ok();
        if !mail.is_empty() && !is_mail {
            say("mail", "error.mail", 0);
        }
        let telephone = telephone(self.get("telephone"));
        if telephone.is_none() {
            say("telephone", "error.telephone", 0);
        }
        let mut answers = Vec::new();
        for question in &booking.questions {
            let field = format!("q-{}", question.id);
            let answer = clean(self.get(&field));
            if answer.chars().count() > ANSWER {
                say(&field, "error.long", ANSWER);
            }
            if !answer.is_empty() {
                answers.push((question.id.clone(), answer));
            }
        }
        if needs_consent && self.get("consent") != "yes" {
            say("consent", "error.consent", 0);
        }
        if !wrong.is_empty() {
            return Err(wrong);
        }
        Ok(Person {
            name,
            mail: Some(mail.to_owned()).filter(|mail| !mail.is_empty()),
            telephone: telephone.filter(|number| !number.is_empty()),
            line: None,
            answers,
        })
    }
}

/// Without the spaces around it, and without what isn't a character to read: controls, and marks that turn the direction
/// of what follows.
fn clean(text: &str) -> String {
    let is_hidden = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    text.trim().chars().filter(|c| !is_hidden(*c)).collect()
}

/// Full-width letters, digits and signs as ASCII: what a Japanese keyboard gives where ASCII is meant.
pub(super) fn half_width(text: &str) -> String {
    let ascii = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        '‐' | '‑' | '–' | '—' | '―' | '−' | 'ー' | 'ｰ' => '-',
        other => other,
    };
    text.chars().map(ascii).collect()
}

/// A telephone number's digits, with a leading `+` where it has one; empty for none; `None`: it isn't one.
fn telephone(text: &str) -> Option<String> {
    let text = half_width(text);
    let text = text.trim();
    if text.is_empty() {
        return Some(String::new());
    }
    let digits: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.'))
        .collect();
    let bare = digits.strip_prefix('+').unwrap_or(&digits);
    // E.164: at most 15; the shortest in Japan that anybody answers has 10.
    let is_number = (10..=15).contains(&bare.len()) && bare.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then_some(digits)
}

/// The eight digits of a short code, however they were typed; `None`: they aren't eight.
pub(super) fn short_code(text: &str) -> Option<String> {
    let text = half_width(text);
    let digits: String = text.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    let is_code = digits.len() == 8 && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_code.then_some(digits)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn booking() -> Booking {
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/demo.toml");
        let text = std::fs::read_to_string(&demo).expect("readable");
        let config = protocol::config::Config::parse(&demo, &text).expect("good");
        config.bookings.into_iter().next().expect("a service with a question")
    }

    fn person(fields: &[(&str, &str)]) -> Result<Person, Vec<Wrong>> {
        let fields = fields
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Filled::new(fields.chain([("consent".to_owned(), "yes".to_owned())]).collect()).person(&booking(), true)
    }

    #[test]
    fn names_come_through_character_by_character() {
        for name in [
            "葛\u{E0100}城", // a variation sequence (IVS)
            "\u{20BB7}野屋", // beyond the basic plane
            "\u{FA11}",      // a compatibility kanji that normalisation would replace
            "\u{E000}田",    // 外字: the office's own
            "か\u{3099}",    // decomposed
            "Nguyễn Thị Ánh",
            "髙橋　﨑",
        ] {
            assert_eq!(person(&[("name", &format!("　{name} "))]).expect("a name").name, name);
        }
        assert_eq!(person(&[("name", "a\u{202e}b\r\nc")]).expect("a name").name, "abc");
    }

    #[test]
    fn what_a_japanese_keyboard_gives_is_understood() {
        let found = person(&[
            ("name", "花"),
            ("mail", " ｈａｎａ＠ｅｘａｍｐｌｅ．ｊｐ "),
            ("telephone", "０９０－１２３４−５６７８"),
        ]);
        let found = found.expect("both are right");
        assert_eq!(found.mail.as_deref(), Some("hana@example.jp"));
        assert_eq!(found.telephone.as_deref(), Some("09012345678"));
        assert_eq!(short_code("１２３４−５６７８").as_deref(), Some("12345678"));
        assert_eq!(short_code(" 1234 5678 ").as_deref(), Some("12345678"));
        assert_eq!((short_code("1234567"), short_code("1234567a")), (None, None));
    }

    #[test]
    fn everything_that_is_wrong_is_said_at_once() {
        let long = "長".repeat(ANSWER + 1);
        let wrong = Filled::new(vec![
            ("mail".to_owned(), "hana@".to_owned()),
            ("telephone".to_owned(), "110".to_owned()),
            ("q-age".to_owned(), long),
        ]);
        let wrong = wrong.person(&booking(), true).expect_err("nothing is right");
        let fields: Vec<_> = wrong.iter().map(|it| it.field.as_str()).collect();
        assert_eq!(fields, ["name", "mail", "telephone", "q-age", "consent"]);
        let wrong = person(&[("name", &"名".repeat(NAME + 1))]).expect_err("too long");
        assert_eq!((wrong[0].key, wrong[0].n), ("error.long", NAME));
    }
}
