//! Members of staff over HTTP: invitations, second factors, rights, disabled at once, files, the audit log.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use common::browser::{Browser, Live, csrf_of};
use common::office::{ORIGIN, Office, office_id};
use protocol::ids::{ConsultationId, SectionId, StaffId};
use protocol::seats::{Act, Part};
use protocol::signal::{ClientBody, Identity, Phase, ServerBody};
use reqwest::Method;
use store::audit::{self, Verifier, csv};
use store::staff::code_at;

/// What stands between two marks.
fn between<'a>(page: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = page.split_once(from).unwrap_or_else(|| panic!("no {from} in {page}"));
    rest.split_once(to).unwrap().0
}

fn link_in(page: &str) -> String {
    let url = between(page, "data-test=\"invitation\" type=\"text\" readonly value=\"", "\"");
    url.strip_prefix(ORIGIN).unwrap().to_owned()
}

async fn invite(admin: &mut Browser, id: &str, role: &str, section: &str) -> String {
    let (_, page) = admin.text("/staff/accounts").await;
    let fields = [
        ("id", id),
        ("name", "葛\u{e0100}城 三郎"),
        ("role", role),
        ("section", section),
    ];
    let (status, _, page) = admin.submit(&page, "/staff/accounts", &fields).await;
    assert_eq!(status, 200, "{page}");
    link_in(&page)
}

const PASSWORD: &str = "kasa-mori-zupe-buta";

async fn choose_password(guest: &mut Browser, link: &str) -> (u16, String) {
    let (status, page) = guest.text(link).await;
    assert_eq!(status, 200, "{page}");
    let fields = [("password", PASSWORD), ("again", PASSWORD)];
    let (status, to, _) = guest.submit(&page, link, &fields).await;
    (status, to)
}

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
    live.send(common::browser::hello(Identity::Staff)).await;
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
async fn nobody_opens_what_their_role_may_not() {
    let office = Office::open().await;
    let mut hanako = office.staff("hanako").await;
    for path in [
        "/staff/accounts",
        "/staff/accounts/import",
        "/staff/accounts/one/taro",
        "/staff/audit",
        "/staff/report",
    ] {
        assert_eq!(hanako.get(path).await.status(), 403, "{path}");
        assert_eq!(office.browser().get(path).await.status(), 303, "{path}: log in first");
    }
    let csrf = hanako.csrf.clone();
    for path in [
        "/staff/accounts",
        "/staff/accounts/export",
        "/staff/accounts/import/apply",
        "/staff/accounts/one/taro",
        "/staff/accounts/one/taro/disable",
        "/staff/audit",
        "/staff/report",
    ] {
        let fields = [
            ("csrf", csrf.as_str()),
            ("version", "1"),
            ("id", "x"),
            ("role", "admin"),
        ];
        assert_eq!(hanako.post_form(path, &fields).await.status(), 403, "{path}");
    }
    let mut admin = office.staff("kanri").await;
    let (status, _, _) = {
        let page = format!("csrf \"{csrf}\">");
        admin.submit(&page, "/staff/accounts", &[("id", "x")]).await
    };
    assert_eq!(status, 403, "another's token");
    // Links are made for one's own sections only.
    let jiro = office.staff("jiro").await;
    let wanted = jiro
        .request(Method::POST, "/api/consultations")
        .header("x-csrf-token", &jiro.csrf)
        .header("origin", ORIGIN)
        .header("content-type", "application/json")
        .body("{\"section\":\"kosodate\"}");
    assert_eq!(wanted.send().await.unwrap().status(), 403);
    let tsuyaku = office.staff("tsuyaku").await;
    let broadcasts = tsuyaku.request(Method::GET, "/api/broadcasts").send().await.unwrap();
    assert_eq!(broadcasts.status(), 403);
}

