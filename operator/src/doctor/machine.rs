//! What the machine itself must have: space, time, Redis, cameras, free ports, words and a voice.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use nix::sys::statvfs::statvfs;
use protocol::config::{Config, RedisAt, sharing_screen};
use protocol::ids::ScreenId;
use store::Store;
use store::redis::Db;
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use super::{PATIENCE, Report};

/// With less space than this an office soon can't write what must not be lost.
const LEAST_FREE_BYTES: u64 = 2 << 30;

/// RTSP's port, where a camera's address names none (RFC 7826 §4.2).
const RTSP_PORT: u16 = 554;

/// Space, and whether the office can write where it must.
pub(super) fn disk(config: &Config, report: &mut Report) {
    for (name, path, is_written) in [
        ("disk (run)", &config.paths.run, true),
        ("disk (content)", &config.paths.content, false),
    ] {
        let free = match statvfs(path) {
            Ok(found) => found.blocks_available() * found.fragment_size(),
            Err(_) if is_written => {
                report.unknown(name, format_args!("{} is made at the first start", path.display()));
                continue;
            }
            Err(errno) => {
                report.bad(
                    name,
                    format_args!("{}: {errno}", path.display()),
                    "make the folder of paths.content",
                );
                continue;
            }
        };
        let found = format!("{}: {} MB free", path.display(), free >> 20);
        if free < LEAST_FREE_BYTES {
            report.bad(name, found, "make room: at least 2 GB");
        } else if is_written && let Err(error) = tempfile::tempfile_in(path) {
            let todo = format!("let the office's user write to {}", path.display());
            report.bad(
                name,
                format_args!("{found}, but nothing can be written ({error})"),
                todo,
            );
        } else {
            report.good(name, found);
        }
    }
}

/// Whether somebody keeps the machine's clock right: tokens, links and tickets live by it.
pub(super) async fn clock(report: &mut Report) {
    let asked = said(Command::new("timedatectl").args(["show", "-p", "NTPSynchronized", "--value"])).await;
    judge_clock(asked.as_deref(), report);
}

fn judge_clock(is_synchronized: Option<&str>, report: &mut Report) {
    match is_synchronized {
        Some("yes") => report.good("clock", "set by the network's time"),
        Some("no") => report.bad(
            "clock",
            "nobody sets it",
            "set it by NTP: `timedatectl set-ntp true`, or the ward's own time server in /etc/systemd/timesyncd.conf",
        ),
        _ => report.unknown(
            "clock",
            "timedatectl doesn't tell whether it is set by the network's time",
        ),
    }
}

/// Whether both Redis answer, and keep what they are given.
pub(super) async fn redis(config: &Config, report: &mut Report) {
    let store = match timeout(PATIENCE, Store::connect(config)).await {
        Ok(Ok(store)) => store,
        Ok(Err(error)) => return report.bad("redis", error, "set [redis] right"),
        Err(_) => return report.bad("redis", "no answer", "start it, or set [redis] right"),
    };
    for (name, at, db, fsync) in [
        ("redis (ledger)", &config.redis.ledger, &store.ledger, "always"),
        ("redis (live)", &config.redis.live, &store.live, "everysec"),
    ] {
        let todo = match at {
            RedisAt::Private => "see its words in the run folder (redis.log)",
            _ => "start it, or set [redis] right; a firewall may stand between",
        };
        match timeout(PATIENCE, db.ping()).await {
            Ok(Ok(())) => keeping(name, db, fsync, report).await,
            Ok(Err(error)) => report.bad(name, error, todo),
            Err(_) => report.bad(name, "no answer", todo),
        }
    }
}

async fn keeping(name: &str, db: &Db, fsync: &str, report: &mut Report) {
    let mut told = Vec::new();
    for setting in ["appendonly", "appendfsync", "maxmemory-policy"] {
        told.push(
            timeout(PATIENCE, db.setting(setting))
                .await
                .ok()
                .and_then(Result::ok)
                .flatten(),
        );
    }
    judge_keeping(
        name,
        [told[0].as_deref(), told[1].as_deref(), told[2].as_deref()],
        fsync,
        report,
    );
}

