//! A visitor's phone as a screen's remote control: what can be pressed on the page on show, and what was pressed.
//!
//! Invariant: a press names what it was chosen from. A screen that shows something else by now does nothing.

use serde::{Deserialize, Serialize};

use super::Text;
use crate::time::UnixMillis;

/// The most choices of a page.
pub const MAX_CHOICES: usize = 24;
/// The longest text of a choice in one language, in bytes.
pub const MAX_WORDS: usize = 300;
/// The longest name of a page or choice, in bytes.
pub const MAX_NAME: usize = 200;

/// What can be pressed on the page on show.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choices {
    /// The page's name.
    pub page: String,
    /// In the order in which one reads them.
    pub choices: Vec<Choice>,
}

/// Something to press.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Its name, unique on the page.
    pub id: String,
    /// What happens, in words.
    pub text: Text,
    /// Of what kind it is.
    pub kind: ChoiceKind,
    /// It is so already: the language that is spoken.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_now: bool,
}

/// What kind of thing a choice does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ChoiceKind {
    /// Leads on.
    Go,
    /// Leads back to the start.
    Back,
    /// Another language.
    Language,
}

/// A choice that was pressed on the phone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Press {
    /// The page on which it stood.
    pub page: String,
    /// Its name.
    pub choice: String,
}

/// How a screen's remote control is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Remote {
    /// A phone may take it by this address.
    Open {
        /// With a code that works once.
        address: String,
        /// It is shown no longer than that, by the server's clock.
        until: UnixMillis,
    },
    /// A phone has it.
    Held,
}

/// Why choices aren't taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {what}")]
pub struct ChoicesError {
    /// The field at fault.
    pub field: &'static str,
    /// What is wrong with it.
    pub what: String,
}

impl Choices {
    /// Checks what the types can't: how many there are, how long the texts are, that names are names.
    ///
    /// # Errors
    /// [`ChoicesError`] that names the first field at fault.
    pub fn check(&self) -> Result<(), ChoicesError> {
        let fail = |field, what: String| Err(ChoicesError { field, what });
        if self.choices.len() > MAX_CHOICES {
            let what = format!("{} of them, at most {MAX_CHOICES} are taken", self.choices.len());
            return fail("choices", what);
        }
        for name in self.choices.iter().map(|it| &it.id).chain([&self.page]) {
            if name.is_empty() || name.len() > MAX_NAME {
                return fail("id", format!("{} bytes, expected 1 to {MAX_NAME}", name.len()));
            }
        }
        for (at, choice) in self.choices.iter().enumerate() {
            if self.choices[..at].iter().any(|other| other.id == choice.id) {
                return fail("id", format!("{:?} is there twice", choice.id));
            }
            let text = &choice.text;
            let others = [&text.easy, &text.en, &text.zh, &text.ko, &text.vi];
            let longest = others.into_iter().flatten().chain([&text.ja]).map(String::len).max();
            if longest.is_some_and(|bytes| bytes > MAX_WORDS) {
                return fail("text", format!("at most {MAX_WORDS} bytes are taken"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn choice(id: &str) -> Choice {
        Choice {
            id: id.into(),
            text: "税務課".into(),
            kind: ChoiceKind::Go,
            is_now: false,
        }
    }

    #[test]
    fn choices_are_few_short_and_told_apart() {
        let choices = |choices: Vec<Choice>| Choices {
            page: "home".into(),
            choices,
        };
        assert_eq!(choices(vec![choice("a"), choice("b")]).check(), Ok(()));
        let field = |it: Vec<Choice>| choices(it).check().expect_err("refused").field;
        assert_eq!(field(vec![choice("a"), choice("a")]), "id");
        assert_eq!(field(vec![choice("")]), "id");
        assert_eq!(field((0..25).map(|n| choice(&n.to_string())).collect()), "choices");
        let mut long = choice("a");
        long.text.vi = Some("x".repeat(MAX_WORDS + 1));
        assert_eq!(field(vec![long]), "text");
    }
}
