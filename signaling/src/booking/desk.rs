//! Booking for somebody on the telephone or at the counter, and moving an appointment: GET and POST /staff/book.

use askama::Template;
use axum::Form;
use axum::extract::Query;
use axum::extract::rejection::{FormRejection, QueryRejection};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::Date;
use jiff::tz::TimeZone;
use protocol::booking::{Calendar, Channel};
use protocol::config::Booking;
use protocol::ids::BookingId;
use protocol::time::UnixMillis;
use serde::Deserialize;
use store::appointments::Record;

use super::choose::topic_of;
use super::details::{answer, is_form};
use super::form::{Filled, Wrong};
use super::language::{Tongue, plain};
use super::offer::{self, Asking};
use super::service::{self, Outcome, Wish, book_of};
use super::today::{channels, is_theirs, logged_in, some_day, theirs, tongue_of};
use super::trouble::Trouble;
use super::{dates, join};
use crate::app::App;
use crate::page::Page;
use crate::problem::{Fault, Refusal, Told, html};
use crate::security;
use crate::staff::LoggedIn;
use crate::visitor::Visitor;

/// The office's clock and days.
pub(super) fn calendar(app: &App) -> Calendar {
    let office = &app.config.calendar;
    Calendar {
        // Proved when the file was read.
        zone: TimeZone::get(&app.config.office.time_zone).unwrap_or(TimeZone::UTC),
        hours: office.hours.clone(),
        closed_weekdays: office.closed_weekdays.iter().map(|day| day.0).collect(),
        closes_on_holidays: office.closes_on_holidays,
        closed_dates: office.closed_dates.clone(),
    }
}

/// What is looked for.
#[derive(Deserialize, Default)]
pub(super) struct Asked {
    #[serde(default)]
    booking: String,
    #[serde(default, deserialize_with = "some_day")]
    day: Option<Date>,
    /// An appointment that is moved.
    #[serde(default, rename = "move")]
    moved: String,
}

/// A time that can be taken.
struct TimeView {
    at: u64,
    text: String,
    left: u32,
    is_chosen: bool,
}

/// A choice in a list: its value, its name, whether it is chosen.
type Option3 = (String, String, bool);

/// staff-book.html
#[derive(Template)]
#[template(path = "staff-book.html")]
struct DeskPage {
    page: Page,
    services: Vec<Option3>,
    id: String,
    name: String,
    day: Date,
    day_text: String,
    moved: String,
    moved_text: String,
    times: Vec<TimeView>,
    channels: Vec<Option3>,
    topics: Vec<Option3>,
    tongues: Vec<Option3>,
    questions: Vec<(String, String, String)>,
    filled: Filled,
    form: String,
    has_mail: bool,
    faults: Vec<String>,
}

/// GET /staff/book
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
    show(&visitor, &staff, asked, Filled::default(), Vec::new()).await
}

/// The services that somebody may book for others.
fn services<'a>(app: &'a App, staff: &LoggedIn) -> impl Iterator<Item = &'a Booking> {
    let bookings = app.config.bookings.iter();
    bookings.filter(|it| is_theirs(&staff.account, it.section.get_ref()))
}

/// The service asked for, else the first.
fn service_of<'a>(app: &'a App, staff: &LoggedIn, id: &str) -> Option<&'a Booking> {
    let asked = services(app, staff).find(|it| it.id.as_str() == id);
    asked.or_else(|| services(app, staff).next())
}

