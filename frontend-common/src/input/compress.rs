//! Compressed inputs: recognised by content and decompressed in this process, one within another too.
//!
//! Every format may repeat (gzip members, bzip2 and xz streams, zstd and lz4 frames), as its own tool
//! allows. All that can be decoded before a fault is handed on before the fault is told.

use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use flate2::{Decompress, FlushDecompress, Status};
use liblzma::stream as xz;
use zstd::stream::raw::{self as zst, Operation};

use super::error::{Fault, InputErrorKind};
use super::lz4::Lz4;
use super::stream::{Blocks, Halt};
use super::zip;

/// Compressions within each other that are undone; deeper ones are told as what they look like.
const DEPTH: u32 = 4;
/// The most memory that an .xz or .lzma dictionary may take: twice that of `xz -9` and more.
const XZ_MEMORY: u64 = 256 << 20;
/// Bytes of the input that decide on its format.
pub(crate) const PREFIX: usize = 16;
/// Decoded bytes held between two compressions.
const BETWEEN: usize = 1 << 16;

/// A compression or archive format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Gzip,
    Bzip2,
    Xz,
    Lzma,
    Zstd,
    Lz4,
    Zip,
    /// Within zip only.
    Deflate,
    /// Within zip only.
    Deflate64,
}

impl Format {
    /// The format of an input that begins so: 16 bytes, fewer where the input has no more.
    pub(crate) fn recognise(prefix: &[u8]) -> Option<Self> {
        match prefix {
            // Deflate is the only method that gzip has.
            [0x1f, 0x8b, 8, ..] => Some(Self::Gzip),
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..]
            | [b'B', b'Z', b'h', b'1'..=b'9', 0x17, 0x72, 0x45, 0x38, 0x50, 0x90, ..] => Some(Self::Bzip2),
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Some(Self::Xz),
            // Frames, and frames to be skipped, with which both formats may begin: RFC 8878, 3.1.2.
            [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Self::Zstd),
            [0x04, 0x22, 0x4d, 0x18, ..] | [0x02, 0x21, 0x4c, 0x18, ..] => Some(Self::Lz4),
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Some(Self::Zip),
            [b'P', b'K', 7, 8, b'P', b'K', 3, 4, ..] => Some(Self::Zip),
            _ if is_lzma(prefix) => Some(Self::Lzma),
            _ => None,
        }
    }

    /// The name that users know.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Zstd => "zstd",
            Self::Lz4 => "lz4",
            Self::Zip => "zip",
            Self::Deflate => "deflate",
            Self::Deflate64 => "deflate64",
        }
    }
}

/// The .lzma format has no magic number: properties, a dictionary size as encoders write it, and a
/// length that is unknown or below 256 GiB.
fn is_lzma(prefix: &[u8]) -> bool {
    let [properties, d0, d1, d2, d3, length @ ..] = prefix else { return false };
    let dictionary = u32::from_le_bytes([*d0, *d1, *d2, *d3]);
    let usual = dictionary >= 4096
        && (dictionary.is_power_of_two()
            || (dictionary / 3 * 3 == dictionary && (dictionary / 3).is_power_of_two()));
    let believable = length
        .first_chunk::<8>()
        .map(|length| u64::from_le_bytes(*length))
        .is_some_and(|length| length == u64::MAX || length < 1 << 38);
    *properties < 225 && usual && believable
}

/// Counts what is taken from the file, for its progress and the places of its faults.
#[derive(Debug)]
pub(crate) struct Counted<R> {
    input: R,
    taken: Arc<AtomicU64>,
}

impl<R> Counted<R> {
    pub(crate) fn new(input: R, taken: Arc<AtomicU64>) -> Self {
        Self { input, taken }
    }
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.input.fill_buf()
    }

    fn consume(&mut self, count: usize) {
        self.taken.fetch_add(count as u64, Ordering::Relaxed);
        self.input.consume(count);
    }
}

