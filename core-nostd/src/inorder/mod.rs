//! In-order delivery: an adaptor around a sink that wants bytes in ascending order.
//!
//! Bytes beyond a hole wait in the caller's memory until the hole is filled. A hole is skipped, with
//! an explicit gap and a counted [`SkipCause`]: when the flow closes, when the reassembler gives it up, when it has
//! blocked for too long, when the receiver has acknowledged its bytes, when the caller says so, when its connection
//! has all the memory that one may have, and when memory is short. Then the flow that uses most of it skips its hole,
//! the longest blocked of several: with `n` other flows a flow that uses no more than one part in `n + 1` of the memory
//! is never made to. Bytes that arrive for a skipped hole are told as `late`, and may come as `repeated` after that.

mod config;
mod memory;
mod waiting;

pub use config::{InOrderConfig, InOrderCounters, SkipCause};
pub use memory::{Delivery, InOrderStorage, Page, StaticInOrderStorage};

use core::ops::Range;

use memory::{Held, Memory};

use crate::decode::Reject;
use crate::flow::{Flow, Opened};
use crate::fragment::DroppedDatagram;
use crate::frame::{Frame, Timestamp};
use crate::sink::{CloseReason, FrameSink, Repeat, Sink, Summary};

/// Passes events on to `S`, with `data` and `gap` of each flow in ascending order and without overlap,
/// from stream offset 0 to the span.
///
/// One exception cannot be avoided: when a flow turns out to begin before the bytes already passed on
/// (`rebased`), the bytes before them are told as a gap after all.
pub struct InOrder<'a, S> {
    inner: S,
    memory: Memory<'a>,
    config: InOrderConfig,
    counters: InOrderCounters,
    now: Timestamp,
    /// The flow whose gaps were told last by the reassembler, how many and how long: if its end follows, they
    /// are for that.
    closing: (u32, u64, u64),
}

impl<'a, S: Sink> InOrder<'a, S> {
    /// Wraps `inner`. Flows whose slot is beyond `storage.flows` are passed on as they come.
    pub fn new(inner: S, storage: InOrderStorage<'a>, config: InOrderConfig) -> Self {
        Self {
            inner,
            memory: Memory::new(storage, &config.hash_key),
            config,
            counters: InOrderCounters::default(),
            now: Timestamp::default(),
            closing: (0, 0, 0),
        }
    }

    /// The counts so far.
    pub fn counters(&self) -> &InOrderCounters {
        &self.counters
    }

    /// Bytes of `flow` that wait.
    pub fn waiting(&self, flow: Flow) -> u64 {
        self.memory.waiting(flow.slot)
    }

    /// The wrapped sink.
    pub fn inner(&self) -> &S {
        &self.inner
    }

    /// The wrapped sink, to be told what is no event.
    pub fn inner_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Ends the adaptor.
    pub fn into_inner(self) -> S {
        self.inner
    }

    /// Skips the lowest hole of `flow`, if bytes wait beyond it.
    ///
    /// # Errors
    /// The inner sink's.
    pub fn skip(&mut self, flow: Flow) -> Result<(), S::Error> {
        let known = self.memory.flow(flow.slot).is_some_and(|delivery| delivery.number == flow.number);
        if known { self.skip_lowest(flow.slot, SkipCause::Asked) } else { Ok(()) }
    }

    /// Skips the lowest hole of the flow in `slot`, if bytes wait beyond it.
    fn skip_lowest(&mut self, slot: u32, cause: SkipCause) -> Result<(), S::Error> {
        let Some(lowest) = self.memory.lowest(slot) else { return Ok(()) };
        let Some(number) = self.memory.flow(slot).map(|delivery| delivery.number) else { return Ok(()) };
        self.skip_to(Flow { slot, number }, lowest, cause)
    }

    /// Tells the inner sink the gap up to `to`, and what follows it.
    fn skip_to(&mut self, flow: Flow, to: u64, cause: SkipCause) -> Result<(), S::Error> {
        let Some(delivery) = self.memory.flow(flow.slot) else { return Ok(()) };
        let hole = delivery.next..to;
        if !hole.is_empty() {
            delivery.next = to;
            self.counters.skip(cause, to - hole.start);
            self.inner.gap(flow, hole)?;
            if self.memory.lowest(flow.slot).is_some() {
                self.memory.block(flow.slot, self.now);
            }
        }
        self.drain(flow)
    }

