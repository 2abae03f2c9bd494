//! The way of a packet, from a publisher's connection to its subscribers': read, stamp, wait for the rest of its batch,
//! fan out, and ask for a key frame where one is needed.
//!
//! Invariant: a packet leaves only toward live sections of participants of the same room that are shown its layer, and
//! nothing of a muted source leaves at all.

use std::sync::Arc;
use std::time::Instant;

use protocol::grants::MediaSource;

use super::counters::DropReason;
use super::engine::Packet;
use super::layers::Layer;
use super::lipsync::captured_at;
use super::relay::Relay;
use super::room::Room;
use super::sfu::Shared;
use super::slot::Forwarded;
use super::spill::Part;
use super::steps::Inside;
use super::{MAX_PAYLOAD, Seat};

/// A layer of which packets wait to be sent on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Batch {
    seat: Seat,
    source: MediaSource,
    layer: usize,
}

/// A packet of the publisher on `seat`. It leaves with the others of its batch, by [`fan_out`].
pub(crate) fn take(room: &mut Room, seat: Seat, packet: Arc<Packet>, now: Instant, shared: &mut Shared) {
    // Read: whose is it, and may it pass?
    shared.counters.packets_in += 1;
    let source = match read(room, seat, &packet, now) {
        Ok(source) => source,
        Err(reason) => return shared.counters.dropped(reason),
    };
    let Some(publisher) = room.participants.get_mut(&seat) else {
        return;
    };
    let Some(track) = publisher.tracks.get_mut(&source) else {
        return shared.counters.dropped(DropReason::Unnamed);
    };
    let Some(number) = track.layer_of(packet.rid) else {
        return shared.counters.dropped(DropReason::Unnamed);
    };
    // Stamp: when was it captured?
    let layer = &track.layers[number];
    let captured_at = captured_at(
        &publisher.clock,
        layer.report,
        packet.time,
        packet.codec.clock_rate(),
        now,
    );
    if let Some(level) = packet.extensions.audio_level {
        publisher.health.loudness.heard(level, packet.extensions.has_voice, now);
    }
    lay(room, (seat, source, number), packet, captured_at, now);
}

/// Lays a packet of the track's layer with this number to the others of its batch.
pub(super) fn lay(
    room: &mut Room,
    (seat, source, number): (Seat, MediaSource, usize),
    packet: Arc<Packet>,
    captured_at: Instant,
    now: Instant,
) {
    let Some(layer) = room.track_mut(seat, source).and_then(|it| it.layers.get_mut(number)) else {
        return;
    };
    if let Some(facts) = packet.facts.filter(|facts| facts.starts_key_frame) {
        layer.keyframes.came();
        layer.height = facts.size.map(|(width, height)| width.min(height)).or(layer.height);
        layer.key_time = Some(packet.time);
        Inside::read_sizes(&mut layer.inside, &packet);
    }
    let is_of_key_frame = source.is_video() && layer.key_time == Some(packet.time);
    let bytes = if is_of_key_frame { 0 } else { packet.payload.len() };
    layer.rate.add(bytes, now);
    if let Some(facts) = &packet.facts {
        layer.frames.came(packet.time, now);
        Inside::add(&mut layer.inside, facts, bytes, now);
    }
    let is_first = layer.pending.is_empty();
    layer.pending.push((packet, captured_at));
    if is_first {
        room.batches.push(Batch {
            seat,
            source,
            layer: number,
        });
    }
}

/// Which source a packet is of, if it may go on.
fn read(room: &mut Room, seat: Seat, packet: &Packet, now: Instant) -> Result<MediaSource, DropReason> {
    let publisher = room.participants.get_mut(&seat).ok_or(DropReason::Unnamed)?;
    publisher.heard(now);
    let up = publisher.up.as_ref().ok_or(DropReason::Unnamed)?;
    let source = up.source_of(packet.mid).ok_or(DropReason::Unnamed)?;
    if packet.payload.len() > MAX_PAYLOAD {
        return Err(DropReason::Oversize);
    }
    if publisher.muted.contains(&source) {
        return Err(DropReason::Muted);
    }
    Ok(source)
}

