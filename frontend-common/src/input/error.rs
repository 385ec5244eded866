//! Why an input cannot be read, or not to its end.
//!
//! Readers raise a [`Fault`], which knows the place; the source that has the name makes an
//! [`InputError`] of it. The text of an error names the file, the place, the reason and what to do.

use std::{fmt, io};

/// An input that cannot be read, or not to its end. Every frame before the fault was delivered.
#[derive(Debug)]
pub struct InputError {
    /// The file as the user named it; a member of an archive follows after a colon.
    pub file: String,
    /// Where the faulty item begins, in bytes; `None` where no byte was read.
    pub offset: Option<u64>,
    /// `offset` counts bytes after decompression, not bytes of the file.
    pub unpacked: bool,
    /// Further faults of the same input, which were passed over.
    pub further: u64,
    /// The reason.
    pub kind: InputErrorKind,
}

/// The reason of an [`InputError`]; lengths in bytes.
#[derive(Debug)]
pub enum InputErrorKind {
    /// There is no such file.
    Missing,
    /// The path names a directory.
    Directory,
    /// The file may not be read by this user.
    Permission,
    /// The input has no bytes.
    Empty,
    /// The input begins like something else.
    NotACapture {
        /// What it looks like.
        looks_like: &'static str,
    },
    /// The input ends within the header of the file.
    TruncatedHeader {
        /// Length of the header.
        needed: u64,
        /// What there is of it.
        present: u64,
    },
    /// The input ends within a record or block.
    TruncatedRecord {
        /// Length of the record, or of its header where no more is known.
        needed: u64,
        /// What there is of it.
        present: u64,
    },
    /// The file ends before the length that it had when it was opened.
    Shortened(Shortened),
    /// A record claims a length that no record has: what follows cannot be found.
    AbsurdLength {
        /// The claimed length.
        length: u64,
        /// The most that is believed.
        limit: u64,
    },
    /// The file says it is of a version that is not known.
    UnknownVersion {
        /// Major version.
        major: u16,
        /// Minor version.
        minor: u16,
    },
    /// A block contradicts itself or the blocks before it.
    Malformed {
        /// What is wrong.
        reason: &'static str,
    },
    /// Compressed data that cannot be decompressed, or not to its end.
    Compressed {
        /// The compression or archive format.
        format: &'static str,
        /// What is wrong.
        reason: String,
    },
    /// A member of an archive that is packed in a way that is not supported.
    Unsupported {
        /// What is not supported, and what to do.
        reason: String,
    },
    /// An interface from which nothing more comes.
    Live {
        /// Why, and what to do.
        reason: String,
    },
    /// The operating system could not open or read the input.
    Io(io::Error),
}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.file)?;
        if let Some(offset) = self.offset {
            write!(f, "byte {offset}{}: ", if self.unpacked { " after decompression" } else { "" })?;
        }
        self.kind.fmt(f)?;
        match self.further {
            0 => Ok(()),
            n => write!(f, " ({n} more such places in this input)"),
        }
    }
}

