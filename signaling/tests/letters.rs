//! Letters by a real SMTP conversation: what they say, when the server is down, what it refuses.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use common::booking::{after, bookings, links};
use common::browser::{Browser, csrf_of};
use common::endpoint::Endpoint;
use common::office::{ORIGIN, Office, office_id};
use common::smtp::{Guard, Mail, SmtpServer, header, parts};
use common::until;
use protocol::booking::{Quota, Slot};
use store::appointments::{Book, Moved};
use store::letters::{Letter, Subject, Way};

async fn office(port: u16) -> Office {
    let mail = format!("[mail]\nhost = \"127.0.0.1\"\nport = {port}\ntls = \"none\"\nfrom = \"yoyaku@example.jp\"\n");
    Office::open_configured("1h", format!("{mail}{}", bookings("10m"))).await
}

/// Waits for so many letters; failures wait some seconds by design.
async fn letters(server: &SmtpServer, count: usize) -> Vec<Mail> {
    for _ in 0..3 {
        let waiting = until("letters", || async { (server.taken().len() >= count).then_some(()) });
        if tokio::time::timeout(Duration::from_secs(29), waiting).await.is_ok() {
            break;
        }
    }
    let taken = server.taken();
    assert_eq!(taken.len(), count, "{taken:#?}");
    taken
}

