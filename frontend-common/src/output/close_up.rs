//! Taking bytes out of a file that is written: what follows moves down.
//!
//! Only bytes that were captured are moved. Holes stay holes: no zeros are read, and none are written but over what
//! moved away, so that the work depends on what was captured and not on how long the file is.

use std::fs::File;
use std::io;
use std::ops::Range;

use super::gather::{read_at, write_at};
use crate::flow::Shortened;

/// What there is to know of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout<'l> {
    /// Its length in bytes.
    pub(super) written: u64,
    /// Places of bytes that are taken out, ascending: holes of a byte.
    pub(super) left_out: &'l [u64],
    /// Holes, ascending, which have none of the places.
    pub(super) gaps: &'l [Range<u64>],
    /// The length of a hole at most; the rest of longer ones is taken out.
    pub(super) longest: u64,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Bytes, and where they come to be.
    Data { from: Range<u64>, to: u64 },
    /// A hole as it is when all is done, and where its other end was before.
    Hole { to: Range<u64>, end: u64 },
}

impl<'l> Layout<'l> {
    /// All parts in their order.
    fn parts(self) -> impl Iterator<Item = Part> + use<'l> {
        let Self { written, mut left_out, mut gaps, longest } = self;
        let (mut at, mut to) = (0, 0);
        std::iter::from_fn(move || {
            loop {
                while let Some((_, rest)) = left_out.split_first().filter(|(place, _)| **place < at) {
                    left_out = rest;
                }
                while let Some((_, rest)) = gaps.split_first().filter(|(gap, _)| gap.end <= at) {
                    gaps = rest;
                }
                if at >= written {
                    return None;
                }
                let gap = gaps.first().map_or(written, |gap| gap.start.max(at));
                let place = left_out.first().copied().unwrap_or(written);
                let stop = gap.min(place).min(written);
                if at < stop {
                    let part = Part::Data { from: at..stop, to };
                    to += stop - at;
                    at = stop;
                    return Some(part);
                }
                if place == at {
                    at += 1;
                    continue;
                }
                let end = gaps.first().map_or(written, |gap| gap.end.min(written));
                let kept = (end - at).min(longest);
                let part = Part::Hole { to: to..to + kept, end };
                (at, to) = (end, to + kept);
                return Some(part);
            }
        })
    }

    /// The parts of holes that are taken out.
    pub(super) fn shortened(self) -> Shortened {
        let mut shortened = Shortened::to(self.longest);
        for gap in self.gaps {
            let (start, end) = (gap.start.saturating_add(self.longest), gap.end.min(self.written));
            if start < end {
                shortened.push(start..end);
            }
        }
        shortened
    }
}

/// The length that holes may have so that all of them together have no more than `room` bytes: short ones stay
/// as they are.
pub(super) fn longest(gaps: &[Range<u64>], written: u64, room: u64) -> u64 {
    let length = |gap: &Range<u64>| gap.end.min(written).saturating_sub(gap.start);
    if gaps.iter().map(length).sum::<u64>() <= room {
        return u64::MAX;
    }
    let mut lengths: Vec<u64> = gaps.iter().map(length).filter(|length| *length > 0).collect();
    lengths.sort_unstable();
    let (mut room, mut count) = (room, lengths.len() as u64);
    for length in lengths {
        let share = room / count.max(1);
        if length > share {
            return share;
        }
        room -= length;
        count -= 1;
    }
    u64::MAX
}

