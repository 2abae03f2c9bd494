//! Booths: who is one, what it may begin, and what it prints, on a real printer.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::booking::{bookings, desk, links, number_in, take};
use common::browser::Browser;
use common::office::{ORIGIN, Office};
use common::printer::Printer;
use common::until;
use protocol::signal::{Identity, Phase};
use reqwest::Method;
use serde_json::{Value, json};

const PAGE: &[u8] = include_bytes!("pages/page.jpg");

fn tables(printer: &str, key: u32) -> String {
    format!(
        r#"
[[booth]]
id = "branch"
name = {{ ja = "北出張所 相談ブース" }}
sections = ["kaigo"]
document_camera = "DOC"
printer = "{printer}"
key = {key}
"#
    )
}

/// Printers announce themselves by one port of the machine.
static ONE_PRINTER: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// Says no to all that asks for it.
const NO_PRINTER: &str = "ipp://127.0.0.1:1/ipp/print";

async fn post(browser: &mut Browser, path: &str, body: Value) -> (u16, Value) {
    let request = browser
        .request(Method::POST, path)
        .header("origin", ORIGIN)
        .header("content-type", "application/json")
        .body(body.to_string());
    let response = browser.send(request).await;
    let status = response.status().as_u16();
    let text = response.text().await.unwrap();
    (status, serde_json::from_str(&text).unwrap_or(Value::Null))
}

async fn token(office: &Office) -> String {
    let file = office.path("secrets/booths/branch.url");
    let link = until("the booth's link", || async { std::fs::read_to_string(&file).ok() }).await;
    let (page, token) = link.trim().split_once('#').unwrap();
    assert_eq!(page, format!("{ORIGIN}/booth"));
    token.to_owned()
}

