//! One file's pipeline: `filesrc ! decodebin ! videoconvertscale ! appsink`, the picture already at the
//! size at which it is shown. Sound goes its own way where there is a device.

mod link;
mod refuse;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use self::link::{VOLUME, connect};
use self::refuse::{refuse_large, refuse_other_kinds};
use super::{Fault, Frame, PREPARE_LIMIT};
use crate::live::whep::Session;
use crate::quarantine::Mark;
use crate::quarantine::book::Phase;
use crate::rtsp::over_tcp;
use crate::sound::Sound;

/// Decoded frames that wait to be shown. When full, the decoder waits.
const QUEUE: u32 = 3;

/// How long a live picture's server may be silent.
const LIVE_LIMIT: Duration = Duration::from_secs(5);

/// Which frames are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Frames {
    /// All, in order: the decoder waits for who shows them.
    All,
    /// The newest: a live picture waits for nobody.
    Newest,
}

/// A running decoder. Dropping it takes the pipeline down on another thread.
pub struct Decoder {
    pipeline: gst::Pipeline,
    sink: gst_app::AppSink,
    bus: gst::Bus,
    /// Until the pipeline is gone.
    mark: Option<Mark>,
    /// What was left out at the beginning.
    skipped: Duration,
    /// How loud it was set.
    gain: f64,
    /// At the server that sends the picture, where it wants to be told of the end.
    session: Option<Session>,
}

/// A frame with its time from the item's start.
pub struct Timed {
    /// The picture.
    pub frame: Frame,
    /// When it is shown.
    pub at: Duration,
    /// For how long, where the file says so.
    pub duration: Option<Duration>,
}

impl Decoder {
    /// Opens a file and begins to decode its first frame, to be shown in a zone of that size. `kind`: which kind of picture
    /// it is (`image/png`), if it is one ([`super::probe`]). `mark` stays until the pipeline is gone. Takes some milliseconds.
    ///
    /// # Errors
    /// When GStreamer lacks an element or refuses the file at once.
    pub fn open(
        path: &Path,
        kind: Option<&'static str>,
        zone: (u32, u32),
        sound: Sound,
        mark: Mark,
    ) -> Result<Self, Fault> {
        let told = |error: gst::glib::BoolError| error.to_string();
        let location = path.to_str().ok_or("the file's name is not UTF-8")?;
        let source = gst::ElementFactory::make("filesrc")
            .property("location", location)
            .build()
            .map_err(told)?;
        let decode = make("decodebin", sound)?;
        let pipeline = gst::Pipeline::new();
        pipeline.add_many([&source, &decode]).map_err(told)?;
        source.link(&decode).map_err(told)?;
        refuse_other_kinds(&decode, kind);
        Self::run(&pipeline, &decode, zone, Frames::All, Some(mark))
    }

    /// Connects to a live picture (`rtsp://…`), of which the newest frame is wanted. It runs at once: there is no first
    /// frame of one that stands still. Takes some milliseconds.
    ///
    /// # Errors
    /// As [`Decoder::open`].
    pub fn open_live(url: &str, zone: (u32, u32)) -> Result<Self, Fault> {
        let decode = make("uridecodebin", Sound::None)?;
        decode.set_property("uri", url);
        over_tcp(&decode, LIVE_LIMIT);
        let pipeline = gst::Pipeline::new();
        pipeline.add(&decode).map_err(|error| error.to_string())?;
        let decoder = Self::run(&pipeline, &decode, zone, Frames::Newest, None)?;
        decoder.run_live();
        Ok(decoder)
    }

    /// Lets a live picture run before anybody looks: there is no first frame of one that stands still.
    pub(crate) fn run_live(&self) {
        // Errors arrive on the bus.
        let _ = self.pipeline.set_state(gst::State::Playing);
    }

    /// Ends this session when the decoder is gone.
    pub(crate) fn hold(&mut self, session: Session) {
        self.session = Some(session);
    }

    pub(crate) fn run(
        pipeline: &gst::Pipeline,
        decode: &gst::Element,
        zone: (u32, u32),
        frames: Frames,
        mark: Option<Mark>,
    ) -> Result<Self, Fault> {
        let told = |error: gst::glib::BoolError| error.to_string();
        let sink = gst_app::AppSink::builder()
            .sync(false)
            .max_buffers(if frames == Frames::Newest { 1 } else { QUEUE })
            .drop(frames == Frames::Newest)
            .enable_last_sample(false)
            .build();
        pipeline.add(&sink).map_err(told)?;
        let bus = pipeline.bus().ok_or("the pipeline has no bus")?;
        let clock = gst::SystemClock::obtain();
        pipeline.use_clock(Some(&clock));
        refuse_large(decode);
        connect(pipeline, decode, &sink, zone);
        let decoder = Self {
            pipeline: pipeline.clone(),
            sink,
            bus,
            mark,
            skipped: Duration::ZERO,
            gain: 1.0,
            session: None,
        };
        if decoder.pipeline.set_state(gst::State::Paused).is_err() {
            return Err(decoder.fault().unwrap_or_else(|| "it can't be opened".to_owned()));
        }
        Ok(decoder)
    }

