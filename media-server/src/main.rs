//! The program around the media node: command line, configuration, keys, signals.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use media_server::net::node::{Keys, Node};
use media_server::operate::{self, Which};
use protocol::config::{Config, duration_of};
use runtime::Shutdown;
use runtime::secrets::Secrets;

/// How long goodbyes may take after a signal.
const GOODBYE: Duration = Duration::from_secs(5);

/// The WebRTC media server of an office.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The office's configuration, such as configs/demo.toml.
    #[arg(long, value_name = "FILE", required = true)]
    config: Option<PathBuf>,
    /// Which of this machine's nodes: 1 is [media] itself, 2 the first [[media.node]].
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    node: usize,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Has a running node take no new rooms and end when it is empty, and waits for that.
    Drain {
        #[command(flatten)]
        office: Office,
        /// Which node: its number in the configuration, or its id as `media-server nodes` tells it. Without it: the
        /// configuration's only one.
        #[arg(long, value_name = "NUMBER|ID")]
        node: Option<Which>,
        /// Who is in a room after this is told to go on elsewhere, and the node ends.
        #[arg(long, value_name = "TIME", default_value = "10m", value_parser = deadline)]
        deadline: Duration,
    },
    /// Lists the nodes that are alive: id, address, version, load, who takes new rooms.
    Nodes {
        #[command(flatten)]
        office: Office,
    },
}

#[derive(Debug, Args)]
struct Office {
    /// The office's configuration.
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
}

fn deadline(text: &str) -> Result<Duration, String> {
    duration_of(text).ok_or_else(|| "expected a time with its unit, such as 30s, 10m or 1h".to_owned())
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let say = |line: String| println!("{line}");
    match arguments.command {
        Some(Command::Drain { office, node, deadline }) => {
            let config = runtime::config_or_exit(&office.config);
            operate::drain(&config, node.as_ref(), deadline, say).await
        }
        Some(Command::Nodes { office }) => operate::list(&runtime::config_or_exit(&office.config), say).await,
        None => {
            // clap asks for it where there is no subcommand.
            let file = arguments.config.unwrap_or_default();
            run(&config_of(&file, arguments.node)).await
        }
    }
}

fn config_of(file: &Path, node: usize) -> Config {
    let config = runtime::config_or_exit(file);
    let nodes = config.media_nodes();
    config.for_media_node(node).unwrap_or_else(|| {
        let why = format!("--node {node}: {} names {nodes} media node(s)", file.display());
        runtime::exit_config(&why)
    })
}

async fn run(config: &Config) -> anyhow::Result<()> {
    runtime::start_log();
    let secrets = Secrets::open(&config.paths.secrets)?;
    let keys = Keys {
        media: secrets.media_key()?,
        node: secrets.node_key()?,
    };
    raise_file_limit();
    let shutdown = Shutdown::on_signals().context("signals can't be listened to")?;
    let node = Node::start(config, keys, shutdown).await?;
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
