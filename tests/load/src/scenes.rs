//! What is measured, scene by scene.
//!
//! Invariant: every run has a server of its own, fresh; figures of a run are never mixed with another's.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::bench::{Bench, Sample};
use crate::conference::{Publishes, Seat};
use crate::crowd::Habits;
use crate::janus::{self, Janus};
use crate::office::Office;

/// How many join at once: as many as a signaling instance lets in side by side.
const AT_ONCE: usize = 64;

/// Before a window opens.
const WARM_UP: Duration = Duration::from_secs(2);

/// How busy a calibration wants the server, in per cent of its core, and what it is content with.
const BUSY_WANTED: f64 = 84.0;
const BUSY_ENOUGH: std::ops::RangeInclusive<f64> = 78.0..=91.0;

/// How long a calibration's windows are, and how many it tries.
const PROBE: Duration = Duration::from_secs(3);
const PROBES: usize = 12;

/// Before a calibration's window opens: the subscribers' links are measured anew at every load, and until they are known
/// to carry it, pictures are held back.
const FOLLOW: Duration = Duration::from_secs(4);

/// The load before anything is known of the server, in packets a second to forward.
const FIRST_LOAD: f64 = 20_000.0;

/// A share of lost packets above which a load is too much, in per cent.
const LOSS_MOST: f64 = 0.01;

/// Which server.
#[derive(Debug, Clone)]
pub enum Server {
    /// Ours: the program.
    Office(PathBuf),
    /// Debian's Janus.
    Janus(janus::Setup),
}

impl Server {
    /// Starts one, and nobody has joined.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn open(&self, habits: Habits) -> anyhow::Result<Bench> {
        match self {
            Self::Office(program) => Bench::new(Box::new(Office::open(program, habits.place.server)?), habits),
            Self::Janus(setup) => Bench::new(Box::new(Janus::open(setup)?), habits),
        }
    }
}

/// A room full of people, many times.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    /// How many rooms.
    pub rooms: usize,
    /// Who only watches, in each.
    pub watchers: usize,
    /// Who publishes and watches the others, in each.
    pub talkers: usize,
    /// Whether there is sound.
    pub audio: bool,
}

/// One publisher, two hundred who watch.
pub const LIVESTREAM: Shape = Shape {
    rooms: 1,
    watchers: 200,
    talkers: 1,
    audio: true,
};

/// Thirty conversations of four.
pub const ROOMS: Shape = Shape {
    rooms: 30,
    watchers: 0,
    talkers: 4,
    audio: true,
};

impl Shape {
    /// Everybody, with their numbers.
    #[must_use]
    pub fn seats(&self) -> Vec<(usize, Seat)> {
        let each = self.talkers + self.watchers;
        let publishes = Publishes { audio: self.audio };
        let seats = (0..self.rooms * each).map(|who| {
            let is_talker = who % each < self.talkers;
            let seat = Seat {
                room: who / each,
                publishes: is_talker.then_some(publishes),
                subscribes: !is_talker || self.talkers > 1,
            };
            (who, seat)
        });
        seats.collect()
    }

    /// To how many each publisher's packets go.
    #[must_use]
    pub fn fan_out(&self) -> usize {
        self.watchers + self.talkers - 1
    }

    /// The rate of video at which so many packets a second are to be forwarded in all.
    #[must_use]
    pub fn video_pps(&self, forwarded: f64) -> f64 {
        let audio = if self.audio { 50.0 } else { 0.0 };
        let copies = (self.rooms * self.talkers * self.fan_out()) as f64;
        (forwarded / copies - audio).max(30.0)
    }

    /// A server with everybody in.
    ///
    /// # Errors
    /// When the server doesn't start, or somebody doesn't come in.
    pub fn open(&self, server: &Server, habits: Habits) -> anyhow::Result<Bench> {
        let mut bench = server.open(habits)?;
        bench.join(&self.seats(), AT_ONCE)?;
        Ok(bench)
    }
}

