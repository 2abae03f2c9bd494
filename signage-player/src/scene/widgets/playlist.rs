//! Videos and pictures, one after the other, for ever; which of them, and which list, its schedule says.
//!
//! Invariant: what was shown last stays until something else is ready; before anything was ready, and
//! when nothing can be played, the zone has the office's colour. It is never black.

mod together;

use std::path::PathBuf;
use std::time::Duration;

use jiff::tz::TimeZone;
use protocol::screen::schedule::Day;
use protocol::screen::{Item as Listed, Language, Programme, Rect, Transition, is_sha256};
use protocol::time::UnixMillis;

use super::fallback::Fallback;
use super::{Place, View};
use crate::bridge::plays::Plays;
use crate::event::Library;
use crate::item::whep::Viewer;
use crate::item::{Fault, Frame, Item, Preparing, Request, Turn};
use crate::quarantine::{Case, Quarantine, key_of, key_of_live};
use crate::scene::Kit;
use crate::scene::data::{Data, Moment};
use crate::scene::palette;
use crate::schedule::{Due, Schedule};
use crate::sound::Sound;
use crate::stage::canvas::{Canvas, Pixels};
use together::Together;

/// The next item is prepared when the one on show has so much left.
const AHEAD: Duration = Duration::from_secs(4);

/// How long one picture takes to give way to the next.
const TRANSITION: Duration = Duration::from_millis(500);

/// A zone is empty for so long before the office's name and the time stand in.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a playlist is made of.
#[derive(Debug)]
pub struct Lists {
    /// Its own items.
    pub items: Vec<Listed>,
    /// Lists that take their place at their times.
    pub programmes: Vec<Programme>,
    /// The days on which the office is closed.
    pub closed: Vec<Day>,
    /// How one item follows another.
    pub transition: Transition,
}

struct Running {
    index: usize,
    item: Box<dyn Item>,
    /// When it was started, by the stage's time.
    begun: Duration,
    /// Since when it is on show, by the time of day.
    since: UnixMillis,
}

/// A playlist in its zone.
pub struct Playlist {
    zone: String,
    place: Place,
    /// The office's, for what is said.
    time_zone: TimeZone,
    wall: UnixMillis,
    plays: Plays,
    sound: Sound,
    viewer: Viewer,
    quarantine: Quarantine,
    /// All items: first its own, then those of its programmes.
    items: Vec<Listed>,
    schedule: Schedule,
    due: Due,
    /// The minute for which `due` holds, since 1970; `None` within: without a clock.
    due_at: Option<Option<u64>>,
    /// It was looked at since, and what goes before hasn't been looked for.
    is_due_new: bool,
    /// Of which item the frame is.
    framed: Option<usize>,
    /// Each item's file by its name, as it was when it was looked for last: in the cache, the content's hash.
    keys: Vec<Option<String>>,
    /// Where the search for the next item begins.
    cursor: usize,
    current: Option<Running>,
    next: Option<(usize, Preparing)>,
    frame: Option<Frame>,
    is_drawn: bool,
    drawn_at: Duration,
    transition: Transition,
    /// What goes out, and since when.
    leaving: Option<(Frame, Duration)>,
    fallback: Fallback,
    /// Since when there is nothing to show.
    empty_since: Option<Duration>,
    /// How much of the transition is done, 0 to 256.
    share: u32,
    together: Together,
}

impl Playlist {
    /// A playlist of these lists.
    #[must_use]
    pub fn new(zone: &str, place: Place, lists: Lists, kit: &Kit) -> Self {
        let (schedule, items) = Schedule::new(lists.items, lists.programmes, &lists.closed);
        Self {
            zone: zone.to_owned(),
            place,
            time_zone: TimeZone::UTC,
            wall: UnixMillis::default(),
            plays: kit.plays.clone(),
            quarantine: kit.quarantine.clone(),
            sound: kit.sound,
            viewer: kit.viewer.clone(),
            fallback: Fallback::new(place, kit),
            empty_since: None,
            together: Together::new(kit.group.zone(zone, &items)),
            keys: items.iter().map(|_| None).collect(),
            items,
            schedule,
            due: Due::default(),
            due_at: None,
            is_due_new: false,
            framed: None,
            cursor: 0,
            current: None,
            next: None,
            frame: None,
            is_drawn: false,
            drawn_at: Duration::ZERO,
            transition: lists.transition,
            leaving: None,
            share: 256,
        }
    }

