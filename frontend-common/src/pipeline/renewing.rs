//! What a run does on request while it goes on: statistics, and the next report.
//!
//! A report ends with the flows that were closed when it was asked for; the next one begins with those that close
//! then. Its numbers are what was added since.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tapflow_core::Counters;

use super::ending::{run_totals, summarize};
use super::prepare::run_info;
use super::reading::Read;
use super::reporter::Totals;
use super::run::Run;
use super::tee::Watched;
use super::writer::Told;
use crate::input::Source;
use crate::messages::{Progress, statistics};
use crate::report::{Report, RunTotals};

/// The next report, for the reporter.
pub(super) struct Renewal {
    /// How many flows the report before it has seen closed.
    pub(super) at: u64,
    /// The next report.
    pub(super) report: Report,
    /// The end of the one before it, from what the reporter knows by then.
    pub(super) totals: Box<dyn FnOnce(&Totals) -> RunTotals + Send>,
}

impl fmt::Debug for Renewal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Renewal").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Run<'_> {
    /// Does what was asked for in the meantime. Cheap to call.
    pub(super) fn requests<S: Watched>(
        &mut self,
        counters: &Counters,
        source: &dyn Source,
        sink: &S,
        read: &Read,
        progress: &mut Progress,
    ) {
        let due = self.next_statistics.is_some_and(|next| Instant::now() >= next);
        if due || self.stop.take_statistics() {
            let interval = self.options.statistics_interval.filter(|_| due);
            if let (Some(next), Some(interval)) = (&mut self.next_statistics, interval) {
                *next += interval;
            }
            let live = source.counts();
            let open = sink.dispatch().open_flows();
            progress.clear();
            (self.say)(&statistics(self.started.elapsed(), counters, open, live.as_ref()));
        }
        if self.stop.take_report() {
            progress.clear();
            if let Err(error) = self.renew(counters, source, sink, read) {
                self.complaints.add(error);
            }
        }
    }

    /// Has the report ended and the next one begun.
    fn renew<S: Watched>(
        &mut self,
        counters: &Counters,
        source: &dyn Source,
        sink: &S,
        read: &Read,
    ) -> Result<(), String> {
        let Some(present) = &self.report_path else { return Ok(()) };
        let path = next_path(present)?;
        let info = run_info(self.options, self.system, self.sources.clone());
        let report = Report::create(&path, self.options.report_shape, &info)
            .map_err(|error| format!("{error}; the present one goes on"))?;
        let dispatch = sink.dispatch();
        let read = Read {
            packets: read.packets,
            filtered: read.filtered,
            rejects: dispatch.rejects.clone(),
            gaps: dispatch.gaps,
            max_open_flows: dispatch.max_open_flows,
            live: source.counts().map(|counts| (source.name().to_owned(), counts)),
            ..Read::default()
        };
        let (counters, elapsed, usage) = (counters.clone(), self.started.elapsed(), self.system.usage());
        let errors = self.complaints.list().to_vec();
        let totals = move |totals: &Totals| {
            let summary = summarize(&counters, &read, totals);
            run_totals(&summary, read, errors, elapsed, usage)
        };
        let renewal = Renewal { at: dispatch.closed(), report, totals: Box::new(totals) };
        if let Some(reports) = &self.reports {
            // Fails where the reporter has failed, which is told at the end.
            let _ = reports.send(vec![Told::Renewed(Box::new(renewal))]);
        }
        if !self.options.verbosity.is_quiet() {
            (self.say)(&format!("the report goes on in {}", path.display()));
        }
        Ok(())
    }
}

/// The first name with a number, from 2 on, that is free: `report-2.xml` after `report.xml`.
fn next_path(first: &Path) -> Result<PathBuf, String> {
    // Pipes and devices have one name only.
    if !first.is_file() {
        return Err(format!("{}: this is no regular file, so there is no next report", first.display()));
    }
    let stem = first.file_stem().unwrap_or_default();
    for number in 2_u32.. {
        let mut name = stem.to_owned();
        name.push(format!("-{number}"));
        if let Some(extension) = first.extension() {
            name.push(".");
            name.push(extension);
        }
        let path = first.with_file_name(name);
        if path.symlink_metadata().is_err() {
            return Ok(path);
        }
    }
    Err(format!("{}: there are no more numbers for reports", first.display()))
}
