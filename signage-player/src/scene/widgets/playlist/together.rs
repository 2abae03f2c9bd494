//! A playlist whose items begin when the screen's group has them begin ([`crate::sync`]).

use std::time::Duration;

use protocol::time::UnixMillis;

use super::coming::HICCUP;
use super::{Playlist, Running};
use crate::event::Library;
use crate::item::Fault;
use crate::scene::data::Moment;
use crate::sync::plan::{AHEAD, Entry, Part, SOON, position};
use crate::sync::{Sight, Zone, tick};

/// An item that is off by at most so many ticks is moved to its place; one that is farther off is opened anew.
const NUDGE: i64 = 10;
/// Who decides gives an item that was opened so many ticks late its whole length, and tells the others.
const MOVED: i64 = 30;

/// What is on show, or was until it ended.
#[derive(Debug, Clone, Copy)]
struct Shown {
    item: u32,
    /// By the stage's own ticks, which nobody counts anew.
    begun: i64,
    /// When it ends, by the same, where that is known.
    ends: Option<i64>,
}

/// A playlist's part in its group.
#[derive(Debug)]
pub(super) struct Together {
    zone: Zone,
    part: Part,
    is_in: bool,
    shown: Option<Shown>,
    /// The turn for which an item is being opened; `None`: it begins when it is there.
    opening: Option<Entry>,
    /// From which tick on it can be shown.
    ready_from: i64,
    /// What couldn't be opened for its turn.
    given_up: Option<Entry>,
}

impl Together {
    pub(super) fn new(zone: Zone) -> Self {
        Self {
            zone,
            part: Part::default(),
            is_in: false,
            shown: None,
            opening: None,
            ready_from: 0,
            given_up: None,
        }
    }

    /// The zone goes off the screen. Gives whether it was played with others.
    pub(super) fn leave(&mut self) -> bool {
        self.zone.tell(None);
        self.part = Part::default();
        (self.shown, self.opening, self.given_up) = (None, None, None);
        std::mem::take(&mut self.is_in)
    }
}

impl Playlist {
    /// The group now; `None`: the screen is in none, and the list is played alone.
    pub(super) fn look_at_group(&mut self, at: Duration) -> Option<Sight> {
        let sight = self.together.zone.look(at, self.together.shown.is_some());
        if sight.is_none() && self.together.is_in {
            // What is on show goes on by itself; what was being opened is opened anew.
            self.together.leave();
            self.next = None;
        }
        sight
    }

    /// Brings the zone to the group's tick. Gives whether the picture changed.
    pub(super) fn play_together(&mut self, moment: &Moment, sight: &Sight, library: &Library) -> bool {
        self.enter(moment.at, sight);
        let decides = sight.told.is_none();
        let guess = self.guess(moment, sight, library);
        self.together.part.turn(sight.told, guess, sight.tick);
        self.nudge(moment.at, sight);
        let running = self.running(sight.shift);
        match self.together.part.wanted(running, sight.tick) {
            Some(wanted) if self.next.is_some() && self.together.opening == Some(wanted.entry) => {}
            Some(wanted) if self.together.given_up == Some(wanted.entry) => {}
            Some(wanted) => {
                self.next = None;
                self.together.opening = Some(wanted.entry);
                self.together.ready_from = wanted.entry.begin + wanted.from;
                // What isn't there, or is set aside, is named elsewhere; the last picture stands.
                let index = wanted.entry.item as usize;
                self.choice.go_on_at(index, true);
                if self.choice.is_playable(index, moment.wall, library) {
                    self.next = self.begin(index, tick::duration(wanted.from), moment.at, library);
                }
            }
            None if self.together.part.due().is_none() && self.next.is_none() => {
                self.together.opening = None;
                if let Some(index) = self.choice.next(moment.wall, library) {
                    self.choice.go_on_at(index, true);
                    self.next = self.begin(index, Duration::ZERO, moment.at, library);
                }
            }
            None => {}
        }
        let is_changed = self.swap_together(moment, sight, decides);
        self.together.zone.tell(self.together.part.plan());
        is_changed
    }

    /// What was played alone is the group's to follow from here on, if this screen decides.
    fn enter(&mut self, now: Duration, sight: &Sight) {
        if std::mem::replace(&mut self.together.is_in, true) {
            return;
        }
        self.give_up();
        if let Some(running) = &mut self.current {
            let at = tick::count(now);
            let begun = tick::count(running.begun);
            running.item.seat(now, tick::duration(at - begun));
            let ends = running.item.remaining(now).map(|left| at + tick::count(left));
            let item = u32::try_from(running.index).unwrap_or(u32::MAX);
            self.together.shown = Some(Shown { item, begun, ends });
            self.together.part.begin(Entry {
                item,
                begin: begun + sight.shift,
            });
        }
    }

