//! The reporter's thread: takes finished flows from all writers, puts them in the order in which the
//! core closed them, writes the report and adds up totals.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::Stop;
use super::ending::counted;
use super::finished::{Finished, FlowCounts};
use super::outputs::{Opener, Outputs, Period};
use super::renewing::{Renewal, Rotated};
use super::writer::{Message, Told};
use crate::output::disk::Disk;
use crate::output::pcap::CaptureCounts;
use crate::report::{Har, JsonLines, Report, RunTotals};
use crate::scan::http::Counts;

/// How long a finished flow may be in memory only.
const PATIENCE: Duration = Duration::from_millis(50);

/// What all flows came to.
#[derive(Debug, Default)]
pub(super) struct Totals {
    pub(super) flows: FlowCounts,
    pub(super) http: Counts,
    pub(super) captures: CaptureCounts,
    /// Frames in the file of those in no connection, and its name.
    pub(super) rest: Option<(PathBuf, u64)>,
    pub(super) errors: Vec<String>,
}

impl Totals {
    fn flow(&mut self, counts: &FlowCounts, http: Option<&Counts>) {
        self.flows.add(counts);
        if let Some(http) = http {
            self.http.add(http);
        }
    }
}

/// What the reporter leaves: the last report, to be ended, and what everything came to.
#[derive(Debug, Default)]
pub(super) struct Reported {
    pub(super) report: Option<Report>,
    pub(super) totals: Totals,
    /// What the reports before the last one have said.
    pub(super) told: Option<RunTotals>,
    /// With numbered directories: what came to the last one, which alone is in its report.
    pub(super) last: Option<Totals>,
}

/// What the reporter works with.
pub(super) struct ReporterConfig {
    /// The files of the run, or of its first directory.
    pub(super) outputs: Outputs,
    /// With numbered directories: the number of the first, and who makes files in the next.
    pub(super) opener: Option<(u32, Opener)>,
    /// Lines on standard output, where each directory has other files.
    pub(super) lines: Option<JsonLines>,
    /// Who counts what is written.
    pub(super) disk: Option<Disk>,
    /// How many writers there are.
    pub(super) writers: usize,
}

pub(super) struct Reporter {
    /// By the number of the directory; the run without them is 0.
    periods: BTreeMap<u32, Period>,
    opener: Option<Opener>,
    lines: Option<JsonLines>,
    disk: Option<Disk>,
    writers: usize,
    /// Marks that are on their way: how many writers have passed them, and flows that had closed.
    marks: BTreeMap<u64, (usize, u64)>,
    /// Flows that closed after one that has not arrived yet: that one's place is the first. Where several came
    /// together, at the place of their first.
    early: VecDeque<Option<Early>>,
    next: u64,
    /// Reports that follow, in order.
    renewals: VecDeque<Box<Renewal>>,
    totals: Totals,
    /// What the reports before the present one have said.
    told: Option<RunTotals>,
    failed: bool,
    stop: Stop,
}

/// Flows that others have to come before.
struct Early {
    flow: Finished,
    /// The text of its message, and where its own begins.
    text: Arc<Vec<u8>>,
    start: usize,
}

impl Reporter {
    pub(super) fn new(config: ReporterConfig, stop: Stop) -> Self {
        let ReporterConfig { outputs, opener, lines, disk, writers } = config;
        let (first, opener) = opener.map_or((0, None), |(first, opener)| (first, Some(opener)));
        Self {
            periods: BTreeMap::from([(first, Period { outputs, ..Period::default() })]),
            opener,
            lines,
            disk,
            writers,
            marks: BTreeMap::new(),
            early: VecDeque::new(),
            next: 0,
            renewals: VecDeque::new(),
            totals: Totals::default(),
            told: None,
            failed: false,
            stop,
        }
    }

