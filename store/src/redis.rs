//! A connection to one Redis or to a cluster, behind one type, and wake-ups by pub/sub.

use std::time::Duration;

use futures_util::StreamExt;
use protocol::config::RedisAt;
use redis::aio::{ConnectionLike, ConnectionManager, ConnectionManagerConfig};
use redis::cluster::ClusterClient;
use redis::cluster_async::ClusterConnection;
use redis::{Client, Cmd, Pipeline, RedisFuture, Value};
use serde::de::DeserializeOwned;
use tokio::sync::mpsc;

use crate::{Result, StoreError};

/// How long a command may take before Redis counts as away.
const RESPONSE_TIMEOUT: Duration = Duration::from_secs(3);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);

/// A connection that heals itself. Cheap to clone; clones share one socket.
#[derive(Clone)]
pub struct Db {
    purpose: &'static str,
    link: Link,
    /// For pub/sub, which needs a socket of its own: any node of a cluster will do.
    seed: Client,
}

#[derive(Clone)]
enum Link {
    One(ConnectionManager),
    Cluster(ClusterConnection),
}

impl std::fmt::Debug for Db {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Db")
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}

impl ConnectionLike for Db {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match &mut self.link {
            Link::One(link) => link.req_packed_command(cmd),
            Link::Cluster(link) => link.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        pipeline: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match &mut self.link {
            Link::One(link) => link.req_packed_commands(pipeline, offset, count),
            Link::Cluster(link) => link.req_packed_commands(pipeline, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        0
    }
}

impl Db {
    /// Connects lazily (a cluster: at once, to learn its slots).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] for an address that can't be read or a cluster without an answer.
    pub async fn connect(purpose: &'static str, at: &RedisAt) -> Result<Self> {
        let fail = |source| StoreError::Unavailable { purpose, source };
        match at {
            RedisAt::Private => {
                let kind = redis::ErrorKind::InvalidClientConfig;
                Err(fail((kind, "a private Redis has no address: give its socket").into()))
            }
            RedisAt::Server(url) => {
                let seed = Client::open(url.as_str()).map_err(fail)?;
                let config = ConnectionManagerConfig::new()
                    .set_connection_timeout(Some(CONNECT_TIMEOUT))
                    .set_response_timeout(Some(RESPONSE_TIMEOUT))
                    .set_number_of_retries(1)
                    .set_min_delay(Duration::from_millis(100))
                    .set_max_delay(Duration::from_secs(1));
                let link = ConnectionManager::new_lazy_with_config(seed.clone(), config).map_err(fail)?;
                Ok(Self {
                    purpose,
                    link: Link::One(link),
                    seed,
                })
            }
            RedisAt::Cluster(urls) => {
                let first = urls.first().map_or("", String::as_str);
                let seed = Client::open(first).map_err(fail)?;
                let client = ClusterClient::builder(urls.clone())
                    .connection_timeout(CONNECT_TIMEOUT)
                    .response_timeout(RESPONSE_TIMEOUT)
                    .build()
                    .map_err(fail)?;
                let link = client.get_async_connection().await.map_err(fail)?;
                Ok(Self {
                    purpose,
                    link: Link::Cluster(link),
                    seed,
                })
            }
        }
    }

    pub(crate) fn unavailable(&self, source: redis::RedisError) -> StoreError {
        StoreError::Unavailable {
            purpose: self.purpose,
            source,
        }
    }

    /// Runs one command.
    pub(crate) async fn run<T: redis::FromRedisValue>(&self, cmd: &Cmd) -> Result<T> {
        cmd.query_async(&mut self.clone())
            .await
            .map_err(|error| self.unavailable(error))
    }

    /// Runs several commands in one round trip; their keys share one hash tag.
    pub(crate) async fn run_all<T: redis::FromRedisValue>(&self, pipeline: &Pipeline) -> Result<T> {
        pipeline
            .query_async(&mut self.clone())
            .await
            .map_err(|error| self.unavailable(error))
    }

    /// Runs a script whose keys share one hash tag.
    pub(crate) async fn invoke<T: redis::FromRedisValue>(&self, call: &redis::ScriptInvocation<'_>) -> Result<T> {
        call.invoke_async(&mut self.clone())
            .await
            .map_err(|error| self.unavailable(error))
    }

    /// Asks Redis whether it is there.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it isn't.
    pub async fn ping(&self) -> Result<()> {
        // ECHO names a key-less value, so a cluster routes it anywhere; PING would go to all nodes.
        self.run::<String>(redis::cmd("ECHO").arg("madoguchi")).await.map(drop)
    }

    /// One of the server's settings, such as `appendfsync`. None: it doesn't tell (managed ones and clusters
    /// may not).
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when Redis isn't there.
    pub async fn setting(&self, name: &str) -> Result<Option<String>> {
        let mut link = self.clone();
        let asked: redis::RedisResult<std::collections::HashMap<String, String>> =
            redis::cmd("CONFIG").arg("GET").arg(name).query_async(&mut link).await;
        match asked {
            Ok(mut found) => Ok(found.remove(name)),
            Err(error) if error.is_io_error() || error.is_timeout() => Err(self.unavailable(error)),
            Err(_) => Ok(None),
        }
    }

    /// Listens on a channel for ever, through restarts of Redis. The receiver gets [`Wake::Resync`] at the
    /// start and after every gap, because what was published meanwhile is lost. The task ends with the receiver.
    #[must_use]
    pub fn listen(&self, channel: String) -> mpsc::Receiver<Wake> {
        // Full: the listener waits, Redis buffers; wake-ups carry no state, so late is as good as never lost.
        let (sender, receiver) = mpsc::channel(256);
        let seed = self.seed.clone();
        tokio::spawn(async move {
            while !sender.is_closed() {
                if let Err(error) = listen_once(&seed, &channel, &sender).await {
                    tracing::debug!(%error, "pub/sub is away");
                }
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        });
        receiver
    }
}

async fn listen_once(
    seed: &Client,
    channel: &str,
    sender: &mpsc::Sender<Wake>,
) -> std::result::Result<(), redis::RedisError> {
    let mut pubsub = seed.get_async_pubsub().await?;
    pubsub.subscribe(channel).await?;
    if sender.send(Wake::Resync).await.is_err() {
        return Ok(());
    }
    let mut messages = pubsub.on_message();
    loop {
        tokio::select! {
            message = messages.next() => match message {
                Some(message) => {
                    if sender.send(Wake::Topic(message.get_payload()?)).await.is_err() {
                        return Ok(());
                    }
                }
                None => return Ok(()),
            },
            () = sender.closed() => return Ok(()),
        }
    }
}

/// What a listener is told. It carries no state: read the topic's state from its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wake {
    /// Anything may have changed: read everything again.
    Resync,
    /// This changed: `area/ID`, `consultation/ID`, `presence/ID`.
    Topic(String),
}

/// Reads a record's JSON.
pub(crate) fn from_json<T: DeserializeOwned>(key: &str, json: &str) -> Result<T> {
    serde_json::from_str(json).map_err(|error| StoreError::Corrupt {
        key: key.to_owned(),
        why: error.to_string(),
    })
}

/// Writes a record's JSON.
pub(crate) fn to_json<T: serde::Serialize>(key: &str, value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Corrupt {
        key: key.to_owned(),
        why: error.to_string(),
    })
}
