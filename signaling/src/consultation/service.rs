//! The rules in the store: every change is read, decided and written by compare-and-set.

use std::sync::Arc;
use std::time::Duration;

use protocol::grants::Encryption;
use protocol::ids::{ConsultationId, ParticipantId, RoomId, SeatId, SectionId, StaffId};
use protocol::seats::{Act, Colleague, Notes, RING_LASTS, SeatState};
use protocol::signal::Phase;
use protocol::time::UnixMillis;
use store::audit::{Event, What, Who as Doer};
use store::consultations::{self, Call, Record};
use store::staff::Account;

use super::access;
use super::acts::{self, NewSeat};
use super::model::Who;
use super::people;
use super::rules::{self, Event as Step};
use super::trail;
use crate::app::App;
use crate::audit;
use crate::booking;
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
        call: Call::default(),
    };
    let code = consultations::new_code();
    consultations::create(&app.store.ledger, &app.config.office.id, &record, &code, now).await?;
    app.hub.take(record.clone(), Some(false));
    let who = Doer::Staff(staff.clone());
    let event = Event::new(who, What::ConsultationCreated, &record.id);
    audit::write(app, event.with(format!("section={}", record.section))).await;
    Ok((record, code))
}

/// What can't be a code needn't be looked up.
fn is_code(code: &str) -> bool {
    code.len() == 26 && code.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7'))
}

/// The consultation of a link, whether it still works or not. `None`: there is no such link.
pub(crate) async fn by_code(app: &App, code: &str) -> Result<Option<Record>, Refusal> {
    if !is_code(code) {
        return Ok(None);
    }
    Ok(consultations::by_code(&app.store.ledger, &app.config.office.id, code).await?)
}

/// The consultation and the seat of a guest's link, whether it still works or not. `None`: there is no such link.
pub(crate) async fn by_guest_code(app: &App, code: &str) -> Result<Option<(Record, SeatId)>, Refusal> {
    if !is_code(code) {
        return Ok(None);
    }
    Ok(consultations::by_guest_code(&app.store.ledger, &app.config.office.id, code).await?)
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
    let mut server = None;
    if let (Step::Admit(_), Who::Staff(staff)) = (event, who) {
        check_free(app, id, who, now).await?;
        server = account(app, staff).await?;
    }
    change(app, id, now, audit::doer(who), |old| {
        access::check(old, event, who, member)?;
        let mut new = rules::apply(old, event, who, now)?;
        if let (Some(new), Some(server)) = (&mut new, &server) {
            new.call.served_by = served_for(server, old);
            new.call.staff_name = shown_name(app, server);
        }
        Ok(new)
    })
    .await
}

/// Does something with the seats of a consultation. Returns the record afterwards, and of an invitation its seat and the
/// address of its link.
pub(crate) async fn act(
    app: &Arc<App>,
    id: &ConsultationId,
    act: &Act,
    who: &Who,
    member: Option<&Member>,
    now: UnixMillis,
) -> Result<(Record, Option<(SeatId, Option<String>)>), Refusal> {
    if matches!(act, Act::Answer { accepts: true, .. }) {
        check_free(app, id, who, now).await?;
    }
    if matches!(act, Act::Move { section, .. } if app.config.section(section).is_none()) {
        return Err(Refusal::of_field(Fault::BadRequest, "section"));
    }
    let invited = match act {
        Act::Invite { staff: Some(staff), .. } => Some(
            account(app, staff)
                .await?
                .ok_or(Refusal::of_field(Fault::BadRequest, "staff"))?,
        ),
        _ => None,
    };
    let new = NewSeat {
        id: SeatId::random(),
        section: invited.as_ref().and_then(|it| it.sections.first().cloned()),
        name: invited.as_ref().and_then(|it| shown_name(app, it)),
    };
    if let Act::Write { notes } = act {
        return Ok((write(app, id, notes, who, member, now).await?, None));
    }
    let record = change(app, id, now, audit::doer(who), |old| {
        access::check_act(old, who, member)?;
        acts::apply(old, act, &new, who, now)
    })
    .await?;
    match act {
        Act::Invite { staff: Some(_), .. } => {
            end_ringing_in_time(app, id.clone());
            Ok((record, Some((new.id, None))))
        }
        Act::Invite { staff: None, .. } => {
            let code = consultations::new_code();
            let (ledger, office) = (&app.store.ledger, &app.config.office.id);
            consultations::link_seat(ledger, office, &record, &new.id, &code, now).await?;
            let url = format!("{}/g/{code}", app.config.web.public_url);
            Ok((record, Some((new.id, Some(url)))))
        }
        Act::Silence { participant } => {
            app.nodes.silence(record.room.clone(), participant.clone());
            Ok((record, None))
        }
        _ => Ok((record, None)),
    }
}

