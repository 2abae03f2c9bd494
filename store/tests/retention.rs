//! What is deleted when, by a moved clock, in real Redis.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::office;
use protocol::config::Privacy;
use protocol::grants::Encryption;
use protocol::ids::{ConsultationId, RoomId, SectionId, StaffId};
use protocol::signal::Phase;
use protocol::time::UnixMillis;
use store::consultations::{self, Call, Rating, Record};
use store::retention::{Swept, sweep};
use store::{Db, audit, facts};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);
const HOUR: Duration = Duration::from_secs(3600);

async fn held(db: &Db, code: &str, ended_at: UnixMillis) -> ConsultationId {
    let record = Record {
        id: ConsultationId::random(),
        section: SectionId::new("kosodate").unwrap(),
        phase: Phase::Admitted,
        version: 1,
        created_by: Some(StaffId::new("taro").unwrap()),
        appointment: None,
        created_at: NOW,
        expires_at: NOW.plus(48 * HOUR),
        waiting_since: Some(UnixMillis(NOW.0 - 600_000)),
        admitted_at: Some(NOW),
        staff: Some(StaffId::new("hanako").unwrap()),
        ended_at: None,
        room: RoomId::random(),
        can_encrypt: true,
        encryption: Encryption::Require,
        call: Call::default(),
    };
    consultations::create(db, &office(), &record, code, NOW).await.unwrap();
    let ward = office();
    let ended = consultations::update(db, &ward, &record.id, ended_at, |old| {
        Some(Record {
            phase: Phase::Ended,
            ended_at: Some(ended_at),
            call: Call {
                rating: Some(Rating {
                    score: 4,
                    at: ended_at,
                    is_changed: false,
                }),
                ..old.call.clone()
            },
            ..old.clone()
        })
    });
    assert!(ended.await.unwrap().unwrap().1);
    record.id
}

on_both!(of_a_consultation_only_the_facts_are_left_after_its_time);
async fn of_a_consultation_only_the_facts_are_left_after_its_time(db: &Db) {
    let keep = Privacy::default();
    let first = held(db, "first", NOW.plus(HOUR)).await;
    let second = held(db, "second", NOW.plus(2 * HOUR)).await;
    // A minute before its time all is there, so that the link can say that it is over.
    let just_before = NOW.plus(25 * HOUR);
    assert_eq!(
        sweep(db, &office(), &keep, just_before).await.unwrap(),
        Swept::default()
    );
    assert!(consultations::by_code(db, &office(), "first").await.unwrap().is_some());

    let just_after = UnixMillis(just_before.0 + 1);
    let swept = sweep(db, &office(), &keep, just_after).await.unwrap();
    assert_eq!(swept.consultations, 1);
    assert!(consultations::get(db, &office(), &first).await.unwrap().is_none());
    assert!(consultations::by_code(db, &office(), "first").await.unwrap().is_none());
    assert!(consultations::get(db, &office(), &second).await.unwrap().is_some());
    assert_eq!(
        sweep(db, &office(), &keep, just_after).await.unwrap(),
        Swept::default(),
        "once"
    );

    let facts = facts::between(db, &office(), NOW, NOW.plus(48 * HOUR)).await.unwrap();
    assert_eq!(
        facts.iter().map(|facts| &facts.id).collect::<Vec<_>>(),
        [&first, &second]
    );
    assert_eq!(facts[0].staff.as_ref().unwrap().as_str(), "hanako");
    assert_eq!((facts[0].from, facts[0].lasted_ms), (Some(NOW), 3_600_000));
    assert_eq!((facts[1].waited_ms, facts[1].score), (600_000, Some(4)));
    let entries = audit::read(db, &office(), 0, 10).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (entries[0].what.as_str(), entries[0].which.as_str()),
        ("consultation.forgotten", first.as_str())
    );
}

on_both!(facts_and_the_log_go_in_their_own_time);
async fn facts_and_the_log_go_in_their_own_time(db: &Db) {
    let keep = Privacy {
        keep_consultations: HOUR,
        keep_audit: 100 * HOUR,
    };
    let id = held(db, "code", NOW).await;
    sweep(db, &office(), &keep, NOW.plus(2 * HOUR)).await.unwrap();
    let left = facts::newest(db, &office(), 9).await.unwrap();
    assert_eq!(left.iter().map(|it| &it.id).collect::<Vec<_>>(), [&id]);
    let swept = sweep(db, &office(), &keep, NOW.plus(103 * HOUR)).await.unwrap();
    assert_eq!(facts::newest(db, &office(), 9).await.unwrap(), []);
    assert_eq!((swept.facts, swept.audit_entries), (1, 1));
    assert_eq!(facts::between(db, &office(), NOW, NOW.plus(HOUR)).await.unwrap(), []);
    assert!(audit::verify(db, &office(), vec![]).await.unwrap().is_ok());
}