    /// Skips the holes below `to`, as far as they block bytes.
    fn skip_acknowledged(&mut self, flow: Flow, to: u64) -> Result<(), S::Error> {
        while let Some(lowest) = self.memory.lowest(flow.slot)
            && self.memory.flow(flow.slot).is_some_and(|delivery| delivery.next < to)
        {
            self.skip_to(flow, lowest.min(to), SkipCause::Acknowledged)?;
        }
        Ok(())
    }

    /// Passes on what waits and is next.
    fn drain(&mut self, flow: Flow) -> Result<(), S::Error> {
        let mut drained = false;
        while let Some(next) = self.memory.flow(flow.slot).map(|delivery| delivery.next) {
            if self.memory.lowest(flow.slot).is_none_or(|lowest| lowest > next) {
                break;
            }
            let Some(Held { start, bytes, urgent }) = self.memory.pop(flow.slot) else { break };
            drained = true;
            let end = start + bytes.len() as u64;
            self.counters.passed_bytes += bytes.len() as u64;
            let told = if urgent {
                self.inner.urgent(flow, start, bytes)
            } else {
                self.inner.data(flow, start, bytes)
            };
            if let Some(delivery) = self.memory.flow(flow.slot) {
                delivery.next = end;
            }
            told?;
        }
        if drained && self.memory.lowest(flow.slot).is_some() {
            // Another hole blocks from now on.
            self.memory.block(flow.slot, self.now);
        }
        self.settle_acknowledged(flow.slot);
        Ok(())
    }

    /// Forgets acknowledgements of what is no hole any more.
    fn settle_acknowledged(&mut self, slot: u32) {
        let waits = self.memory.lowest(slot).is_some();
        let Some(delivery) = self.memory.flow(slot) else { return };
        if delivery.acknowledged == 0 || (waits && delivery.next < delivery.acknowledged) {
            return;
        }
        let later = delivery.acknowledged_later;
        let again = (waits && later > delivery.next).then_some((later, self.now));
        self.memory.set_acknowledged(slot, again);
    }

    /// Makes room for bytes that have to wait: answers whether there is, or a hole was skipped for it.
    fn make_room(&mut self, flow: Flow, offset: u64, len: usize, urgent: bool) -> Result<bool, S::Error> {
        let slot = flow.slot;
        let Some(needed) = self.memory.needed(slot, offset, len, urgent) else {
            self.skip_to(flow, offset, SkipCause::Pressure)?;
            return Ok(false);
        };
        let (own, other) = (self.memory.pages_of(slot), self.memory.pages_of(slot ^ 1));
        let limit = self.config.max_per_connection / self.memory.page_size();
        let (giver, cause) = if own + other + needed > limit {
            // Of the two directions the one that has more gives way.
            (if own + needed < other { slot ^ 1 } else { slot }, SkipCause::ConnectionLimit)
        } else if needed > self.memory.free_pages() {
            let giver = match self.memory.largest() {
                Some((largest, pages)) if pages >= own + needed => largest,
                _ => slot,
            };
            (giver, SkipCause::Pressure)
        } else {
            return Ok(true);
        };
        if giver == slot && own == 0 {
            self.skip_to(flow, offset, cause)?;
        } else {
            self.skip_lowest(giver, cause)?;
        }
        Ok(false)
    }

