//! Both directions of a link, and how they change over time.
//!
//! Invariant: a step holds for every datagram that enters at its moment or later, and for none that entered before.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::setting::duration;
use crate::{BadSetting, Line, Pipe, Random, Setting, settings};

/// Which way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Toward the server.
    Up,
    /// Toward the peer.
    Down,
}

impl Direction {
    fn read(word: &str) -> Option<Self> {
        match word {
            "up" => Some(Self::Up),
            "down" => Some(Self::Down),
            _ => None,
        }
    }
}

/// A change to come.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// How long after the link's beginning.
    pub at: Duration,
    /// Which way.
    pub direction: Direction,
    /// What it does from then on.
    pub settings: Vec<Setting>,
}

impl Step {
    /// Reads `5s down rate=300k queue=200ms`; without a time it is now.
    ///
    /// # Errors
    /// What of it can't be understood.
    pub fn read(text: &str) -> Result<Self, BadSetting> {
        let text = text.trim();
        let (first, rest) = text.split_once(' ').unwrap_or((text, ""));
        let (at, words) = match duration(first) {
            Some(at) => (at, rest.trim()),
            None => (Duration::ZERO, text),
        };
        let (word, rest) = words.split_once(' ').unwrap_or((words, ""));
        Ok(Self {
            at,
            direction: Direction::read(word).ok_or_else(|| BadSetting(text.to_owned()))?,
            settings: settings(rest)?,
        })
    }
}

/// A link.
#[derive(Debug)]
pub struct Link<T> {
    up: Line<T>,
    down: Line<T>,
    begun: Instant,
    steps: VecDeque<Step>,
}

impl<T: Clone> Link<T> {
    /// A link that begins now. Each direction has its own chance: what goes one way decides nothing about the other.
    #[must_use]
    pub fn new(up: Pipe, down: Pipe, mut steps: Vec<Step>, seed: u64, now: Instant) -> Self {
        let mut random = Random::new(seed);
        steps.sort_by_key(|step| step.at);
        Self {
            up: Line::new(up, random.next()),
            down: Line::new(down, random.next()),
            begun: now,
            steps: steps.into(),
        }
    }

    /// One direction.
    pub fn line(&mut self, direction: Direction) -> &mut Line<T> {
        match direction {
            Direction::Up => &mut self.up,
            Direction::Down => &mut self.down,
        }
    }

    /// A datagram of so many bytes enters.
    pub fn enter(&mut self, direction: Direction, item: T, bytes: usize, now: Instant) {
        self.take_steps(now);
        self.line(direction).enter(item, bytes, now);
    }

    /// The next datagram that comes out at either end.
    pub fn leave(&mut self, now: Instant) -> Option<(Direction, T)> {
        let up = self.up.leave(now).map(|item| (Direction::Up, item));
        up.or_else(|| self.down.leave(now).map(|item| (Direction::Down, item)))
    }

    /// When the next one comes out.
    #[must_use]
    pub fn next_exit(&self) -> Option<Instant> {
        [self.up.next_exit(), self.down.next_exit()].into_iter().flatten().min()
    }

    fn take_steps(&mut self, now: Instant) {
        while let Some(step) = self.steps.front().filter(|step| self.begun + step.at <= now).cloned() {
            self.steps.pop_front();
            let pipe = &mut self.line(step.direction).pipe;
            step.settings.iter().for_each(|setting| pipe.set(*setting));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn steps_are_read_with_their_time_and_direction() {
        let step = Step::read("1.5s down rate=300k").expect("a step");
        assert_eq!((step.at, step.direction), (1500 * MS, Direction::Down));
        assert_eq!(step.settings, [Setting::Rate(Some(300_000))]);
        let now = Step::read("up cut=yes\n").expect("a step");
        assert_eq!(
            (now.at, now.settings.as_slice()),
            (Duration::ZERO, &[Setting::Cut(true)][..])
        );
        for text in ["", "5s", "sideways loss=1%", "5s down loss=2"] {
            assert!(Step::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_step_holds_from_its_moment_on() {
        let start = Instant::now();
        let steps = ["20ms down cut=no", "10ms down cut=yes"].map(|it| Step::read(it).expect("a step"));
        let mut link = Link::new(Pipe::default(), Pipe::default(), steps.to_vec(), 1, start);
        for number in 0..30 {
            link.enter(Direction::Down, number, 100, start + MS * number);
            link.enter(Direction::Up, 100 + number, 100, start + MS * number);
        }
        let mut out: Vec<u32> = std::iter::from_fn(|| link.leave(start + 99 * MS))
            .map(|(_, it)| it)
            .collect();
        out.sort_unstable();
        let expected: Vec<u32> = (0..10).chain(20..30).chain(100..130).collect();
        assert_eq!(out, expected);
    }

    #[test]
    fn what_goes_one_way_decides_nothing_about_the_other() {
        let lossy = Pipe::new(&[Setting::Loss(0.3)]);
        let start = Instant::now();
        let come = |sent_up: u32| -> Vec<u32> {
            let mut link = Link::new(lossy.clone(), lossy.clone(), vec![], 9, start);
            for number in 0..200 {
                (0..sent_up).for_each(|_| link.enter(Direction::Up, 0, 100, start));
                link.enter(Direction::Down, number, 100, start);
            }
            let all = std::iter::from_fn(|| link.leave(start));
            all.filter(|(direction, _)| *direction == Direction::Down)
                .map(|(_, it)| it)
                .collect()
        };
        assert_eq!(come(0), come(3));
        assert_ne!(come(0).len(), 200);
    }
}
