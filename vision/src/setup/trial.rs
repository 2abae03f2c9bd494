//! What a camera that is set up so would count in a film: in a process of its own (`vision trial`), so that a film that crashes
//! a decoder takes nothing with it, and at the lowest priority, so that counting goes on beside it.

use std::io::{BufRead, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use opencv::prelude::VideoCaptureTraitConst as _;
use opencv::videoio::{self, VideoCapture};
use protocol::config::{Camera, Config, SoundCamera};
use protocol::setup::{Answer, Counted, Geometry, Why, camera_toml};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;

use crate::count::{Film, Task, count_film};
use crate::door::line_in;
use crate::duties::scene_of;
use crate::parking::lot::Lot;

/// A trial that takes longer is ended.
const LONGEST: Duration = Duration::from_secs(600);

/// Of a film no more than so many seconds are told: three hours.
const MOST_SECONDS: usize = 3 * 3600;

/// The longest answer of the process, in bytes.
const LONGEST_ANSWER: u64 = 1 << 19;

/// What the process is told on its standard input.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    /// The camera's table in TOML.
    table: String,
    film: PathBuf,
}

/// A film of the office's folder by its name; `None`: there is none, or that is no name of one.
#[must_use]
pub fn film_of(folder: Option<&Path>, name: &str) -> Option<PathBuf> {
    let is_name = !name.starts_with('.') && Path::new(name).file_name().is_some_and(|last| last == name);
    let film = folder.filter(|_| is_name)?.join(name);
    film.is_file().then_some(film)
}

/// A film that a process holds open, by its descriptor's number; `None`: that is no file.
#[must_use]
pub fn held_by(process: Option<i32>, descriptor: u32) -> Option<PathBuf> {
    let film = PathBuf::from(format!("/proc/{}/fd/{descriptor}", process?));
    film.is_file().then_some(film)
}

