//! Congestion: observations in, the area's state out, in one atomic step (`areas.lua`).
//!
//! Invariant: the state always follows from the last fresh word of every source; an area whose sources
//! all fell silent is unknown, never what it was.

use std::sync::LazyLock;
use std::time::Duration;

use protocol::config::Area;
use protocol::congestion::{AreaState, Level, Observation, Source, Trend};
use protocol::ids::{AreaId, OfficeId};
use protocol::time::UnixMillis;
use redis::Script;

use crate::{Db, Result, StoreError, keys};

/// About how many observations an area keeps: a day at one a second.
const OBSERVATIONS_KEPT: u32 = 86_400;

/// An observation is kept for so long, also when no other comes.
const KEPT_FOR: Duration = Duration::from_hours(48);

static STEP: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("areas.lua")));

type StateFields = (
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<String>,
    Option<u64>,
);

/// Adds an observation to the area's stream and turns it into the area's state. A change wakes the
/// office's listeners with `area/ID`.
///
/// # Errors
/// [`StoreError::Unavailable`]: it may or may not have counted; the next observation sets it right.
pub async fn observe(
    live: &Db,
    office: &OfficeId,
    area: &Area,
    observation: &Observation,
    now: UnixMillis,
) -> Result<AreaState> {
    let id = &area.id;
    let source = match &observation.source {
        Source::Camera(name) => format!("camera/{name}"),
        Source::Button(name) => format!("button/{name}"),
        Source::Other(name) => format!("other/{name}"),
    };
    let mut call = STEP.prepare_invoke();
    call.key(keys::area(office, id, "observations"))
        .key(keys::area(office, id, "sources"))
        .key(keys::area(office, id, "state"))
        .arg(now.0)
        .arg(source)
        .arg(observation.at.0)
        .arg(observation.count.map(|count| count.to_string()).unwrap_or_default())
        .arg(area.capacity)
        .arg(area.moderate_from)
        .arg(area.busy_from)
        .arg(area.hysteresis)
        .arg(u64::try_from(area.stale_after.as_millis()).unwrap_or(u64::MAX))
        .arg(keys::wake(office))
        .arg(format!("area/{id}"))
        .arg(OBSERVATIONS_KEPT)
        .arg(u64::try_from(KEPT_FOR.as_millis()).unwrap_or(u64::MAX));
    let fields: StateFields = live.invoke(&call).await?;
    to_state(id, area.capacity, office, fields)
}

/// The area's state as it may be shown at `now`: stale counts are already unknown.
///
/// # Errors
/// [`StoreError::Unavailable`], or [`StoreError::Corrupt`] when a field isn't what this version writes.
pub async fn state(live: &Db, office: &OfficeId, area: &Area, now: UnixMillis) -> Result<AreaState> {
    let key = keys::area(office, &area.id, "state");
    let mut cmd = redis::cmd("HMGET");
    cmd.arg(key)
        .arg(&["count", "level", "trend", "observed_at", "changed_at", "version"]);
    let fields: StateFields = live.run(&cmd).await?;
    Ok(to_state(&area.id, area.capacity, office, fields)?.as_of(now, area.stale_after))
}

fn to_state(id: &AreaId, capacity: u32, office: &OfficeId, fields: StateFields) -> Result<AreaState> {
    let corrupt = |why: &str| StoreError::Corrupt {
        key: keys::area(office, id, "state"),
        why: why.to_owned(),
    };
    let (count, level, trend, observed_at, changed_at, version) = fields;
    let Some(version) = version else {
        return Ok(AreaState::unknown(id.clone(), capacity));
    };
    let number = |text: Option<String>| match text.as_deref() {
        None | Some("") => Ok(None),
        Some(text) => text
            .parse::<u64>()
            .map(Some)
            .map_err(|_| corrupt("a number was expected")),
    };
    let level = match level.as_deref() {
        Some("free") => Level::Free,
        Some("moderate") => Level::Moderate,
        Some("busy") => Level::Busy,
        Some("full") => Level::Full,
        Some("unknown") => Level::Unknown,
        _ => return Err(corrupt("level")),
    };
    let trend = match trend.as_deref() {
        Some("rising") => Trend::Rising,
        Some("steady") => Trend::Steady,
        Some("falling") => Trend::Falling,
        _ => return Err(corrupt("trend")),
    };
    let count = match number(count)? {
        Some(count) => Some(u32::try_from(count).map_err(|_| corrupt("count"))?),
        None => None,
    };
    Ok(AreaState {
        area: id.clone(),
        count,
        capacity,
        level,
        trend,
        observed_at: number(observed_at)?.map(UnixMillis),
        changed_at: UnixMillis(number(changed_at)?.unwrap_or(0)),
        version,
    })
}
