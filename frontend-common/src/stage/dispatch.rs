//! The sink of the core: turns events into operations and hands them to the writers.
//!
//! A flow with data belongs to the writer of its name (with connection count 0), so one name is always handled by
//! one writer, and which file gets which count does not depend on timing.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use tapflow_core::decode::{Reject, Segment};
use tapflow_core::{
    CloseReason, DroppedDatagram, Flow, Frame, FrameSink, Opened, Repeat, Side, Sink, Summary, Timestamp,
};

use super::batches::{BATCH, BatchSender};
use super::following::Following;
use super::frames::Frames;
use super::holes::HoleBudget;
use super::message::{Ending, Operation};
use super::outbox::{Outbox, WriterGone};
use super::shards::Shards;
use crate::flow::{Asymmetry, FlowFacts, NextFrames};
use crate::naming::Template;
use crate::report::RejectCounts;
use crate::retention::Rotation;

/// Parameters of the dispatch.
pub(crate) struct DispatchConfig {
    /// Names of flows.
    pub(crate) template: Arc<Template>,
    /// The writers.
    pub(crate) senders: Vec<BatchSender>,
    /// Processors of the machine.
    pub(crate) processors: usize,
    /// Whether stream bytes are wanted, or only the facts of flows.
    pub(crate) wants_data: bool,
    /// Bytes of each flow that are kept (`-b`).
    pub(crate) max_bytes: Option<u64>,
    /// The bound beyond which holes in files are shortened, if they are.
    pub(crate) max_hole: Option<u64>,
    /// Whether frames of connections are wanted (`-K`).
    pub(crate) captures: bool,
    /// Whether all other frames are wanted (`-w`).
    pub(crate) unprocessed: bool,
    /// Whether connections are followed over time (`--page`).
    pub(crate) follows: bool,
    /// The numbered directories, if there are any.
    pub(crate) rotation: Option<Rotation>,
}

/// The writers' side of the core's events.
pub(crate) struct Dispatch {
    outbox: Outbox,
    shards: Shards,
    /// By flow slot.
    slots: Vec<Slot>,
    wants_data: bool,
    max_bytes: u64,
    time: Timestamp,
    /// Which frame of the inputs the present one is.
    pub(crate) places: NextFrames,
    closed: u64,
    /// The destination of frames, if frames are wanted.
    frames: Option<Box<Frames>>,
    rotation: Option<Rotation>,
    /// Connections over time, if they are followed.
    following: Option<Box<Following>>,
    open_flows: u64,
    holes: HoleBudget,
    pub(crate) rejects: RejectCounts,
    pub(crate) gaps: u64,
    pub(crate) max_open_flows: u64,
    pub(crate) asymmetry: Asymmetry,
}

/// What is known of the flow in a slot.
#[derive(Clone, Default)]
struct Slot {
    /// Facts that no writer has yet: most flows of a port scan end before there is anything to write.
    unknown: Option<Arc<FlowFacts>>,
    /// Its writer, once that has the facts.
    writer: u8,
    directory: u32,
    /// Its keepalives and answers to some.
    keepalives: u32,
    /// Its gaps that are kept.
    gaps: u32,
    has_data: bool,
    is_open: bool,
    /// The other direction closed just now, together with this one.
    is_second: bool,
}

impl Dispatch {
    pub(crate) fn new(config: DispatchConfig) -> Self {
        let DispatchConfig { template, senders, processors, rotation, .. } = config;
        let directory = rotation.as_ref().map_or(0, Rotation::number);
        let frames = (config.captures || config.unprocessed)
            .then(|| Box::new(Frames::new(config.captures, config.unprocessed, directory)));
        Self {
            shards: Shards::new(template, senders.len(), processors),
            outbox: Outbox::new(senders),
            slots: Vec::new(),
            wants_data: config.wants_data,
            max_bytes: config.max_bytes.unwrap_or(u64::MAX),
            time: Timestamp::default(),
            places: NextFrames::default(),
            closed: 0,
            frames,
            rotation,
            following: config.follows.then(Box::default),
            open_flows: 0,
            holes: HoleBudget::new(config.max_hole),
            rejects: RejectCounts::default(),
            gaps: 0,
            max_open_flows: 0,
            asymmetry: Asymmetry::default(),
        }
    }

