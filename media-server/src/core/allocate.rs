//! Divides what a subscriber's link carries over the tracks that it is shown.
//!
//! Invariant: sounds come first, then every picture's smallest layer, the more important pictures before the others, then
//! larger layers step by step. What is given never takes more than the budget, but for the sounds and for a smallest layer
//! that was given already and nearly fits; and nobody is given more than is shown.

/// A layer as it can be had: see [`super::steps`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Offer {
    /// Bits a second.
    pub(crate) bps: u64,
    /// Height in pixels.
    pub(crate) height: u32,
    /// It has fewer frames than the next one, of the same height.
    pub(crate) is_partial: bool,
}

/// A picture that a subscriber is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    /// Its layers, ascending.
    pub(crate) layers: Vec<Offer>,
    /// How tall it is shown, in pixels; none: as tall as it comes. 0: not at all.
    pub(crate) height: Option<u32>,
    /// The larger the more important, before size.
    pub(crate) priority: u8,
    /// Which layer it is given now.
    pub(crate) given: Option<usize>,
    /// Whether it may be given a larger one: not just after the link has become narrower.
    pub(crate) may_rise: bool,
}

/// Who is given what.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// For each wish its layer; none: nothing.
    pub(crate) layers: Vec<Option<usize>>,
    /// What the link must carry for all to be given their best, in bits a second.
    pub(crate) wanted_bps: u64,
}

/// What isn't given yet must fit with this much to spare: an estimate swings.
const MARGIN_NUMERATOR: u64 = 11;
const MARGIN_DENOMINATOR: u64 = 10;

/// The smallest layer stays as long as this share of what it takes is left for it, in percent.
const LAST_PERCENT: u64 = 75;

/// A layer counts as large enough when it has this share of the height that is shown.
const ENOUGH_NUMERATOR: u32 = 4;
const ENOUGH_DENOMINATOR: u32 = 5;

impl Wish {
    /// The smallest layer that is large enough for what is shown; none: it isn't shown.
    pub(crate) fn best(&self) -> Option<usize> {
        let last = self.layers.len().checked_sub(1)?;
        match self.height {
            Some(0) => None,
            None => Some(last),
            Some(height) => {
                let enough = |it: &Offer| !it.is_partial && it.height * ENOUGH_DENOMINATOR >= height * ENOUGH_NUMERATOR;
                Some(self.layers.iter().position(enough).unwrap_or(last))
            }
        }
    }

    /// What a step to this layer has to leave free besides its own rate.
    fn needs(&self, layer: usize) -> u64 {
        let bps = self.layers[layer].bps;
        match self.given {
            // Better a picture that is a little too much for an estimate that may be too low than none.
            Some(_) if layer == 0 => bps / 100 * LAST_PERCENT,
            None if layer == 0 => bps,
            Some(given) if given >= layer => bps,
            _ => with_margin(bps),
        }
    }
}

fn with_margin(bps: u64) -> u64 {
    bps / MARGIN_DENOMINATOR * MARGIN_NUMERATOR
}

