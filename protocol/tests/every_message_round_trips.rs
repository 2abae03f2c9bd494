//! Every message between the parts comes back from JSON as it went. The `match`es have no wildcard: a new
//! message doesn't compile until it has a sample here.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::fmt::Debug;

use protocol::congestion::{AreaState, Level};
use protocol::control::{AnswerBody, IceCredentials, NodeFrame, NodeRequest, OutReason, RequestBody};
use protocol::grants::{Encryption, MediaSource, RoomRole};
use protocol::ids::{
    AppointmentId, AreaId, ConsultationId, GroupId, NodeId, ParticipantId, RoomId, ScreenId, SeatId, SectionId,
    StaffId, TrackId,
};
use protocol::keys::{KeyMessage, Member, Round};
use protocol::problem::Problem;
use protocol::screen::{
    Choice, ChoiceKind, Choices, Content, Group, InGroup, Layout, LotState, Manifest, Notice, Press, QueueState,
    Remote, Report, Role, ScreenFrame, ToScreen, Urgency,
};
use protocol::seats::{Act, Colleague, InCall, Notes, Part, Person, SeatState};
use protocol::signal::{
    ClientBody, ClientFrame, Consultation, Identity, Phase, PublishTrack, Quality, ServerBody, ServerFrame,
    SubscribedTrack, TrackView,
};
use protocol::time::UnixMillis;
use protocol::turn::IceServer;
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

fn ice(restart: Option<IceCredentials>) -> RequestBody {
    RequestBody::Ice {
        room: room(),
        participant: participant(),
        restart,
    }
}

fn problem() -> Problem {
    Problem::new(409, "taken", "ほかの職員が対応しています")
        .with_detail("一覧を見てください")
        .with_field("consultation")
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

fn group() -> Group {
    Group {
        name: GroupId::new("wall").unwrap(),
        screen: ScreenId::new("lobby").unwrap(),
        address: "192.0.2.1:7400".parse().unwrap(),
        others: BTreeMap::from([(ScreenId::new("left").unwrap(), "[2001:db8::1]:7400".parse().unwrap())]),
        key: "ab".repeat(32),
    }
}

#[test]
fn what_screens_say_and_are_told() {
    let report = Report {
        page: "home".into(),
        frames: 900,
        dropped: 1,
        faults: vec!["film.mp4: broken".into()],
        group: Some(InGroup {
            group: group().name,
            role: Role::Follows,
            leader: Some(ScreenId::new("left").unwrap()),
            heard: 1,
            others: 1,
            error_us: Some(700),
        }),
        ..Report::default()
    };
    for frame in [
        ScreenFrame::Hello {
            version: 1,
            player: "0.1.0".into(),
            manifest: Some("00ff".into()),
        },
        ScreenFrame::Report { report },
        ScreenFrame::Choices {
            choices: Some(Choices {
                page: "home".into(),
                choices: vec![Choice {
                    id: "chooser/vi".into(),
                    text: "Tiếng Việt".into(),
                    kind: ChoiceKind::Language,
                    is_now: true,
                }],
            }),
        },
        ScreenFrame::Choices { choices: None },
        ScreenFrame::Ping,
    ] {
        match &frame {
            ScreenFrame::Hello { .. } | ScreenFrame::Report { .. } => {}
            ScreenFrame::Choices { .. } | ScreenFrame::Ping => {}
        }
        comes_back(&frame);
    }
    // The demo's own layout: every kind of widget that there is stands on it.
    let layout: Layout = serde_json::from_str(include_str!("../../configs/content/layouts/lobby.json")).unwrap();
    let content = Content {
        sha256: "00".repeat(32),
        size: 5,
        media_type: "image/png".into(),
    };
    let contents = BTreeMap::from([("a.png".to_owned(), content)]);
    let area = AreaId::new("lobby-1f").unwrap();
    let state = AreaState {
        count: Some(3),
        level: Level::Free,
        ..AreaState::unknown(area.clone(), 12)
    };
    for frame in [
        ToScreen::Welcome {
            screen: ScreenId::new("lobby").unwrap(),
            now: UnixMillis(1),
            time_zone: "Asia/Tokyo".into(),
        },
        ToScreen::Manifest {
            manifest: Manifest {
                layout,
                contents,
                group: Some(Box::new(group())),
                bundle_key: Some("11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".to_owned()),
            },
        },
        ToScreen::Areas {
            areas: vec![state, AreaState::unknown(area, 12)],
        },
        ToScreen::Notices {
            notices: vec![Notice {
                id: "n1".into(),
                text: "本日の受付は終了しました。".into(),
                urgency: Urgency::Urgent,
                until: Some(UnixMillis(9)),
            }],
        },
        ToScreen::Queues {
            queues: vec![QueueState {
                queue: "zei".into(),
                called: Some("12".into()),
                counter: Some("3番窓口".into()),
                calls: 12,
                waiting: 4,
                at: UnixMillis(8),
            }],
        },
        ToScreen::Lots {
            lots: vec![LotState {
                lot: "east".into(),
                free: None,
                places: 40,
                at: UnixMillis(8),
            }],
        },
        ToScreen::Error { problem: problem() },
        ToScreen::Look,
        ToScreen::Remote {
            remote: Remote::Open {
                address: "https://localhost/r/lobby.x".into(),
                until: UnixMillis(9),
            },
        },
        ToScreen::Remote { remote: Remote::Held },
        ToScreen::Press {
            press: Press {
                page: "home".into(),
                choice: "zei".into(),
            },
        },
        ToScreen::Pong {
            now: Some(UnixMillis(7)),
        },
        ToScreen::Pong { now: None },
    ] {
        match &frame {
            ToScreen::Welcome { .. } | ToScreen::Manifest { .. } | ToScreen::Areas { .. } => {}
            ToScreen::Notices { .. } | ToScreen::Queues { .. } | ToScreen::Lots { .. } => {}
            ToScreen::Remote { .. } | ToScreen::Press { .. } => {}
            ToScreen::Look | ToScreen::Error { .. } | ToScreen::Pong { .. } => {}
        }
        comes_back(&frame);
    }
}
