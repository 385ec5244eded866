//! The pcap file format (draft-ietf-opsawg-pcap): a file header, then records of one link type.
//!
//! Read in both byte orders: microseconds (magic 0xa1b2c3d4), nanoseconds (0xa1b23c4d) and Kuznetzov's
//! modified format (0xa1b2cd34), whose record headers name an interface. Written here and not taken from
//! a crate, because those at hand either copy each record or know neither the modified format, the
//! archaic versions nor the place of a fault.

use tapflow_core::{LinkType, Timestamp};

use super::error::{Fault, InputErrorKind};
use super::order::Order;
use super::window::Window;
use super::{RECORD_LIMIT, Record};

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;
const FILE_HEADER: usize = 24;

/// Whether a file that begins so is a pcap file.
pub(crate) fn recognise(magic: [u8; 4]) -> bool {
    variant(magic).is_some()
}

fn variant(magic: [u8; 4]) -> Option<(Order, u32)> {
    [Order::Little, Order::Big]
        .map(|order| (order, order.u32(magic)))
        .into_iter()
        .find(|(_, value)| matches!(*value, MICROSECONDS | NANOSECONDS | MODIFIED))
}

/// Whether the two lengths of a record header come in the order of today.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lengths {
    /// Captured, then wire (version 2.4).
    Captured,
    /// Wire, then captured (before version 2.3).
    Wire,
    /// Either: the smaller one is the captured length (version 2.3).
    Either,
}

/// What the file header says of all records.
#[derive(Debug)]
pub(crate) struct Reader {
    order: Order,
    lengths: Lengths,
    /// Length of a record header: 16, or 24 in the modified format.
    header: usize,
    /// Nanoseconds in a unit of the second time field.
    unit: u64,
    link: LinkType,
}

impl Reader {
    /// Reads the file header; `None` if reading was stopped within it.
    ///
    /// # Errors
    /// [`InputErrorKind::TruncatedHeader`], [`InputErrorKind::UnknownVersion`].
    pub(crate) fn new(window: &mut Window) -> Result<Option<Self>, Fault> {
        let begin = window.offset();
        let Some(header) = window.peek(FILE_HEADER).first_chunk::<FILE_HEADER>() else {
            return window.shortage(FILE_HEADER as u64).map(|()| None).map_err(Fault::in_header);
        };
        let [m0, m1, m2, m3, major0, major1, minor0, minor1, .., l0, l1, l2, l3] = *header;
        let Some((order, magic)) = variant([m0, m1, m2, m3]) else {
            return Err(Fault::at(begin, InputErrorKind::NotACapture { looks_like: "something else" }));
        };
        let lengths = match (order.u16([major0, major1]), order.u16([minor0, minor1])) {
            (2, 0..=2) | (543, _) => Lengths::Wire,
            (2, 3) => Lengths::Either,
            (2, 4) => Lengths::Captured,
            (major, minor) => {
                return Err(Fault::at(begin, InputErrorKind::UnknownVersion { major, minor }));
            }
        };
        // The upper half tells of a frame check sequence; it is not part of the link type.
        let link = LinkType(order.u32([l0, l1, l2, l3]) & 0xffff);
        window.consume(FILE_HEADER);
        Ok(Some(Self {
            order,
            lengths,
            header: if magic == MODIFIED { 24 } else { 16 },
            unit: if magic == NANOSECONDS { 1 } else { 1000 },
            link,
        }))
    }

    /// Whether all of the next record is in `bytes`, or can be known to be damaged.
    pub(crate) fn holds_record(&self, bytes: &[u8]) -> bool {
        let length = |at| self.order.u32_at(bytes, at);
        let captured = match self.lengths {
            Lengths::Captured => length(8),
            Lengths::Wire => length(12),
            Lengths::Either => length(8).min(length(12)),
        };
        captured.is_some_and(|length| length > RECORD_LIMIT || bytes.len() >= self.header + length as usize)
    }

    /// Puts the next record into `record`; false at the end.
    ///
    /// # Errors
    /// [`InputErrorKind::TruncatedRecord`], [`InputErrorKind::AbsurdLength`]; nothing can be read after.
    #[inline]
    pub(crate) fn next(&mut self, window: &mut Window, record: &mut Record) -> Result<bool, Fault> {
        let bytes = window.peek(self.header);
        let (Some(fields), true) = (bytes.first_chunk::<16>(), bytes.len() >= self.header) else {
            return window.shortage(self.header as u64).map(|()| false);
        };
        let [s0, s1, s2, s3, f0, f1, f2, f3, c0, c1, c2, c3, w0, w1, w2, w3] = *fields;
        let seconds = u64::from(self.order.u32([s0, s1, s2, s3]));
        // Fractions above a second are added to it, as other readers do.
        let fraction = u64::from(self.order.u32([f0, f1, f2, f3]));
        let time = Timestamp(seconds * Timestamp::SECOND + fraction * self.unit);
        let (mut captured, mut wire) = (self.order.u32([c0, c1, c2, c3]), self.order.u32([w0, w1, w2, w3]));
        let swapped = match self.lengths {
            Lengths::Captured => false,
            Lengths::Wire => true,
            Lengths::Either => captured > wire,
        };
        if swapped {
            (captured, wire) = (wire, captured);
        }
        let interface = match bytes.get(16..20).and_then(|field| field.first_chunk::<4>()) {
            Some(field) if self.header == 24 => self.order.u32(*field),
            _ => 0,
        };
        if captured > RECORD_LIMIT {
            let kind = InputErrorKind::AbsurdLength { length: captured.into(), limit: RECORD_LIMIT.into() };
            return Err(Fault::at(window.offset(), kind));
        }
        let length = captured as usize;
        let whole = self.header + length;
        if window.peek(whole).len() < whole {
            return window.shortage(whole as u64).map(|()| false);
        }
        let start = window.position() + self.header;
        window.consume(whole);
        *record = Record { start, length, link: self.link, time, wire_len: wire, interface };
        Ok(true)
    }
}
