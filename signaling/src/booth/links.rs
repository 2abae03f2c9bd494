//! The link that makes a browser a booth's: a file in `paths.secrets`, opened once in that browser by who sets it up.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use protocol::config::Booth;
use protocol::grants::BoothGrant;
use protocol::time::UnixMillis;

use crate::app::App;

/// How long a booth is a booth without anybody coming by. Renewed whenever its page is opened.
pub(super) const LASTS: Duration = Duration::from_secs(400 * 24 * 3600);
const RENEWED_BEFORE: Duration = Duration::from_secs(30 * 24 * 3600);
const LOOK_EVERY: Duration = Duration::from_secs(3600);

/// Keeps the links until the shutdown.
pub(crate) async fn keep_links(app: Arc<App>) {
    let mut look = tokio::time::interval(LOOK_EVERY);
    loop {
        tokio::select! {
            _ = look.tick() => {}
            () = app.shutdown.started() => return,
        }
        for booth in &app.config.booths {
            match keep(&app, booth, runtime::now()) {
                Ok(true) => tracing::info!(booth = %booth.id, "made a booth's link"),
                Ok(false) => {}
                Err(error) => tracing::error!(booth = %booth.id, "{error:#}"),
            }
        }
    }
}

/// What a booth's token grants.
pub(super) fn grant(app: &App, booth: &Booth) -> BoothGrant {
    BoothGrant {
        office: app.config.office.id.clone(),
        booth: booth.id.clone(),
        key: booth.key,
    }
}

/// Makes a booth's link unless it has one that holds long enough. Returns whether it did.
fn keep(app: &App, booth: &Booth, now: UnixMillis) -> Result<bool> {
    let path = app.secrets.booth_link(&booth.id);
    let key = &app.keys.booth;
    let wanted = grant(app, booth);
    // Behind a "#" the token stays out of logs and of what is sent with links.
    let begin = format!("{}/booth#", app.config.web.public_url);
    let holds = |link: String| {
        let token = link.trim().strip_prefix(&begin).map(str::to_owned);
        token.is_some_and(|it| key.verify::<BoothGrant>(&it, now.plus(RENEWED_BEFORE)) == Ok(wanted.clone()))
    };
    if fs::read_to_string(&path).is_ok_and(holds) {
        return Ok(false);
    }
    let token = key.sign(wanted.clone(), now, now.plus(LASTS))?;
    write(&path, &format!("{begin}{token}\n")).with_context(|| format!("{} can't be written", path.display()))?;
    Ok(true)
}

fn write(path: &Path, link: &str) -> io::Result<()> {
    if let Some(folder) = path.parent().filter(|folder| !folder.exists()) {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    runtime::write_file(path, link.as_bytes(), true)
}
