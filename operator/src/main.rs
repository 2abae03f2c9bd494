//! The operator's command. `madoguchi up` starts every part of the office, keeps it running and ends it.

#![forbid(unsafe_code)]

mod announce;
mod backoff;
mod doctor;
mod files;
mod part;
mod people;
mod ready;
mod turn;
mod up;

use std::net::IpAddr;
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
    /// Looks at the office from the outside in, and says what to do about each fault
    Doctor {
        /// The office's configuration
        #[arg(long, default_value = "configs/demo.toml")]
        config: PathBuf,
        /// The office is open to the network at this address (`up --lan ADDRESS`)
        #[arg(long)]
        lan: Option<IpAddr>,
        /// Say it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Looks after the accounts of the staff
    Staff {
        #[command(flatten)]
        office: people::Office,
        #[command(subcommand)]
        command: people::Staff,
    },
    /// Verifies the audit log
    Audit {
        #[command(flatten)]
        office: people::Office,
        #[command(subcommand)]
        command: people::Audit,
    },
}

#[tokio::main]
async fn main() -> ExitCode {
    let done = match Arguments::parse().command {
        Command::Up { config, lan } => up::run(&config, lan.as_deref()).await,
        Command::Doctor { config, lan, json } => doctor::run(&config, lan, json).await,
        Command::Staff { office, command } => people::staff(&office, command).await,
        Command::Audit { office, command } => people::audit(&office, command).await,
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            eprintln!("madoguchi: {error:#}");
            ExitCode::FAILURE
        }
    }
}
