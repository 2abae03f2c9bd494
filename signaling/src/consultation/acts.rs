//! What people do with the seats of a consultation: record, act, who and now in; the new record, or why not, out. Pure.
//!
//! Invariant: who may do what is decided in [`may`] and nowhere else; every act may come twice without harm.

use std::time::Duration;

use protocol::grants::Encryption;
use protocol::ids::{ParticipantId, SeatId, SectionId, StaffId};
use protocol::seats::{Act, MAX_SEATS, Part, RING_LASTS, SeatState};
use protocol::signal::Phase;
use protocol::time::UnixMillis;
use store::consultations::{Call, Rating, Record, Seat};

use super::model::Who;
use super::people::{self, guest_seat, staff_seat};
use super::rules::{check_link, ended};
use crate::problem::Fault;

/// How long after the end a resident may say how it was …
pub(crate) const RATED_WITHIN: Duration = Duration::from_secs(30 * 60);
/// … and how long after that they may change it, once.
pub(crate) const CHANGED_WITHIN: Duration = Duration::from_secs(5 * 60);
/// So many seats that are over are remembered, so that their links can say so. The oldest goes first.
const OVER_REMEMBERED: usize = 8;

/// What a new seat has that isn't in the act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NewSeat {
    pub(crate) id: SeatId,
    /// Of a member of staff: their section.
    pub(crate) section: Option<SectionId>,
    /// Of a member of staff: their name, where the office wants names shown.
    pub(crate) name: Option<String>,
}

/// Whether somebody may do this at all. The only place where that is decided.
fn may(record: &Record, act: &Act, who: &Who) -> bool {
    let staff = match who {
        Who::Staff(staff) => staff,
        Who::Guest(..) => return matches!(act, Act::Leave),
        Who::Resident(_) => return false,
    };
    match act {
        Act::Answer { seat, .. } => staff_seat(record, staff).is_some_and(|it| it.id == *seat),
        Act::Leave => record.call.seats.iter().any(|seat| seat.staff.as_ref() == Some(staff)),
        Act::Write { .. } => may_see_notes(record, staff),
        _ => record.phase != Phase::Admitted || record.staff.as_ref() == Some(staff),
    }
}

/// Whether a member of staff may read and write a consultation's notes: who is in the call, and before it everybody.
pub(crate) fn may_see_notes(record: &Record, staff: &StaffId) -> bool {
    record.phase != Phase::Admitted || people::is_staffed_by(record, staff)
}

/// The record after an act; `None`: it was so already.
///
/// # Errors
/// The fault that says why not.
pub(crate) fn apply(
    record: &Record,
    act: &Act,
    new: &NewSeat,
    who: &Who,
    now: UnixMillis,
) -> Result<Option<Record>, Fault> {
    check_link(record, now)?;
    if !may(record, act, who) {
        return Err(Fault::Forbidden);
    }
    match act {
        Act::Invite { part, staff, is_let_in } => invite(record, *part, staff.as_ref(), *is_let_in, new, now),
        Act::Answer {
            seat,
            accepts,
            can_encrypt,
        } => answer(record, seat, *accepts, *can_encrypt, now),
        Act::LetIn { seat } => let_in(record, seat, now),
        Act::Remove { seat } => change(record, seat, SeatState::Removed, now),
        Act::Silence { participant } => silence(record, participant, who),
        Act::Hold { is_held } => hold(record, *is_held),
        Act::Lock { is_locked } => Ok(with(record, |call| call.is_locked = *is_locked)),
        Act::HandOver { seat } => hand_over(record, seat, now),
        Act::CallBack => call_back(record, now),
        Act::NoShow => no_show(record, now),
        Act::Move { section, staff } => move_to(record, section, staff.as_ref(), now),
        Act::Leave => leave(record, who, now),
        // Notes lie beside the record.
        Act::Write { .. } => Ok(None),
    }
}

