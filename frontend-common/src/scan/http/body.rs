//! Where the bytes of a body are in their stream: one piece after the other, gaps told as such.

use std::ops::Range;

use memchr::memchr;

use super::facts::{Anomalies, Anomaly};
use super::framing::Framing;
use super::stream::{Direction, Slice};
use crate::flow::Ranges;
use crate::http2;

/// The longest line that begins a chunk, with extensions.
const MAX_CHUNK_LINE: u64 = 16 << 10;
/// The longest trailer section.
const MAX_TRAILER: u64 = 64 << 10;
/// The longest part of a body that is read at once.
const PIECE: u64 = 256 << 10;

/// A part of a body.
#[derive(Clone, Debug)]
pub(super) enum Piece<'a> {
    /// Bytes at a stream offset.
    Bytes(u64, Slice<'a>),
    /// So many bytes were never captured.
    Gap(u64),
    /// Bytes may be missing here, it is not known how many.
    Loss,
}

/// What a body came to on its way through the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Walked {
    /// Where the next message begins.
    pub(super) end: u64,
    /// Its bytes without framing, in gaps too.
    pub(super) length: u64,
    /// How many of them were never captured, as far as that is known.
    pub(super) missing: u64,
    /// Where they are in the stream, gaps included.
    pub(super) runs: Ranges,
    /// All of it was captured.
    pub(super) complete: bool,
    /// The fields behind the last chunk.
    pub(super) trailers: Range<u64>,
    /// The first and the last byte captured.
    pub(super) seen: Option<(u64, u64)>,
    /// Bytes and pieces looked at.
    pub(super) steps: u64,
}

/// Shows every piece of the body of a message of HTTP/2 to `visit`, in order. `expected` is its length as the head says.
///
/// Frames may have been lost. If the length is the expected one, none were.
pub(super) fn walk_frames<'a>(
    direction: &Direction<'a>,
    stream: u32,
    message: &http2::Message,
    expected: Option<u64>,
    anomalies: &mut Anomalies,
    visit: &mut dyn FnMut(Piece<'a>),
) -> Walked {
    let mut is_certain = !message.is_holed;
    let mut steps = 0;
    if !is_certain {
        let (mut length, mut is_known) = (0, true);
        steps += each_frame(direction, stream, message, &mut |place| match place {
            Some((payload, _)) => length += payload.end - payload.start,
            None => is_known = false,
        });
        is_certain = is_known && expected == Some(length);
    }
    let mut walk = Walk { direction, visit, walked: Walked { end: 0, steps, ..Walked::default() } };
    let mut is_cut = false;
    let steps = each_frame(direction, stream, message, &mut |place| match place {
        Some((payload, after_loss)) => {
            if after_loss && !is_certain {
                (walk.visit)(Piece::Loss);
            }
            is_cut |= payload.end > direction.len();
            walk.run(payload);
        }
        None => (walk.visit)(Piece::Loss),
    });
    if !message.ends && !is_certain {
        (walk.visit)(Piece::Loss);
    }
    let mut walked = walk.walked;
    walked.steps += steps;
    // The end may have been in a frame that was lost.
    let ends = message.ends || is_certain && message.is_holed;
    walked.complete = ends && is_certain && !is_cut && walked.missing == 0;
    if walked.missing > 0 {
        anomalies.add(Anomaly::GapInBody);
    }
    if !is_certain {
        anomalies.add(Anomaly::FramesLost);
    }
    walked
}

/// Shows where the bytes of each frame are, and whether frames may be missing in front of it; `None` where that is not known.
/// Bytes that were looked at are counted.
fn each_frame(
    direction: &Direction<'_>,
    stream: u32,
    message: &http2::Message,
    visit: &mut dyn FnMut(Option<(Range<u64>, bool)>),
) -> u64 {
    let mut steps = 0;
    for run in message.runs.iter() {
        if run.is_single {
            visit(run.payload.clone().map(|payload| (payload, run.after_loss)));
            steps += 1;
            continue;
        }
        let (mut at, mut after_loss) = (run.frames.start, run.after_loss);
        while at < run.frames.end {
            steps += http2::HEADER as u64;
            let bytes = direction.seen(at, http2::HEADER as u64 + 1);
            let Some(header) = bytes.first_chunk() else {
                visit(None);
                break;
            };
            let place = http2::payload(header, bytes.get(http2::HEADER).copied(), at, stream);
            if place.is_own {
                visit(place.payload.map(|payload| (payload, after_loss)));
                after_loss = false;
            }
            at = place.end;
        }
    }
    steps
}

/// Shows every piece of the body that begins at `start` to `visit`, in order.
pub(super) fn walk<'a>(
    direction: &Direction<'a>,
    start: u64,
    framing: Framing,
    anomalies: &mut Anomalies,
    visit: &mut dyn FnMut(Piece<'a>),
) -> Walked {
    let mut walk = Walk { direction, visit, walked: Walked { end: start, ..Walked::default() } };
    match framing {
        Framing::None | Framing::Tunnel | Framing::Frames => walk.walked.complete = true,
        Framing::Length(length) => {
            let end = start.saturating_add(length);
            walk.run(start..end);
            walk.walked.complete = end <= direction.len() && walk.walked.missing == 0;
        }
        Framing::UntilClose => {
            walk.run(start..direction.len());
            walk.walked.complete = direction.ends && walk.walked.missing == 0;
        }
        Framing::Chunked => {
            let whole = walk.chunks(start, anomalies);
            walk.walked.complete = whole && walk.walked.missing == 0;
        }
    }
    if walk.walked.missing > 0 {
        anomalies.add(Anomaly::GapInBody);
    }
    walk.walked
}

