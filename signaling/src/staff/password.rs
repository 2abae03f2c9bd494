//! Looking at passwords, few at a time: hashing takes a core and 19 MiB for a while. And what a password must be.

use std::sync::Arc;
use std::time::Duration;

use store::staff::{hash_password, is_password};
use tokio::sync::{OnceCell, Semaphore};

/// So many are hashed at once, the others wait …
const HASHING_AT_ONCE: usize = 2;
/// … at most so long.
const HASHING_STARTS: Duration = Duration::from_secs(5);
/// No password is longer, in bytes.
pub(super) const LONGEST: usize = 1024;
/// Nor shorter, in characters (NIST SP 800-63B-4 §3.1.1.2 asks for 15 where there is no second factor, 8 where there is).
pub(super) const SHORTEST: usize = 12;

/// Looks at passwords, few at a time.
#[derive(Debug)]
pub(crate) struct Passwords {
    slots: Arc<Semaphore>,
    /// Stands in for accounts that don't exist.
    nobody: OnceCell<Option<String>>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            slots: Arc::new(Semaphore::new(HASHING_AT_ONCE)),
            nobody: OnceCell::new(),
        }
    }
}

impl Passwords {
    /// Whether the password is the stored one. `None` for the stored one takes as long and says no. Returns `None` when
    /// too many wait already.
    pub(crate) async fn is_right(&self, stored: Option<String>, password: String) -> Option<bool> {
        let permit = tokio::time::timeout(HASHING_STARTS, Arc::clone(&self.slots).acquire_owned());
        let Ok(Ok(_permit)) = permit.await else {
            return None;
        };
        let is_somebody = stored.is_some();
        let stored = match stored {
            Some(stored) => Some(stored),
            None => self.nobody.get_or_init(|| work(make_nobody)).await.clone(),
        };
        let is_right = work(move || stored.is_some_and(|stored| is_password(&stored, &password))).await;
        Some(is_right && is_somebody)
    }

    /// A password as it is stored; `None` when hashing fails.
    pub(crate) async fn hash(&self, password: String) -> Option<String> {
        let _permit = self.slots.acquire().await.ok()?;
        work(move || hash_password(&password).ok()).await
    }
}

fn make_nobody() -> Option<String> {
    hash_password(&store::consultations::new_code()).ok()
}

/// Runs a hasher where blocking is allowed.
async fn work<T: Default + Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| {
        tracing::error!(%error, "a password could not be looked at");
        T::default()
    })
}

/// What is wrong with a new password, as the key of a text; `None`: it is good enough. Length is what counts; what is
/// asked for beside it only keeps out what everybody would guess.
pub(super) fn fault_of(password: &str, id: &str) -> Option<&'static str> {
    let characters = password.chars().count();
    let different: std::collections::BTreeSet<char> = password.chars().collect();
    let lower = password.to_lowercase();
    let is_run = password
        .chars()
        .zip(password.chars().skip(1))
        .all(|(a, b)| u32::from(b) == u32::from(a) + 1);
    if characters < SHORTEST {
        Some("password.error.short")
    } else if password.len() > LONGEST {
        Some("password.error.long")
    } else if different.len() < 5 || is_run || lower.contains("password") || (id.len() > 3 && lower.contains(id)) {
        Some("password.error.easy")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_long_and_not_what_everybody_would_guess() {
        for good in ["kasa-mori-zupe", "窓口のかさはあおいろだった", "3jK9$xQp2!wZ"] {
            assert_eq!(fault_of(good, "hanako"), None, "{good}");
        }
        assert_eq!(fault_of("kasa-mori-z", "hanako"), Some("password.error.short"));
        assert_eq!(
            fault_of(&"あいうえお".repeat(100), "hanako"),
            Some("password.error.long")
        );
        for easy in [
            "aaaaaaaaaaaa",
            "121212121212",
            "Password12345",
            "hanako-20261124",
            "123456789:;<",
        ] {
            assert_eq!(fault_of(easy, "hanako"), Some("password.error.easy"), "{easy}");
        }
    }

    #[tokio::test]
    async fn a_password_of_nobody_is_wrong() {
        let passwords = Passwords::default();
        let hash = passwords.hash("kasa-mori-zupe".to_owned()).await;
        assert_eq!(
            passwords.is_right(hash.clone(), "kasa-mori-zupe".into()).await,
            Some(true)
        );
        assert_eq!(passwords.is_right(hash, "kasa-mori".into()).await, Some(false));
        assert_eq!(passwords.is_right(None, "kasa-mori-zupe".into()).await, Some(false));
    }
}
