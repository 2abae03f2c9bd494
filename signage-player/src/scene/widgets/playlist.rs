//! Videos and pictures, one after the other, for ever; which of them, and which list, its schedule says.
//!
//! Invariant: no film stands still at its end because of what comes next: whatever is ready first follows ([`coming`]). Before
//! anything was ready, and when nothing is or can be played, the office's name and the time stand in. It is never black.

mod choice;
mod coming;
mod picture;
mod together;

use std::time::Duration;

use jiff::tz::TimeZone;
use protocol::screen::schedule::Day;
use protocol::screen::{Item as Listed, Language, Programme, Rect, Transition};
use protocol::time::UnixMillis;

use super::fallback::Fallback;
use super::{Place, View};
use crate::bridge::plays::{LIVE, Plays};
use crate::event::Library;
use crate::item::{Frame, Item, Preparing, Request, Turn};
use crate::live::Processes;
use crate::scene::Kit;
use crate::scene::data::{Data, Moment};
use crate::scene::palette;
use crate::sound::Sound;
use crate::sound::ducking::Ducking;
use crate::stage::canvas::Canvas;
use choice::Choice;
use coming::Spare;
use picture::Picture;
use together::Together;

/// A zone is empty for so long before the office's name and the time stand in.
const PATIENCE: Duration = Duration::from_secs(2);

/// So long before that it is settled which of several zones says all.
const SETTLING: Duration = Duration::from_millis(200);

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
    ducking: Ducking,
    live: Processes,
    choice: Choice,
    /// What is due was looked at since, and what goes before hasn't been looked for.
    is_due_new: bool,
    /// Of which item the picture is.
    pictured: Option<usize>,
    current: Option<Running>,
    next: Option<(usize, Preparing)>,
    /// What may stand in for it: two at most.
    spares: Vec<Spare>,
    /// What was left because it gave no frames, until it is known whether they would have come.
    stuck: Vec<Running>,
    /// Since when nothing plays.
    ended_at: Option<Duration>,
    /// Of a film: at how many ticks it was up to date.
    film: Option<u64>,
    picture: Picture,
    is_drawn: bool,
    drawn_at: Duration,
    fallback: Fallback,
    /// Since when there is nothing to show.
    empty_since: Option<Duration>,
    together: Together,
}

impl Playlist {
    /// A playlist of these lists.
    #[must_use]
    pub fn new(zone: &str, place: Place, lists: Lists, kit: &Kit) -> Self {
        let picture = Picture::new(place, lists.transition);
        let choice = Choice::new(lists, kit.quarantine.clone());
        Self {
            zone: zone.to_owned(),
            place,
            time_zone: TimeZone::UTC,
            wall: UnixMillis::default(),
            plays: kit.plays.clone(),
            sound: kit.sound,
            ducking: kit.ducking.clone(),
            live: kit.live.clone(),
            fallback: Fallback::new(place, kit),
            together: Together::new(kit.group.zone(zone, &choice.items())),
            choice,
            is_due_new: false,
            pictured: None,
            current: None,
            next: None,
            spares: Vec::new(),
            stuck: Vec::new(),
            ended_at: None,
            film: None,
            picture,
            is_drawn: false,
            drawn_at: Duration::ZERO,
            empty_since: None,
        }
    }

    /// Lets the item on show go on. Gives whether the picture changed.
    fn advance(&mut self, now: &Moment) -> bool {
        let Some(running) = &mut self.current else { return false };
        match running.item.turn(now.at) {
            Turn::Same => false,
            Turn::Frame(frame) => {
                self.picture.go_on(frame);
                true
            }
            Turn::Over(result) => {
                let index = running.index;
                self.record(now.wall, result.is_ok());
                self.current = None;
                self.choice.note(index, result, now.wall);
                false
            }
        }
    }

    /// Proof that the item on show was on show until `now`.
    fn record(&self, now: UnixMillis, is_whole: bool) {
        if let Some(running) = &self.current {
            let item = &self.choice.items()[running.index];
            let (content, sha256) = match item {
                Listed::Live { name, .. } => (name.as_str(), Some(LIVE)),
                file => (file.name(), self.choice.sha256(running.index)),
            };
            let span = (running.since, now);
            self.plays.shown(&self.zone, content, sha256, span, is_whole);
        }
    }

    /// Looks what is to be shown at this minute.
    fn look_at_the_clock(&mut self, moment: &Moment, data: &Data) {
        let time = data.time(moment.wall);
        if !self.choice.look_at_the_clock(time, |time| data.civil(time)) {
            return;
        }
        self.is_due_new = true;
        self.give_up_lesser();
    }

