//! One's own appointment, by its link: GET /a/{code} and below. Seen, kept, moved, given back.

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, Query};
use axum::http::{HeaderName, header};
use axum::response::{IntoResponse, Redirect, Response};
use protocol::booking::Channel;
use protocol::config::{Booking, Kind as BookingKind};
use protocol::time::UnixMillis;
use serde::Deserialize;
use store::appointments::{Record, State};

use super::choose::{self, AskedStep, Choosing, section_name};
use super::dates;
use super::ics::{Event, Method};
use super::leaf::{Booker, Leaf};
use super::markup::Markup;
use super::offer::Asking;
use super::service::{self, book_of};
use super::trouble::{Kind, Trouble};
use super::{enter, line, qr};
use crate::app::App;
use crate::consultation::unknown_link;
use crate::problem::{Refusal, html};

/// A secret link has no place in a search engine.
const NO_INDEX: (HeaderName, &str) = (HeaderName::from_static("x-robots-tag"), "noindex");

/// The appointment of a link, and who asks for it, answered in its language.
async fn of_link(booker: Booker, code: &str) -> Result<(Booker, Record), Trouble> {
    match service::by_code(&booker.app, code).await? {
        Some(record) => Ok((booker.reading(&record.lang), record)),
        None => Err(Refusal::from(unknown_link(&booker.app, booker.address).await).into()),
    }
}

/// How an appointment looks at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Ahead,
    Cancelled,
    Missed,
    Over,
}

fn standing(record: &Record, now: UnixMillis) -> Standing {
    match record.state {
        State::Cancelled => Standing::Cancelled,
        State::NoShow => Standing::Missed,
        State::Done => Standing::Over,
        State::Booked if now >= enter::closes_at(record) => Standing::Missed,
        State::Booked => Standing::Ahead,
    }
}

/// What an appointment is, in words.
pub(super) struct Words {
    pub(super) name: Markup,
    pub(super) topic: Option<Markup>,
    pub(super) when: Markup,
    pub(super) section: String,
    pub(super) bring: Option<Markup>,
}

impl Words {
    pub(super) fn new(leaf: &Leaf, record: &Record, booking: &Booking) -> Self {
        let calendar = booking.service(&leaf.app.config).calendar;
        let [from, to] = [record.slot.starts_at, record.slot.ends_at].map(|at| calendar.zoned(at));
        let topic = record.topic.as_ref();
        let topic = topic.and_then(|id| booking.topics.iter().find(|topic| topic.id == *id));
        Self {
            name: leaf.configured(&booking.name),
            topic: topic.map(|topic| leaf.configured(&topic.name)),
            when: Markup::with_readings(&dates::appointment(leaf.tongue, &from, &to)),
            section: section_name(leaf, booking),
            bring: booking.bring.as_ref().map(|bring| leaf.configured(bring)),
        }
    }
}

/// booking/appointment.html
#[derive(Template)]
#[template(path = "booking/appointment.html")]
struct AppointmentPage {
    leaf: Leaf,
    title: &'static str,
    /// Said below the title of one that isn't ahead.
    text: Option<&'static str>,
    words: Words,
    person: String,
    code: String,
    url: String,
    qr: Option<(i32, String)>,
    is_new: bool,
    is_remote: bool,
    is_ahead: bool,
    /// Whether a call may be entered now.
    is_open: bool,
    opens: Markup,
    minutes_before: u64,
    may_change: bool,
    is_mailed: bool,
    /// The address that opens a chat with the office at LINE.
    line: Option<String>,
    is_told_by_line: bool,
    booking: String,
}

/// `?is=new` or `?is=moved`: what has just happened.
#[derive(Deserialize, Default)]
pub(super) struct News {
    #[serde(default)]
    is: String,
}

