//! Consultations in the ledger: one JSON record each, changed only by compare-and-set on its version.
//!
//! Invariant: a record's version grows by one with every change, and the set of open consultations names
//! exactly those that haven't ended. Links are stored as SHA-256 hashes only.

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use protocol::grants::Encryption;
use protocol::ids::{AppointmentId, ConsultationId, OfficeId, ParticipantId, RoomId, SeatId, SectionId, StaffId};
use protocol::seats::{Part, SeatState};
use protocol::signal::Phase;
use protocol::time::UnixMillis;
use redis::Script;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::facts::{self, Facts};
use crate::redis::{from_json, to_json};
use crate::{Db, Result, StoreError, keys};

/// How long an ended consultation's record stays, so that its link can say "over" instead of "unknown".
const KEPT_AFTER_END: Duration = Duration::from_secs(24 * 3600);

/// A consultation, as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Which.
    pub id: ConsultationId,
    /// Whose business it is.
    pub section: SectionId,
    /// Where it stands.
    pub phase: Phase,
    /// Grows with every change; 1 at first.
    pub version: u64,
    /// Who made the link; none: it is an appointment's that a resident has booked.
    pub created_by: Option<StaffId>,
    /// The appointment that it is.
    #[serde(default)]
    pub appointment: Option<AppointmentId>,
    /// When.
    pub created_at: UnixMillis,
    /// When the link dies by itself.
    pub expires_at: UnixMillis,
    /// Since when the resident waits.
    pub waiting_since: Option<UnixMillis>,
    /// When the resident was asked in.
    pub admitted_at: Option<UnixMillis>,
    /// Who asked them in.
    pub staff: Option<StaffId>,
    /// When it ended.
    pub ended_at: Option<UnixMillis>,
    /// The media room.
    pub room: RoomId,
    /// Whether the browser with which the resident waits can encrypt a call from end to end.
    #[serde(default)]
    pub can_encrypt: bool,
    /// Whether the call is; decided when the resident is asked in.
    #[serde(default)]
    pub encryption: Encryption,
    /// Who else sits in it, and how the call is.
    #[serde(default)]
    pub call: Call,
}

/// What a record holds of a call: its seats, and what staff have done there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Call {
    /// Who was invited.
    pub seats: Vec<Seat>,
    /// The resident, and who came by a link, wait with music.
    pub is_held: bool,
    /// Nobody else comes in.
    pub is_locked: bool,
    /// How often staff switched each one's microphone off.
    pub mutes: BTreeMap<ParticipantId, u32>,
    /// Whose member of staff serves.
    pub served_by: Option<SectionId>,
    /// Their name, where the office wants names shown.
    pub staff_name: Option<String>,
    /// When another member of staff took over.
    pub handed_over_at: Option<UnixMillis>,
    /// Who is wanted to serve.
    pub wanted: Option<StaffId>,
    /// The device that the link is bound to once the resident was asked in, as a hash; none: a browser without a mark.
    pub device: Option<String>,
    /// It ended because nobody came.
    pub is_no_show: bool,
    /// What the resident thinks of it.
    pub rating: Option<Rating>,
}

/// A seat of somebody who was invited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seat {
    /// Which.
    pub id: SeatId,
    /// As what.
    pub part: Part,
    /// Who, of the staff; none: whoever has the link.
    pub staff: Option<StaffId>,
    /// Of staff: their section.
    pub section: Option<SectionId>,
    /// Of staff: their name, where the office wants names shown.
    pub name: Option<String>,
    /// Where they stand.
    pub state: SeatState,
    /// Since when.
    pub since: UnixMillis,
    /// Whether who comes by the link needn't be let in.
    pub is_let_in: bool,
    /// Whether their browser can encrypt a call from end to end.
    pub can_encrypt: bool,
    /// The device that the link is bound to, as a hash.
    pub device: Option<String>,
}

