//! The rules in the store: every change is read, decided and written by compare-and-set.

use protocol::grants::Encryption;
use protocol::ids::{ConsultationId, RoomId, SectionId, StaffId};
use protocol::signal::Phase;
use protocol::time::UnixMillis;
use store::audit::{Event, What, Who as Doer};
use store::consultations::{self, Record};

use super::access;
use super::model::Who;
use super::rules::{self, Event as Step};
use crate::app::App;
use crate::audit;
use crate::problem::{Fault, Refusal};
use crate::staff::rights::Member;

/// Makes a consultation and its link's secret code, which nobody can read again.
pub(crate) async fn create(
    app: &App,
    section: SectionId,
    staff: &StaffId,
    now: UnixMillis,
) -> Result<(Record, String), Refusal> {
    let record = Record {
        id: ConsultationId::random(),
        section,
        phase: Phase::Booked,
        version: 1,
        created_by: staff.clone(),
        created_at: now,
        expires_at: now.plus(app.config.web.link_lifetime),
        waiting_since: None,
        admitted_at: None,
        staff: None,
        ended_at: None,
        room: RoomId::random(),
        can_encrypt: false,
        encryption: Encryption::Off,
    };
    let code = consultations::new_code();
    consultations::create(&app.store.ledger, &app.config.office.id, &record, &code, now).await?;
    app.hub.take(record.clone(), Some(false));
    let who = Doer::Staff(staff.clone());
    let event = Event::new(who, What::ConsultationCreated, &record.id);
    audit::write(app, event.with(format!("section={}", record.section))).await;
    Ok((record, code))
}

/// The consultation of a link, whether it still works or not. `None`: there is no such link.
pub(crate) async fn by_code(app: &App, code: &str) -> Result<Option<Record>, Refusal> {
    // What can't be a code needn't be looked up.
    let is_code = code.len() == 26 && code.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'));
    if !is_code {
        return Ok(None);
    }
    Ok(consultations::by_code(&app.store.ledger, &app.config.office.id, code).await?)
}

/// Lets an event happen. `member`: what the table of rights knows of `who`, where they are of the staff. Returns the record afterwards, which is on disk and told to everybody.
pub(crate) async fn happen(
    app: &App,
    id: &ConsultationId,
    event: Step,
    who: &Who,
    member: Option<&Member>,
    now: UnixMillis,
) -> Result<Record, Refusal> {
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    if matches!(event, Step::Admit(_)) {
        let open = consultations::open(ledger, office, now).await?;
        rules::check_free(open.iter(), id, who)?;
    }
    let mut refused = None;
    let mut before = Phase::Booked;
    let outcome = consultations::update(ledger, office, id, now, |old| {
        before = old.phase;
        match access::check(old, event, who, member).and_then(|()| rules::apply(old, event, who, now)) {
            Ok(new) => {
                refused = None;
                new
            }
            Err(fault) => {
                refused = Some(fault);
                None
            }
        }
    })
    .await?;
    if let Some(fault) = refused {
        return Err(fault.into());
    }
    let (record, is_new) = outcome.ok_or(Fault::LinkUnknown)?;
    if is_new {
        tracing::info!(consultation = %record.id, phase = ?record.phase, "a consultation goes on");
    }
    if is_new && before != record.phase {
        audit_step(app, &record, audit::doer(who)).await;
    }
    if is_new && before == Phase::Admitted && record.phase == Phase::Ended {
        app.nodes.close_room(record.room.clone());
    }
    Ok(record)
}

/// Writes down which step a consultation has taken.
async fn audit_step(app: &App, record: &Record, who: Doer) {
    let what = match record.phase {
        Phase::Booked => What::ConsultationCreated,
        Phase::Waiting => What::ConsultationReady,
        Phase::Admitted => What::ConsultationAdmitted,
        Phase::Ended => What::ConsultationEnded,
    };
    audit::write(app, Event::new(who, what, &record.id)).await;
}

/// Ends a consultation whose time is up, and tells what it is now; `None`: it is forgotten already.
pub(crate) async fn settle(app: &App, id: &ConsultationId, now: UnixMillis) -> Result<Option<Record>, Refusal> {
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let mut was_admitted = false;
    let outcome = consultations::update(ledger, office, id, now, |old| {
        was_admitted = old.phase == Phase::Admitted;
        rules::expire(old, now)
    })
    .await?;
    if let Some((record, true)) = &outcome {
        audit_step(app, record, Doer::System).await;
        if was_admitted {
            app.nodes.close_room(record.room.clone());
        }
    }
    Ok(outcome.map(|(record, _)| record))
}
