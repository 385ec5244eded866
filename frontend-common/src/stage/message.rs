//! Messages between stages. Each receiver has a type of its own: what a stage cannot receive does not compile.

use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tapflow_core::{CloseReason, LinkType, Summary, Timestamp};

use crate::flow::{FlowFacts, Trace};
use crate::output::OutputError;
use crate::output::pcap::{CaptureCounts, FrameFacts};
use crate::report::{FlowCounts, Page, Pictures, Report, ReportEnd, Totals, Usage, Written};
use crate::scan::FinishedFlow;
use crate::traffic::Traffic;

/// What a writer has to do, in the order of the capture. Flows are named by number.
#[derive(Debug)]
pub(crate) enum Operation {
    /// A flow, and a hash of its name: see [`FileStore::open`](crate::output::FileStore::open).
    Open(Arc<FlowFacts>, u32),
    /// The memory that the following operations refer to. They carry ranges of it instead of slices: to count
    /// references for every packet in two threads would cost more than everything else.
    Block(Bytes),
    /// New bytes.
    Data { flow: u64, offset: u64, part: Range<usize>, time: Timestamp },
    /// Another copy of bytes that were there before.
    Repeated { flow: u64, offset: u64, part: Range<usize>, time: Timestamp },
    /// New bytes that are not to be in the file.
    Urgent { flow: u64, offset: u64, part: Range<usize>, time: Timestamp },
    /// Bytes that replace those at the same offset.
    Replaced { flow: u64, offset: u64, part: Range<usize>, time: Timestamp },
    /// All offsets of a flow grow by `by`.
    Rebased { flow: u64, by: u64 },
    /// Bytes never seen; whether the gap is kept as one of its own.
    Gap { flow: u64, range: Range<u64>, is_kept: bool },
    /// The batch's next [`Ending`] says how.
    Close { flow: u64 },
    /// A side of a connection has its first frame; it gets a capture file.
    Capture { side: u64, facts: Arc<FlowFacts> },
    /// A frame of a side, for its capture file.
    Frame { side: u64, frame: FrameFacts, part: Range<usize> },
    /// No more frames of a side.
    Captured { side: u64 },
    /// A frame that is in no connection.
    Unprocessed { frame: FrameFacts, part: Range<usize> },
    /// The link type of the first frame of all.
    Link(LinkType),
    /// The file of frames that are in no connection goes on in this directory.
    Directory(PathBuf),
    /// The last connection of a directory has ended: it is among the first `at` flows that closed.
    Complete { directory: u32, at: u64 },
    /// To be passed on. It comes after everything that was in flight when `at` flows had closed.
    Mark { mark: u64, at: u64 },
    /// Everything that waits is written, so that others can see it.
    Flush,
}

/// How a flow ends.
#[derive(Debug)]
pub(crate) struct Ending {
    /// Of a flow that no writer knows yet.
    pub(crate) facts: Option<FlowFacts>,
    /// Counts closed flows: the report lists them in this order.
    pub(crate) order: u64,
    /// Both flows of the connection close, one after the other.
    pub(crate) pair: bool,
    pub(crate) reason: CloseReason,
    pub(crate) summary: Summary,
    /// See [`FinishedFlow::is_sparse`].
    pub(crate) is_sparse: bool,
    /// Keepalives and answers to some.
    pub(crate) keepalives: u32,
    /// The connection over time, if it was followed and ends with this flow.
    pub(crate) trace: Option<Box<Trace>>,
}

/// How a flow closed, besides what is known of the flow itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Closing {
    /// Counts closed flows.
    pub(crate) order: u64,
    /// Both flows of the connection close, one after the other.
    pub(crate) pair: bool,
    /// Bytes not kept because of `-b`.
    pub(crate) beyond_limit: u64,
}

/// What scanners receive from writers.
#[derive(Debug)]
pub(crate) enum ScannerMessage {
    /// A flow to scan.
    Flow(Closing, Box<FinishedFlow>),
    /// To be passed on to the reporter.
    Notice(Notice),
}

/// What the reporter receives.
#[derive(Debug)]
pub(crate) enum ReporterMessage {
    /// One flow, or several that closed one after the other; `order` is the number of the first.
    Flows { order: u64, flows: ReportedFlows },
    /// What was found in a flow after it was reported.
    Late(ReportedFlows),
    /// Anything else.
    Notice(Notice),
}

