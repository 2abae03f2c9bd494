//! Phones as the screens' remote controls.

use std::time::Duration;

use serde::Deserialize;

use super::check::{Checker, ConfigError};
use super::{Config, fields};

/// How long a phone controls a screen, and how long a code may be used.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Remote {
    /// A code is shown so long, and can be used for as long again.
    #[serde(deserialize_with = "fields::duration")]
    pub code_shown: Duration,
    /// Without a press for so long, the screen is free again.
    #[serde(deserialize_with = "fields::duration")]
    pub idle: Duration,
    /// However often it presses, a phone has the screen no longer than that.
    #[serde(deserialize_with = "fields::duration")]
    pub longest: Duration,
}

impl Default for Remote {
    fn default() -> Self {
        Self {
            code_shown: Duration::from_secs(60),
            idle: Duration::from_secs(60),
            longest: Duration::from_secs(600),
        }
    }
}

pub(super) fn check(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    let remote = &config.remote;
    let fields = [
        ("remote.code_shown", remote.code_shown),
        ("remote.idle", remote.idle),
        ("remote.longest", remote.longest),
    ];
    for (field, value) in fields {
        if !(Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&value) {
            let message = format!("{value:?} is outside 1s to 1h");
            return checker.fail(None, field, message);
        }
    }
    if remote.longest < remote.idle {
        let message = "shorter than remote.idle, expected at least as long".to_owned();
        return checker.fail(None, "remote.longest", message);
    }
    Ok(())
}
