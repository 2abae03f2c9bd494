//! How well people were followed: MOTA and IDF1, by their definitions.
//!
//! MOTA: Bernardin and Stiefelhagen, "Evaluating Multiple Object Tracking Performance: The CLEAR MOT Metrics", 2008.
//! IDF1: Ristani et al., "Performance Measures and a Data Set for Multi-Target, Multi-Camera Tracking", 2016. A box is
//! right when it overlaps the true one by half (IoU ≥ 0.5). Pure.

pub mod mot;

use std::collections::BTreeMap;

use crate::track::assign::assign;
use mot::Boxes;

/// From this overlap on, a box is the true one's.
const RIGHT_FROM: f64 = 0.5;

/// How well people were followed.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize)]
pub struct Following {
    /// True boxes.
    pub truth: u64,
    /// Boxes told.
    pub told: u64,
    /// Boxes that are nobody's.
    pub false_alarms: u64,
    /// True boxes that were missed.
    pub misses: u64,
    /// Somebody got another number.
    pub switches: u64,
    /// MOTA, per cent.
    pub mota: f64,
    /// IDF1, per cent.
    pub idf1: f64,
}

/// Scores what was told against the truth, in those frames that `counts` says.
#[must_use]
pub fn following(truth: &Boxes, told: &Boxes, counts: impl Fn(u64) -> bool) -> Following {
    let mut sum = Following {
        truth: 0,
        told: 0,
        false_alarms: 0,
        misses: 0,
        switches: 0,
        mota: 0.0,
        idf1: 0.0,
    };
    // Whose number somebody had last, and in how many frames each true person had each number's box.
    let mut last: BTreeMap<u32, u32> = BTreeMap::new();
    let mut together: BTreeMap<(u32, u32), u64> = BTreeMap::new();
    let frames: std::collections::BTreeSet<u64> =
        truth.frames().chain(told.frames()).filter(|it| counts(*it)).collect();
    for frame in frames {
        let (there, said) = (truth.of(frame), told.of(frame));
        let overlap = |row: usize, column: usize| there[row].place.iou(&said[column].place);
        for (row, person) in there.iter().enumerate() {
            for (column, number) in said.iter().enumerate() {
                if overlap(row, column) >= RIGHT_FROM {
                    *together.entry((person.id, number.id)).or_insert(0) += 1;
                }
            }
        }
        // Who kept their number keeps it, though another box may fit better now; then the others.
        let mut pairs: Vec<Option<usize>> = (there.iter().enumerate())
            .map(|(row, person)| {
                let number = last.get(&person.id)?;
                let column = said.iter().position(|box_of| box_of.id == *number)?;
                (overlap(row, column) >= RIGHT_FROM).then_some(column)
            })
            .collect();
        drop_second_claims(&mut pairs);
        let fresh = assign(there.len(), said.len(), |row, column| {
            let is_free = pairs[row].is_none() && !pairs.contains(&Some(column));
            let shared = overlap(row, column);
            (is_free && shared >= RIGHT_FROM).then_some(1.0 - shared)
        });
        for (pair, fresh) in pairs.iter_mut().zip(fresh) {
            *pair = pair.or(fresh);
        }
        let right = pairs.iter().flatten().count() as u64;
        sum.truth += there.len() as u64;
        sum.told += said.len() as u64;
        sum.misses += there.len() as u64 - right;
        sum.false_alarms += said.len() as u64 - right;
        for (person, column) in there.iter().zip(pairs) {
            if let Some(number) = column.map(|column| said[column].id)
                && last.insert(person.id, number).is_some_and(|before| before != number)
            {
                sum.switches += 1;
            }
        }
    }
    let wrong = sum.misses + sum.false_alarms + sum.switches;
    sum.mota = 100.0 * (1.0 - wrong as f64 / sum.truth.max(1) as f64);
    let right = best_identities(&together);
    sum.idf1 = 100.0 * 2.0 * right as f64 / (sum.truth + sum.told).max(1) as f64;
    sum
}

/// Two people may have had one number last: the first keeps it.
fn drop_second_claims(pairs: &mut [Option<usize>]) {
    for row in 1..pairs.len() {
        let (before, rest) = pairs.split_at_mut(row);
        if rest[0].is_some() && before.contains(&rest[0]) {
            rest[0] = None;
        }
    }
}

