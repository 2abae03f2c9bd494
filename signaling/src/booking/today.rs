//! A day's appointments for staff: GET /staff/today, what is done to one: POST /staff/appointments/{id}, and what the
//! console asks of one: GET /api/appointments/{id}.

use std::collections::HashMap;

use askama::Template;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::extract::{Path, Query};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use axum::{Form, Json};
use jiff::civil::Date;
use protocol::booking::Channel;
use protocol::config::{Booking, Kind as BookingKind};
use protocol::ids::{AppointmentId, SectionId};
use protocol::signal::Phase;
use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};
use store::appointments::{Record, State};
use store::consultations;
use store::letters::Trouble as LetterTrouble;
use store::staff::Account;

use super::language::{Tongue, plain};
use super::letters::post_of;
use super::service::{self, book_of};
use super::{dates, desk, enter, join};
use crate::app::App;
use crate::page::{Page, in_language};
use crate::problem::{Fault, Refusal, html};
use crate::security;
use crate::staff::LoggedIn;
use crate::staff::rights::{Member, Right, Scope, Thing};
use crate::texts::Lang;
use crate::visitor::Visitor;

/// Whether somebody sees whom an appointment is for, and may change it.
pub(super) fn is_theirs(account: &Account, section: &SectionId) -> bool {
    Member::of(account).may(Right::ChangeAppointments, Thing::in_section(section))
}

/// Whether somebody has to do with appointments at all: of other sections they see that there are some, and not whose.
///
/// # Errors
/// [`Fault::Forbidden`].
pub(super) fn check_sees(account: &Account) -> Result<(), Refusal> {
    match Right::SeeAppointments.scope(account.role) {
        Scope::No => Err(Fault::Forbidden.into()),
        _ => Ok(()),
    }
}

/// A tongue for pages that have Japanese and English.
pub(super) fn tongue_of(lang: Lang) -> Tongue {
    match lang {
        Lang::Ja => Tongue::Ja,
        Lang::En => Tongue::En,
    }
}

/// Staff who aren't logged in are sent to do so.
pub(super) fn logged_in(staff: Result<LoggedIn, Refusal>) -> Result<LoggedIn, Box<Response>> {
    staff.map_err(|refusal| match refusal.fault {
        Fault::NotLoggedIn => Box::new(Redirect::to("/staff/login").into_response()),
        _ => Box::new(refusal.into_response()),
    })
}

/// Which day, whose, and what has just happened.
#[derive(Deserialize, Default)]
pub(super) struct Asked {
    #[serde(default, deserialize_with = "some_day")]
    day: Option<Date>,
    #[serde(default)]
    section: String,
    #[serde(default)]
    news: String,
}

/// A day, or nothing where the field was left empty.
pub(super) fn some_day<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Date>, D::Error> {
    let text = String::deserialize(deserializer)?;
    match text.as_str() {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(serde::de::Error::custom),
    }
}

/// An appointment in the list.
struct Row {
    id: String,
    time: String,
    state: &'static str,
    name: Option<String>,
    is_theirs: bool,
    what: String,
    channel: String,
    is_to_be_called: bool,
    telephone: Option<String>,
    lang: Option<&'static str>,
    answers: Vec<(String, String)>,
    /// How often a letter was tried that still waits.
    letter_waits: Option<u32>,
    is_letter_lost: bool,
    is_open: bool,
}

/// How full a slot is.
struct Filling {
    time: String,
    web: u32,
    phone: u32,
    walk_in: u32,
    total: u32,
    capacity: u32,
}

/// staff-today.html
#[derive(Template)]
#[template(path = "staff-today.html")]
struct TodayPage {
    page: Page,
    day: Date,
    day_text: String,
    earlier: Option<Date>,
    later: Option<Date>,
    is_today: bool,
    section: String,
    sections: Vec<(String, String, bool)>,
    rows: Vec<Row>,
    fillings: Vec<(String, Vec<Filling>)>,
    letters_stuck: usize,
    news: &'static str,
}

