//! A room too big for one worker: who only watches is served by other workers, to which the packets are passed on.
//!
//! Invariants: a room's *home* is the worker that signaling speaks to; who publishes is there. A *branch*, on another
//! worker, shows the home's publishers under the same names of tracks. Of each participant who is served by a branch the
//! home knows by which, and passes on what signaling asks for it. What goes between them is a state, said whole, or media,
//! which may be lost as on any network.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

use protocol::control::OutReason;
use protocol::grants::{Encryption, MediaSource};
use protocol::ids::{ParticipantId, RoomId, TrackId};

use super::engine::{Packet, Rid};
use super::forward::ask_key_frames;
use super::layers::Track;
use super::relay::{Publisher, Publishers, Relay, Spill, WorkerIndex};
use super::room::Room;
use super::sfu::{Asker, Sfu, Shared};
use super::{Request, Seat};

/// What a worker holds of a room.
#[derive(Debug)]
pub(crate) enum Part {
    /// The publishers, and watchers.
    Home(Home),
    /// Watchers.
    Branch(Branch),
}

/// The room's other parts, as its home knows them.
#[derive(Debug, Default)]
pub(crate) struct Home {
    /// The layers that each branch says are watched there; of a track of which it has said nothing yet, all are.
    branches: BTreeMap<WorkerIndex, HashMap<TrackId, Vec<Rid>>>,
    placed: HashMap<ParticipantId, Placed>,
    /// What the branches were told last.
    told: Option<Arc<Publishers>>,
    number: u64,
}

#[derive(Debug, Clone, Copy)]
struct Placed {
    worker: WorkerIndex,
    number: u64,
}

/// A branch's own record of its way to the home.
#[derive(Debug)]
pub(crate) struct Branch {
    pub(super) home: WorkerIndex,
    pub(super) seen: u64,
    /// Who went; the home hears of it unless it has come again meanwhile.
    pub(super) departed: Vec<ParticipantId>,
}

impl Home {
    /// Whether nobody is served by a branch.
    pub(super) fn is_alone(&self) -> bool {
        self.placed.is_empty()
    }

    /// How many are served by branches.
    pub(super) fn placed(&self) -> usize {
        self.placed.len()
    }

    /// Which worker takes in the next one who only watches; none: this one.
    fn next_worker(&self, here: usize, spill: Spill) -> Option<WorkerIndex> {
        if here < spill.after {
            return None;
        }
        let count = |worker: WorkerIndex| {
            let is_there = |it: &&Placed| it.worker == worker;
            let there = self.placed.values().filter(is_there).count();
            if worker == spill.worker { here } else { there }
        };
        let fewest = (0..spill.workers).min_by_key(|worker| count(*worker));
        fewest.filter(|it| *it != spill.worker)
    }

    fn remove(&mut self, participant: &ParticipantId) {
        let Some(Placed { worker, .. }) = self.placed.remove(participant) else {
            return;
        };
        if !self.placed.values().any(|it| it.worker == worker) {
            self.branches.remove(&worker);
        }
    }

    /// Which of a track's layers are watched at branches that have said so.
    pub(super) fn watched<'a>(&'a self, track: &'a TrackId) -> impl Iterator<Item = &'a Rid> + use<'a> {
        self.branches.values().filter_map(|it| it.get(track)).flatten()
    }
}

impl Sfu {
    /// Another worker says something.
    pub fn handle_relay(&mut self, from: WorkerIndex, relay: Relay, now: Instant) {
        match relay {
            Relay::Ask { .. }
            | Relay::Publishers { .. }
            | Relay::Media { .. }
            | Relay::Forget { .. }
            | Relay::Close { .. } => {
                self.handle_from_home(from, relay, now);
            }
            Relay::Gone {
                room,
                participant,
                seen,
            } => self.at_home(&room, now, |room, _, _| {
                if let Part::Home(home) = &mut room.part
                    && home
                        .placed
                        .get(&participant)
                        .is_some_and(|it| it.worker == from && it.number <= seen)
                {
                    home.remove(&participant);
                }
            }),
            Relay::Layers { room, track, rids } => self.at_home(&room, now, |room, now, shared| {
                let Some((seat, _)) = room.find_track(&track) else {
                    return;
                };
                if let Part::Home(home) = &mut room.part
                    && let Some(wants) = home.branches.get_mut(&from)
                {
                    wants.insert(track, rids);
                    room.look_at_layers(seat, now, shared);
                }
            }),
            Relay::KeyFrame { room, track, layer } => self.at_home(&room, now, |room, now, shared| {
                let Some((seat, source)) = room.find_track(&track) else {
                    return;
                };
                if let Some(layer) = room.track_mut(seat, source).and_then(|it| it.layers.get_mut(layer)) {
                    layer.keyframes.want();
                    ask_key_frames(room, seat, now, shared);
                }
            }),
        }
    }

