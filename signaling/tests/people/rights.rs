//! Who may see and do what.

use protocol::ids::{ConsultationId, SectionId, StaffId};
use protocol::seats::{Act, Part};
use protocol::signal::{ClientBody, Identity, Phase, ServerBody};
use reqwest::Method;

use crate::common::browser::Live;
use crate::common::office::{ORIGIN, Office};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_opens_what_their_role_may_not() {
    let office = Office::open().await;
    let mut hanako = office.staff("hanako").await;
    for path in [
        "/staff/accounts",
        "/staff/accounts/import",
        "/staff/accounts/one/taro",
        "/staff/audit",
        "/staff/report",
    ] {
        assert_eq!(hanako.get(path).await.status(), 403, "{path}");
        assert_eq!(office.browser().get(path).await.status(), 303, "{path}: log in first");
    }
    let csrf = hanako.csrf.clone();
    for path in [
        "/staff/accounts",
        "/staff/accounts/export",
        "/staff/accounts/import/apply",
        "/staff/accounts/one/taro",
        "/staff/accounts/one/taro/disable",
        "/staff/audit",
        "/staff/report",
    ] {
        let fields = [
            ("csrf", csrf.as_str()),
            ("version", "1"),
            ("id", "x"),
            ("role", "admin"),
        ];
        assert_eq!(hanako.post_form(path, &fields).await.status(), 403, "{path}");
    }
    let mut admin = office.staff("kanri").await;
    let (status, _, _) = {
        let page = format!("csrf \"{csrf}\">");
        admin.submit(&page, "/staff/accounts", &[("id", "x")]).await
    };
    assert_eq!(status, 403, "another's token");
    // Links are made for one's own sections only.
    let jiro = office.staff("jiro").await;
    let wanted = jiro
        .request(Method::POST, "/api/consultations")
        .header("x-csrf-token", &jiro.csrf)
        .header("origin", ORIGIN)
        .header("content-type", "application/json")
        .body("{\"section\":\"kosodate\"}");
    assert_eq!(wanted.send().await.unwrap().status(), 403);
    let tsuyaku = office.staff("tsuyaku").await;
    let broadcasts = tsuyaku.request(Method::GET, "/api/broadcasts").send().await.unwrap();
    assert_eq!(broadcasts.status(), 403);
}

fn refused(body: &ServerBody) -> bool {
    matches!(body, ServerBody::Error { problem } if problem.kind.ends_with("forbidden"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn consultations_are_told_to_their_section_and_ended_by_who_may() {
    let office = Office::open().await;
    let mut hanako = office.staff("hanako").await;
    let (id, link) = hanako.create("kosodate").await;
    let id = ConsultationId::new(id).unwrap();
    // Nothing of it reaches another section, nor an interpreter who isn't in it.
    let mut outside = Vec::new();
    for who in ["jiro", "tsuyaku"] {
        let mut live = office.staff(who).await.live(Identity::Staff).await;
        let listed = live.news("the list", |body| match body {
            ServerBody::Consultations { consultations, .. } => Some(consultations.len()),
            _ => None,
        });
        assert_eq!(listed.await, 0, "{who}");
        for body in [
            ClientBody::End {
                consultation: id.clone(),
            },
            ClientBody::Admit {
                consultation: id.clone(),
                can_encrypt: true,
            },
        ] {
            assert!(refused(&live.ask(body).await), "{who}");
        }
        outside.push(live);
    }
    let mut resident = office.browser().resident(&link).await;
    resident.ask(ClientBody::Ready { can_encrypt: true }).await;
    let mut staff = hanako.live(Identity::Staff).await;
    let admit = ClientBody::Admit {
        consultation: id.clone(),
        can_encrypt: true,
    };
    assert_eq!(staff.ask(admit).await, ServerBody::Ok);
    // A colleague of the section sees the call, and doesn't end it; an admin does.
    let mut taro = office.staff("taro").await.live(Identity::Staff).await;
    taro.phase(Phase::Admitted).await;
    let end = || ClientBody::End {
        consultation: id.clone(),
    };
    assert!(refused(&taro.ask(end()).await));
    let mut kanri = office.staff("kanri").await.live(Identity::Staff).await;
    assert_eq!(kanri.ask(end()).await, ServerBody::Ok);
    resident.phase(Phase::Ended).await;
    taro.phase(Phase::Ended).await;
    // What the others were told meanwhile: nothing but the answer to this.
    for mut live in outside {
        assert_eq!(live.ask(ClientBody::Ping).await, ServerBody::Pong);
        assert!(!live.has_news(), "told of another section's consultation");
    }
}

/// The list of a console that has just been opened.
async fn listed(live: &mut Live) -> Vec<ConsultationId> {
    live.news("the list", |body| match body {
        ServerBody::Consultations { consultations, .. } => {
            Some(consultations.iter().map(|one| one.id.clone()).collect())
        }
        _ => None,
    })
    .await
}

async fn is_gone(live: &mut Live, id: &ConsultationId) {
    live.news("it is gone", |body| {
        matches!(body, ServerBody::Gone { consultation } if consultation == *id).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_loses_sight_of_a_consultation_is_told_that_it_is_gone() {
    let office = Office::open().await;
    let mut hanako = office.staff("hanako").await;
    let mut staff = hanako.live(Identity::Staff).await;
    let (id, link) = hanako.create("kaigo").await;
    let id = ConsultationId::new(id).unwrap();
    let mut jiro = office.staff("jiro").await.live(Identity::Staff).await;
    assert_eq!(listed(&mut jiro).await, std::slice::from_ref(&id));
    let mut kanri = office.staff("kanri").await.live(Identity::Staff).await;
    assert_eq!(listed(&mut kanri).await, std::slice::from_ref(&id));
    let mut resident = office.browser().resident(&link).await;
    resident.ask(ClientBody::Ready { can_encrypt: true }).await;
    jiro.phase(Phase::Waiting).await;

    let act = |act| ClientBody::Act {
        consultation: id.clone(),
        act,
    };
    let section = SectionId::new("kosodate").unwrap();
    let body = act(Act::Move { section, staff: None });
    assert_eq!(staff.ask(body).await, ServerBody::Ok);
    is_gone(&mut jiro, &id).await;
    let moved = kanri.news("another line", |body| match body {
        ServerBody::Consultation { consultation } => {
            (consultation.section.as_str() == "kosodate").then_some(consultation.phase)
        }
        ServerBody::Gone { .. } => panic!("an admin sees all"),
        _ => None,
    });
    assert_eq!(moved.await, Phase::Waiting);

    // Called in, jiro sees it, and until he has said that he can't come.
    let admit = ClientBody::Admit {
        consultation: id.clone(),
        can_encrypt: true,
    };
    assert_eq!(staff.ask(admit).await, ServerBody::Ok);
    let invite = act(Act::Invite {
        part: Part::Colleague,
        staff: Some(StaffId::new("jiro").unwrap()),
        is_let_in: false,
    });
    let ServerBody::Invited { seat, .. } = staff.ask(invite).await else {
        panic!("jiro's console is open");
    };
    jiro.phase(Phase::Admitted).await;
    let no = act(Act::Answer {
        seat,
        accepts: false,
        can_encrypt: true,
    });
    assert_eq!(jiro.ask(no).await, ServerBody::Ok);
    is_gone(&mut jiro, &id).await;
    assert_eq!(kanri.ask(ClientBody::Ping).await, ServerBody::Pong);
}
