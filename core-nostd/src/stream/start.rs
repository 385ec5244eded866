//! Where a stream begins and ends, as far as its peers have agreed on it.
//!
//! A SYN proposes a number; what the other side acknowledges, or the data continue, decides between two of them
//! (RFC 9293, 3.5). What came before that decides nothing.

use core::ops::Range;

use super::{IslandPool, Stream, StreamFlags};
use crate::config::Config;
use crate::decode::Segment;

impl Stream {
    /// The offset of the FIN: the stream's length.
    pub(crate) fn fin_offset(&self, pool: &IslandPool<'_>) -> Option<i64> {
        self.flags.has(StreamFlags::FIN).then(|| self.offset_of(self.fin, pool))
    }

    /// All bytes up to the FIN are there, and the sender of `other` has acknowledged the FIN.
    pub(crate) fn is_finished(&self, other: &Self) -> bool {
        let after = |number: u32| number.wrapping_sub(self.fin) as i32 > 0;
        let accepted = || self.continues(self.fin) && self.is_fin_accepted(other.acknowledgement());
        self.is_complete() && other.acknowledgement().is_some_and(after) || accepted()
    }

    /// Whether `acknowledged` is what a receiver says that has the FIN: it takes nothing beyond.
    pub(crate) fn is_fin_accepted(&self, acknowledged: Option<u32>) -> bool {
        self.flags.has(StreamFlags::FIN) && acknowledged == Some(self.fin.wrapping_add(1))
    }

    /// Whether its FIN is the end: the sender of `other` has accepted it, or nothing beyond it was seen.
    pub(crate) fn has_ended(&self, other: &Self, pool: &IslandPool<'_>) -> bool {
        self.is_fin_accepted(other.acknowledgement())
            || self.fin_offset(pool).is_some_and(|fin| fin >= self.extent(pool) as i64)
    }

    /// Whether a byte without meaning asks whether the other side is there (RFC 9293, 3.8.4): it has the number of a
    /// FIN that was accepted.
    pub(crate) fn is_probe(&self, other: &Self, segment: &Segment<'_>) -> bool {
        segment.payload_len == 1
            && !segment.flags.syn
            && !segment.flags.fin
            && segment.sequence == self.fin
            && self.is_fin_accepted(other.acknowledgement())
    }

    /// Where it begins is certain, and what came with its SYN was accepted.
    #[inline]
    pub(crate) fn is_settled(&self) -> bool {
        !self.flags.has(StreamFlags::RIVAL | StreamFlags::UNACCEPTED)
    }

    /// Its start was taken from a FIN, before any SYN or byte.
    pub(crate) fn is_tentative(&self, pool: &IslandPool<'_>) -> bool {
        self.is_based() && !self.has_syn() && self.extent(pool) == 0
    }

    /// Whether an acknowledgement is one of what was sent, or of no more than `lost` bytes beyond.
    pub(crate) fn accepts(&self, number: u32, pool: &IslandPool<'_>, lost: u32) -> bool {
        let offset = self.offset_of(number, pool);
        let fin = u64::from(self.flags.has(StreamFlags::FIN));
        let limit = self.extent(pool).saturating_add(fin + u64::from(lost)) as i64;
        (0..=limit).contains(&offset) || self.rival() == Some(number)
    }

    /// The second of the numbers at which the stream may begin.
    pub(crate) fn rival(&self) -> Option<u32> {
        self.flags.has(StreamFlags::RIVAL).then_some(self.rival)
    }

    /// Notes a second number at which the stream may begin. Of more, the first and the last are kept, until one is
    /// acknowledged.
    pub(crate) fn set_rival(&mut self, number: u32) {
        if self.rival().is_some_and(|rival| rival != number) && number != self.base {
            self.flags.set(StreamFlags::CROWD);
        }
        self.rival = number;
        self.flags.set(StreamFlags::RIVAL);
    }

    /// Whether the SYN of the other side has more answers than two, of which none was acknowledged.
    pub(crate) fn is_crowded(&self, pool: &IslandPool<'_>) -> bool {
        self.flags.has(StreamFlags::CROWD) && self.is_blank(pool)
    }

    /// Of many answers, that which is acknowledged by `number` counts.
    pub(crate) fn settle_crowd(&mut self, number: u32) {
        self.flags.clear(StreamFlags::CROWD | StreamFlags::RIVAL);
        self.base = number;
    }