/// A member of staff who is in another call can't take one.
async fn check_free(app: &App, id: &ConsultationId, who: &Who, now: UnixMillis) -> Result<(), Refusal> {
    let open = consultations::open(&app.store.ledger, &app.config.office.id, now).await?;
    Ok(rules::check_free(open.iter(), id, who)?)
}

async fn account(app: &App, staff: &StaffId) -> Result<Option<Account>, Refusal> {
    Ok(store::staff::get(&app.store.ledger, &app.config.office.id, staff).await?)
}

/// For which of their sections a member of staff serves a consultation.
fn served_for(server: &Account, record: &Record) -> Option<SectionId> {
    let own = server.sections.iter();
    own.clone()
        .find(|it| **it == record.section)
        .or(own.clone().next())
        .cloned()
}

fn shown_name(app: &App, account: &Account) -> Option<String> {
    app.config.consultation.show_names.then(|| account.name.clone())
}

/// Marks from which device somebody's page is opened, and whether it may be.
pub(crate) async fn seen_from(
    app: &App,
    record: Record,
    who: &Who,
    device: Option<&str>,
    now: UnixMillis,
) -> Result<Record, Refusal> {
    let hash = device.map(consultations::hash_of_device);
    match acts::seen_from(&record, who, hash.as_deref())? {
        None => Ok(record),
        Some(_) => {
            change(app, &record.id, now, audit::doer(who), |old| {
                acts::seen_from(old, who, hash.as_deref())
            })
            .await
        }
    }
}

/// Writes notes down, which lie beside the record.
async fn write(
    app: &App,
    id: &ConsultationId,
    notes: &Notes,
    who: &Who,
    member: Option<&Member>,
    now: UnixMillis,
) -> Result<Record, Refusal> {
    if !notes.is_within_bounds() {
        return Err(Refusal::of_field(Fault::TooLarge, "notes"));
    }
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let record = consultations::get(ledger, office, id)
        .await?
        .ok_or(Fault::LinkUnknown)?;
    rules::check_link(&record, now)?;
    access::check_act(&record, who, member)?;
    let is_allowed = matches!(who, Who::Staff(staff) if acts::may_see_notes(&record, staff));
    if !is_allowed {
        return Err(Fault::Forbidden.into());
    }
    let keep = record.expires_at.since(now) + app.config.calendar.keep_personal;
    store::notes::put(ledger, office, id, notes, keep).await?;
    Ok(record)
}

/// What was written down of a consultation, for staff who may see it.
pub(crate) async fn notes(
    app: &App,
    id: &ConsultationId,
    who: &Who,
    member: Option<&Member>,
) -> Result<Notes, Refusal> {
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let record = consultations::get(ledger, office, id)
        .await?
        .ok_or(Fault::LinkUnknown)?;
    access::check_act(&record, who, member)?;
    match who {
        Who::Staff(staff) if acts::may_see_notes(&record, staff) => Ok(store::notes::get(ledger, office, id).await?),
        _ => Err(Fault::Forbidden.into()),
    }
}

/// Who may be called: all whose console is open, but for who asks.
pub(crate) async fn colleagues(app: &App, who: &Who, now: UnixMillis) -> Result<Vec<Colleague>, Refusal> {
    let (store, office) = (&app.store, &app.config.office.id);
    let there = store::desks::there(&store.live, office, now).await?;
    let open = consultations::open(&store.ledger, office, now).await?;
    let mut colleagues = Vec::with_capacity(there.len());
    for staff in there {
        if *who == Who::Staff(staff.clone()) {
            continue;
        }
        let Some(account) = account(app, &staff).await? else {
            continue;
        };
        let is_busy = open.iter().any(|record| people::is_staffed_by(record, &staff));
        colleagues.push(Colleague {
            staff,
            name: account.name,
            section: account.sections.first().cloned(),
            is_busy,
        });
    }
    Ok(colleagues)
}

