//! A broadcast to be watched by WHEP over TLS, well or with every trouble it can have: GStreamer sends to who posts an offer.
#![allow(dead_code, clippy::expect_used)]

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, post};
use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_webrtc::gst_sdp::SDPMessage;
use gstreamer_webrtc::{WebRTCICEGatheringState, WebRTCSDPType, WebRTCSessionDescription};
use signage_player::live::{Office, Processes};

use super::live::processes;
use super::server::{Tls, serve};

pub const TOKEN: &str = "a-screen-s-token";
const SDP: &str = "application/sdp";

/// How it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mood {
    /// Sends a red picture in which a ball moves.
    Well(Codec),
    /// Answers, and sends nothing.
    Silent,
    /// Answers with this.
    Refuses(StatusCode),
    /// Says that it has made a session, and answers with this.
    Answers(&'static str, &'static str),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    Vp8,
    H264,
}

struct Told {
    mood: Mutex<Mood>,
    sessions: Mutex<BTreeMap<usize, gst::Pipeline>>,
    begun: AtomicUsize,
    ended: AtomicUsize,
    tokens: Mutex<Vec<Option<String>>>,
}

/// The broadcast's server.
pub struct Whep {
    told: Arc<Told>,
    tls: Tls,
    dir: tempfile::TempDir,
}

impl Whep {
    pub fn start() -> Self {
        gst::init().expect("GStreamer");
        let told = Arc::new(Told {
            mood: Mutex::new(Mood::Well(Codec::Vp8)),
            sessions: Mutex::default(),
            begun: AtomicUsize::new(0),
            ended: AtomicUsize::new(0),
            tokens: Mutex::default(),
        });
        let router = Router::new()
            .route("/whep/one", post(begin))
            .route("/whep/one/{session}", delete(end))
            .with_state(Arc::clone(&told));
        let tls = serve(router);
        let dir = tempfile::tempdir().expect("temp");
        std::fs::write(dir.path().join("token"), TOKEN).expect("written");
        std::fs::write(dir.path().join("ca.pem"), &tls.authority).expect("written");
        Self { told, tls, dir }
    }

    pub fn url(&self) -> String {
        format!("{}/whep/one", self.tls.url)
    }

    /// Who trusts it, and shows it the screen's token if it is the office's own.
    pub fn processes(&self, is_the_offices: bool) -> Processes {
        let server = if is_the_offices {
            self.tls.url.clone()
        } else {
            "https://office.example".to_owned()
        };
        let office = Office {
            server,
            token: self.dir.path().join("token"),
            authority: self.dir.path().join("ca.pem"),
        };
        processes(Some(office))
    }

    pub fn be(&self, mood: Mood) {
        *self.told.mood.lock().expect("lock") = mood;
    }

    /// How many sessions were begun, and how many of them their viewers have ended.
    pub fn sessions(&self) -> (usize, usize) {
        (
            self.told.begun.load(Ordering::SeqCst),
            self.told.ended.load(Ordering::SeqCst),
        )
    }

    /// The tokens that were shown.
    pub fn tokens(&self) -> Vec<Option<String>> {
        self.told.tokens.lock().expect("lock").clone()
    }

    /// Nothing is sent any more to who is there now, and nobody is told.
    pub fn fall_silent(&self) {
        for pipeline in self.told.sessions.lock().expect("lock").values() {
            let valve = pipeline.by_name("valve").expect("there");
            valve.set_property("drop", true);
        }
    }

    /// Who is there now loses the connection.
    pub fn drop_all(&self) {
        let all = std::mem::take(&mut *self.told.sessions.lock().expect("lock"));
        for pipeline in all.values() {
            pipeline.set_state(gst::State::Null).expect("stops");
        }
    }
}

impl Drop for Whep {
    fn drop(&mut self) {
        self.drop_all();
    }
}

