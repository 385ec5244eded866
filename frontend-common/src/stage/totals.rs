//! What a run counts: in the core's thread, and in the reporter's.

use std::path::PathBuf;
use std::time::Duration;

use tapflow_core::{Counters, InOrderCounters};

use crate::input::Source;
use crate::input::live::LiveCounts;
use crate::output::pcap::CaptureCounts;
use crate::report::{RejectCounts, RunSummary, RunTotals, Usage};
use crate::retention::Deleted;
use crate::scan::FinishedFlow;
use crate::scan::http::Counts;
use crate::scan::wifiviz::Wireless;

/// Counts of the core's thread.
#[derive(Debug, Default)]
pub(crate) struct Read {
    pub(crate) packets: u64,
    pub(crate) filtered: u64,
    pub(crate) bytes: u64,
    pub(crate) rejects: RejectCounts,
    pub(crate) gaps: u64,
    pub(crate) max_open_flows: u64,
    /// Pairs of connections that differ in encapsulation only.
    pub(crate) asymmetric: u64,
    pub(crate) beyond_limit: u64,
    /// The interface of a live capture, and the system's counts.
    pub(crate) live: Option<(String, LiveCounts)>,
    /// Numbered directories.
    pub(crate) directories: u64,
    /// Deleted because of `--max-disk`.
    pub(crate) deleted: Deleted,
    /// Wireless networks, if they are wanted.
    pub(crate) wireless: Option<Wireless>,
    /// Counts of the console in stream order.
    pub(crate) console: InOrderCounters,
    /// The input in which the run was stopped.
    pub(crate) ended_in: Option<String>,
    /// The reader of the console went away: no summary.
    pub(crate) quiet: bool,
}

/// Counts of flows and of what was written for them.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    pub(crate) flows: FlowCounts,
    pub(crate) http: Counts,
    pub(crate) captures: CaptureCounts,
    /// The file of frames in no connection, and their number.
    pub(crate) unprocessed: Option<(PathBuf, u64)>,
    pub(crate) errors: Vec<String>,
}

impl Totals {
    pub(crate) fn flow(&mut self, counts: &FlowCounts, http: Option<&Counts>) {
        self.flows.add(counts);
        if let Some(http) = http {
            self.http.add(http);
        }
    }
}

/// What a flow adds to the totals.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FlowCounts {
    pub(crate) files: u64,
    pub(crate) file_bytes: u64,
    pub(crate) conflicts: u64,
    pub(crate) conflict_bytes: u64,
    pub(crate) replaced: u64,
    pub(crate) replaced_bytes: u64,
    pub(crate) beyond_limit: u64,
    pub(crate) shortened_bytes: u64,
    pub(crate) undigested: u64,
    pub(crate) unknown_gaps: u64,
}

impl FlowCounts {
    pub(crate) fn of(flow: &FinishedFlow, beyond_limit: u64) -> Self {
        let file = flow.file.as_ref();
        Self {
            files: u64::from(file.is_some()),
            file_bytes: file.map_or(0, |file| file.size),
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

    pub(crate) fn add(&mut self, other: &Self) {
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

/// Counts of the core's thread at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    pub(crate) counters: Counters,
    pub(crate) read: Read,
    pub(crate) errors: Vec<String>,
    pub(crate) elapsed: Duration,
    pub(crate) usage: Option<Usage>,
}

impl Snapshot {
    /// With the system's counts of a live capture.
    pub(crate) fn of(mut self, source: &dyn Source) -> Self {
        self.read.live = source.counts().map(|counts| (source.name().to_owned(), counts));
        self
    }

    /// The totals at the end of a report, with the counts of the reporter.
    pub(crate) fn totals(self, totals: &Totals) -> RunTotals {
        let summary = summarize(&self.counters, &self.read, totals);
        run_totals(&summary, self.read, self.errors, self.elapsed, self.usage)
    }
}

/// Everything added up.
pub(crate) fn summarize(counters: &Counters, read: &Read, totals: &Totals) -> RunSummary {
    let counters = Counters {
        conflicts: counters.conflicts + totals.flows.conflicts + totals.flows.replaced,
        replaced_conflicts: counters.replaced_conflicts + totals.flows.replaced,
        ..counters.clone()
    };
    RunSummary {
        counters,
        ended_in: None,
        live: read.live.as_ref().map(|(_, counts)| *counts),
        rejects: read.rejects.clone(),
        filtered: read.filtered,
        asymmetric: read.asymmetric,
        files: totals.flows.files,
        file_bytes: totals.flows.file_bytes,
        gaps: read.gaps,
        shortened_bytes: totals.flows.shortened_bytes,
        undigested: totals.flows.undigested,
        unknown_gaps: totals.flows.unknown_gaps,
        console: read.console.clone(),
        conflict_bytes: totals.flows.conflict_bytes,
        replaced_conflict_bytes: totals.flows.replaced_bytes,
        beyond_limit: read.beyond_limit + totals.flows.beyond_limit,
        http: totals.http.clone(),
        captures: totals.captures.files,
        captured: totals.captures.frames,
        directories: read.directories,
        deleted: read.deleted,
        rest: totals.unprocessed.as_ref().map(|(path, frames)| (path.display().to_string(), *frames)),
    }
}

/// Counts of flows that are not 0, by name.
pub(crate) fn counted(totals: &Totals) -> Vec<(String, u64)> {
    let counts = summarize(&Counters::default(), &Read::default(), totals).counts();
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// The totals at the end of a report.
pub(crate) fn run_totals(
    summary: &RunSummary,
    read: Read,
    errors: Vec<String>,
    elapsed: Duration,
    usage: Option<Usage>,
) -> RunTotals {
    RunTotals {
        packets: read.packets,
        max_open_flows: read.max_open_flows,
        rejected: summary.rejects.by_name(),
        counters: summary.counts(),
        wireless: read.wireless,
        live: read.live,
        inputs: Vec::new(),
        errors,
        elapsed,
        usage,
    }
}
