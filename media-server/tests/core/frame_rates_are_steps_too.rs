//! Of VP8 at several frame rates a narrow link is given fewer pictures before a smaller one, or none.

use std::time::Duration;

use protocol::control::AnswerBody;

use crate::camera::Layer;
use crate::layers_follow_what_is_shown::three_layers;
use crate::sim::{MS, World};

fn with_rates(mut layers: Vec<Layer>) -> Vec<Layer> {
    for layer in &mut layers {
        layer.has_rates = true;
    }
    layers
}

fn call(seed: u64, layers: Vec<Layer>, rate_bps: u64) -> World {
    let mut world = World::new(seed);
    world.delay = 20 * MS;
    world.enter_with_camera("aoi", with_rates(layers));
    world.enter("ren", &[]);
    world.toward("ren").rate_bps = Some(rate_bps);
    world.run(Duration::from_secs(15));
    world
}

/// What was shown in the last seconds: heights, and pictures a second.
fn shown(world: &mut World, last: Duration) -> (Vec<u16>, f64) {
    let now = world.now;
    let decoder = world.client("ren").decoder("aoi");
    assert!(decoder.faults.is_empty(), "{:?}", decoder.faults);
    (decoder.heights(now - last, now), decoder.rate(now - last, now))
}

#[test]
fn what_does_not_fit_whole_comes_at_half_the_rate() {
    for seed in 1..=5 {
        let mut world = call(seed, vec![Layer::new(None, 360, 500_000)], 480_000);
        let (heights, rate) = shown(&mut world, 5000 * MS);
        assert_eq!(heights, [360], "seed {seed}");
        assert!((7.0..16.0).contains(&rate), "seed {seed}: {rate}");
        let told = world.events().filter_map(|it| match it {
            AnswerBody::Paused { paused, .. } => Some(*paused),
            _ => None,
        });
        assert_ne!(told.last(), Some(true), "seed {seed}: not held back");
        world.toward("ren").rate_bps = Some(2_000_000);
        world.run(Duration::from_secs(15));
        let (_, rate) = shown(&mut world, 2000 * MS);
        assert!(rate > 29.0, "seed {seed}: {rate}");
    }
}

#[test]
fn more_pictures_need_no_key_frame() {
    let mut world = call(1, vec![Layer::new(None, 360, 500_000)], 480_000);
    let asked = |world: &mut World| {
        world.client("aoi").camera.as_ref().unwrap().layers[0]
            .key_frames_asked
            .len()
    };
    let before = asked(&mut world);
    world.toward("ren").rate_bps = Some(2_000_000);
    world.run(Duration::from_secs(15));
    assert!(shown(&mut world, 2000 * MS).1 > 29.0);
    assert_eq!(asked(&mut world), before);
}

#[test]
fn simulcast_with_rates_follows_the_link_too() {
    for seed in 1..=5 {
        let mut world = call(seed, three_layers(), 2_000_000);
        assert_eq!(shown(&mut world, 3000 * MS).0, [720], "seed {seed}");
        let cut = world.now;
        world.toward("ren").rate_bps = Some(300_000);
        world.run(Duration::from_secs(20));
        let now = world.now;
        let gap = world.client("ren").decoder("aoi").longest_gap(cut + 3000 * MS, now);
        assert!(gap < 500 * MS, "seed {seed}: no picture for {gap:?}");
        world.toward("ren").rate_bps = Some(2_000_000);
        world.run(Duration::from_secs(15));
        let (heights, rate) = shown(&mut world, 500 * MS);
        assert!(heights == [720] && rate > 25.0, "seed {seed}: {heights:?} {rate}");
    }
}

#[test]
fn what_gets_lost_or_overtaken_on_its_way_here_leaves_no_hole() {
    for seed in 1..=5 {
        let mut world = call(seed, vec![Layer::new(None, 360, 500_000)], 480_000);
        world.from("aoi").loss = 0.03;
        world.from("aoi").jitter = 5 * MS;
        let begun = world.now;
        world.run(Duration::from_secs(20));
        let now = world.now;
        let (_, rate) = shown(&mut world, 20_000 * MS);
        assert!((7.0..16.0).contains(&rate), "seed {seed}: {rate}");
        let decoder = world.client("ren").decoder("aoi");
        assert!(!decoder.empty.is_empty(), "seed {seed}");
        assert!(decoder.longest_gap(begun, now) < 600 * MS, "seed {seed}");
    }
}

#[test]
fn who_signs_comes_smaller_but_with_every_frame() {
    for seed in 1..=3 {
        let mut world = call(seed, three_layers(), 2_000_000);
        world.view_as("ren", "aoi", 720, true);
        world.toward("ren").rate_bps = Some(450_000);
        world.run(Duration::from_secs(20));
        let (heights, rate) = shown(&mut world, 5000 * MS);
        assert!(rate > 25.0, "seed {seed}: {heights:?} {rate}");
        assert!(heights.iter().all(|it| *it < 720), "seed {seed}: {heights:?}");
        world.view_as("ren", "aoi", 720, false);
        world.toward("ren").rate_bps = Some(2_000_000);
        world.run(Duration::from_secs(15));
        assert_eq!(shown(&mut world, 500 * MS).0, [720], "seed {seed}");
    }
}
