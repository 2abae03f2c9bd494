//! A GStreamer plugin with a decoder that ends its process (abort(3)) with the first buffer that it gets, as decoders with
//! a hole do. It knows its files by their first bytes, [`MAGIC`]. Of other files ([`Stall`]) it gives some frames, and then none
//! for a while, or for ever.
//!
//! A program that isn't told of it by `GST_PLUGIN_PATH` knows no such files: nothing for tests is in the player itself.
//!
//! It is also a GL driver that ends its process as soon as it is asked for ([`driver`]), for who names it to libglvnd.

use gst::glib;
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer::subclass::prelude::*;

/// How the files begin.
pub const MAGIC: &[u8; 16] = b"MADOGUCHI-ABORT\n";
/// The plugin's own file.
pub const FILE: &str = "libbad_decoder.so";

const CAPS: &str = "application/x-madoguchi-abort";

mod stall;

pub use stall::Stall;

mod imp {
    use std::sync::{LazyLock, Mutex};

    use super::*;

    /// The decoder's state.
    #[derive(Default)]
    pub struct BadDecoder {
        /// Of its film, once that is known.
        length: Mutex<Option<gst::ClockTime>>,
    }

    #[glib::object_subclass]
    impl ObjectSubclass for BadDecoder {
        const NAME: &'static str = "MadoguchiBadDecoder";
        type Type = super::BadDecoder;
        type ParentType = gst::Element;
    }

    impl ObjectImpl for BadDecoder {
        fn constructed(&self) {
            self.parent_constructed();
            let element = self.obj();
            for template in Self::pad_templates() {
                let mut pad = gst::Pad::builder_from_template(template);
                if template.direction() == gst::PadDirection::Sink {
                    pad = pad.chain_function(chain).event_function(event);
                } else {
                    pad = pad.query_function(query);
                }
                let added = element.add_pad(&pad.build());
                debug_assert!(added.is_ok(), "a new element has no pad yet");
            }
        }
    }

    fn chain(
        pad: &gst::Pad,
        parent: Option<&gst::Object>,
        buffer: gst::Buffer,
    ) -> Result<gst::FlowSuccess, gst::FlowError> {
        let of = parent.and_then(|it| it.downcast_ref::<super::BadDecoder>());
        let bytes = buffer.map_readable().map_err(|_| gst::FlowError::Error)?;
        let (Some(of), Some(stall)) = (of, Stall::read(&bytes)) else {
            std::process::abort()
        };
        *of.imp().length.lock().map_err(|_| gst::FlowError::Error)? = Some(stall.length());
        let out = of.static_pad("src").ok_or(gst::FlowError::Error)?;
        let done = stall.play(&out);
        let _ = pad;
        done
    }

    /// The file's own segment is of bytes: frames have another one.
    fn event(pad: &gst::Pad, parent: Option<&gst::Object>, event: gst::Event) -> bool {
        let is_ours = matches!(event.type_(), gst::EventType::Segment | gst::EventType::Caps);
        is_ours || gst::Pad::event_default(pad, parent, event)
    }

    fn query(pad: &gst::Pad, parent: Option<&gst::Object>, query: &mut gst::QueryRef) -> bool {
        let of = parent.and_then(|it| it.downcast_ref::<super::BadDecoder>());
        let length = of.and_then(|it| *it.imp().length.lock().ok()?);
        if let gst::QueryViewMut::Duration(asked) = query.view_mut()
            && asked.format() == gst::Format::Time
            && let Some(length) = length
        {
            asked.set(length);
            return true;
        }
        gst::Pad::query_default(pad, parent, query)
    }

    impl GstObjectImpl for BadDecoder {}

    impl ElementImpl for BadDecoder {
        fn metadata() -> Option<&'static gst::subclass::ElementMetadata> {
            static METADATA: LazyLock<gst::subclass::ElementMetadata> = LazyLock::new(|| {
                gst::subclass::ElementMetadata::new(
                    "A decoder with a hole",
                    "Codec/Decoder/Video",
                    "Ends its process",
                    "Madoguchi",
                )
            });
            Some(&*METADATA)
        }

        fn pad_templates() -> &'static [gst::PadTemplate] {
            static TEMPLATES: LazyLock<Vec<gst::PadTemplate>> = LazyLock::new(|| {
                let of = |name, direction, caps: &gst::Caps| {
                    gst::PadTemplate::new(name, direction, gst::PadPresence::Always, caps)
                };
                let (file, picture) = (
                    gst::Caps::builder(CAPS).build(),
                    gst::Caps::builder("video/x-raw").build(),
                );
                [
                    of("sink", gst::PadDirection::Sink, &file),
                    of("src", gst::PadDirection::Src, &picture),
                ]
                .into_iter()
                .flatten()
                .collect()
            });
            &TEMPLATES
        }
    }
}

glib::wrapper! {
    /// The decoder.
    pub struct BadDecoder(ObjectSubclass<imp::BadDecoder>) @extends gst::Element, gst::Object;
}

fn plugin_init(plugin: &gst::Plugin) -> Result<(), glib::BoolError> {
    let caps = gst::Caps::builder(CAPS).build();
    gst::TypeFind::register(
        Some(plugin),
        "madoguchi-abort",
        gst::Rank::PRIMARY,
        Some("abort"),
        Some(&caps.clone()),
        move |find| {
            if matches!(find.peek(0, 16), Some(head) if head == MAGIC || head == stall::MAGIC) {
                find.suggest(gst::TypeFindProbability::Maximum, &caps);
            }
        },
    )?;
    gst::Element::register(
        Some(plugin),
        "madoguchibaddecoder",
        gst::Rank::PRIMARY,
        BadDecoder::static_type(),
    )
}

mod plugin {
    use super::{gst, plugin_init};

    gst::plugin_define!(
        bad_decoder,
        "A decoder that takes its process with it, for tests",
        plugin_init,
        "0.1.0",
        "MIT/X11",
        "madoguchi",
        "madoguchi",
        "https://example.invalid/",
        "2026-11-29"
    );
}

pub mod driver {
    //! As a vendor's EGL (libglvnd's interface between libEGL and drivers): a file that names this library goes to
    //! `__EGL_VENDOR_LIBRARY_FILENAMES`.

    /// The variable with which it never answers instead.
    pub const HANGS: &str = "MADOGUCHI_BAD_DRIVER_HANGS";

    /// What libEGL calls first in a driver.
    #[expect(unsafe_code, reason = "libglvnd looks for this name")]
    #[unsafe(no_mangle)]
    pub extern "C" fn __egl_Main() {
        if std::env::var_os(HANGS).is_none() {
            std::process::abort();
        }
        loop {
            std::thread::park();
        }
    }
}