    /// What another worker is to be told next, and which.
    pub fn poll_relay(&mut self) -> Option<(WorkerIndex, Relay)> {
        self.shared.relays.pop_front()
    }

    fn at_home(&mut self, room: &RoomId, now: Instant, act: impl FnOnce(&mut Room, Instant, &mut Shared)) {
        let key = self.names.get(room).copied();
        let Some((key, room)) = key.and_then(|key| Some((key, self.rooms.get_mut(&key)?))) else {
            return;
        };
        act(room, now, &mut self.shared);
        self.settle(key, now);
    }

    /// Gives back what is to be done here; what concerns somebody who is, or is to be, served by a branch is on its way there.
    pub(super) fn pass_on(&mut self, to: Asker, request: Request, now: Instant) -> Option<Request> {
        let (room, participant) = request.concerns();
        let Some(room) = self.names.get(room).and_then(|key| self.rooms.get_mut(key)) else {
            return Some(request);
        };
        let Some(participant) = participant.cloned() else {
            room.close_branches(OutReason::RoomClosed, &mut self.shared);
            return Some(request);
        };
        if request.is_entry() && self.kicked.has(&room.id, &participant, now) {
            return Some(request);
        }
        if matches!(request, Request::Kick { .. }) && room.is_placed(&participant) {
            self.kicked.put(room.id.clone(), participant.clone(), now);
        }
        room.pass_on(to, participant, request, &mut self.shared)
    }
}

impl Room {
    fn is_placed(&self, participant: &ParticipantId) -> bool {
        matches!(&self.part, Part::Home(home) if home.placed.contains_key(participant))
    }

    fn pass_on(
        &mut self,
        to: Asker,
        participant: ParticipantId,
        request: Request,
        shared: &mut Shared,
    ) -> Option<Request> {
        let is_here = self.seat_of(&participant).is_some();
        let here = self.participants.len();
        let encryption = self.encryption;
        let Part::Home(home) = &mut self.part else {
            return Some(request);
        };
        let placed = home.placed.get(&participant).map(|it| it.worker);
        if !request.is_entry() {
            let Some(worker) = placed else { return Some(request) };
            let number = home.number;
            shared.relay(worker, Relay::ask(to, request, number));
            return None;
        }
        let only_watches = request.only_watches(encryption);
        let worker = match placed {
            Some(worker) if only_watches => Some(worker),
            Some(worker) => {
                home.remove(&participant);
                let room = self.id.clone();
                shared.relay(worker, Relay::Forget { room, participant });
                return Some(request);
            }
            None if is_here || !only_watches => None,
            None => home.next_worker(here, shared.spill),
        };
        let Some(worker) = worker else { return Some(request) };
        home.number += 1;
        let number = home.number;
        home.placed.insert(participant, Placed { worker, number });
        home.branches.entry(worker).or_default();
        let publishers = Arc::new(self.publishers());
        shared.relay(
            worker,
            Relay::Publishers {
                opens: true,
                publishers,
            },
        );
        shared.relay(worker, Relay::ask(to, request, number));
        None
    }

    /// Tells the branches what they are to show, if that has changed.
    pub(super) fn tell_branches(&mut self, shared: &mut Shared) {
        let Part::Home(home) = &self.part else { return };
        if home.branches.is_empty() {
            return;
        }
        let publishers = self.publishers();
        let Part::Home(home) = &mut self.part else { return };
        if home.told.as_deref() == Some(&publishers) {
            return;
        }
        let names = || publishers.all.iter().flat_map(|it| &it.tracks);
        let publishers_of = |track: &TrackId| names().any(|(_, id, _)| id == track);
        for wants in home.branches.values_mut() {
            wants.retain(|track, _| publishers_of(track));
        }
        let publishers = Arc::new(publishers);
        home.told = Some(Arc::clone(&publishers));
        for worker in home.branches.keys() {
            let publishers = Arc::clone(&publishers);
            shared.relay(
                *worker,
                Relay::Publishers {
                    opens: false,
                    publishers,
                },
            );
        }
    }

