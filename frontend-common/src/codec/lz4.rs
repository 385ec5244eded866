//! The lz4 frame format: frames one after another, among them frames to be skipped, and the legacy
//! format that ends with its input.

use std::io::{self, BufRead, Read};

use lz4_flex::frame::FrameDecoder;

use super::{CUT_OFF, Format, broken_as};

const LEGACY: [u8; 4] = 0x184c_2102_u32.to_le_bytes();

/// The decoded bytes of all frames.
pub(crate) struct Lz4<'a> {
    decoder: FrameDecoder<Watched<'a>>,
    within: Within,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// Before a frame or the end.
    Nothing,
    Frame,
    /// A legacy frame has no end mark.
    LegacyFrame,
    /// Behind the end, or a fault.
    Over,
}

impl<'a> Lz4<'a> {
    pub(crate) fn new(input: &'a mut dyn BufRead) -> Self {
        let watched = Watched { ahead: [0; 4], used: 4, at_end: false, input };
        Self { decoder: FrameDecoder::new(watched), within: Within::Nothing }
    }

    /// Looks at what follows a frame.
    fn begin(&mut self) -> io::Result<Within> {
        let input = self.decoder.get_mut();
        if input.input.fill_buf()?.is_empty() {
            return Ok(Within::Over);
        }
        let mut magic = [0; 4];
        input.read_exact(&mut magic)?;
        if let [0x50..=0x5f, 0x2a, 0x4d, 0x18] = magic {
            let mut length = [0; 4];
            input.read_exact(&mut length)?;
            let length = u64::from(u32::from_le_bytes(length));
            if io::copy(&mut input.take(length), &mut io::sink())? < length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            return Ok(Within::Nothing);
        }
        (input.ahead, input.used) = (magic, 0);
        Ok(if magic == LEGACY { Within::LegacyFrame } else { Within::Frame })
    }

    fn step(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.within {
                Within::Over => return Ok(0),
                Within::Nothing => self.within = self.begin()?,
                Within::Frame | Within::LegacyFrame => match self.decoder.read(buffer)? {
                    // The decoder takes the end of the input between two blocks for that of the frame.
                    0 if !self.decoder.get_ref().at_end => self.within = Within::Nothing,
                    0 if self.within == Within::LegacyFrame => self.within = Within::Over,
                    0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                    count => return Ok(count),
                },
            }
        }
    }
}

impl Read for Lz4<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let result = self.step(buffer);
        result.map_err(|error| {
            self.within = Within::Over;
            match error.get_ref() {
                // An error of what lies around this format keeps its own words.
                Some(inner) if inner.is::<lz4_flex::frame::Error>() => {
                    broken_as(Format::Lz4, error.to_string())
                }
                None if error.kind() == io::ErrorKind::UnexpectedEof => broken_as(Format::Lz4, CUT_OFF),
                _ => error,
            }
        })
    }
}

/// The input of the decoder, with the magic number that was read ahead and whether the end was met.
struct Watched<'a> {
    ahead: [u8; 4],
    /// Bytes of `ahead` that were read again.
    used: usize,
    at_end: bool,
    input: &'a mut dyn BufRead,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut ahead = self.ahead.get(self.used..).unwrap_or_default();
        if !ahead.is_empty() {
            let count = ahead.read(buffer)?;
            self.used += count;
            return Ok(count);
        }
        let count = self.input.read(buffer)?;
        self.at_end |= count == 0 && !buffer.is_empty();
        Ok(count)
    }
}
