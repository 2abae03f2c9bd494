//! Films that stall.

use std::time::Duration;

use gst::prelude::*;
use gstreamer as gst;

/// How their files begin.
pub(crate) const MAGIC: &[u8; 16] = b"MADOGUCHI-STALL\n";
/// For ever, in milliseconds.
const FOR_EVER: u32 = u32::MAX;
/// Pixels wide and high.
const SIZE: (u16, u16) = (128, 72);
/// Frames a second.
const RATE: u16 = 30;

/// A film of one colour, 128 x 72 at 30 frames a second, that stalls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// So many frames come at once.
    pub before: u16,
    /// So long nothing comes; `None`: for ever.
    pub pause: Option<Duration>,
    /// Then these. The film says that it is as long as both.
    pub after: u16,
    /// Red, green, blue.
    pub color: [u8; 3],
}

impl Stall {
    /// The film's file.
    #[must_use]
    pub fn file(&self) -> Vec<u8> {
        let pause = self
            .pause
            .map_or(FOR_EVER, |it| u32::try_from(it.as_millis()).unwrap_or(FOR_EVER));
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.before.to_be_bytes());
        bytes.extend(pause.to_be_bytes());
        bytes.extend(self.after.to_be_bytes());
        bytes.extend(self.color);
        bytes
    }

    /// Reads one; `None`: it is something else.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        let rest: &[u8; 11] = bytes.strip_prefix(MAGIC)?.first_chunk()?;
        let [b0, b1, p0, p1, p2, p3, a0, a1, red, green, blue] = *rest;
        let pause = u32::from_be_bytes([p0, p1, p2, p3]);
        Some(Self {
            before: u16::from_be_bytes([b0, b1]),
            pause: (pause != FOR_EVER).then(|| Duration::from_millis(pause.into())),
            after: u16::from_be_bytes([a0, a1]),
            color: [red, green, blue],
        })
    }

    /// How long the film says that it is.
    pub(crate) fn length(&self) -> gst::ClockTime {
        time(u64::from(self.before) + u64::from(self.after))
    }

    /// Gives the frames to a pad, on this thread.
    pub(crate) fn play(&self, pad: &gst::Pad) -> Result<gst::FlowSuccess, gst::FlowError> {
        if self.before > 0 {
            self.begin(pad);
        }
        for number in 0..u64::from(self.before) {
            pad.push(self.frame(number)?)?;
        }
        match self.pause {
            Some(pause) => std::thread::sleep(pause),
            None => loop {
                std::thread::park();
            },
        }
        if self.before == 0 {
            self.begin(pad);
        }
        let from = u64::from(self.before);
        for number in from..from + u64::from(self.after) {
            pad.push(self.frame(number)?)?;
        }
        Ok(gst::FlowSuccess::Ok)
    }

    fn begin(&self, pad: &gst::Pad) {
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", "BGRx")
            .field("width", i32::from(SIZE.0))
            .field("height", i32::from(SIZE.1))
            .field("framerate", gst::Fraction::new(RATE.into(), 1))
            .field("pixel-aspect-ratio", gst::Fraction::new(1, 1));
        pad.push_event(gst::event::Caps::new(&caps.build()));
        pad.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
    }

    fn frame(&self, number: u64) -> Result<gst::Buffer, gst::FlowError> {
        let [red, green, blue] = self.color;
        let pixels = [blue, green, red, 0].repeat(usize::from(SIZE.0) * usize::from(SIZE.1));
        let mut buffer = gst::Buffer::from_mut_slice(pixels);
        let ours = buffer.get_mut().ok_or(gst::FlowError::Error)?;
        ours.set_pts(time(number));
        ours.set_duration(time(1));
        Ok(buffer)
    }
}

fn time(frames: u64) -> gst::ClockTime {
    gst::ClockTime::from_nseconds(frames * 1_000_000_000 / u64::from(RATE))
}
