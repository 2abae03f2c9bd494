//! What waits for one participant, by one kind of channel.
//!
//! Invariant: what waits is at most [`QUEUE`] bytes, or one message. On the reliable kind a message leaves only when the
//! other end has it, and in the order in which it came; on the lossy kind the oldest makes room for the newest.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::engine::{ChannelId, Delivery, Written};

/// Bytes that wait at most. Full: a reliable message is missed by this participant, and its sender is told so; on a lossy
/// channel the oldest is dropped.
const QUEUE: usize = 64 * 1024;

/// A lossy queue is shorter: what is late is worth little.
const LOSSY_QUEUE: usize = 16 * 1024;

/// With more bytes than this waiting, senders are held back: together with what one may send ahead of its answers
/// ([`protocol::data::WINDOW`]) it fits the queue.
const HOLDS_FROM: usize = QUEUE - protocol::data::WINDOW;

/// Who took nothing for so long holds nobody back.
pub(super) const STUCK: Duration = Duration::from_secs(2);

/// What carries messages to the other end.
pub(super) trait Carrier {
    /// Sends a message.
    fn write(&mut self, channel: ChannelId, delivery: Delivery, message: &[u8]) -> Written;

    /// Bytes of what was written that the other end doesn't have yet.
    fn on_the_way(&mut self, channel: ChannelId) -> usize;
}

/// What was written to the channel.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) messages: u64,
    pub(super) bytes: u64,
    /// Messages that the other end can't take: they are gone.
    pub(super) unfit: u64,
}

#[derive(Debug)]
pub(super) struct Outlet {
    delivery: Delivery,
    channel: Option<ChannelId>,
    /// Not written yet.
    waiting: VecDeque<Arc<[u8]>>,
    waiting_bytes: usize,
    /// Written to a reliable channel, and perhaps not arrived.
    written: VecDeque<Arc<[u8]>>,
    written_bytes: usize,
    /// When something arrived, or when there was nothing to arrive.
    moved_at: Instant,
}

impl Outlet {
    pub(super) fn new(delivery: Delivery, now: Instant) -> Self {
        Self {
            delivery,
            channel: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            written: VecDeque::new(),
            written_bytes: 0,
            moved_at: now,
        }
    }

    pub(super) fn channel(&self) -> Option<ChannelId> {
        self.channel
    }

    /// The channel is open.
    pub(super) fn opened(&mut self, channel: ChannelId) {
        self.closed();
        self.channel = Some(channel);
    }

    /// The channel is closed: what may not have arrived waits for the next one.
    pub(super) fn closed(&mut self) {
        self.channel = None;
        self.waiting_bytes += std::mem::take(&mut self.written_bytes);
        while let Some(message) = self.written.pop_back() {
            self.waiting.push_front(message);
        }
    }

    /// Bytes that wait or are on the way.
    pub(super) fn load(&self) -> usize {
        self.waiting_bytes + self.written_bytes
    }

    /// Whether senders are to wait for it.
    pub(super) fn holds(&self, now: Instant) -> bool {
        self.load() > HOLDS_FROM && now.saturating_duration_since(self.moved_at) < STUCK
    }

    /// Whether it would hold senders back if something of it arrived.
    pub(super) fn is_full(&self) -> bool {
        self.load() > HOLDS_FROM
    }

    /// Adds a message. False: there is no place for it.
    pub(super) fn push(&mut self, message: &Arc<[u8]>, now: Instant) -> bool {
        let load = self.load();
        if load == 0 {
            self.moved_at = now;
        } else if load + message.len() > QUEUE {
            return false;
        }
        self.waiting_bytes += message.len();
        self.waiting.push_back(Arc::clone(message));
        true
    }

    /// Adds a message in the oldest ones' place. Gives how many those were.
    pub(super) fn push_over(&mut self, message: &Arc<[u8]>) -> u64 {
        let mut dropped = 0;
        while self.waiting_bytes + message.len() > LOSSY_QUEUE
            && let Some(oldest) = self.waiting.pop_front()
        {
            self.waiting_bytes -= oldest.len();
            dropped += 1;
        }
        self.waiting_bytes += message.len();
        self.waiting.push_back(Arc::clone(message));
        dropped
    }

    /// Sends on as much as the channel takes.
    pub(super) fn pump(&mut self, carrier: &mut impl Carrier, now: Instant) -> Sent {
        let mut sent = Sent::default();
        let Some(channel) = self.channel else { return sent };
        self.confirm(carrier.on_the_way(channel), now);
        while let Some(message) = self.waiting.front() {
            let written = carrier.write(channel, self.delivery, message);
            if written == Written::Full {
                break;
            }
            let Some(message) = self.waiting.pop_front() else { break };
            self.waiting_bytes -= message.len();
            if written == Written::Never {
                sent.unfit += 1;
                continue;
            }
            sent.messages += 1;
            sent.bytes += message.len() as u64;
            if self.delivery == Delivery::Reliable {
                self.written_bytes += message.len();
                self.written.push_back(message);
            }
        }
        sent
    }

