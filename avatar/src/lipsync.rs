//! The mouth over a spoken text: visemes from phonemes with their times, or from loudness alone.
//!
//! Invariant: a [`Timeline`]'s moments are sorted; before the first and after the last the mouth is closed.

use std::time::Duration;

use protocol::pose::Viseme;

use crate::idle::smooth;
use crate::loudness::Follower;

/// The step in which a sound without phonemes is looked at.
const BLOCK: Duration = Duration::from_millis(10);
/// A pause longer than this closes the mouth fully between its ends.
const FULL_CLOSING: f64 = 0.08;

/// One phoneme of a spoken text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phoneme {
    /// When it begins, from the start of the sound.
    pub start: Duration,
    /// When it ends.
    pub end: Duration,
    /// Its name as Open JTalk writes it (`a`, `k`, `N`, `cl`, `pau`, `sil`, ...; upper case: devoiced).
    pub name: String,
}

/// The mouth's movements over one sound.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Timeline {
    moments: Vec<Moment>,
}

/// The mouth passes through this at its time, and moves softly on to the next.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Moment {
    /// In seconds from the start of the sound.
    time: f64,
    viseme: Viseme,
    open: f32,
}

/// What a phoneme asks of the mouth.
enum Gesture {
    /// A vowel: this shape, this far.
    Shape(Viseme, f32),
    /// A devoiced vowel: this shape in passing; at the end of です it is hardly heard and the mouth closes.
    Whisper(Viseme, f32),
    /// A consonant that the lips don't make: this share of the next vowel's opening, in its shape.
    Towards(f32),
    /// っ: the mouth waits, half closed, in the shape it had, or shut where the lips meet next.
    Wait,
    /// A pause.
    Rest,
}

fn gesture(name: &str) -> Gesture {
    match name {
        "a" => Gesture::Shape(Viseme::A, 1.0),
        "i" => Gesture::Shape(Viseme::I, 0.8),
        "u" => Gesture::Shape(Viseme::U, 0.75),
        "e" => Gesture::Shape(Viseme::E, 0.85),
        "o" => Gesture::Shape(Viseme::O, 0.85),
        "A" => Gesture::Whisper(Viseme::A, 0.45),
        "I" => Gesture::Whisper(Viseme::I, 0.35),
        "U" => Gesture::Whisper(Viseme::U, 0.35),
        "E" => Gesture::Whisper(Viseme::E, 0.4),
        "O" => Gesture::Whisper(Viseme::O, 0.4),
        "N" => Gesture::Shape(Viseme::N, 0.6),
        "m" | "b" | "p" | "my" | "by" | "py" => Gesture::Shape(Viseme::Pressed, 1.0),
        "w" | "f" | "v" => Gesture::Shape(Viseme::U, 0.45),
        "cl" => Gesture::Wait,
        "sil" | "pau" => Gesture::Rest,
        "s" | "z" | "sh" | "j" | "ch" | "ts" => Gesture::Towards(0.35),
        _ => Gesture::Towards(0.5),
    }
}

