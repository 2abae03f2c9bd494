//! An RTSP camera for tests, by GStreamer's RTSP server (RFC 7826's predecessor, RFC 2326, as cameras speak it), and
//! all the trouble that real ones make: they drop the connection, freeze, change their picture's size, are away and
//! come back while somebody connects, send garbage, ask for a password.
//!
//! `picture` draws what it sees, `rtsp` serves that, and `wire` stands between server and client and spoils it.

#![forbid(unsafe_code)]

mod picture;
mod rtsp;
mod wire;

use std::net::SocketAddr;

use anyhow::Result;

pub use picture::{Painter, View};
pub use wire::Mood;

/// Where the picture is, behind the camera's address.
pub const PATH: &str = "/stream1";

/// A running camera; it ends when it is dropped.
#[derive(Debug)]
pub struct Camera {
    server: rtsp::Server,
    wire: wire::Wire,
}

impl Camera {
    /// Starts on a free port of this machine. `user`: who may watch, and with which password; none: anybody.
    ///
    /// # Errors
    /// When GStreamer lacks a part, or there is no port.
    pub fn start(user: Option<(&str, &str)>) -> Result<Self> {
        let server = rtsp::Server::start(user)?;
        let wire = wire::Wire::start(server.address())?;
        Ok(Self { server, wire })
    }

    /// Where it is reached.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.wire.address()
    }

    /// Its address without a user.
    #[must_use]
    pub fn url(&self) -> String {
        format!("rtsp://{}{PATH}", self.address())
    }

    /// Changes what it sees.
    pub fn look_at(&self, change: impl FnOnce(&mut View)) {
        change(&mut self.server.view());
    }

    /// Changes how it is connected.
    pub fn be(&self, mood: Mood) {
        self.wire.be(mood);
    }

    /// Breaks all connections; new ones are taken as ever.
    pub fn drop_connections(&self) {
        self.wire.drop_connections();
    }

    /// How often somebody has connected.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.wire.connections()
    }
}