    /// Passes bytes on, keeps them, or tells that they are late.
    fn take(&mut self, flow: Flow, mut offset: u64, mut bytes: &[u8], urgent: bool) -> Result<(), S::Error> {
        while let Some(delivery) = self.memory.flow(flow.slot) {
            if offset < delivery.next {
                // A hole may have been skipped up to the middle of these bytes.
                let late = usize::try_from(delivery.next - offset).unwrap_or(usize::MAX).min(bytes.len());
                let (early, rest) = bytes.split_at(late);
                delivery.late += late as u64;
                self.counters.late_bytes += late as u64;
                self.inner.late(flow, offset, early)?;
                (offset, bytes) = (offset + late as u64, rest);
                if bytes.is_empty() {
                    return Ok(());
                }
                continue;
            }
            if offset == delivery.next {
                delivery.next += bytes.len() as u64;
                self.counters.passed_bytes += bytes.len() as u64;
                self.pass(flow, offset, bytes, urgent)?;
                return if self.memory.lowest(flow.slot).is_some() { self.drain(flow) } else { Ok(()) };
            }
            if self.make_room(flow, offset, bytes.len(), urgent)? {
                let blocked = self.memory.lowest(flow.slot).is_some();
                self.memory.hold(flow.slot, offset, bytes, urgent);
                if !blocked {
                    self.memory.block(flow.slot, self.now);
                }
                self.counters.max_pages = self.counters.max_pages.max(self.memory.used_pages() as u64);
                return Ok(());
            }
        }
        self.pass(flow, offset, bytes, urgent)
    }

    /// The bytes below what the inner sink gets next, and those that wait. Of an unknown flow none wait.
    fn split<'b>(&mut self, flow: Flow, offset: u64, bytes: &'b [u8]) -> (&'b [u8], &'b [u8]) {
        let next = self.memory.flow(flow.slot).map_or(u64::MAX, |delivery| delivery.next);
        bytes.split_at(usize::try_from(next.saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes.len()))
    }

    fn pass(&mut self, flow: Flow, offset: u64, bytes: &[u8], urgent: bool) -> Result<(), S::Error> {
        if urgent { self.inner.urgent(flow, offset, bytes) } else { self.inner.data(flow, offset, bytes) }
    }
}