/// Frames in which people have the right number, when each true person is given the one number, and each number the
/// one person, that make it most.
fn best_identities(together: &BTreeMap<(u32, u32), u64>) -> u64 {
    let of = |part: fn(&(u32, u32)) -> u32| {
        let mut ids: Vec<u32> = together.keys().map(part).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    };
    let (people, numbers) = (of(|pair| pair.0), of(|pair| pair.1));
    let most = together.values().max().copied().unwrap_or(0) as f64;
    let frames = |row: usize, column: usize| together.get(&(people[row], numbers[column])).copied().unwrap_or(0);
    // Scaled to what `assign` takes; no pair is forbidden, for one without frames costs only what it doesn't bring.
    let pairs = assign(people.len(), numbers.len(), |row, column| {
        Some((most - frames(row, column) as f64) / most.max(1.0) * 1000.0)
    });
    let made = pairs
        .iter()
        .enumerate()
        .filter_map(|(row, column)| Some(frames(row, (*column)?)));
    made.sum()
}

#[cfg(test)]
mod tests {
    use super::mot::Row;
    use super::*;
    use crate::model::Box2;

    fn boxes(rows: &[(u64, u32, f64)]) -> Boxes {
        let row = |(frame, id, left): &(u64, u32, f64)| Row {
            frame: *frame,
            id: *id,
            place: Box2::new(*left, 0.0, 10.0, 30.0),
            is_counted: true,
        };
        rows.iter().map(row).collect()
    }

    #[test]
    fn who_is_followed_without_a_fault_gets_all() {
        let truth = boxes(&[(1, 1, 0.0), (2, 1, 5.0), (1, 2, 50.0), (2, 2, 50.0)]);
        let told = boxes(&[(1, 7, 0.0), (2, 7, 5.0), (1, 9, 51.0), (2, 9, 50.0)]);
        let score = following(&truth, &told, |_| true);
        assert!(
            (score.mota - 100.0).abs() < 1e-9 && (score.idf1 - 100.0).abs() < 1e-9,
            "{score:?}"
        );
    }

    #[test]
    fn misses_false_alarms_and_switches_are_counted_each() {
        let truth = boxes(&[(1, 1, 0.0), (2, 1, 0.0), (3, 1, 0.0), (4, 1, 0.0)]);
        let told = boxes(&[(1, 5, 0.0), (2, 6, 0.0), (3, 6, 100.0), (4, 6, 0.0)]);
        let score = following(&truth, &told, |_| true);
        assert_eq!((score.misses, score.false_alarms, score.switches), (1, 1, 1));
        assert!((score.mota - 25.0).abs() < 1e-9, "{score:?}");
        // Number 6 has the person in two of four frames, and four boxes were told.
        assert!((score.idf1 - 50.0).abs() < 1e-9, "{score:?}");
    }

    #[test]
    fn a_small_case_has_the_figures_derived_by_hand() {
        let mut truth: Vec<(u64, u32, f64)> = (1..=5).map(|frame| (frame, 1, 0.0)).collect();
        truth.extend((1..=4).map(|frame| (frame, 2, 100.0)));
        // The first person is number 1, then 2: a switch. The second is number 3 twice, then its box is half its
        // width away (IoU 1/3: a miss and a false alarm), then there is none (a miss). Number 4 is nobody.
        let mut told = vec![(1, 1, 0.0), (2, 1, 0.0), (3, 1, 0.0), (4, 2, 0.0), (5, 2, 0.0)];
        told.extend([(1, 3, 100.0), (2, 3, 100.0), (3, 3, 105.0), (5, 4, 300.0)]);
        let score = following(&boxes(&truth), &boxes(&told), |_| true);
        assert_eq!((score.truth, score.told), (9, 9));
        assert_eq!((score.misses, score.false_alarms, score.switches), (2, 2, 1));
        // MOTA = 1 - (2 + 2 + 1) / 9. IDF1 = 2 * (3 + 2) / (9 + 9): number 1 for the first, 3 for the second.
        assert!((score.mota - 400.0 / 9.0).abs() < 1e-9, "{score:?}");
        assert!((score.idf1 - 500.0 / 9.0).abs() < 1e-9, "{score:?}");
    }

    #[test]
    fn a_number_that_is_kept_goes_before_a_better_fit() {
        let truth = boxes(&[(1, 1, 0.0), (2, 1, 0.0)]);
        let told = boxes(&[(1, 5, 0.0), (2, 5, 3.0), (2, 6, 0.0)]);
        let score = following(&truth, &told, |_| true);
        assert_eq!((score.switches, score.false_alarms), (0, 1));
    }

    #[test]
    fn frames_that_do_not_count_are_left_out() {
        let truth = boxes(&[(1, 1, 0.0), (2, 1, 0.0)]);
        let score = following(&truth, &Boxes::default(), |frame| frame == 2);
        assert_eq!((score.truth, score.misses), (1, 1));
        assert!(score.mota.abs() < 1e-9 && score.idf1.abs() < 1e-9);
    }
}
