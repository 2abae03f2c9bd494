//! Leaving, being silent, closing: told to whom it concerns, once, and places are used again.

use std::time::Duration;

use media_server::core::Request;
use protocol::control::{AnswerBody, OutReason};
use protocol::grants::MediaSource::{Camera, Microphone};

use crate::sim::{MS, SIGNALING, World, room};

fn out(world: &World, who: &str) -> Vec<OutReason> {
    let reasons = world.events().filter_map(|body| match body {
        AnswerBody::Out {
            participant, reason, ..
        } if participant.as_str() == who => Some(*reason),
        _ => None,
    });
    reasons.collect()
}

fn left(world: &World, told: &str) -> Vec<String> {
    let who = world.events().filter_map(|body| match body {
        AnswerBody::Left { participant, who, .. } if participant.as_str() == told => Some(who.to_string()),
        _ => None,
    });
    who.collect()
}

#[test]
fn the_others_hear_of_it_and_its_sections_serve_the_next() {
    let mut world = World::new(30);
    world.enter("aoi", &[Camera, Microphone]);
    world.enter("ren", &[]);
    world.run(Duration::from_secs(1));
    let sections = |world: &mut World| -> Vec<String> {
        let mut mids: Vec<String> = world.client("ren").tracks.iter().map(|it| it.mid.clone()).collect();
        mids.sort();
        mids
    };
    let before = sections(&mut world);
    assert_eq!(before.len(), 2);
    let video = world
        .client("ren")
        .tracks
        .iter()
        .find(|it| it.source == Camera)
        .unwrap()
        .mid
        .clone();

    assert_eq!(world.leave("aoi"), AnswerBody::Ok);
    assert_eq!(out(&world, "aoi"), [OutReason::Left]);
    assert_eq!(left(&world, "ren"), ["aoi"]);
    assert!(sections(&mut world).is_empty(), "nothing is live in the next offer");
    world.run(100 * MS);
    assert!(
        world.client("aoi").up.as_ref().unwrap().closed,
        "its connection is told"
    );

    world.enter("yui", &[Camera, Microphone]);
    world.run(Duration::from_secs(2));
    assert_eq!(sections(&mut world), before, "the same sections again");
    let now_shows = world
        .client("ren")
        .tracks
        .iter()
        .find(|it| it.source == Camera)
        .unwrap();
    assert_eq!(
        (now_shows.mid.as_str(), now_shows.participant.as_str()),
        (video.as_str(), "yui")
    );
    let got = world.client("ren").got("yui", Camera);
    let seqs: Vec<u64> = got.packets.keys().copied().collect();
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "one sequence");
    let contents: Vec<_> = got.packets.values().collect();
    let change = contents
        .windows(2)
        .position(|pair| pair[1].counter < pair[0].counter)
        .unwrap();
    let (last, first) = (contents[change], contents[change + 1]);
    assert!(first.is_key && contents.len() > change + 100);
    assert!(first.time.wrapping_sub(last.time) < 90_000, "time goes on");
}

#[test]
fn what_changes_while_an_offer_waits_goes_into_the_next() {
    let mut world = World::new(31);
    world.enter("ren", &[]);
    world.client("ren").answers = false;
    world.enter("aoi", &[Camera]);
    world.enter("yui", &[Camera]);
    world.enter("mio", &[Camera]);
    world.leave("aoi");
    assert_eq!(world.client("ren").offers.len(), 1, "one offer at a time");
    // The offer that waits is repeated to whom re-joins; then the answer brings the next.
    world.client("ren").answers = true;
    let grant = World::grant("ren", &[]);
    world.join_again(SIGNALING, grant, true);
    world.run(Duration::from_secs(1));
    let offers: Vec<(u32, Vec<String>)> = world.client("ren").offers[1..]
        .iter()
        .map(|(revision, tracks)| (*revision, tracks.iter().map(|it| it.participant.to_string()).collect()))
        .collect();
    let names = |names: &[&str]| names.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
    assert_eq!(offers, [(1, names(&["aoi"])), (2, names(&["yui", "mio"]))]);
    for from in ["yui", "mio"] {
        assert!(world.client("ren").got(from, Camera).assert_whole() > 30, "{from}");
    }
}

