//! Live pictures by WHEP (draft-ietf-wish-whep): one offer is posted (`client`), one answer comes, and GStreamer's `webrtcbin`
//! receives (`peer`). Only the picture is asked for: live items are silent.
//!
//! Invariant: a session that was begun is ended (DELETE) when its item is gone, whatever became of it.

mod client;
mod peer;

use std::sync::Arc;

use gstreamer as gst;
use gstreamer::prelude::*;
use runtime::Shutdown;
use tokio::runtime::Handle;

use super::Office;
use crate::item::Fault;
use crate::item::decoder::{self, Decoder, Frames};
use crate::sound::Sound;
pub(crate) use client::Session;

/// What a live picture's address begins with when it is received by WHEP.
const SCHEME: &str = "https://";

/// Whether a live picture's address is one for WHEP.
#[must_use]
pub fn is_whep(url: &str) -> bool {
    url.starts_with(SCHEME)
}

#[derive(Debug)]
struct Network {
    runtime: Handle,
    tasks: Shutdown,
    office: Office,
}

/// Who can begin sessions. Cheap to clone. The default one has no network, and says so.
#[derive(Debug, Clone, Default)]
pub struct Viewer(Option<Arc<Network>>);

impl Viewer {
    /// One that speaks in `runtime`; `tasks` is told of what should be said before the process ends.
    #[must_use]
    pub fn new(runtime: Handle, tasks: Shutdown, office: Office) -> Self {
        Self(Some(Arc::new(Network { runtime, tasks, office })))
    }
}

/// Begins a session at `url`, of whose picture the newest frame is wanted, to be shown in a zone of that size. Takes as long as the server does, at most some seconds.
///
/// # Errors
/// When GStreamer lacks something, or the server can't be reached, refuses, or answers something else.
pub fn open(url: &str, zone: (u32, u32), viewer: &Viewer) -> Result<Decoder, Fault> {
    let decode = decoder::make("decodebin", Sound::None)?;
    let receiver = peer::make(&decode)?;
    let pipeline = gst::Pipeline::new();
    pipeline
        .add_many([&receiver, &decode])
        .map_err(|error| error.to_string())?;
    whole_pictures_only(&pipeline);
    let mut decoder = Decoder::run(&pipeline, &decode, zone, Frames::Newest, None)?;
    decoder.run_live();
    let offer = peer::offer(&receiver)?;
    let (session, answer) = client::begin(viewer, url, offer)?;
    decoder.hold(session);
    peer::take_answer(&receiver, &answer)?;
    Ok(decoder)
}

/// Where packets are lost, the picture stands until there is a whole one, which is asked for; smears are never shown.
fn whole_pictures_only(pipeline: &gst::Pipeline) {
    pipeline.connect_deep_element_added(|_, _, element| {
        for property in ["wait-for-keyframe", "request-keyframe"] {
            if element.has_property(property) {
                element.set_property(property, true);
            }
        }
    });
}
