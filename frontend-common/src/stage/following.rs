//! Follows a few connections over time, for the page: those with data, as many as there are places, of which the
//! heaviest are passed on when they close.

use std::ops::Range;

use tapflow_core::decode::Segment;
use tapflow_core::{Side, Timestamp};

use crate::flow::{Trace, TraceSide};
use crate::report::FOLLOWED;

/// Connections that are followed at once.
const PLACES: usize = 16;
/// A connection without bytes for so many nanoseconds gives its place to another one.
const QUIET: u64 = 10_000_000_000;
/// Not followed, whatever comes.
const NEVER: u8 = u8::MAX;
/// A SYN without a window scale.
const UNSCALED: u8 = u8::MAX;

/// The connections that are followed.
#[derive(Debug, Default)]
pub(crate) struct Following {
    /// By slot, a connection having two.
    known: Vec<Known>,
    places: [Option<Place>; PLACES],
    #[allow(clippy::vec_box, reason = "they are passed on as boxes")]
    spare: Vec<Box<Trace>>,
    /// The directory of the connection that closed last, and the lightest that were passed on in it, ascending.
    best: (u32, Vec<u64>),
    /// The segment under way: its flow's slot, whether that is the client's, and the number of its first byte.
    current: (u32, bool, u32),
}

/// What is known of a connection.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// The number of its place plus one; 0 before there is data.
    place: u8,
    /// Of the flows in both slots: the window scale plus one, 0 before the SYN.
    scales: [u8; 2],
    /// Flows that are open.
    open: u8,
}

#[derive(Debug)]
struct Place {
    /// Half of its slots.
    connection: u32,
    /// The slot of the client's flow.
    client: u32,
    last: Timestamp,
    trace: Box<Trace>,
}

impl Place {
    fn side(&mut self, slot: u32) -> &mut TraceSide {
        &mut self.trace.sides[usize::from(slot != self.client)]
    }
}

impl Following {
    fn known(&mut self, slot: u32) -> &mut Known {
        let place = (slot / 2) as usize;
        if self.known.len() <= place {
            self.known.resize(place + 1, Known::default());
        }
        &mut self.known[place]
    }

    fn place(&mut self, slot: u32) -> Option<&mut Place> {
        let place = self.known.get((slot / 2) as usize)?.place;
        self.places.get_mut(usize::from(place.checked_sub(1)?))?.as_mut()
    }

    /// A segment of a connection.
    pub(crate) fn segment(&mut self, side: &Side, segment: &Segment<'_>, time: Timestamp) {
        let flags = segment.flags;
        self.current = (side.slot, side.client, segment.sequence.wrapping_add(u32::from(flags.syn)));
        if flags.syn {
            let scale = segment.window_scale.map_or(UNSCALED, |scale| scale + 1);
            self.known(side.slot).scales[(side.slot & 1) as usize] = scale;
        }
        let Some(known) = self.known.get((side.slot / 2) as usize).copied() else { return };
        if matches!(known.place, 0 | NEVER) || !flags.ack || flags.rst {
            return;
        }
        let window = match known.scales {
            [0, _] | [_, 0] => None,
            _ if flags.syn => Some(u32::from(segment.window)),
            [UNSCALED, _] | [_, UNSCALED] => Some(u32::from(segment.window)),
            scales => Some(u32::from(segment.window) << (scales[(side.slot & 1) as usize] - 1)),
        };
        if let Some(place) = self.place(side.slot) {
            place.side(side.slot ^ 1).acknowledged(segment.acknowledgement, window, time);
        }
    }

    /// A flow begins.
    pub(crate) fn opened(&mut self, slot: u32) {
        self.known(slot).open += 1;
    }

    /// Bytes seen for the first time.
    pub(crate) fn data(&mut self, slot: u32, offset: u64, bytes: &[u8], time: Timestamp) {
        match self.known(slot).place {
            0 => self.begin(slot, time),
            NEVER => return,
            _ => {}
        }
        let (current, _, sequence) = self.current;
        let Some(place) = self.place(slot) else { return };
        place.last = time;
        let side = place.side(slot);
        if current == slot {
            side.anchor(sequence, offset);
        }
        side.data(offset, bytes, time);
    }

    /// Bytes that came again; `replacing` if they count instead of those before.
    pub(crate) fn repeated(
        &mut self,
        slot: u32,
        offset: u64,
        bytes: &[u8],
        time: Timestamp,
        replacing: bool,
    ) {
        if let Some(place) = self.place(slot) {
            place.side(slot).repeated(offset, bytes, time, replacing);
        }
    }

    /// The stream begins earlier.
    pub(crate) fn rebased(&mut self, slot: u32, by: u64) {
        if let Some(place) = self.place(slot) {
            place.side(slot).rebased(by);
        }
    }

