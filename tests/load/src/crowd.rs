//! All peers of the bench on one thread: sends what is due, receives what came, again and again.
//!
//! Invariant: nothing waits while something can be done; between two turns all buffers are empty.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::{Duration, Instant};

use crate::ledger::Ledger;
use crate::link::{Link, Maker, Tools};
use crate::net::{Buffers, Net, Place, nap};
use crate::pacing::Camera;
use crate::receiver::Receiver;
use crate::sender::{Batch, Sender};

/// Between two looks at every link's timeouts.
const SWEEP: Duration = Duration::from_millis(5);

/// System calls on one socket before the next gets its turn.
const BATCHES: usize = 64;

/// Packets of video a second of a camera before it is told a rate.
const SLOW: f64 = 30.0;

/// How long the crowd may sleep: received packets lie so long in their socket at most.
pub const NAP: Duration = Duration::from_micros(150);

/// A link's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LinkId(usize);

/// How the crowd behaves.
#[derive(Debug, Clone, Copy)]
pub struct Habits {
    /// Between a subscriber's transport-wide feedback.
    pub feedback_every: Duration,
    /// Whether the kernel may hand over datagrams in the trains in which they were sent.
    pub takes_trains: bool,
    /// Where the servers and the crowd are.
    pub place: Place,
}

/// All peers.
#[derive(Debug)]
pub struct Crowd {
    net: Net,
    buffers: Buffers,
    maker: Maker,
    /// By number; a link that is gone leaves its place empty for ever.
    links: Vec<Option<Box<Link>>>,
    /// Who was not gone at the last sweep, so that sweeps don't walk over empty places.
    alive: Vec<usize>,
    batch: Batch,
    scratch: Vec<u8>,
    schedule: BinaryHeap<Reverse<(Instant, usize)>>,
    next_sweep: Instant,
    habits: Habits,
    /// How long to sleep when nothing is to do; none: never, for exact times.
    pub rest: Option<Duration>,
    /// What was sent and came.
    pub ledger: Ledger,
}

impl Crowd {
    /// Nobody yet.
    ///
    /// # Errors
    /// When there are no sockets.
    pub fn new(habits: Habits) -> anyhow::Result<Self> {
        Ok(Self {
            net: Net::open(habits.place, habits.takes_trains)?,
            buffers: Buffers::default(),
            maker: Maker::default(),
            links: Vec::new(),
            alive: Vec::new(),
            batch: Batch::default(),
            scratch: Vec::new(),
            schedule: BinaryHeap::new(),
            next_sweep: Instant::now(),
            habits,
            rest: Some(NAP),
            ledger: Ledger::default(),
        })
    }

    /// A new link.
    ///
    /// # Errors
    /// As [`Maker::link`].
    pub fn open(&mut self) -> anyhow::Result<LinkId> {
        let (number, now) = (self.links.len(), Instant::now());
        // Links report at different times, as pages do.
        let every = self.habits.feedback_every;
        let phase = every * (number as u32 * 37 % 100) / 100;
        let receiver = Receiver::new(self.ledger.epoch(), every, phase, now);
        let link = self.maker.link(number, self.net.address(number), receiver, now)?;
        self.links.push(Some(Box::new(link)));
        self.alive.push(number);
        Ok(LinkId(number))
    }

    /// A link that publishes. Gives its publisher's number too.
    ///
    /// # Errors
    /// As [`Crowd::open`].
    pub fn open_publisher(&mut self) -> anyhow::Result<(LinkId, u32)> {
        let id = self.open()?;
        let publisher = self.ledger.publisher();
        let camera = Camera::new(u64::from(publisher) + 1, SLOW);
        if let Some(link) = self.get_mut(id) {
            link.sender = Some(Sender::new(publisher, camera, Instant::now()));
        }
        Ok((id, publisher))
    }

    /// Forgets a link.
    pub fn close(&mut self, id: LinkId) {
        if let Some(place) = self.links.get_mut(id.0) {
            if let Some(link) = place {
                link.close();
            }
            *place = None;
        }
    }

    /// A link, unless it is gone.
    #[must_use]
    pub fn get(&self, id: LinkId) -> Option<&Link> {
        self.links.get(id.0)?.as_deref()
    }

    /// A link, unless it is gone.
    pub fn get_mut(&mut self, id: LinkId) -> Option<&mut Link> {
        self.links.get_mut(id.0)?.as_deref_mut()
    }

