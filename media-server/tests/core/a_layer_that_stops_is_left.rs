//! A publisher that is short of power or of bandwidth stops its larger layers without a word: their subscribers are soon
//! shown a smaller one, and the larger one again when it comes. Of a screen that hardly changes nothing is left.

use std::time::Duration;

use crate::layers_follow_what_is_shown::three_layers;
use crate::sim::{MS, World};

/// Silence of half a second, a look at it, the way of the request and the key frame's.
const SOON: Duration = Duration::from_millis(1000);

fn call(seed: u64, frame: Duration) -> World {
    let mut world = World::new(seed);
    world.delay = 20 * MS;
    world.toward.entry(2).or_default().loss = 0.01;
    world.enter_with_camera("aoi", three_layers());
    world.client("aoi").camera.as_mut().unwrap().frame = frame;
    world.enter("ren", &[]);
    world.run(Duration::from_secs(14));
    world
}

fn send(world: &mut World, layers: [bool; 3]) {
    let camera = world.client("aoi").camera.as_mut().unwrap();
    for (layer, is_active) in camera.layers.iter_mut().zip(layers) {
        layer.is_active = is_active;
    }
}

#[test]
fn the_picture_moves_again_within_a_second() {
    for seed in 1..=5 {
        let mut world = call(seed, 33 * MS);
        for (left, height) in [([true, true, false], 360), ([true, false, false], 180)] {
            let stopped = world.now;
            send(&mut world, left);
            world.run(Duration::from_secs(4));
            let now = world.now;
            let decoder = world.client("ren").decoder("aoi");
            let gap = decoder.longest_gap(stopped, now);
            assert!(gap <= SOON, "seed {seed}, {height}: no picture for {gap:?}");
            assert_eq!(decoder.heights(now - 2500 * MS, now), [height], "seed {seed}");
        }
        let begun = world.now;
        send(&mut world, [true, true, true]);
        world.run(Duration::from_secs(4));
        let now = world.now;
        let decoder = world.client("ren").decoder("aoi");
        assert_eq!(decoder.heights(now - 1000 * MS, now), [720], "seed {seed}");
        assert!(decoder.longest_gap(begun, now) < 500 * MS, "seed {seed}");
        assert!(decoder.faults.is_empty(), "seed {seed}: {:?}", decoder.faults);
    }
}

#[test]
fn slow_frames_are_no_reason_to_leave() {
    for frame in [200 * MS, 900 * MS] {
        let mut world = call(3, frame);
        let begun = world.now;
        world.run(Duration::from_secs(20));
        let now = world.now;
        let decoder = world.client("ren").decoder("aoi");
        assert_eq!(decoder.heights(begun, now), [720], "every {frame:?}");
        assert!(
            decoder.longest_gap(begun, now) < 2 * frame + 400 * MS,
            "every {frame:?}"
        );
    }
}
