//! Fragments on their way through a reassembler: held, put together, decoded further, given up.
//!
//! A datagram that is whole may be a tunnel that carries a fragment, and so on; every step peels at
//! least one header, of which there is a fixed number.

use super::Reassembler;
use crate::decode::{Outcome, PartKind, Piece, Reject, RejectReason, Segment, Settings, resume};
use crate::fragment::{Added, Anomalies, DropReason, Fragments, Packets, Source};
use crate::frame::Frame;
use crate::sink::{Sink, for_frames};

/// The bytes of a TCP header without options.
const TCP_HEADER: usize = 20;

impl<'a> Reassembler<'a> {
    /// Takes in a fragment, and the segment that it may complete.
    #[cold]
    #[inline(never)]
    pub(super) fn piece<S: Sink>(
        &mut self,
        frame: &Frame<'_>,
        piece: &Piece<'_>,
        packets: &Packets,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        self.with_fragments(|core, fragments| {
            core.drop_due(fragments, sink)?;
            let payload = Source::Frame(piece.payload);
            let mut whole = core.hold(fragments, frame, piece, payload, packets, sink)?;
            while let Some(index) = whole {
                let result = core.go_on(fragments, frame, index, sink);
                fragments.release(index);
                for_frames(sink, |frames| frames.datagram_released(index))?;
                whole = result?;
            }
            Ok(())
        })
    }