fn judge_keeping(name: &str, told: [Option<&str>; 3], fsync: &str, report: &mut Report) {
    let [Some(append), Some(found), Some(policy)] = told else {
        return report.unknown(name, "answers, but does not tell how it keeps data (CONFIG GET)");
    };
    let is_kept = append == "yes" && (found == "always" || found == fsync);
    let found = format!("answers; appendonly {append}, appendfsync {found}, maxmemory-policy {policy}");
    if !is_kept {
        report.bad(
            name,
            found,
            format_args!("set appendonly yes and appendfsync {fsync}: else a power cut loses data"),
        );
    } else if policy != "noeviction" {
        report.bad(
            name,
            found,
            "set maxmemory-policy noeviction: else Redis throws data away when memory is short",
        );
    } else {
        report.good(name, found);
    }
}

/// Of an office that doesn't run: whether its ports are free.
pub(super) fn ports(config: &Config, report: &mut Report) {
    let turn = config.turn.iter();
    let turn = turn.flat_map(|turn| [("turn.listen", turn.listen), ("turn.tls_listen", turn.tls_listen)]);
    let tcp = [
        ("web.listen", Some(config.web.listen)),
        ("media.control", Some(config.media.control)),
        ("media.tcp", config.media.tcp),
    ];
    for (field, at) in tcp.into_iter().chain(turn) {
        let Some(at) = at else { continue };
        let tried = std::net::TcpListener::bind(at).map(drop);
        judge_port(field, at, "TCP", tried, report);
    }
    let tried = std::net::UdpSocket::bind(config.media.udp).map(drop);
    judge_port("media.udp", config.media.udp, "UDP", tried, report);
}

fn judge_port(field: &str, at: SocketAddr, by: &str, tried: std::io::Result<()>, report: &mut Report) {
    use std::io::ErrorKind;
    let todo = match tried.as_ref().err().map(std::io::Error::kind) {
        None => return report.good(field, format_args!("{at} ({by}) is free")),
        Some(ErrorKind::AddrInUse) => "see who has it: `ss -lptun`",
        Some(ErrorKind::AddrNotAvailable) => "name an address that this machine has: `ip addr`",
        Some(ErrorKind::PermissionDenied) => "let the office's user open ports below 1024 (CAP_NET_BIND_SERVICE)",
        Some(_) => "name another",
    };
    let error = tried.err().map(|it| it.to_string()).unwrap_or_default();
    report.bad(field, format_args!("{at} ({by}) can't be had: {error}"), todo);
}

/// Whether each camera's table is sound, and its address answers.
pub(super) async fn cameras(config: &Config, report: &mut Report) {
    for camera in &config.cameras {
        let name = format!("camera {}", camera.id);
        for fault in config.camera_faults.get(&camera.id).into_iter().flatten() {
            report.bad(
                &name,
                fault,
                "mend its table, or draw it at /staff/cameras: until then it doesn't count",
            );
        }
        let found = match sharing_screen(&camera.source) {
            Ok(Some(screen)) => shared(config, &screen),
            _ => reach(&camera.source).await,
        };
        match found {
            Ok(found) => report.good(&name, found),
            Err((found, todo)) => report.bad(&name, found, todo),
        }
    }
}

/// Whether a screen's player shares its camera on this machine.
fn shared(config: &Config, screen: &ScreenId) -> Result<String, (String, String)> {
    let found = frames::name_of(&config.screen_home(screen))
        .map_err(frames::End::from)
        .and_then(|name| frames::Socket::connect(&name));
    match found {
        Ok(_) => Ok(format!("the player of screen {screen} shares it")),
        Err(frames::End::Stranger) => Err((
            format!("the player of screen {screen} runs as another user"),
            "start it and vision as the same one".to_owned(),
        )),
        Err(error) => Err((
            format!("nobody shares the camera of screen {screen}: {error}"),
            "start the screen's player on this machine, with [screen.camera] in its configuration".to_owned(),
        )),
    }
}

