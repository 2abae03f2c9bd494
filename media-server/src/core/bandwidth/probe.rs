//! Probing: short bursts at a higher rate that show whether the link carries more than is sent.
//!
//! Invariant: one probe is under way at most; what it shows is never more than what was asked, than what was sent, or
//! than what came.
//!
//! As WebRTC's probe controller: at the beginning three and six times the first rate, later now and then while the
//! application sends less than it may. Here each step doubles the last and waits for its result, so a narrow link
//! is not flooded by the second before the first has shown it.

/// How long a probe lasts, microseconds.
const LASTS_US: f64 = 30_000.0;

/// The fewest packets that show a rate.
const FEWEST_PACKETS: u32 = 5;

/// The fewest bytes, so that packets are no smaller than a voice's.
const FEWEST_BYTES: usize = 1_000;

/// How much of a probe has to come.
const ENOUGH: f64 = 0.8;

/// The factor of the first probe, and of those that follow.
const FIRST: f64 = 3.0;
const NEXT: f64 = 2.0;

/// Below this share of what was sent the link was full, and this much of what came is taken.
const FULL: f64 = 0.9;
const TAKEN_OF_FULL: f64 = 0.95;

/// Coming this much faster than it was sent, a probe was held up and let go on its way: it shows nothing.
const BUNCHED: f64 = 2.0;

/// A probe without a result is given up after this time, microseconds.
const GIVEN_UP_US: i64 = 1_000_000;

/// The wait after a probe that showed nothing more: the first, and the longest, microseconds.
const FIRST_WAIT_US: i64 = 2_000_000;
const LONGEST_WAIT_US: i64 = 5_000_000;

/// The wait when more is wanted all at once, microseconds: wants may come and go.
const HURRIED_WAIT_US: i64 = 500_000;

/// A probe that the caller should send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Probe {
    /// Names it in [`Estimator::sent`](super::Estimator::sent).
    pub(crate) id: u32,
    /// The rate to send it at, bits a second.
    pub(crate) bps: u64,
    /// It has left when this many bytes have,
    pub(crate) bytes: usize,
    /// and this many packets.
    pub(crate) packets: u32,
}

/// A span of packets by one clock.
#[derive(Debug, Clone, Copy)]
struct Span {
    first_us: i64,
    last_us: i64,
    /// The bytes of the first and of the last packet: a span between packets is filled by all but one of them.
    first_bytes: usize,
    last_bytes: usize,
}

/// The probe under way.
#[derive(Debug, Clone, Copy)]
struct Cluster {
    probe: Probe,
    began_us: i64,
    /// The first and last sequence number that left with its name. What left in between belongs to it too, because
    /// it went through the same link.
    seqs: Option<(u64, u64)>,
    sent_bytes: usize,
    sent_packets: u32,
    came_bytes: usize,
    came_packets: u32,
    sent: Option<Span>,
    came: Option<Span>,
}

/// What a probe has shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Shown {
    /// The rate, bits a second.
    pub(super) bps: f64,
    /// The link carried it all.
    pub(super) has_passed: bool,
}

/// Plans probes and reads them.
#[derive(Debug, Default)]
pub(super) struct Prober {
    last_id: u32,
    cluster: Option<Cluster>,
    /// When the next may be sent, microseconds; none before feedback is known to come.
    next_us: Option<i64>,
    wait_us: i64,
    has_begun: bool,
    /// The caller was told that one is due, and need not be told again.
    is_told: bool,
}

impl Prober {
    /// Feedback comes: the first probe may be sent.
    pub(super) fn feedback_works(&mut self, now_us: i64) {
        if self.next_us.is_none() {
            self.next_us = Some(now_us);
            self.wait_us = FIRST_WAIT_US;
        }
    }

    /// The rate has fallen: no probe before its effect is known.
    pub(super) fn fell(&mut self, now_us: i64) {
        if self.next_us.is_some() {
            self.has_begun = true;
            self.wait(now_us + self.wait_us);
        }
    }

    /// More is wanted than before: no need to wait long.
    pub(super) fn hurry(&mut self, now_us: i64) {
        if let Some(next_us) = self.next_us {
            self.wait(next_us.min(now_us + HURRIED_WAIT_US));
        }
    }

    /// When the next is due, microseconds; None when one is under way, or the caller knows.
    pub(super) fn due_us(&self) -> Option<i64> {
        self.next_us.filter(|_| self.cluster.is_none() && !self.is_told)
    }

    /// When the one under way is given up, microseconds.
    pub(super) fn give_up_us(&self) -> Option<i64> {
        self.cluster.map(|cluster| cluster.began_us + GIVEN_UP_US)
    }

    /// The time of [`due_us`](Self::due_us) may have come; the caller knows by now.
    pub(super) fn ready(&mut self, now_us: i64) {
        self.is_told |= self.next_us.is_some_and(|next_us| next_us <= now_us);
    }

