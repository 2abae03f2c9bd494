//! Sends a picture of what is on show, when somebody at the office asks for it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use reqwest::Client;
use reqwest::header::CONTENT_TYPE;
use tokio::sync::oneshot;

use super::{Settings, tls};
use crate::control::png;
use crate::event::{Event, Sender};

/// A picture that isn't sent by then is given up: whoever wants it asks again.
const LIMIT: Duration = Duration::from_secs(30);

/// Takes a picture and sends it.
///
/// # Errors
/// When the stage is gone, or the server doesn't take it.
pub(super) async fn send(settings: Arc<Settings>, events: Sender) -> Result<()> {
    let (reply, snapshot) = oneshot::channel();
    events
        .send(Event::Snapshot(reply))
        .await
        .ok()
        .context("the stage is gone")?;
    let snapshot = snapshot.await.context("the stage is gone")?;
    let picture = tokio::task::spawn_blocking(|| png(snapshot)).await??;
    let mut client = Client::builder().timeout(LIMIT).no_proxy();
    if settings.server.starts_with("https:") {
        client = client.tls_backend_preconfigured(tls::config(&settings.authority)?);
    }
    let url = format!("{}/api/screens/{}/picture", settings.server, settings.own_id()?);
    let request = client.build()?.post(url).bearer_auth(settings.read_token()?);
    let response = request.header(CONTENT_TYPE, "image/png").body(picture).send().await?;
    response.error_for_status()?;
    Ok(())
}
