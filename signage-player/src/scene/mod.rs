//! The scene: a layout's pages with their zones, which one is on show, what a touch (`hands`) or a phone (`remote`) does.
//!
//! Invariant: the canvas shows the current page's background and its zones from back to front; what a
//! zone reports as changed is painted anew together with everything that overlaps it, and nothing else.

pub mod breaks;
pub mod data;
pub mod fit;
mod hands;
mod hint;
pub mod layer;
pub mod markup;
pub mod palette;
pub mod phrases;
pub mod remote;
mod sheet;
pub mod standby;
pub mod text;
pub mod widgets;
pub mod words;

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, Result};
use protocol::screen::{Action, BoardArea, Language, Layout, Page, Rect, Text, Urgency, When, Widget, parse_color};

use crate::bridge::plays::Plays;
use crate::live::Processes;
use crate::quarantine::Quarantine;
use crate::sound::Sound;
use crate::sound::ducking::Ducking;
use crate::stage::canvas::{Canvas, Region, intersect};
use crate::sync::Group;
use data::{Data, Moment};
use hands::Hands;
use hint::Hint;
use palette::Color;
use remote::Badge;
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
    /// How loud films are.
    pub ducking: Ducking,
    /// What shows live pictures.
    pub live: Processes,
    /// The office's name, for when there is nothing else to show.
    pub office: Text,
    /// The office's areas, for the same.
    pub areas: Vec<BoardArea>,
    /// Tells this screen's idle behaviour from its neighbour's.
    pub seed: u64,
    /// Who hears what was played.
    pub plays: Plays,
    /// What has done harm, and is left alone.
    pub quarantine: Quarantine,
    /// The screens with which this one shows the same frames.
    pub group: Group,
}

struct ZoneView {
    name: String,
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
    hands: Hands,
    badge: Badge,
    /// Nothing of the current page is on the canvas yet.
    is_new: bool,
    /// The screen is off: the canvas is black.
    is_dark: bool,
}

