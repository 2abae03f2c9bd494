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

/// For [`super::requests`].
pub fn requests() -> Vec<Vec<u8>> {
    let offer = serde_json::json!(office::offer());
    let tracks = r#"[{"mid":"0","source":"microphone"},{"mid":"1","source":"camera"}]"#;
    let who = r#""room":"room","participant":"aoi""#;
    let lines = [
        format!(r#"{{"id":1,"type":"publish",{who},"sdp":{offer},"tracks":{tracks}}}"#),
        r#"{"office":"minami","room":"room","participant":"ren","role":"guest","publish":["screen"],"subscribe":true}"#
            .to_owned(),
        format!(r#"{{"id":2,"type":"mute",{who},"source":"camera","muted":true}}"#),
        format!(r#"{{"id":3,"type":"answer",{who},"revision":1,"sdp":"v=0\r\n"}}"#),
        format!(r#"{{"id":4,"type":"leave",{who}}}"#),
        r#"{"id":5,"type":"close_room","room":"room"}"#.to_owned(),
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
