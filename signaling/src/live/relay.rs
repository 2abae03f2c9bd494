//! Carries what pages tell each other of keys, without understanding it: to pages that are connected here, and by pub/sub
//! to the other servers of the office.
//!
//! Invariant: only who may be in the room of a consultation is heard, only others who may be in the same one hear it, under the name that goes with the seat; nothing of it is kept or logged.

use std::sync::Arc;

use protocol::ids::{ConsultationId, ParticipantId};
use protocol::keys::KeyMessage;
use protocol::signal::ServerBody;
use serde::{Deserialize, Serialize};
use store::redis::Wake;

use super::hub::Hub;
use crate::app::App;
use crate::consultation::people;

/// A message on its way.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Parcel {
    pub(super) consultation: ConsultationId,
    /// By their seat.
    pub(super) from: ParticipantId,
    /// None: to all others.
    pub(super) to: Option<ParticipantId>,
    pub(super) message: KeyMessage,
}

/// A parcel between servers.
#[derive(Serialize, Deserialize)]
struct Sent<P> {
    /// Which server sent it: it has delivered to its own pages already.
    by: String,
    #[serde(flatten)]
    parcel: P,
}

impl Hub {
    /// Gives a parcel to whom it is for, as far as they are connected here.
    pub(super) fn deliver(&self, parcel: &Parcel) {
        let state = self.lock();
        let Some(known) = state.open.get(&parcel.consultation) else {
            return;
        };
        let is_meant = |who: &ParticipantId| *who != parcel.from && parcel.to.as_ref().is_none_or(|to| to == who);
        for client in state.clients.values() {
            let Some(seat) = &client.seat else { continue };
            let is_there = seat.consultation == parcel.consultation && people::may_enter(&known.record, &client.who);
            if is_there && is_meant(&seat.participant) {
                client.outbox.send(
                    None,
                    ServerBody::Keys {
                        from: parcel.from.clone(),
                        message: parcel.message.clone(),
                    },
                );
            }
        }
    }
}

/// Sends a parcel to the other servers. One that is lost is sent again by its page.
pub(super) async fn pass_on(app: &App, parcel: &Parcel) {
    let by = app.instance.clone();
    let Ok(text) = serde_json::to_string(&Sent { by, parcel }) else {
        return;
    };
    if let Err(error) = store::relay::send(&app.store.live, &app.config.office.id, &text).await {
        tracing::debug!(%error, "a message could not be passed on");
    }
}

/// Takes what other servers pass on, until the shutdown.
pub(crate) async fn follow(app: Arc<App>) {
    let mut parcels = store::relay::listen(&app.store.live, &app.config.office.id);
    loop {
        let text = tokio::select! {
            wake = parcels.recv() => match wake {
                Some(Wake::Topic(text)) => text,
                // What was lost in a gap is sent again.
                Some(Wake::Resync) => continue,
                None => return,
            },
            () = app.shutdown.started() => return,
        };
        match serde_json::from_str::<Sent<Parcel>>(&text) {
            Ok(sent) if sent.by == app.instance => {}
            Ok(sent) => app.hub.deliver(&sent.parcel),
            Err(error) => tracing::debug!(%error, "another server passed on what can't be read"),
        }
    }
}
