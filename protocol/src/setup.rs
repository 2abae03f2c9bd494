//! Setting up a camera: what is drawn into its picture, and what the office's server asks of the camera worker on the same
//! machine over a local socket: one line of JSON asks, lines of JSON answer.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::config::{Camera, CameraRole};
use crate::congestion::CameraStatus;
use crate::ids::CameraId;
use crate::outline::{self, Fault};
use crate::time::UnixMillis;

/// The longest line either side reads, in bytes.
pub const LONGEST_LINE: usize = 1 << 20;

/// The longest that boxes are shown in one go, in seconds; the worker itself ends what is longer.
pub const LONGEST_WATCH_S: u64 = 600;

/// What is drawn into a camera's picture. Shares of the picture, as in [`crate::outline`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Geometry {
    /// How tall a standing person is at two places: `[y of the feet, height]`.
    pub person_heights: [[f64; 2]; 2],
    /// The area's outline on the ground; none: the whole picture.
    #[serde(default)]
    pub polygon: Option<Vec<[f64; 2]>>,
    /// An entrance's line, or the head of a queue: to its right is *in*, or served.
    #[serde(default)]
    pub line: Option<[[f64; 2]; 2]>,
}

/// A part of what is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// The outline.
    Polygon,
    /// The line.
    Line,
    /// The two people.
    Heights,
}

/// What is wrong with which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// Which part.
    pub shape: Shape,
    /// What.
    #[serde(flatten)]
    pub fault: Fault,
}

/// Whether a camera for this needs a line.
#[must_use]
pub fn needs_line(role: CameraRole) -> bool {
    matches!(role, CameraRole::Entrance | CameraRole::Queue)
}

impl Geometry {
    /// As a camera's configuration has it.
    #[must_use]
    pub fn of(camera: &Camera) -> Self {
        Self {
            person_heights: *camera.person_heights.get_ref(),
            polygon: camera.polygon.as_ref().map(|it| it.get_ref().clone()),
            line: camera.line.as_ref().map(|it| *it.get_ref()),
        }
    }

    /// The camera with this drawn into its picture.
    #[must_use]
    pub fn into_camera(self, mut camera: Camera) -> Camera {
        camera.person_heights = Spanned::new(0..0, self.person_heights);
        camera.polygon = self.polygon.map(|points| Spanned::new(0..0, points));
        camera.line = self.line.map(|line| Spanned::new(0..0, line));
        camera
    }

    /// All that is wrong with it, for a camera of this role.
    #[must_use]
    pub fn wrongs(&self, role: CameraRole) -> Vec<Wrong> {
        let polygon = self.polygon.as_deref().and_then(outline::fault_of_outline);
        let line = match self.line {
            Some(line) => outline::fault_of_line(line),
            None => needs_line(role).then_some(Fault::Missing),
        };
        let heights = outline::fault_of_heights(self.person_heights);
        [
            (Shape::Polygon, polygon),
            (Shape::Line, line),
            (Shape::Heights, heights),
        ]
        .into_iter()
        .filter_map(|(shape, fault)| Some(Wrong { shape, fault: fault? }))
        .collect()
    }

    /// The lines of a camera's table in TOML that say this.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let point = |[x, y]: &[f64; 2]| format!("[{x}, {y}]");
        let points = |points: &[[f64; 2]]| points.iter().map(point).collect::<Vec<_>>().join(", ");
        let mut text = format!("person_heights = [{}]\n", points(&self.person_heights));
        if let Some(polygon) = &self.polygon {
            // Writing to a string doesn't fail.
            let _ = writeln!(text, "polygon = [{}]", points(polygon));
        }
        if let Some(line) = &self.line {
            let _ = writeln!(text, "line = [{}]", points(line));
        }
        text
    }
}

/// A camera's whole table in TOML, as `vision check` takes it. An address loses who logs in at it, and the password.
#[must_use]
pub fn camera_toml(camera: &Camera) -> String {
    let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut lines = vec![
        "[[camera]]".to_owned(),
        format!("id = {}", text(camera.id.as_str())),
        format!("area = {}", text(camera.area.get_ref().as_str())),
        format!("source = {}", text(&without_login(&camera.source))),
        format!("role = {}", text(role_word(camera.role))),
        format!("watchdog = \"{}ms\"", camera.watchdog.as_millis()),
        format!("frames_per_second = {:?}", camera.frames_per_second),
        format!("median_of = {}", camera.median_of),
        format!("still_for = \"{}ms\"", camera.still_for.as_millis()),
    ];
    if let Some(speed) = camera.film_frames_per_second {
        lines.push(format!("film_frames_per_second = {speed:?}"));
    }
    if let Some(detector) = &camera.detector {
        let word = match detector.get_ref() {
            crate::config::Detector::Background => "background",
            crate::config::Detector::Hog => "hog",
        };
        lines.push(format!("detector = \"{word}\""));
    }
    if let Some(model) = &camera.model {
        let effort = match camera.effort {
            crate::config::Effort::Best => "best",
            crate::config::Effort::Normal => "normal",
            crate::config::Effort::Economical => "economical",
        };
        lines.push(format!("model = {}", text(&model.to_string_lossy())));
        lines.push(format!("effort = \"{effort}\""));
    }
    lines.push(Geometry::of(camera).to_toml());
    lines.join("\n")
}

/// A role's word in a configuration.
#[must_use]
pub fn role_word(role: CameraRole) -> &'static str {
    match role {
        CameraRole::Area => "area",
        CameraRole::Queue => "queue",
        CameraRole::Presence => "presence",
        CameraRole::Entrance => "entrance",
        CameraRole::Parking => "parking",
    }
}

