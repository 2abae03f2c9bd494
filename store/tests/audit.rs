//! The audit log in real Redis: one chain from many writers, and every way to tamper with it found.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::HashSet;
use std::time::Duration;

use common::office;
use protocol::config::RedisAt;
use protocol::ids::StaffId;
use protocol::time::UnixMillis;
use store::Db;
use store::audit::{self, Event, What, Who, Why};
use store::private::{PrivateRedis, Purpose};

const NOW: UnixMillis = UnixMillis(1_800_000_000_000);

fn event(n: usize) -> Event {
    let who = Who::Staff(StaffId::new("hanako").unwrap());
    Event::new(who, What::ConsultationCreated, format!("number-{n}"))
}

async fn write(db: &Db, count: usize) {
    for n in 0..count {
        audit::append(db, &office(), &event(n), NOW.plus(Duration::from_secs(n as u64)))
            .await
            .unwrap();
    }
}

async fn verified(db: &Db) -> Result<audit::Anchor, audit::Broken> {
    audit::verify(db, &office(), vec![]).await.unwrap()
}

on_both!(what_is_appended_is_one_chain_in_order);
async fn what_is_appended_is_one_chain_in_order(db: &Db) {
    write(db, 5).await;
    let entries = audit::read(db, &office(), 0, 100).await.unwrap();
    assert_eq!(
        entries.iter().map(|entry| entry.seq).collect::<Vec<_>>(),
        [1, 2, 3, 4, 5]
    );
    assert_eq!(entries[2].who, "staff/hanako");
    assert_eq!(
        (entries[2].what.as_str(), entries[2].which.as_str()),
        ("consultation.created", "number-2")
    );
    let head = verified(db).await.unwrap();
    assert_eq!(head, entries[4].anchor());
    let (first, count) = audit::between(db, &office(), entries[1].at, entries[4].at)
        .await
        .unwrap();
    assert_eq!((first, count), (1, 3), "until is not included");
}

/// A private Redis, two connections, and a third that does what no program of ours does.
struct Tampered {
    db: Db,
    other: Db,
    raw: redis::aio::MultiplexedConnection,
    _redis: PrivateRedis,
    _dir: tempfile::TempDir,
}

impl Tampered {
    async fn open() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let redis = PrivateRedis::start(Purpose::Ledger, dir.path()).unwrap();
        let connect = async || Db::connect("ledger", &RedisAt::Server(redis.url())).await.unwrap();
        let (db, other) = (connect().await, connect().await);
        common::eventually("redis-server answers", || db.ping()).await;
        let raw = redis::Client::open(redis.url()).unwrap();
        let raw = raw.get_multiplexed_async_connection().await.unwrap();
        Self {
            db,
            other,
            raw,
            _redis: redis,
            _dir: dir,
        }
    }

    async fn run(&mut self, words: &[&str]) {
        let mut command = redis::cmd(words[0]);
        words[1..].iter().for_each(|word| {
            command.arg(word);
        });
        command.query_async::<redis::Value>(&mut self.raw).await.unwrap();
    }

    async fn entry(&mut self, index: &str) -> String {
        redis::cmd("LINDEX")
            .arg(LOG)
            .arg(index)
            .query_async(&mut self.raw)
            .await
            .unwrap()
    }
}

const LOG: &str = "mg:{minami:staff}:audit:log";
const HEAD: &str = "mg:{minami:staff}:audit:head";
const BASE: &str = "mg:{minami:staff}:audit:base";

#[tokio::test]
async fn two_connections_at_once_make_one_chain() {
    let it = Tampered::open().await;
    let append = async |db: &Db, from: usize| {
        for n in from..from + 40 {
            audit::append(db, &office(), &event(n), NOW).await.unwrap();
        }
    };
    tokio::join!(append(&it.db, 0), append(&it.other, 100), append(&it.db, 200));
    assert_eq!(verified(&it.db).await.unwrap().seq, 120);
    let entries = audit::read(&it.db, &office(), 0, 1000).await.unwrap();
    let different: HashSet<_> = entries.iter().map(|entry| entry.which.clone()).collect();
    assert_eq!(different.len(), 120, "nothing was lost, nothing stands twice");
}

