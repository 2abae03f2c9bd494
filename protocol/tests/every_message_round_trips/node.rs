//! What signaling and media nodes say to each other.

use protocol::control::{AnswerBody, IceCredentials, NodeFrame, NodeRequest, OutReason, RequestBody};
use protocol::grants::MediaSource;
use protocol::ids::{NodeId, ParticipantId, TrackId};
use protocol::signal::Quality;

use crate::{comes_back, participant, problem, room, sdp, subscribed, tracks, views};

fn ice(restart: Option<IceCredentials>) -> RequestBody {
    RequestBody::Ice {
        room: room(),
        participant: participant(),
        restart,
    }
}

#[test]
fn what_nodes_are_asked() {
    let all = [
        RequestBody::Hello { version: 1 },
        RequestBody::Join {
            token: "token".into(),
            has_connections: false,
        },
        RequestBody::Publish {
            room: room(),
            participant: participant(),
            sdp: sdp(),
            tracks: tracks(),
        },
        RequestBody::Answer {
            room: room(),
            participant: participant(),
            revision: 2,
            sdp: sdp(),
        },
        RequestBody::View {
            room: room(),
            participant: participant(),
            tracks: views(),
        },
        RequestBody::Restart {
            room: room(),
            participant: participant(),
        },
        RequestBody::Mute {
            room: room(),
            participant: participant(),
            source: MediaSource::Screen,
            muted: true,
        },
        RequestBody::Leave {
            room: room(),
            participant: participant(),
        },
        RequestBody::Kick {
            room: room(),
            participant: participant(),
        },
        RequestBody::Ingest {
            token: "token".into(),
            sdp: sdp(),
        },
        RequestBody::Watch {
            token: "token".into(),
            sdp: sdp(),
        },
        ice(None),
        ice(Some(IceCredentials {
            ufrag: "abcd".into(),
            pwd: "0123456789012345678901".into(),
        })),
        RequestBody::CloseRoom { room: room() },
        RequestBody::Drain { within_ms: 600_000 },
        RequestBody::Status,
        RequestBody::Ping,
    ];
    for body in all {
        match &body {
            RequestBody::Hello { .. } | RequestBody::Join { .. } | RequestBody::Publish { .. } => {}
            RequestBody::Answer { .. } | RequestBody::Mute { .. } | RequestBody::Leave { .. } => {}
            RequestBody::View { .. } | RequestBody::Restart { .. } => {}
            RequestBody::Kick { .. } | RequestBody::CloseRoom { .. } | RequestBody::Ping => {}
            RequestBody::Drain { .. } | RequestBody::Status => {}
            RequestBody::Ingest { .. } | RequestBody::Watch { .. } | RequestBody::Ice { .. } => {}
        }
        comes_back(&NodeRequest { id: 4, body });
    }
}

#[test]
fn what_nodes_tell() {
    let out = |reason| AnswerBody::Out {
        room: room(),
        participant: participant(),
        reason,
    };
    let status = |ends_in_ms| AnswerBody::Status {
        rooms: 2,
        participants: 5,
        ends_in_ms,
    };
    let all = [
        AnswerBody::Ok,
        AnswerBody::Error { problem: problem() },
        AnswerBody::Welcome { node: NodeId::random() },
        AnswerBody::Joined {
            room: room(),
            participant: participant(),
            fresh: false,
        },
        AnswerBody::Published { sdp: sdp() },
        AnswerBody::Ice {
            ufrag: "abcd".into(),
            fragment: None,
        },
        AnswerBody::Ice {
            ufrag: "abcd".into(),
            fragment: Some("a=ice-ufrag:abcd\r\n".into()),
        },
        status(None),
        status(Some(90_000)),
        AnswerBody::Offer {
            room: room(),
            participant: participant(),
            revision: 7,
            sdp: sdp(),
            tracks: subscribed(),
        },
        AnswerBody::Muted {
            room: room(),
            participant: participant(),
            by: ParticipantId::random(),
            source: MediaSource::Microphone,
            muted: true,
        },
        AnswerBody::Left {
            room: room(),
            participant: participant(),
            who: ParticipantId::random(),
        },
        AnswerBody::Layers {
            room: room(),
            participant: participant(),
            source: MediaSource::Screen,
            rids: Vec::new(),
        },
        AnswerBody::Paused {
            room: room(),
            participant: participant(),
            track: TrackId::random(),
            paused: false,
        },
        AnswerBody::Speakers {
            room: room(),
            participant: participant(),
            speakers: vec![ParticipantId::random()],
        },
        AnswerBody::ConnectionQuality {
            room: room(),
            participant: participant(),
            who: ParticipantId::random(),
            quality: Quality::Poor,
        },
        out(OutReason::Left),
        out(OutReason::Silent),
        out(OutReason::RoomClosed),
        out(OutReason::Kicked),
        out(OutReason::Draining),
    ];
    for body in all {
        match &body {
            AnswerBody::Ok | AnswerBody::Error { .. } | AnswerBody::Welcome { .. } | AnswerBody::Joined { .. } => {}
            AnswerBody::Published { .. } | AnswerBody::Offer { .. } | AnswerBody::Muted { .. } => {}
            AnswerBody::Ice { .. } => {}
            AnswerBody::Left { .. } | AnswerBody::Layers { .. } | AnswerBody::Paused { .. } => {}
            AnswerBody::Speakers { .. } | AnswerBody::ConnectionQuality { .. } | AnswerBody::Status { .. } => {}
            AnswerBody::Out {
                reason: OutReason::Left | OutReason::Silent | OutReason::RoomClosed,
                ..
            } => {}
            AnswerBody::Out {
                reason: OutReason::Kicked | OutReason::Draining,
                ..
            } => {}
        }
        comes_back(&NodeFrame { id: Some(4), body });
    }
}
