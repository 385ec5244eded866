//! The frames of one direction: bytes go in as they come, with their gaps; header blocks, places of data and ends of
//! streams come out.
//!
//! Memory: a header block, the table of HPACK, and the bytes in which a frame is searched, all bounded.

use std::ops::Range;

use super::frame::{self, Frame, HEADER, Kind, PREFACE};
use super::hpack::{Field, Hpack, HpackError};
use super::search::{self, Known};
use crate::resync::Search;

/// Bytes of a header block; a longer one is broken off.
pub const MAX_BLOCK: usize = 256 << 10;
/// Bytes of SETTINGS that are looked at.
const MAX_SETTINGS: usize = 1 << 10;
/// The longest payload where it is not known what the receiver allows.
const LONGEST_OF_LATE: u32 = 1 << 20;
/// SETTINGS_MAX_FRAME_SIZE: RFC 9113, 6.5.2.
const MAX_FRAME_SIZE: [u8; 2] = [0, 5];

/// A header block with its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// Its stream.
    pub stream: u32,
    /// Where its frames are, from the header of the first one on, in offsets of the direction.
    pub range: Range<u64>,
    /// The message ends with it.
    pub ends: bool,
    /// The stream of the pushed response, of which this is the request.
    pub promised: Option<u32>,
    /// Its fields, as far as they are known.
    pub fields: Vec<Field>,
    /// Fields beyond the limit of a block.
    pub left_out: u64,
    /// Bytes of it are missing, or it makes no sense: there were more fields.
    pub is_broken: bool,
    /// What makes no sense in it.
    pub error: Option<HpackError>,
}

/// What is in a direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A header block.
    Headers(Block),
    /// A frame with bytes of a body. It may reach into gaps, and beyond the end of a direction that was cut off.
    Data {
        /// Its stream.
        stream: u32,
        /// Where it is, with its header.
        frame: Range<u64>,
        /// Where its bytes are without padding; `None` where the length of the padding is missing.
        payload: Option<Range<u64>>,
        /// The message ends with it.
        ends: bool,
    },
    /// A stream ends early.
    Reset {
        /// Which.
        stream: u32,
        /// Why (RFC 9113, 7); `None` where that is missing.
        code: Option<u32>,
    },
    /// The longest payload that the sender of this direction accepts.
    Accepts(u32),
    /// There may have been any frames in here.
    Lost(Range<u64>),
}

/// Reads one direction.
#[derive(Debug)]
pub struct Reader {
    at: u64,
    state: State,
    hpack: Hpack,
    known: Known,
    block: Option<Unfinished>,
    /// Bytes that a search held, each with the place from which on they are to be read; the last ones first.
    again: Vec<(Vec<u8>, usize)>,
    /// Bytes of header blocks and their fields, decoded ones counted as they are.
    work: u64,
}

#[derive(Debug)]
enum State {
    /// Compares the first bytes of a client.
    Preface { seen: usize },
    /// Gathers the header of a frame.
    Header { bytes: [u8; HEADER], seen: usize },
    /// Gathers what has to be known of a payload.
    Payload { frame: Frame, start: u64, held: Vec<u8>, wanted: usize },
    /// The rest of a payload.
    Rest { left: u64 },
    /// Looks for a frame.
    Search(Search),
}

/// A header block of which frames are to come.
#[derive(Debug)]
struct Unfinished {
    stream: u32,
    start: u64,
    ends: bool,
    promised: Option<u32>,
    bytes: Vec<u8>,
    is_broken: bool,
}

const AT_HEADER: State = State::Header { bytes: [0; HEADER], seen: 0 };

impl Reader {
    /// Reads what a client sends from the stream offset `at` on, the preface first.
    #[must_use]
    pub fn client(at: u64) -> Self {
        Self::new(at, State::Preface { seen: 0 })
    }

    /// Reads what a server sends from the stream offset `at` on.
    #[must_use]
    pub fn server(at: u64) -> Self {
        Self::new(at, AT_HEADER)
    }

