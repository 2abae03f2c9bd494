//! Who stays: people who sit, stand or wait don't fade into the background, and furniture does.
//!
//! Figures are followed from picture to picture. One that has stopped is kept out of the learned background
//!
//! - when it came walking, until somebody walks away from there who didn't walk up to it (then it may be a thing that
//!   was brought), but for [`LONGEST`] at most unless it moves or a look at the picture itself finds a person;
//! - when a look at the picture itself (HOG, every ten seconds) finds a person there, until [`NOES`] looks in a row don't;
//! - until it was looked at [`ASK`] times.
//!
//! Where such looks find a person twice in a row who is no foreground, because they stood there when the background
//! was learned, the person is counted too, until [`NOES`] looks find none or nothing has stirred there for
//! [`PICTURE`]: then it is a poster or a pillar.
//!
//! Invariant: pure arithmetic over boxes and times; lengths are in heights of the person.

use std::time::Duration;

use super::Detection;

/// Somebody who came walking, doesn't move and whom no look confirms is kept for so long.
const LONGEST: Duration = Duration::from_secs(30 * 60);

/// What looks like a person from the start on and never stirs is a picture of one after so long.
const PICTURE: Duration = Duration::from_secs(10 * 60);

/// Looks in a row without a person after which a person who was found is none any more.
const NOES: u32 = 3;

/// What stands still is looked at so often before it is furniture.
const ASK: u32 = 2;

/// How sure a look must be of a person who is no foreground.
const SURE: f64 = 1.0;

/// A figure goes on as one at most so far from where it was,
const REACH: f64 = 0.35;

/// and so much further for each second since.
const REACH_PER_SECOND: f64 = 1.0;

/// A figure unseen for so long has gone.
const GONE: Duration = Duration::from_secs(2);

/// Within this distance of where it stopped a figure stands still,
const STILL: f64 = 0.4;

/// and from so long on it is said to.
const STANDS: Duration = Duration::from_secs(3);

/// Whoever has come so far has walked,
const WALKED: f64 = 1.0;

/// when at least this share of their way was straight on: figures in a bush jump to and fro.
const STRAIGHT: f64 = 0.6;

/// Steps of a way that are shorter are jitter.
const STEP: f64 = 0.25;

/// Beside somebody who has stood for so long
const LONG: Duration = Duration::from_secs(10);

/// and no further than this, what appears without walking is a shadow or a bag of theirs.
const BESIDE: f64 = 0.5;

/// Feet nearer than this are at one place.
const NEAR: f64 = 0.7;

/// A figure that is followed.
#[derive(Debug, Clone)]
struct Followed {
    place: Detection,
    /// Where it was first seen, and when.
    born: ([f64; 2], Duration),
    /// The last step of its way, and how long that is.
    step: [f64; 2],
    way: f64,
    /// Where it stopped, and when.
    stopped: ([f64; 2], Duration),
    seen: Duration,
    looks: u32,
    /// It has walked since it was first seen.
    has_walked: bool,
    /// It walked here, and nobody walked away from here since.
    has_come: bool,
    /// Figures that went out of sight here: who comes out again has not left this one behind.
    arrivals: u32,
    hits: u32,
    noes: u32,
    /// When something last moved here.
    stirred: Duration,
    /// It is part of the learned background: not a figure, but found by looks.
    is_learned: bool,
    /// It appeared beside somebody who stood, and neither has walked nor was found.
    is_doubtful: bool,
    /// It looks like a person and has never stirred.
    is_poster: bool,
}

/// The figures of one camera.
#[derive(Debug)]
pub(super) struct Stayers {
    followed: Vec<Followed>,
    /// Width of the picture as a share of its height.
    aspect: f64,
}

impl Stayers {
    /// `aspect`: the picture's width divided by its height.
    pub(super) fn new(aspect: f64) -> Self {
        Self {
            followed: Vec::new(),
            aspect,
        }
    }