async fn show(
    visitor: &Visitor,
    staff: &LoggedIn,
    asked: Asked,
    filled: Filled,
    faults: Vec<String>,
) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let texts = visitor.lang.catalogue();
    let tongue = tongue_of(visitor.lang);
    let now = runtime::now();
    let moved = match asked.moved.as_str() {
        "" => None,
        id => Some(theirs(app, staff, id).await?),
    };
    let booking = match &moved {
        Some(record) => service::booking_of(app, record),
        None => service_of(app, staff, &asked.booking),
    };
    let booking = booking.ok_or(Fault::Forbidden)?;
    let rules = booking.service(&app.config);
    let by = channels(booking);
    let channel = moved.as_ref().map_or(Channel::Phone, |record| record.channel);
    let asking = Asking {
        by: *by.last().unwrap_or(&Channel::Phone),
        share: channel,
        now,
    };
    let day = match asked.day {
        Some(day) => day,
        None => offer::days(&rules, None, asking)
            .0
            .first()
            .copied()
            .unwrap_or(rules.calendar.date_of(now)),
    };
    let taken = book_of(app).taken(&booking.id, &day.to_string()).await?;
    let times = offer::slots(&rules, day, &taken, asking)
        .into_iter()
        .map(|(slot, left)| TimeView {
            at: slot.starts_at.0,
            text: rules.calendar.zoned(slot.starts_at).strftime("%H:%M").to_string(),
            left,
            is_chosen: filled.get("at") == slot.starts_at.0.to_string(),
        });
    let is_wrong = !faults.is_empty();
    let name = |booking: &Booking| plain(tongue.choose(&booking.name), false);
    let moved_text = moved.as_ref().map(|record| {
        let [from, to] = [record.slot.starts_at, record.slot.ends_at].map(|at| rules.calendar.zoned(at));
        plain(&dates::appointment(tongue, &from, &to), false)
    });
    let chosen_tongue = Tongue::of_tag(filled.get("lang")).unwrap_or(Tongue::Ja);
    let form = Some(filled.get("form")).filter(|form| is_form(form));
    let page = html(&DeskPage {
        page: visitor.page().with_csrf(&staff.session.csrf).for_staff(),
        services: services(app, staff)
            .map(|one| (one.id.to_string(), name(one), one.id == booking.id))
            .collect(),
        id: booking.id.to_string(),
        name: name(booking),
        day,
        day_text: plain(&dates::day(tongue, day), false),
        moved: asked.moved,
        moved_text: moved_text.unwrap_or_default(),
        times: times.collect(),
        channels: by
            .iter()
            .map(|by| {
                let text = texts.text(&format!("today.channel.{}", by.as_str())).to_owned();
                let is_chosen =
                    filled.get("channel") == by.as_str() || (filled.get("channel").is_empty() && *by == Channel::Phone);
                (by.as_str().to_owned(), text, is_chosen)
            })
            .collect(),
        topics: booking
            .topics
            .iter()
            .map(|topic| {
                let is_chosen = filled.get("topic") == topic.id.as_str();
                (
                    topic.id.to_string(),
                    plain(tongue.choose(&topic.name), false),
                    is_chosen,
                )
            })
            .collect(),
        tongues: Tongue::ALL
            .map(|it| (it.tag().to_owned(), it.own_name().to_owned(), it == chosen_tongue))
            .into(),
        questions: booking
            .questions
            .iter()
            .map(|it| {
                let field = format!("q-{}", it.id);
                let answer = filled.get(&field).to_owned();
                (field, plain(tongue.choose(&it.name), false), answer)
            })
            .collect(),
        form: form.map_or_else(store::consultations::new_code, str::to_owned),
        has_mail: app.config.mail.is_some(),
        filled,
        faults,
    })?;
    let mut response = ([security::FORM_PAGE], page).into_response();
    if is_wrong {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
        response.extensions_mut().insert(Told);
    }
    Ok(response)
}