fn refused(body: &ServerBody) -> bool {
    matches!(body, ServerBody::Error { problem } if problem.kind.ends_with("forbidden"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consultations_are_told_to_their_section_and_ended_by_who_may() {
    let office = Office::open().await;
    let mut hanako = office.staff("hanako").await;
    let (id, link) = hanako.create("kosodate").await;
    let id = ConsultationId::new(id).unwrap();
    // Nothing of it reaches another section, nor an interpreter who isn't in it.
    let mut outside = Vec::new();
    for who in ["jiro", "tsuyaku"] {
        let mut live = office.staff(who).await.live(Identity::Staff).await;
        let listed = live.news("the list", |body| match body {
            ServerBody::Consultations { consultations, .. } => Some(consultations.len()),
            _ => None,
        });
        assert_eq!(listed.await, 0, "{who}");
        for body in [
            ClientBody::End {
                consultation: id.clone(),
            },
            ClientBody::Admit {
                consultation: id.clone(),
                can_encrypt: true,
            },
        ] {
            assert!(refused(&live.ask(body).await), "{who}");
        }
        outside.push(live);
    }
    let mut resident = office.browser().resident(&link).await;
    resident.ask(ClientBody::Ready { can_encrypt: true }).await;
    let mut staff = hanako.live(Identity::Staff).await;
    let admit = ClientBody::Admit {
        consultation: id.clone(),
        can_encrypt: true,
    };
    assert_eq!(staff.ask(admit).await, ServerBody::Ok);
    // A colleague of the section sees the call, and doesn't end it; an admin does.
    let mut taro = office.staff("taro").await.live(Identity::Staff).await;
    taro.phase(Phase::Admitted).await;
    let end = || ClientBody::End {
        consultation: id.clone(),
    };
    assert!(refused(&taro.ask(end()).await));
    let mut kanri = office.staff("kanri").await.live(Identity::Staff).await;
    assert_eq!(kanri.ask(end()).await, ServerBody::Ok);
    resident.phase(Phase::Ended).await;
    taro.phase(Phase::Ended).await;
    // What the others were told meanwhile: nothing but the answer to this.
    for mut live in outside {
        assert_eq!(live.ask(ClientBody::Ping).await, ServerBody::Pong);
        assert!(!live.has_news(), "told of another section's consultation");
    }
}

/// The list of a console that has just been opened.
async fn listed(live: &mut Live) -> Vec<ConsultationId> {
    live.news("the list", |body| match body {
        ServerBody::Consultations { consultations, .. } => {
            Some(consultations.iter().map(|one| one.id.clone()).collect())
        }
        _ => None,
    })
    .await
}

async fn is_gone(live: &mut Live, id: &ConsultationId) {
    live.news("it is gone", |body| {
        matches!(body, ServerBody::Gone { consultation } if consultation == *id).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_loses_sight_of_a_consultation_is_told_that_it_is_gone() {
    let office = Office::open().await;
    let mut hanako = office.staff("hanako").await;
    let mut staff = hanako.live(Identity::Staff).await;
    let (id, link) = hanako.create("kaigo").await;
    let id = ConsultationId::new(id).unwrap();
    let mut jiro = office.staff("jiro").await.live(Identity::Staff).await;
    assert_eq!(listed(&mut jiro).await, std::slice::from_ref(&id));
    let mut kanri = office.staff("kanri").await.live(Identity::Staff).await;
    assert_eq!(listed(&mut kanri).await, std::slice::from_ref(&id));
    let mut resident = office.browser().resident(&link).await;
    resident.ask(ClientBody::Ready { can_encrypt: true }).await;
    jiro.phase(Phase::Waiting).await;

    let act = |act| ClientBody::Act {
        consultation: id.clone(),
        act,
    };
    let section = SectionId::new("kosodate").unwrap();
    let body = act(Act::Move { section, staff: None });
    assert_eq!(staff.ask(body).await, ServerBody::Ok);
    is_gone(&mut jiro, &id).await;
    let moved = kanri.news("another line", |body| match body {
        ServerBody::Consultation { consultation } => {
            (consultation.section.as_str() == "kosodate").then_some(consultation.phase)
        }
        ServerBody::Gone { .. } => panic!("an admin sees all"),
        _ => None,
    });
    assert_eq!(moved.await, Phase::Waiting);

    // Called in, jiro sees it, and until he has said that he can't come.
    let admit = ClientBody::Admit {
        consultation: id.clone(),
        can_encrypt: true,
    };
    assert_eq!(staff.ask(admit).await, ServerBody::Ok);
    let invite = act(Act::Invite {
        part: Part::Colleague,
        staff: Some(StaffId::new("jiro").unwrap()),
        is_let_in: false,
    });
    let ServerBody::Invited { seat, .. } = staff.ask(invite).await else {
        panic!("jiro's console is open");
    };
    jiro.phase(Phase::Admitted).await;
    let no = act(Act::Answer {
        seat,
        accepts: false,
        can_encrypt: true,
    });
    assert_eq!(jiro.ask(no).await, ServerBody::Ok);
    is_gone(&mut jiro, &id).await;
    assert_eq!(kanri.ask(ClientBody::Ping).await, ServerBody::Pong);
}

/// A file, as a browser's form sends it.
async fn upload(admin: &mut Browser, file: &[u8]) -> (u16, String) {
    let (_, page) = admin.text("/staff/accounts/import").await;
    let csrf = csrf_of(&page);
    let mut body = format!(
        "--mark\r\nContent-Disposition: form-data; name=\"csrf\"\r\n\r\n{csrf}\r\n--mark\r\n\
         Content-Disposition: form-data; name=\"file\"; filename=\"a.csv\"\r\nContent-Type: text/csv\r\n\r\n"
    )
    .into_bytes();
    body.extend_from_slice(file);
    body.extend_from_slice(b"\r\n--mark--\r\n");
    let request = admin
        .request(Method::POST, "/staff/accounts/import")
        .header("content-type", "multipart/form-data; boundary=mark")
        .body(body);
    let response = admin.send(request).await;
    (response.status().as_u16(), response.text().await.unwrap())
}

async fn apply(admin: &mut Browser, preview: &str, text: &str) -> (u16, String) {
    let before = between(preview, "name=\"before\" value=\"", "\"");
    let fields = [("before", before), ("text", text)];
    let (status, _, page) = admin.submit(preview, "/staff/accounts/import/apply", &fields).await;
    (status, page)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_looked_at_first_and_then_changes_all_or_nothing() {
    let office = Office::open().await;
    let mut admin = office.staff("kanri").await;
    let (_, page) = admin.text("/staff/accounts").await;
    let (_, _, exported) = admin.submit(&page, "/staff/accounts/export", &[]).await;
    let hanako = "hanako,窓口 花子,職員,子育て支援課;介護保険課,有効";
    // The byte order mark that spreadsheets want is taken away by the client.
    assert!(exported.contains(hanako), "{exported}");
    let (status, page) = upload(&mut admin, exported.as_bytes()).await;
    assert!(status == 200 && page.contains("変わるところがありません"), "{page}");

    let text = "職員ID,氏名,役割,所属,状態\r\n\
                hanako,窓口 花子,係長,子育て支援課,有効\r\n\
                jiro,介護 次郎,職員,介護保険課,停止\r\n\
                shiro,𠮷田 四郎,職員,kaigo,\r\n";
    let (status, preview) = upload(&mut admin, text.as_bytes()).await;
    assert_eq!(status, 200);
    assert!(preview.contains("追加 1人、変更 2人、変わらない人 0人"), "{preview}");
    assert!(preview.contains("<del>職員</del> → <ins>課長・係長</ins>"), "{preview}");
    let get = async |id: &str| {
        let id = StaffId::new(id).unwrap();
        store::staff::get(&office.store.ledger, &office_id(), &id)
            .await
            .unwrap()
    };
    assert!(get("shiro").await.is_none(), "nothing has changed yet");
    // Somebody else changes one of them in between: then it has to be looked at again.
    let (_, page) = admin.text("/staff/accounts/one/hanako").await;
    let fields = [("name", "窓口 華子"), ("role", "staff"), ("section", "kosodate")];
    admin.submit(&page, "/staff/accounts/one/hanako", &fields).await;
    let (_, again) = apply(&mut admin, &preview, text).await;
    assert!(again.contains("ほかの人がアカウントを変更しました") && get("shiro").await.is_none());
    // That somebody logs in doesn't.
    let mut live = office.staff("jiro").await.live(Identity::Staff).await;
    let (status, done) = apply(&mut admin, &again, text).await;
    assert!(status == 200 && done.contains("/staff/invited/shiro/"), "{done}");
    assert_eq!(live.closed().await, 4401, "disabled by the file, out at once");
    assert_eq!(get("hanako").await.unwrap().role, store::staff::Role::Lead);
    assert_eq!(get("shiro").await.unwrap().name, "𠮷田 四郎");

    let wrong = "職員ID,氏名,役割,所属\r\nx,名前,社長,どこか\r\n";
    let (status, page) = upload(&mut admin, wrong.as_bytes()).await;
    assert_eq!(status, 400);
    assert!(
        page.contains("2行目") && page.contains("「社長」") && page.contains("「どこか」"),
        "{page}"
    );
    let (status, page) = upload(&mut admin, &[0xff, 0xfe, 0x00]).await;
    assert!(status == 400 && page.contains("Shift_JIS"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_done_is_written_down_without_names_or_links_and_can_be_verified() {
    let office = Office::open().await;
    let mut hanako = office.staff("hanako").await;
    let (id, link) = hanako.create("kosodate").await;
    let mut browser = office.browser();
    assert_eq!(browser.log_in("hanako", "wrong").await, 401);
    let mut resident = office.browser().resident(&link).await;
    resident.ask(ClientBody::Ready { can_encrypt: true }).await;
    let end = ClientBody::End {
        consultation: ConsultationId::new(id.clone()).unwrap(),
    };
    resident.ask(end).await;
    let mut admin = office.staff("kanri").await;
    let (status, page) = admin.text("/staff/audit").await;
    assert_eq!(status, 200);
    for word in ["相談リンクを作った", "ログインに失敗した", "相談を終えた"] {
        assert!(page.contains(word), "{word}: {page}");
    }
    let (_, _, file) = admin.submit(&page, "/staff/audit", &[("day", "")]).await;
    let entries = csv::entries(&file).unwrap();
    let of = |what: &str| {
        let mut found = entries.iter().filter(|entry| entry.what == what);
        let entry = found.next().unwrap_or_else(|| panic!("no {what} in {file}"));
        (entry.who.clone(), entry.which.clone())
    };
    assert_eq!(of("consultation.created"), ("staff/hanako".into(), id.clone()));
    assert_eq!(of("consultation.ready"), (format!("resident/{id}"), id.clone()));
    assert_eq!(of("consultation.ended"), (format!("resident/{id}"), id));
    assert_eq!(of("login.failed"), ("system".into(), "hanako".into()));
    assert_eq!(of("audit.exported"), ("staff/kanri".into(), "all".into()));
    let code = link.strip_prefix("/c/").unwrap();
    for secret in ["花子", "窓口", code, "127.0.0.1"] {
        assert!(!file.contains(secret), "{secret}");
    }
    let mut verifier = Verifier::new(audit::Anchor::first(&office_id()), vec![]);
    for entry in &entries {
        verifier.take(entry).unwrap();
    }
    verifier.finish().unwrap();
    let head = audit::verify(&office.store.ledger, &office_id(), vec![])
        .await
        .unwrap()
        .unwrap();
    let (_, page) = admin.text("/staff/audit").await;
    assert!(page.contains(&head.to_string()), "the page shows the log's end");
    let (status, page) = admin.text("/staff/audit?day=2020-01-01").await;
    assert!(status == 200 && page.contains("この日の記録はありません"));
    assert_eq!(admin.text("/staff/audit?day=yesterday").await.0, 400);
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
