//! The demo's content: one film and two pictures, drawn and encoded here, so that nothing is downloaded
//! and nobody's rights are touched.

mod drawing;
mod film;
mod music;
mod slides;

use std::path::Path;

use anyhow::{Context, Result};

/// The main zone's size in the demo's layout: contents come in the size at which they are shown.
pub const SIZE: (u32, u32) = (832, 468);

/// Writes `madoguchi.mp4`, `my-number.png` and `kosodate.png`. Files of these names are replaced.
///
/// # Errors
/// When the folder can't be written, or GStreamer lacks an encoder.
pub fn make(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).with_context(|| format!("{} can't be made", folder.display()))?;
    slides::write(&folder.join("my-number.png"), slides::my_number)?;
    slides::write(&folder.join("kosodate.png"), slides::child_care)?;
    // The film gets its name when it is whole.
    let part = folder.join(".madoguchi.mp4.part");
    film::write(&part)?;
    std::fs::rename(&part, folder.join("madoguchi.mp4")).context("madoguchi.mp4")
}
