//! The sink of the core: turns events into operations and hands them to the writers.
//!
//! A flow with data belongs to the writer of its name (with connection count 0), so one name is always handled by
//! one writer, and which file gets which count does not depend on timing.

use std::hash::RandomState;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use tapflow_core::decode::{Reject, Segment};
use tapflow_core::{CloseReason, Flow, Frame, LinkType, Opened, Repeat, Side, Sink, Summary, Timestamp};

use super::batches::{BATCH, Batch, BatchSender};
use super::frames::Frames;
use super::holes::HoleBudget;
use super::rotation::Rotation;
use crate::flow::{Asymmetry, FlowFacts};
use crate::input::Packet;
use crate::naming::Template;
use crate::output::pcap::FrameFacts;
use crate::report::RejectCounts;

/// What a writer has to do, in the order of the capture. Flows are named by number.
#[derive(Debug)]
pub(super) enum Operation {
    /// A flow, and what tells its name from others: see [`FileStore::open`](crate::output::FileStore::open).
    Open(Arc<FlowFacts>, u32),
    /// The memory that the operations after this one refer to: parts of it instead of slices, as
    /// counting references for every packet in two threads would cost more than the rest.
    Block(Bytes),
    Data {
        flow: u64,
        offset: u64,
        part: Range<usize>,
        time: Timestamp,
    },
    Repeated {
        flow: u64,
        offset: u64,
        part: Range<usize>,
        time: Timestamp,
    },
    /// Bytes as of `Data` that are not to be in the file.
    Urgent {
        flow: u64,
        offset: u64,
        part: Range<usize>,
        time: Timestamp,
    },
    /// Bytes that count instead of those at their place.
    Replaced {
        flow: u64,
        offset: u64,
        part: Range<usize>,
        time: Timestamp,
    },
    Rebased {
        flow: u64,
        by: u64,
    },
    /// Bytes never seen; whether the gap is kept as one of its own.
    Gap {
        flow: u64,
        range: Range<u64>,
        is_kept: bool,
    },
    /// How is the batch's next [`Ending`].
    Close {
        flow: u64,
    },
    /// A side of a connection has its first frame; it gets a capture file.
    Capture {
        side: u64,
        facts: Arc<FlowFacts>,
    },
    /// A frame of a side, for its capture file.
    Frame {
        side: u64,
        frame: FrameFacts,
        part: Range<usize>,
    },
    /// No more frames of a side.
    Captured {
        side: u64,
    },
    /// A frame that is in no connection.
    Rest {
        frame: FrameFacts,
        part: Range<usize>,
    },
    /// The link type of the first frame of all.
    Link(LinkType),
    /// The file of frames that are in no connection goes on in this directory.
    Directory(PathBuf),
    /// The last connection of a directory has ended: it is among the first `at` flows that closed.
    Complete {
        directory: u32,
        at: u64,
    },
    /// To be passed on, as it comes after everything that is under way: `at` flows have closed.
    Mark {
        mark: u64,
        at: u64,
    },
    /// Everything that waits is written, so that others can see it.
    Flush,
}

/// How a flow ends.
#[derive(Debug)]
pub(super) struct Ending {
    /// Of a flow of which the writer knows nothing.
    pub(super) facts: Option<FlowFacts>,
    /// Counts closed flows: the report lists them in this order.
    pub(super) order: u64,
    /// It is one of the two of a connection, which close one after the other.
    pub(super) pair: bool,
    pub(super) reason: CloseReason,
    pub(super) summary: Summary,
    /// See [`FinishedFlow::is_sparse`](crate::scan::FinishedFlow::is_sparse).
    pub(super) is_sparse: bool,
}

/// Facts whose memory waits for other flows, at most: more than can be under way to a few writers.
const SPARE: usize = 1 << 15;

/// Into how many parts names are divided among writers.
const NAMES: usize = 4096;
/// So many of them have no more writers among them than there are processors: a few flows with much data keep these busy,
/// and others would only take turns with the core's thread.
const FEW: usize = 32;

/// The other end of a channel is gone: its thread has failed and says so itself.
#[derive(Debug)]
pub(super) struct WriterGone;

