//! The messages of one direction.

use std::ops::Range;

use super::deflate::{Allowance, Deflate, Fault, Inflater};
use super::frame::{Frame, LONGEST, MAX_CONTROL, Opcode, Parsed, SHORTEST, parse, unmask};
use super::search;
use crate::resync::Search;

/// Bytes of a payload that are looked at together.
const PIECE: usize = 16 << 10;

/// What is in a direction.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'b> {
    /// A message begins.
    Begin {
        /// Where its first frame is, in stream offsets.
        offset: u64,
        /// Text or binary; `Continuation` where its first frame was lost.
        opcode: Opcode,
    },
    /// Bytes of it, unmasked and decompressed.
    Data(&'b [u8]),
    /// Bytes of it that were never captured.
    Hole(u64),
    /// It ends.
    End(Ended),
    /// A control frame, which may stand inside of a message.
    Control {
        /// Where it is.
        offset: u64,
        /// Close, ping or pong.
        opcode: Opcode,
        /// What it says.
        payload: &'b [u8],
    },
    /// There may have been any frames in here.
    Lost(Range<u64>),
}

/// What a message came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// Frames.
    pub fragments: u64,
    /// Bytes of their payloads, in gaps too.
    pub wire_length: u64,
    /// The frames were masked.
    pub is_masked: bool,
    /// It was compressed.
    pub is_compressed: bool,
    /// All of it was captured and decompressed.
    pub is_complete: bool,
    /// It could not be decompressed: damaged, or it refers to messages that are missing.
    pub is_damaged: bool,
    /// It decompresses to far more than it is.
    pub is_bomb: bool,
}

/// Reads one direction.
#[derive(Debug)]
pub struct Reader {
    at: u64,
    /// The sender is the client, which masks.
    is_client: bool,
    state: State,
    message: Option<Message>,
    deflate: Option<Deflate>,
    allowance: Allowance,
    inflater: Option<Inflater>,
    /// Bytes that a search held, each with the place from which on they are to be read; the last ones first.
    again: Vec<(Vec<u8>, usize)>,
}

#[derive(Debug)]
enum State {
    Header {
        bytes: [u8; LONGEST],
        seen: usize,
    },
    Payload {
        frame: Frame,
        start: u64,
        place: u64,
        control: Vec<u8>,
    },
    /// Looks for a frame.
    Search(Search),
}

/// The message under way.
#[derive(Debug, Default)]
struct Message {
    ended: Ended,
    has_hole: bool,
}

const AT_HEADER: State = State::Header { bytes: [0; LONGEST], seen: 0 };

impl Reader {
    /// Reads a direction from the stream offset `at` on, behind the handshake.
    #[must_use]
    pub fn new(at: u64, is_client: bool, deflate: Option<Deflate>, allowance: Allowance) -> Self {
        let (inflater, again) = (None, Vec::new());
        Self { at, is_client, state: AT_HEADER, message: None, deflate, allowance, inflater, again }
    }

    /// Reads a direction of which the beginning is missing.
    #[must_use]
    pub fn late(at: u64, is_client: bool, allowance: Allowance) -> Self {
        // What was agreed on is not known; a mark of compression says enough.
        let deflate = Some(Deflate { keeps_context: true });
        Self { state: searching(at), ..Self::new(at, is_client, deflate, allowance) }
    }

