//! Calls move from one media node to another: when it drains, when it refuses, when its machine is gone.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Instant;

use common::browser::Live;
use common::node::Node;
use common::office::Office;
use common::until;
use protocol::ids::ConsultationId;
use protocol::signal::{ClientBody, Identity, Phase, ServerBody};

/// A consultation whose two have been called in.
struct Call {
    link: String,
    staff: Live,
    resident: Live,
}

impl Call {
    async fn admit(office: &Office, staff: &str, section: &str) -> Self {
        let mut console = office.staff(staff).await;
        let mut staff = console.live(Identity::Staff).await;
        let (id, link) = console.create(section).await;
        let mut resident = office.browser().resident(&link).await;
        assert_eq!(
            resident.ask(ClientBody::Ready { can_encrypt: true }).await,
            ServerBody::Ok
        );
        let consultation = ConsultationId::new(&id).unwrap();
        assert_eq!(
            staff
                .ask(ClientBody::Admit {
                    consultation,
                    can_encrypt: true
                })
                .await,
            ServerBody::Ok
        );
        resident.phase(Phase::Admitted).await;
        Self { link, staff, resident }
    }

    /// Both are called in and join, until both are in.
    async fn enter(&mut self) {
        for live in [&mut self.staff, &mut self.resident] {
            let token = live.admitted().await;
            let joined = join(live, token).await;
            assert!(matches!(joined, ServerBody::Joined { fresh: true, .. }), "{joined:?}");
        }
    }

    async fn lose(&mut self) {
        for live in [&mut self.staff, &mut self.resident] {
            live.news("media_lost", |body| matches!(body, ServerBody::MediaLost).then_some(()))
                .await;
        }
    }
}

async fn join(live: &mut Live, token: String) -> ServerBody {
    let has_connections = false;
    live.ask(ClientBody::Join { token, has_connections }).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_draining_node_keeps_its_calls_until_its_end_and_new_ones_go_elsewhere() {
    let office = Office::open().await;
    let old = Node::start(&office).await;
    let mut call = Call::admit(&office, "hanako", "kosodate").await;
    call.enter().await;
    old.drain(&office).await;
    let new = Node::start(&office).await;
    let mut other = Call::admit(&office, "taro", "kaigo").await;
    other.enter().await;
    assert_eq!((old.participants(), new.participants()), (2, 2));

    // A page that is loaded again comes back to the room where it is.
    call.resident = office.browser().resident(&call.link).await;
    let token = call.resident.admitted().await;
    let joined = join(&mut call.resident, token).await;
    assert!(matches!(joined, ServerBody::Joined { .. }), "{joined:?}");
    assert_eq!((old.participants(), new.participants()), (2, 2));

    old.let_go();
    call.lose().await;
    call.enter().await;
    assert_eq!((old.participants(), new.participants()), (0, 4));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_room_that_a_draining_node_refuses_is_given_to_another() {
    let office = Office::open().await;
    let old = Node::start(&office).await;
    let mut call = Call::admit(&office, "hanako", "kosodate").await;
    // The room has its place, but nobody is in it yet.
    let tokens = (call.staff.admitted().await, call.resident.admitted().await);
    old.drain(&office).await;
    let new = Node::start(&office).await;
    for (live, token) in [(&mut call.staff, tokens.0), (&mut call.resident, tokens.1)] {
        let refused = join(live, token).await;
        match refused {
            ServerBody::Error { problem } => assert!(problem.is("no-media"), "{problem:?}"),
            // The other one was refused before, and the room has moved already.
            ServerBody::Joined { .. } => continue,
            other => panic!("{other:?}"),
        }
        let token = live.admitted().await;
        let joined = join(live, token).await;
        assert!(matches!(joined, ServerBody::Joined { fresh: true, .. }), "{joined:?}");
    }
    assert_eq!((old.participants(), new.participants()), (0, 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_is_heard_keeps_its_calls_though_its_heartbeat_fades() {
    let office = Office::open().await;
    let node = Node::start(&office).await;
    let mut call = Call::admit(&office, "hanako", "kosodate").await;
    call.enter().await;
    let other = Node::start(&office).await;
    node.memory.lock().unwrap().has_no_redis = true;
    until("the heartbeat has faded", || async {
        let alive = store::nodes::alive(&office.store.live).await.ok()?;
        alive.iter().all(|it| it.id != node.id).then_some(())
    })
    .await;
    call.resident = office.browser().resident(&call.link).await;
    let token = call.resident.admitted().await;
    let joined = join(&mut call.resident, token).await;
    assert!(matches!(joined, ServerBody::Joined { .. }), "{joined:?}");
    assert_eq!((node.participants(), other.participants()), (2, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_whose_machine_is_gone_without_a_word_is_noticed() {
    let office = Office::open().await;
    let gone = Node::start(&office).await;
    let mut call = Call::admit(&office, "hanako", "kosodate").await;
    call.enter().await;
    let other = Node::start(&office).await;
    let since = Instant::now();
    gone.memory.lock().unwrap().is_frozen = true;
    call.lose().await;
    let noticed = since.elapsed();
    call.enter().await;
    eprintln!(
        "noticed after {noticed:?}, joined elsewhere after {:?}",
        since.elapsed()
    );
    assert_eq!(other.participants(), 2);
}
