//! From the kernel's event stream to contacts: multi-touch protocols B (slots) and A (anonymous contacts), and panels with
//! one contact (`BTN_TOUCH`), after the kernel's `Documentation/input/multi-touch-protocol.rst`.
//!
//! Pure: no device, no clock. Invariant: a position is never guessed. What the kernel hasn't said yet (it leaves out
//! values that are as before) keeps a contact waiting until it has.

use super::Phase;

const EV_SYN: u16 = 0x00;
const EV_KEY: u16 = 0x01;
const EV_ABS: u16 = 0x03;
const SYN_REPORT: u16 = 0;
const SYN_MT_REPORT: u16 = 2;
const SYN_DROPPED: u16 = 3;
const BTN_LEFT: u16 = 0x110;
const BTN_TOUCH: u16 = 0x14a;
const ABS_X: u16 = 0x00;
const ABS_Y: u16 = 0x01;
const ABS_MT_SLOT: u16 = 0x2f;
const ABS_MT_POSITION_X: u16 = 0x35;
const ABS_MT_POSITION_Y: u16 = 0x36;
const ABS_MT_TRACKING_ID: u16 = 0x39;

/// So many contacts of one panel are followed; more do nothing.
pub const CONTACTS: usize = 16;

/// One event as the kernel gives it (`struct input_event`, its time left out).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw {
    /// `EV_*`.
    pub kind: u16,
    /// What of that kind.
    pub code: u16,
    /// Its value.
    pub value: i32,
}

/// A contact in the panel's own units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Which of the panel's contacts, below [`CONTACTS`].
    pub number: u32,
    /// What it does.
    pub phase: Phase,
    /// From the panel's left.
    pub x: i32,
    /// From the panel's top.
    pub y: i32,
}

/// How a panel tells of its contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// Multi-touch B: each contact has a slot. The slot that is spoken of when the device is opened.
    Slots(i32),
    /// Multi-touch A: all contacts in every frame.
    Anonymous,
    /// One contact, and where it was last.
    Single(i32, i32),
}

/// The decoder of one panel.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    /// Events were lost: all is ignored until the next report.
    is_lost: bool,
}

#[derive(Debug)]
enum State {
    Slots {
        slots: [Slot; CONTACTS],
        current: Option<usize>,
    },
    Anonymous(Anonymous),
    Single(Slot),
}

/// A contact's place and what was said of it.
#[derive(Debug, Clone, Copy, Default)]
struct Slot {
    /// The kernel's number for the contact that is on the panel.
    tracking: Option<i32>,
    x: Option<i32>,
    y: Option<i32>,
    /// It was told to have come down.
    is_told: bool,
    has_moved: bool,
    /// It came and went within one frame.
    is_tap: bool,
}

impl Slot {
    fn begin(&mut self, number: u32, tracking: i32, out: &mut Vec<Found>) {
        if self.tracking != Some(tracking) {
            self.end(number, Phase::Up, out);
            self.tracking = Some(tracking);
        }
    }

    fn end(&mut self, number: u32, phase: Phase, out: &mut Vec<Found>) {
        self.is_tap = self.tracking.take().is_some() && !self.is_told && phase == Phase::Up;
        if std::mem::take(&mut self.is_told) {
            self.tell(number, phase, out);
        }
    }

    fn report(&mut self, number: u32, out: &mut Vec<Found>) {
        let has_moved = std::mem::take(&mut self.has_moved);
        if std::mem::take(&mut self.is_tap) && self.tracking.is_none() {
            self.tell(number, Phase::Down, out);
            self.tell(number, Phase::Up, out);
        } else if self.tracking.is_some() && !self.is_told {
            self.is_told = self.tell(number, Phase::Down, out);
        } else if self.is_told && has_moved {
            self.tell(number, Phase::Move, out);
        }
    }

    fn tell(&self, number: u32, phase: Phase, out: &mut Vec<Found>) -> bool {
        let (Some(x), Some(y)) = (self.x, self.y) else {
            return false;
        };
        out.push(Found { number, phase, x, y });
        true
    }

    fn put(&mut self, is_x: bool, value: i32) {
        *(if is_x { &mut self.x } else { &mut self.y }) = Some(value);
        self.has_moved = true;
    }

    fn forget(&mut self, number: u32, out: &mut Vec<Found>) {
        self.end(number, Phase::Cancel, out);
        *self = Self::default();
    }
}

/// Protocol A: what was on the panel in the last frame, and what is said of this one.
#[derive(Debug, Default)]
struct Anonymous {
    known: [Option<Place>; CONTACTS],
    now: Vec<Place>,
    next: (Option<i32>, Option<i32>, Option<i32>),
    /// What lies on the panel is from before a loss: nothing counts until all of it is lifted.
    waits: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Place {
    tracking: Option<i32>,
    x: i32,
    y: i32,
}

impl Place {
    fn found(self, number: usize, phase: Phase) -> Found {
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        Found {
            number,
            phase,
            x: self.x,
            y: self.y,
        }
    }

    /// How unlike two places are to be one contact; `None`: they can't be.
    fn apart(self, other: Self) -> Option<i64> {
        if self.tracking != other.tracking {
            return None;
        }
        let square = |a: i32, b: i32| (i64::from(a) - i64::from(b)).saturating_pow(2);
        Some(square(self.x, other.x).saturating_add(square(self.y, other.y)))
    }
}

impl Anonymous {
    fn end_of_contact(&mut self) {
        if let (tracking, Some(x), Some(y)) = std::mem::take(&mut self.next)
            && self.now.len() < CONTACTS
        {
            self.now.push(Place { tracking, x, y });
        }
    }

