//! What pages and signaling say to each other.

use protocol::grants::{Encryption, MediaSource};
use protocol::ids::{AppointmentId, ConsultationId, SeatId, SectionId, StaffId, TrackId};
use protocol::keys::{KeyMessage, Member, Round};
use protocol::seats::{Act, Colleague, InCall, Notes, Part, Person, SeatState};
use protocol::signal::{ClientBody, ClientFrame, Consultation, Identity, Phase, Quality, ServerBody, ServerFrame};
use protocol::time::UnixMillis;
use protocol::turn::IceServer;

use crate::{comes_back, participant, problem, sdp, subscribed, tracks, views};

fn consultation(phase: Phase) -> Consultation {
    Consultation {
        id: ConsultationId::random(),
        section: SectionId::new("kaigo").unwrap(),
        phase,
        version: 9,
        is_present: true,
        created_at: UnixMillis(1),
        expires_at: UnixMillis(2),
        waiting_since: Some(UnixMillis(3)),
        admitted_at: Some(UnixMillis(4)),
        staff: Some(StaffId::new("hanako").unwrap()),
        ahead: Some(2),
        call: in_call(),
        appointment: Some(AppointmentId::random()),
    }
}

fn in_call() -> InCall {
    let parts = [
        (Part::Resident, SeatState::Invited),
        (Part::Staff, SeatState::Admitted),
        (Part::Colleague, SeatState::Ringing),
        (Part::HeadOffice, SeatState::Declined),
        (Part::Interpreter, SeatState::Waiting),
        (Part::Family, SeatState::Removed),
        (Part::Colleague, SeatState::Missed),
        (Part::Family, SeatState::Left),
    ];
    let person = |(part, state)| Person {
        participant: participant(),
        part,
        state,
        since: UnixMillis(7),
        seat: Some(SeatId::random()),
        staff: Some(StaffId::new("hanako").unwrap()),
        section: Some(SectionId::new("kaigo").unwrap()),
        name: Some("窓口 花子".into()),
        mutes: 1,
    };
    InCall {
        people: parts.map(person).to_vec(),
        you: Some(participant()),
        is_held: true,
        is_locked: true,
        handed_over_at: Some(UnixMillis(8)),
        wanted: Some(StaffId::new("taro").unwrap()),
        wait_minutes: Some(10),
    }
}

fn notes() -> Notes {
    Notes {
        inside: "内部".into(),
        for_resident: "お知らせ".into(),
    }
}

fn acts() -> Vec<Act> {
    let (seat, staff) = (SeatId::random(), StaffId::new("taro").unwrap());
    let section = SectionId::new("kaigo").unwrap();
    let all = vec![
        Act::Invite {
            part: Part::Interpreter,
            staff: None,
            is_let_in: true,
        },
        Act::Invite {
            part: Part::Colleague,
            staff: Some(staff.clone()),
            is_let_in: false,
        },
        Act::Answer {
            seat: seat.clone(),
            accepts: true,
            can_encrypt: true,
        },
        Act::LetIn { seat: seat.clone() },
        Act::Remove { seat: seat.clone() },
        Act::Silence {
            participant: participant(),
        },
        Act::Hold { is_held: true },
        Act::Lock { is_locked: true },
        Act::HandOver { seat },
        Act::CallBack,
        Act::NoShow,
        Act::Move {
            section,
            staff: Some(staff),
        },
        Act::Leave,
        Act::Write { notes: notes() },
    ];
    for act in &all {
        match act {
            Act::Invite { .. } | Act::Answer { .. } | Act::LetIn { .. } | Act::Remove { .. } | Act::Silence { .. } => {}
            Act::Hold { .. } | Act::Lock { .. } | Act::HandOver { .. } | Act::CallBack | Act::NoShow => {}
            Act::Move { .. } | Act::Leave | Act::Write { .. } => {}
        }
    }
    all
}

fn key_messages() -> Vec<KeyMessage> {
    let round = || Round {
        number: 7,
        opener: participant(),
        nonce: "bm9uY2U".into(),
    };
    let all = vec![
        KeyMessage::Hello {
            instance: "aW5zdGFuY2U".into(),
            number: 6,
        },
        KeyMessage::Commit {
            round: round(),
            members: vec![Member {
                participant: participant(),
                instance: "aW5zdGFuY2U".into(),
            }],
            commitment: "aGFzaA".into(),
        },
        KeyMessage::Reveal {
            round: round(),
            public_key: "cG9pbnQ".into(),
        },
        KeyMessage::Wrap {
            round: round(),
            wrapped: "a2V5".into(),
        },
        KeyMessage::Have { round: round() },
    ];
    for message in &all {
        match message {
            KeyMessage::Hello { .. } | KeyMessage::Commit { .. } | KeyMessage::Reveal { .. } => {}
            KeyMessage::Wrap { .. } | KeyMessage::Have { .. } => {}
        }
    }
    all
}

