//! A simulcast camera: layers of VP8-like frames, each at its own rate, and what a decoder makes of what arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use str0m::format::Codec;
use str0m::media::{Mid, Rid};
use str0m::rtp::RtpWrite;

use crate::client::Link;

const FRAME: Duration = Duration::from_millis(33);
const PAYLOAD: usize = 1100;
/// The temporal layer of each frame in turn, and whether it needs only the last one of layer 0.
const PATTERN: [(u8, bool); 4] = [(0, false), (2, true), (1, true), (2, false)];

/// One encoding.
pub struct Layer {
    pub rid: Option<Rid>,
    pub height: u16,
    pub bps: u64,
    pub is_active: bool,
    /// At three frame rates: see [`PATTERN`].
    pub has_rates: bool,
    pub key_frames_asked: Vec<Instant>,
    needs_key: bool,
    seq: u64,
    time_offset: u32,
    picture_id: u16,
    tl0: u8,
    frames: u32,
    /// Since the last key frame.
    turn: usize,
}

impl Layer {
    pub fn new(rid: Option<&str>, height: u16, bps: u64) -> Self {
        Self {
            rid: rid.map(Rid::from),
            height,
            bps,
            is_active: true,
            has_rates: false,
            key_frames_asked: Vec::new(),
            needs_key: true,
            seq: 60_000 + u64::from(height),
            time_offset: u32::from(height).wrapping_mul(77_777_777),
            picture_id: 0x7ff0 + height,
            tl0: 250,
            frames: 0,
            turn: 0,
        }
    }
}

/// All of a camera's layers.
pub struct Camera {
    pub mid: Mid,
    pub layers: Vec<Layer>,
    /// From one picture to the next.
    pub frame: Duration,
    next: Option<Instant>,
}

impl Camera {
    pub fn new(mid: Mid, layers: Vec<Layer>) -> Self {
        Self {
            mid,
            layers,
            frame: FRAME,
            next: None,
        }
    }

    /// A publisher was asked for a key frame of a layer.
    pub fn want_key_frame(&mut self, rid: Option<Rid>, now: Instant) {
        for layer in self.layers.iter_mut().filter(|it| it.rid == rid) {
            layer.needs_key = true;
            layer.key_frames_asked.push(now);
        }
    }

    pub fn capture(&mut self, link: &mut Link, start: Instant, now: Instant) {
        let next = *self.next.get_or_insert(now);
        if now < next {
            return;
        }
        self.next = Some(next + self.frame);
        let ticks = ((now - start).as_micros() * 90 / 1000) as u32;
        for layer in self.layers.iter_mut().filter(|it| it.is_active) {
            layer.encode(self.mid, link, ticks, now);
        }
    }
}

impl Layer {
    fn encode(&mut self, mid: Mid, link: &mut Link, ticks: u32, now: Instant) {
        let is_key = std::mem::take(&mut self.needs_key);
        let bytes = (self.bps as f64 * FRAME.as_secs_f64() / 8.0) as usize * if is_key { 4 } else { 1 };
        let packets = bytes.div_ceil(PAYLOAD).max(1);
        self.picture_id = self.picture_id.wrapping_add(1) & 0x7fff;
        self.turn = if is_key || !self.has_rates { 0 } else { self.turn + 1 };
        self.tl0 = self.tl0.wrapping_add(u8::from(PATTERN[self.turn % 4].0 == 0));
        self.frames += 1;
        let params = link
            .rtc
            .codec_config()
            .find(|it| it.spec().codec == Codec::Vp8)
            .unwrap()
            .pt();
        for number in 0..packets {
            let payload = self.payload(is_key, number, packets, (bytes / packets).max(40));
            let mut direct = link.rtc.direct_api();
            let stream = direct.stream_tx_by_mid(mid, self.rid).unwrap();
            stream.set_unpaced(true);
            let time = ticks.wrapping_add(self.time_offset);
            stream.write_rtp(
                RtpWrite::new(params, self.seq.into(), time, now, payload)
                    .marker(number + 1 == packets)
                    .nackable(true),
            );
            self.seq += 1;
            drop(link.drain(now));
        }
    }

