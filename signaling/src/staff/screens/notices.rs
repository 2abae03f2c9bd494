//! Notices: what the office tells on its screens, at once or later, by admins and leads.

use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::DateTime;
use protocol::ids::ScreenId;
use protocol::screen::{Language, Notice, Text, Urgency};
use protocol::time::UnixMillis;
use serde::Deserialize;
use store::audit::{Event, What, Who};
use store::screens::files::Added;
use store::screens::notices::{self, Posted};

use super::super::form::Sent;
use super::super::nav::{Fields, Nav, time_word, zone};
use super::super::rights::{Right, Thing};
use super::super::session::LoggedIn;
use super::{One, Tabs, all, answered, frame};
use crate::app::App;
use crate::page::Page;
use crate::problem::{Refusal, html};
use crate::texts::Lang;
use crate::visitor::Visitor;

/// The longest text in one language, in characters: more can't be read on a band.
const LONGEST: usize = 200;

/// screen-notices.html
#[derive(Template)]
#[template(path = "screen-notices.html")]
struct NoticesPage {
    page: Page,
    nav: Nav,
    tabs: Tabs,
    rows: Vec<Row>,
    screens: Vec<Choice>,
    urgencies: Vec<Choice>,
    texts: Vec<TextField>,
    from: String,
    until: String,
    done: Option<&'static str>,
    error: Option<&'static str>,
    /// The field that the error is about; empty: none.
    wrong: &'static str,
}

struct Row {
    id: String,
    text: String,
    urgency: &'static str,
    urgency_word: &'static str,
    state: &'static str,
    state_word: &'static str,
    times: String,
    screens: String,
    by: String,
}

struct Choice {
    value: String,
    word: String,
    is_chosen: bool,
}

/// One language's text.
struct TextField {
    /// The field's name and the language's tag in it.
    name: &'static str,
    lang: &'static str,
    word: &'static str,
    value: String,
}

/// `?done=posted`
#[derive(Deserialize)]
pub(super) struct Asked {
    done: Option<String>,
}

fn check_writer(staff: &LoggedIn) -> Result<(), Refusal> {
    staff.check(Right::WriteNotices, Thing::OFFICE)
}

const URGENCIES: [Urgency; 3] = [Urgency::Normal, Urgency::Urgent, Urgency::Emergency];

fn urgency_value(urgency: Urgency) -> &'static str {
    match urgency {
        Urgency::Normal => "normal",
        Urgency::Urgent => "urgent",
        Urgency::Emergency => "emergency",
    }
}

fn urgency_word(lang: Lang, urgency: Urgency) -> &'static str {
    let texts = lang.catalogue();
    match urgency {
        Urgency::Normal => texts.text("notices.urgency.normal"),
        Urgency::Urgent => texts.text("notices.urgency.urgent"),
        Urgency::Emergency => texts.text("notices.urgency.emergency"),
    }
}

fn field_of(language: Language) -> &'static str {
    match language {
        Language::Ja => "ja",
        Language::Easy => "easy",
        Language::En => "en",
        Language::Zh => "zh",
        Language::Ko => "ko",
        Language::Vi => "vi",
    }
}

fn row(app: &App, lang: Lang, posted: &Posted, screens: &[One], now: UnixMillis) -> Row {
    let texts = lang.catalogue();
    let (state, state_word) = if posted.is_over(now) {
        ("over", texts.text("notices.state.over"))
    } else if posted.from > now {
        ("later", texts.text("notices.state.later"))
    } else {
        ("now", texts.text("notices.state.now"))
    };
    let times = match posted.notice.until {
        Some(until) => texts.text("notices.times").replace("{b}", &time_word(app, until)),
        None => texts.text("notices.times.open").to_owned(),
    };
    let names = posted.screens.iter().map(|id| {
        let one = screens.iter().find(|one| one.id == *id);
        one.map_or(id.as_str(), |one| one.name.as_str())
    });
    Row {
        id: posted.notice.id.clone(),
        text: posted.notice.text.ja.clone(),
        urgency: urgency_value(posted.notice.urgency),
        urgency_word: urgency_word(lang, posted.notice.urgency),
        state,
        state_word,
        times: times.replace("{a}", &time_word(app, posted.from)),
        screens: if posted.screens.is_empty() {
            texts.text("notices.screens.all").to_owned()
        } else {
            names.collect::<Vec<_>>().join(lang.comma())
        },
        by: posted.by.to_string(),
    }
}

async fn shown(
    visitor: &Visitor,
    staff: &LoggedIn,
    typed: Option<&Fields>,
    done: Option<&'static str>,
    error: Option<&'static str>,
) -> Result<Response, Refusal> {
    let (app, lang) = (&visitor.app, visitor.lang);
    let screens = all(app, lang).await?;
    let (texts, now) = (lang.catalogue(), runtime::now());
    let posted = notices::all(&app.store.ledger, &app.config.office.id).await?;
    let rows = posted.iter().map(|posted| row(app, lang, posted, &screens, now));
    let of = |name: &str| typed.map_or(String::new(), |fields| fields.get(name).to_owned());
    let chosen = match of("urgency") {
        urgency if urgency.is_empty() => urgency_value(Urgency::Normal).to_owned(),
        urgency => urgency,
    };
    let (page, nav) = frame(visitor, staff, "/staff/screens/notices");
    let page = html(&NoticesPage {
        page,
        nav,
        tabs: Tabs { here: "notices" },
        rows: rows.collect(),
        screens: screens
            .iter()
            .map(|one| Choice {
                value: one.id.to_string(),
                word: one.name.clone(),
                is_chosen: typed.is_some_and(|fields| fields.all("screen").any(|id| id == one.id.as_str())),
            })
            .collect(),
        urgencies: URGENCIES
            .map(|urgency| Choice {
                value: urgency_value(urgency).to_owned(),
                word: urgency_word(lang, urgency).to_owned(),
                is_chosen: chosen == urgency_value(urgency),
            })
            .into(),
        texts: Language::ALL
            .map(|language| TextField {
                name: field_of(language),
                lang: language.tag(),
                word: language.own_name(),
                value: of(field_of(language)),
            })
            .into(),
        from: of("from"),
        until: of("until"),
        done: done.map(|key| texts.text(key)),
        wrong: match error {
            Some("notices.error.ja") => "ja",
            Some("notices.error.until") => "until",
            _ => "",
        },
        error: error.map(|key| texts.text(key)),
    })?;
    Ok(answered(page, error.is_some()))
}