/// What the reporter receives besides flows; scanners pass it on.
#[derive(Debug)]
pub(crate) enum Notice {
    /// The contents of capture files of connections, at the end.
    Captured(CaptureCounts),
    /// The contents of the file of frames in no connection, at the end of the file.
    Unprocessed { path: PathBuf, frames: u64, late: u64 },
    /// The first error of a writer.
    Failed(OutputError),
    /// Another report follows.
    NextReport(Box<NextReport>),
    /// Another directory is the present one.
    NextDirectory(Box<NextDirectory>),
    /// Of one writer: the connections of a directory have all ended, with the first `at` flows that closed.
    Complete { directory: u32, at: u64 },
    /// Of one writer: everything that came before the mark is written; `at` flows had closed then.
    Mark { mark: u64, at: u64 },
    /// An error of a scanner.
    Error(String),
}

/// The next report.
#[derive(Debug)]
pub(crate) struct NextReport {
    /// Flows that had closed when it was requested: they belong to the report before it.
    pub(crate) at: u64,
    pub(crate) report: Report,
    pub(crate) pictures: Option<Pictures>,
    pub(crate) page: Option<Page>,
    /// The counts of that moment.
    pub(crate) snapshot: Snapshot,
}

/// The next output directory.
#[derive(Debug)]
pub(crate) struct NextDirectory {
    /// The number of the directory before it.
    pub(crate) ended: u32,
    /// Its own number.
    pub(crate) number: u32,
    /// The counts of the moment when it became the present one.
    pub(crate) snapshot: Snapshot,
}

/// The counts of the core's thread at one moment.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// Without what was written, which the reporter counts.
    pub(crate) totals: Totals,
    /// Errors so far.
    pub(crate) errors: Vec<String>,
    /// Time since the beginning of the run.
    pub(crate) elapsed: Duration,
    /// Resources used.
    pub(crate) usage: Option<Usage>,
    /// What the frames of the report or directory that ends add up to.
    pub(crate) traffic: Option<Arc<Traffic>>,
}

impl Snapshot {
    /// The end of a report at that moment, with what was `written` by then.
    pub(crate) fn report_end(self, written: &Written) -> ReportEnd {
        let end = self.totals.with(written).report_end(self.errors, self.elapsed, self.usage);
        ReportEnd { traffic: self.traffic, ..end }
    }
}

/// One finished flow, or several that closed one after the other.
#[derive(Debug)]
pub(crate) struct ReportedFlows {
    /// How many flows.
    pub(crate) flows: u64,
    /// Length of their text in [`ReporterBatch::text`]; 0 without a report.
    pub(crate) text: usize,
    /// Memory of what scanners found, in bytes.
    pub(crate) facts: usize,
    /// Packets in them.
    pub(crate) packets: u64,
    /// What they add to the totals.
    pub(crate) counts: FlowCounts,
    /// The number of their directory; 0 without numbered directories.
    pub(crate) directory: u32,
    /// All facts of a single flow, if other files than the report need them, and whether both flows of its connection
    /// close.
    pub(crate) flow: Option<(Box<FinishedFlow>, bool)>,
}

impl ReportedFlows {
    /// Text of flows that travel together, at most: what the report writes at once.
    const TOGETHER: usize = 64 << 10;

    /// Takes in the flow that closed next, or gives it back if it has to travel alone.
    pub(crate) fn join(&mut self, next: Self) -> Option<Self> {
        let joins = self.flow.is_none()
            && next.flow.is_none()
            && self.directory == next.directory
            && self.text + next.text <= Self::TOGETHER;
        if !joins {
            return Some(next);
        }
        self.flows += next.flows;
        self.text += next.text;
        self.facts += next.facts;
        self.packets += next.packets;
        self.counts.add(&next.counts);
        None
    }
}

/// Messages to the reporter that travel together.
#[derive(Debug, Default)]
pub(crate) struct ReporterBatch {
    pub(crate) messages: Vec<ReporterMessage>,
    /// The report's text of the flows in `messages`, one after the other.
    pub(crate) text: Vec<u8>,
}

impl ReporterBatch {
    /// Memory that it takes, as far as it grows with the traffic, in bytes.
    pub(crate) fn weight(&self) -> u64 {
        let facts = self.messages.iter().map(|message| match message {
            ReporterMessage::Flows { flows, .. } | ReporterMessage::Late(flows) => flows.facts,
            ReporterMessage::Notice(_) => 0,
        });
        (self.text.len() + facts.sum::<usize>()) as u64
    }
}

impl From<Notice> for ReporterBatch {
    fn from(notice: Notice) -> Self {
        Self { messages: vec![ReporterMessage::Notice(notice)], text: Vec::new() }
    }
}
