//! Packets as a source hands them over: one, or a few that lie in one block.

use std::sync::Arc;

use bytes::Bytes;
use tapflow_core::{Frame, LinkType, Reassembler, Timestamp};

use super::record_prefetch::RecordPrefetch;

/// A frame and the reference-counted memory that it lies in.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'a> {
    /// The frame; its bytes are a slice of `block`, so `block.slice_ref(frame.bytes)` holds on to them.
    pub frame: Frame<'a>,
    /// What keeps the bytes in memory.
    pub block: &'a Bytes,
    /// The number of the interface within its section of the file; 0 where the format has none.
    pub interface: u32,
    /// Its number in its input, from 1; 0 if the input does not count.
    pub number: u64,
    /// The name of its input.
    pub input: Option<&'a Arc<String>>,
}

/// The most frames that come together.
pub const TOGETHER: usize = Reassembler::BATCH;

/// Frames that come together: all of them lie in one block.
#[derive(Clone, Debug, Default)]
pub struct Packets<'a> {
    first: Option<Packet<'a>>,
    rest: Option<(&'a Bytes, std::slice::Iter<'a, Record>, RecordPrefetch<'a>)>,
    /// The packets of their input before the next one, and its name.
    before: u64,
    input: Option<&'a Arc<String>>,
}

impl<'a> Packets<'a> {
    /// The records that were read of a block, and the way that goes on behind them.
    pub(super) fn new(block: &'a Bytes, records: &'a [Record], prefetch: RecordPrefetch<'a>) -> Self {
        Self { rest: Some((block, records.iter(), prefetch)), ..Self::default() }
    }

    /// The same packets, which come after so many of this input.
    pub(super) fn counted(self, before: u64, input: &'a Arc<String>) -> Self {
        Self { before, input: Some(input), ..self }
    }
}

impl<'a> From<Option<Packet<'a>>> for Packets<'a> {
    fn from(first: Option<Packet<'a>>) -> Self {
        Self { first, ..Self::default() }
    }
}

impl<'a> Iterator for Packets<'a> {
    type Item = Packet<'a>;

    #[inline]
    fn next(&mut self) -> Option<Packet<'a>> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        let (block, records, prefetch) = self.rest.as_mut()?;
        let record = records.next()?;
        prefetch.step(block);
        self.before += 1;
        let number = if self.input.is_some() { self.before } else { 0 };
        Some(Packet { number, input: self.input, ..record.packet(block) })
    }
}

/// What a reader comes to next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// A record.
    Record,
    /// The end of the input, or of what can be read of it.
    End,
    /// The header of another capture file.
    Joined,
}

/// Where a frame lies in the block that was read, with the facts beside it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Record {
    /// Of its first byte, in the block.
    pub(super) start: usize,
    pub(super) length: usize,
    pub(super) link: LinkType,
    pub(super) time: Timestamp,
    pub(super) wire_len: u32,
    pub(super) interface: u32,
}

impl Record {
    /// Stands where no record was read yet.
    pub(super) const NONE: Self =
        Self { start: 0, length: 0, link: LinkType::NULL, time: Timestamp(0), wire_len: 0, interface: 0 };

    /// The packet, in the block that was read.
    #[inline]
    pub(super) fn packet<'a>(&self, block: &'a Bytes) -> Packet<'a> {
        let bytes = block.get(self.start..self.start.wrapping_add(self.length)).unwrap_or_default();
        let frame = Frame { link: self.link, time: self.time, wire_len: self.wire_len, bytes };
        Packet { frame, block, interface: self.interface, number: 0, input: None }
    }
}
