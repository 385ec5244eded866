//! Where bytes belong, for all inputs of a bounded size: every sequence of four segments within six bytes of a stream, also
//! across the wrap of sequence numbers, with and without a SYN, for each segment with bytes of its own.
//!
//! What each sequence comes to is known without the core: an array of bytes in which the first copy of each byte stays.

use std::convert::Infallible;
use std::ops::Range;

use tapflow_core::{CloseReason, Config, Flow, Reassembler, Repeat, Sink, Storage, Summary};
use tapflow_tests::frames::{SYN, TcpFrame, frame};

/// The length of the stream.
const WIDTH: usize = 6;
/// The segments of a sequence.
const SEGMENTS: usize = 4;
/// The places of a segment: its first byte, and the one behind its last.
const PLACES: usize = WIDTH * (WIDTH + 1) / 2;

/// The bytes of one flow, each at its offset; 0 where there is none.
#[derive(Default)]
struct Stream {
    bytes: [u8; WIDTH],
    /// Bytes of `repeated`, each of which a conflict repeats or not.
    repeated: usize,
    conflicts: usize,
    gaps: Vec<Range<u64>>,
    span: Option<u64>,
    /// An event that the contract of sinks excludes.
    fault: Option<&'static str>,
}

impl Sink for Stream {
    type Error = Infallible;

    fn data(&mut self, _: Flow, offset: u64, bytes: &[u8]) -> Result<(), Infallible> {
        let start = usize::try_from(offset).unwrap_or(WIDTH);
        match self.bytes.get_mut(start..start.saturating_add(bytes.len())) {
            Some(place) if place.iter().all(|&byte| byte == 0) => place.copy_from_slice(bytes),
            Some(_) => self.fault = Some("data over data"),
            None => self.fault = Some("data beyond the stream"),
        }
        Ok(())
    }

    fn repeated(&mut self, _: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, Infallible> {
        self.repeated += bytes.len();
        let start = usize::try_from(offset).unwrap_or(WIDTH);
        match self.bytes.get(start..start.saturating_add(bytes.len())) {
            Some(place) if place.iter().all(|&byte| byte != 0) => {
                Ok(if place == bytes { Repeat::Same } else { Repeat::Differs })
            }
            _ => {
                self.fault = Some("a repetition of what is not there");
                Ok(Repeat::NotCompared)
            }
        }
    }

    fn conflict(&mut self, _: Flow, _: u64, bytes: &[u8]) -> Result<(), Infallible> {
        self.conflicts += bytes.len();
        Ok(())
    }

    fn late(&mut self, _: Flow, _: u64, _: &[u8]) -> Result<(), Infallible> {
        self.fault = Some("a byte that is late");
        Ok(())
    }

    fn rebased(&mut self, _: Flow, by: u64) -> Result<(), Infallible> {
        let by = usize::try_from(by).unwrap_or(WIDTH).min(WIDTH);
        if self.bytes[WIDTH - by..].iter().any(|&byte| byte != 0) {
            self.fault = Some("moved beyond the stream");
        }
        self.bytes.copy_within(..WIDTH - by, by);
        self.bytes[..by].fill(0);
        Ok(())
    }

    fn gap(&mut self, _: Flow, range: Range<u64>) -> Result<(), Infallible> {
        self.gaps.push(range);
        Ok(())
    }

    fn closed(&mut self, _: Flow, _: CloseReason, summary: &Summary) -> Result<(), Infallible> {
        self.span = Some(summary.span);
        Ok(())
    }
}

/// The place number `place`.
fn range(place: usize) -> Range<usize> {
    let mut rest = place;
    for start in 0..WIDTH {
        if rest < WIDTH - start {
            return start..start + rest + 1;
        }
        rest -= WIDTH - start;
    }
    unreachable!("there are {PLACES} places")
}

/// The frames of every place for the segment number `index` of a sequence, in a stream whose first byte has the sequence
/// number `first`.
fn frames(first: u32, index: usize) -> Vec<Vec<u8>> {
    let frame = |place| {
        let range = range(place);
        let payload: Vec<u8> = range.clone().map(|offset| (16 * (index + 1) + offset) as u8).collect();
        TcpFrame::up(first.wrapping_add(range.start as u32), 0, &payload).bytes()
    };
    (0..PLACES).map(frame).collect()
}

/// Pushes all sequences of segments into a core, and compares.
fn all_sequences(first: u32, with_syn: bool) {
    let syn = TcpFrame::up(first.wrapping_sub(1), SYN, &[]).bytes();
    let segments: Vec<_> = (0..SEGMENTS).map(|index| frames(first, index)).collect();
    let storage = Storage::heap(2, 8).expect("memory");
    let mut core = Reassembler::new(Config::new(tapflow_tests::KEY), storage).expect("storage");
    for sequence in 0..PLACES.pow(SEGMENTS as u32) {
        let places: [usize; SEGMENTS] =
            std::array::from_fn(|index| sequence / PLACES.pow(index as u32) % PLACES);
        let mut stream = Stream::default();
        if with_syn {
            let Ok(()) = core.push(&frame(&syn, 1), &mut stream);
        }
        for (frames, place) in segments.iter().zip(places) {
            let Ok(()) = core.push(&frame(&frames[place], 1), &mut stream);
        }
        let Ok(()) = core.finish(&mut stream);
        check(&stream, places, with_syn);
    }
}

/// Compares with an array in which the first copy of each byte stays.
fn check(stream: &Stream, places: [usize; SEGMENTS], with_syn: bool) {
    let ranges = places.map(range);
    let start = if with_syn { 0 } else { ranges.iter().map(|range| range.start).min().unwrap_or(0) };
    let end = ranges.iter().map(|range| range.end).max().unwrap_or(0);
    let mut expected = [0; WIDTH];
    let mut repeated = 0;
    for (index, range) in ranges.iter().enumerate() {
        for offset in range.clone() {
            let place = &mut expected[offset - start];
            if *place == 0 {
                *place = (16 * (index + 1) + offset) as u8;
            } else {
                repeated += 1;
            }
        }
    }
    assert_eq!(stream.fault, None, "{ranges:?}");
    assert_eq!(stream.bytes, expected, "{ranges:?}");
    // Every byte of a segment has another value than in the other segments.
    assert_eq!((stream.repeated, stream.conflicts), (repeated, repeated), "{ranges:?}");
    assert_eq!(stream.span, Some((end - start) as u64), "{ranges:?}");
    let missing: Vec<u64> = (0..(end - start) as u64).filter(|&at| expected[at as usize] == 0).collect();
    assert_eq!(stream.gaps.iter().cloned().flatten().collect::<Vec<_>>(), missing, "{ranges:?}");
}

#[test]
fn every_sequence_of_segments_after_a_syn_gives_the_first_copy_of_each_byte() {
    all_sequences(100, true);
}

#[test]
fn every_sequence_across_the_wrap_gives_the_same() {
    for before_wrap in 1..=WIDTH as u32 {
        all_sequences(0_u32.wrapping_sub(before_wrap), true);
    }
}

#[test]
fn every_sequence_without_a_syn_begins_at_its_lowest_byte() {
    all_sequences(100, false);
    all_sequences(0_u32.wrapping_sub(3), false);
    all_sequences(0x8000_0000_u32.wrapping_sub(3), false);
}