    /// Reads a direction of which the beginning is missing.
    #[must_use]
    pub fn late(at: u64) -> Self {
        let mut reader = Self::new(at, searching(at));
        reader.hpack.forget();
        // What the other side accepts was not captured.
        reader.known.longest = LONGEST_OF_LATE;
        reader
    }

    fn new(at: u64, state: State) -> Self {
        let known = Known::new(frame::MAX_FRAME);
        Self { at, state, hpack: Hpack::new(), known, block: None, again: Vec::new(), work: 0 }
    }

    /// The stream offset of the next byte.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.at
    }

    /// Bytes from here on that need not be pushed: [`skip`](Self::skip) does as well.
    #[must_use]
    pub fn skippable(&self) -> u64 {
        match self.state {
            State::Rest { left } => left,
            _ => 0,
        }
    }

    /// Bytes of header blocks so far, and those of their fields, which may be many more.
    #[must_use]
    pub fn work(&self) -> u64 {
        self.work
    }

    /// The other side accepts payloads of this length.
    pub fn allow(&mut self, longest: u32) {
        self.known.longest = self.known.longest.max(longest);
    }

    /// The next bytes.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut dyn FnMut(Event)) {
        loop {
            self.read_again(out);
            if bytes.is_empty() {
                return;
            }
            bytes = self.take(bytes, out);
        }
    }

    /// Reads what was held by a search that came to an end.
    fn read_again(&mut self, out: &mut dyn FnMut(Event)) {
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
    fn take<'b>(&mut self, bytes: &'b [u8], out: &mut dyn FnMut(Event)) -> &'b [u8] {
        let count = match &mut self.state {
            State::Preface { seen } => {
                let rest = &PREFACE[*seen..];
                let count = rest.len().min(bytes.len());
                if rest[..count] != bytes[..count] {
                    // No preface: what was compared belongs to something else.
                    let missed = *seen;
                    self.hpack.forget();
                    let since = self.at - missed as u64;
                    self.state = State::Search(Search::within(since, PREFACE[..missed].to_vec(), HEADER));
                    return bytes;
                }
                *seen += count;
                if *seen == PREFACE.len() {
                    self.state = AT_HEADER;
                }
                count
            }
            State::Header { bytes: header, seen } => {
                let count = (HEADER - *seen).min(bytes.len());
                header[*seen..*seen + count].copy_from_slice(&bytes[..count]);
                *seen += count;
                if *seen == HEADER {
                    let header = *header;
                    self.at += count as u64;
                    self.begin(header, out);
                    return &bytes[count..];
                }
                count
            }
            State::Payload { held, wanted, .. } => {
                let count = (*wanted - held.len()).min(bytes.len());
                held.extend_from_slice(&bytes[..count]);
                let is_all = held.len() == *wanted;
                self.at += count as u64;
                if is_all {
                    self.payload(out);
                }
                return &bytes[count..];
            }
            State::Rest { left } => {
                let count = (*left).min(bytes.len() as u64);
                *left -= count;
                if *left == 0 {
                    self.state = AT_HEADER;
                }
                count as usize
            }
            State::Search(search) => {
                let (count, decides) = search.hold(bytes);
                self.at += count as u64;
                if decides {
                    self.look(false, out);
                }
                return &bytes[count..];
            }
        };
        self.at += count as u64;
        &bytes[count..]
    }

    /// The next bytes were captured and need not be looked at; no more than are [skippable](Self::skippable).
    pub fn skip(&mut self, count: u64) {
        if let State::Rest { left } = &mut self.state {
            let count = count.min(*left);
            *left -= count;
            self.at += count;
            if *left == 0 {
                self.state = AT_HEADER;
            }
        }
    }

    /// The next bytes were never captured.
    pub fn gap(&mut self, length: u64, out: &mut dyn FnMut(Event)) {
        if length == 0 {
            return;
        }
        self.end_searches(out);
        let at = self.at;
        self.at += length;
        let since = match &mut self.state {
            State::Rest { left } if *left >= length => {
                *left -= length;
                if *left == 0 {
                    self.state = AT_HEADER;
                }
                return;
            }
            State::Rest { .. } => at,
            State::Payload { frame, start, .. } => {
                let (frame, end) = (*frame, *start + u64::from(frame.length));
                let start = *start;
                self.state = if end > self.at { State::Rest { left: end - self.at } } else { AT_HEADER };
                self.damaged(&frame, start, out);
                if end >= self.at {
                    return;
                }
                at
            }
            State::Header { seen, .. } | State::Preface { seen } => at - *seen as u64,
            State::Search(search) => search.since,
        };
        self.give_up_block(out);
        self.hpack.forget();
        self.state = searching(since);
    }

    /// The direction ends.
    pub fn finish(&mut self, out: &mut dyn FnMut(Event)) {
        self.end_searches(out);
        match &mut self.state {
            State::Search(search) if search.since < self.at => out(Event::Lost(search.since..self.at)),
            State::Payload { frame, start, .. } => {
                let (frame, start) = (*frame, *start);
                self.damaged(&frame, start, out);
            }
            _ => {}
        }
        self.give_up_block(out);
        self.state = AT_HEADER;
    }

    /// The header block under way has no end.
    fn give_up_block(&mut self, out: &mut dyn FnMut(Event)) {
        if let Some(block) = self.block.take() {
            self.hpack.forget();
            let Unfinished { stream, start, ends, promised, .. } = block;
            out(Event::Headers(Block {
                stream,
                range: start..self.at.max(start),
                ends,
                promised,
                fields: Vec::new(),
                left_out: 0,
                is_broken: true,
                error: None,
            }));
        }
    }

    /// A frame begins with this header, which ends here.
    fn begin(&mut self, header: [u8; HEADER], out: &mut dyn FnMut(Event)) {
        let frame = Frame::parse(&header);
        let start = self.at;
        // SETTINGS that allow longer frames may not have been captured.
        let is_odd = matches!(frame.kind, Kind::Other(_)) && frame.length > self.known.longest;
        if !frame.is_valid() || is_odd {
            let since = start - HEADER as u64;
            self.give_up_block(out);
            self.hpack.forget();
            self.state = State::Search(Search::behind(since, header.to_vec(), HEADER));
            return;
        }
        self.known.saw(&frame);
        let goes_on = frame.kind == Kind::Continuation
            && self.block.as_ref().is_some_and(|block| block.stream == frame.stream);
        if !goes_on {
            self.give_up_block(out);
        }
        let length = frame.length as usize;
        let wanted = match frame.kind {
            Kind::Data => usize::from(frame.has(frame::PADDED)),
            Kind::Headers | Kind::Promise | Kind::Continuation => length.min(MAX_BLOCK),
            Kind::Reset => 4,
            Kind::Settings => length.min(MAX_SETTINGS),
            _ => 0,
        };
        self.state = State::Payload { frame, start, held: Vec::new(), wanted };
        if wanted == 0 {
            self.payload(out);
        }
    }

    /// What has to be known of a payload is there.
    fn payload(&mut self, out: &mut dyn FnMut(Event)) {
        let State::Payload { frame, start, held, .. } = std::mem::replace(&mut self.state, AT_HEADER) else {
            return;
        };
        let end = start + u64::from(frame.length);
        if end > self.at {
            self.state = State::Rest { left: end - self.at };
        }
        let stream = frame.stream;
        match frame.kind {
            Kind::Data => {
                let first = start + held.len() as u64;
                let padding = held.first().copied().map_or(0, u64::from);
                let payload = first..end.saturating_sub(padding).max(first);
                let (frame_range, ends) = (start - HEADER as u64..end, frame.has(frame::END_STREAM));
                out(Event::Data { stream, frame: frame_range, payload: Some(payload), ends });
            }
            Kind::Headers | Kind::Promise | Kind::Continuation => self.fragment(&frame, start, &held, out),
            Kind::Reset => {
                let code = held.first_chunk().map(|code| u32::from_be_bytes(*code));
                out(Event::Reset { stream, code });
            }
            Kind::Settings => {
                for setting in held.chunks_exact(6).filter(|setting| setting.starts_with(&MAX_FRAME_SIZE)) {
                    let value = setting.last_chunk().map(|value| u32::from_be_bytes(*value));
                    out(Event::Accepts(value.unwrap_or_default().min(0xff_ffff)));
                }
            }
            _ => {}
        }
    }

    /// A part of a header block: RFC 9113, 4.3, 6.2, 6.6 and 6.10.
    fn fragment(&mut self, frame: &Frame, start: u64, held: &[u8], out: &mut dyn FnMut(Event)) {
        let is_cut = held.len() < frame.length as usize;
        let (fields, promised) =
            if frame.kind == Kind::Continuation { (Some(held), None) } else { unwrapped(frame, held) };
        if frame.kind != Kind::Continuation {
            self.block = Some(Unfinished {
                stream: frame.stream,
                start: start - HEADER as u64,
                ends: frame.kind == Kind::Headers && frame.has(frame::END_STREAM),
                promised,
                bytes: Vec::new(),
                is_broken: false,
            });
        }
        let Some(block) = &mut self.block else {
            // The beginning of this block was lost.
            return self.hpack.forget();
        };
        match fields {
            Some(fields) if !is_cut && block.bytes.len() + fields.len() <= MAX_BLOCK => {
                block.bytes.extend_from_slice(fields);
            }
            _ => block.is_broken = true,
        }
        if !frame.has(frame::END_HEADERS) {
            return;
        }
        if block.is_broken {
            return self.give_up_block(out);
        }
        let Some(block) = self.block.take() else { return };
        let decoded = self.hpack.decode(&block.bytes);
        let length = |text: &Option<_>| text.as_ref().map_or(0, |text: &std::sync::Arc<[u8]>| text.len());
        let listed: usize =
            decoded.fields.iter().map(|field| length(&field.name) + length(&field.value)).sum();
        self.work += (block.bytes.len() + listed) as u64 + decoded.left_out;
        out(Event::Headers(Block {
            stream: block.stream,
            range: block.start..start + u64::from(frame.length),
            ends: block.ends,
            promised: block.promised,
            is_broken: decoded.error.is_some(),
            fields: decoded.fields,
            left_out: decoded.left_out,
            error: decoded.error,
        }));
    }

    /// A frame of which bytes are missing that have to be known.
    fn damaged(&mut self, frame: &Frame, start: u64, out: &mut dyn FnMut(Event)) {
        let stream = frame.stream;
        match frame.kind {
            Kind::Data => {
                let range = start - HEADER as u64..start + u64::from(frame.length);
                out(Event::Data { stream, frame: range, payload: None, ends: frame.has(frame::END_STREAM) });
            }
            Kind::Headers | Kind::Promise | Kind::Continuation => {
                self.fragment(frame, start, &[], out);
                if let Some(block) = &mut self.block {
                    block.is_broken = true;
                }
                self.hpack.forget();
            }
            Kind::Reset => out(Event::Reset { stream, code: None }),
            _ => {}
        }
    }

    /// Looks for a frame in what is held: whether one was found. Bytes from it on are read again.
    fn look(&mut self, is_end: bool, out: &mut dyn FnMut(Event)) -> bool {
        let State::Search(search) = &mut self.state else { return false };
        let (since, start) = (search.since, self.at - search.len() as u64);
        let known = &self.known;
        let found = search.look(|bytes, from, is_packet| search::find(bytes, from, is_packet, is_end, known));
        let Some((bytes, place)) = found else { return false };
        self.again.push((bytes, place));
        self.at = start + place as u64;
        self.state = AT_HEADER;
        out(Event::Lost(since..self.at));
        true
    }

    /// No bytes follow those that are held.
    fn end_searches(&mut self, out: &mut dyn FnMut(Event)) {
        while self.look(true, out) {
            self.read_again(out);
        }
    }
}

