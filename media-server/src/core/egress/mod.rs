//! Everything that leaves toward one subscriber, and what it reports back: media, what is sent again, sender reports,
//! probes. str0m negotiated the connection; its media passes around it here, because a packet's way is short.
//!
//! Invariant: a packet leaves only when the handshake's keys and the nominated path are there; every packet with a
//! transport-wide sequence number is told to the estimator, in the order of the numbers.

pub mod feedback;
mod history;
mod losses;
mod pacer;
mod probe;
mod reports;
pub mod rtcp;
mod rtp;
mod srtp;
mod stream;

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Path;
use super::bandwidth::Estimator;
use super::clock::WallClock;
use super::engine::{Keys, Packet, Patch, Stamp};
use super::outbox::Outbox;
use feedback::FeedbackReader;
use history::Kept;
use losses::Losses;
use pacer::Pacer;
use probe::RunningProbe;
use rtp::{Head, Way, write_header};
use srtp::Srtp;
use stream::Stream;

pub(crate) use rtp::ExtensionIds;
pub(crate) use stream::StreamPlan;

/// What a link is taken for until something is known of it, in bits a second.
const FIRST_ESTIMATE_BPS: u64 = 1_000_000;

/// What another network is taken for at least.
const LEAST_ESTIMATE_BPS: u64 = FIRST_ESTIMATE_BPS / 2;

/// Between sender reports.
const REPORTS: Duration = Duration::from_secs(1);

/// Largest compound report, in bytes, unprotected.
const REPORT_BYTES: usize = 1100;

/// A link that has less than this share left, in percent, is divided anew at once.
const NARROWER_PERCENT: u64 = 90;

/// What may be sent again at once, in bytes.
const RESEND_BURST_BYTES: f64 = 32_000.0;

/// What became of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It left.
    Sent,
    /// It leaves soon.
    Waits,
    /// Too many wait already: it doesn't leave, and its stream has a gap.
    Full,
    /// There is no connection yet.
    NotReady,
    /// The other end doesn't take such a codec.
    NoCodec,
}

/// What a subscriber tells that isn't settled here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Told {
    /// The stream with this number needs a key frame.
    KeyFrame(usize),
    /// So many packets were asked for again.
    Missing(u64),
    /// So many packets are newly known as lost.
    Lost(u64),
    /// So many packets were sent again.
    Resent(u64),
}

#[derive(Debug)]
pub(crate) struct Egress {
    srtp: Option<Srtp>,
    path: Option<Path>,
    streams: Vec<Stream>,
    clock: WallClock,
    /// The last transport-wide sequence number.
    transport_seq: u64,
    /// Whether the other end reports when packets come.
    has_feedback: bool,
    estimator: Estimator,
    feedback: FeedbackReader,
    losses: Losses,
    pacer: Pacer<Waiting>,
    probe: Option<RunningProbe>,
    /// Packets sent again by the report that is being read.
    resent: u64,
    resend_credit: f64,
    resend_at: Instant,
    report_at: Instant,
    round_trip: Option<Duration>,
    /// Share of packets lost, from receiver reports: used where there is no feedback.
    reported_loss: f64,
    /// When the first feedback came, and the last one, with the estimate after it.
    measured_since: Option<Instant>,
    measured_last: Option<(Instant, u64)>,
    is_proven: bool,
    /// The estimate by which the link was divided last.
    divided_bps: u64,
    /// What is known of the link is new, and it wasn't divided by it yet.
    is_anew: bool,
    scratch: Vec<u8>,
}

#[derive(Debug)]
struct Waiting {
    stream: usize,
    packet: Arc<Packet>,
    patch: Patch,
    stamp: Stamp,
}

impl Egress {
    pub(crate) fn new(clock: WallClock, now: Instant) -> Self {
        Self {
            srtp: None,
            path: None,
            streams: Vec::new(),
            clock,
            transport_seq: 0,
            has_feedback: false,
            estimator: Estimator::new(FIRST_ESTIMATE_BPS, now),
            feedback: FeedbackReader::default(),
            losses: Losses::default(),
            pacer: Pacer::new(now),
            probe: None,
            resent: 0,
            resend_credit: RESEND_BURST_BYTES,
            resend_at: now,
            report_at: now + REPORTS,
            round_trip: None,
            reported_loss: 0.0,
            measured_since: None,
            measured_last: None,
            is_proven: false,
            divided_bps: FIRST_ESTIMATE_BPS,
            is_anew: false,
            scratch: Vec::new(),
        }
    }

    /// The handshake is done.
    pub(crate) fn unlock(&mut self, keys: &Keys) {
        if self.srtp.is_none() {
            self.srtp = Srtp::new(keys);
        }
    }