/// What was found at a camera's source; else that and what to do. Never says its password.
async fn reach(source: &str) -> Result<String, (String, String)> {
    let Some((_, rest)) = source.split_once("://") else {
        return match std::fs::File::open(source) {
            Ok(_) => Ok(format!("{source} can be read")),
            Err(error) => {
                let todo = if source.starts_with("/dev/") {
                    "plug it in, and let the office's user belong to the group \"video\""
                } else {
                    "name a file that is there"
                };
                Err((format!("{source}: {error}"), todo.to_owned()))
            }
        };
    };
    let place = rest.split('/').next().unwrap_or_default();
    let host = place.rsplit('@').next().unwrap_or_default();
    let has_port = host
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.parse::<u16>().is_ok());
    let at = if has_port {
        host.to_owned()
    } else {
        format!("{host}:{RTSP_PORT}")
    };
    let todo = || "see that it has power and network, and that a firewall lets this machine reach it".to_owned();
    match timeout(PATIENCE, TcpStream::connect(&at)).await {
        Ok(Ok(_)) => Ok(format!("{at} answers")),
        Ok(Err(error)) => Err((format!("{at}: {error}"), todo())),
        Err(_) => Err((format!("{at}: no answer"), todo())),
    }
}

/// Whether screens have their typeface, and the avatar its voice.
pub(super) async fn words_and_voice(config: &Config, report: &mut Report) {
    if config.screens.is_empty() {
        return;
    }
    match said(Command::new("fc-match").args(["-f", "%{family}", "BIZ UDGothic"])).await {
        Some(family) if family.contains("BIZ UDGothic") => report.good("typeface", "BIZ UDGothic is there"),
        Some(other) => report.bad(
            "typeface",
            format_args!("screens would be set in {other}"),
            "install Debian's fonts-morisawa-bizud-gothic",
        ),
        None => report.unknown("typeface", "fc-match isn't there to tell"),
    }
    match &config.paths.voice {
        None => report.unknown("voice", "none is named: captions and a chime"),
        Some(voice) if !voice.exists() => report.bad(
            "voice",
            format_args!("{} is not there", voice.display()),
            "fetch it: ./madoguchi setup",
        ),
        Some(voice) => match said(Command::new("open_jtalk").arg("-h")).await {
            // It tells how it is used, and ends with a fault.
            None if !is_program("open_jtalk") => {
                report.bad("voice", "Open JTalk is missing", "install Debian's open-jtalk");
            }
            _ => report.good("voice", voice.display()),
        },
    }
}

fn is_program(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder: std::path::PathBuf| Path::new(&folder).join(name).is_file())
}

