//! A simulated subscriber behind a simulated link, for this module's tests.
//!
//! Invariant: one seed, one course. The sender does what the estimator says: frames at its rate, a voice beside them, lost
//! voice packets once more, and its probes; the receiver reports what it got as a browser does.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{Arrival, Estimator, Probe};

/// The simulation's step, microseconds.
const STEP_US: i64 = 1_000;
const VOICE_EVERY_US: i64 = 20_000;
const VOICE_BYTES: usize = 100;
const VOICE_BPS: u64 = 40_000;
const FRAME_EVERY_US: i64 = 33_000;
const SPREAD_US: i64 = 20_000;
const PACKET_BYTES: usize = 1_100;
const BEGIN_BPS: u64 = 300_000;

/// How the video follows the estimate.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Video {
    /// None: a voice alone.
    None,
    /// An encoder that fills the estimate up to this many bits a second.
    Elastic(u64),
    /// The best of these layers that fits, bits a second, least first; none when none fits.
    Layers(Vec<u64>),
}

/// The link's behaviour. May be changed while it runs.
#[derive(Debug, Clone)]
pub(super) struct Link {
    /// What the bottleneck carries, bits a second; 0: nothing comes through.
    pub(super) bps: u64,
    /// The longest queue before it, milliseconds; what would wait longer is dropped.
    pub(super) queue_ms: u64,
    /// The way without the queue, one direction, microseconds.
    pub(super) delay_us: i64,
    /// The share lost by chance, each way.
    pub(super) loss: f64,
    /// The most that a packet is late by chance, microseconds.
    pub(super) jitter_us: i64,
    /// Late packets are overtaken.
    pub(super) reorders: bool,
    /// What others send through the same bottleneck, bits a second.
    pub(super) cross_bps: u64,
    /// How often the receiver reports, microseconds.
    pub(super) feedback_every_us: i64,
}

impl Default for Link {
    fn default() -> Self {
        Self {
            bps: 2_000_000,
            queue_ms: 200,
            delay_us: 20_000,
            loss: 0.0,
            jitter_us: 0,
            reorders: false,
            cross_bps: 0,
            feedback_every_us: 70_000,
        }
    }
}

/// A packet in the bottleneck's queue.
#[derive(Debug, Clone, Copy)]
struct Queued {
    /// None: somebody else's.
    seq: Option<u64>,
    bytes: usize,
    came_us: i64,
}

/// What was seen in one tenth of a second.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sight {
    pub(super) at_ms: i64,
    pub(super) estimate_bps: u64,
    /// What came through of ours, bits a second.
    pub(super) came_bps: u64,
    /// The time the newest packet will have waited, milliseconds.
    pub(super) queue_ms: f64,
}

/// Sender, link and receiver.
pub(super) struct World {
    pub(super) link: Link,
    pub(super) video: Video,
    pub(super) has_voice: bool,
    /// How many probes were asked for.
    pub(super) probes: u32,
    pub(super) estimator: Estimator,
    /// What was seen every 100 ms.
    pub(super) sights: Vec<Sight>,
    /// When voice came (its place in the talk, milliseconds), in order of arrival.
    voice_came_us: Vec<i64>,
    origin: Instant,
    now_us: i64,
    random: u64,
    queue: VecDeque<Queued>,
    /// Bits that the bottleneck has carried of the first in the queue.
    carried_bits: f64,
    cross_bits: f64,
    next_seq: u64,
    next_voice_us: i64,
    next_frame_us: i64,
    frame_rest: f64,
    /// Packets of the present frame that have not left: when, and their bytes.
    frame: VecDeque<(i64, usize)>,
    probe: Option<(Probe, i64)>,
    /// Sequence numbers of voice.
    voice: VecDeque<u64>,
    flying: Vec<(i64, u64, usize)>,
    came: Vec<(u64, i64)>,
    told_until: u64,
    next_feedback_us: i64,
    feedback: VecDeque<(i64, Vec<Arrival>)>,
    came_bytes: usize,
    last_came_us: i64,
}

