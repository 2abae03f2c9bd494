//! A subscriber's end of a connection: checks every packet, and answers as a browser does.
//!
//! Invariant: every authentic packet ends in exactly one counter of the tally.

use std::time::{Duration, Instant};

use crate::ledger::{Ledger, Tally};
use crate::payload;
use crate::rtcp::transport::{Recorder, compact_duration};
use crate::rtcp::{self, Block};
use crate::rtp::Header;
use crate::sdp::{self, Codec, Section};

/// The source that a receiver's RTCP names as its own: it sends no media.
const OWN: u32 = 1;

/// Between receiver reports.
const REPORT: Duration = Duration::from_secs(1);

/// How long a gap stays before it is asked for, and between asking again.
const GAP_REST: Duration = Duration::from_millis(20);
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// How often a gap is asked for.
const MAX_ASKS: u32 = 10;

/// Gaps that are kept of one stream. When more are there, the oldest are given up.
const MAX_GAPS: usize = 512;

/// How far back a packet is recognised as having come already, in packets. What is older counts as late.
const MEMORY: u32 = 2048;

/// What a connection receives.
#[derive(Debug)]
pub struct Receiver {
    transport_id: Option<u8>,
    codecs: [Option<Codec>; 128],
    tracks: Vec<Track>,
    streams: Vec<Stream>,
    recorder: Recorder,
    feedback_every: Duration,
    next_feedback: Instant,
    next_report: Instant,
}

/// A publisher's track, as it arrives here.
#[derive(Debug)]
struct Track {
    publisher: u32,
    is_video: bool,
    highest: Option<u32>,
    seen: Box<[u64; MEMORY as usize / 64]>,
    in_window: u64,
}

/// A synchronisation source.
#[derive(Debug)]
struct Stream {
    ssrc: u32,
    codec: Codec,
    first: u64,
    highest: u64,
    received: u64,
    /// Expected and received at the last report.
    before: (u64, u64),
    /// Transit time of the last packet in ticks, and jitter in 16ths of a tick. (RFC 3550 §A.8)
    transit: u32,
    jitter: u32,
    sender_report: Option<(u32, Instant)>,
    gaps: Vec<Gap>,
}

#[derive(Debug)]
struct Gap {
    index: u64,
    due: Instant,
    asks: u32,
}

impl Receiver {
    /// One that reports arrivals so often; `phase` keeps many from reporting at once.
    #[must_use]
    pub fn new(epoch: Instant, feedback_every: Duration, phase: Duration, now: Instant) -> Self {
        Self {
            transport_id: None,
            codecs: [None; 128],
            tracks: Vec::new(),
            streams: Vec::new(),
            recorder: Recorder::new(epoch),
            feedback_every,
            next_feedback: now + phase,
            next_report: now + phase * 8,
        }
    }

    /// Learns codecs and extensions from a description.
    pub fn learn(&mut self, sections: &[Section]) {
        for section in sections {
            for (payload_type, codec) in &section.codecs {
                self.codecs[usize::from(payload_type & 127)] = Some(*codec);
            }
            self.transport_id = section.extension(sdp::TRANSPORT_WIDE).or(self.transport_id);
        }
    }

    /// These tracks, and no others, are to come.
    pub fn expect(&mut self, tracks: &[(u32, bool)]) {
        let is_expected = |it: &Track| tracks.contains(&(it.publisher, it.is_video));
        self.tracks.retain(is_expected);
        for (publisher, is_video) in tracks {
            if self.track(*publisher, *is_video).is_none() {
                self.tracks.push(Track {
                    publisher: *publisher,
                    is_video: *is_video,
                    highest: None,
                    seen: Box::new([0; MEMORY as usize / 64]),
                    in_window: 0,
                });
            }
        }
    }

    /// How many tracks are to come.
    #[must_use]
    pub fn expected(&self) -> usize {
        self.tracks.len()
    }

    /// The id of the extension that [`Receiver::take`] wants read.
    #[must_use]
    pub fn transport_id(&self) -> Option<u8> {
        self.transport_id
    }

    /// A new window begins.
    pub fn open_window(&mut self) {
        for track in &mut self.tracks {
            track.in_window = 0;
        }
    }

    /// Packets of the window that were to come, and that came.
    #[must_use]
    pub fn window(&self, ledger: &Ledger) -> (u64, u64) {
        self.tracks.iter().fold((0, 0), |(expected, came), it| {
            (
                expected + ledger.in_window(it.publisher, it.is_video),
                came + it.in_window,
            )
        })
    }

