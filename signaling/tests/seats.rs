//! Seats, hold, transfer and lock over real WebSockets: what is refused is refused by the server, and who may not be in the
//! room is out of it at the media node.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::browser::{Browser, Live};
use common::node::Node;
use common::office::{ORIGIN, Office, trail};
use common::until;
use protocol::control::RequestBody;
use protocol::grants::{MediaSource, RoomRole};
use protocol::ids::{ConsultationId, ParticipantId, SeatId, SectionId, StaffId};
use protocol::keys::KeyMessage;
use protocol::seats::{Act, Notes, Part, Person, SeatState};
use protocol::signal::{ClientBody, Consultation, Identity, Phase, ServerBody};
use reqwest::Method;

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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_interpreter_comes_by_link_is_let_in_and_put_out_for_good() {
    let mut call = Call::begin().await;
    let (seat, code) = call.invite(Part::Interpreter, false).await;
    let (status, page) = call.office.browser().text(&format!("/g/{code}")).await;
    assert!(status == 200 && page.contains("data-guest"), "{page}");
    let mut interpreter = guest(&call.office, &code).await;
    let seen = interpreter.phase(Phase::Booked).await;
    assert_eq!(seen.call.people.len(), 3, "the two who talk, and oneself");
    assert!(seen.call.people.iter().all(|one| one.staff.is_none()), "nobody's id");
    assert_eq!(interpreter.ask(READY).await, ServerBody::Ok);
    interpreter.phase(Phase::Waiting).await;
    assert_eq!(call.host(Act::LetIn { seat: seat.clone() }).await, ServerBody::Ok);
    let token = interpreter.admitted().await;
    join(&mut interpreter, token).await;
    call.are_in_room(3).await;
    let role = {
        let memory = call.node.memory.lock().unwrap();
        memory
            .participants
            .values()
            .filter(|grant| grant.role == RoomRole::Guest)
            .count()
    };
    assert_eq!(role, 1);
    told(&mut call.resident, "who is there", |seen| {
        person(seen, Part::Interpreter)
            .filter(|one| one.state == SeatState::Admitted)
            .map(|_| ())
    })
    .await;

    // A guest has no power, not by any frame.
    for act in [
        Act::Hold { is_held: true },
        Act::LetIn { seat: seat.clone() },
        Act::CallBack,
    ] {
        let body = call.body(act);
        assert!(is_refused(&interpreter.ask(body).await, "forbidden"));
    }
    let end = ClientBody::End {
        consultation: call.id.clone(),
    };
    assert!(is_refused(&interpreter.ask(end).await, "forbidden"));

    assert_eq!(call.host(Act::Remove { seat }).await, ServerBody::Ok);
    interpreter.phase(Phase::Ended).await;
    call.are_in_room(2).await;
    let kicked = |request: &RequestBody| matches!(request, RequestBody::Kick { .. });
    until("the node keeps them out", || async {
        call.node
            .memory
            .lock()
            .unwrap()
            .requests
            .iter()
            .any(kicked)
            .then_some(())
    })
    .await;
    assert_eq!(call.office.browser().get(&format!("/g/{code}")).await.status(), 410);
    let seat = log_of_seat(&call).await;
    assert_eq!(
        seat,
        [
            "staff/hanako seat.invited",
            "staff/hanako seat.entered",
            "staff/hanako seat.removed"
        ]
    );
}

