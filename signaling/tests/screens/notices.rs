//! Notices on screens.

use std::time::Duration;

use protocol::screen::pairing::Paired;
use protocol::screen::{Notice, ToScreen, Urgency};

use crate::common::browser::Live;
use crate::common::office::{Office, office_id, trail};
use crate::{connect, lead, next, paired};

/// The next notices of which `is_it` holds.
async fn notices(live: &mut Live, is_it: impl Fn(&[Notice]) -> bool) -> Vec<Notice> {
    next(live, |frame| match frame {
        ToScreen::Notices { notices } if is_it(&notices) => Some(notices),
        _ => None,
    })
    .await
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
