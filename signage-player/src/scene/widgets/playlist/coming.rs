//! What comes next in a list that is played alone: the item whose turn it is, and what stands in for it should it not be
//! there in time.
//!
//! Invariant: a film that has ended, or gives no frames, is followed by the first thing that is ready; an item that takes
//! its time is waited for aside. At most three are being prepared at once.

use std::time::Duration;

use protocol::screen::Item as Listed;

use super::{PATIENCE, Playlist, Running};
use crate::event::Library;
use crate::item::{Fault, Item, PREPARE_LIMIT, Preparing, Turn};
use crate::scene::data::Moment;

/// The next item is prepared when the one on show has so much left: one that never comes is known by then.
const AHEAD: Duration = PREPARE_LIMIT.saturating_add(Duration::from_secs(2));
/// The same of a live picture, which somebody sends for as long as it is open.
const AHEAD_LIVE: Duration = Duration::from_secs(4);
/// Something to stand in is prepared when the one on show has so much left,
const SPARE_AHEAD: Duration = Duration::from_secs(3);
/// and what is to follow has had so long to get ready.
const GRACE: Duration = Duration::from_millis(500);
/// A film that is behind by so much may be about to stall: what follows is prepared.
const BEHIND: Duration = Duration::from_millis(100);
/// A film without a new picture for so long, where one was due, gives way to what is ready. A disk's hiccup isn't seen at
/// all (GStreamer reads ahead by more than that, and three decoded frames wait), so this is a decoder that doesn't get on;
/// and half a second is about when people take a picture for broken.
pub(super) const HICCUP: Duration = Duration::from_millis(500);
/// So many that were left because they were stuck are watched. When there are more, the oldest is let go of.
const STUCK: usize = 4;
/// A last picture stands for so long while nothing is ready. Then the stand-in comes.
const STANDS: Duration = Duration::from_secs(1);
/// The same in a group, whose leader may just be choosing something else.
const STANDS_TOGETHER: Duration = Duration::from_secs(3);

/// Something that may stand in.
pub(super) struct Spare {
    index: usize,
    preparing: Preparing,
    /// Out of turn, because it is known to play.
    is_again: bool,
}

impl Playlist {
    /// How long what is on show is behind with its frames.
    fn late(&self, now: Duration) -> Duration {
        let current = self.current.as_ref();
        current.map_or(Duration::ZERO, |running| running.item.late(now))
    }

    /// Whether what is on show will need a follower within `ahead`.
    fn is_ending(&self, now: Duration, ahead: Duration) -> bool {
        self.current.as_ref().is_none_or(|running| {
            running.item.remaining(now).is_none_or(|remaining| remaining < ahead)
                || running.item.late(now) >= BEHIND
                || !self.choice.is_due(running.index)
        })
    }

    /// Begins to prepare the next item when it is time.
    pub(super) fn prepare(&mut self, moment: &Moment, library: &Library) {
        let now = moment.at;
        // Another list may have begun, which waits for no end.
        let is_due_new = std::mem::take(&mut self.is_due_new);
        if self.next.is_some() {
            return self.prepare_spare(moment, library);
        }
        if !is_due_new && !self.is_ending(now, AHEAD) {
            return;
        }
        let found = self.choice.next(moment.wall, library);
        let is_time = |list: &Self, index: usize| {
            let is_live = matches!(list.choice.items()[index], Listed::Live { .. });
            list.is_ending(now, if is_live { AHEAD_LIVE } else { AHEAD })
        };
        if let Some(index) = found.filter(|index| is_time(self, *index) || self.goes_before(*index)) {
            self.next = self.begin(index, Duration::ZERO, now, library);
            self.choice.go_on_at(index, true);
        }
    }

    /// Begins to prepare something in the place of what should follow soon and isn't there: what comes after it, and if that
    /// isn't there either, what has played here before.
    fn prepare_spare(&mut self, moment: &Moment, library: &Library) {
        let now = moment.at;
        let Some((next, preparing)) = &self.next else { return };
        let last = self.spares.last().map_or(preparing, |spare| &spare.preparing);
        let is_served = preparing.is_there() || self.spares.iter().any(|spare| spare.preparing.is_there());
        if is_served || last.age(now) < GRACE || !self.is_ending(now, SPARE_AHEAD) {
            return;
        }
        let mut taken = vec![*next];
        taken.extend(self.spares.iter().map(|spare| spare.index));
        let in_turn = if self.spares.is_empty() {
            self.choice.next_sound(moment.wall, library, &taken)
        } else {
            None
        };
        let has_again = self.spares.iter().any(|spare| spare.is_again);
        let found = match in_turn {
            Some(index) => Some((index, false)),
            None if has_again => None,
            None => self.choice.again(moment.wall, library).map(|index| (index, true)),
        };
        let Some((index, is_again)) = found else { return };
        if let Some((_, preparing)) = self.begin(index, Duration::ZERO, now, library) {
            if !is_again {
                self.choice.go_on_at(index, true);
            }
            self.spares.push(Spare {
                index,
                preparing,
                is_again,
            });
        }
    }

