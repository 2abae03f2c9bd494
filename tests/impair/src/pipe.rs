//! One direction of a link: what it loses, delays, reorders, repeats, and how much it carries.
//!
//! Invariant: every datagram takes the same number of random draws, whatever the settings are: a setting changes what it
//! is about, and shifts no other decision.

use std::time::{Duration, Instant};

use serde::Serialize;

use crate::Random;

/// Bytes that IP and UDP put before a datagram's content. (RFC 791, RFC 768)
const HEADERS: usize = 28;

/// Losses that come in bursts, by two states (Gilbert and Elliott): in the bad one most is lost.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Burst {
    /// How likely a burst begins with a datagram, 0 to 1.
    pub begins: f64,
    /// How likely it ends with one.
    pub ends: f64,
    /// The share that is lost in a burst.
    pub loses: f64,
}

/// Datagrams that are held back, so that those behind overtake them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Late {
    /// The share of them, 0 to 1.
    pub share: f64,
    /// How long each is held back.
    pub by: Duration,
}

/// What may wait before a narrow place. What would be more is dropped (tail drop).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Queue {
    /// As much as leaves in this time.
    Time(Duration),
    /// So many bytes, with the headers of IP and UDP.
    Bytes(u64),
}

/// What became of the datagrams that entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Counts {
    /// They come out.
    pub passed: u64,
    /// Lost by chance, alone or in a burst, or because the way was cut.
    pub lost: u64,
    /// Dropped before a narrow place, or because too many were on their way.
    pub full: u64,
    /// Of those that come out: held back on purpose.
    pub late: u64,
    /// Copies that come out besides.
    pub copies: u64,
}

/// When a datagram comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Exits {
    /// None: never.
    pub at: Option<Instant>,
    /// Its copy; none: there is no copy.
    pub copy: Option<Instant>,
}

/// One direction of a link.
#[derive(Debug, Clone)]
pub struct Pipe {
    /// Bits a second, with the headers of IP and UDP; none: as much as is sent. What waits when this changes leaves as it
    /// would have before.
    pub rate_bps: Option<u64>,
    /// What may wait where there is a rate.
    pub queue: Queue,
    /// How long each takes.
    pub delay: Duration,
    /// Up to so much more, another for each: they overtake one another.
    pub jitter: Duration,
    /// Those that are held back on purpose.
    pub late: Option<Late>,
    /// The share that is lost, 0 to 1.
    pub loss: f64,
    /// Losses in bursts, besides.
    pub burst: Option<Burst>,
    /// The share that comes twice, 0 to 1.
    pub copies: f64,
    /// Nothing passes.
    pub is_cut: bool,
    counts: Counts,
    in_burst: bool,
    free_at: Option<Instant>,
}

impl Default for Pipe {
    /// Carries everything at once.
    fn default() -> Self {
        Self {
            rate_bps: None,
            queue: Queue::Time(Duration::from_millis(200)),
            delay: Duration::ZERO,
            jitter: Duration::ZERO,
            late: None,
            loss: 0.0,
            burst: None,
            copies: 0.0,
            is_cut: false,
            counts: Counts::default(),
            in_burst: false,
            free_at: None,
        }
    }
}

/// What chance says of a datagram.
struct Draws {
    turn: f64,
    loss: f64,
    jitter: f64,
    late: f64,
    copy: f64,
    copy_jitter: f64,
}

impl Draws {
    fn new(random: &mut Random) -> Self {
        Self {
            turn: random.chance(),
            loss: random.chance(),
            jitter: random.chance(),
            late: random.chance(),
            copy: random.chance(),
            copy_jitter: random.chance(),
        }
    }
}

impl Pipe {
    /// What happened until now.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Counts a datagram that the pipe's owner had no place for.
    pub(crate) fn count_full(&mut self) {
        self.counts.full += 1;
    }

