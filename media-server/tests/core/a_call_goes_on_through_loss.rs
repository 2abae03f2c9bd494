//! Loss, bursts of it, jitter and reordering cost a call little.

use std::time::Duration;

use impair::Burst;
use protocol::control::AnswerBody;
use protocol::grants::MediaSource::Microphone;

use crate::layers_follow_what_is_shown::three_layers;
use crate::sim::{MS, World};

fn call(seed: u64, spoil: impl Fn(&mut World)) -> World {
    let mut world = World::new(seed);
    world.delay = 20 * MS;
    world.enter_with_camera("aoi", three_layers());
    world.enter("ren", &[]);
    world.run(Duration::from_secs(10));
    spoil(&mut world);
    world.run(Duration::from_secs(60));
    world
}

#[test]
fn five_percent_each_way_freezes_less_than_one_percent_of_the_time() {
    let mut frozen = Duration::ZERO;
    let seeds = 6;
    for seed in 1..=seeds {
        let mut world = call(seed, |world| {
            for name in ["aoi", "ren"] {
                world.toward(name).loss = 0.05;
                world.from(name).loss = 0.05;
            }
        });
        let now = world.now;
        let decoder = world.client("ren").decoder("aoi");
        frozen += decoder.frozen(now - 60_000 * MS, now);
        assert!(decoder.faults.is_empty(), "seed {seed}: {:?}", decoder.faults);
        let heights = decoder.heights(now - 5000 * MS, now);
        assert_eq!(heights, [720], "seed {seed}: loss alone takes no quality");
        let voices = world.client("ren").got("aoi", Microphone).packets.len();
        assert!(voices > 2900, "seed {seed}: {voices} packets of 3,000 and more");
    }
    assert!(
        frozen < seeds as u32 * 600 * MS,
        "frozen for {frozen:?} of {seeds} minutes"
    );
}

#[test]
fn bursts_jitter_and_reordering_are_survived() {
    for seed in 1..=3 {
        let mut world = call(seed, |world| {
            let pipe = world.toward("ren");
            pipe.burst = Some(Burst {
                begins: 0.002,
                ends: 0.25,
                loses: 1.0,
            });
            pipe.jitter = 30 * MS;
        });
        let now = world.now;
        let decoder = world.client("ren").decoder("aoi");
        let frozen = decoder.frozen(now - 60_000 * MS, now);
        assert!(frozen < 3000 * MS, "seed {seed}: frozen for {frozen:?} of a minute");
        assert!(decoder.faults.is_empty(), "seed {seed}: {:?}", decoder.faults);
        assert!(decoder.longest_gap(now - 60_000 * MS, now) < 1500 * MS, "seed {seed}");
    }
}

#[test]
fn a_network_that_is_gone_for_seconds_comes_back_with_its_picture() {
    for seed in 1..=3 {
        let mut world = call(seed, |_| {});
        world.toward("ren").is_cut = true;
        world.from("ren").is_cut = true;
        world.run(Duration::from_secs(8));
        world.toward("ren").is_cut = false;
        world.from("ren").is_cut = false;
        let back = world.now;
        world.run_until("a picture", Duration::from_secs(2), |world| {
            world
                .client("ren")
                .decoder("aoi")
                .frames
                .last()
                .is_some_and(|it| it.at > back)
        });
    }
}

#[test]
fn a_subscriber_with_another_address_is_followed_and_may_restart_ice() {
    for seed in 1..=3 {
        let mut world = call(seed, |_| {});
        let shows = |world: &mut World, since| {
            world
                .client("ren")
                .decoder("aoi")
                .frames
                .last()
                .is_some_and(|it| it.at > since)
        };
        // From Wi-Fi to 4G: checks come from another address.
        world.move_down("ren");
        let moved = world.now + 500 * MS;
        world.run_until("a picture", Duration::from_secs(4), |world| shows(world, moved));
        // And by a browser that asks for new credentials: the connection is found by its new name.
        world.restart("ren");
        world.move_down("ren");
        let restarted = world.now + 500 * MS;
        world.run_until("a picture", Duration::from_secs(4), |world| shows(world, restarted));
        world.run(Duration::from_secs(40));
        let now = world.now;
        assert!(
            shows(&mut world, now - 200 * MS),
            "seed {seed}: also when the old name is forgotten"
        );
        let decoder = world.client("ren").decoder("aoi");
        assert!(decoder.faults.is_empty(), "seed {seed}: {:?}", decoder.faults);
        let left = world.events().any(|it| matches!(it, AnswerBody::Left { .. }));
        assert!(!left, "seed {seed}: to the others it never left");
    }
}
