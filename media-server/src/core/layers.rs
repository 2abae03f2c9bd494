//! The layers in which a publisher sends a track: one, or several of different sizes (simulcast, RFC 8853).
//!
//! Invariant: layers are in ascending order of quality, as the publisher named them, and a track never has none. A layer's
//! list of subscribers holds exactly the slots that are shown it or are about to be.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use protocol::ids::TrackId;

use super::Seat;
use super::engine::{Packet, Rid};
use super::keyframes::KeyFrames;
use super::lipsync::Report;
use super::steps::Inside;

/// The most layers that a track may have.
pub(crate) const MAX_LAYERS: usize = 4;

/// How many of a picture's last packets are kept. They serve a subscriber whose first packet, the beginning
/// of a key frame, comes late: those that overtook it are not lost on it. When full the oldest goes.
const RECENT_PACKETS: usize = 64;

/// Over what time a rate is taken, and after what time without a packet it is nothing.
const RATE_WINDOW: Duration = Duration::from_millis(500);
const RATE_FADES: Duration = Duration::from_secs(2);

/// A layer from which no frame came for so long, while a smaller one brought so many, has stopped. (Of a screen frames are few
/// and far between, but a publisher encodes each in all of the layers that it sends.)
const STOPPED_FOR: Duration = Duration::from_millis(500);
const FRAMES_AHEAD: usize = 4;

/// Frames that are no farther apart are quick: about 18 a second. A pause counts as no more than this.
const QUICK: Duration = Duration::from_millis(55);
const LONGEST_INTERVAL: Duration = Duration::from_millis(500);

/// What a participant publishes.
#[derive(Debug)]
pub(crate) struct Track {
    pub(crate) id: TrackId,
    pub(crate) layers: Vec<Layer>,
    /// Who gets it, in whichever layer or none now: seat and slot of its *down* connection.
    pub(crate) subscribers: Vec<(Seat, usize)>,
    /// What the publisher was told to send; none: nothing yet.
    pub(crate) told_rids: Option<Vec<Rid>>,
    /// Since when a layer that is sent has had no watcher.
    pub(crate) unwatched_since: Option<Instant>,
}

impl Track {
    /// `rids` in ascending order of quality; empty: a single layer without a name.
    pub(crate) fn new(rids: &[Rid]) -> Self {
        let mut layers: Vec<Layer> = rids.iter().map(|rid| Layer::new(Some(*rid))).collect();
        if layers.is_empty() {
            layers.push(Layer::new(None));
        }
        Self {
            id: TrackId::random(),
            layers,
            subscribers: Vec::new(),
            told_rids: None,
            unwatched_since: None,
        }
    }

    /// Whether these are its layers.
    pub(crate) fn has_layers(&self, rids: &[Rid]) -> bool {
        match rids {
            [] => matches!(&*self.layers, [only] if only.rid.is_none()),
            _ => self.layers.iter().map(|it| it.rid).eq(rids.iter().copied().map(Some)),
        }
    }

    /// Which layer a packet is of.
    pub(crate) fn layer_of(&self, rid: Option<Rid>) -> Option<usize> {
        // A single layer needs no name.
        if self.layers.len() == 1 {
            return Some(0);
        }
        self.layers.iter().position(|it| it.rid == rid)
    }

    /// Whether a layer is sent now, as far as packets and its smaller ones tell.
    pub(crate) fn is_running(&self, number: usize, now: Instant) -> bool {
        let Some((layer, smaller)) = self.layers.get(number).zip(self.layers.get(..number)) else {
            return false;
        };
        let is_silent = layer.frames.is_silent(now);
        let has_stopped = is_silent && smaller.iter().any(|it| it.frames.is_ahead_of(&layer.frames));
        layer.rate.is_running(now) && !has_stopped
    }

    /// Takes a subscriber's slot from every layer's list.
    pub(crate) fn unlist(&mut self, subscriber: (Seat, usize)) {
        for layer in &mut self.layers {
            layer.subscribers.retain(|it| *it != subscriber);
        }
    }
}

