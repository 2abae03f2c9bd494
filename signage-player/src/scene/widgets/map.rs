//! A plan of a floor: rooms with their names, where the screen stands, and the shortest way to a counter.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Result;
use cairo::{Context, LineCap, LineJoin};
use protocol::screen::{Language, Plan, Rect, Room};

use super::{Faced, Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::layer::Layer;
use crate::scene::palette;
use crate::scene::text::{self, Fit, Style, Words};
use crate::scene::words;
use crate::stage::canvas::Canvas;

/// The walker's steps along the way: one each so often.
const STEP: Duration = Duration::from_millis(100);
/// How far a step goes, as a share of the smallest letters.
const STEP_UNITS: f64 = 0.5;

/// How large labels may be, in the smallest letters.
const LABELS: [f64; 6] = [1.9, 1.7, 1.5, 1.3, 1.15, 1.0];

/// How large the walker is: its radius as a share of the smallest letters.
const WALKER_UNITS: f64 = 0.5;

/// Pixels on each side of the walker's picture: a pixel more around it, for its edge.
fn walker_side(unit: f64) -> u32 {
    (unit * WALKER_UNITS * 2.0).ceil() as u32 + 3
}

/// The map in its zone: three pictures, one over the other, of which only the walker's changes while somebody looks.
pub struct FloorMap {
    /// Rooms and the way.
    ground: Faced<Language>,
    /// Where the screen stands: over the walker.
    here: Faced<Language>,
    walker: Layer,
    /// The walker's corner in the zone's pixels, once it is on its way.
    walker_at: Option<(u32, u32)>,
    step: Option<u64>,
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
            ground: Faced::new(place)?,
            here: Faced::new(place)?,
            walker: Layer::new(walker_side(place.unit), walker_side(place.unit))?,
            walker_at: None,
            step: None,
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
        let size = self.label_size(cr, language);
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
            let style = Style::bold(size, ink, language);
            let said = room.label.in_language(language);
            let words = Words::boxed(cr, said, style, self.label_room(room), &[size]).centered();
            words.draw_centered(cr, x + width / 2.0, y + height / 2.0);
        }
        Ok(())
    }

    /// The room for a label, in pixels.
    fn label_room(&self, room: &Room) -> (f64, f64) {
        let (width, height) = (f64::from(room.rect.width), f64::from(room.rect.height));
        (
            width * self.scale - self.unit * 0.6,
            height * self.scale - self.unit * 0.4,
        )
    }

    /// The largest letters in which all rooms' labels fit: they are all as large.
    fn label_size(&self, cr: &Context, language: Language) -> f64 {
        let sizes = LABELS.map(|share| self.unit * share);
        let fits = |size: &f64| {
            let style = Style::bold(*size, palette::INK, language);
            self.plan.rooms.iter().all(|room| {
                let (width, height) = self.label_room(room);
                let words = Words::new(cr, room.label.in_language(language), style, Fit::Free);
                words.width() <= width && words.height() <= height
            })
        };
        sizes.into_iter().find(fits).unwrap_or(self.unit)
    }

    fn draw_way(&self, cr: &Context) -> Result<(), cairo::Error> {
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
        self.draw_arrow(cr, *goal)
    }

    /// The way's end: an arrow that points at the door.
    fn draw_arrow(&self, cr: &Context, (x, y): (f64, f64)) -> Result<(), cairo::Error> {
        let [.., from, _] = self.way.as_slice() else {
            return Ok(());
        };
        let angle = (y - from.1).atan2(x - from.0);
        cr.save()?;
        cr.translate(x, y);
        cr.rotate(angle);
        cr.move_to(self.unit * 0.4, 0.0);
        cr.line_to(-self.unit * 0.9, -self.unit * 0.85);
        cr.line_to(-self.unit * 0.9, self.unit * 0.85);
        cr.close_path();
        cr.restore()?;
        text::set_color(cr, palette::WHITE);
        cr.set_line_width(self.unit * 0.3);
        cr.stroke_preserve()?;
        text::set_color(cr, palette::BLUE);
        cr.fill()
    }

    /// Lets the walker make its steps. Gives the part of the zone in which it was and is.
    fn walk(&mut self, step: u64) -> Option<Rect> {
        if self.way.is_empty() || self.step.replace(step) == Some(step) {
            return None;
        }
        let length: f64 = self.way.windows(2).map(|leg| distance(leg[0], leg[1])).sum();
        // Stands at the goal for a moment, then walks again.
        let walked = (step as f64 * STEP_UNITS * self.unit) % (length + self.unit * 8.0);
        let (x, y) = along(&self.way, walked);
        let half = f64::from(self.walker.width()) / 2.0;
        // In whole pixels here, and the rest inside its picture. A point at the plan's edge has the zone's edge for its own.
        let corner = |middle: f64| (middle - half).max(0.0).floor();
        let (left, top) = (corner(x), corner(y));
        self.walker
            .redraw(|cr| disc(cr, (x - left, y - top), self.unit * WALKER_UNITS, palette::RED));
        let at = (left as u32, top as u32);
        let before = self.walker_at.replace(at).unwrap_or(at);
        let (right, bottom) = (before.0.max(at.0), before.1.max(at.1));
        let (x, y) = (before.0.min(at.0), before.1.min(at.1));
        Some(Rect {
            x,
            y,
            width: right - x + self.walker.width(),
            height: bottom - y + self.walker.height(),
        })
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
        let whole = self.here.size();
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
        let walked = self.walk(step);
        if self.ground.drawn == Some(self.language) {
            return walked;
        }
        let language = self.language;
        self.ground.layer.redraw(|cr| {
            self.draw_rooms(cr, language)?;
            self.draw_way(cr)
        });
        self.here.layer.redraw(|cr| self.draw_here(cr, language));
        self.ground.drawn = Some(language);
        Some(self.ground.layer.bounds())
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.ground.paint(canvas, clip, at);
        if let Some((left, top)) = self.walker_at {
            let corner = (at.0 + i64::from(left), at.1 + i64::from(top));
            self.walker.paint(canvas, clip, corner);
        }
        self.here.paint(canvas, clip, at);
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
    fn only_where_the_walker_was_and_is_anything_changes() {
        let place = Place {
            width: 400,
            height: 400,
            unit: 24.0,
            scale: 1.0,
            ground: palette::WHITE,
            language: Language::Ja,
        };
        let zone = jiff::tz::TimeZone::UTC;
        let data = Data::new(zone, BTreeMap::new());
        let mut map = FloorMap::new(place, &plan(), Some("c")).expect("a map");
        let mut canvas = Canvas::new(400, 400, palette::WHITE);
        let mut before = canvas.clone();
        for tick in 0..45 {
            let now = Moment {
                at: Duration::from_millis(tick * 100),
                lead: Duration::ZERO,
                wall: protocol::time::UnixMillis(0),
            };
            let changed = map.draw(&now, &data).expect("a step");
            let whole = canvas.bounds();
            canvas.fill(whole, palette::WHITE);
            map.paint(&mut canvas, whole, (0, 0));
            if tick > 0 {
                assert!(changed.width.max(changed.height) < 60, "{changed:?}");
                for (x, y) in (0..400).flat_map(|y| (0..400).map(move |x| (x, y))) {
                    let is_inside = changed.contains(f64::from(x), f64::from(y));
                    assert!(
                        is_inside || canvas.color_at(x, y) == before.color_at(x, y),
                        "{x},{y} at {tick}"
                    );
                }
            }
            before = canvas.clone();
            assert_eq!(map.draw(&now, &data), None, "nothing more at this moment");
        }
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
