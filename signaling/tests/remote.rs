//! A visitor's phone as a screen's remote control: from the code on the screen to the press that the screen is told.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::time::Duration;

use common::browser::{Browser, Live, csrf_of};
use common::office::{ORIGIN, Office};
use common::until;
use protocol::ids::ScreenId;
use protocol::screen::{Choice, ChoiceKind, Choices, Language, Press, Remote, ScreenFrame, Text, ToScreen, VERSION};
use reqwest::Method;

fn choice(id: &str, ja: &str, en: &str, kind: ChoiceKind) -> Choice {
    Choice {
        id: id.into(),
        text: Text {
            en: Some(en.into()),
            ..Text::japanese(ja)
        },
        kind,
        is_now: false,
    }
}

fn home() -> Choices {
    Choices {
        page: "home".into(),
        choices: vec![
            choice("map", "館内図を見る", "Floor map", ChoiceKind::Go),
            choice("lang/en", Language::En.own_name(), "English", ChoiceKind::Language),
        ],
    }
}

fn map() -> Choices {
    Choices {
        page: "map".into(),
        choices: vec![choice("@home", "最初に戻る", "Back", ChoiceKind::Back)],
    }
}

async fn say(live: &mut Live, choices: Option<Choices>) {
    let frame = ScreenFrame::Choices { choices };
    live.send_text(&serde_json::to_string(&frame).unwrap()).await;
}

/// A screen that is connected and has said what can be pressed.
async fn screen(office: &Office) -> Live {
    let path = office.secrets().screen_token(&ScreenId::new("lobby").unwrap());
    let token = until("the screen's token", || async { std::fs::read_to_string(&path).ok() }).await;
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let mut live = office
        .browser()
        .socket("/api/screens/connect", &headers)
        .await
        .ok()
        .unwrap();
    let hello = ScreenFrame::Hello {
        version: VERSION,
        player: "test".into(),
        manifest: None,
    };
    live.send_text(&serde_json::to_string(&hello).unwrap()).await;
    say(&mut live, Some(home())).await;
    live
}

async fn next<T>(live: &mut Live, mut pick: impl FnMut(ToScreen) -> Option<T>) -> T {
    loop {
        let frame = serde_json::from_str(&live.next_text().await.unwrap()).unwrap();
        if let Some(found) = pick(frame) {
            return found;
        }
    }
}

/// The path of the next code that the screen is told to show.
async fn code(live: &mut Live) -> String {
    next(live, |frame| match frame {
        ToScreen::Remote {
            remote: Remote::Open { address, .. },
        } => Some(address.strip_prefix(ORIGIN).unwrap().to_owned()),
        _ => None,
    })
    .await
}

async fn held(live: &mut Live) {
    next(live, |frame| {
        matches!(frame, ToScreen::Remote { remote: Remote::Held }).then_some(())
    })
    .await;
}

async fn pressed(live: &mut Live) -> Press {
    next(live, |frame| match frame {
        ToScreen::Press { press } => Some(press),
        _ => None,
    })
    .await
}

