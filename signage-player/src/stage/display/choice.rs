//! To what kind of display a picture goes: a pure function of what the office wants and what there is.

use protocol::config::OutputBy;

/// A kind of display.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A Wayland compositor's.
    Wayland,
    /// An X server's.
    X11,
    /// The kernel's own, without a window system.
    Kms,
}

impl Kind {
    /// Its name, for people.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Wayland => "Wayland",
            Self::X11 => "X11",
            Self::Kms => "KMS",
        }
    }
}

/// What there is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Around {
    /// `WAYLAND_DISPLAY` is set.
    pub has_wayland: bool,
    /// `DISPLAY` is set.
    pub has_x11: bool,
    /// A card of the kernel's has a connector with a display.
    pub has_connected: bool,
}

/// What `auto` looks for, in the words of a log.
pub const LOOKED_FOR: &str =
    "WAYLAND_DISPLAY and DISPLAY are not set, and no connector in /sys/class/drm has a display";

/// The kind of display to open now; `None`: nowhere.
#[must_use]
pub fn choose(by: OutputBy, around: Around) -> Option<Kind> {
    match by {
        OutputBy::Wayland => Some(Kind::Wayland),
        OutputBy::X11 => Some(Kind::X11),
        OutputBy::Kms => Some(Kind::Kms),
        OutputBy::None => None,
        OutputBy::Auto if around.has_wayland => Some(Kind::Wayland),
        OutputBy::Auto if around.has_x11 => Some(Kind::X11),
        OutputBy::Auto => around.has_connected.then_some(Kind::Kms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_comes_first_and_else_what_there_is_with_window_systems_before_the_bare_display() {
        let around = |has_wayland, has_x11, has_connected| Around {
            has_wayland,
            has_x11,
            has_connected,
        };
        let auto = |around| choose(OutputBy::Auto, around);
        assert_eq!(auto(around(true, true, true)), Some(Kind::Wayland));
        assert_eq!(auto(around(false, true, true)), Some(Kind::X11));
        assert_eq!(auto(around(false, false, true)), Some(Kind::Kms));
        assert_eq!(auto(around(false, false, false)), None);
        let all = around(true, true, true);
        assert_eq!(choose(OutputBy::None, all), None);
        for (by, kind) in [
            (OutputBy::Wayland, Kind::Wayland),
            (OutputBy::X11, Kind::X11),
            (OutputBy::Kms, Kind::Kms),
        ] {
            assert_eq!(choose(by, all), Some(kind));
            assert_eq!(
                choose(by, Around::default()),
                Some(kind),
                "it is looked for until it is there"
            );
        }
    }
}
