//! The template dependency structure: what frames a stream is made of, and what each is to whom.
//!
//! Invariant: every index in it is in range: templates, decode targets, chains.

use super::super::bits::Bits;

/// Decode targets that `dt_cnt_minus_one` can count.
pub const MAX_TARGETS: usize = 32;

/// Chains: at most one for each decode target.
pub const MAX_CHAINS: usize = MAX_TARGETS;

/// Templates that `frame_dependency_template_id` can name.
const MAX_TEMPLATES: usize = 64;

/// Spatial layers that AV1 has. (AV1 §6.10.6, `OBU` extension)
const MAX_SPATIAL: u8 = 4;

/// Temporal layers that AV1 has.
const MAX_TEMPORAL: u8 = 8;

/// Frames that a frame can need: AV1 has seven references.
const MAX_REFERENCES: usize = 8;

/// What a frame is to a decode target. (A.4, "decode target indication")
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Indication {
    /// It isn't part of it.
    NotPresent,
    /// Nothing else in it needs the frame.
    Discardable,
    /// From this frame on, all of it can be decoded, if this frame can.
    Switch,
    /// Others need it.
    Required,
}

/// A frame's [`Indication`] for each decode target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Indications {
    /// Two bits for each, the first lowest.
    packed: u64,
}

impl Indications {
    pub(super) fn read(bits: &mut Bits<'_>, targets: u8) -> Option<Self> {
        let mut packed = 0;
        for target in 0..targets {
            packed |= u64::from(bits.read(2)?) << (2 * target);
        }
        Some(Self { packed })
    }

    /// What the frame is to a decode target; of those that aren't there, it is no part.
    #[must_use]
    pub fn of(self, target: u8) -> Indication {
        match self.packed.checked_shr(2 * u32::from(target)).unwrap_or(0) & 3 {
            0 => Indication::NotPresent,
            1 => Indication::Discardable,
            2 => Indication::Switch,
            _ => Indication::Required,
        }
    }

    /// A bit for each decode target that the frame is part of, the first lowest.
    #[must_use]
    pub fn present(self) -> u32 {
        // One bit of each two, then the gaps between them closed: 1, 2, 4, 8, 16 bits at a time.
        let mut bits = (self.packed | self.packed >> 1) & 0x5555_5555_5555_5555;
        bits = (bits | bits >> 1) & 0x3333_3333_3333_3333;
        bits = (bits | bits >> 2) & 0x0f0f_0f0f_0f0f_0f0f;
        bits = (bits | bits >> 4) & 0x00ff_00ff_00ff_00ff;
        bits = (bits | bits >> 8) & 0x0000_ffff_0000_ffff;
        (bits | bits >> 16) as u32
    }
}

/// How many frames back other frames are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Diffs {
    values: [u16; MAX_REFERENCES],
    len: u8,
}

impl Diffs {
    /// Of a template: each of four bits, behind a bit that says that it is there.
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let mut diffs = Self::default();
        while bits.flag()? {
            diffs.push(bits.read(4)? + 1)?;
        }
        Some(diffs)
    }

    /// Of a frame: each of 4, 8 or 12 bits.
    pub(super) fn read_sized(bits: &mut Bits<'_>) -> Option<Self> {
        let mut diffs = Self::default();
        loop {
            let size = bits.read(2)?;
            if size == 0 {
                return Some(diffs);
            }
            diffs.push(bits.read(4 * size)? + 1)?;
        }
    }

    fn push(&mut self, diff: u32) -> Option<()> {
        *self.values.get_mut(usize::from(self.len))? = u16::try_from(diff).ok()?;
        self.len += 1;
        Some(())
    }

    /// Each at least 1.
    #[must_use]
    pub fn as_slice(&self) -> &[u16] {
        self.values.get(..usize::from(self.len)).unwrap_or_default()
    }
}

/// What frames have in common that are written by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Template {
    pub(super) spatial: u8,
    pub(super) temporal: u8,
    pub(super) indications: Indications,
    pub(super) references: Diffs,
    pub(super) chains: [u8; MAX_CHAINS],
}

impl Template {
    pub(super) fn layers(&self) -> (u8, u8) {
        (self.spatial, self.temporal)
    }
}

/// What a stream is made of. (A.8.2, `template_dependency_structure`)
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Structure {
    first_template: u8,
    templates: Vec<Template>,
    /// Spatial and temporal layer of each decode target.
    targets: Vec<(u8, u8)>,
    chains: u8,
    /// The chain of each decode target, where there are chains.
    protected_by: Vec<u8>,
    /// Width and height in pixels of each spatial layer, where said.
    sizes: Vec<(u16, u16)>,
}

