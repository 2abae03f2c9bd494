//! Which node holds a room, on one server and on a cluster alike.
#![allow(clippy::unwrap_used)]

mod common;

use protocol::ids::{NodeId, RoomId};
use store::Db;
use store::nodes::{self, NodeRecord};

fn id(name: &str) -> NodeId {
    NodeId::new(name).unwrap()
}

fn node(name: &str, participants: u32) -> NodeRecord {
    NodeRecord {
        id: id(name),
        control: "127.0.0.1:7883".parse().unwrap(),
        version: "0.1.0".into(),
        participants,
        workers: 1,
        load_permille: 0,
        draining: false,
    }
}

async fn beat(db: &Db, records: &[NodeRecord]) {
    for record in records {
        nodes::heartbeat(db, record).await.unwrap();
    }
}

/// The name of the node that a room is on, or now gets.
async fn place(db: &Db, room: &RoomId) -> Option<String> {
    let record = nodes::assign(db, room).await.unwrap()?;
    Some(record.id.to_string())
}

on_both!(a_room_stays_on_its_node_while_that_lives);
async fn a_room_stays_on_its_node_while_that_lives(db: &Db) {
    let room = RoomId::random();
    assert_eq!(nodes::assign(db, &room).await.unwrap(), None);
    beat(db, &[node("a", 10), node("b", 2)]).await;
    assert_eq!(
        nodes::assign(db, &room).await.unwrap(),
        Some(node("b", 2)),
        "the one with fewer participants"
    );
    beat(db, &[node("b", 50)]).await;
    assert_eq!(
        nodes::assign(db, &room).await.unwrap(),
        Some(node("b", 50)),
        "a room doesn't move"
    );
    nodes::remove(db, &id("b")).await.unwrap();
    assert_eq!(
        nodes::assign(db, &room).await.unwrap(),
        Some(node("a", 10)),
        "unless its node is gone"
    );
    assert_eq!(nodes::alive(db).await.unwrap(), vec![node("a", 10)]);
}

on_both!(a_new_room_goes_to_the_least_loaded);
async fn a_new_room_goes_to_the_least_loaded(db: &Db) {
    let busy = NodeRecord {
        load_permille: 600,
        ..node("busy", 20)
    };
    beat(db, &[busy, node("idle", 40)]).await;
    assert_eq!(
        place(db, &RoomId::random()).await.as_deref(),
        Some("idle"),
        "load counts before heads"
    );
    // The same people on eight workers are less for each of them.
    let wide = NodeRecord {
        workers: 8,
        load_permille: 110,
        ..node("wide", 60)
    };
    beat(db, &[wide]).await;
    assert_eq!(place(db, &RoomId::random()).await.as_deref(), Some("idle"));
    beat(db, &[node("idle", 90)]).await;
    assert_eq!(place(db, &RoomId::random()).await.as_deref(), Some("wide"));
}

on_both!(many_rooms_at_once_spread_before_the_next_heartbeat);
async fn many_rooms_at_once_spread_before_the_next_heartbeat(db: &Db) {
    beat(db, &[node("a", 0), node("b", 0), node("c", 0)]).await;
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..30 {
        *counts.entry(place(db, &RoomId::random()).await.unwrap()).or_insert(0) += 1;
    }
    let spread: Vec<u32> = counts.values().copied().collect();
    assert_eq!(spread, [10, 10, 10], "{counts:?}");
}

on_both!(a_draining_node_keeps_its_rooms_and_gets_no_new_ones);
async fn a_draining_node_keeps_its_rooms_and_gets_no_new_ones(db: &Db) {
    let (old, new) = (RoomId::random(), RoomId::random());
    beat(db, &[node("a", 0)]).await;
    assert_eq!(place(db, &old).await.as_deref(), Some("a"));
    let draining = NodeRecord {
        draining: true,
        ..node("a", 2)
    };
    beat(db, std::slice::from_ref(&draining)).await;
    assert_eq!(nodes::assign(db, &old).await.unwrap(), Some(draining.clone()));
    assert_eq!(place(db, &new).await, None, "nobody takes new rooms");
    beat(db, &[node("b", 90)]).await;
    assert_eq!(place(db, &new).await.as_deref(), Some("b"), "however loaded");

    // The node lets the room go; two who hear of it are as good as one.
    assert_eq!(nodes::place(db, &old).await.unwrap(), Some(id("a")));
    nodes::release(db, &old, &draining.id).await.unwrap();
    assert_eq!(nodes::place(db, &old).await.unwrap(), None);
    assert_eq!(place(db, &old).await.as_deref(), Some("b"));
    nodes::release(db, &old, &draining.id).await.unwrap();
    beat(db, &[node("c", 0)]).await;
    assert_eq!(
        place(db, &old).await.as_deref(),
        Some("b"),
        "where it is now nobody else may take it away"
    );
}

on_both!(a_node_of_another_release_is_understood);
async fn a_node_of_another_release_is_understood(db: &Db) {
    let old = r#"{"id":"old","control":"127.0.0.1:7883","version":"0.0.9","participants":1}"#;
    let later = r#"{"id":"later","control":"127.0.0.1:7884","version":"9.0.0","participants":7,"workers":2,"load_permille":5,"draining":false,"mood":"fine"}"#;
    for (name, json) in [("old", old), ("later", later)] {
        let link = &mut db.clone();
        let mut set = redis::cmd("SET");
        set.arg(format!("mg:{{nodes}}:one:{name}")).arg(json);
        set.query_async::<()>(link).await.unwrap();
        let mut add = redis::cmd("SADD");
        add.arg("mg:{nodes}:all").arg(name);
        add.query_async::<()>(link).await.unwrap();
    }
    let found = nodes::alive(db).await.unwrap();
    let names: Vec<&str> = found.iter().map(|record| record.id.as_str()).collect();
    assert_eq!(names, ["later", "old"]);
    assert_eq!(
        (found[1].workers, found[1].load_permille, found[1].draining),
        (1, 0, false)
    );
    assert_eq!(place(db, &RoomId::random()).await.as_deref(), Some("old"));
}
