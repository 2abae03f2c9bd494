//! What clients do with the seats of a consultation, and what staff ask beside.

use std::sync::Arc;

use protocol::ids::ConsultationId;
use protocol::seats::Act;
use protocol::signal::ServerBody;

use super::client::Client;
use super::hub::ClientId;
use crate::consultation::model::Who;
use crate::consultation::service;
use crate::problem::{Fault, Refusal};

impl Client {
    /// Does it, and answers. Who comes to a call by it takes a seat in it.
    pub(super) async fn act(
        &self,
        id: Option<u64>,
        client: ClientId,
        who: &Who,
        consultation: &ConsultationId,
        act: Act,
    ) -> Result<(), Refusal> {
        if who.own().is_some_and(|own| own != consultation) {
            return Err(Fault::Forbidden.into());
        }
        let (record, invited) =
            service::act(&self.app, consultation, &act, who, self.member.as_ref(), runtime::now()).await?;
        let answer = match invited {
            Some((seat, url)) => ServerBody::Invited { seat, url },
            None => ServerBody::Ok,
        };
        self.outbox.send(id, answer);
        self.app.hub.take(record, None);
        if matches!(act, Act::Answer { accepts: true, .. }) {
            self.app.hub.take_seat(client, consultation);
        }
        Ok(())
    }

    pub(super) async fn colleagues(&self, id: Option<u64>, who: &Who) -> Result<(), Refusal> {
        if who.own().is_some() {
            return Err(Fault::Forbidden.into());
        }
        let app = Arc::clone(&self.app);
        let colleagues = service::colleagues(&app, who, runtime::now()).await?;
        self.outbox.send(id, ServerBody::Colleagues { colleagues });
        Ok(())
    }

    pub(super) async fn notes(&self, id: Option<u64>, who: &Who, consultation: &ConsultationId) -> Result<(), Refusal> {
        let notes = service::notes(&self.app, consultation, who, self.member.as_ref()).await?;
        self.outbox.send(id, ServerBody::Notes { notes });
        Ok(())
    }
}
