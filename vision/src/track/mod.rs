//! Following people from picture to picture.
//!
//! Sure boxes are paired with those who are there at the least cost altogether, then weak boxes carry on whom a sure
//! one didn't find, for a while (Zhang et al., "ByteTrack", 2022, is where that is from); who is seen in several pictures in a row is confirmed and gets a number; who isn't seen for a
//! while is given up. Pure: time is an argument, and the same boxes give the same people.
//!
//! Where looks are sparse ([`Rules::sparse`]) a walker's box doesn't overlap the one before: then pairs are made by how far
//! somebody can have walked, and whoever is found once is somebody.
//!
//! Whoever has only just become somebody is told of until the next look, unless that finds them again: boxes by chance follow each
//! other twice now and then, and hardly ever three times.
//!
//! Invariants: a number is given once and never again; nobody is told of before being confirmed, nor longer than
//! [`Rules::coast`] (where looks are rarer: three and a half of them) after having been seen last.

pub mod assign;
mod followed;
pub mod kalman;
mod rules;

pub use rules::Rules;

use std::f64::consts::SQRT_2;
use std::time::Duration;

use crate::model::Box2;
use assign::assign;
use followed::Followed;

/// More are not followed: who comes then waits until somebody has left.
const MOST_TRACKS: usize = 500;

/// A box is covered by who is in front when so much of the strip below it,
const COVERED: f64 = 0.3;

/// which is so high, as a share of the box's height, is theirs.
const BELOW: f64 = 0.2;

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

/// A box among the others of its picture.
#[derive(Debug, Clone, Copy)]
struct Sighting {
    seen: Seen,
    is_sure: bool,
    /// Somebody nearer to the camera is before its lower edge.
    is_covered: bool,
}

impl Sighting {
    fn of(all: &[Seen], index: usize, rules: &Rules) -> Self {
        let seen = all[index];
        let place = seen.place;
        let below = Box2::new(place.left, place.bottom(), place.width, place.height * BELOW);
        let mut others = all.iter().enumerate().filter(|(other, _)| *other != index);
        Self {
            seen,
            is_sure: seen.score >= rules.sure,
            is_covered: others.any(|(_, other)| other.score >= rules.sure && below.covered_by(&other.place) > COVERED),
        }
    }
}

