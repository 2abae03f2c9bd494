//! Being told by LINE, with a machine that speaks the published form of its Messaging API.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::booking::{after, bookings};
use common::browser::{Browser, csrf_of};
use common::endpoint::{Endpoint, Posted};
use common::office::{ORIGIN, Office};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::{Method, Response};
use serde_json::json;
use sha2::Sha256;

const SECRET: &str = "the channel's secret";

async fn office(line: &Endpoint) -> Office {
    let mut office = Office::open_configured("1h", bookings("10m")).await;
    office.stop().await;
    std::fs::write(office.path("secrets/line.token"), "t0ken\n").unwrap();
    std::fs::write(office.path("secrets/line.secret"), format!("{SECRET}\n")).unwrap();
    let table = format!("[line]\naccount = \"@123abcde\"\napi = \"http://{}\"\n", line.address);
    office.tables = format!("{table}{}", bookings("10m"));
    office.start().await;
    office
}

/// The sentence that the page's link puts into the chat.
async fn sentence(browser: &mut Browser, path: &str) -> String {
    let (_, page) = browser.text(path).await;
    let link = after(&page, "href=\"https://line.me/R/oaMessage/").to_owned();
    let (account, text) = link.split_once("/?").unwrap();
    assert_eq!(account, "%40123abcde");
    percent_encoding::percent_decode_str(text)
        .decode_utf8()
        .unwrap()
        .into_owned()
}

fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    data_encoding::BASE64.encode(&mac.finalize().into_bytes())
}

/// What LINE posts when a user writes something.
fn written(text: &str) -> String {
    let event = json!({
        "type": "message", "mode": "active", "timestamp": 1_800_000_000_000_u64, "webhookEventId": "01H",
        "deliveryContext": { "isRedelivery": false }, "replyToken": "r3ply",
        "source": { "type": "user", "userId": "U4af4980629" },
        "message": { "type": "text", "id": "1", "quoteToken": "q", "text": text },
    });
    json!({ "destination": "U0", "events": [event, { "type": "follow", "source": { "type": "user", "userId": "U1" } }] })
        .to_string()
}

async fn post(office: &Office, body: &str, signature: &str) -> Response {
    let mut line = office.browser();
    let request = line
        .request(Method::POST, "/line/webhook")
        .header("content-type", "application/json")
        .header("x-line-signature", signature)
        .body(body.to_owned());
    line.send(request).await
}

fn text_of(posted: &Posted) -> String {
    posted.json()["messages"][0]["text"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_sends_the_pages_sentence_is_told_at_line_from_then_on() {
    let line = Endpoint::start().await;
    let office = office(&line).await;
    let mut browser = office.browser();
    let path = browser.book("sodan", &[("name", "葛󠄀城 花子")]).await;
    let sentence = sentence(&mut browser, &path).await;
    assert!(sentence.starts_with("予約のお知らせを希望します。"), "{sentence}");

    // Once LINE is busy; then it goes again, marked as the same message.
    line.answer(500);
    let body = written(&sentence);
    assert_eq!(post(&office, &body, &signature(SECRET, &body)).await.status(), 200);
    let pushed = line.posted(2).await;
    for one in &pushed {
        assert_eq!(one.path, "/v2/bot/message/push");
        assert_eq!(one.headers["authorization"], "Bearer t0ken");
        assert_eq!(one.json()["to"], "U4af4980629");
    }
    let key = |posted: &Posted| posted.headers["x-line-retry-key"].to_str().unwrap().to_owned();
    assert_eq!(key(&pushed[0]), key(&pushed[1]));
    assert!(key(&pushed[0]).len() == 36 && key(&pushed[0]).as_bytes()[14] == b'8');
    let text = text_of(&pushed[1]);
    assert!(
        text.contains("予約を受け付けました") && text.contains("子育ての遠隔相談"),
        "{text}"
    );
    assert!(!text.contains("葛"), "no name goes to LINE: {text}");
    let link = text
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{ORIGIN}/a/")))
        .unwrap();
    let link = link.strip_suffix("?openExternalBrowser=1").unwrap();
    assert_eq!(office.browser().text(&format!("/a/{link}")).await.0, 200);

    let (_, page) = browser.text(&path).await;
    assert!(
        page.contains("LINEでもお知らせします") && !page.contains("line.me"),
        "{page}"
    );
    // LINE delivers again what it isn't sure of.
    assert_eq!(post(&office, &body, &signature(SECRET, &body)).await.status(), 200);
    let (_, ask) = browser.text(&format!("{path}/cancel")).await;
    browser
        .post_form(&format!("{path}/cancel"), &[("csrf", &csrf_of(&ask))])
        .await;
    let pushed = line.posted(3).await;
    assert!(
        text_of(&pushed[2]).contains("予約が取り消されました"),
        "{}",
        text_of(&pushed[2])
    );
    assert_ne!(key(&pushed[2]), key(&pushed[1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_lines_or_not_ours_does_nothing() {
    let line = Endpoint::start().await;
    let office = office(&line).await;
    let mut browser = office.browser();
    let path = browser.book("sodan", &[("name", "花子")]).await;
    let sentence = sentence(&mut browser, &path).await;
    let body = written(&sentence);
    for (body, signature) in [
        (body.as_str(), signature("another secret", &body)),
        (body.as_str(), signature(SECRET, "{}")),
        (body.as_str(), String::new()),
        ("no json", signature(SECRET, "no json")),
    ] {
        assert!(post(&office, body, &signature).await.status().is_client_error());
    }
    // The connection is tried with nothing in it; and people write other things.
    for body in [
        json!({ "destination": "U0", "events": [] }).to_string(),
        written("こんにちは"),
    ] {
        assert_eq!(post(&office, &body, &signature(SECRET, &body)).await.status(), 200);
    }
    assert!(line.all().is_empty());
    // An id with a wrong mark opens nothing, and is told so.
    let last = sentence.chars().last().unwrap();
    let wrong = if last == 'a' { 'b' } else { 'a' };
    let body = written(&format!("{}{wrong}", sentence.strip_suffix(last).unwrap()));
    assert_eq!(post(&office, &body, &signature(SECRET, &body)).await.status(), 200);
    let answered = line.posted(1).await.remove(0);
    assert_eq!(
        (answered.path.as_str(), &answered.json()["replyToken"]),
        ("/v2/bot/message/reply", &json!("r3ply"))
    );
    assert!(text_of(&answered).contains("072-000-0000"), "{}", text_of(&answered));
    let (_, page) = browser.text(&path).await;
    assert!(page.contains("line.me"), "it can still be asked for");
}