/// A search for what was lost at `since`.
fn searching(since: u64) -> State {
    State::Search(Search::new(since, HEADER))
}

/// The fields of HEADERS or PUSH_PROMISE without padding and priority, and the stream that is promised. No fields where
/// lengths contradict each other.
fn unwrapped<'b>(frame: &Frame, payload: &'b [u8]) -> (Option<&'b [u8]>, Option<u32>) {
    let mut rest = payload;
    let mut padding = 0;
    if frame.has(frame::PADDED)
        && let Some((length, behind)) = rest.split_first()
    {
        (padding, rest) = (usize::from(*length), behind);
    }
    let mut promised = None;
    if frame.kind == Kind::Promise
        && let Some((stream, behind)) = rest.split_first_chunk()
    {
        (promised, rest) = (Some(u32::from_be_bytes(*stream) & 0x7fff_ffff), behind);
    }
    if frame.kind == Kind::Headers && frame.has(frame::PRIORITY) {
        rest = rest.get(5..).unwrap_or_default();
    }
    (rest.len().checked_sub(padding).and_then(|length| rest.get(..length)), promised)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resync::REACH;

    /// A frame.
    fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u32).to_be_bytes();
        let mut bytes = length[1..].to_vec();
        bytes.extend([kind, flags]);
        bytes.extend(stream.to_be_bytes());
        bytes.extend(payload);
        bytes
    }

    /// What a client may send, frame by frame, with the events of each.
    fn frames() -> Vec<Vec<u8>> {
        vec![
            PREFACE.to_vec(),
            frame(4, 0, 0, b"\0\x05\0\0\x80\0"),
            frame(1, 0x05, 1, b"\x82\x84\x41\x01a"),
            // Padded, with a priority, in three parts.
            frame(1, 0x28, 3, b"\x02\0\0\0\0\xff\x83\x41\0\0"),
            frame(9, 0, 3, b"\x01"),
            frame(9, 4, 3, b"b\xbf"),
            frame(6, 0, 0, b"12345678"),
            frame(0, 0x08, 3, b"\x03body\0\0\0"),
            frame(8, 0, 0, b"\0\0\0\x01"),
            frame(0, 0x01, 3, b"more"),
            frame(0xfa, 0x55, 77, b"an extension"),
            frame(1, 0x04, 5, b"\x82\x40\x01n\x01v"),
            frame(3, 0, 5, b"\0\0\0\x08"),
            frame(1, 0x05, 7, b"\x82\xbe\xbf"),
        ]
    }

    fn name(text: &Option<std::sync::Arc<[u8]>>) -> String {
        text.as_deref().map_or("?".into(), |text| text.escape_ascii().to_string())
    }

    fn line(event: &Event) -> String {
        match event {
            Event::Headers(block) => {
                let fields: Vec<_> = block
                    .fields
                    .iter()
                    .map(|field| format!("{}={}", name(&field.name), name(&field.value)))
                    .collect();
                let marks = [(block.ends, " ends"), (block.is_broken, " broken")];
                let marks: String =
                    marks.iter().filter(|(is_set, _)| *is_set).map(|(_, mark)| *mark).collect();
                format!("{} {}{marks}", block.stream, fields.join(" "))
            }
            Event::Data { stream, payload, ends, .. } => {
                format!("{stream} {payload:?}{}", if *ends { " ends" } else { "" })
            }
            other => format!("{other:?}"),
        }
    }

    fn read(mut reader: Reader, pieces: &[Option<&[u8]>], gap: u64) -> Vec<String> {
        let mut lines = Vec::new();
        let mut out = |event| lines.push(line(&event));
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
        let data = PREFACE.len() as u64 + 15 + 14 + 19 + 10 + 11 + 17;
        [
            "Accepts(32768)".to_owned(),
            "1 :method=GET :path=/ :authority=a ends".into(),
            "3 :method=POST :authority=b :authority=a".into(),
            format!("3 Some({}..{})", data + 10, data + 14),
            format!("3 Some({}..{}) ends", data + 17 + 13 + 9, data + 17 + 13 + 13),
            "5 :method=GET n=v".into(),
            "Reset { stream: 5, code: Some(8) }".into(),
            "7 :method=GET n=v :authority=b ends".into(),
        ]
        .to_vec()
    }

    #[test]
    fn frames_are_the_same_in_pieces_of_any_size() {
        let bytes = frames().concat();
        for size in [1, 2, 7, 9, 10, 64, bytes.len()] {
            let pieces: Vec<_> = bytes.chunks(size).map(Some).collect();
            assert_eq!(read(Reader::client(0), &pieces, 0), expected(), "pieces of {size}");
        }
    }

    /// Whether every line is one of the whole direction, or says less: with unknown fields, broken, or lost.
    fn is_true(line: &str, whole: &[String]) -> bool {
        if line.starts_with("Lost")
            || line.ends_with("broken")
            || line.ends_with("None")
            || line.ends_with("None ends")
            || line.ends_with("code: None }")
        {
            return true;
        }
        whole.iter().any(|whole| {
            let (mut line, mut whole) = (line.split(' '), whole.split(' '));
            loop {
                match (line.next(), whole.next()) {
                    (None, None) => return true,
                    (Some(own), Some(other)) if own == other || own == "?=?" => {}
                    _ => return false,
                }
            }
        })
    }

    #[test]
    fn with_any_bytes_missing_nothing_wrong_is_found() {
        let bytes = frames().concat();
        let whole = expected();
        for start in 0..bytes.len() {
            let lengths = (1..30).chain((30..bytes.len()).step_by(13));
            for end in lengths.map(|length| start + length).take_while(|end| *end < bytes.len()) {
                let pieces = [Some(&bytes[..start]), None, Some(&bytes[end..])];
                for line in read(Reader::client(0), &pieces, (end - start) as u64) {
                    assert!(is_true(&line, &whole), "without {start}..{end}: {line}");
                }
            }
        }
    }

    #[test]
    fn begun_at_any_byte_the_rest_is_found() {
        let bytes = frames().concat();
        let whole = expected();
        for start in 0..bytes.len() - 50 {
            let lines = read(Reader::late(start as u64), &[Some(&bytes[start..])], 0);
            assert!(lines.iter().all(|line| is_true(line, &whole)), "from {start}: {lines:?}");
            assert!(lines.last().unwrap().starts_with("7 :method=GET "), "from {start}: {lines:?}");
        }
    }

    #[test]
    fn a_hole_inside_of_a_body_keeps_the_frames() {
        let mut bytes = frame(0, 0, 1, &[0; 100]);
        bytes.extend(frame(0, 1, 1, b"end"));
        let pieces = [Some(&bytes[..20]), None, Some(&bytes[109..])];
        assert_eq!(read(Reader::server(0), &pieces, 89), ["1 Some(9..109)", "1 Some(118..121) ends"]);
    }

    #[test]
    fn a_block_without_its_end_is_broken_and_what_follows_is_not_guessed() {
        let whole = frames();
        // Without the second CONTINUATION.
        let bytes = [&whole[..5], &whole[6..]].concat().concat();
        let lines = read(Reader::client(0), &[Some(&bytes)], 0);
        assert_eq!(lines[2], "3  broken");
        assert_eq!(lines.last().unwrap(), "7 :method=GET n=v ?=? ends");
    }

    #[test]
    fn a_header_block_without_end_takes_no_more_memory_than_the_limit() {
        let mut reader = Reader::server(0);
        let mut count = 0;
        reader.push(&frame(1, 0, 1, b"\x88"), &mut |_| count += 1);
        for _ in 0..100 {
            reader.push(&frame(9, 0, 1, &[0; 16384]), &mut |_| count += 1);
            assert!(reader.block.as_ref().is_some_and(|block| block.bytes.len() <= MAX_BLOCK));
        }
        assert_eq!(count, 0);
    }

    #[test]
    fn random_bytes_are_read_in_bounded_work() {
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        };
        let bytes: Vec<u8> = (0..200_000).map(|_| random()).collect();
        for mut reader in [Reader::client(0), Reader::server(0), Reader::late(0)] {
            let mut end = 0;
            let mut out = |event| {
                if let Event::Lost(range) = event {
                    assert!(range.start >= end && range.end >= range.start);
                    end = range.end;
                }
            };
            for piece in bytes.chunks(1000) {
                reader.push(piece, &mut out);
                if let State::Search(search) = &reader.state {
                    assert!(search.len() < 3 * REACH);
                }
            }
            reader.finish(&mut out);
            assert_eq!(reader.offset(), 200_000);
        }
    }
}