/// Follows people in one camera's pictures.
#[derive(Debug)]
pub struct Tracker {
    rules: Rules,
    tracks: Vec<Followed>,
    last_id: TrackId,
    now: Option<Duration>,
    /// When a detector looked last.
    looked_at: Option<Duration>,
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
            looked_at: None,
            pause: Duration::ZERO,
        }
    }

    /// Its rules.
    #[must_use]
    pub fn rules(&self) -> Rules {
        self.rules
    }

    /// Time passes to `now`. Times before the last one are taken for it.
    pub fn pass(&mut self, now: Duration) {
        let last = self.now.unwrap_or(now);
        let now = now.max(last);
        self.now = Some(now);
        let seconds = (now - last).as_secs_f64();
        for track in &mut self.tracks {
            let is_missed = self.looked_at.is_some_and(|look| track.seen_at < look);
            track.pass(seconds, is_missed, &self.rules);
        }
    }

    /// Nothing moved since the last picture: nobody came or went, and nobody needs to be seen to be there still.
    pub fn rest(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.now.unwrap_or(now));
        self.now = Some(now.max(self.now.unwrap_or(now)));
        // Looks that nobody needs don't make looks sparse.
        self.looked_at = self.looked_at.map(|look| look + passed);
        for track in &mut self.tracks {
            track.seen_at += passed;
            track.sure_at += passed;
        }
    }

    /// What a detector finds in the picture of the time passed to.
    pub fn see(&mut self, seen: &[Seen]) {
        let now = self.now.unwrap_or_default();
        if let Some(before) = self.looked_at.replace(now) {
            let pause = now.saturating_sub(before);
            self.pause = if self.pause.is_zero() {
                pause
            } else {
                // A camera that was away for a while isn't looked at seldom.
                (self.pause * 7 + pause.min(self.pause * 3)) / 8
            };
        }
        let rules = self.rules;
        let outage = self.at_least_looks(rules.coast, 3.5) + self.pause * 2;
        self.tracks.retain(|track| track.unseen_for(now) <= outage);
        let sightings = (0..seen.len()).map(|index| Sighting::of(seen, index, &rules));
        let (sure, weak): (Vec<Sighting>, Vec<Sighting>) = sightings.partition(|sighting| sighting.is_sure);
        let is_sparse = self.is_sparse();
        let mut left = self.pair(&sure, now, |track, seen| {
            if is_sparse {
                within_reach(track, seen, now, &rules)
            } else {
                overlapping(&track.place(), seen, rules.overlap, &rules)
            }
        });
        let weak_for = self.at_least_looks(rules.weak_for, 3.5);
        self.pair(&weak, now, |track, seen| {
            let is_carried = track.is_confirmed() && now.saturating_sub(track.sure_at) <= weak_for;
            overlapping(&track.place(), seen, rules.weak_overlap, &rules).filter(|_| is_carried)
        });
        let rest: Vec<usize> = (0..sure.len()).filter(|index| left[*index]).collect();
        let rest_of: Vec<Sighting> = rest.iter().map(|index| sure[*index]).collect();
        let still_left = self.pair(&rest_of, now, |track, seen| within_reach(track, seen, now, &rules));
        for (index, is_left) in rest.into_iter().zip(still_left) {
            left[index] = is_left;
        }
        for seen in (0..sure.len())
            .filter(|index| left[*index])
            .map(|index| sure[index].seen)
        {
            let is_there = |track: &Followed| track.seen_at == now && seen.place.covered_by(&track.place()) > 0.7;
            let is_new = seen.score >= rules.birth && !self.tracks.iter().any(is_there);
            if is_new && self.tracks.len() < MOST_TRACKS {
                self.tracks.push(Followed::new(&seen, now, &rules));
            }
        }
        let enough = self.enough();
        for track in &mut self.tracks {
            if !track.is_confirmed() && track.hits >= enough {
                self.last_id += 1;
                track.id = self.last_id;
            }
        }
        self.give_up(now);
    }

    /// Pairs boxes with those who aren't seen yet at `now`; says which boxes are left.
    fn pair(&mut self, seen: &[Sighting], now: Duration, cost: impl Fn(&Followed, &Box2) -> Option<f64>) -> Vec<bool> {
        let unseen: Vec<usize> = (0..self.tracks.len())
            .filter(|index| self.tracks[*index].seen_at < now)
            .collect();
        let pairs = assign(unseen.len(), seen.len(), |row, column| {
            let track = &self.tracks[unseen[row]];
            let cost = cost(track, &track.whole(&seen[column], &self.rules))?;
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

    /// Whether a walker's boxes of two looks don't overlap.
    fn is_sparse(&self) -> bool {
        self.pause >= self.rules.sparse
    }

    /// Seen so often, somebody is confirmed.
    fn enough(&self) -> u32 {
        if self.is_sparse() { 1 } else { self.rules.confirm_after }
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
        let enough = self.enough();
        self.tracks.iter().filter_map(move |track| {
            let unseen_for = track.unseen_for(now);
            let limit = if track.is_hidden { coast } else { show };
            let is_believed = track.hits > enough || self.looked_at == Some(track.seen_at);
            (track.is_confirmed() && is_believed && unseen_for <= limit).then(|| Track {
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
        self.looked_at = None;
    }
}

/// Whether a box may be the expected one by its size.
fn is_alike(expected: &Box2, seen: &Box2) -> bool {
    (0.5..=2.0).contains(&(seen.height / expected.height.max(1e-6)))
}

/// What pairing a box with an expected one costs; `None`: they can't be the same person. Where two people cross, the
/// one in front has feet further down, and boxes that overlap as much are told apart by that.
fn overlapping(expected: &Box2, seen: &Box2, overlap: f64, rules: &Rules) -> Option<f64> {
    // Grown, so that who walks quickly or is far still overlaps.
    let shared = expected.grown(0.15).iou(&seen.grown(0.15));
    let feet = (seen.bottom() - expected.bottom()).abs() / expected.height.max(1e-6);
    (shared >= overlap && is_alike(expected, seen)).then_some(1.0 - shared + rules.feet * feet)
}

/// As [`overlapping`], by the distance between their feet as a share of how far they can have gone.
fn within_reach(track: &Followed, place: &Box2, now: Duration, rules: &Rules) -> Option<f64> {
    let expected = track.place();
    // Of whom was seen once nobody knows the way.
    let speed = if track.hits > 1 {
        rules.reach_per_second
    } else {
        rules.walk
    };
    // Who isn't confirmed may be none: two boxes of one place are no further apart than they jitter.
    let jitter = if track.is_confirmed() {
        rules.reach
    } else {
        SQRT_2 * rules.jitter
    };
    let reach = jitter + speed * track.unseen_for(now).as_secs_f64();
    let [dx, dy] = [
        place.middle()[0] - expected.middle()[0],
        place.bottom() - expected.bottom(),
    ];
    let distance = dx.hypot(dy) / expected.height.max(1e-6);
    (distance <= reach && is_alike(&expected, place)).then(|| distance / reach.max(1e-6))
}
