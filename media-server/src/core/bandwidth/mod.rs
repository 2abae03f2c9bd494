//! The bandwidth toward one subscriber, estimated from what its transport-wide feedback says of the packets sent to it.
//!
//! Invariant: the estimate rises only upon packets that were sent and are acknowledged for the first time, and
//! never beyond what a probe has shown or a quarter above what came through; whatever the feedback contains, a receiver
//! that lies gets no more than one that truly receives all it is sent.
//!
//! After draft-ietf-rmcat-gcc-02 and draft-holmer-rmcat-transport-wide-cc-extensions-01, with what WebRTC adds in
//! practice: falling to the acknowledged throughput, and probing while the application sends less than it may.
//!
//! The parts: [`sent`] remembers packets, [`acked`] counts what came through, [`trendline`] and [`queue`] watch the
//! delay, [`loss`] the losses, [`rate`] makes the estimate of their verdicts, [`probe`] finds out whether there is more.

mod acked;
#[cfg(test)]
mod link;
mod loss;
mod probe;
mod queue;
mod rate;
mod round_trip;
mod sent;
#[cfg(test)]
mod tests;
mod trendline;

use std::time::{Duration, Instant};

pub(crate) use probe::Probe;

use acked::Acked;
use loss::{Losses, Verdict};
use probe::Prober;
use queue::Queue;
use rate::Rate;
use round_trip::RoundTrip;
use sent::{Packet, Register};
use trendline::{Trendline, Usage};

/// The throughput to which the rate falls is taken over this time, microseconds.
const FALL_WINDOW_US: i64 = 250_000;

/// The throughput above which the rate does not grow is taken over this time, microseconds.
const GROWTH_WINDOW_US: i64 = 500_000;

/// A sudden queue counts when the link carries less than this share of the rate.
const SUDDEN: f64 = 0.8;

/// How often the rate falls for a queue that does not grow, but stays.
const MOST_FALLS_ON_QUEUE: u32 = 5;

/// The rate goes no further than this above what is wanted.
const HEADROOM: f64 = 1.25;

/// A want that grows by this factor is worth a probe at once.
const MORE: f64 = 1.1;

/// The round trip while nothing is known of it, microseconds.
const UNKNOWN_ROUND_TRIP_US: i64 = 200_000;

/// How long packets may be on their way without any word of them, microseconds.
const SILENCE_US: i64 = 1_000_000;
const LONGEST_SILENCE_US: i64 = 3_000_000;

/// How long after the last feedback what it said of the queue is still true, microseconds.
const NEWS_LAST_US: i64 = 1_000_000;

/// A receiver's clock that jumps by this is another clock, microseconds.
const JUMP_US: i64 = 2_000_000;

/// One packet's fate as the receiver reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// The transport-wide sequence number, extended so that it does not wrap.
    pub seq: u64,
    /// When it came by the receiver's clock, microseconds; None: it has not come.
    pub at_us: Option<i64>,
}

/// The estimator of one subscriber.
#[derive(Debug)]
pub struct Estimator {
    /// Times inside are microseconds since then.
    origin: Instant,
    sent: Register,
    acked: Acked,
    losses: Losses,
    trendline: Trendline,
    queue: Queue,
    rate: Rate,
    prober: Prober,
    want_bps: f64,
    /// The last packet's arrival less its departure: the offset of the clocks and the way.
    offset_us: Option<i64>,
    /// How often the rate fell since the queue was last empty.
    falls_on_queue: u32,
    /// The highest sequence number that feedback has spoken of.
    last_seq: u64,
    /// When feedback last brought news, microseconds.
    last_news_us: i64,
    /// When a packet left after the last word of the receiver, microseconds.
    unanswered_since_us: Option<i64>,
    round_trip: RoundTrip,
}

/// What one feedback has brought.
#[derive(Debug, Default)]
struct News {
    has_any: bool,
    /// The link's rate while the queue grew all at once, bits a second.
    sudden_bps: Option<f64>,
    /// When the newest of the packets left, microseconds.
    newest_sent_us: Option<i64>,
}

