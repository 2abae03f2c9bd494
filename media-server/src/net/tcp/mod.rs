//! The TCP port, for browsers whose network lets no UDP out: passive candidates (RFC 6544) and frames of a
//! stream (RFC 4571) that are datagrams to the core.
//!
//! Invariant: a connection stays only while the core answers its checks, or, once it has, while it sends by it to somebody from
//! whom something comes. What it can't take at once is lost
//! and counted, on any network media that waits is late; but never is half of a frame sent.

mod connection;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use self::connection::{accept, serve};
use super::udp::Addresses;
use crate::core::{Datagram, Remote, Transport};

/// Connections at once. When full, a new one is closed at once.
const MAX_LINKS: usize = 2048;

/// Connections that haven't proven themselves yet. When full, the one that has waited longest makes place:
/// a browser needs one round trip.
const MAX_UNPROVEN: usize = 128;

/// Of these, from one address.
const MAX_UNPROVEN_OF_ONE: usize = 16;

/// How long a new connection may take to its first valid check.
const PROVEN_IN: Duration = Duration::from_secs(5);

/// How long after its last valid check a connection stays. Browsers send one every few seconds
/// (RFC 7675 §5.1).
const PROOF_LASTS: Duration = Duration::from_secs(30);

/// Others (libnice) send none that is answered while media flows (RFC 8445 §11). The core sends by a connection to who is in
/// a room only: as long as it does, and something has come so lately, that is as good as a check.
const HEARD_LATELY: Duration = Duration::from_secs(10);

/// Between looks for connections that are over.
const SWEEP: Duration = Duration::from_secs(1);

/// Frames toward one connection that wait for the network: about 250 ms of 4 Mbit/s. When full the newest
/// is dropped.
const QUEUE: usize = 128;

/// Places in that queue that media leaves to checks and handshakes.
const RESERVED: usize = 16;

/// Frames from all connections that wait for the core. When full, connections are read more slowly.
const ARRIVALS: usize = 256;

/// Frames that the core takes in one turn.
const TURN: usize = 64;

/// Bytes not yet sent that the kernel may hold for a connection: what it holds can't be dropped any more.
const UNSENT: u32 = 16 << 10;

/// What the port counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpCounts {
    /// Connections now.
    pub open: u64,
    /// Connections closed because there was no place, or no valid check in time.
    pub refused: u64,
    /// Datagrams that a connection couldn't take.
    pub lost: u64,
}

impl TcpCounts {
    /// Together with another worker's.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            open: self.open + other.open,
            refused: self.refused + other.refused,
            lost: self.lost + other.lost,
        }
    }
}

/// The two ends of a connection; ours as told to browsers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Ends {
    theirs: SocketAddr,
    ours: SocketAddr,
}

/// What connections' tasks tell.
#[derive(Debug)]
pub enum Arrival {
    /// A browser connected.
    Opened(TcpStream, SocketAddr),
    /// A frame came.
    Frame(LinkId, Vec<u8>),
    /// A connection is over.
    Ended(LinkId),
}

/// A connection, and which of those that had the same ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkId {
    ends: Ends,
    number: u64,
}

/// What is known of a connection. Dropped, it is closed when the frames that wait have been sent.
#[derive(Debug)]
struct Link {
    number: u64,
    /// Full: see [`QUEUE`].
    frames: mpsc::Sender<Vec<u8>>,
    opened: Instant,
    /// When the core last answered a check by it.
    proven: Option<Instant>,
    /// When the last frame came by it.
    heard: Option<Instant>,
}

impl Link {
    /// Something is sent by it: an answered check, or anything else.
    fn sends(&mut self, is_answer: bool, now: Instant) {
        let is_lately = |at: Instant| now.saturating_duration_since(at) <= HEARD_LATELY;
        let is_in_use = self.proven.is_some() && !self.is_over(now) && self.heard.is_some_and(is_lately);
        if is_answer || is_in_use {
            self.proven = Some(now);
        }
    }

    fn is_over(&self, now: Instant) -> bool {
        match self.proven {
            Some(at) => now.saturating_duration_since(at) > PROOF_LASTS,
            None => now.saturating_duration_since(self.opened) > PROVEN_IN,
        }
    }
}

/// The port and its connections.
#[derive(Debug)]
pub struct Tcp {
    at: SocketAddr,
    addresses: Addresses,
    links: HashMap<Ends, Link>,
    next: u64,
    tell: mpsc::Sender<Arrival>,
    arrivals: mpsc::Receiver<Arrival>,
    sweep: tokio::time::Interval,
    counts: TcpCounts,
}