    /// Whether `next` comes before the end of what is on show.
    fn goes_before(&self, next: usize) -> bool {
        let running = self.current.as_ref().map(|running| running.index);
        self.choice.goes_before(next, running)
    }

    /// Begins to prepare an item, to be shown from `from` on, if its content is there.
    fn begin(&mut self, index: usize, from: Duration, now: Duration, library: &Library) -> Option<(usize, Preparing)> {
        let (path, case) = self.choice.find(index, library)?;
        let request = Request {
            listed: self.choice.items()[index].clone(),
            case,
            path,
            from,
            size: (self.place.width, self.place.height),
            sound: self.sound,
            ducking: self.ducking.clone(),
            live: self.live.clone(),
        };
        Some((index, Preparing::begin(request, now)))
    }

    /// An item that was started is on show from now on. Gives whether the picture changed.
    fn show(&mut self, index: usize, item: Box<dyn Item>, first: Option<Frame>, moment: &Moment) -> bool {
        self.pictured = Some(index);
        self.ended_at = None;
        self.choice.plays(index);
        self.current = Some(Running {
            index,
            item,
            begun: moment.at,
            since: moment.wall,
        });
        let Some(frame) = first else { return false };
        self.picture.change(frame, moment.at);
        true
    }

    /// Keeps the stand-in ready while there is nothing to show. Gives whether the picture changed.
    fn fall_back(&mut self, now: &Moment, data: &Data) -> bool {
        if self.picture.is_there() {
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

    /// Takes the picture away when its time is over and nothing follows, unless others tell `by_clock` when that is; or when
    /// nothing can be shown. Gives whether it did.
    fn clear(&mut self, now: &Moment, by_clock: bool) -> bool {
        if by_clock && self.pictured.is_some_and(|index| !self.choice.is_due(index)) {
            self.record(now.wall, false);
            self.current = None;
        } else if self.current.is_some() || !self.choice.is_hopeless(now.wall) {
            return false;
        }
        self.pictured = None;
        self.picture.clear()
    }

    /// Counts the ticks at which a film's picture is the one that is due. At one that has ended none is any more.
    fn count_film(&mut self, now: Duration) {
        if !self.picture.is_there() {
            self.film = None;
        } else if let Some(running) = &self.current {
            let is_due = running.item.late(now).is_zero();
            let counted = self.film.unwrap_or(0) + u64::from(is_due);
            self.film = running.item.is_film().then_some(counted);
        }
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
        self.look_at_stuck(now);
        let sight = self.look_at_group(now.at);
        if let Some(sight) = &sight {
            is_changed |= self.play_together(now, sight, &data.library);
        } else {
            self.prepare(now, &data.library);
            is_changed |= self.swap(now);
        }
        is_changed |= self.clear_standing(now, sight.is_none());
        self.count_film(now.at);
        is_changed |= self.picture.step(now.at);
        is_changed |= self.fall_back(now, data);
        let is_first = !std::mem::replace(&mut self.is_drawn, true);
        (is_changed || is_first).then(|| self.whole())
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        if self.picture.paint(canvas, clip, at) {
            return;
        }
        let is_empty = self
            .empty_since
            .is_some_and(|since| self.shows_fallback(self.drawn_at, since));
        if is_empty {
            self.fallback.paint(canvas, clip, at);
        } else {
            canvas.fill(clip, palette::PALE_BLUE);
        }
    }

    fn is_opaque(&self) -> bool {
        true
    }

    fn has_stand_in(&self) -> bool {
        // A little before it is seen: what it says is settled by then.
        let soon = self.drawn_at + SETTLING;
        self.empty_since.is_some_and(|since| self.shows_fallback(soon, since))
    }

    fn keep_quiet(&mut self, is_quiet: bool) {
        self.fallback.set_quiet(is_quiet);
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
        self.give_up();
        self.stuck.clear();
        self.ended_at = None;
        self.record(now.wall, false);
        if self.together.leave() {
            // The others play on without it; it will join them where they are then.
            self.current = None;
        }
        if let Some(running) = &mut self.current {
            running.item.pause(now.at);
        }
    }

    fn film(&self) -> Option<u64> {
        self.film
    }

    fn faults(&self) -> Vec<String> {
        if self.choice.items().is_empty() {
            return vec![format!("{}: the playlist has no item", self.zone)];
        }
        self.choice.faults(self.wall, &self.time_zone)
    }
}
