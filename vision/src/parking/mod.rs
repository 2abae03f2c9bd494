//! A car park: which of its bays are taken.
//!
//! Two witnesses speak of each bay: what its ground looks like (`texture`), and, with a model, whether a vehicle's box stands
//! on it (`fit`). Both together are its *evidence*, 1 at the border between free and taken; `bays` makes states of it that
//! hold against whoever walks or drives by. `lot` puts them together; `plan` draws the bays without the picture.
//!
//! Invariant: a bay that wasn't just looked at is neither free nor taken.

pub mod bays;
pub mod fit;
pub mod lot;
pub mod offline;
pub mod plan;
pub mod texture;

/// How many bays there are, and how many are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Places {
    /// Where a car stands.
    pub taken: u32,
    /// All.
    pub total: u32,
}

impl Places {
    /// Those that are free.
    #[must_use]
    pub fn free(self) -> u32 {
        self.total.saturating_sub(self.taken)
    }
}