    /// The stream offset of the next byte.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// The next bytes.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut dyn FnMut(Event<'_>)) {
        loop {
            self.read_again(out);
            if bytes.is_empty() {
                return;
            }
            bytes = self.take(bytes, out);
        }
    }

    /// The next bytes were never captured.
    pub fn gap(&mut self, length: u64, out: &mut dyn FnMut(Event<'_>)) {
        if length == 0 {
            return;
        }
        self.end_searches(out);
        let at = self.at;
        self.at += length;
        let since = match &mut self.state {
            State::Payload { frame, place, .. } => {
                let left = frame.length - *place;
                let missing = left.min(length);
                *place += missing;
                let is_control = frame.opcode.is_control();
                if missing > 0 && !is_control {
                    self.hole(missing, out);
                }
                if left >= length {
                    return self.end_frame(out);
                }
                at + missing
            }
            State::Header { seen, .. } => at - *seen as u64,
            State::Search(search) => search.since,
        };
        self.lose(out);
        self.state = searching(since);
    }

    /// Any number of bytes is missing here.
    pub fn lost(&mut self, out: &mut dyn FnMut(Event<'_>)) {
        self.end_searches(out);
        self.lose(out);
        self.state = searching(self.at);
    }

    /// The direction ends.
    pub fn finish(&mut self, out: &mut dyn FnMut(Event<'_>)) {
        self.end_searches(out);
        if let State::Search(search) = &self.state
            && search.since < self.at
        {
            out(Event::Lost(search.since..self.at));
        }
        self.end_message(false, out);
        self.state = AT_HEADER;
    }

    /// Reads what was held by a search that came to an end.
    fn read_again(&mut self, out: &mut dyn FnMut(Event<'_>)) {
        while let Some((held, mut at)) = self.again.pop() {
            while at < held.len() {
                let rest = &held[at..];
                let waiting = self.again.len();
                at += rest.len() - self.take(rest, out).len();
                if self.again.len() > waiting {
                    // What another search held comes first.
                    self.again.insert(waiting, (held, at));
                    break;
                }
            }
        }
    }

    /// Takes some of the next bytes: the rest.
    fn take<'b>(&mut self, bytes: &'b [u8], out: &mut dyn FnMut(Event<'_>)) -> &'b [u8] {
        match &mut self.state {
            State::Header { bytes: header, seen } => {
                header[*seen] = bytes[0];
                *seen += 1;
                self.at += 1;
                let held = *header;
                match parse(&held[..*seen]) {
                    Parsed::Frame(frame, size) => self.begin(frame, self.at - size as u64, out),
                    Parsed::Short => {}
                    Parsed::Invalid => {
                        let held = held[..*seen].to_vec();
                        let since = self.at - held.len() as u64;
                        self.lose(out);
                        self.state = State::Search(Search::behind(since, held, SHORTEST));
                    }
                }
                &bytes[1..]
            }
            State::Payload { frame, place, control, .. } => {
                let count = (frame.length - *place).min(bytes.len().min(PIECE) as u64) as usize;
                let (frame, from) = (*frame, *place);
                *place += count as u64;
                self.at += count as u64;
                if frame.opcode.is_control() {
                    control.extend_from_slice(&bytes[..count]);
                } else if let Some(mask) = frame.mask {
                    let mut piece = bytes[..count].to_vec();
                    unmask(&mut piece, mask, from);
                    self.payload(&piece, out);
                } else {
                    self.payload(&bytes[..count], out);
                }
                self.end_frame(out);
                &bytes[count..]
            }
            State::Search(search) => {
                let (count, decides) = search.hold(bytes);
                self.at += count as u64;
                if decides {
                    self.look(false, out);
                }
                &bytes[count..]
            }
        }
    }

    /// A frame begins at `start`: RFC 6455, 5.4.
    fn begin(&mut self, frame: Frame, start: u64, out: &mut dyn FnMut(Event<'_>)) {
        if !frame.opcode.is_control() {
            if frame.opcode != Opcode::Continuation {
                self.end_message(false, out);
            }
            let (is_masked, is_compressed) =
                (frame.mask.is_some(), frame.is_compressed && self.deflate.is_some());
            let message = self.message.get_or_insert_with(|| {
                out(Event::Begin { offset: start, opcode: frame.opcode });
                let has_hole = frame.opcode == Opcode::Continuation;
                Message { ended: Ended { is_masked, is_compressed, ..Ended::default() }, has_hole }
            });
            message.ended.fragments += 1;
            message.ended.wire_length += frame.length;
        }
        self.state = State::Payload { frame, start, place: 0, control: Vec::new() };
        self.end_frame(out);
    }

    /// Unmasked bytes of the message.
    fn payload(&mut self, bytes: &[u8], out: &mut dyn FnMut(Event<'_>)) {
        let Some(message) = &mut self.message else { return };
        if !message.ended.is_compressed {
            return out(Event::Data(bytes));
        }
        // Behind a hole nothing can be decompressed.
        if message.has_hole || message.ended.is_damaged || message.ended.is_bomb {
            return;
        }
        let Some(deflate) = self.deflate else { return };
        let allowance = self.allowance;
        let inflater = self.inflater.get_or_insert_with(|| Inflater::new(deflate, allowance));
        let result = inflater.push(bytes, &mut |bytes| out(Event::Data(bytes)));
        message.ended.is_damaged |= result == Err(Fault::Damaged);
        message.ended.is_bomb |= result == Err(Fault::Bomb);
    }

    fn hole(&mut self, length: u64, out: &mut dyn FnMut(Event<'_>)) {
        let Some(message) = &mut self.message else { return };
        message.has_hole = true;
        if !message.ended.is_compressed {
            out(Event::Hole(length));
        }
    }

    /// If a frame has all its bytes, the next one begins.
    fn end_frame(&mut self, out: &mut dyn FnMut(Event<'_>)) {
        let State::Payload { frame, start, place, control } = &mut self.state else { return };
        if *place < frame.length {
            return;
        }
        let frame = *frame;
        if frame.opcode.is_control() {
            debug_assert!(frame.length <= MAX_CONTROL);
            let (start, mut payload) = (*start, std::mem::take(control));
            self.state = AT_HEADER;
            if payload.len() as u64 == frame.length {
                unmask(&mut payload, frame.mask.unwrap_or_default(), 0);
                out(Event::Control { offset: start, opcode: frame.opcode, payload: &payload });
            }
            return;
        }
        self.state = AT_HEADER;
        if frame.is_last {
            self.end_message(true, out);
        }
    }

    /// The message under way ends, by its last frame or because it is not known how it goes on.
    fn end_message(&mut self, is_last: bool, out: &mut dyn FnMut(Event<'_>)) {
        let Some(Message { mut ended, has_hole }) = self.message.take() else { return };
        let is_whole = is_last && !has_hole;
        if ended.is_compressed
            && let (Some(deflate), false) = (self.deflate, ended.is_bomb)
        {
            let allowance = self.allowance;
            let inflater = self.inflater.get_or_insert_with(|| Inflater::new(deflate, allowance));
            if is_whole && !ended.is_damaged {
                let result = inflater.end(&mut |bytes| out(Event::Data(bytes)));
                ended.is_damaged |= result == Err(Fault::Damaged);
                ended.is_bomb |= result == Err(Fault::Bomb);
            } else {
                inflater.forget();
            }
        }
        ended.is_complete = is_whole && !ended.is_damaged && !ended.is_bomb;
        out(Event::End(ended));
    }

    /// It is not known where frames begin.
    fn lose(&mut self, out: &mut dyn FnMut(Event<'_>)) {
        self.end_message(false, out);
        if let Some(inflater) = &mut self.inflater {
            inflater.forget();
        }
    }

    /// Looks for a frame in what is held: whether one was found. Bytes from it on are read again.
    fn look(&mut self, is_end: bool, out: &mut dyn FnMut(Event<'_>)) -> bool {
        let State::Search(search) = &mut self.state else { return false };
        let (since, start) = (search.since, self.at - search.len() as u64);
        let is_client = self.is_client;
        let found =
            search.look(|bytes, from, is_packet| search::find(bytes, from, is_packet, is_end, is_client));
        let Some((bytes, place)) = found else { return false };
        self.again.push((bytes, place));
        self.at = start + place as u64;
        self.state = AT_HEADER;
        if since < self.at {
            out(Event::Lost(since..self.at));
        }
        true
    }

    /// No bytes follow those that are held.
    fn end_searches(&mut self, out: &mut dyn FnMut(Event<'_>)) {
        while self.look(true, out) {
            self.read_again(out);
        }
    }
}

/// A search for what was lost at `since`, from the begin of a packet on.
fn searching(since: u64) -> State {
    State::Search(Search::new(since, SHORTEST))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resync::REACH;

    const ALLOWANCE: Allowance = Allowance { free: 1 << 20, ratio: 10 };
    const CONTEXT: Option<Deflate> = Some(Deflate { keeps_context: true });
    const MASK: [u8; 4] = *b"\x37\xfa\x21\x3d";

    fn frame(first: u8, payload: &[u8], is_masked: bool) -> Vec<u8> {
        let mut bytes = vec![first];
        let mark = u8::from(is_masked) << 7;
        match payload.len() {
            length @ ..126 => bytes.push(mark | length as u8),
            length => {
                bytes.push(mark | 126);
                bytes.extend((length as u16).to_be_bytes());
            }
        }
        let mut payload = payload.to_vec();
        if is_masked {
            bytes.extend(MASK);
            unmask(&mut payload, MASK, 0);
        }
        bytes.extend(payload);
        bytes
    }

    /// Frames of a client: a text, one in fragments with a ping between, compressed ones with context, a large one.
    fn frames() -> Vec<Vec<u8>> {
        vec![
            frame(0x81, b"Hello", true),
            frame(0x01, b"in ", true),
            frame(0x89, b"ping", true),
            frame(0x00, b"three ", true),
            frame(0x80, b"parts", true),
            frame(0xc1, b"\xf2\x48\xcd\xc9\xc9\x07\x00", true),
            frame(0xc2, b"\xf2\x00\x11\x00\x00", true),
            frame(0x82, &[b'x'; 200], true),
            frame(0x81, b"", true),
            frame(0x81, b"last", true),
            frame(0x88, b"\x03\xe8", true),
        ]
    }

    /// Each message or control frame as a line; `~` are holes.
    fn read(mut reader: Reader, pieces: &[Option<&[u8]>], gap: u64) -> Vec<String> {
        let mut lines = Vec::new();
        let mut text = String::new();
        let mut out = |event: Event<'_>| match event {
            Event::Begin { opcode, .. } => text = format!("{opcode:?} "),
            Event::Data(bytes) => text.push_str(&bytes.escape_ascii().to_string()),
            Event::Hole(length) => text.push_str(&"~".repeat(length as usize)),
            Event::End(ended) => {
                lines.push(format!(
                    "{text} {}{}",
                    ended.fragments,
                    if ended.is_complete { "" } else { " incomplete" }
                ));
            }
            Event::Control { opcode, payload, .. } => {
                lines.push(format!("{opcode:?} {}", payload.escape_ascii()))
            }
            Event::Lost(_) => lines.push("lost".into()),
        };
        for piece in pieces {
            match piece {
                Some(bytes) => reader.push(bytes, &mut out),
                None => reader.gap(gap, &mut out),
            }
        }
        reader.finish(&mut out);
        lines
    }

    fn expected() -> Vec<String> {
        let large = format!("Binary {} 1", "x".repeat(200));
        [
            "Text Hello 1",
            "Ping ping",
            "Text in three parts 3",
            "Text Hello 1",
            "Binary Hello 1",
            &large,
            "Text  1",
            "Text last 1",
            "Close \\x03\\xe8",
        ]
        .map(str::to_owned)
        .to_vec()
    }

    #[test]
    fn messages_are_the_same_in_pieces_of_any_size() {
        let bytes = frames().concat();
        for size in [1, 3, 7, 100, bytes.len()] {
            let pieces: Vec<_> = bytes.chunks(size).map(Some).collect();
            assert_eq!(
                read(Reader::new(0, true, CONTEXT, ALLOWANCE), &pieces, 0),
                expected(),
                "pieces of {size}"
            );
        }
    }

    #[test]
    fn a_client_that_does_not_mask_is_read_as_well() {
        let bytes = [frame(0x81, b"plain", false), frame(0x81, b"masked", true)].concat();
        let lines = read(Reader::new(0, true, None, ALLOWANCE), &[Some(&bytes)], 0);
        assert_eq!(lines, ["Text plain 1", "Text masked 1"]);
    }

    #[test]
    fn with_any_bytes_missing_no_message_is_wrong() {
        let bytes = frames().concat();
        let whole = expected();
        for start in 0..bytes.len() {
            for length in [1, 2, 5, 10, 40, 120] {
                let end = (start + length).min(bytes.len());
                let pieces = [Some(&bytes[..start]), None, Some(&bytes[end..])];
                let lines = read(Reader::new(0, true, CONTEXT, ALLOWANCE), &pieces, (end - start) as u64);
                for line in &lines {
                    let is_true = line == "lost" || line.ends_with("incomplete") || whole.contains(line);
                    assert!(is_true, "without {start}..{end}: {line}");
                }
                assert!(lines != whole, "without {start}..{end}");
            }
        }
    }

    #[test]
    fn a_hole_inside_of_a_message_keeps_its_length() {
        let bytes = [frame(0x81, b"in the middle", true), frame(0x81, b"next", true)].concat();
        let pieces = [Some(&bytes[..9]), None, Some(&bytes[12..])];
        let lines = read(Reader::new(0, true, None, ALLOWANCE), &pieces, 3);
        assert_eq!(lines, ["Text in ~~~ middle 1 incomplete", "Text next 1"]);
    }

    #[test]
    fn begun_late_messages_are_found_from_the_next_frame_on() {
        let bytes: Vec<u8> =
            (0..20).flat_map(|number: u8| frame(0x81, &[b'a' + number; 30], false)).collect();
        for start in 0..200 {
            let lines = read(Reader::late(start as u64, false, ALLOWANCE), &[Some(&bytes[start..])], 0);
            let first = start.div_ceil(32);
            let number =
                |number: usize| format!("Text {} 1", char::from(b'a' + number as u8).to_string().repeat(30));
            let expected: Vec<_> = (first..20).map(number).collect();
            let found: Vec<_> = lines.into_iter().filter(|line| line != "lost").collect();
            assert_eq!(found, expected, "from {start}");
        }
    }

    #[test]
    fn behind_a_lost_message_the_next_that_needs_it_is_incomplete() {
        let whole = frames();
        let bytes = [&whole[..1], &whole[6..]].concat().concat();
        let lines = read(Reader::new(0, true, CONTEXT, ALLOWANCE), &[Some(&bytes)], 0);
        assert_eq!(lines[1], "Binary H 1 incomplete", "what does not refer to it is there");
        assert_eq!(lines[2..], expected()[5..]);
    }

    #[test]
    fn random_bytes_are_read_in_bounded_memory() {
        let mut state = 1_u32;
        let bytes: Vec<u8> = std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        })
        .take(300_000)
        .collect();
        for is_client in [false, true] {
            let mut reader = Reader::new(0, is_client, CONTEXT, ALLOWANCE);
            for piece in bytes.chunks(777) {
                reader.push(piece, &mut |_| {});
                let held = reader.again.iter().map(|(held, _)| held.len()).sum::<usize>();
                let searched = if let State::Search(search) = &reader.state { search.len() } else { 0 };
                assert!(held == 0 && searched < 4 * REACH);
            }
            reader.finish(&mut |_| {});
            assert_eq!(reader.offset(), bytes.len() as u64);
        }
    }
}
