//! A rig that can't work is refused with the file and the layer in the message.

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use avatar::paint::{PaintError, Painter};
use avatar::rig::Rig;

const SVG: &str = r##"<svg xmlns="http://www.w3.org/2000/svg" width="60" height="40">
  <g id="face"><circle cx="30" cy="20" r="15" fill="#fcc"/></g>
  <g id="mouth"><path d="M25 28L35 28" stroke="#800"/></g>
  <g id="mouth-a"><path d="M25 28L35 32" stroke="#800"/></g>
  <g id="mouth-odd"><circle cx="30" cy="28" r="3"/></g>
  <g id="nothing"/>
</svg>"##;

const MOTION: &str = r#"
name = "test"
svg = "face.svg"
[motion]
neck = [30, 35]
breath_rise = 1
turn_shift = 0.1
nod_shift = 0.1
gaze_reach = [1, 1]
"#;

fn load(description: &str, svg: &str) -> Result<Rig, String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("rig.toml"), description).unwrap();
    std::fs::write(folder.path().join("face.svg"), svg).unwrap();
    Rig::load(folder.path()).map_err(|e| e.to_string())
}

fn with_layers(layers: &str) -> Result<Rig, String> {
    load(&format!("{MOTION}{layers}"), SVG)
}

#[test]
fn a_whole_rig_loads_and_says_its_size() {
    let rig = with_layers(
        "[[layer]]\nname='face'\ndraw='face'\n[[layer]]\nname='mouth'\ndraw='mouth'\n\
         mouth = { steps = 2, shapes = { a = 'mouth-a' } }",
    )
    .unwrap();
    assert_eq!((rig.name(), rig.size()), ("test", (60.0, 40.0)));
    for (width, height) in [(0, 10), (10, 0), (10, Painter::MAX_SIDE + 1)] {
        assert_eq!(
            Painter::new(&rig, width, height).unwrap_err(),
            PaintError::Size { width, height }
        );
    }
    assert!(Painter::new(&rig, 1, 1).is_ok());
}

#[test]
fn wrong_layers_are_named_with_what_is_wrong() {
    for (layers, says) in [
        (
            "[[layer]]\nname='face'\ndraw='fase'",
            vec!["rig.toml", "layer `face`", "`fase`", "face.svg"],
        ),
        (
            "[[layer]]\nname='x'\ndraw='nothing'",
            vec!["layer `x`", "`nothing`", "draws nothing"],
        ),
        (
            "[[layer]]\nname='x'\ndraw='face'\nclip='hair'",
            vec!["layer `x`", "clip", "`hair`"],
        ),
        (
            "[[layer]]\nname='x'\ndraw='face'\n[[layer]]\nname='x'\ndraw='mouth'",
            vec!["layer `x`", "name"],
        ),
        (
            "[[layer]]\nname='x'\ndraw='face'\ndepth=9",
            vec!["layer `x`", "depth", "9"],
        ),
        (
            "[[layer]]\nname='x'\ndraw='face'\nexpressions={smile='grin'}",
            vec!["layer `x`", "`grin`"],
        ),
        (
            "[[layer]]\nname='x'\ndraw='face'\nexpressions={grin='face'}",
            vec!["rig.toml", "grin", "smile"],
        ),
        (
            "[[layer]]\nname='x'\ndraw='mouth'\nlids={shut='mouth-a',steps=0}",
            vec!["layer `x`", "steps", "1 to 16"],
        ),
        (
            "[[layer]]\nname='x'\ndraw='mouth'\nmouth={steps=2,shapes={a='mouth-odd'}}",
            vec!["layer `x`", "`mouth-odd`", "<circle>", "<path>"],
        ),
        (
            "[[layer]]\nname='x'\ndraw='mouth'\nmouth={steps=2,shapes={closed='mouth'}}",
            vec!["layer `x`", "closed"],
        ),
        (
            "[[layer]]\nname='x'\ndraw='face'\nfollow='body'",
            vec!["rig.toml", "follow", "line"],
        ),
        (
            "[[layer]]\nname='x'\ndraw='face'\nfollows='tail'",
            vec!["rig.toml", "tail", "body"],
        ),
        ("layer = []", vec!["rig.toml"]),
    ] {
        let error = with_layers(layers).expect_err(layers);
        for word in says {
            assert!(error.contains(word), "{layers}\ngives: {error}\nwithout: {word}");
        }
    }
}

#[test]
fn broken_and_missing_files_are_named() {
    let layer = format!("{MOTION}[[layer]]\nname='x'\ndraw='face'");
    let error = load(&layer, "<svg").expect_err("broken");
    assert!(error.contains("face.svg"), "{error}");
    let error = load(&layer, "<html><g id='face'/></html>").expect_err("no svg");
    assert!(error.contains("face.svg"), "{error}");
    let error = load(&layer.replace("[30, 35]", "[30, nan]"), SVG).expect_err("nan");
    assert!(error.contains("rig.toml") && error.contains("motion"), "{error}");
    let error = load(&layer.replace("face.svg", "gone.svg"), SVG).expect_err("missing");
    assert!(error.contains("gone.svg"), "{error}");
    let error = Rig::load(Path::new("/no/such/rig")).expect_err("no folder").to_string();
    assert!(error.contains("/no/such/rig/rig.toml"), "{error}");
}

#[test]
fn a_drawing_far_larger_than_the_figure_costs_no_memory() {
    let svg = SVG.replace(r#"r="15""#, r#"r="9000000""#);
    let rig = load(&format!("{MOTION}[[layer]]\nname='x'\ndraw='face'"), &svg).unwrap();
    let mut painter = Painter::new(&rig, 60, 40).unwrap();
    let area = painter.paint(&protocol::pose::Pose::default()).unwrap();
    assert_eq!((area.width, area.height), (60, 40));
}

#[test]
fn the_receptionist_loads() {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../configs/rigs/hibari");
    assert_eq!(Rig::load(&folder).unwrap().name(), "ひばり");
}
