//! The pointer in the output's window: X11's sinks send it upstream (`GstNavigation`), in the pixels
//! of what the stage sends (`videoconvertscale` maps them); on a turned display they are turned to the picture here.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video::NavigationEvent;

use super::line::size_at;
use super::turn::Turn;
use crate::event::{Event, Sender};
use crate::touch::{Contact, POINTER, Phase, Spot};

/// So many fingers in a window are followed.
const FINGERS: usize = 16;

/// Sends what the pointer and fingers in the window do to `events`. What the stage doesn't take is lost: the visitor
/// presses again.
///
/// # Errors
/// When the source has no pad.
pub(super) fn forward(source: &gst_app::AppSrc, events: Sender, turn: Turn) -> Result<()> {
    let pad = source.static_pad("src").context("the source has no pad")?;
    // Sinks send from one thread of theirs; the lock is never waited for.
    let fingers = std::sync::Mutex::new(Fingers::default());
    pad.add_probe(gst::PadProbeType::EVENT_UPSTREAM, move |pad, info| {
        if let Some(event) = info.event()
            && let Ok(event) = NavigationEvent::parse(event)
            && let Ok(mut fingers) = fingers.lock()
        {
            let frame = size_at(pad);
            for mut contact in fingers.take(&event) {
                contact.spot = upright(contact.spot, turn, frame);
                let _ = events.try_send(Event::Contact(contact));
            }
        }
        gst::PadProbeReturn::Ok
    });
    Ok(())
}

/// A place in the window, which is the panel's frame, on the picture.
fn upright(spot: Spot, turn: Turn, frame: Option<(u32, u32)>) -> Spot {
    match (spot, frame) {
        (Spot::Pixels(x, y), Some((width, height))) if turn != Turn::Straight => {
            let share = |at: f64, of: u32| at / f64::from(of.max(1));
            let (x, y) = turn.to_picture((share(x, width), share(y, height)));
            Spot::Share(x, y)
        }
        (spot, _) => spot,
    }
}

/// What is down in the window: each contact, and where it was last.
#[derive(Debug, Default)]
struct Fingers(BTreeMap<u32, (f64, f64)>);

impl Fingers {
    /// What an event means for contacts.
    fn take(&mut self, event: &NavigationEvent) -> Vec<Contact> {
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
                return all.map(|(id, at)| contact(id, Phase::Cancel, at)).collect();
            }
            _ => return Vec::new(),
        };
        let is_known = match phase {
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
            vec![contact(id, phase, (x, y))]
        } else {
            Vec::new()
        }
    }
}

fn contact(id: u32, phase: Phase, (x, y): (f64, f64)) -> Contact {
    let spot = Spot::Pixels(x, y);
    Contact { id, phase, spot }
}
