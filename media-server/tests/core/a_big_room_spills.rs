//! Who only watches a big room is served by other workers, and sees no difference.

use std::time::Duration;

use media_server::core::{DropReason, Request};
use protocol::control::{AnswerBody, KICKED, OutReason};
use protocol::grants::MediaSource::{Camera, Microphone};
use protocol::ids::ParticipantId;

use crate::layers_follow_what_is_shown::{obey, three_layers};
use crate::sim::{MS, SIGNALING, World, room};

const WATCHERS: [&str; 5] = ["ren", "yui", "sora", "mio", "kai"];

/// Three workers; a room spills from its third participant on.
fn world(seed: u64) -> World {
    let mut world = World::with_workers(seed, 3, 2);
    world.delay = 15 * MS;
    world
}

/// How many each worker serves.
fn served(world: &World) -> Vec<u64> {
    let workers = std::iter::once(&world.sfu).chain(&world.more);
    workers.map(|sfu| sfu.counters().participants).collect()
}

#[test]
fn watchers_are_spread_over_the_workers_and_all_see_one_stream() {
    for seed in 1..4 {
        let mut world = world(seed);
        world.loss = 0.01;
        world.enter_with_camera("aoi", three_layers());
        for name in WATCHERS {
            world.enter(name, &[]);
            world.run(200 * MS);
        }
        world.run(Duration::from_secs(13));
        assert_eq!(served(&world), [2, 2, 2], "seed {seed}");
        let home = world.sfu.counters();
        assert_eq!((home.rooms, home.spilled, home.tracks), (1, 4, 2));
        assert_eq!(world.more[0].counters().rooms, 0, "a branch is no room of its own");
        assert!(home.packets_relayed > 1000);

        let (from, to) = (world.now - 3000 * MS, world.now);
        for name in WATCHERS {
            let decoder = world.client(name).decoder("aoi");
            assert_eq!(decoder.heights(from, to), [720], "seed {seed}, {name}");
            assert!(decoder.faults.is_empty(), "seed {seed}, {name}: {:?}", decoder.faults);
            assert!(decoder.longest_gap(from, to) < 250 * MS, "seed {seed}, {name}");
            let voice = world.client(name).got("aoi", Microphone);
            assert!(voice.packets.len() > 300, "seed {seed}, {name}");
        }
    }
}

#[test]
fn a_branch_asks_for_what_is_shown_there_and_for_nothing_else() {
    let mut world = world(7);
    world.enter_with_camera("aoi", three_layers());
    // One at home, one on each branch.
    for name in ["ren", "yui", "sora"] {
        world.enter(name, &[]);
    }
    world.run(Duration::from_secs(3));
    let sending = |world: &mut World| {
        let all = &world.client("aoi").camera.as_ref().unwrap().layers;
        all.iter().map(|it| it.is_active).collect::<Vec<_>>()
    };
    for name in ["ren", "yui", "sora"] {
        world.view(name, "aoi", 180);
    }
    for _ in 0..40 {
        world.run(100 * MS);
        obey(&mut world, "aoi");
    }
    assert_eq!(sending(&mut world), [true, false, false], "nobody shows more");
    // The one on the second branch wants it large: the publisher hears of it, and the others stay as they are.
    world.view("sora", "aoi", 720);
    for _ in 0..30 {
        world.run(100 * MS);
        obey(&mut world, "aoi");
    }
    assert!(sending(&mut world)[2], "a branch's watcher wants it");
    let now = world.now;
    let mut seen = |name| world.client(name).decoder("aoi").heights(now - 1000 * MS, now);
    assert_eq!(
        (seen("ren"), seen("yui"), seen("sora")),
        (vec![180], vec![180], vec![720])
    );
    for name in ["ren", "yui", "sora"] {
        let decoder = world.client(name).decoder("aoi");
        assert!(decoder.faults.is_empty(), "{name}: {:?}", decoder.faults);
    }
}

