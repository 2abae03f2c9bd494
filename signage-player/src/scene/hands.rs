//! What touches do to a scene: what is under them, what is pressed, and the way back when nobody is there any more.

use std::time::Duration;

use protocol::screen::{Action, Language, Rect};

use super::data::Moment;
use super::hint::Hint;
use super::palette;
use super::sheet::Sheet;
use super::text;
use super::{Scene, ZoneView, canvas_rect};
use crate::stage::canvas::{Canvas, Region};
use crate::touch::Phase;
use crate::touch::press::{Presses, Target};

/// A chosen language, and a page that says nothing else, are given up after so long without a touch.
const RESET_AFTER: Duration = Duration::from_secs(60);

/// Everything that a scene knows of who is in front of it.
pub(super) struct Hands {
    presses: Presses,
    /// The last touch, for the way back.
    touched_at: Duration,
    hint: Hint,
    pressed: Sheet<()>,
}

impl Hands {
    pub(super) fn new(hint: Hint) -> Self {
        Self {
            presses: Presses::default(),
            touched_at: Duration::ZERO,
            hint,
            pressed: Sheet::default(),
        }
    }

    /// What lies over the page, from back to front.
    pub(super) fn paint(&self, canvas: &mut Canvas, clip: Rect) {
        self.pressed.paint(canvas, clip);
        self.hint.paint(canvas, clip);
    }
}

/// A rectangle with so many pixels more on each side.
fn grown(rect: Rect, by: f64) -> (f64, f64, f64, f64) {
    let (x, y) = (f64::from(rect.x), f64::from(rect.y));
    let (width, height) = (f64::from(rect.width), f64::from(rect.height));
    (x - by, y - by, x + width + by, y + height + by)
}

fn is_in((left, top, right, bottom): (f64, f64, f64, f64), x: f64, y: f64) -> bool {
    x >= left && y >= top && x < right && y < bottom
}

impl Scene {
    /// What a contact does, in the layout's pixels.
    pub fn contact(&mut self, id: u32, phase: Phase, (x, y): (f64, f64), now: &Moment) {
        let slop = self.slop();
        let page = canvas_rect(&self.layout);
        // A finger may slip a little without having left a button; a page has no beyond.
        let is_on = |target: &Target| is_in(grown(target.rect, slop), x, y) && page.contains(x, y);
        match phase {
            Phase::Down => {
                let is_on_hint = self.hands.hint.rect().is_some_and(|rect| rect.contains(x, y));
                let target = if is_on_hint { None } else { self.target_at(x, y) };
                self.hands.touched_at = now.at;
                self.hands.presses.down(id, target, now.at);
            }
            Phase::Move => self.hands.presses.moved(id, is_on),
            Phase::Up => {
                let is_covered = self.is_covered(x, y);
                if self.hands.presses.is_touched(now.at) {
                    self.hands.touched_at = now.at;
                }
                let pressed = self.hands.presses.up(id, |target| !is_covered && is_on(target), now.at);
                if let Some(target) = pressed {
                    self.act(target.action, now);
                }
            }
            Phase::Cancel => self.hands.presses.cancel(id),
        }
    }

    /// A whole press at a place. Gives whether something answered it.
    pub fn touch(&mut self, x: f64, y: f64, now: &Moment) -> bool {
        self.hands.touched_at = now.at;
        let target = self.target_at(x, y);
        let Some(target) = target else { return false };
        self.act(target.action, now);
        true
    }

    /// Somebody is there, wherever they press.
    pub(super) fn touched(&mut self, now: &Moment) {
        self.hands.touched_at = self.hands.touched_at.max(now.at);
    }

    /// Does what was pressed.
    pub(super) fn act(&mut self, action: Action, now: &Moment) {
        match action {
            Action::GoTo { page } => {
                // `Layout::check` saw that there is one.
                let index = self.layout.pages.iter().position(|it| it.name == page);
                self.go(index.unwrap_or(0), now);
            }
            Action::GoHome => self.go_home(now),
            Action::Speak { language } => self.set_language(language),
        }
    }

    /// What a touch there does: the frontmost zone with an answer, the nearest small one beside which it is, or else the
    /// page.
    #[must_use]
    pub fn target_at(&self, x: f64, y: f64) -> Option<Target> {
        if self.is_dark || !canvas_rect(&self.layout).contains(x, y) || self.is_covered(x, y) {
            return None;
        }
        let page = &self.layout.pages[self.current];
        let zones = || self.pages[self.current].zones.iter().rev();
        let direct = zones()
            .filter(|zone| zone.rect.contains(x, y))
            .find_map(|zone| zone_target(zone, x, y));
        let whole = || {
            let action = page.on_touch.clone()?;
            let rect = canvas_rect(&self.layout);
            Some(Target { rect, action })
        };
        direct.or_else(|| self.small_target_near(x, y)).or_else(whole)
    }

    /// What a touch there does.
    #[must_use]
    pub fn action_at(&self, x: f64, y: f64) -> Option<Action> {
        self.target_at(x, y).map(|target| target.action)
    }

