use std::sync::{Arc, Mutex};
use std::time::Instant;

use super::link::fitted;
use super::*;
use crate::quarantine::Quarantine;

/// Four seconds of a picture with a tone.
fn film_with_sound(file: &Path) {
    let line = format!(
        "videotestsrc num-buffers=120 ! video/x-raw,width=64,height=48,framerate=30/1 ! vp8enc deadline=1 ! webmmux name=mux \
         ! filesink location={} audiotestsrc samplesperbuffer=1600 num-buffers=120 ! audio/x-raw,rate=48000 ! vorbisenc ! mux.",
        file.display()
    );
    let pipeline = gst::parse::launch(&line).expect("a film with sound");
    pipeline.set_state(gst::State::Playing).expect("it runs");
    let bus = pipeline.bus().expect("a bus");
    let ended = bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &[gst::MessageType::Eos]);
    assert!(ended.is_some(), "the film is made");
    pipeline.set_state(gst::State::Null).expect("it ends");
}

#[test]
fn a_film_sounds_and_is_quieter_when_it_is_told_to_be() {
    gst::init().expect("GStreamer");
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("tone.webm");
    film_with_sound(&file);
    let quarantine = Quarantine::open(dir.path(), None, protocol::time::UnixMillis(0));
    let mark = quarantine.case("tone").begin();
    // Where there is no device, GStreamer's sink throws the samples away at their time.
    let mut decoder = Decoder::open(&file, None, (64, 48), Sound::Device, mark).expect("opened");
    let wait = |what: &str, is_so: &mut dyn FnMut() -> bool| {
        let limit = Instant::now() + Duration::from_secs(60);
        while !is_so() {
            assert!(Instant::now() < limit, "{what}");
            std::thread::sleep(Duration::from_millis(5));
        }
    };
    wait("the first frame", &mut || decoder.first_frame().is_some());
    let volume = decoder.pipeline.by_name(VOLUME).expect("it has sound");
    // The loudest sample of the last piece, from 0 to 1.
    let loudest = Arc::new(Mutex::new(f64::NAN));
    let heard = Arc::clone(&loudest);
    let pad = volume.static_pad("src").expect("a pad");
    // The picture may be there first.
    wait("its samples", &mut || pad.current_caps().is_some());
    let caps = pad.current_caps().expect("its samples");
    let format = gstreamer_audio::AudioInfo::from_caps(&caps).expect("samples").format();
    assert_eq!(format, gstreamer_audio::AUDIO_FORMAT_F32, "what Vorbis' decoder gives");
    pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
        if let Some(map) = info.buffer().and_then(|buffer| buffer.map_readable().ok()) {
            let samples = map
                .chunks_exact(4)
                .filter_map(|it| it.try_into().ok())
                .map(f32::from_ne_bytes);
            *heard.lock().expect("no panic") = samples.fold(0.0, |most, it| f64::from(it.abs()).max(most));
        }
        gst::PadProbeReturn::Ok
    });
    decoder.play();
    let is_about = |wanted: f64| {
        let heard = *loudest.lock().expect("no panic");
        (heard / wanted - 1.0).abs() < 0.15
    };
    wait("the tone", &mut || {
        let _ = decoder.next_frame();
        is_about(0.8)
    });
    decoder.set_gain(0.2);
    wait("a quieter tone", &mut || {
        let _ = decoder.next_frame();
        is_about(0.16)
    });
}

#[test]
fn a_picture_is_fitted_whole_into_its_zone() {
    gst::init().expect("GStreamer");
    let of = |width: i32, height: i32, aspect: (i32, i32)| {
        let caps = gst::Caps::builder("video/x-raw")
            .field("width", width)
            .field("height", height)
            .field("pixel-aspect-ratio", gst::Fraction::new(aspect.0, aspect.1))
            .build();
        fitted(&caps, (832, 468))
    };
    assert_eq!(of(1920, 1080, (1, 1)), Ok((832, 468)));
    assert_eq!(of(100, 100, (1, 1)), Ok((468, 468)));
    assert_eq!(of(720, 576, (64, 45)), Ok((832, 468)));
    assert_eq!(of(8000, 1, (1, 1)), Ok((832, 1)));
    assert!(
        of(30_000, 30_000, (1, 1))
            .expect_err("too large")
            .contains("30000x30000")
    );
}
