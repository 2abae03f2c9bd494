//! What a model's forward pass costs, without anything around it: `vision models time`.

use std::path::Path;

use anyhow::{Result, bail};
use opencv::core::{Mat, MatTraitConst as _, Rect};

use super::{Model, add::first_picture};
use crate::cpu::cpu_time;

/// Looks before the measurement: the first ones allocate.
const WARM_UP: u32 = 3;

/// CPU milliseconds a look at a whole picture, the mean of `looks`: the picture is brought into the model's input, the
/// network runs, its answer is read.
///
/// # Errors
/// When the model or the picture can't be used, or `looks` is 0.
pub fn time(model: &Path, picture: &Path, looks: u32) -> Result<f64> {
    let mut model = Model::open(model)?;
    cpu_a_look(&mut model, &first_picture(picture)?, looks)
}

/// As [`time`], of a model that is open.
pub(super) fn cpu_a_look(model: &mut Model, picture: &Mat, looks: u32) -> Result<f64> {
    if looks == 0 {
        bail!("--looks 0: expected at least 1");
    }
    for _ in 0..WARM_UP {
        model.find(picture, whole(picture))?;
    }
    let begin = cpu_time()?;
    for _ in 0..looks {
        model.find(picture, whole(picture))?;
    }
    Ok((cpu_time()? - begin).as_secs_f64() * 1000.0 / f64::from(looks))
}

/// All of a picture.
pub(super) fn whole(picture: &Mat) -> Rect {
    Rect::new(0, 0, picture.cols(), picture.rows())
}
