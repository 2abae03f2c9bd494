//! What clients ask, and how it is answered. Media requests are passed on to the node and answered by its
//! link, so that a node's answers and events reach the client in the node's order.

use std::sync::Arc;

use protocol::control::{AnswerBody, DRAINING, KICKED, RequestBody};
use protocol::grants::{MediaGrant, TokenError};
use protocol::ids::{ConsultationId, ParticipantId, RoomId};
use protocol::keys::KeyMessage;
use protocol::signal::{ClientBody, Identity, ServerBody, VERSION};
use store::consultations::Record;
use tokio::time::Instant;

use super::client::Client;
use super::feed;
use super::hub::{ClientId, Login};
use super::outbox::code;
use super::relay::{self, Parcel};
use crate::app::App;
use crate::consultation::model::{Means, Who};
use crate::consultation::rules::{self, Event};
use crate::consultation::{self, people, service};
use crate::nodes::{Link, Reply};
use crate::problem::{Fault, Refusal};
use crate::staff;

impl Client {
    /// Does what a frame asks, and answers it.
    pub(super) async fn asked(&mut self, id: Option<u64>, body: ClientBody) {
        let done = match (self.entered.clone(), body) {
            (_, ClientBody::Ping) => {
                self.outbox.send(id, ServerBody::Pong);
                Ok(())
            }
            (None, ClientBody::Hello { version, identity }) => {
                let done = self.hello(id, version, identity).await;
                if let Err(refusal) = done {
                    self.outbox.refuse(id, refusal, self.caller.lang);
                    self.outbox.end(match refusal.fault {
                        Fault::NotLoggedIn => code::LOGGED_OUT,
                        _ => code::DONE,
                    });
                }
                return;
            }
            (None, _) | (Some(_), ClientBody::Hello { .. }) => Err(Refusal::of_field(Fault::BadRequest, "type")),
            (Some((client, who)), body) => self.entered_asked(id, client, &who, body).await,
        };
        if let Err(refusal) = done {
            self.outbox.refuse(id, refusal, self.caller.lang);
        }
    }

    async fn entered_asked(
        &mut self,
        id: Option<u64>,
        client: ClientId,
        who: &Who,
        body: ClientBody,
    ) -> Result<(), Refusal> {
        match body {
            ClientBody::Ready { can_encrypt } => match who {
                Who::Resident(own) | Who::Guest(own, _) => {
                    self.happen(id, own, Event::Ready(self.means(can_encrypt)), who).await
                }
                Who::Staff(_) => Err(Fault::Forbidden.into()),
            },
            ClientBody::Admit {
                consultation,
                can_encrypt,
            } => {
                let event = Event::Admit(self.means(can_encrypt));
                self.happen(id, &consultation, event, who).await?;
                self.app.hub.take_seat(client, &consultation);
                Ok(())
            }
            ClientBody::End { consultation } => self.happen(id, &consultation, Event::End, who).await,
            ClientBody::Join { token, has_connections } => {
                let joined = self.join(id, client, token, has_connections).await;
                if joined.is_err() {
                    // A fresh token comes as soon as there is a node.
                    self.app.hub.call_again(client);
                }
                joined
            }
            ClientBody::Publish { sdp, tracks } => self.pass_on(id, client, |room, participant| RequestBody::Publish {
                room,
                participant,
                sdp,
                tracks,
            }),
            ClientBody::Answer { revision, sdp } => self.pass_on(id, client, |room, participant| RequestBody::Answer {
                room,
                participant,
                revision,
                sdp,
            }),
            ClientBody::View { tracks } => self.pass_on(id, client, |room, participant| RequestBody::View {
                room,
                participant,
                tracks,
            }),
            ClientBody::Restart => self.pass_on(id, client, |room, participant| RequestBody::Restart {
                room,
                participant,
            }),
            ClientBody::Mute { source, muted } => self.pass_on(id, client, |room, participant| RequestBody::Mute {
                room,
                participant,
                source,
                muted,
            }),
            ClientBody::Keys { to, message } => {
                self.relay(client, to, message).await?;
                self.outbox.send(id, ServerBody::Ok);
                Ok(())
            }
            ClientBody::Act { consultation, act } => self.act(id, client, who, &consultation, act).await,
            ClientBody::Colleagues => self.colleagues(id, who).await,
            ClientBody::Notes { consultation } => self.notes(id, who, &consultation).await,
            // Answered before.
            ClientBody::Ping | ClientBody::Hello { .. } => Ok(()),
        }
    }

