//! Prefetches record headers.
//!
//! A record's position is known only from the header before it, so sequential reading stalls on memory. For each packet
//! that is consumed, this module prefetches the header two records ahead; it guesses its position from recent lengths.
//! A wrong guess costs a cache miss, nothing else.

use std::cell::Cell;

use super::prefetch::prefetch;
use super::{pcap, pcapng};

/// The format, which knows the length of a record.
#[derive(Clone, Copy, Debug)]
pub(super) enum PrefetchFormat<'a> {
    Pcap(&'a pcap::Reader),
    Pcapng(&'a pcapng::Reader),
    None,
}

/// The position of the prefetch in a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct RecordPrefetch<'a> {
    /// Of a record in the block.
    at: usize,
    /// Of the record before it.
    length: usize,
    /// The positions guessed for this record and the next one.
    guesses: [usize; 2],
    format: PrefetchFormat<'a>,
    lengths: &'a Lengths,
}

impl<'a> RecordPrefetch<'a> {
    /// Begins with the record at `at`.
    pub(super) fn new(at: usize, format: PrefetchFormat<'a>, lengths: &'a Lengths) -> Self {
        Self { at, length: 0, guesses: [at; 2], format, lengths }
    }

    /// Moves on by one record.
    #[inline]
    pub(super) fn step(&mut self, block: &[u8]) {
        let Some(bytes) = block.get(self.at..) else { return };
        let length = match self.format {
            PrefetchFormat::Pcap(reader) => reader.record_length(bytes),
            PrefetchFormat::Pcapng(reader) => reader.block_length(bytes),
            PrefetchFormat::None => None,
        };
        let Some(length) = length else { return };
        self.lengths.after(self.length).set(length);
        (self.at, self.length) = (self.at.saturating_add(length), length);
        if self.at != self.guesses[1] {
            bring(self.at, block);
        }
        let next = self.lengths.after(length).get();
        let guess = self.at.saturating_add(next).saturating_add(self.lengths.after(next).get());
        self.guesses = [guess, self.guesses[0]];
        bring(guess, block);
    }
}

/// Brings the headers of a record into the processor's cache: all lines of 64 bytes that contain them.
#[inline]
fn bring(at: usize, block: &[u8]) {
    for offset in [0, 40, 80] {
        if let Some(byte) = block.get(at.saturating_add(offset)) {
            prefetch(byte);
        }
    }
}

/// The length of the record that came last after one of a length.
#[derive(Debug)]
pub(super) struct Lengths([Cell<usize>; 64]);

impl Default for Lengths {
    fn default() -> Self {
        Self([const { Cell::new(0) }; 64])
    }
}

impl Lengths {
    #[inline]
    fn after(&self, length: usize) -> &Cell<usize> {
        &self.0[(length ^ length >> 6) % 64]
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::window::Window;
    use super::*;

    /// A pcap file with records of these lengths, and where each begins.
    fn file(lengths: &[u32]) -> (Vec<u8>, Vec<usize>) {
        let mut file = 0xa1b2_c3d4_u32.to_le_bytes().to_vec();
        file.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0]);
        let mut places = Vec::new();
        for length in lengths {
            places.push(file.len());
            file.extend([[0; 4], [0; 4], length.to_le_bytes(), length.to_le_bytes()].concat());
            file.extend(vec![0; *length as usize]);
        }
        (file, places)
    }

    #[test]
    fn the_prefetch_goes_from_record_to_record_and_ends_with_the_block() {
        let (file, places) = file(&[60, 1500, 60, 1500, 60, 1500, 0, 9000]);
        let mut window = Window::of_bytes(Bytes::copy_from_slice(&file));
        let reader = pcap::Reader::new(&mut window).expect("a header").expect("all of it");
        let lengths = Lengths::default();
        let mut prefetch = RecordPrefetch::new(places[0], PrefetchFormat::Pcap(&reader), &lengths);
        for place in &places[1..] {
            prefetch.step(&file);
            assert_eq!(prefetch.at, *place);
        }
        prefetch.step(&file);
        prefetch.step(&file);
        assert_eq!(prefetch.at, file.len());
    }

    #[test]
    fn what_came_before_is_where_the_next_ones_are_looked_for() {
        let (file, places) = file(&[[60, 1500]; 20].concat());
        let mut window = Window::of_bytes(Bytes::copy_from_slice(&file));
        let reader = pcap::Reader::new(&mut window).expect("a header").expect("all of it");
        let lengths = Lengths::default();
        let mut prefetch = RecordPrefetch::new(places[0], PrefetchFormat::Pcap(&reader), &lengths);
        for _ in 0..10 {
            prefetch.step(&file);
        }
        assert_eq!(prefetch.guesses, [places[12], places[11]]);
    }
}
