//! Consultations, broadcasts and presence, on one server and on a cluster alike.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::office;
use protocol::grants::Encryption;
use protocol::ids::{BroadcastId, ConsultationId, RoomId, SectionId, StaffId};
use protocol::signal::Phase;
use protocol::time::UnixMillis;
use store::broadcasts::{self, Audience, TokenHash};
use store::consultations::{self, Call, Record};
use store::{Db, presence};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn record() -> Record {
    Record {
        id: ConsultationId::random(),
        section: SectionId::new("kosodate").unwrap(),
        phase: Phase::Booked,
        version: 1,
        created_by: Some(StaffId::new("hanako").unwrap()),
        appointment: None,
        created_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(3600)),
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

on_both!(a_link_leads_to_its_consultation_also_after_its_end);
async fn a_link_leads_to_its_consultation_also_after_its_end(db: &Db) {
    let (one, code) = (record(), consultations::new_code());
    consultations::create(db, &office(), &one, &code, NOW).await.unwrap();
    assert_eq!(
        consultations::by_code(db, &office(), &code).await.unwrap(),
        Some(one.clone())
    );
    assert_eq!(consultations::by_code(db, &office(), "guess").await.unwrap(), None);
    let other = protocol::ids::OfficeId::new("kita").unwrap();
    assert_eq!(
        consultations::by_code(db, &other, &code).await.unwrap(),
        None,
        "links hold in their own office"
    );
    assert_eq!(
        consultations::open(db, &office(), NOW).await.unwrap(),
        vec![one.clone()]
    );

    let end = |old: &Record| {
        Some(Record {
            phase: Phase::Ended,
            ended_at: Some(NOW),
            ..old.clone()
        })
    };
    let (ended, changed) = consultations::update(db, &office(), &one.id, NOW, end)
        .await
        .unwrap()
        .unwrap();
    assert!(changed && ended.version == 2);
    assert_eq!(consultations::open(db, &office(), NOW).await.unwrap(), vec![]);
    assert_eq!(
        consultations::by_code(db, &office(), &code)
            .await
            .unwrap()
            .unwrap()
            .phase,
        Phase::Ended
    );
}

on_both!(an_expired_consultation_is_not_open);
async fn an_expired_consultation_is_not_open(db: &Db) {
    let one = record();
    consultations::create(db, &office(), &one, &consultations::new_code(), NOW)
        .await
        .unwrap();
    assert_eq!(
        consultations::open(db, &office(), one.expires_at).await.unwrap(),
        vec![]
    );
}

on_both!(of_many_who_admit_at_once_exactly_one_does);
async fn of_many_who_admit_at_once_exactly_one_does(db: &Db) {
    let one = record();
    consultations::create(db, &office(), &one, &consultations::new_code(), NOW)
        .await
        .unwrap();
    let admit = async |staff: usize| {
        let staff = StaffId::new(format!("staff-{staff}")).unwrap();
        consultations::update(db, &office(), &one.id, NOW, |old| {
            (old.phase == Phase::Booked).then(|| Record {
                phase: Phase::Admitted,
                staff: Some(staff.clone()),
                ..old.clone()
            })
        })
        .await
        .unwrap()
        .unwrap()
    };
    let (a, b, c, d) = tokio::join!(admit(1), admit(2), admit(3), admit(4));
    let winners = [&a, &b, &c, &d].iter().filter(|(_, changed)| *changed).count();
    assert_eq!(winners, 1);
    let stored = consultations::get(db, &office(), &one.id).await.unwrap().unwrap();
    assert_eq!(stored.version, 2);
    assert!([a, b, c, d].iter().all(|(record, _)| record.staff == stored.staff));
}

on_both!(presence_is_marked_and_cleared);
async fn presence_is_marked_and_cleared(db: &Db) {
    let id = ConsultationId::random();
    assert!(!presence::is_present(db, &office(), &id).await.unwrap());
    presence::mark(db, &office(), &id).await.unwrap();
    presence::mark(db, &office(), &id).await.unwrap();
    assert!(presence::is_present(db, &office(), &id).await.unwrap());
    presence::clear(db, &office(), &id).await.unwrap();
    assert!(!presence::is_present(db, &office(), &id).await.unwrap());
}

fn broadcast(minutes: u64) -> broadcasts::Record {
    broadcasts::Record {
        id: BroadcastId::random(),
        title: "区長からのお知らせ".into(),
        created_by: StaffId::new("hanako").unwrap(),
        created_at: NOW,
        expires_at: NOW.plus(Duration::from_secs(minutes * 60)),
        room: RoomId::random(),
        publisher: TokenHash::of("bring"),
        audience: Audience::Public,
    }
}

on_both!(broadcasts_end_once_each_by_hand_or_when_their_time_is_up);
async fn broadcasts_end_once_each_by_hand_or_when_their_time_is_up(db: &Db) {
    let (short, long) = (broadcast(1), broadcast(60));
    for record in [&short, &long] {
        assert!(broadcasts::create(db, &office(), record).await.unwrap());
    }
    assert_eq!(
        broadcasts::open(db, &office(), NOW).await.unwrap(),
        [short.clone(), long.clone()]
    );
    let found = broadcasts::get(db, &office(), &short.id).await.unwrap().unwrap();
    assert!(found.publisher.is_of("bring") && !found.publisher.is_of("Bring"));

    let later = NOW.plus(Duration::from_secs(60));
    assert_eq!(
        broadcasts::open(db, &office(), later).await.unwrap(),
        std::slice::from_ref(&long)
    );
    assert_eq!(
        broadcasts::take_over(db, &office(), later).await.unwrap(),
        std::slice::from_ref(&short)
    );
    assert_eq!(broadcasts::take_over(db, &office(), later).await.unwrap(), []);
    assert_eq!(broadcasts::get(db, &office(), &short.id).await.unwrap(), None);

    let removed = broadcasts::remove(db, &office(), &long.id).await.unwrap();
    assert_eq!(removed.as_ref(), Some(&long));
    assert_eq!(broadcasts::remove(db, &office(), &long.id).await.unwrap(), None);
    assert_eq!(broadcasts::open(db, &office(), NOW).await.unwrap(), []);
}

on_both!(an_office_has_only_so_many_broadcasts_at_once);
async fn an_office_has_only_so_many_broadcasts_at_once(db: &Db) {
    let all: Vec<_> = (0..=broadcasts::AT_ONCE).map(|_| broadcast(60)).collect();
    let (last, first) = all.split_last().unwrap();
    for record in first {
        assert!(broadcasts::create(db, &office(), record).await.unwrap());
    }
    assert!(!broadcasts::create(db, &office(), last).await.unwrap());
    assert_eq!(broadcasts::get(db, &office(), &last.id).await.unwrap(), None);
    broadcasts::remove(db, &office(), &first[0].id).await.unwrap();
    assert!(broadcasts::create(db, &office(), last).await.unwrap());
}

on_both!(what_is_drawn_is_kept_by_version_and_the_slower_one_is_told);
async fn what_is_drawn_is_kept_by_version_and_the_slower_one_is_told(db: &Db) {
    use protocol::ids::CameraId;
    use protocol::setup::Geometry;
    use store::cameras::{Over, set_up, setups};

    let (office, north) = (office(), CameraId::new("north").unwrap());
    let by = StaffId::new("kanri").unwrap();
    let geometry = Geometry {
        person_heights: [[0.3, 0.1], [0.9, 0.2]],
        polygon: Some(vec![[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]]),
        line: None,
        overlaps: None,
        bays: Vec::new(),
    };
    assert!(setups(db, &office).await.unwrap().is_empty());
    let new = (Some(geometry.clone()), &by, NOW);
    let first = set_up(db, &office, &north, 0, new.clone()).await.unwrap().unwrap();
    assert_eq!((first.version, first.by.as_str()), (1, "kanri"));
    assert_eq!(set_up(db, &office, &north, 0, new.clone()).await.unwrap(), None);
    assert_eq!(setups(db, &office).await.unwrap()[&north], first);
    let racing = || set_up(db, &office, &north, 1, new.clone());
    let (one, other) = tokio::join!(racing(), racing());
    let written = [one.unwrap(), other.unwrap()].into_iter().flatten().count();
    assert_eq!(written, 1, "one of two at once");
    let back = set_up(db, &office, &north, 2, (None, &by, NOW)).await.unwrap().unwrap();
    assert_eq!((back.version, back.geometry), (3, None));
    // What was judged by another camera's drawing is written only while that stands.
    let south = CameraId::new("south").unwrap();
    let over = |version, beside: &[(&CameraId, u64)]| Over {
        version,
        beside: beside.iter().map(|(id, version)| ((*id).clone(), *version)).collect(),
    };
    let moved = set_up(db, &office, &south, over(0, &[(&north, 2)]), new.clone()).await;
    assert_eq!(moved.unwrap(), None);
    let judged = over(0, &[(&north, 3), (&CameraId::new("west").unwrap(), 0)]);
    assert!(
        set_up(db, &office, &south, judged, new.clone())
            .await
            .unwrap()
            .is_some()
    );
    let back_to_back = || async {
        let of_north = set_up(db, &office, &north, over(3, &[(&south, 1)]), new.clone());
        let of_south = set_up(db, &office, &south, over(1, &[(&north, 3)]), new.clone());
        let (one, other) = tokio::join!(of_north, of_south);
        [one.unwrap(), other.unwrap()].into_iter().flatten().count()
    };
    assert_eq!(back_to_back().await, 1, "one of two that were judged by each other");
}

on_both!(a_word_on_a_count_is_taken_once_or_withdrawn);
async fn a_word_on_a_count_is_taken_once_or_withdrawn(db: &Db) {
    use protocol::ids::AreaId;
    use store::corrections::{is_waiting, leave, take, withdraw};

    let (office, hall) = (office(), AreaId::new("hall").unwrap());
    assert_eq!(take(db, &office, &hall).await.unwrap(), None);
    leave(db, &office, &hall, 7).await.unwrap();
    leave(db, &office, &hall, 9).await.unwrap();
    assert!(is_waiting(db, &office, &hall).await.unwrap());
    assert_eq!(take(db, &office, &hall).await.unwrap(), Some(9), "the newest");
    assert_eq!(take(db, &office, &hall).await.unwrap(), None);
    assert!(!withdraw(db, &office, &hall).await.unwrap(), "it was taken");
    leave(db, &office, &hall, 0).await.unwrap();
    assert!(withdraw(db, &office, &hall).await.unwrap());
    assert!(!is_waiting(db, &office, &hall).await.unwrap());
}
