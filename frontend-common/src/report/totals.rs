//! What a run counts: one type for the summary, for reports, and for what they say while the run goes on.

use std::path::PathBuf;
use std::time::Duration;

use tapflow_core::{CloseReason, Counters, DropReason, InOrderCounters, SkipCause};

use super::rejects::RejectCounts;
use super::{ReportEnd, Usage};
use crate::input::live::LiveCounts;
use crate::output::pcap::CaptureCounts;
use crate::retention::Deleted;
use crate::scan::http::{Anomaly, Counts};
use crate::scan::tls::TlsCounts;
use crate::scan::wifiviz::Wireless;
use crate::scan::{Findings, FinishedFlow};

/// The counts of a run, from its beginning to one moment. Bytes are stream bytes unless said otherwise.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Frames read.
    pub packets: u64,
    /// The core's counts.
    pub counters: Counters,
    /// Frames that gave no segment.
    pub rejects: RejectCounts,
    /// Frames that the filter did not match; the core has not seen them.
    pub filtered: u64,
    /// Pairs of connections with one direction each, which differ in VLAN or tunnel only.
    pub asymmetric: u64,
    /// Gaps in all flows.
    pub gaps: u64,
    /// The largest number of flows that were open at one time.
    pub max_open_flows: u64,
    /// What the console skipped to stay in order.
    pub console: InOrderCounters,
    /// Bytes not printed because of `-b`.
    pub console_beyond_limit: u64,
    /// The interface of a live capture, and the system's counts.
    pub live: Option<(String, LiveCounts)>,
    /// Wireless networks, if they are wanted.
    pub wireless: Option<Wireless>,
    /// Numbered directories created.
    pub directories: u64,
    /// What was deleted of them to make room.
    pub deleted: Deleted,
    /// The input in which the run was stopped, by a signal or an error; `None` at its end.
    pub ended_in: Option<String>,
    /// What was written for flows that have closed.
    pub written: Written,
}

/// What was written for flows, in the whole run or in one directory.
#[derive(Clone, Debug, Default)]
pub struct Written {
    /// Files of flows.
    pub flows: FlowCounts,
    /// HTTP messages and bodies.
    pub http: Counts,
    /// Connections of TLS.
    pub tls: TlsCounts,
    /// Capture files of connections.
    pub captures: CaptureCounts,
    /// The file of frames in no connection, and their number.
    pub unprocessed: Option<(PathBuf, u64)>,
}

impl Written {
    /// Adds closed flows, and what was found in them.
    pub fn add(&mut self, flows: &FlowCounts, found: Option<&Findings>) {
        self.flows.add(flows);
        let Some(found) = found else { return };
        found.all_http().for_each(|http| self.http.add(&http.counts));
        if let Some(tls) = &found.tls {
            self.tls.add(&tls.counts);
        }
    }

    /// The counts that are not 0, by name.
    #[must_use]
    pub fn counts(&self) -> Vec<(String, u64)> {
        let counts = Totals { written: self.clone(), ..Totals::default() }.counts();
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }
}

/// What a flow adds to the totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FlowCounts {
    /// Files written, the report and indexes not counted.
    pub files: u64,
    /// Bytes in these files, holes counted.
    pub file_bytes: u64,
    /// Repeated pieces that differed from the first copy, which was kept.
    pub conflicts: u64,
    /// Bytes of them.
    pub conflict_bytes: u64,
    /// Pieces that a later copy with other content replaced.
    pub replaced: u64,
    /// Bytes of them.
    pub replaced_bytes: u64,
    /// Bytes not in files because of `-b`.
    pub beyond_limit: u64,
    /// Bytes of holes that are not in files (`--max-hole`).
    pub shortened_bytes: u64,
    /// Flows without digests, of their file or of a body, because of holes.
    pub undigested: u64,
    /// Flows with more gaps than are known one by one.
    pub unknown_gaps: u64,
}

