//! Boxes in MOTChallenge's text format: `frame, number, left, top, width, height, flag, …` in pixels, frames from 1.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::model::Box2;
use crate::truth::InvalidTruth;

/// One box.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row {
    /// From 1.
    pub frame: u64,
    /// Whose.
    pub id: u32,
    /// Where, in pixels.
    pub place: Box2,
    /// Whether scores of following count it (column 7 isn't 0).
    pub is_counted: bool,
}

/// Boxes frame by frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Boxes {
    frames: BTreeMap<u64, Vec<Row>>,
}

impl FromIterator<Row> for Boxes {
    fn from_iter<T: IntoIterator<Item = Row>>(rows: T) -> Self {
        let mut boxes = Self::default();
        rows.into_iter().for_each(|row| boxes.push(row));
        boxes
    }
}

impl Boxes {
    /// Reads a file's text.
    ///
    /// # Errors
    /// [`InvalidTruth`] with the line.
    pub fn parse(text: &str) -> Result<Self, InvalidTruth> {
        let rows = text.lines().enumerate().filter(|(_, row)| !row.trim().is_empty());
        rows.map(|(index, row)| parse_row(row).ok_or_else(|| InvalidTruth::new(index + 1, row)))
            .collect()
    }

    /// One more box.
    pub fn push(&mut self, row: Row) {
        self.frames.entry(row.frame).or_default().push(row);
    }

    /// The boxes of a frame.
    #[must_use]
    pub fn of(&self, frame: u64) -> &[Row] {
        self.frames.get(&frame).map_or(&[], Vec::as_slice)
    }

    /// Frames that have boxes.
    pub fn frames(&self) -> impl Iterator<Item = u64> + '_ {
        self.frames.keys().copied()
    }

    /// Only those that scores of following count.
    #[must_use]
    pub fn counted(&self) -> Self {
        self.frames
            .values()
            .flatten()
            .copied()
            .filter(|row| row.is_counted)
            .collect()
    }

    /// As [`Boxes::parse`] reads it.
    #[must_use]
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for row in self.frames.values().flatten() {
            let Box2 {
                left,
                top,
                width,
                height,
            } = row.place;
            // Writing to a String can't fail.
            let _ = writeln!(
                text,
                "{},{},{left:.3},{top:.3},{width:.3},{height:.3},{},-1,-1,-1",
                row.frame,
                row.id,
                u8::from(row.is_counted)
            );
        }
        text
    }
}

fn parse_row(row: &str) -> Option<Row> {
    let mut fields = row.split(',').map(str::trim);
    let frame: u64 = fields.next()?.parse().ok().filter(|frame| *frame > 0)?;
    let id: f64 = fields.next()?.parse().ok()?;
    let mut sides = [0.0; 4];
    for side in &mut sides {
        *side = fields.next()?.parse().ok().filter(|number: &f64| number.is_finite())?;
    }
    let [left, top, width, height] = sides;
    let flag: f64 = fields.next().map_or(Some(1.0), |flag| flag.parse().ok())?;
    Some(Row {
        frame,
        // Detectors' files have −1 for nobody's.
        id: id.max(0.0) as u32,
        place: Box2::new(left, top, width, height),
        is_counted: flag != 0.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let text = "1,9,499.000,158.000,31.030,75.170,1,-1,-1,-1\n2,3,-4.500,1.000,2.000,3.000,0,-1,-1,-1\n";
        let boxes = Boxes::parse(text).expect("read");
        assert_eq!(boxes.to_text(), text);
        assert_eq!(boxes.counted().frames().collect::<Vec<_>>(), [1]);
    }

    #[test]
    fn a_bad_row_is_named() {
        for bad in ["1,2,3", "0,1,1,1,1,1", "1,1,a,1,1,1", "1,1,NaN,1,1,1"] {
            let error = Boxes::parse(&format!("1,1,1,1,1,1\n{bad}")).expect_err(bad).to_string();
            assert!(error.starts_with("line 2"), "{error}");
        }
    }
}
