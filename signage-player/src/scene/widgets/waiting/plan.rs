//! Where a row's words stand on the waiting-number board, and how large they are.
//!
//! Invariant: the number and its counter lie whole inside their field, in any zone. Letters are as high as the smallest that can be
//! read, unless not even one row alone has room for them. All rows of a board look alike.

/// A number's glyphs need so much height for each pixel of their size …
const NUMBER_LINE: f64 = 1.05;
/// … and a counter's, which may carry Vietnamese accents, so much.
const COUNTER_LINE: f64 = 1.25;
/// A line of letters of the smallest height, in units.
const HEAD_LINE: f64 = 1.45;
/// A row is higher than a line of letters, in units.
const ROW: f64 = 1.5;
/// In a row of that height, in units, any words have the room in which they are largest.
const HIGHEST: f64 = 9.0;
/// Numbers grow to so many units.
const LARGEST: f64 = 2.6;

/// How wide the words of all rows are: pixels for each pixel of the letters' size.
#[derive(Debug, Clone, Default)]
pub(super) struct Measures {
    /// The widest label.
    pub(super) label: f64,
    /// The widest number of people waiting.
    pub(super) waiting: f64,
    /// Each row's number and counter; 0: there is none.
    pub(super) calls: Vec<(f64, f64)>,
}

/// A rectangle in a row.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Field {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where it is said how many wait.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Side {
    /// Below the label, at this height.
    Left(f64),
    /// At the row's right edge, at this height.
    Right(f64),
}

/// A row's places, from its upper left corner, in pixels.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Plan {
    /// The coloured ground of the number and the counter.
    pub(super) field: Field,
    /// Free space at the field's left and right.
    pub(super) inset: f64,
    /// The label's letters.
    pub(super) label: f64,
    /// The label's middle.
    pub(super) label_at: f64,
    /// So long may the label be.
    pub(super) label_room: f64,
    /// How many wait; `None`: there is no room to say so.
    pub(super) waiting: Option<Side>,
    /// The number's letters.
    pub(super) number: f64,
    /// The counter's letters.
    pub(super) counter: f64,
    /// The counter stands below the number, not at its right.
    pub(super) is_stacked: bool,
    /// How good it is.
    score: f64,
}

/// The best plan for rows of that size.
pub(super) fn best(it: &Measures, unit: f64, (width, height): (f64, f64)) -> Plan {
    let beside = [0.56, 0.62, 0.68, 0.74].map(|share| beside(it, unit, share, (width, height)));
    let above = [true, false].map(|says_waiting| above(it, unit, says_waiting, (width, height)));
    let counters = [1.3, 1.15, 1.0].map(|size| size * unit);
    let mut best: Option<Plan> = None;
    for head in beside.into_iter().chain(above) {
        for counter in counters {
            for is_stacked in [false, true] {
                let plan = head.clone().filled(it, unit, counter, is_stacked);
                if best.as_ref().is_none_or(|best| plan.score > best.score + 1e-9) {
                    best = Some(plan);
                }
            }
        }
    }
    // There is always a first one.
    best.unwrap_or_else(|| self::beside(it, unit, 0.56, (width, height)))
}

/// How well a row of that size can be read: 1 where it has no letters smaller than a unit and its name isn't cut; else the share of
/// that which there is.
fn legibility(it: &Measures, unit: f64, size: (f64, f64)) -> f64 {
    let plan = best(it, unit, size);
    let has_counter = it.calls.iter().any(|(_, counter)| *counter > 0.0);
    let calls = if has_counter {
        plan.number.min(plan.counter)
    } else {
        plan.number
    };
    let seen = plan.label_room / (it.label * unit).max(1e-6);
    (calls / unit).min(size.1 / (unit * ROW)).min(seen).min(1.0)
}

/// How many of so many rows stand on a page of `height` pixels: as many as can be read as well as one
/// alone; at least one.
pub(super) fn on_a_page(it: &Measures, unit: f64, (width, height): (f64, f64), rows: usize) -> usize {
    let of = |count: usize| legibility(it, unit, (width, height / count as f64));
    let wanted = of(1).min(1.0 - 1e-6);
    let most = (1..=rows).rev().find(|count| of(*count) >= wanted).unwrap_or(1);
    // All pages are about as full.
    rows.div_ceil(rows.div_ceil(most).max(1)).max(1)
}

