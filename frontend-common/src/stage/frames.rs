//! The destination of every frame: sides of connections (`-K`), or the file of unprocessed frames (`-w`).
//!
//! A side is one direction of a connection, with or without data. A frame belongs to a side whose segment it
//! carries, whole or as one of the fragments of its datagram; also after the close, as long as the connection is
//! in the table. A frame of several segments belongs to each of their sides. All others are unprocessed.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;
use rustc_hash::FxHashMap;
use tapflow_core::decode::Segment;
use tapflow_core::{Flow, Frame, Opened, Side, Timestamp};

use super::message::Operation;
use super::outbox::{Outbox, WriterGone};
use super::shards::Shards;
use crate::flow::FlowFacts;
use crate::output::pcap::FrameFacts;
use crate::retention::Rotation;

/// The frames that are on their way to a capture file.
pub(crate) struct Frames {
    /// Whether frames of connections are wanted.
    sides_wanted: bool,
    /// Whether all others are wanted.
    unprocessed_wanted: bool,
    /// By flow slot.
    sides: Vec<Option<Known>>,
    /// The frames of datagrams that are not whole.
    datagrams: FxHashMap<u32, Datagram>,
    current: Option<Current>,
    /// Frames for sides, until the core has processed the present frame: flows get their numbers before that.
    waiting: Vec<Waiting>,
    /// Frames of datagrams without a segment.
    unprocessed: Vec<Kept>,
    frames: u64,
    /// The present output directory.
    pub(crate) directory: u32,
}

/// What is known of a side.
struct Known {
    session: u64,
    client: bool,
    facts: Arc<FlowFacts>,
    /// Its writer, once it has a capture file.
    writer: Option<usize>,
}

impl Known {
    /// A number that no other side has.
    fn number(&self) -> u64 {
        self.session << 1 | u64::from(!self.client)
    }
}

/// The present frame.
struct Current {
    facts: FrameFacts,
    part: Range<usize>,
    /// Some part of it is in a connection, or waits in a datagram.
    used: bool,
}

/// A frame for the side in a slot, and the datagram that it came in.
struct Waiting {
    slot: u32,
    datagram: Option<u32>,
    kept: Kept,
}

/// The present frame, or a copy of an earlier one.
enum Kept {
    Current,
    Earlier(FrameFacts, Bytes),
}

#[derive(Default)]
struct Datagram {
    frames: Vec<Fragment>,
    /// A segment of it belongs to a side.
    used: bool,
}

/// A copy of a frame.
#[derive(Clone)]
struct Fragment {
    /// Among all frames.
    number: u64,
    facts: FrameFacts,
    bytes: Bytes,
}

impl Frames {
    /// Frames of connections if `sides`, all others if `unprocessed`; in directory number `directory`.
    pub(crate) fn new(sides: bool, unprocessed: bool, directory: u32) -> Self {
        Self {
            sides_wanted: sides,
            unprocessed_wanted: unprocessed,
            sides: Vec::new(),
            datagrams: FxHashMap::default(),
            current: None,
            waiting: Vec::new(),
            unprocessed: Vec::new(),
            frames: 0,
            directory,
        }
    }

    /// The next frame, after the one before was settled. Returns whether it is the first one.
    pub(crate) fn begin(&mut self, frame: &Frame<'_>, block: &Bytes) -> bool {
        let facts = FrameFacts { link: frame.link, time: frame.time, wire_len: frame.wire_len };
        let start = frame.bytes.as_ptr().addr().wrapping_sub(block.as_ptr().addr());
        let part = if frame.bytes.is_empty() { 0..0 } else { start..start.wrapping_add(frame.bytes.len()) };
        self.current = Some(Current { facts, part, used: false });
        self.frames += 1;
        self.frames == 1
    }

    /// A segment belongs to a side.
    pub(crate) fn segment(&mut self, side: &Side, segment: &Segment<'_>) {
        let known = |waiting: &Waiting| (waiting.slot, waiting.datagram) == (side.slot, side.datagram);
        let wanted = self.sides_wanted && !self.waiting.iter().any(known);
        let mut wait = |kept| {
            self.waiting.push(Waiting { slot: side.slot, datagram: side.datagram, kept });
        };
        match side.datagram {
            None => {
                let Some(current) = &mut self.current else { return };
                current.used = true;
                if wanted {
                    wait(Kept::Current);
                }
            }
            Some(number) => {
                let Some(datagram) = self.datagrams.get_mut(&number) else { return };
                datagram.used = true;
                if wanted {
                    datagram
                        .frames
                        .iter()
                        .for_each(|frame| wait(Kept::Earlier(frame.facts, frame.bytes.clone())));
                }
            }
        }
        if !wanted {
            return;
        }
        let slot = side.slot as usize;
        if self.sides.len() <= slot {
            self.sides.resize_with(slot + 1, || None);
        }
        if self.sides[slot].is_some() {
            return;
        }
        // Both sides of a connection go into one directory.
        let other = self.sides.get(slot ^ 1).and_then(Option::as_ref);
        let directory = other.map_or(self.directory, |other| other.facts.directory);
        self.sides[slot].get_or_insert_with(|| {
            let time = self.current.as_ref().map_or(Timestamp::default(), |current| current.facts.time);
            let mut opened = Opened::new(segment.key, time, side.session, side.client);
            opened.link = segment.link.clone();
            // Unless it gets a number of its own with SYN or data.
            let flow = Flow { slot: side.slot, number: side.session };
            let facts = Arc::new(FlowFacts::new(flow, &opened, directory));
            Known { session: side.session, client: side.client, facts, writer: None }
        });
    }

