//! Detectors from model files: a file, the card beside it that says how it is used, and what it finds.
//!
//! Invariant: a model finds nothing before its file's SHA-256, its card and the shape of its answer agree.

pub mod add;
pub mod boxes;
pub mod card;
mod darknet;
pub mod decode;
pub mod nanodet;
pub mod net;
mod onnx;
pub mod time;
pub mod tried;

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
    /// The file takes pictures of another size than the card says.
    #[error(
        "model {file}: it takes pictures of {takes}, its card says input = [{}, {}]: add it again with `./madoguchi models add`",
        card[0], card[1]
    )]
    Input {
        /// The file.
        file: PathBuf,
        /// Width and height that it takes, in words.
        takes: String,
        /// What the card says.
        card: [usize; 2],
    },
    /// A part of the file is missing.
    #[error("model {file}: {has} bytes, its network needs {needs}: it is cut off, fetch it again")]
    Short {
        /// The file.
        file: PathBuf,
        /// Bytes that it has.
        has: u64,
        /// Bytes that its description says.
        needs: u64,
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
