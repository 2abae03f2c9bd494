//! One file's pipeline: `filesrc ! decodebin ! videoconvertscale ! appsink`, the picture already at the
//! size at which it is shown. Sound goes its own way where there is a device.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use super::{Fault, Frame, PREPARE_LIMIT, probe};
use crate::live::whep::Session;
use crate::quarantine::Mark;
use crate::quarantine::book::Phase;
use crate::rtsp::over_tcp;
use crate::sound::Sound;

/// Decoded frames that wait to be shown. When full, the decoder waits.
const QUEUE: u32 = 3;

/// The largest side of a picture that is taken, in pixels.
const MAX_SIDE: i32 = 8192;

/// The same of a video, whose every frame must be decoded in time.
const MAX_VIDEO_SIDE: i32 = 4096;

/// How long a live picture's server may be silent.
const LIVE_LIMIT: Duration = Duration::from_secs(5);

/// The element that makes it quieter.
const VOLUME: &str = "loudness";

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

/// Ends the pipeline before a decoder is made for a picture or a video that is too large: it would take the memory and the
/// time of everything else.
fn refuse_large(decode: &gst::Element) {
    before_decoder(decode, |caps| {
        let side = |name: &str| caps.get::<i32>(name).unwrap_or(0);
        let (width, height) = (side("width"), side("height"));
        if caps.name().starts_with("video/") && width.max(height) > MAX_VIDEO_SIDE {
            return Err(format!(
                "{width}x{height} pixels are too many for a video: at most {MAX_VIDEO_SIDE} on a side, best the zone's own size"
            ));
        }
        if caps.name().starts_with("image/") {
            let pixels = |side: i32| u64::from(side.unsigned_abs());
            return probe::check(pixels(width), pixels(height));
        }
        Ok(())
    });
}

/// Ends the pipeline where GStreamer takes a file for another kind of picture than the one whose size was read.
fn refuse_other_kinds(decode: &gst::Element, kind: Option<&'static str>) {
    // The first is the file itself; what is in a film may be a picture.
    let is_in_it = AtomicBool::new(false);
    before_decoder(decode, move |caps| {
        let name = caps.name();
        let is_in_it = is_in_it.swap(true, Ordering::AcqRel);
        if !is_in_it && name.starts_with("image/") && kind != Some(name.as_str()) {
            return Err(format!(
                "it is {name}, and {} by its first bytes",
                kind.unwrap_or("no picture")
            ));
        }
        Ok(())
    });
}

/// Asks before anything is made for what a file holds, by its caps. The first fault ends the pipeline.
fn before_decoder(
    decode: &gst::Element,
    is_fine: impl Fn(&gst::StructureRef) -> Result<(), Fault> + Send + Sync + 'static,
) {
    decode.connect("autoplug-continue", false, move |values| {
        let decode = values.first()?.get::<gst::Element>().ok()?;
        let caps = values.get(2)?.get::<gst::Caps>().ok()?;
        if let Err(fault) = is_fine(caps.structure(0)?) {
            gst::element_error!(decode, gst::StreamError::Failed, ("{fault}"));
            // It is as good as decoded: no decoder is looked for.
            return Some(false.to_value());
        }
        Some(true.to_value())
    });
}

/// Links what the file turns out to hold: the first picture stream, and the first sound.
fn connect(pipeline: &gst::Pipeline, decode: &gst::Element, sink: &gst_app::AppSink, zone: (u32, u32)) {
    let has_picture = Arc::new(AtomicBool::new(false));
    let has_sound = AtomicBool::new(false);
    let (weak, sink) = (pipeline.downgrade(), sink.clone());
    let picture = Arc::clone(&has_picture);
    decode.connect_pad_added(move |decode, pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let kind = caps
            .structure(0)
            .map(|structure| structure.name().to_string())
            .unwrap_or_default();
        let linked = if kind.starts_with("video/") && !picture.swap(true, Ordering::AcqRel) {
            link_picture(&pipeline, pad, &caps, &sink, zone)
        } else if kind.starts_with("audio/") && !has_sound.swap(true, Ordering::AcqRel) {
            link_sound(&pipeline, pad)
        } else {
            Ok(())
        };
        if let Err(fault) = linked {
            gst::element_error!(decode, gst::StreamError::Failed, ("{fault}"));
        }
    });
    decode.connect_no_more_pads(move |decode| {
        if !has_picture.load(Ordering::Acquire) {
            gst::element_error!(decode, gst::StreamError::WrongType, ("there is no picture in it"));
        }
    });
}

