//! Booths (遠隔相談ブース): a screen with a button from which residents talk with a section, and a printer beside it.
//!
//! Invariant: a booth is known by its browser's cookie only, which its link gave it once; it can begin consultations and print, and
//! nothing else. Nothing that was said, shown or printed in it stays here.

mod links;
mod pdf;
mod print;
mod routes;
mod session;

pub(crate) use links::keep_links;
pub(crate) use routes::routes;
