//! A server and its crowd at work: joins, and measured windows.
//!
//! Invariant: a window's figures are of packets sent in it; it closes only after what was on its way had
//! time to come.

use std::collections::{BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use anyhow::bail;
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike as _;
use serde::Serialize;

use crate::conference::{Conference, Seat, is_complete};
use crate::crowd::{Crowd, Habits};
use crate::ledger::Tally;

/// How long what is on its way may take after a window: longer than a gap is asked for.
const DRAIN: Duration = Duration::from_millis(1500);

/// How often the server's frames are looked for while media flows.
const FRAMES: Duration = Duration::from_millis(10);

/// How long a crowd may take to join before the bench gives up.
const JOIN_LIMIT: Duration = Duration::from_secs(60);

/// A server and its crowd.
pub struct Bench {
    /// The peers.
    pub crowd: Crowd,
    /// The server.
    pub conference: Box<dyn Conference>,
    next_frames: Instant,
}

/// A window's figures.
#[derive(Debug, Clone, Serialize)]
pub struct Sample {
    /// Packets that came, for each second of the server's CPU time.
    pub packets_per_core_second: f64,
    /// Packets to forward a second.
    pub offered_pps: f64,
    /// Packets of video a second that each publisher sent.
    pub video_pps_per_publisher: f64,
    /// How busy the server's core was with it.
    pub busy_pct: f64,
    /// Of that, in the kernel.
    pub kernel_pct: f64,
    /// How long the server waited while something else had its core: on a quiet machine next to nothing,
    /// and where it is much, the other figures say more of the machine than of the server. A server of
    /// several threads waits for itself too.
    pub waited_pct: f64,
    /// Packets that never came.
    pub loss_pct: f64,
    /// From a publisher's socket to a subscriber's, p50 and p99.
    pub latency_us: Latency,
    /// How busy the bench was itself.
    pub generator_busy_pct: f64,
    /// How packets are protected.
    pub srtp: &'static str,
    /// Packets that the kernel dropped before the bench read them.
    pub generator_drops: u64,
    /// Packets that the kernel dropped before the server read them.
    pub server_drops: Option<u64>,
    /// Came by being resent.
    pub recovered: u64,
    /// Came twice.
    pub duplicates: u64,
    /// Came after one that was sent later.
    pub reordered: u64,
    /// Came changed.
    pub corrupt: u64,
    /// Came though nobody was told of them.
    pub unexpected: u64,
    /// Weren't authentic.
    pub unauthentic: u64,
    /// NACK messages of the subscribers.
    pub nacks: u64,
    /// Feedback messages of the subscribers.
    pub feedback_sent: u64,
    /// Feedback messages of the server.
    pub feedback_received: u64,
}

/// Percentiles in microseconds.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct Latency {
    /// The middle.
    pub p50: f64,
    /// All but one of a hundred.
    pub p99: f64,
}

impl Bench {
    /// Nobody has joined yet.
    ///
    /// # Errors
    /// When there are no sockets.
    pub fn new(conference: Box<dyn Conference>, habits: Habits) -> anyhow::Result<Self> {
        Ok(Self {
            crowd: Crowd::new(habits)?,
            conference,
            next_frames: Instant::now(),
        })
    }

