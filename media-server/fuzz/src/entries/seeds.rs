//! Known good input to begin from: what browsers sent, and what the project's own parts write.

use protocol::data::DataMessage;
use protocol::ids::ParticipantId;

use super::office;

/// What Chromium sent, a packet a line; `tests/core/captures/README.md` says how.
const CAPTURES: [(u8, &str); 9] = [
    (0, include_str!("../../../tests/core/captures/vp8-L1T3.txt")),
    (0, include_str!("../../../tests/core/captures/vp8-L1T3-described.txt")),
    (1, include_str!("../../../tests/core/captures/vp9-L1T3.txt")),
    (1, include_str!("../../../tests/core/captures/vp9-L3T3.txt")),
    (1, include_str!("../../../tests/core/captures/vp9-L3T3_KEY.txt")),
    (2, include_str!("../../../tests/core/captures/h264-L1T1.txt")),
    (3, include_str!("../../../tests/core/captures/av1-L1T3.txt")),
    (3, include_str!("../../../tests/core/captures/av1-L3T3.txt")),
    (3, include_str!("../../../tests/core/captures/av1-L3T3_KEY.txt")),
];

/// Packets that are taken from a capture, and bytes of each payload.
const PACKETS: usize = 24;
const PAYLOAD: usize = 64;

/// Sections as a browser offers them with simulcast, for whose attributes our own client has no use.
const BROWSER: &str = include_str!("browser.sdp");

/// For [`super::demultiplexer`].
pub fn demultiplexer() -> Vec<Vec<u8>> {
    // A connectivity check: header, an attribute of three bytes, the username.
    let mut check = vec![0, 1, 0, 28, 0x21, 0x12, 0xa4, 0x42];
    check.extend([7; 12]);
    check.extend([0x80, 0x22, 0, 3, 1, 2, 3, 0]);
    check.extend([0, 6, 0, 13]);
    check.extend(b"abcdefgh:ijkl\0\0\0");
    let hello = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1];
    let media = vec![0x80, 96, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0x10, 0];
    vec![check, hello, media]
}

/// For [`super::datagrams`].
pub fn datagrams() -> Vec<Vec<u8>> {
    let mut check = vec![7, 0, 48];
    check.extend(&demultiplexer()[0]);
    vec![
        vec![0; 24],
        [0, 1, 0, 1, 2, 20, 1, 0, 0, 2, 60, 255, 0, 0, 3, 14, 3].repeat(3),
        [0, 4, 13, 0, 0, 5, 6, 13, 4, 1, 2, 3, 4, 0].repeat(3),
        [check, vec![0; 12]].concat(),
        // Connected; then a key frame's beginning, Opus, an empty payload, each passed on.
        [
            vec![0; 14],
            vec![7, 7, 12, 0x90, 0x80, 0x81, 0x01, 0x10, 0, 0, 0x9d, 1, 0x2a, 2, 0],
            vec![1, 7, 6, 3, 0xfc, 0xff, 0xfe, 1, 7, 3, 0, 1, 0],
        ]
        .concat(),
    ]
}

/// For [`super::messages`].
pub fn messages() -> Vec<Vec<u8>> {
    // A header of twelve bytes; a selective acknowledgement, then data of stream 1.
    let mut packet = vec![19, 136, 19, 136, 1, 2, 3, 4, 0, 0, 0, 0];
    packet.extend([3, 0, 0, 16, 0, 0, 0, 9, 0, 1, 0, 0, 0, 0, 0, 0]);
    packet.extend([0, 3, 0, 18, 0, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 53, b'h', b'i', 0, 0]);
    let message = |peer: Option<&str>, is_private| DataMessage {
        number: 0x0102_0304,
        peer: peer.map(|it| ParticipantId::new(it).expect("a good name")),
        is_private,
        body: b"hello",
    };
    vec![packet, message(None, false).write(), message(Some("aoi"), true).write()]
}

/// For [`super::payloads`].
pub fn payloads() -> Vec<Vec<u8>> {
    CAPTURES.iter().map(|(choice, text)| stream(*choice, text)).collect()
}