/// The writers' side of the core's events.
pub(super) struct Dispatch<'t> {
    template: &'t Template,
    senders: Vec<BatchSender>,
    batches: Vec<Batch>,
    /// Memory of flows that have ended.
    spare: Vec<Arc<FlowFacts>>,
    /// Whether each writer has the present block.
    has_block: Vec<bool>,
    /// By flow slot.
    slots: Vec<Slot>,
    /// Whether stream bytes are wanted, or only the facts of flows.
    wants_data: bool,
    /// How many of each flow are kept.
    max_bytes: u64,
    block: Bytes,
    time: Timestamp,
    closed: u64,
    /// What names are hashed with, so that nobody can guess which ones meet.
    hasher: RandomState,
    name: String,
    /// By part of a name's hash, its writer.
    writers: Vec<Option<u8>>,
    /// How many of them have one: each gets the next writer, so that also few flows are spread evenly.
    names_with_writer: usize,
    processors: usize,
    /// What becomes of frames, where that is wanted.
    frames: Option<Box<Frames>>,
    /// The numbered directories, where there are any.
    rotation: Option<Rotation>,
    open_flows: u64,
    holes: HoleBudget,
    pub(super) rejects: RejectCounts,
    pub(super) gaps: u64,
    pub(super) max_open_flows: u64,
    pub(super) asymmetry: Asymmetry,
}

/// What is known of the flow in a slot.
#[derive(Clone, Default)]
struct Slot {
    /// What no writer knows yet: most flows of a scan end before there is anything to write.
    unknown: Option<Arc<FlowFacts>>,
    /// Its writer, once that knows of it.
    writer: u8,
    directory: u32,
    /// Its gaps that are kept.
    gaps: u32,
    has_data: bool,
    is_open: bool,
    /// The other direction closed just now, together with this one.
    is_second: bool,
}

impl<'t> Dispatch<'t> {
    pub(super) fn new(
        template: &'t Template,
        senders: Vec<BatchSender>,
        wants_data: bool,
        max_bytes: Option<u64>,
        mut frames: Option<Frames>,
        rotation: Option<Rotation>,
        processors: usize,
    ) -> Self {
        if let (Some(frames), Some(rotation)) = (&mut frames, &rotation) {
            frames.directory = rotation.number();
        }
        let batches = senders.iter().map(|_| Batch::new()).collect();
        let has_block = vec![false; senders.len()];
        Self {
            template,
            senders,
            batches,
            spare: Vec::new(),
            has_block,
            slots: Vec::new(),
            wants_data,
            max_bytes: max_bytes.unwrap_or(u64::MAX),
            block: Bytes::new(),
            time: Timestamp::default(),
            closed: 0,
            hasher: RandomState::new(),
            name: String::new(),
            writers: vec![None; NAMES],
            names_with_writer: 0,
            processors: processors.max(1),
            frames: frames.map(Box::new),
            rotation,
            open_flows: 0,
            holes: HoleBudget::new(None),
            rejects: RejectCounts::default(),
            gaps: 0,
            max_open_flows: 0,
            asymmetry: Asymmetry::default(),
        }
    }

    /// For files in which holes beyond `max_hole` bytes are shortened.
    pub(super) fn shortening(self, max_hole: Option<u64>) -> Self {
        Self { holes: HoleBudget::new(max_hole), ..self }
    }

    /// The frame that the core gets next.
    pub(super) fn set_frame(&mut self, packet: &Packet<'_>) -> Result<(), WriterGone> {
        if self.frames.is_some() {
            self.settle()?;
        }
        if self.rotation.as_mut().is_some_and(|rotation| rotation.frame(packet.frame.time)) {
            self.turn()?;
        }
        let block = packet.block;
        self.time = packet.frame.time;
        if block.as_ptr() != self.block.as_ptr() || block.len() != self.block.len() {
            self.block = block.clone();
            self.has_block.fill(false);
        }
        if let Some(frames) = &mut self.frames {
            let first = frames.begin(packet);
            if first {
                self.send(0, Operation::Link(packet.frame.link))?;
            }
        }
        Ok(())
    }

    /// Hands over the frame that was pushed last, and those that came to something with it.
    fn settle(&mut self) -> Result<(), WriterGone> {
        let Some(mut frames) = self.frames.take() else { return Ok(()) };
        let result = frames.settle(self);
        self.frames = Some(frames);
        result
    }

    /// A side of a connection has its first frame: answers the writer of its capture file.
    pub(super) fn capture(&mut self, side: u64, facts: Arc<FlowFacts>) -> Result<usize, WriterGone> {
        if let Some(rotation) = &mut self.rotation {
            rotation.enter(facts.directory);
            rotation.count(facts.directory, 0, true);
        }
        let (shard, _) = self.place_of(&facts);
        self.send(shard, Operation::Capture { side, facts })?;
        Ok(shard)
    }

