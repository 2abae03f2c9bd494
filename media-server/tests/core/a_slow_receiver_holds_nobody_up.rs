//! A sender goes as fast as the slowest who still takes something; who takes nothing misses messages, and the sender is
//! told which.

use std::time::Duration;

use media_server::core::DataDrop;
use protocol::data::DataAnswer;
use protocol::grants::DataGrant::ToAll;
use protocol::grants::MediaSource::Microphone;

use crate::chat::Stream;
use crate::sim::{MS, World};

fn three(seed: u64) -> World {
    let mut world = World::new(seed);
    for name in ["aoi", "ren", "yui"] {
        world.enter_talking(name, &[], ToAll);
    }
    world.run_until_talking(&["aoi", "ren", "yui"]);
    world
}

fn stream(from: &'static str, messages: usize) -> Stream {
    Stream {
        from,
        size: 8_000,
        sent: Vec::new(),
        limit: messages,
    }
}

#[test]
fn a_sender_is_held_back_by_a_narrow_link_and_nothing_is_missed() {
    let mut world = three(1);
    let rate = 200_000;
    world.toward("ren").rate_bps = Some(rate);
    let mut stream = stream("aoi", 40);
    let start = world.now;
    world.run_until("all is answered", Duration::from_secs(60), |world| {
        stream.step(world);
        world.chat("aoi").taken().len() == 40
    });
    let took = (world.now - start).as_secs_f64();
    // All but the queue has passed the narrow link by then.
    let least = (40.0 * 8_000.0 - 64.0 * 1024.0) * 8.0 / rate as f64;
    assert!(took > least, "{took} s, at least {least}");
    world.run(Duration::from_secs(6));
    assert_eq!(world.chat("ren").numbers(), stream.sent, "whole and in order");
    assert_eq!(world.chat("yui").numbers(), stream.sent);
    assert_eq!(world.sfu.counters().data.drops(DataDrop::Full), 0);
}

#[test]
fn who_takes_nothing_misses_messages_by_name_and_the_others_wait_for_at_most_some_seconds() {
    let mut world = three(2);
    world.toward("ren").is_cut = true;
    let mut stream = stream("aoi", 40);
    world.run_until("all is answered", Duration::from_secs(20), |world| {
        stream.step(world);
        world.chat("aoi").answers.len() == 40
    });
    assert_eq!(world.chat("yui").numbers(), stream.sent, "whole and in order");
    let missed = |it: &DataAnswer| match it {
        DataAnswer::Taken { number, missed, .. } if !missed.is_empty() => Some((*number, missed.clone())),
        _ => None,
    };
    let missed: Vec<_> = world
        .chat("aoi")
        .answers
        .iter()
        .filter_map(|(_, it)| missed(it))
        .collect();
    assert!(missed.len() > 25, "{missed:?}");
    assert!(missed.iter().all(|(_, who)| who.len() == 1 && who[0].as_str() == "ren"));
    assert_eq!(world.sfu.counters().data.drops(DataDrop::Full), missed.len() as u64);
    // What wasn't missed comes when the link is back.
    world.toward("ren").is_cut = false;
    world.run(Duration::from_secs(15));
    let missed: Vec<u32> = missed.into_iter().map(|(number, _)| number).collect();
    let expected: Vec<u32> = stream.sent.iter().copied().filter(|it| !missed.contains(it)).collect();
    assert_eq!(world.chat("ren").numbers(), expected);
}

#[test]
fn others_and_small_talk_go_on_beside_a_stream() {
    let mut world = World::new(3);
    for name in ["aoi", "ren", "yui"] {
        world.enter_talking(name, &[Microphone], ToAll);
    }
    world.run_until_talking(&["aoi", "ren", "yui"]);
    world.toward("ren").rate_bps = Some(300_000);
    let mut stream = stream("aoi", 60);
    let mut told = Vec::new();
    for ms in 0..5_000 {
        stream.step(&mut world);
        if ms % 100 == 0 {
            told.push(world.say("yui", "mine", Some("aoi"), b"and another thing"));
        }
        world.run(MS);
    }
    world.run(500 * MS);
    assert_eq!(
        world.chat("aoi").numbers(),
        told,
        "nobody waits for who isn't concerned"
    );
    assert_eq!(world.chat("yui").taken(), told);
    let times: Vec<_> = world.chat("yui").answers.iter().map(|(at, _)| *at).collect();
    let slowest = times.windows(2).map(|it| it[1] - it[0]).max().unwrap();
    assert!(slowest < 150 * MS, "{slowest:?}");
}

#[test]
fn a_lossy_channel_drops_the_oldest_and_says_nothing() {
    let mut world = three(4);
    world.toward("ren").rate_bps = Some(100_000);
    let mut last = 0;
    for _ in 0..150 {
        last = world.say("aoi", "lossy", None, &[9; 2_000]);
        world.run(20 * MS);
    }
    world.run(Duration::from_secs(4));
    let late = world.sfu.counters().data.drops(DataDrop::Late);
    assert!(late > 20, "{late}");
    let ren = world.chat("ren");
    assert_eq!(ren.heard.last().map(|it| it.number), Some(last), "the newest came");
    assert!(ren.heard.iter().all(|it| it.channel == "lossy"));
    assert_eq!(world.chat("yui").heard.len(), 150, "the other's link is wide");
    assert!(world.chat("aoi").answers.is_empty());
}
