//! What happened, as Prometheus reads it (text exposition format 0.0.4).

use std::fmt::Write as _;

use protocol::ids::NodeId;

use super::latency::BOUNDS_US;
use super::worker::Report;
use crate::core::{Counters, DataDrop, DropReason, LINK_BOUNDS_BPS};

/// The media type of [`text`].
pub const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// All metrics of the node. Its name is among them: who watches it, or measures it, needs it for a token.
#[must_use]
pub fn text(node: &NodeId, report: &Report) -> String {
    let counters = &report.counters;
    let mut out = String::new();
    let version = env!("CARGO_PKG_VERSION");
    // Writing to a String can't fail.
    let _ = writeln!(
        out,
        "# HELP media_node_info The node's name and version.\n# TYPE media_node_info gauge\n\
         media_node_info{{node=\"{node}\",version=\"{version}\"}} 1"
    );
    gauge(&mut out, "rooms", "Rooms that are open.", counters.rooms);
    gauge(
        &mut out,
        "participants",
        "Participants in rooms.",
        counters.participants,
    );
    gauge(
        &mut out,
        "participants_spilled",
        "Participants who are served by another worker than their room's.",
        counters.spilled,
    );
    gauge(&mut out, "tracks", "Published tracks.", counters.tracks);
    gauge(
        &mut out,
        "tcp_connections",
        "TCP connections that media comes by.",
        report.tcp.open,
    );
    let refused = [("reason=\"no_proof\"", report.tcp.refused)];
    family(
        &mut out,
        "tcp_refused_total",
        "TCP connections closed for want of a valid check, or of a place.",
        &refused,
    );
    let both = |inward, outward| [("direction=\"in\"", inward), ("direction=\"out\"", outward)];
    family(
        &mut out,
        "datagrams_total",
        "Datagrams received and sent.",
        &both(counters.datagrams_in, counters.datagrams_out),
    );
    family(
        &mut out,
        "bytes_total",
        "Bytes of datagrams received and sent.",
        &both(counters.bytes_in, counters.bytes_out),
    );
    family(
        &mut out,
        "packets_total",
        "Media packets from publishers and to subscribers.",
        &both(counters.packets_in, counters.packets_forwarded),
    );
    family(
        &mut out,
        "packets_relayed_total",
        "Media packets from a room's worker to others that serve a part of it.",
        &[("direction=\"out\"", counters.packets_relayed)],
    );
    family(
        &mut out,
        "nacks_total",
        "Packets that subscribers asked for again (in), and NACK messages to publishers (out).",
        &both(counters.nacks_in, counters.nacks_out),
    );
    family(
        &mut out,
        "key_frame_requests_total",
        "Key frames asked for by subscribers (in) and of publishers (out).",
        &both(counters.key_frames_asked, counters.key_frames_requested),
    );
    let labels: Vec<(String, u64)> = DropReason::ALL
        .iter()
        .map(|reason| (format!("reason=\"{}\"", reason.name()), counters.drops(*reason)))
        .chain([
            ("reason=\"unsent\"".to_owned(), report.unsent),
            ("reason=\"tcp_full\"".to_owned(), report.tcp.lost),
        ])
        .collect();
    let drops: Vec<(&str, u64)> = labels.iter().map(|(label, count)| (label.as_str(), *count)).collect();
    family(
        &mut out,
        "drops_total",
        "Datagrams and packets that went no further.",
        &drops,
    );
    family(
        &mut out,
        "packets_missed_total",
        "Media packets that subscribers reported as lost.",
        &[("direction=\"out\"", counters.packets_missed)],
    );
    family(
        &mut out,
        "packets_resent_total",
        "Media packets sent again to subscribers.",
        &[("direction=\"out\"", counters.packets_resent)],
    );
    data(&mut out, counters);
    gauge(
        &mut out,
        "tracks_held_back",
        "Tracks held back from a subscriber whose link is too narrow.",
        counters.held_back,
    );
    let _ = writeln!(
        out,
        "# HELP media_connections Participants by the quality of their connections.\n# TYPE media_connections gauge"
    );
    for (quality, count) in ["lost", "poor", "good", "excellent"].iter().zip(counters.qualities) {
        let _ = writeln!(out, "media_connections{{quality=\"{quality}\"}} {count}");
    }
    let links = Histogram {
        name: "link_bandwidth_bps",
        help: "Subscribers' links now, by their estimated bandwidth in bits a second.",
        sum: counters.links_bps as f64,
    };
    links.write(&mut out, &LINK_BOUNDS_BPS.map(|it| it as f64), &counters.links);
    let latency = Histogram {
        name: "forward_latency_seconds",
        help: "How long datagrams were held, from the system call that gave them to the one that took them.",
        sum: report.latency.sum_us as f64 / 1e6,
    };
    latency.write(&mut out, &BOUNDS_US.map(|it| it as f64 / 1e6), &report.latency.counts);
    out
}

