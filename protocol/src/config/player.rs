//! What holds for every screen's player.

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::check::{Checker, ConfigError};
use super::{Config, fields};

/// What holds for every screen's player.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Player {
    /// So many bytes of contents are kept on a screen's disk at most.
    #[serde(default = "fields::disk_budget", deserialize_with = "fields::bytes")]
    pub disk_budget: u64,
    /// The folder under which memory sticks appear, such as `/media`; none: no stick is looked at.
    #[serde(default)]
    pub sticks: Option<PathBuf>,
    /// Ed25519 public keys (RFC 8032, 32 bytes in base64) of who may make bundles for sticks. With one, what isn't signed
    /// is not taken from a stick by itself.
    #[serde(default)]
    pub stick_keys: Vec<Spanned<String>>,
}

impl Default for Player {
    fn default() -> Self {
        Self {
            disk_budget: fields::disk_budget(),
            sticks: None,
            stick_keys: Vec::new(),
        }
    }
}

/// The smallest budget: a film of some minutes.
const LEAST: u64 = 10_000_000;

pub(super) fn check(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    if config.player.disk_budget < LEAST {
        let message = format!(
            "{} bytes are too few, expected at least 10MB",
            config.player.disk_budget
        );
        return checker.fail(None, "player.disk_budget", message);
    }
    for key in &config.player.stick_keys {
        let bytes = data_encoding::BASE64.decode(key.get_ref().as_bytes());
        if bytes.map_or(true, |bytes| bytes.len() != 32) {
            let message = format!(
                "{:?} is not an Ed25519 public key: expected 32 bytes in base64, as `signage-player key FILE` prints them",
                key.get_ref()
            );
            return checker.fail(Some(key.span()), "player.stick_keys", message);
        }
    }
    Ok(())
}
