//! Compressed data undone: of inputs and of HTTP bodies.
//!
//! Nothing in here knows what the bytes are for. Any bytes give output or an error, with bounded memory, never a panic.

mod decoder;
mod format;
mod gunzip;
mod lz4;
mod lzw;
pub(crate) mod zip;

use std::fmt;
use std::io;

pub(crate) use decoder::{Inflate, Unbrotli, Unzstd, decoder};
pub(crate) use format::{Format, PREFIX};
pub(crate) use gunzip::gunzip;
pub(crate) use lzw::Lzw;

/// What one step of a codec did.
pub(crate) struct Step {
    pub(crate) read: usize,
    pub(crate) written: usize,
    /// Whether the end of the data was met, or what is wrong behind what was written.
    pub(crate) end: Result<bool, String>,
}

/// A decompressor without input and output of its own.
pub(crate) trait Codec {
    /// Decodes from `input` to `output`; `input` is empty only at the end of the input.
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step;

    /// Makes ready for a repetition of the format.
    fn restart(&mut self);
}

/// The reason of a fault where compressed data ends too early.
pub(crate) const CUT_OFF: &str = "it is cut off";

/// Why compressed data cannot be decoded, on its way through [`io::Error`].
#[derive(Debug)]
pub(crate) struct Broken {
    /// What it should be.
    pub(crate) format: &'static str,
    /// What is wrong.
    pub(crate) reason: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Broken {}

/// The error of a compressed input in `format`.
pub(crate) fn broken_as(format: Format, reason: impl Into<String>) -> io::Error {
    let broken = Broken { format: format.name(), reason: reason.into() };
    io::Error::new(io::ErrorKind::InvalidData, broken)
}
