//! Offices of one screen whose display is looked at.
#![allow(dead_code, clippy::expect_used)]

use std::process::Command;

use protocol::screen::Report;

use super::office::{LIMIT, Office, Running};
use super::wait_for;

pub const WHITE: [u8; 3] = [255; 3];
pub const GREEN: [u8; 3] = [0x20, 0x80, 0x40];

/// Of 640 by 360 pixels: white, with a blue button at 40,40 of 200 by 100 that opens a green page.
pub fn layout(more: &str) -> String {
    r##"{"version":2,"name":"plain","width":640,"height":360,MORE"pages":[
      {"name":"home","background":"#ffffff","zones":[
        {"name":"on","rect":{"x":40,"y":40,"width":200,"height":100},"widget":{"type":"button","text":{"ja":"次へ"}},
         "on_touch":{"do":"go_to","page":"next"}}]},
      {"name":"next","background":"#208040","zones":[]}]}"##
        .replace("MORE", more)
}

/// An office with one screen, whose display is as `output` says.
pub fn office(output: &str, more: &str) -> Office {
    let office = Office::at("https://127.0.0.1:9", &format!("[player.output]\n{output}"));
    let file = office.dir.path().join("layout.json");
    std::fs::write(&file, layout(more)).expect("written");
    office.store(&file);
    office
}

/// Its player, in that environment and no other display's.
pub fn play(
    mut command: Command,
    environment: impl IntoIterator<Item = (&'static str, std::path::PathBuf)>,
) -> Running {
    command.env_remove("DISPLAY").env_remove("WAYLAND_DISPLAY");
    command.envs(environment).env("RUST_LOG", "info");
    Running(command.spawn().expect("starts"))
}

pub fn fault(office: &Office, part: &str) -> Report {
    wait_for(part, LIMIT, || {
        office
            .status()
            .filter(|report| report.faults.iter().any(|fault| fault.contains(part)))
    })
}

pub fn no_fault(office: &Office) -> Report {
    wait_for("no fault", LIMIT, || {
        office.status().filter(|report| report.faults.is_empty())
    })
}
