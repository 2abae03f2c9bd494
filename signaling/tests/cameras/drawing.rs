//! What is drawn over a camera's picture, and becomes its configuration.

use protocol::config::Camera;
use protocol::ids::CameraId;
use protocol::setup::Geometry;
use serde_json::{Value, json};

use crate::common::browser::Browser;
use crate::common::office::{Office, office_id, trail};
use crate::{TABLES, drawn, open, post, square};

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
