//! A plan of a floor: rooms with their names, where the screen stands, and the shortest way to a counter.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use cairo::{Context, LineCap, LineJoin};
use protocol::screen::{Language, Plan, Rect};

use super::{Faced, Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::palette;
use crate::scene::text::{self, Fit, Style, Words};
use crate::scene::words;
use crate::stage::canvas::Canvas;

/// The walker's steps along the way: one each so often.
const STEP: Duration = Duration::from_millis(100);
/// How far a step goes, as a share of the smallest letters.
const STEP_UNITS: f64 = 0.5;

/// What the map says: the language, and how many steps the walker has made.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Face {
    language: Language,
    step: u64,
}

/// The map in its zone.
pub struct FloorMap {
    picture: Faced<Face>,
    unit: f64,
    plan: Plan,
    /// The way in the zone's pixels; empty where there is none.
    way: Vec<(f64, f64)>,
    route_to: Option<String>,
    language: Language,
    scale: f64,
    corner: (f64, f64),
    begun: Duration,
}

impl FloorMap {
    /// A plan, with the way to one of its points.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place, plan: &Plan, route_to: Option<&str>) -> Result<Self> {
        let (width, height) = (f64::from(place.width), f64::from(place.height));
        let (plan_width, plan_height) = (f64::from(plan.width), f64::from(plan.height));
        let scale = (width / plan_width).min(height / plan_height);
        let corner = ((width - plan_width * scale) / 2.0, (height - plan_height * scale) / 2.0);
        let place_of = |name: &str| {
            let point = plan.points.iter().find(|point| point.name == name)?;
            Some((
                corner.0 + f64::from(point.x) * scale,
                corner.1 + f64::from(point.y) * scale,
            ))
        };
        let names = route_to.map(|to| way(plan, to)).unwrap_or_default();
        Ok(Self {
            picture: Faced::new(place)?,
            unit: place.unit,
            way: names.iter().filter_map(|name| place_of(name)).collect(),
            plan: plan.clone(),
            route_to: route_to.map(str::to_owned),
            language: place.language,
            scale,
            corner,
            begun: Duration::ZERO,
        })
    }

    fn draw_rooms(&self, cr: &Context, language: Language) -> Result<(), cairo::Error> {
        text::set_color(cr, palette::MIST);
        let (width, height) = (
            f64::from(self.plan.width) * self.scale,
            f64::from(self.plan.height) * self.scale,
        );
        text::rounded(cr, self.corner.0, self.corner.1, width, height, self.unit * 0.4);
        cr.fill()?;
        for room in &self.plan.rooms {
            let is_goal = room.door.is_some() && room.door == self.route_to;
            let x = self.corner.0 + f64::from(room.rect.x) * self.scale;
            let y = self.corner.1 + f64::from(room.rect.y) * self.scale;
            let (width, height) = (
                f64::from(room.rect.width) * self.scale,
                f64::from(room.rect.height) * self.scale,
            );
            text::rounded(cr, x, y, width, height, self.unit * 0.3);
            text::set_color(cr, if is_goal { palette::BLUE } else { palette::WHITE });
            cr.fill_preserve()?;
            text::set_color(cr, if is_goal { palette::BLUE } else { palette::LINE });
            cr.set_line_width(self.unit / 10.0);
            cr.stroke()?;
            let ink = if is_goal { palette::WHITE } else { palette::INK };
            let style = Style::bold(self.unit, ink, language);
            let said = room.label.in_language(language);
            let room_width = width - self.unit * 0.4;
            let words = Words::new(cr, said, style, Fit::Box(room_width, height)).centered();
            words.draw_centered(cr, x + width / 2.0, y + height / 2.0);
        }
        Ok(())
    }

    fn draw_way(&self, cr: &Context, step: u64) -> Result<(), cairo::Error> {
        let (Some(first), Some(goal)) = (self.way.first(), self.way.last()) else {
            return Ok(());
        };
        cr.set_line_cap(LineCap::Round);
        cr.set_line_join(LineJoin::Round);
        for (width, color) in [(0.75, palette::WHITE), (0.45, palette::BLUE)] {
            cr.set_line_width(self.unit * width);
            text::set_color(cr, color);
            cr.move_to(first.0, first.1);
            self.way[1..].iter().for_each(|(x, y)| cr.line_to(*x, *y));
            cr.stroke()?;
        }
        disc(cr, *goal, self.unit * 0.6, palette::BLUE)?;
        disc(cr, *goal, self.unit * 0.3, palette::WHITE)?;
        let length: f64 = self.way.windows(2).map(|leg| distance(leg[0], leg[1])).sum();
        // Stands at the goal for a moment, then walks again.
        let walked = (step as f64 * STEP_UNITS * self.unit) % (length + self.unit * 8.0);
        disc(cr, along(&self.way, walked), self.unit * 0.5, palette::RED)
    }

    fn draw_here(&self, cr: &Context, language: Language) -> Result<(), cairo::Error> {
        let Some(point) = self.plan.points.iter().find(|point| point.name == self.plan.here) else {
            return Ok(());
        };
        let x = self.corner.0 + f64::from(point.x) * self.scale;
        let y = self.corner.1 + f64::from(point.y) * self.scale;
        disc(cr, (x, y), self.unit * 0.45, palette::RED)?;
        let words = Words::new(
            cr,
            words::here(language),
            Style::bold(self.unit, palette::WHITE, language),
            Fit::Free,
        );
        let (width, height) = (words.width() + self.unit * 0.8, words.height() + self.unit * 0.3);
        let whole = self.picture.size();
        let left = (x - width / 2.0).clamp(0.0, (whole.0 - width).max(0.0));
        // Below the point; above it where there is no room.
        let below = y + self.unit * 0.8;
        let top = if below + height > whole.1 {
            y - self.unit * 0.8 - height
        } else {
            below
        };
        text::rounded(cr, left, top, width, height, self.unit * 0.4);
        text::set_color(cr, palette::RED);
        cr.fill()?;
        words.draw_centered(cr, left + width / 2.0, top + height / 2.0);
        Ok(())
    }
}

