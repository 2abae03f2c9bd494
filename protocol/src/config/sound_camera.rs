//! What is wrong with one camera's table, and a camera with which nothing is.
//!
//! Invariant: whoever holds a [`SoundCamera`] may trust its shares of the picture, its pace and its choices. A fault here is of
//! one camera: it doesn't count, and nothing else stops.

use std::fmt;
use std::ops::{Deref, Range};
use std::time::Duration;

use super::check::parking;
use super::{Camera, Config, Overlap, screen_camera};
use crate::outline::{Fault, fault_of_heights, fault_of_line, fault_of_outline};
use crate::setup::{MOST_OVERLAPS, Neighbours, is_joined, is_lot, needs_line};

/// What is wrong with one field of a camera's table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraFault {
    /// The field, such as `camera.polygon`.
    pub field: &'static str,
    /// What is wrong, what was expected. Never an address: it may carry a password.
    pub why: String,
    /// Where in the configuration's text, in bytes, if it has one place there.
    pub at: Option<Range<usize>>,
}

/// All that is wrong with a camera; at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraFaults(Vec<CameraFault>);

impl CameraFaults {
    /// Each of them.
    #[must_use]
    pub fn all(&self) -> &[CameraFault] {
        &self.0
    }
}

impl fmt::Display for CameraFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, fault) in self.0.iter().enumerate() {
            let between = if number == 0 { "" } else { "; " };
            write!(f, "{between}{}: {}", fault.field, fault.why)?;
        }
        Ok(())
    }
}

impl std::error::Error for CameraFaults {}

/// A camera with whose table nothing is wrong.
#[derive(Debug, Clone)]
pub struct SoundCamera(Camera);

impl SoundCamera {
    /// A camera of an office.
    ///
    /// # Errors
    /// [`CameraFaults`] with the fields.
    pub fn of_office(camera: Camera, config: &Config, neighbours: &Neighbours) -> Result<Self, CameraFaults> {
        let faults = camera.faults(config, neighbours);
        Self::unless(camera, faults)
    }

    /// A camera's table without its office: what it says of areas, screens and other cameras isn't judged.
    ///
    /// # Errors
    /// [`CameraFaults`] with the fields.
    pub fn alone(camera: Camera) -> Result<Self, CameraFaults> {
        let faults = faults_of(&camera, None);
        Self::unless(camera, faults)
    }

    fn unless(camera: Camera, faults: Vec<CameraFault>) -> Result<Self, CameraFaults> {
        if faults.is_empty() {
            Ok(Self(camera))
        } else {
            Err(CameraFaults(faults))
        }
    }

    /// Without what doesn't change its count, as [`Config::with_overlaps_that_count`].
    #[must_use]
    pub fn with_overlaps_that_count(self, config: &Config) -> Self {
        Self(config.with_overlaps_that_count(self.0))
    }
}

impl Deref for SoundCamera {
    type Target = Camera;

    fn deref(&self) -> &Camera {
        &self.0
    }
}

/// What was found so far.
#[derive(Debug, Default)]
pub(crate) struct Findings(Vec<CameraFault>);

impl Findings {
    pub(crate) fn add(&mut self, field: &'static str, why: impl Into<String>) {
        self.0.push(CameraFault {
            field,
            why: why.into(),
            at: None,
        });
    }

    pub(crate) fn add_at(&mut self, at: Range<usize>, field: &'static str, why: impl Into<String>) {
        self.0.push(CameraFault {
            field,
            why: why.into(),
            // What was drawn, or wasn't said, has no place in the text.
            at: Some(at).filter(|at| !at.is_empty()),
        });
    }
}

impl Camera {
    /// All that is wrong with its table in this office, beside these neighbours.
    #[must_use]
    pub fn faults(&self, config: &Config, neighbours: &Neighbours) -> Vec<CameraFault> {
        faults_of(self, Some((config, neighbours)))
    }
}

