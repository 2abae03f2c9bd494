//! A camera that is open: a pipeline to the newest of its pictures.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use frames::Format;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;
use protocol::config::{ScreenCamera, is_film};

use super::pace::Pace;
use crate::rtsp::over_tcp;

/// How pictures lie: what cameras' readers work with.
pub(super) const FORMAT: Format = Format::Bgr;

/// A picture.
pub(super) type Frame = gst_video::VideoFrame<gst_video::video_frame::Readable>;

/// A camera that gives no picture for so long is opened anew,
const STALL: Duration = Duration::from_secs(5);
/// and one that has just been opened, after so long.
const FIRST: Duration = Duration::from_secs(15);
/// A network's camera must answer within this time.
const ANSWER_LIMIT: Duration = Duration::from_secs(8);
/// Of a device's modes those up to this size are taken, or up to what is wanted where that is larger.
const MODE: (u32, u32) = (1280, 720);

/// A camera that is open. It is closed when this is dropped.
pub(super) struct Source {
    pipeline: gst::Pipeline,
    bus: gst::Bus,
    sink: gst_app::AppSink,
    is_film: bool,
    opened: Instant,
    /// When the last picture came.
    moved: Option<Instant>,
    stall: Duration,
    /// Whether a film has given a picture since it began.
    has_given: bool,
}

impl Source {
    /// Opens it. A device is opened at once, the others answer later.
    ///
    /// # Errors
    /// Why it can't, without an address.
    pub(super) fn open(wanted: &ScreenCamera) -> Result<Self, String> {
        let told = |error: gst::glib::BoolError| error.to_string();
        let source = wanted.source.get_ref();
        let is_film = is_film(source);
        let pipeline = gst::Pipeline::new();
        let decode = if source.starts_with("/dev/") {
            device(&pipeline, source, wanted)?
        } else {
            by_uri(&pipeline, source, is_film)?
        };
        let convert = make("videoconvertscale")?;
        let sink = sink(wanted, is_film);
        pipeline
            .add_many([&convert, sink.upcast_ref::<gst::Element>()])
            .map_err(told)?;
        convert.link(&sink).map_err(told)?;
        let into = convert.static_pad("sink").ok_or("a converter without an entry")?;
        let pace = Mutex::new(Pace::per_second(wanted.frames_per_second));
        // Before anything is done with a picture.
        into.add_probe(gst::PadProbeType::BUFFER, move |_, info| {
            let at = info.buffer().and_then(|buffer| buffer.pts());
            let mut pace = pace.lock().unwrap_or_else(PoisonError::into_inner);
            if at.is_none_or(|at| pace.takes(at.into())) {
                gst::PadProbeReturn::Ok
            } else {
                // As `Drop`, which leaves GStreamer 1.22 a picture less to let go of, and it complains.
                gst::PadProbeReturn::Handled
            }
        });
        decode.connect_pad_added(move |_, pad| {
            let is_picture = pad
                .current_caps()
                .unwrap_or_else(|| pad.query_caps(None))
                .structure(0)
                .is_some_and(|it| it.name().starts_with("video/"));
            if is_picture && !into.is_linked() {
                // What can't be linked is an error on the bus.
                let _ = pad.link(&into);
            }
        });
        let bus = pipeline.bus().ok_or("a pipeline without a bus")?;
        let opened = Self {
            pipeline,
            bus,
            sink,
            is_film,
            opened: Instant::now(),
            moved: None,
            stall: STALL.max(Duration::from_secs_f64(3.0 / wanted.frames_per_second)),
            has_given: false,
        };
        if opened.pipeline.set_state(gst::State::Playing).is_err() {
            return Err(opened.fault().unwrap_or_else(|| "it can't be opened".to_owned()));
        }
        Ok(opened)
    }

    /// How long it has been open.
    pub(super) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// The newest picture; waits so long at most.
    ///
    /// # Errors
    /// Why there are none any more, without an address.
    pub(super) fn next(&mut self, limit: Duration) -> Result<Option<Frame>, String> {
        if let Some(why) = self.fault() {
            return Err(why);
        }
        let Some(sample) = self.sink.try_pull_sample(gst::ClockTime::try_from(limit).ok()) else {
            if self.sink.is_eos() {
                return self.begin_again();
            }
            let (since, limit) = match self.moved {
                Some(moved) => (moved, self.stall),
                None => (self.opened, self.stall.max(FIRST)),
            };
            if since.elapsed() >= limit {
                return Err(format!("it has given no picture for {} s", limit.as_secs()));
            }
            return Ok(None);
        };
        self.moved = Some(Instant::now());
        self.has_given = true;
        let caps = sample.caps().ok_or("a picture without a size")?;
        let info = gst_video::VideoInfo::from_caps(caps).map_err(|error| error.to_string())?;
        let buffer = sample.buffer_owned().ok_or("a picture without pixels")?;
        let frame = Frame::from_buffer_readable(buffer, &info).map_err(|_| "a picture that can't be read")?;
        Ok(Some(frame))
    }

