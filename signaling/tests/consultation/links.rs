//! Links, the line before the call, and who sends nonsense.

use std::time::Duration;

use protocol::signal::{ClientBody, Identity, Phase, ServerBody};

use crate::common::browser::hello;
use crate::common::office::{ORIGIN, Office};
use crate::common::until;
use crate::{id, publish};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_expired_and_used_links_say_what_they_are() {
    let office = Office::open_with("2s").await;
    let mut staff = office.staff("hanako").await;
    let (_, link) = staff.create("kosodate").await;
    let mut resident = office.browser().resident(&link).await;
    let mut browser = office.browser();
    for wrong in ["/c/aaaaaaaaaaaaaaaaaaaaaaaaaa", "/c/none", "/c/%00"] {
        let (status, page) = browser.text(wrong).await;
        assert!(status == 404 && page.contains("072-000-0000"), "{wrong}: {page}");
    }
    let (_, metrics) = browser.text("/metrics").await;
    assert!(metrics.contains("signaling_wrong_links_total 3"));
    until("the link expires", || async {
        (office.browser().get(&link).await.status() == 410).then_some(())
    })
    .await;
    resident.phase(Phase::Ended).await;
    let (_, expired) = browser.text(&link).await;
    let (_, other) = staff.create("kosodate").await;
    let mut live = staff.live(Identity::Staff).await;
    let consultation = live.phase(Phase::Booked).await.id;
    assert_eq!(live.ask(ClientBody::End { consultation }).await, ServerBody::Ok);
    let (status, used) = browser.text(&other).await;
    assert_eq!(status, 410);
    assert_ne!(used, expired, "each has its own words");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_wrong_links_are_refused_but_a_right_one_never() {
    let office = Office::open().await;
    let mut staff = office.staff("hanako").await;
    let (_, link) = staff.create("kosodate").await;
    let browser = office.browser();
    let guesses = (0..14).map(|_| browser.request(reqwest::Method::GET, "/c/wrong").send());
    let answers = futures_util::future::join_all(guesses).await;
    let statuses: Vec<u16> = answers
        .into_iter()
        .map(|answer| answer.unwrap().status().as_u16())
        .collect();
    assert!(statuses.contains(&429) && statuses.contains(&404), "{statuses:?}");
    assert_eq!(office.browser().get(&link).await.status(), 200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_line_moves_up() {
    let office = Office::open().await;
    let mut console = office.staff("hanako").await;
    let mut residents = Vec::new();
    for _ in 0..3 {
        let (consultation, link) = console.create("kosodate").await;
        let mut resident = office.browser().resident(&link).await;
        assert_eq!(
            resident.ask(ClientBody::Ready { can_encrypt: true }).await,
            ServerBody::Ok
        );
        residents.push((consultation, resident));
    }
    let (_, last) = &mut residents[2];
    assert_eq!(last.phase(Phase::Waiting).await.ahead, Some(2));
    let mut staff = console.live(Identity::Staff).await;
    let admit = ClientBody::Admit {
        consultation: id(&residents[0].0),
        can_encrypt: true,
    };
    assert_eq!(staff.ask(admit).await, ServerBody::Ok);
    let (_, last) = &mut residents[2];
    assert_eq!(last.phase(Phase::Waiting).await.ahead, Some(1));
    let second = ClientBody::Admit {
        consultation: id(&residents[1].0),
        can_encrypt: true,
    };
    let refused = staff.ask(second).await;
    assert!(
        matches!(refused, ServerBody::Error { problem } if problem.kind.ends_with("in-call")),
        "one at a time"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_frames_get_an_error_and_a_flood_is_ended() {
    let office = Office::open().await;
    let staff = office.staff("hanako").await;
    let mut live = staff.live(Identity::Staff).await;
    live.news("the list", |body| {
        matches!(body, ServerBody::Consultations { .. }).then_some(())
    })
    .await;
    live.send_text("{\"id\":99,\"type\":\"dance\"}").await;
    let answer = live.next_text().await.unwrap();
    assert!(
        answer.contains("\"id\":99") && answer.contains("bad-request"),
        "{answer}"
    );
    let again = live.ask(hello(Identity::Staff)).await;
    assert!(matches!(again, ServerBody::Error { .. }), "one hello is enough");
    let unjoined = live.ask(publish("offer")).await;
    assert!(matches!(unjoined, ServerBody::Error { .. }));
    for _ in 0..300 {
        live.send_anyway(ClientBody::Ping).await;
    }
    assert_eq!(live.closed().await, 1008);

    let mut old = staff.socket("/ws", &[("origin", ORIGIN)]).await.ok().unwrap();
    let hello = ClientBody::Hello {
        version: 0,
        identity: Identity::Staff,
    };
    old.send(hello).await;
    assert!(old.next_text().await.unwrap().contains("old-page"));

    let mut large = staff.live(Identity::Staff).await;
    let sdp = "x".repeat(protocol::signal::MAX_FRAME);
    large.send_anyway(publish(&sdp)).await;
    let code = tokio::time::timeout(Duration::from_secs(30), large.closed())
        .await
        .unwrap();
    assert!([1006, 1009].contains(&code), "{code}");
}
