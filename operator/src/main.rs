//! The operator's command. `madoguchi up` starts every part of the office, keeps it running and ends it.

#![forbid(unsafe_code)]

mod announce;
mod backoff;
mod files;
mod part;
mod ready;
mod up;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "madoguchi",
    version,
    about = "Runs a ward office's consultations, screens and congestion feeds"
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Starts the whole office and keeps it running until Ctrl-C
    Up {
        /// The office's configuration
        #[arg(long, default_value = "configs/demo.toml")]
        config: PathBuf,
        /// Open the office to the local network, at this address of the machine (without one: the first found)
        #[arg(long, num_args = 0..=1, default_missing_value = "auto")]
        lan: Option<String>,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let Command::Up { config, lan } = Arguments::parse().command;
    match up::run(&config, lan.as_deref()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("madoguchi: {error:#}");
            ExitCode::FAILURE
        }
    }
}
