//! What, which topic, which day, which time: GET /book and below. Every page is an address of its own, so that going back
//! works, and nothing is kept of who looks.

use askama::Template;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect, Response};
use jiff::civil::Date;
use protocol::booking::Channel;
use protocol::config::{Booking, Kind as BookingKind, Topic};
use protocol::ids::{BookingId, TopicId};
use protocol::time::UnixMillis;
use serde::Deserialize;

use super::dates;
use super::leaf::{Booker, Leaf};
use super::markup::Markup;
use super::offer::{self, Asking, Room};
use super::service::book_of;
use super::trouble::{Kind, Trouble};
use crate::app::App;
use crate::page::in_language;
use crate::problem::html;

/// What all steps carry along.
#[derive(Deserialize, Default)]
pub(super) struct Step {
    #[serde(default)]
    pub(super) topic: String,
    pub(super) day: Option<Date>,
    pub(super) from: Option<Date>,
    pub(super) at: Option<u64>,
}

pub(super) type AskedStep = Result<Query<Step>, QueryRejection>;

/// The service of an address.
pub(super) fn booking_by<'a>(app: &'a App, id: &str) -> Result<&'a Booking, Trouble> {
    let id = BookingId::new(id).ok();
    let found = id.and_then(|id| app.config.booking(&id));
    found.ok_or(Kind::NotFound.into())
}

/// The topic of a query, if the service has it.
pub(super) fn topic_of<'a>(booking: &'a Booking, id: &str) -> Option<&'a Topic> {
    let id = TopicId::new(id).ok()?;
    booking.topics.iter().find(|topic| topic.id == id)
}

/// How many steps a booking has, and which one is which: topic, day, time, name.
pub(super) fn steps(booking: &Booking) -> usize {
    if booking.topics.is_empty() { 3 } else { 4 }
}

/// A service on the first page.
struct Offered {
    id: String,
    name: Markup,
    about: Option<Markup>,
    minutes: u64,
}

/// All services of a kind.
struct Group {
    kind: &'static str,
    title: Markup,
    text: Markup,
    offered: Vec<Offered>,
}

/// booking/home.html
#[derive(Template)]
#[template(path = "booking/home.html")]
struct HomePage {
    leaf: Leaf,
    groups: Vec<Group>,
}

/// GET /book
pub(super) async fn home(booker: Booker) -> Result<Response, Trouble> {
    let leaf = booker.leaf();
    let config = &booker.app.config;
    let today = |booking: &Booking| booking.service(config).calendar.date_of(runtime::now());
    let group = |kind: BookingKind| Group {
        kind: kind.as_str(),
        title: leaf.tongue.words(&format!("kind.{}", kind.as_str()), &[]),
        text: leaf.tongue.words(&format!("kind.{}.text", kind.as_str()), &[]),
        offered: config
            .bookings
            .iter()
            .filter(|booking| booking.kind == kind && booking.until.is_none_or(|until| until >= today(booking)))
            .map(|booking| Offered {
                id: booking.id.to_string(),
                name: leaf.configured(&booking.name),
                about: booking.about.as_ref().map(|about| leaf.configured(about)),
                minutes: booking.slot.as_secs() / 60,
            })
            .collect(),
    };
    let groups = BookingKind::ALL.map(group).into_iter();
    let groups = groups.filter(|group| !group.offered.is_empty()).collect();
    Ok(html(&HomePage { leaf, groups })?)
}

/// booking/topic.html
#[derive(Template)]
#[template(path = "booking/topic.html")]
struct TopicPage {
    leaf: Leaf,
    step: (usize, usize),
    id: String,
    name: Markup,
    about: Option<Markup>,
    topics: Vec<(String, Markup)>,
}

/// GET /book/{booking}
pub(super) async fn topic(booker: Booker, Path(id): Path<String>) -> Result<Response, Trouble> {
    let booking = booking_by(&booker.app, &id)?;
    if booking.topics.is_empty() {
        return Ok(Redirect::to(&format!("/book/{id}/days")).into_response());
    }
    let leaf = booker.leaf();
    let topics = booking.topics.iter();
    Ok(html(&TopicPage {
        step: (1, steps(booking)),
        id,
        name: leaf.configured(&booking.name),
        about: booking.about.as_ref().map(|about| leaf.configured(about)),
        topics: topics
            .map(|topic| (topic.id.to_string(), leaf.configured(&topic.name)))
            .collect(),
        leaf,
    })?)
}

/// A day on offer.
struct DayView {
    date: Date,
    text: Markup,
    room: Room,
}

/// What is chosen from: a service's days and times, for a new appointment or for one that is moved.
pub(super) struct Choosing<'a> {
    pub(super) booking: &'a Booking,
    pub(super) asking: Asking,
    /// Before `days`, `times` and the last step: `/book/ID` or `/a/CODE`.
    pub(super) base: String,
    /// The last step: `details` or `change`.
    pub(super) last: &'static str,
    /// What every address carries along: `topic=ID&`, or nothing.
    pub(super) carried: String,
    /// Which of how many steps the days are; none: it isn't counted.
    pub(super) step: Option<(usize, usize)>,
}

