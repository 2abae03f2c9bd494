//! What players report, and what was played.

use protocol::ids::ScreenId;
use protocol::screen::ToScreen;
use protocol::screen::pairing::Paired;
use protocol::screen::report::{self, Change, Fault, FaultKind, Health, Play, Report};
use protocol::time::UnixMillis;
use reqwest::Method;

use crate::common::browser::Browser;
use crate::common::office::Office;
use crate::{connect, next, paired};

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
