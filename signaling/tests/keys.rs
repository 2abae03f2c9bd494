//! What pages tell each other of keys: to whom signaling carries it, under which name, and what it refuses.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::browser::{Browser, Live};
use common::node::Node;
use common::office::{Office, config};
use protocol::ids::{ConsultationId, ParticipantId};
use protocol::keys::KeyMessage;
use protocol::signal::{ClientBody, Identity, Phase, ServerBody};
use runtime::Shutdown;
use signaling::Server;

fn hello(instance: &str) -> KeyMessage {
    KeyMessage::Hello {
        instance: instance.into(),
        number: 0,
    }
}

fn keys(to: Option<&ParticipantId>, message: KeyMessage) -> ClientBody {
    ClientBody::Keys {
        to: to.cloned(),
        message,
    }
}

async fn heard(live: &mut Live) -> (ParticipantId, KeyMessage) {
    live.news("a message of keys", |body| match body {
        ServerBody::Keys { from, message } => Some((from, message)),
        _ => None,
    })
    .await
}

fn is_refused(answer: &ServerBody, kind: &str) -> bool {
    matches!(answer, ServerBody::Error { problem } if problem.kind.ends_with(kind))
}

/// Two in a call: staff on one server, the resident wherever its browser is.
async fn call(office: &Office, resident_browser: Browser) -> (Live, Live, ConsultationId) {
    let mut console = office.staff("hanako").await;
    let mut staff = console.live(Identity::Staff).await;
    let (id, link) = console.create("kosodate").await;
    let consultation = ConsultationId::new(id).unwrap();
    let mut resident = resident_browser.resident(&link).await;
    let early = resident.ask(keys(None, hello("early"))).await;
    assert!(is_refused(&early, "not-waiting"), "{early:?}");
    assert_eq!(
        resident.ask(ClientBody::Ready { can_encrypt: true }).await,
        ServerBody::Ok
    );
    staff.phase(Phase::Waiting).await;
    let admit = ClientBody::Admit {
        consultation: consultation.clone(),
        can_encrypt: true,
    };
    assert_eq!(staff.ask(admit).await, ServerBody::Ok);
    staff.admitted().await;
    resident.admitted().await;
    (staff, resident, consultation)
}

/// Each hears the other under the name of its seat; to one, or to all.
async fn talk(staff: &mut Live, resident: &mut Live) -> (ParticipantId, ParticipantId) {
    assert_eq!(staff.ask(keys(None, hello("of staff"))).await, ServerBody::Ok);
    let (of_staff, message) = heard(resident).await;
    assert_eq!(message, hello("of staff"));
    assert_eq!(
        resident.ask(keys(Some(&of_staff), hello("of the resident"))).await,
        ServerBody::Ok
    );
    let (of_resident, message) = heard(staff).await;
    assert_eq!(message, hello("of the resident"));
    assert_ne!(of_staff, of_resident);
    (of_staff, of_resident)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_those_in_the_call_hear_it() {
    let office = Office::open().await;
    let _node = Node::start(&office).await;
    let mut colleague = office.staff("taro").await.live(Identity::Staff).await;
    let (mut staff, mut resident, consultation) = call(&office, office.browser()).await;
    let (_, of_resident) = talk(&mut staff, &mut resident).await;

    // Somebody without a seat is neither heard nor told anything.
    let outside = colleague.ask(keys(None, hello("from outside"))).await;
    assert!(is_refused(&outside, "not-waiting"), "{outside:?}");
    let elsewhere = keys(Some(&ParticipantId::random()), hello("to nobody here"));
    assert_eq!(resident.ask(elsewhere).await, ServerBody::Ok);
    // Nothing of it came before what comes now.
    assert_eq!(staff.ask(keys(Some(&of_resident), hello("last"))).await, ServerBody::Ok);
    assert_eq!(heard(&mut resident).await.1, hello("last"));

    assert_eq!(resident.ask(ClientBody::End { consultation }).await, ServerBody::Ok);
    let is_over = |body| match body {
        ServerBody::Keys { .. } => panic!("told to somebody outside"),
        ServerBody::Consultation { consultation } => (consultation.phase == Phase::Ended).then_some(()),
        _ => None,
    };
    colleague.news("the end", is_over).await;
    staff.phase(Phase::Ended).await;
    let late = staff.ask(keys(None, hello("late"))).await;
    assert!(is_refused(&late, "not-waiting"), "{late:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn it_reaches_pages_on_another_server() {
    let office = Office::open().await;
    let _node = Node::start(&office).await;
    let shutdown = Shutdown::new();
    let second = Server::bind(config(office.dir.path(), "1h", 0), shutdown.clone())
        .await
        .unwrap();
    let browser = Browser::new(second.address(), &std::fs::read(office.secrets().ca()).unwrap());
    let running = tokio::spawn(second.run());
    let (mut staff, mut resident, _) = call(&office, browser).await;
    talk(&mut staff, &mut resident).await;
    shutdown.start();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_long_or_too_much_is_refused() {
    let office = Office::open().await;
    let _node = Node::start(&office).await;
    let (mut staff, mut resident, _) = call(&office, office.browser()).await;
    let long = resident.ask(keys(None, hello(&"x".repeat(1000)))).await;
    assert!(is_refused(&long, "bad-request"), "{long:?}");
    let mut refused = 0;
    for _ in 0..95 {
        refused += u32::from(is_refused(&resident.ask(keys(None, hello("again"))).await, "too-many"));
    }
    assert!(refused > 0, "a flood is stopped");
    // The page itself stays where it is.
    assert_eq!(resident.ask(ClientBody::Ping).await, ServerBody::Pong);
    assert_eq!(heard(&mut staff).await.1, hello("again"));
}
