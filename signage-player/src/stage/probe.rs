//! Looks at the frames that go into the sink: whether one is black, for how long nothing has moved, whether films' pictures get
//! there, and whether any frame does.
//!
//! Of the pixels a grid of points is looked at, not the whole frame: some microseconds. A frame counts as black when every
//! point is nearly black; no layout of ours looks so. Of films the stage says with each frame whether they are up to date
//! ([`Shown`]): pixels can't tell a film that stands still from a film of something that does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gstreamer as gst;
use gstreamer_video as gst_video;
use gstreamer_video::prelude::*;

/// Points from left to right and from top to bottom.
const GRID: (u32, u32) = (48, 27);
/// A channel up to this is nearly black.
const BLACK: u8 = 12;
/// The same of a video's brightness, whose black is 16 (ITU-R BT.601).
const DARK: u8 = 16 + BLACK;
/// Frames on their way to the sink that are remembered. When full, the oldest is forgotten: it was dropped on its way.
const ON_THE_WAY: usize = 32;
/// A film without a new picture for so long is told of. Longer than a zone needs to show something else.
const STILL: Duration = Duration::from_millis(1500);
/// A picture that is black for so long is told of: films fade to black for less.
const BLACK_FOR: Duration = Duration::from_secs(5);
/// The same of an output that takes no frames.
const STUCK: Duration = Duration::from_secs(2);

/// What a frame shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shown {
    /// When, since the start.
    pub at: Duration,
    /// Black is what is meant.
    pub is_dark: bool,
    /// Of each film on show, by its zone's number: a number that grows with each frame at which it was up to date.
    pub films: Vec<(usize, u64)>,
}

#[derive(Debug, Default)]
struct State {
    /// Sent, and not at the sink yet.
    on_the_way: VecDeque<Shown>,
    /// Of each film at the sink: its number, and since when it has been that.
    films: BTreeMap<usize, (u64, Duration)>,
    longest: Duration,
    is_dark: bool,
    arrived: Duration,
    black: u64,
    black_since: Option<Duration>,
    sum: u64,
    changed: Duration,
}

/// What was seen so far. Read by anybody.
#[derive(Debug, Default)]
pub struct Seen(Mutex<State>);

impl Seen {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nobody panics while holding it.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Black frames since the start that weren't meant to be.
    #[must_use]
    pub fn black(&self) -> u64 {
        self.state().black
    }

    /// How long the picture has stood still by now, as far as the points tell.
    #[must_use]
    pub fn still(&self) -> Duration {
        let state = self.state();
        state.arrived.saturating_sub(state.changed)
    }

    /// The longest that a film has stood still since the start.
    #[must_use]
    pub fn longest(&self) -> Duration {
        self.state().longest
    }

    /// The stage sends a frame.
    pub(super) fn send(&self, shown: Shown) {
        let mut state = self.state();
        if state.on_the_way.len() == ON_THE_WAY {
            state.on_the_way.pop_front();
        }
        state.on_the_way.push_back(shown);
    }

    /// The frame for `at` has come to the sink.
    pub(super) fn arrive(&self, at: Duration) {
        let mut state = self.state();
        state.arrived = at;
        let mut newest = None;
        while state.on_the_way.front().is_some_and(|shown| shown.at <= at) {
            newest = state.on_the_way.pop_front();
        }
        let Some(shown) = newest else { return };
        state.is_dark = shown.is_dark;
        let mut films = BTreeMap::new();
        for (zone, number) in shown.films {
            let before = state.films.get(&zone).filter(|before| before.0 == number);
            let since = before.map_or(at, |before| before.1);
            state.longest = state.longest.max(at.saturating_sub(since));
            films.insert(zone, (number, since));
        }
        state.films = films;
    }

    /// Looks at a frame in the system's memory that is shown at `at`.
    pub(super) fn look(&self, frame: &gst_video::VideoFrameRef<&gst::BufferRef>, at: Duration) {
        let (sum, is_black) = points(frame);
        let mut state = self.state();
        // It may still be on its way.
        let shown = state.on_the_way.iter().find(|shown| shown.at == at);
        let is_dark = shown.map_or(state.is_dark, |shown| shown.is_dark);
        if is_black && !is_dark {
            state.black += 1;
            state.black_since.get_or_insert(at);
        } else {
            state.black_since = None;
        }
        if std::mem::replace(&mut state.sum, sum) != sum {
            state.changed = at;
        }
    }

    /// What is wrong with the picture at `now`, in words. `name` knows zones by their numbers.
    #[must_use]
    pub fn faults(&self, now: Duration, name: impl Fn(usize) -> String) -> Vec<String> {
        let state = self.state();
        if now.saturating_sub(state.arrived) >= STUCK {
            // Whatever else there is follows from that.
            return vec!["no frame comes to the display any more".to_owned()];
        }
        let mut faults = Vec::new();
        for (zone, (_, since)) in &state.films {
            let still = now.saturating_sub(*since);
            if still >= STILL {
                faults.push(format!("{}: its film stands still", name(*zone)));
            }
        }
        if state
            .black_since
            .is_some_and(|since| now.saturating_sub(since) >= BLACK_FOR)
        {
            faults.push("the whole picture is black".to_owned());
        }
        faults
    }
}

