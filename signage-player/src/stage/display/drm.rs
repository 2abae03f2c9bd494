//! What the kernel says of displays without a window system (DRM's sysfs), and which of them is a screen's: pure functions
//! over a folder's files.

use std::fs;
use std::path::{Path, PathBuf};

/// Where the kernel says it.
pub const FOLDER: &str = "/sys/class/drm";

/// A card's connector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Connector {
    /// Its card, such as `card0`.
    pub card: String,
    /// Its name, such as `HDMI-A-1`.
    pub name: String,
    /// Its number, where the kernel tells (from 6.4 on).
    pub id: Option<u32>,
    /// Whether there is a display.
    pub is_connected: bool,
    /// The sizes that the display takes, in pixels, the one first that it likes best; each once.
    pub modes: Vec<(u32, u32)>,
    /// Where the kernel says all that.
    pub folder: PathBuf,
}

/// Why no connector is a screen's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The machine has none.
    #[error("no graphics card with a display connector is there (looked for card*-* in {0})")]
    NoConnectors(String),
    /// None has a display.
    #[error("no display is plugged in (looked at {0})")]
    NonePlugged(String),
    /// The office has named one that isn't there.
    #[error("connector: there is no {wanted:?}, expected one of {have}")]
    Unknown {
        /// What is wanted.
        wanted: String,
        /// What there is.
        have: String,
    },
    /// That one has no display.
    #[error("no display is plugged in at {0}")]
    Unplugged(String),
    /// It takes no picture.
    #[error("the display at {0} names no size that it takes")]
    NoModes(String),
}

/// All connectors, by the numbers of their cards and then by name; none where the folder can't be read.
#[must_use]
pub fn connectors(folder: &Path) -> Vec<Connector> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut all: Vec<Connector> = entries.filter_map(|entry| read(&entry.path())).collect();
    let number = |card: &str| card.trim_start_matches("card").parse::<u32>().unwrap_or(u32::MAX);
    all.sort_by(|a, b| (number(&a.card), &a.name).cmp(&(number(&b.card), &b.name)));
    all
}

fn read(folder: &Path) -> Option<Connector> {
    let (card, name) = folder.file_name()?.to_str()?.split_once('-')?;
    let number = card.strip_prefix("card")?;
    // Writeback connectors give pictures back to programs; there is never a display.
    let is_card = !number.is_empty() && number.bytes().all(|it| it.is_ascii_digit());
    if !is_card || name.starts_with("Writeback") {
        return None;
    }
    let text = |file: &str| fs::read_to_string(folder.join(file)).unwrap_or_default();
    let mut modes = Vec::new();
    for line in text("modes").lines() {
        if let Some(mode) = size_of(line).filter(|mode| !modes.contains(mode)) {
            modes.push(mode);
        }
    }
    Some(Connector {
        card: card.to_owned(),
        name: name.to_owned(),
        id: text("connector_id").trim().parse().ok(),
        is_connected: is_connected(folder),
        modes,
        folder: folder.to_owned(),
    })
}

/// Whether a connector, by its folder, has a display now.
#[must_use]
pub fn is_connected(folder: &Path) -> bool {
    fs::read_to_string(folder.join("status")).is_ok_and(|status| status.trim() == "connected")
}

/// `1920x1080`; interlaced ones (`1920x1080i`) are left out: half of their lines would be shown at a time.
fn size_of(line: &str) -> Option<(u32, u32)> {
    let (width, height) = line.trim().split_once('x')?;
    let size = (width.parse().ok()?, height.parse().ok()?);
    (size.0 > 0 && size.1 > 0).then_some(size)
}

/// The connector of a screen: the one that the office has named, by name (`HDMI-A-1`, `card0-HDMI-A-1`) or number, or else
/// the first with a display.
///
/// # Errors
/// [`Unfit`].
pub fn choose<'a>(all: &'a [Connector], wanted: Option<&str>, folder: &Path) -> Result<&'a Connector, Unfit> {
    if all.is_empty() {
        return Err(Unfit::NoConnectors(folder.display().to_string()));
    }
    let names = || all.iter().map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ");
    let found = match wanted {
        None => all
            .iter()
            .find(|it| it.is_connected)
            .ok_or_else(|| Unfit::NonePlugged(names()))?,
        Some(wanted) => {
            let is_it = |it: &&Connector| {
                let number = it.id.map(|id| id.to_string());
                it.name == wanted || number.as_deref() == Some(wanted) || format!("{}-{}", it.card, it.name) == wanted
            };
            all.iter().find(is_it).ok_or_else(|| Unfit::Unknown {
                wanted: wanted.to_owned(),
                have: names(),
            })?
        }
    };
    if !found.is_connected {
        return Err(Unfit::Unplugged(found.name.clone()));
    }
    Ok(found)
}

