//! A kick over the control WebSocket: out at once, its connections closed, its token of no more use.

use protocol::control::{AnswerBody, OutReason, RequestBody};
use protocol::grants::MediaSource::Camera;
use protocol::ids::ParticipantId;

use crate::office::{LIMIT, Office, room};
use crate::peers::enter;

#[tokio::test(flavor = "multi_thread")]
async fn it_is_out_and_its_token_is_refused_by_every_connection() {
    let office = Office::open().await;
    let signaling = office.signaling().await;
    let aoi = enter(&office, &signaling, "aoi").await;
    let ren = enter(&office, &signaling, "ren").await;
    let mut events = signaling.events.subscribe();
    let participant = ParticipantId::new("ren").unwrap();
    let kick = RequestBody::Kick {
        room: room(),
        participant: participant.clone(),
    };
    assert_eq!(signaling.ask(kick).await, AnswerBody::Ok);
    let out = async {
        loop {
            let event = events.recv().await.expect("an event");
            if let AnswerBody::Out {
                participant, reason, ..
            } = event
            {
                return (participant, reason);
            }
        }
    };
    let out = tokio::time::timeout(LIMIT, out).await.expect("in time");
    assert_eq!(out, (participant, OutReason::Kicked));
    assert_eq!(office.metric("media_participants").await, 1);

    let other = office.signaling().await;
    for connection in [&signaling, &other] {
        for has_connections in [true, false] {
            let token = office.media_token("ren", &[Camera]);
            let answer = connection.ask(RequestBody::Join { token, has_connections }).await;
            assert!(
                matches!(&answer, AnswerBody::Error { problem } if problem.status == 403 && problem.is("kicked")),
                "{answer:?}"
            );
        }
    }
    assert_eq!(office.metric("media_participants").await, 1);
    aoi.close().await;
    ren.close().await;
    office.close().await;
}
