//! Files with the plaintext of a connection: `NAME-TLS` beside the file of each flow.
//!
//! What is missing on the wire is a hole in the file, as in the files of flows. It is as long as what is missing, where
//! that is known.

use std::fs::{File, FileTimes};
use std::io::{self, Seek, SeekFrom, Write};
use std::ops::Range;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use tapflow_core::{Summary, Timestamp};

use super::TlsOptions;
use crate::flow::{FileFacts, Gaps, Ranges, Timeline};
use crate::output::durable::finish;
use crate::retention::BLOCK;
use crate::scan::http::create;
use crate::scan::{Findings, FinishedFlow, ScannedFlow};
use crate::tls::{Facts, Output};

/// Bytes gathered for a write.
const BUFFER: usize = 128 << 10;
/// Bytes of a plaintext that stay in memory for the scanners.
const AT_HAND: usize = 1 << 20;
/// Records whose places are listed.
const MAX_RUNS: usize = 2000;

/// Where a part of the plaintext was on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its bytes in the plaintext.
    pub plain: Range<u64>,
    /// Its record in the flow.
    pub wire: Range<u64>,
}

/// Takes the plaintext of a connection.
pub(super) struct Plaintext<'s> {
    options: &'s TlsOptions,
    flows: &'s [ScannedFlow],
    sides: [Side; 2],
    /// What went wrong first; empty where that was said already.
    pub(super) error: Option<String>,
}

#[derive(Default)]
struct Side {
    path: PathBuf,
    file: Option<File>,
    buffer: Vec<u8>,
    contents: Option<Vec<u8>>,
    /// Its length so far, with what is gathered and with holes.
    size: u64,
    /// What is missing before the next byte, and whether its length is exact.
    missing: Option<(u64, bool)>,
    gaps: Gaps,
    timeline: Timeline,
    runs: Vec<Run>,
    omitted: u64,
    time: Option<Timestamp>,
}

/// The plaintext of one direction.
#[derive(Clone, Debug)]
pub struct Derived {
    /// Its bytes as a flow of their own.
    pub flow: Box<FinishedFlow>,
    /// Where they were on the wire, at most a few thousand places.
    pub runs: Vec<Run>,
    /// Places that are not listed.
    pub omitted: u64,
}

impl<'s> Plaintext<'s> {
    pub(super) fn new(options: &'s TlsOptions, flows: &'s [ScannedFlow]) -> Self {
        let side = || Side { contents: Some(Vec::new()), ..Side::default() };
        Self { options, flows, sides: [side(), side()], error: None }
    }

    /// Ends the files: the plaintext of each direction that has one.
    pub(super) fn finish(mut self, facts: &Facts) -> (Vec<Option<Derived>>, Option<String>) {
        for index in 0..self.flows.len().min(2) {
            // Where there were records there is a file, also if all of them are empty.
            if facts.sides[index].data_records > 0 {
                self.write(index);
            }
            self.close(index);
        }
        let Self { flows, sides, error, .. } = self;
        let derived = flows.iter().zip(sides).map(|(scanned, side)| {
            let is_whole = facts.reason.is_none() && error.is_none();
            (!side.path.as_os_str().is_empty()).then(|| side.derived(&scanned.flow, is_whole, facts.tried))
        });
        let derived = derived.collect();
        (derived, error)
    }

    fn check(&mut self, index: usize, result: io::Result<()>) {
        if let (Err(error), Some(side)) = (result, self.sides.get(index)) {
            self.error.get_or_insert_with(|| format!("{}: {error}", side.path.display()));
        }
    }

    /// Writes what is gathered.
    fn write(&mut self, index: usize) {
        let Some(side) = self.sides.get_mut(index) else { return };
        let is_new = side.file.is_none();
        if side.buffer.is_empty() && !is_new || self.error.is_some() {
            side.buffer.clear();
            return;
        }
        if is_new {
            let path =
                self.flows.get(index).and_then(|scanned| scanned.flow.file.as_ref()).map(|file| &file.path);
            side.path = path.cloned().unwrap_or_default();
        }
        let length = side.buffer.len() as u64 + if is_new { BLOCK } else { 0 };
        if let Some(Err(no_room)) = self.options.disk.as_ref().map(|disk| disk.ask(length)) {
            side.buffer.clear();
            // Said once in a run.
            let text =
                if no_room.is_first { format!("{}: {no_room}", side.path.display()) } else { String::new() };
            self.error = Some(text);
            return;
        }
        let mut put = || {
            if is_new {
                let suffix = ("-TLS".to_owned(), "");
                side.file = Some(create(self.options.directory.as_ref(), &mut side.path, &suffix)?);
            }
            let Some(file) = &mut side.file else { return Ok(()) };
            file.seek(SeekFrom::Start(side.size - side.buffer.len() as u64))?;
            file.write_all(&side.buffer)?;
            if let Some(disk) = &self.options.disk {
                disk.add(&side.path, length);
            }
            Ok(())
        };
        let result = put();
        side.buffer.clear();
        self.check(index, result);
    }

