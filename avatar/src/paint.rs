//! Paints a pose: premultiplied BGRA, the memory order of cairo's `ARGB32` on little-endian machines.
//!
//! Invariant: the painter's picture is always the whole figure in the pose painted last. Every drawing of
//! the rig is rasterised once, when the painter is made; a frame only moves and lays the results.

use protocol::pose::Pose;
use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg;

use crate::raster::{Bounds, Canvas, Cel, Placed};
use crate::rig::{Follows, Layer, Motion, Rig};

/// A layer that moves by less than this many pixels stays where it is: the eye doesn't see it.
const STILL: f32 = 0.04;

/// A rectangle of pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// Left edge, in pixels.
    pub x: u32,
    /// Top edge, in pixels.
    pub y: u32,
    /// Width in pixels, at least 1.
    pub width: u32,
    /// Height in pixels, at least 1.
    pub height: u32,
}

/// Why a pose can't be painted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PaintError {
    /// The size is zero or above [`Painter::MAX_SIDE`].
    #[error("an avatar of {width}x{height} pixels can't be painted: each side must be 1 to {max}", max = Painter::MAX_SIDE)]
    Size {
        /// Asked width in pixels.
        width: u32,
        /// Asked height in pixels.
        height: u32,
    },
    /// The buffer is too small for the picture, or its rows are.
    #[error("the buffer holds {given} bytes with {stride} a row; the picture needs {needed} with at least {row} a row")]
    Buffer {
        /// Bytes given.
        given: usize,
        /// Bytes a row given.
        stride: usize,
        /// Bytes needed at this stride.
        needed: usize,
        /// Bytes needed a row.
        row: usize,
    },
}

/// Paints one rig at one size. The rig may be dropped afterwards.
#[derive(Debug)]
pub struct Painter {
    canvas: Canvas,
    layers: Vec<Sheet>,
    stage: Stage,
    /// What each layer showed last; empty before the first painting.
    shown: Vec<Shown>,
}

/// A rig's layer with its drawings rasterised.
#[derive(Debug)]
struct Sheet {
    layer: Layer,
    cels: Vec<Cel>,
}

/// How one layer was painted.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Shown {
    drawing: usize,
    to_canvas: Transform,
}

impl Painter {
    /// The longest side that is painted, in pixels.
    pub const MAX_SIDE: u32 = 4096;

    /// Rasterises every drawing at this size (some 100 ms). The figure is fitted whole into `width` x
    /// `height` pixels, keeping its shape, standing on the bottom edge, centred.
    ///
    /// # Errors
    /// [`PaintError::Size`].
    pub fn new(rig: &Rig, width: u32, height: u32) -> Result<Self, PaintError> {
        let sides = 1..=Self::MAX_SIDE;
        if !sides.contains(&width) || !sides.contains(&height) {
            return Err(PaintError::Size { width, height });
        }
        let (rig_width, rig_height) = rig.size();
        let scale = (width as f32 / rig_width).min(height as f32 / rig_height);
        let fit = Transform::from_row(
            scale,
            0.0,
            0.0,
            scale,
            (width as f32 - rig_width * scale) / 2.0,
            height as f32 - rig_height * scale,
        );
        let layers = rig
            .layers()
            .iter()
            .map(|layer| Sheet {
                cels: layer
                    .drawings
                    .iter()
                    .map(|id| rasterise(rig.drawing(id), fit, (width, height)))
                    .collect(),
                layer: layer.clone(),
            })
            .collect();
        Ok(Self {
            canvas: Canvas::new(width as usize, height as usize),
            layers,
            stage: Stage {
                motion: *rig.motion(),
                bottom: [rig_width / 2.0, rig_height],
                fit,
            },
            shown: Vec::new(),
        })
    }

    /// Paints the pose into the painter's own picture, only where it differs from the pose before.
    /// Returns the rectangle that was painted anew, `None` if nothing moved. Values out of range are clamped.
    pub fn paint(&mut self, pose: &Pose) -> Option<Area> {
        let pose = within_range(pose);
        let mut changed: Option<Bounds> = None;
        let mut next = Vec::with_capacity(self.layers.len());
        for (at, sheet) in self.layers.iter().enumerate() {
            let mut shown = Shown {
                drawing: sheet.layer.drawing_for(&pose),
                to_canvas: self.stage.placement(&sheet.layer, &pose),
            };
            if let Some(before) = self.shown.get(at) {
                if before.drawing == shown.drawing && sheet.is_near(shown, *before) {
                    shown = *before;
                }
                let clip_moved = sheet.layer.clip.is_some_and(|clip| self.clip_moved(clip, &pose));
                if shown == *before && !clip_moved {
                    next.push(shown);
                    continue;
                }
                changed = join(changed, sheet.placed(*before).bounds(&self.canvas));
            }
            changed = join(changed, sheet.placed(shown).bounds(&self.canvas));
            next.push(shown);
        }
        self.shown = next;
        let area = changed?;
        self.canvas.clear(area);
        for (sheet, shown) in self.layers.iter().zip(&self.shown) {
            let mask = sheet.layer.clip.map(|clip| self.layers[clip].placed(self.shown[clip]));
            self.canvas.lay(sheet.placed(*shown), mask, area);
        }
        Some(area.into())
    }