/// Hands on the whole of an input that lies within `depth` other compressions, decompressed if it is
/// compressed.
///
/// # Errors
/// [`Halt::Unwanted`]; the fault of the input or its compression.
pub(crate) fn unpack(input: &mut dyn BufRead, depth: u32, blocks: &mut Blocks) -> Result<(), Halt> {
    let mut prefix = [0; PREFIX];
    let length = read_prefix(input, &mut prefix).map_err(broken)?;
    let prefix = prefix.get(..length).unwrap_or_default();
    let mut input = prefix.chain(input);
    match Format::recognise(prefix) {
        Some(_) if depth >= DEPTH => blocks.copy(&mut input),
        Some(Format::Zip) => zip::members(&mut input, depth, blocks),
        Some(format) => {
            blocks.unpacked()?;
            let decoder = decoder(format, &mut input, true).map_err(broken)?;
            unpack(&mut BufReader::with_capacity(BETWEEN, decoder), depth + 1, blocks)
        }
        None => blocks.copy(&mut input),
    }
}

/// Reads until `prefix` is full or the input ends: how many bytes.
fn read_prefix(input: &mut dyn BufRead, prefix: &mut [u8]) -> io::Result<usize> {
    let mut length = 0;
    while let Some(rest) = prefix.get_mut(length..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) => break,
            Ok(count) => length += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(length)
}

/// The bytes that `input` holds in `format`, of all its repetitions or of the first one.
///
/// # Errors
/// The decoder cannot be set up.
pub(crate) fn decoder<'a>(
    format: Format,
    input: &'a mut dyn BufRead,
    repeated: bool,
) -> io::Result<Box<dyn Read + 'a>> {
    let codec: Box<dyn Codec> = match format {
        Format::Lz4 => return Ok(Box::new(Lz4::new(input))),
        Format::Gzip | Format::Zip => Box::new(Inflate(Decompress::new_gzip(15))),
        Format::Deflate => Box::new(Inflate(Decompress::new(false))),
        Format::Deflate64 => Box::new(Inflate64(Box::new(deflate64::InflaterManaged::new()))),
        Format::Bzip2 => Box::new(Bunzip(bzip2::Decompress::new(false))),
        Format::Xz => {
            let flags = if repeated { xz::CONCATENATED } else { 0 };
            Box::new(Unxz(xz::Stream::new_stream_decoder(XZ_MEMORY, flags)?))
        }
        Format::Lzma => Box::new(Unxz(xz::Stream::new_lzma_decoder(XZ_MEMORY)?)),
        Format::Zstd => Box::new(Unzstd::new()?),
    };
    // What follows an .lzma stream belongs to nobody.
    let repeated = repeated && format != Format::Lzma;
    Ok(Box::new(Decoder { format, input, codec, repeated, ended: false, failure: None }))
}

/// Why compressed data cannot be decoded, on its way through [`io::Error`].
#[derive(Debug)]
struct Broken {
    format: &'static str,
    reason: String,
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

/// The fault that an error of an input is.
pub(crate) fn broken(error: io::Error) -> Halt {
    let kind = match error.downcast::<Broken>() {
        Ok(Broken { format, reason }) => InputErrorKind::Compressed { format, reason },
        Err(error) => InputErrorKind::from(error),
    };
    Halt::Fault(Fault::of_file(None, kind))
}

/// The reason told where compressed data ends too early.
pub(crate) const CUT_OFF: &str = "it is cut off";

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

/// A codec with its input.
struct Decoder<'a> {
    format: Format,
    input: &'a mut dyn BufRead,
    codec: Box<dyn Codec>,
    repeated: bool,
    ended: bool,
    failure: Option<String>,
}

/// Passes over what tapes and disks fill their blocks with: gzip does, too.
fn skip_zeros(input: &mut dyn BufRead) -> io::Result<()> {
    loop {
        let bytes = input.fill_buf()?;
        let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
        let more = zeros > 0 && zeros == bytes.len();
        input.consume(zeros);
        if !more {
            return Ok(());
        }
    }
}

