//! A connection whose sections the client offered itself: what others publish is put into them.
//!
//! Invariant: its sections never change; each shows one track of its kind or is silent, and none is silent while a track
//! of its kind isn't shown.

use std::time::Instant;

use protocol::grants::MediaSource;

use super::{Down, Feed, Slot, State};
use crate::core::clock::WallClock;
use crate::core::engine::{Mid, Peer};

impl Down {
    /// Agreed on, and silent. `sections`: which are received, and whether they are pictures.
    pub(crate) fn called(peer: Peer, sections: &[(Mid, bool)], clock: WallClock, now: Instant) -> Self {
        let mut down = Self::new(peer, clock, now);
        down.is_called = true;
        for (mid, is_video) in sections {
            let number = down.slots.len();
            if let Some(plan) = down.peer.stream_plan(*mid) {
                down.egress.set_stream(number, plan, now);
                down.slots.push(Slot::new(*mid, *is_video, 0, State::Free));
            }
        }
        down
    }

    /// Whether the client offered the sections.
    pub(crate) fn is_called(&self) -> bool {
        self.is_called
    }

    /// Puts what is there into the sections, a screen before a camera. True: something has changed.
    pub(crate) fn fill(&mut self, wanted: &[Feed]) -> bool {
        let mut has_changed = false;
        for (number, slot) in self.slots.iter_mut().enumerate() {
            if slot.is_gone(wanted) {
                slot.end(State::Free);
                self.egress.empty_stream(number);
                has_changed = true;
            }
        }
        let screens = wanted.iter().filter(|it| it.source == MediaSource::Screen);
        let others = wanted.iter().filter(|it| it.source != MediaSource::Screen);
        for feed in screens.chain(others) {
            if self.feeds().any(|it| it.is(feed)) {
                continue;
            }
            let is_video = feed.source.is_video();
            let free = |slot: &&mut Slot| slot.is_video == is_video && matches!(slot.state, State::Free);
            if let Some(slot) = self.slots.iter_mut().find(free) {
                slot.state = State::Live(feed.clone());
                slot.rewriter.replace();
                has_changed = true;
            }
        }
        has_changed
    }
}
