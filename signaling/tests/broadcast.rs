//! WHIP and WHEP over real HTTP, with a node that follows the control protocol: who may, what is answered, and what the
//! node is asked.
#![allow(clippy::unwrap_used)]

mod common;

use common::browser::Browser;
use common::node::Node;
use common::office::{ORIGIN, Office};
use common::until;
use protocol::control::RequestBody;
use protocol::grants::Encryption;
use protocol::ids::ScreenId;
use reqwest::{Method, Response};
use serde_json::{Value, json};

const SDP: &str = "application/sdp";
const FRAGMENT: &str = "application/trickle-ice-sdpfrag";
const NEW: &str = "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\n";

async fn create(staff: &mut Browser, wanted: Value) -> Response {
    let request = staff
        .request(Method::POST, "/api/broadcasts")
        .header("x-csrf-token", &staff.csrf)
        .header("origin", ORIGIN)
        .header("content-type", "application/json")
        .body(wanted.to_string());
    staff.send(request).await
}

/// A broadcast that staff made.
struct Broadcast {
    id: String,
    bring: String,
    watch: Option<String>,
}

impl Broadcast {
    async fn make(staff: &mut Browser, public: bool) -> Self {
        let response = create(staff, json!({ "title": "区長からのお知らせ", "public": public })).await;
        assert_eq!(response.status(), 201);
        let made: Value = response.json().await.unwrap();
        let text = |name: &str| made[name].as_str().map(str::to_owned);
        let broadcast = Self {
            id: text("id").unwrap(),
            bring: text("publish_token").unwrap(),
            watch: text("watch_token"),
        };
        let id = &broadcast.id;
        assert_eq!(text("whip_url").unwrap(), format!("{ORIGIN}/whip/{id}"));
        assert_eq!(text("whep_url").unwrap(), format!("{ORIGIN}/whep/{id}"));
        let secret = broadcast.watch.as_ref().map_or(String::new(), |it| format!("#{it}"));
        assert_eq!(text("watch_url").unwrap(), format!("{ORIGIN}/live/{id}{secret}"));
        broadcast
    }

    fn whip(&self) -> String {
        format!("/whip/{}", self.id)
    }

    fn whep(&self) -> String {
        format!("/whep/{}", self.id)
    }
}

/// One request of a program: no cookie, perhaps a token.
struct Call<'a> {
    method: Method,
    path: &'a str,
    token: Option<&'a str>,
    headers: &'a [(&'a str, &'a str)],
    body: &'a str,
}

impl Call<'_> {
    async fn send(self, office: &Office) -> Response {
        let browser = office.browser();
        let mut request = browser.request(self.method, self.path).body(self.body.to_owned());
        if let Some(token) = self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        for (name, value) in self.headers {
            request = request.header(*name, *value);
        }
        request.send().await.unwrap()
    }
}

async fn offer(office: &Office, path: &str, token: Option<&str>) -> Response {
    let call = Call {
        method: Method::POST,
        path,
        token,
        headers: &[("content-type", SDP)],
        body: "v=0\r\n",
    };
    call.send(office).await
}

async fn patch(office: &Office, path: &str, token: Option<&str>, expected: Option<&str>, body: &str) -> Response {
    let mut headers = vec![("content-type", FRAGMENT)];
    headers.extend(expected.map(|it| ("if-match", it)));
    let call = Call {
        method: Method::PATCH,
        path,
        token,
        headers: &headers,
        body,
    };
    call.send(office).await
}

async fn delete(office: &Office, path: &str, token: Option<&str>) -> u16 {
    let call = Call {
        method: Method::DELETE,
        path,
        token,
        headers: &[],
        body: "",
    };
    call.send(office).await.status().as_u16()
}

fn header(response: &Response, name: &str) -> String {
    let value = response.headers().get(name);
    value.unwrap_or_else(|| panic!("{name}")).to_str().unwrap().to_owned()
}