/// Divides `budget` bits a second (none: nobody knows a limit), of which sounds take `sound_bps`. `is_proven`: the budget was
/// measured; until it is, everybody's smallest layer is let through to see.
pub(crate) fn divide(budget: Option<u64>, is_proven: bool, sound_bps: u64, wishes: &[Wish]) -> Shares {
    let best: Vec<Option<usize>> = wishes.iter().map(Wish::best).collect();
    let at_best = |(wish, best): (&Wish, &Option<usize>)| best.map_or(0, |layer| with_margin(wish.layers[layer].bps));
    let wanted_bps = sound_bps + wishes.iter().zip(&best).map(at_best).sum::<u64>();
    let Some(budget) = budget else {
        return Shares {
            layers: best,
            wanted_bps,
        };
    };
    let mut order: Vec<usize> = (0..wishes.len()).collect();
    order.sort_by_key(|it| {
        let wish = &wishes[*it];
        std::cmp::Reverse((wish.priority, wish.height.unwrap_or(u32::MAX)))
    });
    let mut left = budget.saturating_sub(sound_bps);
    let mut layers: Vec<Option<usize>> = vec![None; wishes.len()];
    for it in &order {
        let (wish, Some(_)) = (&wishes[*it], best[*it]) else {
            continue;
        };
        if wish.needs(0) <= left || !is_proven {
            layers[*it] = Some(0);
            left = left.saturating_sub(wish.layers[0].bps);
        }
    }
    // One step each in turn, so that nobody's best comes before somebody's better.
    let mut has_stepped = true;
    while has_stepped {
        has_stepped = false;
        for it in &order {
            let wish = &wishes[*it];
            let (Some(layer), Some(best)) = (layers[*it], best[*it]) else {
                continue;
            };
            let may_step = wish.may_rise || wish.given.is_some_and(|given| layer < given);
            if layer < best && may_step {
                let freed = wish.layers[layer].bps;
                if wish.needs(layer + 1) <= left + freed {
                    layers[*it] = Some(layer + 1);
                    left = (left + freed).saturating_sub(wish.layers[layer + 1].bps);
                    has_stepped = true;
                }
            }
        }
    }
    Shares { layers, wanted_bps }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(height: Option<u32>) -> Wish {
        Wish {
            layers: [(150_000, 180), (500_000, 360), (1_500_000, 720)]
                .map(|(bps, height)| Offer {
                    bps,
                    height,
                    is_partial: false,
                })
                .to_vec(),
            height,
            priority: 0,
            given: None,
            may_rise: true,
        }
    }

    fn given(budget: u64, wishes: &[Wish]) -> Vec<Option<usize>> {
        divide(Some(budget), true, 40_000, wishes).layers
    }

    #[test]
    fn without_a_limit_everybody_gets_what_is_shown() {
        let wishes = [wish(None), wish(Some(180)), wish(Some(220)), wish(Some(0))];
        let shares = divide(None, false, 40_000, &wishes);
        assert_eq!(
            shares.layers,
            [Some(2), Some(0), Some(0), None],
            "180 lines are enough for 220"
        );
        assert_eq!(
            shares.wanted_bps,
            40_000 + 1_650_000 + 2 * 165_000,
            "with some to spare"
        );
    }

    #[test]
    fn every_picture_gets_its_smallest_before_anyone_more() {
        let two = [wish(Some(720)), wish(Some(360))];
        assert_eq!(given(60_000, &two), [None, None], "sounds come first");
        assert_eq!(given(220_000, &two), [Some(0), None], "the larger one first");
        assert_eq!(given(400_000, &two), [Some(0), Some(0)]);
        assert_eq!(given(800_000, &two), [Some(1), Some(0)]);
        assert_eq!(given(1_200_000, &two), [Some(1), Some(1)]);
        assert_eq!(given(2_300_000, &two), [Some(2), Some(1)]);
    }

    #[test]
    fn a_more_important_one_comes_first_though_it_is_smaller() {
        let mut two = [wish(Some(720)), wish(Some(180))];
        two[1].priority = 1;
        assert_eq!(given(210_000, &two), [None, Some(0)]);
    }

    #[test]
    fn a_step_up_needs_more_than_staying() {
        let mut one = [wish(None)];
        assert_eq!(given(40_000 + 520_000, &one), [Some(0)]);
        one[0].given = Some(1);
        assert_eq!(given(40_000 + 520_000, &one), [Some(1)]);
        assert_eq!(given(40_000 + 490_000, &one), [Some(0)]);
    }

    #[test]
    fn half_of_the_frames_are_a_step_but_never_the_best_of_a_height() {
        let mut one = wish(Some(360));
        one.layers.insert(
            1,
            Offer {
                bps: 300_000,
                height: 360,
                is_partial: true,
            },
        );
        assert_eq!(one.best(), Some(2));
        assert_eq!(given(40_000 + 340_000, &[one.clone()]), [Some(1)]);
        assert_eq!(given(40_000 + 560_000, &[one]), [Some(2)]);
    }

    #[test]
    fn nobody_rises_just_after_the_link_has_become_narrower() {
        let mut one = [wish(None)];
        one[0].may_rise = false;
        one[0].given = Some(1);
        assert_eq!(given(5_000_000, &one), [Some(1)]);
        assert_eq!(given(400_000, &one), [Some(0)]);
        one[0].given = None;
        assert_eq!(given(5_000_000, &one), [Some(0)], "but comes back");
    }

    #[test]
    fn the_last_picture_stays_while_it_nearly_fits() {
        let mut one = [wish(None)];
        assert_eq!(given(40_000 + 149_000, &one), [None]);
        one[0].given = Some(1);
        assert_eq!(given(40_000 + 120_000, &one), [Some(0)]);
        assert_eq!(given(40_000 + 110_000, &one), [None]);
    }

    #[test]
    fn until_the_link_is_measured_the_smallest_is_let_through() {
        let shares = divide(Some(100_000), false, 40_000, &[wish(None)]);
        assert_eq!(shares.layers, [Some(0)]);
    }

    #[test]
    fn nothing_is_given_beyond_the_budget_whatever_the_wishes() {
        for budget in (0..6_000_000).step_by(37_000) {
            for heights in [[None, Some(90)], [Some(720), Some(0)], [Some(360), Some(360)]] {
                let wishes = heights.map(wish);
                let shares = divide(Some(budget), true, 40_000, &wishes);
                let taken: u64 = wishes
                    .iter()
                    .zip(&shares.layers)
                    .filter_map(|(wish, layer)| Some(wish.layers[(*layer)?].bps))
                    .sum();
                assert!(taken + 40_000 <= budget.max(40_000), "{budget} {heights:?}");
            }
        }
    }
}
