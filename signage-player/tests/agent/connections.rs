//! The connection to the server.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use protocol::screen::{ScreenFrame, ToScreen};
use signage_player::agent::News;
use tokio::time::timeout;

use crate::{LIMIT, Set, TOKEN, arrived, next, noise, routes, serve};

#[tokio::test]
async fn a_server_that_was_gone_is_found_again_and_told_how_the_screen_is() {
    let mut set = Set::new(&[]).await;
    std::fs::remove_file(set.dir.path().join("token")).expect("removed");
    let (mut events, shutdown) = set.start();
    // The token comes later than the player.
    std::fs::write(set.dir.path().join("token"), TOKEN).expect("written");
    let welcome = |news: News| matches!(news, News::Said(ToScreen::Welcome { .. })).then_some(());
    next(&mut events, welcome).await;
    next(&mut events, |news| {
        matches!(news, News::Said(ToScreen::Areas { areas }) if areas.len() == 1).then_some(())
    })
    .await;
    let mut reported = None;
    while reported.is_none() {
        let frame = timeout(LIMIT, set.heard.recv())
            .await
            .expect("in time")
            .expect("a frame");
        if let ScreenFrame::Report { report } = frame {
            reported = Some(report);
        }
    }
    assert_eq!(
        reported.map(|report| (report.page, report.frames)),
        Some(("home".into(), 7))
    );

    // The server goes, its connections with it, and comes back on the same port.
    let port = set.server.trim_start_matches("http://").to_owned();
    set.serving.abort();
    let _ = (&mut set.serving).await;
    set.office.gone.notify_waiters();
    let before = set.office.connections.load(Ordering::SeqCst);
    let listener = loop {
        match tokio::net::TcpListener::bind(&port).await {
            Ok(listener) => break listener,
            // The old listener's socket is being closed.
            Err(_) => tokio::task::yield_now().await,
        }
    };
    set.serving = serve(listener, Arc::clone(&set.office));
    next(&mut events, welcome).await;
    assert!(set.office.connections.load(Ordering::SeqCst) > before);
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
}

#[tokio::test]
async fn a_server_that_speaks_but_hears_nothing_is_left_for_a_new_connection() {
    let set = Set::new(&[]).await;
    let (mut events, shutdown) = set.start();
    let welcome = |news: News| matches!(news, News::Said(ToScreen::Welcome { .. })).then_some(());
    next(&mut events, welcome).await;
    set.office.is_deaf.store(true, Ordering::SeqCst);
    let areas = |news: News| matches!(news, News::Said(ToScreen::Areas { .. })).then_some(());
    // It goes on being heard ...
    for _ in 0..10 {
        next(&mut events, areas).await;
    }
    assert_eq!(set.office.connections.load(Ordering::SeqCst), 1);
    // ... and is left all the same.
    next(&mut events, welcome).await;
    assert_eq!(set.office.connections.load(Ordering::SeqCst), 2);
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
}

#[tokio::test]
async fn over_tls_the_office_s_own_authority_is_trusted_and_no_other() {
    let bytes = noise(5_000, 8);
    let mut set = Set::new(&[&bytes]).await;
    let secrets = runtime::secrets::Secrets::open(&set.dir.path().join("secrets")).expect("secrets");
    let hosts = std::collections::BTreeSet::from(["localhost".to_owned()]);
    let files = runtime::certificate::local(&secrets, &hosts, &jiff::Zoned::now()).expect("a certificate");
    // Another test may have been first.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let tls = axum_server::tls_rustls::RustlsConfig::from_pem_file(files.chain, files.key)
        .await
        .expect("its files");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("non-blocking");
    set.server = format!(
        "https://localhost:{}",
        listener.local_addr().expect("an address").port()
    );
    let server = axum_server::from_tcp_rustls(listener, tls).expect("a server");
    let serving = tokio::spawn(server.serve(routes(Arc::clone(&set.office)).into_make_service()));

    // A stranger's authority is there: no connection, no content.
    let stranger = runtime::secrets::Secrets::open(&set.dir.path().join("stranger")).expect("secrets");
    runtime::certificate::local(&stranger, &hosts, &jiff::Zoned::now()).expect("a certificate");
    let ca = set.dir.path().join("ca.pem");
    std::fs::copy(stranger.ca(), &ca).expect("copied");
    let config = signage_player::agent::tls::config(&ca).expect("read");
    let connector = tokio_tungstenite::Connector::Rustls(Arc::new(config));
    let url = format!("{}/api/screens/connect", set.server.replacen("https", "wss", 1));
    let refused = tokio_tungstenite::connect_async_tls_with_config(url, None, false, Some(connector)).await;
    let refused = refused.expect_err("a stranger's certificate").to_string();
    assert!(
        refused.contains("UnknownIssuer") || refused.contains("certificate"),
        "{refused}"
    );

    // The office's own appears: the screen connects and fetches.
    std::fs::copy(secrets.ca(), &ca).expect("copied");
    let (mut events, shutdown) = set.start();
    next(&mut events, arrived).await;
    assert_eq!(set.read(&bytes), bytes);
    shutdown.start();
    assert!(shutdown.finished(LIMIT).await);
    serving.abort();
}
