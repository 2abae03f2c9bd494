//! For those who run the office: `/healthz`, `/metrics`, one log line for each request. Names route
//! templates only, never paths: a path may be a secret link.

use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;
use axum::Router;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounter, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder,
};
use protocol::congestion::CameraStatus;

use crate::app::App;
use crate::problem::{Fault, Refusal};
use crate::visitor::Visitor;

/// What is counted.
#[derive(Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    requests: HistogramVec,
    /// Wrong links that were tried.
    pub(crate) wrong_links: IntCounter,
    /// Logins refused.
    pub(crate) wrong_logins: IntCounter,
    /// What the audit log missed.
    pub(crate) audit_failures: IntCounter,
    /// Live pages now.
    pub(crate) clients: IntGauge,
    /// Live pages that were too slow for their news.
    pub(crate) slow_clients: IntCounter,
    /// Screens now.
    pub(crate) screens: IntGauge,
    /// Readers of the congestion stream now.
    pub(crate) streams: IntGauge,
    /// What is the matter with each camera.
    camera_status: IntGaugeVec,
    /// How often each was lost.
    camera_losses: IntGaugeVec,
    /// Who crossed each camera's line.
    door_crossings: IntGaugeVec,
    /// By how many people doors' areas were set right.
    door_corrections: IntGaugeVec,
}

impl Metrics {
    /// All at zero.
    pub(crate) fn new() -> Result<Self> {
        let registry = Registry::new();
        let requests = HistogramVec::new(
            HistogramOpts::new("signaling_request_seconds", "Time until a response begins")
                .buckets(vec![0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0]),
            &["route", "status"],
        )?;
        registry.register(Box::new(requests.clone()))?;
        let counter = |name: &str, help: &str| -> Result<IntCounter> {
            let counter = IntCounter::with_opts(Opts::new(name, help))?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let gauge = |name: &str, help: &str| -> Result<IntGauge> {
            let gauge = IntGauge::with_opts(Opts::new(name, help))?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let cameras = |name: &str, help: &str, labels: &[&str]| -> Result<IntGaugeVec> {
            let cameras = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(cameras.clone()))?;
            Ok(cameras)
        };
        Ok(Self {
            camera_status: cameras(
                "vision_camera_status",
                "1 at what is the matter with a camera; silent: its worker says nothing",
                &["camera", "status"],
            )?,
            camera_losses: cameras(
                "vision_camera_losses",
                "How often a camera was lost since its worker's start",
                &["camera"],
            )?,
            door_crossings: cameras(
                "vision_door_crossings",
                "Who crossed a camera's line since its worker's start",
                &["camera", "way"],
            )?,
            door_corrections: cameras(
                "vision_door_corrections",
                "By how many people an entrance's area was set right since its worker's start",
                &["camera"],
            )?,
            wrong_links: counter("signaling_wrong_links_total", "Links tried that don't exist")?,
            wrong_logins: counter("signaling_wrong_logins_total", "Logins refused")?,
            audit_failures: counter("signaling_audit_failures_total", "Entries that the audit log missed")?,
            clients: gauge("signaling_clients", "Open pages of residents and staff")?,
            slow_clients: counter(
                "signaling_slow_clients_total",
                "Pages dropped because their queue was full",
            )?,
            screens: gauge("signaling_screens", "Connected screens")?,
            streams: gauge("signaling_streams", "Readers of the congestion stream")?,
            requests,
            registry,
        })
    }
}

impl Metrics {
    /// Takes over what the cameras' workers last said.
    async fn look_at_cameras(&self, app: &App) {
        for camera in &app.config.cameras {
            let last = store::cameras::last_report(&app.store.live, &app.config.office.id, &camera.id).await;
            let id = camera.id.as_str();
            let report = last.ok().flatten();
            let now = report.as_ref().map_or(SILENT, |report| report.status.name());
            for status in CameraStatus::ALL.map(CameraStatus::name).into_iter().chain([SILENT]) {
                let is_it = i64::from(status == now);
                self.camera_status.with_label_values(&[id, status]).set(is_it);
            }
            if let Some(report) = report {
                let losses = i64::try_from(report.losses).unwrap_or(i64::MAX);
                self.camera_losses.with_label_values(&[id]).set(losses);
                let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
                for (way, crossed) in ["in", "out"].into_iter().zip(report.crossed.unwrap_or_default()) {
                    if report.crossed.is_some() {
                        self.door_crossings.with_label_values(&[id, way]).set(number(crossed));
                    }
                }
                if let Some(corrections) = report.corrections {
                    self.door_corrections.with_label_values(&[id]).set(number(corrections));
                }
            }
        }
    }
}

/// The status of a camera whose worker has said nothing for a while, or whose word can't be had.
const SILENT: &str = "silent";

/// Counts something for as long as it lives.
pub(crate) struct Present(IntGauge);

impl Present {
    /// One more.
    pub(crate) fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Present {
    fn drop(&mut self) {
        self.0.dec();
    }
}

/// GET /healthz, /metrics
pub(crate) fn routes() -> Router<Arc<App>> {
    Router::new()
        .route("/healthz", get(healthz))
        .route("/metrics", get(metrics))
}

async fn healthz(State(app): State<Arc<App>>) -> Result<&'static str, Refusal> {
    let (ledger, live) = tokio::join!(app.store.ledger.ping(), app.store.live.ping());
    ledger?;
    live?;
    Ok("ok")
}

/// Only machines of the house are told: loopback and private networks.
async fn metrics(visitor: Visitor) -> Result<Response, Refusal> {
    let is_near = match visitor.address.to_canonical() {
        std::net::IpAddr::V4(v4) => v4.is_loopback() || v4.is_private(),
        std::net::IpAddr::V6(v6) => v6.is_loopback() || v6.is_unique_local(),
    };
    if !is_near {
        return Err(Fault::NotFound.into());
    }
    visitor.app.metrics.look_at_cameras(&visitor.app).await;
    let encoder = TextEncoder::new();
    let mut text = Vec::new();
    if let Err(error) = encoder.encode(&visitor.app.metrics.registry.gather(), &mut text) {
        tracing::error!(%error, "metrics can't be written");
        return Err(Fault::Internal.into());
    }
    let content_type = [(header::CONTENT_TYPE, encoder.format_type().to_owned())];
    Ok((StatusCode::OK, content_type, text).into_response())
}

/// Counts and logs each request by its route's template.
pub(crate) async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or_else(|| "(none)".to_owned(), |path| path.as_str().to_owned());
    let method = request.method().clone();
    let start = Instant::now();
    let response = next.run(request).await;
    let took = start.elapsed();
    let status = response.status();
    app.metrics
        .requests
        .with_label_values(&[route.as_str(), status.as_str()])
        .observe(took.as_secs_f64());
    tracing::debug!(%method, route, status = status.as_u16(), ?took, "request");
    response
}
