//! The rules in the store: booking, moving and closing, and what a lost answer of Redis has come to.

use std::time::Duration;

use protocol::booking::{Channel, Slot};
use protocol::config::{Booking, Kind as BookingKind};
use protocol::ids::{AppointmentId, StaffId, TopicId};
use protocol::signal::Phase;
use protocol::time::UnixMillis;
use store::appointments::{Book, Booked, Moved, Person, Record, State, code_of_form};
use store::audit::{Event, What, Who as Doer};
use store::letters::{Letter, Subject, Way};
use store::{StoreError, consultations};

use super::trouble::{Kind, Trouble};
use crate::app::App;
use crate::audit;
use crate::consultation::model::Who;
use crate::consultation::rules::Event as Step;
use crate::consultation::service as consultation;

/// How long it is asked what has become of a booking whose answer was lost, before the page asks on by itself.
const SETTLED_WITHIN: Duration = Duration::from_secs(6);
const ASKED_EVERY: Duration = Duration::from_millis(250);

/// The appointments of this office.
pub(crate) fn book_of(app: &App) -> Book<'_> {
    Book {
        ledger: &app.store.ledger,
        office: &app.config.office.id,
        keep_personal: app.config.calendar.keep_personal,
    }
}

/// The day of a slot on the office's calendar, as keys have it.
pub(super) fn day_of(app: &App, booking: &Booking, at: UnixMillis) -> String {
    booking.service(&app.config).calendar.date_of(at).to_string()
}

/// What is to be told of a change, to whom there is a way to.
pub(super) fn letters(
    app: &App,
    record: &Record,
    person: &Person,
    news: Option<Subject>,
    now: UnixMillis,
) -> Vec<Letter> {
    let ways = Way::ALL.into_iter().filter(|way| match way {
        Way::Mail => app.config.mail.is_some() && person.mail.is_some(),
        Way::Sms => app.config.sms.is_some() && person.telephone.is_some(),
        Way::Line => app.config.line.is_some() && person.line.is_some(),
    });
    ways.flat_map(|way| Letter::after(record, news, way, app.config.calendar.opens_before, now))
        .collect()
}

/// What somebody wants to book.
pub(super) struct Wish<'a> {
    pub(super) booking: &'a Booking,
    pub(super) topic: Option<TopicId>,
    pub(super) starts_at: UnixMillis,
    pub(super) channel: Channel,
    pub(super) person: Person,
    /// What makes the form one of its own.
    pub(super) form: &'a str,
    pub(super) lang: &'static str,
    pub(super) staff: Option<StaffId>,
}

/// What has become of it.
pub(super) enum Outcome {
    /// It is booked; whether just now or before makes no difference.
    Booked(Record),
    /// It isn't known yet: ask [`settle`].
    Unknown,
}

/// Books.
///
/// # Errors
/// The trouble that says why not: then nothing is booked, and nothing will be.
pub(super) async fn book(app: &App, wish: Wish<'_>, now: UnixMillis) -> Result<Outcome, Trouble> {
    let service = wish.booking.service(&app.config);
    let code = code_of_form(wish.form);
    let slot = match service.may_book(wish.starts_at, wish.channel, now) {
        Ok(slot) => slot,
        // Who sends the same form again, later, is shown what it has made.
        Err(refused) => {
            return match book_of(app).by_code(&code).await? {
                Some(record) => Ok(Outcome::Booked(record)),
                None => Err(refused.into()),
            };
        }
    };
    let record = Record {
        id: AppointmentId::random(),
        booking: wish.booking.id.clone(),
        kind: wish.booking.kind,
        section: wish.booking.section.get_ref().clone(),
        topic: wish.topic,
        slot,
        channel: wish.channel,
        state: State::Booked,
        version: 1,
        created_at: now,
        created_by: wish.staff,
        lang: wish.lang.to_owned(),
        is_to_be_called: false,
    };
    let day = day_of(app, wish.booking, slot.starts_at);
    let letters = letters(app, &record, &wish.person, Some(Subject::Confirm), now);
    let quota = service.quota(slot, now);
    let outcome = book_of(app)
        .book(&record, &wish.person, &code, &day, quota, &letters)
        .await;
    match outcome {
        Ok(Booked::New(record)) => {
            let doer = doer_of(&record, record.created_by.as_ref());
            let detail = format!("booking={};channel={}", record.booking, record.channel.as_str());
            audit::write(app, Event::new(doer, What::AppointmentBooked, &record.id).with(detail)).await;
            tracing::info!(appointment = %record.id, booking = %record.booking, by = record.channel.as_str(), "booked");
            app.post.notify_one();
            Ok(Outcome::Booked(record))
        }
        Ok(Booked::Already(record)) => Ok(Outcome::Booked(record)),
        Ok(Booked::Full) => Err(Kind::SlotFull.into()),
        Ok(Booked::GivenUp) => Err(Kind::NotBooked.into()),
        Err(error @ StoreError::Unavailable { .. }) => {
            tracing::warn!(%error, "the answer to a booking is lost");
            settle(app, wish.form).await
        }
        Err(error) => Err(error.into()),
    }
}

