//! Real players in one group show the same frames at the same moments, whatever their clocks say, and whoever falls. What they
//! showed is read from their captured frames, by the one clock that they have in common.
#![allow(clippy::expect_used)]

mod common;

use std::time::{Duration, Instant};

use common::office::LIMIT;
use common::wait_for;
use common::wall::{Screen, Seen, compare, compare_calm, share_within, wall};
use protocol::screen::{InGroup, Role};

/// One frame.
const FRAME_MS: f64 = 34.0;

/// Where both screens keep up, so many frames must be within one frame. On a busy machine decoders come late, and then frames do:
/// what is asked of all frames is measured by the bench, on a quiet one.
const SHARE: f64 = 0.95;
/// So many frames of that kind are enough to tell.
const ENOUGH: usize = 100;
/// For so long such frames are waited for.
const PATIENCE: Duration = Duration::from_secs(30);

/// From one frame to the next of a film: at most a second is left out, where the machine is busy.
const STEP: u32 = 30;

fn standing(screen: &Screen) -> Option<InGroup> {
    screen.office.status()?.group
}

fn wait_for_role(screen: &Screen, role: Role) -> InGroup {
    wait_for(&format!("{} to be {role:?}", screen.name), LIMIT, || {
        standing(screen).filter(|group| group.role == role)
    })
}

/// Waits until the clock is in step: measured, and off by less than half a frame.
fn wait_for_step(screen: &Screen) {
    wait_for(&format!("{} to be in step", screen.name), LIMIT, || {
        let group = standing(screen)?;
        (group.role == Role::Follows && group.error_us? < 16_000).then_some(())
    });
}

/// What screens showed from now on, once it is so long, and once there is enough of it in which all kept up, or it was waited long
/// enough for that.
fn watch(screens: &[&Screen], frames: usize) -> Vec<Vec<Seen>> {
    let from: Vec<usize> = screens.iter().map(|screen| screen.seen().len()).collect();
    let until = Instant::now() + PATIENCE;
    wait_for("frames", LIMIT, || {
        let all_of = |(screen, from): (&&Screen, &usize)| screen.seen().split_off(*from);
        let seen: Vec<_> = screens.iter().zip(&from).map(all_of).collect();
        let is_clear = seen
            .windows(2)
            .all(|pair| compare_calm(&pair[0], &pair[1]).len() >= ENOUGH);
        let is_enough = is_clear || Instant::now() > until;
        (is_enough && seen.iter().all(|seen| seen.len() >= frames)).then_some(seen)
    })
}

#[track_caller]
fn assert_together(one: &[Seen], other: &[Seen]) {
    let (differences, missed) = compare(one, other);
    assert!(differences.len() > 50, "{} frames on both", differences.len());
    let calm = compare_calm(one, other);
    if calm.len() >= ENOUGH {
        let share = share_within(&calm, FRAME_MS);
        assert!(
            share >= SHARE,
            "{share} of {} within a frame where both kept up: {calm:?}",
            calm.len()
        );
    } else {
        eprintln!(
            "the machine kept up for {} frames only: most of all must be right",
            calm.len()
        );
    }
    // Also where they didn't: by chance they never are.
    let share = share_within(&differences, FRAME_MS);
    assert!(
        share > 0.5,
        "{share} of {} within a frame: {differences:?}",
        differences.len()
    );
    assert!(
        missed < differences.len(),
        "{missed} of {} frames on one alone",
        differences.len()
    );
}

/// No item begins anew or jumps while `seen` was watched: of one film, frames go on by at most a few.
#[track_caller]
fn assert_smooth(seen: &[Seen], most: u32) {
    for pair in seen.windows(2).filter(|pair| pair[0].film == pair[1].film) {
        let (before, after) = (pair[0].frame, pair[1].frame);
        assert!(
            after >= before && after - before <= most || after < 3,
            "from frame {before} to {after} of film {}",
            pair[0].film
        );
    }
    for pair in seen.windows(2) {
        assert!(
            pair[1].at - pair[0].at < 2_000.0,
            "a hole of {} ms",
            pair[1].at - pair[0].at
        );
    }
}

#[test]
fn two_screens_with_different_clocks_show_the_same_frames_and_one_that_comes_back_joins() {
    let [left, right] = wall(["left", "right"], &[150, 90]);
    let _left = left.start("30,50");
    let mut running = right.start("");
    wait_for_role(&left, Role::Leads);
    wait_for_step(&right);
    let seen = watch(&[&left, &right], 240);
    assert_together(&seen[0], &seen[1]);
    assert_smooth(&seen[1], STEP);

    // One is started anew in the middle of an item, its clock as wrong as the other's.
    running.kill();
    let _running = right.start("-500,-80");
    wait_for_step(&right);
    let seen = watch(&[&left, &right], 240);
    assert_together(&seen[0], &seen[1]);
    assert_eq!(standing(&left).expect("a group").heard, 1);
}

#[test]
fn when_the_leader_falls_the_others_play_on_and_it_joins_them_when_it_is_back() {
    let [a, b, c] = wall(["a", "b", "c"], &[150, 90]);
    let mut first = a.start("");
    let _b = b.start("30,50");
    let _c = c.start("-10,-50");
    wait_for_role(&a, Role::Leads);
    wait_for_step(&b);
    wait_for_step(&c);
    watch(&[&b, &c], 60);
    let from = [b.seen().len(), c.seen().len()];
    first.kill();
    let group = wait_for_role(&b, Role::Leads);
    assert_eq!((group.heard, group.others), (1, 2));
    let fault = group.fault().expect("a screen is missing");
    assert!(fault.contains("1 of 2"), "{fault}");
    watch(&[&b, &c], 240);
    let seen = [b.seen().split_off(from[0]), c.seen().split_off(from[1])];
    assert_together(&seen[0], &seen[1]);
    seen.iter().for_each(|seen| assert_smooth(seen, STEP));

    let _first = a.start("200,20");
    assert_eq!(wait_for_role(&a, Role::Follows).leader.expect("one").as_str(), "b");
    wait_for_step(&a);
    let seen = watch(&[&a, &b, &c], 240);
    assert_together(&seen[1], &seen[0]);
    assert_together(&seen[1], &seen[2]);
}

#[test]
fn a_screen_on_another_page_is_not_waited_for_and_joins_when_it_is_back() {
    let [left, right] = wall(["left", "right"], &[150, 90]);
    let _left = left.start("");
    let _right = right.start("30,50");
    wait_for_role(&left, Role::Leads);
    wait_for_step(&right);
    // The leader's page is another one for longer than any item lasts.
    assert_eq!(left.touch(), "away");
    let seen = watch(&[&right], 200);
    assert_smooth(&seen[0], STEP);
    assert_eq!(left.touch(), "home");
    watch(&[&left], 90);
    let seen = watch(&[&left, &right], 240);
    assert_together(&seen[0], &seen[1]);
    assert_smooth(&seen[1], STEP);
}

#[test]
fn a_screen_whose_partner_is_not_there_plays_alone_and_says_so() {
    let [left, _right] = wall(["left", "right"], &[60, 60]);
    let _left = left.start("");
    let group = wait_for_role(&left, Role::Alone);
    assert_eq!((group.heard, group.others), (0, 1));
    let seen = watch(&[&left], 200);
    let films: std::collections::BTreeSet<u32> = seen[0].iter().map(|it| it.film).collect();
    assert_eq!(films.len(), 2, "it plays its list");
    assert_smooth(&seen[0], STEP);
    let report = left.office.status().expect("answers");
    assert!(
        report.faults.iter().any(|it| it.contains("plays alone")),
        "{:?}",
        report.faults
    );
}
