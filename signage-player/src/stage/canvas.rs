//! The picture as bytes: rectangles filled, copied and laid over, and the region that changed.
//!
//! Pixels are BGRx (`x` always 255), rows from top to bottom without gaps: GStreamer's `BGRx`, cairo's
//! `RGB24` on little-endian machines. Invariant: whatever the arguments, nothing outside the canvas is
//! touched, and nothing panics.

use protocol::screen::Rect;

const BYTES: usize = 4;

/// Where two rectangles overlap.
#[must_use]
pub fn intersect(a: Rect, b: Rect) -> Option<Rect> {
    let (x, y) = (a.x.max(b.x), a.y.max(b.y));
    let right = a.x.saturating_add(a.width).min(b.x.saturating_add(b.width));
    let bottom = a.y.saturating_add(a.height).min(b.y.saturating_add(b.height));
    (right > x && bottom > y).then(|| Rect {
        x,
        y,
        width: right - x,
        height: bottom - y,
    })
}

/// The smallest rectangle around two.
#[must_use]
pub fn union(a: Rect, b: Rect) -> Rect {
    let (x, y) = (a.x.min(b.x), a.y.min(b.y));
    let right = a.x.saturating_add(a.width).max(b.x.saturating_add(b.width));
    let bottom = a.y.saturating_add(a.height).max(b.y.saturating_add(b.height));
    Rect {
        x,
        y,
        width: right - x,
        height: bottom - y,
    }
}

/// Rectangles that changed. At most [`Region::MAX`]; when full, the new one grows the last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Region {
    rects: Vec<Rect>,
}

impl Region {
    /// How many rectangles it holds apart.
    pub const MAX: usize = 16;

    /// Adds a rectangle.
    pub fn add(&mut self, rect: Rect) {
        if self.rects.iter().any(|have| union(*have, rect) == *have) {
            return;
        }
        self.rects.retain(|have| union(*have, rect) != rect);
        let is_full = self.rects.len() >= Self::MAX;
        match self.rects.last_mut() {
            Some(last) if is_full => *last = union(*last, rect),
            _ => self.rects.push(rect),
        }
    }

    /// Adds all of another.
    pub fn add_all(&mut self, other: &Self) {
        for rect in &other.rects {
            self.add(*rect);
        }
    }

    /// Forgets everything; keeps its memory.
    pub fn clear(&mut self) {
        self.rects.clear();
    }

    /// Whether nothing changed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rects.is_empty()
    }

    /// The rectangles. They may overlap.
    pub fn iter(&self) -> impl Iterator<Item = Rect> + '_ {
        self.rects.iter().copied()
    }
}

/// Somebody's pixels, four bytes each.
#[derive(Debug, Clone, Copy)]
pub struct Pixels<'a> {
    /// Rows from top to bottom.
    pub data: &'a [u8],
    /// Bytes from one row to the next.
    pub stride: usize,
    /// Pixels wide.
    pub width: u32,
    /// Pixels high.
    pub height: u32,
}

/// The picture that the screen shows.
#[derive(Debug, Clone)]
pub struct Canvas {
    width: u32,
    height: u32,
    pixels: Vec<u8>,
}

impl Canvas {
    /// A picture of one colour (red, green, blue).
    #[must_use]
    pub fn new(width: u32, height: u32, color: [u8; 3]) -> Self {
        let size = width as usize * height as usize * BYTES;
        let mut canvas = Self {
            width,
            height,
            pixels: vec![255; size],
        };
        canvas.fill(canvas.bounds(), color);
        canvas
    }

