//! What a token doesn't name doesn't happen.

use std::time::Duration;

use media_server::core::Request;
use protocol::control::AnswerBody;
use protocol::grants::MediaSource::{Camera, Microphone, Screen};
use protocol::ids::ParticipantId;

use crate::sim::{SIGNALING, World, room};

#[test]
fn a_source_outside_the_grant_is_refused_by_name_and_nothing_is_published() {
    let mut world = World::new(6);
    world.join_with(World::grant("aoi", &[Microphone]));
    world.enter("ren", &[]);
    let problem = world.publish("aoi", &[Microphone, Camera]).expect_err("refused");
    assert_eq!((problem.status, problem.field.as_deref()), (403, Some("camera")));
    assert!(problem.detail.unwrap().contains("camera"));
    assert_eq!(world.sfu.counters().tracks, 0);
    assert!(world.client("ren").offers.is_empty());
    // What is granted still works.
    world.publish("aoi", &[Microphone]).expect("granted");
    world.run(Duration::from_secs(1));
    assert!(world.client("ren").got("aoi", Microphone).assert_whole() > 10);
}

#[test]
fn who_may_not_subscribe_is_offered_nothing() {
    let mut world = World::new(7);
    let mut grant = World::grant("ren", &[]);
    grant.subscribe = false;
    world.join_with(grant);
    world.enter("aoi", &[Camera, Screen]);
    world.run(Duration::from_secs(1));
    assert!(world.client("ren").offers.is_empty());
    assert_eq!(world.sfu.counters().packets_forwarded, 0);
}

#[test]
fn requests_for_somebody_who_is_not_there_and_unreadable_ones_are_problems() {
    let mut world = World::new(8);
    world.enter("aoi", &[Camera]);
    let nobody = world.mute_of("nobody");
    assert!(
        matches!(&nobody, AnswerBody::Error { problem } if problem.status == 404),
        "{nobody:?}"
    );
    for sdp in [
        "",
        "v=0",
        "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
        "\u{0}\u{ffff}",
    ] {
        let answer = world.ask(
            SIGNALING,
            Request::Publish {
                room: room(),
                participant: ParticipantId::new("aoi").unwrap(),
                sdp: sdp.to_owned(),
                tracks: Vec::new(),
            },
        );
        let AnswerBody::Error { problem } = answer else {
            panic!("{sdp:?} was taken")
        };
        assert_eq!(
            (problem.status, problem.field.as_deref()),
            (400, Some("sdp")),
            "{sdp:?}"
        );
    }
    let stale = world.ask(
        SIGNALING,
        Request::Answer {
            room: room(),
            participant: ParticipantId::new("aoi").unwrap(),
            revision: 7,
            sdp: String::new(),
        },
    );
    assert!(
        matches!(&stale, AnswerBody::Error { problem } if problem.status == 409),
        "{stale:?}"
    );
    // The connection that was there before all this goes on.
    world.enter("ren", &[]);
    world.run(Duration::from_secs(1));
    assert!(world.client("ren").got("aoi", Camera).assert_whole() > 30);
}

impl World {
    fn mute_of(&mut self, name: &str) -> AnswerBody {
        self.ask(
            SIGNALING,
            Request::Mute {
                room: room(),
                participant: ParticipantId::new(name).unwrap(),
                source: Camera,
                muted: true,
            },
        )
    }
}
