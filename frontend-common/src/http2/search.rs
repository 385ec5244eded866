//! Frames found again where bytes are missing, or where a capture begins late.
//!
//! A place is taken for the begin of a frame if [`LINKS`] headers follow each other there by their lengths. Fewer are enough
//! where the last frame ends with the bytes, or one has data of a stream that is known. Random bytes pass for one header
//! once in about 2^20 places.

use super::frame::{self, Frame, HEADER, Kind};
use crate::resync::{Found, REACH};

/// Headers that prove a place.
const LINKS: u32 = 3;
/// Headers that prove the first place, where the last frame goes on far: packets mostly begin where frames do.
const FIRST_LINKS: u32 = 2;

/// What is known of a direction's frames.
#[derive(Clone, Debug)]
pub(super) struct Known {
    /// The longest payload.
    pub(super) longest: u32,
    /// The highest stream so far.
    highest: u32,
    /// Streams that had a frame of late.
    recent: [u32; 32],
    next: usize,
}

/// Streams that begin in a hole: a frame of a stream above these is not likely.
const STREAMS_IN_A_HOLE: u32 = 1 << 20;

impl Known {
    pub(super) fn new(longest: u32) -> Self {
        Self { longest, highest: 0, recent: [0; 32], next: 0 }
    }

    /// A frame was read.
    pub(super) fn saw(&mut self, frame: &Frame) {
        self.longest = self.longest.max(frame.length);
        if frame.stream == 0 {
            return;
        }
        self.highest = self.highest.max(frame.stream);
        if !self.has(frame.stream) {
            self.recent[self.next] = frame.stream;
            self.next = (self.next + 1) % self.recent.len();
        }
    }

    /// Whether a stream had a frame of late.
    fn has(&self, stream: u32) -> bool {
        self.recent.contains(&stream)
    }

    fn is_likely(&self, frame: &Frame) -> bool {
        // Among zeros, empty frames would be found at every place.
        let is_empty = frame.length == 0 && !frame.has(frame::END_STREAM);
        let is_stream = frame.stream <= self.highest.saturating_add(STREAMS_IN_A_HOLE);
        is_stream
            && !(is_empty && matches!(frame.kind, Kind::Data | Kind::Headers))
            && frame.is_likely(self.longest)
    }
}

/// Looks for the first frame from `from` on. Place 0 is the begin of a packet if it `is_packet`. No bytes follow if it
/// `is_end`.
pub(super) fn find(bytes: &[u8], from: usize, is_packet: bool, is_end: bool, known: &Known) -> Found {
    let mut at = from;
    while at + HEADER <= bytes.len() {
        match chain(&bytes[at..], at == 0 && is_packet, is_end, known) {
            Chain::Good => return Found::Frame(at),
            Chain::Bad => at += 1,
            Chain::Wait(count) => return Found::Wait { at, until: at + count },
        }
    }
    if is_end { Found::Nothing } else { Found::Wait { at, until: at + HEADER } }
}

enum Chain {
    Good,
    Bad,
    Wait(usize),
}

fn chain(bytes: &[u8], is_packet: bool, is_end: bool, known: &Known) -> Chain {
    let (mut at, mut links) = (0_usize, 0);
    let mut is_known = false;
    loop {
        let Some(header) = bytes.get(at..).and_then(<[u8]>::first_chunk) else {
            let is_far = at + HEADER > REACH;
            if !is_end && !is_far {
                return Chain::Wait(at + HEADER);
            }
            let is_near = is_known || is_end && at == bytes.len();
            let good = links >= 1 && is_near || links >= FIRST_LINKS && is_packet;
            return if good { Chain::Good } else { Chain::Bad };
        };
        let frame = Frame::parse(header);
        if !known.is_likely(&frame) {
            return Chain::Bad;
        }
        links += 1;
        is_known |= frame.kind == Kind::Data && known.has(frame.stream);
        if links == LINKS {
            return Chain::Good;
        }
        at += HEADER + frame.length as usize;
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::MAX_FRAME;
    use super::*;

    const PING: &[u8] = b"\0\0\x08\x06\0\0\0\0\0abcdefgh";
    const DATA: &[u8] = b"\0\0\x03\0\0\0\0\0\x05xyz";

    #[test]
    fn three_headers_prove_a_place_and_fewer_at_the_end() {
        let known = Known::new(MAX_FRAME);
        let bytes = [&b"rest of something"[..], PING, DATA, PING].concat();
        assert_eq!(find(&bytes, 0, false, false, &known), Found::Frame(17));
        let bytes = [&b"rest"[..], PING, DATA].concat();
        assert_eq!(find(&bytes, 0, false, false, &known), Found::Wait { at: 4, until: 4 + 17 + 12 + 9 });
        assert_eq!(find(&bytes, 0, false, true, &known), Found::Frame(4));
        let bytes = [&b"rest"[..], PING].concat();
        assert_eq!(find(&bytes, 0, false, true, &known), Found::Frame(4));
        assert_eq!(find(&bytes[..15], 0, false, true, &known), Found::Nothing);
    }

    #[test]
    fn a_frame_that_goes_on_beyond_the_end_counts_if_its_stream_is_known() {
        let mut known = Known::new(MAX_FRAME);
        assert_eq!(find(&DATA[..10], 0, false, true, &known), Found::Nothing);
        known.saw(&Frame::parse(DATA.first_chunk().unwrap()));
        assert_eq!(find(&DATA[..10], 0, false, true, &known), Found::Frame(0));
    }

    #[test]
    fn a_long_frame_behind_another_one_counts_at_the_begin_of_a_packet() {
        let known = Known::new(1 << 20);
        let bytes = [PING, b"\x02\0\0\0\0\0\0\0\x05", &[b'x'; REACH]].concat();
        assert_eq!(find(&bytes, 0, true, false, &known), Found::Frame(0));
        assert!(matches!(find(&bytes, 0, false, false, &known), Found::Wait { at, .. } if at > 17));
    }

    #[test]
    fn text_and_zeros_contain_no_frames() {
        let known = Known::new(MAX_FRAME);
        for bytes in [vec![0; REACH], b"GET / HTTP/1.1\r\n".repeat(1000)] {
            assert_eq!(find(&bytes, 0, false, true, &known), Found::Nothing);
        }
    }
}
