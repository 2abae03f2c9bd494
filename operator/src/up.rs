//! `madoguchi up`: the order in which parts start, what is told of them, and their end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::File;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use protocol::config::{Config, RedisAt};
use runtime::Shutdown;
use runtime::secrets::Secrets;
use serde::Serialize;
use store::private::{self, Purpose};
use tokio::sync::mpsc;

use crate::part::{self, News, Part};
use crate::{announce, files, people, ready, turn};

/// What runs, for benches and tests: written to `run/office.json` at every change.
#[derive(Debug, Default, Serialize)]
struct Running {
    is_ready: bool,
    parts: BTreeMap<String, u32>,
}

/// Starts the office and keeps it until a signal comes.
///
/// # Errors
/// When it can't even begin: another one runs in the same folder, or a program is missing.
pub async fn run(file: &Path, lan: Option<&str>) -> Result<ExitCode> {
    let lan = match lan {
        None => None,
        Some("auto") => Some(own_address()?),
        Some(address) => Some(address.parse().context("--lan takes an IP address")?),
    };
    let config =
        match runtime::read_config_for(file, lan).and_then(|config| files::check(file, &config).map(|()| config)) {
            Ok(config) => config,
            Err(error) => {
                eprintln!("{error}");
                return Ok(ExitCode::from(runtime::EXIT_CONFIG));
            }
        };
    let file = std::path::absolute(file)?;
    std::fs::create_dir_all(&config.paths.run)
        .with_context(|| format!("paths.run: {} can't be made", config.paths.run.display()))?;
    let _lock = lock(&config)?;
    let secrets = Secrets::open(&config.paths.secrets)?;
    let shutdown = Shutdown::on_signals()?;
    // Full: parts wait before they tell more; nothing is lost.
    let (sender, news) = mpsc::channel(64);
    let result = keep_all(&config, &file, lan, &secrets, &shutdown, sender, news).await;
    // A stale list would name processes that are gone.
    let _ = std::fs::remove_file(config.paths.run.join("office.json"));
    result
}

/// An office that nobody can look after yet needs somebody who does.
async fn announce_first_admin(config: &Config) {
    match people::first_admin(config).await {
        Ok(None) => {}
        Ok(Some(url)) => println!("  Nobody can look after accounts yet. The first admin begins here:\n  {url}\n"),
        Err(error) => eprintln!("madoguchi: no link for the first admin: {error:#}"),
    }
}

async fn keep_all(
    config: &Config,
    file: &Path,
    lan: Option<IpAddr>,
    secrets: &Secrets,
    shutdown: &Shutdown,
    sender: mpsc::Sender<News>,
    mut news: mpsc::Receiver<News>,
) -> Result<ExitCode> {
    // Redis ends after all who write to it.
    let (servers, programs) = (Shutdown::new(), Shutdown::new());
    for part in redis_parts(config)? {
        servers.spawn(part::keep(part, servers.clone(), sender.clone()));
    }
    for part in program_parts(config, file, lan)?
        .into_iter()
        .chain(turn::part(config, secrets)?)
    {
        programs.spawn(part::keep(part, programs.clone(), sender.clone()));
    }
    drop(sender);
    let mut running = Running::default();
    let mut code = ExitCode::SUCCESS;
    let opening = ready::wait(config, secrets);
    tokio::pin!(opening);
    let mut is_opening = true;
    loop {
        tokio::select! {
            () = shutdown.started() => break,
            opened = &mut opening, if is_opening => {
                is_opening = false;
                running.is_ready = opened.is_ok();
                write_running(config, &running)?;
                match opened {
                    Ok(()) => {
                        println!("{}", announce::text(config, secrets));
                        announce_first_admin(config).await;
                    }
                    Err(error) => eprintln!("madoguchi: {error:#}; the other parts run on"),
                }
            }
            told = news.recv() => match told {
                Some(News::Started { name, pid }) => {
                    running.parts.insert(name, pid);
                    write_running(config, &running)?;
                }
                Some(News::Fell { name, how, again_in }) => {
                    eprintln!("madoguchi: {name} {how}; starting it again in {:.1} s", again_in.as_secs_f64());
                }
                Some(News::Refused { name }) => {
                    eprintln!("madoguchi: {name} can't run with {}: see its words above", file.display());
                    code = ExitCode::from(runtime::EXIT_CONFIG);
                    break;
                }
                None => bail!("no part could be started"),
            },
        }
    }
    eprintln!("madoguchi: closing");
    // The keepers' last words would fill the channel: nobody reads them any more.
    news.close();
    programs.start();
    programs.finished(Duration::from_secs(20)).await;
    servers.start();
    servers.finished(Duration::from_secs(20)).await;
    Ok(code)
}

