//! Rooms are spread over the node's workers, each of which has a port of its own.

use std::collections::BTreeSet;
use std::time::Instant;

use protocol::control::{AnswerBody, RequestBody};
use protocol::grants::MediaSource;
use protocol::ids::{ParticipantId, RoomId};
use protocol::signal::PublishTrack;
use str0m::Rtc;
use str0m::media::{Direction, MediaKind};

use crate::office::{Office, Signaling};

#[tokio::test(flavor = "multi_thread")]
async fn each_room_is_at_one_port_and_all_ports_are_used() {
    let office = Office::open_with("workers = 2").await;
    let signaling = office.signaling().await;
    let mut ports = BTreeSet::new();
    for number in 0..16 {
        let room = RoomId::new(format!("room-{number}")).unwrap();
        let mut of_room = BTreeSet::new();
        for name in ["aoi", "ren"] {
            let token = office.media_token_for(room.clone(), name, &[MediaSource::Camera]);
            let join = RequestBody::Join {
                token,
                has_connections: false,
            };
            assert!(matches!(signaling.ask(join).await, AnswerBody::Joined { .. }));
            of_room.insert(publish(&signaling, &room, name).await);
        }
        assert_eq!(of_room.len(), 1, "a room lives on one worker");
        ports.extend(of_room);
    }
    assert_eq!(ports.len(), 2, "the test's configuration has two workers");
    assert_eq!(
        office.metric("media_rooms").await,
        16,
        "metrics are those of all workers"
    );
    office.close().await;
}

/// Publishes a camera. Gives the UDP port that the answer names.
async fn publish(signaling: &Signaling, room: &RoomId, name: &str) -> u16 {
    let mut rtc = Rtc::builder().build(Instant::now());
    let mut changes = rtc.sdp_api();
    let mid = changes.add_media(MediaKind::Video, Direction::SendOnly, None, None, None);
    let (offer, _) = changes.apply().expect("an offer");
    let request = RequestBody::Publish {
        room: room.clone(),
        participant: ParticipantId::new(name).unwrap(),
        sdp: offer.to_sdp_string(),
        tracks: vec![PublishTrack {
            mid: mid.to_string(),
            source: MediaSource::Camera,
        }],
    };
    let AnswerBody::Published { sdp } = signaling.ask(request).await else {
        panic!("published");
    };
    let candidate = sdp
        .lines()
        .find(|it| it.starts_with("a=candidate:") && it.contains(" udp "))
        .expect("a candidate");
    candidate.split(' ').nth(5).expect("a port").parse().expect("a number")
}