#[test]
fn what_clients_ask() {
    let id = ConsultationId::random();
    let all = [
        ClientBody::Hello {
            version: 1,
            identity: Identity::Staff,
        },
        ClientBody::Hello {
            version: 1,
            identity: Identity::Resident { code: "secret".into() },
        },
        ClientBody::Ready { can_encrypt: true },
        ClientBody::Admit {
            consultation: id.clone(),
            can_encrypt: true,
        },
        ClientBody::End { consultation: id },
        ClientBody::Join {
            token: "token".into(),
            has_connections: true,
        },
        ClientBody::Publish {
            sdp: sdp(),
            tracks: tracks(),
        },
        ClientBody::Answer {
            revision: 3,
            sdp: sdp(),
        },
        ClientBody::View { tracks: views() },
        ClientBody::Restart,
        ClientBody::Mute {
            source: MediaSource::Microphone,
            muted: true,
        },
        ClientBody::Hello {
            version: 1,
            identity: Identity::Guest { code: "secret".into() },
        },
        ClientBody::Colleagues,
        ClientBody::Notes {
            consultation: ConsultationId::random(),
        },
        ClientBody::Ping,
    ];
    let acts = acts().into_iter().map(|act| ClientBody::Act {
        consultation: ConsultationId::random(),
        act,
    });
    let keys = key_messages().into_iter().flat_map(|message| {
        [None, Some(participant())].map(|to| ClientBody::Keys {
            to,
            message: message.clone(),
        })
    });
    for body in all.into_iter().chain(keys).chain(acts) {
        match &body {
            ClientBody::Act { .. } | ClientBody::Colleagues | ClientBody::Notes { .. } => {}
            ClientBody::Hello { .. } | ClientBody::Ready { .. } | ClientBody::Admit { .. } | ClientBody::End { .. } => {
            }
            ClientBody::Join { .. } | ClientBody::Publish { .. } | ClientBody::Answer { .. } => {}
            ClientBody::View { .. } | ClientBody::Restart | ClientBody::Mute { .. } | ClientBody::Ping => {}
            ClientBody::Keys { message, .. } => assert!(message.is_within_bounds()),
        }
        comes_back(&ClientFrame { id: Some(1), body });
    }
}

#[test]
fn what_clients_are_told() {
    let quality = |quality| ServerBody::ConnectionQuality {
        participant: participant(),
        quality,
    };
    let all = [
        ServerBody::Ok,
        ServerBody::Error { problem: problem() },
        ServerBody::Welcome { now: UnixMillis(5) },
        ServerBody::Consultation {
            consultation: consultation(Phase::Booked),
        },
        ServerBody::Consultations {
            consultations: vec![
                consultation(Phase::Waiting),
                consultation(Phase::Admitted),
                consultation(Phase::Ended),
            ],
            now: UnixMillis(6),
        },
        ServerBody::Admitted {
            consultation: ConsultationId::random(),
            token: "token".into(),
            ice_servers: vec![IceServer {
                urls: vec!["turns:turn.example.jp:443?transport=tcp".into()],
                username: "1700000000:abc".into(),
                credential: "c2VjcmV0".into(),
            }],
            encryption: Encryption::Require,
        },
        ServerBody::Joined {
            participant: participant(),
            fresh: true,
        },
        ServerBody::Published { sdp: sdp() },
        ServerBody::Offer {
            revision: 1,
            sdp: sdp(),
            tracks: subscribed(),
        },
        ServerBody::Muted {
            participant: participant(),
            source: MediaSource::Camera,
            muted: false,
        },
        ServerBody::ParticipantLeft {
            participant: participant(),
        },
        ServerBody::Layers {
            source: MediaSource::Camera,
            rids: vec!["q".into(), "h".into()],
        },
        ServerBody::Paused {
            track: TrackId::random(),
            paused: true,
        },
        ServerBody::Speakers {
            participants: vec![participant()],
        },
        quality(Quality::Excellent),
        quality(Quality::Good),
        quality(Quality::Poor),
        quality(Quality::Lost),
        ServerBody::MediaLost,
        ServerBody::Gone {
            consultation: ConsultationId::random(),
        },
        ServerBody::Pong,
        ServerBody::Invited {
            seat: SeatId::random(),
            url: Some("https://madoguchi.example.jp/g/secret".into()),
        },
        ServerBody::Colleagues {
            colleagues: vec![Colleague {
                staff: StaffId::new("taro").unwrap(),
                name: "相談 太郎".into(),
                section: Some(SectionId::new("kaigo").unwrap()),
                is_busy: true,
            }],
        },
        ServerBody::Notes { notes: notes() },
    ];
    let keys = key_messages().into_iter().map(|message| ServerBody::Keys {
        from: participant(),
        message,
    });
    for body in all.into_iter().chain(keys) {
        match &body {
            ServerBody::Invited { .. } | ServerBody::Colleagues { .. } | ServerBody::Notes { .. } => {}
            ServerBody::Ok | ServerBody::Error { .. } | ServerBody::Welcome { .. } | ServerBody::Pong => {}
            ServerBody::Consultation { .. } | ServerBody::Consultations { .. } | ServerBody::Admitted { .. } => {}
            ServerBody::Joined { .. } | ServerBody::Published { .. } | ServerBody::Offer { .. } => {}
            ServerBody::Muted { .. } | ServerBody::ParticipantLeft { .. } | ServerBody::MediaLost => {}
            ServerBody::Gone { .. } => {}
            ServerBody::Layers { .. } | ServerBody::Paused { .. } | ServerBody::Speakers { .. } => {}
            ServerBody::Keys { message, .. } => assert!(message.is_within_bounds()),
            ServerBody::ConnectionQuality {
                quality: Quality::Excellent | Quality::Good | Quality::Poor | Quality::Lost,
                ..
            } => {}
        }
        comes_back(&ServerFrame { id: None, body });
    }
}