    fn payload(&self, is_key: bool, number: usize, packets: usize, size: usize) -> Vec<u8> {
        let [high, low] = self.picture_id.to_be_bytes();
        let start = if number == 0 { 0x10 } else { 0 };
        // X, and S on a frame's first packet; I, L and T.
        let (temporal, is_sync) = PATTERN[self.turn % 4];
        let layer = temporal << 6 | u8::from(is_sync) << 5;
        let mut bytes = vec![0x80 | start, 0xe0, 0x80 | high, low, self.tl0, layer];
        if number == 0 {
            bytes.push(u8::from(!is_key));
            bytes.extend([0, 0, 0x9d, 0x01, 0x2a]);
            bytes.extend((self.height * 16 / 9).to_le_bytes());
            bytes.extend(self.height.to_le_bytes());
        }
        bytes.extend(self.height.to_be_bytes());
        bytes.extend([number as u8, packets as u8]);
        bytes.extend(self.frames.to_be_bytes());
        bytes.resize(size, 7);
        bytes
    }
}

/// A frame as it was decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    pub at: Instant,
    pub height: u16,
    pub picture_id: u16,
    pub time: u32,
    pub is_key: bool,
    pub temporal: u8,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    height: u16,
    number: u8,
    packets: u8,
    picture_id: u16,
    tl0: u8,
    is_key: bool,
    temporal: u8,
    is_sync: bool,
    time: u32,
}

/// Puts packets in order and decodes the frames that can be.
#[derive(Debug, Default)]
pub struct Decoder {
    pub frames: Vec<Frame>,
    /// Whatever a real decoder would have choked on.
    pub faults: Vec<String>,
    /// Packets without anything in them.
    pub empty: BTreeSet<u64>,
    /// One was passed: its picture's number may be missing too.
    may_miss: bool,
    pieces: BTreeMap<u64, Piece>,
    next: Option<u64>,
    last: Option<(u16, u8, u32)>,
    /// The `tl0` of the last frame of each temporal layer.
    decoded: [Option<u8>; 3],
    stuck_since: Option<Instant>,
    pub asked: Vec<Instant>,
}

/// How long a player holds frames back where packets get lost and are sent again: about what browsers choose at a round trip
/// of 40 ms.
const HELD_BACK: Duration = Duration::from_millis(120);

/// How long a decoder waits for what is missing before it asks for a key frame.
const PATIENCE: Duration = Duration::from_millis(250);

impl Decoder {
    pub fn take(&mut self, seq: u64, time: u32, payload: &[u8], now: Instant) {
        // Nothing is in it: what came late was not for this subscriber.
        if payload.is_empty() {
            self.empty.insert(seq);
            return self.decode(now);
        }
        let is_first = payload[0] & 0x10 != 0;
        let rest = if is_first { &payload[16..] } else { &payload[6..] };
        let piece = Piece {
            height: u16::from_be_bytes([rest[0], rest[1]]),
            number: rest[2],
            packets: rest[3],
            picture_id: u16::from_be_bytes([payload[2] & 0x7f, payload[3]]),
            tl0: payload[4],
            is_key: is_first && payload[6] & 1 == 0,
            temporal: payload[5] >> 6,
            is_sync: payload[5] & 0x20 != 0,
            time,
        };
        if self.next.is_some_and(|next| seq < next) {
            return;
        }
        if self.pieces.insert(seq, piece).is_some() {
            self.faults.push(format!("{seq} came twice"));
        }
        self.decode(now);
    }

    /// Whether it needs a key frame now.
    pub fn needs_key_frame(&mut self, now: Instant) -> bool {
        if self.pieces.is_empty() && self.next.is_some() {
            self.stuck_since = None;
            return false;
        }
        let since = *self.stuck_since.get_or_insert(now);
        let is_due = self
            .asked
            .last()
            .is_none_or(|at| now - *at >= Duration::from_millis(500));
        if self.next.is_some() && now - since < PATIENCE || !is_due {
            return false;
        }
        self.asked.push(now);
        true
    }

    fn decode(&mut self, now: Instant) {
        loop {
            while let Some(next) = self.next.filter(|it| self.empty.contains(it)) {
                self.next = Some(next + 1);
                self.may_miss = true;
            }
            // Begin, or begin again, with a whole key frame; what is before it is given up.
            let found = self.whole_frame(self.next).or_else(|| {
                let keys = self.pieces.iter().filter(|(_, it)| it.is_key).map(|(seq, _)| *seq);
                keys.rev().find_map(|seq| self.whole_frame(Some(seq)))
            });
            let Some((first, piece)) = found else { return };
            self.judge(&piece);
            self.frames.push(Frame {
                at: now,
                height: piece.height,
                picture_id: piece.picture_id,
                time: piece.time,
                is_key: piece.is_key,
                temporal: piece.temporal,
            });
            let next = first + u64::from(piece.packets);
            self.pieces = self.pieces.split_off(&next);
            self.next = Some(next);
            self.stuck_since = None;
        }
    }

