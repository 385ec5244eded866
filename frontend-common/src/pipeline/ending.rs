//! Ending a run: the threads end, the report is closed, everything is added up.

use std::thread::JoinHandle;
use std::time::Duration;

use tapflow_core::Counters;

use super::Outcome;
use super::reading::Read;
use super::reporter::{Reported, Totals};
use super::run::Run;
use crate::output::alerts::Alerts;
use crate::output::durable::Flush;
use crate::output::pcap::CaptureCounts;
use crate::report::{Progress, Report, RunSummary, RunTotals, Usage};

impl Run<'_> {
    /// Ends the threads, closes the report, adds up.
    pub(super) fn end(mut self, counters: &Counters, mut read: Read) -> Outcome {
        drop(std::mem::take(&mut self.senders));
        drop(self.reports.take());
        for writer in std::mem::take(&mut self.writers) {
            if writer.join().is_err() {
                self.complaints.add("internal error: a writer's thread panicked".to_owned());
            }
        }
        if self.scanning.take().is_some_and(|scanning| scanning.join().is_err()) {
            self.complaints.add("internal error: the thread of the scanners panicked".to_owned());
        }
        if let Some(error) = self.alerts.as_ref().and_then(Alerts::failure) {
            self.complaints.add(format_args!("tcp_alert_fd: {error}"));
        }
        let reported = self.reporter.take().map(JoinHandle::join).transpose().unwrap_or_else(|_| {
            self.complaints.add("internal error: the reporter's thread panicked".to_owned());
            None
        });
        let Reported { report, totals, told, last } = reported.unwrap_or_default();
        // All other directories are complete now.
        let mut progress = Progress::new(None, false);
        if let Some(disk) = &self.disk {
            disk.end();
        }
        if self.keeper.take().is_some_and(|keeper| keeper.join().is_err()) {
            self.complaints.add("internal error: the cleanup thread panicked".to_owned());
        }
        self.tell_deletions(&mut progress);
        self.beyond_bound(report.as_ref().map_or(0, Report::kept_free));
        read.deleted = self.deleted();
        totals.errors.iter().for_each(|error| self.complaints.add(error));
        let directory = &self.options.output_dir;
        if self.options.files && !directory.exists() {
            let name = directory.display();
            self.complaints
                .add(format_args!("{name}: removed during the run, with all that was written there"));
        }
        // Before the report says that all went well.
        for error in self.file_systems.flush() {
            self.complaints.add(error);
        }
        for complaint in captured(&totals.captures) {
            self.complaints.add(complaint);
        }
        let mut inputs = Vec::new();
        for result in self.originals.into_iter().flat_map(|thread| thread.join().unwrap_or_default()) {
            match result {
                Ok(digests) => inputs.push(digests),
                Err(error) => self.complaints.add(error),
            }
        }
        let quiet = read.quiet && self.complaints.is_empty();
        let ended_in = read.ended_in.take().filter(|_| !read.quiet);
        let mut errors = self.complaints.list().to_vec();
        errors.extend(ended_in.iter().map(|input| format!("ended early, in {input}")));
        let summary = RunSummary { ended_in, ..summarize(counters, &read, &totals) };
        if let Some(mut report) = report {
            let (elapsed, usage) = (self.started.elapsed(), self.system.usage());
            // Files of earlier directories are in their reports.
            let summary = match &last {
                Some(_) => summarize(counters, &read, &Totals::default()),
                None => summary.clone(),
            };
            let end = run_totals(&summary, read, errors, elapsed, usage);
            let end = RunTotals { inputs, ..end };
            let end = match &told {
                Some(told) => end.since(told),
                None => end,
            };
            let end = match &last {
                Some(last) => end.plus(&counted(last)),
                None => end,
            };
            // Everything else is on disk by now.
            report.begin(self.options.flush != Flush::Never);
            if let Err(error) = report.finish(&end) {
                self.complaints.add(error);
            }
        }
        let text = if quiet { String::new() } else { summary.text(self.options.verbosity) };
        Outcome { errors: self.complaints.into_list(), summary: text }
    }
}

/// Everything added up.
pub(super) fn summarize(counters: &Counters, read: &Read, totals: &Totals) -> RunSummary {
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
        rest: totals.rest.as_ref().map(|(path, frames)| (path.display().to_string(), *frames)),
    }
}

/// What flows came to, by name.
pub(super) fn counted(totals: &Totals) -> Vec<(String, u64)> {
    let counts = summarize(&Counters::default(), &Read::default(), totals).counts();
    counts.into_iter().filter(|(_, count)| *count > 0).collect()
}

/// The same for the end of a report.
pub(super) fn run_totals(
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

/// What could not be in capture files as it was captured.
fn captured(counts: &CaptureCounts) -> Vec<String> {
    let mut complaints = Vec::new();
    if counts.late > 0 {
        complaints.push(format!(
            "{} packets are from after the year 2106, with which the pcap format ends: they have its last second",
            counts.late
        ));
    }
    if counts.refused > 0 {
        complaints.push(format!("{} packets have link types that no pcap file can hold", counts.refused));
    }
    complaints
}
