//! Frames into capture files, as they were captured: pcap with nanoseconds.
//!
//! [`FlowCaptures`] writes a file for each side of each connection (`-K`), through a [`FileStore`]: what that one
//! promises of names, descriptors and errors holds here too. Frames of another link type than the file began with
//! go into a file of their own, as a pcap file has one link type.

use bytes::{Bytes, BytesMut};
use rustc_hash::FxHashMap;
use std::sync::Arc;

use tapflow_core::capture::{FileHeader, FrameHeader};
use tapflow_core::{LinkType, Timestamp};

use super::error::OutputError;
use super::store::FileStore;
use crate::flow::FlowFacts;

/// The snap length that headers of files name: what libpcap takes at most.
pub(super) const SNAP_LENGTH: u32 = 262_144;
/// Memory for frame headers that is asked for at once.
const HEADERS: usize = 16 << 10;

/// What is known of a frame beside its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameFacts {
    /// What it begins with.
    pub link: LinkType,
    /// When it was captured.
    pub time: Timestamp,
    /// Length on the wire in bytes.
    pub wire_len: u32,
}

/// What came into capture files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CaptureCounts {
    /// Files made.
    pub files: u64,
    /// Frames in them.
    pub frames: u64,
    /// Frames of a later time than the format can hold: they have the last one that it can.
    pub late: u64,
    /// Frames left out: their link type has no number in the format.
    pub refused: u64,
}

impl CaptureCounts {
    /// Adds up.
    pub fn add(&mut self, more: &Self) {
        self.files += more.files;
        self.frames += more.frames;
        self.late += more.late;
        self.refused += more.refused;
    }
}

/// The capture files of one writer.
#[derive(Debug)]
pub struct FlowCaptures {
    store: FileStore,
    /// By the number that the caller gave.
    sides: FxHashMap<u64, Vec<Part>>,
    facts: FxHashMap<u64, Arc<FlowFacts>>,
    headers: BytesMut,
    counts: CaptureCounts,
}

/// A file of one side.
#[derive(Debug)]
struct Part {
    link: LinkType,
    number: u64,
    end: u64,
}

impl FlowCaptures {
    /// Files in `store`, whose template says how they are named.
    #[must_use]
    pub fn new(store: FileStore) -> Self {
        Self {
            store,
            sides: FxHashMap::default(),
            facts: FxHashMap::default(),
            headers: BytesMut::new(),
            counts: CaptureCounts::default(),
        }
    }

    /// A side begins; its file is made with its first frame.
    pub fn open(&mut self, side: u64, facts: Arc<FlowFacts>) {
        self.facts.insert(side, facts);
    }

    /// Adds a frame to the file of a side.
    ///
    /// # Errors
    /// [`OutputError`] of this file or of another one that had to be written.
    pub fn frame(&mut self, side: u64, frame: FrameFacts, bytes: Bytes) -> Result<(), OutputError> {
        let parts = self.sides.entry(side).or_default();
        let mut result = Ok(());
        let part = match parts.iter_mut().position(|part| part.link == frame.link) {
            Some(at) => &mut parts[at],
            None => {
                let Some(header) = FileHeader::encode(frame.link, SNAP_LENGTH) else {
                    self.counts.refused += 1;
                    return Ok(());
                };
                let Some(facts) = self.facts.get(&side) else { return Err(OutputError::NotOpen(side)) };
                let mut facts = FlowFacts::clone(facts);
                facts.opened.time = frame.time;
                let number = self.counts.files;
                self.counts.files += 1;
                let name = self.store.name_of(&facts);
                self.store.open_as(number, facts, name);
                let header = Bytes::copy_from_slice(&header);
                let end = header.len() as u64;
                result = self.store.data(number, 0, header, frame.time);
                parts.push(Part { link: frame.link, number, end });
                let last = parts.len() - 1;
                &mut parts[last]
            }
        };
        let (header, in_time) = frame_header(&frame, bytes.len());
        self.counts.late += u64::from(!in_time);
        if self.headers.capacity() < header.len() {
            self.headers.reserve(HEADERS);
        }
        self.headers.extend_from_slice(&header);
        for piece in [self.headers.split().freeze(), bytes] {
            let offset = part.end;
            part.end += piece.len() as u64;
            result = result.and(self.store.data(part.number, offset, piece, frame.time));
        }
        self.counts.frames += 1;
        result
    }

    /// A side ends: its file is complete.
    ///
    /// # Errors
    /// [`OutputError`] where something could not be written.
    pub fn close(&mut self, side: u64) -> Result<(), OutputError> {
        self.facts.remove(&side);
        let mut result = Ok(());
        for part in self.sides.remove(&side).unwrap_or_default() {
            let closed = self.store.close(part.number).map(|closed| self.store.let_go(&closed));
            if closed.is_err() {
                // It is still there then; what it came to does not matter here.
                let _ = self.store.close(part.number);
            }
            result = result.and(closed);
        }
        result
    }

    /// Writes everything that is pending, so that others can see it.
    ///
    /// # Errors
    /// The first [`OutputError`].
    pub fn flush(&mut self) -> Result<(), OutputError> {
        self.store.flush()
    }

    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> &CaptureCounts {
        &self.counts
    }

    /// Closes the files that are still open.
    ///
    /// # Errors
    /// The first [`OutputError`].
    pub fn finish(self) -> Result<(), OutputError> {
        let finished = self.store.finish(|_, _| {});
        finished.error.or(finished.not_closed).map_or(Ok(()), Err)
    }
}

/// The header of a frame in a pcap file, and whether the format can hold its time; else it is the last one there is.
pub(super) fn frame_header(frame: &FrameFacts, captured: usize) -> ([u8; 16], bool) {
    let captured = u32::try_from(captured).unwrap_or(u32::MAX);
    let header = |time| FrameHeader { time, captured, wire_len: frame.wire_len, interface: 0 }.encode();
    match header(frame.time) {
        Some(header) => (header, true),
        None => (header(Timestamp::new(u32::MAX.into(), 0)).unwrap_or_default(), false),
    }
}
