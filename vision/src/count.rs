//! Counting a film offline and scoring the counts: `vision count`.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use opencv::prelude::MatTraitConst as _;
use opencv::prelude::VideoCaptureTrait as _;
use opencv::videoio::{self, VideoCapture};
use protocol::config::{Camera, Join, SoundCamera};
use protocol::ids::AreaId;
use protocol::time::UnixMillis;
use serde::{Deserialize, Serialize};

use crate::area::join::Shared;
use crate::camera::Frame;
use crate::camera::capture::{Beat, Pace};
use crate::cpu::cpu_time;
use crate::detect::Sight;
use crate::detect::choose::detector_for;
use crate::duties::scene_of;
use crate::line::{Crossings, Gate, Line};
use crate::occupancy::Occupancy;
use crate::score::mot::{Boxes, Row};
use crate::score::{self, Following};
use crate::truth::{Score, Scorer, Truth};
use crate::view::{View, Viewer};

/// Reads a `[[camera]]` table from a TOML file: an office's, or one that has only cameras. `id`: which one;
/// none: the first. What it leaves to other cameras goes where the file says that its area's count isn't their sum: it is left
/// out of sums only.
///
/// # Errors
/// When the file can't be read, a camera's table is wrong, or there is no such camera.
pub fn read_camera(file: &Path, id: Option<&str>) -> Result<Camera> {
    #[derive(Deserialize)]
    struct Cameras {
        #[serde(default, rename = "camera")]
        cameras: Vec<Camera>,
        #[serde(default, rename = "area")]
        areas: Vec<Area>,
    }
    #[derive(Deserialize)]
    struct Area {
        id: AreaId,
        #[serde(default)]
        join: Join,
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
    let cameras: Cameras = toml::from_str(&text).with_context(|| file.display().to_string())?;
    let base = file.parent().unwrap_or(Path::new("."));
    let mut tables = cameras.cameras.into_iter().map(|mut camera: Camera| {
        camera.model = camera.model.map(|model| base.join(model));
        let mut areas = cameras.areas.iter();
        let area = areas.find(|area| area.id == *camera.area.get_ref());
        if area.is_some_and(|area| area.join != Join::Sum) {
            camera.overlaps.clear();
        }
        camera
    });
    match id {
        Some(id) => tables
            .find(|camera| camera.id.as_str() == id)
            .with_context(|| format!("{}: there is no [[camera]] with id {id:?}", file.display())),
        None => tables
            .next()
            .with_context(|| format!("{}: expected a [[camera]] table", file.display())),
    }
}

/// What to do with a film.
#[derive(Debug, Clone)]
pub struct Task<'a> {
    /// The film.
    pub film: &'a Path,
    /// The camera that it stands for.
    pub camera: &'a Camera,
    /// Who is in it, where that is known.
    pub truth: Option<&'a Boxes>,
    /// Frames scored, from 1.
    pub frames: RangeInclusive<u64>,
    /// Only those frames that the camera's `frames_per_second` leaves.
    pub at_pace: bool,
    /// Lines to watch: by the truth with their own dead band, otherwise by how tall people are there.
    pub lines: &'a [Line],
}

/// What was counted, and at what cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The count after each frame looked at, `(frame from 1, count)`; none where a worker would say that it can't tell.
    pub counts: Vec<(u64, Option<u32>)>,
    /// Against the truth, where there is one.
    pub score: Option<Score>,
    /// How well people were followed, where there is a truth.
    pub following: Option<Following>,
    /// What crossed each line in the scored frames, and what truly did.
    pub lines: Vec<LineOutcome>,
    /// CPU of this process for each frame looked at, all of it: reading, detection, counting.
    pub cpu_ms_per_frame: f64,
    /// Who was where in the scored frames.
    #[serde(skip)]
    pub told: Boxes,
}

/// One line's crossings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LineOutcome {
    /// As they were counted.
    pub told: Crossings,
    /// As they were, where that is known.
    pub truth: Option<Crossings>,
}