/// GET /staff/today
pub(super) async fn page(
    visitor: Visitor,
    staff: Result<LoggedIn, Refusal>,
    asked: Result<Query<Asked>, QueryRejection>,
) -> Result<Response, Refusal> {
    let staff = match logged_in(staff) {
        Ok(staff) => staff,
        Err(elsewhere) => return Ok(*elsewhere),
    };
    let Query(asked) = asked.map_err(|_| Refusal::of_field(Fault::BadRequest, "day"))?;
    check_sees(&staff.account)?;
    let app = &visitor.app;
    let now = runtime::now();
    let today = desk::calendar(app).date_of(now);
    let day = asked.day.unwrap_or(today);
    let section = match asked.section.as_str() {
        "" => staff
            .account
            .sections
            .first()
            .map_or_else(|| "all".to_owned(), ToString::to_string),
        other => other.to_owned(),
    };
    let is_shown = |id: &SectionId| section == "all" || id.as_str() == section;
    let troubles = post_of(app).troubles().await?;
    let records = on(app, day).await?;
    let shown = records.into_iter().filter(|record| is_shown(&record.section));
    let calls: HashMap<_, _> = consultations::open(&app.store.ledger, &app.config.office.id, now)
        .await?
        .into_iter()
        .filter_map(|call| Some((call.appointment.clone()?, call.phase)))
        .collect();
    let mut rows = Vec::new();
    for record in shown {
        let letters = troubles.get(&record.id).map(Vec::as_slice).unwrap_or_default();
        let letters = letters.iter().map(|(_, _, trouble)| trouble);
        let phase = calls.get(&record.id).copied();
        rows.push(row(&visitor, &staff.account, &record, phase, letters, now).await?);
    }
    let sections = app.config.sections.iter();
    let sections = sections.map(|one| {
        let name = in_language(&one.name, visitor.lang).to_owned();
        (one.id.to_string(), name, one.id.as_str() == section)
    });
    let page = html(&TodayPage {
        page: visitor.page().with_csrf(&staff.session.csrf).for_staff(),
        day,
        day_text: plain(&dates::whole_day(tongue_of(visitor.lang), day), false),
        earlier: day.yesterday().ok(),
        later: day.tomorrow().ok(),
        is_today: day == today,
        sections: sections.collect(),
        rows,
        fillings: fillings(&visitor, day, is_shown, now).await?,
        letters_stuck: troubles
            .values()
            .flatten()
            .filter(|(_, _, trouble)| !trouble.is_given_up)
            .count(),
        news: match asked.news.as_str() {
            "done" => "today.news.done",
            "changed" => "today.news.changed",
            "unsure" => "today.news.unsure",
            "numberless" => "today.news.numberless",
            _ => "",
        },
        section,
    })?;
    Ok(([security::FORM_PAGE], page).into_response())
}

/// All appointments that begin on a day of the office's.
async fn on(app: &App, day: Date) -> Result<Vec<Record>, Refusal> {
    let calendar = desk::calendar(app);
    let begins = |day: Date| calendar.instant(day, jiff::civil::Time::midnight());
    let next = day.tomorrow().map_err(|_| Fault::BadRequest)?;
    let (Some(from), Some(to)) = (begins(day), begins(next)) else {
        return Err(Fault::BadRequest.into());
    };
    Ok(book_of(app).agenda(from, to).await?)
}

fn state_key(record: &Record, phase: Option<Phase>, now: UnixMillis) -> &'static str {
    match (record.state, phase) {
        (State::Cancelled, _) => "cancelled",
        (State::NoShow, _) => "no_show",
        (State::Done, _) => "done",
        (State::Booked, Some(Phase::Admitted)) => "in_call",
        (State::Booked, Some(Phase::Waiting)) => "waiting",
        (State::Booked, _) if now >= enter::closes_at(record) => "past",
        (State::Booked, _) => "booked",
    }
}

