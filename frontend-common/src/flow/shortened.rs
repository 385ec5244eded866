//! Holes that are shorter in a file than in the stream.

use std::ops::Range;

use super::Ranges;

/// Parts of holes that are not in a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shortened {
    /// Stream offsets, ascending, and the bytes in all ranges before each.
    ranges: Vec<(Range<u64>, u64)>,
    bytes: u64,
    /// The length of a hole in the file at most.
    longest: u64,
}

impl Shortened {
    /// For holes that have no more than `longest` bytes in the file.
    #[must_use]
    pub fn to(longest: u64) -> Self {
        Self { longest, ..Self::default() }
    }

    /// The length in the file of a hole of `hole` bytes of the stream.
    #[must_use]
    pub fn length(&self, hole: u64) -> u64 {
        if self.bytes > 0 { hole.min(self.longest) } else { hole }
    }

    /// Adds a range, which lies beyond all others.
    pub fn push(&mut self, range: Range<u64>) {
        let bytes = range.end - range.start;
        self.ranges.push((range, self.bytes));
        self.bytes += bytes;
    }

    /// Bytes in all ranges.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Bytes of the ranges that lie below a stream offset.
    #[must_use]
    pub fn below(&self, offset: u64) -> u64 {
        let count = self.ranges.partition_point(|(range, _)| range.start < offset);
        let last = count.checked_sub(1).and_then(|last| self.ranges.get(last));
        last.map_or(0, |(range, before)| before + offset.min(range.end) - range.start)
    }

    /// What a report lists.
    #[must_use]
    pub fn listed(&self) -> Ranges {
        let mut listed = Ranges::default();
        self.ranges.iter().for_each(|(range, _)| listed.push(range.clone()));
        listed
    }
}
