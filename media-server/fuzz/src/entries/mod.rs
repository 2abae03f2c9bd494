//! The entries. `media-server/tests/core` includes this file too, under its own compiler.

mod office;
pub mod seeds;
mod video;

use std::net::SocketAddr;

use media_server::core::Request;
use media_server::core::demux::Demux;
use media_server::core::engine::streams::is_beyond;
use protocol::control::{NodeRequest, RequestBody};
use protocol::data::DataMessage;
use protocol::grants::MediaGrant;

use office::{Call, Office, STRANGER, by_udp};

pub use video::payloads;

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

/// Lines of JSON: requests as signaling writes them, or grants, each of which is a join.
pub fn requests(data: &[u8]) {
    let mut office = Office::new();
    office.join("aoi");
    for line in data.split(|byte| *byte == b'\n').take(32) {
        if let Ok(grant) = serde_json::from_slice::<MediaGrant>(line) {
            office.ask(Request::Join {
                grant,
                has_connections: line.len() % 2 == 0,
            });
        } else if let Ok(NodeRequest { body, .. }) = serde_json::from_slice(line)
            && let Some(request) = request(body)
        {
            office.ask(request);
        }
    }
    office.run();
}

/// What a node makes of a request, once it has checked the token. None: that it answers by itself.
fn request(body: RequestBody) -> Option<Request> {
    Some(match body {
        RequestBody::Publish {
            room,
            participant,
            sdp,
            tracks,
        } => Request::Publish {
            room,
            participant,
            sdp,
            tracks,
        },
        RequestBody::Answer {
            room,
            participant,
            revision,
            sdp,
        } => Request::Answer {
            room,
            participant,
            revision,
            sdp,
        },
        RequestBody::Mute {
            room,
            participant,
            source,
            muted,
        } => Request::Mute {
            room,
            participant,
            source,
            muted,
        },
        RequestBody::Leave { room, participant } => Request::Leave { room, participant },
        RequestBody::CloseRoom { room } => Request::CloseRoom { room },
        _ => return None,
    })
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
