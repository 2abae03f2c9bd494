//! Muted is muted at the server, whatever the client still sends.

use std::time::Duration;

use media_server::core::DropReason;
use protocol::control::AnswerBody;
use protocol::grants::MediaSource::{Camera, Microphone, Screen};

use crate::sim::{MS, World};

#[test]
fn nothing_of_it_passes_and_it_comes_back_with_a_key_frame_and_without_a_gap() {
    let mut world = World::new(4);
    world.enter("aoi", &[Camera, Microphone]);
    world.enter("ren", &[]);
    world.run(Duration::from_secs(2));
    assert_eq!(world.mute("aoi", Camera, true), AnswerBody::Ok);
    world.run(200 * MS);
    let count = |world: &mut World, source| world.client("ren").got("aoi", source).packets.len();
    let (video, audio) = (count(&mut world, Camera), count(&mut world, Microphone));
    world.run(Duration::from_secs(2));
    assert_eq!(count(&mut world, Camera), video, "still: the client goes on sending");
    assert!(count(&mut world, Microphone) > audio + 80, "the voice goes on");
    assert!(world.sfu.counters().drops(DropReason::Muted) > 100);

    assert_eq!(world.mute("aoi", Camera, false), AnswerBody::Ok);
    world.run(Duration::from_secs(1));
    let got = world.client("ren").got("aoi", Camera);
    assert!(got.packets.len() > video + 50);
    let seqs: Vec<u64> = got.packets.keys().copied().collect();
    assert!(seqs.windows(2).all(|pair| pair[1] == pair[0] + 1), "no gap to ask for");
    let back = got.packets.values().nth(video).unwrap();
    assert!(back.is_key, "it begins again where a decoder can");
    let last = got.packets.values().nth(video - 1).unwrap();
    let pause = back.time.wrapping_sub(last.time);
    assert!((180_000..225_000).contains(&pause), "its time went on: {pause}");
}

#[test]
fn the_others_are_told_once_and_who_comes_later_too() {
    let mut world = World::new(5);
    world.enter("aoi", &[Camera]);
    world.enter("ren", &[]);
    let muted = |world: &World, to: &str| {
        let told = world.events().filter(|body| {
            matches!(body, AnswerBody::Muted { participant, by, source: Camera, muted: true, .. }
                if participant.as_str() == to && by.as_str() == "aoi")
        });
        told.count()
    };
    world.mute("aoi", Camera, true);
    world.mute("aoi", Camera, true);
    assert_eq!((muted(&world, "ren"), muted(&world, "aoi")), (1, 0));
    world.enter("yui", &[]);
    assert_eq!(muted(&world, "yui"), 1);
    let refused = world.mute("aoi", Screen, true);
    assert!(
        matches!(&refused, AnswerBody::Error { problem } if problem.field.as_deref() == Some("screen")),
        "{refused:?}"
    );
}
