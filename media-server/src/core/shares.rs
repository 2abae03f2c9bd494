//! Which layer each subscriber is shown, and which layers publishers need to send.
//!
//! Invariant: what a subscriber is shown follows from its link's estimate, from what it says it shows, and from what the
//! publishers send; who is held back has been told so, and a layer that nobody watches isn't asked for.

use std::time::{Duration, Instant};

use protocol::control::AnswerBody;
use protocol::grants::MediaSource;

use super::Seat;
use super::allocate::{Shares, Wish, divide};
use super::down::{Down, Feed};
use super::engine::Rid;
use super::forward::ask_key_frames;
use super::layers::{Layer, Track};
use super::room::Room;
use super::sfu::Shared;
use super::spill::Part;
use super::steps::{Aim, Step, step_of, steps, with_headers};

/// What a sound is taken for that was never measured, with its headers.
const SOUND_BPS: u64 = 48_000;

/// A publisher is told to stop a layer when nobody has watched it for so long.
const UNWATCHED_FOR: Duration = Duration::from_secs(2);

/// Pictures that wait longer than this for their turn are too large for the link, whatever its estimate says.
const LONGEST_WAIT: Duration = Duration::from_millis(600);

impl Room {
    /// Divides a subscriber's link anew.
    pub(super) fn share_out(&mut self, seat: Seat, now: Instant, shared: &mut Shared) {
        let Some(subscriber) = self.participants.get(&seat) else {
            return;
        };
        let Some(down) = subscriber.down.as_ref() else { return };
        let mut slots: Vec<(usize, Feed, Vec<Step>)> = Vec::new();
        let mut wishes = Vec::new();
        let mut sound_bps = 0;
        for (slot, feed) in down.live() {
            let Some(track) = self.track(feed.seat, feed.source) else {
                continue;
            };
            if !feed.source.is_video() {
                sound_bps += track.layers[0].rate.last_bps().map_or(SOUND_BPS, with_headers);
            }
            let is_screen = feed.source == MediaSource::Screen;
            let view = subscriber.views.get(&feed.track).filter(|_| feed.source.is_video());
            let is_moving = view.is_some_and(|it| it.motion);
            let mut steps = steps(track, is_screen, now);
            if is_moving {
                // Hands that jump can't be read: rather smaller than with fewer frames.
                steps.retain(|it| !it.offer.is_partial);
            }
            wishes.push(Wish {
                layers: steps.iter().map(|it| it.offer).collect(),
                height: view.map(|it| it.height),
                priority: if is_moving { 2 } else { u8::from(is_screen) },
                given: down.intent_of(slot).map(|aim| step_of(&steps, aim)),
                may_rise: down.may_rise(now),
            });
            slots.push((slot, feed.clone(), steps));
        }
        let (pictures, sounds): (Vec<usize>, Vec<usize>) =
            (0..slots.len()).partition(|it| slots[*it].1.source.is_video());
        let of_pictures: Vec<Wish> = pictures.iter().map(|it| wishes[*it].clone()).collect();
        let egress = &down.egress;
        let is_jammed = egress.waiting_time() > LONGEST_WAIT;
        let budget = egress.estimate_bps().map(|it| if is_jammed { it / 2 } else { it });
        let Shares { layers, wanted_bps } = divide(budget, egress.is_proven(), sound_bps, &of_pictures);
        let used: u64 = of_pictures.iter().filter_map(|it| Some(it.layers[it.given?].bps)).sum();
        let is_over = budget.is_some_and(|budget| used + sound_bps > budget);

        if let Some(down) = self.down_mut(seat) {
            down.egress.want(wanted_bps, now);
        }
        for it in sounds {
            self.show(seat, slots[it].0, &slots[it].1.clone(), Some(Aim::all(0)), false);
        }
        let mut publishers = Vec::new();
        for ((it, layer), wish) in pictures.into_iter().zip(layers).zip(&of_pictures) {
            let (slot, feed, steps) = &slots[it];
            let is_less = wish.given.is_some_and(|given| layer.is_none_or(|layer| layer < given));
            let is_for_the_link = is_less && wish.best() >= wish.given;
            if let Some(down) = self.down_mut(seat) {
                down.intend(*slot, layer.map(|it| steps[it].aim));
                if is_for_the_link {
                    down.narrowed(now);
                }
            }
            let aim = layer.map(|wanted| self.running_step(feed, &steps[..=wanted], steps[wanted].aim, now));
            // A layer that is too much for the link makes room at once; one that fits goes on until the next begins.
            if self.show(seat, *slot, feed, aim, is_over) {
                publishers.push(feed.seat);
            }
            self.tell_held_back(seat, *slot, feed, aim.is_none() && wish.best().is_some(), shared);
        }
        for publisher in publishers {
            self.look_at_layers(publisher, now, shared);
            ask_key_frames(self, publisher, now, shared);
        }
    }

