//! The avatar: greets when its page comes on show, its lips following the sound, the words below or beside it ([`caption`]).
//!
//! Its figure is painted, and its greeting spoken in each of the layout's languages, once, on a worker thread, while the
//! layout is built; a touch then finds all of it ready. In a language without a voice: the words and a chime.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use anyhow::{Context as _, Result};
use avatar::chime::chime;
use avatar::lipsync::Timeline;
use avatar::paint::Painter;
use avatar::pcm::Pcm;
use avatar::pose::Actor;
use avatar::rig::Rig;
use avatar::speech::{Language as Spoken, Speaker, SpeakerConfig};
use protocol::pose::Expression;
use protocol::screen::{Language, Rect, Text};

use self::caption::{Frame, Plan, Sizes};
use super::banner::turn_of;
use super::{Place, View};
use crate::item::Fault;
use crate::scene::Kit;
use crate::scene::data::{Data, Moment};
use crate::scene::layer::Layer;
use crate::sound::ducking::Ducking;
use crate::sound::{Sound, Voice};
use crate::stage::canvas::{Canvas, union};

mod caption;

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
    /// It says the words; a chime doesn't.
    is_voice: bool,
}

/// A sound that is being played.
struct Heard {
    timeline: Arc<Timeline>,
    is_voice: bool,
    /// How long it is, and how far.
    duration: Duration,
    position: Duration,
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
    frame: Frame,
    figure: Layer,
    caption: Layer,
    sizes: Sizes,
    /// How the words are set; `None`: they are to be drawn anew.
    words: Option<Plan>,
    /// Which part of them is seen.
    part: usize,
    /// Since when parts take turns without a voice; `None`: from now on.
    turning: Option<Duration>,
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
    /// What the voice says.
    heard: Option<Heard>,
    /// The page is on show.
    is_shown: bool,
    /// The greeting is due but not yet begun.
    must_greet: bool,
    /// The mouth is to be closed: what it was saying was broken off.
    must_hush: bool,
    /// When, by the schedule in force, the sound began.
    began: Option<Duration>,
    painted_at: Duration,
}

impl Avatar {
    /// An avatar with a rig below the kit's folder, that may be asked to speak these languages.
    ///
    /// # Errors
    /// When there is no memory for its picture.
    pub fn new(place: Place, rig: &str, greeting: &Text, languages: &[Language], kit: &Kit) -> Result<Self> {
        let mut spoken = languages.to_vec();
        spoken.push(place.language);
        let said = spoken.into_iter().map(|it| (it, greeting.in_language(it).to_owned()));
        let trial = cairo::ImageSurface::create(cairo::Format::ARgb32, 1, 1).context("a surface to measure on")?;
        let frame = Frame::best(&cairo::Context::new(&trial)?, place, &said.collect::<Vec<_>>());
        let figure = Layer::new(frame.figure.width, frame.figure.height)?;
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
            frame,
            figure,
            caption: Layer::new(frame.caption.width, frame.caption.height)?,
            sizes: Sizes {
                unit: place.unit,
                smallest: place.unit / place.scale,
            },
            words: None,
            part: 0,
            turning: None,
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
            heard: None,
            is_shown: false,
            must_greet: false,
            must_hush: false,
            began: None,
            painted_at: Duration::ZERO,
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
            self.heard = Some(Heard {
                timeline: Arc::clone(&speech.timeline),
                is_voice: speech.is_voice,
                duration: speech.pcm.duration(),
                position: Duration::ZERO,
            });
            self.voice = Some(Voice::play(speech.pcm.clone(), self.sound, &self.ducking));
        }
        let Some(voice) = &mut self.voice else { return };
        let position = voice.position();
        if voice.is_over() {
            self.voice = None;
            self.began = None;
            self.turning = None;
            self.actor.express(now.at, Expression::Neutral);
            return;
        }
        let (Some(position), Some(heard)) = (position, &mut self.heard) else {
            return;
        };
        heard.position = position;
        // The frame drawn now is seen `lead` from now, when the sound is further by as much.
        let began = now.at.saturating_sub(now.lead + position);
        if self.began.is_none_or(|held| held.abs_diff(began) > SLACK) {
            self.began = Some(began);
            self.actor.say(began, Arc::clone(&heard.timeline));
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
            x: self.frame.figure.x + area.x,
            y: self.frame.figure.y + area.y,
            width: area.width,
            height: area.height,
        })
    }

    /// Sets the words and turns them to the part that is due. Gives what changed, in the zone's pixels.
    fn draw_words(&mut self, now: &Moment) -> Option<Rect> {
        let is_new = self.words.is_none();
        let (frame, sizes, language) = (self.frame, self.sizes, self.language);
        if is_new {
            let said = self.greeting.in_language(language);
            self.caption.redraw(|cr| {
                self.words = Some(frame.plan(cr, sizes, language, said));
                Ok(())
            });
        }
        let plan = self.words.as_ref()?;
        let spoken = self
            .heard
            .as_ref()
            .filter(|heard| heard.is_voice && self.voice.is_some());
        let part = match spoken {
            Some(heard) => plan.spoken(heard.position, heard.duration),
            None => {
                let since = now.at.saturating_sub(*self.turning.get_or_insert(now.at));
                let turns = since.as_millis() / turn_of(&plan.parts).as_millis().max(1);
                usize::try_from(turns).unwrap_or(0) % plan.parts.len().max(1)
            }
        };
        if part == std::mem::replace(&mut self.part, part) && !is_new {
            return None;
        }
        self.caption
            .redraw(|cr| frame.draw(cr, sizes.unit, language, plan, part));
        Some(frame.caption)
    }
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
                    is_voice: true,
                },
                Err(error) => {
                    tracing::info!("a chime instead of a voice: {error}");
                    Speech {
                        pcm: chime(CHIME_RATE),
                        timeline: Arc::default(),
                        is_voice: false,
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
        match (painted, self.draw_words(now)) {
            (Some(painted), Some(words)) => Some(union(painted, words)),
            (painted, words) => painted.or(words),
        }
    }

    fn paint(&self, canvas: &mut Canvas, clip: Rect, at: (i64, i64)) {
        let place = |part: Rect| (at.0 + i64::from(part.x), at.1 + i64::from(part.y));
        self.figure.paint(canvas, clip, place(self.frame.figure));
        self.caption.paint(canvas, clip, place(self.frame.caption));
    }

    fn set_language(&mut self, language: Language) {
        let before = saying(&self.greeting, self.language);
        self.language = language;
        self.words = None;
        self.turning = None;
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
        self.turning = None;
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
