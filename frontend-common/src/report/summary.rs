//! The summary at the end of a run: what was read, what was written, what was not used and what is
//! missing, in exact numbers. Lines without items are left out.

use tapflow_core::{CloseReason, DropReason, SkipCause};

use super::statistics::captured;
use super::terminal::for_terminal;
use super::totals::Totals;
use super::verbosity::Verbosity;
use crate::format::count;
use crate::retention::Deleted;
use crate::scan::http::Anomaly;

/// Columns of a line.
const WIDTH: usize = 80;
/// Columns before the items of a line.
const INDENT: usize = 12;
/// Kinds of unused frames that are listed unless verbose.
const KINDS: usize = 20;

impl Totals {
    /// The text for standard error, each line ended; nothing when quiet.
    #[must_use]
    pub fn text(&self, verbosity: Verbosity) -> String {
        let mut text = String::new();
        if verbosity.is_quiet() {
            return text;
        }
        line(&mut text, "read", self.read());
        if let Some((_, live)) = &self.live {
            line(&mut text, "captured", captured(live));
        }
        if let Some(input) = &self.ended_in {
            line(&mut text, "ended", vec![format!("early, in {}", for_terminal(input))]);
        }
        line(&mut text, "written", self.written());
        line(&mut text, "deleted", self.deleted());
        line(&mut text, "tls", super::tls::summary(&self.written.tls));
        line(&mut text, "http", self.http());
        line(&mut text, "fragments", self.fragments());
        line(&mut text, "checksums", self.checksums());
        line(&mut text, "timestamps", self.timestamps(verbosity.is_verbose()));
        line(&mut text, "not used", self.not_used(verbosity.is_verbose()));
        line(&mut text, "missing", self.missing());
        line(&mut text, "console", self.console());
        line(&mut text, "repeated", self.repeated());
        line(&mut text, "not kept", self.not_kept());
        line(&mut text, "limits", self.limits());
        line(&mut text, "hint", self.hint());
        if verbosity.is_verbose() {
            line(&mut text, "closed", self.closed());
            line(&mut text, "segments", self.segments());
        }
        text
    }

    fn read(&self) -> Vec<String> {
        let c = &self.counters;
        let mut items = vec![count(c.frames.saturating_add(self.filtered), "packet")];
        if c.inner_frames > 0 {
            items.push(format!("{} inside of others", count(c.inner_frames, "more frame")));
        }
        items.extend([
            count(c.connections, "connection"),
            count(c.flows, "flow"),
            count(c.data_bytes, "byte"),
        ]);
        items
    }

    fn written(&self) -> Vec<String> {
        let mut items = Vec::new();
        if self.written.flows.files > 0 {
            items.extend([
                count(self.written.flows.files, "file"),
                count(self.written.flows.file_bytes, "byte"),
            ]);
        }
        if self.directories > 0 {
            let directories = if self.directories == 1 { "directory" } else { "directories" };
            items.push(format!("{} numbered {directories}", self.directories));
        }
        if self.written.captures.files > 0 {
            items.push(format!(
                "{} in {}",
                count(self.written.captures.frames, "packet"),
                count(self.written.captures.files, "capture file")
            ));
        }
        if let Some((path, frames)) = &self.written.unprocessed {
            let path = path.display().to_string();
            items.push(format!("{} of no flow in {}", count(*frames, "packet"), for_terminal(&path)));
        }
        items
    }

    fn deleted(&self) -> Vec<String> {
        let Deleted { directories, files, bytes } = self.deleted;
        if files + directories == 0 {
            return Vec::new();
        }
        let directories =
            if directories == 1 { "1 directory".to_owned() } else { format!("{directories} directories") };
        vec![directories, count(files, "file"), format!("{} (--max-disk)", count(bytes, "byte"))]
    }

    fn http(&self) -> Vec<String> {
        let http = &self.written.http;
        if http.requests + http.responses == 0 {
            return Vec::new();
        }
        let mut items = vec![count(http.requests, "request"), count(http.responses, "response")];
        if http.bodies > 0 {
            items.push(format!("{}, {}", count(http.bodies, "body file"), count(http.body_bytes, "byte")));
        }
        for anomaly in Anomaly::ALL {
            push(&mut items, http.anomalies[anomaly as usize], anomaly.words());
        }
        push(&mut items, http.unlisted, "not listed in the report");
        if http.given_up > 0 {
            items.push(format!("{} given up for too much work", count(http.given_up, "connection")));
        }
        items
    }