/// What an appointment is, in a line.
fn what(booking: Option<&Booking>, record: &Record, tongue: Tongue) -> (String, Option<String>) {
    let Some(booking) = booking else {
        return (record.booking.to_string(), None);
    };
    let topic = record.topic.as_ref();
    let topic = topic.and_then(|id| booking.topics.iter().find(|topic| topic.id == *id));
    let name = plain(tongue.choose(&booking.name), false);
    (name, topic.map(|topic| plain(tongue.choose(&topic.name), false)))
}

async fn row(
    visitor: &Visitor,
    account: &Account,
    record: &Record,
    phase: Option<Phase>,
    letters: impl Iterator<Item = &LetterTrouble>,
    now: UnixMillis,
) -> Result<Row, Refusal> {
    let app = &visitor.app;
    let tongue = tongue_of(visitor.lang);
    let booking = service::booking_of(app, record);
    let is_theirs = is_theirs(account, &record.section);
    let person = if is_theirs {
        book_of(app).person(&record.id).await?
    } else {
        None
    };
    let calendar = desk::calendar(app);
    let (name, topic) = what(booking, record, tongue);
    let question = |id: &protocol::ids::TopicId| {
        let asked = booking.and_then(|booking| booking.questions.iter().find(|one| one.id == *id));
        asked.map_or_else(|| id.to_string(), |asked| plain(tongue.choose(&asked.name), false))
    };
    let (mut letter_waits, mut is_letter_lost) = (None, false);
    for trouble in letters {
        is_letter_lost |= trouble.is_given_up;
        if !trouble.is_given_up {
            letter_waits = letter_waits.max(Some(trouble.tries));
        }
    }
    let answers = person.iter().flat_map(|person| &person.answers);
    Ok(Row {
        id: record.id.to_string(),
        time: plain(
            &dates::time(tongue, calendar.zoned(record.slot.starts_at).time()),
            false,
        ),
        state: state_key(record, phase, now),
        is_theirs,
        what: topic.map_or_else(|| name.clone(), |topic| format!("{name}・{topic}")),
        channel: visitor
            .lang
            .catalogue()
            .text(&format!("today.channel.{}", record.channel.as_str()))
            .to_owned(),
        is_to_be_called: record.is_to_be_called,
        lang: Tongue::of_tag(&record.lang)
            .filter(|it| *it != Tongue::Ja)
            .map(Tongue::own_name),
        answers: answers.map(|(id, answer)| (question(id), answer.clone())).collect(),
        telephone: person.as_ref().and_then(|person| person.telephone.clone()),
        name: person.map(|person| person.name),
        letter_waits,
        is_letter_lost,
        is_open: is_theirs && record.state == State::Booked,
    })
}

async fn fillings(
    visitor: &Visitor,
    day: Date,
    is_shown: impl Fn(&SectionId) -> bool,
    now: UnixMillis,
) -> Result<Vec<(String, Vec<Filling>)>, Refusal> {
    let app = &visitor.app;
    let tongue = tongue_of(visitor.lang);
    let mut all = Vec::new();
    for booking in app.config.bookings.iter().filter(|it| is_shown(it.section.get_ref())) {
        let rules = booking.service(&app.config);
        let slots = rules.slots(day);
        if slots.is_empty() {
            continue;
        }
        let taken = book_of(app).taken(&booking.id, &day.to_string()).await?;
        let filling = |slot: protocol::booking::Slot| {
            let taken = taken.get(&slot.starts_at.0).copied().unwrap_or_default();
            Filling {
                time: rules.calendar.zoned(slot.starts_at).strftime("%H:%M").to_string(),
                web: taken.web,
                phone: taken.phone,
                walk_in: taken.walk_in,
                total: taken.total(),
                capacity: rules.quota(slot, now).capacity,
            }
        };
        let name = plain(tongue.choose(&booking.name), false);
        all.push((name, slots.into_iter().map(filling).collect()));
    }
    Ok(all)
}

/// What is done to an appointment.
#[derive(Deserialize)]
pub(super) struct Act {
    #[serde(default)]
    csrf: String,
    #[serde(default)]
    act: String,
    #[serde(default)]
    section: String,
}