    /// Lets the item on show go on. Gives whether the picture changed.
    fn advance(&mut self, now: &Moment) -> bool {
        let Some(running) = &mut self.current else { return false };
        match running.item.turn(now.at) {
            Turn::Same => false,
            Turn::Frame(frame) => {
                self.frame = Some(frame);
                true
            }
            Turn::Over(result) => {
                let index = running.index;
                self.record(now.wall, result.is_ok());
                self.current = None;
                self.note(index, result, now.wall);
                false
            }
        }
    }

    /// Proof that the item on show was on show until `now`.
    fn record(&self, now: UnixMillis, is_whole: bool) {
        if let Some(running) = &self.current {
            let sha256 = self.keys[running.index].as_deref().filter(|key| is_sha256(key));
            let content = self.items[running.index].name();
            let span = (running.since, now);
            self.plays.shown(&self.zone, content, sha256, span, is_whole);
        }
    }

    fn note(&mut self, index: usize, result: Result<(), Fault>, now: UnixMillis) {
        let Some(key) = &self.keys[index] else { return };
        match result {
            Ok(()) => self.quarantine.played(key),
            Err(fault) => {
                tracing::warn!(content = self.items[index].name(), "couldn't be played: {fault}");
                self.quarantine.failed(key, &fault, now);
            }
        }
    }

    /// Looks what is to be shown at this minute. What is being prepared and isn't of the most important list is given up.
    fn look_at_the_clock(&mut self, moment: &Moment, data: &Data) {
        let time = data.time(moment.wall);
        let minute = Some(time.map(|time| time.0 / 60_000));
        if self.due_at == minute {
            return;
        }
        self.due_at = minute;
        let due = self.schedule.due(time.map(|time| data.civil(time)));
        if std::mem::replace(&mut self.due, due.clone()) == due {
            return;
        }
        self.is_due_new = true;
        if let Some((index, _)) = self.next.take_if(|(index, _)| self.due.level(*index) != Some(0)) {
            self.cursor = index;
        }
    }

    /// The next item, of the most important list that has one which can be played.
    fn choose(&mut self, now: UnixMillis, library: &Library) -> Option<usize> {
        let count = self.items.len();
        for level in 0..self.due.levels.len() {
            let mut turns = self.due.levels[level].clone();
            turns.sort_by_key(|index| (index + count - self.cursor) % count);
            for index in turns {
                if self.is_playable(index, now, library) {
                    return Some(index);
                }
            }
        }
        None
    }

    /// An item's file, where it has one, and how it has done until now; `None`: its file isn't here.
    fn find(&mut self, index: usize, library: &Library) -> Option<(Option<PathBuf>, Case)> {
        let item = &self.items[index];
        let path = item.content().and_then(|content| library.get(content));
        let key = match (item, path) {
            (Listed::Live { url, .. }, _) => key_of_live(url),
            (_, Some(path)) => key_of(path),
            (_, None) => return None,
        };
        let key = self.keys[index].insert(key);
        Some((path.cloned(), self.quarantine.case(key)))
    }

    /// Whether an item is there, and not set aside.
    fn is_playable(&mut self, index: usize, now: UnixMillis, library: &Library) -> bool {
        index < self.items.len() && self.find(index, library).is_some() && !self.is_aside(index, now)
    }

    /// Whether it has failed too often.
    fn is_aside(&self, index: usize, now: UnixMillis) -> bool {
        let key = self.keys[index].as_ref();
        key.is_some_and(|key| self.quarantine.is_aside(key, now))
    }

    /// Whether `next` comes before the end of what is on show: whose time is over, or which is of a less important list.
    fn goes_before(&self, next: usize) -> bool {
        let Some(running) = &self.current else { return true };
        match (self.due.level(running.index), self.due.level(next)) {
            (Some(now), Some(next)) => next < now,
            (now, _) => now.is_none(),
        }
    }

