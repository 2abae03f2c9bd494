//! GStreamer as a broadcaster and as a viewer: its own WHIP sink (RFC 9725) and WHEP source (draft-ietf-wish-whep) over its own
//! WebRTC stack, for tests of ours against an implementation that shares nothing with the server's or the browsers'.
//!
//! Prints a line of JSON for each second: how many pictures and sounds went by. Ends with 1 and the reason when the pipeline
//! fails.

#![forbid(unsafe_code)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::{Parser, ValueEnum};
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use serde_json::json;

/// A broadcaster, or a viewer, in GStreamer.
#[derive(Debug, Parser)]
enum Command {
    /// Brings a moving test picture and a tone to a WHIP address.
    Publish {
        #[command(flatten)]
        at: At,
        /// What the picture is sent as.
        #[arg(long, value_enum, default_value_t = Codec::Vp8)]
        codec: Codec,
    },
    /// Watches a WHEP address.
    Watch {
        #[command(flatten)]
        at: At,
        /// What the picture is asked for as.
        #[arg(long, value_enum, default_value_t = Codec::Vp8)]
        codec: Codec,
    },
}

#[derive(Debug, clap::Args)]
struct At {
    /// The address, `https://…`.
    #[arg(long)]
    url: String,
    /// The bearer token.
    #[arg(long)]
    token: Option<String>,
    /// How long, in seconds.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// As in a network that lets no UDP out.
    #[arg(long)]
    tcp_only: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Codec {
    Vp8,
    H264,
}

/// The format of a picture's RTP packets, as GStreamer names it.
fn picture_caps(codec: Codec) -> String {
    let name = match codec {
        Codec::Vp8 => "VP8",
        Codec::H264 => "H264",
    };
    format!("application/x-rtp,media=video,encoding-name={name},payload=96,clock-rate=90000")
}

/// What a viewer says it can show: of H.264, what every browser can.
fn wanted_caps(codec: Codec) -> String {
    let caps = picture_caps(codec);
    match codec {
        Codec::Vp8 => caps,
        Codec::H264 => format!("{caps},packetization-mode=(string)1,profile-level-id=(string)42e01f"),
    }
}

const SOUND_CAPS: &str =
    "application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,encoding-params=(string)2";

/// What went by.
#[derive(Debug, Default)]
struct Seen {
    pictures: AtomicU64,
    sounds: AtomicU64,
    height: AtomicU32,
}

fn main() -> anyhow::Result<()> {
    let command = Command::parse();
    ensure!(
        rustls::crypto::aws_lc_rs::default_provider().install_default().is_ok(),
        "another TLS provider is installed already"
    );
    gst::init().context("GStreamer doesn't start")?;
    gstwebrtchttp::plugin_register_static().context("the WHIP and WHEP elements can't be had")?;
    let seen = Arc::new(Seen::default());
    let (pipeline, at) = match &command {
        Command::Publish { at, codec } => (publisher(at, *codec, &seen)?, at),
        Command::Watch { at, codec } => (watcher(at, *codec, &seen)?, at),
    };
    if at.tcp_only {
        leave_udp_out(&pipeline)?;
    }
    let played = play(&pipeline, at.seconds, &seen);
    // Takes the session's address back (DELETE).
    pipeline.set_state(gst::State::Null)?;
    played
}

/// Has libnice gather no candidates by UDP.
fn leave_udp_out(pipeline: &gst::Pipeline) -> anyhow::Result<()> {
    let mut peers = 0;
    for element in pipeline.iterate_recurse() {
        let element = element?;
        if element.factory().is_none_or(|it| it.name() != "webrtcbin") {
            continue;
        }
        let ice = element
            .property::<Option<glib::Object>>("ice-agent")
            .context("no ICE")?;
        let agent = ice.property::<Option<glib::Object>>("agent").context("no libnice")?;
        agent.set_property("ice-udp", false);
        peers += 1;
    }
    ensure!(peers == 1, "{peers} peers");
    Ok(())
}

fn publisher(At { url, token, .. }: &At, codec: Codec, seen: &Arc<Seen>) -> anyhow::Result<gst::Pipeline> {
    let encoder = match codec {
        Codec::Vp8 => {
            "vp8enc deadline=1 target-bitrate=800000 keyframe-max-dist=60 error-resilient=default ! rtpvp8pay picture-id-mode=15-bit"
        }
        Codec::H264 => {
            "x264enc tune=zerolatency speed-preset=ultrafast bitrate=800 key-int-max=60 ! \
             video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 aggregate-mode=zero-latency"
        }
    };
    let pipeline = gst::parse::launch(&format!(
        "whipsink name=sink \
         videotestsrc is-live=true pattern=ball ! video/x-raw,format=I420,width=640,height=360,framerate=30/1 ! identity name=pictures ! {encoder} ! \
         {} ! queue max-size-time=200000000 ! sink. \
         audiotestsrc is-live=true freq=440 ! audioconvert ! audioresample ! opusenc ! identity name=sounds ! rtpopuspay ! {SOUND_CAPS} ! \
         queue max-size-time=200000000 ! sink.",
        picture_caps(codec)
    ))?
    .downcast::<gst::Pipeline>()
    .map_err(|_| anyhow::anyhow!("no pipeline"))?;
    let sink = pipeline.by_name("sink").context("no sink")?;
    sink.set_property("whip-endpoint", url);
    sink.set_property("auth-token", token);
    for (name, kind) in [("pictures", Kind::Picture), ("sounds", Kind::Sound)] {
        let element = pipeline.by_name(name).context("no such element")?;
        count(&element.static_pad("src").context("no pad")?, kind, seen);
    }
    Ok(pipeline)
}

fn watcher(At { url, token, .. }: &At, codec: Codec, seen: &Arc<Seen>) -> anyhow::Result<gst::Pipeline> {
    let pipeline = gst::Pipeline::new();
    let source = gst::ElementFactory::make("whepsrc")
        .property("whep-endpoint", url)
        .property("auth-token", token)
        .property("video-caps", wanted_caps(codec).parse::<gst::Caps>()?)
        .property("audio-caps", SOUND_CAPS.parse::<gst::Caps>()?)
        .build()?;
    pipeline.add(&source)?;
    let (weak, seen) = (pipeline.downgrade(), Arc::clone(seen));
    source.connect_pad_added(move |_, pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        if let Err(error) = show(&pipeline, pad, &seen) {
            gst::element_error!(pipeline, gst::CoreError::Pad, ("what came can't be shown: {error:#}"));
        }
    });
    Ok(pipeline)
}