    /// Copies the whole picture into a buffer with `stride` bytes a row (cairo: `surface.stride()`).
    /// Pixels are premultiplied BGRA, transparent outside the figure.
    ///
    /// # Errors
    /// [`PaintError::Buffer`].
    pub fn copy_to(&self, buffer: &mut [u8], stride: usize) -> Result<(), PaintError> {
        let row = self.canvas.width * 4;
        let needed = stride.saturating_mul(self.canvas.height - 1).saturating_add(row);
        if stride < row || buffer.len() < needed {
            return Err(PaintError::Buffer {
                given: buffer.len(),
                stride,
                needed,
                row,
            });
        }
        for (to, from) in buffer
            .chunks_mut(stride)
            .zip(self.canvas.pixels.chunks_exact(self.canvas.width))
        {
            for (to, from) in to.chunks_exact_mut(4).zip(from) {
                to.copy_from_slice(&from.to_le_bytes());
            }
        }
        Ok(())
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (u32, u32) {
        // Both came in as u32.
        (self.canvas.width as u32, self.canvas.height as u32)
    }

    fn clip_moved(&self, clip: usize, pose: &Pose) -> bool {
        let sheet = &self.layers[clip];
        let shown = Shown {
            drawing: sheet.layer.drawing_for(pose),
            to_canvas: self.stage.placement(&sheet.layer, pose),
        };
        self.shown
            .get(clip)
            .is_none_or(|before| before.drawing != shown.drawing || !sheet.is_near(shown, *before))
    }
}

impl Sheet {
    fn placed(&self, shown: Shown) -> Placed<'_> {
        let cel = &self.cels[shown.drawing];
        Placed {
            cel,
            to_canvas: shown.to_canvas.pre_translate(cel.left, cel.top),
        }
    }

    /// Whether no pixel moves by [`STILL`] between the two.
    fn is_near(&self, one: Shown, other: Shown) -> bool {
        let (a, b) = (one.to_canvas, other.to_canvas);
        let (w, h) = (
            self.cels[one.drawing].width as f32,
            self.cels[one.drawing].height as f32,
        );
        [(0.0, 0.0), (w, 0.0), (0.0, h), (w, h)].iter().all(|(x, y)| {
            let dx = (a.sx - b.sx) * x + (a.kx - b.kx) * y + a.tx - b.tx;
            let dy = (a.ky - b.ky) * x + (a.sy - b.sy) * y + a.ty - b.ty;
            dx.abs() < STILL && dy.abs() < STILL
        })
    }
}

impl From<Bounds> for Area {
    fn from(bounds: Bounds) -> Self {
        // The canvas's sides are at most MAX_SIDE.
        let at = |value: usize| value as u32;
        Self {
            x: at(bounds.left),
            y: at(bounds.top),
            width: at(bounds.right - bounds.left),
            height: at(bounds.bottom - bounds.top),
        }
    }
}

/// The figure's joints at this size.
#[derive(Debug)]
struct Stage {
    motion: Motion,
    /// The middle of the figure's lower edge, in the drawing's units.
    bottom: [f32; 2],
    /// From the drawing's units to the canvas.
    fit: Transform,
}

