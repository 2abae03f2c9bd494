//! Car parks in pictures and films, offline: `vision lot`, and a part of `vision check`.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use opencv::core::{Mat, MatTraitConst as _};
use opencv::imgcodecs;
use protocol::config::{Camera, SoundCamera};
use protocol::time::UnixMillis;
use serde::Serialize;

use super::fit;
use super::lot::Lot;
use super::plan::plan;
use crate::camera::Frame;
use crate::count::Film;
use crate::cpu::cpu_time;
use crate::model::tried;
use crate::view::{View, Viewer};

/// A still picture stands for a lot that nothing happens in: it is looked at so often,
const LOOKS: u32 = 3;
/// so far apart, so that what was before it doesn't matter.
const BETWEEN: Duration = Duration::from_secs(10);

/// A bay whose side is shorter, in pixels, has no texture left.
const SMALL: f64 = 16.0;

/// A car park in one picture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    /// The picture's file.
    pub picture: String,
    /// Names of the bays that are taken.
    pub taken: Vec<String>,
    /// How many are free,
    pub free: usize,
    /// of so many.
    pub total: usize,
}

fn lot_of(camera: &Camera) -> Result<Lot> {
    Ok(Lot::new(&SoundCamera::alone(camera.clone())?)?)
}

/// Looks at pictures in their order.
///
/// # Errors
/// When the camera's table, its model or a picture can't be used, by its name.
pub fn look_at(camera: &Camera, pictures: &[impl AsRef<Path>]) -> Result<Vec<Seen>> {
    let mut lot = lot_of(camera).with_context(|| format!("camera {}", camera.id))?;
    let mut at = Duration::ZERO;
    let mut seen = Vec::new();
    for file in pictures {
        let file = file.as_ref();
        let picture = read(file)?;
        let mut frame = Frame {
            picture,
            at,
            taken: UnixMillis(0),
        };
        for _ in 0..LOOKS {
            at += BETWEEN;
            frame.at = at;
            lot.look(&frame).with_context(|| file.display().to_string())?;
        }
        let taken: Vec<String> = (lot.bays())
            .filter(|(_, _, is_taken)| *is_taken == Some(true))
            .map(|(name, _, _)| name.to_owned())
            .collect();
        let total = lot.bays().count();
        seen.push(Seen {
            picture: file.display().to_string(),
            free: total - taken.len(),
            taken,
            total,
        });
    }
    Ok(seen)
}

/// Looks at a film of the lot at the camera's pace, and gives what there is to say, for people to read. `to`: where the bays
/// are drawn as they were at the end, without the picture.
///
/// # Errors
/// What is wrong with the table, the model or the film, by its field.
pub fn check(camera: &Camera, film: &Path, to: Option<&Path>) -> Result<String> {
    let mut lot = lot_of(camera).with_context(|| format!("camera {}", camera.id))?;
    let mut frames = Film::open(film, camera, u64::MAX, true)?;
    let (mut viewer, mut size, mut looks, mut blind) = (Viewer::default(), [0, 0], 0_u32, 0_u32);
    let mut free = None::<(u32, u32)>;
    let started = cpu_time()?;
    while let Some((_, frame)) = frames.next()? {
        size = [frame.picture.cols(), frame.picture.rows()];
        looks += 1;
        if !matches!(viewer.judge(&frame)?, View::Clear | View::Jump) {
            blind += 1;
            lot.forget();
            continue;
        }
        if let Some(places) = lot.look(&frame)? {
            let (least, most) = free.unwrap_or((places.free(), places.free()));
            free = Some((least.min(places.free()), most.max(places.free())));
        }
    }
    let spent = cpu_time()?.saturating_sub(started);
    if looks == 0 {
        bail!("{}: there is no picture in it", film.display());
    }
    let [width, height] = size.map(f64::from);
    let mut said = format!("camera {}: {width:.0}x{height:.0}, {looks} looks\n", camera.id);
    if let Some(model) = &camera.model {
        said += &tried::line_of(model)?;
    }
    for (name, outline, is_taken) in lot.bays() {
        let pixels: Vec<[f64; 2]> = outline.iter().map(|[x, y]| [x * width, y * height]).collect();
        let side = fit::area(&pixels).sqrt();
        let state = match is_taken {
            Some(true) => "taken",
            Some(false) => "free",
            None => "unknown",
        };
        let small = if side < SMALL {
            ": too small to be seen well"
        } else {
            ""
        };
        writeln!(said, "bay {name}\t{state}\t{side:.0} pixels{small}")?;
    }
    match free {
        Some((least, most)) => writeln!(said, "{least} to {most} of {} free", lot.bays().count())?,
        None => writeln!(said, "nothing was seen")?,
    }
    if blind > 0 {
        writeln!(said, "{blind} of the looks: dark, covered or turned away")?;
    }
    let cost = spent.as_secs_f64() * 1000.0 / f64::from(looks);
    writeln!(said, "CPU {cost:.1} ms a look")?;
    if let Some(to) = to {
        std::fs::write(to, plan(&lot, height / width)).with_context(|| to.display().to_string())?;
        writeln!(said, "the bays are drawn in {}", to.display())?;
    }
    Ok(said)
}

fn read(file: &Path) -> Result<Mat> {
    let Some(path) = file.to_str().filter(|_| file.is_file()) else {
        bail!("there is no picture {}", file.display());
    };
    let picture = imgcodecs::imread(path, imgcodecs::IMREAD_COLOR)?;
    if picture.empty() {
        bail!("{path}: no picture that can be read: expected PNG or JPEG");
    }
    Ok(picture)
}