/// One encoding of a track.
#[derive(Debug)]
pub(crate) struct Layer {
    pub(crate) rid: Option<Rid>,
    pub(crate) keyframes: KeyFrames,
    pub(crate) report: Option<Report>,
    pub(crate) recent: Recent,
    pub(crate) rate: Rate,
    pub(crate) frames: Frames,
    /// The layers inside it, where it has some.
    pub(crate) inside: Option<Box<Inside>>,
    /// Height in pixels, from its key frames.
    pub(crate) height: Option<u16>,
    /// The RTP time of its last key frame.
    pub(crate) key_time: Option<u32>,
    /// Those it goes to, and those that wait for it to begin.
    pub(crate) subscribers: Vec<(Seat, usize)>,
    /// What came and isn't sent on yet, with the time when it was captured. Bounded by one batch of input.
    pub(crate) pending: Vec<(Arc<Packet>, Instant)>,
}

impl Layer {
    fn new(rid: Option<Rid>) -> Self {
        Self {
            rid,
            keyframes: KeyFrames::default(),
            report: None,
            recent: Recent::default(),
            rate: Rate::default(),
            frames: Frames::default(),
            inside: None,
            height: None,
            key_time: None,
            subscribers: Vec::new(),
            pending: Vec::new(),
        }
    }
}

/// The last packets of a picture, with the time when they were captured.
#[derive(Debug, Default)]
pub(crate) struct Recent(VecDeque<(Arc<Packet>, Instant)>);

impl Recent {
    pub(crate) fn keep(&mut self, packet: Arc<Packet>, captured_at: Instant) {
        if self.0.len() == RECENT_PACKETS {
            self.0.pop_front();
        }
        self.0.push_back((packet, captured_at));
    }

    /// Those that follow a packet in its stream, in no order.
    pub(crate) fn after<'a>(&'a self, first: &Packet) -> impl Iterator<Item = &'a (Arc<Packet>, Instant)> + use<'a> {
        let (ssrc, seq) = (first.ssrc, first.seq);
        self.0.iter().filter(move |(it, _)| it.ssrc == ssrc && it.seq > seq)
    }
}

/// When the last frames began to come.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    /// The RTP time of the newest.
    time: Option<u32>,
    /// The newest first.
    came_at: [Option<Instant>; FRAMES_AHEAD],
    /// From one to the next, smoothed; pauses don't count.
    interval: Option<Duration>,
}

impl Frames {
    /// A packet of the frame of this RTP time came.
    pub(crate) fn came(&mut self, time: u32, now: Instant) {
        if self.time.replace(time) != Some(time) {
            if let Some(last) = self.came_at[0] {
                let interval = now.saturating_duration_since(last).min(LONGEST_INTERVAL);
                self.interval = Some(self.interval.map_or(interval, |it| (it * 15 + interval) / 16));
            }
            self.came_at.rotate_right(1);
            self.came_at[0] = Some(now);
        }
    }

    /// Whether half of them still move.
    pub(crate) fn are_quick(&self) -> bool {
        self.interval.is_some_and(|it| it <= QUICK)
    }

    fn is_silent(&self, now: Instant) -> bool {
        self.came_at[0].is_none_or(|at| now.saturating_duration_since(at) >= STOPPED_FOR)
    }

    /// Whether several came since the other's newest.
    fn is_ahead_of(&self, other: &Self) -> bool {
        self.came_at[FRAMES_AHEAD - 1].is_some_and(|at| other.came_at[0].is_none_or(|newest| newest < at))
    }
}

/// How much comes.
#[derive(Debug, Default)]
pub(crate) struct Rate {
    since: Option<Instant>,
    last: Option<Instant>,
    bytes: u64,
    bps: Option<f64>,
}

