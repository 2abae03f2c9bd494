//! What is measured, scene by scene.
//!
//! Invariant: every run has a server of its own, fresh; figures of a run are never mixed with another's.

use std::path::PathBuf;
use std::time::Duration;

use crate::bench::{Bench, Sample};
use crate::conference::{Publishes, Seat};
use crate::office::Office;

/// How many join at once: as many as a signaling instance lets in side by side.
const AT_ONCE: usize = 64;

/// Before a window opens.
const WARM_UP: Duration = Duration::from_secs(2);

/// Where a calibration wants the server to be, in per cent of its core, and what it is content with.
const BUSY_WANTED: f64 = 80.0;
const BUSY_LEAST: f64 = 72.0;
const BUSY_MOST: f64 = 90.0;

/// How long a calibration's windows are, and how many it tries.
const PROBE: Duration = Duration::from_secs(3);
const PROBES: usize = 6;

/// The load before anything is known of the server, in packets a second to forward.
const FIRST_LOAD: f64 = 30_000.0;

/// A share of lost packets above which a load is too much, in per cent.
const LOSS_MOST: f64 = 0.01;

/// Which server.
#[derive(Debug, Clone)]
pub enum Server {
    /// Ours: the program.
    Office(PathBuf),
}

impl Server {
    /// Starts one, and nobody has joined.
    ///
    /// # Errors
    /// When it can't be started.
    pub fn open(&self, feedback_every: Duration) -> anyhow::Result<Bench> {
        match self {
            Self::Office(program) => Bench::new(Box::new(Office::open(program)?), feedback_every),
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
    pub fn open(&self, server: &Server, feedback_every: Duration) -> anyhow::Result<Bench> {
        let mut bench = server.open(feedback_every)?;
        bench.join(&self.seats(), AT_ONCE)?;
        Ok(bench)
    }
}

/// Finds the load, in packets a second to forward, at which the server is as busy as it should be.
///
/// # Errors
/// When the server is gone.
pub fn calibrate(shape: &Shape, bench: &mut Bench, mut say: impl FnMut(&str)) -> anyhow::Result<f64> {
    let mut load = FIRST_LOAD;
    // What was too much, so that it isn't tried again.
    let mut ceiling = f64::INFINITY;
    for _ in 0..PROBES {
        let sample = bench.measure(shape.video_pps(load), WARM_UP / 2, PROBE)?;
        say(&format!("calibrating at {load:.0}/s: {}", sample.line()));
        if sample.loss_pct > LOSS_MOST {
            ceiling = load;
            load *= if sample.busy_pct > BUSY_MOST { 0.8 } else { 0.9 };
            continue;
        }
        if (BUSY_LEAST..=BUSY_MOST).contains(&sample.busy_pct) {
            return Ok(sample.offered_pps);
        }
        let aim = sample.offered_pps * BUSY_WANTED / sample.busy_pct.max(1.0);
        load = aim.min(load * 4.0).min(ceiling * 0.95);
    }
    Ok(load)
}

/// One run at a load: a fresh server, everybody in, and one window.
///
/// # Errors
/// When the server doesn't start or is gone.
pub fn run(shape: &Shape, server: &Server, load: f64, time: Duration, feedback: Duration) -> anyhow::Result<Sample> {
    let mut bench = shape.open(server, feedback)?;
    bench.measure(shape.video_pps(load), WARM_UP, time)
}
