//! The elements behind what decodes: the picture's, fitted into its zone, and the sound's.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_app as gst_app;
use gstreamer_video as gst_video;

use super::super::Fault;

/// The largest side of a picture that is taken, in pixels.
const MAX_SIDE: i32 = 8192;

/// The element that makes it quieter.
pub(super) const VOLUME: &str = "loudness";

/// Links what the file turns out to hold: the first picture stream, and the first sound.
pub(super) fn connect(pipeline: &gst::Pipeline, decode: &gst::Element, sink: &gst_app::AppSink, zone: (u32, u32)) {
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
pub(super) fn fitted(caps: &gst::Caps, zone: (u32, u32)) -> Result<(i32, i32), Fault> {
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
