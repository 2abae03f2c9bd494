//! Screens: which there are, what they show, who speaks for them (`pairing`), the files they play (`files`), what the office
//! tells on them (`notices`), which phone controls one (`remote`), and how they were last (in `live`).
//!
//! Invariant: of a screen's token only the hash is kept; every change of a record is a compare-and-set, and wakes
//! [`TOPIC`] in the same script.

pub mod files;
pub mod notices;
pub mod pairing;
pub mod remote;

use std::collections::BTreeMap;
use std::sync::LazyLock;
use std::time::Duration;

use protocol::ids::{OfficeId, ScreenId, StaffId};
use protocol::screen::report::{Change, Fault, Health};
use protocol::screen::{Manifest, Report, When};
use protocol::time::UnixMillis;
use redis::Script;
use serde::{Deserialize, Serialize};

use crate::redis::{from_json, to_json};
use crate::{Db, Result, StoreError, keys};

/// The topic of the wake-up when a record, a file or a notice has changed.
pub const TOPIC: &str = "screens";

const FADES_AFTER: Duration = Duration::from_secs(35);
/// So often a change is tried again where somebody else was faster.
const ATTEMPTS: u32 = 16;

/// How a screen hangs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Orientation {
    /// Wider than high.
    #[default]
    Landscape,
    /// Higher than wide.
    Portrait,
}

/// A screen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Screen {
    /// Its id.
    pub id: ScreenId,
    /// What staff call it.
    pub name: String,
    /// Where it stands, in the words of staff.
    #[serde(default)]
    pub place: String,
    /// How it hangs.
    #[serde(default)]
    pub orientation: Orientation,
    /// When it was taken in.
    pub created_at: UnixMillis,
    /// The token of the player that is paired with it; none: nobody is.
    #[serde(default)]
    pub token: Option<Token>,
    /// Hash of the device code of the player that was accepted and may fetch its token.
    #[serde(default)]
    pub awaits: Option<String>,
    /// What is being arranged.
    #[serde(default)]
    pub draft: Arrangement,
    /// What is shown; none: what the configuration says, or nothing yet.
    #[serde(default)]
    pub shows: Option<Publication>,
    /// What was shown before, the newest first, at most [`VERSIONS`].
    #[serde(default)]
    pub before: Vec<Edition>,
}

/// So many of a screen's earlier publications are kept.
pub const VERSIONS: usize = 10;

impl Screen {
    /// Another publication takes the place of what is shown, which is kept among the earlier ones.
    #[must_use]
    pub fn published(self, new: Publication) -> Self {
        let old = self.shows.map(|old| Edition {
            version: old.version,
            at: old.at,
            by: old.by,
            of: old.of,
        });
        Self {
            shows: Some(new),
            before: old.into_iter().chain(self.before).take(VERSIONS).collect(),
            ..self
        }
    }
}

/// What was published once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Edition {
    /// Its number.
    pub version: u64,
    /// When.
    pub at: UnixMillis,
    /// By whom.
    pub by: StaffId,
    /// What it was made of.
    pub of: Arrangement,
}

/// What is kept of a token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Token {
    /// SHA-256 of its secret, 64 hexadecimal digits.
    pub hash: String,
    /// Since when.
    pub since: UnixMillis,
}

/// A playlist in a layout.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrangement {
    /// The ready-made layout, by its file's name without `.json`; empty: none was chosen yet.
    pub layout: String,
    /// What is played, in order.
    pub items: Vec<Chosen>,
    /// When the screen is on.
    #[serde(default)]
    pub on: When,
}

/// One item of a playlist.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chosen {
    /// Which file; empty: none, it is live.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub sha256: String,
    /// What it is where it is live.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<LivePicture>,
    /// How long a picture stands, or each page of a document, or something live is shown; videos play to their end.
    pub seconds: u32,
    /// When it is shown.
    #[serde(default)]
    pub when: When,
    /// At these times nothing else is shown but what leads too.
    #[serde(default)]
    pub leads: bool,
}

/// A live picture to be shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LivePicture {
    /// What it is called, in lists and reports.
    pub name: String,
    /// Where it comes from: RTSP or WHEP. Without a password: whoever arranges screens reads it.
    pub url: String,
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Publication {
    /// Counts a screen's publications from 1.
    pub version: u64,
    /// When.
    pub at: UnixMillis,
    /// By whom.
    pub by: StaffId,
    /// What it was made of.
    pub of: Arrangement,
    /// What the player is told.
    pub manifest: Manifest,
}

/// Writes a record if it is still what was read (empty: none), or deletes it (new is empty).
///
/// KEYS records; ARGV id, expected, new, channel, topic. Returns 1, or 0 where it has moved.
static SET: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "if (redis.call('HGET', KEYS[1], ARGV[1]) or '') ~= ARGV[2] then return 0 end
         if ARGV[3] == '' then redis.call('HDEL', KEYS[1], ARGV[1])
         else redis.call('HSET', KEYS[1], ARGV[1], ARGV[3]) end
         redis.call('PUBLISH', ARGV[4], ARGV[5])
         return 1",
    )
});

