//! Setting cameras up while they count: the program as it runs, a film before it, a real Redis behind it, and the office's
//! server's side of the local socket.

mod office;

use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use nix::sys::memfd::{MFdFlags, memfd_create};
use opencv::core::{self, Mat, Rect, Scalar, Size, Vector};
use opencv::prelude::{MatTraitConst as _, VideoWriterTrait as _};
use opencv::videoio::VideoWriter;
use opencv::{imgcodecs, imgproc};
use protocol::config::Overlap;
use protocol::ids::{AreaId, CameraId, StaffId};
use protocol::setup::{Answer, Ask, Boxes, Counted, Film, Geometry, Why};
use store::{cameras, corrections};
use test_trace::Budget;
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};

use office::{LIMIT, Office, TEXT, look_again};

const WIDTH: i32 = 480;
const HEIGHT: i32 = 360;
const PER_SECOND: i32 = 10;

/// A still of so few pixels takes some 12,000 bytes as PNG in base64; boxes some 300, five times a second.
const STILL: Budget = Budget::once(16_000);
const BOXES: Budget = Budget::new(1_000, 2_500);
/// What a film counts, second by second.
const COUNTED: Budget = Budget::once(4_000);

fn fill(picture: &mut Mat, place: Rect, grey: f64) {
    imgproc::rectangle(picture, place, Scalar::all(grey), imgproc::FILLED, imgproc::LINE_8, 0).expect("drawn");
}

/// Four seconds of an empty paved place, then so many of somebody who walks up and down in its left half.
fn film(path: &Path, seconds: i32) {
    let code = VideoWriter::fourcc('M', 'J', 'P', 'G').expect("code");
    let name = path.to_str().expect("a plain name");
    let speed = f64::from(PER_SECOND);
    let mut writer = VideoWriter::new(name, code, speed, Size::new(WIDTH, HEIGHT), true).expect("opened");
    for step in 0..(4 + seconds) * PER_SECOND {
        let mut picture =
            Mat::new_rows_cols_with_default(HEIGHT, WIDTH, core::CV_8UC3, Scalar::all(140.0)).expect("mat");
        for x in (0..WIDTH).step_by(24) {
            fill(&mut picture, Rect::new(x, 0, 12, HEIGHT), 120.0);
        }
        let walked = step - 4 * PER_SECOND;
        if walked >= 0 {
            let there = walked * 4 % 240;
            let x = 50 + if there < 120 { there } else { 240 - there };
            // Head, trunk, legs: 120 pixels in all.
            fill(&mut picture, Rect::new(x - 8, 180, 16, 20), 225.0);
            fill(&mut picture, Rect::new(x - 16, 200, 32, 46), 30.0);
            fill(&mut picture, Rect::new(x - 13, 246, 11, 54), 50.0);
            fill(&mut picture, Rect::new(x + 2, 246, 11, 54), 50.0);
        }
        writer.write(&picture).expect("written");
    }
    writer.release().expect("closed");
}

/// Who asks the worker.
struct Asked {
    lines: Lines<BufReader<OwnedReadHalf>>,
    _writer: OwnedWriteHalf,
}

impl Asked {
    async fn next(&mut self) -> Option<Answer> {
        let line = tokio::time::timeout(LIMIT, self.lines.next_line()).await;
        let line = line.expect("in time").expect("heard")?;
        Some(serde_json::from_str(&line).expect("an answer"))
    }
}

async fn ask(office: &Office, ask: &Ask) -> Asked {
    let end = Instant::now() + LIMIT;
    let stream = loop {
        match UnixStream::connect(office.config.vision_socket()).await {
            Ok(stream) => break stream,
            Err(error) => assert!(Instant::now() < end, "{error}; log: {}", office.log()),
        }
        look_again().await;
    };
    let (reader, mut writer) = stream.into_split();
    let line = format!("{}\n", serde_json::to_string(ask).expect("json"));
    writer.write_all(line.as_bytes()).await.expect("asked");
    Asked {
        lines: BufReader::new(reader).lines(),
        _writer: writer,
    }
}

fn north() -> CameraId {
    CameraId::new("north").expect("valid")
}

