//! Consultations from link to hang-up, over real WebSockets, through every kind of fall.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod faults;
mod links;

use common::browser::{Live, hello};
use common::node::Node;
use common::office::{ORIGIN, Office};
use common::until;
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
