//! Keeps the hub in step with Redis: wake-ups say what to read again, a gap means everything, and a slow
//! poll makes sure. And calls in those who may enter.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use protocol::grants::MEDIA_TOKEN_LASTS;
use protocol::ids::{ConsultationId, SectionId, StaffId};
use protocol::signal::ServerBody;
use store::facts::Facts;
use store::redis::Wake;
use store::{consultations, keys, presence};
use tokio::time::MissedTickBehavior;

use super::media::Due;
use crate::app::App;
use crate::consultation::{acts, model, service, wait};
use crate::problem::{Fault, Refusal};
use crate::staff;

/// Everything is read again so often, wake-up or not.
const READ_ALL_EVERY: Duration = Duration::from_secs(10);
/// Who couldn't be called in is tried again so often.
const CALL_EVERY: Duration = Duration::from_secs(1);

/// Follows Redis until the shutdown.
pub(crate) async fn follow(app: Arc<App>) {
    let channel = keys::wake(&app.config.office.id);
    let mut ledger = app.store.ledger.listen(channel.clone());
    let mut live = app.store.live.listen(channel);
    let mut poll = tokio::time::interval(READ_ALL_EVERY);
    poll.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let read = tokio::select! {
            wake = ledger.recv() => match wake {
                Some(wake) => heard(&app, wake).await,
                None => return,
            },
            wake = live.recv() => match wake {
                Some(wake) => heard(&app, wake).await,
                None => return,
            },
            _ = poll.tick() => read_all(&app).await,
            () = app.shutdown.started() => return,
        };
        if let Err(refusal) = read {
            // The next wake-up, gap or poll reads it again.
            tracing::debug!(?refusal, "consultations can't be read now");
        }
    }
}

async fn heard(app: &App, wake: Wake) -> Result<(), Refusal> {
    let Wake::Topic(topic) = wake else {
        return read_all(app).await;
    };
    if topic == store::facts::TOPIC {
        return read_lasted(app).await;
    }
    match topic.split_once('/') {
        Some(("consultation", id)) => match ConsultationId::new(id) {
            Ok(id) => read_one(app, &id).await,
            Err(_) => Ok(()),
        },
        Some(("presence", id)) => match ConsultationId::new(id) {
            Ok(id) => {
                let is_present = presence::is_present(&app.store.live, &app.config.office.id, &id).await?;
                app.hub.take_presence(&id, is_present);
                Ok(())
            }
            Err(_) => Ok(()),
        },
        Some(("staff", id)) => match StaffId::new(id) {
            Ok(id) => end_logins(app, &id).await,
            Err(_) => Ok(()),
        },
        _ => Ok(()),
    }
}

/// Somebody's account or sessions have changed: pages whose login doesn't hold any more end at once.
async fn end_logins(app: &App, id: &StaffId) -> Result<(), Refusal> {
    for token in app.hub.tokens_of(id) {
        if let Err(refusal) = staff::of_token(app, token.clone()).await {
            if refusal.fault != Fault::NotLoggedIn {
                return Err(refusal);
            }
            app.hub.end_session(&token);
        }
    }
    Ok(())
}

/// Reads one consultation and tells what changed.
pub(super) async fn read_one(app: &App, id: &ConsultationId) -> Result<(), Refusal> {
    match service::settle(app, id, runtime::now()).await? {
        Some(record) => app.hub.take(record, None),
        None => app.hub.forget(id),
    }
    Ok(())
}

/// Reads how long each section's last calls took.
async fn read_lasted(app: &App) -> Result<(), Refusal> {
    /// Enough for a day's calls of all sections.
    const NEWEST: usize = 200;
    let mut lasted_of: HashMap<SectionId, Vec<Duration>> = HashMap::new();
    let newest = store::facts::newest(&app.store.ledger, &app.config.office.id, NEWEST).await?;
    for call in newest.into_iter().filter(Facts::was_held) {
        let lasted = call.lasted();
        let of_section = lasted_of.entry(call.section).or_default();
        if of_section.len() < wait::CALLS {
            of_section.push(lasted);
        }
    }
    app.hub.take_lasted(lasted_of);
    Ok(())
}

/// Reads all open consultations and tells what changed.
pub(super) async fn read_all(app: &App) -> Result<(), Refusal> {
    read_lasted(app).await?;
    let office = &app.config.office.id;
    let records = consultations::open(&app.store.ledger, office, runtime::now()).await?;
    let mut open = HashSet::with_capacity(records.len());
    let now = runtime::now();
    for record in records {
        open.insert(record.id.clone());
        if acts::missed(&record, now).is_some() {
            read_one(app, &record.id).await?;
            continue;
        }
        // Unknown presence stays what it was: `live` may be away while `ledger` is there.
        let is_present = presence::is_present(&app.store.live, office, &record.id).await.ok();
        app.hub.take(record, is_present);
    }
    for id in app.hub.open_ids() {
        if !open.contains(&id) {
            read_one(app, &id).await?;
        }
    }
    Ok(())
}

/// Tells those who may enter a room so, with a token, as soon as a node is there for them.
pub(crate) async fn call_in_those_due(app: Arc<App>) {
    let mut tick = tokio::time::interval(CALL_EVERY);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = app.hub.due.notified() => {}
            () = app.shutdown.started() => return,
        }
        for due in app.hub.take_due() {
            app.shutdown.spawn(call_in(Arc::clone(&app), due));
        }
    }
}

async fn call_in(app: Arc<App>, due: Due) {
    if let Err(refusal) = app.nodes.for_room(&due.record.room).await {
        tracing::warn!(consultation = %due.record.id, fault = ?refusal.fault, "nobody can be called in now");
        app.hub.call_again(due.client);
        return;
    }
    if !app.hub.is_member(&due.record.id, &due.who.participant(&due.record.id)) {
        // Put out, or on hold, in the meantime: called again when that is over.
        app.hub.call_again(due.client);
        return;
    }
    let grant = model::media_grant(&app.config.office.id, &due.record, &due.who);
    let encryption = grant.encryption;
    let now = runtime::now();
    let ice_servers = app.keys.turn.servers(&app.config, &grant.participant, now);
    match app.keys.media.sign(grant, now, now.plus(MEDIA_TOKEN_LASTS)) {
        Ok(token) => due.outbox.send(
            None,
            ServerBody::Admitted {
                consultation: due.record.id,
                token,
                ice_servers,
                encryption,
            },
        ),
        Err(error) => tracing::error!(%error, "a media token can't be signed"),
    }
}
