//! The test camera as a program: it prints its address, then does what it is told, a word a line.

#![forbid(unsafe_code)]

use std::io::BufRead as _;

use anyhow::{Result, bail};
use clap::Parser;
use test_camera::{Camera, Mood};

/// An RTSP camera that has every trouble a camera can have.
///
/// It takes lines on its standard input: well, away, mute, garbage, drop, freeze, move, light SHARE, cover, uncover,
/// people NUMBER, size WIDTHxHEIGHT, rate PICTURES (a second). It ends with its input.
#[derive(Debug, Parser)]
struct Cli {
    /// Who may watch, and with which password
    #[arg(long, value_name = "USER:PASSWORD")]
    user: Option<String>,
}

fn main() -> Result<()> {
    let cli = Cli::parse();
    let user = cli.user.as_deref().and_then(|user| user.split_once(':'));
    let camera = Camera::start(user)?;
    println!("{}", camera.url());
    for line in std::io::stdin().lock().lines() {
        if let Err(error) = obey(&camera, line?.trim()) {
            eprintln!("{error}");
        }
    }
    Ok(())
}

fn obey(camera: &Camera, line: &str) -> Result<()> {
    let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
    match word {
        "well" => camera.be(Mood::Well),
        "away" => camera.be(Mood::Away),
        "mute" => camera.be(Mood::Mute),
        "garbage" => camera.be(Mood::Garbage),
        "drop" => camera.drop_connections(),
        "freeze" => camera.look_at(|view| view.is_frozen = true),
        "move" => camera.look_at(|view| view.is_frozen = false),
        "cover" => camera.look_at(|view| view.is_covered = true),
        "uncover" => camera.look_at(|view| view.is_covered = false),
        "light" => {
            let light = rest.parse()?;
            camera.look_at(|view| view.light = light);
        }
        "people" => {
            let people = rest.parse()?;
            camera.look_at(|view| view.people = people);
        }
        "rate" => {
            let per_second = rest.parse()?;
            if !(1..=60).contains(&per_second) {
                bail!("expected 1 to 60 pictures a second");
            }
            camera.look_at(|view| view.per_second = per_second);
        }
        "size" => {
            let sides = rest
                .split_once('x')
                .map(|(width, height)| Ok([width.parse()?, height.parse()?]));
            let Some(size) = sides.transpose().map_err(|error: std::num::ParseIntError| error)? else {
                bail!("expected WIDTHxHEIGHT");
            };
            camera.look_at(|view| view.size = size);
        }
        other => bail!("{other:?}: see --help for the words"),
    }
    Ok(())
}
