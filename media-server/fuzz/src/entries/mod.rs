//! The entries. `media-server/tests/core` includes this file too, under its own compiler.

mod frames;
mod office;
mod reports;
pub mod seeds;
mod sound;
mod video;

use std::net::SocketAddr;

use media_server::core::demux::Demux;
use media_server::core::engine::streams::is_beyond;
use media_server::net::requests::for_worker;
use protocol::control::{IceCredentials, NodeRequest};
use protocol::data::DataMessage;
use protocol::grants::MediaGrant;
use protocol::problem::Problem;

use office::{Call, Office, STRANGER, by_udp};

pub use frames::frames;
pub use reports::reports;
pub use sound::repetitions;
pub use video::{dependencies, payloads};

/// A datagram that no connection is known for leads nowhere, whatever is in it.
pub fn demultiplexer(data: &[u8]) {
    let found = Demux::default().find(by_udp(SocketAddr::from(STRANGER)), data);
    assert_eq!(found, None);
}

/// A script of what happens to a publisher's datagrams on their way. Each step is a byte that says what, and
/// what it takes.
pub fn datagrams(mut data: &[u8]) {
    let mut call = Call::new();
    while let Some((step, rest)) = data.split_first() {
        data = rest;
        let mut take = |count: usize| {
            let (taken, rest) = data.split_at(count.min(data.len()));
            data = rest;
            taken
        };
        match step % 8 {
            // Time goes by, and the next datagrams arrive as they were sent.
            0 => call.run(),
            1 => call.pass(|_| {}),
            // One is changed on its way: a byte of its first 256.
            2 | 3 => {
                let [at, value] = *take(2) else { return };
                call.pass(|bytes| {
                    let len = bytes.len().max(1);
                    if let Some(byte) = bytes.get_mut(usize::from(at) % len) {
                        *byte ^= value;
                    }
                });
            }
            // One is cut off, or comes twice, or has something else in it.
            4 => {
                let [len] = *take(1) else { return };
                call.pass(|bytes| bytes.truncate(len.into()));
            }
            5 => call.repeat(),
            6 => {
                let [from, with] = *take(2) else { return };
                let inserted = take(with.into());
                call.pass(|bytes| {
                    bytes.truncate(from.into());
                    bytes.extend_from_slice(inserted);
                });
            }
            // Something that nobody sent, from the publisher's address or from elsewhere; or something that it
            // did send, and nobody understands.
            _ => {
                let [how, len] = *take(2) else { return };
                let bytes = take(len.into());
                match how % 4 {
                    0 | 1 => call.inject(how % 2 == 0, bytes),
                    media => call.publish(media == 3, how & 4 != 0, bytes),
                }
            }
        }
    }
}

/// A script in which nothing happens connects, and what is published then is taken in. (Otherwise the others
/// would prove little.)
pub fn an_undisturbed_call_connects() {
    let mut call = Call::new();
    for _ in 0..20 {
        call.run();
    }
    assert!(call.is_connected());
    call.publish(true, true, &[0x10, 0x00, 0x00]);
    call.run();
    assert_eq!(call.taken_in(), 1);
}

/// The head of a data message; an SCTP packet.
pub fn messages(data: &[u8]) {
    let _ = is_beyond(data);
    if let Ok(message) = DataMessage::read(data) {
        assert_eq!(DataMessage::number_of(data), Some(message.number));
        assert_eq!(message.write(), data);
    }
}

/// Lines of JSON: requests as signaling writes them. Here a token is what it grants, as JSON, and needs no signature.
pub fn requests(data: &[u8]) {
    let granted = |token: &str| {
        let grant = serde_json::from_str::<MediaGrant>(token);
        grant.map_err(|error| Problem::new(401, "bad-token", error.to_string()))
    };
    let mut office = Office::new();
    office.join("aoi");
    for line in data.split(|byte| *byte == b'\n').take(32) {
        if let Ok(NodeRequest { body, .. }) = serde_json::from_slice(line)
            && let Ok(Some(request)) = for_worker(body, granted)
        {
            office.ask(request);
        }
    }
    office.run();
}

/// SDP: as an offer, again as the next offer of the same connection, and as the answer to an offer of ours.
pub fn descriptions(data: &[u8]) {
    let Ok(sdp) = std::str::from_utf8(data) else { return };
    let mut office = Office::new();
    office.join("aoi");
    office.publish("aoi", sdp);
    office.publish("aoi", sdp);
    office.run();

    let mut office = Office::new();
    office.join("aoi");
    office.publish("aoi", &office::offer());
    office.join("ren");
    office.answer("ren", sdp);
    office.run();
}

/// Callers' offers and fragments: parts that are parted by a zero byte, each with a first byte that says what it is.
pub fn callers(data: &[u8]) {
    let mut office = Office::new();
    for part in data.split(|byte| *byte == 0).take(8) {
        let Some((kind, text)) = part.split_first() else {
            continue;
        };
        let Ok(text) = std::str::from_utf8(text) else { return };
        match kind {
            b'I' => office.ingest(text),
            b'W' => office.watch(text),
            b'P' => {
                if let Some(credentials) = IceCredentials::of_fragment(text) {
                    office.restart(credentials);
                }
            }
            _ => office.run(),
        }
    }
    office.run();
}
