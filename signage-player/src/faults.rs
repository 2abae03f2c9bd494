//! What is wrong now with a part of the machine, told to the server with every status.

use std::sync::{Arc, Mutex, PoisonError};

/// What is wrong now, in words. Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Faults(Arc<Mutex<Vec<String>>>);

impl Faults {
    /// All of it.
    #[must_use]
    pub fn all(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on this is wrong, and nothing else. What is new is written to the log.
    pub fn set(&self, faults: Vec<String>) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for fault in faults.iter().filter(|fault| !held.contains(fault)) {
            tracing::warn!("{fault}");
        }
        *held = faults;
    }
}