    /// Gives up the datagrams whose time is over.
    pub(super) fn expire_datagrams<S: Sink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        if self.fragments.is_empty() {
            return Ok(());
        }
        self.with_fragments(|core, fragments| core.drop_due(fragments, sink))
    }

    /// Gives up all datagrams.
    pub(super) fn finish_datagrams<S: Sink>(&mut self, sink: &mut S) -> Result<(), S::Error> {
        self.with_fragments(|core, fragments| {
            while let Some(index) = fragments.oldest_but(None) {
                core.give_up(fragments, index, DropReason::EndOfInput, sink)?;
            }
            Ok(())
        })
    }

    /// Lends the fragments beside the rest of the reassembler: segments point into their memory.
    fn with_fragments<T>(&mut self, work: impl FnOnce(&mut Self, &mut Fragments<'a>) -> T) -> T {
        let mut fragments = core::mem::replace(&mut self.fragments, Fragments::none());
        let result = work(self, &mut fragments);
        self.fragments = fragments;
        result
    }

    fn drop_due<S: Sink>(&mut self, fragments: &mut Fragments<'a>, sink: &mut S) -> Result<(), S::Error> {
        let now = self.clock.now();
        fragments.limit_ages(self.clock.horizon(self.config.max_clock_step), now);
        while let Some(index) = fragments.due(now, &self.config) {
            self.give_up(fragments, index, DropReason::TimedOut, sink)?;
        }
        Ok(())
    }

    /// Adds a fragment to its datagram, for which there will be room. Answers the datagram if it is whole.
    fn hold<S: Sink>(
        &mut self,
        fragments: &mut Fragments<'a>,
        frame: &Frame<'_>,
        piece: &Piece<'_>,
        payload: Source<'_>,
        packets: &Packets,
        sink: &mut S,
    ) -> Result<Option<u32>, S::Error> {
        let refuse = |core: &mut Self, sink: &mut S, reason| {
            let reject = piece.reject(reason);
            core.counters.reject(&reject);
            sink.rejected(frame, &reject)?;
            Ok(None)
        };
        let len = match Fragments::usable_len(piece) {
            Ok(len) => len,
            Err(reason) => return refuse(self, sink, reason),
        };
        let index = loop {
            if let Some(index) = fragments.find(piece, &self.config) {
                break index;
            }
            if let Some(index) = fragments.begin(piece, packets.clock, &self.config) {
                self.counters.max_datagrams = self.counters.max_datagrams.max(fragments.len().into());
                break index;
            }
            match fragments.oldest_but(None) {
                Some(oldest) => self.give_up(fragments, oldest, DropReason::Evicted, sink)?,
                None => return refuse(self, sink, RejectReason::Fragment),
            }
        };
        let placed;
        let piece = if piece.part.kind == PartKind::Wifi {
            match fragments.place(index, piece) {
                Ok(offset) => {
                    placed = piece.placed(offset);
                    &placed
                }
                Err(reason) => {
                    self.forget_empty(fragments, index);
                    return refuse(self, sink, reason);
                }
            }
        } else {
            piece
        };
        if piece.part.offset == 0
            && !fragments.is_refused(index)
            && let Some(reason) = unwanted(piece, &payload, &self.config.decode)
        {
            if fragments.get(index).is_some_and(|datagram| datagram.packets.frames > 0) {
                self.tell_dropped(fragments, index, DropReason::NotTcp, false, sink)?;
                for_frames(sink, |frames| frames.datagram_released(index))?;
            }
            fragments.refuse(index, reason);
        }
        loop {
            match fragments.add(index, piece, len, payload.clone(), packets, &self.config) {
                Added::Held(anomalies) => {
                    self.note_fragment(piece, anomalies);
                    for_frames(sink, |frames| frames.fragment_held(index, packets.datagram))?;
                    return Ok(None);
                }
                Added::Whole(anomalies) => {
                    self.note_fragment(piece, anomalies);
                    self.counters.whole_datagrams += 1;
                    for_frames(sink, |frames| frames.fragment_held(index, packets.datagram))?;
                    return Ok(Some(index));
                }
                Added::Refused(reason) => {
                    fragments.forget_refused(index, &self.config);
                    return refuse(self, sink, reason);
                }
                Added::Ends(why, reason) => {
                    self.tell_dropped(fragments, index, why, false, sink)?;
                    for_frames(sink, |frames| frames.datagram_released(index))?;
                    fragments.refuse(index, reason);
                }
                Added::NoExtents => match fragments.oldest_but(Some(index)) {
                    Some(oldest) => self.give_up(fragments, oldest, DropReason::Evicted, sink)?,
                    None => {
                        self.tell_dropped(fragments, index, DropReason::TooLarge, false, sink)?;
                        for_frames(sink, |frames| frames.datagram_released(index))?;
                        fragments.refuse(index, RejectReason::Fragment);
                    }
                },
            }
        }
    }

    /// Frees the entry of a datagram of which nothing is held.
    fn forget_empty(&self, fragments: &mut Fragments<'a>, index: u32) {
        if fragments.get(index).is_some_and(|datagram| datagram.packets.frames == 0) {
            fragments.take_out(index, &self.config);
            fragments.release(index);
        }
    }

    fn note_fragment(&mut self, piece: &Piece<'_>, anomalies: Anomalies) {
        let counters = &mut self.counters;
        counters.fragments += 1;
        counters.ipv4_checksum_errors += u64::from(piece.checksum_errors.ipv4);
        counters.duplicate_fragments += u64::from(anomalies.duplicate);
        counters.fragment_overlaps += u64::from(anomalies.overlap);
        counters.fragment_conflicts += u64::from(anomalies.conflict);
        let tiny = piece.part.offset == 0 && piece.context.is_tcp() && piece.len < TCP_HEADER;
        counters.tiny_fragments += u64::from(tiny);
        let misaligned = piece.part.more && piece.part.kind != PartKind::Wifi && !piece.len.is_multiple_of(8);
        counters.misaligned_fragments += u64::from(misaligned);
    }

    /// Goes on in a datagram that is whole. Answers the next one that is.
    fn go_on<S: Sink>(
        &mut self,
        fragments: &mut Fragments<'a>,
        frame: &Frame<'_>,
        index: u32,
        sink: &mut S,
    ) -> Result<Option<u32>, S::Error> {
        let Some((context, bytes, len)) = fragments.payload(index) else { return Ok(None) };
        let packets = fragments.get(index).map(|datagram| datagram.packets).unwrap_or_default();
        let packets = Packets { datagram: Some(index), ..packets };
        match resume(context, bytes, len, &self.config.decode) {
            Outcome::Segment(mut segment) => {
                self.segment(&packets, &mut segment, sink)?;
                Ok(None)
            }
            Outcome::Reject(reject) => {
                self.counters.reject(&reject);
                sink.rejected(frame, &reject)?;
                Ok(None)
            }
            Outcome::Packed(packed) => {
                self.packed(frame, &packets, &packed, sink)?;
                Ok(None)
            }
            Outcome::Several(mut several) => {
                let mut inside = 0;
                while let Some(outcome) = several.next(&self.config.decode) {
                    inside += 1;
                    self.counters.inner_frames += u64::from(inside > 1);
                    let outcome = match outcome {
                        // Samples of frames: there is never a second fragment to put to it.
                        Outcome::Piece(piece) => Outcome::Reject(piece.reject(RejectReason::Fragment)),
                        outcome => outcome,
                    };
                    self.outcome(frame, &packets, outcome, sink)?;
                }
                Ok(None)
            }
            Outcome::Piece(inner) => {
                let start = inner.context.offset.saturating_sub(context.offset);
                let payload = Source::Whole(index, start..start + inner.payload.len());
                let inner = Piece { payload: &[], ..inner };
                self.hold(fragments, frame, &inner, payload, &packets, sink)
            }
        }
    }

    /// Takes a datagram out of the table before it is whole.
    fn give_up<S: Sink>(
        &mut self,
        fragments: &mut Fragments<'a>,
        index: u32,
        reason: DropReason,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        if fragments.is_refused(index) {
            // That was told when its first fragment came.
            fragments.take_out(index, &self.config);
            fragments.release(index);
            return Ok(());
        }
        let beginning = if self.config.use_incomplete_datagrams {
            beginning(fragments, index, &self.config.decode)
        } else {
            None
        };
        let packets = fragments.get(index).map(|datagram| datagram.packets).unwrap_or_default();
        let mut result = self.tell_dropped(fragments, index, reason, beginning.is_some(), sink);
        if let Some(mut segment) = beginning
            && result.is_ok()
        {
            self.counters.incomplete_datagrams += 1;
            let packets = Packets { datagram: Some(index), ..packets };
            result = self.segment(&packets, &mut segment, sink);
        }
        fragments.take_out(index, &self.config);
        fragments.release(index);
        result.and(for_frames(sink, |frames| frames.datagram_released(index)))
    }

    fn tell_dropped<S: Sink>(
        &mut self,
        fragments: &Fragments<'a>,
        index: u32,
        reason: DropReason,
        used: bool,
        sink: &mut S,
    ) -> Result<(), S::Error> {
        let Some(datagram) = fragments.get(index) else { return Ok(()) };
        let dropped = datagram.dropped(reason, used);
        self.counters.dropped_datagrams[reason as usize] += 1;
        self.counters.dropped_fragments += u64::from(dropped.fragments);
        sink.dropped(&dropped)
    }
}

