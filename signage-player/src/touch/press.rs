//! From contacts to presses: what is pressed is done when the finger is lifted from where it came down.
//!
//! Pure: time comes as an argument. Invariant: one contact does at most one thing, and only what was there both when it
//! came down and when it was lifted.

use std::collections::BTreeMap;
use std::time::Duration;

use protocol::screen::{Action, Rect};

/// So many contacts are followed at once; more do nothing.
const MOST: usize = 32;
/// What lies on the panel for longer is no finger (a bag, a sleeve): it does nothing, and keeps nothing from going back.
pub const LEANS: Duration = Duration::from_secs(10);
/// After another page came, what begins so early is the second half of a double press, meant for the page before.
pub const SETTLES: Duration = Duration::from_millis(400);

/// Something that can be pressed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Where it is seen, in the layout's pixels.
    pub rect: Rect,
    /// What it does.
    pub action: Action,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Held {
    /// What it came down on; `None`: nothing that answers.
    target: Option<Target>,
    since: Duration,
    /// It is on it now.
    is_on: bool,
}

impl Held {
    fn leans(&self, now: Duration) -> bool {
        now.saturating_sub(self.since) > LEANS
    }
}

/// All contacts that are down.
#[derive(Debug, Default)]
pub struct Presses {
    held: BTreeMap<u32, Held>,
    quiet_until: Duration,
}

impl Presses {
    /// A contact came down on `target`. One that is down already begins anew.
    pub fn down(&mut self, id: u32, target: Option<Target>, now: Duration) {
        if self.held.len() >= MOST && !self.held.contains_key(&id) {
            return;
        }
        let target = target.filter(|_| now >= self.quiet_until);
        let is_on = target.is_some();
        let since = now;
        self.held.insert(id, Held { target, since, is_on });
    }

    /// A contact moved: `is_on` says of what it came down on whether it still is there.
    pub fn moved(&mut self, id: u32, is_on: impl FnOnce(&Target) -> bool) {
        if let Some(held) = self.held.get_mut(&id) {
            held.is_on = held.target.as_ref().is_some_and(is_on);
        }
    }

    /// A contact was lifted. Gives what it pressed.
    pub fn up(&mut self, id: u32, is_on: impl FnOnce(&Target) -> bool, now: Duration) -> Option<Target> {
        let held = self.held.remove(&id)?;
        let leans = held.leans(now);
        held.target.filter(|target| !leans && is_on(target))
    }

    /// A contact is none any more.
    pub fn cancel(&mut self, id: u32) {
        self.held.remove(&id);
    }

    /// Another page came: what is down on the old one does nothing any more.
    pub fn page_changed(&mut self, now: Duration) {
        for held in self.held.values_mut() {
            held.target = None;
            held.is_on = false;
        }
        self.quiet_until = now + SETTLES;
    }

    /// What is being pressed now.
    #[must_use]
    pub fn shown(&self, now: Duration) -> Option<&Target> {
        let on = self.held.values().filter(|held| held.is_on && !held.leans(now));
        on.min_by_key(|held| held.since).and_then(|held| held.target.as_ref())
    }

    /// Whether somebody has a finger on the screen.
    #[must_use]
    pub fn is_touched(&self, now: Duration) -> bool {
        self.held.values().any(|held| !held.leans(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(name: &str) -> Option<Target> {
        let rect = Rect {
            x: 0,
            y: 0,
            width: 10,
            height: 10,
        };
        let action = Action::GoTo { page: name.to_owned() };
        Some(Target { rect, action })
    }

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    #[test]
    fn what_is_pressed_is_done_at_the_lifting_and_only_there() {
        let mut presses = Presses::default();
        presses.down(1, target("a"), ms(0));
        assert_eq!(presses.shown(ms(5)), target("a").as_ref());
        assert_eq!(presses.up(1, |_| true, ms(80)), target("a"));
        assert_eq!(presses.up(1, |_| true, ms(90)), None, "once");

        presses.down(1, target("a"), ms(100));
        presses.moved(1, |_| false);
        assert_eq!(
            presses.shown(ms(150)),
            None,
            "dragged off: it doesn't look pressed any more"
        );
        assert_eq!(presses.up(1, |_| false, ms(200)), None);

        presses.down(1, target("a"), ms(300));
        presses.moved(1, |_| false);
        presses.moved(1, |_| true);
        assert_eq!(presses.shown(ms(350)), target("a").as_ref(), "and back");
        assert_eq!(presses.up(1, |_| true, ms(400)), target("a"));
        presses.down(1, None, ms(500));
        assert_eq!(
            presses.up(1, |_| true, ms(600)),
            None,
            "what began beside it ends beside it"
        );
    }

    #[test]
    fn a_slow_finger_presses_and_what_lies_there_for_long_is_no_finger() {
        let mut presses = Presses::default();
        presses.down(1, target("a"), ms(0));
        assert_eq!(presses.up(1, |_| true, LEANS), target("a"));
        presses.down(1, target("a"), ms(20_000));
        let later = ms(20_001) + LEANS;
        assert!(presses.shown(later).is_none() && !presses.is_touched(later));
        presses.down(2, target("b"), later);
        assert!(presses.is_touched(later));
        assert_eq!(
            presses.up(2, |_| true, later),
            target("b"),
            "a bag that leans keeps nobody out"
        );
        assert_eq!(presses.up(1, |_| true, later), None);
    }

    #[test]
    fn the_second_half_of_a_double_press_is_not_the_next_pages() {
        let mut presses = Presses::default();
        presses.down(1, target("a"), ms(0));
        presses.down(2, target("a"), ms(10));
        assert!(presses.up(1, |_| true, ms(100)).is_some());
        presses.page_changed(ms(100));
        assert_eq!(presses.up(2, |_| true, ms(120)), None, "it was for the page before");
        presses.down(1, target("b"), ms(250));
        assert_eq!(presses.up(1, |_| true, ms(900)), None);
        presses.down(1, target("b"), ms(100) + SETTLES);
        assert_eq!(presses.up(1, |_| true, ms(700)), target("b"));
    }

    #[test]
    fn a_panel_gone_mad_fills_nothing() {
        let mut presses = Presses::default();
        (0..1000).for_each(|id| presses.down(id, target("a"), ms(0)));
        assert_eq!(presses.held.len(), MOST);
        presses.cancel(0);
        assert_eq!(presses.up(0, |_| true, ms(1)), None);
    }
}
