//! Broadcasts by WHEP among other items: they are shown in their turn, their sessions end with them, and whatever is wrong
//! with one counts as its end, with its name and why.
#![allow(clippy::expect_used)]

mod common;

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use common::live::{SIZE, Screen, own_processes, running};
use common::office::LIMIT;
use common::wait_for;
use common::whep::{Codec, Mood, TOKEN, Whep};
use signage_player::live::crossing::Crossing;
use signage_player::stage::canvas::Canvas;

/// Whether the broadcast's red ground is where it should be: over the zone's width, in its middle.
fn is_red(canvas: &Canvas) -> bool {
    let (width, height) = SIZE;
    let shown = width * 9 / 16;
    let top = (height - shown) / 2;
    let corners = [(4, top + 4), (width - 4, top + 4), (4, top + shown - 4)];
    let red = |(x, y): (u32, u32)| {
        canvas
            .color_at(x, y)
            .is_some_and(|[red, green, blue]| red > 150 && green < 60 && blue < 60)
    };
    // The ball may be in one of them.
    corners.into_iter().filter(|at| red(*at)).count() >= 2
}

fn is_shown_and_ended(codec: Codec) {
    let server = Whep::start();
    server.be(Mood::Well(codec));
    let mut screen = Screen::new(&server.url(), server.processes(true));
    screen.moves();
    assert!(is_red(&screen.canvas));
    screen.play("the other picture in its turn", |_, _, is_green| is_green);
    screen.moves();
    assert_eq!(screen.scene.faults(), Vec::<String>::new());
    drop(screen);
    wait_for("the end of all sessions", LIMIT, || {
        let (begun, ended) = server.sessions();
        (begun >= 2 && begun == ended).then_some(())
    });
    assert!(server.tokens().iter().all(|token| token.as_deref() == Some(TOKEN)));
}

#[test]
fn a_broadcast_in_vp8_is_shown_in_its_turn_and_its_session_ends_with_it() {
    is_shown_and_ended(Codec::Vp8);
}

#[test]
fn a_broadcast_in_h264_is_shown_in_its_turn_and_its_session_ends_with_it() {
    is_shown_and_ended(Codec::H264);
}

#[test]
fn another_server_is_not_shown_the_screens_token() {
    let server = Whep::start();
    let mut screen = Screen::new(&server.url(), server.processes(false));
    screen.moves();
    assert!(server.tokens().iter().all(Option::is_none));
}

#[test]
fn what_the_server_answers_instead_is_said_and_the_others_are_played() {
    let server = Whep::start();
    for (mood, why) in [
        (Mood::Refuses(StatusCode::NOT_FOUND), "404 Not Found"),
        (Mood::Refuses(StatusCode::CONFLICT), "409 Conflict"),
        (Mood::Refuses(StatusCode::UNAUTHORIZED), "may not watch"),
        (Mood::Refuses(StatusCode::NO_CONTENT), "204 No Content"),
        (Mood::Answers("text/html", "<html></html>"), "is no application/sdp"),
        (Mood::Answers("application/sdp", "<html></html>"), "is no SDP"),
        (Mood::Answers("application/sdp", "v=0\r\n"), "expected one picture"),
    ] {
        server.be(mood);
        let mut screen = Screen::new(&server.url(), server.processes(true));
        screen.fails(why);
        let faults = screen.scene.faults();
        assert!(faults.iter().all(|fault| fault.starts_with("camera: ")), "{faults:?}");
        assert!(!format!("{faults:?}").contains("/whep/"), "{faults:?}");
        screen.play("the other picture", |_, _, is_green| is_green);
    }
    // What was begun was ended, whatever it was.
    wait_for("the end of all sessions", LIMIT, || {
        let (begun, ended) = server.sessions();
        (begun == ended).then_some(())
    });
}

#[test]
fn a_server_that_is_not_there_and_one_that_sends_nothing_are_said() {
    let server = Whep::start();
    let mut screen = Screen::new("https://127.0.0.1:9/whep/one", server.processes(true));
    screen.fails("refused");
    server.be(Mood::Silent);
    let mut screen = Screen::new(&server.url(), server.processes(true));
    screen.fails("no picture after 10 s");
    screen.play("the other picture", |_, _, is_green| is_green);
    drop(screen);
    wait_for("the end of all sessions", LIMIT, || {
        let (begun, ended) = server.sessions();
        (begun == ended).then_some(())
    });
}

#[test]
fn a_broadcast_alone_in_its_list_comes_back_by_itself() {
    let server = Whep::start();
    let mut screen = Screen::alone(&server.url(), server.processes(true));
    screen.moves();
    // Nothing comes any more, and nobody says why.
    server.be(Mood::Silent);
    server.fall_silent();
    screen.fails("camera: no picture after 10 s");
    server.be(Mood::Well(Codec::Vp8));
    screen.moves();
    screen.play("all is well", |scene, _, _| scene.faults().is_empty());
    // The server goes away in the middle, and stays away until it is set aside.
    server.be(Mood::Refuses(StatusCode::SERVICE_UNAVAILABLE));
    server.drop_all();
    screen.fails("set aside");
    server.be(Mood::Well(Codec::Vp8));
    screen.ahead = Duration::from_secs(61);
    screen.moves();
    screen.play("all is well", |scene, _, _| scene.faults().is_empty());
    assert!(is_red(&screen.canvas));
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").expect("read").count()
}

#[test]
fn sessions_that_are_over_leave_no_process_and_no_thread_behind() {
    let server = Whep::start();
    let dir = tempfile::tempdir().expect("temp");
    let processes = own_processes(dir.path(), server.processes(true).office);
    let turn = || {
        let begun = Instant::now();
        let mut crossing = Crossing::open(&server.url(), (640, 360), &processes).expect("opened");
        wait_for("a picture", LIMIT, || crossing.newest().map(drop));
        let took = begun.elapsed();
        drop(crossing);
        wait_for("the session's end", LIMIT, || {
            let (begun, ended) = server.sessions();
            (begun == ended).then_some(())
        });
        took
    };
    turn();
    let before = threads();
    let took: Vec<Duration> = (0..8).map(|_| turn()).collect();
    // Printed with --nocapture, for who measures.
    println!("from the opening to the first picture: {took:?}");
    wait_for("the end of what the sessions began", LIMIT, || {
        (threads() <= before + 4 && running(&processes).is_empty()).then_some(())
    });
}
