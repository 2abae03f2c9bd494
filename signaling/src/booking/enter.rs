//! From an appointment to its call: the link opens some minutes before, and whoever opens it first makes the
//! consultation, however many open it at once.

use std::sync::Arc;
use std::time::Duration;

use askama::Template;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Redirect, Response};
use protocol::config::Kind as BookingKind;
use protocol::grants::Encryption;
use protocol::ids::{ConsultationId, RoomId};
use protocol::signal::Phase;
use protocol::time::UnixMillis;
use store::appointments::{Record, State};
use store::consultations::{self, Call as Sitting, Record as Call};

use super::dates;
use super::language::Tongue;
use super::leaf::Leaf;
use super::markup::Markup;
use super::service;
use crate::app::App;
use crate::problem::{Fault, Refusal, html};

/// Staff run late: a link works so long after the appointment's end.
const LATE: Duration = Duration::from_secs(30 * 60);
/// How often the page of who is early asks again, in seconds.
const ASKS_AGAIN_S: u32 = 60;

/// When a remote appointment's call may be entered.
pub(super) fn opens_at(app: &App, record: &Record) -> UnixMillis {
    let before = app.config.calendar.opens_before.as_millis() as u64;
    UnixMillis(record.slot.starts_at.0.saturating_sub(before))
}

/// When an appointment that nobody has closed is over.
pub(super) fn closes_at(record: &Record) -> UnixMillis {
    match record.kind {
        BookingKind::Remote => record.slot.ends_at.plus(LATE),
        _ => record.slot.ends_at,
    }
}

/// What a link to a call leads to.
pub(crate) enum Entered {
    /// There is no such link.
    Unknown,
    /// The consultation.
    Call(Box<Call>),
    /// Something else: too early, another day, cancelled.
    Page(Response),
}

/// booking/early.html
#[derive(Template)]
#[template(path = "booking/early.html")]
struct EarlyPage {
    leaf: Leaf,
    code: String,
    text: Markup,
    renews: bool,
}

/// Follows the link of an appointment, or of the consultation that it has become. `found`: the consultation of this very
/// link, where there is one already. `is_still`: the page of who is early doesn't renew itself.
///
/// # Errors
/// [`Fault::StoreDown`].
pub(crate) async fn by_link(
    app: &Arc<App>,
    headers: &HeaderMap,
    code: &str,
    found: Option<Call>,
    is_still: bool,
) -> Result<Entered, Refusal> {
    // Links that staff have made have no appointment.
    if let Some(call) = found.as_ref().filter(|call| call.appointment.is_none()) {
        return Ok(Entered::Call(Box::new(call.clone())));
    }
    let Some(record) = service::by_code(app, code).await? else {
        return Ok(found.map_or(Entered::Unknown, |call| Entered::Call(Box::new(call))));
    };
    let now = runtime::now();
    let is_in_call = found.as_ref().is_some_and(|call| call.phase == Phase::Admitted);
    if is_in_call {
        return Ok(found.map_or(Entered::Unknown, |call| Entered::Call(Box::new(call))));
    }
    let is_ahead = record.kind == BookingKind::Remote && record.state == State::Booked && now < closes_at(&record);
    if !is_ahead {
        // Its page says how it stands.
        return Ok(Entered::Page(Redirect::to(&format!("/a/{code}")).into_response()));
    }
    if now < opens_at(app, &record) {
        return early(app, headers, code, &record, is_still).map(Entered::Page);
    }
    let call = open(app, code, &record, now).await?;
    Ok(call.map_or(Entered::Unknown, |call| Entered::Call(Box::new(call))))
}

/// The appointment's consultation, made where there is none that goes on.
pub(super) async fn open(app: &App, code: &str, record: &Record, now: UnixMillis) -> Result<Option<Call>, Refusal> {
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let over = consultations::of_appointment(ledger, office, &record.id).await?;
    let over = over.filter(|call| call.phase == Phase::Ended || now >= call.expires_at);
    let new = Call {
        id: ConsultationId::random(),
        section: record.section.clone(),
        phase: Phase::Booked,
        version: 1,
        created_by: record.created_by.clone(),
        appointment: Some(record.id.clone()),
        created_at: now,
        expires_at: closes_at(record),
        waiting_since: None,
        admitted_at: None,
        staff: None,
        ended_at: None,
        room: RoomId::random(),
        can_encrypt: false,
        encryption: Encryption::Off,
        call: Sitting::default(),
    };
    let over = over.as_ref().map(|call| &call.id);
    let call = consultations::open_once(ledger, office, &record.id, &new, code, over, now).await?;
    if let Some(call) = &call {
        if call.id == new.id {
            tracing::info!(appointment = %record.id, consultation = %call.id, "an appointment becomes a consultation");
        }
        app.hub.take(call.clone(), None);
    }
    Ok(call)
}

fn early(
    app: &Arc<App>,
    headers: &HeaderMap,
    code: &str,
    record: &Record,
    is_still: bool,
) -> Result<Response, Refusal> {
    let booking = service::booking_of(app, record).ok_or(Fault::NotFound)?;
    let tongue = Tongue::chosen(headers).or_else(|| Tongue::of_tag(&record.lang));
    let leaf = Leaf::new(app, tongue.unwrap_or(Tongue::Ja), &format!("/c/{code}"));
    let calendar = booking.service(&app.config).calendar;
    let words = |at| Markup::with_readings(&dates::beginning(leaf.tongue, &calendar.zoned(at)));
    let (starts, opens) = (words(record.slot.starts_at), words(opens_at(app, record)));
    let text = leaf.tongue.words("early.text", &[("time", &starts), ("open", &opens)]);
    let page = html(&EarlyPage {
        code: code.to_owned(),
        text,
        renews: !is_still,
        leaf,
    })?;
    let mut response = ([(HeaderName::from_static("x-robots-tag"), "noindex")], page).into_response();
    if !is_still {
        let again = HeaderValue::from(ASKS_AGAIN_S);
        response.headers_mut().insert(header::REFRESH, again);
    }
    Ok(response)
}