fn geometry(polygon: [[f64; 2]; 4]) -> Geometry {
    Geometry {
        person_heights: [[0.3, 0.3], [0.9, 0.4]],
        polygon: Some(polygon.to_vec()),
        line: None,
        overlaps: None,
        bays: Vec::new(),
    }
}

async fn draw(office: &Office, version: u64, geometry: Option<Geometry>) {
    let by = StaffId::new("kanri").expect("valid");
    let new = (geometry, &by, runtime::now());
    let drawn = cameras::set_up(&office.store.ledger, &office.config.office.id, &north(), version, new).await;
    assert_eq!(drawn.expect("written").expect("in time").version, version + 1);
}

/// The next moment of which `is_so` holds.
async fn boxes(watch: &mut Asked, what: &str, office: &Office, is_so: impl Fn(&Boxes) -> bool) -> Boxes {
    let end = Instant::now() + LIMIT;
    loop {
        match watch.next().await {
            Some(Answer::Boxes(boxes)) if is_so(&boxes) => return boxes,
            Some(Answer::Boxes(boxes)) => {
                assert!(Instant::now() < end, "{what}: {boxes:?}; log: {}", office.log());
            }
            other => panic!("{what}: {other:?}; log: {}", office.log()),
        }
    }
}

fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).expect("a folder").flatten();
    let mut all = Vec::new();
    for entry in entries {
        let kind = entry.file_type().expect("a kind");
        if kind.is_dir() {
            all.extend(files(&entry.path()));
        } else if kind.is_file() {
            all.push(entry.path());
        }
    }
    all
}

#[tokio::test]
async fn a_still_of_few_pixels_comes_to_our_own_user_and_lies_nowhere() {
    let mut office = Office::new("film.avi").await;
    film(&office.dir.path().join("film.avi"), 20);
    office.allow_answers(STILL, Some([64, 48]));
    office.start_vision();
    office
        .wait_for_report("the camera sees", |report| report.frames_counted > 0)
        .await;
    let answer = ask(&office, &Ask::Picture { camera: north() }).await.next().await;
    let Some(Answer::Picture(still)) = answer else {
        panic!("{answer:?}; log: {}", office.log());
    };
    // A person is 0.42 of the picture at most: 4 pixels of a head are 71 rows, and 48 are the most.
    assert_eq!((still.width, still.height, still.of), (64, 48, [480, 360]));
    let png = data_encoding::BASE64.decode(still.png.as_bytes()).expect("base64");
    let small = imgcodecs::imdecode(&Vector::from_slice(&png), imgcodecs::IMREAD_COLOR).expect("a picture");
    assert_eq!(
        (small.cols(), small.rows()),
        (64, 48),
        "the bytes themselves are that few"
    );
    let folder = office.config.vision_socket();
    let folder = folder.parent().expect("a folder");
    let mode = std::fs::metadata(folder).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "nobody else may ask");
    for file in files(office.dir.path())
        .iter()
        .filter(|file| !file.ends_with("film.avi"))
    {
        let bytes = std::fs::read(file).expect("read");
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(
            !has(&png[..16]) && !has(&still.png.as_bytes()[..24]),
            "{}",
            file.display()
        );
    }
    let camera = CameraId::new("roof").expect("valid");
    let refused = ask(&office, &Ask::Picture { camera }).await.next().await;
    assert_eq!(refused, Some(Answer::Refused { why: Why::NoCamera }));
    assert_eq!(office.end().await, Some(0), "log: {}", office.log());
}

