//! The names of all keys. `mg:{tag}:…`: what must change together shares a hash tag; different areas and
//! different offices have different ones, so that a cluster spreads them.

use protocol::ids::{
    AppointmentId, AreaId, BookingId, BroadcastId, CameraId, ConsultationId, NodeId, OfficeId, RoomId, ScreenId,
    StaffId,
};

/// The pub/sub channel that wakes an office's listeners.
#[must_use]
pub fn wake(office: &OfficeId) -> String {
    format!("mg:{office}:wake")
}

/// The pub/sub channel by which an office's servers pass on what pages tell each other.
pub(crate) fn relay(office: &OfficeId) -> String {
    format!("mg:{office}:relay")
}

pub(crate) fn area(office: &OfficeId, area: &AreaId, part: &str) -> String {
    format!("mg:{{{office}:area:{area}}}:{part}")
}

pub(crate) fn consultation(office: &OfficeId, id: &ConsultationId) -> String {
    format!("mg:{{{office}:consultations}}:one:{id}")
}

pub(crate) fn consultations_open(office: &OfficeId) -> String {
    format!("mg:{{{office}:consultations}}:open")
}

pub(crate) fn link(office: &OfficeId, hash: &str) -> String {
    format!("mg:{{{office}:consultations}}:link:{hash}")
}

pub(crate) fn guest_link(office: &OfficeId, hash: &str) -> String {
    format!("mg:{{{office}:consultations}}:guest:{hash}")
}

pub(crate) fn consultation_notes(office: &OfficeId, id: &ConsultationId) -> String {
    format!("mg:{{{office}:consultations}}:notes:{id}")
}

pub(crate) fn desks(office: &OfficeId) -> String {
    format!("mg:{{{office}:desks}}")
}

pub(crate) fn consultation_link(office: &OfficeId, id: &ConsultationId) -> String {
    format!("mg:{{{office}:consultations}}:link-of:{id}")
}

pub(crate) fn consultations_ended(office: &OfficeId) -> String {
    format!("mg:{{{office}:consultations}}:ended")
}

pub(crate) fn facts(office: &OfficeId) -> String {
    format!("mg:{{{office}:consultations}}:facts")
}

pub(crate) fn facts_by_time(office: &OfficeId) -> String {
    format!("mg:{{{office}:consultations}}:facts:by-time")
}

/// Before an appointment's id: its record.
pub(crate) fn appointment_prefix(office: &OfficeId) -> String {
    format!("mg:{{{office}:appointments}}:one:")
}

pub(crate) fn appointment(office: &OfficeId, id: &AppointmentId) -> String {
    format!("{}{id}", appointment_prefix(office))
}

pub(crate) fn appointment_short(office: &OfficeId, short: &str) -> String {
    format!("mg:{{{office}:appointments}}:short:{short}")
}

/// What is to be told of appointments, and when: in the appointments' slot, so that one script does both.
pub(crate) fn letters(office: &OfficeId) -> String {
    format!("mg:{{{office}:appointments}}:letters")
}

pub(crate) fn letter_troubles(office: &OfficeId) -> String {
    format!("mg:{{{office}:appointments}}:letter-troubles")
}

pub(crate) fn consultation_of(office: &OfficeId, appointment: &AppointmentId) -> String {
    format!("mg:{{{office}:consultations}}:of:{appointment}")
}

pub(crate) fn appointment_person(office: &OfficeId, id: &AppointmentId) -> String {
    format!("mg:{{{office}:appointments}}:person:{id}")
}

pub(crate) fn appointment_link(office: &OfficeId, hash: &str) -> String {
    format!("mg:{{{office}:appointments}}:link:{hash}")
}

pub(crate) fn appointments_taken(office: &OfficeId, booking: &BookingId, day: &str) -> String {
    format!("mg:{{{office}:appointments}}:taken:{booking}:{day}")
}

pub(crate) fn appointments_agenda(office: &OfficeId) -> String {
    format!("mg:{{{office}:appointments}}:agenda")
}

pub(crate) fn broadcast(office: &OfficeId, id: &BroadcastId) -> String {
    format!("mg:{{{office}:broadcasts}}:one:{id}")
}

pub(crate) fn broadcasts(office: &OfficeId) -> String {
    format!("mg:{{{office}:broadcasts}}:all")
}

pub(crate) fn presence(office: &OfficeId, id: &ConsultationId) -> String {
    format!("mg:{{{office}:presence:{id}}}")
}

