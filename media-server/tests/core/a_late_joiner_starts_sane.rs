//! Who comes late gets a key frame at once, numbers from the beginning, and takes nothing from the others.

use std::time::Duration;

use protocol::grants::MediaSource::Camera;

use crate::sim::{MS, World};

const KEY_FRAME_INTERVAL: Duration = Duration::from_millis(500);

#[test]
fn the_first_packet_of_a_late_joiner_begins_a_key_frame_below_the_first_wrap() {
    let mut world = World::new(2);
    world.enter("aoi", &[Camera]);
    world.enter("ren", &[]);
    // The publisher's sequence numbers wrap meanwhile.
    world.run(Duration::from_secs(5));
    assert!(world.client("aoi").encoders[0].seq > 65_536);
    let asked_before = world.client("aoi").encoders[0].key_frames_asked.len();
    world.enter("yui", &[]);
    world.run_until("a picture", 400 * MS, |world| {
        !world.client("yui").got("aoi", Camera).packets.is_empty()
    });
    world.run(Duration::from_secs(2));
    let got = world.client("yui").got("aoi", Camera);
    let (first, content) = got.packets.first_key_value().unwrap();
    assert!(content.is_key && *first < 65_536, "{first}: {content:?}");
    assert!(got.assert_whole() > 100);
    assert_eq!(world.client("aoi").encoders[0].key_frames_asked.len(), asked_before + 1);
    assert!(world.client("ren").got("aoi", Camera).assert_whole() > 500);
}

#[test]
fn a_late_joiner_gets_a_whole_picture_through_loss() {
    for seed in 20..26 {
        let mut world = World::new(seed);
        world.loss = 0.05;
        world.enter("aoi", &[Camera]);
        world.run(Duration::from_secs(2));
        world.enter("yui", &[]);
        world.run(Duration::from_secs(6));
        world.loss = 0.0;
        world.run(Duration::from_secs(2));
        let got = world.client("yui").got("aoi", Camera);
        let (begin, _) = got.packets.iter().find(|(_, it)| it.is_key).expect("a key frame");
        assert!(got.packets.range(begin..).count() > 300, "seed {seed}");
        // One that was lost and then lost again five times over is given up.
        assert!(got.missing() <= 1, "seed {seed}: {} missing", got.missing());
    }
}

#[test]
fn many_joiners_ask_the_publisher_twice_a_second_at_most() {
    let mut world = World::new(3);
    world.enter("aoi", &[Camera]);
    world.run(Duration::from_secs(1));
    for n in 0..8 {
        world.enter(&format!("guest-{n}"), &[]);
        world.run(60 * MS);
    }
    world.run(Duration::from_secs(2));
    let asked = &world.client("aoi").encoders[0].key_frames_asked;
    assert!(!asked.is_empty());
    // 1 ms for the simulation's step.
    let is_limited = asked
        .windows(2)
        .all(|pair| pair[1] - pair[0] + MS >= KEY_FRAME_INTERVAL);
    assert!(is_limited, "{asked:?}");
    for n in 0..8 {
        assert!(
            world.client(&format!("guest-{n}")).got("aoi", Camera).assert_whole() > 50,
            "guest {n}"
        );
    }
}

#[test]
fn nothing_in_the_way_to_the_first_picture_waits_for_a_timer() {
    let mut world = World::new(40);
    world.enter("aoi", &[Camera]);
    world.run(Duration::from_secs(2));
    world.enter("yui", &[]);
    // The network's own time, 10 ms each way: a check (20), DTLS (40), the key frame asked for, encoded at the
    // next 33 ms, and sent (53). What is over that is the client's own pacing.
    world.run_until("a picture", 200 * MS, |world| {
        !world.client("yui").got("aoi", Camera).packets.is_empty()
    });
}
