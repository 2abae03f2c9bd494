//! One member of staff: who they are, what they are, and what they prove it with. Passwords are Argon2id (RFC 9106) with
//! OWASP's parameters (19 MiB, 2 passes, 1 lane); hashing takes tens of milliseconds on purpose: call [`hash_password`]
//! and [`is_password`] where blocking is allowed.

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use data_encoding::BASE32_NOPAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use protocol::ids::{SectionId, StaffId};
use protocol::staff::Role;
use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::{Totp, hash, spoken_code};
use crate::{Result, StoreError};

/// So many recovery codes are given at once.
pub const RECOVERY_CODES: usize = 10;

/// Whether an account can be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its owner has been sent a link and has no password yet.
    Invited,
    /// Its owner logs in.
    Active,
    /// Nobody does.
    Disabled,
}

/// An account. What is secret in it is private, and not in its `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The login.
    pub id: StaffId,
    /// Shown to colleagues, never in logs. Kept as it was written, with its variation selectors (IVS).
    pub name: String,
    /// Their sections; the first is the one they belong to most. None: of no section, as an interpreter may be.
    pub sections: Vec<SectionId>,
    /// What they are.
    pub role: Role,
    /// Whether they can log in.
    pub state: State,
    /// Grows with whatever ends the sessions that began before.
    pub epoch: u64,
    /// When they last logged in.
    pub last_login: Option<UnixMillis>,
    /// Argon2id, PHC string format.
    password: Option<String>,
    totp: Option<Totp>,
    /// One that is being set up: its owner hasn't shown a right code yet.
    totp_draft: Option<String>,
    /// Hashes of those that are left.
    recovery: Vec<String>,
    invitation: Option<Invitation>,
    /// Known devices' cookies are made with it.
    device_key: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Invitation {
    hash: String,
    expires_at: UnixMillis,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .field("sections", &self.sections)
            .field("role", &self.role)
            .field("state", &self.state)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// A password as it is stored.
///
/// # Errors
/// [`StoreError::Corrupt`] when the hasher refuses it (longer than 4 GiB).
pub fn hash_password(password: &str) -> Result<String> {
    Argon2::default()
        .hash_password(password.as_bytes())
        .map(|hash| hash.to_string())
        .map_err(|error| StoreError::Corrupt {
            key: "password".to_owned(),
            why: error.to_string(),
        })
}

/// Whether a hash is of this password.
#[must_use]
pub fn is_password(hash: &str, password: &str) -> bool {
    PasswordHash::new(hash).is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok())
}

impl Account {
    /// An account that nobody can log in to yet.
    #[must_use]
    pub fn new(id: StaffId, name: String, sections: Vec<SectionId>, role: Role) -> Self {
        Self {
            id,
            name,
            sections,
            role,
            state: State::Invited,
            epoch: 1,
            last_login: None,
            password: None,
            totp: None,
            totp_draft: None,
            recovery: Vec::new(),
            invitation: None,
            device_key: crate::consultations::new_code(),
        }
    }

    /// The same with a password, as [`hash_password`] gives it, ready to be used.
    #[must_use]
    pub fn with_password(mut self, hash: String) -> Self {
        self.set_password(hash);
        self
    }

    /// Ends all sessions and forgets all devices.
    pub fn end_sessions(&mut self) {
        self.epoch += 1;
        self.device_key = crate::consultations::new_code();
    }

    /// The stored password, for [`is_password`].
    #[must_use]
    pub fn password(&self) -> Option<&str> {
        self.password.as_deref().filter(|_| self.state == State::Active)
    }

    /// Whether there is one.
    #[must_use]
    pub fn has_password(&self) -> bool {
        self.password.is_some()
    }

    /// Sets a password, as [`hash_password`] gives it. Sessions and invitations from before are over.
    pub fn set_password(&mut self, hash: String) {
        self.password = Some(hash);
        self.invitation = None;
        if self.state == State::Invited {
            self.state = State::Active;
        }
        self.end_sessions();
    }

    /// Becomes usable without a password of its own: another server says who its owner is.
    pub fn join_by_provider(&mut self) {
        self.invitation = None;
        self.state = State::Active;
    }

    /// A new invitation; the one before works no more. Returns the secret for its link, which nobody can read again. The
    /// password that there may be holds until another is set.
    pub fn invite(&mut self, expires_at: UnixMillis) -> String {
        let secret = crate::consultations::new_code();
        self.invitation = Some(Invitation {
            hash: hash(&secret),
            expires_at,
        });
        secret
    }

    /// Whether this is the invitation's secret and its time isn't up.
    #[must_use]
    pub fn is_invited_by(&self, secret: &str, now: UnixMillis) -> bool {
        self.state != State::Disabled
            && self.invitation.as_ref().is_some_and(|invitation| {
                now < invitation.expires_at && bool::from(invitation.hash.as_bytes().ct_eq(hash(secret).as_bytes()))
            })
    }

