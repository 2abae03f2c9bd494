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
    /// Whether admins may bring films in the browser, to try a set-up on. Not unless the office says so: such a film is a
    /// recording of people.
    #[serde(default)]
    pub film_uploads: bool,
    /// A film that was brought is deleted after its trial, and after so long at the latest.
    #[serde(default = "fields::film_held_for", deserialize_with = "fields::duration")]
    pub film_held_for: Duration,
}

impl Default for Vision {
    fn default() -> Self {
        Self {
            shown_for: fields::shown_for(),
            films: None,
            film_uploads: false,
            film_held_for: fields::film_held_for(),
        }
    }
}

pub(super) fn check(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    let shown_for = config.vision.shown_for;
    if !(Duration::from_secs(1)..=Duration::from_secs(600)).contains(&shown_for) {
        let message = format!("{shown_for:?} is outside 1s to 10m");
        return checker.fail(None, "vision.shown_for", message);
    }
    let held_for = config.vision.film_held_for;
    if !(Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&held_for) {
        let message = format!("{held_for:?} is outside 1s to 1h");
        return checker.fail(None, "vision.film_held_for", message);
    }
    Ok(())
}
