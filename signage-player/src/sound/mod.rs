//! Sound: where it goes, and a voice that plays and says how far it is.
//!
//! Without a sound device the same samples go nowhere at the same pace, so that lips and captions keep
//! their time.

pub mod ducking;

use std::sync::mpsc;
use std::time::Duration;

use avatar::pcm::Pcm;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_audio as gst_audio;

use crate::item::decoder::take_down;
use ducking::{Ducking, Speaking};

/// Samples travel in pieces of so many milliseconds, so that the position is exact everywhere.
const PIECE_MS: u32 = 20;

/// Where sound goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sound {
    /// To the machine's sound device.
    Device,
    /// Nowhere: there is none.
    None,
}

impl Sound {
    /// Looks whether there is a sound device. Takes up to some 100 ms.
    #[must_use]
    pub fn detect() -> Self {
        if !may_have_device() {
            return Self::None;
        }
        // `autoaudiosink` takes a `fakesink` inside where it finds no device.
        let Ok(sink) = gst::ElementFactory::make("autoaudiosink").build() else {
            return Self::None;
        };
        let is_ready = sink.set_state(gst::State::Ready).is_ok();
        let has_device = sink.downcast_ref::<gst::Bin>().is_some_and(|bin| {
            let is_fake = |child: &gst::Element| child.factory().is_some_and(|factory| factory.name() == "fakesink");
            bin.iterate_sinks().into_iter().flatten().any(|child| !is_fake(&child))
        });
        let _ = sink.set_state(gst::State::Null);
        if is_ready && has_device {
            Self::Device
        } else {
            Self::None
        }
    }
}

/// Whether it is worth asking: a sound card that plays, or a sound server's socket. Asking where there is
/// neither takes time and makes the sound libraries complain.
fn may_have_device() -> bool {
    let has_card = std::fs::read_dir("/dev/snd").is_ok_and(|devices| {
        devices.flatten().any(|device| {
            let name = device.file_name();
            let name = name.to_string_lossy();
            name.starts_with("pcm") && name.ends_with('p')
        })
    });
    let has_server = std::env::var_os("XDG_RUNTIME_DIR").is_some_and(|dir| {
        let dir = std::path::Path::new(&dir);
        dir.join("pulse/native").exists() || dir.join("pipewire-0").exists()
    });
    has_card || has_server || std::env::var_os("PULSE_SERVER").is_some()
}

/// A sound that plays. Dropping it ends it.
pub struct Voice {
    duration: Duration,
    opening: mpsc::Receiver<Result<gst::Pipeline, gst::glib::Error>>,
    pipeline: Option<gst::Pipeline>,
    is_over: bool,
    /// Until it is over.
    speaking: Option<Speaking>,
}

impl Voice {
    /// Begins to play, on a thread of its own: opening a device may take its time. Films are quieter until it is over.
    #[must_use]
    pub fn play(pcm: Pcm, sound: Sound, ducking: &Ducking) -> Self {
        let duration = pcm.duration();
        // Holds the one pipeline that the thread makes; where nobody waits for it any more, the thread ends it.
        let (sender, opening) = mpsc::sync_channel(1);
        let spawned = std::thread::Builder::new()
            .name("open-voice".to_owned())
            .spawn(move || {
                let opened = open(&pcm, sound);
                if let Err(mpsc::SendError(Ok(pipeline))) = sender.send(opened) {
                    take_down(pipeline, ());
                }
            });
        if let Err(error) = spawned {
            tracing::warn!("no thread for a voice: {error}");
        }
        Self {
            duration,
            opening,
            pipeline: None,
            is_over: false,
            speaking: Some(ducking.speak()),
        }
    }

    /// How far the sound is that is heard now; `None` before it begins.
    pub fn position(&mut self) -> Option<Duration> {
        if self.pipeline.is_none() && !self.is_over {
            match self.opening.try_recv() {
                Ok(Ok(pipeline)) => self.pipeline = Some(pipeline),
                Ok(Err(error)) => {
                    tracing::warn!("no sound: {error}");
                    self.is_over = true;
                }
                Err(mpsc::TryRecvError::Disconnected) => self.is_over = true,
                Err(mpsc::TryRecvError::Empty) => {}
            }
        }
        let position = self.ask();
        if self.is_over {
            self.speaking = None;
        }
        position
    }