    /// Takes the figures of a picture and says who is to be counted: those, and people who are no foreground.
    pub(super) fn see(&mut self, mut figures: Vec<Detection>, at: Duration) -> Vec<Detection> {
        let taken = self.pair(&figures, at);
        let aspect = self.aspect;
        let mut is_counted = vec![true; figures.len()];
        let mut born = Vec::new();
        for (index, followed) in taken.iter().enumerate() {
            let Some(followed) = followed.and_then(|followed| self.followed.get_mut(followed)) else {
                let mut one = Followed::new(figures[index], at);
                one.is_doubtful = self.is_beside_somebody(&figures[index], at);
                is_counted[index] = !one.is_doubtful;
                born.push(one);
                continue;
            };
            followed.go_on(figures[index], aspect, at);
            followed.is_doubtful &= !followed.has_walked && followed.hits == 0;
            is_counted[index] = !followed.is_doubtful;
        }
        self.followed.append(&mut born);
        let mut counted = is_counted.into_iter();
        figures.retain(|_| counted.next() != Some(false));
        self.bury(at);
        self.leave();
        let learned = (self.followed.iter())
            .filter(|one| one.is_learned && !one.is_poster && one.hits >= ASK && one.seen != at)
            .map(|one| one.place);
        figures.extend(learned);
        figures
    }

    /// Boxes that must not be learned: people who stay, and what isn't known yet.
    pub(super) fn kept(&self, at: Duration) -> impl Iterator<Item = &Detection> {
        let kept = self.followed.iter().filter(move |one| one.is_kept(at));
        kept.map(|one| &one.place)
    }

    /// Where people are known to be, whether they stand or walk.
    pub(super) fn people(&self) -> impl Iterator<Item = &Detection> {
        let people = self.followed.iter().filter(|one| one.has_walked || one.hits > 0);
        people.map(|one| &one.place)
    }

    /// Takes what a look at the picture itself has found. `stirs` says whether something has moved in a box since the
    /// last look.
    pub(super) fn ask(&mut self, found: &[Detection], at: Duration, stirs: impl Fn(&Detection) -> bool) {
        let mut pairs = Vec::new();
        for (index, person) in found.iter().enumerate() {
            for (other, one) in self.followed.iter().enumerate() {
                let far = distance(person.foot(), &one.place, self.aspect);
                if far <= NEAR {
                    pairs.push((far, index, other));
                }
            }
        }
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let whose = taken(&pairs, found.len(), self.followed.len());
        for (other, one) in self.followed.iter_mut().enumerate() {
            if stirs(&one.place) {
                one.stirred = at;
            }
            if whose.contains(&Some(other)) {
                one.hits += 1;
                one.noes = 0;
            } else if one.stands(at) || one.is_learned {
                one.noes += 1;
            }
        }
        self.followed
            .retain(|one| !one.is_learned || one.is_poster || one.noes < if one.hits < ASK { 1 } else { NOES });
        let followed: Vec<Detection> = self.followed.iter().map(|one| one.place).collect();
        for (person, whose) in found.iter().zip(whose) {
            let is_alone = || {
                !followed
                    .iter()
                    .any(|one| distance(person.foot(), one, self.aspect) <= NEAR)
            };
            if whose.is_none() && person.score >= SURE && is_alone() {
                let mut one = Followed::new(*person, at);
                (one.hits, one.is_learned) = (1, true);
                self.followed.push(one);
            }
        }
    }

    /// The background is learned anew, with everybody in it: whoever was kept is believed in until looks say no.
    pub(super) fn relearn(&mut self, at: Duration) {
        self.followed
            .retain(|one| one.is_learned || (one.is_kept(at) && (one.has_come || one.hits > 0)));
        for one in &mut self.followed {
            (one.is_learned, one.noes, one.stirred) = (true, 0, at);
            one.hits = one.hits.max(ASK);
        }
    }

