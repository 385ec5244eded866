//! Frames into a pcap file.

use core::fmt;

use embedded_io::Write;

use super::format::{FileHeader, FrameHeader};
use crate::frame::{Frame, LinkType, Timestamp};
use crate::record::{RecordError, write_whole};

/// Writes frames to a pcap file with nanoseconds, little-endian, as every reader of today takes it.
///
/// A file whose writing failed is whole up to [`offset`](Self::offset): an appliance that cuts it there has nothing
/// but whole frames.
pub struct CaptureWriter<W> {
    output: W,
    link: LinkType,
    snap_length: u32,
    /// Where the next frame begins.
    offset: u64,
    broken: bool,
}

/// A frame (or the file's header) that could not be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureWriteError<E> {
    /// Where it should have begun, in bytes.
    pub offset: u64,
    /// The reason.
    pub kind: CaptureWriteErrorKind<E>,
}

/// The reason of a [`CaptureWriteError`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CaptureWriteErrorKind<E> {
    /// The output's error. There may be a part of the frame in the file.
    Output(E),
    /// The output takes no more bytes. There may be a part of the frame in the file.
    Full,
    /// An earlier frame was not written whole: one behind it would not be found.
    Broken,
    /// The frame has another link type than the file, or the file one that does not fit in 16 bits.
    Link(LinkType),
    /// The format ends in the year 2106.
    Time(Timestamp),
}

impl<E: fmt::Debug> fmt::Display for CaptureWriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: ", self.offset)?;
        match &self.kind {
            CaptureWriteErrorKind::Output(error) => write!(f, "the capture cannot be written: {error:?}"),
            CaptureWriteErrorKind::Full => f.write_str("the capture's writer takes no more bytes"),
            CaptureWriteErrorKind::Broken => {
                f.write_str("the capture ends in a frame that was not written whole")
            }
            CaptureWriteErrorKind::Link(link) => write!(f, "a pcap file of one link type cannot hold {link}"),
            CaptureWriteErrorKind::Time(time) => {
                write!(f, "a pcap file cannot hold a time of {} s", time.seconds())
            }
        }
    }
}

impl<E: fmt::Debug> core::error::Error for CaptureWriteError<E> {}

impl<W: Write> CaptureWriter<W> {
    /// Writes the header of the file. Of each frame `snap_length` bytes are kept.
    ///
    /// # Errors
    /// [`CaptureWriteErrorKind::Output`], [`CaptureWriteErrorKind::Full`], [`CaptureWriteErrorKind::Link`].
    pub fn new(output: W, link: LinkType, snap_length: u32) -> Result<Self, CaptureWriteError<W::Error>> {
        let mut writer = Self { output, link, snap_length, offset: 0, broken: false };
        let Some(header) = FileHeader::encode(link, snap_length) else {
            return Err(writer.error(CaptureWriteErrorKind::Link(link)));
        };
        writer.put(&[&header])?;
        Ok(writer)
    }

    /// Writes a frame, no more than the snap length of it.
    ///
    /// # Errors
    /// [`CaptureWriteErrorKind`].
    pub fn write(&mut self, frame: &Frame<'_>) -> Result<(), CaptureWriteError<W::Error>> {
        if self.broken {
            return Err(self.error(CaptureWriteErrorKind::Broken));
        }
        if frame.link != self.link {
            return Err(self.error(CaptureWriteErrorKind::Link(frame.link)));
        }
        let snap_length = usize::try_from(self.snap_length).unwrap_or(usize::MAX);
        let bytes = frame.bytes.get(..snap_length).unwrap_or(frame.bytes);
        // No longer than the snap length.
        let captured = bytes.len() as u32;
        let header = FrameHeader { time: frame.time, captured, wire_len: frame.wire_len, interface: 0 };
        let Some(header) = header.encode() else {
            return Err(self.error(CaptureWriteErrorKind::Time(frame.time)));
        };
        self.put(&[&header, bytes])
    }

    /// Bytes written up to the end of the last whole frame.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Makes the output pass on what it holds back.
    ///
    /// # Errors
    /// [`CaptureWriteErrorKind::Output`].
    pub fn flush(&mut self) -> Result<(), CaptureWriteError<W::Error>> {
        self.output.flush().map_err(|error| self.error(CaptureWriteErrorKind::Output(error)))
    }

    /// The output; what it holds back is not flushed.
    pub fn into_inner(self) -> W {
        self.output
    }

    fn put(&mut self, parts: &[&[u8]]) -> Result<(), CaptureWriteError<W::Error>> {
        // Stays so unless all was written.
        self.broken = true;
        for part in parts {
            write_whole(&mut self.output, part).map_err(|error| {
                self.error(match error {
                    RecordError::Writer(error) => CaptureWriteErrorKind::Output(error),
                    RecordError::Full => CaptureWriteErrorKind::Full,
                })
            })?;
        }
        self.offset += parts.iter().map(|part| part.len() as u64).sum::<u64>();
        self.broken = false;
        Ok(())
    }

    fn error(&self, kind: CaptureWriteErrorKind<W::Error>) -> CaptureWriteError<W::Error> {
        CaptureWriteError { offset: self.offset, kind }
    }
}
