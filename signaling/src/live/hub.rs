//! Who is there, what is known of the open consultations, and who sits where.
//!
//! Invariant: whatever a client was told, it is told again when it changed, whole, or told that it is gone; and one
//! participant has at most one *seat*: the newest page of a link, or the console that took the call.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use protocol::ids::{ConsultationId, ParticipantId, SectionId, StaffId};
use protocol::signal::{Consultation, Phase, ServerBody, ServerFrame};
use store::consultations::Record;
use tokio::sync::Notify;

use super::outbox::{self, Outbox, code};
use crate::consultation::model::{self, Place, Who};
use crate::consultation::{access, people, wait};
use crate::nodes::Link;
use crate::security::is_same_secret;
use crate::staff::rights::Member;

/// So many ended consultations are remembered, so that a late read doesn't open one again. Full: the
/// oldest is forgotten; such a read is set right by the next poll.
const ENDED_REMEMBERED: usize = 256;

/// An open page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct ClientId(u64);

pub(super) struct Client {
    pub(super) who: Who,
    pub(super) outbox: Outbox,
    /// Of staff: the login's token, and what its owner may see.
    login: Option<Login>,
    pub(super) seat: Option<Seat>,
}

/// A member of staff's login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Login {
    pub(super) token: String,
    pub(super) member: Member,
}

impl Client {
    /// Whether a consultation is told to this client.
    fn may_see(&self, record: &Record) -> bool {
        match (&self.who, &self.login) {
            (Who::Resident(own) | Who::Guest(own, _), _) => *own == record.id,
            (Who::Staff(_), Some(login)) => access::may_see(&login.member, record),
            (Who::Staff(_), None) => false,
        }
    }
}

/// The right to be the participant of a consultation.
pub(super) struct Seat {
    pub(super) consultation: ConsultationId,
    pub(super) participant: ParticipantId,
    /// Whether the client was told that it may enter the room.
    pub(super) is_called: bool,
    /// The node it joined on.
    pub(super) link: Option<Arc<Link>>,
}

pub(super) struct Known {
    pub(super) record: Record,
    is_present: bool,
}

#[derive(Default)]
pub(super) struct State {
    next: u64,
    pub(super) clients: HashMap<ClientId, Client>,
    pub(super) open: HashMap<ConsultationId, Known>,
    pub(super) seats: HashMap<ParticipantId, ClientId>,
    ended: VecDeque<ConsultationId>,
    /// How long each section's last calls took.
    lasted: HashMap<SectionId, Vec<Duration>>,
}

/// Everybody's state in this process.
#[derive(Default)]
pub(crate) struct Hub {
    state: Mutex<State>,
    /// Somebody may have to be called in.
    pub(super) due: Notify,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Never what is in it: sessions are secret.
        f.write_str("Hub")
    }
}

impl Hub {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client has said who it is. A resident takes the seat from earlier pages of the same link.
    pub(super) fn enter(&self, who: Who, login: Option<Login>, outbox: Outbox) -> ClientId {
        let mut state = self.lock();
        state.next += 1;
        let client = ClientId(state.next);
        if who.own().is_some() {
            for other in state.clients.values().filter(|other| other.who == who) {
                other.outbox.end(code::ELSEWHERE);
            }
        }
        state.clients.insert(
            client,
            Client {
                who,
                outbox,
                login,
                seat: None,
            },
        );
        client
    }

    /// Gives a client its seat in a consultation; who had it before is told so.
    pub(super) fn take_seat(&self, client: ClientId, consultation: &ConsultationId) {
        let mut state = self.lock();
        let Some(who) = state.clients.get(&client).map(|it| it.who.clone()) else {
            return;
        };
        let participant = who.participant(consultation);
        let before = state.seats.insert(participant.clone(), client);
        if let Some(before) = before.filter(|before| *before != client)
            && let Some(other) = state.clients.get_mut(&before)
        {
            other.seat = None;
            other.outbox.end(code::ELSEWHERE);
        }
        if let Some(it) = state.clients.get_mut(&client) {
            let has_it = it.seat.as_ref().is_some_and(|seat| seat.participant == participant);
            if !has_it {
                it.seat = Some(Seat {
                    consultation: consultation.clone(),
                    participant,
                    is_called: false,
                    link: None,
                });
            }
        }
        drop(state);
        self.due.notify_one();
    }

    /// A client's socket has ended. Returns the consultation whose resident is gone with it.
    pub(super) fn leave(&self, client: ClientId) -> Option<ConsultationId> {
        let mut state = self.lock();
        let gone = state.clients.remove(&client)?;
        if let Some(seat) = gone.seat
            && state.seats.get(&seat.participant) == Some(&client)
        {
            state.seats.remove(&seat.participant);
        }
        match &gone.who {
            Who::Resident(id) if state.clients.values().all(|other| other.who != gone.who) => Some(id.clone()),
            _ => None,
        }
    }