impl Structure {
    pub(super) fn read(bits: &mut Bits<'_>) -> Option<Self> {
        let first_template = bits.read_u8(6)?;
        let target_count = bits.read_u8(5)? + 1;
        let mut templates = read_layers(bits)?;
        for template in &mut templates {
            template.indications = Indications::read(bits, target_count)?;
        }
        for template in &mut templates {
            template.references = Diffs::read(bits)?;
        }
        let (chains, protected_by) = read_chains(bits, target_count, &mut templates)?;
        let targets = (0..target_count).map(|target| layers_of(&templates, target)).collect();
        let mut sizes = Vec::new();
        if bits.flag()? {
            let layers = templates.iter().map(|it| it.spatial).max()? + 1;
            for _ in 0..layers {
                sizes.push((read_side(bits)?, read_side(bits)?));
            }
        }
        Some(Self {
            first_template,
            templates,
            targets,
            chains,
            protected_by,
            sizes,
        })
    }

    pub(super) fn template(&self, id: u8) -> Option<&Template> {
        let index = id.wrapping_sub(self.first_template) & 0x3f;
        self.templates.get(usize::from(index))
    }

    /// Decode targets, 1 to 32.
    #[must_use]
    pub fn targets(&self) -> u8 {
        self.targets.len() as u8
    }

    /// A bit for each decode target.
    #[must_use]
    pub fn all_targets(&self) -> u32 {
        u32::MAX >> (MAX_TARGETS - self.targets.len())
    }

    /// The highest spatial and temporal layer that a decode target has.
    #[must_use]
    pub fn layers(&self, target: u8) -> Option<(u8, u8)> {
        self.targets.get(usize::from(target)).copied()
    }

    /// A bit for each decode target that has no higher layers than these, the first lowest.
    #[must_use]
    pub fn targets_within(&self, spatial: u8, temporal: u8) -> u32 {
        let is_within = |target: &(u8, u8)| target.0 <= spatial && target.1 <= temporal;
        let targets = self.targets.iter().enumerate().filter(|(_, target)| is_within(target));
        targets.fold(0, |mask, (index, _)| mask | 1 << index)
    }

    /// Chains, at most as many as decode targets.
    #[must_use]
    pub fn chains(&self) -> u8 {
        self.chains
    }

    /// The chain that protects a decode target: as long as none of the chain's frames is lost, it can be decoded.
    #[must_use]
    pub fn chain_of(&self, target: u8) -> Option<u8> {
        self.protected_by.get(usize::from(target)).copied()
    }

    /// Width and height in pixels of a spatial layer, where said.
    #[must_use]
    pub fn size_of(&self, spatial: u8) -> Option<(u16, u16)> {
        self.sizes.get(usize::from(spatial)).copied()
    }

    /// Width and height in pixels of the largest spatial layer, where said.
    #[must_use]
    pub fn size(&self) -> Option<(u16, u16)> {
        self.sizes.last().copied()
    }
}

/// `template_layers`: the templates, empty but for their layers.
fn read_layers(bits: &mut Bits<'_>) -> Option<Vec<Template>> {
    let (mut spatial, mut temporal) = (0, 0);
    let mut templates = Vec::new();
    loop {
        if templates.len() == MAX_TEMPLATES || spatial >= MAX_SPATIAL || temporal >= MAX_TEMPORAL {
            return None;
        }
        templates.push(Template {
            spatial,
            temporal,
            indications: Indications::default(),
            references: Diffs::default(),
            chains: [0; MAX_CHAINS],
        });
        match bits.read(2)? {
            0 => {}
            1 => temporal += 1,
            2 => {
                temporal = 0;
                spatial += 1;
            }
            _ => return Some(templates),
        }
    }
}

/// `template_chains`: how many, and which protects which decode target.
fn read_chains(bits: &mut Bits<'_>, targets: u8, templates: &mut [Template]) -> Option<(u8, Vec<u8>)> {
    let chains = u8::try_from(bits.one_of(u32::from(targets) + 1)?).ok()?;
    let mut protected_by = Vec::new();
    if chains == 0 {
        return Some((chains, protected_by));
    }
    for _ in 0..targets {
        protected_by.push(u8::try_from(bits.one_of(u32::from(chains))?).ok()?);
    }
    for template in templates {
        for chain in template.chains.iter_mut().take(usize::from(chains)) {
            *chain = bits.read_u8(4)?;
        }
    }
    Some((chains, protected_by))
}

/// `decode_target_layers`: the highest that any of its frames is of.
fn layers_of(templates: &[Template], target: u8) -> (u8, u8) {
    let is_part = |it: &&Template| it.indications.of(target) != Indication::NotPresent;
    templates
        .iter()
        .filter(is_part)
        .fold((0, 0), |(spatial, temporal), it| {
            (spatial.max(it.spatial), temporal.max(it.temporal))
        })
}

fn read_side(bits: &mut Bits<'_>) -> Option<u16> {
    // 65,536 pixels can be said and are nobody's.
    u16::try_from(bits.read(16)? + 1).ok()
}
