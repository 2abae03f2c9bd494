//! How well a participant's connection works, in one word.
//!
//! Invariant: a worse word comes at once, a better one only when it has held for [`HOLDS`]: a word doesn't flicker.

use std::time::{Duration, Instant};

use protocol::signal::Quality;

use super::speakers::Loudness;

/// How long a better quality has to hold.
const HOLDS: Duration = Duration::from_secs(3);

/// Nothing heard for so long is a lost connection, where packets flow all the time; where none do, only keep-alives are
/// heard, every 5 s at most (RFC 7675 §5.1), and some of them get lost.
pub(crate) const LOST_WHILE_FLOWING: Duration = Duration::from_secs(3);
pub(crate) const LOST_WHILE_QUIET: Duration = Duration::from_secs(12);

/// What is known of a connection.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Signs {
    /// The larger share of packets lost either way, 0 to 1.
    pub(crate) loss: f64,
    /// From the node to the client and back.
    pub(crate) round_trip: Option<Duration>,
    /// Whether a picture is held back because the link is too narrow.
    pub(crate) is_held_back: bool,
    /// Whether nothing is heard any more.
    pub(crate) is_lost: bool,
}

impl Signs {
    fn quality(self) -> Quality {
        let is_slow = |ms| self.round_trip.is_some_and(|it| it > Duration::from_millis(ms));
        if self.is_lost {
            Quality::Lost
        } else if self.is_held_back || self.loss > 0.10 || is_slow(600) {
            Quality::Poor
        } else if self.loss > 0.02 || is_slow(250) {
            Quality::Good
        } else {
            Quality::Excellent
        }
    }
}

/// One participant's.
#[derive(Debug, Default)]
pub(crate) struct Health {
    pub(crate) loudness: Loudness,
    /// The share of its own packets that were lost on their way here.
    pub(crate) loss_up: f64,
    told: Option<Quality>,
    /// Since when it has been better than was told.
    better_since: Option<Instant>,
}

impl Health {
    /// What was told last.
    pub(crate) fn told(&self) -> Option<Quality> {
        self.told
    }

    /// Another worker has judged it. Gives whether the word is a new one.
    pub(super) fn take_word(&mut self, quality: Quality) -> bool {
        self.told.replace(quality) != Some(quality)
    }

    /// The word for it, if it is another than was told last.
    pub(crate) fn judge(&mut self, signs: Signs, now: Instant) -> Option<Quality> {
        let quality = signs.quality();
        let is_better = self.told.is_some_and(|told| quality > told);
        if !is_better {
            self.better_since = None;
        } else if self.told != Some(Quality::Lost) {
            // Who is heard again is back at once.
            let since = *self.better_since.get_or_insert(now);
            if now.saturating_duration_since(since) < HOLDS {
                return None;
            }
        }
        let is_news = self.told.replace(quality) != Some(quality);
        if is_news {
            self.better_since = None;
        }
        is_news.then_some(quality)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Signs = Signs {
        loss: 0.0,
        round_trip: Some(Duration::from_millis(30)),
        is_held_back: false,
        is_lost: false,
    };

    #[test]
    fn worse_is_told_at_once_and_better_when_it_holds() {
        let start = Instant::now();
        let at = |s| start + Duration::from_secs(s);
        let mut health = Health::default();
        assert_eq!(health.judge(WELL, at(0)), Some(Quality::Excellent));
        assert_eq!(health.judge(WELL, at(1)), None);
        let lossy = Signs { loss: 0.2, ..WELL };
        assert_eq!(health.judge(lossy, at(2)), Some(Quality::Poor));
        assert_eq!(health.judge(WELL, at(3)), None);
        assert_eq!(health.judge(WELL, at(5)), None);
        assert_eq!(health.judge(WELL, at(6)), Some(Quality::Excellent));
        let lost = Signs { is_lost: true, ..WELL };
        assert_eq!(health.judge(lost, at(7)), Some(Quality::Lost));
        assert_eq!(
            health.judge(WELL, at(8)),
            Some(Quality::Excellent),
            "who is back is back"
        );
    }

    #[test]
    fn every_sign_has_its_word() {
        let word = |signs: Signs| signs.quality();
        assert_eq!(word(Signs { loss: 0.05, ..WELL }), Quality::Good);
        assert_eq!(
            word(Signs {
                is_held_back: true,
                ..WELL
            }),
            Quality::Poor
        );
        let slow = |ms| Signs {
            round_trip: Some(Duration::from_millis(ms)),
            ..WELL
        };
        assert_eq!((word(slow(300)), word(slow(700))), (Quality::Good, Quality::Poor));
        assert_eq!(
            word(Signs {
                round_trip: None,
                ..WELL
            }),
            Quality::Excellent
        );
    }
}
