//! What may happen to the seats of a consultation, told as what happens to people.

use protocol::config::EncryptionPolicy;
use protocol::ids::{ConsultationId, RoomId};

use super::*;
use crate::consultation::model::Means;
use crate::consultation::people::{may_enter, members, put_out};
use crate::consultation::rules::{self, Event};

const NOW: UnixMillis = UnixMillis(1_700_000_000_000);
const LATER: UnixMillis = UnixMillis(NOW.0 + 10_000);
const CAN: Means = Means {
    policy: EncryptionPolicy::Require,
    can_encrypt: true,
};

fn id(text: &str) -> StaffId {
    StaffId::new(text).expect("valid")
}

fn staff(text: &str) -> Who {
    Who::Staff(id(text))
}

fn section(text: &str) -> SectionId {
    SectionId::new(text).expect("valid")
}

fn resident(record: &Record) -> Who {
    Who::Resident(record.id.clone())
}

fn guest(record: &Record, seat: &SeatId) -> Who {
    Who::Guest(record.id.clone(), seat.clone())
}

fn waiting() -> Record {
    Record {
        id: ConsultationId::random(),
        section: section("kosodate"),
        phase: Phase::Waiting,
        version: 2,
        created_by: Some(id("hanako")),
        appointment: None,
        created_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(3600)),
        waiting_since: Some(NOW),
        admitted_at: None,
        staff: None,
        ended_at: None,
        room: RoomId::random(),
        can_encrypt: true,
        encryption: Encryption::Off,
        call: Call::default(),
    }
}

fn call() -> Record {
    rules::apply(&waiting(), Event::Admit(CAN), &staff("hanako"), NOW)
        .expect("allowed")
        .expect("changed")
}

fn new_seat() -> NewSeat {
    NewSeat {
        id: SeatId::random(),
        section: Some(section("kaigo")),
        name: None,
    }
}

/// Does it as hanako, who serves.
fn done(record: &Record, what: Act) -> Result<Option<Record>, Fault> {
    apply(record, &what, &new_seat(), &staff("hanako"), LATER)
}

fn did(record: &Record, what: Act) -> Record {
    done(record, what).expect("allowed").expect("changed")
}

fn invite(part: Part, whom: Option<&str>, is_let_in: bool) -> Act {
    Act::Invite {
        part,
        staff: whom.map(id),
        is_let_in,
    }
}

/// The record with a seat for a guest by link, and the seat.
fn invited(record: &Record, part: Part, is_let_in: bool) -> (Record, SeatId) {
    let record = did(record, invite(part, None, is_let_in));
    let seat = record.call.seats.last().expect("a seat").id.clone();
    (record, seat)
}

fn arrives(record: &Record, seat: &SeatId) -> Record {
    rules::apply(record, Event::Ready(CAN), &guest(record, seat), LATER)
        .expect("allowed")
        .expect("changed")
}

/// The record with taro's console ringing, and his seat.
fn ringing(record: &Record) -> (Record, SeatId) {
    let record = did(record, invite(Part::Colleague, Some("taro"), false));
    let seat = record.call.seats.last().expect("a seat").id.clone();
    (record, seat)
}

fn answers(record: &Record, seat: &SeatId, accepts: bool, at: UnixMillis) -> Result<Option<Record>, Fault> {
    let act = Act::Answer {
        seat: seat.clone(),
        accepts,
        can_encrypt: true,
    };
    apply(record, &act, &new_seat(), &staff("taro"), at)
}

/// taro has come.
fn of_three() -> (Record, SeatId) {
    let (record, seat) = ringing(&call());
    let record = answers(&record, &seat, true, LATER).expect("allowed").expect("changed");
    (record, seat)
}

#[test]
fn a_guest_waits_to_be_let_in_and_one_let_in_ahead_does_not() {
    let (record, seat) = invited(&call(), Part::Interpreter, false);
    let interpreter = guest(&record, &seat);
    assert!(!may_enter(&record, &interpreter));
    let record = arrives(&record, &seat);
    assert!(!may_enter(&record, &interpreter));
    let record = did(&record, Act::LetIn { seat: seat.clone() });
    assert!(may_enter(&record, &interpreter));
    assert_eq!(done(&record, Act::LetIn { seat }), Ok(None), "twice is as good");

    let (record, seat) = invited(&call(), Part::Family, true);
    assert!(may_enter(&arrives(&record, &seat), &guest(&record, &seat)));
}

