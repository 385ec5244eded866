//! What looks at finished connections: digests, HTTP bodies, commands.
//!
//! A [`Scanner`] gets both flows of a connection when their files are complete and closed. Scanners run on
//! threads of their own, several connections at a time, each connection by all scanners one after the other
//! in a fixed order. What they find travels with the flows to the report.

mod alert;
mod choice;
pub mod command;
pub mod hash;
pub mod http;
pub mod launcher;
mod spare;
mod spool;
pub mod wifiviz;

use std::cell::OnceCell;
use std::fs::File;
use std::io::{self, Read};

use bytes::Bytes;

pub use choice::{Choice, SCANNERS, ScannerName};
pub use spool::Spool;

use crate::flow::FinishedFlow;
use crate::mapped;

/// Looks at finished connections.
pub trait Scanner: Send + Sync {
    /// Looks at one connection and adds what it finds to its flows.
    ///
    /// # Errors
    /// What went wrong, with the file that it is about. The run goes on; the user is told at its end.
    fn scan(&self, connection: &mut Connection) -> Result<(), String>;

    /// Looks at several connections, one after the other or together. What goes wrong is told, as by
    /// [`scan`](Self::scan).
    fn scan_all(&self, connections: &mut [Connection], tell: &mut dyn FnMut(String)) {
        for connection in connections {
            self.scan(connection).unwrap_or_else(&mut *tell);
        }
    }

    /// All connections have been seen: ends what is under way.
    ///
    /// # Errors
    /// What went wrong and has not been told.
    fn finish(&self) -> Result<(), String> {
        Ok(())
    }
}

/// Scanners in the order in which they look at a connection.
pub type Scanners = Vec<Box<dyn Scanner>>;

/// A digest of a file: the algorithm's name as DFXML has it, and the value in hexadecimal.
pub type Digest = (&'static str, String);

/// What scanners found in one flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Digests of its file.
    pub digests: Vec<Digest>,
    /// HTTP messages, where there are any.
    pub http: Option<Box<http::HttpFindings>>,
}

impl Findings {
    /// The files with bodies, in the order of their messages.
    pub fn bodies(&self) -> impl Iterator<Item = &http::BodyFile> {
        self.http.iter().flat_map(|http| &http.messages).flat_map(|message| &message.files)
    }

    /// The same, to be changed.
    pub fn bodies_mut(&mut self) -> impl Iterator<Item = &mut http::BodyFile> {
        self.http.iter_mut().flat_map(|http| &mut http.messages).flat_map(|message| &mut message.files)
    }
}

/// A finished connection: one flow, or both with the opener's first.
#[derive(Debug)]
pub struct Connection {
    /// Its flows.
    pub flows: Vec<ScannedFlow>,
}

/// A finished flow and the contents of its file, which are read when a scanner asks.
#[derive(Debug)]
pub struct ScannedFlow {
    /// The flow with what was found so far.
    pub flow: Box<FinishedFlow>,
    contents: OnceCell<Bytes>,
}

/// Files up to this size are read, larger ones mapped or read in parts.
const READ: u64 = 1 << 20;
/// Bytes read at a time of a file that is too large to be held.
const PART: usize = 256 << 10;

impl ScannedFlow {
    /// A flow, with what is at hand of its contents.
    #[must_use]
    pub fn new(mut flow: Box<FinishedFlow>) -> Self {
        let contents = flow.contents.take().map_or_else(OnceCell::new, OnceCell::from);
        Self { flow, contents }
    }

    /// The size of its file in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.flow.file.as_ref().map_or(0, |file| file.size)
    }

    /// The whole stream, if it is in memory.
    #[must_use]
    pub fn at_hand(&self) -> Option<&[u8]> {
        self.contents.get().map(|bytes| &**bytes)
    }

    /// The whole stream as it is in the file, holes as zeros; nothing for a flow without file.
    ///
    /// # Errors
    /// The file cannot be read: what the system says, with the path.
    pub fn bytes(&self) -> Result<&[u8], String> {
        if self.contents.get().is_none() {
            let contents = self.load().map_err(|error| self.unreadable(&error))?;
            let _ = self.contents.set(contents);
        }
        Ok(self.contents.get().map_or(&[], |bytes| bytes))
    }

    /// The first bytes of the stream, at most `count`, without reading the rest of a large file.
    ///
    /// # Errors
    /// The file cannot be read: what the system says, with the path.
    pub fn start(&self, count: usize) -> Result<Vec<u8>, String> {
        if let Some(bytes) = self.contents.get() {
            return Ok(bytes.get(..count).unwrap_or(bytes).to_vec());
        }
        let read = || {
            let mut start = Vec::new();
            if let Some(file) = self.open()? {
                file.take(count as u64).read_to_end(&mut start)?;
            }
            Ok(start)
        };
        read().map_err(|error: io::Error| self.unreadable(&error))
    }

    /// Hands the stream to `take` in parts, in order, without holding a large one in memory.
    ///
    /// # Errors
    /// The file cannot be read: what the system says, with the path.
    pub fn parts(&self, mut take: impl FnMut(&[u8])) -> Result<(), String> {
        let size = self.size();
        if size <= READ || self.contents.get().is_some() {
            take(self.bytes()?);
            return Ok(());
        }
        let mut read = || {
            let Some(mut file) = self.open()? else { return Ok(()) };
            let mut buffer = vec![0; PART];
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok(()),
                    count => take(buffer.get(..count).unwrap_or_default()),
                }
            }
        };
        read().map_err(|error: io::Error| self.unreadable(&error))
    }

    fn load(&self) -> io::Result<Bytes> {
        let Some(mut file) = self.open()? else { return Ok(Bytes::new()) };
        let size = self.size();
        if size <= READ {
            // Its length is known: a call to find the end would be one too many for each flow.
            let mut bytes = vec![0; size as usize];
            let mut length = 0;
            while let Some(rest) = bytes.get_mut(length..).filter(|rest| !rest.is_empty()) {
                match file.read(rest) {
                    Ok(0) => break,
                    Ok(count) => length += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            bytes.truncate(length);
            return Ok(bytes.into());
        }
        mapped::map(&file)
    }

    fn open(&self) -> io::Result<Option<File>> {
        self.flow.file.as_ref().map(|file| File::open(&file.path)).transpose()
    }

    fn unreadable(&self, error: &io::Error) -> String {
        let path = self.flow.file.as_ref().map(|file| file.path.display().to_string()).unwrap_or_default();
        format!("cannot read {path} again: {error}")
    }
}