#[tokio::test]
async fn a_changed_entry_is_found() {
    let mut it = Tampered::open().await;
    write(&it.db, 6).await;
    let changed = it.entry("2").await.replace("hanako", "taro");
    it.run(&["LSET", LOG, "2", &changed]).await;
    let broken = verified(&it.db).await.unwrap_err();
    assert_eq!((broken.seq, broken.why), (3, Why::Content));
}

#[tokio::test]
async fn a_dropped_entry_is_found() {
    let mut it = Tampered::open().await;
    write(&it.db, 6).await;
    let entry = it.entry("3").await;
    it.run(&["LREM", LOG, "1", &entry]).await;
    let broken = verified(&it.db).await.unwrap_err();
    assert_eq!((broken.seq, broken.why), (4, Why::Number { found: 5 }));
}

#[tokio::test]
async fn a_log_that_was_cut_off_is_found() {
    let mut it = Tampered::open().await;
    write(&it.db, 6).await;
    let kept = audit::head(&it.db, &office()).await.unwrap();
    it.run(&["LTRIM", LOG, "0", "3"]).await;
    let broken = verified(&it.db).await.unwrap_err();
    assert_eq!((broken.seq, broken.why), (6, Why::Head));
    // Who sets the head back as well is found by the one that was kept elsewhere.
    let last: audit::Entry = serde_json::from_str(&it.entry("-1").await).unwrap();
    it.run(&["SET", HEAD, &serde_json::to_string(&last.anchor()).unwrap()])
        .await;
    assert!(verified(&it.db).await.is_ok());
    let broken = audit::verify(&it.db, &office(), vec![kept]).await.unwrap().unwrap_err();
    assert_eq!((broken.seq, broken.why), (6, Why::Head));
}

#[tokio::test]
async fn reordered_entries_are_found() {
    let mut it = Tampered::open().await;
    write(&it.db, 6).await;
    let (a, b) = (it.entry("1").await, it.entry("2").await);
    it.run(&["LSET", LOG, "1", &b]).await;
    it.run(&["LSET", LOG, "2", &a]).await;
    assert_eq!(verified(&it.db).await.unwrap_err().seq, 2);
}

on_both!(old_entries_go_in_their_time_and_the_rest_still_holds);
async fn old_entries_go_in_their_time_and_the_rest_still_holds(db: &Db) {
    write(db, 10).await;
    let before = NOW.plus(Duration::from_secs(4));
    let later = NOW.plus(Duration::from_secs(1000));
    assert_eq!(audit::trim(db, &office(), before, later).await.unwrap(), 4);
    let base = audit::base(db, &office()).await.unwrap();
    assert_eq!((base.seq, audit::len(db, &office()).await.unwrap()), (4, 7));
    assert_eq!(verified(db).await.unwrap().seq, 11);
    // Nothing is old enough: nothing happens, and nothing is written.
    assert_eq!(audit::trim(db, &office(), before, later).await.unwrap(), 0);
    assert_eq!(audit::head(db, &office()).await.unwrap().seq, 11);
    // Everything is.
    let much_later = later.plus(Duration::from_secs(1));
    assert_eq!(audit::trim(db, &office(), much_later, much_later).await.unwrap(), 7);
    write(db, 2).await;
    assert_eq!(verified(db).await.unwrap().seq, 14);
}

#[tokio::test]
async fn a_beginning_that_nobody_told_of_is_found() {
    let mut it = Tampered::open().await;
    write(&it.db, 6).await;
    let gone: audit::Entry = serde_json::from_str(&it.entry("1").await).unwrap();
    it.run(&["LTRIM", LOG, "2", "-1"]).await;
    assert_eq!(verified(&it.db).await.unwrap_err().why, Why::Number { found: 3 });
    it.run(&["SET", BASE, &serde_json::to_string(&gone.anchor()).unwrap()])
        .await;
    let broken = verified(&it.db).await.unwrap_err();
    assert_eq!((broken.seq, broken.why), (2, Why::Base));
}