#[test]
fn who_was_let_in_ahead_of_the_call_comes_in_with_it() {
    let (record, seat) = invited(&waiting(), Part::Family, true);
    let record = arrives(&record, &seat);
    assert!(members(&record).is_empty());
    let record = rules::apply(&record, Event::Admit(CAN), &staff("hanako"), LATER)
        .expect("allowed")
        .expect("changed");
    assert!(may_enter(&record, &guest(&record, &seat)));
}

#[test]
fn nobody_comes_into_a_locked_call() {
    let (record, seat) = invited(&call(), Part::Family, true);
    let record = did(&record, Act::Lock { is_locked: true });
    let record = arrives(&record, &seat);
    assert!(
        !may_enter(&record, &guest(&record, &seat)),
        "not even who was let in ahead"
    );
    assert_eq!(done(&record, Act::LetIn { seat: seat.clone() }), Err(Fault::Locked));
    assert_eq!(done(&record, invite(Part::Family, None, false)), Err(Fault::Locked));
    let record = did(&record, Act::Lock { is_locked: false });
    assert!(done(&record, Act::LetIn { seat }).is_ok());
}

#[test]
fn only_who_serves_has_power_in_a_call() {
    let (record, seat) = invited(&call(), Part::Interpreter, false);
    let record = arrives(&record, &seat);
    let (record, _) = {
        let record = did(&record, Act::LetIn { seat: seat.clone() });
        let (record, ring) = ringing(&record);
        let record = answers(&record, &ring, true, LATER).expect("allowed").expect("changed");
        (record, ring)
    };
    let acts = [
        invite(Part::Family, None, false),
        Act::LetIn { seat: seat.clone() },
        Act::Remove { seat: seat.clone() },
        Act::Silence {
            participant: resident(&record).participant(&record.id),
        },
        Act::Hold { is_held: true },
        Act::Lock { is_locked: true },
        Act::HandOver { seat: seat.clone() },
        Act::CallBack,
        Act::NoShow,
        Act::Move {
            section: section("kaigo"),
            staff: None,
        },
    ];
    for act in acts {
        for who in [resident(&record), guest(&record, &seat), staff("taro"), staff("jiro")] {
            assert_eq!(
                apply(&record, &act, &new_seat(), &who, LATER),
                Err(Fault::Forbidden),
                "{act:?} {who:?}"
            );
        }
        assert_ne!(done(&record, act.clone()), Err(Fault::Forbidden), "{act:?}");
    }
    let end = |who: &Who| rules::apply(&record, Event::End, who, LATER);
    assert_eq!(end(&guest(&record, &seat)), Err(Fault::Forbidden));
    // Which of the staff may, the table of rights says: see `access`.
    assert!(end(&staff("hanako")).is_ok());
}

#[test]
fn a_ring_is_answered_refused_or_missed() {
    let (record, seat) = ringing(&call());
    let taro = staff("taro");
    assert!(!may_enter(&record, &taro));
    let there = answers(&record, &seat, true, LATER).expect("allowed").expect("changed");
    assert!(may_enter(&there, &taro));
    assert_eq!(answers(&there, &seat, true, LATER), Ok(None));
    let away = answers(&record, &seat, false, LATER)
        .expect("allowed")
        .expect("changed");
    assert_eq!(away.call.seats[0].state, SeatState::Declined);
    assert!(!may_enter(&away, &taro));

    let too_late = LATER.plus(RING_LASTS);
    assert_eq!(answers(&record, &seat, true, too_late), Err(Fault::SeatGone));
    assert_eq!(missed(&record, UnixMillis(too_late.0 - 1)), None);
    let missed = missed(&record, too_late).expect("changed");
    assert_eq!(missed.call.seats[0].state, SeatState::Missed);
    let (again, _) = ringing(&missed);
    assert_eq!(again.call.seats.len(), 1, "who is called again needs no word of before");
    let stranger = apply(
        &record,
        &Act::Answer {
            seat,
            accepts: true,
            can_encrypt: true,
        },
        &new_seat(),
        &staff("jiro"),
        LATER,
    );
    assert_eq!(stranger, Err(Fault::Forbidden));
}