/// How content the resident was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rating {
    /// From 1 (not at all) to 5 (very).
    pub score: u8,
    /// When it was first said.
    pub at: UnixMillis,
    /// Whether it was changed since.
    pub is_changed: bool,
}

/// The secret of a link: 128 random bits as text, as it stands in the URL.
#[must_use]
pub fn new_code() -> String {
    ConsultationId::random().to_string()
}

/// A secret as it is stored: SHA-256 in hexadecimal digits.
pub(crate) fn hash(code: &str) -> String {
    Sha256::digest(code.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A secret of somebody's browser as it is stored beside what it opened.
#[must_use]
pub fn hash_of_device(mark: &str) -> String {
    hash(mark)
}

static CREATE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
         redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[2])
         redis.call('ZADD', KEYS[3], ARGV[4], ARGV[3])
         redis.call('SET', KEYS[4], KEYS[2], 'PX', ARGV[2])
         redis.call('PUBLISH', ARGV[5], ARGV[6])
         return 1",
    )
});

/// KEYS: the appointment's consultation, link, record, open. ARGV: record, how long, id, when it was made, wake channel,
/// topic, the consultation that is over and replaced. Whoever opens a link of the appointment first makes it.
static OPEN_ONCE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local had = redis.call('GET', KEYS[1])
         if had and had ~= ARGV[7] then
           redis.call('SET', KEYS[2], had, 'PX', ARGV[2])
           return had
         end
         redis.call('SET', KEYS[1], ARGV[3], 'PX', ARGV[2])
         redis.call('SET', KEYS[2], ARGV[3], 'PX', ARGV[2])
         redis.call('SET', KEYS[3], ARGV[1], 'PX', ARGV[2])
         redis.call('ZADD', KEYS[4], ARGV[4], ARGV[3])
         redis.call('PUBLISH', ARGV[5], ARGV[6])
         return ARGV[3]",
    )
});

/// Sets the record if its version is still the one that was read.
static REPLACE: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local old = redis.call('GET', KEYS[1])
         if not old then return -1 end
         if cjson.decode(old).version ~= tonumber(ARGV[2]) then return 0 end
         redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
         if ARGV[5] == '1' then
           redis.call('ZREM', KEYS[2], ARGV[4])
           redis.call('HSET', KEYS[3], ARGV[4], ARGV[8])
           redis.call('ZADD', KEYS[4], ARGV[9], ARGV[4])
           redis.call('ZADD', KEYS[5], ARGV[9], ARGV[4])
         end
         redis.call('PUBLISH', ARGV[6], ARGV[7])
         if ARGV[5] == '1' then redis.call('PUBLISH', ARGV[6], ARGV[10]) end
         return 1",
    )
});

fn ttl_ms(record: &Record, now: UnixMillis) -> u64 {
    let end = record.expires_at.plus(KEPT_AFTER_END);
    u64::try_from(end.since(now).as_millis()).unwrap_or(u64::MAX).max(1)
}

fn topic(id: &ConsultationId) -> String {
    format!("consultation/{id}")
}

/// Stores a new consultation and the way to it by its link's code.
///
/// # Errors
/// [`StoreError::Unavailable`]: then it does not exist, as far as anybody was told.
pub async fn create(ledger: &Db, office: &OfficeId, record: &Record, code: &str, now: UnixMillis) -> Result<()> {
    let key = keys::consultation(office, &record.id);
    let json = to_json(&key, record)?;
    let mut call = CREATE.prepare_invoke();
    call.key(&key)
        .key(keys::link(office, &hash(code)))
        .key(keys::consultations_open(office))
        .key(keys::consultation_link(office, &record.id))
        .arg(json)
        .arg(ttl_ms(record, now))
        .arg(record.id.as_str())
        .arg(record.created_at.0)
        .arg(keys::wake(office))
        .arg(topic(&record.id));
    ledger.invoke::<i64>(&call).await.map(drop)
}

