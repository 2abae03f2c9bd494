//! What a room tells of its participants: who speaks, and how well each one's connection works.
//!
//! Invariant: everybody was told the room's present speakers, their own present quality and that of everybody whom they may
//! see or hear; nobody is told twice. (Of a thousand who only watch, each is told of himself and of the one who speaks.)

use std::time::{Duration, Instant};

use protocol::control::AnswerBody;
use protocol::ids::ParticipantId;
use protocol::signal::Quality;

use super::Seat;
use super::participant::Participant;
use super::quality::{LOST_WHILE_FLOWING, LOST_WHILE_QUIET, Signs};
use super::room::Room;
use super::sfu::Shared;
use super::spill::Part;

/// How often connections are judged.
const JUDGED: Duration = Duration::from_secs(1);

impl Room {
    /// Tells what has changed.
    pub(super) fn tell_signs(&mut self, now: Instant, shared: &mut Shared) {
        self.tell_speakers(now, shared);
        if self
            .judged_at
            .is_none_or(|at| now.saturating_duration_since(at) >= JUDGED)
        {
            self.judged_at = Some(now);
            self.judge(now, shared);
        }
    }

    /// What somebody who has just come doesn't know.
    pub(super) fn repeat_signs(&self, seat: Seat, shared: &mut Shared) {
        let Some(participant) = self.participants.get(&seat) else {
            return;
        };
        if !self.speakers.is_empty() {
            shared.tell(participant.connection, self.speakers_for(participant));
        }
        for other in self.participants.values() {
            let concerns = other.id == participant.id || !other.tracks.is_empty();
            if let Some(quality) = other.health.told().filter(|_| concerns) {
                shared.tell(
                    participant.connection,
                    self.quality_for(participant, &other.id, quality),
                );
            }
        }
    }

    fn tell_speakers(&mut self, now: Instant, shared: &mut Shared) {
        // A branch hears from the home who speaks.
        if matches!(self.part, Part::Branch(_)) {
            return;
        }
        let all = self.participants.values_mut();
        let mut speaking: Vec<(f32, ParticipantId)> = all
            .filter_map(|it| Some((it.health.loudness.speaking(now)?, it.id.clone())))
            .collect();
        let is_same =
            speaking.len() == self.speakers.len() && speaking.iter().all(|(_, id)| self.speakers.contains(id));
        if is_same {
            return;
        }
        speaking.sort_by(|a, b| b.0.total_cmp(&a.0));
        self.speakers = speaking.into_iter().map(|(_, id)| id).collect();
        self.tell_speakers_to_all(shared);
    }

    pub(super) fn tell_speakers_to_all(&self, shared: &mut Shared) {
        for participant in self.participants.values() {
            shared.tell(participant.connection, self.speakers_for(participant));
        }
    }

    /// Tells all how well a publisher's connection works.
    pub(super) fn tell_quality(&self, who: &ParticipantId, quality: Quality, shared: &mut Shared) {
        for participant in self.participants.values() {
            shared.tell(participant.connection, self.quality_for(participant, who, quality));
        }
    }

    fn judge(&mut self, now: Instant, shared: &mut Shared) {
        let mut news = Vec::new();
        for participant in self.participants.values_mut().filter(|it| !it.is_elsewhere) {
            let signs = signs(participant, now);
            if let Some(quality) = participant.health.judge(signs, now) {
                news.push((participant.id.clone(), !participant.tracks.is_empty(), quality));
            }
        }
        for (who, is_published, quality) in news {
            if is_published {
                self.tell_quality(&who, quality, shared);
            } else if let Some(participant) = self.participants.values().find(|it| it.id == who) {
                shared.tell(participant.connection, self.quality_for(participant, &who, quality));
            }
        }
    }

    fn speakers_for(&self, participant: &Participant) -> AnswerBody {
        AnswerBody::Speakers {
            room: self.id.clone(),
            participant: participant.id.clone(),
            speakers: self.speakers.clone(),
        }
    }

    fn quality_for(&self, participant: &Participant, who: &ParticipantId, quality: Quality) -> AnswerBody {
        AnswerBody::ConnectionQuality {
            room: self.id.clone(),
            participant: participant.id.clone(),
            who: who.clone(),
            quality,
        }
    }
}

fn signs(participant: &Participant, now: Instant) -> Signs {
    let down = participant.down.as_ref();
    let is_fed = down.is_some_and(|down| down.live().next().is_some());
    let layers = participant.tracks.values().flat_map(|it| &it.layers);
    let publishes = participant.up.is_some() && layers.into_iter().any(|it| it.rate.last_bps().is_some());
    let limit = if is_fed || publishes {
        LOST_WHILE_FLOWING
    } else {
        LOST_WHILE_QUIET
    };
    Signs {
        loss: down
            .map_or(0.0, |down| down.egress.loss())
            .max(participant.health.loss_up),
        round_trip: down.and_then(|down| down.egress.round_trip()),
        is_held_back: down.is_some_and(|down| down.held_back() > 0),
        is_lost: participant.silent_for(now) >= limit,
    }
}