#[test]
fn what_is_muted_and_who_speaks_leaves_and_comes_is_told_everywhere() {
    let mut world = world(11);
    world.enter("aoi", &[Camera, Microphone]);
    for name in WATCHERS {
        world.enter(name, &[]);
    }
    world.run(Duration::from_secs(3));
    let told = |world: &World, whom: &str, what: fn(&AnswerBody) -> Option<&ParticipantId>| {
        let concerns = |it: &&AnswerBody| what(it).is_some_and(|it| it.as_str() == whom);
        world.events().filter(concerns).count()
    };
    for name in WATCHERS {
        let speakers = told(&world, name, |it| match it {
            AnswerBody::Speakers {
                participant, speakers, ..
            } if speakers.len() == 1 => Some(participant),
            _ => None,
        });
        assert_eq!(speakers, 1, "{name} was told who speaks");
        let quality = told(&world, name, |it| match it {
            AnswerBody::ConnectionQuality { participant, who, .. } if who.as_str() == "aoi" => Some(participant),
            _ => None,
        });
        assert!(quality >= 1, "{name} was told of the publisher's connection");
    }

    assert_eq!(world.mute("aoi", Camera, true), AnswerBody::Ok);
    let before: Vec<usize> = counts(&mut world);
    world.run(Duration::from_secs(1));
    for (name, before) in WATCHERS.iter().zip(&before) {
        let muted = told(&world, name, |it| match it {
            AnswerBody::Muted {
                participant,
                muted: true,
                ..
            } => Some(participant),
            _ => None,
        });
        assert_eq!(muted, 1, "{name} was told");
        // What was on its way still comes.
        assert!(
            world.client(name).got("aoi", Camera).packets.len() <= before + 30,
            "{name}"
        );
    }
    world.mute("aoi", Camera, false);
    let before = counts(&mut world);
    world.run(Duration::from_secs(1));
    assert!(
        counts(&mut world)
            .iter()
            .zip(before)
            .all(|(now, before)| *now > before + 50)
    );

    // The publisher goes and comes again: its tracks are others.
    world.leave("aoi");
    world.run(100 * MS);
    for name in WATCHERS {
        let left = told(&world, name, |it| match it {
            AnswerBody::Left { participant, .. } => Some(participant),
            _ => None,
        });
        assert_eq!(left, 1, "{name} was told");
    }
    world.enter("aoi", &[Camera]);
    let before = counts(&mut world);
    world.run(Duration::from_secs(3));
    assert!(
        counts(&mut world)
            .iter()
            .zip(before)
            .all(|(now, before)| *now > before + 150)
    );
}

fn counts(world: &mut World) -> Vec<usize> {
    let count = |name: &&str| world.client(name).got("aoi", Camera).packets.len();
    WATCHERS.iter().map(count).collect()
}

#[test]
fn who_leaves_falls_silent_or_is_kicked_makes_room() {
    let mut world = world(13);
    world.enter("aoi", &[Camera]);
    for name in WATCHERS {
        world.enter(name, &[]);
    }
    world.run(Duration::from_secs(2));
    assert_eq!(served(&world), [2, 2, 2]);

    // ren is at home; yui and mio are on the first branch.
    assert_eq!(world.leave("yui"), AnswerBody::Ok);
    let participant = ParticipantId::new("mio").unwrap();
    let kick = Request::Kick {
        room: room(),
        participant,
    };
    assert_eq!(world.ask(SIGNALING, kick), AnswerBody::Ok);
    let out = |world: &World, whom: &str| {
        let reasons = world.events().filter_map(|it| match it {
            AnswerBody::Out {
                participant, reason, ..
            } if participant.as_str() == whom => Some(*reason),
            _ => None,
        });
        reasons.collect::<Vec<_>>()
    };
    assert_eq!(out(&world, "yui"), [OutReason::Left]);
    assert_eq!(out(&world, "mio"), [OutReason::Kicked]);
    assert_eq!(served(&world), [2, 0, 2]);
    assert_eq!(world.sfu.counters().spilled, 2);
    let again = world.join_again(SIGNALING, World::grant("mio", &[]), false);
    assert!(matches!(again, AnswerBody::Error { ref problem } if problem.is(KICKED)));
    let before = world.sfu.counters().packets_relayed;

    // Only what the second branch needs is passed on, and nothing when nobody is there any more.
    world.client("sora").answers = false;
    world.client("kai").answers = false;
    for name in ["sora", "kai"] {
        world.client(name).up = None;
        world.client(name).down = None;
    }
    world.run(Duration::from_secs(25));
    assert_eq!(
        (out(&world, "sora"), out(&world, "kai")),
        (vec![OutReason::Silent], vec![OutReason::Silent])
    );
    assert_eq!(served(&world), [2, 0, 0]);
    assert_eq!(world.sfu.counters().spilled, 0);
    let relayed = world.sfu.counters().packets_relayed;
    assert!(relayed > before);
    world.run(Duration::from_secs(1));
    assert_eq!(world.sfu.counters().packets_relayed, relayed);

    // Who comes again is taken in as anybody.
    world.client("yui").down = None;
    let again = world.join_again(SIGNALING, World::grant("yui", &[]), false);
    assert!(matches!(again, AnswerBody::Joined { fresh: true, .. }), "{again:?}");
    world.run(Duration::from_secs(2));
    assert_eq!(served(&world), [2, 1, 0]);
    world.leave("aoi");
    world.leave("ren");
    assert_eq!(world.sfu.counters().rooms, 1, "its last participant is on a branch");
    world.leave("yui");
    assert_eq!(world.sfu.counters().rooms, 0);
}