impl<'a> Choosing<'a> {
    /// For a new appointment by the web.
    pub(super) fn new(booking: &'a Booking, topic: &str, now: UnixMillis) -> Self {
        let topic = topic_of(booking, topic);
        let steps = steps(booking);
        Self {
            booking,
            asking: Asking {
                by: Channel::Web,
                share: Channel::Web,
                now,
            },
            base: format!("/book/{}", booking.id),
            last: "details",
            carried: topic.map(|topic| format!("topic={}&", topic.id)).unwrap_or_default(),
            step: Some((steps - 2, steps)),
        }
    }

    /// The address of a list of days.
    pub(super) fn days_address(&self) -> String {
        let carried = self.carried.trim_end_matches('&');
        match carried {
            "" => format!("{}/days", self.base),
            carried => format!("{}/days?{carried}", self.base),
        }
    }
}

/// booking/days.html
#[derive(Template)]
#[template(path = "booking/days.html")]
struct DaysPage {
    leaf: Leaf,
    name: Markup,
    step: Option<(usize, usize)>,
    base: String,
    carried: String,
    days: Vec<DayView>,
    first: Option<String>,
    later: Option<Date>,
}

/// GET /book/{booking}/days
pub(super) async fn days(booker: Booker, Path(id): Path<String>, step: AskedStep) -> Result<Response, Trouble> {
    let Query(step) = step.map_err(|_| Kind::SlotNone)?;
    let booking = booking_by(&booker.app, &id)?;
    list_days(&booker, Choosing::new(booking, &step.topic, runtime::now()), step.from).await
}

/// A page of days.
pub(super) async fn list_days(
    booker: &Booker,
    choosing: Choosing<'_>,
    from: Option<Date>,
) -> Result<Response, Trouble> {
    let leaf = booker.leaf();
    let service = choosing.booking.service(&booker.app.config);
    let (days, later) = offer::days(&service, from, choosing.asking);
    let names: Vec<String> = days.iter().map(Date::to_string).collect();
    let taken = book_of(&booker.app).taken_on(&choosing.booking.id, &names).await?;
    let days = days.into_iter().map(|date| DayView {
        date,
        text: Markup::with_readings(&dates::day(leaf.tongue, date)),
        room: offer::room(&offer::slots(&service, date, &taken, choosing.asking)),
    });
    Ok(html(&DaysPage {
        days: days.collect(),
        name: leaf.configured(&choosing.booking.name),
        step: choosing.step,
        first: from.is_some().then(|| choosing.days_address()),
        base: choosing.base,
        carried: choosing.carried,
        later,
        leaf,
    })?)
}

/// A time on offer.
struct TimeView {
    at: u64,
    text: Markup,
    is_free: bool,
}

/// booking/times.html
#[derive(Template)]
#[template(path = "booking/times.html")]
struct TimesPage {
    leaf: Leaf,
    name: Markup,
    day: Markup,
    step: Option<(usize, usize)>,
    base: String,
    last: &'static str,
    carried: String,
    days: String,
    /// Morning and afternoon, those that have times.
    halves: Vec<(&'static str, Vec<TimeView>)>,
}

/// GET /book/{booking}/times
pub(super) async fn times(booker: Booker, Path(id): Path<String>, step: AskedStep) -> Result<Response, Trouble> {
    let Query(step) = step.map_err(|_| Kind::SlotNone)?;
    let booking = booking_by(&booker.app, &id)?;
    list_times(&booker, Choosing::new(booking, &step.topic, runtime::now()), step.day).await
}

/// A page of times.
pub(super) async fn list_times(
    booker: &Booker,
    choosing: Choosing<'_>,
    day: Option<Date>,
) -> Result<Response, Trouble> {
    let days = choosing.days_address();
    let Some(date) = day else {
        return Ok(Redirect::to(&days).into_response());
    };
    let leaf = booker.leaf();
    let service = choosing.booking.service(&booker.app.config);
    let taken = book_of(&booker.app)
        .taken(&choosing.booking.id, &date.to_string())
        .await?;
    let mut halves = [("times.morning", Vec::new()), ("times.afternoon", Vec::new())];
    for (slot, left) in offer::slots(&service, date, &taken, choosing.asking) {
        let at = service.calendar.zoned(slot.starts_at);
        let half = usize::from(at.hour() >= 12);
        halves[half].1.push(TimeView {
            at: slot.starts_at.0,
            text: Markup::with_readings(&dates::time(leaf.tongue, at.time())),
            is_free: left > 0,
        });
    }
    Ok(html(&TimesPage {
        name: leaf.configured(&choosing.booking.name),
        day: Markup::with_readings(&dates::day(leaf.tongue, date)),
        step: choosing.step.map(|(step, of)| (step + 1, of)),
        base: choosing.base,
        last: choosing.last,
        carried: choosing.carried,
        days,
        halves: halves.into_iter().filter(|(_, times)| !times.is_empty()).collect(),
        leaf,
    })?)
}

/// The name of a service's section, in a reader's language.
pub(super) fn section_name(leaf: &Leaf, booking: &Booking) -> String {
    let section = leaf.app.config.section(booking.section.get_ref());
    section.map_or_else(String::new, |section| {
        in_language(&section.name, crate::texts::Lang::nearest_to(leaf.tongue)).to_owned()
    })
}
