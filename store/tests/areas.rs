//! An area's state follows from its sources' last words, on one server and on a cluster alike.
#![allow(clippy::unwrap_used)]

mod common;

use common::{area, office};
use protocol::congestion::{AreaState, Level, Observation, Source, Trend};
use protocol::ids::AreaId;
use protocol::time::UnixMillis;
use store::{Db, areas};

struct Lobby<'a> {
    db: &'a Db,
    area: protocol::config::Area,
}

impl<'a> Lobby<'a> {
    fn new(db: &'a Db, name: &str) -> Self {
        Self {
            db,
            area: area(&AreaId::new(name).unwrap()),
        }
    }

    async fn see(&self, source: &str, count: Option<u32>, at: u64, now: u64) -> AreaState {
        let source = Source::Camera(source.into());
        let observation = Observation {
            area: self.area.id.clone(),
            source,
            at: UnixMillis(at),
            count,
        };
        areas::observe(self.db, &office(), &self.area, &observation, UnixMillis(now))
            .await
            .unwrap()
    }

    async fn state(&self, now: u64) -> AreaState {
        areas::state(self.db, &office(), &self.area, UnixMillis(now))
            .await
            .unwrap()
    }
}

on_both!(levels_rise_at_their_threshold_and_fall_with_hysteresis);
async fn levels_rise_at_their_threshold_and_fall_with_hysteresis(db: &Db) {
    let lobby = Lobby::new(db, "levels");
    assert_eq!(lobby.state(1).await, AreaState::unknown(lobby.area.id.clone(), 12));
    let mut at = 1_000_000;
    for (count, level) in [
        (4, Level::Free),
        (5, Level::Moderate),
        (4, Level::Moderate), // one below: it holds
        (3, Level::Free),
        (8, Level::Busy),
        (7, Level::Busy),
        (6, Level::Moderate),
        (12, Level::Full),
        (11, Level::Full),
        (0, Level::Free),
    ] {
        at += 1000;
        let state = lobby.see("a", Some(count), at, at).await;
        assert_eq!((state.count, state.level), (Some(count), level), "at {count}");
    }
}

on_both!(versions_grow_with_changes_only);
async fn versions_grow_with_changes_only(db: &Db) {
    let lobby = Lobby::new(db, "versions");
    let first = lobby.see("a", Some(3), 1_000, 1_000).await;
    let same = lobby.see("a", Some(3), 2_000, 2_000).await;
    assert_eq!((first.version, same.version), (1, 1));
    assert_eq!(same.observed_at, Some(UnixMillis(2_000)), "freshness moves on");
    assert_eq!(same.changed_at, UnixMillis(1_000));
    assert_eq!(lobby.see("a", Some(4), 3_000, 3_000).await.version, 2);
}

on_both!(a_lost_or_silent_source_never_keeps_its_last_value);
async fn a_lost_or_silent_source_never_keeps_its_last_value(db: &Db) {
    let lobby = Lobby::new(db, "lost");
    lobby.see("a", Some(9), 1_000, 1_000).await;
    assert_eq!(
        lobby.see("b", Some(2), 2_000, 2_000).await.count,
        Some(9),
        "the larger of two views"
    );
    // a says that it can't see any more: b alone counts.
    assert_eq!(lobby.see("a", None, 3_000, 3_000).await.count, Some(2));
    // b falls silent for longer than stale_after.
    assert_eq!(lobby.state(40_000).await.level, Level::Unknown);
    let lost = lobby.see("a", None, 41_000, 41_000).await;
    assert_eq!((lost.count, lost.level), (None, Level::Unknown));
}

on_both!(a_late_word_is_history_not_state);
async fn a_late_word_is_history_not_state(db: &Db) {
    let lobby = Lobby::new(db, "late");
    lobby.see("a", Some(6), 10_000, 10_000).await;
    assert_eq!(lobby.see("a", Some(1), 9_000, 10_500).await.count, Some(6));
    // A clock that runs ahead can't make its word last longer.
    lobby.see("a", Some(7), 99_000_000, 11_000).await;
    assert_eq!(lobby.state(50_000).await.level, Level::Unknown);
}

on_both!(the_trend_compares_with_the_last_minutes);
async fn the_trend_compares_with_the_last_minutes(db: &Db) {
    let lobby = Lobby::new(db, "trend");
    for minute in 0..10 {
        lobby.see("a", Some(4), minute * 60_000, minute * 60_000).await;
    }
    assert_eq!(lobby.see("a", Some(8), 610_000, 610_000).await.trend, Trend::Rising);
    for minute in 11..60 {
        lobby.see("a", Some(8), minute * 60_000, minute * 60_000).await;
    }
    assert_eq!(lobby.state(59 * 60_000).await.trend, Trend::Steady);
    assert_eq!(
        lobby.see("a", Some(2), 3_600_000, 3_600_000).await.trend,
        Trend::Falling
    );
}

#[tokio::test]
async fn a_change_wakes_the_listeners_and_no_change_does_not() {
    use store::redis::Wake;
    let server = common::single().await;
    let lobby = Lobby::new(&server.db, "wake");
    let mut wakes = server.db.listen(store::keys::wake(&office()));
    assert_eq!(wakes.recv().await, Some(Wake::Resync));
    lobby.see("a", Some(3), 1_000, 1_000).await;
    lobby.see("a", Some(3), 2_000, 2_000).await;
    lobby.see("a", Some(5), 3_000, 3_000).await;
    assert_eq!(wakes.recv().await, Some(Wake::Topic("area/wake".into())));
    assert_eq!(wakes.recv().await, Some(Wake::Topic("area/wake".into())));
    assert!(wakes.try_recv().is_err(), "the second observation changed nothing");
}

on_both!(observations_are_gone_after_two_days_also_when_no_other_comes);
async fn observations_are_gone_after_two_days_also_when_no_other_comes(db: &Db) {
    let lobby = Lobby::new(db, "kept");
    lobby.see("a", Some(3), 1_000, 1_000).await;
    let key = format!("mg:{{{}:area:kept}}:observations", office());
    let run = async |words: &[&str]| -> i64 {
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        command.query_async(&mut db.clone()).await.unwrap()
    };
    let two_days = 48 * 60 * 60 * 1000;
    let left = run(&["PTTL", &key]).await;
    assert!((1..=two_days).contains(&left), "the whole stream: {left}");
    assert_eq!(run(&["XLEN", &key]).await, 1);

    // One of long ago goes with the next.
    run(&["DEL", &key]).await;
    let mut old = redis::cmd("XADD");
    old.arg(&[&key, "1000-0", "source", "camera/a", "at", "1000", "count", "2"]);
    old.query_async::<String>(&mut db.clone()).await.unwrap();
    lobby.see("a", Some(4), 2_000, 2_000).await;
    assert_eq!(run(&["XLEN", &key]).await, 1, "only the new one");
}
