//! A queue: how many wait, and about how long it takes.
//!
//! The length is the number of people in the queue's outline. The waiting time follows from Little's law (Little 1961,
//! "A proof for the queuing formula L = λW"): people who wait, divided by those who are served in a second. Who is served is
//! who leaves the outline by its head; that rate is an average over about [`MEMORY`].
//!
//! Invariant: no time is told before somebody has been served.

use std::collections::VecDeque;
use std::time::Duration;

use protocol::time::UnixMillis;

/// Services longer ago don't tell how fast it goes now.
pub const MEMORY: Duration = Duration::from_secs(1200);

/// So many services are remembered; of more the oldest go.
const MOST_SERVICES: usize = 500;

/// At least so many of them make a rate.
const LEAST_SERVICES: usize = 3;

/// One queue.
#[derive(Debug, Clone, Default)]
pub struct Queue {
    waiting: Option<u32>,
    served: VecDeque<UnixMillis>,
    since: Option<UnixMillis>,
}

impl Queue {
    /// Nobody has been seen.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// So many wait at `now` (`None`: the camera can't tell), and so many have been served since the last time.
    pub fn take(&mut self, waiting: Option<u32>, served: u32, now: UnixMillis) {
        if waiting.is_none() {
            // Who was served meanwhile nobody knows: the rate begins anew.
            self.served.clear();
            self.since = None;
        } else {
            self.since.get_or_insert(now);
        }
        self.waiting = waiting;
        for _ in 0..served {
            if self.served.len() == MOST_SERVICES {
                self.served.pop_front();
            }
            self.served.push_back(now);
        }
        while self.served.front().is_some_and(|at| now.since(*at) > MEMORY) {
            self.served.pop_front();
        }
    }

    /// How many wait; `None` when the camera can't tell.
    #[must_use]
    pub fn length(&self) -> Option<u32> {
        self.waiting
    }

    /// About how long somebody waits who comes at `now`; `None` when that can't be told yet.
    #[must_use]
    pub fn waiting_time(&self, now: UnixMillis) -> Option<Duration> {
        let waiting = self.waiting?;
        if waiting == 0 {
            return Some(Duration::ZERO);
        }
        if self.served.len() < LEAST_SERVICES {
            return None;
        }
        let watched = now.since(self.since?).min(MEMORY);
        // Served by one after the other, not from the first look on: a queue that has just formed isn't slow.
        let first = now.since(*self.served.front()?);
        let each = watched.min(first) / u32::try_from(self.served.len() - 1).unwrap_or(1);
        Some(each.saturating_mul(waiting))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Random;

    const fn at(second: u64) -> UnixMillis {
        UnixMillis(second * 1000)
    }

    #[test]
    fn no_time_is_told_before_it_is_known() {
        let mut queue = Queue::new();
        assert_eq!((queue.length(), queue.waiting_time(at(0))), (None, None));
        queue.take(Some(4), 0, at(0));
        assert_eq!((queue.length(), queue.waiting_time(at(1))), (Some(4), None));
        queue.take(Some(0), 0, at(2));
        assert_eq!(queue.waiting_time(at(2)), Some(Duration::ZERO));
        for minute in 1..=4 {
            queue.take(Some(5), 1, at(minute * 60));
        }
        assert_eq!(queue.waiting_time(at(240)), Some(Duration::from_secs(300)));
        queue.take(None, 0, at(250));
        queue.take(Some(5), 0, at(260));
        assert_eq!(queue.waiting_time(at(260)), None, "after a gap it begins anew");
    }

    #[test]
    fn how_fast_it_went_this_morning_says_nothing_of_now() {
        let mut queue = Queue::new();
        for second in (0..600).step_by(10) {
            queue.take(Some(5), 1, at(second));
        }
        assert_eq!(queue.waiting_time(at(600)).map(|it| it.as_secs()), Some(50));
        // One counter is closed: a service every four minutes for half an hour.
        for second in (840..=2640).step_by(240) {
            queue.take(Some(5), 1, at(second));
        }
        let told = queue.waiting_time(at(2640)).expect("known");
        assert!((900..=1500).contains(&told.as_secs()), "{told:?}");
        queue.take(Some(5), 0, at(2640 + MEMORY.as_secs() + 1));
        assert_eq!(
            queue.waiting_time(at(2640 + MEMORY.as_secs() + 1)),
            None,
            "nobody is served any more"
        );
    }

    #[test]
    fn memory_is_bounded() {
        let mut queue = Queue::new();
        for second in 0..10_000 {
            queue.take(Some(1), 3, at(second));
        }
        assert!(queue.served.len() <= MOST_SERVICES);
    }

    /// One counter, services of 30 s to 150 s by chance: what is told to who joins, against what they then wait.
    #[test]
    fn what_is_told_is_about_what_people_wait() {
        let (mut told, mut waited) = (0.0, 0.0);
        for seed in 0..100 {
            let mut random = Random::new(seed);
            let mut queue = Queue::new();
            let mut people: VecDeque<(u64, Option<Duration>)> = VecDeque::new();
            let mut service_ends = 0;
            for second in 0..4 * 3600 {
                if random.share() < 1.0 / 95.0 || people.len() < 2 {
                    people.push_back((second, queue.waiting_time(at(second))));
                }
                let mut served = 0;
                if second >= service_ends {
                    service_ends = second + 30 + random.below(120) as u64;
                    served = 1;
                    if let Some((came, Some(said))) = people.pop_front().filter(|_| second > 3600) {
                        told += said.as_secs_f64();
                        waited += (second - came) as f64;
                    }
                }
                queue.take(u32::try_from(people.len()).ok(), served, at(second));
            }
        }
        let ratio = told / waited;
        assert!((0.8..1.25).contains(&ratio), "told {told:.0} s, waited {waited:.0} s");
    }
}
