//! A visitor's phone as the remote control: what it may press on the page on show, and that it is doing so.

use cairo::Context;
use protocol::screen::remote::{MAX_CHOICES, MAX_NAME, MAX_WORDS};
use protocol::screen::{Action, Choice, ChoiceKind, Choices, Language, Layout, Press, QrKind, Rect, Text, Widget};

use super::data::{Control, Data, Moment};
use super::palette;
use super::sheet::Sheet;
use super::text::{self, Style, Words};
use super::words;
use super::{Scene, canvas_rect};
use crate::stage::canvas::{Canvas, Region};

/// The choice that is on every page but the first.
const HOME: &str = "@home";
/// The page's own answer.
const PAGE: &str = "@page";

/// What is seen while a phone has the screen.
pub(super) struct Badge {
    sheet: Sheet<Language>,
    was_held: bool,
    /// Whether the layout has a remote control.
    is_offered: bool,
}

impl Badge {
    pub(super) fn new(layout: &Layout) -> Self {
        Self {
            sheet: Sheet::default(),
            was_held: false,
            is_offered: has_remote(layout),
        }
    }

    pub(super) fn paint(&self, canvas: &mut Canvas, clip: Rect) {
        self.sheet.paint(canvas, clip);
    }
}

/// What changes the choices: the page, the language, what covers it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    page: usize,
    language: Language,
    covered: Option<Rect>,
    is_dark: bool,
}

/// Whether a layout has a remote control.
fn has_remote(layout: &Layout) -> bool {
    let zones = layout.pages.iter().flat_map(|page| &page.zones);
    zones.into_iter().any(|zone| {
        matches!(
            zone.widget,
            Widget::QrCode {
                kind: QrKind::Remote,
                ..
            }
        )
    })
}

impl Scene {
    /// What [`Scene::choices`] depends on: asked every frame, to say choices only when they change.
    #[must_use]
    pub fn standing(&self) -> Standing {
        Standing {
            page: self.current,
            language: self.language,
            covered: self.banner.rect(),
            is_dark: self.is_dark,
        }
    }

    /// What a phone may press now; `None`: the layout has no remote control.
    #[must_use]
    pub fn choices(&self) -> Option<Choices> {
        self.badge.is_offered.then(|| Choices {
            page: cut(self.page(), MAX_NAME).to_owned(),
            choices: self.offered().into_iter().map(|(choice, _)| choice).collect(),
        })
    }

    /// Does what a phone has pressed. Gives whether that is there to be pressed.
    pub fn press(&mut self, press: &Press, now: &Moment) -> bool {
        if cut(self.page(), MAX_NAME) != press.page {
            return false;
        }
        let mut offered = self.offered().into_iter();
        let Some((_, action)) = offered.find(|(choice, _)| choice.id == press.choice) else {
            return false;
        };
        self.touched(now);
        self.act(action, now);
        true
    }

    /// All choices with what they do, from top to bottom. Of several that do the same there is one for each of their words,
    /// and one without words only where none has any.
    /// None while the screen is off.
    fn offered(&self) -> Vec<(Choice, Action)> {
        if self.is_dark {
            return Vec::new();
        }
        let page = &self.layout.pages[self.current];
        let mut zones: Vec<_> = page.zones.iter().collect();
        zones.sort_by_key(|zone| (zone.rect.y, zone.rect.x));
        let mut found: Vec<(Choice, Action, bool)> = Vec::new();
        for zone in zones.into_iter().filter(|zone| !self.is_under_banner(zone.rect)) {
            if zone.widget == Widget::LanguageChooser {
                for language in &self.layout.languages {
                    let action = Action::Speak { language: *language };
                    found.push(self.choice(format!("{}/{}", zone.name, short_name(*language)), None, action));
                }
            } else if let Some(action) = &zone.on_touch {
                let words = match &zone.widget {
                    Widget::Button { text } | Widget::Label { text, .. } => Some(text),
                    Widget::QrCode { caption, .. } => caption.as_ref(),
                    _ => None,
                };
                found.push(self.choice(zone.name.clone(), words, action.clone()));
            }
        }
        if let Some(action) = page.on_touch.clone().filter(|_| self.banner.rect().is_none()) {
            found.push(self.choice(PAGE.to_owned(), None, action));
        }
        if self.current != 0 {
            found.push(self.choice(HOME.to_owned(), None, Action::GoHome));
        }
        let mut kept: Vec<(Choice, Action, bool)> = Vec::new();
        for one in found {
            let is_same = |(choice, action, has_words): &&mut (Choice, Action, bool)| {
                *action == one.1 && (!*has_words || !one.2 || choice.text == one.0.text)
            };
            match kept.iter_mut().find(is_same) {
                Some(same) if !same.2 && one.2 => *same = one,
                Some(_) => {}
                None => kept.push(one),
            }
        }
        kept.truncate(MAX_CHOICES);
        kept.into_iter().map(|(choice, action, _)| (choice, action)).collect()
    }

