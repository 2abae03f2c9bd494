//! While the SFU drains, rooms that are open go on and new ones are refused; at the end everybody is told.

use std::time::Duration;

use media_server::core::Request;
use protocol::control::{AnswerBody, OutReason};
use protocol::grants::MediaSource::Camera;
use protocol::ids::RoomId;

use crate::sim::{MS, SIGNALING, World, room};

#[test]
fn an_open_room_goes_on_and_takes_in_who_comes_a_new_one_is_refused() {
    let mut world = World::new(50);
    world.enter("aoi", &[Camera]);
    world.sfu.drain();
    world.enter("ren", &[Camera]);
    world.run(Duration::from_secs(1));
    assert!(world.client("ren").got("aoi", Camera).assert_whole() > 30);

    let mut other = World::grant("mio", &[Camera]);
    other.room = RoomId::new("room-2").unwrap();
    let refused = world.join_again(SIGNALING, other, false);
    assert!(
        matches!(&refused, AnswerBody::Error { problem } if problem.status == 503 && problem.is("draining")),
        "{refused:?}"
    );
    assert_eq!(world.sfu.counters().rooms, 1);

    // The last one out closes it for good.
    assert_eq!(
        world.ask(SIGNALING, Request::CloseRoom { room: room() }),
        AnswerBody::Ok
    );
    let refused = world.join_again(SIGNALING, World::grant("aoi", &[]), false);
    assert!(matches!(&refused, AnswerBody::Error { problem } if problem.is("draining")));
}

#[test]
fn at_the_end_everybody_is_told_to_go_on_elsewhere() {
    let mut world = World::new(51);
    world.enter("aoi", &[Camera]);
    world.enter("ren", &[]);
    world.run(Duration::from_secs(1));
    world.sfu.drain();
    world.sfu.close(OutReason::Draining, world.now);
    world.run(100 * MS);
    let mut told: Vec<String> = world
        .events()
        .filter_map(|event| match event {
            AnswerBody::Out {
                participant,
                reason: OutReason::Draining,
                ..
            } => Some(participant.to_string()),
            _ => None,
        })
        .collect();
    told.sort();
    assert_eq!(told, ["aoi", "ren"]);
    assert!(world.client("aoi").up.as_ref().unwrap().closed);
    assert_eq!(world.sfu.counters().rooms, 0);
}
