//! One area, from what its cameras say: joined, counted at its doors, or both.
//!
//! Invariant: the count is `None` unless the cameras that it follows from can tell now. A door's camera that is lost
//! misses whom nobody else counts: then the area is unknown, until a hall's camera, a closing or somebody sets it right.

use std::collections::BTreeMap;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use protocol::config::{Area, Camera, CameraRole};
use protocol::congestion::{CameraReport, CameraStatus, Source};
use protocol::ids::CameraId;
use protocol::time::UnixMillis;

use super::doors::{Doors, Event};
use super::join::{Word, join};
use super::queue::Queue;
use crate::counter::Reading;
use crate::line::Crossings;
use crate::publish::News;

/// The newest word of each camera of an area.
pub type Readings = BTreeMap<CameraId, Reading>;

/// What is known of one area.
#[derive(Debug)]
pub struct AreaWatch {
    area: Area,
    zone: TimeZone,
    cameras: Vec<(CameraId, CameraRole)>,
    queues: BTreeMap<CameraId, Queue>,
    crossed: BTreeMap<CameraId, Crossings>,
    /// `None`: it has no doors that are watched.
    doors: Option<Doors>,
    /// Whether each door's camera could tell at the last look.
    are_doors_watched: bool,
    /// A door wasn't watched for a while.
    is_adrift: bool,
    emptied_on: Option<Date>,
    /// Since when each camera is as it is.
    since: BTreeMap<CameraId, (CameraStatus, UnixMillis)>,
}

