//! What becomes of a finished flow on its way to the reporter, who is one thread: whoever finished it makes its
//! lines of the report, and the reporter only puts them in order and adds up.

use super::writer::{Message, Told};
use crate::report::{Shape, flow_text};
use crate::scan::FinishedFlow;

/// What the reporter wants of a flow.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finishing {
    /// The shape of the report, where there is one.
    pub(super) shape: Option<Shape>,
    /// Whether it wants all that is known of it, for other files.
    pub(super) keeps: bool,
    /// Whether those that close one right after the other are told together: no report ends between flows of a message.
    pub(super) joins: bool,
}

/// A finished flow, for the reporter, or several that closed one right after the other.
#[derive(Debug)]
pub(super) struct Finished {
    /// How many.
    pub(super) flows: u64,
    /// How much of their message's text is what the report says of them; 0 where there is no report.
    pub(super) text: usize,
    /// Memory that what scanners found takes, in bytes.
    pub(super) facts: usize,
    /// Packets in them.
    pub(super) packets: u64,
    /// What they add to the totals.
    pub(super) counts: FlowCounts,
    /// The number of their directory, 0 where they have none.
    pub(super) directory: u32,
    /// All that is known of a single one, where somebody wants that, and whether it is one of the two of a connection.
    pub(super) flow: Option<(Box<FinishedFlow>, bool)>,
}

impl Finished {
    /// Text of flows that are put in order together, at most: what the report writes at once.
    const TOGETHER: usize = 64 << 10;

    /// Takes in the one that closed next after these, if nobody wants to know of each; else gives it back.
    fn join(&mut self, next: Self) -> Option<Self> {
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
    pub(super) shortened_bytes: u64,
    pub(super) undigested: u64,
    pub(super) unknown_gaps: u64,
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
            shortened_bytes: file.map_or(0, |file| file.shortened.bytes()),
            undigested: u64::from(flow.found.is_undigested),
            unknown_gaps: u64::from(flow.gaps.unknown().is_some()),
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
        self.shortened_bytes += other.shortened_bytes;
        self.undigested += other.undigested;
        self.unknown_gaps += other.unknown_gaps;
    }
}

impl Finishing {
    /// Tells of the flow that closed as number `order`, as the reporter wants it.
    pub(super) fn finish(
        self,
        order: u64,
        pair: bool,
        mut flow: FinishedFlow,
        beyond_limit: u64,
        message: &mut Message,
    ) {
        flow.gaps.trim();
        let before = message.text.len();
        if let Some(shape) = self.shape {
            flow_text(&flow, shape, &mut message.text);
        }
        let (text, packets) = (message.text.len() - before, flow.summary.packets);
        let (counts, directory) = (FlowCounts::of(&flow, beyond_limit), flow.facts.directory);
        let facts = flow.found.http.as_ref().map_or(0, |http| http.weight);
        let flow = (self.keeps || flow.found.http.is_some()).then(|| (Box::new(flow), pair));
        let next = Finished { flows: 1, text, facts, packets, counts, directory, flow };
        let alone = match message.told.last_mut() {
            Some(Told::Finished { order: first, flow }) if self.joins && *first + flow.flows == order => {
                flow.join(next)
            }
            _ => Some(next),
        };
        message.told.extend(alone.map(|flow| Told::Finished { order, flow }));
    }
}