    /// The writer of all flows with the name of this one, and what the name is known by there.
    fn place_of(&mut self, facts: &FlowFacts) -> (usize, u32) {
        let hash = self.template.hash(facts, &self.hasher, &mut self.name);
        let writer = self.writers[(hash >> 32) as usize % NAMES].get_or_insert_with(|| {
            let next = self.names_with_writer;
            self.names_with_writer += 1;
            let all = self.senders.len().max(1);
            let among = if next < FEW { all.min(self.processors) } else { all };
            (next % among) as u8
        });
        (usize::from(*writer), hash as u32)
    }

    /// The numbered directories.
    pub(super) fn rotation(&mut self) -> Option<&mut Rotation> {
        self.rotation.as_mut()
    }

    /// Bytes of a frame are written into a directory.
    pub(super) fn count(&mut self, directory: u32, bytes: usize) {
        if let Some(rotation) = &mut self.rotation {
            rotation.count(directory, bytes as u64, false);
        }
    }

    /// Another directory is the present one.
    fn turn(&mut self) -> Result<(), WriterGone> {
        let Some(rotation) = &self.rotation else { return Ok(()) };
        let (number, path) = (rotation.number(), rotation.path());
        if let Some(frames) = &mut self.frames {
            frames.directory = number;
            self.send(0, Operation::Directory(path))?;
        }
        Ok(())
    }

    /// Goes on in the next directory.
    pub(super) fn rotate(&mut self) -> Result<(), WriterGone> {
        self.settle()?;
        if self.rotation.as_mut().is_some_and(Rotation::next) { self.turn() } else { Ok(()) }
    }

    /// A directory is complete, when everything that is under way has arrived.
    pub(super) fn complete(&mut self, directory: u32) -> Result<(), WriterGone> {
        let at = self.closed;
        (0..self.senders.len()).try_for_each(|shard| self.send(shard, Operation::Complete { directory, at }))
    }

    /// Something in a directory has ended.
    fn leave(&mut self, directory: u32) -> Result<(), WriterGone> {
        let is_complete = self.rotation.as_mut().is_some_and(|rotation| rotation.leave(directory));
        if is_complete { self.complete(directory) } else { Ok(()) }
    }

    /// Hands over everything, written, and a mark behind it.
    pub(super) fn mark(&mut self, mark: u64) -> Result<(), WriterGone> {
        self.settle()?;
        let at = self.closed;
        for shard in 0..self.senders.len() {
            self.send(shard, Operation::Flush)?;
            self.send(shard, Operation::Mark { mark, at })?;
        }
        self.flush()
    }

    /// Flows that are open now.
    pub(super) fn open_flows(&self) -> u64 {
        self.open_flows
    }

    /// Flows that have closed so far.
    pub(super) fn closed(&self) -> u64 {
        self.closed
    }

    /// The writer of the flow in a slot, which knows the flow then.
    #[inline]
    fn shard(&mut self, slot: u32) -> Result<usize, WriterGone> {
        let Some(known) = self.slots.get_mut(slot as usize) else { return Ok(0) };
        match known.unknown.take() {
            None => Ok(usize::from(known.writer)),
            Some(facts) => self.introduce(slot, facts),
        }
    }