impl Timeline {
    /// From phonemes with times, in the order of time. Unknown names count as consonants.
    pub fn from_phonemes(phonemes: &[Phoneme]) -> Self {
        let Some(first) = phonemes.first() else {
            return Self::default();
        };
        let mut moments = vec![Moment {
            time: first.start.as_secs_f64(),
            viseme: Viseme::Closed,
            open: 0.0,
        }];
        for (at, phoneme) in phonemes.iter().enumerate() {
            let (start, end) = (
                phoneme.start.as_secs_f64(),
                phoneme.end.as_secs_f64().max(phoneme.start.as_secs_f64()),
            );
            let before = moments.last().copied();
            let mut pass = |time: f64, viseme, open| {
                let time = moments.last().map_or(time, |last| time.max(last.time));
                moments.push(Moment { time, viseme, open });
            };
            match gesture(&phoneme.name) {
                Gesture::Shape(viseme, open) => {
                    // A vowel is reached soon and held; a long one lasts.
                    let length = end - start;
                    pass(start + 0.4 * length.min(0.12), viseme, open);
                    pass(end - 0.3 * length.min(0.12), viseme, open);
                }
                Gesture::Whisper(viseme, open) => {
                    let length = (end - start).min(0.1);
                    pass(start + 0.3 * length, viseme, open);
                    if phonemes
                        .get(at + 1)
                        .is_none_or(|next| matches!(gesture(&next.name), Gesture::Rest))
                    {
                        pass(start + length, Viseme::Closed, 0.0);
                    }
                }
                Gesture::Towards(share) => {
                    let next = phonemes[at + 1..].iter().find_map(|next| match gesture(&next.name) {
                        Gesture::Shape(viseme, open) | Gesture::Whisper(viseme, open) => Some(Some((viseme, open))),
                        Gesture::Rest => Some(None),
                        _ => None,
                    });
                    let (viseme, open) = match next.flatten() {
                        Some((Viseme::Pressed, _)) | None => (Viseme::Closed, 0.0),
                        Some((viseme, open)) => (viseme, open * share),
                    };
                    pass((start + end) / 2.0, viseme, open);
                }
                Gesture::Wait => {
                    let next = phonemes.get(at + 1).map(|next| gesture(&next.name));
                    let (viseme, open) = match (next, before) {
                        // In っぱ the lips wait where they meet.
                        (Some(Gesture::Shape(Viseme::Pressed, _)), _) => (Viseme::Pressed, 1.0),
                        (_, Some(last)) => (last.viseme, last.open * 0.35),
                        (_, None) => (Viseme::Closed, 0.0),
                    };
                    pass((start + end) / 2.0, viseme, open);
                }
                Gesture::Rest => {
                    let margin = (end - start).min(FULL_CLOSING) / 2.0;
                    pass(start + margin, Viseme::Closed, 0.0);
                    pass(end - margin, Viseme::Closed, 0.0);
                }
            }
        }
        if let Some(last) = phonemes.last() {
            moments.push(Moment {
                time: last.end.as_secs_f64() + 0.05,
                viseme: Viseme::Closed,
                open: 0.0,
            });
        }
        Self { moments }
    }

    /// From the sound alone, for voices that give no phonemes: the mouth opens with loudness, its
    /// shape follows brightness. `rate` in samples a second; 0 gives an empty timeline.
    pub fn from_pcm(samples: &[i16], rate: u32) -> Self {
        let block = (f64::from(rate) * BLOCK.as_secs_f64()) as usize;
        if block == 0 {
            return Self::default();
        }
        let mut follower = Follower::new(rate);
        let mut moments: Vec<Moment> = Vec::with_capacity(samples.len() / block + 2);
        let mut time = 0.0;
        for samples in samples.chunks(block) {
            let (viseme, open) = follower.push(samples);
            // The sound of the block is what the mouth should look like in the middle of it.
            moments.push(Moment {
                time: time + BLOCK.as_secs_f64() / 2.0,
                viseme,
                open,
            });
            time += samples.len() as f64 / f64::from(rate);
        }
        moments.push(Moment {
            time: time + 0.06,
            viseme: Viseme::Closed,
            open: 0.0,
        });
        Self { moments }
    }

    /// Appends what is said after this, its sound beginning `offset` after the start of this one's.
    pub(crate) fn append(&mut self, later: Self, offset: Duration) {
        let offset = offset.as_secs_f64();
        self.moments.retain(|moment| moment.time < offset);
        self.moments.extend(later.moments.into_iter().map(|m| Moment {
            time: m.time + offset,
            ..m
        }));
    }

    /// The mouth at `t` from the start of the sound: the shape, and how far it is taken (0 to 1).
    ///
    /// Between two shapes the mouth goes through a narrower opening, so that the change isn't seen as a jump.
    pub fn at(&self, t: Duration) -> (Viseme, f32) {
        let t = t.as_secs_f64();
        let next = self.moments.partition_point(|moment| moment.time <= t);
        let Some(to) = self.moments.get(next) else {
            return (Viseme::Closed, 0.0);
        };
        let closed = Moment {
            time: 0.0,
            viseme: Viseme::Closed,
            open: 0.0,
        };
        let from = next.checked_sub(1).map_or(closed, |before| self.moments[before]);
        let share = if to.time > from.time {
            smooth((t - from.time) / (to.time - from.time)) as f32
        } else {
            1.0
        };
        if from.viseme == to.viseme {
            return (to.viseme, from.open + (to.open - from.open) * share);
        }
        match (from.viseme, to.viseme) {
            (Viseme::Closed, shape) => (shape, to.open * share),
            (shape, Viseme::Closed) => (shape, from.open * (1.0 - share)),
            (one, other) => {
                let least = 0.45 * from.open.min(to.open);
                if share < 0.5 {
                    (one, from.open + (least - from.open) * share * 2.0)
                } else {
                    (other, least + (to.open - least) * (share * 2.0 - 1.0))
                }
            }
        }
    }

