//! Who sits in a consultation, who of them may be in its room, and what each is told of the others. Pure.
//!
//! Invariant: who may be in the room follows from the record alone. Whoever is named by [`members`] before a change and
//! not after it is put out of the media room, wherever their page is.

use protocol::grants::Encryption;
use protocol::ids::{ParticipantId, SeatId, StaffId};
use protocol::seats::{InCall, Part, Person, SeatState};
use protocol::signal::Phase;
use protocol::time::UnixMillis;
use store::consultations::{Record, Seat};

use super::model::Who;
use crate::problem::Fault;

/// Whose seat it is.
fn who_of(record: &Record, seat: &Seat) -> Who {
    match &seat.staff {
        Some(staff) => Who::Staff(staff.clone()),
        None => Who::Guest(record.id.clone(), seat.id.clone()),
    }
}

/// Whether who has a seat may be in the room of a call.
fn is_in(record: &Record, seat: &Seat) -> bool {
    let is_let = seat.state == SeatState::Admitted && (record.encryption == Encryption::Off || seat.can_encrypt);
    is_let && !(record.call.is_held && seat.staff.is_none())
}

/// A guest's seat, by its link.
pub(crate) fn guest_seat<'a>(record: &'a Record, id: &SeatId) -> Option<&'a Seat> {
    record
        .call
        .seats
        .iter()
        .find(|seat| seat.id == *id && seat.staff.is_none())
}

/// Whether a guest's link still works.
///
/// # Errors
/// [`Fault::LinkUsed`]: the seat is over.
pub(crate) fn check_seat(record: &Record, id: &SeatId) -> Result<(), Fault> {
    match guest_seat(record, id) {
        Some(seat) if !seat.state.is_over() => Ok(()),
        _ => Err(Fault::LinkUsed),
    }
}

/// The living seat of a member of staff.
pub(super) fn staff_seat<'a>(record: &'a Record, staff: &StaffId) -> Option<&'a Seat> {
    let mut seats = record.call.seats.iter();
    seats.find(|seat| seat.staff.as_ref() == Some(staff) && !seat.state.is_over())
}

/// Whether a member of staff is in the call: serves, or has come to it.
pub(crate) fn is_staffed_by(record: &Record, staff: &StaffId) -> bool {
    may_enter(record, &Who::Staff(staff.clone()))
}

/// Whether somebody may be in the room now.
pub(crate) fn may_enter(record: &Record, who: &Who) -> bool {
    if record.phase != Phase::Admitted {
        return false;
    }
    match who {
        Who::Resident(id) => *id == record.id && !record.call.is_held,
        Who::Staff(staff) => {
            record.staff.as_ref() == Some(staff) || staff_seat(record, staff).is_some_and(|seat| is_in(record, seat))
        }
        Who::Guest(id, seat) => *id == record.id && guest_seat(record, seat).is_some_and(|seat| is_in(record, seat)),
    }
}

/// All who may be in the room now.
pub(crate) fn members(record: &Record) -> Vec<ParticipantId> {
    let mut all = vec![Who::Resident(record.id.clone())];
    all.extend(record.staff.clone().map(Who::Staff));
    all.extend(record.call.seats.iter().map(|seat| who_of(record, seat)));
    let mut members: Vec<_> = all
        .iter()
        .filter(|who| may_enter(record, who))
        .map(|who| who.participant(&record.id))
        .collect();
    members.sort();
    members.dedup();
    members
}

/// Who was in the room before a change and may not be after it.
pub(crate) fn put_out(old: &Record, new: &Record) -> Vec<ParticipantId> {
    let stay = members(new);
    members(old).into_iter().filter(|who| !stay.contains(who)).collect()
}

/// The phase as somebody sees it: to a guest, where their own seat stands.
pub(super) fn phase_for(record: &Record, who: &Who) -> Phase {
    let Who::Guest(_, seat) = who else {
        return record.phase;
    };
    let state = guest_seat(record, seat).map(|seat| seat.state);
    match (record.phase, state) {
        (Phase::Ended, _) | (_, None) => Phase::Ended,
        (_, Some(state)) if state.is_over() => Phase::Ended,
        (_, Some(SeatState::Invited)) => Phase::Booked,
        (Phase::Admitted, Some(SeatState::Admitted)) => Phase::Admitted,
        _ => Phase::Waiting,
    }
}

/// Since when somebody waits.
pub(super) fn waiting_since(record: &Record, who: &Who) -> Option<UnixMillis> {
    match who {
        Who::Guest(_, seat) => guest_seat(record, seat)
            .filter(|seat| matches!(seat.state, SeatState::Waiting | SeatState::Admitted))
            .map(|seat| seat.since),
        _ => record.waiting_since,
    }
}

/// The call's part of the view.
pub(super) fn in_call(record: &Record, wait_minutes: Option<u32>, who: &Who) -> InCall {
    let call = &record.call;
    let is_staff = matches!(who, Who::Staff(_));
    let you = (!is_staff).then(|| who.participant(&record.id));
    let mut people = everybody(record);
    if !is_staff {
        // Who else was asked, and who they are, is the office's business.
        let members = members(record);
        people.retain(|person| members.contains(&person.participant) || Some(&person.participant) == you.as_ref());
        for person in &mut people {
            person.staff = None;
            if Some(&person.participant) != you.as_ref() {
                (person.seat, person.mutes) = (None, 0);
            }
        }
    }
    InCall {
        people,
        you,
        is_held: call.is_held && record.phase == Phase::Admitted,
        is_locked: call.is_locked && is_staff,
        handed_over_at: call.handed_over_at,
        wanted: call.wanted.clone().filter(|_| is_staff),
        wait_minutes,
    }
}

/// The resident, who serves, and all seats.
fn everybody(record: &Record) -> Vec<Person> {
    let person = |who: &Who, part, state, since| {
        let participant = who.participant(&record.id);
        let mutes = record.call.mutes.get(&participant).copied().unwrap_or_default();
        Person {
            participant,
            part,
            state,
            since,
            seat: None,
            staff: None,
            section: None,
            name: None,
            mutes,
        }
    };
    let (state, since) = match record.phase {
        Phase::Booked => (SeatState::Invited, record.created_at),
        Phase::Waiting => (SeatState::Waiting, record.waiting_since.unwrap_or(record.created_at)),
        Phase::Admitted => (SeatState::Admitted, record.admitted_at.unwrap_or(record.created_at)),
        Phase::Ended => (SeatState::Left, record.ended_at.unwrap_or(record.created_at)),
    };
    let mut all = vec![person(&Who::Resident(record.id.clone()), Part::Resident, state, since)];
    if let (Some(staff), Phase::Admitted) = (&record.staff, record.phase) {
        all.push(Person {
            staff: Some(staff.clone()),
            section: record.call.served_by.clone(),
            name: record.call.staff_name.clone(),
            ..person(&Who::Staff(staff.clone()), Part::Staff, SeatState::Admitted, since)
        });
    }
    all.extend(record.call.seats.iter().map(|seat| Person {
        seat: Some(seat.id.clone()),
        staff: seat.staff.clone(),
        section: seat.section.clone(),
        name: seat.name.clone(),
        ..person(&who_of(record, seat), seat.part, seat.state, seat.since)
    }));
    all
}