    /// The other end has chosen this path; `is_restarted`: by new ICE credentials. True: what was measured says nothing of
    /// it, and is forgotten.
    pub(crate) fn take_path(&mut self, path: Path, is_restarted: bool, now: Instant) -> bool {
        let is_other = self.path.replace(path).is_some_and(|before| before != path);
        // New credentials by the old way: it was broken, unless it carries as much as an unknown one is taken for.
        let is_worse = self.estimator.estimate_bps() < LEAST_ESTIMATE_BPS;
        let is_anew = self.has_feedback && (is_other || (is_restarted && is_worse));
        if is_anew {
            self.begin_anew_elsewhere(now);
        }
        is_anew
    }

    /// Whether it is known where to send.
    pub(crate) fn has_path(&self) -> bool {
        self.path.is_some()
    }

    /// The stream with this number, counted from 0, is negotiated (anew).
    pub(crate) fn set_stream(&mut self, number: usize, plan: StreamPlan, now: Instant) {
        if plan.ids.transport_seq.is_some() && !self.has_feedback {
            self.has_feedback = true;
            self.pacer.pace(self.estimator.estimate_bps(), now);
        }
        if self.streams.len() <= number {
            // A number in between that was never agreed on carries nothing.
            self.streams.resize_with(number + 1, Stream::default);
        }
        self.streams[number].set_plan(plan);
    }

    /// What waits to leave by this stream doesn't leave any more, and nothing of it is sent again.
    pub(crate) fn empty_stream(&mut self, number: usize) {
        self.pacer.forget(|waiting| waiting.stream == number);
        if let Some(stream) = self.streams.get_mut(number) {
            stream.history.clear();
        }
    }

    /// What waits to leave by this stream doesn't leave any more.
    pub(crate) fn drop_waiting(&mut self, number: usize) {
        self.pacer.forget(|waiting| waiting.stream == number);
    }

    /// What the link carries, in bits a second; none: nobody measures it.
    pub(crate) fn estimate_bps(&self) -> Option<u64> {
        self.has_feedback.then(|| self.estimator.estimate_bps())
    }

    /// Whether the estimate was measured: for a while already, or because something was lost.
    pub(crate) fn is_proven(&self) -> bool {
        self.is_proven
    }

    /// Whether the link is to be divided at once: it carries much less than when it was last, or is measured anew.
    pub(crate) fn is_other(&self) -> bool {
        let is_narrower = || self.estimator.estimate_bps() < self.divided_bps / 100 * NARROWER_PERCENT;
        self.has_feedback && (self.is_anew || is_narrower())
    }

    /// The link has been divided: what all tracks would take at their best, in bits a second.
    pub(crate) fn want(&mut self, bps: u64, now: Instant) {
        if self.has_feedback {
            self.estimator.want(bps, now);
            self.divided_bps = self.estimator.estimate_bps();
            self.is_anew = false;
        }
    }

    pub(crate) fn round_trip(&self) -> Option<Duration> {
        self.round_trip.or_else(|| self.estimator.rtt())
    }

    /// The share of packets lost lately, 0 to 1.
    pub(crate) fn loss(&self) -> f64 {
        if self.has_feedback {
            self.estimator.loss()
        } else {
            self.reported_loss
        }
    }

    /// Sends a packet by a stream.
    pub(crate) fn send(
        &mut self,
        number: usize,
        packet: &Arc<Packet>,
        patch: Patch,
        stamp: Stamp,
        now: Instant,
        out: &mut Outbox,
    ) -> Outcome {
        let (Some(stream), Some(_), Some(_)) = (self.streams.get_mut(number), &self.srtp, &self.path) else {
            return Outcome::NotReady;
        };
        if stream.payload_types(packet.codec).is_none() {
            // Who doesn't take repetitions gets what is new.
            return match packet.without_repetitions() {
                Some(plain) if stream.payload_types(plain.codec).is_some() => {
                    self.send(number, &Arc::new(plain), patch, stamp, now, out)
                }
                _ => Outcome::NoCodec,
            };
        }
        let bytes = packet.payload.len();
        if packet.codec.is_audio() {
            self.pacer.left(bytes);
        } else if !self.pacer.may_leave(bytes, now) {
            let waiting = Waiting {
                stream: number,
                packet: Arc::clone(packet),
                patch,
                stamp,
            };
            let waits = self.pacer.wait(waiting, bytes);
            return if waits { Outcome::Waits } else { Outcome::Full };
        }
        self.leave(number, packet, patch, stamp, now, out);
        Outcome::Sent
    }

    /// The picture waits so long for its turn that a smaller one should take its place.
    pub(crate) fn waiting_time(&self) -> Duration {
        self.pacer.delay()
    }

    /// Time went by: reports, probes, and what waited.
    pub(crate) fn tick(&mut self, now: Instant, out: &mut Outbox) {
        if self.srtp.is_none() || self.path.is_none() {
            return;
        }
        if self.has_feedback {
            self.estimator.tick(now);
            self.pacer.pace(self.estimator.estimate_bps(), now);
            self.run_probe(now, out);
        }
        while let Some(waiting) = self.pacer.take(now) {
            let Waiting {
                stream,
                packet,
                patch,
                stamp,
            } = waiting;
            self.leave(stream, &packet, patch, stamp, now, out);
        }
        if now >= self.report_at {
            self.report_at = now + REPORTS;
            self.report(now, out);
        }
    }