/// All screens that were taken in; those of the configuration that nobody has touched are not among them.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn all(ledger: &Db, office: &OfficeId) -> Result<BTreeMap<ScreenId, Screen>> {
    let key = keys::screens(office);
    let records: Vec<(String, String)> = ledger.run(redis::cmd("HGETALL").arg(&key)).await?;
    let read = |json: &String| from_json::<Screen>(&key, json).map(|screen| (screen.id.clone(), screen));
    records.iter().map(|(_, json)| read(json)).collect()
}

/// One of them.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn get(ledger: &Db, office: &OfficeId, id: &ScreenId) -> Result<Option<Screen>> {
    let key = keys::screens(office);
    let json: Option<String> = ledger.run(redis::cmd("HGET").arg(&key).arg(id.as_str())).await?;
    json.map(|json| from_json(&key, &json)).transpose()
}

/// Changes a screen: `change` is given what there is and gives what there shall be (`None`: nothing any more), again and
/// again while others are faster.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`]; [`StoreError::Contended`] after many lost races. Within: what
/// `change` refuses with; then nothing was written.
pub async fn change<E>(
    ledger: &Db,
    office: &OfficeId,
    id: &ScreenId,
    mut change: impl FnMut(Option<Screen>) -> std::result::Result<Option<Screen>, E>,
) -> Result<std::result::Result<Option<Screen>, E>> {
    let key = keys::screens(office);
    for attempt in 0..ATTEMPTS {
        let before: Option<String> = ledger.run(redis::cmd("HGET").arg(&key).arg(id.as_str())).await?;
        let old = before.as_deref().map(|json| from_json(&key, json)).transpose()?;
        let new = match change(old) {
            Ok(new) => new,
            Err(refused) => return Ok(Err(refused)),
        };
        let json = new.as_ref().map(|new| to_json(&key, new)).transpose()?;
        let mut call = SET.prepare_invoke();
        call.key(&key)
            .arg(id.as_str())
            .arg(before.unwrap_or_default())
            .arg(json.unwrap_or_default())
            .arg(keys::wake(office))
            .arg(TOPIC);
        if ledger.invoke::<i64>(&call).await? == 1 {
            return Ok(Ok(new));
        }
        crate::audit::yield_to_others(attempt).await;
    }
    Err(StoreError::Contended { key })
}

/// Takes a screen's token away, and what it might still fetch one with. Returns whether there was one.
///
/// # Errors
/// As [`change`].
pub async fn revoke(ledger: &Db, office: &OfficeId, id: &ScreenId) -> Result<bool> {
    let mut had = false;
    let changed = change(ledger, office, id, |old| {
        had = old
            .as_ref()
            .is_some_and(|old| old.token.is_some() || old.awaits.is_some());
        Ok::<_, std::convert::Infallible>(old.map(|old| Screen {
            token: None,
            awaits: None,
            ..old
        }))
    });
    let Ok(_) = changed.await?;
    Ok(had)
}

/// When a screen was there last, and with what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// When.
    pub at: UnixMillis,
    /// The player's version.
    pub player: String,
    /// The manifest that it has: SHA-256 of its JSON.
    pub manifest: Option<String>,
}

/// Keeps when a screen was there last.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn see(live: &Db, office: &OfficeId, id: &ScreenId, seen: &Seen) -> Result<()> {
    let key = keys::screens_seen(office);
    let json = to_json(&key, seen)?;
    let mut set = redis::cmd("HSET");
    set.arg(&key).arg(id.as_str()).arg(json);
    live.run::<i64>(&set).await.map(drop)
}

/// When each screen was there last.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn seen(live: &Db, office: &OfficeId) -> Result<BTreeMap<ScreenId, Seen>> {
    let key = keys::screens_seen(office);
    let all: Vec<(String, String)> = live.run(redis::cmd("HGETALL").arg(&key)).await?;
    let known = all
        .iter()
        .filter_map(|(id, json)| Some((ScreenId::new(id).ok()?, json)));
    known.map(|(id, json)| Ok((id, from_json(&key, json)?))).collect()
}

/// How a player was when it reported last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Condition {
    /// When the report came, by the server's clock.
    pub at: UnixMillis,
    /// Its health.
    pub health: Health,
    /// Its faults.
    pub faults: Vec<Fault>,
}

/// Keeps how a player is, until it says otherwise.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn set_condition(live: &Db, office: &OfficeId, id: &ScreenId, condition: &Condition) -> Result<()> {
    let key = keys::screen_condition(office, id);
    let json = to_json(&key, condition)?;
    live.run(redis::cmd("SET").arg(&key).arg(json)).await
}

