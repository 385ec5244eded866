//! One direction of a finished connection as HTTP reads it: bytes with gaps, and a time for each place.

use std::borrow::Cow;
use std::ops::{Deref, Range};

use bytes::Bytes;
use tapflow_core::Timestamp;

/// When the byte at a stream offset was captured, where that is known.
pub type Times<'a> = &'a dyn Fn(u64) -> Option<Timestamp>;

/// The bytes of a direction that are not in memory.
pub trait Source {
    /// How many there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a range, fewer where they cannot be read. Those up to `until` may be asked for next.
    fn read(&self, range: Range<u64>, until: u64) -> Bytes;

    /// Bytes that were read so far, those that were read twice counted twice.
    fn taken(&self) -> u64;

    /// Some could not be read.
    fn has_failed(&self) -> bool;
}

/// Bytes that follow each other in a direction.
#[derive(Clone, Debug)]
pub(in crate::scan) enum Slice<'a> {
    /// They are in memory.
    Held(&'a [u8]),
    /// They were read.
    Read(Bytes),
}

impl<'a> From<Slice<'a>> for Cow<'a, [u8]> {
    fn from(slice: Slice<'a>) -> Self {
        match slice {
            Slice::Held(bytes) => Self::Borrowed(bytes),
            Slice::Read(bytes) => Self::Owned(bytes.into()),
        }
    }
}

impl Deref for Slice<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Held(bytes) => bytes,
            Self::Read(bytes) => bytes,
        }
    }
}

/// One direction of a finished connection.
#[derive(Clone, Copy)]
pub struct Direction<'a> {
    /// The stream from offset 0, with any bytes in the gaps but those of `skipped`.
    pub bytes: &'a [u8],
    /// What is read in place of `bytes`, where they are not in memory.
    pub source: Option<&'a dyn Source>,
    /// Ranges never captured, in stream offsets, ascending.
    pub gaps: &'a [Range<u64>],
    /// For each gap, how many bytes of those before it `bytes` does not have; then the same for all. Empty where
    /// `bytes` has a byte for every offset.
    pub skipped: &'a [u64],
    /// An area in which more is missing than `gaps` say, or may be. It is in one of them.
    pub unknown: Option<&'a Range<u64>>,
    /// Its first byte is the first that was sent: a SYN was seen, and no gap follows it.
    pub begins: bool,
    /// Its last byte is the last that was sent: a FIN was seen, and nothing was cut off.
    pub ends: bool,
    /// Capture times.
    pub times: Times<'a>,
}

impl<'a> Direction<'a> {
    /// A direction without a byte.
    pub const EMPTY: Direction<'static> = Direction {
        bytes: &[],
        source: None,
        gaps: &[],
        skipped: &[],
        unknown: None,
        begins: true,
        ends: true,
        times: &|_| None,
    };

    /// Its length in bytes.
    pub(in crate::scan) fn len(&self) -> u64 {
        self.captured() + self.skipped.last().copied().unwrap_or(0)
    }

    /// Bytes at hand, which are mostly those that were captured.
    pub(super) fn captured(&self) -> u64 {
        self.source.map_or(self.bytes.len() as u64, Source::len)
    }

    /// Bytes that were read to be looked at.
    pub(super) fn taken(&self) -> u64 {
        self.source.map_or(0, Source::taken)
    }

    /// Bytes of it cannot be read: those count as missing.
    pub(super) fn has_failed(&self) -> bool {
        self.source.is_some_and(Source::has_failed)
    }

    /// The bytes of a range without a gap, as far as the stream goes. Fewer, where they cannot be read.
    pub(in crate::scan) fn slice(&self, range: Range<u64>) -> Slice<'a> {
        let mut skipped = 0;
        if !self.skipped.is_empty() {
            let before = self.gaps.partition_point(|gap| gap.end <= range.start);
            skipped = self.skipped.get(before).copied().unwrap_or(0);
        }
        let length = self.captured();
        let place = |at: u64| at.saturating_sub(skipped).min(length);
        let (start, end) = (place(range.start), place(range.end));
        match self.source {
            None => Slice::Held(self.bytes.get(start as usize..end as usize).unwrap_or_default()),
            Some(_) if start >= end => Slice::Held(&[]),
            Some(source) => Slice::Read(source.read(start..end, place(self.seen_until(range.start)))),
        }
    }

    /// The first gap that ends behind `offset`, cut to the stream; an empty one at its end without any.
    pub(in crate::scan) fn next_gap(&self, offset: u64) -> Range<u64> {
        let index = self.gaps.partition_point(|gap| gap.end <= offset);
        let end = self.len();
        self.gaps.get(index).map_or(end..end, |gap| gap.start.min(end)..gap.end.min(end))
    }

    /// The end of the bytes that follow `offset` without a gap; `offset` itself inside of one.
    pub(super) fn seen_until(&self, offset: u64) -> u64 {
        self.next_gap(offset).start.max(offset.min(self.len()))
    }

    /// The bytes that follow `offset` without a gap, at most `limit`.
    pub(super) fn seen(&self, offset: u64, limit: u64) -> Slice<'a> {
        self.slice(offset..self.seen_until(offset).min(offset.saturating_add(limit)))
    }

    /// Parts of a range one after the other: bytes, or `None` and the length of a gap.
    pub(super) fn pieces(&self, range: Range<u64>) -> impl Iterator<Item = (Range<u64>, bool)> + '_ {
        let mut at = range.start;
        let end = range.end.min(self.len());
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let gap = self.next_gap(at);
            let inside = gap.start <= at && at < gap.end;
            let stop = if inside { gap.end } else { gap.start.max(at + 1) }.min(end);
            let piece = at..stop;
            at = stop;
            Some((piece, !inside))
        })
    }

    /// Whether it is not known which bytes of a range are missing.
    pub(super) fn is_unknown(&self, range: &Range<u64>) -> bool {
        self.unknown.is_some_and(|area| area.start < range.end && range.start < area.end)
    }

    /// The capture time of the byte at `offset`.
    pub(super) fn time(&self, offset: u64) -> Option<Timestamp> {
        (self.times)(offset)
    }
}

impl std::fmt::Debug for Direction<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { bytes: _, source: _, gaps, skipped: _, unknown, begins, ends, times: _ } = self;
        f.debug_struct("Direction")
            .field("bytes", &self.captured())
            .field("gaps", gaps)
            .field("unknown", unknown)
            .field("begins", begins)
            .field("ends", ends)
            .finish_non_exhaustive()
    }
}
