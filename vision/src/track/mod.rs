//! Following people from picture to picture.
//!
//! Sure boxes are paired with those who are there at the least cost altogether, then weak boxes carry on whom a sure
//! one didn't find; who is seen in several pictures in a row is confirmed and gets a number; who isn't seen for a
//! while is given up. Pure: time is an argument, and the same boxes give the same people.
//!
//! Invariants: a number is given once and never again; nobody is told of before being confirmed, nor longer than
//! [`Rules::coast`] after having been seen last.

pub mod assign;
pub mod flow;
pub mod kalman;

use std::time::Duration;

use crate::model::Box2;
use assign::assign;
use kalman::Axis;

/// More are not followed: who comes then waits until somebody has left.
const MOST_TRACKS: usize = 500;

/// Somebody's number. It lives as long as the person is followed, in this process only.
pub type TrackId = u32;

/// A box that a detector found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// Where, in pixels.
    pub place: Box2,
    /// How sure, 0 to 1.
    pub score: f64,
}

/// What is believed of boxes and people. Lengths are shares of a person's height, so they hold near and far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rules {
    /// A box of this score is sure.
    pub sure: f64,
    /// Somebody new needs a box of this score.
    pub birth: f64,
    /// Seen so often, somebody is confirmed.
    pub confirm_after: u32,
    /// Somebody in plain view who isn't seen is told of for so long,
    pub show: Duration,
    /// and somebody behind others for so long.
    pub coast: Duration,
    /// Somebody not yet confirmed who isn't seen for so long was none.
    pub doubt: Duration,
    /// Least overlap of a sure box with where somebody is expected.
    pub overlap: f64,
    /// Whom no overlapping box was found for may have taken a sure one at this distance from where they are expected,
    pub reach: f64,
    /// and so much further for each second in which they weren't seen: nobody runs faster.
    pub reach_per_second: f64,
    /// Least overlap of a weak box.
    pub weak_overlap: f64,
    /// How much boxes jitter.
    pub jitter: f64,
    /// How much somebody's speed changes in a second.
    pub jerkiness: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            sure: 0.4,
            birth: 0.5,
            confirm_after: 3,
            show: Duration::from_millis(600),
            coast: Duration::from_millis(2000),
            doubt: Duration::from_millis(500),
            overlap: 0.2,
            reach: 0.25,
            reach_per_second: 0.9,
            weak_overlap: 0.35,
            jitter: 0.06,
            jerkiness: 0.5,
        }
    }
}

/// Somebody who is followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track {
    /// The number.
    pub id: TrackId,
    /// Where, in pixels, smoothed.
    pub place: Box2,
    /// Seen in this very picture; otherwise believed to be there.
    pub is_seen: bool,
}

#[derive(Debug, Clone)]
struct Inner {
    /// 0 until it is confirmed.
    id: TrackId,
    x: Axis,
    /// Of the feet: they stay on the ground when the head is hidden.
    foot: Axis,
    width: f64,
    height: f64,
    hits: u32,
    seen_at: Duration,
    is_hidden: bool,
}

impl Inner {
    fn new(seen: &Seen, now: Duration, rules: &Rules) -> Self {
        let place = seen.place;
        let (noise, speed) = (place.height * rules.jitter, place.height * 0.8);
        Self {
            id: 0,
            x: Axis::new(place.middle()[0], noise, speed),
            foot: Axis::new(place.bottom(), noise, speed),
            width: place.width,
            height: place.height,
            hits: 1,
            seen_at: now,
            is_hidden: false,
        }
    }

    fn place(&self) -> Box2 {
        Box2::new(
            self.x.position - self.width / 2.0,
            self.foot.position - self.height,
            self.width,
            self.height,
        )
    }

    fn is_confirmed(&self) -> bool {
        self.id > 0
    }

    fn pass(&mut self, seconds: f64, is_unseen: bool, rules: &Rules) {
        let jerkiness = self.height * rules.jerkiness;
        self.x.pass(seconds, jerkiness);
        self.foot.pass(seconds, jerkiness);
        if is_unseen {
            // Who is out of sight may have stopped.
            let factor = (-seconds / 1.5).exp();
            self.x.slow_down(factor);
            self.foot.slow_down(factor);
        }
    }

