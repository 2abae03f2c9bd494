//! The avatar: greets when its page comes on show, its lips following the sound, the words below.
//!
//! Its figure is painted, and its greeting spoken in each of the layout's languages, once, on a worker thread, while the
//! layout is built; a touch then finds all of it ready. In a language without a voice: the words and a chime.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::Result;
use avatar::chime::chime;
use avatar::lipsync::Timeline;
use avatar::paint::Painter;
use avatar::pcm::Pcm;
use avatar::pose::Actor;
use avatar::rig::Rig;
use avatar::speech::{Language as Spoken, Speaker, SpeakerConfig};
use cairo::Context;
use protocol::pose::Expression;
use protocol::screen::{Language, Rect, Text};

use super::{Place, View};
use crate::item::Fault;
use crate::scene::Kit;
use crate::scene::data::{Data, Moment};
use crate::scene::layer::Layer;
use crate::scene::palette;
use crate::scene::text::{self, Fit, Style, Words};
use crate::sound::ducking::Ducking;
use crate::sound::{Sound, Voice};
use crate::stage::canvas::{Canvas, union};

/// An idle avatar is painted at half the stage's rate: it only breathes.
const IDLE_PERIOD: Duration = Duration::from_millis(60);

/// How far the mouth may be from the sound before its schedule is set anew.
const SLACK: Duration = Duration::from_millis(20);

/// The chime's samples a second.
const CHIME_RATE: u32 = 48_000;

/// What the worker has made.
enum Made {
    Figure(Result<Painter, Fault>),
    Greeting(Saying, Speech),
}

/// What is said: the voice's language, and the words.
type Saying = (Spoken, String);

/// A sound and what the mouth does to it.
#[derive(Clone)]
struct Speech {
    pcm: Pcm,
    timeline: Arc<Timeline>,
}

/// What readers of a language are told, in which language: as [`Text::in_language`] has it.
fn saying(greeting: &Text, language: Language) -> Saying {
    let (own, voice) = match language {
        Language::Ja => (Some(&greeting.ja), Spoken::Japanese),
        Language::Easy => (greeting.easy.as_ref(), Spoken::Japanese),
        Language::En => (greeting.en.as_ref(), Spoken::English),
        Language::Zh => (greeting.zh.as_ref(), Spoken::Chinese),
        Language::Ko => (greeting.ko.as_ref(), Spoken::Korean),
        Language::Vi => (greeting.vi.as_ref(), Spoken::Vietnamese),
    };
    let said = greeting.in_language(language);
    let voice = match own {
        Some(_) => voice,
        None if greeting.en.as_deref() == Some(said) => Spoken::English,
        None => Spoken::Japanese,
    };
    (voice, said.to_owned())
}

/// The avatar in its zone.
pub struct Avatar {
    figure: Layer,
    caption: Layer,
    unit: f64,
    greeting: Text,
    language: Language,
    sound: Sound,
    ducking: Ducking,
    made: Receiver<Made>,
    painter: Option<Painter>,
    spoken: HashMap<Saying, Speech>,
    fault: Option<Fault>,
    actor: Actor,
    voice: Option<Voice>,
    /// What the mouth does to the voice.
    timeline: Option<Arc<Timeline>>,
    /// The page is on show.
    is_shown: bool,
    /// The greeting is due but not yet begun.
    must_greet: bool,
    /// The mouth is to be closed: what it was saying was broken off.
    must_hush: bool,
    /// When, by the schedule in force, the sound began.
    began: Option<Duration>,
    painted_at: Duration,
    must_draw_all: bool,
}