/// A browser that is the booth's.
async fn booth(office: &Office) -> Browser {
    let mut browser = office.browser();
    let token = token(office).await;
    assert_eq!(post(&mut browser, "/api/booth", json!({ "token": token })).await.0, 204);
    browser
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booth_begins_consultations_of_its_sections_and_nothing_else() {
    let office = Office::open_with_tables("1h", &tables(NO_PRINTER, 0)).await;
    let mut stranger = office.browser();
    let (status, page) = stranger.text("/booth").await;
    assert!(status == 200 && !page.contains("data-sections"), "{page}");
    let begin = json!({ "section": "kaigo" });
    let (status, problem) = post(&mut stranger, "/api/booth/calls", begin.clone()).await;
    assert_eq!(
        (status, problem["type"].as_str().unwrap()),
        (401, "urn:madoguchi:problem:not-a-booth")
    );
    for wrong in ["", "a.b.c", "x"] {
        assert_eq!(
            post(&mut stranger, "/api/booth", json!({ "token": wrong })).await.0,
            401
        );
    }

    let mut booth = booth(&office).await;
    let response = booth.get("/booth").await;
    assert_eq!(response.headers()["clear-site-data"], "\"cache\", \"storage\"");
    let page = response.text().await.unwrap();
    assert!(
        page.contains("北出張所 相談ブース") && page.contains("介護保険課") && !page.contains("子育て支援課"),
        "{page}"
    );
    let (status, begun) = post(&mut booth, "/api/booth/calls", begin).await;
    assert_eq!(status, 201);
    let code = begun["path"].as_str().unwrap().strip_prefix("/c/").unwrap().to_owned();
    booth.live(Identity::Resident { code }).await;
    for other in ["kosodate", "nowhere", ""] {
        assert_eq!(
            post(&mut booth, "/api/booth/calls", json!({ "section": other }))
                .await
                .0,
            400,
            "{other}"
        );
    }
    assert_eq!(booth.get("/staff").await.status(), 303, "a booth isn't staff");

    // Another site's page in the same browser.
    let request = booth
        .request(Method::POST, "/api/booth/calls")
        .header("origin", "https://evil.example")
        .header("content-type", "application/json")
        .body(r#"{"section":"kaigo"}"#);
    assert_eq!(booth.send(request).await.status(), 403);
}

/// A member of staff books the first time of a day, so many days with free ones on, and reads the number out.
async fn read_out(office: &Office, service: &str, days_on: usize) -> String {
    let mut web = office.browser();
    let (_, days) = web.text(&format!("/book/{service}/days")).await;
    let day = links(&days, &format!("/book/{service}/times"))[days_on].clone();
    let (_, times) = web.text(&day).await;
    let at = links(&times, &format!("/book/{service}/details"))[0].clone();
    let [day, at] = [day.split_once("day="), at.split_once("at=")].map(|found| found.unwrap().1);
    let mut staff = office.staff("hanako").await;
    let found = desk(&mut staff, &format!("booking={service}&day={}", &day[..10])).await;
    let page = take(&mut staff, &found, service, at, "電話 太郎").await;
    number_in(&page.text().await.unwrap())
}

fn kind(problem: &Value) -> &str {
    problem["type"].as_str().unwrap().rsplit(':').next().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_number_read_out_on_the_telephone_begins_its_call_at_a_booth() {
    // The next time that the web offers is some hours away at most.
    let more = format!("{}{}", bookings("6h"), tables(NO_PRINTER, 0));
    let office = Office::open_configured("1h", more).await;
    let mut booth = booth(&office).await;
    let path = "/api/booth/numbers";
    let of = |number: &str| json!({ "number": number });

    let number = read_out(&office, "sodan", 0).await;
    let mut stranger = office.browser();
    assert_eq!(
        post(&mut stranger, path, of(&number)).await.0,
        401,
        "only a booth is asked"
    );
    let (status, begun) = post(&mut booth, path, of(&number)).await;
    assert_eq!((status, begun["section"].as_str().unwrap()), (200, "子育て支援課"));
    let code = begun["path"].as_str().unwrap().strip_prefix("/c/").unwrap().to_owned();
    let mut live = booth.live(Identity::Resident { code }).await;
    let seen = live.phase(Phase::Booked).await;
    assert!(
        seen.section.as_str() == "kosodate",
        "though the booth's own button leads to kaigo only"
    );
    let (status, problem) = post(&mut booth, path, of(&number)).await;
    assert_eq!((status, kind(&problem)), (404, "number-unknown"), "it works once");

    // Somebody comes a day too early, or means a counter: the number is as good as before.
    let early = read_out(&office, "sodan", 2).await;
    // Of today's, the first may run already: the telephone can't have that one.
    let counter = read_out(&office, "madoguchi", 1).await;
    for _ in 0..2 {
        let (status, told) = post(&mut booth, path, of(&early)).await;
        assert!(
            status == 200 && told["opens_at"].is_u64() && told["path"].is_null(),
            "{told}"
        );
        let (status, problem) = post(&mut booth, path, of(&counter)).await;
        assert_eq!((status, kind(&problem)), (409, "not-a-call"));
    }
    let (status, problem) = post(&mut booth, path, of("1234")).await;
    assert_eq!((status, problem["field"].as_str().unwrap()), (400, "number"));

    // Twelve wrong ones, and even a right one has to wait; and each was counted.
    let mut statuses = Vec::new();
    let guesses = (0..12).map(|n| {
        let mut guesser = booth.clone();
        tokio::spawn(async move {
            let number = format!("0000-{n:04}");
            post(&mut guesser, path, json!({ "number": number })).await.0
        })
    });
    for guess in guesses.collect::<Vec<_>>() {
        statuses.push(guess.await.unwrap());
    }
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(post(&mut booth, path, of(&early)).await.0, 429);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booth_that_was_withdrawn_is_none_any_more() {
    let mut office = Office::open_with_tables("1h", &tables(NO_PRINTER, 0)).await;
    let mut booth = booth(&office).await;
    let old = token(&office).await;
    office.stop().await;
    office.tables = tables(NO_PRINTER, 1);
    office.start().await;
    let begin = json!({ "section": "kaigo" });
    assert_eq!(post(&mut booth, "/api/booth/calls", begin.clone()).await.0, 401);
    assert_eq!(post(&mut booth, "/api/booth", json!({ "token": old })).await.0, 401);
    let new = until("a new link", || async {
        Some(token(&office).await).filter(|it| *it != old)
    })
    .await;
    assert_eq!(post(&mut booth, "/api/booth", json!({ "token": new })).await.0, 204);
    assert_eq!(post(&mut booth, "/api/booth/calls", begin).await.0, 201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_staff_send_is_printed_and_trouble_is_told_in_words() {
    let _alone = ONE_PRINTER.lock().await;
    let dir = tempfile::tempdir().unwrap();
    let Some(mut printer) = Printer::start(dir.path(), "application/pdf,image/jpeg") else {
        return;
    };
    let office = Office::open_with_tables("1h", &tables(&printer.address, 0)).await;
    let mut booth = booth(&office).await;
    let page = data_encoding::BASE64.encode(PAGE);
    let (status, taken) = post(&mut booth, "/api/booth/prints", json!({ "pages": [page, page] })).await;
    assert_eq!(status, 202, "{taken}");
    until_done(&mut booth, &taken).await;
    let printed = printer.printed();
    assert_eq!(printed.len(), 1);
    assert!(printed[0].starts_with(b"%PDF-1.4"));
    assert!(printed[0].windows(8).any(|it| it == b"/Count 2"));
    assert!(
        printed[0].windows(PAGE.len()).any(|it| it == PAGE),
        "the picture itself"
    );

    for broken in [
        json!([]),
        json!(["bm90IGEgcGljdHVyZQ=="]),
        json!(["%%%"]),
        json!([1]),
        json!(null),
    ] {
        let (status, problem) = post(&mut booth, "/api/booth/prints", json!({ "pages": broken })).await;
        assert_eq!(status, 400, "{problem}");
    }
    assert_eq!(booth.get("/api/booth/prints/none").await.status(), 404);

    printer.switch_off();
    let (status, failed) = post(&mut booth, "/api/booth/prints", json!({ "pages": [page] })).await;
    assert_eq!((status, failed), (200, json!({ "state": "failed", "trouble": "away" })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_printer_that_knows_pictures_only_gets_them_one_by_one() {
    let _alone = ONE_PRINTER.lock().await;
    let dir = tempfile::tempdir().unwrap();
    let Some(printer) = Printer::start(dir.path(), "image/jpeg,image/pwg-raster") else {
        return;
    };
    let office = Office::open_with_tables("1h", &tables(&printer.address, 0)).await;
    let mut booth = booth(&office).await;
    let page = data_encoding::BASE64.encode(PAGE);
    for pages in [json!([page, page]), json!([page])] {
        let (status, taken) = post(&mut booth, "/api/booth/prints", json!({ "pages": pages })).await;
        assert_eq!((status, &taken["pages"]), (202, &json!(1)), "{taken}");
        until_done(&mut booth, &taken).await;
    }
    assert_eq!(printer.printed(), [PAGE, PAGE]);
}

async fn until_done(booth: &mut Browser, taken: &Value) {
    let path = format!("/api/booth/prints/{}", taken["job"]);
    for _ in 0..300 {
        let (_, text) = booth.text(&path).await;
        let progress: Value = serde_json::from_str(&text).unwrap();
        match progress["state"].as_str().unwrap() {
            "done" => return,
            "printing" => tokio::time::sleep(std::time::Duration::from_millis(100)).await,
            _ => panic!("{progress}"),
        }
    }
    panic!("never printed");
}