    /// Pixels wide.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.width
    }

    /// Pixels high.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.height
    }

    /// All of it.
    #[must_use]
    pub fn bounds(&self) -> Rect {
        Rect {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        }
    }

    /// The bytes.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.pixels
    }

    /// Red, green and blue at a place; `None` outside.
    #[must_use]
    pub fn color_at(&self, x: u32, y: u32) -> Option<[u8; 3]> {
        if x >= self.width || y >= self.height {
            return None;
        }
        let at = (y as usize * self.width as usize + x as usize) * BYTES;
        Some([self.pixels[at + 2], self.pixels[at + 1], self.pixels[at]])
    }

    /// Fills a rectangle with red, green, blue.
    pub fn fill(&mut self, area: Rect, color: [u8; 3]) {
        let Some(area) = intersect(area, self.bounds()) else {
            return;
        };
        let pixel = [color[2], color[1], color[0], 255];
        for y in area.y..area.y + area.height {
            let row = row_range(self.width, area, y);
            for target in self.pixels[row].chunks_exact_mut(BYTES) {
                target.copy_from_slice(&pixel);
            }
        }
    }

    /// Copies opaque pixels whose top left corner lies at `at`, inside `clip` only.
    pub fn copy(&mut self, clip: Rect, source: Pixels<'_>, at: (i64, i64)) {
        self.rows(clip, source, at, |target, row| target.copy_from_slice(row));
    }

    /// Lays premultiplied pixels over, inside `clip` only.
    pub fn over(&mut self, clip: Rect, source: Pixels<'_>, at: (i64, i64)) {
        self.rows(clip, source, at, |target, row| {
            for (under, top) in target.chunks_exact_mut(BYTES).zip(row.chunks_exact(BYTES)) {
                match top[3] {
                    0 => {}
                    255 => under.copy_from_slice(top),
                    alpha => {
                        let rest = 255 - u32::from(alpha);
                        for channel in 0..3 {
                            let below = u32::from(under[channel]) * rest;
                            // Division by 255, rounded.
                            let below = (below + 128 + ((below + 128) >> 8)) >> 8;
                            under[channel] = top[channel].saturating_add(u8::try_from(below).unwrap_or(255));
                        }
                    }
                }
            }
        });
    }

    /// Mixes opaque pixels in, `share` of 256 of them, inside `clip` only.
    pub fn mix(&mut self, clip: Rect, source: Pixels<'_>, at: (i64, i64), share: u32) {
        let share = share.min(256);
        self.rows(clip, source, at, |target, row| {
            // Byte by byte without a branch: the compiler makes vectors of it.
            for (under, top) in target.iter_mut().zip(row) {
                *under = mixed(*under, *top, share);
            }
        });
    }

    /// Mixes one colour in, `share` of 256 of it, inside `area`.
    pub fn tint(&mut self, area: Rect, color: [u8; 3], share: u32) {
        let Some(area) = intersect(area, self.bounds()) else {
            return;
        };
        let (share, pixel) = (share.min(256), [color[2], color[1], color[0], 255]);
        for y in area.y..area.y + area.height {
            let row = row_range(self.width, area, y);
            for target in self.pixels[row].chunks_exact_mut(BYTES) {
                for (under, top) in target.iter_mut().zip(pixel) {
                    *under = mixed(*under, top, share);
                }
            }
        }
    }

    /// Brings `frame` (the same size, as bytes) up to this picture inside `area`.
    pub fn write_to(&self, frame: &mut [u8], area: Rect) {
        let Some(area) = intersect(area, self.bounds()) else {
            return;
        };
        for y in area.y..area.y + area.height {
            let row = row_range(self.width, area, y);
            if let Some(target) = frame.get_mut(row.clone()) {
                target.copy_from_slice(&self.pixels[row]);
            }
        }
    }

    /// Pairs each row of the canvas with the row of the source that lies over it.
    fn rows(&mut self, clip: Rect, source: Pixels<'_>, at: (i64, i64), mut paint: impl FnMut(&mut [u8], &[u8])) {
        let Some(clip) = intersect(clip, self.bounds()) else {
            return;
        };
        let left = i64::from(clip.x).max(at.0);
        let right = i64::from(clip.x + clip.width).min(at.0.saturating_add(i64::from(source.width)));
        let top = i64::from(clip.y).max(at.1);
        let bottom = i64::from(clip.y + clip.height).min(at.1.saturating_add(i64::from(source.height)));
        if left >= right || top >= bottom {
            return;
        }
        // From here on all differences are inside 0 to 2^32.
        let index = |value: i64| usize::try_from(value).unwrap_or(0);
        let len = index(right - left) * BYTES;
        for y in top..bottom {
            let target = (index(y) * self.width as usize + index(left)) * BYTES;
            let from = index(y - at.1) * source.stride + index(left - at.0) * BYTES;
            if let (Some(target), Some(row)) = (
                self.pixels.get_mut(target..target + len),
                source.data.get(from..from + len),
            ) {
                paint(target, row);
            }
        }
    }
}

