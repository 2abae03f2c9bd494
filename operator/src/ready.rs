//! Is the office open? Asks each part what only a working one can answer.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use protocol::config::Config;
use runtime::secrets::Secrets;
use store::Store;

use crate::doctor::turn_client;

const LIMIT: Duration = Duration::from_secs(90);

/// Waits until pages are served, every media node is there, and every screen plays.
///
/// # Errors
/// What was not ready after 90 s, and its last words.
pub async fn wait(config: &Config, secrets: &Secrets) -> Result<()> {
    let until = Instant::now() + LIMIT;
    let store = Store::connect(config).await.context("the addresses of Redis")?;
    poll("Redis (ledger)", until, async || {
        store.ledger.ping().await.map_err(Into::into)
    })
    .await?;
    poll("Redis (live)", until, async || {
        store.live.ping().await.map_err(Into::into)
    })
    .await?;
    poll("signaling", until, async || healthy(config, secrets).await).await?;
    poll("media-server", until, async || {
        let alive = store::nodes::alive(&store.live).await?;
        let more = config.media.more_nodes.iter().map(|node| node.control);
        for control in std::iter::once(config.media.control).chain(more) {
            // A port that the system chose (0) is known to the node only.
            if !alive.iter().any(|node| control.port() == 0 || node.control == control) {
                bail!("the media node at {control} has not registered");
            }
        }
        Ok(())
    })
    .await?;
    let turn = config.turn.as_ref().filter(|turn| turn.urls.is_empty());
    if let Some(at) = turn.and_then(|turn| turn.listen) {
        poll("turn", until, async || {
            turn_client::answers(at).await.map_err(Into::into)
        })
        .await?;
    }
    if let Some(at) = turn.and_then(|turn| turn.tls_listen) {
        poll("turn (TLS)", until, async || {
            tokio::net::TcpStream::connect(at).await.map(drop).map_err(Into::into)
        })
        .await?;
    }
    for screen in &config.screens {
        let socket = player_socket(config, screen);
        poll(&format!("signage-player {}", screen.id), until, async || {
            if socket.exists() {
                Ok(())
            } else {
                bail!("it has not opened {}", socket.display())
            }
        })
        .await?;
    }
    Ok(())
}

/// Where a screen's player listens on this machine.
pub fn player_socket(config: &Config, screen: &protocol::config::Screen) -> PathBuf {
    config.screen_home(&screen.id).join("player.sock")
}

/// Asks signaling at the address where it listens, by the name that its certificate carries.
async fn healthy(config: &Config, secrets: &Secrets) -> Result<()> {
    let mut builder = reqwest::Client::builder().timeout(Duration::from_secs(3));
    if config.web.certificate.is_none() {
        let pem = std::fs::read(secrets.ca()).context("the local certificate is not made yet")?;
        builder = builder.tls_certs_only([reqwest::Certificate::from_pem(&pem)?]);
    }
    let url = format!("{}/healthz", config.web.public_url);
    let host = reqwest::Url::parse(&url)?.host_str().unwrap_or_default().to_owned();
    let mut listen = config.web.listen;
    if listen.ip().is_unspecified() {
        listen.set_ip(std::net::Ipv4Addr::LOCALHOST.into());
    }
    builder
        .resolve(&host, listen)
        .build()?
        .get(url)
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

async fn poll(what: &str, until: Instant, mut ask: impl AsyncFnMut() -> Result<()>) -> Result<()> {
    loop {
        match ask().await {
            Ok(()) => return Ok(()),
            Err(error) if Instant::now() > until => {
                return Err(error.context(format!("{what} is not ready after {} s", LIMIT.as_secs())));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}
