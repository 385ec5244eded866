//! Which bytes of a flow were never captured: every gap, in memory with a bound.

use std::ops::Range;

use super::Ranges;

/// The gaps of a flow in stream offsets.
///
/// Every gap is kept one by one, as a body with a byte missing must never pass for a complete one. Where a gap is
/// one more than there is memory for ([`miss`](Self::miss)), only the area that it lies in is known: anything in that
/// area counts as incomplete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gaps {
    /// Ascending, none touching another.
    ranges: Vec<Range<u64>>,
    /// From the first to the last gap that is not in `ranges`.
    unknown: Option<Range<u64>>,
    /// Gaps that are not in `ranges`.
    omitted: u64,
    bytes: u64,
}

impl Gaps {
    /// Adds a gap. Gaps do not overlap, and mostly come in ascending order.
    pub fn push(&mut self, gap: Range<u64>) {
        self.bytes += gap.end - gap.start;
        match self.ranges.last_mut() {
            Some(last) if last.end == gap.start => last.end = gap.end,
            Some(last) if last.end > gap.start => {
                let place = self.ranges.partition_point(|other| other.start < gap.start);
                self.ranges.insert(place, gap);
            }
            _ => self.ranges.push(gap),
        }
    }

    /// Adds a gap of which only the area is kept.
    pub fn miss(&mut self, gap: Range<u64>) {
        self.bytes += gap.end - gap.start;
        self.omitted += 1;
        let area = self.unknown.get_or_insert_with(|| gap.clone());
        *area = area.start.min(gap.start)..area.end.max(gap.end);
    }

    /// Moves every gap up by `by` bytes, for a stream that turns out to begin earlier.
    pub fn shift(&mut self, by: u64) {
        for range in self.ranges.iter_mut().chain(&mut self.unknown) {
            *range = range.start.saturating_add(by)..range.end.saturating_add(by);
        }
    }

    /// The gaps that are known one by one, ascending.
    #[must_use]
    pub fn ranges(&self) -> &[Range<u64>] {
        &self.ranges
    }

    /// The area in which there are more gaps than those of [`ranges`](Self::ranges).
    #[must_use]
    pub fn unknown(&self) -> Option<&Range<u64>> {
        self.unknown.as_ref()
    }

    /// Bytes in all gaps.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether no byte is missing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether the first byte of the stream is missing, or may be.
    #[must_use]
    pub fn at_start(&self) -> bool {
        self.ranges.first().into_iter().chain(&self.unknown).any(|gap| gap.start == 0)
    }

    /// The ranges without a byte that may be there: all gaps, and the whole of the area of unknown ones.
    #[must_use]
    pub fn covered(&self) -> Vec<Range<u64>> {
        let Some(area) = &self.unknown else { return self.ranges.clone() };
        let before = self.ranges.partition_point(|gap| gap.end < area.start);
        let after = self.ranges.partition_point(|gap| gap.start <= area.end);
        let (first, last) = (self.ranges.get(before..after).unwrap_or_default(), after.checked_sub(1));
        let start = first.first().map_or(area.start, |gap| gap.start.min(area.start));
        let end = last.filter(|_| !first.is_empty()).and_then(|last| self.ranges.get(last));
        let end = end.map_or(area.end, |gap| gap.end.max(area.end));
        let mut covered = Vec::with_capacity(self.ranges.len() + 1);
        covered.extend_from_slice(self.ranges.get(..before).unwrap_or_default());
        covered.push(start..end);
        covered.extend_from_slice(self.ranges.get(after..).unwrap_or_default());
        covered
    }

    /// What a report lists: the first [`Ranges::LIMIT`], and the number of those that it does not list.
    #[must_use]
    pub fn listed(&self) -> Ranges {
        let listed = self.ranges.get(..Ranges::LIMIT).unwrap_or(&self.ranges).to_vec();
        let omitted = self.omitted + (self.ranges.len() - listed.len()) as u64;
        Ranges { listed, omitted, bytes: self.bytes }
    }

    /// Forgets all that a report does not list.
    pub fn trim(&mut self) {
        if self.ranges.len() > Ranges::LIMIT {
            self.omitted += (self.ranges.len() - Ranges::LIMIT) as u64;
            self.ranges.truncate(Ranges::LIMIT);
            self.ranges.shrink_to_fit();
        }
    }

    /// Memory that the gaps take, in bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        self.ranges.capacity() as u64 * size_of::<Range<u64>>() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaps(ranges: &[Range<u64>]) -> Gaps {
        let mut gaps = Gaps::default();
        ranges.iter().for_each(|range| gaps.push(range.clone()));
        gaps
    }

    #[test]
    fn gaps_are_in_order_however_they_come_and_join_where_they_touch() {
        let found = gaps(&[10..20, 20..25, 40..50, 5..6]);
        assert_eq!((found.ranges(), found.bytes()), (&[5..6, 10..25, 40..50][..], 26));
        assert!(!found.at_start() && gaps(&[0..1, 3..4]).at_start());
    }

    #[test]
    fn a_report_lists_the_first_and_counts_all() {
        let mut many = Gaps::default();
        (0..1500).for_each(|n| many.push(2 * n..2 * n + 1));
        many.miss(5000..5001);
        let listed = many.listed();
        assert_eq!((listed.listed.len(), listed.omitted, listed.bytes), (1000, 501, 1501));
        many.trim();
        assert_eq!(many.listed(), listed);
    }

    #[test]
    fn nothing_in_the_area_of_gaps_that_are_not_kept_counts_as_captured() {
        let mut found = gaps(&[1..2, 10..12, 15..16, 30..40, 90..91]);
        assert_eq!(found.covered(), found.ranges());
        found.miss(20..21);
        assert_eq!(found.covered(), [1..2, 10..12, 15..16, 20..21, 30..40, 90..91]);
        found.miss(11..35);
        assert_eq!(found.covered(), [1..2, 10..40, 90..91]);
        found.shift(5);
        assert_eq!((found.covered(), found.unknown()), (vec![6..7, 15..45, 95..96], Some(&(16..40))));
    }
}
