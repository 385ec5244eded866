//! A file that is too large to be held, read in windows.
//!
//! It is read and not mapped: another program may cut it short, and a file system may fail. Where a read comes to less
//! than was written, that is an error with a message, and what follows counts as missing.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;

use bytes::{Bytes, BytesMut};

use super::http::Source;

/// Bytes of a file that are in memory, beside those that are asked for together.
pub const WINDOW: u64 = 1 << 20;

/// A file and the window of it that was read last.
#[derive(Debug)]
pub struct Windows {
    file: File,
    /// Its length when it was written.
    length: u64,
    state: RefCell<State>,
}

#[derive(Debug, Default)]
struct State {
    start: u64,
    window: Bytes,
    /// Bytes read so far.
    taken: u64,
    error: Option<io::Error>,
}

impl Windows {
    /// A file with so many bytes.
    #[must_use]
    pub fn new(file: File, length: u64) -> Self {
        Self { file, length, state: RefCell::default() }
    }

    /// The error that ended reading, if one did.
    #[must_use]
    pub fn into_error(self) -> Option<io::Error> {
        self.state.into_inner().error
    }
}

impl Source for Windows {
    fn len(&self) -> u64 {
        self.length
    }

    fn read(&self, range: Range<u64>, until: u64) -> Bytes {
        let state = &mut *self.state.borrow_mut();
        let end = state.start + state.window.len() as u64;
        if range.start < state.start || range.end > end {
            if state.error.is_some() {
                return Bytes::new();
            }
            // Elsewhere only what is asked for is read: it may be a look at what comes much later.
            let goes_on = (state.start..=end).contains(&range.start);
            let wanted = if goes_on { range.start.saturating_add(WINDOW).min(until) } else { range.end };
            state.load(&self.file, range.start..wanted.max(range.end).min(self.length));
        }
        let length = state.window.len() as u64;
        let [start, end] = [range.start, range.end].map(|at| at.saturating_sub(state.start).min(length));
        state.window.slice(start as usize..end as usize)
    }

    fn taken(&self) -> u64 {
        self.state.borrow().taken
    }

    fn has_failed(&self) -> bool {
        self.state.borrow().error.is_some()
    }
}

impl State {
    /// Makes this range the window, or what can be read of it.
    fn load(&mut self, mut file: &File, range: Range<u64>) {
        // The memory is used again, unless a part of the window is still in use.
        let mut buffer = std::mem::take(&mut self.window).try_into_mut().unwrap_or_else(|_| BytesMut::new());
        buffer.resize(range.end.saturating_sub(range.start) as usize, 0);
        let mut length = 0;
        let mut result = file.seek(SeekFrom::Start(range.start)).map(|_| ());
        while let (Ok(()), Some(rest)) = (&result, buffer.get_mut(length..).filter(|rest| !rest.is_empty())) {
            match file.read(rest) {
                Ok(0) => result = Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => length += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => result = Err(error),
            }
        }
        buffer.truncate(length);
        (self.start, self.window) = (range.start, buffer.freeze());
        self.taken += length as u64;
        self.error = result.err();
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use tapflow_core::{CloseReason, Summary};

    use super::*;
    use crate::flow::testing::facts;
    use crate::flow::{FileFacts, Gaps, Ranges, Shortened, Timeline};
    use crate::scan::http::{Http, HttpOptions};
    use crate::scan::{Connection, Findings, FinishedFlow, ScannedFlow, Scanner};

    fn written(length: u64) -> (File, Vec<u8>) {
        let mut file = tempfile::tempfile().expect("a file");
        let bytes: Vec<u8> = (0..length).map(|at| (at / 251) as u8 ^ at as u8).collect();
        file.write_all(&bytes).expect("written");
        (file, bytes)
    }

    #[test]
    fn reading_on_takes_every_byte_once_and_a_look_ahead_only_what_it_asks_for() {
        let length = 4 * WINDOW + 5;
        let (file, bytes) = written(length);
        let windows = Windows::new(file, length);
        let part = |range: Range<u64>| bytes[range.start as usize..range.end as usize].to_vec();
        let mut at = 0;
        while at < length {
            let end = (at + (64 << 10)).min(length);
            assert_eq!(windows.read(at..end, length), part(at..end));
            at = end;
        }
        assert_eq!(windows.taken(), length);
        assert_eq!(windows.read(10..20, length), part(10..20));
        assert_eq!(windows.taken(), length + 10);
        // A window ends where the captured bytes do.
        assert_eq!(windows.read(20..30, 40), part(20..30));
        assert_eq!(windows.taken(), length + 30);
    }

    #[test]
    fn a_file_that_was_cut_short_gives_what_is_left_and_an_error() {
        let (file, bytes) = written(100);
        file.set_len(60).expect("cut short");
        let windows = Windows::new(file, 100);
        assert_eq!(windows.read(50..80, 100), bytes[50..60]);
        assert!(windows.has_failed());
        assert_eq!(windows.read(80..90, 100), b""[..]);
        assert_eq!(windows.into_error().map(|error| error.kind()), Some(io::ErrorKind::UnexpectedEof));
    }

    #[test]
    fn a_flow_file_that_was_cut_short_is_named_and_its_message_is_incomplete() {
        let folder = tempfile::tempdir().expect("a directory");
        let path = folder.path().join("flow");
        let body = 4 * WINDOW;
        let head = format!("POST / HTTP/1.1\r\nContent-Length: {body}\r\n\r\n");
        std::fs::write(&path, [head.as_bytes(), &vec![b'x'; body as usize]].concat()).expect("written");
        let size = head.len() as u64 + body;
        let file = FileFacts {
            path: path.clone(),
            original: None,
            size,
            left_out: Vec::new(),
            shortened: Shortened::default(),
        };
        let flow = FinishedFlow {
            facts: facts(0),
            reason: CloseReason::Finished,
            summary: {
                let mut c = Summary::default();
                c.span = size;
                c.data = size;
                c.syn = true;
                c.fin = true;
                c
            },
            file: Some(file),
            gaps: Gaps::default(),
            is_sparse: false,
            keepalives: 0,
            trace: None,
            conflicts: Ranges::default(),
            replaced: Ranges::default(),
            timeline: Timeline::default(),
            contents: None,
            found: Findings::default(),
        };
        let http = Http::new(HttpOptions { files: true, ..HttpOptions::default() });
        for (length, missing) in [(size, 0), (size - WINDOW, WINDOW)] {
            let file = File::options().write(true).open(&path).expect("it is there");
            file.set_len(length).expect("cut short");
            let flows = vec![ScannedFlow::new(Box::new(flow.clone()))];
            let mut connection = Connection { flows, is_plaintext: false };
            let result = http.scan(&mut connection);
            let expected = format!("{} is shorter than what was written to it", path.display());
            assert_eq!(result.is_err_and(|error| error.starts_with(&expected)), missing > 0);
            let found = connection.flows[0].flow.found.http.take().expect("HTTP");
            assert_eq!((found.messages[0].missing, found.messages[0].complete), (missing, missing == 0));
            assert_eq!(found.messages[0].files[0].complete, missing == 0);
        }
    }
}