    fn is_beside_somebody(&self, figure: &Detection, at: Duration) -> bool {
        let stands = |one: &&Followed| at.saturating_sub(one.stopped.1) >= LONG && one.is_kept(at);
        let mut standing = self.followed.iter().filter(stands);
        standing.any(|one| distance(figure.foot(), &one.place, self.aspect) <= BESIDE)
    }

    /// Which followed figure each figure is: the nearest pairs first.
    fn pair(&self, figures: &[Detection], at: Duration) -> Vec<Option<usize>> {
        let mut pairs = Vec::new();
        for (index, figure) in figures.iter().enumerate() {
            for (other, one) in self.followed.iter().enumerate() {
                let since = at.saturating_sub(one.seen).as_secs_f64();
                let far = distance(figure.foot(), &one.place, self.aspect);
                if far <= (REACH + REACH_PER_SECOND * since).min(2.0) && (!one.is_learned || far <= NEAR) {
                    pairs.push((far, index, other));
                }
            }
        }
        // Who walks past somebody who is no foreground stays who they are.
        pairs.sort_by(|a, b| {
            let is_learned = |pair: &(f64, usize, usize)| self.followed[pair.2].is_learned;
            is_learned(a).cmp(&is_learned(b)).then(a.0.total_cmp(&b.0))
        });
        taken(&pairs, figures.len(), self.followed.len())
    }

    /// Drops who has gone; if that was beside somebody, they may come out again from there.
    fn bury(&mut self, at: Duration) {
        let is_gone = |one: &Followed| !one.is_learned && at.saturating_sub(one.seen) >= GONE;
        let gone: Vec<[f64; 2]> = (self.followed.iter())
            .filter(|one| is_gone(one) && one.has_walked)
            .map(|one| one.place.foot())
            .collect();
        self.followed.retain(|one| !is_gone(one));
        for one in &mut self.followed {
            // It stays on the list, so that it isn't taken for somebody new.
            one.is_poster = one.is_learned && at.saturating_sub(one.stirred) >= PICTURE;
            let arrived = gone
                .iter()
                .filter(|foot| distance(**foot, &one.place, self.aspect) < NEAR);
            one.arrivals += u32::try_from(arrived.count()).unwrap_or(0);
        }
    }

    /// Whoever walks away from where another one stopped before, and hadn't walked up to it, leaves a thing behind, or
    /// the hole in the background where they stood: looks must find somebody there anew.
    fn leave(&mut self) {
        let fresh: Vec<([f64; 2], Duration)> = (self.followed.iter_mut())
            .filter(|one| !one.has_walked && one.walks(self.aspect))
            .map(|one| {
                (one.has_walked, one.has_come, one.is_learned) = (true, true, false);
                one.born
            })
            .collect();
        for (born, when) in fresh {
            let left = (self.followed.iter_mut())
                .filter(|one| !one.has_walked || one.stopped.1 < when)
                .filter(|one| one.has_come || one.hits > 0)
                .filter(|one| one.born.0 != born)
                .map(|one| (distance(born, &one.place, self.aspect), one))
                .filter(|(far, _)| *far < NEAR)
                .min_by(|a, b| a.0.total_cmp(&b.0));
            if let Some((_, one)) = left {
                match one.arrivals {
                    0 => (one.has_come, one.hits, one.is_learned) = (false, 0, false),
                    _ => one.arrivals -= 1,
                }
            }
        }
    }
}

impl Followed {
    fn new(place: Detection, at: Duration) -> Self {
        let foot = place.foot();
        Self {
            place,
            born: (foot, at),
            step: foot,
            way: 0.0,
            stopped: (foot, at),
            seen: at,
            looks: 1,
            has_walked: false,
            has_come: false,
            arrivals: 0,
            hits: 0,
            noes: 0,
            stirred: at,
            is_learned: false,
            is_doubtful: false,
            is_poster: false,
        }
    }

