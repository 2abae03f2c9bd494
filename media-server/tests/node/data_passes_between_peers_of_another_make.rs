//! Peers of the `webrtc` crate send data messages to each other through a running node.

use bytes::BytesMut;
use protocol::data::{DataAnswer, DataMessage, MAX_BODY, WINDOW};
use protocol::grants::DataGrant;
use protocol::ids::ParticipantId;
use webrtc::data_channel::RTCDataChannelMessage;

use crate::office::{LIMIT, Office};
use crate::peers::{Messages, Peer, Talk, enter_talking};

fn message(number: u32, to: Option<&str>, body: &[u8]) -> BytesMut {
    let message = DataMessage {
        number,
        peer: to.map(|it| ParticipantId::new(it).unwrap()),
        is_private: false,
        body,
    };
    message.write().as_slice().into()
}

async fn next(messages: &mut Messages) -> (String, RTCDataChannelMessage) {
    let next = tokio::time::timeout(LIMIT, messages.recv()).await;
    next.expect("in time").expect("a message")
}

fn talk(peer: &mut Peer) -> &mut Talk {
    peer.talk.as_mut().expect("it may")
}

async fn answer(peer: &mut Peer) -> DataAnswer {
    let (_, message) = next(&mut talk(peer).answers).await;
    assert!(message.is_string, "answers are text");
    serde_json::from_slice(&message.data).expect("an answer")
}

fn taken(number: u32) -> DataAnswer {
    DataAnswer::Taken {
        number,
        missed: Vec::new(),
        missed_more: 0,
    }
}

/// Sends until the other one hears it: who comes later isn't told of what was before.
async fn until_heard(from: &mut Peer, to: &mut Peer) {
    for number in 0.. {
        talk(from)
            .reliable
            .send(message(number, None, b"hello?"))
            .await
            .unwrap();
        let heard = tokio::time::timeout(LIMIT / 100, talk(to).heard.recv()).await;
        if heard.is_ok() {
            return;
        }
        assert!(number < 100, "nothing is heard");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_pass_both_ways_whole_and_in_order_at_the_receivers_pace() {
    let office = Office::open().await;
    let signaling = office.signaling().await;
    let mut aoi = enter_talking(&office, &signaling, "aoi", DataGrant::ToAll).await;
    let mut ren = enter_talking(&office, &signaling, "ren", DataGrant::ToAll).await;
    until_heard(&mut aoi, &mut ren).await;
    until_heard(&mut ren, &mut aoi).await;
    // A document of 320,000 bytes, no more than the window ahead of the answers.
    const FIRST: u32 = 1000;
    const COUNT: u32 = 40;
    const SIZE: usize = 8_000;
    let mut sent = 0;
    let mut answered = 0;
    while answered < COUNT {
        while sent < COUNT && (sent - answered + 1) as usize * SIZE <= WINDOW {
            let body = vec![sent as u8; SIZE];
            let to = Some("ren").filter(|_| sent % 2 == 0);
            talk(&mut aoi)
                .reliable
                .send(message(FIRST + sent, to, &body))
                .await
                .unwrap();
            sent += 1;
        }
        match answer(&mut aoi).await {
            DataAnswer::Taken { number, .. } if number < FIRST => {}
            told => {
                assert_eq!(told, taken(FIRST + answered));
                answered += 1;
            }
        }
    }
    for number in 0..COUNT {
        let heard = loop {
            let (label, heard) = next(&mut talk(&mut ren).heard).await;
            assert_eq!(label, "reliable");
            if DataMessage::read(&heard.data).expect("a message").number >= FIRST {
                break heard;
            }
        };
        let heard = DataMessage::read(&heard.data).expect("a message");
        assert_eq!(heard.number, FIRST + number, "whole and in order");
        assert_eq!(heard.peer.as_ref().map(ParticipantId::as_str), Some("aoi"));
        assert_eq!(heard.is_private, number % 2 == 0);
        assert!(heard.body.len() == SIZE && heard.body.iter().all(|it| *it == number as u8));
    }

    // The lossy way back.
    talk(&mut ren)
        .lossy
        .send(message(7, Some("aoi"), b"quick"))
        .await
        .unwrap();
    let (label, heard) = loop {
        let (label, heard) = next(&mut talk(&mut aoi).heard).await;
        if label == "lossy" {
            break (label, heard);
        }
    };
    let heard = DataMessage::read(&heard.data).expect("a message");
    assert_eq!((label.as_str(), heard.body), ("lossy", b"quick".as_slice()));

    // What is refused says why, by its number.
    let too_large = vec![0; MAX_BODY + 1];
    talk(&mut aoi)
        .reliable
        .send(message(5000, None, &too_large))
        .await
        .unwrap();
    let DataAnswer::Refused { number, problem } = answer(&mut aoi).await else {
        panic!("not refused")
    };
    assert_eq!((number, problem.status), (Some(5000), 413));

    assert!(office.metric("media_data_messages_total{direction=\"out\"}").await > u64::from(COUNT));
    assert!(office.metric("media_data_bytes_total{direction=\"in\"}").await >= u64::from(COUNT) * SIZE as u64);
    assert_eq!(office.metric("media_data_drops_total{reason=\"oversize\"}").await, 1);
    assert_eq!(office.metric("media_data_drops_total{reason=\"full\"}").await, 0);
    aoi.close().await;
    ren.close().await;
    office.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_send_is_told_so_and_hears_the_others_all_the_same() {
    let office = Office::open().await;
    let signaling = office.signaling().await;
    let mut aoi = enter_talking(&office, &signaling, "aoi", DataGrant::ToAll).await;
    let mut ren = enter_talking(&office, &signaling, "ren", DataGrant::Receive).await;
    let DataAnswer::Refused { number, problem } = answer(&mut ren).await else {
        panic!("not refused")
    };
    assert_eq!((number, problem.status), (None, 403));
    assert_eq!(problem.field.as_deref(), Some("data"));
    until_heard(&mut aoi, &mut ren).await;
    assert!(matches!(answer(&mut aoi).await, DataAnswer::Taken { number: 0, .. }));
    aoi.close().await;
    ren.close().await;
    office.close().await;
}
