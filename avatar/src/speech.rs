//! Text to speech by Debian's speech programs: `open_jtalk` for Japanese, `espeak-ng` for the rest.
//!
//! Everything here blocks: call it from a thread.

use std::path::PathBuf;
use std::time::Duration;

use crate::lipsync::Timeline;
use crate::pcm::Pcm;

/// The languages the reception speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Japanese (also やさしい日本語).
    Japanese,
    /// English.
    English,
    /// Chinese (Mandarin).
    Chinese,
    /// Korean.
    Korean,
    /// Vietnamese.
    Vietnamese,
}

impl Language {
    /// From a BCP 47 tag (`ja`, `ja-JP`, `en-US`, `zh-Hans`, `ko`, `vi`; `ja-easy` is Japanese).
    pub fn from_tag(tag: &str) -> Option<Self> {
        todo!("{tag}")
    }
}

/// Where the speech programs and voices are, and their limits.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeakerConfig {
    /// Open JTalk's program (default: `open_jtalk`, found by `PATH`).
    pub open_jtalk: PathBuf,
    /// Its dictionary (default: Debian's).
    pub dictionary: PathBuf,
    /// Its HTS voice file; `None`: Japanese is not spoken.
    pub voice: Option<PathBuf>,
    /// eSpeak NG's program; `None`: other languages are not spoken (default: `espeak-ng`).
    pub espeak: Option<PathBuf>,
    /// Speed, 1.0 as the voice speaks by itself; 0.5 to 2.0 (default 0.95: a counter's calm).
    pub speed: f32,
    /// The longest a program may take for one text (default 10 s).
    pub time_limit: Duration,
    /// The longest text in characters (default 600).
    pub max_chars: usize,
}

impl Default for SpeakerConfig {
    fn default() -> Self {
        Self {
            open_jtalk: "open_jtalk".into(),
            dictionary: "/var/lib/mecab/dic/open-jtalk/naist-jdic".into(),
            voice: None,
            espeak: Some("espeak-ng".into()),
            speed: 0.95,
            time_limit: Duration::from_secs(10),
            max_chars: 600,
        }
    }
}

/// Why nothing is said.
#[derive(Debug, thiserror::Error)]
pub enum SpeechError {
    /// This language has no voice here: show the caption and play [`crate::chime::chime`].
    #[error("no voice for {0:?}")]
    NoVoice(Language),
}

/// A spoken text.
#[derive(Debug, Clone, PartialEq)]
pub struct Speech {
    /// The sound.
    pub pcm: Pcm,
    /// The mouth over the sound, from its first sample.
    pub timeline: Timeline,
}

/// Speaks texts. Cheap to clone and share; holds no process.
#[derive(Debug, Clone)]
pub struct Speaker {
    config: SpeakerConfig,
}

impl Speaker {
    /// Checks that the files named are there. `voice: None` is fine.
    pub fn new(config: SpeakerConfig) -> Result<Self, SpeechError> {
        Ok(Self { config })
    }

    /// Whether [`Speaker::speak`] has a voice for this language.
    pub fn can_speak(&self, language: Language) -> bool {
        todo!("{language:?} {:?}", self.config)
    }

    /// Synthesizes a text. Blocks for some hundred milliseconds a sentence, `time_limit` at the most.
    pub fn speak(&self, language: Language, text: &str) -> Result<Speech, SpeechError> {
        todo!("{language:?} {text}")
    }
}