    /// When [`Egress::tick`] wants to be called.
    pub(crate) fn next_timeout(&self) -> Option<Instant> {
        if self.srtp.is_none() || self.path.is_none() {
            return None;
        }
        let feedback = self.has_feedback.then(|| self.estimator.next_timeout()).flatten();
        let probe = self.probe.as_ref().map(RunningProbe::next);
        let report = self.streams.iter().any(Stream::has_sent).then_some(self.report_at);
        [feedback, probe, self.pacer.next(), report].into_iter().flatten().min()
    }

    /// Writes a packet that may leave now.
    fn leave(
        &mut self,
        number: usize,
        packet: &Arc<Packet>,
        patch: Patch,
        stamp: Stamp,
        now: Instant,
        out: &mut Outbox,
    ) {
        let Some(stream) = self.streams.get_mut(number) else {
            return;
        };
        let Some((payload_type, resend_type)) = stream.payload_types(packet.codec) else {
            return;
        };
        let head = Head {
            payload_type,
            marker: stamp.marker,
            has_padding: false,
            seq: stamp.seq as u16,
            time: stamp.time,
            ssrc: stream.plan.ssrc,
        };
        let content = Content {
            packet,
            patch,
            original: None,
        };
        let is_sent = self.write(number, head, stamp.seq, content, now, out);
        let Some(stream) = self.streams.get_mut(number).filter(|_| is_sent) else {
            return;
        };
        stream.count(packet, stamp);
        if resend_type.is_some() && stream.plan.resend_ssrc.is_some() {
            stream.history.keep(Kept {
                seq: stamp.seq,
                time: stamp.time,
                marker: stamp.marker,
                packet: Arc::clone(packet),
                patch,
                sent_at: now,
                again_at: None,
            });
        }
    }

    /// Writes header, payload and tag as a datagram. False: it could not be protected.
    fn write(
        &mut self,
        number: usize,
        head: Head,
        index: u64,
        content: Content<'_>,
        now: Instant,
        out: &mut Outbox,
    ) -> bool {
        let (Some(stream), Some(srtp), Some(path)) = (self.streams.get(number), self.srtp.as_ref(), self.path) else {
            return false;
        };
        let ids = &stream.plan.ids;
        let transport_seq = ids.transport_seq.map(|_| self.transport_seq + 1);
        let way = Way {
            mid: (!stream.is_acknowledged).then_some(&*stream.plan.mid),
            transport_seq: transport_seq.map(|it| it as u16),
            send_time: self.clock.send_time(now),
            frame_number: content.patch.0.map(|it| it.0),
        };
        let (bytes, start) = out.begin();
        let header = write_header(bytes, head, ids, way, &content.packet.extensions);
        if let Some(original) = content.original {
            bytes.extend_from_slice(&original.to_be_bytes());
        }
        let payload = bytes.len();
        bytes.extend_from_slice(&content.packet.payload);
        content
            .patch
            .apply(content.packet.facts.as_ref(), &mut bytes[payload..]);
        if !srtp.protect_rtp(bytes, start, header, head.ssrc, index) {
            out.cancel(start);
            return false;
        }
        let len = bytes.len() - start;
        if let Some(seq) = transport_seq {
            if content.packet.codec.is_audio() {
                self.losses.keep_sound(seq, &bytes[start..], now);
            } else {
                self.losses.remember(seq, number, content.original.unwrap_or(head.seq));
            }
        }
        out.finish(path, start);
        self.tell_estimator(transport_seq, len, now);
        true
    }

    fn tell_estimator(&mut self, transport_seq: Option<u64>, bytes: usize, now: Instant) {
        let Some(seq) = transport_seq else { return };
        self.transport_seq = seq;
        let cluster = self.probe.as_mut().map(|probe| probe.left(bytes));
        self.estimator.sent(seq, bytes, cluster, now);
    }

    /// Sender reports and names of all streams that sent something. (RFC 3550 §6.4)
    fn report(&mut self, now: Instant, out: &mut Outbox) {
        let (Some(srtp), Some(path)) = (self.srtp.as_mut(), self.path) else {
            return;
        };
        let mut streams = self.streams.iter().peekable();
        while streams.peek().is_some() {
            let (bytes, start) = out.begin();
            while bytes.len() - start < REPORT_BYTES
                && let Some(stream) = streams.next()
            {
                stream.write_report(bytes, &self.clock, now);
            }
            if bytes.len() > start && srtp.protect_rtcp(bytes, start) {
                out.finish(path, start);
            } else {
                out.cancel(start);
            }
        }
    }
}

/// What follows a header.
#[derive(Clone, Copy)]
struct Content<'a> {
    packet: &'a Packet,
    patch: Patch,
    /// Which packet is sent again. (RFC 4588 §4)
    original: Option<u16>,
}
