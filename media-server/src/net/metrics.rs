//! What happened, as Prometheus reads it (text exposition format 0.0.4).

use prometheus::TextEncoder;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use protocol::ids::NodeId;

use super::latency::BOUNDS_US;
use super::worker::Report;
use crate::core::{DataCounters, DataDrop, DropReason, LINK_BOUNDS_BPS};

/// The media type of [`text`].
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of the node. Its name is among them: who watches it, or measures it, needs it for a token.
#[must_use]
pub fn text(node: &NodeId, report: &Report, is_draining: bool) -> String {
    let families = families(node, report, is_draining).0;
    // Fails only for a family without metrics, and there is none.
    TextEncoder::new().encode_to_string(&families).unwrap_or_default()
}

fn families(node: &NodeId, report: &Report, is_draining: bool) -> Families {
    let counters = &report.counters;
    let mut out = Families::default();
    let info = [("node", node.as_str()), ("version", env!("CARGO_PKG_VERSION"))];
    out.gauges("node_info", "The node's name and version.", &[(&info, 1)]);
    out.gauge("rooms", "Rooms that are open.", counters.rooms);
    out.gauge("participants", "Participants in rooms.", counters.participants);
    out.gauge(
        "participants_spilled",
        "Participants who are served by another worker than their room's.",
        counters.spilled,
    );
    out.gauge(
        "draining",
        "Whether the node takes no new rooms and ends soon.",
        is_draining.into(),
    );
    out.gauge("tracks", "Published tracks.", counters.tracks);
    out.gauge(
        "tracks_held_back",
        "Tracks held back from a subscriber whose link is too narrow.",
        counters.held_back,
    );
    out.gauge(
        "tcp_connections",
        "TCP connections that media comes by.",
        report.tcp.open,
    );
    out.counters(
        "tcp_refused_total",
        "TCP connections closed for want of a valid check, or of a place.",
        "reason",
        &[("no_proof", report.tcp.refused)],
    );
    traffic(&mut out, report);
    data(&mut out, &counters.data);
    let drops = DropReason::ALL.map(|reason| (reason.name(), counters.drops(reason)));
    let of_the_shell = [("unsent", report.unsent), ("tcp_full", report.tcp.lost)];
    out.counters(
        "drops_total",
        "Datagrams and packets that went no further.",
        "reason",
        &[&drops[..], &of_the_shell].concat(),
    );
    let qualities = ["lost", "poor", "good", "excellent"].map(|quality| [("quality", quality)]);
    let qualities: Vec<(&[_], u64)> = qualities.iter().map(|it| &it[..]).zip(counters.qualities).collect();
    out.gauges(
        "connections",
        "Participants by the quality of their connections.",
        &qualities,
    );
    out.histogram(
        (
            "link_bandwidth_bps",
            "Subscribers' links now, by their estimated bandwidth in bits a second.",
        ),
        counters.links_bps as f64,
        &LINK_BOUNDS_BPS.map(|it| it as f64),
        &counters.links,
    );
    out.histogram(
        (
            "forward_latency_seconds",
            "How long datagrams were held, from the system call that gave them to the one that took them.",
        ),
        report.latency.sum_us as f64 / 1e6,
        &BOUNDS_US.map(|it| it as f64 / 1e6),
        &report.latency.counts,
    );
    out
}

/// What went in and out.
fn traffic(out: &mut Families, report: &Report) {
    let counters = &report.counters;
    let mut both = |name, help, inward, outward| {
        out.counters(name, help, "direction", &[("in", inward), ("out", outward)]);
    };
    both(
        "datagrams_total",
        "Datagrams received and sent.",
        counters.datagrams_in,
        counters.datagrams_out,
    );
    both(
        "bytes_total",
        "Bytes of datagrams received and sent.",
        counters.bytes_in,
        counters.bytes_out,
    );
    both(
        "packets_total",
        "Media packets from publishers and to subscribers.",
        counters.packets_in,
        counters.packets_forwarded,
    );
    both(
        "nacks_total",
        "Packets that subscribers asked for again (in), and NACK messages to publishers (out).",
        counters.nacks_in,
        counters.nacks_out,
    );
    both(
        "key_frame_requests_total",
        "Key frames asked for by subscribers (in) and of publishers (out).",
        counters.key_frames_asked,
        counters.key_frames_requested,
    );
    let mut outward = |name, help, value| out.counters(name, help, "direction", &[("out", value)]);
    outward(
        "packets_relayed_total",
        "Media packets from a room's worker to others that serve a part of it.",
        counters.packets_relayed,
    );
    outward(
        "packets_missed_total",
        "Media packets that subscribers reported as lost.",
        counters.packets_missed,
    );
    outward(
        "packets_resent_total",
        "Media packets sent again to subscribers.",
        counters.packets_resent,
    );
}

