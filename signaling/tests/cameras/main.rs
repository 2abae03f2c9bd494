//! Setting cameras up, and staff's word on how many are there: who may, what is kept, what is written down. The camera worker's
//! side of its socket is spoken here; the worker itself is tested in `vision` and in the browser.

#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../common/mod.rs"]
mod common;

mod drawing;
mod watching;

use common::browser::Browser;
use common::office::{ORIGIN, Office};
use reqwest::{Method, Response};
use serde_json::{Value, json};

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
