//! Who: GET and POST /book/{booking}/details, and what became of a form whose answer was lost: GET /booked.

use askama::Template;
use axum::Form;
use axum::extract::rejection::FormRejection;
use axum::extract::{Path, Query};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::CookieJar;
use protocol::booking::Channel;
use protocol::config::Booking;
use protocol::time::UnixMillis;
use store::appointments::code_of_form;

use super::choose::{AskedStep, Choosing, booking_by, section_name, steps, topic_of};
use super::dates;
use super::form::{Filled, Wrong};
use super::leaf::{Booker, Leaf};
use super::markup::Markup;
use super::service::{self, Outcome, Wish};
use super::trouble::{Kind, Trouble};
use crate::problem::{Told, html};
use crate::security;

/// Keeps a form's secret while it isn't known whether it has booked.
const FORM_COOKIE: &str = "__Host-form";
const FORM_KEPT: std::time::Duration = std::time::Duration::from_secs(3600);

/// What is wrong with a field, in words.
struct Fault {
    field: String,
    text: Markup,
}

/// A question that nobody must answer.
struct Question {
    field: String,
    name: Markup,
    answer: String,
}

/// booking/details.html
#[derive(Template)]
#[template(path = "booking/details.html")]
struct DetailsPage {
    leaf: Leaf,
    step: (usize, usize),
    name: Markup,
    topic: Option<Markup>,
    section: String,
    when: Markup,
    days: String,
    action: String,
    topic_id: String,
    at: u64,
    form: String,
    has_mail: bool,
    keep_hours: u64,
    filled: Filled,
    questions: Vec<Question>,
    faults: Vec<Fault>,
}

impl DetailsPage {
    /// What is wrong with a field.
    fn fault(&self, field: &str) -> Option<&Markup> {
        self.faults
            .iter()
            .find(|fault| fault.field == field)
            .map(|fault| &fault.text)
    }
}

/// GET /book/{booking}/details
pub(super) async fn page(booker: Booker, Path(id): Path<String>, step: AskedStep) -> Result<Response, Trouble> {
    let Query(step) = step.map_err(|_| Kind::SlotNone)?;
    let booking = booking_by(&booker.app, &id)?;
    let Some(at) = step.at else {
        return Ok(Redirect::to(&Choosing::new(booking, &step.topic, runtime::now()).days_address()).into_response());
    };
    show(&booker, booking, &step.topic, UnixMillis(at), Filled::default(), None)
}

/// The form, empty or as it was sent with what is wrong.
fn show(
    booker: &Booker,
    booking: &Booking,
    topic: &str,
    at: UnixMillis,
    filled: Filled,
    wrong: Option<Vec<Wrong>>,
) -> Result<Response, Trouble> {
    let now = runtime::now();
    let choosing = Choosing::new(booking, topic, now);
    let days = choosing.days_address();
    let rules = booking.service(&booker.app.config);
    let slot = rules
        .may_book(at, Channel::Web, now)
        .map_err(|refused| Trouble::from(refused).for_slot(days.clone()))?;
    let action = format!("/book/{}/details", booking.id);
    let leaf = booker
        .leaf()
        .back_to(&format!("{action}?{}at={}", choosing.carried, at.0));
    let [from, to] = [slot.starts_at, slot.ends_at].map(|at| rules.calendar.zoned(at));
    let is_wrong = wrong.is_some();
    let fault = |wrong: Wrong| Fault {
        text: leaf.n(wrong.key, wrong.n),
        field: wrong.field,
    };
    let question = |question: &protocol::config::Topic| {
        let field = format!("q-{}", question.id);
        Question {
            name: leaf.configured(&question.name),
            answer: filled.get(&field).to_owned(),
            field,
        }
    };
    let steps = steps(booking);
    let chosen = topic_of(booking, topic);
    // The same form, corrected, is still the same form.
    let form = Some(filled.get("form")).filter(|form| is_form(form));
    let page = DetailsPage {
        step: (steps, steps),
        name: leaf.configured(&booking.name),
        topic: chosen.map(|topic| leaf.configured(&topic.name)),
        section: section_name(&leaf, booking),
        when: Markup::with_readings(&dates::appointment(leaf.tongue, &from, &to)),
        days,
        action,
        topic_id: chosen.map(|topic| topic.id.to_string()).unwrap_or_default(),
        at: at.0,
        form: form.map_or_else(store::consultations::new_code, str::to_owned),
        has_mail: booker.app.config.mail.is_some(),
        keep_hours: booker.app.config.calendar.keep_personal.as_secs().div_ceil(3600),
        questions: booking.questions.iter().map(question).collect(),
        faults: wrong.into_iter().flatten().map(fault).collect(),
        filled,
        leaf: leaf.clone(),
    };
    let page = leaf.form_page(html(&page)?);
    if !is_wrong {
        return Ok(page);
    }
    let mut page = (StatusCode::UNPROCESSABLE_ENTITY, page).into_response();
    page.extensions_mut().insert(Told);
    Ok(page)
}

/// Whether a text can be a form's secret.
pub(super) fn is_form(text: &str) -> bool {
    text.len() == 26 && text.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
}

/// POST /book/{booking}/details
pub(super) async fn book(
    booker: Booker,
    Path(id): Path<String>,
    form: Result<Form<Vec<(String, String)>>, FormRejection>,
) -> Result<Response, Trouble> {
    let Form(fields) = form.map_err(|_| Kind::BadRequest)?;
    let filled = Filled::new(fields);
    booker.check_form(filled.get("csrf"))?;
    let app = &booker.app;
    let booking = booking_by(app, &id)?;
    let form = filled.get("form").to_owned();
    let starts_at = filled.get("at").parse().map(UnixMillis).map_err(|_| Kind::BadRequest)?;
    if !is_form(&form) {
        return Err(Kind::BadRequest.into());
    }
    let topic = filled.get("topic").to_owned();
    let person = match filled.person(booking, true) {
        Ok(person) => person,
        Err(wrong) => return show(&booker, booking, &topic, starts_at, filled, Some(wrong)),
    };
    let now = runtime::now();
    let days = Choosing::new(booking, &topic, now).days_address();
    let wish = Wish {
        booking,
        topic: topic_of(booking, &topic).map(|topic| topic.id.clone()),
        starts_at,
        channel: Channel::Web,
        person,
        form: &form,
        lang: booker.tongue.tag(),
        staff: None,
    };
    let outcome = service::book(app, wish, now).await;
    let outcome = outcome.map_err(|trouble| trouble.for_slot(days))?;
    Ok(answer(&form, &outcome))
}

/// GET /booked: what became of the browser's last form.
pub(super) async fn outcome(booker: Booker) -> Result<Response, Trouble> {
    let form = booker
        .cookie(FORM_COOKIE)
        .filter(|form| is_form(form))
        .ok_or(Kind::NotFound)?;
    match service::settle(&booker.app, &form).await? {
        outcome @ Outcome::Booked(_) => Ok(answer(&form, &outcome)),
        Outcome::Unknown => Err(Kind::Checking.into()),
    }
}

/// To the appointment, or to the page that waits for it.
pub(super) fn answer(form: &str, outcome: &Outcome) -> Response {
    match outcome {
        Outcome::Booked(_) => Redirect::to(&format!("/a/{}?is=new", code_of_form(form))).into_response(),
        Outcome::Unknown => {
            let kept = security::cookie(FORM_COOKIE, form, Some(FORM_KEPT));
            (CookieJar::new().add(kept), Redirect::to("/booked")).into_response()
        }
    }
}
