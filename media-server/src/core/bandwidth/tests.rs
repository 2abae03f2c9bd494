//! What the estimator promises, held against the simulated link of [`super::link`]; each for several seeds.

use std::time::{Duration, Instant};

use super::link::{Link, Video, World};
use super::{Arrival, Estimator, HEADROOM};

const SEEDS: std::ops::RangeInclusive<u64> = 1..=3;

const BEST_BPS: u64 = 1_800_000;

/// What voice and the best video need.
const WANT_BPS: u64 = BEST_BPS + 40_000;

fn elastic() -> Video {
    Video::Elastic(BEST_BPS)
}

fn layers() -> Video {
    Video::Layers(vec![150_000, 500_000, BEST_BPS])
}

fn link(bps: u64) -> Link {
    Link { bps, ..Link::default() }
}

/// Runs a world for `seconds`, for each seed and both kinds of video.
fn each(link: &Link, seconds: f64, check: impl Fn(&World, &str)) {
    for seed in SEEDS {
        for video in [elastic(), layers()] {
            let name = format!("seed {seed}, {video:?}, {link:?}");
            let mut world = World::new(seed, link.clone(), video);
            world.run(seconds);
            check(&world, &name);
        }
    }
}

fn estimate(world: &World, from_s: f64, to_s: f64) -> f64 {
    world.mean(from_s, to_s, |sight| sight.estimate_bps as f64)
}

#[test]
fn it_finds_what_the_link_carries_and_keeps_the_queue_short() {
    for bps in [150_000, 300_000, 700_000, 1_000_000, 1_500_000] {
        each(&link(bps), 60.0, |world, name| {
            let share = estimate(world, 15.0, 60.0) / bps as f64;
            assert!((0.7..1.05).contains(&share), "{share} of the capacity, {name}");
            let queue_ms = world.queue_p95_ms(5.0, 60.0);
            assert!(queue_ms < 150.0, "{queue_ms} ms, {name}");
            assert!(world.voice_gap_ms(5.0, 60.0) < 200.0, "{name}");
        });
    }
}

#[test]
fn a_long_way_rare_feedback_and_odd_queues_change_little() {
    let base = link(1_000_000);
    for link in [
        Link {
            delay_us: 150_000,
            ..base.clone()
        },
        Link {
            feedback_every_us: 250_000,
            ..base.clone()
        },
        Link {
            queue_ms: 50,
            ..base.clone()
        },
        Link {
            queue_ms: 1_000,
            ..base.clone()
        },
    ] {
        each(&link, 60.0, |world, name| {
            let share = estimate(world, 15.0, 60.0) / 1e6;
            assert!((0.7..1.05).contains(&share), "{share} of the capacity, {name}");
            let round_trip_us = world.estimator.rtt().map_or(0, |rtt| rtt.as_micros() as i64);
            let way_us = 2 * link.delay_us;
            assert!(
                (way_us..way_us + 60_000).contains(&round_trip_us),
                "{round_trip_us}, {name}"
            );
        });
    }
}

#[test]
fn a_wide_link_gives_all_that_is_wanted_soon_and_no_more_is_asked_of_it() {
    each(&link(20_000_000), 30.0, |world, name| {
        let soon = world.first(0.0, |bps| bps >= WANT_BPS);
        assert!(soon.is_some_and(|seconds| seconds < 1.5), "{soon:?}, {name}");
        assert!(
            world.between(2.0, 30.0).all(|sight| sight.estimate_bps >= WANT_BPS),
            "{name}"
        );
        assert!(world.probes < 6, "{} probes, {name}", world.probes);
        let most_bps = WANT_BPS as f64 * HEADROOM;
        assert!(
            world.sights.iter().all(|sight| sight.estimate_bps as f64 <= most_bps),
            "{name}"
        );
    });
}

#[test]
fn after_a_cut_voice_goes_on_video_moves_and_when_it_ends_all_comes_back() {
    for seed in SEEDS {
        for video in [elastic(), layers()] {
            let name = format!("seed {seed}, {video:?}");
            let mut world = World::new(seed, link(2_000_000), video);
            world.run(20.0);
            world.link.bps = 300_000;
            world.run(30.0);
            world.link.bps = 2_000_000;
            world.run(20.0);
            let below = world.first(20.0, |bps| bps < 300_000);
            assert!(below.is_some_and(|seconds| seconds <= 1.0), "{below:?}, {name}");
            let share = estimate(&world, 22.0, 50.0) / 3e5;
            assert!((0.7..1.05).contains(&share), "{share} of the capacity, {name}");
            let came_bps = world.mean(22.0, 23.0, |sight| sight.came_bps as f64);
            assert!(came_bps > 150_000.0, "{came_bps} in the third second, {name}");
            let queue_ms = world.queue_p95_ms(23.0, 50.0);
            assert!(queue_ms < 150.0, "{queue_ms} ms, {name}");
            let gap_ms = world.voice_gap_ms(15.0, 70.0);
            assert!(gap_ms < 200.0, "{gap_ms} ms without voice, {name}");
            let back = world.first(50.0, |bps| bps >= WANT_BPS);
            assert!(back.is_some_and(|seconds| seconds < 15.0), "{back:?}, {name}");
        }
    }
}