    /// When a datagram of so many bytes comes out that enters now.
    pub fn pass(&mut self, bytes: usize, now: Instant, random: &mut Random) -> Exits {
        let draws = Draws::new(random);
        if self.loses(&draws) {
            self.counts.lost += 1;
            return Exits::default();
        }
        let Some(through) = self.through(bytes, now) else {
            self.counts.full += 1;
            return Exits::default();
        };
        let mut at = through + self.delay + self.jitter.mul_f64(draws.jitter);
        if let Some(late) = self.late.filter(|late| draws.late < late.share) {
            at += late.by;
            self.counts.late += 1;
        }
        let has_copy = draws.copy < self.copies;
        self.counts.passed += 1;
        self.counts.copies += u64::from(has_copy);
        Exits {
            at: Some(at),
            copy: has_copy.then(|| through + self.delay + self.jitter.mul_f64(draws.copy_jitter)),
        }
    }

    fn loses(&mut self, draws: &Draws) -> bool {
        let mut share = self.loss;
        match self.burst {
            Some(burst) => {
                self.in_burst = if self.in_burst {
                    draws.turn >= burst.ends
                } else {
                    draws.turn < burst.begins
                };
                if self.in_burst {
                    share = share.max(burst.loses);
                }
            }
            None => self.in_burst = false,
        }
        self.is_cut || draws.loss < share
    }

