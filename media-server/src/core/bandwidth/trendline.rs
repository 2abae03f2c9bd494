//! The delay-based detector: whether packets take longer and longer, which is a queue that grows.
//!
//! Invariant: it knows only differences of delays, so the two clocks need not agree; its threshold follows the path's own
//! unrest, so that jitter alone is not taken for a queue for long.
//!
//! After draft-ietf-rmcat-gcc-02 §5, with the line through the last delays that WebRTC uses in place of the filter there.

/// Packets that leave within this time are one group, microseconds (draft §5.2).
const GROUP_US: i64 = 5_000;

/// The groups through whose delays the line goes.
const WINDOW: usize = 20;

/// The share of the old in the smoothed delay.
const SMOOTHING: f64 = 0.9;

/// What makes of the line's slope a delay in milliseconds that can be held against the threshold.
const GAIN: f64 = 4.0;

/// The most groups by which the slope is multiplied: a slope that lasts is worth more than one that began.
const MOST_GROUPS: u32 = 60;

/// Overuse has to last this long, milliseconds (draft §5.4).
const LASTING_MS: f64 = 10.0;

/// The threshold: where it begins, and how far it goes, milliseconds (draft §5.4).
const THRESHOLD_MS: f64 = 12.5;
const LEAST_THRESHOLD_MS: f64 = 6.0;
const MOST_THRESHOLD_MS: f64 = 600.0;

/// How fast the threshold goes up and down toward the trend, a millisecond.
const UP_PER_MS: f64 = 0.0087;
const DOWN_PER_MS: f64 = 0.039;

/// A trend this far above the threshold is a sudden event that does not move it, milliseconds (draft §5.4).
const SUDDEN_MS: f64 = 15.0;

/// What the delays say of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Usage {
    /// The queue becomes shorter.
    Under,
    /// It stays as it is.
    Normal,
    /// It grows.
    Over,
}

/// Packets that left at about the same time.
#[derive(Debug, Clone, Copy)]
struct Group {
    first_sent_us: i64,
    last_sent_us: i64,
    last_at_us: i64,
}

/// The line through the last delays.
#[derive(Debug)]
pub(super) struct Trendline {
    group: Option<Group>,
    /// The first complete group's arrival and delay, from which both are counted, microseconds.
    origin_us: Option<(i64, i64)>,
    smoothed_ms: f64,
    /// A ring of arrival and smoothed delay, milliseconds since the origin.
    points: [(f64, f64); WINDOW],
    points_known: usize,
    /// Packets that left before do not count, microseconds.
    began_us: i64,
    groups: u32,
    last_at_ms: f64,
    previous_trend: f64,
    over_for_ms: f64,
    threshold_ms: f64,
    usage: Usage,
}

impl Default for Trendline {
    fn default() -> Self {
        Self {
            group: None,
            origin_us: None,
            smoothed_ms: 0.0,
            points: [(0.0, 0.0); WINDOW],
            points_known: 0,
            began_us: i64::MIN,
            groups: 0,
            last_at_ms: 0.0,
            previous_trend: 0.0,
            over_for_ms: 0.0,
            threshold_ms: THRESHOLD_MS,
            usage: Usage::Normal,
        }
    }
}

impl Trendline {
    /// What the delays say at present.
    pub(super) fn usage(&self) -> Usage {
        self.usage
    }

    /// Whether enough groups came for a line.
    pub(super) fn is_known(&self) -> bool {
        self.points_known >= WINDOW
    }

    /// The rate has fallen: a new line begins with what leaves from now on, because the old one would blame the new rate
    /// for the queue of the one before.
    pub(super) fn fell(&mut self, now_us: i64) {
        self.began_us = now_us;
        self.group = None;
        self.origin_us = None;
        self.smoothed_ms = 0.0;
        self.points_known = 0;
        self.last_at_ms = 0.0;
        self.previous_trend = 0.0;
        self.over_for_ms = 0.0;
        self.usage = Usage::Normal;
    }

    /// A packet that left at `sent_us` came at `at_us`. One that was overtaken says nothing of the queue.
    pub(super) fn arrived(&mut self, sent_us: i64, at_us: i64) {
        if sent_us < self.began_us {
            return;
        }
        let Some(group) = &mut self.group else {
            self.group = Some(Group::of(sent_us, at_us));
            return;
        };
        if sent_us < group.first_sent_us || at_us < group.last_at_us {
            return;
        }
        if sent_us - group.first_sent_us <= GROUP_US {
            group.last_sent_us = group.last_sent_us.max(sent_us);
            group.last_at_us = at_us;
            return;
        }
        let complete = *group;
        self.group = Some(Group::of(sent_us, at_us));
        self.group_complete(complete);
    }

