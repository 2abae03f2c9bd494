//! What browsers and GStreamer send is read as it was meant: `captures/` holds what Chromium sent, and Debian's
//! encoders run where they are installed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use media_server::core::codec::dependency::{Frame, Structures};
use media_server::core::codec::svc::{Layers, Packet, Selector};
use media_server::core::codec::{Facts, Header, Video, read};

/// A packet as it came.
struct Came {
    time: u32,
    marker: bool,
    payload: Vec<u8>,
    dependency: Option<Frame>,
    facts: Facts,
}

/// A frame: RTP time and spatial layer.
type FrameId = (u32, u8);

impl Came {
    fn id(&self) -> FrameId {
        (self.time, self.facts.spatial)
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits = hex.as_bytes().chunks(2);
    digits
        .map(|it| u8::from_str_radix(std::str::from_utf8(it).unwrap(), 16).unwrap())
        .collect()
}

/// A line for each packet: RTP time, marker, dependency descriptor or `-`, payload. The payload is in parts, each
/// in hexadecimal or as `+N`: so many bytes of video, which nobody reads, and which are zeros here.
fn capture(video: Video, name: &str) -> Vec<Came> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/core/captures")
        .join(name);
    let text = std::fs::read_to_string(&path).unwrap();
    let mut structures = Structures::default();
    let mut came = Vec::new();
    for line in text.lines() {
        let [time, marker, descriptor, parts] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}");
        };
        let payload: Vec<u8> = parts
            .split(',')
            .flat_map(|part| match part.strip_prefix('+') {
                Some(count) => vec![0; count.parse().unwrap()],
                None => bytes(part),
            })
            .collect();
        let dependency = (descriptor != "-").then(|| structures.read(&bytes(descriptor)).unwrap());
        let marker = marker == "1";
        came.push(Came {
            time: time.parse().unwrap(),
            marker,
            facts: read(video, &payload, marker, dependency.as_ref()).unwrap(),
            payload,
            dependency,
        });
    }
    came
}

/// Every frame begins with its first packet and ends with its last, and no other packet does.
fn assert_frames_are_whole(packets: &[Came]) {
    for (index, came) in packets.iter().enumerate() {
        let is_first = index == 0 || packets[index - 1].id() != came.id();
        let is_last = packets.get(index + 1).is_none_or(|next| next.id() != came.id());
        assert_eq!(came.facts.starts_frame, is_first, "packet {index}");
        // The last is where the capture was cut. And Chromium doesn't finish what waits when a key frame comes.
        let is_cut = packets.get(index + 1).is_none_or(|next| next.facts.starts_key_frame);
        assert!(
            came.facts.ends_frame == is_last || (is_last && is_cut),
            "packet {index}"
        );
    }
}

fn key_frames(packets: &[Came]) -> Vec<u32> {
    let starts = packets.iter().filter(|it| it.facts.starts_key_frame);
    let mut times: Vec<u32> = starts.map(|it| it.time).collect();
    times.dedup();
    times
}

fn layers(packets: &[Came]) -> (BTreeSet<u8>, BTreeSet<u8>) {
    let spatial = packets.iter().map(|it| it.facts.spatial).collect();
    (spatial, packets.iter().map(|it| it.facts.temporal).collect())
}

#[test]
fn chromiums_vp8_with_temporal_layers() {
    let packets = capture(Video::Vp8, "vp8-L1T3.txt");
    assert_frames_are_whole(&packets);
    assert_eq!(key_frames(&packets).len(), 2);
    assert_eq!(layers(&packets), ([0].into(), [0, 1, 2].into()));
    assert_eq!(packets[0].facts.size, Some((640, 360)));
    for (before, after) in packets.iter().zip(&packets[1..]) {
        let (before, after) = (&before.facts, &after.facts);
        let next = u16::from(after.starts_frame);
        assert_eq!(after.picture_id.unwrap(), (before.picture_id.unwrap() + next) & 0x7fff);
        let next = u8::from(after.starts_frame && after.temporal == 0);
        assert_eq!(
            after.tl0_pic_idx.unwrap(),
            before.tl0_pic_idx.unwrap().wrapping_add(next)
        );
    }
}

