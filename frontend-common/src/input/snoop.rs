//! Capture files in the snoop format (RFC 1761), as Solaris and some analysers write them. Numbers are big-endian.

use tapflow_core::{LinkType, Timestamp};

use super::endian::Endian;
use super::error::{Fault, InputErrorKind};
use super::window::Window;
use super::{RECORD_LIMIT, Record, Step};

/// The name of the format, version and link type.
const FILE_HEADER: usize = 16;
/// Wire length, captured length, record length, drops, seconds, microseconds.
const RECORD_HEADER: usize = 24;

/// Whether a file that begins so is a snoop file.
pub(crate) fn recognise(start: &[u8]) -> bool {
    start.starts_with(b"snoop\0\0\0")
}

/// What the file header says of all records.
#[derive(Debug)]
pub(crate) struct Reader {
    link: LinkType,
}

impl Reader {
    /// Reads the file header; `None` if reading was stopped within it.
    ///
    /// # Errors
    /// [`InputErrorKind::TruncatedHeader`], [`InputErrorKind::UnknownVersion`], [`InputErrorKind::Unsupported`].
    pub(crate) fn new(window: &mut Window) -> Result<Option<Self>, Fault> {
        let begin = window.offset();
        let header = window.peek(FILE_HEADER);
        let (Some(version), Some(link)) = (Endian::Big.u32_at(header, 8), Endian::Big.u32_at(header, 12))
        else {
            return window.shortage(FILE_HEADER as u64).map(|()| None).map_err(Fault::in_header);
        };
        if version != 2 {
            let kind =
                InputErrorKind::UnknownVersion { major: version.try_into().unwrap_or(u16::MAX), minor: 0 };
            return Err(Fault::at(begin, kind));
        }
        let link = match link {
            0 | 4 => LinkType::ETHERNET,
            2 => LinkType(6),
            8 => LinkType(10),
            18 => LinkType(123),
            26 => LinkType(242),
            other => {
                let reason =
                    format!("the snoop link type {other} is not supported; convert the file with editcap");
                return Err(Fault::at(begin, InputErrorKind::Unsupported { reason }));
            }
        };
        window.consume(FILE_HEADER);
        Ok(Some(Self { link }))
    }

    /// Whether all of the next record is in `bytes`, or can be known to be damaged.
    pub(crate) fn holds_record(&self, bytes: &[u8]) -> bool {
        let length = Endian::Big.u32_at(bytes, 8).filter(|_| bytes.len() >= RECORD_HEADER);
        length.is_some_and(|length| length > RECORD_LIMIT || bytes.len() >= length as usize)
    }

    /// Puts the next record into `record`.
    ///
    /// # Errors
    /// [`InputErrorKind::TruncatedRecord`], [`InputErrorKind::AbsurdLength`], [`InputErrorKind::Malformed`]; nothing can
    /// be read after.
    pub(crate) fn next(&mut self, window: &mut Window, record: &mut Record) -> Result<Step, Fault> {
        let begin = window.offset();
        let Some(header) = window.peek(RECORD_HEADER).first_chunk::<RECORD_HEADER>() else {
            return window.shortage(RECORD_HEADER as u64).map(|()| Step::End);
        };
        let number = |at: usize| Endian::Big.u32_at(header, at).unwrap_or_default();
        let (wire_len, captured, whole) = (number(0), number(4), number(8));
        let time = Timestamp(
            u64::from(number(16)) * Timestamp::SECOND
                + u64::from(number(20)) * (Timestamp::SECOND / 1_000_000),
        );
        if whole > RECORD_LIMIT {
            let kind = InputErrorKind::AbsurdLength { length: whole.into(), limit: RECORD_LIMIT.into() };
            return Err(Fault::at(begin, kind));
        }
        if u64::from(whole) < RECORD_HEADER as u64 + u64::from(captured) {
            let reason = "a record is shorter than the packet in it";
            return Err(Fault::at(begin, InputErrorKind::Malformed { reason }));
        }
        if window.peek(whole as usize).len() < whole as usize {
            // The padding behind the last packet may be missing.
            let present = window.at_hand().len();
            if present < RECORD_HEADER + captured as usize {
                return window.shortage(whole.into()).map(|()| Step::End);
            }
        }
        let start = window.position() + RECORD_HEADER;
        *record = Record { start, length: captured as usize, link: self.link, time, wire_len, interface: 0 };
        window.consume(whole as usize);
        Ok(Step::Record)
    }
}
