//! The pointer in the output's window: X11's sinks send it upstream (`GstNavigation`), in the pixels of what they show. The
//! picture lies in its middle, as large as it fits, with bars beside it; what is touched there touches nothing.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video::NavigationEvent;

use super::gl::WindowSize;
use super::line::size_at;
use super::turn::Turn;
use crate::event::{Event, Sender};
use crate::touch::{Contact, POINTER, Phase, Spot};

/// So many fingers in a window are followed.
const FINGERS: usize = 16;

/// Sends what the pointer and fingers do in the window behind `between`, which is what makes frames fit for it, to `events`.
/// What the stage doesn't take is lost: the visitor presses again. `window`: by GL, its size; `turn`: how the display hangs.
///
/// # Errors
/// When the elements have no pads.
pub(super) fn forward(between: &[gst::Element], window: Option<WindowSize>, events: Sender, turn: Turn) -> Result<()> {
    let pad = |element: Option<&gst::Element>, name| {
        let pad = element.and_then(|element| element.static_pad(name));
        pad.context("nothing before the sink")
    };
    let (given, shown) = (pad(between.first(), "sink")?.downgrade(), pad(between.last(), "src")?);
    // Sinks send from one thread of theirs; the lock is never waited for.
    let fingers = std::sync::Mutex::new(Fingers::default());
    shown.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |shown, info| {
        if let Some(event) = info.event()
            && let Ok(event) = NavigationEvent::parse(event)
            && let Some(frame) = given.upgrade().and_then(|given| size_at(&given))
            && let Some(shown) = size_at(shown)
            && let Ok(mut fingers) = fingers.lock()
        {
            let window = window.as_ref().and_then(|it| *it.lock().ok()?);
            let place = |at| match window {
                Some(window) => uncut(frame, window, within(frame, shown, at)),
                None => within(frame, shown, at),
            };
            for contact in fingers.take(&event, place) {
                let (id, phase, at) = contact;
                let (x, y) = turn.to_picture(at);
                let spot = Spot { x, y };
                let _ = events.try_send(Event::Contact(Contact { id, phase, spot }));
            }
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// Where a frame of a size is touched, in shares of its sides, whose place in a window of another size this is: as large as
/// it fits, in the middle (`videoconvertscale`'s `add-borders`). Below 0 or from 1 on: beside it.
fn within(frame: (u32, u32), window: (u32, u32), (x, y): (f64, f64)) -> (f64, f64) {
    let side = |pixels: u32| f64::from(pixels.max(1));
    let scale = (side(window.0) / side(frame.0)).min(side(window.1) / side(frame.1));
    let share = |at: f64, frame: u32, window: u32| {
        let length = side(frame) * scale;
        (at - (side(window) - length) / 2.0) / length
    };
    (share(x, frame.0, window.0), share(y, frame.1, window.1))
}

/// The same by GL, whose sink scales, and says places in the picture's own pixels: one on a bar is told as lying on the
/// picture's edge, where nothing else can be told from it. It lies beside the picture.
fn uncut(frame: (u32, u32), window: (u32, u32), (x, y): (f64, f64)) -> (f64, f64) {
    let wide = u64::from(window.0) * u64::from(frame.1);
    let high = u64::from(window.1) * u64::from(frame.0);
    let uncut = |at: f64, has_bars: bool| if has_bars && at <= 0.0 { -1.0 } else { at };
    (uncut(x, wide > high), uncut(y, high > wide))
}

/// A contact, what it does, and where on the frame, in shares of its sides.
type Told = (u32, Phase, (f64, f64));

/// What is down in the window: each contact, and where on the frame it was last.
#[derive(Debug, Default)]
struct Fingers(BTreeMap<u32, (f64, f64)>);

impl Fingers {
    /// What an event means for contacts. `within`: where on the frame a place of the window is, in shares.
    fn take(&mut self, event: &NavigationEvent, within: impl Fn((f64, f64)) -> (f64, f64)) -> Vec<Told> {
        use NavigationEvent as Nav;
        // Fingers' own numbers stay below the pointer's.
        let finger = |number: &u32| number % POINTER;
        let (id, phase, (x, y)) = match event {
            Nav::MouseButtonPress { button: 1, x, y, .. } => (POINTER, Phase::Down, (*x, *y)),
            Nav::MouseMove { x, y, .. } => (POINTER, Phase::Move, (*x, *y)),
            Nav::MouseButtonRelease { button: 1, x, y, .. } => (POINTER, Phase::Up, (*x, *y)),
            Nav::TouchDown { identifier, x, y, .. } => (finger(identifier), Phase::Down, (*x, *y)),
            Nav::TouchMotion { identifier, x, y, .. } => (finger(identifier), Phase::Move, (*x, *y)),
            Nav::TouchUp { identifier, x, y, .. } => (finger(identifier), Phase::Up, (*x, *y)),
            Nav::TouchCancel { .. } => {
                let all = std::mem::take(&mut self.0).into_iter();
                return all.map(|(id, at)| (id, Phase::Cancel, at)).collect();
            }
            _ => return Vec::new(),
        };
        let (x, y) = within((x, y));
        let is_known = match phase {
            // On a bar.
            Phase::Down if !(0.0..1.0).contains(&x) || !(0.0..1.0).contains(&y) => false,
            Phase::Down => {
                let has_room = self.0.len() < FINGERS || self.0.contains_key(&id);
                if has_room {
                    self.0.insert(id, (x, y));
                }
                has_room
            }
            Phase::Move => self.0.get_mut(&id).map(|at| *at = (x, y)).is_some(),
            Phase::Up | Phase::Cancel => self.0.remove(&id).is_some(),
        };
        // A pointer that only hovers touches nothing.
        if is_known {
            vec![(id, phase, (x, y))]
        } else {
            Vec::new()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointer(name: &str, x: f64, y: f64) -> NavigationEvent {
        let modifier_state = gstreamer_video::NavigationModifierType::empty();
        match name {
            "press" => NavigationEvent::MouseButtonPress {
                button: 1,
                x,
                y,
                modifier_state,
            },
            _ => NavigationEvent::MouseMove { x, y, modifier_state },
        }
    }

    #[test]
    fn what_lies_beside_the_picture_touches_nothing_and_the_rest_is_where_it_is_seen() {
        let (frame, window) = ((640, 360), (640, 720));
        let at = |x, y| within(frame, window, (x, y));
        assert_eq!(at(320.0, 360.0), (0.5, 0.5));
        assert_eq!(at(0.0, 180.0), (0.0, 0.0));
        assert_eq!(within(frame, (1280, 720), (640.0, 180.0)), (0.5, 0.25));
        assert_eq!(within(frame, frame, (64.0, 36.0)), (0.1, 0.1));

        assert_eq!(uncut(frame, window, (0.0, 0.0)), (0.0, -1.0), "bars above and below");
        assert_eq!(uncut(frame, (1280, 360), (0.0, 0.0)), (-1.0, 0.0), "bars beside");
        assert_eq!(uncut(frame, (1280, 720), (0.0, 0.0)), (0.0, 0.0), "none");
        assert_eq!(uncut(frame, window, (0.25, 0.75)), (0.25, 0.75));

        let mut fingers = Fingers::default();
        let mut take = |name, x, y| fingers.take(&pointer(name, x, y), |at| within(frame, window, at));
        assert_eq!(take("press", 320.0, 100.0), [], "a bar");
        assert_eq!(take("move", 320.0, 360.0), [], "nothing is down");
        assert_eq!(take("press", 320.0, 360.0), [(POINTER, Phase::Down, (0.5, 0.5))]);
        assert_eq!(
            take("move", 320.0, 0.0),
            [(POINTER, Phase::Move, (0.5, -0.5))],
            "dragged off"
        );
    }
}