    /// What plays here, or has played to its end, as a turn of the group.
    fn running(&self, shift: i64) -> Option<Entry> {
        let shown = self.together.shown?;
        Some(Entry {
            item: shown.item,
            begin: shown.begun + shift,
        })
    }

    /// What comes after what is on show, by this screen's own knowledge; `None`: that isn't known yet, or not yet needed.
    fn guess(&mut self, moment: &Moment, sight: &Sight, library: &Library) -> Option<Entry> {
        let now = moment.wall;
        let due = self.together.part.due()?;
        let at = sight.tick - sight.shift;
        let decides = sight.told.is_none();
        if self.running(sight.shift) != Some(due) {
            // Where it can't be played, and this screen decides: something else soon.
            let is_lost =
                self.together.given_up == Some(due) || !self.choice.is_playable(due.item as usize, now, library);
            let soon = sight.tick + SOON;
            return (is_lost && decides).then(|| self.entry(now, soon, library)).flatten();
        }
        let is_stuck = |running: &Running| running.item.late(moment.at) >= HICCUP;
        let is_over = self.current.as_ref().is_none_or(is_stuck) || self.gives_way(now, library);
        let shown = self.together.shown.as_mut()?;
        // Over: where nobody knew when, or it broke off, the next one comes soon.
        let soon = at + SOON;
        if decides && is_over && shown.ends.is_none_or(|ends| ends > soon) {
            shown.ends = Some(soon);
        }
        let ends = shown.ends.filter(|ends| ends - at < AHEAD)?;
        self.entry(now, (ends + sight.shift).max(due.begin + 1), library)
    }

    /// Whether what is on show gives way before its end: its time of day is over, or a more important list has begun.
    fn gives_way(&mut self, now: UnixMillis, library: &Library) -> bool {
        let level = self
            .current
            .as_ref()
            .and_then(|running| self.choice.level(running.index));
        level != Some(0)
            && self
                .choice
                .next(now, library)
                .is_some_and(|next| self.goes_before(next))
    }

    fn entry(&mut self, now: UnixMillis, begin: i64, library: &Library) -> Option<Entry> {
        let item = u32::try_from(self.choice.next(now, library)?).ok()?;
        Some(Entry { item, begin })
    }

    /// Moves what is on show to its place, where it is a little off: the group's ticks are counted anew, or it was late.
    fn nudge(&mut self, now: Duration, sight: &Sight) {
        let (Some(due), Some(running)) = (self.together.part.due(), self.running(sight.shift)) else {
            return;
        };
        let off = due.begin - running.begin;
        let (Some(shown), Some(current)) = (&mut self.together.shown, &mut self.current) else {
            return;
        };
        // The next turn of a very short item is not the same one moved.
        let is_same = shown.ends.is_none_or(|ends| ends - shown.begun > 2 * NUDGE);
        if due.item == running.item && is_same && off != 0 && off.abs() <= NUDGE {
            shown.begun += off;
            shown.ends = shown.ends.map(|ends| ends + off);
            current.item.seat(now, position(due, sight.tick));
        }
    }

    /// Swaps in what was opened, once it is its turn. Gives whether the picture changed.
    fn swap_together(&mut self, moment: &Moment, sight: &Sight, decides: bool) -> bool {
        let now = moment.at;
        let Some((index, mut preparing)) = self.next.take() else {
            return self.clear(moment, decides);
        };
        let entry = self.together.opening;
        let is_due = match entry {
            Some(entry) => self.together.part.due() == Some(entry) && sight.tick >= self.together.ready_from,
            None => sight.may_begin,
        };
        match preparing.poll(now) {
            Ok(true) if is_due => {
                self.end_current(moment);
                self.together.opening = None;
                let Some(mut item) = preparing.into_item() else {
                    return false;
                };
                let first = item.start(now);
                let item_number = u32::try_from(index).unwrap_or(u32::MAX);
                let mut turn = entry.unwrap_or(Entry {
                    item: item_number,
                    begin: sight.tick,
                });
                if decides && (entry.is_none() || sight.tick - self.together.ready_from >= MOVED) {
                    turn.begin = sight.tick;
                    self.together.part.begin(turn);
                }
                if turn.begin != sight.tick {
                    item.seat(now, position(turn, sight.tick));
                }
                let at = sight.tick - sight.shift;
                self.together.shown = Some(Shown {
                    item: item_number,
                    begun: turn.begin - sight.shift,
                    ends: item.remaining(now).map(|left| at + tick::count(left)),
                });
                self.show(index, item, first, moment)
            }
            Ok(_) => {
                self.next = Some((index, preparing));
                false
            }
            Err(fault) => {
                self.fail(index, entry, fault, moment.wall);
                false
            }
        }
    }

