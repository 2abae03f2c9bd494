//! What a subscriber can be given of a track: encodings (simulcast), and of each the layers inside it (VP8's and H.264's
//! frame rates, VP9's and AV1's sizes and rates).
//!
//! Invariant: steps ascend: each has more lines than those before it, or more frames of as many lines.

use std::time::Instant;

use super::allocate::Offer;
use super::codec::svc::Layers;
use super::codec::{Facts, Header};
use super::engine::Packet;
use super::layers::{Layer, Rate, Track};

/// Layers that are told apart; higher ones count as the highest of these.
const SPATIAL: usize = 4;
const TEMPORAL: usize = 4;

/// What a layer is taken for that was never measured: bits a second for each line of its picture, and for a picture of
/// unknown size.
const BPS_PER_LINE: u64 = 1_500;
const UNKNOWN_BPS: u64 = 300_000;

/// Headers and tags, as a share of a picture's payload, in percent.
const OVERHEAD_PERCENT: u64 = 5;

/// Which encoding of a track, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Aim {
    pub(crate) encoding: usize,
    pub(crate) layers: Layers,
}

impl Aim {
    /// All of an encoding.
    pub(crate) fn all(encoding: usize) -> Self {
        Self {
            encoding,
            layers: Layers::ALL,
        }
    }
}

/// An aim, and what it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Step {
    pub(crate) aim: Aim,
    pub(crate) offer: Offer,
}

/// How much comes of the layers inside an encoding.
#[derive(Debug, Default)]
pub(crate) struct Inside {
    rates: [[Rate; TEMPORAL]; SPATIAL],
    heights: [Option<u16>; SPATIAL],
}

/// Layers that are sent now.
struct Sent {
    /// Of each spatial layer, of each temporal one: bits a second.
    bps: Vec<Vec<u64>>,
}

impl Inside {
    /// So many bytes of a picture came. `inside` is made with the first that is of a higher layer.
    pub(crate) fn add(inside: &mut Option<Box<Self>>, facts: &Facts, bytes: usize, now: Instant) {
        if inside.is_none() && facts.spatial == 0 && facts.temporal == 0 {
            return;
        }
        let inside = inside.get_or_insert_default();
        let spatial = usize::from(facts.spatial).min(SPATIAL - 1);
        let temporal = usize::from(facts.temporal).min(TEMPORAL - 1);
        inside.rates[spatial][temporal].add(bytes, now);
    }

    /// Keeps the sizes of the layers, where a key frame's first packet tells more than one.
    pub(crate) fn read_sizes(inside: &mut Option<Box<Self>>, packet: &Packet) {
        let size_of = |spatial: usize| match (packet.facts?.header, &packet.frame) {
            (Header::Vp9(descriptor), _) => {
                let structure = descriptor.structure?;
                let sizes = structure.sizes?;
                sizes.get(..usize::from(structure.layers))?.get(spatial).copied()
            }
            (_, Some(frame)) => frame.structure.size_of(u8::try_from(spatial).ok()?),
            _ => None,
        };
        if size_of(1).is_none() {
            return;
        }
        let inside = inside.get_or_insert_default();
        for (spatial, height) in inside.heights.iter_mut().enumerate() {
            *height = size_of(spatial).map(|(width, height)| width.min(height));
        }
    }

    /// None: not all of the layers have been measured, or there is only one.
    fn sent(&self, now: Instant) -> Option<Sent> {
        let is_running = |rates: &&[Rate; TEMPORAL]| rates.iter().any(|it| it.is_running(now));
        let spatial = self.rates.iter().take_while(is_running);
        let bps: Option<Vec<Vec<u64>>> = spatial
            .map(|rates| {
                let running = rates.iter().take_while(|it| it.is_running(now));
                running.map(Rate::last_bps).collect::<Option<Vec<u64>>>()
            })
            .collect();
        let bps = bps.filter(|it| it.len() > 1 || it.first().is_some_and(|it| it.len() > 1))?;
        Some(Sent { bps })
    }
}

impl Sent {
    /// The share of a layer and those below it, of all.
    fn share(&self, spatial: usize, temporal: usize) -> f64 {
        let part = |spatial: usize, temporal: usize| {
            let rows = self.bps.iter().take(spatial + 1);
            rows.flat_map(|it| it.iter().take(temporal + 1)).sum::<u64>() as f64
        };
        part(spatial, temporal) / part(SPATIAL, TEMPORAL).max(1.0)
    }
}

/// What can be had of a track (of a screen, or of a camera), ascending; never nothing.
pub(crate) fn steps(track: &Track, is_screen: bool, now: Instant) -> Vec<Step> {
    let mut steps = Vec::with_capacity(track.layers.len());
    let wholes = wholes(track);
    for (encoding, (layer, whole)) in track.layers.iter().zip(wholes).enumerate() {
        let sent = layer.inside.as_ref().and_then(|it| it.sent(now));
        match sent {
            Some(sent) => add_inside(&mut steps, encoding, layer, whole, &sent, is_screen),
            None => steps.push(Step {
                aim: Aim::all(encoding),
                offer: whole,
            }),
        }
    }
    steps
}

