//! Capture files in the pcap format: the records of a file that lies in memory, without copying them.
//!
//! What the headers mean the core knows ([`FileHeader`]): an appliance reads the same files.

use tapflow_core::capture::{FileHeader, FileHeaderError};

use super::error::{Fault, InputErrorKind};
use super::window::Window;
use super::{RECORD_LIMIT, Record};

/// Whether a file that begins so is a pcap file.
pub(crate) fn recognise(magic: [u8; 4]) -> bool {
    FileHeader::recognise(magic)
}

/// What the file header says of all records.
#[derive(Debug)]
pub(crate) struct Reader {
    header: FileHeader,
}

impl Reader {
    /// Reads the file header; `None` if reading was stopped within it.
    ///
    /// # Errors
    /// [`InputErrorKind::TruncatedHeader`], [`InputErrorKind::UnknownVersion`].
    pub(crate) fn new(window: &mut Window) -> Result<Option<Self>, Fault> {
        let begin = window.offset();
        let Some(header) = window.peek(FileHeader::LEN).first_chunk() else {
            return window.shortage(FileHeader::LEN as u64).map(|()| None).map_err(Fault::in_header);
        };
        let header = FileHeader::parse(header).map_err(|error| {
            let kind = match error {
                FileHeaderError::NotPcap => InputErrorKind::NotACapture { looks_like: "something else" },
                FileHeaderError::Version { major, minor } => InputErrorKind::UnknownVersion { major, minor },
            };
            Fault::at(begin, kind)
        })?;
        window.consume(FileHeader::LEN);
        Ok(Some(Self { header }))
    }

    /// Whether all of the next record is in `bytes`, or can be known to be damaged.
    pub(crate) fn holds_record(&self, bytes: &[u8]) -> bool {
        self.header.frame(bytes).is_some_and(|frame| {
            frame.captured > RECORD_LIMIT
                || bytes.len() >= self.header.frame_header_len() + frame.captured as usize
        })
    }

    /// Puts the next record into `record`; false at the end.
    ///
    /// # Errors
    /// [`InputErrorKind::TruncatedRecord`], [`InputErrorKind::AbsurdLength`]; nothing can be read after.
    #[inline]
    pub(crate) fn next(&mut self, window: &mut Window, record: &mut Record) -> Result<bool, Fault> {
        let header = self.header.frame_header_len();
        let Some(frame) = self.header.frame(window.peek(header)) else {
            return window.shortage(header as u64).map(|()| false);
        };
        if frame.captured > RECORD_LIMIT {
            let kind =
                InputErrorKind::AbsurdLength { length: frame.captured.into(), limit: RECORD_LIMIT.into() };
            return Err(Fault::at(window.offset(), kind));
        }
        let length = frame.captured as usize;
        let whole = header + length;
        if window.peek(whole).len() < whole {
            return window.shortage(whole as u64).map(|()| false);
        }
        let start = window.position() + header;
        window.consume(whole);
        *record = Record {
            start,
            length,
            link: self.header.link,
            time: frame.time,
            wire_len: frame.wire_len,
            interface: frame.interface,
        };
        Ok(true)
    }
}
