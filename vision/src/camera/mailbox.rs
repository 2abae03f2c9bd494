//! Between who reads a camera and who counts: room for one message, the newest.
//!
//! Full: the message that waits is replaced, as a count of an old picture is worth nothing; or, where a film is to be
//! counted whole ([`Mailbox::put_after`]), whoever puts waits.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What a take found.
#[derive(Debug, PartialEq, Eq)]
pub enum Taken<T> {
    /// The newest message.
    Message(T),
    /// None came in time.
    Nothing,
    /// The mailbox is closed and empty: none will come.
    Closed,
}

/// A mailbox; all clones are one.
#[derive(Debug)]
pub struct Mailbox<T> {
    shared: Arc<Shared<T>>,
}

#[derive(Debug)]
struct Shared<T> {
    slot: Mutex<Slot<T>>,
    changed: Condvar,
}

#[derive(Debug)]
struct Slot<T> {
    message: Option<T>,
    is_closed: bool,
}

impl<T> Clone for Mailbox<T> {
    fn clone(&self) -> Self {
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Default for Mailbox<T> {
    fn default() -> Self {
        let slot = Mutex::new(Slot {
            message: None,
            is_closed: false,
        });
        Self {
            shared: Arc::new(Shared {
                slot,
                changed: Condvar::new(),
            }),
        }
    }
}

impl<T> Mailbox<T> {
    /// Puts a message in the place of the one that waits. False: nobody will take it, the mailbox is closed.
    pub fn put(&self, message: T) -> bool {
        let mut slot = self.lock();
        if slot.is_closed {
            return false;
        }
        slot.message = Some(message);
        self.shared.changed.notify_all();
        true
    }

    /// Puts a message when none waits any more, so that none is replaced: for who may be held back, as a film may.
    /// False as in [`Mailbox::put`].
    pub fn put_after(&self, message: T) -> bool {
        let is_full = |slot: &mut Slot<T>| slot.message.is_some() && !slot.is_closed;
        let waited = self.shared.changed.wait_while(self.lock(), is_full);
        let mut slot = waited.unwrap_or_else(PoisonError::into_inner);
        if slot.is_closed {
            return false;
        }
        slot.message = Some(message);
        self.shared.changed.notify_all();
        true
    }

    /// Takes the newest message, waiting for one at most `limit`.
    pub fn take(&self, limit: Duration) -> Taken<T> {
        let is_idle = |slot: &mut Slot<T>| slot.message.is_none() && !slot.is_closed;
        let waited = self.shared.changed.wait_timeout_while(self.lock(), limit, is_idle);
        let (mut slot, _) = waited.unwrap_or_else(PoisonError::into_inner);
        match slot.message.take() {
            Some(message) => {
                self.shared.changed.notify_all();
                Taken::Message(message)
            }
            None if slot.is_closed => Taken::Closed,
            None => Taken::Nothing,
        }
    }

    /// Nothing more will be put; what waits can still be taken.
    pub fn close(&self) {
        self.lock().is_closed = true;
        self.shared.changed.notify_all();
    }

    /// Waits until the mailbox is closed, at most `limit`. True: it is.
    pub fn is_closed_within(&self, limit: Duration) -> bool {
        let waited = (self.shared.changed).wait_timeout_while(self.lock(), limit, |slot| !slot.is_closed);
        let (slot, _) = waited.unwrap_or_else(PoisonError::into_inner);
        slot.is_closed
    }

    /// A thread that panicked left the slot whole: each change of it is one assignment.
    fn lock(&self) -> MutexGuard<'_, Slot<T>> {
        self.shared.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(10);
    const AT_ONCE: Duration = Duration::ZERO;

    #[test]
    fn only_the_newest_is_there() {
        let mailbox = Mailbox::default();
        for message in 1..=5 {
            assert!(mailbox.put(message));
        }
        assert_eq!(mailbox.take(AT_ONCE), Taken::Message(5));
        assert_eq!(mailbox.take(AT_ONCE), Taken::Nothing);
    }

    #[test]
    fn a_slow_reader_gets_fewer_messages_and_never_an_older_one() {
        let mailbox = Mailbox::default();
        let writer = {
            let mailbox = mailbox.clone();
            std::thread::spawn(move || {
                for message in 0..10_000_u32 {
                    mailbox.put(message);
                }
                mailbox.close();
            })
        };
        let mut last = None;
        loop {
            match mailbox.take(LIMIT) {
                Taken::Message(message) => {
                    assert!(last.is_none_or(|last| last < message));
                    last = Some(message);
                }
                Taken::Closed => break,
                Taken::Nothing => panic!("the writer closes the mailbox in time"),
            }
        }
        writer.join().expect("the writer ends");
        assert_eq!(last, Some(9_999), "the last one is always seen");
    }

    #[test]
    fn who_is_held_back_loses_nothing() {
        let mailbox = Mailbox::default();
        let writer = {
            let mailbox = mailbox.clone();
            std::thread::spawn(move || (0..1000_u32).all(|message| mailbox.put_after(message)))
        };
        for expected in 0..1000 {
            assert_eq!(mailbox.take(LIMIT), Taken::Message(expected));
        }
        assert!(writer.join().expect("the writer ends"));
        assert!(mailbox.put_after(1));
        mailbox.close();
        assert!(!mailbox.put_after(2), "and nobody waits for ever");
    }

    #[test]
    fn a_closed_mailbox_refuses() {
        let mailbox = Mailbox::default();
        assert!(!mailbox.is_closed_within(AT_ONCE));
        mailbox.close();
        assert!(mailbox.is_closed_within(LIMIT));
        assert!(!mailbox.put(1));
        assert_eq!(mailbox.take(LIMIT), Taken::Closed);
    }
}
