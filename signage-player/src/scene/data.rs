//! What the widgets show: live data, the clock's zone, the contents on the disk. And the moment at which
//! they show it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use protocol::congestion::{AreaState, Level};
use protocol::ids::AreaId;
use protocol::screen::{LotState, Notice, QueueState, Remote, Urgency};
use protocol::time::UnixMillis;

use crate::event::Library;
use crate::schedule::clock;

/// How long an area's state is shown after the last proof of it, where the office says nothing else.
const STALE_AFTER: Duration = Duration::from_secs(60);

/// So many queues, car parks and notices are kept; what a server says beyond that is ignored.
const MAX_NAMED: usize = 200;

/// The moment of a frame.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// When the frame is shown, since the stage's start. Never goes back.
    pub at: Duration,
    /// How far ahead of now that is.
    pub lead: Duration,
    /// The time of day.
    pub wall: UnixMillis,
}

/// An area as it may be shown now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shown {
    /// The level; unknown once nobody vouches for it.
    pub level: Level,
    /// People, where known.
    pub count: Option<u32>,
    /// How old the news is; `None` when there is none.
    pub age: Option<Duration>,
}

/// The screen's remote control as it may be shown now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Control {
    /// Nobody can have it now: no server, or no layout for it.
    Off,
    /// By this address.
    Open(String),
    /// A phone has it.
    Held,
}

/// Everything that widgets look at.
#[derive(Debug)]
pub struct Data {
    /// Contents on the disk by name.
    pub library: Library,
    /// The office's time zone.
    pub zone: TimeZone,
    /// When each area's state is too old to show.
    pub stale_after: BTreeMap<AreaId, Duration>,
    areas: BTreeMap<AreaId, AreaState>,
    /// Each with the moment of its last call, once there was one while we looked.
    queues: BTreeMap<String, (QueueState, Option<Duration>)>,
    lots: BTreeMap<String, LotState>,
    notices: Vec<Notice>,
    /// What the server said of the remote control, and until when by its clock.
    control: (Control, Option<UnixMillis>),
    /// By our clock, when the server last proved that what it said holds.
    heard_at: Option<UnixMillis>,
    /// The server's clock minus ours, in milliseconds.
    server_ahead: i64,
    /// The server has said its time.
    is_told: bool,
    /// Something has set the machine's clock that knows the time.
    is_confirmed: bool,
}

impl Data {
    /// Nothing known yet.
    #[must_use]
    pub fn new(zone: TimeZone, stale_after: BTreeMap<AreaId, Duration>) -> Self {
        Self {
            library: Library::new(),
            zone,
            stale_after,
            areas: BTreeMap::new(),
            queues: BTreeMap::new(),
            lots: BTreeMap::new(),
            notices: Vec::new(),
            control: (Control::Off, None),
            heard_at: None,
            server_ahead: 0,
            is_told: false,
            is_confirmed: false,
        }
    }

    /// The server says its time and the office's zone. An unknown zone is told and ignored.
    pub fn welcome(&mut self, ours: UnixMillis, theirs: UnixMillis, time_zone: &str) {
        let signed = |time: UnixMillis| i64::try_from(time.0).unwrap_or(i64::MAX);
        self.server_ahead = signed(theirs).saturating_sub(signed(ours));
        self.is_told = true;
        // A new connection begins with the whole state, whatever its numbers.
        self.areas.values_mut().for_each(|state| state.version = 0);
        match TimeZone::get(time_zone) {
            Ok(zone) => self.zone = zone,
            Err(error) => tracing::warn!("the server's time zone {time_zone:?} is not known here: {error}"),
        }
    }

    /// Whether something has set the machine's clock that knows the time ([`clock::is_confirmed`]).
    pub fn confirm_clock(&mut self, is_confirmed: bool) {
        self.is_confirmed = is_confirmed;
    }

    /// The time, where somebody knows it.
    #[must_use]
    pub fn time(&self, now: UnixMillis) -> Option<UnixMillis> {
        clock::known(now, self.is_told.then_some(self.server_ahead), self.is_confirmed)
    }

