//! Counting a film offline and scoring the counts: `vision count`.

use std::ops::RangeInclusive;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use opencv::prelude::VideoCaptureTrait as _;
use opencv::videoio::{self, VideoCapture};
use protocol::config::Camera;
use serde::{Deserialize, Serialize};

use crate::camera::Frame;
use crate::camera::capture::{Beat, Pace};
use crate::detect::Detector as _;
use crate::detect::motion::Motion;
use crate::occupancy::Occupancy;
use crate::truth::{Score, Scorer, Truth};
use crate::worker::scene_of;

/// Reads a `[[camera]]` table from a TOML file: an office's, or one that has only cameras. `id`: which one;
/// none: the first.
///
/// # Errors
/// When the file can't be read, a camera's table is wrong, or there is no such camera.
pub fn read_camera(file: &Path, id: Option<&str>) -> Result<Camera> {
    #[derive(Deserialize)]
    struct Cameras {
        #[serde(default, rename = "camera")]
        cameras: Vec<Camera>,
    }
    let text = std::fs::read_to_string(file).with_context(|| format!("{} can't be read", file.display()))?;
    let cameras: Cameras = toml::from_str(&text).with_context(|| file.display().to_string())?;
    let mut cameras = cameras.cameras.into_iter();
    match id {
        Some(id) => cameras
            .find(|camera| camera.id.as_str() == id)
            .with_context(|| format!("{}: there is no [[camera]] with id {id:?}", file.display())),
        None => cameras
            .next()
            .with_context(|| format!("{}: expected a [[camera]] table", file.display())),
    }
}

/// What was counted, and at what cost.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Outcome {
    /// The count after each frame looked at, `(frame from 1, count)`.
    pub counts: Vec<(u64, Option<u32>)>,
    /// Against the truth, where there is one.
    pub score: Option<Score>,
    /// CPU of this process for each frame looked at, all of it: reading, detection, counting.
    pub cpu_ms_per_frame: f64,
}

/// Counts a film from its first frame to the last of `frames` (from 1), and scores those in `frames`. All
/// frames are looked at, or with `at_pace` only those that the camera's `frames_per_second` leaves.
///
/// # Errors
/// When the film can't be read, ends before `frames` begins, or the camera's table is wrong.
pub fn count_film(
    film: &Path,
    camera: &Camera,
    truth: Option<&Truth>,
    frames: RangeInclusive<u64>,
    at_pace: bool,
) -> Result<Outcome> {
    let scene = scene_of(camera).with_context(|| format!("camera {}", camera.id))?;
    let Some(path) = film.to_str().filter(|_| film.is_file()) else {
        bail!("there is no film {}", film.display());
    };
    let mut capture = VideoCapture::from_file(path, videoio::CAP_FFMPEG)?;
    let speed = match camera.film_frames_per_second {
        Some(speed) => speed,
        None => opencv::prelude::VideoCaptureTraitConst::get(&capture, videoio::CAP_PROP_FPS)?,
    };
    if !(0.1..=240.0).contains(&speed) {
        bail!(
            "{}: the film doesn't say its speed: set film_frames_per_second",
            film.display()
        );
    }
    let mut beat = Beat::new(Pace::per_second(camera.frames_per_second));
    let mut occupancy = Occupancy::new(scene.area.clone(), camera.median_of);
    let mut detector = Motion::new(scene);
    let mut scorer = Scorer::default();
    let mut counts = Vec::new();
    let started = cpu_time()?;
    for frame in 1..=*frames.end() {
        if !capture.grab()? {
            break;
        }
        let at = Duration::from_secs_f64((frame - 1) as f64 / speed);
        if at_pace && !beat.is_due(at) {
            continue;
        }
        let mut picture = opencv::core::Mat::default();
        capture.retrieve(&mut picture, 0)?;
        let sight = detector.detect(&Frame { picture, at })?;
        let count = occupancy.see(&sight, at);
        counts.push((frame, count));
        if let Some(truth) = truth.filter(|_| frames.contains(&frame)) {
            scorer.add(count, truth.people(frame));
        }
    }
    let spent = cpu_time()?.saturating_sub(started);
    if counts.last().is_none_or(|(last, _)| last < frames.start()) {
        bail!("{}: the film ends before frame {}", film.display(), frames.start());
    }
    Ok(Outcome {
        cpu_ms_per_frame: spent.as_secs_f64() * 1000.0 / counts.len() as f64,
        score: scorer.score(),
        counts,
    })
}

/// CPU time of this process, all threads, user and system (`/proc/self/stat`, fields 14 and 15, in the kernel's
/// ticks of 1/100 s: proc(5)).
fn cpu_time() -> Result<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("/proc/self/stat")?;
    // The name in field 2 may hold spaces; after its bracket comes field 3.
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest).split_whitespace();
    let ticks: Vec<u64> = fields.skip(11).take(2).filter_map(|field| field.parse().ok()).collect();
    match ticks[..] {
        [user, system] => Ok(Duration::from_millis((user + system) * 10)),
        _ => bail!("/proc/self/stat: expected numbers in fields 14 and 15"),
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
        let error = count_film(&film, &camera, None, 1..=10, false)
            .expect_err("missing")
            .to_string();
        assert!(error.contains("none.avi"), "{error}");
    }

    #[test]
    fn cpu_time_grows() {
        let before = cpu_time().expect("read");
        let mut sum = 0_u64;
        while cpu_time().expect("read") < before + Duration::from_millis(20) {
            sum = sum.wrapping_add(1);
        }
        assert!(sum > 0);
    }
}