/// The size that a display is given for a picture: the picture's own where the display takes it, so that nobody has to
/// scale it here, and else the one that the display likes best.
///
/// # Errors
/// [`Unfit::NoModes`].
pub fn mode_for(connector: &Connector, picture: (u32, u32)) -> Result<(u32, u32), Unfit> {
    let own = connector.modes.iter().find(|mode| **mode == picture);
    let mode = own.or(connector.modes.first()).copied();
    mode.ok_or_else(|| Unfit::NoModes(connector.name.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Machine(tempfile::TempDir);

    impl Machine {
        fn new(connectors: &[(&str, &str, &str)]) -> Self {
            let machine = Self(tempfile::tempdir().expect("temp"));
            // What else lies in that folder.
            for other in ["card0", "card1", "renderD128", "card0-Writeback-1", "ttm"] {
                fs::create_dir(machine.0.path().join(other)).expect("made");
            }
            fs::write(machine.0.path().join("version"), "drm 1.1.0 20060810").expect("written");
            for (name, status, modes) in connectors {
                fs::create_dir(machine.0.path().join(name)).expect("made");
                machine.set(name, "status", status);
                machine.set(name, "modes", modes);
            }
            machine
        }

        fn set(&self, name: &str, file: &str, text: &str) {
            fs::write(self.0.path().join(name).join(file), format!("{text}\n")).expect("written");
        }

        fn choose(&self, wanted: Option<&str>) -> Result<String, Unfit> {
            let all = connectors(self.0.path());
            choose(&all, wanted, self.0.path()).map(|it| format!("{}-{}", it.card, it.name))
        }
    }

    fn machine() -> Machine {
        Machine::new(&[
            ("card10-DP-1", "connected", "1024x768"),
            (
                "card1-HDMI-A-2",
                "connected",
                "1920x1080\n1920x1080\n1920x1080i\n1280x720",
            ),
            ("card1-HDMI-A-1", "disconnected", ""),
        ])
    }

    #[test]
    fn a_screen_has_the_connector_that_is_named_or_else_the_first_with_a_display() {
        let machine = machine();
        assert_eq!(machine.choose(None).as_deref(), Ok("card1-HDMI-A-2"));
        assert_eq!(machine.choose(Some("DP-1")).as_deref(), Ok("card10-DP-1"));
        assert_eq!(machine.choose(Some("card10-DP-1")).as_deref(), Ok("card10-DP-1"));
        machine.set("card1-HDMI-A-2", "connector_id", "95");
        assert_eq!(machine.choose(Some("95")).as_deref(), Ok("card1-HDMI-A-2"));
        assert_eq!(
            machine.choose(Some("HDMI-A-1")),
            Err(Unfit::Unplugged("HDMI-A-1".into()))
        );
        let unknown = machine.choose(Some("HDMI-1")).expect_err("X11's name").to_string();
        assert!(
            unknown.contains("\"HDMI-1\"") && unknown.contains("HDMI-A-1, HDMI-A-2"),
            "{unknown}"
        );
        let nothing = Machine(tempfile::tempdir().expect("temp"));
        let said = nothing.choose(None).expect_err("no card").to_string();
        assert!(said.contains(&nothing.0.path().display().to_string()), "{said}");
    }

    #[test]
    fn a_connector_that_is_unplugged_and_plugged_in_again_is_noticed() {
        let machine = machine();
        let all = connectors(machine.0.path());
        let hdmi = choose(&all, Some("HDMI-A-2"), machine.0.path()).expect("there");
        assert!(is_connected(&hdmi.folder));
        machine.set("card1-HDMI-A-2", "status", "disconnected");
        assert!(!is_connected(&hdmi.folder));
        assert_eq!(machine.choose(None).as_deref(), Ok("card10-DP-1"));
        machine.set("card10-DP-1", "status", "unknown");
        assert!(matches!(machine.choose(None), Err(Unfit::NonePlugged(_))));
        machine.set("card1-HDMI-A-2", "status", "connected");
        assert!(is_connected(&hdmi.folder));
        fs::remove_dir_all(&hdmi.folder).expect("the card is gone");
        assert!(!is_connected(&hdmi.folder));
    }

    #[test]
    fn a_display_is_given_the_pictures_own_size_where_it_takes_it() {
        let machine = machine();
        let all = connectors(machine.0.path());
        let hdmi = all.iter().find(|it| it.name == "HDMI-A-2").expect("there");
        assert_eq!(hdmi.modes, [(1920, 1080), (1280, 720)], "each once, none interlaced");
        assert_eq!(mode_for(hdmi, (1280, 720)), Ok((1280, 720)));
        assert_eq!(mode_for(hdmi, (1080, 1920)), Ok((1920, 1080)));
        let none = all.iter().find(|it| it.name == "HDMI-A-1").expect("there");
        assert_eq!(mode_for(none, (1280, 720)), Err(Unfit::NoModes("HDMI-A-1".into())));
    }
}
