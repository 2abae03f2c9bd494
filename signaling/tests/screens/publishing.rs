//! What staff upload, arrange and publish.

use std::collections::BTreeMap;
use std::io::{Cursor, Read as _};

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use data_encoding::BASE64;
use protocol::screen::bundle;
use protocol::screen::pairing::Paired;
use protocol::screen::{Manifest, ScreenFrame, ToScreen};
use reqwest::Method;

use crate::common::browser::{Browser, Live};
use crate::common::office::{Office, office_id, trail};
use crate::common::until;
use crate::{connect, lead, next, paired};

const JPEG: &[u8] = include_bytes!("../pages/page.jpg");

async fn manifest(live: &mut Live) -> Manifest {
    next(live, |frame| match frame {
        ToScreen::Manifest { manifest } => Some(manifest),
        _ => None,
    })
    .await
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