/// `share` of 256 of `top`, the rest of `under`.
fn mixed(under: u8, top: u8, share: u32) -> u8 {
    let sum = u32::from(under) * (256 - share) + u32::from(top) * share;
    // At most 255 · 256.
    (sum >> 8) as u8
}

fn row_range(width: u32, area: Rect, y: u32) -> std::ops::Range<usize> {
    let start = (y as usize * width as usize + area.x as usize) * BYTES;
    start..start + area.width as usize * BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rect(x: u32, y: u32, width: u32, height: u32) -> Rect {
        Rect { x, y, width, height }
    }

    #[test]
    fn pixels_that_hang_over_the_edge_are_cut() {
        let mut canvas = Canvas::new(4, 3, [9, 9, 9]);
        let data = [7_u8; 3 * 3 * 4];
        let source = Pixels {
            data: &data,
            stride: 12,
            width: 3,
            height: 3,
        };
        canvas.copy(canvas.bounds(), source, (-2, 2));
        assert_eq!(canvas.color_at(0, 2), Some([7, 7, 7]));
        assert_eq!(canvas.color_at(1, 2), Some([9, 9, 9]));
        assert_eq!(canvas.color_at(0, 1), Some([9, 9, 9]));
        canvas.copy(canvas.bounds(), source, (i64::MAX, i64::MIN));
        canvas.copy(rect(3, 0, 90, 1), source, (2, 0));
        assert_eq!(canvas.color_at(2, 0), Some([9, 9, 9]), "outside the clip");
        assert_eq!(canvas.color_at(3, 0), Some([7, 7, 7]));
    }

    #[test]
    fn half_transparent_pixels_mix() {
        let mut canvas = Canvas::new(1, 1, [200, 100, 0]);
        // Premultiplied half white.
        let data = [128, 128, 128, 128];
        canvas.over(
            canvas.bounds(),
            Pixels {
                data: &data,
                stride: 4,
                width: 1,
                height: 1,
            },
            (0, 0),
        );
        assert_eq!(canvas.color_at(0, 0), Some([228, 178, 128]));
    }

    #[test]
    fn a_picture_shines_through_another() {
        let mut canvas = Canvas::new(2, 1, [0, 0, 0]);
        let data = [200, 100, 50, 255];
        let source = Pixels {
            data: &data,
            stride: 4,
            width: 1,
            height: 1,
        };
        canvas.mix(canvas.bounds(), source, (0, 0), 128);
        assert_eq!(canvas.color_at(0, 0), Some([25, 50, 100]));
        assert_eq!(canvas.color_at(1, 0), Some([0, 0, 0]));
        canvas.mix(canvas.bounds(), source, (0, 0), 256);
        assert_eq!(canvas.color_at(0, 0), Some([50, 100, 200]));
        canvas.tint(canvas.bounds(), [8, 8, 8], 9999);
        assert_eq!(canvas.color_at(1, 0), Some([8, 8, 8]));
    }

    #[test]
    fn a_region_stays_small_and_covers_all() {
        let mut region = Region::default();
        for step in 0..100 {
            region.add(rect(step * 10, step * 10, 5, 5));
        }
        assert_eq!(region.iter().count(), Region::MAX);
        for step in 0..100 {
            let one = rect(step * 10, step * 10, 5, 5);
            assert!(region.iter().any(|have| intersect(have, one) == Some(one)), "{step}");
        }
        region.add(rect(0, 0, 2000, 2000));
        assert_eq!(region.iter().count(), 1, "what lies inside is forgotten");
    }

    #[test]
    fn a_frame_is_brought_up_to_date_where_it_changed_only() {
        let canvas = Canvas::new(3, 2, [1, 2, 3]);
        let mut frame = vec![0; 3 * 2 * 4];
        canvas.write_to(&mut frame, rect(1, 1, 9, 9));
        assert_eq!(&frame[..16], &[0; 16]);
        assert_eq!(&frame[16..], &[3, 2, 1, 255, 3, 2, 1, 255]);
    }
}
