//! Sender reports toward subscribers say what the publisher's said: which picture belongs to which sound.

use std::time::Duration;

use protocol::grants::MediaSource::{Camera, Microphone};

use crate::client::FIRST_TIME;
use crate::sim::{MS, World};

#[test]
fn picture_and_sound_captured_together_are_played_together() {
    let mut world = World::new(10);
    world.delay = 40 * MS;
    world.enter("aoi", &[Camera, Microphone]);
    world.enter("ren", &[]);
    world.run(Duration::from_secs(12));
    let client = world.client("ren");
    // When the encoder's first RTP time was, by the wall clock that each section's sender report tells.
    let begin_of = |source, clock_rate: f64| {
        let got = client.got("aoi", source);
        let (wall, time) = got
            .packets
            .values()
            .last()
            .unwrap()
            .sender_info
            .expect("a sender report");
        let ticks = time.wrapping_sub(FIRST_TIME);
        wall - Duration::from_secs_f64(f64::from(ticks) / clock_rate)
    };
    let (video, audio) = (begin_of(Camera, 90_000.0), begin_of(Microphone, 48_000.0));
    let apart = video.duration_since(audio).unwrap_or_else(|error| error.duration());
    // The encoder began both within one frame's time.
    assert!(apart < 40 * MS, "{apart:?} apart");
}
