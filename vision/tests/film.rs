//! The real street scene (Debian's `vtest.avi`) against its ground truth, where both are there.

use std::path::{Path, PathBuf};

use vision::count::{count_film, read_camera};
use vision::truth::Truth;

const FILM: &str = "/usr/share/doc/opencv-doc/examples/data/vtest.avi";

fn there(path: PathBuf) -> Option<PathBuf> {
    if path.exists() {
        return Some(path);
    }
    println!("SKIPPED: there is no {}", path.display());
    None
}

fn here() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn the_street_scene_is_counted_within_the_bound() {
    let (Some(film), Some(truth)) = (
        there(PathBuf::from(FILM)),
        there(here().join("../../shared/data/people/vtest-gt.txt")),
    ) else {
        return;
    };
    let camera = read_camera(&here().join("tests/vtest.toml"), None).expect("the camera's table");
    let truth = Truth::parse(&std::fs::read_to_string(truth).expect("read")).expect("the truth");
    // Set up on frames 1 to 200; all frames, and the five a second of the demo.
    for at_pace in [false, true] {
        let outcome = count_film(&film, &camera, Some(&truth), 201..=795, at_pace).expect("counted");
        let score = outcome.score.expect("scored");
        println!("at pace {at_pace}: {score:?}, {:.1} ms", outcome.cpu_ms_per_frame);
        assert!(score.count_error <= 0.40, "{score:?}");
        assert!(score.within_one_pct >= 95.0, "{score:?}");
        assert_eq!(score.unknown, 0);
    }
}
