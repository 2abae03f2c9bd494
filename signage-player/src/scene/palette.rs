//! The colours of the screens, from the Digital Agency's design system. Text on its ground has a contrast
//! of 7:1 or more (WCAG 2.2, 1.4.6); a test proves it for every pair in use.

use protocol::congestion::Level;

/// Red, green, blue.
pub type Color = [u8; 3];

/// Paper.
pub const WHITE: Color = [0xff, 0xff, 0xff];
/// Text.
pub const INK: Color = [0x1a, 0x1a, 0x1a];
/// Secondary text.
pub const SOFT_INK: Color = [0x4d, 0x4d, 0x4d];
/// Lines.
pub const LINE: Color = [0xd8, 0xd8, 0xdb];
/// Quiet ground.
pub const MIST: Color = [0xf4, 0xf6, 0xfb];
/// The office's colour.
pub const BLUE: Color = [0x00, 0x17, 0xc1];
/// The same, deeper: behind running text.
pub const DEEP_BLUE: Color = [0x00, 0x0b, 0x5c];
/// The same, pale.
pub const PALE_BLUE: Color = [0xe8, 0xf1, 0xfe];
/// A warning's ground.
pub const AMBER: Color = [0xff, 0xc7, 0x00];
/// An emergency's ground, and where one stands.
pub const RED: Color = [0xa9, 0x00, 0x00];
/// A screen that is off, and the ground of a full place.
pub const BLACK: Color = [0x00, 0x00, 0x00];

/// How much black lies over what is pressed.
pub const PRESSED: f64 = 0.2;

/// A level's ground and the colour of the text on it.
#[must_use]
pub fn level(level: Level) -> (Color, Color) {
    match level {
        Level::Free => (BLUE, WHITE),
        Level::Moderate => (AMBER, INK),
        Level::Busy => (RED, WHITE),
        Level::Full => (BLACK, WHITE),
        Level::Unknown => (SOFT_INK, WHITE),
    }
}

/// A colour as cairo takes it.
#[must_use]
pub fn shares(color: Color) -> (f64, f64, f64) {
    let share = |channel: u8| f64::from(channel) / 255.0;
    (share(color[0]), share(color[1]), share(color[2]))
}

/// The contrast of two colours, 1 to 21 (WCAG 2.2, "contrast ratio").
#[must_use]
pub fn contrast(a: Color, b: Color) -> f64 {
    let linear = |channel: u8| {
        let share = f64::from(channel) / 255.0;
        if share <= 0.04045 {
            share / 12.92
        } else {
            ((share + 0.055) / 1.055).powf(2.4)
        }
    };
    let luminance = |[red, green, blue]: Color| 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_can_be_read() {
        let mut pairs = vec![
            (WHITE, INK),
            (WHITE, SOFT_INK),
            (MIST, INK),
            (MIST, SOFT_INK),
            (MIST, BLUE),
            (PALE_BLUE, BLUE),
            (PALE_BLUE, INK),
            (BLUE, WHITE),
            (DEEP_BLUE, WHITE),
            (AMBER, INK),
            (RED, WHITE),
        ];
        pairs.extend([Level::Free, Level::Moderate, Level::Busy, Level::Full, Level::Unknown].map(level));
        for (ground, text) in pairs {
            assert!(
                contrast(ground, text) >= 7.0,
                "{ground:?} {text:?}: {}",
                contrast(ground, text)
            );
        }
        assert!((contrast([0; 3], [255; 3]) - 21.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_pressed_can_still_be_read() {
        let pressed = |color: Color| color.map(|channel| (f64::from(channel) * (1.0 - PRESSED)) as u8);
        for (ground, text) in [
            (BLUE, WHITE),
            (WHITE, BLUE),
            (WHITE, INK),
            (MIST, SOFT_INK),
            (PALE_BLUE, BLUE),
        ] {
            let contrast = contrast(pressed(ground), pressed(text));
            assert!(contrast >= 5.5, "{ground:?} {text:?}: {contrast}");
        }
    }
}
