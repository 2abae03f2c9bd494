//! Where bytes from outside come in, one function for each fuzz target.
//!
//! Invariant: an entry takes any bytes and is a test by itself: it panics when a promise is broken. The tests in
//! `media-server/tests/core` throw mutated known input at the same functions, without a fuzzer.

#![forbid(unsafe_code)]

mod entries;

pub use entries::*;
