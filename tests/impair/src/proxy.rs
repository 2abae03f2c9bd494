//! A proxy for UDP between peers and a server, with a [`Link`] in it. One proxy is one network's access line: all peers
//! behind it share it, as pages in a home do. The server sees each of them at an address of its own.
//!
//! Invariant: nothing is made up and nothing changed: what comes out at one end entered at the other.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use serde::Serialize;
use socket2::{Domain, Socket, Type};
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::{Counts, Direction, Link, Pipe, Setting, Step};

/// Peers behind one proxy. What comes from one more is dropped and counted.
const MAX_PEERS: usize = 64;

/// Datagrams from the server that wait for the link. When full their readers wait, and the kernel drops.
const ARRIVALS: usize = 1024;

/// Changes that wait to be made. When full, who wants one waits.
const COMMANDS: usize = 16;

/// What the kernel holds for a socket, in bytes: a machine that stops for a second loses nothing. When full it drops.
const SOCKET_BUFFER: usize = 4 << 20;

/// The largest datagram there is: IP's length has 16 bits.
const MAX_DATAGRAM: usize = 65_535;

/// What a proxy does from the beginning.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// What chance begins with.
    pub seed: u64,
    /// Toward the server.
    pub up: Vec<Setting>,
    /// Toward the peers.
    pub down: Vec<Setting>,
    /// What changes later.
    pub steps: Vec<Step>,
}

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Report {
    /// Toward the server.
    pub up: Counts,
    /// Toward the peers.
    pub down: Counts,
    /// Peers that were seen.
    pub peers: usize,
    /// Datagrams that a socket didn't take, or that came from too many peers.
    pub unsent: u64,
}

enum Command {
    Set(Direction, Vec<Setting>),
    Report(oneshot::Sender<Report>),
}

/// A running proxy. It ends when it is dropped.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    commands: mpsc::Sender<Command>,
    running: JoinSet<()>,
}

impl Proxy {
    /// Opens a proxy at `listen` that leads to `server`. Must be called within tokio.
    ///
    /// # Errors
    /// When `listen` can't be bound.
    pub async fn open(listen: SocketAddr, server: SocketAddr, plan: Plan) -> io::Result<Self> {
        let front = open(listen).await?;
        let address = front.local_addr()?;
        let link = Link::new(
            Pipe::new(&plan.up),
            Pipe::new(&plan.down),
            plan.steps,
            plan.seed,
            Instant::now(),
        );
        let (commands, asked) = mpsc::channel(COMMANDS);
        let (tell, arrivals) = mpsc::channel(ARRIVALS);
        let shell = Shell {
            front,
            server,
            link,
            peers: Vec::new(),
            known: HashMap::new(),
            readers: JoinSet::new(),
            tell,
            unsent: 0,
        };
        let mut running = JoinSet::new();
        running.spawn(shell.run(arrivals, asked));
        Ok(Self {
            address,
            commands,
            running,
        })
    }

    /// Where peers reach it.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes a direction from now on.
    pub async fn set(&self, direction: Direction, settings: Vec<Setting>) {
        // It listens as long as `self` is there.
        let _ = self.commands.send(Command::Set(direction, settings)).await;
    }

    /// What has happened until now.
    pub async fn report(&self) -> Report {
        let (answer, report) = oneshot::channel();
        let _ = self.commands.send(Command::Report(answer)).await;
        report.await.unwrap_or_default()
    }

    /// Ends it, and waits until its sockets are closed.
    pub async fn close(mut self) {
        self.running.shutdown().await;
    }
}

/// A datagram, and which peer's it is.
#[derive(Debug, Clone)]
struct Parcel {
    peer: usize,
    bytes: Arc<[u8]>,
}

struct Peer {
    address: SocketAddr,
    /// What the server sees it by.
    outside: Arc<UdpSocket>,
}

struct Shell {
    front: UdpSocket,
    server: SocketAddr,
    link: Link<Parcel>,
    peers: Vec<Peer>,
    known: HashMap<SocketAddr, usize>,
    readers: JoinSet<()>,
    tell: mpsc::Sender<Parcel>,
    unsent: u64,
}

