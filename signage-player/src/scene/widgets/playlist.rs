//! Videos and pictures, one after the other, for ever.
//!
//! Invariant: what was shown last stays until something else is ready; before anything was ready, and
//! when nothing can be played, the zone has the office's colour. It is never black.

use std::time::Duration;

use protocol::screen::{Item as Listed, Rect};

use super::{Place, View};
use crate::event::Library;
use crate::item::{Fault, Frame, Item, Preparing, Request, Turn};
use crate::scene::data::{Data, Moment};
use crate::scene::palette;
use crate::sound::Sound;
use crate::stage::canvas::Canvas;

/// The next item is prepared when the one on show has so much left.
const AHEAD: Duration = Duration::from_secs(4);

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
}

struct Running {
    index: usize,
    item: Box<dyn Item>,
}

/// A playlist in its zone.
pub struct Playlist {
    place: Place,
    sound: Sound,
    items: Vec<Listed>,
    records: Vec<Record>,
    /// Where the search for the next item begins.
    cursor: usize,
    current: Option<Running>,
    next: Option<(usize, Preparing)>,
    frame: Option<Frame>,
    is_drawn: bool,
}

impl Playlist {
    /// A playlist of these items.
    #[must_use]
    pub fn new(place: Place, items: Vec<Listed>, sound: Sound) -> Self {
        Self {
            place,
            sound,
            records: items.iter().map(|_| Record::default()).collect(),
            items,
            cursor: 0,
            current: None,
            next: None,
            frame: None,
            is_drawn: false,
        }
    }

    /// Lets the item on show go on. Gives whether the picture changed.
    fn advance(&mut self, now: Duration) -> bool {
        let Some(running) = &mut self.current else { return false };
        match running.item.turn(now) {
            Turn::Same => false,
            Turn::Frame(frame) => {
                self.frame = Some(frame);
                true
            }
            Turn::Over(result) => {
                let index = running.index;
                self.current = None;
                self.note(index, result, now);
                false
            }
        }
    }

    fn note(&mut self, index: usize, result: Result<(), Fault>, now: Duration) {
        let record = &mut self.records[index];
        match result {
            Ok(()) => *record = Record::default(),
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
        let count = self.items.len();
        let is_aside = |record: &Record| record.aside_until.is_some_and(|until| now < until);
        let found = (0..count).map(|step| (self.cursor + step) % count).find_map(|index| {
            let path = library.get(self.items[index].content())?;
            (!is_aside(&self.records[index])).then(|| (index, path.clone()))
        });
        if let Some((index, path)) = found {
            self.cursor = (index + 1) % count;
            let request = Request {
                listed: self.items[index].clone(),
                path,
                size: (self.place.width, self.place.height),
                sound: self.sound,
            };
            self.next = Some((index, Preparing::begin(request, now)));
        }
    }

    /// Swaps the next item in once the one on show is over. Gives whether the picture changed.
    fn swap(&mut self, now: Duration) -> bool {
        let Some((index, mut preparing)) = self.next.take() else {
            return self.current.is_none() && self.is_hopeless(now) && self.frame.take().is_some();
        };
        match preparing.poll(now) {
            Ok(true) if self.current.is_none() => {
                let Some(mut item) = preparing.into_item() else {
                    return false;
                };
                let first = item.start(now);
                self.current = Some(Running { index, item });
                first.map(|frame| self.frame = Some(frame)).is_some()
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
        let mut is_changed = self.advance(now.at);
        self.prepare(now.at, &data.library);
        is_changed |= self.swap(now.at);
        let is_first = !std::mem::replace(&mut self.is_drawn, true);
        (is_changed || is_first).then(|| self.whole())
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        let Some(pixels) = self.frame.as_ref().and_then(Frame::pixels) else {
            canvas.fill(clip, palette::PALE_BLUE);
            return;
        };
        let (width, height) = (self.place.width, self.place.height);
        if (pixels.width, pixels.height) != (width, height) {
            canvas.fill(clip, palette::PALE_BLUE);
        }
        let middle = |zone: u32, picture: u32| (i64::from(zone) - i64::from(picture)) / 2;
        canvas.copy(
            clip,
            pixels,
            (at.0 + middle(width, pixels.width), at.1 + middle(height, pixels.height)),
        );
    }

    fn is_opaque(&self) -> bool {
        true
    }

    fn shown(&mut self, now: &Moment) {
        if let Some(running) = &mut self.current {
            running.item.resume(now.at);
        }
    }

    fn hidden(&mut self, now: &Moment) {
        if let Some((index, _)) = self.next.take() {
            self.cursor = index;
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
