//! The dependency descriptor, the header extension by which AV1 tells its layers ("RTP Payload Format For AV1"
//! v1.0.0, appendix A).
//!
//! Invariant: a frame is read by the structure of its own key frame, the newest or the one before it. Memory
//! is taken only with a new structure, and no structure is larger than 64 templates.

mod structure;

use std::sync::Arc;

use super::bits::Bits;

pub use structure::{Diffs, Indication, Indications, MAX_CHAINS, MAX_TARGETS, Structure};

/// A descriptor as long as this has no extended fields.
const MANDATORY: usize = 3;

/// A structure whose frame is older than the newest structure's by more than this isn't late: the sender began
/// anew, with other numbers.
const LATE_FRAMES: i64 = 1024;

/// Why a descriptor couldn't be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unread {
    /// The structure that it is written by hasn't come (yet): its key frame's first packet is missing.
    #[error("its structure isn't known")]
    NoStructure,
    /// It is against the rules.
    #[error("malformed")]
    Malformed,
}

/// What a packet's descriptor says of its frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// The packet begins the frame.
    pub starts: bool,
    /// The packet ends the frame.
    pub ends: bool,
    /// Counts frames in decoding order, modulo 65,536; each spatial layer of a picture is a frame.
    pub number: u16,
    /// Spatial layer; 0 is the smallest.
    pub spatial: u8,
    /// Temporal layer; 0 is the lowest rate.
    pub temporal: u8,
    /// What the frame is to each decode target.
    pub indications: Indications,
    /// How many frames back each frame is that this one needs.
    pub references: Diffs,
    /// How many frames back the last one of each chain is; 0: the chain begins here. Of as many as
    /// [`Structure::chains`] says.
    pub chains: [u8; MAX_CHAINS],
    /// A bit for each decode target that the sender makes now, the first lowest.
    pub active_targets: u32,
    /// Width and height in pixels that the frame's layer is to be shown at, where the structure says it.
    pub size: Option<(u16, u16)>,
    /// The packet brought the structure.
    pub has_structure: bool,
    /// What the frame was read by.
    pub structure: Arc<Structure>,
}

impl Frame {
    /// Whether the packet begins a frame that needs none before it, and brings the structure for those behind it.
    #[must_use]
    pub fn starts_key_frame(&self) -> bool {
        self.starts && self.has_structure && self.references.as_slice().is_empty()
    }

    /// The highest temporal layer of the frame's own spatial layer that can be given to whoever has had what this
    /// frame needs: from here on all of it can be decoded. 0 if none can.
    #[must_use]
    pub fn switches_up_to(&self) -> u8 {
        let switches = (0..self.structure.targets()).filter(|it| self.indications.of(*it) == Indication::Switch);
        let layers = switches.filter_map(|target| self.structure.layers(target));
        let own = layers.filter(|(spatial, _)| *spatial == self.spatial);
        own.map(|(_, temporal)| temporal).max().unwrap_or(0)
    }
}

/// What is remembered of one stream.
#[derive(Debug, Clone, Default)]
pub struct Structures {
    newest: Option<Known>,
    /// For packets from before the newest key frame that come late.
    before: Option<Known>,
    /// The highest number so far, extended: it never wraps.
    last: Option<i64>,
}

#[derive(Debug, Clone)]
struct Known {
    structure: Arc<Structure>,
    /// The frame that brought it, extended.
    since: i64,
    /// What was last said of which targets are made, and by which frame.
    active: u32,
    active_since: i64,
}

/// Which optional parts follow.
struct Flags {
    has_active: bool,
    has_indications: bool,
    has_references: bool,
    has_chains: bool,
}

impl Structures {
    /// Reads the extension's bytes.
    ///
    /// # Errors
    /// [`Unread`]. Nothing is remembered of such a packet.
    pub fn read(&mut self, descriptor: &[u8]) -> Result<Frame, Unread> {
        let mut bits = Bits::new(descriptor);
        let (mut head, has_extended) = Head::read(&mut bits, descriptor.len()).ok_or(Unread::Malformed)?;
        let mut flags = Flags {
            has_active: false,
            has_indications: false,
            has_references: false,
            has_chains: false,
        };
        let number = self.extend(head.number);
        let mut brought = None;
        if has_extended {
            head.has_structure = bits.flag().ok_or(Unread::Malformed)?;
            flags = Flags::read(&mut bits).ok_or(Unread::Malformed)?;
            if head.has_structure {
                let structure = Structure::read(&mut bits).ok_or(Unread::Malformed)?;
                brought = Some(Known::new(structure, number));
            }
        }
        let known = match &brought {
            Some(known) => known,
            None => self.known_at(number).ok_or(Unread::NoStructure)?,
        };
        let frame = head.frame(&mut bits, &flags, known)?;
        self.last = Some(self.last.map_or(number, |last| last.max(number)));
        match brought {
            Some(known) => self.learn(known, &frame),
            None if flags.has_active => self.note_active(number, frame.active_targets),
            None => {}
        }
        Ok(frame)
    }

