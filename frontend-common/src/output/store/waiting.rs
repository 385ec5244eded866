//! Pieces that wait to be written: those of a flow together, the flows in the order in which their oldest piece came.
//!
//! There are as many places as flows that wait at once, which the bounds of the store keep few.

use std::mem;

use super::flow::NONE;
use crate::output::gather::Piece;

/// Memory of lists that is kept for others.
const SPARE: usize = 16;

/// All pieces that wait.
#[derive(Debug)]
pub(super) struct Waiting {
    /// Bytes in all of them.
    pub(super) bytes: u64,
    /// How many they are.
    pub(super) pieces: usize,
    places: Vec<Place>,
    free: Vec<u32>,
    /// Ends of the list of places, linked by `before` and `after`.
    first: u32,
    last: u32,
    spare: Vec<Vec<Piece>>,
}

/// What waits of a flow.
#[derive(Debug)]
struct Place {
    flow: u32,
    pieces: Vec<Piece>,
    bytes: u64,
    /// What had passed when the oldest piece came.
    since: u64,
    before: u32,
    after: u32,
}

impl Waiting {
    pub(super) fn new() -> Self {
        let (places, free, spare) = (Vec::new(), Vec::new(), Vec::new());
        Self { bytes: 0, pieces: 0, places, free, first: NONE, last: NONE, spare }
    }

    /// Adds a piece of a flow whose place is `place`, or to be found if it has none. `passed` counts bytes. Tells how
    /// many pieces and bytes of the flow wait now.
    pub(super) fn add(&mut self, place: &mut u32, flow: u32, piece: Piece, passed: u64) -> (usize, u64) {
        if *place == NONE {
            *place = self.begin(flow, passed);
        }
        let waits = &mut self.places[*place as usize];
        let len = piece.bytes.len() as u64;
        waits.pieces.push(piece);
        waits.bytes += len;
        self.bytes += len;
        self.pieces += 1;
        (waits.pieces.len(), waits.bytes)
    }

    /// The pieces in a place.
    pub(super) fn at(&self, place: u32) -> &[Piece] {
        self.places.get(place as usize).map_or(&[], |waits| &waits.pieces)
    }

    /// The pieces in a place, which is free then.
    pub(super) fn take(&mut self, place: &mut u32) -> Vec<Piece> {
        let at = mem::replace(place, NONE);
        let Some(waits) = self.places.get_mut(at as usize) else { return Vec::new() };
        let (pieces, before, after) = (mem::take(&mut waits.pieces), waits.before, waits.after);
        self.bytes -= waits.bytes;
        self.pieces -= pieces.len();
        match self.places.get_mut(before as usize) {
            Some(before) => before.after = after,
            None => self.first = after,
        }
        match self.places.get_mut(after as usize) {
            Some(after) => after.before = before,
            None => self.last = before,
        }
        self.free.push(at);
        pieces
    }

    /// Keeps the memory of pieces that are written.
    pub(super) fn reuse(&mut self, mut pieces: Vec<Piece>) {
        if pieces.capacity() > 0 && self.spare.len() < SPARE {
            pieces.clear();
            self.spare.push(pieces);
        }
    }

    /// The flow that has waited longest, and what had passed when it began to.
    pub(super) fn longest(&self) -> Option<(u32, u64)> {
        self.places.get(self.first as usize).map(|waits| (waits.flow, waits.since))
    }

    /// Moves the pieces in a place up by `by` bytes, within `limit`; tells how many bytes are dropped.
    pub(super) fn shift(&mut self, place: u32, by: u64, limit: u64) -> u64 {
        let Some(waits) = self.places.get_mut(place as usize) else { return 0 };
        let (pieces, mut dropped) = (waits.pieces.len(), 0);
        for piece in &mut waits.pieces {
            piece.offset = piece.offset.saturating_add(by);
            let kept = (piece.bytes.len() as u64).min(limit.saturating_sub(piece.offset));
            dropped += piece.bytes.len() as u64 - kept;
            piece.bytes.truncate(kept as usize);
        }
        waits.pieces.retain(|piece| !piece.bytes.is_empty());
        waits.bytes -= dropped;
        self.pieces -= pieces - waits.pieces.len();
        self.bytes -= dropped;
        dropped
    }

    /// A place behind all others.
    fn begin(&mut self, flow: u32, since: u64) -> u32 {
        let before = self.last;
        let pieces = self.spare.pop().unwrap_or_default();
        let place = Place { flow, pieces, bytes: 0, since, before, after: NONE };
        let at = match self.free.pop() {
            Some(at) => {
                self.places[at as usize] = place;
                at
            }
            None => {
                self.places.push(place);
                (self.places.len() - 1) as u32
            }
        };
        match self.places.get_mut(before as usize) {
            Some(before) => before.after = at,
            None => self.first = at,
        }
        self.last = at;
        at
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn piece(offset: u64, bytes: &'static [u8]) -> Piece {
        Piece { offset, bytes: Bytes::from_static(bytes) }
    }

    #[test]
    fn who_waits_longest_is_first_whoever_went_before() {
        let mut waiting = Waiting::new();
        let mut places = [NONE; 4];
        for (flow, place) in places.iter_mut().enumerate() {
            let passed = 10 * flow as u64;
            assert_eq!(waiting.add(place, flow as u32, piece(0, b"ab"), passed), (1, 2));
        }
        assert_eq!(waiting.add(&mut places[0], 0, piece(2, b"c"), 40), (2, 3));
        assert_eq!((waiting.bytes, waiting.pieces, waiting.longest()), (9, 5, Some((0, 0))));
        assert_eq!(waiting.take(&mut places[1]).len(), 1);
        assert_eq!(waiting.take(&mut places[0]).len(), 2);
        assert_eq!(waiting.longest(), Some((2, 20)));
        waiting.add(&mut places[0], 0, piece(3, b"d"), 50);
        for (flow, since) in [(2, 20), (3, 30), (0, 50)] {
            assert_eq!(waiting.longest(), Some((flow, since)));
            waiting.take(&mut places[flow as usize]);
        }
        assert_eq!((waiting.bytes, waiting.pieces, waiting.longest()), (0, 0, None));
        assert_eq!((places, waiting.places.len()), ([NONE; 4], 4));
        assert_eq!(waiting.take(&mut places[0]).len(), 0);
    }

    #[test]
    fn what_moves_beyond_the_limit_is_dropped() {
        let mut waiting = Waiting::new();
        let mut place = NONE;
        waiting.add(&mut place, 0, piece(0, b"abcd"), 0);
        waiting.add(&mut place, 0, piece(10, b"efgh"), 4);
        waiting.add(&mut place, 0, piece(20, b"ij"), 8);
        assert_eq!(waiting.shift(place, 5, 17), 4);
        let left = waiting.at(place).iter().map(|piece| (piece.offset, &piece.bytes[..]));
        assert_eq!(left.collect::<Vec<_>>(), [(5, &b"abcd"[..]), (15, &b"ef"[..])]);
        assert_eq!((waiting.bytes, waiting.pieces), (6, 2));
        assert_eq!(waiting.shift(NONE, 5, 17), 0);
    }
}