    /// What is being prepared and isn't of the most important list is given up.
    pub(super) fn give_up_lesser(&mut self) {
        let choice = &self.choice;
        self.spares.retain(|spare| choice.level(spare.index) == Some(0));
        if let Some((index, _)) = self.next.take_if(|(index, _)| self.choice.level(*index) != Some(0)) {
            self.choice.go_on_at(index, false);
        }
    }

    /// All that is being prepared is given up.
    pub(super) fn give_up(&mut self) {
        self.spares.clear();
        if let Some((index, _)) = self.next.take() {
            self.choice.go_on_at(index, false);
        }
    }

    /// Swaps in what is ready once the one on show is over, or gives no frames. Gives whether the picture changed.
    pub(super) fn swap(&mut self, moment: &Moment) -> bool {
        self.poll(moment);
        if self.next.is_none() && self.spares.is_empty() {
            return self.clear(moment, true);
        }
        let is_stuck = self.late(moment.at) >= HICCUP;
        let may = |list: &Self, index: usize| is_stuck || list.goes_before(index);
        let is_next = |(index, preparing): &(usize, Preparing)| preparing.is_there() && may(self, *index);
        let is_spare = |spare: &Spare| spare.preparing.is_there() && may(self, spare.index);
        let ready = if self.next.as_ref().is_some_and(is_next) {
            self.spares.retain(|spare| !spare.is_again);
            self.next.take()
        } else if let Some(at) = self.spares.iter().position(is_spare) {
            let spare = self.spares.remove(at);
            if !spare.is_again {
                self.spares.retain(|spare| !spare.is_again);
            }
            Some((spare.index, spare.preparing))
        } else {
            None
        };
        let Some((index, item)) = ready.and_then(|(index, it)| Some((index, it.into_item()?))) else {
            return false;
        };
        self.leave_current(moment);
        self.promote();
        self.begin_show(index, item, moment)
    }

    fn begin_show(&mut self, index: usize, mut item: Box<dyn Item>, moment: &Moment) -> bool {
        let first = item.start(moment.at);
        self.show(index, item, first, moment)
    }

    /// Looks how far each is that is being prepared. What can't be played is noted.
    fn poll(&mut self, moment: &Moment) {
        let mut failed: Vec<(usize, Fault)> = Vec::new();
        if let Some((index, preparing)) = &mut self.next
            && let Err(fault) = preparing.poll(moment.at)
        {
            failed.push((*index, fault));
            self.next = None;
        }
        self.spares.retain_mut(|spare| match spare.preparing.poll(moment.at) {
            Ok(_) => true,
            Err(fault) => {
                failed.push((spare.index, fault));
                false
            }
        });
        for (index, fault) in failed {
            self.choice.note(index, Err(fault), moment.wall);
        }
        self.promote();
    }

    /// What stands in and is in turn is next, where nothing else is.
    fn promote(&mut self) {
        if self.next.is_none()
            && let Some(at) = self.spares.iter().position(|spare| !spare.is_again)
        {
            let spare = self.spares.remove(at);
            self.next = Some((spare.index, spare.preparing));
        }
    }

    /// What is on show goes before its end. One that is stuck is watched: it may only have had a hiccup.
    pub(super) fn leave_current(&mut self, moment: &Moment) {
        self.record(moment.wall, false);
        let is_stuck = self.late(moment.at) >= HICCUP;
        if let Some(mut running) = self.current.take().filter(|_| is_stuck) {
            running.item.mute();
            tracing::warn!(content = self.choice.items()[running.index].name(), "gives no pictures");
            if self.stuck.len() == STUCK {
                self.stuck.remove(0);
            }
            self.stuck.push(running);
        }
    }

    /// Sees what becomes of an item that was left because it was stuck: it goes on (a hiccup, and nobody's fault), or it
    /// doesn't, and has failed.
    pub(super) fn look_at_stuck(&mut self, moment: &Moment) {
        let choice = &mut self.choice;
        self.stuck
            .retain_mut(|Running { index, item, .. }| match item.turn(moment.at) {
                Turn::Same => true,
                Turn::Frame(_) | Turn::Over(Ok(())) => false,
                Turn::Over(Err(fault)) => {
                    choice.note(*index, Err(fault), moment.wall);
                    false
                }
            });
    }

    /// Takes away a last picture that has stood too long while nothing is ready: the stand-in comes in its place. Gives
    /// whether it did.
    pub(super) fn clear_standing(&mut self, moment: &Moment, is_alone: bool) -> bool {
        let now = moment.at;
        let stands = if is_alone { STANDS } else { STANDS_TOGETHER };
        let since = match &self.current {
            Some(running) => now.saturating_sub(running.item.late(now)),
            None => *self.ended_at.get_or_insert(now),
        };
        if self.current.is_some() {
            self.ended_at = None;
        }
        if !self.picture.is_there() || now.saturating_sub(since) < stands {
            return false;
        }
        self.leave_current(moment);
        self.pictured = None;
        self.empty_since = Some(now.saturating_sub(PATIENCE));
        self.picture.clear()
    }
}
