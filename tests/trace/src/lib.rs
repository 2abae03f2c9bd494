//! For tests: what a program and its children gave to the kernel, by strace, and whether a picture was among it.
//!
//! Invariant: what isn't known to be harmless is a fault. Reading is free; whatever writes must name an allowed destination,
//! and be of a size and kind that no picture has. A report that is missing or cut off is a fault too.
//!
//! `run` starts a program under strace, `call` reads a line of its reports, `allowed` says what a program may do, `judge`
//! compares, and [`Trace`] does all of it for a test, and fails it.

#![forbid(unsafe_code)]

mod allowed;
mod call;
mod judge;
mod run;
mod text;
mod trace;

pub use allowed::{Allowed, Budget, Door, Folder, Outlet};
pub use judge::{Report, judge};
pub use run::{command, is_apart, is_there, wait_for_end};
pub use trace::{Trace, write_wrapper};
