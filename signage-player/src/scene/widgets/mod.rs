//! The widgets: each is one file, keeps its own picture, and draws it anew only when its data changed.

pub mod avatar;
pub mod board;
pub mod button;
pub mod clock;
pub mod label;
pub mod playlist;
pub mod ticker;

use anyhow::Result;
use protocol::screen::{Layout, Rect, Widget, Zone};

use super::Kit;
use super::data::{Data, Moment};
use super::palette::Color;
use crate::stage::canvas::Canvas;

/// A widget in its zone.
pub trait View {
    /// Brings the widget's picture up to `now`. Gives the part that changed, in the zone's own pixels.
    fn draw(&mut self, now: &Moment, data: &Data) -> Option<Rect>;

    /// Lays the picture on the canvas, the zone's corner at `at`, inside `clip` only.
    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64));

    /// Whether every pixel of the zone is covered.
    fn is_opaque(&self) -> bool {
        false
    }

    /// Its page comes on show.
    fn shown(&mut self, _now: &Moment) {}

    /// Its page goes.
    fn hidden(&mut self, _now: &Moment) {}

    /// Whether it would be rude to leave the page now.
    fn is_busy(&self, _now: &Moment) -> bool {
        false
    }

    /// What it couldn't play, by name, and why.
    fn faults(&self) -> Vec<String> {
        Vec::new()
    }
}

/// Sizes that all widgets of a screen share.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The zone's size in pixels.
    pub width: u32,
    /// The zone's size in pixels.
    pub height: u32,
    /// The smallest height of letters on this screen: 1/30 of its height, so that five metres away it can be read.
    pub unit: f64,
    /// The page's colour behind the zone.
    pub ground: Color,
}

/// Makes the view of a zone's widget.
///
/// # Errors
/// When there is no memory for its picture.
pub fn build(zone: &Zone, layout: &Layout, ground: Color, kit: &Kit) -> Result<Box<dyn View>> {
    let place = Place {
        width: zone.rect.width,
        height: zone.rect.height,
        unit: f64::from(layout.height.min(layout.width)) / 30.0,
        ground,
    };
    Ok(match &zone.widget {
        Widget::Playlist { items } => Box::new(playlist::Playlist::new(place, items.clone(), kit.sound)),
        Widget::CongestionBoard { title, areas } => Box::new(board::Board::new(place, title, areas)?),
        Widget::Clock => Box::new(clock::Clock::new(place)?),
        Widget::Ticker { text, speed } => Box::new(ticker::Ticker::new(place, &text.ja, *speed)?),
        Widget::Label { text, size, color } => Box::new(label::Label::new(place, &text.ja, *size, color)?),
        Widget::Button { text } => Box::new(button::Button::new(place, &text.ja, zone.on_touch.as_ref())?),
        Widget::Avatar { rig, greeting } => Box::new(avatar::Avatar::new(place, rig, &greeting.ja, kit)?),
    })
}
