//! A node from its start to its end, and its heartbeat in Redis.
//!
//! Invariant: a node lives without Redis: rooms go on, only new ones don't find it until Redis is back.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use protocol::config::Config;
use protocol::grants::TokenKey;
use protocol::ids::NodeId;
use runtime::Shutdown;
use store::Store;
use store::nodes::{self, NodeRecord};
use tokio::net::TcpListener;

use super::control::{self, Control};
use super::worker::{self, Workers};

/// Between heartbeats.
const BEAT: Duration = Duration::from_secs(1);

/// How long goodbye to Redis may take.
const GOODBYE: Duration = Duration::from_secs(2);

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
    thread: std::thread::JoinHandle<()>,
    shutdown: Shutdown,
}

impl Node {
    /// Opens the ports and begins to serve.
    ///
    /// # Errors
    /// When a port is taken or an address isn't the machine's; names the field.
    pub async fn start(config: &Config, keys: Keys, shutdown: Shutdown) -> anyhow::Result<Self> {
        let media = &config.media;
        let (worker, thread) = worker::start(media.udp, media.tcp, &media.public_addresses, media.silence)?;
        let (udp, tcp) = (worker.udp(), worker.tcp());
        let workers = Workers::new(worker);
        let listener = TcpListener::bind(media.control)
            .await
            .with_context(|| format!("media.control: {} can't be used", media.control))?;
        let address = listener.local_addr()?;
        let id = NodeId::random();
        let control = Arc::new(Control {
            node: id.clone(),
            node_key: keys.node,
            media_key: keys.media,
            workers: workers.clone(),
        });
        shutdown.spawn(control::serve(listener, control, shutdown.clone()));
        let beating = beat(
            config.clone(),
            NodeRecord {
                id: id.clone(),
                control: address,
                version: env!("CARGO_PKG_VERSION").to_owned(),
                participants: 0,
            },
            workers.clone(),
            shutdown.clone(),
        );
        shutdown.spawn(beating);
        tracing::info!(node = %id, %udp, ?tcp, control = %address, "the media node is there");
        Ok(Self {
            id,
            control: address,
            udp,
            tcp,
            workers,
            thread,
            shutdown,
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

    /// Waits for the shutdown, tells everybody goodbye, and ends.
    pub async fn finish(self, limit: Duration) {
        self.shutdown.started().await;
        self.workers.stop().await;
        let joined = tokio::task::spawn_blocking(move || self.thread.join());
        if !matches!(tokio::time::timeout(limit, joined).await, Ok(Ok(Ok(())))) {
            tracing::warn!("the media thread didn't end as it should");
        }
        if !self.shutdown.finished(limit).await {
            tracing::warn!("some connections were still at it");
        }
    }
}

/// Says again and again that the node is alive.
async fn beat(config: Config, mut record: NodeRecord, workers: Workers, shutdown: Shutdown) {
    let mut store: Option<Store> = None;
    let mut is_known = None;
    while !shutdown.is_started() {
        record.participants = u32::try_from(workers.report().await.counters.participants).unwrap_or(u32::MAX);
        let told = match tell(&config, &mut store, &record).await {
            Ok(()) => None,
            Err(error) => Some(error.to_string()),
        };
        // Once each time it changes, not once a second.
        if is_known != Some(told.is_none()) {
            match &told {
                None => tracing::info!("signaling can find this node"),
                Some(error) => tracing::warn!(%error, "signaling can't find this node; it runs on"),
            }
            is_known = Some(told.is_none());
        }
        tokio::select! {
            () = tokio::time::sleep(BEAT) => {}
            () = shutdown.started() => {}
        }
    }
    if let Some(store) = store {
        let removed = tokio::time::timeout(GOODBYE, nodes::remove(&store.live, &record.id)).await;
        if !matches!(removed, Ok(Ok(()))) {
            tracing::info!("Redis didn't hear the goodbye; the heartbeat fades by itself");
        }
    }
}

async fn tell(config: &Config, store: &mut Option<Store>, record: &NodeRecord) -> store::Result<()> {
    let store = match store {
        Some(store) => store,
        None => store.insert(Store::connect(config).await?),
    };
    nodes::heartbeat(&store.live, record).await
}