    /// An authentic packet.
    pub fn take(&mut self, header: &Header, index: u64, payload: &[u8], now: Instant, ledger: &mut Ledger) {
        if let Some(seq) = header.transport_seq
            && self.recorder.arrived(seq, now)
        {
            self.next_feedback = now;
        }
        let codec = self.codecs[usize::from(header.payload_type & 127)];
        let Some(codec) = codec else {
            ledger.tally.unexpected += 1;
            return;
        };
        self.note(header, index, codec, now, ledger);
        let (content, resent) = match (codec, payload) {
            (Codec::Rtx, [high, low, original @ ..]) if !header.has_padding => {
                (original, Some(u16::from_be_bytes([*high, *low])))
            }
            (Codec::Rtx, _) => {
                ledger.tally.probing += 1;
                return;
            }
            _ => (payload, None),
        };
        let Some(tag) = payload::check(content, codec != Codec::Opus) else {
            ledger.tally.corrupt += 1;
            return;
        };
        let is_known = ledger.was_sent(tag.publisher, tag.is_video, tag.counter);
        let Some(track) = self.track(tag.publisher, tag.is_video).filter(|_| is_known) else {
            ledger.tally.unexpected += 1;
            return;
        };
        match (self.tracks[track].arrived(tag.counter), resent) {
            (Arrival::Again, Some(_)) => return ledger.tally.probing += 1,
            (Arrival::Again, None) => return ledger.tally.duplicates += 1,
            (Arrival::Late, None) => ledger.tally.reordered += 1,
            (_, Some(seq)) => {
                ledger.tally.recovered += 1;
                self.fill(seq);
            }
            (Arrival::Next, None) => {}
        }
        ledger.tally.received += 1;
        if ledger.is_in_window(tag.publisher, tag.is_video, tag.counter) {
            self.tracks[track].in_window += 1;
            let sent_ns = tag.sent_ns;
            let ns = ledger.ns(now);
            ledger.latency.add(ns.saturating_sub(sent_ns));
        }
    }

    /// A sender report came.
    pub fn sender_report(&mut self, ssrc: u32, middle: u32, now: Instant) {
        if let Some(stream) = self.streams.iter_mut().find(|it| it.ssrc == ssrc) {
            stream.sender_report = Some((middle, now));
        }
    }

    /// Appends the RTCP that is due, compound. Called every few milliseconds.
    pub fn due(&mut self, now: Instant, tally: &mut Tally, out: &mut Vec<u8>) {
        if now >= self.next_report && !self.streams.is_empty() {
            self.next_report = now + REPORT;
            let blocks: Vec<Block> = self.streams.iter_mut().map(|it| it.block(now)).collect();
            for some in blocks.chunks(31) {
                rtcp::write_receiver_report(OWN, some, out);
            }
        }
        for stream in &mut self.streams {
            stream.ask(now, tally, out);
        }
    }

    /// Transport-wide feedback, one report, if it is due. Called until it is false.
    pub fn feedback(&mut self, now: Instant, out: &mut Vec<u8>) -> bool {
        if now < self.next_feedback {
            return false;
        }
        let media = self.streams.first().map_or(0, |it| it.ssrc);
        let is_reported = self.recorder.report(OWN, media, out);
        if self.recorder.is_empty() {
            self.next_feedback = now + self.feedback_every;
        }
        is_reported
    }

    fn track(&self, publisher: u32, is_video: bool) -> Option<usize> {
        let mut all = self.tracks.iter();
        all.position(|it| it.publisher == publisher && it.is_video == is_video)
    }

    /// Keeps a stream's numbers.
    fn note(&mut self, header: &Header, index: u64, codec: Codec, now: Instant, ledger: &mut Ledger) {
        let ticks_per_ms = if codec == Codec::Opus { 48 } else { 90 };
        // RTP time is 32 bits: so is the difference.
        let transit = ((ledger.ns(now) * ticks_per_ms / 1_000_000) as u32).wrapping_sub(header.time);
        if let Some(stream) = self.streams.iter_mut().find(|it| it.ssrc == header.ssrc) {
            stream.shake(transit);
            return stream.arrived(index, now, &mut ledger.tally);
        }
        self.streams.push(Stream {
            ssrc: header.ssrc,
            codec,
            first: index,
            highest: index,
            received: 1,
            before: (0, 0),
            transit,
            jitter: 0,
            sender_report: None,
            gaps: Vec::new(),
        });
    }