    /// A link and what it needs to be at work.
    pub fn with(&mut self, id: LinkId) -> Option<(&mut Link, Tools<'_>)> {
        let link = self.links.get_mut(id.0)?.as_deref_mut()?;
        let tools = Tools {
            net: &self.net,
            ledger: &mut self.ledger,
            batch: &mut self.batch,
            scratch: &mut self.scratch,
        };
        Some((link, tools))
    }

    /// All links.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.links.iter().filter_map(Option::as_deref)
    }

    /// All links.
    pub fn links_mut(&mut self) -> impl Iterator<Item = &mut Link> {
        self.links.iter_mut().filter_map(Option::as_deref_mut)
    }

    /// What the kernel dropped on the crowd's side.
    #[must_use]
    pub fn drops(&self) -> u64 {
        self.net.drops()
    }

    /// Lets every publisher send at this rate; their pictures are spread over a picture's time.
    pub fn send_at(&mut self, packets_per_second: f64) {
        let now = Instant::now();
        self.schedule.clear();
        let links = self.links.iter_mut().enumerate();
        for (number, link) in links.filter_map(|(number, link)| Some((number, link.as_deref_mut()?))) {
            let is_up = link.is_connected() && !link.is_closed();
            let Some(sender) = link.sender.as_mut().filter(|_| is_up) else {
                continue;
            };
            sender.set_rate(packets_per_second);
            // The golden ratio spreads any number of them evenly.
            let share = (f64::from(sender.publisher()) * 0.618_033_988_749_895).fract();
            sender.turn_on(Duration::from_secs_f64(share / 30.0), now, &self.ledger);
            self.schedule.extend(sender.due().map(|at| Reverse((at, number))));
        }
    }

    /// Nobody sends media any more.
    pub fn hush(&mut self) {
        self.schedule.clear();
        for link in self.links_mut() {
            if let Some(sender) = &mut link.sender {
                sender.turn_off();
            }
        }
    }

    /// What is sent from now on is measured.
    pub fn open_window(&mut self) {
        self.ledger.open_window();
        for link in self.links_mut() {
            link.receiver.open_window();
        }
    }

    /// Packets of the window that were to come, and that came.
    #[must_use]
    pub fn window(&self) -> (u64, u64) {
        self.links().fold((0, 0), |(expected, came), link| {
            let (more, there) = link.receiver.window(&self.ledger);
            (expected + more, came + there)
        })
    }

    /// One round: sends, receives, and sleeps a little when there is nothing to do.
    ///
    /// # Errors
    /// When a socket is gone.
    pub fn turn(&mut self) -> anyhow::Result<()> {
        self.send();
        let is_busy = self.receive()?;
        self.sweep();
        if !is_busy && let Some(rest) = self.rest {
            let now = Instant::now();
            let due = self
                .schedule
                .peek()
                .map_or(self.next_sweep, |it| it.0.0.min(self.next_sweep));
            let free = due.saturating_duration_since(now).min(rest);
            if !free.is_zero() {
                nap(free);
            }
        }
        Ok(())
    }

    fn send(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, number))) = self.schedule.peek().copied() {
            if at > now {
                return;
            }
            self.schedule.pop();
            let Some((link, mut tools)) = self.with(LinkId(number)) else {
                continue;
            };
            link.send(now, &mut tools);
            let due = link.sender.as_ref().and_then(Sender::due);
            self.schedule.extend(due.map(|at| Reverse((at, number))));
        }
    }

    /// True: something came.
    fn receive(&mut self) -> anyhow::Result<bool> {
        let mut is_busy = false;
        for socket in 0..self.net.len() {
            for _ in 0..BATCHES {
                let count = self.net.receive(socket, &mut self.buffers)?;
                if count == 0 {
                    break;
                }
                is_busy = true;
                let now = Instant::now();
                let Self {
                    net,
                    buffers,
                    links,
                    batch,
                    scratch,
                    ledger,
                    ..
                } = self;
                let mut tools = Tools {
                    net,
                    ledger,
                    batch,
                    scratch,
                };
                buffers.each(tools.net, count, |number, from, bytes| {
                    // What comes for one that left is nobody's any more.
                    if let Some(link) = links.get_mut(number).and_then(Option::as_deref_mut) {
                        link.take(from, bytes, now, &mut tools);
                    }
                });
            }
        }
        Ok(is_busy)
    }

    fn sweep(&mut self) {
        let now = Instant::now();
        if now < self.next_sweep {
            return;
        }
        self.next_sweep = now + SWEEP;
        let mut alive = std::mem::take(&mut self.alive);
        alive.retain(|number| {
            let Some((link, mut tools)) = self.with(LinkId(*number)) else {
                return false;
            };
            link.tick(now, &mut tools);
            true
        });
        self.alive = alive;
    }
}
