//! A film that an admin brings to try a camera's set-up on: who may, how it lies, and that it is gone. The camera worker's side
//! of its socket is spoken here, as the worker does: it opens what the server holds.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use common::browser::Browser;
use common::office::{ORIGIN, Office, trail};
use common::until;
use protocol::setup::{Answer, Ask, Counted, Film, LARGEST_FILM};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::Notify;

const TABLES: &str = r#"
[[camera]]
id = "north"
area = "lobby-1f"
source = "film.avi"
person_heights = [[0.3, 0.1], [0.9, 0.2]]
[vision]
film_uploads = true
film_held_for = "HELD"
"#;

/// As an AVI begins, and then what is looked for on the disk.
fn film(bytes: usize) -> Vec<u8> {
    let mut film = b"RIFF\0\0\0\0AVI LIST".to_vec();
    film.extend(b"somebody walks by ".iter().cycle().take(bytes));
    film
}

fn form(film: &[u8]) -> Vec<u8> {
    let geometry = json!({ "person_heights": [[0.3, 0.1], [0.9, 0.2]], "polygon": null, "line": null, "overlaps": [] });
    let mut body = Vec::new();
    for (head, bytes) in [
        ("name=\"geometry\"", geometry.to_string().as_bytes()),
        ("name=\"film\"; filename=\"film\"", film),
    ] {
        body.extend_from_slice(format!("--line\r\ncontent-disposition: form-data; {head}\r\n\r\n").as_bytes());
        body.extend_from_slice(bytes);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--line--\r\n");
    body
}

async fn bring(admin: &mut Browser, body: impl Into<reqwest::Body>) -> Response {
    let request = admin
        .request(Method::POST, "/staff/cameras/one/north/film")
        .header("x-csrf-token", &admin.csrf)
        .header("origin", ORIGIN)
        .header("content-type", "multipart/form-data; boundary=line")
        .body(body);
    admin.send(request).await
}

/// A body whose pieces come when they come.
fn streamed(coming: tokio::sync::mpsc::Receiver<Result<Vec<u8>, std::io::Error>>) -> reqwest::Body {
    let stream = futures_util::stream::unfold(coming, |mut coming| async { Some((coming.recv().await?, coming)) });
    reqwest::Body::wrap_stream(stream)
}

async fn why(response: Response) -> String {
    let answer: Value = response.json().await.unwrap();
    answer["why"].as_str().unwrap_or_default().to_owned()
}

/// Where each film lay, and what was in it.
type Seen = Arc<Mutex<Vec<(PathBuf, Vec<u8>)>>>;

/// The worker: opens what the asker holds, tells where it lies and what is in it, and answers when it may. It can't change it.
struct Worker {
    seen: Seen,
    may_answer: Arc<Notify>,
}

impl Worker {
    fn start(office: &Office) -> Self {
        let folder = office.path("run/vision");
        std::fs::create_dir_all(&folder).unwrap();
        let listener = UnixListener::bind(folder.join("setup.sock")).unwrap();
        let worker = Self {
            seen: Arc::default(),
            may_answer: Arc::default(),
        };
        let (seen, may_answer) = (Arc::clone(&worker.seen), Arc::clone(&worker.may_answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&seen), Arc::clone(&may_answer)));
            }
        });
        worker
    }

    fn seen(&self) -> Vec<(PathBuf, Vec<u8>)> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(stream: UnixStream, seen: Seen, may_answer: Arc<Notify>) {
    let asker = stream.peer_cred().unwrap().pid().unwrap();
    let (reader, mut writer) = stream.into_split();
    let (mut reader, mut line) = (BufReader::new(reader), String::new());
    // Who only looks whether there is a worker asks nothing.
    if reader.read_line(&mut line).await.unwrap() == 0 {
        return;
    }
    let Ask::Trial {
        film: Film::Held(descriptor),
        ..
    } = serde_json::from_str(&line).unwrap()
    else {
        panic!("a film that is held was expected: {line}");
    };
    let path = PathBuf::from(format!("/proc/{asker}/fd/{descriptor}"));
    let bytes = std::fs::read(&path).unwrap();
    let mut writable = std::fs::File::options().write(true).open(&path).unwrap();
    assert!(std::io::Write::write(&mut writable, b"x").is_err(), "it is sealed");
    drop(writable);
    seen.lock().unwrap().push((std::fs::read_link(&path).unwrap(), bytes));
    tokio::select! {
        () = may_answer.notified() => {}
        // The server has withdrawn its question.
        _ = reader.read_u8() => return,
    }
    let counted = Answer::Counted(Counted {
        seconds: vec![Some(2)],
        crossed: None,
    });
    let _ = writer
        .write_all((serde_json::to_string(&counted).unwrap() + "\n").as_bytes())
        .await;
}

