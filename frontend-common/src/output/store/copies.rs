//! Two copies of the same bytes, and where they differ.

use std::iter;
use std::ops::Range;

use tapflow_core::Repeat;

use super::{BUFFER, FileStore};
use crate::flow::Ranges;
use crate::output::error::{Action, OutputError};
use crate::output::gather::read_at;

impl FileStore {
    /// The parts of `bytes` that differ from the first copy, which is pending or in the file.
    pub(super) fn compare(
        &mut self,
        at: u32,
        offset: u64,
        bytes: &[u8],
    ) -> Result<Vec<Range<u64>>, OutputError> {
        let flow = &self.flows[at as usize];
        let mut differing = Vec::new();
        let mut elsewhere: Vec<_> = iter::once(offset..offset + bytes.len() as u64).collect();
        for piece in self.waiting.at(flow.place).iter().rev() {
            let mut rest = Vec::new();
            for range in elsewhere {
                let common = range.start.max(piece.offset)..range.end.min(piece.end());
                if common.is_empty() {
                    rest.push(range);
                    continue;
                }
                let first = part(&piece.bytes, piece.offset, &common);
                differences(first, part(bytes, offset, &common), common.start, &mut differing);
                rest.extend(
                    [range.start..common.start, common.end..range.end].into_iter().filter(|r| !r.is_empty()),
                );
            }
            elsewhere = rest;
            if elsewhere.is_empty() {
                return Ok(differing);
            }
        }
        let Some(id) = flow.file else { return Ok(differing) };
        self.buffer.resize(BUFFER, 0);
        for range in elsewhere {
            let mut start = range.start;
            while start < range.end {
                let end = range.end.min(start + BUFFER as u64);
                let Some(buffer) = self.buffer.get_mut(..(end - start) as usize) else { break };
                let read = read_at(self.files.file(id)?, buffer, start);
                read.map_err(|error| self.files.error(id, Action::Read, error))?;
                differences(buffer, part(bytes, offset, &(start..end)), start, &mut differing);
                start = end;
            }
        }
        Ok(differing)
    }
}

/// Adds the ranges in which two copies differ to a list.
pub(super) fn record<'r>(mut differing: Vec<Range<u64>>, ranges: impl FnOnce() -> &'r mut Ranges) -> Repeat {
    if differing.is_empty() {
        return Repeat::Same;
    }
    differing.sort_unstable_by_key(|range| range.start);
    let ranges = ranges();
    for range in differing {
        ranges.push(range);
    }
    Repeat::Differs
}

/// The part of `bytes`, which start at `offset`, that has the offsets of `range`.
fn part<'a>(bytes: &'a [u8], offset: u64, range: &Range<u64>) -> &'a [u8] {
    bytes.get((range.start - offset) as usize..(range.end - offset) as usize).unwrap_or_default()
}

/// Appends the ranges in which two copies of the bytes at `offset` differ.
fn differences(first: &[u8], later: &[u8], offset: u64, ranges: &mut Vec<Range<u64>>) {
    if first == later {
        return;
    }
    let mut start = offset;
    for run in first.iter().zip(later).map(|(a, b)| a == b).collect::<Vec<_>>().chunk_by(|a, b| a == b) {
        let end = start + run.len() as u64;
        if run.first() == Some(&false) {
            ranges.push(start..end);
        }
        start = end;
    }
}

/// The parts of a range that have none of these offsets.
pub(super) fn without(range: &Range<u64>, left_out: &[u64]) -> Vec<Range<u64>> {
    let mut parts = Vec::new();
    let mut start = range.start;
    let mut within: Vec<_> = left_out.iter().filter(|offset| range.contains(offset)).collect();
    within.sort_unstable();
    for offset in within {
        parts.push(start..*offset);
        start = offset + 1;
    }
    parts.push(start..range.end);
    parts.retain(|part| part.start < part.end);
    parts
}
