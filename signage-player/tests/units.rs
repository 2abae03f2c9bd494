//! The unit that `configs/systemd` has for a screen, as systemd itself reads it.
#![allow(clippy::expect_used)]

mod common;

use std::path::Path;
use std::process::Command;

use common::office::PLAYER;

/// Where a package would put the player.
const INSTALLED: &str = "/usr/bin/signage-player";

#[test]
fn systemd_takes_the_unit_and_the_player_takes_its_arguments() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/systemd/signage-player@.service");
    let unit = std::fs::read_to_string(unit).expect("a unit");
    for line in [
        "Type=notify",
        "WatchdogSec=30",
        "Restart=always",
        "StartLimitIntervalSec=0",
    ] {
        assert!(unit.lines().any(|said| said == line), "{line}: {unit}");
    }
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart="));
    let start = start.expect("a start").replace("%i", "lobby");
    let mut words = start.split_whitespace();
    assert_eq!(words.next(), Some(INSTALLED));
    // All are known; only the office's file isn't here.
    let refused = Command::new(PLAYER).args(words).output().expect("it starts");
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(said.contains("/etc/madoguchi/office.toml"), "{said}");

    let dir = tempfile::tempdir().expect("a folder");
    let copy = dir.path().join("signage-player@lobby.service");
    std::fs::write(&copy, unit.replace(INSTALLED, PLAYER)).expect("written");
    match Command::new("systemd-analyze").arg("verify").arg(&copy).output() {
        Ok(read) => {
            let said = String::from_utf8_lossy(&read.stderr);
            assert!(read.status.success() && said.trim().is_empty(), "{said}");
        }
        Err(_) => println!("SKIPPED: systemd-analyze isn't here"),
    }
}
