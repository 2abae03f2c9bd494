//! What a screen shows, as a file for a memory stick: for screens that no network reaches.

use std::sync::Arc;

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use store::audit::What;

use super::super::form::Sent;
use super::check_admin;
use super::one::{day_word, found, screen_id, shown, tell};
use crate::problem::{Fault, Refusal};
use crate::signage::bundle::Packed;

/// POST /staff/screens/one/{id}/bundle
pub(super) async fn pack(Path(id): Path<String>, Sent { visitor, staff, .. }: Sent) -> Result<Response, Refusal> {
    check_admin(&staff)?;
    let (app, id) = (Arc::clone(&visitor.app), screen_id(&id)?);
    let one = found(&app, visitor.lang, &id).await?;
    let now = runtime::now();
    let packing = (Arc::clone(&app), id.clone());
    let packed = tokio::task::spawn_blocking(move || {
        let (app, id) = packing;
        Packed::of(&app.library, &app.signer, &id, now)
    });
    let packed = packed.await.map_err(|_| Refusal::from(Fault::Internal))?;
    let Some(packed) = packed else {
        return shown(&visitor, &staff, &id, None, Some("screens.bundle.nothing")).await;
    };
    tell(&app, &staff, What::BundlePacked, &id, "").await;
    let day = day_word(&app);
    let readme = visitor.lang.catalogue().text("screens.bundle.readme");
    let readme = readme.replace("{screen}", &one.name).replace("{day}", &day);
    let headers = [
        (header::CONTENT_TYPE, "application/zip".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"madoguchi-{id}-{day}.zip\""),
        ),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((headers, packed.into_body(readme)).into_response())
}