    fn group_complete(&mut self, group: Group) {
        let delay_us = group.last_at_us - group.last_sent_us;
        let (origin_at_us, origin_delay_us) = *self.origin_us.get_or_insert((group.last_at_us, delay_us));
        let at_ms = (group.last_at_us - origin_at_us) as f64 / 1e3;
        let delay_ms = (delay_us - origin_delay_us) as f64 / 1e3;
        self.smoothed_ms = SMOOTHING * self.smoothed_ms + (1.0 - SMOOTHING) * delay_ms;
        self.points[self.points_known % WINDOW] = (at_ms, self.smoothed_ms);
        self.points_known += 1;
        self.groups = self.groups.saturating_add(1);
        let passed_ms = (at_ms - self.last_at_ms).max(0.0);
        self.last_at_ms = at_ms;
        if self.is_known() {
            let trend = slope(&self.points);
            self.judge(trend, passed_ms);
        }
    }

    fn judge(&mut self, trend: f64, passed_ms: f64) {
        let trend_ms = trend * f64::from(self.groups.min(MOST_GROUPS)) * GAIN;
        if trend_ms > self.threshold_ms {
            self.over_for_ms += passed_ms;
            if self.over_for_ms > LASTING_MS && trend >= self.previous_trend {
                self.usage = Usage::Over;
            }
        } else {
            self.over_for_ms = 0.0;
            self.usage = if trend_ms < -self.threshold_ms {
                Usage::Under
            } else {
                Usage::Normal
            };
        }
        self.previous_trend = trend;
        self.follow(trend_ms.abs(), passed_ms.min(100.0));
    }

    /// Moves the threshold toward the trend.
    fn follow(&mut self, trend_ms: f64, passed_ms: f64) {
        let above_ms = trend_ms - self.threshold_ms;
        if above_ms > SUDDEN_MS {
            return;
        }
        let pace = if above_ms < 0.0 { DOWN_PER_MS } else { UP_PER_MS };
        self.threshold_ms =
            (self.threshold_ms + pace * above_ms * passed_ms).clamp(LEAST_THRESHOLD_MS, MOST_THRESHOLD_MS);
    }
}

impl Group {
    fn of(sent_us: i64, at_us: i64) -> Self {
        Self {
            first_sent_us: sent_us,
            last_sent_us: sent_us,
            last_at_us: at_us,
        }
    }
}

/// The slope of the line of least squares through the points.
fn slope(points: &[(f64, f64); WINDOW]) -> f64 {
    let count = WINDOW as f64;
    let (sum_x, sum_y) = points
        .iter()
        .fold((0.0, 0.0), |sum, point| (sum.0 + point.0, sum.1 + point.1));
    let (mean_x, mean_y) = (sum_x / count, sum_y / count);
    let (above, below) = points.iter().fold((0.0, 0.0), |sum, point| {
        let x = point.0 - mean_x;
        (sum.0 + x * (point.1 - mean_y), sum.1 + x * x)
    });
    if below > 0.0 { above / below } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A packet every 20 ms; the delay changes by `growth_us` each time.
    fn run(line: &mut Trendline, from: i64, count: i64, begin_us: i64, growth_us: i64) -> i64 {
        for index in 0..count {
            let sent_us = (from + index) * 20_000;
            line.arrived(sent_us, sent_us + begin_us + index * growth_us);
        }
        begin_us + count * growth_us
    }

    #[test]
    fn a_growing_queue_is_overuse_and_a_shrinking_one_underuse() {
        let mut line = Trendline::default();
        let delay = run(&mut line, 0, 60, -7_000_000, 0);
        assert_eq!(line.usage(), Usage::Normal);
        let delay = run(&mut line, 60, 20, delay, 5_000);
        assert_eq!(line.usage(), Usage::Over);
        run(&mut line, 80, 20, delay, -5_000);
        assert_eq!(line.usage(), Usage::Under);
    }

    #[test]
    fn jitter_alone_is_not_overuse() {
        let mut line = Trendline::default();
        let mut random = 7_u64;
        let mut over = 0;
        for index in 0..3000_i64 {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            let jitter_us = (random % 10_000) as i64;
            line.arrived(index * 20_000, index * 20_000 + jitter_us);
            over += usize::from(line.usage() == Usage::Over);
        }
        assert!(over < 90, "{over} of 3,000");
    }

    #[test]
    fn a_burst_counts_as_one_and_an_overtaken_packet_not_at_all() {
        let mut line = Trendline::default();
        for index in 0..10 {
            line.arrived(index * 100, 1000 + index * 100);
        }
        assert_eq!(line.groups, 0);
        line.arrived(30_000, 40_000);
        line.arrived(35_000, 20_000);
        line.arrived(36_000, 20_000);
        assert_eq!(line.groups, 1);
    }
}
