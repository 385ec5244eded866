//! Records: a run as a stream of bytes for an SD card, a serial link, a pipe.
//!
//! [`RecordWriter`] is a sink that writes one record for each event. Inside of an
//! [`InOrder`](crate::InOrder) the bytes of each flow are in ascending order, so that a reader appends what
//! it gets. A record is a header of 24 bytes ([`RecordHeader`], numbers in network byte order), then `len`
//! bytes more:
//!
//! | kind | `detail` | `offset` | what follows |
//! |---|---|---|---|
//! | `O` opened | 1 client, 2 SYN seen, 4 IPv6; their sum | time, ns since 1970 | session (8 bytes), source, destination (4 or 16 each), source port, destination port (2 each) |
//! | `D` data | 0 | stream offset | the bytes |
//! | `L` late | 0 | stream offset | bytes for a place already told as a gap |
//! | `X` conflict | 0 | stream offset | differing bytes that do not count |
//! | `P` replaced | 0 | stream offset | bytes that count instead of those told before |
//! | `G` gap | 0 | stream offset | length (8 bytes) |
//! | `R` rebased | 0 | by how many bytes every offset so far grows | nothing |
//! | `C` closed | index in [`CloseReason::ALL`] | span | nothing |
//!
//! A reader that joins in the middle of a serial link looks for [`RecordHeader::MARK`]; one whose file
//! was cut short has every whole record before the cut.

use core::fmt;
use core::net::IpAddr;
use core::ops::Range;

use embedded_io::Write;
use zerocopy::big_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::flow::{Flow, Opened};
use crate::sink::{CloseReason, Repeat, Sink, Summary};

/// What a record tells; the letter in its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[non_exhaustive]
pub enum RecordKind {
    /// A flow begins.
    Opened = b'O',
    /// Bytes of a stream.
    Data = b'D',
    /// Bytes for a place that was told as a gap.
    Late = b'L',
    /// Another copy of bytes, which differs and does not count.
    Conflict = b'X',
    /// A later copy of bytes, which counts.
    Replaced = b'P',
    /// Bytes never seen.
    Gap = b'G',
    /// The stream begins earlier than it seemed.
    Rebased = b'R',
    /// A flow ends.
    Closed = b'C',
}

/// The first 24 bytes of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RecordHeader {
    /// [`Self::MARK`]; its last byte is the format's version.
    pub mark: [u8; 2],
    /// A [`RecordKind`].
    pub kind: u8,
    /// Depends on the kind.
    pub detail: u8,
    /// Bytes that follow the header.
    pub len: U32,
    /// The flow's number.
    pub flow: U64,
    /// Depends on the kind.
    pub offset: U64,
}

impl RecordHeader {
    /// How every record begins.
    pub const MARK: [u8; 2] = [0xf7, 1];
}

/// A record could not be written whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RecordError<E> {
    /// The writer's error.
    Writer(E),
    /// The writer takes no more bytes.
    Full,
}

impl<E: fmt::Debug> fmt::Display for RecordError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Writer(error) => write!(f, "the record writer failed: {error:?}"),
            Self::Full => f.write_str("the record writer takes no more bytes"),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for RecordError<E> {}

/// A sink that writes records.
pub struct RecordWriter<W> {
    writer: W,
}

impl<W: Write> RecordWriter<W> {
    /// Writes to `writer`.
    pub fn new(writer: W) -> Self {
        Self { writer }
    }

    /// The writer; what it holds back is not flushed.
    pub fn into_inner(self) -> W {
        self.writer
    }

    /// Makes the writer pass on what it holds back.
    ///
    /// # Errors
    /// The writer's.
    pub fn flush(&mut self) -> Result<(), RecordError<W::Error>> {
        self.writer.flush().map_err(RecordError::Writer)
    }

    fn record(
        &mut self,
        flow: Flow,
        kind: RecordKind,
        detail: u8,
        offset: u64,
        body: &[&[u8]],
    ) -> Result<(), RecordError<W::Error>> {
        let len: usize = body.iter().map(|part| part.len()).sum();
        let header = RecordHeader {
            mark: RecordHeader::MARK,
            kind: kind as u8,
            detail,
            len: U32::new(u32::try_from(len).map_err(|_| RecordError::Full)?),
            flow: U64::new(flow.number),
            offset: U64::new(offset),
        };
        write_whole(&mut self.writer, header.as_bytes())?;
        body.iter().try_for_each(|part| write_whole(&mut self.writer, part))
    }
}

/// Unlike `write_all` of the trait, a writer that takes nothing is an error here and no panic.
pub(crate) fn write_whole<W: Write>(writer: &mut W, mut bytes: &[u8]) -> Result<(), RecordError<W::Error>> {
    while !bytes.is_empty() {
        let written = writer.write(bytes).map_err(RecordError::Writer)?;
        bytes = bytes.get(written..).filter(|_| written > 0).ok_or(RecordError::Full)?;
    }
    Ok(())
}

impl<W: Write> Sink for RecordWriter<W> {
    type Error = RecordError<W::Error>;

    fn opened(&mut self, flow: Flow, opened: &Opened) -> Result<(), Self::Error> {
        let key = &opened.key;
        let (source, len) = octets(key.source);
        let (destination, _) = octets(key.destination);
        let detail =
            u8::from(opened.client) | u8::from(opened.syn) << 1 | u8::from(key.source.is_ipv6()) << 2;
        self.record(
            flow,
            RecordKind::Opened,
            detail,
            opened.time.0,
            &[
                &opened.session.to_be_bytes(),
                &source[..len],
                &destination[..len],
                &key.source_port.to_be_bytes(),
                &key.destination_port.to_be_bytes(),
            ],
        )
    }

    fn data(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        self.record(flow, RecordKind::Data, 0, offset, &[bytes])
    }

    fn conflict(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        self.record(flow, RecordKind::Conflict, 0, offset, &[bytes])
    }

    fn replaced(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<Repeat, Self::Error> {
        self.record(flow, RecordKind::Replaced, 0, offset, &[bytes])?;
        Ok(Repeat::NotCompared)
    }

    fn late(&mut self, flow: Flow, offset: u64, bytes: &[u8]) -> Result<(), Self::Error> {
        self.record(flow, RecordKind::Late, 0, offset, &[bytes])
    }

    fn rebased(&mut self, flow: Flow, by: u64) -> Result<(), Self::Error> {
        self.record(flow, RecordKind::Rebased, 0, by, &[])
    }

    fn gap(&mut self, flow: Flow, range: Range<u64>) -> Result<(), Self::Error> {
        let len = range.end.saturating_sub(range.start);
        self.record(flow, RecordKind::Gap, 0, range.start, &[&len.to_be_bytes()])
    }

    fn closed(&mut self, flow: Flow, reason: CloseReason, summary: &Summary) -> Result<(), Self::Error> {
        self.record(flow, RecordKind::Closed, reason as u8, summary.span, &[])
    }
}

/// An address in the first 4 or 16 bytes, and how many they are.
fn octets(address: IpAddr) -> ([u8; 16], usize) {
    match address {
        IpAddr::V4(v4) => {
            let mut octets = [0; 16];
            octets[..4].copy_from_slice(&v4.octets());
            (octets, 4)
        }
        IpAddr::V6(v6) => (v6.octets(), 16),
    }
}