    fn fragments(&self) -> Vec<String> {
        let c = &self.counters;
        let mut items = Vec::new();
        if c.fragments > 0 {
            let whole = count(c.whole_datagrams, "datagram");
            items.push(format!("{}, {whole} put together", count(c.fragments, "IP fragment")));
        }
        for reason in DropReason::ALL {
            let why = match reason {
                DropReason::TimedOut => "not whole in time",
                DropReason::Evicted => "given up for lack of room (--fragment-memory)",
                DropReason::TooLarge => "of more fragments than there is room for",
                DropReason::Overlap => "discarded for overlaps",
                DropReason::NotTcp => "without TCP",
                DropReason::EndOfInput => "not whole at the end",
                other => other.name(),
            };
            if c.dropped_for(reason) > 0 {
                items.push(format!("{} {why}", count(c.dropped_for(reason), "datagram")));
            }
        }
        push(&mut items, c.incomplete_datagrams, "of these used up to the first hole");
        push(&mut items, c.duplicate_fragments, "duplicate");
        push(&mut items, c.fragment_overlaps, "overlapping");
        push(&mut items, c.fragment_conflicts, "with other content for the same place");
        push(&mut items, c.tiny_fragments, "too short for a TCP header");
        push(&mut items, c.misaligned_fragments, "with a length that is not a multiple of 8");
        items
    }

    /// Frames a little out of order are listed only with `-v`.
    fn timestamps(&self, all: bool) -> Vec<String> {
        let c = &self.counters;
        let mut items = Vec::new();
        if all || c.time_resets > 0 {
            push(&mut items, c.time_backwards, "before an earlier packet");
        }
        push(&mut items, c.time_jumps, "far ahead of those that followed, not used");
        if c.time_resets > 0 {
            items.push(format!("set back {}", count(c.time_resets, "time")));
        }
        items
    }

    fn checksums(&self) -> Vec<String> {
        let mut items = Vec::new();
        push(&mut items, self.counters.ipv4_checksum_errors, "wrong in IPv4 headers");
        push(&mut items, self.counters.tcp_checksum_errors, "wrong in TCP segments");
        items
    }

    fn not_used(&self, all: bool) -> Vec<String> {
        let mut items = Vec::new();
        let kinds = self.rejects.by_name();
        let shown = if all || kinds.len() <= KINDS + 1 { kinds.len() } else { KINDS };
        let (listed, rest) = kinds.split_at(shown);
        items.extend(listed.iter().map(|(name, frames)| format!("{frames} {name}")));
        if !rest.is_empty() {
            let frames: u64 = rest.iter().map(|(_, frames)| frames).sum();
            items.push(format!("{frames} of {} more kinds (-v lists them)", rest.len()));
        }
        let c = &self.counters;
        push(&mut items, self.filtered, "not matched by the filter");
        push(&mut items, c.stray_segments, "TCP of no known connection");
        push(&mut items, c.unwanted_segments, "TCP of connections that began in a file of -R");
        push(&mut items, c.after_close_segments, "TCP after the connection's end");
        items
    }

    fn missing(&self) -> Vec<String> {
        let c = &self.counters;
        let mut items = Vec::new();
        if c.gap_bytes > 0 {
            items.push(format!("{} in {}", count(c.gap_bytes, "byte"), count(self.gaps, "gap")));
        }
        if c.acknowledged_unseen_bytes > 0 {
            items.push(format!(
                "{} acknowledged but not captured (capture loss)",
                count(c.acknowledged_unseen_bytes, "byte")
            ));
        }
        if c.truncated_segments > 0 {
            items.push(format!(
                "{} cut off {} (snap length)",
                count(c.truncated_bytes, "byte"),
                count(c.truncated_segments, "packet")
            ));
        }
        items
    }

    /// Holes that the console did not wait for. Those that the core gave up as well are missing everywhere.
    fn console(&self) -> Vec<String> {
        let mut items = Vec::new();
        for (cause, why) in [
            (SkipCause::Timeout, "after waiting (--hole-timeout)"),
            (SkipCause::Acknowledged, "after an acknowledgement"),
            (SkipCause::Pressure, "for lack of memory"),
            (SkipCause::ConnectionLimit, "for lack of memory for one connection"),
        ] {
            let holes = self.console.skips_for(cause);
            if holes > 0 {
                let bytes = count(self.console.skipped_bytes_for(cause), "byte");
                items.push(format!("{} skipped {why} ({bytes})", count(holes, "hole")));
            }
        }
        if self.console.late_bytes > 0 {
            items.push(format!("{} printed late, out of order", count(self.console.late_bytes, "byte")));
        }
        items
    }

