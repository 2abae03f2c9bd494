//! Which packets of a stream with layers go to one subscriber (VP9 and AV1 with spatial and temporal layers, VP8
//! with temporal ones). A dependency descriptor goes before what the payload says.
//!
//! Invariant: the layers given change only between pictures, and upward only where a decoder can follow:
//! every frame that a forwarded frame needs was forwarded too, if it came. The last packet of a picture as the
//! subscriber gets it has the marker bit.
//!
//! Lower spatial layers are forwarded even where higher ones don't need them (`L3T3_KEY`). It costs some
//! bits, but a subscriber whose line gets worse goes down at once, and without a key frame that everybody else
//! would have to carry too.

use super::dependency::Frame;
use super::{Facts, Header};

/// How far up: the highest spatial and temporal layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Layers {
    /// 0 is the smallest picture. A stream may have fewer layers than are named here.
    pub spatial: u8,
    /// 0 is the lowest rate.
    pub temporal: u8,
}

impl Layers {
    /// Everything there is.
    pub const ALL: Self = Self {
        spatial: u8::MAX,
        temporal: u8::MAX,
    };
}

/// A packet to decide about.
#[derive(Debug, Clone, Copy)]
pub struct Packet<'a> {
    /// What its payload says.
    pub facts: &'a Facts,
    /// What its dependency descriptor says, where it has a readable one.
    pub dependency: Option<&'a Frame>,
    /// RTP time: the same for all of a picture.
    pub time: u32,
    /// RTP's marker bit.
    pub marker: bool,
}

/// How a packet goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selected {
    /// RTP's marker bit, as the subscriber is to see it.
    pub marker: bool,
}

/// One subscriber's of one stream.
#[derive(Debug, Clone)]
pub struct Selector {
    target: Layers,
    /// None: it waits for a key frame.
    rule: Option<Rule>,
    /// For packets that come late.
    before: Option<Rule>,
    picture: Picture,
    /// The stream has dependency descriptors: what doesn't say its layers otherwise doesn't pass without.
    has_dependencies: bool,
}

/// What is given from one picture on.
#[derive(Debug, Clone, Copy)]
struct Rule {
    from: u32,
    layers: Layers,
}

/// The newest picture.
#[derive(Debug, Clone, Copy)]
struct Picture {
    time: u32,
    /// Up to which temporal layer can be given behind it: the lowest that any of its frames allows. None: no frame
    /// of it was forwarded yet.
    lets_up_to: Option<u8>,
}

impl Selector {
    /// Begins with the next key frame.
    #[must_use]
    pub fn new(target: Layers) -> Self {
        Self {
            target,
            rule: None,
            before: None,
            picture: Picture {
                time: 0,
                lets_up_to: None,
            },
            has_dependencies: false,
        }
    }

    /// The subscriber was given everything so far; the newest picture was of RTP time `time`.
    #[must_use]
    pub fn from_all(time: u32, target: Layers) -> Self {
        let mut selector = Self::new(target);
        selector.rule = Some(Rule {
            from: time,
            layers: Layers::ALL,
        });
        selector.show(time);
        selector
    }

    /// What the subscriber is to be given from now on. Down takes effect with the next picture, up as soon as
    /// the stream allows.
    pub fn aim(&mut self, target: Layers) {
        self.target = target;
    }

    /// Begins again with the next key frame: the subscriber was paused, or the stream is another.
    pub fn restart(&mut self) {
        *self = Self::new(self.target);
    }

    /// What the subscriber is given now. None: nothing yet.
    #[must_use]
    pub fn current(&self) -> Option<Layers> {
        self.rule.map(|rule| rule.layers)
    }

    /// Whether only a key frame leads to what is aimed at. (Temporal layers come without.)
    #[must_use]
    pub fn wants_key_frame(&self) -> bool {
        self.rule.is_none_or(|rule| rule.layers.spatial < self.target.spatial)
    }

