//! What is kept of people for how long: one sweep deletes all whose time is up. The clock is an argument.
//!
//! Invariant: what a sweep deletes is in the audit log, and in no place else any more.

use protocol::config::Privacy;
use protocol::ids::OfficeId;
use protocol::time::UnixMillis;

use crate::audit::{Event, What, Who};
use crate::{Db, Result, audit, consultations, facts};

/// What a sweep has deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Swept {
    /// Consultations of which only the facts are left.
    pub consultations: usize,
    /// Facts of consultations.
    pub facts: usize,
    /// Entries of the audit log.
    pub audit_entries: usize,
}

/// A time so long before.
fn before(now: UnixMillis, so_long: std::time::Duration) -> UnixMillis {
    let millis = u64::try_from(so_long.as_millis()).unwrap_or(u64::MAX);
    UnixMillis(now.0.saturating_sub(millis))
}

/// Deletes what is to be deleted by `now`. May be run by several servers at once, and as often as one likes.
///
/// # Errors
/// [`crate::StoreError::Unavailable`] and others of the store: the next sweep goes on from there.
pub async fn sweep(ledger: &Db, office: &OfficeId, keep: &Privacy, now: UnixMillis) -> Result<Swept> {
    let forgotten = consultations::forget_ended(ledger, office, before(now, keep.keep_consultations)).await?;
    for id in &forgotten {
        let event = Event::new(Who::System, What::ConsultationForgotten, id);
        audit::append(ledger, office, &event, now).await?;
    }
    let old = before(now, keep.keep_audit);
    Ok(Swept {
        consultations: forgotten.len(),
        facts: facts::drop_before(ledger, office, old).await?,
        audit_entries: audit::trim(ledger, office, old, now).await?,
    })
}
