//! An encoder that knows what its frames need, a subscriber whose wishes change, and a decoder that takes
//! nothing whose references it hasn't.

use std::collections::{BTreeMap, BTreeSet};

use super::super::dependency::Structures;
use super::super::{Video, read};
use super::*;

/// A scalability mode, named as in W3C's "Scalable Video Coding (SVC) Extension for WebRTC".
#[derive(Debug, Clone, Copy)]
struct Mode {
    spatial: u8,
    temporal: u8,
    /// Layers of a picture need each other in key pictures only.
    is_key: bool,
    /// Frames of layer 1 need the one before of layer 1, but for one in eight pictures: going up isn't always
    /// possible.
    is_sticky: bool,
}

const MODES: [Mode; 6] = [
    mode(1, 3, false, false),
    mode(2, 3, false, false),
    mode(3, 3, false, false),
    mode(3, 3, true, false),
    mode(3, 3, false, true),
    mode(3, 3, true, true),
];

const fn mode(spatial: u8, temporal: u8, is_key: bool, is_sticky: bool) -> Mode {
    Mode {
        spatial,
        temporal,
        is_key,
        is_sticky,
    }
}

/// A frame: picture and spatial layer.
type FrameId = (u32, u8);

#[derive(Debug, Clone)]
struct Sent {
    id: FrameId,
    temporal: u8,
    needs: Vec<FrameId>,
    is_key: bool,
    /// Of the frame's two.
    is_first: bool,
    payload: Vec<u8>,
    descriptor: Vec<u8>,
    marker: bool,
}

struct Encoder {
    video: Video,
    mode: Mode,
    picture: u32,
    since_key: u32,
    frames: u16,
    numbers: BTreeMap<FrameId, u16>,
}

const TICKS: u32 = 3000;

impl Encoder {
    fn new(video: Video, mode: Mode) -> Self {
        Self {
            video,
            mode,
            picture: 0,
            since_key: 0,
            frames: 65_500,
            numbers: BTreeMap::new(),
        }
    }

    /// Layers 0, 2, 1, 2.
    fn temporal(position: u32) -> u8 {
        [0, 2, 1, 2][position as usize % 4]
    }

    /// Which pictures back, of the same spatial layer.
    fn back(&self) -> Vec<u32> {
        match self.since_key % 4 {
            _ if self.since_key == 0 => vec![],
            0 => vec![4],
            1 => vec![1],
            2 if self.is_stuck(self.since_key) => vec![2, 4],
            2 => vec![2],
            _ => vec![1],
        }
    }

    /// Whether the frame of layer 1 at this place needs the one before.
    fn is_stuck(&self, since_key: u32) -> bool {
        self.mode.is_sticky && since_key > 4 && since_key % 8 != 2
    }

    /// Whether nothing behind this picture that is of a higher layer needs such from before it.
    fn lets_up(&self) -> bool {
        match self.since_key % 4 {
            // The next of layer 1 is two pictures on.
            0 | 1 => !self.is_stuck(self.since_key / 4 * 4 + 2),
            _ => self.since_key % 4 == 2 && !self.is_stuck(self.since_key + 4),
        }
    }

    fn picture(&mut self, is_key: bool) -> Vec<Sent> {
        if is_key {
            self.since_key = 0;
        }
        let back = self.back();
        let temporal = Self::temporal(self.since_key);
        let mut sent = Vec::new();
        for spatial in 0..self.mode.spatial {
            let has_lower = spatial > 0 && (!self.mode.is_key || self.since_key == 0);
            let mut needs: Vec<FrameId> = back.iter().map(|it| (self.picture - it, spatial)).collect();
            needs.extend(has_lower.then(|| (self.picture, spatial.wrapping_sub(1))));
            let number = self.frames;
            self.frames = self.frames.wrapping_add(1);
            self.numbers.insert((self.picture, spatial), number);
            for is_first in [true, false] {
                let (payload, descriptor) = match self.video {
                    Video::Av1 => self.av1(spatial, temporal, &needs, is_first, number),
                    _ => (self.vp9(spatial, temporal, &back, has_lower, is_first), vec![]),
                };
                sent.push(Sent {
                    id: (self.picture, spatial),
                    temporal,
                    needs: needs.clone(),
                    is_key: self.since_key == 0,
                    is_first,
                    payload,
                    descriptor,
                    marker: !is_first && spatial + 1 == self.mode.spatial,
                });
            }
        }
        self.picture += 1;
        self.since_key += 1;
        sent
    }

