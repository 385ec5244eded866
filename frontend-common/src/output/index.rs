//! When each byte arrived: `-I` puts a text file `NAME.findx` beside the file of a flow.
//!
//! One line per segment with payload, in the order of arrival: `offset|seconds.fraction|length`. The
//! offset is the stream offset, which is the place in the file; the fraction has six digits, nine
//! where the capture has nanoseconds; the length is what the file keeps of the segment, 0 beyond the
//! limit of `-b`. Retransmissions have lines too.

use std::fmt::Write;

use tapflow_core::Timestamp;

use super::files::FileId;
use crate::flow::Shortened;

/// Lines kept in memory for one flow.
pub(super) const LINES: usize = 512;

/// What is appended to the flow's name.
pub const SUFFIX: &str = ".findx";

/// The index of one flow, as far as it is not in its file.
#[derive(Debug, Default)]
pub(super) struct FlowIndex {
    pub(super) file: Option<FileId>,
    /// Bytes in the file.
    pub(super) on_disk: u64,
    lines: Vec<Line>,
    last: Option<Last>,
}

#[derive(Debug)]
struct Line {
    offset: u64,
    time: Timestamp,
    kept: u64,
}

/// The last piece of a segment that was noted.
#[derive(Debug)]
struct Last {
    end: u64,
    time: Timestamp,
    repeated: bool,
}

impl FlowIndex {
    /// Notes a piece of a segment, of which `kept` bytes are in the file. Returns whether that made a
    /// new line.
    ///
    /// A segment that is partly new comes as pieces that follow each other, new and repeated ones in
    /// turn; they share a line. Two segments captured at the same time do not, unless one of them is
    /// all new and the other all repeated.
    pub(super) fn note(&mut self, offset: u64, len: u64, kept: u64, time: Timestamp, repeated: bool) -> bool {
        let continues = self
            .last
            .as_ref()
            .is_some_and(|last| last.end == offset && last.time == time && last.repeated != repeated);
        self.last = Some(Last { end: offset + len, time, repeated });
        match self.lines.last_mut() {
            Some(line) if continues => {
                line.kept += kept;
                false
            }
            _ => {
                self.lines.push(Line { offset, time, kept });
                true
            }
        }
    }

    /// Lines in memory.
    pub(super) fn pending(&self) -> usize {
        self.lines.len()
    }

    /// The lines in memory as text, which leaves the memory.
    pub(super) fn take_text(&mut self, text: &mut String) {
        for Line { offset, time, kept } in self.lines.drain(..) {
            let (seconds, nanos) = (time.seconds(), time.subsec_nanos());
            let written = if nanos % 1000 == 0 {
                writeln!(text, "{offset}|{seconds}.{:06}|{kept}", nanos / 1000)
            } else {
                writeln!(text, "{offset}|{seconds}.{nanos:09}|{kept}")
            };
            debug_assert!(written.is_ok(), "writing to a String cannot fail");
        }
        if self.lines.capacity() > LINES / 8 {
            self.lines = Vec::new();
        }
    }

    /// The stream begins `by` bytes earlier: corrects the lines in memory.
    pub(super) fn rebase(&mut self, by: u64, limit: u64) {
        for line in &mut self.lines {
            (line.offset, line.kept) = moved(line.offset, line.kept, by, limit);
        }
        if let Some(last) = &mut self.last {
            last.end += by;
        }
    }
}

fn moved(offset: u64, kept: u64, by: u64, limit: u64) -> (u64, u64) {
    let offset = offset.saturating_add(by);
    (offset, kept.min(limit.saturating_sub(offset)))
}

/// The same correction for lines that were written already; a line that is none stays as it is.
pub(super) fn rebase_text(text: &str, by: u64, limit: u64) -> String {
    let mut corrected = String::with_capacity(text.len() + text.len() / 4);
    for line in text.split_inclusive('\n') {
        let mut fields = line.trim_end().splitn(3, '|');
        let parsed = (|| {
            let offset = fields.next()?.parse().ok()?;
            let time = fields.next()?;
            let kept = fields.next()?.parse().ok()?;
            let (offset, kept) = moved(offset, kept, by, limit);
            writeln!(corrected, "{offset}|{time}|{kept}").ok()
        })();
        if parsed.is_none() {
            corrected.push_str(line);
        }
    }
    corrected
}

/// Lines of a file out of which the bytes at these offsets were taken, and these parts of holes: places move down,
/// lengths shrink.
pub(super) fn close_up_text(text: &str, left_out: &[u64], shortened: &Shortened) -> String {
    let mut corrected = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let mut fields = line.trim_end().splitn(3, '|');
        let parsed = (|| {
            let offset: u64 = fields.next()?.parse().ok()?;
            let time = fields.next()?;
            let kept: u64 = fields.next()?.parse().ok()?;
            let below = left_out.partition_point(|left_out| *left_out < offset) as u64;
            let within = left_out.partition_point(|left_out| *left_out < offset + kept) as u64 - below;
            writeln!(corrected, "{}|{time}|{}", offset - below - shortened.below(offset), kept - within).ok()
        })();
        if parsed.is_none() {
            corrected.push_str(line);
        }
    }
    corrected
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: Timestamp = Timestamp::new(1_700_000_000, 10_000);

    fn text(index: &mut FlowIndex) -> String {
        let mut text = String::new();
        index.take_text(&mut text);
        text
    }

    #[test]
    fn one_line_for_each_segment_in_order_of_arrival() {
        let mut index = FlowIndex::default();
        index.note(0, 10, 10, AT, false);
        index.note(20, 5, 5, Timestamp::new(1_700_000_000, 20_000), false);
        index.note(10, 10, 0, Timestamp::new(1_700_000_001, 123_456_789), false);
        assert_eq!(
            text(&mut index),
            "0|1700000000.000010|10\n20|1700000000.000020|5\n10|1700000001.123456789|0\n"
        );
    }

    #[test]
    fn segments_of_the_same_time_have_their_own_lines_and_pieces_of_one_share_it() {
        let mut index = FlowIndex::default();
        index.note(0, 10, 10, AT, false);
        index.note(10, 10, 10, AT, false);
        index.note(20, 5, 5, AT, true);
        index.note(25, 5, 5, AT, false);
        assert_eq!(text(&mut index), "0|1700000000.000010|10\n10|1700000000.000010|20\n");
    }

    #[test]
    fn lines_move_when_the_stream_begins_earlier() {
        let mut index = FlowIndex::default();
        index.note(0, 10, 10, AT, false);
        index.rebase(100, 105);
        assert_eq!(text(&mut index), "100|1700000000.000010|5\n");
        assert_eq!(
            rebase_text("0|1.000001|10\n90|1.000001|10\n", 10, 105),
            "10|1.000001|10\n100|1.000001|5\n"
        );
    }
}