    /// Forgets what must have arrived when no more bytes are on the way.
    fn confirm(&mut self, on_the_way: usize, now: Instant) {
        while let Some(oldest) = self.written.front()
            && self.written_bytes - oldest.len() >= on_the_way
        {
            self.written_bytes -= oldest.len();
            self.written.pop_front();
            self.moved_at = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::core::engine::tests::channel;

    /// Takes up to a limit, and loses nothing.
    #[derive(Default)]
    struct Pipe {
        most: usize,
        on_the_way: usize,
        got: Vec<u8>,
        by: BTreeMap<u8, usize>,
    }

    impl Carrier for Pipe {
        fn write(&mut self, _: ChannelId, _: Delivery, message: &[u8]) -> Written {
            if message.len() > 20_000 {
                return Written::Never;
            }
            if self.on_the_way + message.len() > self.most {
                return Written::Full;
            }
            self.on_the_way += message.len();
            self.got.push(message[0]);
            *self.by.entry(message[0]).or_default() += 1;
            Written::Taken
        }

        fn on_the_way(&mut self, _: ChannelId) -> usize {
            self.on_the_way
        }
    }

    fn message(name: u8, len: usize) -> Arc<[u8]> {
        vec![name; len].into()
    }

    fn pipe(most: usize) -> Pipe {
        Pipe {
            most,
            ..Pipe::default()
        }
    }

    #[test]
    fn a_reliable_queue_keeps_what_has_not_arrived_and_says_it_again_on_the_next_channel() {
        let now = Instant::now();
        let mut outlet = Outlet::new(Delivery::Reliable, now);
        for name in 0..4 {
            assert!(outlet.push(&message(name, 10_000), now));
        }
        let mut first = pipe(25_000);
        assert_eq!(outlet.pump(&mut first, now), Sent::default(), "there is no channel");
        outlet.opened(channel());
        assert_eq!(outlet.pump(&mut first, now).messages, 2);
        // The first has arrived, and half of the second: that one may not have.
        first.on_the_way = 5_000;
        assert_eq!(outlet.pump(&mut first, now).messages, 2);
        assert_eq!(outlet.load(), 30_000);
        outlet.closed();
        assert_eq!(outlet.load(), 30_000);
        let mut second = pipe(100_000);
        outlet.opened(channel());
        outlet.pump(&mut second, now);
        assert_eq!((first.got, second.got), (vec![0, 1, 2, 3], vec![1, 2, 3]));
    }

    #[test]
    fn a_full_queue_takes_no_more_and_holds_back_only_while_something_arrives() {
        let now = Instant::now();
        let mut outlet = Outlet::new(Delivery::Reliable, now);
        outlet.opened(channel());
        assert!(outlet.push(&message(0, 30_000), now));
        assert!(!outlet.holds(now));
        assert!(outlet.push(&message(1, 10_000), now));
        assert!(outlet.holds(now));
        assert!(outlet.push(&message(2, 20_000), now));
        assert!(!outlet.push(&message(3, 10_000), now), "there is no place");
        assert!(outlet.holds(now + STUCK / 2) && !outlet.holds(now + STUCK));
        // What the other end can't take is gone, the rest goes on.
        let mut way = pipe(100_000);
        let sent = outlet.pump(&mut way, now + STUCK);
        assert_eq!((sent.messages, sent.unfit), (2, 1));
        way.on_the_way = 20_000;
        outlet.pump(&mut way, now + STUCK);
        assert!(outlet.push(&message(4, 20_000), now + STUCK), "there is place again");
        assert!(outlet.holds(now + STUCK), "and it moves again");
        way.on_the_way = 0;
        outlet.pump(&mut way, now + STUCK);
        way.on_the_way = 0;
        outlet.pump(&mut way, now + STUCK);
        assert_eq!((outlet.load(), way.got), (0, vec![1, 2, 4]));
    }

    #[test]
    fn a_lossy_queue_drops_its_oldest() {
        let now = Instant::now();
        let mut outlet = Outlet::new(Delivery::Lossy, now);
        let mut way = pipe(0);
        outlet.opened(channel());
        let mut dropped = 0;
        for name in 0..10 {
            dropped += outlet.push_over(&message(name, 4_000));
            outlet.pump(&mut way, now);
        }
        way.most = 100_000;
        outlet.pump(&mut way, now);
        assert_eq!((dropped, way.got), (6, vec![6, 7, 8, 9]));
        assert_eq!(outlet.load(), 0, "nothing is kept");
    }
}
