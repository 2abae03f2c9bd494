//! A client whose network is another one goes on by it after an ICE restart (RFC 8445 §9), with the same connections.

use std::time::Duration;

use media_server::core::Request;
use protocol::control::AnswerBody;
use protocol::grants::MediaSource::{Camera, Microphone};
use protocol::ids::ParticipantId;

use crate::sim::{SIGNALING, World, room};

/// Nothing comes by the old network, and after a while all by the new one.
const SOON: Duration = Duration::from_secs(2);

fn restart_down(world: &mut World, name: &str) {
    let request = Request::Restart {
        room: room(),
        participant: ParticipantId::new(name).unwrap(),
    };
    assert_eq!(world.ask(SIGNALING, request), AnswerBody::Ok);
}

/// Moves a client's connection to another address; the old one is gone.
fn move_down(world: &mut World, name: &str) {
    let client = world.client(name);
    let address = client.address();
    client.down.as_mut().unwrap().move_to(address);
}

fn packets(world: &mut World, who: &str, whose: &str) -> usize {
    world.client(who).got(whose, Microphone).packets.len()
}

#[test]
fn a_subscriber_is_served_where_it_is_now() {
    let mut world = World::new(70);
    world.enter("aoi", &[Camera, Microphone]);
    world.enter("ren", &[]);
    world.run(Duration::from_secs(1));
    for round in 2..5 {
        move_down(&mut world, "ren");
        world.run(Duration::from_secs(1));
        let before = packets(&mut world, "ren", "aoi");
        world.run(Duration::from_secs(1));
        assert_eq!(
            packets(&mut world, "ren", "aoi"),
            before,
            "nothing comes to the old address"
        );
        restart_down(&mut world, "ren");
        world.run_until("sound at the new address", SOON, |world| {
            packets(world, "ren", "aoi") > before + 20
        });
        assert_eq!(world.client("ren").offers.len(), round, "one offer for each restart");
    }
    // Long after its old names are forgotten.
    let before = packets(&mut world, "ren", "aoi");
    world.run(Duration::from_secs(60));
    assert!(packets(&mut world, "ren", "aoi") > before + 50 * 59);
}

#[test]
fn a_publisher_is_heard_from_where_it_is_now() {
    let mut world = World::new(71);
    world.enter("aoi", &[Camera, Microphone]);
    world.enter("ren", &[]);
    world.run(Duration::from_secs(1));
    let track = world.client("ren").tracks.clone();
    let client = world.client("aoi");
    let address = client.address();
    client.up.as_mut().unwrap().move_to(address);
    world.run(Duration::from_secs(1));
    let before = packets(&mut world, "ren", "aoi");
    world.restart_up("aoi");
    world.run_until("sound from the new address", SOON, |world| {
        packets(world, "ren", "aoi") > before + 20
    });
    assert_eq!(world.client("ren").tracks, track, "to the others nothing has changed");
}