impl Read for Decoder<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.ended && !buffer.is_empty() {
            if let Some(reason) = self.failure.take() {
                self.ended = true;
                return Err(broken_as(self.format, reason));
            }
            let input = self.input.fill_buf()?;
            let at_end = input.is_empty();
            let Step { read, written, end } = self.codec.step(input, buffer);
            self.input.consume(read);
            if matches!((&end, self.format), (Ok(true), Format::Gzip)) {
                skip_zeros(self.input)?;
            }
            match end {
                Ok(true) if self.repeated && !self.input.fill_buf()?.is_empty() => self.codec.restart(),
                Ok(true) => self.ended = true,
                Ok(false) if read > 0 || written > 0 => {}
                Ok(false) if at_end => self.failure = Some(CUT_OFF.into()),
                Ok(false) => self.failure = Some("it makes no progress".into()),
                Err(reason) => self.failure = Some(reason),
            }
            if written > 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

/// gzip, zlib and deflate.
pub(crate) struct Inflate(pub(crate) Decompress);

impl Codec for Inflate {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let (read, written) = (self.0.total_in(), self.0.total_out());
        let end = match self.0.decompress(input, output, FlushDecompress::None) {
            Ok(status) => Ok(status == Status::StreamEnd),
            Err(error) => Err(error.message().unwrap_or("it is damaged").to_owned()),
        };
        let (read, written) = (self.0.total_in() - read, self.0.total_out() - written);
        Step { read: read as usize, written: written as usize, end }
    }

    fn restart(&mut self) {
        self.0 = Decompress::new_gzip(15);
    }
}

struct Inflate64(Box<deflate64::InflaterManaged>);

impl Codec for Inflate64 {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let result = self.0.inflate(input, output);
        let end = if result.data_error { Err("it is damaged".into()) } else { Ok(self.0.finished()) };
        Step { read: result.bytes_consumed, written: result.bytes_written, end }
    }

    fn restart(&mut self) {
        *self.0 = deflate64::InflaterManaged::new();
    }
}

struct Bunzip(bzip2::Decompress);

impl Codec for Bunzip {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let (read, written) = (self.0.total_in(), self.0.total_out());
        let end = match self.0.decompress(input, output) {
            Ok(bzip2::Status::MemNeeded) => Err("there is not enough memory".into()),
            Ok(status) => Ok(status == bzip2::Status::StreamEnd),
            Err(error) => Err(error.to_string()),
        };
        let (read, written) = (self.0.total_in() - read, self.0.total_out() - written);
        Step { read: read as usize, written: written as usize, end }
    }

    fn restart(&mut self) {
        self.0 = bzip2::Decompress::new(false);
    }
}

struct Unxz(xz::Stream);

impl Codec for Unxz {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let (read, written) = (self.0.total_in(), self.0.total_out());
        let action = if input.is_empty() { xz::Action::Finish } else { xz::Action::Run };
        let end = match self.0.process(input, output, action) {
            Ok(status) => Ok(status == xz::Status::StreamEnd),
            Err(error) => Err(error.to_string()),
        };
        let (read, written) = (self.0.total_in() - read, self.0.total_out() - written);
        Step { read: read as usize, written: written as usize, end }
    }

    // The library goes from stream to stream by itself.
    fn restart(&mut self) {}
}

/// Zstandard.
pub(crate) struct Unzstd {
    decoder: zst::Decoder<'static>,
    /// What the library asks for next. Given no more, it decodes one block at a time, so that a fault
    /// does not take the blocks before it along.
    wanted: usize,
}

impl Unzstd {
    /// # Errors
    /// There is not enough memory.
    pub(crate) fn new() -> io::Result<Self> {
        Ok(Self { decoder: zst::Decoder::new()?, wanted: 5 })
    }

    /// Refuses frames that need a window of more than 2 to this power bytes.
    pub(crate) fn with_window(mut self, log: u32) -> io::Result<Self> {
        self.decoder.set_parameter(zst::DParameter::WindowLogMax(log))?;
        Ok(self)
    }
}

impl Codec for Unzstd {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let mut input = zst::InBuffer::around(input.get(..self.wanted).unwrap_or(input));
        let mut output = zst::OutBuffer::around(output);
        let end = match self.decoder.run(&mut input, &mut output) {
            Ok(0) => Ok(true),
            Ok(wanted) => {
                self.wanted = wanted;
                Ok(false)
            }
            Err(error) => Err(error.to_string()),
        };
        Step { read: input.pos(), written: output.pos(), end }
    }

    // The library goes on with the next frame by itself, from the least length of a frame header.
    fn restart(&mut self) {
        self.wanted = 5;
    }
}
