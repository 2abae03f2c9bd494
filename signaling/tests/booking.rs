//! Booking on the web, by the pages themselves: without a script, in six languages, through whatever goes wrong.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use common::booking::{Form, after, bookings, links, path_of};
use common::browser::{Browser, csrf_of};
use common::office::{ORIGIN, Office, office_id};
use common::until;
use protocol::booking::Channel;
use protocol::ids::BookingId;
use protocol::signal::Phase;
use store::appointments::{Book, State, code_of_form};
use store::consultations;

async fn office(opens_before: &str) -> Office {
    Office::open_configured("1h", bookings(opens_before)).await
}

fn book(office: &Office) -> Book<'_> {
    static ID: std::sync::LazyLock<protocol::ids::OfficeId> = std::sync::LazyLock::new(office_id);
    Book {
        ledger: &office.store.ledger,
        office: &ID,
        keep_personal: Duration::from_secs(24 * 3600),
    }
}

fn code_of(path: &str) -> &str {
    path.strip_prefix("/a/").unwrap()
}

/// 葛 with a variation selector, 𠮷 beyond the basic plane, a compatibility kanji, a character of the office's own.
const NAME: &str = "葛\u{E0100}城 \u{20BB7}\u{FA11}\u{E000}";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resident_books_moves_and_gives_back() {
    let office = office("10m").await;
    let mut browser = office.browser();
    let (status, home) = browser.text("/book").await;
    assert_eq!(status, 200);
    assert!(home.contains("子育ての遠隔相談") && home.contains("介護の窓口") && home.contains("072-000-0000"));
    let (_, topics) = browser.text("/book/sodan").await;
    assert!(links(&topics, "/book/sodan/days").contains(&"/book/sodan/days?topic=hoiku".to_owned()));
    let (_, days) = browser.text("/book/sodan/days?topic=hoiku").await;
    let all = links(&days, "/book/sodan/times?topic=hoiku&day=");
    let (_, times) = browser.text(&all[3]).await;
    let time = links(&times, "/book/sodan/details?topic=hoiku&at=")[5].clone();
    let form = browser.form(&time).await;
    let fields = [
        ("topic", "hoiku"),
        ("name", NAME),
        ("telephone", "０９０−１２３４−５６７８"),
        ("q-age", "三歳 <b>"),
    ];
    let response = form.send(&mut browser, &fields).await;
    let path = path_of(&response);
    assert_eq!(path, format!("/a/{}", code_of_form(&form.form)));

    let (_, page) = browser.text(&format!("{path}?is=new")).await;
    for words in [
        "予約しました",
        NAME,
        "保育所",
        "子育て支援課",
        "<svg class=\"qr\"",
        "appointment.ics",
        "10分前",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    assert!(page.contains(&format!("{ORIGIN}{path}")), "the link, whole");
    let record = book(&office).by_code(code_of(&path)).await.unwrap().unwrap();
    let person = book(&office).person(&record.id).await.unwrap().unwrap();
    assert_eq!(person.name, NAME, "not a character is lost");
    assert_eq!(person.telephone.as_deref(), Some("09012345678"));
    assert_eq!(person.answers[0].1, "三歳 <b>");
    assert_eq!((record.channel, record.lang.as_str()), (Channel::Web, "ja"));

    // The same form again shows the same appointment.
    let again = form.send(&mut browser, &fields).await;
    assert_eq!(path_of(&again), path);

    let ics = browser.get(&format!("{path}/appointment.ics")).await;
    assert_eq!(ics.headers()["content-type"], "text/calendar; charset=utf-8");
    let ics = ics.text().await.unwrap();
    assert!(ics.contains("METHOD:PUBLISH\r\n") && ics.contains(&format!("UID:{}@madoguchi.example.jp", record.id)));
    assert!(ics.replace("\r\n ", "").contains(&format!("URL:{ORIGIN}{path}\r\n")));
    assert!(!ics.contains("葛"), "a calendar needs no name");

    let (_, days) = browser.text(&format!("{path}/days")).await;
    let (_, times) = browser.text(&links(&days, &format!("{path}/times"))[5]).await;
    let (_, ask) = browser.text(&links(&times, &format!("{path}/change?at="))[2]).await;
    let at = after(&ask, "name=\"at\" value=\"").to_owned();
    let moved = browser
        .post_form(&format!("{path}/change"), &[("csrf", &csrf_of(&ask)), ("at", &at)])
        .await;
    assert_eq!(
        moved.headers()["location"].to_str().unwrap(),
        format!("{path}?is=moved")
    );
    let record = book(&office).get(&record.id).await.unwrap().unwrap();
    assert_eq!((record.slot.starts_at.0.to_string(), record.version), (at, 2));

    let (_, ask) = browser.text(&format!("{path}/cancel")).await;
    for _ in 0..2 {
        let done = browser
            .post_form(&format!("{path}/cancel"), &[("csrf", &csrf_of(&ask))])
            .await;
        assert_eq!(done.status(), 303, "twice does no harm");
    }
    let (status, page) = browser.text(&path).await;
    assert!(
        status == 200 && page.contains("取り消されています") && page.contains("072-000-0000"),
        "{page}"
    );
    let taken = book(&office).taken(&record.booking, &day_of(&record)).await.unwrap();
    assert_eq!(taken[&record.slot.starts_at.0].total(), 0, "the place is free again");
}

fn day_of(record: &store::appointments::Record) -> String {
    let zone = jiff::tz::TimeZone::get("Asia/Tokyo").unwrap();
    let at = jiff::Timestamp::from_millisecond(i64::try_from(record.slot.starts_at.0).unwrap()).unwrap();
    at.to_zoned(zone).date().to_string()
}

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

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_at_once_for_the_last_place_give_exactly_one() {
    let office = Arc::new(office("10m").await);
    let mut first = office.browser();
    let form = first.choose("madoguchi").await;
    let time = format!("{}?at={}", form.action, form.at);
    let mut browsers = Vec::new();
    for _ in 0..40 {
        let mut browser = office.browser();
        let form = browser.form(&time).await;
        browsers.push((browser, form));
    }
    let sent = browsers.into_iter().map(|(mut browser, form)| {
        tokio::spawn(async move { form.send(&mut browser, &[("name", "誰か")]).await.status().as_u16() })
    });
    let mut statuses = Vec::new();
    for one in sent.collect::<Vec<_>>() {
        statuses.push(one.await.unwrap());
    }
    let booked = statuses.iter().filter(|status| **status == 303).count();
    assert_eq!(booked, 1, "{statuses:?}");
    assert!(
        statuses.iter().all(|status| matches!(status, 303 | 409)),
        "{statuses:?}"
    );
}

/// What a resident was told in the end, by following the page that waits as it asks to be.
async fn told(browser: &mut Browser, form: &Form) -> bool {
    let mut response = form.send(browser, &[("name", "花子")]).await;
    for _ in 0..60 {
        let status = response.status().as_u16();
        if status == 303 {
            let to = response.headers()["location"].to_str().unwrap().to_owned();
            if to.starts_with("/a/") {
                return true;
            }
            response = browser.get(&to).await;
            continue;
        }
        let refresh = response.headers().contains_key("refresh");
        let page = response.text().await.unwrap();
        if page.contains("予約できませんでした") {
            return false;
        }
        assert!(refresh && page.contains("確かめています"), "{status}: {page}");
        tokio::time::sleep(Duration::from_millis(300)).await;
        response = browser.get("/booked").await;
    }
    panic!("never told");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn whoever_books_while_redis_dies_is_told_the_truth() {
    let mut office = office("10m").await;
    let mut forms = Vec::new();
    let mut browser = office.browser();
    let (_, days) = browser.text("/book/madoguchi/days").await;
    let (_, times) = browser.text(&links(&days, "/book/madoguchi/times")[3]).await;
    for time in links(&times, "/book/madoguchi/details").into_iter().take(24) {
        let mut browser = office.browser();
        let form = browser.form(&time).await;
        forms.push((browser, form));
    }
    // One after the other, so that Redis dies before some, in the middle of some, and after some.
    let sending: Vec<_> = forms
        .into_iter()
        .zip(0_u32..)
        .map(|((mut browser, form), n)| {
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_millis(3) * n).await;
                let answer = told(&mut browser, &form).await;
                (form.form, answer)
            })
        })
        .collect();
    let id = BookingId::new("madoguchi").unwrap();
    let day = links(&days, "/book/madoguchi/times")[3]
        .split_once("day=")
        .unwrap()
        .1
        .to_owned();
    until("somebody has booked", || async {
        let taken = book(&office).taken(&id, &day).await.unwrap();
        (taken.values().map(|one| one.total()).sum::<u32>() >= 3).then_some(())
    })
    .await;
    office.kill_redis();
    tokio::time::sleep(Duration::from_secs(1)).await;
    office.restart_redis().await;
    let mut answers = Vec::new();
    for one in sending {
        answers.push(one.await.unwrap());
    }
    for (form, is_booked) in &answers {
        let there = book(&office).by_code(&code_of_form(form)).await.unwrap();
        assert_eq!(there.is_some(), *is_booked, "the page said so");
    }
    let booked = answers.iter().filter(|(_, is_booked)| *is_booked).count();
    println!("{booked} of {} were booked while Redis died", answers.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_redis_is_away_nothing_is_unknown_for_ever() {
    let mut office = office("10m").await;
    let mut browser = office.browser();
    let form = browser.choose("sodan").await;
    office.kill_redis();
    let response = form.send(&mut browser, &[("name", "花子")]).await;
    assert_eq!(
        (
            response.status().as_u16(),
            response.headers()["location"].to_str().unwrap()
        ),
        (303, "/booked")
    );
    let waiting = browser.get("/booked").await;
    assert_eq!(
        (
            waiting.status().as_u16(),
            waiting.headers()["refresh"].to_str().unwrap()
        ),
        (503, "10")
    );
    assert!(waiting.text().await.unwrap().contains("確かめています"));
    office.restart_redis().await;
    let settled = browser.get("/booked").await;
    assert_eq!(settled.status(), 503);
    let page = settled.text().await.unwrap();
    assert!(
        page.contains("予約できませんでした") && page.contains("あとから予約になることもありません"),
        "{page}"
    );
    assert!(!told(&mut browser, &form).await, "given up is given up");
    let path = browser.book("sodan", &[("name", "花子")]).await;
    assert_eq!(browser.text(&path).await.0, 200, "a new form books");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_is_early_is_told_when() {
    let office = office("10m").await;
    let mut browser = office.browser();
    let path = browser.book("sodan", &[("name", "花子")]).await;
    let call = path.replace("/a/", "/c/");
    let early = browser.get(&call).await;
    assert_eq!(early.headers()["refresh"], "60");
    let page = early.text().await.unwrap();
    assert!(
        page.contains("もう少しお待ちください") && page.contains("?still=1"),
        "{page}"
    );
    assert!(
        !browser
            .get(&format!("{call}?still=1"))
            .await
            .headers()
            .contains_key("refresh")
    );
    let (status, _) = browser
        .text(
            &path
                .replace("/a/", "/c/")
                .replace(code_of(&path), "aaaaaaaaaaaaaaaaaaaaaaaaaa"),
        )
        .await;
    assert_eq!(status, 404);
    let visit = browser.book("madoguchi", &[("name", "花子")]).await;
    let response = browser.get(&visit.replace("/a/", "/c/")).await;
    assert_eq!(
        response.headers()["location"].to_str().unwrap(),
        visit,
        "a visit has no call"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_appointment_becomes_one_consultation_however_often_it_is_opened() {
    let office = office("2000h").await;
    let mut browser = office.browser();
    let path = browser.book("sodan", &[("name", NAME), ("topic", "hoiku")]).await;
    let call = path.replace("/a/", "/c/");
    let opened = (0..10).map(|_| {
        let mut browser = office.browser();
        let call = call.clone();
        tokio::spawn(async move { browser.text(&call).await.0 })
    });
    for one in opened.collect::<Vec<_>>() {
        assert_eq!(one.await.unwrap(), 200);
    }
    let open = consultations::open(&office.store.ledger, &office_id(), runtime::now())
        .await
        .unwrap();
    assert_eq!(open.len(), 1);
    let record = book(&office).by_code(code_of(&path)).await.unwrap().unwrap();
    assert_eq!(
        (open[0].appointment.as_ref(), &open[0].section),
        (Some(&record.id), &record.section)
    );

    let mut resident = browser.resident(&call).await;
    let seen = resident.phase(Phase::Booked).await;
    assert_eq!(seen.appointment, None, "what staff see of it is staff's");
    resident
        .ask(protocol::signal::ClientBody::Ready { can_encrypt: true })
        .await;
    let mut staff = office.staff("hanako").await;
    let mut console = staff.live(protocol::signal::Identity::Staff).await;
    let waiting = console.phase(Phase::Waiting).await;
    assert_eq!(waiting.appointment, Some(record.id.clone()));
    let (status, facts) = staff.text(&format!("/api/appointments/{}", record.id)).await;
    let facts: serde_json::Value = serde_json::from_str(&facts).unwrap();
    assert_eq!(
        (status, &facts["name"], &facts["topic"]),
        (200, &NAME.into(), &"保育所".into())
    );
    let mut other = office.staff("jiro").await;
    let (_, facts) = other.text(&format!("/api/appointments/{}", record.id)).await;
    assert!(
        !facts.contains("葛") && facts.contains("保育所"),
        "another section sees no name: {facts}"
    );
    assert_eq!(browser.text(&format!("/api/appointments/{}", record.id)).await.0, 401);

    let (_, list) = staff.text(&format!("/staff/today?day={}", day_of(&record))).await;
    assert!(list.contains("data-state=\"waiting\"") && list.contains(NAME), "{list}");
    console
        .ask(protocol::signal::ClientBody::Admit {
            consultation: waiting.id.clone(),
            can_encrypt: true,
        })
        .await;
    console
        .ask(protocol::signal::ClientBody::End {
            consultation: waiting.id.clone(),
        })
        .await;
    let done = book(&office).get(&record.id).await.unwrap().unwrap();
    assert_eq!(done.state, State::Done);
    let (_, page) = browser.text(&path).await;
    assert!(page.contains("この予約は終わりました"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moving_an_appointment_empties_its_waiting_room_and_its_link_stays() {
    let office = office("2000h").await;
    let mut browser = office.browser();
    let path = browser.book("sodan", &[("name", "花子")]).await;
    let call = path.replace("/a/", "/c/");
    assert_eq!(browser.text(&call).await.0, 200);
    let mut resident = browser.resident(&call).await;
    resident
        .ask(protocol::signal::ClientBody::Ready { can_encrypt: true })
        .await;
    let first = resident.phase(Phase::Waiting).await;
    let (_, days) = browser.text(&format!("{path}/days")).await;
    let (_, times) = browser.text(&links(&days, &format!("{path}/times"))[6]).await;
    let (_, ask) = browser.text(&links(&times, &format!("{path}/change"))[0]).await;
    let fields = [
        ("csrf", csrf_of(&ask)),
        ("at", after(&ask, "name=\"at\" value=\"").to_owned()),
    ];
    let fields: Vec<_> = fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(
        browser.post_form(&format!("{path}/change"), &fields).await.status(),
        303
    );
    resident.phase(Phase::Ended).await;
    assert_eq!(browser.text(&call).await.0, 200, "the same link opens the new one");
    let open = consultations::open(&office.store.ledger, &office_id(), runtime::now())
        .await
        .unwrap();
    assert!(open.len() == 1 && open[0].id != first.id);
    let id = BookingId::new("sodan").unwrap();
    assert_eq!(
        book(&office)
            .get(open[0].appointment.as_ref().unwrap())
            .await
            .unwrap()
            .unwrap()
            .booking,
        id
    );
}
