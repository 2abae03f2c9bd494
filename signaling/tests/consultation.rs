//! Consultations from link to hang-up, over real WebSockets, through every kind of fall.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use common::browser::{Live, hello};
use common::node::Node;
use common::office::{ORIGIN, Office, office_id};
use common::until;
use protocol::control::RequestBody;
use protocol::grants::MediaSource;
use protocol::ids::{ConsultationId, ParticipantId};
use protocol::signal::{ClientBody, Identity, Phase, PublishTrack, ServerBody};

fn id(text: &str) -> ConsultationId {
    ConsultationId::new(text).unwrap()
}

async fn join(live: &mut Live, token: String, has_connections: bool) -> (ParticipantId, bool) {
    match live.ask(ClientBody::Join { token, has_connections }).await {
        ServerBody::Joined { participant, fresh } => (participant, fresh),
        other => panic!("{other:?}"),
    }
}

fn publish(sdp: &str) -> ClientBody {
    ClientBody::Publish {
        sdp: sdp.into(),
        tracks: vec![PublishTrack {
            mid: "0".into(),
            source: MediaSource::Microphone,
        }],
    }
}

/// A consultation up to the call: both have joined.
struct Call {
    id: ConsultationId,
    link: String,
    staff: Live,
    resident: Live,
    resident_participant: ParticipantId,
}

impl Call {
    async fn begin(office: &Office) -> Self {
        let mut console = office.staff("hanako").await;
        let mut staff = console.live(Identity::Staff).await;
        let (consultation, link) = console.create("kosodate").await;
        let mut resident = office.browser().resident(&link).await;
        assert_eq!(
            resident.ask(ClientBody::Ready { can_encrypt: true }).await,
            ServerBody::Ok
        );
        let admit = ClientBody::Admit {
            consultation: id(&consultation),
            can_encrypt: true,
        };
        assert_eq!(staff.ask(admit).await, ServerBody::Ok);
        let (staff_token, token) = (staff.admitted().await, resident.admitted().await);
        assert!(join(&mut staff, staff_token, false).await.1);
        let (resident_participant, fresh) = join(&mut resident, token, false).await;
        assert!(fresh);
        Self {
            id: id(&consultation),
            link,
            staff,
            resident,
            resident_participant,
        }
    }

