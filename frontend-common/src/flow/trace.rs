//! One connection over time, as a picture of it needs it: which bytes came when, which came again, what was
//! acknowledged and how far the window was open, and the first bytes of each side.

use std::ops::Range;

use tapflow_core::Timestamp;

/// Strokes of one kind and direction. When there are more, neighbours are joined.
const STROKES: usize = 256;
/// First bytes of a side that are kept.
const FIRST: usize = 256;

/// A part of a stream during a time: from one corner to the other of a rectangle in a diagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stroke {
    /// When it begins and ends.
    pub time: (Timestamp, Timestamp),
    /// The stream offsets at both times.
    pub offset: (u64, u64),
}

/// Strokes in the order of the capture, in bounded memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Strokes {
    list: Vec<Stroke>,
    /// Events in them.
    events: u64,
}

impl Strokes {
    fn add(&mut self, time: Timestamp, offset: Range<u64>) {
        self.events += 1;
        if self.list.len() >= STROKES {
            self.thin();
        }
        self.list.push(Stroke { time: (time, time), offset: (offset.start, offset.end) });
    }

    /// Joins every two neighbours.
    fn thin(&mut self) {
        let mut kept = 0;
        for at in (0..self.list.len()).step_by(2) {
            let mut stroke = self.list[at];
            if let Some(next) = self.list.get(at + 1) {
                stroke.time.1 = next.time.1;
                stroke.offset.1 = next.offset.1;
            }
            self.list[kept] = stroke;
            kept += 1;
        }
        self.list.truncate(kept);
    }

    fn shift(&mut self, by: u64) {
        for stroke in &mut self.list {
            stroke.offset = (stroke.offset.0.saturating_add(by), stroke.offset.1.saturating_add(by));
        }
    }

    fn clear(&mut self) {
        self.list.clear();
        self.events = 0;
    }

    /// The strokes.
    #[must_use]
    pub fn list(&self) -> &[Stroke] {
        &self.list
    }

    /// How many events they show.
    #[must_use]
    pub fn events(&self) -> u64 {
        self.events
    }
}

/// One direction of a connection over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Side {
    /// Bytes seen for the first time.
    pub data: Strokes,
    /// Bytes that came again.
    pub repeated: Strokes,
    /// What the receiver had acknowledged.
    pub acknowledged: Strokes,
    /// Up to where the receiver's window was open.
    pub window: Strokes,
    /// Gaps, as many as there is room for.
    pub gaps: Vec<Range<u64>>,
    /// Its first bytes; `None` where they were not seen.
    pub first: Vec<Option<u8>>,
    /// Bytes seen for the first time, those that came again, and those missing.
    pub bytes: [u64; 3],
    /// The sequence number of stream offset 0.
    base: Option<u32>,
    /// The last that was noted of acknowledgements and the window.
    last: (u64, u64),
}

impl Side {
    /// Bytes seen for the first time.
    pub fn data(&mut self, offset: u64, bytes: &[u8], time: Timestamp) {
        self.bytes[0] += bytes.len() as u64;
        self.data.add(time, offset..offset + bytes.len() as u64);
        self.keep(offset, bytes);
    }

    /// Bytes that came again; those that count instead of the earlier ones are `replacing` them.
    pub fn repeated(&mut self, offset: u64, bytes: &[u8], time: Timestamp, replacing: bool) {
        self.bytes[1] += bytes.len() as u64;
        self.repeated.add(time, offset..offset + bytes.len() as u64);
        if replacing {
            self.keep(offset, bytes);
        }
    }

    /// Bytes never seen.
    pub fn gap(&mut self, range: Range<u64>) {
        self.bytes[2] += range.end - range.start;
        if self.gaps.len() < STROKES {
            self.gaps.push(range);
        }
    }

    /// The stream begins earlier than was known.
    pub fn rebased(&mut self, by: u64) {
        for strokes in [&mut self.data, &mut self.repeated, &mut self.acknowledged, &mut self.window] {
            strokes.shift(by);
        }
        for gap in &mut self.gaps {
            *gap = gap.start.saturating_add(by)..gap.end.saturating_add(by);
        }
        self.last = (self.last.0.saturating_add(by), self.last.1.saturating_add(by));
        self.base = self.base.map(|base| base.wrapping_sub(by as u32));
        let by = usize::try_from(by).unwrap_or(FIRST).min(FIRST);
        self.first.splice(..0, std::iter::repeat_n(None, by));
        self.first.truncate(FIRST);
    }

    /// Stream offset `offset` has this sequence number.
    pub fn anchor(&mut self, sequence: u32, offset: u64) {
        self.base.get_or_insert(sequence.wrapping_sub(offset as u32));
    }