async fn problem(response: Response) -> (u16, String) {
    assert_eq!(header(&response, "content-type"), "application/problem+json");
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    let kind = body["type"].as_str().unwrap();
    (status, kind.strip_prefix("urn:madoguchi:problem:").unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_brought_by_one_and_watched_by_many() {
    let office = Office::open().await;
    let node = Node::start(&office).await;
    let broadcast = Broadcast::make(&mut office.staff("hanako").await, true).await;

    let brought = offer(&office, &broadcast.whip(), Some(&broadcast.bring)).await;
    assert_eq!(brought.status(), 201);
    assert_eq!(header(&brought, "content-type"), SDP);
    assert_eq!(header(&brought, "etag"), "\"ufrag0\"");
    assert_eq!(header(&brought, "accept-patch"), FRAGMENT);
    assert_eq!(header(&brought, "access-control-allow-origin"), "*");
    assert!(header(&brought, "access-control-expose-headers").contains("Location"));
    let session = header(&brought, "location");
    assert!(session.starts_with(&format!("{}/", broadcast.whip())), "{session}");
    assert_eq!(brought.text().await.unwrap(), "answer to v=0\r\na=ice-ufrag:ufrag0\r\n");

    let second = offer(&office, &broadcast.whip(), Some(&broadcast.bring)).await;
    assert_eq!(problem(second).await, (409, "busy".to_owned()));

    let mut watching = Vec::new();
    for _ in 0..2 {
        let watched = offer(&office, &broadcast.whep(), None).await;
        assert_eq!(watched.status(), 201);
        watching.push(header(&watched, "location"));
    }
    {
        let memory = node.memory.lock().unwrap();
        let grants: Vec<_> = memory.participants.values().collect();
        assert_eq!(grants.len(), 3);
        assert!(
            grants
                .iter()
                .all(|it| it.room == grants[0].room && it.encryption == Encryption::Off)
        );
        assert_eq!(
            grants.iter().filter(|it| it.subscribe && it.publish.is_empty()).count(),
            2
        );
        assert_eq!(
            grants
                .iter()
                .filter(|it| !it.subscribe && it.publish.len() == 2)
                .count(),
            1
        );
    }

    for path in &watching {
        assert_eq!(delete(&office, path, None).await, 200);
    }
    assert_eq!(delete(&office, &session, None).await, 401);
    assert_eq!(delete(&office, &session, Some(&broadcast.bring)).await, 200);
    assert_eq!(node.participants(), 0);
    let again = offer(&office, &broadcast.whip(), Some(&broadcast.bring)).await;
    assert_eq!(again.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_so_and_the_node_isn_t_asked() {
    let office = Office::open().await;
    let node = Node::start(&office).await;
    let broadcast = Broadcast::make(&mut office.staff("hanako").await, false).await;
    let watch = broadcast.watch.clone().unwrap();

    let asked = offer(&office, &broadcast.whip(), None).await;
    assert_eq!(header(&asked, "www-authenticate"), "Bearer");
    assert_eq!(problem(asked).await, (401, "token".to_owned()));
    let wrong = offer(&office, &broadcast.whip(), Some(&watch)).await;
    assert_eq!(problem(wrong).await, (401, "token".to_owned()));
    let wrong = offer(&office, &broadcast.whep(), Some(&broadcast.bring)).await;
    assert_eq!(problem(wrong).await, (401, "token".to_owned()));
    let unknown = offer(&office, "/whip/no-such-broadcast", Some(&broadcast.bring)).await;
    assert_eq!(problem(unknown).await, (404, "not-found".to_owned()));
    let json = Call {
        method: Method::POST,
        path: &broadcast.whip(),
        token: Some(&broadcast.bring),
        headers: &[("content-type", "application/json")],
        body: "{}",
    };
    assert_eq!(problem(json.send(&office).await).await, (415, "wrong-type".to_owned()));
    let large = Call {
        method: Method::POST,
        path: &broadcast.whip(),
        token: Some(&broadcast.bring),
        headers: &[("content-type", SDP)],
        body: &"v".repeat(65 * 1024),
    };
    assert_eq!(problem(large.send(&office).await).await, (413, "too-large".to_owned()));
    let got = Call {
        method: Method::GET,
        path: &broadcast.whip(),
        token: Some(&broadcast.bring),
        headers: &[],
        body: "",
    };
    assert_eq!(got.send(&office).await.status(), 405);
    let is_call = |it: &RequestBody| matches!(it, RequestBody::Ingest { .. } | RequestBody::Watch { .. });
    assert!(!node.memory.lock().unwrap().requests.iter().any(is_call));
    assert_eq!(offer(&office, &broadcast.whep(), Some(&watch)).await.status(), 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_screen_s_token_is_good_for_the_broadcasts_that_it_is_to_show_and_is_no_guess_for_others() {
    let office = Office::open().await;
    let _node = Node::start(&office).await;
    let mut staff = office.staff("hanako").await;
    let shown = Broadcast::make(&mut staff, false).await;
    let other = Broadcast::make(&mut staff, false).await;
    let layout = json!({"version": 2, "name": "one", "width": 1280, "height": 720, "pages": [
        {"name": "home", "background": "#ffffff", "zones": [
            {"name": "main", "rect": {"x": 0, "y": 0, "width": 640, "height": 360}, "widget": {"type": "playlist", "items": [
                {"type": "live", "name": "式典", "url": format!("{ORIGIN}{}", shown.whep()), "duration_ms": 60_000}]}}]}]});
    std::fs::write(office.path("lobby.json"), layout.to_string()).unwrap();
    let path = office.secrets().screen_token(&ScreenId::new("lobby").unwrap());
    let token = until("the screen's token", || async { std::fs::read_to_string(&path).ok() }).await;
    let begun = until("the layout is read", || async {
        let response = offer(&office, &shown.whep(), Some(&token)).await;
        (response.status() == 201).then_some(response)
    })
    .await;
    let session = header(&begun, "location");
    for _ in 0..16 {
        assert_eq!(offer(&office, &other.whep(), Some(&token)).await.status(), 401);
    }
    assert_eq!(offer(&office, &shown.whip(), Some(&token)).await.status(), 401);
    // It isn't to show it any more: it may end what it has begun, and begin nothing.
    let empty = layout.to_string().replace(&shown.whep(), "/whep/another");
    std::fs::write(office.path("lobby.json"), empty).unwrap();
    until("the new layout is read", || async {
        let response = offer(&office, &shown.whep(), Some(&token)).await;
        (response.status() == 401).then_some(())
    })
    .await;
    assert_eq!(delete(&office, &session, Some(&token)).await, 200);
    assert_eq!(delete(&office, &session, Some("another")).await, 401);
}

#[tokio::test(flavor = "multi_thread")]
async fn guesses_become_slower_until_they_are_refused() {
    let office = Office::open().await;
    let _node = Node::start(&office).await;
    let broadcast = Broadcast::make(&mut office.staff("hanako").await, true).await;
    let path = broadcast.whip();
    let guesses = (0..16).map(|n| {
        let (office, path) = (&office, &path);
        async move { offer(office, path, Some(&format!("guess-{n}"))).await.status().as_u16() }
    });
    let statuses = futures_util::future::join_all(guesses).await;
    assert!(statuses.contains(&401) && statuses.contains(&429), "{statuses:?}");
    let right = offer(&office, &path, Some(&broadcast.bring)).await;
    assert_eq!(right.status(), 201, "who is right isn't slowed");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ice_session_is_named_kept_and_made_anew() {
    let office = Office::open().await;
    let _node = Node::start(&office).await;
    let broadcast = Broadcast::make(&mut office.staff("hanako").await, true).await;
    let token = Some(broadcast.bring.as_str());
    let brought = offer(&office, &broadcast.whip(), token).await;
    let (session, tag) = (header(&brought, "location"), header(&brought, "etag"));

    let candidate = "a=ice-ufrag:EsAw\r\na=candidate:1 1 UDP 1 192.0.2.1 9 typ host\r\n";
    assert_eq!(
        patch(&office, &session, token, Some(&tag), candidate).await.status(),
        204
    );
    let no_condition = patch(&office, &session, token, None, candidate).await;
    assert_eq!(problem(no_condition).await, (428, "no-condition".to_owned()));

    let restarted = patch(&office, &session, token, Some("*"), NEW).await;
    assert_eq!(restarted.status(), 200);
    assert_eq!(header(&restarted, "content-type"), FRAGMENT);
    let new_tag = header(&restarted, "etag");
    assert_ne!(new_tag, tag);
    assert_eq!(restarted.text().await.unwrap(), "a=ice-ufrag:to-abcd\r\n");
    let old = patch(&office, &session, token, Some(&tag), candidate).await;
    assert_eq!(problem(old).await, (412, "old-session".to_owned()));
    assert_eq!(
        patch(&office, &session, token, Some(&new_tag), candidate)
            .await
            .status(),
        204
    );

    let nothing = patch(&office, &session, token, Some("*"), candidate).await;
    assert_eq!(problem(nothing).await, (400, "bad-request".to_owned()));
    let stranger = format!("{}/nobody", broadcast.whip());
    let unknown = patch(&office, &stranger, token, Some("*"), NEW).await;
    assert_eq!(problem(unknown).await, (404, "not-in-room".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_other_sites_are_told_what_they_may() {
    let office = Office::open().await;
    for (path, methods, accepts) in [
        ("/whip/any", "POST", ("accept-post", SDP)),
        ("/whep/any", "POST", ("accept-post", SDP)),
        ("/whip/any/session", "DELETE", ("accept-patch", FRAGMENT)),
    ] {
        let call = Call {
            method: Method::OPTIONS,
            path,
            token: None,
            headers: &[
                ("origin", "https://studio.example"),
                ("access-control-request-method", methods),
            ],
            body: "",
        };
        let response = call.send(&office).await;
        assert_eq!(response.status(), 204);
        assert!(header(&response, "access-control-allow-methods").contains(methods));
        assert!(header(&response, "access-control-allow-headers").contains("Authorization"));
        assert_eq!(header(&response, accepts.0), accepts.1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broadcast_is_made_listed_shown_and_ended_by_staff() {
    let office = Office::open().await;
    let node = Node::start(&office).await;
    let mut staff = office.staff("hanako").await;
    for (wanted, field) in [
        (json!({ "title": " " }), "title"),
        (json!({ "title": "式典", "minutes": 0 }), "minutes"),
    ] {
        let refused = create(&mut staff, wanted).await;
        assert_eq!(refused.status(), 400);
        assert_eq!(refused.json::<Value>().await.unwrap()["field"], field);
    }
    let broadcast = Broadcast::make(&mut staff, true).await;
    let (status, list) = staff.text("/api/broadcasts").await;
    assert_eq!(status, 200);
    assert!(
        list.contains(&broadcast.id) && !list.contains(&broadcast.bring),
        "{list}"
    );
    assert_eq!(office.browser().text("/api/broadcasts").await.0, 401);
    let (status, page) = office.browser().text(&format!("/live/{}", broadcast.id)).await;
    assert!(status == 200 && page.contains("区長からのお知らせ"), "{page}");

    assert_eq!(
        offer(&office, &broadcast.whip(), Some(&broadcast.bring)).await.status(),
        201
    );
    let path = format!("/api/broadcasts/{}", broadcast.id);
    let stranger = staff
        .request(Method::DELETE, &path)
        .header("origin", "https://evil.example");
    assert_eq!(staff.send(stranger).await.status(), 403);
    let own = |staff: &Browser| {
        let request = staff.request(Method::DELETE, &path).header("origin", ORIGIN);
        request.header("x-csrf-token", &staff.csrf)
    };
    let request = own(&staff);
    assert_eq!(staff.send(request).await.status(), 204);
    common::until("the room is closed", || async {
        (node.participants() == 0).then_some(())
    })
    .await;
    assert_eq!(office.browser().text(&format!("/live/{}", broadcast.id)).await.0, 404);
    let late = offer(&office, &broadcast.whip(), Some(&broadcast.bring)).await;
    assert_eq!(problem(late).await, (404, "not-found".to_owned()));
    let request = own(&staff);
    assert_eq!(staff.send(request).await.status(), 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draining_node_s_broadcast_begins_on_another_and_without_any_is_asked_to_wait() {
    let office = Office::open().await;
    let broadcast = Broadcast::make(&mut office.staff("hanako").await, true).await;
    let none = offer(&office, &broadcast.whip(), Some(&broadcast.bring)).await;
    assert_eq!(header(&none, "retry-after"), "5");
    assert_eq!(problem(none).await, (503, "no-media".to_owned()));

    let first = Node::start(&office).await;
    assert_eq!(offer(&office, &broadcast.whep(), None).await.status(), 201);
    let second = Node::start(&office).await;
    first.drain(&office).await;
    assert_eq!(
        offer(&office, &broadcast.whip(), Some(&broadcast.bring)).await.status(),
        201
    );
    assert_eq!((first.participants(), second.participants()), (1, 1));
}
