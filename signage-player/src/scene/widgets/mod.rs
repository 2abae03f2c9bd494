//! The widgets: each is one file, keeps its own picture, and draws it anew only when its data changed.

pub mod avatar;
pub mod banner;
pub mod board;
mod board_line;
pub mod button;
mod card;
pub mod clock;
mod fallback;
pub mod label;
pub mod language_chooser;
pub mod map;
mod mark;
pub mod notices;
pub mod parking;
pub mod playlist;
pub mod qr;
pub mod remote;
pub mod rich_text;
pub mod roll;
mod rounds;
mod strip;
pub mod ticker;
mod upright;
pub mod waiting;

use anyhow::Result;
use protocol::screen::{Action, Language, Layout, QrKind, Rect, Widget, Zone};

use self::card::CardView;
use super::Kit;
use super::data::{Data, Moment};
use super::layer::Layer;
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

    /// From now on it speaks this language.
    fn set_language(&mut self, _language: Language) {}

    /// What a touch there does, and which part of the zone is pressed by it, in the zone's own pixels; `None`: what the
    /// zone says.
    fn answer_at(&self, _x: f64, _y: f64) -> Option<(Action, Rect)> {
        None
    }

    /// Its page comes on show.
    fn shown(&mut self, _now: &Moment) {}

    /// Its page goes.
    fn hidden(&mut self, _now: &Moment) {}

    /// Whether it would be rude to leave the page now.
    fn is_busy(&self, _now: &Moment) -> bool {
        false
    }

    /// Whether it has nothing of its own to show, and something stands in.
    fn has_stand_in(&self) -> bool {
        false
    }

    /// Whether another zone's stand-in says all, so that its own needn't.
    fn keep_quiet(&mut self, _is_quiet: bool) {}

    /// Whether what it says now had to be cut.
    fn is_cut(&self) -> bool {
        false
    }

    /// Where a film is on show: a number that has grown if its picture is the one that is due; `None`: nothing there moves by
    /// itself.
    fn film(&self) -> Option<u64> {
        None
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
    /// The smallest height of letters on this screen: 1/30 of its shorter side, so that five metres away it can
    /// be read; more where the layout asks for larger text.
    pub unit: f64,
    /// How much larger than usual letters are: 1 to 2.
    pub scale: f64,
    /// The page's colour behind the zone.
    pub ground: Color,
    /// The language at the start.
    pub language: Language,
}

/// A picture that is drawn anew when what it says changed: `F` is all that it says.
pub(crate) struct Faced<F> {
    layer: Layer,
    drawn: Option<F>,
}

impl<F: PartialEq> Faced<F> {
    fn new(place: Place) -> Result<Self> {
        Ok(Self {
            layer: Layer::new(place.width, place.height)?,
            drawn: None,
        })
    }

    /// Draws `face` if it isn't the one that is drawn already. Gives what changed.
    fn show(&mut self, face: F, draw: impl FnOnce(&cairo::Context, &F) -> Result<(), cairo::Error>) -> Option<Rect> {
        if self.drawn.as_ref() == Some(&face) {
            return None;
        }
        self.layer.redraw(|cr| draw(cr, &face));
        self.drawn = Some(face);
        Some(self.layer.bounds())
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.layer.paint(canvas, clip, at);
    }

    /// Pixels wide and high.
    fn size(&self) -> (f64, f64) {
        (f64::from(self.layer.width()), f64::from(self.layer.height()))
    }
}

/// A moving text's part in its group: of the same text in the same place.
fn strip(zone: &Zone, kit: &Kit) -> crate::sync::Zone {
    kit.group.zone(&zone.name, &(&zone.rect, &zone.widget))
}

/// Makes the view of a zone's widget.
///
/// # Errors
/// When there is no memory for its picture.
pub fn build(zone: &Zone, layout: &Layout, ground: Color, kit: &Kit) -> Result<Box<dyn View>> {
    let scale = f64::from(layout.text_percent) / 100.0;
    let place = Place {
        width: zone.rect.width,
        height: zone.rect.height,
        unit: f64::from(layout.height.min(layout.width)) / 30.0 * scale,
        scale,
        ground,
        language: layout.languages.first().copied().unwrap_or_default(),
    };
    Ok(match &zone.widget {
        Widget::Playlist {
            items,
            lists,
            transition,
        } => {
            let lists = playlist::Lists {
                items: items.clone(),
                programmes: lists.clone(),
                closed: layout.closed.clone(),
                transition: *transition,
            };
            Box::new(playlist::Playlist::new(&zone.name, place, lists, kit))
        }
        Widget::CongestionBoard { title, areas } => Box::new(CardView::new(place, title, board::Board(areas.clone()))?),
        Widget::WaitingBoard { title, queues } => {
            Box::new(CardView::new(place, title, waiting::Waiting(queues.clone()))?)
        }
        Widget::Parking { title, lots } => Box::new(CardView::new(place, title, parking::Parking(lots.clone()))?),
        Widget::Notices { title } => Box::new(CardView::new(place, title, notices::Notices)?),
        Widget::Clock => Box::new(clock::Clock::new(place)?),
        Widget::Ticker { text, speed } => Box::new(ticker::Ticker::new(place, text, *speed, strip(zone, kit))?),
        Widget::Roll { text, size, speed } => Box::new(roll::Roll::new(place, text, *size, *speed, strip(zone, kit))?),
        Widget::Label { text, size, color } => Box::new(label::Label::new(place, text, *size, color)?),
        Widget::RichText {
            text,
            size,
            color,
            direction,
        } => Box::new(rich_text::RichText::new(place, text, *size, color, *direction)?),
        Widget::QrCode {
            kind: QrKind::Fixed,
            content,
            caption,
        } => Box::new(qr::Qr::new(place, content, caption.as_ref())?),
        Widget::QrCode {
            kind: QrKind::Remote,
            caption,
            ..
        } => Box::new(remote::RemoteCode::new(place, caption.as_ref())?),
        Widget::FloorMap { plan, route_to } => Box::new(map::FloorMap::new(place, plan, route_to.as_deref())?),
        Widget::Button { text } => Box::new(button::Button::new(place, text, zone.on_touch.as_ref())?),
        Widget::LanguageChooser => Box::new(language_chooser::Chooser::new(place, &layout.languages)?),
        Widget::Avatar { rig, greeting } => {
            Box::new(avatar::Avatar::new(place, rig, greeting, &layout.languages, kit)?)
        }
    })
}

#[cfg(test)]
mod tests;