impl FlowCounts {
    /// Of one flow, of which `beyond_limit` bytes are not in its file.
    #[must_use]
    pub fn of(flow: &FinishedFlow, beyond_limit: u64) -> Self {
        let file = flow.file.as_ref();
        let files = || file.into_iter().chain(flow.found.plaintext().and_then(|flow| flow.file.as_ref()));
        Self {
            files: files().count() as u64,
            file_bytes: files().map(|file| file.size).sum(),
            conflicts: flow.conflicts.listed.len() as u64 + flow.conflicts.omitted,
            conflict_bytes: flow.conflicts.bytes,
            replaced: flow.replaced.listed.len() as u64 + flow.replaced.omitted,
            replaced_bytes: flow.replaced.bytes,
            beyond_limit,
            shortened_bytes: file.map_or(0, |file| file.shortened.bytes()),
            undigested: u64::from(flow.found.is_undigested),
            unknown_gaps: u64::from(flow.gaps.unknown().is_some()),
        }
    }

    /// What a flow adds that was counted before, and of which more was found.
    #[must_use]
    pub fn late(flow: &FinishedFlow) -> Self {
        let file = flow.found.plaintext().and_then(|flow| flow.file.as_ref());
        Self {
            files: u64::from(file.is_some()),
            file_bytes: file.map_or(0, |file| file.size),
            ..Self::default()
        }
    }

    /// Adds those of other flows.
    pub fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.file_bytes += other.file_bytes;
        self.conflicts += other.conflicts;
        self.conflict_bytes += other.conflict_bytes;
        self.replaced += other.replaced;
        self.replaced_bytes += other.replaced_bytes;
        self.beyond_limit += other.beyond_limit;
        self.shortened_bytes += other.shortened_bytes;
        self.undigested += other.undigested;
        self.unknown_gaps += other.unknown_gaps;
    }
}

impl Totals {
    /// With what was written by then.
    #[must_use]
    pub fn with(self, written: &Written) -> Self {
        Self { written: written.clone(), ..self }
    }

    /// What the end of a report says.
    #[must_use]
    pub fn report_end(self, errors: Vec<String>, elapsed: Duration, usage: Option<Usage>) -> ReportEnd {
        ReportEnd {
            packets: self.packets,
            max_open_flows: self.max_open_flows,
            rejected: self.rejects.by_name(),
            counters: self.counts(),
            wireless: self.wireless,
            traffic: None,
            live: self.live,
            inputs: Vec::new(),
            errors,
            elapsed,
            usage,
        }
    }

    /// Pieces that came again with other content.
    pub(super) fn conflicts(&self) -> u64 {
        self.counters.conflicts + self.written.flows.conflicts + self.written.flows.replaced
    }

    /// Those of them of which the later copy was kept.
    pub(super) fn replaced_conflicts(&self) -> u64 {
        self.counters.replaced_conflicts + self.written.flows.replaced
    }

    /// Bytes not kept because of `-b`.
    pub(super) fn beyond_limit(&self) -> u64 {
        self.console_beyond_limit + self.written.flows.beyond_limit
    }

