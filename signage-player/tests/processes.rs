//! Each process of the real program can die or hang alone: the picture plays on, or is back by itself.
#![allow(clippy::expect_used)]

mod common;

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use common::office::{LIMIT, Office, Running, frames_at_least, noise, pictures};
use common::server::Server;
use common::wait_for;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use protocol::congestion::{AreaState, Level};
use protocol::screen::{BoardArea, Manifest, ToScreen, Widget};

const AGENT: &str = "signage-agent";
const PICTURE: &str = "signage-picture";
const SIZE: (u32, u32) = (320, 240);

/// A congestion board over the whole screen.
fn board() -> Manifest {
    let mut manifest = pictures("board", (640, 360), &[("x.png", b"x")]);
    manifest.contents.clear();
    manifest.layout.pages[0].zones[0].widget = Widget::CongestionBoard {
        title: "混雑状況".into(),
        areas: vec![BoardArea {
            area: common::area("lobby-1f"),
            label: "1階ロビー".into(),
        }],
    };
    manifest
}

fn busy() -> ToScreen {
    ToScreen::Areas {
        areas: vec![AreaState {
            count: Some(11),
            level: Level::Full,
            observed_at: Some(runtime::now()),
            version: 1,
            ..AreaState::unknown(common::area("lobby-1f"), 12)
        }],
    }
}

/// The picture on show, as bytes.
fn seen(office: &Office) -> Vec<u8> {
    let mut shot = wait_for("a picture", LIMIT, || office.try_snapshot());
    shot.0.data().expect("pixels").to_vec()
}

fn changes_from(office: &Office, what: &str, before: &[u8]) -> Vec<u8> {
    wait_for(what, LIMIT, || Some(seen(office)).filter(|now| now != before))
}

fn another(player: &Running, part: &str, before: i32) -> i32 {
    wait_for("another process", LIMIT, || {
        player.part(part).filter(|pid| *pid != before)
    })
}

#[test]
fn the_picture_plays_on_while_the_agent_is_killed_or_hangs_and_live_data_goes_away() {
    let server = Server::start();
    let office = server.office("");
    // The demo says after how long a count is not shown any more; a test can't wait so long.
    let file = office.dir.path().join("office.toml");
    let config = std::fs::read_to_string(&file).expect("there");
    let config = config.replace("stale_after = \"30s\"", "stale_after = \"4s\"");
    std::fs::write(&file, config).expect("written");
    office.put(&board(), &[]);
    server.want(board());
    let player = office.start();
    frames_at_least(&office, 10);
    let unknown = seen(&office);
    server.say(&[busy()]);
    changes_from(&office, "the count", &unknown);

    let killed = player.signal_part(AGENT, Signal::SIGKILL);
    let before = frames_at_least(&office, 1).frames;
    let again = another(&player, AGENT, killed);
    frames_at_least(&office, before + 60);
    wait_for("the count again", LIMIT, || {
        Some(seen(&office)).filter(|now| *now != unknown)
    });

    // Hung: it answers nobody, and holds its sockets open.
    kill(Pid::from_raw(again), Signal::SIGSTOP).expect("stopped");
    let before = frames_at_least(&office, 1).frames;
    wait_for("the stale count's end", LIMIT, || {
        (seen(&office) == unknown).then_some(())
    });
    frames_at_least(&office, before + 60);
    let third = another(&player, AGENT, again);
    assert!(
        std::fs::metadata(format!("/proc/{again}")).is_err(),
        "never two of them"
    );
    assert_ne!(third, killed);
    changes_from(&office, "the count from the third agent", &unknown);
    assert!(player.part(PICTURE).is_some());
}

#[test]
fn a_picture_that_is_killed_is_back_by_itself_with_all_that_it_knew() {
    let server = Server::start();
    let office = server.office("");
    office.put(&board(), &[]);
    server.want(board());
    let mut player = office.start();
    frames_at_least(&office, 10);
    let unknown = seen(&office);
    server.say(&[busy()]);
    changes_from(&office, "the count", &unknown);
    let agent = player.part(AGENT);
    let killed = player.signal_part(PICTURE, Signal::SIGKILL);
    another(&player, PICTURE, killed);
    wait_for("the count, told again by the agent", LIMIT, || {
        office.try_snapshot().filter(|_| seen(&office) != unknown)
    });
    assert_eq!(player.part(AGENT), agent, "the agent was not touched");
    // All ends with the first process, however that ends.
    player.kill();
    assert!(office.status().is_none());
}

#[test]
fn both_keep_to_one_heap_with_fixed_borders_so_that_memory_stays_where_it_is() {
    let server = Server::start();
    let office = server.office("");
    office.put(&board(), &[]);
    let player = office.start();
    for part in [PICTURE, AGENT] {
        let pid = wait_for(part, LIMIT, || player.part(part));
        let environment = std::fs::read(format!("/proc/{pid}/environ")).expect("its environment");
        let says = |variable: &[u8]| environment.split(|byte| *byte == 0).any(|one| one == variable);
        assert!(says(b"MALLOC_ARENA_MAX=1"), "{part}");
        for border in ["MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"] {
            assert!(says(format!("{border}=131072").as_bytes()), "{part}: {border}");
        }
    }
}

/// What a fake systemd heard by now.
fn heard(socket: &UnixDatagram) -> Vec<String> {
    let mut all = Vec::new();
    let mut bytes = [0; 4096];
    while let Ok(count) = socket.recv(&mut bytes) {
        let text = String::from_utf8_lossy(&bytes[..count]).into_owned();
        all.extend(text.lines().map(str::to_owned));
    }
    all
}

