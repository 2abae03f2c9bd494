//! Writes parts of every frame to a file at the moment at which it is shown: benches read there what the screen
//! really showed, and when.
//!
//! A record: the monotonic clock and the time of day (both nanoseconds, little endian, 8 bytes each), then the
//! spots' pixels (BGRx) in their order. All records are of one length.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use gstreamer as gst;
use gstreamer::prelude::*;
use protocol::screen::Rect;

/// A part of the picture, of which every `step`th pixel of every `step`th row is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spot {
    /// Where.
    pub rect: Rect,
    /// From pixel to pixel and from row to row, at least 1.
    pub step: u32,
}

/// What is captured.
#[derive(Debug, Clone, Default)]
pub struct Capture {
    /// The file; one that is there is written anew.
    pub file: PathBuf,
    /// The parts.
    pub spots: Vec<Spot>,
}

impl Spot {
    /// Adds the pixels of a frame of that width; black where the frame doesn't reach.
    fn read(&self, frame: &[u8], width: u32, record: &mut Vec<u8>) {
        let step = self.step.max(1) as usize;
        for y in (self.rect.y..self.rect.y.saturating_add(self.rect.height)).step_by(step) {
            for x in (self.rect.x..self.rect.x.saturating_add(self.rect.width)).step_by(step) {
                let at = (y as usize * width as usize + x as usize) * 4;
                let pixel = frame.get(at..at + 4).filter(|_| x < width);
                record.extend_from_slice(pixel.unwrap_or(&[0; 4]));
            }
        }
    }
}

/// Captures what a `fakesink` shows; its frames are BGRx without gaps, of the width that its caps say.
///
/// # Errors
/// When the file can't be made.
pub fn start(sink: &gst::Element, clock: &gst::Clock, capture: &Capture) -> Result<()> {
    let file = File::create(&capture.file).with_context(|| capture.file.display().to_string())?;
    let state = Mutex::new((file, Vec::<u8>::new()));
    let (spots, clock) = (capture.spots.clone(), clock.clone());
    sink.set_property("signal-handoffs", true);
    // Comes after the wait for the frame's time: it is on show now.
    sink.connect("handoff", false, move |values| {
        let monotonic = clock.time().nseconds();
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let buffer = values.get(1)?.get::<gst::Buffer>().ok()?;
        let pad = values.get(2)?.get::<gst::Pad>().ok()?;
        let caps = pad.current_caps()?;
        let width = u32::try_from(caps.structure(0)?.get::<i32>("width").ok()?).ok()?;
        let map = buffer.map_readable().ok()?;
        let mut state = state.lock().ok()?;
        let (file, record) = &mut *state;
        record.clear();
        record.extend_from_slice(&monotonic.to_le_bytes());
        record.extend_from_slice(&u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX).to_le_bytes());
        spots.iter().for_each(|spot| spot.read(map.as_slice(), width, record));
        if let Err(error) = file.write_all(record) {
            tracing::warn!("the capture can't be written: {error}");
        }
        None
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spot_is_read_in_steps_and_never_beyond_the_frame() {
        let frame: Vec<u8> = (0..4 * 4 * 2).collect();
        let spot = |x, y, width, height, step| {
            let mut record = Vec::new();
            let rect = Rect { x, y, width, height };
            Spot { rect, step }.read(&frame, 4, &mut record);
            record.chunks(4).map(|pixel| pixel[0]).collect::<Vec<_>>()
        };
        assert_eq!(spot(1, 0, 3, 2, 2), [4, 12]);
        assert_eq!(spot(2, 1, 2, 1, 1), [24, 28]);
        assert_eq!(spot(3, 1, 2, 2, 1), [28, 0, 0, 0]);
        assert_eq!(spot(u32::MAX, u32::MAX, 9, 9, 0), [] as [u8; 0]);
    }
}