impl Avatar {
    /// An avatar with a rig below the kit's folder, that may be asked to speak these languages.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place, rig: &str, greeting: &Text, languages: &[Language], kit: &Kit) -> Result<Self> {
        let caption_height = caption_height(place);
        let figure = Layer::new(place.width, (place.height - caption_height).max(1))?;
        // The first language comes first: it is needed first.
        let mut sayings = vec![saying(greeting, place.language)];
        for language in languages {
            let saying = saying(greeting, *language);
            if !sayings.contains(&saying) {
                sayings.push(saying);
            }
        }
        // All that the worker makes finds room, so it never waits.
        let (sender, made) = sync_channel(1 + sayings.len());
        let work = Work {
            folder: kit.rigs.join(rig),
            size: (figure.width(), figure.height()),
            speaker: kit.speaker.clone(),
            sayings,
        };
        std::thread::Builder::new()
            .name("avatar".to_owned())
            .spawn(move || work.run(&sender))?;
        Ok(Self {
            figure,
            caption: Layer::new(place.width, caption_height.max(1))?,
            unit: place.unit,
            greeting: greeting.clone(),
            language: place.language,
            sound: kit.sound,
            ducking: kit.ducking.clone(),
            made,
            painter: None,
            spoken: HashMap::new(),
            fault: None,
            actor: Actor::new(kit.seed),
            voice: None,
            timeline: None,
            is_shown: false,
            must_greet: false,
            must_hush: false,
            began: None,
            painted_at: Duration::ZERO,
            must_draw_all: true,
        })
    }

    fn collect(&mut self) {
        while let Ok(made) = self.made.try_recv() {
            match made {
                Made::Figure(Ok(painter)) => self.painter = Some(painter),
                Made::Figure(Err(fault)) => self.fault = Some(fault),
                Made::Greeting(saying, speech) => {
                    self.spoken.insert(saying, speech);
                }
            }
        }
    }

    /// Begins to speak once the speech is there, and keeps the mouth with the sound.
    fn speak(&mut self, now: &Moment) {
        if std::mem::take(&mut self.must_hush) {
            self.actor.hush(now.at);
        }
        if self.must_greet
            && let Some(speech) = self.spoken.get(&saying(&self.greeting, self.language))
        {
            self.must_greet = false;
            self.timeline = Some(Arc::clone(&speech.timeline));
            self.voice = Some(Voice::play(speech.pcm.clone(), self.sound, &self.ducking));
        }
        let Some(voice) = &mut self.voice else { return };
        let position = voice.position();
        if voice.is_over() {
            self.voice = None;
            self.began = None;
            self.actor.express(now.at, Expression::Neutral);
            return;
        }
        let (Some(position), Some(timeline)) = (position, &self.timeline) else {
            return;
        };
        // The frame drawn now is seen `lead` from now, when the sound is further by as much.
        let began = now.at.saturating_sub(now.lead + position);
        if self.began.is_none_or(|held| held.abs_diff(began) > SLACK) {
            self.began = Some(began);
            self.actor.say(began, Arc::clone(timeline));
        }
    }

    /// Paints the figure. Gives what changed, in the zone's pixels.
    fn paint_figure(&mut self, now: &Moment) -> Option<Rect> {
        let is_resting = self.voice.is_none() && now.at.saturating_sub(self.painted_at) < IDLE_PERIOD;
        let painter = self.painter.as_mut().filter(|_| !is_resting)?;
        self.painted_at = now.at;
        let area = painter.paint(&self.actor.pose(now.at))?;
        self.figure.write(|bytes, stride| {
            if let Err(error) = painter.copy_to(bytes, stride) {
                tracing::warn!("the avatar couldn't be painted: {error}");
            }
        });
        Some(Rect {
            x: area.x,
            y: area.y,
            width: area.width,
            height: area.height,
        })
    }

    fn draw_caption(&self, cr: &Context) -> Result<(), cairo::Error> {
        let (width, height) = (f64::from(self.caption.width()), f64::from(self.caption.height()));
        let unit = self.unit;
        let line = unit / 10.0;
        text::rounded(cr, line / 2.0, line / 2.0, width - line, height - line, unit * 0.7);
        text::set_color(cr, palette::WHITE);
        cr.fill_preserve()?;
        text::set_color(cr, palette::BLUE);
        cr.set_line_width(line);
        cr.stroke()?;
        let (inner_width, inner_height) = (width - unit * 2.0, height - unit * 1.2);
        let said = self.greeting.in_language(self.language);
        let style = |size: f64| Style::bold(size, palette::INK, self.language);
        let sizes = [1.5, 1.35, 1.2, 1.1, 1.0].map(|share| unit * share);
        let lines = |size: f64| {
            text::by_sentence(said, |part| {
                Words::new(cr, part, style(size), Fit::Free).width() <= inner_width
            })
        };
        let fits = |size: &f64| {
            Words::new(
                cr,
                &lines(*size),
                style(*size),
                Fit::Box(inner_width, f64::from(i16::MAX)),
            )
            .height()
                <= inner_height
        };
        let size = sizes.into_iter().find(fits).unwrap_or(unit);
        let words = Words::new(cr, &lines(size), style(size), Fit::Box(inner_width, inner_height)).centered();
        words.draw(cr, unit, (height - words.height()) / 2.0);
        Ok(())
    }
}