    /// What can be shown until the wanted is sent (again): the next smaller step that is, or else itself.
    fn running_step(&self, feed: &Feed, steps: &[Step], wanted: Aim, now: Instant) -> Aim {
        let Some(track) = self.track(feed.seat, feed.source) else {
            return wanted;
        };
        let mut down_from_wanted = steps.iter().rev().map(|it| it.aim);
        let running = down_from_wanted.find(|it| track.is_running(it.encoding, now));
        running.unwrap_or(wanted)
    }

    /// Has a slot show something. True: it isn't what it was to show before.
    fn show(&mut self, seat: Seat, slot: usize, feed: &Feed, aim: Option<Aim>, stop_at_once: bool) -> bool {
        let Some(down) = self.down_mut(seat) else { return false };
        let before = down.target_of(slot);
        if before == aim {
            return false;
        }
        down.aim(slot, aim, stop_at_once);
        let layer = aim.map(|it| it.encoding);
        // Only more or less of the same one: more pictures come by themselves, larger ones with a key frame.
        if before.map(|it| it.encoding) == layer {
            let is_larger = |it: Aim| before.is_some_and(|before| before.layers.spatial < it.layers.spatial);
            if aim.is_some_and(is_larger)
                && let Some(layer) = self.layer_mut(feed, layer)
            {
                layer.keyframes.want();
            }
            return true;
        }
        let shown = [down.layer_of(slot), layer];
        if let Some(track) = self.track_mut(feed.seat, feed.source) {
            track.unlist((seat, slot));
            for (number, layer) in track.layers.iter_mut().enumerate() {
                if shown.contains(&Some(number)) {
                    layer.subscribers.push((seat, slot));
                }
            }
            if let Some(layer) = layer.and_then(|it| track.layers.get_mut(it)) {
                layer.keyframes.want();
            }
        }
        true
    }

    fn tell_held_back(&mut self, seat: Seat, slot: usize, feed: &Feed, is_held_back: bool, shared: &mut Shared) {
        let room = self.id.clone();
        let Some(subscriber) = self.participants.get_mut(&seat) else {
            return;
        };
        let Some(down) = subscriber.down.as_mut() else { return };
        if down.hold_back(slot, is_held_back) != is_held_back {
            let body = AnswerBody::Paused {
                room,
                participant: subscriber.id.clone(),
                track: feed.track.clone(),
                paused: is_held_back,
            };
            shared.tell(subscriber.connection, body);
        }
    }

    /// Tells a participant again what is held back from it, and which of its own layers are watched.
    pub(super) fn repeat_held_back(&self, seat: Seat, shared: &mut Shared) {
        let Some(participant) = self.participants.get(&seat) else {
            return;
        };
        let live = participant
            .down
            .iter()
            .flat_map(|down| down.live().map(move |(slot, feed)| (down, slot, feed)));
        for (_, _, feed) in live.filter(|(down, slot, _)| down.is_held_back(*slot)) {
            let body = AnswerBody::Paused {
                room: self.id.clone(),
                participant: participant.id.clone(),
                track: feed.track.clone(),
                paused: true,
            };
            shared.tell(participant.connection, body);
        }
        for (source, track) in &participant.tracks {
            if let Some(rids) = &track.told_rids {
                let body = AnswerBody::Layers {
                    room: self.id.clone(),
                    participant: participant.id.clone(),
                    source: *source,
                    rids: rids.iter().map(ToString::to_string).collect(),
                };
                shared.tell(participant.connection, body);
            }
        }
    }

