//! Video payloads and dependency descriptors, one stream at a time.

use media_server::core::codec::dependency::{Frame, Indication, Structures};
use media_server::core::codec::svc::{Layers, Packet, Selector};
use media_server::core::codec::{Video, read};

const VIDEOS: [Video; 4] = [Video::Vp8, Video::Vp9, Video::H264, Video::Av1];

/// A stream: which codec, then for each packet what is special about it (marker, next picture, another aim), how
/// long its descriptor is, how long its payload is, and both.
pub fn payloads(data: &[u8]) {
    let Some((choice, mut rest)) = data.split_first() else {
        return;
    };
    let video = VIDEOS[usize::from(choice % 4)];
    let mut structures = Structures::default();
    let mut selector = Selector::new(Layers::ALL);
    let mut time = u32::MAX - 3000;
    while let [special, descriptor_len, payload_len, behind @ ..] = rest {
        let (descriptor, behind) = behind.split_at(behind.len().min(usize::from(*descriptor_len)));
        // Longer ones than a byte can count are rare, and nothing is read behind a header anyway.
        let (payload, behind) = behind.split_at(behind.len().min(usize::from(*payload_len)));
        rest = behind;
        let marker = special & 1 != 0;
        if special & 2 != 0 {
            time = time.wrapping_add(3000);
        }
        if special & 4 != 0 {
            selector.aim(Layers {
                spatial: special >> 4 & 3,
                temporal: special >> 6,
            });
        }
        let frame = match descriptor {
            [] => None,
            _ => structures.read(descriptor).ok(),
        };
        if let Some(frame) = &frame {
            check_frame(frame);
        }
        check_payload(video, payload, marker, frame.as_ref(), time, &mut selector);
    }
}

/// Dependency descriptors of one stream, each behind its length: read as they come, and by a reader that has seen none before.
pub fn dependencies(mut data: &[u8]) {
    let mut structures = Structures::default();
    while let [len, behind @ ..] = data {
        let (descriptor, behind) = behind.split_at(behind.len().min(usize::from(*len)));
        data = behind;
        let read = structures.read(descriptor);
        if let Ok(frame) = &read {
            check_frame(frame);
        }
        // What can be read without what was before is the same with it.
        if let Ok(alone) = Structures::default().read(descriptor) {
            let frame = read.expect("it says all that is needed");
            check_frame(&alone);
            assert_eq!(frame.references.as_slice(), alone.references.as_slice());
            assert_eq!(frame.structure.targets(), alone.structure.targets());
        }
    }
}

fn check_frame(frame: &Frame) {
    let structure = &frame.structure;
    let targets = structure.targets();
    assert!((1..=32).contains(&targets) && structure.chains() <= targets);
    assert_eq!(frame.indications.present() & !structure.all_targets(), 0);
    for target in 0..=targets {
        let (spatial, temporal) = structure.layers(target).unwrap_or_default();
        assert!(spatial < 4 && temporal < 8);
        assert_eq!(structure.layers(target).is_some(), target < targets);
        assert!(
            structure
                .chain_of(target)
                .is_none_or(|chain| chain < structure.chains())
        );
        let is_present = frame.indications.present() >> target.min(31) & 1 == 1;
        assert!(target == targets || is_present == (frame.indications.of(target) != Indication::NotPresent));
    }
    assert!(frame.references.as_slice().iter().all(|back| *back > 0));
}

fn check_payload(
    video: Video,
    payload: &[u8],
    marker: bool,
    frame: Option<&Frame>,
    time: u32,
    selector: &mut Selector,
) {
    let Some(facts) = read(video, payload, marker, frame) else {
        return;
    };
    assert!(!facts.starts_key_frame || facts.starts_frame || matches!(video, Video::H264 | Video::Av1));
    assert!(facts.picture_id.is_none_or(|id| id < 1 << 15));
    // A patch changes what it is to change, and nothing else.
    let mut copy = payload.to_vec();
    facts.patch(&mut copy, 0x1234, 0x56);
    let patched = read(video, &copy, marker, frame).expect("as sound as before");
    assert!(patched.picture_id.is_none_or(|id| id == 0x1234 || id == 0x34));
    assert_eq!(patched.picture_id.is_some(), facts.picture_id.is_some());
    assert_eq!(patched.tl0_pic_idx, facts.tl0_pic_idx.map(|_| 0x56));
    let same = |it: media_server::core::codec::Facts| {
        (
            it.starts_key_frame,
            it.starts_frame,
            it.ends_frame,
            it.spatial,
            it.temporal,
            it.size,
            it.can_switch_up_to,
        )
    };
    assert_eq!(same(patched), same(facts));
    facts.patch(&mut copy[..0], 1, 1);

    let packet = Packet {
        facts: &facts,
        dependency: frame,
        time,
        marker,
    };
    if let Some(selected) = selector.select(packet) {
        assert!(selected.marker || !marker);
        assert!(selector.current().is_some());
    }
}
