//! `signaling --config FILE`: serves one office until told to stop.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use runtime::Shutdown;
use signaling::Server;

/// The office's server: pages, REST and WebSocket signaling.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// The office's configuration, such as configs/demo.toml.
    #[arg(long, env = "MADOGUCHI_CONFIG")]
    config: PathBuf,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    runtime::start_log();
    let config = runtime::config_or_exit(&arguments.config);
    match serve(config).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(config: protocol::config::Config) -> anyhow::Result<()> {
    for fault in config.camera_faults.values().flatten() {
        tracing::warn!("a camera doesn't count, all else goes on: {fault}");
    }
    let shutdown = Shutdown::on_signals()?;
    Server::bind(config, shutdown).await?.run().await
}