fn link_picture(
    pipeline: &gst::Pipeline,
    pad: &gst::Pad,
    caps: &gst::Caps,
    sink: &gst_app::AppSink,
    zone: (u32, u32),
) -> Result<(), Fault> {
    let told = |error: gst::glib::BoolError| error.to_string();
    let (width, height) = fitted(caps, zone)?;
    let shown = gst_video::VideoCapsBuilder::new()
        .format(gst_video::VideoFormat::Bgrx)
        .width(width)
        .height(height)
        .pixel_aspect_ratio(gst::Fraction::new(1, 1))
        .build();
    sink.set_caps(Some(&shown));
    let convert = gst::ElementFactory::make("videoconvertscale").build().map_err(told)?;
    pipeline.add(&convert).map_err(told)?;
    convert.link(sink).map_err(told)?;
    convert.sync_state_with_parent().map_err(told)?;
    let target = convert.static_pad("sink").ok_or("videoconvertscale has no pad")?;
    pad.link(&target).map_err(|error| error.to_string())?;
    Ok(())
}

fn link_sound(pipeline: &gst::Pipeline, pad: &gst::Pad) -> Result<(), Fault> {
    let told = |error: gst::glib::BoolError| error.to_string();
    let chain = ["queue", "audioconvert", "volume", "audioresample", "autoaudiosink"];
    let chain: Result<Vec<_>, _> = chain
        .iter()
        .map(|name| {
            let element = gst::ElementFactory::make(name);
            let is_volume = *name == "volume";
            if is_volume {
                element.name(VOLUME).build()
            } else {
                element.build()
            }
        })
        .collect();
    let chain = chain.map_err(told)?;
    pipeline.add_many(&chain).map_err(told)?;
    gst::Element::link_many(&chain).map_err(told)?;
    for element in &chain {
        element.sync_state_with_parent().map_err(told)?;
    }
    let target = chain[0].static_pad("sink").ok_or("queue has no pad")?;
    pad.link(&target).map_err(|error| error.to_string())?;
    Ok(())
}

