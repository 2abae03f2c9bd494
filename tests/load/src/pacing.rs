//! When a camera's packets go out: a WebRTC sender's pacing, made anew from a seed.
//!
//! What it imitates: a browser's camera encodes 30 pictures a second, each a burst of packets sent back to
//! back (libwebrtc's pacer lets up to 40 ms worth go at once). A picture that depends on others varies
//! around the mean, and what is large stays large for a while; a key picture is five times the mean, and
//! comes when asked for, or every ten seconds; what exceeds three mean pictures waits for the next 10 ms. A
//! camera's clock is off by up to 2 ms a picture.
//!
//! Invariant: over ten seconds the packets are those of the wanted rate, whatever the pictures' sizes.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

/// Pictures a second.
pub const PICTURES: u32 = 30;

/// Pictures from one key picture to the next when nobody asks.
const GROUP: u32 = 300;

/// A key picture's size in mean pictures.
const KEY_SIZE: f64 = 5.0;

/// How many mean pictures go out at once.
const BURST: f64 = 3.0;

/// Between the bursts of one picture.
pub const BURST_GAP: Duration = Duration::from_millis(10);

/// The most by which a picture is early or late.
const JITTER_US: i64 = 2000;

/// Pictures closer than this to the last key picture aren't made key pictures: requests pile up when many
/// join at once.
const KEY_REST: u32 = 10;

/// One picture to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Whether a decoder can begin with it.
    pub is_key: bool,
    /// Packets of each burst: [`BURST_GAP`] apart.
    pub bursts: Vec<u32>,
}

/// A camera's pictures.
#[derive(Debug)]
pub struct Camera {
    random: StdRng,
    packets_per_picture: f64,
    /// What the last pictures were like, relative to the mean.
    activity: f64,
    /// Packets owed to the rate.
    owed: f64,
    since_key: u32,
    is_key_wanted: bool,
    count: u32,
}

impl Camera {
    /// One that sends so many packets a second.
    #[must_use]
    pub fn new(seed: u64, packets_per_second: f64) -> Self {
        let mut random = StdRng::seed_from_u64(seed);
        // Cameras don't begin their groups together.
        let since_key = random.random_range(0..GROUP);
        Self {
            random,
            packets_per_picture: packets_per_second / f64::from(PICTURES),
            activity: 1.0,
            owed: 0.0,
            since_key,
            is_key_wanted: true,
            count: 0,
        }
    }

    /// Sends another rate from the next picture on.
    pub fn set_rate(&mut self, packets_per_second: f64) {
        self.packets_per_picture = packets_per_second / f64::from(PICTURES);
        self.owed = 0.0;
    }

    /// Somebody needs a key picture.
    pub fn ask_key(&mut self) {
        self.is_key_wanted = true;
    }

    /// The next picture.
    pub fn picture(&mut self) -> Picture {
        self.since_key += 1;
        let may_be_key = self.count == 0 || self.since_key >= KEY_REST;
        let is_key = (self.is_key_wanted && may_be_key) || self.since_key >= GROUP;
        self.count += 1;
        // A walk around one that is drawn back to it.
        let step = self.random.random_range(-0.35..0.35);
        self.activity = (1.0 + 0.85 * (self.activity - 1.0) + step).clamp(0.3, 2.5);
        let size = if is_key { KEY_SIZE } else { self.activity };
        if is_key {
            self.since_key = 0;
            self.is_key_wanted = false;
        }
        // What is over the rate is taken back from the next pictures, at most half of each.
        let wanted = size * self.packets_per_picture;
        let back = (self.owed.abs()).min(wanted / 2.0).copysign(self.owed);
        let packets = (wanted + back).round().max(1.0);
        self.owed += self.packets_per_picture - packets;
        Picture {
            is_key,
            bursts: self.split(packets as u32),
        }
    }

    /// By how much the next picture is early or late, in microseconds.
    pub fn jitter_us(&mut self) -> i64 {
        self.random.random_range(-JITTER_US..=JITTER_US)
    }

    fn split(&self, packets: u32) -> Vec<u32> {
        let most = (BURST * self.packets_per_picture).ceil().max(3.0) as u32;
        let mut bursts = vec![most; (packets / most) as usize];
        if !packets.is_multiple_of(most) {
            bursts.push(packets % most);
        }
        bursts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_kept_and_the_same_seed_makes_the_same_pictures() {
        for rate in [60.0, 200.0, 700.0, 2_000.0] {
            let (mut one, mut other) = (Camera::new(7, rate), Camera::new(7, rate));
            let pictures: Vec<Picture> = (0..3 * GROUP).map(|_| one.picture()).collect();
            assert!(pictures.iter().all(|it| *it == other.picture()));
            let packets: u32 = pictures.iter().flat_map(|it| &it.bursts).sum();
            let expected = rate * 30.0;
            assert!(
                (f64::from(packets) - expected).abs() < expected * 0.02,
                "{packets} for {expected}"
            );
        }
    }

    #[test]
    fn it_begins_with_a_key_picture_and_makes_one_when_asked_and_every_ten_seconds() {
        let mut camera = Camera::new(3, 300.0);
        let keys = |camera: &mut Camera, n: u32| (0..n).filter(|_| camera.picture().is_key).count();
        assert!(camera.picture().is_key);
        assert_eq!(keys(&mut camera, GROUP), 1);
        camera.ask_key();
        camera.ask_key();
        assert_eq!(keys(&mut camera, 2 * KEY_REST), 1);
    }

    #[test]
    fn a_key_picture_is_spread_over_bursts() {
        let mut camera = Camera::new(3, 300.0);
        let key = camera.picture();
        assert_eq!(key.bursts, [30, 20]);
        let mut slow = Camera::new(3, 30.0);
        assert!((0..100).all(|_| slow.picture().bursts.iter().all(|it| (1..=3).contains(it))));
    }
}
