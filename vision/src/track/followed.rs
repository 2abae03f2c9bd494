//! One person who is followed: where they are expected, and what is known of them.

use std::time::Duration;

use crate::model::Box2;

use super::kalman::Axis;
use super::{Rules, Seen, Sighting, TrackId};

/// How fast somebody may be at first, in their heights a second: a brisk walk.
const WALK: f64 = 0.8;

/// Who is out of sight may have stopped: after so many seconds a third of their speed is left.
const STOP_SECONDS: f64 = 1.5;

/// Seen so often, somebody's size is known.
const KNOWN_AFTER: u32 = 4;

#[derive(Debug, Clone)]
pub(super) struct Followed {
    /// 0 until it is confirmed.
    pub id: TrackId,
    x: Axis,
    /// Of the feet: they stay on the ground when the head is hidden.
    foot: Axis,
    width: f64,
    height: f64,
    pub hits: u32,
    pub seen_at: Duration,
    /// By a sure box.
    pub sure_at: Duration,
    pub is_hidden: bool,
}

impl Followed {
    pub fn new(seen: &Seen, now: Duration, rules: &Rules) -> Self {
        let place = seen.place;
        let (noise, speed) = (place.height * rules.jitter, place.height * WALK);
        Self {
            id: 0,
            x: Axis::new(place.middle()[0], noise, speed),
            foot: Axis::new(place.bottom(), noise, speed),
            width: place.width,
            height: place.height,
            hits: 1,
            seen_at: now,
            sure_at: now,
            is_hidden: false,
        }
    }

    pub fn place(&self) -> Box2 {
        Box2::new(
            self.x.position - self.width / 2.0,
            self.foot.position - self.height,
            self.width,
            self.height,
        )
    }

    pub fn is_confirmed(&self) -> bool {
        self.id > 0
    }

    pub fn unseen_for(&self, now: Duration) -> Duration {
        now.saturating_sub(self.seen_at)
    }

    pub fn pass(&mut self, seconds: f64, is_unseen: bool, rules: &Rules) {
        let jerkiness = self.height * rules.jerkiness;
        self.x.pass(seconds, jerkiness);
        self.foot.pass(seconds, jerkiness);
        if is_unseen {
            let factor = (-seconds / STOP_SECONDS).exp();
            self.x.slow_down(factor);
            self.foot.slow_down(factor);
        }
    }

    /// Of whose legs are hidden only the upper part is seen: the head says where the feet are.
    pub fn whole(&self, sighting: &Sighting, rules: &Rules) -> Box2 {
        let place = sighting.seen.place;
        let is_known = self.hits >= KNOWN_AFTER;
        if sighting.is_covered && is_known && place.height < self.height * rules.legless {
            Box2::new(place.left, place.top, place.width, self.height)
        } else {
            place
        }
    }

    /// A box was this person's.
    pub fn measure(&mut self, sighting: &Sighting, now: Duration, rules: &Rules) {
        let place = self.whole(sighting, rules);
        let is_sure = sighting.is_sure;
        // A weak box is half a person, or a blurred one: it says less.
        let noise = self.height * rules.jitter * if is_sure { 1.0 } else { 2.0 };
        self.x.measure(place.middle()[0], noise);
        self.foot.measure(place.bottom(), noise);
        let pace = if self.hits < KNOWN_AFTER { 0.5 } else { 0.25 } * if is_sure { 1.0 } else { 0.5 };
        self.width += pace * (place.width - self.width);
        self.height += pace * (place.height - self.height);
        self.hits = self.hits.saturating_add(1);
        self.seen_at = now;
        if is_sure {
            self.sure_at = now;
        }
    }
}
