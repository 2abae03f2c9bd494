//! A node from its start to its end, and its heartbeat in Redis.
//!
//! Invariants: a node lives without Redis: rooms go on, only new ones don't find it until Redis is back. At its end it
//! is off the list before anybody is told to go, and every connection has been told before it closes.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use protocol::config::{Config, Media};
use protocol::grants::TokenKey;
use protocol::ids::NodeId;
use runtime::Shutdown;
use store::Store;
use store::nodes::{self, NodeRecord};
use tokio::net::TcpListener;

use super::control::{self, Control};
use super::drain::Drain;
use super::links;
use super::load::LoadMeter;
use super::worker::{self, Plan, Workers};

/// How long goodbye to Redis may take: meanwhile people in calls wait to be told.
const GOODBYE: Duration = Duration::from_secs(1);

/// The keys that a node checks tokens with.
#[derive(Debug, Clone)]
pub struct Keys {
    /// Of participants' tokens.
    pub media: TokenKey,
    /// Of signaling's tokens.
    pub node: TokenKey,
}

/// A running node.
#[derive(Debug)]
pub struct Node {
    id: NodeId,
    control: SocketAddr,
    udp: SocketAddr,
    tcp: Option<SocketAddr>,
    workers: Workers,
    threads: Vec<std::thread::JoinHandle<()>>,
    drain: Arc<Drain>,
    shutdown: Shutdown,
    /// Ends the heartbeat.
    beating: Shutdown,
    /// Ends the control connections.
    connections: Shutdown,
}

impl Node {
    /// Opens the ports and begins to serve.
    ///
    /// # Errors
    /// When a port is taken or an address isn't the machine's; names the field.
    pub async fn start(config: &Config, keys: Keys, shutdown: Shutdown) -> anyhow::Result<Self> {
        let media = &config.media;
        let (workers, threads) = start_workers(media)?;
        let (udp, tcp) = (workers.first().udp(), workers.first().tcp());
        let listener = TcpListener::bind(media.control)
            .await
            .with_context(|| format!("media.control: {} can't be used", media.control))?;
        let address = listener.local_addr()?;
        let id = NodeId::random();
        let drain = Arc::new(Drain::default());
        let control = Arc::new(Control {
            node: id.clone(),
            node_key: keys.node,
            media_key: keys.media,
            workers: workers.clone(),
            drain: Arc::clone(&drain),
        });
        let (beating, connections) = (Shutdown::new(), Shutdown::new());
        connections.spawn(control::serve(listener, control, connections.clone()));
        let record = NodeRecord {
            id: id.clone(),
            control: address,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            participants: 0,
            workers: u32::try_from(workers.count()).unwrap_or(u32::MAX),
            load_permille: 0,
            draining: false,
        };
        let heart = Heart {
            config: config.clone(),
            record,
            workers: workers.clone(),
            drain: Arc::clone(&drain),
            store: None,
        };
        beating.spawn(heart.beat(beating.clone()));
        tracing::info!(node = %id, %udp, ?tcp, control = %address, "the media node is there");
        Ok(Self {
            id,
            control: address,
            udp,
            tcp,
            workers,
            threads,
            drain,
            shutdown,
            beating,
            connections,
        })
    }

    /// Its name.
    #[must_use]
    pub fn id(&self) -> &NodeId {
        &self.id
    }

    /// Where signaling speaks to it.
    #[must_use]
    pub fn control(&self) -> SocketAddr {
        self.control
    }

    /// Where the first worker's media comes.
    #[must_use]
    pub fn udp(&self) -> SocketAddr {
        self.udp
    }

    /// Where the first worker's media comes by TCP, if it may.
    #[must_use]
    pub fn tcp(&self) -> Option<SocketAddr> {
        self.tcp
    }