/// The record with its call changed; `None`: it is the same.
fn with(record: &Record, change: impl FnOnce(&mut Call)) -> Option<Record> {
    let mut new = record.clone();
    change(&mut new.call);
    (new.call != record.call).then_some(new)
}

fn find<'a>(record: &'a Record, id: &SeatId) -> Result<&'a Seat, Fault> {
    record
        .call
        .seats
        .iter()
        .find(|seat| seat.id == *id)
        .ok_or(Fault::SeatGone)
}

/// The record with one seat in another state.
fn change(record: &Record, id: &SeatId, state: SeatState, now: UnixMillis) -> Result<Option<Record>, Fault> {
    let seat = find(record, id)?;
    // Who is gone stays gone as they went.
    if seat.state == state || seat.state.is_over() {
        return Ok(None);
    }
    Ok(with(record, |call| set(call, id, state, now)))
}

fn set(call: &mut Call, id: &SeatId, state: SeatState, now: UnixMillis) {
    for seat in call.seats.iter_mut().filter(|seat| seat.id == *id) {
        (seat.state, seat.since) = (state, now);
    }
}

fn invite(
    record: &Record,
    part: Part,
    staff: Option<&StaffId>,
    is_let_in: bool,
    new: &NewSeat,
    now: UnixMillis,
) -> Result<Option<Record>, Fault> {
    if record.call.is_locked {
        return Err(Fault::Locked);
    }
    let living = record.call.seats.iter().filter(|seat| !seat.state.is_over());
    if living.count() >= MAX_SEATS {
        return Err(Fault::SeatsFull);
    }
    let (is_possible, state) = match staff {
        Some(staff) => {
            let is_here = record.staff.as_ref() == Some(staff) || staff_seat(record, staff).is_some();
            let is_call = record.phase == Phase::Admitted;
            (part.is_by_ring() && is_call && !is_here, SeatState::Ringing)
        }
        None => (part.is_by_link(), SeatState::Invited),
    };
    if !is_possible {
        return Err(Fault::BadRequest);
    }
    let seat = Seat {
        id: new.id.clone(),
        part,
        staff: staff.cloned(),
        section: new.section.clone(),
        name: new.name.clone(),
        state,
        since: now,
        is_let_in,
        can_encrypt: false,
        device: None,
    };
    Ok(with(record, |call| {
        // Who is called again needs no word of having been missed before.
        call.seats.retain(|it| staff.is_none() || it.staff.as_ref() != staff);
        call.seats.push(seat);
        let over = call.seats.iter().filter(|seat| seat.state.is_over()).count();
        let mut too_many = over.saturating_sub(OVER_REMEMBERED);
        call.seats.retain(|seat| {
            let goes = seat.state.is_over() && too_many > 0;
            too_many -= usize::from(goes);
            !goes
        });
    }))
}

/// A guest has passed the device check.
pub(super) fn ready(record: &Record, id: &SeatId, can_encrypt: bool, now: UnixMillis) -> Result<Option<Record>, Fault> {
    check_link(record, now)?;
    let seat = guest_seat(record, id).ok_or(Fault::LinkUsed)?;
    if seat.state.is_over() {
        return Err(Fault::LinkUsed);
    }
    let is_call = record.phase == Phase::Admitted;
    if is_call && record.encryption == Encryption::Require && !can_encrypt {
        return Err(Fault::CantEncrypt);
    }
    let state = match seat.state {
        SeatState::Invited if seat.is_let_in && !record.call.is_locked => SeatState::Admitted,
        SeatState::Invited => SeatState::Waiting,
        state => state,
    };
    Ok(with(record, |call| {
        for it in call.seats.iter_mut().filter(|it| it.id == *id) {
            it.can_encrypt = can_encrypt;
            if it.state != state {
                (it.state, it.since) = (state, now);
            }
        }
    }))
}

