//! Places: the last one, and Redis away.

use std::sync::Arc;
use std::time::Duration;

use protocol::ids::BookingId;
use store::appointments::code_of_form;

use crate::common::booking::{Form, links};
use crate::common::browser::Browser;
use crate::common::until;
use crate::{book, office};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_for_the_last_place_give_exactly_one() {
    let office = Arc::new(office("10m").await);
    let mut first = office.browser();
    let form = first.choose("madoguchi").await;
    let time = format!("{}?at={}", form.action, form.at);
    let mut browsers = Vec::new();
    for _ in 0..40 {
        let mut browser = office.browser();
        let form = browser.form(&time).await;
        browsers.push((browser, form));
    }
    let sent = browsers.into_iter().map(|(mut browser, form)| {
        tokio::spawn(async move { form.send(&mut browser, &[("name", "誰か")]).await.status().as_u16() })
    });
    let mut statuses = Vec::new();
    for one in sent.collect::<Vec<_>>() {
        statuses.push(one.await.unwrap());
    }
    let booked = statuses.iter().filter(|status| **status == 303).count();
    assert_eq!(booked, 1, "{statuses:?}");
    assert!(
        statuses.iter().all(|status| matches!(status, 303 | 409)),
        "{statuses:?}"
    );
}

/// What a resident was told in the end, by following the page that waits as it asks to be.
async fn told(browser: &mut Browser, form: &Form) -> bool {
    let mut response = form.send(browser, &[("name", "花子")]).await;
    for _ in 0..60 {
        let status = response.status().as_u16();
        if status == 303 {
            let to = response.headers()["location"].to_str().unwrap().to_owned();
            if to.starts_with("/a/") {
                return true;
            }
            response = browser.get(&to).await;
            continue;
        }
        let refresh = response.headers().contains_key("refresh");
        let page = response.text().await.unwrap();
        if page.contains("予約できませんでした") {
            return false;
        }
        assert!(refresh && page.contains("確かめています"), "{status}: {page}");
        tokio::time::sleep(Duration::from_millis(300)).await;
        response = browser.get("/booked").await;
    }
    panic!("never told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_books_while_redis_dies_is_told_the_truth() {
    let mut office = office("10m").await;
    let mut forms = Vec::new();
    let mut browser = office.browser();
    let (_, days) = browser.text("/book/madoguchi/days").await;
    let (_, times) = browser.text(&links(&days, "/book/madoguchi/times")[3]).await;
    for time in links(&times, "/book/madoguchi/details").into_iter().take(24) {
        let mut browser = office.browser();
        let form = browser.form(&time).await;
        forms.push((browser, form));
    }
    // One after the other, so that Redis dies before some, in the middle of some, and after some.
    let sending: Vec<_> = forms
        .into_iter()
        .zip(0_u32..)
        .map(|((mut browser, form), n)| {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(3) * n).await;
                let answer = told(&mut browser, &form).await;
                (form.form, answer)
            })
        })
        .collect();
    let id = BookingId::new("madoguchi").unwrap();
    let day = links(&days, "/book/madoguchi/times")[3]
        .split_once("day=")
        .unwrap()
        .1
        .to_owned();
    until("somebody has booked", || async {
        let taken = book(&office).taken(&id, &day).await.unwrap();
        (taken.values().map(|one| one.total()).sum::<u32>() >= 3).then_some(())
    })
    .await;
    office.kill_redis();
    tokio::time::sleep(Duration::from_secs(1)).await;
    office.restart_redis().await;
    let mut answers = Vec::new();
    for one in sending {
        answers.push(one.await.unwrap());
    }
    for (form, is_booked) in &answers {
        let there = book(&office).by_code(&code_of_form(form)).await.unwrap();
        assert_eq!(there.is_some(), *is_booked, "the page said so");
    }
    let booked = answers.iter().filter(|(_, is_booked)| *is_booked).count();
    println!("{booked} of {} were booked while Redis died", answers.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_nothing_is_unknown_for_ever() {
    let mut office = office("10m").await;
    let mut browser = office.browser();
    let form = browser.choose("sodan").await;
    office.kill_redis();
    let response = form.send(&mut browser, &[("name", "花子")]).await;
    assert_eq!(
        (
            response.status().as_u16(),
            response.headers()["location"].to_str().unwrap()
        ),
        (303, "/booked")
    );
    let waiting = browser.get("/booked").await;
    assert_eq!(
        (
            waiting.status().as_u16(),
            waiting.headers()["refresh"].to_str().unwrap()
        ),
        (503, "10")
    );
    assert!(waiting.text().await.unwrap().contains("確かめています"));
    office.restart_redis().await;
    let settled = browser.get("/booked").await;
    assert_eq!(settled.status(), 503);
    let page = settled.text().await.unwrap();
    assert!(
        page.contains("予約できませんでした") && page.contains("あとから予約になることもありません"),
        "{page}"
    );
    assert!(!told(&mut browser, &form).await, "given up is given up");
    let path = browser.book("sodan", &[("name", "花子")]).await;
    assert_eq!(browser.text(&path).await.0, 200, "a new form books");
}