    fn repeated(&self) -> Vec<String> {
        let c = &self.counters;
        let mut items = Vec::new();
        if c.repeated_bytes > 0 {
            items.push(count(c.repeated_bytes, "byte"));
        }
        for (pieces, bytes, kept) in [
            (
                self.conflicts().saturating_sub(self.replaced_conflicts()),
                self.written.flows.conflict_bytes,
                "first",
            ),
            (self.replaced_conflicts(), self.written.flows.replaced_bytes, "later"),
        ] {
            if pieces > 0 {
                let (pieces, bytes) = (count(pieces, "piece"), count(bytes, "byte"));
                items.push(format!("{pieces} with other content ({bytes}, {kept} copy kept)"));
            }
        }
        items
    }

    fn not_kept(&self) -> Vec<String> {
        let c = &self.counters;
        let mut items = Vec::new();
        for (bytes, why) in [
            (self.beyond_limit(), "beyond the limit of -b"),
            (c.late_bytes, "too late for their place"),
            (c.out_of_window_bytes, "before the start of their stream"),
            (c.after_close_bytes, "after the connection's end"),
            (c.reset_bytes, "inside RST segments"),
            (c.refused_bytes, "that the receiver would drop (--paws, --window)"),
            (c.urgent_bytes, "of urgent data (--urgent)"),
            (c.unwanted_bytes, "of connections that did not begin in a file of -r"),
        ] {
            if bytes > 0 {
                items.push(format!("{} {why}", count(bytes, "byte")));
            }
        }
        items
    }

    fn hint(&self) -> Vec<String> {
        if self.asymmetric == 0 {
            return Vec::new();
        }
        let connections = count(self.asymmetric, "connection");
        vec![
            format!("{connections} with one direction in one VLAN or tunnel and the other in another"),
            "--ignore-encapsulation puts the two together".to_owned(),
        ]
    }

    fn limits(&self) -> Vec<String> {
        let c = &self.counters;
        let half_open = c.closed_for(CloseReason::EvictedHalfOpen);
        let evicted = half_open.saturating_add(c.closed_for(CloseReason::EvictedLeastActive));
        let mut items = Vec::new();
        if evicted > 0 {
            items.push(format!(
                "{} evicted, {half_open} half-open (table full: --max-connections)",
                count(evicted, "connection")
            ));
        }
        if c.split_streams > 0 {
            items.push(format!("{} behind long holes (--max-hole)", count(c.split_streams, "new stream")));
        }
        if self.written.flows.shortened_bytes > 0 {
            let bytes = count(self.written.flows.shortened_bytes, "byte");
            items.push(format!("{bytes} of holes not in files (--max-hole)"));
        }
        if self.written.flows.undigested > 0 {
            items.push(format!(
                "{} without digests: their holes are too long",
                count(self.written.flows.undigested, "flow")
            ));
        }
        if self.written.flows.unknown_gaps > 0 {
            items.push(format!(
                "{} with too many gaps to know each",
                count(self.written.flows.unknown_gaps, "flow")
            ));
        }
        if c.islands_exhausted > 0 {
            items.push(format!("{} given up for lack of room", count(c.islands_exhausted, "hole")));
        }
        if c.boundaries_lost > 0 {
            items.push(format!(
                "boundaries of {} not kept for --overlap",
                count(c.boundaries_lost, "segment")
            ));
        }
        items
    }

    fn closed(&self) -> Vec<String> {
        let mut items = Vec::new();
        for reason in CloseReason::ALL {
            push(&mut items, self.counters.closed_for(reason), reason.name());
        }
        push(&mut items, self.counters.reopened, "went on after their end");
        push(&mut items, self.counters.max_connections, "at once at most");
        items
    }

    fn segments(&self) -> Vec<String> {
        let c = &self.counters;
        let mut items = Vec::new();
        for (segments, what) in [
            (c.segments, "in all"),
            (c.out_of_order_segments, "out of order"),
            (c.keepalives, "keepalive"),
            (c.keepalive_answers, "answer to a keepalive"),
            (c.rebased, "before the first byte seen"),
            (c.invalid_syns, "SYN out of place"),
            (c.invalid_resets, "RST out of window"),
            (c.invalid_fins, "FIN out of place"),
            (c.data_after_fin, "with data after FIN"),
            (c.paws_failures, "with outdated timestamps"),
            (c.beyond_window_segments, "beyond the receiver's window"),
            (c.no_ack_segments, "with data but without ACK"),
            (c.urgent_segments, "with urgent data"),
        ] {
            push(&mut items, segments, what);
        }
        items
    }
}

