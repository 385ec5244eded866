//! Ending a run: the threads end, the report is closed, everything is added up.

use std::sync::Arc;
use std::thread::JoinHandle;

use super::Outcome;
use super::reader::Reading;
use super::whole::Run;
use crate::output::alerts::Alerts;
use crate::output::durable::Flush;
use crate::output::pcap::CaptureCounts;
use crate::report::{Progress, Report, ReportEnd, Written};
use crate::stage::pages;
use crate::stage::reporter::Reported;

impl Run<'_> {
    /// Ends the threads, closes the report, adds up.
    pub(super) fn end(mut self, read: Reading) -> Outcome {
        drop(std::mem::take(&mut self.senders));
        drop(self.reports.take());
        for writer in std::mem::take(&mut self.writers) {
            if writer.join().is_err() {
                self.errors.add("internal error: a writer's thread panicked".to_owned());
            }
        }
        if self.scanning.take().is_some_and(|scanning| scanning.join().is_err()) {
            self.errors.add("internal error: the thread of the scanners panicked".to_owned());
        }
        if let Some(error) = self.alerts.as_ref().and_then(Alerts::failure) {
            self.errors.add(format_args!("tcp_alert_fd: {error}"));
        }
        let reported = self.reporter.take().map(JoinHandle::join).transpose().unwrap_or_else(|_| {
            self.errors.add("internal error: the reporter's thread panicked".to_owned());
            None
        });
        let Reported { report, pictures, page, mut pages, written, errors, before, last } =
            reported.unwrap_or_default();
        // All other directories are complete now.
        let mut progress = Progress::new(None, false);
        if let Some(disk) = &self.disk {
            disk.end();
        }
        if self.cleaner.take().is_some_and(|cleaner| cleaner.join().is_err()) {
            self.errors.add("internal error: the cleanup thread panicked".to_owned());
        }
        self.report_deletions(&mut progress);
        let traffic = self.meter.as_mut().map(|meter| Arc::new(meter.take()));
        let mut kept_free = report.as_ref().map_or(0, Report::kept_free);
        if let Some(mut pictures) = pictures {
            let size = pictures.size();
            pictures.begin(self.options.flush != Flush::Never);
            if let Err(error) = pictures.finish(&traffic.clone().unwrap_or_default()) {
                self.errors.add(error);
            }
            kept_free += size.saturating_sub(pictures.size());
        }
        self.check_disk_limit(kept_free);
        errors.iter().for_each(|error| self.errors.add(error));
        let directory = &self.options.output_dir;
        if self.options.files && !directory.exists() {
            let name = directory.display();
            self.errors.add(format_args!("{name}: removed during the run, with all that was written there"));
        }
        // Before the report says that all went well.
        for error in self.file_systems.flush() {
            self.errors.add(error);
        }
        for error in captured(&written.captures) {
            self.errors.add(error);
        }
        let mut inputs = Vec::new();
        for result in
            self.input_digests.take().into_iter().flat_map(|thread| thread.join().unwrap_or_default())
        {
            match result {
                Ok(digests) => inputs.push(digests),
                Err(error) => self.errors.add(error),
            }
        }
        let Reading { mut totals, console_closed, .. } = read;
        totals.deleted = self.deleted();
        totals.ended_in = totals.ended_in.filter(|_| !console_closed);
        totals.written = written;
        let is_quiet = console_closed && self.errors.is_empty();
        let summary = if is_quiet { String::new() } else { totals.text(self.options.verbosity) };
        if report.is_some() || page.is_some() {
            let mut errors = self.errors.list().to_vec();
            errors.extend(totals.ended_in.iter().map(|input| format!("ended early, in {input}")));
            if last.is_some() {
                // Files of earlier directories are in their reports.
                totals.written = Written::default();
            }
            let end = totals.report_end(errors, self.started.elapsed(), self.system.usage());
            let end = ReportEnd { inputs, traffic, ..end };
            let end = match &before {
                Some(before) => end.since(before),
                None => end,
            };
            let mut end = match &last {
                Some(last) => end.plus(&last.counts()),
                None => end,
            };
            if let Some((page, number)) = page
                && let Err(error) = pages::end(page, number, &end, self.disk.as_ref(), pages.as_mut())
            {
                end.errors.push(error.to_string());
                self.errors.add(error);
            }
            // Everything else is on disk by now.
            if let Some(mut report) = report {
                report.begin(self.options.flush != Flush::Never);
                if let Err(error) = report.finish(&end) {
                    self.errors.add(error);
                }
            }
        }
        Outcome { errors: self.errors.into_list(), summary }
    }
}

/// What could not be in capture files as it was captured.
fn captured(counts: &CaptureCounts) -> Vec<String> {
    let mut errors = Vec::new();
    if counts.late > 0 {
        errors.push(format!(
            "{} packets are from after the year 2106, with which the pcap format ends: they have its last second",
            counts.late
        ));
    }
    if counts.refused > 0 {
        errors.push(format!("{} packets have link types that no pcap file can hold", counts.refused));
    }
    errors
}
