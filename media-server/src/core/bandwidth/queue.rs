//! The queue before the bottleneck: how long it makes packets wait, and when it grows all at once.
//!
//! Invariant: a waiting time is held against the least of the last seconds, so a queue that others keep standing is
//! not counted after that; a sudden queue is told with what the link gave while it grew, never without.
//!
//! The line through twenty delays (`trendline`) needs a fifth of a second and more to see a cut, because a burst
//! counts once there. Here each packet counts: three behind each other, each later than the one before, are enough.

/// How long a least delay is remembered at least, microseconds; at most twice that.
const REMEMBERED_US: i64 = 5_000_000;

/// A queue that becomes shorter by this in a moment drains, microseconds.
const DRAINED_US: i64 = 3_000;

/// What stands in the queue on a calm path, microseconds: less is not a queue.
const STANDING_US: i64 = 10_000;

/// The unrest that is allowed for at most, microseconds.
const MOST_UNREST_US: i64 = 30_000;

/// A moment, microseconds: frames and voice leave more often.
const MOMENT_US: i64 = 100_000;

/// The waiting that is a sudden queue, microseconds: more than a wireless link's usual unrest.
const SUDDEN_US: i64 = 60_000;

/// How much of it has to have come in one unbroken growth, microseconds.
const GROWN_US: i64 = 40_000;

/// Each packet has to wait this much longer than the one before, microseconds: two ticks of the feedback's clock.
const STEP_US: i64 = 500;

/// The packets of a growth between which the link's rate is read, one more than they leave spans.
const RECENT: usize = FEWEST as usize + 1;

/// The packets and bytes after the first that have to show it: voice alone shows jitter, not what a link carries.
const FEWEST: u32 = 3;
const FEWEST_BYTES: u64 = 2_000;

/// Packets that come each later than the one before: the link is busy with them all the time.
#[derive(Debug, Clone, Copy)]
struct Growth {
    first_delay_us: i64,
    last_at_us: i64,
    last_delay_us: i64,
    /// Packets and bytes after the first.
    packets: u32,
    bytes: u64,
    /// A ring of the last arrivals and the bytes until then: the first of a growth may have passed before a cut.
    recent: [(i64, u64); RECENT],
}

/// The queue before the bottleneck.
#[derive(Debug, Default)]
pub(super) struct Queue {
    growth: Option<Growth>,
    /// The least delays of the half that is gone and of the one that runs. Only differences mean anything.
    least_us: Option<[i64; 2]>,
    half_began_us: i64,
    /// The same within moments: what waits even between bursts.
    moment_us: [i64; 2],
    moment_began_us: i64,
    /// How much delays differ from one packet to the next, smoothed, microseconds (as RFC 3550 §6.4.1 has it).
    jitter_us: i64,
}

impl Queue {
    /// A packet that left at `sent_us` came at `at_us`. Gives what the link carried, bits a second, when the queue
    /// has grown all at once.
    pub(super) fn arrived(&mut self, sent_us: i64, at_us: i64, bytes: usize) -> Option<f64> {
        let delay_us = at_us - sent_us;
        self.remember(delay_us, sent_us);
        self.watch(delay_us, sent_us);
        if let Some(growth) = &self.growth {
            let difference_us = (delay_us - growth.last_delay_us).abs().min(MOST_UNREST_US);
            self.jitter_us += (difference_us - self.jitter_us) / 32;
        }
        let goes_on = self
            .growth
            .as_ref()
            .is_some_and(|growth| delay_us >= growth.last_delay_us + STEP_US && at_us >= growth.last_at_us);
        match &mut self.growth {
            Some(growth) if goes_on => {
                growth.last_at_us = at_us;
                growth.last_delay_us = delay_us;
                growth.packets += 1;
                growth.bytes += bytes as u64;
                growth.recent[growth.packets as usize % RECENT] = (at_us, growth.bytes);
            }
            growth => {
                *growth = Some(Growth {
                    first_delay_us: delay_us,
                    last_at_us: at_us,
                    last_delay_us: delay_us,
                    packets: 0,
                    bytes: 0,
                    recent: [(at_us, 0); RECENT],
                });
            }
        }
        self.sudden()
    }

