//! What a run does on request (SIGUSR1, SIGHUP) while it goes on: statistics, and the next report.
//!
//! A report ends with the flows that were closed when it was asked for; the next one begins with those that close
//! then. Its numbers are what was added since.

use std::sync::Arc;
use std::time::Instant;

use tapflow_core::Counters;

use super::page;
use super::prepare::{report_chosen_by, run_info};
use super::whole::Run;
use crate::cli::{PICTURES, ReportTarget};
use crate::input::Source;
use crate::input::live::LiveCounts;
use crate::output::durable::Flush;
use crate::output::earlier::{REPORT, next_path};
use crate::report::{Pictures, Progress, Report, Totals, statistics};
use crate::stage::dispatch::Dispatch;
use crate::stage::message::{NextDirectory, NextReport, Notice, Snapshot};
use crate::stage::tee::RunSink;
use crate::traffic::{Meter, Traffic};

impl Run<'_> {
    /// Does what was requested since the last call. Cheap to call.
    pub(super) fn on_request<S: RunSink>(
        &mut self,
        counters: &Counters,
        source: &dyn Source,
        sink: &mut S,
        read: &Totals,
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
            if sink.dispatch_mut().rotation().is_some() {
                sink.dispatch_mut().rotate()?;
                self.next_directory(None, counters, source, sink, read)?;
            } else {
                sink.dispatch_mut().flush()?;
                if let Err(error) = self.next_report(counters, source, sink, read) {
                    self.errors.add(error);
                }
            }
        }
        self.ensure_room(sink, progress)
    }

    /// Pairs of connections that `--ignore-encapsulation` would put together.
    pub(super) fn asymmetric(&self, dispatch: &Dispatch) -> u64 {
        if self.options.ignore_encapsulation { 0 } else { dispatch.asymmetry.pairs() }
    }

    /// The counts of this moment, without the system's counts of a live capture.
    pub(super) fn snapshot<S: RunSink>(&self, counters: &Counters, sink: &S, read: &Totals) -> Snapshot {
        let dispatch = sink.dispatch();
        let totals = Totals {
            packets: read.packets,
            counters: counters.clone(),
            filtered: read.filtered,
            rejects: dispatch.rejects.clone(),
            gaps: dispatch.gaps,
            max_open_flows: dispatch.max_open_flows,
            asymmetric: self.asymmetric(dispatch),
            deleted: self.deleted(),
            ..Totals::default()
        };
        Snapshot {
            totals,
            errors: self.errors.list().to_vec(),
            elapsed: self.started.elapsed(),
            usage: self.system.usage(),
            traffic: None,
        }
    }

    /// What the frames of the report or directory that ends add up to. The next ones belong to another.
    fn take_traffic(&mut self) -> Option<Arc<Traffic>> {
        let ended = self.ended_traffic.take();
        ended.or_else(|| self.meter.as_mut().map(Meter::take)).map(Arc::new)
    }

    /// Ends the report and begins the next one.
    fn next_report<S: RunSink>(
        &mut self,
        counters: &Counters,
        source: &dyn Source,
        sink: &S,
        read: &Totals,
    ) -> Result<(), String> {
        let Some(present) = &self.report_path else { return Ok(()) };
        if present.as_os_str() == "-" {
            return Err(
                "the report goes to standard output, which has no next one; give -X a file".to_owned()
            );
        }
        let path = match &self.options.report {
            ReportTarget::Default => next_path(&self.options.output_dir.join(REPORT))?,
            _ => next_path(present)?,
        };
        let info = run_info(self.options, self.system, self.sources.clone());
        let chosen_by = report_chosen_by(self.options);
        let mut report = Report::create(&path, chosen_by, self.options.report_shape, &info)
            .map_err(|error| format!("{error}; the present one goes on"))?;
        let flushes = self.options.flush == Flush::EachFile;
        report.begin(flushes);
        let mut pictures = None;
        if let Some(netviz) = self.options.scan.netviz() {
            let path = next_path(&self.options.output_dir.join(PICTURES))?;
            pictures = Some(Pictures::create(&path, &self.sources, netviz.dump)?);
        }
        pictures.iter_mut().for_each(|pictures| pictures.begin(flushes));
        let mut page = None;
        if let Some(first) = &self.options.page {
            page = Some(page::create(self.options, &next_path(first)?, &self.sources)?);
        }
        let mut snapshot = self.snapshot(counters, sink, read);
        snapshot.totals.live = live_counts(source);
        snapshot.traffic = self.take_traffic();
        let at = sink.dispatch().closed_flows();
        self.send(Notice::NextReport(Box::new(NextReport { at, report, pictures, page, snapshot })));
        if !self.options.verbosity.is_quiet() {
            (self.say)(&format!("the report goes on in {}", path.display()));
        }
        Ok(())
    }

    /// Notifies the reporter if another directory is the present one; `before` has the counts before its first packet.
    pub(super) fn next_directory<S: RunSink>(
        &mut self,
        before: Option<Snapshot>,
        counters: &Counters,
        source: &dyn Source,
        sink: &mut S,
        read: &Totals,
    ) -> Result<(), S::Error> {
        let Some(rotation) = sink.dispatch_mut().rotation() else { return Ok(()) };
        if let Some(error) = rotation.error() {
            if !self.stop.is_asked() {
                self.errors.add(error);
                self.stop.ask();
            }
            return Ok(());
        }
        let Some((ended, is_complete)) = rotation.take_ended() else { return Ok(()) };
        let (number, path) = (rotation.number(), rotation.path());
        let mut snapshot = before.unwrap_or_else(|| self.snapshot(counters, sink, read));
        snapshot.totals.live = live_counts(source);
        snapshot.traffic = self.take_traffic();
        self.send(Notice::NextDirectory(Box::new(NextDirectory { ended, number, snapshot })));
        if self.options.verbosity.is_verbose() {
            (self.say)(&format!("going on in {}", path.display()));
        }
        if is_complete { sink.dispatch_mut().complete(ended) } else { Ok(()) }
    }

    fn send(&self, notice: Notice) {
        if let Some(reports) = &self.reports {
            // Fails if the reporter has panicked, which the end of the run reports.
            let _ = reports.send(notice.into());
        }
    }
}

/// The interface of a live capture, and the system's counts.
pub(super) fn live_counts(source: &dyn Source) -> Option<(String, LiveCounts)> {
    source.counts().map(|counts| (source.name().to_owned(), counts))
}
