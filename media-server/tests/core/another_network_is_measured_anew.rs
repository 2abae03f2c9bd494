//! What a network carried that is gone says little of the next one: the picture is soon back, and isn't held back for long.

use std::time::{Duration, Instant};

use protocol::control::AnswerBody;
use protocol::grants::MediaSource::Microphone;

use crate::layers_follow_what_is_shown::three_layers;
use crate::network::Pipe;
use crate::sim::{MS, World};

/// The picture is back, and no longer held back, so soon after the network.
const SOON: Duration = Duration::from_secs(2);

/// Whether `ren` was told last that the picture is held back.
fn is_held_back(world: &World) -> bool {
    let told = world.events().filter_map(|it| match it {
        AnswerBody::Paused {
            participant, paused, ..
        } if participant.as_str() == "ren" => Some(*paused),
        _ => None,
    });
    told.last() == Some(true)
}

/// A call over a link without a limit that carries next to nothing for 8 s: of what goes toward `ren`, and of what comes from
/// it, these shares are lost.
fn after_an_outage(seed: u64, (toward, from): (f64, f64)) -> World {
    let mut world = World::new(seed);
    world.delay = 20 * MS;
    world.enter_with_camera("aoi", three_layers());
    world.enter("ren", &[]);
    world.run(Duration::from_secs(12));
    world.toward("ren").rate_bps = Some(60_000);
    world.toward("ren").loss = toward;
    world.from("ren").loss = from;
    world.run(Duration::from_secs(8));
    *world.toward("ren") = Pipe::default();
    *world.from("ren") = Pipe::default();
    world
}

/// Runs on, and asserts that the picture comes back to stay.
#[track_caller]
fn assert_soon_back(world: &mut World, what: &str) {
    let begun = world.now;
    let mut held_back_since: Option<Instant> = None;
    while world.now < begun + Duration::from_secs(12) {
        world.run(10 * MS);
        let now = world.now;
        held_back_since = is_held_back(world).then(|| held_back_since.unwrap_or(now));
        let held_back = held_back_since.map_or(Duration::ZERO, |since| now - since);
        assert!(held_back < SOON, "{what}: held back for {held_back:?}");
    }
    let now = world.now;
    let decoder = world.client("ren").decoder("aoi");
    let gap = decoder.longest_gap(begun + SOON, now);
    assert!(gap < 500 * MS, "{what}: no picture for {gap:?}");
    assert!(decoder.longest_gap(begun, begun + SOON) < SOON, "{what}: nothing came");
    assert_eq!(decoder.heights(now - 2000 * MS, now), [720], "{what}: in full");
    assert!(decoder.faults.is_empty(), "{what}: {:?}", decoder.faults);
}

#[test]
fn the_picture_is_soon_back_where_the_client_is_now() {
    for outage in [(1.0, 1.0), (0.8, 0.0), (0.8, 0.8)] {
        for seed in 1..=5 {
            let mut world = after_an_outage(seed, outage);
            world.move_down("ren");
            world.restart("ren");
            assert_soon_back(&mut world, &format!("{outage:?}, seed {seed}"));
        }
    }
}

#[test]
fn new_credentials_are_enough_where_the_address_stays() {
    for seed in 1..=5 {
        let mut world = after_an_outage(seed, (0.8, 0.0));
        world.restart("ren");
        assert_soon_back(&mut world, &format!("seed {seed}"));
    }
}

#[test]
fn a_narrower_network_still_carries_the_voice() {
    for seed in 1..=5 {
        let mut world = after_an_outage(seed, (1.0, 1.0));
        world.toward("ren").rate_bps = Some(300_000);
        world.move_down("ren");
        world.restart("ren");
        world.run(SOON);
        let begun = world.now;
        world.run(Duration::from_secs(10));
        let got = world.client("ren").got("aoi", Microphone);
        let came: Vec<Instant> = got.arrivals.iter().map(|it| it.0).filter(|at| *at > begun).collect();
        let longest = came.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
        assert!(longest <= 200 * MS, "seed {seed}: no voice for {longest:?}");
        let now = world.now;
        let gap = world.client("ren").decoder("aoi").longest_gap(begun, now);
        assert!(gap < 500 * MS, "seed {seed}: no picture for {gap:?}");
    }
}
