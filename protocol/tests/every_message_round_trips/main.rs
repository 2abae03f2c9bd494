//! Every message between the parts comes back from JSON as it went. The `match`es have no wildcard: a new
//! message doesn't compile until it has a sample here.
#![allow(clippy::unwrap_used)]

mod client;
mod node;
mod screen;

use std::fmt::Debug;

use protocol::grants::{MediaSource, RoomRole};
use protocol::ids::{ParticipantId, RoomId, TrackId};
use protocol::problem::Problem;
use protocol::signal::{PublishTrack, SubscribedTrack, TrackView};
use serde::Serialize;
use serde::de::DeserializeOwned;

#[track_caller]
fn comes_back<T: Serialize + DeserializeOwned + PartialEq + Debug>(value: &T) {
    let json = serde_json::to_string(value).unwrap();
    assert_eq!(&serde_json::from_str::<T>(&json).unwrap(), value, "{json}");
}

fn room() -> RoomId {
    RoomId::new("room").unwrap()
}

fn participant() -> ParticipantId {
    ParticipantId::new("somebody").unwrap()
}

fn sdp() -> String {
    "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\n".to_owned()
}

fn tracks() -> Vec<PublishTrack> {
    let sources = [MediaSource::Camera, MediaSource::Microphone, MediaSource::Screen];
    sources
        .iter()
        .map(|source| PublishTrack {
            mid: "0".into(),
            source: *source,
        })
        .collect()
}

fn subscribed() -> Vec<SubscribedTrack> {
    let roles = [RoomRole::Resident, RoomRole::Staff, RoomRole::Guest];
    let one = |role: &RoomRole| SubscribedTrack {
        mid: "1".into(),
        track: TrackId::random(),
        participant: participant(),
        role: *role,
        source: MediaSource::Camera,
    };
    roles.iter().map(one).collect()
}

fn views() -> Vec<TrackView> {
    [0, 720]
        .map(|height| TrackView {
            track: TrackId::random(),
            height,
            motion: height > 0,
        })
        .to_vec()
}

fn problem() -> Problem {
    Problem::new(409, "taken", "ほかの職員が対応しています")
        .with_detail("一覧を見てください")
        .with_field("consultation")
}
