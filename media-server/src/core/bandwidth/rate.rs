//! The rate control: one rate that grows while all is well and falls to what came through when it is not.
//!
//! Invariant: the rate stays between [`FLOOR_BPS`] and [`MOST_BPS`]; it grows by media no further than a quarter above what was
//! acknowledged, and never above the ceiling.
//!
//! After draft-ietf-rmcat-gcc-02 §5.5: multiplicative while the link's limit is unknown, additive near it.

/// The least rate, bits a second: a voice. What is less could not be measured any more.
pub(super) const FLOOR_BPS: f64 = 30_000.0;

/// The most, bits a second: beyond all that one subscriber is sent.
const MOST_BPS: f64 = 100_000_000.0;

/// What is kept of what came through when the queue grows.
const BACK_OFF: f64 = 0.85;

/// What is kept when the queue has grown all at once: it has to be drained too.
const BACK_OFF_SUDDEN: f64 = 0.75;

/// What is kept at least of a rate that a probe shows to be too high.
const CORRECTION: f64 = 0.9;

/// Growth in a second while the limit is unknown.
const GROWTH: f64 = 1.08;

/// How far above what was acknowledged media alone lets the rate grow: the factor, and bits a second.
const ABOVE_ACKED: f64 = 1.25;
const ABOVE_ACKED_BPS: f64 = 10_000.0;

/// How near to the known limit is near.
const NEAR: f64 = 0.15;

/// The share of the new in the known limit.
const LIMIT_SMOOTHING: f64 = 0.2;

/// What a rate needs to show its effect besides the round trip, microseconds.
const RESPONSE_US: i64 = 100_000;

/// How long a fall by losses is remembered, microseconds.
const LOSS_REMEMBERED_US: i64 = 10_000_000;

/// The longest step of growth, microseconds: a pause does not count.
const LONGEST_STEP_US: i64 = 1_000_000;

/// The present rate and what is known of the link.
#[derive(Debug)]
pub(super) struct Rate {
    bps: f64,
    /// What came through when the queue grew: the link's limit.
    limit_bps: Option<f64>,
    last_growth_us: i64,
    last_fall_us: Option<i64>,
    /// When it last fell because of losses.
    last_loss_us: Option<i64>,
}

impl Rate {
    /// Begins with `bps`.
    pub(super) fn new(bps: f64) -> Self {
        Self {
            bps: bps.clamp(FLOOR_BPS, MOST_BPS),
            limit_bps: None,
            last_growth_us: 0,
            last_fall_us: None,
            last_loss_us: None,
        }
    }

    /// The rate, bits a second.
    pub(super) fn bps(&self) -> f64 {
        self.bps
    }

    /// Whether losses made it fall lately: those that remain may still come of it.
    pub(super) fn fell_by_loss(&self, now_us: i64) -> bool {
        self.last_loss_us
            .is_some_and(|loss_us| now_us - loss_us < LOSS_REMEMBERED_US)
    }

    /// The queue grows while `acked_bps` come through. Not more than once in the time that a fall needs to show,
    /// except when so little comes through that the last one cannot have been enough.
    pub(super) fn overuse(&mut self, acked_bps: f64, round_trip_us: i64, now_us: i64) {
        if !self.has_settled(round_trip_us, now_us) && acked_bps > self.bps / 2.0 {
            return;
        }
        self.limit_bps = Some(match self.limit_bps {
            Some(limit) if is_near(acked_bps, limit) => limit + LIMIT_SMOOTHING * (acked_bps - limit),
            _ => acked_bps,
        });
        self.fall(acked_bps * BACK_OFF, now_us);
    }

    /// The link suddenly carries no more than `bps`.
    pub(super) fn sudden(&mut self, bps: f64, now_us: i64) {
        self.limit_bps = Some(bps);
        self.fall(bps * BACK_OFF_SUDDEN, now_us);
    }

    /// The share `loss` is lost.
    pub(super) fn less(&mut self, loss: f64, acked_bps: f64, round_trip_us: i64, now_us: i64) {
        if self.has_settled(round_trip_us, now_us) {
            self.last_loss_us = Some(now_us);
            self.limit_bps = Some(acked_bps);
            self.fall((self.bps * (1.0 - loss / 2.0)).max(acked_bps.min(self.bps)), now_us);
        }
    }

    /// No word came from the receiver for long.
    pub(super) fn silence(&mut self, now_us: i64) {
        self.fall(self.bps / 2.0, now_us);
    }

    /// Feedback came and all is well: `acked_bps` come through.
    pub(super) fn grow(&mut self, acked_bps: f64, ceiling_bps: f64, round_trip_us: i64, now_us: i64) {
        let step_s = (now_us - self.last_growth_us).clamp(0, LONGEST_STEP_US) as f64 / 1e6;
        self.last_growth_us = now_us;
        if self.limit_bps.is_some_and(|limit| acked_bps > limit * (1.0 + NEAR)) {
            self.limit_bps = None;
        }
        let more_bps = match self.limit_bps {
            Some(limit) if is_near(self.bps, limit) => {
                // Half a packet in the time that a change needs to show.
                let packet_bits = (self.bps / 30.0).min(9600.0);
                packet_bits / 2.0 * step_s * 1e6 / (round_trip_us + RESPONSE_US) as f64
            }
            _ => self.bps * (GROWTH.powf(step_s) - 1.0),
        };
        let most_bps = ceiling_bps.min(acked_bps * ABOVE_ACKED + ABOVE_ACKED_BPS).min(MOST_BPS);
        // What is above already stays: that the application sends little does not make the link smaller.
        self.bps = self.bps.max((self.bps + more_bps).min(most_bps));
    }