fn stream(choice: u8, text: &str) -> Vec<u8> {
    let mut stream = vec![choice];
    let mut before = "";
    for line in text.lines().take(PACKETS) {
        let [time, marker, descriptor, parts] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("not a packet: {line}");
        };
        let descriptor = if descriptor == "-" { vec![] } else { bytes(descriptor) };
        let mut payload: Vec<u8> = parts
            .split(',')
            .flat_map(|part| match part.strip_prefix('+') {
                Some(count) => vec![0; count.parse().expect("a number")],
                None => bytes(part),
            })
            .collect();
        payload.truncate(PAYLOAD);
        let is_next = time != before;
        before = time;
        stream.push(u8::from(marker == "1") | u8::from(is_next) << 1);
        stream.extend([descriptor.len() as u8, payload.len() as u8]);
        stream.extend(descriptor);
        stream.extend(payload);
    }
    stream
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = (0..hex.len()).step_by(2);
    digits
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal"))
        .collect()
}

/// For [`super::dependencies`]: the descriptors of each capture.
pub fn dependencies() -> Vec<Vec<u8>> {
    let described = CAPTURES.iter().map(|(_, text)| {
        let descriptors = text.lines().take(PACKETS).filter_map(|line| line.split(' ').nth(2));
        let mut stream = Vec::new();
        for descriptor in descriptors.filter(|it| *it != "-").map(bytes) {
            stream.push(descriptor.len() as u8);
            stream.extend(descriptor);
        }
        stream
    });
    described.filter(|stream| !stream.is_empty()).collect()
}

/// For [`super::repetitions`]: one block, two, three.
pub fn repetitions() -> Vec<Vec<u8>> {
    let mut two = vec![0x80 | 111, 0x0f, 0x00, 3, 111, 1, 1, 1];
    two.extend([0x78; 80]);
    let mut three = vec![0x80 | 111, 0x1e, 0x01, 0x00, 0x80 | 111, 0x0f, 0x00, 2, 111];
    three.extend([2; 256]);
    three.extend([1, 1, 0x78, 0x78]);
    vec![vec![111, 0x78, 0x78], two, three]
}

/// For [`super::frames`]: a check, an empty frame, a handshake, media; one that is too long; one that is cut off.
pub fn frames() -> Vec<Vec<u8>> {
    let mut stream = vec![7];
    for frame in [demultiplexer(), vec![vec![]]].concat() {
        stream.extend((frame.len() as u16).to_be_bytes());
        stream.extend(frame);
    }
    let too_long = [&stream[..], b"GET / HTTP/1.1\r\n\r\n"].concat();
    let cut_off = [&stream[..], &[0, 200, 1, 2, 3]].concat();
    vec![stream, too_long, cut_off]
}

/// For [`super::reports`].
pub fn reports() -> Vec<Vec<u8>> {
    // A receiver report, a NACK, requests for key frames of both kinds; and a sender report, as who publishes too sends.
    let mut compound = vec![0x81, 201, 0, 7, 0, 0, 0, 1];
    compound.extend([
        0, 0, 0, 9, 64, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4, 0, 1, 0x80, 0,
    ]);
    compound.extend([0x81, 205, 0, 3, 0, 0, 0, 1, 0, 0, 0, 9, 0, 5, 0, 3]);
    compound.extend([0x81, 206, 0, 2, 0, 0, 0, 1, 0, 0, 0, 9]);
    compound.extend([0x84, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 8, 1, 0, 0, 0]);
    let mut sender = vec![0x80, 200, 0, 6];
    sender.extend([3; 24]);
    sender.extend([0x8f, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 9]);
    sender.extend([0, 1, 0, 4, 0, 0, 2, 0, 0x20, 4, 4, 8, 4, 8, 0, 0]);
    let step = |how: u8, report: &[u8]| [&[how, report.len() as u8], report].concat();
    // Ten steps in which ten packets are sent and come, the fourth always lost; the deltas grow.
    let mut steady = Vec::new();
    for round in 0..10_u8 {
        let first = 1 + 10 * u16::from(round);
        let mut feedback = first.to_be_bytes().to_vec();
        feedback.extend([0, 10, 0, 0, round, round]);
        feedback.extend(0b1011_1011_1111_1100_u16.to_be_bytes());
        feedback.extend([8 + round; 9]);
        steady.extend(step(0xa8 | 3, &feedback));
    }
    // A run that goes on over what was lost, large deltas both ways, a clock that jumps.
    let jumping: [&[u8]; 3] = [
        &[0, 1, 0, 6, 0, 0, 1, 0, 0x20, 6, 4, 4, 4, 4, 4, 4],
        &[
            0, 5, 0, 6, 0xff, 0xff, 0xff, 1, 0xd5, 0x55, 0x7f, 0xff, 0x80, 0, 1, 2, 3, 4, 5, 6,
        ],
        &[0, 9, 0, 8, 0, 0, 2, 2, 0x00, 4, 0x20, 4, 4, 4, 4, 4],
    ];
    let jumping = jumping.iter().flat_map(|report| step(0x6c, report)).collect();
    vec![step(0x52, &compound), step(0x62, &sender), steady, jumping]
}

