//! How a player is paired with a screen, and loses it.

use protocol::screen::ToScreen;
use protocol::screen::pairing::{Paired, Why};
use reqwest::Method;

use crate::common::browser::Browser;
use crate::common::office::{ORIGIN, Office, office_id, trail};
use crate::common::until;
use crate::{NEW, accept, ask, begin, connect, next, wait};

async fn is_valid(player: &Browser, token: &str) -> u16 {
    let request = player.request(Method::GET, "/api/screens/me").bearer_auth(token);
    request.send().await.unwrap().status().as_u16()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_player_is_paired_by_its_code_once_and_revoked_at_once() {
    let office = Office::open().await;
    let mut admin = office.staff("kanri").await;
    let player = office.browser();
    let offer = begin(&player).await;
    assert_eq!((offer.user_code.len(), offer.expires_in), (11, 600));
    assert_eq!(offer.verification_uri, format!("{ORIGIN}/staff/screens"));
    assert_eq!(ask(&player, &offer).await, Err(Why::AuthorizationPending));
    assert_eq!(ask(&player, &offer).await, Err(Why::SlowDown));

    let (status, to) = accept(&mut admin, &offer.user_code.replace('-', " "), &NEW).await;
    assert_eq!(status, 303, "{to}");
    let (status, page) = accept(&mut admin, &offer.user_code, &NEW).await;
    assert_eq!(status, 400, "a code is used up");
    assert!(
        page.contains("その番号は見つかりません") && page.contains(&offer.user_code),
        "{page}"
    );

    let Paired { screen, token } = wait(&player, &offer).await.unwrap();
    assert_eq!(to, format!("/staff/screens?paired={screen}"));
    let kept = store::screens::get(&office.store.ledger, &office_id(), &screen)
        .await
        .unwrap()
        .unwrap();
    let hash = kept.token.unwrap().hash;
    assert!(hash.len() == 64 && !token.contains(&hash), "only the hash is kept");

    let mut live = connect(&player, &token).await.ok().unwrap();
    let who = next(&mut live, |frame| match frame {
        ToScreen::Welcome { screen, .. } => Some(screen),
        _ => None,
    });
    assert_eq!(who.await, screen);
    let one = format!("/staff/screens/one/{screen}");
    until("the page says that it is there", || async {
        let (_, page) = admin.clone().text(&one).await;
        (page.contains("通信中") && page.contains("1.2.3")).then_some(())
    })
    .await;

    let (_, page) = admin.text(&one).await;
    assert_eq!(admin.submit(&page, &format!("{one}/revoke"), &[]).await.0, 303);
    assert_eq!(live.closed().await, 1008, "the open connection ends");
    assert_eq!(is_valid(&player, &token).await, 401);
    assert_eq!(connect(&player, &token).await.err(), Some(401));
    assert_eq!(
        wait(&player, &offer).await,
        Err(Why::ExpiredToken),
        "the old code gives no other token"
    );
    let trail = trail(&office, screen.as_str()).await;
    assert_eq!(trail, ["staff/kanri screen.paired new", "staff/kanri screen.revoked"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_screen_that_is_there_gets_another_player_and_the_old_ones_token_is_worthless() {
    let office = Office::open().await;
    let mut admin = office.staff("kanri").await;
    let as_lobby = [("screen", "lobby")];
    let mut tokens = Vec::new();
    for _ in 0..2 {
        let player = office.browser();
        let offer = begin(&player).await;
        assert_eq!(accept(&mut admin, &offer.user_code, &as_lobby).await.0, 303);
        let paired = wait(&player, &offer).await.unwrap();
        assert_eq!(paired.screen.as_str(), "lobby");
        assert_eq!(is_valid(&player, &paired.token).await, 200);
        tokens.push(paired.token);
    }
    let player = office.browser();
    assert_eq!(is_valid(&player, &tokens[0]).await, 401);
    assert_eq!(is_valid(&player, &tokens[1]).await, 200);
    let offer = begin(&player).await;
    let (status, page) = accept(&mut admin, &offer.user_code, &[("screen", "cellar")]).await;
    assert!(status == 400 && page.contains("どの画面として登録するか"), "{page}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_guesses_codes_is_refused_for_a_while_and_only_admins_may_try() {
    let office = Office::open().await;
    for (who, status) in [("hanako", 403), ("tsuyaku", 403)] {
        let mut staff = office.staff(who).await;
        assert_eq!(staff.get("/staff/screens").await.status(), status, "{who}");
        let csrf = staff.csrf.clone();
        let fields = [("csrf", csrf.as_str()), ("code", "123456789"), ("screen", "lobby")];
        assert_eq!(
            staff.post_form("/staff/screens/pair", &fields).await.status(),
            status,
            "{who}"
        );
    }
    let mut admin = office.staff("kanri").await;
    // Wrong ones of several pages at once: each waits, and from the twelfth on they are refused.
    let (_, page) = admin.text("/staff/screens").await;
    let guess = |n: u32| {
        let (mut admin, page) = (admin.clone(), page.clone());
        async move {
            let code = format!("{n:09}");
            admin
                .submit(&page, "/staff/screens/pair", &[("code", &code), ("screen", "lobby")])
                .await
                .0
        }
    };
    let answers = futures_util::future::join_all((0..12).map(guess)).await;
    assert!(answers.iter().all(|status| matches!(status, 400 | 429)), "{answers:?}");
    let player = office.browser();
    let offer = begin(&player).await;
    assert_eq!(
        accept(&mut admin.clone(), &offer.user_code, &[("screen", "lobby")])
            .await
            .0,
        429
    );
}
