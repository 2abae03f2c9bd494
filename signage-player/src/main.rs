//! The screen's program: plays, or asks the one that plays.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand};
use protocol::config::Config;
use protocol::ids::ScreenId;
use protocol::screen::Rect;
use signage_player::control::{Answer, Request, ask};
use signage_player::stage::capture::{Capture, Spot};
use signage_player::stage::output::Target;
use signage_player::{content, player};

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
    /// Prints how the running player is doing, as JSON.
    #[arg(long, group = "request")]
    status: bool,
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
        (None, Some(play)) => {
            let config = runtime::config_or_exit(&play.config);
            check_screen(&config, &play);
            act(&config, &play)
        }
        (None, None) => runtime::exit_config(&"expected --config FILE --screen ID, or make-content FOLDER; see --help"),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("signage-player: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn check_screen(config: &Config, play: &Play) {
    let is_known = config.screens.iter().any(|screen| screen.id == play.screen);
    // Whoever asks a player that was paired names its folder.
    if !is_known && !play.pair && !player::home(config, &play.screen).exists() {
        let known: Vec<&str> = config.screens.iter().map(|screen| screen.id.as_str()).collect();
        let file = play.config.display();
        runtime::exit_config(&format!(
            "{file}: screen: there is no [[screen]] with id {:?}, expected one of {known:?}",
            play.screen.as_str()
        ));
    }
}

fn act(config: &Config, play: &Play) -> Result<()> {
    if let Some(file) = &play.snapshot {
        return player::snapshot(config, &play.screen, file);
    }
    let socket = player::socket(config, &play.screen);
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
    let target = if play.headless { Target::Headless } else { Target::Auto };
    let capture = play.capture.clone().map(|file| Capture {
        file,
        spots: play.capture_spot.clone(),
    });
    player::run(config, &play.screen, play.pair, target, capture.as_ref())
}
