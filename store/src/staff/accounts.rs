//! All accounts of an office as one thing: read with a version, written if nobody else wrote meanwhile, together with the
//! entries in the audit log that say so.

use std::collections::BTreeMap;

use protocol::ids::{OfficeId, StaffId};
use protocol::time::UnixMillis;

use super::{Account, Role, State};
use crate::audit::{self, Committed, Event};
use crate::redis::{from_json, to_json};
use crate::{Db, Result, StoreError, keys};

/// All accounts by their ids.
pub type Accounts = BTreeMap<StaffId, Account>;

const ATTEMPTS: u32 = 64;

/// What a change wants written.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// Accounts that are new or different.
    pub accounts: Vec<Account>,
    /// What the audit log is told.
    pub events: Vec<Event>,
}

impl Change {
    /// Of one account.
    #[must_use]
    pub fn of(account: Account, event: Event) -> Self {
        Self {
            accounts: vec![account],
            events: vec![event],
        }
    }

    /// Whether somebody who can look after accounts would be left, were this written over `all`.
    #[must_use]
    pub fn leaves_an_admin(&self, all: &Accounts) -> bool {
        let is_admin = |account: &Account| account.role == Role::Admin && account.state == State::Active;
        let changed = |id: &StaffId| self.accounts.iter().any(|account| account.id == *id);
        let was_one = all.values().any(is_admin);
        let is_one = self.accounts.iter().any(is_admin)
            || all.values().any(|account| is_admin(account) && !changed(&account.id));
        is_one || !was_one
    }
}

/// Reads an account.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn get(ledger: &Db, office: &OfficeId, id: &StaffId) -> Result<Option<Account>> {
    let key = keys::accounts(office);
    let json: Option<String> = ledger.run(redis::cmd("HGET").arg(&key).arg(id.as_str())).await?;
    json.map(|json| from_json(&key, &json)).transpose()
}

async fn version(ledger: &Db, office: &OfficeId) -> Result<u64> {
    let version: Option<u64> = ledger
        .run(redis::cmd("GET").arg(keys::accounts_version(office)))
        .await?;
    Ok(version.unwrap_or(0))
}

/// Reads all accounts, and the version at which they are so.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn all(ledger: &Db, office: &OfficeId) -> Result<(Accounts, u64)> {
    let key = keys::accounts(office);
    // The version first: what is written after it makes a write that follows this reading fail.
    let version = version(ledger, office).await?;
    let stored: Vec<(String, String)> = ledger.run(redis::cmd("HGETALL").arg(&key)).await?;
    let mut accounts = Accounts::new();
    for (_, json) in stored {
        let account: Account = from_json(&key, &json)?;
        accounts.insert(account.id.clone(), account);
    }
    Ok((accounts, version))
}

async fn write(ledger: &Db, office: &OfficeId, version: u64, change: &Change, now: UnixMillis) -> Result<Committed> {
    let key = keys::accounts(office);
    let mut records = Vec::with_capacity(change.accounts.len());
    for account in &change.accounts {
        records.push((account.id.clone(), to_json(&key, account)?));
    }
    let accounts = audit::Accounts { version, records };
    audit::commit(ledger, office, &change.events, Some(&accounts), now).await
}

fn contended(office: &OfficeId) -> StoreError {
    StoreError::Contended {
        key: keys::accounts(office),
    }
}

/// Changes accounts that depend on each other: all are read, and read again where somebody else was faster. `change` is
/// given them with their version, and says what to write, or why not.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`], [`StoreError::Contended`]; within it what `change` says.
pub async fn change_all<E>(
    ledger: &Db,
    office: &OfficeId,
    now: UnixMillis,
    mut change: impl FnMut(&Accounts, u64) -> std::result::Result<Change, E>,
) -> Result<std::result::Result<Change, E>> {
    for attempt in 0..ATTEMPTS {
        let (accounts, version) = all(ledger, office).await?;
        let change = match change(&accounts, version) {
            Ok(change) => change,
            Err(why) => return Ok(Err(why)),
        };
        let is_nothing = change.accounts.is_empty() && change.events.is_empty();
        if is_nothing || write(ledger, office, version, &change, now).await? == Committed::Done {
            return Ok(Ok(change));
        }
        audit::yield_to_others(attempt).await;
    }
    Err(contended(office))
}

/// Changes one account that is there, whatever the others are. `change` gives what the audit log is told; `None`: nothing
/// is to be changed.
///
/// Returns the account as it is then, and whether this changed it; `None`: there is none.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`], [`StoreError::Contended`].
pub async fn update(
    ledger: &Db,
    office: &OfficeId,
    id: &StaffId,
    now: UnixMillis,
    mut change: impl FnMut(&mut Account) -> Option<Vec<Event>>,
) -> Result<Option<(Account, bool)>> {
    for attempt in 0..ATTEMPTS {
        let version = version(ledger, office).await?;
        let Some(mut account) = get(ledger, office, id).await? else {
            return Ok(None);
        };
        let before = account.clone();
        let Some(events) = change(&mut account) else {
            return Ok(Some((before, false)));
        };
        let change = Change {
            accounts: vec![account.clone()],
            events,
        };
        if write(ledger, office, version, &change, now).await? == Committed::Done {
            return Ok(Some((account, true)));
        }
        audit::yield_to_others(attempt).await;
    }
    Err(contended(office))
}
