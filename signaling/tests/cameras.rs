//! Setting cameras up, and staff's word on how many are there: who may, what is kept, what is written down. The camera worker's
//! side of its socket is spoken here; the worker itself is tested in `vision` and in the browser.

#![allow(clippy::unwrap_used, missing_docs)]

mod common;

use common::browser::Browser;
use common::office::{ORIGIN, Office, office_id, trail};
use common::until;
use protocol::config::Camera;
use protocol::ids::{AreaId, CameraId};
use protocol::setup::{Answer, Ask, Boxes, Geometry, Still};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixListener;

const TABLES: &str = r#"
[[camera]]
id = "south"
area = "lobby-1f"
source = "film.avi"
person_heights = [[0.3, 0.1], [0.9, 0.2]]
overlap = [{ camera = "north", polygon = [[0.0, 0.0], [0.5, 0.0], [0.5, 1.0]] }]
[[area]]
id = "hall"
name = { ja = "ホール" }
capacity = 100
moderate_from = 40
busy_from = 70
[[camera]]
id = "north"
area = "lobby-1f"
source = "rtsp://office:secret@192.0.2.7/1"
person_heights = [[0.3, 0.1], [0.9, 0.2]]
[[camera]]
id = "door"
area = "hall"
source = "film.avi"
role = "entrance"
line = [[0.2, 0.5], [0.8, 0.5]]
person_heights = [[0.3, 0.1], [0.9, 0.2]]
[[area]]
id = "lot"
name = { ja = "駐車場" }
capacity = 3
moderate_from = 2
busy_from = 3
[[camera]]
id = "roof"
area = "lot"
source = "lot.avi"
role = "parking"
[[camera.bay]]
id = "1"
polygon = [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]
[vision]
shown_for = "1s"
film_uploads = true
film_held_for = "HELD"
"#;

async fn open() -> Office {
    Office::open_with_tables("1h", &TABLES.replace("HELD", "1h")).await
}

async fn post(browser: &mut Browser, path: &str, body: &Value) -> Response {
    let request = browser
        .request(Method::POST, path)
        .header("x-csrf-token", &browser.csrf)
        .header("origin", ORIGIN)
        .header("content-type", "application/json")
        .body(body.to_string());
    browser.send(request).await
}

fn drawn(version: u64, polygon: &Value) -> Value {
    json!({
        "version": version,
        "geometry": { "person_heights": [[0.3, 0.1], [0.9, 0.25]], "polygon": polygon, "line": null },
    })
}

fn square() -> Value {
    json!([[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.1, 0.9]])
}

fn still() -> Still {
    Still {
        width: 64,
        height: 48,
        of: [768, 576],
        png: "iVBORw0KGgo=".to_owned(),
    }
}

