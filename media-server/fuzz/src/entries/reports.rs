//! RTCP from subscribers, and what the estimator makes of it.

use std::time::{Duration, Instant};

use media_server::core::bandwidth::Estimator;
use media_server::core::egress::feedback::FeedbackReader;
use media_server::core::egress::rtcp::{self, Report};

/// What a link is taken for first, in bits a second, and the most that is ever believed.
const FIRST_BPS: u64 = 1_000_000;
const MOST_BPS: u64 = 100_000_000;

/// Bytes of each packet that is sent, on the wire.
const PACKET: usize = 1200;

/// Steps: how many packets are sent and how much time goes by, how long the report is, and the report: a compound packet, or
/// a transport-wide feedback without its head.
pub fn reports(mut data: &[u8]) {
    let begun = Instant::now();
    let mut subscriber = Subscriber {
        now: begun,
        sent: 0,
        reader: FeedbackReader::default(),
        estimator: Estimator::new(FIRST_BPS, begun),
    };
    subscriber.estimator.want(MOST_BPS, begun);
    while let [how, len, behind @ ..] = data {
        let (report, behind) = behind.split_at(behind.len().min(usize::from(*len)));
        data = behind;
        subscriber.send(how >> 4, how & 7);
        if how & 8 == 0 {
            rtcp::read(report, |report| subscriber.take(&report));
        } else {
            subscriber.take(&Report::Transport(report));
        }
        subscriber.check();
    }
}

struct Subscriber {
    now: Instant,
    /// The last transport-wide sequence number.
    sent: u64,
    reader: FeedbackReader,
    estimator: Estimator,
}

impl Subscriber {
    fn send(&mut self, packets: u8, time: u8) {
        for _ in 0..packets {
            self.sent += 1;
            self.estimator.sent(self.sent, PACKET, None, self.now);
        }
        // From a millisecond to five seconds.
        self.now += Duration::from_millis(1) * 4_u32.pow(u32::from(time)).min(5000);
        self.estimator.tick(self.now);
    }

    fn take(&mut self, report: &Report<'_>) {
        match report {
            Report::Reception { since, .. } => {
                assert!(*since <= Duration::from_secs(1 << 16));
                self.estimator.round_trip((*since).min(Duration::from_secs(9)));
            }
            Report::Transport(bytes) => {
                let Some(arrivals) = self.reader.read(bytes, self.sent) else {
                    return;
                };
                assert!(arrivals.windows(2).all(|pair| pair[0].seq + 1 == pair[1].seq));
                assert!(arrivals.iter().all(|it| it.seq <= self.sent), "of one that wasn't sent");
                let lost = self.estimator.feedback(arrivals, self.now);
                let is_told = |seq: &u64| arrivals.iter().any(|it| it.seq == *seq && it.at_us.is_none());
                assert!(lost.iter().all(is_told), "lost without a word of it");
            }
            Report::Missing { .. } | Report::KeyFrame { .. } => {}
        }
    }

    fn check(&mut self) {
        let estimate = self.estimator.estimate_bps();
        assert!((1..=MOST_BPS).contains(&estimate), "{estimate}");
        assert!(
            (0.0..=1.0).contains(&self.estimator.loss()),
            "{}",
            self.estimator.loss()
        );
        // A probe may be due at once; then the estimator was asked, and waits.
        self.estimator.tick(self.now);
        assert!(
            self.estimator.next_timeout().is_none_or(|at| at > self.now),
            "it wants to be woken again and again"
        );
    }
}
