//! The reporter's thread: receives finished flows from all writers, puts them in the order in which the core closed
//! them, writes the report and adds up totals.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use super::message::{NextDirectory, NextReport, Notice, ReportedFlows, ReporterBatch, ReporterMessage};
use super::outputs::{Next, Opener, Outputs, Period};
use super::pages::{self, Pages};
use super::stop::Stop;
use crate::report::{Har, JsonLines, Page, Pictures, Report, ReportEnd, Tables, Written};
use crate::retention::DiskQuota;

/// How long a finished flow may be in memory only.
const PATIENCE: Duration = Duration::from_millis(50);

/// The result of the reporter.
#[derive(Default)]
pub(crate) struct Reported {
    /// The last report, which still lacks its end.
    pub(crate) report: Option<Report>,
    /// The last pictures, which are still to be drawn.
    pub(crate) pictures: Option<Pictures>,
    /// The last page, which is still to be written, and the number of its directory.
    pub(crate) page: Option<(Page, u32)>,
    /// With numbered directories: the index of their pages.
    pub(crate) pages: Option<Pages>,
    /// What was written in the whole run.
    pub(crate) written: Written,
    pub(crate) errors: Vec<String>,
    /// What the reports before the last one contain.
    pub(crate) before: Option<ReportEnd>,
    /// With numbered directories: what was written in the last one. Its report contains nothing else.
    pub(crate) last: Option<Written>,
}

/// Parameters of the reporter.
pub(crate) struct ReporterConfig {
    /// The files of the run, or of its first directory.
    pub(crate) outputs: Outputs,
    /// With numbered directories: the number of the first, and what creates files in the next.
    pub(crate) opener: Option<(u32, Opener)>,
    /// Lines on standard output, if each directory has its own files.
    pub(crate) lines: Option<JsonLines>,
    /// With numbered directories: the index of their pages, if there are pages.
    pub(crate) pages: Option<Pages>,
    /// Counts what is written (`--max-disk`).
    pub(crate) disk: Option<DiskQuota>,
    /// The number of writers.
    pub(crate) writers: usize,
}

pub(crate) struct Reporter {
    /// By the number of the directory; the run without them is 0.
    periods: BTreeMap<u32, Period>,
    opener: Option<Opener>,
    lines: Option<JsonLines>,
    pages: Option<Pages>,
    disk: Option<DiskQuota>,
    writers: usize,
    /// Marks that not all writers have passed: the number of writers that have, and of flows that had closed.
    marks: BTreeMap<u64, (usize, u64)>,
    /// Flows that closed after flow number `next`, which has not arrived, by their distance from it. Flows that
    /// came together stand at the place of the first.
    early: VecDeque<Option<Early>>,
    next: u64,
    /// Reports that follow, in order.
    next_reports: VecDeque<Box<NextReport>>,
    written: Written,
    errors: Vec<String>,
    /// What the reports before the present one contain.
    before: Option<ReportEnd>,
    failed: bool,
    stop: Stop,
}

/// Flows that arrived before flows that closed earlier.
struct Early {
    flows: ReportedFlows,
    /// The text of their batch, and where their own begins.
    text: Arc<Vec<u8>>,
    start: usize,
}

impl Reporter {
    pub(crate) fn new(config: ReporterConfig, stop: Stop) -> Self {
        let ReporterConfig { outputs, opener, lines, pages, disk, writers } = config;
        let (first, opener) = opener.map_or((0, None), |(first, opener)| (first, Some(opener)));
        Self {
            periods: BTreeMap::from([(first, Period { outputs, ..Period::default() })]),
            opener,
            lines,
            pages,
            disk,
            writers,
            marks: BTreeMap::new(),
            early: VecDeque::new(),
            next: 0,
            next_reports: VecDeque::new(),
            written: Written::default(),
            errors: Vec::new(),
            before: None,
            failed: false,
            stop,
        }
    }

