//! What a change of a consultation is in the audit log: the record before and after in, entries out. Pure.
//!
//! Invariant: entries name ids and steps only, never who a resident or guest is, and never what was said or written.

use protocol::seats::{Part, SeatState};
use protocol::signal::Phase;
use store::audit::{Event, What, Who as Doer};
use store::consultations::{Record, Seat};

/// What is to be written down of a change that somebody made.
pub(super) fn events(before: &Record, after: &Record, doer: &Doer) -> Vec<Event> {
    let mut whats = Vec::new();
    if before.phase != after.phase {
        whats.push(step(after));
    }
    let was_handed_over = before.phase == Phase::Admitted && after.phase == Phase::Admitted;
    match (&before.staff, &after.staff) {
        (Some(old), Some(new)) if old != new && was_handed_over => {
            whats.push((What::ConsultationHandedOver, format!("staff={new}")));
        }
        _ if before.section != after.section => {
            whats.push((What::ConsultationMoved, format!("section={}", after.section)));
        }
        _ => {}
    }
    for seat in &after.call.seats {
        let old = before.call.seats.iter().find(|old| old.id == seat.id);
        whats.extend(of_seat(old, seat));
    }
    if after.phase == Phase::Admitted {
        let switches = [
            (
                before.call.is_held,
                after.call.is_held,
                What::ConsultationHeld,
                What::ConsultationResumed,
            ),
            (
                before.call.is_locked,
                after.call.is_locked,
                What::ConsultationLocked,
                What::ConsultationUnlocked,
            ),
        ];
        for (was, is, on, off) in switches {
            if was != is {
                whats.push((if is { on } else { off }, String::new()));
            }
        }
    }
    whats
        .into_iter()
        .map(|(what, detail)| Event::new(doer.clone(), what, &after.id).with(detail))
        .collect()
}

fn step(after: &Record) -> (What, String) {
    match after.phase {
        Phase::Booked => (What::ConsultationCreated, String::new()),
        Phase::Waiting => (What::ConsultationReady, String::new()),
        Phase::Admitted => (What::ConsultationAdmitted, String::new()),
        Phase::Ended if after.call.is_no_show => (What::ConsultationEnded, "no-show".to_owned()),
        Phase::Ended => (What::ConsultationEnded, String::new()),
    }
}

fn of_seat(old: Option<&Seat>, seat: &Seat) -> Option<(What, String)> {
    let what = match (old.map(|old| old.state), seat.state) {
        (None, _) => {
            let whom = match &seat.staff {
                Some(staff) => format!("staff={staff}"),
                None => "by=link".to_owned(),
            };
            let detail = format!("seat={};part={};{whom}", seat.id, word(seat.part));
            return Some((What::SeatInvited, detail));
        }
        (Some(old), new) if old == new => return None,
        (_, SeatState::Admitted) => What::SeatEntered,
        (_, SeatState::Left) => What::SeatLeft,
        (_, SeatState::Removed) => What::SeatRemoved,
        (_, SeatState::Invited | SeatState::Ringing | SeatState::Waiting | SeatState::Declined | SeatState::Missed) => {
            return None;
        }
    };
    Some((what, format!("seat={}", seat.id)))
}

fn word(part: Part) -> &'static str {
    match part {
        Part::Resident => "resident",
        Part::Staff => "staff",
        Part::Colleague => "colleague",
        Part::HeadOffice => "head-office",
        Part::Interpreter => "interpreter",
        Part::Family => "family",
    }
}