/// Data messages.
fn data(out: &mut String, counters: &Counters) {
    let data = &counters.data;
    let both = |inward, outward| [("direction=\"in\"", inward), ("direction=\"out\"", outward)];
    family(
        out,
        "data_messages_total",
        "Data messages from participants and to participants.",
        &both(data.messages_in, data.messages_out),
    );
    family(
        out,
        "data_bytes_total",
        "Bytes of data messages from participants and to participants.",
        &both(data.bytes_in, data.bytes_out),
    );
    let labels = DataDrop::ALL.map(|reason| (format!("reason=\"{}\"", reason.name()), data.drops(reason)));
    let drops = labels.each_ref().map(|(label, count)| (label.as_str(), *count));
    family(
        out,
        "data_drops_total",
        "Data messages that went no further, and channels that were refused.",
        &drops,
    );
}

/// A histogram's head; its buckets are written cumulated, as the format wants them.
struct Histogram {
    name: &'static str,
    help: &'static str,
    sum: f64,
}

impl Histogram {
    /// `counts` are those up to each bound, and one for those above the last.
    fn write(&self, out: &mut String, bounds: &[f64], counts: &[u64]) {
        let Self { name, help, sum } = self;
        let _ = writeln!(out, "# HELP media_{name} {help}\n# TYPE media_{name} histogram");
        let mut total = 0;
        for (at, count) in counts.iter().enumerate() {
            total += count;
            match bounds.get(at) {
                Some(bound) => drop(writeln!(out, "media_{name}_bucket{{le=\"{bound}\"}} {total}")),
                None => drop(writeln!(out, "media_{name}_bucket{{le=\"+Inf\"}} {total}")),
            }
        }
        let _ = writeln!(out, "media_{name}_sum {sum}\nmedia_{name}_count {total}");
    }
}

fn gauge(out: &mut String, name: &str, help: &str, value: u64) {
    // Writing to a String can't fail.
    let _ = writeln!(
        out,
        "# HELP media_{name} {help}\n# TYPE media_{name} gauge\nmedia_{name} {value}"
    );
}

fn family(out: &mut String, name: &str, help: &str, values: &[(&str, u64)]) {
    let _ = writeln!(out, "# HELP media_{name} {help}\n# TYPE media_{name} counter");
    for (label, value) in values {
        let _ = writeln!(out, "media_{name}{{{label}}} {value}");
    }
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
        report.counters.data.messages_out = 3;
        report.counters.data.dropped(DataDrop::Full);
        report.counters.links[2] = 4;
        report.latency.add(std::time::Duration::from_micros(80), 5);
        let text = text(&NodeId::new("n1").expect("valid"), &report);
        for line in [
            concat!(
                "media_node_info{node=\"n1\",version=\"",
                env!("CARGO_PKG_VERSION"),
                "\"} 1"
            ),
            "# TYPE media_rooms gauge",
            "media_rooms 2",
            "# TYPE media_packets_total counter",
            "media_packets_total{direction=\"out\"} 7",
            "media_drops_total{reason=\"muted\"} 1",
            "media_drops_total{reason=\"unsent\"} 0",
            "media_data_messages_total{direction=\"out\"} 3",
            "media_data_drops_total{reason=\"full\"} 1",
            "media_data_drops_total{reason=\"late\"} 0",
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
        let text = text(&NodeId::new("n1").expect("valid"), &Report::default());
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
