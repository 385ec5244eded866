//! A flow that has ended.

use bytes::Bytes;
use tapflow_core::{CloseReason, Summary};

use super::Findings;
use crate::flow::{FileFacts, FlowFacts, Gaps, Ranges, Timeline, Trace};

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
    pub gaps: Gaps,
    /// Its holes are more than digests read through in one run.
    pub is_sparse: bool,
    /// Segments of it that only asked whether the other side is there, and answers to such segments.
    pub keepalives: u32,
    /// Repeated bytes that differed from the first copy, which stayed.
    pub conflicts: Ranges,
    /// Bytes that lost against a later, differing copy, which the receiver keeps.
    pub replaced: Ranges,
    /// When its bytes were captured, where a scanner wants to know.
    pub timeline: Timeline,
    /// Its connection over time, where the page may show it; with the flow that ended last.
    pub trace: Option<Box<Trace>>,
    /// What is in its file, where that is at hand for scanners.
    pub contents: Option<Bytes>,
    /// What scanners found in it.
    pub found: Findings,
}

impl FinishedFlow {
    /// Memory that it takes, as far as that differs much between flows, in bytes.
    #[must_use]
    pub fn weight(&self) -> u64 {
        self.gaps.memory() + self.timeline.memory()
    }
}
