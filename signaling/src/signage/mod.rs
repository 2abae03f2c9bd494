//! Screens (電子看板): `library` knows what each shows, `known` what staff have arranged, `connect` tells it to them, `content`
//! hands out the files, `tokens` keeps the tokens of this machine's own screens, `pair` gives others theirs; `report` takes
//! what they say of themselves, `plays` keeps what they have shown; `remote` makes visitors' phones their remote controls; `uploads` takes files in, `layouts` makes manifests of
//! ready-made layouts; `bundle` packs what a screen shows for a memory stick.

pub(crate) mod bundle;
mod connect;
pub(crate) mod content;
mod known;
pub(crate) mod layouts;
mod library;
mod pair;
mod plays;
mod remote;
mod report;
mod tokens;
pub(crate) mod uploads;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::{HeaderMap, header};
use axum::routing::{get, post};
use protocol::grants::ScreenGrant;
use protocol::ids::ScreenId;
use protocol::screen::{Item, Layout};
use store::screens::pairing;

use crate::app::App;
use crate::problem::{Fault, Refusal};

pub(crate) use bundle::Signer;
pub(crate) use known::{Screens, follow_screens};
pub(crate) use library::{Library, follow_files};
pub(crate) use plays::Plays;
pub(crate) use remote::{Remotes, follow_remotes, routes as remote_routes};
pub(crate) use tokens::keep_tokens;

/// Old proofs of play are looked for so often.
const FORGET_EVERY: Duration = Duration::from_secs(6 * 3600);

/// What screens ask for and send.
pub(crate) fn routes() -> Router<Arc<App>> {
    let reports = Router::new()
        .route("/api/screens/{id}/reports", post(report::take))
        .layer(DefaultBodyLimit::max(protocol::screen::report::MAX_BYTES));
    let pictures = Router::new()
        .route("/api/screens/{id}/picture", post(report::take_picture))
        .layer(DefaultBodyLimit::max(report::PICTURE));
    Router::new()
        .route("/api/screens/connect", get(connect::connect))
        .route("/api/screens/pair", post(pair::begin))
        .route("/api/screens/pair/token", post(pair::token))
        .route("/api/screens/me", get(pair::me))
        .route("/content/{sha256}", get(content::serve))
        .merge(reports)
        .merge(pictures)
}

/// Whose token a request has.
struct Bearer {
    screen: ScreenId,
    /// The secret of a paired player's token; `None`: a token that this server has signed.
    secret: Option<String>,
}

/// The screen that a request's token is for.
///
/// # Errors
/// [`Fault::NotLoggedIn`] without a token that holds, [`Fault::Forbidden`] for another office's screen or
/// one that isn't configured any more, [`Fault::StoreDown`].
async fn screen_of(app: &App, headers: &HeaderMap) -> Result<Bearer, Refusal> {
    let token = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "))
        .ok_or(Fault::NotLoggedIn)?;
    if let Some((screen, secret)) = pairing::token_of(token) {
        let bearer = Bearer {
            screen,
            secret: Some(secret.to_owned()),
        };
        return if bearer.holds(app).await? {
            Ok(bearer)
        } else {
            Err(Fault::NotLoggedIn.into())
        };
    }
    let grant: ScreenGrant = app
        .keys
        .screen
        .verify(token, runtime::now())
        .map_err(|_| Fault::NotLoggedIn)?;
    let is_ours =
        grant.office == app.config.office.id && app.config.screens.iter().any(|screen| screen.id == grant.screen);
    if is_ours {
        Ok(Bearer {
            screen: grant.screen,
            secret: None,
        })
    } else {
        Err(Fault::Forbidden.into())
    }
}

/// Whether the screen from which a request comes is to show a live picture from this address: what staff have put on a screen, that
/// screen may watch. `None`: it comes from no screen of the office's.
///
/// # Errors
/// [`Fault::StoreDown`].
pub(crate) async fn shows_live(app: &App, headers: &HeaderMap, url: &str) -> Result<Option<bool>, Refusal> {
    let screen = match screen_of(app, headers).await {
        Ok(bearer) => bearer.screen,
        Err(refusal) if matches!(refusal.fault, Fault::NotLoggedIn | Fault::Forbidden) => return Ok(None),
        Err(refusal) => return Err(refusal),
    };
    let record = store::screens::get(&app.store.ledger, &app.config.office.id, &screen).await?;
    Ok(Some(match record.and_then(|record| record.shows) {
        Some(shows) => names(&shows.manifest.layout, url),
        // The configuration's layout.
        None => (app.library.manifest_of(&screen)).is_some_and(|manifest| names(&manifest.layout, url)),
    }))
}

fn names(layout: &Layout, address: &str) -> bool {
    layout
        .items()
        .any(|item| matches!(item, Item::Live { url, .. } if url == address))
}

impl Bearer {
    /// Whether the token holds still, by the ledger.
    ///
    /// # Errors
    /// [`Fault::StoreDown`].
    async fn holds(&self, app: &App) -> Result<bool, Refusal> {
        let Some(secret) = &self.secret else {
            return Ok(true);
        };
        let screen = store::screens::get(&app.store.ledger, &app.config.office.id, &self.screen).await?;
        Ok(screen.is_some_and(|screen| screen.is_paired_with(secret)))
    }
}

/// Deletes proofs of play in time, until the shutdown.
pub(crate) async fn forget_old_plays(app: Arc<App>) {
    let mut tick = tokio::time::interval(FORGET_EVERY);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = app.shutdown.started() => return,
        }
        let forgetting = Arc::clone(&app);
        if let Err(error) = tokio::task::spawn_blocking(move || forgetting.plays.forget_old(runtime::now())).await {
            tracing::error!(%error, "old proofs of play can't be deleted");
        }
    }
}