/// Where a dependency descriptor was agreed on, Chromium's VP8 says neither layers nor picture ids itself.
#[test]
fn chromiums_vp8_with_a_dependency_descriptor() {
    let name = "vp8-L1T3-described.txt";
    let packets = capture(Video::Vp8, name);
    assert_frames_are_whole(&packets);
    assert_eq!(key_frames(&packets).len(), 2);
    assert_eq!(layers(&packets), ([0].into(), [0, 1, 2].into()));
    assert!(packets.iter().all(|it| it.facts.picture_id.is_none()));
    for temporal in 0..=3 {
        assert_what_is_selected_can_be_decoded(&packets, Layers { spatial: 0, temporal }, name);
    }
}

#[test]
fn chromiums_h264() {
    let packets = capture(Video::H264, "h264-L1T1.txt");
    assert_eq!(key_frames(&packets).len(), 2);
    for came in packets.iter().filter(|it| it.facts.size.is_some()) {
        assert_eq!((came.facts.size, came.facts.starts_key_frame), (Some((640, 360)), true));
    }
    for (index, came) in packets.iter().enumerate() {
        let is_first = index == 0 || packets[index - 1].time != came.time;
        assert!(came.facts.starts_frame || !is_first, "packet {index}");
        let next = packets.get(index + 1);
        assert!(next.is_none_or(|next| came.facts.ends_frame == (next.time != came.time)));
    }
}

#[test]
fn chromiums_vp9_and_av1_with_layers() {
    for (video, name, spatial) in [
        (Video::Vp9, "vp9-L1T3.txt", 1),
        (Video::Vp9, "vp9-L3T3.txt", 3),
        (Video::Vp9, "vp9-L3T3_KEY.txt", 3),
        (Video::Av1, "av1-L1T3.txt", 1),
        (Video::Av1, "av1-L3T3.txt", 3),
        (Video::Av1, "av1-L3T3_KEY.txt", 3),
    ] {
        let packets = capture(video, name);
        assert_frames_are_whole(&packets);
        assert_eq!(key_frames(&packets).len(), 2, "{name}");
        assert_eq!(layers(&packets), ((0..spatial).collect(), [0, 1, 2].into()), "{name}");
        let width = if spatial == 1 { 640 } else { 960 };
        assert_eq!(packets[0].facts.size, Some((width, width * 9 / 16)), "{name}");
        assert_the_two_headers_agree(&packets);
        for spatial in 0..=spatial {
            for temporal in 0..=3 {
                assert_what_is_selected_can_be_decoded(&packets, Layers { spatial, temporal }, name);
            }
        }
    }
}

/// Chromium describes VP9's frames twice: in the payload, and in a dependency descriptor.
fn assert_the_two_headers_agree(packets: &[Came]) {
    let mut pictures = BTreeMap::new();
    for came in packets {
        let frame = came.dependency.as_ref().unwrap();
        pictures.insert(frame.number, came.time);
        let Header::Vp9(descriptor) = came.facts.header else {
            continue;
        };
        assert_eq!(
            (descriptor.spatial(), descriptor.temporal()),
            (frame.spatial, frame.temporal)
        );
        assert_eq!(
            (descriptor.starts_frame, descriptor.ends_frame),
            (frame.starts, frame.ends)
        );
        assert_eq!(descriptor.starts_key_frame(), frame.starts_key_frame());
        assert_eq!(descriptor.size().is_some(), frame.has_structure);
        let of_picture = frame.references.as_slice().iter().filter(|back| {
            let time = pictures.get(&frame.number.wrapping_sub(**back)).unwrap();
            *time == came.time
        });
        let is_inter_layer = descriptor.layer.is_some_and(|it| it.is_inter_layer);
        assert_eq!(of_picture.count(), usize::from(is_inter_layer));
        let references = descriptor.references.iter().filter(|it| **it > 0).count();
        assert_eq!(
            references + usize::from(is_inter_layer),
            frame.references.as_slice().len()
        );
    }
}