#[tokio::test]
async fn what_staff_draw_counts_at_once_and_the_camera_is_read_on() {
    let mut office = Office::new("film.avi").await;
    film(&office.dir.path().join("film.avi"), 120);
    office.allow_answers(BOXES, None);
    office.start_vision();
    let mut watch = ask(
        &office,
        &Ask::Watch {
            camera: north(),
            seconds: 600,
        },
    )
    .await;
    let one = |boxes: &Boxes, is_counted: bool| boxes.people.iter().any(|found| found.is_counted == is_counted);
    let seen = boxes(&mut watch, "somebody is counted", &office, |boxes| {
        one(boxes, true) && boxes.count == Some(1)
    })
    .await;
    let [left, top, width, height] = seen.people[0].place;
    assert!(
        left < 0.5 && (0.3..0.7).contains(&top) && width < 0.4 && height < 0.6,
        "{seen:?}"
    );
    let right = [[0.6, 0.2], [1.0, 0.2], [1.0, 1.0], [0.6, 1.0]];
    draw(&office, 0, Some(geometry(right))).await;
    let seen = boxes(&mut watch, "nobody is counted any more", &office, |boxes| {
        boxes.count == Some(0) && boxes.status == protocol::congestion::CameraStatus::Seeing
    })
    .await;
    assert!(!one(&seen, true), "{seen:?}");
    let left = [[0.0, 0.2], [0.6, 0.2], [0.6, 1.0], [0.0, 1.0]];
    draw(&office, 1, Some(geometry(left))).await;
    boxes(&mut watch, "counted again", &office, |boxes| boxes.count == Some(1)).await;
    // What can't be used leaves it as it is.
    let crossing = [[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]];
    draw(&office, 2, Some(geometry(crossing))).await;
    let end = Instant::now() + LIMIT;
    while !office.log().contains("sides 1 and 3 cross") {
        assert!(Instant::now() < end, "{}", office.log());
        look_again().await;
    }
    boxes(&mut watch, "still counted", &office, |boxes| boxes.count == Some(1)).await;
    let report = office.report().await.expect("a report");
    assert_eq!(report.losses, 0, "the camera was never opened anew");
    // At the next start what was drawn holds from the beginning: here the configuration's, as the last can't be used.
    draw(&office, 3, Some(geometry(right))).await;
    assert_eq!(office.end().await, Some(0), "log: {}", office.log());
    office.start_vision();
    office
        .wait_for_report("it counts", |report| report.is_alive && report.frames_counted > 60)
        .await;
    let log = office.log();
    assert!(
        !log.contains("set up as staff have drawn it"),
        "drawn before the start: {log}"
    );
    assert_eq!(office.state().await.and_then(|state| state.count), Some(0));
}

#[tokio::test]
async fn boxes_end_by_themselves() {
    let mut office = Office::new("film.avi").await;
    film(&office.dir.path().join("film.avi"), 20);
    office.allow_answers(BOXES, None);
    office.start_vision();
    let watch = Ask::Watch {
        camera: north(),
        seconds: 2,
    };
    let mut watch = ask(&office, &watch).await;
    let mut told = 0;
    while let Some(answer) = watch.next().await {
        assert!(matches!(answer, Answer::Boxes(_)), "{answer:?}");
        told += 1;
    }
    // Five a second at most.
    assert!((1..=11).contains(&told), "{told} moments in two seconds");
}

/// The same place seen by two cameras, whose counts are added.
async fn two_cameras(join: &str) -> Office {
    let south = "[[camera]]\nid = \"south\"\narea = \"square\"\nsource = \"film.avi\"\n\
        person_heights = [[0.3, 0.3], [0.9, 0.4]]\n";
    let text = TEXT
        .replace("SOURCE", "film.avi")
        .replace("capacity =", &format!("join = \"{join}\"\ncapacity ="));
    let office = Office::with(&format!("{text}{south}")).await;
    film(&office.dir.path().join("film.avi"), 120);
    office
}

/// What the camera sees in its left half is the other one's to count.
fn left_to_south() -> Geometry {
    let overlap = Overlap {
        camera: CameraId::new("south").expect("valid"),
        polygon: vec![[0.0, 0.0], [0.65, 0.0], [0.65, 1.0], [0.0, 1.0]],
    };
    Geometry {
        polygon: None,
        overlaps: Some(vec![overlap]),
        ..geometry([[0.0, 0.2], [1.0, 0.2], [1.0, 1.0], [0.0, 1.0]])
    }
}

