//! Whose clock a group goes by. Pure: what was heard, and when, makes what this screen is.
//!
//! Each screen says again and again whether it leads. Who leads stays the leader while it is heard. When it isn't, the first of
//! those who have been in step takes over, by their ids; one that has just begun only where there is nobody else. Where two
//! lead, as after a cut network, the later term holds, and then the lower id.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use protocol::ids::ScreenId;

/// A screen that begins listens for so long before it leads.
pub const LISTEN: Duration = Duration::from_millis(1_000);
/// Who isn't heard for so long is gone.
pub const LOST: Duration = Duration::from_millis(1_500);
/// Each who comes before in the line is given so much time to take over.
const TURN: Duration = Duration::from_millis(500);

/// What a screen says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// In which term it leads; none: it doesn't.
    pub leads: Option<u64>,
    /// Whether it has been in step with the group.
    pub is_settled: bool,
}

/// What this screen is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It has just begun, and heard of no leader.
    Listening,
    /// The others go by its clock.
    Leads,
    /// It goes by this one's clock.
    Follows(ScreenId),
    /// Its leader is gone; it goes on by what it knows.
    Orphaned,
}

/// The election.
#[derive(Debug)]
pub struct Election {
    own: ScreenId,
    standing: Standing,
    /// The latest term that was heard of.
    latest: u64,
    /// The term in which this screen has led last.
    own_term: u64,
    is_settled: bool,
    others: BTreeMap<ScreenId, (Said, Duration)>,
    /// Since when there is no leader.
    leaderless: Duration,
}

impl Election {
    /// A screen that begins at `now`.
    #[must_use]
    pub fn new(own: ScreenId, now: Duration) -> Self {
        Self {
            own,
            standing: Standing::Listening,
            latest: 0,
            own_term: 0,
            is_settled: false,
            others: BTreeMap::new(),
            leaderless: now,
        }
    }

    /// What this screen is.
    #[must_use]
    pub fn standing(&self) -> &Standing {
        &self.standing
    }

    /// What it says of itself.
    #[must_use]
    pub fn said(&self) -> Said {
        Said {
            leads: (self.standing == Standing::Leads).then_some(self.own_term),
            is_settled: self.is_settled,
        }
    }

    /// It is in step with its leader now.
    pub fn settle(&mut self) {
        self.is_settled = true;
    }

    /// Another screen said so at `now`.
    pub fn hear(&mut self, who: &ScreenId, said: Said, now: Duration) {
        self.latest = self.latest.max(said.leads.unwrap_or(0));
        self.others.insert(who.clone(), (said, now));
    }

    /// Who is heard.
    pub fn heard(&self) -> impl Iterator<Item = &ScreenId> {
        self.others.keys()
    }

    /// Looks at `now` what follows. Gives whether this screen is something else than before.
    pub fn look(&mut self, now: Duration) -> bool {
        self.others.retain(|_, (_, at)| now.saturating_sub(*at) < LOST);
        let claims = self.others.iter();
        let others = claims.filter_map(|(id, (said, _))| Some((said.leads?, Reverse(id.clone()))));
        let own = self.said().leads.map(|term| (term, Reverse(self.own.clone())));
        let next = match others.chain(own).max() {
            Some((_, Reverse(leader))) => {
                self.leaderless = now;
                match leader == self.own {
                    true => Standing::Leads,
                    false => Standing::Follows(leader),
                }
            }
            None if now.saturating_sub(self.leaderless) >= self.patience() => {
                self.latest += 1;
                self.own_term = self.latest;
                self.is_settled = true;
                Standing::Leads
            }
            None if self.standing == Standing::Listening => Standing::Listening,
            None => Standing::Orphaned,
        };
        let is_new = next != self.standing;
        self.standing = next;
        is_new
    }