fn answer(
    record: &Record,
    id: &SeatId,
    accepts: bool,
    can_encrypt: bool,
    now: UnixMillis,
) -> Result<Option<Record>, Fault> {
    let seat = find(record, id)?;
    if seat.state == SeatState::Admitted && accepts {
        return Ok(None);
    }
    if seat.state != SeatState::Ringing || now >= seat.since.plus(RING_LASTS) || record.phase != Phase::Admitted {
        return Err(Fault::SeatGone);
    }
    if !accepts {
        return change(record, id, SeatState::Declined, now);
    }
    if record.encryption == Encryption::Require && !can_encrypt {
        return Err(Fault::CantEncrypt);
    }
    Ok(with(record, |call| {
        set(call, id, SeatState::Admitted, now);
        for seat in call.seats.iter_mut().filter(|seat| seat.id == *id) {
            seat.can_encrypt = can_encrypt;
        }
    }))
}

fn let_in(record: &Record, id: &SeatId, now: UnixMillis) -> Result<Option<Record>, Fault> {
    let seat = find(record, id)?;
    if seat.state == SeatState::Admitted {
        return Ok(None);
    }
    if record.call.is_locked {
        return Err(Fault::Locked);
    }
    if seat.state != SeatState::Waiting || record.phase != Phase::Admitted {
        return Err(Fault::NotWaiting);
    }
    if record.encryption == Encryption::Require && !seat.can_encrypt {
        return Err(Fault::CantEncrypt);
    }
    change(record, id, SeatState::Admitted, now)
}

fn silence(record: &Record, participant: &ParticipantId, who: &Who) -> Result<Option<Record>, Fault> {
    let is_other = *participant != who.participant(&record.id);
    if !is_other || !people::members(record).contains(participant) {
        return Err(Fault::SeatGone);
    }
    Ok(with(record, |call| {
        *call.mutes.entry(participant.clone()).or_default() += 1;
    }))
}

fn hold(record: &Record, is_held: bool) -> Result<Option<Record>, Fault> {
    if record.phase != Phase::Admitted {
        return Err(Fault::NotWaiting);
    }
    Ok(with(record, |call| call.is_held = is_held))
}

fn hand_over(record: &Record, id: &SeatId, now: UnixMillis) -> Result<Option<Record>, Fault> {
    let seat = find(record, id)?;
    let (Some(staff), SeatState::Admitted, Phase::Admitted) = (&seat.staff, seat.state, record.phase) else {
        return Err(Fault::SeatGone);
    };
    let mut new = record.clone();
    new.staff = Some(staff.clone());
    if let Some(section) = &seat.section {
        new.section = section.clone();
    }
    new.call.served_by.clone_from(&seat.section);
    new.call.staff_name.clone_from(&seat.name);
    new.call.handed_over_at = Some(now);
    new.call.is_held = false;
    new.call.seats.retain(|it| it.id != *id);
    Ok(Some(new))
}

/// The record of a resident who waits again: staff are out of it, guests wait too, and the link is open to any device.
fn waiting_again(record: &Record, now: UnixMillis) -> Record {
    let mut new = Record {
        phase: Phase::Waiting,
        admitted_at: None,
        staff: None,
        ..record.clone()
    };
    new.call = Call {
        is_held: false,
        served_by: None,
        staff_name: None,
        handed_over_at: None,
        device: None,
        ..record.call.clone()
    };
    for seat in &mut new.call.seats {
        let state = match (seat.state, &seat.staff) {
            (SeatState::Admitted, None) => SeatState::Waiting,
            (SeatState::Admitted | SeatState::Ringing, Some(_)) => SeatState::Left,
            _ => continue,
        };
        (seat.state, seat.since) = (state, now);
    }
    new
}

fn call_back(record: &Record, now: UnixMillis) -> Result<Option<Record>, Fault> {
    match record.phase {
        Phase::Waiting => Ok(None),
        Phase::Admitted => {
            let mut new = waiting_again(record, now);
            new.call.wanted.clone_from(&record.staff);
            Ok(Some(new))
        }
        Phase::Booked | Phase::Ended => Err(Fault::NotWaiting),
    }
}