    /// A choice, its action, and whether it has words of its own.
    fn choice(&self, id: String, words: Option<&Text>, action: Action) -> (Choice, Action, bool) {
        let kind = match &action {
            Action::GoTo { .. } => ChoiceKind::Go,
            Action::GoHome => ChoiceKind::Back,
            Action::Speak { .. } => ChoiceKind::Language,
        };
        let is_now = matches!(&action, Action::Speak { language } if *language == self.language);
        let words = words.filter(|words| !words.ja.trim().is_empty());
        let text = words.cloned().unwrap_or_else(|| match &action {
            Action::GoTo { .. } => words::go_on(),
            Action::GoHome => words::go_home(),
            Action::Speak { language } => Text::japanese(language.own_name()),
        });
        let choice = Choice {
            id: cut(&id, MAX_NAME).to_owned(),
            text: short(&text),
            kind,
            is_now,
        };
        (choice, action, words.is_some())
    }

    fn is_under_banner(&self, zone: Rect) -> bool {
        let (x, y) = (
            f64::from(zone.x) + f64::from(zone.width) / 2.0,
            f64::from(zone.y) + f64::from(zone.height) / 2.0,
        );
        self.banner.rect().is_some_and(|rect| rect.contains(x, y))
    }

    /// Brings what is seen of it up to `now`; the start is shown again when a phone has given the screen back.
    pub(super) fn draw_remote(&mut self, now: &Moment, data: &Data, changed: &mut Region) {
        let is_held = self.badge.is_offered && *data.control(now.wall) == Control::Held;
        let was_held = std::mem::replace(&mut self.badge.was_held, is_held);
        if was_held && !is_held {
            self.go_home(now);
        }
        let whole = canvas_rect(&self.layout);
        let unit = f64::from(whole.width.min(whole.height)) / 30.0 * f64::from(self.layout.text_percent) / 100.0;
        let width = ((unit * 17.0) as u32).min(whole.width);
        let height = ((unit * 2.4) as u32).min(whole.height);
        let rect = Rect {
            x: (whole.width - width) / 2,
            y: (unit * 0.4) as u32,
            width,
            height,
        };
        let face = is_held.then_some((self.language, rect));
        let part = self.badge.sheet.show(face, |cr, language| {
            redraw(cr, *language, unit, (f64::from(width), f64::from(height)))
        });
        if let Some(part) = part {
            changed.add(part);
        }
    }
}

/// A language's name among ours: its BCP 47 tag doesn't tell easy Japanese apart.
fn short_name(language: Language) -> &'static str {
    match language {
        Language::Ja => "ja",
        Language::Easy => "easy",
        Language::En => "en",
        Language::Zh => "zh",
        Language::Ko => "ko",
        Language::Vi => "vi",
    }
}

/// As much of a text as so many bytes hold.
fn cut(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

fn short(text: &Text) -> Text {
    let of = |it: &Option<String>| it.as_deref().map(|it| cut(it, MAX_WORDS).to_owned());
    Text {
        ja: cut(&text.ja, MAX_WORDS).to_owned(),
        easy: of(&text.easy),
        en: of(&text.en),
        zh: of(&text.zh),
        ko: of(&text.ko),
        vi: of(&text.vi),
    }
}

fn redraw(cr: &Context, language: Language, unit: f64, (width, height): (f64, f64)) -> Result<(), cairo::Error> {
    let line = unit / 6.0;
    text::rounded(
        cr,
        line / 2.0,
        line / 2.0,
        width - line,
        height - line,
        height / 2.0 - line,
    );
    text::set_color(cr, palette::DEEP_BLUE);
    cr.fill_preserve()?;
    text::set_color(cr, palette::WHITE);
    cr.set_line_width(line);
    cr.stroke()?;
    let margin = height / 2.0;
    let phone = (height * 0.34, height * 0.58);
    draw_phone(cr, (margin + phone.0 / 2.0, height / 2.0), phone, palette::AMBER)?;
    let left = margin + phone.0 + unit * 0.5;
    let room = width - left - margin * 0.7;
    let sizes = [1.2, 1.1, 1.0, 0.9, 0.8].map(|share| unit * share);
    let style = Style::bold(unit, palette::WHITE, language);
    let said = words::phone_controls(language);
    Words::fitted(cr, said, style, room, &sizes).draw_left(cr, left, height / 2.0);
    Ok(())
}

/// A phone around a middle.
pub(super) fn draw_phone(
    cr: &Context,
    (x, y): (f64, f64),
    (width, height): (f64, f64),
    color: palette::Color,
) -> Result<(), cairo::Error> {
    let line = width / 8.0;
    let (left, top) = (x - width / 2.0, y - height / 2.0);
    text::set_color(cr, color);
    cr.set_line_width(line);
    text::rounded(
        cr,
        left + line / 2.0,
        top + line / 2.0,
        width - line,
        height - line,
        width / 5.0,
    );
    cr.stroke()?;
    cr.new_sub_path();
    cr.arc(x, top + height - line * 2.2, line * 0.8, 0.0, std::f64::consts::TAU);
    cr.fill()
}
