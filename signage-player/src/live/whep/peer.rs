//! The receiving end: `webrtcbin`, told what is offered and what was answered.

use std::sync::mpsc;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_webrtc::gst_sdp::SDPMessage;
use gstreamer_webrtc::{
    WebRTCICEGatheringState, WebRTCPeerConnectionState, WebRTCRTPTransceiver, WebRTCRTPTransceiverDirection,
    WebRTCSDPType, WebRTCSessionDescription,
};

use crate::item::Fault;

/// How much the picture is held back so that its packets come in order, and lost ones come again, in milliseconds.
const LATENCY_MS: u32 = 200;

/// How long the element may take to say what it offers, or to take an answer: it makes an RSA key first.
const PATIENCE: Duration = Duration::from_secs(5);

/// How long it may take to find this machine's own addresses; then it is offered what was found.
const GATHERING: Duration = Duration::from_secs(1);

/// What can be received.
struct Codec {
    /// As SDP names it.
    name: &'static str,
    /// What a decoder must take.
    media_type: &'static str,
    payload: i32,
    /// What more is said of it.
    more: &'static [(&'static str, &'static str)],
}

/// H.264 as every browser takes it. (RFC 7742 §6)
const CODECS: [Codec; 2] = [
    Codec {
        name: "VP8",
        media_type: "video/x-vp8",
        payload: 96,
        more: &[],
    },
    Codec {
        name: "H264",
        media_type: "video/x-h264",
        payload: 98,
        more: &[("packetization-mode", "1"), ("profile-level-id", "42e01f")],
    },
];

/// A receiver that gives the first picture that comes to `decode`.
///
/// # Errors
/// When GStreamer lacks it.
pub(super) fn make(decode: &gst::Element) -> Result<gst::Element, Fault> {
    let receiver = gst::ElementFactory::make("webrtcbin")
        .property_from_str("bundle-policy", "max-bundle")
        .property("latency", LATENCY_MS)
        .build()
        .map_err(|_| "GStreamer's webrtcbin is missing: install gstreamer1.0-plugins-bad and gstreamer1.0-nice")?;
    keep_proving(&receiver);
    let decode = decode.downgrade();
    receiver.connect_pad_added(move |receiver, pad| {
        let Some(target) = decode.upgrade().and_then(|decode| decode.static_pad("sink")) else {
            return;
        };
        if pad.direction() == gst::PadDirection::Src
            && !target.is_linked()
            && let Err(error) = pad.link(&target)
        {
            gst::element_error!(
                receiver,
                gst::StreamError::Failed,
                ["the picture can't be taken: {error}"]
            );
        }
    });
    receiver.connect_notify(Some("connection-state"), |receiver, _| {
        let state: WebRTCPeerConnectionState = receiver.property("connection-state");
        if matches!(
            state,
            WebRTCPeerConnectionState::Failed | WebRTCPeerConnectionState::Closed
        ) {
            gst::element_error!(
                receiver,
                gst::ResourceError::Read,
                ["the connection to the media server has failed, or never came about"]
            );
        }
    });
    Ok(receiver)
}

/// Has libnice prove from time to time that it is still there, by checks that are answered (RFC 8445 §11 leaves it to send what isn't
/// answered): a media server ends a TCP connection (RFC 6544) of which it hears no valid check for 30 s.
fn keep_proving(receiver: &gst::Element) {
    let ice = receiver
        .has_property("ice-agent")
        .then(|| receiver.property::<Option<glib::Object>>("ice-agent"))
        .flatten();
    let agent = ice
        .filter(|ice| ice.has_property("agent"))
        .and_then(|ice| ice.property::<Option<glib::Object>>("agent"));
    if let Some(agent) = agent.filter(|agent| agent.has_property("keepalive-conncheck")) {
        agent.set_property("keepalive-conncheck", true);
    }
}

/// Says what this screen can receive, with its addresses in it.
///
/// # Errors
/// When nothing can be decoded here, or nothing is said in time.
pub(super) fn offer(receiver: &gst::Element) -> Result<String, Fault> {
    let wanted = wanted();
    if wanted.is_empty() {
        return Err("GStreamer has no decoder for VP8 or H.264".to_owned());
    }
    let transceiver: WebRTCRTPTransceiver =
        receiver.emit_by_name("add-transceiver", &[&WebRTCRTPTransceiverDirection::Recvonly, &wanted]);
    transceiver.set_property("do-nack", true);
    let (gathered, done) = mpsc::sync_channel(1);
    receiver.connect_notify(Some("ice-gathering-state"), move |receiver, _| {
        let state: WebRTCICEGatheringState = receiver.property("ice-gathering-state");
        if state == WebRTCICEGatheringState::Complete {
            // Once is enough; nobody may wait any more.
            let _ = gathered.try_send(());
        }
    });
    let reply = ask(receiver, "create-offer", &[&None::<gst::Structure>])?.ok_or("webrtcbin has nothing to offer")?;
    let description: WebRTCSessionDescription = reply.get("offer").map_err(|error| error.to_string())?;
    ask(receiver, "set-local-description", &[&description])?;
    // A server that takes no candidates later is told them now.
    let _ = done.recv_timeout(GATHERING);
    let description: Option<WebRTCSessionDescription> = receiver.property("local-description");
    let description = description.ok_or("webrtcbin has nothing to offer")?;
    description.sdp().as_text().map_err(|error| error.to_string())
}