    /// Feedback came, but the rate has to stay.
    pub(super) fn hold(&mut self, now_us: i64) {
        self.last_growth_us = now_us;
    }

    /// A probe has shown `bps`; `is_limit`: and that there is no more.
    pub(super) fn lift(&mut self, bps: f64, is_limit: bool, now_us: i64) {
        self.bps = self.bps.max(bps.min(MOST_BPS));
        if is_limit {
            self.limit_bps = Some(bps);
        } else if self.limit_bps.is_some_and(|limit| bps > limit * (1.0 + NEAR)) {
            self.limit_bps = None;
        }
        self.last_growth_us = now_us;
    }

    /// A probe has shown that the link carries no more than `bps`, which is less than the rate. One probe may err by
    /// jitter, so the rate goes only a part of the way.
    pub(super) fn correct(&mut self, bps: f64, now_us: i64) {
        self.limit_bps = Some(bps);
        self.bps = bps.max(self.bps * CORRECTION).max(FLOOR_BPS);
        self.last_growth_us = now_us;
    }

    fn fall(&mut self, to_bps: f64, now_us: i64) {
        let to_bps = to_bps.max(FLOOR_BPS);
        if to_bps < self.bps {
            self.bps = to_bps;
            self.last_fall_us = Some(now_us);
        }
        self.last_growth_us = now_us;
    }

    fn has_settled(&self, round_trip_us: i64, now_us: i64) -> bool {
        self.last_fall_us
            .is_none_or(|fall_us| now_us - fall_us >= round_trip_us + RESPONSE_US)
    }
}

fn is_near(bps: f64, limit_bps: f64) -> bool {
    (bps - limit_bps).abs() <= limit_bps * NEAR
}

#[cfg(test)]
mod tests {
    use super::*;

    const ROUND_TRIP_US: i64 = 40_000;

    #[test]
    fn it_grows_only_so_far_above_what_comes_through() {
        let mut rate = Rate::new(300_000.0);
        for step in 1..1000 {
            rate.grow(400_000.0, 10e6, ROUND_TRIP_US, step * 100_000);
        }
        assert_eq!(rate.bps(), 510_000.0);
        for step in 1000..2000 {
            rate.grow(1_000_000.0, 700_000.0, ROUND_TRIP_US, step * 100_000);
        }
        assert_eq!(rate.bps(), 700_000.0);
        rate.grow(50_000.0, 60_000.0, ROUND_TRIP_US, 200_000_000);
        assert_eq!(rate.bps(), 700_000.0, "sending little is no reason to fall");
    }

    #[test]
    fn many_reports_at_one_time_are_no_more_than_one() {
        let mut rate = Rate::new(300_000.0);
        rate.grow(300_000.0, 10e6, ROUND_TRIP_US, 1_000_000);
        let once = rate.bps();
        for _ in 0..1000 {
            rate.grow(300_000.0, 10e6, ROUND_TRIP_US, 1_000_000);
        }
        assert_eq!(rate.bps(), once);
    }

    #[test]
    fn it_falls_to_what_comes_through_and_waits_for_the_effect() {
        let mut rate = Rate::new(2_000_000.0);
        rate.overuse(1_500_000.0, ROUND_TRIP_US, 1_000_000);
        assert_eq!(rate.bps(), 1_275_000.0);
        rate.overuse(1_275_000.0, ROUND_TRIP_US, 1_050_000);
        assert_eq!(rate.bps(), 1_275_000.0);
        rate.overuse(300_000.0, ROUND_TRIP_US, 1_060_000);
        assert_eq!(rate.bps(), 255_000.0, "the last fall was not enough");
        rate.sudden(0.0, 1_070_000);
        assert_eq!(rate.bps(), FLOOR_BPS);
    }

    #[test]
    fn near_the_limit_it_grows_slowly_and_beyond_it_quickly_again() {
        let mut rate = Rate::new(1_000_000.0);
        rate.overuse(1_000_000.0, ROUND_TRIP_US, 1_000_000);
        for step in 0..10 {
            rate.grow(850_000.0, 10e6, ROUND_TRIP_US, 1_100_000 + step * 100_000);
        }
        assert!((851_000.0..900_000.0).contains(&rate.bps()), "{}", rate.bps());
        let before = rate.bps();
        for step in 0..10 {
            rate.grow(1_200_000.0, 10e6, ROUND_TRIP_US, 2_100_000 + step * 100_000);
        }
        assert!(rate.bps() > before * 1.07, "{}", rate.bps());
    }
}