/// The consultation of an appointment, made now where nobody has opened it yet, and the way to it by this link's code.
/// `over`: one that has ended and is replaced by a new one.
///
/// # Errors
/// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
pub async fn open_once(
    ledger: &Db,
    office: &OfficeId,
    appointment: &AppointmentId,
    new: &Record,
    code: &str,
    over: Option<&ConsultationId>,
    now: UnixMillis,
) -> Result<Option<Record>> {
    let key = keys::consultation(office, &new.id);
    let mut call = OPEN_ONCE.prepare_invoke();
    call.key(keys::consultation_of(office, appointment))
        .key(keys::link(office, &hash(code)))
        .key(&key)
        .key(keys::consultations_open(office))
        .arg(to_json(&key, new)?)
        .arg(ttl_ms(new, now))
        .arg(new.id.as_str())
        .arg(new.created_at.0)
        .arg(keys::wake(office))
        .arg(topic(&new.id))
        .arg(over.map_or("", ConsultationId::as_str));
    let id: String = ledger.invoke(&call).await?;
    match ConsultationId::new(id) {
        Ok(id) => get(ledger, office, &id).await,
        Err(_) => Ok(None),
    }
}

/// The consultation of an appointment; `None`: nobody has opened its link yet, or it is long over.
///
/// # Errors
/// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
pub async fn of_appointment(ledger: &Db, office: &OfficeId, appointment: &AppointmentId) -> Result<Option<Record>> {
    let key = keys::consultation_of(office, appointment);
    let id: Option<String> = ledger.run(redis::cmd("GET").arg(&key)).await?;
    match id.and_then(|id| ConsultationId::new(id).ok()) {
        Some(id) => get(ledger, office, &id).await,
        None => Ok(None),
    }
}

/// Reads one.
///
/// # Errors
/// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
pub async fn get(ledger: &Db, office: &OfficeId, id: &ConsultationId) -> Result<Option<Record>> {
    let key = keys::consultation(office, id);
    let json: Option<String> = ledger.run(redis::cmd("GET").arg(&key)).await?;
    json.map(|json| from_json(&key, &json)).transpose()
}

/// Finds the consultation of a link. Its phase and times say whether the link still works.
///
/// # Errors
/// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
pub async fn by_code(ledger: &Db, office: &OfficeId, code: &str) -> Result<Option<Record>> {
    let id: Option<String> = ledger
        .run(redis::cmd("GET").arg(keys::link(office, &hash(code))))
        .await?;
    match id.and_then(|id| ConsultationId::new(id).ok()) {
        Some(id) => get(ledger, office, &id).await,
        None => Ok(None),
    }
}

/// Makes the way to a seat by its guest's code, for as long as the record lasts. The seat itself is in the record.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn link_seat(
    ledger: &Db,
    office: &OfficeId,
    record: &Record,
    seat: &SeatId,
    code: &str,
    now: UnixMillis,
) -> Result<()> {
    let mut set = redis::cmd("SET");
    set.arg(keys::guest_link(office, &hash(code)))
        .arg(format!("{}/{seat}", record.id))
        .arg("PX")
        .arg(ttl_ms(record, now));
    ledger.run(&set).await
}

/// Finds the consultation and the seat of a guest's link. The seat's state says whether the link still works.
///
/// # Errors
/// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
pub async fn by_guest_code(ledger: &Db, office: &OfficeId, code: &str) -> Result<Option<(Record, SeatId)>> {
    let key = keys::guest_link(office, &hash(code));
    let found: Option<String> = ledger.run(redis::cmd("GET").arg(key)).await?;
    let ids = found.as_deref().and_then(|text| text.split_once('/'));
    let Some((id, seat)) = ids.and_then(|(id, seat)| Some((ConsultationId::new(id).ok()?, SeatId::new(seat).ok()?)))
    else {
        return Ok(None);
    };
    Ok(get(ledger, office, &id).await?.map(|record| (record, seat)))
}

