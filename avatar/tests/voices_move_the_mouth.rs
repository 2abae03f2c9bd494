//! Real synthesized speech: the mouth is open where there is sound and closed where there is none.
//! Skipped, and said so, where the programs or the voice are not installed.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;
use std::time::Duration;

use avatar::lipsync::Timeline;
use avatar::pcm::Pcm;
use avatar::speech::{Language, Speaker, SpeakerConfig, SpeechError};
use protocol::pose::Viseme;

const STEP: Duration = Duration::from_millis(10);

const SENTENCES: [&str; 4] = [
    "こんにちは。本日はどのようなご用件でしょうか。",
    "住民票の写しは、1階の3番窓口です。午後2時30分までにお越しください。",
    "ただいまの待ち時間は、およそ15分です。",
    "申し訳ありません。もう一度、ゆっくりお話しください。",
];

fn japanese() -> Option<Speaker> {
    japanese_at(SpeakerConfig::default().speed)
}

fn japanese_at(speed: f32) -> Option<Speaker> {
    let beside = || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../.cache/voices/mei_normal.htsvoice");
    let voice = std::env::var_os("MADOGUCHI_VOICE").map_or_else(beside, PathBuf::from);
    let time_limit = Duration::from_secs(60);
    let speaker = Speaker::new(SpeakerConfig {
        voice: Some(voice),
        speed,
        time_limit,
        ..SpeakerConfig::default()
    });
    speaker.inspect_err(|why| eprintln!("skipped: {why}")).ok()
}

/// The level of each 10 ms around their middle, as a share of the loud parts' level.
fn envelope(pcm: &Pcm) -> Vec<f64> {
    let block = pcm.rate as usize / 100;
    let rms =
        |samples: &[i16]| (samples.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / samples.len() as f64).sqrt();
    let levels: Vec<f64> = pcm.samples.chunks(block).map(rms).collect();
    let mut sorted = levels.clone();
    sorted.sort_by(f64::total_cmp);
    let loud = sorted[sorted.len() * 9 / 10].max(1.0);
    levels.iter().map(|level| level / loud).collect()
}

fn opening(timeline: &Timeline, block: usize) -> f64 {
    match timeline.at(STEP * block as u32 + STEP / 2) {
        (Viseme::Closed | Viseme::Pressed, _) => 0.0,
        (_, open) => f64::from(open),
    }
}

/// Pearson's correlation.
fn correlation(one: &[f64], other: &[f64]) -> f64 {
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let (a, b) = (mean(one), mean(other));
    let product: f64 = one.iter().zip(other).map(|(x, y)| (x - a) * (y - b)).sum();
    let square = |values: &[f64], m: f64| values.iter().map(|v| (v - m).powi(2)).sum::<f64>();
    product / (square(one, a) * square(other, b)).sqrt()
}

fn assert_mouth_follows(pcm: &Pcm, timeline: &Timeline, least: f64, text: &str) {
    let levels = envelope(pcm);
    let openings: Vec<f64> = (0..levels.len()).map(|block| opening(timeline, block)).collect();
    // Lips move before the sound and after it: a pause is where nothing is heard for 120 ms around.
    let quiet = |at: usize| {
        levels[at.saturating_sub(12)..(at + 12).min(levels.len())]
            .iter()
            .all(|level| *level < 0.03)
    };
    let (mut pauses, mut loud, mut open_when_loud) = (0, 0, 0);
    for (at, (level, open)) in levels.iter().zip(&openings).enumerate() {
        if quiet(at) {
            pauses += 1;
            assert!(*open < 0.15, "{text}: open {open} in a pause at {at}0 ms");
        }
        if *level > 0.5 {
            loud += 1;
            open_when_loud += usize::from(*open > 0.2);
        }
    }
    assert!(
        pauses > 5 && loud > 30,
        "{text}: {pauses} blocks of pause, {loud} of sound"
    );
    let share = f64::from(open_when_loud as u32) / f64::from(loud);
    assert!(share > 0.85, "{text}: open in {share} of the loud blocks");
    let correlation = correlation(&levels, &openings);
    eprintln!(
        "{text}: open in {:.0} % of the loud blocks, correlation {correlation:.2}",
        share * 100.0
    );
    assert!(
        correlation > least,
        "{text}: opening and loudness correlate by {correlation}"
    );
}

#[test]
fn the_mouth_follows_the_phonemes_of_a_japanese_voice() {
    let Some(speaker) = japanese() else { return };
    for text in SENTENCES {
        let speech = speaker.speak(Language::Japanese, text).unwrap();
        assert_mouth_follows(&speech.pcm, &speech.timeline, 0.45, text);
        let apart = speech.timeline.duration().abs_diff(speech.pcm.duration());
        assert!(
            apart < Duration::from_millis(200),
            "{text}: sound and mouth end {apart:?} apart"
        );
    }
}

