//! The words of a letter, in the language in which the appointment was booked.

use std::fmt::Write as _;
use std::sync::Arc;

use protocol::config::Kind as BookingKind;
use store::appointments::{Person, Record};
use store::letters::{Subject, Way};

use super::super::appointment::{address, event};
use super::super::choose::section_name;
use super::super::dates;
use super::super::ics::Method;
use super::super::language::{Tongue, plain};
use super::super::leaf::Leaf;
use super::super::service;
use crate::app::App;

/// A letter, ready to go by any way.
pub(super) struct Composed {
    pub(super) subject: String,
    pub(super) body: String,
    /// For a short message.
    pub(super) short: String,
    /// For a chat: the body without a name, a greeting and a mail's foot.
    pub(super) chat: String,
    /// What it does to the reader's calendar; a reminder does nothing.
    pub(super) calendar: Option<(Method, String)>,
    /// The same for the same letter, so that who gets it twice sees it once.
    pub(super) id: String,
}

/// Writes a letter. `code`: its own link's. `None`: the office doesn't offer the service any more.
pub(super) fn letter(
    app: &Arc<App>,
    record: &Record,
    person: &Person,
    subject: Subject,
    way: Way,
    code: &str,
) -> Option<Composed> {
    let booking = service::booking_of(app, record)?;
    let tongue = Tongue::of_tag(&record.lang).unwrap_or(Tongue::Ja);
    let leaf = Leaf::new(app, tongue, "/book");
    let calendar = booking.service(&app.config).calendar;
    let [from, to] = [record.slot.starts_at, record.slot.ends_at].map(|at| calendar.zoned(at));
    let name = subject.as_str();
    let written = |key: &str, fill: &[(&str, &str)]| tongue.plain(key, true, fill);
    let title = tongue.plain(&format!("mail.{name}.subject"), false, &[("office", leaf.office())]);
    // In LINE's own browser calls work on few phones: this opens a link in the phone's.
    let outside = if way == Way::Line { "?openExternalBrowser=1" } else { "" };
    let page = format!("{}{outside}", address(app, code));
    let call = format!("{}/c/{code}{outside}", app.config.web.public_url);
    let again = format!("{}/book/{}", app.config.web.public_url, booking.id);
    let is_over = subject == Subject::Cancelled;
    let is_call = record.kind == BookingKind::Remote && !is_over;
    let minutes = (app.config.calendar.opens_before.as_secs() / 60).to_string();

    let mut main = String::new();
    let mut line = |text: &str| {
        // Writing into a String can't fail.
        let _ = writeln!(main, "{text}");
    };
    line(&written(&format!("mail.{name}.lead"), &[]));
    line("");
    let mut fact = |key: &str, value: &str| line(&format!("{}: {value}", written(key, &[])));
    fact("details.what", &plain(tongue.choose(&booking.name), true));
    let topic = record.topic.as_ref();
    if let Some(topic) = topic.and_then(|id| booking.topics.iter().find(|topic| topic.id == *id)) {
        fact("details.topic", &plain(tongue.choose(&topic.name), true));
    }
    fact("details.when", &plain(&dates::appointment(tongue, &from, &to), true));
    fact("details.section", &section_name(&leaf, booking));
    if let Some(bring) = booking.bring.as_ref().filter(|_| !is_over) {
        fact("a.bring", &plain(tongue.choose(bring), true));
    }
    line("");
    if is_call {
        line(&written("mail.start", &[("n", &minutes)]));
        line(&call);
        line("");
    }
    if is_over {
        line(&written("a.again", &[]));
        line(&again);
    } else {
        line(&written("mail.page", &[]));
        line(&page);
        line("");
        line(&written("mail.secret", &[]));
    }
    let hello = match person.name.as_str() {
        "" => String::new(),
        name => format!("{}\n\n", written("mail.hello", &[("name", name)])),
    };
    let (from_whom, telephone) = (leaf.office(), leaf.telephone());
    let body = format!(
        "{hello}{main}\n-- \n{from_whom}\n{} {telephone}\n",
        written("mail.foot", &[])
    );
    let chat = format!("{title}\n\n{main}\n{from_whom} {telephone}");

    let method = match subject {
        Subject::Confirm | Subject::Changed => Some(Method::Request),
        Subject::Cancelled => Some(Method::Cancel),
        Subject::Day | Subject::Soon => None,
    };
    let office = app.config.mail.as_ref().map(|mail| mail.from.as_str());
    let people = office.zip(person.mail.as_deref());
    let link = (!is_over).then_some(page.as_str());
    let when = plain(&dates::beginning(tongue, &from), false);
    let short_link = if is_over {
        &again
    } else if subject == Subject::Soon {
        &call
    } else {
        &page
    };
    Some(Composed {
        chat,
        short: format!("{title}\n{when}\n{short_link}"),
        calendar: method.map(|method| (method, event(app, &leaf, record, booking, method, link, people))),
        id: format!("<{}.{name}.{}@{}>", record.id, record.version, app.config.public_host()),
        subject: title,
        body,
    })
}