#[tokio::test]
async fn who_is_seen_by_two_cameras_is_counted_twice_until_an_overlap_is_drawn_and_again_when_it_is_gone() {
    let mut office = two_cameras("sum").await;
    office.allow_answers(BOXES, None);
    office.start_vision();
    office.wait_for("counted by both", |state| state.count == Some(2)).await;
    draw(&office, 0, Some(left_to_south())).await;
    office.wait_for("counted by one", |state| state.count == Some(1)).await;
    let mut watch = ask(
        &office,
        &Ask::Watch {
            camera: north(),
            seconds: 600,
        },
    )
    .await;
    let left = boxes(&mut watch, "somebody is left to the other", &office, |boxes| {
        !boxes.people.is_empty()
    })
    .await;
    assert!(left.people.iter().all(|found| !found.is_counted), "{left:?}");
    let none = Geometry {
        overlaps: Some(Vec::new()),
        ..left_to_south()
    };
    draw(&office, 1, Some(none)).await;
    office
        .wait_for("counted by both again", |state| state.count == Some(2))
        .await;
    assert_eq!(
        office.report().await.expect("a report").losses,
        0,
        "the camera was never opened anew"
    );
}

#[tokio::test]
async fn an_overlap_takes_nobody_from_the_largest_of_two_counts() {
    let mut office = two_cameras("max").await;
    office.allow_answers(BOXES, None);
    office.start_vision();
    office
        .wait_for("the larger count", |state| state.count == Some(1))
        .await;
    draw(&office, 0, Some(left_to_south())).await;
    let mut watch = ask(
        &office,
        &Ask::Watch {
            camera: north(),
            seconds: 600,
        },
    )
    .await;
    let end = Instant::now() + LIMIT;
    while !office.log().contains("set up as staff have drawn it") {
        assert!(Instant::now() < end, "{}", office.log());
        look_again().await;
    }
    boxes(&mut watch, "counted here too", &office, |boxes| {
        boxes.count == Some(1) && boxes.people.iter().any(|found| found.is_counted)
    })
    .await;
    // What a later configuration could bring about, and the server refuses: it is said in the log.
    let mut back = left_to_south();
    back.overlaps.as_mut().expect("some")[0].camera = north();
    let (south, by) = (
        CameraId::new("south").expect("valid"),
        StaffId::new("kanri").expect("valid"),
    );
    let new = (Some(back), &by, runtime::now());
    let drawn = cameras::set_up(&office.store.ledger, &office.config.office.id, &south, 0, new).await;
    assert!(drawn.expect("written").is_some());
    let end = Instant::now() + LIMIT;
    while !office.log().contains("nobody counts who stands there") {
        assert!(Instant::now() < end, "{}", office.log());
        look_again().await;
    }
}

const DOOR: &str = "role = \"entrance\"\nline = [[0.5, 1.0], [0.5, 0.0]]\n";

#[tokio::test]
async fn what_staff_say_of_a_doors_area_holds_at_once_and_is_taken_once() {
    let mut office = Office::with(&format!("{}{DOOR}", TEXT.replace("SOURCE", "film.avi"))).await;
    film(&office.dir.path().join("film.avi"), 60);
    office.start_vision();
    office
        .wait_for_report("the door is watched", |report| report.is_alive)
        .await;
    let state = office.state().await.expect("a state");
    assert_eq!(state.count, None, "who is inside at the start nobody knows");
    let (live, id) = (&office.store.live, &office.config.office.id);
    let square = AreaId::new("square").expect("valid");
    corrections::leave(live, id, &square, 7).await.expect("left");
    office.wait_for("what was said", |state| state.count == Some(7)).await;
    assert!(!corrections::is_waiting(live, id, &square).await.expect("asked"));
    let corrected = office
        .wait_for_report("it is told", |report| report.corrections == Some(7))
        .await;
    assert_eq!(corrected.crossed, Some([0, 0]));
}

