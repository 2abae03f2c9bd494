//! Sends a picture of what is on show, when somebody at the office asks for it.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use reqwest::header::CONTENT_TYPE;

use super::{Settings, tls};
use crate::control::{Request, ask};

/// A picture that isn't sent by then is given up: whoever wants it asks again.
const LIMIT: Duration = Duration::from_secs(30);

/// Asks the picture's process for what it shows, and sends it.
///
/// # Errors
/// When it doesn't answer, or the server doesn't take it.
pub(super) async fn send(settings: Arc<Settings>) -> Result<()> {
    let place = settings.picture.clone();
    let (_, picture) = tokio::task::spawn_blocking(move || ask(&place, &Request::Snapshot)).await??;
    let client = tls::client(&settings.server, &settings.authority)?.timeout(LIMIT);
    let url = format!("{}/api/screens/{}/picture", settings.server, settings.own_id()?);
    let request = client.build()?.post(url).bearer_auth(settings.read_token()?);
    let response = request.header(CONTENT_TYPE, "image/png").body(picture).send().await?;
    response.error_for_status()?;
    Ok(())
}
