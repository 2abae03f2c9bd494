//! Two peers of the `webrtc` crate send VP8 and Opus both ways through a running node.

use protocol::control::{AnswerBody, OutReason, RequestBody};
use protocol::ids::ParticipantId;
use rtc::rtp_transceiver::rtp_sender::RtpCodecKind;

use crate::office::{LIMIT, Office, room};
use crate::peers::{Received, enter};

/// How many packets of each kind are enough.
const ENOUGH: usize = 60;

/// Takes packets until there are enough of both kinds; asserts whose and in which order they are.
pub async fn listen(received: &mut Received, from: &str) {
    let mut last = [None::<u32>; 2];
    let mut counts = [0; 2];
    while counts.iter().any(|count| *count < ENOUGH) {
        let next = tokio::time::timeout(LIMIT, received.recv()).await;
        let (kind, packet) = next.expect("media in time").expect("media");
        if packet.payload.is_empty() {
            continue;
        }
        let is_video = kind == RtpCodecKind::Video;
        let head = if is_video { 2 } else { 1 };
        let (name, number) = packet.payload[head..].split_at(from.len());
        assert_eq!(name, from.as_bytes());
        let number = u32::from_be_bytes(number.try_into().expect("a number"));
        let (last, count) = (&mut last[usize::from(is_video)], &mut counts[usize::from(is_video)]);
        match *last {
            None if is_video => assert_eq!(packet.payload[1], 0, "the first is a key frame"),
            Some(last) => assert_eq!(number, last + 1, "in order and whole"),
            None => {}
        }
        *last = Some(number);
        *count += 1;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn picture_and_sound_pass_both_ways_and_outlive_signaling() {
    let office = Office::open().await;
    let signaling = office.signaling().await;
    let mut aoi = enter(&office, &signaling, "aoi").await;
    let talking = aoi.talk("aoi");
    let mut ren = enter(&office, &signaling, "ren").await;
    let talking = [talking, ren.talk("ren")];
    tokio::join!(listen(&mut aoi.received, "ren"), listen(&mut ren.received, "aoi"));

    // Signaling dies; the call goes on.
    signaling.ended.abort();
    let passed = office.metric("media_packets_total{direction=\"out\"}").await;
    let goes_on = tokio::time::timeout(LIMIT, async {
        while office.metric("media_packets_total{direction=\"out\"}").await < passed + 100 {
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
    });
    goes_on.await.expect("media goes on");

    // Another instance takes over, and ends it.
    let other = office.signaling().await;
    let mut events = other.events.subscribe();
    for name in ["aoi", "ren"] {
        let join = RequestBody::Join {
            token: office.media_token(name, &[]),
            has_connections: true,
        };
        assert!(matches!(other.ask(join).await, AnswerBody::Joined { fresh: false, .. }));
    }
    assert_eq!(other.ask(RequestBody::CloseRoom { room: room() }).await, AnswerBody::Ok);
    for name in ["aoi", "ren"] {
        let out = AnswerBody::Out {
            room: room(),
            participant: ParticipantId::new(name).unwrap(),
            reason: OutReason::RoomClosed,
        };
        // How well they are connected is told too, whenever it is known.
        let told = loop {
            let event = tokio::time::timeout(LIMIT, events.recv()).await;
            match event.expect("in time").expect("an event") {
                AnswerBody::ConnectionQuality { .. } | AnswerBody::Speakers { .. } => {}
                told => break told,
            }
        };
        assert_eq!(told, out);
    }
    assert_eq!(office.metric("media_rooms").await, 0);
    talking.iter().for_each(tokio::task::JoinHandle::abort);
    aoi.close().await;
    ren.close().await;
    office.close().await;
}
