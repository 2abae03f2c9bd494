//! Writing to the audit log what was done. Invariant: what is told here names ids only.

use store::audit::{Event, Who as Doer, append};

use crate::app::App;
use crate::consultation::model::Who;

/// Who speaks, as the log names them.
pub(crate) fn doer(who: &Who) -> Doer {
    match who {
        Who::Resident(id) => Doer::Resident(id.clone()),
        Who::Staff(id) => Doer::Staff(id.clone()),
        Who::Guest(id, _) => Doer::Guest(id.clone()),
    }
}

/// Writes that something was done. It is done already, so a log that can't be written to undoes nothing: it is counted,
/// and said in the program's own log.
pub(crate) async fn write(app: &App, event: Event) {
    let written = append(&app.store.ledger, &app.config.office.id, &event, runtime::now()).await;
    if let Err(error) = written {
        app.metrics.audit_failures.inc();
        tracing::error!(%error, what = event.what.word(), which = event.which, "the audit log missed this");
    }
}
