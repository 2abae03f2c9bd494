//! What the types can't check: references between tables, ranges, sense.

mod booking;
pub(super) mod parking;
mod people;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::{Camera, Config};
use crate::ids::CameraId;
use crate::setup::Neighbours;

/// What is wrong with a configuration, and where. One that is of a camera's table only is that camera's alone: see
/// [`Config::camera_faults`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// From 1; none where the fault has no single place.
    pub line: Option<usize>,
    /// The field or table, such as `camera.area`.
    pub field: String,
    /// What is wrong and what was expected.
    pub message: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: {}", self.field, self.message)
    }
}

impl std::error::Error for ConfigError {}

impl ConfigError {
    pub(super) fn from_toml(file: &Path, text: &str, error: &toml::de::Error) -> Self {
        let at = error.span();
        Self {
            file: file.to_owned(),
            line: at.clone().map(|span| line_of(text, span.start)),
            field: at.map_or_else(|| "(file)".to_owned(), |span| field_at(text, span.start)),
            message: error.message().replace('\n', "; "),
        }
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset.min(text.len())]
        .iter()
        .filter(|byte| **byte == b'\n')
        .count()
        + 1
}

/// The table and key that a place in the text belongs to, as its writer sees them.
fn field_at(text: &str, offset: usize) -> String {
    let line_number = line_of(text, offset);
    let mut table = "";
    let mut key = "";
    for line in text.lines().take(line_number) {
        let line = line.trim();
        key = "";
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_start_matches('[').split(']').next().unwrap_or("").trim();
        } else if let Some((name, _)) = line.split_once('=') {
            key = name.trim();
        }
    }
    match (table, key) {
        ("", "") => "(file)".to_owned(),
        ("", key) => key.to_owned(),
        (table, "") => table.to_owned(),
        (table, key) => format!("{table}.{key}"),
    }
}

pub(super) struct Checker<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Checker<'_> {
    pub(super) fn fail<T>(&self, span: Option<Range<usize>>, field: &str, message: String) -> Result<T, ConfigError> {
        let line = span.map(|span| line_of(self.text, span.start));
        Err(ConfigError {
            file: self.file.to_owned(),
            line,
            field: field.to_owned(),
            message,
        })
    }

    /// What is wrong with single cameras, each with its place.
    pub(super) fn camera_faults(&self, config: &Config) -> BTreeMap<CameraId, Vec<ConfigError>> {
        let errors_of = |camera: &Camera| {
            let faults = camera.faults(config, &Neighbours::of(config, camera, |_| None));
            let errors = faults.into_iter().map(|fault| ConfigError {
                file: self.file.to_owned(),
                line: fault.at.map(|span| line_of(self.text, span.start)),
                field: fault.field.to_owned(),
                message: format!("camera {}: {}", camera.id, fault.why),
            });
            errors.collect::<Vec<_>>()
        };
        let cameras = config.cameras.iter();
        let all = cameras.map(|camera| (camera.id.clone(), errors_of(camera)));
        all.filter(|(_, errors)| !errors.is_empty()).collect()
    }

    pub(super) fn unique<'i>(&self, table: &str, ids: impl Iterator<Item = &'i str>) -> Result<(), ConfigError> {
        let mut seen = HashSet::new();
        for id in ids {
            if !seen.insert(id) {
                return self.fail(
                    None,
                    &format!("{table}.id"),
                    format!("{id:?} stands twice, expected each once"),
                );
            }
        }
        Ok(())
    }
}

pub(super) fn check(config: &mut Config, file: &Path, text: &str) -> Result<(), ConfigError> {
    let checker = Checker { file, text };
    config.camera_faults = checker.camera_faults(config);
    let config = &*config;
    checker.unique("section", config.sections.iter().map(|it| it.id.as_str()))?;
    checker.unique("area", config.areas.iter().map(|it| it.id.as_str()))?;
    checker.unique("camera", config.cameras.iter().map(|it| it.id.as_str()))?;
    checker.unique("screen", config.screens.iter().map(|it| it.id.as_str()))?;
    checker.unique("booth", config.booths.iter().map(|it| it.id.as_str()))?;
    checker.unique("demo_staff", config.demo_staff.iter().map(|it| it.id.as_str()))?;
    check_office(config, &checker)?;
    super::media::check(config, &checker)?;
    super::camera::check(config, &checker)?;
    booking::check(config, &checker)?;
    check_booths(config, &checker)?;
    super::player::check(config, &checker)?;
    super::output::check(config, &checker)?;
    super::screen_camera::check(config, &checker)?;
    super::vision::check(config, &checker)?;
    super::groups::check(config, &checker)?;
    super::remote::check(config, &checker)?;
    people::check(config, &checker)?;
    super::letters::check(config, &checker)?;
    Ok(())
}

fn check_booths(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    for booth in &config.booths {
        for section in &booth.sections {
            if config.section(section.get_ref()).is_none() {
                let message = format!("there is no [[section]] with id {:?}", section.get_ref().as_str());
                return checker.fail(Some(section.span()), "booth.sections", message);
            }
        }
        if let Some(printer) = &booth.printer {
            let address = printer.get_ref();
            let rest = address
                .strip_prefix("ipp://")
                .or_else(|| address.strip_prefix("ipps://"));
            let is_address = rest.is_some_and(|it| it.contains('/') && !it.starts_with('/') && it.is_ascii());
            if !is_address || address.contains(char::is_whitespace) {
                let message = format!("{address:?} is not a printer's address such as \"ipp://192.0.2.7/ipp/print\"");
                return checker.fail(Some(printer.span()), "booth.printer", message);
            }
        }
    }
    Ok(())
}

fn check_office(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    if jiff::tz::TimeZone::get(&config.office.time_zone).is_err() {
        let message = format!(
            "{:?} is not an IANA time zone such as \"Asia/Tokyo\"",
            config.office.time_zone
        );
        return checker.fail(None, "office.time_zone", message);
    }
    let url = &config.web.public_url;
    if !url.starts_with("https://") || url.ends_with('/') {
        let message = format!("{url:?}: expected https://host[:port] without a slash at the end");
        return checker.fail(None, "web.public_url", message);
    }
    if config.web.certificate.is_some() != config.web.certificate_key.is_some() {
        let message = "certificate and certificate_key stand together: expected both or neither".to_owned();
        return checker.fail(None, "web.certificate", message);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
