//! What happens to appointments by itself: letters go out at their time, names are deleted at theirs. Any number of
//! instances may do it at once.

use std::sync::Arc;
use std::time::Duration;

use protocol::config::Kind as BookingKind;
use protocol::signal::Phase;
use protocol::time::UnixMillis;
use store::StoreError;
use store::appointments::State;
use store::consultations;
use tokio::time::MissedTickBehavior;

use super::letters::{self, Ways};
use super::service::{self, book_of};
use crate::app::App;

/// Letters are looked for so often, and at once when there is a new one.
const LOOKED_FOR: Duration = Duration::from_secs(5);
/// So often is tidied.
const TIDIED: Duration = Duration::from_secs(10 * 60);
/// Staff see for so long that a letter didn't go.
const TROUBLE_SHOWN: Duration = Duration::from_secs(7 * 24 * 3600);
/// How far back calls are looked for whose appointments are still open.
const CAUGHT_UP: Duration = Duration::from_secs(24 * 3600);

/// Runs until the shutdown.
pub(crate) async fn run(app: Arc<App>) {
    let ways = match Ways::open(&app) {
        Ok(ways) => ways,
        Err(error) => {
            // The pages work; what can't be sent waits, and staff see it.
            tracing::error!("letters can't be sent: {error:#}");
            return tidy_only(&app).await;
        }
    };
    let mut look = tokio::time::interval(LOOKED_FOR);
    let mut tidying = tokio::time::interval(TIDIED);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tidying.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let done = tokio::select! {
            _ = look.tick() => letters::send_due(&app, &ways, runtime::now()).await.map(drop),
            () = app.post.notified() => letters::send_due(&app, &ways, runtime::now()).await.map(drop),
            _ = tidying.tick() => tidy(&app, runtime::now()).await,
            () = app.shutdown.started() => return,
        };
        if let Err(error) = done {
            tracing::debug!(%error, "the clockwork waits for the ledger");
        }
    }
}

async fn tidy_only(app: &App) {
    let mut tidying = tokio::time::interval(TIDIED);
    loop {
        tokio::select! {
            _ = tidying.tick() => if let Err(error) = tidy(app, runtime::now()).await {
                tracing::debug!(%error, "the clockwork waits for the ledger");
            },
            () = app.shutdown.started() => return,
        }
    }
}

/// Deletes what is to be deleted at `now`, and closes what was left open.
///
/// # Errors
/// [`StoreError`]: it is tried again at the next turn.
async fn tidy(app: &App, now: UnixMillis) -> Result<(), StoreError> {
    let forgotten = book_of(app).forget_people(now).await?;
    if forgotten > 0 {
        tracing::info!(forgotten, "names of past appointments were deleted");
    }
    book_of(app).tidy(now).await?;
    let before = UnixMillis(now.0.saturating_sub(TROUBLE_SHOWN.as_millis() as u64));
    letters::post_of(app).tidy(before).await?;
    catch_up(app, now).await
}

/// Closes appointments whose calls were held while the ledger didn't take it.
async fn catch_up(app: &App, now: UnixMillis) -> Result<(), StoreError> {
    let (ledger, office) = (&app.store.ledger, &app.config.office.id);
    let since = UnixMillis(now.0.saturating_sub(CAUGHT_UP.as_millis() as u64));
    let open = book_of(app).agenda(since, now).await?;
    for record in open
        .iter()
        .filter(|it| it.state == State::Booked && it.kind == BookingKind::Remote)
    {
        let call = consultations::of_appointment(ledger, office, &record.id).await?;
        if let Some(call) = call.filter(|call| call.phase == Phase::Ended && call.admitted_at.is_some()) {
            service::held(app, &call, now).await;
        }
    }
    Ok(())
}