    fn means(&self, can_encrypt: bool) -> Means {
        Means {
            policy: self.app.config.consultation.encryption,
            can_encrypt,
        }
    }

    /// Passes on what a page tells the others of keys: to who is connected here at once, to the rest by their servers.
    async fn relay(&mut self, client: ClientId, to: Option<ParticipantId>, message: KeyMessage) -> Result<(), Refusal> {
        if !message.is_within_bounds() {
            return Err(Refusal::of_field(Fault::BadRequest, "message"));
        }
        if !self.key_messages.take(Instant::now()) {
            return Err(Fault::TooMany.into());
        }
        let (record, from) = self.app.hub.seat_of(client).ok_or(Fault::NotWaiting)?;
        let parcel = Parcel {
            consultation: record.id,
            from,
            to,
            message,
        };
        self.app.hub.deliver(&parcel);
        relay::pass_on(&self.app, &parcel).await;
        Ok(())
    }

    async fn hello(&mut self, id: Option<u64>, version: u32, identity: Identity) -> Result<(), Refusal> {
        if version != VERSION {
            return Err(Fault::OldPage.into());
        }
        match identity {
            Identity::Resident { code } => self.hello_resident(id, &code).await,
            Identity::Staff => self.hello_staff(id).await,
            Identity::Guest { code } => self.hello_guest(id, &code).await,
        }
    }

    async fn hello_resident(&mut self, id: Option<u64>, code: &str) -> Result<(), Refusal> {
        let app = Arc::clone(&self.app);
        let now = runtime::now();
        let Some(record) = service::by_code(&app, code).await? else {
            return Err(consultation::unknown_link(&app, self.caller.address).await.into());
        };
        rules::check_link(&record, now)?;
        let who = Who::Resident(record.id.clone());
        self.enter_by_link(id, record, who).await
    }

    async fn hello_guest(&mut self, id: Option<u64>, code: &str) -> Result<(), Refusal> {
        let app = Arc::clone(&self.app);
        let Some((record, seat)) = service::by_guest_code(&app, code).await? else {
            return Err(consultation::unknown_link(&app, self.caller.address).await.into());
        };
        rules::check_link(&record, runtime::now())?;
        people::check_seat(&record, &seat)?;
        let who = Who::Guest(record.id.clone(), seat);
        self.enter_by_link(id, record, who).await
    }

    /// A page whose link is good: it is told what it has to do with, and takes the seat that goes with the link.
    async fn enter_by_link(&mut self, id: Option<u64>, record: Record, who: Who) -> Result<(), Refusal> {
        let app = Arc::clone(&self.app);
        let now = runtime::now();
        let record = service::seen_from(&app, record, &who, self.caller.device.as_deref(), now).await?;
        let consultation = record.id.clone();
        self.outbox.send(id, ServerBody::Welcome { now });
        let client = app.hub.enter(who.clone(), None, self.outbox.clone());
        self.entered = Some((client, who.clone()));
        app.hub.take(record, None);
        if let Some(consultation) = app.hub.view(&consultation, &who) {
            self.outbox.send(None, ServerBody::Consultation { consultation });
        }
        app.hub.take_seat(client, &consultation);
        self.mark().await;
        Ok(())
    }

    async fn hello_staff(&mut self, id: Option<u64>) -> Result<(), Refusal> {
        let app = Arc::clone(&self.app);
        let token = self.caller.session.clone().ok_or(Fault::NotLoggedIn)?;
        let staff = staff::of_token(&app, token.clone()).await?;
        feed::read_all(&app).await?;
        let member = staff.member();
        let who = Who::Staff(member.id.clone());
        self.member = Some(member.clone());
        let now = runtime::now();
        self.outbox.send(id, ServerBody::Welcome { now });
        let client = app
            .hub
            .enter(who.clone(), Some(Login { token, member }), self.outbox.clone());
        self.entered = Some((client, who.clone()));
        let consultations = app.hub.list(client, &who);
        self.outbox.send(None, ServerBody::Consultations { consultations, now });
        if let Some(serving) = app.hub.serving(&who) {
            app.hub.take_seat(client, &serving);
        }
        self.mark().await;
        Ok(())
    }

