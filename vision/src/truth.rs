//! Ground truth in MOTChallenge's format, and how far counts are from it.

use std::collections::BTreeMap;

use crate::score::mot::Boxes;

/// Why a truth file can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {text:?}: expected frame,id,left,top,width,height,… with a frame from 1 on")]
pub struct InvalidTruth {
    line: usize,
    text: String,
}

impl InvalidTruth {
    /// A line (from 1) and the beginning of what stands there.
    pub(crate) fn new(line: usize, row: &str) -> Self {
        Self {
            line,
            text: row.chars().take(60).collect(),
        }
    }
}

/// How many people are in each frame of a film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    people: BTreeMap<u64, u32>,
}

impl Truth {
    /// From boxes: every one is a person.
    #[must_use]
    pub fn of(boxes: &Boxes) -> Self {
        let people = boxes.frames().map(|frame| (frame, boxes.of(frame).len()));
        Self {
            people: people
                .map(|(frame, count)| (frame, u32::try_from(count).unwrap_or(u32::MAX)))
                .collect(),
        }
    }

    /// People in a frame (from 1).
    #[must_use]
    pub fn people(&self, frame: u64) -> u32 {
        self.people.get(&frame).copied().unwrap_or(0)
    }
}

/// How far counts are from the truth.
#[derive(Debug, Clone, Copy, PartialEq, Default, serde::Serialize)]
pub struct Score {
    /// Frames scored.
    pub frames: u64,
    /// Frames without a count; each is scored as a count of 0.
    pub unknown: u64,
    /// Mean absolute error of the count.
    pub count_error: f64,
    /// Mean error: above 0, too many are counted.
    pub bias: f64,
    /// Frames at most one person off, per cent.
    pub within_one_pct: f64,
}

/// Sums up errors.
#[derive(Debug, Clone, Copy, Default)]
pub struct Scorer {
    frames: u64,
    unknown: u64,
    within_one: u64,
    absolute: i64,
    signed: i64,
}

impl Scorer {
    /// A frame was counted.
    pub fn add(&mut self, count: Option<u32>, truth: u32) {
        let error = i64::from(count.unwrap_or(0)) - i64::from(truth);
        self.frames += 1;
        self.unknown += u64::from(count.is_none());
        self.within_one += u64::from(error.abs() <= 1);
        self.absolute += error.abs();
        self.signed += error;
    }

    /// The score, `None` when nothing was counted.
    #[must_use]
    pub fn score(&self) -> Option<Score> {
        // Sums of a film's people stay far below 2⁵³.
        let mean = |sum: f64| sum / self.frames as f64;
        (self.frames > 0).then(|| Score {
            frames: self.frames,
            unknown: self.unknown,
            count_error: mean(self.absolute as f64),
            bias: mean(self.signed as f64),
            within_one_pct: 100.0 * mean(self.within_one as f64),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_is_a_person() {
        let truth =
            Boxes::parse("1,9,499,158,31.03,75.17,1,-4\n1,15,258,219,32,88,0,0\r\n\n3,1,0,0,1,1\n").expect("read");
        let truth = Truth::of(&truth);
        assert_eq!([1, 2, 3].map(|frame| truth.people(frame)), [2, 0, 1]);
    }

    #[test]
    fn errors_do_not_cancel() {
        let mut scorer = Scorer::default();
        assert_eq!(scorer.score(), None);
        for (count, truth) in [(Some(5), 5), (Some(7), 5), (Some(3), 5), (None, 1)] {
            scorer.add(count, truth);
        }
        let score = scorer.score().expect("scored");
        assert_eq!((score.frames, score.unknown), (4, 1));
        assert!((score.count_error - 1.25).abs() < 1e-9 && (score.bias + 0.25).abs() < 1e-9);
        assert!((score.within_one_pct - 50.0).abs() < 1e-9);
    }
}