fn disc(cr: &Context, (x, y): (f64, f64), radius: f64, color: palette::Color) -> Result<(), cairo::Error> {
    text::set_color(cr, color);
    cr.arc(x, y, radius, 0.0, std::f64::consts::TAU);
    cr.fill()
}

fn distance(a: (f64, f64), b: (f64, f64)) -> f64 {
    (a.0 - b.0).hypot(a.1 - b.1)
}

/// The place so many pixels along a way; its end where it is shorter.
fn along(way: &[(f64, f64)], mut walked: f64) -> (f64, f64) {
    for leg in way.windows(2) {
        let length = distance(leg[0], leg[1]);
        if walked < length {
            let share = walked / length;
            return (
                leg[0].0 + (leg[1].0 - leg[0].0) * share,
                leg[0].1 + (leg[1].1 - leg[0].1) * share,
            );
        }
        walked -= length;
    }
    way.last().copied().unwrap_or_default()
}

/// The names of the points on the shortest way from here (Dijkstra); empty where none leads there.
fn way<'a>(plan: &'a Plan, to: &'a str) -> Vec<&'a str> {
    let places: BTreeMap<&str, (f64, f64)> = plan
        .points
        .iter()
        .map(|point| (point.name.as_str(), (f64::from(point.x), f64::from(point.y))))
        .collect();
    let mut open = BTreeMap::from([(plan.here.as_str(), (0.0_f64, None::<&str>))]);
    let mut done: BTreeMap<&str, (f64, Option<&str>)> = BTreeMap::new();
    while let Some((name, found)) = open
        .iter()
        .min_by(|a, b| a.1.0.total_cmp(&b.1.0))
        .map(|(name, found)| (*name, *found))
    {
        open.remove(name);
        done.insert(name, found);
        if name == to {
            break;
        }
        for (from, end) in &plan.ways {
            let next = match (from == name, end == name) {
                (true, _) => end.as_str(),
                (_, true) => from.as_str(),
                _ => continue,
            };
            let (Some(a), Some(b)) = (places.get(name), places.get(next)) else {
                continue;
            };
            let length = found.0 + distance(*a, *b);
            if !done.contains_key(next) && open.get(next).is_none_or(|(known, _)| length < *known) {
                open.insert(next, (length, Some(name)));
            }
        }
    }
    let mut names = Vec::new();
    let mut at = done.contains_key(to).then_some(to);
    while let Some(name) = at {
        names.push(name);
        at = done.get(name).and_then(|(_, before)| *before);
    }
    names.reverse();
    names
}

impl View for FloorMap {
    fn draw(&mut self, now: &Moment, _data: &Data) -> Option<Rect> {
        let walked = now.at.saturating_sub(self.begun).as_millis() / STEP.as_millis();
        let step = if self.way.is_empty() {
            0
        } else {
            u64::try_from(walked).unwrap_or(0)
        };
        let face = Face {
            language: self.language,
            step,
        };
        if self.picture.drawn.as_ref() == Some(&face) {
            return None;
        }
        self.picture.layer.redraw(|cr| {
            self.draw_rooms(cr, face.language)?;
            self.draw_way(cr, face.step)?;
            self.draw_here(cr, face.language)
        });
        self.picture.drawn = Some(face);
        Some(self.picture.layer.bounds())
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.picture.paint(canvas, clip, at);
    }

    fn set_language(&mut self, language: Language) {
        self.language = language;
    }

    fn shown(&mut self, now: &Moment) {
        self.begun = now.at;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        serde_json::from_str(
            r#"{"width":100,"height":100,"rooms":[],"here":"a","points":[
            {"name":"a","x":0,"y":0},{"name":"b","x":50,"y":0},{"name":"c","x":50,"y":50},{"name":"d","x":0,"y":90},
            {"name":"island","x":9,"y":9}],
            "ways":[["a","b"],["c","b"],["a","d"],["d","c"]]}"#,
        )
        .expect("a plan")
    }

    #[test]
    fn the_shortest_way_is_found_in_both_directions_of_a_way() {
        assert_eq!(way(&plan(), "c"), ["a", "b", "c"]);
        assert_eq!(way(&plan(), "d"), ["a", "d"]);
        assert_eq!(way(&plan(), "a"), ["a"]);
        assert!(way(&plan(), "island").is_empty());
        assert!(way(&plan(), "nowhere").is_empty());
    }

    #[test]
    fn a_walker_stays_on_the_way() {
        let way = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)];
        assert_eq!(along(&way, 5.0), (5.0, 0.0));
        assert_eq!(along(&way, 15.0), (10.0, 5.0));
        assert_eq!(along(&way, 1e9), (10.0, 10.0));
        assert_eq!(along(&[(1.0, 1.0), (1.0, 1.0)], 0.0), (1.0, 1.0));
    }
}
