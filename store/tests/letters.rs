//! The queue of letters: with the change that it tells of, to one sender at a time, never lost.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::office;
use protocol::booking::{Channel, Quota, Slot};
use protocol::config::Kind;
use protocol::ids::{AppointmentId, BookingId, SectionId};
use protocol::time::UnixMillis;
use store::Db;
use store::appointments::{Book, Booked, Moved, Person, Record, State};
use store::consultations::new_code;
use store::letters::{Letter, Post, Subject, Taken, Trouble, Way};

const DAY: &str = "2100-01-12";
const NOW: UnixMillis = UnixMillis(4_103_400_000_000);
const HOUR: Duration = Duration::from_secs(3600);
const SOON: Duration = Duration::from_secs(600);
const LEASE: Duration = Duration::from_secs(120);
const QUOTA: Quota = Quota { capacity: 99, web: 99 };

fn slot(in_hours: u32) -> Slot {
    let starts_at = NOW.plus(HOUR * in_hours);
    Slot {
        starts_at,
        ends_at: starts_at.plus(HOUR),
    }
}

fn record(in_hours: u32) -> Record {
    Record {
        id: AppointmentId::random(),
        booking: BookingId::new("kosodate-call").unwrap(),
        kind: Kind::Remote,
        section: SectionId::new("kosodate").unwrap(),
        topic: None,
        slot: slot(in_hours),
        channel: Channel::Web,
        state: State::Booked,
        version: 1,
        created_at: NOW,
        created_by: None,
        lang: "ja".to_owned(),
        is_to_be_called: false,
    }
}

static OFFICE: std::sync::LazyLock<protocol::ids::OfficeId> = std::sync::LazyLock::new(office);

fn book(db: &Db) -> Book<'_> {
    Book {
        ledger: db,
        office: &OFFICE,
        keep_personal: HOUR,
    }
}

fn post(db: &Db) -> Post<'_> {
    Post {
        ledger: db,
        office: &OFFICE,
    }
}

async fn booked(db: &Db, in_hours: u32) -> Record {
    let wanted = record(in_hours);
    let person = Person {
        name: "葛\u{E0100}城".to_owned(),
        mail: Some("k@example.jp".to_owned()),
        telephone: None,
        line: None,
        answers: Vec::new(),
    };
    let letters = Letter::after(&wanted, Some(Subject::Confirm), Way::Mail, SOON, NOW);
    let outcome = book(db).book(&wanted, &person, &new_code(), DAY, QUOTA, &letters).await;
    assert!(matches!(outcome.unwrap(), Booked::New(_)));
    wanted
}

async fn due(db: &Db, at: UnixMillis) -> Vec<Taken> {
    post(db).take(at, LEASE, 100).await.unwrap()
}

fn subjects(letters: &[Taken]) -> Vec<Subject> {
    letters.iter().map(|it| it.subject).collect()
}

on_both!(each_letter_comes_at_its_time_once);
async fn each_letter_comes_at_its_time_once(db: &Db) {
    let one = booked(db, 48).await;
    for (at, expected) in [
        (NOW, vec![Subject::Confirm]),
        (NOW.plus(HOUR * 24), vec![Subject::Day]),
        (UnixMillis(one.slot.starts_at.0 - 600_001), vec![]),
        (UnixMillis(one.slot.starts_at.0 - 600_000), vec![Subject::Soon]),
        (one.slot.ends_at, vec![]),
    ] {
        let letters = due(db, at).await;
        assert_eq!(subjects(&letters), expected);
        for letter in &letters {
            assert_eq!(letter.appointment, one.id);
            post(db).done(letter).await.unwrap();
        }
    }
    assert_eq!(post(db).waiting().await.unwrap(), 0);
    // Who books for tonight has just been told.
    booked(db, 5).await;
    assert_eq!(post(db).waiting().await.unwrap(), 2);
}

on_both!(of_many_senders_one_has_each_letter);
async fn of_many_senders_one_has_each_letter(db: &Db) {
    for _ in 0..20 {
        booked(db, 5).await;
    }
    let senders = (0..10).map(|_| {
        let db = db.clone();
        tokio::spawn(async move { post(&db).take(NOW, LEASE, 3).await.unwrap() })
    });
    let mut seen = std::collections::HashSet::new();
    for sender in senders.collect::<Vec<_>>() {
        for letter in sender.await.unwrap() {
            assert!(seen.insert(letter.appointment.clone()), "two have the same letter");
        }
    }
    assert_eq!(seen.len(), 20);
    assert!(due(db, NOW).await.is_empty(), "all are being sent");
    let again = due(db, NOW.plus(LEASE)).await;
    assert_eq!(again.len(), 20, "a sender that died leaves its letters to others");
}

on_both!(what_fails_is_tried_again_and_staff_see_it);
async fn what_fails_is_tried_again_and_staff_see_it(db: &Db) {
    let one = booked(db, 5).await;
    let trouble = |tries, is_given_up| Trouble {
        tries,
        is_given_up,
        at: NOW,
        why: "connection refused".to_owned(),
    };
    let first = due(db, NOW).await.remove(0);
    let retry_at = NOW.plus(Duration::from_secs(30));
    post(db).again(&first, retry_at, &trouble(1, false)).await.unwrap();
    assert!(due(db, NOW.plus(Duration::from_secs(29))).await.is_empty());
    let second = due(db, retry_at).await.remove(0);
    assert_eq!(second.tries, 1);
    assert_eq!(
        post(db).troubles().await.unwrap()[&one.id],
        [(Subject::Confirm, Way::Mail, trouble(1, false))]
    );
    // The first sender comes back long after its lease: it can't take off what another has.
    post(db).done(&first).await.unwrap();
    assert_eq!(post(db).waiting().await.unwrap(), 2);
    post(db).give_up(&second, &trouble(2, true)).await.unwrap();
    assert_eq!(post(db).waiting().await.unwrap(), 1, "the reminder stays");
    assert!(post(db).troubles().await.unwrap()[&one.id][0].2.is_given_up);
    post(db).tidy(NOW).await.unwrap();
    assert_eq!(post(db).troubles().await.unwrap().len(), 1);
    post(db).tidy(UnixMillis(NOW.0 + 1)).await.unwrap();
    assert!(post(db).troubles().await.unwrap().is_empty());
}

on_both!(a_change_takes_the_old_reminders_along);
async fn a_change_takes_the_old_reminders_along(db: &Db) {
    let one = booked(db, 48).await;
    let sending = due(db, NOW).await.remove(0);
    let mut moved = one.clone();
    moved.slot = slot(30);
    let letters = Letter::after(&moved, Some(Subject::Changed), Way::Mail, SOON, NOW);
    let outcome = book(db).reschedule(&one, moved.slot, DAY, DAY, QUOTA, &letters).await;
    let Moved::Done(moved) = outcome.unwrap() else {
        panic!("there is room");
    };
    post(db).done(&sending).await.unwrap();
    assert_eq!(subjects(&due(db, NOW).await), [Subject::Changed]);
    assert_eq!(
        subjects(&due(db, NOW.plus(HOUR * 6)).await),
        [Subject::Changed, Subject::Day]
    );

    let mut gone = moved.clone();
    gone.state = State::Cancelled;
    let at = NOW.plus(HOUR * 7);
    let letters = Letter::after(&gone, Some(Subject::Cancelled), Way::Mail, SOON, at);
    let closed = book(db)
        .close(&moved, State::Cancelled, DAY, at, &letters)
        .await
        .unwrap();
    assert!(closed.is_some());
    assert_eq!(subjects(&due(db, NOW.plus(HOUR * 100)).await), [Subject::Cancelled]);
}