    /// Begins to prepare the next item when it is time.
    fn prepare(&mut self, moment: &Moment, library: &Library) {
        let now = moment.at;
        if self.next.is_some() {
            return;
        }
        let is_time = self.current.as_ref().is_none_or(|running| {
            let is_ending = running.item.remaining(now).is_none_or(|remaining| remaining < AHEAD);
            is_ending || !self.due.has(running.index)
        });
        // Another list may have begun, which waits for no end.
        let is_due_new = std::mem::take(&mut self.is_due_new);
        if !is_time && !is_due_new {
            return;
        }
        let found = self.choose(moment.wall, library);
        if let Some(index) = found.filter(|index| is_time || self.goes_before(*index)) {
            self.open(index, Duration::ZERO, now, library);
        }
    }

    /// Begins to prepare an item, to be shown from `from` on, if its content is there.
    fn open(&mut self, index: usize, from: Duration, now: Duration, library: &Library) {
        let Some((path, case)) = self.find(index, library) else {
            return;
        };
        self.cursor = (index + 1) % self.items.len();
        let request = Request {
            listed: self.items[index].clone(),
            case,
            path,
            from,
            size: (self.place.width, self.place.height),
            sound: self.sound,
            viewer: self.viewer.clone(),
        };
        self.next = Some((index, Preparing::begin(request, now)));
    }

    /// Swaps the next item in once the one on show is over. Gives whether the picture changed.
    fn swap(&mut self, moment: &Moment) -> bool {
        let now = moment.at;
        let Some((index, mut preparing)) = self.next.take() else {
            return self.clear(moment, true);
        };
        match preparing.poll(now) {
            Ok(true) if self.goes_before(index) => {
                self.record(moment.wall, false);
                let Some(mut item) = preparing.into_item() else {
                    return false;
                };
                let first = item.start(now);
                self.show(index, item, first, moment)
            }
            Ok(_) => {
                self.next = Some((index, preparing));
                false
            }
            Err(fault) => {
                self.note(index, Err(fault), moment.wall);
                false
            }
        }
    }

    /// An item that was started is on show from now on. Gives whether the picture changed.
    fn show(&mut self, index: usize, item: Box<dyn Item>, first: Option<Frame>, moment: &Moment) -> bool {
        self.framed = Some(index);
        self.current = Some(Running {
            index,
            item,
            begun: moment.at,
            since: moment.wall,
        });
        let Some(frame) = first else { return false };
        let before = self.frame.replace(frame);
        if self.transition != Transition::Cut {
            self.leaving = before.map(|frame| (frame, moment.at));
        }
        true
    }

    /// Keeps the stand-in ready while there is nothing to show. Gives whether the picture changed.
    fn fall_back(&mut self, now: &Moment, data: &Data) -> bool {
        if self.frame.is_some() {
            self.empty_since = None;
            return false;
        }
        let since = *self.empty_since.get_or_insert(now.at);
        // An item that is just being opened needn't be announced by something else.
        self.shows_fallback(now.at, since) && self.fallback.draw(now, data).is_some()
    }

    fn shows_fallback(&self, now: Duration, since: Duration) -> bool {
        now.saturating_sub(since) >= PATIENCE
    }

    /// Moves the transition on. Gives whether the picture changed.
    fn step(&mut self, now: Duration) -> bool {
        let Some((_, since)) = &self.leaving else { return false };
        let done = now.saturating_sub(*since).as_secs_f64() / TRANSITION.as_secs_f64();
        // Slow at both ends.
        let eased = done.clamp(0.0, 1.0);
        let eased = eased * eased * (3.0 - 2.0 * eased);
        self.share = (eased * 256.0) as u32;
        if done >= 1.0 {
            self.leaving = None;
        }
        true
    }

    /// Takes the picture away when its time is over and nothing follows, unless others tell `by_clock` when that is; or when
    /// nothing can be shown. Gives whether it did.
    fn clear(&mut self, now: &Moment, by_clock: bool) -> bool {
        if by_clock && self.framed.is_some_and(|index| !self.due.has(index)) {
            self.record(now.wall, false);
            self.current = None;
        } else if self.current.is_some() || !self.is_hopeless(now.wall) {
            return false;
        }
        self.framed = None;
        self.leaving = None;
        self.frame.take().is_some()
    }

    fn is_hopeless(&self, now: UnixMillis) -> bool {
        let mut due = self.due.levels.iter().flatten();
        due.all(|index| self.is_aside(*index, now))
    }

