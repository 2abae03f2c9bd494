//! What may happen to a consultation, and who may make it happen. Pure: record, event, who and now in,
//! the new record out.
//!
//! Invariant: phases only go forward (booked → waiting → admitted → ended), and every event may come
//! twice without harm.

use std::time::Duration;

use protocol::signal::Phase;
use protocol::time::UnixMillis;
use store::consultations::Record;

use super::model::{Means, Who};
use super::people;
use crate::problem::Fault;

/// A call that has begun isn't cut by its link's end before it lasted so long.
pub(crate) const CALL_LASTS: Duration = Duration::from_secs(4 * 3600);

/// What happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    /// The resident has passed the device check.
    Ready(Means),
    /// Staff ask the resident in.
    Admit(Means),
    /// Either side ends it, or staff withdraw the link.
    End,
}

/// The record afterwards; `None`: it was so already.
///
/// # Errors
/// The fault that says why not.
pub(crate) fn apply(record: &Record, event: Event, who: &Who, now: UnixMillis) -> Result<Option<Record>, Fault> {
    if who.own().is_some_and(|id| *id != record.id) {
        return Err(Fault::Forbidden);
    }
    if let (Who::Guest(_, seat), Event::Ready(means)) = (who, event) {
        return super::acts::ready(record, seat, means.can_encrypt, now);
    }
    match event {
        Event::Ready(means) => ready(record, who, means, now),
        Event::Admit(means) => admit(record, who, means, now),
        Event::End if record.phase == Phase::Ended => Ok(None),
        Event::End if may_end(who) => Ok(Some(ended(record, now))),
        Event::End => Err(Fault::Forbidden),
    }
}

/// Whether somebody may end a consultation for all: which of the staff, the table of rights says (`access`).
fn may_end(who: &Who) -> bool {
    !matches!(who, Who::Guest(..))
}

fn ready(record: &Record, who: &Who, means: Means, now: UnixMillis) -> Result<Option<Record>, Fault> {
    if !matches!(who, Who::Resident(_)) {
        return Err(Fault::Forbidden);
    }
    check_link(record, now)?;
    // Whether staff's browser can is seen when they ask the resident in.
    means.encryption_with(true).ok_or(Fault::CantEncrypt)?;
    let can_encrypt = means.can_encrypt;
    match record.phase {
        Phase::Booked => Ok(Some(Record {
            phase: Phase::Waiting,
            waiting_since: Some(now),
            can_encrypt,
            ..record.clone()
        })),
        // Back with another browser.
        Phase::Waiting if record.can_encrypt != can_encrypt => Ok(Some(Record {
            can_encrypt,
            ..record.clone()
        })),
        // Ended was refused above.
        Phase::Waiting | Phase::Admitted | Phase::Ended => Ok(None),
    }
}

fn admit(record: &Record, who: &Who, means: Means, now: UnixMillis) -> Result<Option<Record>, Fault> {
    let Who::Staff(staff) = who else {
        return Err(Fault::Forbidden);
    };
    check_link(record, now)?;
    match record.phase {
        Phase::Waiting => Ok(Some(Record {
            phase: Phase::Admitted,
            admitted_at: Some(now),
            staff: Some(staff.clone()),
            expires_at: record.expires_at.max(now.plus(CALL_LASTS)),
            encryption: means.encryption_with(record.can_encrypt).ok_or(Fault::CantEncrypt)?,
            ..record.clone()
        })),
        Phase::Admitted if record.staff.as_ref() == Some(staff) => Ok(None),
        Phase::Admitted => Err(Fault::Taken),
        Phase::Booked | Phase::Ended => Err(Fault::NotWaiting),
    }
}

pub(super) fn ended(record: &Record, at: UnixMillis) -> Record {
    Record {
        phase: Phase::Ended,
        ended_at: Some(at),
        ..record.clone()
    }
}

/// Whether a consultation's link works at `now`.
///
/// # Errors
/// [`Fault::LinkUsed`] when it is over, [`Fault::LinkExpired`] when nobody ended it and its time is up.
pub(crate) fn check_link(record: &Record, now: UnixMillis) -> Result<(), Fault> {
    if record.phase == Phase::Ended {
        let by_itself = record.ended_at.is_none_or(|at| at >= record.expires_at);
        return Err(if by_itself { Fault::LinkExpired } else { Fault::LinkUsed });
    }
    if now >= record.expires_at {
        return Err(Fault::LinkExpired);
    }
    Ok(())
}