#[test]
fn one_packet_in_twenty_lost_by_chance_costs_little() {
    let lossy = |bps| Link {
        loss: 0.05,
        ..link(bps)
    };
    each(&lossy(5_000_000), 60.0, |world, name| {
        let share = estimate(world, 15.0, 60.0) / WANT_BPS as f64;
        assert!(share > 0.8, "{share} of what is wanted, {name}");
    });
    each(&lossy(1_000_000), 60.0, |world, name| {
        let share = estimate(world, 15.0, 60.0) / 1e6;
        assert!((0.7..1.05).contains(&share), "{share} of the capacity, {name}");
        let lost = world.estimator.loss();
        assert!((0.0..0.2).contains(&lost), "{lost}, {name}");
    });
}

#[test]
fn a_link_without_a_queue_shows_itself_by_its_losses() {
    let policed = Link {
        queue_ms: 5,
        ..link(600_000)
    };
    for seed in SEEDS {
        let mut world = World::new(seed, policed.clone(), elastic());
        world.run(60.0);
        let share = estimate(&world, 15.0, 60.0) / 6e5;
        assert!((0.5..1.2).contains(&share), "{share} of the capacity, seed {seed}");
    }
}

#[test]
fn jitter_does_not_collapse_it() {
    for reorders in [false, true] {
        for bps in [1_000_000, 5_000_000] {
            let unrest = Link {
                jitter_us: 30_000,
                reorders,
                ..link(bps)
            };
            let best_bps = bps.min(WANT_BPS) as f64;
            each(&unrest, 60.0, |world, name| {
                let share = estimate(world, 15.0, 60.0) / best_bps;
                assert!(share > 0.7, "{share} of what could be, {name}");
                let least = world
                    .between(15.0, 60.0)
                    .map(|sight| sight.estimate_bps)
                    .min()
                    .unwrap_or(0);
                assert!(least as f64 > 0.25 * best_bps, "{least} at least, {name}");
            });
        }
    }
}

#[test]
fn beside_others_it_takes_what_is_left() {
    let shared = Link {
        cross_bps: 1_000_000,
        ..link(2_000_000)
    };
    each(&shared, 60.0, |world, name| {
        let came_bps = world.mean(15.0, 60.0, |sight| sight.came_bps as f64);
        assert!((500_000.0..1_050_000.0).contains(&came_bps), "{came_bps}, {name}");
        let queue_ms = world.queue_p95_ms(5.0, 60.0);
        assert!(queue_ms < 190.0, "{queue_ms} ms, {name}");
    });
}

#[test]
fn voice_alone_needs_no_probe_and_keeps_its_rate() {
    for seed in SEEDS {
        for bps in [60_000, 10_000_000] {
            let mut world = World::new(seed, link(bps), Video::None);
            world.run(60.0);
            assert_eq!(world.probes, 0, "seed {seed}");
            let least = world.sights.iter().map(|sight| sight.estimate_bps).min();
            assert!(least >= Some(40_000), "{least:?}, seed {seed}, {bps}");
            assert!(world.voice_gap_ms(0.0, 60.0) < 60.0, "seed {seed}");
        }
    }
}

#[test]
fn when_more_is_wanted_it_is_soon_known_whether_there_is() {
    for seed in SEEDS {
        let mut world = World::new(seed, link(10_000_000), Video::Layers(vec![150_000]));
        world.run(30.0);
        world.want(layers());
        world.run(10.0);
        let soon = world.first(30.0, |bps| bps >= WANT_BPS);
        assert!(soon.is_some_and(|seconds| seconds < 2.0), "{soon:?}, seed {seed}");
    }
}

#[test]
fn silence_lowers_the_rate_and_its_end_brings_it_back_even_without_voice() {
    for seed in SEEDS {
        for has_voice in [true, false] {
            let mut world = World::new(seed, link(10_000_000), layers());
            world.has_voice = has_voice;
            world.run(10.0);
            world.link.bps = 0;
            world.run(12.0);
            assert!(
                world.estimator.estimate_bps() < 300_000,
                "seed {seed}, voice {has_voice}"
            );
            world.link.bps = 10_000_000;
            world.run(15.0);
            let back = world.first(22.0, |bps| bps >= WANT_BPS);
            assert!(back.is_some(), "seed {seed}, voice {has_voice}");
        }
    }
}