    /// When the invitation's link dies, where there is one that lives.
    #[must_use]
    pub fn invited_until(&self, now: UnixMillis) -> Option<UnixMillis> {
        let until = self.invitation.as_ref()?.expires_at;
        (now < until && self.state != State::Disabled).then_some(until)
    }

    /// Nobody logs in any more; who is in is out.
    pub fn disable(&mut self) {
        self.state = State::Disabled;
        self.invitation = None;
        self.end_sessions();
    }

    /// Its owner may log in again, with what they had.
    pub fn enable(&mut self) {
        self.state = match self.password {
            Some(_) => State::Active,
            None => State::Invited,
        };
        self.end_sessions();
    }

    /// Other rights: sessions from before are over. False: they are the same.
    pub fn set_rights(&mut self, role: Role, sections: Vec<SectionId>) -> bool {
        let is_new = self.role != role || self.sections != sections;
        if is_new {
            self.role = role;
            self.sections = sections;
            self.end_sessions();
        }
        is_new
    }

    /// Whether a code is asked for beside the password.
    #[must_use]
    pub fn has_totp(&self) -> bool {
        self.totp.is_some()
    }

    /// Begins to set up a second factor: a new secret, 160 bits in base32, that counts once a code of it was shown.
    pub fn draft_totp(&mut self) -> String {
        let secret = BASE32_NOPAD.encode(&rand::random::<[u8; 20]>());
        self.totp_draft = Some(secret.clone());
        secret
    }

    /// The secret that is being set up.
    #[must_use]
    pub fn totp_draft(&self) -> Option<&str> {
        self.totp_draft.as_deref()
    }

    /// Takes the drafted secret as the second factor, if the code is right. Returns new recovery codes, to be shown once.
    pub fn confirm_totp(&mut self, code: &str, now: UnixMillis) -> Option<Vec<String>> {
        let mut totp = Totp::new(self.totp_draft.as_deref()?)?;
        if !totp.take(code, now) {
            return None;
        }
        self.totp = Some(totp);
        self.totp_draft = None;
        Some(self.renew_recovery())
    }

    /// Takes a code of the second factor; each counts once.
    pub fn take_code(&mut self, code: &str, now: UnixMillis) -> bool {
        self.totp.as_mut().is_some_and(|totp| totp.take(code, now))
    }

    /// The second factor is lost: it is set up anew at the next login, where the role needs one. Sessions are over.
    pub fn reset_totp(&mut self) {
        self.totp = None;
        self.totp_draft = None;
        self.recovery.clear();
        self.end_sessions();
    }

    /// New recovery codes, to be shown once; those from before are worth nothing.
    pub fn renew_recovery(&mut self) -> Vec<String> {
        let codes: Vec<String> = (0..RECOVERY_CODES).map(|_| spoken_code()).collect();
        self.recovery = codes.iter().map(|code| hash(code)).collect();
        codes
    }

    /// How many recovery codes are left.
    #[must_use]
    pub fn recovery_left(&self) -> usize {
        self.recovery.len()
    }

    /// Uses a recovery code up. However it was typed: with or without its hyphens, in capitals.
    pub fn take_recovery(&mut self, code: &str) -> bool {
        let plain: String = code
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|c| c.to_ascii_lowercase())
            .collect();
        if plain.len() != 16 || self.totp.is_none() {
            return false;
        }
        let groups: Vec<&str> = (0..4).map(|n| &plain[4 * n..4 * n + 4]).collect();
        let hash = hash(&groups.join("-"));
        let before = self.recovery.len();
        self.recovery
            .retain(|one| !bool::from(one.as_bytes().ct_eq(hash.as_bytes())));
        self.recovery.len() < before
    }

    /// What a browser keeps after a login, so that its tries are counted apart from those of strangers.
    #[must_use]
    pub fn device(&self) -> String {
        let nonce = crate::consultations::new_code();
        let mac = self.device_mac(&nonce);
        format!("{nonce}.{mac}")
    }

    /// The device's own name, if this is what such a browser keeps.
    #[must_use]
    pub fn known_device<'a>(&self, kept: &'a str) -> Option<&'a str> {
        let (nonce, mac) = kept.split_once('.')?;
        let is_ours = nonce.len() == 26 && bool::from(self.device_mac(nonce).as_bytes().ct_eq(mac.as_bytes()));
        is_ours.then_some(nonce)
    }

    fn device_mac(&self, nonce: &str) -> String {
        // HMAC takes keys of every length; were it not so, no device would be known.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.device_key.as_bytes()) else {
            return String::new();
        };
        mac.update(nonce.as_bytes());
        BASE32_NOPAD.encode(&mac.finalize().into_bytes()).to_ascii_lowercase()
    }
}