/// Why nothing of a datagram is wanted, where its first fragment says so.
fn unwanted(piece: &Piece<'_>, payload: &Source<'_>, settings: &Settings) -> Option<RejectReason> {
    if piece.part.next().is_none() {
        return Some(RejectReason::NotTcp(piece.part.protocol));
    }
    let Source::Frame(bytes) = payload else { return None };
    if piece.context.is_tcp() {
        return None;
    }
    match resume(&piece.context, bytes, usize::from(u16::MAX), settings) {
        Outcome::Reject(Reject {
            reason: reason @ (RejectReason::NotTcp(_) | RejectReason::NotIp(_)),
            ..
        }) => Some(reason),
        _ => None,
    }
}

/// The segment that a datagram begins with, as far as it is there without a hole. What its flags would do
/// to the connection is left out: no receiver has seen it unless the capture lost the rest.
fn beginning<'f>(fragments: &'f Fragments<'_>, index: u32, settings: &Settings) -> Option<Segment<'f>> {
    let (context, bytes, len) = fragments.payload(index)?;
    let Outcome::Segment(mut segment) = resume(context, bytes, len, settings) else { return None };
    if segment.payload.is_empty() || segment.flags.rst {
        return None;
    }
    segment.sequence = segment.sequence.wrapping_add(u32::from(segment.flags.syn));
    segment.flags.syn = false;
    segment.flags.fin = false;
    Some(segment)
}