    /// Where a blank stream begins if a segment at `number` belongs to it, or an acknowledgement of it: the nearest
    /// start before it counts.
    pub(crate) fn start_before(&self, number: u32) -> u32 {
        let distance = |start: u32| number.wrapping_sub(start);
        self.rival().filter(|rival| distance(*rival) < distance(self.base)).unwrap_or(self.base)
    }

    /// Decides between two starts by a number that continues one of them, or came `max_jump` bytes behind it at most.
    pub(crate) fn settle_start(&mut self, number: u32, max_jump: u32) {
        let start = self.start_before(number);
        if self.rival().is_some() && number.wrapping_sub(start) < max_jump {
            self.base = start;
            self.flags.clear(StreamFlags::RIVAL | StreamFlags::CROWD);
        }
    }

    /// Whether both sides agree on a start that no SYN has shown: the first bytes are at `sequence`, the other side
    /// has acknowledged just that, and the number of the SYN is out of reach.
    pub(crate) fn agrees_on(&self, sequence: u32, other: &Self, pool: &IslandPool<'_>) -> bool {
        self.is_based()
            && self.is_blank(pool)
            && other.acknowledgement() == Some(sequence)
            && sequence.wrapping_sub(self.start_before(sequence)) >= Config::DEFAULT_MAX_JUMP
    }

    /// Whether the sender has bytes in its SYN and has not acknowledged an answer: a reset in between may be a forged
    /// one, or the answer's own.
    pub(crate) fn is_unanswered(&self, other: &Self) -> bool {
        self.has_syn() && self.data > 0 && other.data == 0 && self.acknowledgement().is_none()
    }

    /// Forgets the FIN that a start was taken from.
    pub(crate) fn restart(&mut self, sequence: u32, from_syn: bool) {
        self.flags.clear(StreamFlags::FIN | StreamFlags::RIVAL | StreamFlags::CROWD);
        self.set_base(sequence, from_syn);
    }

    /// The answer to the SYN acknowledges `number`, which is less than the bytes that came with it: the receiver did
    /// not take the rest, and what is sent in its place counts (RFC 7413, 4.1.2).
    pub(crate) fn note_unaccepted(&mut self, number: u32) {
        let accepted = number.wrapping_sub(self.base);
        if let (Ok(from), Ok(to)) = (u16::try_from(accepted), u16::try_from(self.next))
            && from < to
            && self.islands.is_empty()
        {
            self.rival = u32::from(from) << 16 | u32::from(to);
            self.flags.set(StreamFlags::UNACCEPTED);
        }
    }

    /// The receiver has acknowledged `number` before other bytes came in the place of those that it did not take.
    pub(crate) fn note_accepted(&mut self, number: u32) {
        if self.flags.has(StreamFlags::UNACCEPTED) {
            let (from, to) = (self.rival >> 16, self.rival & 0xffff);
            self.keep_unaccepted(from.max(number.wrapping_sub(self.base).min(to)), to);
        }
    }

    /// The part of `start..end` that takes the place of bytes that came with the SYN and were not accepted.
    #[inline(never)]
    pub(super) fn replace_unaccepted(&mut self, start: u64, end: u64) -> Option<Range<u64>> {
        let (from, to) = (self.rival >> 16, self.rival & 0xffff);
        let part = start.max(from.into())..end.min(to.into());
        if part.is_empty() {
            return None;
        }
        if part.start == u64::from(from) {
            self.keep_unaccepted(part.end as u32, to);
        }
        Some(part)
    }

    fn keep_unaccepted(&mut self, from: u32, to: u32) {
        self.rival = from << 16 | to;
        if from >= to {
            self.flags.clear(StreamFlags::UNACCEPTED);
        }
    }

    /// The other side sent a valid RST.
    pub(crate) fn note_reset(&mut self, pool: &IslandPool<'_>) {
        if !self.flags.has(StreamFlags::RIVAL | StreamFlags::UNACCEPTED) {
            self.rival = self.base.wrapping_add(self.extent(pool) as u32);
        }
    }

    /// Whether an acknowledgement is one of bytes that were sent since the other side's RST.
    pub(crate) fn is_since_reset(&self, number: u32) -> bool {
        !self.flags.has(StreamFlags::RIVAL | StreamFlags::UNACCEPTED)
            && self.is_based()
            && number.wrapping_sub(self.rival) as i32 > 0
    }

    /// Begins as another stream of the same side did.
    pub(crate) fn begin_as(&mut self, other: &Self) {
        self.set_base(other.base, true);
        self.scale_and_policy = self.scale_and_policy & 0xf0 | other.scale_and_policy & 0xf;
        self.window = other.window;
    }
}
