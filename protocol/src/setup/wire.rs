//! What the office's server asks of the camera worker on the same machine, over a local socket: one line of JSON asks, lines of
//! JSON answer.

use serde::{Deserialize, Serialize};

use super::Geometry;
use crate::congestion::CameraStatus;
use crate::ids::CameraId;
use crate::time::UnixMillis;

/// The longest line either side reads, in bytes.
pub const LONGEST_LINE: usize = 1 << 20;

/// The largest film that an admin may bring, in bytes: ten minutes of a camera's usual stream are some 300 MB.
pub const LARGEST_FILM: u64 = 512 * 1024 * 1024;

/// The longest that boxes are shown in one go, in seconds; the worker itself ends what is longer.
pub const LONGEST_WATCH_S: u64 = 600;

/// What the server asks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum Ask {
    /// A blurred still of what a camera sees.
    Picture {
        /// Which.
        camera: CameraId,
    },
    /// Where people are found now, for so many seconds ([`LONGEST_WATCH_S`] at most).
    Watch {
        /// Which.
        camera: CameraId,
        /// For how long.
        seconds: u64,
    },
    /// What a camera that is set up so would count in a film.
    Trial {
        /// Which.
        camera: CameraId,
        /// Set up so.
        geometry: Geometry,
        /// Which.
        film: Film,
    },
}

/// A film on which a set-up is tried.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Film {
    /// One of the folder `vision.films`, by its name.
    Named(String),
    /// One that who asks holds open, by the number of their descriptor (`/proc/PID/fd/N`): it lies in memory.
    Held(u32),
}

/// What the worker answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// The still. The last answer.
    Picture(Still),
    /// Where people are found.
    Boxes(Boxes),
    /// What was counted. The last answer.
    Counted(Counted),
    /// It can't be had. The last answer.
    Refused {
        /// Why.
        why: Why,
    },
}

/// A still in which nobody can be known.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Still {
    /// Pixels wide.
    pub width: u32,
    /// Pixels high.
    pub height: u32,
    /// The camera's own picture: width and height in pixels.
    pub of: [u32; 2],
    /// A PNG, in base64.
    pub png: String,
}

impl std::fmt::Debug for Still {
    /// Without the picture: it belongs in no log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Still")
            .field("width", &self.width)
            .field("height", &self.height)
            .finish_non_exhaustive()
    }
}

/// Where people are found at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Boxes {
    /// When.
    pub at: UnixMillis,
    /// What is the matter with the camera.
    pub status: CameraStatus,
    /// The camera's count.
    pub count: Option<u32>,
    /// Who is found.
    pub people: Vec<Found>,
}

/// Somebody who is found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// Left edge, upper edge, width, height; shares of the picture.
    pub place: [f64; 4],
    /// Whether their feet are in the outline.
    pub is_counted: bool,
}

/// What was counted in a film.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    /// For each second of the film from its start: people in the outline, `None` where that can't be told.
    pub seconds: Vec<Option<u32>>,
    /// Who crossed the line to its right and to its left, where there is one.
    pub crossed: Option<[u64; 2]>,
}

/// Why it can't be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// It has no such camera.
    NoCamera,
    /// The camera gives no picture now.
    NoPicture,
    /// Somebody else asks for the same now.
    Busy,
    /// There is no such film.
    NoFilm,
    /// The film can't be read, or not counted with this.
    CantCount,
    /// It takes too long.
    TooLong,
    /// What was brought is no film that can be opened.
    NotAFilm,
    /// What was brought is larger than [`LARGEST_FILM`].
    TooLarge,
    /// It broke off on its way.
    BrokenOff,
    /// The server has no memory for it.
    NoSpace,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_round_trip() {
        let camera = CameraId::new("hall").expect("valid");
        let ask = Ask::Watch { camera, seconds: 9 };
        let json = serde_json::to_string(&ask).expect("json");
        assert_eq!(json, r#"{"ask":"watch","camera":"hall","seconds":9}"#);
        assert_eq!(serde_json::from_str::<Ask>(&json).expect("json"), ask);
        let boxes = Answer::Boxes(Boxes {
            at: UnixMillis(7),
            status: CameraStatus::Seeing,
            count: Some(1),
            people: vec![Found {
                place: [0.1, 0.2, 0.3, 0.4],
                is_counted: true,
            }],
        });
        let json = serde_json::to_string(&boxes).expect("json");
        assert_eq!(serde_json::from_str::<Answer>(&json).expect("json"), boxes);
        for (film, json) in [
            (Film::Named("a.avi".to_owned()), r#"{"named":"a.avi"}"#),
            (Film::Held(7), r#"{"held":7}"#),
        ] {
            assert_eq!(serde_json::to_string(&film).expect("json"), json);
            assert_eq!(serde_json::from_str::<Film>(json).expect("json"), film);
        }
        let refused = Answer::Refused { why: Why::NoPicture };
        assert_eq!(
            serde_json::to_string(&refused).expect("json"),
            r#"{"answer":"refused","why":"no_picture"}"#
        );
    }
}
