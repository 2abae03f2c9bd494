//! Films, devices and network cameras by OpenCV.

use std::path::Path;
use std::time::{Duration, Instant};

use opencv::core::{Mat, Vector};
use opencv::prelude::{VideoCaptureTrait as _, VideoCaptureTraitConst as _};
use opencv::videoio::{self, VideoCapture};

use super::address::Address;
use super::{CameraError, FrameSource};

/// A network camera must answer in this time, and then go on giving pictures. Under the watchdog's usual limit, so
/// that a camera that is merely away is an error and not a hang. (OpenCV 4.6 doesn't keep to it everywhere: opencv#22677.)
const NETWORK_LIMIT_MS: i32 = 10_000;

/// A source that OpenCV reads.
pub struct OpenCvSource {
    capture: VideoCapture,
    clock: Clock,
}

/// How the time of a picture is known.
enum Clock {
    Film {
        frames_per_second: f64,
        frames: u64,
        since_start: u64,
    },
    Live(Instant),
}

impl std::fmt::Debug for OpenCvSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenCvSource")
            .field("is_live", &self.is_live())
            .finish_non_exhaustive()
    }
}

impl OpenCvSource {
    /// Opens a camera. `film_speed`: a film's true pictures a second where it claims another.
    ///
    /// # Errors
    /// [`CameraError`] when it isn't there.
    pub fn open(address: &Address, film_speed: Option<f64>) -> Result<Self, CameraError> {
        let capture = match address {
            Address::Film(path) if !Path::new(path).is_file() => return Err(CameraError::NoFile(path.clone())),
            Address::Film(path) => VideoCapture::from_file(path, videoio::CAP_FFMPEG)?,
            Address::Device(number) => VideoCapture::new(*number, videoio::CAP_V4L2)?,
            // Its player's, and not OpenCV's.
            Address::Screen(_) => return Err(CameraError::CantOpen),
            Address::Network(url) => {
                let limits = Vector::from_slice(&[
                    videoio::CAP_PROP_OPEN_TIMEOUT_MSEC,
                    NETWORK_LIMIT_MS,
                    videoio::CAP_PROP_READ_TIMEOUT_MSEC,
                    NETWORK_LIMIT_MS,
                ]);
                VideoCapture::from_file_with_params(url, videoio::CAP_FFMPEG, &limits)?
            }
        };
        if !capture.is_opened()? {
            return Err(CameraError::CantOpen);
        }
        let clock = match address {
            Address::Film(_) => Clock::Film {
                frames_per_second: speed_of(&capture, film_speed)?,
                frames: 0,
                since_start: 0,
            },
            Address::Device(_) | Address::Network(_) | Address::Screen(_) => Clock::Live(Instant::now()),
        };
        Ok(Self { capture, clock })
    }

    /// Goes to a film's first picture. False: it has none.
    fn rewind(&mut self) -> Result<bool, CameraError> {
        self.capture.set(videoio::CAP_PROP_POS_FRAMES, 0.0)?;
        Ok(self.capture.grab()?)
    }
}

fn speed_of(capture: &VideoCapture, film_speed: Option<f64>) -> Result<f64, CameraError> {
    let claimed = capture.get(videoio::CAP_PROP_FPS)?;
    let speed = film_speed.unwrap_or(claimed);
    if (0.1..=240.0).contains(&speed) {
        Ok(speed)
    } else {
        Err(CameraError::NoSpeed)
    }
}

impl FrameSource for OpenCvSource {
    fn advance(&mut self) -> Result<Duration, CameraError> {
        let mut is_there = self.capture.grab()?;
        if let Clock::Film { since_start, .. } = &mut self.clock
            && !is_there
            && *since_start > 0
        {
            *since_start = 0;
            is_there = self.rewind()?;
        }
        if !is_there {
            return Err(CameraError::Ended);
        }
        Ok(match &mut self.clock {
            Clock::Live(start) => start.elapsed(),
            Clock::Film {
                frames_per_second,
                frames,
                since_start,
            } => {
                // A film of years stays exact: u64 frames to f64 seconds.
                let at = Duration::from_secs_f64(*frames as f64 / *frames_per_second);
                *frames += 1;
                *since_start += 1;
                at
            }
        })
    }

    fn picture(&mut self) -> Result<Mat, CameraError> {
        let mut picture = Mat::default();
        if self.capture.retrieve(&mut picture, 0)? {
            Ok(picture)
        } else {
            Err(CameraError::Ended)
        }
    }

    fn is_live(&self) -> bool {
        matches!(self.clock, Clock::Live(_))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_film_is_named_and_garbage_is_refused() {
        let dir = tempfile::tempdir().expect("temp");
        let path = dir.path().join("film.avi");
        let address = Address::new(&path.to_string_lossy()).expect("a film");
        let error = OpenCvSource::open(&address, None).expect_err("missing").to_string();
        assert!(error.contains("film.avi"), "{error}");
        std::fs::write(&path, b"this is not a film").expect("written");
        assert!(matches!(OpenCvSource::open(&address, None), Err(CameraError::CantOpen)));
    }
}