/// GET /a/{code}
pub(super) async fn page(
    booker: Booker,
    Path(code): Path<String>,
    Query(news): Query<News>,
) -> Result<Response, Trouble> {
    let (booker, record) = of_link(booker, &code).await?;
    let app = &booker.app;
    let now = runtime::now();
    let booking = service::booking_of(app, &record).ok_or(Kind::NotFound)?;
    let person = book_of(app).person(&record.id).await?;
    let leaf = booker.leaf().back_to(&format!("/a/{code}"));
    let standing = standing(&record, now);
    let is_new = news.is == "new";
    let (title, text) = match standing {
        Standing::Ahead if is_new => ("a.new", None),
        Standing::Ahead if news.is == "moved" => ("a.moved", None),
        Standing::Ahead => ("a.title", None),
        Standing::Cancelled => ("a.cancelled.title", Some("a.cancelled.text")),
        Standing::Missed => ("a.missed.title", Some("a.missed.text")),
        Standing::Over => ("a.over.title", Some("a.over.text")),
    };
    let is_ahead = standing == Standing::Ahead;
    let calendar = booking.service(&app.config).calendar;
    let opens_at = enter::opens_at(app, &record);
    let url = address(app, &code);
    let page = html(&AppointmentPage {
        title,
        text,
        words: Words::new(&leaf, &record, booking),
        is_mailed: app.config.mail.is_some() && person.as_ref().is_some_and(|person| person.mail.is_some()),
        line: line::address(app, &leaf, &record, person.as_ref()).filter(|_| is_ahead),
        is_told_by_line: person.as_ref().is_some_and(|person| person.line.is_some()),
        person: person.map(|person| person.name).unwrap_or_default(),
        qr: is_ahead.then(|| qr::code(&url)).flatten(),
        url,
        code,
        is_new,
        is_remote: record.kind == BookingKind::Remote,
        is_ahead,
        is_open: is_ahead && now >= opens_at,
        opens: Markup::with_readings(&dates::beginning(leaf.tongue, &calendar.zoned(opens_at))),
        minutes_before: app.config.calendar.opens_before.as_secs() / 60,
        may_change: is_ahead && now < record.slot.starts_at,
        booking: booking.id.to_string(),
        leaf,
    })?;
    Ok(([NO_INDEX], page).into_response())
}

/// The whole address of an appointment's page.
pub(super) fn address(app: &App, code: &str) -> String {
    format!("{}/a/{code}", app.config.web.public_url)
}

/// GET /a/{code}/appointment.ics
pub(super) async fn calendar_file(booker: Booker, Path(code): Path<String>) -> Result<Response, Trouble> {
    let (booker, record) = of_link(booker, &code).await?;
    let app = &booker.app;
    let booking = service::booking_of(app, &record).ok_or(Kind::NotFound)?;
    let is_cancelled = record.state == State::Cancelled;
    let method = if is_cancelled { Method::Cancel } else { Method::Publish };
    let text = event(
        app,
        &booker.leaf(),
        &record,
        booking,
        method,
        Some(&address(app, &code)),
        None,
    );
    let headers = [
        (header::CONTENT_TYPE, "text/calendar; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"appointment.ics\""),
    ];
    Ok((headers, [NO_INDEX], text).into_response())
}

/// An appointment as an iCalendar object, in the reader's language.
pub(super) fn event(
    app: &App,
    leaf: &Leaf,
    record: &Record,
    booking: &Booking,
    method: Method,
    url: Option<&str>,
    people: Option<(&str, &str)>,
) -> String {
    let is_remote = record.kind == BookingKind::Remote;
    let section = section_name(leaf, booking);
    let mut description = section.clone();
    if let Some(bring) = &booking.bring {
        description.push_str(&format!(
            "\n{}: {}",
            leaf.plain("a.bring"),
            leaf.configured_plain(bring)
        ));
    }
    description.push_str(&format!("\n{} {}", leaf.plain("c.telephone"), leaf.telephone()));
    if let Some(url) = url {
        description.push_str(&format!("\n{url}"));
    }
    Event {
        method,
        uid: &format!("{}@{}", record.id, app.config.public_host()),
        sequence: record.version.saturating_sub(1),
        written_at: runtime::now(),
        starts_at: record.slot.starts_at,
        ends_at: record.slot.ends_at,
        summary: &format!("{} {}", leaf.office(), leaf.configured_plain(&booking.name)),
        description: &description,
        location: &if is_remote {
            leaf.plain("kind.remote")
        } else {
            format!("{} {section}", leaf.office())
        },
        url,
        people,
    }
    .object()
}

/// What may still be changed by oneself.
fn check_ahead(record: &Record, code: &str, now: UnixMillis) -> Result<(), Trouble> {
    let to = format!("/a/{code}");
    match standing(record, now) {
        Standing::Ahead if now < record.slot.starts_at => Ok(()),
        Standing::Ahead | Standing::Missed => Err(Trouble::from(Kind::TooLate).with_way("early.see", to)),
        Standing::Cancelled | Standing::Over => Err(Trouble::from(Kind::Unchanged).with_way("early.see", to)),
    }
}

fn choosing<'a>(booking: &'a Booking, record: &Record, code: &str, now: UnixMillis) -> Choosing<'a> {
    Choosing {
        booking,
        asking: Asking {
            by: Channel::Web,
            share: record.channel,
            now,
        },
        base: format!("/a/{code}"),
        last: "change",
        carried: String::new(),
        step: None,
    }
}

/// GET /a/{code}/days
pub(super) async fn days(booker: Booker, Path(code): Path<String>, step: AskedStep) -> Result<Response, Trouble> {
    let Query(step) = step.map_err(|_| Kind::SlotNone)?;
    let (booker, record) = of_link(booker, &code).await?;
    let now = runtime::now();
    check_ahead(&record, &code, now)?;
    let booking = service::booking_of(&booker.app, &record).ok_or(Kind::NotFound)?;
    choose::list_days(&booker, choosing(booking, &record, &code, now), step.from).await
}

