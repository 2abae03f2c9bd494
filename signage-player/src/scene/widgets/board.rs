//! The congestion board: each area with its level (mark, words and colour, never colour alone), people,
//! and how old the news is.

use anyhow::Result;
use cairo::Context;
use protocol::congestion::Level;
use protocol::ids::AreaId;
use protocol::screen::{BoardArea, Rect, Text};

use super::{Place, View};
use crate::scene::data::{Data, Moment};
use crate::scene::layer::Layer;
use crate::scene::text::{self, Fit, Style, Words};
use crate::scene::{palette, words};
use crate::stage::canvas::Canvas;

/// What one row says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    label: String,
    level: Level,
    people: String,
}

/// What the whole board says.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Face {
    rows: Vec<Row>,
    age: String,
}

/// The board.
pub struct Board {
    layer: Layer,
    unit: f64,
    title: String,
    areas: Vec<(AreaId, String)>,
    drawn: Option<Face>,
}

impl Board {
    /// A board of areas, from top to bottom.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place, title: &Text, areas: &[BoardArea]) -> Result<Self> {
        Ok(Self {
            layer: Layer::new(place.width, place.height)?,
            unit: place.unit,
            title: title.ja.clone(),
            areas: areas.iter().map(|it| (it.area.clone(), it.label.ja.clone())).collect(),
            drawn: None,
        })
    }

    fn face(&self, now: &Moment, data: &Data) -> Face {
        let mut oldest = None;
        let rows = self.areas.iter().map(|(area, label)| {
            let shown = data.area(area, now.wall);
            oldest = oldest.max(shown.age);
            Row {
                label: label.clone(),
                level: shown.level,
                people: words::people(shown.count),
            }
        });
        let rows = rows.collect();
        Face {
            rows,
            age: words::age(oldest),
        }
    }

    fn redraw(&self, cr: &Context, face: &Face) -> Result<(), cairo::Error> {
        let (width, height) = (f64::from(self.layer.width()), f64::from(self.layer.height()));
        let unit = self.unit;
        let margin = unit * 0.9;
        text::rounded(cr, 1.0, 1.0, width - 2.0, height - 2.0, unit * 0.7);
        text::set_color(cr, palette::WHITE);
        cr.fill_preserve()?;
        text::set_color(cr, palette::LINE);
        cr.set_line_width(2.0);
        cr.stroke()?;

        let inner = width - margin * 2.0;
        let bold = |color| Style {
            size: unit,
            is_bold: true,
            color,
        };
        let sizes = [1.3, 1.15, 1.0].map(|share| unit * share);
        let title = Words::fitted(cr, &self.title, bold(palette::INK), inner, &sizes);
        title.draw(cr, margin, margin * 0.85);
        let plain = Style {
            is_bold: false,
            ..bold(palette::SOFT_INK)
        };
        let age = Words::new(cr, &face.age, plain, Fit::Line(inner));
        let foot = height - margin * 0.75 - age.height();
        Words::new(cr, &face.age, plain, Fit::Free).draw_right(cr, width - margin, foot + age.height() / 2.0);

        let top = margin * 0.85 + title.height() + unit * 0.35;
        let rows = face.rows.len().max(1) as f64;
        let row_height = (foot - top - unit * 0.2) / rows;
        for (index, row) in face.rows.iter().enumerate() {
            let y = top + row_height * index as f64;
            if row_height >= unit * 3.6 {
                draw_tall_row(cr, row, unit, (margin, y, inner, row_height))?;
            } else {
                draw_flat_row(cr, row, unit, (margin, y, inner, row_height))?;
            }
        }
        Ok(())
    }
}

/// The place's name and people above, the level below over the whole width.
fn draw_tall_row(cr: &Context, row: &Row, unit: f64, place: (f64, f64, f64, f64)) -> Result<(), cairo::Error> {
    let (x, y, width, height) = place;
    let badge_height = (height - unit * 2.5).min(unit * 5.0);
    // What is left over stands above and below the row.
    let y = y + (height - unit * 2.2 - badge_height) / 2.0;
    let ink = Style {
        size: unit * 1.25,
        is_bold: true,
        color: palette::INK,
    };
    let people = Words::new(cr, &row.people, ink, Fit::Free);
    let line = unit * 0.95;
    people.draw_right(cr, x + width, y + line);
    let room = width - people.width() - unit * 0.4;
    Words::fitted(cr, &row.label, ink, room, &[unit * 1.25, unit * 1.1, unit]).draw_left(cr, x, y + line);
    let badge = (x, y + unit * 2.1, width, badge_height);
    draw_badge(cr, row.level, unit, badge)
}

/// All in one line: the place's name, then the level.
fn draw_flat_row(cr: &Context, row: &Row, unit: f64, place: (f64, f64, f64, f64)) -> Result<(), cairo::Error> {
    let (x, y, width, height) = place;
    let middle = y + height / 2.0;
    let badge_width = width * 0.62;
    let ink = Style {
        size: unit,
        is_bold: true,
        color: palette::INK,
    };
    Words::new(cr, &row.label, ink, Fit::Line(width - badge_width - unit * 0.4)).draw_left(cr, x, middle);
    let badge_height = (height * 0.84).min(unit * 2.0);
    let badge = (
        x + width - badge_width,
        middle - badge_height / 2.0,
        badge_width,
        badge_height,
    );
    draw_badge(cr, row.level, unit, badge)
}

fn draw_badge(cr: &Context, level: Level, unit: f64, place: (f64, f64, f64, f64)) -> Result<(), cairo::Error> {
    let (x, y, width, height) = place;
    let (ground, ink) = palette::level(level);
    text::rounded(cr, x, y, width, height, unit * 0.5);
    text::set_color(cr, ground);
    cr.fill()?;
    let style = Style {
        size: unit,
        is_bold: true,
        color: ink,
    };
    let said = format!("{} {}", level.mark(), words::level(level));
    let largest = (height * 0.5).clamp(unit, unit * 1.9);
    let sizes = [1.0, 0.92, 0.84, 0.76, 0.68, 0.6, 0.52].map(|share| (largest * share).max(unit));
    Words::fitted(cr, &said, style, width - unit * 0.6, &sizes).draw_centered(cr, x + width / 2.0, y + height / 2.0);
    Ok(())
}

impl View for Board {
    fn draw(&mut self, now: &Moment, data: &Data) -> Option<Rect> {
        let face = self.face(now, data);
        if self.drawn.as_ref() == Some(&face) {
            return None;
        }
        self.layer.redraw(|cr| self.redraw(cr, &face));
        self.drawn = Some(face);
        Some(self.layer.bounds())
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.layer.paint(canvas, clip, at);
    }
}