    fn close(&mut self, index: usize) {
        let Some(side) = self.sides.get_mut(index) else { return };
        let Some(file) = side.file.take() else { return };
        let times = side.time.map(|time| {
            let time = UNIX_EPOCH + Duration::new(time.seconds(), time.subsec_nanos());
            FileTimes::new().set_modified(time).set_accessed(SystemTime::now())
        });
        let result = times.map_or(Ok(()), |times| file.set_times(times));
        let result = result.and(finish(file, self.options.flushes));
        self.check(index, result);
    }
}

impl Output for Plaintext<'_> {
    fn data(&mut self, index: usize, record: Range<u64>, plain: &[u8]) {
        let (Some(side), Some(scanned)) = (self.sides.get(index), self.flows.get(index)) else { return };
        if plain.is_empty() {
            return;
        }
        if side.missing.is_some() && side.size > 0 || side.buffer.len() + plain.len() > BUFFER {
            self.write(index);
        }
        let Some(side) = self.sides.get_mut(index) else { return };
        side.skip();
        let time = scanned.flow.timeline.at(record.start);
        if let Some(time) = time {
            side.timeline.note(side.size, time);
        }
        side.time = side.time.or(time);
        let end = side.size + plain.len() as u64;
        if side.runs.len() < MAX_RUNS {
            side.runs.push(Run { plain: side.size..end, wire: record });
        } else {
            side.omitted += 1;
        }
        side.size = end;
        side.buffer.extend_from_slice(plain);
        side.contents = side.contents.take().filter(|contents| contents.len() + plain.len() <= AT_HAND);
        if let Some(contents) = &mut side.contents {
            contents.extend_from_slice(plain);
        }
    }

    fn gap(&mut self, index: usize, _wire: Range<u64>, length: u64, is_exact: bool) {
        let Some(side) = self.sides.get_mut(index) else { return };
        let (before, was_exact) = side.missing.unwrap_or((0, true));
        side.missing = Some((before.saturating_add(length), was_exact && is_exact));
    }
}

impl Side {
    /// Leaves a hole for what is missing.
    fn skip(&mut self) {
        let Some((length, is_exact)) = self.missing.take() else { return };
        // Bytes that are missing without a length are to be seen, too.
        let length = if is_exact { length } else { length.max(1) };
        let hole = self.size..self.size + length;
        if hole.is_empty() {
            return;
        }
        self.size = hole.end;
        let is_short = length <= AT_HAND as u64;
        self.contents = self
            .contents
            .take()
            .filter(|contents| is_short && contents.len() as u64 + length <= AT_HAND as u64);
        if let Some(contents) = &mut self.contents {
            contents.resize(contents.len() + length as usize, 0);
        }
        if is_exact {
            self.gaps.push(hole);
        } else {
            self.gaps.miss(hole);
        }
    }

    /// The plaintext as a flow.
    fn derived(self, of: &FinishedFlow, is_whole: bool, is_tried: bool) -> Derived {
        let mut facts = of.facts.clone();
        facts.opened.time = self.time.unwrap_or(facts.opened.time);
        facts.opened.syn &= !is_tried && !of.gaps.at_start();
        let is_whole = is_whole && self.missing.is_none();
        let gaps = self.gaps.bytes();
        let mut summary = Summary::default();
        (summary.span, summary.data, summary.gaps) = (self.size, self.size - gaps, gaps);
        (summary.syn, summary.fin) = (facts.opened.syn, of.summary.fin && is_whole);
        summary.last = of.summary.last;
        let file = FileFacts { path: self.path, size: self.size, ..FileFacts::default() };
        let flow = FinishedFlow {
            facts,
            reason: of.reason,
            summary,
            file: Some(file),
            gaps: self.gaps,
            is_sparse: of.is_sparse,
            keepalives: 0,
            trace: None,
            conflicts: Ranges::default(),
            replaced: Ranges::default(),
            timeline: self.timeline,
            contents: self.contents.map(Bytes::from),
            found: Findings::default(),
        };
        Derived { flow: Box::new(flow), runs: self.runs, omitted: self.omitted }
    }
}