/// The least height in pixels of a row that can be read as well as any higher one.
pub(super) fn least(it: &Measures, unit: f64, width: f64) -> f64 {
    let of = |height: f64| legibility(it, unit, (width, height));
    let wanted = of(HIGHEST * unit).min(1.0 - 1e-6);
    let heights = (0..).map(|step| unit * (ROW + f64::from(step) * 0.1));
    let mut heights = heights.take_while(|height| *height < HIGHEST * unit);
    heights.find(|height| of(*height) >= wanted).unwrap_or(HIGHEST * unit)
}

/// The label and who waits at the left, the field at the right with so much of the width.
fn beside(it: &Measures, unit: f64, share: f64, (width, height): (f64, f64)) -> Plan {
    let field = Field {
        x: width * (1.0 - share),
        y: height * 0.06,
        width: width * share,
        height: height * 0.88,
    };
    let room = (field.x - unit * 0.6).max(1.0);
    let says_waiting = height >= unit * 3.0;
    let lift = if says_waiting { unit * 0.8 } else { 0.0 };
    let said = if says_waiting {
        it.label.max(it.waiting)
    } else {
        it.label
    };
    Plan {
        waiting: says_waiting.then_some(Side::Left(height / 2.0 + lift)),
        label_at: height / 2.0 - lift,
        ..headed(
            it,
            unit,
            field,
            room,
            score(room / (said * unit)) - (share - 0.56) * 2.0,
        )
    }
}

/// The label and who waits above, the field below over the whole width.
fn above(it: &Measures, unit: f64, says_waiting: bool, (width, height): (f64, f64)) -> Plan {
    let is_one_line = !says_waiting || (it.label + it.waiting + 0.8) * unit <= width;
    let line = unit * HEAD_LINE;
    let head = if is_one_line { line } else { line * 2.0 };
    let field = Field {
        x: 0.0,
        y: head,
        width,
        height: (height - head - unit * 0.3).max(1.0),
    };
    let said = if says_waiting {
        it.label.max(it.waiting)
    } else {
        it.label
    };
    let room = match (says_waiting, is_one_line) {
        (true, true) => width - (it.waiting + 0.8) * unit,
        _ => width,
    };
    let side = if is_one_line {
        Side::Right(line / 2.0)
    } else {
        Side::Left(line * 1.5)
    };
    Plan {
        waiting: says_waiting.then_some(side),
        label_at: line / 2.0,
        ..headed(it, unit, field, room, score(width / (said * unit)) - 0.5)
    }
}

/// How good it is that such a share of the words at the left is seen: a cut word is bad, a single letter worse.
fn score(seen: f64) -> f64 {
    if seen >= 1.0 { 0.0 } else { -4.0 - 24.0 * (1.0 - seen) }
}

fn headed(it: &Measures, unit: f64, field: Field, room: f64, score: f64) -> Plan {
    Plan {
        field,
        inset: (unit * 0.6).min(field.width / 10.0),
        label: (room / it.label.max(1e-6)).clamp(unit, unit * 1.25),
        label_at: 0.0,
        label_room: room,
        waiting: None,
        number: unit,
        counter: unit,
        is_stacked: false,
        score,
    }
}

impl Plan {
    /// The middles of the number and of the counter below it.
    pub(super) fn stacked(&self) -> (f64, f64) {
        let (number, counter) = (self.number * NUMBER_LINE, self.counter * COUNTER_LINE);
        let top = self.field.y + (self.field.height - number - counter) / 2.0;
        (top + number / 2.0, top + number + counter / 2.0)
    }