    /// Gives a flow its writer.
    fn introduce(&mut self, slot: u32, facts: Arc<FlowFacts>) -> Result<usize, WriterGone> {
        let (shard, name) = self.place_of(&facts);
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            slot.writer = shard as u8;
        }
        self.send(shard, Operation::Open(facts, name))?;
        Ok(shard)
    }

    /// Notes that the flow in a slot ends; whether the connection's other one ends with it.
    fn close_slot(&mut self, slot: u32) -> bool {
        let is_second = match self.slots.get_mut(slot as usize) {
            Some(own) => {
                own.is_open = false;
                std::mem::take(&mut own.is_second)
            }
            None => false,
        };
        match self.slots.get_mut((slot ^ 1) as usize).filter(|other| other.is_open) {
            Some(other) => {
                other.is_second = true;
                true
            }
            None => is_second,
        }
    }

    pub(super) fn send(&mut self, shard: usize, operation: Operation) -> Result<(), WriterGone> {
        let batch = &mut self.batches[shard];
        batch.operations.push(operation);
        if batch.operations.len() < BATCH { Ok(()) } else { self.hand_over(shard) }
    }

    /// Hands over a batch, and goes on with an empty one.
    fn hand_over(&mut self, shard: usize) -> Result<(), WriterGone> {
        let batch = &mut self.batches[shard];
        *batch = self.senders[shard].send(std::mem::take(batch)).map_err(|_| WriterGone)?;
        self.spare.append(&mut batch.spare);
        self.spare.truncate(SPARE);
        Ok(())
    }

    /// Facts in the memory of others, where there are some.
    fn shared(&mut self, facts: FlowFacts) -> Arc<FlowFacts> {
        // Whoever else had them may have them still.
        let spare = std::iter::from_fn(|| self.spare.pop()).find(|spare| Arc::strong_count(spare) == 1);
        match spare {
            Some(mut spare) => {
                *Arc::make_mut(&mut spare) = facts;
                spare
            }
            None => Arc::new(facts),
        }
    }

    /// Hands over what is left. The writers end when the dispatch is dropped.
    pub(super) fn flush(&mut self) -> Result<(), WriterGone> {
        self.settle()?;
        for shard in 0..self.batches.len() {
            if !self.batches[shard].operations.is_empty() {
                self.hand_over(shard)?;
            }
        }
        Ok(())
    }

    /// Hands over what is left and has it written: nothing comes for a while.
    pub(super) fn rest(&mut self) -> Result<(), WriterGone> {
        self.settle()?;
        for shard in 0..self.senders.len() {
            self.send(shard, Operation::Flush)?;
        }
        self.flush()
    }

    /// The part of the writer's block that `bytes` is. It gets a copy as its block if they are no part
    /// of the present one, which does not happen for slices of the frame that was pushed.
    pub(super) fn part(&mut self, shard: usize, bytes: &[u8]) -> Result<Range<usize>, WriterGone> {
        let start = bytes.as_ptr().addr().wrapping_sub(self.block.as_ptr().addr());
        let part = start..start.wrapping_add(bytes.len());
        if self.block.get(part.clone()).is_none() {
            self.has_block[shard] = false;
            self.send(shard, Operation::Block(Bytes::copy_from_slice(bytes)))?;
            return Ok(0..bytes.len());
        }
        self.part_at(shard, part)
    }

    /// A part of the present block, which the writer gets if it does not have it.
    pub(super) fn part_at(&mut self, shard: usize, part: Range<usize>) -> Result<Range<usize>, WriterGone> {
        if !self.has_block[shard] {
            self.has_block[shard] = true;
            self.send(shard, Operation::Block(self.block.clone()))?;
        }
        Ok(part)
    }
}

