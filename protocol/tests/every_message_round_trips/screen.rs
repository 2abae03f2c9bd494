//! What screens and signaling say to each other.

use std::collections::BTreeMap;

use protocol::congestion::{AreaState, Level};
use protocol::ids::{AreaId, GroupId, ScreenId};
use protocol::screen::{
    Choice, ChoiceKind, Choices, Content, Group, InGroup, Layout, LotState, Manifest, Notice, Press, QueueState,
    Remote, Report, Role, ScreenFrame, ToScreen, Urgency,
};
use protocol::time::UnixMillis;

use crate::{comes_back, problem};

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
    let layout: Layout = serde_json::from_str(include_str!("../../../configs/content/layouts/lobby.json")).unwrap();
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
