//! Capture files in the pcap format: the records of a file that lies in memory, without copying them.
//!
//! What the headers mean the core knows ([`FileHeader`]): an appliance reads the same files.

use tapflow_core::capture::{FileHeader, FileHeaderError, FrameHeader};

use super::error::{Fault, InputErrorKind};
use super::window::Window;
use super::{RECORD_LIMIT, Record, Step, pcapng};

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
        Ok(Some(Self { header: header.with_variant_of(window.at_hand()) }))
    }

    /// Whether all of the next record is in `bytes`, or can be known to be damaged.
    pub(crate) fn holds_record(&self, bytes: &[u8]) -> bool {
        self.header.frame(bytes).is_some_and(|frame| {
            frame.captured > RECORD_LIMIT
                || bytes.len() >= self.header.frame_header_len() + frame.captured as usize
        })
    }

    /// The length of the record at the beginning of `bytes`, its header included, as far as that is there.
    #[inline]
    pub(crate) fn record_length(&self, bytes: &[u8]) -> Option<usize> {
        let captured = self.header.frame(bytes)?.captured as usize;
        captured.checked_add(self.header.frame_header_len())
    }

    /// Puts the next record into `record`.
    ///
    /// # Errors
    /// [`InputErrorKind::TruncatedRecord`], [`InputErrorKind::AbsurdLength`]; nothing can be read after.
    #[inline]
    pub(crate) fn next(&mut self, window: &mut Window, record: &mut Record) -> Result<Step, Fault> {
        let header = self.header.frame_header_len();
        let Some(frame) = self.header.frame(window.peek(header)) else {
            return window.shortage(header as u64).map(|()| Step::End);
        };
        // In place of a length, the headers of capture files have no bytes, or more than there can be.
        if !(1..=RECORD_LIMIT).contains(&frame.captured) && begins_capture(window) {
            return Ok(Step::Joined);
        }
        if frame.captured > RECORD_LIMIT {
            let kind =
                InputErrorKind::AbsurdLength { length: frame.captured.into(), limit: RECORD_LIMIT.into() };
            return Err(Fault::at(window.offset(), kind));
        }
        let whole = header + frame.captured as usize;
        if window.peek(whole).len() < whole {
            return window.shortage(whole as u64).map(|()| Step::End);
        }
        *record = self.record(&frame, window.position() + header);
        window.consume(whole);
        Ok(Step::Record)
    }

    /// Adds the records that follow, as long as all of one is at hand and none is empty, up to `most`.
    pub(crate) fn more(&self, window: &mut Window, records: &mut Vec<Record>, most: usize) {
        let (header, position) = (self.header.frame_header_len(), window.position());
        let (bytes, mut at) = (window.at_hand(), 0);
        while records.len() < most
            && let Some(rest) = bytes.get(at..)
            && let Some(frame) = self.header.frame(rest)
            && (1..=RECORD_LIMIT).contains(&frame.captured)
            && header + frame.captured as usize <= rest.len()
        {
            records.push(self.record(&frame, position + at + header));
            at += header + frame.captured as usize;
        }
        window.consume(at);
    }

    /// The record of a frame that begins at `start` of the window's block.
    #[inline]
    fn record(&self, frame: &FrameHeader, start: usize) -> Record {
        Record {
            start,
            length: frame.captured as usize,
            link: self.header.link,
            time: frame.time,
            wire_len: frame.wire_len,
            interface: frame.interface,
        }
    }
}

/// Whether the header of a capture file stands here, in either format.
pub(super) fn begins_capture(window: &mut Window) -> bool {
    let Some(bytes) = window.peek(FileHeader::LEN).first_chunk::<{ FileHeader::LEN }>() else { return false };
    FileHeader::parse(bytes).is_ok() || pcapng::begins_section(bytes)
}