/// After a lost answer: what the form has made. Where it has made nothing it never will.
///
/// # Errors
/// [`Kind::NotBooked`].
pub(super) async fn settle(app: &App, form: &str) -> Result<Outcome, Trouble> {
    let code = code_of_form(form);
    let asking = async {
        loop {
            match book_of(app).settle(&code).await {
                Ok(found) => return Ok(found),
                Err(StoreError::Unavailable { .. }) => tokio::time::sleep(ASKED_EVERY).await,
                Err(error) => return Err(Trouble::from(error)),
            }
        }
    };
    match tokio::time::timeout(SETTLED_WITHIN, asking).await {
        Ok(found) => found?.map(Outcome::Booked).ok_or(Kind::NotBooked.into()),
        Err(_) => Ok(Outcome::Unknown),
    }
}

/// The appointment of a link. `None`: there is no such link.
pub(crate) async fn by_code(app: &App, code: &str) -> Result<Option<Record>, StoreError> {
    // What can't be a code needn't be looked up.
    let is_code = code.len() == 26 && code.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'));
    if is_code {
        book_of(app).by_code(code).await
    } else {
        Ok(None)
    }
}

/// The service of an appointment; `None`: the office doesn't offer it any more.
pub(super) fn booking_of<'a>(app: &'a App, record: &Record) -> Option<&'a Booking> {
    app.config.booking(&record.booking)
}

/// Whom an appointment is for; somebody without a name where that is deleted already.
async fn person_of(app: &App, record: &Record) -> Result<Person, StoreError> {
    let person = book_of(app).person(&record.id).await?;
    Ok(person.unwrap_or_else(|| Person {
        name: String::new(),
        mail: None,
        telephone: None,
        line: None,
        answers: Vec::new(),
    }))
}

/// Moves an appointment to another time; `by` is whose times of closing hold, `staff` who does it; none: the resident.
///
/// # Errors
/// The trouble that says why not: then it is where it was, except after [`Kind::Unsure`].
pub(super) async fn change(
    app: &App,
    record: &Record,
    starts_at: UnixMillis,
    by: Channel,
    staff: Option<&StaffId>,
    now: UnixMillis,
) -> Result<Record, Trouble> {
    let booking = booking_of(app, record).ok_or(Kind::NotFound)?;
    if record.state == State::Booked && record.slot.starts_at == starts_at {
        return Ok(record.clone());
    }
    let service = booking.service(&app.config);
    let slot: Slot = service.may_book(starts_at, by, now)?;
    let person = person_of(app, record).await?;
    let moved = Record { slot, ..record.clone() };
    let letters = letters(app, &moved, &person, Some(Subject::Changed), now);
    let days = [record.slot.starts_at, slot.starts_at].map(|at| day_of(app, booking, at));
    let quota = service.quota(slot, now);
    let outcome = book_of(app)
        .reschedule(record, slot, &days[0], &days[1], quota, &letters)
        .await;
    match outcome {
        Ok(Moved::Done(record)) => {
            audit::write(
                app,
                Event::new(doer_of(&record, staff), What::AppointmentMoved, &record.id),
            )
            .await;
            tracing::info!(appointment = %record.id, "moved");
            app.post.notify_one();
            leave_waiting(app, &record, now).await;
            Ok(record)
        }
        Ok(Moved::Full) => Err(Kind::SlotFull.into()),
        Ok(Moved::Changed) => Err(Kind::Unchanged.into()),
        Err(error) => Err(unsure(error)),
    }
}