    /// Passes packets of a layer on to the branches that show it.
    pub(super) fn pass_to_branches(
        &self,
        track: &Track,
        layer: usize,
        packets: &[(Arc<Packet>, Instant)],
        shared: &mut Shared,
    ) {
        let Part::Home(home) = &self.part else { return };
        if home.branches.is_empty() {
            return;
        }
        let rid = track.layers.get(layer).and_then(|it| it.rid);
        let packets: Arc<[_]> = packets.into();
        for (worker, wants) in &home.branches {
            let is_wanted = match (rid, wants.get(&track.id)) {
                (Some(rid), Some(wanted)) => wanted.contains(&rid),
                // One without a name is all there is; and of what nothing was said, everything is wanted.
                _ => true,
            };
            if is_wanted {
                shared.counters.packets_relayed += packets.len() as u64;
                let media = Relay::Media {
                    room: self.id.clone(),
                    track: track.id.clone(),
                    layer,
                    packets: Arc::clone(&packets),
                };
                shared.relay(*worker, media);
            }
        }
    }

    /// Ends the branches.
    pub(super) fn close_branches(&mut self, reason: OutReason, shared: &mut Shared) {
        let Part::Home(home) = &mut self.part else { return };
        home.placed.clear();
        for worker in std::mem::take(&mut home.branches).into_keys() {
            let room = self.id.clone();
            shared.relay(worker, Relay::Close { room, reason });
        }
    }

    /// Where a track is.
    pub(super) fn find_track(&self, track: &TrackId) -> Option<(Seat, MediaSource)> {
        self.participants.iter().find_map(|(seat, it)| {
            let found = it.tracks.iter().find(|(_, it)| it.id == *track);
            found.map(|(source, _)| (*seat, *source))
        })
    }

    fn publishers(&self) -> Publishers {
        let publishing = self.participants.values().filter(|it| !it.tracks.is_empty());
        let all = publishing.map(|it| Publisher {
            id: it.id.clone(),
            role: it.role,
            tracks: it
                .tracks
                .iter()
                .map(|(source, track)| {
                    let rids = track.layers.iter().filter_map(|layer| layer.rid).collect();
                    (*source, track.id.clone(), rids)
                })
                .collect(),
            muted: it.muted.iter().copied().collect(),
            quality: it.health.told(),
        });
        Publishers {
            room: self.id.clone(),
            encryption: self.encryption,
            all: all.collect(),
            speakers: self.speakers.clone(),
        }
    }
}

impl Request {
    /// Which room, and whom in it; none: the whole room.
    pub(super) fn concerns(&self) -> (&RoomId, Option<&ParticipantId>) {
        match self {
            Self::Join { grant, .. } | Self::Ingest { grant, .. } | Self::Watch { grant, .. } => {
                (&grant.room, Some(&grant.participant))
            }
            Self::Publish { room, participant, .. }
            | Self::Answer { room, participant, .. }
            | Self::View { room, participant, .. }
            | Self::Restart { room, participant }
            | Self::Mute { room, participant, .. }
            | Self::Leave { room, participant }
            | Self::Kick { room, participant }
            | Self::Ice { room, participant, .. } => (room, Some(participant)),
            Self::CloseRoom { room } => (room, None),
        }
    }

    pub(super) fn is_entry(&self) -> bool {
        matches!(self, Self::Join { .. } | Self::Ingest { .. } | Self::Watch { .. })
    }

    /// Whether somebody enters who may see and hear, and nothing else.
    fn only_watches(&self, encryption: Encryption) -> bool {
        match self {
            // Messages don't go between workers.
            Self::Join { grant, .. } => {
                let brings_nothing = grant.publish.is_empty() && !grant.data.may_receive();
                brings_nothing && grant.subscribe && grant.encryption == encryption
            }
            Self::Watch { grant, .. } => grant.subscribe && grant.encryption == encryption,
            _ => false,
        }
    }

    /// Who enters.
    pub(super) fn enters(&self) -> Option<(&RoomId, &ParticipantId)> {
        let (room, participant) = self.concerns();
        participant.filter(|_| self.is_entry()).map(|it| (room, it))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_one_goes_where_fewest_are_once_the_home_is_full() {
        let spill = Spill {
            worker: 1,
            workers: 3,
            after: 2,
        };
        let mut home = Home::default();
        assert_eq!(home.next_worker(1, spill), None, "there is room");
        let mut here = 2;
        let mut seen = Vec::new();
        for number in 0..7 {
            let worker = home.next_worker(here, spill);
            seen.push(worker);
            match worker {
                Some(worker) => {
                    let name = ParticipantId::new(format!("p{number}")).expect("a name");
                    home.placed.insert(name, Placed { worker, number });
                }
                None => here += 1,
            }
        }
        assert_eq!(seen, [Some(0), Some(2), Some(0), Some(2), Some(0), None, Some(2)]);
        assert_eq!(home.next_worker(9, Spill::NEVER), None);
    }
}
