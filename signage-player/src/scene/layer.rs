//! A widget's own picture, drawn by cairo, kept until its data changes.

use anyhow::{Context as _, Result};
use cairo::{Context, Format, ImageSurface, Operator};
use protocol::screen::Rect;

use crate::stage::canvas::{Canvas, Pixels};

/// A picture with transparency (premultiplied).
#[derive(Debug)]
pub struct Layer {
    surface: ImageSurface,
    width: u32,
    height: u32,
    is_opaque: bool,
}

impl Layer {
    /// A transparent picture.
    ///
    /// # Errors
    /// When cairo has no memory for it.
    pub fn new(width: u32, height: u32) -> Result<Self> {
        let side = |pixels: u32| i32::try_from(pixels).context("too large");
        let surface = ImageSurface::create(Format::ARgb32, side(width)?, side(height)?)
            .with_context(|| format!("a surface of {width}x{height} pixels"))?;
        Ok(Self {
            surface,
            width,
            height,
            is_opaque: false,
        })
    }

    /// One whose drawing covers every pixel, so that it is copied and not mixed.
    ///
    /// # Errors
    /// As [`Layer::new`].
    pub fn opaque(width: u32, height: u32) -> Result<Self> {
        Ok(Self {
            is_opaque: true,
            ..Self::new(width, height)?
        })
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

    /// All of it, in its own pixels.
    #[must_use]
    pub fn bounds(&self) -> Rect {
        Rect {
            x: 0,
            y: 0,
            width: self.width,
            height: self.height,
        }
    }

    /// Draws it anew from transparent.
    pub fn redraw(&self, draw: impl FnOnce(&Context) -> Result<(), cairo::Error>) {
        let drawn = Context::new(&self.surface).and_then(|cr| {
            cr.set_operator(Operator::Clear);
            cr.paint()?;
            cr.set_operator(Operator::Over);
            draw(&cr)
        });
        if let Err(error) = drawn {
            tracing::warn!("a widget couldn't be drawn: {error}");
        }
        self.surface.flush();
    }

    /// Gives its bytes and stride to be written.
    pub fn write(&mut self, write: impl FnOnce(&mut [u8], usize)) {
        let stride = usize::try_from(self.surface.stride()).unwrap_or(0);
        match self.surface.data() {
            Ok(mut data) => write(&mut data, stride),
            Err(error) => tracing::warn!("a widget's picture is in use: {error}"),
        }
        self.surface.mark_dirty();
    }

    /// Lays it on the canvas with its corner at `at`, inside `clip` only.
    pub fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        let stride = usize::try_from(self.surface.stride()).unwrap_or(0);
        let (width, height) = (self.width, self.height);
        // Fails only while a drawing context lives; none outlives `redraw`.
        let _ = self.surface.with_data(|data| {
            let pixels = Pixels {
                data,
                stride,
                width,
                height,
            };
            if self.is_opaque {
                canvas.copy(clip, pixels, at);
            } else {
                canvas.over(clip, pixels, at);
            }
        });
    }
}