/// Counts a film with a camera that is set up so. Ends when it is dropped.
///
/// # Errors
/// Why it can't.
pub async fn run(config: &Config, camera: &Camera, geometry: Geometry, film: PathBuf) -> Result<Counted, Why> {
    let failed = |error: std::io::Error| {
        tracing::error!(%error, "a trial's process can't be started, or can't be spoken with");
        Why::CantCount
    };
    let camera = config.with_overlaps_that_count(geometry.into_camera(camera.clone()));
    let order = Order {
        table: camera_toml(&camera),
        film,
    };
    let mut line = serde_json::to_vec(&order).map_err(|_| Why::CantCount)?;
    line.push(b'\n');
    // The program that runs, also when its file has been replaced since. Its core dumps are off, so nobody but itself may follow
    // this link (proc(5)): `nice` couldn't start it.
    let mut child = Command::new("/proc/self/exe")
        .arg0("vision")
        .arg("trial")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(failed)?;
    let (Some(mut input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
        return Err(Why::CantCount);
    };
    // Before it has anything to do.
    if let Some(process) = child.id()
        && !lower(process).await
    {
        tracing::warn!("renice can't lower a trial's priority: it counts beside the cameras");
    }
    let told = async {
        tokio::io::AsyncWriteExt::write_all(&mut input, &line).await?;
        drop(input);
        let mut text = String::new();
        output.take(LONGEST_ANSWER).read_to_string(&mut text).await?;
        Ok(text)
    };
    let text = tokio::time::timeout(LONGEST, told)
        .await
        .map_err(|_| Why::TooLong)?
        .map_err(failed)?;
    match serde_json::from_str(&text) {
        Ok(Answer::Counted(counted)) => Ok(counted),
        Ok(Answer::Refused { why }) => Err(why),
        _ => Err(Why::CantCount),
    }
}

/// Gives a process the lowest priority. False: that can't be done.
async fn lower(process: u32) -> bool {
    let renice = Command::new("renice")
        .args(["-n", "19", "-p", &process.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    renice.await.is_ok_and(|status| status.success())
}

/// The process: reads its order from `input`, writes an [`Answer`] to `output`.
///
/// # Errors
/// When nobody hears it.
pub fn process(mut input: impl BufRead, mut output: impl Write) -> Result<()> {
    let mut line = String::new();
    input.read_line(&mut line)?;
    let answer = match counted(&line) {
        Ok(counted) => Answer::Counted(counted),
        Err(error) if error.is::<NotAFilm>() => Answer::Refused { why: Why::NotAFilm },
        Err(_) => Answer::Refused { why: Why::CantCount },
    };
    serde_json::to_writer(&mut output, &answer)?;
    output.flush()?;
    Ok(())
}

/// Nothing opens it.
#[derive(Debug, thiserror::Error)]
#[error("that is no film")]
struct NotAFilm;

fn counted(order: &str) -> Result<Counted> {
    #[derive(Deserialize)]
    struct Cameras {
        camera: [Camera; 1],
    }
    let order: Order = serde_json::from_str(order)?;
    let Cameras { camera: [camera] } = toml::from_str(&order.table)?;
    let camera = SoundCamera::alone(camera)?;
    let path = order.film.to_str().context("the film's name")?;
    let film = VideoCapture::from_file(path, videoio::CAP_FFMPEG)?;
    if !film.is_opened()? {
        return Err(NotAFilm.into());
    }
    let sides = [videoio::CAP_PROP_FRAME_WIDTH, videoio::CAP_PROP_FRAME_HEIGHT];
    let [width, height] = sides.map(|side| film.get(side));
    let speed = match camera.film_frames_per_second {
        Some(speed) => speed,
        None => film.get(videoio::CAP_PROP_FPS)?,
    };
    drop(film);
    if !camera.bays.is_empty() {
        let (mut lot, mut frames) = (Lot::new(&camera)?, Film::open(&order.film, &camera, u64::MAX, true)?);
        let mut counts = Vec::new();
        while let Some((number, frame)) = frames.next()? {
            counts.push((number, lot.look(&frame)?.map(|places| places.taken)));
        }
        return Ok(Counted {
            seconds: by_second(&counts, speed),
            crossed: None,
        });
    }
    let size = [width?, height?];
    let heights = scene_of(&camera)?.heights;
    let line = camera
        .line
        .as_ref()
        .map(|line| line_in(*line.get_ref(), size, &heights));
    let outcome = count_film(&Task {
        film: &order.film,
        camera: &camera,
        truth: None,
        frames: 1..=u64::MAX,
        at_pace: true,
        lines: line.as_slice(),
    })?;
    let crossed = outcome.lines.first().map(|line| line.told);
    Ok(Counted {
        seconds: by_second(&outcome.counts, speed),
        crossed: crossed.map(|crossed| [crossed.came_in, crossed.went_out]),
    })
}

/// The last count of each second; where there was no picture in one, the one before.
fn by_second(counts: &[(u64, Option<u32>)], speed: f64) -> Vec<Option<u32>> {
    let mut seconds: Vec<Option<u32>> = Vec::new();
    for (frame, count) in counts {
        let second = (frame.saturating_sub(1) as f64 / speed) as usize;
        if second >= MOST_SECONDS {
            break;
        }
        let before = seconds.last().copied().flatten();
        while seconds.len() <= second {
            seconds.push(before);
        }
        seconds[second] = *count;
    }
    seconds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_second_has_its_last_count() {
        let counts = [(1, None), (3, Some(2)), (5, Some(3)), (6, Some(4)), (17, Some(1))];
        assert_eq!(by_second(&counts, 4.0), [Some(2), Some(4), Some(4), Some(4), Some(1)]);
        assert_eq!(by_second(&[], 4.0), []);
    }

    #[test]
    fn only_films_of_the_folder_are_films() {
        let dir = tempfile::tempdir().expect("temp");
        std::fs::write(dir.path().join("hall.avi"), b"x").expect("written");
        std::fs::create_dir(dir.path().join("films")).expect("made");
        std::fs::write(dir.path().join("films/.hidden"), b"x").expect("written");
        let films = dir.path().join("films");
        assert!(film_of(Some(dir.path()), "hall.avi").is_some());
        for name in [
            "../hall.avi",
            "",
            ".",
            "..",
            ".hidden",
            "/etc/passwd",
            "films",
            "none.avi",
        ] {
            assert_eq!(film_of(Some(&films), name), None, "{name:?}");
        }
        assert_eq!(film_of(None, "hall.avi"), None);
    }

    #[test]
    fn a_film_that_is_none_is_an_answer_and_no_crash() {
        let order = br#"{"table":"[[camera]]\nid = \"a\"\narea = \"b\"\nsource = \"c.avi\"\nperson_heights = [[0.3, 0.1], [0.9, 0.2]]","film":"/nowhere.avi"}"#;
        let mut said = Vec::new();
        process(&order[..], &mut said).expect("heard");
        assert_eq!(said, br#"{"answer":"refused","why":"not_a_film"}"#);
    }
}
