//! Detectors from model files: a file, the card beside it that says how it is used, and what it finds.
//!
//! Invariant: a model finds nothing before its file's SHA-256, its card and the shape of its answer agree.

pub mod add;
pub mod boxes;
pub mod card;
pub mod decode;
pub mod net;
pub mod time;

pub use boxes::{Box2, Found, Kind};
pub use card::Card;
pub use net::Model;

use std::path::PathBuf;

/// Why a model can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// A file isn't there, or can't be read.
    #[error("model {file}: it can't be read: {error}")]
    Read {
        /// The file.
        file: PathBuf,
        /// The system's words.
        error: std::io::Error,
    },
    /// The card isn't there.
    #[error("model {file}: there is no card {card}: `./madoguchi models add` checks a model and writes it")]
    NoCard {
        /// The model's file.
        file: PathBuf,
        /// Its card's.
        card: PathBuf,
    },
    /// The card is wrong.
    #[error("{card}: {why}")]
    Card {
        /// The card's file.
        card: PathBuf,
        /// What is wrong in it.
        why: String,
    },
    /// The file isn't the one that was checked.
    #[error("model {file}: its SHA-256 is {found}, the card says {expected}: fetch it again, or add it again")]
    Hash {
        /// The file.
        file: PathBuf,
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// OpenCV doesn't understand the file.
    #[error("model {file}: OpenCV can't open it as {format}: broken, or with parts that OpenCV 4.6 doesn't know")]
    Open {
        /// The file.
        file: PathBuf,
        /// What it was taken for.
        format: &'static str,
    },
    /// Its answer isn't what such a model answers.
    #[error("model {file}: {why}; expected {expected}")]
    Shape {
        /// The file.
        file: PathBuf,
        /// What came.
        why: String,
        /// What should have come.
        expected: String,
    },
    /// OpenCV's own words.
    #[error("OpenCV: {0}")]
    OpenCv(#[from] opencv::Error),
}