    async fn happen(
        &self,
        id: Option<u64>,
        consultation: &ConsultationId,
        event: Event,
        who: &Who,
    ) -> Result<(), Refusal> {
        let record = service::happen(
            &self.app,
            consultation,
            event,
            who,
            self.member.as_ref(),
            runtime::now(),
        )
        .await?;
        self.outbox.send(id, ServerBody::Ok);
        self.app.hub.take(record, None);
        Ok(())
    }

    async fn join(
        &self,
        id: Option<u64>,
        client: ClientId,
        token: String,
        has_connections: bool,
    ) -> Result<(), Refusal> {
        let refusal = Refusal::of_field(Fault::BadRequest, "token");
        let grant: MediaGrant = self
            .app
            .keys
            .media
            .verify(&token, runtime::now())
            .map_err(|error| match error {
                TokenError::Expired => Refusal::of_field(Fault::LinkExpired, "token"),
                _ => refusal,
            })?;
        let (record, participant) = self.app.hub.seat_of(client).ok_or(Fault::NotWaiting)?;
        let is_own = grant.participant == participant && grant.room == record.room;
        if !is_own {
            return Err(refusal);
        }
        let link = self.app.nodes.for_room(&record.room).await?;
        self.app.hub.bind(client, Arc::clone(&link));
        link.attach(grant);
        let (app, asked) = (Arc::clone(&self.app), Arc::clone(&link));
        let reply = self.reply(id, move |hub, answer| match answer {
            Ok(AnswerBody::Joined { participant, fresh, .. }) => Some(ServerBody::Joined {
                participant: participant.clone(),
                fresh: *fresh,
            }),
            Ok(AnswerBody::Error { problem }) => {
                asked.detach(&participant);
                if problem.is(DRAINING) {
                    call_in_elsewhere(app, client, record.room, asked);
                } else if !problem.is(KICKED) {
                    // Whoever put somebody out doesn't want them called in.
                    hub.call_again(client);
                }
                None
            }
            _ => {
                hub.call_again(client);
                None
            }
        });
        link.request(RequestBody::Join { token, has_connections }, reply);
        Ok(())
    }

    /// Passes a request on to the node where the client's media is.
    fn pass_on(
        &self,
        id: Option<u64>,
        client: ClientId,
        request: impl FnOnce(RoomId, ParticipantId) -> RequestBody,
    ) -> Result<(), Refusal> {
        // Not joined, or the node is gone since: "media_lost" says so too.
        let (link, room, participant) = self.app.hub.joined(client).ok_or(Fault::NoMedia)?;
        let reply = self.reply(id, |_, answer| match answer {
            Ok(AnswerBody::Ok) => Some(ServerBody::Ok),
            Ok(AnswerBody::Published { sdp }) => Some(ServerBody::Published { sdp: sdp.clone() }),
            _ => None,
        });
        link.request(request(room, participant), reply);
        Ok(())
    }

    /// Answers a request with what the node says: `expected` turns what it should say into the client's
    /// words; a node's problem is passed on, everything else is our own fault.
    fn reply(
        &self,
        id: Option<u64>,
        expected: impl FnOnce(&super::Hub, &Result<AnswerBody, Refusal>) -> Option<ServerBody> + Send + 'static,
    ) -> Reply {
        let (outbox, hub, lang) = (self.outbox.clone(), Arc::clone(&self.app.hub), self.caller.lang);
        Box::new(move |answer| match (expected(&hub, &answer), answer) {
            (Some(body), _) => outbox.send(id, body),
            // The client needn't know why it has to wait a moment.
            (None, Ok(AnswerBody::Error { problem })) if problem.is(DRAINING) => {
                outbox.refuse(id, Fault::NoMedia.into(), lang);
            }
            (None, Ok(AnswerBody::Error { problem })) => outbox.send(id, ServerBody::Error { problem }),
            (None, Err(refusal)) => outbox.refuse(id, refusal, lang),
            (None, Ok(_)) => outbox.refuse(id, Fault::Internal.into(), lang),
        })
    }
}

/// A draining node refused a new room: its place is forgotten, and the client is called in on another node.
fn call_in_elsewhere(app: Arc<App>, client: ClientId, room: RoomId, refused_by: Arc<Link>) {
    let shutdown = app.shutdown.clone();
    shutdown.spawn(async move {
        app.nodes.release(&room, refused_by.node()).await;
        app.hub.call_again_now(client);
    });
}
