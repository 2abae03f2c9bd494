//! Trying a camera's table on a film of its place: `vision check`.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use opencv::prelude::{VideoCaptureTrait as _, VideoCaptureTraitConst as _};
use opencv::videoio::{self, VideoCapture};
use protocol::config::{Camera, SoundCamera};
use protocol::time::UnixMillis;

use crate::camera::Frame;
use crate::camera::address::Address;
use crate::camera::capture::{Beat, Pace};
use crate::count::{Task, count_film};
use crate::door::line_in;
use crate::duties::{Duties, scene_of};
use crate::model::tried;
use crate::parking::offline;
use crate::view::{View, Viewer};

/// The film is told in parts of so many seconds.
const PART_SECONDS: f64 = 10.0;

/// Checks a camera's table, counts the film with it, and gives what there is to say, for people to read. `plan`: where a
/// car park's bays are drawn.
///
/// # Errors
/// What is wrong with the table, the model or the film, by its field.
pub fn check(camera: &Camera, film: &Path, plan: Option<&Path>) -> Result<String> {
    let named = || format!("camera {}", camera.id);
    Address::new(&camera.source).with_context(named)?;
    let camera = &SoundCamera::alone(camera.clone()).with_context(named)?;
    if !camera.bays.is_empty() {
        return offline::check(camera, film, plan);
    }
    if plan.is_some() {
        bail!("camera {}: only a car park's bays are drawn", camera.id);
    }
    let scene = scene_of(camera).with_context(named)?;
    Duties::new(camera, &scene).with_context(named)?;
    let Looked { size, speed, blind } = look_through(camera, film)?;
    let line = camera
        .line
        .as_ref()
        .map(|line| line_in(*line.get_ref(), size, &scene.heights));
    let outcome = count_film(&Task {
        film,
        camera,
        truth: None,
        frames: 1..=u64::MAX,
        at_pace: true,
        lines: line.as_slice(),
    })?;
    let mut said = format!(
        "camera {}: {}x{}, {speed:.1} pictures a second\n",
        camera.id, size[0], size[1]
    );
    if let Some(model) = &camera.model {
        said += &tried::line_of(model)?;
    }
    for (name, y) in [("far", scene.area.top()), ("near", 1.0)] {
        let pixels = scene.heights.at(y) * size[1];
        let small = if pixels < 20.0 {
            ": too small to be found well"
        } else {
            ""
        };
        writeln!(
            said,
            "a person at the {name} end of the outline: {pixels:.0} pixels tall{small}"
        )?;
    }
    let whom = if camera.is_gate() { "cars" } else { "people" };
    let frames_a_part = (PART_SECONDS * speed).max(1.0);
    let part_of = |frame: u64| ((frame - 1) as f64 / frames_a_part) as u64;
    for part in outcome.counts.chunk_by(|(a, _), (b, _)| part_of(*a) == part_of(*b)) {
        let from = part.first().map_or(0, |(frame, _)| part_of(*frame)) as f64 * PART_SECONDS;
        let known: Vec<u32> = part.iter().filter_map(|(_, count)| *count).collect();
        let people = match (known.iter().min(), known.iter().max()) {
            (Some(least), Some(most)) => {
                let mean = known.iter().map(|count| f64::from(*count)).sum::<f64>() / known.len() as f64;
                format!("{mean:.1} {whom} ({least} to {most})")
            }
            _ => "unknown".to_owned(),
        };
        writeln!(said, "from {from:.0} s\t{people}")?;
    }
    for overlap in &camera.overlaps {
        writeln!(said, "left out: whom camera {} counts", overlap.camera)?;
    }
    for crossed in &outcome.lines {
        let told = crossed.told;
        writeln!(said, "the line: {} in, {} out", told.came_in, told.went_out)?;
    }
    for (view, share) in blind {
        writeln!(said, "{:.0} % of the pictures: {view}", share * 100.0)?;
    }
    writeln!(said, "CPU {:.1} ms a picture", outcome.cpu_ms_per_frame)?;
    Ok(said)
}

/// What a film is like.
struct Looked {
    /// Pixels wide and high.
    size: [f64; 2],
    /// Pictures a second.
    speed: f64,
    /// Which shares of its pictures nobody can be seen in, and why.
    blind: Vec<(&'static str, f64)>,
}

/// Looks at a film's pictures at the camera's pace, without looking for people.
fn look_through(camera: &Camera, film: &Path) -> Result<Looked> {
    if !film.is_file() {
        bail!("there is no film {}", film.display());
    }
    let mut capture = VideoCapture::from_file(film, videoio::CAP_FFMPEG)?;
    let width = capture.get(videoio::CAP_PROP_FRAME_WIDTH)?;
    let height = capture.get(videoio::CAP_PROP_FRAME_HEIGHT)?;
    let claimed = capture.get(videoio::CAP_PROP_FPS)?;
    let speed = camera.film_frames_per_second.unwrap_or(claimed);
    if !(0.1..=240.0).contains(&speed) {
        bail!(
            "{}: the film doesn't say its speed: set film_frames_per_second",
            film.display()
        );
    }
    let (mut viewer, mut beat) = (Viewer::default(), Beat::new(Pace::per_second(camera.frames_per_second)));
    let (mut all, mut blind) = (0_u32, [("dark", 0_u32), ("covered", 0), ("turned away", 0)]);
    for frame in 0_u32.. {
        if !capture.grab()? {
            break;
        }
        let at = std::time::Duration::from_secs_f64(f64::from(frame) / speed);
        if !beat.is_due(at) {
            continue;
        }
        let mut picture = opencv::core::Mat::default();
        capture.retrieve(&mut picture, 0)?;
        let taken = UnixMillis(u64::try_from(at.as_millis()).unwrap_or(u64::MAX));
        all += 1;
        let which = match viewer.judge(&Frame { picture, at, taken })? {
            View::Clear | View::Jump => continue,
            View::Dark => 0,
            View::Covered => 1,
            View::Turned => 2,
        };
        blind[which].1 += 1;
    }
    let seen = blind.into_iter().filter(|(_, pictures)| *pictures > 0);
    let shares = seen.map(|(view, pictures)| (view, f64::from(pictures) / f64::from(all)));
    Ok(Looked {
        size: [width, height],
        speed,
        blind: shares.collect(),
    })
}
