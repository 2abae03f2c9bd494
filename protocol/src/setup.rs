//! Setting up a camera: what is drawn into its picture, and what the office's server asks of the camera worker on the same
//! machine over a local socket: one line of JSON asks, lines of JSON answer.

use std::collections::HashSet;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::config::{Bay, Camera, CameraRole, LONGEST_NAME, MOST_BAYS};
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
    /// A car park's bays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bays: Vec<Bay>,
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
    /// A car park's bays.
    Bays,
}

/// What is wrong with which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// Which part.
    pub shape: Shape,
    /// Which bay, from 1, where it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bay: Option<usize>,
    /// What.
    #[serde(flatten)]
    pub fault: Fault,
}

/// Whether a camera needs a line.
#[must_use]
pub fn needs_line(camera: &Camera) -> bool {
    matches!(camera.role, CameraRole::Entrance | CameraRole::Queue) || camera.is_gate()
}

/// Whether a camera looks at a car park's bays, and at nothing else.
#[must_use]
pub fn is_lot(camera: &Camera) -> bool {
    camera.role == CameraRole::Parking && !camera.is_gate()
}

impl Geometry {
    /// As a camera's configuration has it.
    #[must_use]
    pub fn of(camera: &Camera) -> Self {
        Self {
            person_heights: *camera.person_heights.get_ref(),
            polygon: camera.polygon.as_ref().map(|it| it.get_ref().clone()),
            line: camera.line.as_ref().map(|it| *it.get_ref()),
            bays: camera.bays.clone(),
        }
    }

    /// The camera with this drawn into its picture.
    #[must_use]
    pub fn into_camera(self, mut camera: Camera) -> Camera {
        camera.person_heights = Spanned::new(0..0, self.person_heights);
        camera.polygon = self.polygon.map(|points| Spanned::new(0..0, points));
        camera.line = self.line.map(|line| Spanned::new(0..0, line));
        camera.bays = self.bays;
        camera
    }

    /// All that is wrong with it for this camera, of an area that holds so many.
    #[must_use]
    pub fn wrongs(&self, camera: &Camera, capacity: u32) -> Vec<Wrong> {
        if is_lot(camera) {
            return self.wrongs_of_lot(capacity as usize);
        }
        let polygon = self.polygon.as_deref().and_then(outline::fault_of_outline);
        let line = match self.line {
            Some(line) => outline::fault_of_line(line),
            None => needs_line(camera).then_some(Fault::Missing),
        };
        let heights = outline::fault_of_heights(self.person_heights);
        [
            (Shape::Polygon, polygon),
            (Shape::Line, line),
            (Shape::Heights, heights),
        ]
        .into_iter()
        .filter_map(|(shape, fault)| Some((shape, fault?)))
        .map(|(shape, fault)| Wrong {
            shape,
            bay: None,
            fault,
        })
        .collect()
    }

    fn wrongs_of_lot(&self, capacity: usize) -> Vec<Wrong> {
        let wrong = |bay: Option<usize>, fault| Wrong {
            shape: Shape::Bays,
            bay,
            fault,
        };
        let most = capacity.min(MOST_BAYS);
        match self.bays.len() {
            0 => return vec![wrong(None, Fault::Missing)],
            bays if bays > most => return vec![wrong(None, Fault::TooManyBays { most })],
            _ => {}
        }
        let mut names = HashSet::new();
        let mut fault_of = |bay: &Bay| {
            if bay.id.is_empty() || bay.id.len() > LONGEST_NAME || bay.id.contains(char::is_control) {
                return Some(Fault::NoName);
            }
            if !names.insert(bay.id.clone()) {
                return Some(Fault::SameName);
            }
            outline::fault_of_outline(&bay.polygon)
        };
        let bays = self.bays.iter().enumerate();
        bays.filter_map(|(at, bay)| Some(wrong(Some(at + 1), fault_of(bay)?)))
            .collect()
    }

    /// The lines of a camera's table in TOML that say this.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let point = |[x, y]: &[f64; 2]| format!("[{x}, {y}]");
        let points = |points: &[[f64; 2]]| points.iter().map(point).collect::<Vec<_>>().join(", ");
        let mut text = String::new();
        // A car park has none. Writing to a string doesn't fail.
        if self.person_heights != [[0.0; 2]; 2] {
            let _ = writeln!(text, "person_heights = [{}]", points(&self.person_heights));
        }
        if let Some(polygon) = &self.polygon {
            let _ = writeln!(text, "polygon = [{}]", points(polygon));
        }
        if let Some(line) = &self.line {
            let _ = writeln!(text, "line = [{}]", points(line));
        }
        for bay in &self.bays {
            let name = toml::Value::String(bay.id.clone());
            let _ = write!(
                text,
                "[[camera.bay]]\nid = {name}\npolygon = [{}]\n",
                points(&bay.polygon)
            );
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
            bays: Vec::new(),
        };
        let wrongs = new.wrongs(&camera, 9);
        assert_eq!(
            serde_json::to_string(&wrongs).expect("json"),
            r#"[{"shape":"polygon","fault":"crossing","first":1,"second":3},{"shape":"line","fault":"missing"},{"shape":"heights","fault":"same_distance"}]"#
        );
        let hall = read(&TABLE.replace("entrance", "area"));
        assert_eq!(new.wrongs(&hall, 9).len(), 2, "no line is needed");
        let sound = Geometry::of(&camera);
        assert_eq!(sound.wrongs(&camera, 9), []);
        assert_eq!(Geometry::of(&new.clone().into_camera(camera)), new);
    }

    #[test]
    fn a_car_parks_bays_come_back_and_are_checked_one_by_one() {
        let table = "[[camera]]\nid = \"roof\"\narea = \"lot\"\nsource = \"lot.avi\"\nrole = \"parking\"\n\
            [[camera.bay]]\nid = \"A 1\"\npolygon = [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]\n";
        let camera = read(table);
        let again = read(&camera_toml(&camera));
        assert_eq!((&again.bays, again.role), (&camera.bays, CameraRole::Parking));
        let mut drawn = Geometry::of(&camera);
        assert_eq!(drawn.wrongs(&camera, 2), [], "it needs neither heights nor a line");
        drawn.bays.push(Bay {
            id: "A 1".to_owned(),
            polygon: vec![[0.1, 0.1], [0.2, 0.1]],
        });
        let fault = |drawn: &Geometry| drawn.wrongs(&camera, 2)[0];
        assert_eq!((fault(&drawn).bay, fault(&drawn).fault), (Some(2), Fault::SameName));
        drawn.bays[1].id = "A 2".to_owned();
        assert_eq!((fault(&drawn).bay, fault(&drawn).fault), (Some(2), Fault::TooFew));
        drawn.bays[1].id = String::new();
        assert_eq!(fault(&drawn).fault, Fault::NoName);
        assert_eq!(drawn.wrongs(&camera, 1)[0].fault, Fault::TooManyBays { most: 1 });
        drawn.bays.clear();
        assert_eq!((fault(&drawn).bay, fault(&drawn).fault), (None, Fault::Missing));
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