    fn wait(&mut self, until_us: i64) {
        self.next_us = Some(until_us);
        self.is_told = false;
    }

    /// The next probe, when it is due: no further than `ceiling_bps`.
    pub(super) fn take(&mut self, rate_bps: f64, ceiling_bps: f64, now_us: i64) -> Option<Probe> {
        if self.cluster.is_some() || self.next_us.is_none_or(|next_us| now_us < next_us) {
            return None;
        }
        let factor = if self.has_begun { NEXT } else { FIRST };
        let bps = (rate_bps * factor).min(ceiling_bps);
        self.has_begun = true;
        self.is_told = false;
        self.last_id = self.last_id.wrapping_add(1);
        let probe = Probe {
            id: self.last_id,
            bps: bps as u64,
            bytes: ((bps * LASTS_US / 8e6) as usize).max(FEWEST_BYTES),
            packets: FEWEST_PACKETS,
        };
        self.cluster = Some(Cluster {
            probe,
            began_us: now_us,
            seqs: None,
            sent_bytes: 0,
            sent_packets: 0,
            came_bytes: 0,
            came_packets: 0,
            sent: None,
            came: None,
        });
        Some(probe)
    }

    /// A packet left. `id` when it belongs to a probe.
    pub(super) fn sent(&mut self, seq: u64, bytes: usize, id: Option<u32>) {
        let Some(cluster) = self.cluster.as_mut().filter(|cluster| Some(cluster.probe.id) == id) else {
            return;
        };
        let (first, last) = cluster.seqs.unwrap_or((seq, seq));
        cluster.seqs = Some((first, last.max(seq)));
        cluster.sent_bytes += bytes;
        cluster.sent_packets += 1;
    }

    /// A packet that left at `sent_us` came at `at_us`.
    pub(super) fn arrived(&mut self, seq: u64, sent_us: i64, at_us: i64, bytes: usize) {
        if !self.covers(seq) {
            return;
        }
        if let Some(cluster) = &mut self.cluster {
            cluster.came_bytes += bytes;
            cluster.came_packets += 1;
            Span::widen(&mut cluster.sent, sent_us, bytes);
            Span::widen(&mut cluster.came, at_us, bytes);
        }
    }

    /// Whether `seq` went through the link with the probe under way.
    pub(super) fn covers(&self, seq: u64) -> bool {
        let seqs = self.cluster.and_then(|cluster| cluster.seqs);
        seqs.is_some_and(|(first, last)| (first..=last).contains(&seq))
    }

    /// What the probe under way has shown, when feedback up to `last_seq` has told it all.
    pub(super) fn shown(&mut self, last_seq: u64, now_us: i64) -> Option<Shown> {
        let cluster = self.cluster.as_ref()?;
        let has_left = cluster.sent_bytes >= cluster.probe.bytes && cluster.sent_packets >= cluster.probe.packets;
        let has_come = cluster.seqs.is_some_and(|(_, last)| last_seq >= last);
        if !(has_left && has_come) {
            return None;
        }
        let shown = cluster.shown();
        self.cluster = None;
        self.wait(now_us + self.wait_us);
        shown
    }

    /// The link gave more: the next follows at once.
    pub(super) fn gained(&mut self, now_us: i64) {
        self.wait(now_us);
        self.wait_us = FIRST_WAIT_US;
    }

    /// The link gave no more: the next waits longer.
    pub(super) fn failed(&mut self, now_us: i64) {
        self.wait_us = (self.wait_us * 3 / 2).min(LONGEST_WAIT_US);
        self.wait(now_us + self.wait_us);
    }

    /// Gives up a probe that brings no result.
    pub(super) fn tick(&mut self, now_us: i64) {
        if self
            .cluster
            .is_some_and(|cluster| now_us - cluster.began_us >= GIVEN_UP_US)
        {
            self.cluster = None;
            self.failed(now_us);
        }
    }

    /// Forgets the probe under way: the receiver's clock has jumped.
    pub(super) fn reset(&mut self, now_us: i64) {
        if self.cluster.take().is_some() {
            self.failed(now_us);
        }
    }
}

impl Cluster {
    fn shown(&self) -> Option<Shown> {
        let enough = f64::from(self.came_packets) >= f64::from(self.sent_packets) * ENOUGH
            && self.came_bytes as f64 >= self.sent_bytes as f64 * ENOUGH;
        let (sent, came) = (self.sent?, self.came?);
        if !enough || self.came_packets < 2 {
            return None;
        }
        let sent_bps = bps(self.came_bytes - sent.last_bytes, sent);
        let came_bps = bps(self.came_bytes - came.first_bytes, came);
        let asked_bps = self.probe.bps as f64;
        let offered_bps = sent_bps.min(asked_bps);
        if came_bps > BUNCHED * sent_bps {
            return None;
        }
        let has_passed = came_bps >= FULL * offered_bps;
        let bps = if has_passed {
            offered_bps.min(came_bps)
        } else {
            came_bps * TAKEN_OF_FULL
        };
        Some(Shown { bps, has_passed })
    }
}

