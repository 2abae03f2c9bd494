//! The ways to an appointment beside its first link: short codes, links of letters, and a LINE account.

use protocol::ids::AppointmentId;

use super::scripts::{LINK, OPEN, PERSON, SHORT};
use super::{Book, Person, Record};
use crate::consultations::hash;
use crate::letters::{self, Letter};
use crate::redis::{from_json, to_json};
use crate::{Result, StoreError, keys};

/// How often a change that others were faster with is tried again.
const ATTEMPTS: usize = 8;

impl Book<'_> {
    /// Gives an appointment a short code that works once, until the appointment's end. `short`: as it is stored, which
    /// nobody without the office's key can make from the digits. Returns whether it is given: false, another
    /// appointment has the same one.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn give_short_code(&self, record: &Record, short: &str) -> Result<bool> {
        let mut call = SHORT.prepare_invoke();
        call.key(keys::appointment_short(self.office, short))
            .arg(record.id.as_str())
            .arg(record.slot.ends_at.0);
        Ok(self.ledger.invoke::<i64>(&call).await? == 1)
    }

    /// The appointment that a short code would open; the code stays as it is. `None`: there is no such short code any more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn of_short_code(&self, short: &str) -> Result<Option<Record>> {
        let key = keys::appointment_short(self.office, short);
        let id: Option<String> = self.ledger.run(redis::cmd("GET").arg(&key)).await?;
        match id.and_then(|id| AppointmentId::new(id).ok()) {
            Some(id) => self.get(&id).await,
            None => Ok(None),
        }
    }

    /// Turns a short code into a link with this code. `None`: there is no such short code any more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn open_short_code(&self, short: &str, code: &str) -> Result<Option<AppointmentId>> {
        let mut call = OPEN.prepare_invoke();
        call.key(keys::appointment_short(self.office, short))
            .key(keys::appointment_link(self.office, &hash(code)))
            .arg(keys::appointment_prefix(self.office));
        let id: String = self.ledger.invoke(&call).await?;
        Ok(AppointmentId::new(id).ok())
    }

    /// Makes one more link to an appointment, for a letter. Returns whether the appointment is still known.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn add_link(&self, id: &AppointmentId, code: &str) -> Result<bool> {
        let mut call = LINK.prepare_invoke();
        call.key(keys::appointment(self.office, id))
            .key(keys::appointment_link(self.office, &hash(code)))
            .arg(id.as_str());
        Ok(self.ledger.invoke::<i64>(&call).await? == 1)
    }

    /// Keeps by which account of LINE the resident is told of the appointment, with whom it is for, and what is to be told
    /// there. Whom it is told there already isn't told
    /// again. Returns whether there is still somebody whom it is for.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Corrupt`], or [`StoreError::Contended`] after many lost races.
    pub async fn add_line(&self, id: &AppointmentId, user: &str, letters: &[Letter]) -> Result<bool> {
        let key = keys::appointment_person(self.office, id);
        for _ in 0..ATTEMPTS {
            let Some(old) = self.ledger.run::<Option<String>>(redis::cmd("GET").arg(&key)).await? else {
                return Ok(false);
            };
            let person: Person = from_json(&key, &old)?;
            // LINE delivers again what it isn't sure of.
            if person.line.as_deref() == Some(user) {
                return Ok(true);
            }
            let new = Person {
                line: Some(user.to_owned()),
                ..person
            };
            let mut call = PERSON.prepare_invoke();
            call.key(&key)
                .key(keys::letters(self.office))
                .arg(&old)
                .arg(to_json(&key, &new)?);
            letters::add(&mut call, letters);
            if self.ledger.invoke::<i64>(&call).await? == 1 {
                return Ok(true);
            }
        }
        Err(StoreError::Contended { key })
    }
}