impl LineOutcome {
    /// How many were counted wrongly; nothing cancels.
    #[must_use]
    pub fn errors(&self) -> Option<u64> {
        let truth = self.truth?;
        Some(self.told.came_in.abs_diff(truth.came_in) + self.told.went_out.abs_diff(truth.went_out))
    }
}

/// Counts a film from its first frame to the last one scored.
///
/// # Errors
/// When the film can't be read, ends before the scored frames begin, or the camera's table or model is wrong.
pub fn count_film(task: &Task<'_>) -> Result<Outcome> {
    let camera = task.camera;
    let named = || format!("camera {}", camera.id);
    let camera = &SoundCamera::alone(camera.clone()).with_context(named)?;
    let scene = scene_of(camera).with_context(named)?;
    let heights = scene.heights;
    let mut film = Film::open(task.film, camera, *task.frames.end(), task.at_pace)?;
    let shared = Shared::of(camera).with_context(named)?;
    let mut occupancy = Occupancy::new(scene.area.clone(), camera.median_of);
    let mut detector = detector_for(camera, scene).with_context(named)?;
    let mut viewer = Viewer::default();
    let mut scorer = Scorer::default();
    let mut gates: Vec<Gate> = Vec::new();
    let (mut counts, mut told) = (Vec::new(), Boxes::default());
    let people = task.truth.map(Truth::of);
    let started = cpu_time()?;
    while let Some((frame, picture)) = film.next()? {
        let at = picture.at;
        if gates.is_empty() {
            let height = f64::from(picture.picture.rows());
            let lines = task.lines.iter();
            gates.extend(lines.map(|line| Gate::new(line.by_heights(heights, height))));
        }
        // As a worker does: what it wouldn't look at isn't looked at here.
        let view = viewer.judge(&picture)?;
        let count = match view {
            View::Clear => {
                let mut sight = detector.detect(&picture)?;
                shared.leave_out(&mut sight);
                occupancy.see(&sight, at)
            }
            View::Jump => occupancy.see(&Sight::Settling, at),
            View::Dark | View::Covered | View::Turned => {
                occupancy.forget();
                None
            }
        };
        counts.push((frame, count));
        if !task.frames.contains(&frame) {
            continue;
        }
        if let Some(people) = &people {
            scorer.add(count, people.people(frame));
        }
        for track in detector.tracks().iter().filter(|_| view == View::Clear) {
            let feet = track.place.foot();
            // Who is only believed to go on hasn't crossed anything.
            for gate in gates.iter_mut().filter(|_| track.is_seen) {
                gate.see(track.id, feet, at);
            }
            told.push(Row {
                frame,
                id: track.id,
                place: track.place,
                is_counted: true,
            });
        }
    }
    let spent = cpu_time()?.saturating_sub(started);
    if counts.last().is_none_or(|(last, _)| last < task.frames.start()) {
        bail!(
            "{}: the film ends before frame {}",
            task.film.display(),
            task.frames.start()
        );
    }
    let looked_at: BTreeSet<u64> = (counts.iter().map(|(frame, _)| *frame))
        .filter(|frame| task.frames.contains(frame))
        .collect();
    let truth_of = |line: &Line| task.truth.map(|truth| crossings(truth, *line, &task.frames));
    Ok(Outcome {
        cpu_ms_per_frame: spent.as_secs_f64() * 1000.0 / counts.len() as f64,
        score: scorer.score(),
        following: (task.truth)
            .map(|truth| score::following(&truth.counted(), &told, |frame| looked_at.contains(&frame))),
        lines: (gates.iter().zip(task.lines))
            .map(|(gate, line)| LineOutcome {
                told: gate.crossings(),
                truth: truth_of(line),
            })
            .collect(),
        counts,
        told,
    })
}

/// What crosses a line by the truth's own boxes.
#[must_use]
pub fn crossings(truth: &Boxes, line: Line, frames: &RangeInclusive<u64>) -> Crossings {
    let mut gate = Gate::new(line);
    for frame in truth.frames().filter(|frame| frames.contains(frame)) {
        for row in truth.of(frame) {
            // A frame a second: numbers in a truth never come again, so that time doesn't matter.
            gate.see(row.id, row.place.foot(), Duration::from_secs(frame));
        }
    }
    gate.crossings()
}