/// A sender of 1,000 bytes every 10 ms, 800 kbit/s, that takes no probe; `report` makes what the receiver says of each
/// ten packets.
fn lied_to(mut report: impl FnMut(u64, &mut Vec<Arrival>)) -> u64 {
    let begin = Instant::now();
    let mut estimator = Estimator::new(300_000, begin);
    estimator.want(100_000_000, begin);
    let mut most_bps = 0;
    for seq in 0..6_000_u64 {
        let now = begin + Duration::from_millis(seq * 10);
        estimator.sent(seq, 1000, None, now);
        if seq % 10 == 9 {
            let mut arrivals = Vec::new();
            report(seq - 9, &mut arrivals);
            estimator.feedback(&arrivals, now + Duration::from_millis(5));
            most_bps = most_bps.max(estimator.estimate_bps());
        }
    }
    most_bps
}

#[test]
fn a_receiver_that_lies_gets_no_more_than_one_that_receives_it_all() {
    let sent_bps = 800_000.0 * 1.25 + 10_000.0;
    // All at one moment, all in the past, all ten times as fast, and the same again and again.
    let dense = lied_to(|first, arrivals| {
        arrivals.extend((first..first + 10).map(|seq| Arrival {
            seq,
            at_us: Some(seq as i64 / 10),
        }));
    });
    let backwards = lied_to(|first, arrivals| {
        arrivals.extend((first..first + 10).map(|seq| Arrival {
            seq,
            at_us: Some(-(seq as i64) * 10_000),
        }));
    });
    let fast = lied_to(|first, arrivals| {
        arrivals.extend((first..first + 10).map(|seq| Arrival {
            seq,
            at_us: Some(seq as i64 * 1_000),
        }));
    });
    let again = lied_to(|first, arrivals| {
        for _ in 0..5 {
            let from = first.saturating_sub(100);
            arrivals.extend((from..first + 10).map(|seq| Arrival {
                seq,
                at_us: Some(seq as i64 * 10_000),
            }));
        }
    });
    for (name, most_bps) in [
        ("dense", dense),
        ("backwards", backwards),
        ("fast", fast),
        ("again", again),
    ] {
        assert!(most_bps as f64 <= sent_bps, "{name}: {most_bps}");
    }
}

#[test]
fn packets_that_were_never_sent_raise_nothing() {
    let unknown = lied_to(|first, arrivals| {
        arrivals.extend((0..50).map(|index| Arrival {
            seq: first + 10 + index,
            at_us: Some(index as i64),
        }));
        arrivals.push(Arrival {
            seq: u64::MAX,
            at_us: Some(0),
        });
    });
    assert_eq!(unknown, 300_000);
}

#[test]
fn nonsense_never_panics() {
    for seed in SEEDS {
        let mut random = seed;
        let mut draw = move || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random
        };
        let begin = Instant::now();
        let mut estimator = Estimator::new(300_000, begin);
        let (mut seq, mut at_ms) = (0_u64, 0);
        for _ in 0..20_000 {
            at_ms += draw() % 30;
            let now = begin + Duration::from_millis(at_ms);
            match draw() % 8 {
                0 => {
                    let arrivals: Vec<Arrival> = (0..draw() % 40)
                        .map(|_| Arrival {
                            seq: match draw() % 4 {
                                0 => draw(),
                                _ => seq.saturating_sub(draw() % 100),
                            },
                            at_us: match draw() % 5 {
                                0 => None,
                                1 => Some(draw() as i64),
                                2 => Some(i64::MIN),
                                _ => Some(at_ms as i64 * 1000 - (draw() % 1_000_000) as i64),
                            },
                        })
                        .collect();
                    estimator.feedback(&arrivals, now);
                }
                1 => estimator.tick(now),
                2 => estimator.want(draw() % 5_000_000, now),
                3 => estimator.round_trip(Duration::from_micros(draw())),
                4 => seq += draw() % 3000,
                _ => {
                    let probe = estimator.take_probe(now).map(|probe| probe.id);
                    estimator.sent(seq, draw() as usize % 70_000, probe, now);
                    seq += 1;
                }
            }
            assert!(
                (30_000..=6_250_000).contains(&estimator.estimate_bps()),
                "{}",
                estimator.estimate_bps()
            );
            assert!((0.0..=1.0).contains(&estimator.loss()));
        }
    }
}

#[test]
fn a_subscriber_costs_little_memory() {
    let mut world = World::new(1, link(10_000_000), Video::None);
    world.run(30.0);
    let room = world.estimator.sent.room_bytes() + world.estimator.acked.room_bytes();
    let all = room + size_of::<Estimator>();
    assert!(all < 10 * 1024, "{all} bytes");
    assert!(size_of::<Estimator>() < 2 * 1024, "{}", size_of::<Estimator>());
}
