//! Media nodes: who is there, and which node holds a room.
//!
//! Invariant: a room is held by at most one living node at a time; when that node's heartbeat fades, or it lets
//! the room go, the next who asks gives the room to another.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use protocol::ids::{NodeId, RoomId};
use redis::Script;
use serde::{Deserialize, Serialize};

use crate::redis::{from_json, to_json};
use crate::{Db, Result, keys};

/// Nodes send a heartbeat so often.
pub const BEAT_EVERY: Duration = Duration::from_millis(500);

/// How long a node counts as alive after a heartbeat: several may be late or lost, and yet who sits in a call on a
/// machine that is gone is back within 5 s.
pub const FADES_AFTER: Duration = Duration::from_millis(2500);

/// A node, as it says of itself. Read from releases before and after this one: what they don't say has a default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRecord {
    /// A new one at every start.
    pub id: NodeId,
    /// Where signaling speaks to it.
    pub control: SocketAddr,
    /// Its version.
    pub version: String,
    /// Participants it has now.
    pub participants: u32,
    /// Worker threads, each worth a core.
    #[serde(default = "one")]
    pub workers: u32,
    /// What share of a core a worker used over the last seconds, in thousandths, the mean of all workers.
    #[serde(default)]
    pub load_permille: u32,
    /// It takes no new rooms: it ends soon.
    #[serde(default)]
    pub draining: bool,
}

fn one() -> u32 {
    1
}

static ASSIGN: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("nodes.lua")));

/// Forgets a room's place when it is this node.
static RELEASE: LazyLock<Script> = LazyLock::new(|| {
    Script::new("if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0")
});

/// How long a room's node is remembered after it was last asked for.
const ROOM_KEPT: Duration = Duration::from_secs(24 * 3600);

/// How long a room that was just given counts: by then its people are in the node's own heartbeat.
const GIVEN_KEPT: Duration = Duration::from_secs(2);

/// What a participant is taken to cost, in thousandths of a core: load is measured after the fact, participants are
/// there at once. (A camera's picture both ways is about 300 packets a second, of some 100,000 that a core forwards.)
const PARTICIPANT_COST_PERMILLE: u32 = 3;

/// How many participants a new room is taken to get.
const ROOM_SIZE: u32 = 2;

/// Says that a node is alive.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn heartbeat(live: &Db, record: &NodeRecord) -> Result<()> {
    let key = keys::node(&record.id);
    let json = to_json(&key, record)?;
    let mut set = redis::cmd("SET");
    set.arg(&key).arg(json).arg("PX").arg(FADES_AFTER.as_millis() as u64);
    live.run::<()>(&set).await?;
    live.run::<i64>(redis::cmd("SADD").arg(keys::nodes()).arg(record.id.as_str()))
        .await
        .map(drop)
}

/// Takes a node off the list at once: it is going down.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn remove(live: &Db, id: &NodeId) -> Result<()> {
    live.run::<i64>(redis::cmd("DEL").arg(keys::node(id))).await?;
    live.run::<i64>(redis::cmd("SREM").arg(keys::nodes()).arg(id.as_str()))
        .await
        .map(drop)
}

/// The node that holds a room, given one now if it has none that lives: the least loaded that isn't draining. `None`:
/// no node is alive, or all that are drain.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn assign(live: &Db, room: &RoomId) -> Result<Option<NodeRecord>> {
    let mut call = ASSIGN.prepare_invoke();
    call.key(keys::nodes())
        .key(keys::room_node(room))
        .arg(keys::NODE_PREFIX)
        .arg(keys::NODE_GIVEN_PREFIX)
        .arg(ROOM_KEPT.as_millis() as u64)
        .arg(GIVEN_KEPT.as_millis() as u64)
        .arg(PARTICIPANT_COST_PERMILLE)
        .arg(ROOM_SIZE);
    let json: Option<String> = live.invoke(&call).await?;
    json.map(|json| from_json(&keys::room_node(room), &json)).transpose()
}

/// The node that a room was given to, whether it lives or not.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn place(live: &Db, room: &RoomId) -> Result<Option<NodeId>> {
    let mut get = redis::cmd("GETEX");
    get.arg(keys::room_node(room))
        .arg("PX")
        .arg(ROOM_KEPT.as_millis() as u64);
    let id: Option<String> = live.run(&get).await?;
    Ok(id.and_then(|id| NodeId::new(id).ok()))
}

/// A node let a room go: the next who asks gives it to another. A room that is on another node already stays there.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn release(live: &Db, room: &RoomId, from: &NodeId) -> Result<()> {
    let mut call = RELEASE.prepare_invoke();
    call.key(keys::room_node(room)).arg(from.as_str());
    live.invoke::<i64>(&call).await.map(drop)
}

/// Forgets which node held a room that is over.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn forget_room(live: &Db, room: &RoomId) -> Result<()> {
    live.run::<i64>(redis::cmd("DEL").arg(keys::room_node(room)))
        .await
        .map(drop)
}

/// Whether a node's last heartbeat still holds.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
pub async fn is_alive(live: &Db, id: &NodeId) -> Result<bool> {
    live.run(redis::cmd("EXISTS").arg(keys::node(id))).await
}

/// All living nodes, by id.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn alive(live: &Db) -> Result<Vec<NodeRecord>> {
    let mut ids: Vec<String> = live.run(redis::cmd("SMEMBERS").arg(keys::nodes())).await?;
    ids.sort_unstable();
    let mut records = Vec::new();
    for id in ids.iter().filter_map(|id| NodeId::new(id.as_str()).ok()) {
        let key = keys::node(&id);
        if let Some(json) = live.run::<Option<String>>(redis::cmd("GET").arg(&key)).await? {
            records.push(from_json(&key, &json)?);
        }
    }
    Ok(records)
}