/// What a program says, when it is there, in time, and ends well.
async fn said(command: &mut Command) -> Option<String> {
    let command = command.stdin(std::process::Stdio::null()).kill_on_drop(true);
    let output = timeout(PATIENCE, command.output()).await.ok()?.ok()?;
    let is_well = output.status.success();
    is_well.then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// How far two clocks are apart, when it matters.
pub(super) fn judge_apart(apart: Duration, other: impl Display, report: &mut Report) {
    if apart > PATIENCE {
        let found = format!("{} s apart from {other}", apart.as_secs());
        report.bad(
            "clock (pages)",
            found,
            "let both machines be set by the same NTP server",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;

    fn one(judge: impl FnOnce(&mut Report)) -> super::super::Finding {
        let mut report = Report::default();
        judge(&mut report);
        assert_eq!(report.0.len(), 1);
        report.0.remove(0)
    }

    fn office(change: impl FnOnce(&mut Config)) -> (Config, tempfile::TempDir) {
        let dir = tempfile::tempdir().expect("temp");
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/demo.toml");
        let text = std::fs::read_to_string(&demo).expect("the demo is there");
        let mut config = Config::parse(&demo, &text).expect("sound").resolve(dir.path());
        config.paths.run = dir.path().to_owned();
        config.paths.content = dir.path().to_owned();
        change(&mut config);
        (config, dir)
    }

    #[test]
    fn a_clock_that_nobody_sets_is_a_fault_and_an_unknown_one_is_not() {
        assert_eq!(one(|it| judge_clock(Some("yes"), it)).state, State::Good);
        assert_eq!(one(|it| judge_clock(None, it)).state, State::Unknown);
        let bad = one(|it| judge_clock(Some("no"), it));
        assert!(bad.state == State::Bad && bad.todo.is_some_and(|it| it.contains("NTP")));
    }

    #[test]
    fn a_redis_that_may_forget_is_a_fault() {
        let judge = |told, fsync| one(|it| judge_keeping("redis", told, fsync, it));
        let good = [Some("yes"), Some("always"), Some("noeviction")];
        assert_eq!(judge(good, "always").state, State::Good);
        assert_eq!(judge(good, "everysec").state, State::Good);
        let second = judge([Some("yes"), Some("everysec"), Some("noeviction")], "always");
        assert!(second.state == State::Bad && second.todo.is_some_and(|it| it.contains("appendfsync always")));
        assert_eq!(
            judge([Some("no"), Some("always"), Some("noeviction")], "always").state,
            State::Bad
        );
        let evicts = judge([Some("yes"), Some("always"), Some("allkeys-lru")], "always");
        assert!(evicts.state == State::Bad && evicts.todo.is_some_and(|it| it.contains("noeviction")));
        assert_eq!(judge([None, None, None], "always").state, State::Unknown);
    }

    #[tokio::test]
    async fn a_private_redis_is_asked_how_it_keeps_and_one_that_is_gone_is_said() {
        let (config, dir) = office(|_| {});
        let socket = config.ledger_socket();
        let mut report = Report::default();
        redis(&config, &mut report).await;
        assert!(report.0.iter().all(|it| it.state == State::Bad), "{report:?}");
        let command = store::private::command(store::private::Purpose::Ledger, dir.path(), &socket);
        let mut server = Command::from(command).kill_on_drop(true).spawn().expect("redis-server");
        while !socket.exists() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let mut report = Report::default();
        redis(&config, &mut report).await;
        let ledger = &report.0[0];
        assert!(
            ledger.state == State::Good && ledger.found.contains("appendfsync always"),
            "{ledger:?}"
        );
        assert_eq!(report.0[1].state, State::Bad, "live isn't there");
        server.kill().await.expect("ends");
    }

    #[test]
    fn ports_are_free_taken_or_not_this_machines() {
        let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let (config, _dir) = office(|config| {
            config.web.listen = taken.local_addr().expect("address");
            config.media.udp = SocketAddr::from(([192, 0, 2, 1], 7000));
            config.media.tcp = None;
            config.media.control = SocketAddr::from(([127, 0, 0, 1], 0));
        });
        let mut report = Report::default();
        ports(&config, &mut report);
        let of = |field: &str| report.0.iter().find(|it| it.check == field).expect("checked");
        assert!(
            of("web.listen")
                .todo
                .as_ref()
                .is_some_and(|it| it.contains("ss -lptun"))
        );
        assert_eq!(of("media.control").state, State::Good);
        assert!(of("media.udp").todo.as_ref().is_some_and(|it| it.contains("ip addr")));
    }

    #[test]
    fn a_folder_that_is_missing_is_said() {
        let (config, _dir) = office(|config| config.paths.content = "/nowhere/content".into());
        let mut report = Report::default();
        disk(&config, &mut report);
        assert!(report.0[0].found.contains("MB free"), "{report:?}");
        assert!(report.0[1].state == State::Bad && report.0[1].found.contains("/nowhere/content"));
    }

    #[tokio::test]
    async fn cameras_are_reached_and_their_passwords_kept() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = listener.local_addr().expect("address");
        let there = reach(&format!("rtsp://user:secret@{at}/stream"))
            .await
            .expect("answers");
        assert_eq!(there, format!("{at} answers"));
        drop(listener);
        let (found, todo) = reach(&format!("rtsp://user:secret@{at}/stream"))
            .await
            .expect_err("gone");
        assert!(!found.contains("secret") && todo.contains("firewall"), "{found} {todo}");
        assert!(
            reach("/dev/no-such-camera")
                .await
                .expect_err("missing")
                .1
                .contains("video")
        );
        assert!(reach("/no/such/film.avi").await.is_err());
    }

    #[test]
    fn clocks_that_are_apart_are_said() {
        let mut report = Report::default();
        judge_apart(Duration::from_secs(1), "pages", &mut report);
        assert!(report.0.is_empty());
        judge_apart(Duration::from_secs(90), "pages", &mut report);
        assert_eq!(report.0[0].state, State::Bad);
    }
}
