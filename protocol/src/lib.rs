//! The words the parts of the office speak to each other: serde types of every message, ids, token
//! claims, and the one configuration file. No clock, no socket, no file is touched here: every
//! function takes what it needs, `now` included.

#![forbid(unsafe_code)]

pub mod booking;
pub mod config;
pub mod congestion;
pub mod control;
pub mod data;
pub mod grants;
pub mod ids;
pub mod keys;
pub mod outline;
pub mod pose;
pub mod problem;
pub mod screen;
pub mod seats;
pub mod setup;
pub mod signal;
pub mod staff;
pub mod time;
pub mod turn;