    fn measure(&mut self, seen: &Seen, now: Duration, rules: &Rules) {
        let place = seen.place;
        // A weak box is half a person, or a blurred one: it says less.
        let noise = self.height * rules.jitter * if seen.score >= rules.sure { 1.0 } else { 2.0 };
        self.x.measure(place.middle()[0], noise);
        self.foot.measure(place.bottom(), noise);
        let pace = if self.hits < 4 { 0.5 } else { 0.25 } * if seen.score >= rules.sure { 1.0 } else { 0.5 };
        self.width += pace * (place.width - self.width);
        self.height += pace * (place.height - self.height);
        self.hits = self.hits.saturating_add(1);
        self.seen_at = now;
    }

    fn unseen_for(&self, now: Duration) -> Duration {
        now.saturating_sub(self.seen_at)
    }
}

/// Follows people in one camera's pictures.
#[derive(Debug)]
pub struct Tracker {
    rules: Rules,
    tracks: Vec<Inner>,
    last_id: TrackId,
    now: Option<Duration>,
    seen_at: Option<Duration>,
    /// Between two looks of the detector, the last ones' average.
    pause: Duration,
}

impl Tracker {
    /// Nobody is there yet.
    #[must_use]
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            tracks: Vec::new(),
            last_id: 0,
            now: None,
            seen_at: None,
            pause: Duration::ZERO,
        }
    }

    /// Its rules.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Where everybody was last, confirmed or not, in the order that [`Tracker::pass`] takes shifts in.
    pub fn places(&self) -> impl Iterator<Item = Box2> + '_ {
        self.tracks.iter().map(Inner::place)
    }

    /// Time passes to `now`. `shifts`: by how much each of [`Tracker::places`] was seen to move since, in pixels,
    /// where that could be seen; may be empty. Times before the last one are taken for it.
    pub fn pass(&mut self, now: Duration, shifts: &[Option<[f64; 2]>]) {
        let last = self.now.unwrap_or(now);
        let now = now.max(last);
        self.now = Some(now);
        let seconds = (now - last).as_secs_f64();
        for (index, track) in self.tracks.iter_mut().enumerate() {
            let (x, foot) = (track.x.position, track.foot.position);
            track.pass(seconds, track.seen_at < last, &self.rules);
            if let Some([dx, dy]) = shifts.get(index).copied().flatten() {
                let noise = track.height * 0.03;
                track.x.measure(x + dx, noise);
                track.foot.measure(foot + dy, noise);
            }
        }
    }

    /// Nothing moved since the last picture: nobody came or went, and nobody needs to be seen to be there still.
    pub fn rest(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.now.unwrap_or(now));
        self.now = Some(now.max(self.now.unwrap_or(now)));
        for track in &mut self.tracks {
            track.seen_at += passed;
        }
    }

    /// What a detector finds in the picture of the time passed to.
    pub fn see(&mut self, seen: &[Seen]) {
        let now = self.now.unwrap_or_default();
        if let Some(before) = self.seen_at.replace(now) {
            let pause = now.saturating_sub(before);
            self.pause = if self.pause.is_zero() {
                pause
            } else {
                (self.pause * 7 + pause) / 8
            };
        }
        let rules = self.rules;
        let (sure, weak): (Vec<Seen>, Vec<Seen>) = seen.iter().partition(|seen| seen.score >= rules.sure);
        let mut left = self.pair(&sure, now, |_, expected, seen| {
            overlapping(expected, seen, rules.overlap)
        });
        self.pair(&weak, now, |track, expected, seen| {
            overlapping(expected, seen, rules.weak_overlap).filter(|_| track.is_confirmed())
        });
        let rest: Vec<usize> = (0..sure.len()).filter(|index| left[*index]).collect();
        let rest_of: Vec<Seen> = rest.iter().map(|index| sure[*index]).collect();
        let still_left = self.pair(&rest_of, now, |track, expected, seen| {
            let reach = rules.reach + rules.reach_per_second * track.unseen_for(now).as_secs_f64();
            within_reach(expected, seen, reach).filter(|_| track.is_confirmed())
        });
        for (index, is_left) in rest.into_iter().zip(still_left) {
            left[index] = is_left;
        }
        for seen in sure
            .iter()
            .zip(left)
            .filter_map(|(seen, is_left)| is_left.then_some(seen))
        {
            let is_there = |track: &Inner| track.seen_at == now && seen.place.covered_by(&track.place()) > 0.7;
            let is_new = seen.score >= rules.birth && !self.tracks.iter().any(is_there);
            if is_new && self.tracks.len() < MOST_TRACKS {
                self.tracks.push(Inner::new(seen, now, &rules));
            }
        }
        for track in &mut self.tracks {
            if !track.is_confirmed() && track.hits >= self.rules.confirm_after {
                self.last_id += 1;
                track.id = self.last_id;
            }
        }
        self.give_up(now);
    }

    /// Pairs boxes with those who aren't seen yet at `now`; says which boxes are left.
    fn pair(&mut self, seen: &[Seen], now: Duration, cost: impl Fn(&Inner, &Box2, &Box2) -> Option<f64>) -> Vec<bool> {
        let unseen: Vec<usize> = (0..self.tracks.len())
            .filter(|index| self.tracks[*index].seen_at < now)
            .collect();
        let expected: Vec<Box2> = unseen.iter().map(|index| self.tracks[*index].place()).collect();
        let pairs = assign(unseen.len(), seen.len(), |row, column| {
            let track = &self.tracks[unseen[row]];
            let cost = cost(track, &expected[row], &seen[column].place)?;
            // Who has been followed for long gets what was seen, before who may be none.
            Some(cost + if track.is_confirmed() { 0.0 } else { 0.3 })
        });
        let mut left = vec![true; seen.len()];
        for (row, column) in pairs.into_iter().enumerate() {
            if let Some(column) = column {
                left[column] = false;
                self.tracks[unseen[row]].measure(&seen[column], now, &self.rules);
            }
        }
        left
    }

    /// A camera that is looked at seldom sees people seldom: limits are a few looks at least.
    fn at_least_looks(&self, limit: Duration, looks: f64) -> Duration {
        limit.max(self.pause.mul_f64(looks))
    }

    fn give_up(&mut self, now: Duration) {
        let places: Vec<(Box2, bool)> = (self.tracks.iter())
            .map(|track| (track.place(), track.is_confirmed() && track.seen_at == now))
            .collect();
        for (index, track) in self.tracks.iter_mut().enumerate() {
            let place = track.place();
            // Whoever stands nearer to the camera, with feet further down, may hide the others.
            track.is_hidden = places.iter().enumerate().any(|(other, (nearer, is_seen))| {
                other != index && *is_seen && nearer.bottom() >= place.bottom() && place.covered_by(nearer) > 0.3
            });
        }
        let coast = self.at_least_looks(self.rules.coast, 3.5);
        let doubt = self.at_least_looks(self.rules.doubt, 1.5);
        self.tracks
            .retain(|track| track.unseen_for(now) <= if track.is_confirmed() { coast } else { doubt });
    }

    /// Everybody confirmed who is told of now.
    pub fn tracks(&self) -> impl Iterator<Item = Track> + '_ {
        let now = self.now.unwrap_or_default();
        let show = self.at_least_looks(self.rules.show, 1.5);
        let coast = self.at_least_looks(self.rules.coast, 3.5);
        self.tracks.iter().filter_map(move |track| {
            let unseen_for = track.unseen_for(now);
            let limit = if track.is_hidden { coast } else { show };
            (track.is_confirmed() && unseen_for <= limit).then(|| Track {
                id: track.id,
                place: track.place(),
                is_seen: unseen_for.is_zero(),
            })
        })
    }

    /// The scene is another one: everybody is forgotten, and no number comes again.
    pub fn forget(&mut self) {
        self.tracks.clear();
        self.now = None;
        self.seen_at = None;
    }
}

/// Whether a box may be the expected one by its size.
fn is_alike(expected: &Box2, seen: &Box2) -> bool {
    (0.5..=2.0).contains(&(seen.height / expected.height.max(1e-6)))
}

/// What pairing a box with an expected one costs; `None`: they can't be the same person.
fn overlapping(expected: &Box2, seen: &Box2, overlap: f64) -> Option<f64> {
    // Grown, so that who walks quickly or is far still overlaps.
    let shared = expected.grown(0.15).iou(&seen.grown(0.15));
    (shared >= overlap && is_alike(expected, seen)).then_some(1.0 - shared)
}

/// As [`overlapping`], by the distance between their feet as a share of their height.
fn within_reach(expected: &Box2, seen: &Box2, reach: f64) -> Option<f64> {
    let [dx, dy] = [
        seen.middle()[0] - expected.middle()[0],
        seen.bottom() - expected.bottom(),
    ];
    let distance = dx.hypot(dy) / expected.height.max(1e-6);
    (distance <= reach && is_alike(expected, seen)).then(|| distance / reach.max(1e-6))
}