    /// What is wrong with an item, in words.
    fn fault(&self, index: usize) -> Option<String> {
        let record = self.quarantine.record(self.keys[index].as_ref()?)?;
        let name = self.items[index].name();
        let fault = &record.fault;
        let until = record.aside_until().filter(|_| record.is_aside(self.wall));
        let until = until.and_then(|until| jiff::Timestamp::from_millisecond(i64::try_from(until.0).ok()?).ok());
        Some(match until {
            None => format!("{name}: {fault}"),
            Some(until) => {
                let until = until.to_zoned(self.time_zone.clone()).strftime("%Y-%m-%d %H:%M");
                let times = record.failures;
                format!("{name}: {fault}; it has failed {times} times in a row and is set aside until {until}")
            }
        })
    }

    fn whole(&self) -> Rect {
        Rect {
            x: 0,
            y: 0,
            width: self.place.width,
            height: self.place.height,
        }
    }
}

impl View for Playlist {
    fn draw(&mut self, now: &Moment, data: &Data) -> Option<Rect> {
        self.drawn_at = now.at;
        self.wall = now.wall;
        if self.time_zone != data.zone {
            self.time_zone = data.zone.clone();
        }
        self.look_at_the_clock(now, data);
        let mut is_changed = self.advance(now);
        if let Some(sight) = self.look_at_group(now.at) {
            is_changed |= self.play_together(now, &sight, &data.library);
        } else {
            self.prepare(now, &data.library);
            is_changed |= self.swap(now);
        }
        is_changed |= self.step(now.at);
        is_changed |= self.fall_back(now, data);
        let is_first = !std::mem::replace(&mut self.is_drawn, true);
        (is_changed || is_first).then(|| self.whole())
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        let Some(pixels) = self.frame.as_ref().and_then(Frame::pixels) else {
            if self
                .empty_since
                .is_some_and(|since| self.shows_fallback(self.drawn_at, since))
            {
                self.fallback.paint(canvas, clip, at);
            } else {
                canvas.fill(clip, palette::PALE_BLUE);
            }
            return;
        };
        let (width, height) = (self.place.width, self.place.height);
        let leaving = self.leaving.as_ref().and_then(|(frame, _)| frame.pixels());
        let middle = |zone: u32, picture: u32| (i64::from(zone) - i64::from(picture)) / 2;
        let corner = |pixels: &Pixels<'_>| (at.0 + middle(width, pixels.width), at.1 + middle(height, pixels.height));
        let covers = |pixels: &Pixels<'_>| (pixels.width, pixels.height) == (width, height);
        if !covers(&pixels) || leaving.as_ref().is_some_and(|pixels| !covers(pixels)) {
            canvas.fill(clip, palette::PALE_BLUE);
        }
        let Some(leaving) = leaving else {
            canvas.copy(clip, pixels, corner(&pixels));
            return;
        };
        let (old, new) = (corner(&leaving), corner(&pixels));
        match self.transition {
            Transition::Slide => {
                let moved = i64::from(width) * i64::from(self.share) / 256;
                canvas.copy(clip, leaving, (old.0 - moved, old.1));
                canvas.copy(clip, pixels, (new.0 - moved + i64::from(width), new.1));
            }
            Transition::Fade | Transition::Cut => {
                canvas.copy(clip, leaving, old);
                // Where only one of both has a picture, the ground shines through.
                if !covers(&leaving) || !covers(&pixels) {
                    canvas.tint(clip, palette::PALE_BLUE, self.share);
                }
                canvas.mix(clip, pixels, new, self.share);
            }
        }
    }

    fn is_opaque(&self) -> bool {
        true
    }

    fn set_language(&mut self, language: Language) {
        self.fallback.set_language(language);
    }

    fn shown(&mut self, now: &Moment) {
        if let Some(running) = &mut self.current {
            running.item.resume(now.at);
            running.since = now.wall;
        }
    }

    fn hidden(&mut self, now: &Moment) {
        if let Some((index, _)) = self.next.take() {
            self.cursor = index;
        }
        self.record(now.wall, false);
        if self.together.leave() {
            // The others play on without it; it will join them where they are then.
            self.current = None;
        }
        if let Some(running) = &mut self.current {
            running.item.pause(now.at);
        }
    }

    fn faults(&self) -> Vec<String> {
        let of_items = (0..self.items.len()).filter_map(|index| self.fault(index));
        self.due.faults.iter().cloned().chain(of_items).collect()
    }
}