struct Walk<'w, 'a> {
    direction: &'w Direction<'a>,
    visit: &'w mut dyn FnMut(Piece<'a>),
    walked: Walked,
}

impl Walk<'_, '_> {
    /// A range that belongs to the body, as far as the stream goes.
    fn run(&mut self, range: Range<u64>) {
        let range = range.start..range.end.min(self.direction.len()).max(range.start);
        self.walked.end = range.end;
        if range.is_empty() {
            return;
        }
        self.walked.length += range.end - range.start;
        self.walked.runs.push(range.clone());
        for (piece, seen) in self.direction.pieces(range.clone()) {
            let length = piece.end - piece.start;
            self.walked.steps += if seen { length } else { 1 };
            if seen {
                let rest = self.bytes(piece);
                if !rest.is_empty() {
                    let length = range.end - rest.start;
                    self.walked.missing += length;
                    (self.visit)(Piece::Gap(length));
                    return;
                }
            } else {
                self.walked.missing += length;
                (self.visit)(Piece::Gap(length));
            }
        }
    }

    /// A range without a gap: what of it cannot be read.
    fn bytes(&mut self, range: Range<u64>) -> Range<u64> {
        let longest = if self.direction.source.is_some() { PIECE } else { u64::MAX };
        let mut at = range.start;
        while at < range.end {
            let end = range.end.min(at.saturating_add(longest));
            let bytes = self.direction.slice(at..end);
            let read = at + bytes.len() as u64;
            if read > at {
                let first = self.walked.seen.map_or(at, |(first, _)| first);
                self.walked.seen = Some((first, read - 1));
                (self.visit)(Piece::Bytes(at, bytes));
            }
            at = read;
            if read < end {
                break;
            }
        }
        at..range.end
    }

    /// RFC 9112, 7.1: whether the last chunk and the trailers were there.
    fn chunks(&mut self, start: u64, anomalies: &mut Anomalies) -> bool {
        let mut at = start;
        loop {
            self.walked.end = at;
            let line = match chunk_line(&self.direction.seen(at, MAX_CHUNK_LINE)) {
                Some(Ok(line)) => {
                    self.walked.steps += line.length;
                    line
                }
                // A gap or the end: the next message is found again behind it.
                None => {
                    if self.direction.seen_until(at) < self.direction.len() {
                        anomalies.add(Anomaly::GapInBody);
                    }
                    return false;
                }
                Some(Err(())) => {
                    anomalies.add(Anomaly::BadChunk);
                    return false;
                }
            };
            at += line.length;
            if line.size == 0 {
                return self.trailer(at);
            }
            let end = at.saturating_add(line.size);
            self.run(at..end);
            if end > self.direction.len() {
                return false;
            }
            at = end;
            // Some servers forget the line end behind a chunk.
            at += match &*self.direction.seen(at, 2) {
                [b'\r', b'\n', ..] => 2,
                [b'\n', ..] => 1,
                _ => 0,
            };
        }
    }

    /// Fields behind the last chunk, up to an empty line.
    fn trailer(&mut self, start: u64) -> bool {
        let bytes = self.direction.seen(start, MAX_TRAILER);
        let mut at = 0;
        loop {
            let rest = &bytes[at..];
            let length = match rest {
                [b'\r', b'\n', ..] => 2,
                [b'\n', ..] => 1,
                // The connection, or what was captured of it, ends a little early.
                _ => 0,
            };
            // No field begins so: an empty line was forgotten.
            let next = rest.starts_with(b"HTTP/1.");
            let line = memchr(b'\n', rest).filter(|end| memchr(b':', &rest[..*end]).is_some() && !next);
            match line {
                Some(end) if length == 0 => at += end + 1,
                _ => {
                    self.walked.trailers = start..start + at as u64;
                    self.walked.end = start + (at + length) as u64;
                    return length > 0 || next;
                }
            }
        }
    }
}

/// The line that begins a chunk.
pub(super) struct ChunkLine {
    pub(super) size: u64,
    /// With its line end.
    pub(super) length: u64,
}

/// The chunk that begins so: `None` if its line is not whole, an error if it is none.
pub(super) fn chunk_line(bytes: &[u8]) -> Option<Result<ChunkLine, ()>> {
    let Some(end) = memchr(b'\n', bytes) else {
        // What begins with no digit does not become a chunk by its line's end.
        let other = bytes.trim_ascii_start().first().is_some_and(|byte| !byte.is_ascii_hexdigit());
        return (other || bytes.len() as u64 >= MAX_CHUNK_LINE).then_some(Err(()));
    };
    let line = &bytes[..end];
    let size = memchr(b';', line).map_or(line, |semicolon| &line[..semicolon]).trim_ascii();
    let digits = !size.is_empty() && size.iter().all(u8::is_ascii_hexdigit);
    let size = std::str::from_utf8(size).ok().filter(|_| digits);
    let size = size.and_then(|size| u64::from_str_radix(size, 16).ok());
    Some(size.map(|size| ChunkLine { size, length: end as u64 + 1 }).ok_or(()))
}
