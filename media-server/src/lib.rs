//! A WebRTC SFU: rooms, participants, tracks and grants, and nothing of what they are for.
//!
//! [`core`] is the whole of it without clock and socket; [`net`] is the thin shell around it: one thread
//! and one UDP socket for each worker, a WebSocket for signaling, a heartbeat in Redis.

#![forbid(unsafe_code)]

pub mod core;
pub mod net;
pub mod operate;
