//! The office's server: pages, REST and WebSocket signaling over HTTPS.
//!
//! One folder for each domain; a domain's `rules.rs` is pure, its `routes.rs` only translates. Invariant:
//! everything that must outlive this process is in Redis; what is kept here can be read again from there.

#![forbid(unsafe_code)]

mod app;
mod assets;
mod audit;
mod booking;
mod booth;
mod broadcast;
mod congestion;
mod consultation;
mod health;
mod limits;
mod live;
mod nodes;
mod page;
mod practice;
mod privacy;
mod problem;
mod proxy;
mod security;
mod server;
mod signage;
mod staff;
mod texts;
mod throttle;
mod vision;
mod visitor;

pub use server::Server;
