//! Setting up a camera: what is drawn into its picture and what is wrong with it, the same as a table of the configuration
//! (`table`), what is left to other cameras (`overlap`), and what the office's server asks of the camera worker (`wire`).

mod overlap;
mod table;
mod wire;

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use crate::config::{Bay, Camera, CameraRole, LONGEST_NAME, MOST_BAYS, Overlap};
use crate::outline::{self, Fault};

pub use overlap::{MOST_OVERLAPS, Neighbours, is_joined};
pub use table::{camera_toml, role_word};
pub use wire::{Answer, Ask, Boxes, Counted, Film, Found, LARGEST_FILM, LONGEST_LINE, LONGEST_WATCH_S, Still, Why};

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
    /// The parts of it that other cameras of the area count; none: what the configuration says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlaps: Option<Vec<Overlap>>,
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
    /// What other cameras count.
    Overlaps,
    /// A car park's bays.
    Bays,
}

/// What is wrong with which part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wrong {
    /// Which part.
    pub shape: Shape,
    /// Which bay or overlap, from 1, where it is one's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub which: Option<usize>,
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
            overlaps: Some(camera.overlaps.clone()),
            bays: camera.bays.clone(),
        }
    }

    /// The camera with this drawn into its picture.
    #[must_use]
    pub fn into_camera(self, mut camera: Camera) -> Camera {
        camera.person_heights = Spanned::new(0..0, self.person_heights);
        camera.polygon = self.polygon.map(|points| Spanned::new(0..0, points));
        camera.line = self.line.map(|line| Spanned::new(0..0, line));
        camera.overlaps = self.overlaps.unwrap_or(camera.overlaps);
        camera.bays = self.bays;
        camera
    }

    /// All that is wrong with it for this camera, of an area that holds so many and has these other cameras.
    #[must_use]
    pub fn wrongs(&self, camera: &Camera, capacity: u32, neighbours: &Neighbours) -> Vec<Wrong> {
        if is_lot(camera) {
            return self.wrongs_of_lot(capacity as usize);
        }
        let polygon = self.polygon.as_deref().and_then(outline::fault_of_outline);
        let line = match self.line {
            Some(line) => outline::fault_of_line(line),
            None => needs_line(camera).then_some(Fault::Missing),
        };
        let heights = outline::fault_of_heights(self.person_heights);
        let whole = [
            (Shape::Polygon, polygon),
            (Shape::Line, line),
            (Shape::Heights, heights),
        ];
        let whole = whole.into_iter().filter_map(|(shape, fault)| {
            Some(Wrong {
                shape,
                which: None,
                fault: fault?,
            })
        });
        whole.chain(self.wrongs_of_overlaps(camera, neighbours)).collect()
    }

    fn wrongs_of_overlaps(&self, camera: &Camera, neighbours: &Neighbours) -> Vec<Wrong> {
        let wrong = |which, fault| Wrong {
            shape: Shape::Overlaps,
            which,
            fault,
        };
        let overlaps = self.overlaps.as_deref().unwrap_or_default();
        if overlaps.len() > MOST_OVERLAPS {
            let fault = Fault::TooManyOverlaps { most: MOST_OVERLAPS };
            return vec![wrong(None, fault)];
        }
        let fault_of = |overlap: &Overlap| {
            if !is_joined(camera) || !neighbours.has(&overlap.camera) {
                return Some(Fault::NoNeighbour);
            }
            if neighbours.lead_back(&overlap.camera, &camera.id) {
                return Some(Fault::Circle);
            }
            outline::fault_of_outline(&overlap.polygon)
        };
        let overlaps = overlaps.iter().enumerate();
        overlaps
            .filter_map(|(at, overlap)| Some(wrong(Some(at + 1), fault_of(overlap)?)))
            .collect()
    }

    fn wrongs_of_lot(&self, capacity: usize) -> Vec<Wrong> {
        let wrong = |which, fault| Wrong {
            shape: Shape::Bays,
            which,
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::ids::CameraId;

    pub(super) const TABLE: &str = "[[camera]]\nid = \"hall\"\narea = \"lobby\"\nsource = \"rtsp://office:secret@192.0.2.7/a@b\"\n\
        role = \"entrance\"\nwatchdog = \"5s\"\nfilm_frames_per_second = 7.0\ndetector = \"hog\"\n\
        person_heights = [[0.3, 0.1], [0.9, 0.2]]\npolygon = [[0.0, 0.0], [1.0, 0.0], [0.5, 1.0]]\n\
        line = [[0.25, 0.5], [0.75, 0.5]]\n";

    #[derive(Deserialize)]
    struct Cameras {
        camera: Vec<Camera>,
    }

    pub(super) fn read(text: &str) -> Camera {
        let cameras: Cameras = toml::from_str(text).expect("a table");
        cameras.camera.into_iter().next().expect("a camera")
    }

    #[test]
    fn what_is_drawn_replaces_what_was_and_is_checked_by_part() {
        let camera = read(TABLE);
        let new = Geometry {
            person_heights: [[0.3, 0.1], [0.3, 0.2]],
            polygon: Some(vec![[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]),
            line: None,
            overlaps: Some(Vec::new()),
            bays: Vec::new(),
        };
        let alone = Neighbours::default();
        let wrongs = new.wrongs(&camera, 9, &alone);
        assert_eq!(
            serde_json::to_string(&wrongs).expect("json"),
            r#"[{"shape":"polygon","fault":"crossing","first":1,"second":3},{"shape":"line","fault":"missing"},{"shape":"heights","fault":"same_distance"}]"#
        );
        let hall = read(&TABLE.replace("entrance", "area"));
        assert_eq!(new.wrongs(&hall, 9, &alone).len(), 2, "no line is needed");
        let sound = Geometry::of(&camera);
        assert_eq!(sound.wrongs(&camera, 9, &alone), []);
        assert_eq!(Geometry::of(&new.clone().into_camera(camera)), new);
    }

    #[test]
    fn a_car_parks_bays_come_back_and_are_checked_one_by_one() {
        let table = "[[camera]]\nid = \"roof\"\narea = \"lot\"\nsource = \"lot.avi\"\nrole = \"parking\"\n\
            [[camera.bay]]\nid = \"A 1\"\npolygon = [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]\n";
        let camera = read(table);
        let again = read(&camera_toml(&camera));
        assert_eq!((&again.bays, again.role), (&camera.bays, CameraRole::Parking));
        let (mut drawn, alone) = (Geometry::of(&camera), Neighbours::default());
        assert_eq!(
            drawn.wrongs(&camera, 2, &alone),
            [],
            "it needs neither heights nor a line"
        );
        drawn.bays.push(Bay {
            id: "A 1".to_owned(),
            polygon: vec![[0.1, 0.1], [0.2, 0.1]],
        });
        let fault = |drawn: &Geometry| drawn.wrongs(&camera, 2, &alone)[0];
        assert_eq!((fault(&drawn).which, fault(&drawn).fault), (Some(2), Fault::SameName));
        drawn.bays[1].id = "A 2".to_owned();
        assert_eq!((fault(&drawn).which, fault(&drawn).fault), (Some(2), Fault::TooFew));
        drawn.bays[1].id = String::new();
        assert_eq!(fault(&drawn).fault, Fault::NoName);
        assert_eq!(
            drawn.wrongs(&camera, 1, &alone)[0].fault,
            Fault::TooManyBays { most: 1 }
        );
        drawn.bays.clear();
        assert_eq!((fault(&drawn).which, fault(&drawn).fault), (None, Fault::Missing));
    }

    #[test]
    fn overlaps_are_checked_as_outlines_and_may_not_lead_back() {
        let office = |join: &str, more: &str| {
            let camera = |id: &str, more: &str| {
                format!(
                    "[[camera]]\nid = \"{id}\"\narea = \"lobby\"\nsource = \"a.avi\"\n\
                     person_heights = [[0.3, 0.1], [0.9, 0.2]]\n{more}\n"
                )
            };
            let text = format!(
                "{OFFICE}[[area]]\nid = \"lobby\"\nname = {{ ja = \"ロビー\" }}\ncapacity = 9\nmoderate_from = 4\n\
                 busy_from = 7\njoin = \"{join}\"\n{}{}{}",
                camera("north", more),
                camera("south", ""),
                camera("door", "role = \"entrance\"\nline = [[0.1, 0.5], [0.9, 0.5]]"),
            );
            Config::parse(std::path::Path::new("office.toml"), &text).map_err(|error| error.to_string())
        };
        let part = "polygon = [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0]] }]";
        let config = office("sum", &format!("overlap = [{{ camera = \"south\", {part}")).expect("sound");
        let [north, south, door] = config.cameras.as_slice() else {
            panic!("three cameras");
        };
        let drawn = Geometry::of(north);
        let json = serde_json::to_string(&drawn).expect("json");
        assert_eq!(serde_json::from_str::<Geometry>(&json).expect("json"), drawn);
        let old = json.replace(&json[json.find(",\"overlaps\"").expect("there")..json.len() - 1], "");
        let old: Geometry = serde_json::from_str(&old).expect("of before there were any");
        assert_eq!(
            old.into_camera(north.clone()).overlaps,
            north.overlaps,
            "the configuration's"
        );

        let fault = |of: &Camera, geometry: &Geometry, drawn: Option<&Geometry>| {
            let neighbours = Neighbours::of(&config, of, |id| drawn.filter(|_| *id == north.id));
            let wrongs = geometry.wrongs(of, 9, &neighbours);
            wrongs.first().map(|wrong| (wrong.shape, wrong.which, wrong.fault))
        };
        let with = |camera: &CameraId, polygon: &[[f64; 2]]| {
            let overlap = Overlap {
                camera: camera.clone(),
                polygon: polygon.to_vec(),
            };
            Geometry {
                overlaps: Some(vec![drawn.overlaps.as_ref().expect("some")[0].clone(), overlap]),
                ..drawn.clone()
            }
        };
        let second = |fault| Some((Shape::Overlaps, Some(2), fault));
        let square = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]];
        assert_eq!(fault(north, &with(&south.id, &square), None), None);
        let bow = [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]];
        let crossing = Fault::Crossing { first: 1, second: 3 };
        assert_eq!(fault(north, &with(&south.id, &bow), None), second(crossing));
        let outside = [[0.0, 0.0], [1.0, 0.0], [1.0, 1.5]];
        assert_eq!(
            fault(north, &with(&south.id, &outside), None),
            second(Fault::Outside { point: 3 })
        );
        for (other, why) in [(&north.id, "itself"), (&door.id, "an entrance")] {
            assert_eq!(
                fault(north, &with(other, &square), None),
                second(Fault::NoNeighbour),
                "{why}"
            );
        }
        let many = Geometry {
            overlaps: Some(vec![
                drawn.overlaps.as_ref().expect("some")[0].clone();
                MOST_OVERLAPS + 1
            ]),
            ..drawn.clone()
        };
        assert_eq!(
            fault(north, &many, None),
            Some((Shape::Overlaps, None, Fault::TooManyOverlaps { most: MOST_OVERLAPS }))
        );
        // South may not leave to north what north leaves to south, by the file or as it is drawn; but may when north doesn't.
        let back = Geometry {
            overlaps: Some(vec![Overlap {
                camera: north.id.clone(),
                polygon: square.to_vec(),
            }]),
            ..Geometry::of(south)
        };
        let first = Some((Shape::Overlaps, Some(1), Fault::Circle));
        assert_eq!(fault(south, &back, None), first);
        assert_eq!(fault(south, &back, Some(&drawn)), first);
        let none = Geometry {
            overlaps: Some(Vec::new()),
            ..drawn.clone()
        };
        assert_eq!(fault(south, &back, Some(&none)), None);

        assert!(config.counts_overlaps(north) && !config.counts_overlaps(door));
        let largest = office("max", &format!("overlap = [{{ camera = \"south\", {part}")).expect("sound");
        let north = largest.with_overlaps_that_count(largest.cameras[0].clone());
        assert_eq!(north.overlaps, [], "nobody may be missing from the largest count");
        for (more, words) in [
            (
                format!("overlap = [{{ camera = \"door\", {part}"),
                "counts the area's people",
            ),
            (
                "overlap = [{ camera = \"south\", polygon = [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]] }]"
                    .to_owned(),
                "don't cross",
            ),
        ] {
            let office = office("sum", &more).expect("only that camera has a fault");
            let faults = office.camera_faults.values().flatten().map(ToString::to_string);
            let error: String = faults.collect();
            assert!(error.contains("camera.overlap") && error.contains(words), "{error}");
        }
    }

    const OFFICE: &str = "[office]\nid = \"minami\"\nname = { ja = \"南区役所\" }\ntelephone = \"072-000-0000\"\n\
        [paths]\nrun = \"run\"\nsecrets = \"secrets\"\ncontent = \"content\"\nrigs = \"rigs\"\n\
        [web]\nlisten = \"127.0.0.1:8443\"\npublic_url = \"https://localhost:8443\"\n\
        [media]\nudp = \"127.0.0.1:7000\"\ncontrol = \"127.0.0.1:7001\"\n";
}