/// Begins with one layer, aims at `target` soon, and looks at all that passes as a decoder would.
fn assert_what_is_selected_can_be_decoded(packets: &[Came], target: Layers, name: &str) {
    let mut selector = Selector::new(Layers {
        spatial: 0,
        temporal: 0,
    });
    let mut decoded = BTreeSet::new();
    let mut given: Vec<(&Came, bool)> = Vec::new();
    for (index, came) in packets.iter().enumerate() {
        if index == 20 {
            selector.aim(target);
        }
        // VP9's own header is enough.
        let is_enough = matches!(came.facts.header, Header::Vp9(_));
        let packet = Packet {
            facts: &came.facts,
            dependency: came.dependency.as_ref().filter(|_| !is_enough),
            time: came.time,
            marker: came.marker,
        };
        let Some(selected) = selector.select(packet) else {
            continue;
        };
        let frame = came.dependency.as_ref().unwrap();
        for back in frame.references.as_slice() {
            let needed = frame.number.wrapping_sub(*back);
            assert!(
                decoded.contains(&needed),
                "{name}, {target:?}: {} needs {needed}",
                frame.number
            );
        }
        decoded.insert(frame.number);
        given.push((came, selected.marker));
    }
    for ((came, marker), (next, _)) in given.iter().zip(&given[1..]) {
        assert_eq!(*marker, came.time != next.time, "{name}, {target:?}");
    }
    let of_all = |layer: fn(&Facts) -> u8| packets.iter().map(|it| layer(&it.facts)).max().unwrap();
    let most = |layer: fn(&Facts) -> u8| given.iter().map(|(it, _)| layer(&it.facts)).max().unwrap();
    let best = (
        target.spatial.min(of_all(|it| it.spatial)),
        target.temporal.min(of_all(|it| it.temporal)),
    );
    assert_eq!((most(|it| it.spatial), most(|it| it.temporal)), best, "{name}");
    assert_eq!(selector.current(), Some(target));
}

/// What a GStreamer pipeline writes. None: there is no such program or element here.
fn gstreamer(pipeline: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out");
    let source = "videotestsrc num-buffers=45 pattern=ball ! video/x-raw,framerate=30/1";
    let mut words: Vec<String> = format!("{source},{pipeline} ! filesink")
        .split(' ')
        .map(Into::into)
        .collect();
    words.push(format!("location={}", file.display()));
    let output = Command::new("timeout")
        .args(["120", "gst-launch-1.0", "-q"])
        .args(words)
        .output();
    let ran = output.is_ok_and(|it| it.status.success());
    let written = std::fs::read(file).unwrap_or_default();
    if !ran || written.is_empty() {
        println!("SKIPPED, GStreamer can't run it here: {pipeline}");
        return None;
    }
    Some(written)
}

/// RTP packets, each behind its length (RFC 4571).
fn packets(video: Video, mut stream: &[u8]) -> Vec<Came> {
    let mut came = Vec::new();
    while let Some((length, rest)) = stream.split_first_chunk::<2>() {
        let (packet, behind) = rest.split_at(u16::from_be_bytes(*length).into());
        stream = behind;
        assert_eq!(packet[0], 0x80, "no padding, extension or sources");
        let marker = packet[1] & 0x80 != 0;
        let payload = packet[12..].to_vec();
        came.push(Came {
            time: u32::from_be_bytes(packet[4..8].try_into().unwrap()),
            marker,
            facts: read(video, &payload, marker, None).unwrap(),
            payload,
            dependency: None,
        });
    }
    came
}

