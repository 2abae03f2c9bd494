//! The scene: a layout's pages with their zones, which one is on show, what a touch does.
//!
//! Invariant: the canvas shows the current page's background and its zones from back to front; what a
//! zone reports as changed is painted anew together with everything that overlaps it, and nothing else.

pub mod data;
pub mod layer;
pub mod markup;
pub mod palette;
pub mod standby;
pub mod text;
pub mod widgets;
pub mod words;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use protocol::screen::{Action, BoardArea, Language, Layout, Rect, Text, parse_color};

use crate::bridge::plays::Plays;
use crate::sound::Sound;
use crate::stage::canvas::{Canvas, Region, intersect};
use crate::sync::Group;
use data::{Data, Moment};
use palette::Color;
use widgets::View;
use widgets::banner::Banner;

/// What widgets are built with.
#[derive(Debug, Clone)]
pub struct Kit {
    /// The folder of the avatar's rigs.
    pub rigs: PathBuf,
    /// How it speaks.
    pub speaker: avatar::speech::SpeakerConfig,
    /// Where sound goes.
    pub sound: Sound,
    /// The office's name, for when there is nothing else to show.
    pub office: Text,
    /// The office's areas, for the same.
    pub areas: Vec<BoardArea>,
    /// Tells this screen's idle behaviour from its neighbour's.
    pub seed: u64,
    /// Who hears what was played.
    pub plays: Plays,
    /// The screens with which this one shows the same frames.
    pub group: Group,
}

/// A chosen language is given up after so long without a touch.
const LANGUAGE_LIMIT: Duration = Duration::from_secs(60);

struct ZoneView {
    rect: Rect,
    on_touch: Option<Action>,
    view: Box<dyn View>,
}

struct PageView {
    background: Color,
    zones: Vec<ZoneView>,
}

/// A layout that can be shown.
pub struct Scene {
    layout: Arc<Layout>,
    pages: Vec<PageView>,
    current: usize,
    language: Language,
    banner: Banner,
    /// The last touch, for the way back.
    touched_at: Duration,
    /// Nothing of the current page is on the canvas yet.
    is_new: bool,
}

impl Scene {
    /// Builds all widgets of a layout.
    ///
    /// # Errors
    /// When the layout is not sound, or a widget can't be made.
    pub fn build(layout: Arc<Layout>, kit: &Kit) -> Result<Self> {
        layout.check()?;
        let mut pages = Vec::with_capacity(layout.pages.len());
        for page in &layout.pages {
            let background = parse_color(&page.background).unwrap_or(palette::WHITE);
            let mut zones = Vec::with_capacity(page.zones.len());
            let kit = Kit {
                plays: kit.plays.on_page(&layout.name, &page.name),
                group: kit.group.on_page(&page.name),
                ..kit.clone()
            };
            for zone in &page.zones {
                let view = widgets::build(zone, &layout, background, &kit)
                    .with_context(|| format!("page {:?}, zone {:?}", page.name, zone.name))?;
                zones.push(ZoneView {
                    rect: zone.rect,
                    on_touch: zone.on_touch.clone(),
                    view,
                });
            }
            pages.push(PageView { background, zones });
        }
        Ok(Self {
            language: layout.languages.first().copied().unwrap_or_default(),
            banner: Banner::new(&layout),
            layout,
            pages,
            current: 0,
            touched_at: Duration::ZERO,
            is_new: true,
        })
    }

    /// The name of the page on show.
    #[must_use]
    pub fn page(&self) -> &str {
        &self.layout.pages[self.current].name
    }

    /// The colour behind the first page.
    #[must_use]
    pub fn background(&self) -> Color {
        self.pages[0].background
    }

    /// Brings the canvas up to `now`; adds what changed to `changed`.
    pub fn draw(&mut self, canvas: &mut Canvas, now: &Moment, data: &Data, changed: &mut Region) {
        self.go_back(now);
        let page = &mut self.pages[self.current];
        if self.is_new {
            page.zones.iter_mut().for_each(|zone| zone.view.shown(now));
        }
        for zone in &mut page.zones {
            if let Some(part) = zone.view.draw(now, data) {
                changed.add(placed(part, zone.rect));
            }
        }
        if let Some(part) = self.banner.draw(now, data, self.language) {
            changed.add(part);
        }
        if std::mem::take(&mut self.is_new) {
            changed.add(canvas.bounds());
        }
        for area in changed.iter() {
            let banner = self.banner.rect().and_then(|rect| intersect(rect, area));
            // What a band covers whole needn't be painted.
            if banner != Some(area) {
                paint(page, canvas, area);
            }
            if let Some(clip) = banner {
                self.banner.paint(canvas, clip);
            }
        }
    }

