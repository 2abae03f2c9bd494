//! What pictures by RTSP (RFC 2326, RFC 7826) need, wherever they are taken.

use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;

/// How long what comes is held back so that its packets are in order, in milliseconds.
const LATENCY_MS: u32 = 200;

/// Lets a `uridecodebin` take what it is by RTSP over TCP: one connection through every wall, and no picture that lacks what a
/// datagram carried. `limit`: how long the server may be silent.
pub(crate) fn over_tcp(decode: &gst::Element, limit: Duration) {
    let limit_us = u64::try_from(limit.as_micros()).unwrap_or(u64::MAX);
    decode.connect("source-setup", false, move |values| {
        let source = values.get(1)?.get::<gst::Element>().ok()?;
        if source.has_property("protocols") {
            source.set_property_from_str("protocols", "tcp");
            source.set_property("latency", LATENCY_MS);
            source.set_property("tcp-timeout", limit_us);
        }
        None
    });
}
