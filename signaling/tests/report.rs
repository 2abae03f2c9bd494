//! The report of what consultations came to: by section and month, for who may see it, and never of too few.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use common::browser::Browser;
use common::office::{Office, office_id, trail};
use jiff::Zoned;
use protocol::ids::{SectionId, StaffId};
use protocol::signal::Phase;
use protocol::time::UnixMillis;
use store::consultations::{self, Call, Rating, Record};
use store::staff::code_at;

/// A consultation of a section that is over: its minutes of waiting and talking, and what its resident thought of it.
async fn was_held(office: &Office, section: &str, waited: u64, lasted: u64, score: Option<u8>) {
    let (ledger, ward) = (&office.store.ledger, office_id());
    let now = runtime::now();
    let ago = |minutes: u64| UnixMillis(now.0 - minutes * 60_000);
    let rating = score.map(|score| Rating {
        score,
        at: now,
        is_changed: false,
    });
    let record = Record {
        id: protocol::ids::ConsultationId::random(),
        section: SectionId::new(section).unwrap(),
        phase: Phase::Admitted,
        version: 1,
        created_by: None,
        appointment: None,
        created_at: ago(waited + lasted),
        expires_at: now.plus(Duration::from_secs(3600)),
        waiting_since: Some(ago(waited + lasted)),
        admitted_at: Some(ago(lasted)),
        staff: Some(StaffId::new("hanako").unwrap()),
        ended_at: None,
        room: protocol::ids::RoomId::random(),
        can_encrypt: true,
        encryption: protocol::grants::Encryption::Off,
        call: Call {
            rating,
            ..Call::default()
        },
    };
    consultations::create(ledger, &ward, &record, record.id.as_str(), now)
        .await
        .unwrap();
    let end = consultations::update(ledger, &ward, &record.id, now, |old| {
        Some(Record {
            phase: Phase::Ended,
            ended_at: Some(now),
            ..old.clone()
        })
    });
    assert!(end.await.unwrap().unwrap().1);
}

fn text_of(page: &str) -> String {
    let mut text = String::new();
    let mut is_tag = false;
    for char in page.chars() {
        match char {
            '<' => is_tag = true,
            '>' => {
                is_tag = false;
                text.push(' ');
            }
            char if !is_tag => text.push(char),
            _ => {}
        }
    }
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_month_is_told_by_section_and_of_enough_answers_only() {
    let office = Office::open().await;
    for (waited, lasted, score) in [(1, 10, Some(5)), (4, 30, Some(4)), (2, 20, Some(4)), (2, 20, Some(5))] {
        was_held(&office, "kosodate", waited, lasted, score).await;
    }
    was_held(&office, "kaigo", 9, 90, Some(1)).await;
    let mut lead = lead(&office).await;
    let (status, page) = lead.text("/staff/report").await;
    assert_eq!(status, 200, "{page}");
    assert!(!page.contains("data-section=\"kaigo\""), "another section's: {page}");
    let text = text_of(&page);
    assert!(text.contains(" 4 0 2分 20分 – 回答4件"), "too few to be told: {text}");
    was_held(&office, "kosodate", 2, 20, Some(5)).await;
    let text = text_of(&lead.text("/staff/report").await.1);
    assert!(text.contains(" 5 0 2分 20分 4.6 回答5件"), "{text}");
    assert!(!text.contains("hanako"), "sections, never people: {text}");

    let earlier = text_of(&lead.text("/staff/report?month=2020-02").await.1);
    assert!(earlier.contains("2020年2月") && earlier.contains("この月に終わった相談はありません"));
    for wrong in ["2020", "2020-13", "now"] {
        assert_eq!(
            lead.text(&format!("/staff/report?month={wrong}")).await.0,
            400,
            "{wrong}"
        );
    }

    let (_, page) = lead.text("/staff/report").await;
    let (status, _, file) = lead.submit(&page, "/staff/report", &[]).await;
    assert_eq!(status, 200);
    let now = Zoned::now().with_time_zone(jiff::tz::TimeZone::get("Asia/Tokyo").unwrap());
    let month = now.strftime("%Y-%m").to_string();
    assert!(file.contains(&format!("{month},kosodate,5,0,2,20,5,4.6\r\n")), "{file}");
    let year = if now.month() < 4 { now.year() - 1 } else { now.year() };
    let log = trail(&office, &year.to_string()).await;
    assert_eq!(log, ["staff/kacho report.exported"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_sees_all_sections() {
    let office = Office::open().await;
    was_held(&office, "kosodate", 1, 10, None).await;
    was_held(&office, "kaigo", 1, 10, None).await;
    let (_, page) = office.staff("kanri").await.text("/staff/report").await;
    for section in ["kosodate", "kaigo"] {
        assert!(page.contains(&format!("data-section=\"{section}\"")), "{page}");
    }
}

/// The lead of one section, with the second factor that leads need here.
async fn lead(office: &Office) -> Browser {
    let mut browser = office.browser();
    browser.get("/staff/login").await;
    let csrf = browser.cookies["__Host-csrf"].clone();
    let password = office.password("kacho");
    let fields = [("csrf", csrf.as_str()), ("id", "kacho"), ("password", &password)];
    assert_eq!(browser.post_form("/staff/login", &fields).await.status(), 303);
    let (_, page) = browser.text("/staff/me").await;
    browser.submit(&page, "/staff/me/totp/begin", &[]).await;
    let (_, page) = browser.text("/staff/me").await;
    let (_, secret) = page.split_once("data-test=\"totp-secret\">").unwrap();
    let secret = secret.split_once('<').unwrap().0.replace(' ', "");
    let code = code_at(&secret, runtime::now()).unwrap();
    let (status, _, _) = browser
        .submit(&page, "/staff/me/totp/confirm", &[("code", &code)])
        .await;
    assert_eq!(status, 200);
    browser
}
