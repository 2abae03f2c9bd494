//! Who of the staff may see a consultation and do something with it: the table of rights, asked of a record. Pure.

use protocol::signal::Phase;
use store::consultations::Record;

use super::model::Who;
use super::people;
use super::rules::Event;
use crate::problem::Fault;
use crate::staff::rights::{Member, Right, Thing};

fn thing<'a>(record: &'a Record, member: &Member) -> Thing<'a> {
    Thing {
        section: Some(&record.section),
        is_theirs: record.staff.as_ref() == Some(&member.id),
    }
}

/// Whether a member of staff is told of a consultation: those too who were called to it.
pub(crate) fn may_see(member: &Member, record: &Record) -> bool {
    let mut seen = thing(record, member);
    seen.is_theirs |= people::staff_seat(record, &member.id).is_some();
    member.may(Right::SeeConsultations, seen)
}

/// Whether `who` may do anything with the seats or notes of a consultation, as far as roles go; what exactly, `acts` says.
///
/// # Errors
/// [`Fault::Forbidden`].
pub(crate) fn check_act(record: &Record, who: &Who, member: Option<&Member>) -> Result<(), Fault> {
    let Who::Staff(staff) = who else {
        return Ok(());
    };
    match member.filter(|member| member.id == *staff) {
        Some(member) if may_see(member, record) => Ok(()),
        _ => Err(Fault::Forbidden),
    }
}

/// Whether `who` may make this happen, as far as roles go. `member`: what is known of them, where they are of the staff.
///
/// # Errors
/// [`Fault::Forbidden`].
pub(crate) fn check(record: &Record, event: Event, who: &Who, member: Option<&Member>) -> Result<(), Fault> {
    let Who::Staff(staff) = who else {
        return Ok(());
    };
    let member = member.filter(|member| member.id == *staff).ok_or(Fault::Forbidden)?;
    let right = match (event, record.phase) {
        (Event::Ready(_), _) => return Err(Fault::Forbidden),
        (Event::Admit(_), _) => Right::Admit,
        (Event::End, Phase::Admitted) => Right::EndCalls,
        (Event::End, _) => Right::WithdrawLinks,
    };
    if member.may(right, thing(record, member)) {
        Ok(())
    } else {
        Err(Fault::Forbidden)
    }
}
