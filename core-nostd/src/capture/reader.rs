//! Frames out of a pcap file that is read from its beginning to its end.

use core::fmt;

use embedded_io::{Error, ErrorKind, Read};

use super::format::{FileHeader, FileHeaderError, MAX_CAPTURED};
use crate::frame::{Frame, LinkType};

/// Reads frames from a pcap file, each into the caller's buffer.
///
/// The input is read in the pieces that the format asks for; a device that prefers large ones wants a buffer between.
pub struct CaptureReader<R> {
    input: R,
    header: FileHeader,
    /// Where the next frame begins.
    offset: u64,
    cut: u64,
    ended: bool,
}

/// A capture that cannot be read, or not to its end. Every whole frame before the fault was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CaptureError<E> {
    /// Where the frame (or the file's header) begins that cannot be read, in bytes.
    pub offset: u64,
    /// The reason.
    pub kind: CaptureErrorKind<E>,
}

/// The reason of a [`CaptureError`]; lengths in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CaptureErrorKind<E> {
    /// The input's error.
    Input(E),
    /// The file's header.
    Header(FileHeaderError),
    /// The file ends within its header or within a frame: what is whole of it was given.
    Truncated {
        /// Length of the frame with its header, or of the header where no more is known.
        needed: u64,
        /// What there is of it.
        present: u64,
    },
    /// A frame claims more bytes than [`MAX_CAPTURED`]: the file is damaged, and where it goes on is not known.
    AbsurdLength(u32),
}

impl<E: fmt::Debug> fmt::Display for CaptureError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}: ", self.offset)?;
        match &self.kind {
            CaptureErrorKind::Input(error) => write!(f, "the capture cannot be read: {error:?}"),
            CaptureErrorKind::Header(error) => error.fmt(f),
            CaptureErrorKind::Truncated { needed, present } => {
                write!(f, "the capture is cut off after {present} of {needed} bytes; all before it was read")
            }
            CaptureErrorKind::AbsurdLength(length) => write!(
                f,
                "a frame claims {length} bytes, at most {MAX_CAPTURED} are possible; all before it was read"
            ),
        }
    }
}

impl<E: fmt::Debug> core::error::Error for CaptureError<E> {}

impl<R: Read> CaptureReader<R> {
    /// Reads the header of the file.
    ///
    /// # Errors
    /// [`CaptureErrorKind::Input`], [`CaptureErrorKind::Header`], [`CaptureErrorKind::Truncated`].
    pub fn new(mut input: R) -> Result<Self, CaptureError<R::Error>> {
        let at_start = |kind| CaptureError { offset: 0, kind };
        let mut bytes = [0; FileHeader::LEN];
        let present = fill(&mut input, &mut bytes).map_err(CaptureErrorKind::Input).map_err(at_start)?;
        if present < bytes.len() {
            let (needed, present) = (bytes.len() as u64, present as u64);
            return Err(at_start(CaptureErrorKind::Truncated { needed, present }));
        }
        let header = FileHeader::parse(&bytes).map_err(CaptureErrorKind::Header).map_err(at_start)?;
        Ok(Self { input, header, offset: FileHeader::LEN as u64, cut: 0, ended: false })
    }

    /// The link type of all frames.
    pub fn link(&self) -> LinkType {
        self.header.link
    }

    /// The file's header.
    pub fn header(&self) -> &FileHeader {
        &self.header
    }

    /// Bytes of the file up to the end of the last frame given.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// Frames that were longer than their buffer and are cut to it, as by a smaller snap length.
    pub fn cut_frames(&self) -> u64 {
        self.cut
    }

    /// The input, behind the last frame given.
    pub fn into_inner(self) -> R {
        self.input
    }

    /// The next frame, its bytes in `buffer`; `None` at the end. Of a longer frame only what fits is kept, and it
    /// is [counted](Self::cut_frames).
    ///
    /// # Errors
    /// Every [`CaptureErrorKind`] but `Header`, once; then `None`.
    pub fn next<'b>(&mut self, buffer: &'b mut [u8]) -> Result<Option<Frame<'b>>, CaptureError<R::Error>> {
        if self.ended {
            return Ok(None);
        }
        // Stays so unless a whole frame was read.
        self.ended = true;
        self.read(buffer).map_err(|kind| CaptureError { offset: self.offset, kind })
    }

    fn read<'b>(&mut self, buffer: &'b mut [u8]) -> Result<Option<Frame<'b>>, CaptureErrorKind<R::Error>> {
        let mut bytes = [0; 24];
        let needed = self.header.frame_header_len();
        let present = fill(&mut self.input, &mut bytes[..needed]).map_err(CaptureErrorKind::Input)?;
        if present == 0 {
            return Ok(None);
        }
        let truncated =
            |needed: usize, present| CaptureErrorKind::Truncated { needed: needed as u64, present };
        let header = self.header.frame(&bytes[..present]).ok_or(truncated(needed, present as u64))?;
        if header.captured > MAX_CAPTURED {
            return Err(CaptureErrorKind::AbsurdLength(header.captured));
        }
        let captured = header.captured as usize;
        let kept = captured.min(buffer.len());
        let place = &mut buffer[..kept];
        let mut present = fill(&mut self.input, place).map_err(CaptureErrorKind::Input)?;
        if present == kept {
            present += pass_over(&mut self.input, captured - kept).map_err(CaptureErrorKind::Input)?;
        }
        if present < captured {
            return Err(truncated(needed + captured, (needed + present) as u64));
        }
        self.cut += u64::from(kept < captured);
        self.offset += (needed + captured) as u64;
        self.ended = false;
        Ok(Some(Frame { link: self.header.link, time: header.time, wire_len: header.wire_len, bytes: place }))
    }
}

/// Reads until `bytes` are full or the input ends: how many there are.
fn fill<R: Read>(input: &mut R, bytes: &mut [u8]) -> Result<usize, R::Error> {
    let mut filled = 0;
    while let Some(room) = bytes.get_mut(filled..)
        && !room.is_empty()
    {
        match input.read(room) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled.min(bytes.len()))
}

/// Reads `count` bytes, or up to the end of the input, for nothing: how many there were.
fn pass_over<R: Read>(input: &mut R, count: usize) -> Result<usize, R::Error> {
    let mut scratch = [0; 64];
    let mut passed = 0;
    while passed < count {
        let wanted = scratch.len().min(count - passed);
        match fill(input, &mut scratch[..wanted])? {
            0 => break,
            present => passed += present,
        }
    }
    Ok(passed)
}
