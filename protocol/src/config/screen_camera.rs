//! The camera at a screen, which its player holds and whose pictures it shares on its own machine.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::Spanned;

use super::Config;
use super::check::{Checker, ConfigError};
use crate::ids::{InvalidId, ScreenId};

/// How a camera's `source` begins that is a screen's own camera; the screen's id follows.
const SHARED: &str = "screen:";

/// A picture's largest sides, in pixels.
const SIDES: [std::ops::RangeInclusive<u32>; 2] = [64..=1920, 36..=1080];

/// The camera at a screen.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScreenCamera {
    /// `/dev/video0`, `rtsp://…`, or a film, which is played again and again, for trials.
    pub source: Spanned<String>,
    /// Pictures are at most so wide, in pixels. They keep their shape, and none is made larger.
    #[serde(default = "width")]
    pub width: u32,
    /// As `width`.
    #[serde(default = "height")]
    pub height: u32,
    /// Pictures a second, at most.
    #[serde(default = "super::fields::frames_per_second")]
    pub frames_per_second: f64,
}

fn width() -> u32 {
    640
}

fn height() -> u32 {
    360
}

/// Whether a camera's source is a file, and neither a device nor a name of another kind.
#[must_use]
pub fn is_film(source: &str) -> bool {
    !source.contains("://") && !source.starts_with(SHARED) && !source.starts_with("/dev/")
}

/// The screen whose camera a `source` names; `None`: it is no screen's.
///
/// # Errors
/// [`InvalidId`].
pub fn sharing_screen(source: &str) -> Result<Option<ScreenId>, InvalidId> {
    source.strip_prefix(SHARED).map(ScreenId::new).transpose()
}

pub(super) fn check(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    if let Some(camera) = &config.player.camera {
        check_one(camera, "player.camera", checker)?;
    }
    for camera in config.screens.iter().filter_map(|screen| screen.camera.as_ref()) {
        check_one(camera, "screen.camera", checker)?;
    }
    Ok(())
}

fn check_one(camera: &ScreenCamera, place: &str, checker: &Checker<'_>) -> Result<(), ConfigError> {
    let source = camera.source.get_ref();
    let scheme = source.split_once("://").map(|(scheme, _)| scheme);
    let is_read = matches!(scheme, None | Some("rtsp" | "rtsps"));
    if !is_read || source.starts_with(SHARED) || source.trim().is_empty() {
        // An address isn't said: it may carry a password.
        let message = "expected a device such as \"/dev/video0\", \"rtsp://…\", or a film's file".to_owned();
        return checker.fail(Some(camera.source.span()), &format!("{place}.source"), message);
    }
    for ((name, side), allowed) in [("width", camera.width), ("height", camera.height)].iter().zip(SIDES) {
        if !allowed.contains(side) {
            let message = format!("{side} is outside {} to {} pixels", allowed.start(), allowed.end());
            return checker.fail(None, &format!("{place}.{name}"), message);
        }
    }
    let speed = camera.frames_per_second;
    if !(0.1..=30.0).contains(&speed) {
        let message = format!("{speed} is outside 0.1 to 30");
        return checker.fail(None, &format!("{place}.frames_per_second"), message);
    }
    Ok(())
}

/// Why a camera that a screen's player shares can't be there; `None`: it can, or it is no screen's.
pub(super) fn fault_of_sharing(config: &Config, source: &str) -> Option<String> {
    match sharing_screen(source) {
        Ok(None) => None,
        Ok(Some(screen)) if config.camera_of(&screen).is_some() => None,
        Ok(Some(screen)) if config.screens.iter().any(|it| it.id == screen) => Some(format!(
            "screen {screen} has no camera: expected [screen.camera] below its [[screen]], or [player.camera]"
        )),
        Ok(Some(screen)) => Some(format!(
            "there is no [[screen]] with id {:?}, and no [player.camera], which holds for one that was paired",
            screen.as_str()
        )),
        Err(error) => Some(error.to_string()),
    }
}

impl Config {
    /// The camera of a screen: its own table, or else what holds for all; none: it has none.
    #[must_use]
    pub fn camera_of(&self, screen: &ScreenId) -> Option<&ScreenCamera> {
        let own = self.screens.iter().find(|it| it.id == *screen);
        own.and_then(|it| it.camera.as_ref()).or(self.player.camera.as_ref())
    }

    /// A screen's folder on the machine on which its player runs.
    #[must_use]
    pub fn screen_home(&self, screen: &ScreenId) -> PathBuf {
        self.paths.run.join("screens").join(screen.as_str())
    }

    /// Makes the paths of screens' cameras relative to `base`.
    pub(super) fn resolve_screen_cameras(&mut self, base: &Path) {
        let of_screens = self.screens.iter_mut().filter_map(|screen| screen.camera.as_mut());
        for camera in of_screens.chain(self.player.camera.as_mut()) {
            resolve_film(camera.source.as_mut(), base);
        }
    }
}

/// Devices and addresses are names, not paths below the file.
pub(super) fn resolve_film(source: &mut String, base: &Path) {
    if is_film(source) {
        let whole = super::fields::normal(&base.join(&*source));
        *source = whole.to_string_lossy().into_owned();
    }
}
