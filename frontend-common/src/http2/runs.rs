//! Where the bytes of a body are in its direction, in bounded memory.
//!
//! One run stands for each frame, and for several frames where a connection has too many: those between the first and the
//! last of them are read again then.

use std::ops::Range;

use super::frame::{self, Frame, HEADER, Kind};

/// Frames with bytes of one body that follow each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// From the first to the last frame, in offsets of the direction. Frames of other streams may be between.
    pub frames: Range<u64>,
    /// The bytes without padding, where it is one frame and its padding is known.
    pub payload: Option<Range<u64>>,
    /// It is one frame.
    pub is_single: bool,
    /// Frames of the body may be missing in front of it.
    pub after_loss: bool,
}

/// The runs of one body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Runs(Vec<Run>);

impl Runs {
    /// All of them, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Run> {
        self.0.iter()
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Another frame.
    pub(super) fn push(&mut self, run: Run) {
        self.0.push(run);
    }

    /// Makes one run of each two, where nothing is lost between them.
    pub(super) fn join(&mut self) {
        let mut joined: Vec<Run> = Vec::with_capacity(self.0.len() / 2 + 1);
        let mut is_open = false;
        for run in self.0.drain(..) {
            match joined.last_mut().filter(|_| is_open && !run.after_loss) {
                Some(last) => {
                    last.frames.end = run.frames.end;
                    (last.payload, last.is_single) = (None, false);
                    is_open = false;
                }
                None => {
                    joined.push(run);
                    is_open = true;
                }
            }
        }
        self.0 = joined;
    }
}

/// The bytes of a body in the frame that has this header, if it is one of `stream`: the header is at `at`, the first byte
/// of the payload is `first`.
#[must_use]
pub fn payload(header: &[u8; HEADER], first: Option<u8>, at: u64, stream: u32) -> Place {
    let frame = Frame::parse(header);
    let start = at + HEADER as u64;
    let end = start + u64::from(frame.length);
    let is_own = frame.kind == Kind::Data && frame.stream == stream;
    let payload = match first {
        _ if !is_own => None,
        _ if !frame.has(frame::PADDED) => Some(start..end),
        Some(padding) => Some(start + 1..end.saturating_sub(u64::from(padding)).max(start + 1)),
        None => None,
    };
    Place { is_own, payload, end }
}

/// What [`payload`] finds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The frame has bytes of the body.
    pub is_own: bool,
    /// Which; `None` where its padding is not known.
    pub payload: Option<Range<u64>>,
    /// Where the next frame begins.
    pub end: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(start: u64, after_loss: bool) -> Run {
        Run { frames: start..start + 20, payload: Some(start + 9..start + 20), is_single: true, after_loss }
    }

    #[test]
    fn pairs_are_joined_but_not_over_a_loss() {
        let mut runs = Runs((0..5).map(|number| run(number * 20, number == 3)).collect());
        runs.join();
        let frames: Vec<_> =
            runs.iter().map(|run| (run.frames.clone(), run.is_single, run.after_loss)).collect();
        assert_eq!(frames, [(0..40, false, false), (40..60, true, false), (60..100, false, true)]);
    }

    #[test]
    fn padding_is_no_part_of_a_body() {
        let header = b"\0\0\x0a\0\x09\0\0\0\x03";
        let place = |payload| Place { is_own: true, payload, end: 119 };
        assert_eq!(payload(header, Some(4), 100, 3), place(Some(110..115)));
        assert_eq!(payload(header, None, 100, 3), place(None));
        assert_eq!(payload(header, Some(200), 100, 3), place(Some(110..110)));
        assert!(!payload(header, Some(4), 100, 5).is_own);
    }
}
