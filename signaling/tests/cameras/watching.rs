//! What is seen of cameras and of their counts, and by whom.

use protocol::ids::{AreaId, CameraId};
use protocol::setup::{Answer, Ask, Boxes, Still};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::UnixListener;

use crate::common::browser::Browser;
use crate::common::office::{ORIGIN, Office, office_id, trail};
use crate::common::until;
use crate::{drawn, open, post, square};

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