/// GET /a/{code}/times
pub(super) async fn times(booker: Booker, Path(code): Path<String>, step: AskedStep) -> Result<Response, Trouble> {
    let Query(step) = step.map_err(|_| Kind::SlotNone)?;
    let (booker, record) = of_link(booker, &code).await?;
    let now = runtime::now();
    check_ahead(&record, &code, now)?;
    let booking = service::booking_of(&booker.app, &record).ok_or(Kind::NotFound)?;
    choose::list_times(&booker, choosing(booking, &record, &code, now), step.day).await
}

/// booking/change.html
#[derive(Template)]
#[template(path = "booking/change.html")]
struct ChangePage {
    leaf: Leaf,
    words: Words,
    new: Markup,
    code: String,
    at: u64,
}

/// GET /a/{code}/change
pub(super) async fn change_page(
    booker: Booker,
    Path(code): Path<String>,
    step: AskedStep,
) -> Result<Response, Trouble> {
    let Query(step) = step.map_err(|_| Kind::SlotNone)?;
    let (booker, record) = of_link(booker, &code).await?;
    let now = runtime::now();
    check_ahead(&record, &code, now)?;
    let booking = service::booking_of(&booker.app, &record).ok_or(Kind::NotFound)?;
    let days = format!("/a/{code}/days");
    let Some(at) = step.at else {
        return Ok(Redirect::to(&days).into_response());
    };
    let rules = booking.service(&booker.app.config);
    let slot = rules
        .may_book(UnixMillis(at), Channel::Web, now)
        .map_err(|refused| Trouble::from(refused).for_slot(days))?;
    let leaf = booker.leaf();
    let [from, to] = [slot.starts_at, slot.ends_at].map(|at| rules.calendar.zoned(at));
    let page = html(&ChangePage {
        words: Words::new(&leaf, &record, booking),
        new: Markup::with_readings(&dates::appointment(leaf.tongue, &from, &to)),
        code,
        at,
        leaf: leaf.clone(),
    })?;
    Ok(([NO_INDEX], leaf.form_page(page)).into_response())
}

/// A form with a token and, for a change, a time.
#[derive(Deserialize)]
pub(super) struct Sent {
    #[serde(default)]
    csrf: String,
    at: Option<u64>,
}

type SentForm = Result<Form<Sent>, FormRejection>;

/// POST /a/{code}/change
pub(super) async fn change(booker: Booker, Path(code): Path<String>, form: SentForm) -> Result<Response, Trouble> {
    let Form(sent) = form.map_err(|_| Kind::BadRequest)?;
    booker.check_form(&sent.csrf)?;
    let at = sent.at.ok_or(Kind::BadRequest)?;
    let (booker, record) = of_link(booker, &code).await?;
    let now = runtime::now();
    check_ahead(&record, &code, now)?;
    let changed = service::change(&booker.app, &record, UnixMillis(at), Channel::Web, None, now).await;
    changed.map_err(|trouble| {
        trouble
            .with_way("early.see", format!("/a/{code}"))
            .for_slot(format!("/a/{code}/days"))
    })?;
    Ok(Redirect::to(&format!("/a/{code}?is=moved")).into_response())
}

/// booking/cancel.html
#[derive(Template)]
#[template(path = "booking/cancel.html")]
struct CancelPage {
    leaf: Leaf,
    words: Words,
    code: String,
}

/// GET /a/{code}/cancel
pub(super) async fn cancel_page(booker: Booker, Path(code): Path<String>) -> Result<Response, Trouble> {
    let (booker, record) = of_link(booker, &code).await?;
    check_ahead(&record, &code, runtime::now())?;
    let booking = service::booking_of(&booker.app, &record).ok_or(Kind::NotFound)?;
    let leaf = booker.leaf();
    let page = html(&CancelPage {
        words: Words::new(&leaf, &record, booking),
        code,
        leaf: leaf.clone(),
    })?;
    Ok(([NO_INDEX], leaf.form_page(page)).into_response())
}

/// POST /a/{code}/cancel
pub(super) async fn cancel(booker: Booker, Path(code): Path<String>, form: SentForm) -> Result<Response, Trouble> {
    let Form(sent) = form.map_err(|_| Kind::BadRequest)?;
    booker.check_form(&sent.csrf)?;
    let (booker, record) = of_link(booker, &code).await?;
    let now = runtime::now();
    // Sent twice is done once.
    if record.state != State::Cancelled {
        check_ahead(&record, &code, now)?;
        let closed = {
            let doer = service::doer_of(&record, None);
            service::close(&booker.app, &record, State::Cancelled, doer, now).await
        };
        closed.map_err(|trouble| trouble.with_way("early.see", format!("/a/{code}")))?;
    }
    Ok(Redirect::to(&format!("/a/{code}")).into_response())
}
