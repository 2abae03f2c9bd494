//! Looks for the screen's display on a thread of its own until it is there, hands the stage a line to it, watches it, and
//! looks for it again when it is lost.

use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use gstreamer as gst;
use protocol::config::{Output, OutputBy, PowerBy};

use super::choice::{Around, Kind, LOOKED_FOR, choose};
use super::{Opened, Watch, drm, kms, open, variable, x11};
use crate::faults::Faults;
use crate::stage::gl::Gl;
use crate::stage::line::{Common, Line, Way, size_of};

/// From one try at a display to the next.
const RETRY: Duration = Duration::from_secs(1);
/// How often it is looked whether a display is still there.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// The same while a window is looked for.
const LOOK_FOR_WINDOW: Duration = Duration::from_millis(20);
/// How long a line's end is waited for before its display is tried anew.
const END_LIMIT: Duration = Duration::from_secs(3);

/// News for the stage. It never has more than two: a line, and that its display is gone. When full, the seeker waits.
const NEWS: usize = 2;
/// Words for the seeker. When full, the stage says it again with the next frame.
const WORDS: usize = 8;

/// What the stage is told.
pub(in crate::stage) enum News {
    /// Take this line from now on.
    Found(Line),
    /// Leave the display's line: the display is gone, or is to be off.
    Leave,
    /// There is no display yet. Said once, at the start.
    Nothing,
}

/// What the seeker is told.
pub(in crate::stage) enum Word {
    /// A line that the stage has left; why it can't go on, if it was that.
    Left(Line, Option<String>),
    /// The screen is off, or on again.
    Dark(bool),
    /// The sink has made this X11 window.
    Made(u32),
}

/// The stage's end.
pub(in crate::stage) struct Displays {
    pub(in crate::stage) news: Receiver<News>,
    pub(in crate::stage) words: SyncSender<Word>,
    /// What the stage's frames are.
    pub(in crate::stage) frames: Arc<Mutex<gst::Caps>>,
}

/// Where the screen's display stands.
enum State {
    /// It is looked for.
    Looking,
    /// The stage has a line to it.
    Shown(Watch),
    /// The stage was told to leave. What the line uses stays open until it is back.
    Leaving(Watch),
    /// Switched off, and still ours.
    Off(kms::Card),
}

struct Seeker {
    wanted: Output,
    common: Common,
    frames: Arc<Mutex<gst::Caps>>,
    news: SyncSender<News>,
    words: Receiver<Word>,
    /// Its own end, for the windows of its lines.
    tell: SyncSender<Word>,
    faults: Faults,
    gl: Gl,
    is_dark: bool,
    state: State,
    has_said: bool,
}

/// The kind of display that is wanted now.
pub(in crate::stage) fn kind(by: OutputBy) -> Option<Kind> {
    let (has_wayland, has_x11) = (variable("WAYLAND_DISPLAY").is_some(), variable("DISPLAY").is_some());
    let asks_kernel = by == OutputBy::Auto && !has_wayland && !has_x11;
    let has_connected = || drm::connectors(drm::FOLDER.as_ref()).iter().any(|it| it.is_connected);
    let around = Around {
        has_wayland,
        has_x11,
        has_connected: asks_kernel && has_connected(),
    };
    choose(by, around)
}

/// Starts looking. What is wrong is in `faults`, and in those of `gl`.
///
/// # Errors
/// When there is no thread.
pub(in crate::stage) fn start(
    wanted: &Output,
    common: Common,
    frames: gst::Caps,
    faults: Faults,
    gl: Gl,
) -> Result<Displays> {
    let (news, heard) = sync_channel(NEWS);
    let (tell, words) = sync_channel(WORDS);
    let frames = Arc::new(Mutex::new(frames));
    let seeker = Seeker {
        wanted: wanted.clone(),
        common,
        frames: Arc::clone(&frames),
        news,
        words,
        tell: tell.clone(),
        faults,
        gl,
        is_dark: false,
        state: State::Looking,
        has_said: false,
    };
    std::thread::Builder::new()
        .name("displays".to_owned())
        .spawn(move || seeker.run())
        .context("a thread for displays")?;
    Ok(Displays {
        news: heard,
        words: tell,
        frames,
    })
}