    /// Works until all senders are dropped.
    pub(crate) fn run(mut self, batches: &Receiver<ReporterBatch>) -> Reported {
        let mut flushed = Instant::now();
        loop {
            let batch = match batches.recv_timeout(PATIENCE) {
                Ok(batch) => batch,
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.flush();
                    let Ok(batch) = batches.recv() else { break };
                    batch
                }
            };
            self.take(batch);
            self.settle(false);
            if flushed.elapsed() >= PATIENCE {
                self.flush();
                flushed = Instant::now();
            }
        }
        // A writer that panicked leaves a hole in the order; flows behind it are reported all the same.
        for early in std::mem::take(&mut self.early).into_iter().flatten() {
            self.turn_of(early);
        }
        self.begin_next_report(true);
        self.settle(true);
        let mut last = self.periods.pop_last();
        if let Some((number, last)) = &mut last {
            self.end_lines(*number, last);
        }
        self.write(|reporter| reporter.lines.as_mut().map_or(Ok(()), JsonLines::finish));
        let Some((number, last)) = last else {
            return Reported { written: self.written, errors: self.errors, ..Reported::default() };
        };
        let Outputs { report, pictures, page, .. } = last.outputs;
        let (page, pages) = (page.map(|page| (page, number)), self.pages);
        let (written, errors) = (self.written, self.errors);
        let (before, last) = match self.opener {
            None => (self.before, None),
            Some(_) => (Some(last.begin), Some(last.written)),
        };
        Reported { report, pictures, page, pages, written, errors, before, last }
    }

    fn take(&mut self, batch: ReporterBatch) {
        let (text, mut start) = (Arc::new(batch.text), 0);
        for message in batch.messages {
            match message {
                ReporterMessage::Flows { order, flows } => {
                    let length = flows.text;
                    self.arrived(order, Early { flows, text: Arc::clone(&text), start });
                    start += length;
                }
                ReporterMessage::Late(flows) => {
                    let end = start + flows.text;
                    self.flows(flows, &text[start..end]);
                    start = end;
                }
                ReporterMessage::Notice(notice) => self.notice(notice),
            }
        }
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Captured(counts) => self.written.captures.add(&counts),
            Notice::Unprocessed { path, frames, late } => {
                self.written.captures.late += late;
                let before = self.written.unprocessed.take().map_or(0, |(_, frames)| frames);
                // With numbered directories there is one in each.
                let name = path.file_name().filter(|_| self.opener.is_some()).map(PathBuf::from);
                self.written.unprocessed = Some((name.unwrap_or(path), before + frames));
            }
            Notice::Failed(error) => self.errors.push(error.to_string()),
            Notice::NextReport(next) => {
                self.next_reports.push_back(next);
                self.begin_next_report(false);
            }
            Notice::NextDirectory(next) => self.next_directory(*next),
            Notice::Complete { directory, at } => {
                let period = self.period(directory);
                period.done += 1;
                period.at = Some(at);
            }
            Notice::Mark { mark, at } => {
                let (passed, closed) = self.marks.entry(mark).or_default();
                *passed += 1;
                *closed = at;
            }
            Notice::Error(text) => self.errors.push(text),
        }
    }

    /// The run, or a numbered directory, whose files are created with the first message about it.
    fn period(&mut self, number: u32) -> &mut Period {
        let number = if self.opener.is_some() { number } else { 0 };
        if !self.periods.contains_key(&number) {
            let disk = self.disk.clone();
            let opened = self.opener.as_ref().map(|opener| opener.go_on(number, disk.as_ref()));
            let outputs = opened.unwrap_or_else(|| Ok(Outputs::default())).unwrap_or_else(|error| {
                self.write(|_| Err(io::Error::other(error)));
                Outputs::default()
            });
            self.periods.insert(number, Period { outputs, ..Period::default() });
        }
        self.periods.entry(number).or_default()
    }

    /// A directory has ended and the next one has begun.
    fn next_directory(&mut self, next: NextDirectory) {
        let totals = next.snapshot.report_end(&Written::default());
        self.period(next.number).begin = totals.clone();
        let ended = self.period(next.ended);
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
            let counts = period.written.counts();
            let end = period.end.take().unwrap_or_default().plus(&counts);
            self.write(|reporter| period.end_report(number, &end, Next::default(), reporter.disk.as_ref()));
            self.end_page(period.outputs.page.take(), number, &end);
            if let Some(disk) = &self.disk {
                disk.complete(number);
            }
        }
    }

    /// Ends everything of the run or a directory but the report.
    fn end_lines(&mut self, number: u32, period: &mut Period) {
        self.write(|reporter| period.end_lists(reporter.lines.as_mut()));
        self.end_har(&mut period.outputs.har, Har::finish);
        if let Some(disk) = &self.disk {
            period.account(number, disk);
        }
    }

    /// Begins the next report if all flows of the present one are in it, or if there are no more.
    fn begin_next_report(&mut self, at_end: bool) {
        while self.next_reports.front().is_some_and(|next| at_end || next.at <= self.next) {
            let Some(next) = self.next_reports.pop_front() else { return };
            let NextReport { report, pictures, page, snapshot, .. } = *next;
            let next = Next { report: Some(report), pictures };
            let totals = snapshot.report_end(&self.written);
            let end = match &self.before {
                Some(before) => totals.clone().since(before),
                None => totals.clone(),
            };
            self.before = Some(totals);
            let disk = self.disk.clone();
            self.write(|reporter| reporter.period(0).end_report(0, &end, next, disk.as_ref()));
            let ended = std::mem::replace(&mut self.period(0).outputs.page, page);
            self.end_page(ended, 0, &end);
        }
    }

    /// Writes the page of what has ended.
    fn end_page(&mut self, page: Option<Page>, number: u32, end: &ReportEnd) {
        let Some(page) = page else { return };
        let disk = self.disk.clone();
        self.write(|reporter| pages::end(page, number, end, disk.as_ref(), reporter.pages.as_mut()));
    }

    /// Writes what is buffered: a program that is killed leaves the flows that have finished.
    fn flush(&mut self) {
        let mut periods = std::mem::take(&mut self.periods);
        for (number, period) in &mut periods {
            self.write(|_| period.outputs.report.as_mut().map_or(Ok(()), Report::flush));
            self.write(|_| period.outputs.lines.as_mut().map_or(Ok(()), JsonLines::flush));
            self.write(|_| period.outputs.tables.as_mut().map_or(Ok(()), Tables::flush));
            self.end_har(&mut period.outputs.har, Har::flush);
            if let Some(disk) = &self.disk {
                period.account(*number, disk);
            }
        }
        self.periods = periods;
        self.write(|reporter| reporter.lines.as_mut().map_or(Ok(()), JsonLines::flush));
    }

    /// Reports flows when all that closed before them have arrived.
    fn arrived(&mut self, order: u64, early: Early) {
        let Some(place) = order.checked_sub(self.next).and_then(|place| usize::try_from(place).ok()) else {
            return;
        };
        if place == 0 && self.early.is_empty() {
            self.turn_of(early);
            return;
        }
        if self.early.len() <= place {
            self.early.resize_with(place + 1, || None);
        }
        self.early[place] = Some(early);
        while let Some(early) = self.early.front_mut().and_then(Option::take) {
            let places = usize::try_from(early.flows.flows).unwrap_or(usize::MAX);
            self.early.drain(..places.min(self.early.len()));
            self.turn_of(early);
        }
    }

    /// Reports flows whose turn it is.
    fn turn_of(&mut self, early: Early) {
        let Early { flows, text, start } = early;
        let end = start + flows.text;
        self.flows(flows, &text[start..end]);
        self.begin_next_report(false);
    }

    fn flows(&mut self, reported: ReportedFlows, text: &[u8]) {
        let ReportedFlows { flows, packets, counts, directory: number, flow, .. } = reported;
        self.next += flows;
        let found = flow.as_ref().map(|(flow, _)| &flow.found);
        self.written.add(&counts, found);
        let is_numbered = self.opener.is_some();
        let disk = self.disk.clone();
        let room = disk.as_ref().map_or(Ok(()), |disk| disk.ask_for_report(text.len() as u64));
        let has_room = room.is_ok();
        let period = self.period(number);
        if is_numbered {
            period.written.add(&counts, found);
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
        self.write(|_| room.and(reported));
        let Some((mut flow, pair)) = flow else {
            self.period(number).outputs.har = har;
            return;
        };
        let file = self.disk.as_ref().and_then(|_| flow.file.as_ref().map(|file| file.path.clone()));
        for http in flow.found.all_http() {
            let mut added = Ok(());
            let disk = self.disk.as_ref();
            let no_room = disk.filter(|_| har.is_some()).and_then(|disk| disk.ask(http.entries.len()).err());
            if let Some(no_room) = no_room {
                if no_room.is_first {
                    self.errors.push(format!("entries of the HAR file: {no_room}"));
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
        if let Some(page) = &mut period.outputs.page {
            page.flow(&mut flow, pair);
        }
        let mut lines = self.lines.take();
        let listed = self.period(number).list((flow, pair), has_room, lines.as_mut());
        self.lines = lines;
        // The next flow's request for room counts what this one took.
        if let Some(disk) = &disk {
            self.period(number).account(number, disk);
        }
        self.write(|_| listed);
        if let (Some(disk), Some(file)) = (&self.disk, &file) {
            disk.let_go(Path::new(file));
        }
    }

    /// Writes; the first error ends the run.
    fn write(&mut self, write: impl FnOnce(&mut Self) -> io::Result<()>) {
        if let Err(error) = write(self)
            && !std::mem::replace(&mut self.failed, true)
        {
            self.errors.push(error.to_string());
            self.stop.ask();
        }
    }

    /// Applies `end` to the HAR file; after an error that file is dropped.
    fn end_har(&mut self, har: &mut Option<Har>, end: impl FnOnce(&mut Har) -> Result<(), String>) {
        if let Some(file) = har
            && let Err(error) = end(file)
        {
            *har = None;
            self.errors.push(error);
            self.stop.ask();
        }
    }
}
