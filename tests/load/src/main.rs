//! Loads an SFU with real participants on loopback, and measures what it costs. Prints one JSON object of
//! every run's figures; `tests/bench/sfu.ts` makes the table of it.

#![forbid(unsafe_code)]

mod bench;
mod conference;
mod crowd;
mod histogram;
mod janus;
mod keys;
mod ledger;
mod link;
mod net;
mod office;
mod pacing;
mod payload;
mod process;
mod receiver;
mod rtcp;
mod rtp;
mod scenes;
mod sdp;
mod sender;
mod srtp;
mod wire;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::{Parser, ValueEnum};
use serde::Serialize;

use bench::Sample;
use crowd::Habits;
use net::Place;
use scenes::{Churn, Joins, LATENCY_LOAD, LIVESTREAM, ROOMS, SHARED_LATENCY_LOAD, Server, Shape};

/// Loads an SFU with real participants on loopback.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Our media server's program.
    #[arg(long, value_name = "FILE")]
    server: PathBuf,
    /// The servers' address; the peers have those that follow, from 256 above it on, and all of them must
    /// be the machine's own.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    at: Ipv4Addr,
    /// Measures Janus too, alternating: the program.
    #[arg(long, value_name = "FILE")]
    janus: Option<PathBuf>,
    /// Janus's network interface: not the loopback, which it doesn't use.
    #[arg(long, value_name = "NAME", default_value = "bench0")]
    janus_interface: String,
    /// Threads that Janus's handles share: for one core, one is the best. 0: a thread for each, as it ships.
    #[arg(long, default_value_t = 1)]
    janus_event_loops: usize,
    /// What is measured; again for more. Without: all but the coming and going.
    #[arg(long, value_name = "SCENE")]
    scene: Vec<Scene>,
    /// How many times.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// How long a window is, in seconds.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// How many come and go.
    #[arg(long, default_value_t = 10_000)]
    churn_joins: usize,
    /// Packets a second to forward in livestream and rooms; without: as many as keep the server busy.
    #[arg(long, value_name = "PACKETS")]
    offered: Option<f64>,
    /// Between a subscriber's reports of what came, in milliseconds.
    #[arg(long, default_value_t = 100)]
    feedback_ms: u64,
    /// The kernel takes trains of datagrams apart before they arrive, on the server's time: as a network
    /// card without segmentation would have it.
    #[arg(long)]
    no_trains: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Scene {
    /// One publisher, two hundred who watch, at a busy server.
    Livestream,
    /// Thirty conversations of four, at a busy server.
    Rooms,
    /// Both at 40,000 packets a second.
    Latency,
    /// What a packet costs with 10, 100 and 1,000 who watch.
    Growth,
    /// Five hundred come in; memory.
    Joins,
    /// Thousands come and go; memory.
    Churn,
}

/// Every run's figures.
#[derive(Debug, Default, Serialize)]
struct Figures {
    is_pinned: bool,
    feedback_ms: u64,
    takes_trains: bool,
    ours: OfServer,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<OfServer>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    growth_10: Vec<Sample>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    growth_100: Vec<Sample>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    growth_1000: Vec<Sample>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    joins: Vec<Joins>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rss_per_active_peer_kib: Vec<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    churn: Option<Churn>,
}

/// What is measured of a peer too.
#[derive(Debug, Default, Serialize)]
struct OfServer {
    name: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    livestream: Vec<Sample>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    rooms: Vec<Sample>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    latency_livestream: Vec<Sample>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    latency_rooms: Vec<Sample>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    latency_shared: Vec<Sample>,
}

/// What goes on, where it doesn't disturb the result.
fn say(words: &str) {
    eprintln!("{words}");
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    if arguments.runs == 0 || !(0.5..=3600.0).contains(&arguments.seconds) {
        bail!("--runs takes 1 or more, --seconds takes 0.5 to 3600");
    }
    let is_pinned = process::pin_self();
    let mut figures = Figures {
        is_pinned,
        feedback_ms: arguments.feedback_ms,
        takes_trains: !arguments.no_trains,
        ..Figures::default()
    };
    measure(&arguments, &mut figures)?;
    println!("{}", serde_json::to_string(&figures)?);
    Ok(())
}