/// POST /staff/book
pub(super) async fn book(
    visitor: Visitor,
    staff: LoggedIn,
    headers: HeaderMap,
    uri: Uri,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Refusal> {
    let Form(fields) = form.map_err(|_| Fault::BadRequest)?;
    let filled = Filled::new(fields);
    let app = &visitor.app;
    if !security::is_own_origin(&headers, &uri, &app.config.web.public_url, false) {
        return Err(Fault::NotAllowedHere.into());
    }
    staff.check_csrf(filled.get("csrf"))?;
    let asked = Asked {
        booking: filled.get("booking").to_owned(),
        day: filled.get("day").parse().ok(),
        moved: filled.get("move").to_owned(),
    };
    let text = |key: &str| visitor.lang.catalogue().text(key).to_owned();
    let starts_at = filled.get("at").parse().ok().map(UnixMillis);
    if !asked.moved.is_empty() {
        let Some(starts_at) = starts_at else {
            return show(&visitor, &staff, asked, filled, vec![text("desk.wrong.time")]).await;
        };
        return shift(&visitor, &staff, asked, filled, starts_at).await;
    }
    let booking = BookingId::new(asked.booking.as_str()).ok();
    let booking = booking.and_then(|id| app.config.booking(&id));
    let booking = booking.ok_or(Refusal::of_field(Fault::BadRequest, "booking"))?;
    if !is_theirs(&staff.account, booking.section.get_ref()) {
        return Err(Fault::Forbidden.into());
    }
    let mut faults = Vec::new();
    if starts_at.is_none() {
        faults.push(text("desk.wrong.time"));
    }
    let person = filled.person(booking, true);
    if let Err(wrong) = &person {
        faults.extend(wrong.iter().map(|wrong| text(wrong_key(wrong))));
    }
    let (Ok(person), Some(starts_at), true) = (person, starts_at, is_form(filled.get("form"))) else {
        return show(&visitor, &staff, asked, filled, faults).await;
    };
    let channel = match filled.get("channel") {
        "walk_in" if channels(booking).contains(&Channel::WalkIn) => Channel::WalkIn,
        _ => Channel::Phone,
    };
    let wish = Wish {
        booking,
        topic: topic_of(booking, filled.get("topic")).map(|topic| topic.id.clone()),
        starts_at,
        channel,
        person,
        form: filled.get("form"),
        lang: Tongue::of_tag(filled.get("lang")).unwrap_or(Tongue::Ja).tag(),
        staff: Some(staff.account.id.clone()),
    };
    match service::book(app, wish, runtime::now()).await {
        Ok(Outcome::Booked(record)) => {
            match join::give(app, &record, &staff.account.id).await {
                Ok(number) => told(&visitor, &staff, &record, number),
                // It is booked all the same, and the list gives numbers too.
                Err(trouble) => {
                    tracing::warn!(appointment = %record.id, ?trouble, "no number for an appointment that was booked");
                    let day = calendar(app).date_of(record.slot.starts_at);
                    let to = format!("/staff/today?day={day}&section={}&news=numberless", record.section);
                    Ok(Redirect::to(&to).into_response())
                }
            }
        }
        // As for a resident: a page that asks until it knows.
        Ok(outcome @ Outcome::Unknown) => Ok(answer(filled.get("form"), &outcome)),
        Err(trouble) => not_now(&visitor, &staff, asked, filled, trouble).await,
    }
}

fn wrong_key(wrong: &Wrong) -> &'static str {
    match (wrong.key, wrong.field.as_str()) {
        ("error.long", _) => "desk.wrong.long",
        (_, "name") => "desk.wrong.name",
        (_, "mail") => "desk.wrong.mail",
        (_, "telephone") => "desk.wrong.telephone",
        _ => "desk.wrong.consent",
    }
}

/// The page again, where only the time was at fault.
async fn not_now(
    visitor: &Visitor,
    staff: &LoggedIn,
    asked: Asked,
    filled: Filled,
    trouble: Trouble,
) -> Result<Response, Refusal> {
    match trouble.is_about_time() {
        true => {
            show(
                visitor,
                staff,
                asked,
                filled,
                vec![trouble.title(tongue_of(visitor.lang))],
            )
            .await
        }
        false => Err(trouble.into()),
    }
}

/// Moves an appointment, and goes back to its new day.
async fn shift(
    visitor: &Visitor,
    staff: &LoggedIn,
    asked: Asked,
    filled: Filled,
    starts_at: UnixMillis,
) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let record = theirs(app, staff, &asked.moved).await?;
    match service::change(
        app,
        &record,
        starts_at,
        Channel::Phone,
        Some(&staff.account.id),
        runtime::now(),
    )
    .await
    {
        Ok(record) => {
            tracing::info!(appointment = %record.id, staff = %staff.account.id, "staff moved an appointment");
            let day = calendar(app).date_of(record.slot.starts_at);
            let to = format!("/staff/today?day={day}&section={}&news=done", record.section);
            Ok(Redirect::to(&to).into_response())
        }
        Err(trouble) if trouble.is_unsure() => {
            let day = calendar(app).date_of(record.slot.starts_at);
            let to = format!("/staff/today?day={day}&section={}&news=unsure", record.section);
            Ok(Redirect::to(&to).into_response())
        }
        Err(trouble) => not_now(visitor, staff, asked, filled, trouble).await,
    }
}

/// staff-number.html
#[derive(Template)]
#[template(path = "staff-number.html")]
struct NumberPage {
    page: Page,
    number: String,
    when: String,
    how: String,
    day: Date,
    section: String,
}

/// The page with a number that is read out: shown once.
pub(super) fn told(visitor: &Visitor, staff: &LoggedIn, record: &Record, number: String) -> Result<Response, Refusal> {
    let app = &visitor.app;
    let tongue = tongue_of(visitor.lang);
    let calendar = calendar(app);
    let [from, to] = [record.slot.starts_at, record.slot.ends_at].map(|at| calendar.zoned(at));
    let url = format!("{}/join", app.config.web.public_url.trim_start_matches("https://"));
    let page = html(&NumberPage {
        page: visitor.page().with_csrf(&staff.session.csrf).for_staff(),
        number,
        when: plain(&dates::appointment(tongue, &from, &to), false),
        how: visitor.lang.catalogue().text("desk.done.how").replace("{url}", &url),
        day: from.date(),
        section: record.section.to_string(),
    })?;
    Ok(([security::FORM_PAGE], page).into_response())
}