    /// What the office's clock shows at a time.
    #[must_use]
    pub fn civil(&self, time: UnixMillis) -> DateTime {
        let millis = i64::try_from(time.0).unwrap_or(i64::MAX);
        let timestamp = jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX);
        self.zone.to_datetime(timestamp)
    }

    /// The server says how areas are. A state older than the one held is ignored.
    pub fn hear_areas(&mut self, areas: Vec<AreaState>, now: UnixMillis) {
        for state in areas {
            let is_late = self
                .areas
                .get(&state.area)
                .is_some_and(|held| held.version > state.version);
            if !is_late {
                self.areas.insert(state.area.clone(), state);
            }
        }
        self.heard(now);
    }

    /// The server is there: it would have told a change, so what it said holds.
    pub fn heard(&mut self, now: UnixMillis) {
        self.heard_at = self.heard_at.max(Some(now));
    }

    /// The server says how queues are.
    pub fn hear_queues(&mut self, queues: Vec<QueueState>, now: &Moment) {
        for state in queues.into_iter().take(MAX_NAMED) {
            let called_at = match self.queues.get(&state.queue) {
                Some((held, _)) if state.calls > held.calls => Some(now.at),
                Some((_, called_at)) => *called_at,
                None => None,
            };
            self.queues.insert(state.queue.clone(), (state, called_at));
        }
        self.heard(now.wall);
    }

    /// The server says how car parks are.
    pub fn hear_lots(&mut self, lots: Vec<LotState>, now: UnixMillis) {
        for state in lots.into_iter().take(MAX_NAMED) {
            self.lots.insert(state.lot.clone(), state);
        }
        self.heard(now);
    }

    /// The office's notices from now on.
    pub fn hear_notices(&mut self, mut notices: Vec<Notice>, now: UnixMillis) {
        notices.truncate(MAX_NAMED);
        self.notices = notices;
        self.heard(now);
    }

    /// The server says how the remote control is.
    pub fn hear_remote(&mut self, remote: Remote, now: UnixMillis) {
        self.control = match remote {
            Remote::Open { address, until } => (Control::Open(address), Some(until)),
            Remote::Held => (Control::Held, None),
        };
        self.heard(now);
    }

    /// The remote control as it may be shown now: a server that is silent takes it away.
    #[must_use]
    pub fn control(&self, now: UnixMillis) -> &Control {
        let (control, until) = &self.control;
        let is_over = until.is_some_and(|until| self.theirs(now) >= until);
        let is_vouched = self.heard_at.is_some_and(|at| now.since(at) <= STALE_AFTER);
        if is_vouched && !is_over { control } else { &Control::Off }
    }

    /// A queue as it may be shown: its state, how old that is, and when it last called.
    #[must_use]
    pub fn queue(&self, id: &str, now: &Moment) -> Option<(&QueueState, Duration, Option<Duration>)> {
        let (state, called_at) = self.queues.get(id)?;
        Some((state, self.age(state.at, now.wall)?, *called_at))
    }

    /// A car park as it may be shown, and how old that is.
    #[must_use]
    pub fn lot(&self, id: &str, now: UnixMillis) -> Option<(&LotState, Duration)> {
        let state = self.lots.get(id)?;
        Some((state, self.age(state.at, now)?))
    }

    /// The notices that are not over.
    pub fn notices(&self, now: UnixMillis) -> impl Iterator<Item = &Notice> {
        let theirs = self.theirs(now);
        self.notices
            .iter()
            .filter(move |notice| notice.until.is_none_or(|until| theirs < until))
    }

    /// What can't wait: the most urgent notice that goes over everything.
    #[must_use]
    pub fn alarm(&self, now: UnixMillis) -> Option<&Notice> {
        let urgent = self.notices(now).filter(|notice| notice.urgency > Urgency::Normal);
        // Of several as urgent, the first: the server sends the most important first.
        urgent.reduce(|best, other| if other.urgency > best.urgency { other } else { best })
    }

    /// The server's clock at our `now`.
    fn theirs(&self, now: UnixMillis) -> UnixMillis {
        UnixMillis(now.0.saturating_add_signed(self.server_ahead))
    }

    /// How long nobody has vouched for something that was so at `at` by the server's clock; `None`: too long.
    fn age(&self, at: UnixMillis, now: UnixMillis) -> Option<Duration> {
        let vouched_at = UnixMillis(at.0.saturating_add_signed(self.server_ahead.saturating_neg())).max(self.heard_at?);
        Some(now.since(vouched_at)).filter(|age| *age <= STALE_AFTER)
    }

    /// The area as it may be shown at `now`.
    #[must_use]
    pub fn area(&self, id: &AreaId, now: UnixMillis) -> Shown {
        let none = Shown {
            level: Level::Unknown,
            count: None,
            age: None,
        };
        let (Some(state), Some(heard_at)) = (self.areas.get(id), self.heard_at) else {
            return none;
        };
        let Some(observed_at) = state.observed_at else {
            return none;
        };
        let ours = i64::try_from(observed_at.0)
            .unwrap_or(i64::MAX)
            .saturating_sub(self.server_ahead);
        let vouched_at = UnixMillis(u64::try_from(ours).unwrap_or(0)).max(heard_at);
        let limit = self.stale_after.get(id).copied().unwrap_or(STALE_AFTER);
        let vouched = AreaState {
            observed_at: Some(vouched_at),
            ..state.clone()
        };
        let shown = vouched.as_of(now, limit);
        match shown.level {
            Level::Unknown => none,
            level => Shown {
                level,
                count: shown.count,
                age: Some(now.since(vouched_at)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::congestion::Trend;

    use super::*;

    fn area() -> AreaId {
        AreaId::new("lobby-1f").expect("valid")
    }

    fn state(version: u64, count: u32, observed_at: u64) -> AreaState {
        AreaState {
            area: area(),
            count: Some(count),
            capacity: 12,
            level: Level::Moderate,
            trend: Trend::Steady,
            observed_at: Some(UnixMillis(observed_at)),
            changed_at: UnixMillis(0),
            version,
        }
    }

    fn moment(seconds: u64) -> Moment {
        Moment {
            at: Duration::from_secs(seconds),
            lead: Duration::ZERO,
            wall: UnixMillis(1_000_000 + seconds * 1000),
        }
    }

    #[test]
    fn a_call_is_noticed_and_a_silent_server_takes_numbers_away() {
        let mut data = data();
        let queue = |calls: u64, seconds: u64| QueueState {
            queue: "zei".into(),
            called: Some(calls.to_string()),
            counter: None,
            calls,
            waiting: 3,
            at: moment(seconds).wall,
        };
        data.hear_queues(vec![queue(4, 0)], &moment(0));
        assert_eq!(
            data.queue("zei", &moment(1)).expect("there").2,
            None,
            "called before we looked"
        );
        data.hear_queues(vec![queue(5, 10)], &moment(10));
        data.hear_queues(vec![queue(5, 20)], &moment(20));
        let (state, age, called_at) = data.queue("zei", &moment(25)).expect("there");
        assert_eq!(
            (state.calls, age.as_secs(), called_at),
            (5, 5, Some(Duration::from_secs(10)))
        );
        assert!(data.queue("zei", &moment(81)).is_none());
        assert!(data.queue("kaigo", &moment(25)).is_none());
    }

    #[test]
    fn the_most_urgent_notice_goes_first_and_ends_by_the_servers_clock() {
        let mut data = data();
        let notice = |id: &str, urgency, until| Notice {
            id: id.into(),
            text: id.into(),
            urgency,
            until,
        };
        // The server's clock is a minute ahead.
        data.welcome(moment(0).wall, moment(60).wall, "Asia/Tokyo");
        data.hear_notices(
            vec![
                notice("a", Urgency::Normal, None),
                notice("b", Urgency::Urgent, None),
                notice("c", Urgency::Emergency, Some(moment(70).wall)),
                notice("d", Urgency::Urgent, None),
            ],
            moment(0).wall,
        );
        let alarm = |seconds| data.alarm(moment(seconds).wall).map(|notice| notice.id.clone());
        assert_eq!(alarm(9).as_deref(), Some("c"));
        assert_eq!(alarm(10).as_deref(), Some("b"));
        assert_eq!(data.notices(moment(10).wall).count(), 3);
    }

    fn data() -> Data {
        Data::new(TimeZone::UTC, BTreeMap::from([(area(), Duration::from_secs(30))]))
    }

    #[test]
    fn live_data_shows_its_age_and_goes_away_when_the_server_is_gone() {
        let mut data = data();
        assert_eq!(data.area(&area(), UnixMillis(0)).level, Level::Unknown);
        data.hear_areas(vec![state(1, 6, 100_000)], UnixMillis(100_000));
        let seen = data.area(&area(), UnixMillis(120_000));
        assert_eq!((seen.count, seen.age), (Some(6), Some(Duration::from_secs(20))));
        // The server is still there and said nothing else: the state holds.
        data.heard(UnixMillis(125_000));
        assert_eq!(
            data.area(&area(), UnixMillis(150_000)).age,
            Some(Duration::from_secs(25))
        );
        assert_eq!(data.area(&area(), UnixMillis(155_001)).level, Level::Unknown);
    }

    #[test]
    fn a_late_message_changes_nothing_and_a_wrong_clock_does_no_harm() {
        let mut data = data();
        // Ours is one hour behind.
        data.welcome(UnixMillis(1_000_000), UnixMillis(4_600_000), "Asia/Tokyo");
        data.hear_areas(vec![state(5, 6, 4_600_000)], UnixMillis(1_000_000));
        data.hear_areas(vec![state(4, 1, 4_500_000)], UnixMillis(1_001_000));
        let seen = data.area(&area(), UnixMillis(1_011_000));
        assert_eq!((seen.count, seen.age), (Some(6), Some(Duration::from_secs(10))));
        data.welcome(UnixMillis(0), UnixMillis(0), "Mars/Olympus");
        assert_eq!(data.zone, TimeZone::get("Asia/Tokyo").expect("known"));
    }
}
