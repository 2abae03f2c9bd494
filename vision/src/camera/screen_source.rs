//! Pictures that the player of a screen on this machine shares: it holds the camera, as only one program can. They are read
//! from its memory, and nothing is ever told to it.

use std::path::Path;
use std::time::Duration;

use frames::{End, Format, Reader, Socket};
use opencv::core::{Mat, MatTraitManual as _, Scalar};
use protocol::ids::ScreenId;
use protocol::time::UnixMillis;

use super::{CameraError, FrameSource};

/// One wait for a picture. Who waits in vain for long is ended by who has started it.
const WAIT: Duration = Duration::from_secs(1);

/// Why the player gives no pictures.
#[derive(Debug, thiserror::Error)]
pub enum ScreenError {
    /// Nobody shares them.
    #[error("the player of screen {0} isn't running on this machine, or has no camera: see [screen.camera]")]
    Nobody(ScreenId),
    /// Another user's program does.
    #[error("the player of screen {0} runs as another user: start it and vision as the same one")]
    Stranger(ScreenId),
    /// It has ended, or its camera's process has.
    #[error("the player of screen {0} has ended, or shares its camera no more")]
    Gone(ScreenId),
    /// Its own words.
    #[error("the player of screen {0}: {1}")]
    Said(ScreenId, String),
    /// What comes from it can't be read.
    #[error("what the player of screen {0} shares can't be read: {1}")]
    Unreadable(ScreenId, String),
}

/// A screen's camera.
#[derive(Debug)]
pub struct ScreenSource {
    screen: ScreenId,
    reader: Reader,
    pixels: Vec<u8>,
    /// Width and height of what is in `pixels`.
    size: [i32; 2],
    taken: Option<UnixMillis>,
    /// The first picture's time: the player's clock began earlier.
    start: Option<Duration>,
}

impl ScreenSource {
    /// Comes to the player of a screen. `home`: the screen's folder, as the player knows it.
    ///
    /// # Errors
    /// [`ScreenError`] when it doesn't run here, or as another user.
    pub fn open(screen: &ScreenId, home: &Path) -> Result<Self, CameraError> {
        let socket = Socket::connect(&frames::name_of(home)?).map_err(|end| match end {
            End::System(error) if error.kind() == std::io::ErrorKind::ConnectionRefused => {
                ScreenError::Nobody(screen.clone())
            }
            end => error_of(screen, end),
        })?;
        Ok(Self {
            screen: screen.clone(),
            reader: Reader::new(socket),
            pixels: Vec::new(),
            size: [0; 2],
            taken: None,
            start: None,
        })
    }
}

fn error_of(screen: &ScreenId, end: End) -> ScreenError {
    let screen = screen.clone();
    match end {
        End::Gone => ScreenError::Gone(screen),
        End::Stranger => ScreenError::Stranger(screen),
        End::Said(why) => ScreenError::Said(screen, why),
        end => ScreenError::Unreadable(screen, end.to_string()),
    }
}

impl FrameSource for ScreenSource {
    fn advance(&mut self) -> Result<Duration, CameraError> {
        loop {
            let next = self.reader.next(WAIT).map_err(|end| error_of(&self.screen, end))?;
            let Some(ready) = next else { continue };
            if ready.picture.format != Format::Bgr {
                return Err(CameraError::Colours);
            }
            self.pixels.resize(ready.picture.size(), 0);
            let is_whole = self
                .reader
                .copy(&ready, &mut self.pixels)
                .map_err(|end| error_of(&self.screen, end))?;
            if !is_whole {
                // A newer one is there.
                continue;
            }
            // Sides are at most `frames::MAX_SIDE`.
            self.size = [ready.picture.width, ready.picture.height].map(|side| i32::try_from(side).unwrap_or(0));
            // By the same machine's clock: a picture that comes from the future has just been taken.
            self.taken = Some(UnixMillis(ready.picture.taken_ms).min(runtime::now()));
            let at = ready.picture.at;
            return Ok(at.saturating_sub(*self.start.get_or_insert(at)));
        }
    }

    fn picture(&mut self) -> Result<Mat, CameraError> {
        let [width, height] = self.size;
        let mut picture = Mat::new_rows_cols_with_default(height, width, opencv::core::CV_8UC3, Scalar::default())?;
        picture.data_bytes_mut()?.copy_from_slice(&self.pixels);
        Ok(picture)
    }

    fn taken(&self) -> Option<UnixMillis> {
        self.taken
    }

    fn is_live(&self) -> bool {
        true
    }
}

#[cfg(test)]
mod tests {
    use frames::socket::Listener;
    use frames::{Picture, Writer, writer};
    use opencv::prelude::MatTraitConstManual as _;

    use super::*;

    fn lobby() -> ScreenId {
        ScreenId::new("lobby").expect("valid")
    }

    fn picture(width: u32, height: u32, at_ms: u64, taken_ms: u64) -> Picture {
        Picture {
            format: Format::Bgr,
            width,
            height,
            at: Duration::from_millis(at_ms),
            taken_ms,
        }
    }

    #[test]
    fn pictures_come_as_they_were_shared_with_the_time_at_which_the_player_had_them() {
        let home = tempfile::tempdir().expect("temp");
        let listener = Listener::bind(&frames::name_of(home.path()).expect("a name")).expect("bound");
        let mut source = ScreenSource::open(&lobby(), home.path()).expect("there");
        let socket = listener.accept(WAIT).expect("waited").expect("came");
        let mut writer = Writer::new(socket, 64 * 48 * 3).expect("a writer");
        let long_ago = UnixMillis(1_700_000_000_000);
        for (width, height, at_ms, expected_ms) in [(64, 48, 9_000, 0), (5, 3, 9_200, 200)] {
            let bytes: Vec<u8> = (0..width * height * 3).map(|it| it as u8).collect();
            let told = picture(width, height, at_ms, long_ago.0);
            writer.put(&told, &bytes, width as usize * 3).expect("given");
            assert_eq!(source.advance().expect("there"), Duration::from_millis(expected_ms));
            assert_eq!(source.taken(), Some(long_ago));
            let seen = source.picture().expect("a picture");
            assert_eq!(seen.data_bytes().expect("bytes"), bytes);
        }
        let from_the_future = runtime::now().0 + 3_600_000;
        writer
            .put(&picture(1, 1, 0, from_the_future), &[1; 3], 3)
            .expect("given");
        source.advance().expect("there");
        assert!(source.taken().expect("told") <= runtime::now());
    }

    #[test]
    fn a_player_that_is_not_there_or_gives_nothing_is_named_with_what_to_do() {
        let home = tempfile::tempdir().expect("temp");
        let said = ScreenSource::open(&lobby(), home.path())
            .expect_err("nobody")
            .to_string();
        assert!(
            said.contains("lobby isn't running") && said.contains("[screen.camera]"),
            "{said}"
        );
        let listener = Listener::bind(&frames::name_of(home.path()).expect("a name")).expect("bound");
        let come = || {
            let source = ScreenSource::open(&lobby(), home.path()).expect("there");
            (source, listener.accept(WAIT).expect("waited").expect("came"))
        };
        let (mut source, socket) = come();
        writer::give_up(&socket, "Cannot identify device").expect("said");
        let said = source.advance().expect_err("told").to_string();
        assert!(said.contains("lobby: Cannot identify device"), "{said}");
        let (mut source, socket) = come();
        drop(socket);
        let said = source.advance().expect_err("gone").to_string();
        assert!(said.contains("lobby has ended"), "{said}");
    }
}
