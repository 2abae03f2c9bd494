//! A rig: the drawing of an avatar in layers, and how each layer follows the pose.
//!
//! Invariant: a loaded [`Rig`] is whole: every drawing it names is in its SVG, every in-between can be
//! made. What can go wrong goes wrong in [`Rig::load`].

use std::path::{Path, PathBuf};

/// A loaded and checked rig.
#[derive(Debug)]
pub struct Rig {}

/// Why a rig can't be used. Every message names the file and, where there is one, the layer.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// A file can't be read.
    #[error("{file}: {source}")]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Rig {
    /// Loads `rig.toml` and the SVG it names from a folder such as `configs/rigs/hibari`.
    pub fn load(folder: &Path) -> Result<Self, RigError> {
        todo!("{folder:?}")
    }

    /// Width and height of the drawing in its own units; paint at this ratio to waste no pixels.
    pub fn size(&self) -> (f32, f32) {
        todo!()
    }
}
