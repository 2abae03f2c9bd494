//! Connectivity checks that were answered. Their signature says who wrote them, not who sent them: whoever overhears one can
//! send it again, and would be sent the connection's media until the next one comes.
//!
//! Invariant: a check proves one way only, the first by which it came; another way needs a check of its own.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::core::Remote;

/// Checks that are remembered; the oldest goes when there are more. Browsers send one every two or three seconds, so an
/// overheard one is of no use for more than half an hour.
const REMEMBERED: usize = 1024;

/// What one connection has answered.
#[derive(Debug, Default)]
pub(super) struct Answered(VecDeque<Check>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Check {
    /// The first half of its transaction id, which is random. (RFC 8489 §5)
    id: [u8; 8],
    /// By which way it came, hashed: there are many of these.
    way: u64,
}

impl Check {
    /// Of a check, or of the answer to one: both carry the id.
    fn read(message: &[u8], way: Remote) -> Option<Self> {
        let mut hasher = DefaultHasher::new();
        way.hash(&mut hasher);
        Some(Self {
            id: message.get(8..16)?.try_into().ok()?,
            way: hasher.finish(),
        })
    }
}

impl Answered {
    /// A check by this way was answered.
    pub(super) fn remember(&mut self, answer: &[u8], way: Remote) {
        let Some(check) = Check::read(answer, way).filter(|it| !self.0.contains(it)) else {
            return;
        };
        if self.0.len() >= REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(check);
    }

    /// Whether somebody else sends what came by another way before. A way that was proven by another check stays good:
    /// whose check was sent on faster than it came itself doesn't lose it.
    pub(super) fn is_overheard(&self, check: &[u8], way: Remote) -> bool {
        let Some(check) = Check::read(check, way) else {
            return false;
        };
        let is_known = self.0.iter().any(|it| it.id == check.id && it.way != check.way);
        is_known && !self.0.iter().any(|it| it.id != check.id && it.way == check.way)
    }
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use super::*;
    use crate::core::Transport;

    fn way(port: u16) -> Remote {
        Remote {
            transport: Transport::Udp,
            address: SocketAddr::from(([192, 0, 2, 1], port)),
        }
    }

    fn check(number: u64) -> Vec<u8> {
        [
            &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42][..],
            &number.to_be_bytes(),
            &[0; 4],
        ]
        .concat()
    }

    #[test]
    fn a_check_proves_the_first_way_only() {
        let mut answered = Answered::default();
        assert!(!answered.is_overheard(&check(1), way(1)));
        answered.remember(&check(1), way(1));
        assert!(
            !answered.is_overheard(&check(1), way(1)),
            "sent again, as no answer came"
        );
        assert!(answered.is_overheard(&check(1), way(2)));
        assert!(
            !answered.is_overheard(&check(2), way(2)),
            "another way by a check of its own"
        );
        answered.remember(&check(2), way(2));
        assert!(answered.is_overheard(&check(2), way(3)));
    }

    #[test]
    fn whoever_is_faster_with_an_overheard_check_takes_nothing_from_whose_it_is() {
        let mut answered = Answered::default();
        answered.remember(&check(1), way(1));
        answered.remember(&check(2), way(2));
        assert!(!answered.is_overheard(&check(2), way(1)));
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let mut answered = Answered::default();
        for number in 0..REMEMBERED as u64 + 1 {
            answered.remember(&check(number), way(1));
        }
        assert_eq!(answered.0.len(), REMEMBERED);
        assert!(!answered.is_overheard(&check(0), way(2)), "forgotten");
        assert!(answered.is_overheard(&check(1), way(2)));
    }
}
