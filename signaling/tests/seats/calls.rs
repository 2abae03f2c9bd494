//! What staff do in a call.

use protocol::control::RequestBody;
use protocol::grants::MediaSource;
use protocol::ids::ConsultationId;
use protocol::keys::KeyMessage;
use protocol::seats::{Act, Part, SeatState};
use protocol::signal::{ClientBody, Phase, ServerBody};

use crate::common::office::trail;
use crate::common::until;
use crate::{Call, READY, is_refused, join, person, told};

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
