//! Appointments: never two in one place, never two of one form, nobody's name longer than it is needed.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Duration;

use common::office;
use protocol::booking::{Channel, Quota, Slot};
use protocol::config::Kind;
use protocol::ids::{AppointmentId, BookingId, SectionId};
use protocol::time::UnixMillis;
use store::Db;
use store::appointments::{Book, Booked, Moved, Person, Record, State, code_of_form};
use store::consultations::new_code;

const DAY: &str = "2100-01-12";
/// Far in the future, as Redis deletes by its own clock.
const NOW: UnixMillis = UnixMillis(4_103_400_000_000);

fn slot(number: u64) -> Slot {
    let starts_at = NOW.plus(Duration::from_secs(3600 + number * 1800));
    Slot {
        starts_at,
        ends_at: starts_at.plus(Duration::from_secs(1800)),
    }
}

fn record(number: u64, channel: Channel) -> Record {
    Record {
        id: AppointmentId::random(),
        booking: BookingId::new("kosodate-call").unwrap(),
        kind: Kind::Remote,
        section: SectionId::new("kosodate").unwrap(),
        topic: None,
        slot: slot(number),
        channel,
        state: State::Booked,
        version: 1,
        created_at: NOW,
        created_by: None,
        lang: "ja".to_owned(),
        is_to_be_called: false,
    }
}

/// 葛 with a variation selector (IVS), 𠮷 beyond the basic plane.
fn person() -> Person {
    Person {
        name: "葛\u{E0100}城 \u{20BB7}子".to_owned(),
        mail: Some("yoshiko@example.jp".to_owned()),
        telephone: None,
        line: None,
        answers: Vec::new(),
    }
}

fn book(db: &Db) -> Book<'_> {
    static OFFICE: std::sync::LazyLock<protocol::ids::OfficeId> = std::sync::LazyLock::new(office);
    Book {
        ledger: db,
        office: &OFFICE,
        keep_personal: Duration::from_secs(24 * 3600),
    }
}

const ONE: Quota = Quota { capacity: 1, web: 1 };

on_both!(two_hundred_at_once_for_the_last_place_give_exactly_one);
async fn two_hundred_at_once_for_the_last_place_give_exactly_one(db: &Db) {
    let quota = Quota { capacity: 3, web: 2 };
    let first = record(0, Channel::Web);
    let outcome = book(db)
        .book(&first, &person(), &new_code(), DAY, quota, &[])
        .await
        .unwrap();
    assert!(matches!(outcome, Booked::New(_)));
    let attempts = (0..200).map(|_| {
        let db = db.clone();
        tokio::spawn(async move {
            let wanted = record(0, Channel::Web);
            book(&db)
                .book(&wanted, &person(), &new_code(), DAY, quota, &[])
                .await
                .unwrap()
        })
    });
    let mut won = 0;
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Booked::New(_) => won += 1,
            other => assert_eq!(other, Booked::Full),
        }
    }
    assert_eq!(won, 1, "the web's share is two, and one was taken");
    let phone = record(0, Channel::Phone);
    let outcome = book(db)
        .book(&phone, &person(), &new_code(), DAY, quota, &[])
        .await
        .unwrap();
    assert!(
        matches!(outcome, Booked::New(_)),
        "what is left of the capacity is the phone's"
    );
    let late = record(0, Channel::WalkIn);
    assert_eq!(
        book(db)
            .book(&late, &person(), &new_code(), DAY, quota, &[])
            .await
            .unwrap(),
        Booked::Full
    );
    let taken = book(db).taken(&phone.booking, DAY).await.unwrap()[&slot(0).starts_at.0];
    assert_eq!((taken.web, taken.phone, taken.walk_in), (2, 1, 0));
}

