//! Capture files in the pcap format (draft-ietf-opsawg-pcap) over [`embedded_io`]: what an appliance without
//! libpcap stores and replays.
//!
//! [`CaptureReader`] gives frames one by one in a buffer of the caller's, [`CaptureWriter`] stores them. Nothing is
//! allocated, and nothing is read or written beyond what a call needs. [`FileHeader`] knows the format and does no
//! I/O; a program that has the whole file in memory uses it alone.
//!
//! ```
//! use tapflow_core::capture::{CaptureReader, CaptureWriter};
//! use tapflow_core::{Frame, LinkType, Timestamp};
//!
//! let mut card = [0; 100];
//! let mut writer = CaptureWriter::new(&mut card[..], LinkType::RAW, 1500)?;
//! let time = Timestamp::new(1_700_000_000, 1);
//! writer.write(&Frame { link: LinkType::RAW, time, wire_len: 3, bytes: b"tap" })?;
//! let length = writer.offset() as usize;
//!
//! let mut reader = CaptureReader::new(&card[..length])?;
//! let mut buffer = [0; 1500];
//! while let Some(frame) = reader.next(&mut buffer)? {
//!     assert_eq!((frame.time, frame.bytes), (time, b"tap".as_slice()));
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod format;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

pub use format::{FileHeader, FileHeaderError, FrameHeader, MAX_CAPTURED};
pub use reader::{CaptureError, CaptureErrorKind, CaptureReader};
pub use writer::{CaptureWriteError, CaptureWriteErrorKind, CaptureWriter};
