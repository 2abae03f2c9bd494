//! A thread that owns whole rooms and their socket.
//!
//! Invariant: nothing on a datagram's way waits: no lock, no channel, no allocation beyond the packet's own.
//! (What comes by TCP passes a channel within the thread.) Everybody else speaks to the
//! thread by one bounded channel of commands, and hears by its connection's; other workers by [`super::links`].

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use anyhow::Context as _;
use nix::time::{ClockId, clock_gettime};
use protocol::control::{NodeFrame, OutReason};
use protocol::ids::RoomId;
use tokio::sync::{Notify, mpsc, oneshot};

use super::latency::Latency;
use super::links::Links;
use super::tcp::{Arrival, Tcp, TcpCounts};
use super::udp::Udp;
use crate::core::{ConnectionId, Counters, Relay, Remote, Request, Settings, Sfu, Transport, WallClock, WorkerIndex};

/// Commands that wait. When full, who sends one waits: signaling is slowed, media isn't.
const COMMANDS: usize = 256;

/// Batches of datagrams taken before commands and timeouts get their turn.
const BATCHES: usize = 8;

/// What other workers say that is taken before datagrams get their turn.
const RELAYS: usize = 64;

/// How long the last words by TCP may take.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// What a worker is told.
#[derive(Debug)]
enum Command {
    /// A connection of signaling is there; frames go to it.
    Open(ConnectionId, Line),
    /// It asks.
    Ask(ConnectionId, u64, Box<Request>),
    /// It is gone.
    Closed(ConnectionId),
    /// What happened so far?
    Count(oneshot::Sender<Report>),
    /// No new rooms from now on.
    Drain,
    /// The end. Everybody is told goodbye.
    Stop,
}

/// The way of frames to a connection of signaling.
#[derive(Debug, Clone)]
pub struct Line {
    /// When full the connection doesn't keep up: it is told by `overflow`.
    pub frames: mpsc::Sender<NodeFrame>,
    /// A frame was lost: the connection must end, and its signaling re-join by another.
    pub overflow: Arc<Notify>,
}

/// What a worker counts.
#[derive(Debug, Clone, Copy, Default)]
pub struct Report {
    /// The core's.
    pub counters: Counters,
    /// Datagrams that the socket couldn't send.
    pub unsent: u64,
    /// The TCP port's.
    pub tcp: TcpCounts,
    /// How long datagrams were held.
    pub latency: Latency,
    /// CPU time used since the start.
    pub busy: Duration,
}

/// A way to one worker. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
    udp: SocketAddr,
    tcp: Option<SocketAddr>,
}

/// All workers of the node, never none: rooms are spread over them by name.
#[derive(Debug, Clone)]
pub struct Workers(Vec<Handle>);

impl Workers {
    /// Of at least one.
    #[must_use]
    pub fn new(first: Handle) -> Self {
        Self(vec![first])
    }

    /// Another one.
    pub fn add(&mut self, worker: Handle) {
        self.0.push(worker);
    }

    /// The first one.
    #[must_use]
    pub fn first(&self) -> &Handle {
        &self.0[0]
    }

    /// Who holds a room.
    #[must_use]
    pub fn of(&self, room: &RoomId) -> &Handle {
        use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
        let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(room);
        &self.0[usize::try_from(hash).unwrap_or(0) % self.0.len()]
    }

    /// Tells all of a connection.
    pub async fn open(&self, connection: ConnectionId, line: &Line) {
        for worker in &self.0 {
            worker.tell(Command::Open(connection, line.clone())).await;
        }
    }

    /// Tells all that a connection is gone.
    pub async fn closed(&self, connection: ConnectionId) {
        for worker in &self.0 {
            worker.tell(Command::Closed(connection)).await;
        }
    }

    /// What happened so far, in all.
    pub async fn report(&self) -> Report {
        let mut sum = Report::default();
        for worker in &self.0 {
            let (answer, answered) = oneshot::channel();
            worker.tell(Command::Count(answer)).await;
            if let Ok(report) = answered.await {
                sum.counters = sum.counters.plus(&report.counters);
                sum.unsent += report.unsent;
                sum.tcp = sum.tcp.plus(report.tcp);
                sum.latency = sum.latency.plus(report.latency);
                sum.busy += report.busy;
            }
        }
        sum
    }

    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Has all refuse new rooms.
    pub async fn drain(&self) {
        for worker in &self.0 {
            worker.tell(Command::Drain).await;
        }
    }

