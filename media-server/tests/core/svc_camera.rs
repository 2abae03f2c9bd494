//! A camera whose layers are in one stream (VP9, three sizes at three rates, `L3T3_KEY` or `L3T3`), and what a decoder makes
//! of what arrives.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use media_server::core::codec::vp8::PictureId;
use media_server::core::codec::vp9::Descriptor;
use str0m::format::Codec;
use str0m::media::Mid;
use str0m::rtp::RtpWrite;

use crate::client::Link;

const FRAME: Duration = Duration::from_millis(33);
const PAYLOAD: usize = 1100;
/// The temporal layer of each picture in turn, and how many pictures back the one is that it needs.
const PATTERN: [(u8, u8); 4] = [(0, 4), (2, 1), (1, 2), (2, 1)];
/// Height and bits a second.
pub const SIZES: [(u16, u64); 3] = [(135, 100_000), (270, 300_000), (540, 900_000)];

pub struct SvcCamera {
    pub mid: Mid,
    /// How many of the sizes are sent.
    pub sizes: usize,
    pub key_frames_asked: Vec<Instant>,
    /// Larger layers need the smaller ones in every picture, not only in key pictures.
    is_full: bool,
    needs_key: bool,
    seq: u64,
    picture_id: u16,
    /// Since the last key picture.
    number: usize,
    next: Option<Instant>,
}

impl SvcCamera {
    pub fn new(mid: Mid, is_full: bool) -> Self {
        Self {
            mid,
            sizes: SIZES.len(),
            key_frames_asked: Vec::new(),
            is_full,
            needs_key: true,
            seq: 65_000,
            picture_id: 0x7ff0,
            number: 0,
            next: None,
        }
    }

    /// Begins anew with the next picture.
    pub fn restart(&mut self) {
        self.needs_key = true;
    }

    pub fn want_key_frame(&mut self, now: Instant) {
        self.needs_key = true;
        self.key_frames_asked.push(now);
    }

    pub fn capture(&mut self, link: &mut Link, start: Instant, now: Instant) {
        let next = *self.next.get_or_insert(now);
        if now < next {
            return;
        }
        self.next = Some(next + FRAME);
        let time = ((now - start).as_micros() * 90 / 1000) as u32;
        if std::mem::take(&mut self.needs_key) {
            self.number = 0;
        }
        self.picture_id = (self.picture_id + 1) & 0x7fff;
        for spatial in 0..self.sizes {
            self.encode(link, spatial, time, now);
        }
        self.number += 1;
    }

    fn encode(&mut self, link: &mut Link, spatial: usize, time: u32, now: Instant) {
        let is_key = self.number == 0;
        let bytes = (SIZES[spatial].1 as f64 * FRAME.as_secs_f64() / 8.0) as usize * if is_key { 4 } else { 1 };
        let packets = bytes.div_ceil(PAYLOAD).max(1);
        let mut configs = link.rtc.codec_config().params().iter();
        let vp9 = configs.find(|it| it.spec().codec == Codec::Vp9).unwrap().pt();
        for number in 0..packets {
            let is_end = number + 1 == packets;
            let mut payload = self.descriptor(spatial, number == 0, is_end);
            payload.resize(payload.len() + bytes / packets, 7);
            let mut direct = link.rtc.direct_api();
            let stream = direct.stream_tx_by_mid(self.mid, None).unwrap();
            stream.set_unpaced(true);
            let is_last = is_end && spatial + 1 == self.sizes;
            let write = RtpWrite::new(vp9, self.seq.into(), time, now, payload);
            stream.write_rtp(write.marker(is_last).nackable(true));
            self.seq += 1;
            drop(link.drain(now));
        }
    }

    /// RFC 9628 §4.2, in flexible mode.
    fn descriptor(&self, spatial: usize, begins: bool, ends: bool) -> Vec<u8> {
        let is_key = self.number == 0;
        let (temporal, back) = PATTERN[self.number % 4];
        let has_sizes = is_key && begins && spatial == 0;
        let flags = [
            (0x80, true),
            (0x40, !is_key),
            (0x20, true),
            (0x10, true),
            (0x08, begins),
            (0x04, ends),
            (0x02, has_sizes),
        ];
        let first = flags.iter().filter(|it| it.1).fold(0, |byte, it| byte | it.0);
        let [high, low] = self.picture_id.to_be_bytes();
        let needs_smaller = spatial > 0 && (is_key || self.is_full);
        let is_switch = temporal < 2;
        let layer = temporal << 5 | u8::from(is_switch) << 4 | (spatial as u8) << 1 | u8::from(needs_smaller);
        let mut bytes = vec![first, 0x80 | high, low, layer];
        if !is_key {
            bytes.push(back << 1);
        }
        if has_sizes {
            bytes.push((self.sizes as u8 - 1) << 5 | 0x10);
            for (height, _) in &SIZES[..self.sizes] {
                bytes.extend((height * 16 / 9).to_be_bytes());
                bytes.extend(height.to_be_bytes());
            }
        }
        bytes
    }
}

/// A picture as it was shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Picture {
    pub at: Instant,
    pub height: u16,
    pub temporal: u8,
    pub is_key: bool,
}

#[derive(Debug, Clone, Copy)]
struct Piece {
    /// None: nothing was in the packet.
    descriptor: Option<Descriptor>,
    time: u32,
    marker: bool,
}

