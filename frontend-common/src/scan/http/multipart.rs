//! Multipart bodies taken apart while they come: RFC 2046, 5.1, as RFC 7578 uses it for forms.
//!
//! Bytes go in as they come; a part's fields, its bytes and its end come out. Bare line feeds are taken as
//! line ends. Memory: a part's head, or the length of the boundary.

use memchr::memmem::Finder;

use super::head::{self, Field};

/// The longest head of a part.
const MAX_PART_HEAD: usize = 16 << 10;
/// RFC 2046 allows 70; some programs use more.
const MAX_BOUNDARY: usize = 256;

/// What a multipart body consists of.
#[derive(Debug)]
pub(super) enum Event<'b> {
    /// A part with these fields.
    Begin(Vec<Field>),
    /// Its bytes.
    Data(&'b [u8]),
    /// Bytes of it that were never captured.
    Hole(u64),
    /// It is complete, or not.
    End(bool),
}

/// Takes one body apart.
pub(super) struct Splitter {
    /// `--` and the boundary.
    delimiter: Vec<u8>,
    state: State,
    /// Bytes that may be part of a delimiter, or a head that is not whole.
    pending: Vec<u8>,
    /// Bytes of `pending` in which no head ends.
    seen: usize,
    /// The next byte begins a line.
    line_begins: bool,
    /// A part whose head was lost or too long, or anything else that does not fit.
    pub(super) is_bad: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Preamble,
    Head,
    Data,
    Epilogue,
}

impl Splitter {
    /// For a body with this boundary; `None` if no boundary can be so.
    pub(super) fn new(boundary: &str) -> Option<Self> {
        if boundary.is_empty() || boundary.len() > MAX_BOUNDARY {
            return None;
        }
        let delimiter = [b"--", boundary.as_bytes()].concat();
        let (state, pending) = (State::Preamble, Vec::new());
        Some(Self { delimiter, state, pending, seen: 0, line_begins: true, is_bad: false })
    }

    /// The next bytes of the body.
    pub(super) fn push(&mut self, bytes: &[u8], out: &mut dyn FnMut(Event<'_>)) {
        if self.state == State::Epilogue {
            return;
        }
        if self.pending.is_empty() {
            let used = self.take(bytes, out);
            self.pending.extend_from_slice(&bytes[used..]);
        } else {
            let mut all = std::mem::take(&mut self.pending);
            all.extend_from_slice(bytes);
            let used = self.take(&all, out);
            all.drain(..used);
            self.pending = all;
        }
    }

    /// Bytes that were never captured.
    pub(super) fn hole(&mut self, length: u64, out: &mut dyn FnMut(Event<'_>)) {
        let pending = std::mem::take(&mut self.pending);
        (self.line_begins, self.seen) = (false, 0);
        match self.state {
            State::Data => {
                if !pending.is_empty() {
                    out(Event::Data(&pending));
                }
                out(Event::Hole(length));
            }
            State::Head => {
                self.is_bad = true;
                self.state = State::Preamble;
            }
            State::Preamble | State::Epilogue => {}
        }
    }

    /// The body ends.
    pub(super) fn finish(&mut self, out: &mut dyn FnMut(Event<'_>)) {
        let pending = std::mem::take(&mut self.pending);
        if self.state == State::Data {
            if !pending.is_empty() {
                out(Event::Data(&pending));
            }
            out(Event::End(false));
        }
        self.is_bad |= self.state != State::Epilogue;
    }

    /// Takes as much as can be understood: how many bytes.
    fn take(&mut self, bytes: &[u8], out: &mut dyn FnMut(Event<'_>)) -> usize {
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            let (count, goes_on) = match self.state {
                State::Preamble | State::Data => self.take_data(rest, out),
                State::Head => self.take_head(rest, out),
                State::Epilogue => return bytes.len(),
            };
            used += count;
            if !goes_on {
                return used;
            }
        }
    }

    /// Bytes up to a delimiter: how many are done with, and whether something follows that can be taken.
    fn take_data(&mut self, bytes: &[u8], out: &mut dyn FnMut(Event<'_>)) -> (usize, bool) {
        let finder = Finder::new(&self.delimiter);
        for at in finder.find_iter(bytes) {
            let begins_line = if at == 0 { self.line_begins } else { bytes[at - 1] == b'\n' };
            if !begins_line {
                continue;
            }
            // The line end before a delimiter belongs to it.
            let data = &bytes[..at];
            let data = data.strip_suffix(b"\n").unwrap_or(data);
            let data = if data.len() < at { data.strip_suffix(b"\r").unwrap_or(data) } else { data };
            let behind = &bytes[at + self.delimiter.len()..];
            let line = memchr::memchr(b'\n', behind);
            let last = behind.starts_with(b"--");
            if !last && line.is_none() && behind.len() < 128 {
                // Too few bytes to know.
                self.data(data, out);
                self.line_begins &= data.is_empty();
                return (data.len(), false);
            }
            let blank = line.is_some_and(|end| behind[..end].iter().all(u8::is_ascii_whitespace));
            if !last && !blank {
                continue;
            }
            self.data(data, out);
            if self.state == State::Data {
                out(Event::End(true));
            }
            if last {
                self.state = State::Epilogue;
                return (bytes.len(), false);
            }
            self.state = State::Head;
            return (at + self.delimiter.len() + line.map_or(0, |end| end + 1), true);
        }
        // A delimiter and its line end may begin in the last bytes.
        let sure = bytes.len().saturating_sub(self.delimiter.len() + 2);
        self.data(&bytes[..sure], out);
        self.line_begins &= sure == 0;
        (sure, false)
    }

    fn take_head(&mut self, bytes: &[u8], out: &mut dyn FnMut(Event<'_>)) -> (usize, bool) {
        let empty = match bytes {
            [b'\r', b'\n', ..] => Some(2),
            [b'\n', ..] => Some(1),
            _ => None,
        };
        let seen = std::mem::take(&mut self.seen);
        let length = match empty.or_else(|| head::length_from(bytes, seen)) {
            Some(length) => length,
            None if bytes.len() > MAX_PART_HEAD => {
                self.is_bad = true;
                0
            }
            None => {
                self.seen = bytes.len();
                return (0, false);
            }
        };
        out(Event::Begin(head::any_fields(&bytes[..length])));
        self.state = State::Data;
        self.line_begins = true;
        (length, true)
    }

    fn data(&mut self, bytes: &[u8], out: &mut dyn FnMut(Event<'_>)) {
        if self.state == State::Data && !bytes.is_empty() {
            out(Event::Data(bytes));
        }
    }
}