/// The largest size inside the zone with the picture's own shape.
fn fitted(caps: &gst::Caps, zone: (u32, u32)) -> Result<(i32, i32), Fault> {
    let structure = caps.structure(0).ok_or("the picture has no size")?;
    let side = |name: &str| {
        structure
            .get::<i32>(name)
            .map_err(|_| "the picture has no size".to_owned())
    };
    let (width, height) = (side("width")?, side("height")?);
    if !(1..=MAX_SIDE).contains(&width) || !(1..=MAX_SIDE).contains(&height) {
        return Err(format!(
            "{width}x{height} pixels are too many: at most {MAX_SIDE} on a side"
        ));
    }
    let aspect = structure
        .get::<gst::Fraction>("pixel-aspect-ratio")
        .map_or(1.0, |aspect| f64::from(aspect.numer()) / f64::from(aspect.denom()));
    let shape = f64::from(width) * aspect / f64::from(height);
    let (zone_width, zone_height) = (f64::from(zone.0), f64::from(zone.1));
    let (shown_width, shown_height) = if shape > zone_width / zone_height {
        (zone_width, zone_width / shape)
    } else {
        (zone_height * shape, zone_height)
    };
    let whole = |pixels: f64| pixels.round().max(1.0) as i32;
    Ok((whole(shown_width), whole(shown_height)))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::time::Instant;

    use super::*;
    use crate::quarantine::Quarantine;

    /// Four seconds of a picture with a tone.
    fn film_with_sound(file: &Path) {
        let line = format!(
            "videotestsrc num-buffers=120 ! video/x-raw,width=64,height=48,framerate=30/1 ! vp8enc deadline=1 ! webmmux name=mux \
             ! filesink location={} audiotestsrc samplesperbuffer=1600 num-buffers=120 ! audio/x-raw,rate=48000 ! vorbisenc ! mux.",
            file.display()
        );
        let pipeline = gst::parse::launch(&line).expect("a film with sound");
        pipeline.set_state(gst::State::Playing).expect("it runs");
        let bus = pipeline.bus().expect("a bus");
        let ended = bus.timed_pop_filtered(gst::ClockTime::from_seconds(60), &[gst::MessageType::Eos]);
        assert!(ended.is_some(), "the film is made");
        pipeline.set_state(gst::State::Null).expect("it ends");
    }

    #[test]
    fn a_film_sounds_and_is_quieter_when_it_is_told_to_be() {
        gst::init().expect("GStreamer");
        let dir = tempfile::tempdir().expect("a folder");
        let file = dir.path().join("tone.webm");
        film_with_sound(&file);
        let quarantine = Quarantine::open(dir.path(), None, protocol::time::UnixMillis(0));
        let mark = quarantine.case("tone").begin();
        // Where there is no device, GStreamer's sink throws the samples away at their time.
        let mut decoder = Decoder::open(&file, None, (64, 48), Sound::Device, mark).expect("opened");
        let wait = |what: &str, is_so: &mut dyn FnMut() -> bool| {
            let limit = Instant::now() + Duration::from_secs(60);
            while !is_so() {
                assert!(Instant::now() < limit, "{what}");
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        wait("the first frame", &mut || decoder.first_frame().is_some());
        let volume = decoder.pipeline.by_name(VOLUME).expect("it has sound");
        // The loudest sample of the last piece, from 0 to 1.
        let loudest = Arc::new(Mutex::new(f64::NAN));
        let heard = Arc::clone(&loudest);
        let pad = volume.static_pad("src").expect("a pad");
        // The picture may be there first.
        wait("its samples", &mut || pad.current_caps().is_some());
        let caps = pad.current_caps().expect("its samples");
        let format = gstreamer_audio::AudioInfo::from_caps(&caps).expect("samples").format();
        assert_eq!(format, gstreamer_audio::AUDIO_FORMAT_F32, "what Vorbis' decoder gives");
        pad.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            if let Some(map) = info.buffer().and_then(|buffer| buffer.map_readable().ok()) {
                let samples = map
                    .chunks_exact(4)
                    .filter_map(|it| it.try_into().ok())
                    .map(f32::from_ne_bytes);
                *heard.lock().expect("no panic") = samples.fold(0.0, |most, it| f64::from(it.abs()).max(most));
            }
            gst::PadProbeReturn::Ok
        });
        decoder.play();
        let is_about = |wanted: f64| {
            let heard = *loudest.lock().expect("no panic");
            (heard / wanted - 1.0).abs() < 0.15
        };
        wait("the tone", &mut || {
            let _ = decoder.next_frame();
            is_about(0.8)
        });
        decoder.set_gain(0.2);
        wait("a quieter tone", &mut || {
            let _ = decoder.next_frame();
            is_about(0.16)
        });
    }

    #[test]
    fn a_picture_is_fitted_whole_into_its_zone() {
        gst::init().expect("GStreamer");
        let of = |width: i32, height: i32, aspect: (i32, i32)| {
            let caps = gst::Caps::builder("video/x-raw")
                .field("width", width)
                .field("height", height)
                .field("pixel-aspect-ratio", gst::Fraction::new(aspect.0, aspect.1))
                .build();
            fitted(&caps, (832, 468))
        };
        assert_eq!(of(1920, 1080, (1, 1)), Ok((832, 468)));
        assert_eq!(of(100, 100, (1, 1)), Ok((468, 468)));
        assert_eq!(of(720, 576, (64, 45)), Ok((832, 468)));
        assert_eq!(of(8000, 1, (1, 1)), Ok((832, 1)));
        assert!(
            of(30_000, 30_000, (1, 1))
                .expect_err("too large")
                .contains("30000x30000")
        );
    }
}