fn faults_of(camera: &Camera, office: Option<(&Config, &Neighbours)>) -> Vec<CameraFault> {
    let mut findings = Findings::default();
    let sharing = office.and_then(|(config, _)| screen_camera::fault_of_sharing(config, &camera.source));
    if let Some(why) = sharing {
        findings.add("camera.source", why);
    }
    check_pace(camera, &mut findings);
    let places = office.and_then(|(config, _)| config.area(camera.area.get_ref()).map(|area| area.capacity));
    parking::check(camera, places, &mut findings);
    let heights = fault_of_heights(*camera.person_heights.get_ref()).filter(|_| !is_lot(camera));
    if let Some(fault) = heights {
        let why = format!("{fault}; expected two different [y, height] pairs, each a share of the picture's height");
        findings.add_at(camera.person_heights.span(), "camera.person_heights", why);
    }
    if let Some(detector) = camera
        .detector
        .as_ref()
        .filter(|_| camera.model.is_some() && !is_lot(camera))
    {
        let why = "there is a model too: expected one of detector and model, leave the other out";
        findings.add_at(detector.span(), "camera.detector", why);
    }
    match &camera.line {
        None if needs_line(camera) => findings.add(
            "camera.line",
            "an entrance, and a queue, needs line = [[x, y], [x, y]]: looking from its first end to its second, in (or \
             served) is to the right",
        ),
        Some(line) => {
            if let Some(fault) = fault_of_line(*line.get_ref()) {
                findings.add_at(line.span(), "camera.line", fault.to_string());
            }
        }
        None => {}
    }
    if let Some(polygon) = &camera.polygon
        && let Some(fault) = fault_of_outline(polygon.get_ref())
    {
        findings.add_at(polygon.span(), "camera.polygon", fault.to_string());
    }
    check_overlaps(camera, office.map(|(_, neighbours)| neighbours), &mut findings);
    findings.0
}

/// How often it is looked at, and when it is given up.
fn check_pace(camera: &Camera, findings: &mut Findings) {
    let speed = camera.frames_per_second;
    if !(0.1..=60.0).contains(&speed) {
        findings.add("camera.frames_per_second", format!("{speed} is outside 0.1 to 60"));
    }
    if let Some(speed) = camera.film_frames_per_second
        && !(0.1..=240.0).contains(&speed)
    {
        findings.add(
            "camera.film_frames_per_second",
            format!("{speed} is outside 0.1 to 240"),
        );
    }
    if !(Duration::from_millis(500)..=Duration::from_secs(600)).contains(&camera.watchdog) {
        let why = format!("{:?} is outside 500ms to 10m", camera.watchdog);
        findings.add("camera.watchdog", why);
    }
    if !(1..=99).contains(&camera.median_of) {
        let why = format!("{} is outside 1 to 99", camera.median_of);
        findings.add("camera.median_of", why);
    }
}

fn check_overlaps(camera: &Camera, neighbours: Option<&Neighbours>, findings: &mut Findings) {
    if camera.overlaps.len() > MOST_OVERLAPS {
        let fault = Fault::TooManyOverlaps { most: MOST_OVERLAPS };
        findings.add("camera.overlap", fault.to_string());
        return;
    }
    for Overlap { camera: other, polygon } in &camera.overlaps {
        let is_other = |neighbours: &Neighbours| is_joined(camera) && neighbours.has(other);
        if !neighbours.is_none_or(is_other) {
            findings.add("camera.overlap.camera", format!("{other}: {}", Fault::NoNeighbour));
        } else if neighbours.is_some_and(|it| it.lead_back(other, &camera.id)) {
            findings.add("camera.overlap.camera", format!("{other}: {}", Fault::Circle));
        }
        if let Some(fault) = fault_of_outline(polygon) {
            findings.add("camera.overlap.polygon", format!("overlap with {other}: {fault}"));
        }
    }
}

#[cfg(test)]
mod tests;
