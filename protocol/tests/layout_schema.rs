//! `docs/layout.schema.json` is what the types say. `UPDATE_SCHEMA=1 cargo test -p protocol --test
//! layout_schema` writes it anew.
#![allow(clippy::expect_used)]

use std::path::Path;

use protocol::screen::Layout;

#[test]
fn the_published_schema_is_the_types_own() {
    let schema = schemars::schema_for!(Layout);
    let now = serde_json::to_string_pretty(&schema).expect("json") + "\n";
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/layout.schema.json");
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&file, now).expect("written");
        return;
    }
    let published = std::fs::read_to_string(&file).expect("docs/layout.schema.json; UPDATE_SCHEMA=1 writes it");
    assert_eq!(
        published, now,
        "docs/layout.schema.json is not of these types: run with UPDATE_SCHEMA=1"
    );
}

#[test]
fn every_layout_of_the_repository_is_read() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../configs/content/layouts");
    let mut seen = 0;
    for file in std::fs::read_dir(folder).expect("layouts").flatten() {
        let text = std::fs::read_to_string(file.path()).expect("readable");
        if let Err(error) = Layout::parse(&text) {
            panic!("{}: {error}", file.path().display());
        }
        seen += 1;
    }
    assert!(seen > 0);
}