    /// The receiver has acknowledged everything below this sequence number, and takes `window` bytes more, where that is
    /// known.
    pub fn acknowledged(&mut self, number: u32, window: Option<u32>, time: Timestamp) {
        let Some(base) = self.base else { return };
        // The offset with these low 32 bits that is nearest to the last one.
        let near = number.wrapping_sub(base).wrapping_sub(self.last.0 as u32).cast_signed();
        let Some(offset) = self.last.0.checked_add_signed(near.into()) else { return };
        let end = window.map(|window| offset.saturating_add(window.into()));
        if offset != self.last.0 {
            self.acknowledged.add(time, offset..offset);
        }
        if let Some(end) = end.filter(|end| *end != self.last.1) {
            self.window.add(time, end..end);
            self.last.1 = end;
        }
        self.last.0 = offset;
    }

    /// Up to where the picture goes.
    #[must_use]
    pub fn end(&self) -> u64 {
        let strokes = self.data.list().iter().chain(self.repeated.list());
        let ends = strokes.map(|stroke| stroke.offset.1).chain(self.gaps.iter().map(|gap| gap.end));
        ends.max().unwrap_or_default().max(self.acknowledged.list().last().map_or(0, |last| last.offset.1))
    }

    fn keep(&mut self, offset: u64, bytes: &[u8]) {
        let Some(start) = usize::try_from(offset).ok().filter(|start| *start < FIRST) else { return };
        let end = (start + bytes.len()).min(FIRST);
        if self.first.len() < end {
            self.first.resize(end, None);
        }
        for (kept, byte) in self.first[start..end].iter_mut().zip(bytes) {
            *kept = Some(*byte);
        }
    }

    fn clear(&mut self) {
        for strokes in [&mut self.data, &mut self.repeated, &mut self.acknowledged, &mut self.window] {
            strokes.clear();
        }
        self.gaps.clear();
        self.first.clear();
        (self.bytes, self.base, self.last) = ([0; 3], None, (0, 0));
    }
}

/// A connection over time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trace {
    /// What the side that opened the connection sent, then the other one.
    pub sides: [Side; 2],
}

impl Trace {
    /// How much there is to see: its bytes, of which those that are missing or came again count 64 times.
    #[must_use]
    pub fn weight(&self) -> u64 {
        let weigh = |side: &Side| {
            let [data, repeated, missing] = side.bytes;
            data.saturating_add(repeated.saturating_add(missing).saturating_mul(64))
        };
        self.sides.iter().map(weigh).fold(0, u64::saturating_add)
    }

    /// For another connection.
    pub fn clear(&mut self) {
        self.sides.iter_mut().for_each(Side::clear);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(nanos: u64) -> Timestamp {
        Timestamp(nanos)
    }

    #[test]
    fn the_first_bytes_are_those_that_count() {
        let mut side = Side::default();
        side.data(2, b"cd", at(1));
        assert_eq!(side.first, [None, None, Some(b'c'), Some(b'd')]);
        side.repeated(2, b"XY", at(2), false);
        side.repeated(3, b"Z", at(3), true);
        side.rebased(1);
        side.data(0, b"abc", at(4));
        assert_eq!(side.first, b"abccZ".map(Some));
        side.data(250, &[b'!'; 100], at(5));
        assert_eq!((side.first.len(), side.first[249], side.first[255]), (FIRST, None, Some(b'!')));
        assert_eq!((side.bytes, side.end()), ([105, 3, 0], 350));
    }

    #[test]
    fn acknowledgements_are_offsets_beyond_four_gigabytes() {
        let mut side = Side::default();
        side.acknowledged(7, Some(1), at(0));
        assert!(side.acknowledged.list().is_empty(), "nothing is known of its numbers");
        side.anchor(1000, 0);
        let mut offset = 0_u64;
        for step in 1..=10 {
            offset += 1 << 30;
            side.acknowledged(1000_u32.wrapping_add(offset as u32), Some(10), at(step));
        }
        let last = |strokes: &Strokes| strokes.list().last().map(|stroke| stroke.offset.1);
        assert_eq!((last(&side.acknowledged), last(&side.window)), (Some(offset), Some(offset + 10)));
        // An old one that comes late.
        side.acknowledged(1000_u32.wrapping_add((offset - 5) as u32), None, at(11));
        assert_eq!(last(&side.acknowledged), Some(offset - 5));
        // Before the start of the stream there is nothing.
        let mut side = Side::default();
        side.anchor(1000, 0);
        side.acknowledged(999, None, at(1));
        assert!(side.acknowledged.list().is_empty());
    }

    #[test]
    fn memory_has_a_bound_and_no_end_is_lost() {
        let mut side = Side::default();
        for piece in 0..100_000 {
            side.data(piece * 10, &[0; 10], at(piece));
            side.gap(piece..piece + 1);
        }
        let strokes = side.data.list();
        assert!(strokes.len() <= STROKES && side.gaps.len() <= STROKES);
        assert_eq!((side.data.events(), strokes[0].offset.0, side.end()), (100_000, 0, 1_000_000));
        assert!(strokes.windows(2).all(|pair| pair[0].offset.1 <= pair[1].offset.0));
    }
}
