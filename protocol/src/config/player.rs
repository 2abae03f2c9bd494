//! What holds for every screen's player.

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::check::{Checker, ConfigError};
use super::{Config, Output, ScreenCamera, fields};
use crate::ids::ScreenId;

/// What holds for every screen's player.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Player {
    /// So many bytes of contents are kept on a screen's disk at most.
    #[serde(default = "fields::disk_budget", deserialize_with = "fields::bytes")]
    pub disk_budget: u64,
    /// The folder under which memory sticks appear, such as `/media`; none: no stick is looked at.
    #[serde(default)]
    pub sticks: Option<PathBuf>,
    /// Ed25519 public keys (RFC 8032, 32 bytes in base64) of who may make bundles for sticks. With one, what isn't signed
    /// is not taken from a stick by itself.
    #[serde(default)]
    pub stick_keys: Vec<Spanned<String>>,
    /// Its touch panel.
    #[serde(default)]
    pub touch: Touch,
    /// Its display.
    #[serde(default)]
    pub output: Output,
    /// The camera at it, where it has one.
    #[serde(default)]
    pub camera: Option<ScreenCamera>,
}

/// Which touch panel is read from the kernel, and how it lies over the picture.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Touch {
    /// Which.
    #[serde(default)]
    pub device: TouchDevice,
    /// By how many degrees the panel is turned clockwise against the way in which it was made, as one looks at it: 0, 90,
    /// 180 or 270. None: as its display is ([`Output::rotate`]).
    #[serde(default)]
    pub rotate: Option<Spanned<u16>>,
    /// x' = a·x + b·y + c and y' = d·x + e·y + f, in shares of the panel's own sides (0 to 1), before it is turned: the six
    /// numbers of libinput's calibration matrix. None: the panel's edges are the picture's.
    #[serde(default)]
    pub calibration: Option<Spanned<[f64; 6]>>,
    /// Whether no other program hears of touches: a desktop below would take them as clicks of its own.
    #[serde(default = "yes")]
    pub grab: bool,
}

fn yes() -> bool {
    true
}

impl Default for Touch {
    fn default() -> Self {
        Self {
            device: TouchDevice::Auto,
            rotate: None,
            calibration: None,
            grab: true,
        }
    }
}

/// Which device is a screen's touch panel.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub enum TouchDevice {
    /// `auto`: every touch panel there is, unless the picture's window is told of touches anyway.
    #[default]
    Auto,
    /// `off`: none.
    Off,
    /// `/dev/…`: this one.
    Path(PathBuf),
    /// Anything else: the one that calls itself so.
    Name(String),
}

impl From<String> for TouchDevice {
    fn from(text: String) -> Self {
        match text.as_str() {
            "auto" => Self::Auto,
            "off" => Self::Off,
            path if path.starts_with('/') => Self::Path(path.into()),
            _ => Self::Name(text),
        }
    }
}

impl Default for Player {
    fn default() -> Self {
        Self {
            disk_budget: fields::disk_budget(),
            sticks: None,
            stick_keys: Vec::new(),
            touch: Touch::default(),
            output: Output::default(),
            camera: None,
        }
    }
}

/// The smallest budget: a film of some minutes.
const LEAST: u64 = 10_000_000;

pub(super) fn check(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    if config.player.disk_budget < LEAST {
        let message = format!(
            "{} bytes are too few, expected at least 10MB",
            config.player.disk_budget
        );
        return checker.fail(None, "player.disk_budget", message);
    }
    check_touch(&config.player.touch, "player.touch", checker)?;
    for screen in &config.screens {
        if let Some(touch) = &screen.touch {
            check_touch(touch, "screen.touch", checker)?;
        }
    }
    for key in &config.player.stick_keys {
        let bytes = data_encoding::BASE64.decode(key.get_ref().as_bytes());
        if bytes.map_or(true, |bytes| bytes.len() != 32) {
            let message = format!(
                "{:?} is not an Ed25519 public key: expected 32 bytes in base64, as `signage-player key FILE` prints them",
                key.get_ref()
            );
            return checker.fail(Some(key.span()), "player.stick_keys", message);
        }
    }
    Ok(())
}

pub(super) fn check_degrees(rotate: &Spanned<u16>, place: &str, checker: &Checker<'_>) -> Result<(), ConfigError> {
    let degrees = rotate.get_ref();
    if !matches!(degrees, 0 | 90 | 180 | 270) {
        let message = format!("{degrees} degrees are not supported, expected 0, 90, 180 or 270");
        return checker.fail(Some(rotate.span()), &format!("{place}.rotate"), message);
    }
    Ok(())
}

fn check_touch(touch: &Touch, place: &str, checker: &Checker<'_>) -> Result<(), ConfigError> {
    if let Some(rotate) = &touch.rotate {
        check_degrees(rotate, place, checker)?;
    }
    if let Some(calibration) = &touch.calibration {
        let [a, b, _, d, e, _] = *calibration.get_ref();
        let is_sound = calibration.get_ref().iter().all(|it| it.is_finite()) && (a * e - b * d).abs() > 1e-6;
        if !is_sound {
            let message =
                "these numbers lay the whole panel on one line, expected such as [1, 0, 0, 0, 1, 0]".to_owned();
            return checker.fail(Some(calibration.span()), &format!("{place}.calibration"), message);
        }
    }
    Ok(())
}

impl Config {
    /// The touch panel of a screen: its own, or else what holds for all. How it is turned is always said: where nobody
    /// did, as the display is on which it is glued.
    #[must_use]
    pub fn touch_of(&self, screen: &ScreenId) -> Touch {
        let own = self.screens.iter().find(|it| it.id == *screen);
        let mut touch = own
            .and_then(|it| it.touch.as_ref())
            .unwrap_or(&self.player.touch)
            .clone();
        if touch.rotate.is_none() {
            touch.rotate = Some(self.output_of(screen).rotate.clone());
        }
        touch
    }
}