    fn remember(&mut self, delay_us: i64, now_us: i64) {
        let [old, running] = self.least_us.unwrap_or([delay_us; 2]);
        self.least_us = Some(if now_us - self.half_began_us > REMEMBERED_US {
            self.half_began_us = now_us;
            [running, delay_us]
        } else {
            [old, running.min(delay_us)]
        });
    }

    fn watch(&mut self, delay_us: i64, now_us: i64) {
        let [old, running] = self.moment_us;
        self.moment_us = if now_us - self.moment_began_us > MOMENT_US {
            self.moment_began_us = now_us;
            [running, delay_us]
        } else {
            [old, running.min(delay_us)]
        };
    }

    fn sudden(&self) -> Option<f64> {
        let growth = self.growth?;
        let is_sudden = self.waiting_us() >= SUDDEN_US
            && growth.last_delay_us - growth.first_delay_us >= GROWN_US
            && growth.packets >= FEWEST
            && growth.bytes >= FEWEST_BYTES;
        // The oldest of the last few: when the growth is longer, the place after the newest.
        let (since_us, since_bytes) = growth.recent[(growth.packets as usize + 1) % RECENT];
        let span_us = growth.last_at_us - since_us;
        (is_sudden && span_us > 0).then(|| (growth.bytes - since_bytes) as f64 * 8.0 * 1e6 / span_us as f64)
    }

    /// How much longer the last packet took than the fastest of the last seconds, microseconds.
    pub(super) fn waiting_us(&self) -> i64 {
        match (self.growth, self.least_us) {
            (Some(growth), Some([old, running])) => growth.last_delay_us - old.min(running),
            _ => 0,
        }
    }

    /// How long every packet of the last moment had to wait, microseconds: what stands in the queue even between the
    /// bursts of frames, which wait for one another however wide the link is.
    fn standing_us(&self) -> i64 {
        let [old, running] = self.moment_us;
        self.least_us
            .map_or(0, |[old_least, least]| old.min(running) - old_least.min(least))
    }

    /// Whether the queue is so long that talk suffers, and does not become shorter.
    pub(super) fn stays_long(&self) -> bool {
        self.standing_us() > SUDDEN_US && !self.is_draining()
    }

    /// Whether the queue becomes shorter.
    fn is_draining(&self) -> bool {
        let [old, running] = self.moment_us;
        running < old - DRAINED_US
    }

    /// Whether more stands in the queue than the path's own unrest explains.
    pub(super) fn is_standing(&self) -> bool {
        self.standing_us() > STANDING_US + self.jitter_us
    }

    /// Forgets: the receiver's clock has jumped.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_packets_of_a_burst_show_a_cut_and_what_is_left() {
        let mut queue = Queue::default();
        for index in 0..100_i64 {
            assert_eq!(queue.arrived(index * 10_000, index * 10_000 - 4_000_000, 1200), None);
        }
        // A burst through a link that is cut to 300 kbit/s: 32 ms a packet.
        let told: Vec<_> = (0..5_i64)
            .map(|index| queue.arrived(1_000_000, -3_000_000 + (index + 1) * 32_000, 1200))
            .collect();
        assert_eq!(told[..2], [None, None]);
        for told in &told[2..] {
            assert!(
                told.is_some_and(|bps| (260_000.0..=300_000.0).contains(&bps)),
                "{told:?}"
            );
        }
        assert_eq!(queue.waiting_us(), 160_000);
    }

    #[test]
    fn a_stall_after_which_all_comes_at_once_is_not_a_queue_that_grows() {
        let mut queue = Queue::default();
        for index in 0..100_i64 {
            queue.arrived(index * 10_000, index * 10_000, 1200);
        }
        for index in 0..20_i64 {
            let told = queue.arrived(1_000_000 + index * 10_000, 1_200_000 + index * 100, 1200);
            assert_eq!(told, None);
        }
    }

    #[test]
    fn a_queue_that_others_keep_standing_is_forgotten() {
        let mut queue = Queue::default();
        queue.arrived(0, 0, 1200);
        for index in 1..1500_i64 {
            queue.arrived(index * 10_000, index * 10_000 + 150_000, 1200);
        }
        assert_eq!(queue.waiting_us(), 0);
    }
}
