//! The way of a packet, from a publisher's connection to its subscribers': read, stamp, fan out, and ask
//! for a key frame where one is needed.
//!
//! Invariant: a packet leaves only toward live sections of participants of the same room, and nothing of a
//! muted source leaves at all.

use std::time::Instant;

use protocol::grants::MediaSource;

use super::counters::DropReason;
use super::engine::Packet;
use super::lipsync::captured_at;
use super::room::Room;
use super::sfu::Shared;
use super::{MAX_PAYLOAD, Seat};

/// A packet of the publisher on `seat`.
pub(crate) fn forward(room: &mut Room, seat: Seat, packet: &Packet, now: Instant, shared: &mut Shared) {
    // Read: whose is it, and may it pass?
    shared.counters.packets_in += 1;
    let source = match read(room, seat, packet, now) {
        Ok(source) => source,
        Err(reason) => return shared.counters.dropped(reason),
    };
    let Some(publisher) = room.participants.get_mut(&seat) else {
        return;
    };
    let Some(track) = publisher.tracks.get_mut(&source) else {
        return shared.counters.dropped(DropReason::Unnamed);
    };

    // Stamp: when was it captured?
    let clock_rate = packet.codec.clock_rate();
    let captured_at = captured_at(&publisher.clock, track.report, packet.time, clock_rate, now);
    if source.is_video() {
        track.recent.keep(packet, captured_at);
        if packet.is_start {
            track.keyframes.came();
        }
    }

    // Fan out. Publisher and subscribers are in one table: the track's lists step aside meanwhile.
    let subscribers = std::mem::take(&mut track.subscribers);
    let recent = std::mem::take(&mut track.recent);
    let mut is_waited_for = false;
    for (subscriber, slot) in &subscribers {
        let Some(down) = room.participants.get_mut(subscriber).and_then(|it| it.down.as_mut()) else {
            continue;
        };
        let out = (&mut shared.drain, &mut shared.counters);
        is_waited_for |= !down.send(*slot, packet, captured_at, &recent, now, out);
    }
    if let Some(track) = room.track_mut(seat, source) {
        track.subscribers = subscribers;
        track.recent = recent;
        if is_waited_for {
            track.keyframes.want();
        }
    }

    // Ask.
    if is_waited_for {
        ask_key_frames(room, seat, now, shared);
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

/// Asks the publisher on `seat` for the key frames that are due, and has the room woken for those that
/// aren't yet.
pub(crate) fn ask_key_frames(room: &mut Room, seat: Seat, now: Instant, shared: &mut Shared) {
    let key = room.key;
    let Some(publisher) = room.participants.get_mut(&seat) else {
        return;
    };
    // Not connected yet: asked as soon as it is. Muted: asked when it isn't any more.
    let Some(up) = publisher.up.as_mut().filter(|up| up.is_connected) else {
        return;
    };
    for (source, track) in &mut publisher.tracks {
        if !source.is_video() || publisher.muted.contains(source) {
            continue;
        }
        if let Some(mid) = up.section_of(*source)
            && track.keyframes.take(now)
            && up.peer.ask_key_frame(mid, now, &mut shared.drain)
        {
            shared.counters.key_frames_requested += 1;
        }
        if let Some(due) = track.keyframes.due(now) {
            shared.wake_room(key, due);
        }
    }
}
