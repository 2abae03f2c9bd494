//! `madoguchi-impair`: a bad network between UDP peers and a server on this machine.
//!
//! It says where it listens and takes orders: each line of its input is a step (`down rate=300k`) or empty, and is answered
//! by a line of JSON with what has happened until then. It ends with its input.

#![forbid(unsafe_code)]

use std::net::SocketAddr;

use anyhow::Context as _;
use clap::Parser;
use impair::{Plan, Proxy, Step, settings};
use tokio::sync::mpsc;

/// Stands between UDP peers and a server, and behaves like a bad network.
#[derive(Debug, Parser)]
#[command(name = "madoguchi-impair")]
struct Arguments {
    /// Where peers reach it; port 0: any.
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
    /// Where it leads to.
    #[arg(long)]
    server: SocketAddr,
    /// What chance begins with.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Toward the server, such as "loss=5% delay=20ms".
    #[arg(long, default_value = "")]
    up: String,
    /// Toward the peers.
    #[arg(long, default_value = "")]
    down: String,
    /// A later change, such as "5s down rate=300k queue=200ms". May be given again and again.
    #[arg(long = "at", value_name = "STEP")]
    steps: Vec<String>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let steps = arguments.steps.iter().map(|it| Step::read(it));
    let plan = Plan {
        seed: arguments.seed,
        up: settings(&arguments.up)?,
        down: settings(&arguments.down)?,
        steps: steps.collect::<Result<_, _>>()?,
    };
    let proxy = Proxy::open(arguments.listen, arguments.server, plan)
        .await
        .with_context(|| format!("can't listen at {}", arguments.listen))?;
    println!("{}", serde_json::json!({ "address": proxy.address() }));
    let mut lines = orders();
    while let Some(line) = lines.recv().await {
        if !line.trim().is_empty() {
            match Step::read(&line) {
                Ok(step) => proxy.set(step.direction, step.settings).await,
                Err(error) => {
                    println!("{}", serde_json::json!({ "error": error.to_string() }));
                    continue;
                }
            }
        }
        println!("{}", serde_json::to_string(&proxy.report().await)?);
    }
    proxy.close().await;
    Ok(())
}

/// The input's lines. Reading it waits, so a thread of its own does it.
fn orders() -> mpsc::Receiver<String> {
    // When full, the thread waits, and who writes the input.
    let (tell, lines) = mpsc::channel(16);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if tell.blocking_send(line).is_err() {
                return;
            }
        }
    });
    lines
}