impl Sink for Dispatch<'_> {
    type Error = WriterGone;

    #[inline]
    fn wants_segments(&self) -> bool {
        self.frames.is_some()
    }

    #[inline]
    fn time(&mut self, now: Timestamp) -> Result<(), WriterGone> {
        if self.rotation.as_mut().is_some_and(|rotation| rotation.time(now)) { self.turn() } else { Ok(()) }
    }

    #[inline]
    fn segment(&mut self, side: &Side, segment: &Segment<'_>) -> Result<(), WriterGone> {
        if let Some(frames) = &mut self.frames {
            frames.segment(side, segment);
        }
        Ok(())
    }

    fn forgotten(&mut self, slot: u32) -> Result<(), WriterGone> {
        if self.frames.as_ref().is_some_and(|frames| frames.awaits(slot)) {
            self.settle()?;
        }
        let Some(frames) = &mut self.frames else { return Ok(()) };
        for (side, shard, directory) in frames.forget(slot).into_iter().flatten() {
            self.send(shard, Operation::Captured { side })?;
            self.leave(directory)?;
        }
        Ok(())
    }

    fn held(&mut self, datagram: u32, from: Option<u32>) -> Result<(), WriterGone> {
        if let Some(frames) = &mut self.frames {
            frames.held(datagram, from, &self.block);
        }
        Ok(())
    }

    fn released(&mut self, datagram: u32) -> Result<(), WriterGone> {
        if let Some(frames) = &mut self.frames {
            frames.released(datagram);
        }
        Ok(())
    }

    fn opened(&mut self, flow: Flow, opened: &Opened) -> Result<(), WriterGone> {
        self.asymmetry.opened(opened);
        let mut directory = 0;
        if let Some(rotation) = &mut self.rotation {
            // Both flows of a connection go into one directory.
            let other = self.slots.get((flow.slot ^ 1) as usize).filter(|other| other.is_open);
            directory = other.map_or(rotation.number(), |other| other.directory);
            rotation.enter(directory);
        }
        let facts = self.shared(FlowFacts::new(flow, opened, directory));
        if let Some(frames) = &mut self.frames {
            frames.opened(&facts);
        }
        let slot = flow.slot as usize;
        if self.slots.len() <= slot {
            self.slots.resize(slot + 1, Slot::default());
        }
        self.slots[slot] = Slot { unknown: Some(facts), directory, is_open: true, ..Slot::default() };
        self.open_flows += 1;
        self.max_open_flows = self.max_open_flows.max(self.open_flows);
        Ok(())
    }

    fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), WriterGone> {
        if !self.wants_data {
            return Ok(());
        }
        let shard = self.shard(flow.slot)?;
        let (part, time) = (self.part(shard, bytes)?, self.time);
        if let Some(rotation) = &mut self.rotation
            && let Some(slot) = self.slots.get_mut(flow.slot as usize)
        {
            let first = !std::mem::replace(&mut slot.has_data, true);
            let kept = (bytes.len() as u64).min(self.max_bytes.saturating_sub(offset));
            rotation.count(slot.directory, kept, first);
        }
        self.send(shard, Operation::Data { flow: flow.number, offset, part, time })
    }

    fn urgent(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), WriterGone> {
        // Without data before it there is no file that it could be left out of, but there may be one later.
        if self.wants_data {
            let shard = self.shard(flow.slot)?;
            let (part, time) = (self.part(shard, bytes)?, self.time);
            self.send(shard, Operation::Urgent { flow: flow.number, offset, part, time })?;
        }
        Ok(())
    }

    fn repeated(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, WriterGone> {
        if self.wants_data {
            let shard = self.shard(flow.slot)?;
            let (part, time) = (self.part(shard, bytes)?, self.time);
            self.send(shard, Operation::Repeated { flow: flow.number, offset, part, time })?;
        }
        // The writer compares, and reports what differs.
        Ok(Repeat::NotCompared)
    }

    fn replaced(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, WriterGone> {
        if self.wants_data {
            let shard = self.shard(flow.slot)?;
            let (part, time) = (self.part(shard, bytes)?, self.time);
            self.send(shard, Operation::Replaced { flow: flow.number, offset, part, time })?;
        }
        Ok(Repeat::NotCompared)
    }

    fn rebased(&mut self, flow: Flow, by: u64) -> Result<(), WriterGone> {
        let shard = self.shard(flow.slot)?;
        self.send(shard, Operation::Rebased { flow: flow.number, by })
    }

    fn gap(&mut self, flow: Flow, range: Range<u64>) -> Result<(), WriterGone> {
        self.gaps += 1;
        let shard = self.shard(flow.slot)?;
        let slot = self.slots.get_mut(flow.slot as usize);
        let is_kept = slot.is_some_and(|slot| self.holes.keep(&mut slot.gaps));
        self.send(shard, Operation::Gap { flow: flow.number, range, is_kept })
    }

    fn closed(&mut self, flow: Flow, reason: CloseReason, summary: &Summary) -> Result<(), WriterGone> {
        let order = self.closed;
        self.closed += 1;
        self.open_flows -= 1;
        let pair = self.close_slot(flow.slot);
        let gaps = self.slots.get_mut(flow.slot as usize).map_or(0, |slot| std::mem::take(&mut slot.gaps));
        let is_sparse = self.holes.end(gaps, summary);
        let unknown = self.slots.get_mut(flow.slot as usize).and_then(|slot| slot.unknown.take());
        // By value: their memory is for the next flow, and stays in this processor's cache.
        let facts = unknown.map(|shared| {
            let facts = FlowFacts::clone(&shared);
            self.spare.push(shared);
            facts
        });
        let shard = match &facts {
            // There is nothing to write: any writer will do, each for a while.
            Some(_) => (order / BATCH as u64 % self.senders.len() as u64) as usize,
            None => self.shard(flow.slot)?,
        };
        self.batches[shard].endings.push(Ending {
            facts,
            order,
            pair,
            reason,
            summary: summary.clone(),
            is_sparse,
        });
        self.send(shard, Operation::Close { flow: flow.number })?;
        match self.slots.get(flow.slot as usize) {
            Some(&Slot { directory, .. }) if self.rotation.is_some() => self.leave(directory),
            _ => Ok(()),
        }
    }

    fn rejected(&mut self, _frame: &Frame<'_>, reject: &Reject) -> Result<(), WriterGone> {
        self.rejects.add(reject);
        Ok(())
    }
}