    fn fail(&mut self, index: usize, entry: Option<Entry>, fault: Fault, now: UnixMillis) {
        self.choice.note(index, Err(fault), now);
        self.together.opening = None;
        if let Some(entry) = entry {
            self.together.given_up = Some(entry);
            self.together.part.refuse(entry);
        }
    }

    /// The group goes on: what is on show has had its turn.
    fn end_current(&mut self, moment: &Moment) {
        if self
            .current
            .as_ref()
            .is_some_and(|it| it.item.late(moment.at) >= HICCUP)
        {
            return self.leave_current(moment);
        }
        if let Some(Running { index, item, .. }) = &self.current {
            let index = *index;
            let left = item.remaining(moment.at).map_or(0, tick::count);
            let ends = self.together.shown.and_then(|shown| shown.ends);
            let is_whole = ends.is_some_and(|ends| ends <= tick::count(moment.at) + 1) && left <= NUDGE;
            self.record(moment.wall, is_whole);
            self.choice.note(index, Ok(()), moment.wall);
            self.current = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use jiff::tz::TimeZone;
    use protocol::screen::{Item, Transition};

    use super::super::Lists;
    use super::*;
    use crate::control::png;
    use crate::event::Snapshot;
    use crate::scene::data::Data;
    use crate::scene::tests::kit;
    use crate::scene::widgets::{Place, View as _};
    use crate::sync::Group;

    const WALL: UnixMillis = UnixMillis(1_795_390_200_000);

    fn list(group: &Group) -> Playlist {
        let items = r#"[{"type":"picture","content":"a.png","duration_ms":60000},{"type":"picture","content":"b.png","duration_ms":60000}]"#;
        let items: Vec<Item> = serde_json::from_str(items).expect("items");
        let lists = Lists {
            items,
            programmes: Vec::new(),
            closed: Vec::new(),
            transition: Transition::Cut,
        };
        let place = Place {
            width: 64,
            height: 36,
            unit: 20.0,
            scale: 1.0,
            ground: [0xff; 3],
            language: protocol::screen::Language::Ja,
        };
        let kit = crate::scene::Kit {
            group: group.clone(),
            ..kit()
        };
        Playlist::new("main", place, lists, &kit)
    }

    /// Draws it at a tick of its stage; opening takes real time.
    fn draw(list: &mut Playlist, tick: i64, data: &Data) {
        let moment = Moment {
            at: tick::duration(tick),
            lead: Duration::ZERO,
            wall: WALL,
        };
        list.draw(&moment, data);
    }

    #[test]
    fn what_is_a_little_off_is_moved_to_its_place_and_what_is_far_off_is_opened_anew() {
        gstreamer::init().expect("GStreamer");
        let dir = tempfile::tempdir().expect("temp");
        let mut data = Data::new(TimeZone::UTC, BTreeMap::new());
        for name in ["a.png", "b.png"] {
            let snapshot = Snapshot {
                width: 64,
                height: 36,
                pixels: vec![200; 64 * 36 * 4],
            };
            let file = dir.path().join(name);
            std::fs::write(&file, png(snapshot).expect("a PNG")).expect("written");
            data.library.insert(name.to_owned(), file);
        }
        let (lead, follow) = (Group::default(), Group::default());
        let (mut first, mut second) = (list(&lead), list(&follow));
        lead.in_step_with(None, 0);
        let mut tick = 0;
        let mut shift = 100;
        let mut step = |first: &mut Playlist, second: &mut Playlist, shift: i64| {
            // The one's stage is so many ticks younger.
            follow.in_step_with(Some(&lead), shift);
            draw(first, tick + 100, &data);
            draw(second, tick, &data);
            tick += 1;
            std::thread::sleep(Duration::from_millis(2));
        };
        for tries in 0.. {
            assert!(tries < 20_000, "nothing is shown");
            step(&mut first, &mut second, shift);
            if first.current.is_some() && second.current.is_some() {
                break;
            }
        }
        let item = |list: &Playlist| {
            list.current
                .as_ref()
                .map(|running| std::ptr::from_ref(&*running.item).cast::<()>())
        };
        let in_place = |list: &Playlist, shift| list.running(shift) == list.together.part.due();
        assert!(in_place(&second, shift));
        let shown = item(&second);
        for off in [3, -NUDGE, NUDGE] {
            shift += off;
            step(&mut first, &mut second, shift);
            assert!(in_place(&second, shift) && second.next.is_none(), "moved by {off}");
            assert_eq!(item(&second), shown, "it is the same");
        }
        shift += 300;
        step(&mut first, &mut second, shift);
        assert!(second.next.is_some(), "it is opened where it belongs");
        assert_eq!(item(&second), shown, "which goes on until then");
    }
}
