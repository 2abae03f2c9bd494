//! What a reliable channel carries arrives once it was answered, in order, through loss and while connections come back; a
//! lossy one loses what the network loses.

use std::time::Duration;

use protocol::grants::DataGrant::ToAll;
use protocol::grants::MediaSource::Microphone;

use crate::chat::Stream;
use crate::sim::{MS, SIGNALING, World};

fn two(seed: u64) -> World {
    let mut world = World::new(seed);
    world.enter_talking("aoi", &[Microphone], ToAll);
    world.enter_talking("ren", &[Microphone], ToAll);
    world.run_until_talking(&["aoi", "ren"]);
    world
}

#[test]
fn a_reliable_channel_keeps_all_and_its_order_through_loss() {
    let mut world = two(1);
    world.loss = 0.05;
    for pipe in ["aoi", "ren"] {
        world.from(pipe).jitter = 15 * MS;
        world.toward(pipe).jitter = 15 * MS;
    }
    let mut stream = Stream {
        from: "aoi",
        size: 3_000,
        sent: Vec::new(),
        limit: 200,
    };
    world.run_until("all has come", Duration::from_secs(120), |world| {
        stream.step(world);
        world.chat("ren").heard.len() == 200 && world.chat("aoi").taken().len() == 200
    });
    assert_eq!(world.chat("ren").numbers(), stream.sent);
    assert_eq!(world.chat("aoi").taken(), stream.sent);
}

#[test]
fn a_lossy_channel_loses_what_the_network_loses_and_waits_for_nothing() {
    let mut world = two(2);
    world.loss = 0.05;
    let mut said = Vec::new();
    for _ in 0..400 {
        said.push((world.now, world.say("aoi", "lossy", None, b"here, there")));
        world.run(20 * MS);
    }
    world.run(Duration::from_secs(1));
    let heard = &world.chat("ren").heard;
    // Two ways, each of which loses one of twenty.
    let share = heard.len() as f64 / 400.0;
    assert!((0.85..0.95).contains(&share), "{share}");
    let late = |number: u32, at| {
        let (said_at, _) = said.iter().find(|(_, it)| *it == number).expect("it was said");
        at - *said_at
    };
    let slowest = heard.iter().map(|it| late(it.number, it.at)).max();
    assert!(slowest.unwrap() < 60 * MS, "{slowest:?}");
}

#[test]
fn an_ice_restart_in_the_middle_loses_nothing() {
    let mut world = two(3);
    let mut sent = Vec::new();
    for n in 0..60 {
        if n == 20 {
            world.move_down("ren");
            world.restart("ren");
            world.restart_up("aoi");
        }
        sent.push(world.say("aoi", "mine", None, b"one thing after the other"));
        world.run(50 * MS);
    }
    world.run(Duration::from_secs(6));
    assert_eq!(world.chat("ren").numbers(), sent);
    assert_eq!(world.chat("aoi").taken(), sent);
}

#[test]
fn who_comes_anew_gets_what_was_said_meanwhile() {
    let mut world = two(4);
    let before = world.say("aoi", "mine", None, b"before");
    world.run(Duration::from_secs(2));
    // The page has lost everything, and the node doesn't know it yet.
    let client = world.client("ren");
    (client.up, client.down) = (None, None);
    client.encoders.clear();
    client.chat.down.clear();
    client.chat.up.clear();
    let meanwhile: Vec<u32> = (0..5).map(|_| world.say("aoi", "mine", None, b"meanwhile")).collect();
    world.run(Duration::from_secs(1));
    assert_eq!(world.chat("ren").numbers(), [before]);
    let mut grant = World::grant("ren", &[Microphone]);
    grant.data = ToAll;
    world.join_again(SIGNALING, grant, false);
    world.publish("ren", &[Microphone]).expect("published");
    world.run_until_talking(&["aoi", "ren"]);
    let after = world.say("aoi", "mine", None, b"after");
    let back = world.say("ren", "mine", None, b"I am back");
    world.run(Duration::from_secs(1));
    let expected: Vec<u32> = [before].into_iter().chain(meanwhile).chain([after]).collect();
    assert_eq!(world.chat("ren").numbers(), expected);
    assert_eq!(world.chat("aoi").numbers().last(), Some(&back));
}

#[test]
fn who_was_never_there_gets_nothing_of_before() {
    let mut world = two(5);
    world.say("aoi", "mine", None, b"between us");
    world.run(Duration::from_secs(1));
    world.enter_talking("yui", &[], ToAll);
    world.run_until_talking(&["aoi", "yui"]);
    world.run(Duration::from_secs(1));
    assert!(world.chat("yui").heard.is_empty());
}
