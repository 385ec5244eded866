//! The debugger's host as an embedded-io device: its console and its files ("Semihosting for AArch32 and AArch64").

use core::ptr::addr_of;

use cortex_m_semihosting::syscall;
use embedded_io::{ErrorKind, ErrorType, Write};

/// The host refused.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HostError;

impl core::fmt::Display for HostError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the debugger's host refused")
    }
}

impl core::error::Error for HostError {}

impl embedded_io::Error for HostError {
    fn kind(&self) -> ErrorKind {
        ErrorKind::Other
    }
}

/// A file of the host's that is open for writing; it is closed with the program.
pub(crate) struct HostFile {
    handle: usize,
}

/// The longest name of a file.
const NAME: usize = 64;
/// `fopen`'s modes `w` and `wb`.
const TEXT: usize = 4;
const BINARY: usize = 5;

impl HostFile {
    /// The debugger's console.
    pub(crate) fn console() -> Result<Self, HostError> {
        Self::open(":tt", "", TEXT)
    }

    /// A new file where the debugger runs.
    pub(crate) fn create(name: &str, ending: &str) -> Result<Self, HostError> {
        Self::open(name, ending, BINARY)
    }

    fn open(name: &str, ending: &str, mode: usize) -> Result<Self, HostError> {
        // Ends with a zero.
        let mut path = [0_u8; NAME + 1];
        let length = name.len() + ending.len();
        let place = path[..NAME].get_mut(..length).ok_or(HostError)?;
        name.bytes().chain(ending.bytes()).zip(place).for_each(|(byte, place)| *place = byte);
        // SAFETY: SYS_OPEN reads a name that ends with a zero, of that length.
        let handle = unsafe { syscall!(OPEN, path.as_ptr(), mode, length) };
        if handle == usize::MAX { Err(HostError) } else { Ok(Self { handle }) }
    }
}

impl ErrorType for HostFile {
    type Error = HostError;
}

impl Write for HostFile {
    fn write(&mut self, bytes: &[u8]) -> Result<usize, HostError> {
        // SAFETY: SYS_WRITE reads that many bytes from there. It answers how many it did not write.
        let left = unsafe { syscall!(WRITE, self.handle, bytes.as_ptr(), bytes.len()) };
        bytes.len().checked_sub(left).filter(|written| *written > 0 || bytes.is_empty()).ok_or(HostError)
    }

    fn flush(&mut self) -> Result<(), HostError> {
        Ok(())
    }
}

/// How much of the stack was ever used, and how much there is, in bytes.
pub(crate) fn stack() -> (usize, usize) {
    unsafe extern "C" {
        static _stack_start: u32;
        static _stack_end: u32;
    }
    let (top, bottom) = (addr_of!(_stack_start), addr_of!(_stack_end));
    let words = (top as usize - bottom as usize) / size_of::<u32>();
    // SAFETY: these are the ends of the stack, aligned to words; at the start all of it was painted.
    let untouched = (0..words)
        .take_while(|word| unsafe { bottom.add(*word).read_volatile() } == cortex_m_rt::STACK_PAINT_VALUE)
        .count();
    ((words - untouched) * size_of::<u32>(), words * size_of::<u32>())
}