    fn go_on(&mut self, place: Detection, aspect: f64, at: Duration) {
        let foot = place.foot();
        self.place = place;
        self.seen = at;
        self.looks = self.looks.saturating_add(1);
        let step = between(foot, self.step, place.height, aspect);
        if step >= STEP {
            self.way += step;
            self.step = foot;
        }
        if between(foot, self.stopped.0, place.height, aspect) > STILL {
            self.stopped = (foot, at);
            self.stirred = at;
            // Elsewhere it is asked anew.
            self.noes = 0;
            self.has_come = self.has_walked;
            self.arrivals = 0;
        }
    }

    /// Whether it has come straight on from where it was first seen.
    fn walks(&self, aspect: f64) -> bool {
        let far = between(self.place.foot(), self.born.0, self.place.height, aspect);
        self.looks >= 3 && far >= WALKED && far >= STRAIGHT * self.way
    }

    fn stands(&self, at: Duration) -> bool {
        at.saturating_sub(self.stopped.1) >= STANDS
    }

    fn is_kept(&self, at: Duration) -> bool {
        if self.is_learned || !self.stands(at) {
            return false;
        }
        let is_found = self.hits > 0 && self.noes < NOES;
        let has_stayed = self.has_come && at.saturating_sub(self.stirred) < LONGEST;
        is_found || has_stayed || self.hits + self.noes < ASK
    }
}

/// How far a foot point is from a person's, in the person's heights.
fn distance(foot: [f64; 2], person: &Detection, aspect: f64) -> f64 {
    between(foot, person.foot(), person.height, aspect)
}

/// How far two points are apart, in heights of `height` (a share of the picture).
fn between([ax, ay]: [f64; 2], [bx, by]: [f64; 2], height: f64, aspect: f64) -> f64 {
    ((ax - bx) * aspect).hypot(ay - by) / height.max(f64::EPSILON)
}

