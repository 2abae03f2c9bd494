//! Defaults and units of single fields.

use std::fmt;
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use serde::de::{self, Deserializer, Visitor};

use super::RedisAt;
use super::booking::Day;
use crate::booking::{ClosedDay, Hours};

pub(super) fn tokyo() -> String {
    "Asia/Tokyo".to_owned()
}

pub(super) fn private() -> RedisAt {
    RedisAt::Private
}

pub(super) fn link_lifetime() -> Duration {
    Duration::from_secs(24 * 3600)
}

pub(super) fn session_lifetime() -> Duration {
    Duration::from_secs(12 * 3600)
}

pub(super) fn silence() -> Duration {
    Duration::from_secs(20)
}

pub(super) fn relay_ports() -> [u16; 2] {
    [49_152, 50_151]
}

pub(super) fn credential_lifetime() -> Duration {
    Duration::from_secs(3600)
}

pub(super) fn stale_after() -> Duration {
    Duration::from_secs(30)
}

pub(super) fn hysteresis() -> u32 {
    1
}

/// Heights that weren't said: no use of them is sound.
pub(super) fn no_heights() -> toml::Spanned<[[f64; 2]; 2]> {
    toml::Spanned::new(0..0, [[0.0; 2]; 2])
}

pub(super) fn frames_per_second() -> f64 {
    5.0
}

pub(super) fn empties_at() -> jiff::civil::Time {
    jiff::civil::time(22, 0, 0, 0)
}

pub(super) fn watchdog() -> Duration {
    Duration::from_secs(20)
}

pub(super) fn median_of() -> usize {
    7
}

/// As long as setting up a camera takes.
pub(super) fn shown_for() -> Duration {
    Duration::from_secs(600)
}

/// Longer than it takes to bring a film and to count it.
pub(super) fn film_held_for() -> Duration {
    Duration::from_secs(3600)
}

pub(super) fn workers() -> u16 {
    1
}

pub(super) fn spill_after() -> usize {
    250
}

/// When ward offices are open.
pub(super) fn office_hours() -> Vec<Hours> {
    let (from, to) = (jiff::civil::time(9, 0, 0, 0), jiff::civil::time(17, 30, 0, 0));
    vec![Hours { from, to }]
}

pub(super) fn weekend() -> Vec<Day> {
    [jiff::civil::Weekday::Saturday, jiff::civil::Weekday::Sunday]
        .map(Day)
        .into()
}

/// 年末年始 as most local governments keep it; 1 January is a holiday anyway.
pub(super) fn turn_of_the_year() -> Vec<ClosedDay> {
    [(12, 29), (12, 30), (12, 31), (1, 2), (1, 3)]
        .map(|(month, day)| ClosedDay::Yearly { month, day })
        .into()
}

pub(super) fn yes() -> bool {
    true
}

pub(super) fn keep_personal() -> Duration {
    Duration::from_secs(24 * 3600)
}

pub(super) fn opens_before() -> Duration {
    Duration::from_secs(10 * 60)
}

pub(super) fn web_closes() -> Duration {
    Duration::from_secs(3600)
}

pub(super) fn days_ahead() -> u32 {
    30
}

pub(super) fn still_for() -> Duration {
    Duration::from_secs(30)
}

/// One address, or several.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<String>),
}

impl TryFrom<OneOrMany> for RedisAt {
    type Error = String;

    fn try_from(value: OneOrMany) -> Result<Self, String> {
        let is_address = |url: &str| {
            ["redis://", "rediss://", "unix://"]
                .iter()
                .any(|scheme| url.starts_with(scheme))
        };
        let expected =
            "expected \"private\", one address (redis://, rediss:// or unix://), or a list of a cluster's addresses";
        match value {
            OneOrMany::One(word) if word == "private" => Ok(Self::Private),
            OneOrMany::One(url) if is_address(&url) => Ok(Self::Server(url)),
            OneOrMany::Many(urls) if !urls.is_empty() && urls.iter().all(|url| is_address(url)) => {
                Ok(Self::Cluster(urls))
            }
            OneOrMany::One(url) => Err(format!("{url:?}: {expected}")),
            OneOrMany::Many(urls) => Err(format!("{urls:?}: {expected}")),
        }
    }
}

/// A duration written with its unit, such as `20s`, `500ms` or `1h 30m`; none of a text that says no time to come.
#[must_use]
pub fn duration_of(text: &str) -> Option<Duration> {
    let span = text.parse::<jiff::SignedDuration>().ok()?;
    Duration::try_from(span).ok()
}

/// A duration is a text with its unit, so that nobody takes milliseconds for seconds.
pub(super) fn duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    struct Units;

    impl Visitor<'_> for Units {
        type Value = Duration;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a duration with its unit, such as \"20s\", \"500ms\" or \"24h\"")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<Duration, E> {
            duration_of(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
        }
    }

    deserializer.deserialize_any(Units)
}

/// The same where none may be given.
pub(super) fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    duration(deserializer).map(Some)
}

/// The path without `.` and, where a name stands before it, without `..`.
pub(super) fn normal(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir if matches!(out.components().next_back(), Some(Component::Normal(_))) => {
                out.pop();
            }
            other => out.push(other),
        }
    }
    out
}

pub(super) fn disk_budget() -> u64 {
    8_000_000_000
}

/// Bytes of a text with its unit, such as `8GB` (1000³) or `512MiB` (1024²); none of another text.
#[must_use]
pub fn bytes_of(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 8] = [
        ("kB", 1_000),
        ("KiB", 1 << 10),
        ("MB", 1_000_000),
        ("MiB", 1 << 20),
        ("GB", 1_000_000_000),
        ("GiB", 1 << 30),
        ("TB", 1_000_000_000_000),
        ("TiB", 1 << 40),
    ];
    let (number, unit) = text
        .trim()
        .split_at(text.trim().find(|it: char| it.is_ascii_alphabetic())?);
    let factor = UNITS.iter().find(|(name, _)| *name == unit)?.1;
    number.trim().parse::<u64>().ok()?.checked_mul(factor)
}

/// A size is a text with its unit, so that nobody takes megabytes for gigabytes.
pub(super) fn bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    let text = String::deserialize(deserializer)?;
    let expected = &"a size with its unit, such as \"8GB\" or \"512MiB\"";
    bytes_of(&text).ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&text), expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_unit_and_fits() {
        assert_eq!(bytes_of("8GB"), Some(8_000_000_000));
        assert_eq!(bytes_of(" 512 MiB "), Some(512 << 20));
        for bad in ["", "8", "GB", "8 gb", "-1GB", "1.5GB", "99999999TiB", "窓口GB"] {
            assert_eq!(bytes_of(bad), None, "{bad:?}");
        }
    }
}