    /// When it is through the narrow place; none: there is no place to wait for that.
    fn through(&mut self, bytes: usize, now: Instant) -> Option<Instant> {
        let Some(rate) = self.rate_bps else {
            self.free_at = None;
            return Some(now);
        };
        let begins = self.free_at.map_or(now, |at| at.max(now));
        let size = (bytes + HEADERS) as f64;
        let has_place = match self.queue {
            Queue::Time(limit) => begins - now <= limit,
            Queue::Bytes(limit) => (begins - now).as_secs_f64() * rate as f64 / 8.0 + size <= limit as f64,
        };
        if !has_place {
            return None;
        }
        let through = begins + Duration::from_secs_f64(size * 8.0 / rate.max(1) as f64);
        self.free_at = Some(through);
        Some(through)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Sends so many datagrams of 972 bytes (1,000 with headers), one each `pause`; when each comes out, from the start.
    fn send(pipe: &mut Pipe, seed: u64, count: u32, pause: Duration) -> Vec<Option<Duration>> {
        let (start, mut random) = (Instant::now(), Random::new(seed));
        let exits = (0..count).map(|n| pipe.pass(972, start + pause * n, &mut random));
        exits.map(|it| it.at.map(|at| at - start)).collect()
    }

    #[test]
    fn a_pipe_with_nothing_wrong_carries_all_at_once() {
        let out = send(&mut Pipe::default(), 1, 100, MS);
        assert!(out.iter().zip(0..).all(|(at, n)| *at == Some(MS * n)));
    }

    #[test]
    fn the_same_seed_decides_the_same_and_another_one_otherwise() {
        let pipe = Pipe {
            loss: 0.1,
            jitter: 30 * MS,
            copies: 0.1,
            ..Pipe::default()
        };
        let of = |seed| send(&mut pipe.clone(), seed, 500, MS);
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn a_setting_shifts_no_other_decision() {
        let lossy = Pipe {
            loss: 0.1,
            ..Pipe::default()
        };
        let also_late = Pipe {
            late: Some(Late { share: 0.2, by: 5 * MS }),
            jitter: MS,
            ..lossy.clone()
        };
        let lost = |pipe: &Pipe| -> Vec<bool> {
            let out = send(&mut pipe.clone(), 3, 1000, MS);
            out.iter().map(Option::is_none).collect()
        };
        assert_eq!(lost(&lossy), lost(&also_late));
    }

    #[test]
    fn as_much_is_lost_as_is_said() {
        let mut pipe = Pipe {
            loss: 0.05,
            ..Pipe::default()
        };
        let lost = send(&mut pipe, 5, 100_000, MS).iter().filter(|it| it.is_none()).count();
        assert!((4800..5200).contains(&lost), "{lost}");
        assert_eq!(
            (pipe.counts().lost, pipe.counts().passed),
            (lost as u64, 100_000 - lost as u64)
        );
    }

    #[test]
    fn bursts_are_as_long_and_as_frequent_as_is_said() {
        let mut pipe = Pipe {
            burst: Some(Burst {
                begins: 0.01,
                ends: 0.25,
                loses: 1.0,
            }),
            ..Pipe::default()
        };
        let out = send(&mut pipe, 11, 100_000, MS);
        let lost = out.iter().filter(|it| it.is_none()).count();
        let bursts = out
            .windows(2)
            .filter(|pair| pair[0].is_some() && pair[1].is_none())
            .count();
        // The share of time in the bad state is begins / (begins + ends); a burst lasts 1 / ends.
        let share = lost as f64 / out.len() as f64;
        assert!((share - 0.01 / 0.26).abs() < 0.004, "{share}");
        let mean = lost as f64 / bursts as f64;
        assert!((mean - 4.0).abs() < 0.3, "{mean}");
    }

    #[test]
    fn a_narrow_place_lets_its_rate_through_and_drops_what_would_wait_too_long() {
        // 1,000 bytes are 10 ms of 800 kbit/s; twice as much comes.
        let mut pipe = Pipe {
            rate_bps: Some(800_000),
            ..Pipe::default()
        };
        let out = send(&mut pipe, 1, 1000, 5 * MS);
        let passed: Vec<Duration> = out.iter().flatten().copied().collect();
        assert!(
            passed.windows(2).all(|pair| pair[1] - pair[0] == 10 * MS),
            "evenly, without a gap"
        );
        let waited = out.iter().zip(0..).filter_map(|(at, n)| Some((*at)? - 5 * MS * n));
        assert_eq!(waited.max(), Some(210 * MS));
        assert_eq!(pipe.counts().full as usize, 1000 - passed.len());
        assert!((passed.len() as i64 - 520).abs() <= 1, "{}", passed.len());
    }

    #[test]
    fn a_queue_in_bytes_holds_so_many() {
        let mut pipe = Pipe {
            rate_bps: Some(800_000),
            queue: Queue::Bytes(5500),
            ..Pipe::default()
        };
        let out = send(&mut pipe, 1, 10, Duration::ZERO);
        assert_eq!(out.iter().flatten().count(), 5);
        assert_eq!(out[4], Some(50 * MS));
    }

    #[test]
    fn those_held_back_are_overtaken_and_copies_come_besides() {
        let mut pipe = Pipe {
            delay: 20 * MS,
            late: Some(Late {
                share: 0.1,
                by: 15 * MS,
            }),
            copies: 0.1,
            ..Pipe::default()
        };
        let (start, mut random) = (Instant::now(), Random::new(2));
        let exits: Vec<Exits> = (0..10_000)
            .map(|n| pipe.pass(100, start + MS * n, &mut random))
            .collect();
        let taken = |n: usize, at: Instant| at - (start + MS * n as u32);
        let late = exits
            .iter()
            .enumerate()
            .filter(|(n, it)| it.at.is_some_and(|at| taken(*n, at) == 35 * MS));
        assert_eq!(late.count() as u64, pipe.counts().late);
        assert!((900..1100).contains(&pipe.counts().late), "{:?}", pipe.counts());
        assert_eq!(
            exits.iter().filter(|it| it.copy.is_some()).count() as u64,
            pipe.counts().copies
        );
        assert!((900..1100).contains(&pipe.counts().copies), "{:?}", pipe.counts());
    }

    #[test]
    fn a_cut_lets_nothing_through() {
        let mut pipe = Pipe {
            is_cut: true,
            ..Pipe::default()
        };
        assert!(send(&mut pipe, 1, 10, MS).iter().all(Option::is_none));
        assert_eq!(pipe.counts().lost, 10);
    }
}
