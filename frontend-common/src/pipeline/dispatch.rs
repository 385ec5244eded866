//! The sink of the core: turns events into operations and hands them to the writers.
//!
//! A flow belongs to the writer that its name (with connection count 0) hashes to, so one name is
//! always handled by one writer, and which file gets which count does not depend on timing.

use std::ops::Range;
use std::sync::mpsc::SyncSender;

use bytes::Bytes;
use tapflow_core::decode::Reject;
use tapflow_core::{CloseReason, Flow, Frame, Opened, Repeat, Sink, Summary, Timestamp};

use crate::facts::FlowFacts;
use crate::messages::RejectCounts;
use crate::output::Template;

/// What a writer has to do, in the order of the capture. Flows are named by number.
#[derive(Debug)]
pub(super) enum Operation {
    Open(Box<FlowFacts>),
    Data {
        flow: u64,
        offset: u64,
        bytes: Bytes,
        time: Timestamp,
    },
    Repeated {
        flow: u64,
        offset: u64,
        bytes: Bytes,
        time: Timestamp,
    },
    Rebased {
        flow: u64,
        by: u64,
    },
    Gap {
        flow: u64,
        range: Range<u64>,
    },
    /// `order` counts closed flows: the report lists them in this order.
    Close {
        flow: u64,
        order: u64,
        reason: CloseReason,
        summary: Box<Summary>,
    },
}

/// Operations that travel together.
pub(super) type Batch = Vec<Operation>;

/// Operations in a batch.
const BATCH: usize = 512;

/// The other end of a channel is gone: its thread has failed and says so itself.
#[derive(Debug)]
pub(super) struct WriterGone;

/// The writers' side of the core's events.
pub(super) struct Dispatch<'t> {
    template: &'t Template,
    senders: Vec<SyncSender<Batch>>,
    batches: Vec<Batch>,
    /// The writer of each flow slot.
    shard_of_slot: Vec<u8>,
    /// Whether stream bytes are wanted, or only the facts of flows.
    wants_data: bool,
    block: Bytes,
    time: Timestamp,
    closed: u64,
    name: String,
    open_flows: u64,
    pub(super) rejects: RejectCounts,
    pub(super) gaps: u64,
    pub(super) max_open_flows: u64,
}

impl<'t> Dispatch<'t> {
    pub(super) fn new(template: &'t Template, senders: Vec<SyncSender<Batch>>, wants_data: bool) -> Self {
        let batches = senders.iter().map(|_| Vec::with_capacity(BATCH)).collect();
        Self {
            template,
            senders,
            batches,
            shard_of_slot: Vec::new(),
            wants_data,
            block: Bytes::new(),
            time: Timestamp::default(),
            closed: 0,
            name: String::new(),
            open_flows: 0,
            rejects: RejectCounts::default(),
            gaps: 0,
            max_open_flows: 0,
        }
    }

    /// The memory and the time of the frame that the core gets next.
    pub(super) fn set_frame(&mut self, block: &Bytes, time: Timestamp) {
        self.time = time;
        if block.as_ptr() != self.block.as_ptr() || block.len() != self.block.len() {
            self.block = block.clone();
        }
    }

    fn shard(&self, slot: u32) -> usize {
        self.shard_of_slot.get(slot as usize).copied().map_or(0, usize::from)
    }

    fn send(&mut self, shard: usize, operation: Operation) -> Result<(), WriterGone> {
        let batch = &mut self.batches[shard];
        batch.push(operation);
        if batch.len() < BATCH {
            return Ok(());
        }
        let full = std::mem::replace(batch, Vec::with_capacity(BATCH));
        self.senders[shard].send(full).map_err(|_| WriterGone)
    }

    /// Hands over what is left. The writers end when the dispatch is dropped.
    pub(super) fn flush(&mut self) -> Result<(), WriterGone> {
        for (batch, sender) in self.batches.iter_mut().zip(&self.senders) {
            if !batch.is_empty() {
                sender.send(std::mem::take(batch)).map_err(|_| WriterGone)?;
            }
        }
        Ok(())
    }

    /// The part of the present block that `bytes` is; a copy if it is none, which does not happen
    /// for slices of the frame that was pushed.
    fn hold(&self, bytes: &[u8]) -> Bytes {
        let block = self.block.as_ptr_range();
        let part = bytes.as_ptr_range();
        if block.start <= part.start && part.end <= block.end {
            return self.block.slice_ref(bytes);
        }
        Bytes::copy_from_slice(bytes)
    }
}

impl Sink for Dispatch<'_> {
    type Error = WriterGone;

    fn opened(&mut self, flow: Flow, opened: &Opened) -> Result<(), WriterGone> {
        let facts = Box::new(FlowFacts { flow, opened: opened.clone() });
        self.name.clear();
        self.template.expand(&facts, 0, &mut self.name);
        let shard = (fnv1a(self.name.as_bytes()) % self.senders.len() as u64) as usize;
        let slot = flow.slot as usize;
        if self.shard_of_slot.len() <= slot {
            self.shard_of_slot.resize(slot + 1, 0);
        }
        self.shard_of_slot[slot] = shard as u8;
        self.open_flows += 1;
        self.max_open_flows = self.max_open_flows.max(self.open_flows);
        self.send(shard, Operation::Open(facts))
    }

    fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), WriterGone> {
        if !self.wants_data {
            return Ok(());
        }
        let (bytes, time) = (self.hold(bytes), self.time);
        self.send(self.shard(flow.slot), Operation::Data { flow: flow.number, offset, bytes, time })
    }

    fn repeated(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, WriterGone> {
        if self.wants_data {
            let (bytes, time) = (self.hold(bytes), self.time);
            self.send(self.shard(flow.slot), Operation::Repeated { flow: flow.number, offset, bytes, time })?;
        }
        // The writer compares, and reports what differs.
        Ok(Repeat::NotCompared)
    }

    fn rebased(&mut self, flow: Flow, by: u64) -> Result<(), WriterGone> {
        self.send(self.shard(flow.slot), Operation::Rebased { flow: flow.number, by })
    }

    fn gap(&mut self, flow: Flow, range: Range<u64>) -> Result<(), WriterGone> {
        self.gaps += 1;
        self.send(self.shard(flow.slot), Operation::Gap { flow: flow.number, range })
    }

    fn closed(&mut self, flow: Flow, reason: CloseReason, summary: &Summary) -> Result<(), WriterGone> {
        let order = self.closed;
        self.closed += 1;
        self.open_flows -= 1;
        let summary = Box::new(summary.clone());
        self.send(self.shard(flow.slot), Operation::Close { flow: flow.number, order, reason, summary })
    }

    fn rejected(&mut self, _frame: &Frame<'_>, reject: &Reject) -> Result<(), WriterGone> {
        self.rejects.add(reject);
        Ok(())
    }
}

/// FNV-1a, to spread names over writers: the same on every machine.
fn fnv1a(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
