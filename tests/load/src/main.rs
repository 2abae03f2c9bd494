//! Loads an SFU with real participants on loopback, and measures what it costs. Prints one JSON object of
//! every run's figures; `tests/bench/sfu.ts` makes the table of it.

#![forbid(unsafe_code)]

mod bench;
mod conference;
mod crowd;
mod histogram;
mod keys;
mod ledger;
mod link;
mod net;
mod office;
mod pacing;
mod payload;
mod process;
mod receiver;
mod rtcp;
mod rtp;
mod scenes;
mod sdp;
mod sender;
mod srtp;
mod wire;

use std::path::PathBuf;
use std::time::Duration;

use clap::Parser;

/// Loads an SFU with real participants on loopback.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Our media server's program.
    #[arg(long, value_name = "FILE")]
    server: PathBuf,
    /// How many windows are measured.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// How long a window is, in seconds.
    #[arg(long, default_value_t = 10.0)]
    seconds: f64,
    /// Between a subscriber's reports of what came, in milliseconds.
    #[arg(long, default_value_t = 100)]
    feedback_ms: u64,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    process::pin_self();
    let server = scenes::Server::Office(arguments.server);
    let feedback = Duration::from_millis(arguments.feedback_ms);
    let shape = scenes::LIVESTREAM;
    let mut bench = shape.open(&server, feedback)?;
    eprintln!("all in");
    let load = scenes::calibrate(&shape, &mut bench, |text| eprintln!("{text}"))?;
    drop(bench);
    for _ in 0..arguments.runs {
        let sample = scenes::run(
            &shape,
            &server,
            load,
            Duration::from_secs_f64(arguments.seconds),
            feedback,
        )?;
        eprintln!("{}", sample.line());
    }
    Ok(())
}
