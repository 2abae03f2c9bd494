//! Connectivity checks that came. Their signature says who wrote them, not who sent them: whoever overhears one can send it
//! again, and would be sent the connection's media until the next one comes.
//!
//! Invariant: a check proves one way only, the first by which it came; another way needs a check of its own.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::core::Remote;

/// Checks that are remembered; the oldest goes when there are more. Browsers send one every two or three seconds, so an
/// overheard one is of no use for more than half an hour.
const REMEMBERED: usize = 1024;

/// Checks that came and weren't answered: before the other end's description is there, none is. They may not be signed at
/// all, so there is little place for them; the oldest goes when there are more.
const UNANSWERED: usize = 32;

/// The checks of one connection.
#[derive(Debug, Default)]
pub(super) struct Checks {
    answered: VecDeque<Check>,
    unanswered: VecDeque<Check>,
}

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

impl Checks {
    /// A check came by this way.
    pub(super) fn came(&mut self, check: &[u8], way: Remote) {
        if let Some(check) = Check::read(check, way) {
            push(&mut self.unanswered, check, UNANSWERED);
        }
    }

    /// A check by this way was answered.
    pub(super) fn answered(&mut self, answer: &[u8], way: Remote) {
        if let Some(check) = Check::read(answer, way) {
            self.unanswered.retain(|it| *it != check);
            push(&mut self.answered, check, REMEMBERED);
        }
    }

    /// Whether somebody else sends what came by another way before. A way that was proven by another check stays good:
    /// whose check was sent on faster than it came itself doesn't lose it.
    pub(super) fn is_overheard(&self, check: &[u8], way: Remote) -> bool {
        let Some(check) = Check::read(check, way) else {
            return false;
        };
        let mut all = self.answered.iter().chain(&self.unanswered);
        let is_known = all.any(|it| it.id == check.id && it.way != check.way);
        is_known && !self.answered.iter().any(|it| it.id != check.id && it.way == check.way)
    }
}

fn push(list: &mut VecDeque<Check>, check: Check, most: usize) {
    if list.contains(&check) {
        return;
    }
    if list.len() >= most {
        list.pop_front();
    }
    list.push_back(check);
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
        let mut checks = Checks::default();
        assert!(!checks.is_overheard(&check(1), way(1)));
        checks.answered(&check(1), way(1));
        assert!(!checks.is_overheard(&check(1), way(1)), "sent again, as no answer came");
        assert!(checks.is_overheard(&check(1), way(2)));
        assert!(
            !checks.is_overheard(&check(2), way(2)),
            "another way by a check of its own"
        );
        checks.answered(&check(2), way(2));
        assert!(checks.is_overheard(&check(2), way(3)));
    }

    #[test]
    fn whoever_is_faster_with_an_overheard_check_takes_nothing_from_whose_it_is() {
        let mut checks = Checks::default();
        checks.answered(&check(1), way(1));
        checks.answered(&check(2), way(2));
        assert!(!checks.is_overheard(&check(2), way(1)));
    }

    #[test]
    fn there_is_an_end_to_what_is_remembered() {
        let mut checks = Checks::default();
        for number in 0..REMEMBERED as u64 + 1 {
            checks.answered(&check(number), way(1));
        }
        assert_eq!(checks.answered.len(), REMEMBERED);
        assert!(!checks.is_overheard(&check(0), way(2)), "forgotten");
        assert!(checks.is_overheard(&check(1), way(2)));
    }

    #[test]
    fn a_check_that_nobody_could_answer_yet_is_of_no_use_to_others_either() {
        let mut checks = Checks::default();
        checks.came(&check(1), way(1));
        assert!(checks.is_overheard(&check(1), way(2)));
        assert!(!checks.is_overheard(&check(1), way(1)));
        for number in 100..200 {
            checks.came(&check(number), way(9));
        }
        assert_eq!(checks.unanswered.len(), UNANSWERED);
        checks.answered(&check(199), way(9));
        assert_eq!(checks.unanswered.len(), UNANSWERED - 1);
    }
}