impl<S: Sink> Sink for InOrder<'_, S> {
    type Error = S::Error;

    fn frame(&mut self, frame: &Frame<'_>) -> Result<(), S::Error> {
        self.inner.frame(frame)
    }

    fn time(&mut self, now: Timestamp) -> Result<(), S::Error> {
        self.now = self.now.max(now);
        self.closing = (0, 0, 0);
        self.inner.time(now)?;
        let now = self.now;
        while let (Some(grace), Some(slot)) =
            (self.config.acknowledged_grace, self.memory.longest_acknowledged())
        {
            let due = |delivery: &&mut Delivery| now.since(delivery.acknowledged_since) >= grace;
            let Some(delivery) = self.memory.flow(slot).filter(due) else { break };
            let (flow, to) = (Flow { slot, number: delivery.number }, delivery.acknowledged);
            self.skip_acknowledged(flow, to)?;
            self.settle_acknowledged(slot);
        }
        while let (Some(timeout), Some(slot)) = (self.config.timeout, self.memory.longest_blocked()) {
            let due = |delivery: &&mut Delivery| now.since(delivery.since) >= timeout;
            if self.memory.flow(slot).filter(due).is_none() {
                break;
            }
            self.skip_lowest(slot, SkipCause::Timeout)?;
        }
        Ok(())
    }

    fn frame_sink(&mut self) -> Option<&mut dyn FrameSink<Error = S::Error>> {
        self.inner.frame_sink()
    }

    fn opened(&mut self, flow: Flow, opened: &Opened) -> Result<(), S::Error> {
        self.memory.begin(flow);
        self.inner.opened(flow, opened)
    }

    fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), S::Error> {
        self.take(flow, offset, bytes, false)
    }

    fn urgent(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), S::Error> {
        self.take(flow, offset, bytes, true)
    }

    fn acknowledged(&mut self, flow: Flow, offset: u64) -> Result<(), S::Error> {
        let Some(grace) = self.config.acknowledged_grace else { return Ok(()) };
        let waits = self.memory.lowest(flow.slot).is_some();
        let Some(delivery) = self.memory.flow(flow.slot) else { return Ok(()) };
        if !waits || offset <= delivery.next {
            return Ok(());
        }
        if grace == 0 {
            return self.skip_acknowledged(flow, offset);
        }
        if delivery.acknowledged == 0 {
            self.memory.set_acknowledged(flow.slot, Some((offset, self.now)));
        } else if offset > delivery.acknowledged {
            delivery.acknowledged_later = delivery.acknowledged_later.max(offset);
        }
        Ok(())
    }

    fn repeated(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, S::Error> {
        let (early, waiting) = self.split(flow, offset, bytes);
        let waits = match self.memory.same(flow.slot, offset + early.len() as u64, waiting) {
            _ if waiting.is_empty() => Repeat::Same,
            Some(true) => Repeat::Same,
            Some(false) => Repeat::Differs,
            None => Repeat::NotCompared,
        };
        if early.is_empty() {
            return Ok(waits);
        }
        Ok(match (self.inner.repeated(flow, offset, early)?, waits) {
            (Repeat::Differs, _) | (_, Repeat::Differs) => Repeat::Differs,
            (Repeat::Same, Repeat::Same) => Repeat::Same,
            _ => Repeat::NotCompared,
        })
    }

    fn replaced(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, S::Error> {
        if self.memory.flow(flow.slot).is_none() {
            return self.inner.replaced(flow, offset, bytes);
        }
        // What was passed on stays: only what waits can change.
        let (early, waiting) = self.split(flow, offset, bytes);
        let mut changed = false;
        if !early.is_empty() && self.inner.repeated(flow, offset, early)? == Repeat::Differs {
            self.inner.conflict(flow, offset, early)?;
            changed = true;
        }
        let mut offset = offset + early.len() as u64;
        let mut waiting = waiting;
        while !waiting.is_empty() {
            let Some(held) = self.memory.held(flow.slot, offset) else { break };
            let len = held.len().min(waiting.len());
            let (now, rest) = waiting.split_at(len);
            if held[..len] != *now {
                self.inner.conflict(flow, offset, &held[..len])?;
                held[..len].copy_from_slice(now);
                changed = true;
            }
            offset += len as u64;
            waiting = rest;
        }
        Ok(if changed { Repeat::Differs } else { Repeat::Same })
    }

    fn conflict(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), S::Error> {
        self.inner.conflict(flow, offset, bytes)
    }

    fn late(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), S::Error> {
        self.counters.late_bytes += bytes.len() as u64;
        self.inner.late(flow, offset, bytes)
    }

    fn keepalive(&mut self, flow: Flow, answer: bool) -> Result<(), S::Error> {
        self.inner.keepalive(flow, answer)
    }

    fn rebased(&mut self, flow: Flow, by: u64) -> Result<(), S::Error> {
        self.inner.rebased(flow, by)?;
        self.memory.shift(flow.slot, by);
        match self.memory.flow(flow.slot) {
            // Nothing was passed on yet: the bytes before can still come first.
            Some(delivery) if delivery.next == 0 => Ok(()),
            Some(delivery) => {
                delivery.next += by;
                self.counters.skip(SkipCause::Rebased, by);
                self.inner.gap(flow, 0..by)
            }
            None => Ok(()),
        }
    }

    fn gap(&mut self, flow: Flow, range: Range<u64>) -> Result<(), S::Error> {
        match self.memory.flow(flow.slot) {
            Some(delivery) if range.end > delivery.next => {
                let (slot, gaps, bytes) = self.closing;
                let (gaps, bytes) = if slot == flow.slot { (gaps, bytes) } else { (0, 0) };
                self.closing = (flow.slot, gaps + 1, bytes + (range.end - delivery.next));
                self.skip_to(flow, range.end, SkipCause::GivenUp)
            }
            Some(_) => Ok(()),
            None => self.inner.gap(flow, range),
        }
    }

    fn closed(&mut self, flow: Flow, reason: CloseReason, summary: &Summary) -> Result<(), S::Error> {
        // Bytes wait at the end only if the inner sink failed before.
        self.memory.forget(flow.slot);
        if let (slot, gaps, bytes) = core::mem::take(&mut self.closing)
            && slot == flow.slot
        {
            self.counters.end(gaps, bytes);
        }
        let late = self.memory.flow(flow.slot).map_or(0, |delivery| delivery.late);
        let data = summary.data.saturating_sub(late);
        let summary = Summary { data, gaps: summary.gaps.saturating_add(late), ..summary.clone() };
        self.inner.closed(flow, reason, &summary)
    }

    fn dropped(&mut self, datagram: &DroppedDatagram) -> Result<(), S::Error> {
        self.inner.dropped(datagram)
    }

    fn rejected(&mut self, frame: &Frame<'_>, reject: &Reject) -> Result<(), S::Error> {
        self.inner.rejected(frame, reject)
    }
}