/// Sends on what came in this batch: all of it to one subscriber after the other, so that one system call takes it.
pub(crate) fn fan_out(room: &mut Room, now: Instant, shared: &mut Shared) {
    for batch in std::mem::take(&mut room.batches) {
        let Some(layer) = layer_mut(room, batch) else { continue };
        // Publisher and subscribers are in one table: the layer's lists step aside meanwhile.
        let pending = std::mem::take(&mut layer.pending);
        let subscribers = std::mem::take(&mut layer.subscribers);
        let mut recent = std::mem::take(&mut layer.recent);

        let mut is_waited_for = false;
        let mut switched = Vec::new();
        for (subscriber, slot) in &subscribers {
            let Some(down) = room.participants.get_mut(subscriber).and_then(|it| it.down.as_mut()) else {
                continue;
            };
            for (at, packet) in pending.iter().enumerate() {
                let out = (&mut shared.drain.outbox, &mut shared.counters);
                let began = match down.forward(*slot, batch.layer, packet, now, out) {
                    Forwarded::Done => false,
                    Forwarded::Waits => {
                        is_waited_for = true;
                        false
                    }
                    Forwarded::Began => true,
                    Forwarded::Switched(from) => {
                        switched.extend(from.map(|from| (from, (*subscriber, *slot))));
                        true
                    }
                };
                if began {
                    // Those that overtook the first aren't lost on it.
                    let first = &packet.0;
                    let overtook = |it: &&(Arc<Packet>, Instant)| it.0.ssrc == first.ssrc && it.0.seq > first.seq;
                    for early in recent.after(first).chain(pending[..at].iter().filter(overtook)) {
                        let out = (&mut shared.drain.outbox, &mut shared.counters);
                        down.forward(*slot, batch.layer, early, now, out);
                    }
                }
            }
            shared.wake_down(down);
        }

        if let Some(track) = room.track(batch.seat, batch.source) {
            room.pass_to_branches(track, batch.layer, &pending, shared);
        }
        if batch.source.is_video() {
            for (packet, captured_at) in pending {
                recent.keep(packet, captured_at);
            }
        }
        if let Some(layer) = layer_mut(room, batch) {
            layer.subscribers = subscribers;
            layer.recent = recent;
            if is_waited_for {
                layer.keyframes.want();
            }
        }
        if let Some(track) = room.track_mut(batch.seat, batch.source) {
            for (from, subscriber) in switched {
                track.layers[from].subscribers.retain(|it| *it != subscriber);
            }
        }
        if is_waited_for {
            ask_key_frames(room, batch.seat, now, shared);
        }
    }
}

fn layer_mut(room: &mut Room, batch: Batch) -> Option<&mut Layer> {
    room.track_mut(batch.seat, batch.source)?.layers.get_mut(batch.layer)
}

/// Asks the publisher on `seat`, or the worker that it is on, for the key frames that are due, and has the room woken for
/// those that aren't yet.
pub(crate) fn ask_key_frames(room: &mut Room, seat: Seat, now: Instant, shared: &mut Shared) {
    let key = room.key;
    let Some(publisher) = room.participants.get_mut(&seat) else {
        return;
    };
    // Not connected yet: asked as soon as it is. Muted: asked when it isn't any more.
    let mut up = publisher.up.as_mut().filter(|up| up.is_connected);
    if up.is_none() && !publisher.is_elsewhere {
        return;
    }
    for (source, track) in &mut publisher.tracks {
        if !source.is_video() || publisher.muted.contains(source) {
            continue;
        }
        for (number, layer) in track.layers.iter_mut().enumerate() {
            if layer.keyframes.take(now) {
                let section = up.as_mut().and_then(|up| Some((up.section_of(*source)?, up)));
                match (section, &room.part) {
                    (Some((mid, up)), _) => {
                        let is_asked = up.peer.ask_key_frame(mid, layer.rid, now, &mut shared.drain);
                        shared.counters.key_frames_requested += u64::from(is_asked);
                    }
                    (None, Part::Branch(branch)) => {
                        let room = room.id.clone();
                        let track = track.id.clone();
                        let layer = number;
                        shared.relay(branch.home, Relay::KeyFrame { room, track, layer });
                    }
                    (None, Part::Home(_)) => {}
                }
            }
            if let Some(due) = layer.keyframes.due(now) {
                shared.wake_room(key, due);
            }
        }
    }
}