#[test]
fn a_closed_room_is_closed_on_every_worker() {
    let mut world = world(17);
    world.enter("aoi", &[Camera]);
    for name in WATCHERS {
        world.enter(name, &[]);
    }
    world.run(Duration::from_secs(1));
    assert_eq!(
        world.ask(SIGNALING, Request::CloseRoom { room: room() }),
        AnswerBody::Ok
    );
    assert_eq!(served(&world), [0, 0, 0]);
    let closed = |it: &&AnswerBody| {
        matches!(
            it,
            AnswerBody::Out {
                reason: OutReason::RoomClosed,
                ..
            }
        )
    };
    assert_eq!(world.events().filter(closed).count(), 6);
    assert_eq!(world.sfu.counters().rooms, 0);
}

#[test]
fn who_may_publish_is_at_home_and_a_watcher_who_may_later_comes_there() {
    let mut world = world(19);
    world.enter("aoi", &[Camera]);
    for name in ["ren", "yui"] {
        world.enter(name, &[]);
    }
    world.enter("sora", &[Camera]);
    world.run(Duration::from_secs(1));
    assert_eq!(served(&world), [3, 1, 0]);
    let mut grant = World::grant("yui", &[Camera]);
    grant.encryption = world.encryption;
    world.client("yui").down = None;
    let joined = world.join_again(SIGNALING, grant, false);
    assert!(matches!(joined, AnswerBody::Joined { fresh: true, .. }), "{joined:?}");
    world.publish("yui", &[Camera]).expect("published");
    world.run(Duration::from_secs(2));
    assert_eq!(served(&world), [4, 0, 0]);
    let out = |it: &&AnswerBody| matches!(it, AnswerBody::Out { .. });
    assert_eq!(world.events().filter(out).count(), 0, "going over isn't being put out");
    assert!(world.client("ren").got("yui", Camera).packets.len() > 30);
    assert!(world.client("yui").got("aoi", Camera).packets.len() > 30);
}

#[test]
fn media_that_another_worker_has_no_time_for_costs_a_key_frame_and_nothing_else() {
    let mut world = world(23);
    world.enter_with_camera("aoi", three_layers());
    for name in ["ren", "yui"] {
        world.enter(name, &[]);
    }
    world.run(Duration::from_secs(5));
    world.loses_relayed_media = true;
    world.run(400 * MS);
    world.loses_relayed_media = false;
    assert!(world.sfu.counters().drops(DropReason::WorkerFull) > 0);
    let back = world.now;
    world.run(Duration::from_secs(4));
    let now = world.now;
    let decoder = world.client("yui").decoder("aoi");
    assert!(decoder.longest_gap(back + 1000 * MS, now) < 200 * MS);
    assert!(decoder.faults.is_empty(), "{:?}", decoder.faults);
    let ren = world.client("ren").decoder("aoi");
    assert!(
        ren.longest_gap(back - 1000 * MS, now) < 200 * MS,
        "the home's watchers didn't notice"
    );
}