/// What the resident thinks of a consultation that is over.
pub(crate) async fn rate(app: &App, record: &Record, score: u8, now: UnixMillis) -> Result<Record, Refusal> {
    let doer = Doer::Resident(record.id.clone());
    change(app, &record.id, now, doer, |old| acts::rate(old, score, now)).await
}

/// Reads, decides and writes; then does what follows from the change.
async fn change(
    app: &App,
    id: &ConsultationId,
    now: UnixMillis,
    doer: Doer,
    decide: impl Fn(&Record) -> Result<Option<Record>, Fault>,
) -> Result<Record, Refusal> {
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let mut refused = None;
    let mut before = None;
    let outcome = consultations::update(ledger, office, id, now, |old| {
        before = Some(old.clone());
        match decide(old) {
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
    // Known here before anything follows from it.
    app.hub.take(record.clone(), None);
    if let (true, Some(before)) = (is_new, before) {
        for event in trail::events(&before, &record, &doer) {
            audit::write(app, event).await;
        }
        follow_up(app, &before, &record, now).await;
    }
    Ok(record)
}

/// What a change leads to in the media room, and to an appointment.
async fn follow_up(app: &App, before: &Record, record: &Record, now: UnixMillis) {
    tracing::info!(consultation = %record.id, phase = ?record.phase, version = record.version, "a consultation goes on");
    if before.phase == Phase::Admitted && record.phase != Phase::Admitted {
        app.nodes.close_room(record.room.clone());
    } else {
        let out = people::put_out(before, record);
        let removed = |who: &ParticipantId| {
            record.call.seats.iter().any(|seat| {
                seat.state == SeatState::Removed
                    && seat.staff.is_none()
                    && Who::Guest(record.id.clone(), seat.id.clone()).participant(&record.id) == *who
            })
        };
        for participant in out {
            // A link that was withdrawn never works again; everybody else may be called in again at once.
            let is_for_good = removed(&participant);
            app.nodes
                .put_out(Arc::clone(&app.hub), record, participant, is_for_good);
        }
    }
    if before.phase != Phase::Ended && record.phase == Phase::Ended {
        let (ledger, office) = (&app.store.ledger, &app.config.office.id);
        let keep = app.config.calendar.keep_personal;
        if let Err(error) = store::notes::keep_for(ledger, office, &record.id, keep).await {
            // They have an end from the beginning, only a later one.
            tracing::debug!(%error, "the end of notes could not be set");
        }
        if before.phase == Phase::Admitted {
            // Boxed: closing an appointment may end its consultation, which comes here again.
            Box::pin(booking::held(app, record, now)).await;
        }
    }
}

/// Nobody rings for ever: whoever polls ends it too, should this server die meanwhile.
fn end_ringing_in_time(app: &Arc<App>, id: ConsultationId) {
    let app = Arc::clone(app);
    let shutdown = app.shutdown.clone();
    shutdown.spawn(async move {
        tokio::select! {
            () = tokio::time::sleep(RING_LASTS + Duration::from_millis(200)) => {}
            () = app.shutdown.started() => return,
        }
        match settle(&app, &id, runtime::now()).await {
            Ok(Some(record)) => app.hub.take(record, None),
            Ok(None) => {}
            Err(refusal) => tracing::debug!(?refusal, "a ringing could not be ended now"),
        }
    });
}

/// Ends a consultation whose time is up and a ringing that nobody answered, and tells what it is now; `None`: it is
/// forgotten already.
pub(crate) async fn settle(app: &App, id: &ConsultationId, now: UnixMillis) -> Result<Option<Record>, Refusal> {
    let settled = change(app, id, now, Doer::System, |old| {
        Ok(rules::expire(old, now).or_else(|| acts::missed(old, now)))
    });
    match settled.await {
        Ok(record) => Ok(Some(record)),
        Err(refusal) if refusal.fault == Fault::LinkUnknown => Ok(None),
        Err(refusal) => Err(refusal),
    }
}
