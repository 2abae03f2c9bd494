//! The chain in Redis: a list of entries, its head, and what it begins after. One script adds entries and, where accounts
//! change with them, writes those too: both or neither.

use std::sync::LazyLock;
use std::time::Duration;

use protocol::ids::{OfficeId, StaffId};
use protocol::time::UnixMillis;
use redis::Script;

use super::{Anchor, Entry, Event, What, Who};
use crate::redis::{from_json, to_json};
use crate::{Db, Result, StoreError, keys};

/// So often an entry is tried again where another server was faster.
const ATTEMPTS: u32 = 64;
/// So many entries are looked at in one go.
const CHUNK: usize = 500;

/// Adds entries if the head is still the one they follow, and writes accounts if no other account was written meanwhile.
///
/// KEYS log, head, accounts, version; ARGV expected head, new head, how many entries, entries…, expected version
/// (`-`: none is written), how many accounts, id and record…, channel, topics…
/// Returns 1, or 0 where one of the two has moved.
static COMMIT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if (redis.call('GET', KEYS[2]) or '') ~= ARGV[1] then return 0 end
         local at = 3
         local count = tonumber(ARGV[at])
         local version = ARGV[at + count + 1]
         if version ~= '-' and (redis.call('GET', KEYS[4]) or '0') ~= version then return 0 end
         for n = 1, count do redis.call('RPUSH', KEYS[1], ARGV[at + n]) end
         if count > 0 then redis.call('SET', KEYS[2], ARGV[2]) end
         at = at + count + 2
         count = tonumber(ARGV[at])
         for n = 1, count do redis.call('HSET', KEYS[3], ARGV[at + 2 * n - 1], ARGV[at + 2 * n]) end
         if version ~= '-' then redis.call('INCR', KEYS[4]) end
         at = at + 2 * count + 1
         for n = at + 1, #ARGV do redis.call('PUBLISH', ARGV[at], ARGV[n]) end
         return 1",
    )
});

/// Drops the oldest entries, if they still are what was read.
static TRIM: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if redis.call('LINDEX', KEYS[1], ARGV[1] - 1) ~= ARGV[2] then return 0 end
         redis.call('LTRIM', KEYS[1], ARGV[1], -1)
         redis.call('SET', KEYS[2], ARGV[3])
         return 1",
    )
});

/// Accounts to be written with the entries.
pub(crate) struct Accounts {
    /// The version at which they were read.
    pub(crate) version: u64,
    /// Their records.
    pub(crate) records: Vec<(StaffId, String)>,
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Committed {
    Done,
    /// Somebody else was faster: read again.
    Moved,
}

/// Writes entries, and accounts with them: all or nothing.
pub(crate) async fn commit(
    ledger: &Db,
    office: &OfficeId,
    events: &[Event],
    accounts: Option<&Accounts>,
    now: UnixMillis,
) -> Result<Committed> {
    let head_key = keys::audit_head(office);
    let before: Option<String> = ledger.run(redis::cmd("GET").arg(&head_key)).await?;
    let mut head = match &before {
        Some(json) => from_json(&head_key, json)?,
        None => Anchor::first(office),
    };
    let mut entries = Vec::with_capacity(events.len());
    for event in events {
        let entry = Entry::after(&head, event, now);
        head = entry.anchor();
        entries.push(to_json(&head_key, &entry)?);
    }
    let mut call = COMMIT.prepare_invoke();
    call.key(keys::audit_log(office))
        .key(&head_key)
        .key(keys::accounts(office))
        .key(keys::accounts_version(office))
        .arg(before.unwrap_or_default())
        .arg(to_json(&head_key, &head)?)
        .arg(entries.len())
        .arg(entries);
    match accounts {
        Some(accounts) => call.arg(accounts.version).arg(accounts.records.len()),
        None => call.arg("-").arg(0),
    };
    for (id, record) in accounts.iter().flat_map(|it| &it.records) {
        call.arg(id.as_str()).arg(record);
    }
    call.arg(keys::wake(office));
    for (id, _) in accounts.iter().flat_map(|it| &it.records) {
        call.arg(format!("staff/{id}"));
    }
    Ok(match ledger.invoke::<i64>(&call).await? {
        1 => Committed::Done,
        _ => Committed::Moved,
    })
}

/// Adds an entry.
///
/// # Errors
/// [`StoreError::Unavailable`]; [`StoreError::Contended`] after many lost races.
pub async fn append(ledger: &Db, office: &OfficeId, event: &Event, now: UnixMillis) -> Result<()> {
    for attempt in 0..ATTEMPTS {
        if commit(ledger, office, std::slice::from_ref(event), None, now).await? == Committed::Done {
            return Ok(());
        }
        yield_to_others(attempt).await;
    }
    Err(StoreError::Contended {
        key: keys::audit_head(office),
    })
}

/// Waits a moment, longer with each lost race, so that not all try again at once.
pub(crate) async fn yield_to_others(attempt: u32) {
    let most = 2 + u64::from(attempt.min(32));
    tokio::time::sleep(Duration::from_millis(rand::random_range(0..=most))).await;
}

async fn anchor(ledger: &Db, key: &str, office: &OfficeId) -> Result<Anchor> {
    let json: Option<String> = ledger.run(redis::cmd("GET").arg(key)).await?;
    json.map_or_else(|| Ok(Anchor::first(office)), |json| from_json(key, &json))
}

/// The chain's end.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn head(ledger: &Db, office: &OfficeId) -> Result<Anchor> {
    anchor(ledger, &keys::audit_head(office), office).await
}