    /// A login is over: so are its pages.
    pub(crate) fn end_session(&self, token: &str) {
        for client in self.lock().clients.values() {
            if client
                .login
                .as_ref()
                .is_some_and(|login| is_same_secret(&login.token, token))
            {
                client.outbox.end(code::LOGGED_OUT);
            }
        }
    }

    /// The tokens with which the pages of somebody are open here.
    pub(super) fn tokens_of(&self, staff: &StaffId) -> Vec<String> {
        let state = self.lock();
        let logins = state.clients.values().filter_map(|client| client.login.as_ref());
        logins
            .filter(|login| login.member.id == *staff)
            .map(|login| login.token.clone())
            .collect()
    }

    /// Takes over a record as it was read (and whether its resident is present, where that was read too),
    /// and tells whom it concerns what changed.
    pub(crate) fn take(&self, record: Record, is_present: Option<bool>) {
        let mut state = self.lock();
        let old = state.open.get(&record.id);
        if old.is_some_and(|old| old.record.version > record.version) || state.ended.contains(&record.id) {
            return;
        }
        let is_present = is_present.unwrap_or_else(|| old.is_some_and(|old| old.is_present));
        if old.is_some_and(|old| old.record == record && old.is_present == is_present) {
            return;
        }
        let known = Known {
            record: record.clone(),
            is_present: is_present && record.phase != Phase::Ended,
        };
        let old = state.open.insert(record.id.clone(), known).map(|old| old.record);
        state.tell(&record.id);
        if let Some(old) = &old {
            state.tell_gone(old, &record);
        }
        state.put_out(&record);
        if record.phase == Phase::Ended {
            state.close(&record.id);
        }
        // Who waits, and how many serve, is what the others' places depend on.
        let is_where_it_was = |old: &Record| (old.phase, &old.section) == (record.phase, &record.section);
        if !old.as_ref().is_some_and(is_where_it_was) {
            state.tell_places(&record.section, &record.id);
            if let Some(old) = old.filter(|old| old.section != record.section) {
                state.tell_places(&old.section, &record.id);
            }
        }
        drop(state);
        if record.phase == Phase::Admitted {
            self.due.notify_one();
        }
    }

    /// Takes over whether a resident is present.
    pub(super) fn take_presence(&self, id: &ConsultationId, is_present: bool) {
        let mut state = self.lock();
        if let Some(known) = state.open.get_mut(id)
            && known.is_present != is_present
        {
            known.is_present = is_present;
            state.tell(id);
        }
    }

    /// What is held as open, by id.
    pub(super) fn open_ids(&self) -> Vec<ConsultationId> {
        self.lock().open.keys().cloned().collect()
    }

    /// A consultation that the store has forgotten.
    pub(super) fn forget(&self, id: &ConsultationId) {
        let ended = self.lock().open.get(id).map(|known| Record {
            phase: Phase::Ended,
            ..known.record.clone()
        });
        if let Some(record) = ended {
            self.take(record, Some(false));
        }
    }

    /// All open consultations that a client may see, newest first.
    pub(super) fn list(&self, client: ClientId, who: &Who) -> Vec<Consultation> {
        let state = self.lock();
        let Some(client) = state.clients.get(&client) else {
            return Vec::new();
        };
        let mut all: Vec<Consultation> = state
            .open
            .values()
            .filter(|known| client.may_see(&known.record))
            .map(|known| model::view(&known.record, known.is_present, Place::default(), who))
            .collect();
        all.sort_by(|a, b| (b.created_at, &b.id).cmp(&(a.created_at, &a.id)));
        all
    }

    /// One consultation as `who` sees it.
    pub(super) fn view(&self, id: &ConsultationId, who: &Who) -> Option<Consultation> {
        self.lock().view(id, who)
    }

    /// The consultation that a member of staff is in now.
    pub(super) fn serving(&self, who: &Who) -> Option<ConsultationId> {
        let Who::Staff(staff) = who else { return None };
        let state = self.lock();
        let mut all = state.open.values().map(|known| &known.record);
        all.find(|record| people::is_staffed_by(record, staff))
            .map(|record| record.id.clone())
    }

    /// Whether somebody may be in the room of a consultation now, as far as is known here.
    pub(crate) fn is_member(&self, id: &ConsultationId, participant: &ParticipantId) -> bool {
        let state = self.lock();
        let known = state.open.get(id);
        known.is_some_and(|known| people::members(&known.record).contains(participant))
    }

