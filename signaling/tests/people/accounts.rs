//! Accounts, and how people come in.

use std::time::Duration;

use protocol::signal::Identity;
use reqwest::Method;
use store::staff::code_at;

use crate::common::office::{ORIGIN, Office};
use crate::{PASSWORD, between, choose_password, invite};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_invitation_leads_to_a_password_a_second_factor_and_a_login() {
    let office = Office::open().await;
    let mut admin = office.staff("kanri").await;
    let link = invite(&mut admin, "saburo", "lead", "kosodate").await;
    let mut guest = office.browser();
    let (_, page) = guest.text(&link).await;
    assert!(page.contains("葛\u{e0100}城 三郎さん"), "{page}");
    for (password, again) in [("short", "short"), (PASSWORD, "kasa-mori-zupe-but")] {
        let (status, _, _) = guest
            .submit(&page, &link, &[("password", password), ("again", again)])
            .await;
        assert_eq!(status, 400);
    }
    assert_eq!(choose_password(&mut guest, &link).await, (303, "/staff/me".into()));
    assert_eq!(office.browser().text(&link).await.0, 410, "once");

    // A lead needs a second factor: until then there is this page only.
    assert_eq!(guest.get("/staff").await.headers()["location"], "/staff/login");
    assert_eq!(guest.get("/staff/login").await.headers()["location"], "/staff/me");
    let live = guest.socket("/ws", &[("origin", ORIGIN)]).await;
    let mut live = live.unwrap_or_else(|status| panic!("{status}"));
    live.send(crate::common::browser::hello(Identity::Staff)).await;
    assert_eq!(live.closed().await, 4401);
    let (_, page) = guest.text("/staff/me").await;
    guest.submit(&page, "/staff/me/totp/begin", &[]).await;
    let (_, page) = guest.text("/staff/me").await;
    let secret = between(&page, "data-test=\"totp-secret\">", "<").replace(' ', "");
    assert!(page.contains("<svg class=\"qr\""));
    let (status, _, _) = guest
        .submit(&page, "/staff/me/totp/confirm", &[("code", "000000x")])
        .await;
    assert_eq!(status, 400);
    let now = runtime::now();
    let code = code_at(&secret, now).unwrap();
    let (status, _, codes) = guest.submit(&page, "/staff/me/totp/confirm", &[("code", &code)]).await;
    assert_eq!(status, 200, "{codes}");
    let recovery = between(&codes, "data-test=\"recovery-codes\">\n<li>", "<").to_owned();
    assert_eq!(guest.get("/staff").await.status(), 200);

    // From now on the password alone opens nothing.
    let mut other = office.browser();
    other.get("/staff/login").await;
    let csrf = other.cookies["__Host-csrf"].clone();
    let fields = [("csrf", csrf.as_str()), ("id", "saburo"), ("password", PASSWORD)];
    let response = other.post_form("/staff/login", &fields).await;
    assert_eq!(response.headers()["location"], "/staff/login/code");
    assert_eq!(other.get("/staff").await.headers()["location"], "/staff/login");
    let (_, page) = other.text("/staff/login/code").await;
    let (status, _, _) = other.submit(&page, "/staff/login/code", &[("code", &code)]).await;
    assert_eq!(status, 401, "the code that it was set up with is used up");
    let next = code_at(&secret, now.plus(Duration::from_secs(30))).unwrap();
    let (status, to, _) = other.submit(&page, "/staff/login/code", &[("code", &next)]).await;
    assert_eq!((status, to.as_str()), (303, "/staff"));
    assert_eq!(other.get("/staff").await.status(), 200);
    // The phone is lost.
    let mut third = office.browser();
    third.get("/staff/login").await;
    let csrf = third.cookies["__Host-csrf"].clone();
    let fields = [("csrf", csrf.as_str()), ("id", "saburo"), ("password", PASSWORD)];
    third.post_form("/staff/login", &fields).await;
    let (_, page) = third.text("/staff/login/code").await;
    let (status, _, _) = third.submit(&page, "/staff/login/code", &[("code", &recovery)]).await;
    assert_eq!(status, 303);
    let (_, page) = third.text("/staff/me").await;
    assert!(page.contains("残り9個"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_disabled_or_gets_another_role_is_out_at_once() {
    let office = Office::open().await;
    let mut admin = office.staff("kanri").await;
    let mut hanako = office.staff("hanako").await;
    let mut live = hanako.live(Identity::Staff).await;
    let (_, page) = admin.text("/staff/accounts/one/hanako").await;
    let (status, to, _) = admin.submit(&page, "/staff/accounts/one/hanako/disable", &[]).await;
    assert_eq!((status, to.as_str()), (303, "/staff/accounts/one/hanako?done=disable"));
    assert_eq!(live.closed().await, 4401);
    assert_eq!(hanako.get("/staff").await.status(), 303);
    assert_eq!(hanako.log_in("hanako", &office.password("hanako")).await, 401);
    admin.submit(&page, "/staff/accounts/one/hanako/enable", &[]).await;
    assert_eq!(hanako.log_in("hanako", &office.password("hanako")).await, 303);

    let mut live = hanako.live(Identity::Staff).await;
    let fields = [("name", "窓口 花子"), ("role", "interpreter"), ("section", "kosodate")];
    let (status, _, _) = admin.submit(&page, "/staff/accounts/one/hanako", &fields).await;
    assert_eq!(status, 303);
    assert_eq!(live.closed().await, 4401);
    assert_eq!(hanako.get("/staff").await.status(), 303);
    // There is always somebody who can look after accounts.
    let (_, page) = admin.text("/staff/accounts/one/kanri").await;
    let (status, _, page) = admin.submit(&page, "/staff/accounts/one/kanri/disable", &[]).await;
    assert!(status == 400 && page.contains("管理者が一人もいなくなる"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_are_seen_and_ended_from_elsewhere() {
    let office = Office::open().await;
    let mut here = office.staff("hanako").await;
    let mut there = office.staff("hanako").await;
    let mut live = there.live(Identity::Staff).await;
    let (_, page) = here.text("/staff/me").await;
    let name = between(&page, "name=\"session\" value=\"", "\"").to_owned();
    let (status, _, _) = here
        .submit(&page, "/staff/me/sessions/end", &[("session", &name)])
        .await;
    assert_eq!(status, 303);
    assert_eq!(live.closed().await, 4401);
    assert_eq!(there.get("/staff").await.status(), 303);
    assert_eq!(here.get("/staff").await.status(), 200);

    // A new password ends the others as well.
    let mut there = office.staff("hanako").await;
    let old = office.password("hanako");
    let (_, page) = here.text("/staff/me").await;
    let fields = [("current", "wrong"), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(here.submit(&page, "/staff/me/password", &fields).await.0, 400);
    let fields = [("current", old.as_str()), ("password", PASSWORD), ("again", PASSWORD)];
    assert_eq!(here.submit(&page, "/staff/me/password", &fields).await.0, 303);
    assert_eq!(here.get("/staff").await.status(), 200);
    assert_eq!(there.get("/staff").await.status(), 303);
    assert_eq!(office.browser().log_in("hanako", &old).await, 401);
    assert_eq!(office.browser().log_in("hanako", PASSWORD).await, 303);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_a_trusted_proxy_each_visitor_is_slowed_by_themselves() {
    let office = Office::open_more("", "trusted_proxies = [\"127.0.0.0/8\"]").await;
    let guess = async |from: &str| {
        let browser = office.browser();
        let request = browser.request(Method::GET, "/c/wrong").header("x-forwarded-for", from);
        request.send().await.unwrap().status().as_u16()
    };
    let guesses = (0..14).map(|_| guess("203.0.113.7"));
    let statuses = futures_util::future::join_all(guesses).await;
    assert!(statuses.contains(&429), "{statuses:?}");
    assert_eq!(
        guess("1.2.3.4, 203.0.113.7").await,
        429,
        "whatever the visitor writes before it"
    );
    assert_eq!(guess("203.0.113.8").await, 404, "a neighbour isn't slowed");
}