#[tokio::test]
async fn a_word_waits_until_the_door_is_watched() {
    let mut office = Office::with(&format!("{}{DOOR}", TEXT.replace("SOURCE", "film.avi"))).await;
    office.start_vision();
    office
        .wait_for_report("there is no film", |report| !report.is_alive)
        .await;
    let (live, id) = (&office.store.live, &office.config.office.id);
    let square = AreaId::new("square").expect("valid");
    corrections::leave(live, id, &square, 5).await.expect("left");
    // Longer than a worker that takes it needs.
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(
        corrections::withdraw(live, id, &square).await.expect("asked"),
        "it lies there"
    );
    film(&office.dir.path().join("film.avi"), 60);
    let end = Instant::now() + Duration::from_secs(90);
    // What is left again and again, as by somebody who tries again, is taken as soon as it holds.
    corrections::leave(live, id, &square, 7).await.expect("left");
    while corrections::is_waiting(live, id, &square).await.expect("asked") {
        assert!(Instant::now() < end, "{}", office.log());
        corrections::leave(live, id, &square, 7).await.expect("left");
        look_again().await;
    }
    office.wait_for("what was said", |state| state.count == Some(7)).await;
}

#[tokio::test]
async fn a_set_up_is_tried_on_a_film_of_the_folder_only() {
    let vision = "[vision]\nfilms = \"films\"\n";
    let mut office = Office::with(&format!("{}{vision}", TEXT.replace("SOURCE", "film.avi"))).await;
    let films = office.dir.path().join("films");
    std::fs::create_dir(&films).expect("made");
    film(&office.dir.path().join("film.avi"), 1);
    film(&films.join("walk.avi"), 8);
    std::fs::write(films.join("broken.avi"), b"no film").expect("written");
    office.allow_answers(COUNTED, None);
    office.reads_ours = true;
    office.start_vision();
    let trial = async |name: &str, polygon| {
        let ask = Ask::Trial {
            camera: north(),
            geometry: Geometry {
                line: Some([[0.25, 1.0], [0.25, 0.0]]),
                ..geometry(polygon)
            },
            film: Film::Named(name.to_owned()),
        };
        answer_to(&office, &ask).await
    };
    let left = [[0.0, 0.2], [0.6, 0.2], [0.6, 1.0], [0.0, 1.0]];
    let Answer::Counted(Counted { seconds, crossed }) = trial("walk.avi", left).await else {
        panic!("log: {}", office.log());
    };
    assert_eq!(seconds.len(), 12, "{seconds:?}");
    assert!(seconds[8..].contains(&Some(1)), "{seconds:?}");
    assert!(crossed.is_some());
    // One that we hold in memory, as the office's server holds what an admin brings.
    let path = films.join("brought.avi");
    film(&path, 8);
    let mut held = std::fs::File::from(memfd_create("film", MFdFlags::MFD_CLOEXEC).expect("memory"));
    std::io::Write::write_all(&mut held, &std::fs::read(&path).expect("read")).expect("written");
    std::fs::remove_file(&path).expect("deleted");
    let of_held = |descriptor: i32| Ask::Trial {
        camera: north(),
        geometry: geometry(left),
        film: Film::Held(descriptor.unsigned_abs()),
    };
    let Answer::Counted(Counted { seconds, .. }) = answer_to(&office, &of_held(held.as_raw_fd())).await else {
        panic!("log: {}", office.log());
    };
    assert!(seconds[8..].contains(&Some(1)), "{seconds:?}");
    let none = answer_to(&office, &of_held(i32::MAX)).await;
    assert_eq!(none, Answer::Refused { why: Why::NoFilm });

    let right = [[0.7, 0.2], [1.0, 0.2], [1.0, 1.0], [0.7, 1.0]];
    let Answer::Counted(Counted { seconds, .. }) = trial("walk.avi", right).await else {
        panic!("log: {}", office.log());
    };
    assert!(!seconds.contains(&Some(1)), "nobody is over there: {seconds:?}");
    for (name, why) in [
        ("none.avi", Why::NoFilm),
        ("../film.avi", Why::NoFilm),
        ("broken.avi", Why::NotAFilm),
    ] {
        assert_eq!(trial(name, left).await, Answer::Refused { why }, "{name}");
    }
}

async fn answer_to(office: &Office, question: &Ask) -> Answer {
    let mut asked = ask(office, question).await;
    let answer = tokio::time::timeout(Duration::from_secs(120), asked.lines.next_line()).await;
    let line = answer.expect("in time").expect("heard").expect("an answer");
    serde_json::from_str(&line).expect("an answer")
}
