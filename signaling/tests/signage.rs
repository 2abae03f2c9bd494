//! Screens: their token, their socket, their contents.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::browser::{Browser, Live};
use common::office::{Office, office_id};
use common::until;
use protocol::grants::ScreenGrant;
use protocol::ids::{OfficeId, ScreenId};
use protocol::screen::{Manifest, Report, ScreenFrame, ToScreen, VERSION};
use reqwest::Method;
use sha2::{Digest, Sha256};

fn screen() -> ScreenId {
    ScreenId::new("lobby").unwrap()
}

fn layout(title: &str) -> String {
    format!(
        r##"{{"version":1,"name":"{title}","width":1280,"height":720,"pages":[{{"name":"home","background":"#ffffff",
        "zones":[{{"name":"main","rect":{{"x":0,"y":0,"width":640,"height":360}},"widget":{{"type":"playlist","items":[
        {{"type":"video","content":"film.mp4"}},{{"type":"picture","content":"gone.png","duration_ms":1000}}]}}}}]}}]}}"##
    )
}

async fn token(office: &Office) -> String {
    let path = office.secrets().screen_token(&screen());
    let token = until("the screen's token", || async { std::fs::read_to_string(&path).ok() }).await;
    use std::os::unix::fs::PermissionsExt;
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o077, 0);
    token
}

async fn connect(browser: &Browser, token: &str, manifest: Option<String>) -> Live {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let mut live = browser.socket("/api/screens/connect", &headers).await.ok().unwrap();
    let hello = ScreenFrame::Hello {
        version: VERSION,
        player: "test".into(),
        manifest,
    };
    live.send_text(&serde_json::to_string(&hello).unwrap()).await;
    match next(&mut live).await {
        ToScreen::Welcome {
            screen: who, time_zone, ..
        } => assert_eq!((who, time_zone.as_str()), (screen(), "Asia/Tokyo")),
        other => panic!("{other:?}"),
    }
    live
}

async fn next(live: &mut Live) -> ToScreen {
    serde_json::from_str(&live.next_text().await.unwrap()).unwrap()
}

/// The next manifest; areas and pongs before it are let through.
async fn manifest(live: &mut Live) -> Manifest {
    loop {
        if let ToScreen::Manifest { manifest } = next(live).await {
            return manifest;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_gets_its_manifest_fetches_its_contents_and_reports() {
    let office = Office::open().await;
    let film: Vec<u8> = (0..200_000_u32).flat_map(|n| n.to_le_bytes()).collect();
    std::fs::write(office.path("content/film.mp4"), &film).unwrap();
    std::fs::write(office.path("lobby.json"), layout("one")).unwrap();
    let (browser, token) = (office.browser(), token(&office).await);
    let mut live = connect(&browser, &token, None).await;
    let first = manifest(&mut live).await;
    assert_eq!(
        first.layout.contents().collect::<Vec<_>>(),
        ["film.mp4"],
        "what isn't there is left out"
    );
    let content = &first.contents["film.mp4"];
    assert_eq!(content.sha256, data_encoding::HEXLOWER.encode(&Sha256::digest(&film)));

    let path = format!("/content/{}", content.sha256);
    let get = |range: Option<&str>| {
        let request = browser.request(Method::GET, &path).bearer_auth(&token);
        match range {
            Some(range) => request.header("range", range),
            None => request,
        }
    };
    let whole = get(None).send().await.unwrap();
    assert_eq!(
        (
            whole.status().as_u16(),
            whole.headers()["content-type"].to_str().unwrap()
        ),
        (200, "video/mp4")
    );
    assert!(whole.bytes().await.unwrap() == film);
    let rest = get(Some("bytes=700000-")).send().await.unwrap();
    assert_eq!(
        (rest.status().as_u16(), &rest.headers()["content-range"]),
        (206, &"bytes 700000-799999/800000".parse().unwrap())
    );
    assert!(rest.bytes().await.unwrap() == film[700_000..]);
    let beyond = get(Some("bytes=800000-")).send().await.unwrap();
    assert_eq!(
        (beyond.status().as_u16(), &beyond.headers()["content-range"]),
        (416, &"bytes */800000".parse().unwrap())
    );
    let nobody = browser.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(nobody.status(), 401);

    let report = Report {
        page: "home".into(),
        frames: 30,
        ..Report::default()
    };
    let frame = ScreenFrame::Report { report: report.clone() };
    live.send_text(&serde_json::to_string(&frame).unwrap()).await;
    let kept = until("the report", || async {
        store::screens::last_report(&office.store.live, &office_id(), &screen())
            .await
            .unwrap()
    })
    .await;
    assert_eq!(kept, report);

    live.send_text("{\"type\":\"dance\"}").await;
    until_error(&mut live).await;

    // The layout changes: the screen is told. It comes back with what it has: it isn't told again.
    std::fs::write(office.path("lobby.json"), layout("two")).unwrap();
    let second = manifest(&mut live).await;
    assert_eq!(second.layout.name, "two");
    drop(live);
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(serde_json::to_vec(&second).unwrap()));
    let mut live = connect(&browser, &token, Some(digest)).await;
    assert!(
        matches!(next(&mut live).await, ToScreen::Areas { .. }),
        "no manifest, only the areas"
    );
}

async fn until_error(live: &mut Live) {
    loop {
        if let ToScreen::Error { problem } = next(live).await {
            assert_eq!(problem.field.as_deref(), Some("type"));
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_for_something_else_opens_nothing() {
    let office = Office::open().await;
    let browser = office.browser();
    let now = runtime::now();
    let sign = |office_name: &str, screen_name: &str, until: u64| {
        let grant = ScreenGrant {
            office: OfficeId::new(office_name).unwrap(),
            screen: ScreenId::new(screen_name).unwrap(),
        };
        let key = office.secrets().screen_key().unwrap();
        key.sign(grant, now, protocol::time::UnixMillis(until)).unwrap()
    };
    let later = now.0 + 60_000;
    for (token, status) in [
        (String::new(), 401),
        ("nonsense".to_owned(), 401),
        (sign("minami", "lobby", now.0), 401),
        (sign("kita", "lobby", later), 403),
        (sign("minami", "cellar", later), 403),
    ] {
        let bearer = format!("Bearer {token}");
        let headers = [("authorization", bearer.as_str())];
        let refused = browser.socket("/api/screens/connect", &headers).await.err();
        assert_eq!(refused, Some(status), "{token}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_restart_tells_screens_to_come_back() {
    let mut office = Office::open().await;
    std::fs::write(office.path("content/film.mp4"), b"film").unwrap();
    std::fs::write(office.path("lobby.json"), layout("one")).unwrap();
    let (browser, token) = (office.browser(), token(&office).await);
    let mut live = connect(&browser, &token, None).await;
    let before = manifest(&mut live).await;
    office.stop().await;
    assert_eq!(live.closed().await, 1012);
    office.start().await;
    let mut live = connect(&browser, &token, None).await;
    assert_eq!(manifest(&mut live).await, before);
}
