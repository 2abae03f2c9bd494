//! What holds for setting up all cameras.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::check::{Checker, ConfigError};
use super::{Config, fields};

/// What holds for setting up all cameras.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vision {
    /// The set-up picture and the boxes are gone after so long.
    #[serde(default = "fields::shown_for", deserialize_with = "fields::duration")]
    pub shown_for: Duration,
    /// The folder of films that a set-up may be tried on; none: it can't.
    #[serde(default)]
    pub films: Option<PathBuf>,
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            shown_for: fields::shown_for(),
            films: None,
        }
    }
}

pub(super) fn check(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    let shown_for = config.vision.shown_for;
    if !(Duration::from_secs(1)..=Duration::from_secs(600)).contains(&shown_for) {
        let message = format!("{shown_for:?} is outside 1s to 10m");
        return checker.fail(None, "vision.shown_for", message);
    }
    Ok(())
}