/// How a player was when it reported last.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn condition(live: &Db, office: &OfficeId, id: &ScreenId) -> Result<Option<Condition>> {
    let key = keys::screen_condition(office, id);
    let json: Option<String> = live.run(redis::cmd("GET").arg(&key)).await?;
    json.map(|json| from_json(&key, &json)).transpose()
}

/// So many comings and goings of a screen's faults are kept. When full, the oldest goes.
pub const CHANGES: usize = 200;

/// Keeps what faults of a screen came and went; each once, however often it is told. At most [`CHANGES`].
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn keep_changes(ledger: &Db, office: &OfficeId, id: &ScreenId, changes: &[Change]) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    let key = keys::screen_changes(office, id);
    let mut add = redis::cmd("ZADD");
    add.arg(&key);
    for change in changes {
        add.arg(change.until.unwrap_or(change.since).0)
            .arg(to_json(&key, change)?);
    }
    ledger.run::<()>(&add).await?;
    let mut trim = redis::cmd("ZREMRANGEBYRANK");
    trim.arg(&key).arg(0).arg(-1 - CHANGES as i64);
    ledger.run(&trim).await
}

/// What faults of a screen came and went lately, the newest first, at most `most`; one that came and went is one, with both
/// times.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn changes(ledger: &Db, office: &OfficeId, id: &ScreenId, most: usize) -> Result<Vec<Change>> {
    let key = keys::screen_changes(office, id);
    let all: Vec<String> = ledger
        .run(redis::cmd("ZREVRANGE").arg(&key).arg(0).arg(CHANGES as i64 - 1))
        .await?;
    let mut changes: Vec<Change> = Vec::new();
    for json in &all {
        let change: Change = from_json(&key, json)?;
        // The same one's coming and going.
        let is_same = |it: &Change| {
            (it.since, it.kind, &it.about, &it.what) == (change.since, change.kind, &change.about, &change.what)
        };
        match changes.iter_mut().find(|it| is_same(it)) {
            Some(told) => told.until = told.until.or(change.until),
            None => changes.push(change),
        }
    }
    changes.truncate(most);
    Ok(changes)
}

/// Keeps a screen's report until the next one, or until it is late.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn report(live: &Db, office: &OfficeId, id: &ScreenId, report: &Report) -> Result<()> {
    let key = keys::screen_report(office, id);
    let json = to_json(&key, report)?;
    let mut set = redis::cmd("SET");
    set.arg(&key).arg(json).arg("PX").arg(FADES_AFTER.as_millis() as u64);
    live.run(&set).await
}

/// A screen's last report; `None`: it is silent.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn last_report(live: &Db, office: &OfficeId, id: &ScreenId) -> Result<Option<Report>> {
    let key = keys::screen_report(office, id);
    let json: Option<String> = live.run(redis::cmd("GET").arg(&key)).await?;
    json.map(|json| from_json(&key, &json)).transpose()
}

/// Before a screen's id: the topic of the wake-up when somebody wants to see what it shows.
pub const LOOK: &str = "screen-look/";
/// A picture of a screen is kept so long.
const PICTURE_LASTS: Duration = Duration::from_secs(24 * 3600);

/// Asks whichever server a screen is connected to for a picture of it.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn look(ledger: &Db, office: &OfficeId, id: &ScreenId) -> Result<()> {
    let mut publish = redis::cmd("PUBLISH");
    publish.arg(keys::wake(office)).arg(format!("{LOOK}{id}"));
    ledger.run::<i64>(&publish).await.map(drop)
}

/// Keeps a picture (PNG) of what a screen shows, until the next one, or for a day.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn keep_picture(live: &Db, office: &OfficeId, id: &ScreenId, png: &[u8], now: UnixMillis) -> Result<()> {
    let mut pipeline = redis::pipe();
    let (picture, at) = (keys::screen_picture(office, id), keys::screen_picture_at(office, id));
    let lasts = PICTURE_LASTS.as_millis() as u64;
    pipeline.atomic();
    pipeline.cmd("SET").arg(picture).arg(png).arg("PX").arg(lasts).ignore();
    pipeline.cmd("SET").arg(at).arg(now.0).arg("PX").arg(lasts).ignore();
    live.run_all(&pipeline).await
}

/// The last picture of a screen (PNG).
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn picture(live: &Db, office: &OfficeId, id: &ScreenId) -> Result<Option<Vec<u8>>> {
    live.run(redis::cmd("GET").arg(keys::screen_picture(office, id))).await
}

/// When it was taken.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn picture_at(live: &Db, office: &OfficeId, id: &ScreenId) -> Result<Option<UnixMillis>> {
    let at: Option<u64> = live
        .run(redis::cmd("GET").arg(keys::screen_picture_at(office, id)))
        .await?;
    Ok(at.map(UnixMillis))
}