#[cfg(test)]
mod tests {
    use super::super::code_at;
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

    fn account() -> Account {
        let id = StaffId::new("hanako").expect("valid");
        let section = SectionId::new("kosodate").expect("valid");
        // 葛󠄀 with its variation selector, and a character outside the basic plane.
        Account::new(id, "葛\u{e0100}城 𠮷子".to_owned(), vec![section], Role::Staff)
    }

    #[test]
    fn passwords_are_hashed_as_owasp_says() {
        let hash = hash_password("kasa-mori-zupe").expect("hashed");
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_password(&hash, "kasa-mori-zupe") && !is_password(&hash, "kasa-mori-zup"));
        assert!(!is_password("", "") && !is_password("x", "x"));
        assert_ne!(hash, hash_password("kasa-mori-zupe").expect("hashed"), "salted");
    }

    #[test]
    fn an_account_is_read_as_it_was_written_with_every_character_of_its_name() {
        let account = account().with_password("x".to_owned());
        let json = serde_json::to_string(&account).expect("json");
        assert_eq!(serde_json::from_str::<Account>(&json).expect("read"), account);
        assert!(json.contains("葛\u{e0100}城 𠮷子"));
        let shown = format!("{account:?}");
        assert!(
            !shown.contains("葛") && !shown.contains("password") && !shown.contains("device"),
            "{shown}"
        );
    }

    #[test]
    fn an_invitation_works_once_until_its_time_is_up_and_the_newest_only() {
        let mut account = account();
        let until = UnixMillis(NOW.0 + 1000);
        let first = account.invite(until);
        let second = account.invite(until);
        assert!(!account.is_invited_by(&first, NOW) && account.is_invited_by(&second, NOW));
        assert!(!account.is_invited_by(&second, until) && !account.is_invited_by("", NOW));
        let epoch = account.epoch;
        account.set_password("hash".to_owned());
        assert!(!account.is_invited_by(&second, NOW));
        assert!(account.state == State::Active && account.epoch > epoch);
        let third = account.invite(until);
        account.disable();
        assert!(!account.is_invited_by(&third, NOW));
    }

    #[test]
    fn a_disabled_account_has_no_password_and_gets_it_back() {
        let mut account = account().with_password("hash".to_owned());
        assert_eq!(account.password(), Some("hash"));
        let epoch = account.epoch;
        account.disable();
        assert!(account.password().is_none() && account.epoch > epoch);
        account.enable();
        assert_eq!((account.state, account.password()), (State::Active, Some("hash")));
    }

    #[test]
    fn rights_that_change_end_sessions_and_those_that_do_not_do_not() {
        let mut account = account();
        let epoch = account.epoch;
        assert!(!account.set_rights(Role::Staff, account.sections.clone()));
        assert_eq!(account.epoch, epoch);
        assert!(account.set_rights(Role::Lead, account.sections.clone()));
        assert!(account.epoch > epoch);
    }

    #[test]
    fn a_second_factor_counts_once_a_code_was_shown_and_each_code_once() {
        let mut account = account();
        let secret = account.draft_totp();
        assert!(!account.has_totp());
        assert!(account.confirm_totp("000000", UnixMillis(0)).is_none());
        let code = code_at(&secret, NOW).expect("a secret");
        let codes = account.confirm_totp(&code, NOW).expect("right");
        assert!(account.has_totp() && codes.len() == RECOVERY_CODES);
        assert!(!account.take_code(&code, NOW), "used when it was set up");
        let later = UnixMillis(NOW.0 + 30_000);
        let code = code_at(&secret, later).expect("a secret");
        assert!(account.take_code(&code, later) && !account.take_code(&code, later));
        // Recovery codes: as they are typed, each once.
        assert!(account.take_recovery(&codes[0].to_uppercase()));
        assert!(!account.take_recovery(&codes[0]));
        assert!(account.take_recovery(&codes[1].replace('-', " ")));
        assert!(!account.take_recovery("") && !account.take_recovery("aaaa-aaaa-aaaa-aaaa"));
        assert_eq!(account.recovery_left(), RECOVERY_CODES - 2);
        account.reset_totp();
        assert!(!account.has_totp() && !account.take_recovery(&codes[2]));
    }

    #[test]
    fn a_device_is_known_to_its_own_account_until_sessions_end() {
        let mut account = account();
        let kept = account.device();
        assert!(account.known_device(&kept).is_some());
        assert!(self::account().known_device(&kept).is_none());
        assert!(account.known_device("x.y").is_none() && account.known_device("").is_none());
        account.end_sessions();
        assert!(account.known_device(&kept).is_none());
    }
}