/// GET /staff/screens/notices
pub(super) async fn page(visitor: Visitor, staff: LoggedIn, Query(asked): Query<Asked>) -> Result<Response, Refusal> {
    check_writer(&staff)?;
    let done = match asked.done.as_deref() {
        Some("posted") => Some("notices.posted"),
        Some("removed") => Some("notices.removed"),
        _ => None,
    };
    shown(&visitor, &staff, None, done, None).await
}

/// A text as it is shown: in one line, without blanks around it.
fn text_of(typed: &str) -> Result<Option<String>, &'static str> {
    let text = typed.split_whitespace().collect::<Vec<_>>().join(" ");
    match text.chars().count() {
        0 => Ok(None),
        1..=LONGEST if !text.contains(char::is_control) => Ok(Some(text)),
        _ => Err("notices.error.long"),
    }
}

/// A time of the office's clocks, as `datetime-local` gives it; empty: none.
fn time_of(app: &App, typed: &str) -> Result<Option<UnixMillis>, &'static str> {
    if typed.is_empty() {
        return Ok(None);
    }
    let wrong = "notices.error.time";
    let time: DateTime = typed.parse().map_err(|_| wrong)?;
    let time = time.to_zoned(zone(app)).map_err(|_| wrong)?;
    let millis = u64::try_from(time.timestamp().as_millisecond()).map_err(|_| wrong)?;
    Ok(Some(UnixMillis(millis)))
}

/// What the form says, or what is wrong with it.
fn read(app: &App, staff: &LoggedIn, fields: &Fields, known: &[One], now: UnixMillis) -> Result<Posted, &'static str> {
    let of = |language: Language| text_of(fields.get(field_of(language)));
    let text = Text {
        ja: of(Language::Ja)?.ok_or("notices.error.ja")?,
        easy: of(Language::Easy)?,
        en: of(Language::En)?,
        zh: of(Language::Zh)?,
        ko: of(Language::Ko)?,
        vi: of(Language::Vi)?,
    };
    let urgency = fields.get("urgency");
    let urgency = URGENCIES.into_iter().find(|one| urgency_value(*one) == urgency);
    let from = time_of(app, fields.get("from"))?.unwrap_or(now);
    let until = time_of(app, fields.get("until"))?;
    if until.is_some_and(|until| until <= from || until <= now) {
        return Err("notices.error.until");
    }
    let screens: Vec<ScreenId> = fields.all("screen").filter_map(|id| ScreenId::new(id).ok()).collect();
    if screens.iter().any(|id| known.iter().all(|one| one.id != *id)) {
        return Err("notices.error.screens");
    }
    Ok(Posted {
        notice: Notice {
            id: format!("{:016x}", rand::random::<u64>()),
            text,
            urgency: urgency.ok_or("notices.error.urgency")?,
            until,
        },
        from,
        screens,
        by: staff.account.id.clone(),
        at: now,
    })
}

/// POST /staff/screens/notices
pub(super) async fn write(
    Sent {
        visitor, staff, fields, ..
    }: Sent,
) -> Result<Response, Refusal> {
    let app = &visitor.app;
    check_writer(&staff)?;
    let (known, now) = (all(app, visitor.lang).await?, runtime::now());
    let posted = match read(app, &staff, &fields, &known, now) {
        Ok(posted) => posted,
        Err(key) => return shown(&visitor, &staff, Some(&fields), None, Some(key)).await,
    };
    match notices::add(&app.store.ledger, &app.config.office.id, &posted, now).await? {
        Added::Full => return shown(&visitor, &staff, Some(&fields), None, Some("notices.error.full")).await,
        Added::Done | Added::Known => {}
    }
    let event = Event::new(
        Who::Staff(staff.account.id.clone()),
        What::NoticePosted,
        &posted.notice.id,
    );
    crate::audit::write(app, event.with(urgency_value(posted.notice.urgency))).await;
    Ok(Redirect::to("/staff/screens/notices?done=posted").into_response())
}

/// POST /staff/screens/notices/{id}/remove
pub(super) async fn remove(Path(id): Path<String>, Sent { visitor, staff, .. }: Sent) -> Result<Response, Refusal> {
    let app = &visitor.app;
    check_writer(&staff)?;
    let is_id = id.len() == 16 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_id && notices::remove(&app.store.ledger, &app.config.office.id, &id).await? {
        let event = Event::new(Who::Staff(staff.account.id.clone()), What::NoticeRemoved, &id);
        crate::audit::write(app, event).await;
    }
    Ok(Redirect::to("/staff/screens/notices?done=removed").into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_that_can_be_read() {
        assert_eq!(
            text_of(" 本日の窓口は\r\n終了しました "),
            Ok(Some("本日の窓口は 終了しました".to_owned()))
        );
        assert_eq!(text_of(" \n"), Ok(None));
        assert_eq!(text_of(&"あ".repeat(LONGEST)), Ok(Some("あ".repeat(LONGEST))));
        assert!(text_of(&"あ".repeat(LONGEST + 1)).is_err());
    }
}
