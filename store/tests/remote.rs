//! A phone as a screen's remote control: one at a time, each code once, everything with an end.
#![allow(clippy::unwrap_used)]

#[macro_use]
mod common;

use std::time::Duration;

use common::office;
use protocol::ids::ScreenId;
use protocol::screen::{Choice, ChoiceKind, Choices, Press};
use protocol::time::UnixMillis;
use store::Db;
use store::screens::remote::{Code, Remote, Taken, Times};

/// A code can be used for 120 s, a phone may be idle for 60 s, and has the screen for 600 s at most.
const TIMES: Times = Times {
    code: Duration::from_secs(120),
    idle: Duration::from_secs(60),
    longest: Duration::from_secs(600),
};

fn at(seconds: u64) -> UnixMillis {
    UnixMillis(1_795_411_800_000 + seconds * 1000)
}

fn press(choice: &str) -> Press {
    Press {
        page: "home".into(),
        choice: choice.into(),
    }
}

async fn taken(remote: &Remote<'_>, code: &str, seconds: u64) -> String {
    match remote.take(code, TIMES, at(seconds)).await.unwrap() {
        Taken::Done(session) => session,
        other => panic!("{other:?}"),
    }
}

on_both!(a_code_is_good_once_and_for_one_phone);
async fn a_code_is_good_once_and_for_one_phone(db: &Db) {
    let screen = ScreenId::new("once").unwrap();
    let (office, live) = (office(), db);
    let remote = Remote {
        live,
        office: &office,
        screen: &screen,
    };
    let first = remote.offer(TIMES, at(0)).await.unwrap().unwrap();
    let second = remote.offer(TIMES, at(60)).await.unwrap().unwrap();
    assert_eq!(
        remote.look(&first, at(61)).await.unwrap(),
        Code::Free,
        "the one before is still good"
    );
    assert_eq!(remote.look("nonsense", at(61)).await.unwrap(), Code::Unknown);
    let session = taken(&remote, &second, 62).await;
    // Neither it nor the other one opens the screen to anybody else, then or later.
    for code in [&first, &second] {
        assert_eq!(remote.look(code, at(63)).await.unwrap(), Code::Busy);
        assert_eq!(remote.take(code, TIMES, at(63)).await.unwrap(), Taken::Busy);
    }
    assert_eq!(
        remote.offer(TIMES, at(64)).await.unwrap(),
        None,
        "no other one meanwhile"
    );
    assert!(remote.end(&session, at(65)).await.unwrap());
    for code in [&first, &second] {
        assert_eq!(remote.take(code, TIMES, at(66)).await.unwrap(), Taken::Unknown);
    }
    assert!(!remote.press(&session, press("a"), TIMES, at(66)).await.unwrap());
    let third = remote.offer(TIMES, at(67)).await.unwrap().unwrap();
    taken(&remote, &third, 68).await;
}

on_both!(a_code_and_a_phones_time_run_out);
async fn a_code_and_a_phones_time_run_out(db: &Db) {
    let screen = ScreenId::new("out").unwrap();
    let (office, live) = (office(), db);
    let remote = Remote {
        live,
        office: &office,
        screen: &screen,
    };
    let old = remote.offer(TIMES, at(0)).await.unwrap().unwrap();
    assert_eq!(remote.take(&old, TIMES, at(121)).await.unwrap(), Taken::Unknown);
    let code = remote.offer(TIMES, at(121)).await.unwrap().unwrap();
    let session = taken(&remote, &code, 122).await;
    assert_eq!(remote.held(None, at(123)).await.unwrap(), Some(at(182)));
    assert_eq!(remote.held(Some("somebody else's"), at(123)).await.unwrap(), None);
    assert!(remote.press(&session, press("a"), TIMES, at(180)).await.unwrap());
    assert_eq!(
        remote.held(Some(&session), at(181)).await.unwrap(),
        Some(at(240)),
        "a press renews it"
    );
    assert!(!remote.press(&session, press("a"), TIMES, at(241)).await.unwrap());
    assert_eq!(remote.held(None, at(241)).await.unwrap(), None);
    assert_eq!(
        remote.take(&code, TIMES, at(241)).await.unwrap(),
        Taken::Unknown,
        "used is used"
    );

    let code = remote.offer(TIMES, at(300)).await.unwrap().unwrap();
    let session = taken(&remote, &code, 300).await;
    for seconds in (310..=890).step_by(20) {
        assert!(
            remote.press(&session, press("a"), TIMES, at(seconds)).await.unwrap(),
            "{seconds}"
        );
    }
    assert_eq!(remote.held(None, at(890)).await.unwrap(), Some(at(900)));
    assert!(
        !remote.press(&session, press("a"), TIMES, at(900)).await.unwrap(),
        "not for ever"
    );
}

on_both!(presses_are_taken_once_in_their_order_and_never_late);
async fn presses_are_taken_once_in_their_order_and_never_late(db: &Db) {
    let screen = ScreenId::new("order").unwrap();
    let (office, live) = (office(), db);
    let remote = Remote {
        live,
        office: &office,
        screen: &screen,
    };
    let code = remote.offer(TIMES, at(0)).await.unwrap().unwrap();
    let session = taken(&remote, &code, 0).await;
    for choice in ["a", "b"] {
        assert!(remote.press(&session, press(choice), TIMES, at(1)).await.unwrap());
    }
    assert!(!remote.press("guessed", press("x"), TIMES, at(1)).await.unwrap());
    assert_eq!(remote.take_presses(at(2)).await.unwrap(), [press("a"), press("b")]);
    assert!(remote.take_presses(at(2)).await.unwrap().is_empty());
    for n in 0..20 {
        remote
            .press(&session, press(&n.to_string()), TIMES, at(3))
            .await
            .unwrap();
    }
    let newest: Vec<Press> = (12..20).map(|n| press(&n.to_string())).collect();
    assert_eq!(remote.take_presses(at(3)).await.unwrap(), newest);
    remote.press(&session, press("late"), TIMES, at(10)).await.unwrap();
    assert!(remote.take_presses(at(14)).await.unwrap().is_empty());
}

on_both!(what_can_be_pressed_is_there_while_the_screen_is);
async fn what_can_be_pressed_is_there_while_the_screen_is(db: &Db) {
    let screen = ScreenId::new("choices").unwrap();
    let (office, live) = (office(), db);
    let remote = Remote {
        live,
        office: &office,
        screen: &screen,
    };
    assert_eq!(remote.choices().await.unwrap(), None);
    let choices = Choices {
        page: "home".into(),
        choices: vec![Choice {
            id: "zei".into(),
            text: "税務課".into(),
            kind: ChoiceKind::Go,
            is_now: false,
        }],
    };
    remote.keep_choices(Some(&choices), true).await.unwrap();
    assert_eq!(remote.choices().await.unwrap(), Some(choices));
    remote.keep_choices(None, true).await.unwrap();
    assert_eq!(remote.choices().await.unwrap(), None);
}