/// A sum over a frame's points, and whether all of them are black.
fn points(frame: &gst_video::VideoFrameRef<&gst::BufferRef>) -> (u64, bool) {
    let (mut sum, mut is_black) = (0xcbf2_9ce4_8422_2325_u64, true);
    let info = frame.info();
    // Of YUV its brightness, of RGB all three.
    let (components, limit) = if info.is_yuv() { (1, DARK) } else { (3, BLACK) };
    for component in 0..components {
        let Ok(bytes) = frame.comp_data(component) else {
            continue;
        };
        let side = |bytes: i32| usize::try_from(bytes).unwrap_or(0);
        let (stride, pixel) = (side(frame.comp_stride(component)), side(frame.comp_pstride(component)));
        for row in 0..GRID.1 {
            let y = (frame.height() * (row * 2 + 1) / (GRID.1 * 2)) as usize;
            for column in 0..GRID.0 {
                let x = (frame.width() * (column * 2 + 1) / (GRID.0 * 2)) as usize;
                let Some(value) = bytes.get(y * stride + x * pixel) else {
                    continue;
                };
                is_black &= *value <= limit;
                // FNV-1a.
                sum = (sum ^ u64::from(*value)).wrapping_mul(0x100_0000_01b3);
            }
        }
    }
    (sum, is_black)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    /// A frame of one level, but for one point, comes to the sink.
    fn look(seen: &Seen, format: gst_video::VideoFormat, levels: [u8; 2], at: u64) {
        gst::init().expect("GStreamer");
        let info = gst_video::VideoInfo::builder(format, 96, 54).build().expect("a format");
        let mut bytes = vec![levels[0]; info.size()];
        // The grid's first point lies at 1,1.
        let at_point = info.stride()[0] as usize + info.comp_pstride(0) as usize;
        bytes[at_point] = levels[1];
        let buffer = gst::Buffer::from_slice(bytes);
        let frame = gst_video::VideoFrameRef::from_buffer_ref_readable(&buffer, &info).expect("a frame");
        seen.arrive(ms(at));
        seen.look(&frame, ms(at));
    }

    fn faults(seen: &Seen, at: u64) -> Vec<String> {
        seen.faults(ms(at), |zone| format!("zone {zone}"))
    }

    #[test]
    fn one_point_is_enough_to_move_a_picture_and_not_to_be_black() {
        for format in [gst_video::VideoFormat::Bgrx, gst_video::VideoFormat::I420] {
            let seen = Seen::default();
            look(&seen, format, [0, 200], 33);
            look(&seen, format, [0, 200], 100);
            assert_eq!((seen.black(), seen.still()), (0, ms(67)), "{format:?}");
            look(&seen, format, [0, 100], 133);
            assert_eq!((seen.black(), seen.still()), (0, ms(0)));
            look(&seen, format, [0, 0], 166);
            look(&seen, format, [0, 0], 200);
            assert_eq!((seen.black(), seen.still()), (2, ms(34)));
        }
    }

    #[test]
    fn a_black_picture_is_told_of_and_goes_again_and_one_that_is_meant_to_be_is_none() {
        let seen = Seen::default();
        let rgb = gst_video::VideoFormat::Bgrx;
        for second in 1..=6 {
            look(&seen, rgb, [0, 0], second * 1000);
        }
        assert_eq!(faults(&seen, 6000), ["the whole picture is black"]);
        look(&seen, rgb, [0, 99], 6033);
        assert_eq!((faults(&seen, 6066), seen.black()), (vec![], 6));
        let dark = Shown {
            at: ms(7000),
            is_dark: true,
            films: vec![],
        };
        seen.send(dark);
        look(&seen, rgb, [0, 0], 7000);
        look(&seen, rgb, [0, 0], 13_000);
        assert_eq!((faults(&seen, 13_000), seen.black()), (vec![], 6));
    }

    #[test]
    fn a_film_that_stands_still_is_told_of_by_its_zone_also_while_another_moves() {
        let seen = Seen::default();
        let send = |at: u64, films: Vec<(usize, u64)>| {
            let at = ms(at);
            seen.send(Shown {
                at,
                is_dark: false,
                films,
            });
            seen.arrive(at);
        };
        for tick in 0..60 {
            send(tick * 33, vec![(1, tick), (2, tick.min(5))]);
        }
        assert_eq!(faults(&seen, 60 * 33), ["zone 2: its film stands still"]);
        send(2000, vec![(1, 60), (2, 6)]);
        assert_eq!(faults(&seen, 2033), Vec::<String>::new());
        assert_eq!(seen.longest(), ms(54 * 33), "it is kept");
        // Its page goes, and comes again much later.
        send(2033, vec![]);
        send(9000, vec![(2, 6)]);
        assert_eq!(faults(&seen, 9000), Vec::<String>::new());
        assert_eq!(seen.longest(), ms(54 * 33));
    }

    #[test]
    fn frames_that_are_sent_and_do_not_come_are_told_of() {
        let seen = Seen::default();
        seen.arrive(ms(1000));
        for tick in 0..100 {
            seen.send(Shown {
                at: ms(1033 + tick),
                is_dark: false,
                films: vec![(0, tick)],
            });
        }
        assert_eq!(faults(&seen, 2900), Vec::<String>::new());
        assert_eq!(faults(&seen, 4200), ["no frame comes to the display any more"]);
        seen.arrive(ms(4200));
        assert_eq!(faults(&seen, 4233), Vec::<String>::new());
    }
}
