//! The ways between the workers of a node.
//!
//! Invariant: what one worker says to another arrives in the order in which it was said, but media may be missing: it is
//! lost where it would have to wait. Nobody ever waits for another worker.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::core::{Relay, Spill, WorkerIndex};

/// What lies ready for a worker. When full, media is lost and counted; all else waits at its sender.
const READY: usize = 1024;

/// Places that media leaves free for what must not be lost.
const RESERVED: usize = 256;

/// What waits at a sender for one worker, which must be stuck then: the node's heartbeat fades. When full the oldest is lost.
const WAITING: usize = 4096;

/// After what time a full channel is tried again.
const RETRY: Duration = Duration::from_millis(5);

/// One worker's ways to all, and its own ear.
#[derive(Debug)]
pub struct Links {
    worker: WorkerIndex,
    inbox: mpsc::Receiver<(WorkerIndex, Relay)>,
    others: Vec<Way>,
}

#[derive(Debug)]
struct Way {
    ready: mpsc::Sender<(WorkerIndex, Relay)>,
    waiting: VecDeque<Relay>,
}

/// The links of so many workers, in the order of their numbers.
#[must_use]
pub fn between(workers: usize) -> Vec<Links> {
    let (senders, inboxes): (Vec<_>, Vec<_>) = (0..workers).map(|_| mpsc::channel(READY)).unzip();
    let way = |ready: &mpsc::Sender<_>| Way {
        ready: ready.clone(),
        waiting: VecDeque::new(),
    };
    let links = inboxes.into_iter().enumerate().map(|(worker, inbox)| Links {
        worker,
        inbox,
        others: senders.iter().map(way).collect(),
    });
    links.collect()
}

impl Links {
    /// How rooms spill with so many participants on one worker.
    #[must_use]
    pub fn spill(&self, after: usize) -> Spill {
        Spill {
            worker: self.worker,
            workers: self.others.len(),
            after,
        }
    }

    /// What is said next, and by whom.
    pub async fn next(&mut self) -> Option<(WorkerIndex, Relay)> {
        self.inbox.recv().await
    }

    /// What has been said already.
    pub fn try_next(&mut self) -> Option<(WorkerIndex, Relay)> {
        self.inbox.try_recv().ok()
    }

    /// Says something. False: it, or something older, is lost.
    pub fn send(&mut self, to: WorkerIndex, relay: Relay) -> bool {
        let worker = self.worker;
        let Some(way) = self.others.get_mut(to) else {
            return false;
        };
        way.hurry(worker);
        if relay.is_media() {
            let has_place = way.waiting.is_empty() && way.ready.capacity() > RESERVED;
            return has_place && way.ready.try_send((worker, relay)).is_ok();
        }
        let is_stuck = way.waiting.len() >= WAITING;
        if is_stuck {
            tracing::error!(worker = to, "takes nothing any more; what it was to be told is lost");
            way.waiting.pop_front();
        }
        way.waiting.push_back(relay);
        way.hurry(worker);
        !is_stuck
    }

    /// When to try again; none: nothing waits.
    pub fn retry_at(&mut self, now: Instant) -> Option<Instant> {
        let worker = self.worker;
        self.others.iter_mut().for_each(|way| way.hurry(worker));
        let waits = self.others.iter().any(|way| !way.waiting.is_empty());
        waits.then(|| now + RETRY)
    }
}

impl Way {
    /// Sends what waits, as far as there is room.
    fn hurry(&mut self, from: WorkerIndex) {
        while !self.waiting.is_empty() {
            let Ok(place) = self.ready.try_reserve() else { return };
            let Some(relay) = self.waiting.pop_front() else { return };
            place.send((from, relay));
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::control::OutReason;
    use protocol::ids::{RoomId, TrackId};

    use super::*;

    fn media(number: usize) -> Relay {
        Relay::Media {
            room: RoomId::new("room").expect("a name"),
            track: TrackId::random(),
            layer: number,
            packets: Vec::new().into(),
        }
    }

    fn state(number: usize) -> Relay {
        Relay::Close {
            room: RoomId::new(format!("room-{number}")).expect("a name"),
            reason: OutReason::Left,
        }
    }

    #[test]
    fn media_is_lost_before_anything_else_and_nothing_else_is() {
        let mut links = between(2);
        let (mut to, mut from) = (links.pop().expect("two"), links.pop().expect("two"));
        let now = Instant::now();
        let sent = (0..READY).filter(|it| from.send(1, media(*it))).count();
        assert_eq!(sent, READY - RESERVED);
        assert!((0..RESERVED + 10).all(|it| from.send(1, state(it))), "they wait");
        assert!(from.retry_at(now).is_some_and(|at| at > now));
        assert!(!from.send(1, media(0)), "it would overtake");

        let mut heard = Vec::new();
        while let Some((worker, relay)) = to.try_next() {
            assert_eq!(worker, 0);
            heard.push(relay);
            from.retry_at(now);
        }
        assert_eq!(from.retry_at(now), None, "nothing waits any more");
        let (heard_media, heard_states) = heard.split_at(sent);
        assert!(
            heard_media
                .iter()
                .enumerate()
                .all(|(n, it)| matches!(it, Relay::Media { layer, .. } if *layer == n))
        );
        assert_eq!(heard_states.len(), RESERVED + 10);
        for (number, relay) in heard_states.iter().enumerate() {
            let Relay::Close { room, .. } = relay else {
                panic!("{relay:?}")
            };
            assert_eq!(room.as_str(), format!("room-{number}"), "in order");
        }
        assert!(from.send(1, media(1)));
    }

    #[test]
    fn what_is_for_a_stuck_worker_is_bounded() {
        let mut links = between(2);
        let from = &mut links[0];
        let lost = (0..READY + WAITING + 3).filter(|it| !from.send(1, state(*it))).count();
        assert_eq!(lost, 3);
    }
}