    fn vp9(&self, spatial: u8, temporal: u8, back: &[u32], has_lower: bool, is_first: bool) -> Vec<u8> {
        let bit = |condition: bool, bit: u8| if condition { bit } else { 0 };
        let inter = !back.is_empty();
        let edges = bit(inter, 0x40) | bit(is_first, 0x08) | bit(!is_first, 0x04);
        let mut payload = vec![0xa0 | 0x10 | edges | bit(self.mode.is_key && self.since_key > 0, 0x01)];
        payload.extend((self.picture as u16 | 0x8000).to_be_bytes());
        payload.push(temporal << 5 | bit(self.lets_up(), 0x10) | spatial << 1 | bit(has_lower, 0x01));
        for (index, pictures) in back.iter().enumerate() {
            payload.push((*pictures as u8) << 1 | u8::from(index + 1 < back.len()));
        }
        payload.push(0xaa);
        payload
    }

    /// Templates 0 to 8, one for each layer, with everything else said by the frame itself.
    fn av1(&self, spatial: u8, temporal: u8, needs: &[FrameId], is_first: bool, number: u16) -> (Vec<u8>, Vec<u8>) {
        let is_key = self.since_key == 0;
        let mut bits = Digits::default();
        bits.add(is_first.into(), 1);
        bits.add((!is_first).into(), 1);
        bits.add(u32::from(spatial * self.mode.temporal + temporal), 6);
        bits.add(number.into(), 16);
        let has_structure = is_key && is_first && spatial == 0;
        bits.add(has_structure.into(), 1);
        // Own indications and references.
        bits.add(0b0110, 4);
        if has_structure {
            self.structure(&mut bits);
        }
        for target_spatial in 0..self.mode.spatial {
            for target_temporal in 0..self.mode.temporal {
                bits.add(
                    self.indication((spatial, temporal), (target_spatial, target_temporal)),
                    2,
                );
            }
        }
        for need in needs {
            bits.add(1, 2);
            bits.add(u32::from(number.wrapping_sub(self.numbers[need])) - 1, 4);
        }
        bits.add(0, 2);
        let aggregation = if has_structure { 0x18 } else { 0x10 };
        (vec![aggregation, 6 << 3, 0xaa], bits.bytes())
    }

    fn structure(&self, bits: &mut Digits) {
        let templates = u32::from(self.mode.spatial * self.mode.temporal);
        bits.add(0, 6);
        bits.add(templates - 1, 5);
        for index in 1..templates {
            bits.add(
                if index % u32::from(self.mode.temporal) == 0 {
                    2
                } else {
                    1
                },
                2,
            );
        }
        bits.add(3, 2);
        for spatial in 0..self.mode.spatial {
            for temporal in 0..self.mode.temporal {
                for target in 0..templates as u8 {
                    let (target_spatial, target_temporal) = (target / self.mode.temporal, target % self.mode.temporal);
                    let is_part = spatial <= target_spatial && temporal <= target_temporal;
                    bits.add(if is_part { 3 } else { 0 }, 2);
                }
            }
        }
        // No references, no chains, no sizes.
        bits.add(0, templates);
        bits.add(0, (templates + 1).ilog2());
        bits.add(0, 1);
    }

    fn indication(&self, (spatial, temporal): (u8, u8), target: (u8, u8)) -> u32 {
        let is_key = self.since_key == 0;
        let is_part = temporal <= target.1
            && if self.mode.is_key && !is_key {
                spatial == target.0
            } else {
                spatial <= target.0
            };
        match (is_part, spatial == target.0) {
            (false, _) => 0,
            (true, true) if is_key || temporal == target.1 || self.lets_up() => 2,
            _ => 3,
        }
    }
}

#[derive(Default)]
struct Digits(Vec<bool>);

impl Digits {
    fn add(&mut self, value: u32, count: u32) {
        self.0.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    }

    fn bytes(&self) -> Vec<u8> {
        let byte = |chunk: &[bool]| (0..8).fold(0, |byte, at| byte << 1 | u8::from(chunk.get(at) == Some(&true)));
        self.0.chunks(8).map(byte).collect()
    }
}

/// A subscriber behind its selector.
struct Subscriber {
    video: Video,
    structures: Structures,
    selector: Selector,
    decoded: BTreeSet<FrameId>,
}

