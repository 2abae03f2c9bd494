//! Several screens, one picture: the screens of a group show the same frame at the same moment.
//!
//! One of them leads ([`election`]): its stage's [`clock`] can be read over the network (GStreamer's network clock), and the others
//! steer theirs to it ([`discipline`]). What playlists show is told ahead, in ticks of that clock ([`plan`], [`wire`]). The [`task`]
//! talks with the other screens; the stage only looks at what is held here.
//!
//! Invariants: the stage never waits for another screen, and its clock never jumps; who hears nobody plays on by itself.

pub mod clock;
pub mod discipline;
pub mod election;
mod member;
pub mod plan;
pub mod task;
pub mod tick;
pub mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::screen::InGroup;
use serde::Serialize;

use plan::{Plan, Told};

/// Another screen's plan of a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Other {
    told: Told,
    /// Whether the teller comes before this screen.
    is_before: bool,
}

#[derive(Debug, Default)]
struct State {
    /// Whether this screen is in a group at all.
    is_on: bool,
    /// Whether it is still to be heard if there is somebody.
    is_listening: bool,
    /// The tick of the stage's clock at which the stage's own time began.
    base: i64,
    /// The group's tick minus the stage's clock's.
    shift: i64,
    /// What this screen's zones show.
    own: BTreeMap<String, Plan>,
    /// What others say of zones: who comes first, first.
    others: BTreeMap<String, Vec<Other>>,
    report: Option<InGroup>,
}

/// What the stage and the task both know of the group. Cheap to clone; all clones are one, each with the page whose zones it
/// speaks for. As it is made, this screen is in no group.
#[derive(Debug, Clone, Default)]
pub struct Group {
    state: Arc<Mutex<State>>,
    page: Arc<str>,
}

impl Group {
    /// The same, for a page.
    #[must_use]
    pub fn on_page(&self, page: &str) -> Self {
        Self {
            page: page.into(),
            ..self.clone()
        }
    }

    /// The stage's own time began at this tick of its clock.
    pub fn set_base(&self, tick: i64) {
        self.lock().base = tick;
    }

    /// A zone's part in it. The same zone with the same content on another screen is one with it.
    #[must_use]
    pub fn zone(&self, zone: &str, content: &impl Serialize) -> Zone {
        // Plain data with text keys is always JSON.
        let list = serde_json::to_vec(content).unwrap_or_default();
        let mut hash = 0xcbf2_9ce4_8422_2325_u64;
        let parts: [&[u8]; 5] = [self.page.as_bytes(), &[0], zone.as_bytes(), &[0], &list];
        for byte in parts.into_iter().flatten() {
            // FNV-1a.
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
        Zone {
            group: self.clone(),
            key: format!("{hash:016x}"),
        }
    }

    /// How this screen is doing in its group; `None`: it is in none.
    #[must_use]
    pub fn report(&self) -> Option<InGroup> {
        self.lock().report.clone()
    }

    /// For tests: in a group whose ticks are so many more than this stage's, and heard of what `leader` tells.
    #[cfg(test)]
    pub(crate) fn in_step_with(&self, leader: Option<&Self>, shift: i64) {
        let told = leader.map(|leader| leader.lock().own.clone()).unwrap_or_default();
        let other = |plan| Other {
            told: Told { teller: 1, plan },
            is_before: true,
        };
        let mut state = self.lock();
        (state.is_on, state.shift) = (true, shift);
        state.others = told.into_iter().map(|(zone, plan)| (zone, vec![other(plan)])).collect();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Held for microseconds; nobody panics while holding it, and what is in it is whole at any moment.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How a zone sees its group at a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sight {
    /// The group's tick.
    pub tick: i64,
    /// The group's tick minus the stage's.
    pub shift: i64,
    /// The plan that holds here; `None`: this screen decides.
    pub told: Option<Told>,
    /// Whether this screen may begin something by itself.
    pub may_begin: bool,
}

/// A zone's part in the group. When it is dropped, nothing is told of it any more.
#[derive(Debug)]
pub struct Zone {
    group: Group,
    key: String,
}

impl Zone {
    /// The group at `at`, by the stage's own time; `None`: there is none. `is_running`: whether something is on show already,
    /// so that this screen has something to say.
    #[must_use]
    pub fn look(&self, at: Duration, is_running: bool) -> Option<Sight> {
        let state = self.group.lock();
        if !state.is_on {
            return None;
        }
        let others = state.others.get(&self.key).into_iter().flatten();
        let told = others.into_iter().find(|other| other.is_before || !is_running);
        let shift = state.base + state.shift;
        Some(Sight {
            tick: tick::count(at) + shift,
            shift,
            told: told.map(|other| other.told),
            may_begin: !state.is_listening,
        })
    }

    /// What it shows from now on; `None`: nothing that others could follow.
    pub fn tell(&self, plan: Option<Plan>) {
        let mut state = self.group.lock();
        match plan {
            Some(plan) if state.own.get(&self.key) != Some(&plan) => {
                state.own.insert(self.key.clone(), plan);
            }
            Some(_) => {}
            None => {
                state.own.remove(&self.key);
            }
        }
    }
}

impl Drop for Zone {
    fn drop(&mut self) {
        self.tell(None);
    }
}

#[cfg(test)]
mod tests {
    use protocol::screen::Item;

    use super::plan::Entry;
    use super::*;

    fn items(name: &str) -> Vec<Item> {
        vec![Item::Video {
            content: name.into(),
            when: protocol::screen::When::default(),
        }]
    }

    fn plan(begin: i64) -> Plan {
        let now = Entry { item: 0, begin };
        Plan { now, next: None }
    }

    #[test]
    fn zones_of_one_name_and_one_list_are_one_and_others_are_not() {
        let group = Group::default();
        let key = |page: &str, zone: &str, item: &str| group.on_page(page).zone(zone, &items(item)).key.clone();
        assert_eq!(key("home", "main", "a.mp4"), key("home", "main", "a.mp4"));
        for other in [
            key("more", "main", "a.mp4"),
            key("home", "side", "a.mp4"),
            key("home", "main", "b.mp4"),
            key("homem", "ain", "a.mp4"),
        ] {
            assert_ne!(key("home", "main", "a.mp4"), other);
        }
    }

    #[test]
    fn who_comes_before_is_followed_and_anybody_by_one_who_shows_nothing_yet() {
        let group = Group::default();
        let zone = group.zone("main", &items("a.mp4"));
        assert_eq!(zone.look(Duration::ZERO, false), None, "in no group");
        let told = |teller| Told { teller, plan: plan(5) };
        {
            let mut state = group.lock();
            (state.is_on, state.base, state.shift) = (true, 1_000, -400);
            let after = Other {
                told: told(3),
                is_before: false,
            };
            state.others.insert(zone.key.clone(), vec![after]);
        }
        let sight = zone.look(Duration::from_secs(2), true).expect("a group");
        assert_eq!((sight.tick, sight.shift, sight.told), (660, 600, None));
        let new = zone.look(Duration::from_secs(2), false).expect("a group");
        assert_eq!(new.told, Some(told(3)));
        group
            .lock()
            .others
            .values_mut()
            .flatten()
            .for_each(|it| it.is_before = true);
        assert_eq!(zone.look(Duration::ZERO, true).expect("a group").told, Some(told(3)));
    }

    #[test]
    fn what_is_gone_is_told_no_more() {
        let group = Group::default();
        let zone = group.zone("main", &items("a.mp4"));
        zone.tell(Some(plan(1)));
        assert_eq!(group.lock().own.len(), 1);
        drop(zone);
        assert!(group.lock().own.is_empty());
    }
}