impl fmt::Display for InputErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("no such file; check the path"),
            Self::Directory => f.write_str("is a directory; name the capture files in it"),
            Self::Permission => {
                f.write_str("permission denied; make the file readable, or run as a user who may read it")
            }
            Self::Empty => f.write_str("the input is empty; record or copy the capture again"),
            Self::NotACapture { looks_like } => write!(
                f,
                "not a capture: it looks like {looks_like}; pcap, pcapng, snoop and ERF are read, plain or compressed"
            ),
            Self::TruncatedHeader { needed, present } => {
                write!(f, "the file header is cut off after {present} of {needed} bytes; copy the file again")
            }
            Self::TruncatedRecord { needed, present } => write!(
                f,
                "the last record is cut off after {present} of {needed} bytes; \
                 all before it was read, copy the file again for the rest"
            ),
            Self::Shortened(shortened) => shortened.fmt(f),
            Self::AbsurdLength { length, limit } => write!(
                f,
                "a record claims {length} bytes, at most {limit} are possible; \
                 the file is damaged here, all before was read"
            ),
            Self::UnknownVersion { major, minor } => write!(
                f,
                "version {major}.{minor} of the file format is not known; convert the file with editcap"
            ),
            Self::Malformed { reason } => {
                write!(f, "{reason}; the file is damaged here, check the program that wrote it")
            }
            Self::Compressed { format, reason } => write!(
                f,
                "the {format} data cannot be decompressed: {reason}; \
                 all before was read, copy or compress the file again"
            ),
            Self::Unsupported { reason } | Self::Live { reason } => f.write_str(reason),
            Self::Io(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

impl std::error::Error for InputError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &self.kind {
            InputErrorKind::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// A file that was cut short while it was read; lengths in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortened {
    /// Its length when it was opened.
    pub length: u64,
    /// What was read of it.
    pub present: u64,
}

impl fmt::Display for Shortened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the file was cut short while it was read: {} of the {} bytes that it had were there; \
             all of these were used, copy the file again for the rest",
            self.present, self.length
        )
    }
}

impl std::error::Error for Shortened {}

impl From<io::Error> for InputErrorKind {
    fn from(error: io::Error) -> Self {
        let error = match error.downcast::<Shortened>() {
            Ok(shortened) => return Self::Shortened(shortened),
            Err(error) => error,
        };
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::IsADirectory => Self::Directory,
            io::ErrorKind::PermissionDenied => Self::Permission,
            _ => Self::Io(error),
        }
    }
}

/// A reason and its place, before the name of the input is known.
#[derive(Debug)]
pub(crate) struct Fault {
    /// See [`InputError::offset`].
    pub(crate) offset: Option<u64>,
    /// The offset counts bytes of the capture, which may lie compressed in the file.
    pub(crate) of_capture: bool,
    /// The member of an archive.
    pub(crate) part: Option<String>,
    /// See [`InputError::kind`].
    pub(crate) kind: InputErrorKind,
}

impl Fault {
    /// A fault of the item that begins at `offset` of the capture.
    pub(crate) fn at(offset: u64, kind: InputErrorKind) -> Self {
        Self { offset: Some(offset), of_capture: true, part: None, kind }
    }

    /// A fault of the file itself, at `offset` of its bytes.
    pub(crate) fn of_file(offset: Option<u64>, kind: InputErrorKind) -> Self {
        Self { offset, of_capture: false, part: None, kind }
    }

    /// The same fault where the item is the header of the file.
    pub(crate) fn in_header(self) -> Self {
        let kind = match self.kind {
            InputErrorKind::TruncatedRecord { needed, present } => {
                InputErrorKind::TruncatedHeader { needed, present }
            }
            other => other,
        };
        Self { kind, ..self }
    }

    /// The error that the user sees.
    pub(crate) fn named(self, file: &str, unpacked: bool) -> InputError {
        let file = match self.part {
            Some(part) => format!("{file}: {part}"),
            None => file.to_owned(),
        };
        let unpacked = unpacked && self.of_capture && self.offset.is_some();
        InputError { file, offset: self.offset, unpacked, further: 0, kind: self.kind }
    }
}

/// The first fault of an input and the number of those after it.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    first: Option<Fault>,
    further: u64,
}

impl Faults {
    /// Notes a fault.
    pub(crate) fn add(&mut self, fault: Fault) {
        match self.first {
            None => self.first = Some(fault),
            Some(_) => self.further += 1,
        }
    }

    /// Names the member in which the faults noted so far lie.
    pub(crate) fn locate(&mut self, part: &str) {
        if let Some(fault) = &mut self.first {
            fault.part.get_or_insert_with(|| part.to_owned());
        }
    }

    /// The error for all of them, once.
    pub(crate) fn take(&mut self, file: &str, unpacked: bool) -> Option<InputError> {
        let further = std::mem::take(&mut self.further);
        self.first.take().map(|fault| InputError { further, ..fault.named(file, unpacked) })
    }
}
