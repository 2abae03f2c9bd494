//! Members of staff in the ledger: `account` who they are, `accounts` all of them as one thing that changes as a whole,
//! `session` who is logged in, `lockout` who guessed too often, `totp` the second factor.
//!
//! Invariant: a session holds for the account as it was when it began. Whatever takes a right away (another role, other
//! sections, a new password, disabled) makes the account's epoch grow, in the same write; no session of an older epoch
//! opens anything any more.

mod account;
mod accounts;
mod lockout;
mod session;
mod totp;

use sha2::{Digest, Sha256};

pub use account::{Account, RECOVERY_CODES, State, hash_password, is_password};
pub use accounts::{Accounts, Change, all, change_all, get, update};
pub use lockout::{FREE_TRIES, LONGEST_WAIT, Tries, clear_tries, try_once};
pub use protocol::staff::Role;
pub use session::{
    Pending, ProviderLogin, Session, close_session, count_sessions, end_session, name_of, open_pending,
    open_provider_login, open_session, pending, session, sessions, take_pending, take_provider_login,
};
pub use totp::{Totp, code_at};

/// A secret as it is stored.
pub(crate) fn hash(secret: &str) -> String {
    Sha256::digest(secret.as_bytes())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A random text of 80 bits, in groups that can be read out: `abcd-efgh-ijkl-mnop`.
fn spoken_code() -> String {
    let bytes: [u8; 10] = rand::random();
    let text = data_encoding::BASE32_NOPAD.encode(&bytes).to_ascii_lowercase();
    let groups: Vec<&str> = (0..4).map(|n| &text[4 * n..4 * n + 4]).collect();
    groups.join("-")
}
