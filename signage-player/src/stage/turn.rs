//! How a display hangs: turned clockwise by quarters, as one looks at it. The picture is turned back before it leaves, so
//! that it stands upright; what is touched is turned the same way.

use protocol::screen::Rect;

use super::canvas::{Canvas, intersect};

const BYTES: usize = 4;

/// So many columns of the picture are written at once: their lines on the panel stay in the processor's cache.
const COLUMNS: usize = 32;

/// By how many quarters a display hangs turned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Turn {
    /// As it was made.
    #[default]
    Straight,
    /// By 90 degrees.
    Quarter,
    /// By 180 degrees.
    Half,
    /// By 270 degrees.
    ThreeQuarters,
}

impl Turn {
    /// Of so many degrees; what is no quarter counts as 0, and the configuration refuses it before.
    #[must_use]
    pub fn of_degrees(degrees: u16) -> Self {
        match degrees {
            90 => Self::Quarter,
            180 => Self::Half,
            270 => Self::ThreeQuarters,
            _ => Self::Straight,
        }
    }

    /// How large a panel's frame is for a picture of this width and height, in pixels.
    #[must_use]
    pub fn frame(self, (width, height): (u32, u32)) -> (u32, u32) {
        match self {
            Self::Straight | Self::Half => (width, height),
            Self::Quarter | Self::ThreeQuarters => (height, width),
        }
    }

    /// Where on the picture a place of the panel lies, both in shares of their own sides, from the top left.
    #[must_use]
    pub fn to_picture(self, (u, v): (f64, f64)) -> (f64, f64) {
        match self {
            Self::Straight => (u, v),
            Self::Quarter => (1.0 - v, u),
            Self::Half => (1.0 - u, 1.0 - v),
            Self::ThreeQuarters => (v, 1.0 - u),
        }
    }

    /// Brings a panel's frame (BGRx rows without gaps, as large as [`Turn::frame`] says) up to the picture inside `area` of
    /// the picture.
    pub fn write(self, canvas: &Canvas, frame: &mut [u8], area: Rect) {
        if self == Self::Straight {
            return canvas.write_to(frame, area);
        }
        let Some(area) = intersect(area, canvas.bounds()) else {
            return;
        };
        let (width, height) = (canvas.width() as usize, canvas.height() as usize);
        let (left, top) = (area.x as usize, area.y as usize);
        let (right, bottom) = (left + area.width as usize, top + area.height as usize);
        for from in (left..right).step_by(COLUMNS) {
            let to = (from + COLUMNS).min(right);
            for y in top..bottom {
                let row = &canvas.bytes()[(y * width + from) * BYTES..(y * width + to) * BYTES];
                for (x, pixel) in (from..to).zip(row.chunks_exact(BYTES)) {
                    let at = match self {
                        Self::Straight => y * width + x,
                        Self::Quarter => (width - 1 - x) * height + y,
                        Self::Half => (height - 1 - y) * width + (width - 1 - x),
                        Self::ThreeQuarters => x * height + (height - 1 - y),
                    } * BYTES;
                    if let Some(target) = frame.get_mut(at..at + BYTES) {
                        target.copy_from_slice(pixel);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TURNS: [Turn; 4] = [Turn::Straight, Turn::Quarter, Turn::Half, Turn::ThreeQuarters];

    /// A picture in which every pixel has its own colour.
    fn canvas(width: u32, height: u32) -> Canvas {
        let mut canvas = Canvas::new(width, height, [0; 3]);
        for y in 0..height {
            for x in 0..width {
                let one = Rect {
                    x,
                    y,
                    width: 1,
                    height: 1,
                };
                canvas.fill(one, [u8::try_from(x).unwrap_or(255), u8::try_from(y).unwrap_or(255), 7]);
            }
        }
        canvas
    }

    #[test]
    fn what_is_touched_is_what_is_shown_there_however_the_display_hangs() {
        let canvas = canvas(70, 40);
        for turn in TURNS {
            let (width, height) = turn.frame((70, 40));
            let mut frame = vec![0; canvas.bytes().len()];
            turn.write(&canvas, &mut frame, canvas.bounds());
            for (px, py) in [(0, 0), (width - 1, 0), (0, height - 1), (13, 29), (33, 2)] {
                let shown = &frame[(py * width + px) as usize * BYTES..][..3];
                let share = |at: u32, of: u32| (f64::from(at) + 0.5) / f64::from(of);
                let (x, y) = turn.to_picture((share(px, width), share(py, height)));
                let touched = canvas.color_at((x * 70.0) as u32, (y * 40.0) as u32).expect("inside");
                assert_eq!([shown[2], shown[1], shown[0]], touched, "{turn:?} {px} {py}");
            }
        }
    }

    #[test]
    fn a_display_that_hangs_turned_clockwise_shows_the_pictures_right_side_at_its_own_top() {
        let canvas = canvas(70, 40);
        let mut frame = vec![0; canvas.bytes().len()];
        Turn::Quarter.write(&canvas, &mut frame, canvas.bounds());
        assert_eq!(Turn::Quarter.frame((70, 40)), (40, 70));
        assert_eq!(frame[2], 69, "its own top left is the picture's top right");
        assert_eq!(frame[1], 0);
    }

    #[test]
    fn only_what_changed_is_written_and_nothing_outside() {
        let canvas = canvas(70, 40);
        let area = Rect {
            x: 60,
            y: 30,
            width: 100,
            height: 3,
        };
        for turn in TURNS {
            let mut frame = vec![0; canvas.bytes().len()];
            turn.write(&canvas, &mut frame, area);
            let written = frame.chunks_exact(BYTES).filter(|pixel| pixel[0] == 7).count();
            assert_eq!(written, 10 * 3, "{turn:?}");
            // A frame of another size is nobody's: nothing panics.
            turn.write(&canvas, &mut frame[..100], area);
        }
    }
}
