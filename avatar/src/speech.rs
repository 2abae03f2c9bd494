//! Text to speech by Debian's speech programs: `open_jtalk` for Japanese, `espeak-ng` for the rest.
//!
//! Everything here blocks: call it from a thread. Texts go to the programs by standard input and sounds
//! come back through a private folder that is gone afterwards: nothing said is kept.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::child::{self, ChildError};
use crate::lipsync::{Phoneme, Timeline};
use crate::pcm::Pcm;
use crate::reading;

/// Open JTalk reads one line into a buffer of its own; this much always fits.
const MAX_LINE: usize = 900;
/// eSpeak's words a minute at speed 1.
const WORDS_A_MINUTE: f32 = 160.0;

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
        match tag.split(['-', '_']).next()?.to_ascii_lowercase().as_str() {
            "ja" => Some(Self::Japanese),
            "en" => Some(Self::English),
            "zh" => Some(Self::Chinese),
            "ko" => Some(Self::Korean),
            "vi" => Some(Self::Vietnamese),
            _ => None,
        }
    }

    /// The name of eSpeak NG's voice; `None` for Japanese, which it reads too badly to be used.
    fn espeak_voice(self) -> Option<&'static str> {
        match self {
            Self::Japanese => None,
            Self::English => Some("en-us"),
            Self::Chinese => Some("cmn"),
            Self::Korean => Some("ko"),
            Self::Vietnamese => Some("vi"),
        }
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
    /// eSpeak NG's program (default: `espeak-ng`); `None`, or not installed: other languages are not spoken.
    pub espeak: Option<PathBuf>,
    /// Speed, 1.0 as the voice speaks by itself; 0.5 to 2.0 (default 0.95: a counter's calm).
    pub speed: f32,
    /// The longest the programs may take for one text (default 10 s).
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
    #[error("there is no voice for {0:?}")]
    NoVoice(Language),
    /// The text has nothing a voice could say.
    #[error("the text has no word in it")]
    Empty,
    /// The text is longer than [`SpeakerConfig::max_chars`].
    #[error("the text has {chars} characters; at most {most} are spoken at a time")]
    TooLong {
        /// Characters in the text.
        chars: usize,
        /// The limit.
        most: usize,
    },
    /// A file the config names is not there.
    #[error("{what} is not at {path}", path = path.display())]
    Missing {
        /// What the file is.
        what: &'static str,
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The speed is out of range.
    #[error("the speed is {0}; it must be 0.5 to 2.0")]
    Speed(f32),
    /// A temporary file can't be made or read.
    #[error("the sound can't be exchanged: {0}")]
    Io(#[from] std::io::Error),
    /// A speech program failed.
    #[error("{program}: {source}", program = program.display())]
    Program {
        /// The program.
        program: PathBuf,
        /// Why.
        source: ChildError,
    },
    /// A speech program gave something else than it should.
    #[error("{program} gave no usable sound: {message}", program = program.display())]
    Output {
        /// The program.
        program: PathBuf,
        /// What is wrong with it.
        message: &'static str,
    },
}

/// A spoken text.
#[derive(Debug, Clone, PartialEq)]
pub struct Speech {
    /// The sound.
    pub pcm: Pcm,
    /// The mouth over the sound, from its first sample.
    pub timeline: Timeline,
}

/// Speaks texts. Cheap to clone and share; holds no process and no file.
#[derive(Debug, Clone)]
pub struct Speaker {
    config: SpeakerConfig,
}

impl Speaker {
    /// Checks the config. `voice: None` is fine, and so is an eSpeak NG that isn't installed: then
    /// [`Self::can_speak`] says no.
    ///
    /// # Errors
    /// [`SpeechError::Missing`] if the voice is named but it, the dictionary or Open JTalk is not there;
    /// [`SpeechError::Speed`].
    pub fn new(mut config: SpeakerConfig) -> Result<Self, SpeechError> {
        if !(0.5..=2.0).contains(&config.speed) {
            return Err(SpeechError::Speed(config.speed));
        }
        if let Some(voice) = &config.voice {
            let missing = |what, path: &Path| {
                Err(SpeechError::Missing {
                    what,
                    path: path.into(),
                })
            };
            if !voice.is_file() {
                return missing("the voice", voice);
            }
            if !config.dictionary.join("sys.dic").is_file() {
                return missing("Open JTalk's dictionary", &config.dictionary);
            }
            if !is_program(&config.open_jtalk) {
                return missing("Open JTalk", &config.open_jtalk);
            }
        }
        config.espeak = config.espeak.filter(|program| is_program(program));
        Ok(Self { config })
    }

    /// Whether [`Self::speak`] has a voice for this language.
    pub fn can_speak(&self, language: Language) -> bool {
        match language {
            Language::Japanese => self.config.voice.is_some(),
            _ => self.config.espeak.is_some(),
        }
    }

    /// Synthesizes a text. Blocks for some hundred milliseconds a sentence, `time_limit` at the most.
    ///
    /// # Errors
    /// [`SpeechError`]; [`SpeechError::NoVoice`] is the ordinary case of a screen without a voice.
    pub fn speak(&self, language: Language, text: &str) -> Result<Speech, SpeechError> {
        let chars = text.chars().count();
        if chars > self.config.max_chars {
            return Err(SpeechError::TooLong {
                chars,
                most: self.config.max_chars,
            });
        }
        match (language.espeak_voice(), &self.config.voice, &self.config.espeak) {
            (None, Some(voice), _) => self.japanese(voice, text),
            (Some(voice), _, Some(program)) => self.other(program, voice, text),
            _ => Err(SpeechError::NoVoice(language)),
        }
    }

    fn japanese(&self, voice: &Path, text: &str) -> Result<Speech, SpeechError> {
        let text = reading::japanese(text);
        let deadline = Instant::now() + self.config.time_limit;
        let mut whole: Option<Speech> = None;
        for part in reading::parts(&text, MAX_LINE) {
            let part = self.japanese_part(voice, part, deadline.saturating_duration_since(Instant::now()))?;
            match &mut whole {
                None => whole = Some(part),
                Some(whole) => {
                    whole.timeline.append(part.timeline, whole.pcm.duration());
                    whole.pcm.samples.extend(part.pcm.samples);
                }
            }
        }
        whole.ok_or(SpeechError::Empty)
    }

    fn japanese_part(&self, voice: &Path, text: &str, limit: Duration) -> Result<Speech, SpeechError> {
        let program = &self.config.open_jtalk;
        let folder = tempfile::Builder::new().prefix("avatar-speech-").tempdir()?;
        let (sound, trace) = (folder.path().join("sound.wav"), folder.path().join("trace.txt"));
        let mut command = Command::new(program);
        command.arg("-x").arg(&self.config.dictionary).arg("-m").arg(voice);
        command
            .args(["-r", &self.config.speed.to_string()])
            .arg("-ow")
            .arg(&sound)
            .arg("-ot")
            .arg(&trace);
        child::run(&mut command, text.as_bytes(), limit).map_err(|source| SpeechError::Program {
            program: program.clone(),
            source,
        })?;
        let wrong = |message| SpeechError::Output {
            program: program.clone(),
            message,
        };
        let pcm = Pcm::from_wav(&std::fs::read(&sound)?).map_err(wrong)?;
        let phonemes = phonemes(&String::from_utf8_lossy(&std::fs::read(&trace)?));
        if phonemes.is_empty() {
            return Err(wrong("its trace has no phonemes"));
        }
        Ok(Speech {
            timeline: Timeline::from_phonemes(&phonemes),
            pcm,
        })
    }

    fn other(&self, program: &Path, voice: &str, text: &str) -> Result<Speech, SpeechError> {
        let text = reading::other(text);
        if !reading::is_speakable(&text) {
            return Err(SpeechError::Empty);
        }
        let mut command = Command::new(program);
        let words = (WORDS_A_MINUTE * self.config.speed).round().to_string();
        command.args(["-v", voice, "-s", &words, "-b", "1", "--stdin", "--stdout"]);
        let wav = child::run(&mut command, text.as_bytes(), self.config.time_limit).map_err(|source| {
            SpeechError::Program {
                program: program.into(),
                source,
            }
        })?;
        let pcm = Pcm::from_wav(&wav).map_err(|message| SpeechError::Output {
            program: program.into(),
            message,
        })?;
        Ok(Speech {
            timeline: Timeline::from_pcm(&pcm.samples, pcm.rate),
            pcm,
        })
    }
}

/// Whether there is such a file, or such a program on the `PATH` for a bare name.
fn is_program(program: &Path) -> bool {
    if program.components().count() > 1 {
        return program.is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// The phonemes of Open JTalk's trace: lines of begin, end (in units of 100 ns) and an HTS full-context label,
/// whose phoneme stands between the first `-` and the `+` after it.
fn phonemes(trace: &str) -> Vec<Phoneme> {
    let lines = trace.lines().skip_while(|line| *line != "[Output label]").skip(1);
    lines
        .map_while(|line| {
            let mut words = line.split(' ');
            let mut time = || {
                words
                    .next()?
                    .parse::<u64>()
                    .ok()
                    .map(|units| Duration::from_nanos(units.saturating_mul(100)))
            };
            let (start, end) = (time()?, time()?);
            let (name, _) = words.next()?.split_once('-')?.1.split_once('+')?;
            Some(Phoneme {
                start,
                end,
                name: name.into(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_gives_its_phonemes() {
        let trace = "[Text analysis result]\nあ,名詞-x+y\n\n[Output label]\n0 2700000 xx^xx-sil+ch=o/A:xx+xx\n\
                     2700000 3650000 xx^sil-ch+o=N/A:-4+1\n\n[Global parameter]\n0 1 a-b+c\n";
        let expected = [("sil", 0, 270_000), ("ch", 270_000, 365_000)].map(|(name, start, end)| Phoneme {
            start: Duration::from_micros(start),
            end: Duration::from_micros(end),
            name: name.into(),
        });
        assert_eq!(phonemes(trace), expected);
        assert!(phonemes("").is_empty() && phonemes("[Output label]\n1 2\n").is_empty());
    }

    #[test]
    fn tags_name_languages() {
        for (tag, language) in [
            ("ja", Some(Language::Japanese)),
            ("ja-easy", Some(Language::Japanese)),
            ("EN-us", Some(Language::English)),
            ("zh-Hans", Some(Language::Chinese)),
            ("ko", Some(Language::Korean)),
            ("vi_VN", Some(Language::Vietnamese)),
            ("fr", None),
            ("", None),
        ] {
            assert_eq!(Language::from_tag(tag), language, "{tag}");
        }
    }
}
