//! Each subscriber is shown the layer that its page shows, as one stream, and what nobody watches isn't sent.

use std::time::Duration;

use protocol::control::AnswerBody;
use protocol::grants::MediaSource::Camera;

use crate::camera::Layer;
use crate::sim::{MS, World};

pub fn three_layers() -> Vec<Layer> {
    vec![
        Layer::new(Some("q"), 180, 150_000),
        Layer::new(Some("h"), 360, 500_000),
        Layer::new(Some("f"), 720, 1_500_000),
    ]
}

/// What a publisher was last told to send.
fn told_layers(world: &World, whose: &str) -> Option<Vec<String>> {
    let told = world.events().filter_map(|it| match it {
        AnswerBody::Layers {
            participant,
            rids,
            source: Camera,
            ..
        } if participant.as_str() == whose => Some(rids.clone()),
        _ => None,
    });
    told.last()
}

/// Does as the publisher was told.
pub fn obey(world: &mut World, whose: &str) {
    if let Some(rids) = told_layers(world, whose) {
        for layer in &mut world.client(whose).camera.as_mut().unwrap().layers {
            layer.is_active = rids.iter().any(|it| Some(it.as_str()) == layer.rid.as_deref());
        }
    }
}

#[test]
fn the_picture_grows_and_shrinks_with_the_page_and_stays_one_stream() {
    for seed in 1..4 {
        let mut world = World::new(seed);
        world.delay = 20 * MS;
        world.toward.entry(2).or_default().loss = 0.01;
        world.enter_with_camera("aoi", three_layers());
        world.enter("ren", &[]);
        world.run(Duration::from_secs(12));
        let (start, now) = (world.start, world.now);
        let decoder = world.client("ren").decoder("aoi");
        let all = decoder.heights(start, now);
        assert_eq!(decoder.heights(now - 2000 * MS, now), [720], "seed {seed}: {all:?}");
        for (shown, expected) in [(180, 180), (400, 360), (0, 0), (720, 720)] {
            world.view("ren", "aoi", shown);
            world.run(Duration::from_secs(4));
            let now = world.now;
            let heights = world.client("ren").decoder("aoi").heights(now - 1000 * MS, now);
            let wanted: &[u16] = if expected == 0 { &[] } else { &[expected] };
            assert_eq!(heights, wanted, "seed {seed}: shown at {shown}");
        }
        let decoder = world.client("ren").decoder("aoi");
        assert!(decoder.faults.is_empty(), "seed {seed}: {:?}", decoder.faults);
    }
}

#[test]
fn layers_that_nobody_watches_are_not_asked_for_and_come_back() {
    let mut world = World::new(7);
    world.enter_with_camera("aoi", three_layers());
    world.enter("ren", &[]);
    world.run(Duration::from_secs(6));
    assert_eq!(
        told_layers(&world, "aoi").expect("told"),
        ["q", "f"],
        "the largest, and one to fall back on"
    );
    obey(&mut world, "aoi");

    world.view("ren", "aoi", 180);
    world.run(Duration::from_secs(4));
    assert_eq!(told_layers(&world, "aoi").expect("told"), ["q"]);
    obey(&mut world, "aoi");
    world.run(Duration::from_secs(2));
    let now = world.now;
    assert_eq!(world.client("ren").decoder("aoi").heights(now - 1000 * MS, now), [180]);

    // A second one shows it large: what isn't sent any more is told to come again.
    world.enter("yui", &[]);
    world.run_until("the large one again", Duration::from_secs(2), |world| {
        told_layers(world, "aoi").is_some_and(|it| it.contains(&"f".to_owned()))
    });
    obey(&mut world, "aoi");
    world.run(Duration::from_secs(8));
    let now = world.now;
    assert_eq!(world.client("yui").decoder("aoi").heights(now - 1000 * MS, now), [720]);
    assert_eq!(world.client("ren").decoder("aoi").heights(now - 1000 * MS, now), [180]);

    // And when nobody shows it at all, nothing is.
    world.view("ren", "aoi", 0);
    world.view("yui", "aoi", 0);
    world.run(Duration::from_secs(4));
    assert_eq!(told_layers(&world, "aoi").expect("told"), [] as [&str; 0]);
}

#[test]
fn key_frames_are_asked_for_twice_a_second_of_each_layer_at_most() {
    let mut world = World::new(8);
    world.enter_with_camera("aoi", three_layers());
    for n in 0..6 {
        world.enter(&format!("guest-{n}"), &[]);
        world.run(150 * MS);
        world.view(&format!("guest-{n}"), "aoi", [180, 400, 720][n % 3]);
    }
    world.run(Duration::from_secs(4));
    for layer in &world.client("aoi").camera.as_ref().unwrap().layers {
        let asked = &layer.key_frames_asked;
        let is_calm = asked.windows(2).all(|pair| pair[1] - pair[0] >= 499 * MS);
        assert!(is_calm, "{:?}", layer.rid);
    }
}
