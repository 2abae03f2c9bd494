//! A link that narrows keeps the voice, soon moves the picture again, and gets its quality back when it widens.

use std::time::{Duration, Instant};

use protocol::control::AnswerBody;
use protocol::grants::MediaSource::Microphone;

use crate::camera::Layer;
use crate::layers_follow_what_is_shown::three_layers;
use crate::sim::{MS, World};

/// The longest time without a packet of a voice, between two moments.
fn longest_silence(world: &mut World, from: Instant, to: Instant) -> Duration {
    let got = world.client("ren").got("aoi", Microphone);
    let came = got
        .arrivals
        .iter()
        .map(|(at, _)| *at)
        .filter(|at| (from..to).contains(at));
    let mut last = from;
    let mut longest = Duration::ZERO;
    for at in came.chain([to]) {
        longest = longest.max(at - last);
        last = at;
    }
    longest
}

/// A call over 2 Mbit/s with a 200 ms queue and a round trip of 40 ms.
fn call(seed: u64, layers: Vec<Layer>) -> World {
    let mut world = World::new(seed);
    world.delay = 20 * MS;
    world.toward.entry(2).or_default().rate_bps = Some(2_000_000);
    world.enter_with_camera("aoi", layers);
    world.enter("ren", &[]);
    world.run(Duration::from_secs(15));
    world
}

#[test]
fn from_two_megabits_to_three_hundred_kilobits_and_back() {
    for seed in 1..=5 {
        let mut world = call(seed, three_layers());
        let before = world.now;
        let heights = world.client("ren").decoder("aoi").heights(before - 3000 * MS, before);
        assert_eq!(heights, [720], "seed {seed}: before the cut");

        world.toward("ren").rate_bps = Some(300_000);
        world.run(Duration::from_secs(20));
        let cut_ends = world.now;
        let silence = longest_silence(&mut world, before, cut_ends);
        assert!(silence <= 200 * MS, "seed {seed}: no voice for {silence:?}");
        let decoder = world.client("ren").decoder("aoi");
        // In motion: from 3 s on no gap that would be seen as a stop.
        let gap = decoder.longest_gap(before + 3000 * MS, cut_ends);
        assert!(gap < 500 * MS, "seed {seed}: no picture for {gap:?}");
        let first = decoder
            .frames
            .iter()
            .find(|it| it.at > before + 300 * MS && it.height < 720);
        assert!(first.is_some_and(|it| it.at < before + 3000 * MS), "seed {seed}");

        world.toward("ren").rate_bps = Some(2_000_000);
        world.run(Duration::from_secs(15));
        let now = world.now;
        let heights = world.client("ren").decoder("aoi").heights(now - 500 * MS, now);
        assert_eq!(heights, [720], "seed {seed}: 15 s after the cut");
        let decoder = world.client("ren").decoder("aoi");
        assert!(decoder.faults.is_empty(), "seed {seed}: {:?}", decoder.faults);
    }
}

#[test]
fn a_picture_that_does_not_fit_is_paused_and_says_so() {
    for seed in 1..=3 {
        let mut world = call(seed, vec![Layer::new(None, 720, 1_200_000)]);
        let paused = |world: &World| {
            let told = world.events().filter_map(|it| match it {
                AnswerBody::Paused {
                    participant, paused, ..
                } if participant.as_str() == "ren" => Some(*paused),
                _ => None,
            });
            told.last()
        };
        assert_ne!(paused(&world), Some(true), "seed {seed}: it fits");
        let cut = world.now;
        world.toward("ren").rate_bps = Some(300_000);
        world.run_until("told", Duration::from_secs(5), |world| paused(world) == Some(true));
        world.run(Duration::from_secs(10));
        let until = world.now;
        let silence = longest_silence(&mut world, cut, until);
        assert!(silence <= 200 * MS, "seed {seed}: no voice for {silence:?}");
        world.toward("ren").rate_bps = Some(2_000_000);
        world.run_until("told", Duration::from_secs(15), |world| paused(world) == Some(false));
        world.run(Duration::from_secs(3));
        let now = world.now;
        let gap = world.client("ren").decoder("aoi").longest_gap(now - 1000 * MS, now);
        assert!(gap < 200 * MS, "seed {seed}: {gap:?}");
    }
}