impl Shell {
    async fn run(mut self, mut arrivals: mpsc::Receiver<Parcel>, mut asked: mpsc::Receiver<Command>) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        loop {
            let next = self.link.next_exit();
            let due = tokio::time::sleep_until(next.unwrap_or_else(Instant::now).into());
            tokio::select! {
                command = asked.recv() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
                () = due, if next.is_some() => {}
                came = self.front.recv_from(&mut buffer) => {
                    // An error here is about a peer that is gone (ICMP).
                    if let Ok((len, from)) = came {
                        self.take_in(from, &buffer[..len]).await;
                    }
                }
                Some(parcel) = arrivals.recv() => {
                    let len = parcel.bytes.len();
                    self.link.enter(Direction::Down, parcel, len, Instant::now());
                }
            }
            self.let_out();
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Set(direction, settings) => {
                let pipe = &mut self.link.line(direction).pipe;
                settings.iter().for_each(|it| pipe.set(*it));
            }
            Command::Report(answer) => {
                let report = Report {
                    up: self.link.line(Direction::Up).pipe.counts(),
                    down: self.link.line(Direction::Down).pipe.counts(),
                    peers: self.peers.len(),
                    unsent: self.unsent,
                };
                // Who asked may have given up.
                let _ = answer.send(report);
            }
        }
    }

    /// A datagram from a peer.
    async fn take_in(&mut self, from: SocketAddr, bytes: &[u8]) {
        let peer = match self.known.get(&from) {
            Some(peer) => *peer,
            None => match self.meet(from).await {
                Ok(peer) => peer,
                Err(_) => {
                    self.unsent += 1;
                    return;
                }
            },
        };
        let parcel = Parcel {
            peer,
            bytes: bytes.into(),
        };
        self.link.enter(Direction::Up, parcel, bytes.len(), Instant::now());
    }

    async fn meet(&mut self, address: SocketAddr) -> io::Result<usize> {
        if self.peers.len() >= MAX_PEERS {
            return Err(io::Error::other("too many peers"));
        }
        let outside = open(SocketAddr::new(self.front.local_addr()?.ip(), 0)).await?;
        outside.connect(self.server).await?;
        let outside = Arc::new(outside);
        let peer = self.peers.len();
        self.readers.spawn(read(Arc::clone(&outside), peer, self.tell.clone()));
        self.peers.push(Peer { address, outside });
        self.known.insert(address, peer);
        Ok(peer)
    }

    /// What is due leaves at once; what a socket doesn't take is lost.
    fn let_out(&mut self) {
        let now = Instant::now();
        while let Some((direction, parcel)) = self.link.leave(now) {
            let peer = &self.peers[parcel.peer];
            let sent = match direction {
                Direction::Up => peer.outside.try_send(&parcel.bytes),
                Direction::Down => self.front.try_send_to(&parcel.bytes, peer.address),
            };
            self.unsent += u64::from(sent.is_err());
        }
    }
}

async fn open(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, None)?;
    socket.set_nonblocking(true)?;
    // Best effort: the kernel caps it where it isn't allowed more.
    let _ = socket.set_recv_buffer_size(SOCKET_BUFFER);
    socket.bind(&address.into())?;
    let socket = UdpSocket::from_std(socket.into())?;
    // A new socket counts as full until it is known not to be.
    socket.writable().await?;
    Ok(socket)
}

