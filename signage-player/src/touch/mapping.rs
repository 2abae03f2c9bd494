//! From a panel's own units to shares of the picture: its ranges, then its calibration, then how it hangs.

use protocol::config::Touch;

use crate::stage::turn::Turn;

/// A panel's range along one side, both ends included, as the kernel says it (`struct input_absinfo`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Axis {
    /// The smallest value.
    pub min: i32,
    /// The largest.
    pub max: i32,
}

impl Axis {
    /// Where a value lies, 0 to 1; of an axis without an extent, the middle.
    fn share(self, value: i32) -> f64 {
        let length = f64::from(self.max) - f64::from(self.min);
        if length <= 0.0 {
            return 0.5;
        }
        (f64::from(value) - f64::from(self.min)) / length
    }
}

/// How a panel lies over the picture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Mapping {
    x: Axis,
    y: Axis,
    /// x' = a·x + b·y + c, y' = d·x + e·y + f, in shares.
    calibration: [f64; 6],
    turn: Turn,
}

/// What changes nothing.
const STRAIGHT: [f64; 6] = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0];

impl Mapping {
    /// The mapping of a panel with these ranges, as its office has configured it.
    #[must_use]
    pub fn new(x: Axis, y: Axis, config: &Touch) -> Self {
        Self {
            x,
            y,
            calibration: config.calibration.as_ref().map_or(STRAIGHT, |it| *it.get_ref()),
            turn: Turn::of_degrees(config.rotate.as_ref().map_or(0, |it| *it.get_ref())),
        }
    }

    /// A place on the picture, in shares of its sides, always within it: at the very edge a finger may be a little beyond.
    #[must_use]
    pub fn place(&self, x: i32, y: i32) -> (f64, f64) {
        let (x, y) = (self.x.share(x), self.y.share(y));
        let [a, b, c, d, e, f] = self.calibration;
        let (u, v) = (a * x + b * y + c, d * x + e * y + f);
        let (x, y) = self.turn.to_picture((u, v));
        // The last pixel, not the first one beyond it.
        let within = |share: f64| share.clamp(0.0, 1.0 - 1e-9);
        (within(x), within(y))
    }
}

#[cfg(test)]
mod tests {
    use toml::Spanned;

    use super::*;

    const X: Axis = Axis { min: 0, max: 4095 };
    const Y: Axis = Axis { min: 100, max: 2147 };

    fn mapping(rotate: u16, calibration: Option<[f64; 6]>) -> Mapping {
        let config = Touch {
            rotate: Some(Spanned::new(0..0, rotate)),
            calibration: calibration.map(|it| Spanned::new(0..0, it)),
            ..Touch::default()
        };
        Mapping::new(X, Y, &config)
    }

    fn corners(mapping: &Mapping) -> [(i64, i64); 4] {
        [(0, 100), (4095, 100), (4095, 2147), (0, 2147)].map(|(x, y)| {
            let (x, y) = mapping.place(x, y);
            ((x * 100.0).round() as i64, (y * 100.0).round() as i64)
        })
    }

    #[test]
    fn a_panels_corners_are_where_they_hang() {
        let [top_left, top_right, bottom_right, bottom_left] = [(0, 0), (100, 0), (100, 100), (0, 100)];
        let turned = |rotate| corners(&mapping(rotate, None));
        assert_eq!(turned(0), [top_left, top_right, bottom_right, bottom_left]);
        assert_eq!(turned(90), [top_right, bottom_right, bottom_left, top_left]);
        assert_eq!(turned(180), [bottom_right, bottom_left, top_left, top_right]);
        assert_eq!(turned(270), [bottom_left, top_left, top_right, bottom_right]);
    }

    #[test]
    fn a_calibration_moves_places_in_the_panels_own_sides_and_nothing_leaves_the_picture() {
        // The panel answers on its middle half only, and is mirrored from left to right.
        let calibration = [-2.0, 0.0, 1.5, 0.0, 1.0, 0.0];
        let straight = mapping(0, Some(calibration));
        let (x, y) = straight.place(1024, 1124);
        assert!((x - 1.0).abs() < 0.01 && (y - 0.5).abs() < 0.01, "{x} {y}");
        let turned = mapping(90, Some(calibration));
        let (x, y) = turned.place(1024, 1124);
        assert!((x - 0.5).abs() < 0.01 && (y - 1.0).abs() < 0.01, "{x} {y}");
        for (x, y) in [(i32::MIN, i32::MAX), (-1, 5000), (4096, 0)] {
            let (x, y) = turned.place(x, y);
            assert!((0.0..1.0).contains(&x) && (0.0..1.0).contains(&y), "{x} {y}");
        }
        let nothing = Axis { min: 7, max: 7 };
        assert_eq!(
            Mapping::new(nothing, nothing, &Touch::default()).place(7, 9),
            (0.5, 0.5)
        );
    }
}