/// The layers inside an encoding. Of each size all frames, and before that half of them, unless a smaller size moves better;
/// of the very smallest first as few as there can be, before none at all.
fn add_inside(steps: &mut Vec<Step>, encoding: usize, layer: &Layer, whole: Offer, sent: &Sent, is_screen: bool) {
    let sizes = sent.bps.len();
    // Of a screen every line counts.
    let has_halves = is_screen || layer.frames.are_quick();
    for (spatial, rates) in sent.bps.iter().enumerate() {
        let highest = rates.len() - 1;
        let least = match steps.is_empty() {
            true => 0,
            false if has_halves => highest.saturating_sub(1),
            false => highest,
        };
        for temporal in least..=highest {
            let is_partial = temporal < highest;
            let known = layer.inside.as_ref().and_then(|it| it.heights[spatial]);
            let height = known.map_or(whole.height >> (sizes - 1 - spatial), u32::from);
            let layers = Layers {
                spatial: if spatial + 1 == sizes { u8::MAX } else { spatial as u8 },
                temporal: if is_partial { temporal as u8 } else { u8::MAX },
            };
            let share = sent.share(spatial, temporal);
            steps.push(Step {
                aim: Aim { encoding, layers },
                offer: Offer {
                    bps: (whole.bps as f64 * share) as u64,
                    height: if spatial + 1 == sizes { whole.height } else { height },
                    is_partial,
                },
            });
        }
    }
}

/// The encodings as a whole. Those whose height isn't known yet are taken for half of the next larger one.
fn wholes(track: &Track) -> Vec<Offer> {
    let mut offers: Vec<Offer> = Vec::with_capacity(track.layers.len());
    let mut next = None;
    for layer in track.layers.iter().rev() {
        let height = layer.height.map(u32::from).or(next.map(|it: u32| it / 2));
        next = height.or(next);
        let guess = height.map_or(UNKNOWN_BPS, |height| u64::from(height) * BPS_PER_LINE);
        offers.push(Offer {
            bps: layer.rate.last_bps().map_or(guess, with_headers),
            height: height.unwrap_or(0),
            is_partial: false,
        });
    }
    offers.reverse();
    offers
}

/// What a payload's bits a second take with their headers.
pub(crate) fn with_headers(bps: u64) -> u64 {
    bps + bps * OVERHEAD_PERCENT / 100
}

/// The step of an aim, or else the next lower one there is.
pub(crate) fn step_of(steps: &[Step], aim: Aim) -> usize {
    steps.iter().rposition(|it| it.aim <= aim).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::core::codec::{Video, read};

    /// Two seconds of VP9: in each picture these bytes of each spatial layer.
    fn seconds(track: &mut Track, sizes: &[usize], interval_ms: u64, start: Instant) -> Instant {
        let layer = &mut track.layers[0];
        let pictures = 2000 / interval_ms;
        for picture in 0..pictures {
            let now = start + Duration::from_millis(interval_ms * picture);
            for (spatial, bytes) in sizes.iter().enumerate() {
                let byte = [0, 2, 1, 2][picture as usize % 4] << 5 | (spatial as u8) << 1;
                let facts = read(Video::Vp9, &[0x3c, byte, 7], true, None).expect("VP9");
                layer.rate.add(*bytes, now);
                layer.frames.came(now.duration_since(start).as_millis() as u32, now);
                Inside::add(&mut layer.inside, &facts, *bytes, now);
            }
        }
        start + Duration::from_millis(interval_ms * (pictures - 1))
    }

    fn of(steps: &[Step]) -> Vec<(u8, u8, u32)> {
        let layers = |it: &Step| (it.aim.layers.spatial, it.aim.layers.temporal, it.offer.height);
        steps.iter().map(layers).collect()
    }

    #[test]
    fn one_stream_with_sizes_and_rates_has_a_step_for_each() {
        let mut track = Track::new(&[]);
        track.layers[0].height = Some(540);
        let steps = |track: &Track, now| steps(track, false, now);
        assert_eq!(
            of(&steps(&track, Instant::now())),
            [(255, 255, 540)],
            "nothing came yet"
        );
        let now = seconds(&mut track, &[400, 1200, 3600], 33, Instant::now());
        let all = steps(&track, now);
        let expected = [
            (0, 0, 135),
            (0, 1, 135),
            (0, 255, 135),
            (1, 1, 270),
            (1, 255, 270),
            (255, 1, 540),
            (255, 255, 540),
        ];
        assert_eq!(of(&all), expected);
        assert!(all.is_sorted_by_key(|it| it.aim), "{all:?}");
        let kbps: Vec<u64> = all.iter().map(|it| it.offer.bps / 1000).collect();
        assert_eq!(kbps.last().map(|it| (1200..1500).contains(it)), Some(true), "{kbps:?}");
        let whole = all[6].offer.bps as f64;
        assert!(
            (all[2].offer.bps as f64 / whole - 400.0 / 5200.0).abs() < 0.02,
            "{kbps:?}"
        );
        assert!((all[5].offer.bps as f64 / whole - 0.5).abs() < 0.05, "{kbps:?}");
        assert!(
            all.iter()
                .all(|it| it.offer.is_partial == (it.aim.layers.temporal < 255))
        );
        // A size that isn't sent any more is no step.
        let now = seconds(&mut track, &[400, 1200], 33, now + 3 * SECOND);
        assert_eq!(steps(&track, now).last().map(|it| it.aim.layers), Some(Layers::ALL));
        assert_eq!(steps(&track, now).len(), 5);
        // Half of few frames don't move, but a screen is read.
        let now = seconds(&mut track, &[400, 1200], 100, now + 3 * SECOND);
        assert_eq!(of(&steps(&track, now)).len(), 4);
        assert_eq!(super::steps(&track, true, now).len(), 5);
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn an_aim_that_is_no_step_any_more_is_the_next_lower_one() {
        let mut track = Track::new(&["q", "f"].map(crate::core::engine::Rid::from));
        track.layers[1].height = Some(720);
        let all = steps(&track, false, Instant::now());
        assert_eq!(all.iter().map(|it| it.offer.height).collect::<Vec<_>>(), [360, 720]);
        let partial = Aim {
            encoding: 1,
            layers: Layers {
                spatial: u8::MAX,
                temporal: 1,
            },
        };
        assert_eq!((step_of(&all, partial), step_of(&all, Aim::all(1))), (0, 1));
    }
}
