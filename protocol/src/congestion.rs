//! How crowded a place is: what sensors say of it (*observations*), and what the office says of it (its
//! *state*). `store` turns the first into the second in one atomic step.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ids::AreaId;
use crate::time::UnixMillis;

/// Who observed. The text (a camera's, button's or lot's id) tells sources of one area apart.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", content = "id", rename_all = "snake_case")]
pub enum Source {
    /// A camera, by its id.
    Camera(String),
    /// A member of staff's button, by its id.
    Button(String),
    /// A test or an import, by its name.
    Other(String),
}

/// What one sensor saw at one moment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// The place seen.
    pub area: AreaId,
    /// Who saw it.
    pub source: Source,
    /// When, by the sensor's clock.
    pub at: UnixMillis,
    /// People (or cars) there; `None` when the sensor can't tell any more: the area turns [`Level::Unknown`].
    pub count: Option<u32>,
}

/// What is the matter with a camera.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CameraStatus {
    /// It has given no picture yet since its worker's start.
    #[default]
    Starting,
    /// It sees.
    Seeing,
    /// Its view has just changed, or is still being learned.
    Settling,
    /// It can't be reached, has ended, or sends what can't be read.
    Lost,
    /// It gives the same picture for ever.
    Frozen,
    /// Its pictures can't be looked at; the worker's log says why.
    Failing,
    /// Too dark to see anybody.
    Dark,
    /// Something is before the lens, or it looks at nothing.
    Covered,
    /// It looks elsewhere than it was set up for.
    Turned,
}

impl CameraStatus {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Starting,
        Self::Seeing,
        Self::Settling,
        Self::Lost,
        Self::Frozen,
        Self::Failing,
        Self::Dark,
        Self::Covered,
        Self::Turned,
    ];

    /// As it is written in messages and metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Seeing => "seeing",
            Self::Settling => "settling",
            Self::Lost => "lost",
            Self::Frozen => "frozen",
            Self::Failing => "failing",
            Self::Dark => "dark",
            Self::Covered => "covered",
            Self::Turned => "turned",
        }
    }
}

/// How a camera is doing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CameraReport {
    /// Pictures in which people were counted since its worker's start.
    pub frames_counted: u64,
    /// Whether it can tell a count now.
    pub is_alive: bool,
    /// What is the matter with it.
    pub status: CameraStatus,
    /// Since when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_since: Option<UnixMillis>,
    /// How often it was lost since its worker's start.
    pub losses: u64,
    /// A presence camera: whether somebody stays before its screen; `None` when it can't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub somebody: Option<bool>,
    /// A queue's camera: about how many seconds somebody waits who comes now; `None` when that can't be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wait_s: Option<u64>,
    /// A camera with a line: who went in (or was served) and out since its worker's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub crossed: Option<[u64; 2]>,
    /// An entrance: by how many people its area's number was set right since the worker's start.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrections: Option<u64>,
    /// A car park's camera: bays that are free, and all that it watches; `None` when it can't tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_bays: Option<[u32; 2]>,
}

/// How crowded, in the words of the office. Never shown by colour alone: each has a mark of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// ◎ 空いています
    Free,
    /// △ やや混雑
    Moderate,
    /// ✕ 混雑
    Busy,
    /// ■ 満員
    Full,
    /// ？ 不明
    Unknown,
}

impl Level {
    /// The sign that stands beside the words, readable without colour.
    #[must_use]
    pub fn mark(self) -> &'static str {
        match self {
            Self::Free => "◎",
            Self::Moderate => "△",
            Self::Busy => "✕",
            Self::Full => "■",
            Self::Unknown => "？",
        }
    }

    /// The key of the level's words in the text catalogues.
    #[must_use]
    pub fn text_key(self) -> &'static str {
        match self {
            Self::Free => "level.free",
            Self::Moderate => "level.moderate",
            Self::Busy => "level.busy",
            Self::Full => "level.full",
            Self::Unknown => "level.unknown",
        }
    }
}

