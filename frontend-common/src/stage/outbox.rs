//! Operations on their way from the core's thread to the writers: a batch for each writer, and the block of memory that
//! operations refer to.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::batches::{BATCH, Batch, BatchSender};
use super::message::{Ending, Operation};
use crate::flow::FlowFacts;

/// Facts whose memory is kept for other flows, at most: more than can be in flight to a few writers.
const SPARE: usize = 1 << 15;

/// The receiver of a channel is gone: its thread has panicked, which the end of the run reports.
#[derive(Debug)]
pub(crate) struct WriterGone;

/// Batches that are being filled.
pub(crate) struct Outbox {
    senders: Vec<BatchSender>,
    batches: Vec<Batch>,
    /// Memory of flows that have ended.
    spare: Vec<Arc<FlowFacts>>,
    block: Bytes,
    /// Whether each writer has the present block.
    has_block: Vec<bool>,
}

impl Outbox {
    /// For these writers.
    pub(crate) fn new(senders: Vec<BatchSender>) -> Self {
        let batches = senders.iter().map(|_| Batch::new()).collect();
        let has_block = vec![false; senders.len()];
        Self { senders, batches, spare: Vec::new(), block: Bytes::new(), has_block }
    }

    /// The number of writers.
    pub(crate) fn writers(&self) -> usize {
        self.senders.len()
    }

    /// The block that contains the bytes of the next frame.
    #[inline]
    pub(crate) fn set_block(&mut self, block: &Bytes) {
        if block.as_ptr() != self.block.as_ptr() || block.len() != self.block.len() {
            self.block = block.clone();
            self.has_block.fill(false);
        }
    }

    /// The block of the present frame.
    pub(crate) fn block(&self) -> &Bytes {
        &self.block
    }

    /// Adds an operation to a writer's batch, which is sent when it is full.
    ///
    /// # Errors
    /// The writer is gone.
    pub(crate) fn send(&mut self, writer: usize, operation: Operation) -> Result<(), WriterGone> {
        let batch = &mut self.batches[writer];
        batch.operations.push(operation);
        if batch.operations.len() < BATCH { Ok(()) } else { self.hand_over(writer) }
    }

    /// Adds an operation to every writer's batch.
    ///
    /// # Errors
    /// A writer is gone.
    pub(crate) fn send_to_all(&mut self, operation: impl Fn() -> Operation) -> Result<(), WriterGone> {
        (0..self.senders.len()).try_for_each(|writer| self.send(writer, operation()))
    }

    /// Adds the close of a flow.
    ///
    /// # Errors
    /// The writer is gone.
    pub(crate) fn close(&mut self, writer: usize, flow: u64, ending: Ending) -> Result<(), WriterGone> {
        self.batches[writer].endings.push(ending);
        self.send(writer, Operation::Close { flow })
    }

    /// Sends a batch, and goes on with an empty one.
    fn hand_over(&mut self, writer: usize) -> Result<(), WriterGone> {
        let batch = &mut self.batches[writer];
        *batch = self.senders[writer].send(std::mem::take(batch)).map_err(|_| WriterGone)?;
        self.spare.append(&mut batch.spare);
        self.spare.truncate(SPARE);
        Ok(())
    }

    /// Sends all batches that are not empty.
    ///
    /// # Errors
    /// A writer is gone.
    pub(crate) fn flush(&mut self) -> Result<(), WriterGone> {
        for writer in 0..self.batches.len() {
            if !self.batches[writer].operations.is_empty() {
                self.hand_over(writer)?;
            }
        }
        Ok(())
    }

    /// Puts facts into memory that is used again, if there is some.
    pub(crate) fn shared(&mut self, facts: FlowFacts) -> Arc<FlowFacts> {
        // Others that had them may have them still.
        let spare = std::iter::from_fn(|| self.spare.pop()).find(|spare| Arc::strong_count(spare) == 1);
        match spare {
            Some(mut spare) => {
                *Arc::make_mut(&mut spare) = facts;
                spare
            }
            None => Arc::new(facts),
        }
    }

    /// Takes back memory of facts.
    pub(crate) fn reuse(&mut self, facts: Arc<FlowFacts>) {
        self.spare.push(facts);
    }

    /// The range of the writer's block that `bytes` are. If they lie outside of the present block, which does not
    /// happen for slices of the present frame, the writer gets a copy as its block.
    ///
    /// # Errors
    /// The writer is gone.
    pub(crate) fn part(&mut self, writer: usize, bytes: &[u8]) -> Result<Range<usize>, WriterGone> {
        let start = bytes.as_ptr().addr().wrapping_sub(self.block.as_ptr().addr());
        let part = start..start.wrapping_add(bytes.len());
        if self.block.get(part.clone()).is_none() {
            self.has_block[writer] = false;
            self.send(writer, Operation::Block(Bytes::copy_from_slice(bytes)))?;
            return Ok(0..bytes.len());
        }
        self.part_at(writer, part)
    }

    /// The same for a range of the present block.
    ///
    /// # Errors
    /// The writer is gone.
    pub(crate) fn part_at(&mut self, writer: usize, part: Range<usize>) -> Result<Range<usize>, WriterGone> {
        if !self.has_block[writer] {
            self.has_block[writer] = true;
            self.send(writer, Operation::Block(self.block.clone()))?;
        }
        Ok(part)
    }
}