    async fn end(mut self) {
        let consultation = self.id.clone();
        assert_eq!(
            self.resident.ask(ClientBody::End { consultation }).await,
            ServerBody::Ok
        );
        self.staff.phase(Phase::Ended).await;
        self.resident.phase(Phase::Ended).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_consultation() {
    let office = Office::open().await;
    let node = Node::start(&office).await;
    let mut console = office.staff("hanako").await;
    let mut staff = console.live(Identity::Staff).await;
    let mut colleague = office.staff("taro").await.live(Identity::Staff).await;

    let (consultation, link) = console.create("kosodate").await;
    let booked = staff.phase(Phase::Booked).await;
    assert_eq!((booked.id.as_str(), booked.is_present), (consultation.as_str(), false));
    let (status, page) = office.browser().text(&link).await;
    assert!(status == 200 && page.contains("子育て支援課"), "{page}");
    let code = link.strip_prefix("/c/").unwrap();

    let mut resident = office.browser().resident(&link).await;
    let own = resident.phase(Phase::Booked).await;
    assert_eq!(own.id, booked.id);
    staff
        .news("the resident is there", |body| match body {
            ServerBody::Consultation { consultation } => consultation.is_present.then_some(()),
            _ => None,
        })
        .await;
    let admit = || ClientBody::Admit {
        consultation: id(&consultation),
        can_encrypt: true,
    };
    let refused = staff.ask(admit()).await;
    assert!(matches!(refused, ServerBody::Error { problem } if problem.kind.ends_with("not-waiting")));

    assert_eq!(
        resident.ask(ClientBody::Ready { can_encrypt: true }).await,
        ServerBody::Ok
    );
    assert_eq!(
        resident.ask(ClientBody::Ready { can_encrypt: true }).await,
        ServerBody::Ok,
        "twice is as good"
    );
    let waiting = resident.phase(Phase::Waiting).await;
    assert_eq!((waiting.ahead, waiting.staff), (Some(0), None));
    assert!(staff.phase(Phase::Waiting).await.waiting_since.is_some());

    assert_eq!(staff.ask(admit()).await, ServerBody::Ok);
    let seen = resident.phase(Phase::Admitted).await;
    assert!(seen.staff.is_none(), "residents don't see who");
    let (staff_token, token) = (staff.admitted().await, resident.admitted().await);
    let refused = colleague.ask(admit()).await;
    assert!(matches!(refused, ServerBody::Error { problem } if problem.kind.ends_with("taken")));
    assert_eq!(colleague.phase(Phase::Admitted).await.staff.unwrap().as_str(), "hanako");
    let stolen = colleague
        .ask(ClientBody::Join {
            token: token.clone(),
            has_connections: false,
        })
        .await;
    assert!(
        matches!(stolen, ServerBody::Error { .. }),
        "a token is its owner's only"
    );

    // Join and publish at once, without waiting between them.
    let joining = staff
        .send(ClientBody::Join {
            token: staff_token,
            has_connections: false,
        })
        .await;
    let publishing = staff.send(publish("staff's offer")).await;
    assert!(matches!(
        staff.answer(joining).await,
        ServerBody::Joined { fresh: true, .. }
    ));
    let published = staff.answer(publishing).await;
    assert_eq!(
        published,
        ServerBody::Published {
            sdp: "answer to staff's offer".into()
        }
    );
    join(&mut resident, token, false).await;
    assert!(matches!(
        resident.ask(publish("offer")).await,
        ServerBody::Published { .. }
    ));
    let revision = staff
        .news("an offer", |body| match body {
            ServerBody::Offer { revision, .. } => Some(revision),
            _ => None,
        })
        .await;
    let answer = ClientBody::Answer {
        revision,
        sdp: "answer".into(),
    };
    assert_eq!(staff.ask(answer).await, ServerBody::Ok);
    let mute = ClientBody::Mute {
        source: MediaSource::Camera,
        muted: true,
    };
    assert_eq!(resident.ask(mute).await, ServerBody::Ok);
    staff
        .news("muted", |body| {
            matches!(
                body,
                ServerBody::Muted {
                    source: MediaSource::Camera,
                    muted: true,
                    ..
                }
            )
            .then_some(())
        })
        .await;

    let end = || ClientBody::End {
        consultation: id(&consultation),
    };
    let strangers_link = console.create("kaigo").await.1;
    let mut stranger = office.browser().resident(&strangers_link).await;
    let refused = stranger.ask(end()).await;
    assert!(matches!(refused, ServerBody::Error { problem } if problem.kind.ends_with("forbidden")));
    assert_eq!(resident.ask(end()).await, ServerBody::Ok);
    staff.phase(Phase::Ended).await;
    colleague.phase(Phase::Ended).await;
    until("the room closes", || async { (node.participants() == 0).then_some(()) }).await;

    let response = office.browser().get(&link).await;
    assert_eq!(response.status(), 410, "the link is dead");
    let mut again = office
        .browser()
        .socket("/ws", &[("origin", ORIGIN)])
        .await
        .ok()
        .unwrap();
    again.send(hello(Identity::Resident { code: code.into() })).await;
    assert!(again.next_text().await.unwrap().contains("link-used"));
    assert_eq!(again.closed().await, 1000);
}

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
async fn a_reload_takes_its_own_place_again() {
    let office = Office::open().await;
    let node = Node::start(&office).await;
    let mut call = Call::begin(&office).await;
    // The resident's phone opens the link again: the older page ends, the new one is called in at once.
    let mut again = office.browser().resident(&call.link).await;
    assert_eq!(call.resident.closed().await, 4001);
    let token = again.admitted().await;
    let (participant, fresh) = join(&mut again, token, false).await;
    assert_eq!((participant, fresh), (call.resident_participant.clone(), true));
    assert_eq!(node.participants(), 2);
    // Only its socket was lost: it goes on.
    drop(again);
    let mut again = office.browser().resident(&call.link).await;
    let token = again.admitted().await;
    assert!(!join(&mut again, token, true).await.1);
    // The console reloads.
    let mut staff = office.staff("hanako").await.live(Identity::Staff).await;
    assert_eq!(call.staff.closed().await, 4001);
    let token = staff.admitted().await;
    assert!(join(&mut staff, token, false).await.1);
    call.resident = again;
    call.staff = staff;
    call.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_media_node_takes_over_the_call() {
    let office = Office::open().await;
    let node = Node::start(&office).await;
    let mut call = Call::begin(&office).await;
    let address = node.address;
    node.kill().await;
    let lost = |body| matches!(body, ServerBody::MediaLost).then_some(());
    call.staff.news("media_lost", lost).await;
    call.resident.news("media_lost", lost).await;
    let refused = call.resident.ask(publish("offer")).await;
    assert!(matches!(refused, ServerBody::Error { problem } if problem.kind.ends_with("no-media")));

    let node = Node::start_at(&office, address).await;
    let (staff_token, token) = (call.staff.admitted().await, call.resident.admitted().await);
    assert!(join(&mut call.staff, staff_token, false).await.1);
    let (participant, fresh) = join(&mut call.resident, token, false).await;
    assert_eq!((participant, fresh), (call.resident_participant.clone(), true));
    assert_eq!(node.participants(), 2);
    call.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_node_everybody_waits_and_is_called_in_when_there_is_one() {
    let office = Office::open().await;
    let mut console = office.staff("hanako").await;
    let mut staff = console.live(Identity::Staff).await;
    let (consultation, link) = console.create("kosodate").await;
    let mut resident = office.browser().resident(&link).await;
    resident.ask(ClientBody::Ready { can_encrypt: true }).await;
    let admit = ClientBody::Admit {
        consultation: id(&consultation),
        can_encrypt: true,
    };
    assert_eq!(staff.ask(admit).await, ServerBody::Ok);
    resident.phase(Phase::Admitted).await;
    let _node = Node::start(&office).await;
    staff.admitted().await;
    resident.admitted().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_falls_in_the_middle_and_nothing_is_lost() {
    let mut office = Office::open().await;
    let node = Node::start(&office).await;
    let mut call = Call::begin(&office).await;
    let mut console = office.staff("taro").await;
    let (waiting, link) = console.create("kaigo").await;
    let mut resident = office.browser().resident(&link).await;
    assert_eq!(
        resident.ask(ClientBody::Ready { can_encrypt: true }).await,
        ServerBody::Ok
    );

    office.kill_redis();
    let consultation = call.id.clone();
    let refused = call.resident.ask(ClientBody::End { consultation }).await;
    assert!(matches!(refused, ServerBody::Error { problem } if problem.kind.ends_with("store-down")));
    // The call itself needs no Redis.
    assert!(matches!(
        call.resident.ask(publish("offer")).await,
        ServerBody::Published { .. }
    ));
    let mut newcomer = office
        .browser()
        .socket("/ws", &[("origin", ORIGIN)])
        .await
        .ok()
        .unwrap();
    let code = link.strip_prefix("/c/").unwrap().to_owned();
    newcomer.send(hello(Identity::Resident { code })).await;
    assert!(newcomer.next_text().await.unwrap().contains("store-down"));

    office.restart_redis().await;
    let mut staff = console.live(Identity::Staff).await;
    let found = staff.phase(Phase::Waiting).await;
    assert_eq!(found.id.as_str(), waiting, "who waited still waits");
    let admit = ClientBody::Admit {
        consultation: id(&waiting),
        can_encrypt: true,
    };
    assert_eq!(staff.ask(admit).await, ServerBody::Ok);
    resident.admitted().await;
    assert_eq!(node.participants(), 2, "the call went on");
    call.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_of_signaling_is_a_short_pause() {
    let mut office = Office::open().await;
    let node = Node::start(&office).await;
    let mut call = Call::begin(&office).await;
    office.stop().await;
    assert_eq!(call.resident.closed().await, 1012);
    assert_eq!(call.staff.closed().await, 1012);
    assert_eq!(node.participants(), 2, "media goes on without signaling");

    office.start().await;
    let mut console = office.browser();
    console.log_in("hanako", &office.password("hanako")).await;
    call.staff = console.live(Identity::Staff).await;
    call.resident = office.browser().resident(&call.link).await;
    let (staff_token, token) = (call.staff.admitted().await, call.resident.admitted().await);
    assert!(!join(&mut call.staff, staff_token, true).await.1);
    assert!(!join(&mut call.resident, token, true).await.1);
    assert!(matches!(
        call.resident.ask(publish("offer")).await,
        ServerBody::Published { .. }
    ));
    call.staff
        .news("an offer", |body| {
            matches!(body, ServerBody::Offer { .. }).then_some(())
        })
        .await;
    call.end().await;
    let closed = |request: &RequestBody| matches!(request, RequestBody::CloseRoom { .. });
    until("the room is closed", || async {
        node.memory.lock().unwrap().requests.iter().any(closed).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_leaves_is_not_present_any_more() {
    let office = Office::open().await;
    let mut console = office.staff("hanako").await;
    let (consultation, link) = console.create("kosodate").await;
    let resident = office.browser().resident(&link).await;
    let mut staff = console.live(Identity::Staff).await;
    let is = |wanted: bool| {
        move |body| match body {
            ServerBody::Consultation { consultation } => (consultation.is_present == wanted).then_some(()),
            ServerBody::Consultations { consultations, .. } => {
                (consultations.first()?.is_present == wanted).then_some(())
            }
            _ => None,
        }
    };
    staff.news("present", is(true)).await;
    drop(resident);
    staff.news("gone", is(false)).await;
    // Another server's resident: the mark alone is enough.
    store::presence::mark(&office.store.live, &office_id(), &id(&consultation))
        .await
        .unwrap();
    staff.news("present by a mark", is(true)).await;
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
