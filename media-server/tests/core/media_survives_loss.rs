//! Media arrives whole and in order, whatever the network loses.

use std::time::Duration;

use protocol::grants::MediaSource::{Camera, Microphone};

use crate::sim::{MS, World};

#[test]
fn two_peers_see_and_hear_each_other() {
    let mut world = World::new(1);
    world.enter("aoi", &[Camera, Microphone]);
    world.enter("ren", &[Camera, Microphone]);
    world.run(Duration::from_secs(3));
    for (to, from) in [("aoi", "ren"), ("ren", "aoi")] {
        let client = world.client(to);
        let video = client.got(from, Camera);
        assert!(video.assert_whole() > 200, "{to} sees {} packets", video.packets.len());
        assert!(video.packets.values().next().unwrap().is_key);
        let audio = client.got(from, Microphone);
        assert!(audio.assert_whole() > 120);
        let is_loud = audio.packets.values().all(|it| it.audio_level == Some(-37));
        assert!(is_loud, "the audio level goes with the packets");
    }
    let counters = world.sfu.counters();
    assert_eq!((counters.rooms, counters.participants, counters.tracks), (1, 2, 4));
}

#[test]
fn five_percent_loss_each_way_costs_no_picture() {
    for seed in 1..=4 {
        let mut world = World::new(seed);
        world.loss = 0.05;
        world.delay = 20 * MS;
        world.enter("aoi", &[Camera]);
        world.enter("ren", &[]);
        world.run(Duration::from_secs(10));
        // The last packets can only be missed when others follow them.
        world.loss = 0.0;
        world.run(Duration::from_secs(2));
        let got = world.client("ren").got("aoi", Camera);
        assert!(got.packets.len() > 900, "seed {seed}: {}", got.packets.len());
        // One that was lost and then lost again five times over is given up.
        assert!(got.missing() <= 1, "seed {seed}: {} missing", got.missing());
        let in_order = got.arrivals.windows(2).all(|pair| pair[0].1 < pair[1].1);
        assert!(!in_order, "seed {seed}: something was lost and sent again");
    }
}

#[test]
fn three_peers_in_one_room_each_get_the_other_two() {
    let mut world = World::new(9);
    world.loss = 0.02;
    for name in ["aoi", "ren", "yui"] {
        world.enter(name, &[Camera]);
    }
    world.run(Duration::from_secs(5));
    world.loss = 0.0;
    world.run(Duration::from_secs(1));
    for (to, from) in [
        ("aoi", ["ren", "yui"]),
        ("ren", ["aoi", "yui"]),
        ("yui", ["aoi", "ren"]),
    ] {
        for from in from {
            let got = world.client(to).got(from, Camera);
            assert!(got.packets.len() > 200 && got.missing() <= 1, "{to} from {from}");
        }
    }
}
