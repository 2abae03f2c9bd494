//! Media doesn't need signaling once it runs, and who re-joins learns what it missed.

use std::time::Duration;

use media_server::core::{ConnectionId, Request};
use protocol::control::{AnswerBody, NodeFrame};
use protocol::grants::MediaSource::Camera;

use crate::sim::{SIGNALING, World, room};

const ANOTHER: ConnectionId = ConnectionId(2);

#[test]
fn media_goes_on_and_a_re_join_is_not_fresh() {
    let mut world = World::new(11);
    world.enter("aoi", &[Camera]);
    world.enter("ren", &[]);
    world.run(Duration::from_secs(1));
    world.sfu.connection_closed(SIGNALING);
    world.run(Duration::from_secs(60));
    assert!(world.client("ren").got("aoi", Camera).assert_whole() > 5000);
    let frames = world.frames.len();
    let joined = world.join_again(ANOTHER, World::grant("ren", &[]), true);
    assert!(matches!(joined, AnswerBody::Joined { fresh: false, .. }), "{joined:?}");
    let is_offer = |it: &(ConnectionId, NodeFrame)| matches!(it.1.body, AnswerBody::Offer { .. });
    assert!(
        !world.frames[frames..].iter().any(is_offer),
        "nothing waits for an answer"
    );
    world.run(Duration::from_secs(1));
    assert_eq!(world.client("ren").offers.len(), 1, "nothing was negotiated again");
}

#[test]
fn an_unanswered_offer_and_what_is_muted_are_told_again_to_the_new_connection() {
    let mut world = World::new(12);
    world.enter("ren", &[]);
    world.client("ren").answers = false;
    world.enter("aoi", &[Camera]);
    world.mute("aoi", Camera, true);
    assert_eq!(world.client("ren").offers.len(), 1);
    world.sfu.connection_closed(SIGNALING);
    world.client("ren").answers = true;
    let frames = world.frames.len();
    world.join_again(ANOTHER, World::grant("ren", &[]), true);
    let told: Vec<ConnectionId> = world.frames[frames..].iter().map(|(to, _)| *to).collect();
    assert!(told.contains(&ANOTHER));
    let told = &world.frames[frames..];
    let offer = told.iter().find_map(|(to, frame)| match &frame.body {
        AnswerBody::Offer { revision, .. } => Some((*to, *revision)),
        _ => None,
    });
    assert_eq!(offer, Some((ANOTHER, 1)), "the same offer, to whom re-joined");
    let is_muted_told = told
        .iter()
        .any(|(_, it)| matches!(it.body, AnswerBody::Muted { muted: true, .. }));
    assert!(is_muted_told);
    world.run(Duration::from_secs(1));
    assert!(world.client("ren").down.as_ref().is_some_and(|it| it.is_connected));
}

#[test]
fn who_is_vouched_for_by_nobody_and_never_connects_is_forgotten() {
    let mut world = World::new(13);
    world.join_with(World::grant("aoi", &[Camera]));
    world.run(Duration::from_secs(60));
    assert_eq!(world.sfu.counters().participants, 1, "signaling vouches for it");
    world.sfu.connection_closed(SIGNALING);
    world.run(Duration::from_secs(22));
    assert_eq!(world.sfu.counters().rooms, 0);
    let again = world.ask(
        ANOTHER,
        Request::Leave {
            room: room(),
            participant: World::grant("aoi", &[]).participant,
        },
    );
    assert_eq!(again, AnswerBody::Ok);
}
