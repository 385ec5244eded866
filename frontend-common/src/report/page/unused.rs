//! What could not be used and why: frames by reason, missing bytes, contradictions, limits.

use super::html::Attribute::{Class, Id, Word};
use super::html::{Html, Word as Words};
use super::numbers::Grouped;
use crate::report::ReportEnd;
use crate::scan::http::Anomaly;

/// Counters of a kind, by their names in the report, with words for them.
struct Group {
    title: &'static str,
    counters: &'static [(&'static str, &'static str)],
    /// Beginnings of the names of other counters that belong here.
    prefixes: &'static [&'static str],
}

const FRAMES: &[(&str, &str)] = &[
    ("filtered_packets", "packets that the filter does not match"),
    ("stray_segments", "TCP segments of no known connection"),
    ("unwanted_segments", "TCP segments of connections that began in a file of -R"),
    ("after_close_segments", "TCP segments after the end of their connection"),
    ("datagrams_timed_out", "fragmented datagrams that were not whole in time"),
    ("datagrams_evicted", "fragmented datagrams given up for lack of room (--fragment-memory)"),
    ("datagrams_too_large", "fragmented datagrams of more fragments than there is room for"),
    ("datagrams_overlap", "fragmented datagrams discarded for overlaps"),
    ("datagrams_not_tcp", "fragmented datagrams without TCP"),
    ("datagrams_end_of_input", "fragmented datagrams that were not whole at the end"),
];

const GROUPS: [Group; 5] = [
    Group {
        title: "Missing",
        counters: &[
            ("gaps", "gaps in streams"),
            ("gap_bytes", "bytes in gaps"),
            (
                "acknowledged_unseen_bytes",
                "bytes acknowledged by the receiver but not captured: the capture lost them",
            ),
            ("truncated_segments", "segments cut off by the snap length"),
            ("truncated_bytes", "bytes cut off by the snap length"),
            ("asymmetric_connections", "connections with their two directions in different VLANs or tunnels"),
        ],
        prefixes: &[],
    },
    Group {
        title: "Contradictions",
        counters: &[
            ("conflicts", "pieces that came again with other content"),
            ("conflict_bytes", "bytes in those of which the first copy was kept"),
            ("replaced_conflicts", "of these pieces, those of which the later copy was kept"),
            ("replaced_conflict_bytes", "bytes in them"),
            ("fragment_conflicts", "IP fragments with other content for the same place"),
            ("fragment_overlaps", "IP fragments that overlap"),
            ("ipv4_checksum_errors", "IPv4 headers with a wrong checksum"),
            ("tcp_checksum_errors", "TCP segments with a wrong checksum"),
            ("invalid_resets", "RST segments that no receiver accepts"),
            ("invalid_syns", "SYN segments that no receiver accepts"),
            ("invalid_fins", "FIN segments that no receiver accepts"),
            ("data_after_fin", "segments with data behind the end of their stream"),
            ("time_jumps", "packets far ahead of those that followed"),
            ("time_resets", "times that the clock of the capture was set back"),
        ],
        prefixes: &[],
    },
    Group {
        title: "Not kept",
        counters: &[
            ("bytes_beyond_limit", "bytes beyond the limit of -b"),
            ("late_bytes", "bytes too late for their place"),
            ("out_of_window_bytes", "bytes before the start of their stream"),
            ("after_close_bytes", "bytes after the end of their connection"),
            ("reset_bytes", "bytes inside of RST segments"),
            ("refused_bytes", "bytes that the receiver drops (--paws, --window)"),
            ("urgent_bytes", "bytes of urgent data (--urgent)"),
            ("unwanted_bytes", "bytes of connections that did not begin in a file of -r"),
            ("deleted_directories", "directories deleted (--max-disk)"),
            ("deleted_files", "files deleted (--max-disk)"),
            ("deleted_bytes", "bytes deleted (--max-disk)"),
        ],
        prefixes: &[],
    },
    Group {
        title: "Limits",
        counters: &[
            ("closed_evicted_half_open", "half-open connections evicted (--max-connections)"),
            ("closed_evicted_least_active", "other connections evicted (--max-connections)"),
            ("split_streams", "streams that begin behind a long hole (--max-hole)"),
            ("shortened_hole_bytes", "bytes of holes that are not in files (--max-hole)"),
            ("flows_without_digests", "flows without digests: their holes are too long"),
            ("flows_with_unknown_gaps", "flows with too many gaps to know each"),
            ("islands_exhausted", "holes given up for lack of room"),
            ("boundaries_lost", "boundaries of segments not kept for --overlap"),
        ],
        prefixes: &[],
    },
    Group {
        title: "Contents",
        counters: &[
            ("http_messages_not_listed", "HTTP messages that are not listed in the report"),
            ("http_bytes_of_no_message", "bytes between HTTP messages that belong to none"),
            ("http_connections_given_up", "connections whose HTTP took too much work"),
        ],
        prefixes: &["http_", "tls_", "quic_", "keys_"],
    },
];