fn push(items: &mut Vec<String>, number: u64, what: &str) {
    if number > 0 {
        items.push(format!("{number} {what}"));
    }
}

/// Adds a line of items behind its label, broken between items.
fn line(text: &mut String, label: &str, items: Vec<String>) {
    let Some(last) = items.len().checked_sub(1) else { return };
    let label = format!("{label}:");
    text.push_str(&format!("{label:INDENT$}"));
    let mut column = INDENT;
    for (place, item) in items.iter().enumerate() {
        let comma = if place == last { "" } else { "," };
        if place > 0 {
            if column + 1 + item.len() + comma.len() > WIDTH {
                text.push_str(&format!("\n{:INDENT$}", ""));
                column = INDENT;
            } else {
                text.push(' ');
                column += 1;
            }
        }
        text.push_str(item);
        text.push_str(comma);
        column += item.len() + comma.len();
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use tapflow_core::decode::{Layer, Reject, RejectReason};
    use tapflow_core::{Counters, InOrderCounters};

    use super::*;
    use crate::report::verbosity::VERBOSE;
    use crate::report::{FlowCounts, RejectCounts, Written};

    const USUAL: Verbosity = Verbosity(1);

    fn rejects(kinds: &[(Layer, RejectReason, u64)]) -> RejectCounts {
        let mut counts = RejectCounts::default();
        for &(layer, reason, times) in kinds {
            for _ in 0..times {
                counts.add(&Reject { layer, reason, offset: 0 });
            }
        }
        counts
    }

    fn of_flows(flows: FlowCounts) -> Written {
        Written { flows, ..Written::default() }
    }

    #[test]
    fn a_clean_run_has_two_lines() {
        let mut counters = Counters::default();
        counters.frames = 10;
        counters.connections = 1;
        counters.flows = 2;
        counters.data_bytes = 300;
        let summary = Totals {
            counters,
            written: of_flows(FlowCounts { files: 2, file_bytes: 300, ..FlowCounts::default() }),
            ..Totals::default()
        };
        let expected = "\
read:       10 packets, 1 connection, 2 flows, 300 bytes
written:    2 files, 300 bytes
";
        assert_eq!(summary.text(USUAL), expected);
    }

    #[test]
    fn an_empty_run_still_says_so_and_a_quiet_one_says_nothing() {
        let summary = Totals::default();
        assert_eq!(summary.text(USUAL), "read:       0 packets, 0 connections, 0 flows, 0 bytes\n");
        assert_eq!(summary.text(Verbosity(0)), "");
    }

    #[test]
    fn frames_inside_of_others_are_read_too() {
        let mut counters = Counters::default();
        counters.frames = 1;
        counters.inner_frames = 2;
        let summary = Totals { counters, ..Totals::default() };
        let expected = "read:       1 packet, 2 more frames inside of others, 0 connections, 0 flows,";
        assert_eq!(summary.text(USUAL).lines().next(), Some(expected));
    }

    #[test]
    fn a_run_that_was_stopped_says_where() {
        let summary = Totals { ended_in: Some("a.pcap".to_owned()), ..Totals::default() };
        assert!(summary.text(USUAL).contains("\nended:      early, in a.pcap\n"));
    }

    #[test]
    fn every_frame_not_used_is_named_with_its_count() {
        let summary = Totals {
            rejects: rejects(&[
                (Layer::Link, RejectReason::NotIp(0x0806), 12),
                (Layer::Ipv4, RejectReason::NotTcp(17), 20),
                (Layer::Ipv6, RejectReason::NotTcp(17), 10),
                (Layer::Ipv4, RejectReason::Fragment, 2),
                (Layer::Ipv4, RejectReason::Truncated, 1),
            ]),
            filtered: 5,
            counters: {
                let mut c = Counters::default();
                c.frames = 50;
                c.stray_segments = 3;
                c.after_close_segments = 2;
                c
            },
            ..Totals::default()
        };
        let expected = "\
read:       55 packets, 0 connections, 0 flows, 0 bytes
not used:   30 UDP, 12 ARP, 2 IPv4 fragment, 1 truncated IPv4 header,
            5 not matched by the filter, 3 TCP of no known connection,
            2 TCP after the connection's end
";
        assert_eq!(summary.text(USUAL), expected);
    }

    #[test]
    fn what_is_missing_repeated_dropped_or_evicted_is_listed() {
        let mut counters = Counters::default();
        counters.gap_bytes = 1460;
        counters.acknowledged_unseen_bytes = 1;
        counters.truncated_bytes = 40;
        counters.truncated_segments = 4;
        counters.repeated_bytes = 7;
        counters.conflicts = 1;
        counters.late_bytes = 9;
        counters.islands_exhausted = 2;
        counters.closed[CloseReason::EvictedHalfOpen as usize] = 2;
        counters.closed[CloseReason::EvictedLeastActive as usize] = 1;
        let summary = Totals {
            counters,
            gaps: 1,
            console_beyond_limit: 5,
            written: of_flows(FlowCounts { conflict_bytes: 3, beyond_limit: 3, ..FlowCounts::default() }),
            ..Totals::default()
        };
        let expected = "\
read:       0 packets, 0 connections, 0 flows, 0 bytes
missing:    1460 bytes in 1 gap,
            1 byte acknowledged but not captured (capture loss),
            40 bytes cut off 4 packets (snap length)
repeated:   7 bytes, 1 piece with other content (3 bytes, first copy kept)
not kept:   8 bytes beyond the limit of -b, 9 bytes too late for their place
limits:     3 connections evicted, 2 half-open (table full: --max-connections),
            2 holes given up for lack of room
";
        assert_eq!(summary.text(USUAL), expected);
    }

    #[test]
    fn what_the_console_did_not_wait_for_is_listed_with_its_cause() {
        let mut console = InOrderCounters::default();
        console.late_bytes = 3;
        console.skips[SkipCause::Timeout as usize] = 1;
        console.skipped_bytes[SkipCause::Timeout as usize] = 20;
        console.skips[SkipCause::Acknowledged as usize] = 2;
        console.skipped_bytes[SkipCause::Acknowledged as usize] = 2000;
        let summary = Totals { console, ..Totals::default() };
        let expected = "\
read:       0 packets, 0 connections, 0 flows, 0 bytes
console:    1 hole skipped after waiting (--hole-timeout) (20 bytes),
            2 holes skipped after an acknowledgement (2000 bytes),
            3 bytes printed late, out of order
";
        assert_eq!(summary.text(USUAL), expected);
        assert!(summary.counts().contains(&("console_skips_timeout".to_owned(), 1)));
    }

    #[test]
    fn fragments_and_what_became_of_them_are_listed() {
        let mut counters = Counters::default();
        counters.fragments = 9;
        counters.whole_datagrams = 2;
        counters.incomplete_datagrams = 1;
        counters.fragment_overlaps = 3;
        counters.dropped_datagrams[DropReason::TimedOut as usize] = 1;
        let expected = "\
read:       0 packets, 0 connections, 0 flows, 0 bytes
fragments:  9 IP fragments, 2 datagrams put together,
            1 datagram not whole in time, 1 of these used up to the first hole,
            3 overlapping
";
        let summary = Totals { counters, ..Totals::default() };
        assert_eq!(summary.text(USUAL), expected);
        let counts = summary.counts();
        assert!(counts.contains(&("datagrams_timed_out".to_owned(), 1)));
        assert!(counts.contains(&("fragments".to_owned(), 9)));
    }

    #[test]
    fn many_kinds_are_shortened_unless_verbose() {
        let kinds: Vec<_> = (0..60).map(|n| (Layer::Ipv4, RejectReason::NotTcp(190 + n), 1)).collect();
        let summary = Totals { rejects: rejects(&kinds), ..Totals::default() };
        assert!(summary.text(USUAL).contains("40 of 40 more kinds (-v lists them)"));
        assert!(summary.text(Verbosity(VERBOSE)).contains("IP protocol 249"));
    }

    #[test]
    fn verbose_adds_how_connections_ended_and_what_segments_were() {
        let mut counters = Counters::default();
        counters.segments = 9;
        counters.out_of_order_segments = 2;
        counters.max_connections = 4;
        counters.closed[CloseReason::Finished as usize] = 3;
        let text = Totals { counters, ..Totals::default() }.text(Verbosity(VERBOSE));
        assert!(
            text.ends_with(
                "closed:     3 finished, 4 at once at most\nsegments:   9 in all, 2 out of order\n"
            ),
            "{text}"
        );
    }
}
