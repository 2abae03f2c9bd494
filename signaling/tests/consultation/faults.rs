//! What a consultation bears: reloads, nodes, Redis and signaling that go and come back.

use protocol::control::RequestBody;
use protocol::signal::{ClientBody, Identity, Phase, ServerBody};

use crate::common::browser::hello;
use crate::common::node::Node;
use crate::common::office::{ORIGIN, Office, office_id};
use crate::common::until;
use crate::{Call, id, join, publish};

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
