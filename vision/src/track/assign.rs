//! Which of these belongs to which of those, at the least cost altogether: the Hungarian method with potentials,
//! O(n³). Pure.

/// What is dearer than any sum of sound costs: such pairs are never made.
const FORBIDDEN: f64 = 1e6;

/// Pairs each row with at most one column, so that as many allowed pairs as possible are made and they cost the
/// least. `cost` gives `None` for a pair that must not be; costs are from 0 to 1,000.
///
/// Gives for each row its column.
#[must_use]
pub fn assign(rows: usize, columns: usize, cost: impl Fn(usize, usize) -> Option<f64>) -> Vec<Option<usize>> {
    by_price(rows, columns, &cost)
}

fn by_price(rows: usize, columns: usize, cost: &dyn Fn(usize, usize) -> Option<f64>) -> Vec<Option<usize>> {
    if rows == 0 || columns == 0 {
        return vec![None; rows];
    }
    // The method wants no more rows than columns.
    if rows > columns {
        let mut of_row = vec![None; rows];
        for (column, row) in by_price(columns, rows, &|a, b| cost(b, a)).into_iter().enumerate() {
            if let Some(row) = row {
                of_row[row] = Some(column);
            }
        }
        return of_row;
    }
    let costs: Vec<f64> = (0..rows * columns)
        .map(|cell| cost(cell / columns, cell % columns).map_or(FORBIDDEN, |cost| cost.clamp(0.0, 1000.0)))
        .collect();
    let mut of_row = vec![None; rows];
    for (column, row) in solve(&costs, rows, columns).into_iter().enumerate() {
        if let Some(row) = row.filter(|row| costs[row * columns + column] < FORBIDDEN) {
            of_row[row] = Some(column);
        }
    }
    of_row
}

/// For each column its row. Adds row after row by the cheapest chain of exchanges; `u` and `v` are the prices of
/// rows and columns that keep every reduced cost at 0 or above. Index 0 of each is a place for what has no partner.
fn solve(costs: &[f64], rows: usize, columns: usize) -> Vec<Option<usize>> {
    let (mut u, mut v) = (vec![0.0; rows + 1], vec![0.0; columns + 1]);
    let (mut row_of, mut before) = (vec![0; columns + 1], vec![0; columns + 1]);
    for row in 1..=rows {
        row_of[0] = row;
        let mut column = 0;
        let mut least = vec![f64::INFINITY; columns + 1];
        let mut is_done = vec![false; columns + 1];
        while row_of[column] != 0 {
            is_done[column] = true;
            let here = row_of[column];
            let (mut step, mut next) = (f64::INFINITY, 0);
            for to in (1..=columns).filter(|to| !is_done[*to]) {
                let reduced = costs[(here - 1) * columns + to - 1] - u[here] - v[to];
                if reduced < least[to] {
                    least[to] = reduced;
                    before[to] = column;
                }
                if least[to] < step {
                    step = least[to];
                    next = to;
                }
            }
            for to in 0..=columns {
                if is_done[to] {
                    u[row_of[to]] += step;
                    v[to] -= step;
                } else {
                    least[to] -= step;
                }
            }
            column = next;
        }
        while column != 0 {
            row_of[column] = row_of[before[column]];
            column = before[column];
        }
    }
    (row_of[1..].iter()).map(|row| row.checked_sub(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulate::Random;

    fn total(pairs: &[Option<usize>], costs: &[Vec<Option<f64>>]) -> (usize, f64) {
        let made = pairs
            .iter()
            .enumerate()
            .filter_map(|(row, column)| costs[row][(*column)?]);
        made.fold((0, 0.0), |(pairs, sum), cost| (pairs + 1, sum + cost))
    }

    /// Every way to pair: the most pairs, then the least cost.
    fn by_trying(costs: &[Vec<Option<f64>>], row: usize, used: &mut Vec<bool>) -> (usize, f64) {
        if row == costs.len() {
            return (0, 0.0);
        }
        let mut best = by_trying(costs, row + 1, used);
        for column in 0..used.len() {
            if let Some(cost) = costs[row][column].filter(|_| !used[column]) {
                used[column] = true;
                let (pairs, sum) = by_trying(costs, row + 1, used);
                used[column] = false;
                let other = (pairs + 1, sum + cost);
                if other.0 > best.0 || (other.0 == best.0 && other.1 < best.1) {
                    best = other;
                }
            }
        }
        best
    }

    #[test]
    fn nobody_and_nothing_are_no_pairs() {
        assert!(assign(0, 3, |_, _| Some(0.0)).is_empty());
        assert_eq!(assign(2, 0, |_, _| Some(0.0)), [None, None]);
        assert_eq!(assign(2, 2, |_, _| None), [None, None]);
    }

    #[test]
    fn the_nearest_is_left_to_whom_it_helps_more() {
        // Greedily row 0 would take column 0 and leave row 1 nothing.
        let costs = [[Some(0.1), Some(0.2)], [Some(0.15), None]];
        assert_eq!(assign(2, 2, |row, column| costs[row][column]), [Some(1), Some(0)]);
    }

    #[test]
    fn it_is_as_good_as_trying_all() {
        for seed in 0..1000 {
            let mut random = Random::new(seed);
            let (rows, columns) = (1 + random.below(5), 1 + random.below(5));
            let costs: Vec<Vec<Option<f64>>> = (0..rows)
                .map(|_| {
                    (0..columns)
                        .map(|_| (random.share() > 0.3).then(|| random.share()))
                        .collect()
                })
                .collect();
            let pairs = assign(rows, columns, |row, column| costs[row][column]);
            let mut columns_used: Vec<usize> = pairs.iter().flatten().copied().collect();
            columns_used.sort_unstable();
            columns_used.dedup();
            assert_eq!(
                columns_used.len(),
                pairs.iter().flatten().count(),
                "seed {seed}: one each"
            );
            let (made, sum) = total(&pairs, &costs);
            let (most, least) = by_trying(&costs, 0, &mut vec![false; columns]);
            assert_eq!(made, most, "seed {seed}");
            assert!((sum - least).abs() < 1e-9, "seed {seed}: {sum} against {least}");
        }
    }
}