/// What the chain begins after: the last entry that was dropped in time.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn base(ledger: &Db, office: &OfficeId) -> Result<Anchor> {
    anchor(ledger, &keys::audit_base(office), office).await
}

/// How many entries there are.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn len(ledger: &Db, office: &OfficeId) -> Result<usize> {
    ledger.run(redis::cmd("LLEN").arg(keys::audit_log(office))).await
}

/// At most `count` entries from the one at `index` on, 0 being the oldest that is kept.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn read(ledger: &Db, office: &OfficeId, index: usize, count: usize) -> Result<Vec<Entry>> {
    let key = keys::audit_log(office);
    let last = index.saturating_add(count).saturating_sub(1);
    let entries: Vec<String> = ledger.run(redis::cmd("LRANGE").arg(&key).arg(index).arg(last)).await?;
    entries.iter().take(count).map(|json| from_json(&key, json)).collect()
}

/// The index of the first entry at or after a time.
async fn index_at(ledger: &Db, office: &OfficeId, at: UnixMillis) -> Result<usize> {
    let (mut low, mut high) = (0, len(ledger, office).await?);
    while low < high {
        let middle = low + (high - low) / 2;
        match read(ledger, office, middle, 1).await?.first() {
            Some(entry) if entry.at < at => low = middle + 1,
            _ => high = middle,
        }
    }
    Ok(low)
}

/// The entries of a time: the index of the first one, and how many.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn between(ledger: &Db, office: &OfficeId, from: UnixMillis, until: UnixMillis) -> Result<(usize, usize)> {
    let first = index_at(ledger, office, from).await?;
    let end = index_at(ledger, office, until).await?;
    Ok((first, end.saturating_sub(first)))
}

/// Drops entries from before a time, and writes down that it did. What is left can still be verified. Returns how many.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`], [`StoreError::Contended`].
pub async fn trim(ledger: &Db, office: &OfficeId, before: UnixMillis, now: UnixMillis) -> Result<usize> {
    let count = index_at(ledger, office, before).await?;
    let Some(last) = (match count.checked_sub(1) {
        Some(index) => read(ledger, office, index, 1).await?.pop(),
        None => None,
    }) else {
        return Ok(0);
    };
    // Told first: a log that says so and still has them is whole too.
    let told = Event::new(Who::System, What::AuditTrimmed, last.seq).with(&last.hash);
    append(ledger, office, &told, now).await?;
    let base = keys::audit_base(office);
    let mut call = TRIM.prepare_invoke();
    call.key(keys::audit_log(office))
        .key(&base)
        .arg(count)
        .arg(to_json(&base, &last)?)
        .arg(to_json(&base, &last.anchor())?);
    match ledger.invoke::<i64>(&call).await? {
        1 => Ok(count),
        // Another server has done it already.
        _ => Ok(0),
    }
}

/// Verifies the whole log. `kept`: places that it is known to have had.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`]; within it where the chain breaks.
pub async fn verify(
    ledger: &Db,
    office: &OfficeId,
    kept: Vec<Anchor>,
) -> Result<std::result::Result<Anchor, super::Broken>> {
    // What is added while this reads is beyond the head that is read first.
    let (base, head) = (base(ledger, office).await?, head(ledger, office).await?);
    let expected = kept.into_iter().chain([head.clone()]).collect();
    let mut verifier = super::Verifier::new(base, expected);
    let mut index = 0;
    loop {
        let entries = read(ledger, office, index, CHUNK).await?;
        for entry in &entries {
            if let Err(broken) = verifier.take(entry) {
                return Ok(Err(broken));
            }
        }
        index += entries.len();
        if entries.len() < CHUNK {
            return Ok(verifier.finish());
        }
    }
}
