//! A drained node takes no new rooms, keeps those it has, and ends: when it is empty, or at its deadline. By the
//! control WebSocket, and by the operator's command on the real program.

use std::path::Path;
use std::process::Stdio;

use protocol::config::RedisAt;
use protocol::control::{AnswerBody, OutReason, RequestBody};
use protocol::grants::{DataGrant, NodeGrant, TokenKey};
use protocol::ids::RoomId;
use store::{Db, nodes};
use tokio::process::{Child, Command};

use crate::office::{LIMIT, Office, Signaling, config, room};
use crate::redis::{Redis, wait_until};

async fn join(office: &Office, signaling: &Signaling, room: RoomId, name: &str) -> AnswerBody {
    let token = office.media_token_for(room, name, &[]);
    let has_connections = false;
    signaling.ask(RequestBody::Join { token, has_connections }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn it_refuses_new_rooms_and_ends_when_it_is_empty() {
    let office = Office::open().await;
    let signaling = office.signaling().await;
    let joined = join(&office, &signaling, room(), "aoi").await;
    assert!(matches!(joined, AnswerBody::Joined { .. }));
    let status = signaling.ask(RequestBody::Status).await;
    let expected = AnswerBody::Status {
        rooms: 1,
        participants: 1,
        ends_in_ms: None,
    };
    assert_eq!(status, expected);

    let status = signaling.ask(RequestBody::Drain { within_ms: 3_600_000 }).await;
    assert!(
        matches!(status, AnswerBody::Status { rooms: 1, participants: 1, ends_in_ms: Some(left) } if left > 3_000_000),
        "{status:?}"
    );
    let elsewhere = || RoomId::new("room-2").unwrap();
    wait_until("new rooms are refused", async || {
        let refused = join(&office, &signaling, elsewhere(), "mio").await;
        matches!(refused, AnswerBody::Error { problem } if problem.status == 503 && problem.is("draining"))
    })
    .await;
    let joined = join(&office, &signaling, room(), "ren").await;
    assert!(
        matches!(joined, AnswerBody::Joined { .. }),
        "the room that is there goes on"
    );
    assert!(!office.finished.is_finished());
    let close = RequestBody::CloseRoom { room: room() };
    assert_eq!(signaling.ask(close).await, AnswerBody::Ok);
    // The room that was let in before the worker heard of the drain, if any.
    let close = RequestBody::CloseRoom { room: elsewhere() };
    assert_eq!(signaling.ask(close).await, AnswerBody::Ok);
    tokio::time::timeout(LIMIT, office.finished)
        .await
        .expect("it ends by itself")
        .unwrap();
    assert!(office.shutdown.is_started());
}

#[tokio::test(flavor = "multi_thread")]
async fn at_the_deadline_everybody_is_told_to_go_on_elsewhere_before_it_ends() {
    let office = Office::open().await;
    let signaling = office.signaling().await;
    let mut events = signaling.events.subscribe();
    for name in ["aoi", "ren"] {
        let joined = join(&office, &signaling, room(), name).await;
        assert!(matches!(joined, AnswerBody::Joined { .. }));
    }
    // A later end, and then an earlier one: the last word holds.
    signaling.ask(RequestBody::Drain { within_ms: 3_600_000 }).await;
    signaling.ask(RequestBody::Drain { within_ms: 100 }).await;
    tokio::time::timeout(LIMIT, signaling.ended)
        .await
        .expect("the connection ends")
        .unwrap();
    let mut told = Vec::new();
    while let Ok(event) = events.try_recv() {
        if let AnswerBody::Out {
            participant, reason, ..
        } = event
        {
            told.push((participant.to_string(), reason));
        }
    }
    told.sort_by(|a, b| a.0.cmp(&b.0));
    let expected = ["aoi", "ren"].map(|name| (name.to_owned(), OutReason::Draining));
    assert_eq!(told, expected, "each before its connection closed");
    tokio::time::timeout(LIMIT, office.finished)
        .await
        .expect("it ends by itself")
        .unwrap();
}

fn program(config: &Path, words: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_media-server"));
    command.args(words).arg("--config").arg(config);
    command.kill_on_drop(true).stdin(Stdio::null());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

async fn ended(child: Child) -> (Option<i32>, String) {
    let output = tokio::time::timeout(LIMIT, child.wait_with_output())
        .await
        .expect("it ends")
        .unwrap();
    let words = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8_lossy(&words).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_command_drains_the_real_program_and_waits_for_its_end() {
    let dir = tempfile::tempdir().unwrap();
    let free = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let file = dir.path().join("office.toml");
    std::fs::write(&file, config(&free.to_string())).unwrap();
    let socket = dir.path().join("redis-live.sock");
    let _redis = Redis::start(&socket, dir.path());
    let at = RedisAt::Server(format!("unix://{}", socket.display()));
    let live = Db::connect("live", &at).await.unwrap();

    let (code, words) = ended(program(&file, &["drain"]).spawn().unwrap()).await;
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("isn't alive"), "{words}");
    let (code, words) = ended(program(&file, &["--node", "2"]).spawn().unwrap()).await;
    assert_eq!(code, Some(2), "{words}");

    let node = program(&file, &[]).spawn().unwrap();
    wait_until("it registers", async || {
        nodes::alive(&live).await.is_ok_and(|alive| alive.len() == 1)
    })
    .await;
    let record = nodes::alive(&live).await.unwrap().remove(0);
    let (code, words) = ended(program(&file, &["nodes"]).spawn().unwrap()).await;
    assert!(code == Some(0) && words.contains(record.id.as_str()), "{words}");

    // A room that somebody is in, kept open by signaling.
    let keys = runtime::secrets::Secrets::open(&dir.path().join("secrets")).unwrap();
    let signaling = speak(&record, &keys.node_key().unwrap()).await;
    let token = crate::office::sign_media(&keys.media_key().unwrap(), room(), "aoi", &[], DataGrant::None);
    let has_connections = false;
    let joined = signaling.ask(RequestBody::Join { token, has_connections }).await;
    assert!(matches!(joined, AnswerBody::Joined { .. }), "{joined:?}");

    let drain = program(&file, &["drain", "--deadline", "1h"]).spawn().unwrap();
    wait_until("the heartbeat says so", async || {
        nodes::alive(&live)
            .await
            .is_ok_and(|alive| alive.first().is_some_and(|it| it.draining && it.participants == 1))
    })
    .await;
    let close = RequestBody::CloseRoom { room: room() };
    assert_eq!(signaling.ask(close).await, AnswerBody::Ok);
    let (code, words) = ended(node).await;
    assert_eq!(code, Some(0), "{words}");
    let (code, words) = ended(drain).await;
    assert_eq!(code, Some(0), "{words}");
    for said in [
        "no other node takes new rooms",
        "1 room(s), 1 participant(s)",
        "has ended",
    ] {
        assert!(words.contains(said), "{said}: {words}");
    }
    assert!(
        nodes::alive(&live).await.unwrap().is_empty(),
        "it took itself off the list"
    );
}

/// A greeted control connection to a node's program.
async fn speak(record: &nodes::NodeRecord, key: &TokenKey) -> Signaling {
    let grant = NodeGrant {
        instance: "test".to_owned(),
        node: record.id.clone(),
    };
    let token = key.sign(grant, runtime::now(), runtime::now().plus(LIMIT)).unwrap();
    crate::office::greet(record.control, &record.id, &token).await
}