/// A film's frames as the camera would have given them.
pub(crate) struct Film {
    capture: VideoCapture,
    speed: f64,
    beat: Option<Beat>,
    frame: u64,
    last: u64,
}

impl Film {
    /// The film of a camera, up to a frame. `at_pace`: only those frames that the camera's `frames_per_second` leaves.
    pub(crate) fn open(film: &Path, camera: &Camera, last: u64, at_pace: bool) -> Result<Self> {
        let Some(path) = film.to_str().filter(|_| film.is_file()) else {
            bail!("there is no film {}", film.display());
        };
        let capture = VideoCapture::from_file(path, videoio::CAP_FFMPEG)?;
        let speed = match camera.film_frames_per_second {
            Some(speed) => speed,
            None => opencv::prelude::VideoCaptureTraitConst::get(&capture, videoio::CAP_PROP_FPS)?,
        };
        if !(0.1..=240.0).contains(&speed) {
            bail!("{path}: the film doesn't say its speed: set film_frames_per_second");
        }
        Ok(Self {
            capture,
            speed,
            beat: at_pace.then(|| Beat::new(Pace::per_second(camera.frames_per_second))),
            frame: 0,
            last,
        })
    }

    /// The next frame's number, from 1, and its picture.
    pub(crate) fn next(&mut self) -> Result<Option<(u64, Frame)>> {
        while self.frame < self.last && self.capture.grab()? {
            let at = Duration::from_secs_f64(self.frame as f64 / self.speed);
            self.frame += 1;
            if self.beat.as_mut().is_none_or(|beat| beat.is_due(at)) {
                let mut picture = opencv::core::Mat::default();
                self.capture.retrieve(&mut picture, 0)?;
                let taken = UnixMillis(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
                return Ok(Some((self.frame, Frame { picture, at, taken })));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAMERA: &str =
        "[[camera]]\nid = \"hall\"\narea = \"lobby\"\nsource = \"a.avi\"\nperson_heights = [[0.2, 0.1], [0.9, 0.2]]\n";

    #[test]
    fn a_camera_is_read_from_any_file_that_has_one() {
        let dir = tempfile::tempdir().expect("temp");
        let file = dir.path().join("camera.toml");
        std::fs::write(&file, CAMERA).expect("written");
        let camera = read_camera(&file, Some("hall")).expect("read");
        assert_eq!((camera.median_of, camera.still_for), (7, Duration::from_secs(30)));
        let error = read_camera(&file, Some("roof")).expect_err("none").to_string();
        assert!(error.contains("roof"), "{error}");
        let overlap =
            format!("{CAMERA}overlap = [{{ camera = \"roof\", polygon = [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0]] }}]\n");
        for (area, left) in [
            ("", 1),
            ("[[area]]\nid = \"lobby\"\njoin = \"sum\"\n", 1),
            ("[[area]]\nid = \"lobby\"\n", 0),
        ] {
            std::fs::write(&file, format!("{overlap}{area}")).expect("written");
            let camera = read_camera(&file, None).expect("read");
            assert_eq!(camera.overlaps.len(), left, "{area}");
        }
        std::fs::write(&file, CAMERA.replace("id =", "idd =")).expect("written");
        let error = format!("{:#}", read_camera(&file, None).expect_err("wrong"));
        assert!(error.contains("idd"), "{error}");
    }

    #[test]
    fn a_missing_film_is_named() {
        let dir = tempfile::tempdir().expect("temp");
        let file = dir.path().join("camera.toml");
        std::fs::write(&file, CAMERA).expect("written");
        let camera = read_camera(&file, None).expect("read");
        let film = dir.path().join("none.avi");
        let task = Task {
            film: &film,
            camera: &camera,
            truth: None,
            frames: 1..=10,
            at_pace: false,
            lines: &[],
        };
        let error = count_film(&task).expect_err("missing").to_string();
        assert!(error.contains("none.avi"), "{error}");
    }
}