    /// Leaves out the beginning: its first frame is the one that is on at `position`. Waits until the file is known, and takes
    /// as long as the decoder needs from the key frame before.
    ///
    /// # Errors
    /// When the file can't be entered there.
    pub fn seek(&mut self, position: Duration) -> Result<(), Fault> {
        let limit = gst::ClockTime::try_from(PREPARE_LIMIT).ok();
        let (known, _, _) = self.pipeline.state(limit);
        known.map_err(|_| self.fault().unwrap_or_else(|| "it can't be opened".to_owned()))?;
        let to = gst::ClockTime::try_from(position).map_err(|error| error.to_string())?;
        self.pipeline
            .seek_simple(gst::SeekFlags::FLUSH | gst::SeekFlags::ACCURATE, to)
            .map_err(|_| format!("it can't be entered at {:.1} s", position.as_secs_f64()))?;
        self.skipped = position;
        Ok(())
    }

    /// The first frame while the pipeline is paused; `None`: not yet.
    #[must_use]
    pub fn first_frame(&self) -> Option<Timed> {
        let sample = self.sink.try_pull_preroll(gst::ClockTime::ZERO)?;
        self.mark(Phase::Ready);
        timed(&sample, self.skipped)
    }

    /// The next frame while playing, where one is decoded.
    #[must_use]
    pub fn next_frame(&self) -> Option<Timed> {
        self.sink
            .try_pull_sample(gst::ClockTime::ZERO)
            .and_then(|sample| timed(&sample, self.skipped))
    }

    /// The next frame of one that runs; waits for it so long at most.
    #[must_use]
    pub fn wait_for_frame(&self, limit: Duration) -> Option<Timed> {
        let limit = gst::ClockTime::try_from(limit).ok()?;
        let sample = self.sink.try_pull_sample(limit)?;
        timed(&sample, self.skipped)
    }

    /// Whether all frames were given out.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.sink.is_eos()
    }

    /// How long the file says that it is.
    #[must_use]
    pub fn duration(&self) -> Option<Duration> {
        self.pipeline.query_duration::<gst::ClockTime>().map(Duration::from)
    }

    /// What went wrong, if anything did.
    #[must_use]
    pub fn fault(&self) -> Option<Fault> {
        // Messages of other kinds are dropped here: the bus never grows.
        let message = self.bus.pop_filtered(&[gst::MessageType::Error])?;
        match message.view() {
            gst::MessageView::Error(error) => Some(error.error().message().to_owned()),
            _ => None,
        }
    }

    /// Runs on.
    pub fn play(&self) {
        self.mark(Phase::Playing);
        // A failure arrives on the bus.
        let _ = self.pipeline.set_state(gst::State::Playing);
    }

    /// Stands still.
    pub fn pause(&self) {
        let _ = self.pipeline.set_state(gst::State::Paused);
    }

    /// Multiplies its samples with `gain`, where it sounds.
    pub fn set_gain(&mut self, gain: f64) {
        if (gain - self.gain).abs() > f64::EPSILON
            && let Some(volume) = self.pipeline.by_name(VOLUME)
        {
            volume.set_property("volume", gain);
            self.gain = gain;
        }
    }

    fn mark(&self, phase: Phase) {
        if let Some(mark) = &self.mark {
            mark.set(phase);
        }
    }
}

impl Drop for Decoder {
    fn drop(&mut self) {
        self.session = None;
        take_down(self.pipeline.clone(), self.mark.take());
    }
}

/// What finds out what a source holds, and decodes it.
pub(crate) fn make(name: &str, sound: Sound) -> Result<gst::Element, Fault> {
    // "(ANY)": decoders that also offer other memory than the system's are taken too.
    let wanted = match sound {
        Sound::Device => "video/x-raw(ANY); audio/x-raw(ANY)",
        Sound::None => "video/x-raw(ANY)",
    };
    let wanted: gst::Caps = wanted
        .parse()
        .map_err(|error: gst::glib::BoolError| error.to_string())?;
    let decode = gst::ElementFactory::make(name)
        .property("caps", &wanted)
        .property("expose-all-streams", false)
        .build();
    decode.map_err(|error| error.to_string())
}

/// Stops a pipeline on a thread of its own: a decoder may take its time to end. Something is kept until it has.
pub(crate) fn take_down<K: Send + 'static>(pipeline: gst::Pipeline, kept_until_then: K) {
    let kept = pipeline.clone();
    let spawned = std::thread::Builder::new().name("end-item".to_owned()).spawn(move || {
        let _ = pipeline.set_state(gst::State::Null);
        drop(kept_until_then);
    });
    if spawned.is_err() {
        let _ = kept.set_state(gst::State::Null);
    }
}

fn timed(sample: &gst::Sample, skipped: Duration) -> Option<Timed> {
    let buffer = sample.buffer_owned()?;
    let info = gst_video::VideoInfo::from_caps(sample.caps()?).ok()?;
    let segment = sample.segment()?.downcast_ref::<gst::ClockTime>()?;
    let at = segment.to_running_time(buffer.pts()).unwrap_or(gst::ClockTime::ZERO);
    let duration = buffer.duration().map(Duration::from);
    let frame = gst_video::VideoFrame::from_buffer_readable(buffer, &info).ok()?;
    Some(Timed {
        frame: Frame::new(frame),
        at: Duration::from(at) + skipped,
        duration,
    })
}