#[test]
fn gstreamers_vp8_and_vp9() {
    let size = "width=642,height=362";
    for (video, encoder) in [
        (
            Video::Vp8,
            "vp8enc deadline=1 keyframe-max-dist=15 ! rtpvp8pay mtu=500 picture-id-mode=2",
        ),
        (
            Video::Vp8,
            "vp8enc deadline=1 keyframe-max-dist=15 ! rtpvp8pay mtu=500 picture-id-mode=1",
        ),
        (Video::Vp8, "vp8enc deadline=1 keyframe-max-dist=15 ! rtpvp8pay mtu=500"),
        (
            Video::Vp9,
            "vp9enc deadline=1 cpu-used=8 keyframe-max-dist=15 ! rtpvp9pay mtu=500 picture-id-mode=2",
        ),
        (
            Video::Vp9,
            "vp9enc deadline=1 cpu-used=8 keyframe-max-dist=15 ! rtpvp9pay mtu=500 picture-id-mode=1",
        ),
    ] {
        let Some(stream) = gstreamer(&format!("{size} ! {encoder} ! rtpstreampay")) else {
            continue;
        };
        let packets = packets(video, &stream);
        assert_frames_are_whole(&packets);
        let frames = packets.iter().filter(|it| it.facts.starts_frame).count();
        assert_eq!((frames, key_frames(&packets).len()), (45, 3), "{encoder}");
        for came in &packets {
            let expected = came.facts.starts_key_frame.then_some((642, 362));
            assert_eq!(came.facts.size, expected, "{encoder}");
            assert_eq!(
                came.facts.picture_id.is_some(),
                encoder.contains("picture-id"),
                "{encoder}"
            );
            let mut copy = came.payload.clone();
            came.facts.patch(&mut copy, 5, 6);
            let patched = read(video, &copy, came.marker, None).unwrap();
            assert_eq!(patched.picture_id, came.facts.picture_id.map(|_| 5));
            assert_eq!(patched.starts_key_frame, came.facts.starts_key_frame);
        }
    }
}

#[test]
fn gstreamers_h264() {
    for (size, encoder) in [
        (
            (642, 362),
            "x264enc key-int-max=15 tune=zerolatency ! video/x-h264,profile=constrained-baseline",
        ),
        (
            (640, 360),
            "x264enc key-int-max=15 bframes=2 ! video/x-h264,profile=main",
        ),
        (
            (1366, 768),
            "x264enc key-int-max=15 speed-preset=ultrafast ! video/x-h264,profile=high",
        ),
        (
            (640, 368),
            "x264enc key-int-max=15 interlaced=true ! video/x-h264,profile=main",
        ),
        (
            (640, 360),
            "openh264enc gop-size=15 ! video/x-h264,profile=constrained-baseline",
        ),
    ] {
        for mode in ["none", "zero-latency"] {
            let pay = format!("rtph264pay mtu=500 config-interval=-1 aggregate-mode={mode} ! rtpstreampay");
            let (width, height) = size;
            let Some(stream) = gstreamer(&format!("width={width},height={height} ! {encoder} ! {pay}")) else {
                continue;
            };
            let packets = packets(Video::H264, &stream);
            assert_eq!(key_frames(&packets).len(), 3, "{encoder} {mode}");
            let sizes: BTreeSet<_> = packets.iter().filter_map(|it| it.facts.size).collect();
            assert_eq!(sizes, [size].into(), "{encoder} {mode}");
            let times: BTreeSet<u32> = packets.iter().map(|it| it.time).collect();
            let starts: BTreeSet<_> = packets
                .iter()
                .filter(|it| it.facts.starts_frame)
                .map(|it| it.time)
                .collect();
            assert_eq!((times.len(), &starts), (45, &times), "{encoder} {mode}");
        }
    }
}

/// Debian 12 has no payloader for AV1: of what its encoder writes, the sequence header is read.
#[test]
fn gstreamers_av1() {
    let encoder = "av1enc cpu-used=8 usage-profile=realtime ! av1parse";
    let format = "video/x-av1,stream-format=obu-stream,alignment=tu";
    let Some(stream) = gstreamer(&format!("width=642,height=362 ! {encoder} ! {format}")) else {
        return;
    };
    // A temporal delimiter, which RTP leaves out; then the sequence header, with a size field.
    assert_eq!((&stream[..2], stream[2] >> 3), (&[0x12, 0x00][..], 1));
    let payload: Vec<u8> = [0x18]
        .into_iter()
        .chain(stream[2..4 + usize::from(stream[3])].to_vec())
        .collect();
    let facts = read(Video::Av1, &payload, false, None).unwrap();
    assert!(facts.starts_key_frame && facts.starts_frame);
    assert_eq!(facts.size, Some((642, 362)));
}
