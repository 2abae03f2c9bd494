//! Rooms are spread over the node's workers, each of which has a port of its own.

use std::collections::BTreeSet;
use std::time::Instant;

use protocol::control::{AnswerBody, RequestBody};
use protocol::grants::MediaSource;
use protocol::ids::{ParticipantId, RoomId};
use protocol::signal::PublishTrack;
use str0m::Rtc;
use str0m::media::{Direction, MediaKind};

use crate::office::{LIMIT, Office, Signaling, room};
use crate::peers::{enter, watch};
use crate::two_peers_of_another_make_talk::listen;

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

#[tokio::test(flavor = "multi_thread")]
async fn a_big_room_is_served_by_all_workers() {
    let office = Office::open_with("workers = 2\nspill_after = 2").await;
    let signaling = office.signaling().await;
    let aoi = enter(&office, &signaling, "aoi").await;
    let talking = aoi.talk("aoi");
    let mut watchers = Vec::new();
    for name in ["ren", "yui", "sora"] {
        watchers.push(watch(&office, &signaling, name).await);
    }
    for (received, _) in &mut watchers {
        listen(received, "aoi").await;
    }
    assert_eq!(office.metric("media_rooms").await, 1);
    assert_eq!(office.metric("media_participants").await, 4);
    assert_eq!(office.metric("media_participants_spilled").await, 2);
    assert!(office.metric("media_packets_relayed_total{direction=\"out\"}").await > 100);

    let mut events = signaling.events.subscribe();
    assert_eq!(
        signaling.ask(RequestBody::CloseRoom { room: room() }).await,
        AnswerBody::Ok
    );
    let mut out = BTreeSet::new();
    while out.len() < 4 {
        let event = tokio::time::timeout(LIMIT, events.recv()).await;
        if let AnswerBody::Out { participant, .. } = event.expect("in time").expect("an event") {
            out.insert(participant.to_string());
        }
    }
    assert_eq!(office.metric("media_participants").await, 0);
    talking.abort();
    aoi.close().await;
    for (_, down) in watchers {
        down.close().await.expect("closes");
    }
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