fn lock(config: &Config) -> Result<Flock<File>> {
    let path = config.paths.run.join("office.lock");
    let file = File::create(&path).with_context(|| format!("{} can't be made", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| {
        anyhow::anyhow!(
            "{} is locked ({errno}): another `madoguchi up` runs with this configuration",
            path.display()
        )
    })
}

fn redis_parts(config: &Config) -> Result<Vec<Part>> {
    let wanted = [
        (
            &config.redis.ledger,
            Purpose::Ledger,
            "redis-ledger",
            config.ledger_socket(),
        ),
        (&config.redis.live, Purpose::Live, "redis-live", config.live_socket()),
    ];
    let mut parts = Vec::new();
    for (at, purpose, name, socket) in wanted {
        if *at != RedisAt::Private {
            continue;
        }
        let dir = config.paths.run.join(name);
        std::fs::create_dir_all(&dir).with_context(|| format!("{} can't be made", dir.display()))?;
        let command = private::command(purpose, &dir, &socket);
        parts.push(Part {
            name: name.to_owned(),
            program: command.get_program().into(),
            arguments: command.get_args().map(Into::into).collect(),
            environment: Vec::new(),
            log: Some(private::log(&dir)),
            leftovers: vec![socket],
        });
    }
    Ok(parts)
}

fn program_parts(config: &Config, file: &Path, lan: Option<IpAddr>) -> Result<Vec<Part>> {
    let folder = std::env::current_exe()?
        .parent()
        .map_or_else(PathBuf::new, Path::to_owned);
    let with_config = |name: &str, extra: &[&str], label: String| -> Result<Part> {
        let program = folder.join(name);
        if !program.exists() {
            bail!("{} is missing: build it with `cargo build`", program.display());
        }
        let mut arguments: Vec<OsString> = vec!["--config".into(), file.into()];
        arguments.extend(extra.iter().map(OsString::from));
        // Parts read the configuration themselves and must come to the same addresses.
        let environment = lan
            .iter()
            .map(|address| (runtime::LAN_VARIABLE.to_owned(), address.to_string()))
            .collect();
        Ok(Part {
            name: label,
            program,
            arguments,
            environment,
            log: None,
            leftovers: Vec::new(),
        })
    };
    let mut parts = Vec::new();
    for number in 1..=config.media_nodes() {
        let (node, name) = (number.to_string(), media_node_name(config, number));
        parts.push(with_config("media-server", &["--node", &node], name)?);
    }
    parts.push(with_config("signaling", &[], "signaling".to_owned())?);
    if !config.cameras.is_empty() {
        parts.push(with_config("vision", &[], "vision".to_owned())?);
    }
    for screen in &config.screens {
        let id = screen.id.as_str();
        parts.push(with_config(
            "signage-player",
            &["--screen", id],
            format!("signage-player {id}"),
        )?);
    }
    Ok(parts)
}

/// What a media node is called: most machines have one, which needs no number.
fn media_node_name(config: &Config, number: usize) -> String {
    match config.media_nodes() {
        1 => "media-server".to_owned(),
        _ => format!("media-server {number}"),
    }
}

fn write_running(config: &Config, running: &Running) -> Result<()> {
    let json = serde_json::to_vec_pretty(running)?;
    runtime::write_file(&config.paths.run.join("office.json"), &json, false).context("office.json can't be written")
}

/// The machine's first address that others can reach.
fn own_address() -> Result<IpAddr> {
    let interfaces = nix::ifaddrs::getifaddrs().context("the machine's addresses")?;
    interfaces
        .filter_map(|interface| {
            interface
                .address?
                .as_sockaddr_in()
                .map(|address| IpAddr::V4(address.ip()))
        })
        .find(|address| !address.is_loopback())
        .context("this machine has no address on a network: name one with --lan ADDRESS")
}