fn caption_height(place: Place) -> u32 {
    let wanted = (place.unit * 6.2) as u32;
    wanted.min(place.height * 2 / 5)
}

struct Work {
    folder: PathBuf,
    size: (u32, u32),
    speaker: SpeakerConfig,
    sayings: Vec<Saying>,
}

impl Work {
    fn run(self, made: &SyncSender<Made>) {
        let painter = Rig::load(&self.folder)
            .map_err(|error| error.to_string())
            .and_then(|rig| Painter::new(&rig, self.size.0, self.size.1).map_err(|error| error.to_string()));
        if let Err(fault) = &painter {
            tracing::warn!("no avatar: {fault}");
        }
        let _ = made.send(Made::Figure(painter));
        let speaker = Speaker::new(self.speaker).map_err(|error| error.to_string());
        for saying in self.sayings {
            let speak = |speaker: &Speaker| speaker.speak(saying.0, &saying.1).map_err(|error| error.to_string());
            let speech = match speaker.as_ref().map_err(Clone::clone).and_then(speak) {
                Ok(speech) => Speech {
                    pcm: speech.pcm,
                    timeline: Arc::new(speech.timeline),
                },
                Err(error) => {
                    tracing::info!("a chime instead of a voice: {error}");
                    Speech {
                        pcm: chime(CHIME_RATE),
                        timeline: Arc::default(),
                    }
                }
            };
            // Nobody listens any more: the layout has gone.
            if made.send(Made::Greeting(saying, speech)).is_err() {
                return;
            }
        }
    }
}

impl View for Avatar {
    fn draw(&mut self, now: &Moment, _data: &Data) -> Option<Rect> {
        self.collect();
        self.speak(now);
        let painted = self.paint_figure(now);
        if !std::mem::take(&mut self.must_draw_all) {
            return painted;
        }
        self.caption.redraw(|cr| self.draw_caption(cr));
        let top = self.figure.height();
        let caption = Rect {
            x: 0,
            y: top,
            width: self.caption.width(),
            height: self.caption.height(),
        };
        Some(painted.map_or(caption, |painted| union(painted, caption)))
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        self.figure.paint(canvas, clip, at);
        self.caption
            .paint(canvas, clip, (at.0, at.1 + i64::from(self.figure.height())));
    }

    fn set_language(&mut self, language: Language) {
        let before = saying(&self.greeting, self.language);
        self.language = language;
        self.must_draw_all = true;
        // Who chose it while the page is on show is greeted in it, if it says something else.
        if self.is_shown && saying(&self.greeting, language) != before {
            self.must_greet = true;
            self.voice = None;
            self.began = None;
            self.must_hush = true;
        }
    }

    fn shown(&mut self, now: &Moment) {
        self.is_shown = true;
        self.must_greet = true;
        self.actor.express(now.at, Expression::Smile);
    }

    fn hidden(&mut self, now: &Moment) {
        self.is_shown = false;
        self.must_greet = false;
        self.voice = None;
        self.began = None;
        self.actor.hush(now.at);
    }

    fn is_busy(&self, _now: &Moment) -> bool {
        self.voice.is_some()
    }

    fn faults(&self) -> Vec<String> {
        self.fault.iter().map(|fault| format!("avatar: {fault}")).collect()
    }
}

#[cfg(test)]
mod tests;
