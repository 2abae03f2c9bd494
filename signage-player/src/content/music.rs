//! Quiet music for the film, made by arithmetic: four soft chords, one for each scene.

use std::f64::consts::TAU;

use gstreamer as gst;
use gstreamer_app as gst_app;
use gstreamer_audio as gst_audio;

const RATE: u32 = 48_000;
/// Each scene's chord, in hertz: C, A minor, F, G.
const CHORDS: [[f64; 4]; 4] = [
    [261.63, 329.63, 392.00, 523.25],
    [220.00, 329.63, 440.00, 523.25],
    [174.61, 349.23, 440.00, 523.25],
    [196.00, 293.66, 392.00, 493.88],
];
/// A note follows the other after so many seconds.
const STEP: f64 = 0.625;

pub(super) fn caps() -> gst::Caps {
    let rate = i32::try_from(RATE).unwrap_or(48_000);
    gst_audio::AudioCapsBuilder::new_interleaved()
        .format(gst_audio::AudioFormat::S16le)
        .rate(rate)
        .channels(1)
        .build()
}

/// Pushes so many seconds, a tenth at a time, and the end. Stops where the pipeline takes no more.
pub(super) fn play(source: &gst_app::AppSrc, seconds: f64) {
    let total = (seconds * f64::from(RATE)) as u64;
    let piece = u64::from(RATE) / 10;
    let mut at = 0;
    while at < total {
        let end = (at + piece).min(total);
        let samples = (at..end).map(|index| sample(index as f64 / f64::from(RATE), seconds));
        let bytes: Vec<u8> = samples.flat_map(i16::to_le_bytes).collect();
        let mut buffer = gst::Buffer::from_slice(bytes);
        let time = |samples: u64| gst::ClockTime::from_nseconds(samples * 1_000_000_000 / u64::from(RATE));
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(time(at));
            buffer.set_duration(time(end).saturating_sub(time(at)));
        }
        if source.push_buffer(buffer).is_err() {
            return;
        }
        at = end;
    }
    let _ = source.end_of_stream();
}

/// The music at `t` seconds: the notes that still sound, each fading away by itself.
fn sample(t: f64, seconds: f64) -> i16 {
    let last = (t / STEP).floor();
    let sound: f64 = (0..5).map(|back| note(last - f64::from(back), t)).sum();
    let fade = (t / 1.0).min((seconds - t) / 1.5).clamp(0.0, 1.0);
    (sound * fade * 0.16 * f64::from(i16::MAX)) as i16
}

fn note(number: f64, t: f64) -> f64 {
    if number < 0.0 {
        return 0.0;
    }
    let age = t - number * STEP;
    let chord = CHORDS[((number * STEP / 5.0) as usize).min(CHORDS.len() - 1)];
    let pitch = chord[[0, 2, 1, 3][number as usize % 4]];
    let envelope = (age / 0.02).min(1.0) * (-age * 1.6).exp();
    ((TAU * pitch * age).sin() + 0.25 * (TAU * 2.0 * pitch * age).sin()) * envelope
}
