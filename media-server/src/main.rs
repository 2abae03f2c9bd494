//! The program around the media node: command line, configuration, keys, signals.

#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use clap::Parser;
use media_server::net::node::{Keys, Node};
use runtime::Shutdown;
use runtime::secrets::Secrets;

/// How long goodbyes may take after a signal.
const GOODBYE: Duration = Duration::from_secs(5);

/// The WebRTC media server of an office.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// The office's configuration, such as configs/demo.toml.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    runtime::start_log();
    let config = runtime::config_or_exit(&arguments.config);
    let secrets = Secrets::open(&config.paths.secrets)?;
    let keys = Keys {
        media: secrets.media_key()?,
        node: secrets.node_key()?,
    };
    raise_file_limit();
    let shutdown = Shutdown::on_signals().context("signals can't be listened to")?;
    let node = Node::start(&config, keys, shutdown).await?;
    node.finish(GOODBYE).await;
    Ok(())
}

/// Connections by TCP are files: as many as the system lets this user have.
fn raise_file_limit() {
    use nix::sys::resource::{Resource, getrlimit, setrlimit};
    let raised =
        getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, most)| setrlimit(Resource::RLIMIT_NOFILE, most, most));
    if let Err(error) = raised {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}
