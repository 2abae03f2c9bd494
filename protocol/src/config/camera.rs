//! Areas, and the cameras that count in them.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::check::{Checker, ConfigError};
use super::{Config, fields};
use crate::ids::{AreaId, CameraId};
use crate::screen::Text;

/// A place whose crowding is shown.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Area {
    /// Its id.
    pub id: AreaId,
    /// Its name.
    pub name: Text,
    /// People it holds.
    pub capacity: u32,
    /// From how many people on it is やや混雑.
    pub moderate_from: u32,
    /// From how many on it is 混雑.
    pub busy_from: u32,
    /// How many fewer it takes to go back a level.
    #[serde(default = "fields::hysteresis")]
    pub hysteresis: u32,
    /// A count older than this isn't shown any more.
    #[serde(default = "fields::stale_after", deserialize_with = "fields::duration")]
    pub stale_after: Duration,
    /// How several cameras make one count.
    #[serde(default)]
    pub join: Join,
    /// When nobody is left, for who is counted at doors.
    #[serde(default = "fields::empties_at")]
    pub empties_at: jiff::civil::Time,
}

/// How several cameras of one area make one count.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Join {
    /// All of them together; one that can't tell makes the area unknown.
    Sum,
    /// The largest of those that can tell.
    #[default]
    Max,
    /// This camera's; while it can't tell, the largest of the others.
    Master(CameraId),
}

/// What a camera is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CameraRole {
    /// It counts who is in its outline.
    #[default]
    Area,
    /// It counts who waits there, and over its line who is served.
    Queue,
    /// It sees whether somebody stays before a screen.
    Presence,
    /// It counts who goes in and out over its line.
    Entrance,
    /// It sees which of a car park's bays are taken; with a line and no bays, it counts the cars that drive in and out.
    Parking,
}

/// A bay of a car park.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bay {
    /// As it is painted on the ground, or any other name; each once.
    pub id: String,
    /// Its outline on the ground, `[x, y]`.
    pub polygon: Vec<[f64; 2]>,
}

/// A part of a camera's outline that another camera of the area counts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Overlap {
    /// The other camera.
    pub camera: CameraId,
    /// The part, as this camera sees it.
    pub polygon: Vec<[f64; 2]>,
}

/// A camera. Points and heights are shares of the picture (0 to 1), so that they hold at every size.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Its id.
    pub id: CameraId,
    /// The area it sees.
    pub area: Spanned<AreaId>,
    /// A file (looped), `/dev/video0`, `rtsp://…`, `http://…` (one JPEG after the other), or `screen:ID`: the camera that the
    /// player of that screen shares on this machine.
    pub source: String,
    /// Who logs in at an address, with the password in `paths.secrets/camera-ID.password`; none: nobody need.
    #[serde(default)]
    pub user: Option<String>,
    /// A camera that gives no new picture, or always the same one, for so long is opened anew.
    #[serde(default = "fields::watchdog", deserialize_with = "fields::duration")]
    pub watchdog: Duration,
    /// A film is counted as fast as the machine can, no picture left out.
    #[serde(default)]
    pub full_speed: bool,
    /// Pictures a second to count.
    #[serde(default = "fields::frames_per_second")]
    pub frames_per_second: f64,
    /// A film's true speed, where the file claims another.
    #[serde(default)]
    pub film_frames_per_second: Option<f64>,
    /// How tall a standing person is at two places: `[y of the feet, height]`. A car park's bays need none.
    #[serde(default = "fields::no_heights")]
    pub person_heights: Spanned<[[f64; 2]; 2]>,
    /// The area's outline on the ground, `[x, y]`; none: the whole picture.
    #[serde(default)]
    pub polygon: Option<Spanned<Vec<[f64; 2]>>>,
    /// What it is for.
    #[serde(default)]
    pub role: CameraRole,
    /// An entrance's line, or the head of a queue: from one end to the other, to its right is *in*, or served.
    #[serde(default)]
    pub line: Option<Spanned<[[f64; 2]; 2]>>,
    /// What other cameras count.
    #[serde(default, rename = "overlap")]
    pub overlaps: Vec<Overlap>,
    /// A car park's bays.
    #[serde(default, rename = "bay")]
    pub bays: Vec<Bay>,
    /// The count is the median of so many pictures' counts.
    #[serde(default = "fields::median_of")]
    pub median_of: usize,
    /// What finds people where no model file is given; not said: the background. Refused together with `model`.
    #[serde(default)]
    pub detector: Option<Spanned<Detector>>,
    /// A model's file, with its card beside it (`./madoguchi models add`).
    #[serde(default)]
    pub model: Option<PathBuf>,
    /// How much of the machine a model may take.
    #[serde(default)]
    pub effort: Effort,
    /// Somebody who doesn't move at all is counted for about so long, without a model file.
    #[serde(default = "fields::still_for", deserialize_with = "fields::duration")]
    pub still_for: Duration,
}

impl Camera {
    /// Whether it counts the cars that drive in and out of a car park, over its line.
    #[must_use]
    pub fn is_gate(&self) -> bool {
        self.role == CameraRole::Parking && self.bays.is_empty() && self.line.is_some()
    }
}

/// What finds people without a model file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Detector {
    /// What differs from the learned background, explained by people of the size that set-up says.
    #[default]
    Background,
    /// OpenCV's people detector: dearer, but sees who never moves.
    Hog,
}

/// How much of the machine a camera's model may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// Every picture, in two parts where people are small: twice the cost.
    Best,
    /// Every picture, whole.
    #[default]
    Normal,
    /// 3.5 pictures a second at most; between them people go on as they went.
    Economical,
}

pub(super) fn check(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    check_areas(config, checker)?;
    for camera in &config.cameras {
        if config.area(camera.area.get_ref()).is_none() {
            let message = format!("there is no [[area]] with id {:?}", camera.area.get_ref().as_str());
            return checker.fail(Some(camera.area.span()), "camera.area", message);
        }
    }
    Ok(())
}

fn check_areas(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    for area in &config.areas {
        let rising = area.moderate_from > area.hysteresis
            && area.busy_from > area.moderate_from
            && area.capacity >= area.busy_from;
        if !rising {
            let message = format!(
                "area {}: expected hysteresis ({}) < moderate_from ({}) < busy_from ({}) <= capacity ({})",
                area.id, area.hysteresis, area.moderate_from, area.busy_from, area.capacity
            );
            return checker.fail(None, "area", message);
        }
    }
    for area in &config.areas {
        if let Join::Master(master) = &area.join
            && !(config.cameras.iter()).any(|camera| camera.id == *master && *camera.area.get_ref() == area.id)
        {
            let message = format!("area {}: {master} is no camera of this area", area.id);
            return checker.fail(None, "area.join", message);
        }
    }
    Ok(())
}
