//! Who speaks, from the loudness that comes with each packet of a voice. (RFC 6464)
//!
//! Invariant: somebody counts as speaking only after [`BEGINS`] of voice, and stays it over pauses shorter than [`ENDS`]:
//! a cough and a breath change nothing.

use std::time::{Duration, Instant};

/// How long somebody has to be heard.
const BEGINS: Duration = Duration::from_millis(200);

/// How long somebody may pause.
const ENDS: Duration = Duration::from_millis(900);

/// Louder than this is a voice, in decibels below full scale.
const VOICE_DB: f32 = -50.0;

/// A gap between packets that is longer isn't speech.
const GAP: Duration = Duration::from_millis(120);

/// How loud one participant is.
#[derive(Debug, Default)]
pub(crate) struct Loudness {
    /// Smoothed, in decibels below full scale.
    level: Option<f32>,
    heard_at: Option<Instant>,
    /// Since when the voice has been heard without a pause.
    since: Option<Instant>,
    voice_at: Option<Instant>,
    speaks: bool,
}

impl Loudness {
    /// A packet of a sound came: its level, and whether its sender takes it for a voice.
    pub(crate) fn heard(&mut self, level: i8, has_voice: bool, now: Instant) {
        let level = f32::from(level);
        let is_new = self.heard_at.is_none_or(|at| now.saturating_duration_since(at) > GAP);
        let smoothed = match self.level.filter(|_| !is_new) {
            Some(before) => before * 0.8 + level * 0.2,
            None => level,
        };
        self.level = Some(smoothed);
        self.heard_at = Some(now);
        // Not every sender says whether it is a voice; every one says how loud it is.
        if smoothed > VOICE_DB && (has_voice || level > VOICE_DB) {
            self.voice_at = Some(now);
            let since = *self.since.get_or_insert(now);
            self.speaks |= now.saturating_duration_since(since) >= BEGINS;
        } else if self.is_over(now) {
            self.since = None;
        }
    }

    /// How loud somebody speaks who does; none: doesn't speak.
    pub(crate) fn speaking(&mut self, now: Instant) -> Option<f32> {
        if self.is_over(now) {
            self.speaks = false;
            self.since = None;
        }
        self.level.filter(|_| self.speaks)
    }

    fn is_over(&self, now: Instant) -> bool {
        self.voice_at.is_none_or(|at| now.saturating_duration_since(at) > ENDS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(loudness: &mut Loudness, level: i8, from_ms: u64, to_ms: u64, start: Instant) {
        for ms in (from_ms..to_ms).step_by(20) {
            loudness.heard(level, level > -60, start + Duration::from_millis(ms));
        }
    }

    #[test]
    fn speech_begins_after_a_moment_and_outlasts_a_breath() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut loudness = Loudness::default();
        hear(&mut loudness, -30, 0, 160, start);
        assert_eq!(loudness.speaking(at(160)), None, "a cough");
        hear(&mut loudness, -30, 160, 400, start);
        assert!(loudness.speaking(at(400)).is_some_and(|it| it > -31.0));
        hear(&mut loudness, -90, 400, 1200, start);
        assert!(loudness.speaking(at(1200)).is_some(), "a breath");
        hear(&mut loudness, -90, 1200, 2000, start);
        assert_eq!(loudness.speaking(at(2000)), None);
        hear(&mut loudness, -30, 2000, 2100, start);
        assert_eq!(loudness.speaking(at(2100)), None, "it begins anew");
    }

    #[test]
    fn who_sends_nothing_any_more_does_not_speak() {
        let start = Instant::now();
        let mut loudness = Loudness::default();
        hear(&mut loudness, -20, 0, 600, start);
        assert!(loudness.speaking(start + Duration::from_millis(600)).is_some());
        assert_eq!(loudness.speaking(start + Duration::from_secs(2)), None);
    }
}