    /// A flow has a number.
    pub(crate) fn opened(&mut self, facts: &FlowFacts) {
        if let Some(Some(known)) = self.sides.get_mut(facts.slot as usize) {
            let directory = known.facts.directory;
            known.facts = Arc::new(FlowFacts { directory, ..facts.clone() });
        }
    }

    /// A fragment waits, from the present frame in `block` or from another datagram.
    pub(crate) fn fragment_held(&mut self, datagram: u32, from: Option<u32>, block: &Bytes) {
        let frames = match from {
            Some(from) => {
                let Some(from) = self.datagrams.get_mut(&from) else { return };
                from.used = true;
                from.frames.clone()
            }
            None => {
                let Some(current) = &mut self.current else { return };
                current.used = true;
                let bytes = Bytes::copy_from_slice(block.get(current.part.clone()).unwrap_or_default());
                vec![Fragment { number: self.frames, facts: current.facts, bytes }]
            }
        };
        let held = &mut self.datagrams.entry(datagram).or_default().frames;
        for frame in frames {
            if held.iter().all(|other| other.number != frame.number) {
                held.push(frame);
            }
        }
    }

    /// The memory of a datagram is free again.
    pub(crate) fn datagram_released(&mut self, datagram: u32) {
        let Some(datagram) = self.datagrams.remove(&datagram).filter(|datagram| !datagram.used) else {
            return;
        };
        let kept = |frame: Fragment| Kept::Earlier(frame.facts, frame.bytes);
        self.unprocessed.extend(datagram.frames.into_iter().map(kept));
    }

    /// Whether frames wait for the connection with this slot and the next.
    pub(crate) fn awaits(&self, slot: u32) -> bool {
        self.waiting.iter().any(|waiting| waiting.slot | 1 == slot | 1)
    }

    /// A connection leaves the table. Returns numbers, writers and directories of its sides that have a file.
    pub(crate) fn forget(&mut self, slot: u32) -> [Option<(u64, usize, u32)>; 2] {
        [slot, slot | 1].map(|slot| {
            let known = self.sides.get_mut(slot as usize)?.take()?;
            Some((known.number(), known.writer?, known.facts.directory))
        })
    }

    /// Sends the present frame, and earlier ones whose destination is known with it.
    ///
    /// # Errors
    /// A writer is gone.
    pub(crate) fn settle(
        &mut self,
        outbox: &mut Outbox,
        shards: &mut Shards,
        mut rotation: Option<&mut Rotation>,
    ) -> Result<(), WriterGone> {
        let mut waiting = std::mem::take(&mut self.waiting);
        for Waiting { slot, kept, .. } in waiting.drain(..) {
            let Some(Some(known)) = self.sides.get_mut(slot as usize) else { continue };
            let (side, directory) = (known.number(), known.facts.directory);
            let writer = match known.writer {
                Some(writer) => writer,
                None => {
                    if let Some(rotation) = &mut rotation {
                        rotation.enter(directory);
                        rotation.count(directory, 0, true);
                    }
                    let (writer, _) = shards.of(&known.facts);
                    outbox.send(writer, Operation::Capture { side, facts: Arc::clone(&known.facts) })?;
                    known.writer = Some(writer);
                    writer
                }
            };
            if let Some((frame, part)) = self.place(kept, writer, outbox)? {
                count(rotation.as_deref_mut(), directory, part.len());
                outbox.send(writer, Operation::Frame { side, frame, part })?;
            }
        }
        self.waiting = waiting;
        let unused = self.current.as_mut().is_some_and(|current| !std::mem::replace(&mut current.used, true));
        if !self.unprocessed_wanted {
            self.unprocessed.clear();
            return Ok(());
        }
        let unprocessed = std::mem::take(&mut self.unprocessed);
        for kept in unprocessed.into_iter().chain(unused.then_some(Kept::Current)) {
            if let Some((frame, part)) = self.place(kept, 0, outbox)? {
                count(rotation.as_deref_mut(), self.directory, part.len());
                outbox.send(0, Operation::Unprocessed { frame, part })?;
            }
        }
        Ok(())
    }

    /// The facts of a frame, and its range in a writer's block.
    fn place(
        &self,
        kept: Kept,
        writer: usize,
        outbox: &mut Outbox,
    ) -> Result<Option<(FrameFacts, Range<usize>)>, WriterGone> {
        match kept {
            Kept::Current => {
                let Some(current) = &self.current else { return Ok(None) };
                Ok(Some((current.facts, outbox.part_at(writer, current.part.clone())?)))
            }
            Kept::Earlier(facts, bytes) => Ok(Some((facts, outbox.part(writer, &bytes)?))),
        }
    }
}

/// Bytes of a frame are written into a directory.
fn count(rotation: Option<&mut Rotation>, directory: u32, bytes: usize) {
    if let Some(rotation) = rotation {
        rotation.count(directory, bytes as u64, false);
    }
}
