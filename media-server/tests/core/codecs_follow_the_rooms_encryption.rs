//! What connections of a room offer: everything where the node may read, and only what can be forwarded unseen where not.

use media_server::core::Request;
use protocol::control::AnswerBody;
use protocol::grants::Encryption;
use protocol::grants::MediaSource::{Camera, Microphone};

use crate::sim::{SIGNALING, World};

/// The codecs' names in the offer that `ren` got.
fn offered(encryption: Encryption) -> Vec<String> {
    let mut world = World::new(1);
    world.encryption = encryption;
    world.enter("aoi", &[Camera, Microphone]);
    world.enter("ren", &[]);
    let mut offers = world.events().filter_map(|it| match it {
        AnswerBody::Offer { participant, sdp, .. } if participant.as_str() == "ren" => Some(sdp.clone()),
        _ => None,
    });
    let sdp = offers.next().expect("an offer");
    let maps = sdp.lines().filter_map(|line| line.strip_prefix("a=rtpmap:"));
    let names = maps.filter_map(|it| Some(it.split_once(' ')?.1.split_once('/')?.0.to_owned()));
    let mut names: Vec<String> = names.filter(|it| it != "rtx").collect();
    names.sort();
    names
}

#[test]
fn an_open_room_offers_all_that_browsers_have() {
    assert_eq!(offered(Encryption::Off), ["AV1", "H264", "VP8", "VP9", "opus", "red"]);
}

#[test]
fn a_sealed_room_offers_vp8_and_opus_only() {
    assert_eq!(offered(Encryption::Require), ["VP8", "opus"]);
}

#[test]
fn who_is_not_sealed_does_not_come_into_a_sealed_room() {
    let mut world = World::new(2);
    world.encryption = Encryption::Require;
    world.enter("aoi", &[Camera]);
    let mut grant = World::grant("ren", &[]);
    grant.encryption = Encryption::Off;
    let request = Request::Join {
        grant,
        has_connections: false,
    };
    let AnswerBody::Error { problem } = world.ask(SIGNALING, request) else {
        panic!("refused");
    };
    assert_eq!((problem.status, problem.field.as_deref()), (409, Some("encryption")));
}
