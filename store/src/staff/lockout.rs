//! Tries to log in, counted before a password is looked at, so that many at once can't slip through. After some free ones
//! each costs a wait, twice as long as the one before, up to [`LONGEST_WAIT`]: nobody is ever locked out for longer. A
//! browser that has logged in before has tries of its own, so that a stranger who guesses keeps nobody out of their own.

use std::sync::LazyLock;
use std::time::Duration;

use protocol::ids::{OfficeId, StaffId};
use protocol::time::UnixMillis;
use redis::Script;

use crate::{Db, Result, keys};

/// So many tries in a row cost nothing.
pub const FREE_TRIES: u32 = 5;
/// The wait after those.
const FIRST_WAIT: Duration = Duration::from_secs(15);
/// No wait is longer.
pub const LONGEST_WAIT: Duration = Duration::from_secs(15 * 60);
/// After so long without a try all are forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(60 * 60);

static TRY: LazyLock<Script> = LazyLock::new(|| {
    Script::new(
        "local now = tonumber(ARGV[1])
         local until_ms = tonumber(redis.call('HGET', KEYS[1], 'until') or '0')
         if until_ms > now then return {0, until_ms - now} end
         local tries = redis.call('HINCRBY', KEYS[1], 'tries', 1)
         local wait = 0
         if tries >= tonumber(ARGV[2]) then
           wait = math.min(tonumber(ARGV[4]), tonumber(ARGV[3]) * 2 ^ (tries - tonumber(ARGV[2])))
           redis.call('HSET', KEYS[1], 'until', string.format('%.0f', now + wait))
         end
         redis.call('PEXPIRE', KEYS[1], string.format('%.0f', wait + tonumber(ARGV[5])))
         return {1, wait}",
    )
});

/// What a try is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tries {
    /// It may be made. If it is wrong, the next one has to wait so long.
    May(Duration),
    /// It is too early, by so much.
    Wait(Duration),
}

/// Counts a try. `device`: of a browser that the account knows.
///
/// # Errors
/// [`crate::StoreError::Unavailable`].
pub async fn try_once(
    ledger: &Db,
    office: &OfficeId,
    id: &StaffId,
    device: Option<&str>,
    now: UnixMillis,
) -> Result<Tries> {
    let mut call = TRY.prepare_invoke();
    call.key(keys::staff_tries(office, id, device))
        .arg(now.0)
        .arg(FREE_TRIES)
        .arg(millis(FIRST_WAIT))
        .arg(millis(LONGEST_WAIT))
        .arg(millis(FORGOTTEN_AFTER));
    let (may, wait): (u8, u64) = ledger.invoke(&call).await?;
    let wait = Duration::from_millis(wait);
    Ok(if may == 1 { Tries::May(wait) } else { Tries::Wait(wait) })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A login, or somebody's word that it was the owner: earlier tries are forgotten.
///
/// # Errors
/// [`crate::StoreError::Unavailable`].
pub async fn clear_tries(ledger: &Db, office: &OfficeId, id: &StaffId, device: Option<&str>) -> Result<()> {
    ledger
        .run::<i64>(redis::cmd("DEL").arg(keys::staff_tries(office, id, device)))
        .await
        .map(drop)
}
