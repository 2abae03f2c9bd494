//! Ground truth in MOTChallenge's format, and how far counts are from it.

use std::collections::BTreeMap;

/// Why a truth file can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {text:?}: expected frame,id,left,top,width,height,… with a frame from 1 on")]
pub struct InvalidTruth {
    line: usize,
    text: String,
}

/// How many people are in each frame of a film.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Truth {
    people: BTreeMap<u64, u32>,
}

impl Truth {
    /// Reads rows `frame,id,left,top,width,height,…`, frames from 1. Every row is a person, whatever its flag.
    ///
    /// # Errors
    /// [`InvalidTruth`] with the line.
    pub fn parse(text: &str) -> Result<Self, InvalidTruth> {
        let mut people = BTreeMap::new();
        for (index, row) in text.lines().enumerate().filter(|(_, row)| !row.trim().is_empty()) {
            let fields: Vec<Option<f64>> = row.split(',').map(|field| field.trim().parse().ok()).collect();
            let is_whole = fields.len() >= 6 && fields[..6].iter().all(Option::is_some);
            let frame = row.split(',').next().and_then(|field| field.trim().parse::<u64>().ok());
            match frame.filter(|frame| is_whole && *frame > 0) {
                Some(frame) => *people.entry(frame).or_insert(0) += 1,
                None => {
                    return Err(InvalidTruth {
                        line: index + 1,
                        text: row.chars().take(60).collect(),
                    });
                }
            }
        }
        Ok(Self { people })
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
            Truth::parse("1,9,499,158,31.03,75.17,1,-4\n1,15,258,219,32,88,0,0\r\n\n3,1,0,0,1,1\n").expect("read");
        assert_eq!([1, 2, 3].map(|frame| truth.people(frame)), [2, 0, 1]);
    }

    #[test]
    fn a_bad_row_is_named() {
        for bad in ["1,2,3", "x,1,1,1,1,1", "0,1,1,1,1,1", "1,1,a,1,1,1"] {
            let error = Truth::parse(&format!("1,1,1,1,1,1\n{bad}")).expect_err(bad).to_string();
            assert!(error.starts_with("line 2") && error.contains("frame,id"), "{error}");
        }
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
