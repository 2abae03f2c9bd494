//! A form that can't be taken: nothing of it is kept, and its page shows it again as it was sent, with what is wrong by each field.

use store::screens::Arrangement;

use super::super::nav::Fields;
use super::playlist::{Entry, SECONDS_ID};
use super::when::{WhenForm, Wrong};
use crate::texts::Lang;

/// What was sent, as far as it can be read, and all that is wrong with it.
pub(super) struct Refused {
    pub(super) fields: Fields,
    pub(super) draft: Arrangement,
    pub(super) wrong: Vec<Wrong>,
}

/// A line of what is wrong: the id of the field, and where and what in words.
pub(super) struct Line {
    pub(super) id: String,
    pub(super) text: String,
}

impl Refused {
    /// Gives the form back what was typed, and marks what is wrong.
    pub(super) fn mark(&self, lang: Lang, entries: &mut [Entry], on: &mut WhenForm) {
        for (entry, seconds) in entries.iter_mut().zip(self.fields.all("seconds")) {
            let number = entry.number.to_string();
            if let Some(wrong) = self.of(|wrong| wrong.field == SECONDS_ID && wrong.key == number) {
                entry.seconds = entry.seconds.is_some().then(|| seconds.to_owned());
                entry.seconds_fault = Some(lang.catalogue().text(wrong.words));
            }
        }
        let forms = entries.iter_mut().map(|entry| &mut entry.when);
        for form in forms.chain([on]) {
            if let Some(wrong) = self.of(|wrong| wrong.field != SECONDS_ID && wrong.key == form.key) {
                form.refuse(lang, &self.fields, wrong);
            }
        }
    }

    /// All that is wrong, in the order of the page.
    pub(super) fn lines(&self, lang: Lang, entries: &[Entry]) -> Vec<Line> {
        let texts = lang.catalogue();
        let place = |wrong: &Wrong| {
            let is_its = |entry: &&Entry| match wrong.field {
                SECONDS_ID => entry.number.to_string() == wrong.key,
                _ => entry.when.key == wrong.key,
            };
            match entries.iter().find(is_its) {
                Some(entry) => format!("{}. {}", entry.number, entry.name),
                None => texts.text("screens.on").to_owned(),
            }
        };
        let line = |wrong: &Wrong| Line {
            id: wrong.id(),
            text: texts
                .text("screens.wrong.line")
                .replace("{a}", &place(wrong))
                .replace("{b}", texts.text(wrong.words)),
        };
        self.wrong.iter().map(line).collect()
    }

    fn of(&self, is_it: impl Fn(&Wrong) -> bool) -> Option<&Wrong> {
        self.wrong.iter().find(|wrong| is_it(wrong))
    }
}

#[cfg(test)]
mod tests {
    use protocol::screen::When;

    use super::super::when::SCREEN;
    use super::*;

    fn entry(number: usize, name: &str) -> Entry {
        Entry {
            number,
            item: "a".repeat(64),
            url: None,
            name: name.to_owned(),
            kind: "",
            is_picture: true,
            seconds: Some("10".to_owned()),
            seconds_fault: None,
            is_first: false,
            is_last: false,
            when: form(&(number - 1).to_string()),
            leads: false,
        }
    }

    fn form(key: &str) -> WhenForm {
        let now = "2026-11-29T12:00".parse().expect("a time");
        WhenForm::new(Lang::Ja, key, &When::default(), now, &[])
    }

    fn wrong(field: &'static str, key: &str, words: &'static str) -> Wrong {
        Wrong {
            field,
            key: key.to_owned(),
            words,
        }
    }

    #[test]
    fn each_field_is_told_of_its_own_fault() {
        let sent = [
            ("seconds", "10"),
            ("seconds", "1"),
            ("begins-1", "09:00"),
            ("from-on", "x"),
        ];
        let refused = Refused {
            fields: serde_json::from_value(serde_json::to_value(sent).expect("json")).expect("fields"),
            draft: Arrangement::default(),
            wrong: vec![
                wrong(SECONDS_ID, "2", "screens.error.seconds"),
                wrong("ends", "1", "screens.error.ends"),
                wrong("from", SCREEN, "screens.error.date"),
            ],
        };
        let (mut entries, mut on) = (vec![entry(1, "a.png"), entry(2, "b.png")], form(SCREEN));
        refused.mark(Lang::Ja, &mut entries, &mut on);
        assert!(entries[0].seconds_fault.is_none() && entries[0].when.wrong.is_none());
        assert_eq!(entries[1].seconds.as_deref(), Some("1"), "as it was typed");
        assert!(entries[1].seconds_fault.is_some() && entries[1].when.fault("ends").is_some());
        assert_eq!(entries[1].when.begins, "09:00");
        assert!(on.fault("from").is_some());
        let lines = refused.lines(Lang::Ja, &entries);
        let ids: Vec<&str> = lines.iter().map(|line| line.id.as_str()).collect();
        assert_eq!(ids, ["s-2", "ends-1", "from-on"]);
        assert!(lines[1].text.starts_with("2. b.png") && lines[2].text.starts_with("画面をつける日時"));
    }
}