    /// Every count but those of rejected frames, by name, for reports.
    #[must_use]
    pub fn counts(&self) -> Vec<(String, u64)> {
        let c = &self.counters;
        let mut counts: Vec<(String, u64)> = [
            ("connections", c.connections),
            ("max_connections", c.max_connections),
            ("inner_frames", c.inner_frames),
            ("segments", c.segments),
            ("data_bytes", c.data_bytes),
            ("repeated_bytes", c.repeated_bytes),
            ("gaps", self.gaps),
            ("gap_bytes", c.gap_bytes),
            ("acknowledged_unseen_bytes", c.acknowledged_unseen_bytes),
            ("conflicts", self.conflicts()),
            ("conflict_bytes", self.written.flows.conflict_bytes),
            ("replaced_bytes", c.replaced_bytes),
            ("replaced_conflicts", self.replaced_conflicts()),
            ("replaced_conflict_bytes", self.written.flows.replaced_bytes),
            ("late_bytes", c.late_bytes),
            ("out_of_window_bytes", c.out_of_window_bytes),
            ("after_close_bytes", c.after_close_bytes),
            ("reset_bytes", c.reset_bytes),
            ("unwanted_bytes", c.unwanted_bytes),
            ("bytes_beyond_limit", self.beyond_limit()),
            ("truncated_bytes", c.truncated_bytes),
            ("truncated_segments", c.truncated_segments),
            ("out_of_order_segments", c.out_of_order_segments),
            ("keepalives", c.keepalives),
            ("keepalive_answers", c.keepalive_answers),
            ("split_streams", c.split_streams),
            ("shortened_hole_bytes", self.written.flows.shortened_bytes),
            ("flows_without_digests", self.written.flows.undigested),
            ("flows_with_unknown_gaps", self.written.flows.unknown_gaps),
            ("rebased", c.rebased),
            ("stray_segments", c.stray_segments),
            ("after_close_segments", c.after_close_segments),
            ("unwanted_segments", c.unwanted_segments),
            ("invalid_syns", c.invalid_syns),
            ("invalid_resets", c.invalid_resets),
            ("invalid_fins", c.invalid_fins),
            ("data_after_fin", c.data_after_fin),
            ("reopened", c.reopened),
            ("stray_acknowledgements", c.stray_acknowledgements),
            ("paws_failures", c.paws_failures),
            ("beyond_window_segments", c.beyond_window_segments),
            ("refused_bytes", c.refused_bytes),
            ("no_ack_segments", c.no_ack_segments),
            ("urgent_segments", c.urgent_segments),
            ("urgent_bytes", c.urgent_bytes),
            ("islands_exhausted", c.islands_exhausted),
            ("boundaries_lost", c.boundaries_lost),
            ("filtered_packets", self.filtered),
            ("asymmetric_connections", self.asymmetric),
            ("fragments", c.fragments),
            ("whole_datagrams", c.whole_datagrams),
            ("incomplete_datagrams_used", c.incomplete_datagrams),
            ("dropped_fragments", c.dropped_fragments),
            ("max_datagrams", c.max_datagrams),
            ("duplicate_fragments", c.duplicate_fragments),
            ("fragment_overlaps", c.fragment_overlaps),
            ("fragment_conflicts", c.fragment_conflicts),
            ("tiny_fragments", c.tiny_fragments),
            ("misaligned_fragments", c.misaligned_fragments),
            ("time_backwards", c.time_backwards),
            ("time_jumps", c.time_jumps),
            ("time_resets", c.time_resets),
            ("deleted_directories", self.deleted.directories),
            ("deleted_files", self.deleted.files),
            ("deleted_bytes", self.deleted.bytes),
            ("ipv4_checksum_errors", c.ipv4_checksum_errors),
            ("tcp_checksum_errors", c.tcp_checksum_errors),
        ]
        .map(|(name, count)| (name.to_owned(), count))
        .into();
        let closed =
            CloseReason::ALL.map(|r| (format!("closed_{}", r.name().replace('-', "_")), c.closed_for(r)));
        counts.extend(closed);
        for cause in SkipCause::ALL {
            let name = cause.name().replace('-', "_");
            counts.push((format!("console_skips_{name}"), self.console.skips_for(cause)));
            counts.push((format!("console_skipped_bytes_{name}"), self.console.skipped_bytes_for(cause)));
        }
        counts.push(("console_late_bytes".to_owned(), self.console.late_bytes));
        counts.extend(self.http_counts());
        counts.extend(super::tls::counts(&self.written.tls));
        let dropped =
            DropReason::ALL.map(|r| (format!("datagrams_{}", r.name().replace('-', "_")), c.dropped_for(r)));
        counts.extend(dropped);
        counts
    }

    fn http_counts(&self) -> impl Iterator<Item = (String, u64)> {
        let http = &self.written.http;
        let counts = [
            ("requests".to_owned(), http.requests),
            ("responses".to_owned(), http.responses),
            ("bodies".to_owned(), http.bodies),
            ("body_bytes".to_owned(), http.body_bytes),
            ("bytes_of_no_message".to_owned(), http.stray_bytes),
            ("messages_not_listed".to_owned(), http.unlisted),
            ("connections_given_up".to_owned(), http.given_up),
        ];
        let anomalies =
            Anomaly::ALL.map(|anomaly| (anomaly.name().to_owned(), http.anomalies[anomaly as usize]));
        counts.into_iter().chain(anomalies).map(|(name, count)| (format!("http_{name}"), count))
    }
}
