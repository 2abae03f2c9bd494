//! A rig: the drawing of an avatar in layers, and how each layer follows the pose.
//!
//! A folder holds `rig.toml` (read its comments in `configs/rigs/hibari`) and one SVG whose groups are the
//! drawings. A layer shows one drawing at a time: another for an expression, an in-between for lids and mouth.
//!
//! Invariant: a loaded [`Rig`] is whole: every drawing it names is in its SVG and shows something, every
//! in-between is made. What can go wrong goes wrong in [`Rig::load`].

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use protocol::pose::{Expression, Pose, Viseme};
use resvg::usvg::{self, roxmltree};
use serde::Deserialize;

use crate::tween;

/// The largest number of in-betweens; more is not seen.
const MAX_STEPS: u8 = 16;

/// A loaded and checked rig.
#[derive(Debug)]
pub struct Rig {
    name: String,
    motion: Motion,
    layers: Vec<Layer>,
    /// The SVG with all in-betweens added.
    tree: usvg::Tree,
}

/// Why a rig can't be used. Every message names the file and, where there is one, the layer.
#[derive(Debug, thiserror::Error)]
pub enum RigError {
    /// A file can't be read.
    #[error("{file}: {source}", file = file.display())]
    Read {
        /// The file.
        file: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// `rig.toml` is not what it should be; the message has the line.
    #[error("{file}: {message}", file = file.display())]
    Description {
        /// The file.
        file: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
    /// The SVG can't be parsed.
    #[error("{file}: {message}", file = file.display())]
    Svg {
        /// The file.
        file: PathBuf,
        /// What is wrong, and where.
        message: String,
    },
    /// A layer can't be drawn.
    #[error("{file}: layer `{layer}`: {message}", file = file.display())]
    Layer {
        /// The file that describes the layer.
        file: PathBuf,
        /// The layer's name.
        layer: String,
        /// What is wrong.
        message: String,
    },
}

/// How far things move, in the drawing's units.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Motion {
    /// The point about which the head tilts.
    pub(crate) neck: [f32; 2],
    /// How far the neck rises with a full breath.
    pub(crate) breath_rise: f32,
    /// Shift of a layer at depth 1 for one degree of turn.
    pub(crate) turn_shift: f32,
    /// Shift of a layer at depth 1 for one degree of nod.
    pub(crate) nod_shift: f32,
    /// How far the irises travel, across and down.
    pub(crate) gaze_reach: [f32; 2],
}

/// What a layer is fastened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Follows {
    /// Chest and shoulders: they breathe.
    Body,
    /// Between body and head.
    Neck,
    /// Everything that turns and nods.
    #[default]
    Head,
}

/// One layer, ready to be painted.
#[derive(Debug, Clone)]
pub(crate) struct Layer {
    pub(crate) follows: Follows,
    pub(crate) depth: f32,
    pub(crate) gaze: bool,
    /// The layer within whose shape this one shows.
    pub(crate) clip: Option<usize>,
    /// The ids of all drawings of this layer, one run of `variants` for each base drawing.
    pub(crate) drawings: Vec<String>,
    /// Which base each expression shows.
    bases: BTreeMap<Expression, usize>,
    play: Play,
}