impl AreaWatch {
    /// An area, and all of its cameras. Its day ends by the clocks of `zone`.
    #[must_use]
    pub fn new<'c>(area: &Area, cameras: impl Iterator<Item = &'c Camera>, zone: TimeZone) -> Self {
        // A car park's gate is an entrance, for cars.
        let role = |camera: &Camera| {
            if camera.is_gate() {
                CameraRole::Entrance
            } else {
                camera.role
            }
        };
        let cameras: Vec<_> = cameras.map(|camera| (camera.id.clone(), role(camera))).collect();
        let has_doors = cameras.iter().any(|(_, role)| *role == CameraRole::Entrance);
        Self {
            area: area.clone(),
            zone,
            cameras,
            queues: BTreeMap::new(),
            crossed: BTreeMap::new(),
            doors: has_doors.then(Doors::new),
            are_doors_watched: false,
            // Who is inside when the program starts nobody has counted; at night nobody is.
            is_adrift: true,
            emptied_on: None,
            since: BTreeMap::new(),
        }
    }

    /// Whether somebody's word on how many people are there would hold now: all doors are watched. While one isn't, who passes
    /// it makes the word untrue, and nobody notices.
    #[must_use]
    pub const fn holds_words(&self) -> bool {
        self.doors.is_some() && self.are_doors_watched
    }

    /// Somebody who is there says how many there are. Returns whether that is of use ([`Self::holds_words`]).
    pub fn correct(&mut self, people: u32, now: UnixMillis) -> bool {
        let Some(doors) = self.doors.as_mut().filter(|_| self.are_doors_watched) else {
            return false;
        };
        doors.take(Event::Told(people), now);
        self.is_adrift = false;
        true
    }

    /// Who observes: the one camera, or all that are joined.
    #[must_use]
    pub fn source(&self) -> Source {
        match (self.cameras.as_slice(), &self.doors) {
            ([(camera, _)], None) => Source::Camera(camera.to_string()),
            (_, None) => Source::Other("cameras".to_owned()),
            (_, Some(_)) => Source::Other("doors".to_owned()),
        }
    }

    /// What there is to tell at `now`, of the cameras' newest readings.
    pub fn news(&mut self, readings: &Readings, now: UnixMillis) -> News {
        let fresh = |camera: &CameraId| {
            let reading = readings.get(camera);
            reading.filter(|reading| now.since(reading.at) <= self.area.stale_after)
        };
        for (camera, reading) in readings {
            let since = self.since.entry(camera.clone()).or_insert((reading.status, now));
            if since.0 != reading.status {
                *since = (reading.status, now);
            }
        }
        let crossed: Vec<_> = (self.cameras.iter())
            .filter_map(|(camera, role)| Some((camera.clone(), *role, readings.get(camera)?.crossed)))
            .map(|(camera, role, crossed)| {
                (
                    camera.clone(),
                    role,
                    since(self.crossed.insert(camera, crossed), crossed),
                )
            })
            .collect();
        let words = self
            .cameras
            .iter()
            .filter(|(_, role)| matches!(role, CameraRole::Area | CameraRole::Queue | CameraRole::Parking));
        let words: Vec<_> = words
            .map(|(camera, _)| Word {
                camera: camera.clone(),
                count: fresh(camera).and_then(|reading| reading.count),
            })
            .collect();
        let seen = join(&self.area.join, &words);
        self.are_doors_watched = (self.cameras.iter())
            .filter(|(_, role)| *role == CameraRole::Entrance)
            .all(|(camera, _)| fresh(camera).is_some_and(|reading| reading.count.is_some()));
        for (camera, role, crossed) in &crossed {
            if *role == CameraRole::Queue {
                let waiting = fresh(camera).and_then(|reading| reading.count);
                let served = u32::try_from(crossed.came_in).unwrap_or(u32::MAX);
                self.queues
                    .entry(camera.clone())
                    .or_default()
                    .take(waiting, served, now);
            }
        }
        let is_closing = self.is_closing(now);
        let count = match &mut self.doors {
            None => seen,
            Some(doors) => {
                for (_, _, crossed) in crossed.iter().filter(|(_, role, _)| *role == CameraRole::Entrance) {
                    let (came_in, went_out) = (crossed.came_in, crossed.went_out);
                    doors.take(Event::Crossed { came_in, went_out }, now);
                }
                doors.take(Event::Hall(seen), now);
                self.is_adrift |= !self.are_doors_watched;
                if is_closing {
                    doors.take(Event::Closed, now);
                }
                if is_closing || seen == Some(doors.inside()) {
                    self.is_adrift = !self.are_doors_watched;
                }
                (!self.is_adrift).then_some(doors.inside())
            }
        };
        let newest = self
            .cameras
            .iter()
            .filter_map(|(camera, _)| readings.get(camera))
            .map(|reading| reading.at);
        News {
            count,
            at: newest.max().unwrap_or(now),
            cameras: self.reports(readings, now),
        }
    }

    /// Once a day, from the time on at which nobody is left.
    fn is_closing(&mut self, now: UnixMillis) -> bool {
        let Ok(milliseconds) = i64::try_from(now.0) else {
            return false;
        };
        let Ok(time) = jiff::Timestamp::from_millisecond(milliseconds) else {
            return false;
        };
        let local = time.to_zoned(self.zone.clone()).datetime();
        // Between midnight and the time of closing it is still the day before that has ended.
        let day = if local.time() >= self.area.empties_at {
            local.date()
        } else {
            local.date().yesterday().unwrap_or(local.date())
        };
        self.emptied_on.replace(day).is_some_and(|last| last < day)
    }

    fn reports(&self, readings: &Readings, now: UnixMillis) -> Vec<(CameraId, CameraReport)> {
        let report = |(camera, role): &(CameraId, CameraRole)| {
            let reading = readings.get(camera)?;
            let has_line = matches!(role, CameraRole::Entrance | CameraRole::Queue);
            let wait = self.queues.get(camera).and_then(|queue| queue.waiting_time(now));
            let report = CameraReport {
                frames_counted: reading.frames_counted,
                is_alive: reading.count.is_some(),
                status: reading.status,
                status_since: self.since.get(camera).map(|(_, since)| *since),
                losses: reading.losses,
                somebody: reading.somebody,
                wait_s: wait.map(|wait| wait.as_secs()),
                crossed: has_line.then_some([reading.crossed.came_in, reading.crossed.went_out]),
                corrections: self
                    .doors
                    .filter(|_| *role == CameraRole::Entrance)
                    .map(|doors| doors.corrections()),
                free_bays: reading.places.map(|places| [places.free(), places.total]),
            };
            Some((camera.clone(), report))
        };
        self.cameras.iter().filter_map(report).collect()
    }
}

