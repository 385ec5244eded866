//! What the front-end knows of a flow: the words that output, console and report share.

use std::ops::Range;
use std::path::PathBuf;

use bytes::Bytes;
use tapflow_core::{CloseReason, Flow, Opened, Summary};

use crate::scan::Findings;
use crate::timeline::Timeline;

/// A flow that has begun.
#[derive(Clone, Debug)]
pub struct FlowFacts {
    /// Its slot and number.
    pub flow: Flow,
    /// Addresses, link, first time, session.
    pub opened: Opened,
    /// The numbered directory below the output directory to which its files belong; 0 for none.
    pub directory: u32,
}

/// What an output file came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileFacts {
    /// The file, as it was opened (the output directory and the name).
    pub path: PathBuf,
    /// The name below the output directory as the template has it, where it is stored under another one.
    pub original: Option<Box<str>>,
    /// Its length in bytes.
    pub size: u64,
    /// Stream offsets below its end whose bytes are not in it, ascending: urgent data. What follows each moves down.
    pub left_out: Vec<u64>,
}

impl FileFacts {
    /// Where the byte of a stream offset is in the file.
    #[must_use]
    pub fn place(&self, offset: u64) -> u64 {
        offset - self.left_out.partition_point(|left_out| *left_out < offset) as u64
    }
}

/// A list of stream ranges that stops growing at a limit and counts what it then leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// The first ranges, in the order in which they were told.
    pub listed: Vec<Range<u64>>,
    /// How many more there were.
    pub omitted: u64,
    /// Bytes in all of them.
    pub bytes: u64,
}

impl Ranges {
    /// Ranges kept for one flow; more are counted only.
    pub const LIMIT: usize = 1000;

    /// Adds a range, joined to the last one where they touch.
    pub fn push(&mut self, range: Range<u64>) {
        self.bytes += range.end - range.start;
        let room = self.listed.len() < Self::LIMIT;
        match self.listed.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ if room => self.listed.push(range),
            _ => self.omitted += 1,
        }
    }

    /// Moves every range up by `by` bytes, as a stream that turned out to begin earlier asks for.
    pub fn shift(&mut self, by: u64) {
        for range in &mut self.listed {
            *range = range.start + by..range.end + by;
        }
    }
}

/// A flow that has ended, with all that the report says of it.
#[derive(Clone, Debug)]
pub struct FinishedFlow {
    /// How it began.
    pub facts: FlowFacts,
    /// Why it ended.
    pub reason: CloseReason,
    /// The core's counts.
    pub summary: Summary,
    /// Its file, where one was written.
    pub file: Option<FileFacts>,
    /// Bytes never seen.
    pub gaps: Ranges,
    /// Repeated bytes that differed from the first copy, which stayed.
    pub conflicts: Ranges,
    /// Bytes that lost against a later, differing copy, which the receiver keeps.
    pub replaced: Ranges,
    /// When its bytes were captured, where a scanner wants to know.
    pub timeline: Timeline,
    /// What is in its file, where that is at hand for scanners.
    pub contents: Option<Bytes>,
    /// What scanners found in it.
    pub found: Findings,
}
