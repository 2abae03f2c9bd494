//! What the types can't check of car parks: their bays, and their gates.

use std::collections::HashSet;

use super::{Checker, ConfigError};
use crate::config::{Camera, CameraRole, Config};

/// More bays than anybody sees in one picture.
pub const MOST_BAYS: usize = 500;

/// The longest name of a bay, in bytes.
pub const LONGEST_NAME: usize = 32;

pub(crate) fn check(config: &Config, camera: &Camera, checker: &Checker<'_>) -> Result<(), ConfigError> {
    let id = &camera.id;
    if camera.role != CameraRole::Parking {
        if camera.bays.is_empty() {
            return Ok(());
        }
        let message = format!("camera {id}: bays are a car park's: expected role = \"parking\"");
        return checker.fail(None, "camera.bay", message);
    }
    if camera.is_gate() {
        if camera.line.is_none() {
            let message = format!(
                "camera {id}: a car park needs [[camera.bay]] tables, each with id and polygon, or line = [[x, y], [x, y]] \
                 across its gate"
            );
            return checker.fail(None, "camera.bay", message);
        }
        if camera.model.is_none() {
            let message = format!("camera {id}: cars at a gate are found by a model only: expected model = \"FILE\"");
            return checker.fail(None, "camera.model", message);
        }
        return Ok(());
    }
    if let Some(line) = &camera.line {
        let message = format!("camera {id}: expected bays or a line: a gate is another camera's");
        return checker.fail(Some(line.span()), "camera.line", message);
    }
    if let Some(detector) = &camera.detector {
        let message = format!("camera {id}: bays are looked at with a model or without: leave detector out");
        return checker.fail(Some(detector.span()), "camera.detector", message);
    }
    let bays = camera.bays.len();
    let places = config.area(camera.area.get_ref()).map_or(0, |area| area.capacity);
    if bays > MOST_BAYS || bays > places as usize {
        let message = format!(
            "camera {id}: {bays} bays: expected at most {MOST_BAYS}, and no more than the area's capacity, {places}"
        );
        return checker.fail(None, "camera.bay", message);
    }
    let mut seen = HashSet::new();
    for bay in &camera.bays {
        if bay.id.is_empty() || bay.id.len() > LONGEST_NAME || !seen.insert(&bay.id) {
            let message = format!(
                "camera {id}: bay {:?}: expected a name of 1 to 32 bytes, each once",
                bay.id
            );
            return checker.fail(None, "camera.bay.id", message);
        }
        let is_share = |share: &f64| (0.0..=1.0).contains(share);
        if bay.polygon.len() < 3 || !bay.polygon.iter().flatten().all(is_share) {
            let message = format!(
                "camera {id}: bay {:?}: expected at least three [x, y] points, each from 0 to 1",
                bay.id
            );
            return checker.fail(None, "camera.bay.polygon", message);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    const LOT: &str = r#"
[office]
id = "minami"
name = { ja = "南区役所" }
telephone = "072-000-0000"
[paths]
run = "run"
secrets = "secrets"
content = "content"
rigs = "rigs"
[web]
listen = "127.0.0.1:8443"
public_url = "https://localhost:8443"
[media]
udp = "127.0.0.1:7000"
control = "127.0.0.1:7001"
[[area]]
id = "lot"
name = { ja = "駐車場" }
capacity = 4
moderate_from = 2
busy_from = 3
[[camera]]
id = "roof"
area = "lot"
source = "rtsp://192.0.2.7/1"
role = "parking"
"#;
    const BAY: &str = "[[camera.bay]]\nid = \"1\"\npolygon = [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]\n";

    fn parse(more: &str) -> Result<Config, String> {
        Config::parse(Path::new("office.toml"), &format!("{LOT}{more}")).map_err(|error| error.to_string())
    }

    #[test]
    fn bays_need_no_persons_and_a_gate_needs_a_line_and_a_model() {
        let config = parse(BAY).expect("sound");
        assert_eq!(config.cameras[0].bays[0].id, "1");
        assert!(!config.cameras[0].is_gate());
        let gate = "line = [[0.1, 0.5], [0.9, 0.5]]\nperson_heights = [[0.3, 0.1], [0.9, 0.2]]\n";
        let error = parse(gate).expect_err("no model");
        assert!(error.contains("camera.model"), "{error}");
        assert!(parse(&format!("{gate}model = \"cars.onnx\"\n")).expect("sound").cameras[0].is_gate());
        let error = parse("").expect_err("neither");
        assert!(
            error.contains("camera.bay") && error.contains("across its gate"),
            "{error}"
        );
    }

    #[test]
    fn each_fault_of_a_car_park_is_named() {
        let other = BAY.replace("\"1\"", "\"2\"");
        for (more, field, words) in [
            (format!("{BAY}{BAY}"), "camera.bay.id", "each once"),
            (BAY.replace("0.2]]", "2.0]]"), "camera.bay.polygon", "from 0 to 1"),
            (BAY.replace("[0.2, 0.1], ", ""), "camera.bay.polygon", "three"),
            (
                format!("detector = \"hog\"\n{BAY}"),
                "camera.detector",
                "leave detector out",
            ),
            (
                format!("line = [[0.1, 0.5], [0.9, 0.5]]\n{BAY}"),
                "camera.line",
                "another camera",
            ),
            (
                BAY.replace("id = \"1\"", "id = \"1\"\nwide = true"),
                "camera.bay",
                "wide",
            ),
            (
                ["3", "4", "5"].map(|id| other.replace('2', id)).concat() + BAY + &other,
                "camera.bay",
                "capacity, 4",
            ),
        ] {
            let error = parse(&more).expect_err(field);
            assert!(error.contains(field) && error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_hall_without_heights_is_refused_as_ever() {
        let text = LOT.replace("role = \"parking\"\n", "");
        let error = Config::parse(Path::new("office.toml"), &text)
            .expect_err("no heights")
            .to_string();
        assert!(error.starts_with("office.toml: camera.person_heights"), "{error}");
        let bays = Config::parse(
            Path::new("office.toml"),
            &format!("{text}person_heights = [[0.3, 0.1], [0.9, 0.2]]\n{BAY}"),
        );
        let error = bays.expect_err("a hall").to_string();
        assert!(error.contains("camera.bay") && error.contains("role"), "{error}");
    }
}
