//! When the bytes of a flow were captured: a list of bounded length, exact while the flow has few pieces.

use tapflow_core::Timestamp;

/// Pieces kept of one flow. When there are more, every second one is dropped, and from then on only
/// pieces that begin far enough from the last one are noted.
const LIMIT: usize = 4096;

/// Capture times by stream offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeline {
    /// Where pieces begin, and when each was captured; ascending.
    pieces: Vec<(u64, Timestamp)>,
    /// Bytes that must lie between two pieces in the list.
    step: u64,
}

impl Timeline {
    /// A piece that begins at `offset` was captured at `time`.
    pub fn note(&mut self, offset: u64, time: Timestamp) {
        let place = match self.pieces.last() {
            Some((last, _)) if offset > *last => self.pieces.len(),
            None => 0,
            Some(_) => self.pieces.partition_point(|(start, _)| *start < offset),
        };
        let near = |other: Option<&(u64, Timestamp)>| {
            other.is_some_and(|(start, when)| start.abs_diff(offset) < self.step || *when == time)
        };
        if near(place.checked_sub(1).and_then(|before| self.pieces.get(before))) {
            return;
        }
        self.pieces.insert(place, (offset, time));
        if self.pieces.len() > LIMIT {
            let span = self.pieces.last().map_or(0, |(last, _)| *last);
            self.step = (span / (LIMIT as u64 / 2)).max(self.step * 2);
            let mut count = 0;
            self.pieces.retain(|_| {
                count += 1;
                count % 2 == 1
            });
        }
    }

    /// The stream begins `by` bytes before what was its offset 0.
    pub fn shift(&mut self, by: u64) {
        for (start, _) in &mut self.pieces {
            *start = start.saturating_add(by);
        }
    }

    /// Memory that it takes, in bytes.
    #[must_use]
    pub fn memory(&self) -> u64 {
        (self.pieces.len() * size_of::<(u64, Timestamp)>()) as u64
    }

    /// When the byte at `offset` was captured: the time of the last piece noted that begins there or
    /// before.
    #[must_use]
    pub fn at(&self, offset: u64) -> Option<Timestamp> {
        let after = self.pieces.partition_point(|(start, _)| *start <= offset);
        after.checked_sub(1).and_then(|place| self.pieces.get(place)).map(|(_, time)| *time)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_has_the_time_of_its_piece() {
        let mut timeline = Timeline::default();
        timeline.note(0, Timestamp(5));
        timeline.note(200, Timestamp(9));
        timeline.note(100, Timestamp(11));
        assert_eq!(
            [0, 99, 100, 199, 200, 5000].map(|at| timeline.at(at).map(|time| time.0)),
            [Some(5), Some(5), Some(11), Some(11), Some(9), Some(9)]
        );
        timeline.shift(50);
        assert_eq!((timeline.at(49), timeline.at(50)), (None, Some(Timestamp(5))));
    }

    #[test]
    fn a_long_flow_keeps_a_bounded_list_that_is_nearly_right() {
        let mut timeline = Timeline::default();
        for piece in 0..1_000_000 {
            timeline.note(piece * 1000, Timestamp(piece));
        }
        assert!(timeline.pieces.len() <= LIMIT);
        let error = |piece: u64| timeline.at(piece * 1000).unwrap().0.abs_diff(piece);
        assert!((0..1_000_000).step_by(997).all(|piece| error(piece) < 2000));
    }
}
