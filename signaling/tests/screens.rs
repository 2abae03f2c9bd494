//! Screens of the office's: pairing, what staff arrange, what players report, notices.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};
use std::time::Duration;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use common::browser::{Browser, Live};
use common::office::{ORIGIN, Office, office_id, trail};
use common::until;
use data_encoding::BASE64;
use protocol::ids::ScreenId;
use protocol::screen::bundle;
use protocol::screen::pairing::{Ask, Denied, Offer, Paired, Why};
use protocol::screen::report::{self, Change, Fault, FaultKind, Health, Play, Report};
use protocol::screen::{Manifest, Notice, ScreenFrame, ToScreen, Urgency, VERSION};
use protocol::time::UnixMillis;
use reqwest::Method;

const JPEG: &[u8] = include_bytes!("pages/page.jpg");

async fn begin(player: &Browser) -> Offer {
    let response = player.request(Method::POST, "/api/screens/pair").send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

async fn ask(player: &Browser, offer: &Offer) -> Result<Paired, Why> {
    let body = serde_json::to_string(&Ask {
        device_code: offer.device_code.clone(),
    });
    let request = player.request(Method::POST, "/api/screens/pair/token");
    let request = request.header("content-type", "application/json").body(body.unwrap());
    let response = request.send().await.unwrap();
    match response.status().as_u16() {
        200 => Ok(response.json().await.unwrap()),
        400 => Err(response.json::<Denied>().await.unwrap().error),
        other => panic!("{other}"),
    }
}

/// Asks as a player does, until somebody has said yes or no.
async fn wait(player: &Browser, offer: &Offer) -> Result<Paired, Why> {
    until("an answer", || async {
        match ask(player, offer).await {
            Err(Why::AuthorizationPending | Why::SlowDown) => None,
            answer => Some(answer),
        }
    })
    .await
}

async fn accept(admin: &mut Browser, code: &str, more: &[(&str, &str)]) -> (u16, String) {
    let (_, page) = admin.text("/staff/screens").await;
    let fields: Vec<(&str, &str)> = [("code", code)].into_iter().chain(more.iter().copied()).collect();
    let (status, to, body) = admin.submit(&page, "/staff/screens/pair", &fields).await;
    (status, if to.is_empty() { body } else { to })
}

const NEW: [(&str, &str); 4] = [
    ("screen", "new:"),
    ("name", "2階 待合"),
    ("place", "2階 東側"),
    ("orientation", "landscape"),
];

/// A player that is paired as a new screen.
async fn paired(office: &Office, admin: &mut Browser) -> (Browser, Paired) {
    let player = office.browser();
    let offer = begin(&player).await;
    let (status, to) = accept(admin, &offer.user_code, &NEW).await;
    assert_eq!(status, 303, "{to}");
    (player.clone(), wait(&player, &offer).await.unwrap())
}

async fn connect(player: &Browser, token: &str) -> Result<Live, u16> {
    let bearer = format!("Bearer {token}");
    let mut live = player
        .socket("/api/screens/connect", &[("authorization", bearer.as_str())])
        .await?;
    let hello = ScreenFrame::Hello {
        version: VERSION,
        player: "1.2.3".into(),
        manifest: None,
    };
    live.send_text(&serde_json::to_string(&hello).unwrap()).await;
    Ok(live)
}

async fn next<T>(live: &mut Live, mut pick: impl FnMut(ToScreen) -> Option<T>) -> T {
    loop {
        let frame = serde_json::from_str(&live.next_text().await.unwrap()).unwrap();
        if let Some(found) = pick(frame) {
            return found;
        }
    }
}

async fn manifest(live: &mut Live) -> Manifest {
    next(live, |frame| match frame {
        ToScreen::Manifest { manifest } => Some(manifest),
        _ => None,
    })
    .await
}

/// The next notices of which `is_it` holds.
async fn notices(live: &mut Live, is_it: impl Fn(&[Notice]) -> bool) -> Vec<Notice> {
    next(live, |frame| match frame {
        ToScreen::Notices { notices } if is_it(&notices) => Some(notices),
        _ => None,
    })
    .await
}

async fn is_valid(player: &Browser, token: &str) -> u16 {
    let request = player.request(Method::GET, "/api/screens/me").bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_player_is_paired_by_its_code_once_and_revoked_at_once() {
    let office = Office::open().await;
    let mut admin = office.staff("kanri").await;
    let player = office.browser();
    let offer = begin(&player).await;
    assert_eq!((offer.user_code.len(), offer.expires_in), (11, 600));
    assert_eq!(offer.verification_uri, format!("{ORIGIN}/staff/screens"));
    assert_eq!(ask(&player, &offer).await, Err(Why::AuthorizationPending));
    assert_eq!(ask(&player, &offer).await, Err(Why::SlowDown));

    let (status, to) = accept(&mut admin, &offer.user_code.replace('-', " "), &NEW).await;
    assert_eq!(status, 303, "{to}");
    let (status, page) = accept(&mut admin, &offer.user_code, &NEW).await;
    assert_eq!(status, 400, "a code is used up");
    assert!(
        page.contains("その番号は見つかりません") && page.contains(&offer.user_code),
        "{page}"
    );

    let Paired { screen, token } = wait(&player, &offer).await.unwrap();
    assert_eq!(to, format!("/staff/screens?paired={screen}"));
    let kept = store::screens::get(&office.store.ledger, &office_id(), &screen)
        .await
        .unwrap()
        .unwrap();
    let hash = kept.token.unwrap().hash;
    assert!(hash.len() == 64 && !token.contains(&hash), "only the hash is kept");

    let mut live = connect(&player, &token).await.ok().unwrap();
    let who = next(&mut live, |frame| match frame {
        ToScreen::Welcome { screen, .. } => Some(screen),
        _ => None,
    });
    assert_eq!(who.await, screen);
    let one = format!("/staff/screens/one/{screen}");
    until("the page says that it is there", || async {
        let (_, page) = admin.clone().text(&one).await;
        (page.contains("通信中") && page.contains("1.2.3")).then_some(())
    })
    .await;

    let (_, page) = admin.text(&one).await;
    assert_eq!(admin.submit(&page, &format!("{one}/revoke"), &[]).await.0, 303);
    assert_eq!(live.closed().await, 1008, "the open connection ends");
    assert_eq!(is_valid(&player, &token).await, 401);
    assert_eq!(connect(&player, &token).await.err(), Some(401));
    assert_eq!(
        wait(&player, &offer).await,
        Err(Why::ExpiredToken),
        "the old code gives no other token"
    );
    let trail = trail(&office, screen.as_str()).await;
    assert_eq!(trail, ["staff/kanri screen.paired new", "staff/kanri screen.revoked"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_that_is_there_gets_another_player_and_the_old_ones_token_is_worthless() {
    let office = Office::open().await;
    let mut admin = office.staff("kanri").await;
    let as_lobby = [("screen", "lobby")];
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let player = office.browser();
        let offer = begin(&player).await;
        assert_eq!(accept(&mut admin, &offer.user_code, &as_lobby).await.0, 303);
        let paired = wait(&player, &offer).await.unwrap();
        assert_eq!(paired.screen.as_str(), "lobby");
        assert_eq!(is_valid(&player, &paired.token).await, 200);
        tokens.push(paired.token);
    }
    let player = office.browser();
    assert_eq!(is_valid(&player, &tokens[0]).await, 401);
    assert_eq!(is_valid(&player, &tokens[1]).await, 200);
    let offer = begin(&player).await;
    let (status, page) = accept(&mut admin, &offer.user_code, &[("screen", "cellar")]).await;
    assert!(status == 400 && page.contains("どの画面として登録するか"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_codes_is_refused_for_a_while_and_only_admins_may_try() {
    let office = Office::open().await;
    for (who, status) in [("hanako", 403), ("tsuyaku", 403)] {
        let mut staff = office.staff(who).await;
        assert_eq!(staff.get("/staff/screens").await.status(), status, "{who}");
        let csrf = staff.csrf.clone();
        let fields = [("csrf", csrf.as_str()), ("code", "123456789"), ("screen", "lobby")];
        assert_eq!(
            staff.post_form("/staff/screens/pair", &fields).await.status(),
            status,
            "{who}"
        );
    }
    let mut admin = office.staff("kanri").await;
    // Wrong ones of several pages at once: each waits, and from the twelfth on they are refused.
    let (_, page) = admin.text("/staff/screens").await;
    let guess = |n: u32| {
        let (mut admin, page) = (admin.clone(), page.clone());
        async move {
            let code = format!("{n:09}");
            admin
                .submit(&page, "/staff/screens/pair", &[("code", &code), ("screen", "lobby")])
                .await
                .0
        }
    };
    let answers = futures_util::future::join_all((0..12).map(guess)).await;
    assert!(answers.iter().all(|status| matches!(status, 400 | 429)), "{answers:?}");
    let player = office.browser();
    let offer = begin(&player).await;
    assert_eq!(
        accept(&mut admin.clone(), &offer.user_code, &[("screen", "lobby")])
            .await
            .0,
        429
    );
}

/// A form with files, as browsers send it.
fn multipart(csrf: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    let mut part = |head: &str, bytes: &[u8]| {
        body.extend_from_slice(format!("--line\r\ncontent-disposition: form-data; {head}\r\n\r\n").as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    };
    part("name=\"csrf\"", csrf.as_bytes());
    for (name, bytes) in files {
        part(&format!("name=\"file\"; filename=\"{name}\""), bytes);
    }
    body.extend_from_slice(b"--line--\r\n");
    body
}

async fn upload(admin: &mut Browser, csrf: &str, files: &[(&str, &[u8])]) -> (u16, String) {
    let request = admin
        .request(Method::POST, "/staff/screens/files")
        .header("content-type", "multipart/form-data; boundary=line")
        .body(multipart(csrf, files));
    let response = admin.send(request).await;
    let to = response
        .headers()
        .get("location")
        .map(|to| to.to_str().unwrap().to_owned());
    let status = response.status().as_u16();
    (status, to.unwrap_or(response.text().await.unwrap()))
}

fn ready_made(office: &Office) {
    let from = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/layouts");
    std::fs::create_dir_all(office.path("layouts")).unwrap();
    for file in std::fs::read_dir(from).unwrap().flatten() {
        std::fs::copy(file.path(), office.path("layouts").join(file.file_name())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_uploaded_arranged_and_published_reaches_the_screen() {
    let office = Office::open().await;
    ready_made(&office);
    let mut admin = office.staff("kanri").await;
    let (player, Paired { screen, token }) = paired(&office, &mut admin).await;
    let mut live = connect(&player, &token).await.ok().unwrap();

    let csrf = admin.csrf.clone();
    assert_eq!(upload(&mut admin, "x", &[("a.jpg", JPEG)]).await.0, 403);
    let (status, page) = upload(&mut admin, &csrf, &[("お知らせ.png", b"MZ\x90\0 no picture")]).await;
    assert_eq!(status, 400, "by its content, not by its name");
    assert!(page.contains("お知らせ.png: 画面で表示できない種類です"), "{page}");
    let (status, to) = upload(&mut admin, &csrf, &[("お知らせ.jpg", JPEG), ("p.pdf", b"%PDF-1.4\n")]).await;
    assert_eq!((status, to.as_str()), (303, "/staff/screens/files?added=2"));
    let files = store::screens::files::all(&office.store.ledger, &office_id())
        .await
        .unwrap();
    let of = |name: &str| files.values().find(|file| file.name == name).unwrap().content.clone();
    let (picture, pdf) = (of("お知らせ.jpg"), of("p.pdf"));
    assert_eq!(picture.media_type, "image/jpeg");
    assert_eq!(
        std::fs::read(office.path("run/uploads").join(&picture.sha256)).unwrap(),
        JPEG
    );
    assert_eq!(
        std::fs::read_dir(office.path("run/uploads")).unwrap().count(),
        2,
        "nothing else is left"
    );

    let one = format!("/staff/screens/one/{screen}");
    let arrange = format!("{one}/playlist");
    let (_, page) = admin.text(&one).await;
    let fields = [("layout", "board"), ("act", "publish")];
    let (status, _, page) = admin.submit(&page, &arrange, &fields).await;
    assert!(status == 400 && page.contains("再生リストが空です"), "{page}");
    let fields = [
        ("layout", "board"),
        ("item", &pdf.sha256),
        ("seconds", "12"),
        ("act", "add"),
        ("add", &picture.sha256),
    ];
    assert_eq!(admin.submit(&page, &arrange, &fields).await.0, 303);
    let (_, page) = admin.text(&one).await;
    let both = [
        ("layout", "board"),
        ("item", pdf.sha256.as_str()),
        ("seconds", "12"),
        ("item", picture.sha256.as_str()),
        ("seconds", "7"),
    ];
    let with = |act| both.iter().copied().chain([("act", act)]).collect::<Vec<_>>();
    assert_eq!(admin.submit(&page, &arrange, &with("up-1")).await.0, 303);
    let record = store::screens::get(&office.store.ledger, &office_id(), &screen)
        .await
        .unwrap()
        .unwrap();
    let order: Vec<(&str, u32)> = record
        .draft
        .items
        .iter()
        .map(|it| (it.sha256.as_str(), it.seconds))
        .collect();
    assert_eq!(order, [(picture.sha256.as_str(), 7), (pdf.sha256.as_str(), 12)]);
    assert!(record.shows.is_none(), "a draft shows nothing");

    assert_eq!(admin.submit(&page, &arrange, &with("publish")).await.0, 303);
    let shown = manifest(&mut live).await;
    assert_eq!(shown.layout.contents().collect::<Vec<_>>(), ["p.pdf", "お知らせ.jpg"]);
    assert_eq!(shown.contents["お知らせ.jpg"], picture);
    let json = serde_json::to_string(&shown.layout).unwrap();
    assert!(json.contains("南区役所") && json.contains("lobby-1f"), "{json}");
    let content = player
        .request(Method::GET, &format!("/content/{}", picture.sha256))
        .bearer_auth(&token);
    assert!(content.send().await.unwrap().bytes().await.unwrap() == JPEG);
    let report = ScreenFrame::Report {
        report: protocol::screen::Report::default(),
    };
    live.send_text(&serde_json::to_string(&report).unwrap()).await;
    until("the page says that it is delivered", || async {
        let (_, page) = admin.clone().text(&one).await;
        (page.contains("第1版") && page.contains("最新の版が届いています")).then_some(())
    })
    .await;

    let remove = format!("/staff/screens/file/{}/remove", picture.sha256);
    let (status, _, page) = admin.submit(&page, &remove, &[]).await;
    assert!(
        status == 400 && page.contains("画面で使っているファイルは削除できません"),
        "{page}"
    );
    assert_eq!(admin.submit(&page, &format!("{one}/remove"), &[]).await.0, 303);
    assert_eq!(live.closed().await, 1008, "a screen that is removed is gone");
    assert_eq!(admin.submit(&page, &remove, &[]).await.0, 303);
    assert!(!office.path("run/uploads").join(&picture.sha256).exists());
}

/// What is published, packed for a stick: the archive's files by their names.
async fn packed(admin: &mut Browser, one: &str) -> BTreeMap<String, Vec<u8>> {
    let csrf = admin.csrf.clone();
    let response = admin.post_form(&format!("{one}/bundle"), &[("csrf", &csrf)]).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["content-type"], "application/zip");
    let said = response.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(
        said.starts_with("attachment; filename=\"madoguchi-") && said.ends_with(".zip\""),
        "{said}"
    );
    let bytes = response.bytes().await.unwrap();
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).unwrap();
    let names: Vec<String> = (0..archive.len())
        .map(|at| archive.by_index(at).unwrap().name().unwrap().into_owned())
        .collect();
    assert_eq!(
        names.last().map(String::as_str),
        Some(bundle::FILE),
        "what a screen looks for comes last"
    );
    let read = |name: &String| {
        let mut bytes = Vec::new();
        archive.by_name(name).unwrap().read_to_end(&mut bytes).unwrap();
        (name.clone(), bytes)
    };
    names.iter().map(read).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_published_is_packed_and_signed_for_a_stick_with_the_key_that_screens_were_told() {
    let office = Office::open().await;
    ready_made(&office);
    let mut admin = office.staff("kanri").await;
    let (player, Paired { screen, token }) = paired(&office, &mut admin).await;
    let one = format!("/staff/screens/one/{screen}");
    let (_, page) = admin.text(&one).await;
    let (status, _, nothing) = admin.submit(&page, &format!("{one}/bundle"), &[]).await;
    assert!(status == 400 && nothing.contains("公開中の内容がない"), "{status}");

    let csrf = admin.csrf.clone();
    assert_eq!(upload(&mut admin, &csrf, &[("お知らせ:1.jpg", JPEG)]).await.0, 303);
    let files = store::screens::files::all(&office.store.ledger, &office_id())
        .await
        .unwrap();
    let content = files.values().next().unwrap().content.clone();
    let fields = [
        ("layout", "board"),
        ("item", content.sha256.as_str()),
        ("seconds", "10"),
        ("act", "publish"),
    ];
    assert_eq!(admin.submit(&page, &format!("{one}/playlist"), &fields).await.0, 303);
    let mut live = connect(&player, &token).await.ok().unwrap();
    let shown = manifest(&mut live).await;

    let files = packed(&mut admin, &one).await;
    assert_eq!(
        files[&bundle::place_of(&content.sha256)],
        JPEG,
        "by its hash: any name can be unpacked"
    );
    let words = &files[bundle::FILE];
    let key = BASE64.decode(shown.bundle_key.clone().unwrap().as_bytes()).unwrap();
    let signature = BASE64.decode(&files[bundle::SIGNATURE]).unwrap();
    let key = UnparsedPublicKey::new(&ED25519, key);
    key.verify(&bundle::signed(words), &signature).unwrap();
    let said: bundle::Bundle = serde_json::from_slice(words).unwrap();
    assert_eq!(said.manifest.layout, shown.layout);
    assert_eq!(said.manifest.contents, shown.contents);
    let text = files.iter().find(|(name, _)| name.ends_with(".txt")).unwrap().1;
    assert!(String::from_utf8_lossy(text).contains("「2階 待合」に表示する内容"));
    let (_, page) = admin.text(&one).await;
    assert!(
        page.contains(&shown.bundle_key.unwrap()),
        "for screens that never heard of the server"
    );
    let trail = trail(&office, screen.as_str()).await;
    assert!(
        trail.iter().any(|event| event.contains("screen.bundle.packed")),
        "{trail:?}"
    );

    // A file that is gone is said before anything is sent.
    std::fs::remove_file(office.path("run/uploads").join(&content.sha256)).unwrap();
    let (status, _, gone) = admin.submit(&page, &format!("{one}/bundle"), &[]).await;
    assert!(status == 400 && gone.contains("ファイルが見つからない"), "{status}");
    let mut lead = lead(&office).await;
    let (_, page) = lead.text("/staff/screens/notices").await;
    assert_eq!(
        lead.submit(&page, &format!("{one}/bundle"), &[]).await.0,
        403,
        "admins only"
    );
}

fn report(plays: Vec<Play>) -> Report {
    Report {
        version: report::VERSION,
        health: Health {
            page: "home".into(),
            layout: "lobby".into(),
            uptime_s: 3_725,
            frames: 1000,
            dropped: 3,
            memory_bytes: Some(300 << 20),
            gstreamer: "1.22.0".into(),
            system: "Debian GNU/Linux 12 (bookworm), Linux 6.1.0".into(),
            ..Health::default()
        },
        faults: vec![Fault {
            kind: FaultKind::Item,
            about: "壊れた動画.mp4".into(),
            what: "no decoder for it".into(),
            since: UnixMillis(1_795_532_390_000),
            count: 3,
        }],
        changes: vec![
            Change {
                kind: FaultKind::Fetch,
                about: "夏祭り.mp4".into(),
                what: "the server doesn't answer".into(),
                since: UnixMillis(1_795_532_300_000),
                until: None,
            },
            Change {
                kind: FaultKind::Fetch,
                about: "夏祭り.mp4".into(),
                what: "the server doesn't answer".into(),
                since: UnixMillis(1_795_532_300_000),
                until: Some(UnixMillis(1_795_532_340_000)),
            },
        ],
        plays,
    }
}

async fn send(player: &Browser, screen: &ScreenId, token: &str, body: String) -> u16 {
    let request = player.request(Method::POST, &format!("/api/screens/{screen}/reports"));
    let request = request
        .bearer_auth(token)
        .header("content-type", "application/json")
        .body(body);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reports_are_shown_and_what_was_played_is_a_file() {
    let office = Office::open().await;
    let mut admin = office.staff("kanri").await;
    let (player, Paired { screen, token }) = paired(&office, &mut admin).await;
    // 23:59:50 of the 24th in Tokyo, and after midnight.
    let play = |after: u64, content: &str| Play {
        from: UnixMillis(1_795_532_390_000 + after * 1000),
        shown_ms: 8_250,
        layout: "lobby".into(),
        page: "home".into(),
        zone: "main".into(),
        content: content.into(),
        sha256: "a".repeat(64),
        is_whole: after == 0,
    };
    let json = serde_json::to_string(&report(vec![play(20, "=HYPER\"LINK"), play(0, "お知らせ.png")])).unwrap();
    for _ in 0..2 {
        assert_eq!(send(&player, &screen, &token, json.clone()).await, 204);
    }
    let lobby = ScreenId::new("lobby").unwrap();
    assert_eq!(
        send(&player, &lobby, &token, json.clone()).await,
        403,
        "only for itself"
    );
    assert_eq!(send(&player, &screen, "paired.lobby.x", json.clone()).await, 401);
    assert_eq!(send(&player, &screen, &token, "{}".into()).await, 422);
    assert_eq!(
        send(&player, &screen, &token, json.replace("\"version\":1", "\"version\":9")).await,
        422
    );
    assert_eq!(
        send(&player, &screen, &token, " ".repeat(report::MAX_BYTES + 1)).await,
        413
    );

    let one = format!("/staff/screens/one/{screen}");
    let (_, page) = admin.text(&one).await;
    for text in [
        "lobby / home",
        "1時間2分",
        "1000コマ（うち遅れ3",
        "300.0 MB",
        "壊れた動画.mp4",
        "再生できない",
        "Debian GNU/Linux 12 (bookworm), Linux 6.1.0, GStreamer 1.22.0",
        "終わった異常",
    ] {
        assert!(page.contains(text), "{text}: {page}");
    }
    // It came and went, was told twice, and is one line.
    assert_eq!(page.matches("夏祭り.mp4").count(), 1, "{page}");
    let days = [("from", "2026-11-24"), ("until", "2026-11-25")];
    let (status, _, csv) = admin.submit(&page, &format!("{one}/plays"), &days).await;
    assert_eq!(status, 200);
    let lines: Vec<&str> = csv.lines().collect();
    assert_eq!(lines.len(), 3, "each play once: {csv}");
    // What reads the text takes the mark before it for what it is.
    assert!(lines[0].starts_with("開始時刻,"), "{csv}");
    assert!(
        lines[1].contains("8.250") && lines[1].contains("お知らせ.png") && lines[1].ends_with(",1"),
        "{csv}"
    );
    assert!(
        lines[2].contains("\"'=HYPER\"\"LINK\"") && lines[2].ends_with(",0"),
        "{csv}"
    );
    let days = [("from", "2026-11-25"), ("until", "2026-11-24")];
    assert_eq!(admin.submit(&page, &format!("{one}/plays"), &days).await.0, 400);

    let mut live = connect(&player, &token).await.ok().unwrap();
    next(&mut live, |frame| {
        matches!(frame, ToScreen::Notices { .. }).then_some(())
    })
    .await;
    assert_eq!(admin.submit(&page, &format!("{one}/look"), &[]).await.0, 303);
    next(&mut live, |frame| matches!(frame, ToScreen::Look).then_some(())).await;
    let picture = |bytes: &'static [u8]| {
        let request = player.request(Method::POST, &format!("/api/screens/{screen}/picture"));
        request.bearer_auth(&token).body(bytes).send()
    };
    assert_eq!(picture(b"GIF89a").await.unwrap().status(), 415);
    assert_eq!(picture(b"\x89PNG\r\n\x1a\n...").await.unwrap().status(), 204);
    let shown = admin.get(&format!("{one}/picture.png")).await;
    assert!(shown.bytes().await.unwrap().starts_with(b"\x89PNG"));
}

/// A lead, with the second factor that leads need here.
async fn lead(office: &Office) -> Browser {
    let mut lead = office.browser();
    lead.get("/staff/login").await;
    let csrf = lead.cookies["__Host-csrf"].clone();
    let password = office.password("kacho");
    let fields = [("csrf", csrf.as_str()), ("id", "kacho"), ("password", &password)];
    assert_eq!(lead.post_form("/staff/login", &fields).await.status(), 303);
    let (_, page) = lead.text("/staff/me").await;
    lead.submit(&page, "/staff/me/totp/begin", &[]).await;
    let (_, page) = lead.text("/staff/me").await;
    let (_, secret) = page.split_once("data-test=\"totp-secret\">").unwrap();
    let secret = secret.split_once('<').unwrap().0.replace(' ', "");
    let code = store::staff::code_at(&secret, runtime::now()).unwrap();
    let fields = [("code", code.as_str())];
    assert_eq!(lead.submit(&page, "/staff/me/totp/confirm", &fields).await.0, 200);
    lead
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notice_is_on_its_screens_at_once_and_gone_in_time() {
    let office = Office::open().await;
    let mut admin = office.staff("kanri").await;
    let (player, Paired { screen, token }) = paired(&office, &mut admin).await;
    let mut live = connect(&player, &token).await.ok().unwrap();
    assert!(
        notices(&mut live, <[_]>::is_empty).await.is_empty(),
        "whoever connects hears how it is"
    );

    // A lead may, a member of staff may not.
    let mut lead = lead(&office).await;
    let mut hanako = office.staff("hanako").await;
    assert_eq!(hanako.get("/staff/screens/notices").await.status(), 403);
    assert_eq!(
        lead.get("/staff/screens").await.headers()["location"],
        "/staff/screens/notices"
    );
    let path = "/staff/screens/notices";
    let (_, page) = lead.text(path).await;
    let urgent = [
        ("ja", "本日の窓口は\r\n終了しました"),
        ("en", "We are closed"),
        ("urgency", "urgent"),
    ];
    assert_eq!(lead.submit(&page, path, &urgent).await.0, 303);
    let shown = notices(&mut live, |all| !all.is_empty()).await;
    assert_eq!(
        (shown[0].text.ja.as_str(), shown[0].urgency),
        ("本日の窓口は 終了しました", Urgency::Urgent)
    );
    assert_eq!(shown[0].text.en.as_deref(), Some("We are closed"));

    // For another screen, and for later: not on this one now.
    let elsewhere = [("ja", "ロビーだけ"), ("urgency", "normal"), ("screen", "lobby")];
    assert_eq!(lead.submit(&page, path, &elsewhere).await.0, 303);
    let later = [("ja", "来年"), ("urgency", "normal"), ("from", "2099-01-01T09:00")];
    assert_eq!(lead.submit(&page, path, &later).await.0, 303);
    for (fields, error) in [
        ([("ja", ""), ("urgency", "normal"), ("until", "")], "日本語の本文"),
        ([("ja", "x"), ("urgency", "loud"), ("until", "")], "出し方"),
        (
            [("ja", "x"), ("urgency", "normal"), ("until", "2020-01-01T00:00")],
            "「いつまで」",
        ),
        ([("ja", "x"), ("urgency", "normal"), ("until", "soon")], "日時"),
    ] {
        let (status, _, page) = lead.submit(&page, path, &fields).await;
        assert!(status == 400 && page.contains(error), "{error}");
    }
    // The store is asked for one that is over in a moment: the form knows minutes only.
    let now = runtime::now();
    let mut posted = store::screens::notices::all(&office.store.ledger, &office_id())
        .await
        .unwrap();
    let mut brief = posted.pop().unwrap();
    brief.notice.id = "0123456789abcdef".into();
    brief.notice.until = Some(now.plus(Duration::from_secs(2)));
    brief.screens = vec![screen.clone()];
    let added = store::screens::notices::add(&office.store.ledger, &office_id(), &brief, now).await;
    assert_eq!(added.unwrap(), store::screens::files::Added::Done);
    assert_eq!(notices(&mut live, |all| all.len() == 2).await.len(), 2);
    let left = notices(&mut live, |all| all.len() == 1).await;
    assert_eq!(left[0].id, shown[0].id, "what is over is gone without anybody's doing");

    let (_, page) = lead.text(path).await;
    assert!(
        page.contains("表示中") && page.contains("予約") && page.contains("ロビーだけ"),
        "{page}"
    );
    assert_eq!(
        lead.submit(&page, &format!("{path}/{}/remove", shown[0].id), &[])
            .await
            .0,
        303
    );
    assert!(notices(&mut live, <[_]>::is_empty).await.is_empty());
    let trail = trail(&office, &shown[0].id).await;
    assert_eq!(
        trail,
        ["staff/kacho notice.posted urgent", "staff/kacho notice.removed"]
    );
}
