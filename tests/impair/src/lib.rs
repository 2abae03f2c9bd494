//! A bad network for tests. [`Pipe`] and [`Link`] decide what becomes of datagrams, without a clock and without sockets;
//! [`Proxy`] does it to real ones, between a peer and a server on this machine.
//!
//! Invariant: what happens to the n-th datagram of a direction follows from the seed, the settings, the sizes and the
//! moments of those before it, and nothing else.

#![forbid(unsafe_code)]

mod line;
mod link;
mod pipe;
mod proxy;
mod random;
mod setting;

pub use line::Line;
pub use link::{Direction, Link, Step};
pub use pipe::{Burst, Counts, Exits, Late, Pipe, Queue};
pub use proxy::{Plan, Proxy, Report};
pub use random::Random;
pub use setting::{BadSetting, Setting, settings};
