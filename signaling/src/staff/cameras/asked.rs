//! What a page's script asks of a camera. Invariants: whoever holds an [`Asked`] was asked by an admin, logged in, from our own
//! page, of a camera that there is; and the camera worker hears nothing before the audit log has it.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use protocol::config::Camera;
use protocol::setup::Ask;
use serde::Serialize;
use store::audit::{Event, What};

use super::super::session::LoggedIn;
use super::{check_admin, event, found, said};
use crate::app::App;
use crate::problem::{Fault, Refusal};
use crate::vision::{self, Answers};

/// A request of the page on which a camera is set up. As an extractor it refuses what [`LoggedIn`] refuses, who is no admin,
/// what another page sent, and cameras that there aren't.
pub(super) struct Asked {
    pub(super) app: Arc<App>,
    pub(super) staff: LoggedIn,
    pub(super) camera: Camera,
}

impl FromRequestParts<Arc<App>> for Asked {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Arc<App>) -> Result<Self, Refusal> {
        let staff = LoggedIn::from_request_parts(parts, app).await?;
        check_admin(&staff)?;
        staff.check_request(app, &parts.headers, &parts.uri)?;
        let Path(id) = Path::<String>::from_request_parts(parts, app)
            .await
            .map_err(|_| Fault::NotFound)?;
        Ok(Self {
            app: Arc::clone(app),
            staff,
            camera: found(app, &id)?.clone(),
        })
    }
}

impl Asked {
    /// What is written down of it.
    pub(super) fn event(&self, what: What) -> Event {
        event(&self.staff, what, &self.camera)
    }

    /// Writes it down.
    ///
    /// # Errors
    /// When the log can't be written to: then nothing is shown.
    pub(super) async fn write_down(&self, event: Event) -> Result<(), Refusal> {
        let (ledger, office) = (&self.app.store.ledger, &self.app.config.office.id);
        store::audit::append(ledger, office, &event, runtime::now()).await?;
        Ok(())
    }

    /// Asks the camera worker, once that is written down. `None`: none runs on this machine.
    ///
    /// # Errors
    /// As [`Asked::write_down`].
    pub(super) async fn ask(&self, event: Event, ask: &Ask) -> Result<Option<Answers>, Refusal> {
        self.write_down(event).await?;
        match vision::ask(&self.app.config, ask).await {
            Ok(answers) => Ok(Some(answers)),
            Err(error) => {
                tracing::warn!(%error, "the camera worker can't be asked");
                Ok(None)
            }
        }
    }
}

/// What the page's script is told where the worker doesn't answer.
#[derive(Serialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
enum Nothing {
    /// No worker runs on this machine.
    Away,
}

/// Nobody answers.
pub(super) fn away() -> Response {
    said(StatusCode::SERVICE_UNAVAILABLE, &Nothing::Away)
}
