//! What the types can't check of car parks: their bays, and their gates.

use std::collections::HashSet;

use crate::config::sound_camera::Findings;
use crate::config::{Camera, CameraRole};
use crate::outline::fault_of_outline;

/// More bays than anybody sees in one picture.
pub const MOST_BAYS: usize = 500;

/// The longest name of a bay, in bytes.
pub const LONGEST_NAME: usize = 32;

/// `places`: the area's capacity, where that is known.
pub(crate) fn check(camera: &Camera, places: Option<u32>, findings: &mut Findings) {
    if camera.role != CameraRole::Parking {
        if !camera.bays.is_empty() {
            findings.add("camera.bay", "bays are a car park's: expected role = \"parking\"");
        }
        return;
    }
    if camera.is_gate() {
        if camera.model.is_none() {
            findings.add(
                "camera.model",
                "cars at a gate are found by a model only: expected model = \"FILE\"",
            );
        }
        return;
    }
    if camera.bays.is_empty() {
        findings.add(
            "camera.bay",
            "a car park needs [[camera.bay]] tables, each with id and polygon, or line = [[x, y], [x, y]] across its gate",
        );
    }
    if let Some(line) = &camera.line {
        findings.add_at(
            line.span(),
            "camera.line",
            "expected bays or a line: a gate is another camera's",
        );
    }
    if let Some(detector) = &camera.detector {
        let why = "bays are looked at with a model or without: leave detector out";
        findings.add_at(detector.span(), "camera.detector", why);
    }
    let most = places.map_or(MOST_BAYS, |places| MOST_BAYS.min(places as usize));
    let bays = camera.bays.len();
    if bays > most {
        let why = format!("{bays} bays: expected at most {MOST_BAYS}, and no more than the area's capacity, {most}");
        findings.add("camera.bay", why);
        return;
    }
    let mut seen = HashSet::new();
    for bay in &camera.bays {
        let is_name = !bay.id.is_empty() && bay.id.len() <= LONGEST_NAME && !bay.id.contains(char::is_control);
        if !is_name || !seen.insert(&bay.id) {
            let why = format!("bay {:?}: expected a name of 1 to 32 bytes, each once", bay.id);
            findings.add("camera.bay.id", why);
        }
        if let Some(fault) = fault_of_outline(&bay.polygon) {
            findings.add("camera.bay.polygon", format!("bay {:?}: {fault}", bay.id));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::Config;

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
        sound(&format!("{LOT}{more}"))
    }

    /// Of an office with a sound camera, else what is wrong with it.
    fn sound(text: &str) -> Result<Config, String> {
        let config = Config::parse(Path::new("office.toml"), text).map_err(|error| error.to_string())?;
        let faults = config.camera_faults.values().flatten();
        match faults.map(ToString::to_string).reduce(|all, next| all + "\n" + &next) {
            Some(faults) => Err(faults),
            None => Ok(config),
        }
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
    fn a_hall_without_heights_or_with_bays_is_said() {
        let text = LOT.replace("role = \"parking\"\n", "");
        let error = sound(&text).expect_err("no heights");
        assert!(error.starts_with("office.toml: camera.person_heights"), "{error}");
        let bays = sound(&format!("{text}person_heights = [[0.3, 0.1], [0.9, 0.2]]\n{BAY}"));
        let error = bays.expect_err("a hall");
        assert!(error.contains("camera.bay") && error.contains("role"), "{error}");
    }
}
