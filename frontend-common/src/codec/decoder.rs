//! Decompressors behind one interface: readers of whole inputs, and codecs that are fed piece by piece.
//!
//! Every format may repeat (gzip members, bzip2 and xz streams, zstd and lz4 frames), as its own tool allows. All that
//! can be decoded before a fault comes out before the fault.

use std::io::{self, BufRead, Read};

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use flate2::{Decompress, FlushDecompress, Status};
use liblzma::stream as xz;
use zstd::stream::raw::{self as zst, Operation};

use super::lz4::Lz4;
use super::{CUT_OFF, Codec, Format, Step, broken_as};

/// The most memory that an .xz or .lzma dictionary may take: twice that of `xz -9` and more.
const XZ_MEMORY: u64 = 256 << 20;

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

/// Brotli: RFC 7932, without the larger windows that the format was given later.
pub(crate) struct Unbrotli(Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>);

impl Unbrotli {
    pub(crate) fn new() -> Self {
        let [a, b, c] = [(); 3].map(|()| StandardAlloc::default());
        Self(Box::new(BrotliState::new_strict(a, b, c)))
    }
}

impl Codec for Unbrotli {
    fn step(&mut self, input: &[u8], output: &mut [u8]) -> Step {
        let (mut left, mut read) = (input.len(), 0);
        let (mut room, mut written, mut total) = (output.len(), 0, 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut read,
            input,
            &mut room,
            &mut written,
            output,
            &mut total,
            &mut self.0,
        );
        let end = match result {
            BrotliResult::ResultSuccess => Ok(true),
            BrotliResult::NeedsMoreInput | BrotliResult::NeedsMoreOutput => Ok(false),
            BrotliResult::ResultFailure => Err("it is damaged".to_owned()),
        };
        Step { read, written, end }
    }

    fn restart(&mut self) {
        *self = Self::new();
    }
}
