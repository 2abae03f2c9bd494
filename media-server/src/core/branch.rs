//! A room's branch: watchers of a room whose publishers are on another worker. See [`super::spill`].
//!
//! Invariant: the participants without a connection of any kind are the home's publishers, as it described them last; a
//! branch without watchers isn't there.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use protocol::ids::{ParticipantId, RoomId, TrackId};

use super::counters::DropReason;
use super::engine::Packet;
use super::forward::lay;
use super::layers::Track;
use super::participant::Participant;
use super::relay::{Publisher, Publishers, Relay, WorkerIndex};
use super::room::Room;
use super::sfu::{Sfu, Shared};
use super::spill::{Branch, Part};
use super::{RoomKey, Seat};

impl Sfu {
    pub(super) fn handle_from_home(&mut self, home: WorkerIndex, relay: Relay, now: Instant) {
        match relay {
            Relay::Publishers { opens, publishers } => self.take_publishers(home, opens, &publishers, now),
            Relay::Ask {
                connection,
                id,
                request,
                number,
            } => {
                let entering = request.enters().map(|(room, who)| (room.clone(), who.clone()));
                if let Some((_, Branch { seen, .. })) = self.branch(request.concerns().0) {
                    *seen = number;
                }
                self.handle_request(connection, id, *request, now);
                if let Some((room, participant)) = entering {
                    self.say_if_gone(home, room, participant, number);
                }
            }
            Relay::Media {
                room,
                track,
                layer,
                packets,
            } => self.at_branch(&room, now, |room, now, shared| {
                room.take_relayed(&track, layer, &packets, now, shared);
            }),
            Relay::Forget { room, participant } => self.at_branch(&room, now, |room, now, shared| {
                if let Some(seat) = room.seat_of(&participant) {
                    room.remove(seat, now, shared);
                }
            }),
            Relay::Close { room, reason } => self.at_branch(&room, now, |room, now, shared| {
                room.close(reason, now, shared);
            }),
            Relay::Gone { .. } | Relay::Layers { .. } | Relay::KeyFrame { .. } => {}
        }
    }

    fn take_publishers(&mut self, home: WorkerIndex, opens: bool, publishers: &Publishers, now: Instant) {
        if let Some(key) = self.names.get(&publishers.room).copied() {
            if let Some(room) = self.rooms.get_mut(&key) {
                room.take_publishers(publishers, now, &mut self.shared);
            }
            return self.settle(key, now);
        }
        if !opens {
            // The last watcher has just gone.
            return;
        }
        let key = self.next_key();
        tracing::info!(room = %publishers.room, home, "a branch of a room opens");
        let mut room = Room::new(key, publishers.room.clone(), publishers.encryption);
        room.part = Part::Branch(Branch {
            home,
            seen: 0,
            departed: Vec::new(),
        });
        room.take_publishers(publishers, now, &mut self.shared);
        self.names.insert(publishers.room.clone(), key);
        // Who comes next settles it.
        self.rooms.insert(key, room);
    }

    fn branch(&mut self, room: &RoomId) -> Option<(RoomKey, &mut Branch)> {
        let key = *self.names.get(room)?;
        match &mut self.rooms.get_mut(&key)?.part {
            Part::Branch(branch) => Some((key, branch)),
            Part::Home(_) => None,
        }
    }

    fn at_branch(&mut self, room: &RoomId, now: Instant, act: impl FnOnce(&mut Room, Instant, &mut Shared)) {
        let Some((key, _)) = self.branch(room) else { return };
        if let Some(room) = self.rooms.get_mut(&key) {
            act(room, now, &mut self.shared);
        }
        self.settle(key, now);
    }

    fn say_if_gone(&mut self, home: WorkerIndex, room: RoomId, participant: ParticipantId, seen: u64) {
        let found = self.names.get(&room).and_then(|key| self.rooms.get(key));
        if found.is_none_or(|it| it.seat_of(&participant).is_none()) {
            let gone = Relay::Gone {
                room,
                participant,
                seen,
            };
            self.shared.relay(home, gone);
        }
    }
}

impl Room {
    /// Tells the home who went.
    pub(super) fn report_departed(&mut self, shared: &mut Shared) {
        let Part::Branch(branch) = &mut self.part else { return };
        if branch.departed.is_empty() {
            return;
        }
        let (home, seen) = (branch.home, branch.seen);
        for participant in std::mem::take(&mut branch.departed) {
            if self.seat_of(&participant).is_none() {
                let room = self.id.clone();
                let gone = Relay::Gone {
                    room,
                    participant,
                    seen,
                };
                shared.relay(home, gone);
            }
        }
    }