/// Speaks the camera worker's side: a still to who asks for one, boxes for ever to who watches.
fn answer_as_worker(office: &Office) {
    let folder = office.path("run/vision");
    std::fs::create_dir_all(&folder).unwrap();
    let listener = UnixListener::bind(folder.join("setup.sock")).unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (reader, mut writer) = stream.into_split();
                let mut line = String::new();
                BufReader::new(reader).read_line(&mut line).await.unwrap();
                let answer = match serde_json::from_str(&line).unwrap() {
                    Ask::Picture { .. } => Answer::Picture(still()),
                    Ask::Watch { seconds, .. } => {
                        assert_eq!(seconds, 1, "as long as the office wants");
                        Answer::Boxes(Boxes {
                            at: runtime::now(),
                            status: protocol::congestion::CameraStatus::Seeing,
                            count: Some(3),
                            people: Vec::new(),
                        })
                    }
                    Ask::Trial { film, .. } => panic!("nobody asks for {film:?}"),
                };
                let line = serde_json::to_string(&answer).unwrap() + "\n";
                let is_watched = matches!(answer, Answer::Boxes(_));
                while writer.write_all(line.as_bytes()).await.is_ok() && is_watched {
                    tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                }
            });
        }
    });
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cameras_are_for_admins_and_counts_for_staff() {
    let office = open().await;
    answer_as_worker(&office);
    for (id, cameras, counts, may_correct) in [
        ("kanri", 200, 200, true),
        ("hanako", 403, 200, false),
        ("tsuyaku", 403, 403, false),
    ] {
        let mut staff = office.staff(id).await;
        for path in [
            "/staff/cameras",
            "/staff/cameras/one/north",
            "/staff/cameras/one/north/camera.toml",
        ] {
            assert_eq!(staff.get(path).await.status(), cameras, "{id} {path}");
        }
        for what in ["picture", "boxes"] {
            let path = format!("/staff/cameras/one/north/{what}");
            assert_eq!(
                post(&mut staff, &path, &json!({})).await.status(),
                cameras,
                "{id} {path}"
            );
        }
        let body = drawn(if id == "kanri" { 0 } else { 1 }, &square());
        let answer = post(&mut staff, "/staff/cameras/one/north/setup", &body).await;
        assert_eq!(answer.status(), cameras, "{id} draws");
        let (status, page) = staff.text("/staff/counts").await;
        assert_eq!(status, counts, "{id} counts");
        assert_eq!(page.contains("data-test=\"correct\""), may_correct, "{id}");
    }
    let nobody = office.browser();
    let answer = nobody.request(Method::GET, "/staff/cameras").send().await.unwrap();
    assert_ne!(answer.status(), 200);
    let of_north = trail(&office, "north").await;
    assert_eq!(
        of_north,
        [
            "staff/kanri camera.picture",
            "staff/kanri camera.watched 1",
            "staff/kanri camera.setup 1"
        ],
        "who may not leaves no trace of having been shown anything"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_drawn_is_checked_kept_downloaded_and_taken_back() {
    let office = open().await;
    let mut admin = office.staff("kanri").await;
    let path = "/staff/cameras/one/north/setup";
    let bow = json!([[0.0, 0.0], [1.0, 1.0], [1.0, 0.0], [0.0, 1.0]]);
    let answer = post(&mut admin, path, &drawn(0, &bow)).await;
    assert_eq!(answer.status(), 400);
    let answer: Value = answer.json().await.unwrap();
    let wrong = json!([{ "shape": "polygon", "fault": "crossing", "first": 1, "second": 3 }]);
    assert_eq!(answer, json!({ "saved": "wrong", "wrongs": wrong }));
    let missing = post(&mut admin, "/staff/cameras/one/door/setup", &drawn(0, &square())).await;
    assert_eq!(missing.status(), 400, "a door without a line");

    let answer = post(&mut admin, path, &drawn(0, &square())).await;
    assert_eq!(
        answer.json::<Value>().await.unwrap(),
        json!({ "saved": "done", "version": 1 })
    );
    let stale = post(&mut admin, path, &drawn(0, &square())).await;
    assert_eq!(stale.status(), 409, "somebody else was faster");

    let toml = admin.get("/staff/cameras/one/north/camera.toml").await;
    let name = toml.headers()["content-disposition"].to_str().unwrap().to_owned();
    assert!(name.contains("camera-north.toml"), "{name}");
    let toml = toml.text().await.unwrap();
    assert!(!toml.contains("secret"), "{toml}");
    let cameras: Cameras = toml_of(&toml);
    let geometry = Geometry::of(&cameras.camera[0]);
    assert_eq!(geometry.polygon.unwrap()[2], [0.9, 0.9]);
    assert_eq!(geometry.person_heights[1], [0.9, 0.25]);

    let (_, page) = admin.text("/staff/cameras/one/north").await;
    assert!(page.contains("[0.9,0.25]") && page.contains("（kanri）"), "{page}");
    let (status, to, _) = admin.submit(&page, "/staff/cameras/one/north/reset", &[]).await;
    assert_eq!((status, to.as_str()), (303, "/staff/cameras/one/north?done=reset"));
    let setups = store::cameras::setups(&office.store.ledger, &office_id())
        .await
        .unwrap();
    let setup = &setups[&CameraId::new("north").unwrap()];
    assert_eq!((setup.version, setup.geometry.as_ref()), (2, None));
    assert_eq!(
        trail(&office, "north").await,
        ["staff/kanri camera.setup 1", "staff/kanri camera.reset"]
    );
    assert_eq!(admin.get("/staff/cameras/one/attic").await.status(), 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cameras_leave_to_each_other_is_drawn_and_never_comes_back() {
    let office = open().await;
    let mut admin = office.staff("kanri").await;
    let drawn = |version: u64, overlaps: &Value| {
        let mut drawn = drawn(version, &square());
        drawn["geometry"]["overlaps"] = overlaps.clone();
        drawn
    };
    let part = |camera: &str, polygon: &Value| json!([{ "camera": camera, "polygon": polygon }]);
    let wrong = async |admin: &mut Browser, camera: &str, body: &Value| {
        let answer = post(admin, &format!("/staff/cameras/one/{camera}/setup"), body).await;
        let mut answer: Value = answer.json().await.unwrap();
        answer["wrongs"][0].take()
    };
    let circle = json!({ "shape": "overlaps", "which": 1, "fault": "circle" });
    // By the configuration south leaves a part to north.
    let to_south = drawn(0, &part("south", &square()));
    assert_eq!(wrong(&mut admin, "north", &to_south).await, circle);
    for (other, polygon, fault) in [
        ("north", square(), json!({ "fault": "no_neighbour" })),
        ("door", square(), json!({ "fault": "no_neighbour" })),
        (
            "north",
            json!([[0, 0], [1, 1], [1, 0], [0, 1]]),
            json!({ "fault": "crossing", "first": 1, "second": 3 }),
        ),
        (
            "north",
            json!([[0, 0], [1, 0], [1, 2]]),
            json!({ "fault": "outside", "point": 3 }),
        ),
    ] {
        let camera = if fault["fault"] == "no_neighbour" {
            "north"
        } else {
            "south"
        };
        let told = wrong(&mut admin, camera, &drawn(0, &part(other, &polygon))).await;
        assert_eq!(
            (&told["shape"], &told["which"]),
            (&json!("overlaps"), &json!(1)),
            "{told}"
        );
        for (name, value) in fault.as_object().unwrap() {
            assert_eq!(&told[name], value, "{told}");
        }
    }
    let (_, page) = admin.text("/staff/cameras/one/south").await;
    assert!(
        page.contains(r#""neighbours":{"north":[]}"#) && page.contains(r#""counts_overlaps":false"#),
        "{page}"
    );
    assert!(
        page.contains(r#""overlaps":[{"camera":"north""#),
        "the configuration's: {page}"
    );
    // South lets it be, so north may; then south's configuration can't come back.
    let none = post(&mut admin, "/staff/cameras/one/south/setup", &drawn(0, &json!([]))).await;
    assert_eq!(none.status(), 200);
    let saved = post(&mut admin, "/staff/cameras/one/north/setup", &to_south).await;
    assert_eq!(saved.status(), 200);
    let (_, toml) = admin.text("/staff/cameras/one/north/camera.toml").await;
    let cameras: Cameras = toml_of(&toml);
    assert_eq!(cameras.camera[0].overlaps[0].camera.as_str(), "south", "{toml}");
    assert_eq!(cameras.camera[0].overlaps[0].polygon.len(), 4);
    let (_, page) = admin.text("/staff/cameras/one/south").await;
    let (_, to, _) = admin.submit(&page, "/staff/cameras/one/south/reset", &[]).await;
    assert_eq!(to, "/staff/cameras/one/south?done=kept");
    let (_, page) = admin.text(&to).await;
    assert!(page.contains("どのカメラにも数えられません"), "{page}");
    let setups = store::cameras::setups(&office.store.ledger, &office_id())
        .await
        .unwrap();
    assert!(
        setups[&CameraId::new("south").unwrap()].geometry.is_some(),
        "as it was drawn"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_car_parks_bays_are_drawn_one_by_one() {
    let office = open().await;
    let mut admin = office.staff("kanri").await;
    let (_, page) = admin.text("/staff/cameras/one/roof").await;
    assert!(
        page.contains(r#""shapes":["bays"]"#) && page.contains(r#""capacity":3"#),
        "{page}"
    );
    let bay = |id: &str, x: f64| json!({ "id": id, "polygon": [[x, 0.1], [x + 0.1, 0.1], [x + 0.1, 0.3], [x, 0.3]] });
    let drawn = |bays: &[Value]| {
        let geometry = json!({ "person_heights": [[0, 0], [0, 0]], "polygon": null, "line": null, "bays": bays });
        json!({ "version": 0, "geometry": geometry })
    };
    let path = "/staff/cameras/one/roof/setup";
    let same = post(&mut admin, path, &drawn(&[bay("1", 0.1), bay("1", 0.3)])).await;
    let wrongs = json!([{ "shape": "bays", "which": 2, "fault": "same_name" }]);
    assert_eq!(
        same.json::<Value>().await.unwrap(),
        json!({ "saved": "wrong", "wrongs": wrongs })
    );
    let many: Vec<Value> = (0..4).map(|n| bay(&n.to_string(), 0.1)).collect();
    let many = post(&mut admin, path, &drawn(&many)).await;
    let wrongs = json!([{ "shape": "bays", "fault": "too_many_bays", "most": 3 }]);
    assert_eq!(
        many.json::<Value>().await.unwrap(),
        json!({ "saved": "wrong", "wrongs": wrongs })
    );
    let saved = post(&mut admin, path, &drawn(&[bay("A 1", 0.1), bay("A 2", 0.3)])).await;
    assert_eq!(saved.status(), 200);
    let (_, toml) = admin.text("/staff/cameras/one/roof/camera.toml").await;
    let cameras: Cameras = toml_of(&toml);
    let names: Vec<&str> = cameras.camera[0].bays.iter().map(|bay| bay.id.as_str()).collect();
    assert_eq!(names, ["A 1", "A 2"]);
}

#[derive(serde::Deserialize)]
struct Cameras {
    camera: Vec<Camera>,
}

fn toml_of<T: serde::de::DeserializeOwned>(text: &str) -> T {
    toml::from_str(text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_written_down_before_it_is_shown_and_kept_nowhere() {
    let mut office = open().await;
    let mut admin = office.staff("kanri").await;
    let path = "/staff/cameras/one/north/picture";
    let away = post(&mut admin, path, &json!({})).await;
    assert_eq!(away.status(), 503);
    assert_eq!(away.json::<Value>().await.unwrap(), json!({ "answer": "away" }));
    answer_as_worker(&office);
    let answer = post(&mut admin, path, &json!({})).await;
    assert_eq!(answer.headers()["cache-control"], "no-store");
    let Answer::Picture(shown) = answer.json().await.unwrap() else {
        panic!("a picture was expected");
    };
    assert_eq!(shown, still());
    assert_eq!(admin.get(path).await.status(), 405, "no address to come back to");
    let without = admin.request(Method::POST, path).header("origin", ORIGIN).send().await;
    assert_eq!(without.unwrap().status(), 403, "another page asks");
    assert_eq!(trail(&office, "north").await, ["staff/kanri camera.picture"; 2]);
    // Where nothing can be written down, nothing is shown.
    office.ledger.take().unwrap().kill().unwrap();
    let refused = post(&mut admin, path, &json!({})).await;
    assert_eq!(refused.status(), 503);
    assert!(!refused.text().await.unwrap().contains("iVBOR"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn boxes_are_shown_no_longer_than_the_office_wants() {
    let office = open().await;
    answer_as_worker(&office);
    let mut admin = office.staff("kanri").await;
    let answer = post(&mut admin, "/staff/cameras/one/north/boxes", &json!({})).await;
    assert_eq!(answer.headers()["content-type"], "application/x-ndjson");
    // It ends, though the worker would go on for ever.
    let text = answer.text().await.unwrap();
    let last: Answer = serde_json::from_str(text.lines().last().unwrap()).unwrap();
    assert!(matches!(last, Answer::Boxes(Boxes { count: Some(3), .. })), "{text}");
    assert_eq!(trail(&office, "north").await, ["staff/kanri camera.watched 1"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_doors_count_is_set_right_when_the_worker_takes_it_and_never_later() {
    let office = open().await;
    let mut admin = office.staff("kanri").await;
    let hall = AreaId::new("hall").unwrap();
    let correct = async |admin: &mut Browser, area: &str, people: &str| {
        let (_, page) = admin.text("/staff/counts").await;
        let path = format!("/staff/counts/{area}");
        admin.submit(&page, &path, &[("people", people)]).await
    };
    for wrong in ["", "-1", "many", "100001"] {
        let (status, _, page) = correct(&mut admin, "hall", wrong).await;
        assert_eq!(status, 400, "{wrong:?}");
        assert!(page.contains("0から100000"), "{page}");
    }
    let (status, ..) = correct(&mut admin, "lobby-1f", "3").await;
    assert_eq!(status, 404, "it has no doors");
    let (status, _, page) = correct(&mut admin, "hall", "12").await;
    assert_eq!(status, 400);
    assert!(page.contains("返事がなく"), "{page}");
    let left = store::corrections::take(&office.store.live, &office_id(), &hall).await;
    assert_eq!(left.unwrap(), None, "nobody takes it when it isn't true any more");
    let lost = serde_json::from_value(json!({ "frames_counted": 9, "is_alive": false, "status": "lost", "losses": 1 }));
    let door = CameraId::new("door").unwrap();
    let reported = store::cameras::report(&office.store.live, &office_id(), &door, &lost.unwrap()).await;
    reported.unwrap();
    let (status, _, page) = correct(&mut admin, "hall", "12").await;
    assert_eq!(status, 400);
    assert!(page.contains("入口のカメラが今は数えられない"), "{page}");
    assert!(trail(&office, "hall").await.is_empty());

    let (live, area) = (office.store.live.clone(), hall.clone());
    let worker = tokio::spawn(async move {
        until("a correction", || async {
            store::corrections::take(&live, &office_id(), &area).await.unwrap()
        })
        .await
    });
    let (status, to, _) = correct(&mut admin, "hall", " 12 ").await;
    assert_eq!((status, to.as_str()), (303, "/staff/counts?done=hall"));
    assert_eq!(worker.await.unwrap(), 12);
    assert_eq!(trail(&office, "hall").await, ["staff/kanri area.corrected 12"]);
    let (_, page) = admin.text(&to).await;
    assert!(page.contains("「ホール」の人数を直しました"), "{page}");
}

/// Beside the good ones, three with tables that nothing can be counted by.
const BAD: &str = r#"
[[camera]]
id = "outside"
area = "lobby-1f"
source = "rtsp://office:secret@192.0.2.7/2"
person_heights = [[0.3, 0.1], [0.9, 0.2]]
polygon = [[0.1, 0.1], [1.5, 0.1], [0.9, 0.9]]
[[camera]]
id = "no-line"
area = "hall"
source = "film.avi"
role = "entrance"
person_heights = [[0.3, 0.1], [0.3, 0.1]]
[[camera]]
id = "no-bays"
area = "lot"
source = "film.avi"
role = "parking"
"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_office_with_bad_tables_starts_says_which_field_is_wrong_and_lets_it_be_drawn_right() {
    let tables = TABLES
        .replace("HELD", "1h")
        .replace("[vision]", &format!("{BAD}[vision]"));
    let office = Office::open_with_tables("1h", &tables).await;
    let mut admin = office.staff("kanri").await;
    let (_, list) = admin.text("/staff/cameras").await;
    for field in ["camera.polygon", "camera.person_heights, camera.line", "camera.bay"] {
        assert!(list.contains(field), "{field}: {list}");
    }
    assert_eq!(
        list.matches("data-test=\"fault\"").count(),
        3,
        "the others are sound: {list}"
    );
    let (_, page) = admin.text("/staff/cameras/one/outside").await;
    assert!(
        page.contains("point 2 isn") && page.contains("<code>camera.polygon</code>"),
        "{page}"
    );
    assert!(!page.contains("secret"), "{page}");
    let saved = post(&mut admin, "/staff/cameras/one/outside/setup", &drawn(0, &square())).await;
    assert_eq!(saved.status(), 200);
    let (_, page) = admin.text("/staff/cameras/one/outside").await;
    assert!(!page.contains("data-test=\"fault\""), "{page}");
    // A car park's camera without bays is offered bays to draw.
    let (_, page) = admin.text("/staff/cameras/one/no-bays").await;
    assert!(page.contains(r#""shapes":["bays"]"#), "{page}");
    let bays = json!([{ "id": "1", "polygon": [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]] }]);
    let geometry = json!({ "person_heights": [[0, 0], [0, 0]], "polygon": null, "line": null, "bays": bays });
    let body = json!({ "version": 0, "geometry": geometry });
    let saved = post(&mut admin, "/staff/cameras/one/no-bays/setup", &body).await;
    assert_eq!(saved.status(), 200);
    let (_, list) = admin.text("/staff/cameras").await;
    assert_eq!(list.matches("data-test=\"fault\"").count(), 1, "{list}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn metrics_tell_how_cameras_are_and_what_doors_count() {
    let office = open().await;
    let door = CameraId::new("door").unwrap();
    let report = protocol::congestion::CameraReport {
        frames_counted: 7,
        is_alive: true,
        status: protocol::congestion::CameraStatus::Seeing,
        status_since: None,
        losses: 2,
        somebody: None,
        wait_s: None,
        crossed: Some([12, 5]),
        corrections: Some(3),
        free_bays: None,
    };
    store::cameras::report(&office.store.live, &office_id(), &door, &report)
        .await
        .unwrap();
    let (_, metrics) = office.browser().text("/metrics").await;
    for line in [
        "vision_camera_status{camera=\"door\",status=\"seeing\"} 1",
        "vision_camera_status{camera=\"door\",status=\"silent\"} 0",
        "vision_camera_status{camera=\"north\",status=\"silent\"} 1",
        "vision_camera_losses{camera=\"door\"} 2",
        "vision_door_crossings{camera=\"door\",way=\"in\"} 12",
        "vision_door_crossings{camera=\"door\",way=\"out\"} 5",
        "vision_door_corrections{camera=\"door\"} 3",
    ] {
        assert!(metrics.lines().any(|it| it == line), "{line}: {metrics}");
    }
}