impl Estimator {
    /// An estimator that begins with `initial_bps`, bits a second.
    pub fn new(initial_bps: u64, now: Instant) -> Self {
        Self {
            origin: now,
            sent: Register::default(),
            acked: Acked::default(),
            losses: Losses::default(),
            trendline: Trendline::default(),
            queue: Queue::default(),
            rate: Rate::new(initial_bps as f64),
            prober: Prober::default(),
            want_bps: 0.0,
            offset_us: None,
            falls_on_queue: 0,
            last_seq: 0,
            last_news_us: 0,
            unanswered_since_us: None,
            round_trip: RoundTrip::default(),
        }
    }

    /// One for another link toward the same subscriber: as new, but what is wanted is known, so the first feedback is
    /// followed by a probe.
    pub(crate) fn anew(&self, initial_bps: u64, now: Instant) -> Self {
        Self {
            want_bps: self.want_bps,
            ..Self::new(initial_bps, now)
        }
    }

    /// A packet leaves: `seq` counts up by one, `bytes` are those on the wire without IP and UDP, `probe` names the
    /// probe it belongs to.
    pub fn sent(&mut self, seq: u64, bytes: usize, probe: Option<u32>, now: Instant) {
        let now_us = self.us(now);
        self.sent.push(seq, bytes, now_us);
        if probe.is_some() {
            self.prober.sent(seq, bytes, probe);
        }
        self.unanswered_since_us.get_or_insert(now_us);
    }

    /// A transport feedback came. Gives the sequence numbers of which it is news that they have not come; they may
    /// still do.
    pub fn feedback(&mut self, arrivals: &[Arrival], now: Instant) -> Vec<u64> {
        let now_us = self.us(now);
        self.losses.advance(now_us);
        let mut lost = Vec::new();
        let mut news = News::default();
        self.presume(arrivals);
        for arrival in arrivals {
            match arrival.at_us {
                Some(at_us) => {
                    if let Some(packet) = self.sent.arrived(arrival.seq) {
                        self.arrived(arrival.seq, packet, at_us, now_us, &mut news);
                    }
                }
                None => {
                    if let Some(sent_us) = self.sent.lost(arrival.seq) {
                        self.losses.lost(sent_us);
                        lost.push(arrival.seq);
                        self.note(arrival.seq, &mut news);
                    }
                }
            }
        }
        if let Some(sent_us) = news.newest_sent_us {
            self.round_trip.bound(now_us - sent_us, now_us);
        }
        if news.has_any {
            self.unanswered_since_us = None;
            self.last_news_us = now_us;
            self.prober.feedback_works(now_us);
            self.decide(&news, now_us);
        }
        lost
    }

    /// A feedback that was lost on its way leaves a hole before this one.
    fn presume(&mut self, arrivals: &[Arrival]) {
        let first_seq = arrivals.iter().map(|arrival| arrival.seq).min();
        if let Some(first_seq) = first_seq.filter(|first_seq| *first_seq > self.last_seq) {
            let bytes = self.sent.presume(self.last_seq.saturating_add(1), first_seq);
            self.acked.presume(bytes);
        }
    }

    fn note(&mut self, seq: u64, news: &mut News) {
        news.has_any = true;
        self.last_seq = self.last_seq.max(seq);
    }

    fn arrived(&mut self, seq: u64, packet: Packet, at_us: i64, now_us: i64, news: &mut News) {
        self.note(seq, news);
        self.losses.arrived(packet.sent_us, packet.was_lost);
        news.newest_sent_us = news.newest_sent_us.max(Some(packet.sent_us));
        // Beyond this a clock is nonsense, and sums of its times could overflow.
        if at_us.unsigned_abs() > i64::MAX as u64 / 4 {
            return;
        }
        let offset_us = at_us - packet.sent_us;
        if self
            .offset_us
            .is_some_and(|last_us| (offset_us - last_us).abs() > JUMP_US)
        {
            self.acked.reset();
            self.queue.reset();
            self.trendline = Trendline::default();
            self.prober.reset(now_us);
        }
        self.offset_us = Some(offset_us);
        self.acked.arrived(packet.sent_us, at_us, packet.bytes);
        self.trendline.arrived(packet.sent_us, at_us);
        self.prober.arrived(seq, packet.sent_us, at_us, packet.bytes);
        let sudden_bps = self.queue.arrived(packet.sent_us, at_us, packet.bytes);
        if !self.prober.covers(seq) {
            news.sudden_bps = sudden_bps.or(news.sudden_bps);
        }
    }