    /// Takes over how long each section's last calls took, and tells those who wait what that means for them.
    pub(super) fn take_lasted(&self, lasted: HashMap<SectionId, Vec<Duration>>) {
        let mut state = self.lock();
        if state.lasted == lasted {
            return;
        }
        state.lasted = lasted;
        for client in state.clients.values() {
            if let Who::Resident(id) = &client.who
                && state
                    .open
                    .get(id)
                    .is_some_and(|known| known.record.phase == Phase::Waiting)
            {
                state.tell_one(client, id);
            }
        }
    }
}

impl State {
    fn view(&self, id: &ConsultationId, who: &Who) -> Option<Consultation> {
        let known = self.open.get(id)?;
        Some(model::view(
            &known.record,
            known.is_present,
            self.place(&known.record),
            who,
        ))
    }

    /// Where somebody stands who waits: how many wait longer in the same section, and about how long it will take.
    fn place(&self, record: &Record) -> Place {
        let Some(since) = record.waiting_since.filter(|_| record.phase == Phase::Waiting) else {
            return Place::default();
        };
        let here = || {
            let records = self.open.values().map(|known| &known.record);
            records.filter(|other| other.section == record.section)
        };
        let longer = |other: &&Record| {
            other.phase == Phase::Waiting && (other.waiting_since, &other.id) < (Some(since), &record.id)
        };
        let ahead = u32::try_from(here().filter(longer).count()).unwrap_or(u32::MAX);
        let serving = here().filter(|other| other.phase == Phase::Admitted).count();
        let lasted = self.lasted.get(&record.section).map_or(&[][..], Vec::as_slice);
        Place {
            ahead: Some(ahead),
            wait_minutes: wait::minutes(ahead, lasted, u32::try_from(serving).unwrap_or(u32::MAX)),
        }
    }

    /// Tells a consultation to those who hold a link to it, and to the staff who may see it.
    fn tell(&self, id: &ConsultationId) {
        let Some(known) = self.open.get(id) else { return };
        let mut for_staff = None;
        for client in self.clients.values().filter(|client| client.may_see(&known.record)) {
            match client.who.own() {
                Some(_) => self.tell_one(client, id),
                None => {
                    // They all see the same: serialised once.
                    let text = for_staff.get_or_insert_with(|| {
                        let consultation = self.view(id, &client.who)?;
                        let body = ServerBody::Consultation { consultation };
                        Some(outbox::text(&ServerFrame { id: None, body }))
                    });
                    if let Some(text) = text {
                        client.outbox.send_text(text.clone());
                    }
                }
            }
        }
    }

    /// Tells staff who saw a consultation as it was, and don't as it is, that it isn't theirs any more.
    fn tell_gone(&self, old: &Record, record: &Record) {
        for client in self.clients.values() {
            if client.may_see(old) && !client.may_see(record) {
                let consultation = record.id.clone();
                client.outbox.send(None, ServerBody::Gone { consultation });
            }
        }
    }

    fn tell_one(&self, client: &Client, id: &ConsultationId) {
        if let Some(consultation) = self.view(id, &client.who) {
            client.outbox.send(None, ServerBody::Consultation { consultation });
        }
    }

    /// Tells who wait in a section, but for one who knows already, their place in line.
    fn tell_places(&self, section: &SectionId, but: &ConsultationId) {
        for client in self.clients.values() {
            let Who::Resident(id) = &client.who else { continue };
            let waits_there = self
                .open
                .get(id)
                .is_some_and(|known| known.record.phase == Phase::Waiting && known.record.section == *section);
            if waits_there && id != but {
                self.tell_one(client, id);
            }
        }
    }

    /// Takes those out of the room who may not be in it any more: their media at once, and staff's seat with it.
    fn put_out(&mut self, record: &Record) {
        let Self { clients, seats, .. } = self;
        for (id, client) in clients {
            let Some(seat) = client.seat.as_mut().filter(|seat| seat.consultation == record.id) else {
                continue;
            };
            if people::may_enter(record, &client.who) {
                continue;
            }
            seat.is_called = false;
            if let Some(link) = seat.link.take() {
                link.leave(&record.room, &seat.participant);
            }
            if client.who.own().is_none() {
                if seats.get(&seat.participant) == Some(id) {
                    seats.remove(&seat.participant);
                }
                client.seat = None;
            }
        }
    }

    /// Takes an ended consultation off the list, and its seats away.
    fn close(&mut self, id: &ConsultationId) {
        self.open.remove(id);
        self.ended.truncate(ENDED_REMEMBERED - 1);
        self.ended.push_front(id.clone());
        for client in self.clients.values_mut() {
            if let Some(seat) = client.seat.take_if(|seat| seat.consultation == *id) {
                self.seats.remove(&seat.participant);
            }
        }
    }
}