    /// With the largest number that goes with a counter of that size; both smaller where they must be.
    fn filled(mut self, it: &Measures, unit: f64, counter: f64, is_stacked: bool) -> Self {
        let width = self.field.width - self.inset * 2.0;
        let height = self.field.height * 0.9;
        let gap = unit * 0.7;
        let has_counter = it.calls.iter().any(|(_, counter)| *counter > 0.0);
        let is_stacked = is_stacked && has_counter;
        let fits = |row: &(f64, f64), counter: f64| match (is_stacked, row.1 > 0.0) {
            (false, true) => (width - gap - row.1 * counter) / row.0.max(1e-6),
            _ => width / row.0.max(1e-6),
        };
        let least = |sizes: &mut dyn Iterator<Item = f64>| sizes.fold(f64::INFINITY, f64::min);
        let mut counter = counter;
        let mut number = least(&mut it.calls.iter().map(|row| fits(row, counter))).min(unit * LARGEST);
        if is_stacked {
            counter = counter.min(least(&mut it.calls.iter().map(|row| width / row.1.max(1e-6))));
            number = number.min((height - counter * COUNTER_LINE) / NUMBER_LINE);
        } else {
            number = number.min(height * 0.85);
        }
        if number < counter {
            // Both alike, as large as they can be.
            let both = if is_stacked {
                let rows = &mut it.calls.iter().map(|row| width / row.0.max(row.1).max(1e-6));
                least(rows).min(height / (NUMBER_LINE + COUNTER_LINE))
            } else {
                let rows = it.calls.iter();
                let rows = &mut rows.map(|row| match row.1 > 0.0 {
                    true => (width - gap) / (row.0 + row.1).max(1e-6),
                    false => width / row.0.max(1e-6),
                });
                least(rows).min(height * 0.85)
            };
            (number, counter) = (both, both);
        }
        number = number.clamp(1.0, unit * LARGEST);
        counter = counter.clamp(1.0, unit * 1.3);
        let lacks = |size: f64| (1.0 - size / unit).max(0.0);
        let lacking = lacks(number) + if has_counter { lacks(counter) } else { 0.0 };
        // A name that is cut can be read, letters that are too small can't.
        self.score -= 20.0 * lacking + if lacking > 1e-6 { 30.0 } else { 0.0 };
        self.score += if self.waiting.is_some() { 3.0 } else { 0.0 };
        self.score += (number + counter) / unit - if is_stacked { 0.1 } else { 0.0 };
        Self {
            number,
            counter,
            is_stacked,
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measures(calls: &[(f64, f64)]) -> Measures {
        Measures {
            label: 6.0,
            waiting: 4.0,
            calls: calls.to_vec(),
        }
    }

    #[test]
    fn a_number_and_its_counter_lie_whole_inside_their_field_in_any_zone() {
        let boards = [
            measures(&[(1.2, 3.5)]),
            measures(&[(3.6, 5.0), (1.2, 0.0)]),
            measures(&[(3.6, 0.0)]),
            measures(&[(12.0, 14.0), (3.0, 2.0), (1.0, 0.0)]),
        ];
        let sizes = |from: u32| (from..60).map(|step| f64::from(step) * 20.0);
        for (it, unit) in boards.iter().flat_map(|it| [12.0, 24.0, 48.0].map(|unit| (it, unit))) {
            for (width, height) in sizes(5).flat_map(|width| sizes(2).map(move |height| (width, height))) {
                let plan = best(it, unit, (width, height));
                let field = plan.field;
                let said = format!("{width}x{height} at {unit}: {plan:?}");
                assert!(field.x >= 0.0 && field.x + field.width <= width + 1e-6, "{said}");
                let room = field.width - plan.inset * 2.0 + 1e-6;
                for (number, counter) in &it.calls {
                    let (number, counter) = (number * plan.number, counter * plan.counter);
                    if plan.is_stacked || counter == 0.0 {
                        assert!(number <= room && counter <= room, "{said}");
                    } else {
                        assert!(number + counter < room, "{said}");
                    }
                }
                // In a row that is lower than a letter nothing can be shown.
                if height >= unit * 1.5 {
                    let lines = if plan.is_stacked {
                        plan.counter * COUNTER_LINE
                    } else {
                        0.0
                    };
                    assert!(plan.number + lines <= field.height + 1e-6, "{said}");
                }
            }
        }
    }

    #[test]
    fn rows_take_turns_before_letters_become_too_small_to_be_read() {
        let boards = [
            measures(&[(1.2, 3.5), (2.0, 4.0)]),
            measures(&[(3.6, 5.0), (1.2, 0.0)]),
            measures(&[(3.6, 0.0)]),
        ];
        for (it, unit) in boards.iter().flat_map(|it| [12.0, 24.0, 48.0].map(|unit| (it, unit))) {
            let sizes = |from: u32, to: u32| (from..to).map(move |step| f64::from(step) * 0.5 * unit);
            for (width, rows) in sizes(14, 80).flat_map(|width| (1..7).map(move |rows| (width, rows))) {
                let least = least(it, unit, width);
                for height in sizes(3, 60) {
                    let count = on_a_page(it, unit, (width, height), rows);
                    let row = height / count as f64;
                    let plan = best(it, unit, (width, row));
                    let said = format!("{count} of {rows} rows in {width}x{height} at {unit}: {plan:?}");
                    assert!((1..=rows).contains(&count), "{said}");
                    if height >= least {
                        assert!(row >= unit * ROW - 1e-6, "{said}");
                        assert!(plan.number >= unit * 0.999, "{said}");
                        assert!(plan.counter >= unit * 0.999, "{said}");
                    }
                }
                assert_eq!(on_a_page(it, unit, (width, unit * 12.0 * rows as f64), rows), rows);
            }
        }
    }

    #[test]
    fn where_a_word_is_wider_than_the_zone_its_letters_are_as_large_as_the_width_allows() {
        let wide = measures(&[(12.0, 14.0)]);
        let (width, unit) = (200.0, 24.0);
        let alone = best(&wide, unit, (width, unit * HIGHEST)).counter;
        let height = least(&wide, unit, width) * 3.0;
        let count = on_a_page(&wide, unit, (width, height), 5);
        assert!(alone < unit && count >= 3, "{alone} {count}");
        assert!(best(&wide, unit, (width, height / count as f64)).counter >= alone * 0.999);
    }

    #[test]
    fn pages_are_about_as_full() {
        let it = measures(&[(1.2, 3.5)]);
        let height = least(&it, 24.0, 516.0) * 4.0;
        assert_eq!(on_a_page(&it, 24.0, (516.0, height), 4), 4);
        assert_eq!(on_a_page(&it, 24.0, (516.0, height), 5), 3);
    }

    #[test]
    fn a_name_is_whole_if_a_page_of_fewer_rows_has_room_for_it() {
        let long = Measures {
            label: 12.0,
            ..measures(&[(3.6, 3.6)])
        };
        let (width, unit) = (14.0 * 24.0, 24.0);
        for height in (2..40).map(|step| f64::from(step) * unit) {
            let count = on_a_page(&long, unit, (width, height), 4);
            let plan = best(&long, unit, (width, height / count as f64));
            let is_whole = plan.label_room >= 12.0 * unit;
            assert!(
                is_whole || height < least(&long, unit, width),
                "{height}: {count} {plan:?}"
            );
        }
    }

    #[test]
    fn where_there_is_room_the_label_stands_beside_a_large_number_and_its_counter() {
        let plan = best(&measures(&[(1.2, 3.5)]), 24.0, (516.0, 126.0));
        assert!(plan.field.x > 0.0 && !plan.is_stacked);
        assert!((plan.number - 24.0 * LARGEST).abs() < 1e-6, "{plan:?}");
        assert!(matches!(plan.waiting, Some(Side::Left(_))));
    }

    #[test]
    fn in_a_narrow_zone_the_label_goes_above_and_no_letter_is_too_small() {
        let plan = best(&measures(&[(3.6, 3.6)]), 24.0, (257.0, 126.0));
        assert!(plan.field.x == 0.0, "{plan:?}");
        assert!(plan.number >= 24.0 && plan.counter >= 24.0, "{plan:?}");
        assert!(plan.waiting.is_some());
    }
}