/// Takes the screen. Gives the page with what can be pressed.
async fn take(phone: &mut Browser, path: &str) -> String {
    let (status, page) = phone.text(path).await;
    assert_eq!(status, 200, "{page}");
    let (status, to, _) = phone.submit(&page, path, &[]).await;
    assert_eq!((status, to.as_str()), (303, "/r"));
    phone.text("/r").await.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_phone_presses_and_sees_what_the_screen_shows_then() {
    let office = Office::open().await;
    let mut live = screen(&office).await;
    let path = code(&mut live).await;
    let secret = path.rsplit_once('.').unwrap().1;
    assert!(path.starts_with("/r/lobby.") && secret.len() == 26, "128 bits: {path}");

    let mut phone = office.browser();
    let (status, page) = phone.text(&path).await;
    assert!(status == 200 && page.contains("1階ロビー 正面"), "{page}");
    assert_eq!(phone.text(&path).await.0, 200, "looking uses nothing up");
    let page = take(&mut phone, &path).await;
    held(&mut live).await;
    assert!(page.contains("館内図を見る") && page.contains("English"), "{page}");

    let fields = [("page", "home"), ("choice", "map")];
    // Without a script: the answer waits for the screen.
    let pressing = phone.submit(&page, "/r/press", &fields);
    let answering = async {
        let press = pressed(&mut live).await;
        say(&mut live, Some(map())).await;
        press
    };
    let ((status, to, _), press) = tokio::join!(pressing, answering);
    assert_eq!((status, to.as_str()), (303, "/r"));
    assert_eq!((press.page.as_str(), press.choice.as_str()), ("home", "map"));
    let (_, page) = phone.text("/r").await;
    assert!(page.contains("最初に戻る") && !page.contains("館内図を見る"), "{page}");

    // What the screen doesn't offer now doesn't get to it; what it does, does.
    let (status, ..) = phone.submit(&page, "/r/press", &fields).await;
    assert_eq!(status, 303);
    let csrf = csrf_of(&page);
    let cookies = phone
        .request(Method::POST, "/r/press")
        .header("accept", "application/json");
    let body = format!("csrf={csrf}&page=map&choice=%40home");
    let form = cookies
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    assert_eq!(form.send().await.unwrap().status(), 204);
    assert_eq!(pressed(&mut live).await.choice, "@home");

    let (status, ..) = phone.submit(&page, "/r/end", &[]).await;
    assert_eq!(status, 303);
    let fresh = code(&mut live).await;
    assert_ne!(fresh, path);
    assert!(phone.text("/r").await.1.contains("操作は終わりました"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_phone_at_a_time_and_each_code_once() {
    let office = Office::open().await;
    let mut live = screen(&office).await;
    let path = code(&mut live).await;
    let (mut first, mut second) = (office.browser(), office.browser());
    let (_, waiting) = second.text(&path).await;
    let page = take(&mut first, &path).await;
    held(&mut live).await;
    let (status, _, said) = second.submit(&waiting, &path, &[]).await;
    assert!(
        status == 409 && said.contains("ほかの方が操作しています"),
        "{status} {said}"
    );
    assert!(
        second.text("/r").await.1.contains("操作は終わりました"),
        "it has no screen"
    );

    // Another page's form, or a guessed cookie, presses nothing.
    let (status, ..) = first
        .submit(&waiting.replace(&csrf_of(&waiting), &"x".repeat(26)), "/r/press", &[])
        .await;
    assert_eq!(status, 400);
    let foreign = first
        .request(Method::POST, "/r/press")
        .header("origin", "https://evil.example");
    let body = format!("csrf={}&page=home&choice=map", csrf_of(&page));
    let foreign = foreign
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    assert_eq!(foreign.send().await.unwrap().status(), 400);

    first.submit(&page, "/r/end", &[]).await;
    let fresh = code(&mut live).await;
    assert_eq!(second.text(&path).await.0, 404, "a used code is none");
    take(&mut second, &fresh).await;
    held(&mut live).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn codes_change_and_a_phone_that_is_put_away_gives_the_screen_back() {
    let times = "[remote]\ncode_shown = \"3s\"\nidle = \"2s\"\nlongest = \"1m\"\n";
    let office = Office::open_configured("1h", times.to_owned()).await;
    let mut live = screen(&office).await;
    let first = code(&mut live).await;
    let second = code(&mut live).await;
    let third = code(&mut live).await;
    assert!(first != second && second != third);
    let mut phone = office.browser();
    until("the first code is none any more", || async {
        (phone.clone().text(&first).await.0 == 404).then_some(())
    })
    .await;
    let now = code(&mut live).await;
    take(&mut phone, &now).await;
    held(&mut live).await;
    // It presses nothing more.
    code(&mut live).await;
    assert!(phone.text("/r").await.1.contains("操作は終わりました"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_is_slowed_and_refused_and_others_are_not() {
    let office = Office::open().await;
    let mut guesser = office.browser();
    let mut refused = None;
    for n in 0..20 {
        let guess = format!("/r/lobby.{:026}", n);
        match guesser.text(&guess).await.0 {
            404 => {}
            429 => {
                refused = Some(n);
                break;
            }
            other => panic!("{other}"),
        }
    }
    assert!(refused.is_some_and(|n| n <= 12), "{refused:?}");
    // Right ones are never delayed: all phones of a hall may share an address.
    let mut live = screen(&office).await;
    let path = code(&mut live).await;
    take(&mut office.browser(), &path).await;
    held(&mut live).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_phone_is_told_of_changes_and_of_the_end() {
    let office = Office::open().await;
    let mut live = screen(&office).await;
    let path = code(&mut live).await;
    let mut phone = office.browser();
    let page = take(&mut phone, &path).await;
    held(&mut live).await;
    let mut stream = phone.request(Method::GET, "/r/events").send().await.unwrap();
    assert_eq!(stream.status(), 200);
    event(&mut stream, "changed").await;
    say(&mut live, Some(map())).await;
    event(&mut stream, "changed").await;
    // A screen that goes is seen to be gone.
    drop(live);
    event(&mut stream, "changed").await;
    until("the page says so", || async {
        let said = phone.clone().text("/r").await.1;
        said.contains("画面とつながっていません").then_some(())
    })
    .await;
    phone.submit(&page, "/r/end", &[]).await;
    event(&mut stream, "over").await;
    assert_eq!(
        phone.get("/r/events").await.status(),
        204,
        "nothing to wait for any more"
    );
}

/// Waits for an event of this name.
async fn event(stream: &mut reqwest::Response, name: &str) {
    let wanted = format!("event: {name}\n");
    loop {
        let chunk = tokio::time::timeout(Duration::from_secs(30), stream.chunk())
            .await
            .unwrap();
        let text = String::from_utf8(chunk.unwrap().unwrap().to_vec()).unwrap();
        if text.contains(&wanted) {
            return;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn choices_that_cannot_be_are_refused_with_the_place_of_the_fault() {
    let office = Office::open().await;
    let mut live = screen(&office).await;
    code(&mut live).await;
    let mut twice = home();
    twice.choices.push(twice.choices[0].clone());
    say(&mut live, Some(twice)).await;
    let field = next(&mut live, |frame| match frame {
        ToScreen::Error { problem } => Some(problem.field),
        _ => None,
    })
    .await;
    assert_eq!(field.as_deref(), Some("choices"));
}