impl Tcp {
    /// Opens the port. Must be called within tokio.
    ///
    /// # Errors
    /// When the address is taken or isn't the machine's.
    pub fn bind(at: SocketAddr, public: &[IpAddr]) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind(at)?;
        listener.set_nonblocking(true)?;
        let listener = TcpListener::from_std(listener)?;
        let at = listener.local_addr()?;
        let (tell, arrivals) = mpsc::channel(ARRIVALS);
        tokio::spawn(accept(listener, tell.clone()));
        let mut sweep = tokio::time::interval(SWEEP);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        Ok(Self {
            at,
            addresses: Addresses::new(at, public)?,
            links: HashMap::new(),
            next: 0,
            tell,
            arrivals,
            sweep,
            counts: TcpCounts::default(),
        })
    }

    /// Where it is bound.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.at
    }

    /// What browsers are told.
    #[must_use]
    pub fn addresses(&self) -> &Addresses {
        &self.addresses
    }

    /// What happened so far, and what is there now.
    #[must_use]
    pub fn counts(&self) -> TcpCounts {
        TcpCounts {
            open: self.links.len() as u64,
            ..self.counts
        }
    }

    /// Waits until [`Tcp::take`] has something to do, and gives what came first. Can be given up at any time.
    pub async fn ready(&mut self) -> Option<Arrival> {
        tokio::select! {
            // The other end of the channel is this one's own: it never closes.
            arrival = self.arrivals.recv() => arrival,
            _ = self.sweep.tick() => {
                self.close_those_over(Instant::now());
                None
            }
        }
    }

    /// Takes what came, `first` first, and at most so much that others get their turn: source, destination
    /// as told, content.
    pub fn take(&mut self, first: Option<Arrival>, now: Instant, mut each: impl FnMut(Remote, SocketAddr, &[u8])) {
        let mut next = first.or_else(|| self.arrivals.try_recv().ok());
        let mut taken = 0;
        while let Some(arrival) = next {
            match arrival {
                Arrival::Opened(stream, theirs) => self.open(stream, theirs, now),
                Arrival::Frame(id, bytes) => {
                    // One that was closed meanwhile has nothing to say any more.
                    if let Some(link) = self.links.get_mut(&id.ends).filter(|link| link.number == id.number) {
                        link.heard = Some(now);
                        let source = Remote {
                            transport: Transport::Tcp,
                            address: id.ends.theirs,
                        };
                        each(source, id.ends.ours, &bytes);
                    }
                }
                Arrival::Ended(id) => self.forget(id),
            }
            taken += 1;
            next = (taken < TURN).then(|| self.arrivals.try_recv().ok()).flatten();
        }
    }

    /// Sends a datagram by its connection.
    pub fn send(&mut self, datagram: Datagram<'_>, now: Instant) {
        let ends = Ends {
            theirs: datagram.path.theirs,
            ours: datagram.path.ours,
        };
        let Some(link) = self.links.get_mut(&ends) else {
            self.counts.lost += 1;
            return;
        };
        link.sends(is_stun_success(datagram.bytes), now);
        let is_late_anyway = is_media(datagram.bytes) && link.frames.capacity() <= RESERVED;
        if is_late_anyway || link.frames.try_send(datagram.bytes.to_vec()).is_err() {
            self.counts.lost += 1;
        }
    }

    /// Lets connections send their last words, for at most `limit`, and closes them.
    pub async fn close(&mut self, limit: Duration) {
        let mut open: Vec<LinkId> = Vec::new();
        for (ends, link) in self.links.drain() {
            open.push(LinkId {
                ends,
                number: link.number,
            });
        }
        let closing = async {
            while !open.is_empty() {
                if let Some(Arrival::Ended(id)) = self.arrivals.recv().await {
                    open.retain(|it| *it != id);
                }
            }
        };
        // Who takes nothing doesn't hear the goodbye.
        let _ = tokio::time::timeout(limit, closing).await;
    }

    fn link(&self, id: LinkId) -> Option<&Link> {
        self.links.get(&id.ends).filter(|link| link.number == id.number)
    }

    fn forget(&mut self, id: LinkId) {
        let Some(link) = self.link(id) else { return };
        if link.proven.is_none() {
            self.counts.refused += 1;
        }
        self.links.remove(&id.ends);
    }

    fn open(&mut self, stream: TcpStream, theirs: SocketAddr, now: Instant) {
        let Ok(local) = stream.local_addr() else {
            return;
        };
        let ends = Ends {
            theirs,
            ours: self.addresses.told_for(Some(local.ip().to_canonical())),
        };
        if !self.has_place(ends) {
            self.counts.refused += 1;
            return;
        }
        // Best effort: without them it is slower, not wrong.
        let _ = stream.set_nodelay(true);
        let _ = socket2::SockRef::from(&stream).set_tcp_notsent_lowat(UNSENT);
        self.next += 1;
        let id = LinkId {
            ends,
            number: self.next,
        };
        let (frames, queue) = mpsc::channel(QUEUE);
        tokio::spawn(serve(stream, id, queue, self.tell.clone()));
        let link = Link {
            number: id.number,
            frames,
            opened: now,
            proven: None,
            heard: None,
        };
        self.links.insert(ends, link);
    }

    /// Whether a new connection may stay; makes place for it.
    fn has_place(&mut self, new: Ends) -> bool {
        if self.links.contains_key(&new) || self.links.len() >= MAX_LINKS {
            return false;
        }
        let mut unproven: Vec<(Instant, Ends)> = self
            .links
            .iter()
            .filter(|(_, link)| link.proven.is_none())
            .map(|(ends, link)| (link.opened, *ends))
            .collect();
        let of_one = unproven.iter().filter(|(_, it)| it.theirs.ip() == new.theirs.ip());
        if of_one.count() >= MAX_UNPROVEN_OF_ONE {
            return false;
        }
        if unproven.len() >= MAX_UNPROVEN {
            unproven.sort_by_key(|(opened, _)| *opened);
            self.links.remove(&unproven[0].1);
            self.counts.refused += 1;
        }
        true
    }

    fn close_those_over(&mut self, now: Instant) {
        let Self { links, counts, .. } = self;
        links.retain(|_, link| {
            let is_over = link.is_over(now);
            if is_over && link.proven.is_none() {
                counts.refused += 1;
            }
            !is_over
        });
    }
}

/// RTP or RTCP, not STUN and not DTLS. (RFC 7983 §7)
fn is_media(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(|first| (128..192).contains(first))
}

/// A binding success response: the core answers only checks that are signed. (RFC 8489 §5)
fn is_stun_success(bytes: &[u8]) -> bool {
    bytes.len() >= 20 && bytes[..2] == [0x01, 0x01]
}