impl Subscriber {
    fn new(video: Video, target: Layers) -> Self {
        Self {
            video,
            structures: Structures::default(),
            selector: Selector::new(target),
            decoded: BTreeSet::new(),
        }
    }

    fn offer(&mut self, sent: &Sent) -> Option<Selected> {
        let frame = match self.video {
            Video::Av1 => Some(self.structures.read(&sent.descriptor).expect("sound")),
            _ => None,
        };
        let facts = read(self.video, &sent.payload, sent.marker, frame.as_ref()).expect("sound");
        assert_eq!((facts.spatial, facts.temporal), (sent.id.1, sent.temporal));
        assert_eq!(facts.starts_key_frame, sent.is_key && sent.is_first && sent.id.1 == 0);
        self.selector.select(Packet {
            facts: &facts,
            dependency: frame.as_ref(),
            time: sent.id.0.wrapping_mul(TICKS).wrapping_add(u32::MAX - 50 * TICKS),
            marker: sent.marker,
        })
    }

    /// Shows a picture, and checks what comes of it. Gives the layers that came.
    fn show(&mut self, picture: &[Sent]) -> BTreeSet<u8> {
        let mut given = Vec::new();
        for sent in picture {
            if let Some(selected) = self.offer(sent) {
                for need in &sent.needs {
                    assert!(self.decoded.contains(need), "{:?} needs {need:?}", sent.id);
                }
                if !sent.is_first {
                    self.decoded.insert(sent.id);
                }
                given.push((sent, selected.marker));
            }
        }
        for (index, (sent, marker)) in given.iter().enumerate() {
            assert_eq!(*marker, index + 1 == given.len(), "marker of {:?}", sent.id);
        }
        assert_eq!(given.len() % 2, 0, "no frame in part");
        given.iter().map(|(sent, _)| sent.id.1).collect()
    }
}

fn all() -> impl Iterator<Item = (Video, Mode)> {
    let of = |video: Video| MODES.into_iter().map(move |mode| (video, mode));
    of(Video::Vp9).chain(of(Video::Av1))
}

fn layers(spatial: u8, temporal: u8) -> Layers {
    Layers { spatial, temporal }
}

#[test]
fn whatever_is_wished_and_when_all_that_comes_can_be_decoded() {
    let mut random = 7_u64;
    let mut draw = |below: u64| {
        random = random
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (random >> 33) % below
    };
    for (video, mode) in all() {
        let mut encoder = Encoder::new(video, mode);
        let mut subscriber = Subscriber::new(video, layers(1, 1));
        let mut is_key_due = true;
        for _ in 0..3000 {
            if draw(7) == 0 {
                subscriber.selector.aim(layers(draw(4) as u8, draw(4) as u8));
            }
            // Key frames come when they are needed, and some when they aren't.
            is_key_due |= draw(40) == 0 || (subscriber.selector.wants_key_frame() && draw(10) == 0);
            let picture = encoder.picture(std::mem::take(&mut is_key_due));
            let temporal = picture[0].temporal;
            let given = subscriber.show(&picture);
            let current = subscriber.selector.current().expect("it began");
            if temporal <= current.temporal {
                let expected: BTreeSet<u8> = (0..mode.spatial).filter(|it| *it <= current.spatial).collect();
                assert_eq!(given, expected, "{video:?} {mode:?}");
            } else {
                assert!(given.is_empty());
            }
        }
    }
}

#[test]
fn down_is_at_once_and_up_waits_for_a_key_frame_or_a_switching_point() {
    for (video, mode) in all() {
        let mut encoder = Encoder::new(video, mode);
        let mut subscriber = Subscriber::new(video, Layers::ALL);
        let top = mode.spatial - 1;
        subscriber.show(&encoder.picture(true));
        for _ in 0..8 {
            assert_eq!(subscriber.show(&encoder.picture(false)).last(), Some(&top));
        }
        subscriber.selector.aim(layers(0, 0));
        for position in 1..16 {
            let given = subscriber.show(&encoder.picture(false));
            assert_eq!(given.last(), (position % 4 == 0).then_some(&0), "{video:?} {mode:?}");
        }
        // Upward in time, at a switching point; never later than the next eighth picture.
        subscriber.selector.aim(layers(0, 2));
        assert!(!subscriber.selector.wants_key_frame());
        for _ in 0..9 {
            subscriber.show(&encoder.picture(false));
        }
        assert_eq!(subscriber.selector.current(), Some(layers(0, 2)), "{video:?} {mode:?}");
        // Upward in space, with a key frame only.
        subscriber.selector.aim(layers(top, 2));
        for _ in 0..16 {
            assert_eq!(subscriber.selector.wants_key_frame(), top > 0);
            assert_eq!(subscriber.show(&encoder.picture(false)).last(), Some(&0));
        }
        assert_eq!(subscriber.show(&encoder.picture(true)).last(), Some(&top));
        assert!(!subscriber.selector.wants_key_frame());
    }
}