    /// Ends all; who is in a room is told to go on elsewhere.
    pub async fn stop(&self) {
        for worker in &self.0 {
            worker.tell(Command::Stop).await;
        }
    }
}

impl Handle {
    /// Asks for a connection.
    pub async fn ask(&self, connection: ConnectionId, id: u64, request: Request) {
        self.tell(Command::Ask(connection, id, Box::new(request))).await;
    }

    /// Where media comes.
    #[must_use]
    pub fn udp(&self) -> SocketAddr {
        self.udp
    }

    /// Where media comes by TCP, if it may.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        self.tcp
    }

    async fn tell(&self, command: Command) {
        // A worker that is gone has nothing to be told: the node is going down.
        let _ = self.commands.send(command).await;
    }
}

/// What a worker is told at its start.
#[derive(Debug)]
pub struct Plan<'a> {
    /// Where media comes.
    pub udp: SocketAddr,
    /// Where it comes by TCP; none: it doesn't.
    pub tcp: Option<SocketAddr>,
    /// Addresses told to browsers instead of the machine's own.
    pub public: &'a [IpAddr],
    /// A participant unheard for so long is out.
    pub silence: Duration,
    /// A room with so many participants here gives those who only watch to other workers.
    pub spill_after: usize,
    /// The ways to these.
    pub links: Links,
}

/// Starts a worker on a thread of its own.
///
/// # Errors
/// When an address is taken.
pub fn start(plan: Plan<'_>) -> anyhow::Result<(Handle, std::thread::JoinHandle<()>)> {
    let Plan { udp, tcp, public, .. } = plan;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let within = runtime.enter();
    let socket = Udp::bind(udp, public).with_context(|| format!("media.udp: {udp} can't be used"))?;
    let tcp = tcp
        .map(|at| Tcp::bind(at, public).with_context(|| format!("media.tcp: {at} can't be used")))
        .transpose()?;
    drop(within);
    let (commands, inbox) = mpsc::channel(COMMANDS);
    let handle = Handle {
        commands,
        udp: socket.local_addr()?,
        tcp: tcp.as_ref().map(Tcp::local_addr),
    };
    let sfu = Sfu::new(Settings {
        addresses: socket.addresses().told().to_vec(),
        tcp_addresses: tcp.iter().flat_map(|it| it.addresses().told()).copied().collect(),
        silence: plan.silence,
        clock: WallClock::new(Instant::now(), SystemTime::now()),
        spill: plan.links.spill(plan.spill_after),
    });
    let mut worker = Worker {
        sfu,
        socket,
        tcp,
        inbox,
        links: plan.links,
        connections: HashMap::new(),
        latency: Latency::default(),
    };
    let thread = std::thread::Builder::new()
        .name("media".to_owned())
        .spawn(move || runtime.block_on(worker.run()))?;
    Ok((handle, thread))
}

struct Worker {
    sfu: Sfu,
    socket: Udp,
    tcp: Option<Tcp>,
    inbox: mpsc::Receiver<Command>,
    links: Links,
    connections: HashMap<ConnectionId, Line>,
    latency: Latency,
}

impl Worker {
    async fn run(&mut self) {
        loop {
            let now = Instant::now();
            let deadline = [self.sfu.next_timeout(), self.links.retry_at(now)]
                .into_iter()
                .flatten()
                .min();
            tokio::select! {
                biased;
                ready = self.socket.readable() => {
                    if let Err(error) = ready {
                        tracing::error!(%error, "the media socket is gone");
                        return;
                    }
                    self.receive();
                }
                command = self.inbox.recv() => match command {
                    Some(command) => {
                        if !self.obey(command) {
                            return self.goodbye().await;
                        }
                    }
                    None => return self.goodbye().await,
                },
                relay = self.links.next() => self.take_relays(relay),
                arrival = arrival(&mut self.tcp) => self.receive_by_tcp(arrival),
                () = until(deadline) => {}
            }
            // A flood of datagrams must not keep commands waiting.
            while let Ok(command) = self.inbox.try_recv() {
                if !self.obey(command) {
                    return self.goodbye().await;
                }
            }
            self.take_relays(None);
            self.receive_by_tcp(None);
            self.sfu.handle_timeout(Instant::now());
            self.flush();
            if self.tcp.as_ref().is_some_and(|tcp| tcp.counts().open > 0) {
                // Its connections are tasks of this thread: a flood of datagrams must not keep them waiting.
                tokio::task::yield_now().await;
            }
        }
    }

