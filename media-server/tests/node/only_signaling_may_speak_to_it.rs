//! The control listener lets in who shows a token for this node, and answers every request once.

use protocol::control::{AnswerBody, RequestBody};
use protocol::grants::MediaSource::Camera;
use protocol::ids::NodeId;

use crate::office::{LIMIT, Office, room};

fn problem(answer: AnswerBody) -> (u16, String) {
    match answer {
        AnswerBody::Error { problem } => (problem.status, problem.kind),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_gets_401_and_a_good_one_a_welcome() {
    let office = Office::open().await;
    let other_node = NodeId::new("other").unwrap();
    let bad = [
        None,
        Some("nonsense".to_owned()),
        Some(office.node_token(&office.media_key, &office.node_id)),
        Some(office.node_token(&office.node_key, &other_node)),
        Some(office.media_token("aoi", &[Camera])),
    ];
    for token in bad {
        assert_eq!(
            office.connect("/control", token.as_deref()).await.err(),
            Some(401),
            "{token:?}"
        );
    }
    let good = office.node_token(&office.node_key, &office.node_id);
    assert_eq!(office.connect("/elsewhere", Some(&good)).await.err(), Some(404));
    let signaling = office.signaling().await;
    assert_eq!(signaling.ask(RequestBody::Ping).await, AnswerBody::Ok);
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_out_of_order_unreadable_or_without_rights_are_answered_with_the_reason() {
    let office = Office::open().await;
    let good = office.node_token(&office.node_key, &office.node_id);
    let signaling = office.connect("/control", Some(&good)).await.expect("a good token");
    let early = signaling.ask(RequestBody::CloseRoom { room: room() }).await;
    assert_eq!(problem(early).0, 409);
    let old = signaling.ask(RequestBody::Hello { version: 0 }).await;
    assert_eq!(problem(old), (400, "urn:madoguchi:problem:wrong-version".to_owned()));
    signaling
        .ask(RequestBody::Hello {
            version: protocol::control::VERSION,
        })
        .await;
    let unknown = signaling.ask_raw(900, r#"{"id":900,"type":"record_everything"}"#).await;
    assert_eq!(problem(unknown), (400, "urn:madoguchi:problem:bad-request".to_owned()));
    for token in ["".to_owned(), good] {
        let join = RequestBody::Join {
            token,
            has_connections: false,
        };
        assert_eq!(problem(signaling.ask(join).await).0, 401);
    }
    // Idempotent, also for what never was.
    assert_eq!(
        signaling.ask(RequestBody::CloseRoom { room: room() }).await,
        AnswerBody::Ok
    );
    // Who speaks no JSON at all is shown the door; the others aren't disturbed.
    let other = office.signaling().await;
    signaling.send_raw("GET / HTTP/1.0".to_owned()).await;
    tokio::time::timeout(LIMIT, signaling.ended)
        .await
        .expect("closed")
        .unwrap();
    assert_eq!(other.ask(RequestBody::Ping).await, AnswerBody::Ok);
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_tell_what_is_there() {
    let office = Office::open().await;
    let signaling = office.signaling().await;
    assert_eq!(office.metric("media_participants").await, 0);
    let join = RequestBody::Join {
        token: office.media_token("aoi", &[Camera]),
        has_connections: false,
    };
    assert!(matches!(
        signaling.ask(join).await,
        AnswerBody::Joined { fresh: true, .. }
    ));
    assert_eq!(office.metric("media_participants").await, 1);
    assert_eq!(office.metric("media_rooms").await, 1);
    assert!(office.get("/metrics").await.starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(office.get("/control").await.starts_with("HTTP/1.1 426 "));
    office.close().await;
}