impl World {
    pub(super) fn new(seed: u64, link: Link, video: Video) -> Self {
        let origin = Instant::now();
        let mut world = Self {
            link,
            has_voice: true,
            probes: 0,
            estimator: Estimator::new(BEGIN_BPS, origin),
            sights: Vec::new(),
            voice_came_us: Vec::new(),
            origin,
            now_us: 0,
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            queue: VecDeque::new(),
            carried_bits: 0.0,
            cross_bits: 0.0,
            next_seq: 0,
            next_voice_us: 0,
            next_frame_us: 7_000,
            frame_rest: 0.0,
            frame: VecDeque::new(),
            probe: None,
            voice: VecDeque::new(),
            flying: Vec::new(),
            came: Vec::new(),
            told_until: 0,
            next_feedback_us: 0,
            feedback: VecDeque::new(),
            came_bytes: 0,
            last_came_us: 0,
            video: Video::None,
        };
        world.want(video);
        // Where frames, voice and reports begin is the seed's too.
        world.chance();
        world.next_frame_us = (world.chance() * FRAME_EVERY_US as f64) as i64;
        world.next_voice_us = (world.chance() * VOICE_EVERY_US as f64) as i64;
        world.next_feedback_us = (world.chance() * world.link.feedback_every_us as f64) as i64;
        world
    }

    /// What the subscriber wants from now on.
    pub(super) fn want(&mut self, video: Video) {
        let video_bps = match &video {
            Video::None => 0,
            Video::Elastic(bps) => *bps,
            Video::Layers(layers) => layers.last().copied().unwrap_or(0),
        };
        self.video = video;
        self.estimator.want(video_bps + VOICE_BPS, self.now());
    }

    pub(super) fn now(&self) -> Instant {
        self.origin + Duration::from_micros(self.now_us.unsigned_abs())
    }

