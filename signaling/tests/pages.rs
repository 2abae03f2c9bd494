//! Pages, headers, the congestion stream and API, as a browser sees them.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::office::{ORIGIN, Office, config, office_id};
use futures_util::StreamExt;
use protocol::congestion::{Observation, Source};
use protocol::ids::AreaId;
use reqwest::Method;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_with_every_security_header() {
    let office = Office::open().await;
    let mut browser = office.browser();
    let routes = [
        (Method::GET, "/", 200),
        (Method::GET, "/api/areas", 200),
        (Method::GET, "/events/areas", 200),
        (Method::GET, "/c/aaaaaaaaaaaaaaaaaaaaaaaaaa", 404),
        (Method::GET, "/c/x", 404),
        (Method::GET, "/book", 200),
        (Method::GET, "/book/none", 404),
        (Method::POST, "/book", 405),
        (Method::GET, "/a/aaaaaaaaaaaaaaaaaaaaaaaaaa", 404),
        (Method::POST, "/join", 400),
        (Method::GET, "/staff/today", 303),
        (Method::GET, "/api/appointments/x", 401),
        (Method::GET, "/staff", 303),
        (Method::GET, "/staff/login", 200),
        (Method::POST, "/staff/login", 400),
        (Method::POST, "/staff/logout", 400),
        (Method::POST, "/api/consultations", 401),
        (Method::GET, "/language?to=en&back=/staff", 303),
        (Method::GET, "/language?to=xx", 400),
        (Method::GET, "/assets/none.js", 404),
        (Method::GET, "/ws", 405),
        (Method::GET, "/api/screens/connect", 401),
        (Method::GET, "/content/00", 401),
        (Method::GET, "/healthz", 200),
        (Method::GET, "/metrics", 200),
        (Method::GET, "/nowhere", 404),
        (Method::GET, "/api/nowhere", 404),
        (Method::PUT, "/", 405),
        (Method::DELETE, "/api/areas", 405),
    ];
    for (method, path, status) in routes {
        let request = browser.request(method.clone(), path);
        let response = browser.send(request).await;
        assert_eq!(response.status(), status, "{method} {path}");
        let headers = response.headers();
        let of = |name: &str| {
            headers
                .get(name)
                .unwrap_or_else(|| panic!("{path}: {name}"))
                .to_str()
                .unwrap()
        };
        let policy = of("content-security-policy");
        assert!(
            policy.starts_with("default-src 'none'; script-src 'self'; style-src 'self';"),
            "{policy}"
        );
        assert!(policy.contains("connect-src 'self' wss://madoguchi.example.jp;"));
        assert!(policy.ends_with("frame-ancestors 'none'") && !policy.contains("unsafe"));
        assert!(of("strict-transport-security").starts_with("max-age="));
        assert_eq!(of("x-content-type-options"), "nosniff");
        let has_form = path == "/staff/login" && status == 200;
        assert_eq!(
            of("referrer-policy"),
            if has_form { "same-origin" } else { "no-referrer" }
        );
        assert!(of("permissions-policy").starts_with("camera=(self), microphone=(self), display-capture=(self)"));
        assert!(of("permissions-policy").contains("geolocation=()"));
        assert_eq!(of("cross-origin-opener-policy"), "same-origin");
        let is_open = path == "/api/areas" && status == 200;
        assert_eq!(
            of("cross-origin-resource-policy"),
            if is_open { "cross-origin" } else { "same-origin" }
        );
        if !is_open {
            assert_eq!(of("cache-control"), "no-store", "{path}");
        }
        if status >= 400 {
            let is_api = ["/api", "/ws", "/content", "/assets"]
                .iter()
                .any(|it| path.starts_with(it));
            let expected = if is_api {
                "application/problem+json"
            } else {
                "text/html; charset=utf-8"
            };
            assert_eq!(of("content-type"), expected, "{path}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn problems_are_pages_for_people_and_json_for_programs() {
    let office = Office::open().await;
    let mut browser = office.browser();
    let (_, page) = browser.text("/nowhere").await;
    assert!(page.contains("072-000-0000") && page.contains("lang=\"ja\""), "{page}");
    let (_, json) = browser.text("/api/nowhere").await;
    let problem: protocol::problem::Problem = serde_json::from_str(&json).unwrap();
    assert_eq!(
        (problem.kind.as_str(), problem.status),
        ("urn:madoguchi:problem:not-found", 404)
    );

    let response = browser.get("/language?to=en&back=/staff/login").await;
    assert_eq!(response.headers()["location"], "/staff/login");
    let (_, page) = browser.text("/nowhere").await;
    assert!(page.contains("lang=\"en\"") && page.contains("Minami Ward Office"));
    let response = browser.get("/language?to=ja&back=//evil.example").await;
    assert_eq!(response.headers()["location"], "/");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_too_large_is_refused() {
    let office = Office::open().await;
    let mut browser = office.staff("hanako").await;
    let request = browser
        .request(Method::POST, "/api/consultations")
        .header("x-csrf-token", &browser.csrf)
        .header("content-type", "application/json")
        .body(format!("{{\"section\":\"{}\"}}", "x".repeat(100_000)));
    let response = browser.send(request).await;
    assert_eq!(response.status(), 413);
    assert!(response.text().await.unwrap().contains("too-large"));
}

async fn observe(office: &Office, count: u32) {
    let config = config(office.dir.path(), "1h", 0);
    let now = runtime::now();
    let observation = Observation {
        area: AreaId::new("lobby-1f").unwrap(),
        source: Source::Other("test".into()),
        at: now,
        count: Some(count),
    };
    store::areas::observe(&office.store.live, &office_id(), &config.areas[0], &observation, now)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn congestion_reaches_the_page_the_api_and_the_stream() {
    let mut office = Office::open().await;
    let mut browser = office.browser();
    let mut stream = browser.get("/events/areas").await.bytes_stream();
    let mut seen = String::new();
    let mut wait_for = async |what: &str| {
        while !seen.contains(what) {
            let bytes = tokio::time::timeout(common::LIMIT, stream.next())
                .await
                .unwrap_or_else(|_| panic!("no {what} in {seen}"));
            seen.push_str(std::str::from_utf8(&bytes.unwrap().unwrap()).unwrap());
        }
    };
    wait_for("event: areas\ndata: [{\"area\":\"lobby-1f\",\"count\":null").await;
    observe(&office, 5).await;
    wait_for("\"count\":5,\"capacity\":12,\"level\":\"moderate\"").await;

    let (_, json) = browser.text("/api/areas").await;
    let api: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(api["office"], "minami");
    assert_eq!(api["areas"][0]["count"], 5);
    assert_eq!(api["areas"][0]["name"]["en"], "1st Floor Lobby");
    let (_, page) = browser.text("/").await;
    assert!(page.contains("1階ロビー") && page.contains("△"), "{page}");

    // Redis falls: the page still answers; health says what is wrong. Redis returns: the stream goes on.
    office.kill_redis();
    assert_eq!(browser.text("/").await.0, 200);
    assert_eq!(browser.text("/healthz").await.0, 503);
    office.restart_redis().await;
    observe(&office, 9).await;
    wait_for("\"count\":9,\"capacity\":12,\"level\":\"busy\"").await;
    assert_eq!(browser.text("/healthz").await, (200, "ok".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_redis_personal_pages_say_so_with_the_telephone() {
    let mut office = Office::open().await;
    let mut staff = office.staff("hanako").await;
    let (_, link) = staff.create("kosodate").await;
    office.kill_redis();
    let response = staff.get(&link).await;
    assert_eq!(response.status(), 503);
    assert_eq!(response.headers()["retry-after"], "5");
    assert!(response.text().await.unwrap().contains("072-000-0000"));
    assert_eq!(staff.text("/staff").await.0, 503);
    let request = staff
        .request(Method::POST, "/api/consultations")
        .header("x-csrf-token", &staff.csrf)
        .header("origin", ORIGIN)
        .header("content-type", "application/json")
        .body("{\"section\":\"kosodate\"}");
    let response = staff.send(request).await;
    assert_eq!(response.status(), 503);
    assert!(response.text().await.unwrap().contains("store-down"));
    office.restart_redis().await;
    assert_eq!(staff.text(&link).await.0, 200, "the link is still there");
    assert_eq!(staff.text("/staff").await.0, 200, "and so is the login");
}
