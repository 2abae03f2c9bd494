//! Where a screen's picture goes, how its display hangs, and how the display is switched off.

use std::path::PathBuf;

use serde::Deserialize;
use toml::Spanned;

use super::Config;
use super::check::{Checker, ConfigError};
use super::player::check_degrees;
use crate::ids::ScreenId;

/// Where a screen's picture goes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// By what.
    #[serde(default)]
    pub by: OutputBy,
    /// The display's name, such as `HDMI-A-1` (KMS, Wayland) or `HDMI-1` (X11, as `xrandr --listmonitors` says it); none: the first.
    #[serde(default)]
    pub connector: Option<Spanned<String>>,
    /// By how many degrees the display hangs turned clockwise, as one looks at it: 0, 90, 180 or 270. The picture is turned
    /// back, so that it stands upright.
    #[serde(default = "straight")]
    pub rotate: Spanned<u16>,
    /// Whether a window fills its display; else it has the layout's size.
    #[serde(default = "yes")]
    pub full_screen: bool,
    /// Whether a window's pictures are converted and scaled by GL.
    #[serde(default = "gl")]
    pub gl: Spanned<GlBy>,
    /// How the display is switched when the layout is off.
    #[serde(default = "power")]
    pub power: Spanned<PowerBy>,
    /// With `power = "cec"`: the adapter; none: `/dev/cec0`.
    #[serde(default)]
    pub cec: Option<Spanned<PathBuf>>,
}

/// By what a picture reaches its display.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputBy {
    /// What there is: Wayland, X11, KMS, in this order.
    #[default]
    Auto,
    /// A Wayland compositor (`WAYLAND_DISPLAY`).
    Wayland,
    /// An X server (`DISPLAY`).
    X11,
    /// The kernel's mode setting, without a window system.
    Kms,
    /// Nothing: it plays without a display.
    None,
}

/// Whether GL takes a picture to its window: there is a way by GL for X11 only.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum GlBy {
    /// Where there is a GPU.
    #[default]
    Auto,
    /// Also without one: then Mesa's software driver does it.
    On,
    /// Never.
    Off,
}

/// How a display is switched.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PowerBy {
    /// By DPMS where the output has it; else the picture is black.
    #[default]
    Auto,
    /// By DPMS.
    Dpms,
    /// By HDMI-CEC.
    Cec,
    /// Not at all: the picture is black.
    None,
}

fn straight() -> Spanned<u16> {
    Spanned::new(0..0, 0)
}

fn gl() -> Spanned<GlBy> {
    Spanned::new(0..0, GlBy::Auto)
}

fn power() -> Spanned<PowerBy> {
    Spanned::new(0..0, PowerBy::Auto)
}

fn yes() -> bool {
    true
}

impl Default for Output {
    fn default() -> Self {
        Self {
            by: OutputBy::Auto,
            connector: None,
            rotate: straight(),
            full_screen: true,
            gl: gl(),
            power: power(),
            cec: None,
        }
    }
}

pub(super) fn check(config: &Config, checker: &Checker<'_>) -> Result<(), ConfigError> {
    check_one(&config.player.output, "player.output", checker)?;
    for output in config.screens.iter().filter_map(|screen| screen.output.as_ref()) {
        check_one(output, "screen.output", checker)?;
    }
    Ok(())
}

fn check_one(output: &Output, place: &str, checker: &Checker<'_>) -> Result<(), ConfigError> {
    check_degrees(&output.rotate, place, checker)?;
    if let Some(connector) = &output.connector {
        let fault = if output.by == OutputBy::None {
            Some("a display without an output (by = \"none\"): expected one of the two".to_owned())
        } else if connector.get_ref().trim().is_empty() {
            Some("an empty name: expected a display's, such as \"HDMI-A-1\"".to_owned())
        } else {
            None
        };
        if let Some(message) = fault {
            return checker.fail(Some(connector.span()), &format!("{place}.connector"), message);
        }
    }
    if *output.gl.get_ref() == GlBy::On && !matches!(output.by, OutputBy::Auto | OutputBy::X11) {
        let message =
            "only X11's windows are drawn by GL, expected by = \"x11\" beside it, or \"auto\" or \"off\" here"
                .to_owned();
        return checker.fail(Some(output.gl.span()), &format!("{place}.gl"), message);
    }
    let power = *output.power.get_ref();
    if power == PowerBy::Dpms && matches!(output.by, OutputBy::Wayland | OutputBy::None) {
        let message = "DPMS is known to X11 and KMS only, expected \"cec\" or \"none\" here".to_owned();
        return checker.fail(Some(output.power.span()), &format!("{place}.power"), message);
    }
    if let Some(device) = &output.cec {
        let message = if power != PowerBy::Cec {
            "an adapter that isn't used: expected power = \"cec\" beside it"
        } else if !device.get_ref().is_absolute() {
            "expected the adapter's path, such as \"/dev/cec0\""
        } else {
            return Ok(());
        };
        return checker.fail(Some(device.span()), &format!("{place}.cec"), message.to_owned());
    }
    Ok(())
}

impl Config {
    /// Where a screen's picture goes: its own table, or else what holds for all.
    #[must_use]
    pub fn output_of(&self, screen: &ScreenId) -> &Output {
        let own = self.screens.iter().find(|it| it.id == *screen);
        own.and_then(|it| it.output.as_ref()).unwrap_or(&self.player.output)
    }
}
