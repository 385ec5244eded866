//! The naive model: a flow as a plain vector with a place for every byte.

use std::ops::Range;

use tapflow_core::{OverlapPolicy, Relation, keep_new};

/// What a flow should come to, computed without any cleverness.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Model {
    /// Every byte up to the last one known to exist; `None` was never captured.
    pub bytes: Vec<Option<u8>>,
    /// Bytes that came again and did not count.
    pub repeated: u64,
    /// Bytes that came again and took the place of earlier ones.
    pub replaced: u64,
    /// What the receiver does with overlaps.
    policy: OverlapPolicy,
    /// For every byte, the number of the segment that it is from.
    from: Vec<usize>,
    segments: usize,
}

impl Model {
    /// A flow whose receiver has this policy.
    #[must_use]
    pub fn new(policy: OverlapPolicy) -> Self {
        Self { policy, ..Self::default() }
    }

    /// Places captured bytes at `offset`, of a segment of `len` bytes.
    pub fn place(&mut self, offset: usize, captured: &[u8], len: usize) {
        self.bytes.resize(self.bytes.len().max(offset + len), None);
        self.from.resize(self.bytes.len(), 0);
        self.segments += 1;
        let before = self.clone();
        let contiguous = before.contiguous();
        // What was not captured decides nothing.
        let end = offset + captured.len();
        let mut old = 0..0;
        for (at, byte) in (offset..).zip(captured) {
            let new = match before.bytes[at] {
                None => true,
                Some(_) if at < contiguous => false,
                Some(_) => {
                    if !old.contains(&at) {
                        old = before.piece(at);
                    }
                    let relation = Relation { begins: offset.cmp(&old.start), ends: end.cmp(&old.end) };
                    keep_new(self.policy, relation)
                }
            };
            if before.bytes[at].is_some() {
                *(if new { &mut self.replaced } else { &mut self.repeated }) += 1;
            }
            if new {
                self.bytes[at] = Some(*byte);
                self.from[at] = self.segments;
            }
        }
    }

    /// What is left of the segment that the byte at `at` is from, around it.
    fn piece(&self, at: usize) -> Range<usize> {
        let same = |other: &usize| self.bytes[*other].is_some() && self.from[*other] == self.from[at];
        let start = (0..at).rev().take_while(same).last().unwrap_or(at);
        let end = (at..self.bytes.len()).take_while(same).last().unwrap_or(at) + 1;
        start..end
    }

    /// How many bytes from the start have no hole: the receiver's application has them.
    #[must_use]
    pub fn contiguous(&self) -> usize {
        self.bytes.iter().take_while(|byte| byte.is_some()).count()
    }

    /// Makes room for `by` bytes before offset 0.
    pub fn rebase(&mut self, by: usize) {
        self.bytes.splice(..0, std::iter::repeat_n(None, by));
        self.from.splice(..0, std::iter::repeat_n(0, by));
    }

    /// Bytes seen.
    #[must_use]
    pub fn data(&self) -> u64 {
        self.bytes.iter().flatten().count() as u64
    }
}