    /// Sets the block that contains the bytes of the next frames.
    pub(crate) fn set_source_block(&mut self, block: &Bytes) -> Result<(), WriterGone> {
        // The last frame lies in the previous block.
        self.settle()?;
        self.outbox.set_block(block);
        Ok(())
    }

    /// Sends the present frame, and others whose destination is known with it.
    fn settle(&mut self) -> Result<(), WriterGone> {
        match &mut self.frames {
            Some(frames) => frames.settle(&mut self.outbox, &mut self.shards, self.rotation.as_mut()),
            None => Ok(()),
        }
    }

    /// The numbered directories.
    pub(crate) fn rotation(&mut self) -> Option<&mut Rotation> {
        self.rotation.as_mut()
    }

    /// Another directory is the present one.
    fn turn(&mut self) -> Result<(), WriterGone> {
        let Some(rotation) = &self.rotation else { return Ok(()) };
        let (number, path) = (rotation.number(), rotation.path());
        if let Some(frames) = &mut self.frames {
            frames.directory = number;
            self.outbox.send(0, Operation::Directory(path))?;
        }
        Ok(())
    }

    /// Goes on in the next directory.
    pub(crate) fn rotate(&mut self) -> Result<(), WriterGone> {
        self.settle()?;
        if self.rotation.as_mut().is_some_and(Rotation::next) { self.turn() } else { Ok(()) }
    }

    /// A directory is complete when everything that is in flight has arrived.
    ///
    /// # Errors
    /// A writer is gone.
    pub(crate) fn complete(&mut self, directory: u32) -> Result<(), WriterGone> {
        let at = self.closed;
        self.outbox.send_to_all(|| Operation::Complete { directory, at })
    }

    /// Something in a directory has ended.
    fn leave(&mut self, directory: u32) -> Result<(), WriterGone> {
        let is_complete = self.rotation.as_mut().is_some_and(|rotation| rotation.leave(directory));
        if is_complete { self.complete(directory) } else { Ok(()) }
    }

    /// Has everything written that was sent, and sends a mark behind it.
    ///
    /// # Errors
    /// A writer is gone.
    pub(crate) fn mark(&mut self, mark: u64) -> Result<(), WriterGone> {
        self.settle()?;
        let at = self.closed;
        self.outbox.send_to_all(|| Operation::Flush)?;
        self.outbox.send_to_all(|| Operation::Mark { mark, at })?;
        self.outbox.flush()
    }

    /// Sends what is collected. The writers end when the dispatch is dropped.
    ///
    /// # Errors
    /// A writer is gone.
    pub(crate) fn flush(&mut self) -> Result<(), WriterGone> {
        self.settle()?;
        self.outbox.flush()
    }

    /// Sends what is collected and has it written: no frame comes for a while.
    ///
    /// # Errors
    /// A writer is gone.
    pub(crate) fn on_idle(&mut self) -> Result<(), WriterGone> {
        self.settle()?;
        self.outbox.send_to_all(|| Operation::Flush)?;
        self.outbox.flush()
    }

    /// Flows that are open now.
    pub(crate) fn open_flows(&self) -> u64 {
        self.open_flows
    }

    /// Flows that have closed so far.
    pub(crate) fn closed_flows(&self) -> u64 {
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
        let (shard, name) = self.shards.of(&facts);
        if let Some(slot) = self.slots.get_mut(slot as usize) {
            slot.writer = shard as u8;
        }
        self.outbox.send(shard, Operation::Open(facts, name))?;
        Ok(shard)
    }

    /// Notes that the flow in a slot ends. Returns whether the other flow of the connection ends with it.
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
}

impl Sink for Dispatch {
    type Error = WriterGone;

    #[inline]
    fn frame_sink(&mut self) -> Option<&mut dyn FrameSink<Error = WriterGone>> {
        if self.frames.is_some() || self.following.is_some() { Some(self) } else { None }
    }