impl Stage {
    /// Where the layer's cels (all rasterised with [`Self::fit`]) go in this pose.
    fn placement(&self, layer: &Layer, pose: &Pose) -> Transform {
        let motion = &self.motion;
        let [x, y] = self.bottom;
        let height = (y - motion.neck[1]).max(1.0);
        let rise = 1.0 + motion.breath_rise * pose.breath / height;
        let body = about(x, y, Transform::from_scale(1.0 + (rise - 1.0) * 0.3, rise)).pre_concat(about(
            x,
            y,
            Transform::from_rotate(pose.head_roll * 0.12),
        ));
        let tilt = |share: f32| {
            about(
                motion.neck[0],
                motion.neck[1],
                Transform::from_rotate(pose.head_roll * share),
            )
        };
        let mut moved = match layer.follows {
            Follows::Body => body,
            Follows::Neck => body.pre_concat(tilt(0.4)),
            Follows::Head => body.pre_concat(tilt(0.88)),
        };
        moved = moved.pre_translate(
            pose.head_turn * motion.turn_shift * layer.depth,
            pose.head_nod * motion.nod_shift * layer.depth,
        );
        if layer.gaze {
            moved = moved.pre_translate(pose.gaze.0 * motion.gaze_reach[0], pose.gaze.1 * motion.gaze_reach[1]);
        }
        // The cels carry `fit` already; their own corners are added in `Sheet::placed` by their left and top.
        let unfit = self.fit.invert().unwrap_or_default();
        self.fit.pre_concat(moved).pre_concat(unfit)
    }
}

fn about(x: f32, y: f32, transform: Transform) -> Transform {
    Transform::from_translate(x, y)
        .pre_concat(transform)
        .pre_translate(-x, -y)
}

fn join(one: Option<Bounds>, other: Option<Bounds>) -> Option<Bounds> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.union(other)),
        (one, other) => one.or(other),
    }
}

/// The pose with every figure in its range, and 0 for one that is no number.
fn within_range(pose: &Pose) -> Pose {
    let clamp = |value: f32, low: f32, high: f32| if value.is_nan() { 0.0 } else { value.clamp(low, high) };
    Pose {
        viseme: pose.viseme,
        mouth_open: clamp(pose.mouth_open, 0.0, 1.0),
        eyes_shut: clamp(pose.eyes_shut, 0.0, 1.0),
        gaze: (clamp(pose.gaze.0, -1.0, 1.0), clamp(pose.gaze.1, -1.0, 1.0)),
        head_roll: clamp(pose.head_roll, -8.0, 8.0),
        head_turn: clamp(pose.head_turn, -12.0, 12.0),
        head_nod: clamp(pose.head_nod, -6.0, 12.0),
        breath: clamp(pose.breath, 0.0, 1.0),
        expression: pose.expression,
    }
}

/// Draws one group of the rig for a canvas of this size. A group far outside it gives an empty cel.
fn rasterise(drawing: Option<&usvg::Node>, fit: Transform, canvas: (u32, u32)) -> Cel {
    let empty = Cel {
        width: 2,
        height: 2,
        left: 0.0,
        top: 0.0,
        pixels: vec![0; 4],
    };
    let Some((node, bounds)) = drawing.and_then(|node| Some((node, node.abs_layer_bounding_box()?))) else {
        return empty;
    };
    let edge = |at: f32, scale: f32, shift: f32| at * scale + shift;
    // Nothing moves as far as the picture is wide: what lies farther out is never seen.
    let (beyond_x, beyond_y) = (canvas.0 as f32, canvas.1 as f32);
    let left = edge(bounds.left(), fit.sx, fit.tx).max(-beyond_x).floor() - 1.0;
    let top = edge(bounds.top(), fit.sy, fit.ty).max(-beyond_y).floor() - 1.0;
    let width = edge(bounds.right(), fit.sx, fit.tx).min(2.0 * beyond_x).ceil() + 1.0 - left;
    let height = edge(bounds.bottom(), fit.sy, fit.ty).min(2.0 * beyond_y).ceil() + 1.0 - top;
    // A negative size casts to 0, which makes no pixmap.
    let Some(mut pixmap) = Pixmap::new(width as u32, height as u32) else {
        return empty;
    };
    // A group nested in moved groups doesn't carry their transforms itself.
    let parents = match node {
        usvg::Node::Group(group) => group
            .transform()
            .invert()
            .map(|own| group.abs_transform().pre_concat(own)),
        _ => None,
    };
    // `render_node` moves the node's bounds to the origin; the last step takes that back.
    let transform = fit
        .post_translate(-left, -top)
        .pre_concat(parents.unwrap_or_default())
        .pre_translate(bounds.x(), bounds.y());
    resvg::render_node(node, transform, &mut pixmap.as_mut());
    let pixels = pixmap
        .pixels()
        .iter()
        .map(|p| u32::from_be_bytes([p.alpha(), p.red(), p.green(), p.blue()]))
        .collect();
    Cel {
        width: pixmap.width() as usize,
        height: pixmap.height() as usize,
        left,
        top,
        pixels,
    }
}
