//! Booking at the desk, for somebody on the telephone: the shares, the number that is read out, and the day's list.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::booking::{after, bookings, desk, number_in, take};
use common::browser::{Browser, csrf_of};
use common::office::{Office, office_id, trail};
use std::time::Duration;
use store::appointments::{Book, code_of_form};

async fn office() -> Office {
    Office::open_configured("1h", bookings("10m")).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_read_out_on_the_telephone_opens_the_booking_once() {
    let office = office().await;
    let mut staff = office.staff("hanako").await;
    let found = desk(&mut staff, "booking=sodan").await;
    let at = found.times.last().unwrap().clone();
    let response = take(&mut staff, &found, "sodan", &at, "葛\u{E0100}城").await;
    assert_eq!(response.status(), 200);
    let page = response.text().await.unwrap();
    let number = number_in(&page);
    assert!(number.len() == 9 && number.as_bytes()[4] == b'-', "{number}");
    assert!(page.contains("madoguchi.example.jp/join"), "{page}");

    let mut resident = office.browser();
    let (_, ask) = resident.text("/join").await;
    let csrf = csrf_of(&ask);
    let wide: String = number
        .chars()
        .map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap())
        .collect();
    let short = resident
        .post_form("/join", &[("csrf", &csrf), ("number", "1234")])
        .await;
    assert_eq!(short.status(), 422);
    let opened = resident.post_form("/join", &[("csrf", &csrf), ("number", &wide)]).await;
    assert_eq!(opened.status(), 303, "full-width digits are digits");
    let path = opened.headers()["location"].to_str().unwrap().to_owned();
    let (_, page) = resident.text(&path).await;
    assert!(
        page.contains("葛\u{E0100}城") && page.contains("data-tongue=\"easy\""),
        "{page}"
    );
    let again = resident
        .post_form("/join", &[("csrf", &csrf), ("number", &number)])
        .await;
    assert_eq!(again.status(), 404, "it works once");
    assert!(again.text().await.unwrap().contains("072-000-0000"));

    // Twelve wrong ones, and even a right one has to wait.
    let mut statuses = Vec::new();
    let guesses = (0..12).map(|n| {
        let mut guesser = office.browser();
        tokio::spawn(async move {
            let (_, ask) = guesser.text("/join").await;
            let number = format!("0000-{n:04}");
            let answer = guesser
                .post_form("/join", &[("csrf", &csrf_of(&ask)), ("number", &number)])
                .await;
            answer.status().as_u16()
        })
    });
    for guess in guesses.collect::<Vec<_>>() {
        statuses.push(guess.await.unwrap());
    }
    assert!(statuses.contains(&429), "{statuses:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn web_and_telephone_share_what_there_is() {
    let office = office().await;
    let mut staff = office.staff("hanako").await;
    let mut resident = office.browser();
    let form = resident.choose("sodan").await;
    assert_eq!(form.send(&mut resident, &[("name", "花子")]).await.status(), 303);
    let time = format!("{}?at={}", form.action, form.at);
    let second = resident.form(&time).await;
    let refused = second.send(&mut resident, &[("name", "太郎")]).await;
    assert_eq!(refused.status(), 409, "the web's share is one of two");
    let day = resident.third_day("sodan").await;
    let found = desk(&mut staff, &format!("booking=sodan&day={day}")).await;
    assert!(found.times.contains(&form.at), "the other is the telephone's");
    assert_eq!(take(&mut staff, &found, "sodan", &form.at, "次郎").await.status(), 200);
    let more = desk(&mut staff, &format!("booking=sodan&day={day}")).await;
    assert!(!more.times.contains(&form.at));
    let full = take(&mut staff, &more, "sodan", &form.at, "三郎").await;
    assert_eq!(full.status(), 422);
    let page = full.text().await.unwrap();
    assert!(
        page.contains("いっぱい") && page.contains("value=\"三郎\""),
        "what was typed stays: {page}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_days_list_shows_and_does_what_staff_need() {
    let office = office().await;
    let mut staff = office.staff("hanako").await;
    let mut resident = office.browser();
    let path = resident
        .book(
            "sodan",
            &[("name", "予約 花子"), ("telephone", "090-1234-5678"), ("q-age", "三歳")],
        )
        .await;
    let day = resident.third_day("sodan").await;
    let today = format!("/staff/today?day={day}");
    let (_, list) = staff.text(&today).await;
    for words in [
        "予約 花子",
        "tel:09012345678",
        "三歳",
        "ウェブ",
        "data-state=\"booked\"",
        "1・0・0 / 2",
    ] {
        assert!(list.contains(words), "{words}: {list}");
    }
    let mut other = office.staff("jiro").await;
    let (_, theirs) = other.text(&format!("{today}&section=kosodate")).await;
    assert!(
        theirs.contains("ほかの課の予約") && !theirs.contains("予約 花子"),
        "{theirs}"
    );
    let id = after(&list, "data-test=\"appointment\" data-id=\"").to_owned();
    let act = format!("/staff/appointments/{id}");
    let fields = |csrf: &str, act: &str| [("csrf", csrf.to_owned()), ("act", act.to_owned())];
    let post = async |browser: &mut Browser, what: &str| {
        let fields = fields(&browser.csrf, what);
        let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
        browser.post_form(&act, &fields).await
    };
    assert_eq!(post(&mut other, "cancel").await.status(), 403, "another section's");
    assert_eq!(post(&mut staff, "call").await.status(), 303);
    let (_, list) = staff.text(&today).await;
    assert!(list.contains("折り返し電話をする"));
    assert_eq!(post(&mut staff, "called").await.status(), 303);
    assert_eq!(post(&mut staff, "nonsense").await.status(), 400);
    let number = post(&mut staff, "code").await.text().await.unwrap();
    assert!(number.contains("data-test=\"number\""), "{number}");

    let found = desk(&mut staff, &format!("move={id}&day={day}")).await;
    let at = found.times[10].clone();
    let fields = [("csrf", staff.csrf.clone()), ("move", id.clone()), ("at", at.clone())];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(staff.post_form("/staff/book", &fields).await.status(), 303);
    let (_, list) = staff.text(&today).await;
    assert!(list.contains("予約 花子"));

    assert_eq!(post(&mut staff, "no_show").await.status(), 303);
    let (_, list) = staff.text(&today).await;
    assert!(list.contains("data-state=\"no_show\""), "{list}");
    let late = post(&mut staff, "cancel").await;
    assert!(late.headers()["location"].to_str().unwrap().contains("news=changed"));
    let (_, page) = resident.text(&path).await;
    assert!(page.contains("予約の時間が過ぎました"), "{page}");
    for path in ["/staff/today", "/staff/book"] {
        let answer = resident.get(path).await;
        assert_eq!(answer.headers()["location"], "/staff/login");
    }
    assert_eq!(staff.text("/staff/today?day=yesterday").await.0, 400);
    assert_eq!(
        trail(&office, &id).await,
        [
            &format!("applicant/{id} appointment.booked booking=sodan;channel=web"),
            "staff/hanako appointment.code",
            "staff/hanako appointment.moved",
            "staff/hanako appointment.missed",
        ]
    );
}

/// Whether a number was read out; a page that doesn't know yet is asked until it does.
async fn is_told_booked(staff: &mut Browser, response: reqwest::Response) -> bool {
    let to = response
        .headers()
        .get("location")
        .map(|to| to.to_str().unwrap().to_owned());
    let mut page = match response.status().as_u16() {
        // Booked, only there was nothing to make a number with any more.
        303 if to.is_some_and(|to| to.ends_with("news=numberless")) => return true,
        303 => String::new(),
        _ => response.text().await.unwrap(),
    };
    for _ in 0..600 {
        if page.contains("data-test=\"number\"") || page.contains("予約を受け付けました") {
            return true;
        }
        if !page.is_empty() && !page.contains("確かめています") {
            return false;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
        page = staff.text("/booked").await.1;
        // Booked: it leads on to the appointment.
        if page.is_empty() {
            return true;
        }
    }
    panic!("unknown for ever: {page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_desk_is_told_is_so_also_where_redis_dies_in_the_middle() {
    let mut office = office().await;
    let mut staff = office.staff("hanako").await;
    let day = office.browser().third_day("madoguchi").await;
    let mut sending = Vec::new();
    for n in 0..12 {
        let found = desk(&mut staff, &format!("booking=madoguchi&day={day}")).await;
        let at = found.times[n].clone();
        let mut own = staff.clone();
        sending.push(tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(3) * n as u32).await;
            let response = take(&mut own, &found, "madoguchi", &at, "花子").await;
            (found.form.clone(), is_told_booked(&mut own, response).await)
        }));
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    office.kill_redis();
    tokio::time::sleep(Duration::from_secs(1)).await;
    office.restart_redis().await;
    let id = office_id();
    let book = Book {
        ledger: &office.store.ledger,
        office: &id,
        keep_personal: Duration::from_secs(3600),
    };
    for one in sending {
        let (form, is_told) = one.await.unwrap();
        let there = book.by_code(&code_of_form(&form)).await.unwrap();
        assert_eq!(there.is_some(), is_told, "the page said so");
    }
}