    fn chance(&mut self) -> f64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        (self.random >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Lets `seconds` pass.
    pub(super) fn run(&mut self, seconds: f64) {
        for _ in 0..(seconds * 1e6) as i64 / STEP_US {
            self.send();
            self.carry();
            self.receive();
            self.hear();
            if self.now_us % 100_000 == 0 {
                self.look();
            }
            self.now_us += STEP_US;
        }
    }

    fn look(&mut self) {
        let queued_bits: f64 = self.queue.iter().map(|packet| packet.bytes as f64 * 8.0).sum();
        self.sights.push(Sight {
            at_ms: self.now_us / 1000,
            estimate_bps: self.estimator.estimate_bps(),
            came_bps: self.came_bytes as u64 * 80,
            queue_ms: queued_bits * 1e3 / self.link.bps.max(1) as f64,
        });
        self.came_bytes = 0;
    }

    fn send(&mut self) {
        let now = self.now();
        if self.estimator.next_timeout().is_some_and(|at| at <= now) {
            self.estimator.tick(now);
            self.begin_probe();
            let next = self.estimator.next_timeout();
            assert!(next.is_none_or(|at| at > now), "a caller that waits would not rest");
        }
        if self.now_us >= self.next_voice_us {
            self.next_voice_us += VOICE_EVERY_US;
            if self.has_voice {
                self.send_voice();
            }
        }
        if self.now_us >= self.next_frame_us {
            self.next_frame_us += FRAME_EVERY_US;
            self.send_frame();
        }
        while let Some((_, bytes)) = self.frame.pop_front_if(|(at_us, _)| *at_us <= self.now_us) {
            self.leave(bytes, None);
        }
        self.send_probe();
        self.cross_bits += self.link.cross_bps as f64 * STEP_US as f64 / 1e6;
        // Others come in bursts too.
        if self.cross_bits > PACKET_BYTES as f64 * 16.0 {
            for _ in 0..2 {
                self.enqueue(None, PACKET_BYTES);
            }
            self.cross_bits -= PACKET_BYTES as f64 * 16.0;
        }
    }

    fn begin_probe(&mut self) {
        if self.probe.is_none() {
            let now = self.now();
            self.probe = self
                .estimator
                .take_probe(now)
                .map(|probe| (probe, self.now_us + STEP_US));
            self.probes += u32::from(self.probe.is_some());
        }
    }

    fn send_voice(&mut self) {
        let seq = self.leave(VOICE_BYTES, None);
        self.voice.push_back(seq);
        if self.voice.len() > 500 {
            self.voice.pop_front();
        }
    }

    fn send_frame(&mut self) {
        let room_bps = self.estimator.estimate_bps().saturating_sub(VOICE_BPS);
        let bps = match &self.video {
            Video::None => 0,
            Video::Elastic(most) => room_bps.min(*most),
            Video::Layers(layers) => layers.iter().rfind(|layer| **layer <= room_bps).copied().unwrap_or(0),
        };
        // Frames differ by half from one another.
        let size = 0.75 + 0.5 * self.chance();
        self.frame_rest += size * bps as f64 / 8e6 * FRAME_EVERY_US as f64;
        let mut rest = self.frame_rest as usize;
        self.frame_rest -= rest as f64;
        let mut packets = Vec::new();
        while rest > 0 {
            let bytes = rest.clamp(1, PACKET_BYTES);
            packets.push(bytes + 20);
            rest -= bytes;
        }
        // Senders spread a frame over a part of its time.
        for (index, bytes) in packets.iter().enumerate() {
            let spread_us = SPREAD_US * index as i64 / packets.len() as i64;
            self.frame.push_back((self.now_us + spread_us, *bytes));
        }
    }

    fn send_probe(&mut self) {
        let Some((probe, began_us)) = self.probe else { return };
        let bytes = (probe.bytes / probe.packets as usize).clamp(1, PACKET_BYTES);
        let count = probe.bytes.div_ceil(bytes).max(probe.packets as usize);
        let gap_us = bytes as f64 * 8e6 / probe.bps as f64;
        for index in 0..count {
            let due_us = began_us + (index as f64 * gap_us) as i64;
            if (self.now_us..self.now_us + STEP_US).contains(&due_us) {
                self.leave(bytes, Some(probe.id));
                if index + 1 == count {
                    self.probe = None;
                }
            }
        }
    }

    fn leave(&mut self, bytes: usize, probe: Option<u32>) -> u64 {
        let seq = self.next_seq;
        self.next_seq += 1;
        let now = self.now();
        self.estimator.sent(seq, bytes, probe, now);
        self.enqueue(Some(seq), bytes);
        seq
    }

    fn enqueue(&mut self, seq: Option<u64>, bytes: usize) {
        let queued: usize = self.queue.iter().map(|packet| packet.bytes).sum();
        let most = self.link.bps as usize * self.link.queue_ms as usize / 8000;
        if queued + bytes <= most.max(PACKET_BYTES * 2) {
            self.queue.push_back(Queued {
                seq,
                bytes,
                came_us: self.now_us,
            });
        }
    }

    fn carry(&mut self) {
        let mut room_bits = self.link.bps as f64 * STEP_US as f64 / 1e6;
        let mut spent_us = 0.0;
        while let Some(packet) = self.queue.front().copied() {
            let rest_bits = packet.bytes as f64 * 8.0 - self.carried_bits;
            if rest_bits > room_bits {
                self.carried_bits += room_bits;
                return;
            }
            room_bits -= rest_bits;
            spent_us += rest_bits * 1e6 / self.link.bps as f64;
            self.carried_bits = 0.0;
            self.queue.pop_front();
            let is_lost = self.chance() < self.link.loss;
            if let Some(seq) = packet.seq.filter(|_| !is_lost) {
                let jitter_us = (self.chance() * self.link.jitter_us as f64) as i64;
                let out_us = packet.came_us.max(self.now_us + spent_us as i64);
                let mut at_us = out_us + self.link.delay_us + jitter_us;
                if !self.link.reorders {
                    at_us = at_us.max(self.last_came_us);
                }
                self.last_came_us = at_us;
                self.flying.push((at_us, seq, packet.bytes));
            }
        }
    }

    fn receive(&mut self) {
        let now_us = self.now_us;
        let (come, flying): (Vec<_>, Vec<_>) = self.flying.drain(..).partition(|(at_us, ..)| *at_us <= now_us);
        self.flying = flying;
        for (at_us, seq, bytes) in come {
            self.came_bytes += bytes;
            // The receiver's clock is another, and feedback tells it in quarters of a millisecond.
            self.came.push((seq, (at_us - 77_777_777) / 250 * 250));
            if self.voice.contains(&seq) {
                self.voice_came_us.push(at_us);
            }
        }
        if now_us >= self.next_feedback_us {
            self.next_feedback_us += self.link.feedback_every_us;
            self.report();
        }
    }

    fn report(&mut self) {
        let mut came = std::mem::take(&mut self.came);
        came.sort_unstable();
        let (Some(first), Some(last)) = (came.first().copied(), came.last().copied()) else {
            return;
        };
        let begin = self.told_until.min(first.0);
        let arrivals = (begin..=last.0)
            .map(|seq| Arrival {
                seq,
                at_us: came
                    .binary_search_by_key(&seq, |come| come.0)
                    .ok()
                    .map(|index| came[index].1),
            })
            .collect();
        self.told_until = self.told_until.max(last.0 + 1);
        if self.chance() >= self.link.loss {
            self.feedback.push_back((self.now_us + self.link.delay_us, arrivals));
        }
    }

    fn hear(&mut self) {
        while let Some((_, arrivals)) = self.feedback.pop_front_if(|(at_us, _)| *at_us <= self.now_us) {
            let now = self.now();
            let lost = self.estimator.feedback(&arrivals, now);
            self.begin_probe();
            for seq in lost {
                if self.voice.contains(&seq) {
                    self.send_voice();
                }
            }
        }
    }

    /// The mean of what `value` gives of the sights from `from_s` to `to_s`.
    pub(super) fn mean(&self, from_s: f64, to_s: f64, value: impl Fn(&Sight) -> f64) -> f64 {
        let values: Vec<f64> = self.between(from_s, to_s).map(value).collect();
        values.iter().sum::<f64>() / values.len() as f64
    }

    /// What was seen from `from_s` to `to_s`.
    pub(super) fn between(&self, from_s: f64, to_s: f64) -> impl Iterator<Item = &Sight> {
        let (from_ms, to_ms) = ((from_s * 1e3) as i64, (to_s * 1e3) as i64);
        self.sights
            .iter()
            .filter(move |sight| (from_ms..to_ms).contains(&sight.at_ms))
    }

    /// When, after `from_s`, the estimate first met the condition; seconds after it.
    pub(super) fn first(&self, from_s: f64, is_met: impl Fn(u64) -> bool) -> Option<f64> {
        self.between(from_s, f64::MAX)
            .find(|sight| is_met(sight.estimate_bps))
            .map(|sight| sight.at_ms as f64 / 1e3 - from_s)
    }

    /// The queue that is not exceeded in 95 of 100 sights, milliseconds.
    pub(super) fn queue_p95_ms(&self, from_s: f64, to_s: f64) -> f64 {
        let mut queues: Vec<f64> = self.between(from_s, to_s).map(|sight| sight.queue_ms).collect();
        queues.sort_unstable_by(f64::total_cmp);
        queues[queues.len() * 95 / 100]
    }

    /// The longest time without a voice packet between `from_s` and `to_s`, milliseconds.
    pub(super) fn voice_gap_ms(&self, from_s: f64, to_s: f64) -> f64 {
        let (from_us, to_us) = ((from_s * 1e6) as i64, (to_s * 1e6) as i64);
        let mut came: Vec<i64> = self
            .voice_came_us
            .iter()
            .copied()
            .filter(|at| (from_us..to_us).contains(at))
            .collect();
        came.sort_unstable();
        came.windows(2)
            .map(|pair| (pair[1] - pair[0]) as f64 / 1e3)
            .fold(0.0, f64::max)
    }
}
