//! A kicked participant's tokens stop working at once, whatever becomes of the room meanwhile.

use std::time::Duration;

use media_server::core::{ConnectionId, Request};
use protocol::control::{AnswerBody, OutReason};
use protocol::grants::MEDIA_TOKEN_LASTS;
use protocol::grants::MediaSource::{Camera, Microphone};
use protocol::ids::{ParticipantId, RoomId};

use crate::sim::{MS, SIGNALING, World, room};

fn kick(world: &mut World, name: &str) {
    let participant = ParticipantId::new(name).unwrap();
    let request = Request::Kick {
        room: room(),
        participant,
    };
    assert_eq!(world.ask(SIGNALING, request), AnswerBody::Ok);
}

fn is_refused(answer: &AnswerBody) -> bool {
    matches!(answer, AnswerBody::Error { problem } if problem.status == 403 && problem.is("kicked"))
}

#[test]
fn it_is_out_its_connections_end_and_the_others_go_on() {
    let mut world = World::new(40);
    for name in ["aoi", "ren", "mio"] {
        world.enter(name, &[Camera, Microphone]);
    }
    world.run(Duration::from_secs(2));
    kick(&mut world, "ren");
    let told: Vec<(String, OutReason)> = world
        .events()
        .filter_map(|event| match event {
            AnswerBody::Out {
                participant, reason, ..
            } => Some((participant.to_string(), *reason)),
            _ => None,
        })
        .collect();
    assert_eq!(told, [("ren".to_owned(), OutReason::Kicked)]);
    world.run(100 * MS);
    let client = world.client("ren");
    for link in [&client.up, &client.down] {
        assert!(link.as_ref().unwrap().closed, "its connections are told");
    }
    assert_eq!(world.sfu.counters().participants, 2);
    assert!(
        world
            .client("aoi")
            .tracks
            .iter()
            .all(|track| track.participant.as_str() == "mio")
    );

    // What it still sends reaches nobody; the others' packets lack nothing.
    let before = world.client("mio").got("aoi", Camera).packets.len();
    world.run(Duration::from_secs(1));
    let got = world.client("mio").got("aoi", Camera);
    assert!(got.packets.len() > before + 60);
    got.assert_whole();
}

#[test]
fn neither_its_token_nor_a_new_one_lets_it_in_until_a_tokens_time_is_over() {
    let mut world = World::new(41);
    world.enter("aoi", &[Camera]);
    world.enter("ren", &[Camera]);
    kick(&mut world, "ren");
    // Their pages are closed: what counts here is who is let in.
    for client in world.clients.values_mut() {
        (client.up, client.down) = (None, None);
        client.encoders.clear();
    }
    let grant = || World::grant("ren", &[Camera]);
    assert!(is_refused(&world.join_again(SIGNALING, grant(), false)));
    assert!(
        is_refused(&world.join_again(ConnectionId(2), grant(), true)),
        "nor by another signaling"
    );
    let mut elsewhere = grant();
    elsewhere.room = RoomId::new("room-2").unwrap();
    let joined = world.join_again(SIGNALING, elsewhere, false);
    assert!(
        matches!(joined, AnswerBody::Joined { .. }),
        "other rooms aren't closed to it: {joined:?}"
    );

    // The room closes and opens again.
    assert_eq!(world.leave("aoi"), AnswerBody::Ok);
    world.enter("aoi", &[]);
    assert!(is_refused(&world.join_again(SIGNALING, grant(), false)));
    world.run(MEDIA_TOKEN_LASTS - Duration::from_secs(1));
    assert!(is_refused(&world.join_again(SIGNALING, grant(), false)));
    world.run(Duration::from_secs(1));
    let joined = world.join_again(SIGNALING, grant(), false);
    assert!(matches!(joined, AnswerBody::Joined { fresh: true, .. }), "{joined:?}");
}

#[test]
fn who_never_came_can_be_kept_out_too() {
    let mut world = World::new(42);
    kick(&mut world, "ren");
    assert!(is_refused(&world.join_again(
        SIGNALING,
        World::grant("ren", &[]),
        false
    )));
    assert_eq!(world.sfu.counters().rooms, 0, "no room opens for it");
}
