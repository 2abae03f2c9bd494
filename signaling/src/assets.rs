//! The pages' scripts, styles and fonts, embedded in the program. Their names hold a hash of their
//! content, so that browsers may keep them for ever.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use rust_embed::RustEmbed;

use crate::app::App;
use crate::problem::{Fault, Refusal};

#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Dist;

/// Logical names and what the bundler called them.
#[derive(Debug)]
pub(crate) struct Assets {
    names: BTreeMap<String, String>,
}

impl Assets {
    /// Reads the bundler's manifest. Without one the pages still work as far as they do without scripts.
    pub(crate) fn load() -> Self {
        let names = Dist::get("manifest.json")
            .and_then(|file| serde_json::from_slice(&file.data).ok())
            .unwrap_or_else(|| {
                tracing::warn!("the pages' scripts are not built in: run npm run build in signaling/web");
                BTreeMap::new()
            });
        Self { names }
    }

    /// Where a file is served.
    pub(crate) fn address(&self, name: &str) -> String {
        let name = self.names.get(name).map_or(name, String::as_str);
        format!("/assets/{}", name.trim_start_matches('/'))
    }
}

/// GET /assets/…
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new().route("/assets/{*name}", get(serve))
}

async fn serve(Path(name): Path<String>) -> Result<Response, Refusal> {
    let file = Dist::get(&name).ok_or(Fault::NotFound)?;
    let headers = [
        (header::CONTENT_TYPE, file.metadata.mimetype().to_owned()),
        (header::CACHE_CONTROL, "public, max-age=31536000, immutable".to_owned()),
    ];
    Ok((headers, file.data).into_response())
}