#[test]
fn on_hold_only_staff_are_in_the_room() {
    let (record, ring) = of_three();
    let (record, seat) = invited(&record, Part::Family, true);
    let record = arrives(&record, &seat);
    assert_eq!(members(&record).len(), 4);
    let held = did(&record, Act::Hold { is_held: true });
    let out = put_out(&record, &held);
    assert_eq!(out.len(), 2);
    for who in [resident(&record), guest(&record, &seat)] {
        assert!(!may_enter(&held, &who) && out.contains(&who.participant(&record.id)));
    }
    assert!(may_enter(&held, &staff("hanako")) && may_enter(&held, &staff("taro")));

    // The whisper is over: taro serves, hanako goes, the resident is back.
    let over = did(&held, Act::HandOver { seat: ring });
    assert_eq!(over.staff, Some(id("taro")));
    assert_eq!((over.section.as_str(), over.call.is_held), ("kaigo", false));
    assert_eq!(over.call.handed_over_at, Some(LATER));
    assert!(!may_enter(&over, &staff("hanako")));
    assert_eq!(members(&over).len(), 3);
    assert!(put_out(&held, &over).contains(&staff("hanako").participant(&over.id)));
    assert_eq!(
        done(&over, Act::Hold { is_held: true }),
        Err(Fault::Forbidden),
        "hanako has no power any more"
    );
}

#[test]
fn who_is_removed_or_went_is_out_for_good() {
    let (record, seat) = invited(&call(), Part::Interpreter, true);
    let record = arrives(&record, &seat);
    let gone = did(&record, Act::Remove { seat: seat.clone() });
    assert!(!may_enter(&gone, &guest(&gone, &seat)));
    assert_eq!(people::check_seat(&gone, &seat), Err(Fault::LinkUsed));
    assert_eq!(
        rules::apply(&gone, Event::Ready(CAN), &guest(&gone, &seat), LATER),
        Err(Fault::LinkUsed)
    );
    assert_eq!(done(&gone, Act::LetIn { seat: seat.clone() }), Err(Fault::NotWaiting));

    let left = apply(&record, &Act::Leave, &new_seat(), &guest(&record, &seat), LATER)
        .expect("allowed")
        .expect("changed");
    assert_eq!(people::phase_for(&left, &guest(&left, &seat)), Phase::Ended);
    assert_eq!(left.phase, Phase::Admitted, "the others go on");
}

#[test]
fn a_muted_person_is_told_how_often_and_nobody_mutes_themselves_by_it() {
    let record = call();
    let silenced = |record: &Record, who: &Who| {
        done(
            record,
            Act::Silence {
                participant: who.participant(&record.id),
            },
        )
    };
    let once = silenced(&record, &resident(&record))
        .expect("allowed")
        .expect("changed");
    let twice = silenced(&once, &resident(&record)).expect("allowed").expect("changed");
    assert_eq!(twice.call.mutes.values().copied().collect::<Vec<_>>(), [2]);
    assert_eq!(silenced(&record, &staff("hanako")), Err(Fault::SeatGone));
    assert_eq!(silenced(&record, &staff("jiro")), Err(Fault::SeatGone));
}

#[test]
fn who_is_called_back_keeps_the_place_and_staff_are_free() {
    let (record, _) = of_three();
    let (record, seat) = invited(&record, Part::Family, true);
    let record = arrives(&record, &seat);
    let back = did(&record, Act::CallBack);
    assert_eq!(
        (back.phase, back.waiting_since, &back.staff),
        (Phase::Waiting, Some(NOW), &None)
    );
    assert_eq!(back.call.wanted, Some(id("hanako")));
    assert!(members(&back).is_empty());
    assert_eq!(people::phase_for(&back, &guest(&back, &seat)), Phase::Waiting);
    let again = rules::apply(&back, Event::Admit(CAN), &staff("jiro"), LATER)
        .expect("allowed")
        .expect("changed");
    assert!(
        !may_enter(&again, &staff("taro")),
        "who was there before isn't there again by itself"
    );
}

#[test]
fn into_another_line_with_the_same_waiting_time() {
    let to_kaigo = || Act::Move {
        section: section("kaigo"),
        staff: Some(id("taro")),
    };
    for record in [waiting(), call()] {
        let moved = did(&record, to_kaigo());
        assert_eq!((moved.phase, moved.waiting_since), (Phase::Waiting, Some(NOW)));
        assert_eq!(
            (moved.section.as_str(), &moved.call.wanted),
            ("kaigo", &Some(id("taro")))
        );
        assert_eq!(done(&moved, to_kaigo()), Ok(None));
    }
}