/// All that haven't ended or expired, newest first.
///
/// # Errors
/// [`StoreError::Unavailable`] or [`StoreError::Corrupt`].
pub async fn open(ledger: &Db, office: &OfficeId, now: UnixMillis) -> Result<Vec<Record>> {
    let set = keys::consultations_open(office);
    let ids: Vec<String> = ledger.run(redis::cmd("ZREVRANGE").arg(&set).arg(0).arg(-1)).await?;
    let mut records = Vec::with_capacity(ids.len());
    for id in ids {
        let found = match ConsultationId::new(id.as_str()) {
            Ok(id) => get(ledger, office, &id).await?,
            Err(_) => None,
        };
        match found {
            Some(record) if record.phase != Phase::Ended && now < record.expires_at => records.push(record),
            // Expired by itself: nobody else takes it off the list.
            _ => ledger
                .run::<i64>(redis::cmd("ZREM").arg(&set).arg(&id))
                .await
                .map(drop)?,
        }
    }
    Ok(records)
}

/// Reads, changes and writes a record, again where somebody else was faster. `change` returns `None` to
/// leave it as it is, or the record to store (its version is set here).
///
/// Returns the record as it stands afterwards, and whether this call changed it; `None` when there is none.
///
/// # Errors
/// [`StoreError::Contended`] after many lost races; [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn update(
    ledger: &Db,
    office: &OfficeId,
    id: &ConsultationId,
    now: UnixMillis,
    mut change: impl FnMut(&Record) -> Option<Record>,
) -> Result<Option<(Record, bool)>> {
    const ATTEMPTS: u32 = 16;
    let key = keys::consultation(office, id);
    for _ in 0..ATTEMPTS {
        let Some(old) = get(ledger, office, id).await? else {
            return Ok(None);
        };
        let Some(mut new) = change(&old) else {
            return Ok(Some((old, false)));
        };
        new.version = old.version + 1;
        let mut call = REPLACE.prepare_invoke();
        call.key(&key)
            .key(keys::consultations_open(office))
            .key(keys::facts(office))
            .key(keys::facts_by_time(office))
            .key(keys::consultations_ended(office))
            .arg(to_json(&key, &new)?)
            .arg(old.version)
            .arg(ttl_ms(&new, now))
            .arg(id.as_str())
            .arg(i32::from(new.phase == Phase::Ended))
            .arg(keys::wake(office))
            .arg(topic(id))
            .arg(to_json(&key, &Facts::of(&new))?)
            .arg(new.ended_at.unwrap_or(now).0)
            .arg(facts::TOPIC);
        match ledger.invoke::<i64>(&call).await? {
            1 => return Ok(Some((new, true))),
            -1 => return Ok(None),
            _ => {}
        }
    }
    Err(StoreError::Contended { key })
}

/// Deletes a record, its link and the way from one to the other; what is left of it are its facts.
static FORGET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local link = redis.call('GET', KEYS[2])
         if link then redis.call('DEL', link) end
         redis.call('DEL', KEYS[1], KEYS[2])
         return redis.call('ZREM', KEYS[3], ARGV[1])",
    )
});

/// Deletes all but the facts of what ended before a time. Returns which; each is told to one caller only.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn forget_ended(ledger: &Db, office: &OfficeId, before: UnixMillis) -> Result<Vec<ConsultationId>> {
    let ended = keys::consultations_ended(office);
    let mut range = redis::cmd("ZRANGEBYSCORE");
    range.arg(&ended).arg("-inf").arg(format!("({}", before.0));
    let ids: Vec<String> = ledger.run(&range).await?;
    let mut forgotten = Vec::new();
    for id in ids.into_iter().filter_map(|id| ConsultationId::new(id).ok()) {
        let mut call = FORGET.prepare_invoke();
        call.key(keys::consultation(office, &id))
            .key(keys::consultation_link(office, &id))
            .key(&ended)
            .arg(id.as_str());
        if ledger.invoke::<i64>(&call).await? == 1 {
            forgotten.push(id);
        }
    }
    Ok(forgotten)
}