/// Which of `others` each of `ones` gets, of pairs `(distance, one, other)` in the order in which they are to be had.
fn taken(pairs: &[(f64, usize, usize)], ones: usize, others: usize) -> Vec<Option<usize>> {
    let (mut taken, mut is_used) = (vec![None; ones], vec![false; others]);
    for (_, one, other) in pairs {
        if taken[*one].is_none() && !is_used[*other] {
            taken[*one] = Some(*other);
            is_used[*other] = true;
        }
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    const PER_SECOND: u64 = 5;

    fn person(x: f64) -> Detection {
        Detection {
            left: x - 0.03,
            top: 0.4,
            width: 0.06,
            height: 0.2,
            score: 1.0,
        }
    }

    /// Plays seconds of figures; looks every ten seconds find `found`.
    struct Play {
        stayers: Stayers,
        picture: u64,
    }

    impl Play {
        fn new() -> Self {
            Self {
                stayers: Stayers::new(1.0),
                picture: 0,
            }
        }

        fn at(&self) -> Duration {
            Duration::from_millis(self.picture * 1000 / PER_SECOND)
        }

        fn show(&mut self, seconds: u64, found: &[f64], figures: impl Fn(f64) -> Vec<f64>) -> usize {
            let mut count = 0;
            for step in 0..seconds * PER_SECOND {
                let at = self.at();
                let places = figures(step as f64 / PER_SECOND as f64);
                count = self.stayers.see(places.into_iter().map(person).collect(), at).len();
                if self.picture.is_multiple_of(10 * PER_SECOND) {
                    let found: Vec<_> = found.iter().map(|x| person(*x)).collect();
                    self.stayers.ask(&found, at, |_| false);
                }
                self.picture += 1;
            }
            count
        }

        fn kept(&self) -> usize {
            self.stayers.kept(self.at()).count()
        }
    }

    fn walk(from: f64, to: f64) -> impl Fn(f64) -> Vec<f64> {
        move |second| vec![from + (to - from) * (second / 5.0).min(1.0)]
    }

    #[test]
    fn who_walks_in_and_stops_is_kept_without_a_look_that_finds_them() {
        let mut play = Play::new();
        play.show(300, &[], walk(0.1, 0.6));
        assert_eq!(play.kept(), 1);
    }

    #[test]
    fn but_not_for_ever() {
        let mut play = Play::new();
        play.show(LONGEST.as_secs() + 30, &[], walk(0.1, 0.6));
        assert_eq!(play.kept(), 0);
    }

    #[test]
    fn what_appears_is_looked_at_and_then_furniture() {
        let mut play = Play::new();
        play.show(9, &[], |_| vec![0.5]);
        assert_eq!(play.kept(), 1, "not looked at yet");
        play.show(30, &[], |_| vec![0.5]);
        assert_eq!(play.kept(), 0);
    }

    #[test]
    fn what_appears_and_is_found_is_kept_until_it_is_not_found_any_more() {
        let mut play = Play::new();
        play.show(120, &[0.5], |_| vec![0.5]);
        assert_eq!(play.kept(), 1);
        play.show(20, &[], |_| vec![0.5]);
        assert_eq!(play.kept(), 1, "one look may miss");
        play.show(20, &[], |_| vec![0.5]);
        assert_eq!(play.kept(), 0);
    }

    #[test]
    fn what_is_brought_is_furniture_when_its_bearer_walks_away() {
        let mut play = Play::new();
        play.show(10, &[], walk(0.1, 0.6));
        play.show(25, &[], |second| vec![0.6, 0.62 + second.min(3.0) * 0.1]);
        assert_eq!(play.kept(), 1, "the bearer, who stands again");
        play.show(30, &[], |_| vec![0.6]);
        assert_eq!(play.kept(), 0, "the bench alone");
    }

    #[test]
    fn who_passes_somebody_who_waits_doesnt_make_them_furniture() {
        let mut play = Play::new();
        play.show(30, &[], walk(0.1, 0.6));
        // Comes, is hidden for three seconds, walks on.
        play.show(5, &[], |second| vec![0.6, 0.9 - second * 0.05]);
        play.show(3, &[], |_| vec![0.6]);
        play.show(10, &[], |second| vec![0.6, 0.5 - second * 0.04]);
        play.show(60, &[], |_| vec![0.6]);
        assert_eq!(play.kept(), 1);
    }

    #[test]
    fn who_stood_there_from_the_start_is_counted_after_two_looks_and_gone_after_three() {
        let mut play = Play::new();
        assert_eq!(play.show(9, &[0.5], |_| Vec::new()), 0);
        assert_eq!(play.show(3, &[0.5], |_| Vec::new()), 1);
        assert_eq!(play.show(18, &[], |_| Vec::new()), 1);
        assert_eq!(play.show(15, &[], |_| Vec::new()), 0);
    }

    #[test]
    fn a_shadow_that_appears_beside_somebody_who_stands_is_nobody() {
        let mut play = Play::new();
        play.show(30, &[], walk(0.1, 0.6));
        assert_eq!(play.show(20, &[], |_| vec![0.6, 0.65]), 1);
        assert_eq!(
            play.show(20, &[0.65], |_| vec![0.6, 0.65]),
            2,
            "unless a look finds a person"
        );
    }

    #[test]
    fn a_poster_is_nobody_in_the_end() {
        let mut play = Play::new();
        play.show(PICTURE.as_secs() - 20, &[0.5], |_| Vec::new());
        assert_eq!(play.show(60, &[0.5], |_| Vec::new()), 0);
    }

    #[test]
    fn figures_that_jump_to_and_fro_have_not_walked() {
        let mut play = Play::new();
        play.show(120, &[], |second| vec![0.5 + 0.11 * (second * 2.3).sin()]);
        assert_eq!(play.stayers.people().count(), 0);
    }
}
