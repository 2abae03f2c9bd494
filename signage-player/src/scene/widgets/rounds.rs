//! When a text that runs round and round begins its next round, on all screens of a group ([`crate::sync`]). A round begins when
//! the one before has gone out: nobody sees a screen fall in step there.

use std::time::Duration;

use crate::sync::plan::{Entry, Part};
use crate::sync::{Zone, tick};

/// A round's beginning that was missed by more ticks than that is not made up for: the next one is waited for.
const MISSED: i64 = 3;

/// A running text's part in its group.
#[derive(Debug)]
pub(super) struct Rounds {
    zone: Zone,
    part: Part,
    /// The stage's tick at which the round on show began; `None`: it isn't one of the group's.
    begun: Option<i64>,
}

impl Rounds {
    pub(super) fn new(zone: Zone) -> Self {
        Self {
            zone,
            part: Part::default(),
            begun: None,
        }
    }

    /// The text at `at`, whose round on show ends at `ends`, if that is known. Gives since when a new round is on, where one
    /// begins now.
    pub(super) fn turn(&mut self, at: Duration, ends: Option<Duration>) -> Option<Duration> {
        let Some(sight) = self.zone.look(at, self.begun.is_some()) else {
            self.leave();
            return None;
        };
        let running = self.begun.map(|begun| round(begun + sight.shift));
        let is_in_step = running.is_some() && running == self.part.due();
        let next = ends.filter(|_| is_in_step).map(|ends| round(after(ends) + sight.shift));
        self.part.turn(sight.told, next, sight.tick);
        if self.part.due().is_none() && sight.may_begin {
            self.part.begin(round(sight.tick));
        }
        let new = self.part.due().filter(|due| {
            let late = sight.tick - due.begin;
            running != Some(*due) && (0..MISSED).contains(&late)
        });
        self.zone.tell(self.part.plan());
        let begun = new?.begin - sight.shift;
        self.begun = Some(begun);
        Some(tick::duration(begun))
    }

    /// The text goes off the screen.
    pub(super) fn leave(&mut self) {
        self.zone.tell(None);
        self.part = Part::default();
        self.begun = None;
    }
}

fn round(begin: i64) -> Entry {
    Entry { item: 0, begin }
}

/// The first tick that is not before a moment.
fn after(moment: Duration) -> i64 {
    let near = tick::count(moment);
    near + i64::from(tick::duration(near) + Duration::from_millis(1) < moment)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::Group;

    #[test]
    fn without_a_group_nothing_begins() {
        let mut rounds = Rounds::new(Group::default().zone("news", &"text"));
        assert_eq!(rounds.turn(Duration::from_secs(1), Some(Duration::from_secs(1))), None);
    }

    #[test]
    fn a_screen_falls_in_step_when_the_leaders_next_round_begins_and_stays_there_alone() {
        let [lead, follow] = [Group::default(), Group::default()];
        let zone = |group: &Group| group.zone("news", &"text");
        let (mut first, mut second) = (Rounds::new(zone(&lead)), Rounds::new(zone(&follow)));
        lead.in_step_with(None, 0);
        let round = Duration::from_secs(5);
        // The second stage began 100 ticks later. Its own text would end at odd times.
        let (mut begun, mut begun_there) = (tick::duration(0), tick::duration(0));
        let (mut begins, mut begins_there) = (Vec::new(), Vec::new());
        for number in 0..1_000 {
            let known = number > 60;
            if let Some(since) = first.turn(tick::duration(number), known.then_some(begun + round)) {
                begun = since;
                begins.push(number);
            }
            // After 20 s nobody is heard any more.
            follow.in_step_with((number < 600).then_some(&lead), 100);
            if number >= 100
                && let Some(since) = second.turn(tick::duration(number - 100), Some(begun_there + round))
            {
                begun_there = since;
                begins_there.push(number);
            }
        }
        assert_eq!(begins, [0, 150, 300, 450, 600, 750, 900]);
        assert_eq!(begins_there, [150, 300, 450, 600, 750, 900]);
    }

    #[test]
    fn a_round_begins_at_the_tick_at_which_the_one_before_has_gone_out() {
        assert_eq!(after(Duration::from_secs(2)), 60);
        assert_eq!(after(Duration::from_millis(2_010)), 61);
        assert_eq!(after(tick::duration(61)), 61);
    }
}