/// Closes an appointment: given back, nobody came, or it was.
///
/// # Errors
/// The trouble that says why not.
pub(super) async fn close(
    app: &App,
    record: &Record,
    state: State,
    doer: Doer,
    now: UnixMillis,
) -> Result<Record, Trouble> {
    if record.state == state {
        return Ok(record.clone());
    }
    let person = person_of(app, record).await?;
    let closed = Record {
        state,
        ..record.clone()
    };
    let news = (state == State::Cancelled).then_some(Subject::Cancelled);
    let letters = letters(app, &closed, &person, news, now);
    let day = match booking_of(app, record) {
        Some(booking) => day_of(app, booking, record.slot.starts_at),
        // Its counters are of no use to anybody.
        None => String::new(),
    };
    match book_of(app).close(record, state, &day, now, &letters).await {
        Ok(Some(record)) => {
            let what = match state {
                State::Booked => What::AppointmentBooked,
                State::Cancelled => What::AppointmentCancelled,
                State::NoShow => What::AppointmentMissed,
                State::Done => What::AppointmentDone,
            };
            audit::write(app, Event::new(doer, what, &record.id)).await;
            tracing::info!(appointment = %record.id, ?state, "closed");
            app.post.notify_one();
            if state != State::Done {
                leave_waiting(app, &record, now).await;
            }
            Ok(record)
        }
        Ok(None) => Err(Kind::Unchanged.into()),
        Err(error) => Err(unsure(error)),
    }
}

/// Who does something to an appointment, as the audit log names them.
pub(super) fn doer_of(record: &Record, staff: Option<&StaffId>) -> Doer {
    match staff {
        Some(staff) => Doer::Staff(staff.clone()),
        None => Doer::Applicant(record.id.clone()),
    }
}

fn unsure(error: StoreError) -> Trouble {
    match error {
        error @ StoreError::Unavailable { .. } => {
            tracing::warn!(%error, "the answer to a change is lost");
            Kind::Unsure.into()
        }
        error => error.into(),
    }
}

/// Whoever waits for a call at a time that isn't theirs any more is told so: their consultation ends. A call goes on.
async fn leave_waiting(app: &App, record: &Record, now: UnixMillis) {
    if record.kind != BookingKind::Remote {
        return;
    }
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let ended = match consultations::of_appointment(ledger, office, &record.id).await {
        Ok(Some(call)) if matches!(call.phase, Phase::Booked | Phase::Waiting) => {
            let who = Who::Resident(call.id.clone());
            consultation::happen(app, &call.id, Step::End, &who, None, now)
                .await
                .map(drop)
        }
        Ok(_) => Ok(()),
        Err(error) => Err(error.into()),
    };
    if let Err(refusal) = ended {
        // Its link looks at the appointment first, so nobody comes in by it.
        tracing::warn!(appointment = %record.id, fault = ?refusal.fault, "a waiting room could not be closed");
    }
}

/// A consultation that was held and is over: its appointment is done.
pub(crate) async fn held(app: &App, call: &consultations::Record, now: UnixMillis) {
    let Some(id) = &call.appointment else {
        return;
    };
    let closed = async {
        match book_of(app).get(id).await? {
            Some(record) if record.state == State::Booked => {
                close(app, &record, State::Done, Doer::System, now).await.map(drop)
            }
            _ => Ok(()),
        }
    };
    if let Err(trouble) = closed.await {
        // The clockwork looks again: see `clockwork::catch_up`.
        tracing::warn!(appointment = %id, ?trouble, "a held appointment could not be closed");
    }
}