/// Counters of what went well.
const WELL: [&str; 4] = ["http_requests", "http_responses", "http_bodies", "http_body_bytes"];

/// Writes the section.
pub(super) fn write(html: &mut Html<'_>, totals: &ReportEnd) {
    html.open("section", &[Id("unused")]);
    html.leaf("h2", &[], "What could not be used");
    let mut is_empty = true;
    if !totals.errors.is_empty() {
        is_empty = false;
        html.leaf("h3", &[], "Errors");
        html.open("ul", &[Class("errors")]);
        for error in totals.errors.iter().take(100) {
            html.leaf("li", &[], error);
        }
        html.close();
    }
    let mut frames: Vec<(&str, &str, u64)> =
        totals.rejected.iter().map(|(name, count)| (name.as_str(), "", *count)).collect();
    frames.extend(FRAMES.iter().map(|(name, words)| (*name, *words, totals.counter(name))));
    is_empty &= !table(html, "Frames", &frames);
    for group in &GROUPS {
        let mut rows: Vec<_> =
            group.counters.iter().map(|(name, words)| (*name, *words, totals.counter(name))).collect();
        let others = totals.counters.iter().filter(|(name, _)| {
            group.prefixes.iter().any(|prefix| name.starts_with(prefix))
                && !WELL.contains(&name.as_str())
                && !group.counters.iter().any(|(known, _)| known == name)
        });
        let anomalies: Vec<_> = others.map(|(name, count)| (name.as_str(), anomaly(name), *count)).collect();
        rows.extend(anomalies.iter().map(|(name, words, count)| (*name, words.as_str(), *count)));
        is_empty &= !table(html, group.title, &rows);
    }
    if let Some((name, live)) = &totals.live {
        let text = crate::report::statistics::captured(live).join(", ");
        html.leaf("p", &[], format_args!("Captured from {name}: {text}."));
    }
    if is_empty {
        html.leaf("p", &[Class("good")], "Everything that was read has been used, and nothing is missing.");
    }
    html.close();
}

/// Words for a counter of HTTP messages.
fn anomaly(name: &str) -> String {
    let name = name.strip_prefix("http_");
    let anomaly = Anomaly::ALL.into_iter().find(|anomaly| Some(anomaly.name()) == name);
    anomaly.map_or_else(String::new, |anomaly| format!("HTTP messages {}", anomaly.words()))
}

/// A table of what there is; `false` if there is nothing.
fn table(html: &mut Html<'_>, title: &'static str, rows: &[(&str, &str, u64)]) -> bool {
    let rows: Vec<_> = rows.iter().filter(|(_, _, count)| *count > 0).collect();
    if rows.is_empty() {
        return false;
    }
    html.leaf("h3", &[], title);
    html.open("div", &[Class("scroll")]);
    html.open("table", &[Class("facts")]);
    html.open("tbody", &[]);
    for (name, words, count) in rows {
        html.open("tr", &[]);
        html.leaf("td", &[Class("n")], Grouped(*count));
        html.open("th", &[Word(Words::Scope, "row")]);
        if words.is_empty() {
            html.text(name);
        } else {
            html.text(words);
            html.leaf("code", &[], format_args!(" {name}"));
        }
        html.close();
        html.close();
    }
    html.close();
    html.close();
    html.close();
    true
}
