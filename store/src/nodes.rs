//! Media nodes: who is there, and which node holds a room.
//!
//! Invariant: a room is held by at most one living node at a time; when that node's heartbeat fades, the
//! next who asks gives the room to another.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::Duration;

use protocol::ids::{NodeId, RoomId};
use redis::Script;
use serde::{Deserialize, Serialize};

use crate::redis::{from_json, to_json};
use crate::{Db, Result, keys};

/// How long a node counts as alive after a heartbeat. Nodes send one every second.
pub const FADES_AFTER: Duration = Duration::from_secs(4);

/// A node, as it says of itself.
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
}

/// The node holding KEYS[2] if it lives; else the living node with the fewest participants takes it.
static ASSIGN: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local held = redis.call('GET', KEYS[2])
         if held then
           local record = redis.call('GET', ARGV[1] .. held)
           if record then redis.call('PEXPIRE', KEYS[2], ARGV[2]); return record end
         end
         local best, fewest = nil, nil
         for _, id in ipairs(redis.call('SMEMBERS', KEYS[1])) do
           local record = redis.call('GET', ARGV[1] .. id)
           if not record then
             redis.call('SREM', KEYS[1], id)
           else
             local participants = cjson.decode(record).participants
             if not fewest or participants < fewest then best, fewest, held = record, participants, id end
           end
         end
         if best then redis.call('SET', KEYS[2], held, 'PX', ARGV[2]) end
         return best or false",
    )
});

/// How long a room's node is remembered after it was last asked for.
const ROOM_KEPT: Duration = Duration::from_secs(24 * 3600);

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

/// The node that holds a room, given one now if it has none that lives. `None`: no node is alive.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn assign(live: &Db, room: &RoomId) -> Result<Option<NodeRecord>> {
    let prefix = "mg:{nodes}:one:";
    let mut call = ASSIGN.prepare_invoke();
    call.key(keys::nodes())
        .key(keys::room_node(room))
        .arg(prefix)
        .arg(ROOM_KEPT.as_millis() as u64);
    let json: Option<String> = live.invoke(&call).await?;
    json.map(|json| from_json(&keys::room_node(room), &json)).transpose()
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

/// All living nodes.
///
/// # Errors
/// [`StoreError::Unavailable`](crate::StoreError::Unavailable), [`StoreError::Corrupt`](crate::StoreError::Corrupt).
pub async fn alive(live: &Db) -> Result<Vec<NodeRecord>> {
    let ids: Vec<String> = live.run(redis::cmd("SMEMBERS").arg(keys::nodes())).await?;
    let mut records = Vec::new();
    for id in ids.iter().filter_map(|id| NodeId::new(id.as_str()).ok()) {
        let key = keys::node(&id);
        if let Some(json) = live.run::<Option<String>>(redis::cmd("GET").arg(&key)).await? {
            records.push(from_json(&key, &json)?);
        }
    }
    Ok(records)
}
