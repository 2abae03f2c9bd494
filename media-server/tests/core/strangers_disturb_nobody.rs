//! Whatever comes from the network is dropped and counted, unless it proves itself.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use media_server::core::DropReason;
use protocol::grants::MediaSource::Camera;

use crate::sim::World;

fn stranger() -> SocketAddr {
    "203.0.113.66:6666".parse().unwrap()
}

fn running(seed: u64) -> World {
    let mut world = World::new(seed);
    world.tape = Some(Vec::new());
    world.enter("aoi", &[Camera]);
    world.enter("ren", &[]);
    world.run(Duration::from_secs(2));
    world
}

#[track_caller]
fn assert_undisturbed(world: &mut World) {
    let before = world.client("ren").got("aoi", Camera).packets.len();
    world.run(Duration::from_secs(2));
    let after = world.client("ren").got("aoi", Camera).assert_whole();
    assert!(after > before + 150, "{before} → {after}");
}

#[test]
fn garbage_from_anywhere_is_counted_and_dropped() {
    let mut world = running(14);
    let publisher = world.client("aoi").up.as_ref().unwrap().address;
    let mut sent = 0;
    for from in [stranger(), publisher] {
        for first in 0..=255_u8 {
            for len in [0, 1, 2, 11, 12, 19, 20, 21, 40, 200, 1499] {
                let bytes: Vec<u8> = (0..len).map(|at: usize| first.wrapping_add((at * at) as u8)).collect();
                world.inject(from, bytes);
                sent += 1;
            }
        }
    }
    let counters = world.sfu.counters();
    assert!(counters.drops(DropReason::Stranger) >= sent / 2, "{counters:?}");
    assert!(counters.drops(DropReason::Garbage) > 0, "{counters:?}");
    assert_undisturbed(&mut world);
}

#[test]
fn a_recording_replayed_from_a_strangers_address_reaches_nobody() {
    let mut world = running(15);
    let tape = world.tape.take().unwrap();
    assert!(tape.len() > 200);
    let forwarded = world.sfu.counters().packets_forwarded;
    let media: Vec<_> = tape.into_iter().filter(|wire| wire.bytes[0] >= 20).collect();
    let count = media.len() as u64;
    for wire in media {
        world.inject(stranger(), wire.bytes);
    }
    let counters = world.sfu.counters();
    assert!(counters.drops(DropReason::Stranger) >= count);
    assert_eq!(counters.packets_forwarded, forwarded);
    assert_undisturbed(&mut world);
}

#[test]
fn a_recording_replayed_from_its_own_address_is_not_played_twice() {
    let mut world = running(16);
    let tape = world.tape.take().unwrap();
    let (read, forwarded) = (world.sfu.counters().packets_in, world.sfu.counters().packets_forwarded);
    for wire in tape.into_iter().filter(|wire| wire.bytes[0] >= 128) {
        world.inject(wire.from, wire.bytes);
    }
    let counters = world.sfu.counters();
    assert_eq!((counters.packets_in, counters.packets_forwarded), (read, forwarded));
    assert_undisturbed(&mut world);
}

#[test]
fn what_is_too_large_stays_outside() {
    let mut world = running(17);
    let publisher = world.client("aoi").up.as_ref().unwrap().address;
    let before = world.sfu.counters().drops(DropReason::Oversize);
    for len in [1501, 1975, 2000, 9000, 65_000] {
        world.inject(publisher, vec![0x80; len]);
    }
    assert_eq!(world.sfu.counters().drops(DropReason::Oversize), before + 5);
    // A publisher that the server knows sends a whole, signed packet that is too large to forward.
    let now = world.now;
    let client = world.client("aoi");
    let (encoders, link) = (&mut client.encoders, client.up.as_mut().unwrap());
    encoders[0].write(link, [0x10, 0x01], 1600, true, now);
    world.run(Duration::from_secs(1));
    assert!(world.sfu.counters().drops(DropReason::Oversize) > before + 5);
    let longest = world.client("ren").got("aoi", Camera);
    assert!(longest.packets.len() > 200, "the room goes on");
}

#[test]
fn a_check_with_a_wrong_signature_proves_no_address() {
    let mut world = running(18);
    let tape = world.tape.take().unwrap();
    let check = tape.iter().find(|wire| wire.bytes[..2] == [0, 1]).unwrap();
    let mut forged = check.bytes.clone();
    // Within the transaction id: the signature doesn't hold any more.
    forged[12] ^= 0xff;
    world.inject(stranger(), forged);
    let before = world.sfu.counters().drops(DropReason::Stranger);
    world.inject(stranger(), vec![0x80; 60]);
    assert_eq!(world.sfu.counters().drops(DropReason::Stranger), before + 1);
    assert_undisturbed(&mut world);
}

#[test]
fn an_overheard_check_proves_no_other_address() {
    let mut world = running(19);
    let tape = world.tape.take().unwrap();
    let checks: Vec<_> = tape.into_iter().filter(|wire| wire.bytes[..2] == [0, 1]).collect();
    let connections: BTreeSet<SocketAddr> = checks.iter().map(|wire| wire.from).collect();
    assert_eq!(connections.len(), 2, "one that publishes, one that watches");
    let (before, sent) = (world.sfu.counters().drops(DropReason::Stranger), checks.len() as u64);
    for check in checks {
        world.inject(stranger(), check.bytes);
    }
    assert_eq!(world.sfu.counters().drops(DropReason::Stranger), before + sent);
    assert_undisturbed(&mut world);
}