    /// Makes a new rate of what is known now.
    fn decide(&mut self, news: &News, now_us: i64) {
        let before_bps = self.rate.bps();
        let round_trip_us = self.round_trip.us().unwrap_or(UNKNOWN_ROUND_TRIP_US);
        let falling_to_bps = self.acked.bps(FALL_WINDOW_US);
        let usage = self.usage();
        let verdict = self.losses.verdict();
        if let Some(bps) = news.sudden_bps.filter(|bps| *bps < SUDDEN * before_bps) {
            self.rate.sudden(bps, now_us);
        }
        match (usage, verdict, falling_to_bps) {
            (Usage::Over, _, Some(acked_bps)) => self.rate.overuse(acked_bps, round_trip_us, now_us),
            (_, Verdict::Collapse, Some(acked_bps)) => {
                self.rate.overuse(acked_bps, round_trip_us, now_us);
            }
            (_, Verdict::Less(share), Some(acked_bps)) => {
                self.rate.less(share, acked_bps, round_trip_us, now_us);
            }
            (Usage::Normal, ..) if self.may_grow(verdict, now_us) => {
                if let Some(acked_bps) = self.acked.bps(GROWTH_WINDOW_US) {
                    self.rate.grow(acked_bps, self.ceiling_bps(), round_trip_us, now_us);
                }
            }
            _ => self.rate.hold(now_us),
        }
        if !self.queue.is_standing() {
            self.falls_on_queue = 0;
        }
        if self.rate.bps() < before_bps {
            self.falls_on_queue += 1;
            self.prober.fell(now_us);
            self.losses.fell(now_us);
            self.trendline.fell(now_us);
        }
        self.read_probe(now_us);
    }

    /// What the delays say. Longer and longer ones are no overuse while the queue still empties between bursts: frames
    /// that become larger look like that, and so does jitter.
    fn usage(&self) -> Usage {
        match self.trendline.usage() {
            Usage::Over if !self.queue.is_standing() => Usage::Under,
            // A fall has not been enough, for the queue stays.
            Usage::Normal if self.may_fall_again() && self.queue.stays_long() && self.trendline.is_known() => {
                Usage::Over
            }
            usage => usage,
        }
    }

    /// Whether the rate fell on a queue that still stands; but not again and again, for others may keep it standing.
    fn may_fall_again(&self) -> bool {
        (1..=MOST_FALLS_ON_QUEUE).contains(&self.falls_on_queue)
    }

    /// Whether queue and losses let the rate grow. While some packets are lost it may not when losses have lately made it
    /// fall: those that remain may be its own.
    fn may_grow(&self, verdict: Verdict, now_us: i64) -> bool {
        match verdict {
            Verdict::Fine => !self.queue.is_standing(),
            Verdict::Some => !self.queue.is_standing() && !self.rate.fell_by_loss(now_us),
            _ => false,
        }
    }

    fn read_probe(&mut self, now_us: i64) {
        let Some(shown) = self.prober.shown(self.last_seq, now_us) else {
            return;
        };
        if shown.bps > self.rate.bps() {
            let bps = shown.bps.min(self.ceiling_bps());
            self.rate.lift(bps, !shown.has_passed, now_us);
        } else if !shown.has_passed {
            self.rate.correct(shown.bps, now_us);
        }
        if shown.has_passed {
            self.prober.gained(now_us);
        } else {
            self.prober.failed(now_us);
        }
    }

