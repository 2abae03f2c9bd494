//! The screen's program: plays, or asks the one that plays, or prepares what it plays.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Args, Parser, Subcommand};
use protocol::config::Config;
use protocol::ids::ScreenId;
use protocol::screen::Rect;
use signage_player::agent::process;
use signage_player::cache::Cache;
use signage_player::control::{Answer, Request, ask};
use signage_player::player::How;
use signage_player::stage::capture::{Capture, Spot};
use signage_player::stick::{self, Trust, bundle, watch};
use signage_player::supervisor::{self, Part};
use signage_player::sync::clock::Skew;
use signage_player::touch::tell;
use signage_player::{camera, content, live, player};

/// Shows a layout on a screen, with or without the network.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    play: Option<Play>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Makes the demo's video and pictures.
    MakeContent {
        /// The folder to write them to.
        folder: PathBuf,
    },
    /// Plays what is in a folder or on a memory stick, from the screen's own disk, without a network.
    Import {
        #[command(flatten)]
        screen: Which,
        /// The folder: videos, pictures, PDFs, with or without a playlist.toml or layout.json; or a signed bundle.
        #[arg(required_unless_present = "forget")]
        folder: Option<PathBuf>,
        /// Takes what was imported from the screen again: it plays what the server wants.
        #[arg(long, conflicts_with = "folder")]
        forget: bool,
    },
    /// Makes a folder a signed bundle for a memory stick.
    Bundle {
        /// The folder.
        folder: PathBuf,
        /// The secret key's file, of `signage-player key`.
        #[arg(long)]
        key: PathBuf,
    },
    /// Lists this machine's input devices, says which are touch panels, and prints where they are touched.
    Touch {
        #[command(flatten)]
        screen: Which,
    },
    /// The player's own: the process of one live picture, which is ordered on the standard input.
    #[command(hide = true)]
    Live,
    /// Makes a key for bundles, and prints its public half for player.stick_keys.
    Key {
        /// The secret key's new file.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
struct Which {
    /// The office's configuration, such as configs/demo.toml.
    #[arg(long)]
    config: PathBuf,
    /// Which of its screens this is.
    #[arg(long)]
    screen: ScreenId,
}

#[derive(Debug, Args)]
struct Play {
    /// The office's configuration, such as configs/demo.toml.
    #[arg(long)]
    config: PathBuf,
    /// Which of its screens this is.
    #[arg(long)]
    screen: ScreenId,
    /// Shows a code until an admin accepts this player on /staff/screens; --screen then only names its folder here.
    #[arg(long)]
    pair: bool,
    /// Plays without a window, even where there is a display.
    #[arg(long)]
    headless: bool,
    /// Writes what the running player shows now to this PNG file.
    #[arg(long, value_name = "FILE", group = "request")]
    snapshot: Option<PathBuf>,
    /// Touches the running player's screen at this place, in the layout's pixels.
    #[arg(long, value_name = "X,Y", group = "request", value_parser = place)]
    touch: Option<(f64, f64)>,
    /// For benches: writes parts of every frame that is shown to this file (headless only; docs/player.md).
    #[arg(long, value_name = "FILE", requires = "headless")]
    capture: Option<PathBuf>,
    /// A part to capture: left, top, width, height, and every how manieth pixel. May be given several times.
    #[arg(long, value_name = "X,Y,W,H,STEP", value_parser = spot, requires = "capture")]
    capture_spot: Vec<Spot>,
    /// For benches: the stage's clock is wrong from the start, by milliseconds, and fast by millionths.
    #[arg(long, value_name = "MS,PPM", value_parser = skew, hide = true, allow_hyphen_values = true)]
    clock_skew: Option<Skew>,
    /// Prints how the running player is doing, as JSON.
    #[arg(long, group = "request")]
    status: bool,
    /// One of the player's processes; not given: the one that keeps them.
    #[arg(long, value_enum, hide = true)]
    part: Option<Part>,
}

fn place(text: &str) -> Result<(f64, f64), String> {
    let expected = || format!("{text:?}: expected two numbers such as 640,360");
    let (x, y) = text.split_once(',').ok_or_else(expected)?;
    let number = |part: &str| {
        part.trim()
            .parse::<f64>()
            .ok()
            .filter(|it| it.is_finite())
            .ok_or_else(expected)
    };
    Ok((number(x)?, number(y)?))
}

fn skew(text: &str) -> Result<Skew, String> {
    let (ahead_ms, fast_ppm) = place(text)?;
    Ok(Skew {
        ahead_ns: (ahead_ms * 1e6) as i64,
        fast_ppb: (fast_ppm * 1e3) as i64,
    })
}

fn spot(text: &str) -> Result<Spot, String> {
    let numbers: Result<Vec<u32>, _> = text.split(',').map(|part| part.trim().parse()).collect();
    match numbers.as_deref() {
        Ok(&[x, y, width, height, step]) if step > 0 => Ok(Spot {
            rect: Rect { x, y, width, height },
            step,
        }),
        _ => Err(format!("{text:?}: expected five whole numbers such as 0,0,1280,720,40")),
    }
}

fn main() -> ExitCode {
    runtime::start_log();
    let cli = Cli::parse();
    let done = match (cli.command, cli.play) {
        (Some(Command::MakeContent { folder }), _) => content::make(&folder),
        (Some(Command::Import { screen, folder, .. }), _) => import(&screen, folder),
        (Some(Command::Bundle { folder, key }), _) => make_bundle(&folder, &key),
        (Some(Command::Touch { screen }), _) => {
            let config = config_of(&screen.config, &screen.screen, false);
            tell::tell(&config.touch_of(&screen.screen))
        }
        (Some(Command::Live), _) => live::process::run(),
        (Some(Command::Key { file }), _) => bundle::make_key(&file).map(|public| println!("{public}")),
        (None, Some(play)) => act(&config_of(&play.config, &play.screen, play.pair), &play),
        (None, None) => runtime::exit_config(&"expected --config FILE --screen ID, or a command; see --help"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("signage-player: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn config_of(file: &Path, screen: &ScreenId, pairs: bool) -> Config {
    let config = runtime::config_or_exit(file);
    let is_known = config.screens.iter().any(|known| known.id == *screen);
    // Whoever asks a player that was paired names its folder.
    if !is_known && !pairs && !player::home(&config, screen).exists() {
        let known: Vec<&str> = config.screens.iter().map(|screen| screen.id.as_str()).collect();
        let file = file.display();
        runtime::exit_config(&format!(
            "{file}: screen: there is no [[screen]] with id {:?}, expected one of {known:?}",
            screen.as_str()
        ));
    }
    config
}

fn import(which: &Which, folder: Option<PathBuf>) -> Result<()> {
    let config = config_of(&which.config, &which.screen, false);
    let cache = Cache::open(&player::home(&config, &which.screen));
    let Some(folder) = folder else {
        let had = cache.forget_stick().context("what was imported can't be taken away")?;
        println!("{}", if had { "taken away" } else { "nothing was imported" });
        return Ok(());
    };
    let keys = watch::keys(&config.player);
    let imported = stick::import(&folder, &cache, &keys, Trust::Operator, config.player.disk_budget)?;
    for fault in &imported.faults {
        eprintln!("left out: {fault}");
    }
    let count = imported.manifest.contents.len();
    println!("{count} files imported; they play from now on, or when the player is started");
    Ok(())
}

fn make_bundle(folder: &Path, key: &Path) -> Result<()> {
    for fault in bundle::make(folder, key, None, runtime::now())? {
        eprintln!("left out: {fault}");
    }
    println!("{} is a bundle now", folder.display());
    Ok(())
}

fn act(config: &Config, play: &Play) -> Result<()> {
    let screen = &play.screen;
    if let Some(file) = &play.snapshot {
        return player::snapshot(config, screen, file);
    }
    let socket = player::control_place(config, screen);
    if let Some((x, y)) = play.touch {
        if let (Answer::Touched { page }, _) = ask(&socket, &Request::Touch { x, y })? {
            println!("{page}");
        }
        return Ok(());
    }
    if play.status {
        if let (Answer::Status { report }, _) = ask(&socket, &Request::Status)? {
            println!("{}", serde_json::to_string(&report)?);
        }
        return Ok(());
    }
    let Some(part) = play.part else {
        let arguments: Vec<_> = std::env::args_os().skip(1).collect();
        let has_camera = config.camera_of(screen).is_some();
        return supervisor::run(&player::home(config, screen), &arguments, has_camera);
    };
    supervisor::enter(part)?;
    match part {
        Part::Agent => process::run(config, screen, play.pair),
        Part::Camera => camera::run(config, screen),
        Part::Picture => {
            let how = How {
                is_headless: play.headless,
                capture: play.capture.clone().map(|file| Capture {
                    file,
                    spots: play.capture_spot.clone(),
                }),
                skew: play.clock_skew.unwrap_or_default(),
                pair: play.pair,
            };
            player::run(config, screen, &how)
        }
    }
}
