//! When the office has time for whom: the pure rules of appointments, which lines at counters can share.
//!
//! Invariant: nothing here reads a clock or a store. A slot that [`rules`] names lies whole within opening hours, on an
//! open day, and never overlaps another slot of its service.

pub mod calendar;
pub mod holidays;
pub mod rules;

pub use calendar::{Calendar, ClosedDay, Hours};
pub use rules::{Channel, Quota, Refused, Service, Slot, Taken};