impl Rate {
    /// So many bytes came. A key frame's are 0: what it takes once, its layer doesn't take all the time.
    pub(crate) fn add(&mut self, bytes: usize, now: Instant) {
        if !self.is_running(now) {
            // What was before a pause says nothing about how much comes now.
            self.since = None;
            self.bytes = 0;
        }
        let since = *self.since.get_or_insert(now);
        let elapsed = now.saturating_duration_since(since);
        if elapsed >= RATE_WINDOW {
            let measured = self.bytes as f64 * 8.0 / elapsed.as_secs_f64();
            self.bps = Some(self.bps.map_or(measured, |before| (before + measured) / 2.0));
            self.since = Some(now);
            self.bytes = 0;
        }
        self.bytes += bytes as u64;
        self.last = Some(now);
    }

    /// Bits a second, as last measured; none: never yet.
    pub(crate) fn last_bps(&self) -> Option<u64> {
        self.bps.map(|it| it as u64)
    }

    /// Whether packets come.
    pub(crate) fn is_running(&self, now: Instant) -> bool {
        self.last
            .is_some_and(|last| now.saturating_duration_since(last) < RATE_FADES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_measured_and_fades() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut rate = Rate::default();
        assert_eq!((rate.last_bps(), rate.is_running(at(0))), (None, false));
        // 1,000 bytes every 10 ms are 800 kbit/s.
        for n in 0..300 {
            rate.add(1000, at(10 * n));
        }
        let bps = rate.last_bps().expect("measured");
        assert!((790_000..830_000).contains(&bps), "{bps}");
        assert!(rate.is_running(at(4900)) && !rate.is_running(at(5000)));
        rate.add(1000, at(60_000));
        rate.add(1000, at(60_600));
        assert_eq!(
            rate.last_bps().expect("measured") / 1000,
            (bps + 13_333) / 2 / 1000,
            "the pause doesn't count"
        );
    }

    #[test]
    fn a_layer_has_stopped_when_a_smaller_one_goes_on() {
        let start = Instant::now();
        let mut track = Track::new(&["q", "f"].map(Rid::from));
        let mut frame = |layers: &[usize], ms: u64| {
            let now = start + Duration::from_millis(ms);
            for number in layers {
                let layer = &mut track.layers[*number];
                layer.frames.came(ms as u32 * 90, now);
                layer.frames.came(ms as u32 * 90, now);
                layer.rate.add(1000, now);
            }
            (track.is_running(0, now), track.is_running(1, now))
        };
        assert_eq!(frame(&[0], 0), (true, false), "it never came");
        for ms in (33..1000).step_by(33) {
            assert_eq!(frame(&[0, 1], ms), (true, true));
        }
        for ms in (1000..1400).step_by(33) {
            assert_eq!(frame(&[0], ms), (true, true), "{ms}: one frame may take long");
        }
        assert_eq!(frame(&[0], 1500), (true, false));
        assert_eq!(frame(&[0, 1], 1533), (true, true), "and is back");
        // A screen that hardly changes: no frame of any layer for long, or one that comes a little later.
        assert_eq!(frame(&[0], 3000), (true, true));
        assert_eq!(frame(&[1], 3100), (true, true));
        for ms in (4000..9000).step_by(1000) {
            assert_eq!(frame(&[0], ms), (true, true));
            assert_eq!(frame(&[1], ms + 200), (true, true));
        }
    }

    #[test]
    fn a_track_knows_its_layers_by_name_or_by_being_alone() {
        let [low, high] = ["q", "f"].map(Rid::from);
        let track = Track::new(&[low, high]);
        assert_eq!((track.layer_of(Some(high)), track.layer_of(None)), (Some(1), None));
        assert!(track.has_layers(&[low, high]) && !track.has_layers(&[high, low]) && !track.has_layers(&[]));
        let single = Track::new(&[]);
        assert_eq!((single.layer_of(None), single.layer_of(Some(low))), (Some(0), Some(0)));
        assert!(single.has_layers(&[]) && !single.has_layers(&[low]));
    }
}