/// Puts packets in order and decodes each frame when it is whole.
#[derive(Debug, Default)]
pub struct SvcDecoder {
    pub pictures: Vec<Picture>,
    /// Whatever a real decoder would have choked on.
    pub faults: Vec<String>,
    pub asked: Vec<Instant>,
    pub empty: usize,
    pieces: BTreeMap<u64, Piece>,
    next: Option<u64>,
    /// Picture ids and spatial layers.
    decoded: BTreeSet<(u16, u8)>,
    /// The picture that is being decoded: time, id, the layers that it has.
    present: Option<(u32, u16, u8)>,
    stuck_since: Option<Instant>,
}

const PATIENCE: Duration = Duration::from_millis(300);

impl SvcDecoder {
    pub fn take(&mut self, seq: u64, (time, marker): (u32, bool), payload: &[u8], now: Instant) {
        if self.next.is_some_and(|next| seq < next) {
            return;
        }
        self.empty += usize::from(payload.is_empty());
        let descriptor = Descriptor::read(payload);
        if descriptor.is_none() && !payload.is_empty() {
            self.faults.push(format!("{seq} can't be read"));
        }
        let piece = Piece {
            descriptor,
            time,
            marker,
        };
        if self.pieces.insert(seq, piece).is_some() {
            self.faults.push(format!("{seq} came twice"));
        }
        self.decode(now);
    }

    /// Whether it needs a key picture now.
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
            while let Some(next) = self.next
                && self.pieces.get(&next).is_some_and(|it| it.descriptor.is_none())
            {
                self.pieces.remove(&next);
                self.next = Some(next + 1);
            }
            // Begin, or begin again, with a whole key frame; what is before it is given up.
            let found = self.next.and_then(|seq| self.whole_frame(seq)).or_else(|| {
                let is_key = |it: &Piece| it.descriptor.is_some_and(|it| it.starts_key_frame());
                let keys = self.pieces.iter().filter(|(_, it)| is_key(it)).map(|(seq, _)| *seq);
                keys.rev().find_map(|seq| self.whole_frame(seq))
            });
            let Some((first, last, descriptor)) = found else {
                return;
            };
            let (time, marker) = self.pieces.get(&last).map(|it| (it.time, it.marker)).unwrap();
            if self.next != Some(first) {
                self.present = None;
            }
            self.judge(first, time, &descriptor);
            if marker {
                let top = self.present.take().map_or(0, |it| it.2);
                self.pictures.push(Picture {
                    at: now,
                    height: SIZES[usize::from(top)].0,
                    temporal: descriptor.temporal(),
                    is_key: !descriptor.is_inter_picture,
                });
            }
            self.pieces = self.pieces.split_off(&(last + 1));
            self.next = Some(last + 1);
            self.stuck_since = None;
        }
    }

    /// The frame that begins with this packet: its first and last one.
    fn whole_frame(&self, first: u64) -> Option<(u64, u64, Descriptor)> {
        let begin = self.pieces.get(&first)?.descriptor.filter(|it| it.starts_frame)?;
        for seq in first.. {
            let descriptor = self.pieces.get(&seq)?.descriptor?;
            if id(&descriptor) != id(&begin) || descriptor.spatial() != begin.spatial() {
                return None;
            }
            if descriptor.ends_frame {
                return Some((first, seq, begin));
            }
        }
        None
    }

    fn judge(&mut self, seq: u64, time: u32, frame: &Descriptor) {
        let (id, spatial) = (id(frame), frame.spatial());
        match self.present {
            Some((since, of, below)) if (since, of) != (time, id) || below >= spatial => {
                self.faults.push(format!("{seq}: {id}.{spatial} in {of}.{below}"));
            }
            None if spatial > 0 => self.faults.push(format!("{seq}: {id} begins with {spatial}")),
            _ => {}
        }
        self.present = Some((time, id, spatial));
        if frame.starts_key_frame() {
            self.decoded.clear();
        }
        let layer = frame.layer.unwrap();
        let mut needed: Vec<(u16, u8)> = Vec::new();
        if frame.is_inter_picture {
            let back = frame.references.iter().filter(|it| **it > 0);
            needed.extend(back.map(|back| (id.wrapping_sub((*back).into()) & 0x7fff, spatial)));
        }
        if layer.is_inter_layer {
            needed.push((id, spatial - 1));
        }
        for it in needed.iter().filter(|it| !self.decoded.contains(it)) {
            self.faults.push(format!("{seq}: {id}.{spatial} needs {it:?}"));
        }
        if !self.decoded.insert((id, spatial)) {
            self.faults.push(format!("{seq}: {id}.{spatial} again"));
        }
    }

    /// The longest time without a new picture, between two moments.
    pub fn longest_gap(&self, from: Instant, to: Instant) -> Duration {
        let shown = self.pictures.iter().map(|it| it.at);
        let mut last = from;
        let mut longest = Duration::ZERO;
        for at in shown.filter(|at| (from..to).contains(at)).chain([to]) {
            longest = longest.max(at - last);
            last = at;
        }
        longest
    }

    /// The heights shown between two moments.
    pub fn heights(&self, from: Instant, to: Instant) -> Vec<u16> {
        let shown = self.pictures.iter().filter(|it| (from..to).contains(&it.at));
        let mut heights: Vec<u16> = shown.map(|it| it.height).collect();
        heights.dedup();
        heights
    }

    /// Pictures a second between two moments.
    pub fn rate(&self, from: Instant, to: Instant) -> f64 {
        let shown = self.pictures.iter().filter(|it| (from..to).contains(&it.at));
        shown.count() as f64 / (to - from).as_secs_f64()
    }
}

fn id(descriptor: &Descriptor) -> u16 {
    descriptor.picture_id.map_or(0, PictureId::value)
}
