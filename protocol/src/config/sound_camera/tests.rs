use serde::Deserialize;

use super::*;

const HALL: &str = "[[camera]]\nid = \"hall\"\narea = \"lobby\"\nsource = \"rtsp://office:secret@192.0.2.7/1\"\n\
    person_heights = [[0.3, 0.1], [0.9, 0.2]]\n";

#[derive(Deserialize)]
struct Cameras {
    camera: [Camera; 1],
}

fn camera(more: &str) -> Camera {
    let Cameras { camera: [camera] } = toml::from_str(&format!("{HALL}{more}")).expect("types are right");
    camera
}

#[test]
fn every_fault_of_a_table_is_found_at_once_and_says_its_field() {
    assert!(SoundCamera::alone(camera("")).is_ok());
    let faults = SoundCamera::alone(camera(
        "polygon = [[0.0, 0.0], [1.5, 0.0], [0.5, 1.0]]\nline = [[0.2, 0.5], [0.2, 0.5]]\nframes_per_second = nan\n",
    ));
    let faults = faults.expect_err("three faults");
    let fields: Vec<&str> = faults.all().iter().map(|fault| fault.field).collect();
    assert_eq!(
        fields,
        ["camera.frames_per_second", "camera.line", "camera.polygon"],
        "{faults}"
    );
    let said = faults.to_string();
    assert!(
        said.contains("point 2 isn't in the picture") && !said.contains("secret"),
        "{said}"
    );
}

#[test]
fn no_point_of_a_sound_camera_is_outside_its_picture_or_no_number() {
    for share in ["-0.1", "1.01", "nan", "inf"] {
        for more in [
            format!("polygon = [[0.0, 0.0], [{share}, 0.0], [0.5, 1.0]]"),
            format!("line = [[0.0, 0.0], [0.5, {share}]]"),
            format!("overlap = [{{ camera = \"south\", polygon = [[0.0, 0.0], [{share}, 0.0], [0.5, 1.0]] }}]"),
            format!(
                "role = \"parking\"\n[[camera.bay]]\nid = \"1\"\npolygon = [[0.1, 0.1], [0.2, 0.1], [0.2, {share}]]"
            ),
        ] {
            assert!(SoundCamera::alone(camera(&more)).is_err(), "{more}");
        }
    }
}