#[test]
fn late_packets_follow_the_rule_of_their_time() {
    for (video, mode) in [(Video::Vp9, MODES[2]), (Video::Av1, MODES[2])] {
        let mut encoder = Encoder::new(video, mode);
        let mut subscriber = Subscriber::new(video, Layers::ALL);
        let early = encoder.picture(true);
        let key = encoder.picture(true);
        for sent in &key {
            assert!(subscriber.offer(sent).is_some());
        }
        assert!(subscriber.offer(&early[0]).is_none(), "from before the begin");
        let before = encoder.picture(false);
        for sent in &before[..before.len() - 1] {
            assert!(subscriber.offer(sent).is_some());
        }
        subscriber.selector.aim(layers(0, 2));
        let after = encoder.picture(false);
        let given = after.iter().filter(|sent| subscriber.offer(sent).is_some()).count();
        assert_eq!(given, 2, "the lowest layer's");
        let late = subscriber.offer(&before[before.len() - 1]);
        assert_eq!(late, Some(Selected { marker: true }));
    }
}

#[test]
fn a_restart_waits_for_the_next_key_frame() {
    let mut encoder = Encoder::new(Video::Vp9, MODES[0]);
    let mut subscriber = Subscriber::new(Video::Vp9, Layers::ALL);
    assert!(subscriber.selector.wants_key_frame() && subscriber.selector.current().is_none());
    encoder.picture(true);
    assert!(subscriber.show(&encoder.picture(false)).is_empty());
    subscriber.show(&encoder.picture(true));
    subscriber.selector.restart();
    assert!(subscriber.selector.wants_key_frame());
    assert!(subscriber.show(&encoder.picture(false)).is_empty());
    assert_eq!(subscriber.show(&encoder.picture(true)).len(), 1);
}

#[test]
fn without_a_readable_descriptor_av1_is_left_out_only_where_others_have_one() {
    let mut selector = Selector::new(layers(0, 0));
    let mut select = |starts: bool, dependency: Option<&Frame>| {
        let payload = [if starts { 0x18 } else { 0x10 }, 6 << 3, 0xaa];
        let facts = read(Video::Av1, &payload, true, dependency).expect("sound");
        let packet = Packet {
            facts: &facts,
            dependency,
            time: 0,
            marker: true,
        };
        selector.select(packet).is_some()
    };
    assert!(select(true, None) && select(false, None));
    let mut encoder = Encoder::new(Video::Av1, MODES[0]);
    let frame = Structures::default()
        .read(&encoder.picture(true)[0].descriptor)
        .expect("sound");
    assert!(select(true, Some(&frame)));
    assert!(!select(false, None));
}

#[test]
fn vp8_begins_a_temporal_layer_with_a_frame_in_sync() {
    let mut selector = Selector::new(layers(0, 0));
    let mut time = 0;
    let mut select = |selector: &mut Selector, layer: u8, is_key: bool| {
        time += TICKS;
        let payload = [0x90, 0x20, layer, u8::from(!is_key)];
        let facts = read(Video::Vp8, &payload, true, None).expect("sound");
        let packet = Packet {
            facts: &facts,
            dependency: None,
            time,
            marker: true,
        };
        selector.select(packet).is_some()
    };
    let (lowest, second, second_in_sync, third, third_in_sync) = (0x00, 0x40, 0x60, 0x80, 0xa0);
    assert!(!select(&mut selector, lowest, false));
    assert!(select(&mut selector, lowest, true) && !select(&mut selector, second_in_sync, false));
    selector.aim(layers(0, 2));
    assert!(!select(&mut selector, third, false) && !select(&mut selector, second, false));
    assert!(select(&mut selector, second_in_sync, false) && !select(&mut selector, third, false));
    assert!(select(&mut selector, third_in_sync, false) && select(&mut selector, third, false));
    selector.aim(layers(0, 1));
    assert!(!select(&mut selector, third, false) && select(&mut selector, second, false));
    assert!(!selector.wants_key_frame());
}