async fn begin(State(told): State<Arc<Told>>, headers: HeaderMap, offer: String) -> Response {
    let said = |name| headers.get(name).and_then(|it| it.to_str().ok());
    assert_eq!(said(header::CONTENT_TYPE), Some(SDP));
    let token = said(header::AUTHORIZATION).and_then(|it| it.strip_prefix("Bearer "));
    told.tokens.lock().expect("lock").push(token.map(str::to_owned));
    let mood = *told.mood.lock().expect("lock");
    let codec = match mood {
        Mood::Refuses(status) => return status.into_response(),
        Mood::Answers(kind, body) => return made(&told, kind, body.to_owned(), None),
        Mood::Silent => Codec::Vp8,
        Mood::Well(codec) => codec,
    };
    let answering = move || answer(&offer, codec, mood == Mood::Silent);
    let (pipeline, answer) = tokio::task::spawn_blocking(answering).await.expect("answered");
    made(&told, SDP, answer, Some(pipeline))
}

fn made(told: &Told, kind: &'static str, body: String, pipeline: Option<gst::Pipeline>) -> Response {
    let session = told.begun.fetch_add(1, Ordering::SeqCst);
    if let Some(pipeline) = pipeline {
        told.sessions.lock().expect("lock").insert(session, pipeline);
    }
    let location = format!("one/{session}");
    let headers = [(header::CONTENT_TYPE, kind.to_owned()), (header::LOCATION, location)];
    (StatusCode::CREATED, headers, body).into_response()
}

async fn end(State(told): State<Arc<Told>>, Path(session): Path<usize>) -> StatusCode {
    told.ended.fetch_add(1, Ordering::SeqCst);
    let pipeline = told.sessions.lock().expect("lock").remove(&session);
    if let Some(pipeline) = pipeline {
        let stopping = move || pipeline.set_state(gst::State::Null).map(drop);
        tokio::task::spawn_blocking(stopping)
            .await
            .expect("ran")
            .expect("stopped");
    }
    StatusCode::OK
}

/// Begins to send to who made an offer. Gives the answer.
fn answer(offer: &str, codec: Codec, is_silent: bool) -> (gst::Pipeline, String) {
    let encoder = match codec {
        Codec::Vp8 => {
            "vp8enc deadline=1 target-bitrate=800000 keyframe-max-dist=30 ! rtpvp8pay picture-id-mode=15-bit ! \
             application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000"
        }
        Codec::H264 => {
            "x264enc tune=zerolatency speed-preset=ultrafast bitrate=800 key-int-max=30 ! \
             video/x-h264,profile=constrained-baseline ! rtph264pay config-interval=-1 aggregate-mode=zero-latency ! \
             application/x-rtp,media=video,encoding-name=H264,payload=98,clock-rate=90000"
        }
    };
    let line = format!(
        "videotestsrc is-live=true pattern=ball background-color=0xffc00000 ! \
         video/x-raw,format=I420,width=640,height=360,framerate=30/1 ! {encoder} ! valve name=valve drop={is_silent} ! \
         queue ! webrtcbin name=peer bundle-policy=max-bundle"
    );
    let pipeline = gst::parse::launch(&line)
        .expect("a pipeline")
        .downcast::<gst::Pipeline>()
        .expect("one");
    let peer = pipeline.by_name("peer").expect("there");
    let (gathered, done) = mpsc::channel();
    peer.connect_notify(Some("ice-gathering-state"), move |peer, _| {
        let state: WebRTCICEGatheringState = peer.property("ice-gathering-state");
        if state == WebRTCICEGatheringState::Complete {
            let _ = gathered.send(());
        }
    });
    pipeline.set_state(gst::State::Playing).expect("plays");
    let offer = SDPMessage::parse_buffer(offer.as_bytes()).expect("SDP");
    let offer = WebRTCSessionDescription::new(WebRTCSDPType::Offer, offer);
    let promise = gst::Promise::new();
    peer.emit_by_name::<()>("set-remote-description", &[&offer, &promise]);
    promise.wait();
    let promise = gst::Promise::new();
    peer.emit_by_name::<()>("create-answer", &[&None::<gst::Structure>, &promise]);
    promise.wait();
    let answer: WebRTCSessionDescription = promise.get_reply().expect("a reply").get("answer").expect("an answer");
    let promise = gst::Promise::new();
    peer.emit_by_name::<()>("set-local-description", &[&answer, &promise]);
    promise.wait();
    done.recv_timeout(Duration::from_secs(10)).expect("addresses");
    let answer: WebRTCSessionDescription = peer.property("local-description");
    (pipeline, answer.sdp().as_text().expect("text"))
}