    fn begin_again(&mut self) -> Result<Option<Frame>, String> {
        if !self.is_film {
            return Err("it has ended".to_owned());
        }
        if !std::mem::take(&mut self.has_given) {
            return Err("the film has no picture".to_owned());
        }
        self.pipeline
            .seek_simple(gst::SeekFlags::FLUSH, gst::ClockTime::ZERO)
            .map_err(|_| "the film can't begin again".to_owned())?;
        Ok(None)
    }

    /// What the pipeline says is wrong. What it says for developers may carry an address, and isn't told.
    fn fault(&self) -> Option<String> {
        let message = self.bus.pop_filtered(&[gst::MessageType::Error])?;
        match message.view() {
            gst::MessageView::Error(error) => Some(error.error().to_string()),
            _ => None,
        }
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // A driver that doesn't let go ends the signs of life, and with them this process.
        let _ = self.pipeline.set_state(gst::State::Null);
    }
}

fn make(element: &str) -> Result<gst::Element, String> {
    gst::ElementFactory::make(element)
        .build()
        .map_err(|error| format!("GStreamer's {element} is missing: {error}"))
}

/// A camera of Video4Linux2.
fn device(pipeline: &gst::Pipeline, device: &str, wanted: &ScreenCamera) -> Result<gst::Element, String> {
    let told = |error: gst::glib::BoolError| error.to_string();
    let source = make("v4l2src")?;
    source.set_property("device", device);
    let filter = make("capsfilter")?;
    filter.set_property("caps", modes(wanted));
    let decode = make("decodebin")?;
    pipeline.add_many([&source, &filter, &decode]).map_err(told)?;
    gst::Element::link_many([&source, &filter, &decode]).map_err(told)?;
    Ok(decode)
}

/// A device's modes, the best first: small and quick enough, as they are or as JPEG; and else any.
fn modes(wanted: &ScreenCamera) -> gst::Caps {
    let speed = gst::Fraction::approximate_f64(wanted.frames_per_second).unwrap_or(gst::Fraction::new(5, 1));
    let (width, height) = (MODE.0.max(wanted.width), MODE.1.max(wanted.height));
    let kinds = ["video/x-raw", "image/jpeg"];
    let mut caps = gst::Caps::new_empty();
    let into = caps.make_mut();
    for kind in kinds {
        into.append_structure(
            gst::Structure::builder(kind)
                .field("width", gst::IntRange::new(1, width.cast_signed()))
                .field("height", gst::IntRange::new(1, height.cast_signed()))
                .field(
                    "framerate",
                    gst::FractionRange::new(speed, gst::Fraction::new(i32::MAX, 1)),
                )
                .build(),
        );
    }
    for kind in kinds {
        into.append_structure(gst::Structure::new_empty(kind));
    }
    caps
}

/// A film, or a network's camera.
fn by_uri(pipeline: &gst::Pipeline, source: &str, is_film: bool) -> Result<gst::Element, String> {
    let uri = if is_film {
        let uri = gst::glib::filename_to_uri(source, None).map_err(|error| error.to_string())?;
        uri.to_string()
    } else {
        source.to_owned()
    };
    let decode = make("uridecodebin")?;
    decode.set_property("uri", uri);
    over_tcp(&decode, ANSWER_LIMIT);
    pipeline.add(&decode).map_err(|error| error.to_string())?;
    Ok(decode)
}

/// Holds the newest picture; an older one that nobody took is dropped. A film is played at its speed.
fn sink(wanted: &ScreenCamera, is_film: bool) -> gst_app::AppSink {
    // The scaler keeps a picture's shape where both sides are free.
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "BGR")
        .field("width", gst::IntRange::new(1, wanted.width.cast_signed()))
        .field("height", gst::IntRange::new(1, wanted.height.cast_signed()))
        .field("pixel-aspect-ratio", gst::Fraction::new(1, 1))
        .build();
    gst_app::AppSink::builder()
        .caps(&caps)
        .max_buffers(1)
        .drop(true)
        .sync(is_film)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_devices_small_modes_that_are_quick_enough_come_first_and_any_is_better_than_none() {
        gst::init().expect("GStreamer");
        let config: ScreenCamera =
            toml::from_str("source = \"/dev/video0\"\nframes_per_second = 15.0").expect("a table");
        let caps = modes(&config);
        let first = |mode: &str| {
            let mode: gst::Caps = mode.parse().expect("caps");
            caps.iter().position(|it| {
                let one: gst::Caps = std::iter::once(it.to_owned()).collect();
                one.can_intersect(&mode)
            })
        };
        for (mode, place) in [
            ("video/x-raw,format=YUY2,width=640,height=480,framerate=30/1", 0),
            ("video/x-raw,format=YUY2,width=1280,height=720,framerate=10/1", 2),
            ("image/jpeg,width=1280,height=720,framerate=30/1", 1),
            ("video/x-raw,format=NV12,width=1920,height=1080,framerate=30/1", 2),
            ("image/jpeg,width=3840,height=2160,framerate=30/1", 3),
        ] {
            assert_eq!(first(mode), Some(place), "{mode}");
        }
    }
}