/// Takes out of a file what its layout says, through `buffer`. Answers how long the file is then.
pub(super) fn close_up(file: &File, layout: Layout<'_>, buffer: &mut [u8]) -> io::Result<u64> {
    debug_assert!(!buffer.is_empty());
    let mut length = 0;
    // What was where holes come to be: parts that have been moved already.
    let mut moved = layout.parts().filter_map(|part| match part {
        Part::Data { from, .. } => Some(from),
        Part::Hole { .. } => None,
    });
    let mut before = moved.next();
    for part in layout.parts() {
        match part {
            Part::Data { from, to } => {
                length = to + (from.end - from.start);
                if from.start != to {
                    move_down(file, from, to, buffer)?;
                }
            }
            Part::Hole { to, end } => {
                length = to.end;
                if end == to.end {
                    continue;
                }
                while let Some(old) = before.take_if(|old| old.start < to.end) {
                    zero(file, old.start.max(to.start)..old.end.min(to.end), buffer)?;
                    if old.end > to.end {
                        before = Some(to.end..old.end);
                        break;
                    }
                    before = moved.next();
                }
            }
        }
    }
    file.set_len(length)?;
    Ok(length)
}

/// Moves bytes down. Where there may be a hole that is not known, zeros are not written over zeros.
fn move_down(file: &File, from: Range<u64>, to: u64, buffer: &mut [u8]) -> io::Result<()> {
    let (mut at, by) = (from.start, from.start - to);
    while at < from.end {
        let step = (from.end - at).min(buffer.len() as u64);
        let Some(part) = buffer.get_mut(..step as usize) else { break };
        read_at(file, part, at)?;
        let is_zero = part.iter().all(|byte| *byte == 0);
        if !is_zero || !has_zeros(file, at - by..at - by + step, part)? {
            write_at(file, part, at - by)?;
        }
        at += step;
    }
    Ok(())
}

/// Whether there are zeros only; `buffer`, as long as the range, has zeros then and otherwise.
fn has_zeros(file: &File, range: Range<u64>, buffer: &mut [u8]) -> io::Result<bool> {
    read_at(file, buffer, range.start)?;
    let is_zero = buffer.iter().all(|byte| *byte == 0);
    buffer.fill(0);
    Ok(is_zero)
}