async fn open(held: &str) -> Office {
    Office::open_with_tables("1h", &TABLES.replace("HELD", held)).await
}

/// No file of the office's has this in it.
fn lies_nowhere(office: &Office, part: &[u8]) {
    let mut folders = vec![office.path("")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let bytes = std::fs::read(entry.path()).unwrap_or_default();
                let has = bytes.windows(part.len()).any(|window| window == part);
                assert!(!has, "{}", entry.path().display());
            }
        }
    }
}

/// What a film that is held is called where open files are listed.
const MEMORY: &str = "/memfd:madoguchi-film";

/// Films that this program holds in memory.
fn held() -> usize {
    let open = std::fs::read_dir("/proc/self/fd").unwrap().flatten();
    let links = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    links.filter(|to| to.to_string_lossy().starts_with(MEMORY)).count()
}

async fn is_deleted(office: &Office) {
    until("the film is deleted", || async { (held() == 0).then_some(()) }).await;
    until("the log says so", || async {
        let trail = trail(office, "north").await;
        (trail.last().map(String::as_str) == Some("staff/kanri camera.film.deleted")).then_some(())
    })
    .await;
}

/// All in one test: what this program holds open is looked at.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_film_is_held_in_memory_for_its_one_trial_and_nothing_is_left() {
    let office = open("1h").await;
    let mut admin = office.staff("kanri").await;
    let answer = bring(&mut admin, form(&film(10))).await;
    assert_eq!(answer.status(), 503, "no worker: nothing is taken");
    assert!(trail(&office, "north").await.is_empty());
    let worker = Worker::start(&office);

    // It is whole when the worker opens it, and gone when that has answered.
    let whole = film(300_000);
    worker.may_answer.notify_one();
    let answer = bring(&mut admin, form(&whole)).await;
    assert_eq!(answer.status(), 200);
    let counted: Answer = answer.json().await.unwrap();
    assert!(matches!(counted, Answer::Counted(_)), "{counted:?}");
    let (place, bytes) = worker.seen().remove(0);
    assert_eq!(bytes, whole);
    assert!(
        place.to_string_lossy().starts_with(MEMORY),
        "it lies on no disk: {}",
        place.display()
    );
    is_deleted(&office).await;
    assert_eq!(
        trail(&office, "north").await,
        [
            "staff/kanri camera.film",
            "staff/kanri camera.tried",
            "staff/kanri camera.film.deleted"
        ]
    );

    // While it is held nobody else's is taken, and it lies under no name, in no log and not in Redis.
    let first = admin
        .request(Method::POST, "/staff/cameras/one/north/film")
        .header("x-csrf-token", &admin.csrf)
        .header("origin", ORIGIN)
        .header("content-type", "multipart/form-data; boundary=line")
        .body(form(&whole))
        .send()
        .await
        .unwrap();
    until("the worker has it", || async {
        (worker.seen().len() == 2).then_some(())
    })
    .await;
    assert_eq!(held(), 1);
    let second = bring(&mut admin, form(&film(10))).await;
    assert_eq!((second.status().as_u16(), why(second).await), (409, "busy".to_owned()));
    lies_nowhere(&office, b"somebody walks by somebody");
    // Who brought it goes away in the middle of the trial.
    drop(first);
    is_deleted(&office).await;

    // In the middle of sending.
    let (pieces, coming) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let mut begin = form(&film(100_000));
    begin.truncate(50_000);
    pieces.send(Ok(begin)).await.unwrap();
    let mut other = office.staff("kanri").await;
    let sending = tokio::spawn(async move { bring(&mut other, streamed(coming)).await });
    until("it has begun", || async { (held() == 1).then_some(()) }).await;
    sending.abort();
    drop(pieces);
    is_deleted(&office).await;

    // What is no film, or too large, isn't kept either.
    let list = bring(&mut admin, form(&b"#EXTM3U\nhttp://192.0.2.7/\n".repeat(400))).await;
    assert_eq!(
        (list.status().as_u16(), why(list).await),
        (400, "not_a_film".to_owned())
    );
    is_deleted(&office).await;
    let entries = trail(&office, "north").await.len();
    // Its first piece only: the answer doesn't wait for more.
    let (pieces, coming) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    pieces.send(Ok(form(&film(10))[..200].to_vec())).await.unwrap();
    let huge = admin
        .request(Method::POST, "/staff/cameras/one/north/film")
        .header("x-csrf-token", &admin.csrf)
        .header("origin", ORIGIN)
        .header("content-type", "multipart/form-data; boundary=line")
        .header("content-length", LARGEST_FILM * 2)
        .body(streamed(coming));
    let huge = admin.send(huge).await;
    assert_eq!((huge.status().as_u16(), why(huge).await), (413, "too_large".to_owned()));
    drop(pieces);
    assert_eq!(trail(&office, "north").await.len(), entries, "nothing was taken");
    assert_eq!(worker.seen().len(), 2, "the worker saw none of these");

    // Not for others, and not from elsewhere.
    let mut clerk = office.staff("hanako").await;
    assert_eq!(bring(&mut clerk, form(&film(10))).await.status(), 403);
    let foreign = admin
        .request(Method::POST, "/staff/cameras/one/north/film")
        .header("content-type", "multipart/form-data; boundary=line")
        .body(form(&film(10)));
    assert_eq!(admin.send(foreign).await.status(), 403);
    assert_eq!(trail(&office, "north").await.len(), entries);
    drop(office);

    // And for no longer than the office says, whatever the worker does.
    let office = open("1s").await;
    let mut admin = office.staff("kanri").await;
    let worker = Worker::start(&office);
    let answer = bring(&mut admin, form(&film(1000))).await;
    assert_eq!(why(answer).await, "too_long");
    assert_eq!(worker.seen().len(), 1);
    is_deleted(&office).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_office_has_not_said_so_no_film_is_taken() {
    let off = TABLES.replace("film_uploads = true\n", "").replace("HELD", "1h");
    let office = Office::open_with_tables("1h", &off).await;
    let mut admin = office.staff("kanri").await;
    let _worker = Worker::start(&office);
    assert_eq!(bring(&mut admin, form(&film(10))).await.status(), 404);
    let (_, page) = admin.text("/staff/cameras/one/north").await;
    assert!(page.contains(r#""largest_film":null"#), "{page}");
    assert!(trail(&office, "north").await.is_empty());
}

/// The test above again, under strace: of all that the server writes meanwhile, and what it starts, a film's bytes go into memory,
/// and come by a socket. Nothing else is done with that memory but opening it to read.
#[test]
fn no_byte_of_a_film_is_written_to_a_disk() {
    if !test_trace::is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let test = "a_film_is_held_in_memory_for_its_one_trial_and_nothing_is_left";
    let status = test_trace::command(std::env::current_exe().unwrap(), &folder.path().join("calls"))
        .args(["--exact", test])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success(), "{test} passes under strace too");
    assert!(
        test_trace::wait_for_end(folder.path()),
        "strace has written its reports"
    );
    let mut into_memory = 0;
    for report in std::fs::read_dir(folder.path()).unwrap().flatten() {
        let report = std::fs::read(report.path()).unwrap();
        for line in String::from_utf8_lossy(&report).lines() {
            // `1700000000.123456 write(7</memfd:a>, "…"…, 30) = 30`
            let call = line.split(' ').nth(1).unwrap_or_default();
            let has = |part: &str| line.contains(part);
            let is_written_to = |to: &str| call.starts_with("write(") && call.contains(&format!("<{to}"));
            if has("somebody walks by") {
                let is_sent = call.contains("<TCP:");
                assert!(is_written_to(MEMORY) || is_sent, "a film's bytes go elsewhere: {line}");
                into_memory += usize::from(!is_sent);
            } else if has(MEMORY) {
                let is_made = call.starts_with("memfd_create(") || call.starts_with("openat(");
                assert!(is_made || is_written_to(MEMORY), "what is this? {line}");
            }
            let may_be_written = has("MAP_SHARED") && has("PROT_WRITE") && !has("MAP_ANONYMOUS");
            assert!(!may_be_written, "a file is mapped to be written: {line}");
        }
    }
    assert!(
        into_memory >= 3,
        "three films came, {into_memory} pieces of them were seen"
    );
}