    /// A round trip by a receiver report (RFC 3550 §6.4.1).
    pub fn round_trip(&mut self, rtt: Duration) {
        self.round_trip.report(rtt);
    }

    /// What the subscriber's tracks would need in all at their best, bits a second; 0: nothing. The estimate does
    /// not grow far beyond.
    pub fn want(&mut self, bps: u64, now: Instant) {
        let wants_more = bps as f64 > self.want_bps * MORE;
        self.want_bps = bps as f64;
        if wants_more {
            let now_us = self.us(now);
            self.prober.hurry(now_us);
        }
    }

    /// The present estimate, bits a second.
    pub fn estimate_bps(&self) -> u64 {
        self.rate.bps() as u64
    }

    /// The round trip: reported, or at most what feedback took.
    pub(crate) fn rtt(&self) -> Option<Duration> {
        let us = self.round_trip.us()?;
        Some(Duration::from_micros(us.unsigned_abs()))
    }

    /// The share of packets lost in about the last second, 0..1.
    pub fn loss(&self) -> f64 {
        self.losses.share()
    }

    /// The next probe, when one is due: the caller sends packets named with its id at its rate until its bytes and
    /// its packets have left.
    pub(crate) fn take_probe(&mut self, now: Instant) -> Option<Probe> {
        let now_us = self.us(now);
        if !self.may_probe(now_us) {
            return None;
        }
        self.prober.take(self.rate.bps(), self.ceiling_bps(), now_us)
    }

    fn may_probe(&self, now_us: i64) -> bool {
        let path_is_calm = !self.queue.is_standing()
            && self.usage() != Usage::Over
            && matches!(self.losses.verdict(), Verdict::Fine | Verdict::Some);
        self.rate.bps() < self.want_bps && (path_is_calm || now_us >= self.last_news_us + NEWS_LAST_US)
    }

    /// When a probe may be sent, microseconds. One that the queue forbids may be sent when nothing more is heard of it:
    /// else a subscriber whose every track is paused would never be sent anything again.
    fn probe_us(&self) -> Option<i64> {
        let due_us = self.prober.due_us().filter(|_| self.rate.bps() < self.want_bps)?;
        Some(if self.may_probe(due_us) {
            due_us
        } else {
            due_us.max(self.last_news_us + NEWS_LAST_US)
        })
    }

    /// When [`tick`](Self::tick) wants to be called. [`take_probe`](Self::take_probe) should be asked after it, and
    /// after each feedback.
    pub fn next_timeout(&self) -> Option<Instant> {
        let silence_us = self.unanswered_since_us.map(|since_us| since_us + self.silence_us());
        let us = [silence_us, self.prober.give_up_us(), self.probe_us()]
            .into_iter()
            .flatten()
            .min()?;
        Some(self.origin + Duration::from_micros(us.max(0).unsigned_abs()))
    }

    /// The time of [`next_timeout`](Self::next_timeout) has come.
    pub fn tick(&mut self, now: Instant) {
        let now_us = self.us(now);
        self.losses.advance(now_us);
        self.prober.tick(now_us);
        if self.may_probe(now_us) {
            self.prober.ready(now_us);
        }
        if self
            .unanswered_since_us
            .is_some_and(|since_us| now_us - since_us >= self.silence_us())
        {
            self.rate.silence(now_us);
            self.prober.fell(now_us);
            self.unanswered_since_us = None;
        }
        self.sent.shrink(now_us);
    }

    /// How long no word is silence, microseconds.
    fn silence_us(&self) -> i64 {
        (3 * self.round_trip.us().unwrap_or(0)).clamp(SILENCE_US, LONGEST_SILENCE_US)
    }

    fn ceiling_bps(&self) -> f64 {
        self.want_bps * HEADROOM
    }

    fn us(&self, now: Instant) -> i64 {
        let us = now.saturating_duration_since(self.origin).as_micros();
        i64::try_from(us).unwrap_or(i64::MAX / 4)
    }
}
