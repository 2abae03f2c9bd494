//! Seats, hold, transfer and lock over real WebSockets: what is refused is refused by the server, and who may not be in the
//! room is out of it at the media node.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod around;
mod calls;
mod guests;

use common::browser::{Browser, Live};
use common::node::Node;
use common::office::{ORIGIN, Office};
use common::until;
use protocol::ids::{ConsultationId, ParticipantId, SeatId, StaffId};
use protocol::seats::{Act, Part, Person, SeatState};
use protocol::signal::{ClientBody, Consultation, Identity, ServerBody};

async fn join(live: &mut Live, token: String) -> ParticipantId {
    let body = ClientBody::Join {
        token,
        has_connections: false,
    };
    match live.ask(body).await {
        ServerBody::Joined { participant, .. } => participant,
        other => panic!("{other:?}"),
    }
}

fn is_refused(answer: &ServerBody, kind: &str) -> bool {
    matches!(answer, ServerBody::Error { problem } if problem.kind.ends_with(kind))
}

/// The next news of the consultation that `pick` takes.
async fn told<T>(live: &mut Live, what: &str, mut pick: impl FnMut(&Consultation) -> Option<T>) -> T {
    live.news(what, |body| match body {
        ServerBody::Consultation { consultation } => pick(&consultation),
        _ => None,
    })
    .await
}

fn person(consultation: &Consultation, part: Part) -> Option<&Person> {
    consultation.call.people.iter().find(|person| person.part == part)
}

/// A call of a resident and hanako, and taro at his console.
struct Call {
    office: Office,
    node: Node,
    id: ConsultationId,
    console: Browser,
    staff: Live,
    taro: Live,
    resident: Live,
    in_room: ParticipantId,
}

impl Call {
    async fn begin() -> Self {
        let office = Office::open().await;
        let node = Node::start(&office).await;
        let mut console = office.staff("hanako").await;
        let mut staff = console.live(Identity::Staff).await;
        let taro = office.staff("taro").await.live(Identity::Staff).await;
        let (id, link) = console.create("kosodate").await;
        let id = ConsultationId::new(id).unwrap();
        let mut resident = office.browser().resident(&link).await;
        resident.ask(ClientBody::Ready { can_encrypt: true }).await;
        let admit = ClientBody::Admit {
            consultation: id.clone(),
            can_encrypt: true,
        };
        assert_eq!(staff.ask(admit).await, ServerBody::Ok);
        let (staff_token, token) = (staff.admitted().await, resident.admitted().await);
        join(&mut staff, staff_token).await;
        let in_room = join(&mut resident, token).await;
        Self {
            office,
            node,
            id,
            console,
            staff,
            taro,
            resident,
            in_room,
        }
    }

    fn body(&self, act: Act) -> ClientBody {
        ClientBody::Act {
            consultation: self.id.clone(),
            act,
        }
    }

    async fn host(&mut self, act: Act) -> ServerBody {
        let body = self.body(act);
        self.staff.ask(body).await
    }

    /// A guest's seat and its code.
    async fn invite(&mut self, part: Part, is_let_in: bool) -> (SeatId, String) {
        let act = Act::Invite {
            part,
            staff: None,
            is_let_in,
        };
        match self.host(act).await {
            ServerBody::Invited { seat, url: Some(url) } => {
                let code = url.strip_prefix(&format!("{ORIGIN}/g/")).unwrap();
                (seat, code.to_owned())
            }
            other => panic!("{other:?}"),
        }
    }

    async fn ring_taro(&mut self) -> SeatId {
        let act = Act::Invite {
            part: Part::Colleague,
            staff: Some(StaffId::new("taro").unwrap()),
            is_let_in: false,
        };
        match self.host(act).await {
            ServerBody::Invited { seat, url: None } => seat,
            other => panic!("{other:?}"),
        }
    }

    async fn taro_comes(&mut self) -> SeatId {
        let seat = self.ring_taro().await;
        told(&mut self.taro, "it rings", |consultation| {
            person(consultation, Part::Colleague)
                .filter(|one| one.state == SeatState::Ringing)
                .map(|_| ())
        })
        .await;
        let body = self.body(Act::Answer {
            seat: seat.clone(),
            accepts: true,
            can_encrypt: true,
        });
        assert_eq!(self.taro.ask(body).await, ServerBody::Ok);
        let token = self.taro.admitted().await;
        join(&mut self.taro, token).await;
        seat
    }

    /// Waits until so many are in the room, as the node sees it.
    async fn are_in_room(&self, count: usize) {
        until(&format!("{count} in the room"), || async {
            (self.node.participants() == count).then_some(())
        })
        .await;
    }
}

async fn guest(office: &Office, code: &str) -> Live {
    office.browser().live(Identity::Guest { code: code.into() }).await
}

const READY: ClientBody = ClientBody::Ready { can_encrypt: true };

/// A browser whose device has a mark, as the link's page gives it.
async fn marked(office: &Office, path: &str) -> Browser {
    let mut browser = office.browser();
    assert_eq!(browser.get(path).await.status(), 200);
    assert!(browser.cookies.contains_key("__Host-device"));
    browser
}