fn measure(arguments: &Arguments, figures: &mut Figures) -> anyhow::Result<()> {
    let time = Duration::from_secs_f64(arguments.seconds);
    let habits = Habits {
        feedback_every: Duration::from_millis(arguments.feedback_ms),
        takes_trains: !arguments.no_trains,
        place: Place::around(arguments.at),
    };
    let wants = |scene| {
        let is_named = arguments.scene.contains(&scene);
        is_named || (arguments.scene.is_empty() && scene != Scene::Churn)
    };
    let ours = Server::Office(arguments.server.clone());
    let mut servers = vec![(ours.clone(), OfServer::named(&ours, habits)?)];
    if let Some(program) = &arguments.janus {
        let peer = Server::Janus(janus::Setup {
            program: program.clone(),
            interface: arguments.janus_interface.clone(),
            event_loops: Some(arguments.janus_event_loops).filter(|it| *it > 0),
        });
        servers.push((peer.clone(), OfServer::named(&peer, habits)?));
    }
    if wants(Scene::Livestream) {
        busy(
            "livestream",
            &LIVESTREAM,
            &mut servers,
            |it| &mut it.livestream,
            arguments,
            habits,
        )?;
    }
    if wants(Scene::Rooms) {
        busy("rooms", &ROOMS, &mut servers, |it| &mut it.rooms, arguments, habits)?;
    }
    for run in 1..=arguments.runs {
        if wants(Scene::Latency) {
            latencies(run, &mut servers, time, habits)?;
        }
        if wants(Scene::Growth) {
            for (watchers, samples) in [
                (10, &mut figures.growth_10),
                (100, &mut figures.growth_100),
                (1000, &mut figures.growth_1000),
            ] {
                let one = scenes::growth(watchers, &ours, time, habits)?;
                samples.push(told(&format!("{watchers} watch each, run {run}"), one));
            }
        }
        if wants(Scene::Joins) {
            let joins = scenes::joins(&ours, habits)?;
            say(&format!("500 join, run {run}: {joins:?}"));
            figures.joins.push(joins);
            let active = scenes::active_rss(&ours, time, habits)?;
            say(&format!("active connections, run {run}: {active:.1} KiB each"));
            figures.rss_per_active_peer_kib.push(active);
        }
    }
    if wants(Scene::Churn) {
        figures.churn = Some(scenes::churn(arguments.churn_joins, &ours, habits, say)?);
    }
    let mut servers = servers.into_iter().map(|(_, of)| of);
    figures.ours = servers.next().unwrap_or_default();
    figures.peer = servers.next();
    Ok(())
}

/// Ours at the fixed load; and where there is a peer, both in turn at what the peer can carry too.
fn latencies(run: usize, servers: &mut [(Server, OfServer)], time: Duration, habits: Habits) -> anyhow::Result<()> {
    if let Some((server, of)) = servers.first_mut() {
        let one = scenes::latency(&ROOMS, server, LATENCY_LOAD, time, habits)?;
        of.latency_rooms.push(told(&format!("latency, rooms, run {run}"), one));
        let one = scenes::latency(&LIVESTREAM, server, LATENCY_LOAD, time, habits)?;
        of.latency_livestream
            .push(told(&format!("latency, livestream, run {run}"), one));
    }
    if servers.len() > 1 {
        for (server, of) in servers {
            let one = scenes::latency(&ROOMS, server, SHARED_LATENCY_LOAD, time, habits)?;
            let what = format!("{}: latency at {SHARED_LATENCY_LOAD:.0}/s, rooms, run {run}", of.name);
            of.latency_shared.push(told(&what, one));
        }
    }
    Ok(())
}

/// Runs at loads that keep each server busy: each finds its own first, then they take turns.
fn busy(
    name: &str,
    shape: &Shape,
    servers: &mut [(Server, OfServer)],
    into: impl Fn(&mut OfServer) -> &mut Vec<Sample>,
    arguments: &Arguments,
    habits: Habits,
) -> anyhow::Result<()> {
    let mut loads = Vec::new();
    for (server, of) in servers.iter() {
        let tell = |text: &str| say(&format!("{}, {name}: {text}", of.name));
        loads.push(match arguments.offered {
            Some(load) => load,
            None => scenes::calibrate(shape, &mut shape.open(server, habits)?, tell)?,
        });
    }
    let time = Duration::from_secs_f64(arguments.seconds);
    for run in 1..=arguments.runs {
        for ((server, of), load) in servers.iter_mut().zip(&loads) {
            let sample = scenes::run(shape, server, *load, time, habits)?;
            let sample = told(&format!("{}, {name}, run {run}", of.name), sample);
            into(of).push(sample);
        }
    }
    Ok(())
}

impl OfServer {
    fn named(server: &Server, habits: Habits) -> anyhow::Result<Self> {
        let name = server.open(habits)?.conference.name();
        Ok(Self {
            name,
            ..Self::default()
        })
    }
}

fn told(what: &str, sample: Sample) -> Sample {
    say(&format!("{what}: {}", sample.line()));
    sample
}
