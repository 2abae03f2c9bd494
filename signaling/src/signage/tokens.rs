//! The tokens with which this machine's own screens speak, in `paths.secrets`. Each holds a year and is
//! renewed a month before its end.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use protocol::grants::ScreenGrant;
use protocol::ids::ScreenId;
use protocol::time::UnixMillis;

use crate::app::App;

const LASTS: Duration = Duration::from_secs(365 * 24 * 3600);
const RENEWED_BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);
const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// Keeps the tokens until the shutdown.
pub(crate) async fn keep_tokens(app: Arc<App>) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            () = app.shutdown.started() => return,
        }
        for screen in &app.config.screens {
            match keep(&app, &screen.id, runtime::now()) {
                Ok(true) => tracing::info!(screen = %screen.id, "made a screen's token"),
                Ok(false) => {}
                Err(error) => tracing::error!(screen = %screen.id, "{error:#}"),
            }
        }
    }
}

/// Makes a screen's token unless it has one that holds long enough. Returns whether it did.
fn keep(app: &App, screen: &ScreenId, now: UnixMillis) -> Result<bool> {
    let path = app.secrets.screen_token(screen);
    let wanted = ScreenGrant {
        office: app.config.office.id.clone(),
        screen: screen.clone(),
    };
    let key = &app.keys.screen;
    let holds = |token: String| key.verify::<ScreenGrant>(token.trim(), now.plus(RENEWED_BEFORE)) == Ok(wanted.clone());
    if fs::read_to_string(&path).is_ok_and(holds) {
        return Ok(false);
    }
    let token = key.sign(wanted.clone(), now, now.plus(LASTS))?;
    write(&path, &token).with_context(|| format!("{} can't be written", path.display()))?;
    Ok(true)
}

fn write(path: &Path, token: &str) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    runtime::write_file(path, token.as_bytes(), true)
}
