//! What a run does on request while it goes on: statistics, and the next report.
//!
//! A report ends with the flows that were closed when it was asked for; the next one begins with those that close
//! then. Its numbers are what was added since.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tapflow_core::Counters;

use super::dispatch::Dispatch;
use super::ending::{run_totals, summarize};
use super::prepare::{report_chosen_by, run_info};
use super::reading::Read;
use super::reporter::Totals;
use super::run::Run;
use super::tee::Watched;
use super::writer::Told;
use crate::input::Source;
use crate::output::draft::part_of;
use crate::output::durable::Flush;
use crate::report::{Progress, Report, RunTotals, Usage, statistics};

/// The next report, for the reporter.
#[derive(Debug)]
pub(super) struct Renewal {
    /// How many flows the report before it has seen closed.
    pub(super) at: u64,
    /// The next report.
    pub(super) report: Report,
    /// What there was to count by then.
    pub(super) snapshot: Snapshot,
}

/// Another directory is the present one, for the reporter.
#[derive(Debug)]
pub(super) struct Rotated {
    /// The one before it.
    pub(super) ended: u32,
    /// The present one.
    pub(super) number: u32,
    /// What there was to count by then.
    pub(super) snapshot: Snapshot,
}

/// What the core's thread has counted so far.
#[derive(Debug)]
pub(super) struct Snapshot {
    counters: Counters,
    read: Read,
    errors: Vec<String>,
    elapsed: Duration,
    usage: Option<Usage>,
}

impl Snapshot {
    /// With what the system counts.
    fn of(mut self, source: &dyn Source) -> Self {
        self.read.live = source.counts().map(|counts| (source.name().to_owned(), counts));
        self
    }

    /// The end of a report, with what the reporter knows.
    pub(super) fn totals(self, totals: &Totals) -> RunTotals {
        let summary = summarize(&self.counters, &self.read, totals);
        run_totals(&summary, self.read, self.errors, self.elapsed, self.usage)
    }
}

impl Run<'_> {
    /// Does what was asked for in the meantime. Cheap to call.
    pub(super) fn requests<S: Watched>(
        &mut self,
        counters: &Counters,
        source: &dyn Source,
        sink: &mut S,
        read: &Read,
        progress: &mut Progress,
    ) -> Result<(), S::Error> {
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
            if sink.rotation().is_some() {
                sink.rotate()?;
                self.rotated(None, counters, source, sink, read)?;
            } else {
                sink.hand_over()?;
                if let Err(error) = self.renew(counters, source, sink, read) {
                    self.complaints.add(error);
                }
            }
        }
        self.bounds(sink, progress)
    }

    /// Pairs of connections that `--ignore-encapsulation` would put together.
    pub(super) fn asymmetric(&self, dispatch: &Dispatch<'_>) -> u64 {
        if self.options.ignore_encapsulation { 0 } else { dispatch.asymmetry.pairs() }
    }

    /// What there is to count now; what the system counts of a live capture is still to be added.
    pub(super) fn snapshot<S: Watched>(&self, counters: &Counters, sink: &S, read: &Read) -> Snapshot {
        let dispatch = sink.dispatch();
        let read = Read {
            packets: read.packets,
            filtered: read.filtered,
            rejects: dispatch.rejects.clone(),
            gaps: dispatch.gaps,
            max_open_flows: dispatch.max_open_flows,
            asymmetric: self.asymmetric(dispatch),
            deleted: self.deleted(),
            ..Read::default()
        };
        Snapshot {
            counters: counters.clone(),
            read,
            errors: self.complaints.list().to_vec(),
            elapsed: self.started.elapsed(),
            usage: self.system.usage(),
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
        let chosen_by = report_chosen_by(self.options);
        let mut report = Report::create(&path, chosen_by, self.options.report_shape, &info)
            .map_err(|error| format!("{error}; the present one goes on"))?;
        report.begin(self.options.flush == Flush::EachFile);
        let snapshot = self.snapshot(counters, sink, read).of(source);
        let at = sink.dispatch().closed();
        self.tell(Told::Renewed(Box::new(Renewal { at, report, snapshot })));
        if !self.options.verbosity.is_quiet() {
            (self.say)(&format!("the report goes on in {}", path.display()));
        }
        Ok(())
    }

    /// Tells the reporter of another directory, if there is one; `before` is from before its first packet.
    pub(super) fn rotated<S: Watched>(
        &mut self,
        before: Option<Snapshot>,
        counters: &Counters,
        source: &dyn Source,
        sink: &mut S,
        read: &Read,
    ) -> Result<(), S::Error> {
        let Some(rotation) = sink.rotation() else { return Ok(()) };
        if let Some(error) = rotation.error() {
            if !self.stop.is_asked() {
                self.complaints.add(error);
                self.stop.ask();
            }
            return Ok(());
        }
        let Some((ended, is_complete)) = rotation.take_ended() else { return Ok(()) };
        let (number, path) = (rotation.number(), rotation.path());
        let snapshot = before.unwrap_or_else(|| self.snapshot(counters, sink, read)).of(source);
        self.tell(Told::Rotated(Box::new(Rotated { ended, number, snapshot })));
        if self.options.verbosity.is_verbose() {
            (self.say)(&format!("going on in {}", path.display()));
        }
        if is_complete { sink.complete(ended) } else { Ok(()) }
    }

    fn tell(&self, told: Told) {
        if let Some(reports) = &self.reports {
            // Fails where the reporter has failed, which is told at the end.
            let _ = reports.send(told.into());
        }
    }
}

/// The first name with a number, from 2 on, that is free: `report-2.xml` after `report.xml`.
fn next_path(first: &Path) -> Result<PathBuf, String> {
    // Pipes and devices have one name only. A report gets its name when it is whole.
    if first.symlink_metadata().is_ok_and(|_| !first.is_file()) {
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
        if [&path, &part_of(&path)].iter().all(|path| path.symlink_metadata().is_err()) {
            return Ok(path);
        }
    }
    Err(format!("{}: there are no more numbers for reports", first.display()))
}