/// Which of a base's in-betweens shows.
#[derive(Debug, Clone)]
enum Play {
    Still,
    Lids { steps: u8 },
    Mouth { steps: u8, shapes: Vec<Viseme> },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    name: String,
    svg: String,
    motion: Motion,
    layer: Vec<LayerDescription>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LayerDescription {
    name: String,
    draw: String,
    #[serde(default)]
    follows: Follows,
    #[serde(default)]
    depth: f32,
    #[serde(default)]
    gaze: bool,
    clip: Option<String>,
    #[serde(default)]
    expressions: BTreeMap<Expression, String>,
    lids: Option<LidsDescription>,
    mouth: Option<MouthDescription>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LidsDescription {
    shut: String,
    steps: u8,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MouthDescription {
    steps: u8,
    shapes: BTreeMap<Viseme, String>,
}

impl Rig {
    /// Loads `rig.toml` and the SVG it names from a folder such as `configs/rigs/hibari`.
    ///
    /// # Errors
    /// [`RigError`], naming the file, the layer and what was expected.
    pub fn load(folder: &Path) -> Result<Self, RigError> {
        let file = folder.join("rig.toml");
        let read = |file: &Path| {
            std::fs::read_to_string(file).map_err(|source| RigError::Read {
                file: file.into(),
                source,
            })
        };
        let wrong = |message: String| RigError::Description {
            file: file.clone(),
            message,
        };
        let description: Description = toml::from_str(&read(&file)?).map_err(|e| wrong(e.to_string()))?;
        check(&description).map_err(|(layer, message)| match layer {
            Some(layer) => RigError::Layer {
                file: file.clone(),
                layer,
                message,
            },
            None => wrong(message),
        })?;

        let svg_file = folder.join(&description.svg);
        let source = read(&svg_file)?;
        let broken = |e: &dyn std::fmt::Display| RigError::Svg {
            file: svg_file.clone(),
            message: e.to_string(),
        };
        let document = roxmltree::Document::parse(&source).map_err(|e| broken(&e))?;
        let mut drawings = Drawings {
            document: &document,
            file: &description.svg,
            added: String::new(),
        };
        let names: Vec<String> = description.layer.iter().map(|l| l.name.clone()).collect();
        let mut layers = Vec::with_capacity(names.len());
        for layer in description.layer {
            let name = layer.name.clone();
            let layer = drawings.layer(layer, &names);
            layers.push(layer.map_err(|message| RigError::Layer {
                file: file.clone(),
                layer: name,
                message,
            })?);
        }

        let end = source
            .rfind("</svg>")
            .ok_or_else(|| broken(&"the outermost element must be <svg>...</svg>"))?;
        let whole = format!("{}{}{}", &source[..end], drawings.added, &source[end..]);
        let tree = usvg::Tree::from_str(&whole, &usvg::Options::default()).map_err(|e| broken(&e))?;
        for (layer, name) in layers.iter().zip(&names) {
            if let Some(empty) = layer.drawings.iter().find(|id| is_empty(tree.node_by_id(id))) {
                let message = format!("group `{empty}` of {} draws nothing", description.svg);
                return Err(RigError::Layer {
                    file: file.clone(),
                    layer: name.clone(),
                    message,
                });
            }
        }
        Ok(Self {
            name: description.name,
            motion: description.motion,
            layers,
            tree,
        })
    }

    /// The character's name, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Width and height of the drawing in its own units; paint at this ratio to waste no pixels.
    pub fn size(&self) -> (f32, f32) {
        (self.tree.size().width(), self.tree.size().height())
    }

    pub(crate) fn motion(&self) -> &Motion {
        &self.motion
    }

    /// The layers from back to front.
    pub(crate) fn layers(&self) -> &[Layer] {
        &self.layers
    }

    pub(crate) fn drawing(&self, id: &str) -> Option<&usvg::Node> {
        self.tree.node_by_id(id)
    }
}

impl Layer {
    /// Which of `drawings` the pose shows.
    pub(crate) fn drawing_for(&self, pose: &Pose) -> usize {
        let base = self.bases.get(&pose.expression).copied().unwrap_or(0);
        let step = |share: f32, steps: u8| (share.clamp(0.0, 1.0) * f32::from(steps)).round() as usize;
        let variant = match &self.play {
            Play::Still => 0,
            Play::Lids { steps } => step(pose.eyes_shut, *steps),
            Play::Mouth { steps, shapes } => match shapes.iter().position(|shape| *shape == pose.viseme) {
                Some(shape) => match step(pose.mouth_open, *steps) {
                    0 => 0,
                    step => shape * usize::from(*steps) + step,
                },
                None => 0,
            },
        };
        base * self.play.variants() + variant
    }
}

impl Play {
    fn variants(&self) -> usize {
        1 + match self {
            Self::Still => 0,
            Self::Lids { steps } => usize::from(*steps),
            Self::Mouth { steps, shapes } => usize::from(*steps) * shapes.len(),
        }
    }
}

fn is_empty(drawing: Option<&usvg::Node>) -> bool {
    match drawing {
        None => true,
        Some(usvg::Node::Group(group)) => !group.has_children(),
        Some(_) => false,
    }
}

/// Checks what can be checked without the SVG. The error has the layer's name where it is about one.
fn check(description: &Description) -> Result<(), (Option<String>, String)> {
    let motion = &description.motion;
    let figures = [motion.breath_rise, motion.turn_shift, motion.nod_shift];
    if figures
        .iter()
        .chain(&motion.neck)
        .chain(&motion.gaze_reach)
        .any(|figure| !figure.is_finite())
    {
        return Err((None, "motion: every figure must be a finite number".into()));
    }
    if description.layer.is_empty() {
        return Err((None, "there is no [[layer]]".into()));
    }
    for (at, layer) in description.layer.iter().enumerate() {
        let wrong = |message: String| Err((Some(layer.name.clone()), message));
        if description.layer[..at].iter().any(|other| other.name == layer.name) {
            return wrong("another layer has this name".into());
        }
        if !layer.depth.is_finite() || layer.depth.abs() > 4.0 {
            return wrong(format!("depth is {}; it must be -4 to 4", layer.depth));
        }
        if layer.lids.is_some() && layer.mouth.is_some() {
            return wrong("a layer can have lids or a mouth, not both".into());
        }
        let steps = layer
            .lids
            .as_ref()
            .map(|l| l.steps)
            .or(layer.mouth.as_ref().map(|m| m.steps));
        if steps.is_some_and(|steps| steps == 0 || steps > MAX_STEPS) {
            return wrong(format!("steps must be 1 to {MAX_STEPS}"));
        }
        if layer
            .mouth
            .as_ref()
            .is_some_and(|mouth| mouth.shapes.contains_key(&Viseme::Closed))
        {
            return wrong("mouth.shapes.closed: the closed mouth is the layer's own drawing".into());
        }
    }
    Ok(())
}

/// The groups of the SVG, and the in-betweens made from them so far.
struct Drawings<'a, 'input> {
    document: &'a roxmltree::Document<'input>,
    file: &'a str,
    added: String,
}

impl<'a, 'input> Drawings<'a, 'input> {
    fn group(&self, id: &str) -> Result<roxmltree::Node<'a, 'input>, String> {
        self.document
            .descendants()
            .find(|node| node.attribute("id") == Some(id))
            .ok_or_else(|| format!("no group `{id}` in {}", self.file))
    }

    /// Adds the in-betweens from `from` (left out) to `to`; returns their ids.
    fn tween(&mut self, from: &str, to: &str, steps: u8) -> Result<Vec<String>, String> {
        let (first, last) = (self.group(from)?, self.group(to)?);
        (1..=steps)
            .map(|step| {
                let id = format!("{from}>{to}@{step}");
                let group = tween::between(first, last, f32::from(step) / f32::from(steps), &id)
                    .map_err(|why| format!("no in-betweens from `{from}` to `{to}` in {}: {why}", self.file))?;
                self.added.push_str(&group);
                Ok(id)
            })
            .collect()
    }

    fn layer(&mut self, layer: LayerDescription, names: &[String]) -> Result<Layer, String> {
        let clip = match layer.clip {
            None => None,
            Some(clip) => Some(
                names
                    .iter()
                    .position(|name| *name == clip)
                    .ok_or_else(|| format!("clip: no layer is named `{clip}`"))?,
            ),
        };
        let mut base_ids = vec![layer.draw];
        let mut bases = BTreeMap::new();
        for (expression, id) in layer.expressions {
            let at = base_ids.iter().position(|known| *known == id).unwrap_or_else(|| {
                base_ids.push(id);
                base_ids.len() - 1
            });
            bases.insert(expression, at);
        }
        let mut drawings = Vec::new();
        for base in &base_ids {
            self.group(base)?;
            drawings.push(base.clone());
            if let Some(lids) = &layer.lids {
                drawings.extend(self.tween(base, &lids.shut, lids.steps)?);
            }
            for (mouth, shape) in layer
                .mouth
                .iter()
                .flat_map(|mouth| mouth.shapes.values().map(move |s| (mouth, s)))
            {
                drawings.extend(self.tween(base, shape, mouth.steps)?);
            }
        }
        let play = match (layer.lids, layer.mouth) {
            (Some(lids), _) => Play::Lids { steps: lids.steps },
            (None, Some(mouth)) => Play::Mouth {
                steps: mouth.steps,
                shapes: mouth.shapes.into_keys().collect(),
            },
            (None, None) => Play::Still,
        };
        Ok(Layer {
            follows: layer.follows,
            depth: layer.depth,
            gaze: layer.gaze,
            clip,
            drawings,
            bases,
            play,
        })
    }
}
