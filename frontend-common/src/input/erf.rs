//! Files of Endace's extensible record format (ERF): records one after the other, without a file header. Each record is
//! a frame of link type ERF, which the core decodes.

use tapflow_core::{LinkType, Timestamp};

use super::endian::Endian;
use super::error::{Fault, InputErrorKind};
use super::window::Window;
use super::{Record, Step};

/// Time, type, flags, record length, drops, wire length.
const HEADER: usize = 16;
/// The link type of a whole record.
const ERF: LinkType = LinkType(197);
/// The highest type of a record: padding.
const PAD: u8 = 48;
/// Seconds of the years 1990 and 2100.
const SECONDS: std::ops::Range<u32> = 631_152_000..4_102_444_800;
/// How far the times of two records that follow each other may be apart, in seconds.
const DAY: u32 = 86_400;

/// The header of a record.
struct Header {
    time: Timestamp,
    kind: u8,
    length: u16,
    wire_len: u16,
}

impl Header {
    /// Takes the header apart; `None` if it is not whole or cannot be one.
    fn new(bytes: &[u8]) -> Option<Self> {
        // The only number in this byte order: 2^-32 seconds.
        let units = Endian::Little.u64_at(bytes, 0)?;
        let nanoseconds = ((units & 0xffff_ffff) * Timestamp::SECOND) >> 32;
        let header = Self {
            time: Timestamp((units >> 32) * Timestamp::SECOND + nanoseconds),
            kind: *bytes.get(8)? & 0x7f,
            length: Endian::Big.u16_at(bytes, 10)?,
            wire_len: Endian::Big.u16_at(bytes, 14)?,
        };
        ((1..=PAD).contains(&header.kind) && usize::from(header.length) >= HEADER).then_some(header)
    }
}

/// Whether a file that begins so is an ERF file: no magic number says it, but two records do, or one that is all there
/// is.
pub(crate) fn recognise(start: &[u8]) -> bool {
    let (mut rest, mut records, mut last) = (start, 0, None);
    while records < 4 && !rest.is_empty() {
        let Some(header) = Header::new(rest) else { return false };
        if header.kind != PAD {
            let seconds = u32::try_from(header.time.seconds()).unwrap_or_default();
            let is_near = last.is_none_or(|last: u32| last.abs_diff(seconds) <= DAY);
            if !SECONDS.contains(&seconds) || !is_near {
                return false;
            }
            last = Some(seconds);
        }
        let Some(behind) = rest.get(usize::from(header.length)..) else { break };
        rest = behind;
        records += 1;
        if rest.len() < HEADER {
            break;
        }
    }
    last.is_some() && (records > 1 || records == 1 && rest.is_empty())
}

/// Whether all of the next record is in `bytes`.
pub(crate) fn holds_record(bytes: &[u8]) -> bool {
    Endian::Big.u16_at(bytes, 10).is_some_and(|length| bytes.len() >= usize::from(length).max(HEADER))
}

/// Puts the next record into `record`.
///
/// # Errors
/// [`InputErrorKind::TruncatedRecord`], [`InputErrorKind::Malformed`]; nothing can be read after.
pub(crate) fn next(window: &mut Window, record: &mut Record) -> Result<Step, Fault> {
    loop {
        let begin = window.offset();
        if window.peek(HEADER).len() < HEADER {
            return window.shortage(HEADER as u64).map(|()| Step::End);
        }
        let Some(header) = Header::new(window.at_hand()) else {
            let reason = "an ERF record is shorter than its own header";
            return Err(Fault::at(begin, InputErrorKind::Malformed { reason }));
        };
        let length = usize::from(header.length);
        if window.peek(length).len() < length {
            return window.shortage(length as u64).map(|()| Step::End);
        }
        let start = window.position();
        window.consume(length);
        if header.kind == PAD {
            continue;
        }
        let wire_len = u32::from(header.length).max(HEADER as u32 + u32::from(header.wire_len));
        *record = Record { start, length, link: ERF, time: header.time, wire_len, interface: 0 };
        return Ok(Step::Record);
    }
}
