//! Staff accounts and their sessions, in the ledger. Passwords are Argon2id (RFC 9106); session tokens are
//! stored as SHA-256 hashes only. Hashing takes tens of milliseconds on purpose: call [`Account::new`] and
//! [`Account::is_password`] where blocking is allowed.

use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use protocol::ids::{OfficeId, SectionId, StaffId};
use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::redis::{from_json, to_json};
use crate::{Db, Result, StoreError, keys};

/// After so many wrong passwords in a row an account is locked …
pub const FAILURES_ALLOWED: u32 = 10;
/// … for so long after the last one.
pub const LOCKED_FOR: Duration = Duration::from_secs(15 * 60);

/// What somebody may do in an office.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Runs the office's installation.
    Admin,
    /// Gives consultations.
    Staff,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The login.
    pub id: StaffId,
    /// Shown to colleagues, never in logs.
    pub name: String,
    /// Their section.
    pub section: SectionId,
    /// What they may do.
    pub role: Role,
    /// Argon2id, PHC string format.
    password: String,
}

impl Account {
    /// An account with a password.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when the hasher refuses the password (longer than 4 GiB).
    pub fn new(id: StaffId, name: String, section: SectionId, role: Role, password: &str) -> Result<Self> {
        let hash = Argon2::default()
            .hash_password(password.as_bytes())
            .map_err(|error| StoreError::Corrupt {
                key: format!("staff {id}"),
                why: error.to_string(),
            })?;
        Ok(Self {
            id,
            name,
            section,
            role,
            password: hash.to_string(),
        })
    }

    /// Whether this is the account's password.
    #[must_use]
    pub fn is_password(&self, password: &str) -> bool {
        PasswordHash::new(&self.password)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
    }
}

/// A login that holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Session {
    /// Who.
    pub staff: StaffId,
    /// The token that forms and scripts must send along.
    pub csrf: String,
    /// Since when.
    pub since: UnixMillis,
}

fn hash(token: &str) -> String {
    Sha256::digest(token.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// Stores or replaces an account.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn put(ledger: &Db, office: &OfficeId, account: &Account) -> Result<()> {
    let key = keys::staff(office, &account.id);
    let json = to_json(&key, account)?;
    ledger.run(redis::cmd("SET").arg(&key).arg(json)).await
}

/// Reads an account.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn get(ledger: &Db, office: &OfficeId, id: &StaffId) -> Result<Option<Account>> {
    let key = keys::staff(office, id);
    let json: Option<String> = ledger.run(redis::cmd("GET").arg(&key)).await?;
    json.map(|json| from_json(&key, &json)).transpose()
}

/// Counts an attempt to log in *before* the password is looked at, so that many at once can't slip
/// through. False: too many, the account is locked for now.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn may_try(ledger: &Db, office: &OfficeId, id: &StaffId) -> Result<bool> {
    let key = keys::staff_failures(office, id);
    let attempts: u32 = ledger.run(redis::cmd("INCR").arg(&key)).await?;
    if attempts <= FAILURES_ALLOWED + 1 {
        ledger
            .run::<i64>(redis::cmd("PEXPIRE").arg(&key).arg(LOCKED_FOR.as_millis() as u64))
            .await?;
    }
    Ok(attempts <= FAILURES_ALLOWED)
}

/// A right password: earlier wrong ones are forgotten.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn clear_failures(ledger: &Db, office: &OfficeId, id: &StaffId) -> Result<()> {
    ledger
        .run::<i64>(redis::cmd("DEL").arg(keys::staff_failures(office, id)))
        .await
        .map(drop)
}

/// Opens a session and gives its secret token, for the cookie.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn open_session(
    ledger: &Db,
    office: &OfficeId,
    staff: &StaffId,
    lifetime: Duration,
    now: UnixMillis,
) -> Result<(String, Session)> {
    let token = crate::consultations::new_code() + &crate::consultations::new_code();
    let session = Session {
        staff: staff.clone(),
        csrf: crate::consultations::new_code(),
        since: now,
    };
    let key = keys::session(office, &hash(&token));
    let json = to_json(&key, &session)?;
    let mut set = redis::cmd("SET");
    set.arg(&key)
        .arg(json)
        .arg("PX")
        .arg(u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX));
    ledger.run::<()>(&set).await?;
    Ok((token, session))
}

/// Finds the session of a token and renews it.
///
/// # Errors
/// [`StoreError::Unavailable`], [`StoreError::Corrupt`].
pub async fn session(ledger: &Db, office: &OfficeId, token: &str, lifetime: Duration) -> Result<Option<Session>> {
    let key = keys::session(office, &hash(token));
    let mut get = redis::cmd("GETEX");
    get.arg(&key)
        .arg("PX")
        .arg(u64::try_from(lifetime.as_millis()).unwrap_or(u64::MAX));
    let json: Option<String> = ledger.run(&get).await?;
    json.map(|json| from_json(&key, &json)).transpose()
}

/// Ends a session.
///
/// # Errors
/// [`StoreError::Unavailable`].
pub async fn close_session(ledger: &Db, office: &OfficeId, token: &str) -> Result<()> {
    ledger
        .run::<i64>(redis::cmd("DEL").arg(keys::session(office, &hash(token))))
        .await
        .map(drop)
}
