//! The pages: languages, size, what they say when something is wrong.

use std::io::Write as _;

use store::appointments::code_of_form;

use crate::common::booking::{links, path_of};
use crate::common::browser::csrf_of;
use crate::office;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_language_has_its_pages_and_the_rest_of_the_site_the_nearest() {
    let office = office("10m").await;
    for (tag, html, title) in [
        ("ja", "ja", "予約する"),
        (
            "easy",
            "ja",
            "<ruby>予約<rp>（</rp><rt>よやく</rt><rp>）</rp></ruby>する",
        ),
        ("en", "en", "Make a booking"),
        ("zh", "zh-Hans", "预约"),
        ("ko", "ko", "예약하기"),
        ("vi", "vi", "Đặt hẹn"),
    ] {
        let mut browser = office.browser();
        let response = browser.get(&format!("/language?to={tag}&back=/book")).await;
        assert_eq!(response.headers()["location"], "/book");
        let (_, page) = browser.text("/book").await;
        assert!(
            page.contains(&format!("<html lang=\"{html}\"")) && page.contains(title),
            "{tag}: {page}"
        );
        assert!(!page.contains("—"), "{tag}: a text is missing");
        let (_, site) = browser.text("/staff/login").await;
        let nearest = if html == "ja" { "ja" } else { "en" };
        assert!(site.contains(&format!("<html lang=\"{nearest}\"")), "{tag}");
        // A link opens in the language in which it was booked.
        let path = browser.book("sodan", &[("name", "Nguyễn")]).await;
        let mut stranger = office.browser();
        let (_, page) = stranger.text(&path).await;
        assert!(page.contains(&format!("data-tongue=\"{tag}\"")), "{tag}");
    }
    let mut browser = office.browser();
    let response = browser.get("/language?to=tlh").await;
    assert_eq!(response.status(), 400);
    let page = response.text().await.unwrap();
    assert!(
        page.contains("そのことばのページはありません") && page.contains("072-000-0000"),
        "{page}"
    );
}

fn compressed(bytes: &[u8]) -> usize {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    packer.write_all(bytes).unwrap();
    packer.finish().unwrap().len()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_page_is_small() {
    let office = office("10m").await;
    let mut largest = (0, String::new());
    for tag in ["ja", "easy", "vi"] {
        let mut browser = office.browser();
        browser.get(&format!("/language?to={tag}")).await;
        let path = browser.book("sodan", &[("name", "花子")]).await;
        let (_, days) = browser.text("/book/sodan/days").await;
        let times = links(&days, "/book/sodan/times")[4].clone();
        let (_, list) = browser.text(&times).await;
        let details = links(&list, "/book/sodan/details")[0].clone();
        let pages = [
            "/book",
            "/book/sodan",
            "/book/sodan/days",
            &times,
            &details,
            &path,
            "/join",
        ]
        .map(str::to_owned);
        for page in pages {
            let (status, text) = browser.text(&page).await;
            assert_eq!(status, 200, "{page}");
            let mut files = vec![];
            for file in links(&text, "/assets/") {
                files.push(browser.get(&file).await.bytes().await.unwrap());
            }
            assert!(!text.contains("<script"), "no page needs a script");
            // Pages with a secret or somebody's words in them go as they are.
            let is_public = page.starts_with("/book") && !page.contains("details");
            let own = if is_public {
                compressed(text.as_bytes())
            } else {
                text.len()
            };
            let sum = own + files.iter().map(|file| compressed(file)).sum::<usize>();
            if sum > largest.0 {
                largest = (sum, format!("{tag} {page}"));
            }
        }
    }
    println!("the largest booking page: {} bytes ({})", largest.0, largest.1);
    assert!(largest.0 < 30_000, "{largest:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_a_form_is_said_beside_what_was_typed() {
    let office = office("10m").await;
    let mut browser = office.browser();
    let form = browser.choose("sodan").await;
    let response = form
        .send(
            &mut browser,
            &[("name", " "), ("telephone", "12"), ("q-age", "五歳"), ("consent", "")],
        )
        .await;
    assert_eq!(response.status(), 422);
    let page = response.text().await.unwrap();
    for words in [
        "href=\"#name\"",
        "href=\"#telephone\"",
        "href=\"#consent\"",
        "value=\"五歳\"",
        "aria-invalid=\"true\"",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains(&form.form), "corrected, it is the same form");
    let right = form.send(&mut browser, &[("name", "花子")]).await;
    assert_eq!(path_of(&right), format!("/a/{}", code_of_form(&form.form)));

    let fields = [
        ("csrf", "x"),
        ("form", form.form.as_str()),
        ("at", form.at.as_str()),
        ("name", "花子"),
        ("consent", "yes"),
    ];
    let strange = browser.post_form(&form.action, &fields).await;
    assert_eq!(strange.status(), 400, "a form of somebody else's page");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_dead_end_says_what_to_do_and_gives_the_telephone_number() {
    let office = office("10m").await;
    let mut browser = office.browser();
    let full = browser.choose("madoguchi").await;
    let late = browser.choose("madoguchi").await;
    let path = path_of(&full.send(&mut browser, &[("name", "花子")]).await);
    let refused = late.send(&mut browser, &[("name", "太郎")]).await;
    assert_eq!(refused.status(), 409);
    let page = refused.text().await.unwrap();
    assert!(
        page.contains("いっぱいになりました") && page.contains("/book/madoguchi/days"),
        "{page}"
    );
    let (_, times) = browser.text(&links(&page, "/book/madoguchi/days")[0]).await;
    assert!(times.contains("madoguchi/times"));

    let cancelled = browser.book("sodan", &[("name", "花子")]).await;
    let (_, ask) = browser.text(&format!("{cancelled}/cancel")).await;
    browser
        .post_form(&format!("{cancelled}/cancel"), &[("csrf", &csrf_of(&ask))])
        .await;
    // Noon of two days ago, by the office's clock.
    let day_ms = 24 * 3600 * 1000;
    let past = (runtime::now().0 / day_ms - 2) * day_ms + 3 * 3600 * 1000;
    for (at, status, words) in [
        ("/book/none".to_owned(), 404, "ページが見つかりません"),
        (format!("/book/sodan/details?at={past}"), 409, "もう予約できません"),
        (
            format!("/book/sodan/details?at={}", past + 60_000),
            409,
            "予約はありません",
        ),
        (
            format!("/book/sodan/details?at={}", past + 90 * day_ms),
            409,
            "予約はありません",
        ),
        ("/book/sodan/details?at=soon".to_owned(), 409, "予約はありません"),
        ("/book/sodan/times?day=2026-13-01".to_owned(), 409, "予約はありません"),
        (
            "/a/aaaaaaaaaaaaaaaaaaaaaaaaaa".to_owned(),
            404,
            "リンクが見つかりません",
        ),
        (path[..path.len() - 1].to_owned(), 404, "リンクが見つかりません"),
        (format!("{cancelled}/days"), 409, "変えられませんでした"),
        (cancelled.clone(), 200, "取り消されています"),
        ("/booked".to_owned(), 404, "ページが見つかりません"),
    ] {
        let response = browser.get(&at).await;
        assert_eq!(response.status(), status, "{at}");
        let page = response.text().await.unwrap();
        assert!(
            page.contains(words) && page.contains("tel:072-000-0000"),
            "{at}: {page}"
        );
    }
}