fn zero(file: &File, range: Range<u64>, buffer: &mut [u8]) -> io::Result<()> {
    let mut at = range.start;
    while at < range.end {
        let step = (range.end - at).min(buffer.len() as u64);
        let Some(part) = buffer.get_mut(..step as usize) else { break };
        part.fill(0);
        write_at(file, part, at)?;
        at += step;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(file: &File) -> Vec<u8> {
        let mut bytes = vec![0; file.metadata().expect("metadata").len() as usize];
        read_at(file, &mut bytes, 0).expect("readable");
        bytes
    }

    fn closed_up(text: &str, left_out: &[u64], gaps: &[Range<u64>], longest: u64, buffer: usize) -> Vec<u8> {
        let file = tempfile::tempfile().expect("a file");
        let mut bytes = text.as_bytes().to_vec();
        gaps.iter().for_each(|gap| bytes[gap.start as usize..gap.end as usize].fill(0));
        left_out.iter().for_each(|place| bytes[*place as usize] = 0);
        write_at(&file, &bytes, 0).expect("written");
        let layout = Layout { written: bytes.len() as u64, left_out, gaps, longest };
        let length = close_up(&file, layout, &mut vec![0; buffer]).expect("moved");
        let contents = contents(&file);
        assert_eq!(length, contents.len() as u64);
        contents
    }

    #[test]
    fn bytes_that_are_taken_out_leave_nothing_behind() {
        for (left_out, expected) in
            [(&[0][..], "123456789"), (&[9], "012345678"), (&[2, 3, 7], "0145689"), (&[], "0123456789")]
        {
            for buffer in [1, 3, 100] {
                assert_eq!(closed_up("0123456789", left_out, &[], u64::MAX, buffer), expected.as_bytes());
            }
        }
    }

    #[test]
    fn holes_move_with_what_is_around_them_and_have_zeros() {
        for buffer in [1, 3, 100] {
            let gaps = [3..5, 6..9];
            assert_eq!(
                closed_up("0123456789abc", &[0, 1, 10], &gaps, u64::MAX, buffer),
                b"2\0\x005\0\0\x009bc"
            );
            assert_eq!(closed_up("0123456789abc", &[], &gaps, 2, buffer), b"012\0\x005\0\x009abc");
            assert_eq!(closed_up("0123456789abc", &[], &gaps, 0, buffer), b"01259abc");
            assert_eq!(
                closed_up("0123456789abc", &[1, 12], std::slice::from_ref(&(9..12)), 1, buffer),
                b"02345678\0"
            );
        }
    }

    #[test]
    fn any_layout_gives_the_bytes_that_were_captured_in_their_order() {
        let mut state = 1_u64;
        let mut random = move |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        for _ in 0..300 {
            let (mut text, mut left_out, mut gaps, mut expected) = (String::new(), vec![], vec![], vec![]);
            let longest = random(5);
            for _ in 0..random(12) {
                let start = text.len() as u64;
                match random(4) {
                    0 => left_out.push(start),
                    1 if gaps.last().is_none_or(|gap: &Range<u64>| gap.end < start) => {
                        let length = 1 + random(9);
                        gaps.push(start..start + length);
                        expected.extend(vec![0; length.min(longest) as usize]);
                        text.push_str(&"x".repeat(length as usize - 1));
                    }
                    _ => expected.push(b'x'),
                }
                text.push('x');
            }
            if text.is_empty() {
                continue;
            }
            assert_eq!(closed_up(&text, &left_out, &gaps, longest, 4), expected);
        }
    }

    #[test]
    fn long_holes_are_shortened_to_a_common_length() {
        let gaps = [0..5, 10..110, 200..203, 300..340, 400..900];
        assert_eq!(longest(&gaps, 1000, 648), u64::MAX);
        assert_eq!(longest(&gaps, 1000, 647), 499);
        assert_eq!(longest(&gaps, 1000, 98), 30);
        assert_eq!(longest(&gaps, 1000, 3), 0);
        // What lies beyond the end of the file does not count.
        assert_eq!(longest(&gaps, 210, 108), u64::MAX);
        assert_eq!(longest(&[], 0, 0), u64::MAX);
        let layout = Layout { written: 700, left_out: &[], gaps: &gaps, longest: 30 };
        let shortened = layout.shortened();
        let ranges = [40..110, 330..340, 430..700];
        assert_eq!(shortened.listed().listed, ranges);
        assert_eq!((shortened.below(40), shortened.below(50), shortened.below(335)), (0, 10, 75));
        assert_eq!((shortened.below(1000), shortened.bytes()), (350, 350));
    }

    #[test]
    fn work_depends_on_what_was_captured_and_not_on_how_long_holes_are() {
        let gaps: Vec<_> = (0..1000).map(|n| n * (16 << 20) + 8..(n + 1) * (16 << 20)).collect();
        let layout = Layout { written: 1000 * (16 << 20), left_out: &[3], gaps: &gaps, longest: u64::MAX };
        let data: u64 = layout
            .parts()
            .map(|part| match part {
                Part::Data { from, .. } => from.end - from.start,
                Part::Hole { .. } => 0,
            })
            .sum();
        assert_eq!((data, layout.parts().count()), (7999, 2001));
        #[cfg(unix)]
        {
            use std::os::unix::fs::MetadataExt;
            let file = tempfile::tempfile().expect("a file");
            for gap in &gaps {
                write_at(&file, b"12345678", gap.start - 8).expect("written");
            }
            file.set_len(layout.written).expect("sparse");
            // Blocks count once they are chosen.
            file.sync_all().expect("written to the disk");
            let before = file.metadata().expect("metadata").blocks();
            let length = close_up(&file, layout, &mut vec![0; 1 << 16]).expect("moved");
            assert_eq!(length, layout.written - 1);
            // A piece that moves to the block before it makes that one real.
            assert!(file.metadata().expect("metadata").blocks() <= 2 * before + 16);
        }
    }
}
