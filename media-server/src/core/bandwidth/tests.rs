use super::link::{Link, Video, World};

#[test]
fn zz_show() {
    let layers = Video::Layers(vec![150_000, 500_000, 1_800_000]);
    for (name, video) in [("elastic", Video::Elastic(1_800_000)), ("layers", layers)] {
        for seed in 1..=8 {
            let mut world = World::new(seed, Link::default(), video.clone());
            world.run(20.0);
            world.link.bps = 300_000;
            world.run(30.0);
            world.link.bps = 2_000_000;
            world.run(30.0);
            println!(
                "CUT {name} {seed}: start {:?} below {:?} mean cut est {:.0} came {:.0} q95 {:.0} gap {:.0} recover {:?} after {:.0} voice gap before/after {:.0} {:.0}",
                world.first(0.0, |e| e >= 1_840_000),
                world.first(20.0, |e| e < 300_000),
                world.mean(25.0, 50.0, |s| s.estimate_bps as f64),
                world.mean(25.0, 50.0, |s| s.came_bps as f64),
                world.queue_p95_ms(25.0, 50.0),
                world.voice_gap_ms(20.0, 50.0),
                world.first(50.0, |e| e >= 1_840_000),
                world.mean(65.0, 80.0, |s| s.estimate_bps as f64),
                world.voice_gap_ms(5.0, 20.0),
                world.voice_gap_ms(50.0, 80.0)
            );
            if seed == 1 && std::env::var("TRACE").is_ok() {
                for s in world.between(0.0, 80.0) {
                    println!(
                        "{name} {} est {} came {} q {:.0}",
                        s.at_ms,
                        s.estimate_bps / 1000,
                        s.came_bps / 1000,
                        s.queue_ms
                    );
                }
            }
        }
    }
    for (name, link) in [
        (
            "1M",
            Link {
                bps: 1_000_000,
                ..Link::default()
            },
        ),
        (
            "300k",
            Link {
                bps: 300_000,
                ..Link::default()
            },
        ),
        (
            "1M q50",
            Link {
                bps: 1_000_000,
                queue_ms: 50,
                ..Link::default()
            },
        ),
        (
            "1M q1000",
            Link {
                bps: 1_000_000,
                queue_ms: 1000,
                ..Link::default()
            },
        ),
        (
            "10M",
            Link {
                bps: 10_000_000,
                ..Link::default()
            },
        ),
        (
            "1M loss5",
            Link {
                bps: 1_000_000,
                loss: 0.05,
                ..Link::default()
            },
        ),
        (
            "5M loss5",
            Link {
                bps: 5_000_000,
                loss: 0.05,
                ..Link::default()
            },
        ),
        (
            "5M loss8",
            Link {
                bps: 5_000_000,
                loss: 0.08,
                ..Link::default()
            },
        ),
        (
            "5M jit30",
            Link {
                bps: 5_000_000,
                jitter_us: 30_000,
                ..Link::default()
            },
        ),
        (
            "5M jit30r",
            Link {
                bps: 5_000_000,
                jitter_us: 30_000,
                reorders: true,
                ..Link::default()
            },
        ),
        (
            "1M jit30",
            Link {
                bps: 1_000_000,
                jitter_us: 30_000,
                ..Link::default()
            },
        ),
        (
            "2M cross1M",
            Link {
                cross_bps: 1_000_000,
                ..Link::default()
            },
        ),
        (
            "1M rtt300",
            Link {
                bps: 1_000_000,
                delay_us: 150_000,
                ..Link::default()
            },
        ),
        (
            "1M fb250",
            Link {
                bps: 1_000_000,
                feedback_every_us: 250_000,
                ..Link::default()
            },
        ),
    ] {
        for (vname, video) in [
            ("elastic", Video::Elastic(1_800_000)),
            ("layers", Video::Layers(vec![150_000, 500_000, 1_800_000])),
        ] {
            for seed in 1..=3 {
                let mut world = World::new(seed, link.clone(), video.clone());
                world.run(60.0);
                println!(
                    "{name} {vname} {seed}: start {:?} est {:.0} min {} max {} came {:.0} q95 {:.0} gap {:.0}",
                    world.first(0.0, |e| e as f64 >= 0.7 * (link.bps as f64).min(1_840_000.0)),
                    world.mean(15.0, 60.0, |s| s.estimate_bps as f64),
                    world.between(15.0, 60.0).map(|s| s.estimate_bps).min().unwrap(),
                    world.between(0.0, 60.0).map(|s| s.estimate_bps).max().unwrap(),
                    world.mean(15.0, 60.0, |s| s.came_bps as f64),
                    world.queue_p95_ms(15.0, 60.0),
                    world.voice_gap_ms(5.0, 60.0)
                );
                if seed == 1 && std::env::var("TRACE").is_ok_and(|t| t == name) {
                    for s in world.between(0.0, 60.0) {
                        println!(
                            "{vname} {} est {} came {} q {:.0}",
                            s.at_ms,
                            s.estimate_bps / 1000,
                            s.came_bps / 1000,
                            s.queue_ms
                        );
                    }
                }
            }
        }
    }
}