/// An appointment that a member of staff may change.
pub(super) async fn theirs(app: &App, staff: &LoggedIn, id: &str) -> Result<Record, Refusal> {
    let id = AppointmentId::new(id).map_err(|_| Fault::NotFound)?;
    let record = book_of(app).get(&id).await?.ok_or(Fault::NotFound)?;
    if is_theirs(&staff.account, &record.section) {
        Ok(record)
    } else {
        Err(Fault::Forbidden.into())
    }
}

/// POST /staff/appointments/{id}
pub(super) async fn act(
    visitor: Visitor,
    staff: LoggedIn,
    headers: HeaderMap,
    uri: Uri,
    Path(id): Path<String>,
    form: Result<Form<Act>, FormRejection>,
) -> Result<Response, Refusal> {
    let Form(act) = form.map_err(|_| Fault::BadRequest)?;
    let app = &visitor.app;
    if !security::is_own_origin(&headers, &uri, &app.config.web.public_url, false) {
        return Err(Fault::NotAllowedHere.into());
    }
    staff.check_csrf(&act.csrf)?;
    let record = theirs(app, &staff, &id).await?;
    let now = runtime::now();
    let day = desk::calendar(app).date_of(record.slot.starts_at);
    let doer = || service::doer_of(&record, Some(&staff.account.id));
    let close = |state| service::close(app, &record, state, doer(), now);
    let changed = match act.act.as_str() {
        "no_show" => close(State::NoShow).await.map(drop),
        "done" => close(State::Done).await.map(drop),
        "cancel" => close(State::Cancelled).await.map(drop),
        "call" | "called" => {
            let noted = book_of(app).note_call(&record, act.act == "call").await?;
            noted.map(drop).ok_or(super::trouble::Kind::Unchanged.into())
        }
        "code" if record.state == State::Booked => {
            let number = join::give(app, &record, &staff.account.id).await?;
            return desk::told(&visitor, &staff, &record, number);
        }
        _ => return Err(Refusal::of_field(Fault::BadRequest, "act")),
    };
    let news = match changed {
        Ok(()) => {
            tracing::info!(appointment = %record.id, staff = %staff.account.id, act = act.act, "staff changed an appointment");
            "done"
        }
        Err(trouble) if trouble.is_unchanged() => "changed",
        Err(trouble) if trouble.is_unsure() => "unsure",
        Err(trouble) => return Err(trouble.into()),
    };
    // Only what a section's id can hold.
    let section = SectionId::new(act.section).map(|id| id.to_string()).unwrap_or_default();
    Ok(Redirect::to(&format!("/staff/today?day={day}&section={section}&news={news}")).into_response())
}

/// What the console shows of an appointment.
#[derive(Serialize)]
struct Facts {
    when: String,
    service: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    topic: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

/// GET /api/appointments/{id}
pub(super) async fn facts(visitor: Visitor, staff: LoggedIn, Path(id): Path<String>) -> Result<Response, Refusal> {
    check_sees(&staff.account)?;
    let app = &visitor.app;
    let id = AppointmentId::new(id).map_err(|_| Fault::NotFound)?;
    let record = book_of(app).get(&id).await?.ok_or(Fault::NotFound)?;
    let tongue = tongue_of(visitor.lang);
    let (service, topic) = what(service::booking_of(app, &record), &record, tongue);
    let person = match is_theirs(&staff.account, &record.section) {
        true => book_of(app).person(&record.id).await?,
        false => None,
    };
    let at = desk::calendar(app).zoned(record.slot.starts_at);
    Ok(Json(Facts {
        when: plain(&dates::time(tongue, at.time()), false),
        service,
        topic,
        name: person.map(|person| person.name),
    })
    .into_response())
}

/// Whether a service is one that somebody comes to.
pub(super) fn channels(booking: &Booking) -> &'static [Channel] {
    match booking.kind {
        BookingKind::Remote => &[Channel::Phone],
        _ => &[Channel::Phone, Channel::WalkIn],
    }
}