    /// Works until all writers have hung up.
    pub(super) fn run(mut self, told: &Receiver<Message>) -> Reported {
        let mut flushed = Instant::now();
        loop {
            let message = match told.recv_timeout(PATIENCE) {
                Ok(message) => message,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.flush();
                    let Ok(message) = told.recv() else { break };
                    message
                }
            };
            self.take(message);
            self.settle(false);
            if flushed.elapsed() >= PATIENCE {
                self.flush();
                flushed = Instant::now();
            }
        }
        // A writer that died leaves a hole in the order; what came after it is still told.
        for early in std::mem::take(&mut self.early).into_iter().flatten() {
            self.turn_of(early);
        }
        self.renew(true);
        self.settle(true);
        self.written(|reporter| reporter.lines.as_mut().map_or(Ok(()), JsonLines::finish));
        let Some((number, mut last)) = self.periods.pop_last() else {
            return Reported { totals: self.totals, ..Reported::default() };
        };
        self.end_lines(number, &mut last);
        let Outputs { report, .. } = last.outputs;
        if self.opener.is_none() {
            return Reported { report, totals: self.totals, told: self.told, last: None };
        }
        Reported { report, totals: self.totals, told: Some(last.begin), last: Some(last.totals) }
    }

    fn take(&mut self, message: Message) {
        let (text, mut start) = (Arc::new(message.text), 0);
        for told in message.told {
            if let Told::Finished { order, flow } = told {
                let length = flow.text;
                self.arrived(order, flow, &text, start);
                start += length;
            } else {
                self.hear(told);
            }
        }
    }

    fn hear(&mut self, told: Told) {
        match told {
            Told::Captured(counts) => self.totals.captures.add(&counts),
            Told::Rest { path, frames, late } => {
                self.totals.captures.late += late;
                let before = self.totals.rest.take().map_or(0, |(_, frames)| frames);
                // With numbered directories there is one in each.
                let name = path.file_name().filter(|_| self.opener.is_some()).map(PathBuf::from);
                self.totals.rest = Some((name.unwrap_or(path), before + frames));
            }
            Told::Failed(error) => self.totals.errors.push(error.to_string()),
            Told::Renewed(renewal) => {
                self.renewals.push_back(renewal);
                self.renew(false);
            }
            Told::Rotated(rotated) => self.rotate(*rotated),
            Told::Complete { directory, at } => {
                let period = self.period(directory);
                period.done += 1;
                period.at = Some(at);
            }
            Told::Mark { mark, at } => {
                let (passed, closed) = self.marks.entry(mark).or_default();
                *passed += 1;
                *closed = at;
            }
            Told::Complaint(text) => self.totals.errors.push(text),
            // Flows are told as they are only where scanners come first.
            Told::Flow { .. } | Told::Finished { .. } => {
                debug_assert!(false, "a flow that nobody has made lines of");
            }
        }
    }

    /// The run, or a numbered directory: its files are made when the first is heard of it.
    fn period(&mut self, number: u32) -> &mut Period {
        let number = if self.opener.is_some() { number } else { 0 };
        if !self.periods.contains_key(&number) {
            let disk = self.disk.clone();
            let opened = self.opener.as_ref().map(|opener| opener.go_on(number, disk.as_ref()));
            let outputs = opened.unwrap_or_else(|| Ok(Outputs::default())).unwrap_or_else(|error| {
                self.written(|_| Err(io::Error::other(error)));
                Outputs::default()
            });
            self.periods.insert(number, Period { outputs, ..Period::default() });
        }
        self.periods.entry(number).or_default()
    }

    /// A directory has ended and the next one has begun.
    fn rotate(&mut self, rotated: Rotated) {
        let totals = rotated.snapshot.totals(&Totals::default());
        self.period(rotated.number).begin = totals.clone();
        let ended = self.period(rotated.ended);
        ended.end = Some(totals.since(&ended.begin));
    }

    /// Ends what is complete: directories, and marks.
    fn settle(&mut self, at_end: bool) {
        let (next, writers) = (self.next, self.writers);
        while let Some(mark) = self.marks.first_entry().filter(|mark| {
            let (passed, closed) = *mark.get();
            passed >= writers && closed <= next
        }) {
            let (mark, _) = mark.remove_entry();
            if let Some(disk) = &self.disk {
                disk.done(mark);
            }
        }
        if self.opener.is_none() {
            return;
        }
        let is_complete = |period: &Period| {
            period.end.is_some()
                && (at_end || period.done >= writers && period.at.is_some_and(|at| at <= next))
        };
        let complete = |(number, period): (&u32, &Period)| is_complete(period).then_some(*number);
        let complete: Vec<u32> = self.periods.iter().filter_map(complete).collect();
        for number in complete {
            let Some(mut period) = self.periods.remove(&number) else { continue };
            self.end_lines(number, &mut period);
            let counts = counted(&period.totals);
            let end = period.end.take().unwrap_or_default().plus(&counts);
            self.written(|reporter| period.end_report(number, &end, None, reporter.disk.as_ref()));
            if let Some(disk) = &self.disk {
                disk.complete(number);
            }
        }
    }

    /// Ends everything of the run or a directory but the report.
    fn end_lines(&mut self, number: u32, period: &mut Period) {
        self.written(|_| period.outputs.lines.as_mut().map_or(Ok(()), JsonLines::finish));
        self.end_har(&mut period.outputs.har, Har::finish);
        if let Some(disk) = &self.disk {
            period.account(number, disk);
        }
    }

    /// Begins the next report if all flows of the present one are in it, or if there are no more.
    fn renew(&mut self, at_end: bool) {
        while self.renewals.front().is_some_and(|renewal| at_end || renewal.at <= self.next) {
            let Some(renewal) = self.renewals.pop_front() else { return };
            let Renewal { report, snapshot, .. } = *renewal;
            let totals = snapshot.totals(&self.totals);
            let end = match &self.told {
                Some(told) => totals.clone().since(told),
                None => totals.clone(),
            };
            self.told = Some(totals);
            let disk = self.disk.clone();
            self.written(|reporter| reporter.period(0).end_report(0, &end, Some(report), disk.as_ref()));
        }
    }

    /// Whoever kills the program finds the flows that have finished.
    fn flush(&mut self) {
        let mut periods = std::mem::take(&mut self.periods);
        for (number, period) in &mut periods {
            self.written(|_| period.outputs.report.as_mut().map_or(Ok(()), Report::flush));
            self.written(|_| period.outputs.lines.as_mut().map_or(Ok(()), JsonLines::flush));
            self.end_har(&mut period.outputs.har, Har::flush);
            if let Some(disk) = &self.disk {
                period.account(*number, disk);
            }
        }
        self.periods = periods;
        self.written(|reporter| reporter.lines.as_mut().map_or(Ok(()), JsonLines::flush));
    }

    /// Tells of flows when all that closed before them have arrived.
    fn arrived(&mut self, order: u64, flow: Finished, text: &Arc<Vec<u8>>, start: usize) {
        let Some(place) = order.checked_sub(self.next).and_then(|place| usize::try_from(place).ok()) else {
            return;
        };
        let flow = Early { flow, text: Arc::clone(text), start };
        if place == 0 && self.early.is_empty() {
            self.turn_of(flow);
            return;
        }
        if self.early.len() <= place {
            self.early.resize_with(place + 1, || None);
        }
        self.early[place] = Some(flow);
        while let Some(flow) = self.early.front_mut().and_then(Option::take) {
            let places = usize::try_from(flow.flow.flows).unwrap_or(usize::MAX);
            self.early.drain(..places.min(self.early.len()));
            self.turn_of(flow);
        }
    }

    /// Tells of flows whose turn it is.
    fn turn_of(&mut self, early: Early) {
        let Early { flow, text, start } = early;
        let end = start + flow.text;
        self.flow(flow, &text[start..end]);
        self.renew(false);
    }

    fn flow(&mut self, finished: Finished, text: &[u8]) {
        let Finished { flows, packets, counts, directory: number, flow, .. } = finished;
        self.next += flows;
        let http = flow.as_ref().and_then(|(flow, _)| flow.found.http.as_ref()).map(|http| &http.counts);
        self.totals.flow(&counts, http);
        let is_numbered = self.opener.is_some();
        let disk = self.disk.clone();
        let room = disk.as_ref().map_or(Ok(()), |disk| disk.ask_for_report(text.len() as u64));
        let has_room = room.is_ok();
        let period = self.period(number);
        if is_numbered {
            period.totals.flow(&counts, http);
        }
        let reported = match &mut period.outputs.report {
            Some(report) if has_room && !text.is_empty() => report.add(flows, text, packets),
            Some(report) if !has_room => {
                report.refuse(flows, packets);
                Ok(())
            }
            _ => Ok(()),
        };
        let mut har = period.outputs.har.take();
        let place = self.disk.as_ref().map(|disk| disk.directory(number).display().to_string());
        let room = room.map_err(|error| io::Error::other(format!("{}: {error}", place.unwrap_or_default())));
        self.written(|_| room.and(reported));
        let Some((flow, pair)) = flow else {
            self.period(number).outputs.har = har;
            return;
        };
        let file = self.disk.as_ref().and_then(|_| flow.file.as_ref().map(|file| file.path.clone()));
        if let Some(http) = &flow.found.http {
            let mut added = Ok(());
            let disk = self.disk.as_ref();
            let no_room = disk.filter(|_| har.is_some()).and_then(|disk| disk.ask(http.entries.len()).err());
            if let Some(no_room) = no_room {
                if no_room.is_first {
                    self.totals.errors.push(format!("entries of the HAR file: {no_room}"));
                }
                self.stop.ask();
            } else {
                self.end_har(&mut har, |har| {
                    let read = http.entries.read(|part| {
                        if added.is_ok() {
                            added = har.add(part);
                        }
                    });
                    added.and(read.map_err(|error| format!("entries of the HAR file: {error}")))
                });
            }
        }
        let period = self.period(number);
        period.outputs.har = har;
        let listed = match &mut period.outputs.lines {
            Some(lines) if has_room => lines.flow(flow, pair),
            Some(_) => Ok(()),
            None => self.lines.as_mut().map_or(Ok(()), |lines| lines.flow(flow, pair)),
        };
        // The next one asks for room.
        if let Some(disk) = &disk {
            self.period(number).account(number, disk);
        }
        self.written(|_| listed);
        if let (Some(disk), Some(file)) = (&self.disk, &file) {
            disk.let_go(Path::new(file));
        }
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

    /// Does something with the HAR file; after an error that file is let go.
    fn end_har(&mut self, har: &mut Option<Har>, end: impl FnOnce(&mut Har) -> Result<(), String>) {
        if let Some(file) = har
            && let Err(error) = end(file)
        {
            *har = None;
            self.totals.errors.push(error);
            self.stop.ask();
        }
    }
}