impl Seeker {
    /// Until the stage has gone.
    fn run(mut self) {
        loop {
            let is_over = match self.state {
                State::Looking => self.seek(),
                State::Shown(_) => self.look(),
                State::Leaving(_) | State::Off(_) => Ok(()),
            };
            if is_over.is_err() {
                return;
            }
            let wait = match self.state {
                State::Looking => RETRY,
                State::Shown(ref watch) if watch.is_waiting() => LOOK_FOR_WINDOW,
                _ => LOOK_EVERY,
            };
            match self.words.recv_timeout(wait) {
                Ok(word) => self.hear(word),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Tries to open the display. `Err`: the stage has gone.
    fn seek(&mut self) -> Result<(), Gone> {
        let Some(kind) = kind(self.wanted.by) else {
            self.say_nothing(LOOKED_FOR)?;
            return Ok(());
        };
        match self.open(kind) {
            Ok((line, watch)) => {
                tracing::info!(by = kind.name(), gl = line.is_by_gl(), "the picture goes to a display");
                self.has_said = true;
                self.faults.set(Vec::new());
                self.state = State::Shown(watch);
                self.news.send(News::Found(line)).map_err(|_| Gone)
            }
            Err(error) => {
                let fault = format!("no display by {}: {error:#}", kind.name());
                self.faults.set(vec![fault]);
                self.say_nothing("the picture goes nowhere until the display is there")
            }
        }
    }

    fn say_nothing(&mut self, why: &str) -> Result<(), Gone> {
        if std::mem::replace(&mut self.has_said, true) {
            return Ok(());
        }
        tracing::warn!("playing without a display: {why}");
        self.news.send(News::Nothing).map_err(|_| Gone)
    }

    fn open(&mut self, kind: Kind) -> Result<(Line, Watch)> {
        let frames = self.frames.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let picture = size_of(&frames).context("frames without a size")?;
        if let Some(opened) = self.open_by_gl(kind, &frames)? {
            return Ok(opened);
        }
        let Opened { sink, size, watch } = open(kind, &self.wanted, picture)?;
        let tell = self.tell.clone();
        // What isn't heard is looked at again when the window changes.
        let made = move |window| drop(tell.try_send(Word::Made(window)));
        let line = Line::start(&self.common, Some(kind), sink, Way::Processor(size), &frames, made)?;
        Ok((line, watch))
    }

    /// A display that GL is wanted for, where it does what it should.
    fn open_by_gl(&mut self, kind: Kind, frames: &gst::Caps) -> Result<Option<(Line, Watch)>> {
        if kind != Kind::X11 {
            self.gl.is_wanted(kind, false);
            return Ok(None);
        }
        let connector = self.wanted.connector.as_ref().map(|it| it.get_ref().as_str());
        let window = x11::Window::open(connector, self.wanted.full_screen)?;
        if !self.gl.is_wanted(kind, window.is_direct()) {
            return Ok(None);
        }
        match self.gl.start(&self.common, frames) {
            Ok(line) => Ok(Some((line, Watch::X11(Box::new(window.looked_for()))))),
            Err(error) => {
                self.gl.give_up(&format!("{error:#}"));
                Ok(None)
            }
        }
    }

    /// Looks whether the display that is shown is still there.
    fn look(&mut self) -> Result<(), Gone> {
        let State::Shown(watch) = &mut self.state else {
            return Ok(());
        };
        self.gl.attend();
        match watch.look() {
            Ok(fault) => self.faults.set(fault.into_iter().collect()),
            Err(error) => {
                self.faults.set(vec![format!("the display is lost: {error:#}")]);
                self.leave();
                return self.news.send(News::Leave).map_err(|_| Gone);
            }
        }
        if let State::Shown(Watch::X11(window)) = &self.state
            && window.is_missing()
        {
            self.gl.give_up("its window isn't found on the X server");
            self.leave();
            return self.news.send(News::Leave).map_err(|_| Gone);
        }
        if self.is_to_be_off() {
            self.leave();
            return self.news.send(News::Leave).map_err(|_| Gone);
        }
        Ok(())
    }

    /// Whether the display on show is one that is switched off by leaving it.
    fn is_to_be_off(&self) -> bool {
        let switches = matches!(self.wanted.power.get_ref(), PowerBy::Auto | PowerBy::Dpms);
        self.is_dark && switches && matches!(self.state, State::Shown(Watch::Kms(_)))
    }

    fn leave(&mut self) {
        self.state = match std::mem::replace(&mut self.state, State::Looking) {
            State::Shown(watch) => State::Leaving(watch),
            other => other,
        };
    }

    fn hear(&mut self, word: Word) {
        match word {
            Word::Made(window) => {
                if let State::Shown(Watch::X11(its)) = &mut self.state {
                    its.is_made(window);
                }
            }
            Word::Dark(is_dark) => {
                self.is_dark = is_dark;
                if let State::Off(card) = &self.state
                    && !is_dark
                {
                    self.switched(card.switch(false));
                    // Closed here: it is opened anew.
                    self.state = State::Looking;
                }
            }
            Word::Left(line, _) if line.kind.is_none() => end(line, None),
            Word::Left(line, fault) => self.left(line, fault),
        }
    }

    /// The stage has left the display's line.
    fn left(&mut self, line: Line, fault: Option<String>) {
        let (watch, was_told) = match std::mem::replace(&mut self.state, State::Looking) {
            State::Shown(watch) => (watch, false),
            State::Leaving(watch) => (watch, true),
            other => {
                self.state = other;
                return end(line, None);
            }
        };
        let kept = match &watch {
            Watch::Kms(card) if was_told && self.is_dark && card.look().is_ok() => Some(card.clone()),
            _ => None,
        };
        let is_by_gl = line.is_by_gl();
        end(line, Some(watch));
        if let (true, Some(fault)) = (is_by_gl, &fault) {
            // Looked for anew at once, without.
            self.gl.give_up(fault);
        } else if let Some(card) = kept {
            self.switched(card.switch(true));
            self.state = State::Off(card);
        } else if let Some(fault) = fault {
            self.faults.set(vec![format!("the display is lost: {fault}")]);
            // Else a display that always fails would keep the machine busy.
            std::thread::sleep(RETRY);
        }
    }

    fn switched(&self, result: Result<()>) {
        let fault = result.err().map(|error| format!("display power: {error:#}"));
        self.faults.set(fault.into_iter().collect());
    }
}

/// The stage has gone.
struct Gone;

/// Ends a line, and then what it used. A sink whose display hangs is left to itself after a while.
fn end(line: Line, watch: Option<Watch>) {
    let (done, is_done) = sync_channel(1);
    let spawned = std::thread::Builder::new().name("line-end".to_owned()).spawn(move || {
        drop(line);
        drop(watch);
        let _ = done.send(());
    });
    // Without a thread it has ended here.
    if spawned.is_ok() && is_done.recv_timeout(END_LIMIT) == Err(RecvTimeoutError::Timeout) {
        tracing::warn!("the display's output doesn't end");
    }
}
