//! Everything the office holds in Redis: keys, records, atomic scripts, feeds.
//!
//! Two connections by purpose. `ledger` holds what must not be lost: a write is acknowledged only when it
//! is on disk (AOF, `appendfsync always`). `live` holds feeds and presence (`everysec`). Invariant: every
//! change of several keys is one script over keys of one hash tag, so that it is atomic on a single server
//! and on a cluster alike.

#![forbid(unsafe_code)]

pub mod appointments;
pub mod areas;
pub mod audit;
pub mod broadcasts;
pub mod cameras;
pub mod consultations;
pub mod corrections;
pub mod desks;
pub mod facts;
pub mod keys;
pub mod letters;
pub mod nodes;
pub mod notes;
pub mod presence;
pub mod private;
pub mod redis;
pub mod relay;
pub mod retention;
pub mod screens;
pub mod staff;

use std::path::PathBuf;

use protocol::config::{Config, RedisAt};

pub use crate::redis::Db;

/// Why the store couldn't do it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Redis is gone, busy or refused. Nothing was acknowledged.
    #[error("Redis ({purpose}) does not answer: {source}")]
    Unavailable {
        /// `ledger` or `live`.
        purpose: &'static str,
        /// Redis' own words.
        source: ::redis::RedisError,
    },
    /// What is stored isn't what this version writes.
    #[error("the record at {key} can't be read: {why}")]
    Corrupt {
        /// Its key.
        key: String,
        /// What is wrong with it.
        why: String,
    },
    /// Somebody else changed the record meanwhile, again and again.
    #[error("the record at {key} is being changed by others: try again")]
    Contended {
        /// Its key.
        key: String,
    },
}

/// What the store's calls return.
pub type Result<T> = std::result::Result<T, StoreError>;

/// Both connections.
#[derive(Debug, Clone)]
pub struct Store {
    /// What must not be lost.
    pub ledger: Db,
    /// Feeds and presence.
    pub live: Db,
}

impl Store {
    /// Opens both connections as the configuration says. Doesn't wait for Redis: calls fail with
    /// [`StoreError::Unavailable`] while it is away and work again when it is back.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when an address can't be read, or no seed of a cluster answers.
    pub async fn connect(config: &Config) -> Result<Self> {
        let at = |at: &RedisAt, socket: PathBuf| match at {
            RedisAt::Private => RedisAt::Server(format!("unix://{}", socket.display())),
            other => other.clone(),
        };
        Ok(Self {
            ledger: Db::connect("ledger", &at(&config.redis.ledger, config.ledger_socket())).await?,
            live: Db::connect("live", &at(&config.redis.live, config.live_socket())).await?,
        })
    }
}