/// What crossed since the last time. A camera's worker that began anew counts from nothing.
fn since(before: Option<Crossings>, now: Crossings) -> Crossings {
    let before = before.filter(|before| before.came_in <= now.came_in && before.went_out <= now.went_out);
    let before = before.unwrap_or_default();
    Crossings {
        came_in: now.came_in - before.came_in,
        went_out: now.went_out - before.went_out,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use protocol::config::Join;
    use protocol::congestion::CameraStatus;
    use protocol::ids::AreaId;

    use super::*;
    use crate::parking::Places;

    const HOUR: u64 = 3_600_000;
    /// 2026-11-02, midnight in Tokyo.
    const MIDNIGHT: u64 = 1_793_545_200_000;

    fn camera(name: &str) -> CameraId {
        CameraId::new(name).expect("valid")
    }

    fn watch(join: Join, cameras: &[(&str, CameraRole)]) -> AreaWatch {
        let area = Area {
            id: AreaId::new("lobby").expect("valid"),
            name: serde_json::from_str("{\"ja\": \"ロビー\"}").expect("a text"),
            capacity: 12,
            moderate_from: 4,
            busy_from: 7,
            hysteresis: 1,
            stale_after: Duration::from_secs(30),
            join,
            empties_at: jiff::civil::time(22, 0, 0, 0),
        };
        let zone = TimeZone::fixed(jiff::tz::offset(9));
        let mut watch = AreaWatch::new(&area, std::iter::empty(), zone);
        watch.cameras = cameras.iter().map(|(name, role)| (camera(name), *role)).collect();
        let has_doors = cameras.iter().any(|(_, role)| *role == CameraRole::Entrance);
        watch.doors = has_doors.then(Doors::new);
        watch
    }

    fn reading(count: Option<u32>, crossed: [u64; 2], at: UnixMillis) -> Reading {
        let [came_in, went_out] = crossed;
        Reading {
            count,
            crossed: Crossings { came_in, went_out },
            ..Reading::unknown(at, CameraStatus::Seeing)
        }
    }

    #[test]
    fn a_camera_that_has_said_nothing_for_long_is_not_believed() {
        let mut watch = watch(Join::Sum, &[("north", CameraRole::Area), ("south", CameraRole::Area)]);
        let (early, late) = (UnixMillis(MIDNIGHT), UnixMillis(MIDNIGHT + 31_000));
        let mut readings = Readings::new();
        readings.insert(camera("north"), reading(Some(3), [0, 0], early));
        assert_eq!(
            watch.news(&readings, early).count,
            None,
            "the other hasn't said anything"
        );
        readings.insert(camera("south"), reading(Some(2), [0, 0], early));
        assert_eq!(watch.news(&readings, early).count, Some(5));
        readings.insert(camera("north"), reading(Some(3), [0, 0], late));
        assert_eq!(watch.news(&readings, late).count, None);
        assert_eq!(watch.source(), Source::Other("cameras".into()));
    }

    #[test]
    fn doors_are_believed_from_closing_on_and_not_after_a_gap() {
        let mut watch = watch(Join::Max, &[("door", CameraRole::Entrance)]);
        let mut say = |count, crossed, hour: u64| {
            let now = UnixMillis(MIDNIGHT + hour * HOUR);
            let readings = Readings::from([(camera("door"), reading(count, crossed, now))]);
            watch.news(&readings, now)
        };
        assert_eq!(say(Some(0), [4, 1], 12).count, None, "who was inside before is unknown");
        assert_eq!(say(Some(0), [6, 1], 22).count, Some(0), "closed");
        assert_eq!(say(Some(0), [9, 1], 33).count, Some(3));
        assert_eq!(say(None, [9, 1], 34).count, None, "a door that isn't watched");
        assert_eq!(say(Some(0), [9, 2], 35).count, None, "who passed meanwhile?");
        let evening = say(Some(0), [9, 2], 46);
        assert_eq!(evening.count, Some(0));
        assert_eq!(evening.cameras[0].1.crossed, Some([9, 2]));
        assert!(evening.cameras[0].1.corrections > Some(0));
        assert_eq!(say(Some(0), [2, 1], 57).count, Some(1), "a worker that began anew");
    }

    #[test]
    fn who_is_there_sets_the_doors_right_until_one_is_not_watched() {
        let mut watch = watch(Join::Max, &[("door", CameraRole::Entrance)]);
        let at = |second: u64| UnixMillis(MIDNIGHT + 10 * HOUR + second * 1000);
        let say = |watch: &mut AreaWatch, count, crossed, second| {
            let readings = Readings::from([(camera("door"), reading(count, crossed, at(second)))]);
            watch.news(&readings, at(second))
        };
        assert_eq!(say(&mut watch, Some(0), [2, 0], 0).count, None);
        assert!(watch.correct(7, at(1)));
        let news = say(&mut watch, Some(0), [3, 0], 2);
        assert_eq!((news.count, news.cameras[0].1.corrections), (Some(8), Some(5)));
        assert!(watch.holds_words());
        assert_eq!(say(&mut watch, None, [3, 0], 3).count, None);
        assert!(
            !watch.holds_words() && !watch.correct(7, at(4)),
            "nobody watches the door"
        );
        assert_eq!(say(&mut watch, Some(0), [3, 0], 5).count, None);
        assert!(watch.correct(6, at(6)), "it is watched again");
        assert_eq!(say(&mut watch, Some(0), [3, 1], 7).count, Some(5));
        let mut hall = super::tests::watch(Join::Max, &[("hall", CameraRole::Area)]);
        assert!(!hall.correct(7, at(0)), "a hall's camera counts by itself");
    }

    #[test]
    fn it_is_told_since_when_a_camera_is_as_it_is() {
        let mut watch = watch(Join::Max, &[("hall", CameraRole::Area)]);
        let mut since = |status, second: u64| {
            let now = UnixMillis(MIDNIGHT + second * 1000);
            let readings = Readings::from([(camera("hall"), Reading::unknown(now, status))]);
            let reported = watch.news(&readings, now).cameras[0].1.status_since;
            reported.expect("told").0 - MIDNIGHT
        };
        assert_eq!(since(CameraStatus::Starting, 0), 0);
        assert_eq!(since(CameraStatus::Dark, 5), 5_000);
        assert_eq!(since(CameraStatus::Dark, 9), 5_000);
        assert_eq!(since(CameraStatus::Seeing, 12), 12_000);
    }

    #[test]
    fn a_hall_that_agrees_makes_doors_believed_again() {
        let mut watch = watch(Join::Max, &[("door", CameraRole::Entrance), ("hall", CameraRole::Area)]);
        let mut last = None;
        for second in 0..90 {
            let now = UnixMillis(MIDNIGHT + 10 * HOUR + second * 1000);
            let readings = Readings::from([
                (camera("door"), reading(Some(0), [0, 0], now)),
                (camera("hall"), reading(Some(3), [0, 0], now)),
            ]);
            last = watch.news(&readings, now).count;
            assert!(last.is_none() || last == Some(3), "{last:?}");
        }
        assert_eq!(last, Some(3), "pulled to what the hall's camera sees");
    }

    #[test]
    fn a_car_park_tells_its_free_bays_and_nothing_of_a_lost_camera() {
        let mut watch = watch(Join::Sum, &[("lot", CameraRole::Parking)]);
        let now = UnixMillis(MIDNIGHT);
        let mut seen = reading(Some(9), [0, 0], now);
        seen.places = Some(Places { taken: 9, total: 12 });
        let news = watch.news(&Readings::from([(camera("lot"), seen)]), now);
        assert_eq!((news.count, news.cameras[0].1.free_bays), (Some(9), Some([3, 12])));
        let news = watch.news(&Readings::from([(camera("lot"), reading(None, [0, 0], now))]), now);
        assert_eq!((news.count, news.cameras[0].1.free_bays), (None, None));
    }

    #[test]
    fn a_queue_tells_how_long_it_takes() {
        let mut watch = watch(Join::Max, &[("queue", CameraRole::Queue)]);
        let mut news = None;
        for minute in 0..=6 {
            let now = UnixMillis(MIDNIGHT + 10 * HOUR + minute * 60_000);
            let readings = Readings::from([(camera("queue"), reading(Some(4), [minute, 0], now))]);
            news = Some(watch.news(&readings, now));
        }
        let news = news.expect("news");
        assert_eq!((news.count, news.cameras[0].1.wait_s), (Some(4), Some(240)));
    }
}