    /// When the last movement ends.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.moments.last().map_or(0.0, |moment| moment.time.max(0.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn phonemes(text: &[(&str, u64)]) -> Vec<Phoneme> {
        let mut at = Duration::ZERO;
        text.iter()
            .map(|(name, ms)| {
                let start = at;
                at += Duration::from_millis(*ms);
                Phoneme {
                    start,
                    end: at,
                    name: (*name).into(),
                }
            })
            .collect()
    }

    fn at(timeline: &Timeline, ms: u64) -> (Viseme, f32) {
        timeline.at(Duration::from_millis(ms))
    }

    #[test]
    fn every_vowel_is_reached_in_its_own_shape() {
        for (name, viseme) in [
            ("a", Viseme::A),
            ("i", Viseme::I),
            ("u", Viseme::U),
            ("e", Viseme::E),
            ("o", Viseme::O),
            ("N", Viseme::N),
        ] {
            let timeline = Timeline::from_phonemes(&phonemes(&[("sil", 200), ("k", 60), (name, 120), ("sil", 200)]));
            let (shape, open) = at(&timeline, 320);
            assert_eq!(shape, viseme);
            assert!(open > 0.55, "{name}: {open}");
            assert_eq!(at(&timeline, 60), (Viseme::Closed, 0.0));
            assert!(at(&timeline, 460).1 < 0.05);
        }
    }

    #[test]
    fn lips_meet_for_m_and_stay_shut_in_a_pause() {
        let said = [("a", 100), ("m", 80), ("a", 100), ("pau", 300), ("o", 100)];
        let timeline = Timeline::from_phonemes(&phonemes(&said));
        assert_eq!(at(&timeline, 140), (Viseme::Pressed, 1.0));
        for ms in (330..=540).step_by(10) {
            assert!(at(&timeline, ms).1 < 1e-6, "at {ms} ms");
        }
    }

    #[test]
    fn a_stop_waits_where_its_consonant_is_made() {
        let middle = |consonant| {
            let said = [("a", 100), ("cl", 100), (consonant, 50), ("a", 100)];
            at(&Timeline::from_phonemes(&phonemes(&said)), 150)
        };
        assert_eq!(middle("p"), (Viseme::Pressed, 1.0));
        let (viseme, open) = middle("t");
        assert!(viseme == Viseme::A && (0.2..0.5).contains(&open), "{viseme:?} {open}");
    }

    #[test]
    fn the_mouth_never_jumps() {
        let said = [
            ("sil", 100),
            ("k", 50),
            ("o", 90),
            ("N", 60),
            ("n", 45),
            ("i", 75),
            ("ch", 95),
            ("i", 80),
            ("w", 40),
        ]
        .into_iter()
        .chain([
            ("a", 160),
            ("o", 90),
            ("e", 90),
            ("cl", 90),
            ("t", 40),
            ("e", 80),
            ("pau", 200),
            ("b", 60),
            ("a", 90),
        ]);
        let timeline = Timeline::from_phonemes(&phonemes(&said.collect::<Vec<_>>()));
        let mut before = at(&timeline, 0);
        for ms in 1..timeline.duration().as_millis() as u64 + 50 {
            let now = at(&timeline, ms);
            let pressed = before.0 == Viseme::Pressed || now.0 == Viseme::Pressed;
            assert!(
                pressed || (now.1 - before.1).abs() < 0.12,
                "{before:?} to {now:?} at {ms} ms"
            );
            if now.0 != before.0 && !pressed {
                assert!(now.1.max(before.1) < 0.5, "{before:?} to {now:?} at {ms} ms");
            }
            before = now;
        }
        assert_eq!(before, (Viseme::Closed, 0.0));
    }

    #[test]
    fn nothing_said_is_a_closed_mouth() {
        for timeline in [
            Timeline::default(),
            Timeline::from_phonemes(&[]),
            Timeline::from_pcm(&[1, 2], 0),
        ] {
            assert_eq!(timeline.at(Duration::from_millis(5)), (Viseme::Closed, 0.0));
            assert_eq!(timeline.duration(), Duration::ZERO);
        }
    }

    #[test]
    fn appended_speech_comes_later() {
        let mut timeline = Timeline::from_phonemes(&phonemes(&[("a", 200)]));
        timeline.append(
            Timeline::from_phonemes(&phonemes(&[("o", 200)])),
            Duration::from_secs(1),
        );
        assert_eq!(at(&timeline, 100).0, Viseme::A);
        assert_eq!(at(&timeline, 600).1, 0.0);
        assert_eq!(at(&timeline, 1100).0, Viseme::O);
    }
}
