//! What all handlers share, and the table of all routes.

use std::sync::Arc;

use anyhow::Result;
use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use protocol::config::Config;
use protocol::grants::TokenKey;
use protocol::ids::ParticipantId;
use protocol::turn::TurnSecret;
use runtime::Shutdown;
use runtime::secrets::Secrets;
use store::Store;
use tokio::sync::Semaphore;
use tower_http::compression::CompressionLayer;

use crate::assets::Assets;
use crate::booking::Guesses;
use crate::congestion::Feed;
use crate::health::Metrics;
use crate::live::Hub;
use crate::nodes::Nodes;
use crate::practice::Practices;
use crate::problem::{Fault, Refusal};
use crate::security::Headers;
use crate::signage::{Library, Plays, Remotes, Screens, Signer};
use crate::staff::Passwords;
use crate::throttle::Throttle;
use crate::{
    assets, booking, booth, broadcast, congestion, consultation, health, limits, live, practice, privacy, problem,
    security, signage, staff, visitor,
};

/// Keys of the tokens that this server signs and checks.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    pub(crate) media: TokenKey,
    pub(crate) screen: TokenKey,
    pub(crate) booth: TokenKey,
    pub(crate) turn: TurnSecret,
}

/// The one shared state.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) secrets: Secrets,
    pub(crate) keys: Keys,
    pub(crate) assets: Assets,
    pub(crate) metrics: Metrics,
    pub(crate) feed: Feed,
    pub(crate) hub: Arc<Hub>,
    pub(crate) nodes: Nodes,
    /// This server's own name among those of the office, for as long as it runs.
    pub(crate) instance: String,
    pub(crate) library: Library,
    /// Signs what goes to screens on memory sticks.
    pub(crate) signer: Signer,
    pub(crate) screens: Screens,
    pub(crate) plays: Plays,
    pub(crate) remotes: Remotes,
    pub(crate) passwords: Passwords,
    pub(crate) wrong_links: Throttle,
    pub(crate) wrong_logins: Throttle,
    /// Codes that new players ask for, and codes of theirs that staff mistype.
    pub(crate) new_pairings: Throttle,
    pub(crate) wrong_codes: Throttle,
    /// Codes of screens' remote controls that don't exist.
    pub(crate) wrong_remotes: Throttle,
    pub(crate) practices: Practices,
    /// One film of a camera's place is brought and tried at a time. Full: the next one is refused.
    pub(crate) films: Arc<Semaphore>,
    /// Wrong short codes of appointments, from all addresses together.
    pub(crate) guesses: Guesses,
    /// Makes short codes into what is stored of them.
    pub(crate) short_code_key: Vec<u8>,
    /// Woken when there is something to tell residents.
    pub(crate) post: tokio::sync::Notify,
    pub(crate) shutdown: Shutdown,
}

impl App {
    /// Opens everything; Redis needn't be there yet.
    pub(crate) async fn open(config: Config, shutdown: Shutdown) -> Result<Arc<Self>> {
        let secrets = Secrets::open(&config.paths.secrets)?;
        let store = Store::connect(&config).await?;
        let keys = Keys {
            media: secrets.media_key()?,
            screen: secrets.screen_key()?,
            booth: secrets.booth_key()?,
            turn: secrets.turn_secret()?,
        };
        let short_code_key = secrets.short_code_key()?;
        let signer = Signer::new(&secrets.bundle_key()?)?;
        let hub = Arc::new(Hub::default());
        let nodes = Nodes::new(
            store.live.clone(),
            secrets.node_key()?,
            keys.media.clone(),
            Arc::clone(&hub) as Arc<dyn crate::nodes::Listener>,
            shutdown.clone(),
        );
        Ok(Arc::new(Self {
            assets: Assets::load(),
            metrics: Metrics::new()?,
            feed: Feed::new(&config),
            library: Library::new(&config, &secrets.group_key()?, signer.public()),
            signer,
            screens: Screens::default(),
            plays: Plays::new(&config),
            passwords: Passwords::default(),
            wrong_links: Throttle::default(),
            wrong_logins: Throttle::default(),
            new_pairings: Throttle::default(),
            wrong_codes: Throttle::default(),
            wrong_remotes: Throttle::default(),
            remotes: Remotes::default(),
            practices: Practices::default(),
            films: Arc::new(Semaphore::new(1)),
            guesses: Guesses::default(),
            short_code_key,
            post: tokio::sync::Notify::new(),
            config,
            store,
            secrets,
            keys,
            hub,
            nodes,
            instance: ParticipantId::random().to_string(),
            shutdown,
        }))
    }

    /// Starts what runs beside the requests.
    pub(crate) fn start_tasks(self: &Arc<Self>) {
        self.shutdown.spawn(congestion::follow(Arc::clone(self)));
        self.shutdown.spawn(live::follow(Arc::clone(self)));
        self.shutdown.spawn(live::follow_relay(Arc::clone(self)));
        self.shutdown.spawn(live::call_in_those_due(Arc::clone(self)));
        self.shutdown.spawn(booking::keep_time(Arc::clone(self)));
        self.shutdown.spawn(broadcast::end_those_over(Arc::clone(self)));
        self.shutdown.spawn(signage::follow_files(Arc::clone(self)));
        self.shutdown.spawn(signage::follow_screens(Arc::clone(self)));
        self.shutdown.spawn(signage::follow_remotes(Arc::clone(self)));
        self.shutdown.spawn(signage::forget_old_plays(Arc::clone(self)));
        self.shutdown.spawn(signage::keep_tokens(Arc::clone(self)));
        self.shutdown.spawn(booth::keep_links(Arc::clone(self)));
        self.shutdown.spawn(staff::make_demo_accounts(Arc::clone(self)));
        self.shutdown.spawn(privacy::delete_in_time(Arc::clone(self)));
    }

    /// All routes with all layers, outermost last.
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        let headers = Arc::new(Headers::new(
            &self.config.web.public_url,
            self.config.oidc.as_ref().map(|oidc| oidc.issuer.as_str()),
        ));
        // Compressed: only what holds neither a person's data nor a secret beside the visitor's own words.
        let public = Router::new()
            .merge(congestion::page_routes())
            .merge(assets::routes())
            .merge(booking::public_routes(self))
            .layer(CompressionLayer::new());
        Router::new()
            .merge(public)
            .merge(congestion::stream_routes())
            .merge(booking::own_routes(self))
            .merge(booking::staff_routes())
            .merge(booking::machine_routes())
            .merge(consultation::routes())
            .merge(booth::routes())
            .merge(broadcast::routes())
            .merge(practice::routes())
            .merge(staff::routes())
            .merge(signage::routes())
            .merge(signage::remote_routes(self))
            .merge(live::routes())
            .merge(health::routes())
            .route("/language", get(visitor::choose_language))
            .fallback(|| async { Refusal::from(Fault::NotFound) })
            .layer(axum::extract::DefaultBodyLimit::max(limits::BODY))
            .layer(from_fn(limits::in_time))
            .layer(from_fn_with_state(Arc::clone(self), problem::render))
            .layer(from_fn_with_state(headers, security::set_headers))
            .layer(from_fn_with_state(Arc::clone(self), health::count))
            .with_state(Arc::clone(self))
    }
}