    fn whole_frame(&self, first: Option<u64>) -> Option<(u64, Piece)> {
        let first = first?;
        let piece = *self.pieces.get(&first)?;
        if piece.number != 0 || (self.next != Some(first) && !piece.is_key) {
            return None;
        }
        let all = (0..u64::from(piece.packets)).all(|n| {
            self.pieces
                .get(&(first + n))
                .is_some_and(|it| u64::from(it.number) == n && it.picture_id == piece.picture_id)
        });
        all.then_some((first, piece))
    }

    fn judge(&mut self, piece: &Piece) {
        if let Some((id, tl0, time)) = self.last {
            let ahead = piece.picture_id.wrapping_sub(id) & 0x7fff;
            let is_next = ahead == 1 || piece.is_key || std::mem::take(&mut self.may_miss);
            if ahead == 0 || ahead > 1000 || !is_next {
                self.faults.push(format!("picture {} after {id}", piece.picture_id));
            }
            let ticks = piece.time.wrapping_sub(time);
            // After an outage the count may have gone round.
            if piece.tl0.wrapping_sub(tl0) > 100 && ticks < 3 * 90_000 {
                self.faults.push(format!("tl0 {} after {tl0}", piece.tl0));
            }
            if ticks == 0 || ticks > 90_000 * 60 {
                self.faults.push(format!("time {} after {time}", piece.time));
            }
        }
        let needed = match piece.temporal {
            0 => 0..0,
            1 => 0..1,
            _ if piece.is_sync => 0..1,
            _ => 0..2,
        };
        if needed.into_iter().any(|it| self.decoded[it] != Some(piece.tl0)) {
            self.faults.push(format!(
                "picture {} of layer {} after {:?}",
                piece.picture_id, piece.temporal, self.decoded
            ));
        }
        self.decoded[usize::from(piece.temporal)] = Some(piece.tl0);
        self.last = Some((piece.picture_id, piece.tl0, piece.time));
    }
}

impl Decoder {
    /// The longest time without a new picture, between two moments.
    pub fn longest_gap(&self, from: Instant, to: Instant) -> Duration {
        let shown = self.frames.iter().map(|it| it.at).filter(|at| (from..to).contains(at));
        let mut last = from;
        let mut longest = Duration::ZERO;
        for at in shown.chain([to]) {
            longest = longest.max(at - last);
            last = at;
        }
        longest
    }

    /// How long the picture stood, in all: as browsers count it, gaps that are longer than the mean one by 150 ms, in what a
    /// player shows that holds frames back for [`HELD_BACK`].
    pub fn frozen(&self, from: Instant, to: Instant) -> Duration {
        let Some(first) = self.frames.iter().find(|it| it.at >= from) else {
            return to - from;
        };
        let due = |it: &Frame| {
            let ticks = it.time.wrapping_sub(first.time);
            first.at + HELD_BACK + Duration::from_micros(u64::from(ticks) * 100 / 9)
        };
        let inside = self.frames.iter().filter(|it| (first.at..to).contains(&it.at));
        let mut shown: Vec<Instant> = inside.map(|it| due(it).max(it.at)).collect();
        shown.sort();
        let gaps = shown.windows(2).map(|pair| pair[1] - pair[0]);
        let limit = FRAME + Duration::from_millis(150);
        gaps.filter(|gap| *gap > limit.max(3 * FRAME)).sum()
    }

    /// Pictures a second between two moments.
    pub fn rate(&self, from: Instant, to: Instant) -> f64 {
        let shown = self.frames.iter().filter(|it| (from..to).contains(&it.at));
        shown.count() as f64 / (to - from).as_secs_f64()
    }

    /// The heights shown between two moments.
    pub fn heights(&self, from: Instant, to: Instant) -> Vec<u16> {
        let shown = self.frames.iter().filter(|it| (from..to).contains(&it.at));
        let mut heights: Vec<u16> = shown.map(|it| it.height).collect();
        heights.dedup();
        heights
    }
}