/// Data messages.
fn data(out: &mut Families, data: &DataCounters) {
    let mut both = |name, help, inward, outward| {
        out.counters(name, help, "direction", &[("in", inward), ("out", outward)]);
    };
    both(
        "data_messages_total",
        "Data messages from participants and to participants.",
        data.messages_in,
        data.messages_out,
    );
    both(
        "data_bytes_total",
        "Bytes of data messages from participants and to participants.",
        data.bytes_in,
        data.bytes_out,
    );
    out.counters(
        "data_drops_total",
        "Data messages that went no further, and channels that were refused.",
        "reason",
        &DataDrop::ALL.map(|reason| (reason.name(), data.drops(reason))),
    );
}

/// Metrics by their names, each name once.
#[derive(Default)]
struct Families(Vec<MetricFamily>);

impl Families {
    fn gauge(&mut self, name: &str, help: &str, value: u64) {
        self.gauges(name, help, &[(&[], value)]);
    }

    /// Values by their labels.
    fn gauges(&mut self, name: &str, help: &str, values: &[(&[(&str, &str)], u64)]) {
        let metrics = values.iter().map(|(labels, value)| {
            let mut gauge = Gauge::default();
            gauge.set_value(*value as f64);
            let mut metric = Metric::from_gauge(gauge);
            metric.set_label(labels.iter().map(|(name, value)| pair(name, value)).collect());
            metric
        });
        self.add(name, help, MetricType::GAUGE, metrics.collect());
    }

    /// Values by one label's.
    fn counters(&mut self, name: &str, help: &str, label: &str, values: &[(&str, u64)]) {
        let metrics = values.iter().map(|(which, value)| {
            let mut counter = Counter::default();
            counter.set_value(*value as f64);
            let mut metric = Metric::from_label(vec![pair(label, which)]);
            metric.set_counter(counter);
            metric
        });
        self.add(name, help, MetricType::COUNTER, metrics.collect());
    }

    /// `counts` are those up to each bound, and one for those above the last.
    fn histogram(&mut self, (name, help): (&str, &str), sum: f64, bounds: &[f64], counts: &[u64]) {
        let mut total = 0;
        let mut buckets = Vec::with_capacity(bounds.len());
        for (at, count) in counts.iter().enumerate() {
            total += count;
            if let Some(bound) = bounds.get(at) {
                let mut bucket = Bucket::default();
                bucket.set_upper_bound(*bound);
                bucket.set_cumulative_count(total);
                buckets.push(bucket);
            }
        }
        let mut histogram = Histogram::default();
        histogram.set_bucket(buckets);
        histogram.set_sample_sum(sum);
        histogram.set_sample_count(total);
        let mut metric = Metric::from_label(Vec::new());
        metric.set_histogram(histogram);
        self.add(name, help, MetricType::HISTOGRAM, vec![metric]);
    }

    fn add(&mut self, name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) {
        let mut family = MetricFamily::default();
        family.set_name(format!("media_{name}"));
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics);
        self.0.push(family);
    }
}

fn pair(name: &str, value: &str) -> LabelPair {
    let mut pair = LabelPair::default();
    pair.set_name(name.to_owned());
    pair.set_value(value.to_owned());
    pair
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_metric_has_its_type_and_every_drop_its_reason() {
        let mut report = Report::default();
        report.counters.rooms = 2;
        report.counters.packets_forwarded = 7;
        report.counters.dropped(DropReason::Muted);
        report.counters.links[2] = 4;
        report.latency.add(std::time::Duration::from_micros(80), 5);
        let text = text(&NodeId::new("n1").expect("valid"), &report, true);
        for line in [
            concat!(
                "media_node_info{node=\"n1\",version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
            "# TYPE media_rooms gauge",
            "media_rooms 2",
            "media_draining 1",
            "# TYPE media_packets_total counter",
            "media_packets_total{direction=\"out\"} 7",
            "media_drops_total{reason=\"muted\"} 1",
            "media_drops_total{reason=\"unsent\"} 0",
            "media_link_bandwidth_bps_bucket{le=\"300000\"} 0",
            "media_link_bandwidth_bps_bucket{le=\"600000\"} 4",
            "media_link_bandwidth_bps_bucket{le=\"+Inf\"} 4",
            "media_forward_latency_seconds_bucket{le=\"0.00005\"} 0",
            "media_forward_latency_seconds_bucket{le=\"0.0001\"} 5",
            "media_forward_latency_seconds_sum 0.0004",
            "media_connections{quality=\"lost\"} 0",
        ] {
            assert!(text.lines().any(|it| it == line), "{line} in\n{text}");
        }
    }

    #[test]
    fn the_dashboard_asks_for_nothing_that_is_not_told() {
        let dashboard = include_str!("../../../configs/grafana/media.json");
        let text = text(&NodeId::new("n1").expect("valid"), &Report::default(), false);
        let names = dashboard.split("media_").skip(1).map(|rest| {
            let end = rest.find(|it: char| !it.is_ascii_lowercase() && it != '_');
            format!("media_{}", &rest[..end.unwrap_or(rest.len())])
        });
        let mut asked = 0;
        for name in names {
            assert!(text.lines().any(|line| line.starts_with(&name)), "{name} in\n{text}");
            asked += 1;
        }
        assert!(asked > 15);
    }
}