    /// None: not for this subscriber.
    pub fn select(&mut self, packet: Packet<'_>) -> Option<Selected> {
        self.has_dependencies |= packet.dependency.is_some();
        if self.has_dependencies && !says_layers(packet.facts) {
            packet.dependency?;
        }
        self.turn_to(packet);
        let rule = self.rule_at(packet.time)?;
        if !is_within(packet, rule.layers) {
            return None;
        }
        if packet.facts.starts_frame && packet.time == self.picture.time {
            let others = self.picture.lets_up_to.unwrap_or(u8::MAX);
            self.picture.lets_up_to = Some(others.min(lets_up_to(packet)));
        }
        let is_last = packet.facts.ends_frame && packet.facts.spatial == rule.layers.spatial;
        Some(Selected {
            marker: packet.marker || is_last,
        })
    }

    /// Changes the rule where this packet's picture allows it.
    fn turn_to(&mut self, packet: Packet<'_>) {
        let Some(rule) = self.rule else {
            if packet.facts.starts_key_frame {
                self.rule = Some(Rule {
                    from: packet.time,
                    layers: self.target,
                });
                self.show(packet.time);
            }
            return;
        };
        let is_new = is_after(packet.time, self.picture.time);
        if !is_new && packet.time != self.picture.time {
            return;
        }
        let mut layers = rule.layers;
        if packet.facts.starts_key_frame {
            layers = self.target;
        } else if is_new {
            layers.spatial = layers.spatial.min(self.target.spatial);
            let proven = self.picture.lets_up_to.unwrap_or(0);
            layers.temporal = layers.temporal.max(proven).min(self.target.temporal);
        }
        if can_begin_layer(packet) && layers.temporal < packet.facts.temporal {
            // Not farther than aimed at, nor than this frame is proof of.
            layers.temporal = layers.temporal.max(self.target.temporal.min(packet.facts.temporal));
        }
        if is_new {
            self.show(packet.time);
        }
        if layers != rule.layers {
            if rule.from != packet.time {
                self.before = Some(rule);
            }
            self.rule = Some(Rule {
                from: packet.time,
                layers,
            });
        }
    }

    fn show(&mut self, time: u32) {
        self.picture = Picture { time, lets_up_to: None };
    }

    fn rule_at(&self, time: u32) -> Option<Rule> {
        let rules = [self.rule, self.before];
        rules.into_iter().flatten().find(|rule| !is_after(rule.from, time))
    }
}

/// Whether the packet is of what is given.
fn is_within(packet: Packet<'_>, layers: Layers) -> bool {
    match packet.dependency {
        Some(frame) => {
            let given = frame.structure.targets_within(layers.spatial, layers.temporal);
            frame.indications.present() & given != 0
        }
        None => packet.facts.spatial <= layers.spatial && packet.facts.temporal <= layers.temporal,
    }
}

/// Whether the payload itself says which layers it is of, wherever there are layers.
fn says_layers(facts: &Facts) -> bool {
    match facts.header {
        Header::Vp8(descriptor) => descriptor.layer.is_some(),
        Header::Vp9(_) | Header::H264(_) => true,
        Header::Av1(_) => false,
    }
}

/// Up to which temporal layer can be given behind this frame's picture, as far as it says so.
fn lets_up_to(packet: Packet<'_>) -> u8 {
    match (packet.dependency, packet.facts.header) {
        (Some(frame), _) => frame.switches_up_to(),
        (None, Header::Vp9(descriptor)) if descriptor.layer.is_none_or(|layer| layer.is_switching_up_point) => u8::MAX,
        _ => 0,
    }
}

/// Whether the packet begins a frame with which its own temporal layer can begin.
fn can_begin_layer(packet: Packet<'_>) -> bool {
    let facts = packet.facts;
    facts.starts_frame && facts.can_switch_up_to && matches!(facts.header, Header::Vp8(_))
}

/// Whether `time` is later than `other`; both wrap.
fn is_after(time: u32, other: u32) -> bool {
    time != other && time.wrapping_sub(other) < 1 << 31
}

#[cfg(test)]
mod tests;