/// Reads what the server sends to a peer.
async fn read(outside: Arc<UdpSocket>, peer: usize, tell: mpsc::Sender<Parcel>) {
    let mut buffer = vec![0; MAX_DATAGRAM];
    loop {
        // An error here is about a server that isn't there (ICMP): it may come.
        let Ok(len) = outside.recv(&mut buffer).await else {
            continue;
        };
        let parcel = Parcel {
            peer,
            bytes: buffer[..len].into(),
        };
        if tell.send(parcel).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::time::Duration;

    use super::*;
    use crate::settings;

    /// How long anything may take before a test fails.
    const LIMIT: Duration = Duration::from_secs(20);

    async fn socket() -> UdpSocket {
        open(SocketAddr::from(([127, 0, 0, 1], 0))).await.expect("a socket")
    }

    async fn proxy(server: &UdpSocket, seed: u64, up: &str) -> Proxy {
        let plan = Plan {
            seed,
            up: settings(up).expect("settings"),
            ..Plan::default()
        };
        let server = server.local_addr().expect("an address");
        Proxy::open(SocketAddr::from(([127, 0, 0, 1], 0)), server, plan)
            .await
            .expect("a proxy")
    }

    async fn receive(socket: &UdpSocket) -> (Vec<u8>, SocketAddr) {
        let mut buffer = vec![0; MAX_DATAGRAM];
        let came = tokio::time::timeout(LIMIT, socket.recv_from(&mut buffer)).await;
        let (len, from) = came.expect("in time").expect("received");
        (buffer[..len].to_vec(), from)
    }

    #[tokio::test]
    async fn the_server_sees_each_peer_at_its_own_address_and_answers_reach_it() {
        let (server, peers) = (socket().await, [socket().await, socket().await]);
        let proxy = proxy(&server, 1, "").await;
        let mut seen = BTreeSet::new();
        for (peer, word) in peers.iter().zip([&b"one"[..], b"two"]) {
            peer.send_to(word, proxy.address()).await.expect("sent");
            let (came, from) = receive(&server).await;
            assert_eq!(came, word);
            seen.insert(from);
            server.send_to(&[word, b" again"].concat(), from).await.expect("sent");
            let (answer, from) = receive(peer).await;
            assert_eq!((answer, from), ([word, b" again"].concat(), proxy.address()));
        }
        assert_eq!(seen.len(), 2);
        let report = proxy.report().await;
        assert_eq!(
            (report.peers, report.up.passed, report.down.passed, report.unsent),
            (2, 2, 2, 0)
        );
        // The largest there is, as it is.
        let large = vec![7; 65_507];
        peers[0].send_to(&large, proxy.address()).await.expect("sent");
        assert_eq!(receive(&server).await.0, large);
        proxy.close().await;
    }

    /// Which of 300 datagrams come to the server.
    async fn come_through(seed: u64) -> Vec<u16> {
        let (server, peer) = (socket().await, socket().await);
        let proxy = proxy(&server, seed, "loss=20%").await;
        let mut come = Vec::new();
        for number in 0..300_u16 {
            peer.send_to(&number.to_be_bytes(), proxy.address())
                .await
                .expect("sent");
        }
        // From now on all that is sent comes: after the last of the 300 there is one more.
        while proxy.report().await.up.passed + proxy.report().await.up.lost < 300 {
            tokio::task::yield_now().await;
        }
        proxy.set(Direction::Up, settings("loss=0%").expect("settings")).await;
        peer.send_to(&300_u16.to_be_bytes(), proxy.address())
            .await
            .expect("sent");
        while come.last() != Some(&300) {
            let (bytes, _) = receive(&server).await;
            come.push(u16::from_be_bytes(bytes.try_into().expect("two bytes")));
        }
        come
    }

    #[tokio::test]
    async fn the_same_seed_loses_the_same_datagrams() {
        let come = come_through(5).await;
        assert!((200..280).contains(&come.len()), "{}", come.len());
        assert_eq!(come, come_through(5).await);
        assert_ne!(come, come_through(6).await);
    }

    #[tokio::test]
    async fn more_peers_than_there_is_place_for_are_counted_and_disturb_nobody() {
        let server = socket().await;
        let proxy = proxy(&server, 1, "").await;
        let mut peers = Vec::new();
        for number in 0..MAX_PEERS + 3 {
            let peer = socket().await;
            peer.send_to(&[1], proxy.address()).await.expect("sent");
            if number < MAX_PEERS {
                receive(&server).await;
            }
            peers.push(peer);
        }
        while proxy.report().await.unsent < 3 {
            tokio::task::yield_now().await;
        }
        peers[0].send_to(&[2], proxy.address()).await.expect("sent");
        assert_eq!(receive(&server).await.0, [2]);
        assert_eq!(proxy.report().await.peers, MAX_PEERS);
    }
}