impl Span {
    fn widen(span: &mut Option<Self>, us: i64, bytes: usize) {
        let span = span.get_or_insert(Self {
            first_us: us,
            last_us: us,
            first_bytes: bytes,
            last_bytes: bytes,
        });
        if us < span.first_us {
            (span.first_us, span.first_bytes) = (us, bytes);
        }
        if us >= span.last_us {
            (span.last_us, span.last_bytes) = (us, bytes);
        }
    }
}

/// Bits a second; a span too short for the clock is as long as the receiver's tick.
fn bps(bytes: usize, span: Span) -> f64 {
    const TICK_US: i64 = 250;
    bytes as f64 * 8.0 * 1e6 / (span.last_us - span.first_us).max(TICK_US) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A prober whose first probe, of 900 kbit/s, is taken at 0.
    fn probing() -> (Prober, Probe) {
        let mut prober = Prober::default();
        assert_eq!(prober.take(300_000.0, 10e6, 0), None, "no feedback is known to come");
        prober.feedback_works(0);
        let probe = prober.take(300_000.0, 10e6, 0).expect("one is due");
        (prober, probe)
    }

    /// Sends the probe in packets of 700 bytes at its rate; they come `stretch` times as far apart. Gives what it showed.
    fn send(prober: &mut Prober, probe: Probe, count: u64, stretch: f64) -> Option<Shown> {
        let gap_us = 700.0 * 8e6 / probe.bps as f64;
        for seq in 0..count {
            prober.sent(seq, 700, Some(probe.id));
            let sent_us = seq as f64 * gap_us;
            prober.arrived(seq, sent_us as i64, (sent_us * stretch) as i64 - 5_000_000, 700);
        }
        prober.shown(count - 1, 100_000)
    }

    #[test]
    fn the_first_is_three_times_the_rate_and_the_next_twice_what_it_showed() {
        let (mut prober, probe) = probing();
        assert_eq!((probe.bps, probe.packets), (900_000, 5));
        assert_eq!(prober.take(300_000.0, 10e6, 0), None, "one at a time");
        let shown = send(&mut prober, probe, 5, 1.0).expect("it has come");
        assert!(
            shown.has_passed && (850_000.0..=900_000.0).contains(&shown.bps),
            "{shown:?}"
        );
        prober.gained(100_000);
        let next = prober.take(shown.bps, 10e6, 100_000).expect("one is due");
        assert!((1_700_000..=1_800_000).contains(&next.bps) && next.id != probe.id);
    }

    #[test]
    fn none_goes_beyond_what_is_wanted() {
        let (mut prober, _) = probing();
        prober.reset(0);
        let next = prober.take(300_000.0, 450_000.0, LONGEST_WAIT_US);
        assert_eq!(next.map(|probe| probe.bps), Some(450_000));
    }

    #[test]
    fn a_full_link_shows_what_it_carries_and_the_next_waits() {
        let (mut prober, probe) = probing();
        let shown = send(&mut prober, probe, 5, 2.0).expect("it has come");
        assert!(!shown.has_passed);
        assert!((400_000.0..450_000.0).contains(&shown.bps), "{shown:?}");
        prober.failed(100_000);
        assert_eq!(prober.take(shown.bps, 10e6, 100_000 + FIRST_WAIT_US), None);
        assert!(prober.take(shown.bps, 10e6, 100_000 + LONGEST_WAIT_US).is_some());
    }

    #[test]
    fn invented_arrival_times_show_nothing() {
        let (mut prober, probe) = probing();
        assert_eq!(send(&mut prober, probe, 5, 0.01), None);
        assert!(!prober.covers(0), "it is over");
    }

    #[test]
    fn one_that_does_not_leave_or_does_not_come_is_given_up() {
        let (mut prober, probe) = probing();
        assert_eq!(send(&mut prober, probe, 2, 1.0), None);
        assert!(prober.covers(0), "it has not left whole");
        prober.tick(GIVEN_UP_US);
        assert!(!prober.covers(0));
        assert!(prober.due_us().is_some_and(|due_us| due_us > GIVEN_UP_US));
        let probe = prober.take(300_000.0, 10e6, 2 * LONGEST_WAIT_US).expect("one is due");
        for seq in 10..20 {
            prober.sent(seq, 700, Some(probe.id));
        }
        prober.arrived(10, 0, 0, 700);
        prober.arrived(19, 9_000, 9_000, 700);
        assert_eq!(prober.shown(19, 2 * LONGEST_WAIT_US), None, "too little came to judge");
    }
}