    #[inline]
    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), WriterGone> {
        self.settle()?;
        if self.rotation.as_mut().is_some_and(|rotation| rotation.frame(frame.time)) {
            self.turn()?;
        }
        self.time = frame.time;
        self.places.step();
        if let Some(frames) = &mut self.frames
            && frames.begin(frame, self.outbox.block())
        {
            self.outbox.send(0, Operation::Link(frame.link))?;
        }
        Ok(())
    }

    #[inline]
    fn time(&mut self, now: Timestamp) -> Result<(), WriterGone> {
        if self.rotation.as_mut().is_some_and(|rotation| rotation.time(now)) { self.turn() } else { Ok(()) }
    }

    fn opened(&mut self, flow: Flow, opened: &Opened) -> Result<(), WriterGone> {
        self.asymmetry.opened(opened);
        if let Some(following) = &mut self.following {
            following.opened(flow.slot);
        }
        let mut directory = 0;
        if let Some(rotation) = &mut self.rotation {
            // Both flows of a connection go into one directory.
            let other = self.slots.get((flow.slot ^ 1) as usize).filter(|other| other.is_open);
            directory = other.map_or(rotation.number(), |other| other.directory);
            rotation.enter(directory);
        }
        let mut facts = FlowFacts::new(flow, opened, directory);
        facts.frame = self.places.present().unwrap_or_default();
        let facts = self.outbox.shared(facts);
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
        if let Some(following) = &mut self.following {
            following.data(flow.slot, offset, bytes, self.time);
        }
        if !self.wants_data {
            return Ok(());
        }
        let shard = self.shard(flow.slot)?;
        let (part, time) = (self.outbox.part(shard, bytes)?, self.time);
        if let Some(rotation) = &mut self.rotation
            && let Some(slot) = self.slots.get_mut(flow.slot as usize)
        {
            let first = !std::mem::replace(&mut slot.has_data, true);
            let kept = (bytes.len() as u64).min(self.max_bytes.saturating_sub(offset));
            rotation.count(slot.directory, kept, first);
        }
        self.outbox.send(shard, Operation::Data { flow: flow.number, offset, part, time })
    }

    fn urgent(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), WriterGone> {
        if let Some(following) = &mut self.following {
            following.data(flow.slot, offset, bytes, self.time);
        }
        // Without data before it there is no file that it could be left out of, but there may be one later.
        if self.wants_data {
            let shard = self.shard(flow.slot)?;
            let (part, time) = (self.outbox.part(shard, bytes)?, self.time);
            self.outbox.send(shard, Operation::Urgent { flow: flow.number, offset, part, time })?;
        }
        Ok(())
    }

    fn repeated(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, WriterGone> {
        if let Some(following) = &mut self.following {
            following.repeated(flow.slot, offset, bytes, self.time, false);
        }
        if self.wants_data {
            let shard = self.shard(flow.slot)?;
            let (part, time) = (self.outbox.part(shard, bytes)?, self.time);
            self.outbox.send(shard, Operation::Repeated { flow: flow.number, offset, part, time })?;
        }
        // The writer compares, and reports what differs.
        Ok(Repeat::NotCompared)
    }

    fn replaced(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, WriterGone> {
        if let Some(following) = &mut self.following {
            following.repeated(flow.slot, offset, bytes, self.time, true);
        }
        if self.wants_data {
            let shard = self.shard(flow.slot)?;
            let (part, time) = (self.outbox.part(shard, bytes)?, self.time);
            self.outbox.send(shard, Operation::Replaced { flow: flow.number, offset, part, time })?;
        }
        Ok(Repeat::NotCompared)
    }

    fn keepalive(&mut self, flow: Flow, _answer: bool) -> Result<(), WriterGone> {
        if let Some(slot) = self.slots.get_mut(flow.slot as usize) {
            slot.keepalives = slot.keepalives.saturating_add(1);
        }
        Ok(())
    }

    fn rebased(&mut self, flow: Flow, by: u64) -> Result<(), WriterGone> {
        if let Some(following) = &mut self.following {
            following.rebased(flow.slot, by);
        }
        let shard = self.shard(flow.slot)?;
        self.outbox.send(shard, Operation::Rebased { flow: flow.number, by })
    }

    fn gap(&mut self, flow: Flow, range: Range<u64>) -> Result<(), WriterGone> {
        self.gaps += 1;
        if let Some(following) = &mut self.following {
            following.gap(flow.slot, range.clone());
        }
        let shard = self.shard(flow.slot)?;
        let slot = self.slots.get_mut(flow.slot as usize);
        let is_kept = slot.is_some_and(|slot| self.holes.keep(&mut slot.gaps));
        self.outbox.send(shard, Operation::Gap { flow: flow.number, range, is_kept })
    }

    fn closed(&mut self, flow: Flow, reason: CloseReason, summary: &Summary) -> Result<(), WriterGone> {
        let order = self.closed;
        self.closed += 1;
        self.open_flows -= 1;
        let pair = self.close_slot(flow.slot);
        let gaps = self.slots.get_mut(flow.slot as usize).map_or(0, |slot| std::mem::take(&mut slot.gaps));
        let is_sparse = self.holes.end(gaps, summary);
        let directory = self.slots.get(flow.slot as usize).map_or(0, |slot| slot.directory);
        let trace = self.following.as_mut().and_then(|following| following.closed(flow.slot, directory));
        let slot = self.slots.get_mut(flow.slot as usize);
        let (unknown, keepalives) =
            slot.map_or((None, 0), |slot| (slot.unknown.take(), std::mem::take(&mut slot.keepalives)));
        // By value: the next flow gets their memory while it is in this processor's cache.
        let facts = unknown.map(|shared| {
            let facts = FlowFacts::clone(&shared);
            self.outbox.reuse(shared);
            facts
        });
        let shard = match &facts {
            // There is nothing to write: any writer will do, and each is used for a while.
            Some(_) => (order / BATCH as u64 % self.outbox.writers() as u64) as usize,
            None => self.shard(flow.slot)?,
        };
        let summary = summary.clone();
        let ending = Ending { facts, order, pair, reason, summary, is_sparse, keepalives, trace };
        self.outbox.close(shard, flow.number, ending)?;
        match self.slots.get(flow.slot as usize) {
            Some(&Slot { directory, .. }) if self.rotation.is_some() => self.leave(directory),
            _ => Ok(()),
        }
    }

    fn dropped(&mut self, _datagram: &DroppedDatagram) -> Result<(), WriterGone> {
        // What it carried may open a flow, and came with earlier frames.
        self.places.leave();
        Ok(())
    }

    fn rejected(&mut self, _frame: &Frame<'_>, reject: &Reject) -> Result<(), WriterGone> {
        self.rejects.add(reject);
        Ok(())
    }
}

impl FrameSink for Dispatch {
    type Error = WriterGone;

    fn segment(&mut self, side: &Side, segment: &Segment<'_>) -> Result<(), WriterGone> {
        if let Some(frames) = &mut self.frames {
            frames.segment(side, segment);
        }
        if let Some(following) = &mut self.following {
            following.segment(side, segment, self.time);
        }
        Ok(())
    }

    fn connection_removed(&mut self, slot: u32) -> Result<(), WriterGone> {
        if self.frames.as_ref().is_some_and(|frames| frames.awaits(slot)) {
            self.settle()?;
        }
        let Some(frames) = &mut self.frames else { return Ok(()) };
        for (side, shard, directory) in frames.forget(slot).into_iter().flatten() {
            self.outbox.send(shard, Operation::Captured { side })?;
            self.leave(directory)?;
        }
        Ok(())
    }

    fn fragment_held(&mut self, datagram: u32, from: Option<u32>) -> Result<(), WriterGone> {
        if let Some(frames) = &mut self.frames {
            frames.fragment_held(datagram, from, self.outbox.block());
        }
        Ok(())
    }

    fn datagram_released(&mut self, datagram: u32) -> Result<(), WriterGone> {
        if let Some(frames) = &mut self.frames {
            frames.datagram_released(datagram);
        }
        Ok(())
    }
}