    /// How long this screen leaves it to others to take over.
    fn patience(&self) -> Duration {
        let rank = |is_settled: bool, id: &ScreenId| (!is_settled, id.clone());
        let own = rank(self.is_settled, &self.own);
        let before = self.others.iter();
        let before = before.filter(|(id, (said, _))| rank(said.is_settled, id) < own);
        let turns = u32::try_from(before.count()).unwrap_or(u32::MAX);
        let first = if self.is_settled { Duration::ZERO } else { LISTEN };
        first + TURN.saturating_mul(turns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Screens that hear each other, or not.
    struct Hall {
        screens: Vec<Option<Election>>,
        now: Duration,
    }

    fn id(index: usize) -> ScreenId {
        ScreenId::new(["a", "b", "c"][index]).expect("valid")
    }

    impl Hall {
        fn new(count: usize) -> Self {
            Self {
                screens: (0..count)
                    .map(|it| Some(Election::new(id(it), Duration::ZERO)))
                    .collect(),
                now: Duration::ZERO,
            }
        }

        fn start(&mut self, index: usize) {
            self.screens[index] = Some(Election::new(id(index), self.now));
        }

        /// `hears`: whether one is heard by another.
        fn pass(&mut self, millis: u64, hears: impl Fn(usize, usize) -> bool) {
            for _ in 0..millis / 100 {
                self.now += Duration::from_millis(100);
                let said: Vec<_> = self.screens.iter().map(|it| it.as_ref().map(Election::said)).collect();
                for (to, screen) in self.screens.iter_mut().enumerate() {
                    let Some(screen) = screen else { continue };
                    for (from, said) in said.iter().enumerate() {
                        if let Some(said) = said
                            && from != to
                            && hears(from, to)
                        {
                            screen.hear(&id(from), *said, self.now);
                        }
                    }
                    screen.look(self.now);
                    if matches!(screen.standing(), Standing::Follows(_)) {
                        screen.settle();
                    }
                }
            }
        }

        fn standings(&self) -> String {
            let word = |screen: &Option<Election>| match screen.as_ref().map(Election::standing) {
                None => "-".to_owned(),
                Some(Standing::Leads) => "leads".to_owned(),
                Some(Standing::Follows(whom)) => whom.to_string(),
                Some(Standing::Listening) => "listens".to_owned(),
                Some(Standing::Orphaned) => "orphaned".to_owned(),
            };
            self.screens.iter().map(word).collect::<Vec<_>>().join(" ")
        }
    }

    #[test]
    fn of_screens_that_begin_together_the_first_leads_and_one_that_hears_nobody_leads_itself() {
        let mut hall = Hall::new(3);
        hall.pass(900, |_, _| true);
        assert_eq!(hall.standings(), "listens listens listens");
        hall.pass(400, |_, _| true);
        assert_eq!(hall.standings(), "leads a a");
        let mut alone = Hall::new(1);
        alone.pass(1_000, |_, _| false);
        assert_eq!(alone.standings(), "leads");
    }

    #[test]
    fn the_next_takes_over_and_a_leader_that_comes_back_follows() {
        let mut hall = Hall::new(3);
        hall.pass(2_000, |_, _| true);
        hall.screens[0] = None;
        hall.pass(1_300, |_, _| true);
        assert_eq!(hall.standings(), "- a a", "a leader is given time");
        hall.pass(500, |_, _| true);
        assert_eq!(hall.standings(), "- leads b");
        hall.start(0);
        hall.pass(3_000, |_, _| true);
        assert_eq!(hall.standings(), "b leads b");
    }

    #[test]
    fn a_leader_that_is_back_at_once_leaves_it_to_one_that_was_in_step() {
        let mut hall = Hall::new(2);
        hall.pass(2_000, |_, _| true);
        hall.start(0);
        hall.pass(300, |_, _| true);
        assert_eq!(hall.standings(), "b leads");
    }

    #[test]
    fn after_a_cut_network_the_later_term_holds_and_everybody_knows_one_leader() {
        let mut hall = Hall::new(3);
        hall.pass(2_000, |_, _| true);
        hall.pass(3_000, |from, to| (from == 0) == (to == 0));
        assert_eq!(hall.standings(), "leads leads b");
        hall.pass(500, |_, _| true);
        assert_eq!(hall.standings(), "b leads b");
    }

    #[test]
    fn two_leaders_of_one_term_are_one_after_a_moment() {
        let mut hall = Hall::new(2);
        hall.pass(1_500, |_, _| false);
        assert_eq!(hall.standings(), "leads leads");
        hall.pass(200, |_, _| true);
        assert_eq!(hall.standings(), "leads a");
    }
}
