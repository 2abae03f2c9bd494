//! Of a camera whose layers are in one stream each subscriber gets those that its link carries and its page shows, as a
//! stream that every decoder takes.

use std::time::Duration;

use crate::sim::{MS, World};
use crate::svc_camera::SvcCamera;

fn call(seed: u64, is_full: bool) -> World {
    let mut world = World::new(seed);
    world.delay = 20 * MS;
    world.enter_with_svc_camera("aoi", |mid| SvcCamera::new(mid, is_full));
    world.enter("ren", &[]);
    world.enter("yui", &[]);
    world
}

/// What a subscriber was shown in the last seconds: heights, and pictures a second.
fn shown(world: &mut World, who: &str, last: Duration) -> (Vec<u16>, f64) {
    let now = world.now;
    let decoder = world.client(who).svc_decoder("aoi");
    assert!(decoder.faults.is_empty(), "{who}: {:?}", decoder.faults);
    (decoder.heights(now - last, now), decoder.rate(now - last, now))
}

#[test]
fn a_narrow_subscriber_gets_a_smaller_picture_while_another_gets_all() {
    for is_full in [false, true] {
        for seed in 1..=3 {
            let mut world = call(seed, is_full);
            world.toward("ren").rate_bps = Some(600_000);
            world.run(Duration::from_secs(15));
            let (heights, rate) = shown(&mut world, "yui", 5000 * MS);
            assert_eq!(heights, [540], "full {is_full}, seed {seed}");
            assert!(rate > 29.0, "full {is_full}, seed {seed}: {rate}");
            let (heights, rate) = shown(&mut world, "ren", 5000 * MS);
            assert_eq!(heights, [270], "full {is_full}, seed {seed}");
            assert!(rate > 29.0, "full {is_full}, seed {seed}: {rate}");
        }
    }
}

#[test]
fn the_picture_grows_and_shrinks_with_the_page() {
    for is_full in [false, true] {
        let mut world = call(4, is_full);
        world.run(Duration::from_secs(8));
        for (view, expected) in [(135, 135), (270, 270), (0, 0), (540, 540), (150, 135), (1080, 540)] {
            world.view("ren", "aoi", view);
            world.run(Duration::from_secs(4));
            let (heights, rate) = shown(&mut world, "ren", 2000 * MS);
            let wanted: &[u16] = if expected == 0 { &[] } else { &[expected] };
            assert_eq!(heights, wanted, "full {is_full}: shown at {view}");
            assert!(expected == 0 || rate > 29.0, "full {is_full}: shown at {view}: {rate}");
            assert_eq!(shown(&mut world, "yui", 2000 * MS).0, [540]);
        }
    }
}

#[test]
fn smaller_comes_at_once_and_larger_with_a_key_frame() {
    let mut world = call(5, false);
    world.run(Duration::from_secs(8));
    let asked = |world: &mut World| world.client("aoi").svc_camera.as_ref().unwrap().key_frames_asked.len();
    let before = asked(&mut world);
    let turned = world.now;
    world.view("ren", "aoi", 135);
    world.run(1000 * MS);
    let decoder = world.client("ren").svc_decoder("aoi");
    assert_eq!(decoder.heights(turned + 200 * MS, turned + 1000 * MS), [135]);
    assert_eq!(asked(&mut world), before, "nobody else is troubled");
    let turned = world.now;
    world.view("ren", "aoi", 540);
    world.run(1000 * MS);
    let decoder = world.client("ren").svc_decoder("aoi");
    assert_eq!(decoder.heights(turned + 300 * MS, turned + 1000 * MS), [540]);
    assert_eq!(asked(&mut world), before + 1);
}

#[test]
fn from_two_megabits_to_three_hundred_kilobits_and_back() {
    for seed in 1..=5 {
        let mut world = call(seed, seed % 2 == 0);
        world.toward("ren").rate_bps = Some(2_000_000);
        world.run(Duration::from_secs(15));
        assert_eq!(shown(&mut world, "ren", 3000 * MS).0, [540], "seed {seed}: before");
        let cut = world.now;
        world.toward("ren").rate_bps = Some(300_000);
        world.run(Duration::from_secs(20));
        let cut_ends = world.now;
        let decoder = world.client("ren").svc_decoder("aoi");
        let gap = decoder.longest_gap(cut + 3000 * MS, cut_ends);
        assert!(gap < 500 * MS, "seed {seed}: no picture for {gap:?}");
        world.toward("ren").rate_bps = Some(2_000_000);
        world.run(Duration::from_secs(15));
        assert_eq!(shown(&mut world, "ren", 500 * MS).0, [540], "seed {seed}: 15 s after");
        assert_eq!(
            shown(&mut world, "yui", 50_000 * MS - 8000 * MS).0,
            [540],
            "seed {seed}"
        );
    }
}

#[test]
fn a_very_narrow_link_gets_fewer_pictures_rather_than_none() {
    for seed in 1..=3 {
        let mut world = call(seed, false);
        world.toward("ren").rate_bps = Some(140_000);
        world.run(Duration::from_secs(20));
        let (heights, rate) = shown(&mut world, "ren", 5000 * MS);
        assert_eq!(heights, [135], "seed {seed}");
        assert!((7.0..28.0).contains(&rate), "seed {seed}: {rate}");
    }
}

#[test]
fn what_gets_lost_on_either_way_comes_again_and_leaves_no_hole() {
    for (uplink, downlink) in [(0.03, 0.0), (0.0, 0.03), (0.03, 0.03)] {
        for seed in 1..=3 {
            let mut world = call(seed, seed % 2 == 0);
            world.run(Duration::from_secs(8));
            world.view("ren", "aoi", 270);
            world.from("aoi").loss = uplink;
            world.from("aoi").jitter = 5 * MS;
            world.toward("ren").loss = downlink;
            world.run(Duration::from_secs(2));
            let begun = world.now;
            world.run(Duration::from_secs(20));
            let now = world.now;
            let what = format!("{uplink} up, {downlink} down, seed {seed}");
            let (heights, rate) = shown(&mut world, "ren", 20_000 * MS);
            assert_eq!(heights, [270], "{what}");
            assert!(rate > 28.0, "{what}: {rate}");
            let decoder = world.client("ren").svc_decoder("aoi");
            assert!(decoder.longest_gap(begun, now) < 500 * MS, "{what}");
            assert!(
                decoder.asked.iter().all(|at| *at < begun),
                "{what}: {:?}",
                decoder.asked
            );
            assert!(decoder.empty > 0, "{what}: what came late was left out");
        }
    }
}

#[test]
fn a_publisher_that_stops_its_largest_size_is_followed() {
    let mut world = call(6, false);
    world.run(Duration::from_secs(8));
    world.client("aoi").svc_camera.as_mut().unwrap().sizes = 2;
    world.run(Duration::from_secs(5));
    let (heights, rate) = shown(&mut world, "ren", 4000 * MS);
    assert!(heights == [270] && rate > 29.0, "{heights:?} {rate}");
    // It is there again with the next key frame.
    let camera = world.client("aoi").svc_camera.as_mut().unwrap();
    camera.sizes = 3;
    camera.restart();
    world.run(Duration::from_secs(5));
    assert_eq!(shown(&mut world, "ren", 2000 * MS).0, [540]);
}