/// Decodes what comes by a pad, and counts it.
fn show(pipeline: &gst::Pipeline, pad: &gst::Pad, seen: &Arc<Seen>) -> anyhow::Result<()> {
    let decoder = gst::ElementFactory::make("decodebin").build()?;
    pipeline.add(&decoder)?;
    let (weak, seen) = (pipeline.downgrade(), Arc::clone(seen));
    decoder.connect_pad_added(move |_, pad| {
        let Some(pipeline) = weak.upgrade() else { return };
        let caps = pad.current_caps().unwrap_or_else(|| pad.query_caps(None));
        let is_sound = caps.structure(0).is_some_and(|it| it.name().starts_with("audio/"));
        count(pad, if is_sound { Kind::Sound } else { Kind::Picture }, &seen);
        let end = || -> anyhow::Result<()> {
            let sink = gst::ElementFactory::make("fakesink").property("sync", false).build()?;
            pipeline.add(&sink)?;
            sink.sync_state_with_parent()?;
            pad.link(&sink.static_pad("sink").context("no pad")?)?;
            Ok(())
        };
        if let Err(error) = end() {
            gst::element_error!(pipeline, gst::CoreError::Pad, ("what came can't be shown: {error:#}"));
        }
    });
    decoder.sync_state_with_parent()?;
    pad.link(&decoder.static_pad("sink").context("no pad")?)?;
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Picture,
    Sound,
}

fn count(pad: &gst::Pad, kind: Kind, seen: &Arc<Seen>) {
    let seen = Arc::clone(seen);
    pad.add_probe(gst::PadProbeType::BUFFER, move |pad, _| {
        match kind {
            Kind::Picture => {
                seen.pictures.fetch_add(1, Relaxed);
                let height = pad
                    .current_caps()
                    .and_then(|it| it.structure(0)?.get::<i32>("height").ok());
                seen.height.store(height.unwrap_or(0).unsigned_abs(), Relaxed);
            }
            Kind::Sound => {
                seen.sounds.fetch_add(1, Relaxed);
            }
        }
        gst::PadProbeReturn::Ok
    });
}

fn play(pipeline: &gst::Pipeline, seconds: u64, seen: &Seen) -> anyhow::Result<()> {
    let bus = pipeline.bus().context("no bus")?;
    pipeline.set_state(gst::State::Playing)?;
    let until = std::time::Instant::now() + Duration::from_secs(seconds);
    let mut next = std::time::Instant::now();
    while std::time::Instant::now() < until {
        if let Some(message) = bus.timed_pop(gst::ClockTime::from_mseconds(100)) {
            match message.view() {
                gst::MessageView::Error(error) => bail!("{}: {:?}", error.error(), error.debug()),
                gst::MessageView::Eos(_) => break,
                _ => {}
            }
        }
        if std::time::Instant::now() >= next {
            next += Duration::from_secs(1);
            let line = json!({
                "pictures": seen.pictures.load(Relaxed),
                "sounds": seen.sounds.load(Relaxed),
                "height": seen.height.load(Relaxed),
            });
            println!("{line}");
        }
    }
    Ok(())
}
