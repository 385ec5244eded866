//! Ranges of a stream, in bounded memory.

use std::ops::Range;

/// A list of stream ranges that stops growing at a limit and counts what it then leaves out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// The first ranges, in the order in which they came.
    pub listed: Vec<Range<u64>>,
    /// How many more there were.
    pub omitted: u64,
    /// Bytes in all of them.
    pub bytes: u64,
}

impl Ranges {
    /// Ranges kept for one flow; more are counted only.
    pub const LIMIT: usize = 1000;

    /// Adds a range, joined to the last one where they touch.
    pub fn push(&mut self, range: Range<u64>) {
        self.bytes += range.end - range.start;
        let room = self.listed.len() < Self::LIMIT;
        match self.listed.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ if room => self.listed.push(range),
            _ => self.omitted += 1,
        }
    }

    /// Moves every range up by `by` bytes, as a stream that turned out to begin earlier asks for.
    pub fn shift(&mut self, by: u64) {
        for range in &mut self.listed {
            *range = range.start + by..range.end + by;
        }
    }
}
