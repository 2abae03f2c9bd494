//! What the tests share: a kit, a moment, a scene in memory.
#![allow(dead_code, clippy::expect_used)]

pub mod display;
pub mod live;
pub mod office;
pub mod panel;
pub mod plugins;
pub mod server;
pub mod shown;
pub mod wall;
pub mod whep;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use protocol::ids::AreaId;
use protocol::screen::Layout;
use protocol::time::UnixMillis;
use signage_player::scene::data::{Data, Moment};
use signage_player::scene::{Kit, Scene};
use signage_player::sound::Sound;
use signage_player::sound::ducking::Ducking;

/// 2026-11-23 14:30 in Tokyo.
pub const WALL: UnixMillis = UnixMillis(1_795_411_800_000);

pub fn kit() -> Kit {
    gstreamer::init().expect("GStreamer");
    Kit {
        rigs: PathBuf::from("/nowhere"),
        speaker: avatar::speech::SpeakerConfig::default(),
        sound: Sound::None,
        ducking: Ducking::default(),
        live: signage_player::live::Processes::default(),
        office: "南区役所".into(),
        areas: Vec::new(),
        seed: 1,
        plays: signage_player::bridge::plays::Plays::default(),
        quarantine: signage_player::quarantine::Quarantine::default(),
        group: signage_player::sync::Group::default(),
    }
}

pub fn scene(layout: &str) -> Scene {
    let layout: Layout = serde_json::from_str(layout).expect("a layout");
    Scene::build(Arc::new(layout), &kit()).expect("a scene")
}

pub fn moment(at: Duration) -> Moment {
    Moment {
        at,
        lead: Duration::ZERO,
        wall: WALL,
    }
}

pub fn data() -> Data {
    let zone = TimeZone::get("Asia/Tokyo").expect("known");
    Data::new(zone, BTreeMap::from([(area("lobby-1f"), Duration::from_secs(300))]))
}

pub fn area(id: &str) -> AreaId {
    AreaId::new(id).expect("valid")
}

/// Waits until something holds, at most `limit`.
pub fn wait_for<T>(what: &str, limit: Duration, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "waited {limit:?} for {what}");
        std::thread::park_timeout(Duration::from_millis(10));
    }
}

/// The same without blocking other tasks.
pub async fn wait_for_async(what: &str, limit: Duration, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + limit;
    while !holds() {
        assert!(Instant::now() < end, "waited {limit:?} for {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
