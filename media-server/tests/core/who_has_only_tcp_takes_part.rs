//! Behind a wall that lets no UDP out, a participant is one like any other.

use std::time::Duration;

use media_server::core::{DropReason, Transport};
use protocol::grants::MediaSource::{Camera, Microphone};

use crate::sim::World;

/// A participant that can only connect by TCP.
fn enter_by_tcp(world: &mut World, name: &str) {
    world.join_with(World::grant(name, &[Camera, Microphone]));
    world.client(name).transport = Transport::Tcp;
    world.publish(name, &[Camera, Microphone]).expect("published");
}

#[test]
fn media_flows_between_tcp_and_udp_both_ways() {
    let mut world = World::new(61);
    world.tape = Some(Vec::new());
    enter_by_tcp(&mut world, "aoi");
    world.enter("ren", &[Camera, Microphone]);
    world.run(Duration::from_secs(3));
    for (listener, speaker) in [("aoi", "ren"), ("ren", "aoi")] {
        for (source, least) in [(Camera, 200), (Microphone, 100)] {
            let got = world.client(listener).got(speaker, source).assert_whole();
            assert!(got > least, "{listener} got {got} of {speaker}'s {source:?}");
        }
    }
    let tape = world.tape.take().expect("kept");
    let by_tcp = tape.iter().filter(|wire| wire.transport == Transport::Tcp);
    let ports: Vec<u16> = by_tcp.map(|wire| wire.from.port()).collect();
    assert!(
        ports.len() > 300 && ports.iter().all(|port| port / 1000 == 1),
        "aoi's alone"
    );
    assert_eq!(world.sfu.counters().drops(DropReason::Garbage), 0);
}

#[test]
fn an_address_proven_by_tcp_is_a_strangers_by_udp() {
    let mut world = World::new(62);
    enter_by_tcp(&mut world, "aoi");
    world.enter("ren", &[]);
    world.run(Duration::from_secs(2));
    let address = world.client("aoi").up.as_ref().expect("there").address;
    let before = world.sfu.counters().drops(DropReason::Stranger);
    // The simulation's strangers come by UDP.
    world.inject(address, vec![0x80; 60]);
    assert_eq!(world.sfu.counters().drops(DropReason::Stranger), before + 1);
}