pub(crate) fn accounts(office: &OfficeId) -> String {
    format!("mg:{{{office}:staff}}:accounts")
}

pub(crate) fn accounts_version(office: &OfficeId) -> String {
    format!("mg:{{{office}:staff}}:version")
}

pub(crate) fn staff_tries(office: &OfficeId, id: &StaffId, device: Option<&str>) -> String {
    match device {
        Some(device) => format!("mg:{{{office}:staff}}:tries:{id}:{device}"),
        None => format!("mg:{{{office}:staff}}:tries:{id}"),
    }
}

pub(crate) fn staff_sessions(office: &OfficeId, id: &StaffId) -> String {
    format!("mg:{{{office}:staff}}:sessions:{id}")
}

pub(crate) fn staff_pending(office: &OfficeId, hash: &str) -> String {
    format!("mg:{{{office}:staff}}:pending:{hash}")
}

pub(crate) fn staff_provider(office: &OfficeId, hash: &str) -> String {
    format!("mg:{{{office}:staff}}:provider:{hash}")
}

pub(crate) fn audit_log(office: &OfficeId) -> String {
    format!("mg:{{{office}:staff}}:audit:log")
}

pub(crate) fn audit_head(office: &OfficeId) -> String {
    format!("mg:{{{office}:staff}}:audit:head")
}

pub(crate) fn audit_base(office: &OfficeId) -> String {
    format!("mg:{{{office}:staff}}:audit:base")
}

pub(crate) fn screens(office: &OfficeId) -> String {
    format!("mg:{{{office}:screens}}:all")
}

pub(crate) fn screens_seen(office: &OfficeId) -> String {
    format!("mg:{{{office}:screens}}:seen")
}

pub(crate) fn screen_files(office: &OfficeId) -> String {
    format!("mg:{{{office}:screens}}:files")
}

pub(crate) fn screen_notices(office: &OfficeId) -> String {
    format!("mg:{{{office}:screens}}:notices")
}

pub(crate) fn pairing_code(office: &OfficeId, hash: &str) -> String {
    format!("mg:{{{office}:screens}}:pairing:code:{hash}")
}

pub(crate) fn pairing_device(office: &OfficeId, hash: &str) -> String {
    format!("mg:{{{office}:screens}}:pairing:device:{hash}")
}

pub(crate) fn pairing_asked(office: &OfficeId, hash: &str) -> String {
    format!("mg:{{{office}:screens}}:pairing:asked:{hash}")
}

pub(crate) fn pairing_waiting(office: &OfficeId) -> String {
    format!("mg:{{{office}:screens}}:pairing:waiting")
}

pub(crate) fn screen_condition(office: &OfficeId, id: &ScreenId) -> String {
    format!("mg:{{{office}:screen:{id}}}:condition")
}

pub(crate) fn screen_changes(office: &OfficeId, id: &ScreenId) -> String {
    format!("mg:{{{office}:screen:{id}}}:changes")
}

pub(crate) fn screen_picture(office: &OfficeId, id: &ScreenId) -> String {
    format!("mg:{{{office}:screen:{id}}}:picture")
}

pub(crate) fn screen_picture_at(office: &OfficeId, id: &ScreenId) -> String {
    format!("mg:{{{office}:screen:{id}}}:picture-at")
}

/// `part`: `one`, `presses`, `choices`.
pub(crate) fn screen_remote(office: &OfficeId, id: &ScreenId, part: &str) -> String {
    format!("mg:{{{office}:screen:{id}}}:remote:{part}")
}

pub(crate) fn screen_report(office: &OfficeId, id: &ScreenId) -> String {
    format!("mg:{{{office}:screen:{id}}}:report")
}

pub(crate) fn camera_report(office: &OfficeId, id: &CameraId) -> String {
    format!("mg:{{{office}:camera:{id}}}:report")
}

pub(crate) fn camera_setups(office: &OfficeId) -> String {
    format!("mg:{{{office}:cameras}}:setups")
}

/// Before a node's id: its record.
pub(crate) const NODE_PREFIX: &str = "mg:{nodes}:one:";

/// Before a node's id: how many rooms it was given a moment ago.
pub(crate) const NODE_GIVEN_PREFIX: &str = "mg:{nodes}:given:";

pub(crate) fn node(id: &NodeId) -> String {
    format!("{NODE_PREFIX}{id}")
}

pub(crate) fn nodes() -> String {
    "mg:{nodes}:all".to_owned()
}

pub(crate) fn room_node(room: &RoomId) -> String {
    format!("mg:{{nodes}}:room:{room}")
}
