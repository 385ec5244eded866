//! Several frames at once.
//!
//! With many connections a segment costs what it waits for memory: its headers, its bucket, its connection. Frames
//! that are looked at together wait once. They are pushed one after the other, as if they had come alone.

use core::hint::black_box;

use heapless::Vec;

use super::Reassembler;
use super::usual::{Continuation, Place};
use crate::connection::{AHEAD, Ipv4Key};
use crate::decode::{Outcome, Settings, Usual, dissect};
use crate::fragment::Packets;
use crate::frame::Frame;
use crate::sink::Sink;

/// What the headers of a frame say to a reassembler, without the frame.
#[derive(Clone, Copy, Debug)]
pub struct Look {
    usual: Usual,
    place: Place<Ipv4Key>,
}

/// Reads headers for a reassembler, wherever that is: another processor may do it while this one pushes. It has the
/// reassembler's hash key.
#[derive(Clone, Debug)]
pub struct Looker {
    decode: Settings,
    hash_key: [u64; 2],
}

impl Looker {
    /// Reads the headers of a frame.
    #[inline]
    #[must_use]
    pub fn look(&self, frame: &Frame<'_>) -> Look {
        Look::new(frame, &self.decode, self.hash_key)
    }
}

impl Look {
    #[inline(always)]
    fn new(frame: &Frame<'_>, decode: &Settings, hash_key: [u64; 2]) -> Self {
        let usual = Usual::of(frame, decode);
        let place = if usual.is_usual() {
            let (key, direction) = Ipv4Key::new(usual.source, usual.destination, usual.ports);
            Place { key, hash: key.hash(hash_key), direction }
        } else {
            Place::default()
        };
        Self { usual, place }
    }
}

/// A frame whose headers were read, for [`Reassembler::push_seen`].
#[derive(Clone, Debug)]
pub struct Seen<'f> {
    frame: Frame<'f>,
    look: Look,
}

impl<'f> Seen<'f> {
    /// A frame and what a reassembler's [`Looker`] read of it. With what was read of another frame, or for another
    /// reassembler, the segment is taken for another one, or for none.
    #[inline]
    #[must_use]
    pub fn new(frame: Frame<'f>, look: Look) -> Self {
        Self { frame, look }
    }

    /// The frame.
    #[must_use]
    pub fn frame(&self) -> &Frame<'f> {
        &self.frame
    }
}

/// Frames that were looked at together; at most [`Reassembler::AHEAD`]. 3 KiB.
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
        self.look_up(ahead.iter().map(|seen| &seen.look));
        ahead
    }

    /// Who reads headers for this reassembler.
    #[must_use]
    pub fn looker(&self) -> Looker {
        Looker { decode: self.config.decode.clone(), hash_key: self.table.hash_key() }
    }

    /// Brings into the processor's cache what pushing up to [`AHEAD`](Self::AHEAD) frames will need of the table, as
    /// [`look_ahead`](Self::look_ahead) does it.
    #[inline]
    pub fn look_up<'l>(&self, looks: impl Iterator<Item = &'l Look> + Clone) {
        if self.table.len() >= Self::FEW {
            let usual = looks.filter(|look| look.usual.is_usual());
            self.table.look_ahead(usual.map(|look| (look.place.key, look.place.hash)));
        }
    }

    /// Reads the headers of a frame.
    #[inline(always)]
    pub(super) fn look<'f>(&self, frame: &Frame<'f>) -> Seen<'f> {
        Seen { frame: *frame, look: Look::new(frame, &self.config.decode, self.table.hash_key()) }
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
        let Look { usual, place } = &seen.look;
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
