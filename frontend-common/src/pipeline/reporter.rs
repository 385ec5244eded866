//! The reporter's thread: takes finished flows from all writers, puts them in the order in which the
//! core closed them, writes the report and adds up totals.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::Stop;
use super::renewing::Renewal;
use super::writer::Told;
use crate::facts::FinishedFlow;
use crate::output::pcap::CaptureCounts;
use crate::report::{Har, JsonLines, Report, RunTotals};
use crate::scan::http::{Counts, HttpFindings};

/// How long a finished flow may be in memory only.
const PATIENCE: Duration = Duration::from_millis(50);

/// What all flows came to.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) files: u64,
    pub(super) file_bytes: u64,
    pub(super) conflicts: u64,
    pub(super) conflict_bytes: u64,
    pub(super) replaced: u64,
    pub(super) replaced_bytes: u64,
    pub(super) beyond_limit: u64,
    pub(super) http: Counts,
    pub(super) captures: CaptureCounts,
    /// Frames in the file of those in no connection, and its name.
    pub(super) rest: Option<(PathBuf, u64)>,
    pub(super) errors: Vec<String>,
    /// What the reports before the last one have said.
    pub(super) told: Option<RunTotals>,
}

pub(super) struct Reporter {
    report: Option<Report>,
    lines: Option<JsonLines>,
    har: Option<Har>,
    /// Flows that closed after one that has not arrived yet.
    early: BTreeMap<u64, (bool, Box<FinishedFlow>)>,
    next: u64,
    /// Reports that follow, in order.
    renewals: VecDeque<Box<Renewal>>,
    totals: Totals,
    failed: bool,
    stop: Stop,
}

impl Reporter {
    pub(super) fn new(
        report: Option<Report>,
        lines: Option<JsonLines>,
        har: Option<Har>,
        stop: Stop,
    ) -> Self {
        Self {
            report,
            lines,
            har,
            early: BTreeMap::new(),
            next: 0,
            renewals: VecDeque::new(),
            totals: Totals::default(),
            failed: false,
            stop,
        }
    }

    /// Works until all writers have hung up.
    pub(super) fn run(mut self, told: &Receiver<Vec<Told>>) -> (Option<Report>, Totals) {
        let mut flushed = Instant::now();
        loop {
            let messages = match told.recv_timeout(PATIENCE) {
                Ok(messages) => messages,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.flush();
                    let Ok(messages) = told.recv() else { break };
                    messages
                }
            };
            for message in messages {
                match message {
                    Told::Captured(counts) => self.totals.captures.add(&counts),
                    Told::Rest { path, frames, late } => {
                        self.totals.captures.late += late;
                        self.totals.rest = Some((path, frames));
                    }
                    Told::Failed(error) => self.totals.errors.push(error.to_string()),
                    Told::Renewed(renewal) => {
                        self.renewals.push_back(renewal);
                        self.renew(false);
                    }
                    Told::Complaint(text) => self.totals.errors.push(text),
                    Told::Flow { order, flow, beyond_limit, pair } => {
                        self.totals.beyond_limit += beyond_limit;
                        self.early.insert(order, (pair, flow));
                        while let Some((pair, flow)) = self.early.remove(&self.next) {
                            self.flow(flow, pair);
                            self.renew(false);
                        }
                    }
                }
            }
            if flushed.elapsed() >= PATIENCE {
                self.flush();
                flushed = Instant::now();
            }
        }
        // A writer that died leaves a hole in the order; what came after it is still told.
        while let Some((_, (pair, flow))) = self.early.pop_first() {
            self.flow(flow, pair);
            self.renew(false);
        }
        self.renew(true);
        self.written(|reporter| reporter.lines.as_mut().map_or(Ok(()), JsonLines::finish));
        self.end_har(Har::finish);
        (self.report, self.totals)
    }

    /// Begins the next report if all flows of the present one are in it, or if there are no more.
    fn renew(&mut self, at_end: bool) {
        while self.renewals.front().is_some_and(|renewal| at_end || renewal.at <= self.next) {
            let Some(renewal) = self.renewals.pop_front() else { return };
            let Renewal { report, totals, .. } = *renewal;
            let totals = totals(&self.totals);
            let end = match &self.totals.told {
                Some(told) => totals.clone().since(told),
                None => totals.clone(),
            };
            self.totals.told = Some(totals);
            let ended = self.report.replace(report);
            self.written(|_| ended.map_or(Ok(()), |mut report| report.finish(&end)));
        }
    }

    /// Whoever kills the program finds the flows that have finished.
    fn flush(&mut self) {
        self.written(|reporter| reporter.report.as_mut().map_or(Ok(()), Report::flush));
        self.written(|reporter| reporter.lines.as_mut().map_or(Ok(()), JsonLines::flush));
        self.end_har(Har::flush);
    }

    fn flow(&mut self, flow: Box<FinishedFlow>, pair: bool) {
        self.next += 1;
        if let Some(file) = &flow.file {
            self.totals.files += 1;
            self.totals.file_bytes += file.size;
        }
        self.totals.conflicts += flow.conflicts.listed.len() as u64 + flow.conflicts.omitted;
        self.totals.conflict_bytes += flow.conflicts.bytes;
        self.totals.replaced += flow.replaced.listed.len() as u64 + flow.replaced.omitted;
        self.totals.replaced_bytes += flow.replaced.bytes;
        if let Some(http) = &flow.found.http {
            self.http(http);
        }
        self.written(|reporter| reporter.report.as_mut().map_or(Ok(()), |report| report.flow(&flow)));
        self.written(|reporter| reporter.lines.as_mut().map_or(Ok(()), |lines| lines.flow(flow, pair)));
    }

    /// Writes; the first error ends the run.
    fn written(&mut self, write: impl FnOnce(&mut Self) -> io::Result<()>) {
        if let Err(error) = write(self)
            && !std::mem::replace(&mut self.failed, true)
        {
            self.totals.errors.push(error.to_string());
            self.stop.ask();
        }
    }

    /// Ends the HAR file, for now or for good.
    fn end_har(&mut self, end: impl FnOnce(&mut Har) -> Result<(), String>) {
        if let Some(har) = &mut self.har
            && let Err(error) = end(har)
        {
            self.har = None;
            self.totals.errors.push(error);
            self.stop.ask();
        }
    }

    /// Adds up, and writes the entries of the HAR file; after an error that file is let go.
    fn http(&mut self, http: &HttpFindings) {
        self.totals.http.add(&http.counts);
        let Some(har) = &mut self.har else { return };
        let mut added = Ok(());
        let read = http.entries.read(|part| {
            if added.is_ok() {
                added = har.add(part);
            }
        });
        if let Err(error) = added.and(read.map_err(|error| format!("entries of the HAR file: {error}"))) {
            self.har = None;
            self.totals.errors.push(error);
            self.stop.ask();
        }
    }
}