    fn ask(&mut self) -> Option<Duration> {
        let pipeline = self.pipeline.as_ref()?;
        let wanted = [gst::MessageType::Error, gst::MessageType::Eos];
        if let Some(message) = pipeline.bus().and_then(|bus| bus.pop_filtered(&wanted)) {
            if let gst::MessageView::Error(error) = message.view() {
                tracing::warn!("the sound broke off: {}", error.error());
            }
            self.is_over = true;
        }
        let (_, state, _) = pipeline.state(gst::ClockTime::ZERO);
        if state != gst::State::Playing {
            return None;
        }
        pipeline.query_position::<gst::ClockTime>().map(Duration::from)
    }

    /// Whether it has ended.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.is_over
    }

    /// How long it lasts.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.duration
    }
}

impl Drop for Voice {
    fn drop(&mut self) {
        if let Some(pipeline) = self.pipeline.take().or_else(|| self.opening.try_recv().ok()?.ok()) {
            take_down(pipeline, ());
        }
    }
}

fn open(pcm: &Pcm, sound: Sound) -> Result<gst::Pipeline, gst::glib::Error> {
    let failed = |error: gst::glib::BoolError| gst::glib::Error::new(gst::CoreError::Failed, &error.to_string());
    let rate = i32::try_from(pcm.rate.max(1)).unwrap_or(48_000);
    let caps = gst_audio::AudioCapsBuilder::new_interleaved()
        .format(gst_audio::AudioFormat::S16le)
        .rate(rate)
        .channels(1)
        .build();
    let bytes: Vec<u8> = pcm.samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let source = gst_app::AppSrc::builder()
        .caps(&caps)
        .format(gst::Format::Time)
        // A speech is bounded by the speaker's own limit and given whole.
        .max_bytes(bytes.len() as u64 + 1)
        .build();
    let output = match sound {
        Sound::Device => gst::ElementFactory::make("autoaudiosink").build(),
        Sound::None => gst::ElementFactory::make("fakesink").property("sync", true).build(),
    };
    let chain = [
        source.clone().upcast(),
        gst::ElementFactory::make("audioconvert").build().map_err(failed)?,
        gst::ElementFactory::make("audioresample").build().map_err(failed)?,
        output.map_err(failed)?,
    ];
    let pipeline = gst::Pipeline::new();
    pipeline.add_many(&chain).map_err(failed)?;
    gst::Element::link_many(&chain).map_err(failed)?;
    let started = pipeline.set_state(gst::State::Playing);
    if let Err(error) = started {
        let _ = pipeline.set_state(gst::State::Null);
        return Err(gst::glib::Error::new(gst::CoreError::StateChange, &error.to_string()));
    }
    push(&source, bytes, pcm.rate.max(1));
    Ok(pipeline)
}

fn push(source: &gst_app::AppSrc, bytes: Vec<u8>, rate: u32) {
    let piece = (rate * PIECE_MS / 1000).max(1) as usize * 2;
    let mut done = 0_u64;
    let time = |samples: u64| gst::ClockTime::from_nseconds(samples * 1_000_000_000 / u64::from(rate));
    for chunk in bytes.chunks(piece) {
        let mut buffer = gst::Buffer::from_slice(chunk.to_vec());
        let next = done + (chunk.len() / 2) as u64;
        if let Some(buffer) = buffer.get_mut() {
            buffer.set_pts(time(done));
            buffer.set_duration(time(next).saturating_sub(time(done)));
        }
        done = next;
        if source.push_buffer(buffer).is_err() {
            return;
        }
    }
    // Fails only where the pipeline was taken down meanwhile.
    let _ = source.end_of_stream();
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn a_voice_without_a_device_keeps_its_time() {
        gst::init().expect("GStreamer");
        let pcm = Pcm {
            samples: vec![0; 24_000],
            rate: 48_000,
        };
        let ducking = Ducking::default();
        let mut voice = Voice::play(pcm, Sound::None, &ducking);
        let _ = ducking.gain(Duration::ZERO);
        assert!(
            ducking.gain(Duration::from_secs(1)) < 0.2,
            "films are quieter meanwhile"
        );
        let limit = Instant::now() + Duration::from_secs(20);
        let mut last = Duration::ZERO;
        while !voice.is_over() {
            assert!(Instant::now() < limit, "it never ended; last position {last:?}");
            if let Some(position) = voice.position() {
                assert!(
                    position >= last && position <= Duration::from_millis(600),
                    "{position:?} after {last:?}"
                );
                last = position;
            }
            std::thread::yield_now();
        }
        assert!(last >= Duration::from_millis(400), "{last:?}");
        assert!(
            ducking.gain(Duration::from_secs(9)) > 0.99,
            "and as before once it is over"
        );
    }
}
