//! The server: H.264 in RTP in RTSP, from pictures that a thread draws, ten a second unless told otherwise.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use gstreamer as gst;
use gstreamer::glib;
use gstreamer::prelude::*;
use gstreamer_app::AppSrc;
use gstreamer_rtsp_server as server;
use gstreamer_rtsp_server::prelude::*;

use crate::PATH;
use crate::picture::{Painter, View};

/// A key frame every two seconds, as cameras have them. One slice a picture: of several, OpenCV 4.6 loses some. The same
/// quality always, so that a picture that stands still comes out the same.
const LAUNCH: &str = "( appsrc name=pictures is-live=true format=time do-timestamp=true block=false max-buffers=2 \
    leaky-type=downstream ! videoconvert ! video/x-raw,format=I420 ! \
    x264enc tune=zerolatency sliced-threads=false threads=1 speed-preset=ultrafast key-int-max=20 pass=quant quantizer=25 ! \
    rtph264pay name=pay0 pt=96 config-interval=-1 )";

/// Who may watch, in the server's words.
const ROLE: &str = "viewer";

/// What the drawing thread and the server's share.
#[derive(Debug, Default)]
struct Shared {
    view: Mutex<View>,
    /// Sources of the media that somebody watches.
    sources: Mutex<Vec<AppSrc>>,
    is_over: Mutex<bool>,
}

/// A running server; it ends when it is dropped.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    port: u16,
    main_loop: glib::MainLoop,
    threads: Vec<thread::JoinHandle<()>>,
}

impl Server {
    /// Starts on a free port of this machine.
    pub fn start(user: Option<(&str, &str)>) -> Result<Self> {
        gst::init()?;
        for needed in ["x264enc", "rtph264pay", "appsrc"] {
            ensure!(gst::ElementFactory::find(needed).is_some(), "GStreamer lacks {needed}");
        }
        let shared = Arc::<Shared>::default();
        let factory = server::RTSPMediaFactory::new();
        factory.set_launch(LAUNCH);
        factory.set_shared(true);
        let added = Arc::clone(&shared);
        factory.connect_media_configure(move |_, media| {
            let bin = media.element().downcast::<gst::Bin>();
            let source = bin.ok().and_then(|bin| bin.by_name_recurse_up("pictures"));
            if let Some(source) = source.and_then(|source| source.downcast::<AppSrc>().ok()) {
                lock(&added.sources).push(source);
            }
        });
        let context = glib::MainContext::new();
        let rtsp = server::RTSPServer::new();
        if let Some((name, password)) = user {
            let auth = server::RTSPAuth::new();
            auth.set_supported_methods(server::gst_rtsp::RTSPAuthMethod::Digest);
            let token = server::RTSPToken::builder().field("media.factory.role", ROLE).build();
            auth.add_digest(name, password, &token);
            rtsp.set_auth(Some(&auth));
            let role = gst::Structure::builder(ROLE)
                .field("media.factory.access", true)
                .field("media.factory.construct", true)
                .build();
            factory.add_role_from_structure(&role);
        }
        rtsp.set_address("127.0.0.1");
        rtsp.set_service("0");
        let mounts = rtsp.mount_points().context("a server has mount points")?;
        mounts.add_factory(PATH, factory);
        rtsp.attach(Some(&context)).context("the server gets no port")?;
        let port = u16::try_from(rtsp.bound_port()).context("the server gets no port")?;
        let main_loop = glib::MainLoop::new(Some(&context), false);
        let serving = main_loop.clone();
        let serve = thread::spawn(move || {
            let _server = rtsp;
            let _ = context.with_thread_default(|| serving.run());
        });
        let drawn = Arc::clone(&shared);
        let draw = thread::spawn(move || draw(&drawn));
        Ok(Self {
            shared,
            port,
            main_loop,
            threads: vec![serve, draw],
        })
    }

    pub fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    pub fn view(&self) -> MutexGuard<'_, View> {
        lock(&self.shared.view)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        *lock(&self.shared.is_over) = true;
        self.main_loop.quit();
        for thread in self.threads.drain(..) {
            let _ = thread.join();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Draws until the server ends. A client that is slow gets fewer pictures: the source drops the oldest.
fn draw(shared: &Shared) {
    let (start, mut painter) = (Instant::now(), Painter::default());
    let mut last = (Vec::new(), [0, 0]);
    let mut next = start;
    while !*lock(&shared.is_over) {
        let view = lock(&shared.view).clone();
        if !view.is_frozen || last.0.is_empty() || last.1 != view.size {
            last = (painter.draw(&view, start.elapsed().as_secs_f64()), view.size);
        }
        let [width, height] = view.size;
        let caps = gst::Caps::builder("video/x-raw")
            .field("format", "BGR")
            .field("width", i32::try_from(width).unwrap_or(0))
            .field("height", i32::try_from(height).unwrap_or(0))
            .field(
                "framerate",
                gst::Fraction::new(i32::try_from(view.per_second).unwrap_or(10), 1),
            )
            .build();
        lock(&shared.sources).retain(|source| {
            if source.caps().as_ref() != Some(&caps) {
                source.set_caps(Some(&caps));
            }
            source.push_buffer(gst::Buffer::from_slice(last.0.clone())).is_ok()
        });
        // To the beat, whatever drawing took; a machine that can't keep up catches up nothing.
        let now = Instant::now();
        next = (next + Duration::from_secs(1) / view.per_second.max(1)).max(now);
        thread::sleep(next.saturating_duration_since(now));
    }
}