/// For [`super::callers`]: one brings, one watches; both come with other credentials, and again.
pub fn callers() -> Vec<Vec<u8>> {
    let ours = office::offer();
    let browser = BROWSER.replace('\n', "\r\n");
    let watching = ours.replace("a=sendonly", "a=recvonly");
    let fragment = "a=ice-options:trickle\r\na=group:BUNDLE 0 1\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n\
        a=ice-ufrag:ysXw\r\na=ice-pwd:vw5LmwG4y/e6dPP/zAP9Gp5k\r\na=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n\
        a=end-of-candidates\r\n";
    let all = format!("I{ours}\0W{watching}\0P{fragment}\0T\0P{fragment}");
    let alone = [
        format!("I{browser}"),
        format!("W{browser}"),
        format!("W{watching}\0P{fragment}"),
    ];
    alone.into_iter().chain([all]).map(String::into_bytes).collect()
}

/// For [`super::requests`].
pub fn requests() -> Vec<Vec<u8>> {
    let offer = serde_json::json!(office::offer());
    let tracks = r#"[{"mid":"0","source":"microphone"},{"mid":"1","source":"camera"}]"#;
    let who = r#""room":"room","participant":"aoi""#;
    let grant =
        r#"{"office":"minami","room":"room","participant":"ren","role":"guest","publish":["screen"],"subscribe":true}"#;
    let token = serde_json::json!(grant);
    let lines = [
        format!(r#"{{"id":1,"type":"publish",{who},"sdp":{offer},"tracks":{tracks}}}"#),
        format!(r#"{{"id":2,"type":"join","token":{token},"has_connections":false}}"#),
        format!(r#"{{"id":3,"type":"mute",{who},"source":"camera","muted":true}}"#),
        format!(r#"{{"id":4,"type":"answer",{who},"revision":1,"sdp":"v=0\r\n"}}"#),
        format!(r#"{{"id":5,"type":"view",{who},"tracks":[{{"track":"t","height":360}}]}}"#),
        format!(r#"{{"id":6,"type":"restart",{who}}}"#),
        format!(r#"{{"id":7,"type":"ice",{who}}}"#),
        format!(r#"{{"id":8,"type":"kick",{who}}}"#),
        format!(r#"{{"id":9,"type":"leave",{who}}}"#),
        r#"{"id":10,"type":"close_room","room":"room"}"#.to_owned(),
    ];
    let alone = lines.iter().map(|line| line.clone().into_bytes());
    alone.chain([lines.join("\n").into_bytes()]).collect()
}

/// For [`super::descriptions`].
pub fn descriptions() -> Vec<Vec<u8>> {
    let ours = office::offer();
    let answer = ours
        .replace("a=setup:actpass", "a=setup:active")
        .replace("a=sendonly", "a=recvonly");
    [ours, answer, BROWSER.replace('\n', "\r\n")]
        .map(String::into_bytes)
        .into()
}