    /// The structure that the newest frames are written by.
    #[must_use]
    pub fn newest(&self) -> Option<&Arc<Structure>> {
        self.newest.as_ref().map(|known| &known.structure)
    }

    /// The number that is nearest to the last one.
    fn extend(&self, number: u16) -> i64 {
        self.last.map_or(i64::from(number), |last| {
            let ahead = number.wrapping_sub(last as u16) as i16;
            last + i64::from(ahead)
        })
    }

    fn known_at(&self, number: i64) -> Option<&Known> {
        let known = [self.newest.as_ref(), self.before.as_ref()];
        known.into_iter().flatten().find(|known| known.since <= number)
    }

    fn learn(&mut self, mut known: Known, frame: &Frame) {
        known.active = frame.active_targets;
        let age = self.newest.as_ref().map_or(-1, |newest| newest.since - known.since);
        if age < 0 {
            self.before = self.newest.replace(known);
        } else if age > LATE_FRAMES {
            self.last = Some(known.since);
            self.before = None;
            self.newest = Some(known);
        }
        // Else it is a late copy of what is known, or of what was before it.
    }

    fn note_active(&mut self, number: i64, active: u32) {
        if let Some(newest) = &mut self.newest
            && newest.active_since <= number
        {
            newest.active = active;
            newest.active_since = number;
        }
    }
}

impl Known {
    fn new(structure: Structure, since: i64) -> Self {
        Self {
            active: structure.all_targets(),
            structure: Arc::new(structure),
            since,
            active_since: since,
        }
    }
}

impl Flags {
    fn read(bits: &mut Bits<'_>) -> Option<Self> {
        Some(Self {
            has_active: bits.flag()?,
            has_indications: bits.flag()?,
            has_references: bits.flag()?,
            has_chains: bits.flag()?,
        })
    }
}

/// The mandatory fields. (A.8.2)
struct Head {
    starts: bool,
    ends: bool,
    template: u8,
    number: u16,
    has_structure: bool,
}

impl Head {
    /// Also tells whether extended fields follow.
    fn read(bits: &mut Bits<'_>, len: usize) -> Option<(Self, bool)> {
        let head = Self {
            starts: bits.flag()?,
            ends: bits.flag()?,
            template: bits.read_u8(6)?,
            number: u16::try_from(bits.read(16)?).ok()?,
            has_structure: false,
        };
        Some((head, len > MANDATORY))
    }

    fn frame(self, bits: &mut Bits<'_>, flags: &Flags, known: &Known) -> Result<Frame, Unread> {
        let structure = &known.structure;
        // A template that isn't there: the packet was written by a structure that got lost.
        let template = structure.template(self.template).ok_or(if self.has_structure {
            Unread::Malformed
        } else {
            Unread::NoStructure
        })?;
        let (spatial, temporal) = template.layers();
        let mut frame = Frame {
            starts: self.starts,
            ends: self.ends,
            number: self.number,
            spatial,
            temporal,
            indications: template.indications,
            references: template.references,
            chains: template.chains,
            active_targets: known.active,
            size: structure.size_of(spatial),
            has_structure: self.has_structure,
            structure: Arc::clone(structure),
        };
        frame.read_own(bits, flags).ok_or(Unread::Malformed)?;
        Ok(frame)
    }
}

impl Frame {
    /// What the frame says otherwise than its template. (A.8.2, `frame_dependency_definition`)
    fn read_own(&mut self, bits: &mut Bits<'_>, flags: &Flags) -> Option<()> {
        if flags.has_active {
            self.active_targets = bits.read(u32::from(self.structure.targets()))?;
        }
        if flags.has_indications {
            self.indications = Indications::read(bits, self.structure.targets())?;
        }
        if flags.has_references {
            self.references = Diffs::read_sized(bits)?;
        }
        if flags.has_chains {
            for chain in self.chains.iter_mut().take(usize::from(self.structure.chains())) {
                *chain = bits.read_u8(8)?;
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests;
