//! The rules in the store: every change is read, decided and written by compare-and-set.

use protocol::grants::Encryption;
use protocol::ids::{ConsultationId, RoomId, SectionId, StaffId};
use protocol::signal::Phase;
use protocol::time::UnixMillis;
use store::consultations::{self, Record};

use super::model::Who;
use super::rules::{self, Event};
use crate::app::App;
use crate::booking;
use crate::problem::{Fault, Refusal};

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
        created_by: Some(staff.clone()),
        appointment: None,
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

/// Lets an event happen. Returns the record afterwards, which is on disk and told to everybody.
pub(crate) async fn happen(
    app: &App,
    id: &ConsultationId,
    event: Event,
    who: &Who,
    now: UnixMillis,
) -> Result<Record, Refusal> {
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    if matches!(event, Event::Admit(_)) {
        let open = consultations::open(ledger, office, now).await?;
        rules::check_free(open.iter(), id, who)?;
    }
    let mut refused = None;
    let mut was_admitted = false;
    let outcome = consultations::update(ledger, office, id, now, |old| {
        was_admitted = old.phase == Phase::Admitted;
        match rules::apply(old, event, who, now) {
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
    if is_new && was_admitted && record.phase == Phase::Ended {
        app.nodes.close_room(record.room.clone());
        // Boxed: closing an appointment may end its consultation, which comes here again.
        Box::pin(booking::held(app, &record, now)).await;
    }
    Ok(record)
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
    if let Some((record, true)) = &outcome
        && was_admitted
    {
        app.nodes.close_room(record.room.clone());
        Box::pin(booking::held(app, record, now)).await;
    }
    Ok(outcome.map(|(record, _)| record))
}
