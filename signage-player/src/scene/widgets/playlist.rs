//! Videos and pictures, one after the other, for ever.
//!
//! Invariant: what was shown last stays until something else is ready; before anything was ready, and
//! when nothing can be played, the zone has the office's colour. It is never black.

mod together;

use std::time::Duration;

use protocol::screen::{Item as Listed, Language, Rect, Transition, is_sha256};
use protocol::time::UnixMillis;

use super::fallback::Fallback;
use super::{Place, View};
use crate::bridge::plays::Plays;
use crate::event::Library;
use crate::item::{Fault, Frame, Item, Preparing, Request, Turn};
use crate::scene::Kit;
use crate::scene::data::{Data, Moment};
use crate::scene::palette;
use crate::sound::Sound;
use crate::stage::canvas::{Canvas, Pixels};
use together::Together;

/// The next item is prepared when the one on show has so much left.
const AHEAD: Duration = Duration::from_secs(4);

/// How long one picture takes to give way to the next.
const TRANSITION: Duration = Duration::from_millis(500);

/// A zone is empty for so long before the office's name and the time stand in.
const PATIENCE: Duration = Duration::from_secs(2);

/// After so many failures in a row an item is set aside …
const FAILURES: u32 = 3;
/// … for so long: what went wrong may have been the moment and not the file.
const ASIDE: Duration = Duration::from_secs(600);

/// How an entry of the list is doing.
#[derive(Debug, Default)]
struct Record {
    failures: u32,
    fault: Option<Fault>,
    aside_until: Option<Duration>,
    /// What was opened last: its file's name is its hash.
    sha256: Option<String>,
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
    plays: Plays,
    sound: Sound,
    items: Vec<Listed>,
    records: Vec<Record>,
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
    /// A playlist of these items.
    #[must_use]
    pub fn new(zone: &str, place: Place, items: Vec<Listed>, transition: Transition, kit: &Kit) -> Self {
        Self {
            zone: zone.to_owned(),
            place,
            plays: kit.plays.clone(),
            sound: kit.sound,
            fallback: Fallback::new(place, kit),
            empty_since: None,
            together: Together::new(kit.group.zone(zone, &items)),
            records: items.iter().map(|_| Record::default()).collect(),
            items,
            cursor: 0,
            current: None,
            next: None,
            frame: None,
            is_drawn: false,
            drawn_at: Duration::ZERO,
            transition,
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
                self.note(index, result, now.at);
                false
            }
        }
    }

    /// Proof that the item on show was on show until `now`.
    fn record(&self, now: UnixMillis, is_whole: bool) {
        if let Some(running) = &self.current {
            let sha256 = self.records[running.index].sha256.as_deref();
            let content = self.items[running.index].content();
            let span = (running.since, now);
            self.plays.shown(&self.zone, content, sha256, span, is_whole);
        }
    }

    fn note(&mut self, index: usize, result: Result<(), Fault>, now: Duration) {
        let record = &mut self.records[index];
        match result {
            Ok(()) => {
                *record = Record {
                    sha256: record.sha256.take(),
                    ..Record::default()
                };
            }
            Err(fault) => {
                tracing::warn!(content = self.items[index].content(), "couldn't be played: {fault}");
                record.failures += 1;
                record.fault = Some(fault);
                record.aside_until = (record.failures >= FAILURES).then(|| now + ASIDE);
            }
        }
    }

    /// Begins to prepare the next item when it is time.
    fn prepare(&mut self, now: Duration, library: &Library) {
        let is_time = self
            .current
            .as_ref()
            .is_none_or(|running| running.item.remaining(now).is_none_or(|remaining| remaining < AHEAD));
        if self.next.is_some() || !is_time {
            return;
        }
        if let Some(index) = self.choose(now, library) {
            self.open(index, Duration::ZERO, now, library);
        }
    }

    /// The next item that can be played.
    fn choose(&self, now: Duration, library: &Library) -> Option<usize> {
        let count = self.items.len();
        let mut from_cursor = (0..count).map(|step| (self.cursor + step) % count);
        from_cursor.find(|index| self.is_playable(*index, now, library))
    }

    /// Whether an item is there, and not set aside.
    fn is_playable(&self, index: usize, now: Duration, library: &Library) -> bool {
        let Some((item, record)) = self.items.get(index).zip(self.records.get(index)) else {
            return false;
        };
        library.contains_key(item.content()) && record.aside_until.is_none_or(|until| now >= until)
    }

    /// Begins to prepare an item, to be shown from `from` on, if its content is there.
    fn open(&mut self, index: usize, from: Duration, now: Duration, library: &Library) {
        let Some(path) = library.get(self.items[index].content()) else {
            return;
        };
        self.cursor = (index + 1) % self.items.len();
        let name = path.file_name().and_then(|name| name.to_str());
        self.records[index].sha256 = name.filter(|name| is_sha256(name)).map(str::to_owned);
        let request = Request {
            listed: self.items[index].clone(),
            path: path.clone(),
            from,
            size: (self.place.width, self.place.height),
            sound: self.sound,
        };
        self.next = Some((index, Preparing::begin(request, now)));
    }

    /// Swaps the next item in once the one on show is over. Gives whether the picture changed.
    fn swap(&mut self, moment: &Moment) -> bool {
        let now = moment.at;
        let Some((index, mut preparing)) = self.next.take() else {
            return self.current.is_none() && self.is_hopeless(now) && self.frame.take().is_some();
        };
        match preparing.poll(now) {
            Ok(true) if self.current.is_none() => {
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
                self.note(index, Err(fault), now);
                false
            }
        }
    }

    /// An item that was started is on show from now on. Gives whether the picture changed.
    fn show(&mut self, index: usize, item: Box<dyn Item>, first: Option<Frame>, moment: &Moment) -> bool {
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

    fn is_hopeless(&self, now: Duration) -> bool {
        self.records
            .iter()
            .all(|record| record.aside_until.is_some_and(|until| now < until))
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
        let mut is_changed = self.advance(now);
        if let Some(sight) = self.look_at_group(now.at) {
            is_changed |= self.play_together(now, &sight, &data.library);
        } else {
            self.prepare(now.at, &data.library);
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
        let named = self.items.iter().zip(&self.records);
        named
            .filter_map(|(item, record)| Some(format!("{}: {}", item.content(), record.fault.as_ref()?)))
            .collect()
    }
}
