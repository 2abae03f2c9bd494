//! What is refused before anything is decoded.

use std::sync::atomic::{AtomicBool, Ordering};

use gstreamer as gst;
use gstreamer::prelude::*;

use super::super::{Fault, probe};

/// The same of a video, whose every frame must be decoded in time.
const MAX_VIDEO_SIDE: i32 = 4096;

/// Ends the pipeline before a decoder is made for a picture or a video that is too large: it would take the memory and the
/// time of everything else.
pub(super) fn refuse_large(decode: &gst::Element) {
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
pub(super) fn refuse_other_kinds(decode: &gst::Element, kind: Option<&'static str>) {
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
