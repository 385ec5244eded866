//! Several frames at once.
//!
//! With many connections a segment costs what it waits for memory: its headers, its bucket, its connection. Frames
//! that are looked at together wait once. They are pushed one after the other, as if they had come alone.

use core::hint::black_box;

use heapless::Vec;

use super::Reassembler;
use super::usual::{Continuation, Place};
use crate::connection::{AHEAD, Ipv4Key};
use crate::decode::{Outcome, Usual, dissect};
use crate::fragment::Packets;
use crate::frame::Frame;
use crate::sink::Sink;

/// A frame whose headers were read, for [`Reassembler::push_seen`].
#[derive(Clone, Debug)]
pub struct Seen<'f> {
    frame: Frame<'f>,
    usual: Usual,
    place: Place<Ipv4Key>,
}

impl<'f> Seen<'f> {
    /// The frame.
    #[must_use]
    pub fn frame(&self) -> &Frame<'f> {
        &self.frame
    }
}

/// Frames that were looked at together; at most [`Reassembler::AHEAD`]. 5 KiB.
pub type Ahead<'f> = Vec<Seen<'f>, AHEAD>;

impl Reassembler<'_> {
    /// How many frames [`look_ahead`](Self::look_ahead) takes at once.
    pub const AHEAD: usize = AHEAD;

    /// Fewer connections than this stay in the processor's nearest cache by themselves.
    const FEW: u32 = 1 << 9;

    /// Takes frames in the order in which they came. The events are those of [`push`](Self::push) for each.
    ///
    /// # Errors
    /// The sink's, at the frame that led to it; the frames after that one are not taken.
    pub fn push_all<S: Sink>(&mut self, frames: &[Frame<'_>], sink: &mut S) -> Result<(), S::Error> {
        for frames in frames.chunks(AHEAD) {
            for seen in &self.look_ahead(frames.iter().copied()) {
                self.push_seen(seen, sink)?;
            }
        }
        Ok(())
    }

    /// Reads the headers of up to [`AHEAD`](Self::AHEAD) frames (more are left out) and brings into the
    /// processor's cache what pushing them will need. For callers that have something to do between two frames;
    /// nothing changes and nothing is told until [`push_seen`](Self::push_seen), which should follow at once.
    #[inline]
    #[must_use]
    pub fn look_ahead<'f, F>(&self, frames: F) -> Ahead<'f>
    where
        F: IntoIterator<Item = Frame<'f>, IntoIter: Clone>,
    {
        let frames = frames.into_iter().take(AHEAD);
        // Both ends of the headers, before anything waits for one of them.
        for frame in frames.clone() {
            black_box((frame.bytes.first().copied(), frame.bytes.get(Usual::HEADERS - 1).copied()));
        }
        let mut ahead = Ahead::new();
        for frame in frames {
            let _ = ahead.push(self.look(&frame));
        }
        if self.table.len() >= Self::FEW {
            let usual = ahead.iter().filter(|seen| seen.usual.is_usual());
            self.table.look_ahead(usual.map(|seen| (seen.place.key, seen.place.hash)));
        }
        ahead
    }

    /// Reads the headers of a frame.
    #[inline(always)]
    pub(super) fn look<'f>(&self, frame: &Frame<'f>) -> Seen<'f> {
        let usual = Usual::of(frame, &self.config.decode);
        let place = if usual.is_usual() {
            let (key, direction) = Ipv4Key::new(usual.source, usual.destination, usual.ports);
            Place { key, hash: self.table.hash_ipv4(key), direction }
        } else {
            Place::default()
        };
        Seen { frame: *frame, usual, place }
    }

    /// Takes a frame that this reassembler has looked at, as [`push`](Self::push) does.
    ///
    /// # Errors
    /// The sink's.
    #[inline]
    pub fn push_seen<S: Sink>(&mut self, seen: &Seen<'_>, sink: &mut S) -> Result<(), S::Error> {
        let frame = &seen.frame;
        self.counters.frames += 1;
        self.counters.frame_bytes += frame.bytes.len() as u64;
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
        let Seen { usual, place, .. } = seen;
        if !usual.is_usual() {
            return self.any(frame, &packets, sink);
        }
        self.counters.segments += 1;
        if usual.is_plain() {
            let tell = |sink: &mut S, side: &_| match sink.wants_segments().then(|| usual.segment(frame)) {
                Some(Some(segment)) => sink.segment(side, &segment),
                _ => Ok(()),
            };
            let segment = Continuation::of_usual(usual, usual.payload(frame));
            if self.usual(&packets, place, |key| place.key.is(key), &segment, tell, sink)? {
                return Ok(());
            }
        }
        let Some(mut segment) = usual.segment(frame) else { return Ok(()) };
        segment.flags.syn &= !segment.flags.rst;
        let place = Place { key: place.key.whole(), hash: place.hash, direction: place.direction };
        self.unusual(&packets, &place, &segment, sink)
    }

    /// A frame that is not a usual one.
    #[inline(never)]
    fn any<S: Sink>(&mut self, frame: &Frame<'_>, packets: &Packets, sink: &mut S) -> Result<(), S::Error> {
        match dissect(frame, &self.config.decode) {
            Outcome::Several(several) => self.several(frame, packets, several, sink),
            Outcome::Packed(packed) => self.packed(frame, packets, &packed, sink),
            outcome => self.outcome(frame, packets, outcome, sink),
        }
    }
}