    /// Joins each contact of before with the nearest of now; what is left over has gone, or has come.
    fn report(&mut self, out: &mut Vec<Found>) {
        let mut now: Vec<Option<Place>> = std::mem::take(&mut self.now).into_iter().map(Some).collect();
        if self.waits {
            self.waits = !now.is_empty();
            return;
        }
        let mut pairs: Vec<(i64, usize, usize)> = Vec::new();
        for (number, place) in self.known.iter().enumerate() {
            for (at, other) in now.iter().enumerate() {
                if let (Some(place), Some(other)) = (place, other)
                    && let Some(apart) = place.apart(*other)
                {
                    pairs.push((apart, number, at));
                }
            }
        }
        pairs.sort_unstable();
        let mut is_kept = [false; CONTACTS];
        for (_, number, at) in pairs {
            if !is_kept[number]
                && let Some(place) = now[at].take()
            {
                is_kept[number] = true;
                if self.known[number].replace(place) != Some(place) {
                    out.push(place.found(number, Phase::Move));
                }
            }
        }
        for (number, known) in self.known.iter_mut().enumerate() {
            if !is_kept[number]
                && let Some(place) = known.take()
            {
                out.push(place.found(number, Phase::Up));
            }
        }
        for place in now.into_iter().flatten() {
            if let Some(number) = self.known.iter().position(Option::is_none) {
                self.known[number] = Some(place);
                out.push(place.found(number, Phase::Down));
            }
        }
    }

    fn forget(&mut self, out: &mut Vec<Found>) {
        for (number, known) in self.known.iter_mut().enumerate() {
            if let Some(place) = known.take() {
                out.push(place.found(number, Phase::Cancel));
            }
        }
        *self = Self::default();
    }
}

impl Decoder {
    /// A decoder of a panel on which nothing is known to lie.
    #[must_use]
    pub fn new(protocol: Protocol) -> Self {
        let state = match protocol {
            Protocol::Slots(current) => State::Slots {
                slots: [Slot::default(); CONTACTS],
                current: index(current),
            },
            Protocol::Anonymous => State::Anonymous(Anonymous::default()),
            Protocol::Single(x, y) => State::Single(Slot {
                x: Some(x),
                y: Some(y),
                ..Slot::default()
            }),
        };
        Self { state, is_lost: false }
    }

    /// Takes one event; adds what follows of it to `out`. Gives whether events were lost before it: then all contacts are
    /// cancelled, and [`Decoder::go_on`] says how the panel is now.
    pub fn take(&mut self, raw: Raw, out: &mut Vec<Found>) -> bool {
        match (raw.kind, raw.code) {
            (EV_SYN, SYN_DROPPED) => {
                self.cancel(out);
                self.is_lost = true;
            }
            (EV_SYN, SYN_REPORT) if self.is_lost => {
                self.is_lost = false;
                return true;
            }
            _ if self.is_lost => {}
            _ => self.state.take(raw, out),
        }
        false
    }

    /// After a loss: the state that the kernel has now, as for [`Decoder::new`]. What lies on the panel by now does nothing
    /// until it is lifted.
    pub fn go_on(&mut self, protocol: Protocol) {
        *self = Self::new(protocol);
        if let State::Anonymous(anonymous) = &mut self.state {
            anonymous.waits = true;
        }
    }

    /// Cancels all contacts: the device is gone.
    pub fn cancel(&mut self, out: &mut Vec<Found>) {
        match &mut self.state {
            State::Slots { slots, .. } => {
                for (number, slot) in (0..).zip(slots) {
                    slot.forget(number, out);
                }
            }
            State::Anonymous(anonymous) => anonymous.forget(out),
            State::Single(slot) => slot.forget(0, out),
        }
    }
}

fn index(slot: i32) -> Option<usize> {
    usize::try_from(slot).ok().filter(|slot| *slot < CONTACTS)
}

impl State {
    fn take(&mut self, raw: Raw, out: &mut Vec<Found>) {
        let Raw { kind, code, value } = raw;
        match self {
            Self::Slots { slots, current } => match (kind, code) {
                (EV_ABS, ABS_MT_SLOT) => *current = index(value),
                (EV_SYN, SYN_REPORT) => (0..).zip(slots).for_each(|(number, slot)| slot.report(number, out)),
                (EV_ABS, _) => {
                    let Some(at) = *current else { return };
                    let number = u32::try_from(at).unwrap_or(u32::MAX);
                    match code {
                        ABS_MT_TRACKING_ID if value < 0 => slots[at].end(number, Phase::Up, out),
                        ABS_MT_TRACKING_ID => slots[at].begin(number, value, out),
                        ABS_MT_POSITION_X | ABS_MT_POSITION_Y => slots[at].put(code == ABS_MT_POSITION_X, value),
                        _ => {}
                    }
                }
                _ => {}
            },
            Self::Anonymous(anonymous) => match (kind, code) {
                (EV_ABS, ABS_MT_TRACKING_ID) => anonymous.next.0 = Some(value),
                (EV_ABS, ABS_MT_POSITION_X) => anonymous.next.1 = Some(value),
                (EV_ABS, ABS_MT_POSITION_Y) => anonymous.next.2 = Some(value),
                (EV_SYN, SYN_MT_REPORT) => anonymous.end_of_contact(),
                (EV_SYN, SYN_REPORT) => anonymous.report(out),
                _ => {}
            },
            Self::Single(slot) => match (kind, code, value) {
                (EV_ABS, ABS_X | ABS_Y, _) => slot.put(code == ABS_X, value),
                (EV_KEY, BTN_TOUCH | BTN_LEFT, 0) => slot.end(0, Phase::Up, out),
                (EV_KEY, BTN_TOUCH | BTN_LEFT, 1) => slot.begin(0, 0, out),
                (EV_SYN, SYN_REPORT, _) => slot.report(0, out),
                _ => {}
            },
        }
    }
}