    /// A resent packet fills the gap of its number. Numbers of two videos seldom meet; then a gap is asked
    /// for once more.
    fn fill(&mut self, seq: u16) {
        for stream in &mut self.streams {
            if let Some(at) = stream.gaps.iter().position(|it| it.index as u16 == seq) {
                stream.gaps.remove(at);
                return;
            }
        }
    }
}

/// How a packet came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arrival {
    Next,
    Late,
    Again,
}

impl Track {
    fn arrived(&mut self, counter: u32) -> Arrival {
        let Some(highest) = self.highest else {
            self.highest = Some(counter);
            self.mark(counter);
            return Arrival::Next;
        };
        if counter > highest {
            let from = highest + 1;
            for between in from.max(counter.saturating_sub(MEMORY - 1))..counter {
                self.seen[slot(between)] &= !bit(between);
            }
            self.highest = Some(counter);
            self.mark(counter);
            return Arrival::Next;
        }
        if highest - counter >= MEMORY {
            return Arrival::Late;
        }
        if self.seen[slot(counter)] & bit(counter) != 0 {
            return Arrival::Again;
        }
        self.mark(counter);
        Arrival::Late
    }

    fn mark(&mut self, counter: u32) {
        self.seen[slot(counter)] |= bit(counter);
    }
}

fn slot(counter: u32) -> usize {
    (counter % MEMORY / 64) as usize
}

fn bit(counter: u32) -> u64 {
    1 << (counter % 64)
}

impl Stream {
    /// Interarrival jitter. (RFC 3550 §A.8)
    fn shake(&mut self, transit: u32) {
        let difference = transit.wrapping_sub(self.transit).cast_signed().unsigned_abs();
        self.transit = transit;
        self.jitter = (self.jitter + difference.min(1 << 24)).saturating_sub((self.jitter + 8) >> 4);
    }

    fn arrived(&mut self, index: u64, now: Instant, tally: &mut Tally) {
        self.received += 1;
        if index <= self.highest {
            self.gaps.retain(|it| it.index != index);
            return;
        }
        if self.codec == Codec::Vp8 && index > self.highest + 1 {
            let from = (self.highest + 1).max(index.saturating_sub(MAX_GAPS as u64));
            self.gaps.extend((from..index).map(|index| Gap {
                index,
                due: now + GAP_REST,
                asks: 0,
            }));
            let excess = self.gaps.len().saturating_sub(MAX_GAPS);
            self.gaps.drain(..excess);
            tally.given_up += excess as u64;
        }
        self.highest = index;
    }

    /// Asks for what is missing.
    fn ask(&mut self, now: Instant, tally: &mut Tally, out: &mut Vec<u8>) {
        if self.gaps.is_empty() {
            return;
        }
        let before = self.gaps.len();
        self.gaps.retain(|it| it.asks < MAX_ASKS || now < it.due);
        if self.gaps.len() < before {
            tally.given_up += (before - self.gaps.len()) as u64;
            rtcp::write_picture_loss(OWN, self.ssrc, out);
        }
        let mut missing = Vec::new();
        for gap in self.gaps.iter_mut().filter(|it| it.due <= now) {
            gap.asks += 1;
            gap.due = now + ASK_AGAIN;
            missing.push(gap.index as u16);
        }
        if !missing.is_empty() {
            tally.nacks += 1;
            tally.asked_again += missing.len() as u64;
            rtcp::write_nack(OWN, self.ssrc, &missing, out);
        }
    }

    fn block(&mut self, now: Instant) -> Block {
        let expected = self.highest - self.first + 1;
        let (expected_before, received_before) = self.before;
        self.before = (expected, self.received);
        let interval = expected - expected_before;
        let lost = interval.saturating_sub(self.received - received_before);
        let (last_report, since) = self.sender_report.map_or((0, Duration::ZERO), |(middle, at)| {
            (middle, now.saturating_duration_since(at))
        });
        Block {
            ssrc: self.ssrc,
            // A share of 256ths, less than one.
            fraction_lost: (lost * 256).checked_div(interval).unwrap_or(0).min(255) as u8,
            lost: expected.saturating_sub(self.received).min(0x7f_ffff) as u32,
            highest_seq: self.highest as u32,
            jitter: self.jitter >> 4,
            last_report,
            since_report: compact_duration(since),
        }
    }
}