#[test]
fn the_mouth_follows_the_loudness_of_the_same_voice_without_its_phonemes() {
    let Some(speaker) = japanese() else { return };
    for text in SENTENCES {
        let pcm = speaker.speak(Language::Japanese, text).unwrap().pcm;
        assert_mouth_follows(&pcm, &Timeline::from_pcm(&pcm.samples, pcm.rate), 0.6, text);
    }
}

#[test]
fn the_shape_is_that_of_the_vowel() {
    let Some(speaker) = japanese() else { return };
    for (text, viseme) in [
        ("ああああ", Viseme::A),
        ("いいいい", Viseme::I),
        ("うううう", Viseme::U),
        ("ええええ", Viseme::E),
        ("おおおお", Viseme::O),
    ] {
        let speech = speaker.speak(Language::Japanese, text).unwrap();
        let levels = envelope(&speech.pcm);
        let loud: Vec<usize> = (0..levels.len()).filter(|at| levels[*at] > 0.5).collect();
        let right = loud
            .iter()
            .filter(|at| speech.timeline.at(STEP * **at as u32).0 == viseme)
            .count();
        assert!(right * 10 > loud.len() * 9, "{text}: {right} of {}", loud.len());
    }
}

#[test]
fn a_long_text_is_spoken_whole_with_the_mouth_in_time() {
    let Some(speaker) = japanese() else { return };
    let text = SENTENCES.concat().repeat(5);
    let one = speaker.speak(Language::Japanese, &SENTENCES.concat()).unwrap();
    let whole = speaker.speak(Language::Japanese, &text).unwrap();
    let ratio = whole.pcm.duration().as_secs_f64() / one.pcm.duration().as_secs_f64();
    assert!((4.5..5.5).contains(&ratio), "{ratio}");
    assert_mouth_follows(&whole.pcm, &whole.timeline, 0.45, "the long text");
}

#[test]
fn the_speed_is_followed() {
    let durations = [0.7, 1.4].map(|speed| {
        let speech = japanese_at(speed)?.speak(Language::Japanese, SENTENCES[0]).unwrap();
        Some(speech.pcm.duration().as_secs_f64())
    });
    let [Some(slow), Some(fast)] = durations else { return };
    assert!(slow > 1.6 * fast, "{slow} s and {fast} s");
}

#[test]
fn other_languages_speak_and_move_the_mouth() {
    let speaker = Speaker::new(SpeakerConfig {
        time_limit: Duration::from_secs(60),
        ..SpeakerConfig::default()
    })
    .unwrap();
    for (language, text) in [
        (
            Language::English,
            "Good afternoon. Please take a number, and have a seat. We will call you soon.",
        ),
        (Language::Korean, "안녕하세요. 번호표를 뽑고 기다려 주세요."),
        (Language::Vietnamese, "Xin chào. Vui lòng lấy số và chờ."),
        (Language::Chinese, "您好。请取号，然后稍等。"),
    ] {
        if !speaker.can_speak(language) {
            eprintln!("skipped: eSpeak NG is not installed");
            assert!(matches!(speaker.speak(language, text), Err(SpeechError::NoVoice(_))));
            continue;
        }
        let speech = speaker.speak(language, text).unwrap();
        assert!(speech.pcm.duration() > Duration::from_secs(1));
        assert_mouth_follows(&speech.pcm, &speech.timeline, 0.6, text);
    }
}

#[test]
fn what_cannot_be_said_is_a_clear_error() {
    let silent = Speaker::new(SpeakerConfig::default()).unwrap();
    assert!(!silent.can_speak(Language::Japanese));
    assert!(matches!(
        silent.speak(Language::Japanese, "はい"),
        Err(SpeechError::NoVoice(Language::Japanese))
    ));
    let long = silent
        .speak(Language::Japanese, &"あ".repeat(601))
        .unwrap_err()
        .to_string();
    assert!(long.contains("601") && long.contains("600"), "{long}");

    let missing = Speaker::new(SpeakerConfig {
        voice: Some("/no/voice".into()),
        ..SpeakerConfig::default()
    });
    assert!(missing.unwrap_err().to_string().contains("/no/voice"));
    for speed in [0.0, 3.0, f32::NAN] {
        assert!(matches!(
            Speaker::new(SpeakerConfig {
                speed,
                ..SpeakerConfig::default()
            }),
            Err(SpeechError::Speed(_))
        ));
    }

    let Some(speaker) = japanese() else { return };
    for text in ["", "。。。", "🙂\n"] {
        assert!(
            matches!(speaker.speak(Language::Japanese, text), Err(SpeechError::Empty)),
            "{text:?}"
        );
    }
}
