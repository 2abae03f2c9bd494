//! What a model did when it was taken in: on which picture it was tried, what it found there and what that cost. Part of its card.

use std::fmt;
use std::path::Path;

use anyhow::Result;
use jiff::civil::Date;
use opencv::core::Mat;
use serde::{Deserialize, Serialize};

use super::time::{cpu_a_look, whole};
use super::{Card, Kind, Model};
use crate::parking::lot::vehicles_in;

/// Looks that are measured.
const LOOKS: u32 = 5;

/// A look that takes longer, in milliseconds, is no look of a camera's model.
const LONGEST_LOOK_MS: f64 = 600_000.0;

/// What a model did when it was taken in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    /// The day, UTC.
    pub on: Date,
    /// The picture's or film's name, without its folder.
    pub picture: String,
    /// People whom it found surely there.
    pub people: usize,
    /// Vehicles, likewise.
    pub vehicles: usize,
    /// CPU time of a look at the whole picture, in milliseconds, on the machine that tried it.
    pub look_ms: f64,
    /// Version of the OpenCV that ran it, such as `4.10.0`.
    pub opencv: String,
}

impl Tried {
    /// Tries a model on a picture, which is called `name`, today. Cars are looked for by parts of it too, where the whole has nobody.
    ///
    /// # Errors
    /// OpenCV's.
    pub(super) fn on(picture: &Mat, name: &Path, model: &mut Model, today: Date) -> Result<Self> {
        let found = model.find(picture, whole(picture))?;
        let sure = model.card().sure;
        let count = |kind| {
            let those = found.iter().filter(|thing| thing.kind == kind && thing.score >= sure);
            those.count()
        };
        let (people, mut cars) = (count(Kind::Person), count(Kind::Vehicle));
        if people + cars == 0 && !model.card().vehicle.is_empty() {
            cars = vehicles_in(model, picture)?;
        }
        let name = name.file_name().unwrap_or_default().to_string_lossy();
        Ok(Self {
            on: today,
            picture: name.chars().filter(|letter| !letter.is_control()).collect(),
            people,
            vehicles: cars,
            look_ms: (cpu_a_look(model, picture, LOOKS)? * 10.0).round() / 10.0,
            opencv: opencv::core::get_version_string()?,
        })
    }

    /// Says what in it is out of its limits.
    ///
    /// # Errors
    /// A sentence with the field.
    pub fn check(&self) -> Result<(), String> {
        let is_plain = |text: &str| !text.is_empty() && text.len() <= 255 && !text.chars().any(char::is_control);
        if !is_plain(&self.picture) || self.picture.contains('/') {
            return Err(format!(
                "tried.picture: {:?}: expected a file's name without its folder",
                self.picture
            ));
        }
        if self.people + self.vehicles == 0 {
            return Err(
                "tried.people, tried.vehicles: expected 1 at least: a model that finds nobody isn't taken in"
                    .to_owned(),
            );
        }
        if !(0.0..=LONGEST_LOOK_MS).contains(&self.look_ms) {
            return Err(format!(
                "tried.look_ms: {}: expected milliseconds, 0 to {LONGEST_LOOK_MS}",
                self.look_ms
            ));
        }
        let is_version = |text: &str| text.starts_with(|first: char| first.is_ascii_digit());
        if !is_plain(&self.opencv) || !is_version(&self.opencv) {
            return Err(format!(
                "tried.opencv: {:?}: expected a version such as 4.10.0",
                self.opencv
            ));
        }
        Ok(())
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            on,
            picture,
            people,
            vehicles,
            look_ms,
            opencv,
        } = self;
        write!(
            f,
            "tried on {on} on {picture} with OpenCV {opencv}: {people} people, {vehicles} vehicles, {look_ms} ms of CPU a look"
        )
    }
}

/// A line on a model and the trial that its card tells of, for people to read.
///
/// # Errors
/// When its card can't be read.
pub(crate) fn line_of(model: &Path) -> Result<String> {
    let card = Card::read(model)?;
    let trial = told(card.tried.as_ref(), &opencv::core::get_version_string()?);
    Ok(format!("model {}: {trial}\n", model.display()))
}

fn told(tried: Option<&Tried>, opencv_here: &str) -> String {
    match tried {
        None => "its card says nothing of a trial: `./madoguchi models add` makes one".to_owned(),
        Some(tried) if tried.opencv == opencv_here => tried.to_string(),
        Some(tried) => format!("{tried}. Here OpenCV {opencv_here} runs it: `./madoguchi models add` tries it again"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn tried() -> Tried {
        Tried {
            on: jiff::civil::date(2026, 4, 1),
            picture: "hall.mp4".to_owned(),
            people: 5,
            vehicles: 0,
            look_ms: 51.5,
            opencv: "4.10.0".to_owned(),
        }
    }

    #[test]
    fn a_trial_is_told_and_so_is_another_opencv_and_none() {
        let same = told(Some(&tried()), "4.10.0");
        assert_eq!(
            same,
            "tried on 2026-04-01 on hall.mp4 with OpenCV 4.10.0: 5 people, 0 vehicles, 51.5 ms of CPU a look"
        );
        let other = told(Some(&tried()), "4.6.0");
        assert!(other.starts_with(&same) && other.contains("OpenCV 4.6.0"), "{other}");
        assert!(told(None, "4.6.0").contains("models add"));
    }

    #[test]
    fn each_wrong_field_of_a_trial_is_named() {
        type Spoil = fn(&mut Tried);
        let cases: [(&str, Spoil); 6] = [
            ("tried.picture", |tried| tried.picture = "films/hall.mp4".to_owned()),
            ("tried.picture", |tried| tried.picture = String::new()),
            ("tried.people", |tried| tried.people = 0),
            ("tried.look_ms", |tried| tried.look_ms = f64::NAN),
            ("tried.look_ms", |tried| tried.look_ms = -1.0),
            ("tried.opencv", |tried| tried.opencv = "new".to_owned()),
        ];
        assert_eq!(tried().check(), Ok(()));
        for (field, spoil) in cases {
            let mut tried = tried();
            spoil(&mut tried);
            let why = tried.check().expect_err(field);
            assert!(why.contains(field), "{field}: {why}");
        }
    }
}
