//! Consultations as pages see them, and who a participant is in the media room.

use protocol::config::EncryptionPolicy;
use protocol::grants::{DataGrant, Encryption, MediaGrant, MediaSource, RoomRole};
use protocol::ids::{ConsultationId, OfficeId, ParticipantId, SeatId, StaffId};
use protocol::signal::Consultation;
use sha2::{Digest, Sha256};
use store::consultations::Record;

use super::people;

/// Who speaks, proved by a link or a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Who {
    /// The holder of this consultation's link.
    Resident(ConsultationId),
    /// A member of staff.
    Staff(StaffId),
    /// The holder of the link to a seat.
    Guest(ConsultationId, SeatId),
}

impl Who {
    /// Their role in a room.
    pub(crate) fn role(&self) -> RoomRole {
        match self {
            Self::Resident(_) => RoomRole::Resident,
            Self::Staff(_) => RoomRole::Staff,
            Self::Guest(..) => RoomRole::Guest,
        }
    }

    /// The consultation whose link somebody holds; staff hold none.
    pub(crate) fn own(&self) -> Option<&ConsultationId> {
        match self {
            Self::Resident(id) | Self::Guest(id, _) => Some(id),
            Self::Staff(_) => None,
        }
    }

    /// Their id in the consultation's room: always the same, so that who comes back takes their own place.
    /// Not a secret.
    pub(crate) fn participant(&self, consultation: &ConsultationId) -> ParticipantId {
        let side = match self {
            Self::Resident(_) => "resident".to_owned(),
            Self::Staff(id) => format!("staff/{id}"),
            Self::Guest(_, seat) => format!("guest/{seat}"),
        };
        let hash = Sha256::digest(format!("{consultation}/{side}"));
        let text = data_encoding::BASE32_NOPAD.encode(&hash[..16]).to_ascii_lowercase();
        // 26 characters of a-z and 2-7 are an id.
        ParticipantId::new(text).unwrap_or_else(|_| ParticipantId::random())
    }
}

/// What is to be known of a page before a call with it: what the office wants, and what its browser can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Means {
    pub(crate) policy: EncryptionPolicy,
    pub(crate) can_encrypt: bool,
}

impl Means {
    /// How a call is held between this page and another that can encrypt or can't; `None`: not at all.
    pub(crate) fn encryption_with(self, other_can_encrypt: bool) -> Option<Encryption> {
        match self.policy {
            EncryptionPolicy::Off => Some(Encryption::Off),
            _ if self.can_encrypt && other_can_encrypt => Some(Encryption::Require),
            EncryptionPolicy::Allow => Some(Encryption::Off),
            EncryptionPolicy::Require => None,
        }
    }
}

/// What somebody may do in the room of an admitted consultation.
pub(crate) fn media_grant(office: &OfficeId, record: &Record, who: &Who) -> MediaGrant {
    MediaGrant {
        office: office.clone(),
        room: record.room.clone(),
        participant: who.participant(&record.id),
        role: who.role(),
        publish: vec![MediaSource::Camera, MediaSource::Microphone, MediaSource::Screen],
        subscribe: true,
        data: DataGrant::ToAll,
        encryption: record.encryption,
    }
}

/// What depends on the others in a line.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// How many wait longer in the section.
    pub(crate) ahead: Option<u32>,
    /// About how long it will take, in minutes.
    pub(crate) wait_minutes: Option<u32>,
}

/// A consultation as `who` sees it. To a guest its phase is that of their own seat.
pub(crate) fn view(record: &Record, is_present: bool, place: Place, who: &Who) -> Consultation {
    let is_staff = matches!(who, Who::Staff(_));
    let is_resident = matches!(who, Who::Resident(_));
    Consultation {
        id: record.id.clone(),
        section: record.section.clone(),
        phase: people::phase_for(record, who),
        version: record.version,
        is_present,
        created_at: record.created_at,
        expires_at: record.expires_at,
        waiting_since: people::waiting_since(record, who),
        admitted_at: record.admitted_at,
        staff: record.staff.clone().filter(|_| is_staff),
        ahead: place.ahead.filter(|_| is_resident),
        call: people::in_call(record, place.wait_minutes.filter(|_| is_resident), who),
        appointment: record.appointment.clone().filter(|_| is_staff),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_participant_keeps_their_id_and_shares_it_with_nobody() {
        let (a, b) = (ConsultationId::random(), ConsultationId::random());
        let staff = |id: &str| Who::Staff(StaffId::new(id).expect("valid"));
        let resident = Who::Resident(a.clone());
        assert_eq!(resident.participant(&a), Who::Resident(a.clone()).participant(&a));
        assert_eq!(resident.participant(&a).as_str().len(), 26);
        let all = [
            resident.participant(&a),
            Who::Resident(b.clone()).participant(&b),
            staff("hanako").participant(&a),
            staff("hanako").participant(&b),
            staff("taro").participant(&a),
            staff("resident").participant(&a),
            Who::Guest(a.clone(), SeatId::new("resident").expect("valid")).participant(&a),
            Who::Guest(a.clone(), SeatId::new("hanako").expect("valid")).participant(&a),
        ];
        let different: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