#[test]
fn systemd_hears_of_frames_and_of_nothing_when_there_are_none() {
    let office = Office::new();
    let path = office.dir.path().join("notify.sock");
    let socket = UnixDatagram::bind(&path).expect("bound");
    socket.set_nonblocking(true).expect("set");
    let mut command = office.command(&["--headless"]);
    command.env("NOTIFY_SOCKET", &path).env("WATCHDOG_USEC", "30000000");
    let player = Running(command.spawn().expect("starts"));
    let (mut is_ready, mut signs) = (false, 0);
    wait_for("ready and signs of life", LIMIT, || {
        for line in heard(&socket) {
            assert!(is_ready || line != "READY=1" || frames_at_least(&office, 1).frames > 0);
            is_ready |= line == "READY=1";
            signs += u32::from(line == "WATCHDOG=1");
        }
        (is_ready && signs >= 3).then_some(())
    });
    // The picture hangs: timers go on in the other processes, and no sign of life is given until it is replaced.
    let hung = player.signal_part(PICTURE, Signal::SIGSTOP);
    std::thread::sleep(Duration::from_millis(1500));
    heard(&socket);
    let again = wait_for("another picture", LIMIT, || {
        let signs = heard(&socket);
        let another = player.part(PICTURE).filter(|pid| *pid != hung);
        assert!(
            another.is_some() || !signs.contains(&"WATCHDOG=1".to_owned()),
            "{signs:?}"
        );
        another
    });
    assert_ne!(again, hung);
    wait_for("signs of life", LIMIT, || {
        heard(&socket).contains(&"WATCHDOG=1".to_owned()).then_some(())
    });
}

#[test]
fn what_was_shown_reaches_the_server_even_if_it_was_away_and_the_agent_died() {
    let server = Server::start();
    let office = server.office("");
    let [a, b] = [1, 2].map(|seed| noise(seed, SIZE));
    let manifest = pictures("two", SIZE, &[("a.png", &a.file), ("b.png", &b.file)]);
    office.put(&manifest, &[&a.file, &b.file]);
    server.want(manifest);
    // A server that doesn't know reports yet.
    server.told.answer.store(404, std::sync::atomic::Ordering::SeqCst);
    let player = office.start();
    let journal = office.home().join("plays.jsonl");
    let lines = || std::fs::read_to_string(&journal).unwrap_or_default().lines().count();
    wait_for("plays on the disk", LIMIT, || (lines() >= 4).then_some(()));
    player.signal_part(AGENT, Signal::SIGKILL);
    server.told.answer.store(204, std::sync::atomic::Ordering::SeqCst);
    let report = wait_for("a report", LIMIT, || {
        server.told.reports.lock().expect("lock").first().cloned()
    });
    assert!(report.plays.len() >= 4, "{}", report.plays.len());
    let hashes = [common::office::hash(&a.file), common::office::hash(&b.file)];
    for pair in report.plays.windows(2) {
        assert!(pair[0].from < pair[1].from, "in order and each once");
        assert_ne!(pair[0].sha256, pair[1].sha256, "in turns");
    }
    for play in &report.plays {
        assert!(
            hashes.contains(&play.sha256) && play.is_whole && play.shown_ms >= 400,
            "{play:?}"
        );
        assert_eq!(
            (play.layout.as_str(), play.page.as_str(), play.zone.as_str()),
            ("two", "home", "main")
        );
    }
    let health = report.health;
    assert!(
        health.frames > 0 && health.memory_bytes > Some(1 << 20) && health.disk_free_bytes.is_some(),
        "{health:?}"
    );
    assert_eq!((health.layout.as_str(), health.page.as_str()), ("two", "home"));
    assert!(!health.gstreamer.is_empty() && !health.system.is_empty(), "{health:?}");
}

#[test]
fn a_fault_that_came_and_went_while_the_network_was_away_is_told_when_it_is_back() {
    let server = Server::start();
    let office = server.office("");
    let [a, b] = [1, 2].map(|seed| noise(seed, SIZE));
    server.hold(&a.file);
    // The server says it has both, and lacks one.
    server.want(pictures("two", SIZE, &[("a.png", &a.file), ("b.png", &b.file)]));
    server.told.answer.store(503, std::sync::atomic::Ordering::SeqCst);
    let player = office.start();
    let journal = office.home().join("faults.jsonl");
    let lines = || std::fs::read_to_string(&journal).unwrap_or_default().lines().count();
    wait_for("the fault on the disk", LIMIT, || (lines() >= 1).then_some(()));
    // It goes, and the agent with it, before anybody heard of it.
    server.hold(&b.file);
    server.want(pictures(
        "two and more",
        SIZE,
        &[("a.png", &a.file), ("b.png", &b.file)],
    ));
    wait_for("its end on the disk", LIMIT, || (lines() >= 2).then_some(()));
    player.signal_part(AGENT, Signal::SIGKILL);
    server.told.answer.store(204, std::sync::atomic::Ordering::SeqCst);
    let report = wait_for("a report", LIMIT, || {
        server.told.reports.lock().expect("lock").first().cloned()
    });
    let of_b: Vec<_> = report.changes.iter().filter(|it| it.about == "b.png").collect();
    assert!(of_b[0].until.is_none(), "{of_b:?}");
    assert!(of_b.iter().any(|it| it.until >= Some(it.since)), "{of_b:?}");
    assert_eq!(report.faults, [], "it is over");
    wait_for("the journal to be empty", LIMIT, || (lines() == 0).then_some(()));
}