fn no_show(record: &Record, now: UnixMillis) -> Result<Option<Record>, Fault> {
    if record.phase == Phase::Admitted {
        return Err(Fault::BadRequest);
    }
    let mut new = ended(record, now);
    new.call.is_no_show = true;
    Ok(Some(new))
}

fn move_to(
    record: &Record,
    section: &SectionId,
    staff: Option<&StaffId>,
    now: UnixMillis,
) -> Result<Option<Record>, Fault> {
    let mut new = match record.phase {
        Phase::Admitted => waiting_again(record, now),
        _ => record.clone(),
    };
    new.section = section.clone();
    new.call.wanted = staff.cloned();
    Ok((new != *record).then_some(new))
}

fn leave(record: &Record, who: &Who, now: UnixMillis) -> Result<Option<Record>, Fault> {
    let seat = match who {
        Who::Staff(staff) => staff_seat(record, staff),
        Who::Guest(_, seat) => guest_seat(record, seat),
        Who::Resident(_) => return Err(Fault::Forbidden),
    };
    // Gone already.
    seat.map_or(Ok(None), |seat| change(record, &seat.id, SeatState::Left, now))
}

/// The record without the ringing that nobody answered in time; `None`: nothing rings too long.
pub(crate) fn missed(record: &Record, now: UnixMillis) -> Option<Record> {
    with(record, |call| {
        for seat in &mut call.seats {
            if seat.state == SeatState::Ringing && now >= seat.since.plus(RING_LASTS) {
                (seat.state, seat.since) = (SeatState::Missed, now);
            }
        }
    })
}

/// The record with the device from which somebody's page was opened last, as long as they aren't let in: then the link is
/// bound to it. `None`: it is so already.
///
/// # Errors
/// [`Fault::LinkBound`]: it is bound to another one.
pub(crate) fn seen_from(record: &Record, who: &Who, device: Option<&str>) -> Result<Option<Record>, Fault> {
    let (bound, is_let_in) = match who {
        Who::Resident(_) => (record.call.device.as_deref(), record.phase == Phase::Admitted),
        Who::Guest(_, id) => match guest_seat(record, id) {
            Some(seat) => (seat.device.as_deref(), seat.state == SeatState::Admitted),
            None => return Ok(None),
        },
        Who::Staff(_) => return Ok(None),
    };
    if bound == device || (is_let_in && bound.is_none()) {
        return Ok(None);
    }
    if is_let_in {
        return Err(Fault::LinkBound);
    }
    let device = device.map(str::to_owned);
    Ok(with(record, |call| match who {
        Who::Guest(_, id) => {
            for seat in call.seats.iter_mut().filter(|seat| seat.id == *id) {
                seat.device.clone_from(&device);
            }
        }
        _ => call.device = device,
    }))
}

/// The record with the resident's opinion, which may be changed once.
///
/// # Errors
/// [`Fault::LinkUsed`]: too late, or changed already. [`Fault::BadRequest`]: no score from 1 to 5.
pub(crate) fn rate(record: &Record, score: u8, now: UnixMillis) -> Result<Option<Record>, Fault> {
    if !(1..=5).contains(&score) {
        return Err(Fault::BadRequest);
    }
    let was_call = record.phase == Phase::Ended && record.admitted_at.is_some();
    let Some(ended_at) = record.ended_at.filter(|_| was_call) else {
        return Err(Fault::Forbidden);
    };
    let rating = match record.call.rating {
        Some(rating) if rating.score == score => return Ok(None),
        Some(rating) if rating.is_changed || now >= rating.at.plus(CHANGED_WITHIN) => return Err(Fault::LinkUsed),
        Some(rating) => Rating {
            score,
            is_changed: true,
            ..rating
        },
        None if now >= ended_at.plus(RATED_WITHIN) => return Err(Fault::LinkUsed),
        None => Rating {
            score,
            at: now,
            is_changed: false,
        },
    };
    Ok(with(record, |call| call.rating = Some(rating)))
}

#[cfg(test)]
mod tests;