    /// A touch at a place. Gives whether something answered it.
    pub fn touch(&mut self, x: f64, y: f64, now: &Moment) -> bool {
        self.touched_at = now.at;
        let Some(action) = self.action_at(x, y) else {
            return false;
        };
        match action {
            Action::GoTo { page } => {
                // `Layout::check` saw that there is one.
                let index = self.layout.pages.iter().position(|it| it.name == page);
                self.go(index.unwrap_or(0), now);
            }
            Action::GoHome => self.go_home(now),
            Action::Speak { language } => self.set_language(language),
        }
        true
    }

    /// The language that is spoken now.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    fn go_home(&mut self, now: &Moment) {
        self.go(0, now);
        self.set_language(self.layout.languages.first().copied().unwrap_or_default());
    }

    fn set_language(&mut self, language: Language) {
        if std::mem::replace(&mut self.language, language) != language {
            let zones = self.pages.iter_mut().flat_map(|page| &mut page.zones);
            zones.for_each(|zone| zone.view.set_language(language));
        }
    }

    /// What a touch there does: the frontmost zone with an answer, or else the page.
    #[must_use]
    pub fn action_at(&self, x: f64, y: f64) -> Option<Action> {
        let is_inside = canvas_rect(&self.layout).contains(x, y);
        let is_covered = self.banner.rect().is_some_and(|rect| rect.contains(x, y));
        if !is_inside || is_covered {
            return None;
        }
        let answer = |zone: &ZoneView| {
            let (left, top) = (f64::from(zone.rect.x), f64::from(zone.rect.y));
            zone.view.action_at(x - left, y - top).or_else(|| zone.on_touch.clone())
        };
        let zones = self.pages[self.current].zones.iter().rev();
        zones
            .filter(|zone| zone.rect.contains(x, y))
            .find_map(answer)
            .or_else(|| self.layout.pages[self.current].on_touch.clone())
    }

    /// What couldn't be played, by name.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let zones = self.pages.iter().flat_map(|page| &page.zones);
        let mut faults: Vec<String> = zones.flat_map(|zone| zone.view.faults()).collect();
        faults.sort();
        faults.dedup();
        faults
    }

    fn go(&mut self, page: usize, now: &Moment) {
        if page == self.current {
            return;
        }
        self.pages[self.current]
            .zones
            .iter_mut()
            .for_each(|zone| zone.view.hidden(now));
        self.current = page;
        self.is_new = true;
    }

    /// Another scene takes its place.
    pub fn leave(&mut self, now: &Moment) {
        let zones = &mut self.pages[self.current].zones;
        zones.iter_mut().for_each(|zone| zone.view.hidden(now));
    }

    fn go_back(&mut self, now: &Moment) {
        let limit = self.layout.pages[self.current].back_after_ms.map(Duration::from_millis);
        let is_busy = self.pages[self.current].zones.iter().any(|zone| zone.view.is_busy(now));
        if is_busy {
            self.touched_at = self.touched_at.max(now.at);
        }
        let idle = now.at.saturating_sub(self.touched_at);
        if limit.is_some_and(|limit| idle >= limit) {
            self.go_home(now);
        }
        // A language that somebody chose on a page that stays is theirs, not the next visitor's.
        let is_chosen = self.layout.languages.first() != Some(&self.language);
        if is_chosen && idle >= LANGUAGE_LIMIT {
            self.go_home(now);
        }
    }
}

fn canvas_rect(layout: &Layout) -> Rect {
    Rect {
        x: 0,
        y: 0,
        width: layout.width,
        height: layout.height,
    }
}

/// A zone's part, in the layout's pixels, cut at the zone's edge.
fn placed(part: Rect, zone: Rect) -> Rect {
    let moved = Rect {
        x: part.x.saturating_add(zone.x),
        y: part.y.saturating_add(zone.y),
        ..part
    };
    intersect(moved, zone).unwrap_or(Rect {
        width: 0,
        height: 0,
        ..zone
    })
}

/// Paints the page inside `area`. The background shows only where no opaque zone covers all of it.
fn paint(page: &PageView, canvas: &mut Canvas, area: Rect) {
    let covers = |zone: &ZoneView| zone.view.is_opaque() && intersect(zone.rect, area) == Some(area);
    let from = page.zones.iter().rposition(covers);
    if from.is_none() {
        canvas.fill(area, page.background);
    }
    for zone in &page.zones[from.unwrap_or(0)..] {
        if let Some(clip) = intersect(zone.rect, area) {
            zone.view
                .paint(canvas, clip, (i64::from(zone.rect.x), i64::from(zone.rect.y)));
        }
    }
}

#[cfg(test)]
mod tests;
