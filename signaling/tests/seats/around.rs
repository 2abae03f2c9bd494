//! Before and after a call: waiting, being called back, notes, the goodbye.

use protocol::ids::{ConsultationId, SectionId, StaffId};
use protocol::seats::{Act, Notes, Part};
use protocol::signal::{ClientBody, Identity, Phase, ServerBody};
use reqwest::Method;

use crate::common::browser::Browser;
use crate::common::office::Office;
use crate::{Call, READY, guest, is_refused, marked, told};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_called_back_waits_in_the_same_place_and_staff_are_free() {
    let mut call = Call::begin().await;
    let (_, code) = call.invite(Part::Family, true).await;
    let mut family = guest(&call.office, &code).await;
    family.ask(READY).await;
    family.admitted().await;
    assert_eq!(call.host(Act::CallBack).await, ServerBody::Ok);
    let waiting = call.resident.phase(Phase::Waiting).await;
    assert_eq!(waiting.ahead, Some(0));
    family.phase(Phase::Waiting).await;
    call.are_in_room(0).await;
    let admit = ClientBody::Admit {
        consultation: call.id.clone(),
        can_encrypt: true,
    };
    assert_eq!(call.staff.ask(admit).await, ServerBody::Ok);
    call.resident.admitted().await;
    assert_eq!(
        call.host(Act::Move {
            section: SectionId::new("kaigo").unwrap(),
            staff: None
        })
        .await,
        ServerBody::Ok
    );
    let moved = told(&mut call.resident, "another line", |seen| {
        (seen.section.as_str() == "kaigo").then_some(seen.phase)
    })
    .await;
    assert_eq!(moved, Phase::Waiting);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_stay_inside_and_the_goodbye_tells_the_residents_own() {
    let office = Office::open().await;
    let mut console = office.staff("hanako").await;
    let mut staff = console.live(Identity::Staff).await;
    let (id, link) = console.create("kosodate").await;
    let id = ConsultationId::new(id).unwrap();
    let code = link.strip_prefix("/c/").unwrap();
    let mut browser = marked(&office, &link).await;
    let mut resident = browser.resident(&link).await;
    resident.ask(READY).await;
    let admit = ClientBody::Admit {
        consultation: id.clone(),
        can_encrypt: true,
    };
    assert_eq!(staff.ask(admit).await, ServerBody::Ok);
    let notes = Notes {
        inside: "要確認".into(),
        for_resident: "書類は11月末までに。".into(),
    };
    let write = || ClientBody::Act {
        consultation: id.clone(),
        act: Act::Write { notes: notes.clone() },
    };
    assert_eq!(staff.ask(write()).await, ServerBody::Ok);
    let read = || ClientBody::Notes {
        consultation: id.clone(),
    };
    assert_eq!(staff.ask(read()).await, ServerBody::Notes { notes: notes.clone() });
    let mut taro = office.staff("taro").await.live(Identity::Staff).await;
    for live in [&mut taro, &mut resident] {
        for body in [write(), read()] {
            assert!(is_refused(&live.ask(body).await, "forbidden"));
        }
    }
    let goodbye = |browser: &Browser| {
        browser
            .request(Method::POST, "/api/consultations/goodbye")
            .header("content-type", "application/json")
            .body(format!("{{\"code\":\"{code}\"}}"))
    };
    let rating = |browser: &Browser, score: u8| {
        browser
            .request(Method::POST, "/api/consultations/rating")
            .header("content-type", "application/json")
            .body(format!("{{\"code\":\"{code}\",\"score\":{score}}}"))
    };
    let request = goodbye(&browser);
    assert_eq!(browser.send(request).await.status(), 410, "it isn't over");
    let end = ClientBody::End {
        consultation: id.clone(),
    };
    assert_eq!(staff.ask(end).await, ServerBody::Ok);
    let request = goodbye(&browser);
    let told: serde_json::Value = browser.send(request).await.json().await.unwrap();
    assert_eq!(told, serde_json::json!({"note": "書類は11月末までに。", "score": null}));
    let mut stranger = office.browser();
    let request = goodbye(&stranger);
    assert_eq!(stranger.send(request).await.status(), 403, "another device");
    for (score, status) in [(9, 400), (5, 204), (2, 204), (4, 410)] {
        let request = rating(&browser, score);
        assert_eq!(browser.send(request).await.status(), status, "{score}");
    }
    let served = store::facts::newest(&office.store.ledger, &crate::common::office::office_id(), 10)
        .await
        .unwrap();
    assert_eq!(
        (
            served.len(),
            served[0].score,
            served[0].staff.as_ref().map(StaffId::as_str)
        ),
        (1, Some(2), Some("hanako"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_told_about_how_long_once_that_is_known() {
    let office = Office::open().await;
    let mut console = office.staff("hanako").await;
    let mut staff = console.live(Identity::Staff).await;
    let mut residents = Vec::new();
    for _ in 0..3 {
        let (id, link) = console.create("kosodate").await;
        let mut resident = office.browser().resident(&link).await;
        resident.ask(READY).await;
        residents.push((ConsultationId::new(id).unwrap(), resident));
    }
    let admit = ClientBody::Admit {
        consultation: residents[0].0.clone(),
        can_encrypt: true,
    };
    assert_eq!(staff.ask(admit).await, ServerBody::Ok);
    for minutes in [18, 20, 22] {
        was_held(&office, &mut console, minutes).await;
    }
    for (at, minutes) in [(1, 10), (2, 30)] {
        let wait = told(&mut residents[at].1, "a wait", |seen| seen.call.wait_minutes).await;
        assert_eq!(wait, minutes);
    }
}

/// A consultation that was, and took so long.
async fn was_held(office: &Office, console: &mut Browser, minutes: u64) {
    let (id, _) = console.create("kosodate").await;
    let id = ConsultationId::new(id).unwrap();
    let (ledger, ward) = (&office.store.ledger, crate::common::office::office_id());
    let ended_at = runtime::now();
    let change = store::consultations::update(ledger, &ward, &id, ended_at, |old| {
        Some(store::consultations::Record {
            phase: Phase::Ended,
            admitted_at: Some(protocol::time::UnixMillis(ended_at.0 - minutes * 60_000)),
            staff: Some(StaffId::new("hanako").unwrap()),
            ended_at: Some(ended_at),
            ..old.clone()
        })
    });
    assert!(change.await.unwrap().unwrap().1);
}
