//! What becomes of a finished flow on its way to the reporter, who is one thread: whoever finished it makes its
//! lines of the report, and the reporter only puts them in order and adds up.

use super::writer::{Message, Told};
use crate::facts::FinishedFlow;
use crate::report::{Shape, flow_text};

/// What the reporter wants of a flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finishing {
    /// The shape of the report, where there is one.
    pub(super) shape: Option<Shape>,
    /// Whether it wants all that is known of it, for other files.
    pub(super) keeps: bool,
}

/// A finished flow, for the reporter.
#[derive(Debug)]
pub(super) struct Finished {
    /// It is one of the two of a connection.
    pub(super) pair: bool,
    /// How much of its message's text is what the report says of it; 0 where there is no report.
    pub(super) text: usize,
    /// Packets in it.
    pub(super) packets: u64,
    /// What it adds to the totals.
    pub(super) counts: FlowCounts,
    /// The number of its directory, 0 where they have none.
    pub(super) directory: u32,
    /// All that is known of it, where somebody wants that.
    pub(super) flow: Option<Box<FinishedFlow>>,
}

/// What a flow adds to the totals.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct FlowCounts {
    pub(super) files: u64,
    pub(super) file_bytes: u64,
    pub(super) conflicts: u64,
    pub(super) conflict_bytes: u64,
    pub(super) replaced: u64,
    pub(super) replaced_bytes: u64,
    pub(super) beyond_limit: u64,
}

impl FlowCounts {
    fn of(flow: &FinishedFlow, beyond_limit: u64) -> Self {
        let file = flow.file.as_ref();
        Self {
            files: u64::from(file.is_some()),
            file_bytes: file.map_or(0, |file| file.size),
            conflicts: flow.conflicts.listed.len() as u64 + flow.conflicts.omitted,
            conflict_bytes: flow.conflicts.bytes,
            replaced: flow.replaced.listed.len() as u64 + flow.replaced.omitted,
            replaced_bytes: flow.replaced.bytes,
            beyond_limit,
        }
    }

    pub(super) fn add(&mut self, other: &Self) {
        self.files += other.files;
        self.file_bytes += other.file_bytes;
        self.conflicts += other.conflicts;
        self.conflict_bytes += other.conflict_bytes;
        self.replaced += other.replaced;
        self.replaced_bytes += other.replaced_bytes;
        self.beyond_limit += other.beyond_limit;
    }
}

impl Finishing {
    /// Tells of the flow that closed as number `order`, as the reporter wants it.
    pub(super) fn finish(
        self,
        order: u64,
        pair: bool,
        flow: FinishedFlow,
        beyond_limit: u64,
        message: &mut Message,
    ) {
        let before = message.text.len();
        if let Some(shape) = self.shape {
            flow_text(&flow, shape, &mut message.text);
        }
        let (text, packets) = (message.text.len() - before, flow.summary.packets);
        let (counts, directory) = (FlowCounts::of(&flow, beyond_limit), flow.facts.directory);
        let flow = (self.keeps || flow.found.http.is_some()).then(|| Box::new(flow));
        let flow = Finished { pair, text, packets, counts, directory, flow };
        message.told.push(Told::Finished { order, flow });
    }
}
