use std::collections::BTreeMap;
use std::time::Instant;

use jiff::tz::TimeZone;
use protocol::time::UnixMillis;

use super::*;
use crate::scene::palette;

fn greeting() -> Text {
    Text {
        easy: Some("こんにちは。".to_owned()),
        en: Some("Welcome to the ward office.".to_owned()),
        ko: Some("어서 오십시오.".to_owned()),
        ..Text::japanese("いらっしゃいませ。")
    }
}

fn avatar(languages: &[Language], speaker: SpeakerConfig) -> Avatar {
    avatar_in((400, 300), &greeting(), languages, speaker)
}

fn avatar_in((width, height): (u32, u32), greeting: &Text, languages: &[Language], speaker: SpeakerConfig) -> Avatar {
    gstreamer::init().expect("GStreamer");
    let place = Place {
        width,
        height,
        unit: 20.0,
        scale: 1.0,
        ground: palette::WHITE,
        language: languages[0],
    };
    let kit = Kit {
        rigs: PathBuf::from("/nowhere"),
        speaker,
        sound: Sound::None,
        ducking: Ducking::default(),
        live: crate::live::Processes::default(),
        office: "南区役所".into(),
        areas: Vec::new(),
        seed: 1,
        plays: crate::bridge::plays::Plays::default(),
        quarantine: crate::quarantine::Quarantine::default(),
        group: crate::sync::Group::default(),
    };
    Avatar::new(place, "nobody", greeting, languages, &kit).expect("made")
}

/// No voice at all.
fn mute() -> SpeakerConfig {
    SpeakerConfig {
        espeak: None,
        ..SpeakerConfig::default()
    }
}

fn moment(millis: u64) -> Moment {
    Moment {
        at: Duration::from_millis(millis),
        lead: Duration::ZERO,
        wall: UnixMillis(0),
    }
}

fn data() -> Data {
    Data::new(TimeZone::UTC, BTreeMap::new())
}

/// Draws until something holds.
fn draw_until(avatar: &mut Avatar, mut holds: impl FnMut(&Avatar) -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !holds(avatar) {
        assert!(Instant::now() < end, "it never came");
        avatar.draw(&moment(1_000), &data());
        std::thread::park_timeout(Duration::from_millis(5));
    }
}

fn caption(avatar: &mut Avatar) -> Canvas {
    avatar.draw(&moment(1_000), &data());
    let mut canvas = Canvas::new(400, 300, palette::WHITE);
    let bounds = canvas.bounds();
    avatar.paint(&mut canvas, bounds, (0, 0));
    canvas
}

#[test]
fn what_isnt_translated_is_spoken_in_the_language_in_which_it_is_written() {
    let voice = |language| saying(&greeting(), language).0;
    assert_eq!(voice(Language::Ja), Spoken::Japanese);
    assert_eq!(
        saying(&greeting(), Language::Easy),
        (Spoken::Japanese, "こんにちは。".to_owned())
    );
    assert_eq!(voice(Language::En), Spoken::English);
    assert_eq!(voice(Language::Ko), Spoken::Korean);
    assert_eq!(voice(Language::Vi), Spoken::English);
    let japanese = Text::japanese("いらっしゃいませ。");
    assert_eq!(saying(&japanese, Language::Zh).0, Spoken::Japanese);
    for language in [Language::Ja, Language::Easy, Language::Zh, Language::Vi] {
        assert_eq!(saying(&greeting(), language).1, greeting().in_language(language));
    }
}

#[test]
fn the_caption_follows_the_language() {
    let mut changing = avatar(&[Language::Ja, Language::En], mute());
    let japanese = caption(&mut changing);
    changing.set_language(Language::En);
    let english = caption(&mut changing);
    assert_ne!(japanese.bytes(), english.bytes());
    assert_eq!(english.bytes(), caption(&mut avatar(&[Language::En], mute())).bytes());
    changing.set_language(Language::Ja);
    assert_eq!(japanese.bytes(), caption(&mut changing).bytes());
}

#[test]
fn what_is_too_long_for_the_caption_takes_turns_until_all_was_seen() {
    let long = Text::japanese(
        "いらっしゃいませ。南区役所へようこそ。ご用件をお聞かせください。整理券をお取りになってお待ちください。",
    );
    let mut avatar = avatar_in((260, 80), &long, &[Language::Ja], mute());
    let mut seen = |millis: u64| {
        avatar.draw(&moment(millis), &data());
        let plan = avatar.words.clone().expect("set");
        let mut canvas = Canvas::new(260, 80, palette::WHITE);
        let bounds = canvas.bounds();
        avatar.paint(&mut canvas, bounds, (0, 0));
        (avatar.part, plan, canvas.bytes().to_vec())
    };
    let (first, plan, picture) = seen(1_000);
    let turn = u64::try_from(turn_of(&plan.parts).as_millis()).expect("short");
    assert!(first == 0 && plan.parts.len() > 1, "{plan:?}");
    assert_eq!(plan.parts.concat(), long.ja);
    for part in 1..plan.parts.len() {
        let (now, _, other) = seen(1_000 + turn * part as u64);
        assert_eq!(now, part);
        assert_ne!(other, picture);
    }
    let (again, _, other) = seen(1_000 + turn * plan.parts.len() as u64);
    assert_eq!((again, other), (0, picture));
}

#[test]
fn a_language_without_a_voice_has_the_chime() {
    let languages = [Language::Ja, Language::Ko, Language::Vi];
    let mut avatar = avatar(&languages, mute());
    draw_until(&mut avatar, |avatar| avatar.spoken.len() == languages.len());
    for language in languages {
        assert_eq!(avatar.spoken[&saying(&greeting(), language)].pcm, chime(CHIME_RATE));
    }
}

#[test]
fn who_changes_the_language_on_its_page_is_greeted_in_it() {
    let mut avatar = avatar(&[Language::Ja, Language::En], mute());
    avatar.set_language(Language::En);
    assert!(!avatar.must_greet, "nobody sees it");
    avatar.set_language(Language::Ja);
    avatar.shown(&moment(1_000));
    draw_until(&mut avatar, |avatar| avatar.voice.is_some());
    avatar.set_language(Language::En);
    assert!(
        avatar.voice.is_none() && avatar.must_greet,
        "the Japanese greeting is broken off"
    );
    draw_until(&mut avatar, |avatar| avatar.voice.is_some());
    avatar.hidden(&moment(1_000));
    assert!(avatar.voice.is_none());
}

/// With Debian's eSpeak NG, where it is installed.
#[test]
fn with_a_voice_each_language_has_its_own_sound() {
    let is_there = std::process::Command::new("espeak-ng")
        .arg("--version")
        .output()
        .is_ok();
    if !is_there {
        return;
    }
    let mut avatar = avatar(&[Language::Ja, Language::En, Language::Ko], SpeakerConfig::default());
    draw_until(&mut avatar, |avatar| avatar.spoken.len() == 3);
    let sound = |language| &avatar.spoken[&saying(&greeting(), language)];
    assert_eq!(
        sound(Language::Ja).pcm,
        chime(CHIME_RATE),
        "no Japanese voice is configured"
    );
    assert_ne!(sound(Language::En).pcm, chime(CHIME_RATE));
    assert_ne!(sound(Language::Ko).pcm, sound(Language::En).pcm);
    assert_ne!(*sound(Language::En).timeline, Timeline::default());
}
