//! The shell around the core: sockets, threads, clocks, the control WebSocket and the heartbeat.

pub mod control;
pub mod drain;
pub mod frames;
pub mod latency;
pub mod links;
pub mod load;
pub mod metrics;
pub mod node;
pub mod requests;
pub mod tcp;
pub mod udp;
pub mod worker;