/// The record with its end, when its time is up; `None`: it goes on.
pub(crate) fn expire(record: &Record, now: UnixMillis) -> Option<Record> {
    (record.phase != Phase::Ended && now >= record.expires_at).then(|| ended(record, record.expires_at))
}

/// Whether a member of staff who serves `serving` may admit `wanted`: one call at a time.
///
/// # Errors
/// [`Fault::InCall`].
pub(crate) fn check_free<'a>(
    mut serving: impl Iterator<Item = &'a Record>,
    wanted: &protocol::ids::ConsultationId,
    who: &Who,
) -> Result<(), Fault> {
    let Who::Staff(staff) = who else {
        return Err(Fault::Forbidden);
    };
    let is_busy = serving.any(|record| record.id != *wanted && people::is_staffed_by(record, staff));
    if is_busy { Err(Fault::InCall) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::config::EncryptionPolicy;
    use protocol::grants::Encryption;
    use protocol::ids::{ConsultationId, RoomId, SeatId, SectionId, StaffId};
    use store::consultations::Call;

    const CAN: Means = Means {
        policy: EncryptionPolicy::Require,
        can_encrypt: true,
    };
    const READY: Event = Event::Ready(CAN);
    const ADMIT: Event = Event::Admit(CAN);
    const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
    const LATER: UnixMillis = UnixMillis(NOW.0 + 60_000);
    const EXPIRES: UnixMillis = UnixMillis(NOW.0 + 3_600_000);

    fn staff(id: &str) -> Who {
        Who::Staff(StaffId::new(id).expect("valid"))
    }

    fn resident(record: &Record) -> Who {
        Who::Resident(record.id.clone())
    }

    fn booked() -> Record {
        Record {
            id: ConsultationId::random(),
            section: SectionId::new("kosodate").expect("valid"),
            phase: Phase::Booked,
            version: 1,
            created_by: Some(StaffId::new("hanako").expect("valid")),
            appointment: None,
            created_at: NOW,
            expires_at: EXPIRES,
            waiting_since: None,
            admitted_at: None,
            staff: None,
            ended_at: None,
            room: RoomId::random(),
            can_encrypt: false,
            encryption: Encryption::Off,
            call: Call::default(),
        }
    }

    fn waiting() -> Record {
        let record = booked();
        apply(&record, READY, &resident(&record), NOW)
            .expect("allowed")
            .expect("changed")
    }

    fn admitted() -> Record {
        apply(&waiting(), ADMIT, &staff("hanako"), LATER)
            .expect("allowed")
            .expect("changed")
    }

    #[test]
    fn the_straight_way_from_booking_to_hanging_up() {
        let record = waiting();
        assert_eq!((record.phase, record.waiting_since), (Phase::Waiting, Some(NOW)));
        let record = admitted();
        assert_eq!((record.phase, record.admitted_at), (Phase::Admitted, Some(LATER)));
        assert_eq!(record.staff, Some(StaffId::new("hanako").expect("valid")));
        let over = apply(&record, Event::End, &resident(&record), LATER)
            .expect("allowed")
            .expect("changed");
        assert_eq!((over.phase, over.ended_at), (Phase::Ended, Some(LATER)));
        assert_eq!(check_link(&over, LATER), Err(Fault::LinkUsed));
    }

    #[test]
    fn every_event_may_come_twice() {
        let record = waiting();
        assert_eq!(apply(&record, READY, &resident(&record), LATER), Ok(None));
        let record = admitted();
        assert_eq!(apply(&record, READY, &resident(&record), LATER), Ok(None));
        assert_eq!(apply(&record, ADMIT, &staff("hanako"), LATER), Ok(None));
        let over = ended(&record, LATER);
        assert_eq!(apply(&over, Event::End, &staff("hanako"), LATER), Ok(None));
    }

    #[test]
    fn only_who_waits_is_admitted_and_only_once() {
        assert_eq!(apply(&booked(), ADMIT, &staff("hanako"), NOW), Err(Fault::NotWaiting));
        assert_eq!(apply(&admitted(), ADMIT, &staff("taro"), LATER), Err(Fault::Taken));
        let over = ended(&waiting(), LATER);
        assert_eq!(apply(&over, ADMIT, &staff("hanako"), LATER), Err(Fault::LinkUsed));
    }

    #[test]
    fn each_side_does_only_its_own_part() {
        let record = waiting();
        assert_eq!(apply(&record, ADMIT, &resident(&record), NOW), Err(Fault::Forbidden));
        assert_eq!(apply(&booked(), READY, &staff("hanako"), NOW), Err(Fault::Forbidden));
        let stranger = Who::Resident(ConsultationId::random());
        for event in [READY, ADMIT, Event::End] {
            assert_eq!(apply(&record, event, &stranger, NOW), Err(Fault::Forbidden));
        }
    }

    #[test]
    fn either_side_ends_it_from_any_phase_and_guests_never() {
        for record in [booked(), waiting(), admitted()] {
            for who in [resident(&record), staff("hanako")] {
                let over = apply(&record, Event::End, &who, LATER)
                    .expect("allowed")
                    .expect("changed");
                assert_eq!((over.phase, over.ended_at), (Phase::Ended, Some(LATER)));
                assert_eq!(apply(&over, READY, &resident(&record), LATER), Err(Fault::LinkUsed));
            }
        }
        let call = admitted();
        let guest = Who::Guest(call.id.clone(), SeatId::random());
        assert_eq!(apply(&call, Event::End, &guest, LATER), Err(Fault::Forbidden));
    }

    #[test]
    fn an_expired_link_does_nothing_any_more() {
        let record = booked();
        assert_eq!(check_link(&record, UnixMillis(EXPIRES.0 - 1)), Ok(()));
        assert_eq!(check_link(&record, EXPIRES), Err(Fault::LinkExpired));
        assert_eq!(
            apply(&record, READY, &resident(&record), EXPIRES),
            Err(Fault::LinkExpired)
        );
        assert_eq!(
            apply(&waiting(), ADMIT, &staff("hanako"), EXPIRES),
            Err(Fault::LinkExpired)
        );
        assert_eq!(expire(&record, UnixMillis(EXPIRES.0 - 1)), None);
        let over = expire(&record, LATER.plus(Duration::from_secs(3600))).expect("its time is up");
        assert_eq!(over.ended_at, Some(EXPIRES));
        assert_eq!(check_link(&over, EXPIRES), Err(Fault::LinkExpired), "nobody used it up");
        assert_eq!(expire(&over, EXPIRES), None);
    }

    #[test]
    fn a_call_is_not_cut_by_its_links_end() {
        let record = waiting();
        let last_minute = UnixMillis(EXPIRES.0 - 60_000);
        let record = apply(&record, ADMIT, &staff("hanako"), last_minute)
            .expect("allowed")
            .expect("changed");
        assert_eq!(record.expires_at, last_minute.plus(CALL_LASTS));
    }

    #[test]
    fn staff_have_one_call_at_a_time() {
        let (call, next) = (admitted(), waiting());
        let all = [call.clone(), next.clone()];
        assert_eq!(check_free(all.iter(), &next.id, &staff("hanako")), Err(Fault::InCall));
        assert_eq!(check_free(all.iter(), &call.id, &staff("hanako")), Ok(()));
        assert_eq!(check_free(all.iter(), &next.id, &staff("taro")), Ok(()));
    }

    /// A resident's browser and a member of staff's, and what they get under a policy.
    fn held(policy: EncryptionPolicy, resident_can: bool, staff_can: bool) -> Result<Encryption, Fault> {
        let means = |can_encrypt| Means { policy, can_encrypt };
        let record = booked();
        let waiting = apply(&record, Event::Ready(means(resident_can)), &resident(&record), NOW)?.expect("changed");
        let admitted = apply(&waiting, Event::Admit(means(staff_can)), &staff("hanako"), NOW)?.expect("changed");
        Ok(admitted.encryption)
    }

    #[test]
    fn a_call_is_encrypted_as_the_office_wants_and_the_browsers_can() {
        use EncryptionPolicy::{Allow, Off, Require};
        assert_eq!(held(Require, true, true), Ok(Encryption::Require));
        assert_eq!(held(Allow, true, true), Ok(Encryption::Require));
        assert_eq!(held(Off, true, true), Ok(Encryption::Off));
        for (resident_can, staff_can) in [(true, false), (false, true), (false, false)] {
            assert_eq!(held(Require, resident_can, staff_can), Err(Fault::CantEncrypt));
            assert_eq!(held(Allow, resident_can, staff_can), Ok(Encryption::Off));
            assert_eq!(held(Off, resident_can, staff_can), Ok(Encryption::Off));
        }
    }

    #[test]
    fn who_comes_back_with_another_browser_says_so_and_keeps_the_place() {
        let can_not = Event::Ready(Means {
            policy: EncryptionPolicy::Allow,
            can_encrypt: false,
        });
        let record = waiting();
        let again = apply(&record, can_not, &resident(&record), LATER)
            .expect("allowed")
            .expect("changed");
        assert_eq!((again.can_encrypt, again.waiting_since), (false, Some(NOW)));
    }
}