#[test]
fn nobody_came_is_an_end_of_its_own() {
    let over = did(&waiting(), Act::NoShow);
    assert!(over.call.is_no_show && over.phase == Phase::Ended);
    assert_eq!(rate(&over, 5, LATER), Err(Fault::Forbidden), "there is nothing to rate");
}

#[test]
fn an_opinion_may_be_changed_once_and_soon() {
    let over = rules::apply(&call(), Event::End, &staff("hanako"), NOW)
        .expect("allowed")
        .expect("changed");
    assert_eq!(rate(&over, 6, NOW), Err(Fault::BadRequest));
    assert_eq!(rate(&over, 4, NOW.plus(RATED_WITHIN)), Err(Fault::LinkUsed));
    assert_eq!(rate(&call(), 4, NOW), Err(Fault::Forbidden), "it isn't over");
    let rated = rate(&over, 4, LATER).expect("allowed").expect("changed");
    assert_eq!(rate(&rated, 4, LATER), Ok(None));
    assert_eq!(rate(&rated, 1, LATER.plus(CHANGED_WITHIN)), Err(Fault::LinkUsed));
    let changed = rate(&rated, 1, LATER).expect("allowed").expect("changed");
    assert_eq!(changed.call.rating.map(|it| it.score), Some(1));
    assert_eq!(rate(&changed, 5, LATER), Err(Fault::LinkUsed));
}

#[test]
fn a_link_is_bound_to_the_device_that_was_let_in() {
    let record = waiting();
    let resident = resident(&record);
    let first = seen_from(&record, &resident, Some("a"))
        .expect("allowed")
        .expect("changed");
    let second = seen_from(&first, &resident, Some("b"))
        .expect("allowed")
        .expect("changed");
    let call = rules::apply(&second, Event::Admit(CAN), &staff("hanako"), NOW)
        .expect("allowed")
        .expect("changed");
    assert_eq!(seen_from(&call, &resident, Some("b")), Ok(None));
    assert_eq!(seen_from(&call, &resident, Some("a")), Err(Fault::LinkBound));
    assert_eq!(seen_from(&call, &resident, None), Err(Fault::LinkBound));

    let (call, seat) = invited(&call, Part::Family, true);
    let family = guest(&call, &seat);
    let call = seen_from(&call, &family, Some("c")).expect("allowed").expect("changed");
    let call = arrives(&call, &seat);
    assert_eq!(seen_from(&call, &family, Some("d")), Err(Fault::LinkBound));
    assert_eq!(seen_from(&call, &family, Some("c")), Ok(None));
}

#[test]
fn seats_have_a_bound_and_a_fitting_part() {
    let mut record = call();
    for _ in 0..MAX_SEATS {
        record = did(&record, invite(Part::Family, None, false));
    }
    assert_eq!(done(&record, invite(Part::Family, None, false)), Err(Fault::SeatsFull));
    for (part, whom) in [
        (Part::Resident, None),
        (Part::Staff, Some("taro")),
        (Part::Colleague, None),
        (Part::Family, Some("taro")),
        (Part::Colleague, Some("hanako")),
    ] {
        assert_eq!(
            done(&call(), invite(part, whom, false)),
            Err(Fault::BadRequest),
            "{part:?} {whom:?}"
        );
    }
    let ring = done(&waiting(), invite(Part::Colleague, Some("taro"), false));
    assert_eq!(ring, Err(Fault::BadRequest), "nobody rings where there is no call");
}

#[test]
fn who_cant_encrypt_stays_out_of_an_encrypted_call() {
    let (record, seat) = invited(&call(), Part::Interpreter, true);
    let can_not = Means {
        can_encrypt: false,
        ..CAN
    };
    let refused = rules::apply(&record, Event::Ready(can_not), &guest(&record, &seat), LATER);
    assert_eq!(refused, Err(Fault::CantEncrypt));
    let (record, seat) = ringing(&record);
    let act = Act::Answer {
        seat,
        accepts: true,
        can_encrypt: false,
    };
    let refused = apply(&record, &act, &new_seat(), &staff("taro"), LATER);
    assert_eq!(refused, Err(Fault::CantEncrypt));
}