    /// Brings the publishers in line with the home's.
    fn take_publishers(&mut self, publishers: &Publishers, now: Instant, shared: &mut Shared) {
        let is_there = |id: &ParticipantId| publishers.all.iter().any(|it| it.id == *id);
        let gone: Vec<(Seat, ParticipantId)> = self
            .participants
            .iter()
            .filter(|(_, it)| it.is_elsewhere && !is_there(&it.id))
            .map(|(seat, it)| (*seat, it.id.clone()))
            .collect();
        let mut has_changed = !gone.is_empty();
        for (seat, who) in gone {
            self.participants.remove(&seat);
            self.tell_left(&who, shared);
        }
        let mut seats = Vec::with_capacity(publishers.all.len());
        for publisher in &publishers.all {
            let seat = self.seat_of(&publisher.id).unwrap_or_else(|| {
                let shadow = Participant::elsewhere(publisher.id.clone(), publisher.role, now);
                self.take_seat(shadow)
            });
            has_changed |= self.set_tracks(seat, publisher);
            seats.push(seat);
        }
        if has_changed {
            let watchers = self.participants.iter().filter(|(_, it)| !it.is_elsewhere);
            for seat in watchers.map(|(seat, _)| *seat).collect::<Vec<_>>() {
                self.refresh(seat, now, shared);
            }
        }
        for (seat, publisher) in seats.into_iter().zip(&publishers.all) {
            self.set_signs(seat, publisher, now, shared);
        }
        if self.speakers != publishers.speakers {
            self.speakers.clone_from(&publishers.speakers);
            self.tell_speakers_to_all(shared);
        }
    }

    /// True: they were others.
    fn set_tracks(&mut self, seat: Seat, publisher: &Publisher) -> bool {
        let Some(shadow) = self.participants.get_mut(&seat) else {
            return false;
        };
        let is_same = shadow.tracks.len() == publisher.tracks.len()
            && publisher
                .tracks
                .iter()
                .all(|(source, id, _)| shadow.tracks.get(source).is_some_and(|it| it.id == *id));
        if !is_same {
            let has = |id: &TrackId| publisher.tracks.iter().any(|it| it.1 == *id);
            shadow.tracks.retain(|_, track| has(&track.id));
            for (source, id, rids) in &publisher.tracks {
                let track = shadow.tracks.entry(*source);
                track.or_insert_with(|| Track::new(rids)).id = id.clone();
            }
        }
        !is_same
    }

    /// What is muted, and how well its publisher's connection works.
    fn set_signs(&mut self, seat: Seat, publisher: &Publisher, now: Instant, shared: &mut Shared) {
        let Some(shadow) = self.participants.get_mut(&seat) else {
            return;
        };
        let muted: BTreeSet<_> = publisher.muted.iter().copied().collect();
        let before = std::mem::replace(&mut shadow.muted, muted.clone());
        let is_news = publisher.quality.filter(|it| shadow.health.take_word(*it));
        for source in before.symmetric_difference(&muted) {
            self.muting_changed(seat, *source, muted.contains(source), now, shared);
        }
        if let Some(quality) = is_news {
            self.tell_quality(&publisher.id, quality, shared);
        }
    }

    /// Packets of a publisher that is on the room's home.
    fn take_relayed(
        &mut self,
        track: &TrackId,
        layer: usize,
        packets: &[(Arc<Packet>, Instant)],
        now: Instant,
        shared: &mut Shared,
    ) {
        let Some((seat, source)) = self.find_track(track) else {
            return packets
                .iter()
                .for_each(|_| shared.counters.dropped(DropReason::Unnamed));
        };
        let is_muted = self
            .participants
            .get(&seat)
            .is_some_and(|it| it.muted.contains(&source));
        for (packet, captured_at) in packets {
            if is_muted {
                shared.counters.dropped(DropReason::Muted);
            } else {
                lay(self, (seat, source, layer), Arc::clone(packet), *captured_at, now);
            }
        }
    }

    /// Which layers of a publisher's track its home has to pass on.
    pub(super) fn ask_home_for_layers(&self, track: &Track, shared: &mut Shared) {
        if let (Part::Branch(branch), Some(rids)) = (&self.part, &track.told_rids) {
            let layers = Relay::Layers {
                room: self.id.clone(),
                track: track.id.clone(),
                rids: rids.clone(),
            };
            shared.relay(branch.home, layers);
        }
    }
}