/// Finds the load, in packets a second to forward, at which the server is as busy as it should be. A server
/// has fixed costs too: how busy a load will make it is told by the last two loads, not by one.
///
/// # Errors
/// When the server is gone.
pub fn calibrate(shape: &Shape, bench: &mut Bench, mut say: impl FnMut(&str)) -> anyhow::Result<f64> {
    let mut load = FIRST_LOAD;
    let mut before: Option<(f64, f64)> = None;
    // The most that was well, and the least that was too much.
    let (mut good, mut ceiling) = (FIRST_LOAD, f64::INFINITY);
    let mut is_doubted = false;
    for _ in 0..PROBES {
        let sample = bench.measure(shape.video_pps(load), FOLLOW, PROBE)?;
        say(&format!("calibrating at {load:.0}/s: {}", sample.line()));
        let is_idle = sample.busy_pct < *BUSY_ENOUGH.start();
        if sample.loss_pct > LOSS_MOST && is_idle && !is_doubted {
            // A server with time to spare loses nothing: some link wasn't measured to its end yet.
            is_doubted = true;
            continue;
        }
        is_doubted = false;
        if sample.loss_pct > LOSS_MOST || sample.busy_pct > *BUSY_ENOUGH.end() {
            if load <= FIRST_LOAD {
                // It can't be asked for less: the sounds alone are that much.
                return Ok(load);
            }
            ceiling = ceiling.min(load);
            load = (good + ceiling) / 2.0;
            before = None;
            continue;
        }
        good = good.max(sample.offered_pps);
        if BUSY_ENOUGH.contains(&sample.busy_pct) {
            return Ok(sample.offered_pps);
        }
        let (then_offered, then_busy) = before.unwrap_or((0.0, 0.0));
        let slope = (sample.busy_pct - then_busy) / (sample.offered_pps - then_offered);
        let more = (BUSY_WANTED - sample.busy_pct) / slope.max(f64::EPSILON);
        before = Some((sample.offered_pps, sample.busy_pct));
        // Far steps are taken in the dark.
        load = sample.offered_pps + more.clamp(sample.offered_pps * 0.05, sample.offered_pps);
        if load >= ceiling {
            load = (good + ceiling) / 2.0;
        }
    }
    Ok(good)
}

/// One run at a load: a fresh server, everybody in, and one window.
///
/// # Errors
/// When the server doesn't start or is gone.
pub fn run(shape: &Shape, server: &Server, load: f64, time: Duration, habits: Habits) -> anyhow::Result<Sample> {
    let mut bench = shape.open(server, habits)?;
    bench.measure(shape.video_pps(load), FOLLOW, time)
}

/// The load at which latency is measured, in packets a second to forward.
pub const LATENCY_LOAD: f64 = 40_000.0;

/// The load at which two servers' latencies are compared: Janus carries it on one core, and the rooms have
/// a picture in each of the camera's steps.
pub const SHARED_LATENCY_LOAD: f64 = 29_000.0;

/// One run of latency: the bench doesn't sleep, so that no packet waits for it.
///
/// # Errors
/// When the server doesn't start or is gone.
pub fn latency(shape: &Shape, server: &Server, load: f64, time: Duration, habits: Habits) -> anyhow::Result<Sample> {
    let mut bench = shape.open(server, habits)?;
    bench.crowd.rest = None;
    bench.measure(shape.video_pps(load), WARM_UP, time)
}

/// How many watch in all, and how fast each publisher sends, while the cost's growth is measured.
const GROWTH_WATCHERS: usize = 1000;
const GROWTH_VIDEO_PPS: f64 = 60.0;

/// What a packet costs with so many watching each publisher; as many such rooms as make a thousand, so that
/// the server has as much to do however many watch one.
///
/// # Errors
/// When the server doesn't start or is gone.
pub fn growth(watchers: usize, server: &Server, time: Duration, habits: Habits) -> anyhow::Result<Sample> {
    let shape = Shape {
        rooms: GROWTH_WATCHERS / watchers,
        watchers,
        talkers: 1,
        audio: false,
    };
    let mut bench = shape.open(server, habits)?;
    bench.measure(GROWTH_VIDEO_PPS, WARM_UP, time)
}

/// A hundred and twenty-five conversations of four.
const FIVE_HUNDRED: Shape = Shape {
    rooms: 125,
    watchers: 0,
    talkers: 4,
    audio: true,
};

/// Before memory is looked at: what was on its way to be freed is.
const SETTLE: Duration = Duration::from_secs(2);

/// How five hundred came in, and what they cost in memory.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Joins {
    /// From the first request until the last connection stood.
    pub seconds: f64,
    /// Peer connections that stood then.
    pub connections: usize,
    /// What the server had resident before.
    pub rss_before_kib: u64,
    /// And with all in, and silent.
    pub rss_idle_kib: u64,
    /// For each connection.
    pub rss_per_idle_peer_kib: f64,
}