    /// Tells a publisher which layers are watched, when that has changed.
    pub(super) fn look_at_layers(&mut self, seat: Seat, now: Instant, shared: &mut Shared) {
        let Some(publisher) = self.participants.get(&seat) else {
            return;
        };
        let mut news = Vec::new();
        for (source, track) in &publisher.tracks {
            // A single layer is sent whether or not it is watched: there is no name to call it by.
            if source.is_video() && track.layers.len() > 1 {
                news.push((*source, self.watched(track, now)));
            }
        }
        let room = self.id.clone();
        let Some(publisher) = self.participants.get_mut(&seat) else {
            return;
        };
        // A home waits by itself.
        let patience = if publisher.is_elsewhere {
            Duration::ZERO
        } else {
            UNWATCHED_FOR
        };
        let mut told = Vec::new();
        for (source, rids) in news {
            let Some(track) = publisher.tracks.get_mut(&source) else {
                continue;
            };
            let is_sent = |rid: &Rid| track.told_rids.as_ref().is_none_or(|told| told.contains(rid));
            let is_more = rids.iter().any(|rid| !is_sent(rid));
            let is_less = track
                .layers
                .iter()
                .filter_map(|it| it.rid)
                .any(|rid| is_sent(&rid) && !rids.contains(&rid));
            let since = is_less.then(|| track.unwatched_since.unwrap_or(now));
            track.unwatched_since = since;
            let is_long = since.is_some_and(|since| now.saturating_duration_since(since) >= patience);
            if !is_more && !is_long {
                continue;
            }
            // What is only just unwatched stays for a while.
            let rids: Vec<Rid> = if is_long {
                rids
            } else {
                let all = track.layers.iter().filter_map(|it| it.rid);
                all.filter(|rid| rids.contains(rid) || is_sent(rid)).collect()
            };
            if is_long {
                track.unwatched_since = None;
            }
            let body = AnswerBody::Layers {
                room: room.clone(),
                participant: publisher.id.clone(),
                source,
                rids: rids.iter().map(ToString::to_string).collect(),
            };
            track.told_rids = Some(rids);
            shared.tell(publisher.connection, body);
            told.push(source);
        }
        for track in told.into_iter().filter_map(|source| self.track(seat, source)) {
            self.ask_home_for_layers(track, shared);
        }
    }

    /// The layers that somebody is shown, is about to be shown, or would be shown on a wider link; and, as long as anybody is
    /// shown any, the smallest, to fall back on.
    fn watched(&self, track: &Track, now: Instant) -> Vec<Rid> {
        let mut is_watched = vec![false; track.layers.len()];
        // Which encodings there are doesn't depend on what it is of.
        let steps = steps(track, false, now);
        for (seat, slot) in &track.subscribers {
            let Some(subscriber) = self.participants.get(seat) else {
                continue;
            };
            let Some(down) = subscriber.down.as_ref() else { continue };
            let wish = Wish {
                layers: steps.iter().map(|it| it.offer).collect(),
                height: subscriber.views.get(&track.id).map(|it| it.height),
                priority: 0,
                given: None,
                may_rise: true,
            };
            for layer in [
                wish.best().map(|it| steps[it].aim.encoding),
                down.intent_of(*slot).map(|it| it.encoding),
                down.target_of(*slot).map(|it| it.encoding),
                down.layer_of(*slot),
            ]
            .into_iter()
            .flatten()
            {
                is_watched[layer] = true;
            }
        }
        if let Part::Home(home) = &self.part {
            for rid in home.watched(&track.id) {
                if let Some(layer) = track.layers.iter().position(|it| it.rid == Some(*rid)) {
                    is_watched[layer] = true;
                }
            }
        }
        let is_any = is_watched.contains(&true);
        let layers = track.layers.iter().zip(is_watched).enumerate();
        layers
            .filter(|(number, (_, is_watched))| *is_watched || (is_any && *number == 0))
            .filter_map(|(_, (layer, _))| layer.rid)
            .collect()
    }

    fn layer_mut(&mut self, feed: &Feed, layer: Option<usize>) -> Option<&mut Layer> {
        self.track_mut(feed.seat, feed.source)?.layers.get_mut(layer?)
    }

    fn down_mut(&mut self, seat: Seat) -> Option<&mut Down> {
        self.participants.get_mut(&seat)?.down.as_mut()
    }
}
