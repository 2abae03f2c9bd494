//! The real street scene (Debian's `vtest.avi`) against its ground truth, where both are there.

use std::path::{Path, PathBuf};

use vision::count::{Task, count_film, crossings, read_camera};
use vision::line::{Crossings, Line};
use vision::score::mot::Boxes;

const FILM: &str = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";

fn there(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: there is no {}", path.display());
    None
}

/// The film, from Debian's package or as the set-up has fetched it.
fn film() -> Option<PathBuf> {
    let fetched = here().join("../.cache/films/vtest.avi");
    if fetched.exists() {
        Some(fetched)
    } else {
        there(PathBuf::from(FILM))
    }
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_street_scene_is_counted_within_the_bound() {
    let (Some(film), Some(truth)) = (film(), there(here().join("../../shared/data/people/vtest-gt.txt"))) else {
        return;
    };
    let camera = read_camera(&here().join("tests/vtest.toml"), None).expect("the camera's table");
    let truth = Boxes::parse(&std::fs::read_to_string(truth).expect("read")).expect("the truth");
    // Set up on frames 1 to 200; all frames, and the five a second of the demo.
    for at_pace in [false, true] {
        let task = Task {
            film: &film,
            camera: &camera,
            truth: Some(&truth),
            frames: 201..=795,
            at_pace,
            lines: &[],
        };
        let outcome = count_film(&task).expect("counted");
        let score = outcome.score.expect("scored");
        println!("at pace {at_pace}: {score:?}, {:.1} ms", outcome.cpu_ms_per_frame);
        assert!(score.count_error <= 0.40, "{score:?}");
        assert!(score.within_one_pct >= 95.0, "{score:?}");
        assert_eq!(score.unknown, 0);
    }
}

#[test]
fn the_true_crossings_are_the_known_ones() {
    let Some(truth) = there(here().join("../../shared/data/people/vtest-gt.txt")) else {
        return;
    };
    let truth = Boxes::parse(&std::fs::read_to_string(truth).expect("read")).expect("the truth");
    // As the data's description says: to the right and to the left over upright lines.
    for (x, came_in, went_out) in [(200.0, 5, 7), (300.0, 12, 15), (400.0, 10, 13), (500.0, 9, 12)] {
        // Boxes of people whose feet are cut off reach below the picture.
        let line = Line::new([x, 800.0], [x, 0.0], 12.0);
        let crossed = crossings(&truth, line, &(201..=795));
        assert_eq!(crossed, Crossings { came_in, went_out }, "x = {x}");
    }
}
