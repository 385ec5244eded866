//! Frames in, one at a time or as a batch.
//!
//! With many connections most of the time of a segment is spent waiting for memory: its headers, its hash bucket, its
//! connection. A batch reads the headers of all its frames first and prefetches the table entries that they lead to, so
//! that these waits overlap. The frames are then pushed in order, with the same events as if each had been pushed alone.

use core::hint::black_box;

use heapless::Vec;

use super::Reassembler;
use super::fast_path::{InOrderSegment, Lookup};
use crate::connection::{BATCH, Ipv4Key};
use crate::decode::{FastHeader, Outcome, Settings, dissect};
use crate::fragment::Packets;
use crate::frame::Frame;
use crate::sink::{Sink, for_frames};

/// What the headers of a frame say, and where the table may have its connection.
struct ParsedHeaders {
    header: FastHeader,
    lookup: Lookup<Ipv4Key>,
}

impl ParsedHeaders {
    #[inline(always)]
    fn new(frame: &Frame<'_>, decode: &Settings, hash_key: [u64; 2]) -> Self {
        let header = FastHeader::of(frame, decode);
        let lookup = if header.is_valid() {
            let (key, direction) = Ipv4Key::new(header.source, header.destination, header.ports);
            Lookup { key, hash: key.hash(hash_key), direction }
        } else {
            Lookup::default()
        };
        Self { header, lookup }
    }
}

impl Reassembler<'_> {
    /// How many frames [`push_batch`](Self::push_batch) prepares together: 32. Batches of this size gain most.
    pub const BATCH: usize = BATCH;

    /// Tables with fewer connections than this stay in the processor's first cache, and nothing is prefetched.
    const PREFETCH_FROM: u32 = 1 << 9;

    /// Takes one frame. [`push_batch`](Self::push_batch) is faster if there are several.
    ///
    /// # Errors
    /// The sink's.
    pub fn push<S: Sink>(&mut self, frame: &Frame<'_>, sink: &mut S) -> Result<(), S::Error> {
        self.push_parsed(frame, &self.parse(frame), sink)
    }

    /// Takes frames in the order of the slice, of any number. The events are those of [`push`](Self::push) for each
    /// frame.
    ///
    /// Headers of up to [`BATCH`](Self::BATCH) frames are parsed before the first of them is pushed, and what they lead to
    /// in the connection table is prefetched. This takes 3 KiB of stack.
    ///
    /// # Errors
    /// The sink's. The frames after the one that led to the error are not taken; [`Counters::frames`] counts how many
    /// were.
    ///
    /// [`Counters::frames`]: crate::Counters::frames
    pub fn push_batch<S: Sink>(&mut self, frames: &[Frame<'_>], sink: &mut S) -> Result<(), S::Error> {
        for frames in frames.chunks(BATCH) {
            let headers = self.prepare(frames);
            for (frame, headers) in frames.iter().zip(&headers) {
                self.push_parsed(frame, headers, sink)?;
            }
        }
        Ok(())
    }

    /// Parses the headers of up to [`BATCH`] frames and prefetches their table entries.
    #[inline]
    fn prepare(&self, frames: &[Frame<'_>]) -> Vec<ParsedHeaders, BATCH> {
        // Both ends of each header are requested before any of them is waited for.
        for frame in frames {
            black_box((frame.bytes.first().copied(), frame.bytes.get(FastHeader::LEN - 1).copied()));
        }
        let mut headers = Vec::new();
        for frame in frames {
            let _ = headers.push(self.parse(frame));
        }
        if self.table.len() >= Self::PREFETCH_FROM {
            let valid = headers.iter().filter(|headers| headers.header.is_valid());
            self.table.prefetch(valid.map(|headers| (headers.lookup.key, headers.lookup.hash)));
        }
        headers
    }

    #[inline(always)]
    fn parse(&self, frame: &Frame<'_>) -> ParsedHeaders {
        ParsedHeaders::new(frame, &self.config.decode, self.table.hash_key())
    }

    /// Takes a frame; `headers` are those of this frame.
    #[inline]
    fn push_parsed<S: Sink>(
        &mut self,
        frame: &Frame<'_>,
        headers: &ParsedHeaders,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.counters.frames += 1;
        self.counters.frame_bytes += frame.bytes.len() as u64;
        sink.frame(frame)?;
        let clock = self.clock.observe(frame.time, self.config.max_clock_step, &mut self.counters);
        self.expire(sink)?;
        let packets = Packets {
            frames: 1,
            wire: frame.wire_len.into(),
            captured: frame.bytes.len() as u64,
            time: frame.time,
            clock,
            datagram: None,
        };
        let ParsedHeaders { header, lookup } = headers;
        if !header.is_valid() {
            return self.push_any(frame, &packets, sink);
        }
        self.counters.segments += 1;
        if header.is_ack_only() {
            let report = |sink: &mut S, side: &_| {
                for_frames(sink, |frames| match header.segment(frame) {
                    Some(segment) => frames.segment(side, &segment),
                    None => Ok(()),
                })
            };
            let segment = InOrderSegment::of_header(header, header.payload(frame));
            if self.try_in_order(&packets, lookup, |key| lookup.key.is(key), &segment, report, sink)? {
                return Ok(());
            }
        }
        let Some(mut segment) = header.segment(frame) else { return Ok(()) };
        segment.flags.syn &= !segment.flags.rst;
        let lookup = Lookup { key: lookup.key.whole(), hash: lookup.hash, direction: lookup.direction };
        self.segment_arrives(&packets, &lookup, &segment, sink)
    }

    /// Takes a frame that [`FastHeader`] does not cover.
    #[inline(never)]
    fn push_any<S: Sink>(
        &mut self,
        frame: &Frame<'_>,
        packets: &Packets,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        match dissect(frame, &self.config.decode) {
            Outcome::Several(several) => self.several(frame, packets, several, sink),
            Outcome::Packed(packed) => self.packed(frame, packets, &packed, sink),
            outcome => self.outcome(frame, packets, outcome, sink),
        }
    }
}