on_both!(a_form_sent_many_times_books_once);
async fn a_form_sent_many_times_books_once(db: &Db) {
    let code = code_of_form("a form");
    let quota = Quota { capacity: 9, web: 9 };
    let attempts = (0..20).map(|_| {
        let (db, code) = (db.clone(), code.clone());
        tokio::spawn(async move {
            let wanted = record(1, Channel::Web);
            book(&db)
                .book(&wanted, &person(), &code, DAY, quota, &[])
                .await
                .unwrap()
        })
    });
    let (mut new, mut seen) = (0, Vec::new());
    for attempt in attempts.collect::<Vec<_>>() {
        match attempt.await.unwrap() {
            Booked::New(record) => {
                new += 1;
                seen.push(record);
            }
            Booked::Already(record) => seen.push(record),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(new, 1);
    assert!(seen.iter().all(|one| *one == seen[0]) && seen.len() == 20);
    assert_eq!(book(db).by_code(&code).await.unwrap().as_ref(), Some(&seen[0]));
    assert_eq!(
        book(db).person(&seen[0].id).await.unwrap(),
        Some(person()),
        "not a character is lost"
    );
    assert_eq!(book(db).by_code("guess").await.unwrap(), None);
}

on_both!(a_form_given_up_books_never_however_late_it_comes);
async fn a_form_given_up_books_never_however_late_it_comes(db: &Db) {
    let (lost, made) = (new_code(), new_code());
    let wanted = record(2, Channel::Web);
    assert_eq!(book(db).settle(&lost).await.unwrap(), None);
    let late = book(db).book(&wanted, &person(), &lost, DAY, ONE, &[]).await.unwrap();
    assert_eq!(late, Booked::GivenUp);
    assert_eq!(book(db).by_code(&lost).await.unwrap(), None);
    book(db).book(&wanted, &person(), &made, DAY, ONE, &[]).await.unwrap();
    assert_eq!(book(db).settle(&made).await.unwrap(), Some(wanted));
}

on_both!(moving_takes_the_new_place_and_frees_the_old_one_or_changes_nothing);
async fn moving_takes_the_new_place_and_frees_the_old_one_or_changes_nothing(db: &Db) {
    let (one, other) = (record(3, Channel::Web), record(4, Channel::Web));
    book(db)
        .book(&one, &person(), &new_code(), DAY, ONE, &[])
        .await
        .unwrap();
    book(db)
        .book(&other, &person(), &new_code(), DAY, ONE, &[])
        .await
        .unwrap();
    let moved = book(db).reschedule(&one, slot(4), DAY, DAY, ONE, &[]).await.unwrap();
    assert_eq!(moved, Moved::Full);
    assert_eq!(book(db).get(&one.id).await.unwrap(), Some(one.clone()));
    let Moved::Done(new) = book(db).reschedule(&one, slot(5), DAY, DAY, ONE, &[]).await.unwrap() else {
        panic!("there is room");
    };
    assert_eq!((new.slot, new.version), (slot(5), 2));
    assert_eq!(
        book(db).reschedule(&one, slot(6), DAY, DAY, ONE, &[]).await.unwrap(),
        Moved::Changed,
        "who has an old state changes nothing"
    );
    let again = record(3, Channel::Web);
    let outcome = book(db)
        .book(&again, &person(), &new_code(), DAY, ONE, &[])
        .await
        .unwrap();
    assert!(matches!(outcome, Booked::New(_)), "the old place is free");
    let agenda = book(db)
        .agenda(NOW, NOW.plus(Duration::from_secs(86_400)))
        .await
        .unwrap();
    let order: Vec<_> = agenda.iter().map(|record| &record.id).collect();
    assert_eq!(order, [&again.id, &other.id, &one.id]);
}

on_both!(a_short_code_works_once_and_becomes_a_link);
async fn a_short_code_works_once_and_becomes_a_link(db: &Db) {
    let (one, other) = (record(10, Channel::Phone), record(11, Channel::Phone));
    let code = new_code();
    book(db).book(&one, &person(), &code, DAY, ONE, &[]).await.unwrap();
    book(db)
        .book(&other, &person(), &new_code(), DAY, ONE, &[])
        .await
        .unwrap();
    assert!(book(db).give_short_code(&one, "aa").await.unwrap());
    assert!(
        !book(db).give_short_code(&other, "aa").await.unwrap(),
        "no code leads to two"
    );
    assert_eq!(book(db).open_short_code("bb", "guess").await.unwrap(), None);
    assert_eq!(book(db).of_short_code("bb").await.unwrap(), None);
    for _ in 0..2 {
        let found = book(db).of_short_code("aa").await.unwrap();
        assert_eq!(found.as_ref(), Some(&one), "a look leaves it as it is");
    }
    let attempts = (0..20).map(|n| {
        let db = db.clone();
        tokio::spawn(async move { book(&db).open_short_code("aa", &format!("link-{n}")).await.unwrap() })
    });
    let mut opened = 0;
    for (n, attempt) in attempts.collect::<Vec<_>>().into_iter().enumerate() {
        let found = attempt.await.unwrap();
        let by_link = book(db).by_code(&format!("link-{n}")).await.unwrap();
        assert_eq!(by_link.is_some(), found.is_some());
        opened += u32::from(found == Some(one.id.clone()));
    }
    assert_eq!(opened, 1);
    assert_eq!(book(db).of_short_code("aa").await.unwrap(), None);
    assert_eq!(
        book(db).by_code(&code).await.unwrap(),
        Some(one),
        "the first link stays"
    );
}

on_both!(names_are_deleted_at_their_time_whatever_redis_clock_says);
async fn names_are_deleted_at_their_time_whatever_redis_clock_says(db: &Db) {
    let (one, two) = (record(0, Channel::Web), record(2, Channel::Web));
    for record in [&one, &two] {
        book(db)
            .book(record, &person(), &new_code(), DAY, ONE, &[])
            .await
            .unwrap();
    }
    let due = one.slot.ends_at.plus(Duration::from_secs(24 * 3600));
    assert_eq!(book(db).forget_people(UnixMillis(due.0 - 1)).await.unwrap(), 0);
    assert_eq!(book(db).forget_people(due).await.unwrap(), 1);
    assert_eq!(book(db).person(&one.id).await.unwrap(), None);
    assert!(book(db).person(&two.id).await.unwrap().is_some());
    assert_eq!(book(db).get(&one.id).await.unwrap(), Some(one));
    assert_eq!(book(db).forget_people(due).await.unwrap(), 0);
}

on_both!(many_days_are_counted_in_one_look);
async fn many_days_are_counted_in_one_look(db: &Db) {
    let one = record(20, Channel::Web);
    let mut other = record(60, Channel::Phone);
    book(db)
        .book(&one, &person(), &new_code(), DAY, ONE, &[])
        .await
        .unwrap();
    book(db)
        .book(&other, &person(), &new_code(), "2100-01-13", ONE, &[])
        .await
        .unwrap();
    let days = [DAY, "2100-01-13", "2100-01-14"].map(str::to_owned);
    let taken = book(db).taken_on(&one.booking, &days).await.unwrap();
    assert_eq!(
        (
            taken.len(),
            taken[&one.slot.starts_at.0].web,
            taken[&other.slot.starts_at.0].phone
        ),
        (2, 1, 1)
    );
    other = book(db).note_call(&other, true).await.unwrap().unwrap();
    assert!(other.is_to_be_called);
    assert_eq!(book(db).get(&other.id).await.unwrap(), Some(other));
    assert_eq!(
        book(db).note_call(&record(60, Channel::Phone), true).await.unwrap(),
        None
    );
}

on_both!(a_place_given_back_is_free_once);
async fn a_place_given_back_is_free_once(db: &Db) {
    let one = record(7, Channel::Web);
    book(db)
        .book(&one, &person(), &new_code(), DAY, ONE, &[])
        .await
        .unwrap();
    let closed = book(db)
        .close(&one, State::Cancelled, DAY, NOW, &[])
        .await
        .unwrap()
        .unwrap();
    assert_eq!(closed.state, State::Cancelled);
    assert_eq!(
        book(db).close(&one, State::Cancelled, DAY, NOW, &[]).await.unwrap(),
        None
    );
    assert_eq!(
        book(db).close(&closed, State::NoShow, DAY, NOW, &[]).await.unwrap(),
        None
    );
    for is_room in [true, false] {
        let next = record(7, Channel::Web);
        let outcome = book(db)
            .book(&next, &person(), &new_code(), DAY, ONE, &[])
            .await
            .unwrap();
        assert_eq!(matches!(outcome, Booked::New(_)), is_room);
    }
}

// By Redis' own clock: an appointment whose time to be kept ends now.
on_both!(a_name_is_deleted_by_itself_and_the_record_stays);
async fn a_name_is_deleted_by_itself_and_the_record_stays(db: &Db) {
    let now = UnixMillis::from(std::time::SystemTime::now());
    let keeper = Book {
        keep_personal: Duration::from_millis(500),
        ..book(db)
    };
    let mut one = record(8, Channel::Web);
    one.slot = Slot {
        starts_at: now,
        ends_at: now.plus(Duration::from_millis(1)),
    };
    keeper.book(&one, &person(), &new_code(), DAY, ONE, &[]).await.unwrap();
    common::eventually("the name is gone", || async {
        match keeper.person(&one.id).await.unwrap() {
            Some(_) => Err("it is still there"),
            None => Ok(()),
        }
    })
    .await;
    assert_eq!(keeper.get(&one.id).await.unwrap(), Some(one));
}