/// Where the count is going, against its average of the last ten minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trend {
    /// More people than before.
    Rising,
    /// About as many.
    Steady,
    /// Fewer.
    Falling,
}

/// An area's state as the office tells it to everybody.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AreaState {
    /// Which area.
    pub area: AreaId,
    /// People there, median of the last observations; `None` when unknown.
    pub count: Option<u32>,
    /// How many it holds.
    pub capacity: u32,
    /// The word for it.
    pub level: Level,
    /// Where it is going.
    pub trend: Trend,
    /// When it was last observed; `None` when never.
    pub observed_at: Option<UnixMillis>,
    /// When the level last changed.
    pub changed_at: UnixMillis,
    /// Grows by one with every published change, so that a late message is recognised.
    pub version: u64,
}

impl AreaState {
    /// The state of an area that nobody has observed yet.
    #[must_use]
    pub fn unknown(area: AreaId, capacity: u32) -> Self {
        Self {
            area,
            count: None,
            capacity,
            level: Level::Unknown,
            trend: Trend::Steady,
            observed_at: None,
            changed_at: UnixMillis(0),
            version: 0,
        }
    }

    /// This state as it may be shown at `now`: what is older than `stale_after` is not known any more.
    #[must_use]
    pub fn as_of(mut self, now: UnixMillis, stale_after: Duration) -> Self {
        let is_fresh = self.observed_at.is_some_and(|at| now.since(at) <= stale_after);
        if !is_fresh {
            self.count = None;
            self.level = Level::Unknown;
            self.trend = Trend::Steady;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(observed_at: u64) -> AreaState {
        AreaState {
            area: AreaId::new("lobby-1f").expect("valid"),
            count: Some(7),
            capacity: 40,
            level: Level::Free,
            trend: Trend::Rising,
            observed_at: Some(UnixMillis(observed_at)),
            changed_at: UnixMillis(0),
            version: 3,
        }
    }

    #[test]
    fn an_old_count_is_not_shown_as_if_it_were_now() {
        let stale_after = Duration::from_secs(60);
        assert_eq!(state(100_000).as_of(UnixMillis(160_000), stale_after).count, Some(7));
        let old = state(100_000).as_of(UnixMillis(160_001), stale_after);
        assert_eq!((old.count, old.level), (None, Level::Unknown));
    }

    #[test]
    fn a_status_has_one_name() {
        for status in CameraStatus::ALL {
            let json = serde_json::to_string(&status).expect("json");
            assert_eq!(json, format!("\"{}\"", status.name()));
        }
    }

    #[test]
    fn messages_round_trip() {
        let observation = Observation {
            area: AreaId::new("lobby-1f").expect("valid"),
            source: Source::Camera("hall".into()),
            at: UnixMillis(1),
            count: None,
        };
        let json = serde_json::to_string(&observation).expect("json");
        assert_eq!(
            json,
            r#"{"area":"lobby-1f","source":{"kind":"camera","id":"hall"},"at":1,"count":null}"#
        );
        assert_eq!(serde_json::from_str::<Observation>(&json).expect("json"), observation);
        let report = CameraReport {
            frames_counted: 7,
            is_alive: true,
            status: CameraStatus::Seeing,
            status_since: None,
            losses: 2,
            somebody: None,
            wait_s: Some(240),
            crossed: Some([5, 3]),
            corrections: None,
            free_bays: Some([11, 40]),
        };
        let json = serde_json::to_string(&report).expect("json");
        assert_eq!(
            json,
            r#"{"frames_counted":7,"is_alive":true,"status":"seeing","losses":2,"wait_s":240,"crossed":[5,3],"free_bays":[11,40]}"#
        );
        assert_eq!(serde_json::from_str::<CameraReport>(&json).expect("json"), report);
        let json = serde_json::to_string(&state(5)).expect("json");
        assert_eq!(serde_json::from_str::<AreaState>(&json).expect("json"), state(5));
    }
}