/// Takes what the server has answered.
///
/// # Errors
/// When that is no SDP that sends a picture.
pub(super) fn take_answer(receiver: &gst::Element, text: &str) -> Result<(), Fault> {
    let answer = parse(text)?;
    let description = WebRTCSessionDescription::new(WebRTCSDPType::Answer, answer);
    ask(receiver, "set-remote-description", &[&description]).map(drop)
}

/// An answer with a picture to be received; `webrtcbin` itself believes nearly everything.
fn parse(text: &str) -> Result<SDPMessage, Fault> {
    const NONE: &str = "the server's answer is no SDP";
    if !text.starts_with("v=0") {
        return Err(NONE.to_owned());
    }
    let answer = SDPMessage::parse_buffer(text.as_bytes()).map_err(|_| NONE)?;
    let mut medias = answer.medias();
    let picture = medias.next().filter(|media| media.media() == Some("video"));
    let picture = picture.filter(|_| medias.next().is_none());
    let picture = picture.ok_or("the server's answer doesn't fit what was offered: expected one picture")?;
    let has = |name: &str| {
        picture
            .attribute_val(name)
            .or_else(|| answer.attribute_val(name))
            .is_some()
    };
    if picture.port() == 0 || ["inactive", "recvonly"].iter().any(|way| has(way)) {
        return Err("the server sends no picture".to_owned());
    }
    match ["ice-ufrag", "ice-pwd", "fingerprint"].iter().find(|name| !has(name)) {
        Some(missing) => Err(format!("the server's answer has no {missing}")),
        None => Ok(answer),
    }
}

/// The formats of RTP packets for which this machine has a decoder, the best first.
fn wanted() -> gst::Caps {
    let decoders = gst::ElementFactory::factories_with_type(
        gst::ElementFactoryType::DECODER | gst::ElementFactoryType::MEDIA_VIDEO,
        gst::Rank::MARGINAL,
    );
    let is_decoded = |media_type: &str| {
        let caps = gst::Caps::new_empty_simple(media_type);
        decoders.iter().any(|factory| factory.can_sink_any_caps(&caps))
    };
    let decoded = CODECS.iter().filter(|codec| is_decoded(codec.media_type));
    decoded.map(format).collect()
}

fn format(codec: &Codec) -> gst::Structure {
    let mut structure = gst::Structure::builder("application/x-rtp")
        .field("media", "video")
        .field("encoding-name", codec.name)
        .field("payload", codec.payload)
        .field("clock-rate", 90_000)
        // Receivers ask for a whole picture. (RFC 4585 §6.3.1)
        .field("rtcp-fb-nack-pli", true)
        .build();
    for (field, value) in codec.more {
        structure.set(*field, *value);
    }
    structure
}

/// Asks the element by an action that is answered by a promise. Waits for the answer.
fn ask(receiver: &gst::Element, action: &str, words: &[&dyn ToValue]) -> Result<Option<gst::Structure>, Fault> {
    // Holds the one answer; where nobody waits any more, it is lost.
    let (sender, answered) = mpsc::sync_channel(1);
    let promise = gst::Promise::with_change_func(move |reply| {
        let reply = reply.map(|reply| reply.map(|it| it.to_owned()));
        let _ = sender.send(reply);
    });
    let mut all = words.to_vec();
    all.push(&promise);
    receiver.emit_by_name::<()>(action, &all);
    match answered.recv_timeout(PATIENCE) {
        Ok(Ok(reply)) => match reply.as_ref().and_then(|it| it.get::<glib::Error>("error").ok()) {
            Some(error) => Err(error.message().to_owned()),
            None => Ok(reply),
        },
        Ok(Err(error)) => Err(format!("webrtcbin: {action}: {error:?}")),
        Err(_) => Err(format!("webrtcbin: {action}: nothing came of it")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=fingerprint:sha-256 00\r\n\
        m=video 9 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:abcd\r\na=ice-pwd:efgh\r\na=sendonly\r\n";

    #[test]
    fn an_answer_is_one_picture_that_can_be_reached() {
        gst::init().expect("GStreamer");
        assert!(parse(ANSWER).is_ok());
        for (from, to, why) in [
            ("v=0", "<html>", "no SDP"),
            ("m=video 9", "m=video 0", "sends no picture"),
            ("a=sendonly", "a=inactive", "sends no picture"),
            ("m=video", "m=audio", "expected one picture"),
            ("a=ice-pwd:efgh\r\n", "", "no ice-pwd"),
            ("a=fingerprint:sha-256 00\r\n", "", "no fingerprint"),
        ] {
            let fault = parse(&ANSWER.replace(from, to)).expect_err(to);
            assert!(fault.contains(why), "{fault}");
        }
        assert!(parse("v=0").is_err());
        assert!(parse(&format!("{ANSWER}{ANSWER}")).is_err());
    }

    #[test]
    fn what_can_be_decoded_is_offered() {
        gst::init().expect("GStreamer");
        let names: Vec<String> = wanted()
            .iter()
            .filter_map(|it| it.get::<String>("encoding-name").ok())
            .collect();
        assert_eq!(names, ["VP8", "H264"]);
    }
}