fn without_login(source: &str) -> String {
    let Some((scheme, rest)) = source.split_once("://") else {
        return source.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

/// What the server asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// A blurred still of what a camera sees.
    Picture {
        /// Which.
        camera: CameraId,
    },
    /// Where people are found now, for so many seconds ([`LONGEST_WATCH_S`] at most).
    Watch {
        /// Which.
        camera: CameraId,
        /// For how long.
        seconds: u64,
    },
    /// What a camera that is set up so would count in a film of the office's folder.
    Trial {
        /// Which.
        camera: CameraId,
        /// Set up so.
        geometry: Geometry,
        /// The film's name in `vision.films`.
        film: String,
    },
}

/// What the worker answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// The still. The last answer.
    Picture(Still),
    /// Where people are found.
    Boxes(Boxes),
    /// What was counted. The last answer.
    Counted(Counted),
    /// It can't be had. The last answer.
    Refused {
        /// Why.
        why: Why,
    },
}

/// A still in which nobody can be known.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Still {
    /// Pixels wide.
    pub width: u32,
    /// Pixels high.
    pub height: u32,
    /// The camera's own picture: width and height in pixels.
    pub of: [u32; 2],
    /// A PNG, in base64.
    pub png: String,
}

impl std::fmt::Debug for Still {
    /// Without the picture: it belongs in no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Still")
            .field("width", &self.width)
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}

/// Where people are found at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Boxes {
    /// When.
    pub at: UnixMillis,
    /// What is the matter with the camera.
    pub status: CameraStatus,
    /// The camera's count.
    pub count: Option<u32>,
    /// Who is found.
    pub people: Vec<Found>,
}

/// Somebody who is found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Left edge, upper edge, width, height; shares of the picture.
    pub place: [f64; 4],
    /// Whether their feet are in the outline.
    pub is_counted: bool,
}

/// What was counted in a film.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// For each second of the film from its start: people in the outline, `None` where that can't be told.
    pub seconds: Vec<Option<u32>>,
    /// Who crossed the line to its right and to its left, where there is one.
    pub crossed: Option<[u64; 2]>,
}

/// Why the worker refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It has no such camera.
    NoCamera,
    /// The camera gives no picture now.
    NoPicture,
    /// Somebody else asks for the same now.
    Busy,
    /// There is no such film.
    NoFilm,
    /// The film can't be read, or not counted with this.
    CantCount,
    /// It takes too long.
    TooLong,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "[[camera]]\nid = \"hall\"\narea = \"lobby\"\nsource = \"rtsp://office:secret@192.0.2.7/a@b\"\n\
        role = \"entrance\"\nwatchdog = \"5s\"\nfilm_frames_per_second = 7.0\ndetector = \"hog\"\n\
        person_heights = [[0.3, 0.1], [0.9, 0.2]]\npolygon = [[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]]\n\
        line = [[0.25, 0.5], [0.75, 0.5]]\n";

    #[derive(Deserialize)]
    struct Cameras {
        camera: Vec<Camera>,
    }

    fn read(text: &str) -> Camera {
        let cameras: Cameras = toml::from_str(text).expect("a table");
        cameras.camera.into_iter().next().expect("a camera")
    }

    #[test]
    fn a_cameras_table_comes_back_without_its_password() {
        let camera = read(TABLE);
        let text = camera_toml(&camera);
        assert!(
            !text.contains("secret") && text.contains("rtsp://192.0.2.7/a@b"),
            "{text}"
        );
        let again = read(&text);
        assert_eq!(Geometry::of(&again), Geometry::of(&camera));
        assert_eq!(
            (
                again.role,
                again.watchdog,
                again.film_frames_per_second,
                again.median_of
            ),
            (camera.role, camera.watchdog, Some(7.0), camera.median_of)
        );
        assert_eq!(
            again.detector.map(|it| *it.get_ref()),
            Some(crate::config::Detector::Hog)
        );
    }

    #[test]
    fn what_is_drawn_replaces_what_was_and_is_checked_by_part() {
        let camera = read(TABLE);
        let new = Geometry {
            person_heights: [[0.3, 0.1], [0.3, 0.2]],
            polygon: Some(vec![[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]),
            line: None,
        };
        let wrongs = new.wrongs(CameraRole::Entrance);
        assert_eq!(
            serde_json::to_string(&wrongs).expect("json"),
            r#"[{"shape":"polygon","fault":"crossing","first":1,"second":3},{"shape":"line","fault":"missing"},{"shape":"heights","fault":"same_distance"}]"#
        );
        assert_eq!(new.wrongs(CameraRole::Area).len(), 2, "no line is needed");
        let sound = Geometry::of(&camera);
        assert_eq!(sound.wrongs(CameraRole::Entrance), []);
        assert_eq!(Geometry::of(&new.clone().into_camera(camera)), new);
    }

    #[test]
    fn messages_round_trip() {
        let camera = CameraId::new("hall").expect("valid");
        let ask = Ask::Watch { camera, seconds: 9 };
        let json = serde_json::to_string(&ask).expect("json");
        assert_eq!(json, r#"{"ask":"watch","camera":"hall","seconds":9}"#);
        assert_eq!(serde_json::from_str::<Ask>(&json).expect("json"), ask);
        let boxes = Answer::Boxes(Boxes {
            at: UnixMillis(7),
            status: CameraStatus::Seeing,
            count: Some(1),
            people: vec![Found {
                place: [0.1, 0.2, 0.3, 0.4],
                is_counted: true,
            }],
        });
        let json = serde_json::to_string(&boxes).expect("json");
        assert_eq!(serde_json::from_str::<Answer>(&json).expect("json"), boxes);
        let refused = Answer::Refused { why: Why::NoPicture };
        assert_eq!(
            serde_json::to_string(&refused).expect("json"),
            r#"{"answer":"refused","why":"no_picture"}"#
        );
    }
}