/// Five hundred people come in.
///
/// # Errors
/// When the server doesn't start, or somebody doesn't come in.
pub fn joins(server: &Server, habits: Habits) -> anyhow::Result<Joins> {
    let mut bench = server.open(habits)?;
    let rss_before_kib = warm(&mut bench)?;
    let taken = bench.join(&FIVE_HUNDRED.seats(), AT_ONCE)?;
    bench.pass(SETTLE)?;
    let (connections, rss_idle_kib) = (bench.connections(), bench.conference.process().rss_kib()?);
    Ok(Joins {
        seconds: taken.as_secs_f64(),
        connections,
        rss_before_kib,
        rss_idle_kib,
        rss_per_idle_peer_kib: each(rss_before_kib, rss_idle_kib, connections),
    })
}

/// What connections that carry media cost in memory: KiB for each.
///
/// # Errors
/// When the server doesn't start, or somebody doesn't come in.
pub fn active_rss(server: &Server, time: Duration, habits: Habits) -> anyhow::Result<f64> {
    let mut bench = server.open(habits)?;
    let before = warm(&mut bench)?;
    bench.join(&ROOMS.seats(), AT_ONCE)?;
    bench.crowd.send_at(ROOMS.video_pps(LATENCY_LOAD));
    bench.pass(WARM_UP + time)?;
    let after = bench.conference.process().rss_kib()?;
    Ok(each(before, after, bench.connections()))
}

/// One room comes and goes, so that what a server needs once is there. Gives the memory then.
fn warm(bench: &mut Bench) -> anyhow::Result<u64> {
    let one = Shape { rooms: 1, ..ROOMS };
    bench.join(&one.seats(), AT_ONCE)?;
    bench.crowd.send_at(one.video_pps(0.0));
    bench.pass(SETTLE)?;
    bench.crowd.hush();
    bench.leave_all()?;
    bench.pass(SETTLE)?;
    bench.conference.process().rss_kib()
}

fn each(before_kib: u64, after_kib: u64, connections: usize) -> f64 {
    (after_kib as f64 - before_kib as f64) / connections.max(1) as f64
}

/// Who comes in together while people come and go.
const CHURN: Shape = Shape {
    rooms: 8,
    watchers: 0,
    talkers: 4,
    audio: true,
};

/// How long they stay.
const STAY: Duration = Duration::from_millis(200);

/// After so many the memory is looked at for the first time.
const CHURN_FIRST: usize = 1000;

/// What coming and going did to the server's memory.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Churn {
    /// How many came and went.
    pub joins: usize,
    /// Resident after the first thousand.
    pub rss_mb_at_1000: f64,
    /// Resident at the end.
    pub rss_mb_at_end: f64,
    /// How long it took.
    pub seconds: f64,
}

/// People come, talk, and go.
///
/// # Errors
/// When the server doesn't start, or somebody doesn't come in.
pub fn churn(joins: usize, server: &Server, habits: Habits, mut say: impl FnMut(&str)) -> anyhow::Result<Churn> {
    let mut bench = server.open(habits)?;
    let begin = std::time::Instant::now();
    let (mut done, mut first) = (0, None);
    while done < joins {
        // Everybody is somebody new, in a new room.
        let seats: Vec<(usize, Seat)> = CHURN
            .seats()
            .into_iter()
            .map(|(who, seat)| {
                let room = done + seat.room;
                (done + who, Seat { room, ..seat })
            })
            .collect();
        bench.join(&seats, AT_ONCE)?;
        bench.crowd.send_at(CHURN.video_pps(0.0));
        bench.pass(STAY)?;
        bench.leave_all()?;
        done += seats.len();
        if done >= CHURN_FIRST && first.is_none() {
            bench.pass(SETTLE)?;
            first = Some(rss_mb(&bench)?);
        }
        if done.is_multiple_of(1024) {
            say(&format!("{done} came and went: {:.1} MB resident", rss_mb(&bench)?));
        }
    }
    bench.pass(SETTLE)?;
    let end = rss_mb(&bench)?;
    Ok(Churn {
        joins: done,
        rss_mb_at_1000: first.unwrap_or(end),
        rss_mb_at_end: end,
        seconds: begin.elapsed().as_secs_f64(),
    })
}

fn rss_mb(bench: &Bench) -> anyhow::Result<f64> {
    Ok(bench.conference.process().rss_kib()? as f64 / 1024.0)
}