#[test]
fn the_silent_are_out_and_the_others_are_told() {
    let mut world = World::new(32);
    world.enter("aoi", &[Camera]);
    world.enter("ren", &[]);
    world.run(Duration::from_secs(2));
    // Its network is gone: no goodbye.
    let client = world.client("aoi");
    (client.up, client.down) = (None, None);
    client.encoders.clear();
    world.run(Duration::from_secs(18));
    assert!(out(&world, "aoi").is_empty(), "not yet");
    world.run(Duration::from_secs(4));
    assert_eq!(out(&world, "aoi"), [OutReason::Silent]);
    assert_eq!(left(&world, "ren"), ["aoi"]);
    assert!(out(&world, "ren").is_empty(), "who listens isn't silent");
    world.run(Duration::from_secs(30));
    assert!(out(&world, "ren").is_empty());
}

#[test]
fn leaving_and_closing_twice_is_as_good_as_once() {
    let mut world = World::new(33);
    world.enter("aoi", &[Camera]);
    world.enter("ren", &[Camera]);
    world.run(Duration::from_secs(1));
    assert_eq!(world.leave("nobody"), AnswerBody::Ok);
    for _ in 0..2 {
        assert_eq!(world.leave("ren"), AnswerBody::Ok);
    }
    assert_eq!(out(&world, "ren").len(), 1);
    for _ in 0..2 {
        assert_eq!(
            world.ask(SIGNALING, Request::CloseRoom { room: room() }),
            AnswerBody::Ok
        );
    }
    assert_eq!(out(&world, "aoi"), [OutReason::RoomClosed]);
    let counters = world.sfu.counters();
    assert_eq!((counters.rooms, counters.participants, counters.tracks), (0, 0, 0));
    world.run(Duration::from_secs(60));
    assert_eq!(world.sfu.next_timeout(), None, "nothing is left to wake");
}

#[test]
fn a_page_that_was_closed_and_comes_back_begins_anew() {
    let mut world = World::new(34);
    world.enter("aoi", &[Camera]);
    world.enter("ren", &[Camera]);
    world.run(Duration::from_secs(1));
    world.client("ren").hang_up();
    world.run_until("the track is taken away", Duration::from_secs(1), |world| {
        world.client("aoi").tracks.is_empty()
    });
    let client = world.client("ren");
    (client.up, client.down) = (None, None);
    let joined = world.join_with(World::grant("ren", &[Camera]));
    assert!(matches!(joined, AnswerBody::Joined { fresh: true, .. }), "{joined:?}");
    world.publish("ren", &[Camera]).expect("published");
    world.run(Duration::from_secs(2));
    for (to, from) in [("aoi", "ren"), ("ren", "aoi")] {
        assert!(!world.client(to).got(from, Camera).packets.is_empty(), "{to}");
    }
    assert!(out(&world, "ren").is_empty());
}

#[test]
fn a_new_page_takes_the_place_of_the_old_one_without_a_goodbye() {
    let mut world = World::new(36);
    world.enter("aoi", &[Camera]);
    world.enter("ren", &[Camera]);
    world.run(Duration::from_secs(1));
    // The page is gone without a word; the node still holds its connections.
    let client = world.client("ren");
    (client.up, client.down) = (None, None);
    client.encoders.clear();
    let joined = world.join_with(World::grant("ren", &[Camera]));
    assert!(matches!(joined, AnswerBody::Joined { fresh: true, .. }), "{joined:?}");
    assert!(world.client("aoi").tracks.is_empty(), "its old tracks are taken away");
    world.publish("ren", &[Camera]).expect("published");
    world.run(Duration::from_secs(2));
    for (to, from) in [("aoi", "ren"), ("ren", "aoi")] {
        assert!(!world.client(to).got(from, Camera).packets.is_empty(), "{to}");
    }
    assert!(left(&world, "aoi").is_empty(), "it never left");
    assert_eq!(world.sfu.counters().participants, 2);
}

#[test]
fn publishing_again_by_a_new_connection_goes_on_in_the_same_sections() {
    let mut world = World::new(35);
    world.enter("aoi", &[Camera]);
    world.enter("ren", &[]);
    world.run(Duration::from_secs(2));
    let count = world.client("ren").got("aoi", Camera).packets.len();
    world.publish("aoi", &[Camera]).expect("published");
    world.run(Duration::from_secs(2));
    assert_eq!(world.client("ren").offers.len(), 1, "nothing is negotiated again");
    let got = world.client("ren").got("aoi", Camera);
    assert!(got.packets.len() > count + 100);
    let seqs: Vec<u64> = got.packets.keys().copied().collect();
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "one sequence");
    let back = got.packets.values().nth(count).unwrap();
    assert!(back.is_key && back.counter == 0, "{back:?}");
}