    fn receive_by_tcp(&mut self, first: Option<Arrival>) {
        let Some(tcp) = &mut self.tcp else { return };
        let now = Instant::now();
        tcp.take(first, now, |source, destination, bytes| {
            self.sfu.handle_datagram(source, destination, bytes, now);
        });
    }

    /// Hears what other workers say.
    fn take_relays(&mut self, first: Option<(WorkerIndex, Relay)>) {
        let now = Instant::now();
        let mut next = first;
        for _ in 0..RELAYS {
            let Some((from, relay)) = next.or_else(|| self.links.try_next()) else {
                return;
            };
            self.sfu.handle_relay(from, relay, now);
            next = None;
        }
    }

    fn receive(&mut self) {
        for _ in 0..BATCHES {
            let Self { sfu, socket, .. } = self;
            let now = Instant::now();
            let received = socket.receive(|address, destination, bytes| {
                let source = Remote {
                    transport: Transport::Udp,
                    address,
                };
                sfu.handle_datagram(source, destination, bytes, now);
            });
            match received {
                Ok(()) => {
                    self.sfu.flush(now);
                    let sent = self.flush();
                    self.latency.add(now.elapsed(), sent);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Err(error) => {
                    // An ICMP error of some earlier datagram; the socket itself is well.
                    tracing::debug!(%error, "can't receive");
                    return;
                }
            }
        }
    }

    /// False: to stop.
    fn obey(&mut self, command: Command) -> bool {
        match command {
            Command::Open(connection, line) => {
                self.connections.insert(connection, line);
            }
            Command::Ask(connection, id, request) => {
                self.sfu.handle_request(connection, id, *request, Instant::now());
                self.flush();
            }
            Command::Closed(connection) => self.close(connection),
            Command::Count(answer) => {
                let report = Report {
                    counters: self.sfu.counters(),
                    unsent: self.socket.lost(),
                    tcp: self.tcp.as_ref().map(Tcp::counts).unwrap_or_default(),
                    latency: self.latency,
                    busy: busy(),
                };
                // Who asked may have gone.
                let _ = answer.send(report);
            }
            Command::Drain => self.sfu.drain(),
            Command::Stop => return false,
        }
        true
    }

    /// Tells and sends what lies ready. Gives the number of datagrams.
    fn flush(&mut self) -> u64 {
        while let Some((connection, frame)) = self.sfu.poll_frame() {
            let Some(line) = self.connections.get(&connection) else {
                continue;
            };
            if let Err(error) = line.frames.try_send(frame) {
                tracing::warn!(?connection, %error, "a control connection doesn't keep up");
                line.overflow.notify_one();
                self.close(connection);
            }
        }
        while let Some((to, relay)) = self.sfu.poll_relay() {
            if !self.links.send(to, relay) {
                self.sfu.count_lost_between_workers();
            }
        }
        let outbox = self.sfu.outbox();
        let (datagrams, bytes) = (outbox.len() as u64, outbox.bytes() as u64);
        if datagrams > 0 {
            self.socket.send(outbox);
            if let Some(tcp) = &mut self.tcp {
                let by_tcp = outbox.iter().filter(|it| it.path.transport == Transport::Tcp);
                by_tcp.for_each(|datagram| tcp.send(datagram, Instant::now()));
            }
            outbox.clear();
            self.sfu.count_sent(datagrams, bytes);
        }
        datagrams
    }

    fn close(&mut self, connection: ConnectionId) {
        self.connections.remove(&connection);
        self.sfu.connection_closed(connection);
    }

    async fn goodbye(&mut self) {
        self.sfu.close(OutReason::Draining, Instant::now());
        self.flush();
        if let Some(tcp) = &mut self.tcp {
            tcp.close(LAST_WORDS).await;
        }
    }
}

/// What came by TCP; never anything where there is none.
async fn arrival(tcp: &mut Option<Tcp>) -> Option<Arrival> {
    match tcp {
        Some(tcp) => tcp.ready().await,
        None => std::future::pending().await,
    }
}

/// The CPU time that this thread has used.
fn busy() -> Duration {
    // A system without this clock measures no load; the participants still count.
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map_or(Duration::ZERO, Duration::from)
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}
