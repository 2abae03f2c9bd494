//! What is drawn as a camera's table of the configuration, in TOML.

use std::fmt::Write as _;

use super::Geometry;
use crate::config::{Camera, CameraRole, Overlap};

impl Geometry {
    /// The lines of a camera's table in TOML that say this.
    #[must_use]
    pub fn to_toml(&self) -> String {
        let point = |[x, y]: &[f64; 2]| format!("[{x}, {y}]");
        let points = |points: &[[f64; 2]]| points.iter().map(point).collect::<Vec<_>>().join(", ");
        let mut text = String::new();
        // A car park has none. Writing to a string doesn't fail.
        if self.person_heights != [[0.0; 2]; 2] {
            let _ = writeln!(text, "person_heights = [{}]", points(&self.person_heights));
        }
        if let Some(polygon) = &self.polygon {
            let _ = writeln!(text, "polygon = [{}]", points(polygon));
        }
        if let Some(line) = &self.line {
            let _ = writeln!(text, "line = [{}]", points(line));
        }
        let overlaps = self.overlaps.as_deref().unwrap_or_default();
        if !overlaps.is_empty() {
            let part = |Overlap { camera, polygon }: &Overlap| {
                format!("  {{ camera = \"{camera}\", polygon = [{}] }},\n", points(polygon))
            };
            let parts: String = overlaps.iter().map(part).collect();
            let _ = write!(text, "overlap = [\n{parts}]\n");
        }
        for bay in &self.bays {
            let name = toml::Value::String(bay.id.clone());
            let _ = write!(
                text,
                "[[camera.bay]]\nid = {name}\npolygon = [{}]\n",
                points(&bay.polygon)
            );
        }
        text
    }
}

/// A camera's whole table in TOML, as `vision check` takes it. An address loses who logs in at it, and the password.
#[must_use]
pub fn camera_toml(camera: &Camera) -> String {
    let text = |text: &str| toml::Value::String(text.to_owned()).to_string();
    let mut lines = vec![
        "[[camera]]".to_owned(),
        format!("id = {}", text(camera.id.as_str())),
        format!("area = {}", text(camera.area.get_ref().as_str())),
        format!("source = {}", text(&without_login(&camera.source))),
        format!("role = {}", text(role_word(camera.role))),
        format!("watchdog = \"{}ms\"", camera.watchdog.as_millis()),
        format!("frames_per_second = {:?}", camera.frames_per_second),
        format!("median_of = {}", camera.median_of),
        format!("still_for = \"{}ms\"", camera.still_for.as_millis()),
    ];
    if let Some(speed) = camera.film_frames_per_second {
        lines.push(format!("film_frames_per_second = {speed:?}"));
    }
    if let Some(detector) = &camera.detector {
        let word = match detector.get_ref() {
            crate::config::Detector::Background => "background",
            crate::config::Detector::Hog => "hog",
        };
        lines.push(format!("detector = \"{word}\""));
    }
    if let Some(model) = &camera.model {
        let effort = match camera.effort {
            crate::config::Effort::Best => "best",
            crate::config::Effort::Normal => "normal",
            crate::config::Effort::Economical => "economical",
        };
        lines.push(format!("model = {}", text(&model.to_string_lossy())));
        lines.push(format!("effort = \"{effort}\""));
    }
    lines.push(Geometry::of(camera).to_toml());
    lines.join("\n")
}

/// A role's word in a configuration.
#[must_use]
pub fn role_word(role: CameraRole) -> &'static str {
    match role {
        CameraRole::Area => "area",
        CameraRole::Queue => "queue",
        CameraRole::Presence => "presence",
        CameraRole::Entrance => "entrance",
        CameraRole::Parking => "parking",
    }
}

fn without_login(source: &str) -> String {
    let Some((scheme, rest)) = source.split_once("://") else {
        return source.to_owned();
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(end);
    let host = host.rsplit_once('@').map_or(host, |(_, host)| host);
    format!("{scheme}://{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::super::tests::{TABLE, read};
    use super::*;

    #[test]
    fn a_cameras_table_comes_back_without_its_password() {
        let camera = read(TABLE);
        let text = camera_toml(&camera);
        assert!(
            !text.contains("secret") && text.contains("rtsp://192.0.2.7/a@b"),
            "{text}"
        );
        let again = read(&text);
        assert_eq!(Geometry::of(&again), Geometry::of(&camera));
        assert_eq!(
            (
                again.role,
                again.watchdog,
                again.film_frames_per_second,
                again.median_of
            ),
            (camera.role, camera.watchdog, Some(7.0), camera.median_of)
        );
        assert_eq!(
            again.detector.map(|it| *it.get_ref()),
            Some(crate::config::Detector::Hog)
        );
    }

    #[test]
    fn what_is_left_to_others_comes_back() {
        let parts = "overlap = [{ camera = \"south\", polygon = [[0.5, 0.0], [1.0, 0.0], [1.0, 1.0]] }, \
            { camera = \"west\", polygon = [[0.0, 0.25], [0.5, 0.25], [0.5, 1.0]] }]\n";
        let camera = read(&format!("{}{parts}", TABLE.replace("entrance", "area")));
        assert_eq!(camera.overlaps.len(), 2);
        assert_eq!(read(&camera_toml(&camera)).overlaps, camera.overlaps);
    }
}