    /// Of zones that are smaller than a hand hits, the one whose middle is nearest.
    fn small_target_near(&self, x: f64, y: f64) -> Option<Target> {
        let least = self.least_target();
        let apart = |zone: &&ZoneView| {
            let rect = zone.rect;
            let beyond = |at: f64, start: u32, length: u32| {
                let (start, length) = (f64::from(start), f64::from(length));
                let reach = (least.max(length)) / 2.0;
                ((at - (start + length / 2.0)).abs(), reach)
            };
            let (dx, reach_x) = beyond(x, rect.x, rect.width);
            let (dy, reach_y) = beyond(y, rect.y, rect.height);
            (dx < reach_x && dy < reach_y).then(|| dx.hypot(dy))
        };
        let zones = self.pages[self.current].zones.iter();
        let near = zones.filter(|zone| zone.on_touch.is_some());
        let near = near.filter_map(|zone| Some((apart(&zone)?, zone)));
        let (_, zone) = near.min_by(|(a, _), (b, _)| a.total_cmp(b))?;
        let action = zone.on_touch.clone()?;
        Some(Target {
            rect: zone.rect,
            action,
        })
    }

    /// A target is taken as if it were at least so many pixels wide and high: a tenth of the shorter side is some four
    /// centimetres on a screen of 32 inches.
    fn least_target(&self) -> f64 {
        f64::from(self.layout.width.min(self.layout.height)) / 10.0
    }

    fn slop(&self) -> f64 {
        self.least_target() / 3.0
    }

    fn is_covered(&self, x: f64, y: f64) -> bool {
        self.banner.rect().is_some_and(|rect| rect.contains(x, y))
    }

    /// Brings what lies over the page up to `now`.
    pub(super) fn draw_hands(&mut self, now: &Moment, changed: &mut Region) {
        let left = self.left(now).filter(|(left, limit)| *left <= Hint::ahead(*limit));
        let language = self.language;
        let hands = &mut self.hands;
        if let Some(part) = hands.hint.show(left.map(|(left, _)| left), language) {
            changed.add(part);
        }
        let whole = canvas_rect(&self.layout);
        let shown = hands.presses.shown(now.at).map(|target| target.rect);
        let shown = shown.filter(|rect| *rect != whole);
        let unit = f64::from(whole.width.min(whole.height)) / 30.0 * f64::from(self.layout.text_percent) / 100.0;
        let face = shown.map(|rect| ((), rect));
        if let Some(part) = hands.pressed.show(face, |cr, ()| draw_pressed(cr, shown, unit)) {
            changed.add(part);
        }
    }

    /// Goes back to the start when nobody is there any more.
    pub(super) fn go_back(&mut self, now: &Moment) {
        let is_busy = self.pages[self.current].zones.iter().any(|zone| zone.view.is_busy(now));
        if is_busy || self.hands.presses.is_touched(now.at) {
            self.hands.touched_at = self.hands.touched_at.max(now.at);
        }
        if self.left(now).is_some_and(|(left, _)| left.is_zero()) {
            self.go_home(now);
        }
    }

    /// How long until it goes back, and of how long; `None`: it stays.
    fn left(&self, now: &Moment) -> Option<(Duration, Duration)> {
        let reset = self.layout.reset_after_ms.map(Duration::from_millis);
        let own = self.layout.pages[self.current].back_after_ms.map(Duration::from_millis);
        let page = own.or_else(|| reset.filter(|_| self.current != 0));
        // A language that somebody chose on a page that stays is theirs, not the next visitor's.
        let language = self.is_language_chosen().then(|| reset.unwrap_or(RESET_AFTER));
        let limit = page.into_iter().chain(language).min()?;
        if self.current == 0 && !self.is_language_chosen() {
            return None;
        }
        let idle = now.at.saturating_sub(self.hands.touched_at);
        Some((limit.saturating_sub(idle), limit))
    }

    fn is_language_chosen(&self) -> bool {
        self.layout
            .languages
            .first()
            .is_some_and(|first| *first != self.language)
    }

    pub(super) fn go_home(&mut self, now: &Moment) {
        self.go(0, now);
        self.set_language(self.layout.languages.first().copied().unwrap_or_default());
    }

    fn set_language(&mut self, language: Language) {
        if std::mem::replace(&mut self.language, language) != language {
            let zones = self.pages.iter_mut().flat_map(|page| &mut page.zones);
            zones.for_each(|zone| zone.view.set_language(language));
        }
    }

    fn go(&mut self, page: usize, now: &Moment) {
        if page == self.current {
            return;
        }
        self.leave(now);
        self.current = page;
        self.is_new = true;
        self.hands.presses.page_changed(now.at);
    }
}

fn zone_target(zone: &ZoneView, x: f64, y: f64) -> Option<Target> {
    let (left, top) = (f64::from(zone.rect.x), f64::from(zone.rect.y));
    let own = zone.view.answer_at(x - left, y - top).map(|(action, part)| Target {
        rect: super::placed(part, zone.rect),
        action,
    });
    let of_zone = || {
        let action = zone.on_touch.clone()?;
        Some(Target {
            rect: zone.rect,
            action,
        })
    };
    own.or_else(of_zone)
}

/// Darker, with a light ring: what is under the finger.
fn draw_pressed(cr: &cairo::Context, rect: Option<Rect>, unit: f64) -> Result<(), cairo::Error> {
    let Some(rect) = rect else { return Ok(()) };
    let (width, height) = (f64::from(rect.width), f64::from(rect.height));
    let line = unit / 4.0;
    // A little less round than buttons and cards: nothing of them looks out at the corners.
    let radius = unit * 0.6;
    let inset = |by: f64| text::rounded(cr, by, by, width - by * 2.0, height - by * 2.0, radius - by);
    inset(line / 2.0);
    cr.set_source_rgba(0.0, 0.0, 0.0, palette::PRESSED);
    cr.fill()?;
    inset(0.0);
    inset(line);
    cr.set_fill_rule(cairo::FillRule::EvenOdd);
    text::set_color(cr, palette::AMBER);
    cr.fill()
}
