//! In-order delivery: an adaptor around a sink that wants bytes in ascending order.
//!
//! Bytes beyond a hole wait in the caller's memory until the hole is filled. A hole is skipped, with
//! an explicit gap, when the flow closes, when the reassembler gives it up, when the caller says so,
//! and when memory is short: then the flow that has waited longest skips its hole. Bytes that arrive
//! for a skipped hole are told as `late`, and may come as `repeated` after that.

mod memory;

pub use memory::{Delivery, InOrderStorage, Page, StaticInOrderStorage};

use core::ops::Range;

use memory::Memory;

use crate::decode::Reject;
use crate::flow::{Flow, Opened};
use crate::frame::Frame;
use crate::sink::{CloseReason, Repeat, Sink, Summary};

/// Passes events on to `S`, with `data` and `gap` of each flow in ascending order and without overlap,
/// from stream offset 0 to the span.
///
/// One exception cannot be avoided: when a flow turns out to begin before the bytes already passed on
/// (`rebased`), the bytes before them are told as a gap after all.
pub struct InOrder<'a, S> {
    inner: S,
    memory: Memory<'a>,
}

impl<'a, S: Sink> InOrder<'a, S> {
    /// Wraps `inner`. Flows whose slot is beyond `storage.flows` are passed on as they come.
    pub fn new(inner: S, storage: InOrderStorage<'a>) -> Self {
        Self { inner, memory: Memory::new(storage) }
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
        match self.memory.lowest(flow.slot).filter(|_| known) {
            Some(lowest) => self.skip_to(flow, lowest),
            None => Ok(()),
        }
    }

    /// Tells the inner sink the gap up to `to`, and what follows it.
    fn skip_to(&mut self, flow: Flow, to: u64) -> Result<(), S::Error> {
        let Some(delivery) = self.memory.flow(flow.slot) else { return Ok(()) };
        let hole = delivery.next..to;
        if !hole.is_empty() {
            delivery.next = to;
            self.inner.gap(flow, hole)?;
        }
        self.drain(flow)
    }

    /// Passes on what waits and is next.
    fn drain(&mut self, flow: Flow) -> Result<(), S::Error> {
        while let Some(next) = self.memory.flow(flow.slot).map(|delivery| delivery.next) {
            if self.memory.lowest(flow.slot).is_none_or(|lowest| lowest > next) {
                break;
            }
            let Some((start, bytes)) = self.memory.pop(flow.slot) else { break };
            let end = start + bytes.len() as u64;
            self.inner.data(flow, start, bytes)?;
            if let Some(delivery) = self.memory.flow(flow.slot) {
                delivery.next = end;
            }
        }
        Ok(())
    }

    /// The flow that has waited longest skips its lowest hole. Answers whether there was one.
    fn relieve(&mut self) -> Result<bool, S::Error> {
        let Some(slot) = self.memory.oldest() else { return Ok(false) };
        let Some(number) = self.memory.flow(slot).map(|delivery| delivery.number) else { return Ok(false) };
        self.skip(Flow { slot, number })?;
        Ok(true)
    }
}

impl<S: Sink> Sink for InOrder<'_, S> {
    type Error = S::Error;

    fn opened(&mut self, flow: Flow, opened: &Opened) -> Result<(), S::Error> {
        self.memory.begin(flow);
        self.inner.opened(flow, opened)
    }

    fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), S::Error> {
        while let Some(delivery) = self.memory.flow(flow.slot) {
            if offset == delivery.next {
                delivery.next += bytes.len() as u64;
                self.inner.data(flow, offset, bytes)?;
                return self.drain(flow);
            }
            if offset < delivery.next {
                delivery.late += bytes.len() as u64;
                return self.inner.late(flow, offset, bytes);
            }
            if self.memory.has_room(flow.slot, offset, bytes.len()) {
                self.memory.hold(flow.slot, offset, bytes);
                return Ok(());
            }
            if !self.relieve()? {
                self.skip_to(flow, offset)?;
            }
        }
        self.inner.data(flow, offset, bytes)
    }

    fn repeated(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, S::Error> {
        match self.memory.same(flow.slot, offset, bytes) {
            Some(true) => Ok(Repeat::Same),
            Some(false) => Ok(Repeat::Differs),
            None => self.inner.repeated(flow, offset, bytes),
        }
    }

    fn replaced(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, S::Error> {
        let passed_on = self.memory.flow(flow.slot).map_or(u64::MAX, |delivery| delivery.next);
        if passed_on == u64::MAX {
            return self.inner.replaced(flow, offset, bytes);
        }
        // What was passed on stays: only what waits can change.
        let early = usize::try_from(passed_on.saturating_sub(offset)).unwrap_or(usize::MAX).min(bytes.len());
        let (early, waiting) = bytes.split_at(early);
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
        self.inner.late(flow, offset, bytes)
    }

    fn rebased(&mut self, flow: Flow, by: u64) -> Result<(), S::Error> {
        self.inner.rebased(flow, by)?;
        self.memory.shift(flow.slot, by);
        match self.memory.flow(flow.slot) {
            // Nothing was passed on yet: the bytes before can still come first.
            Some(delivery) if delivery.next == 0 => Ok(()),
            Some(delivery) => {
                delivery.next += by;
                self.inner.gap(flow, 0..by)
            }
            None => Ok(()),
        }
    }

    fn gap(&mut self, flow: Flow, range: Range<u64>) -> Result<(), S::Error> {
        match self.memory.flow(flow.slot) {
            Some(delivery) if range.end > delivery.next => self.skip_to(flow, range.end),
            Some(_) => Ok(()),
            None => self.inner.gap(flow, range),
        }
    }

    fn closed(&mut self, flow: Flow, reason: CloseReason, summary: &Summary) -> Result<(), S::Error> {
        // Bytes wait at the end only if the inner sink failed before.
        self.memory.forget(flow.slot);
        let late = self.memory.flow(flow.slot).map_or(0, |delivery| delivery.late);
        let data = summary.data.saturating_sub(late);
        let summary = Summary { data, gaps: summary.gaps.saturating_add(late), ..summary.clone() };
        self.inner.closed(flow, reason, &summary)
    }

    fn rejected(&mut self, frame: &Frame<'_>, reject: &Reject) -> Result<(), S::Error> {
        self.inner.rejected(frame, reject)
    }
}
