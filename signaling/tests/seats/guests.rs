//! Who comes by a link.

use protocol::control::RequestBody;
use protocol::grants::RoomRole;
use protocol::ids::ConsultationId;
use protocol::seats::{Act, Part, SeatState};
use protocol::signal::{ClientBody, Identity, Phase, ServerBody};

use crate::common::office::{ORIGIN, trail};
use crate::common::until;
use crate::{Call, READY, guest, is_refused, join, marked, person, told};

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
        let answer = thief.ask(crate::common::browser::hello(identity())).await;
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
    let answer = thief
        .ask(crate::common::browser::hello(Identity::Resident { code }))
        .await;
    assert!(is_refused(&answer, "link-bound"), "{answer:?}");
}