/// What the audit log says of the call's only seat: who and what.
async fn log_of_seat(call: &Call) -> Vec<String> {
    let all = trail(&call.office, call.id.as_str()).await;
    let of_seat = all.into_iter().filter(|line| line.contains(" seat."));
    of_seat
        .map(|line| line.split(' ').take(2).collect::<Vec<_>>().join(" "))
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_hold_nobody_is_heard_and_the_whisper_stays_among_staff() {
    let mut call = Call::begin().await;
    assert_eq!(call.host(Act::Hold { is_held: true }).await, ServerBody::Ok);
    told(&mut call.resident, "on hold", |seen| seen.call.is_held.then_some(())).await;
    call.are_in_room(1).await;
    let there = |call: &Call| {
        let memory = call.node.memory.lock().unwrap();
        memory.participants.keys().any(|(_, who)| *who == call.in_room)
    };
    assert!(!there(&call), "the resident's media is cut at the server");

    // Neither an old nor a wished-for way leads back, nor are keys told or heard.
    let stolen = ClientBody::Join {
        token: "x".into(),
        has_connections: false,
    };
    assert!(matches!(call.resident.ask(stolen).await, ServerBody::Error { .. }));
    let hello = || ClientBody::Keys {
        to: None,
        message: KeyMessage::Hello {
            instance: "i".into(),
            number: 1,
        },
    };
    assert!(is_refused(&call.resident.ask(hello()).await, "not-waiting"));
    let publish = ClientBody::Publish {
        sdp: "offer".into(),
        tracks: Vec::new(),
    };
    assert!(matches!(call.resident.ask(publish).await, ServerBody::Error { .. }));

    let seat = call.taro_comes().await;
    call.are_in_room(2).await;
    assert_eq!(call.taro.ask(hello()).await, ServerBody::Ok);
    call.staff
        .news("keys among staff", |body| {
            matches!(body, ServerBody::Keys { .. }).then_some(())
        })
        .await;

    // taro takes over: the resident is called in again, and told so; hanako is out.
    assert_eq!(call.host(Act::HandOver { seat }).await, ServerBody::Ok);
    let seen = told(&mut call.resident, "handed over", |seen| {
        seen.call.handed_over_at.map(|_| seen.clone())
    })
    .await;
    assert_eq!((seen.section.as_str(), seen.call.is_held), ("kaigo", false));
    let token = call
        .resident
        .news("called in, with no key in between", |body| match body {
            ServerBody::Keys { .. } => panic!("keys of the whisper"),
            ServerBody::Admitted { token, .. } => Some(token),
            _ => None,
        })
        .await;
    assert_eq!(join(&mut call.resident, token).await, call.in_room);
    call.are_in_room(2).await;
    assert!(there(&call));
    let end = || ClientBody::End {
        consultation: call.id.clone(),
    };
    assert!(
        is_refused(&call.staff.ask(end()).await, "forbidden"),
        "it is taro's now"
    );
    assert_eq!(call.taro.ask(end()).await, ServerBody::Ok);
    call.resident.phase(Phase::Ended).await;
    let log = trail(&call.office, call.id.as_str()).await;
    let words = log.iter().map(|line| line.split(" seat=").next().unwrap());
    assert_eq!(
        words.skip(3).collect::<Vec<_>>(),
        [
            "staff/hanako consultation.held",
            "staff/hanako seat.invited",
            "staff/taro seat.entered",
            "staff/hanako consultation.handed-over staff=taro",
            "staff/hanako consultation.resumed",
            "staff/taro consultation.ended",
        ]
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_console_rings_and_two_calls_never_mix() {
    let mut call = Call::begin().await;
    let colleagues = match call.staff.ask(ClientBody::Colleagues).await {
        ServerBody::Colleagues { colleagues } => colleagues,
        other => panic!("{other:?}"),
    };
    assert_eq!(
        (colleagues.len(), colleagues[0].staff.as_str(), colleagues[0].is_busy),
        (1, "taro", false)
    );
    assert!(is_refused(
        &call.resident.ask(ClientBody::Colleagues).await,
        "forbidden"
    ));

    // taro is in a call of his own: he can't come to this one.
    let (other, link) = call.console.create("kaigo").await;
    let other = ConsultationId::new(other).unwrap();
    let mut next = call.office.browser().resident(&link).await;
    next.ask(READY).await;
    let admit = ClientBody::Admit {
        consultation: other.clone(),
        can_encrypt: true,
    };
    assert_eq!(call.taro.ask(admit.clone()).await, ServerBody::Ok);
    let seat = call.ring_taro().await;
    let accept = call.body(Act::Answer {
        seat: seat.clone(),
        accepts: true,
        can_encrypt: true,
    });
    assert!(is_refused(&call.taro.ask(accept.clone()).await, "in-call"));
    let foreign = ClientBody::Act {
        consultation: other.clone(),
        act: Act::Hold { is_held: true },
    };
    assert!(
        is_refused(&call.staff.ask(foreign).await, "forbidden"),
        "another's call"
    );
    let end = ClientBody::End { consultation: other };
    assert_eq!(call.taro.ask(end).await, ServerBody::Ok);
    // Now he can, and then he can't take another.
    assert_eq!(call.taro.ask(accept).await, ServerBody::Ok);
    let (third, link) = call.console.create("kaigo").await;
    let mut next = call.office.browser().resident(&link).await;
    next.ask(READY).await;
    let admit = ClientBody::Admit {
        consultation: ConsultationId::new(third).unwrap(),
        can_encrypt: true,
    };
    assert!(is_refused(&call.taro.ask(admit).await, "in-call"));
    // He goes; the others go on.
    let leave = call.body(Act::Leave);
    assert_eq!(call.taro.ask(leave).await, ServerBody::Ok);
    told(&mut call.staff, "taro left", |seen| {
        person(seen, Part::Colleague)
            .filter(|one| one.state == SeatState::Left)
            .map(|_| ())
    })
    .await;
    call.are_in_room(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn muting_is_done_at_the_node_and_told_to_the_page() {
    let mut call = Call::begin().await;
    let participant = call.in_room.clone();
    let silence = Act::Silence { participant };
    let body = call.body(silence.clone());
    assert!(is_refused(&call.resident.ask(body).await, "forbidden"));
    assert_eq!(call.host(silence).await, ServerBody::Ok);
    let mutes = told(&mut call.resident, "muted", |seen| {
        person(seen, Part::Resident)
            .map(|one| one.mutes)
            .filter(|mutes| *mutes > 0)
    })
    .await;
    assert_eq!(mutes, 1);
    let expected = |request: &RequestBody| matches!(request, RequestBody::Mute { participant, source: MediaSource::Microphone, muted: true, .. } if *participant == call.in_room);
    until("the node mutes", || async {
        call.node
            .memory
            .lock()
            .unwrap()
            .requests
            .iter()
            .any(expected)
            .then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_called_back_waits_in_the_same_place_and_staff_are_free() {
    let mut call = Call::begin().await;
    let (_, code) = call.invite(Part::Family, true).await;
    let mut family = guest(&call.office, &code).await;
    family.ask(READY).await;
    family.admitted().await;
    assert_eq!(call.host(Act::CallBack).await, ServerBody::Ok);
    let waiting = call.resident.phase(Phase::Waiting).await;
    assert_eq!(waiting.ahead, Some(0));
    family.phase(Phase::Waiting).await;
    call.are_in_room(0).await;
    let admit = ClientBody::Admit {
        consultation: call.id.clone(),
        can_encrypt: true,
    };
    assert_eq!(call.staff.ask(admit).await, ServerBody::Ok);
    call.resident.admitted().await;
    assert_eq!(
        call.host(Act::Move {
            section: SectionId::new("kaigo").unwrap(),
            staff: None
        })
        .await,
        ServerBody::Ok
    );
    let moved = told(&mut call.resident, "another line", |seen| {
        (seen.section.as_str() == "kaigo").then_some(seen.phase)
    })
    .await;
    assert_eq!(moved, Phase::Waiting);
}

/// A browser whose device has a mark, as the link's page gives it.
async fn marked(office: &Office, path: &str) -> Browser {
    let mut browser = office.browser();
    assert_eq!(browser.get(path).await.status(), 200);
    assert!(browser.cookies.contains_key("__Host-device"));
    browser
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn links_are_bound_to_the_device_that_was_let_in() {
    let mut call = Call::begin().await;
    let (_, code) = call.invite(Part::Family, true).await;
    let path = format!("/g/{code}");
    let (first, second) = (marked(&call.office, &path).await, marked(&call.office, &path).await);
    let identity = || Identity::Guest { code: code.clone() };
    let mut family = second.live(identity()).await;
    drop(family);
    // Not let in yet: the device that comes last is the one.
    family = first.live(identity()).await;
    assert_eq!(family.ask(READY).await, ServerBody::Ok);
    family.admitted().await;
    for other in [&second, &call.office.browser()] {
        let mut thief = other.socket("/ws", &[("origin", ORIGIN)]).await.ok().unwrap();
        let answer = thief.ask(common::browser::hello(identity())).await;
        assert!(is_refused(&answer, "link-bound"), "{answer:?}");
    }
    let mut again = first.live(identity()).await;
    assert_eq!(family.closed().await, 4001);
    again.admitted().await;

    // The resident's too.
    let (id, link) = call.console.create("kosodate").await;
    let (own, other) = (marked(&call.office, &link).await, marked(&call.office, &link).await);
    let mut resident = own.resident(&link).await;
    resident.ask(READY).await;
    let admit = ClientBody::Admit {
        consultation: ConsultationId::new(id).unwrap(),
        can_encrypt: true,
    };
    assert_eq!(call.taro.ask(admit).await, ServerBody::Ok);
    resident.admitted().await;
    let mut thief = other.socket("/ws", &[("origin", ORIGIN)]).await.ok().unwrap();
    let code = link.strip_prefix("/c/").unwrap().to_owned();
    let answer = thief.ask(common::browser::hello(Identity::Resident { code })).await;
    assert!(is_refused(&answer, "link-bound"), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notes_stay_inside_and_the_goodbye_tells_the_residents_own() {
    let office = Office::open().await;
    let mut console = office.staff("hanako").await;
    let mut staff = console.live(Identity::Staff).await;
    let (id, link) = console.create("kosodate").await;
    let id = ConsultationId::new(id).unwrap();
    let code = link.strip_prefix("/c/").unwrap();
    let mut browser = marked(&office, &link).await;
    let mut resident = browser.resident(&link).await;
    resident.ask(READY).await;
    let admit = ClientBody::Admit {
        consultation: id.clone(),
        can_encrypt: true,
    };
    assert_eq!(staff.ask(admit).await, ServerBody::Ok);
    let notes = Notes {
        inside: "要確認".into(),
        for_resident: "書類は11月末までに。".into(),
    };
    let write = || ClientBody::Act {
        consultation: id.clone(),
        act: Act::Write { notes: notes.clone() },
    };
    assert_eq!(staff.ask(write()).await, ServerBody::Ok);
    let read = || ClientBody::Notes {
        consultation: id.clone(),
    };
    assert_eq!(staff.ask(read()).await, ServerBody::Notes { notes: notes.clone() });
    let mut taro = office.staff("taro").await.live(Identity::Staff).await;
    for live in [&mut taro, &mut resident] {
        for body in [write(), read()] {
            assert!(is_refused(&live.ask(body).await, "forbidden"));
        }
    }
    let goodbye = |browser: &Browser| {
        browser
            .request(Method::POST, "/api/consultations/goodbye")
            .header("content-type", "application/json")
            .body(format!("{{\"code\":\"{code}\"}}"))
    };
    let rating = |browser: &Browser, score: u8| {
        browser
            .request(Method::POST, "/api/consultations/rating")
            .header("content-type", "application/json")
            .body(format!("{{\"code\":\"{code}\",\"score\":{score}}}"))
    };
    let request = goodbye(&browser);
    assert_eq!(browser.send(request).await.status(), 410, "it isn't over");
    let end = ClientBody::End {
        consultation: id.clone(),
    };
    assert_eq!(staff.ask(end).await, ServerBody::Ok);
    let request = goodbye(&browser);
    let told: serde_json::Value = browser.send(request).await.json().await.unwrap();
    assert_eq!(told, serde_json::json!({"note": "書類は11月末までに。", "score": null}));
    let mut stranger = office.browser();
    let request = goodbye(&stranger);
    assert_eq!(stranger.send(request).await.status(), 403, "another device");
    for (score, status) in [(9, 400), (5, 204), (2, 204), (4, 410)] {
        let request = rating(&browser, score);
        assert_eq!(browser.send(request).await.status(), status, "{score}");
    }
    let served = store::facts::newest(&office.store.ledger, &common::office::office_id(), 10)
        .await
        .unwrap();
    assert_eq!(
        (
            served.len(),
            served[0].score,
            served[0].staff.as_ref().map(StaffId::as_str)
        ),
        (1, Some(2), Some("hanako"))
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_is_told_about_how_long_once_that_is_known() {
    let office = Office::open().await;
    let mut console = office.staff("hanako").await;
    let mut staff = console.live(Identity::Staff).await;
    let mut residents = Vec::new();
    for _ in 0..3 {
        let (id, link) = console.create("kosodate").await;
        let mut resident = office.browser().resident(&link).await;
        resident.ask(READY).await;
        residents.push((ConsultationId::new(id).unwrap(), resident));
    }
    let admit = ClientBody::Admit {
        consultation: residents[0].0.clone(),
        can_encrypt: true,
    };
    assert_eq!(staff.ask(admit).await, ServerBody::Ok);
    for minutes in [18, 20, 22] {
        was_held(&office, &mut console, minutes).await;
    }
    for (at, minutes) in [(1, 10), (2, 30)] {
        let wait = told(&mut residents[at].1, "a wait", |seen| seen.call.wait_minutes).await;
        assert_eq!(wait, minutes);
    }
}

/// A consultation that was, and took so long.
async fn was_held(office: &Office, console: &mut Browser, minutes: u64) {
    let (id, _) = console.create("kosodate").await;
    let id = ConsultationId::new(id).unwrap();
    let (ledger, ward) = (&office.store.ledger, common::office::office_id());
    let ended_at = runtime::now();
    let change = store::consultations::update(ledger, &ward, &id, ended_at, |old| {
        Some(store::consultations::Record {
            phase: Phase::Ended,
            admitted_at: Some(protocol::time::UnixMillis(ended_at.0 - minutes * 60_000)),
            staff: Some(StaffId::new("hanako").unwrap()),
            ended_at: Some(ended_at),
            ..old.clone()
        })
    });
    assert!(change.await.unwrap().unwrap().1);
}
