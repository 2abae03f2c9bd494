//! What becomes of an appointment.

use protocol::booking::Channel;
use protocol::ids::BookingId;
use protocol::signal::Phase;
use store::appointments::{State, code_of_form};
use store::consultations;

use crate::common::booking::{after, links, path_of};
use crate::common::browser::csrf_of;
use crate::common::office::{ORIGIN, office_id};
use crate::{book, code_of, office};

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