impl Scene {
    /// Builds all widgets of a layout.
    ///
    /// # Errors
    /// When the layout can't be played, or a widget can't be made.
    pub fn build(layout: Arc<Layout>, kit: &Kit) -> Result<Self> {
        layout.check_to_play()?;
        let mut pages = Vec::with_capacity(layout.pages.len());
        for page in &layout.pages {
            let background = parse_color(&page.background).unwrap_or(palette::WHITE);
            let mut zones = Vec::with_capacity(page.zones.len());
            let kit = Kit {
                plays: kit.plays.on_page(&layout.name, &page.name),
                group: kit.group.on_page(&page.name),
                // A stand-in doesn't say what stands beside it.
                areas: if has_board(page) { Vec::new() } else { kit.areas.clone() },
                ..kit.clone()
            };
            for zone in &page.zones {
                let view = widgets::build(zone, &layout, background, &kit)
                    .with_context(|| format!("page {:?}, zone {:?}", page.name, zone.name))?;
                zones.push(ZoneView {
                    name: zone.name.clone(),
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
            hands: Hands::new(Hint::new(&layout)),
            badge: Badge::new(&layout),
            layout,
            pages,
            current: 0,
            is_new: true,
            is_dark: false,
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
        if self.is_off(now, data) {
            self.darken(canvas, now, changed);
            return;
        }
        self.is_dark = false;
        self.draw_remote(now, data, changed);
        let page = &mut self.pages[self.current];
        if self.is_new {
            page.zones.iter_mut().for_each(|zone| zone.view.shown(now));
        }
        quieten(&mut page.zones);
        for zone in &mut page.zones {
            if let Some(part) = zone.view.draw(now, data) {
                changed.add(placed(part, zone.rect));
            }
        }
        self.draw_hands(now, changed);
        if let Some(part) = self.banner.draw(now, data, self.language) {
            changed.add(part);
        }
        let page = &self.pages[self.current];
        if std::mem::take(&mut self.is_new) {
            changed.add(canvas.bounds());
        }
        for area in changed.iter() {
            let banner = self.banner.rect().and_then(|rect| intersect(rect, area));
            // What a band covers whole needn't be painted.
            if banner != Some(area) {
                paint(page, canvas, area);
                self.badge.paint(canvas, area);
                self.hands.paint(canvas, area);
            }
            if let Some(clip) = banner {
                self.banner.paint(canvas, clip);
            }
        }
    }

    /// Whether the screen is off now.
    #[must_use]
    pub fn is_dark(&self) -> bool {
        self.is_dark
    }

    /// Off at its times, unless nobody knows the time, or somebody has to be told of an emergency.
    fn is_off(&self, now: &Moment, data: &Data) -> bool {
        if self.layout.on.is_empty() {
            return false;
        }
        let Some(time) = data.time(now.wall) else { return false };
        let is_emergency = data.alarm(now.wall).is_some_and(|it| it.urgency == Urgency::Emergency);
        let time = data.civil(time);
        let holds = |when: &When| when.holds(time, &self.layout.closed);
        !is_emergency && !self.layout.on.iter().any(holds)
    }

    /// Nothing is on show, and nothing plays.
    fn darken(&mut self, canvas: &mut Canvas, now: &Moment, changed: &mut Region) {
        if std::mem::replace(&mut self.is_dark, true) {
            return;
        }
        if !self.is_new {
            self.leave(now);
        }
        self.is_new = true;
        canvas.fill(canvas.bounds(), palette::BLACK);
        changed.add(canvas.bounds());
    }

    /// The language that is spoken now.
    #[must_use]
    pub fn language(&self) -> Language {
        self.language
    }

    /// Of each film on show its zone's number on the page, and how far it is ([`View::film`]).
    #[must_use]
    pub fn films(&self) -> Vec<(usize, u64)> {
        if self.is_dark {
            return Vec::new();
        }
        let zones = self.pages[self.current].zones.iter().enumerate();
        zones.filter_map(|(zone, it)| Some((zone, it.view.film()?))).collect()
    }

    /// The name of a zone of the page on show, by its number; empty: there is none.
    #[must_use]
    pub fn zone_name(&self, zone: usize) -> &str {
        let zones = &self.layout.pages[self.current].zones;
        zones.get(zone).map_or("", |it| it.name.as_str())
    }

    /// What couldn't be played, by name, and which zones' texts were cut.
    #[must_use]
    pub fn faults(&self) -> Vec<String> {
        let zones = self.pages.iter().flat_map(|page| &page.zones);
        let of_zone = |zone: &ZoneView| {
            let mut faults = zone.view.faults();
            if zone.view.is_cut() {
                let name = &zone.name;
                faults.push(format!(
                    "{name}: the text doesn't fit and is cut; shorten it or give the zone more room"
                ));
            }
            faults
        };
        let mut faults: Vec<String> = zones.flat_map(of_zone).collect();
        faults.sort();
        faults.dedup();
        faults
    }

    /// Another scene takes its place.
    pub fn leave(&mut self, now: &Moment) {
        let zones = &mut self.pages[self.current].zones;
        zones.iter_mut().for_each(|zone| zone.view.hidden(now));
    }
}

fn has_board(page: &Page) -> bool {
    let is_board = |widget: &Widget| matches!(widget, Widget::CongestionBoard { .. });
    page.zones.iter().any(|zone| is_board(&zone.widget))
}

/// Of several stand-ins the largest says all.
fn quieten(zones: &mut [ZoneView]) {
    let area = |zone: &ZoneView| u64::from(zone.rect.width) * u64::from(zone.rect.height);
    let standing = zones.iter().enumerate().filter(|(_, zone)| zone.view.has_stand_in());
    let Some((largest, _)) = standing.max_by_key(|(at, zone)| (area(zone), std::cmp::Reverse(*at))) else {
        return;
    };
    for (at, zone) in zones.iter_mut().enumerate() {
        zone.view.keep_quiet(at != largest);
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
