//! Logging in: tokens, origin, lock-out, logout, demo accounts.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::office::{ORIGIN, Office};
use common::until;
use protocol::signal::Identity;
use reqwest::Method;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn staff_log_in_and_out() {
    let office = Office::open().await;
    let mut browser = office.browser();
    assert_eq!(browser.get("/staff").await.headers()["location"], "/staff/login");
    assert_eq!(browser.log_in("hanako", "wrong").await, 401);
    assert_eq!(browser.log_in("nobody-here", "wrong").await, 401);
    assert_eq!(browser.log_in("Ｈ", "wrong").await, 401);
    assert_eq!(browser.log_in("hanako", &office.password("hanako")).await, 303);
    let session = browser.cookies["__Host-session"].clone();
    let (status, page) = browser.text("/staff").await;
    assert_eq!(status, 200);
    assert!(page.contains("窓口 花子") && page.contains("子育て支援課"), "{page}");
    assert_eq!(browser.get("/staff/login").await.status(), 303, "logged in already");

    let mut live = browser.live(Identity::Staff).await;
    let csrf = browser.csrf.clone();
    assert_eq!(
        browser.post_form("/staff/logout", &[("csrf", "wrong")]).await.status(),
        403
    );
    assert_eq!(
        browser.post_form("/staff/logout", &[("csrf", &csrf)]).await.status(),
        303
    );
    assert_eq!(live.closed().await, 4401, "an open console ends with its login");
    browser.cookies.insert("__Host-session".into(), session);
    assert_eq!(
        browser.get("/staff").await.status(),
        303,
        "the session is over, not only the cookie"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forms_without_their_token_or_from_elsewhere_are_refused() {
    let office = Office::open().await;
    let password = office.password("hanako");
    let mut browser = office.browser();
    browser.get("/staff/login").await;
    let csrf = browser.cookies["__Host-csrf"].clone();
    for wrong in ["", "aaaaaaaaaaaaaaaaaaaaaaaaaa"] {
        let fields = [("csrf", wrong), ("id", "hanako"), ("password", password.as_str())];
        assert_eq!(browser.post_form("/staff/login", &fields).await.status(), 403);
    }
    // Neither without the cookie.
    let mut other = office.browser();
    let fields = [
        ("csrf", csrf.as_str()),
        ("id", "hanako"),
        ("password", password.as_str()),
    ];
    assert_eq!(other.post_form("/staff/login", &fields).await.status(), 403);

    let staff = office.staff("hanako").await;
    let body = "{\"section\":\"kosodate\"}";
    let post = |csrf: &str, origin: &str| {
        staff
            .request(Method::POST, "/api/consultations")
            .header("x-csrf-token", csrf)
            .header("origin", origin)
            .header("content-type", "application/json")
            .body(body)
    };
    for (csrf, origin, kind) in [
        ("", ORIGIN, "csrf"),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaa", ORIGIN, "csrf"),
        (staff.csrf.as_str(), "https://evil.example", "not-allowed-here"),
        (staff.csrf.as_str(), "null", "not-allowed-here"),
    ] {
        let response = post(csrf, origin).send().await.unwrap();
        assert_eq!(response.status(), 403);
        assert!(
            response
                .text()
                .await
                .unwrap()
                .contains(&format!("urn:madoguchi:problem:{kind}\""))
        );
    }
    for (section, field) in [("nowhere", "section"), ("子育て", "section")] {
        let request = post(&staff.csrf, ORIGIN).body(format!("{{\"section\":\"{section}\"}}"));
        let response = request.send().await.unwrap();
        assert_eq!(response.status(), 400);
        assert!(
            response
                .text()
                .await
                .unwrap()
                .contains(&format!("\"field\":\"{field}\""))
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sockets_from_elsewhere_or_without_a_login_are_refused() {
    let office = Office::open().await;
    let staff = office.staff("hanako").await;
    for headers in [&[][..], &[("origin", "https://evil.example")], &[("origin", "null")]] {
        assert_eq!(staff.socket("/ws", headers).await.err(), Some(403));
    }
    let nobody = office.browser();
    let mut live = nobody.socket("/ws", &[("origin", ORIGIN)]).await.ok().unwrap();
    live.send(common::browser::hello(Identity::Staff)).await;
    assert!(live.next_text().await.unwrap().contains("not-logged-in"));
    assert_eq!(live.closed().await, 4401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_wrong_passwords_make_strangers_wait_but_not_the_owners_own_browser() {
    let office = Office::open().await;
    let mut own = office.staff("hanako").await;
    let csrf = own.csrf.clone();
    own.post_form("/staff/logout", &[("csrf", &csrf)]).await;
    let id = protocol::ids::StaffId::new("hanako").unwrap();
    // All but one of the free tries are used up, from anywhere.
    for _ in 1..store::staff::FREE_TRIES {
        let (ledger, office) = (&office.store.ledger, common::office::office_id());
        let tries = store::staff::try_once(ledger, &office, &id, None, runtime::now()).await;
        assert!(matches!(tries.unwrap(), store::staff::Tries::May(_)));
    }
    let mut stranger = office.browser();
    assert_eq!(stranger.log_in("hanako", "wrong").await, 429);
    assert_eq!(
        stranger.log_in("hanako", &office.password("hanako")).await,
        429,
        "the right one has to wait as well"
    );
    let (_, metrics) = stranger.text("/metrics").await;
    assert!(metrics.contains("signaling_wrong_logins_total 2"), "{metrics}");
    // Whoever guesses keeps nobody out who has logged in there before.
    assert_eq!(own.log_in("hanako", &office.password("hanako")).await, 303);
    assert_eq!(
        stranger.log_in("hanako", "wrong").await,
        401,
        "and the owner's login makes an end of it"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wiped_ledger_gets_the_same_demo_accounts_again() {
    let mut office = Office::open().await;
    let password = office.password("hanako");
    assert!(
        std::fs::metadata(office.path("secrets/demo-logins.txt")).is_ok_and(|it| {
            use std::os::unix::fs::PermissionsExt;
            it.permissions().mode() & 0o077 == 0
        })
    );
    office.stop().await;
    office.kill_redis();
    std::fs::remove_dir_all(office.path("ledger")).unwrap();
    office.restart_redis().await;
    office.start().await;
    assert_eq!(office.password("hanako"), password);
    office.staff("hanako").await;
    // The other way round: the ledger is there, but nobody knows the passwords any more.
    office.stop().await;
    std::fs::remove_file(office.path("secrets/demo-logins.txt")).unwrap();
    office.start().await;
    let file = office.path("secrets/demo-logins.txt");
    until("new passwords", || async { file.exists().then_some(()) }).await;
    assert_ne!(office.password("hanako"), password);
    until("the new password", || async {
        let mut browser = office.browser();
        let status = browser.log_in("hanako", &office.password("hanako")).await;
        (status == 303).then_some(())
    })
    .await;
}