    /// Lets everybody leave.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn leave_all(&mut self) -> anyhow::Result<()> {
        let all: Vec<usize> = self.conference.members().keys().copied().collect();
        for who in all {
            self.conference.leave(&mut self.crowd, who)?;
        }
        Ok(())
    }

    /// How many connections stand.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.crowd.links().filter(|it| it.is_connected()).count()
    }

    /// One round of everything.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn turn(&mut self) -> anyhow::Result<()> {
        self.conference.poll(&mut self.crowd)?;
        self.crowd.turn()
    }

    /// Lets time pass. The server's frames are looked for now and then only.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn pass(&mut self, time: Duration) -> anyhow::Result<()> {
        let end = Instant::now() + time;
        loop {
            let now = Instant::now();
            if now >= end {
                return Ok(());
            }
            if now >= self.next_frames {
                self.next_frames = now + FRAMES;
                self.conference.poll(&mut self.crowd)?;
            }
            self.crowd.turn()?;
        }
    }

    /// Lets members join, so many at once, until all have all their connections. Gives the time it took.
    ///
    /// # Errors
    /// When the server refuses one, or it takes too long.
    pub fn join(&mut self, seats: &[(usize, Seat)], at_once: usize) -> anyhow::Result<Duration> {
        let begin = Instant::now();
        let mut waiting: VecDeque<(usize, Seat)> = seats.iter().copied().collect();
        let mut joining = BTreeSet::new();
        let mut checked = begin;
        loop {
            while let Some((who, seat)) = waiting.front().copied().filter(|_| joining.len() < at_once) {
                waiting.pop_front();
                self.conference.join(&mut self.crowd, who, seat)?;
                joining.insert(who);
            }
            self.turn()?;
            let now = Instant::now();
            if now > checked + Duration::from_millis(2) {
                checked = now;
                let Self { crowd, conference, .. } = self;
                joining.retain(|who| !is_connected(conference.as_ref(), crowd, *who));
            }
            if waiting.is_empty() && joining.is_empty() && self.are_complete(seats) {
                return Ok(begin.elapsed());
            }
            if begin.elapsed() > JOIN_LIMIT {
                let missing = seats.iter().filter(|(who, _)| !self.is_complete(*who)).count();
                bail!(
                    "{missing} of {} members didn't come in within {JOIN_LIMIT:?}",
                    seats.len()
                );
            }
        }
    }

    fn are_complete(&self, seats: &[(usize, Seat)]) -> bool {
        seats.iter().all(|(who, _)| self.is_complete(*who))
    }

    fn is_complete(&self, who: usize) -> bool {
        is_complete(self.conference.members(), &self.crowd, who)
    }

    /// Lets all publishers send, waits, and measures.
    ///
    /// # Errors
    /// When the server is gone.
    pub fn measure(&mut self, video_pps: f64, warm_up: Duration, time: Duration) -> anyhow::Result<Sample> {
        self.crowd.send_at(video_pps);
        self.pass(warm_up)?;
        let before = (self.conference.process().cpu()?, own_cpu()?, self.crowd.drops());
        let server_drops = self.conference.server_drops();
        let begin = Instant::now();
        self.crowd.open_window();
        self.pass(time)?;
        self.crowd.ledger.close_window();
        let seconds = begin.elapsed().as_secs_f64();
        let (cpu, own) = (self.conference.process().cpu()?, own_cpu()?);
        let tally = self.crowd.ledger.tally;
        self.pass(DRAIN)?;
        self.crowd.hush();
        let (expected, came) = self.crowd.window();
        let used = (cpu.total - before.0.total).as_secs_f64();
        let kernel = (cpu.kernel_ticks - before.0.kernel_ticks) as f64;
        let ticks = kernel + (cpu.user_ticks - before.0.user_ticks) as f64;
        let drops = self.conference.server_drops().zip(server_drops);
        let sample = Sample {
            packets_per_core_second: came as f64 / used,
            offered_pps: expected as f64 / seconds,
            video_pps_per_publisher: video_pps,
            busy_pct: 100.0 * used / seconds,
            kernel_pct: 100.0 * kernel / ticks.max(1.0),
            waited_pct: 100.0 * cpu.waited.saturating_sub(before.0.waited).as_secs_f64() / seconds,
            loss_pct: 100.0 * (expected.saturating_sub(came)) as f64 / (expected.max(1)) as f64,
            latency_us: self.latency(),
            generator_busy_pct: 100.0 * (own - before.1).as_secs_f64() / seconds,
            srtp: self
                .crowd
                .links()
                .find_map(crate::link::Link::profile)
                .unwrap_or("none"),
            generator_drops: self.crowd.drops() - before.2,
            server_drops: drops.map(|(after, before)| after - before),
            ..Sample::of(&tally)
        };
        Ok(sample)
    }

    fn latency(&self) -> Latency {
        let at = |p| self.crowd.ledger.latency.percentile(p).unwrap_or(0) as f64 / 1000.0;
        Latency {
            p50: at(0.5),
            p99: at(0.99),
        }
    }
}

impl Sample {
    fn of(tally: &Tally) -> Self {
        Self {
            packets_per_core_second: 0.0,
            offered_pps: 0.0,
            video_pps_per_publisher: 0.0,
            busy_pct: 0.0,
            kernel_pct: 0.0,
            waited_pct: 0.0,
            loss_pct: 0.0,
            latency_us: Latency::default(),
            generator_busy_pct: 0.0,
            srtp: "none",
            generator_drops: 0,
            server_drops: None,
            recovered: tally.recovered,
            duplicates: tally.duplicates,
            reordered: tally.reordered,
            corrupt: tally.corrupt,
            unexpected: tally.unexpected,
            unauthentic: tally.unauthentic,
            nacks: tally.nacks,
            feedback_sent: tally.feedback_sent,
            feedback_received: tally.feedback_received,
        }
    }

    /// In one line, for people.
    #[must_use]
    pub fn line(&self) -> String {
        format!(
            "{:.0} packets per core second; offered {:.0}/s, busy {:.1} % (kernel {:.0} %, waited {:.0} %), lost {:.4} %, \
             latency p50 {:.0} µs p99 {:.0} µs; generator {:.0} % busy, dropped {}, server's socket dropped {}; \
             recovered {}, duplicates {}, reordered {}, corrupt {}, unexpected {}, unauthentic {}",
            self.packets_per_core_second,
            self.offered_pps,
            self.busy_pct,
            self.kernel_pct,
            self.waited_pct,
            self.loss_pct,
            self.latency_us.p50,
            self.latency_us.p99,
            self.generator_busy_pct,
            self.generator_drops,
            self.server_drops.map_or("?".to_owned(), |it| it.to_string()),
            self.recovered,
            self.duplicates,
            self.reordered,
            self.corrupt,
            self.unexpected,
            self.unauthentic,
        )
    }
}

/// Whether a member's own connections stand, whatever others do.
fn is_connected(conference: &dyn Conference, crowd: &Crowd, who: usize) -> bool {
    let Some(member) = conference.members().get(&who) else {
        return true;
    };
    let up = member.up.and_then(|it| crowd.get(it));
    member.seat.publishes.is_none() || up.is_some_and(|it| it.is_connected())
}

/// CPU time of the bench itself.
fn own_cpu() -> anyhow::Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let us = usage.user_time().num_microseconds() + usage.system_time().num_microseconds();
    Ok(Duration::from_micros(u64::try_from(us)?))
}