    /// Waits for the shutdown or for the end of a drain, tells everybody goodbye, and ends.
    pub async fn finish(self, limit: Duration) {
        tokio::select! {
            () = self.shutdown.started() => {}
            () = self.drain.is_over(&self.workers) => {}
        }
        // Off the list first: who is told to go on elsewhere must not be led back here.
        self.beating.start();
        if !self.beating.finished(GOODBYE).await {
            tracing::info!("Redis didn't hear the goodbye; the heartbeat fades by itself");
        }
        self.workers.stop().await;
        let threads = self.threads;
        let joined = tokio::task::spawn_blocking(|| threads.into_iter().all(|it| it.join().is_ok()));
        if !matches!(tokio::time::timeout(limit, joined).await, Ok(Ok(true))) {
            tracing::warn!("a media thread didn't end as it should");
        }
        // Now the rooms' last words lie ready, and each connection sends them before it closes.
        self.connections.start();
        if !self.connections.finished(limit).await {
            tracing::warn!("some connections were still at it");
        }
        self.shutdown.start();
    }
}

/// Starts the configured number of workers, each on the next ports.
fn start_workers(media: &Media) -> anyhow::Result<(Workers, Vec<std::thread::JoinHandle<()>>)> {
    // Port 0 is any free one.
    let on = |mut address: SocketAddr, number: u16| {
        if address.port() != 0 {
            address.set_port(address.port().saturating_add(number));
        }
        address
    };
    let start = |number, links| {
        worker::start(Plan {
            udp: on(media.udp, number),
            tcp: media.tcp.map(|it| on(it, number)),
            public: &media.public_addresses,
            silence: media.silence,
            spill_after: media.spill_after,
            links,
        })
    };
    let mut links = links::between(media.workers.into()).into_iter();
    let first = links.next().context("media.workers is 0")?;
    let (first, thread) = start(0, first)?;
    let (mut workers, mut threads) = (Workers::new(first), vec![thread]);
    for (number, links) in (1..media.workers).zip(links) {
        let (worker, thread) = start(number, links)?;
        workers.add(worker);
        threads.push(thread);
    }
    Ok((workers, threads))
}

/// Says again and again that the node is alive, and how it is.
struct Heart {
    config: Config,
    record: NodeRecord,
    workers: Workers,
    drain: Arc<Drain>,
    store: Option<Store>,
}

impl Heart {
    async fn beat(mut self, shutdown: Shutdown) {
        tokio::select! {
            () = self.beat_on() => {}
            () = shutdown.started() => {}
        }
        if let Some(store) = self.store
            && let Err(error) = nodes::remove(&store.live, &self.record.id).await
        {
            tracing::info!(%error, "Redis can't hear the goodbye; the heartbeat fades by itself");
        }
    }

    async fn beat_on(&mut self) {
        let mut meter = LoadMeter::default();
        let mut is_known = None;
        loop {
            // A worker that is stuck answers nothing: then the heartbeat fades, as it should.
            let report = self.workers.report().await;
            self.record.participants = u32::try_from(report.counters.participants).unwrap_or(u32::MAX);
            self.record.load_permille = meter.take(report.busy, self.workers.count(), Instant::now());
            self.record.draining = self.drain.ends_at().is_some();
            let told = self.tell().await;
            // Once each time it changes, not at every beat.
            if is_known != Some(told.is_ok()) {
                match &told {
                    Ok(()) => tracing::info!("signaling can find this node"),
                    Err(error) => tracing::warn!(%error, "signaling can't find this node; it runs on"),
                }
                is_known = Some(told.is_ok());
            }
            let is_draining = self.record.draining;
            tokio::select! {
                () = tokio::time::sleep(nodes::BEAT_EVERY) => {}
                // Said at once: until then new rooms come here and are refused.
                () = self.drain.begun(), if !is_draining => {}
            }
        }
    }

    async fn tell(&mut self) -> store::Result<()> {
        let store = match &mut self.store {
            Some(store) => store,
            None => self.store.insert(Store::connect(&self.config).await?),
        };
        nodes::heartbeat(&store.live, &self.record).await
    }
}