    /// Bytes never seen.
    pub(crate) fn gap(&mut self, slot: u32, range: Range<u64>) {
        if let Some(place) = self.place(slot) {
            place.side(slot).gap(range);
        }
    }

    /// A flow ends. With the last one of its connection the trace is over: the answer, if it is heavy enough.
    pub(crate) fn closed(&mut self, slot: u32, directory: u32) -> Option<Box<Trace>> {
        let known = self.known(slot);
        known.open = known.open.saturating_sub(1);
        if known.open > 0 {
            return None;
        }
        let place = std::mem::take(known).place;
        let place = self.places.get_mut(usize::from(place.checked_sub(1)?))?.take()?;
        if self.best.0 != directory {
            self.best = (directory, Vec::new());
        }
        let (weight, best) = (place.trace.weight(), &mut self.best.1);
        if best.len() >= FOLLOWED {
            if best.first().is_some_and(|least| weight <= *least) {
                self.spare.push(place.trace);
                return None;
            }
            best.remove(0);
        }
        best.insert(best.partition_point(|other| *other < weight), weight);
        Some(place.trace)
    }

    /// A connection has its first data: it gets a place, if there is one.
    fn begin(&mut self, slot: u32, time: Timestamp) {
        let free = self.places.iter().position(Option::is_none);
        let number = free.or_else(|| self.quietest(time));
        let Some((number, place)) = number.and_then(|number| Some((number, self.places.get_mut(number)?)))
        else {
            self.known(slot).place = NEVER;
            return;
        };
        let mut trace = match place.take() {
            Some(Place { connection, trace, .. }) => {
                self.known(2 * connection).place = NEVER;
                trace
            }
            None => self.spare.pop().unwrap_or_default(),
        };
        trace.clear();
        let (current, is_client, _) = self.current;
        let client = if (current == slot) == is_client { slot } else { slot ^ 1 };
        self.places[number] = Some(Place { connection: slot / 2, client, last: time, trace });
        self.known(slot).place = u8::try_from(number + 1).unwrap_or(NEVER);
    }

    /// The lightest of the connections that have been quiet for a while.
    fn quietest(&self, time: Timestamp) -> Option<usize> {
        let places =
            self.places.iter().enumerate().filter_map(|(number, place)| Some((number, place.as_ref()?)));
        let quiet = places.filter(|(_, place)| time.0.saturating_sub(place.last.0) >= QUIET);
        quiet.min_by_key(|(_, place)| place.trace.weight()).map(|(number, _)| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(following: &mut Following, slot: u32, bytes: usize, seconds: u64) {
        following.opened(slot);
        following.current = (slot, true, 0);
        following.data(slot, 0, &vec![0; bytes], Timestamp::new(seconds, 0));
    }

    #[test]
    fn the_heaviest_are_passed_on() {
        let mut following = Following::default();
        let mut passed = Vec::new();
        for number in 0..100 {
            // First light ones, then heavier ones, then light ones again.
            let bytes = if number < 50 { number + 1 } else { 100 - number } as usize;
            connection(&mut following, 2 * number, bytes, 0);
            passed.extend(following.closed(2 * number, 0).map(|trace| trace.weight()));
        }
        // All as long as they get heavier, then those of 50, 49, 48 and 47 bytes, which are not lighter than 8 others.
        assert_eq!((passed.len(), &passed[50..]), (54, &[50, 49, 48, 47][..]));
        connection(&mut following, 0, 1, 0);
        assert!(following.closed(0, 1).is_some(), "another directory has its own");
    }

    #[test]
    fn both_directions_are_one_and_the_last_ends_it() {
        let mut following = Following::default();
        connection(&mut following, 6, 10, 0);
        following.opened(7);
        following.current = (7, false, 0);
        following.data(7, 0, b"answer", Timestamp::new(1, 0));
        assert_eq!(following.closed(6, 0), None);
        let trace = following.closed(7, 0).expect("a trace");
        assert_eq!(trace.sides.map(|side| side.bytes[0]), [10, 6]);
        // The server's data may come first.
        following.opened(8);
        following.opened(9);
        following.current = (9, false, 0);
        following.data(9, 0, b"hello", Timestamp::new(1, 0));
        following.closed(8, 0);
        assert_eq!(following.closed(9, 0).expect("a trace").sides.map(|side| side.bytes[0]), [0, 5]);
    }

    #[test]
    fn a_place_is_taken_only_from_one_that_is_quiet() {
        let mut following = Following::default();
        for number in 0..PLACES as u32 {
            connection(&mut following, 2 * number, 100 - number as usize, 0);
        }
        connection(&mut following, 100, 5, 9);
        assert_eq!(following.closed(100, 0), None);
        connection(&mut following, 102, 5, 10);
        assert!(following.closed(102, 0).is_some());
        // It was the place of the lightest, which has none any more.
        assert_eq!(following.closed(2 * PLACES as u32 - 2, 0), None);
        assert!(following.closed(0, 0).is_some());
    }
}