/// The third day on which there is something free, on which a browser's `book` books.
async fn third_day(browser: &mut Browser) -> String {
    let (_, days) = browser.text("/book/sodan/days").await;
    let times = links(&days, "/book/sodan/times");
    times[2].split_once("day=").expect("a day").1.to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_booking_a_change_and_an_end_are_told_in_the_bookers_language() {
    let server = SmtpServer::start(0).await;
    let office = office(server.address.port()).await;
    let mut browser = office.browser();
    browser.get("/language?to=vi").await;
    let path = browser
        .book(
            "sodan",
            &[
                ("name", "Nguyễn Thị Ánh"),
                ("mail", "anh@example.jp"),
                ("topic", "hoiku"),
            ],
        )
        .await;
    let mail = letters(&server, 1).await.remove(0);
    assert_eq!(
        (mail.from.as_str(), mail.to.as_str()),
        ("yoyaku@example.jp", "anh@example.jp")
    );
    assert_eq!(header(&mail.data, "Subject"), "[Minami Ward Office] Đã đặt hẹn");
    assert_eq!(header(&mail.data, "Auto-Submitted"), "auto-generated");
    let found = parts(&mail.data);
    assert_eq!(found.len(), 3, "{found:?}");
    let text = &found[0].body;
    for words in [
        "Kính gửi Nguyễn Thị Ánh",
        "Tư vấn nuôi con",
        "Nurseries",
        "072-000-0000",
        "10 phút",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    assert!(
        found[1]
            .headers
            .contains("text/calendar; charset=utf-8; method=REQUEST"),
        "{}",
        found[1].headers
    );
    let invitation = found[1].body.replace("\r\n ", "");
    for line in ["METHOD:REQUEST", "SEQUENCE:0", "ORGANIZER:mailto:yoyaku@example.jp"] {
        assert!(invitation.contains(&format!("{line}\r\n")), "{line}: {invitation}");
    }
    assert!(found[2].headers.contains("attachment"));
    let link = text
        .lines()
        .find_map(|line| line.trim().strip_prefix(ORIGIN).filter(|it| it.starts_with("/a/")))
        .unwrap();
    assert_ne!(link, path, "each letter has a link of its own");
    let (status, page) = office.browser().text(link).await;
    assert!(status == 200 && page.contains("Nguyễn Thị Ánh"), "{page}");

    let (_, days) = browser.text(&format!("{path}/days")).await;
    let (_, times) = browser.text(&links(&days, &format!("{path}/times"))[8]).await;
    let (_, ask) = browser.text(&links(&times, &format!("{path}/change"))[0]).await;
    let at = after(&ask, "name=\"at\" value=\"").to_owned();
    browser
        .post_form(&format!("{path}/change"), &[("csrf", &csrf_of(&ask)), ("at", &at)])
        .await;
    let changed = letters(&server, 2).await.remove(1);
    assert!(header(&changed.data, "Subject").contains("Lịch hẹn đã đổi ngày giờ"));
    let changed = parts(&changed.data)[1].body.replace("\r\n ", "");
    let uid = |text: &str| text.lines().find(|line| line.starts_with("UID:")).unwrap().to_owned();
    assert!(
        changed.contains("SEQUENCE:1\r\n") && uid(&changed) == uid(&invitation),
        "{changed}"
    );

    let (_, ask) = browser.text(&format!("{path}/cancel")).await;
    browser
        .post_form(&format!("{path}/cancel"), &[("csrf", &csrf_of(&ask))])
        .await;
    let cancelled = letters(&server, 3).await.remove(2);
    assert!(parts(&cancelled.data)[1].body.contains("METHOD:CANCEL\r\nBEGIN:VEVENT"));
    assert!(
        !parts(&cancelled.data)[0].body.contains("/c/"),
        "there is nothing to enter any more"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readings_stand_behind_their_words_and_reminders_lead_to_the_call() {
    let server = SmtpServer::start(0).await;
    let office = office(server.address.port()).await;
    let mut browser = office.browser();
    browser.get("/language?to=easy").await;
    let path = browser
        .book("sodan", &[("name", "花子"), ("mail", "hana@example.jp")])
        .await;
    let confirmed = letters(&server, 1).await.remove(0);
    assert_eq!(header(&confirmed.data, "Subject"), "【南区役所】予約できました");
    assert!(parts(&confirmed.data)[0].body.contains("予約（よやく）が できました"));
    // Its reminders, now: by moving it and saying so.
    let (ledger, id) = (&office.store.ledger, office_id());
    let book = Book {
        ledger,
        office: &id,
        keep_personal: Duration::from_secs(3600),
    };
    let record = book.by_code(path.strip_prefix("/a/").unwrap()).await.unwrap().unwrap();
    let slot = Slot {
        starts_at: record.slot.starts_at.plus(Duration::from_secs(1800)),
        ends_at: record.slot.ends_at.plus(Duration::from_secs(1800)),
    };
    let reminders = [Subject::Day, Subject::Soon].map(|subject| Letter {
        appointment: record.id.clone(),
        subject,
        way: Way::Mail,
        due_at: Some(runtime::now()),
    });
    let quota = Quota { capacity: 9, web: 9 };
    let moved = book
        .reschedule(&record, slot, "d", "d", quota, &reminders)
        .await
        .unwrap();
    assert!(matches!(moved, Moved::Done(_)));
    let mails = letters(&server, 3).await;
    for words in ["もうすぐ", "あす、"] {
        let found = mails[1..].iter().map(|mail| parts(&mail.data));
        let mut found = found.filter(|parts| parts[0].body.contains(words));
        let reminder = found.next().unwrap_or_else(|| panic!("no {words}: {mails:#?}"));
        assert_eq!(reminder.len(), 1, "a reminder changes no calendar");
        assert!(
            reminder[0].body.contains(&format!("{ORIGIN}/c/")),
            "{}",
            reminder[0].body
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_the_mail_server_down_one_books_and_is_told_later_and_staff_see_it() {
    let server = SmtpServer::start(0).await;
    let port = server.address.port();
    drop(server);
    let office = office(port).await;
    let mut browser = office.browser();
    browser
        .book("sodan", &[("name", "花子"), ("mail", "hana@example.jp")])
        .await;
    let day = third_day(&mut browser).await;
    let staff = tokio::sync::Mutex::new(office.staff("hanako").await);
    until("staff see that a letter waits", || async {
        let (_, list) = staff.lock().await.text(&format!("/staff/today?day={day}")).await;
        (list.contains("data-test=\"letter-waits\"") && list.contains("data-test=\"letters\"")).then_some(())
    })
    .await;
    let server = SmtpServer::start(port).await;
    // Greylisted at first.
    server.refuse("451 4.7.1 later");
    letters(&server, 1).await;
    assert_eq!(server.tries(), 2);
    until("nothing waits any more", || async {
        let (_, list) = staff.lock().await.text(&format!("/staff/today?day={day}")).await;
        (!list.contains("data-test=\"letter-waits\"")).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_that_does_not_exist_is_tried_once_and_staff_are_told_to_call() {
    let server = SmtpServer::start(0).await;
    let office = office(server.address.port()).await;
    server.refuse("550 5.1.1 <hana@example.jp> no such user");
    let mut browser = office.browser();
    browser
        .book("sodan", &[("name", "花子"), ("mail", "hana@example.jp")])
        .await;
    let day = third_day(&mut browser).await;
    let staff = tokio::sync::Mutex::new(office.staff("hanako").await);
    until("staff see that a letter is lost", || async {
        let (_, list) = staff.lock().await.text(&format!("/staff/today?day={day}")).await;
        list.contains("data-test=\"letter-lost\"").then_some(())
    })
    .await;
    assert_eq!((server.tries(), server.taken().len()), (1, 0));
}

/// An office that sends its letters to a server which takes them over TLS and from who logs in only.
async fn guarded(tls: &str, is_from_first_byte: bool, password: &str) -> (Office, SmtpServer) {
    let mut office = Office::open_configured("1h", bookings("10m")).await;
    office.stop().await;
    let own = |file: &str| office.path(&format!("secrets/{file}"));
    let guard = Guard::new(&own("server.pem"), &own("server.key"), is_from_first_byte);
    let server = SmtpServer::start_guarded(0, Some(guard)).await;
    std::fs::write(own("mail.password"), format!("{password}\n")).unwrap();
    let mail = format!(
        "[mail]\nhost = \"127.0.0.1\"\nport = {}\ntls = \"{tls}\"\nfrom = \"yoyaku@example.jp\"\n\
         user = \"madoguchi\"\nauthority = \"{}\"\n",
        server.address.port(),
        own("ca.pem").display()
    );
    office.tables = format!("{mail}{}", bookings("10m"));
    office.start().await;
    (office, server)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn mail_goes_over_tls_and_logs_in() {
    for (tls, is_from_first_byte) in [("starttls", false), ("tls", true)] {
        let (office, server) = guarded(tls, is_from_first_byte, "pass word 1").await;
        let mut browser = office.browser();
        browser
            .book("sodan", &[("name", "花子"), ("mail", "hana@example.jp")])
            .await;
        let mail = letters(&server, 1).await.remove(0);
        assert_eq!(
            (mail.to.as_str(), server.logins().len()),
            ("hana@example.jp", 1),
            "{tls}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_keeps_the_letter_and_staff_see_that_it_waits() {
    let (office, server) = guarded("starttls", false, "wrong").await;
    let mut browser = office.browser();
    browser
        .book("sodan", &[("name", "花子"), ("mail", "hana@example.jp")])
        .await;
    until("it has tried to log in", || async {
        (!server.logins().is_empty()).then_some(())
    })
    .await;
    let day = third_day(&mut browser).await;
    let staff = tokio::sync::Mutex::new(office.staff("hanako").await);
    until("staff see that it waits", || async {
        let (_, list) = staff.lock().await.text(&format!("/staff/today?day={day}")).await;
        list.contains("data-test=\"letter-waits\"").then_some(())
    })
    .await;
    assert!(server.taken().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_instances_send_each_letter_once() {
    let server = SmtpServer::start(0).await;
    let office = office(server.address.port()).await;
    let config = common::office::config_with(office.dir.path(), "1h", 0, (&office.tables, ""));
    let shutdown = runtime::Shutdown::new();
    let second = signaling::Server::bind(config, shutdown.clone()).await.unwrap();
    let running = tokio::spawn(second.run());
    let mut browser = office.browser();
    for n in 0..12 {
        let mail = format!("hana{n}@example.jp");
        let (_, days) = browser.text("/book/sodan/days").await;
        let (_, times) = browser.text(&links(&days, "/book/sodan/times")[4]).await;
        let time = links(&times, "/book/sodan/details")[n % 8].clone();
        let form = browser.form(&time).await;
        assert_eq!(
            form.send(&mut browser, &[("name", "花子"), ("mail", &mail)])
                .await
                .status(),
            303
        );
    }
    let taken = letters(&server, 12).await;
    let to: std::collections::BTreeSet<_> = taken.iter().map(|mail| mail.to.clone()).collect();
    assert_eq!(to.len(), 12, "nobody got two");
    shutdown.start();
    running.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn short_messages_go_by_the_gateway_that_is_configured() {
    let gateway = Endpoint::start().await;
    let port = gateway.address.port();
    let sms = format!(
        "[sms]\nurl = \"http://127.0.0.1:{port}/messages\"\nheader = \"Authorization\"\nprefix = \"Bearer \"\n\
         body = '{{\"to\": \"{{to}}\", \"message\": {{\"text\": \"{{text}}\"}}}}'\n"
    );
    let mut office = Office::open_configured("1h", bookings("10m")).await;
    office.stop().await;
    std::fs::write(office.path("secrets/sms.secret"), "s3cret\n").unwrap();
    office.tables = format!("{sms}{}", bookings("10m"));
    office.start().await;
    let mut browser = office.browser();
    browser
        .book("sodan", &[("name", "花子"), ("telephone", "090-1234-5678")])
        .await;
    let posted = gateway.posted(1).await.remove(0);
    assert_eq!(posted.headers["authorization"], "Bearer s3cret");
    let body = posted.json();
    assert_eq!(body["to"], "+819012345678");
    let text = body["message"]["text"].as_str().unwrap();
    assert!(
        text.contains("予約を受け付けました") && text.contains(&format!("{ORIGIN}/a/")),
        "{text}"
    );
}
