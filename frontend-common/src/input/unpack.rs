//! Compressed inputs: recognised by content and decompressed in this process, one within another too.

use std::io::{self, BufRead, BufReader, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::error::{Fault, InputErrorKind};
use super::stream::{Blocks, Halt};
use crate::codec::{Broken, Format, PREFIX, decoder, zip};

/// Compressions within each other that are undone; of deeper ones the message names the format.
const DEPTH: u32 = 4;
/// Decoded bytes held between two compressions.
const BETWEEN: usize = 1 << 16;

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
        Some(Format::Zip) => {
            blocks.unpacked()?;
            zip::members(&mut input, &mut Members { depth, blocks })
        }
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

/// The fault that an error of an input is.
pub(crate) fn broken(error: io::Error) -> Halt {
    let kind = match error.downcast::<Broken>() {
        Ok(Broken { format, reason }) => InputErrorKind::Compressed { format, reason },
        Err(error) => InputErrorKind::from(error),
    };
    Halt::Fault(Fault::of_file(None, kind))
}

/// Hands on the members of a zip archive, each as a part of its own.
struct Members<'a> {
    depth: u32,
    blocks: &'a mut Blocks,
}

impl zip::Members for Members<'_> {
    type Halt = Halt;

    fn begin(&mut self, name: &str) -> Result<(), Halt> {
        self.blocks.part(name.to_owned())
    }

    fn contents(&mut self, bytes: &mut dyn BufRead) -> Result<(), Halt> {
        unpack(bytes, self.depth + 1, self.blocks)
    }

    fn fault(&mut self, halt: Halt) -> Result<(), Halt> {
        match halt {
            Halt::Fault(fault) => self.blocks.fault(fault),
            Halt::Unwanted => Err(halt),
        }
    }
}

impl From<zip::Problem> for Halt {
    fn from(problem: zip::Problem) -> Self {
        let kind = match problem {
            zip::Problem::Read(error) => return broken(error),
            zip::Problem::Damaged(reason) => {
                InputErrorKind::Compressed { format: Format::Zip.name(), reason: reason.into() }
            }
            zip::Problem::Unsupported(reason) => InputErrorKind::Unsupported { reason },
            zip::Problem::Empty => InputErrorKind::Empty,
        };
        Self::Fault(Fault::of_file(None, kind))
    }
}
